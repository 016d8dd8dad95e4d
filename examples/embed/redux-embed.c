/* SPDX-License-Identifier: MIT
 * redux-embed: pooled features of slices by an encoder, one row a slice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "common/embed_work.h"
#include "common/encoder.h"
#include "common/input.h"
#include "common/ranks.h"

static redux_status embed_readable(embed_work *w, redux_context *context, const encoder *e)
{
    const int64_t slices = redux_dataset_slice_count(w->dataset);
    redux_tensor readable;
    TRY(redux_tensor_new(&readable, context, REDUX_UINT8, 1, &slices));
    const uint8_t *flags = readable.data;
    const redux_status status = redux_embed(&w->rows, readable.data, context, e->network,
                                            w->dataset, w->kept.data, &e->input, e->batch);
    for (int64_t i = 0; status == REDUX_OK && i < slices; i++)
        w->unreadable += flags[i] == 0;
    redux_tensor_release(&readable);
    return status;
}

static redux_status embed_with(embed_work *w, redux_context *context, const embed_settings *s,
                               const encoder *e)
{
    const int64_t shape[2] = {w->wanted, redux_network_features(e->network)};
    TRY(redux_tensor_new(&w->rows, context, REDUX_FLOAT32, 2, shape));
    if (s->dataset.skip_errors)
        return embed_readable(w, context, e);
    return redux_embed(&w->rows, NULL, context, e->network, w->dataset, w->kept.data, &e->input,
                       e->batch);
}

static redux_status open_encoder(encoder *e, redux_context *context, const embed_settings *s)
{
    TRY(encoder_open(e, context, s->weights));
    if (s->has_window)
        e->input.window = s->window;
    if (s->size > 0)
        e->input.size = (int32_t)s->size;
    e->batch = s->batch;
    return REDUX_OK;
}

static redux_status embed(embed_work *w, redux_context *context, const embed_settings *s)
{
    encoder e;
    TRY(open_encoder(&e, context, s));
    const redux_status status = embed_with(w, context, s, &e);
    encoder_close(&e);
    return status;
}

static int run(const embed_settings *s, redux_context *context)
{
    const double start = seconds_now();
    embed_work w = EMBED_WORK_NONE;
    int code = EXIT_OK;
    progress_label("scanning");
    redux_status status = open_work(&w, context, s);
    if (status == REDUX_OK && !s->quiet)
        report_input(w.dataset);
    progress_label("embedding");
    if (status == REDUX_OK)
        status = check_work_outputs(&w, context, s);
    if (status == REDUX_OK)
        status = embed(&w, context, s);
    progress_label(NULL);
    if (status != REDUX_OK)
        code = data_error();
    else if (program_rank() == 0)
        code = write_work(&w, context, s);
    if (code == EXIT_OK)
        report_work(&w, s, seconds_now() - start);
    close_work(&w);
    return code;
}

/* ---- one part ---- */

typedef struct part_work {
    embed_work all;
    redux_part_options part;
    encoder e;
    uint8_t *wanted;     /* [slices]: those of the part that are kept */
    uint8_t *kept_here;  /* [slices of the part] */
    uint8_t *readable;   /* [slices], and then [slices of the part] */
    int64_t rows, count; /* slices of the part, and those that are kept */
} part_work;

/* What decides about the rows, but for the files' pixels. */
static char *make_job(const embed_settings *s, const part_work *p)
{
    const size_t slices = (size_t)redux_dataset_slice_count(p->all.dataset);
    char text[500], window[REDUX_WINDOW_TEXT];
    if (redux_window_to_text(window, p->e.input.window) != REDUX_OK)
        return NULL;
    snprintf(text, sizeof text,
             "{\"encoder\": \"%s\", \"window\": \"%s\", \"size\": %d, \"batch\": %lld, "
             "\"skip_errors\": %d, \"frame\": %d, \"kept\": %lld, \"selection\": %lu}",
             p->e.name, window, (int)p->e.input.size, (long long)s->batch,
             (int)s->dataset.skip_errors, (int)s->dataset.frame, (long long)p->all.wanted,
             p->all.kept.data == NULL ? 0 : crc32_z(0, p->all.kept.data, slices));
    return strdup(text);
}

static redux_status list_rows(part_work *p, redux_context *context)
{
    const int64_t slices = redux_dataset_slice_count(p->all.dataset);
    const uint8_t *kept = p->all.kept.data;
    p->wanted = malloc(3 * (size_t)slices);
    if (p->wanted == NULL)
        return REDUX_E_NO_MEMORY;
    p->kept_here = p->wanted + slices;
    p->readable = p->kept_here + slices;
    TRY(redux_dataset_cut(p->wanted, context, p->all.dataset, &p->part));
    for (int64_t i = 0; i < slices; i++) {
        if (p->wanted[i] == 0)
            continue;
        p->wanted[i] = kept == NULL || kept[i] != 0;
        p->count += p->wanted[i];
        p->kept_here[p->rows++] = p->wanted[i];
    }
    return REDUX_OK;
}

