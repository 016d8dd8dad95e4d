/* SPDX-License-Identifier: MIT
 * Programs built against an older library, whose structs are smaller, and against a newer one,
 * whose structs are larger, for every public struct that begins with struct_size. A struct lies at
 * the end of a page that no page follows, so that a byte read or written beyond it is a fault. */
#include <sys/mman.h>
#include "support/recipe.h"
#include "support/test_io.h"

enum { ROWS = 30, SIDE = 16, PAGE = 65536, TAIL = 64 };

/* What the calls work on; made once. */
static redux_labels *labels;
static redux_dataset *dataset;
static redux_network *network;
static redux_logistic *model;
static redux_evaluation *evaluation;
static redux_reduction *reduction;
static redux_scan *scan;
static redux_findings *findings;
static int32_t scan_labels[8 * ROWS]; /* all 0 */
static redux_tensor stack, features, classes, image, probabilities, all_scores;
static uint8_t split[ROWS], leaky[ROWS];
static char weights[300]; /* a file of them */

/* ---- structs that the library reads ---- */

typedef redux_status (*call_fn)(void *given);

static redux_status with_context(void *given)
{
    redux_context *context = NULL;
    const redux_status status = redux_context_new(&context, given);
    redux_context_free(context);
    return status;
}

static redux_status with_dataset(void *given)
{
    const char *folder = scratch;
    redux_dataset *out = NULL;
    const redux_status status = redux_dataset_open(&out, NULL, &folder, 1, given);
    redux_dataset_free(out);
    return status;
}

static redux_status with_source(void *given)
{
    const redux_volume_source *source = given;
    redux_dataset *out = NULL;
    const redux_status status = redux_dataset_new(&out, NULL, &source, 1);
    redux_dataset_free(out);
    return status;
}

static redux_status see_nothing(void *user, const redux_tensor *seen, int64_t number,
                                int64_t volume, int64_t slice)
{
    (void)user;
    (void)seen;
    (void)number;
    (void)volume;
    (void)slice;
    return REDUX_OK;
}

static redux_status with_visit(void *given)
{
    return redux_dataset_visit(NULL, dataset, given, see_nothing, NULL);
}

static redux_status with_histogram(void *given)
{
    double out;
    return redux_entropy(&out, NULL, &image, given);
}

static redux_status with_ssim(void *given)
{
    double out;
    return redux_ssim(&out, NULL, &image, &image, given);
}

static redux_status with_ms_ssim(void *given)
{
    double out;
    return redux_ms_ssim(&out, NULL, &image, &image, given);
}

static redux_status with_mattes(void *given)
{
    double out;
    return redux_mattes(&out, NULL, &image, &image, given);
}

static redux_status with_phase(void *given)
{
    redux_shift out;
    return redux_phase_correlation(&out, NULL, &image, &image, given);
}

static redux_status with_hash(void *given)
{
    return redux_hash_check(given);
}

static redux_status with_volume_hash(void *given)
{
    return redux_volume_hash_check(given);
}

static redux_status with_index(void *given)
{
    redux_index *out = NULL;
    const redux_status status = redux_index_new(&out, NULL, 8, given);
    redux_index_free(out);
    return status;
}

static redux_status with_reduce(void *given)
{
    return redux_reduce_check(given);
}

static redux_status with_k_means(void *given)
{
    float centroid[1];
    redux_tensor out;
    const int64_t shape[2] = {1, 1}, rows[2] = {2, 1};
    float values[2] = {1, 2};
    redux_tensor vectors;
    ck_assert_redux_ok(redux_tensor_borrow(&out, centroid, REDUX_FLOAT32, 2, shape, NULL));
    ck_assert_redux_ok(redux_tensor_borrow(&vectors, values, REDUX_FLOAT32, 2, rows, NULL));
    return redux_k_means(&out, NULL, NULL, &vectors, given);
}

static redux_status with_custom(void *given)
{
    redux_metric *out = NULL;
    const redux_status status = redux_metric_new_custom(&out, NULL, given);
    redux_metric_free(out);
    return status;
}

static redux_status with_labels(void *given)
{
    redux_labels *out = NULL;
    const redux_status status = redux_labels_load(&out, NULL, in_scratch("labels.csv"), given);
    redux_labels_free(out);
    return status;
}

static redux_status with_split(void *given)
{
    return redux_labels_split(split, NULL, labels, given);
}

static redux_status with_logistic(void *given)
{
    redux_logistic *out = NULL;
    const redux_status status = redux_logistic_fit(&out, NULL, &features, &classes, 2, given, NULL);
    redux_logistic_free(out);
    return status;
}

static redux_status with_knn(void *given)
{
    return redux_knn_predict(&probabilities, NULL, &features, &classes, 2, &features, given);
}

static redux_status with_predictions(void *given)
{
    redux_scores out = REDUX_SCORES_INIT;
    return redux_scores_compute(&out, NULL, given);
}

static redux_status with_network(void *given)
{
    redux_network *out = NULL;
    const redux_status status = redux_network_new(&out, NULL, given);
    redux_network_free(out);
    return status;
}

