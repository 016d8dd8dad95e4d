/* SPDX-License-Identifier: MIT
 * Reduction beyond the first-exemplar rule: other rules, two stages, calibration, metrics of one's
 * own; each against a plain re-implementation. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>
#include "support/plain.h"

/* Positions of a group in the order of the walk. */
static int64_t members_of(const plain *p, int64_t group, int64_t items[MOST])
{
    int64_t count = 0;
    for (int64_t a = 0; a < p->n; a++)
        if (p->group[p->order[a]] == group)
            items[count++] = p->order[a];
    return count;
}

/* ---- rules ---- */

/* The member that is most like all of them in sum, the first of equals. */
static int64_t plain_centre(const plain *p, const int64_t *like, int64_t count)
{
    int64_t medoid = -1;
    double best = 0;
    for (int64_t a = 0; a < count; a++) {
        double sum = 0;
        for (int64_t b = 0; b < count; b++)
            sum += a == b ? 0 : p->score[like[a]][like[b]];
        if (medoid < 0 || (p->distance ? sum < best : sum > best)) {
            medoid = like[a];
            best = sum;
        }
    }
    return medoid;
}

/* One medoid of what is left of a group; returns how many are gone then. */
static int64_t plain_medoid_round(const plain *p, const int64_t *items, int64_t n, bool gone[MOST],
                                  double threshold, int64_t witness[MOST])
{
    int64_t like[MOST], count = 0, settled = 0;
    for (int64_t a = 0; a < n; a++)
        if (!gone[items[a]] && (count == 0 || is_redundant(p, like[0], items[a], threshold)))
            like[count++] = items[a];
    const int64_t medoid = plain_centre(p, like, count);
    for (int64_t a = 0; a < count; a++)
        if (like[a] == medoid || is_redundant(p, medoid, like[a], threshold)) {
            gone[like[a]] = true;
            witness[like[a]] = like[a] == medoid ? -1 : medoid;
            settled++;
        }
    return settled;
}

static void plain_medoid(const plain *p, double threshold, int64_t witness[MOST])
{
    int64_t items[MOST];
    for (int64_t g = 0; g < VOLUMES; g++) {
        bool gone[MOST] = {false};
        const int64_t n = members_of(p, g, items);
        for (int64_t left = n; left > 0;)
            left -= plain_medoid_round(p, items, n, gone, threshold, witness);
    }
}

static void plain_complete_link(const plain *p, double threshold, int64_t witness[MOST])
{
    for (int64_t a = 0; a < p->n; a++) {
        const int64_t i = p->order[a];
        witness[i] = -1;
        for (int64_t b = 0; b < a && witness[i] < 0; b++) {
            const int64_t first = p->order[b];
            bool fits = witness[first] < 0 && p->group[first] == p->group[i];
            for (int64_t c = b; c < a && fits; c++) {
                const int64_t member = p->order[c];
                if (member == first || witness[member] == first)
                    fits = is_redundant(p, member, i, threshold);
            }
            if (fits)
                witness[i] = first;
        }
    }
}

/* Farthest point of one group, from item `next` on; at most `most` are kept. radii: of each in
 * turn. */
static int64_t plain_traverse(const plain *p, const int64_t *items, int64_t n, double threshold,
                              int64_t next, int64_t most, int64_t witness[MOST], double radii[MOST])
{
    const double sign = p->distance ? 1 : -1;
    int64_t kept = 0;
    bool is_kept[MOST] = {false};
    while (next >= 0 && kept < most) {
        is_kept[next] = true;
        witness[items[next]] = -1;
        if (kept++ == 0)
            radii[0] = INFINITY;
        next = -1;
        double farthest = -INFINITY;
        for (int64_t i = 0; i < n; i++) {
            double nearest = INFINITY;
            if (is_kept[i])
                continue;
            /* The first kept one of equals, in the order of being kept: found by the caller's
             * check of scores, not of who it is. */
            for (int64_t k = 0; k < n; k++)
                if (is_kept[k] && sign * p->score[items[k]][items[i]] < nearest) {
                    nearest = sign * p->score[items[k]][items[i]];
                    witness[items[i]] = items[k];
                }
            if (nearest > farthest) {
                farthest = nearest;
                next = i;
            }
        }
        if (next >= 0 && farthest <= sign * threshold)
            next = -1;
        else if (next >= 0)
            radii[kept] = farthest;
    }
    return kept;
}

