/* SPDX-License-Identifier: MIT
 * Members of a configuration as options of the programs. */
#include <stdio.h>
#include <string.h>
#include "parts.h"

/* '_' in a key means '-'. */
static const char *option_name(char *out, size_t size, const char *key)
{
    snprintf(out, size, "%s", key);
    for (char *c = out; *c != '\0'; c++)
        *c = *c == '_' ? '-' : *c;
    return out;
}

static int set_one(experiment *e, pretrain_settings *s, const char *key, const json_t *value)
{
    const char *text = experiment_text(e, value);
    char name[64];
    if (text == NULL)
        return usage_error("pretrain: \"%s\" is neither text nor number", key);
    return pretrain_setting(s, option_name(name, sizeof name, key), text);
}

int experiment_set_pretrain(experiment *e, pretrain_settings *s, const json_t *object)
{
    static const char *const first[] = {"preset", "objective", "size", "views"}; /* set others */
    enum { FIRST = sizeof first / sizeof first[0] };
    int code = EXIT_OK;
    for (int i = 0; i < FIRST && code == EXIT_OK; i++)
        if (json_object_get(object, first[i]) != NULL)
            code = set_one(e, s, first[i], json_object_get(object, first[i]));
    for (void *at = json_object_iter((json_t *)object); at != NULL;
         at = json_object_iter_next((json_t *)object, at)) {
        const char *key = json_object_iter_key(at);
        const json_t *value = json_object_iter_value(at);
        bool done = false;
        for (int i = 0; i < FIRST; i++)
            done = done || strcmp(key, first[i]) == 0;
        if (code == EXIT_OK && !done)
            code = set_one(e, s, key, value);
    }
    return code != EXIT_OK ? code : pretrain_settings_check(s);
}

int experiment_set_evaluation(experiment *e, evaluate_settings *s, const json_t *object)
{
    static const char *const others[] = {"name", "labels", "protocols", "note"};
    char name[64];
    int code = EXIT_OK;
    for (void *at = json_object_iter((json_t *)object); at != NULL;
         at = json_object_iter_next((json_t *)object, at)) {
        const char *key = json_object_iter_key(at);
        const json_t *value = json_object_iter_value(at);
        bool other = json_is_false(value);
        for (int i = 0; i < 4; i++)
            other = other || strcmp(key, others[i]) == 0;
        const char *text = other ? "" : experiment_text(e, value);
        if (code == EXIT_OK && text == NULL)
            code = usage_error("task: \"%s\" is neither text nor number", key);
        if (code == EXIT_OK && !other)
            code = evaluate_setting(s, option_name(name, sizeof name, key), text);
    }
    return code;
}

/* Options of a reduction, read as redux-reduce reads its command line. */
int experiment_set_reduction(experiment *e, reduce_settings *s, const json_t *strategy,
                             const char *weights)
{
    static const char *const others[] = {"name", "steps_of", "encoder_of", "pretrain", "note"};
    enum { MOST = 40 };
    char flags[MOST][72];
    char *arguments[2 * MOST + 5];
    int count = 0, used = 0;
    bool done = false;
    arguments[count++] = (char *)program_name;
    for (void *at = json_object_iter((json_t *)strategy); at != NULL;
         at = json_object_iter_next((json_t *)strategy, at)) {
        const char *key = json_object_iter_key(at);
        const json_t *value = json_object_iter_value(at);
        bool other = json_is_false(value);
        for (int i = 0; i < 5; i++)
            other = other || strcmp(key, others[i]) == 0;
        if (other)
            continue;
        if (used == MOST)
            return usage_error("a strategy has more than %d options", MOST);
        flags[used][0] = flags[used][1] = '-';
        option_name(flags[used] + 2, sizeof flags[used] - 2, key);
        arguments[count++] = flags[used++];
        if (json_is_true(value))
            continue;
        const char *text = experiment_text(e, value);
        if (text == NULL)
            return usage_error("strategy: \"%s\" is neither text nor number", key);
        arguments[count++] = (char *)text;
    }
    if (weights != NULL) {
        arguments[count++] = (char *)"--encoder";
        arguments[count++] = (char *)weights;
    }
    arguments[count++] = (char *)"input"; /* required, but not read */
    arguments[count] = NULL;
    optind = 0; /* glibc: from the beginning */
    const reduce_settings empty = {.reduce = REDUX_REDUCE_OPTIONS_INIT,
                                   .dataset = REDUX_DATASET_OPTIONS_INIT,
                                   .shard = SHARD_NONE};
    *s = empty;
    const int code = parse_reduce_settings(s, count, arguments, &done);
    if (code == EXIT_OK && s->shard.given)
        return usage_error("a strategy cannot contain shard");
    return code == EXIT_OK && done ? usage_error("a strategy cannot contain help") : code;
}
