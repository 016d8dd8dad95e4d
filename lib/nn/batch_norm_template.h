/* SPDX-License-Identifier: MIT
 * Batch norm for one type: REAL, NAME(x). Included twice by batch_norm.c. */

typedef struct NAME(norm) {
    rdx_norm_plan plan;
    const REAL *in, *weight, *bias, *residual, *activated, *d_out;
    REAL *out, *d_in, *d_residual, *d_weight, *d_bias;
    REAL *mean, *inverse; /* of the batch: mean and 1 / deviation */
    REAL *running_mean, *running_variance;
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

/* Mean of each channel over a tile, and the sum of squares around it. */
static redux_status NAME(tile_moments)(int64_t tile, void *user)
{
    const NAME(norm) *n = user;
    const int64_t c = n->plan.c, rows = NAME(rows_of)(n, tile);
    const REAL *in = n->in + tile * TILE_ROWS * c;
    REAL *mean = NAME(partial)(n, tile), *squares = mean + c;
    memset(mean, 0, 2 * (size_t)c * sizeof(REAL));
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < c; k++)
            mean[k] += in[r * c + k];
    for (int64_t k = 0; k < c; k++)
        mean[k] /= (REAL)rows;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < c; k++) {
            const REAL d = in[r * c + k] - mean[k];
            squares[k] += d * d;
        }
    return REDUX_OK;
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
    if (n->running_mean != NULL) {
        const double variance = rows > 1 ? squares / (rows - 1) : squares; /* unbiased */
        const double m = (double)n->momentum;
        n->running_mean[k] = (REAL)((1 - m) * (double)n->running_mean[k] + m * mean);
        n->running_variance[k] = (REAL)((1 - m) * (double)n->running_variance[k] + m * variance);
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

static redux_status NAME(apply)(int64_t tile, void *user)
{
    const NAME(norm) *n = user;
    const int64_t c = n->plan.c, rows = NAME(rows_of)(n, tile), at = tile * TILE_ROWS * c;
    const REAL *scale = n->scale, *shift = n->shift;
    for (int64_t r = 0; r < rows; r++) {
        const REAL *in = n->in + at + r * c;
        REAL *out = n->out + at + r * c;
        for (int64_t k = 0; k < c; k++)
            out[k] = in[k] * scale[k] + shift[k];
        if (n->residual != NULL) {
            const REAL *residual = n->residual + at + r * c;
            for (int64_t k = 0; k < c; k++)
                out[k] += residual[k];
        }
        if (n->relu)
            for (int64_t k = 0; k < c; k++)
                out[k] = out[k] < 0 ? 0 : out[k]; /* NaN stays */
    }
    return REDUX_OK;
}

/* What comes back through the ReLU, for one row. */
static const REAL *NAME(masked)(const NAME(norm) * n, REAL *room, int64_t at)
{
    const REAL *d = n->d_out + at;
    if (!n->relu)
        return d;
    const REAL *y = n->activated + at;
    for (int64_t k = 0; k < n->plan.c; k++)
        room[k] = y[k] > 0 ? d[k] : 0;
    return room;
}

/* Sums of a tile: of the gradient, and of the gradient times the normalised input. */
static redux_status NAME(tile_sums)(int64_t tile, void *user)
{
    const NAME(norm) *n = user;
    const int64_t c = n->plan.c, rows = NAME(rows_of)(n, tile);
    REAL *sums = NAME(partial)(n, tile), *products = sums + c;
    REAL *room = n->partials + 2 * n->plan.tiles * c + (int64_t)rdx_thread_index() * c;
    memset(sums, 0, 2 * (size_t)c * sizeof(REAL));
    for (int64_t r = 0; r < rows; r++) {
        const int64_t at = (tile * TILE_ROWS + r) * c;
        const REAL *d = NAME(masked)(n, room, at), *in = n->in + at;
        for (int64_t k = 0; k < c; k++) {
            sums[k] += d[k];
            products[k] += d[k] * ((in[k] - n->mean[k]) * n->inverse[k]);
        }
    }
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

static redux_status NAME(derive)(int64_t tile, void *user)
{
    const NAME(norm) *n = user;
    const int64_t c = n->plan.c, rows = NAME(rows_of)(n, tile);
    REAL *room = n->partials + 2 * n->plan.tiles * c + (int64_t)rdx_thread_index() * c;
    for (int64_t r = 0; r < rows; r++) {
        const int64_t at = (tile * TILE_ROWS + r) * c;
        const REAL *d = NAME(masked)(n, room, at), *in = n->in + at;
        REAL *out = n->d_in + at;
        if (n->d_residual != NULL)
            memcpy(n->d_residual + at, d, (size_t)c * sizeof(REAL));
        for (int64_t k = 0; k < c; k++) {
            const REAL normal = (in[k] - n->mean[k]) * n->inverse[k];
            out[k] = n->weight[k] * n->inverse[k] * (d[k] - n->shift[k] - normal * n->scale[k]);
        }
    }
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
    return rdx_parallel(context, n.plan.tiles, NAME(apply), &n);
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
    return rdx_parallel(context, n.plan.tiles, NAME(derive), &n);
}

#undef REAL
#undef NAME
