/* SPDX-License-Identifier: MIT
 * redux-bench: how fast the hot paths are on this machine, through the public functions alone.
 *
 * Each path is repeated until a sample takes long enough to be timed; the median of several samples
 * is shown, with the fastest and slowest. Images are synthetic: a disc of tissue with structure and
 * noise on a dark ground, like a CT slice. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common.h"

enum { SIDE = 512, IMAGES = 64, CODES = 40000, VECTORS = 4096, WIDTH = 512, SAMPLES = 7 };
static const double sample_seconds = 0.08;

static const char help[] =
    "Usage: redux-bench [options] [FILE...]\n"
    "Rates of libredux's hot paths on this machine; FILE: volumes and pictures to read as well.\n"
    "\n"
    "  --threads N   0 (default): all processors\n"
    "  --json        JSON on stdout in place of the table\n"
    "  --quiet       errors only on stderr\n"
    "  --help, --version\n";

/* What the paths work on. */
typedef struct bench {
    redux_context *context;
    redux_tensor images, floats, hounsfield; /* uint8, float32, int16 */
    redux_tensor hashes, codes, vectors, small, grey, lung;
    redux_metric *hamming, *cosine;
    char picture[64]; /* a temporary PNG */
    const char *file; /* the one being read */
    int64_t next;     /* which image comes next */
} bench;

/* One path: does some work and says how many units of it. */
typedef redux_status (*path_fn)(double *units, bench *b);

typedef struct result {
    const char *name, *unit;
    double rate, fastest, slowest; /* units a second */
} result;

#define TRY(expression)                                                                            \
    do {                                                                                           \
        const redux_status try_status = (expression);                                              \
        if (try_status != REDUX_OK)                                                                \
            return try_status;                                                                     \
    } while (0)

/* ---- the data ---- */

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

static redux_status make_images(bench *b)
{
    const int64_t shape[3] = {IMAGES, SIDE, SIDE};
    TRY(redux_tensor_new(&b->hounsfield, b->context, REDUX_INT16, 3, shape));
    TRY(redux_tensor_new(&b->images, b->context, REDUX_UINT8, 3, shape));
    TRY(redux_tensor_new(&b->floats, b->context, REDUX_FLOAT32, 3, shape));
    for (int64_t i = 0; i < IMAGES; i++) {
        redux_tensor in = REDUX_TENSOR_INIT, grey = REDUX_TENSOR_INIT, lung = REDUX_TENSOR_INIT;
        redux_window range;
        const redux_window slice = {REDUX_WINDOW_SLICE, 0, 0};
        draw((int16_t *)b->hounsfield.data + i * SIDE * SIDE, i);
        redux_status status = redux_tensor_select(&in, &b->hounsfield, 0, i);
        if (status == REDUX_OK)
            status = redux_tensor_select(&grey, &b->images, 0, i);
        if (status == REDUX_OK)
            status = redux_tensor_select(&lung, &b->floats, 0, i);
        if (status == REDUX_OK)
            status = redux_window_apply(&grey, b->context, &in, 1, 0, slice);
        if (status == REDUX_OK)
            status = redux_window_parse(&range, "abdomen");
        if (status == REDUX_OK)
            status = redux_window_apply(&lung, b->context, &in, 1, 0, range);
        redux_tensor_release(&in);
        redux_tensor_release(&grey);
        redux_tensor_release(&lung);
        TRY(status);
    }
    return REDUX_OK;
}

static redux_status make_data(bench *b)
{
    const int64_t hashes[2] = {IMAGES, 8}, codes[2] = {CODES, 8}, vectors[2] = {VECTORS, WIDTH};
    const int64_t small[2] = {SIDE / 4, SIDE / 4}, full[2] = {SIDE, SIDE};
    const redux_random_key key = {.seed = 2};
    redux_tensor first = REDUX_TENSOR_INIT;

    TRY(make_images(b));
    TRY(redux_tensor_new(&b->hashes, b->context, REDUX_UINT8, 2, hashes));
    TRY(redux_tensor_new(&b->codes, b->context, REDUX_UINT8, 2, codes));
    TRY(redux_tensor_new(&b->vectors, b->context, REDUX_FLOAT32, 2, vectors));
    TRY(redux_tensor_new(&b->small, b->context, REDUX_UINT8, 2, small));
    TRY(redux_tensor_new(&b->grey, b->context, REDUX_UINT8, 2, full));
    TRY(redux_tensor_new(&b->lung, b->context, REDUX_FLOAT32, 2, full));
    for (uint32_t i = 0; i < CODES * 2; i++) {
        const uint32_t word = redux_random_u32(&key, i);
        memcpy((uint8_t *)b->codes.data + (size_t)i * sizeof word, &word, sizeof word);
    }
    for (uint32_t i = 0; i < (uint32_t)VECTORS * WIDTH; i++)
        ((float *)b->vectors.data)[i] = (float)redux_random_uniform(&key, i) - 0.5F;
    TRY(redux_metric_new_hamming(&b->hamming, b->context));
    TRY(redux_metric_new_cosine(&b->cosine, b->context));

    snprintf(b->picture, sizeof b->picture, "/tmp/redux-bench-%ld.png", (long)getpid());
    TRY(redux_tensor_select(&first, &b->images, 0, 0));
    const redux_status status = redux_picture_write_png(b->picture, b->context, &first);
    redux_tensor_release(&first);
    return status;
}