static int64_t plain_farthest(const plain *p, const int64_t *items, int64_t n, double threshold,
                              int64_t most, int64_t witness[MOST], double radii[MOST])
{
    return plain_traverse(p, items, n, threshold, 0, most, witness, radii);
}

static void check_nearest(const redux_reduction *reduction, const plain *p, const int64_t *witness)
{
    for (int64_t i = 0; i < p->n; i++) {
        redux_row row;
        ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, i));
        ck_assert_int_eq(row.kept, witness[i] < 0);
        if (!row.kept) {
            ck_assert_double_eq(row.score, p->score[witness[i]][i]);
            ck_assert_double_eq(row.score, p->score[row.witness][i]);
            ck_assert_int_lt(witness[row.witness], 0);
        }
    }
}

static void each_rule(plain *p, const redux_dataset *dataset, redux_reduce_options *options)
{
    int64_t witness[MOST] = {0}, items[MOST];
    double radii[MOST];
    for (redux_rule rule = REDUX_RULE_MEDOID; rule <= REDUX_RULE_COMPLETE_LINK; rule++) {
        options->rule = rule;
        redux_reduction *reduction = run(dataset, options, 1 + (int)rule % 2);
        if (rule == REDUX_RULE_MEDOID)
            plain_medoid(p, options->threshold, witness);
        else if (rule == REDUX_RULE_COMPLETE_LINK)
            plain_complete_link(p, options->threshold, witness);
        for (int64_t g = 0; rule == REDUX_RULE_K_CENTRE && g < VOLUMES; g++) {
            const int64_t n = members_of(p, g, items);
            if (n > 0)
                plain_farthest(p, items, n, options->threshold, n, witness, radii);
        }
        if (rule == REDUX_RULE_K_CENTRE)
            check_nearest(reduction, p, witness);
        else
            check_rows(reduction, p, witness);
        redux_reduction_free(reduction);
    }
}

START_TEST(rules_are_what_they_say)
{
    static plain p;
    redux_dataset *dataset = open_volumes();
    for (int s = 0; s < 4; s++)
        for (redux_scope scope = REDUX_SCOPE_VOLUME; scope <= REDUX_SCOPE_DATASET; scope++) {
            plain_scores(&p, dataset, metrics[s], scope);
            for (int t = 0; t < 3; t++) {
                redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
                options.strategy = metrics[s];
                options.scope = scope;
                options.size = SIDE;
                options.threshold = thresholds[s][t];
                options.order = t % 2 == 0 ? REDUX_ORDER_ANATOMICAL : REDUX_ORDER_LEXICOGRAPHIC;
                plain_order(&p, dataset, scope, options.order);
                each_rule(&p, dataset, &options);
            }
        }
    redux_dataset_free(dataset);
}
END_TEST

typedef struct turn {
    double radius;
    int64_t group;
} turn;

static int by_radius(const void *a, const void *b)
{
    const turn *x = a, *y = b;
    if (x->radius != y->radius)
        return x->radius > y->radius ? -1 : 1;
    return (x->group > y->group) - (x->group < y->group);
}

/* The turns of all groups, farthest first; equals by the order of the walk. */
static void plain_share(const plain *p, int64_t budget, int64_t most[VOLUMES])
{
    int64_t items[MOST], witness[MOST], count = 0;
    double radii[MOST];
    turn turns[MOST];
    for (int64_t g = 0; g < VOLUMES; g++) {
        const int64_t n = members_of(p, g, items);
        most[g] = 0;
        if (n > 0)
            plain_farthest(p, items, n, p->distance ? -INFINITY : INFINITY, n, witness, radii);
        for (int64_t i = 0; i < n; i++)
            turns[count++] = (turn){radii[i], g};
    }
    qsort(turns, (size_t)count, sizeof *turns, by_radius);
    for (int64_t i = 0; i < budget && i < count; i++)
        most[turns[i].group]++;
}

/* How far the farthest dropped one is from its witness; NaN: none was dropped. */
static double covered(const plain *p, const int64_t *witness)
{
    double farthest = NAN;
    for (int64_t i = 0; i < p->n; i++) {
        const double score = witness[i] < 0 ? NAN : p->score[witness[i]][i];
        if (witness[i] >= 0 &&
            (isnan(farthest) || (p->distance ? score > farthest : score < farthest)))
            farthest = score;
    }
    return farthest;
}

