/* SPDX-License-Identifier: MIT
 * An experiment's configuration: reads it, and reports what is wrong before anything runs. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/evaluate_settings.h"
#include "experiment.h"
#include "common/pretrain_settings.h"

const char *const floor_names[2] = {"from scratch", "random weights"};

bool floor_takes(int floor, const char *protocol)
{
    return (strcmp(protocol, "finetune") == 0) == (floor == 0);
}

const char *member(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

char *experiment_path(const experiment *e, const char *name)
{
    const size_t size = strlen(e->data) + strlen(name) + 2;
    char *path = malloc(size);
    if (path != NULL && (name[0] == '/' || strcmp(e->data, ".") == 0))
        snprintf(path, size, "%s", name);
    else if (path != NULL)
        snprintf(path, size, "%s/%s", e->data, name);
    return path;
}

const char *experiment_text(experiment *e, const json_t *value)
{
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_boolean(value))
        return json_is_true(value) ? "1" : "0";
    if (!json_is_number(value))
        return NULL;
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    json_t *kept = json_string(text == NULL ? "" : text);
    free(text);
    json_array_append_new(e->texts, kept);
    return json_string_value(kept);
}

void cell_name(char *out, size_t size, const char *text)
{
    size_t used = 0;
    for (; *text != '\0' && used + 1 < size; text++) {
        const unsigned char c = (unsigned char)*text;
        out[used++] = (char)(isalnum(c) || c == '-' || c == '_' ? tolower(c) : '_');
    }
    out[used] = '\0';
}

/* Files are named after these. Names that differ in signs or capitals only would overwrite each
 * other's files. */
static bool same_files(const char *a, const char *b)
{
    char of_a[160], of_b[160];
    cell_name(of_a, sizeof of_a, a);
    cell_name(of_b, sizeof of_b, b);
    return strcmp(of_a, of_b) == 0;
}

/* Members of arrays must have distinct names. */
static int check_names(const json_t *array, const char *what)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *name = member(json_array_get(array, i), "name");
        if (name == NULL || name[0] == '\0')
            return usage_error("%s %zu has no \"name\"", what, i + 1);
        for (size_t k = 0; k < i; k++) {
            const char *other = member(json_array_get(array, k), "name");
            if (strcmp(name, other) == 0)
                return usage_error("two of %s are called '%s'", what, name);
            if (same_files(name, other))
                return usage_error("%s: '%s' and '%s' would share files", what, other, name);
        }
        for (int f = 0; f < 2; f++)
            if (same_files(name, floor_names[f]))
                return usage_error("%s: '%s' is reserved for a floor", what, name);
    }
    return EXIT_OK;
}

static int check_unknown(const json_t *object, const char *const *known, const char *where)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        bool found = false;
        for (int i = 0; known[i] != NULL; i++)
            found = found || strcmp(known[i], key) == 0;
        if (!found)
            return usage_error("%s: unknown key \"%s\"", where, key);
    }
    return EXIT_OK;
}

static int check_tasks(const experiment *e)
{
    for (size_t i = 0; i < json_array_size(e->tasks); i++) {
        const json_t *task = json_array_get(e->tasks, i);
        const json_t *protocols = json_object_get(task, "protocols");
        const char *protocol;
        json_t *value;
        redux_protocol parsed;
        if (json_object_get(task, "fold") != NULL)
            return usage_error(
                "task '%s': \"fold\" is chosen by the experiment, which runs them all",
                member(task, "name"));
        if (member(task, "labels") == NULL)
            return usage_error("task '%s' has no \"labels\"", member(task, "name"));
        if (!json_is_object(protocols) || json_object_size(protocols) == 0)
            return usage_error("task '%s' has no \"protocols\"", member(task, "name"));
        json_object_foreach((json_t *)protocols, protocol, value)
        {
            if (redux_protocol_parse(&parsed, protocol) != REDUX_OK)
                return usage_error("task '%s': %s", member(task, "name"), redux_error_message());
            if (!json_is_object(value))
                return usage_error("task '%s': %s is not an object", member(task, "name"),
                                   protocol);
        }
    }
    return EXIT_OK;
}