static redux_status with_optimiser(void *given)
{
    redux_optimiser *out = NULL;
    const redux_status status = redux_optimiser_of_network(&out, NULL, network, given);
    redux_optimiser_free(out);
    return status;
}

/* [1, 2, 2, 1]: 1 in each place. */
static redux_tensor small(float *values, int32_t ndim, int64_t side)
{
    const int64_t shape[] = {1, side, side, 1};
    redux_tensor out;
    for (int i = 0; i < 4; i++)
        values[i] = 1;
    ck_assert_redux_ok(redux_tensor_borrow(&out, values, REDUX_FLOAT32, ndim, shape, NULL));
    return out;
}

static redux_status with_conv2d(void *given)
{
    float a[4], b[4], c[4], workspace[4096];
    const redux_tensor out = small(a, 4, 2), in = small(b, 4, 2), weight = small(c, 4, 1);
    return redux_conv2d_forward(&out, NULL, &in, &weight, NULL, given, workspace);
}

static redux_status with_pool(void *given)
{
    float a[4], b[4];
    const redux_tensor out = small(a, 4, 1), in = small(b, 4, 2);
    return redux_max_pool_forward(&out, NULL, &in, given);
}

static redux_status with_batch_norm(void *given)
{
    float a[4], b[4], c[3][4], workspace[4096];
    const redux_tensor out = small(a, 4, 2), in = small(b, 4, 2);
    const redux_tensor one = small(c[0], 1, 1), mean = small(c[1], 1, 1), root = small(c[2], 1, 1);
    const redux_batch_norm_state state = {&one, &one, NULL, NULL, &mean, &root};
    ck_assert_uint_le(redux_batch_norm_workspace(&in), sizeof workspace);
    return redux_batch_norm_forward(&out, NULL, &in, NULL, &state, given, workspace);
}

static redux_status with_input(void *given)
{
    redux_tensor out;
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_FLOAT32, 2, (const int64_t[]){64, 64}));
    const redux_status status = redux_input_apply(&out, NULL, &image, 1, 0, 0, given);
    redux_tensor_release(&out);
    return status;
}

static redux_status with_views(void *given)
{
    const redux_random_key key = {.seed = 1};
    redux_tensor out;
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_FLOAT32, 2, (const int64_t[]){8, 8}));
    redux_input_options input_of_8 = REDUX_INPUT_OPTIONS_INIT;
    input_of_8.size = 8;
    const redux_status status =
        redux_views_apply(&out, NULL, &image, 1, 0, 0, &input_of_8, given, &key, 0);
    redux_tensor_release(&out);
    return status;
}

static redux_status with_content(void *given)
{
    return redux_safetensors_save(in_scratch("c.safetensors"), NULL, given);
}

static redux_status with_part(void *given)
{
    uint8_t wanted[1024];
    ck_assert_int_le(redux_dataset_slice_count(dataset), 1024);
    return redux_dataset_cut(wanted, NULL, dataset, given);
}

static redux_status with_communicator(void *given)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *out = NULL;
    options.communicator = given;
    const redux_status status = redux_context_new(&out, &options);
    redux_context_free(out);
    return status;
}

static redux_status with_evaluate(void *given)
{
    redux_evaluation *out = NULL;
    const redux_status status = redux_evaluate(&out, NULL, labels, given);
    redux_evaluation_free(out);
    return status;
}

static redux_status with_loader(void *given)
{
    redux_loader *out = NULL;
    const redux_status status = redux_loader_new(&out, NULL, dataset, NULL, given);
    redux_loader_free(out);
    return status;
}

static redux_status with_nt_xent(void *given)
{
    redux_objective *out = NULL;
    const redux_status status = redux_objective_new_nt_xent(&out, NULL, given);
    redux_objective_free(out);
    return status;
}

static redux_status with_swav(void *given)
{
    redux_objective *out = NULL;
    const redux_status status = redux_objective_new_swav(&out, NULL, given);
    redux_objective_free(out);
    return status;
}

static redux_status with_moco(void *given)
{
    redux_objective *out = NULL;
    const redux_status status = redux_objective_new_moco(&out, NULL, given);
    redux_objective_free(out);
    return status;
}

static redux_status with_byol(void *given)
{
    redux_objective *out = NULL;
    const redux_status status = redux_objective_new_byol(&out, NULL, given);
    redux_objective_free(out);
    return status;
}

static redux_status with_head(void *given)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_network *out = NULL;
    options.width = 0.125;
    options.projection = given;
    const redux_status status = redux_network_new(&out, NULL, &options);
    redux_network_free(out);
    return status;
}

static redux_status with_parameter(void *given)
{
    const redux_parameter *list[] = {given};
    redux_optimiser *out = NULL;
    const redux_status status = redux_optimiser_new(&out, NULL, list, 1, NULL);
    redux_optimiser_free(out);
    return status;
}

static redux_status with_leakage(void *given)
{
    redux_leakage *out = NULL;
    const redux_status status = redux_labels_find_leakage(&out, NULL, labels, split, given);
    redux_leakage_free(out);
    return status;
}

