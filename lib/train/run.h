/* SPDX-License-Identifier: MIT
 * What the files of the trainer share. Internal.
 *
 *   pretrain.c              options in, the loop, weights out
 *   pretrain_options.c      defaults, checks, settings as JSON
 *   objective.c             what an objective is; objective_*.c: each of them
 *   momentum.c              a network that follows another slowly: MoCo's and BYOL's
 *   run_ranks.c             what ranks that train together tell each other
 *   loader.c                batches of views
 *   checkpoint.c            checkpoint.safetensors and weights.safetensors
 *   run_log.c               log.csv and run.json */
#ifndef RDX_RUN_H
#define RDX_RUN_H

#include <jansson.h>
#include <stdio.h>
#include <redux/loader.h>
#include <redux/pretrain.h>
#include "base/communicator.h"
#include "image/views.h"
#include "objective.h"

/* The files of a run, in its folder. */
#define RDX_CHECKPOINT_FILE "checkpoint.safetensors"
#define RDX_WEIGHTS_FILE "weights.safetensors"
#define RDX_LOG_FILE "log.csv"
#define RDX_SUMMARY_FILE "run.json"

/* A run, from its options to its last step. */
typedef struct rdx_run {
    redux_context *context;
    const char *folder;
    redux_pretrain_options options; /* with defaults filled in; they point to: */
    redux_network_options network_options;
    redux_head_options projection, prediction;
    redux_optimiser_options optimiser_options;
    rdx_views views;
    const redux_dataset *dataset;
    const uint8_t *kept;
    const redux_objective *objective;
    redux_objective *own_objective; /* made here if none was given */
    void *state;                    /* the objective's */
    bool is_open;                   /* the objective is open and must be closed */
    redux_network *network;
    redux_optimiser *optimiser;
    redux_loader *loader;
    const redux_parameter **parameters; /* the network's, the objective's */
    int64_t parameter_count;
    json_t *settings; /* what a resumed run must share */
    json_t *seen;     /* fingerprints of the volumes that are trained on, 16 hex digits each */
    int64_t slices, batch, batches, steps, epochs, warm_up;
    double rate; /* the highest learning rate */
    /* where it is */
    int64_t step;
    double epoch_loss;            /* sum over the steps of this epoch */
    double first_loss, last_loss; /* means over the first and the last whole epoch; NaN: none yet */
    double seconds_before;        /* of earlier sessions */
    double started;               /* seconds_now when this one began training */
    double images_per_second;
    rdx_traffic traffic_before[RDX_PURPOSES]; /* the context's when training began */
    struct rdx_run_traffic *traffic; /* [ranks], of this session; NULL: not known, or one rank */
    bool complete;                   /* before this session, so that nothing is opened */
    bool is_warned;                  /* of a step that learned nothing */
    int lock;                        /* of the folder; -1: none */
    int log;                         /* log.csv; -1: closed */
} rdx_run;

/* ---- pretrain_options.c ---- */

/* Reads the given options over the defaults, and checks them. */
redux_status rdx_run_read_options(rdx_run *run, const redux_pretrain_options *given);
/* Fills in settings: the options used, and the identity of the dataset. */
redux_status rdx_run_describe(rdx_run *run);
/* Fills in seen. */
redux_status rdx_run_list_seen(rdx_run *run);
/* REDUX_E_INVALID, naming the first setting that differs from those of the run in the folder. */
redux_status rdx_run_compare(const rdx_run *run, const char *settings);

/* ---- run_ranks.c ---- */

/* What a rank did in a session, in the byte order of all. */
typedef struct rdx_run_traffic {
    int64_t parts;
    double seconds; /* of training */
    rdx_traffic of[RDX_PURPOSES];
} rdx_run_traffic;

/* Only the first rank reads and writes the folder. */
bool rdx_run_writes(const rdx_run *run);
/* Ends in an agreement: whether all ranks run the same, and can share it. */
redux_status rdx_run_agree(rdx_run *run);
/* Gives all ranks what the first one knows from the checkpoint: where the run is, and its length;
 * then its tensors. */
redux_status rdx_run_share_place(rdx_run *run);
redux_status rdx_run_share_tensors(rdx_run *run);
/* Begins to load what this rank works on, after the objective has been opened. */
redux_status rdx_run_begin_loader(rdx_run *run);
/* The wanted fingerprints, which each rank makes of its volumes; changes `wanted`. */
redux_status rdx_run_make_prints(uint64_t *prints, const rdx_run *run, uint8_t *wanted);
/* Says which ranks have nothing to do. */
void rdx_run_name_idle(const rdx_run *run);
/* Fills in traffic, of all ranks. */
redux_status rdx_run_gather_traffic(rdx_run *run);
/* Waits until all ranks are here, also after a failure. */
redux_status rdx_run_meet(rdx_run *run);

/* ---- checkpoint.c ---- */

/* file: the checkpoint in the folder, or NULL; *step: its step. */
redux_status rdx_checkpoint_open(redux_safetensors **file, int64_t *step, const rdx_run *run);
/* How many slices it was trained on. */
redux_status rdx_checkpoint_slices(int64_t *out, const rdx_run *run, const redux_safetensors *file);
/* Compares its settings with the run's, and takes over its losses. */
redux_status rdx_checkpoint_compare(rdx_run *run, const redux_safetensors *file);
/* Restores everything from it, after its settings were compared. */
redux_status rdx_checkpoint_restore(rdx_run *run, const redux_safetensors *file);
redux_status rdx_checkpoint_save(rdx_run *run);
redux_status rdx_weights_save(rdx_run *run);
/* FOLDER/NAME; whether it exists; removes it if it does. */
redux_status rdx_run_path(char **out, const rdx_run *run, const char *name);
bool rdx_run_has(const rdx_run *run, const char *name);
redux_status rdx_run_remove(const rdx_run *run, const char *name);

/* ---- run_log.c ---- */

/* Opens log.csv, without lines beyond the run's step; sets seconds_before. */
redux_status rdx_log_open(rdx_run *run);
redux_status rdx_log_step(rdx_run *run, const redux_pretrain_step *step);
redux_status rdx_log_close(rdx_run *run);
redux_status rdx_run_save_summary(rdx_run *run, bool complete);

/* Seconds of training, all sessions. */
double rdx_run_seconds(const rdx_run *run);

#endif
