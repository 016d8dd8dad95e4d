/* SPDX-License-Identifier: MIT
 * The losses of losses.c for one type: REAL, EXP, NAME(x). Included twice. */

/* Replaces a row of scores by exp(scale score - largest); the sum of these, and what was
 * subtracted. `largest` on entry: of what else is in the softmax, scaled. */
static double NAME(exponentials)(REAL *row, int64_t count, REAL scale, REAL *largest)
{
    double sum = 0;
    for (int64_t k = 0; k < count; k++) {
        row[k] *= scale;
        *largest = RDX_MAX(*largest, row[k]);
    }
    for (int64_t k = 0; k < count; k++) {
        row[k] = EXP(row[k] - *largest);
        sum += (double)row[k];
    }
    return sum;
}

/* ---- swapped prediction ---- */

typedef struct NAME(swapped_problem) {
    int64_t rows, batch, prototypes, assigning;
    REAL scale;  /* 1 / temperature */
    REAL weight; /* of a pair of crops and a sample, in the mean */
    REAL *scores;
    const REAL *codes;
    double *losses; /* of each row */
} NAME(swapped_problem);

/* Each row meets the codes of all assigning crops but its own. */
static void NAME(swapped_row)(const NAME(swapped_problem) * p, int64_t i)
{
    REAL *row = p->scores + i * p->prototypes, largest = -(REAL)INFINITY;
    const int64_t crop = i / p->batch, sample = i % p->batch;
    double product = 0, mass = 0;
    for (int64_t a = 0; a < p->assigning; a++) {
        const REAL *codes = p->codes + (a * p->batch + sample) * p->prototypes;
        for (int64_t k = 0; k < p->prototypes && a != crop; k++) {
            product += (double)codes[k] * (double)(row[k] * p->scale);
            mass += (double)codes[k];
        }
    }
    const double sum = NAME(exponentials)(row, p->prototypes, p->scale, &largest);
    const REAL share = (REAL)(mass / sum), factor = p->scale * p->weight;
    p->losses[i] = mass * ((double)largest + log(sum)) - product;
    for (int64_t k = 0; k < p->prototypes; k++)
        row[k] *= share * factor;
    for (int64_t a = 0; a < p->assigning; a++) {
        const REAL *codes = p->codes + (a * p->batch + sample) * p->prototypes;
        for (int64_t k = 0; k < p->prototypes && a != crop; k++)
            row[k] -= codes[k] * factor;
    }
}

static redux_status NAME(swapped_tile)(int64_t tile, void *user)
{
    const NAME(swapped_problem) *p = user;
    const int64_t end = RDX_MIN((tile + 1) * TILE_ROWS, p->rows);
    for (int64_t i = tile * TILE_ROWS; i < end; i++)
        NAME(swapped_row)(p, i);
    return REDUX_OK;
}

static redux_status NAME(swapped)(double *loss, redux_context *context, const redux_tensor *scores,
                                  const redux_tensor *codes, int64_t batch, double temperature,
                                  void *workspace)
{
    NAME(swapped_problem)
    p = {.rows = scores->shape[0],
         .batch = batch,
         .prototypes = scores->shape[1],
         .assigning = codes->shape[0] / batch,
         .scale = (REAL)(1 / temperature),
         .scores = scores->data,
         .codes = codes->data,
         .losses = workspace};
    const double weight = 1 / (double)(p.assigning * (p.rows - batch));
    p.weight = (REAL)weight;
    RDX_TRY(rdx_parallel(context, tiles_of(p.rows), NAME(swapped_tile), &p));
    *loss = sum_of(p.losses, p.rows) * weight;
    return REDUX_OK;
}

/* ---- InfoNCE ---- */

typedef struct NAME(info_problem) {
    int64_t rows, count; /* count: negatives of a row */
    REAL scale, weight;
    REAL *positives, *negatives;
    double *losses;
} NAME(info_problem);

static void NAME(info_row)(const NAME(info_problem) * p, int64_t i)
{
    REAL *row = p->negatives + i * p->count, *positive = &p->positives[i];
    const REAL own = *positive * p->scale;
    REAL largest = own;
    double sum = NAME(exponentials)(row, p->count, p->scale, &largest);
    sum += (double)EXP(own - largest);
    p->losses[i] = (double)largest - (double)own + log(sum);
    const REAL share = (REAL)((double)(p->scale * p->weight) / sum);
    for (int64_t k = 0; k < p->count; k++)
        row[k] *= share;
    *positive = EXP(own - largest) * share - p->scale * p->weight;
}

static redux_status NAME(info_tile)(int64_t tile, void *user)
{
    const NAME(info_problem) *p = user;
    const int64_t end = RDX_MIN((tile + 1) * TILE_ROWS, p->rows);
    for (int64_t i = tile * TILE_ROWS; i < end; i++)
        NAME(info_row)(p, i);
    return REDUX_OK;
}

static redux_status NAME(info_nce)(double *loss, redux_context *context,
                                   const redux_tensor *positives, const redux_tensor *negatives,
                                   int64_t batch, double temperature, void *workspace)
{
    NAME(info_problem)
    p = {.rows = negatives->shape[0],
         .count = negatives->shape[1],
         .scale = (REAL)(1 / temperature),
         .weight = (REAL)(1 / (double)batch),
         .positives = positives->data,
         .negatives = negatives->data,
         .losses = workspace};
    RDX_TRY(rdx_parallel(context, tiles_of(p.rows), NAME(info_tile), &p));
    *loss = sum_of(p.losses, p.rows) / (double)batch;
    return REDUX_OK;
}

#undef REAL
#undef EXP
#undef NAME
