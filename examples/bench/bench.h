/* SPDX-License-Identifier: MIT
 * redux-bench from the inside.
 *
 *   redux-bench.c   options, rounds, the table, JSON
 *   limits.c        what the machine can do, measured at the start
 *   paths.c         the hot paths, and how much of a limit a unit of each takes
 *   train.c         those of the network
 *   objectives.c    training steps of SwAV, MoCo and BYOL
 *   peers.c         other libraries' programs, run between our own samples */
#ifndef REDUX_EXAMPLES_BENCH_H
#define REDUX_EXAMPLES_BENCH_H

#include "common/common.h"

/* The limit that a rate is compared with. */
typedef enum limit_kind {
    LIMIT_NONE,
    LIMIT_FLOPS,   /* single-precision multiply-adds count 2 */
    LIMIT_DRAM,    /* bytes read */
    LIMIT_L2,      /* bytes read */
    LIMIT_BITS,    /* words of 64 bits, compared and counted */
    LIMIT_INFLATE, /* bytes that come out */
    LIMIT_KINDS
} limit_kind;

typedef struct bench_limits {
    double rate[LIMIT_KINDS]; /* of all threads, per second */
} bench_limits;

extern const char *const limit_names[LIMIT_KINDS];
/* Measures the limits in about two seconds; in less, if samples of `seconds` are short. */
redux_status measure_limits(bench_limits *out, int threads, double seconds);

enum { SIDE = 512, IMAGES = 64 };

/* What one run of a path makes. It is released afterwards, however the run ended. */
typedef struct bench_scratch {
    redux_tensor one, two, out;
    redux_metric *metric;
    redux_exemplars *exemplars;
    redux_volume *volume;
    redux_dataset *dataset;
} bench_scratch;

/* The data of the paths, made on first use. */
typedef struct bench {
    redux_context *context; /* of all threads */
    redux_context *single;  /* one thread, for paths whose peers use one */
    int threads;
    redux_tensor images, hounsfield; /* [IMAGES, SIDE, SIDE], uint8, int16 */
    char folder[64];                 /* temporary files; "": none so far */
    char **files;                    /* given by the user */
    int file_count;
    struct network_bench *network;
    struct search_bench *search;
    int64_t next;   /* the next image to use */
    double untimed; /* seconds that the paths spent on what does not count */
    bench_scratch scratch;
} bench;

void clear_scratch(bench *b);

redux_status need_images(bench *b);
/* Adds a path within b->folder, which is made on first use. */
redux_status temporary_path(char out[128], bench *b, const char *name);

struct bench_path;
/* Does at least `least` units of work and reports how many. */
typedef redux_status (*path_fn)(double *units, bench *b, const struct bench_path *path);

typedef struct bench_path {
    const char *name, *unit;
    path_fn run;
    int64_t a, b;         /* arguments of the path */
    limit_kind limit;     /* the limit that the rate is compared with, */
    bool single;          /* of one thread if it runs one, */
    double per_unit;      /* and the share of it that a unit takes */
    const char *script;   /* of a peer, with its arguments (%T: threads, %F: files); NULL: none */
    const char *cases[3]; /* as its JSON names them: rates of our unit */
} bench_path;

extern const bench_path metric_paths[], train_paths[], objective_paths[];
extern const int metric_path_count, train_path_count, objective_path_count;
void free_metric_bench(bench *b);
void free_train_bench(bench *b);

/* What a script printed. */
typedef struct peer_rate {
    char name[48], which[112];
    double rate, peak_mb; /* 0: not said */
} peer_rate;

enum { MOST_PEER_RATES = 32 };

/* Runs "SCRIPT ARGUMENTS" of a folder to its end; *count is 0 if it could not run or printed
 * nothing. */
void run_peer(peer_rate *out, int *count, const char *folder, const char *command, const bench *b);

#endif