static void one_budget(plain *p, const redux_dataset *dataset, redux_strategy strategy,
                       redux_scope scope, int64_t budget)
{
    int64_t items[MOST], most[VOLUMES], witness[MOST] = {0};
    double radii[MOST];
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_reduce_summary summary = {.struct_size = sizeof summary};
    options.strategy = strategy;
    options.rule = REDUX_RULE_K_CENTRE;
    options.scope = scope;
    options.size = SIDE;
    options.keep_count = budget;
    redux_reduction *reduction = run(dataset, &options, 1 + (int)budget % 2);
    ck_assert_redux_ok(redux_reduction_get_summary(&summary, reduction));
    ck_assert_int_eq(summary.kept, budget);
    ck_assert_int_eq(summary.refilled, 0);
    plain_order(p, dataset, scope, REDUX_ORDER_ANATOMICAL);
    plain_share(p, budget, most);
    for (int64_t g = 0; g < VOLUMES; g++) {
        const int64_t n = members_of(p, g, items);
        if (n > 0)
            plain_farthest(p, items, n, p->distance ? -INFINITY : INFINITY, most[g], witness,
                           radii);
    }
    check_nearest(reduction, p, witness);
    const double threshold = covered(p, witness);
    if (isnan(threshold))
        ck_assert(isnan(summary.threshold));
    else
        ck_assert_double_eq(summary.threshold, threshold);
    redux_reduction_free(reduction);
}

START_TEST(k_centre_meets_a_budget)
{
    static plain p;
    redux_dataset *dataset = open_volumes();
    for (int s = 0; s < 4; s++)
        for (redux_scope scope = REDUX_SCOPE_VOLUME; scope <= REDUX_SCOPE_DATASET; scope++) {
            plain_scores(&p, dataset, metrics[s], scope);
            for (int64_t budget = 3; budget <= 38; budget += 7)
                one_budget(&p, dataset, metrics[s], scope, budget);
        }
    redux_dataset_free(dataset);
}
END_TEST

/* ---- information gain ---- */

/* score[i][j]: H(j | i); *entropies: H(i). */
static void plain_gain(plain *p, double entropies[MOST], const redux_dataset *dataset, int side)
{
    redux_tensor items[MOST];
    p->n = redux_dataset_slice_count(dataset);
    p->distance = true;
    for (int64_t i = 0; i < p->n; i++)
        slice_image(&items[i], dataset, i, side);
    for (int64_t i = 0; i < p->n; i++) {
        ck_assert_redux_ok(redux_entropy(&entropies[i], NULL, &items[i], NULL));
        for (int64_t j = 0; j < p->n; j++) {
            redux_information known;
            ck_assert_redux_ok(redux_information_compute(&known, NULL, &items[i], &items[j], NULL));
            p->score[i][j] = known.b_given_a;
        }
    }
    for (int64_t i = 0; i < p->n; i++)
        redux_tensor_release(&items[i]);
}

START_TEST(information_gain_takes_what_adds_most)
{
    static plain p;
    int64_t witness[MOST] = {0}, items[MOST];
    double entropies[MOST], radii[MOST];
    redux_dataset *dataset = open_volumes();
    plain_gain(&p, entropies, dataset, SIDE);
    plain_order(&p, dataset, REDUX_SCOPE_DATASET, REDUX_ORDER_ANATOMICAL);
    const int64_t n = members_of(&p, 0, items);
    int64_t start = 0;
    for (int64_t i = 1; i < n; i++)
        if (entropies[items[i]] > entropies[items[start]])
            start = i;
    for (int t = 0; t < 3; t++)
        for (int budget = 0; budget < 2; budget++) {
            redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
            options.strategy = REDUX_STRATEGY_INFORMATION_GAIN;
            options.scope = REDUX_SCOPE_DATASET;
            options.size = SIDE;
            options.threshold = budget ? NAN : 3.2 + 0.05 * t;
            options.keep_count = budget ? 5 + 7 * t : 0;
            const int64_t kept =
                plain_traverse(&p, items, n, budget ? -INFINITY : options.threshold, start,
                               budget ? options.keep_count : n, witness, radii);
            redux_reduction *reduction = run(dataset, &options, 1 + t % 2);
            for (int64_t i = 0; i < p.n; i++) {
                redux_row row;
                ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, i));
                ck_assert_int_eq(row.kept, witness[i] < 0);
                if (!row.kept)
                    ck_assert_double_eq_tol(row.score, p.score[witness[i]][i], 1e-12);
            }
            ck_assert(kept > 1 && kept < n);
            redux_reduction_free(reduction);
        }
    redux_dataset_free(dataset);
}
END_TEST

/* ---- SemDeDup ---- */

enum { WIDTH = 12 };

