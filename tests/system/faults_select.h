/* SPDX-License-Identifier: MIT
 * Scenarios of tests/system/test_faults.c: hashes, metrics, indexes, reductions. */
#ifndef FAULTS_SELECT_H
#define FAULTS_SELECT_H

#include "faults_scenarios.h"

/* NOLINTBEGIN(bugprone-sizeof-expression): outputs may be pointers */

/* ---- hashes ---- */

typedef struct codes {
    uint8_t of[48 * 64];
} codes;

static redux_status hash_compute(redux_context *context)
{
    static const redux_hash_profile profiles[] = {REDUX_PROFILE_PAPER_HASH, REDUX_PROFILE_IMAGEHASH,
                                                  REDUX_PROFILE_IMAGEDEDUP, REDUX_PROFILE_PDQ,
                                                  REDUX_PROFILE_BLOCKHASH,  REDUX_PROFILE_OPENCV};
    redux_status status = REDUX_OK;
    for (size_t p = 0; p < sizeof profiles / sizeof *profiles; p++)
        for (int hash = 0; hash <= REDUX_HASH_RADIAL_VARIANCE && status == REDUX_OK; hash++) {
            redux_hash_options options = REDUX_HASH_OPTIONS_INIT;
            redux_hash_info info;
            codes out;
            options.profile = profiles[p];
            options.hash = (redux_hash)hash;
            if (redux_hash_check(&options) == REDUX_OK)
                status = redux_hash_picture(out.of, &info, context, &set.picture, &options);
        }
    return status;
}

SCENARIO(pdq_dihedral, codes, redux_hash_pdq_dihedral(out.of, NULL, context, &set.picture),
         (void)out)
SCENARIO(volume_hash_compute, codes,
         redux_volume_hash_compute(out.of, 48, NULL, context, &set.volume, 1, 0, NULL), (void)out)
SCENARIO(volume_hash_read, codes,
         redux_volume_hash_read(out.of, 24, NULL, context, set.dataset, 0, NULL), (void)out)

static redux_status hash_batch(redux_context *context)
{
    const int64_t shape[] = {DEPTH, 8};
    codes c;
    redux_tensor out;
    borrow(&out, c.of, REDUX_UINT8, 2, shape);
    return redux_hash_compute(&out, context, &set.images, NULL);
}

static redux_status hash_list(redux_context *context)
{
    redux_hash_list *out;
    redux_status status = redux_hash_list_new(&out, context, NULL);
    if (status != REDUX_OK)
        return status;
    status = redux_hash_list_add_dataset(out, context, set.dataset,
                                         (redux_window){REDUX_WINDOW_AUTO, 0, 0}, 1);
    if (status != REDUX_OK)
        must(redux_hash_list_count(out) == (0));
    redux_hash_list_free(out);
    return status;
}

static redux_status hash_list_save(redux_context *context)
{
    redux_status status = REDUX_OK;
    for (int format = 3; format >= 0 && status == REDUX_OK; format--)
        status = redux_hash_list_save(in_scratch(format == 3 ? "out.codes" : "other.codes"),
                                      context, set.list, (redux_hash_list_format)format, 1);
    return status;
}

SCENARIO(hash_list_load, redux_hash_list *, redux_hash_list_load(&out, context, set.hashes),
         redux_hash_list_free(out))

/* ---- metrics ---- */

static redux_status metric_named(redux_context *context)
{
    static const char *const names[] = {"ssim", "ms-ssim", "mi",     "mattes", "phase-correlation",
                                        "nmi",  "vi",      "cosine", NULL};
    redux_status status = REDUX_OK;
    int known = 0;
    for (int i = 0; names[i] != NULL && status == REDUX_OK; i++) {
        redux_metric *metric;
        double score;
        status = redux_metric_new_named(&metric, context, names[i]);
        if (status == REDUX_E_NOT_FOUND || status == REDUX_E_INVALID) {
            status = REDUX_OK;
            continue;
        }
        known++;
        if (status != REDUX_OK)
            break;
        if (strcmp(names[i], "cosine") != 0 && strcmp(names[i], "ms-ssim") != 0)
            status = redux_metric_pair(&score, context, metric, &set.a, &set.b);
        redux_metric_free(metric);
    }
    must(status != REDUX_OK || known >= 4);
    return status;
}

