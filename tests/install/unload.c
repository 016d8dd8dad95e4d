/* SPDX-License-Identifier: MIT
 * A plug-in's host: tests/install/unload LIBRARY. Loads libredux, works with threads, unloads it,
 * again and again. No thread and no mapping of it may stay. */
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <redux.h>

enum { ROUNDS = 20, IMAGES = 16, SIDE = 48 };

/* The functions used, by their names. */
static struct {
    redux_status (*context_new)(redux_context **, const redux_context_options *);
    void (*context_free)(redux_context *);
    redux_status (*tensor_new)(redux_tensor *, redux_context *, redux_dtype, int32_t,
                               const int64_t *);
    void (*tensor_release)(redux_tensor *);
    redux_status (*hash_compute)(const redux_tensor *, redux_context *, const redux_tensor *,
                                 const redux_hash_options *);
    redux_status (*metric_new_cosine)(redux_metric **, redux_context *);
    redux_status (*metric_pair)(double *, redux_context *, const redux_metric *,
                                const redux_tensor *, const redux_tensor *);
    redux_status (*metric_one_to_many)(double *, redux_context *, const redux_metric *,
                                       const redux_tensor *, const redux_tensor *);
    void (*metric_free)(redux_metric *);
    const char *(*error_message)(void);
} call;

static int find(void *library)
{
    const struct {
        const char *name;
        void *at;
    } names[] = {{"redux_context_new", &call.context_new},
                 {"redux_context_free", &call.context_free},
                 {"redux_tensor_new", &call.tensor_new},
                 {"redux_tensor_release", &call.tensor_release},
                 {"redux_hash_compute", &call.hash_compute},
                 {"redux_metric_new_cosine", &call.metric_new_cosine},
                 {"redux_metric_pair", &call.metric_pair},
                 {"redux_metric_one_to_many", &call.metric_one_to_many},
                 {"redux_metric_free", &call.metric_free},
                 {"redux_error_message", &call.error_message}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        void *function = dlsym(library, names[i].name);
        if (function == NULL)
            return 1;
        memcpy(names[i].at, &function, sizeof function);
    }
    return 0;
}

/* Hashes (FFTW) and cosines (OpenBLAS) on three threads, and a message of this thread. */
static int work(void)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_hash_options hash = REDUX_HASH_OPTIONS_INIT;
    const int64_t shape[] = {IMAGES, SIDE, SIDE}, codes_shape[] = {IMAGES, 8},
                  vectors_shape[] = {IMAGES, SIDE};
    redux_context *context;
    redux_metric *metric;
    redux_tensor images, codes, vectors, one;
    double scores[IMAGES];
    options.threads = 3;
    hash.hash = REDUX_HASH_DCT;
    if (call.context_new(&context, &options) != REDUX_OK ||
        call.tensor_new(&images, context, REDUX_UINT8, 3, shape) != REDUX_OK ||
        call.tensor_new(&codes, context, REDUX_UINT8, 2, codes_shape) != REDUX_OK ||
        call.tensor_new(&vectors, context, REDUX_FLOAT32, 2, vectors_shape) != REDUX_OK ||
        call.metric_new_cosine(&metric, context) != REDUX_OK)
        return 1;
    for (int i = 0; i < IMAGES * SIDE * SIDE; i++)
        ((unsigned char *)images.data)[i] = (unsigned char)(i * 2654435761U >> 24);
    for (int i = 0; i < IMAGES * SIDE; i++)
        ((float *)vectors.data)[i] = (float)(i % 7) - 3;
    one = vectors;
    one.ndim = 1;
    one.shape[0] = SIDE;
    one.strides[0] = 1;
    const int done = call.hash_compute(&codes, context, &images, &hash) == REDUX_OK &&
                     call.metric_one_to_many(scores, context, metric, &one, &vectors) == REDUX_OK &&
                     scores[0] > 0.999 &&
                     call.metric_pair(scores, context, metric, NULL, &one) == REDUX_E_INVALID &&
                     call.error_message()[0] != '\0';
    call.metric_free(metric);
    call.tensor_release(&images);
    call.tensor_release(&codes);
    call.tensor_release(&vectors);
    call.context_free(context);
    return !done;
}

static int threads(void)
{
    DIR *folder = opendir("/proc/self/task");
    int count = 0;
    if (folder == NULL)
        return -1;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static int mapped(void)
{
    char line[4096];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
        found = found || strstr(line, "libredux.so") != NULL;
    if (maps != NULL)
        fclose(maps);
    return found;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    const int before = threads();
    for (int round = 0; round < ROUNDS; round++) {
        void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (library == NULL || find(library) != 0) {
            fprintf(stderr, "unload: %s\n", dlerror());
            return 1;
        }
        if (work() != 0) {
            fprintf(stderr, "unload: round %d: %s\n", round, call.error_message());
            return 1;
        }
        if (dlclose(library) != 0 || threads() != before || mapped()) {
            fprintf(stderr, "unload: round %d: %d threads, %d before%s\n", round, threads(), before,
                    mapped() ? ", and it is still mapped" : "");
            return 1;
        }
    }
    return 0;
}
