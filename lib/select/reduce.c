/* SPDX-License-Identifier: MIT
 * The strategies: from options to a row for every slice. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "manifest_read.h"

/* ---- the budget in slices ---- */

static void count_readable(redux_reduction *reduction)
{
    redux_reduce_summary *summary = &reduction->summary;
    int64_t last_volume = -1;
    summary->slices = summary->volumes = 0;
    for (int64_t i = 0; i < reduction->row_count; i++) {
        if (reduction->rows[i].skipped)
            continue;
        summary->slices++;
        summary->volumes += reduction->rows[i].volume != last_volume;
        last_volume = reduction->rows[i].volume;
    }
}

/* Lists the readable rows of a group, in order (NULL: only counts them); returns how many. */
static int64_t readable_of_group(const redux_reduction *reduction, const rdx_walk *walk,
                                 int64_t group, int64_t *rows)
{
    int64_t count = 0;
    for (int64_t p = walk->start[group]; p < walk->start[group + 1]; p++) {
        if (reduction->rows[walk->rows[p]].skipped)
            continue;
        if (rows != NULL)
            rows[count] = walk->rows[p];
        count++;
    }
    return count;
}

/* How many slices of a group are kept where each has its own budget: one at least. */
static int64_t budget_of_group(const rdx_judging *judging, int64_t group)
{
    const int64_t count = readable_of_group(judging->reduction, judging->walk, group, NULL);
    const int64_t budget = redux_reduce_budget(&judging->reduction->options, count);
    return RDX_MIN(RDX_MAX(budget, 1), count);
}

/* The budget of all groups, and how many of them have readable slices. */
static int64_t count_groups(int64_t *groups, const rdx_judging *judging)
{
    int64_t budget = 0;
    *groups = 0;
    for (int64_t g = 0; g < judging->walk->groups; g++) {
        *groups += readable_of_group(judging->reduction, judging->walk, g, NULL) > 0;
        if (judging->reduction->options.each_group)
            budget += budget_of_group(judging, g);
    }
    return budget;
}

static redux_status settle_budget(rdx_judging *judging)
{
    redux_reduction *reduction = judging->reduction;
    const redux_reduce_options *options = &reduction->options;
    redux_reduce_summary *summary = &reduction->summary;
    int64_t groups;
    count_readable(reduction);
    judging->budget = summary->budget = -1;
    if (summary->slices == 0 && (options->update != NULL || judging->stream->wanted != NULL))
        return REDUX_OK; /* there is nothing new, or only in other parts */
    if (summary->slices == 0)
        return rdx_fail(REDUX_E_NOT_FOUND, "none of %lld slices could be read: %s",
                        (long long)reduction->row_count,
                        reduction->skips.count > 0 ? reduction->skips.list[0].reason : "no input");
    const int64_t of_groups = count_groups(&groups, judging);
    if (redux_reduce_budget(options, 0) < 0)
        return REDUX_OK;
    summary->budget =
        options->each_group ? of_groups : redux_reduce_budget(options, summary->slices);
    if (summary->budget < groups)
        return rdx_fail(
            REDUX_E_INVALID, "a budget of %lld slices is less than one for each of %lld %ss",
            (long long)summary->budget, (long long)groups, redux_scope_name(options->scope));
    judging->budget = summary->budget = RDX_MIN(summary->budget, summary->slices);
    return REDUX_OK;
}

/* ---- part by part ---- */

static void note_threshold(redux_reduce_summary *summary)
{
    const double t = summary->threshold;
    if (isnan(t))
        return;
    if (isnan(summary->threshold_low) || t < summary->threshold_low)
        summary->threshold_low = t;
    if (isnan(summary->threshold_high) || t > summary->threshold_high)
        summary->threshold_high = t;
}

