/* SPDX-License-Identifier: MIT
 * A manifest read back. The text of the file stays in memory, fields unquoted in place; rows point
 * into it. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "io/json.h"
#include "manifest_read.h"

static const char header[] = "source,slice,kept,witness_source,witness_slice,score";

#define FIELDS 6

/* ---- CSV ---- */

typedef struct reader {
    redux_manifest *manifest;
    redux_context *context;
    const char *path;
    char *at, *end; /* of what is still to be read */
    int64_t line;
} reader;

/* One field, ended by ',' or the line's end; *last: it was the line's. */
static redux_status read_field(reader *r, char **field, bool *last)
{
    char *out = r->at;
    const bool quoted = r->at < r->end && *r->at == '"';
    bool open = quoted;
    *field = out;
    r->at += quoted;
    for (; r->at < r->end; r->at++) {
        if (open && *r->at == '"') {
            if (r->at + 1 < r->end && r->at[1] == '"')
                *out++ = *r->at++;
            else
                open = false;
            continue;
        }
        if (!open && (*r->at == ',' || *r->at == '\n'))
            break;
        if (*r->at == '\0' || (!open && quoted && *r->at != '\r'))
            return rdx_fail(REDUX_E_FORMAT, "%s: line %lld is no CSV", r->path, (long long)r->line);
        *out++ = *r->at;
    }
    if (open)
        return rdx_fail(REDUX_E_FORMAT, "%s: line %lld: a quote is never closed", r->path,
                        (long long)r->line);
    *last = r->at >= r->end || *r->at == '\n';
    if (*last && out > *field && out[-1] == '\r')
        out--;
    r->at += r->at < r->end;
    *out = '\0'; /* the delimiter is behind us, and the text has one byte to spare */
    return REDUX_OK;
}

static bool whole_number(int64_t *out, const char *text)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return end != text && *end == '\0' && errno == 0 && *out >= 0;
}

static redux_status wrong_field(const reader *r, const char *name, const char *text)
{
    return rdx_fail(REDUX_E_FORMAT, "%s: line %lld: %s is '%.80s'", r->path, (long long)r->line,
                    name, text);
}

static redux_status fill_row(const reader *r, rdx_manifest_entry *entry, char *const *fields)
{
    redux_manifest_row *row = &entry->row;
    int64_t kept;
    char *end;
    memset(entry, 0, sizeof *entry);
    row->source = fields[0];
    row->score = (double)NAN;
    if (row->source[0] == '\0')
        return wrong_field(r, "source", fields[0]);
    if (!whole_number(&row->slice, fields[1]))
        return wrong_field(r, "slice", fields[1]);
    if (!whole_number(&kept, fields[2]) || kept > 1)
        return wrong_field(r, "kept", fields[2]);
    row->kept = (int32_t)kept;
    row->witness_source = fields[3][0] == '\0' ? NULL : fields[3];
    if (row->witness_source != NULL && !whole_number(&row->witness_slice, fields[4]))
        return wrong_field(r, "witness_slice", fields[4]);
    if (fields[5][0] != '\0')
        row->score = rdx_parse_double(fields[5], &end);
    if (fields[5][0] != '\0' && *end != '\0')
        return wrong_field(r, "score", fields[5]);
    return REDUX_OK;
}

static redux_status read_row(reader *r)
{
    redux_manifest *manifest = r->manifest;
    char *fields[FIELDS];
    void *block = manifest->rows;
    bool last = false;
    int count = 0;
    while (!last && count < FIELDS)
        RDX_TRY(read_field(r, &fields[count++], &last));
    if (!last || count < FIELDS)
        return rdx_fail(REDUX_E_FORMAT, "%s: line %lld has not %d fields", r->path,
                        (long long)r->line, FIELDS);
    redux_status status = rdx_grow(r->context, &block, &manifest->capacity, manifest->count,
                                   manifest->count + 1, sizeof *manifest->rows);
    manifest->rows = block;
    if (status != REDUX_OK)
        return status;
    RDX_TRY(fill_row(r, &manifest->rows[manifest->count], fields));
    manifest->count++;
    return REDUX_OK;
}

