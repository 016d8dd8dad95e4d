/* SPDX-License-Identifier: MIT
 * Labels of MedMNIST-like archives: train_images, train_labels, val_..., test_... */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <redux/array.h>
#include "io/io.h"
#include "labels.h"

#define NUMBER_TEXT 24

static const char *const parts[] = {"train", "val", "test"}; /* in the order of redux_split */

static redux_status has_key(const char *key, const rdx_npz_member *member, void *user)
{
    static const char *const endings[] = {"_images", "_labels"};
    bool(*has)[2] = user;
    (void)member;
    for (int64_t p = 0; p < RDX_COUNT(parts); p++)
        for (int64_t e = 0; e < RDX_COUNT(endings); e++) {
            const size_t length = strlen(parts[p]);
            if (strncmp(key, parts[p], length) == 0 && strcmp(key + length, endings[e]) == 0)
                has[p][e] = true;
        }
    return REDUX_OK;
}

static redux_status check_keys(bool (*has)[2], const char *path)
{
    for (int64_t p = 0; p < RDX_COUNT(parts); p++)
        if (has[p][0] != has[p][1] || (p == 0 && !has[p][0]))
            return rdx_fail(REDUX_E_NOT_FOUND, "%s: has no %s_%s", path, parts[p],
                            has[p][0] ? "labels" : "images");
    return REDUX_OK;
}

static redux_status open_images(redux_labels *labels, redux_context *context, bool (*has)[2],
                                const char *path)
{
    const size_t room = strlen(path) + 16;
    const char *list[3];
    int64_t count = 0;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, 3, room));
    char *names = block;
    for (int64_t p = 0; p < RDX_COUNT(parts); p++)
        if (has[p][0]) {
            char *name = names + (size_t)count * room;
            snprintf(name, room, "%s:%s_images", path, parts[p]);
            list[count++] = name;
        }
    const redux_status status = redux_dataset_open(&labels->dataset, context, list, count, NULL);
    rdx_free(block);
    return status;
}

static redux_status check_labels(const redux_tensor *array, int64_t images, const char *path,
                                 const char *key)
{
    if (array->ndim == 2 && array->shape[1] > 1)
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: %s has %lld columns: one label an image", path,
                        key, (long long)array->shape[1]);
    if (array->ndim < 1 || array->ndim > 2 || array->shape[0] != images ||
        (array->ndim == 2 && array->shape[1] != 1))
        return rdx_fail(REDUX_E_FORMAT, "%s: %s do not match its %lld images", path, key,
                        (long long)images);
    return REDUX_OK;
}

/* The images of one part: slices of one volume or, of an array of volumes, so many volumes with a
 * label each. */
typedef struct part_images {
    int64_t count;  /* labels */
    int64_t slices; /* of each; 1 where they are images */
} part_images;

/* The labels of one part as numbers; rows are appended. All slices of a volume have its label, and
 * are one group. */
