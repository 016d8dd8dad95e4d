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

enum { PIXELS = SIDE * SIDE, QUERIES = 2000, PAPER = 541439 };

/* Codes and vectors, of the sizes last asked for. */
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

redux_status need_images(bench *b)
{
    const int64_t shape[3] = {IMAGES, SIDE, SIDE};
    const redux_window slice = {REDUX_WINDOW_SLICE, 0, 0};
    redux_status status = REDUX_OK;
    if (b->images.data != NULL)
        return REDUX_OK;
    status = redux_tensor_new(&b->hounsfield, b->context, REDUX_INT16, 3, shape);
    if (status == REDUX_OK)
        status = redux_tensor_new(&b->images, b->context, REDUX_UINT8, 3, shape);
    for (int64_t i = 0; i < IMAGES && status == REDUX_OK; i++) {
        redux_tensor in = REDUX_TENSOR_INIT, grey = REDUX_TENSOR_INIT;
        draw((int16_t *)b->hounsfield.data + i * PIXELS, i);
        status = redux_tensor_select(&in, &b->hounsfield, 0, i);
        if (status == REDUX_OK)
            status = redux_tensor_select(&grey, &b->images, 0, i);
        if (status == REDUX_OK)
            status = redux_window_apply(&grey, b->context, &in, 1, 0, slice);
        redux_tensor_release(&in);
        redux_tensor_release(&grey);
    }
    return status;
}

/* The next image and the one after it, as views that the caller releases. */
static redux_status next_pair(redux_tensor *one, redux_tensor *two, bench *b,
                              const redux_tensor *of)
{
    const int64_t i = b->next;
    b->next = (i + 1) % IMAGES;
    const redux_status status = redux_tensor_select(one, of, 0, i);
    return status == REDUX_OK ? redux_tensor_select(two, of, 0, b->next) : status;
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
    redux_tensor codes = REDUX_TENSOR_INIT;
    options.profile = (redux_hash_profile)path->a;
    options.hash = (redux_hash)path->b;
    const int64_t shape[2] = {IMAGES, redux_hash_bytes(&options)};
    redux_status status = need_images(b);
    if (status == REDUX_OK)
        status = redux_tensor_new(&codes, b->single, REDUX_UINT8, 2, shape);
    if (status == REDUX_OK)
        status = redux_hash_compute(&codes, b->single, &b->images, &options);
    redux_tensor_release(&codes);
    *units = IMAGES;
    return status;
}

static redux_status run_resize(double *units, bench *b, const bench_path *path)
{
    const int64_t shape[2] = {path->a, path->b};
    redux_tensor one = REDUX_TENSOR_INIT, two = REDUX_TENSOR_INIT, out = REDUX_TENSOR_INIT;
    redux_status status = need_images(b);
    if (status == REDUX_OK)
        status = redux_tensor_new(&out, b->single, REDUX_UINT8, 2, shape);
    if (status == REDUX_OK)
        status = next_pair(&one, &two, b, &b->images);
    if (status == REDUX_OK)
        status = redux_image_resize(&out, b->single, &one, REDUX_FILTER_LANCZOS);
    redux_tensor_release(&one);
    redux_tensor_release(&two);
    redux_tensor_release(&out);
    *units = 1;
    return status;
}

/* ---- pairs of images ---- */

static redux_status run_entropy(double *units, bench *b, const bench_path *path)
{
    redux_tensor one = REDUX_TENSOR_INIT, two = REDUX_TENSOR_INIT;
    double entropy;
    redux_status status = need_images(b);
    (void)path;
    if (status == REDUX_OK)
        status = next_pair(&one, &two, b, &b->images);
    if (status == REDUX_OK)
        status = redux_entropy(&entropy, b->single, &one, NULL);
    redux_tensor_release(&one);
    redux_tensor_release(&two);
    *units = 1;
    return status;
}

