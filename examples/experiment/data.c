/* SPDX-License-Identifier: MIT
 * The data that pre-training may see: without the files that a task is scored on. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "parts.h"

void names_free(names *n)
{
    for (int64_t i = 0; i < n->count; i++)
        free(n->list[i]);
    free(n->list);
}

static bool add_name(names *n, const char *name)
{
    char **list = realloc(n->list, (size_t)(n->count + 1) * sizeof *list);
    if (list == NULL)
        return false;
    n->list = list;
    n->list[n->count] = strdup(name);
    return n->list[n->count++] != NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void real_name(char out[PATH_MAX], const char *name)
{
    if (realpath(name, out) == NULL)
        snprintf(out, PATH_MAX, "%s", name);
}

static int open_task(redux_labels **out, evaluate_settings *s, experiment *e, const json_t *task)
{
    evaluate_settings_init(s);
    int code = experiment_set_evaluation(e, s, task);
    char *path = experiment_path(e, member(task, "labels"));
    if (code == EXIT_OK)
        code = evaluate_open_labels(out, e->context, s, path);
    free(path);
    return code;
}

/* One division of a task, which shows whether its labels and options go together. */
static int try_split(const redux_labels *labels, const evaluate_settings *s, redux_context *context)
{
    uint8_t *split = malloc((size_t)redux_labels_row_count(labels) + 1);
    const redux_status status =
        split == NULL ? REDUX_E_NO_MEMORY : redux_labels_split(split, context, labels, &s->split);
    free(split);
    return status == REDUX_OK ? EXIT_OK : data_error();
}

static int check_task(experiment *e, const json_t *task)
{
    const char *protocol;
    json_t *options;
    evaluate_settings s;
    redux_labels *labels = NULL;
    int code = open_task(&labels, &s, e, task);
    if (code == EXIT_OK)
        code = try_split(labels, &s, e->context);
    json_object_foreach(json_object_get(task, "protocols"), protocol, options)
    {
        if (code == EXIT_OK)
            code = experiment_set_evaluation(e, &s, options);
    }
    redux_labels_free(labels);
    return code;
}

int experiment_check(experiment *e)
{
    int code = EXIT_OK;
    for (size_t i = 0; i < json_array_size(e->strategies) && code == EXIT_OK; i++) {
        const json_t *strategy = json_array_get(e->strategies, i);
        reduce_settings s;
        code = experiment_set_reduction(e, &s, strategy,
                                        member(strategy, "encoder_of") == NULL ? NULL : "weights");
        if (code != EXIT_OK)
            fprintf(stderr, "%s: that was strategy '%s'\n", program_name, member(strategy, "name"));
    }
    for (size_t i = 0; i < json_array_size(e->tasks) && code == EXIT_OK; i++) {
        const json_t *task = json_array_get(e->tasks, i);
        code = check_task(e, task);
        if (code != EXIT_OK)
            fprintf(stderr, "%s: that was task '%s'\n", program_name, member(task, "name"));
    }
    return code;
}

int experiment_count_folds(experiment *e)
{
    const json_t *task = experiment_excluded(e);
    evaluate_settings s;
    redux_labels *labels = NULL;
    e->folds = 1;
    const int code = task == NULL ? EXIT_OK : open_task(&labels, &s, e, task);
    if (code == EXIT_OK && task != NULL && s.split.method == REDUX_SPLIT_BY_FOLDS)
        e->folds = s.split.folds;
    redux_labels_free(labels);
    return code;
}

/* Real paths of the files of validation and test rows of a task in this seed and fold. */
static int list_held_out(names *out, experiment *e, int64_t seed, int64_t fold, const json_t *task)
{
    evaluate_settings s;
    redux_labels *labels = NULL;
    char real[PATH_MAX];
    int code = open_task(&labels, &s, e, task);
    if (code != EXIT_OK)
        return code;
    s.split.fold = fold < 0 ? 0 : (int32_t)fold;
    if (!s.evaluate.fixed_split)
        s.split.seed = (uint64_t)seed;
    uint8_t *split = malloc((size_t)redux_labels_row_count(labels));
    if (code == EXIT_OK && redux_labels_split(split, e->context, labels, &s.split) != REDUX_OK)
        code = data_error();
    for (int64_t i = 0; code == EXIT_OK && i < redux_labels_row_count(labels); i++) {
        const char *source;
        int64_t slice;
        if (split[i] == REDUX_SPLIT_TRAIN ||
            redux_labels_get_row_name(&source, &slice, labels, i) != REDUX_OK)
            continue;
        real_name(real, source);
        if (out->count == 0 || strcmp(out->list[out->count - 1], real) != 0)
            add_name(out, real);
    }
    free(split);
    redux_labels_free(labels);
    if (out->count > 0)
        qsort(out->list, (size_t)out->count, sizeof *out->list, compare_names);
    return code;
}