/* Judges everything at once or, where each group has its own budget, group by group. */
static redux_status judge_parts(const rdx_judging *judging,
                                redux_status (*judge)(const rdx_judging *part))
{
    redux_reduce_summary *summary = &judging->reduction->summary;
    const rdx_walk *walk = judging->walk;
    int32_t is_exact = 1;
    if (!judging->reduction->options.each_group)
        return judge(judging);
    redux_status status = REDUX_OK;
    for (int64_t g = 0; g < walk->groups && status == REDUX_OK; g++) {
        int64_t start[2] = {0, walk->start[g + 1] - walk->start[g]};
        const rdx_walk one = {1, start, walk->rows + walk->start[g]};
        rdx_judging part = *judging;
        part.walk = &one;
        if (!rdx_rank_owns(judging, g))
            continue;
        part.budget = budget_of_group(judging, g);
        if (part.budget > 0)
            status = judge(&part);
        note_threshold(summary);
        is_exact = is_exact && summary->threshold_is_exact;
    }
    RDX_TRY(rdx_ranks_share_groups(judging, status, is_exact));
    summary->threshold =
        summary->threshold_low == summary->threshold_high ? summary->threshold_low : (double)NAN;
    return REDUX_OK;
}

/* ---- all, every-n ---- */

static void keep_all(const rdx_judging *judging)
{
    for (int64_t p = 0; p < rdx_walk_count(judging->walk); p++) {
        redux_row *row = &judging->reduction->rows[judging->walk->rows[p]];
        row->kept = !row->skipped;
    }
}

redux_status rdx_judge_all(rdx_judging *judging)
{
    keep_all(judging);
    return REDUX_OK;
}

/* Finds the nearest kept row in the walk for each dropped one, the earlier of two, from both
 * sides. */
static void nearest_kept(redux_reduction *reduction, const int64_t *rows, int64_t count)
{
    for (int64_t p = 0, last = -1; p < count; p++) {
        redux_row *row = &reduction->rows[rows[p]];
        if (row->kept)
            last = p;
        row->witness = row->kept || last < 0 ? RDX_NO_WITNESS : rows[last];
        row->score = row->kept || last < 0 ? (double)NAN : (double)(p - last);
    }
    for (int64_t p = count - 1, next = -1; p >= 0; p--) {
        redux_row *row = &reduction->rows[rows[p]];
        if (row->kept)
            next = p;
        else if (next >= 0 && (row->witness < 0 || (double)(next - p) < row->score)) {
            row->witness = rows[next];
            row->score = (double)(next - p);
        }
    }
}

static int64_t kept_by_every_n(const redux_reduction *reduction, const rdx_walk *walk, int64_t n,
                               int64_t *rows)
{
    int64_t kept = 0;
    for (int64_t g = 0; g < walk->groups; g++)
        kept += (readable_of_group(reduction, walk, g, rows) + n - 1) / n;
    return kept;
}

static redux_status keep_every_n(const rdx_judging *judging)
{
    redux_context *context = judging->context;
    redux_reduction *reduction = judging->reduction;
    const rdx_walk *walk = judging->walk;
    redux_reduce_summary *summary = &reduction->summary;
    redux_status status = REDUX_OK;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)rdx_walk_count(walk), sizeof(int64_t)));
    int64_t *rows = block, n = 1;
    if (judging->budget < 0) {
        n = (int64_t)reduction->options.threshold;
    } else { /* the number kept falls with n, so bisect */
        int64_t low = 1, high = RDX_MAX(rdx_walk_count(walk), 1);
        while (low < high) {
            const int64_t middle = low + (high - low) / 2;
            if (kept_by_every_n(reduction, walk, middle, rows) <= judging->budget)
                high = middle;
            else
                low = middle + 1;
        }
        n = low;
    }
    summary->threshold = (double)n;
    for (int pass = 0; pass < 2 && status == REDUX_OK; pass++) {
        for (int64_t g = 0; g < walk->groups; g++) {
            const int64_t count = readable_of_group(reduction, walk, g, rows);
            for (int64_t p = 0; pass == 0 && p < count; p++)
                reduction->rows[rows[p]].kept = p % n == 0;
            nearest_kept(reduction, rows, count);
        }
        if (pass == 0 && judging->budget >= 0)
            status = rdx_refill(judging, false);
    }
    rdx_free(block);
    return status;
}

redux_status rdx_judge_every_n(rdx_judging *judging)
{
    return judge_parts(judging, keep_every_n);
}

/* ---- entropy ---- */