static redux_status read_rows(reader *r)
{
    const size_t length = sizeof header - 1;
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, header, length) != 0 ||
        (r->at + length < r->end && strchr("\r\n", r->at[length]) == NULL))
        return rdx_fail(REDUX_E_FORMAT, "%s is no manifest: it does not begin with '%s'", r->path,
                        header);
    r->at += length;
    while (r->at < r->end && (*r->at == '\r' || *r->at == '\n'))
        r->at++;
    for (r->line = 2; r->at < r->end; r->line++)
        RDX_TRY(read_row(r));
    return REDUX_OK;
}

/* ---- sources ---- */

typedef struct first_seen {
    const char *source;
    int64_t row;
} first_seen;

static int compare_sources(const void *a, const void *b)
{
    const first_seen *x = a, *y = b;
    const int order = strcmp(x->source, y->source);
    return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

static int compare_rows(const void *a, const void *b)
{
    const first_seen *x = a, *y = b;
    return (x->row > y->row) - (x->row < y->row);
}

/* Each source once, numbered by first appearance; rows know their number. */
static redux_status list_sources(redux_manifest *manifest, redux_context *context)
{
    const int64_t n = manifest->count;
    void *block, *list;
    RDX_TRY(rdx_alloc(context, &list, (uint64_t)n, sizeof(char *)));
    manifest->sources = list;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)n, sizeof(first_seen)));
    first_seen *seen = block;
    for (int64_t i = 0; i < n; i++)
        seen[i] = (first_seen){manifest->rows[i].row.source, i};
    qsort(seen, (size_t)n, sizeof *seen, compare_sources);
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        const bool is_new = i == 0 || strcmp(seen[i].source, seen[count - 1].source) != 0;
        if (is_new)
            seen[count++] = seen[i];
        manifest->rows[seen[i].row].first_row = seen[count - 1].row;
    }
    qsort(seen, (size_t)count, sizeof *seen, compare_rows);
    for (int64_t i = 0; i < count; i++) {
        manifest->sources[i] = seen[i].source;
        manifest->rows[seen[i].row].source_number = i;
    }
    for (int64_t i = 0; i < n; i++)
        manifest->rows[i].source_number = manifest->rows[manifest->rows[i].first_row].source_number;
    manifest->source_count = count;
    rdx_free(context, block);
    return REDUX_OK;
}

/* ---- loading ---- */

/* NAME.csv -> NAME and `ending`; a name without ".csv" gets it added. */
static redux_status beside(char **out, redux_context *context, const char *path, const char *ending)
{
    const size_t length = strlen(path);
    const size_t stem = length > 4 && strcmp(path + length - 4, ".csv") == 0 ? length - 4 : length;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, stem + strlen(ending) + 1, 1));
    *out = block;
    memcpy(*out, path, stem);
    memcpy(*out + stem, ending, strlen(ending) + 1);
    return REDUX_OK;
}

redux_status rdx_exemplars_path(char **out, redux_context *context, const char *manifest)
{
    return beside(out, context, manifest, ".exemplars");
}

/* The summary is welcome, but not needed by everything. */
static redux_status load_summary(redux_manifest *manifest, redux_context *context)
{
    unsigned char *bytes;
    size_t size;
    if (access(manifest->summary_path, F_OK) != 0)
        return REDUX_OK;
    RDX_TRY(rdx_read_whole(&bytes, &size, context, manifest->summary_path));
    const redux_status status =
        rdx_json_parse(&manifest->summary, bytes, size, 0, manifest->summary_path);
    rdx_free(context, bytes);
    return status;
}

