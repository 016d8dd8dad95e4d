/* SPDX-License-Identifier: MIT
 * Options of pre-training: defaults, checks, and as JSON those that a resumed run must share. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "image/image.h"
#include "io/json.h"
#include "nn/nn.h"
#include "run.h"

#define DEFAULT_MEMORY ((uint64_t)2 << 30)
#define DEFAULT_DECAY 5e-4 /* the order of magnitude of SimCLR's, for short runs */

static redux_status check_numbers(const redux_pretrain_options *o)
{
    if (o->batch < 1 || o->batch > 1 << 20 || o->part < 0)
        return rdx_fail(REDUX_E_INVALID, "batch %lld, part %lld", (long long)o->batch,
                        (long long)o->part);
    if (o->epochs < 0 || o->steps < 0 || (o->epochs == 0) == (o->steps == 0) ||
        o->epochs > INT32_MAX || o->steps > INT64_C(1) << 40)
        return rdx_fail(REDUX_E_INVALID, "epochs %lld, steps %lld: set one of them",
                        (long long)o->epochs, (long long)o->steps);
    if (!(o->rate > 0) || !isfinite(o->rate) || !(o->last_rate >= 0) || !(o->last_rate <= 1))
        return rdx_fail(REDUX_E_INVALID, "learning rate %g, share of it at the end %g", o->rate,
                        o->last_rate);
    if (!(o->warm_up >= 0) || !(o->warm_up < 1e9) || !(o->checkpoint_seconds >= 0))
        return rdx_fail(REDUX_E_INVALID, "warm-up of %g epochs, %g seconds between checkpoints",
                        o->warm_up, o->checkpoint_seconds);
    if (o->warm_up_steps < 0 || o->cosine_steps < 0 || o->cosine_steps > INT64_C(1) << 40)
        return rdx_fail(REDUX_E_INVALID, "%lld steps of warm-up, %lld of the cosine",
                        (long long)o->warm_up_steps, (long long)o->cosine_steps);
    return REDUX_OK;
}

static redux_status read_network(rdx_run *run, const redux_network_options *given)
{
    const redux_network_options defaults = REDUX_NETWORK_OPTIONS_INIT;
    redux_network_options *o = &run->network_options;
    *o = defaults;
    RDX_TRY(rdx_read_options(o, sizeof *o, given, "redux_network_options"));
    if (o->channels != 1)
        return rdx_fail(REDUX_E_INVALID, "a network of %d channels; slices have one",
                        (int)o->channels);
    o->seed = run->options.seed;
    if (o->projection != NULL || given == NULL) { /* the default network has a head */
        RDX_TRY(rdx_head_read(&run->projection, o->projection, "projection"));
        o->projection = &run->projection;
    }
    if (o->prediction != NULL) {
        RDX_TRY(rdx_head_read(&run->prediction, o->prediction, "prediction"));
        o->prediction = &run->prediction;
    }
    return REDUX_OK;
}

static redux_status read_optimiser(rdx_run *run, const redux_optimiser_options *given)
{
    const redux_optimiser_options defaults = REDUX_OPTIMISER_OPTIONS_INIT;
    redux_optimiser_options *o = &run->optimiser_options;
    *o = defaults;
    if (given == NULL)
        o->weight_decay = DEFAULT_DECAY;
    return rdx_read_options(o, sizeof *o, given, "redux_optimiser_options");
}

static redux_status choose_objective(rdx_run *run)
{
    if (run->options.objective == NULL)
        RDX_TRY(redux_objective_new_nt_xent(&run->own_objective, run->context, NULL));
    run->objective = run->options.objective == NULL ? run->own_objective : run->options.objective;
    return rdx_objective_check(run->objective, &run->views.options);
}

