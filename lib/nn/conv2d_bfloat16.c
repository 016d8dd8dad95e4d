/* SPDX-License-Identifier: MIT
 * The three products of conv2d_template.h in bfloat16 (lib/kernels/bfloat16_template.h): operands
 * are rounded and laid out in pairs where they are gathered anyway; sums are single precision.
 * Channels are multiples of 32.
 *
 * Workspace: weights in pairs; a buffer of gathered rows for each thread; partial gradients. */
#include <string.h>
#include "conv2d.h"
#include "kernels/kernels.h"

enum { PANEL = 32, PRODUCT_ROWS = 8 };

typedef struct rounded {
    rdx_conv_plan plan;
    const rdx_kernels *kernels;
    const rdx_bfloat16_kernels *half;
    const float *in, *weight, *d_out;
    float *out, *d_in, *partials;
    float *weights; /* in pairs */
    float *own;     /* a buffer for each thread */
    bool accumulate;
} rounded;

/* Rows of a tile: a multiple of what one product takes. */
static int64_t tile_rows(const rdx_conv_plan *p)
{
    return (p->tile + PRODUCT_ROWS - 1) / PRODUCT_ROWS * PRODUCT_ROWS;
}

static int64_t weight_words(const rdx_conv_plan *p)
{
    return p->o * p->k / 2;
}

/* Buffers of one thread: gathered fields as rows and one field; gradients as rows and their
 * results; pairs of both and two fields. */
static int64_t own_words(const rdx_conv_plan *p)
{
    const int64_t rows = tile_rows(p);
    const int64_t forward = rows * p->k / 2 + p->k;
    const int64_t data = rows * (p->o / 2 + p->k);
    const int64_t weight = rows / 2 * (p->o + p->k) + 2 * p->k;
    return RDX_MAX(RDX_MAX(forward, data), weight) + 16;
}

uint64_t rdx_conv_bfloat16_floats(const rdx_conv_plan *p)
{
    return (uint64_t)(weight_words(p) + p->threads * own_words(p));
}

static rounded rounded_of(const rdx_conv_plan *plan, float *workspace)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    return (rounded){.plan = *plan,
                     .kernels = kernels,
                     .half = kernels->bfloat16,
                     .weights = workspace,
                     .own = workspace + weight_words(plan)};
}

static float *own(const rounded *c)
{
    return c->own + rdx_thread_index() * own_words(&c->plan);
}

/* `rows` x 32 outputs. Those that pad the last eight rows are dropped. */
static void multiply(const rounded *c, float *out, int64_t out_row, const float *a, int64_t a_row,
                     const float *b, int64_t rows, int64_t depth, int accumulate)
{
    const int64_t whole = rows / PRODUCT_ROWS * PRODUCT_ROWS;
    float rest[PRODUCT_ROWS][PANEL];
    c->half->product(out, out_row, a, a_row, 0, b, PANEL, whole, depth, accumulate);
    if (whole == rows)
        return;
    c->half->product(rest[0], PANEL, a + whole * a_row, a_row, 0, b, PANEL, PRODUCT_ROWS, depth, 0);
    for (int64_t r = whole; r < rows; r++)
        for (int64_t j = 0; j < PANEL; j++)
            out[r * out_row + j] = rest[r - whole][j] + (accumulate ? out[r * out_row + j] : 0.0F);
}

static void clear_rest(float *rows, int64_t count, int64_t words)
{
    const int64_t end = (count + PRODUCT_ROWS - 1) / PRODUCT_ROWS * PRODUCT_ROWS;
    memset(rows + count * words, 0, (size_t)((end - count) * words) * sizeof(float));
}

/* ---- forward ---- */

/* A panel of channels out: [k / 2, PANEL] pairs along k. */
static redux_status pack_forward(int64_t panel, void *user)
{
    const rounded *c = user;
    const int64_t k = c->plan.k;
    float *out = c->weights + panel * PANEL * k / 2;
    for (int64_t i = 0; i < k; i += 32) {
        float rows[PANEL][16];
        for (int64_t o = 0; o < PANEL; o++)
            c->half->round(rows[o], c->weight + (panel * PANEL + o) * k + i, 32);
        for (int64_t o = 0; o < PANEL; o += 16)
            c->kernels->transpose_16(out + i / 2 * PANEL + o, PANEL, rows[o], 16);
    }
    return REDUX_OK;
}

/* A field, gathered into `buffer` unless it is contiguous in the input. */
static const float *field(const rounded *c, int64_t row, float *buffer)
{
    if (c->plan.direct)
        return c->in + row * c->plan.k;
    rdx_conv_gather_f32(buffer, &c->plan, c->in, row, 1);
    return buffer;
}

static redux_status forward_tile(int64_t index, void *user)
{
    const rounded *c = user;
    const rdx_conv_plan *p = &c->plan;
    const int64_t first = index * p->tile, count = RDX_MIN(p->tile, p->rows - first);
    float *rows = own(c), *buffer = rows + tile_rows(p) * p->k / 2;
    for (int64_t r = 0; r < count; r++)
        c->half->round(rows + r * p->k / 2, field(c, first + r, buffer), p->k);
    clear_rest(rows, count, p->k / 2);
    for (int64_t j = 0; j < p->o; j += PANEL)
        multiply(c, c->out + first * p->o + j, p->o, rows, p->k / 2, c->weights + j * p->k / 2,
                 count, p->k / 2, 0);
    return REDUX_OK;
}

