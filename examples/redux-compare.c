/* SPDX-License-Identifier: MIT
 * redux-compare: every metric between two slices. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common.h"

static const char help[] =
    "Usage: redux-compare [options] A[:SLICE] B[:SLICE]\n"
    "Print metrics between two slices or pictures: NAME<TAB>VALUE, one line a metric.\n"
    "\n"
    "A, B: a NIfTI volume, a picture, .npy, .npz or FILE.npz:KEY, with the slice's number where\n"
    "there is more than one.\n"
    "\n"
    "  --metric M[,M...]  all (default), or some of\n"
    "      average difference dct     Hamming distance of the hashes (profile imagehash)\n"
    "      ssim ssim-uniform          structural similarity: Gaussian (Wang 2004), uniform 7x7\n"
    "      mi                         mutual information, bits\n"
    "      nmi                        normalised, as scikit-learn (arithmetic), 0 to 1\n"
    "      nmi-studholme              normalised, as scikit-image, 1 to 2\n"
    "      entropy-a entropy-b        Shannon entropy, bits\n"
    "      entropy-joint entropy-a-given-b entropy-b-given-a    bits\n"
    "      vi                         variation of information, bits\n"
    "      cosine                     of 16 x 16 pixels with their mean removed\n"
    "  --window NAME      slice, full, lung, mediastinum, abdomen, bone, brain or LO:HI (HU);\n"
    "                     default: slice, and full for 8-bit pictures and arrays\n"
    "  --bins N           histogram bins, 2 to 256 (default 256)\n"
    "  --threads N        0 (default): all processors\n"
    "  --quiet            errors only\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 unusable data, 2 wrong usage, 130 interrupted.\n"
    "\n"
    "Examples:\n"
    "  redux-compare scan.nii.gz:30 scan.nii.gz:31\n"
    "  redux-compare --metric ssim,difference --window lung a.nii.gz:12 b.nii.gz:40\n";

typedef struct settings {
    redux_window window;
    redux_histogram_options histogram;
    int64_t threads;
    const char *metrics;
    bool quiet;
} settings;

/* The two slices, windowed, and what several metrics share. */
typedef struct comparison {
    redux_context *context;
    redux_tensor a, b;
    bool same_shape, has_information;
    redux_histogram_options histogram;
    redux_information information;
} comparison;

/* ---- metrics ---- */

typedef redux_status (*measure_fn)(double *value, comparison *pair, int which);

static redux_status hash_distance(double *value, comparison *pair, int which)
{
    redux_hash_options options = REDUX_HASH_OPTIONS_INIT;
    uint8_t code_a[8], code_b[8];
    const int64_t shape[1] = {8};
    redux_tensor left, right;
    redux_metric *metric;
    options.hash = (redux_hash)which;
    options.profile = REDUX_PROFILE_IMAGEHASH;
    redux_status status = redux_tensor_borrow(&left, code_a, REDUX_UINT8, 1, shape, NULL);
    if (status == REDUX_OK)
        status = redux_tensor_borrow(&right, code_b, REDUX_UINT8, 1, shape, NULL);
    if (status == REDUX_OK)
        status = redux_hash_compute(&left, pair->context, &pair->a, &options);
    if (status == REDUX_OK)
        status = redux_hash_compute(&right, pair->context, &pair->b, &options);
    if (status == REDUX_OK)
        status = redux_metric_new_hamming(&metric, pair->context);
    if (status != REDUX_OK)
        return status;
    status = redux_metric_pair(value, pair->context, metric, &left, &right);
    redux_metric_free(metric, pair->context);
    return status;
}

static redux_status ssim(double *value, comparison *pair, int which)
{
    redux_ssim_options options = REDUX_SSIM_OPTIONS_INIT;
    options.window = (redux_ssim_window)which;
    return redux_ssim(value, pair->context, &pair->a, &pair->b, &options);
}

