/* SPDX-License-Identifier: MIT
 * redux-demo: all strategies on one folder of volumes, as a table, with manifests and a contact
 * sheet; a planted leak is found; pre-training on all and on reduced slices is judged. Also a
 * worked example of the library. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "leak.h"
#include "train.h"

static const char help[] =
    "Usage: redux-demo [--patients DIR] [--out DIR] [--threads N] [--quiet] INPUT...\n"
    "Reduce the volumes by every strategy at its default, and print a table. DIR (default demo)\n"
    "gets a manifest for each strategy and a contact sheet of the slices that hash keeps and "
    "drops.\n"
    "With --patients, a folder such as data/sts-small, two more parts follow: slices of the first\n"
    "volume are disguised, planted among other patients and found again; and a small encoder is\n"
    "pre-trained on all slices and on those that hash keeps, and judged on other patients.\n"
    "\n"
    "Example:\n"
    "  redux-demo --patients data/sts-small --out demo data/ct\n";

typedef struct settings {
    const char *folder, *patients;
    int64_t threads;
    bool quiet;
} settings;

/* What one strategy makes. */
typedef struct run {
    redux_dataset *dataset;
    redux_reduction *reduction;
} run;

static redux_status reduce_inputs(run *r, double *seconds, redux_context *context, char **inputs,
                                  int count, redux_strategy strategy)
{
    redux_dataset_options dataset_options = REDUX_DATASET_OPTIONS_INIT;
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    options.strategy = strategy;
    if (strategy == REDUX_STRATEGY_HASH) /* the paper's script takes slices as they are stored */
        dataset_options.orientation = REDUX_ORIENTATION_STORED;
    const double start = seconds_now();
    TRY(redux_dataset_open(&r->dataset, context, (const char *const *)inputs, count,
                           &dataset_options));
    TRY(redux_reduce(&r->reduction, context, r->dataset, &options));
    *seconds = seconds_now() - start;
    return REDUX_OK;
}

/* A line of the table, the manifest, and a contact sheet of hash's slices. */
static redux_status show(const run *r, double seconds, redux_context *context,
                         redux_strategy strategy, const char *folder)
{
    const char *name = redux_strategy_name(strategy);
    redux_reduce_summary summary = {.struct_size = sizeof summary};
    char path[4200], json[4200];
    TRY(redux_reduction_get_summary(&summary, r->reduction));
    progress_label(NULL);
    printf("%-10s %6lld of %lld  %5.1f %%  %8.3f s  %8.0f slices/s\n", name,
           (long long)summary.kept, (long long)summary.slices,
           100 * (double)summary.kept / (double)summary.slices, seconds,
           (double)summary.slices / seconds);
    fflush(stdout);
    snprintf(path, sizeof path, "%s/%s.csv", folder, name);
    snprintf(json, sizeof json, "%s/%s.json", folder, name);
    TRY(redux_results_save(path, json, context, r->reduction, seconds));
    if (strategy != REDUX_STRATEGY_HASH)
        return REDUX_OK;
    snprintf(path, sizeof path, "%s/kept-and-dropped.png", folder);
    return redux_contact_sheet(path, context, r->reduction, 12, 20);
}

static redux_status reduce(redux_context *context, char **inputs, int count,
                           redux_strategy strategy, const char *folder)
{
    run r = {NULL, NULL};
    double seconds = 0;
    progress_label(redux_strategy_name(strategy));
    redux_status status = reduce_inputs(&r, &seconds, context, inputs, count, strategy);
    if (status == REDUX_OK)
        status = show(&r, seconds, context, strategy, folder);
    redux_reduction_free(r.reduction);
    redux_dataset_free(r.dataset);
    return status;
}

