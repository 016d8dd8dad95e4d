/* SPDX-License-Identifier: MIT
 * Options of pre-training: defaults, checks, and as JSON what must be the same to go on. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "image/image.h"
#include "io/json.h"
#include "run.h"

#define DEFAULT_MEMORY ((uint64_t)2 << 30)

redux_status redux_pretrain_defaults(redux_pretrain_options *out, const char *preset, int32_t size)
{
    const redux_network_options network = REDUX_NETWORK_OPTIONS_INIT;
    const redux_optimiser_options optimiser = REDUX_OPTIMISER_OPTIONS_INIT;
    const redux_views_options views = REDUX_VIEWS_OPTIONS_INIT;
    redux_pretrain_options o = {.struct_size = sizeof o,
                                .network = network,
                                .views = views,
                                .optimiser = optimiser,
                                .temperature = 0.5,
                                .batch = 256,
                                .epochs = 100,
                                .rate = 0.12,
                                .warm_up = 10,
                                .memory_bytes = DEFAULT_MEMORY,
                                .checkpoint_seconds = 60};
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "no options to fill in");
    RDX_TRY(redux_views_preset(&o.views, preset, size));
    o.network.projection = 128;
    o.optimiser.weight_decay = 5e-4;
    return rdx_write_result(out, &o, sizeof o, "redux_pretrain_options");
}

static redux_status check_numbers(const redux_pretrain_options *o)
{
    if (o->batch < 1 || o->batch > 1 << 20 || o->part < 0)
        return rdx_fail(REDUX_E_INVALID, "batch %lld, part %lld", (long long)o->batch,
                        (long long)o->part);
    if (o->epochs < 0 || o->steps < 0 || (o->epochs == 0) == (o->steps == 0) ||
        o->epochs > INT32_MAX || o->steps > INT64_C(1) << 40)
        return rdx_fail(REDUX_E_INVALID, "epochs %lld, steps %lld: one of them",
                        (long long)o->epochs, (long long)o->steps);
    if (!(o->rate > 0) || !isfinite(o->rate) || !(o->last_rate >= 0) || !(o->last_rate <= 1))
        return rdx_fail(REDUX_E_INVALID, "learning rate %g, share of it at the end %g", o->rate,
                        o->last_rate);
    if (!(o->warm_up >= 0) || !(o->warm_up < 1e9) || !(o->checkpoint_seconds >= 0))
        return rdx_fail(REDUX_E_INVALID, "warm-up of %g epochs, %g seconds between checkpoints",
                        o->warm_up, o->checkpoint_seconds);
    if (!(o->temperature > 0) || !isfinite(o->temperature))
        return rdx_fail(REDUX_E_INVALID, "temperature %g", o->temperature);
    if (o->network.channels != 1)
        return rdx_fail(REDUX_E_INVALID, "a network of %d channels; slices have one",
                        (int)o->network.channels);
    return REDUX_OK;
}

redux_status rdx_pretrain_read_options(redux_pretrain_options *known,
                                       const redux_pretrain_options *given)
{
    const redux_pretrain_options empty = REDUX_PRETRAIN_OPTIONS_INIT;
    if (given == NULL)
        return rdx_fail(REDUX_E_INVALID, "no options; redux_pretrain_defaults makes them");
    *known = empty;
    RDX_TRY(redux_pretrain_defaults(known, "none", 64));
    RDX_TRY(rdx_read_options(known, sizeof *known, given, "redux_pretrain_options"));
    if (known->memory_bytes == 0)
        known->memory_bytes = DEFAULT_MEMORY;
    known->network.seed = known->seed;
    return check_numbers(known);
}

/* ---- as JSON ---- */

static json_t *network_json(const redux_network_options *o)
{
    return json_pack("{s:s, s:s, s:i, s:f, s:i, s:s}", "arch", redux_arch_name(o->arch), "stem",
                     redux_stem_name(o->stem), "channels", (int)o->channels, "width", o->width,
                     "projection", (int)o->projection, "products",
                     redux_products_name(o->products));
}

static json_t *optimiser_json(const redux_optimiser_options *o)
{
    return json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "kind",
                     redux_optimiser_name(o->kind), "weight_decay", o->weight_decay, "momentum",
                     o->momentum, "beta1", o->beta1, "beta2", o->beta2, "epsilon", o->epsilon,
                     "trust", o->trust, "clip_norm", o->clip_norm);
}

static json_t *views_json(const redux_views_options *o)
{
    char window[RDX_WINDOW_TEXT];
    rdx_window_text(window, o->input.window);
    json_t *json = json_pack("{s:s, s:i, s:f, s:f, s:i, s:i, s:i}", "window", window, "size",
                             (int)o->input.size, "mean", o->input.mean, "deviation",
                             o->input.deviation, "views", (int)o->views, "small_views",
                             (int)o->small_views, "small_size", (int)o->small_size);
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

/* What tells one dataset from another, wherever it lies: shapes, sizes of files, what is kept. */
static redux_status checksum(uint32_t *out, const rdx_run *run)
{
    uLong crc = crc32(0, NULL, 0);
    const int64_t slices = redux_dataset_slice_count(run->dataset);
    for (int64_t i = 0; i < redux_dataset_volume_count(run->dataset); i++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        RDX_TRY(redux_dataset_get_volume_info(&info, run->dataset, i));
        const int64_t numbers[] = {info.is_scan, (int64_t)info.dtype, info.slices,
                                   info.height,  info.width,          (int64_t)info.bytes};
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
    uint32_t crc;
    char text[16];
    RDX_TRY(checksum(&crc, run));
    snprintf(text, sizeof text, "%08x", (unsigned)crc);
    run->settings = json_pack(
        "{s:o, s:o, s:o, s:s, s:f, s:I, s:I, s:I, s:I, s:f, s:b, s:f, s:f, s:I, s:I, s:I, s:s}",
        "network", network_json(&o->network), "optimiser", optimiser_json(&o->optimiser), "views",
        views_json(&o->views), "objective", run->objective.name, "temperature", o->temperature,
        "batch", (json_int_t)o->batch, "part", (json_int_t)o->part, "epochs", (json_int_t)o->epochs,
        "steps", (json_int_t)o->steps, "rate", o->rate, "fixed_rate", o->fixed_rate != 0, "warm_up",
        o->warm_up, "last_rate", o->last_rate, "seed", (json_int_t)o->seed, "memory_bytes",
        (json_int_t)o->memory_bytes, "slices", (json_int_t)run->slices, "dataset", text);
    return run->settings == NULL ? rdx_fail(REDUX_E_NO_MEMORY, "out of memory") : REDUX_OK;
}

/* The first key, at any depth, under which two objects differ, and what is there. */
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
    /* Numbers as they are after having been written. */
    char *text = rdx_json_text(run->settings, JSON_SORT_KEYS | JSON_COMPACT);
    json_t *own = NULL, *other = NULL;
    redux_status status = text == NULL ? rdx_fail(REDUX_E_NO_MEMORY, "out of memory")
                                       : rdx_json_parse(&own, text, strlen(text), 0, run->folder);
    if (status == REDUX_OK)
        status = rdx_json_parse(&other, settings, strlen(settings), 0, run->folder);
    if (status == REDUX_E_FORMAT || (status == REDUX_OK && !json_is_object(other)))
        status =
            rdx_fail(REDUX_E_FORMAT, "%s: settings of the checkpoint are no JSON", run->folder);
    else if (status == REDUX_OK && !json_equal(own, other))
        status = other_settings(run, own, other);
    json_decref(other);
    json_decref(own);
    free(text);
    return status;
}