static redux_status information(double *value, comparison *pair, int which)
{
    redux_information *all = &pair->information;
    if (!pair->has_information) {
        redux_status status =
            redux_information_compute(all, pair->context, &pair->a, &pair->b, &pair->histogram);
        if (status != REDUX_OK)
            return status;
        pair->has_information = true;
    }
    const double values[] = {all->mutual,    all->nmi_arithmetic, all->nmi_studholme, all->joint,
                             all->a_given_b, all->b_given_a,      all->variation};
    *value = values[which];
    return REDUX_OK;
}

static redux_status entropy(double *value, comparison *pair, int which)
{
    return redux_entropy(value, pair->context, which == 0 ? &pair->a : &pair->b, &pair->histogram);
}

static redux_status cosine(double *value, comparison *pair, int which)
{
    enum { LENGTH = REDUX_DESCRIPTOR_SIDE * REDUX_DESCRIPTOR_SIDE };
    const int64_t shape[1] = {LENGTH};
    float vectors[2][LENGTH];
    redux_tensor left, right;
    redux_metric *metric;
    (void)which;
    redux_status status = redux_tensor_borrow(&left, vectors[0], REDUX_FLOAT32, 1, shape, NULL);
    if (status == REDUX_OK)
        status = redux_tensor_borrow(&right, vectors[1], REDUX_FLOAT32, 1, shape, NULL);
    if (status == REDUX_OK)
        status = redux_image_descriptor(&left, pair->context, &pair->a);
    if (status == REDUX_OK)
        status = redux_image_descriptor(&right, pair->context, &pair->b);
    if (status == REDUX_OK)
        status = redux_metric_new_cosine(&metric, pair->context);
    if (status != REDUX_OK)
        return status;
    status = redux_metric_pair(value, pair->context, metric, &left, &right);
    redux_metric_free(metric, pair->context);
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
    {"mi", information, 0, true},
    {"nmi", information, 1, true},
    {"nmi-studholme", information, 2, true},
    {"entropy-a", entropy, 0, false},
    {"entropy-b", entropy, 1, false},
    {"entropy-joint", information, 3, true},
    {"entropy-a-given-b", information, 4, true},
    {"entropy-b-given-a", information, 5, true},
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
            return usage_error("--metric: '%.*s' is no metric", (int)length, item);
        if (item[length] == '\0')
            return EXIT_OK;
        item += length + 1;
    }
}

/* ---- arguments ---- */

static const struct option long_options[] = {
    {"metric", required_argument, NULL, 'm'}, {"window", required_argument, NULL, 'w'},
    {"bins", required_argument, NULL, 'b'},   {"threads", required_argument, NULL, 't'},
    {"quiet", no_argument, NULL, 'q'},        {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},      {NULL, 0, NULL, 0},
};