redux_status rdx_conv_bfloat16_forward(redux_context *context, const rdx_conv_plan *plan,
                                       float *out, const float *in, const float *weight,
                                       float *workspace)
{
    rounded c = rounded_of(plan, workspace);
    c.in = in;
    c.weight = weight;
    c.out = out;
    RDX_TRY(rdx_parallel(context, plan->o / PANEL, pack_forward, &c));
    return rdx_parallel(context, rdx_conv_tiles(plan), forward_tile, &c);
}

/* ---- the gradient of the data ---- */

/* A pair of channels out: its row of every panel [o / 2, PANEL] of k. */
static redux_status pack_back(int64_t pair, void *user)
{
    const rounded *c = user;
    const rdx_conv_plan *p = &c->plan;
    const float *even = c->weight + 2 * pair * p->k;
    c->half->pairs(c->weights + pair * PANEL, p->o / 2 * PANEL, even, even + p->k, p->k);
    return REDUX_OK;
}

/* A group of images, whose pixels no other group touches. */
static redux_status backward_data(int64_t index, void *user)
{
    const rounded *c = user;
    const rdx_conv_plan *p = &c->plan;
    const int64_t image = p->oh * p->ow, pixels = p->h * p->w * p->c;
    const int64_t images = RDX_MIN(p->group, p->n - index * p->group);
    const int64_t begin = index * p->group * image, end = begin + images * image;
    float *rows = own(c), *columns = rows + tile_rows(p) * p->o / 2;
    if (!p->direct && !c->accumulate)
        memset(c->d_in + index * p->group * pixels, 0, (size_t)(images * pixels) * sizeof(float));
    for (int64_t first = begin; first < end; first += p->tile) {
        const int64_t count = RDX_MIN(p->tile, end - first);
        float *out = p->direct ? c->d_in + first * p->k : columns;
        for (int64_t r = 0; r < count; r++)
            c->half->round(rows + r * p->o / 2, c->d_out + (first + r) * p->o, p->o);
        clear_rest(rows, count, p->o / 2);
        for (int64_t j = 0; j < p->k; j += PANEL)
            multiply(c, out + j, p->k, rows, p->o / 2, c->weights + j * p->o / 2, count, p->o / 2,
                     p->direct && c->accumulate);
        if (!p->direct)
            rdx_conv_scatter_f32(c->d_in, p, columns, first, count);
    }
    return REDUX_OK;
}

redux_status rdx_conv_bfloat16_backward_data(redux_context *context, const rdx_conv_plan *plan,
                                             float *d_in, bool accumulate, const float *d_out,
                                             const float *weight, float *workspace)
{
    rounded c = rounded_of(plan, workspace);
    c.weight = weight;
    c.d_out = d_out;
    c.d_in = d_in;
    c.accumulate = accumulate;
    RDX_TRY(rdx_parallel(context, plan->o / 2, pack_back, &c));
    return rdx_parallel(context, (plan->n + plan->group - 1) / plan->group, backward_data, &c);
}

/* ---- the gradient of the weights ---- */

/* The share of one block of outputs in a tile: pairs along its rows. */
static void add_tile(const rounded *c, int64_t first, int64_t count, int64_t o, int64_t outputs,
                     float *out, int accumulate)
{
    const rdx_conv_plan *p = &c->plan;
    const int64_t pairs = (count + 1) / 2, step = pairs * PANEL;
    float *fields = own(c), *gradients = fields + pairs * p->k;
    float *buffers = gradients + pairs * outputs;
    for (int64_t i = 0; i < pairs; i++) {
        const int64_t row = first + 2 * i;
        const float *even = field(c, row, buffers), *odd = buffers + p->k;
        const float *d_even = c->d_out + row * p->o + o, *d_odd = d_even + p->o;
        if (2 * i + 1 < count) {
            odd = field(c, row + 1, buffers + p->k);
        } else { /* a last row alone is paired with fields of 0, and any gradient */
            memset(buffers + p->k, 0, (size_t)p->k * sizeof(float));
            d_odd = d_even;
        }
        c->half->pairs(fields + i * PANEL, step, even, odd, p->k);
        c->half->pairs(gradients + i * PANEL, step, d_even, d_odd, outputs);
    }
    for (int64_t r = 0; r < outputs; r += PANEL)
        for (int64_t j = 0; j < p->k; j += PANEL)
            c->half->product(out + r * p->k + j, p->k, gradients + r / PANEL * step, PANEL, 1,
                             fields + j / PANEL * step, PANEL, PANEL, pairs, accumulate);
}

/* The share of one chunk of pixels in the gradient of a block of output channels. */
static redux_status backward_weight(int64_t index, void *user)
{
    const rounded *c = user;
    const rdx_conv_plan *p = &c->plan;
    const int64_t chunk = index / p->o_blocks, o = index % p->o_blocks * p->o_block;
    const int64_t outputs = RDX_MIN(p->o_block, p->o - o), tiles = rdx_conv_tiles(p);
    const int64_t begin = chunk * tiles / p->chunks, end = (chunk + 1) * tiles / p->chunks;
    float *out = c->partials + (chunk * p->o + o) * p->k;
    for (int64_t t = begin; t < end; t++)
        add_tile(c, t * p->tile, RDX_MIN(p->tile, p->rows - t * p->tile), o, outputs, out,
                 t > begin);
    return REDUX_OK;
}

redux_status rdx_conv_bfloat16_backward_weight(redux_context *context, const rdx_conv_plan *plan,
                                               float *partials, const float *d_out, const float *in,
                                               float *workspace)
{
    rounded c = rounded_of(plan, workspace);
    c.in = in;
    c.d_out = d_out;
    c.partials = partials;
    return rdx_parallel(context, plan->chunks * plan->o_blocks, backward_weight, &c);
}