/* Random unit-free vectors in clumps, with near-copies. */
static void clumps(redux_tensor *out, int64_t n)
{
    const int64_t shape[] = {n, WIDTH};
    ck_assert_redux_ok(redux_tensor_new(out, NULL, REDUX_FLOAT32, 2, shape));
    float *x = out->data;
    for (int64_t i = 0; i < n; i++)
        for (int64_t d = 0; d < WIDTH; d++) {
            const redux_random_key clump = {.seed = 1, .sample = (uint64_t)(i % 5)};
            const redux_random_key own = {.seed = 2, .sample = (uint64_t)(i % 10)};
            const redux_random_key noise = {.seed = 3, .sample = (uint64_t)i};
            x[i * WIDTH + d] = (float)(3 * redux_random_normal(&clump, (uint32_t)d) +
                                       0.7 * redux_random_normal(&own, (uint32_t)d) +
                                       0.1 * redux_random_normal(&noise, (uint32_t)d));
        }
}

/* Unit vectors as the library keeps them: rounded to float after scaling in double. */
static void unit_vectors(double unit[MOST][WIDTH], const redux_tensor *vectors)
{
    const float *x = vectors->data;
    for (int64_t i = 0; i < vectors->shape[0]; i++) {
        double norm = 0;
        for (int d = 0; d < WIDTH; d++)
            norm += (double)x[i * WIDTH + d] * (double)x[i * WIDTH + d];
        for (int d = 0; d < WIDTH; d++)
            unit[i][d] = (double)(float)((double)x[i * WIDTH + d] / sqrt(norm));
    }
}

static double dot(const double *a, const double *b)
{
    double sum = 0;
    for (int d = 0; d < WIDTH; d++)
        sum += a[d] * b[d];
    return sum;
}

/* Lloyd's algorithm from the given first centroids until nothing changes. */
static void plain_kmeans(double unit[MOST][WIDTH], int64_t n, const int64_t *first, int64_t k,
                         int64_t *cluster, double centroid[MOST][WIDTH])
{
    bool changed = true;
    for (int64_t c = 0; c < k; c++)
        memcpy(centroid[c], unit[first[c]], sizeof centroid[c]);
    for (int64_t i = 0; i < n; i++)
        cluster[i] = -1;
    for (int round = 0; round < 25 && changed; round++) {
        double sum[MOST][WIDTH] = {{0}};
        int64_t count[MOST] = {0};
        changed = false;
        for (int64_t i = 0; i < n; i++) {
            int64_t best = -1;
            double nearest = INFINITY;
            for (int64_t c = 0; c < k; c++) {
                double distance = 0;
                for (int d = 0; d < WIDTH; d++)
                    distance += (unit[i][d] - centroid[c][d]) * (unit[i][d] - centroid[c][d]);
                if (distance < nearest - 1e-12) {
                    nearest = distance;
                    best = c;
                }
            }
            changed = changed || cluster[i] != best;
            cluster[i] = best;
            count[best]++;
            for (int d = 0; d < WIDTH; d++)
                sum[best][d] += unit[i][d];
        }
        for (int64_t c = 0; c < k && changed; c++)
            for (int d = 0; d < WIDTH && count[c] > 0; d++)
                centroid[c][d] = (double)(float)(sum[c][d] / (double)count[c]);
    }
}

/* Kept or not, as the paper's appendix tells it: within a cluster, farthest from the centroid
 * first, whatever is like any item before it goes. */
static void plain_semdedup(double unit[MOST][WIDTH], int64_t n, int64_t k, const int64_t *cluster,
                           double centroid[MOST][WIDTH], double threshold, bool kept[MOST])
{
    for (int64_t c = 0; c < k; c++) {
        int64_t items[MOST], count = 0;
        for (int64_t i = 0; i < n; i++)
            if (cluster[i] == c)
                items[count++] = i;
        for (int64_t a = 0; a < count; a++) /* sorted by insertion */
            for (int64_t b = a;
                 b > 0 && dot(unit[items[b]], centroid[c]) < dot(unit[items[b - 1]], centroid[c]);
                 b--) {
                const int64_t swap = items[b];
                items[b] = items[b - 1];
                items[b - 1] = swap;
            }
        for (int64_t a = 0; a < count; a++) {
            kept[items[a]] = true;
            for (int64_t b = 0; b < a; b++) {
                const double length =
                    sqrt(dot(unit[items[a]], unit[items[a]]) * dot(unit[items[b]], unit[items[b]]));
                if (dot(unit[items[a]], unit[items[b]]) / length >= threshold)
                    kept[items[a]] = false;
            }
        }
    }
}

