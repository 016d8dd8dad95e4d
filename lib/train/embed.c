/* SPDX-License-Identifier: MIT
 * Embeddings: the slices of each volume become inputs, a batch at a time, and go through the
 * network together.
 *
 * The last bits of a row depend on the batch and on the position in it, because matrix products
 * treat their last rows differently. So a batch never crosses volumes: the rows of a volume do not
 * depend on the other inputs, and an update gets the same rows as a fresh run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <redux/embed.h>
#include "base/communicator.h"
#include "data/part.h"
#include "image/views.h"

#define DEFAULT_BATCH 64
#define MOST_BATCH 65536

/* ---- weight files ---- */

/* A number of the metadata; `*out` is unchanged if there is none. */
static redux_status read_number(double *out, const redux_safetensors *file, const char *key)
{
    const char *text = redux_safetensors_metadata(file, key);
    char *end;
    if (text == NULL)
        return REDUX_OK;
    const double value = rdx_parse_double(text, &end);
    if (end == text || *end != '\0' || !isfinite(value))
        return rdx_fail(REDUX_E_FORMAT, "metadata: %s is '%s', not a number", key, text);
    *out = value;
    return REDUX_OK;
}

redux_status redux_input_options_of(redux_input_options *out, const redux_safetensors *file)
{
    redux_input_options options = REDUX_INPUT_OPTIONS_INIT;
    double size = options.size;
    if (out == NULL || file == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_input_options_of: an argument is NULL");
    const char *window = redux_safetensors_metadata(file, "window");
    if (window != NULL && redux_window_parse(&options.window, window) != REDUX_OK)
        return rdx_fail(REDUX_E_FORMAT, "metadata: window is '%s'", window);
    RDX_TRY(read_number(&size, file, "size"));
    RDX_TRY(read_number(&options.mean, file, "mean"));
    RDX_TRY(read_number(&options.deviation, file, "deviation"));
    options.size = size >= 1 && size <= INT32_MAX && size == floor(size) ? (int32_t)size : 0;
    if (rdx_input_check(&options) != REDUX_OK)
        return rdx_fail(REDUX_E_FORMAT, "metadata: size %g, deviation %g", size, options.deviation);
    return rdx_write_result(out, &options, sizeof options, "redux_input_options");
}

static redux_status name_network(char *name, redux_context *context, const char *path,
                                 const redux_network *network)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    unsigned char *bytes;
    size_t size;
    uLong crc = crc32(0, NULL, 0);
    RDX_TRY(redux_network_get_options(&options, network));
    RDX_TRY(rdx_read_whole(&bytes, &size, context, path));
    for (size_t at = 0; at < size; at += 1U << 30)
        crc = crc32(crc, bytes + at, (uInt)RDX_MIN(size - at, (size_t)1 << 30));
    rdx_free(bytes);
    snprintf(name, REDUX_ENCODER_NAME, "%s crc32 %08lx", redux_arch_name(options.arch), crc);
    return REDUX_OK;
}

static redux_status load_network(redux_network **out, redux_input_options *input,
                                 redux_context *context, const redux_safetensors *file)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_head_options projection = REDUX_HEAD_OPTIONS_INIT, prediction = REDUX_HEAD_OPTIONS_INIT;
    if (input != NULL)
        RDX_TRY(redux_input_options_of(input, file));
    RDX_TRY(redux_network_options_of(&options, &projection, &prediction, file));
    RDX_TRY(redux_network_new(out, context, &options));
    const redux_status status = redux_network_load(*out, context, file);
    if (status != REDUX_OK) {
        redux_network_free(*out);
        *out = NULL;
    }
    return status;
}

