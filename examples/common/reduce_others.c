/* SPDX-License-Identifier: MIT
 * What redux-reduce and redux-merge read beside the input. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "encoder.h"
#include "input.h"
#include "reduce_others.h"

/* The content decides, because a manifest may have any name. */
static bool is_manifest(const char *path)
{
    static const char beginning[] = "source,slice,kept,";
    char text[sizeof beginning] = "";
    struct stat status;
    FILE *file = stat(path, &status) == 0 && S_ISREG(status.st_mode) ? fopen(path, "rb") : NULL;
    if (file == NULL)
        return false;
    const size_t count = fread(text, 1, sizeof beginning - 1, file);
    fclose(file);
    return count == sizeof beginning - 1 && strcmp(text, beginning) == 0;
}

/* The kept slices of a manifest, or all slices of a folder or file. */
static redux_status open_against(others *o, redux_context *context, const reduce_settings *s,
                                 const redux_dataset *dataset)
{
    redux_dataset_options options = s->dataset;
    redux_manifest *manifest;
    options.exclude = NULL;
    options.exclude_count = 0;
    options.grouped_with = dataset;
    if (!is_manifest(s->against))
        return redux_dataset_open(&o->against, context, &s->against, 1, &options);
    TRY(redux_manifest_load(&manifest, context, s->against));
    const redux_status status =
        redux_dataset_open_manifest(&o->against, &o->against_kept, context, manifest, &options);
    redux_manifest_free(manifest);
    return status;
}

/* Embeds both sets, or only the other one (dataset: NULL). Slices that are not wanted, or not kept,
 * get rows of 0. */
static redux_status encode_sets(others *o, redux_context *context, reduce_settings *s,
                                const redux_dataset *dataset, const uint8_t *wanted)
{
    encoder e;
    TRY(encoder_open(&e, context, s->encoder));
    if (s->reduce.window.kind != REDUX_WINDOW_AUTO)
        e.input.window = s->reduce.window;
    e.skip_errors = s->reduce.skip_errors != 0;
    memcpy(o->encoder, e.name, sizeof o->encoder);
    progress_label("embedding");
    redux_status status = REDUX_OK;
    if (dataset != NULL)
        status = encoder_embed(&o->embeddings, context, &e, dataset, wanted);
    if (status == REDUX_OK && o->against != NULL)
        status =
            encoder_embed(&o->against_embeddings, context, &e, o->against, o->against_kept.data);
    encoder_close(&e);
    progress_label(redux_strategy_name(s->reduce.strategy));
    return status;
}

redux_status open_others(others *o, redux_context *context, reduce_settings *s,
                         const redux_dataset *dataset, own_embeddings own, const uint8_t *wanted)
{
    if (s->embeddings != NULL && own != EMBEDDINGS_IN_PARTS)
        TRY(redux_npy_read(&o->embeddings, context, s->embeddings));
    if (s->against_embeddings != NULL)
        TRY(redux_npy_read(&o->against_embeddings, context, s->against_embeddings));
    if (s->against != NULL)
        TRY(open_against(o, context, s, dataset));
    if (s->encoder != NULL)
        TRY(encode_sets(o, context, s, own == EMBEDDINGS_IN_PARTS ? NULL : dataset, wanted));
    s->reduce.encoder = s->encoder == NULL ? NULL : o->encoder;
    s->reduce.embeddings = o->embeddings.data == NULL ? NULL : &o->embeddings;
    s->reduce.against_embeddings =
        o->against_embeddings.data == NULL ? NULL : &o->against_embeddings;
    s->reduce.against = o->against;
    s->reduce.against_kept = o->against_kept.data;
    return REDUX_OK;
}

void close_others(others *o, reduce_settings *s)
{
    s->reduce.embeddings = s->reduce.against_embeddings = NULL;
    s->reduce.against = NULL;
    s->reduce.against_kept = NULL;
    s->reduce.encoder = NULL;
    redux_tensor_release(&o->embeddings);
    redux_tensor_release(&o->against_embeddings);
    redux_tensor_release(&o->against_kept);
    redux_dataset_free(o->against);
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* What is read is never written; only --update's own file may be written anew. */
redux_status protect_inputs(redux_context *context, const reduce_settings *s,
                            const redux_dataset *dataset, const others *o)
{
    TRY(redux_dataset_protect(dataset, context));
    if (o->against != NULL)
        TRY(redux_dataset_protect(o->against, context));
    TRY(protect_manifest(context, s->against));
    TRY(protect_file(context, s->embeddings));
    TRY(protect_file(context, s->against_embeddings));
    TRY(protect_file(context, s->encoder));
    if (s->update == NULL || (s->manifest != NULL && same_file(s->update, s->manifest)))
        return REDUX_OK;
    return protect_manifest(context, s->update);
}
