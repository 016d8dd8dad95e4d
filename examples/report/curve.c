/* SPDX-License-Identifier: MIT
 * Kept slices by threshold: by reducing again where that is cheap, else from the recorded scores.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "report.h"

/* Reducing again is cheap for so many slices, or if its recorded time makes it last so long. */
enum { CHEAP_SLICES = 2000, USUAL_POINTS = 9, CHEAP_SECONDS = 15 };

/* ---- which thresholds ---- */

/* Spreads thresholds around the one used, equally far to both sides. */
static void choose_thresholds(report_curve *curve, const redux_strategy_info *strategy,
                              double middle, int64_t points)
{
    const bool is_bounded = !strategy->is_distance && strategy->high <= 1;
    const int64_t half = points / 2 > 0 ? points / 2 : 1;
    curve->count = 0;
    for (int64_t k = -half; k <= half && curve->count < 65; k++) {
        double value = middle * (1 + (double)k / (double)half);
        if (is_bounded)
            value = middle + (1 - middle) * (double)k / (double)half;
        if (strategy->is_whole)
            value = fmax(rint(value), strategy->low);
        if (curve->count == 0 || value > curve->thresholds[curve->count - 1])
            curve->thresholds[curve->count++] = value;
    }
}

/* ---- by reducing again ---- */

/* Not with other sets, embeddings or an earlier result: the manifest does not hold those. */
bool report_can_reduce(const report_data *data)
{
    const redux_reduce_options *options = &data->options;
    const json_t *counts = json_object_get(data->summary, "counts");
    return data->has_options && !isnan(data->strategy.threshold) &&
           options->then == REDUX_STRATEGY_ALL && !isnan(data->threshold) &&
           json_object_get(data->summary, "against") == NULL &&
           json_object_get(counts, "updated") == NULL && !data->has_embeddings;
}

static redux_status find_all(char **paths, int64_t *found, const report_data *data,
                             const report_settings *s)
{
    int64_t count;
    char path[4200];
    const char *const *sources = redux_manifest_sources(data->manifest, &count);
    for (*found = 0; *found < count; (*found)++) {
        if (!report_find_source(path, sizeof path, data, s->folder, sources[*found]))
            return REDUX_E_NOT_FOUND;
        if ((paths[*found] = strdup(path)) == NULL)
            return no_memory();
    }
    return REDUX_OK;
}

static redux_status open_paths(redux_dataset **out, redux_context *context, const report_data *data,
                               const char *folder, const char *const *paths, int64_t count)
{
    redux_dataset_options options = REDUX_DATASET_OPTIONS_INIT;
    options.frame = data->frame;
    options.group_by = data->group_by;
    options.within = folder;
    if (data->strategy.has_hashes && data->options.profile == REDUX_PROFILE_PAPER_HASH)
        options.orientation = REDUX_ORIENTATION_STORED;
    TRY(redux_dataset_open(out, context, paths, count, &options));
    return redux_dataset_slice_count(*out) == data->count ? REDUX_OK : REDUX_E_FORMAT;
}

redux_status report_open_all(redux_dataset **out, redux_context *context, const report_data *data,
                             const report_settings *s)
{
    int64_t count, found = 0;
    redux_manifest_sources(data->manifest, &count);
    char **paths = calloc((size_t)count + 1, sizeof *paths);
    if (paths == NULL)
        return no_memory();
    redux_status status = find_all(paths, &found, data, s);
    if (status == REDUX_OK)
        status = open_paths(out, context, data, s->folder, (const char *const *)paths, count);
    for (int64_t i = 0; i < found; i++)
        free(paths[i]);
    free(paths);
    return status;
}

static redux_status reduce_at(double *kept, redux_context *context, const redux_dataset *dataset,
                              const report_data *data, double threshold)
{
    redux_reduce_options options = data->options;
    redux_reduction *reduction = NULL;
    redux_reduce_summary summary = {.struct_size = sizeof summary};
    options.threshold = threshold;
    options.keep_count = 0;
    options.keep_percent = REDUX_NAN;
    options.calibrate = 0;
    options.false_drops = REDUX_NAN;
    TRY(redux_reduce(&reduction, context, dataset, &options));
    const redux_status status = redux_reduction_get_summary(&summary, reduction);
    *kept = (double)summary.kept;
    redux_reduction_free(reduction);
    return status;
}

