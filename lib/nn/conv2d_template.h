/* SPDX-License-Identifier: MIT
 * Convolution for one type: REAL, GEMM (cblas), NAME(x). Included twice by conv2d.c. */

typedef struct NAME(conv) {
    rdx_conv_plan plan;
    const REAL *in, *weight, *bias, *d_out;
    REAL *out, *d_in, *d_weight;
    REAL *columns;  /* a buffer for each thread */
    REAL *partials; /* of d_weight: one [O, K] for each chunk */
    bool accumulate;
} NAME(conv);

static REAL *NAME(own_columns)(const NAME(conv) * c)
{
    return c->columns + (size_t)rdx_thread_index() * (size_t)(c->plan.tile * c->plan.k);
}

/* A line of the stem's fields has seven values: two copies that overlap take less than a call. */
static inline void NAME(copy_line)(REAL *out, const REAL *in, int64_t count)
{
    if (count < 4 || count > 8) {
        memcpy(out, in, (size_t)count * sizeof(REAL));
        return;
    }
    memcpy(out, in, 4 * sizeof(REAL));
    memcpy(out + count - 4, in + count - 4, 4 * sizeof(REAL));
}

/* Pixels outside of the image are 0. Along x the pixels of a field are adjacent in memory. */
void NAME(rdx_conv_gather)(REAL *out, const rdx_conv_plan *p, const REAL *in, int64_t first,
                           int64_t count)
{
    const int64_t line = p->kw * p->c;
    pixel at = pixel_of(p, first);
    for (int64_t r = 0; r < count; r++, next_pixel(&at, p)) {
        const int64_t x0 = at.x * p->stride - p->padding, y0 = at.y * p->stride - p->padding;
        const REAL *image = in + at.n * p->h * p->w * p->c;
        const int64_t from = RDX_MAX(-x0, 0), to = RDX_MIN(p->kw, p->w - x0);
        for (int64_t y = y0; y < y0 + p->kh; y++, out += line) {
            if (y < 0 || y >= p->h || from >= to) {
                memset(out, 0, (size_t)line * sizeof(REAL));
                continue;
            }
            const REAL *row = image + (y * p->w + x0) * p->c;
            for (int64_t i = 0; i < from * p->c; i++)
                out[i] = 0;
            NAME(copy_line)(out + from * p->c, row + from * p->c, (to - from) * p->c);
            for (int64_t i = to * p->c; i < line; i++)
                out[i] = 0;
        }
    }
}

void NAME(rdx_conv_scatter)(REAL *d_in, const rdx_conv_plan *p, const REAL *columns, int64_t first,
                            int64_t count)
{
    const int64_t line = p->kw * p->c;
    pixel at = pixel_of(p, first);
    for (int64_t r = 0; r < count; r++, next_pixel(&at, p)) {
        const int64_t x0 = at.x * p->stride - p->padding, y0 = at.y * p->stride - p->padding;
        REAL *image = d_in + at.n * p->h * p->w * p->c;
        const int64_t from = RDX_MAX(-x0, 0), to = RDX_MIN(p->kw, p->w - x0);
        for (int64_t y = y0; y < y0 + p->kh; y++, columns += line) {
            if (y < 0 || y >= p->h || from >= to)
                continue;
            REAL *row = image + (y * p->w + x0) * p->c;
            for (int64_t i = from * p->c; i < to * p->c; i++)
                row[i] += columns[i];
        }
    }
}

/* Rows of the input as a matrix, if every field is one pixel. */
static const REAL *NAME(fields)(const NAME(conv) * c, int64_t first, int64_t count)
{
    if (c->plan.direct)
        return c->in + first * c->plan.k;
    REAL *columns = NAME(own_columns)(c);
    NAME(rdx_conv_gather)(columns, &c->plan, c->in, first, count);
    return columns;
}

static redux_status NAME(forward_tile)(int64_t index, void *user)
{
    const NAME(conv) *c = user;
    const rdx_conv_plan *p = &c->plan;
    const int64_t first = index * p->tile, count = RDX_MIN(p->tile, p->rows - first);
    const REAL *fields = NAME(fields)(c, first, count);
    REAL *out = c->out + first * p->o;
    GEMM(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)count, (blasint)p->o, (blasint)p->k, 1,
         fields, (blasint)p->k, c->weight, (blasint)p->k, 0, out, (blasint)p->o);
    if (c->bias != NULL)
        for (int64_t r = 0; r < count; r++)
            for (int64_t k = 0; k < p->o; k++)
                out[r * p->o + k] += c->bias[k];
    return REDUX_OK;
}

