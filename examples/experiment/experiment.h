/* SPDX-License-Identifier: MIT
 * Shared by the parts of redux-experiment: the configuration, finished cells, the table. */
#ifndef REDUX_EXAMPLES_EXPERIMENT_H
#define REDUX_EXAMPLES_EXPERIMENT_H

#include <jansson.h>
#include "common/common.h"

typedef struct experiment {
    json_t *config;
    const char *data, *out; /* folders */
    redux_context *context;
    bool quiet, validation; /* validation: the table shows validation figures */
    int64_t seeds, first_seed;
    int64_t
        folds; /* of the task that exclude_test_of names, each with its own pre-training; or 1 */
    json_t *strategies, *tasks, *pretrain; /* of the configuration */
    json_t *texts;                         /* keeps texts of numbers alive */
    json_t *cells;                         /* finished ones: objects of experiment_note */
    int64_t done, total;
} experiment;

/* experiment_config.c: reads and checks a configuration. EXIT_OK, or a code after its message. */
int experiment_load(experiment *e, const char *path);
void experiment_free(experiment *e);
/* A setting's value as an option's text; lives as long as the experiment. NULL: no scalar. */
const char *experiment_text(experiment *e, const json_t *value);
/* DATA/NAME; malloc. */
char *experiment_path(const experiment *e, const char *name);
/* A member of an object as text, or NULL. */
const char *member(const json_t *object, const char *key);
/* How many pairs of task and protocol there are; a name of a floor. */
extern const char *const floor_names[2]; /* from scratch, random weights */
/* Whether a floor takes a protocol (finetune from scratch, probes of random weights). */
bool floor_takes(int floor, const char *protocol);

/* experiment_cells.c: finished cells are files OUT/cells/NAME.json with settings and result. */
/* The result of a cell that was finished with exactly these settings, or NULL. The caller owns
 * it. */
json_t *cell_load(const experiment *e, const char *name, const json_t *settings);
/* Writes whole or not at all. EXIT_OK, or a code after its message. */
int cell_save(const experiment *e, const char *name, const json_t *settings, const json_t *result);
/* Turns any text into a name: letters, digits, '-' and '_' stay. */
void cell_name(char *out, size_t size, const char *text);
/* 16 hex digits that identify a JSON value. */
void cell_key(char out[17], const json_t *value);
/* The same of a file's bytes; "" if it cannot be read. */
void file_key(char out[17], const char *path);
int make_folder(const char *path);
/* False, with a message, where `path` is a link: nothing is written through one below the output
 * folder. */
bool refuse_link(const char *path);
/* redux_file_save below the output folder. EXIT_OK or EXIT_DATA. */
int save_below(const experiment *e, const char *path, const char *mark, redux_produce_fn produce,
               void *user);
/* Keeps other processes from writing there until the program ends; EXIT_DATA if one does
 * already. */
int lock_folder(const char *path);
/* Records the result of a cell for the table. predictions: its file. */
void experiment_note(experiment *e, const char *strategy, int64_t seed, int64_t fold,
                     const char *predictions, const char *task, const char *protocol,
                     json_t *pretrain, json_t *result);

/* experiment_run.c: runs all cells that are not finished. The same codes. */
int experiment_run(experiment *e);

/* experiment_table.c: OUT/table.txt, .md, .csv, .json, and the text on stdout. The same codes. */
int experiment_table(const experiment *e);

#endif
