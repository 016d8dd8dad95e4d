/* SPDX-License-Identifier: MIT
 * redux-compare: every metric between two slices. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/input.h"

static const char help[] =
    "Usage: redux-compare [options] A[:SLICE] B[:SLICE]\n"
    "       redux-compare --neighbours [options] VOLUME\n"
    "Print metrics between two slices or pictures: NAME<TAB>VALUE, one line a metric.\n"
    "\n"
    "A, B: a volume, picture or array, with a slice number if it has more than one slice.\n"
    "Formats: @FORMATS@\n"
    "\n"
    "  --metric M[,M...]  all (default), or some of\n"
    "      average difference dct     Hamming distance of the hashes (profile imagehash)\n"
    "      ssim ssim-uniform          structural similarity: Gaussian (Wang 2004), uniform 7x7\n"
    "      ms-ssim                    at 5 scales, or as many as the size allows (Wang 2003)\n"
    "      mi                         mutual information, bits\n"
    "      nmi                        normalised as --normalisation says\n"
    "      nmi-studholme              normalised, as scikit-image, 1 to 2\n"
    "      mattes                     Mattes mutual information as ITK, A fixed, B moving, nats\n"
    "      phase-correlation          height of the peak, 0 to 1\n"
    "      shift-y shift-x            position of the peak: how far B is shifted from A, pixels\n"
    "      entropy-a entropy-b        Shannon entropy, bits\n"
    "      entropy-joint entropy-a-given-b entropy-b-given-a    bits\n"
    "      conditional-entropy        what B adds to A: entropy-b-given-a\n"
    "      vi                         variation of information, bits\n"
    "      cosine                     of 16 x 16 pixels with their mean removed\n"
    "  --window NAME      slice, full, lung, mediastinum, abdomen, bone, brain or LO:HI (HU);\n"
    "                     default: slice, and full for 8-bit pictures and arrays\n"
    "  --bins N           histogram bins, 2 to 256 (default 256; mattes: 5 to 256, default 50)\n"
    "  --range LO:HI      bins between two windowed values (0 to 255, or 0 to 1),\n"
    "                     or 'own': each slice's minimum to maximum (default: all values)\n"
    "  --normalisation K  of nmi: arithmetic (default, scikit-learn's), studholme (1 to 2),\n"
    "                     geometric, min, max, joint, or bits: none\n"
    "  --upsample N       shifts to 1/N of a pixel, 1 (default) to 100\n"
    "  --map FILE         write the SSIM of every pixel: .npy, float32, or .png, black to white\n"
    "                     for 0 to 1\n"
    "  --neighbours       one volume: SLICE<TAB>BITS, the entropy of the first slice, then the\n"
    "                     entropy of each slice given the one before it\n" INPUT_FRAME_HELP
    "  --threads N        0 (default): all processors\n"
    "  --quiet            errors only\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 unusable data, 2 wrong usage, 130 interrupted.\n"
    "\n"
    "Examples:\n"
    "  redux-compare scan.nii.gz:30 scan.nii.gz:31\n"
    "  redux-compare --metric ssim,difference --window lung a.nii.gz:12 b.nii.gz:40\n"
    "  redux-compare --metric phase-correlation,shift-y,shift-x --upsample 10 a.png b.png\n"
    "  redux-compare --metric ssim --map ssim.png scan.nii.gz:30 scan.nii.gz:31\n"
    "  redux-compare --neighbours --window mediastinum --bins 64 scan.nii.gz\n";

typedef struct settings {
    redux_dataset_options dataset;
    redux_window window;
    redux_histogram_options histogram;
    int64_t threads, upsample;
    const char *metrics, *map;
    bool quiet, neighbours;
} settings;

/* The two slices, windowed, and values that several metrics share. */
typedef struct comparison {
    redux_context *context;
    redux_tensor a, b;
    bool same_shape, has_information;
    redux_histogram_options histogram;
    redux_information information;
    int64_t upsample;
    bool has_shift;
    redux_shift shift;
} comparison;

/* ---- metrics ---- */

