/* SPDX-License-Identifier: MIT
 * Winograd's convolution (lib/kernels/winograd_template.h has the arithmetic). Outputs are cut
 * into tiles of side x side pixels, each of which needs (side + 2)^2 products for each pair of
 * channels in place of 9 side^2.
 *
 * Forward and the gradient of the data (the same with rotated weights): a task transforms some
 * tiles, which stay in the cache, multiplies position by position with all weights, and transforms
 * back. The gradient of the weights sums over all tiles: chunk by chunk all tiles are transformed,
 * then each position is one product over them. Nothing is summed twice, so the order is fixed with
 * any number of threads. Rows are padded by a cache line, because rows a power of 2 apart would
 * all share a few lines of the first-level cache. */
#include <string.h>
#include "kernels/kernels.h"
#include "winograd.h"

enum {
    PANEL = 32,           /* outputs of a product, side by side */
    PAD = 16,             /* floats: a cache line */
    BLOCK = 768 << 10,    /* bytes of a task's tiles, both ways */
    LEAST_BLOCK = 32,     /* tiles: enough to pay for reading the weights once */
    CHUNK = 8 << 20,      /* bytes of a chunk's tiles */
    ROWS = 8,             /* of a chunk, of a task that transforms */
    WEIGHT_ROWS = 32,     /* channels out of a task of the gradient of the weights */
    WEIGHT_CHANNELS = 16, /* channels in, turned round at a time */
    MOST_POSITIONS = 36
};

static int64_t padded(int64_t channels)
{
    return channels + PAD;
}

static int64_t tiles_of(int64_t pixels, int64_t side)
{
    return (pixels + side - 1) / side;
}

/* Products of an image for each pair of channels. */
static int64_t cost(int64_t h, int64_t w, int64_t side)
{
    return tiles_of(h, side) * tiles_of(w, side) * (side + 2) * (side + 2);
}

/* Numbers in one word of an operand. */
static int64_t per_word(const rdx_winograd *p)
{
    return p->bfloat16 ? 2 : 1;
}

void rdx_winograd_make(rdx_winograd *plan, const int64_t in[4], int64_t o, bool bfloat16,
                       int threads)
{
    rdx_winograd p = {.n = in[0],
                      .h = in[1],
                      .w = in[2],
                      .c = in[3],
                      .o = o,
                      .threads = RDX_MAX(threads, 1),
                      .bfloat16 = bfloat16};
    *plan = p;
    if (p.c % PANEL != 0 || o % PANEL != 0)
        return;
    p.side = cost(p.h, p.w, 4) < cost(p.h, p.w, 2) ? 4 : 2;
    if (3 * cost(p.h, p.w, p.side) > 2 * 9 * p.h * p.w)
        return; /* the transforms would cost what the products save */
    p.positions = (p.side + 2) * (p.side + 2);
    p.down = tiles_of(p.h, p.side);
    p.across = tiles_of(p.w, p.side);
    p.tiles = p.n * p.down * p.across;
    const int64_t bytes = p.positions * (padded(p.c) + padded(o)) * (int64_t)sizeof(float);
    const int64_t chunk = CHUNK * per_word(&p);
    p.block = RDX_MAX(BLOCK / bytes / 8 * 8, LEAST_BLOCK);
    p.block = RDX_MIN(p.block, (p.tiles + 7) / 8 * 8);
    p.chunk = RDX_MIN(RDX_MAX(chunk / bytes / 8 * 8, 64), p.tiles);
    *plan = p;
}

/* Distances from one position to the next, in floats (words of pairs, where rounded). */
static int64_t weight_step(const rdx_winograd *p)
{
    return p->c * p->o + PAD;
}

static int64_t block_step(const rdx_winograd *p, int64_t words)
{
    return p->block * padded(words) + PAD;
}

static int64_t chunk_rows(const rdx_winograd *p, int64_t tiles)
{
    return (tiles + per_word(p) - 1) / per_word(p);
}

static int64_t chunk_step(const rdx_winograd *p, int64_t channels)
{
    return chunk_rows(p, p->chunk) * padded(channels) + PAD;
}

static int64_t block_floats(const rdx_winograd *p)
{
    return p->positions * (block_step(p, p->c) + block_step(p, p->o)) + RDX_MAX(p->c, p->o);
}