static void free_data(bench *b)
{
    redux_tensor *tensors[] = {&b->images,  &b->floats, &b->hounsfield, &b->hashes, &b->codes,
                               &b->vectors, &b->small,  &b->grey,       &b->lung};
    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++)
        redux_tensor_release(tensors[i]);
    redux_metric_free(b->hamming, b->context);
    redux_metric_free(b->cosine, b->context);
    if (b->picture[0] != '\0')
        unlink(b->picture);
}

/* ---- the paths ---- */

/* The next image and the one after it, as views that the caller releases. */
static redux_status next_pair(redux_tensor *one, redux_tensor *two, bench *b,
                              const redux_tensor *of)
{
    const int64_t i = b->next;
    b->next = (i + 1) % IMAGES;
    TRY(redux_tensor_select(one, of, 0, i));
    const redux_status status = redux_tensor_select(two, of, 0, b->next);
    if (status != REDUX_OK)
        redux_tensor_release(one);
    return status;
}

static redux_status hash_images(double *units, bench *b, redux_hash hash)
{
    redux_hash_options options = REDUX_HASH_OPTIONS_INIT;
    options.hash = hash;
    *units = IMAGES;
    return redux_hash_compute(&b->hashes, b->context, &b->images, &options);
}

static redux_status run_hash_difference(double *units, bench *b)
{
    return hash_images(units, b, REDUX_HASH_DIFFERENCE);
}

static redux_status run_hash_dct(double *units, bench *b)
{
    return hash_images(units, b, REDUX_HASH_DCT);
}

/* Random codes hardly ever lie within 6 bits: every one is compared with all before it. */
static redux_status run_hamming_first(double *units, bench *b)
{
    static int64_t witness[CODES];
    static double scores[CODES];
    redux_exemplars *exemplars = NULL;
    TRY(redux_exemplars_new(&exemplars, b->context, b->hamming, 6));
    const redux_status status =
        redux_exemplars_add(witness, scores, b->context, exemplars, &b->codes);
    redux_exemplars_free(exemplars, b->context);
    *units = 0.5 * CODES * (CODES - 1.0);
    return status;
}

static redux_status run_entropy(double *units, bench *b)
{
    redux_tensor one = REDUX_TENSOR_INIT, two = REDUX_TENSOR_INIT;
    double entropy;
    TRY(next_pair(&one, &two, b, &b->images));
    const redux_status status = redux_entropy(&entropy, b->context, &one, NULL);
    redux_tensor_release(&one);
    redux_tensor_release(&two);
    *units = 1;
    return status;
}

static redux_status run_information(double *units, bench *b)
{
    redux_tensor one = REDUX_TENSOR_INIT, two = REDUX_TENSOR_INIT;
    redux_information information;
    TRY(next_pair(&one, &two, b, &b->images));
    const redux_status status =
        redux_information_compute(&information, b->context, &one, &two, NULL);
    redux_tensor_release(&one);
    redux_tensor_release(&two);
    *units = 1;
    return status;
}

static redux_status ssim_pair(double *units, bench *b, const redux_tensor *of,
                              redux_ssim_window window)
{
    redux_ssim_options options = REDUX_SSIM_OPTIONS_INIT;
    redux_tensor one = REDUX_TENSOR_INIT, two = REDUX_TENSOR_INIT;
    double ssim;
    options.window = window;
    TRY(next_pair(&one, &two, b, of));
    const redux_status status = redux_ssim(&ssim, b->context, &one, &two, &options);
    redux_tensor_release(&one);
    redux_tensor_release(&two);
    *units = 1;
    return status;
}

static redux_status run_ssim_gaussian(double *units, bench *b)
{
    return ssim_pair(units, b, &b->images, REDUX_SSIM_GAUSSIAN);
}

static redux_status run_ssim_uniform(double *units, bench *b)
{
    return ssim_pair(units, b, &b->images, REDUX_SSIM_UNIFORM);
}

static redux_status run_ssim_float(double *units, bench *b)
{
    return ssim_pair(units, b, &b->floats, REDUX_SSIM_GAUSSIAN);
}

static int ignore_pair(const redux_pair *pair, void *user)
{
    (void)pair;
    (void)user;
    return 0;
}