/* The parts that need other patients. */
static redux_status go_on(redux_context *context, const settings *s, char **inputs, int count)
{
    redux_dataset *known = NULL;
    TRY(redux_dataset_open(&known, context, (const char *const *)inputs, count, NULL));
    const redux_status status = demo_leak(context, known, s->patients, s->folder);
    redux_dataset_free(known);
    return status == REDUX_OK ? demo_train(context, s->patients, s->folder) : status;
}

/* The folder of the programs, with its slash, as `program` was called. */
static int folder_length(const char *program)
{
    const char *slash = strrchr(program, '/');
    return slash == NULL ? 0 : (int)(slash - program + 1);
}

/* redux-report of hash's reduction, where that program lies beside this one. */
static void write_report(const char *program, const char *folder)
{
    extern char **environ;
    char path[4300], manifest[4300], page[4300];
    char *arguments[] = {path, (char *)"--quiet", (char *)"--out", page, manifest, NULL};
    pid_t child;
    int status = 1;
    snprintf(path, sizeof path, "%.*sredux-report", folder_length(program), program);
    snprintf(manifest, sizeof manifest, "%s/hash.csv", folder);
    snprintf(page, sizeof page, "%s/report.html", folder);
    if (access(path, X_OK) == 0 && posix_spawn(&child, path, NULL, NULL, arguments, environ) == 0 &&
        waitpid(child, &status, 0) == child && status == 0)
        printf("Report:        %s (what hash keeps and drops, in a browser)\n", page);
}

/* Commands that work where the demo was started: the other programs lie beside `program`. */
static void suggest(const char *program, const char *input)
{
    const int length = folder_length(program);
    printf("\nNext, see how your own data is read, audit it, and reduce it:\n"
           "  %.*sredux-info YOUR-FOLDER\n"
           "  %.*sredux-audit YOUR-FOLDER --against %s\n"
           "  %.*sredux-reduce --manifest kept.csv YOUR-FOLDER\n",
           length, program, length, program, input, length, program);
}

static int set_option(void *user, int option, const char *text)
{
    settings *s = user;
    if (option == 't')
        return set_threads(&s->threads, text);
    if (option == 'o')
        s->folder = text;
    else if (option == 'p')
        s->patients = text;
    else
        s->quiet = true;
    return EXIT_OK;
}

int main(int count, char **arguments)
{
    static const struct option long_options[] = {
        {"out", required_argument, NULL, 'o'},
        {"threads", required_argument, NULL, 't'},
        {"patients", required_argument, NULL, 'p'},
        {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    settings s = {.folder = "demo"};
    redux_context *context = NULL;
    bool done = false;
    program_start("redux-demo", arguments);
    int code = parse_options(count, arguments, long_options, help, set_option, &s, &done);
    if (code != EXIT_OK || done)
        return code;
    if (optind == count)
        return usage_error("no input");
    if (mkdir(s.folder, 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "%s: %s: %s\n", program_name, s.folder, strerror(errno));
        return EXIT_DATA;
    }
    if (new_context(&context, s.threads, s.quiet) != REDUX_OK)
        return data_error();
    printf("%-10s %6s              %5s      %s\n", "strategy", "kept", "", "time");
    for (int i = REDUX_STRATEGY_ALL; i <= REDUX_STRATEGY_ENTROPY && code == EXIT_OK; i++)
        if (reduce(context, arguments + optind, count - optind, (redux_strategy)i, s.folder) !=
            REDUX_OK)
            code = data_error();
    if (code == EXIT_OK && s.patients != NULL &&
        go_on(context, &s, arguments + optind, count - optind) != REDUX_OK)
        code = data_error();
    redux_context_free(context);
    if (code == EXIT_OK) {
        printf("\nManifests:     %s/*.csv (and .json: parameters, inputs, counts)\n"
               "Contact sheet: %s/kept-and-dropped.png (hash: kept slices framed blue)\n",
               s.folder, s.folder);
        fflush(stdout);
        write_report(arguments[0], s.folder);
        suggest(arguments[0], arguments[optind]);
    }
    return code;
}
