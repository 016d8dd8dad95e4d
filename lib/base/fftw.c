/* SPDX-License-Identifier: MIT
 * Transforms through FFTW (Frigo, Johnson, Proc. IEEE 93(2), 2005), and their replacement in a
 * build without it.
 *
 * Plans use FFTW_ESTIMATE, which measures nothing and yields the same plan every time, and
 * FFTW_UNALIGNED, so that the address of a buffer cannot change the bits. A list of plans only
 * grows until it is cleared. It is read without a lock and extended under the planner's lock. */
#include "fftw.h"
#include <math.h>
#include <pthread.h>
#include <redux/fftw.h>

static pthread_mutex_t planner = PTHREAD_MUTEX_INITIALIZER;

void redux_fftw_lock(void)
{
    pthread_mutex_lock(&planner);
}

void redux_fftw_unlock(void)
{
    pthread_mutex_unlock(&planner);
}

static redux_status check_sides(int64_t n0, int64_t n1, int64_t n2)
{
    int64_t count;
    if (n0 < 1 || n1 < 1 || n2 < 1)
        return rdx_fail(REDUX_E_INVALID, "transform: a size of %lld x %lld x %lld", (long long)n0,
                        (long long)n1, (long long)n2);
    if (n0 > INT32_MAX || n1 > INT32_MAX || n2 > INT32_MAX ||
        __builtin_mul_overflow(n0 * n1, n2, &count) || count > INT64_MAX >> 8)
        return rdx_fail(REDUX_E_LIMIT, "transform: a size of %lld x %lld x %lld", (long long)n0,
                        (long long)n1, (long long)n2);
    return REDUX_OK;
}

#if defined(REDUX_FFTW)
#include <fftw3.h>

#define MANY_PLANS 64 /* in a context; further sizes are planned for each call */

struct rdx_fft_plan {
    rdx_fft_kind kind;
    int sides[3];
    int64_t place; /* how many are before it */
    rdx_fft_plan *next;
    fftwf_plan plan;
};

/* FFTW_ESTIMATE does not touch the arrays, and FFTW_UNALIGNED ignores their addresses. They only
 * have to differ. */
static fftwf_plan plan_of(rdx_fft_kind kind, const int *sides)
{
    static float in[2], out[2];
    const fftwf_r2r_kind dct[3] = {FFTW_REDFT10, FFTW_REDFT10, FFTW_REDFT10};
    const unsigned flags = FFTW_ESTIMATE | FFTW_UNALIGNED;
    switch (kind) {
    case RDX_FFT_FORWARD:
        return fftwf_plan_dft_r2c_2d(sides[0], sides[1], in, (fftwf_complex *)(void *)out,
                                     flags | FFTW_PRESERVE_INPUT);
    case RDX_FFT_INVERSE:
        return fftwf_plan_dft_c2r_2d(sides[0], sides[1], (fftwf_complex *)(void *)in, out,
                                     flags | FFTW_DESTROY_INPUT);
    default:
        return fftwf_plan_r2r_3d(sides[0], sides[1], sides[2], in, out, dct[0], dct[1], dct[2],
                                 flags | FFTW_PRESERVE_INPUT);
    }
}

/* Makes one plan while the planner's lock is held. FFTW allocates its plans itself, and so does
 * this. */
static redux_status plan_new(rdx_fft_plan **out, rdx_fft_kind kind, const int *sides)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(NULL, &block, 1, sizeof(rdx_fft_plan)));
    rdx_fft_plan *plan = block;
    plan->plan = plan_of(kind, sides);
    if (plan->plan == NULL) {
        rdx_free(plan);
        return rdx_fail(REDUX_E_NO_MEMORY, "FFTW has no plan for %d x %d x %d", sides[0], sides[1],
                        sides[2]);
    }
    plan->kind = kind;
    for (int i = 0; i < 3; i++)
        plan->sides[i] = sides[i];
    *out = plan;
    return REDUX_OK;
}