static redux_status with_scan(void *given)
{
    redux_scan *out = NULL;
    const redux_status status = redux_scan_new(&out, NULL, dataset, given);
    redux_scan_free(out);
    return status;
}

static redux_status with_audit_leaks(void *given)
{
    redux_findings *out = NULL;
    const redux_status status = redux_audit_leaks(&out, NULL, scan, given);
    redux_findings_free(out);
    return status;
}

static redux_status with_audit_labels(void *given)
{
    redux_findings *out = NULL;
    const redux_status status = redux_audit_labels(&out, NULL, scan, NULL, scan_labels, given);
    redux_findings_free(out);
    return status;
}

static redux_status with_audit_slices(void *given)
{
    redux_findings *out = NULL;
    const redux_status status = redux_audit_slices(&out, NULL, scan, given);
    redux_findings_free(out);
    return status;
}

static redux_status with_audit_outliers(void *given)
{
    redux_tensor rows;
    redux_findings *out = NULL;
    redux_status status = redux_scan_descriptors(&rows, NULL, scan);
    if (status == REDUX_OK)
        status = redux_audit_outliers(&out, NULL, scan, &rows, given);
    redux_tensor_release(&rows);
    redux_findings_free(out);
    return status;
}

static redux_status get_finding(void *out)
{
    return redux_findings_get(out, findings, 0);
}

/* A step of training; what the library hands to callbacks has its size set. */
static redux_status one_step(double *loss, redux_context *context, void *state,
                             const redux_objective_step *step, void *user)
{
    (void)context;
    (void)state;
    (void)user;
    ck_assert_uint_eq(step->struct_size, sizeof *step);
    *loss = 1;
    return REDUX_OK;
}

static int reported(const redux_pretrain_step *step, void *user)
{
    ++*(int *)user;
    ck_assert_uint_eq(step->struct_size, sizeof *step);
    return 0;
}

static redux_objective *one_step_objective; /* made once */

static recipe one_step_options(void)
{
    recipe options = recipe_of("none", 8);
    options.network.width = 0.125;
    options.run.objective = one_step_objective;
    options.run.batch = 4;
    options.run.epochs = 0;
    options.run.steps = 1;
    return options;
}

/* Each in a folder of its own. */
static const char *next_run(void)
{
    static int runs;
    return in_scratch(text("run%ld_%d", (long)getpid(), runs++));
}

static redux_status trained(redux_pretrain_result *out, const recipe *options)
{
    return recipe_run(out, NULL, next_run(), dataset, split, options);
}

static redux_status with_custom_objective(void *given)
{
    redux_objective *out = NULL;
    const redux_status status = redux_objective_new_custom(&out, NULL, given);
    redux_objective_free(out);
    return status;
}

static redux_status with_objective_views(void *given)
{
    redux_custom_objective definition = REDUX_CUSTOM_OBJECTIVE_INIT;
    definition.step = one_step;
    definition.views = given;
    return with_custom_objective(&definition);
}

static redux_status get_objective_views(void *out)
{
    return redux_objective_get_views(out, one_step_objective);
}

static redux_status with_pretrain(void *given)
{
    return redux_pretrain(NULL, NULL, next_run(), dataset, split, given);
}

/* ---- structs that the library fills in ---- */

static redux_status get_logistic(void *out)
{
    return redux_logistic_get_info(out, model);
}

static redux_status get_summary(void *out)
{
    return redux_evaluation_get_summary(out, evaluation);
}

static redux_status get_run(void *out)
{
    return redux_evaluation_get_run(out, evaluation, 0);
}

static redux_status get_prediction(void *out)
{
    return redux_evaluation_get_prediction(out, evaluation, 0);
}

static redux_status get_counts(void *out)
{
    redux_run_set *set;
    ck_assert_redux_ok(redux_run_set_new(&set, NULL));
    const redux_status status = redux_run_set_get_counts(out, NULL, set);
    redux_run_set_free(set);
    return status;
}

static redux_status of_leakage(void *out, int which)
{
    redux_leakage *found;
    ck_assert_redux_ok(redux_labels_find_leakage(&found, NULL, labels, leaky, NULL));
    const redux_status status =
        which == 0 ? redux_leakage_get_summary(out, found) : redux_leakage_get_worst(out, found, 0);
    redux_leakage_free(found);
    return status;
}

static redux_status get_leakage(void *out)
{
    return of_leakage(out, 0);
}

static redux_status get_leak(void *out)
{
    return of_leakage(out, 1);
}

static redux_status get_traffic(void *out)
{
    redux_context *context = NULL;
    redux_status status = redux_context_new(&context, NULL);
    if (status == REDUX_OK)
        status = redux_context_get_traffic(out, context);
    redux_context_free(context);
    return status;
}

static redux_status get_reduce_summary(void *out)
{
    return redux_reduction_get_summary(out, reduction);
}

static redux_status get_strategy_info(void *out)
{
    return redux_strategy_describe(out, REDUX_STRATEGY_MATTES);
}

static redux_status get_passed_over(void *out)
{
    return redux_dataset_get_passed_over(out, dataset, 0);
}

