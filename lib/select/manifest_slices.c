/* SPDX-License-Identifier: MIT
 * The slices that a manifest keeps: opens its sources again, or finds them in a dataset. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "io/io.h"
#include "manifest_read.h"

typedef struct kept_name {
    const char *path; /* the dataset's name for it */
    int64_t slice;
} kept_name;

static int compare_names(const void *a, const void *b)
{
    const kept_name *x = a, *y = b;
    const int order = strcmp(x->path, y->path);
    return order != 0 ? order : (x->slice > y->slice) - (x->slice < y->slice);
}

/* FILE.npz:KEY is there if FILE.npz is. */
static bool is_there(const char *path)
{
    const char *key = strstr(path, ".npz:");
    char file[4200];
    if (access(path, F_OK) == 0)
        return true;
    if (key == NULL || (size_t)(key - path) + 5 > sizeof file)
        return false;
    snprintf(file, sizeof file, "%.*s", (int)(key - path) + 4, path);
    return access(file, F_OK) == 0;
}

/* Below `folder`, under ever fewer of the last parts of the source's name. */
static redux_status locate_within(char **out, redux_context *context,
                                  const redux_manifest *manifest, const char *folder,
                                  const char *source)
{
    for (const char *rest = source; rest != NULL; rest = strchr(rest, '/')) {
        rest += *rest == '/';
        if (*rest == '\0' || strstr(rest, "../") != NULL)
            continue;
        RDX_TRY(rdx_join(out, context, folder, rest));
        if (is_there(*out))
            return REDUX_OK;
        rdx_free(*out);
        *out = NULL;
    }
    return rdx_fail(REDUX_E_NOT_FOUND, "%s: its source %s is not below %s", manifest->table.path,
                    source, folder);
}

/* The source as named, or beside the manifest. */
static redux_status locate(char **out, redux_context *context, const redux_manifest *manifest,
                           const char *source)
{
    const char *slash = strrchr(manifest->table.path, '/');
    char *folder;
    if (is_there(source) || source[0] == '/' || slash == NULL)
        return rdx_strdup(context, out, source);
    RDX_TRY(rdx_strndup(context, &folder, manifest->table.path,
                        (size_t)(slash - manifest->table.path)));
    redux_status status = rdx_join(out, context, folder, source);
    rdx_free(folder);
    if (status == REDUX_OK && !is_there(*out)) { /* the message uses the manifest's name */
        rdx_free(*out);
        status = rdx_strdup(context, out, source);
    }
    return status;
}

/* *found: how many slices of the dataset are among the names, which are sorted. */
static redux_status mark_named(int64_t *found, redux_tensor *mask, const redux_dataset *dataset,
                               const kept_name *names, int64_t count)
{
    uint8_t *marks = mask->data;
    *found = 0;
    for (int64_t row = 0; row < redux_dataset_slice_count(dataset); row++) {
        kept_name name = {NULL, 0};
        RDX_TRY(rdx_dataset_row_name(&name.path, &name.slice, dataset, row));
        marks[row] = bsearch(&name, names, (size_t)count, sizeof name, compare_names) != NULL;
        *found += marks[row];
    }
    return REDUX_OK;
}

static redux_status mark_kept(redux_tensor *mask, const redux_dataset *dataset,
                              const kept_name *names, int64_t count, const char *manifest)
{
    int64_t found;
    RDX_TRY(mark_named(&found, mask, dataset, names, count));
    if (found != count)
        return rdx_fail(REDUX_E_FORMAT, "%s: %lld of %lld kept slices are not in its sources",
                        manifest, (long long)(count - found), (long long)count);
    return REDUX_OK;
}