typedef redux_status (*measure_fn)(double *value, comparison *pair, int which);

/* Borrows both codes or vectors as tensors of one axis. */
static redux_status borrow_two(redux_tensor out[2], void *left, void *right, redux_dtype dtype,
                               int64_t length)
{
    TRY(redux_tensor_borrow(&out[0], left, dtype, 1, &length, NULL));
    return redux_tensor_borrow(&out[1], right, dtype, 1, &length, NULL);
}

static redux_status hash_distance(double *value, comparison *pair, int which)
{
    redux_hash_options options = REDUX_HASH_OPTIONS_INIT;
    uint8_t codes[2][8];
    redux_tensor two[2];
    redux_metric *metric;
    options.hash = (redux_hash)which;
    options.profile = REDUX_PROFILE_IMAGEHASH;
    TRY(borrow_two(two, codes[0], codes[1], REDUX_UINT8, sizeof codes[0]));
    TRY(redux_hash_compute(&two[0], pair->context, &pair->a, &options));
    TRY(redux_hash_compute(&two[1], pair->context, &pair->b, &options));
    TRY(redux_metric_new_hamming(&metric, pair->context));
    const redux_status status = redux_metric_pair(value, pair->context, metric, &two[0], &two[1]);
    redux_metric_free(metric);
    return status;
}

static redux_status ssim(double *value, comparison *pair, int which)
{
    redux_ssim_options options = REDUX_SSIM_OPTIONS_INIT;
    options.window = (redux_ssim_window)which;
    return redux_ssim(value, pair->context, &pair->a, &pair->b, &options);
}

static redux_status ms_ssim(double *value, comparison *pair, int which)
{
    (void)which;
    return redux_ms_ssim(value, pair->context, &pair->a, &pair->b, NULL);
}

static redux_status mattes(double *value, comparison *pair, int which)
{
    redux_mattes_options options = REDUX_MATTES_OPTIONS_INIT;
    options.bins = pair->histogram.bins;
    (void)which;
    return redux_mattes(value, pair->context, &pair->a, &pair->b, &options);
}

static redux_status phase_correlation(double *value, comparison *pair, int which)
{
    redux_phase_options options = REDUX_PHASE_OPTIONS_INIT;
    options.upsample = (int32_t)pair->upsample;
    if (!pair->has_shift) {
        TRY(redux_phase_correlation(&pair->shift, pair->context, &pair->a, &pair->b, &options));
        pair->has_shift = true;
    }
    const double values[] = {pair->shift.height, pair->shift.dy, pair->shift.dx};
    *value = values[which];
    return REDUX_OK;
}

static redux_status information(double *value, comparison *pair, int which)
{
    redux_information *all = &pair->information;
    if (!pair->has_information) {
        TRY(redux_information_compute(all, pair->context, &pair->a, &pair->b, &pair->histogram));
        pair->has_information = true;
    }
    const double values[] = {all->mutual,    all->nmi_arithmetic, all->nmi_studholme, all->joint,
                             all->a_given_b, all->b_given_a,      all->variation};
    *value = values[which];
    return REDUX_OK;
}

static redux_status normalised(double *value, comparison *pair, int which)
{
    TRY(information(value, pair, which));
    return redux_information_normalise(value, &pair->information,
                                       (redux_normalisation)pair->histogram.normalisation);
}

static redux_status entropy(double *value, comparison *pair, int which)
{
    return redux_entropy(value, pair->context, which == 0 ? &pair->a : &pair->b, &pair->histogram);
}

static redux_status cosine(double *value, comparison *pair, int which)
{
    enum { LENGTH = REDUX_DESCRIPTOR_SIDE * REDUX_DESCRIPTOR_SIDE };
    float vectors[2][LENGTH];
    redux_tensor two[2];
    redux_metric *metric;
    (void)which;
    TRY(borrow_two(two, vectors[0], vectors[1], REDUX_FLOAT32, LENGTH));
    TRY(redux_image_descriptor(&two[0], pair->context, &pair->a));
    TRY(redux_image_descriptor(&two[1], pair->context, &pair->b));
    TRY(redux_metric_new_cosine(&metric, pair->context));
    const redux_status status = redux_metric_pair(value, pair->context, metric, &two[0], &two[1]);
    redux_metric_free(metric);
    return status;
}

