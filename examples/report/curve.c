/* SPDX-License-Identifier: MIT
 * Kept slices against the threshold: by reducing again where that is cheap, else from the scores
 * that the manifest has. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "report.h"

enum { CHEAP_SLICES = 2000, USUAL_POINTS = 9, CHEAP_SECONDS = 15 };

/* ---- which thresholds ---- */

/* As far to both sides of the threshold in force, which is the middle one. */
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

/* What else it was made with must be there: other sets, embeddings and metrics are not. */
bool report_can_reduce(const report_data *data)
{
    const redux_reduce_options *options = &data->options;
    const json_t *counts = json_object_get(data->summary, "counts");
    return data->has_options && !isnan(data->strategy.threshold) &&
           options->then == REDUX_STRATEGY_ALL && !isnan(data->threshold) &&
           json_object_get(data->summary, "against") == NULL &&
           json_object_get(counts, "updated") == NULL && !data->has_embeddings;
}

static redux_status open_all(redux_dataset **out, redux_context *context, const report_data *data,
                             const report_settings *s)
{
    redux_dataset_options options = REDUX_DATASET_OPTIONS_INIT;
    int64_t count, found = 0;
    char path[4200];
    const char *const *sources = redux_manifest_sources(data->manifest, &count);
    char **paths = calloc((size_t)count + 1, sizeof *paths);
    redux_status status = paths == NULL ? REDUX_E_NO_MEMORY : REDUX_OK;
    for (int64_t i = 0; i < count && status == REDUX_OK; i++) {
        if (!report_find_source(path, sizeof path, data, s->folder, sources[i]))
            status = REDUX_E_NOT_FOUND;
        else if ((paths[found++] = strdup(path)) == NULL)
            status = REDUX_E_NO_MEMORY;
    }
    options.frame = 0;
    if (data->strategy.has_hashes && data->options.profile == REDUX_PROFILE_PAPER_HASH)
        options.orientation = REDUX_ORIENTATION_STORED;
    if (status == REDUX_OK)
        status = redux_dataset_open(out, context, (const char *const *)paths, count, &options);
    if (status == REDUX_OK && redux_dataset_slice_count(*out) != data->count) {
        redux_dataset_free(*out);
        *out = NULL;
        status = REDUX_E_FORMAT;
    }
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
    redux_status status = redux_reduce(&reduction, context, dataset, &options);
    if (status == REDUX_OK)
        status = redux_reduction_get_summary(&summary, reduction);
    *kept = (double)summary.kept;
    redux_reduction_free(reduction);
    return status;
}

static redux_status reduce_again(report_curve *curve, redux_context *context,
                                 const report_data *data, const report_settings *s, int64_t points)
{
    redux_dataset *dataset = NULL;
    redux_status status = open_all(&dataset, context, data, s);
    progress_label("curve");
    if (status == REDUX_OK)
        choose_thresholds(curve, &data->strategy, data->threshold, points);
    int64_t done = 0;
    for (int64_t i = 0; i < curve->count && status == REDUX_OK; i++) {
        status = reduce_at(&curve->kept[done], context, dataset, data, curve->thresholds[i]);
        curve->thresholds[done] = curve->thresholds[i];
        if (status == REDUX_OK)
            done++;
        else if (status == REDUX_E_INVALID) /* a threshold that the strategy cannot have */
            status = REDUX_OK;
    }
    curve->count = done;
    curve->is_exact = true;
    redux_dataset_free(dataset);
    return status;
}

/* ---- from the manifest ---- */

static int compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Towards stricter thresholds: a dropped slice whose score no longer passes is kept. Each that
 * stays dropped still has its kept witness, so it is a valid choice of slices, and for entropy the
 * very one that the strategy makes; a greedy walk at that threshold may keep some others. */
static redux_status from_scores(report_curve *curve, const report_data *data)
{
    double *scores = malloc(((size_t)data->count + 1) * sizeof *scores);
    int64_t count = 0, passed = 0;
    if (scores == NULL)
        return REDUX_E_NO_MEMORY;
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
