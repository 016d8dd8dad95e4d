/* SPDX-License-Identifier: MIT
 * Batch norm for one type: REAL, NAME(x), NORM(x) of norm_template.h. Included twice by
 * batch_norm.c. */

typedef struct NAME(norm) {
    rdx_norm_plan plan;
    const REAL *in, *weight, *bias, *residual, *activated, *d_out;
    REAL *out, *d_in, *d_residual, *d_weight, *d_bias;
    REAL *mean, *inverse; /* of the batch: mean and 1 / deviation */
    REAL *running_mean, *running_variance;
    double *record;
    REAL *scale, *shift; /* forward: out = scale in + shift; backward: the two means */
    REAL *partials;      /* two rows of C numbers a tile */
    REAL epsilon, momentum;
    bool relu;
} NAME(norm);

static REAL *NAME(partial)(const NAME(norm) * n, int64_t tile)
{
    return n->partials + tile * 2 * n->plan.c;
}

static int64_t NAME(rows_of)(const NAME(norm) * n, int64_t tile)
{
    return RDX_MIN(TILE_ROWS, n->plan.rows - tile * TILE_ROWS);
}

static redux_status NAME(tile_moments)(int64_t tile, void *user)
{
    const NAME(norm) *n = user;
    REAL *mean = NAME(partial)(n, tile);
    NORM(moments)
    (mean, mean + n->plan.c, n->in + tile * TILE_ROWS * n->plan.c, NAME(rows_of)(n, tile),
     n->plan.c);
    return REDUX_OK;
}

static REAL NAME(follow)(REAL running, double of_batch, REAL momentum)
{
    const double m = (double)momentum;
    return (REAL)((1 - m) * (double)running + m * of_batch);
}

/* Channels first ... of the whole batch, from the tiles' moments, in order (Chan et al. 1983). */
static void NAME(merge_moments)(const NAME(norm) * n, int64_t k)
{
    const double rows = (double)n->plan.rows;
    double mean = 0, squares = 0;
    for (int64_t t = 0; t < n->plan.tiles; t++)
        mean += (double)NAME(partial)(n, t)[k] * (double)NAME(rows_of)(n, t);
    mean /= rows;
    for (int64_t t = 0; t < n->plan.tiles; t++) {
        const REAL *partial = NAME(partial)(n, t);
        const double away = (double)partial[k] - mean;
        squares += (double)partial[n->plan.c + k] + away * away * (double)NAME(rows_of)(n, t);
    }
    n->mean[k] = (REAL)mean;
    n->inverse[k] = (REAL)(1 / sqrt(squares / rows + (double)n->epsilon));
    const double variance = rows > 1 ? squares / (rows - 1) : squares; /* unbiased */
    if (n->record != NULL) {
        n->record[k] = mean;
        n->record[n->plan.c + k] = variance;
    } else if (n->running_mean != NULL) {
        n->running_mean[k] = NAME(follow)(n->running_mean[k], mean, n->momentum);
        n->running_variance[k] = NAME(follow)(n->running_variance[k], variance, n->momentum);
    }
    n->scale[k] = n->weight[k] * n->inverse[k];
    n->shift[k] = n->bias[k] - n->mean[k] * n->scale[k];
}

static redux_status NAME(merge)(int64_t block, void *user)
{
    const NAME(norm) *n = user;
    const int64_t end = RDX_MIN((block + 1) * CHANNEL_BLOCK, n->plan.c);
    for (int64_t k = block * CHANNEL_BLOCK; k < end; k++)
        NAME(merge_moments)(n, k);
    return REDUX_OK;
}

static redux_status NAME(apply_tile)(int64_t tile, void *user)
{
    const NAME(norm) *n = user;
    const int64_t at = tile * TILE_ROWS * n->plan.c;
    NORM(apply)
    (n->out + at, n->in + at, n->residual == NULL ? NULL : n->residual + at, n->scale, n->shift,
     NAME(rows_of)(n, tile), n->plan.c, n->relu);
    return REDUX_OK;
}