static const struct measure {
    const char *name;
    measure_fn function;
    int which;
    bool same_shape; /* compares pixel with pixel */
} measures[] = {
    {"average", hash_distance, REDUX_HASH_AVERAGE, false},
    {"difference", hash_distance, REDUX_HASH_DIFFERENCE, false},
    {"dct", hash_distance, REDUX_HASH_DCT, false},
    {"ssim", ssim, REDUX_SSIM_GAUSSIAN, true},
    {"ssim-uniform", ssim, REDUX_SSIM_UNIFORM, true},
    {"ms-ssim", ms_ssim, 0, true},
    {"mi", information, 0, true},
    {"nmi", normalised, 0, true},
    {"nmi-studholme", information, 2, true},
    {"mattes", mattes, 0, true},
    {"phase-correlation", phase_correlation, 0, true},
    {"shift-y", phase_correlation, 1, true},
    {"shift-x", phase_correlation, 2, true},
    {"entropy-a", entropy, 0, false},
    {"entropy-b", entropy, 1, false},
    {"entropy-joint", information, 3, true},
    {"entropy-a-given-b", information, 4, true},
    {"entropy-b-given-a", information, 5, true},
    {"conditional-entropy", information, 5, true},
    {"vi", information, 6, true},
    {"cosine", cosine, 0, false},
};
enum { MEASURES = sizeof measures / sizeof *measures };

/* True if `name` is among the comma-separated `list`. */
static bool listed(const char *list, const char *name)
{
    const size_t length = strlen(name);
    for (const char *item = list; item != NULL; item = strchr(item, ',')) {
        item += *item == ',';
        if (strncmp(item, name, length) == 0 && (item[length] == '\0' || item[length] == ','))
            return true;
    }
    return false;
}

static int check_metrics(const char *list)
{
    for (const char *item = list;;) {
        const size_t length = strcspn(item, ",");
        bool known = strncmp(item, "all", length) == 0 && length == 3;
        for (int i = 0; i < MEASURES; i++)
            known = known || (strlen(measures[i].name) == length &&
                              strncmp(item, measures[i].name, length) == 0);
        if (!known)
            return usage_error("--metric: unknown metric '%.*s'", (int)length, item);
        if (item[length] == '\0')
            return EXIT_OK;
        item += length + 1;
    }
}

/* ---- arguments ---- */