/* A group of images, whose pixels no other group touches. */
static redux_status NAME(backward_data)(int64_t index, void *user)
{
    const NAME(conv) *c = user;
    const rdx_conv_plan *p = &c->plan;
    const int64_t image = p->oh * p->ow, pixels = p->h * p->w * p->c;
    const int64_t images = RDX_MIN(p->group, p->n - index * p->group);
    const int64_t begin = index * p->group * image, end = begin + images * image;
    if (p->direct) {
        GEMM(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)(end - begin), (blasint)p->k,
             (blasint)p->o, 1, c->d_out + begin * p->o, (blasint)p->o, c->weight, (blasint)p->k,
             c->accumulate ? 1 : 0, c->d_in + begin * p->k, (blasint)p->k);
        return REDUX_OK;
    }
    if (!c->accumulate)
        memset(c->d_in + index * p->group * pixels, 0, (size_t)(images * pixels) * sizeof(REAL));
    REAL *columns = NAME(own_columns)(c);
    for (int64_t first = begin; first < end; first += p->tile) {
        const int64_t count = RDX_MIN(p->tile, end - first);
        GEMM(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)count, (blasint)p->k,
             (blasint)p->o, 1, c->d_out + first * p->o, (blasint)p->o, c->weight, (blasint)p->k, 0,
             columns, (blasint)p->k);
        NAME(rdx_conv_scatter)(c->d_in, p, columns, first, count);
    }
    return REDUX_OK;
}

/* The share of one chunk of pixels in the gradient of a block of output channels. */
static redux_status NAME(backward_weight)(int64_t index, void *user)
{
    const NAME(conv) *c = user;
    const rdx_conv_plan *p = &c->plan;
    const int64_t chunk = index / p->o_blocks, o = index % p->o_blocks * p->o_block;
    const int64_t outputs = RDX_MIN(p->o_block, p->o - o), tiles = rdx_conv_tiles(p);
    const int64_t begin = chunk * tiles / p->chunks, end = (chunk + 1) * tiles / p->chunks;
    REAL *out = c->partials + (chunk * p->o + o) * p->k;
    for (int64_t t = begin; t < end; t++) {
        const int64_t first = t * p->tile, count = RDX_MIN(p->tile, p->rows - first);
        const REAL *fields = NAME(fields)(c, first, count);
        GEMM(CblasRowMajor, CblasTrans, CblasNoTrans, (blasint)outputs, (blasint)p->k,
             (blasint)count, 1, c->d_out + first * p->o + o, (blasint)p->o, fields, (blasint)p->k,
             t == begin ? 0 : 1, out, (blasint)p->k);
    }
    return REDUX_OK;
}

/* The chunks' shares, in order. */
static redux_status NAME(sum_partials)(int64_t index, void *user)
{
    const NAME(conv) *c = user;
    const rdx_conv_plan *p = &c->plan;
    const int64_t size = p->o * p->k, first = index * SUM_TILE;
    const int64_t end = RDX_MIN(first + SUM_TILE, size);
    for (int64_t chunk = 0; chunk < p->chunks; chunk++)
        for (int64_t i = first; i < end; i++)
            c->d_weight[i] += c->partials[chunk * size + i];
    return REDUX_OK;
}

static redux_status NAME(forward)(redux_context *context, const rdx_conv_plan *plan, void *out,
                                  const void *in, const void *weight, const void *bias,
                                  void *workspace)
{
    NAME(conv)
    c = {.plan = *plan, .in = in, .weight = weight, .bias = bias, .out = out, .columns = workspace};
    return rdx_parallel(context, rdx_conv_tiles(plan), NAME(forward_tile), &c);
}

static redux_status NAME(backward)(redux_context *context, const rdx_conv_plan *plan, void *d_in,
                                   bool accumulate, void *d_weight, void *d_bias, const void *d_out,
                                   const void *in, const void *weight, void *workspace)
{
    NAME(conv)
    c = {.plan = *plan,
         .in = in,
         .weight = weight,
         .d_out = d_out,
         .d_in = d_in,
         .d_weight = d_weight,
         .columns = workspace,
         .accumulate = accumulate};
    c.partials = c.columns + columns_floats(plan);
    if (d_in != NULL)
        RDX_TRY(plan->winograd.side > 0 || plan->bfloat16
                    ? special_data(context, plan, d_in, accumulate, d_out, weight, workspace)
                    : rdx_parallel(context, (plan->n + plan->group - 1) / plan->group,
                                   NAME(backward_data), &c));
    if (d_weight != NULL && plan->winograd.side > 0) {
        RDX_TRY(
            rdx_winograd_backward_weight(context, &plan->winograd, d_weight, d_out, in, workspace));
    } else if (d_weight != NULL) {
        RDX_TRY(
            plan->bfloat16
                ? rdx_conv_bfloat16_backward_weight(context, plan, (float *)(void *)c.partials,
                                                    d_out, in, workspace)
                : rdx_parallel(context, plan->chunks * plan->o_blocks, NAME(backward_weight), &c));
        RDX_TRY(rdx_parallel(context, (plan->o * plan->k + SUM_TILE - 1) / SUM_TILE,
                             NAME(sum_partials), &c));
    }
    if (d_bias != NULL) {
        REAL *sums = d_bias;
        const REAL *rows = d_out;
        for (int64_t r = 0; r < plan->rows; r++)
            for (int64_t o = 0; o < plan->o; o++)
                sums[o] += rows[r * plan->o + o];
    }
    return REDUX_OK;
}

#undef REAL
#undef GEMM
#undef NAME
