/* SPDX-License-Identifier: MIT
 * Pooling for one type: REAL, NAME(x), POOL(x) (lib/kernels/pool_template.h). Included twice by
 * pooling.c. */

typedef struct NAME(pool) {
    rdx_pooling plan;
    const REAL *in, *pooled, *d_out;
    REAL *out, *d_in;
} NAME(pool);

/* The window of one output pixel, cut at the image's edges. */
typedef struct NAME(window) {
    int64_t y0, y1, x0, x1;
} NAME(window);

static NAME(window) NAME(window_of)(const rdx_pooling *p, int64_t oy, int64_t ox)
{
    const int64_t y = oy * p->stride - p->padding, x = ox * p->stride - p->padding;
    return (NAME(window)){RDX_MAX(y, 0), RDX_MIN(y + p->kernel_h, p->h), RDX_MAX(x, 0),
                          RDX_MIN(x + p->kernel_w, p->w)};
}

static void NAME(max_pixel)(const rdx_pooling *p, REAL *out, const REAL *image, NAME(window) w)
{
    POOL(max)
    (out, image + (w.y0 * p->w + w.x0) * p->c, p->w * p->c, w.y1 - w.y0, w.x1 - w.x0, p->c);
}

static void NAME(average_pixel)(const rdx_pooling *p, REAL *out, const REAL *image, NAME(window) w)
{
    const REAL count = (REAL)((w.y1 - w.y0) * (w.x1 - w.x0));
    memset(out, 0, (size_t)p->c * sizeof(REAL));
    for (int64_t y = w.y0; y < w.y1; y++)
        for (int64_t x = w.x0; x < w.x1; x++)
            for (int64_t k = 0; k < p->c; k++)
                out[k] += image[(y * p->w + x) * p->c + k];
    for (int64_t k = 0; k < p->c; k++)
        out[k] /= count;
}

static redux_status NAME(image_forward)(int64_t index, void *user)
{
    const NAME(pool) *q = user;
    const rdx_pooling *p = &q->plan;
    const REAL *image = q->in + index * p->h * p->w * p->c;
    REAL *out = q->out + index * p->oh * p->ow * p->c;
    for (int64_t oy = 0; oy < p->oh; oy++)
        for (int64_t ox = 0; ox < p->ow; ox++, out += p->c)
            (p->average ? NAME(average_pixel) : NAME(max_pixel))(p, out, image,
                                                                 NAME(window_of)(p, oy, ox));
    return REDUX_OK;
}

static void NAME(max_pixel_back)(const rdx_pooling *p, REAL *d_image, const REAL *image,
                                 const REAL *pooled, const REAL *d_out, NAME(window) w)
{
    const int64_t at = (w.y0 * p->w + w.x0) * p->c;
    /* parentheses: clang-format takes this for a declaration */
    (POOL(max_back))(d_image + at, image + at, pooled, d_out, p->w * p->c, w.y1 - w.y0, w.x1 - w.x0,
                     p->c);
}

static void NAME(average_pixel_back)(const rdx_pooling *p, REAL *d_image, const REAL *image,
                                     const REAL *pooled, const REAL *d_out, NAME(window) w)
{
    const REAL share = 1 / (REAL)((w.y1 - w.y0) * (w.x1 - w.x0));
    (void)image;
    (void)pooled;
    for (int64_t y = w.y0; y < w.y1; y++)
        for (int64_t x = w.x0; x < w.x1; x++)
            for (int64_t k = 0; k < p->c; k++)
                d_image[(y * p->w + x) * p->c + k] += d_out[k] * share;
}

static redux_status NAME(image_backward)(int64_t index, void *user)
{
    const NAME(pool) *q = user;
    const rdx_pooling *p = &q->plan;
    const int64_t pixels = p->h * p->w * p->c;
    int64_t at = index * p->oh * p->ow * p->c;
    const REAL *image = p->average ? NULL : q->in + index * pixels;
    REAL *d_image = q->d_in + index * pixels;
    memset(d_image, 0, (size_t)pixels * sizeof(REAL));
    for (int64_t oy = 0; oy < p->oh; oy++)
        for (int64_t ox = 0; ox < p->ow; ox++, at += p->c) {
            const NAME(window) w = NAME(window_of)(p, oy, ox);
            (p->average ? NAME(average_pixel_back) : NAME(max_pixel_back))(
                p, d_image, image, image == NULL ? NULL : q->pooled + at, q->d_out + at, w);
        }
    return REDUX_OK;
}

#undef REAL
#undef NAME
#undef POOL