static const struct option long_options[] = {
    {"metric", required_argument, NULL, 'm'},
    {"window", required_argument, NULL, 'w'},
    {"bins", required_argument, NULL, 'b'},
    {"threads", required_argument, NULL, 't'},
    {"range", required_argument, NULL, 'r'},
    {"normalisation", required_argument, NULL, 'n'},
    {"map", required_argument, NULL, 'M'},
    {"overwrite", no_argument, NULL, 'O'},
    {"upsample", required_argument, NULL, 'u'},
    {"neighbours", no_argument, NULL, 'N'},
    INPUT_FRAME_OPTION,
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

/* "own" or "LO:HI". */
static int set_range(redux_histogram_options *histogram, const char *text)
{
    char low[64];
    const char *colon = strchr(text, ':');
    histogram->range = strcmp(text, "own") == 0 ? REDUX_HISTOGRAM_OWN : REDUX_HISTOGRAM_GIVEN;
    if (histogram->range == REDUX_HISTOGRAM_OWN)
        return EXIT_OK;
    if (colon == NULL || (size_t)(colon - text) >= sizeof low)
        return usage_error("--range '%s': expected LO:HI or own", text);
    memcpy(low, text, (size_t)(colon - text));
    low[colon - text] = '\0';
    if (!parse_number(&histogram->low, low) || !parse_number(&histogram->high, colon + 1) ||
        !(histogram->low < histogram->high))
        return usage_error("--range '%s': expected LO:HI with LO below HI, or own", text);
    return EXIT_OK;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length > tail && strcmp(text + length - tail, end) == 0;
}

static int set_normalisation(redux_histogram_options *histogram, const char *text)
{
    redux_normalisation kind;
    if (redux_normalisation_parse(&kind, text) != REDUX_OK)
        return usage_error("--normalisation: %s", redux_error_message());
    histogram->normalisation = (int32_t)kind;
    return EXIT_OK;
}

static int set_option(void *user, int option, const char *text)
{
    settings *s = user;
    int64_t bins;
    int code;
    if (set_input_option(&s->dataset, option, text, &code))
        return code;
    switch (option) {
    case 'r':
        return set_range(&s->histogram, text);
    case 'n':
        return set_normalisation(&s->histogram, text);
    case 'u':
        if (!parse_integer(&s->upsample, text, 1, 100))
            return usage_error("--upsample '%s': expected a whole number, 1 to 100", text);
        return EXIT_OK;
    case 'M':
        if (!ends_with(text, ".npy") && !ends_with(text, ".png"))
            return usage_error("--map '%s': expected a name that ends in .npy or .png", text);
        s->map = text;
        return EXIT_OK;
    case 'N':
        s->neighbours = true;
        return EXIT_OK;
    case 'm':
        s->metrics = text;
        return check_metrics(text);
    case 'w':
        return set_window(&s->window, text);
    case 'b':
        if (!parse_integer(&bins, text, 2, 256))
            return usage_error("--bins '%s': expected a whole number, 2 to 256", text);
        s->histogram.bins = (int32_t)bins;
        return EXIT_OK;
    case 't':
        return set_threads(&s->threads, text);
    default:
        s->quiet = true;
        return EXIT_OK;
    }
}

static int parse_arguments(settings *s, int count, char **arguments, bool *done)
{
    const int code = parse_options(count, arguments, long_options, help, set_option, s, done);
    if (code != EXIT_OK || *done)
        return code;
    if (s->neighbours && count - optind != 1)
        return usage_error("--neighbours takes one volume, not %d", count - optind);
    if (s->neighbours && (s->map != NULL || strcmp(s->metrics, "all") != 0))
        return usage_error("--neighbours cannot be combined with --metric or --map");
    if (!s->neighbours && count - optind != 2)
        return usage_error("two inputs are needed, not %d", count - optind);
    return code;
}

/* ---- the slices ---- */

/* "PATH:7" -> PATH and 7, unless a file of the whole name exists; else slice -1. */
static int64_t split_slice(char *path)
{
    char *colon = strrchr(path, ':');
    int64_t slice;
    if (colon == NULL || access(path, F_OK) == 0 || !parse_integer(&slice, colon + 1, 0, INT64_MAX))
        return -1;
    *colon = '\0';
    return slice;
}

static int fail_slice(const char *text, int64_t slices, int64_t slice)
{
    if (slice < 0)
        fprintf(stderr, "%s: %s has %lld slices: choose one with %s:N\n", program_name, text,
                (long long)slices, text);
    else
        fprintf(stderr, "%s: %s has slices 0 to %lld, not %lld\n", program_name, text,
                (long long)slices - 1, (long long)slice);
    return EXIT_DATA;
}

static redux_status keep_slice(void *user, const redux_tensor *image, int64_t number,
                               int64_t volume, int64_t slice)
{
    (void)number;
    (void)volume;
    (void)slice;
    return redux_tensor_contiguous(user, NULL, image, image->dtype);
}

/* Slices are numbered continuously if an input is more than one volume (a folder, an .npz). */
static redux_status visit_one(redux_tensor *out, redux_context *context,
                              const redux_dataset *dataset, int64_t slice, redux_window window)
{
    redux_visit_options options = REDUX_VISIT_OPTIONS_INIT;
    uint8_t *wanted = calloc((size_t)redux_dataset_slice_count(dataset), 1);
    if (wanted == NULL)
        return REDUX_E_NO_MEMORY;
    wanted[slice] = 1;
    options.wanted = wanted;
    options.window = window;
    const redux_status status = redux_dataset_visit(context, dataset, &options, keep_slice, out);
    free(wanted);
    return status;
}

static int load_slice(redux_tensor *out, redux_context *context, const settings *s, char *text)
{
    const int64_t slice = split_slice(text);
    const char *path = text;
    redux_dataset *dataset = NULL;
    int code = EXIT_OK;
    if (redux_dataset_open(&dataset, context, &path, 1, &s->dataset) != REDUX_OK)
        return data_error();
    const int64_t slices = redux_dataset_slice_count(dataset);
    if ((slice < 0 && slices != 1) || slice >= slices)
        code = fail_slice(text, slices, slice);
    else if (redux_dataset_protect(dataset, context) != REDUX_OK ||
             visit_one(out, context, dataset, slice < 0 ? 0 : slice, s->window) != REDUX_OK)
        code = data_error();
    redux_dataset_free(dataset);
    return code;
}

/* ---- a volume ---- */

/* All slices of the only volume of a dataset as one tensor. */
typedef struct stack {
    redux_context *context;
    redux_tensor slices;
    int64_t count;
} stack;

static redux_status add_to_stack(void *user, const redux_tensor *image, int64_t number,
                                 int64_t volume, int64_t slice)
{
    stack *s = user;
    redux_tensor plane;
    const int64_t shape[3] = {s->count, image->shape[0], image->shape[1]};
    (void)number;
    (void)volume;
    if (slice == 0)
        TRY(redux_tensor_new(&s->slices, s->context, image->dtype, 3, shape));
    TRY(redux_tensor_select(&plane, &s->slices, 0, slice));
    const redux_status status = redux_tensor_copy(&plane, image);
    redux_tensor_release(&plane);
    return status;
}

static redux_status print_neighbours(redux_context *context, const redux_tensor *slices,
                                     const redux_histogram_options *histogram)
{
    double *bits = malloc((size_t)(slices->shape[0] + 1) * sizeof *bits);
    if (bits == NULL)
        return REDUX_E_NO_MEMORY;
    redux_status status = redux_conditional_entropy_sequence(bits, context, slices, histogram);
    for (int64_t i = 0; i < slices->shape[0] && status == REDUX_OK; i++)
        printf("%lld\t%.10g\n", (long long)i, bits[i]);
    free(bits);
    return status;
}

static redux_status visit_neighbours(const settings *s, stack *all, const redux_dataset *dataset)
{
    redux_visit_options options = REDUX_VISIT_OPTIONS_INIT;
    options.window = s->window;
    TRY(redux_dataset_visit(all->context, dataset, &options, add_to_stack, all));
    return print_neighbours(all->context, &all->slices, &s->histogram);
}

static int neighbours(const settings *s, redux_context *context, const char *path)
{
    stack all = {context, REDUX_TENSOR_INIT, 0};
    redux_dataset *dataset = NULL;
    int code = EXIT_OK;
    if (redux_dataset_open(&dataset, context, &path, 1, &s->dataset) != REDUX_OK)
        return data_error();
    all.count = redux_dataset_slice_count(dataset);
    if (redux_dataset_volume_count(dataset) != 1) {
        fprintf(stderr, "%s: %s holds %lld volumes; --neighbours takes one\n", program_name, path,
                (long long)redux_dataset_volume_count(dataset));
        code = EXIT_DATA;
    } else if (visit_neighbours(s, &all, dataset) != REDUX_OK) {
        code = data_error();
    }
    redux_tensor_release(&all.slices);
    redux_dataset_free(dataset);
    return code;
}

/* ---- the map ---- */

/* Rounds 0 ... 1 to 0 ... 255. Values below 0, and NaN, become black. */
static redux_status write_grey(const char *path, redux_context *context, const redux_tensor *map)
{
    redux_tensor grey;
    TRY(redux_tensor_new(&grey, context, REDUX_UINT8, 2, map->shape));
    for (int64_t i = 0; i < redux_tensor_elements(map); i++) {
        const float value = ((const float *)map->data)[i];
        ((uint8_t *)grey.data)[i] = (uint8_t)(value > 0 ? value * 255 + 0.5F : 0);
    }
    const redux_status status = redux_picture_write_png(path, context, &grey);
    redux_tensor_release(&grey);
    return status;
}

static redux_status write_map(const settings *s, const comparison *pair)
{
    redux_tensor map;
    TRY(redux_tensor_new(&map, pair->context, REDUX_FLOAT32, 2, pair->a.shape));
    redux_status status = redux_ssim_map(&map, pair->context, &pair->a, &pair->b, NULL);
    if (status == REDUX_OK)
        status = ends_with(s->map, ".npy") ? redux_npy_write(s->map, pair->context, &map)
                                           : write_grey(s->map, pair->context, &map);
    redux_tensor_release(&map);
    return status;
}

static int flush_output(void)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("redux-compare: standard output");
        return EXIT_DATA;
    }
    return EXIT_OK;
}