/* paths[number]: of sources with a kept slice; NULL for others. */
static redux_status open_sources(redux_dataset **dataset, redux_tensor *kept,
                                 redux_context *context, const redux_manifest *manifest,
                                 const redux_dataset_options *options, char **paths,
                                 kept_name *names)
{
    redux_dataset_options known = REDUX_DATASET_OPTIONS_INIT;
    int64_t count = 0, opened = 0;
    void *block;
    RDX_TRY(rdx_read_options(&known, sizeof known, options, "redux_dataset_options"));
    const char *within = known.within;
    for (int64_t i = 0; i < manifest->count; i++) {
        const rdx_manifest_entry *entry = &manifest->rows[i];
        char **path = &paths[entry->source_number];
        if (!entry->row.kept)
            continue;
        if (*path == NULL && within != NULL)
            RDX_TRY(locate_within(path, context, manifest, within, entry->row.source));
        if (*path == NULL)
            RDX_TRY(locate(path, context, manifest, entry->row.source));
        names[count++] = (kept_name){*path, entry->row.slice};
    }
    if (count == 0)
        return rdx_fail(REDUX_E_NOT_FOUND, "%s keeps no slice", manifest->table.path);
    qsort(names, (size_t)count, sizeof *names, compare_names);
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)manifest->source_count, sizeof(char *)));
    const char **list = block;
    for (int64_t i = 0; i < manifest->source_count; i++)
        if (paths[i] != NULL)
            list[opened++] = paths[i];
    redux_status status = redux_dataset_open(dataset, context, list, opened, options);
    rdx_free(block);
    if (status != REDUX_OK)
        return status;
    const int64_t shape[1] = {redux_dataset_slice_count(*dataset)};
    status = redux_tensor_new(kept, context, REDUX_UINT8, 1, shape);
    if (status == REDUX_OK) {
        status = mark_kept(kept, *dataset, names, count, manifest->table.path);
        if (status != REDUX_OK)
            redux_tensor_release(kept);
    }
    if (status != REDUX_OK)
        redux_dataset_free(*dataset);
    return status;
}

redux_status redux_dataset_open_manifest(redux_dataset **dataset, redux_tensor *kept,
                                         redux_context *context, const redux_manifest *manifest,
                                         const redux_dataset_options *options)
{
    redux_status status;
    void *paths, *names;
    if (dataset == NULL || kept == NULL || manifest == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_dataset_open_manifest: an argument is NULL");
    RDX_TRY(rdx_alloc_zero(context, &paths, (uint64_t)manifest->source_count, sizeof(char *)));
    status = rdx_alloc(context, &names, (uint64_t)manifest->count, sizeof(kept_name));
    if (status == REDUX_OK) {
        redux_dataset *opened = NULL;
        redux_tensor mask = REDUX_TENSOR_INIT;
        status = open_sources(&opened, &mask, context, manifest, options, paths, names);
        if (status == REDUX_OK) {
            *dataset = opened;
            *kept = mask;
        }
        rdx_free(names);
    }
    for (int64_t i = 0; i < manifest->source_count; i++)
        rdx_free(((char **)paths)[i]);
    rdx_free(paths);
    return status;
}

static redux_status mark_own(redux_tensor *mask, const redux_dataset *dataset,
                             const redux_manifest *manifest, kept_name *names)
{
    int64_t count = 0, found;
    for (int64_t i = 0; i < manifest->count; i++)
        if (manifest->rows[i].row.kept)
            names[count++] = (kept_name){manifest->rows[i].row.source, manifest->rows[i].row.slice};
    qsort(names, (size_t)count, sizeof *names, compare_names);
    RDX_TRY(mark_named(&found, mask, dataset, names, count));
    if (found == 0)
        return rdx_fail(REDUX_E_NOT_FOUND,
                        "%s keeps no slice of the input: name the input as its sources are named",
                        manifest->table.path);
    return REDUX_OK;
}

redux_status redux_manifest_get_kept(redux_tensor *kept, redux_context *context,
                                     const redux_manifest *manifest, const redux_dataset *dataset)
{
    void *names;
    redux_tensor mask = REDUX_TENSOR_INIT;
    if (kept == NULL || manifest == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_manifest_get_kept: an argument is NULL");
    const int64_t shape[1] = {redux_dataset_slice_count(dataset)};
    RDX_TRY(rdx_alloc(context, &names, (uint64_t)manifest->count, sizeof(kept_name)));
    redux_status status = redux_tensor_new(&mask, context, REDUX_UINT8, 1, shape);
    if (status == REDUX_OK)
        status = mark_own(&mask, dataset, manifest, names);
    if (status == REDUX_OK)
        *kept = mask;
    else
        redux_tensor_release(&mask);
    rdx_free(names);
    return status;
}
