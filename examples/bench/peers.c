/* SPDX-License-Identifier: MIT
 * Other libraries' programs: Python scripts that print one JSON object a line for each measurement
 * ("peer", "case", "rate", "unit", and "peak_mb" if memory counts). Each gets the settings under
 * which it is fastest. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <jansson.h>
#include "bench.h"

enum { MOST_ARGUMENTS = 64 };

/* PyTorch loses up to half of its speed to page faults with malloc's defaults. Programs with
 * OpenBLAS get our core type from the environment, and may use all threads. */
static void best_settings(void)
{
    setenv("MALLOC_MMAP_THRESHOLD_", "8589934592", 1);
    setenv("MALLOC_TRIM_THRESHOLD_", "17179869184", 1);
    setenv("MALLOC_TOP_PAD_", "268435456", 1);
    unsetenv("OPENBLAS_NUM_THREADS");
    unsetenv("OMP_NUM_THREADS");
}

/* The script, by Python unless it is executable, and "SCRIPT WORD..." with %T and %F put in; `text`
 * holds the words. */
static void arguments_of(char *arguments[MOST_ARGUMENTS], char *text, const bench *b,
                         const char *script_path, char threads[16])
{
    int count = 0;
    char *rest = NULL;
    if (access(script_path, X_OK) != 0)
        arguments[count++] = (char *)(uintptr_t) "/usr/bin/python3";
    arguments[count++] = (char *)(uintptr_t)script_path;
    strtok_r(text, " ", &rest); /* the script */
    for (char *word; (word = strtok_r(NULL, " ", &rest)) != NULL;) {
        snprintf(threads, 16, "%d", b->threads);
        if (strcmp(word, "%T") == 0)
            word = threads;
        if (strcmp(word, "%F") == 0)
            for (int i = 0; i < b->file_count && count < MOST_ARGUMENTS - 1; i++)
                arguments[count++] = b->files[i];
        else if (count < MOST_ARGUMENTS - 1)
            arguments[count++] = word;
    }
    arguments[count] = NULL;
}

static bool parse_line(peer_rate *out, const char *line)
{
    json_t *object = json_loads(line, 0, NULL);
    const char *peer = json_string_value(json_object_get(object, "peer"));
    const char *which = json_string_value(json_object_get(object, "case"));
    const json_t *unit = json_object_get(object, "unit");
    const double rate = json_number_value(json_object_get(object, "rate"));
    const bool is_one = peer != NULL && which != NULL && rate > 0;
    if (is_one) {
        const bool mega = json_is_string(unit) && strncmp(json_string_value(unit), "MB", 2) == 0;
        snprintf(out->name, sizeof out->name, "%s", peer);
        snprintf(out->which, sizeof out->which, "%s", which);
        out->rate = mega ? rate * 1e6 : rate;
        out->peak_mb = json_number_value(json_object_get(object, "peak_mb"));
    }
    json_decref(object);
    return is_one;
}

void run_peer(peer_rate *out, int *count, const char *folder, const char *command, const bench *b)
{
    char text[256], script[512], line[4096], threads[16], *arguments[MOST_ARGUMENTS];
    int ends[2];
    *count = 0;
    snprintf(text, sizeof text, "%s", command);
    snprintf(script, sizeof script, "%s/%.*s", folder, (int)strcspn(command, " "), command);
    if (access(script, R_OK) != 0 || pipe(ends) != 0)
        return;
    arguments_of(arguments, text, b, script, threads);
    const pid_t child = fork();
    if (child == 0) {
        best_settings();
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        if (freopen("/dev/null", "w", stderr) != NULL)
            execv(arguments[0], arguments);
        _exit(127);
    }
    close(ends[1]);
    FILE *lines = child < 0 ? NULL : fdopen(ends[0], "r");
    while (lines != NULL && fgets(line, sizeof line, lines) != NULL)
        if (*count < MOST_PEER_RATES && parse_line(&out[*count], line))
            ++*count;
    if (lines != NULL)
        fclose(lines);
    else
        close(ends[0]);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}