typedef struct results {
    double values[MEASURES];
    bool is_known[MEASURES];
} results;

/* `all` leaves out the metrics that need equal shapes where the shapes differ, and those that this
 * build lacks. A metric that is named must work. */
static redux_status measure_all(results *r, const settings *s, comparison *pair, bool all)
{
    for (int i = 0; i < MEASURES; i++) {
        const struct measure *measure = &measures[i];
        const bool named = listed(s->metrics, measure->name);
        if ((!all && !named) || (!named && measure->same_shape && !pair->same_shape))
            continue;
        const redux_status status = measure->function(&r->values[i], pair, measure->which);
        if (status == REDUX_E_UNSUPPORTED && !named)
            continue;
        TRY(status);
        r->is_known[i] = true;
    }
    return s->map == NULL ? REDUX_OK : write_map(s, pair);
}

/* Prints only when every metric has succeeded. */
static int compare(const settings *s, comparison *pair)
{
    const bool all = listed(s->metrics, "all");
    results r = {.is_known = {false}};
    pair->same_shape = pair->a.shape[0] == pair->b.shape[0] &&
                       pair->a.shape[1] == pair->b.shape[1] && pair->a.dtype == pair->b.dtype;
    if (measure_all(&r, s, pair, all) != REDUX_OK)
        return data_error();
    for (int i = 0; i < MEASURES; i++)
        if (r.is_known[i])
            printf("%s\t%.10g\n", measures[i].name, r.values[i]);
    if (!pair->same_shape && all && !s->quiet)
        fprintf(stderr, "%s: sizes differ (%lld x %lld, %lld x %lld): pixelwise metrics left out\n",
                program_name, (long long)pair->a.shape[0], (long long)pair->a.shape[1],
                (long long)pair->b.shape[0], (long long)pair->b.shape[1]);
    return EXIT_OK;
}

