/* SPDX-License-Identifier: MIT
 * redux-info: what the other programs would see of an input, and what they would pass over. */
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "common/common.h"
#include "common/input.h"
#include "common/json_text.h"

static const char help[] =
    "Usage: redux-info [options] INPUT...\n"
    "Show what is in image datasets as the other programs see it: one line a volume, and what is\n"
    "passed over, with the reason.\n"
    "\n"
    "INPUT: files or folders, as for redux-reduce. Formats: @FORMATS@\n"
    "\n" INPUT_HELP "  --headers            read no pixels: the ranges of values stay unknown\n"
    "  --on-error NAME      skip (default): list what cannot be read; stop: end at the first\n"
    "  --json               JSON on stdout in place of the table\n"
    "  --threads N          0 (default): all processors\n"
    "  --quiet              no progress, and errors only on stderr\n"
    "  --help, --version\n"
    "\n"
    "Columns: format, slices, height x width, type, mm between slices x rows x columns, range of\n"
    "values after slope and intercept, the window that would be taken, group, source.\n"
    "\n"
    "Exit status: 0 done, 1 unusable data, 2 wrong usage, 130 interrupted.\n"
    "\n"
    "Examples:\n"
    "  redux-info scans/\n"
    "  redux-info --group-by '([0-9]+)_[0-9]+\\.png' --headers flat/\n"
    "  redux-info --json scans/ | jq .passed_over\n";

enum { OPTION_HEADERS = 256, OPTION_ON_ERROR, OPTION_JSON, OPTION_THREADS, OPTION_QUIET };