uint64_t rdx_winograd_workspace(const rdx_winograd *p, bool backward)
{
    const int64_t forward = p->threads * block_floats(p);
    const int64_t chunk = p->positions * (chunk_step(p, p->c) + chunk_step(p, p->o));
    return (uint64_t)(p->positions * weight_step(p) + RDX_MAX(p->c, p->o) +
                      (backward ? RDX_MAX(forward, chunk) : forward));
}

/* One call. Backward exchanges channels in and out. */
typedef struct winograd {
    rdx_winograd plan;
    const rdx_kernels *kernels;
    rdx_winograd_spread *spread_rows;                    /* tiles, for convolve_block */
    rdx_winograd_spread *spread_input, *spread_gradient; /* tiles, for sums over them */
    rdx_winograd_spread *spread_weight;
    rdx_product *product;
    int size; /* which kernels: 0 for tiles of 2 x 2, 1 for 4 x 4 */
    bool turned;
    bool accumulate;
    const float *in, *weight, *bias, *d_out;
    float *out, *d_weight;
    float *weights; /* at each position: transformed, or their gradient */
    float *zeros;   /* the channels of a pixel outside the image */
    float *tiles;   /* blocks of all threads, or the chunk: inputs, then outputs */
    int64_t first;  /* tile of the chunk */
    int64_t count;
} winograd;

static winograd winograd_of(const rdx_winograd *plan, float *workspace)
{
    const rdx_kernels *k = rdx_kernels_get();
    const int size = plan->side == 4;
    winograd w = {.plan = *plan,
                  .kernels = k,
                  .size = size,
                  .spread_rows = k->winograd_input[size],
                  .spread_input = k->winograd_input[size],
                  .spread_gradient = k->winograd_gradient[size],
                  .spread_weight = k->winograd_weight[size],
                  .product = k->winograd_product};
    if (plan->bfloat16) {
        w.spread_rows = k->bfloat16->winograd_rows[size];
        w.spread_input = k->bfloat16->winograd_input[size];
        w.spread_gradient = k->bfloat16->winograd_gradient[size];
        w.spread_weight = k->bfloat16->winograd_weight[size];
        w.product = k->bfloat16->product;
    }
    w.weights = workspace;
    w.zeros = workspace + plan->positions * weight_step(plan);
    w.tiles = w.zeros + RDX_MAX(plan->c, plan->o);
    memset(w.zeros, 0, (size_t)RDX_MAX(plan->c, plan->o) * sizeof(float));
    return w;
}

/* The pixels of tile `tile`, `side` along each axis, from `border` before it on; `outside` replaces
 * those beyond the image. */
static void pixels_of(const float **pixels, const rdx_winograd *p, const float *images,
                      int64_t channels, int64_t tile, int64_t side, int64_t border,
                      const float *outside)
{
    const int64_t y0 = tile / p->across % p->down * p->side - border;
    const int64_t x0 = tile % p->across * p->side - border;
    const float *image = images + tile / (p->across * p->down) * p->h * p->w * channels;
    for (int64_t y = y0; y < y0 + side; y++)
        for (int64_t x = x0; x < x0 + side; x++)
            *pixels++ = y >= 0 && y < p->h && x >= 0 && x < p->w ? image + (y * p->w + x) * channels
                                                                 : outside;
}

/* ---- weights to positions: [positions, panels, words of in, PANEL] ---- */

/* Some input channels of one panel of output channels, transposed so that outputs are adjacent. */
static redux_status weights_forward(int64_t index, void *user)
{
    const winograd *w = user;
    const rdx_winograd *p = &w->plan;
    const int64_t groups = p->c / WEIGHT_CHANNELS;
    const int64_t panel = index / groups, c0 = index % groups * WEIGHT_CHANNELS;
    const int64_t per = per_word(p);
    float turned[WEIGHT_CHANNELS][9][PANEL];
    for (int64_t o = 0; o < PANEL; o++)
        for (int64_t k = 0; k < 9; k++) {
            const float *from = w->weight + ((panel * PANEL + o) * 9 + k) * p->c + c0;
            for (int64_t c = 0; c < WEIGHT_CHANNELS; c++)
                turned[c][k][o] = from[c];
        }
    for (int64_t c = 0; c < WEIGHT_CHANNELS; c += per) {
        const float *pixels[2 * 9];
        for (int64_t k = 0; k < per * 9; k++)
            pixels[k] = turned[c + k / 9][k % 9];
        w->spread_weight(w->weights + (panel * p->c + c0 + c) / per * PANEL, weight_step(p), pixels,
                         PANEL);
    }
    return REDUX_OK;
}

