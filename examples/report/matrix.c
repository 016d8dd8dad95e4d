/* SPDX-License-Identifier: MIT
 * Scores of all pairs of some slices, and what is drawn of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "matrix.h"

/* Larger slices are resized before they are compared, so that a matrix takes seconds; the note
 * below it says so. */
enum { MOST_PIXELS = 256 };

/* ---- what is compared ---- */

static redux_status hash_items(redux_tensor *items, redux_context *context,
                               const redux_reduce_options *options, const redux_tensor *images,
                               int64_t count)
{
    redux_hash_options hash = REDUX_HASH_OPTIONS_INIT;
    hash.hash = options->hash;
    hash.profile = options->profile;
    hash.size = options->hash_size;
    const int64_t bytes = redux_hash_bytes(&hash), shape[] = {count, bytes};
    if (!redux_hash_is_binary(&hash))
        return REDUX_E_UNSUPPORTED;
    TRY(redux_tensor_new(items, context, REDUX_UINT8, 2, shape));
    for (int64_t i = 0; i < count; i++) {
        redux_tensor code;
        TRY(redux_tensor_select(&code, items, 0, i));
        const redux_status status = redux_hash_compute(&code, context, &images[i], &hash);
        redux_tensor_release(&code);
        TRY(status);
    }
    return REDUX_OK;
}

static redux_status descriptor_items(redux_tensor *items, redux_context *context,
                                     const redux_tensor *images, int64_t count)
{
    const int64_t shape[] = {count, (int64_t)REDUX_DESCRIPTOR_SIDE * REDUX_DESCRIPTOR_SIDE};
    TRY(redux_tensor_new(items, context, REDUX_FLOAT32, 2, shape));
    for (int64_t i = 0; i < count; i++) {
        redux_tensor vector;
        TRY(redux_tensor_select(&vector, items, 0, i));
        const redux_status status = redux_image_descriptor(&vector, context, &images[i]);
        redux_tensor_release(&vector);
        TRY(status);
    }
    return REDUX_OK;
}

/* A reduction by volume compares slices of one small size as they are. All others are resized, as a
 * reduction over a dataset does. */
static redux_status image_items(redux_tensor *items, redux_context *context,
                                const redux_reduce_options *options, const redux_tensor *images,
                                int64_t count, bool *is_resized)
{
    int64_t shape[] = {count, images[0].shape[0], images[0].shape[1]};
    *is_resized = options->scope == REDUX_SCOPE_DATASET;
    for (int64_t i = 0; i < count; i++)
        *is_resized = *is_resized || images[i].shape[0] != shape[1] ||
                      images[i].shape[1] != shape[2] || images[i].dtype != images[0].dtype ||
                      shape[1] > MOST_PIXELS || shape[2] > MOST_PIXELS;
    if (*is_resized)
        shape[1] = shape[2] = options->size > 0 ? options->size : 128;
    TRY(redux_tensor_new(items, context, images[0].dtype, 3, shape));
    for (int64_t i = 0; i < count; i++) {
        redux_tensor plane;
        TRY(redux_tensor_select(&plane, items, 0, i));
        const redux_status status =
            *is_resized ? redux_image_resize(&plane, context, &images[i], REDUX_FILTER_LINEAR)
                        : redux_tensor_copy(&plane, &images[i]);
        redux_tensor_release(&plane);
        TRY(status);
    }
    return REDUX_OK;
}

/* ---- by which metric ---- */

static redux_status new_metric(redux_metric **out, redux_context *context, const report_data *data,
                               redux_strategy strategy)
{
    const redux_reduce_options *options = &data->options;
    redux_histogram_options histogram = REDUX_HISTOGRAM_OPTIONS_INIT;
    if (options->bins > 0)
        histogram.bins = options->bins;
    if (strategy == REDUX_STRATEGY_MI)
        return redux_metric_new_mutual_information(out, context, &histogram);
    if (strategy == REDUX_STRATEGY_INFORMATION_GAIN)
        return redux_metric_new_conditional_entropy(out, context, &histogram);
    return redux_metric_new_named(out, context, data->last.metric);
}

static char *note_of(redux_strategy strategy, const report_data *data, bool is_resized)
{
    const redux_reduce_options *options = &data->options;
    char text[200];
    const bool own = options->strategy == strategy || options->then == strategy;
    if (strategy == REDUX_STRATEGY_HASH)
        snprintf(text, sizeof text, "Hamming distance of %s hashes (%s)%s",
                 redux_hash_name(options->hash), redux_hash_profile_name(options->profile),
                 own ? "" : "; the manifest's own strategy compares no pairs");
    else if (strategy == REDUX_STRATEGY_COSINE)
        snprintf(text, sizeof text, "Cosine of 16 \xc3\x97 16 pixel descriptors%s",
                 data->has_embeddings ? ", not of the embeddings" : "");
    else
        snprintf(text, sizeof text, "%s%s",
                 strategy == REDUX_STRATEGY_INFORMATION_GAIN ? "conditional entropy, bits"
                                                             : data->last.metric,
                 is_resized ? ", of resized slices" : "");
    return strdup(text);
}

/* The last stage, or hashes where the strategy has no metric. */
static redux_strategy matrix_strategy(const report_data *data)
{
    if (data->last.has_embeddings)
        return REDUX_STRATEGY_COSINE;
    return data->last.metric != NULL ? report_last_strategy(data) : REDUX_STRATEGY_HASH;
}