static redux_status NAME(tile_sums)(int64_t tile, void *user)
{
    const NAME(norm) *n = user;
    const int64_t at = tile * TILE_ROWS * n->plan.c;
    REAL *sums = NAME(partial)(n, tile);
    NORM(sums)
    (sums, sums + n->plan.c, n->d_out + at, n->relu ? n->activated + at : NULL, n->in + at, n->mean,
     n->inverse, NAME(rows_of)(n, tile), n->plan.c);
    return REDUX_OK;
}

static redux_status NAME(merge_sums)(int64_t block, void *user)
{
    const NAME(norm) *n = user;
    const int64_t c = n->plan.c, end = RDX_MIN((block + 1) * CHANNEL_BLOCK, c);
    for (int64_t k = block * CHANNEL_BLOCK; k < end; k++) {
        double sum = 0, product = 0;
        for (int64_t t = 0; t < n->plan.tiles; t++) {
            sum += (double)NAME(partial)(n, t)[k];
            product += (double)NAME(partial)(n, t)[c + k];
        }
        n->d_bias[k] += (REAL)sum;
        n->d_weight[k] += (REAL)product;
        n->shift[k] = (REAL)(sum / (double)n->plan.rows);
        n->scale[k] = (REAL)(product / (double)n->plan.rows);
    }
    return REDUX_OK;
}

static redux_status NAME(derive_tile)(int64_t tile, void *user)
{
    const NAME(norm) *n = user;
    const int64_t at = tile * TILE_ROWS * n->plan.c;
    NORM(derive)
    (n->d_in + at, n->d_residual == NULL ? NULL : n->d_residual + at, n->d_out + at,
     n->relu ? n->activated + at : NULL, n->in + at, n->mean, n->inverse, n->weight, n->shift,
     n->scale, NAME(rows_of)(n, tile), n->plan.c);
    return REDUX_OK;
}

static redux_status NAME(norm_forward)(redux_context *context, const rdx_norm *given)
{
    NAME(norm)
    n = {.plan = given->plan,
         .in = given->in,
         .weight = given->weight,
         .bias = given->bias,
         .residual = given->residual,
         .out = given->out,
         .mean = given->mean,
         .inverse = given->inverse,
         .running_mean = given->running_mean,
         .running_variance = given->running_variance,
         .record = given->record,
         .epsilon = (REAL)given->epsilon,
         .momentum = (REAL)given->momentum,
         .relu = given->relu};
    n.scale = given->workspace;
    n.shift = n.scale + n.plan.c;
    n.partials = n.shift + n.plan.c;
    if (given->evaluate) {
        for (int64_t k = 0; k < n.plan.c; k++) {
            n.scale[k] = n.weight[k] / (REAL)sqrt((double)(n.running_variance[k] + n.epsilon));
            n.shift[k] = n.bias[k] - n.running_mean[k] * n.scale[k];
        }
    } else {
        RDX_TRY(rdx_parallel(context, n.plan.tiles, NAME(tile_moments), &n));
        RDX_TRY(
            rdx_parallel(context, (n.plan.c + CHANNEL_BLOCK - 1) / CHANNEL_BLOCK, NAME(merge), &n));
    }
    return rdx_parallel(context, n.plan.tiles, NAME(apply_tile), &n);
}

static redux_status NAME(norm_backward)(redux_context *context, const rdx_norm *given)
{
    NAME(norm)
    n = {.plan = given->plan,
         .in = given->in,
         .weight = given->weight,
         .mean = given->mean,
         .inverse = given->inverse,
         .activated = given->activated,
         .d_out = given->d_out,
         .d_in = given->d_in,
         .d_residual = given->d_residual,
         .d_weight = given->d_weight,
         .d_bias = given->d_bias,
         .relu = given->relu};
    n.scale = given->workspace;
    n.shift = n.scale + n.plan.c;
    n.partials = n.shift + n.plan.c;
    RDX_TRY(rdx_parallel(context, n.plan.tiles, NAME(tile_sums), &n));
    RDX_TRY(rdx_parallel(context, (n.plan.c + CHANNEL_BLOCK - 1) / CHANNEL_BLOCK, NAME(merge_sums),
                         &n));
    return rdx_parallel(context, n.plan.tiles, NAME(derive_tile), &n);
}

#undef REAL
#undef NAME
#undef NORM