static int set_option(void *user, int option, const char *text)
{
    settings *s = user;
    int64_t bins;
    switch (option) {
    case 'm':
        s->metrics = text;
        return check_metrics(text);
    case 'w':
        return set_window(&s->window, text);
    case 'b':
        if (!parse_integer(&bins, text, 2, 256))
            return usage_error("--bins '%s': a whole number, 2 to 256", text);
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
    if (count - optind != 2)
        return usage_error("two inputs are compared, not %d", count - optind);
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
        fprintf(stderr, "%s: %s has %lld slices: name one as %s:N\n", program_name, text,
                (long long)slices, text);
    else
        fprintf(stderr, "%s: %s has slices 0 to %lld, not %lld\n", program_name, text,
                (long long)slices - 1, (long long)slice);
    return EXIT_DATA;
}

static redux_status window_slice(redux_tensor *out, redux_context *context,
                                 const redux_volume *volume, const redux_volume_info *info,
                                 int64_t slice, redux_window window)
{
    redux_tensor pixels;
    redux_status status = redux_volume_slice(&pixels, context, volume, slice);
    if (status != REDUX_OK)
        return status;
    window = redux_window_resolve(window, pixels.dtype, info->kind == REDUX_VOLUME_NIFTI);
    status = redux_tensor_new(out, context, redux_window_dtype(window), 2, pixels.shape);
    if (status == REDUX_OK)
        status = redux_window_apply(out, context, &pixels, info->slope, info->intercept, window);
    redux_tensor_release(&pixels);
    return status;
}

/* Slices are numbered through when an input is more than one volume (a folder, an .npz). */
static int load_slice(redux_tensor *out, redux_context *context, char *text, redux_window window)
{
    int64_t slice = split_slice(text), volume_index = 0;
    const char *path = text;
    redux_dataset *dataset = NULL;
    redux_volume *volume = NULL;
    redux_volume_info info;
    int code = EXIT_OK;
    if (redux_dataset_open(&dataset, context, &path, 1, NULL) != REDUX_OK)
        return data_error();
    const int64_t slices = redux_dataset_slices(dataset);
    if ((slice < 0 && slices != 1) || slice >= slices) {
        code = fail_slice(text, slices, slice);
    } else {
        int64_t left = slice < 0 ? 0 : slice;
        redux_status status = redux_dataset_volume_info(&info, dataset, 0);
        while (status == REDUX_OK && left >= info.slices) {
            left -= info.slices;
            status = redux_dataset_volume_info(&info, dataset, ++volume_index);
        }
        if (status == REDUX_OK)
            status = redux_volume_open(&volume, context, dataset, volume_index);
        if (status == REDUX_OK)
            status = window_slice(out, context, volume, &info, left, window);
        if (status != REDUX_OK)
            code = data_error();
    }
    redux_volume_free(volume, context);
    redux_dataset_free(dataset);
    return code;
}

/* With `all`, what needs equal shapes is left out where they differ; named, it is an error. */
static int compare(const settings *s, comparison *pair)
{
    const bool all = listed(s->metrics, "all");
    pair->same_shape = pair->a.shape[0] == pair->b.shape[0] &&
                       pair->a.shape[1] == pair->b.shape[1] && pair->a.dtype == pair->b.dtype;
    for (int i = 0; i < MEASURES; i++) {
        const struct measure *measure = &measures[i];
        double value = 0;
        const bool named = listed(s->metrics, measure->name);
        if ((!all && !named) || (!named && measure->same_shape && !pair->same_shape))
            continue;
        if (measure->function(&value, pair, measure->which) != REDUX_OK)
            return data_error();
        printf("%s\t%.10g\n", measure->name, value);
    }
    if (!pair->same_shape && all && !s->quiet)
        fprintf(stderr, "%s: sizes differ (%lld x %lld, %lld x %lld): pixelwise metrics left out\n",
                program_name, (long long)pair->a.shape[0], (long long)pair->a.shape[1],
                (long long)pair->b.shape[0], (long long)pair->b.shape[1]);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("redux-compare: standard output");
        return EXIT_DATA;
    }
    return EXIT_OK;
}

int main(int count, char **arguments)
{
    settings s = {.histogram = REDUX_HISTOGRAM_OPTIONS_INIT, .metrics = "all"};
    comparison pair = {.a = REDUX_TENSOR_INIT, .b = REDUX_TENSOR_INIT};
    bool done = false;
    program_start("redux-compare", arguments);
    int code = parse_arguments(&s, count, arguments, &done);
    if (code != EXIT_OK || done)
        return code;
    if (new_context(&pair.context, s.threads, s.quiet) != REDUX_OK)
        return data_error();
    pair.histogram = s.histogram;
    code = load_slice(&pair.a, pair.context, arguments[optind], s.window);
    if (code == EXIT_OK)
        code = load_slice(&pair.b, pair.context, arguments[optind + 1], s.window);
    if (code == EXIT_OK)
        code = compare(&s, &pair);
    redux_tensor_release(&pair.a);
    redux_tensor_release(&pair.b);
    redux_context_free(pair.context);
    return code;
}