static redux_status run_information(double *units, bench *b, const bench_path *path)
{
    redux_tensor one = REDUX_TENSOR_INIT, two = REDUX_TENSOR_INIT;
    redux_information information;
    redux_status status = need_images(b);
    (void)path;
    if (status == REDUX_OK)
        status = next_pair(&one, &two, b, &b->images);
    if (status == REDUX_OK)
        status = redux_information_compute(&information, b->single, &one, &two, NULL);
    redux_tensor_release(&one);
    redux_tensor_release(&two);
    *units = 1;
    return status;
}

/* a: the window */
static redux_status run_ssim(double *units, bench *b, const bench_path *path)
{
    redux_ssim_options options = REDUX_SSIM_OPTIONS_INIT;
    redux_tensor one = REDUX_TENSOR_INIT, two = REDUX_TENSOR_INIT;
    double ssim;
    redux_status status = need_images(b);
    options.window = (redux_ssim_window)path->a;
    if (status == REDUX_OK)
        status = next_pair(&one, &two, b, &b->images);
    if (status == REDUX_OK)
        status = redux_ssim(&ssim, b->single, &one, &two, &options);
    redux_tensor_release(&one);
    redux_tensor_release(&two);
    *units = 1;
    return status;
}

/* One image against many, whose own part is worked out once. a: 0 mutual information, 1 SSIM */
static redux_status run_one_to_many(double *units, bench *b, const bench_path *path)
{
    static double scores[IMAGES];
    redux_metric *metric = NULL;
    redux_tensor one = REDUX_TENSOR_INIT;
    redux_status status = need_images(b);
    if (status == REDUX_OK)
        status = path->a == 0 ? redux_metric_new_mutual_information(&metric, b->single, NULL)
                              : redux_metric_new_ssim(&metric, b->single, NULL);
    if (status == REDUX_OK)
        status = redux_tensor_select(&one, &b->images, 0, 0);
    if (status == REDUX_OK)
        status = redux_metric_one_to_many(scores, b->single, metric, &one, &b->images);
    redux_tensor_release(&one);
    redux_metric_free(metric);
    *units = IMAGES;
    return status;
}

/* a: 0 window `slice` to 8 bits, 1 `lung` to float */
static redux_status run_window(double *units, bench *b, const bench_path *path)
{
    const int64_t shape[2] = {SIDE, SIDE};
    redux_tensor one = REDUX_TENSOR_INIT, two = REDUX_TENSOR_INIT, out = REDUX_TENSOR_INIT;
    redux_window window;
    redux_status status = need_images(b);
    if (status == REDUX_OK)
        status = redux_window_parse(&window, path->a == 0 ? "slice" : "lung");
    if (status == REDUX_OK)
        status =
            redux_tensor_new(&out, b->single, path->a == 0 ? REDUX_UINT8 : REDUX_FLOAT32, 2, shape);
    if (status == REDUX_OK)
        status = next_pair(&one, &two, b, &b->hounsfield);
    if (status == REDUX_OK)
        status = redux_window_apply(&out, b->single, &one, 1, -1024, window);
    redux_tensor_release(&one);
    redux_tensor_release(&two);
    redux_tensor_release(&out);
    *units = 1;
    return status;
}

/* Random views of 64 x 64, as redux-pretrain makes them beside the network's step. */
static redux_status run_views(double *units, bench *b, const bench_path *path)
{
    const int64_t shape[2] = {path->a, path->a};
    redux_tensor one = REDUX_TENSOR_INIT, two = REDUX_TENSOR_INIT, out = REDUX_TENSOR_INIT;
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    const redux_random_key key = {.seed = 6, .sample = (uint64_t)b->next};
    redux_status status = need_images(b);
    input.size = (int32_t)path->a;
    if (status == REDUX_OK)
        status = redux_tensor_new(&out, b->single, REDUX_FLOAT32, 2, shape);
    if (status == REDUX_OK)
        status = next_pair(&one, &two, b, &b->hounsfield);
    for (int32_t view = 0; view < 2 && status == REDUX_OK; view++)
        status = redux_views_apply(&out, b->single, &one, 1, 0, 1, &input, NULL, &key, view);
    redux_tensor_release(&one);
    redux_tensor_release(&two);
    redux_tensor_release(&out);
    *units = 2;
    return status;
}