/* The readable flags of the part's slices, moved together. */
static redux_status gather_readable(part_work *p, const embed_settings *s, redux_context *context)
{
    uint8_t *cut = malloc((size_t)redux_dataset_slice_count(p->all.dataset));
    if (cut == NULL)
        return REDUX_E_NO_MEMORY;
    const redux_status status = redux_dataset_cut(cut, context, p->all.dataset, &p->part);
    for (int64_t i = 0, at = 0; status == REDUX_OK && at < p->rows; i++)
        if (cut[i])
            p->readable[at++] = s->dataset.skip_errors ? p->readable[i] : 1;
    free(cut);
    return status;
}

static redux_status save_rows(const char *path, redux_context *context, const part_work *p)
{
    static const char *const names[2] = {EMBED_PART_ROWS, EMBED_PART_READABLE};
    redux_tensor arrays[2] = {p->all.rows, REDUX_TENSOR_INIT};
    TRY(redux_tensor_borrow(&arrays[1], p->readable, REDUX_UINT8, 1, &p->rows, NULL));
    return redux_part_save(path, context, p->all.dataset, &p->part, 2, names, arrays);
}

static redux_status embed_rows(part_work *p, redux_context *context, const embed_settings *s)
{
    const int64_t shape[2] = {p->rows, redux_network_features(p->e.network)};
    redux_tensor kept;
    TRY(redux_tensor_new(&p->all.rows, context, REDUX_FLOAT32, 2, shape));
    TRY(redux_tensor_slice(&kept, &p->all.rows, 0, 0, p->count, 1));
    redux_status status = REDUX_OK;
    if (p->count > 0)
        status = redux_embed(&kept, s->dataset.skip_errors ? p->readable : NULL, context,
                             p->e.network, p->all.dataset, p->wanted, &p->e.input, p->e.batch);
    redux_tensor_release(&kept);
    TRY(status);
    encoder_spread_rows(&p->all.rows, p->count, p->kept_here);
    return gather_readable(p, s, context);
}

static redux_status make_part(part_work *p, redux_context *context, const embed_settings *s,
                              const char *path)
{
    int32_t done = 0;
    if (s->shard.resumes)
        TRY(redux_part_is_done(&done, context, path, p->all.dataset, &p->part));
    if (!done) {
        TRY(redux_file_check(context, path, REDUX_MARK_PART));
        TRY(list_rows(p, context));
        TRY(embed_rows(p, context, s));
        TRY(save_rows(path, context, p));
    }
    if (!s->quiet)
        report_shard(&s->shard, path, done != 0);
    return REDUX_OK;
}

static redux_status protect_work(const part_work *p, redux_context *context,
                                 const embed_settings *s)
{
    TRY(redux_dataset_protect(p->all.dataset, context));
    TRY(protect_file(context, s->weights));
    return protect_manifest(context, s->manifest);
}

static int run_part(const embed_settings *s, redux_context *context)
{
    part_work p = {.all = EMBED_WORK_NONE, .part = s->shard.part};
    char path[4200], *job = NULL;
    int code = shard_path(path, sizeof path, &s->shard, s->out);
    if (code != EXIT_OK)
        return code;
    progress_label("scanning");
    redux_status status = open_work(&p.all, context, s);
    progress_label("embedding");
    if (status == REDUX_OK)
        status = protect_work(&p, context, s);
    if (status == REDUX_OK)
        status = open_encoder(&p.e, context, s);
    if (status == REDUX_OK) {
        p.part.kind = EMBED_PART_KIND;
        p.part.job = job = make_job(s, &p);
        status = make_part(&p, context, s, path);
    }
    if (status != REDUX_OK)
        code = data_error();
    encoder_close(&p.e);
    free(job);
    free(p.wanted);
    close_work(&p.all);
    return code;
}

int main(int count, char **arguments)
{
    embed_settings s = EMBED_SETTINGS_NONE;
    redux_context *context = NULL;
    bool done = false;
    program_start("redux-embed", arguments);
    char *note = shard_note("redux-embed", arguments);
    s.shard.part.note = note;
    int code = parse_embed_settings(&s, count, arguments, &done);
    if (code == EXIT_OK && !done)
        code = begin_ranks(&s.quiet);
    if (code == EXIT_OK && !done) {
        if (new_context(&context, s.threads, s.quiet) != REDUX_OK)
            code = data_error();
        else
            code = s.shard.given ? run_part(&s, context) : run(&s, context);
        redux_context_free(context);
    }
    free(s.inputs);
    free(note);
    return end_ranks(code);
}
