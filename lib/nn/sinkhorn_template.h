/* SPDX-License-Identifier: MIT
 * Sinkhorn's iteration for one type: REAL, EXP, NAME(x). Included twice by sinkhorn.c. */

typedef struct NAME(problem) {
    int64_t rows, prototypes;
    double scale; /* 1 / epsilon */
    REAL *matrix;
    double *of_samples, *of_prototypes; /* factors; at first: largest scores of prototypes */
    double *partials;                   /* a row of sums for each tile */
} NAME(problem);

static int64_t NAME(end_of)(const NAME(problem) * p, int64_t tile)
{
    return RDX_MIN((tile + 1) * TILE_ROWS, p->rows);
}

static redux_status NAME(largest)(int64_t tile, void *user)
{
    const NAME(problem) *p = user;
    double *most = p->partials + tile * p->prototypes;
    for (int64_t k = 0; k < p->prototypes; k++)
        most[k] = -INFINITY;
    for (int64_t i = tile * TILE_ROWS; i < NAME(end_of)(p, tile); i++) {
        const REAL *row = p->matrix + i * p->prototypes;
        for (int64_t k = 0; k < p->prototypes; k++)
            most[k] = RDX_MAX(most[k], (double)row[k]);
    }
    return REDUX_OK;
}

/* Adds a tile's rows, each with its factor, to the sums of prototypes. */
static void NAME(add_row)(double *sums, const REAL *row, int64_t count, double factor)
{
    for (int64_t k = 0; k < count; k++)
        sums[k] += (double)row[k] * factor;
}

static redux_status NAME(exponentials)(int64_t tile, void *user)
{
    const NAME(problem) *p = user;
    double *sums = p->partials + tile * p->prototypes;
    memset(sums, 0, (size_t)p->prototypes * sizeof *sums);
    for (int64_t i = tile * TILE_ROWS; i < NAME(end_of)(p, tile); i++) {
        REAL *row = p->matrix + i * p->prototypes;
        for (int64_t k = 0; k < p->prototypes; k++)
            row[k] = EXP((REAL)(((double)row[k] - p->of_prototypes[k]) * p->scale));
        NAME(add_row)(sums, row, p->prototypes, 1);
    }
    return REDUX_OK;
}

/* Samples scaled to a sum of 1, and what the prototypes' sums are then. */
static redux_status NAME(scale_samples)(int64_t tile, void *user)
{
    const NAME(problem) *p = user;
    double *sums = p->partials + tile * p->prototypes;
    memset(sums, 0, (size_t)p->prototypes * sizeof *sums);
    for (int64_t i = tile * TILE_ROWS; i < NAME(end_of)(p, tile); i++) {
        const REAL *row = p->matrix + i * p->prototypes;
        double sum = 0;
        for (int64_t k = 0; k < p->prototypes; k++)
            sum += (double)row[k] * p->of_prototypes[k];
        p->of_samples[i] = 1 / sum;
        NAME(add_row)(sums, row, p->prototypes, p->of_samples[i]);
    }
    return REDUX_OK;
}

static void NAME(scale_prototypes)(const NAME(problem) * p)
{
    for (int64_t k = 0; k < p->prototypes; k++) {
        double sum = 0;
        for (int64_t t = 0; t < tiles_of(p->rows); t++)
            sum += p->partials[t * p->prototypes + k];
        p->of_prototypes[k] = 1 / sum;
    }
}

static redux_status NAME(sinkhorn)(redux_context *context, const redux_tensor *codes,
                                   const redux_tensor *scores, double epsilon, int32_t rounds,
                                   void *workspace)
{
    NAME(problem)
    p = {.rows = scores->shape[0],
         .prototypes = scores->shape[1],
         .scale = 1 / epsilon,
         .matrix = scores->data,
         .of_samples = workspace};
    const int64_t tiles = tiles_of(p.rows), count = codes->shape[0];
    p.of_prototypes = p.of_samples + p.rows;
    p.partials = p.of_prototypes + p.prototypes;
    RDX_TRY(rdx_parallel(context, tiles, NAME(largest), &p));
    for (int64_t k = 0; k < p.prototypes; k++) {
        p.of_prototypes[k] = -INFINITY;
        for (int64_t t = 0; t < tiles; t++)
            p.of_prototypes[k] = RDX_MAX(p.of_prototypes[k], p.partials[t * p.prototypes + k]);
    }
    RDX_TRY(rdx_parallel(context, tiles, NAME(exponentials), &p));
    for (int32_t i = 0; i < rounds; i++) {
        NAME(scale_prototypes)(&p);
        RDX_TRY(rdx_parallel(context, tiles, NAME(scale_samples), &p));
    }
    for (int64_t i = 0; i < count; i++) {
        const int64_t from = p.rows - count + i;
        const REAL *row = p.matrix + from * p.prototypes;
        REAL *to = (REAL *)codes->data + i * p.prototypes;
        for (int64_t k = 0; k < p.prototypes; k++)
            to[k] = (REAL)((double)row[k] * p.of_prototypes[k] * p.of_samples[from]);
    }
    return REDUX_OK;
}

#undef REAL
#undef EXP
#undef NAME
