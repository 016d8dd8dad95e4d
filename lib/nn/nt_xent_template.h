/* SPDX-License-Identifier: MIT
 * NT-Xent for one type: REAL, GEMM (cblas), EXP, NAME(x). Included twice by nt_xent.c. */

typedef struct NAME(problem) {
    int64_t rows, width;
    REAL scale; /* 1 / temperature */
    const REAL *z;
    REAL *dz;       /* or NULL */
    REAL *products; /* ROW_BLOCK x COLUMN_BLOCK for every block of rows */
    double *lse;    /* log of the sum of exponentials of each row */
    double *losses; /* of each row */
} NAME(problem);

/* Products of rows first ... first + count - 1 with columns from `column` on, over the temperature;
 * returns them, row after row. */
static REAL *NAME(block)(const NAME(problem) * p, int64_t first, int64_t count, int64_t column,
                         int64_t columns)
{
    REAL *out = p->products + first * COLUMN_BLOCK;
    GEMM(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)count, (blasint)columns,
         (blasint)p->width, p->scale, p->z + first * p->width, (blasint)p->width,
         p->z + column * p->width, (blasint)p->width, 0, out, (blasint)columns);
    return out;
}

/* Merges a block into the running maximum and sum of one row; `self` is the row's own place in it
 * (or outside). */
static void NAME(accumulate)(double *most, double *sum, const REAL *s, int64_t count, int64_t self)
{
    REAL top = -(REAL)INFINITY;
    double part = 0;
    for (int64_t k = 0; k < count; k++)
        if (k != self && s[k] > top)
            top = s[k];
    if (!(top > -(REAL)INFINITY)) /* no other row in this block, or nothing finite */
        top = *most > -INFINITY ? (REAL)*most : 0;
    if ((double)top > *most) {
        *sum *= exp(*most - (double)top);
        *most = (double)top;
    }
    const REAL base = (REAL)*most;
    for (int64_t k = 0; k < count; k++)
        if (k != self)
            part += (double)EXP(s[k] - base);
    *sum += part;
}

static redux_status NAME(forward)(int64_t task, void *user)
{
    const NAME(problem) *p = user;
    const int64_t first = task * ROW_BLOCK, count = RDX_MIN(ROW_BLOCK, p->rows - first);
    double most[ROW_BLOCK], sum[ROW_BLOCK], positive[ROW_BLOCK];
    for (int64_t i = 0; i < count; i++) {
        most[i] = -INFINITY;
        sum[i] = 0;
    }
    for (int64_t c = 0; c < p->rows; c += COLUMN_BLOCK) {
        const int64_t columns = RDX_MIN(COLUMN_BLOCK, p->rows - c);
        const REAL *s = NAME(block)(p, first, count, c, columns);
        for (int64_t i = 0; i < count; i++) {
            const int64_t partner = (first + i + p->rows / 2) % p->rows - c;
            NAME(accumulate)(&most[i], &sum[i], s + i * columns, columns, first + i - c);
            if (partner >= 0 && partner < columns)
                positive[i] = (double)s[i * columns + partner];
        }
    }
    for (int64_t i = 0; i < count; i++) {
        p->lse[first + i] = most[i] + log(sum[i]);
        p->losses[first + i] = p->lse[first + i] - positive[i];
    }
    return REDUX_OK;
}

/* Turns the similarities of a row into weights. Row i attracts and repels row k and vice versa, so
 * both soft-maxes count. */
static void NAME(weights)(const NAME(problem) * p, REAL *s, int64_t row, int64_t column,
                          int64_t columns)
{
    const REAL own = (REAL)p->lse[row];
    const int64_t self = row - column, partner = (row + p->rows / 2) % p->rows - column;
    for (int64_t k = 0; k < columns; k++)
        s[k] = EXP(s[k] - own) + EXP(s[k] - (REAL)p->lse[column + k]);
    if (self >= 0 && self < columns)
        s[self] = 0;
    if (partner >= 0 && partner < columns)
        s[partner] -= 2;
}

static redux_status NAME(backward)(int64_t task, void *user)
{
    const NAME(problem) *p = user;
    const int64_t first = task * ROW_BLOCK, count = RDX_MIN(ROW_BLOCK, p->rows - first);
    const REAL scale = p->scale / (REAL)p->rows;
    for (int64_t c = 0; c < p->rows; c += COLUMN_BLOCK) {
        const int64_t columns = RDX_MIN(COLUMN_BLOCK, p->rows - c);
        REAL *s = NAME(block)(p, first, count, c, columns);
        for (int64_t i = 0; i < count; i++)
            NAME(weights)(p, s + i * columns, first + i, c, columns);
        GEMM(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)count, (blasint)p->width,
             (blasint)columns, scale, s, (blasint)columns, p->z + c * p->width, (blasint)p->width,
             c == 0 ? 0 : 1, p->dz + first * p->width, (blasint)p->width);
    }
    return REDUX_OK;
}

static redux_status NAME(run)(double *loss, redux_context *context, const redux_tensor *z,
                              const redux_tensor *dz, double temperature, void *workspace)
{
    NAME(problem)
    p = {.rows = z->shape[0],
         .width = z->shape[1],
         .scale = (REAL)(1 / temperature),
         .z = z->data,
         .dz = dz == NULL ? NULL : dz->data,
         .lse = workspace};
    const int64_t blocks = (p.rows + ROW_BLOCK - 1) / ROW_BLOCK;
    double sum = 0;
    p.losses = p.lse + p.rows;
    p.products = (void *)(p.losses + p.rows);
    RDX_TRY(rdx_blas_ready(context));
    RDX_TRY(rdx_parallel(context, blocks, NAME(forward), &p));
    for (int64_t i = 0; i < p.rows; i++)
        sum += p.losses[i];
    if (p.dz != NULL)
        RDX_TRY(rdx_parallel(context, blocks, NAME(backward), &p));
    *loss = sum / (double)p.rows;
    return REDUX_OK;
}

#undef REAL
#undef GEMM
#undef EXP
#undef NAME