NUMBER(ssim, redux_ssim(&out, context, &set.a, &set.b, NULL))
static redux_status ssim_map(redux_context *context)
{
    float map[HEIGHT * WIDTH];
    redux_tensor out;
    borrow(&out, map, REDUX_FLOAT32, 2, image_shape);
    return redux_ssim_map(&out, context, &set.a, &set.b, NULL);
}

NUMBER(entropy, redux_entropy(&out, context, &set.a, NULL))
NUMBER(mattes, redux_mattes(&out, context, &set.a, &set.b, NULL))
SCENARIO(phase, redux_shift, redux_phase_correlation(&out, context, &set.a, &set.b, NULL),
         (void)out)
SCENARIO(information, redux_information,
         redux_information_compute(&out, context, &set.a, &set.b, NULL), (void)out)

static redux_status entropy_sequence(redux_context *context)
{
    double out[DEPTH], before[DEPTH];
    memset(out, 0x5a, sizeof out);
    memcpy(before, out, sizeof out);
    const redux_status status = redux_conditional_entropy_sequence(out, context, &set.images, NULL);
    calm();
    for (int i = 0; i < DEPTH && status != REDUX_OK; i++)
        must(signbit(out[i]) == signbit(before[i]) && out[i] == before[i]);
    return status;
}

static redux_status ms_ssim(redux_context *context)
{
    redux_ms_ssim_options options = REDUX_MS_SSIM_OPTIONS_INIT;
    double out;
    options.scales = 1;
    return redux_ms_ssim(&out, context, &set.a, &set.b, &options);
}

static int count_pair(const redux_pair *pair, void *user)
{
    *(int64_t *)user += pair->first >= 0;
    return 0;
}

static redux_status search(redux_context *context, redux_metric *metric, const redux_tensor *items)
{
    int64_t found = 0, indices[DEPTH * 2];
    double scores[DEPTH * 2];
    redux_tensor one;
    must(redux_tensor_select(&one, items, 0, 0) == REDUX_OK);
    redux_status status = redux_metric_one_to_many(scores, context, metric, &one, items);
    if (status == REDUX_OK)
        status = redux_metric_pairs(context, metric, items,
                                    redux_metric_is_distance(metric) != 0 ? 1e9 : -1e9, count_pair,
                                    &found);
    if (status == REDUX_OK)
        status = redux_metric_nearest(indices, scores, context, metric, items, items, 2);
    redux_tensor_release(&one);
    return status;
}

#define SEARCH(name, make, items)                                                                  \
    static redux_status name(redux_context *context)                                               \
    {                                                                                              \
        redux_metric *metric;                                                                      \
        redux_status status = make;                                                                \
        if (status != REDUX_OK)                                                                    \
            return status;                                                                         \
        status = search(context, metric, items);                                                   \
        redux_metric_free(metric);                                                                 \
        return status;                                                                             \
    }
SEARCH(search_hamming, redux_metric_new_hamming(&metric, context), &set.codes)
SEARCH(search_cosine, redux_metric_new_cosine(&metric, context), &set.vectors)
SEARCH(search_ssim, redux_metric_new_ssim(&metric, context, NULL), &set.images)
SEARCH(search_mi, redux_metric_new_mutual_information(&metric, context, NULL), &set.images)
SEARCH(search_conditional, redux_metric_new_conditional_entropy(&metric, context, NULL),
       &set.images)
SEARCH(search_mattes, redux_metric_new_mattes(&metric, context, NULL), &set.images)
SEARCH(search_phase, redux_metric_new_phase_correlation(&metric, context, NULL), &set.images)

static redux_status exemplars(redux_context *context)
{
    redux_metric *metric;
    redux_exemplars *out;
    int64_t witness[DEPTH];
    double scores[DEPTH];
    redux_status status = redux_metric_new_hamming(&metric, context);
    if (status != REDUX_OK)
        return status;
    status = redux_exemplars_new(&out, context, metric, 3);
    if (status == REDUX_OK) {
        status = redux_exemplars_add(witness, scores, context, out, &set.codes);
        if (status == REDUX_OK)
            status = redux_exemplars_add(witness, scores, context, out, &set.codes);
        redux_exemplars_free(out);
    }
    redux_metric_free(metric);
    return status;
}