START_TEST(semdedup_is_its_papers)
{
    enum { N = 38 };
    static double unit[MOST][WIDTH], centroid[MOST][WIDTH];
    redux_dataset *dataset = open_volumes();
    redux_tensor vectors;
    clumps(&vectors, N);
    unit_vectors(unit, &vectors);
    for (int32_t k = 1; k <= 5; k += 2)
        for (int t = 0; t < 3; t++) {
            redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
            const redux_random_key key = {.seed = 7, .operation = 0x73656d64u};
            int64_t pool[N], cluster[MOST];
            bool kept[MOST];
            options.strategy = REDUX_STRATEGY_SEMDEDUP;
            options.scope = REDUX_SCOPE_DATASET;
            options.embeddings = &vectors;
            options.clusters = k;
            options.seed = 7;
            options.threshold = 0.97 + 0.01 * t;
            redux_reduction *reduction = run(dataset, &options, 1 + t % 2);
            for (int64_t i = 0; i < N; i++)
                pool[i] = i;
            for (int64_t c = 0; c < k; c++) { /* a partial shuffle */
                const int64_t other =
                    c + (int64_t)redux_random_below(&key, (uint32_t)c, (uint64_t)(N - c));
                const int64_t item = pool[other];
                pool[other] = pool[c];
                pool[c] = item;
            }
            plain_kmeans(unit, N, pool, k, cluster, centroid);
            plain_semdedup(unit, N, k, cluster, centroid, options.threshold, kept);
            int64_t count = 0;
            for (int64_t i = 0; i < N; i++) {
                redux_row row, other;
                ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, i));
                ck_assert_int_eq(row.kept, kept[i]);
                count += row.kept;
                if (row.kept)
                    continue;
                ck_assert_redux_ok(redux_reduction_get_row(&other, reduction, row.witness));
                ck_assert(other.kept && cluster[i] == cluster[row.witness]);
                ck_assert_double_eq_tol(
                    row.score,
                    dot(unit[i], unit[row.witness]) /
                        sqrt(dot(unit[i], unit[i]) * dot(unit[row.witness], unit[row.witness])),
                    1e-12);
            }
            ck_assert(count > k && count < N);
            redux_reduction_free(reduction);
        }
    redux_tensor_release(&vectors);
    redux_dataset_free(dataset);
}
END_TEST

/* ---- two stages ---- */

START_TEST(two_stages_need_both)
{
    static const struct {
        redux_strategy first, then;
        double threshold, then_threshold;
        int exact;
    } cases[] = {{REDUX_STRATEGY_HASH, REDUX_STRATEGY_SSIM, 20, 0.5, 0},
                 {REDUX_STRATEGY_HASH, REDUX_STRATEGY_COSINE, 16, 0.9, 0},
                 {REDUX_STRATEGY_COSINE, REDUX_STRATEGY_HASH, 0.8, 12, 0},
                 {REDUX_STRATEGY_SSIM, REDUX_STRATEGY_MI, 0.3, 0.22, 0},
                 {REDUX_STRATEGY_MI, REDUX_STRATEGY_HASH, 0.2, 20, 0},
                 {REDUX_STRATEGY_SSIM, REDUX_STRATEGY_SSIM, 0.3, 0.6, 1},
                 {REDUX_STRATEGY_SSIM, REDUX_STRATEGY_SSIM, 0.7, 0.6, 0}};
    static plain first, then, both;
    int64_t witness[MOST] = {0};
    redux_dataset *dataset = open_volumes();
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (redux_scope scope = REDUX_SCOPE_VOLUME; scope <= REDUX_SCOPE_DATASET; scope++) {
            redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
            redux_reduce_summary summary = {.struct_size = sizeof summary};
            options.strategy = cases[c].first;
            options.threshold = cases[c].threshold;
            options.then = cases[c].then;
            options.then_threshold = cases[c].then_threshold;
            options.scope = scope;
            options.size = SIDE;
            plain_scores(&first, dataset, cases[c].first, scope);
            plain_scores(&then, dataset, cases[c].then, scope);
            both = then;
            for (int64_t i = 0; i < both.n; i++)
                for (int64_t j = 0; j < both.n; j++)
                    if (!is_redundant(&first, i, j, cases[c].threshold))
                        both.score[i][j] = both.distance ? INFINITY : -INFINITY;
            plain_order(&both, dataset, scope, REDUX_ORDER_ANATOMICAL);
            plain_greedy(&both, cases[c].then_threshold, witness);
            redux_reduction *reduction = run(dataset, &options, 1 + (int)c % 2);
            check_rows(reduction, &both, witness);
            ck_assert_redux_ok(redux_reduction_get_summary(&summary, reduction));
            ck_assert_int_eq(summary.then_is_exact, cases[c].exact);
            ck_assert_double_eq(summary.threshold, cases[c].threshold);
            redux_reduction_free(reduction);
            options.rule = REDUX_RULE_COMPLETE_LINK;
            plain_complete_link(&both, cases[c].then_threshold, witness);
            reduction = run(dataset, &options, 2);
            check_rows(reduction, &both, witness);
            redux_reduction_free(reduction);
        }
    redux_dataset_free(dataset);
}
END_TEST