static redux_status load(redux_manifest *manifest, redux_context *context, const char *path)
{
    unsigned char *bytes;
    size_t size;
    void *block;
    RDX_TRY(rdx_strdup(context, &manifest->path, path));
    RDX_TRY(beside(&manifest->summary_path, context, path, ".json"));
    RDX_TRY(rdx_exemplars_path(&manifest->exemplars_path, context, path));
    RDX_TRY(rdx_read_whole(&bytes, &size, context, path));
    redux_status status = rdx_alloc(context, &block, size + 1, 1);
    if (status != REDUX_OK) {
        rdx_free(context, bytes);
        return status;
    }
    manifest->text = block;
    memcpy(manifest->text, bytes, size);
    manifest->text[size] = '\0';
    rdx_free(context, bytes);
    reader r = {manifest, context, path, manifest->text, manifest->text + size, 1};
    status = read_rows(&r);
    if (status == REDUX_OK)
        status = list_sources(manifest, context);
    return status == REDUX_OK ? load_summary(manifest, context) : status;
}

redux_status redux_manifest_load(redux_manifest **out, redux_context *context, const char *path)
{
    void *block;
    if (out == NULL || path == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_manifest_load: an argument is NULL");
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_manifest)));
    redux_manifest *manifest = block;
    const redux_status status = load(manifest, context, path);
    if (status != REDUX_OK) {
        redux_manifest_free(manifest, context);
        return status;
    }
    *out = manifest;
    return REDUX_OK;
}

void redux_manifest_free(redux_manifest *manifest, redux_context *context)
{
    if (manifest == NULL)
        return;
    json_decref(manifest->summary);
    rdx_free(context, manifest->path);
    rdx_free(context, manifest->summary_path);
    rdx_free(context, manifest->exemplars_path);
    rdx_free(context, manifest->text);
    rdx_free(context, manifest->rows);
    rdx_free(context, manifest->sources);
    rdx_free(context, manifest);
}

/* ---- asking ---- */

int64_t redux_manifest_rows(const redux_manifest *manifest)
{
    return manifest->count;
}

redux_status redux_manifest_row_get(redux_manifest_row *out, const redux_manifest *manifest,
                                    int64_t index)
{
    if (index < 0 || index >= manifest->count)
        return rdx_fail(REDUX_E_INVALID, "row %lld of %lld", (long long)index,
                        (long long)manifest->count);
    *out = manifest->rows[index].row;
    return REDUX_OK;
}

const char *const *redux_manifest_sources(const redux_manifest *manifest, int64_t *count)
{
    *count = manifest->source_count;
    return manifest->sources;
}

redux_status rdx_manifest_exemplars(redux_tensor *out, redux_context *context,
                                    const redux_manifest *manifest, int stage)
{
    return redux_npz_read(out, context, manifest->exemplars_path, stage == 0 ? "first" : "then");
}

/* ---- the slices that it speaks of ---- */

