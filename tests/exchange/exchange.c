/* SPDX-License-Identifier: MIT
 * Files between machines: every form that the library writes and reads again.
 *
 *   exchange write FOLDER   into an empty folder; equal/ must be the same bytes on every machine,
 * run/ is half of a pre-training exchange read FOLDER    reads what any machine wrote, compares it
 * with what this one would have written, and finishes the pre-training */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "support/recipe.h"

enum { SLICES = 24, SIDE = 20, CODES = 500, BYTES = 8, VECTORS = 40, WIDTH = 24, STOP = 3 };

static const char *folder;

#define must(call) must_be_ok((call), #call)

static void must_be_ok(redux_status status, const char *call)
{
    if (status == REDUX_OK)
        return;
    fprintf(stderr, "exchange: %s: %s: %s\n", call, redux_status_string(status),
            redux_error_message());
    exit(1);
}

static void must_hold(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "exchange: %s: %s differs from what this machine makes\n", folder, what);
    exit(1);
}

/* ---- what is written: numbers that no machine rounds ---- */

static uint32_t number(uint32_t i)
{
    return (i * 2654435761U ^ i >> 7) * 40503U >> 8;
}

static redux_tensor array(redux_dtype dtype)
{
    const int64_t shape[2] = {5, 3};
    redux_tensor values, out;
    must(redux_tensor_new(&values, NULL, REDUX_FLOAT64, 2, shape));
    for (int i = 0; i < 15; i++)
        ((double *)values.data)[i] = i * 8;
    must(redux_tensor_new(&out, NULL, dtype, 2, shape));
    must(redux_tensor_copy(&out, &values));
    redux_tensor_release(&values);
    return out;
}

static const redux_dtype dtypes[] = {REDUX_UINT8, REDUX_INT16,   REDUX_UINT16, REDUX_INT32,
                                     REDUX_INT64, REDUX_FLOAT32, REDUX_FLOAT64};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

static const char *array_name(redux_dtype dtype)
{
    static char name[64];
    snprintf(name, sizeof name, "equal/%s.npy", redux_dtype_name(dtype));
    return name;
}

/* A bright square wanders over a noisy ground, and stays where it is for two slices. */
static redux_tensor slices(void)
{
    const int64_t shape[3] = {SLICES, SIDE, SIDE};
    redux_tensor out;
    must(redux_tensor_new(&out, NULL, REDUX_INT16, 3, shape));
    int16_t *at = out.data;
    for (int i = 0; i < SLICES; i++)
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                const int inside = abs(x - i / 2 % SIDE) < 4 && abs(y - i / 4 - 6) < 4;
                *at++ =
                    (int16_t)(inside * 900 + (int)(number((uint32_t)(y * SIDE + x)) % 64) + 40 * x);
            }
    return out;
}

static redux_dataset *open_slices(void)
{
    const char *path = "equal/slices.npy";
    redux_dataset *out;
    must(redux_dataset_open(&out, NULL, &path, 1, NULL));
    return out;
}

static redux_hash_list *hashes(const redux_dataset *dataset)
{
    redux_hash_options options = REDUX_HASH_OPTIONS_INIT;
    redux_window window = {.kind = REDUX_WINDOW_SLICE};
    redux_hash_list *out;
    must(redux_hash_list_new(&out, NULL, &options));
    must(redux_hash_list_add_dataset(out, NULL, dataset, window, 1));
    return out;
}

static redux_tensor volume_hash(const redux_dataset *dataset)
{
    redux_volume_hash_options options = REDUX_VOLUME_HASH_OPTIONS_INIT;
    const int64_t bytes = redux_volume_hash_bytes(&options);
    redux_tensor out;
    must(redux_tensor_new(&out, NULL, REDUX_UINT8, 1, &bytes));
    must(redux_volume_hash_read(out.data, 1, NULL, NULL, dataset, 0, &options));
    return out;
}

static redux_index *codes(void)
{
    redux_index_options options = REDUX_INDEX_OPTIONS_INIT;
    const int64_t shape[2] = {CODES, BYTES};
    redux_tensor items;
    redux_index *out;
    must(redux_tensor_new(&items, NULL, REDUX_UINT8, 2, shape));
    for (uint32_t i = 0; i < CODES * BYTES; i++)
        ((uint8_t *)items.data)[i] = (uint8_t)number(i);
    options.kind = REDUX_INDEX_HAMMING;
    must(redux_index_new(&out, NULL, BYTES, &options));
    must(redux_index_add(out, NULL, &items, NULL));
    must(redux_index_optimise(out, NULL));
    redux_tensor_release(&items);
    return out;
}