int main(int count, char **arguments)
{
    settings s = {.dataset = REDUX_DATASET_OPTIONS_INIT,
                  .histogram = REDUX_HISTOGRAM_OPTIONS_INIT,
                  .metrics = "all"};
    comparison pair = {.a = REDUX_TENSOR_INIT, .b = REDUX_TENSOR_INIT};
    bool done = false;
    program_start("redux-compare", arguments);
    int code = parse_arguments(&s, count, arguments, &done);
    if (code != EXIT_OK || done)
        return code;
    if (new_context(&pair.context, s.threads, s.quiet) != REDUX_OK)
        return data_error();
    pair.histogram = s.histogram;
    pair.upsample = s.upsample;
    if (s.neighbours) {
        code = neighbours(&s, pair.context, arguments[optind]);
        redux_context_free(pair.context);
        return code == EXIT_OK ? flush_output() : code;
    }
    code = load_slice(&pair.a, pair.context, &s, arguments[optind]);
    if (code == EXIT_OK)
        code = load_slice(&pair.b, pair.context, &s, arguments[optind + 1]);
    if (code == EXIT_OK)
        code = compare(&s, &pair);
    redux_tensor_release(&pair.a);
    redux_tensor_release(&pair.b);
    redux_context_free(pair.context);
    return code == EXIT_OK ? flush_output() : code;
}
