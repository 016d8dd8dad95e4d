/* SPDX-License-Identifier: MIT
 * Rank 1 stops in a phase of its work (argv[1]: start, reading, exchange), as by SIGSTOP; the
 * others end with a message that names it. */
#include <redux.h>
#include <redux/mpi.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { VOLUMES = 6, SLICES = 8, SIDE = 16 };

static redux_communicator mpi = REDUX_COMMUNICATOR_INIT;
static const char *phase;

static void stop_in(const char *name)
{
    if (mpi.rank == 1 && strcmp(phase, name) == 0)
        raise(SIGSTOP);
}

static redux_status load_slice(redux_tensor *out, redux_context *context, int64_t volume,
                               int64_t slice, void *user)
{
    const int64_t shape[] = {SIDE, SIDE};
    (void)user;
    stop_in("reading");
    const redux_status status = redux_tensor_new(out, context, REDUX_INT16, 2, shape);
    for (int i = 0; i < SIDE * SIDE && status == REDUX_OK; i++)
        ((int16_t *)out->data)[i] = (int16_t)(i * (3 + volume + slice) % 97);
    return status;
}

/* The tenth message, amid an exchange. */
static redux_status send(void **request, const void *bytes, size_t count, int32_t to, void *user)
{
    static int sent;
    if (++sent == 10)
        stop_in("exchange");
    return mpi.send(request, bytes, count, to, user);
}

static redux_status work(redux_context *context)
{
    redux_volume_source sources[VOLUMES];
    const redux_volume_source *list[VOLUMES];
    char names[VOLUMES][2] = {{0}};
    redux_dataset *dataset = NULL;
    redux_reduction *reduction = NULL;
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    options.strategy = REDUX_STRATEGY_SSIM;
    options.scope = REDUX_SCOPE_DATASET;
    for (int i = 0; i < VOLUMES; i++) {
        sources[i] = (redux_volume_source)REDUX_VOLUME_SOURCE_INIT;
        names[i][0] = (char)('a' + i);
        sources[i].source = names[i];
        sources[i].load_slice = load_slice;
        sources[i].dtype = REDUX_INT16;
        sources[i].slices = SLICES;
        sources[i].height = sources[i].width = SIDE;
        list[i] = &sources[i];
    }
    redux_status status = redux_dataset_new(&dataset, context, list, VOLUMES);
    if (status == REDUX_OK)
        status = redux_reduce(&reduction, context, dataset, &options);
    redux_reduction_free(reduction);
    redux_dataset_free(dataset);
    return status;
}

int main(int argc, char **argv)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context = NULL;
    phase = argc > 1 ? argv[1] : "never";
    redux_status status = redux_mpi_begin(&mpi);
    if (status != REDUX_OK)
        return 1;
    redux_communicator communicator = mpi;
    communicator.send = send;
    communicator.time_limit = 3;
    options.communicator = &communicator;
    status = redux_context_new(&context, &options);
    stop_in("start");
    if (status == REDUX_OK)
        status = work(context);
    if (status != REDUX_OK)
        fprintf(stderr, "%s\n", redux_error_message());
    redux_context_free(context);
    redux_mpi_end(&mpi, status != REDUX_OK);
    return 0;
}
