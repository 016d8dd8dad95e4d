/* SPDX-License-Identifier: MIT
 * redux-experiment: strategies x seeds: reduce, pre-train, evaluate; one table. */
#include <stdio.h>
#include <string.h>
#include "experiment.h"

static const char help[] =
    "Usage: redux-experiment CONFIG.json --data DIR [options]\n"
    "For each strategy and seed: reduce, pre-train, evaluate. Then print one table of all "
    "results.\n"
    "Finished runs are not repeated; an interrupted one resumes.\n"
    "\n"
    "  --data DIR           the folder that holds the configuration's paths\n"
    "  --out DIR            cells, runs, predictions and the table (default: experiment)\n"
    "  --validation         show figures on validation, to choose settings by\n"
    "  --threads N          0 (default): all processors; the result is the same for any N\n"
    "  --quiet              errors only, besides the table\n"
    "  --help, --version\n"
    "\n"
    "CONFIG.json\n"
    "  seeds, first_seed    how many (3), and the first (0)\n"
    "  data                 paths to pre-train on\n"
    "  exclude_test_of      a task: leave the files of its validation and test groups out of "
    "data;\n"
    "                       with folds each fold has a pre-training of its own, and other tasks\n"
    "                       take the encoders of fold 0\n"
    "  baseline             the strategy that others are compared with (the first that keeps all)\n"
    "  pretrain             options of redux-pretrain by name\n"
    "  strategies           objects: name; options of redux-reduce by name; steps_of: a strategy\n"
    "                       before it, to match in optimiser steps; pretrain: options of its own\n"
    "  tasks                objects: name, labels, options of redux-evaluate by name; protocols:\n"
    "                       object of linear, knn, finetune, each an object of options\n"
    "  floors               true: also without pre-training: fine-tuning from scratch, and\n"
    "                       probes of random weights\n"
    "\n"
    "Exit status: 0 done, 1 unusable data or failure to write, 2 wrong usage, 130 interrupted.\n"
    "\n"
    "Example:\n"
    "  redux-experiment paper.json --data /data --out results/paper\n";

enum { OPTION_DATA = 256, OPTION_OUT, OPTION_VALIDATION, OPTION_THREADS, OPTION_QUIET };

typedef struct program {
    experiment e;
    int64_t threads;
} program;

static int set_option(void *user, int option, const char *text)
{
    program *p = user;
    switch (option) {
    case OPTION_DATA:
        p->e.data = text;
        return EXIT_OK;
    case OPTION_OUT:
        p->e.out = text;
        return EXIT_OK;
    case OPTION_VALIDATION:
        p->e.validation = true;
        return EXIT_OK;
    case OPTION_QUIET:
        p->e.quiet = true;
        return EXIT_OK;
    default:
        return set_threads(&p->threads, text);
    }
}

static int run(program *p, const char *config)
{
    int code = experiment_load(&p->e, config);
    if (code == EXIT_OK && new_context(&p->e.context, p->threads, p->e.quiet) != REDUX_OK)
        code = data_error();
    if (code == EXIT_OK)
        code = experiment_run(&p->e);
    if (code == EXIT_OK)
        code = experiment_table(&p->e);
    experiment_free(&p->e);
    redux_context_free(p->e.context);
    return code;
}

int main(int count, char **arguments)
{
    static const struct option options[] = {
        {"data", required_argument, NULL, OPTION_DATA},
        {"out", required_argument, NULL, OPTION_OUT},
        {"validation", no_argument, NULL, OPTION_VALIDATION},
        {"threads", required_argument, NULL, OPTION_THREADS},
        {"quiet", no_argument, NULL, OPTION_QUIET},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    program p = {.e = {.out = "experiment"}};
    bool done = false;
    program_start("redux-experiment", arguments);
    const int code = parse_options(count, arguments, options, help, set_option, &p, &done);
    if (code != EXIT_OK || done)
        return code;
    if (optind == count)
        return usage_error("no input: a configuration is needed");
    if (count - optind > 1)
        return usage_error("'%s': only one configuration is allowed", arguments[optind + 1]);
    if (p.e.data == NULL)
        return usage_error("no --data");
    return run(&p, arguments[optind]);
}