/* ---- search ---- */

static search_bench *search_of(bench *b)
{
    if (b->search == NULL)
        b->search = calloc(1, sizeof *b->search);
    return b->search;
}

static redux_status random_codes(redux_tensor *out, bench *b, int64_t count, int64_t width)
{
    const int64_t shape[2] = {count, width};
    const redux_random_key key = {.seed = 2};
    redux_tensor_release(out);
    const redux_status status = redux_tensor_new(out, b->context, REDUX_UINT8, 2, shape);
    for (int64_t i = 0; status == REDUX_OK && i < count * width / 4; i++) {
        const uint32_t word = redux_random_u32(&key, (uint32_t)i);
        memcpy((uint8_t *)out->data + i * 4, &word, sizeof word);
    }
    return status;
}

static int ignore_found(int64_t query, int64_t id, double score, void *user)
{
    (void)query;
    (void)id;
    (void)score;
    (void)user;
    return 0;
}

/* A million codes; 2,000 of them with two bits changed look for theirs. a: bits; b: the method */
static redux_status run_hamming(double *units, bench *b, const bench_path *path)
{
    const int64_t width = path->a / 8, count = 1000000;
    search_bench *s = search_of(b);
    redux_status status = s == NULL ? REDUX_E_NO_MEMORY : REDUX_OK;
    if (status == REDUX_OK &&
        (s->index == NULL || s->width != width || s->method != (redux_index_method)path->b)) {
        redux_index_options options = REDUX_INDEX_OPTIONS_INIT;
        redux_tensor first = REDUX_TENSOR_INIT;
        options.method = s->method = (redux_index_method)path->b;
        redux_index_free(s->index);
        s->index = NULL;
        s->width = width;
        status = random_codes(&s->codes, b, count, width);
        if (status == REDUX_OK)
            status = redux_index_new(&s->index, b->context, width, &options);
        if (status == REDUX_OK)
            status = redux_index_add(s->index, b->context, &s->codes, NULL);
        if (status == REDUX_OK)
            status = redux_index_optimise(s->index, b->context);
        if (status == REDUX_OK)
            status = random_codes(&s->queries, b, QUERIES, width); /* the same ones */
        for (int64_t i = 0; status == REDUX_OK && i < QUERIES; i++)
            ((uint8_t *)s->queries.data)[i * width] ^= 3;
        redux_tensor_release(&first);
    }
    if (status == REDUX_OK)
        status = redux_index_within(path->single ? b->single : b->context, s->index, &s->queries,
                                    path->a == 64 ? 6 : 31, ignore_found, NULL);
    *units = path->b == REDUX_INDEX_SCAN ? (double)QUERIES * (double)count : QUERIES;
    return status;
}

/* Random codes hardly ever lie within 6 bits: each is compared with all before it, the worst case.
 */
static redux_status run_greedy(double *units, bench *b, const bench_path *path)
{
    search_bench *s = search_of(b);
    redux_metric *metric = NULL;
    redux_exemplars *exemplars = NULL;
    redux_tensor codes = REDUX_TENSOR_INIT;
    int64_t *witness = malloc((size_t)path->a * sizeof *witness);
    double *scores = malloc((size_t)path->a * sizeof *scores);
    redux_status status =
        s == NULL || witness == NULL || scores == NULL ? REDUX_E_NO_MEMORY : REDUX_OK;
    if (status == REDUX_OK)
        status = random_codes(&codes, b, path->a, 8);
    if (status == REDUX_OK)
        status = redux_metric_new_hamming(&metric, b->context);
    if (status == REDUX_OK)
        status = redux_exemplars_new(&exemplars, b->context, metric, 6);
    if (status == REDUX_OK)
        status = redux_exemplars_add(witness, scores, b->context, exemplars, &codes);
    redux_exemplars_free(exemplars);
    redux_metric_free(metric);
    redux_tensor_release(&codes);
    free(witness);
    free(scores);
    *units = (double)path->a;
    return status;
}