static int compare_descending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The lowest bound that at most `budget` entropies reach. */
static redux_status entropy_bound(double *bound, const rdx_judging *judging,
                                  const double *entropies)
{
    const rdx_walk *walk = judging->walk;
    const int64_t budget = judging->budget;
    int64_t count = 0;
    void *block;
    RDX_TRY(rdx_alloc(judging->context, &block, (uint64_t)rdx_walk_count(walk), sizeof(double)));
    double *sorted = block;
    for (int64_t p = 0; p < rdx_walk_count(walk); p++)
        if (!judging->reduction->rows[walk->rows[p]].skipped)
            sorted[count++] = entropies[walk->rows[p]];
    qsort(sorted, (size_t)count, sizeof *sorted, compare_descending);
    *bound = (double)NAN;
    if (budget < count) {
        int64_t last = budget - 1; /* the last of those kept, if the next is lower */
        while (last >= 0 && sorted[last] == sorted[budget])
            last--;
        *bound = last >= 0 ? sorted[last] : nextafter(sorted[budget], (double)INFINITY);
    }
    rdx_free(block);
    return REDUX_OK;
}

static redux_status keep_by_entropy(const rdx_judging *judging)
{
    redux_reduction *reduction = judging->reduction;
    const double *entropies = judging->stream->stages[0].cache.data;
    double bound = reduction->options.threshold;
    if (judging->budget >= 0)
        RDX_TRY(entropy_bound(&bound, judging, entropies));
    reduction->summary.threshold = bound;
    for (int64_t p = 0; p < rdx_walk_count(judging->walk); p++) {
        const int64_t i = judging->walk->rows[p];
        redux_row *row = &reduction->rows[i];
        if (row->skipped)
            continue;
        if (entropies[i] < bound)
            rdx_row_drop(row, RDX_NO_WITNESS, entropies[i]);
        else
            rdx_row_keep(row);
    }
    return judging->budget < 0 ? REDUX_OK : rdx_refill(judging, false);
}

redux_status rdx_judge_by_entropy(rdx_judging *judging)
{
    return judge_parts(judging, keep_by_entropy);
}

/* ---- strategies with a metric ---- */

/* The metric of one stage or of both; metrics[i] are those to free. */
static redux_status make_metric(const redux_metric **out, redux_metric *metrics[3],
                                redux_context *context, const redux_reduce_options *options)
{
    *out = options->metric; /* the caller's, or NULL */
    if (*out == NULL) {
        RDX_TRY(rdx_strategy_metric(&metrics[0], context, options, options->strategy));
        *out = metrics[0];
    }
    if (!rdx_options_have_stages(options))
        return REDUX_OK;
    RDX_TRY(rdx_strategy_metric(&metrics[1], context, options, options->then));
    RDX_TRY(rdx_two_stage_new(&metrics[2], context, *out, options->threshold, metrics[1]));
    *out = metrics[2];
    return REDUX_OK;
}

static void free_metrics(redux_metric *metrics[3])
{
    for (int i = 2; i >= 0; i--)
        redux_metric_free(metrics[i]);
}

/* Whether the first of two stages passes everything that the second accepts: the same metric, no
 * stricter. */
static bool proposes_all(const redux_reduce_options *options, const redux_metric *metric)
{
    if (options->then != options->strategy)
        return false;
    return rdx_is_redundant(metric, options->then_threshold, options->threshold);
}

/* The threshold of the last stage that is not a budget's: given, or from the calibration. */
static redux_status settle_threshold(rdx_judging *judging)
{
    redux_reduction *reduction = judging->reduction;
    const redux_reduce_options *options = &reduction->options;
    judging->threshold =
        rdx_options_have_stages(options) ? options->then_threshold : options->threshold;
    reduction->summary.then_is_exact = proposes_all(options, judging->metric);
    if (options->calibrate || !isnan(options->false_drops))
        RDX_TRY(rdx_calibration_make(&reduction->calibration, judging->stream, judging->metric));
    if (!isnan(options->false_drops))
        judging->threshold =
            redux_calibration_threshold(reduction->calibration, options->false_drops);
    return REDUX_OK;
}

/* Images found unreadable only while they are scored make the input smaller, and the budget with
 * it. */
static redux_status budget_threshold(double *threshold, rdx_judging *part)
{
    redux_reduction *reduction = part->reduction;
    RDX_TRY(rdx_budget_threshold(threshold, &reduction->summary.threshold_is_exact, part));
    if (!reduction->options.each_group)
        return settle_budget(part);
    part->budget = RDX_MIN(part->budget, readable_of_group(reduction, part->walk, 0, NULL));
    return REDUX_OK;
}