/* ---- a metric of one's own ---- */

static double own_pair(const redux_tensor *a, const redux_tensor *b, void *user)
{
    double score = NAN;
    __atomic_fetch_add((int *)user, 1, __ATOMIC_RELAXED);
    ck_assert_redux_ok(redux_ssim(&score, NULL, a, b, NULL));
    return score;
}

static void own_one_to_many(double *scores, const redux_tensor *one, const redux_tensor *many,
                            void *user)
{
    for (int64_t i = 0; i < many->shape[0]; i++) {
        redux_tensor item;
        ck_assert_redux_ok(redux_tensor_select(&item, many, 0, i));
        scores[i] = own_pair(&item, one, user);
        redux_tensor_release(&item);
    }
}

static double negative_distance(const redux_tensor *a, const redux_tensor *b, void *user)
{
    const float *x = a->data, *y = b->data;
    double sum = 0;
    (void)user;
    ck_assert_int_eq(a->ndim, 1);
    for (int64_t i = 0; i < a->shape[0]; i++)
        sum += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
    return sqrt(sum);
}

START_TEST(own_metrics_plug_in)
{
    static plain p;
    int64_t witness[MOST] = {0};
    redux_dataset *dataset = open_volumes();
    int calls = 0;
    for (int many = 0; many < 2; many++)
        for (redux_rule rule = REDUX_RULE_FIRST; rule <= REDUX_RULE_COMPLETE_LINK; rule++) {
            redux_custom_metric own = REDUX_CUSTOM_METRIC_INIT;
            redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
            redux_metric *metric;
            own.pair = own_pair;
            own.one_to_many = many ? own_one_to_many : NULL;
            own.user = &calls;
            ck_assert_redux_ok(redux_metric_new_custom(&metric, NULL, &own));
            options.rule = rule;
            options.strategy = REDUX_STRATEGY_METRIC;
            options.metric = metric;
            options.threshold = 0.6;
            redux_reduction *reduction = run(dataset, &options, 2);
            options.strategy = REDUX_STRATEGY_SSIM;
            options.metric = NULL;
            redux_reduction *same = run(dataset, &options, 1);
            for (int64_t i = 0; i < redux_reduction_row_count(same); i++) {
                redux_row a, b;
                ck_assert_redux_ok(redux_reduction_get_row(&a, reduction, i));
                ck_assert_redux_ok(redux_reduction_get_row(&b, same, i));
                ck_assert(a.kept == b.kept && a.witness == b.witness);
                ck_assert(a.kept || a.score == b.score);
            }
            redux_reduction_free(same);
            redux_reduction_free(reduction);
            redux_metric_free(metric);
        }
    ck_assert_int_gt(calls, 38);
    /* Vectors, a distance; also through a budget. */
    redux_custom_metric own = REDUX_CUSTOM_METRIC_INIT;
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_metric *metric;
    redux_tensor vectors;
    const float *x;
    clumps(&vectors, 38);
    x = vectors.data;
    own.pair = negative_distance;
    own.item_axes = 1;
    own.is_distance = 1;
    ck_assert_redux_ok(redux_metric_new_custom(&metric, NULL, &own));
    p.n = 38;
    p.distance = true;
    for (int64_t i = 0; i < p.n; i++)
        for (int64_t j = 0; j < p.n; j++) {
            double sum = 0;
            for (int d = 0; d < WIDTH; d++) {
                const double gap = (double)x[i * WIDTH + d] - (double)x[j * WIDTH + d];
                sum += gap * gap;
            }
            p.score[i][j] = sqrt(sum);
        }
    plain_order(&p, dataset, REDUX_SCOPE_DATASET, REDUX_ORDER_ANATOMICAL);
    options.strategy = REDUX_STRATEGY_METRIC;
    options.metric = metric;
    options.scope = REDUX_SCOPE_DATASET;
    ck_assert_redux(REDUX_E_INVALID, redux_reduce_check(&options)); /* no threshold */
    options.threshold = 2;
    ck_assert_redux(REDUX_E_INVALID, redux_reduce_check(&options)); /* no embeddings */
    options.embeddings = &vectors;
    const int64_t kept = plain_greedy(&p, 2, witness);
    ck_assert(kept > 5 && kept < 38);
    redux_reduction *reduction = run(dataset, &options, 2);
    check_rows(reduction, &p, witness);
    redux_reduction_free(reduction);
    options.threshold = NAN;
    options.keep_count = kept;
    reduction = run(dataset, &options, 2);
    redux_reduce_summary summary = {.struct_size = sizeof summary};
    ck_assert_redux_ok(redux_reduction_get_summary(&summary, reduction));
    ck_assert_int_eq(summary.kept, kept);
    redux_reduction_free(reduction);
    redux_metric_free(metric);
    own.pair = NULL;
    ck_assert_redux(REDUX_E_INVALID, redux_metric_new_custom(&metric, NULL, &own));
    own.pair = negative_distance;
    own.item_axes = 3;
    ck_assert_redux(REDUX_E_INVALID, redux_metric_new_custom(&metric, NULL, &own));
    redux_tensor_release(&vectors);
    redux_dataset_free(dataset);
}
END_TEST

