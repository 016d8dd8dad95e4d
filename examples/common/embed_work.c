/* SPDX-License-Identifier: MIT
 * What redux-embed and redux-merge read and write. */
#include <stdio.h>
#include <string.h>
#include "embed_work.h"
#include "input.h"

#define INDEX_HEADER "source,slice"

static redux_status open_with(embed_work *w, redux_context *context, const embed_settings *s,
                              const redux_manifest *manifest)
{
    redux_dataset_options options = s->dataset;
    if (manifest != NULL)
        TRY(input_of_manifest(&options, manifest));
    if (s->input_count == 0)
        return redux_dataset_open_manifest(&w->dataset, &w->kept, context, manifest, &options);
    TRY(redux_dataset_open(&w->dataset, context, s->inputs, s->input_count, &options));
    return manifest == NULL ? REDUX_OK
                            : redux_manifest_get_kept(&w->kept, context, manifest, w->dataset);
}

redux_status open_work(embed_work *w, redux_context *context, const embed_settings *s)
{
    redux_manifest *manifest = NULL;
    if (s->manifest != NULL)
        TRY(redux_manifest_load(&manifest, context, s->manifest));
    const redux_status status = open_with(w, context, s, manifest);
    redux_manifest_free(manifest);
    TRY(status);
    const uint8_t *kept = w->kept.data;
    w->wanted = 0;
    for (int64_t i = 0; i < redux_dataset_slice_count(w->dataset); i++)
        w->wanted += kept == NULL || kept[i] != 0;
    return REDUX_OK;
}

/* ---- what is written ---- */

/* Called for every slice that was embedded. */
typedef void (*row_fn)(int64_t row, int64_t volume, int64_t slice, const embed_work *w, void *user);

static void each_row(const embed_work *w, row_fn row, void *user)
{
    const uint8_t *kept = w->kept.data;
    for (int64_t volume = 0, at = 0, i = 0; volume < redux_dataset_volume_count(w->dataset);
         volume++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        if (redux_dataset_get_volume_info(&info, w->dataset, volume) != REDUX_OK)
            return;
        for (int64_t slice = 0; slice < info.slices; slice++, i++)
            if (kept == NULL || kept[i] != 0)
                row(at++, volume, slice, w, user);
    }
}

typedef struct numbers {
    int64_t *volumes, *slices;
} numbers;

static void note_numbers(int64_t row, int64_t volume, int64_t slice, const embed_work *w,
                         void *user)
{
    const numbers *n = user;
    (void)w;
    n->volumes[row] = volume;
    n->slices[row] = slice;
}

static redux_status write_arrays(redux_tensor arrays[3], const embed_work *w,
                                 redux_context *context, const char *path)
{
    static const char *const keys[] = {"embeddings", "volumes", "slices"};
    TRY(redux_tensor_new(&arrays[1], context, REDUX_INT64, 1, &w->wanted));
    TRY(redux_tensor_new(&arrays[2], context, REDUX_INT64, 1, &w->wanted));
    numbers n = {arrays[1].data, arrays[2].data};
    each_row(w, note_numbers, &n);
    return redux_npz_write(path, context, keys, arrays, 3);
}

static redux_status write_npz(const embed_work *w, redux_context *context, const char *path)
{
    redux_tensor arrays[3] = {w->rows, REDUX_TENSOR_INIT, REDUX_TENSOR_INIT};
    const redux_status status = write_arrays(arrays, w, context, path);
    redux_tensor_release(&arrays[1]);
    redux_tensor_release(&arrays[2]);
    return status;
}

static void print_row(int64_t row, int64_t volume, int64_t slice, const embed_work *w, void *user)
{
    const char *source;
    int64_t number;
    (void)row;
    if (redux_dataset_get_slice_name(&source, &number, w->dataset, volume, slice) != REDUX_OK)
        return;
    print_csv_field(user, source);
    fprintf(user, ",%lld", (long long)number);
    if (redux_dataset_group_by(w->dataset) != NULL) {
        putc(',', user);
        print_csv_field(user, redux_dataset_group_name(
                                  w->dataset, redux_dataset_get_group(w->dataset, volume, slice)));
    }
    putc('\n', user);
}

static redux_status print_index(FILE *stream, void *user)
{
    const embed_work *w = user;
    fputs(redux_dataset_group_by(w->dataset) == NULL ? INDEX_HEADER "\n" : INDEX_HEADER ",group\n",
          stream);
    each_row(w, print_row, stream);
    return REDUX_OK;
}

int write_work(embed_work *w, redux_context *context, const embed_settings *s)
{
    const redux_status status =
        s->npz ? write_npz(w, context, s->out) : redux_npy_write(s->out, context, &w->rows);
    if (status != REDUX_OK || (s->index != NULL && redux_file_save(s->index, context, INDEX_HEADER,
                                                                   print_index, w) != REDUX_OK))
        return data_error();
    return EXIT_OK;
}

void report_work(const embed_work *w, const embed_settings *s, double seconds)
{
    if (s->quiet)
        return;
    report_skipped(w->dataset);
    if (w->unreadable > 0)
        fprintf(stderr, "%s: %lld slices cannot be read; their rows are 0\n", program_name,
                (long long)w->unreadable);
    fprintf(stderr, "%s: %lld slices, %lld features each, in %.2f s (%.0f a second)\n", s->out,
            (long long)w->wanted, (long long)w->rows.shape[1], seconds,
            (double)w->wanted / (seconds > 0 ? seconds : 1e-9));
}

redux_status check_work_outputs(const embed_work *w, redux_context *context,
                                const embed_settings *s)
{
    TRY(redux_dataset_protect(w->dataset, context));
    TRY(protect_file(context, s->weights));
    TRY(protect_manifest(context, s->manifest));
    if (s->index != NULL)
        TRY(redux_file_check(context, s->index, INDEX_HEADER));
    return redux_file_check(context, s->out, s->npz ? "embeddings.npy" : REDUX_MARK_ARRAY);
}

void close_work(embed_work *w)
{
    redux_tensor_release(&w->kept);
    redux_tensor_release(&w->rows);
    redux_dataset_free(w->dataset);
}
