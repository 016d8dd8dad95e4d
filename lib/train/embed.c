/* SPDX-License-Identifier: MIT
 * Embeddings: a few volumes are opened at a time; of each, a batch of slices after the other become
 * inputs side by side and go through the network together.
 *
 * The last bits of a row depend on the batch and on the place in it, for matrix products treat
 * their last rows differently. So a batch never goes beyond its volume: what a volume's rows are
 * does not hang on what else is embedded, and an update finds what a fresh start would. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <redux/embed.h>
#include "image/views.h"
#include "io/io.h"

#define AHEAD 8 /* volumes that are open at a time, at most */
#define SLICES_PER_TASK 8
#define DEFAULT_BATCH 64
#define MOST_BATCH 65536

/* ---- weight files ---- */

/* A number of the metadata; `*out` stays where there is none. */
static redux_status read_number(double *out, const redux_safetensors *file, const char *key)
{
    const char *text = redux_safetensors_metadata(file, key);
    char *end;
    if (text == NULL)
        return REDUX_OK;
    const double value = rdx_parse_double(text, &end);
    if (end == text || *end != '\0' || !isfinite(value))
        return rdx_fail(REDUX_E_FORMAT, "metadata: %s is '%s', no number", key, text);
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

redux_status redux_encoder_load(redux_network **out, redux_input_options *input, char *name,
                                redux_context *context, const char *path)
{
    redux_safetensors *file;
    redux_network *network = NULL;
    if (out == NULL || path == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_encoder_load: an argument is NULL");
    RDX_TRY(redux_safetensors_load(&file, context, path));
    redux_status status = load_network(&network, input, context, file);
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

/* A slice that is wanted. */
typedef struct target {
    int64_t volume, slice, row; /* row: of the dataset */
} target;

typedef struct work {
    redux_context *context;
    redux_network *network;
    const redux_dataset *dataset;
    redux_input_options input;
    uint8_t *readable; /* or NULL: the first failure ends it */
    target *targets;
    int64_t count, batch, channels, features;
    float *images; /* [batch, size, size, channels] */
    float *out;
    /* the volumes that are open */
    int64_t starts[AHEAD + 1]; /* of their targets */
    redux_volume *volumes[AHEAD];
    int64_t open;
    /* the batch at hand */
    const redux_volume *volume; /* NULL: it cannot be read */
    int64_t first, count_now;
} work;

/* What cannot be read: noted where that is wanted, else handed on. */
static redux_status leave_out(const work *w, redux_status status, int64_t first, int64_t end)
{
    if (w->readable == NULL || !rdx_is_input_failure(status))
        return status;
    for (int64_t i = first; i < end; i++)
        w->readable[w->targets[i].row] = 0;
    return REDUX_OK;
}

static redux_status open_one(int64_t index, void *user)
{
    work *w = user;
    const redux_status status = redux_volume_open(&w->volumes[index], w->context, w->dataset,
                                                  w->targets[w->starts[index]].volume);
    return leave_out(w, status, w->starts[index], w->starts[index + 1]);
}

/* The next volumes, from target w->starts[w->open] on. */
static redux_status open_volumes(work *w)
{
    const int64_t most = rdx_in_task() ? 1 : RDX_MIN(redux_context_threads(w->context), AHEAD);
    w->starts[0] = w->starts[w->open];
    for (w->open = 0; w->open < most && w->starts[w->open] < w->count; w->open++) {
        int64_t end = w->starts[w->open];
        while (end < w->count && w->targets[end].volume == w->targets[w->starts[w->open]].volume)
            end++;
        w->starts[w->open + 1] = end;
    }
    return rdx_parallel(w->context, w->open, open_one, w);
}

static void close_volumes(work *w)
{
    for (int i = 0; i < AHEAD; i++) {
        redux_volume_free(w->volumes[i]);
        w->volumes[i] = NULL;
    }
}

/* The same grey in each channel. The grey lies in the last part of the image: what is written never
 * runs over what is still to be read. */
static void spread(float *image, int64_t pixels, int64_t channels)
{
    const float *grey = image + pixels * (channels - 1);
    for (int64_t i = 0; i < pixels; i++) {
        const float value = grey[i];
        for (int64_t c = 0; c < channels; c++)
            image[i * channels + c] = value;
    }
}

static redux_status fill_image(const work *w, rdx_viewer *viewer, float *image, const target *t)
{
    const int64_t pixels = (int64_t)w->input.size * w->input.size;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_tensor stored;
    rdx_slice slice;
    RDX_TRY(redux_dataset_get_volume_info(&info, w->dataset, t->volume));
    RDX_TRY(redux_volume_slice_oriented(&stored, w->context, w->volume, t->slice,
                                        REDUX_ORIENTATION_AXIAL));
    redux_status status =
        rdx_slice_of(&slice, &stored, info.slope, info.intercept, rdx_volume_of_scan(&info));
    if (status == REDUX_OK)
        status = rdx_viewer_input(viewer, image + pixels * (w->channels - 1), &slice, &w->input);
    redux_tensor_release(&stored);
    if (status == REDUX_OK)
        spread(image, pixels, w->channels);
    return status;
}

static redux_status fill_one(const work *w, rdx_viewer *viewer, int64_t index)
{
    const int64_t length = (int64_t)w->input.size * w->input.size * w->channels;
    float *image = w->images + (index - w->first) * length;
    redux_status status = REDUX_OK;
    if (w->volume != NULL)
        status = leave_out(w, fill_image(w, viewer, image, &w->targets[index]), index, index + 1);
    if (w->readable != NULL && w->readable[w->targets[index].row] == 0)
        memset(image, 0, (size_t)length * sizeof *image);
    return status;
}

static redux_status fill_some(int64_t index, void *user)
{
    const work *w = user;
    const int64_t first = w->first + index * SLICES_PER_TASK;
    const int64_t end = RDX_MIN(first + SLICES_PER_TASK, w->first + w->count_now);
    redux_status status = REDUX_OK;
    rdx_viewer viewer;
    rdx_viewer_init(&viewer, w->context);
    for (int64_t i = first; i < end && status == REDUX_OK; i++)
        status = fill_one(w, &viewer, i);
    rdx_viewer_clear(&viewer);
    return status;
}

static redux_status forward(const work *w)
{
    const int64_t shape[4] = {w->count_now, w->input.size, w->input.size, w->channels};
    const int64_t out_shape[2] = {w->count_now, w->features};
    float *rows = w->out + w->first * w->features;
    redux_tensor images, out;
    RDX_TRY(redux_tensor_borrow(&images, w->images, REDUX_FLOAT32, 4, shape, NULL));
    RDX_TRY(redux_tensor_borrow(&out, rows, REDUX_FLOAT32, 2, out_shape, NULL));
    RDX_TRY(redux_network_forward(&out, w->context, w->network, &images, REDUX_OUTPUT_FEATURES,
                                  REDUX_MODE_EVALUATE));
    for (int64_t i = 0; i < w->count_now; i++)
        if (w->readable != NULL && w->readable[w->targets[w->first + i].row] == 0)
            memset(rows + i * w->features, 0, (size_t)w->features * sizeof *rows);
    return rdx_progress_add(w->context, w->count_now);
}

/* The targets of one open volume. */
static redux_status embed_volume(work *w, int64_t index)
{
    const int64_t end = w->starts[index + 1];
    w->volume = w->volumes[index];
    for (w->first = w->starts[index]; w->first < end; w->first += w->count_now) {
        w->count_now = RDX_MIN(end - w->first, w->batch);
        RDX_TRY(rdx_parallel(w->context, (w->count_now + SLICES_PER_TASK - 1) / SLICES_PER_TASK,
                             fill_some, w));
        RDX_TRY(forward(w));
    }
    return REDUX_OK;
}

static redux_status embed_all(work *w)
{
    rdx_progress_begin(w->context, w->count);
    while (w->starts[w->open] < w->count) {
        redux_status status = open_volumes(w);
        for (int64_t i = 0; i < w->open && status == REDUX_OK; i++)
            status = embed_volume(w, i);
        close_volumes(w);
        if (status != REDUX_OK)
            return status;
    }
    rdx_progress_begin(w->context, 0);
    return REDUX_OK;
}

/* ---- what is asked for ---- */

static redux_status list_targets(work *w, const uint8_t *wanted)
{
    void *block;
    RDX_TRY(rdx_alloc(w->context, &block, (uint64_t)redux_dataset_slice_count(w->dataset),
                      sizeof(target)));
    w->targets = block;
    for (int64_t volume = 0, row = 0; volume < redux_dataset_volume_count(w->dataset); volume++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        RDX_TRY(redux_dataset_get_volume_info(&info, w->dataset, volume));
        for (int64_t slice = 0; slice < info.slices; slice++, row++)
            if (wanted == NULL || wanted[row] != 0)
                w->targets[w->count++] = (target){volume, slice, row};
    }
    return REDUX_OK;
}

static redux_status check_out(const redux_tensor *out, const work *w)
{
    RDX_TRY(rdx_tensor_check(out, 2, REDUX_FLOAT32, "out"));
    if (out->shape[0] != w->count || out->shape[1] != w->features ||
        !redux_tensor_is_contiguous(out))
        return rdx_fail(REDUX_E_INVALID,
                        "embed: out is %lld x %lld, or has gaps; %lld slices are wanted, with %lld "
                        "features each",
                        (long long)out->shape[0], (long long)out->shape[1], (long long)w->count,
                        (long long)w->features);
    return REDUX_OK;
}

static redux_status run(work *w, const redux_tensor *out)
{
    void *block;
    const int64_t size = w->input.size;
    RDX_TRY(check_out(out, w));
    if (w->count == 0)
        return REDUX_OK;
    w->out = out->data;
    w->batch = RDX_MIN(w->batch, w->count);
    RDX_TRY(redux_network_plan(w->network, w->context, w->batch, size, size, 0));
    RDX_TRY(rdx_alloc(w->context, &block, (uint64_t)(w->batch * w->channels),
                      (uint64_t)(size * size) * sizeof(float)));
    w->images = block;
    const redux_status status = embed_all(w);
    rdx_free(block);
    return status;
}

redux_status redux_embed(const redux_tensor *out, uint8_t *readable, redux_context *context,
                         redux_network *network, const redux_dataset *dataset,
                         const uint8_t *wanted, const redux_input_options *input, int64_t batch)
{
    work w = {.context = context,
              .network = network,
              .dataset = dataset,
              .readable = readable,
              .batch = batch == 0 ? DEFAULT_BATCH : batch};
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    if (network == NULL || dataset == NULL || batch < 0 || batch > MOST_BATCH)
        return rdx_fail(REDUX_E_INVALID, "embed: no network, no dataset, or batch %lld",
                        (long long)batch);
    RDX_TRY(rdx_input_read(&w.input, input));
    RDX_TRY(redux_network_get_options(&options, network));
    w.channels = options.channels;
    w.features = redux_network_features(network);
    if (readable != NULL)
        memset(readable, 1, (size_t)redux_dataset_slice_count(dataset));
    redux_status status = list_targets(&w, wanted);
    if (status == REDUX_OK)
        status = run(&w, out);
    rdx_free(w.targets);
    return status;
}