/* ---- calibration ---- */

/* The share of pairs of different volumes that are redundant; without those of volume `left_out`.
 */
static double plain_rate(const plain *p, double threshold, int64_t left_out)
{
    double within = 0, all = 0;
    for (int64_t i = 0; i < p->n; i++)
        for (int64_t j = 0; j < i; j++)
            if (p->group[i] != p->group[j] && p->group[i] != left_out && p->group[j] != left_out) {
                all++;
                within += is_redundant(p, i, j, threshold);
            }
    return within / all;
}

/* The jackknife, as it is told. */
static double plain_error(const plain *p, double threshold)
{
    double without[VOLUMES], mean = 0, variance = 0;
    for (int64_t v = 0; v < VOLUMES; v++) {
        without[v] = plain_rate(p, threshold, v);
        mean += without[v] / VOLUMES;
    }
    for (int64_t v = 0; v < VOLUMES; v++)
        variance += (without[v] - mean) * (without[v] - mean) * (VOLUMES - 1) / VOLUMES;
    return sqrt(variance);
}

/* The score of strangers that comes next when the threshold is loosened; NaN: there is none. */
static double next_looser(const plain *p, double threshold)
{
    double looser = NAN;
    for (int64_t i = 0; i < p->n; i++)
        for (int64_t j = 0; j < i; j++) {
            const double score = p->score[i][j];
            if (p->group[i] != p->group[j] && !is_redundant(p, i, j, threshold) &&
                (isnan(looser) || (p->distance ? score < looser : score > looser)))
                looser = score;
        }
    return looser;
}

static void check_choice(const redux_calibration *calibration, const plain *p, double rate,
                         const redux_dataset *dataset, redux_reduce_options options)
{
    redux_reduce_summary summary = {.struct_size = sizeof summary};
    const double t = redux_calibration_threshold(calibration, rate);
    const double looser = next_looser(p, t);
    ck_assert_double_le(redux_calibration_rate(calibration, t), rate);
    if (!isnan(looser)) /* would let too many pass */
        ck_assert_double_gt(redux_calibration_rate(calibration, looser), rate);
    options.false_drops = rate;
    redux_reduction *reduction = run(dataset, &options, 2);
    ck_assert_redux_ok(redux_reduction_get_summary(&summary, reduction));
    ck_assert_double_eq(summary.threshold, t);
    ck_assert_double_eq(summary.false_drops, redux_calibration_rate(calibration, t));
    ck_assert_ptr_nonnull(redux_reduction_calibration(reduction));
    redux_reduction_free(reduction);
}