static redux_status run_cosine_pairs(double *units, bench *b)
{
    *units = 0.5 * VECTORS * (VECTORS - 1.0);
    return redux_metric_pairs(b->context, b->cosine, &b->vectors, 0.9, ignore_pair, NULL);
}

static redux_status window_slice(double *units, bench *b, const char *name, redux_tensor *out)
{
    redux_tensor one = REDUX_TENSOR_INIT, two = REDUX_TENSOR_INIT;
    redux_window window;
    TRY(redux_window_parse(&window, name));
    TRY(next_pair(&one, &two, b, &b->hounsfield));
    const redux_status status = redux_window_apply(out, b->context, &one, 1, -1024, window);
    redux_tensor_release(&one);
    redux_tensor_release(&two);
    *units = 1;
    return status;
}

static redux_status run_window_slice(double *units, bench *b)
{
    return window_slice(units, b, "slice", &b->grey);
}

static redux_status run_window_lung(double *units, bench *b)
{
    return window_slice(units, b, "lung", &b->lung);
}

static redux_status run_resize(double *units, bench *b)
{
    redux_tensor one = REDUX_TENSOR_INIT, two = REDUX_TENSOR_INIT;
    TRY(next_pair(&one, &two, b, &b->images));
    const redux_status status =
        redux_image_resize(&b->small, b->context, &one, REDUX_FILTER_LANCZOS);
    redux_tensor_release(&one);
    redux_tensor_release(&two);
    *units = 1;
    return status;
}

static redux_status run_read_picture(double *units, bench *b)
{
    redux_tensor picture = REDUX_TENSOR_INIT;
    TRY(redux_picture_read(&picture, b->context, b->file));
    redux_tensor_release(&picture);
    *units = 1;
    return REDUX_OK;
}

/* Every slice, as stored. */
static redux_status read_volume(double *units, bench *b, const redux_dataset *dataset,
                                int64_t index)
{
    redux_volume *volume = NULL;
    redux_volume_info info;
    redux_status status;
    TRY(redux_dataset_volume_info(&info, dataset, index));
    TRY(redux_volume_open(&volume, b->context, dataset, index));
    status = REDUX_OK;
    for (int64_t k = 0; k < info.slices && status == REDUX_OK; k++) {
        redux_tensor slice = REDUX_TENSOR_INIT;
        status = redux_volume_slice(&slice, b->context, volume, k);
        redux_tensor_release(&slice);
    }
    redux_volume_free(volume, b->context);
    *units += (double)info.slices;
    return status;
}

static redux_status run_read_volumes(double *units, bench *b)
{
    redux_dataset *dataset = NULL;
    redux_status status = REDUX_OK;
    *units = 0;
    TRY(redux_dataset_open(&dataset, b->context, &b->file, 1, NULL));
    for (int64_t i = 0; i < redux_dataset_volumes(dataset) && status == REDUX_OK; i++)
        status = read_volume(units, b, dataset, i);
    redux_dataset_free(dataset);
    return status;
}

/* ---- timing ---- */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Runs a path `rounds` times and returns its rate in units a second. */
static redux_status sample(double *rate, double *seconds, bench *b, path_fn path, int64_t rounds)
{
    const double start = seconds_now();
    double total = 0;
    for (int64_t i = 0; i < rounds; i++) {
        double units = 0;
        TRY(path(&units, b));
        total += units;
    }
    *seconds = fmax(seconds_now() - start, 1e-9);
    *rate = total / *seconds;
    return REDUX_OK;
}

static redux_status measure(result *out, bench *b, const char *name, const char *unit, path_fn path)
{
    double rates[SAMPLES], seconds = 0;
    int64_t rounds = 1;
    b->next = 0;
    TRY(sample(&rates[0], &seconds, b, path, 1)); /* warms up */
    for (;; rounds *= 2) {
        TRY(sample(&rates[0], &seconds, b, path, rounds));
        if (seconds >= sample_seconds)
            break;
    }
    for (int i = 0; i < SAMPLES; i++)
        TRY(sample(&rates[i], &seconds, b, path, rounds));
    qsort(rates, SAMPLES, sizeof rates[0], ascending);
    *out = (result){name, unit, rates[SAMPLES / 2], rates[SAMPLES - 1], rates[0]};
    return REDUX_OK;
}

/* ---- output ---- */

static void cpu_name(char *out, size_t size)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    snprintf(out, size, "unknown processor");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':') != NULL) {
            snprintf(out, size, "%s", strchr(line, ':') + 2);
            out[strcspn(out, "\n\"\\")] = '\0';
            break;
        }
    if (file != NULL)
        fclose(file);
}

/* 1234567 as "1.235 M". */
static void print_rate(double rate, const char *unit)
{
    static const char prefixes[] = " kMGT";
    int i = 0;
    for (; rate >= 1000 && i < 4; i++)
        rate /= 1000;
    printf("%8.2f %c%s/s", rate, prefixes[i], unit);
}