static redux_index *vectors(void)
{
    redux_index_options options = REDUX_INDEX_OPTIONS_INIT;
    const int64_t shape[2] = {VECTORS, WIDTH};
    redux_tensor items;
    redux_index *out;
    must(redux_tensor_new(&items, NULL, REDUX_FLOAT32, 2, shape));
    for (uint32_t i = 0; i < VECTORS * WIDTH; i++)
        ((float *)items.data)[i] = (float)number(i) / (1 << 24) - 0.5F;
    options.kind = REDUX_INDEX_COSINE;
    must(redux_index_new(&out, NULL, WIDTH, &options));
    must(redux_index_add(out, NULL, &items, NULL));
    redux_tensor_release(&items);
    return out;
}

/* Its weights are numbers of the formula above, not those that it was made with. */
static redux_network *network(void)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_network *out;
    options.width = 0.125;
    must(redux_network_new(&out, NULL, &options));
    for (int64_t p = 0; p < redux_network_parameter_count(out); p++) {
        const redux_tensor *value = &redux_network_parameter(out, p)->value;
        for (int64_t i = 0; value->dtype == REDUX_FLOAT32 && i < redux_tensor_elements(value); i++)
            ((float *)value->data)[i] = (float)number((uint32_t)(p * 7919 + i)) / (1 << 24);
    }
    return out;
}

static int stop(const redux_pretrain_step *step, void *user)
{
    (void)user;
    return step->step == STOP;
}

static redux_status train(redux_pretrain_result *out, const redux_dataset *dataset,
                          redux_pretrain_fn report)
{
    recipe options = recipe_of("simclr", 16);
    options.network.width = 0.125;
    options.run.batch = 8;
    options.run.epochs = 2;
    options.run.warm_up = 1;
    options.run.resume = REDUX_RESUME_CONTINUE;
    options.run.report = report;
    return recipe_run(out, NULL, "run", dataset, NULL, &options);
}

static redux_reduction *reduction(const redux_dataset *dataset)
{
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_reduction *out;
    must(redux_reduce(&out, NULL, dataset, &options));
    return out;
}

/* ---- writing ---- */

static void write_arrays(void)
{
    for (int i = 0; i < DTYPES; i++) {
        redux_tensor t = array(dtypes[i]);
        must(redux_npy_write(array_name(dtypes[i]), NULL, &t));
        redux_tensor_release(&t);
    }
    redux_tensor volume = slices();
    must(redux_npy_write("equal/slices.npy", NULL, &volume));
    redux_tensor_release(&volume);
}

static void write_indexes(void)
{
    redux_index *of_codes = codes(), *of_vectors = vectors();
    must(redux_index_save("equal/codes.index", NULL, of_codes));
    must(redux_index_save("equal/vectors.index", NULL, of_vectors));
    redux_index_free(of_codes);
    redux_index_free(of_vectors);
}

static void write_all(void)
{
    redux_pretrain_result result = {.struct_size = sizeof result};
    mkdir("equal", 0777);
    write_arrays();
    write_indexes();
    redux_dataset *dataset = open_slices();
    redux_hash_list *list = hashes(dataset);
    must(redux_hash_list_save("equal/hashes.bin", NULL, list, REDUX_HASH_LIST_BINARY, 1));
    redux_hash_list_free(list);
    redux_tensor code = volume_hash(dataset);
    must(redux_npy_write("equal/volume-hash.npy", NULL, &code));
    redux_tensor_release(&code);
    redux_reduction *kept = reduction(dataset);
    must(redux_results_save("kept.csv", "kept.json", NULL, kept, 0));
    redux_reduction_free(kept);
    redux_network *n = network();
    must(redux_network_save("equal/weights.safetensors", NULL, n, NULL, NULL));
    redux_network_free(n);
    if (train(&result, dataset, stop) != REDUX_E_CANCELLED)
        must(REDUX_E_INVALID);
    redux_dataset_free(dataset);
}

/* ---- reading ---- */

static int same(const redux_tensor *a, const redux_tensor *b)
{
    const size_t bytes = (size_t)redux_tensor_elements(a) * redux_dtype_size(a->dtype);
    return a->dtype == b->dtype && redux_tensor_elements(a) == redux_tensor_elements(b) &&
           memcmp(a->data, b->data, bytes) == 0;
}

static void read_arrays(void)
{
    for (int i = 0; i < DTYPES; i++) {
        redux_tensor t, expected = array(dtypes[i]);
        must(redux_npy_read(&t, NULL, array_name(dtypes[i])));
        must_hold(same(&t, &expected), redux_dtype_name(dtypes[i]));
        redux_tensor_release(&t);
        redux_tensor_release(&expected);
    }
}

