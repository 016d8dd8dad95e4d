/* SPDX-License-Identifier: MIT
 * redux-hash: perceptual hashes of slices and pictures, one line each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/hash_settings.h"
#include "common/input.h"
#include "common/ranks.h"
#include "pairs.h"
#include "volume.h"

/* ---- output ---- */

static int write_to_stdout(const char *bytes, size_t length, void *user)
{
    (void)user;
    return fwrite(bytes, 1, length, stdout) == length ? 0 : 1;
}

static int output_error(void)
{
    perror("redux-hash: standard output");
    return EXIT_DATA;
}

static int print_list(const hash_settings *s, redux_context *context, const redux_hash_list *list)
{
    if (s->pairs >= 0)
        return print_pairs(context, list, s->pairs, s->format == REDUX_HASH_LIST_CSV);
    if (s->out != NULL)
        return redux_hash_list_save(s->out, context, list, s->format, s->quality) == REDUX_OK
                   ? EXIT_OK
                   : data_error();
    const redux_status status =
        redux_hash_list_write(list, context, s->format, s->quality, write_to_stdout, NULL);
    if (status == REDUX_E_IO || fflush(stdout) != 0 || ferror(stdout))
        return output_error();
    return status == REDUX_OK ? EXIT_OK : data_error();
}

static redux_status check_output(const hash_settings *s, redux_context *context,
                                 const redux_dataset *dataset)
{
    if (dataset != NULL)
        TRY(redux_dataset_protect(dataset, context));
    TRY(protect_file(context, s->decode));
    return s->out == NULL ? REDUX_OK
                          : redux_file_check(context, s->out, redux_hash_list_mark(s->format));
}

/* ---- modes: each prints what it was asked for ---- */

static int run_decode(const hash_settings *s, redux_context *context)
{
    redux_hash_list *list;
    if (check_output(s, context, NULL) != REDUX_OK ||
        redux_hash_list_load(&list, context, s->decode) != REDUX_OK)
        return data_error();
    const int code = print_list(s, context, list);
    redux_hash_list_free(list);
    return code;
}

/* Flat slices have similar codes without being similar, so the program warns. */
static void warn_of_flat(const redux_hash_list *list)
{
    const int64_t count = redux_hash_list_count(list);
    int64_t flat = 0;
    for (int64_t i = 0; i < count; i++) {
        redux_hash_item item;
        if (redux_hash_list_get_item(&item, list, i) == REDUX_OK &&
            (item.info.flags & REDUX_HASH_FLAT) != 0)
            flat++;
    }
    if (flat > 0)
        fprintf(stderr,
                "%s: %lld of %lld slices are flat or nearly so; their hashes carry no information "
                "(--quality shows which)\n",
                program_name, (long long)flat, (long long)count);
}

static int run_hash(const hash_settings *s, redux_context *context, const char *const *inputs,
                    int count)
{
    redux_dataset_options options = s->dataset;
    redux_dataset *dataset = NULL;
    redux_hash_list *list = NULL;
    int code = EXIT_OK;
    const bool info = s->quality || s->format == REDUX_HASH_LIST_BINARY || !s->quiet;
    if (s->hash.profile == REDUX_PROFILE_PAPER_HASH)
        options.orientation = REDUX_ORIENTATION_STORED;
    progress_label("hashing");
    if (redux_dataset_open(&dataset, context, inputs, count, &options) != REDUX_OK ||
        check_output(s, context, dataset) != REDUX_OK ||
        redux_hash_list_new(&list, context, &s->hash) != REDUX_OK ||
        redux_hash_list_add_dataset(list, context, dataset, s->window, info) != REDUX_OK) {
        code = data_error();
    } else {
        progress_label(NULL);
        if (!s->quiet && !s->quality)
            warn_of_flat(list);
        if (program_rank() == 0)
            code = print_list(s, context, list);
    }
    redux_hash_list_free(list);
    redux_dataset_free(dataset);
    return code;
}

/* ---- one part ---- */

