/* SPDX-License-Identifier: MIT
 * The loader of batches: every view is the one that redux_views_apply gives, in an order that a
 * plain model predicts; whatever the threads, the memory and the batch it begins at. */
#include <math.h>
#include <pthread.h>
#include "support/counted.h"
#include "support/test_io.h"
#include "base/base.h"

#define SIDE 24
#define VOLUMES 7

/* Volume v has 3 + v slices; a slice's first pixels tell which it is. */
static int64_t slices_of(int64_t volume)
{
    return 3 + volume;
}

static int16_t pixel_of(int64_t volume, int64_t slice, int64_t y, int64_t x)
{
    const redux_random_key key = {.seed = (uint64_t)(volume * 100 + slice)};
    return (int16_t)(redux_random_below(&key, (uint32_t)(y * SIDE + x), 2000) - 1000);
}

static void write_volume(const char *path, int64_t volume, bool compressed)
{
    const int64_t shape[] = {slices_of(volume), SIDE, SIDE};
    redux_tensor pixels;
    ck_assert_redux_ok(redux_tensor_new(&pixels, NULL, REDUX_INT16, 3, shape));
    int16_t *at = pixels.data;
    for (int64_t k = 0; k < shape[0]; k++)
        for (int64_t y = 0; y < SIDE; y++)
            for (int64_t x = 0; x < SIDE; x++)
                *at++ = pixel_of(volume, k, y, x);
    if (compressed) {
        const char *key = "images";
        ck_assert_redux_ok(redux_npz_write(path, NULL, &key, &pixels, 1));
    } else {
        ck_assert_redux_ok(redux_npy_write(path, NULL, &pixels));
    }
    redux_tensor_release(&pixels);
}

/* ---- a dataset of mapped and of compressed volumes ---- */

static const char *folder;
static redux_dataset *dataset;
static int64_t total;

static void make_dataset(void)
{
    folder = in_scratch("volumes");
    mkdir(folder, 0777);
    total = 0;
    for (int64_t v = 0; v < VOLUMES; v++) {
        const bool compressed = v % 2 == 1;
        write_volume(text("%s/%d.%s", folder, (int)v, compressed ? "npz" : "npy"), v, compressed);
        total += slices_of(v);
    }
    ck_assert_redux_ok(open_path(&dataset, folder, NULL));
    ck_assert_int_eq(redux_dataset_volume_count(dataset), VOLUMES);
    ck_assert_int_eq(redux_dataset_slice_count(dataset), total);
}

static void drop_dataset(void)
{
    redux_dataset_free(dataset);
}

static void place_of(int64_t row, int64_t *volume, int64_t *slice)
{
    for (*volume = 0; row >= slices_of(*volume); ++*volume)
        row -= slices_of(*volume);
    *slice = row;
}

/* What a loader is made with. */
typedef struct setting {
    const redux_dataset *dataset;
    const uint8_t *kept;
    redux_views_options views;
    redux_input_options input;
    int64_t batch;
    uint64_t seed, memory_bytes;
    int64_t first_batch, epochs, batches;
    int32_t skip_errors;
} setting;

static redux_status open_loader(redux_loader **out, redux_context *context, const setting *s)
{
    redux_loader_options options = REDUX_LOADER_OPTIONS_INIT;
    options.views = &s->views;
    options.input = &s->input;
    options.batch = s->batch;
    options.seed = s->seed;
    options.memory_bytes = s->memory_bytes;
    options.first_batch = s->first_batch;
    options.epochs = s->epochs;
    options.batches = s->batches;
    options.skip_errors = s->skip_errors;
    return redux_loader_new(out, context, s->dataset, s->kept, &options);
}