/* A strategy may only refer to one before it. */
static int check_reference(const experiment *e, size_t index, const char *key)
{
    const json_t *strategy = json_array_get(e->strategies, index);
    const char *other = member(strategy, key);
    bool found = other == NULL;
    for (size_t k = 0; k < index; k++)
        found = found || strcmp(other, member(json_array_get(e->strategies, k), "name")) == 0;
    return found ? EXIT_OK
                 : usage_error("strategy '%s': %s '%s' is not a strategy before it",
                               member(strategy, "name"), key, other);
}

static int check_strategies(const experiment *e)
{
    int code = EXIT_OK;
    for (size_t i = 0; i < json_array_size(e->strategies) && code == EXIT_OK; i++) {
        code = check_reference(e, i, "steps_of");
        if (code == EXIT_OK)
            code = check_reference(e, i, "encoder_of");
    }
    return code;
}

static int check_exclusion(const experiment *e)
{
    const char *name = member(e->config, "exclude_test_of");
    if (name == NULL)
        return EXIT_OK;
    for (size_t i = 0; i < json_array_size(e->tasks); i++)
        if (strcmp(name, member(json_array_get(e->tasks, i), "name")) == 0)
            return EXIT_OK;
    return usage_error("exclude_test_of '%s': no such task", name);
}

static int check_baseline(const experiment *e)
{
    const char *name = member(e->config, "baseline");
    bool found = name == NULL;
    for (size_t i = 0; i < json_array_size(e->strategies); i++)
        found = found || strcmp(name, member(json_array_get(e->strategies, i), "name")) == 0;
    return found ? EXIT_OK : usage_error("baseline '%s': no such strategy", name);
}

static int check(experiment *e)
{
    static const char *const known[] = {
        "name",     "note",       "seeds", "first_seed", "data",     "exclude_test_of",
        "pretrain", "strategies", "tasks", "floors",     "baseline", NULL};
    int code = check_unknown(e->config, known, "configuration");
    if (code != EXIT_OK)
        return code;
    if (!json_is_array(e->strategies) || !json_is_array(e->tasks) || json_array_size(e->tasks) == 0)
        return usage_error("the configuration needs arrays \"strategies\" and \"tasks\"");
    if (json_array_size(e->strategies) > 0 && !json_is_array(json_object_get(e->config, "data")))
        return usage_error("the configuration needs an array \"data\" of paths below --data");
    if (e->seeds < 1 || e->seeds > 1000 || e->first_seed < 0)
        return usage_error("\"seeds\" is %lld, \"first_seed\" %lld", (long long)e->seeds,
                           (long long)e->first_seed);
    code = check_names(e->strategies, "strategies");
    if (code == EXIT_OK)
        code = check_names(e->tasks, "tasks");
    if (code == EXIT_OK)
        code = check_tasks(e);
    if (code == EXIT_OK)
        code = check_strategies(e);
    if (code == EXIT_OK)
        code = check_baseline(e);
    return code == EXIT_OK ? check_exclusion(e) : code;
}

int experiment_load(experiment *e, const char *path)
{
    json_error_t error;
    FILE *file = open_plain_file(path);
    if (file == NULL)
        return EXIT_DATA;
    e->config = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
    fclose(file);
    if (e->config == NULL) {
        fprintf(stderr, "%s: %s: line %d: %s\n", program_name, path, error.line, error.text);
        return EXIT_DATA;
    }
    const json_t *seeds = json_object_get(e->config, "seeds");
    e->seeds = seeds == NULL ? 3 : json_integer_value(seeds);
    e->first_seed = json_integer_value(json_object_get(e->config, "first_seed"));
    e->strategies = json_object_get(e->config, "strategies");
    e->tasks = json_object_get(e->config, "tasks");
    e->pretrain = json_object_get(e->config, "pretrain");
    e->texts = json_array();
    e->cells = json_array();
    return check(e);
}

void experiment_free(experiment *e)
{
    json_decref(e->config);
    json_decref(e->texts);
    json_decref(e->cells);
}
