/* SPDX-License-Identifier: MIT
 * Shared by tests/test_io_*.c: a scratch folder, and golden archives that hold files as bytes
 * ("file/NAME") beside what must be read from them. */
#ifndef REDUX_TEST_IO_H
#define REDUX_TEST_IO_H

#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "test.h"

static char scratch[256]; /* a folder of this process's own */
static const char *golden_archive;

static inline const char *text(const char *format, ...) REDUX_PRINTF(1, 2);

/* A formatted string, valid for many thousand more of them. */
static inline const char *text(const char *format, ...)
{
    static char arena[4 << 20];
    static size_t used;
    va_list arguments;
    if (sizeof arena - used < 4096)
        used = 0;
    char *out = arena + used;
    va_start(arguments, format);
    used += (size_t)vsnprintf(out, 4096, format, arguments) + 1;
    va_end(arguments);
    return out;
}

/* The path of a file in the scratch folder. */
static inline const char *in_scratch(const char *name)
{
    return text("%s/%s", scratch, name);
}

static inline int remove_entry(const char *path, const struct stat *status, int flag,
                               struct FTW *walk)
{
    (void)status;
    (void)flag;
    (void)walk;
    return remove(path);
}

static inline void scratch_make(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(scratch, sizeof scratch, "%s/redux-test-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    if (mkdtemp(scratch) == NULL) { /* called outside of tests */
        perror(scratch);
        exit(EXIT_FAILURE);
    }
}

static inline void scratch_remove(void)
{
    nftw(scratch, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void write_bytes(const char *path, const void *bytes, size_t size)
{
    unlink(path); /* truncating a file costs a flush on some file systems */
    FILE *file = fopen(path, "wb");
    ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

static inline unsigned char *read_bytes(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*size + 1);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(fread(bytes, 1, *size, file), *size);
    bytes[*size] = '\0'; /* searched as text it ends */
    fclose(file);
    return bytes;
}

static inline void golden(redux_tensor *out, const char *key)
{
    ck_assert_redux_ok(redux_npz_read(out, NULL, golden_archive, key));
}

/* The bytes of a golden file. */
static inline void golden_bytes(redux_tensor *out, const char *name)
{
    golden(out, text("file/%s", name));
}

/* Writes a golden file into the scratch folder under another name; returns its path. */
static inline const char *unpack_as(const char *name, const char *as)
{
    redux_tensor bytes;
    const char *path = in_scratch(as);
    golden_bytes(&bytes, name);
    write_bytes(path, bytes.data, (size_t)bytes.shape[0]);
    redux_tensor_release(&bytes);
    return path;
}

static inline const char *unpack(const char *name)
{
    return unpack_as(name, name);
}

/* Equal shape, dtype and bits. */
static inline void assert_same(const redux_tensor *have, const redux_tensor *want, const char *name)
{
    redux_tensor a, b;
    ck_assert_msg(have->dtype == want->dtype, "%s: %s, expected %s", name,
                  redux_dtype_name(have->dtype), redux_dtype_name(want->dtype));
    ck_assert_msg(have->ndim == want->ndim, "%s: %d axes, expected %d", name, (int)have->ndim,
                  (int)want->ndim);
    for (int32_t i = 0; i < have->ndim; i++)
        ck_assert_msg(have->shape[i] == want->shape[i], "%s: axis %d: %lld, expected %lld", name,
                      (int)i, (long long)have->shape[i], (long long)want->shape[i]);
    ck_assert_redux_ok(redux_tensor_contiguous(&a, NULL, have, have->dtype));
    ck_assert_redux_ok(redux_tensor_contiguous(&b, NULL, want, want->dtype));
    const size_t size = redux_dtype_size(a.dtype);
    for (int64_t i = 0; i < redux_tensor_elements(&a); i++)
        ck_assert_msg(
            memcmp((char *)a.data + (size_t)i * size, (char *)b.data + (size_t)i * size, size) == 0,
            "%s: element %lld differs", name, (long long)i);
    redux_tensor_release(&a);
    redux_tensor_release(&b);
}

static inline redux_status open_path(redux_dataset **out, const char *path,
                                     const redux_dataset_options *options)
{
    return redux_dataset_open(out, NULL, &path, 1, options);
}

/* Opens the one volume under `path` and gathers its slices into [slices, H, W]. */
static inline redux_status read_volume(redux_tensor *out, redux_volume_info *info, const char *path,
                                       const redux_dataset_options *options)
{
    redux_dataset *dataset;
    redux_volume *volume = NULL;
    redux_status status = open_path(&dataset, path, options);
    if (status != REDUX_OK)
        return status;
    ck_assert_int_eq(redux_dataset_volume_count(dataset), 1);
    redux_dataset_get_volume_info(info, dataset, 0);
    status = redux_volume_open(&volume, NULL, dataset, 0);
    if (status == REDUX_OK) {
        const int64_t shape[3] = {info->slices, info->height, info->width};
        bool made = false;
        for (int64_t i = 0; i < info->slices && status == REDUX_OK; i++) {
            redux_tensor slice, plane;
            status = redux_volume_slice(&slice, NULL, volume, i);
            if (status != REDUX_OK)
                break;
            if (!made)
                ck_assert_redux_ok(redux_tensor_new(out, NULL, slice.dtype, 3, shape));
            made = true;
            ck_assert_redux_ok(redux_tensor_select(&plane, out, 0, i));
            ck_assert_redux_ok(redux_tensor_copy(&plane, &slice));
            redux_tensor_release(&plane);
            redux_tensor_release(&slice);
        }
        if (status != REDUX_OK && made)
            redux_tensor_release(out);
    }
    redux_volume_free(volume);
    redux_dataset_free(dataset);
    return status;
}

#endif