/* View `view` of a slice of the dataset, by the public function. */
static void expected_view(float *out, int64_t size, int64_t row, const setting *options,
                          uint32_t epoch, int32_t view)
{
    static int16_t pixels[SIDE * SIDE];
    const int64_t shape[] = {SIDE, SIDE}, out_shape[] = {size, size};
    const redux_random_key key = {.seed = options->seed, .epoch = epoch, .sample = (uint64_t)row};
    redux_tensor in, to;
    int64_t volume, slice;
    place_of(row, &volume, &slice);
    for (int64_t i = 0; i < (int64_t)SIDE * SIDE; i++)
        pixels[i] = pixel_of(volume, slice, i / SIDE, i % SIDE);
    ck_assert_redux_ok(redux_tensor_borrow(&in, pixels, REDUX_INT16, 2, shape, NULL));
    ck_assert_redux_ok(redux_tensor_borrow(&to, out, REDUX_FLOAT32, 2, out_shape, NULL));
    ck_assert_redux_ok(
        redux_views_apply(&to, NULL, &in, 1, 0, 0, &options->input, &options->views, &key, view));
}

static setting options_of(const char *preset, int64_t batch, uint64_t memory)
{
    setting options = {.dataset = dataset, .batch = batch, .seed = 7, .memory_bytes = memory};
    const redux_views_options views = REDUX_VIEWS_OPTIONS_INIT;
    const redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    options.views = views;
    options.input = input;
    ck_assert_redux_ok(redux_views_preset(&options.views, preset));
    options.input.size = 16;
    options.input.window.kind = REDUX_WINDOW_RANGE;
    options.input.window.low = -900;
    options.input.window.high = 800;
    return options;
}

static bool same_bits(const void *a, const void *b, size_t size)
{
    return memcmp(a, b, size) == 0;
}

/* Which slice a view shows that was made without random numbers; -1: none. */
static int64_t row_shown(const float *view, const setting *options)
{
    static float inputs[64][16 * 16];
    static bool made;
    for (int64_t row = 0; row < total && !made; row++)
        expected_view(inputs[row], 16, row, options, 0, 0);
    made = true;
    for (int64_t row = 0; row < total; row++)
        if (same_bits(view, inputs[row], sizeof inputs[row]))
            return row;
    return -1;
}

/* The slices of the next batch; all its views must agree. */
static void next_rows(int64_t *rows, redux_loader *loader, const setting *options)
{
    const redux_tensor *views;
    ck_assert_redux_ok(redux_loader_next(&views, NULL, loader));
    ck_assert_int_eq(redux_loader_view_count(loader), 2);
    for (int64_t i = 0; i < redux_loader_batch(loader); i++) {
        rows[i] = row_shown((const float *)views[0].data + i * 256, options);
        ck_assert_int_ge(rows[i], 0);
        ck_assert_int_eq(redux_loader_rows(loader)[i], rows[i]);
        ck_assert_int_eq(row_shown((const float *)views[1].data + i * 256, options), rows[i]);
    }
}

/* ---- the order ---- */

/* Where everything is in memory an epoch is one shuffle, by this plain model of it. */
static void shuffled_rows(int64_t *rows, uint64_t seed, uint32_t epoch)
{
    const redux_random_key key = {
        .seed = seed, .epoch = epoch, .operation = 0x63686e6bU, .sample = 0};
    for (int64_t i = 0; i < total; i++)
        rows[i] = i;
    for (int64_t i = total - 1; i > 0; i--) {
        const int64_t j = (int64_t)redux_random_below(&key, (uint32_t)i, (uint64_t)i + 1);
        const int64_t kept = rows[i];
        rows[i] = rows[j];
        rows[j] = kept;
    }
}

START_TEST(all_in_memory)
{
    const setting options = options_of("none", 5, 0);
    redux_context *context = context_of(2);
    redux_loader *loader;
    int64_t expected[64] = {0}, rows[5];
    ck_assert_redux_ok(open_loader(&loader, context, &options));
    ck_assert(redux_loader_is_resident(loader));
    ck_assert_int_eq(redux_loader_slice_count(loader), total);
    ck_assert_int_eq(redux_loader_batch_count(loader), total / 5);
    for (uint32_t epoch = 0; epoch < 4; epoch++) {
        shuffled_rows(expected, 7, epoch);
        for (int64_t b = 0; b < total / 5; b++) {
            next_rows(rows, loader, &options);
            for (int64_t i = 0; i < 5; i++)
                ck_assert_int_eq(rows[i], expected[b * 5 + i]);
        }
    }
    redux_loader_free(loader);
    redux_context_free(context);
}
END_TEST

