/* SPDX-License-Identifier: MIT
 * The hot paths without a network. Images are synthetic: tissue with structure and noise on a dark
 * ground, like a CT slice. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "bench.h"

enum { PIXELS = SIDE * SIDE, QUERIES = 2000, CODES = 1000000, PAPER = 541439 };

/* Codes and vectors, of the sizes of the last request. */
typedef struct search_bench {
    redux_index *index;
    int64_t width; /* bytes */
    redux_index_method method;
    redux_tensor queries, vectors, codes;
} search_bench;

/* ---- images ---- */

/* Hounsfield units: air outside, tissue with waves, bone-like spots, noise. */
static void draw(int16_t *out, int64_t image)
{
    const redux_random_key key = {.seed = 1, .sample = (uint64_t)image};
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const double u = (x - 0.5 * SIDE) / (0.42 * SIDE), v = (y - 0.5 * SIDE) / (0.34 * SIDE);
            const double wave = sin(0.05 * x + 0.3 * (double)image) * cos(0.04 * y);
            const double noise = redux_random_uniform(&key, (uint32_t)(y * SIDE + x)) - 0.5;
            double value = -1000;
            if (u * u + v * v < 1)
                value = 40 + 60 * wave + 40 * noise + (wave > 0.8 ? 600 : 0);
            out[y * SIDE + x] = (int16_t)value;
        }
}

/* One image: its values, and the grey levels of its own window. */
static redux_status make_image(bench *b, int64_t i)
{
    const redux_window slice = {REDUX_WINDOW_SLICE, 0, 0};
    redux_tensor *in = &b->scratch.one, *grey = &b->scratch.two;
    draw((int16_t *)b->hounsfield.data + i * PIXELS, i);
    TRY(redux_tensor_select(in, &b->hounsfield, 0, i));
    TRY(redux_tensor_select(grey, &b->images, 0, i));
    return redux_window_apply(grey, b->context, in, 1, 0, slice);
}

redux_status need_images(bench *b)
{
    const int64_t shape[3] = {IMAGES, SIDE, SIDE};
    if (b->images.data != NULL)
        return REDUX_OK;
    TRY(redux_tensor_new(&b->hounsfield, b->context, REDUX_INT16, 3, shape));
    TRY(redux_tensor_new(&b->images, b->context, REDUX_UINT8, 3, shape));
    for (int64_t i = 0; i < IMAGES; i++) {
        TRY(make_image(b, i));
        clear_scratch(b);
    }
    return REDUX_OK;
}

/* The next image and the one after it, into scratch. */
static redux_status next_pair(bench *b, const redux_tensor *of)
{
    const int64_t i = b->next;
    b->next = (i + 1) % IMAGES;
    TRY(redux_tensor_select(&b->scratch.one, of, 0, i));
    return redux_tensor_select(&b->scratch.two, of, 0, b->next);
}

/* The usual needs of a path: images, a pair of them, and room for a result of `shape` (NULL:
 * none). */
static redux_status prepare(bench *b, bool hounsfield, redux_dtype dtype, const int64_t *shape)
{
    TRY(need_images(b));
    if (shape != NULL)
        TRY(redux_tensor_new(&b->scratch.out, b->single, dtype, 2, shape));
    return next_pair(b, hounsfield ? &b->hounsfield : &b->images);
}

void clear_scratch(bench *b)
{
    bench_scratch *s = &b->scratch;
    redux_tensor_release(&s->one);
    redux_tensor_release(&s->two);
    redux_tensor_release(&s->out);
    redux_metric_free(s->metric);
    redux_exemplars_free(s->exemplars);
    redux_volume_free(s->volume);
    redux_dataset_free(s->dataset);
    *s = (bench_scratch){0};
}