static int ignore_pair(const redux_pair *pair, void *user)
{
    (void)pair;
    (void)user;
    return 0;
}

/* a: vectors, a twentieth of which lie close to another; b: their width */
static redux_status run_cosine(double *units, bench *b, const bench_path *path)
{
    const int64_t shape[2] = {path->a, path->b}, near = path->a / 20;
    const redux_random_key key = {.seed = 4};
    search_bench *s = search_of(b);
    redux_metric *metric = NULL;
    redux_status status = s == NULL ? REDUX_E_NO_MEMORY : REDUX_OK;
    if (status == REDUX_OK && s->vectors.data == NULL) {
        status = redux_tensor_new(&s->vectors, b->context, REDUX_FLOAT32, 2, shape);
        float *v = s->vectors.data;
        for (int64_t i = 0; status == REDUX_OK && i < path->a * path->b; i++)
            v[i] = (float)redux_random_normal(&key, (uint32_t)i);
        for (int64_t i = 0; status == REDUX_OK && i < near * path->b; i++)
            v[(path->a - near) * path->b + i] = v[i] + 0.15F * v[(path->a - near) * path->b + i];
    }
    if (status == REDUX_OK)
        status = redux_metric_new_cosine(&metric, b->context);
    if (status == REDUX_OK)
        status = redux_metric_pairs(b->context, metric, &s->vectors, 0.9, ignore_pair, NULL);
    redux_metric_free(metric);
    *units = 0.5 * (double)path->a * (double)path->a;
    return status;
}

/* ---- reading ---- */

static redux_status run_read_picture(double *units, bench *b, const bench_path *path)
{
    char file[128];
    redux_tensor picture = REDUX_TENSOR_INIT, first = REDUX_TENSOR_INIT;
    redux_status status = temporary_path(file, b, "picture.png");
    (void)path;
    if (status == REDUX_OK && access(file, R_OK) != 0) {
        status = need_images(b);
        if (status == REDUX_OK)
            status = redux_tensor_select(&first, &b->images, 0, 0);
        if (status == REDUX_OK)
            status = redux_picture_write_png(file, b->single, &first);
        redux_tensor_release(&first);
    }
    if (status == REDUX_OK)
        status = redux_picture_read(&picture, b->single, file);
    redux_tensor_release(&picture);
    *units = 1;
    return status;
}

/* Every slice as stored: bytes of voxels. */
static redux_status read_volume(double *bytes, redux_context *context, const redux_dataset *dataset,
                                int64_t index)
{
    redux_volume *volume = NULL;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_status status = redux_dataset_get_volume_info(&info, dataset, index);
    if (status == REDUX_OK)
        status = redux_volume_open(&volume, context, dataset, index);
    for (int64_t k = 0; status == REDUX_OK && k < info.slices; k++) {
        redux_tensor slice = REDUX_TENSOR_INIT;
        status = redux_volume_slice(&slice, context, volume, k);
        if (status == REDUX_OK)
            *bytes += (double)redux_tensor_elements(&slice) * (double)redux_dtype_size(slice.dtype);
        redux_tensor_release(&slice);
    }
    redux_volume_free(volume);
    return status;
}

/* One of several threads that read, each with a context of its own; whoever is free takes the next
 * volume. */
typedef struct reader {
    const redux_dataset *dataset;
    atomic_llong *next;
    double bytes;
    redux_status status;
} reader;

enum { TIMES_READ = 4, MOST_READERS = 64 }; /* each volume, so that no thread is done long before */

static void *read_volumes(void *user)
{
    reader *r = user;
    const int64_t volumes = redux_dataset_volume_count(r->dataset);
    int64_t i;
    while (r->status == REDUX_OK && (i = atomic_fetch_add(r->next, 1)) < TIMES_READ * volumes)
        r->status = read_volume(&r->bytes, NULL, r->dataset, i % volumes);
    return NULL;
}