redux_status rdx_run_read_options(rdx_run *run, const redux_pretrain_options *given)
{
    const redux_pretrain_options defaults = REDUX_PRETRAIN_OPTIONS_INIT;
    redux_pretrain_options *o = &run->options;
    *o = defaults;
    RDX_TRY(rdx_read_options(o, sizeof *o, given, "redux_pretrain_options"));
    if (o->memory_bytes == 0)
        o->memory_bytes = DEFAULT_MEMORY;
    RDX_TRY(check_numbers(o));
    RDX_TRY(read_network(run, o->network));
    RDX_TRY(read_optimiser(run, o->optimiser));
    RDX_TRY(rdx_views_read(&run->views, o->views, o->input));
    return choose_objective(run);
}

/* ---- as JSON ---- */

/* null where there is no such head. */
static json_t *head_json(const redux_head_options *o)
{
    if (o == NULL)
        return json_null();
    json_t *widths = json_array();
    for (int32_t i = 0; i < o->layers; i++)
        json_array_append_new(widths, json_integer(o->widths[i]));
    return json_pack("{s:o, s:i, s:i}", "widths", widths, "batch_norm", (int)o->batch_norm,
                     "no_bias", (int)o->no_bias);
}

static json_t *network_json(const redux_network_options *o)
{
    return json_pack("{s:s, s:s, s:i, s:f, s:i, s:o, s:o, s:s}", "arch", redux_arch_name(o->arch),
                     "stem", redux_stem_name(o->stem), "channels", (int)o->channels, "width",
                     o->width, "classes", (int)o->classes, "projection", head_json(o->projection),
                     "prediction", head_json(o->prediction), "products",
                     redux_products_name(o->products));
}

static json_t *optimiser_json(const redux_optimiser_options *o)
{
    return json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:b}", "kind",
                     redux_optimiser_name(o->kind), "weight_decay", o->weight_decay, "momentum",
                     o->momentum, "beta1", o->beta1, "beta2", o->beta2, "epsilon", o->epsilon,
                     "trust", o->trust, "clip_norm", o->clip_norm, "all_parameters",
                     o->all_parameters != 0);
}

static json_t *views_json(const rdx_views *views)
{
    const redux_views_options *o = &views->options;
    const redux_input_options *input = &views->input;
    char window[REDUX_WINDOW_TEXT];
    if (redux_window_to_text(window, input->window) != REDUX_OK)
        return NULL;
    json_t *json =
        json_pack("{s:s, s:i, s:f, s:f, s:i, s:i, s:i}", "window", window, "size", (int)input->size,
                  "mean", input->mean, "deviation", input->deviation, "views", (int)o->views,
                  "small_views", (int)o->small_views, "small_size", (int)o->small_size);
    const struct {
        const char *name;
        double value;
    } strengths[] = {
        {"window_jitter", o->window_jitter},
        {"scale_low", o->scale_low},
        {"scale_high", o->scale_high},
        {"small_scale_low", o->small_scale_low},
        {"small_scale_high", o->small_scale_high},
        {"ratio", o->ratio},
        {"flip_horizontal", o->flip_horizontal},
        {"flip_vertical", o->flip_vertical},
        {"rotate_probability", o->rotate_probability},
        {"rotate_degrees", o->rotate_degrees},
        {"jitter_probability", o->jitter_probability},
        {"brightness", o->brightness},
        {"contrast", o->contrast},
        {"gamma", o->gamma},
        {"blur_probability", o->blur_probability},
        {"blur_low", o->blur_low},
        {"blur_high", o->blur_high},
        {"noise_probability", o->noise_probability},
        {"noise_high", o->noise_high},
        {"cutout_probability", o->cutout_probability},
        {"cutout_high", o->cutout_high},
    };
    for (int i = 0; i < RDX_COUNT(strengths); i++)
        json_object_set_new(json, strengths[i].name, json_real(strengths[i].value));
    return json;
}