typedef struct kept_name {
    const char *path; /* as the dataset names it */
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

/* The source as it is named, or beside the manifest. */
static redux_status locate(char **out, redux_context *context, const redux_manifest *manifest,
                           const char *source)
{
    const char *slash = strrchr(manifest->path, '/');
    char *folder;
    if (is_there(source) || source[0] == '/' || slash == NULL)
        return rdx_strdup(context, out, source);
    RDX_TRY(rdx_strndup(context, &folder, manifest->path, (size_t)(slash - manifest->path)));
    redux_status status = rdx_join(out, context, folder, source);
    rdx_free(context, folder);
    if (status == REDUX_OK && !is_there(*out)) { /* the message names it as the manifest does */
        rdx_free(context, *out);
        status = rdx_strdup(context, out, source);
    }
    return status;
}

/* *found: how many slices of the dataset are among the names, which are sorted. */
static redux_status mark_named(int64_t *found, redux_tensor *mask, const redux_dataset *dataset,
                               const kept_name *names, int64_t count)
{
    uint8_t *marks = mask->data;
    int64_t row = 0;
    *found = 0;
    for (int64_t v = 0; v < redux_dataset_volumes(dataset); v++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        RDX_TRY(redux_dataset_volume_info(&info, dataset, v));
        for (int64_t k = 0; k < info.slices; k++, row++) {
            kept_name name = {NULL, 0};
            RDX_TRY(redux_dataset_slice_name(&name.path, &name.slice, dataset, v, k));
            marks[row] = bsearch(&name, names, (size_t)count, sizeof name, compare_names) != NULL;
            *found += marks[row];
        }
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

/* paths[number] of the sources of which a slice was kept, NULL for others. */
static redux_status open_sources(redux_dataset **dataset, redux_tensor *kept,
                                 redux_context *context, const redux_manifest *manifest,
                                 const redux_dataset_options *options, char **paths,
                                 kept_name *names)
{
    int64_t count = 0, opened = 0;
    void *block;
    for (int64_t i = 0; i < manifest->count; i++) {
        const rdx_manifest_entry *entry = &manifest->rows[i];
        char **path = &paths[entry->source_number];
        if (!entry->row.kept)
            continue;
        if (*path == NULL)
            RDX_TRY(locate(path, context, manifest, entry->row.source));
        names[count++] = (kept_name){*path, entry->row.slice};
    }
    if (count == 0)
        return rdx_fail(REDUX_E_NOT_FOUND, "%s keeps no slice", manifest->path);
    qsort(names, (size_t)count, sizeof *names, compare_names);
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)manifest->source_count, sizeof(char *)));
    const char **list = block;
    for (int64_t i = 0; i < manifest->source_count; i++)
        if (paths[i] != NULL)
            list[opened++] = paths[i];
    redux_status status = redux_dataset_open(dataset, context, list, opened, options);
    rdx_free(context, block);
    if (status != REDUX_OK)
        return status;
    const int64_t shape[1] = {redux_dataset_slices(*dataset)};
    status = redux_tensor_new(kept, context, REDUX_UINT8, 1, shape);
    if (status == REDUX_OK) {
        status = mark_kept(kept, *dataset, names, count, manifest->path);
        if (status != REDUX_OK)
            redux_tensor_release(kept);
    }
    if (status != REDUX_OK)
        redux_dataset_free(*dataset);
    return status;
}

redux_status redux_manifest_open(redux_dataset **dataset, redux_tensor *kept,
                                 redux_context *context, const redux_manifest *manifest,
                                 const redux_dataset_options *options)
{
    redux_status status;
    void *paths, *names;
    if (dataset == NULL || kept == NULL || manifest == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_manifest_open: an argument is NULL");
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
        rdx_free(context, names);
    }
    for (int64_t i = 0; i < manifest->source_count; i++)
        rdx_free(context, ((char **)paths)[i]);
    rdx_free(context, paths);
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
                        "%s keeps no slice of the input: are its sources named as the input is?",
                        manifest->path);
    return REDUX_OK;
}

redux_status redux_manifest_kept(redux_tensor *kept, redux_context *context,
                                 const redux_manifest *manifest, const redux_dataset *dataset)
{
    void *names;
    redux_tensor mask = REDUX_TENSOR_INIT;
    if (kept == NULL || manifest == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_manifest_kept: an argument is NULL");
    const int64_t shape[1] = {redux_dataset_slices(dataset)};
    RDX_TRY(rdx_alloc(context, &names, (uint64_t)manifest->count, sizeof(kept_name)));
    redux_status status = redux_tensor_new(&mask, context, REDUX_UINT8, 1, shape);
    if (status == REDUX_OK)
        status = mark_own(&mask, dataset, manifest, names);
    if (status == REDUX_OK)
        *kept = mask;
    else
        redux_tensor_release(&mask);
    rdx_free(context, names);
    return status;
}
