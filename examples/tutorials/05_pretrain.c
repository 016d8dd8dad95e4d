/* SPDX-License-Identifier: CC0-1.0
 * Tutorial 5: pre-train an encoder by contrast (SimCLR), without labels, on what a reduction kept.
 * Small settings, so that it takes a second or two; the file it writes loads in PyTorch. */
#include <redux.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void must(redux_status status)
{
    if (status == REDUX_OK)
        return;
    fprintf(stderr, "%s\n", redux_error_message());
    exit(1);
}

/* Called after every step. A value other than 0 stops the run with a checkpoint. */
static int tell(const redux_pretrain_step *step, void *user)
{
    (void)user;
    if (step->step % 4 == 0)
        printf("step %" PRId64 " of %" PRId64 ": loss %.3f\n", step->step, step->steps, step->loss);
    return 0;
}

/* One byte a slice: is it kept? */
static uint8_t *reduce(const redux_dataset *dataset)
{
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_reduction *reduction;
    redux_row row;
    options.profile = REDUX_PROFILE_IMAGEHASH; /* axial slices */
    must(redux_reduce(&reduction, NULL, dataset, &options));
    const int64_t rows = redux_reduction_row_count(reduction);
    uint8_t *kept = malloc((size_t)rows);
    for (int64_t i = 0; kept != NULL && i < rows; i++) {
        must(redux_reduction_get_row(&row, reduction, i));
        kept[i] = row.kept != 0;
    }
    redux_reduction_free(reduction);
    return kept;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "data/ct";
    const char *folder = argc > 2 ? argv[2] : "run";
    redux_dataset *dataset;
    redux_pretrain_options options = REDUX_PRETRAIN_OPTIONS_INIT;
    redux_network_options network = REDUX_NETWORK_OPTIONS_INIT;
    redux_head_options projection = REDUX_HEAD_OPTIONS_INIT;
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    redux_pretrain_result result = {.struct_size = sizeof result};
    must(redux_dataset_open(&dataset, NULL, &path, 1, NULL));
    uint8_t *kept = reduce(dataset);

    input.size = 32; /* views of 32 x 32 pixels; for real work 64, width 1, batch 256, 100 epochs */
    must(redux_window_parse(&input.window, "-160:240"));
    network.width = 0.25;
    network.projection = &projection;
    options.network = &network;
    options.input = &input; /* everything else has SimCLR's defaults: views, optimiser, objective */
    options.batch = 32;
    options.epochs = 4;
    options.warm_up = 1;
    options.report = tell;
    options.resume = REDUX_RESUME_OVERWRITE; /* CONTINUE resumes a run that was interrupted */
    must(redux_pretrain(&result, NULL, folder, dataset, kept, &options));
    printf("%" PRId64 " slices, loss %.3f to %.3f, %s/weights.safetensors\n", result.slices,
           result.first_loss, result.last_loss, folder);

    free(kept);
    redux_dataset_free(dataset);
    return 0;
}