static redux_status get_volume_info(void *out)
{
    return redux_dataset_get_volume_info(out, dataset, 0);
}

static redux_status get_result(void *out)
{
    const recipe options = one_step_options();
    return trained(out, &options);
}

static redux_status get_scores(void *out)
{
    redux_predictions predictions = REDUX_PREDICTIONS_INIT;
    predictions.labels = &classes;
    predictions.scores = &all_scores;
    return redux_scores_compute(out, NULL, &predictions);
}

/* Options that are filled in. */
static redux_status get_views(void *out)
{
    return redux_views_preset(out, "moco-medical");
}

static redux_status of_weights(void *out, int which)
{
    redux_safetensors *file;
    ck_assert_redux_ok(redux_safetensors_load(&file, NULL, weights));
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_status status;
    if (which == 0)
        status = redux_network_options_of(out, NULL, NULL, file);
    else if (which == 1)
        status = redux_input_options_of(out, file);
    else
        status = redux_network_options_of(&options, out, NULL, file);
    redux_safetensors_free(file);
    return status;
}

static redux_status get_network(void *out)
{
    return of_weights(out, 0);
}

static redux_status get_input(void *out)
{
    return of_weights(out, 1);
}

static redux_status get_head(void *out)
{
    return of_weights(out, 2);
}

static redux_status get_options(void *out)
{
    return redux_network_get_options(out, network);
}

static redux_status get_hash(void *out)
{
    redux_hash_list *list;
    ck_assert_redux_ok(redux_hash_list_new(&list, NULL, NULL));
    const redux_status status = redux_hash_list_get_options(out, list);
    redux_hash_list_free(list);
    return status;
}

static redux_status get_manifest(void *out)
{
    redux_manifest *manifest;
    ck_assert_redux_ok(redux_manifest_load(&manifest, NULL, in_scratch("m/m.csv")));
    const redux_status status = redux_manifest_get_options(out, manifest);
    redux_manifest_free(manifest);
    return status;
}

/* ---- the table ---- */

/* What each struct is set to, where its INIT macro does not do. */
static redux_loader_options loader_options = REDUX_LOADER_OPTIONS_INIT;
static redux_volume_source volume_source = REDUX_VOLUME_SOURCE_INIT;
static redux_custom_metric custom = REDUX_CUSTOM_METRIC_INIT;
static redux_predictions predictions = REDUX_PREDICTIONS_INIT;
static redux_network_options network_options = REDUX_NETWORK_OPTIONS_INIT;
static redux_views_options views_options = REDUX_VIEWS_OPTIONS_INIT;
static redux_pretrain_options pretrain_options = REDUX_PRETRAIN_OPTIONS_INIT;
static redux_evaluate_options evaluate_options = REDUX_EVALUATE_OPTIONS_INIT;
static redux_labels_options labels_options = REDUX_LABELS_OPTIONS_INIT;
static redux_split_options split_options = REDUX_SPLIT_OPTIONS_INIT;
static redux_head_options head = REDUX_HEAD_OPTIONS_INIT;
static redux_custom_objective custom_objective = REDUX_CUSTOM_OBJECTIVE_INIT;
static redux_objective_views objective_views = REDUX_OBJECTIVE_VIEWS_INIT;
static redux_parameter one_parameter = {.struct_size = sizeof one_parameter, .name = "p"};
static redux_context_options context_options = REDUX_CONTEXT_OPTIONS_INIT;
static redux_dataset_options dataset_options = REDUX_DATASET_OPTIONS_INIT;
static redux_visit_options visit_options = REDUX_VISIT_OPTIONS_INIT;
static redux_histogram_options histogram = REDUX_HISTOGRAM_OPTIONS_INIT;
static redux_ssim_options ssim = REDUX_SSIM_OPTIONS_INIT;
static redux_ms_ssim_options ms_ssim = REDUX_MS_SSIM_OPTIONS_INIT;
static redux_mattes_options mattes = REDUX_MATTES_OPTIONS_INIT;
static redux_phase_options phase = REDUX_PHASE_OPTIONS_INIT;
static redux_hash_options hash = REDUX_HASH_OPTIONS_INIT;
static redux_volume_hash_options volume_hash = REDUX_VOLUME_HASH_OPTIONS_INIT;
static redux_index_options index_options = REDUX_INDEX_OPTIONS_INIT;
static redux_reduce_options reduce = REDUX_REDUCE_OPTIONS_INIT;
static redux_k_means_options k_means = REDUX_K_MEANS_OPTIONS_INIT;
static redux_logistic_options logistic = REDUX_LOGISTIC_OPTIONS_INIT;
static redux_knn_options knn = REDUX_KNN_OPTIONS_INIT;
static redux_optimiser_options optimiser = REDUX_OPTIMISER_OPTIONS_INIT;
static redux_conv2d_options conv2d = REDUX_CONV2D_OPTIONS_INIT;
static redux_pool_options pool = REDUX_POOL_OPTIONS_INIT;
static redux_batch_norm_options batch_norm = REDUX_BATCH_NORM_OPTIONS_INIT;
static redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
static redux_safetensors_content content = REDUX_SAFETENSORS_CONTENT_INIT;
static redux_part_options part = REDUX_PART_OPTIONS_INIT;
static redux_communicator communicator = REDUX_COMMUNICATOR_INIT;
static redux_nt_xent_options nt_xent = REDUX_NT_XENT_OPTIONS_INIT;
static redux_swav_options swav = REDUX_SWAV_OPTIONS_INIT;
static redux_moco_options moco = REDUX_MOCO_OPTIONS_INIT;
static redux_byol_options byol = REDUX_BYOL_OPTIONS_INIT;
static redux_leakage_options leakage = REDUX_LEAKAGE_OPTIONS_INIT;
static redux_scan_options scan_options = REDUX_SCAN_OPTIONS_INIT;
static redux_audit_leaks_options audit_leaks = REDUX_AUDIT_LEAKS_OPTIONS_INIT;
static redux_audit_labels_options audit_labels = REDUX_AUDIT_LABELS_OPTIONS_INIT;
static redux_audit_slices_options audit_slices = REDUX_AUDIT_SLICES_OPTIONS_INIT;
static redux_audit_outliers_options audit_outliers = REDUX_AUDIT_OUTLIERS_OPTIONS_INIT;