/* Identifies the dataset wherever it is stored: shapes, sizes of files, kept slices. */
static redux_status checksum(uint32_t *out, const rdx_run *run)
{
    uLong crc = crc32(0, NULL, 0);
    const int64_t slices = redux_dataset_slice_count(run->dataset);
    for (int64_t i = 0; i < redux_dataset_volume_count(run->dataset); i++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        RDX_TRY(redux_dataset_get_volume_info(&info, run->dataset, i));
        uint64_t numbers[] = {(uint64_t)info.is_scan, (uint64_t)info.dtype, (uint64_t)info.slices,
                              (uint64_t)info.height,  (uint64_t)info.width, info.bytes};
        for (int k = 0; k < RDX_COUNT(numbers); k++)
            numbers[k] = rdx_little_64(numbers[k]); /* runs are resumed on any machine */
        crc = crc32(crc, (const Bytef *)numbers, sizeof numbers);
    }
    for (int64_t i = 0; i < slices; i++) {
        const Bytef is_kept = run->kept == NULL || run->kept[i] != 0;
        crc = crc32(crc, &is_kept, 1);
    }
    *out = (uint32_t)crc;
    return REDUX_OK;
}

redux_status rdx_run_describe(rdx_run *run)
{
    const redux_pretrain_options *o = &run->options;
    json_t *objective;
    uint32_t crc;
    char text[16];
    RDX_TRY(checksum(&crc, run));
    RDX_TRY(rdx_objective_describe(&objective, run->objective));
    snprintf(text, sizeof text, "%08x", (unsigned)crc);
    run->settings = json_pack(
        "{s:o, s:o, s:o, s:s, s:o, s:I, s:I, s:I, s:I, s:f, s:b, s:f, s:I, s:I, s:f, s:I, s:I, "
        "s:I, s:s}",
        "network", network_json(&run->network_options), "optimiser",
        optimiser_json(&run->optimiser_options), "views", views_json(&run->views), "objective",
        redux_objective_name(run->objective), "objective_options", objective, "batch",
        (json_int_t)o->batch, "part", (json_int_t)o->part, "epochs", (json_int_t)o->epochs, "steps",
        (json_int_t)o->steps, "rate", o->rate, "fixed_rate", o->fixed_rate != 0, "warm_up",
        o->warm_up, "warm_up_steps", (json_int_t)o->warm_up_steps, "cosine_steps",
        (json_int_t)o->cosine_steps, "last_rate", o->last_rate, "seed", (json_int_t)o->seed,
        "memory_bytes", (json_int_t)o->memory_bytes, "slices", (json_int_t)run->slices, "dataset",
        text);
    return run->settings == NULL ? rdx_fail(REDUX_E_NO_MEMORY, "out of memory") : REDUX_OK;
}

static bool is_used(const rdx_run *run, int64_t row)
{
    return run->kept == NULL || run->kept[row] != 0;
}

/* Marks the middle one of the slices that the run uses of each group within a volume. `kept` and
 * `seen`, by group, are 0 before and after. */
static redux_status mark_volume(uint8_t *wanted, int64_t *kept, int64_t *seen, const rdx_run *run,
                                int64_t volume, int64_t *first)
{
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    RDX_TRY(redux_dataset_get_volume_info(&info, run->dataset, volume));
    for (int64_t k = 0; k < info.slices; k++)
        kept[redux_dataset_get_group(run->dataset, volume, k)] += is_used(run, *first + k);
    for (int64_t k = 0; k < info.slices; k++) {
        const int64_t group = redux_dataset_get_group(run->dataset, volume, k);
        wanted[*first + k] = is_used(run, *first + k) && seen[group]++ == kept[group] / 2;
    }
    for (int64_t k = 0; k < info.slices; k++) {
        const int64_t group = redux_dataset_get_group(run->dataset, volume, k);
        kept[group] = seen[group] = 0;
    }
    *first += info.slices;
    return REDUX_OK;
}

/* One slice identifies a patient. A flat folder is one volume of many patients, so one slice of
 * each group in it is needed. */
static redux_status mark_middles(uint8_t *wanted, const rdx_run *run)
{
    const uint64_t groups = (uint64_t)redux_dataset_group_count(run->dataset) + 1;
    int64_t first = 0;
    void *block;
    RDX_TRY(rdx_alloc_zero(run->context, &block, groups, 2 * sizeof(int64_t)));
    int64_t *kept = block, *seen = kept + groups;
    redux_status status = REDUX_OK;
    for (int64_t v = 0; v < redux_dataset_volume_count(run->dataset) && status == REDUX_OK; v++)
        status = mark_volume(wanted, kept, seen, run, v, &first);
    rdx_free(block);
    return status;
}