redux_status temporary_path(char out[128], bench *b, const char *name)
{
    if (b->folder[0] == '\0') {
        const char *base = getenv("TMPDIR");
        if (base == NULL || strlen(base) > 40)
            base = "/tmp";
        snprintf(b->folder, sizeof b->folder, "%s/redux-bench-XXXXXX", base);
        if (mkdtemp(b->folder) == NULL) {
            b->folder[0] = '\0';
            return REDUX_E_IO;
        }
    }
    snprintf(out, 128, "%s/%s", b->folder, name);
    return REDUX_OK;
}

/* ---- hashes: a, profile; b, hash ---- */

static redux_status run_hash(double *units, bench *b, const bench_path *path)
{
    redux_hash_options options = REDUX_HASH_OPTIONS_INIT;
    options.profile = (redux_hash_profile)path->a;
    options.hash = (redux_hash)path->b;
    const int64_t shape[2] = {IMAGES, redux_hash_bytes(&options)};
    *units = IMAGES;
    TRY(need_images(b));
    TRY(redux_tensor_new(&b->scratch.out, b->single, REDUX_UINT8, 2, shape));
    return redux_hash_compute(&b->scratch.out, b->single, &b->images, &options);
}

static redux_status run_resize(double *units, bench *b, const bench_path *path)
{
    const int64_t shape[2] = {path->a, path->b};
    *units = 1;
    TRY(prepare(b, false, REDUX_UINT8, shape));
    return redux_image_resize(&b->scratch.out, b->single, &b->scratch.one, REDUX_FILTER_LANCZOS);
}

/* ---- pairs of images ---- */

static redux_status run_entropy(double *units, bench *b, const bench_path *path)
{
    double entropy;
    (void)path;
    *units = 1;
    TRY(prepare(b, false, REDUX_UINT8, NULL));
    return redux_entropy(&entropy, b->single, &b->scratch.one, NULL);
}

static redux_status run_information(double *units, bench *b, const bench_path *path)
{
    redux_information information;
    (void)path;
    *units = 1;
    TRY(prepare(b, false, REDUX_UINT8, NULL));
    return redux_information_compute(&information, b->single, &b->scratch.one, &b->scratch.two,
                                     NULL);
}

/* a: the window */
static redux_status run_ssim(double *units, bench *b, const bench_path *path)
{
    redux_ssim_options options = REDUX_SSIM_OPTIONS_INIT;
    double ssim;
    options.window = (redux_ssim_window)path->a;
    *units = 1;
    TRY(prepare(b, false, REDUX_UINT8, NULL));
    return redux_ssim(&ssim, b->single, &b->scratch.one, &b->scratch.two, &options);
}

/* One image against many; its own part is computed once. a: 0 mutual information, 1 SSIM */
static redux_status run_one_to_many(double *units, bench *b, const bench_path *path)
{
    static double scores[IMAGES];
    redux_metric **metric = &b->scratch.metric;
    *units = IMAGES;
    TRY(prepare(b, false, REDUX_UINT8, NULL));
    TRY(path->a == 0 ? redux_metric_new_mutual_information(metric, b->single, NULL)
                     : redux_metric_new_ssim(metric, b->single, NULL));
    return redux_metric_one_to_many(scores, b->single, *metric, &b->scratch.one, &b->images);
}

/* a: 0 window `slice` to 8 bits, 1 `lung` to float */
static redux_status run_window(double *units, bench *b, const bench_path *path)
{
    const int64_t shape[2] = {SIDE, SIDE};
    redux_window window;
    *units = 1;
    TRY(redux_window_parse(&window, path->a == 0 ? "slice" : "lung"));
    TRY(prepare(b, true, path->a == 0 ? REDUX_UINT8 : REDUX_FLOAT32, shape));
    return redux_window_apply(&b->scratch.out, b->single, &b->scratch.one, 1, -1024, window);
}