/* What the slices of a matrix are compared by. */
typedef struct comparison {
    redux_strategy strategy;
    redux_tensor items; /* one a slice */
    redux_metric *metric;
    bool is_resized;
} comparison;

static redux_status open_comparison(comparison *c, redux_context *context, const report_data *data,
                                    const redux_tensor *images, int64_t count)
{
    const redux_reduce_options *options = &data->options;
    if (c->strategy == REDUX_STRATEGY_HASH) {
        TRY(hash_items(&c->items, context, options, images, count));
        return redux_metric_new_hamming(&c->metric, context);
    }
    if (c->strategy == REDUX_STRATEGY_COSINE) {
        TRY(descriptor_items(&c->items, context, images, count));
        return redux_metric_new_cosine(&c->metric, context);
    }
    TRY(image_items(&c->items, context, options, images, count, &c->is_resized));
    return new_metric(&c->metric, context, data, c->strategy);
}

/* Row i: slice i, as the kept one, with each of the others. */
static redux_status fill_matrix(report_matrix *matrix, redux_context *context, const comparison *c)
{
    for (int64_t i = 0; i < matrix->count; i++) {
        redux_tensor one;
        TRY(redux_tensor_select(&one, &c->items, 0, i));
        const redux_status status = redux_metric_one_to_many(matrix->scores + i * matrix->count,
                                                             context, c->metric, &one, &c->items);
        redux_tensor_release(&one);
        TRY(status);
        if (program_interrupted())
            return REDUX_E_CANCELLED;
    }
    return REDUX_OK;
}

static redux_status compare_all(report_matrix *matrix, comparison *c, redux_context *context,
                                const report_data *data, const redux_tensor *images)
{
    TRY(open_comparison(c, context, data, images, matrix->count));
    TRY(fill_matrix(matrix, context, c));
    matrix->note = note_of(c->strategy, data, c->is_resized);
    matrix->is_distance = redux_metric_is_distance(c->metric) != 0;
    /* The threshold holds for the size and the vectors that the reduction compared, for no other.
     */
    matrix->is_own = data->has_options && c->strategy == report_last_strategy(data) &&
                     (!c->is_resized || data->options.scope == REDUX_SCOPE_DATASET) &&
                     (c->strategy != REDUX_STRATEGY_COSINE || !data->has_embeddings);
    return matrix->note == NULL ? no_memory() : REDUX_OK;
}

redux_status matrix_scores(report_matrix *matrix, redux_context *context, const report_data *data,
                           const redux_tensor *images)
{
    comparison c = {.strategy = matrix_strategy(data), .items = REDUX_TENSOR_INIT};
    const redux_status status = compare_all(matrix, &c, context, data, images);
    redux_metric_free(c.metric);
    redux_tensor_release(&c.items);
    return status;
}

/* ---- one slice ---- */

redux_status look_at_slice(double *entropy, bool *is_flat, redux_context *context,
                           const redux_tensor *grey)
{
    redux_hash_options hash = REDUX_HASH_OPTIONS_INIT;
    redux_hash_info info = {0, 0};
    uint8_t bytes[8];
    redux_tensor code;
    const int64_t shape[] = {8}; /* the default hash has 64 bits */
    TRY(redux_tensor_borrow(&code, bytes, REDUX_UINT8, 1, shape, NULL));
    TRY(redux_hash_compute_info(&code, &info, context, grey, &hash));
    *is_flat = (info.flags & REDUX_HASH_FLAT) != 0;
    return redux_entropy(entropy, context, grey, NULL);
}

/* ---- pictures of scores ---- */

/* Dark is unlike, light is alike. Steps of even lightness from blue over grey to yellow keep the
 * order readable with any colour vision. */
static void heat(uint8_t *rgb, double alike)
{
    static const double stops[][3] = {{16, 32, 74},    {60, 77, 110},  {108, 110, 114},
                                      {155, 145, 112}, {206, 184, 92}, {253, 231, 85}};
    const double at = fmin(fmax(isnan(alike) ? 0 : alike, 0), 1) * 5;
    const int low = at >= 5 ? 4 : (int)at;
    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t)lrint(stops[low][c] + (at - low) * (stops[low + 1][c] - stops[low][c]));
}

redux_status matrix_picture(redux_tensor *out, redux_context *context, const report_matrix *matrix,
                            double low, double high)
{
    const int64_t n = matrix->count, shape[] = {n, n, 3};
    const double span = high > low ? high - low : 1;
    TRY(redux_tensor_new(out, context, REDUX_UINT8, 3, shape));
    for (int64_t i = 0; i < n * n; i++) {
        const double score = (matrix->scores[i] - low) / span;
        heat((uint8_t *)out->data + 3 * i, matrix->is_distance ? 1 - score : score);
    }
    return REDUX_OK;
}

redux_status scale_picture(redux_tensor *out, redux_context *context, bool is_distance)
{
    const int64_t shape[] = {1, 128, 3};
    TRY(redux_tensor_new(out, context, REDUX_UINT8, 3, shape));
    for (int64_t i = 0; i < 128; i++)
        heat((uint8_t *)out->data + 3 * i, is_distance ? 1 - (double)i / 127 : (double)i / 127);
    return REDUX_OK;
}