static redux_status keep_by_metric(const rdx_judging *judging)
{
    redux_context *context = judging->context;
    redux_reduction *reduction = judging->reduction;
    redux_reduce_summary *summary = &reduction->summary;
    rdx_judging part = *judging;
    const rdx_strategy_entry *strategy = rdx_strategy_of(reduction->options.strategy);
    double threshold = judging->threshold;
    int64_t kept = 0;
    if (strategy->judge_budget != NULL)
        return strategy->judge_budget(&summary->threshold, &part);
    if (part.budget >= 0 && reduction->options.rule == REDUX_RULE_K_CENTRE)
        return rdx_k_centre_budget(&summary->threshold, &part);
    if (part.budget >= 0)
        RDX_TRY(budget_threshold(&threshold, &part));
    /* With two stages, the threshold of the first; that of the second is beside it. */
    summary->threshold =
        rdx_options_have_stages(&reduction->options) ? reduction->options.threshold : threshold;
    if (isnan(threshold)) {
        keep_all(&part);
        return REDUX_OK;
    }
    RDX_TRY(rdx_base_open(reduction, context, part.metric, threshold));
    RDX_TRY(rdx_greedy(&kept, &part, threshold));
    if (part.budget >= 0)
        return rdx_refill(&part, !redux_metric_is_distance(part.metric));
    return REDUX_OK;
}

static redux_status rate_threshold(const rdx_judging *judging)
{
    redux_reduction *reduction = judging->reduction;
    redux_context *context = judging->context;
    const double threshold = rdx_options_have_stages(&reduction->options)
                                 ? judging->threshold
                                 : reduction->summary.threshold;
    reduction->summary.false_drops = redux_calibration_rate(reduction->calibration, threshold);
    return redux_calibration_error(&reduction->summary.false_drops_error, context,
                                   reduction->calibration, threshold);
}

redux_status rdx_judge_by_metric(rdx_judging *judging)
{
    redux_reduction *reduction = judging->reduction;
    redux_metric *metrics[3] = {NULL, NULL, NULL};
    redux_status status =
        make_metric(&judging->metric, metrics, judging->context, &reduction->options);
    if (status == REDUX_OK)
        status = settle_threshold(judging);
    if (status == REDUX_OK)
        status = judge_parts(judging, keep_by_metric);
    if (status == REDUX_OK && reduction->calibration != NULL)
        status = rate_threshold(judging);
    if (reduction->base.exemplars != NULL) { /* its metric is freed; its names are still needed */
        redux_exemplars_free(reduction->base.exemplars);
        reduction->base.exemplars = NULL;
    }
    free_metrics(metrics);
    return status;
}

/* ---- the whole ---- */

static redux_status run_strategy(rdx_judging *judging)
{
    redux_reduction *reduction = judging->reduction;
    const redux_reduce_options *options = &reduction->options;
    const bool has_budget = redux_reduce_budget(options, 0) >= 0;
    /* Images are read when they are compared, unless a budget must know beforehand how many are
     * readable. */
    if (!judging->stream->has_images || (options->skip_errors && has_budget))
        RDX_TRY(rdx_stream_read(judging->stream));
    RDX_TRY(settle_budget(judging));
    return rdx_strategy_of(options->strategy)->judge(judging);
}

/* Rows of an earlier result count with the new ones. */
static redux_status count_update(redux_reduction *reduction)
{
    redux_reduce_summary *summary = &reduction->summary;
    const redux_manifest *manifest = reduction->options.update;
    const int64_t rows = manifest == NULL ? 0 : redux_manifest_row_count(manifest);
    for (int64_t i = 0; i < rows; i++) {
        redux_manifest_row row;
        RDX_TRY(redux_manifest_get_row(&row, manifest, i));
        summary->kept += row.kept;
    }
    summary->updated = rows;
    summary->slices += rows;
    if (manifest != NULL)
        summary->volumes += rdx_manifest_inputs(manifest);
    return REDUX_OK;
}