/* Random views of 64 x 64, as redux-pretrain makes them during the network's step. */
static redux_status run_views(double *units, bench *b, const bench_path *path)
{
    const int64_t shape[2] = {path->a, path->a};
    const redux_random_key key = {.seed = 6, .sample = (uint64_t)b->next};
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    input.size = (int32_t)path->a;
    *units = 2;
    TRY(prepare(b, true, REDUX_FLOAT32, shape));
    for (int32_t view = 0; view < 2; view++)
        TRY(redux_views_apply(&b->scratch.out, b->single, &b->scratch.one, 1, 0, 1, &input, NULL,
                              &key, view));
    return REDUX_OK;
}

/* ---- search ---- */

static redux_status search_of(search_bench **out, bench *b)
{
    if (b->search == NULL)
        b->search = calloc(1, sizeof *b->search);
    *out = b->search;
    return b->search == NULL ? REDUX_E_NO_MEMORY : REDUX_OK;
}

static redux_status random_codes(redux_tensor *out, bench *b, int64_t count, int64_t width)
{
    const int64_t shape[2] = {count, width};
    const redux_random_key key = {.seed = 2};
    redux_tensor_release(out);
    TRY(redux_tensor_new(out, b->context, REDUX_UINT8, 2, shape));
    for (int64_t i = 0; i < count * width / 4; i++) {
        const uint32_t word = redux_random_u32(&key, (uint32_t)i);
        memcpy((uint8_t *)out->data + i * 4, &word, sizeof word);
    }
    return REDUX_OK;
}

static int ignore_found(int64_t query, int64_t id, double score, void *user)
{
    (void)query;
    (void)id;
    (void)score;
    (void)user;
    return 0;
}

/* A million codes, and 2,000 of them with two bits changed. */
static redux_status make_index(search_bench *s, bench *b, int64_t width, redux_index_method method)
{
    redux_index_options options = REDUX_INDEX_OPTIONS_INIT;
    if (s->index != NULL && s->width == width && s->method == method)
        return REDUX_OK;
    options.method = method;
    redux_index_free(s->index);
    s->index = NULL;
    s->width = width;
    s->method = method;
    TRY(random_codes(&s->codes, b, CODES, width));
    TRY(redux_index_new(&s->index, b->context, width, &options));
    TRY(redux_index_add(s->index, b->context, &s->codes, NULL));
    TRY(redux_index_optimise(s->index, b->context));
    TRY(random_codes(&s->queries, b, QUERIES, width)); /* the same ones */
    for (int64_t i = 0; i < QUERIES; i++)
        ((uint8_t *)s->queries.data)[i * width] ^= 3;
    return REDUX_OK;
}

/* Searches for the changed codes. a: bits; b: the method */
static redux_status run_hamming(double *units, bench *b, const bench_path *path)
{
    search_bench *s;
    *units = path->b == REDUX_INDEX_SCAN ? (double)QUERIES * CODES : QUERIES;
    TRY(search_of(&s, b));
    TRY(make_index(s, b, path->a / 8, (redux_index_method)path->b));
    return redux_index_within(path->single ? b->single : b->context, s->index, &s->queries,
                              path->a == 64 ? 6 : 31, ignore_found, NULL);
}

/* Random codes are hardly ever within 6 bits, so each is compared with all before it: the worst
 * case. */
static redux_status run_greedy(double *units, bench *b, const bench_path *path)
{
    bench_scratch *s = &b->scratch;
    static int64_t witness[PAPER];
    static double scores[PAPER];
    *units = (double)path->a;
    TRY(random_codes(&s->out, b, path->a, 8));
    TRY(redux_metric_new_hamming(&s->metric, b->context));
    TRY(redux_exemplars_new(&s->exemplars, b->context, s->metric, 6));
    return redux_exemplars_add(witness, scores, b->context, s->exemplars, &s->out);
}

static int ignore_pair(const redux_pair *pair, void *user)
{
    (void)pair;
    (void)user;
    return 0;
}