static redux_status k_means(redux_context *context)
{
    const int64_t shape[2] = {3, set.vectors.shape[1]};
    redux_tensor centroids;
    redux_status status = redux_tensor_new(&centroids, context, REDUX_FLOAT32, 2, shape);
    if (status == REDUX_OK) {
        status = redux_k_means(&centroids, NULL, context, &set.vectors, NULL);
        redux_tensor_release(&centroids);
    }
    return status;
}

/* ---- indexes ---- */

static int count_found(int64_t query, int64_t id, double score, void *user)
{
    *(int64_t *)user += query >= 0 && id >= 0 && score >= -2;
    return 0;
}

/* A failed change leaves the index as it was. */
static redux_status use_index(redux_index *index, redux_context *context, const redux_tensor *items)
{
    int64_t ids[DEPTH * 2], removed, found = 0;
    double scores[DEPTH * 2];
    const int64_t first[] = {0, 1};
    redux_status status = redux_index_add(index, context, items, NULL);
    must(redux_index_count(index) == (status == REDUX_OK ? DEPTH : 0));
    if (status == REDUX_OK)
        status = redux_index_nearest(ids, scores, context, index, items, 2);
    if (status == REDUX_OK)
        status = redux_index_within(context, index, items, 0.5, count_found, &found);
    if (status == REDUX_OK) {
        status = redux_index_remove(&removed, index, context, first, 2);
        must(redux_index_count(index) == (status == REDUX_OK ? DEPTH - 2 : DEPTH));
    }
    if (status == REDUX_OK)
        status = redux_index_optimise(index, context);
    if (status == REDUX_OK)
        status = redux_index_save(in_scratch("out.index"), context, index);
    return status;
}

static redux_status index_of(redux_context *context, redux_index_kind kind,
                             redux_index_method method, const redux_tensor *items)
{
    redux_index_options options = REDUX_INDEX_OPTIONS_INIT;
    redux_index *index;
    options.kind = kind;
    options.method = method;
    redux_status status = redux_index_new(&index, context, items->shape[1], &options);
    if (status != REDUX_OK)
        return status;
    status = use_index(index, context, items);
    redux_index_free(index);
    return status;
}

NOTHING(index_scan, index_of(context, REDUX_INDEX_HAMMING, REDUX_INDEX_SCAN, &set.codes))
NOTHING(index_multi, index_of(context, REDUX_INDEX_HAMMING, REDUX_INDEX_MULTI, &set.codes))
NOTHING(index_cosine, index_of(context, REDUX_INDEX_COSINE, REDUX_INDEX_AUTO, &set.vectors))
SCENARIO(index_open, redux_index *, redux_index_open(&out, context, set.index, 0),
         redux_index_free(out))
SCENARIO(index_open_writable, redux_index *, redux_index_open(&out, context, set.index, 1),
         redux_index_free(out))

/* ---- reductions ---- */

static redux_status reduce_set(redux_context *context, const redux_dataset *dataset,
                               const redux_reduce_options *options)
{
    redux_reduction *out = NULL;
    const redux_status status = redux_reduce(&out, context, dataset, options);
    must((status == REDUX_OK) == (out != NULL));
    redux_reduction_free(out);
    return status;
}

#define REDUCES(name, change)                                                                      \
    static redux_status name(redux_context *context)                                               \
    {                                                                                              \
        redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;                                  \
        change;                                                                                    \
        return reduce_set(context, set.dataset, &options);                                         \
    }