/* The planner's lock is held. */
static void plan_free(rdx_fft_plan *plan)
{
    fftwf_destroy_plan(plan->plan);
    rdx_free(plan);
}

redux_status rdx_fft_available(void)
{
    return REDUX_OK;
}

static rdx_fft_plan *find(rdx_fft_plans *plans, rdx_fft_kind kind, const int *sides)
{
    rdx_fft_plan *plan = atomic_load_explicit(&plans->first, memory_order_acquire);
    while (plan != NULL && (plan->kind != kind || plan->sides[0] != sides[0] ||
                            plan->sides[1] != sides[1] || plan->sides[2] != sides[2]))
        plan = plan->next;
    return plan;
}

redux_status rdx_fft_get(const rdx_fft_plan **out, rdx_fft_plans *plans, rdx_fft_kind kind,
                         int64_t n0, int64_t n1, int64_t n2)
{
    redux_status status = REDUX_OK;
    RDX_TRY(check_sides(n0, n1, n2));
    const int sides[3] = {(int)n0, (int)n1, (int)n2};
    rdx_fft_plan *plan = find(plans, kind, sides);
    if (plan == NULL) {
        redux_fftw_lock();
        plan = find(plans, kind, sides); /* another thread may have added it */
        if (plan == NULL)
            status = plan_new(&plan, kind, sides);
        if (status == REDUX_OK && find(plans, kind, sides) == NULL) {
            plan->next = atomic_load_explicit(&plans->first, memory_order_relaxed);
            plan->place = plan->next == NULL ? 0 : plan->next->place + 1;
            atomic_store_explicit(&plans->first, plan, memory_order_release);
        }
        redux_fftw_unlock();
    }
    if (status == REDUX_OK)
        *out = plan;
    return status;
}

void rdx_fft_run(const rdx_fft_plan *plan, float *out, float *in)
{
    switch (plan->kind) {
    case RDX_FFT_FORWARD:
        fftwf_execute_dft_r2c(plan->plan, in, (fftwf_complex *)(void *)out);
        break;
    case RDX_FFT_INVERSE:
        fftwf_execute_dft_c2r(plan->plan, (fftwf_complex *)(void *)in, out);
        break;
    default:
        fftwf_execute_r2r(plan->plan, in, out);
        break;
    }
}

void rdx_fft_clear(rdx_fft_plans *plans)
{
    rdx_fft_plan *plan = atomic_exchange(&plans->first, NULL);
    if (plan == NULL)
        return;
    redux_fftw_lock();
    while (plan != NULL) {
        rdx_fft_plan *next = plan->next;
        plan_free(plan);
        plan = next;
    }
    redux_fftw_unlock();
}

/* Uses the context's plan, or makes one for this call. */
static redux_status transform(redux_context *context, rdx_fft_kind kind, float *out, float *in,
                              int64_t n0, int64_t n1, int64_t n2)
{
    rdx_fft_plans own = {NULL}, *plans = rdx_context_plans(context);
    const rdx_fft_plan *plan, *last = NULL;
    if (plans != NULL)
        last = atomic_load_explicit(&plans->first, memory_order_acquire);
    if (plans == NULL || (last != NULL && last->place + 1 >= MANY_PLANS))
        plans = &own;
    redux_status status = rdx_fft_get(&plan, plans, kind, n0, n1, n2);
    if (status == REDUX_OK)
        rdx_fft_run(plan, out, in);
    rdx_fft_clear(&own);
    return status;
}

redux_status rdx_dct_3d(redux_context *context, float *out, const float *in, int64_t n0, int64_t n1,
                        int64_t n2)
{
    /* the plan preserves its input, whose type is not const */
    return transform(context, RDX_FFT_DCT, out, (float *)(uintptr_t)in, n0, n1, n2);
}

redux_status rdx_fft_2d(redux_context *context, float *out, const float *in, int64_t n0, int64_t n1)
{
    return transform(context, RDX_FFT_FORWARD, out, (float *)(uintptr_t)in, n0, n1, 1);
}