/* a: vectors, a twentieth of which lie close to another; b: their width */
static redux_status make_vectors(search_bench *s, bench *b, const bench_path *path)
{
    const int64_t shape[2] = {path->a, path->b}, near = path->a / 20;
    const redux_random_key key = {.seed = 4};
    if (s->vectors.data != NULL && s->vectors.shape[0] == shape[0] &&
        s->vectors.shape[1] == shape[1])
        return REDUX_OK;
    redux_tensor_release(&s->vectors);
    TRY(redux_tensor_new(&s->vectors, b->context, REDUX_FLOAT32, 2, shape));
    float *v = s->vectors.data;
    for (int64_t i = 0; i < path->a * path->b; i++)
        v[i] = (float)redux_random_normal(&key, (uint32_t)i);
    for (int64_t i = 0; i < near * path->b; i++)
        v[(path->a - near) * path->b + i] = v[i] + 0.15F * v[(path->a - near) * path->b + i];
    return REDUX_OK;
}

static redux_status run_cosine(double *units, bench *b, const bench_path *path)
{
    search_bench *s;
    *units = 0.5 * (double)path->a * (double)path->a;
    TRY(search_of(&s, b));
    TRY(make_vectors(s, b, path));
    TRY(redux_metric_new_cosine(&b->scratch.metric, b->context));
    return redux_metric_pairs(b->context, b->scratch.metric, &s->vectors, 0.9, ignore_pair, NULL);
}

/* a: vectors; b: clusters; in rounds */
static redux_status run_k_means(double *units, bench *b, const bench_path *path)
{
    const int rounds = path->b > 10000 ? 1 : 10;
    const int64_t shape[2] = {path->b, 512};
    const bench_path data = {.a = path->a, .b = 512};
    redux_k_means_options options = REDUX_K_MEANS_OPTIONS_INIT;
    search_bench *s;
    options.rounds = rounds;
    *units = (double)path->a * (double)path->b * rounds;
    TRY(search_of(&s, b));
    TRY(make_vectors(s, b, &data));
    TRY(redux_tensor_new(&b->scratch.out, b->context, REDUX_FLOAT32, 2, shape));
    return redux_k_means(&b->scratch.out, NULL, b->context, &s->vectors, &options);
}

/* ---- reading ---- */

static redux_status run_read_picture(double *units, bench *b, const bench_path *path)
{
    char file[128];
    (void)path;
    *units = 1;
    TRY(temporary_path(file, b, "picture.png"));
    if (access(file, R_OK) != 0) {
        TRY(prepare(b, false, REDUX_UINT8, NULL));
        TRY(redux_picture_write_png(file, b->single, &b->scratch.one));
    }
    return redux_picture_read(&b->scratch.out, b->single, file);
}

/* Every slice as stored: bytes of voxels. */
static redux_status read_slices(double *bytes, redux_context *context, const redux_volume *volume,
                                int64_t slices)
{
    for (int64_t k = 0; k < slices; k++) {
        redux_tensor slice;
        TRY(redux_volume_slice(&slice, context, volume, k));
        *bytes += (double)redux_tensor_elements(&slice) * (double)redux_dtype_size(slice.dtype);
        redux_tensor_release(&slice);
    }
    return REDUX_OK;
}

static redux_status read_volume(double *bytes, redux_context *context, const redux_dataset *dataset,
                                int64_t index)
{
    redux_volume *volume;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    TRY(redux_dataset_get_volume_info(&info, dataset, index));
    TRY(redux_volume_open(&volume, context, dataset, index));
    const redux_status status = read_slices(bytes, context, volume, info.slices);
    redux_volume_free(volume);
    return status;
}

/* One of several reading threads, each with its own context. A free one takes the next volume. */
typedef struct reader {
    const redux_dataset *dataset;
    atomic_llong *next;
    double bytes;
    redux_status status;
} reader;

enum {
    TIMES_READ = 4,
    MOST_READERS = 64
}; /* reads of each volume, so that no thread finishes long before the others */

static void *read_volumes(void *user)
{
    reader *r = user;
    const int64_t volumes = redux_dataset_volume_count(r->dataset);
    int64_t i;
    while (r->status == REDUX_OK && (i = atomic_fetch_add(r->next, 1)) < TIMES_READ * volumes)
        r->status = read_volume(&r->bytes, NULL, r->dataset, i % volumes);
    return NULL;
}