/* Random views, small ones too, are those of the public function; they lie as promised. */
START_TEST(views_by_definition)
{
    setting options = options_of("paper-swav-crops", 4, 0);
    redux_context *context = context_of(2);
    redux_loader *loader;
    int64_t expected[64] = {0};
    static float view[16 * 16];
    options.views.small_size = 7;
    ck_assert_redux_ok(open_loader(&loader, context, &options));
    for (int64_t b = 0; b < 2 * (total / 4); b++) {
        const redux_tensor *views;
        const uint32_t epoch = (uint32_t)(b / (total / 4));
        shuffled_rows(expected, 7, epoch);
        ck_assert_redux_ok(redux_loader_next(&views, context, loader));
        ck_assert_ptr_eq(views[1].data, (float *)views[0].data + 4 * 256);
        ck_assert_ptr_eq(views[3].data, (float *)views[2].data + 4 * 49);
        for (int32_t v = 0; v < 8; v++) {
            const int64_t size = v < 2 ? 16 : 7;
            ck_assert_int_eq(views[v].ndim, 4);
            ck_assert(views[v].shape[0] == 4 && views[v].shape[1] == size &&
                      views[v].shape[2] == size && views[v].shape[3] == 1);
            for (int64_t i = 0; i < 4; i++) {
                expected_view(view, size, expected[b % (total / 4) * 4 + i], &options, epoch, v);
                ck_assert_mem_eq((float *)views[v].data + i * size * size, view,
                                 (size_t)(size * size) * sizeof(float));
            }
        }
    }
    redux_loader_free(loader);
    redux_context_free(context);
}
END_TEST

/* A budget of two of the largest volumes' needs, twice: chunks of a few volumes. */
#define SLICE_BYTES (SIDE * SIDE * 2)
#define CHUNK_MEMORY (2 * 22 * SLICE_BYTES)

/* In chunks: every epoch shows each slice at most once, and all but what no whole batch takes. */
START_TEST(in_chunks)
{
    const setting options = options_of("none", 3, CHUNK_MEMORY);
    redux_context *context = context_of(2);
    redux_loader *loader;
    int64_t first[64];
    ck_assert_redux_ok(open_loader(&loader, context, &options));
    ck_assert(!redux_loader_is_resident(loader));
    ck_assert_int_eq(redux_loader_batch_count(loader), total / 3);
    for (int epoch = 0; epoch < 5; epoch++) {
        bool seen[64] = {false};
        int64_t rows[3], moved = 0;
        for (int64_t b = 0; b < total / 3; b++) {
            next_rows(rows, loader, &options);
            for (int64_t i = 0; i < 3; i++) {
                ck_assert(!seen[rows[i]]);
                seen[rows[i]] = true;
                moved += epoch > 0 && first[b * 3 + i] != rows[i];
                if (epoch == 0)
                    first[b * 3 + i] = rows[i];
            }
        }
        ck_assert(epoch == 0 || moved > total / 2);
    }
    redux_loader_free(loader);
    redux_context_free(context);
}
END_TEST

/* All batches of some epochs, one behind the other. */
static float *take_batches(const setting *options, int threads, int64_t count)
{
    redux_context *context = context_of(threads);
    const size_t floats = (size_t)options->batch * 256;
    redux_loader *loader;
    ck_assert_redux_ok(open_loader(&loader, context, options));
    float *all = malloc((size_t)count * floats * 2 * sizeof(float));
    ck_assert_ptr_nonnull(all);
    for (int64_t b = 0; b < count; b++) {
        const redux_tensor *views;
        ck_assert_redux_ok(redux_loader_next(&views, context, loader));
        memcpy(all + (size_t)b * 2 * floats, views[0].data, 2 * floats * sizeof(float));
    }
    redux_loader_free(loader);
    redux_context_free(context);
    return all;
}

START_TEST(same_whatever_the_threads)
{
    for (int chunks = 0; chunks < 2; chunks++) {
        const setting options = options_of("moco-medical", 4, chunks == 0 ? 0 : CHUNK_MEMORY);
        float *one = take_batches(&options, 1, 30), *two = take_batches(&options, 2, 30);
        float *five = take_batches(&options, 5, 30);
        const size_t bytes = (size_t)30 * 2 * 4 * 256 * sizeof(float);
        ck_assert_mem_eq(one, two, bytes);
        ck_assert_mem_eq(one, five, bytes);
        free(one);
        free(two);
        free(five);
    }
}
END_TEST

