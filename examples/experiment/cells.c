/* SPDX-License-Identifier: MIT
 * Finished cells of an experiment, as small files. A finished cell is not run again, unless its
 * settings have changed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "experiment.h"

/* FNV-1a, 64 bits. Only names depend on it; settings are compared in full. */
static uint64_t add_bytes(uint64_t hash, const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3U;
    return hash;
}

void cell_key(char out[17], const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    uint64_t hash = 0xcbf29ce484222325U;
    if (text != NULL)
        hash = add_bytes(hash, (const unsigned char *)text, strlen(text));
    free(text);
    snprintf(out, 17, "%016llx", (unsigned long long)hash);
}

void file_key(char out[17], const char *path)
{
    unsigned char bytes[65536];
    uint64_t hash = 0xcbf29ce484222325U;
    size_t count;
    FILE *file = open_plain_file(path);
    out[0] = '\0';
    if (file == NULL)
        return;
    while ((count = fread(bytes, 1, sizeof bytes, file)) > 0)
        hash = add_bytes(hash, bytes, count);
    if (!ferror(file))
        snprintf(out, 17, "%016llx", (unsigned long long)hash);
    fclose(file);
}

bool refuse_link(const char *path)
{
    struct stat status;
    if (lstat(path, &status) != 0 || !S_ISLNK(status.st_mode))
        return true;
    fprintf(stderr, "%s: %s: is a link, through which nothing is written: remove it\n",
            program_name, path);
    return false;
}

int make_folder(const char *path)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return EXIT_OK;
    fprintf(stderr, "%s: %s: %s\n", program_name, path, strerror(errno));
    return EXIT_DATA;
}

int lock_folder(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK))
        return EXIT_OK; /* fd, and the lock with it, stays open until the program ends */
    fprintf(stderr, "%s: %s: %s\n", program_name, path,
            fd < 0 ? strerror(errno) : "another run is writing there");
    return EXIT_DATA;
}

static void cell_path(char *out, size_t size, const experiment *e, const char *name)
{
    snprintf(out, size, "%s/cells/%s.json", e->out, name);
}

json_t *cell_load(const experiment *e, const char *name, const json_t *settings)
{
    char path[4400];
    json_t *result = NULL;
    cell_path(path, sizeof path, e, name);
    json_t *cell = json_load_file(path, 0, NULL);
    if (json_equal(json_object_get(cell, "settings"), settings))
        result = json_incref(json_object_get(cell, "result"));
    json_decref(cell);
    return result;
}

static redux_status print_text(FILE *stream, void *user)
{
    fputs(user, stream);
    fputc('\n', stream);
    return REDUX_OK;
}

int save_below(const experiment *e, const char *path, const char *mark, redux_produce_fn produce,
               void *user)
{
    if (!refuse_link(path))
        return EXIT_DATA;
    return redux_file_save(path, e->context, mark, produce, user) == REDUX_OK ? EXIT_OK
                                                                              : data_error();
}

int cell_save(const experiment *e, const char *name, const json_t *settings, const json_t *result)
{
    char path[4400];
    json_t *cell = json_pack("{s:O, s:O}", "settings", settings, "result", result);
    char *text = cell == NULL ? NULL : json_dumps(cell, JSON_INDENT(1) | JSON_SORT_KEYS);
    json_decref(cell);
    cell_path(path, sizeof path, e, name);
    if (text == NULL) {
        fprintf(stderr, "%s: %s: no memory to write it\n", program_name, path);
        return EXIT_DATA;
    }
    const int code = save_below(e, path, "\"result\": {", print_text, text);
    free(text);
    return code;
}

void experiment_note(experiment *e, const char *strategy, int64_t seed, int64_t fold,
                     const char *predictions, const char *task, const char *protocol,
                     json_t *pretrain, json_t *result)
{
    json_array_append_new(e->cells, json_pack("{s:s, s:I, s:o, s:s, s:s, s:s, s:O?, s:O}",
                                              "strategy", strategy, "seed", (json_int_t)seed,
                                              "fold", fold < 0 ? json_null() : json_integer(fold),
                                              "predictions", predictions, "task", task, "protocol",
                                              protocol, "pretrain", pretrain, "result", result));
}
