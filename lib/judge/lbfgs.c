/* SPDX-License-Identifier: MIT
 * Limited-memory BFGS with a line search for the strong Wolfe conditions (Nocedal, Wright:
 * Numerical Optimization, 2nd edition, 2006: algorithms 7.4, 7.5, 3.5, 3.6). */
#include <math.h>
#include <string.h>
#include "probe.h"

#define PAIRS 10    /* steps remembered */
#define ARMIJO 1e-4 /* c1 and c2 of the Wolfe conditions */
#define CURVATURE 0.9
#define TRIALS 30 /* evaluations of one line search */

typedef struct minimiser {
    rdx_objective_fn objective;
    void *user;
    int64_t n;
    double *x, *gradient, *direction;
    double *trial, *trial_gradient;
    double *s, *y; /* [PAIRS, n]: differences of points and gradients */
    double rho[PAIRS];
    int64_t pairs, newest;
    double value;
} minimiser;

/* A point of the line. */
typedef struct point {
    double at, value, slope;
} point;

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static double largest(const double *a, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs(a[i]));
    return most;
}

/* The two-loop recursion: -H gradient. */
static void find_direction(minimiser *m)
{
    double alpha[PAIRS] = {0};
    double *d = m->direction;
    for (int64_t i = 0; i < m->n; i++)
        d[i] = -m->gradient[i];
    for (int64_t k = 0; k < m->pairs; k++) {
        const int64_t at = (m->newest - k + PAIRS) % PAIRS;
        alpha[at] = m->rho[at] * dot(m->s + at * m->n, d, m->n);
        for (int64_t i = 0; i < m->n; i++)
            d[i] -= alpha[at] * m->y[at * m->n + i];
    }
    if (m->pairs > 0) {
        const double *y = m->y + m->newest * m->n;
        const double scale = 1 / (m->rho[m->newest] * dot(y, y, m->n));
        for (int64_t i = 0; i < m->n; i++)
            d[i] *= scale;
    }
    for (int64_t k = m->pairs - 1; k >= 0; k--) {
        const int64_t at = (m->newest - k + PAIRS) % PAIRS;
        const double beta = m->rho[at] * dot(m->y + at * m->n, d, m->n);
        for (int64_t i = 0; i < m->n; i++)
            d[i] += (alpha[at] - beta) * m->s[at * m->n + i];
    }
}

static redux_status evaluate(minimiser *m, point *p)
{
    for (int64_t i = 0; i < m->n; i++)
        m->trial[i] = m->x[i] + p->at * m->direction[i];
    RDX_TRY(m->objective(&p->value, m->trial_gradient, m->trial, m->user));
    p->slope = dot(m->trial_gradient, m->direction, m->n);
    return REDUX_OK;
}

/* The minimum of the cubic through two points and their slopes (equation 3.59), kept off the
 * ends. */
static double interpolate(const point *a, const point *b)
{
    const double d1 = a->slope + b->slope - 3 * (a->value - b->value) / (a->at - b->at);
    const double square = d1 * d1 - a->slope * b->slope;
    const double low = fmin(a->at, b->at), high = fmax(a->at, b->at), margin = 0.1 * (high - low);
    double at = (low + high) / 2;
    if (square >= 0) {
        const double d2 = b->at > a->at ? sqrt(square) : -sqrt(square);
        const double cubic =
            b->at - (b->at - a->at) * (b->slope + d2 - d1) / (b->slope - a->slope + 2 * d2);
        if (isfinite(cubic))
            at = cubic;
    }
    return fmin(fmax(at, low + margin), high - margin);
}

static bool falls_enough(const point *p, const point *start)
{
    return p->value <= start->value + ARMIJO * p->at * start->slope;
}

/* The strong Wolfe conditions. Near the minimum values differ by rounding alone, and the slopes
 * decide (Hager, Zhang: SIAM Journal on Optimization 16(1), 2005, section 4). */
static bool is_accepted(const point *p, const point *start)
{
    return (falls_enough(p, start) || p->value <= start->value + 1e-13 * fabs(start->value)) &&
           fabs(p->slope) <= -CURVATURE * start->slope;
}