START_TEST(begins_anywhere)
{
    for (int chunks = 0; chunks < 2; chunks++) {
        setting options = options_of("simclr", 4, chunks == 0 ? 0 : CHUNK_MEMORY);
        float *all = take_batches(&options, 2, 40);
        for (int64_t from = 1; from < 36; from += 1 + from / 9) {
            options.first_batch = from;
            float *rest = take_batches(&options, 2, 40 - from);
            ck_assert_mem_eq(rest, all + (size_t)from * 2 * 4 * 256,
                             (size_t)(40 - from) * 2 * 4 * 256 * sizeof(float));
            free(rest);
        }
        free(all);
    }
}
END_TEST

/* With an end: the same batches up to it, anywhere in an epoch, and then no more. */
START_TEST(ends)
{
    for (int chunks = 0; chunks < 2; chunks++) {
        setting options = options_of("simclr", 4, chunks == 0 ? 0 : CHUNK_MEMORY);
        float *all = take_batches(&options, 2, 40);
        for (int64_t end = 1; end <= 40; end += 1 + end / 6) {
            redux_context *context = context_of(2);
            const redux_tensor *views;
            redux_loader *loader;
            options.batches = end;
            ck_assert_redux_ok(open_loader(&loader, context, &options));
            for (int64_t b = 0; b < end; b++) {
                ck_assert_redux_ok(redux_loader_next(&views, context, loader));
                ck_assert_mem_eq(views[0].data, all + (size_t)b * 2 * 4 * 256,
                                 (size_t)2 * 4 * 256 * sizeof(float));
            }
            ck_assert_int_eq(redux_loader_next(&views, context, loader), REDUX_E_INVALID);
            redux_loader_free(loader);
            redux_context_free(context);
        }
        options.batches = 0;
        options.epochs = 2;
        free(take_batches(&options, 2, 2 * (total / 4)));
        free(all);
    }
}
END_TEST

/* Only what is kept; fewer than a batch. */
START_TEST(kept_slices)
{
    setting options = options_of("none", 50, 0);
    uint8_t kept[64] = {0};
    int64_t rows[50], sum = 0;
    redux_loader *loader;
    kept[2] = kept[11] = kept[30] = 1;
    options.kept = kept;
    ck_assert_redux_ok(open_loader(&loader, NULL, &options));
    ck_assert_int_eq(redux_loader_slice_count(loader), 3);
    ck_assert_int_eq(redux_loader_batch(loader), 3);
    ck_assert_int_eq(redux_loader_batch_count(loader), 1);
    for (int epoch = 0; epoch < 5; epoch++) {
        next_rows(rows, loader, &options);
        sum = rows[0] + rows[1] + rows[2];
        ck_assert_int_eq(sum, 43);
    }
    redux_loader_free(loader);
    memset(kept, 0, sizeof kept);
    ck_assert_redux(REDUX_E_INVALID, open_loader(&loader, NULL, &options));
}
END_TEST

/* ---- memory ---- */

/* What is held in blocks of whole slices: pixels, whatever their owner. */
static struct {
    pthread_mutex_t mutex;
    int64_t held, most;
    struct {
        void *block;
        int64_t bytes;
    } blocks[4096];
} tracked = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void *count_allocate(size_t size, size_t alignment, void *user)
{
    void *block = NULL;
    (void)user;
    if (posix_memalign(&block, alignment, size) != 0)
        return NULL;
    size -= RDX_ALIGNMENT; /* its owner's name */
    if (size % SLICE_BYTES != 0)
        return block;
    pthread_mutex_lock(&tracked.mutex);
    int i = 0;
    while (tracked.blocks[i].block != NULL)
        i++;
    tracked.blocks[i].block = block;
    tracked.blocks[i].bytes = (int64_t)size;
    tracked.held += (int64_t)size;
    if (tracked.held > tracked.most)
        tracked.most = tracked.held;
    pthread_mutex_unlock(&tracked.mutex);
    return block;
}

