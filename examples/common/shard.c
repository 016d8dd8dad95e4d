/* SPDX-License-Identifier: MIT */
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ranks.h"
#include "shard.h"

int set_shard(shard *s, const char *text)
{
    char first[24];
    const char *slash = strchr(text, '/');
    const size_t length = slash == NULL ? 0 : (size_t)(slash - text);
    s->given = true;
    if (s->part.note == NULL)
        return usage_error("--shard: the command line becomes a part of the file, and some of it "
                           "is not UTF-8, or a control character");
    if (length == 0 || length >= sizeof first)
        return usage_error("--shard '%s': expected I/N, such as 3/50", text);
    memcpy(first, text, length);
    first[length] = '\0';
    if (!parse_integer(&s->part.index, first, 1, 1000000) ||
        !parse_integer(&s->part.count, slash + 1, 1, 1000000) || s->part.index > s->part.count)
        return usage_error("--shard '%s': expected I/N, such as 3/50, with I from 1 to N", text);
    return EXIT_OK;
}

int check_shard(const shard *s)
{
    if (s->given && program_uses_ranks)
        return usage_error("--shard and --mpi exclude each other");
    return s->resumes && !s->given ? usage_error("--resume needs --shard I/N") : EXIT_OK;
}

int shard_path(char *path, size_t size, const shard *s, const char *output)
{
    const char *slash = strrchr(output, '/'), *dot = strrchr(output, '.');
    const int length = dot == NULL || (slash != NULL && dot < slash) || dot == output ||
                               (slash != NULL && dot == slash + 1)
                           ? (int)strlen(output)
                           : (int)(dot - output);
    const int made = snprintf(path, size, "%.*s.%lld-of-%lld.part", length, output,
                              (long long)s->part.index, (long long)s->part.count);
    return made > 0 && (size_t)made < size ? EXIT_OK
                                           : usage_error("'%s': the name is too long", output);
}

void report_shard(const shard *s, const char *path, bool was_there)
{
    progress_label(NULL);
    fprintf(stderr, "%s: part %lld of %lld %s\n", path, (long long)s->part.index,
            (long long)s->part.count, was_there ? "was complete" : "is complete");
}

/* ---- notes ---- */

/* How many arguments --shard or --resume, written in any way that getopt_long takes, are at `at`.
 */
static int shard_arguments(char **at)
{
    const size_t length = strcspn(*at, "=");
    if (length >= 5 && length <= 7 && strncmp(*at, "--shard", length) == 0)
        return (*at)[length] == '=' || at[1] == NULL ? 1 : 2;
    return strlen(*at) >= 5 && strncmp(*at, "--resume", strlen(*at)) == 0;
}

static json_t *arguments_json(char **arguments)
{
    json_t *list = json_array();
    bool options = true;
    for (char **at = arguments + 1; *at != NULL; at++) {
        const int skipped = options ? shard_arguments(at) : 0;
        options = options && strcmp(*at, "--") != 0;
        if (skipped > 0)
            at += skipped - 1;
        else if (!is_visible(*at) ||
                 json_array_append_new(list, json_stringn_nocheck(*at, strlen(*at))) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

char *shard_note(const char *program, char **arguments)
{
    char folder[PATH_MAX];
    if (getcwd(folder, sizeof folder) == NULL)
        folder[0] = '\0';
    if (!is_visible(folder))
        return NULL;
    json_t *note = json_pack("{s:s, s:o, s:o}", "program", program, "folder",
                             json_stringn_nocheck(folder, strlen(folder)), "arguments",
                             arguments_json(arguments));
    char *text = json_dumps(note, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(note);
    return text;
}

/* A note's text: parts may be anybody's, and what they say is printed. */
static const char *visible_text(const json_t *value)
{
    const char *text = json_string_value(value);
    return text != NULL && is_visible(text) ? text : NULL;
}

static bool makes_parts(const char *program)
{
    static const char *const programs[] = {"redux-reduce", "redux-hash", "redux-embed"};
    for (int i = 0; i < 3; i++)
        if (program != NULL && strcmp(program, programs[i]) == 0)
            return true;
    return false;
}

bool shard_command_read(shard_command *out, const char *note)
{
    json_error_t error;
    json_t *json = note == NULL ? NULL : json_loads(note, 0, &error);
    const json_t *list = json_object_get(json, "arguments");
    const char *program = visible_text(json_object_get(json, "program"));
    const char *folder = visible_text(json_object_get(json, "folder"));
    memset(out, 0, sizeof *out);
    bool fits = makes_parts(program) && folder != NULL && json_is_array(list);
    if (fits) {
        out->program = strdup(program);
        out->folder = strdup(folder);
        out->arguments = calloc(json_array_size(list) + 2, sizeof *out->arguments);
        fits = out->program != NULL && out->folder != NULL && out->arguments != NULL;
    }
    if (fits)
        out->arguments[out->count++] = strdup(program);
    for (size_t i = 0; fits && i < json_array_size(list); i++) {
        const char *text = visible_text(json_array_get(list, i));
        out->arguments[out->count] = text == NULL ? NULL : strdup(text);
        fits = out->arguments[out->count++] != NULL;
    }
    json_decref(json);
    if (!fits)
        shard_command_free(out);
    return fits;
}

void shard_command_free(shard_command *command)
{
    for (int i = 0; i < command->count; i++)
        free(command->arguments[i]);
    free(command->arguments);
    free(command->program);
    free(command->folder);
    memset(command, 0, sizeof *command);
}

/* Within single quotes only those need care. */
static void print_argument(FILE *out, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_./=:,%+@";
    if (text[0] != '\0' && strspn(text, plain) == strlen(text)) {
        fputs(text, out);
        return;
    }
    fputc('\'', out);
    for (; *text != '\0'; text++)
        if (*text == '\'')
            fputs("'\\''", out);
        else
            fputc(*text, out);
    fputc('\'', out);
}

void print_shard_command(FILE *out, const shard_command *command, int64_t index, int64_t count)
{
    fprintf(out, "%s --shard %lld/%lld", command->program, (long long)index, (long long)count);
    for (int i = 1; i < command->count; i++) {
        fputc(' ', out);
        print_argument(out, command->arguments[i]);
    }
    fputc('\n', out);
}