/* Searches both, mapped and not. */
static void read_index(const char *name, redux_index *expected, redux_dtype dtype)
{
    enum { QUERIES = 5, K = 3 };
    const int64_t width = redux_index_width(expected), shape[2] = {QUERIES, width};
    int64_t ids[2][QUERIES * K];
    double scores[2][QUERIES * K];
    redux_tensor queries;
    must(redux_tensor_new(&queries, NULL, dtype, 2, shape));
    for (uint32_t i = 0; i < QUERIES * width; i++)
        if (dtype == REDUX_UINT8)
            ((uint8_t *)queries.data)[i] = (uint8_t)number(i + 9);
        else
            ((float *)queries.data)[i] = (float)number(i + 9) / (1 << 24) - 0.5F;
    must(redux_index_nearest(ids[0], scores[0], NULL, expected, &queries, K));
    for (int writable = 0; writable < 2; writable++) {
        redux_index *index;
        must(redux_index_open(&index, NULL, name, writable));
        must(redux_index_nearest(ids[1], scores[1], NULL, index, &queries, K));
        must_hold(memcmp(ids[0], ids[1], sizeof ids[0]) == 0, name);
        must_hold(memcmp(scores[0], scores[1], sizeof scores[0]) == 0, name);
        must_hold((redux_index_add(index, NULL, &queries, NULL) == REDUX_OK) == writable, name);
        redux_index_free(index);
    }
    redux_index_free(expected);
    redux_tensor_release(&queries);
}

static void read_hashes(const redux_dataset *dataset)
{
    redux_hash_list *list, *expected = hashes(dataset);
    redux_tensor a, b, code = volume_hash(dataset);
    must(redux_hash_list_load(&list, NULL, "equal/hashes.bin"));
    must(redux_hash_list_get_codes(&a, list));
    must(redux_hash_list_get_codes(&b, expected));
    must_hold(same(&a, &b), "hashes.bin");
    redux_tensor_release(&a);
    redux_tensor_release(&b);
    must(redux_npy_read(&a, NULL, "equal/volume-hash.npy"));
    must_hold(same(&a, &code), "volume-hash.npy");
    redux_tensor_release(&a);
    redux_tensor_release(&code);
    redux_hash_list_free(list);
    redux_hash_list_free(expected);
}

static void read_manifest(const redux_dataset *dataset)
{
    redux_reduction *expected = reduction(dataset);
    redux_manifest *manifest;
    must(redux_manifest_load(&manifest, NULL, "kept.csv"));
    must_hold(redux_manifest_row_count(manifest) == redux_reduction_row_count(expected),
              "kept.csv");
    for (int64_t i = 0; i < redux_manifest_row_count(manifest); i++) {
        redux_manifest_row row;
        redux_row made;
        must(redux_manifest_get_row(&row, manifest, i));
        must(redux_reduction_get_row(&made, expected, i));
        must_hold(row.kept == made.kept, "kept.csv");
    }
    redux_manifest_free(manifest);
    redux_reduction_free(expected);
}

static void read_weights(void)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_network *loaded, *expected = network();
    redux_safetensors *file;
    options.width = 0.125;
    must(redux_network_new(&loaded, NULL, &options));
    must(redux_safetensors_load(&file, NULL, "equal/weights.safetensors"));
    must(redux_network_load(loaded, NULL, file));
    redux_safetensors_free(file);
    for (int64_t p = 0; p < redux_network_parameter_count(expected); p++)
        must_hold(same(&redux_network_parameter(loaded, p)->value,
                       &redux_network_parameter(expected, p)->value),
                  "weights.safetensors");
    redux_network_free(loaded);
    redux_network_free(expected);
}

static void read_all(void)
{
    redux_pretrain_result result = {.struct_size = sizeof result};
    redux_dataset *dataset = open_slices();
    read_arrays();
    read_index("equal/codes.index", codes(), REDUX_UINT8);
    read_index("equal/vectors.index", vectors(), REDUX_FLOAT32);
    read_hashes(dataset);
    read_manifest(dataset);
    read_weights();
    must(train(&result, dataset, NULL));
    must_hold(!result.was_complete && isfinite(result.last_loss), "run");
    printf("%s: read, and its run finished: loss %.5f\n", folder, result.last_loss);
    redux_dataset_free(dataset);
}

int main(int count, char **arguments)
{
    if (count != 3 || (strcmp(arguments[1], "write") != 0 && strcmp(arguments[1], "read") != 0)) {
        fputs("usage: exchange write|read FOLDER\n", stderr);
        return 2;
    }
    folder = arguments[2];
    if (chdir(folder) != 0) { /* the names in lists and manifests are the same everywhere */
        perror(folder);
        return 1;
    }
    if (arguments[1][0] == 'w')
        write_all();
    else
        read_all();
    return 0;
}