static void count_deallocate(void *block, void *user)
{
    (void)user;
    pthread_mutex_lock(&tracked.mutex);
    for (int i = 0; i < 4096; i++)
        if (tracked.blocks[i].block == block) {
            tracked.held -= tracked.blocks[i].bytes;
            tracked.blocks[i].block = NULL;
            break;
        }
    pthread_mutex_unlock(&tracked.mutex);
    free(block);
}

static int64_t most_held(uint64_t memory, int threads)
{
    redux_context_options context_options = REDUX_CONTEXT_OPTIONS_INIT;
    setting options = options_of("none", 3, memory);
    redux_context *context;
    redux_loader *loader;
    options.input.size = 17; /* no view is as large as some slices */
    context_options.threads = threads;
    context_options.allocate = count_allocate;
    context_options.deallocate = count_deallocate;
    tracked.held = tracked.most = 0;
    ck_assert_redux_ok(redux_context_new(&context, &context_options));
    ck_assert_redux_ok(open_loader(&loader, context, &options));
    for (int b = 0; b < 60; b++) {
        const redux_tensor *views;
        ck_assert_redux_ok(redux_loader_next(&views, context, loader));
    }
    redux_loader_free(loader);
    redux_context_free(context);
    ck_assert_int_eq(tracked.held, 0);
    return tracked.most;
}

START_TEST(stays_within_memory)
{
    for (int threads = 1; threads <= 3; threads++) {
        const int64_t chunked = most_held(CHUNK_MEMORY, threads);
        ck_assert_int_le(chunked, CHUNK_MEMORY);
        ck_assert_int_ge(chunked, CHUNK_MEMORY / 3); /* it is used, too */
        ck_assert_int_ge(most_held(0, threads), total * SLICE_BYTES);
        const int64_t exact = (total + slices_of(5)) * SLICE_BYTES;
        ck_assert_int_le(most_held((uint64_t)exact, threads), exact);
    }
}
END_TEST

START_TEST(too_large_a_volume)
{
    const setting options = options_of("none", 3, 2 * 15 * SLICE_BYTES);
    redux_loader *loader;
    ck_assert_redux(REDUX_E_LIMIT, open_loader(&loader, NULL, &options));
    ck_assert_msg(strstr(redux_error_message(), "5.npz") != NULL, "%s", redux_error_message());
}
END_TEST

/* ---- pictures: one folder is one volume, of any sizes, and need not fit ---- */

#define PICTURES 40

/* Picture i is a square of 8 + i pixels, all of the same grey. */
static void write_pictures(const char *path)
{
    static uint8_t pixels[64 * 64];
    mkdir(path, 0777);
    for (int i = 0; i < PICTURES; i++) {
        const int64_t shape[] = {8 + i, 8 + i};
        redux_tensor picture;
        memset(pixels, 5 + 6 * i, sizeof pixels);
        ck_assert_redux_ok(redux_tensor_borrow(&picture, pixels, REDUX_UINT8, 2, shape, NULL));
        ck_assert_redux_ok(redux_picture_write_png(text("%s/%02d.png", path, i), NULL, &picture));
    }
}

/* The picture that a view without random numbers shows. */
static int picture_shown(const redux_tensor *view, int64_t index)
{
    const double grey = (double)((const float *)view->data)[index * view->strides[0]];
    return (int)lrint(((grey * 0.25 + 0.5) * 255 - 5) / 6);
}

static void check_pictures(uint64_t memory, int lost)
{
    setting options = options_of("none", 3, memory);
    redux_context *context = context_of(2);
    redux_dataset *pictures;
    redux_loader *loader;
    ck_assert_redux_ok(open_path(&pictures, in_scratch("pictures"), NULL));
    options.dataset = pictures;
    options.input.window.kind = REDUX_WINDOW_FULL;
    options.skip_errors = lost >= 0;
    ck_assert_redux_ok(open_loader(&loader, context, &options));
    ck_assert_int_eq(redux_loader_is_resident(loader), memory == 0);
    ck_assert_int_eq(redux_loader_slice_count(loader), PICTURES - (lost >= 0));
    ck_assert_int_eq(redux_loader_skipped_count(loader), lost >= 0);
    for (int epoch = 0; epoch < 3; epoch++) {
        bool seen[PICTURES] = {false};
        for (int64_t b = 0; b < redux_loader_batch_count(loader); b++) {
            const redux_tensor *views;
            ck_assert_redux_ok(redux_loader_next(&views, context, loader));
            for (int64_t i = 0; i < 3; i++) {
                const int shown = picture_shown(&views[0], i);
                ck_assert(shown >= 0 && shown < PICTURES && shown != lost && !seen[shown]);
                seen[shown] = true;
            }
        }
    }
    redux_loader_free(loader);
    redux_dataset_free(pictures);
    redux_context_free(context);
}