START_TEST(calibration_counts_strangers)
{
    static plain p;
    redux_dataset *dataset = open_volumes();
    for (int s = 0; s < 4; s++) {
        redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
        redux_calibration *calibration;
        double error;
        options.strategy = metrics[s];
        options.size = SIDE;
        plain_scores(&p, dataset, metrics[s], REDUX_SCOPE_DATASET);
        plain_order(&p, dataset, REDUX_SCOPE_VOLUME, REDUX_ORDER_ANATOMICAL);
        ck_assert_redux_ok(redux_calibrate(&calibration, NULL, dataset, &options));
        ck_assert_int_eq(redux_calibration_pair_count(calibration), 23 * 1 + 23 * 14 + 1 * 14);
        ck_assert_int_eq(redux_calibration_group_count(calibration), VOLUMES);
        ck_assert_int_eq(redux_calibration_slice_count(calibration), 38);
        for (int t = 0; t < 3; t++) {
            const double threshold = thresholds[s][t];
            ck_assert_double_eq(redux_calibration_rate(calibration, threshold),
                                plain_rate(&p, threshold, -1));
            ck_assert_redux_ok(redux_calibration_error(&error, NULL, calibration, threshold));
            ck_assert_double_eq_tol(error, plain_error(&p, threshold), 1e-12);
        }
        for (int sixteenths = 0; sixteenths <= 16; sixteenths++)
            check_choice(calibration, &p, sixteenths / 16.0, dataset, options);
        redux_calibration_free(calibration);
    }
    const char *one = in_scratch(names[0]);
    redux_dataset *alone;
    redux_calibration *none;
    ck_assert_redux_ok(redux_dataset_open(&alone, NULL, &one, 1, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_calibrate(&none, NULL, alone, NULL));
    redux_dataset_free(alone);
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(options_that_make_no_sense)
{
    redux_reduce_options o = REDUX_REDUCE_OPTIONS_INIT;
    const redux_reduce_options good = o;
    redux_dataset *dataset = open_volumes();
#define REFUSED(change)                                                                            \
    do {                                                                                           \
        o = good;                                                                                  \
        change;                                                                                    \
        ck_assert_redux(REDUX_E_INVALID, redux_reduce_check(&o));                                  \
    } while (0)
    REFUSED(o.rule = (redux_rule)9);
    REFUSED(o.rule = REDUX_RULE_MEDOID; o.strategy = REDUX_STRATEGY_ENTROPY);
    REFUSED(o.rule = REDUX_RULE_MEDOID; o.strategy = REDUX_STRATEGY_SEMDEDUP);
    REFUSED(o.rule = REDUX_RULE_MEDOID; o.strategy = REDUX_STRATEGY_INFORMATION_GAIN);
    REFUSED(o.rule = REDUX_RULE_MEDOID; o.keep_count = 9);
    REFUSED(o.rule = REDUX_RULE_COMPLETE_LINK; o.keep_percent = 9);
    REFUSED(o.then_threshold = 0.5);
    REFUSED(o.then = REDUX_STRATEGY_ENTROPY);
    REFUSED(o.then = REDUX_STRATEGY_SSIM; o.then_threshold = 2);
    REFUSED(o.then = REDUX_STRATEGY_SSIM; o.keep_count = 9);
    REFUSED(o.then = REDUX_STRATEGY_SSIM; o.strategy = REDUX_STRATEGY_ALL);
    REFUSED(o.then = REDUX_STRATEGY_SSIM; o.strategy = REDUX_STRATEGY_SEMDEDUP);
    REFUSED(o.then = REDUX_STRATEGY_SSIM; o.false_drops = 0.01);
    REFUSED(o.against = dataset; o.strategy = REDUX_STRATEGY_EVERY_N);
    REFUSED(o.against = dataset; o.keep_count = 9);
    REFUSED(o.against_kept = (const uint8_t *)""; o.keep_count = 9);
    REFUSED(o.false_drops = 1.5);
    REFUSED(o.false_drops = 0.01; o.threshold = 6);
    REFUSED(o.false_drops = 0.01; o.keep_count = 6);
    REFUSED(o.calibrate = 1; o.strategy = REDUX_STRATEGY_ENTROPY);
    REFUSED(o.clusters = -1);
    REFUSED(o.strategy = REDUX_STRATEGY_METRIC);
    REFUSED(o.strategy = REDUX_STRATEGY_SEMDEDUP; o.keep_count = 5);
#undef REFUSED
    redux_dataset_free(dataset);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rules");
    TCase *tests = tcase_create("rules");
    tcase_add_checked_fixture(tests, setup, scratch_remove);
    tcase_add_test(tests, rules_are_what_they_say);
    tcase_add_test(tests, k_centre_meets_a_budget);
    tcase_add_test(tests, information_gain_takes_what_adds_most);
    tcase_add_test(tests, semdedup_is_its_papers);
    tcase_add_test(tests, two_stages_need_both);
    tcase_add_test(tests, own_metrics_plug_in);
    tcase_add_test(tests, calibration_counts_strangers);
    tcase_add_test(tests, options_that_make_no_sense);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