typedef struct entry {
    const char *name;
    size_t size;
    call_fn call;
    const void *given; /* NULL: the library fills it in */
    size_t least;      /* up to what the call needs, or takes too long without */
} entry;

/* What is NULL in the third place is only handed to callbacks of the caller's. */
static const entry entries[] = {
    {"redux_context_options", sizeof context_options, with_context, &context_options, 0},
    {"redux_dataset_options", sizeof dataset_options, with_dataset, &dataset_options, 0},
    {"redux_volume_source", sizeof volume_source, with_source, &volume_source,
     offsetof(redux_volume_source, slope)},
    {"redux_visit_options", sizeof visit_options, with_visit, &visit_options, 0},
    {"redux_histogram_options", sizeof histogram, with_histogram, &histogram, 0},
    {"redux_ssim_options", sizeof ssim, with_ssim, &ssim, 0},
    {"redux_ms_ssim_options", sizeof ms_ssim, with_ms_ssim, &ms_ssim, 0},
    {"redux_mattes_options", sizeof mattes, with_mattes, &mattes, 0},
    {"redux_phase_options", sizeof phase, with_phase, &phase, 0},
    {"redux_hash_options", sizeof hash, with_hash, &hash, 0},
    {"redux_hash_options", sizeof hash, get_hash, NULL, 0},
    {"redux_volume_hash_options", sizeof volume_hash, with_volume_hash, &volume_hash, 0},
    {"redux_index_options", sizeof index_options, with_index, &index_options, 0},
    {"redux_reduce_options", sizeof reduce, with_reduce, &reduce, 0},
    {"redux_k_means_options", sizeof k_means, with_k_means, &k_means, 0},
    {"redux_reduce_options", sizeof reduce, get_manifest, NULL, 0},
    {"redux_reduce_summary", sizeof(redux_reduce_summary), get_reduce_summary, NULL, 0},
    {"redux_traffic", sizeof(redux_traffic), get_traffic, NULL, 0},
    {"redux_volume_info", sizeof(redux_volume_info), get_volume_info, NULL, 0},
    {"redux_passed_over", sizeof(redux_passed_over), get_passed_over, NULL, 0},
    {"redux_strategy_info", sizeof(redux_strategy_info), get_strategy_info, NULL, 0},
    {"redux_custom_metric", sizeof custom, with_custom, &custom,
     offsetof(redux_custom_metric, one_to_many)},
    {"redux_labels_options", sizeof labels_options, with_labels, &labels_options, 0},
    {"redux_split_options", sizeof split_options, with_split, &split_options, 0},
    {"redux_leakage_options", sizeof leakage, with_leakage, &leakage, 0},
    {"redux_scan_options", sizeof scan_options, with_scan, &scan_options, 0},
    {"redux_audit_leaks_options", sizeof audit_leaks, with_audit_leaks, &audit_leaks,
     offsetof(redux_audit_leaks_options, threshold)},
    {"redux_audit_labels_options", sizeof audit_labels, with_audit_labels, &audit_labels, 0},
    {"redux_audit_slices_options", sizeof audit_slices, with_audit_slices, &audit_slices, 0},
    {"redux_audit_outliers_options", sizeof audit_outliers, with_audit_outliers, &audit_outliers,
     0},
    {"redux_finding", sizeof(redux_finding), get_finding, NULL, 0},
    {"redux_leakage_summary", sizeof(redux_leakage_summary), get_leakage, NULL, 0},
    {"redux_leak", sizeof(redux_leak), get_leak, NULL, 0},
    {"redux_logistic_options", sizeof logistic, with_logistic, &logistic, 0},
    {"redux_logistic_info", sizeof(redux_logistic_info), get_logistic, NULL, 0},
    {"redux_knn_options", sizeof knn, with_knn, &knn, 0},
    {"redux_predictions", sizeof predictions, with_predictions, &predictions,
     offsetof(redux_predictions, positive)},
    {"redux_scores", sizeof(redux_scores), get_scores, NULL, 0},
    {"redux_network_options", sizeof network_options, with_network, &network_options,
     offsetof(redux_network_options, seed)},
    {"redux_network_options", sizeof network_options, get_network, NULL, 0},
    {"redux_network_options", sizeof network_options, get_options, NULL, 0},
    {"redux_optimiser_options", sizeof optimiser, with_optimiser, &optimiser, 0},
    {"redux_conv2d_options", sizeof conv2d, with_conv2d, &conv2d, 0},
    {"redux_pool_options", sizeof pool, with_pool, &pool, 0},
    {"redux_batch_norm_options", sizeof batch_norm, with_batch_norm, &batch_norm, 0},
    {"redux_input_options", sizeof input, with_input, &input, 0},
    {"redux_input_options", sizeof input, get_input, NULL, 0},
    {"redux_views_options", sizeof views_options, with_views, &views_options,
     sizeof(redux_views_options)},
    {"redux_views_options", sizeof views_options, get_views, NULL, 0},
    {"redux_part_options", sizeof part, with_part, &part, 0},
    {"redux_communicator", sizeof communicator, with_communicator, &communicator,
     offsetof(redux_communicator, send)},
    {"redux_safetensors_content", sizeof content, with_content, &content, 0},
    {"redux_evaluate_options", sizeof evaluate_options, with_evaluate, &evaluate_options,
     offsetof(redux_evaluate_options, network)},
    {"redux_evaluation_summary", sizeof(redux_evaluation_summary), get_summary, NULL, 0},
    {"redux_evaluation_run", sizeof(redux_evaluation_run), get_run, NULL, 0},
    {"redux_evaluation_prediction", sizeof(redux_evaluation_prediction), get_prediction, NULL, 0},
    {"redux_run_set_counts", sizeof(redux_run_set_counts), get_counts, NULL, 0},
    {"redux_loader_options", sizeof loader_options, with_loader, &loader_options, 0},
    {"redux_nt_xent_options", sizeof nt_xent, with_nt_xent, &nt_xent, 0},
    {"redux_swav_options", sizeof swav, with_swav, &swav, 0},
    {"redux_moco_options", sizeof moco, with_moco, &moco, 0},
    {"redux_byol_options", sizeof byol, with_byol, &byol, 0},
    {"redux_custom_objective", sizeof custom_objective, with_custom_objective, &custom_objective,
     offsetof(redux_custom_objective, after)},
    {"redux_objective_views", sizeof objective_views, with_objective_views, &objective_views, 0},
    {"redux_objective_views", sizeof objective_views, get_objective_views, NULL, 0},
    {"redux_objective_setup", sizeof(redux_objective_setup), NULL, NULL, 0},
    {"redux_head_options", sizeof head, with_head, &head, 0},
    {"redux_head_options", sizeof head, get_head, NULL, 0},
    {"redux_parameter", sizeof one_parameter, with_parameter, &one_parameter,
     sizeof(redux_parameter)},
    {"redux_pretrain_options", sizeof pretrain_options, with_pretrain, &pretrain_options,
     offsetof(redux_pretrain_options, rate)},
    {"redux_pretrain_result", sizeof(redux_pretrain_result), get_result, NULL, 0},
    {"redux_objective_step", sizeof(redux_objective_step), NULL, NULL, 0},
    {"redux_pretrain_step", sizeof(redux_pretrain_step), NULL, NULL, 0},
};
enum { ENTRIES = sizeof entries / sizeof *entries };

