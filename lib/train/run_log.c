/* SPDX-License-Identifier: MIT
 * log.csv, a line a step, and run.json. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <redux/version.h>
#include "io/io.h"
#include "run.h"

#define HEADER "step,epoch,loss,rate,gradient_norm,images_per_second,seconds"
#define SUMMARY_MARK "\"libredux\": \""

double rdx_run_seconds(const rdx_run *run)
{
    return run->seconds_before + (run->started > 0 ? rdx_seconds() - run->started : 0);
}

/* ---- log.csv ---- */

/* Keeps the lines up to the run's step; later ones will be written again. */
static redux_status keep_lines(rdx_run *run, const char *path, FILE *out)
{
    unsigned char *text;
    size_t size;
    RDX_TRY(rdx_read_whole(&text, &size, run->context, path));
    const char *line = (const char *)text, *end = line + size;
    const char *next = memchr(line, '\n', size);
    line = next == NULL ? end : next + 1; /* after the header */
    while (line < end && (next = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        char own[256];
        const size_t length = RDX_MIN((size_t)(next - line), sizeof own - 1);
        memcpy(own, line, length);
        own[length] = '\0';
        if (strtoll(own, NULL, 10) > run->step)
            break;
        const char *last = strrchr(own, ',');
        run->seconds_before = last == NULL ? 0 : rdx_parse_double(last + 1, NULL);
        fprintf(out, "%s\n", own);
        line = next + 1;
    }
    rdx_free(text);
    return REDUX_OK;
}

static redux_status trim(rdx_run *run, const char *path)
{
    rdx_file file;
    RDX_TRY(rdx_file_begin(&file, run->context, path, HEADER));
    fputs(HEADER "\n", file.stream);
    redux_status status = REDUX_OK;
    if (run->step > 0 && rdx_run_has(run, RDX_LOG_FILE))
        status = keep_lines(run, path, file.stream);
    if (status != REDUX_OK) {
        rdx_file_abort(&file);
        return status;
    }
    return rdx_file_commit(&file);
}

redux_status rdx_log_open(rdx_run *run)
{
    char *path;
    RDX_TRY(rdx_run_path(&path, run, RDX_LOG_FILE));
    redux_status status = trim(run, path);
    if (status == REDUX_OK) {
        do
            run->log = open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
        while (run->log < 0 && errno == EINTR);
        if (run->log < 0)
            status = rdx_fail_errno(path, "open", errno);
    }
    rdx_free(path);
    return status;
}

redux_status rdx_log_step(rdx_run *run, const redux_pretrain_step *step)
{
    char loss[32], rate[32], norm[32], speed[32], seconds[32], line[256];
    rdx_format_double(loss, step->loss);
    rdx_format_double(rate, step->rate);
    rdx_format_double(norm, step->gradient_norm);
    rdx_format_fixed(speed, step->images_per_second, 1);
    rdx_format_fixed(seconds, step->seconds, 3);
    const int length =
        snprintf(line, sizeof line, "%lld,%lld,%s,%s,%s,%s,%s\n", (long long)step->step,
                 (long long)step->epoch, loss, rate, norm, speed, seconds);
    const int error = rdx_write_all(run->log, line, (size_t)length);
    return error == 0 ? REDUX_OK : rdx_fail_errno(run->folder, "write " RDX_LOG_FILE, error);
}

redux_status rdx_log_close(rdx_run *run)
{
    if (run->log < 0)
        return REDUX_OK;
    int error = rdx_sync(run->log);
    if (close(run->log) != 0 && error == 0 && errno != EINTR)
        error = errno;
    run->log = -1;
    return error == 0 ? REDUX_OK : rdx_fail_errno(run->folder, "write " RDX_LOG_FILE, error);
}

/* ---- run.json ---- */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* What each rank did and passed on, in this session. */
static json_t *ranks_json(const rdx_run *run)
{
    json_t *list = json_array();
    for (int32_t r = 0; r < rdx_ranks(run->context); r++) {
        const rdx_run_traffic *t = &run->traffic[r];
        json_t *one = json_pack("{s:I, s:f}", "parts", (json_int_t)t->parts, "seconds", t->seconds);
        for (int i = 0; i < RDX_PURPOSES; i++)
            json_object_set_new(one, rdx_purpose_name((rdx_purpose)i),
                                json_pack("{s:I, s:f}", "bytes_sent",
                                          (json_int_t)t->of[i].bytes_sent, "seconds",
                                          t->of[i].seconds));
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *summary(const rdx_run *run, bool complete)
{
    return json_pack(
        "{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:s, s:O, s:O?}", "libredux",
        redux_version_string(), "complete", complete, "slices", (json_int_t)run->slices, "batch",
        (json_int_t)run->batch, "step", (json_int_t)run->step, "steps", (json_int_t)run->steps,
        "epochs", (json_int_t)run->epochs, "first_loss", number(run->first_loss), "last_loss",
        number(run->last_loss), "seconds", number(round(rdx_run_seconds(run) * 1000) / 1000),
        "cpu_tier", redux_cpu_tier(), "settings", run->settings, "seen", run->seen);
}

static int write_json(const char *text, size_t size, void *user)
{
    return fwrite(text, 1, size, user) == size ? 0 : -1;
}

static redux_status write_summary(rdx_run *run, const char *path, const json_t *json)
{
    rdx_file file;
    RDX_TRY(rdx_file_begin(&file, run->context, path, SUMMARY_MARK));
    if (json_dump_callback(json, write_json, file.stream,
                           JSON_INDENT(2) | JSON_REAL_PRECISION(15)) != 0 &&
        ferror(file.stream) == 0) { /* the commit reports errors of the stream */
        rdx_file_abort(&file);
        return rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory to write it", path);
    }
    fputc('\n', file.stream);
    return rdx_file_commit(&file);
}

redux_status rdx_run_save_summary(rdx_run *run, bool complete)
{
    char *path;
    json_t *json = summary(run, complete);
    if (json != NULL && run->traffic != NULL)
        json_object_set_new(json, "ranks", ranks_json(run));
    if (json == NULL)
        return rdx_fail(REDUX_E_NO_MEMORY, "out of memory");
    redux_status status = rdx_run_path(&path, run, RDX_SUMMARY_FILE);
    if (status == REDUX_OK) {
        status = write_summary(run, path, json);
        rdx_free(path);
    }
    json_decref(json);
    return status;
}