static redux_status reduce_each(report_curve *curve, redux_context *context,
                                const redux_dataset *dataset, const report_data *data)
{
    int64_t done = 0;
    for (int64_t i = 0; i < curve->count; i++) {
        const redux_status status =
            reduce_at(&curve->kept[done], context, dataset, data, curve->thresholds[i]);
        if (status == REDUX_E_INVALID) /* a threshold outside the strategy's range */
            continue;
        TRY(status);
        curve->thresholds[done++] = curve->thresholds[i];
    }
    curve->count = done;
    curve->is_exact = true;
    return REDUX_OK;
}

static redux_status reduce_again(report_curve *curve, redux_context *context,
                                 const report_data *data, const report_settings *s, int64_t points)
{
    redux_dataset *dataset = NULL;
    redux_status status = report_open_all(&dataset, context, data, s);
    progress_label("curve");
    choose_thresholds(curve, &data->strategy, data->threshold, points);
    if (status == REDUX_OK)
        status = reduce_each(curve, context, dataset, data);
    redux_dataset_free(dataset);
    return status;
}

/* ---- from the manifest ---- */

static int compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Keeps each dropped slice whose score no longer reaches a stricter threshold. The others still
 * have their kept witness, so the choice is valid. For entropy it is the one that the strategy
 * makes; a greedy walk at that threshold may choose other slices. */
static redux_status from_scores(report_curve *curve, const report_data *data)
{
    double *scores = malloc(((size_t)data->count + 1) * sizeof *scores);
    int64_t count = 0, passed = 0;
    if (scores == NULL)
        return no_memory();
    for (int64_t i = 0; i < data->count; i++)
        if (!data->rows[i].row.kept && isfinite(data->rows[i].row.score))
            scores[count++] = data->rows[i].row.score;
    qsort(scores, (size_t)count, sizeof *scores, compare_numbers);
    const double low = count == 0 ? 0 : data->is_distance ? fmin(scores[0], 0) : data->threshold;
    const double high = count == 0 ? 0 : data->is_distance ? data->threshold : scores[count - 1];
    const bool whole = data->strategy.is_whole && high - low < 64;
    const double steps = whole ? ceil(high - low) : 24;
    for (int64_t i = 0; i <= (int64_t)steps && count > 0 && high > low; i++) {
        const double at = whole ? low + (double)i : low + (high - low) * (double)i / steps;
        while (passed < count && (data->is_distance ? scores[passed] <= at : scores[passed] < at))
            passed++;
        curve->thresholds[i] = at;
        curve->kept[i] = (double)(data->kept + (data->is_distance ? count - passed : passed));
        curve->count = i + 1;
    }
    curve->is_exact = false;
    free(scores);
    return REDUX_OK;
}

static bool is_cheap(const report_data *data)
{
    const json_t *seconds = json_object_get(data->summary, "seconds");
    return data->count <= CHEAP_SLICES ||
           (json_is_number(seconds) && USUAL_POINTS * json_number_value(seconds) <= CHEAP_SECONDS);
}

redux_status report_curve_make(report_curve *curve, redux_context *context, const report_data *data,
                               const report_settings *s)
{
    const int64_t points = s->curve >= 0 ? s->curve : is_cheap(data) ? USUAL_POINTS : 0;
    memset(curve, 0, sizeof *curve);
    if (points > 0 && !s->no_pictures && report_can_reduce(data)) {
        const redux_status status = reduce_again(curve, context, data, s, points);
        if (status == REDUX_E_NO_MEMORY || status == REDUX_E_CANCELLED)
            return status;
        if (status == REDUX_OK && curve->count > 1)
            return REDUX_OK;
    }
    memset(curve, 0, sizeof *curve);
    return s->curve == 0 || isnan(data->threshold) ||
                   data->options.strategy == REDUX_STRATEGY_EVERY_N
               ? REDUX_OK
               : from_scores(curve, data);
}