/* ---- tests ---- */

/* `size` bytes that end where a page begins that must not be touched. */
static unsigned char *at_the_end(unsigned char **page, size_t size)
{
    *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(*page, MAP_FAILED);
    ck_assert_int_eq(mprotect(*page + PAGE, PAGE, PROT_NONE), 0);
    return *page + PAGE - size;
}

static void set_size(unsigned char *block, size_t size)
{
    memcpy(block, &size, sizeof size);
}

/* The call with a struct of `size` bytes, of which as many as there are come from the entry. */
static redux_status call_with(const entry *e, size_t size, size_t spoiled)
{
    unsigned char *page, *block = at_the_end(&page, size);
    if (e->given != NULL)
        memcpy(block, e->given, size < e->size ? size : e->size);
    if (spoiled > 0)
        block[spoiled] = 1;
    set_size(block, size);
    const redux_status status = e->call(block);
    munmap(page, 2 * PAGE);
    return status;
}

static void check_read(const entry *e)
{
    size_t size = e->least < sizeof size ? sizeof size : (e->least + 7) / 8 * 8;
    for (; size <= e->size; size += 8)
        ck_assert_msg(call_with(e, size, 0) == REDUX_OK, "%s of %zu bytes: %s", e->name, size,
                      redux_error_message());
    ck_assert_msg(call_with(e, e->size + TAIL, 0) == REDUX_OK, "%s: %s", e->name,
                  redux_error_message());
    for (size_t at = e->size; at < e->size + TAIL; at += 7) {
        ck_assert_int_eq(call_with(e, e->size + TAIL, at), REDUX_E_INVALID);
        ck_assert_msg(strstr(redux_error_message(), e->name) != NULL, "%s: %s", e->name,
                      redux_error_message());
    }
}