/* For the gradient: from output channels to input channels, by weights rotated by 180 degrees. A
 * task takes one word of the output channels. */
static redux_status weights_back(int64_t index, void *user)
{
    const winograd *w = user;
    const rdx_winograd *p = &w->plan; /* c, o: of the convolution itself */
    const int64_t per = per_word(p);
    for (int64_t panel = 0; panel < p->c / PANEL; panel++) {
        const float *pixels[2 * 9];
        for (int64_t k = 0; k < per * 9; k++)
            pixels[k] = w->weight + ((index * per + k / 9) * 9 + 8 - k % 9) * p->c + panel * PANEL;
        w->spread_weight(w->weights + (panel * p->o / per + index) * PANEL, weight_step(p), pixels,
                         PANEL);
    }
    return REDUX_OK;
}

/* ---- forward ---- */

/* The initial values of a tile, before its outputs are added. */
static void begin(float *const *pixels, int64_t count, const float *bias, int64_t channels)
{
    for (int64_t i = 0; i < count; i++)
        memcpy(pixels[i], bias, (size_t)channels * sizeof(float));
}

static redux_status convolve_block(int64_t index, void *user)
{
    const winograd *w = user;
    const rdx_winograd *p = &w->plan;
    const int64_t c = w->turned ? p->o : p->c, o = w->turned ? p->c : p->o, side = p->side;
    const int64_t words = c / per_word(p); /* of a tile at one position */
    const int64_t in_step = block_step(p, words), out_step = block_step(p, o);
    const int64_t first = index * p->block, count = RDX_MIN(p->block, p->tiles - first);
    const int64_t rows = (count + 7) / 8 * 8;
    float *in = w->tiles + rdx_thread_index() * block_floats(p);
    float *out = in + p->positions * in_step, *spare = out + p->positions * out_step;
    for (int64_t t = 0; t < count; t++) {
        const float *pixels[MOST_POSITIONS];
        pixels_of(pixels, p, w->in, c, first + t, side + 2, 1, w->zeros);
        w->spread_rows(in + t * padded(words), in_step, pixels, c);
    }
    for (int64_t i = 0; i < p->positions; i++) {
        for (int64_t t = count; t < rows; t++)
            memset(in + i * in_step + t * padded(words), 0, (size_t)words * sizeof(float));
        for (int64_t j = 0; j < o; j += PANEL)
            w->product(out + i * out_step + j, padded(o), in + i * in_step, padded(words), 0,
                       w->weights + i * weight_step(p) + j * words, PANEL, rows, words, 0);
    }
    for (int64_t t = 0; t < count; t++) {
        float *pixels[16];
        pixels_of((const float **)pixels, p, w->out, o, first + t, side, 0, spare);
        if (w->bias != NULL)
            begin(pixels, side * side, w->bias, o);
        w->kernels->winograd_output[w->size](pixels, out + t * padded(o), out_step, o,
                                             w->accumulate || w->bias != NULL);
    }
    return REDUX_OK;
}

static redux_status convolve(redux_context *context, winograd *w)
{
    const rdx_winograd *p = &w->plan;
    return rdx_parallel(context, (p->tiles + p->block - 1) / p->block, convolve_block, w);
}

redux_status rdx_winograd_forward(redux_context *context, const rdx_winograd *plan, float *out,
                                  const float *in, const float *weight, const float *bias,
                                  float *workspace)
{
    winograd w = winograd_of(plan, workspace);
    w.in = in;
    w.weight = weight;
    w.bias = bias;
    w.out = out;
    RDX_TRY(
        rdx_parallel(context, plan->o / PANEL * (plan->c / WEIGHT_CHANNELS), weights_forward, &w));
    return convolve(context, &w);
}