/* `count` readers at once, the last of them on this thread. */
static redux_status read_all(double *bytes, const redux_dataset *dataset, int count)
{
    reader readers[MOST_READERS];
    pthread_t threads[MOST_READERS];
    atomic_llong next = 0;
    int started = 0;
    redux_status status = REDUX_OK;
    for (int i = 0; i < MOST_READERS; i++)
        readers[i] = (reader){.dataset = dataset, .next = &next};
    while (started < count - 1 &&
           pthread_create(&threads[started], NULL, read_volumes, &readers[started]) == 0)
        started++;
    read_volumes(&readers[started]);
    for (int i = 0; i <= started; i++) {
        if (i < started)
            pthread_join(threads[i], NULL);
        status = status == REDUX_OK ? readers[i].status : status;
        *bytes += readers[i].bytes;
    }
    return status;
}

static redux_status run_read_volumes(double *units, bench *b, const bench_path *path)
{
    const int most = b->threads < MOST_READERS ? b->threads : MOST_READERS;
    *units = 0;
    if (b->file_count == 0)
        return REDUX_OK; /* no row */
    TRY(redux_dataset_open(&b->scratch.dataset, b->single, (const char *const *)b->files,
                           b->file_count, NULL));
    return read_all(units, b->scratch.dataset, path->single ? 1 : most);
}

/* ---- the table ---- */

#define HASH_PEER "hash_peers.py"
#define PAIR_PEER "information_peers.py"
#define PICTURE_PEER "pictures.py"

/* Limits: bytes of the images; or sums of 11 + 11 (7 + 7) taps over five planes, and 30 more, for
 * SSIM; or two operations for each element of a product. */