/* found: the trial satisfies the strong Wolfe conditions, or decreases and none better was
 * found. */
static redux_status zoom(minimiser *m, bool *found, point *p, point low, point high,
                         const point *start, int trials)
{
    for (; trials < TRIALS && fabs(high.at - low.at) > 1e-14 * fabs(low.at); trials++) {
        p->at = interpolate(&low, &high);
        RDX_TRY(evaluate(m, p));
        *found = is_accepted(p, start);
        if (*found)
            return REDUX_OK;
        if (!falls_enough(p, start) || p->value >= low.value) {
            high = *p;
            continue;
        }
        if (p->slope * (high.at - low.at) >= 0)
            high = low;
        low = *p;
    }
    *p = low;
    *found = low.at > 0 && low.value < start->value;
    return *found ? evaluate(m, p) : REDUX_OK;
}

/* From x along the direction; on success m->trial, m->trial_gradient and *p are the new point. */
static redux_status search_line(minimiser *m, bool *found, point *p, double first)
{
    const point start = {0, m->value, dot(m->gradient, m->direction, m->n)};
    point before = start;
    *found = false;
    if (!(start.slope < 0))
        return REDUX_OK;
    p->at = first;
    for (int trials = 0; trials < TRIALS; trials++) {
        RDX_TRY(evaluate(m, p));
        *found = is_accepted(p, &start);
        if (*found)
            return REDUX_OK;
        if (!falls_enough(p, &start) || (trials > 0 && p->value >= before.value))
            return zoom(m, found, p, before, *p, &start, trials);
        if (p->slope >= 0)
            return zoom(m, found, p, *p, before, &start, trials);
        before = *p;
        p->at *= 2;
    }
    return REDUX_OK;
}

/* Accepts the trial. Its step is remembered if the curvature is positive. */
static void accept(minimiser *m, const point *p)
{
    const int64_t at = m->pairs == 0 ? 0 : (m->newest + 1) % PAIRS;
    double *s = m->s + at * m->n, *y = m->y + at * m->n;
    for (int64_t i = 0; i < m->n; i++) {
        s[i] = m->trial[i] - m->x[i];
        y[i] = m->trial_gradient[i] - m->gradient[i];
    }
    const double product = dot(s, y, m->n);
    if (product > 1e-300) {
        m->rho[at] = 1 / product;
        m->newest = at;
        m->pairs = RDX_MIN(m->pairs + 1, PAIRS);
    }
    memcpy(m->x, m->trial, (size_t)m->n * sizeof(double));
    memcpy(m->gradient, m->trial_gradient, (size_t)m->n * sizeof(double));
    m->value = p->value;
}

static redux_status minimise(minimiser *m, rdx_lbfgs *search)
{
    search->iterations = 0;
    search->converged = 0;
    RDX_TRY(m->objective(&m->value, m->gradient, m->x, m->user));
    for (;;) {
        const double norm = largest(m->gradient, m->n);
        bool found = false;
        point p = {0, 0, 0};
        search->value = m->value;
        search->converged = norm <= search->tolerance;
        if (search->converged || search->iterations >= search->max_iterations)
            return REDUX_OK;
        find_direction(m);
        RDX_TRY(search_line(m, &found, &p, m->pairs > 0 ? 1 : fmin(1, 1 / norm)));
        if (!found && m->pairs > 0) { /* once, discard what was learnt and follow the gradient */
            m->pairs = 0;
            continue;
        }
        if (!found)
            return REDUX_OK; /* only rounding is left */
        accept(m, &p);
        search->iterations++;
    }
}

redux_status rdx_lbfgs_minimise(rdx_lbfgs *search, redux_context *context, double *x, int64_t n,
                                rdx_objective_fn objective, void *user)
{
    minimiser m = {.objective = objective, .user = user, .n = n};
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)n * (4 + 2 * PAIRS), sizeof(double)));
    m.x = x;
    m.gradient = block;
    m.direction = m.gradient + n;
    m.trial = m.direction + n;
    m.trial_gradient = m.trial + n;
    m.s = m.trial_gradient + n;
    m.y = m.s + PAIRS * n;
    const redux_status status = minimise(&m, search);
    rdx_free(block);
    return status;
}
