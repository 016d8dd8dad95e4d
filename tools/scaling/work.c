/* SPDX-License-Identifier: MIT
 * What tools/scaling.py measures on one process or several (mpirun), printed as JSON by each rank:
 *
 *   work THREADS codes N                     N synthetic slices by their hashes, over the dataset
 *   work THREADS reduce STRATEGY SCOPE SIZE PATH...    a reduction */
#include <redux.h>
#include <redux/mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { SLICES = 10000, SIDE = 16, DIFFERENT = 4999 }; /* of a volume; of pixels; pictures */

/* Noise, whose hashes are far apart: as many are kept as there are different ones. */
static redux_status load(redux_tensor *out, redux_context *context, int64_t volume, void *user)
{
    const int64_t shape[3] = {SLICES, SIDE, SIDE};
    (void)user;
    const redux_status status = redux_tensor_new(out, context, REDUX_UINT8, 3, shape);
    for (int64_t k = 0; status == REDUX_OK && k < SLICES; k++) {
        uint64_t state = (uint64_t)((volume * SLICES + k) % DIFFERENT) + 1;
        uint8_t *pixels = (uint8_t *)out->data + k * SIDE * SIDE;
        for (int i = 0; i < SIDE * SIDE; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            pixels[i] = (uint8_t)(state >> 56);
        }
    }
    return status;
}

static redux_status make_dataset(redux_dataset **out, redux_context *context, int64_t volumes)
{
    redux_volume_source *sources = calloc((size_t)volumes, sizeof *sources);
    const redux_volume_source **list = calloc((size_t)volumes, sizeof *list);
    char(*names)[16] = calloc((size_t)volumes, sizeof *names);
    for (int64_t v = 0; v < volumes; v++) {
        sources[v] = (redux_volume_source)REDUX_VOLUME_SOURCE_INIT;
        snprintf(names[v], sizeof names[v], "v%06d", (int)v);
        sources[v].source = names[v];
        sources[v].load = load;
        sources[v].slices = SLICES;
        sources[v].height = sources[v].width = SIDE;
        list[v] = &sources[v];
    }
    const redux_status status = redux_dataset_new(out, context, list, volumes);
    free(names);
    free(list);
    free(sources);
    return status;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static redux_status open_work(redux_dataset **out, redux_reduce_options *options,
                              redux_context *context, int argc, char **argv)
{
    options->scope = REDUX_SCOPE_DATASET;
    if (argc == 4 && strcmp(argv[2], "codes") == 0)
        return make_dataset(out, context, atoll(argv[3]) / SLICES);
    if (argc < 7 || strcmp(argv[2], "reduce") != 0)
        return REDUX_E_INVALID;
    options->size = atoi(argv[5]);
    const redux_status status = redux_strategy_parse(&options->strategy, argv[3]);
    if (status != REDUX_OK)
        return status;
    options->scope = strcmp(argv[4], "dataset") == 0 ? REDUX_SCOPE_DATASET : REDUX_SCOPE_VOLUME;
    return redux_dataset_open(out, context, (const char *const *)(argv + 6), argc - 6, NULL);
}

static void print(const redux_communicator *c, const redux_reduce_summary *summary,
                  const redux_traffic *traffic, double seconds, double megabytes)
{
    printf("{\"rank\": %d, \"ranks\": %d, \"slices\": %lld, \"kept\": %lld, \"pairs\": %lld, "
           "\"seconds\": %.3f, \"megabytes\": %.1f, \"sent\": %lld, \"exchanging\": %.3f}\n",
           (int)c->rank, (int)c->size, (long long)summary->slices, (long long)summary->kept,
           (long long)summary->pairs_compared, seconds, megabytes,
           (long long)(traffic->agreement_bytes + traffic->gathering_bytes +
                       traffic->broadcasting_bytes),
           traffic->agreement_seconds + traffic->gathering_seconds + traffic->broadcasting_seconds);
}

int main(int argc, char **argv)
{
    redux_communicator communicator = REDUX_COMMUNICATOR_INIT;
    redux_context_options context_options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_reduce_summary summary = {.struct_size = sizeof summary};
    redux_traffic traffic = {.struct_size = sizeof traffic};
    redux_context *context = NULL;
    redux_dataset *dataset = NULL;
    redux_reduction *reduction = NULL;
    struct rusage usage;
    if (argc < 4)
        return 2;
    redux_status status = redux_mpi_begin(&communicator);
    context_options.communicator = &communicator;
    context_options.threads = atoi(argv[1]);
    if (status == REDUX_OK)
        status = redux_context_new(&context, &context_options);
    if (status == REDUX_OK)
        status = open_work(&dataset, &options, context, argc, argv);
    getrusage(RUSAGE_SELF, &usage);
    const long before = usage.ru_maxrss;
    const double start = now();
    if (status == REDUX_OK)
        status = redux_reduce(&reduction, context, dataset, &options);
    const double seconds = now() - start;
    if (status == REDUX_OK)
        status = redux_reduction_get_summary(&summary, reduction);
    if (status == REDUX_OK)
        status = redux_context_get_traffic(&traffic, context);
    getrusage(RUSAGE_SELF, &usage);
    if (status == REDUX_OK)
        print(&communicator, &summary, &traffic, seconds,
              (double)(usage.ru_maxrss - before) / 1024);
    else
        fprintf(stderr, "work: %s\n", redux_error_message());
    redux_reduction_free(reduction);
    redux_dataset_free(dataset);
    redux_context_free(context);
    redux_mpi_end(&communicator, status != REDUX_OK);
    return status != REDUX_OK;
}