redux_status rdx_winograd_backward_data(redux_context *context, const rdx_winograd *plan,
                                        float *d_in, bool accumulate, const float *d_out,
                                        const float *weight, float *workspace)
{
    winograd w = winograd_of(plan, workspace);
    w.in = d_out;
    w.weight = weight;
    w.out = d_in;
    w.accumulate = accumulate;
    w.turned = true;
    RDX_TRY(rdx_parallel(context, plan->o / per_word(plan), weights_back, &w));
    return convolve(context, &w);
}

/* ---- the gradient of the weights ---- */

/* The pixels of the tiles of one row of a chunk; those of no tile are 0. */
static void row_of(const float **pixels, const winograd *w, const float *images, int64_t channels,
                   int64_t row, int64_t side, int64_t border)
{
    const int64_t per = per_word(&w->plan);
    for (int64_t t = row * per; t < row * per + per; t++, pixels += side * side)
        if (t < w->count)
            pixels_of(pixels, &w->plan, images, channels, w->first + t, side, border, w->zeros);
        else
            for (int64_t i = 0; i < side * side; i++)
                pixels[i] = w->zeros;
}

static redux_status transform_chunk(int64_t index, void *user)
{
    const winograd *w = user;
    const rdx_winograd *p = &w->plan;
    const int64_t in_step = chunk_step(p, p->c), out_step = chunk_step(p, p->o);
    float *in = w->tiles, *out = in + p->positions * in_step;
    for (int64_t r = index * ROWS; r < RDX_MIN(index * ROWS + ROWS, chunk_rows(p, w->count)); r++) {
        const float *pixels[2 * MOST_POSITIONS];
        row_of(pixels, w, w->in, p->c, r, p->side + 2, 1);
        w->spread_input(in + r * padded(p->c), in_step, pixels, p->c);
        row_of(pixels, w, w->d_out, p->o, r, p->side, 0);
        w->spread_gradient(out + r * padded(p->o), out_step, pixels, p->o);
    }
    return REDUX_OK;
}

/* [positions, out, in]: some outputs at one position. */
static redux_status sum_chunk(int64_t index, void *user)
{
    const winograd *w = user;
    const rdx_winograd *p = &w->plan;
    const int64_t groups = p->o / WEIGHT_ROWS, i = index / groups;
    const int64_t o = index % groups * WEIGHT_ROWS;
    const float *in = w->tiles + i * chunk_step(p, p->c);
    const float *d_out =
        w->tiles + p->positions * chunk_step(p, p->c) + i * chunk_step(p, p->o) + o;
    float *sum = w->weights + i * weight_step(p) + o * p->c;
    for (int64_t j = 0; j < p->c; j += PANEL)
        w->product(sum + j, p->c, d_out, padded(p->o), 1, in + j, padded(p->c), WEIGHT_ROWS,
                   chunk_rows(p, w->count), w->first > 0);
    return REDUX_OK;
}

static redux_status weights_home(int64_t index, void *user)
{
    const winograd *w = user;
    const rdx_winograd *p = &w->plan;
    float *pixels[9];
    for (int k = 0; k < 9; k++)
        pixels[k] = w->d_weight + (index * 9 + k) * p->c;
    w->kernels->winograd_weight_back[w->size](pixels, w->weights + index * p->c, weight_step(p),
                                              p->c, 1);
    return REDUX_OK;
}

redux_status rdx_winograd_backward_weight(redux_context *context, const rdx_winograd *plan,
                                          float *d_weight, const float *d_out, const float *in,
                                          float *workspace)
{
    winograd w = winograd_of(plan, workspace);
    w.in = in;
    w.d_out = d_out;
    w.d_weight = d_weight;
    for (w.first = 0; w.first < plan->tiles; w.first += plan->chunk) {
        w.count = RDX_MIN(plan->chunk, plan->tiles - w.first);
        const int64_t rows = chunk_rows(plan, w.count);
        RDX_TRY(rdx_parallel(context, (rows + ROWS - 1) / ROWS, transform_chunk, &w));
        RDX_TRY(rdx_parallel(context, plan->positions * (plan->o / WEIGHT_ROWS), sum_chunk, &w));
    }
    return rdx_parallel(context, plan->o, weights_home, &w);
}
