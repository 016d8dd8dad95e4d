/* SPDX-License-Identifier: MIT
 * Splits by group: folds and shares, as balanced in every class as whole groups allow. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <redux/random.h>
#include "labels.h"

#define OPERATION_SPLIT 0x73706c74u /* keys the random order of groups */

typedef struct group {
    int64_t number, rows;
    uint64_t key; /* random */
} group;

/* The rows that are dealt out, by group, and what each part has received. */
typedef struct dealer {
    const redux_labels *labels;
    int64_t classes, parts;
    const double *shares; /* [parts] */
    int64_t *counts;      /* [groups, classes] */
    int64_t *totals;      /* [classes] */
    int64_t *got;         /* [parts, classes] */
    int64_t *got_rows;    /* [parts] */
    group *order;         /* groups that have rows */
    int64_t groups;
    uint8_t *part_of; /* [groups of the labels] */
} dealer;

/* Large groups first, so that small ones even things out; in random order within a factor of two,
 * so that each seed has a split of its own. */
static int compare_groups(const void *a, const void *b)
{
    const group *x = a, *y = b;
    const int of_x = ilogb((double)x->rows), of_y = ilogb((double)y->rows);
    if (of_x != of_y)
        return of_x > of_y ? -1 : 1;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static void count_rows(dealer *d, const uint8_t *taking, uint64_t seed)
{
    for (int64_t i = 0; i < d->labels->count; i++) {
        const redux_label_row *row = &d->labels->rows[i];
        if (taking != NULL && !taking[i])
            continue;
        d->counts[row->group * d->classes + row->label]++;
        d->totals[row->label]++;
    }
    d->groups = 0;
    for (int64_t g = 0; g < d->labels->group_count; g++) {
        redux_random_key key = {seed, 0, OPERATION_SPLIT, (uint64_t)g};
        group *entry = &d->order[d->groups];
        *entry = (group){g, 0, 0};
        for (int64_t c = 0; c < d->classes; c++)
            entry->rows += d->counts[g * d->classes + c];
        entry->key = (uint64_t)redux_random_u32(&key, 0) << 32 | redux_random_u32(&key, 1);
        d->groups += entry->rows > 0;
    }
    qsort(d->order, (size_t)d->groups, sizeof *d->order, compare_groups);
}

/* How much the group would unbalance the classes of the part. */
static double cost(const dealer *d, int64_t part, int64_t group_number)
{
    const int64_t *more = d->counts + group_number * d->classes;
    const int64_t *has = d->got + part * d->classes;
    double sum = 0;
    for (int64_t c = 0; c < d->classes; c++) {
        const double before = (double)has[c], after = before + (double)more[c];
        if (more[c] > 0)
            sum +=
                (after * after - before * before) / ((double)d->totals[c] * (double)d->totals[c]);
    }
    return sum / d->shares[part];
}

static void deal(dealer *d)
{
    for (int64_t i = 0; i < d->groups; i++) {
        const group *g = &d->order[i];
        int64_t best = 0;
        double least = cost(d, 0, g->number);
        for (int64_t p = 1; p < d->parts; p++) {
            const double c = cost(d, p, g->number);
            if (c < least || (c == least && (double)d->got_rows[p] / d->shares[p] <
                                                (double)d->got_rows[best] / d->shares[best])) {
                least = c;
                best = p;
            }
        }
        for (int64_t c = 0; c < d->classes; c++)
            d->got[best * d->classes + c] += d->counts[g->number * d->classes + c];
        d->got_rows[best] += g->rows;
        d->part_of[g->number] = (uint8_t)best;
    }
}

/* Deals the rows of `taking` (NULL: all) out to parts; part_of[group]. */
static redux_status deal_groups(uint8_t *part_of, redux_context *context,
                                const redux_labels *labels, const uint8_t *taking,
                                const double *shares, int64_t parts, uint64_t seed)
{
    const uint64_t groups = (uint64_t)labels->group_count, classes = (uint64_t)labels->class_count;
    dealer d = {.labels = labels, .classes = labels->class_count, .parts = parts, .shares = shares};
    void *numbers, *order = NULL;
    const uint64_t p = (uint64_t)parts;
    RDX_TRY(rdx_alloc_zero(context, &numbers, (groups + p + 1) * classes + p, sizeof(int64_t)));
    d.part_of = part_of;
    d.counts = numbers;
    d.totals = d.counts + groups * classes;
    d.got = d.totals + classes;
    d.got_rows = d.got + p * classes;
    redux_status status = rdx_alloc(context, &order, groups + 1, sizeof(group));
    if (status == REDUX_OK) {
        d.order = order;
        count_rows(&d, taking, seed);
        if (d.groups < parts)
            status = rdx_fail(REDUX_E_INVALID, "%lld groups cannot make %lld parts: use fewer",
                              (long long)d.groups, (long long)parts);
        else
            deal(&d);
    }
    rdx_free(order);
    rdx_free(numbers);
    return status;
}

/* ---- the three methods ---- */

static redux_status by_folds(uint8_t *split, redux_context *context, const redux_labels *labels,
                             const redux_split_options *options, uint8_t *part_of)
{
    double shares[255];
    const int32_t folds = options->folds, next = (options->fold + 1) % options->folds;
    for (int32_t f = 0; f < folds; f++)
        shares[f] = 1.0 / folds;
    RDX_TRY(deal_groups(part_of, context, labels, NULL, shares, folds, options->seed));
    for (int64_t i = 0; i < labels->count; i++) {
        const int32_t fold = part_of[labels->rows[i].group];
        split[i] = fold == options->fold ? REDUX_SPLIT_TEST
                   : fold == next        ? REDUX_SPLIT_VALIDATION
                                         : REDUX_SPLIT_TRAIN;
    }
    return REDUX_OK;
}

static redux_status by_shares(uint8_t *split, redux_context *context, const redux_labels *labels,
                              const redux_split_options *options, uint8_t *part_of)
{
    const double shares[3] = {1 - options->validation - options->test, options->validation,
                              options->test};
    RDX_TRY(deal_groups(part_of, context, labels, NULL, shares, 3, options->seed));
    for (int64_t i = 0; i < labels->count; i++)
        split[i] = part_of[labels->rows[i].group];
    return REDUX_OK;
}

static redux_status by_table(uint8_t *split, redux_context *context, const redux_labels *labels,
                             const redux_split_options *options, uint8_t *part_of)
{
    const double shares[2] = {1 - options->validation, options->validation};
    bool has_validation = false;
    if (!labels->has_splits)
        return rdx_fail(REDUX_E_INVALID, "the labels have no splits: name their column, or ask "
                                         "for folds or shares");
    for (int64_t i = 0; i < labels->count; i++) {
        split[i] = (uint8_t)labels->rows[i].split;
        has_validation = has_validation || split[i] == REDUX_SPLIT_VALIDATION;
    }
    if (has_validation)
        return REDUX_OK;
    for (int64_t i = 0; i < labels->count; i++)
        split[i] = labels->rows[i].split == REDUX_SPLIT_TRAIN;
    RDX_TRY(deal_groups(part_of, context, labels, split, shares, 2, options->seed));
    for (int64_t i = 0; i < labels->count; i++) {
        const bool moves =
            labels->rows[i].split == REDUX_SPLIT_TRAIN && part_of[labels->rows[i].group] == 1;
        split[i] = moves ? REDUX_SPLIT_VALIDATION : (uint8_t)labels->rows[i].split;
    }
    return REDUX_OK;
}

/* ---- checks ---- */

static redux_status check_options(const redux_split_options *o)
{
    if (o->method < REDUX_SPLIT_BY_TABLE || o->method > REDUX_SPLIT_BY_SHARES)
        return rdx_fail(REDUX_E_INVALID, "redux_split_options: method is %d", (int)o->method);
    if (o->method == REDUX_SPLIT_BY_FOLDS &&
        (o->folds < 3 || o->folds > 255 || o->fold < 0 || o->fold >= o->folds))
        return rdx_fail(REDUX_E_INVALID, "fold %d of %d: 3 to 255 folds", (int)o->fold,
                        (int)o->folds);
    if (!(o->validation > 0 && o->test > 0 && o->validation + o->test < 1))
        return rdx_fail(REDUX_E_INVALID,
                        "shares of %g for validation and %g for test: both must be above 0, and "
                        "their sum below 1",
                        o->validation, o->test);
    return REDUX_OK;
}

static redux_status check_split(const uint8_t *split, const redux_labels *labels)
{
    static const char *const names[] = {"training", "validation", "test"};
    int64_t count[4] = {0};
    int32_t first = -1;
    bool differs = false;
    for (int64_t i = 0; i < labels->count; i++) {
        count[split[i]]++;
        if (split[i] != REDUX_SPLIT_TRAIN)
            continue;
        differs = differs || (first >= 0 && first != labels->rows[i].label);
        first = labels->rows[i].label;
    }
    for (int s = 0; s < 3; s++)
        if (count[s] == 0)
            return rdx_fail(
                REDUX_E_INVALID,
                "the %s split has no rows: name another column of splits, or divide the "
                "groups by folds or shares instead",
                names[s]);
    if (!differs)
        return rdx_fail(REDUX_E_INVALID, "the training split is all of class '%.80s'",
                        labels->classes[first]);
    return REDUX_OK;
}

redux_status redux_labels_split(uint8_t *split, redux_context *context, const redux_labels *labels,
                                const redux_split_options *options)
{
    redux_split_options known = REDUX_SPLIT_OPTIONS_INIT;
    redux_status status;
    void *part_of;
    if (split == NULL || labels == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_labels_split: an argument is NULL");
    RDX_TRY(rdx_read_options(&known, sizeof known, options, "redux_split_options"));
    RDX_TRY(check_options(&known));
    RDX_TRY(rdx_alloc_zero(context, &part_of, (uint64_t)labels->group_count, 1));
    if (known.method == REDUX_SPLIT_BY_FOLDS)
        status = by_folds(split, context, labels, &known, part_of);
    else if (known.method == REDUX_SPLIT_BY_SHARES)
        status = by_shares(split, context, labels, &known, part_of);
    else
        status = by_table(split, context, labels, &known, part_of);
    rdx_free(part_of);
    return status == REDUX_OK ? check_split(split, labels) : status;
}