/* Groups of the dataset that the other set has, too: the same patients on both sides. */
static redux_status count_shared(redux_context *context, redux_reduction *reduction)
{
    const redux_dataset *other = reduction->options.against, *own = reduction->dataset;
    int64_t *shared = &reduction->summary.shared_groups;
    void *block;
    *shared = -1;
    if (other == NULL || !rdx_dataset_is_grouped(other) || !rdx_dataset_is_grouped(own))
        return REDUX_OK;
    const size_t count = (size_t)redux_dataset_group_count(other);
    RDX_TRY(rdx_alloc(context, &block, count, sizeof(char *)));
    const char **names = block;
    for (size_t g = 0; g < count; g++)
        names[g] = redux_dataset_group_name(other, (int64_t)g);
    qsort(names, count, sizeof *names, rdx_compare_texts);
    *shared = 0;
    for (int64_t g = 0; g < redux_dataset_group_count(own); g++) {
        const char *name = redux_dataset_group_name(own, g);
        *shared += bsearch(&name, names, count, sizeof *names, rdx_compare_texts) != NULL;
    }
    rdx_free(block);
    return REDUX_OK;
}

redux_status rdx_reduction_count(redux_reduction *reduction, redux_context *context)
{
    redux_reduce_summary *summary = &reduction->summary;
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)reduction->row_count, sizeof(int64_t)));
    int64_t *replaced = block;
    for (int64_t i = 0; i < reduction->row_count; i++) {
        const redux_row *row = &reduction->rows[i];
        summary->kept += row->kept;
        summary->flat += row->flat != 0;
        summary->leaked +=
            rdx_is_base_witness(reduction, row->witness) && reduction->options.against != NULL;
        if (row->kept ||
            (row->witness != RDX_NO_WITNESS && !rdx_is_base_witness(reduction, row->witness)))
            replaced[row->kept ? i : row->witness]++;
    }
    for (int64_t i = 0; i < reduction->row_count; i++)
        summary->largest = RDX_MAX(summary->largest, replaced[i]);
    rdx_free(block);
    if (reduction->options.against != NULL)
        summary->against = reduction->base.count;
    RDX_TRY(count_shared(context, reduction));
    return count_update(reduction);
}

static redux_status check_dataset(const redux_reduce_options *options, redux_context *context,
                                  const redux_dataset *dataset)
{
    if (options->embeddings != NULL)
        RDX_TRY(rdx_embeddings_check(options->embeddings, redux_dataset_slice_count(dataset)));
    if (options->against_embeddings != NULL)
        RDX_TRY(rdx_embeddings_check(options->against_embeddings,
                                     redux_dataset_slice_count(options->against)));
    return options->update == NULL ? REDUX_OK : rdx_update_check_volumes(options, context, dataset);
}

/* The same where nothing is grouped: results name what was compared. */
static void settle_scope(redux_reduction *reduction)
{
    redux_reduce_options *options = &reduction->options;
    if (options->scope == REDUX_SCOPE_GROUP && !rdx_dataset_is_grouped(reduction->dataset))
        options->scope = REDUX_SCOPE_VOLUME;
}

/* judge: run_strategy, or, where the rows are judged, settle_budget, which counts them. */
static redux_status judge_all(redux_context *context, redux_reduction *reduction,
                              rdx_stream *stream, redux_status (*judge)(rdx_judging *judging))
{
    redux_reduce_options *options = &reduction->options;
    rdx_walk walk;
    settle_scope(reduction);
    RDX_TRY(rdx_walk_init(&walk, context, reduction->dataset, options->scope, options->order));
    if (stream->wanted != NULL)
        rdx_walk_filter(&walk, reduction->rows);
    stream->together = reduction->owner != NULL && walk.groups == 1;
    rdx_judging judging = {
        .context = context, .reduction = reduction, .stream = stream, .walk = &walk};
    redux_status status = judge(&judging);
    if (status == REDUX_OK) {
        count_readable(reduction);
        count_groups(&reduction->summary.groups, &judging);
        if (reduction->summary.slices == 0)
            status = settle_budget(&judging);
    }
    if (stream->has_images && rdx_options_resize(options))
        reduction->summary.compared_size = options->size;
    rdx_walk_clear(&walk);
    return status;
}

redux_status rdx_reduction_count_judged(redux_reduction *reduction, redux_context *context)
{
    rdx_stream judged = {.has_images = true}; /* which is why the parts judged */
    return judge_all(context, reduction, &judged, settle_budget);
}

/* Marks the slices of other parts. */
static void mark_others(redux_reduction *reduction, const rdx_stream *stream)
{
    for (int64_t row = 0, i = 0; stream->wanted != NULL && row < reduction->row_count; row++)
        if (i < stream->wanted_count && stream->wanted[i] == row)
            i++;
        else
            reduction->rows[row].skipped = RDX_OTHER_PART;
}