const bench_path metric_paths[] = {
    {.name = "difference hash",
     .unit = "images",
     .run = run_hash,
     .a = REDUX_PROFILE_IMAGEHASH,
     .b = REDUX_HASH_DIFFERENCE,
     .limit = LIMIT_DRAM,
     .single = true,
     .per_unit = PIXELS,
     .script = HASH_PEER,
     .cases = {"(difference hash)"}},
    {.name = "DCT hash",
     .unit = "images",
     .run = run_hash,
     .a = REDUX_PROFILE_IMAGEHASH,
     .b = REDUX_HASH_DCT,
     .limit = LIMIT_DRAM,
     .single = true,
     .per_unit = PIXELS,
     .script = HASH_PEER,
     .cases = {"(DCT hash)"}},
    {.name = "wavelet hash",
     .unit = "images",
     .run = run_hash,
     .a = REDUX_PROFILE_IMAGEHASH,
     .b = REDUX_HASH_WAVELET,
     .limit = LIMIT_DRAM,
     .single = true,
     .per_unit = PIXELS,
     .script = HASH_PEER,
     .cases = {"imagehash wavelet"}},
    {.name = "PDQ",
     .unit = "images",
     .run = run_hash,
     .a = REDUX_PROFILE_PDQ,
     .b = REDUX_HASH_PDQ,
     .limit = LIMIT_DRAM,
     .single = true,
     .per_unit = PIXELS},
    {.name = "block mean 0",
     .unit = "images",
     .run = run_hash,
     .a = REDUX_PROFILE_OPENCV,
     .b = REDUX_HASH_BLOCK_MEAN_0,
     .limit = LIMIT_DRAM,
     .single = true,
     .per_unit = PIXELS,
     .script = HASH_PEER,
     .cases = {"block mean 0"}},
    {.name = "block mean 1",
     .unit = "images",
     .run = run_hash,
     .a = REDUX_PROFILE_OPENCV,
     .b = REDUX_HASH_BLOCK_MEAN_1,
     .limit = LIMIT_DRAM,
     .single = true,
     .per_unit = PIXELS,
     .script = HASH_PEER,
     .cases = {"block mean 1"}},
    {.name = "Marr-Hildreth",
     .unit = "images",
     .run = run_hash,
     .a = REDUX_PROFILE_OPENCV,
     .b = REDUX_HASH_MARR_HILDRETH,
     .limit = LIMIT_DRAM,
     .single = true,
     .per_unit = PIXELS,
     .script = HASH_PEER,
     .cases = {"Marr-Hildreth"}},
    {.name = "radial variance",
     .unit = "images",
     .run = run_hash,
     .a = REDUX_PROFILE_OPENCV,
     .b = REDUX_HASH_RADIAL_VARIANCE,
     .limit = LIMIT_DRAM,
     .single = true,
     .per_unit = PIXELS,
     .script = HASH_PEER,
     .cases = {"radial variance"}},
    {.name = "resize to 128 x 128",
     .unit = "images",
     .run = run_resize,
     .a = 128,
     .b = 128,
     .limit = LIMIT_DRAM,
     .single = true,
     .per_unit = PIXELS,
     .script = PICTURE_PEER,
     .cases = {"resize 512 to 128"}},
    {.name = "mutual information",
     .unit = "pairs",
     .run = run_information,
     .limit = LIMIT_DRAM,
     .single = true,
     .per_unit = 2 * PIXELS,
     .script = PAIR_PEER,
     .cases = {"scikit-learn MI", "scikit-image NMI 256", "OpenCV calcHist MI"}},
    {.name = "mutual information, one to many",
     .unit = "pairs",
     .run = run_one_to_many,
     .limit = LIMIT_DRAM,
     .single = true,
     .per_unit = PIXELS,
     .script = PAIR_PEER,
     .cases = {"OpenCV calcHist MI"}},
    {.name = "entropy",
     .unit = "images",
     .run = run_entropy,
     .limit = LIMIT_DRAM,
     .single = true,
     .per_unit = PIXELS,
     .script = PAIR_PEER,
     .cases = {"scikit-image entropy", "NumPy bincount entropy"}},
    {.name = "SSIM Gaussian",
     .unit = "pairs",
     .run = run_ssim,
     .a = REDUX_SSIM_GAUSSIAN,
     .limit = LIMIT_FLOPS,
     .single = true,
     .per_unit = PIXELS * (5.0 * 22 * 2 + 30),
     .script = PAIR_PEER,
     .cases = {"scikit-image SSIM Gaussian", "OpenCV GaussianBlur SSIM"}},
    {.name = "SSIM Gaussian, one to many",
     .unit = "pairs",
     .run = run_one_to_many,
     .a = 1,
     .limit = LIMIT_FLOPS,
     .single = true,
     .per_unit = PIXELS * (3.0 * 22 * 2 + 30),
     .script = PAIR_PEER,
     .cases = {"OpenCV GaussianBlur SSIM"}},
    {.name = "SSIM 7 x 7",
     .unit = "pairs",
     .run = run_ssim,
     .a = REDUX_SSIM_UNIFORM,
     .limit = LIMIT_FLOPS,
     .single = true,
     .per_unit = PIXELS * (5.0 * 14 + 30),
     .script = PAIR_PEER,
     .cases = {"scikit-image SSIM 7x7"}},
    {.name = "window slice to 8 bits",
     .unit = "images",
     .run = run_window,
     .limit = LIMIT_DRAM,
     .single = true,
     .per_unit = 2 * PIXELS,
     .script = PICTURE_PEER,
     .cases = {"window slice"}},
    {.name = "window lung to float",
     .unit = "images",
     .run = run_window,
     .a = 1,
     .limit = LIMIT_DRAM,
     .single = true,
     .per_unit = 2 * PIXELS,
     .script = PICTURE_PEER,
     .cases = {"window lung"}},
    {.name = "views, 512 x 512 to 64 x 64",
     .unit = "images",
     .run = run_views,
     .a = 64,
     .single = true},
    {.name = "cosine > 0.9, 20,000 x 512",
     .unit = "pairs",
     .run = run_cosine,
     .a = 20000,
     .b = 512,
     .limit = LIMIT_FLOPS,
     .per_unit = 2 * 512,
     .script = "search_faiss.py cosine 20000 512 %T",
     .cases = {"cosine all pairs"}},
    {.name = "k-means, 100,000 x 512, k 1,000",
     .unit = "distances",
     .run = run_k_means,
     .a = 100000,
     .b = 1000,
     .limit = LIMIT_FLOPS,
     .per_unit = 2 * 512,
     .script = "k_means.py 100000 512 1000 10 %T",
     .cases = {"faiss", "MiniBatchKMeans", "Lloyd"}},
    {.name = "k-means, 101,000 x 512, k 100,000",
     .unit = "distances",
     .run = run_k_means,
     .a = 101000,
     .b = 100000,
     .limit = LIMIT_FLOPS,
     .per_unit = 2 * 512,
     .script = "k_means.py 101000 512 100000 1 %T faiss",
     .cases = {"faiss"}},
    {.name = "Hamming scan, 10^6 x 64 bits",
     .unit = "pairs",
     .run = run_hamming,
     .a = 64,
     .b = REDUX_INDEX_SCAN,
     .limit = LIMIT_BITS,
     .single = true,
     .per_unit = 1,
     .script = "search_faiss.py hamming 1000000 64 1",
     .cases = {"flat"}},
    {.name = "Hamming search, 10^6 x 64 bits",
     .unit = "queries",
     .run = run_hamming,
     .a = 64,
     .b = REDUX_INDEX_AUTO,
     .single = true,
     .script = "search_faiss.py hamming 1000000 64 1",
     .cases = {"multi-hash"}},
    {.name = "Hamming scan, 10^6 x 256 bits",
     .unit = "pairs",
     .run = run_hamming,
     .a = 256,
     .b = REDUX_INDEX_SCAN,
     .limit = LIMIT_BITS,
     .single = true,
     .per_unit = 4,
     .script = "search_faiss.py hamming 1000000 256 1",
     .cases = {"flat"}},
    {.name = "Hamming search, 10^6 x 256 bits",
     .unit = "queries",
     .run = run_hamming,
     .a = 256,
     .b = REDUX_INDEX_AUTO,
     .single = true,
     .script = "search_faiss.py hamming 1000000 256 1",
     .cases = {"multi-hash"}},
    {.name = "greedy reduction, 541,439 hashes",
     .unit = "hashes",
     .run = run_greedy,
     .a = PAPER,
     .limit = LIMIT_BITS,
     .per_unit = (PAPER - 1) / 2.0},
    {.name = "reading PNG, 512 x 512",
     .unit = "images",
     .run = run_read_picture,
     .limit = LIMIT_INFLATE,
     .single = true,
     .per_unit = PIXELS},
    {.name = "reading volumes",
     .unit = "bytes",
     .run = run_read_volumes,
     .limit = LIMIT_INFLATE,
     .single = true,
     .per_unit = 1,
     .script = "nifti_peers.py %F",
     .cases = {"nibabel"}},
    {.name = "reading volumes, all threads",
     .unit = "bytes",
     .run = run_read_volumes,
     .limit = LIMIT_INFLATE,
     .per_unit = 1},
};
const int metric_path_count = sizeof metric_paths / sizeof metric_paths[0];

void free_metric_bench(bench *b)
{
    char file[128];
    clear_scratch(b);
    redux_tensor_release(&b->images);
    redux_tensor_release(&b->hounsfield);
    if (b->search != NULL) {
        redux_index_free(b->search->index);
        redux_tensor_release(&b->search->queries);
        redux_tensor_release(&b->search->vectors);
        redux_tensor_release(&b->search->codes);
        free(b->search);
    }
    if (b->folder[0] != '\0') {
        temporary_path(file, b, "picture.png");
        unlink(file);
        rmdir(b->folder);
    }
}