START_TEST(pictures)
{
    const char *path = in_scratch("pictures");
    size_t size;
    write_pictures(path);
    check_pictures(0, -1);
    check_pictures(16000, -1); /* all of them take 35,580 bytes */
    unsigned char *bytes = read_bytes(text("%s/17.png", path), &size);
    write_bytes(text("%s/17.png", path), bytes, size / 2); /* cut short: its header stands */
    check_pictures(0, 17);
    check_pictures(16000, 17);
    free(bytes);
}
END_TEST

/* ---- failing ---- */

/* Damages the last byte of the data of a compressed volume. */
static void damage(const char *path)
{
    size_t size;
    unsigned char *bytes = read_bytes(path, &size);
    bytes[size / 2] ^= 0x40;
    write_bytes(path, bytes, size);
    free(bytes);
}

START_TEST(unreadable_volume)
{
    const char *path = text("%s/3.npz", folder);
    for (int chunks = 0; chunks < 2; chunks++) {
        setting options = options_of("none", 3, chunks == 0 ? 0 : CHUNK_MEMORY);
        redux_context *context = context_of(2);
        redux_loader *loader = NULL;
        const redux_tensor *views;
        damage(path);
        redux_status status = open_loader(&loader, context, &options);
        for (int b = 0; b < 40 && status == REDUX_OK; b++)
            status = redux_loader_next(&views, context, loader);
        ck_assert_int_eq(status, REDUX_E_FORMAT);
        ck_assert_msg(strstr(redux_error_message(), "3.npz") != NULL, "%s", redux_error_message());
        ck_assert((loader == NULL) == (chunks == 0));
        if (loader != NULL) {
            ck_assert_redux(REDUX_E_FORMAT, redux_loader_next(&views, context, loader));
            redux_loader_free(loader);
        }
        options.skip_errors = 1;
        ck_assert_redux_ok(open_loader(&loader, context, &options));
        ck_assert_int_eq(redux_loader_slice_count(loader), total - slices_of(3));
        ck_assert_int_eq(redux_loader_skipped_count(loader), slices_of(3));
        for (int b = 0; b < 40; b++) {
            int64_t rows[3] = {0}, volume, slice;
            next_rows(rows, loader, &options);
            for (int i = 0; i < 3; i++) {
                place_of(rows[i], &volume, &slice);
                ck_assert_int_ne(volume, 3);
            }
        }
        redux_loader_free(loader);
        redux_context_free(context);
        damage(path); /* mends it */
    }
}
END_TEST

START_TEST(window_that_does_not_fit)
{
    setting options = options_of("none", 3, 0);
    const redux_tensor *views;
    redux_loader *loader;
    options.input.window.kind = REDUX_WINDOW_FULL;
    ck_assert_redux_ok(open_loader(&loader, NULL, &options));
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_loader_next(&views, NULL, loader));
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_loader_next(&views, NULL, loader));
    redux_loader_free(loader);
}
END_TEST

static int cancel_if(int64_t done, int64_t all, void *user)
{
    (void)done;
    (void)all;
    return *(int *)user;
}

START_TEST(cancelling)
{
    setting options = options_of("simclr", 32, 0);
    redux_context_options context_options = REDUX_CONTEXT_OPTIONS_INIT;
    const redux_tensor *views;
    int cancel = 1;
    redux_context *context;
    redux_loader *loader;
    options.input.size = 800; /* slow enough to be waited for */
    options.views.blur_probability = 1;
    context_options.progress = cancel_if;
    context_options.progress_user = &cancel;
    context_options.threads = 1; /* else others may have done it all before anyone is asked */
    ck_assert_redux_ok(redux_context_new(&context, &context_options));
    ck_assert_redux(REDUX_E_CANCELLED, open_loader(&loader, context, &options));
    cancel = 0;
    ck_assert_redux_ok(open_loader(&loader, context, &options));
    cancel = 1;
    rdx_progress_begin(context, 100);
    ck_assert_redux(REDUX_E_CANCELLED, redux_loader_next(&views, context, loader));
    cancel = 0;
    ck_assert_redux_ok(redux_loader_next(&views, context, loader)); /* as if nothing had been */
    redux_loader_free(loader);
    redux_context_free(context);
}
END_TEST