void rdx_reduction_bind(rdx_stream *stream, redux_context *context, redux_reduction *reduction)
{
    stream->context = context;
    stream->dataset = reduction->dataset;
    stream->options = &reduction->options;
    stream->embeddings = reduction->options.embeddings;
    stream->rows = reduction->rows;
    stream->skips = &reduction->skips;
    stream->owner = reduction->owner;
    stream->shared = reduction;
    mark_others(reduction, stream);
}

redux_status rdx_reduction_run(redux_reduction *reduction, rdx_stream *stream)
{
    RDX_TRY(rdx_stream_open(stream));
    const redux_status status = judge_all(stream->context, reduction, stream, run_strategy);
    rdx_stream_close(stream);
    return status;
}

static void free_captured(redux_reduction *reduction)
{
    for (int i = 0; i < 2; i++)
        rdx_free(reduction->captured[i].bytes);
}

redux_status rdx_reduction_new(redux_reduction **out, redux_context *context,
                               const redux_dataset *dataset, const redux_reduce_options *known)
{
    void *block;
    RDX_TRY(check_dataset(known, context, dataset));
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_reduction)));
    redux_reduction *reduction = *out = block;
    redux_reduce_summary *summary = &reduction->summary;
    reduction->dataset = dataset;
    reduction->options = *known;
    reduction->has_embeddings = known->embeddings != NULL;
    reduction->row_count = redux_dataset_slice_count(dataset);
    summary->default_threshold = rdx_options_default_threshold(known);
    summary->threshold = summary->threshold_low = summary->threshold_high = (double)NAN;
    summary->false_drops = summary->false_drops_error = (double)NAN;
    summary->threshold_is_exact = 1;
    const redux_status status = rdx_rows_new(&reduction->rows, context, dataset);
    if (status != REDUX_OK)
        redux_reduction_free(reduction);
    return status;
}

void rdx_reduction_settle(redux_reduction *reduction)
{
    /* The caller owns these; they are not read again. */
    reduction->options.embeddings = reduction->options.against_embeddings = NULL;
    reduction->options.metric = NULL;
    reduction->options.against_kept = NULL;
}

