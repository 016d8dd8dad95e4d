/* SPDX-License-Identifier: MIT
 * What the embedding map shows: the embeddings of a manifest's rows, their classes, and which of
 * them have few neighbours. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "common/map.h"
#include "report.h"

enum { NEIGHBOURS = 20, MOST_WITH_OUTLIERS = 30000 };

#define OUTLIERS_SHARE 0.01 /* of all slices: those farthest from their neighbours */

/* ---- embeddings ---- */

static bool is_finite(const redux_tensor *rows)
{
    const float *value = rows->data;
    for (int64_t i = 0; i < redux_tensor_elements(rows); i++)
        if (!isfinite(value[i]))
            return false;
    return true;
}

static int load_embeddings(report_data *data, redux_context *context, const char *path)
{
    redux_tensor given, *rows = &data->embeddings;
    if (redux_npy_read(&given, context, path) != REDUX_OK)
        return data_error();
    const redux_status status = redux_tensor_contiguous(rows, context, &given, REDUX_FLOAT32);
    redux_tensor_release(&given);
    if (status != REDUX_OK)
        return data_error();
    const bool fits = rows->ndim == 2 && rows->shape[0] == data->count && rows->shape[1] > 0;
    if (fits && is_finite(rows))
        return EXIT_OK;
    fprintf(stderr, "%s: %s: %s\n", program_name, path,
            fits ? "it holds NaN or infinity"
                 : "it needs one row of numbers for each slice of the manifest, in its order");
    return EXIT_DATA;
}

/* ---- classes ---- */

/* Whether slice k of volume v of a dataset is what a row of the manifest names; its file may have
 * moved. */
static bool is_row(const redux_dataset *dataset, int64_t v, int64_t k,
                   const redux_manifest_row *row)
{
    const char *name;
    int64_t slice;
    return redux_dataset_get_slice_name(&name, &slice, dataset, v, k) == REDUX_OK &&
           slice == row->slice && strcmp(short_name(name), short_name(row->source)) == 0;
}

static bool has_rows(const redux_dataset *dataset, const report_data *data)
{
    for (int64_t i = 0; i < data->count; i++) {
        int64_t volume, slice;
        if (redux_dataset_get_place(&volume, &slice, dataset, i) != REDUX_OK ||
            !is_row(dataset, volume, slice, &data->rows[i].row))
            return false;
    }
    return true;
}

static redux_status read_classes(report_data *data, redux_context *context,
                                 const redux_dataset *dataset, const report_settings *s)
{
    data->class_word = s->label == NULL ? "label" : s->label;
    TRY(redux_column_read(&data->classes, context, dataset, s->labels, data->class_word));
    data->class_of = malloc(((size_t)data->count + 1) * sizeof *data->class_of);
    for (int64_t i = 0; i < data->count && data->class_of != NULL; i++)
        data->class_of[i] = (int32_t)redux_column_value(data->classes, i);
    return data->class_of == NULL ? no_memory() : REDUX_OK;
}

/* The table names files, so that the manifest's files are opened to find them in it. */
static int load_classes(report_data *data, redux_context *context, const report_settings *s)
{
    redux_dataset *dataset = NULL;
    const redux_status opened = report_open_all(&dataset, context, data, s);
    int code = EXIT_OK;
    if (opened != REDUX_OK || !has_rows(dataset, data)) {
        progress_label(NULL);
        fprintf(stderr,
                "%s: %s: --labels needs the files of the manifest, and they are not there as they "
                "were: %s\n",
                program_name, data->path,
                opened == REDUX_OK ? "their slices are others" : redux_error_message());
        code = EXIT_DATA;
    } else {
        const redux_status status = read_classes(data, context, dataset, s);
        code = status == REDUX_OK ? EXIT_OK : data_error();
    }
    redux_dataset_free(dataset);
    return code;
}

int report_map_load(report_data *data, redux_context *context, const report_settings *s)
{
    if (s->embeddings == NULL)
        return EXIT_OK;
    const int code = load_embeddings(data, context, s->embeddings);
    return code != EXIT_OK || s->labels == NULL ? code : load_classes(data, context, s);
}

/* ---- outliers ---- */

static int compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The mean cosine to the nearest neighbours, itself left out; the lowest hundredth is marked.
 * False: there are under a hundred slices, or all are alike. */
static bool mark_outliers(uint8_t *marks, const double *scores, int64_t n, int64_t most,
                          double *mean)
{
    for (int64_t i = 0; i < n; i++) {
        mean[i] = 0;
        for (int64_t k = 1; k < most; k++) /* the slice itself, or one that is the same, is first */
            mean[i] += scores[i * most + k] / (double)(most - 1);
    }
    double *sorted = mean + n;
    memcpy(sorted, mean, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, compare_numbers);
    const double limit = sorted[(int64_t)(OUTLIERS_SHARE * (double)n)];
    for (int64_t i = 0; i < n; i++)
        marks[i] = mean[i] < limit;
    return limit > sorted[0];
}

static redux_status find_outliers(uint8_t *marks, bool *any, redux_context *context,
                                  const redux_tensor *rows)
{
    const int64_t n = rows->shape[0], most = n < NEIGHBOURS + 1 ? n : NEIGHBOURS + 1;
    redux_metric *cosine = NULL;
    *any = false;
    if (n > MOST_WITH_OUTLIERS)
        return REDUX_OK;
    int64_t *nearest = malloc((size_t)(n * most) * sizeof *nearest);
    double *scores = malloc((size_t)(n * most + 2 * n) * sizeof *scores);
    redux_status status =
        nearest == NULL || scores == NULL ? no_memory() : redux_metric_new_cosine(&cosine, context);
    if (status == REDUX_OK)
        status = redux_metric_nearest(nearest, scores, context, cosine, rows, rows, most);
    if (status == REDUX_OK)
        *any = mark_outliers(marks, scores, n, most, scores + n * most);
    redux_metric_free(cosine);
    free(nearest);
    free(scores);
    return status;
}

/* ---- the section ---- */

static redux_status put_points(page *p, redux_context *context, const report_data *data,
                               uint8_t *kept, uint8_t *outliers)
{
    bool any;
    TRY(find_outliers(outliers, &any, context, &data->embeddings));
    for (int64_t i = 0; i < data->count; i++)
        kept[i] = data->rows[i].row.kept != 0;
    const map_points points = {
        .embeddings = &data->embeddings,
        .count = data->count,
        .kept = kept,
        .outliers = any ? outliers : NULL,
        .classes = data->class_of,
        .class_word = data->class_word,
        .names = data->classes,
        .kept_name = "kept",
        .dropped_name = "dropped",
        .outlier_name = "the 1 % that is farthest from its 20 nearest neighbours",
        .note = data->count > MOST_WITH_OUTLIERS ? "Kept slices should cover the map. Outliers are "
                                                   "marked only in maps of up to 30,000 slices."
                                                 : "Kept slices should cover the map."};
    return put_map(p, &points);
}

redux_status section_map(page *p, redux_context *context, const report_data *data, int64_t number)
{
    if (data->embeddings.data == NULL || data->count < 2)
        return REDUX_OK;
    uint8_t *marks = calloc(2, (size_t)data->count);
    if (marks == NULL)
        return no_memory();
    put(p, "<h3 id=\"map%lld\">Map of the embeddings</h3>\n", (long long)number);
    const redux_status status = put_points(p, context, data, marks, marks + data->count);
    free(marks);
    return status;
}