/* Weights of other programs do not say what images the encoder was trained on. */
static void warn_of_input(redux_context *context, const redux_input_options *input,
                          const redux_safetensors *file, const char *path)
{
    char window[REDUX_WINDOW_TEXT];
    if (redux_safetensors_metadata(file, "window") != NULL ||
        redux_safetensors_metadata(file, "size") != NULL ||
        redux_window_to_text(window, input->window) != REDUX_OK)
        return;
    rdx_log(
        context, REDUX_LOG_WARNING,
        "%s: does not say what window and size its images had: %s and %d x %d pixels are taken, "
        "unless you give others",
        path, window, (int)input->size, (int)input->size);
}

redux_status redux_encoder_load(redux_network **out, redux_input_options *input, char *name,
                                redux_context *context, const char *path)
{
    redux_safetensors *file;
    redux_network *network = NULL;
    if (out == NULL || path == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_encoder_load: an argument is NULL");
    RDX_TRY(redux_safetensors_load(&file, context, path));
    redux_status status = load_network(&network, input, context, file);
    if (status == REDUX_OK && input != NULL)
        warn_of_input(context, input, file, path);
    redux_safetensors_free(file);
    if (status != REDUX_OK)
        return status;
    if (name != NULL)
        status = name_network(name, context, path, network);
    if (status != REDUX_OK) {
        redux_network_free(network);
        return status;
    }
    *out = network;
    return REDUX_OK;
}

/* ---- the work ---- */

typedef struct embed_job {
    redux_context *context;
    redux_network *network;
    const redux_dataset *dataset;
    redux_input_options input;
    uint8_t *readable; /* by row of the dataset; or NULL: the first failure ends the run */
    int64_t *rows;     /* the rows to embed */
    int64_t count, batch, channels, features;
    int64_t blank; /* slices that show one value only; counted on several threads */
    float *images; /* [batch, size, size, channels] */
    float *out;    /* [count, features] */
} embed_job;

static int64_t image_length(const embed_job *job)
{
    return (int64_t)job->input.size * job->input.size * job->channels;
}

/* An unreadable slice becomes an image of 0 and gets features of 0. */
static redux_status leave_out(redux_status status, const rdx_visited *slice, void *user)
{
    const embed_job *job = user;
    const int64_t length = image_length(job);
    if (job->readable == NULL || !rdx_is_input_failure(status))
        return status;
    for (int64_t i = 0; i < slice->count; i++)
        job->readable[job->rows[slice->at + i]] = 0;
    if (slice->volume == NULL)
        memset(job->out + slice->at * job->features, 0,
               (size_t)(slice->count * job->features) * sizeof *job->out);
    else
        memset(job->images + slice->in_batch * length, 0, (size_t)length * sizeof *job->images);
    return REDUX_OK;
}

/* Copies the grey to each channel. The grey is in the last part of the image, so that writing never
 * overtakes reading. */
static void spread(float *image, int64_t pixels, int64_t channels)
{
    const float *grey = image + pixels * (channels - 1);
    for (int64_t i = 0; i < pixels; i++) {
        const float value = grey[i];
        for (int64_t c = 0; c < channels; c++)
            image[i * channels + c] = value;
    }
}

static redux_status viewer_init(void *worker, redux_context *context, void *user)
{
    (void)user;
    rdx_viewer_init(worker, context);
    return REDUX_OK;
}

static void viewer_clear(void *worker)
{
    rdx_viewer_clear(worker);
}

static redux_status fill_image(const rdx_visited *at, void *worker, void *user)
{
    embed_job *job = user;
    const int64_t pixels = (int64_t)job->input.size * job->input.size;
    float *image = job->images + at->in_batch * image_length(job);
    redux_tensor stored;
    rdx_slice slice;
    RDX_TRY(redux_volume_slice_oriented(&stored, job->context, at->volume, at->slice,
                                        REDUX_ORIENTATION_AXIAL));
    redux_status status =
        rdx_slice_of(&slice, &stored, at->info->slope, at->info->intercept, at->info->is_scan);
    if (status == REDUX_OK && rdx_slice_is_blank(&slice))
        __atomic_fetch_add(&job->blank, 1, __ATOMIC_RELAXED);
    if (status == REDUX_OK)
        status =
            rdx_viewer_input(worker, image + pixels * (job->channels - 1), &slice, &job->input);
    redux_tensor_release(&stored);
    if (status == REDUX_OK)
        spread(image, pixels, job->channels);
    return status;
}

static redux_status begin_volume(int64_t *most, const redux_volume_info *info, void *user)
{
    const embed_job *job = user;
    (void)info;
    *most = job->batch;
    return REDUX_OK;
}

static redux_status forward(int64_t first, int64_t count, void *user)
{
    const embed_job *job = user;
    const int64_t size = job->input.size;
    const int64_t shape[4] = {count, size, size, job->channels};
    const int64_t out_shape[2] = {count, job->features};
    float *features = job->out + first * job->features;
    redux_tensor images, out;
    RDX_TRY(redux_tensor_borrow(&images, job->images, REDUX_FLOAT32, 4, shape, NULL));
    RDX_TRY(redux_tensor_borrow(&out, features, REDUX_FLOAT32, 2, out_shape, NULL));
    RDX_TRY(redux_network_forward(&out, job->context, job->network, &images, REDUX_OUTPUT_FEATURES,
                                  REDUX_MODE_EVALUATE));
    for (int64_t i = 0; i < count; i++)
        if (job->readable != NULL && job->readable[job->rows[first + i]] == 0)
            memset(features + i * job->features, 0, (size_t)job->features * sizeof *features);
    return rdx_progress_add(job->context, count);
}

static redux_status embed_all(embed_job *job)
{
    const rdx_visit visit = {.dataset = job->dataset,
                             .rows = job->rows,
                             .count = job->count,
                             .worker_bytes = sizeof(rdx_viewer),
                             .worker_init = viewer_init,
                             .worker_clear = viewer_clear,
                             .slice = fill_image,
                             .failed = leave_out,
                             .user = job};
    const rdx_batches batches = {.begin = begin_volume, .batch = forward};
    rdx_progress_begin(job->context, job->count);
    RDX_TRY(rdx_visit_in_order(job->context, &visit, &batches));
    rdx_progress_begin(job->context, 0);
    if (job->blank > 0)
        rdx_log(job->context, REDUX_LOG_WARNING,
                "%lld of %lld embedded slices show one value only, or none that is finite: their "
                "features say nothing",
                (long long)job->blank, (long long)job->count);
    return REDUX_OK;
}

/* ---- what is asked for ---- */

static redux_status list_wanted(embed_job *job, const uint8_t *wanted)
{
    const int64_t rows = redux_dataset_slice_count(job->dataset);
    void *block;
    RDX_TRY(rdx_alloc(job->context, &block, (uint64_t)rows, sizeof *job->rows));
    job->rows = block;
    for (int64_t row = 0; row < rows; row++)
        if (wanted == NULL || wanted[row] != 0)
            job->rows[job->count++] = row;
    return REDUX_OK;
}

static redux_status check_out(const redux_tensor *out, const embed_job *job)
{
    RDX_TRY(rdx_tensor_check(out, 2, REDUX_FLOAT32, "out"));
    if (out->shape[0] != job->count || out->shape[1] != job->features ||
        !redux_tensor_is_contiguous(out))
        return rdx_fail(REDUX_E_INVALID,
                        "embed: out is %lld x %lld, or has gaps; %lld slices are wanted, with %lld "
                        "features each",
                        (long long)out->shape[0], (long long)out->shape[1], (long long)job->count,
                        (long long)job->features);
    return REDUX_OK;
}

static redux_status run(embed_job *job, const redux_tensor *out)
{
    void *block;
    const int64_t size = job->input.size;
    RDX_TRY(check_out(out, job));
    if (job->count == 0)
        return REDUX_OK;
    job->out = out->data;
    job->batch = RDX_MIN(job->batch, job->count);
    RDX_TRY(redux_network_plan(job->network, job->context, job->batch, size, size, 0));
    RDX_TRY(rdx_alloc(job->context, &block, (uint64_t)(job->batch * job->channels),
                      (uint64_t)(size * size) * sizeof(float)));
    job->images = block;
    const redux_status status = embed_all(job);
    rdx_free(block);
    return status;
}

/* A flag for each wanted row, as ranks know it of their own, put where the caller wants it. */
static redux_status share_readable(const embed_job *job, const int32_t *owner)
{
    void *block;
    if (job->readable == NULL)
        return REDUX_OK;
    RDX_TRY(rdx_alloc(job->context, &block, (uint64_t)job->count, 1));
    uint8_t *flags = block;
    for (int64_t i = 0; i < job->count; i++)
        flags[i] = job->readable[job->rows[i]];
    const redux_status status = rdx_gather_owned(job->context, flags, 1, owner, job->count);
    for (int64_t i = 0; status == REDUX_OK && i < job->count; i++)
        job->readable[job->rows[i]] = flags[i];
    rdx_free(block);
    return status;
}

static uLong sum_weights(const redux_network *network)
{
    uLong sum = 0;
    for (int64_t i = 0; i < redux_network_parameter_count(network); i++) {
        const redux_tensor *value = &redux_network_parameter(network, i)->value;
        sum = crc32_z(sum, value->data,
                      (size_t)redux_tensor_elements(value) * redux_dtype_size(value->dtype));
    }
    return sum;
}

/* Each rank embeds the slices of its volumes, and all get all rows. */
static redux_status run_together(embed_job *job, const redux_tensor *out)
{
    char text[200];
    embed_job own = *job;
    redux_tensor part = *out;
    rdx_rank_rows share;
    snprintf(text, sizeof text,
             "weights %08lx, window %d %g %g, size %d, mean %g, deviation %g, "
             "batch %lld, unreadable %d",
             sum_weights(job->network), (int)job->input.window.kind, job->input.window.low,
             job->input.window.high, (int)job->input.size, job->input.mean, job->input.deviation,
             (long long)job->batch, job->readable != NULL);
    RDX_TRY(check_out(out, job));
    RDX_TRY(rdx_rank_rows_share(&share, job->context, job->dataset, job->rows, job->count, text));
    own.rows += share.first;
    own.count = part.shape[0] = share.count;
    part.data = (float *)out->data + share.first * job->features;
    redux_status status = rdx_agree(job->context, run(&own, &part));
    if (status == REDUX_OK)
        status = rdx_gather_owned(job->context, out->data, (uint64_t)job->features * sizeof(float),
                                  share.owner, job->count);
    if (status == REDUX_OK)
        status = share_readable(job, share.owner);
    rdx_free(share.owner);
    return status;
}

redux_status redux_embed(const redux_tensor *out, uint8_t *readable, redux_context *context,
                         redux_network *network, const redux_dataset *dataset,
                         const uint8_t *wanted, const redux_input_options *input, int64_t batch)
{
    embed_job job = {.context = context,
                     .network = network,
                     .dataset = dataset,
                     .readable = readable,
                     .batch = batch == 0 ? DEFAULT_BATCH : batch};
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    if (network == NULL || dataset == NULL || batch < 0 || batch > MOST_BATCH)
        return rdx_fail(REDUX_E_INVALID, "embed: no network, no dataset, or batch %lld",
                        (long long)batch);
    RDX_TRY(rdx_input_read(&job.input, input));
    RDX_TRY(redux_network_get_options(&options, network));
    job.channels = options.channels;
    job.features = redux_network_features(network);
    if (readable != NULL)
        memset(readable, 1, (size_t)redux_dataset_slice_count(dataset));
    redux_status status = list_wanted(&job, wanted);
    if (status == REDUX_OK)
        status = rdx_ranks(context) > 1 ? run_together(&job, out) : run(&job, out);
    rdx_free(job.rows);
    return status;
}