/* Sources of the dataset that are held out, as the dataset names them. */
static redux_status match_names(names *out, const redux_dataset *dataset, const names *held_out)
{
    char real[PATH_MAX];
    const char *key = real;
    for (int64_t v = 0; v < redux_dataset_volume_count(dataset); v++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        redux_status status = redux_dataset_get_volume_info(&info, dataset, v);
        for (int64_t k = 0; status == REDUX_OK && k < info.slices; k++) {
            const char *source;
            int64_t slice;
            status = redux_dataset_get_slice_name(&source, &slice, dataset, v, k);
            if (status != REDUX_OK || slice > 0) /* the next slice of the same file */
                break;
            real_name(real, source);
            if (bsearch(&key, held_out->list, (size_t)held_out->count, sizeof key, compare_names) !=
                NULL)
                add_name(out, source);
        }
        if (status != REDUX_OK)
            return status;
    }
    return REDUX_OK;
}

static redux_status open_paths(redux_dataset **out, const experiment *e,
                               const redux_dataset_options *options)
{
    const json_t *data = json_object_get(e->config, "data");
    const size_t count = json_array_size(data);
    char **paths = calloc(count + 1, sizeof *paths);
    for (size_t i = 0; paths != NULL && i < count; i++)
        paths[i] = experiment_path(e, json_string_value(json_array_get(data, i)) == NULL
                                          ? ""
                                          : json_string_value(json_array_get(data, i)));
    const redux_status status =
        redux_dataset_open(out, e->context, (const char *const *)paths, (int64_t)count, options);
    for (size_t i = 0; paths != NULL && i < count; i++)
        free(paths[i]);
    free(paths);
    return status;
}

int experiment_dataset(redux_dataset **out, const experiment *e, const names *held_out,
                       redux_orientation orientation)
{
    redux_dataset_options options = REDUX_DATASET_OPTIONS_INIT;
    names excluded = {NULL, 0};
    int code = EXIT_OK;
    options.orientation = orientation;
    if (open_paths(out, e, &options) != REDUX_OK)
        return data_error();
    if (held_out->count == 0)
        return EXIT_OK;
    if (match_names(&excluded, *out, held_out) != REDUX_OK)
        code = data_error();
    else if (excluded.count == 0)
        code = usage_error("exclude_test_of: none of its files is in \"data\"");
    redux_dataset_free(*out);
    *out = NULL;
    options.exclude = (const char *const *)excluded.list;
    options.exclude_count = excluded.count;
    if (code == EXIT_OK && open_paths(out, e, &options) != REDUX_OK)
        code = data_error();
    names_free(&excluded);
    return code;
}

const json_t *experiment_excluded(const experiment *e)
{
    const char *name = member(e->config, "exclude_test_of");
    for (size_t i = 0; name != NULL && i < json_array_size(e->tasks); i++) {
        const json_t *task = json_array_get(e->tasks, i);
        if (strcmp(name, member(task, "name")) == 0)
            return task;
    }
    return NULL;
}

int experiment_held_out(names *out, experiment *e, int64_t seed, int64_t fold)
{
    const json_t *task = experiment_excluded(e);
    return task == NULL ? EXIT_OK : list_held_out(out, e, seed, fold, task);
}

json_t *experiment_describe(const experiment *e, const redux_dataset *dataset)
{
    json_t *list = json_array();
    const size_t length = strlen(e->data);
    char key[17];
    for (int64_t v = 0; v < redux_dataset_volume_count(dataset); v++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        if (redux_dataset_get_volume_info(&info, dataset, v) != REDUX_OK)
            break;
        const bool below = strncmp(info.source, e->data, length) == 0;
        json_array_append_new(list,
                              json_pack("[s, I, I]", below ? info.source + length : info.source,
                                        (json_int_t)info.slices, (json_int_t)info.bytes));
    }
    cell_key(key, list);
    const json_int_t volumes = (json_int_t)json_array_size(list);
    json_decref(list);
    return json_pack("{s:I, s:I, s:s}", "volumes", volumes, "slices",
                     (json_int_t)redux_dataset_slice_count(dataset), "key", key);
}