/* A smaller struct is filled as far as it goes; what a larger one has beyond is 0. Pointers and
 * times differ between two calls, so that what is written is seen by what was there before. */
static void check_written(const entry *e)
{
    for (size_t size = sizeof size; size <= e->size + TAIL; size += 8) {
        unsigned char *page, *block = at_the_end(&page, size);
        size_t kept;
        memset(block, 0xA5, size);
        if (e->given != NULL)
            memcpy(block, e->given, size < e->size ? size : e->size);
        for (size_t i = e->size; i < size && e->given != NULL; i++)
            block[i] = 0;
        set_size(block, size);
        ck_assert_msg(e->call(block) == REDUX_OK, "%s of %zu bytes: %s", e->name, size,
                      redux_error_message());
        memcpy(&kept, block, sizeof kept);
        ck_assert_uint_eq(kept, size);
        for (size_t i = e->size; i < size; i++)
            ck_assert_msg(block[i] == 0, "%s: byte %zu", e->name, i);
        munmap(page, 2 * PAGE);
    }
}

START_TEST(smaller_and_larger)
{
    const entry *e = &entries[_i];
    unsigned char nothing[sizeof(size_t)];
    if (e->call == NULL)
        return;
    if (e->call == with_phase && e->call((void *)(uintptr_t)e->given) == REDUX_E_UNSUPPORTED)
        return; /* without FFTW */
    if (e->given == NULL)
        check_written(e);
    else
        check_read(e);
    set_size(nothing, sizeof nothing - 1);
    ck_assert_int_eq(e->call(nothing), REDUX_E_INVALID);
}
END_TEST

/* As many public structs with a size as the headers have, and all of them in the table. */
START_TEST(none_is_forgotten)
{
    char line[200];
    int names = 0, known = 0;
    /* NOLINTNEXTLINE(cert-env33-c): a command of our own */
    FILE *list = popen("tools/list-options.sh include/redux/*.h", "r");
    ck_assert_ptr_nonnull(list);
    while (fgets(line, sizeof line, list) != NULL) {
        int found = 0;
        line[strcspn(line, "\n")] = '\0';
        for (int i = 0; i < ENTRIES; i++)
            found |= strcmp(line, entries[i].name) == 0;
        ck_assert_msg(found, "%s is not in the table of this test", line);
        names++;
    }
    pclose(list);
    for (int i = 0; i < ENTRIES; i++) { /* different ones */
        int first = 1;
        for (int j = 0; j < i; j++)
            first &= strcmp(entries[i].name, entries[j].name) != 0;
        known += first;
    }
    ck_assert_int_eq(names, known);
}
END_TEST

/* What may grow lies in nothing else by value, is returned by none, and stands in no array. */
START_TEST(none_lies_in_another)
{
    char line[300];
    /* NOLINTNEXTLINE(cert-env33-c): a command of our own */
    FILE *list = popen("tools/list-options.sh --by-value include/redux/*.h", "r");
    ck_assert_ptr_nonnull(list);
    ck_assert_msg(fgets(line, sizeof line, list) == NULL, "%s", line);
    ck_assert_int_eq(pclose(list), 0);
}
END_TEST

/* Steps reach the callbacks with their sizes. */
START_TEST(steps_have_their_size)
{
    recipe options = one_step_options();
    int calls = 0;
    options.run.report = reported;
    options.run.report_user = &calls;
    ck_assert_redux_ok(trained(NULL, &options));
    ck_assert_int_eq(calls, 1);
}
END_TEST

/* ---- what the calls work on ---- */

static double no_difference(const redux_tensor *a, const redux_tensor *b, void *user)
{
    (void)a;
    (void)b;
    (void)user;
    return 0;
}

static void make_files(void)
{
    redux_tensor volume;
    char table[4000];
    int used = snprintf(table, sizeof table, "file,slice,label,patient,split\n");
    ck_assert_redux_ok(
        redux_tensor_new(&volume, NULL, REDUX_UINT8, 3, (const int64_t[]){ROWS, SIDE, SIDE}));
    for (int64_t i = 0; i < ROWS * SIDE * SIDE; i++) {
        const redux_random_key key = {.seed = 3};
        ((uint8_t *)volume.data)[i] = (uint8_t)redux_random_u32(&key, (uint32_t)i);
    }
    memcpy((uint8_t *)volume.data + (ROWS - 1) * SIDE * SIDE, volume.data, SIDE * SIDE);
    for (int i = 0; i < ROWS; i++)
        used += snprintf(table + used, sizeof table - (size_t)used, "v.npy,%d,%d,%d,%s\n", i, i % 2,
                         i / 2,
                         i / 2 % 3 == 0   ? "test"
                         : i / 2 % 3 == 1 ? "val"
                                          : "train");
    ck_assert_redux_ok(redux_npy_write(in_scratch("v.npy"), NULL, &volume));
    ck_assert_redux_ok(redux_tensor_select(&image, &volume, 0, 0));
    stack = volume;
    volume_source.source = "stack";
    volume_source.voxels = &stack;
    write_bytes(in_scratch("labels.csv"), table, (size_t)used);
    ck_assert_int_eq(mkdir(in_scratch("m"), 0700), 0);
}

