/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include <ftw.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAMES = 16, PATH_SIZE = 300 };

bool fuzz_verbose;

static char folder[200];
static int64_t blocks, bytes, most_bytes;

void fuzz_require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz target: %s (last message: %s)\n", what, redux_error_message());
    abort();
}

bool fuzz_ok(redux_status status)
{
    fuzz_require(status >= REDUX_OK && status <= REDUX_E_NOT_FINITE, "an unknown status");
    fuzz_require(status == REDUX_OK || redux_error_message()[0] != '\0', "no message");
    fuzz_require(status != REDUX_E_NO_MEMORY, "an allocation failed below the limit");
    if (fuzz_verbose)
        fprintf(stderr, "  %s\n", status == REDUX_OK ? "ok" : redux_error_message());
    return status == REDUX_OK;
}

static void *count_allocate(size_t size, size_t alignment, void *user)
{
    void *block = NULL;
    (void)user;
    if (posix_memalign(&block, alignment, size) != 0)
        return NULL;
    blocks++;
    bytes += (int64_t)malloc_usable_size(block);
    most_bytes = bytes > most_bytes ? bytes : most_bytes;
    return block;
}

static void count_deallocate(void *block, void *user)
{
    (void)user;
    blocks--;
    bytes -= (int64_t)malloc_usable_size(block);
    free(block);
}

redux_context *fuzz_begin(void)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    options.allocate = count_allocate;
    options.deallocate = count_deallocate;
    options.max_bytes = FUZZ_MAX_BYTES;
    blocks = bytes = most_bytes = 0;
    fuzz_require(redux_context_new(&context, &options) == REDUX_OK, "no context");
    return context;
}

void fuzz_end(redux_context *context)
{
    redux_context_free(context);
    fuzz_require(blocks == 0, "a block leaked");
    fuzz_require(most_bytes <= FUZZ_MEMORY, "too much memory");
}

/* ---- files ---- */

static int remove_entry(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
    (void)status;
    (void)flag;
    (void)walk;
    return remove(path);
}

static void remove_folder(void)
{
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_path(const char *name)
{
    static char paths[NAMES][PATH_SIZE];
    if (folder[0] == '\0') {
        const char *tmp = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%s/redux-fuzz-XXXXXX", tmp == NULL ? "/tmp" : tmp);
        fuzz_require(mkdtemp(folder) != NULL, "no temporary folder");
        atexit(remove_folder);
    }
    for (int i = 0; i < NAMES; i++) {
        if (paths[i][0] == '\0')
            snprintf(paths[i], PATH_SIZE, "%s/%s", folder, name);
        if (strcmp(paths[i] + strlen(folder) + 1, name) == 0)
            return paths[i];
    }
    fuzz_require(false, "more names than NAMES");
    return NULL;
}

void fuzz_remove(const char *name)
{
    unlink(fuzz_path(name));
}

const char *fuzz_put(const char *name, const void *contents, size_t size)
{
    const char *path = fuzz_path(name);
    unlink(path);
    FILE *file = fopen(path, "wb");
    fuzz_require(file != NULL, "the input cannot be written");
    const size_t written = size == 0 ? 0 : fwrite(contents, 1, size, file);
    fuzz_require(fclose(file) == 0 && written == size, "the input cannot be written");
    return path;
}

void fuzz_put_stacks(void)
{
    static const char *const names[] = {"stack.npy", "two.npy", "three.npy"};
    static const int64_t shape[] = {5, 4, 6};
    static bool done;
    for (int n = 0; n < 3 && !done; n++) {
        redux_tensor stack;
        fuzz_require(redux_tensor_new(&stack, NULL, REDUX_UINT8, 3, shape) == REDUX_OK, "no stack");
        for (int64_t i = 0; i < redux_tensor_elements(&stack); i++)
            ((uint8_t *)stack.data)[i] = (uint8_t)(i * i * 7 + i / 24 * 31 + n);
        fuzz_require(redux_npy_write(fuzz_path(names[n]), NULL, &stack) == REDUX_OK, "no stack");
        redux_tensor_release(&stack);
    }
    done = true;
}

uint8_t *fuzz_copy(const void *from, size_t size)
{
    uint8_t *block = malloc(size == 0 ? 1 : size);
    if (block == NULL)
        abort();
    if (size > 0)
        memcpy(block, from, size);
    return block;
}

/* ---- reading ---- */

void fuzz_touch(redux_context *context, const redux_tensor *tensor)
{
    static volatile unsigned sink;
    redux_tensor dense;
    unsigned sum = 0;
    if (!fuzz_ok(redux_tensor_contiguous(&dense, context, tensor, tensor->dtype)))
        return;
    const size_t size = (size_t)redux_tensor_elements(&dense) * redux_dtype_size(dense.dtype);
    for (size_t i = 0; i < size; i++)
        sum += ((const unsigned char *)dense.data)[i];
    sink = sum; /* so that the reading is not optimised away */
    (void)sink;
    redux_tensor_release(&dense);
}

static void read_volume(redux_context *context, const redux_dataset *dataset, int64_t number)
{
    enum { SLICES = 8 }; /* of one volume */
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_volume *volume;
    redux_tensor slice;
    fuzz_require(fuzz_ok(redux_dataset_get_volume_info(&info, dataset, number)), "no info");
    fuzz_require(info.slices >= 0 && info.height >= 0 && info.width >= 0, "a negative size");
    if (!fuzz_ok(redux_volume_open(&volume, context, dataset, number)))
        return;
    for (int64_t i = 0; i < info.slices; i = i + 1 < SLICES ? i + 1 : info.slices) {
        if (fuzz_ok(redux_volume_slice(&slice, context, volume, i))) {
            fuzz_touch(context, &slice);
            redux_tensor_release(&slice);
        }
        if (fuzz_ok(redux_volume_slice_colour(&slice, context, volume, i)))
            redux_tensor_release(&slice);
    }
    if (info.slices > 0 &&
        fuzz_ok(redux_volume_slice_oriented(&slice, context, volume, info.slices - 1,
                                            REDUX_ORIENTATION_STORED))) {
        fuzz_touch(context, &slice);
        redux_tensor_release(&slice);
    }
    redux_volume_free(volume);
}

void fuzz_read_volumes(redux_context *context, const char *path)
{
    redux_dataset_options options = REDUX_DATASET_OPTIONS_INIT;
    for (int pass = 0; pass < 2; pass++) {
        redux_dataset *dataset;
        options.orientation = pass == 0 ? REDUX_ORIENTATION_AXIAL : REDUX_ORIENTATION_STORED;
        options.frame = pass - 1; /* -1: a file with more than one frame is refused */
        if (!fuzz_ok(redux_dataset_open(&dataset, context, &path, 1, &options)))
            continue;
        for (int64_t v = 0; v < redux_dataset_volume_count(dataset) && v < 4; v++)
            read_volume(context, dataset, v);
        redux_dataset_free(dataset);
    }
}

void fuzz_read_picture(redux_context *context, const uint8_t *data, size_t size)
{
    static redux_status (*const readers[])(redux_tensor *, redux_context *, const char *) = {
        redux_picture_read, redux_picture_read_colour, redux_picture_read_alpha};
    const char *path = fuzz_put("picture.png", data, size);
    for (int i = 0; i < 3; i++) {
        redux_tensor picture;
        if (fuzz_ok(readers[i](&picture, context, path))) {
            fuzz_touch(context, &picture);
            redux_tensor_release(&picture);
        }
    }
    fuzz_read_volumes(context, path);
}
