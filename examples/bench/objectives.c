/* SPDX-License-Identifier: MIT
 * Training steps of SwAV, MoCo and BYOL on slices in memory, within a run: views are made as well,
 * which the peer has ready. Set-up, the first steps, checkpoint and weights are not timed. */
#include <stdio.h>
#include <unistd.h>
#include "bench.h"

enum { BATCH = 64, SLICES = 1024, SOURCE_SIDE = 96, WARM_UP = 3, STEPS = 12 };
enum { SWAV, MOCO, BYOL };
/* The bit of path->a that asks for all channels; else a quarter of them. */
enum { FULL = 4 };

static redux_status new_objective(redux_objective **out, redux_context *context, int64_t which)
{
    redux_moco_options moco = REDUX_MOCO_OPTIONS_INIT;
    moco.queue = SLICES; /* as the peer's */
    if (which == SWAV)
        return redux_objective_new_swav(out, context, NULL);
    return which == MOCO ? redux_objective_new_moco(out, context, &moco)
                         : redux_objective_new_byol(out, context, NULL);
}

static int which_of(const bench_path *path)
{
    return (int)path->a & ~FULL;
}

/* Noise: the work does not depend on what is on the slices. */
static redux_status open_slices(bench *b)
{
    const int64_t shape[3] = {SLICES, SOURCE_SIDE, SOURCE_SIDE};
    redux_volume_source source = REDUX_VOLUME_SOURCE_INIT;
    const redux_volume_source *const sources[1] = {&source};
    TRY(redux_tensor_new(&b->scratch.one, b->context, REDUX_UINT8, 3, shape));
    for (int64_t i = 0; i < redux_tensor_elements(&b->scratch.one); i++)
        ((uint8_t *)b->scratch.one.data)[i] = (uint8_t)((uint32_t)i * 2654435761U >> 24);
    source.source = "noise";
    source.voxels = &b->scratch.one;
    return redux_dataset_new(&b->scratch.dataset, b->context, sources, 1);
}

static void remove_run(const char *folder)
{
    static const char *const files[] = {"weights.safetensors", "checkpoint.safetensors", "log.csv",
                                        "run.json"};
    char path[192];
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* When the steps that count began and ended. */
typedef struct step_clock {
    double first, last;
} step_clock;

static int on_step(const redux_pretrain_step *step, void *user)
{
    step_clock *clock = user;
    clock->last = seconds_now();
    if (step->step == WARM_UP)
        clock->first = clock->last;
    return 0;
}

static redux_status train(step_clock *clock, bench *b, const bench_path *path,
                          const redux_objective *objective, const char *folder)
{
    redux_pretrain_options options = REDUX_PRETRAIN_OPTIONS_INIT;
    redux_network_options network = REDUX_NETWORK_OPTIONS_INIT;
    redux_head_options head = REDUX_HEAD_OPTIONS_INIT;
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    redux_views_options views = REDUX_VIEWS_OPTIONS_INIT;
    TRY(redux_views_preset(&views, "none"));
    head.batch_norm = which_of(path) != MOCO;
    if (which_of(path) == BYOL) {
        head.widths[0] = 4096;
        head.widths[1] = 256;
        head.no_bias = 2;
    }
    network.width = path->a & FULL ? 1 : 0.25;
    network.projection = &head;
    network.prediction = which_of(path) == BYOL ? &head : NULL;
    views.views = 2;
    views.small_views = (int32_t)path->b;
    options.network = &network;
    options.input = &input;
    options.views = &views;
    options.objective = objective;
    options.batch = BATCH;
    options.epochs = 0;
    options.steps = WARM_UP + STEPS;
    options.report = on_step;
    options.report_user = clock;
    options.rate = 1e-3;
    options.resume = REDUX_RESUME_OVERWRITE;
    return redux_pretrain(NULL, b->context, folder, b->scratch.dataset, NULL, &options);
}

static redux_status run_objective(double *units, bench *b, const bench_path *path)
{
    redux_objective *objective = NULL;
    step_clock clock = {0};
    char folder[128];
    const double start = seconds_now();
    free_train_bench(b); /* the peak of memory is to be this path's own */
    *units = (double)(STEPS * BATCH * (2 + path->b));
    TRY(temporary_path(folder, b, "run"));
    TRY(open_slices(b));
    TRY(new_objective(&objective, b->context, which_of(path)));
    const redux_status status = train(&clock, b, path, objective, folder);
    redux_objective_free(objective);
    remove_run(folder);
    b->untimed += seconds_now() - start - (clock.last - clock.first);
    return status;
}

/* Operations as in train.c; a quarter of the channels has a sixteenth of them. */
#define R18_64 0.283e9
#define R18_27 0.055e9

const bench_path objective_paths[] = {
    {"SwAV step, ResNet-18, 64 px",
     "images",
     run_objective,
     SWAV | FULL,
     0,
     LIMIT_FLOPS,
     false,
     3 * R18_64,
     "objectives_torch.py swav 1 64 64 0 channels_last %T",
     {"swav"}},
    {"SwAV step, ResNet-18 / 4, 64 px",
     "images",
     run_objective,
     SWAV,
     0,
     LIMIT_FLOPS,
     false,
     3 * R18_64 / 16,
     "objectives_torch.py swav 0.25 64 64 0 channels_last %T",
     {"swav"}},
    {"SwAV step, four small views",
     "images",
     run_objective,
     SWAV,
     4,
     LIMIT_FLOPS,
     false,
     (R18_64 + 2 * R18_27) / 16, /* of a step's images a third are large */
     "objectives_torch.py swav 0.25 64 64 4 channels_last %T",
     {"swav"}},
    {"MoCo step, ResNet-18, 64 px",
     "images",
     run_objective,
     MOCO | FULL,
     0,
     LIMIT_FLOPS,
     false,
     2 * R18_64,
     "objectives_torch.py moco 1 64 64 0 channels_last %T",
     {"moco"}},
    {"MoCo step, ResNet-18 / 4, 64 px",
     "images",
     run_objective,
     MOCO,
     0,
     LIMIT_FLOPS,
     false,
     2 * R18_64 / 16, /* queries three times, keys once */
     "objectives_torch.py moco 0.25 64 64 0 channels_last %T",
     {"moco"}},
    {"BYOL step, ResNet-18, 64 px",
     "images",
     run_objective,
     BYOL | FULL,
     0,
     LIMIT_FLOPS,
     false,
     4 * R18_64,
     "objectives_torch.py byol 1 64 64 0 channels_last %T",
     {"byol"}},
    {"BYOL step, ResNet-18 / 4, 64 px",
     "images",
     run_objective,
     BYOL,
     0,
     LIMIT_FLOPS,
     false,
     4 * R18_64 / 16, /* and the target's forward */
     "objectives_torch.py byol 0.25 64 64 0 channels_last %T",
     {"byol"}},
};
const int objective_path_count = sizeof objective_paths / sizeof objective_paths[0];