static const struct option long_options[] = {
    INPUT_OPTIONS,
    {"headers", no_argument, NULL, OPTION_HEADERS},
    {"on-error", required_argument, NULL, OPTION_ON_ERROR},
    {"json", no_argument, NULL, OPTION_JSON},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

typedef struct settings {
    redux_dataset_options dataset;
    bool headers, json, quiet;
    int64_t threads;
} settings;

static int set_option(void *user, int option, const char *text)
{
    settings *s = user;
    int code;
    if (set_input_option(&s->dataset, option, text, &code))
        return code;
    switch (option) {
    case OPTION_HEADERS:
        s->headers = true;
        return EXIT_OK;
    case OPTION_ON_ERROR:
        return set_on_error(&s->dataset.skip_errors, text);
    case OPTION_JSON:
        s->json = true;
        return EXIT_OK;
    case OPTION_QUIET:
        s->quiet = true;
        return EXIT_OK;
    default:
        return set_threads(&s->threads, text);
    }
}

/* ---- values ---- */

/* What the pixels of a volume are like. */
typedef struct values {
    double low, high; /* low > high: none is finite, or none was read */
    int64_t not_finite, unreadable;
} values;

typedef struct reading {
    values *volumes;
    pthread_mutex_t mutex;
} reading;

static redux_status range_of(values *out, const redux_tensor *pixels)
{
    redux_tensor doubles;
    *out = (values){.low = (double)INFINITY, .high = -(double)INFINITY};
    TRY(redux_tensor_contiguous(&doubles, NULL, pixels, REDUX_FLOAT64));
    const double *value = doubles.data;
    for (int64_t i = 0; i < redux_tensor_elements(&doubles); i++) {
        if (!isfinite(value[i])) {
            out->not_finite++;
            continue;
        }
        out->low = fmin(out->low, value[i]);
        out->high = fmax(out->high, value[i]);
    }
    redux_tensor_release(&doubles);
    return REDUX_OK;
}

static redux_status note_slice(void *user, const redux_tensor *image, int64_t number,
                               int64_t volume, int64_t slice)
{
    reading *r = user;
    values v = {.low = (double)INFINITY, .high = -(double)INFINITY, .unreadable = 1};
    (void)number;
    (void)slice;
    if (image != NULL)
        TRY(range_of(&v, image));
    pthread_mutex_lock(&r->mutex);
    values *all = &r->volumes[volume];
    all->low = fmin(all->low, v.low);
    all->high = fmax(all->high, v.high);
    all->not_finite += v.not_finite;
    all->unreadable += v.unreadable;
    pthread_mutex_unlock(&r->mutex);
    return REDUX_OK;
}

static redux_status read_values(values *out, redux_context *context, const settings *s,
                                const redux_dataset *dataset)
{
    redux_visit_options options = REDUX_VISIT_OPTIONS_INIT;
    reading r = {.volumes = out};
    for (int64_t v = 0; v < redux_dataset_volume_count(dataset); v++)
        out[v] = (values){.low = (double)INFINITY, .high = -(double)INFINITY};
    if (s->headers)
        return REDUX_OK;
    options.form = REDUX_VISIT_STORED;
    options.any_order = 1;
    options.skip_errors = s->dataset.skip_errors;
    pthread_mutex_init(&r.mutex, NULL);
    progress_label("reading");
    const redux_status status = redux_dataset_visit(context, dataset, &options, note_slice, &r);
    progress_label(NULL);
    pthread_mutex_destroy(&r.mutex);
    return status;
}

/* ---- one volume ---- */

typedef struct volume {
    redux_volume_info info;
    char window[REDUX_WINDOW_TEXT];
    char groups[512]; /* the name of its group, or how many it has */
    values values;    /* after slope and intercept */
} volume;

static void name_groups(volume *out, const redux_dataset *dataset, int64_t number)
{
    const int64_t first = redux_dataset_get_group(dataset, number, 0);
    int64_t changes = 1;
    for (int64_t i = 1; i < out->info.slices; i++)
        changes += redux_dataset_get_group(dataset, number, i) !=
                   redux_dataset_get_group(dataset, number, i - 1);
    if (changes == 1)
        snprintf(out->groups, sizeof out->groups, "%s", redux_dataset_group_name(dataset, first));
    else
        snprintf(out->groups, sizeof out->groups, "several");
}

static redux_status describe(volume *out, const redux_dataset *dataset, int64_t number,
                             const values *found)
{
    const redux_window automatic = {REDUX_WINDOW_AUTO, 0, 0};
    *out = (volume){.info = REDUX_VOLUME_INFO_INIT, .values = *found};
    TRY(redux_dataset_get_volume_info(&out->info, dataset, number));
    const redux_volume_info *info = &out->info;
    TRY(redux_window_to_text(out->window,
                             redux_window_resolve(automatic, info->dtype, info->is_scan)));
    name_groups(out, dataset, number);
    const double a = info->slope * found->low + info->intercept,
                 b = info->slope * found->high + info->intercept;
    if (found->low > found->high)
        return REDUX_OK; /* no value is known */
    out->values.low = fmin(a, b);
    out->values.high = fmax(a, b);
    return REDUX_OK;
}

static bool has_range(const volume *v)
{
    return v->values.low <= v->values.high;
}

/* ---- as text ---- */

static void print_volume(const volume *v, bool is_grouped)
{
    const redux_volume_info *info = &v->info;
    char text[64];
    printf("%-7s %6lld  ", info->format, (long long)info->slices);
    snprintf(text, sizeof text, "%lld x %lld", (long long)info->height, (long long)info->width);
    printf("%-11s  %-7s  ", text, redux_dtype_name(info->dtype));
    if (info->spacing[1] > 0)
        snprintf(text, sizeof text, "%.4g x %.4g x %.4g", info->spacing[0], info->spacing[1],
                 info->spacing[2]);
    else
        snprintf(text, sizeof text, "-");
    printf("%-24s  ", text);
    if (has_range(v))
        snprintf(text, sizeof text, "%.6g ... %.6g", v->values.low, v->values.high);
    else
        snprintf(text, sizeof text, "-");
    printf("%-20s  %-5s  ", text, v->window);
    if (is_grouped)
        printf("%-12s  ", v->groups);
    fputs(info->source, stdout);
    if (v->values.not_finite > 0)
        printf("  (%lld values are not finite)", (long long)v->values.not_finite);
    if (v->values.unreadable > 0)
        printf("  (%lld slices cannot be read)", (long long)v->values.unreadable);
    putchar('\n');
}

static redux_status print_text(const redux_dataset *dataset, const values *found)
{
    const bool is_grouped = redux_dataset_group_by(dataset) != NULL;
    for (int64_t i = 0; i < redux_dataset_volume_count(dataset); i++) {
        volume v;
        TRY(describe(&v, dataset, i, &found[i]));
        print_volume(&v, is_grouped);
    }
    printf("slices: %lld, volumes: %lld, groups: %lld\n",
           (long long)redux_dataset_slice_count(dataset),
           (long long)redux_dataset_volume_count(dataset),
           (long long)redux_dataset_group_count(dataset));
    for (int64_t i = 0; i < redux_dataset_passed_over_count(dataset); i++) {
        redux_passed_over passed = REDUX_PASSED_OVER_INIT;
        TRY(redux_dataset_get_passed_over(&passed, dataset, i));
        printf("passed over: %s (%lld): %s%s\n", passed.reason, (long long)passed.count,
               passed.names, passed.count > 3 ? ", ..." : "");
    }
    for (int64_t i = 0; i < redux_dataset_skipped_count(dataset); i++)
        printf("cannot be read: %s\n", redux_dataset_skipped_reason(dataset, i));
    return REDUX_OK;
}

/* ---- as JSON ---- */

static json_t *volume_json(const volume *v)
{
    const redux_volume_info *info = &v->info;
    json_t *json = json_pack(
        "{s:o, s:s, s:o, s:I, s:I, s:I, s:s, s:[f, f, f], s:b, s:s, s:I, s:I, s:I}", "source",
        json_text(info->source), "format", info->format, "group", json_text(v->groups), "slices",
        (json_int_t)info->slices, "height", (json_int_t)info->height, "width",
        (json_int_t)info->width, "dtype", redux_dtype_name(info->dtype), "spacing",
        info->spacing[0], info->spacing[1], info->spacing[2], "is_scan", info->is_scan, "window",
        v->window, "bytes", (json_int_t)info->bytes, "not_finite", (json_int_t)v->values.not_finite,
        "unreadable", (json_int_t)v->values.unreadable);
    if (has_range(v))
        json_object_set_new(json, "range", json_pack("[f, f]", v->values.low, v->values.high));
    return json;
}

static redux_status volumes_json(json_t *out, const redux_dataset *dataset, const values *found)
{
    for (int64_t i = 0; i < redux_dataset_volume_count(dataset); i++) {
        volume v;
        TRY(describe(&v, dataset, i, &found[i]));
        json_array_append_new(out, volume_json(&v));
    }
    return REDUX_OK;
}

static redux_status print_json(const redux_dataset *dataset, const values *found)
{
    const char *by = redux_dataset_group_by(dataset);
    json_t *volumes = json_array(), *passed = json_array(), *skipped = json_array();
    const redux_status status = volumes_json(volumes, dataset, found);
    for (int64_t i = 0; i < redux_dataset_passed_over_count(dataset); i++) {
        redux_passed_over p = REDUX_PASSED_OVER_INIT;
        if (redux_dataset_get_passed_over(&p, dataset, i) == REDUX_OK)
            json_array_append_new(passed,
                                  json_pack("{s:s, s:I, s:o}", "reason", p.reason, "count",
                                            (json_int_t)p.count, "names", json_text(p.names)));
    }
    for (int64_t i = 0; i < redux_dataset_skipped_count(dataset); i++)
        json_array_append_new(
            skipped,
            json_pack("{s:o, s:o}", "source", json_text(redux_dataset_skipped_source(dataset, i)),
                      "reason", json_text(redux_dataset_skipped_reason(dataset, i))));
    json_t *json = json_pack("{s:I, s:I, s:o, s:o, s:o, s:o}", "slices",
                             (json_int_t)redux_dataset_slice_count(dataset), "groups",
                             (json_int_t)redux_dataset_group_count(dataset), "group_by",
                             by == NULL ? json_null() : json_text(by), "volumes", volumes,
                             "passed_over", passed, "skipped", skipped);
    if (status == REDUX_OK && json_dumpf(json, stdout, JSON_INDENT(2)) == 0)
        putchar('\n');
    json_decref(json);
    return status;
}

/* ---- the whole ---- */

static int show(const settings *s, redux_context *context, const redux_dataset *dataset)
{
    values *found = calloc((size_t)redux_dataset_volume_count(dataset) + 1, sizeof *found);
    if (found == NULL) {
        fprintf(stderr, "%s: no memory\n", program_name);
        return EXIT_DATA;
    }
    redux_status status = read_values(found, context, s, dataset);
    if (status == REDUX_OK)
        status = (s->json ? print_json : print_text)(dataset, found);
    free(found);
    if (status != REDUX_OK)
        return data_error();
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("redux-info: standard output");
        return EXIT_DATA;
    }
    return EXIT_OK;
}

int main(int count, char **arguments)
{
    settings s = {.dataset = REDUX_DATASET_OPTIONS_INIT};
    redux_context *context = NULL;
    redux_dataset *dataset = NULL;
    bool done = false;
    program_start("redux-info", arguments);
    s.dataset.skip_errors = 1;
    int code = parse_options(count, arguments, long_options, help, set_option, &s, &done);
    if (code != EXIT_OK || done)
        return code;
    if (optind == count)
        return usage_error("no input");
    if (new_context(&context, s.threads, s.quiet) != REDUX_OK)
        return data_error();
    if (redux_dataset_open(&dataset, context, (const char *const *)(arguments + optind),
                           count - optind, &s.dataset) != REDUX_OK)
        code = data_error();
    else
        code = show(&s, context, dataset);
    redux_dataset_free(dataset);
    redux_context_free(context);
    return code;
}