redux_status redux_reduce(redux_reduction **out, redux_context *context,
                          const redux_dataset *dataset, const redux_reduce_options *options)
{
    redux_reduce_options known = REDUX_REDUCE_OPTIONS_INIT;
    rdx_stream everything = {.wanted = NULL};
    redux_reduction *reduction;
    if (out == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_reduce: an argument is NULL");
    RDX_TRY(rdx_options_read(&known, options));
    RDX_TRY(rdx_reduction_new(&reduction, context, dataset, &known));
    redux_status status = rdx_ranks_begin(reduction, context);
    rdx_reduction_bind(&everything, context, reduction);
    if (status == REDUX_OK)
        status = rdx_agree(context, rdx_reduction_run(reduction, &everything));
    if (status == REDUX_OK)
        status = rdx_ranks_checksums(reduction, context);
    if (status == REDUX_OK)
        status = rdx_reduction_count(reduction, context);
    rdx_reduction_settle(reduction);
    if (status == REDUX_OK)
        *out = reduction;
    else
        redux_reduction_free(reduction);
    return status;
}

void redux_reduction_free(redux_reduction *reduction)
{
    if (reduction == NULL)
        return;
    rdx_skips_clear(&reduction->skips);
    rdx_free(reduction->rows);
    rdx_base_close(&reduction->base);
    free_captured(reduction);
    redux_calibration_free(reduction->calibration);
    rdx_free(reduction->checksums);
    rdx_free(reduction->owner);
    rdx_free(reduction);
}

/* ---- calibration alone ---- */

static redux_status calibrate_stream(redux_calibration **out, rdx_stream *stream)
{
    const redux_metric *metric = NULL;
    redux_metric *metrics[3] = {NULL, NULL, NULL};
    redux_status status = stream->has_images ? REDUX_OK : rdx_stream_read(stream);
    if (status == REDUX_OK)
        status = make_metric(&metric, metrics, stream->context, stream->options);
    if (status == REDUX_OK)
        status = rdx_calibration_make(out, stream, metric);
    free_metrics(metrics);
    return status;
}

redux_status redux_calibrate(redux_calibration **out, redux_context *context,
                             const redux_dataset *dataset, const redux_reduce_options *options)
{
    redux_reduce_options known = REDUX_REDUCE_OPTIONS_INIT;
    rdx_skips skips = {NULL, 0, 0};
    if (out == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_calibrate: an argument is NULL");
    RDX_TRY(rdx_options_read(&known, options));
    known.calibrate = 1;
    RDX_TRY(rdx_options_check(&known));
    RDX_TRY(check_dataset(&known, context, dataset));
    rdx_stream stream = {.context = context,
                         .dataset = dataset,
                         .options = &known,
                         .embeddings = known.embeddings,
                         .skips = &skips};
    RDX_TRY(rdx_rows_new(&stream.rows, context, dataset));
    redux_status status = rdx_stream_open(&stream);
    if (status == REDUX_OK) {
        status = calibrate_stream(out, &stream);
        rdx_stream_close(&stream);
    }
    rdx_skips_clear(&skips);
    rdx_free(stream.rows);
    return status;
}

/* ---- asking the result ---- */

redux_status redux_reduction_get_summary(redux_reduce_summary *out,
                                         const redux_reduction *reduction)
{
    if (reduction == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_reduction_get_summary: the reduction is NULL");
    return rdx_write_result(out, &reduction->summary, sizeof *out, "redux_reduce_summary");
}

int64_t redux_reduction_row_count(const redux_reduction *reduction)
{
    return reduction->row_count;
}

redux_status redux_reduction_get_row(redux_row *out, const redux_reduction *reduction,
                                     int64_t index)
{
    if (out == NULL || reduction == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_reduction_get_row: an argument is NULL");
    return redux_reduction_get_rows(out, reduction, index, 1);
}

redux_status rdx_check_rows(int64_t first, int64_t count, int64_t rows)
{
    if (first >= 0 && count >= 0 && first <= rows && count <= rows - first)
        return REDUX_OK;
    return rdx_fail(REDUX_E_INVALID, "there is no row %lld: there are %lld",
                    (long long)(first < 0 || first > rows ? first : rows), (long long)rows);
}

redux_status redux_reduction_get_rows(redux_row *out, const redux_reduction *reduction,
                                      int64_t first, int64_t count)
{
    if (out == NULL || reduction == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_reduction_get_rows: an argument is NULL");
    RDX_TRY(rdx_check_rows(first, count, reduction->row_count));
    for (int64_t i = 0; i < count; i++)
        out[i] = reduction->rows[first + i];
    return REDUX_OK;
}

redux_status redux_reduction_get_names(const char **sources, int64_t *slices,
                                       const redux_reduction *reduction, int64_t first,
                                       int64_t count)
{
    if (sources == NULL || slices == NULL || reduction == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_reduction_get_names: an argument is NULL");
    RDX_TRY(rdx_check_rows(first, count, reduction->row_count));
    for (int64_t i = 0; i < count; i++)
        RDX_TRY(rdx_dataset_row_name(&sources[i], &slices[i], reduction->dataset, first + i));
    return REDUX_OK;
}

redux_status redux_reduction_get_name(const char **source, int64_t *slice,
                                      const redux_reduction *reduction, int64_t row)
{
    if (source == NULL || slice == NULL || reduction == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_reduction_get_name: an argument is NULL");
    const int64_t other = row - rdx_base_witness(reduction, 0);
    if (row < 0 || other >= reduction->base.count)
        return rdx_fail(REDUX_E_INVALID, "there is no row %lld: there are %lld", (long long)row,
                        (long long)reduction->row_count);
    if (other >= 0) {
        *source = reduction->base.names[other].source;
        *slice = reduction->base.names[other].slice;
        return REDUX_OK;
    }
    return rdx_dataset_row_name(source, slice, reduction->dataset, row);
}

const redux_calibration *redux_reduction_calibration(const redux_reduction *reduction)
{
    return reduction->calibration;
}

int64_t redux_reduction_skipped_count(const redux_reduction *reduction)
{
    return reduction->skips.count;
}

const char *redux_reduction_skipped_source(const redux_reduction *reduction, int64_t index)
{
    return index >= 0 && index < reduction->skips.count ? reduction->skips.list[index].source
                                                        : NULL;
}

const char *redux_reduction_skipped_reason(const redux_reduction *reduction, int64_t index)
{
    return index >= 0 && index < reduction->skips.count ? reduction->skips.list[index].reason
                                                        : NULL;
}