static int compare_prints(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* In rising order, which tells nothing about the order of the dataset; each once. */
static redux_status list_prints(rdx_run *run, uint64_t *prints, int64_t count)
{
    char text[17];
    qsort(prints, (size_t)count, sizeof *prints, compare_prints);
    run->seen = json_array();
    for (int64_t i = 0; i < count; i++) {
        if (prints[i] == 0 || (i > 0 && prints[i] == prints[i - 1]))
            continue;
        snprintf(text, sizeof text, "%016llx", (unsigned long long)prints[i]);
        json_array_append_new(run->seen, json_string(text));
    }
    return run->seen == NULL ? rdx_fail(REDUX_E_NO_MEMORY, "out of memory") : REDUX_OK;
}

redux_status rdx_run_list_seen(rdx_run *run)
{
    const int64_t slices = redux_dataset_slice_count(run->dataset);
    void *wanted, *prints = NULL;
    RDX_TRY(rdx_alloc_zero(run->context, &wanted, (uint64_t)slices + 1, 1));
    redux_status status = rdx_alloc(run->context, &prints, (uint64_t)slices + 1, sizeof(uint64_t));
    if (status == REDUX_OK)
        status = mark_middles(wanted, run);
    status = rdx_agree(run->context, status);
    if (status == REDUX_OK)
        status = rdx_run_make_prints(prints, run, wanted);
    if (status == REDUX_OK)
        status = list_prints(run, prints, slices);
    rdx_free(prints);
    rdx_free(wanted);
    return status;
}

/* The first key, at any depth, under which two objects differ, and both values (NULL: missing). */
static const char *difference(const json_t **of_a, const json_t **of_b, const json_t *a,
                              const json_t *b)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)a, key, value)
    {
        const json_t *other = json_object_get(b, key);
        if (json_is_object(value) && json_is_object(other)) {
            const char *inner = difference(of_a, of_b, value, other);
            if (inner != NULL)
                return inner;
        } else if (!json_equal(value, other)) {
            *of_a = value;
            *of_b = other;
            return key;
        }
    }
    json_object_foreach((json_t *)(uintptr_t)b, key, value)
    {
        if (json_object_get(a, key) != NULL)
            continue;
        *of_a = NULL;
        *of_b = value;
        return key;
    }
    return NULL;
}

static redux_status other_settings(const rdx_run *run, const json_t *own, const json_t *other)
{
    const json_t *of_own = NULL, *of_other = NULL;
    const char *key = difference(&of_own, &of_other, own, other);
    char *ours = rdx_json_text(of_own, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
    char *theirs = rdx_json_text(of_other, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
    const redux_status status =
        rdx_fail(REDUX_E_INVALID, "%s: the run there was begun with another '%s': %s, not %s",
                 run->folder, key == NULL ? "version" : key, theirs == NULL ? "none" : theirs,
                 ours == NULL ? "none" : ours);
    free(theirs);
    free(ours);
    return status;
}

redux_status rdx_run_compare(const rdx_run *run, const char *settings)
{
    /* Numbers in the form that they have after writing and reading. */
    char *text = rdx_json_text(run->settings, JSON_SORT_KEYS | JSON_COMPACT);
    json_t *own = NULL, *other = NULL;
    redux_status status = text == NULL ? rdx_fail(REDUX_E_NO_MEMORY, "out of memory")
                                       : rdx_json_parse(&own, text, strlen(text), 0, run->folder);
    if (status == REDUX_OK)
        status = rdx_json_parse(&other, settings, strlen(settings), 0, run->folder);
    if (status == REDUX_E_FORMAT || (status == REDUX_OK && !json_is_object(other)))
        status = rdx_fail(REDUX_E_FORMAT, "%s: the settings of its checkpoint are not JSON",
                          run->folder);
    else if (status == REDUX_OK && !json_equal(own, other))
        status = other_settings(run, own, other);
    json_decref(other);
    json_decref(own);
    free(text);
    return status;
}
