/* SPDX-License-Identifier: MIT
 * Part files: one, or two if the input has a line end. The input is their headers, but for the
 * brace and the version at their beginnings; the arrays are zeros. Mark, tail and checksum are made
 * right, so that the header is looked at. */
#include <string.h>
#include <zlib.h>
#include "fuzz.h"

#define VERSION "{\"version\":\"" REDUX_VERSION_STRING "\","
enum { DATA = 4096, HEADER = 65536, TAIL = 28, PARTS = 2 };

static redux_dataset *new_dataset(redux_context *context)
{
    static uint8_t voxels[5 * 4 * 6];
    const int64_t shape[3] = {5, 4, 6};
    redux_volume_source source = REDUX_VOLUME_SOURCE_INIT;
    const redux_volume_source *list[1] = {&source};
    redux_dataset *dataset = NULL;
    redux_tensor tensor;
    fuzz_ok(redux_tensor_borrow(&tensor, voxels, REDUX_UINT8, 3, shape, NULL));
    source.source = "v";
    source.voxels = &tensor;
    fuzz_ok(redux_dataset_new(&dataset, context, list, 1));
    return dataset;
}

static void put_number(uint8_t *out, uint64_t value, int size)
{
    for (int i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> 8 * i & 255);
}

static void put_part(const char **path, const char *name, const uint8_t *data, size_t size)
{
    static uint8_t file[DATA + HEADER + TAIL];
    const size_t version = sizeof VERSION - 1, most = HEADER - version;
    const size_t header = version + (size < most ? size : most), end = DATA + header;
    memset(file, 0, DATA);
    memcpy(file, REDUX_MARK_PART, sizeof REDUX_MARK_PART - 1);
    memcpy(file + DATA, VERSION, version);
    memcpy(file + DATA + version, data, header - version);
    put_number(file + end, DATA, 8);
    put_number(file + end + 8, header, 8);
    put_number(file + end + 16, crc32(0, file, (uInt)end), 4);
    memcpy(file + end + 20, "rdxpart\n", 8);
    *path = fuzz_put(name, file, end + TAIL);
}

/* The parts that the input has. */
static int64_t put_parts(const char *paths[PARTS], const uint8_t *data, size_t size)
{
    const uint8_t *line = size == 0 ? NULL : memchr(data, '\n', size);
    const size_t first = line == NULL ? size : (size_t)(line - data);
    put_part(&paths[0], "p.part", data, first);
    if (line == NULL)
        return 1;
    put_part(&paths[1], "q.part", line + 1, size - first - 1);
    return 2;
}

static void join(redux_context *context, const redux_parts *parts, const redux_dataset *dataset)
{
    static const char *const names[] = {"codes", "embeddings", "numbers"};
    redux_reduction *reduction = NULL;
    for (int i = 0; i < 3; i++) {
        redux_tensor tensor;
        if (fuzz_ok(redux_parts_join(&tensor, context, parts, dataset, names[i]))) {
            fuzz_touch(context, &tensor);
            redux_tensor_release(&tensor);
        }
    }
    for (int scope = 0; scope < 2; scope++) {
        redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
        options.scope = (redux_scope)scope;
        options.strategy = scope == 0 ? REDUX_STRATEGY_SSIM : REDUX_STRATEGY_HASH;
        if (fuzz_ok(redux_parts_reduce(&reduction, context, parts, dataset, &options)))
            redux_reduction_free(reduction);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redux_context *context = fuzz_begin();
    redux_dataset *dataset = new_dataset(context);
    redux_parts *parts = NULL;
    const char *paths[PARTS];
    const int64_t count = put_parts(paths, data, size);
    if (fuzz_ok(redux_parts_open(&parts, context, paths, count))) {
        fuzz_require(redux_parts_missing_count(parts) == redux_parts_count(parts) - count,
                     "parts that are not as many");
        redux_parts_missing(parts, 0);
        redux_parts_note(parts);
        join(context, parts, dataset);
        redux_parts_free(parts);
    }
    redux_dataset_free(dataset);
    fuzz_end(context);
    return 0;
}