static void make_tables(void)
{
    const int64_t shape[] = {ROWS, 2};
    ck_assert_redux_ok(redux_tensor_new(&features, NULL, REDUX_FLOAT32, 2, shape));
    ck_assert_redux_ok(redux_tensor_new(&all_scores, NULL, REDUX_FLOAT32, 2, shape));
    ck_assert_redux_ok(redux_tensor_new(&probabilities, NULL, REDUX_FLOAT64, 2, shape));
    ck_assert_redux_ok(redux_tensor_new(&classes, NULL, REDUX_INT32, 1, shape));
    for (int i = 0; i < 2 * ROWS; i++)
        ((float *)features.data)[i] = ((float *)all_scores.data)[i] = (float)(i * 7 % 13) / 13;
    for (int i = 0; i < ROWS; i++)
        ((int32_t *)classes.data)[i] = i % 2;
    predictions.labels = &classes;
    predictions.scores = &all_scores;
    custom.pair = no_difference;
}

static void make_all(void)
{
    static redux_network_options small;
    const char *folder;
    scratch_make();
    folder = scratch;
    make_files();
    make_tables();
    write_bytes(in_scratch("notes.bmp"), "BM", 2); /* is passed over */
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &folder, 1, NULL));
    labels_options.split = "split";
    labels_options.group = "patient";
    ck_assert_redux_ok(redux_labels_load(&labels, NULL, in_scratch("labels.csv"), &labels_options));
    ck_assert_redux_ok(redux_labels_split(split, NULL, labels, NULL));
    ck_assert_redux_ok(redux_logistic_fit(&model, NULL, &features, &classes, 2, NULL, NULL));
    network_options.width = 0.125;
    ck_assert_redux_ok(redux_network_new(&network, NULL, &network_options));
    evaluate_options.features = &features;
    evaluate_options.seeds = 1;
    evaluate_options.c = 1;
    evaluate_options.resamples = 10;
    evaluate_options.check_leakage = 0;
    ck_assert_redux_ok(redux_evaluate(&evaluation, NULL, labels, &evaluate_options));
    ck_assert_redux_ok(redux_evaluation_save(in_scratch("predictions.csv"), NULL, evaluation));
    ck_assert_int_le(redux_dataset_slice_count(dataset), 8 * ROWS);
    ck_assert_redux_ok(redux_scan_new(&scan, NULL, dataset, NULL));
    audit_leaks.against = scan; /* so each slice has a twin */
    ck_assert_redux_ok(redux_audit_leaks(&findings, NULL, scan, &audit_leaks));
    ck_assert_redux_ok(redux_reduce(&reduction, NULL, dataset, NULL));
    ck_assert_redux_ok(
        redux_results_save(in_scratch("m/m.csv"), in_scratch("m/m.json"), NULL, reduction, 0));
    ck_assert_redux_ok(redux_views_preset(&views_options, "none"));
    custom_objective.step = one_step;
    ck_assert_redux_ok(redux_objective_new_custom(&one_step_objective, NULL, &custom_objective));
    const recipe options = one_step_options();
    pretrain_options = options.run;
    pretrain_options.network = &small; /* all others have defaults */
    small = options.network;
    one_parameter.value = redux_network_parameter(network, 0)->value;
    one_parameter.gradient = redux_network_parameter(network, 0)->gradient;
    memset(leaky, REDUX_SPLIT_TRAIN, sizeof leaky);
    leaky[ROWS - 1] = REDUX_SPLIT_TEST; /* the same slice as the first one */
    ck_assert_redux_ok(trained(NULL, &options));
    snprintf(weights, sizeof weights, "%s/run%ld_0/weights.safetensors", scratch, (long)getpid());
}

static void free_all(void)
{
    redux_tensor *const tensors[] = {&stack, &features,      &classes,
                                     &image, &probabilities, &all_scores};
    redux_reduction_free(reduction);
    redux_evaluation_free(evaluation);
    redux_network_free(network);
    redux_logistic_free(model);
    redux_labels_free(labels);
    redux_findings_free(findings);
    redux_scan_free(scan);
    redux_dataset_free(dataset);
    redux_objective_free(one_step_objective);
    for (int i = 0; i < 6; i++)
        redux_tensor_release(tensors[i]);
    scratch_remove();
}

int main(void)
{
    Suite *suite = suite_create("options_abi");
    TCase *tests = tcase_create("options_abi");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, make_all, free_all);
    tcase_add_loop_test(tests, smaller_and_larger, 0, ENTRIES);
    tcase_add_test(tests, steps_have_their_size);
    tcase_add_test(tests, none_is_forgotten);
    tcase_add_test(tests, none_lies_in_another);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
