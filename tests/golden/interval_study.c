/* SPDX-License-Identifier: MIT
 * How often 95 % intervals of the AUC hold the true value, by simulation: the table of
 * docs/intervals.md. From the project's root, after make:
 *   cc -O2 -Iinclude tests/golden/interval_study.c -Lbuild/lib -lredux -lm -o interval_study
 *   LD_LIBRARY_PATH=build/lib ./interval_study
 *
 * Groups have 4 to 16 rows. A row's score is its class (times `effect`), an effect of its group,
 * one of its group and class, and noise. Whose rows are positive: lesion:  45 % of groups have
 * positive rows, a third of theirs on average; the others none every:   all groups have rows of
 * both classes patient: 40 % of groups are positive, with all rows */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <redux.h>

enum { LESION, EVERY, PATIENT, KINDS };
enum { REPETITIONS = 1000, RESAMPLES = 400, MOST_GROUPS = 40000, MOST_ROWS = 16 * MOST_GROUPS };

typedef struct sample {
    int64_t n;
    int32_t labels[MOST_ROWS];
    int64_t groups[MOST_ROWS];
    double scores[MOST_ROWS];
    redux_tensor label_tensor, group_tensor, score_tensor;
    redux_predictions predictions;
} sample;

typedef struct tally {
    int given, held;
    double width;
} tally;

static void check(redux_status status)
{
    if (status == REDUX_OK)
        return;
    fprintf(stderr, "interval_study: %s\n", redux_error_message());
    exit(1);
}

/* A share with mean 1/3 (LESION) or 2/5: the first order statistics of uniform values. */
static double share(const redux_random_key *key, int kind)
{
    double least = 1;
    for (uint32_t i = 0; i < 2; i++)
        least = fmin(least, redux_random_uniform(key, 10 + i));
    return kind == LESION ? least : 0.1 + 0.9 * least;
}

static void wrap(sample *s)
{
    const int64_t shape[] = {s->n};
    const redux_predictions defaults = REDUX_PREDICTIONS_INIT;
    check(redux_tensor_borrow(&s->label_tensor, s->labels, REDUX_INT32, 1, shape, NULL));
    check(redux_tensor_borrow(&s->group_tensor, s->groups, REDUX_INT64, 1, shape, NULL));
    check(redux_tensor_borrow(&s->score_tensor, s->scores, REDUX_FLOAT64, 1, shape, NULL));
    s->predictions = defaults;
    s->predictions.labels = &s->label_tensor;
    s->predictions.groups = &s->group_tensor;
    s->predictions.scores = &s->score_tensor;
}

static void draw(sample *s, int kind, int64_t groups, double effect, uint64_t seed)
{
    s->n = 0;
    for (int64_t g = 0; g < groups; g++) {
        const redux_random_key key = {seed, 0, 1, (uint64_t)g};
        const int64_t rows = 4 + (int64_t)redux_random_below(&key, 0, 13);
        const double own = redux_random_normal(&key, 1), of_class = redux_random_normal(&key, 2);
        const double chosen = redux_random_uniform(&key, 3);
        const double positive = kind == PATIENT                    ? (double)(chosen < 0.4)
                                : kind == LESION && chosen >= 0.45 ? 0
                                                                   : share(&key, kind);
        for (int64_t r = 0; r < rows; r++) {
            const redux_random_key row = {seed, 1, (uint32_t)r, (uint64_t)g};
            const int label = redux_random_uniform(&row, 0) < positive;
            s->labels[s->n] = label;
            s->groups[s->n] = g;
            s->scores[s->n++] = effect * label + sqrt(0.5) * (0.8 * own + 0.6 * label * of_class) +
                                sqrt(0.5) * redux_random_normal(&row, 1);
        }
    }
    for (int64_t i = 0; i < s->n; i++)
        s->scores[i] = 1 / (1 + exp(-s->scores[i]));
    wrap(s);
}

static void count(tally *t, double low, double high, double truth)
{
    if (isnan(low))
        return;
    t->given++;
    t->held += low <= truth && truth <= high;
    t->width += high - low;
}

static void put(const tally *t)
{
    if (t->given == 0)
        printf(" - |");
    else
        printf(" %.1f (%.2f) |", 100.0 * t->held / t->given, t->width / t->given);
}

static void study(sample *s, redux_context *context, int kind, int64_t groups, double effect,
                  double truth)
{
    static const char *const names[KINDS] = {"lesion", "every", "patient"};
    tally tallies[3] = {{0, 0, 0}};
    for (int i = 0; i < REPETITIONS; i++) {
        redux_scores low = REDUX_SCORES_INIT, high = REDUX_SCORES_INIT;
        draw(s, kind, groups, effect, (uint64_t)i + 1);
        check(redux_scores_interval(&low, &high, context, &s->predictions, 0.95));
        count(&tallies[0], low.auc, high.auc, truth);
        for (int rows = 0; rows < 2 && effect == 1; rows++) { /* these take long */
            if (rows)
                s->predictions.groups = NULL;
            check(redux_scores_bootstrap(&low, &high, context, &s->predictions, RESAMPLES, 0.95,
                                         (uint64_t)i));
            count(&tallies[1 + rows], low.auc, high.auc, truth);
        }
    }
    printf("| %s | %.3f | %lld | %d |", names[kind], truth, (long long)groups, tallies[0].given);
    for (int i = 0; i < 3; i++)
        put(&tallies[i]);
    printf("\n");
    fflush(stdout);
}

int main(void)
{
    static const double effects[] = {0.3, 1.0, 2.2};
    static const int64_t sizes[] = {10, 20, 40, 84};
    redux_context *context = NULL;
    sample *s = malloc(sizeof *s);
    check(redux_context_new(&context, NULL));
    if (s == NULL)
        return 1;
    printf("| rows | true AUC | groups | given | interval over groups | bootstrap of groups | "
           "bootstrap of rows |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (int kind = 0; kind < KINDS; kind++)
        for (int e = 0; e < 3; e++) {
            redux_scores truth = REDUX_SCORES_INIT;
            draw(s, kind, MOST_GROUPS, effects[e], 0);
            check(redux_scores_compute(&truth, context, &s->predictions));
            for (int g = 0; g < 4; g++)
                study(s, context, kind, sizes[g], effects[e], truth.auc);
        }
    redux_context_free(context);
    free(s);
    return 0;
}