static redux_status run_read_volumes(double *units, bench *b, const bench_path *path)
{
    redux_dataset *dataset = NULL;
    reader readers[MOST_READERS];
    pthread_t threads[MOST_READERS];
    atomic_llong next = 0;
    const int count = path->single ? 1 : b->threads < MOST_READERS ? b->threads : MOST_READERS;
    int started = 0;
    *units = 0;
    if (b->file_count == 0)
        return REDUX_OK; /* no row */
    redux_status status =
        redux_dataset_open(&dataset, b->single, (const char *const *)b->files, b->file_count, NULL);
    if (status != REDUX_OK)
        return status;
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
        *units += readers[i].bytes;
    }
    redux_dataset_free(dataset);
    return status;
}

/* ---- the table ---- */

#define HASH_PEER "hash_peers.py"
#define PAIR_PEER "information_peers.py"
#define PICTURE_PEER "pictures.py"

/* Limits: bytes of the images; or sums of 11 + 11 (7 + 7) taps over five planes, and 30 more, for
 * SSIM; or two operations for each element of a product. */
const bench_path metric_paths[] = {
    {"difference hash",
     "images",
     run_hash,
     REDUX_PROFILE_IMAGEHASH,
     REDUX_HASH_DIFFERENCE,
     LIMIT_DRAM,
     true,
     PIXELS,
     HASH_PEER,
     {"(difference hash)"}},
    {"DCT hash",
     "images",
     run_hash,
     REDUX_PROFILE_IMAGEHASH,
     REDUX_HASH_DCT,
     LIMIT_DRAM,
     true,
     PIXELS,
     HASH_PEER,
     {"(DCT hash)"}},
    {"wavelet hash",
     "images",
     run_hash,
     REDUX_PROFILE_IMAGEHASH,
     REDUX_HASH_WAVELET,
     LIMIT_DRAM,
     true,
     PIXELS,
     HASH_PEER,
     {"imagehash wavelet"}},
    {"PDQ",
     "images",
     run_hash,
     REDUX_PROFILE_PDQ,
     REDUX_HASH_PDQ,
     LIMIT_DRAM,
     true,
     PIXELS,
     NULL,
     {NULL}},
    {"block mean 0",
     "images",
     run_hash,
     REDUX_PROFILE_OPENCV,
     REDUX_HASH_BLOCK_MEAN_0,
     LIMIT_DRAM,
     true,
     PIXELS,
     HASH_PEER,
     {"block mean 0"}},
    {"block mean 1",
     "images",
     run_hash,
     REDUX_PROFILE_OPENCV,
     REDUX_HASH_BLOCK_MEAN_1,
     LIMIT_DRAM,
     true,
     PIXELS,
     HASH_PEER,
     {"block mean 1"}},
    {"Marr-Hildreth",
     "images",
     run_hash,
     REDUX_PROFILE_OPENCV,
     REDUX_HASH_MARR_HILDRETH,
     LIMIT_DRAM,
     true,
     PIXELS,
     HASH_PEER,
     {"Marr-Hildreth"}},
    {"radial variance",
     "images",
     run_hash,
     REDUX_PROFILE_OPENCV,
     REDUX_HASH_RADIAL_VARIANCE,
     LIMIT_DRAM,
     true,
     PIXELS,
     HASH_PEER,
     {"radial variance"}},
    {"resize to 128 x 128",
     "images",
     run_resize,
     128,
     128,
     LIMIT_DRAM,
     true,
     PIXELS,
     PICTURE_PEER,
     {"resize 512 to 128"}},
    {"mutual information",
     "pairs",
     run_information,
     0,
     0,
     LIMIT_DRAM,
     true,
     2 * PIXELS,
     PAIR_PEER,
     {"scikit-learn MI", "scikit-image NMI 256", "OpenCV calcHist MI"}},
    {"mutual information, one to many",
     "pairs",
     run_one_to_many,
     0,
     0,
     LIMIT_DRAM,
     true,
     PIXELS,
     PAIR_PEER,
     {"OpenCV calcHist MI"}},
    {"entropy",
     "images",
     run_entropy,
     0,
     0,
     LIMIT_DRAM,
     true,
     PIXELS,
     PAIR_PEER,
     {"scikit-image entropy", "NumPy bincount entropy"}},
    {"SSIM Gaussian",
     "pairs",
     run_ssim,
     REDUX_SSIM_GAUSSIAN,
     0,
     LIMIT_FLOPS,
     true,
     PIXELS *(5.0 * 22 * 2 + 30),
     PAIR_PEER,
     {"scikit-image SSIM Gaussian", "OpenCV GaussianBlur SSIM"}},
    {"SSIM Gaussian, one to many",
     "pairs",
     run_one_to_many,
     1,
     0,
     LIMIT_FLOPS,
     true,
     PIXELS *(3.0 * 22 * 2 + 30),
     PAIR_PEER,
     {"OpenCV GaussianBlur SSIM"}},
    {"SSIM 7 x 7",
     "pairs",
     run_ssim,
     REDUX_SSIM_UNIFORM,
     0,
     LIMIT_FLOPS,
     true,
     PIXELS *(5.0 * 14 + 30),
     PAIR_PEER,
     {"scikit-image SSIM 7x7"}},
    {"window slice to 8 bits",
     "images",
     run_window,
     0,
     0,
     LIMIT_DRAM,
     true,
     2 * PIXELS,
     PICTURE_PEER,
     {"window slice"}},
    {"window lung to float",
     "images",
     run_window,
     1,
     0,
     LIMIT_DRAM,
     true,
     2 * PIXELS,
     PICTURE_PEER,
     {"window lung"}},
    {"views, 512 x 512 to 64 x 64", "images", run_views, 64, 0, LIMIT_NONE, true, 0, NULL, {NULL}},
    {"cosine > 0.9, 20,000 x 512",
     "pairs",
     run_cosine,
     20000,
     512,
     LIMIT_FLOPS,
     false,
     2 * 512,
     "search_faiss.py cosine 20000 512 %T",
     {"cosine all pairs"}},
    {"Hamming scan, 10^6 x 64 bits",
     "pairs",
     run_hamming,
     64,
     REDUX_INDEX_SCAN,
     LIMIT_BITS,
     true,
     1,
     "search_faiss.py hamming 1000000 64 1",
     {"flat"}},
    {"Hamming search, 10^6 x 64 bits",
     "queries",
     run_hamming,
     64,
     REDUX_INDEX_AUTO,
     LIMIT_NONE,
     true,
     0,
     "search_faiss.py hamming 1000000 64 1",
     {"multi-hash"}},
    {"Hamming scan, 10^6 x 256 bits",
     "pairs",
     run_hamming,
     256,
     REDUX_INDEX_SCAN,
     LIMIT_BITS,
     true,
     4,
     "search_faiss.py hamming 1000000 256 1",
     {"flat"}},
    {"Hamming search, 10^6 x 256 bits",
     "queries",
     run_hamming,
     256,
     REDUX_INDEX_AUTO,
     LIMIT_NONE,
     true,
     0,
     "search_faiss.py hamming 1000000 256 1",
     {"multi-hash"}},
    {"greedy reduction, 541,439 hashes",
     "hashes",
     run_greedy,
     PAPER,
     0,
     LIMIT_BITS,
     false,
     (PAPER - 1) / 2.0,
     NULL,
     {NULL}},
    {"reading PNG, 512 x 512",
     "images",
     run_read_picture,
     0,
     0,
     LIMIT_INFLATE,
     true,
     PIXELS,
     NULL,
     {NULL}},
    {"reading volumes",
     "bytes",
     run_read_volumes,
     0,
     0,
     LIMIT_INFLATE,
     true,
     1,
     "nifti_peers.py %F",
     {"nibabel"}},
    {"reading volumes, all threads",
     "bytes",
     run_read_volumes,
     0,
     0,
     LIMIT_INFLATE,
     false,
     1,
     NULL,
     {NULL}},
};
const int metric_path_count = sizeof metric_paths / sizeof metric_paths[0];

void free_metric_bench(bench *b)
{
    char file[128];
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