/* ---- memory that runs out ---- */

/* Some batches, with one allocation that fails. */
static redux_status run_short_of_memory(uint64_t memory, int fail_at, int *calls)
{
    const setting options = options_of("moco-medical", 3, memory);
    const redux_tensor *views;
    redux_loader *loader = NULL;
    counter c;
    redux_context *context = counted_context(&c, 2);
    counted_fail(&c, fail_at);
    redux_status status = open_loader(&loader, context, &options);
    for (int b = 0; b < 20 && status == REDUX_OK; b++)
        status = redux_loader_next(&views, context, loader);
    redux_loader_free(loader);
    redux_context_free(context);
    ck_assert_int_eq(c.live, 0);
    *calls = c.calls;
    return status;
}

START_TEST(short_of_memory)
{
    for (int chunks = 0; chunks < 2; chunks++) {
        int at = 0, failed = 0, calls;
        for (; at < 2000; at++) {
            const redux_status status =
                run_short_of_memory(chunks == 0 ? 0 : CHUNK_MEMORY, at, &calls);
            if (calls <= at)
                break; /* it never came to that */
            ck_assert(status == REDUX_E_NO_MEMORY || status == REDUX_OK);
            failed += status != REDUX_OK;
        }
        ck_assert_int_lt(at, 2000);
        ck_assert_int_ge(failed, 30);
    }
}
END_TEST

START_TEST(freed_at_once)
{
    for (int i = 0; i < 40; i++) {
        setting options = options_of("simclr", 5, i % 2 == 0 ? 0 : CHUNK_MEMORY);
        redux_context *context = context_of(1 + i % 3);
        const redux_tensor *views;
        redux_loader *loader;
        options.first_batch = i;
        ck_assert_redux_ok(open_loader(&loader, context, &options));
        for (int b = 0; b < i % 4; b++)
            ck_assert_redux_ok(redux_loader_next(&views, context, loader));
        redux_loader_free(loader);
        redux_context_free(context);
    }
    redux_loader_free(NULL);
}
END_TEST

START_TEST(wrong_options)
{
    setting options = options_of("none", 0, 0);
    redux_loader *loader;
    ck_assert_redux(REDUX_E_INVALID, open_loader(&loader, NULL, &options));
    options.batch = 3;
    options.first_batch = -1;
    ck_assert_redux(REDUX_E_INVALID, open_loader(&loader, NULL, &options));
    options.first_batch = 0;
    options.views.views = 0;
    ck_assert_redux(REDUX_E_INVALID, open_loader(&loader, NULL, &options));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loader");
    TCase *tests = tcase_create("loader"), *slow = slow_tests(suite, 20);
    scratch_make();
    tcase_add_checked_fixture(tests, make_dataset, drop_dataset);
    tcase_add_checked_fixture(slow, make_dataset, drop_dataset);
    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, all_in_memory);
    tcase_add_test(tests, views_by_definition);
    tcase_add_test(tests, in_chunks);
    tcase_add_test(tests, same_whatever_the_threads);
    tcase_add_test(tests, begins_anywhere);
    tcase_add_test(tests, ends);
    tcase_add_test(tests, kept_slices);
    tcase_add_test(tests, stays_within_memory);
    tcase_add_test(tests, too_large_a_volume);
    tcase_add_test(tests, pictures);
    tcase_add_test(tests, unreadable_volume);
    tcase_add_test(tests, window_that_does_not_fit);
    tcase_add_test(slow, cancelling);
    tcase_add_test(tests, short_of_memory);
    tcase_add_test(tests, freed_at_once);
    tcase_add_test(tests, wrong_options);
    suite_add_tcase(suite, tests);
    const int result = run_suite(suite);
    scratch_remove();
    return result;
}
