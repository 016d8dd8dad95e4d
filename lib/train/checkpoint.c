/* SPDX-License-Identifier: MIT
 * Weights and checkpoints as safetensors, under torchvision's names.
 *
 * A checkpoint holds the weights, the objective's tensors, the optimiser's moments and, as
 * metadata, the step and the settings. The order of slices and all random numbers are functions of
 * the settings and the step, so a run resumes bit-identically from these. It holds no times and no
 * paths. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io/json.h"
#include "run.h"

redux_status rdx_run_path(char **out, const rdx_run *run, const char *name)
{
    RDX_TRY(rdx_join(out, run->context, run->folder, name));
    const redux_status status = rdx_refuse_link(*out);
    if (status != REDUX_OK) {
        rdx_free(*out);
        *out = NULL; /* callers free it whatever became of it */
    }
    return status;
}

bool rdx_run_has(const rdx_run *run, const char *name)
{
    struct stat status;
    char path[PATH_MAX]; /* on the stack, so that a lack of memory does not look like a missing file
                          */
    const int length = snprintf(path, sizeof path, "%s/%s", run->folder, name);
    return length > 0 && length < (int)sizeof path && stat(path, &status) == 0;
}

redux_status rdx_run_remove(const rdx_run *run, const char *name)
{
    char *path;
    redux_status status = REDUX_OK;
    RDX_TRY(rdx_run_path(&path, run, name));
    status = rdx_output_check(run->context, path, NULL);
    if (status == REDUX_OK && unlink(path) != 0 && errno != ENOENT)
        status = rdx_fail_errno(path, "remove", errno);
    rdx_free(path);
    return status;
}

/* ---- what is written ---- */

/* The fingerprints of what was trained on, with spaces between them; freed by the caller. */
static redux_status seen_text(char **out, const rdx_run *run)
{
    const size_t count = json_array_size(run->seen);
    void *block;
    RDX_TRY(rdx_alloc(run->context, &block, 17 * count + 1, 1));
    char *text = block;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        snprintf(text + 17 * i, 18, "%s%s", json_string_value(json_array_get(run->seen, i)),
                 i + 1 < count ? " " : "");
    *out = text;
    return REDUX_OK;
}

redux_status rdx_weights_save(rdx_run *run)
{
    static const char *const keys[] = {"seen"};
    redux_safetensors_content more = {.struct_size = sizeof more};
    char *path = NULL, *seen = NULL;
    const char *values[1];
    redux_status status = seen_text(&seen, run);
    if (status == REDUX_OK)
        status = rdx_run_path(&path, run, RDX_WEIGHTS_FILE);
    if (status == REDUX_OK) {
        values[0] = seen;
        more.keys = keys;
        more.values = values;
        more.pair_count = 1;
        status = redux_network_save(path, run->context, run->network, &run->views.input, &more);
    }
    rdx_free(path);
    rdx_free(seen);
    return status;
}

enum { MOST_PAIRS = 8, TEXT = 64 };

/* What a checkpoint has beside the weights. */
typedef struct content {
    redux_safetensors_content list;
    const char **names;
    redux_tensor *tensors;
    const char *keys[MOST_PAIRS], *values[MOST_PAIRS];
    char texts[MOST_PAIRS][TEXT];
} content;

static redux_status content_init(content *c, redux_context *context, int64_t most)
{
    void *block;
    memset(c, 0, sizeof *c);
    c->list.struct_size = sizeof c->list;
    c->list.keys = c->keys;
    c->list.values = c->values;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)most, sizeof *c->names));
    c->list.names = c->names = block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)most, sizeof *c->tensors));
    c->list.tensors = c->tensors = block;
    return REDUX_OK;
}

static void content_clear(content *c)
{
    rdx_free(c->names);
    rdx_free(c->tensors);
}

static void add_tensor(content *c, const redux_parameter *parameter)
{
    c->names[c->list.count] = parameter->name;
    c->tensors[c->list.count++] = parameter->value;
}

static void add_text(content *c, const char *key, const char *value)
{
    c->keys[c->list.pair_count] = key;
    c->values[c->list.pair_count++] = value;
}

static char *room(content *c)
{
    return c->texts[c->list.pair_count];
}

static void add_number(content *c, const char *key, double value)
{
    char *text = room(c);
    rdx_format_double(text, value);
    add_text(c, key, text);
}

static void add_integer(content *c, const char *key, int64_t value)
{
    char *text = room(c);
    snprintf(text, TEXT, "%lld", (long long)value);
    add_text(c, key, text);
}

static redux_status save_checkpoint(const rdx_run *run, content *c, const char *settings)
{
    char *path;
    for (int64_t i = redux_network_parameter_count(run->network); i < run->parameter_count; i++)
        add_tensor(c, run->parameters[i]); /* the objective's */
    for (int64_t i = 0; i < redux_optimiser_tensor_count(run->optimiser); i++)
        add_tensor(c, redux_optimiser_tensor(run->optimiser, i));
    add_text(c, "settings", settings);
    add_integer(c, "step", run->step);
    add_integer(c, "optimiser_steps", redux_optimiser_steps(run->optimiser));
    add_number(c, "epoch_loss", run->epoch_loss);
    add_number(c, "first_loss", run->first_loss);
    add_number(c, "last_loss", run->last_loss);
    RDX_TRY(rdx_run_path(&path, run, RDX_CHECKPOINT_FILE));
    const redux_status status =
        redux_network_save(path, run->context, run->network, &run->views.input, &c->list);
    rdx_free(path);
    return status;
}