static redux_status read_part(redux_labels *labels, redux_context *context, int64_t *numbers,
                              int64_t part, const part_images *images, const char *path)
{
    char key[32];
    redux_tensor array;
    snprintf(key, sizeof key, "%s_labels", parts[part]);
    RDX_TRY(redux_npz_read(&array, context, path, key));
    redux_status status = check_labels(&array, images->count, path, key);
    for (int64_t i = 0; i < images->count && status == REDUX_OK; i++) {
        const double label = rdx_load(array.data, i * array.strides[0], array.dtype);
        if (!(label > -1e15 && label < 1e15) || label != (double)(int64_t)label) {
            status = rdx_fail(REDUX_E_FORMAT, "%s: %s: entry %lld is %g, no whole number", path,
                              key, (long long)i, label);
            break;
        }
        for (int64_t k = 0; k < images->slices; k++) {
            const int64_t row = labels->count++;
            numbers[row] = (int64_t)label;
            labels->rows[row] = (redux_label_row){row, labels->group_count, 0, (redux_split)part};
        }
        labels->group_count++;
    }
    redux_tensor_release(&array);
    return status;
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* sorted: room for as many numbers. */
static redux_status number_classes(redux_labels *labels, redux_context *context,
                                   const int64_t *numbers, int64_t *sorted, const char *path)
{
    void *block;
    int64_t count = 0;
    memcpy(sorted, numbers, (size_t)labels->count * sizeof *sorted);
    qsort(sorted, (size_t)labels->count, sizeof *sorted, compare);
    for (int64_t i = 0; i < labels->count; i++)
        if (i == 0 || sorted[i] != sorted[count - 1])
            sorted[count++] = sorted[i];
    if (count < 2 || count > 65536)
        return rdx_fail(REDUX_E_FORMAT, "%s: has %lld classes", path, (long long)count);
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)count, NUMBER_TEXT));
    labels->numbers = block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)count, sizeof(char *)));
    labels->classes = block;
    labels->class_count = count;
    for (int64_t i = 0; i < count; i++) {
        char *text = labels->numbers + i * NUMBER_TEXT;
        snprintf(text, NUMBER_TEXT, "%lld", (long long)sorted[i]);
        labels->classes[i] = text;
    }
    for (int64_t i = 0; i < labels->count; i++) {
        const int64_t *found = bsearch(&numbers[i], sorted, (size_t)count, sizeof *sorted, compare);
        labels->rows[i].label = found == NULL ? 0 : (int32_t)(found - sorted);
    }
    return REDUX_OK;
}

/* What the part's array became, from the dataset's volume `first` on; *next: the volume after it.
 */
static redux_status find_images(part_images *out, int64_t *next, const redux_dataset *dataset,
                                const char *path, int64_t part, int64_t first)
{
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    char prefix[4200];
    const int length = snprintf(prefix, sizeof prefix, "%s:%s_images[", path, parts[part]);
    RDX_TRY(redux_dataset_get_volume_info(&info, dataset, first));
    *out = (part_images){.count = info.slices, .slices = 1};
    *next = first + 1;
    if (length >= (int)sizeof prefix || strncmp(info.source, prefix, (size_t)length) != 0)
        return REDUX_OK;
    *out = (part_images){.count = 1, .slices = info.slices};
    for (; *next < redux_dataset_volume_count(dataset); ++*next, out->count++) {
        RDX_TRY(redux_dataset_get_volume_info(&info, dataset, *next));
        if (strncmp(info.source, prefix, (size_t)length) != 0)
            break;
    }
    return REDUX_OK;
}

static redux_status read_parts(redux_labels *labels, redux_context *context, bool (*has)[2],
                               int64_t *numbers, const char *path)
{
    int64_t volume = 0;
    for (int64_t p = 0; p < RDX_COUNT(parts); p++) {
        part_images images;
        if (!has[p][0])
            continue;
        RDX_TRY(find_images(&images, &volume, labels->dataset, path, p, volume));
        RDX_TRY(read_part(labels, context, numbers, p, &images, path));
    }
    return number_classes(labels, context, numbers, numbers + labels->count, path);
}

redux_status rdx_labels_from_npz(redux_labels *labels, redux_context *context, const char *path)
{
    bool has[3][2] = {{false, false}, {false, false}, {false, false}};
    void *block;
    RDX_TRY(rdx_npz_visit(context, path, has_key, has));
    RDX_TRY(check_keys(has, path));
    RDX_TRY(open_images(labels, context, has, path));
    const int64_t total = redux_dataset_slice_count(labels->dataset);
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)total, sizeof(redux_label_row)));
    labels->rows = block;
    RDX_TRY(rdx_alloc(context, &block, 2 * (uint64_t)total, sizeof(int64_t)));
    const redux_status status = read_parts(labels, context, has, block, path);
    rdx_free(block);
    labels->has_splits = true;
    return status;
}