static void print_row(const result *r, bool json, bool first)
{
    if (json) {
        printf("%s\n    {\"name\": \"", first ? "" : ",");
        for (const char *c = r->name; *c != '\0'; c++) /* a file's name may hold anything */
            if ((unsigned char)*c < 0x20)
                printf("\\u%04x", (unsigned)(unsigned char)*c);
            else
                printf(*c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
        printf("\", \"unit\": \"%s/s\", \"median\": %.6g, \"fastest\": %.6g, \"slowest\": %.6g}",
               r->unit, r->rate, r->fastest, r->slowest);
        return;
    }
    printf("%-34s", r->name);
    print_rate(r->rate, r->unit);
    printf("%*s -%.0f %% +%.0f %%\n", (int)(10 - strlen(r->unit)), "",
           100 * (1 - r->slowest / r->rate), 100 * (r->fastest / r->rate - 1));
    fflush(stdout);
}

static const struct path {
    const char *name, *unit;
    path_fn run;
} paths[] = {
    {"hash difference, 512 x 512", "images", run_hash_difference},
    {"hash dct, 512 x 512", "images", run_hash_dct},
    {"Hamming first match, 64 bits", "pairs", run_hamming_first},
    {"entropy, 512 x 512", "images", run_entropy},
    {"mutual information, 512 x 512", "pairs", run_information},
    {"SSIM Gaussian, 512 x 512, 8 bits", "pairs", run_ssim_gaussian},
    {"SSIM Gaussian, 512 x 512, float", "pairs", run_ssim_float},
    {"SSIM uniform, 512 x 512, 8 bits", "pairs", run_ssim_uniform},
    {"cosine, all pairs of 512 values", "pairs", run_cosine_pairs},
    {"window slice, 512 x 512 int16", "images", run_window_slice},
    {"window lung, 512 x 512 int16", "images", run_window_lung},
    {"resize Lanczos, 512 to 128", "images", run_resize},
};

static bool is_picture(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot != NULL &&
           (strcmp(dot, ".png") == 0 || strcmp(dot, ".jpg") == 0 || strcmp(dot, ".jpeg") == 0);
}

static redux_status run_all(bench *b, char **files, int count, bool json)
{
    result r;
    TRY(make_data(b));
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        TRY(measure(&r, b, paths[i].name, paths[i].unit, paths[i].run));
        print_row(&r, json, i == 0);
    }
    b->file = b->picture;
    TRY(measure(&r, b, "read PNG, 512 x 512 grey", "images", run_read_picture));
    print_row(&r, json, false);
    for (int i = 0; i < count; i++) {
        const char *slash = strrchr(files[i], '/');
        char name[256];
        b->file = files[i];
        snprintf(name, sizeof name, "read %s", slash == NULL ? files[i] : slash + 1);
        TRY(is_picture(files[i]) ? measure(&r, b, name, "images", run_read_picture)
                                 : measure(&r, b, name, "slices", run_read_volumes));
        print_row(&r, json, false);
    }
    return REDUX_OK;
}

typedef struct settings {
    int64_t threads;
    bool json;
} settings;

static int set_option(void *user, int option, const char *text)
{
    settings *s = user;
    if (option == 't')
        return set_threads(&s->threads, text);
    s->json =
        s->json || option == 'j'; /* without a progress bar there is nothing to be quiet about */
    return EXIT_OK;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"threads", required_argument, NULL, 't'}, {"json", no_argument, NULL, 'j'},
        {"quiet", no_argument, NULL, 'q'},         {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},       {NULL, 0, NULL, 0}};
    settings s = {0, false};
    bench b = {.context = NULL};
    bool done = false;
    char cpu[128];

    program_start("redux-bench", argv);
    const int wrong = parse_options(argc, argv, options, help, set_option, &s, &done);
    if (wrong != EXIT_OK || done)
        return wrong;
    if (new_context(&b.context, s.threads, true) != REDUX_OK)
        return data_error();
    cpu_name(cpu, sizeof cpu);
    printf(
        s.json
            ? "{\n  \"version\": \"%s\",\n  \"cpu\": \"%s\",\n  \"tier\": \"%s\",\n  \"threads\": "
              "%d,\n  \"rates\": ["
            : "libredux %s on %s, tier %s, threads %d\nmedian of 7; slowest and fastest against "
              "it\n\n",
        redux_version_string(), cpu, redux_cpu_tier(), redux_context_threads(b.context));
    const redux_status status = run_all(&b, argv + optind, argc - optind, s.json);
    if (s.json && status == REDUX_OK)
        printf("\n  ]\n}\n");
    const int code = status == REDUX_OK ? EXIT_OK : data_error();
    free_data(&b);
    redux_context_free(b.context);
    return code;
}