redux_status rdx_checkpoint_save(rdx_run *run)
{
    content c;
    char *settings = rdx_json_text(run->settings, JSON_SORT_KEYS | JSON_COMPACT);
    if (settings == NULL)
        return rdx_fail(REDUX_E_NO_MEMORY, "out of memory");
    redux_status status = content_init(
        &c, run->context, run->parameter_count + redux_optimiser_tensor_count(run->optimiser));
    if (status == REDUX_OK)
        status = save_checkpoint(run, &c, settings);
    content_clear(&c);
    free(settings);
    return status;
}

/* ---- what is read ---- */

static redux_status metadata_number(double *out, const rdx_run *run, const redux_safetensors *file,
                                    const char *key)
{
    const char *text = redux_safetensors_metadata(file, key);
    char *end;
    if (text == NULL)
        return rdx_fail(REDUX_E_FORMAT, "%s/" RDX_CHECKPOINT_FILE ": no %s", run->folder, key);
    *out = rdx_parse_double(text, &end);
    if (*text == '\0' || *end != '\0')
        return rdx_fail(REDUX_E_FORMAT, "%s/" RDX_CHECKPOINT_FILE ": %s is '%s'", run->folder, key,
                        text);
    return REDUX_OK;
}

static redux_status metadata_count(int64_t *out, const rdx_run *run, const redux_safetensors *file,
                                   const char *key)
{
    double value;
    RDX_TRY(metadata_number(&value, run, file, key));
    if (!(value >= 0 && value < 9e15))
        return rdx_fail(REDUX_E_FORMAT, "%s/" RDX_CHECKPOINT_FILE ": %s %g", run->folder, key,
                        value);
    *out = (int64_t)value;
    return REDUX_OK;
}

redux_status rdx_checkpoint_open(redux_safetensors **file, int64_t *step, const rdx_run *run)
{
    char *path;
    *file = NULL;
    *step = 0;
    if (!rdx_run_has(run, RDX_CHECKPOINT_FILE))
        return REDUX_OK;
    RDX_TRY(rdx_run_path(&path, run, RDX_CHECKPOINT_FILE));
    redux_status status = redux_safetensors_load(file, run->context, path);
    rdx_free(path);
    RDX_TRY(status);
    status = metadata_count(step, run, *file, "step");
    if (status != REDUX_OK) {
        redux_safetensors_free(*file);
        *file = NULL;
    }
    return status;
}

static redux_status restore(const rdx_run *run, const redux_safetensors *file,
                            const redux_parameter *parameter)
{
    redux_tensor stored;
    const int64_t index = redux_safetensors_find(file, parameter->name);
    if (index < 0)
        return rdx_fail(REDUX_E_FORMAT, "%s/" RDX_CHECKPOINT_FILE ": no %s", run->folder,
                        parameter->name);
    RDX_TRY(redux_safetensors_get_tensor(&stored, file, index));
    redux_status status = REDUX_OK;
    if (stored.dtype != parameter->value.dtype || stored.ndim != parameter->value.ndim ||
        memcmp(stored.shape, parameter->value.shape, sizeof stored.shape) != 0)
        status =
            rdx_fail(REDUX_E_FORMAT, "%s/" RDX_CHECKPOINT_FILE ": %s has another shape or type",
                     run->folder, parameter->name);
    else
        status = redux_tensor_copy(&parameter->value, &stored);
    redux_tensor_release(&stored);
    return status;
}

redux_status rdx_checkpoint_slices(int64_t *out, const rdx_run *run, const redux_safetensors *file)
{
    const char *settings = redux_safetensors_metadata(file, "settings");
    json_t *json = NULL;
    if (settings == NULL)
        return rdx_fail(REDUX_E_FORMAT, "%s/" RDX_CHECKPOINT_FILE ": no settings", run->folder);
    RDX_TRY(rdx_json_parse(&json, settings, strlen(settings), 0, run->folder));
    *out = json_integer_value(json_object_get(json, "slices"));
    json_decref(json);
    if (*out < 1 || *out > redux_dataset_slice_count(run->dataset))
        return rdx_fail(REDUX_E_INVALID, "%s: the run there was begun with another 'dataset'",
                        run->folder);
    return REDUX_OK;
}

redux_status rdx_checkpoint_compare(rdx_run *run, const redux_safetensors *file)
{
    const char *settings = redux_safetensors_metadata(file, "settings");
    if (settings == NULL)
        return rdx_fail(REDUX_E_FORMAT, "%s/" RDX_CHECKPOINT_FILE ": no settings", run->folder);
    RDX_TRY(rdx_run_compare(run, settings));
    RDX_TRY(metadata_number(&run->epoch_loss, run, file, "epoch_loss"));
    RDX_TRY(metadata_number(&run->first_loss, run, file, "first_loss"));
    return metadata_number(&run->last_loss, run, file, "last_loss");
}

redux_status rdx_checkpoint_restore(rdx_run *run, const redux_safetensors *file)
{
    int64_t steps;
    RDX_TRY(rdx_checkpoint_compare(run, file));
    RDX_TRY(metadata_count(&steps, run, file, "optimiser_steps"));
    for (int64_t i = 0; i < run->parameter_count; i++)
        RDX_TRY(restore(run, file, run->parameters[i]));
    for (int64_t i = 0; i < redux_optimiser_tensor_count(run->optimiser); i++)
        RDX_TRY(restore(run, file, redux_optimiser_tensor(run->optimiser, i)));
    redux_optimiser_set_steps(run->optimiser, steps);
    return REDUX_OK;
}