REDUCES(reduce_hash, (options.scope = REDUX_SCOPE_DATASET, options.keep_exemplars = 1))
REDUCES(reduce_ssim, options.strategy = REDUX_STRATEGY_SSIM)
REDUCES(reduce_mi, (options.strategy = REDUX_STRATEGY_MI, options.scope = REDUX_SCOPE_DATASET))
REDUCES(reduce_cosine, (options.strategy = REDUX_STRATEGY_COSINE, options.keep_percent = 30))
REDUCES(reduce_entropy, (options.strategy = REDUX_STRATEGY_ENTROPY, options.keep_count = 9))
REDUCES(reduce_every, options.strategy = REDUX_STRATEGY_EVERY_N)
REDUCES(reduce_gain, (options.strategy = REDUX_STRATEGY_INFORMATION_GAIN, options.keep_count = 9))
REDUCES(reduce_semdedup, options.strategy = REDUX_STRATEGY_SEMDEDUP)
REDUCES(reduce_hierarchical, (options.strategy = REDUX_STRATEGY_HIERARCHICAL,
                              options.scope = REDUX_SCOPE_DATASET, options.keep_count = 9))
REDUCES(reduce_density, (options.strategy = REDUX_STRATEGY_DENSITY, options.threshold = 0.9999,
                         options.scope = REDUX_SCOPE_DATASET, options.keep_count = 4))
REDUCES(reduce_medoid, options.rule = REDUX_RULE_MEDOID)
REDUCES(reduce_k_centre, options.rule = REDUX_RULE_K_CENTRE)
REDUCES(reduce_link, options.rule = REDUX_RULE_COMPLETE_LINK)
REDUCES(reduce_then, (options.then = REDUX_STRATEGY_SSIM, options.threshold = 10))
REDUCES(reduce_against, options.against = set.dataset)
REDUCES(reduce_calibrated, options.calibrate = 1)

static redux_status strategy_items(redux_context *context)
{
    static const int64_t rows[] = {3, 1, 7};
    static const redux_strategy strategies[] = {REDUX_STRATEGY_HASH, REDUX_STRATEGY_SSIM,
                                                REDUX_STRATEGY_COSINE};
    redux_status status = REDUX_OK;
    for (int i = 0; i < 3 && status == REDUX_OK; i++) {
        redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
        redux_metric *metric;
        redux_tensor items;
        options.strategy = strategies[i];
        options.scope = REDUX_SCOPE_DATASET;
        status = redux_metric_new_strategy(&metric, context, &options);
        if (status != REDUX_OK)
            break;
        redux_metric_free(metric);
        status = redux_reduce_items(&items, context, set.dataset, rows, 3, &options);
        if (status == REDUX_OK)
            redux_tensor_release(&items);
    }
    return status;
}

static redux_status reduce_update(redux_context *context)
{
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    must(redux_manifest_get_options(&options, set.loaded) == REDUX_OK);
    options.update = set.loaded;
    options.keep_exemplars = 1;
    return reduce_set(context, set.more, &options);
}

NOTHING(results_save, redux_results_save(in_scratch("out.csv"), in_scratch("out.json"), context,
                                         set.reduction, 1))
NOTHING(manifest_save, redux_manifest_save(in_scratch("out.csv"), context, set.reduction))
NOTHING(summary_save, redux_summary_save(in_scratch("out.json"), context, set.reduction, 1))
NOTHING(contact_sheet, redux_contact_sheet(in_scratch("out.png"), context, set.reduction, 4, 2))
SCENARIO(manifest_load, redux_manifest *, redux_manifest_load(&out, context, set.manifest),
         redux_manifest_free(out))

static redux_status manifest_open(redux_context *context)
{
    redux_dataset *dataset;
    redux_tensor kept;
    const redux_status status =
        redux_dataset_open_manifest(&dataset, &kept, context, set.loaded, NULL);
    if (status == REDUX_OK) {
        redux_dataset_free(dataset);
        redux_tensor_release(&kept);
    }
    return status;
}

static redux_status export_as(redux_context *context, redux_export_format format)
{
    nftw(in_scratch("export"), remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return redux_export(in_scratch("export"), context, set.reduction, format);
}
NOTHING(export_png, export_as(context, REDUX_EXPORT_PNG))
NOTHING(export_npy, export_as(context, REDUX_EXPORT_NPY))
NOTHING(export_npz, export_as(context, REDUX_EXPORT_NPZ))

/* NOLINTEND(bugprone-sizeof-expression) */

#endif