static redux_status save_list(const char *path, redux_context *context,
                              const redux_dataset *dataset, const redux_part_options *part,
                              const redux_hash_list *list)
{
    const int64_t count = redux_hash_list_count(list);
    redux_tensor arrays[HASH_ARRAYS] = {REDUX_TENSOR_INIT, REDUX_TENSOR_INIT, REDUX_TENSOR_INIT};
    redux_status status = redux_hash_list_get_codes(&arrays[HASH_CODES], list);
    if (status == REDUX_OK)
        status = redux_tensor_new(&arrays[HASH_QUALITY], context, REDUX_INT32, 1, &count);
    if (status == REDUX_OK)
        status = redux_tensor_new(&arrays[HASH_FLAGS], context, REDUX_UINT32, 1, &count);
    for (int64_t i = 0; i < count && status == REDUX_OK; i++) {
        redux_hash_item item;
        status = redux_hash_list_get_item(&item, list, i);
        ((int32_t *)arrays[HASH_QUALITY].data)[i] = item.info.quality;
        ((uint32_t *)arrays[HASH_FLAGS].data)[i] = item.info.flags;
    }
    if (status == REDUX_OK)
        status =
            redux_part_save(path, context, dataset, part, HASH_ARRAYS, hash_part_arrays, arrays);
    for (int i = 0; i < HASH_ARRAYS; i++)
        redux_tensor_release(&arrays[i]);
    return status;
}

static redux_status hash_part(const hash_settings *s, redux_context *context,
                              const redux_dataset *dataset, const redux_part_options *part,
                              const char *path, uint8_t *wanted)
{
    redux_hash_list *list = NULL;
    int32_t done = 0;
    TRY(redux_dataset_protect(dataset, context));
    if (s->shard.resumes)
        TRY(redux_part_is_done(&done, context, path, dataset, part));
    if (!done) {
        TRY(redux_file_check(context, path, REDUX_MARK_PART));
        TRY(redux_dataset_cut(wanted, context, dataset, part));
        TRY(redux_hash_list_new(&list, context, &s->hash));
        redux_status status =
            redux_hash_list_add_wanted(list, context, dataset, wanted, s->window, 1);
        if (status == REDUX_OK)
            status = save_list(path, context, dataset, part, list);
        redux_hash_list_free(list);
        TRY(status);
    }
    if (!s->quiet)
        report_shard(&s->shard, path, done != 0);
    return REDUX_OK;
}

static int run_part(const hash_settings *s, redux_context *context, const char *const *inputs,
                    int count)
{
    redux_dataset_options options = s->dataset;
    redux_part_options part = s->shard.part;
    redux_dataset *dataset = NULL;
    char path[4200];
    int code = shard_path(path, sizeof path, &s->shard, s->out);
    if (code != EXIT_OK)
        return code;
    char *job = hash_part_job(s);
    uint8_t *wanted = NULL;
    part.kind = HASH_PART_KIND;
    part.job = job;
    part.exact = 1;
    if (s->hash.profile == REDUX_PROFILE_PAPER_HASH)
        options.orientation = REDUX_ORIENTATION_STORED;
    progress_label("hashing");
    if (redux_dataset_open(&dataset, context, inputs, count, &options) == REDUX_OK)
        wanted = malloc((size_t)redux_dataset_slice_count(dataset));
    if (dataset != NULL && wanted == NULL) {
        perror(program_name);
        code = EXIT_DATA;
    } else if (dataset == NULL || hash_part(s, context, dataset, &part, path, wanted) != REDUX_OK) {
        code = data_error();
    }
    free(wanted);
    free(job);
    redux_dataset_free(dataset);
    return code;
}

static int run(const hash_settings *s, redux_context *context, char **inputs, int count)
{
    const char *const *paths = (const char *const *)inputs;
    if (s->decode != NULL)
        return run_decode(s, context);
    return s->shard.given ? run_part(s, context, paths, count) : run_hash(s, context, paths, count);
}

int main(int count, char **arguments)
{
    hash_settings s = HASH_SETTINGS_NONE;
    redux_context *context = NULL;
    bool done = false;
    program_start("redux-hash", arguments);
    if (wants_volumes(count, arguments))
        return hash_volumes(count, arguments);
    char *note = shard_note("redux-hash", arguments);
    s.shard.part.note = note;
    int code = parse_hash_settings(&s, count, arguments, &done);
    if (code == EXIT_OK && !done)
        code = begin_ranks(&s.quiet);
    if (code == EXIT_OK && !done) {
        code = new_context(&context, s.threads, s.quiet) == REDUX_OK
                   ? run(&s, context, arguments + optind, count - optind)
                   : data_error();
        redux_context_free(context);
    }
    free(note);
    return end_ranks(code);
}