redux_status rdx_ifft_2d(redux_context *context, float *out, float *in, int64_t n0, int64_t n1)
{
    return transform(context, RDX_FFT_INVERSE, out, in, n0, n1, 1);
}

#else /* without FFTW */

redux_status rdx_fft_available(void)
{
    return rdx_fail(REDUX_E_UNSUPPORTED,
                    "Fourier transforms need FFTW, without which this libredux was built (FFTW=0)");
}

redux_status rdx_fft_get(const rdx_fft_plan **out, rdx_fft_plans *plans, rdx_fft_kind kind,
                         int64_t n0, int64_t n1, int64_t n2)
{
    (void)out;
    (void)plans;
    (void)kind;
    RDX_TRY(check_sides(n0, n1, n2));
    return rdx_fft_available();
}

void rdx_fft_run(const rdx_fft_plan *plan, float *out, float *in)
{
    (void)plan;
    (void)out;
    (void)in;
}

void rdx_fft_clear(rdx_fft_plans *plans)
{
    (void)plans;
}

redux_status rdx_fft_2d(redux_context *context, float *out, const float *in, int64_t n0, int64_t n1)
{
    (void)out;
    (void)in;
    return rdx_fft_get(NULL, rdx_context_plans(context), RDX_FFT_FORWARD, n0, n1, 1);
}

redux_status rdx_ifft_2d(redux_context *context, float *out, float *in, int64_t n0, int64_t n1)
{
    (void)out;
    (void)in;
    return rdx_fft_get(NULL, rdx_context_plans(context), RDX_FFT_INVERSE, n0, n1, 1);
}

/* 2 cos(pi (j + 1/2) k / n) at [k][j], from one period of 4n angles. */
static void dct_matrix(double *matrix, int64_t side)
{
    for (int64_t k = 0; k < side; k++)
        for (int64_t j = 0; j < side; j++) {
            const int64_t angle = (2 * j + 1) * k % (4 * side);
            matrix[k * side + j] = 2 * cos(M_PI * (double)angle / (double)(2 * side));
        }
}

/* Along the middle axis of outer x side x inner values, row by row. The inner loop follows memory,
 * and each sum adds in the order of j. */
static void dct_axis(double *out, const double *in, const double *matrix, int64_t outer,
                     int64_t side, int64_t inner)
{
    for (int64_t o = 0; o < outer; o++)
        for (int64_t k = 0; k < side; k++) {
            double *row = out + (o * side + k) * inner;
            for (int64_t i = 0; i < inner; i++)
                row[i] = 0;
            for (int64_t j = 0; j < side; j++) {
                const double *from = in + (o * side + j) * inner;
                for (int64_t i = 0; i < inner; i++)
                    row[i] += matrix[k * side + j] * from[i];
            }
        }
}

redux_status rdx_dct_3d(redux_context *context, float *out, const float *in, int64_t n0, int64_t n1,
                        int64_t n2)
{
    RDX_TRY(check_sides(n0, n1, n2));
    const int64_t count = n0 * n1 * n2, sides[3] = {n0, n1, n2};
    const int64_t longest = RDX_MAX(n0, RDX_MAX(n1, n2));
    void *block, *matrix;
    RDX_TRY(rdx_alloc(context, &block, 2 * (uint64_t)count, sizeof(double)));
    redux_status status =
        rdx_alloc(context, &matrix, (uint64_t)longest, (uint64_t)longest * sizeof(double));
    if (status == REDUX_OK) {
        double *from = block, *to = from + count;
        int64_t outer = 1;
        for (int64_t i = 0; i < count; i++)
            from[i] = in[i];
        for (int axis = 0; axis < 3; axis++) {
            const int64_t side = sides[axis];
            dct_matrix(matrix, side);
            dct_axis(to, from, matrix, outer, side, count / outer / side);
            outer *= side;
            double *swap = from;
            from = to;
            to = swap;
        }
        for (int64_t i = 0; i < count; i++)
            out[i] = (float)from[i];
    }
    rdx_free(matrix);
    rdx_free(block);
    return status;
}

#endif
