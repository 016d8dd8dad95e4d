/* SPDX-License-Identifier: MIT
 * redux-embed: pooled features of slices by an encoder, one row a slice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/encoder.h"
#include "common/input.h"

#define INDEX_HEADER "source,slice"

static const char help[] =
    "Usage: redux-embed --weights FILE --out FILE.npy [options] INPUT...\n"
    "Write an encoder's features of every slice: float32, one row a slice, in the order of the\n"
    "input. They are the global average pool of a ResNet, not normalised.\n"
    "\n"
    "INPUT: files or folders, as for redux-reduce; also --input PATH. Formats: @FORMATS@\n"
    "\n"
    "  --weights FILE       a ResNet with torchvision's names: .safetensors, of redux-pretrain "
    "and\n"
    "                       others, or .pt, .pth, .ckpt of PyTorch, in which nothing is run\n"
    "  --out FILE           .npy, or .npz with `embeddings`, `volumes` and `slices` (numbers from "
    "0)\n"
    "  --format NAME        npy or npz; default: by the name of --out\n"
    "  --index FILE.csv     source and slice of each row, and its group if --group-by is given\n"
    "  --manifest FILE.csv  only slices that redux-reduce kept; without INPUT, its own sources\n"
    "  --data FOLDER        where the manifest's files are now; nothing outside it is opened\n"
    "  --window NAME        slice, full, lung, mediastinum, abdomen, bone, brain or LO:HI (HU), "
    "and\n"
    "  --size N             side of the network's input; default of both: from the weight file,\n"
    "                       else auto and 64\n"
    "  --batch N            slices of a volume at a time (default 64)\n" INPUT_HELP
    "  --on-error NAME      stop (default) at unusable input, or skip it and fill the rows of\n"
    "                       unreadable slices with 0\n"
    "  --overwrite          replace files of other kinds; inputs never are\n"
    "  --threads N          0 (default): all processors\n"
    "  --quiet              errors only\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 unusable data or failure to write, 2 wrong usage, 130 interrupted.\n"
    "\n"
    "Examples:\n"
    "  redux-embed --weights run/weights.safetensors --out features.npy scans/\n"
    "  redux-embed --weights resnet18.safetensors --size 224 --window lung --index rows.csv \\\n"
    "      --out features.npy scans/*.nii.gz\n"
    "  redux-embed --weights run/weights.safetensors --manifest kept.csv --out kept.npz scans/\n";

typedef struct settings {
    const char *weights, *out, *index, *manifest;
    const char **inputs; /* room for all arguments */
    int input_count;
    redux_window window;
    int64_t size, batch, threads;
    redux_dataset_options dataset;
    bool has_window, has_format, npz, quiet;
} settings;

static const struct option long_options[] = {
    {"weights", required_argument, NULL, 'w'},
    {"input", required_argument, NULL, 'i'},
    {"out", required_argument, NULL, 'o'},
    {"format", required_argument, NULL, 'f'},
    {"index", required_argument, NULL, 'x'},
    {"manifest", required_argument, NULL, 'm'},
    {"window", required_argument, NULL, 'W'},
    {"size", required_argument, NULL, 's'},
    INPUT_OPTIONS,
    {"batch", required_argument, NULL, 'b'},
    {"on-error", required_argument, NULL, 'e'},
    {"threads", required_argument, NULL, 't'},
    {"quiet", no_argument, NULL, 'q'},
    {"overwrite", no_argument, NULL, 'O'},
    {"data", required_argument, NULL, 'd'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

/* ---- options ---- */

static int set_number(int64_t *out, const char *name, const char *text, int64_t low, int64_t high)
{
    if (!parse_integer(out, text, low, high))
        return usage_error("--%s '%s': expected a whole number, %lld to %lld", name, text,
                           (long long)low, (long long)high);
    return EXIT_OK;
}

static int set_format(settings *s, const char *text)
{
    if (strcmp(text, "npy") != 0 && strcmp(text, "npz") != 0)
        return usage_error("--format '%s': expected npy or npz", text);
    s->has_format = true;
    s->npz = text[2] == 'z';
    return EXIT_OK;
}

static int set_option(void *user, int option, const char *text)
{
    settings *s = user;
    int code;
    if (set_input_option(&s->dataset, option, text, &code))
        return code;
    switch (option) {
    case 'w':
        s->weights = text;
        return EXIT_OK;
    case 'i':
        s->inputs[s->input_count++] = text;
        return EXIT_OK;
    case 'o':
        s->out = text;
        return EXIT_OK;
    case 'f':
        return set_format(s, text);
    case 'x':
        s->index = text;
        return EXIT_OK;
    case 'm':
        s->manifest = text;
        return EXIT_OK;
    case 'd':
        s->dataset.within = text;
        return EXIT_OK;
    case 'W':
        s->has_window = true;
        return set_window(&s->window, text);
    case 'e':
        return set_on_error(&s->dataset.skip_errors, text);
    case 't':
        return set_threads(&s->threads, text);
    case 'q':
        s->quiet = true;
        return EXIT_OK;
    case 's':
        return set_number(&s->size, "size", text, 1, 4096);
    default:
        return set_number(&s->batch, "batch", text, 1, 65536);
    }
}

static int check_settings(settings *s, int count, char **arguments)
{
    for (int i = optind; i < count; i++)
        s->inputs[s->input_count++] = arguments[i];
    if (s->weights == NULL)
        return usage_error("no --weights");
    if (s->out == NULL)
        return usage_error("no --out");
    if (s->input_count == 0 && s->manifest == NULL)
        return usage_error("no input");
    const size_t length = strlen(s->out);
    if (!s->has_format)
        s->npz = length > 4 && strcmp(s->out + length - 4, ".npz") == 0;
    return EXIT_OK;
}

/* ---- what is embedded ---- */

typedef struct work {
    redux_dataset *dataset;
    redux_tensor kept;  /* [slices] uint8; no data: all */
    int64_t wanted;     /* slices to embed */
    redux_tensor rows;  /* [wanted, features] */
    int64_t unreadable; /* slices whose rows are 0 */
} work;

static redux_status open_with(work *w, redux_context *context, const settings *s,
                              const redux_manifest *manifest)
{
    redux_dataset_options options = s->dataset;
    if (manifest != NULL)
        TRY(input_of_manifest(&options, manifest));
    if (s->input_count == 0)
        return redux_dataset_open_manifest(&w->dataset, &w->kept, context, manifest, &options);
    TRY(redux_dataset_open(&w->dataset, context, s->inputs, s->input_count, &options));
    return manifest == NULL ? REDUX_OK
                            : redux_manifest_get_kept(&w->kept, context, manifest, w->dataset);
}

static redux_status open_inputs(work *w, redux_context *context, const settings *s)
{
    redux_manifest *manifest = NULL;
    if (s->manifest != NULL)
        TRY(redux_manifest_load(&manifest, context, s->manifest));
    const redux_status status = open_with(w, context, s, manifest);
    redux_manifest_free(manifest);
    TRY(status);
    const uint8_t *kept = w->kept.data;
    w->wanted = 0;
    for (int64_t i = 0; i < redux_dataset_slice_count(w->dataset); i++)
        w->wanted += kept == NULL || kept[i] != 0;
    return REDUX_OK;
}

static redux_status embed_readable(work *w, redux_context *context, const encoder *e)
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

static redux_status embed_with(work *w, redux_context *context, const settings *s, const encoder *e)
{
    const int64_t shape[2] = {w->wanted, redux_network_features(e->network)};
    TRY(redux_tensor_new(&w->rows, context, REDUX_FLOAT32, 2, shape));
    if (s->dataset.skip_errors)
        return embed_readable(w, context, e);
    return redux_embed(&w->rows, NULL, context, e->network, w->dataset, w->kept.data, &e->input,
                       e->batch);
}

static redux_status embed(work *w, redux_context *context, const settings *s)
{
    encoder e;
    TRY(encoder_open(&e, context, s->weights));
    if (s->has_window)
        e.input.window = s->window;
    if (s->size > 0)
        e.input.size = (int32_t)s->size;
    e.batch = s->batch;
    const redux_status status = embed_with(w, context, s, &e);
    encoder_close(&e);
    return status;
}

/* ---- what is written ---- */

/* Called for every slice that was embedded. */
typedef void (*row_fn)(int64_t row, int64_t volume, int64_t slice, const work *w, void *user);

static void each_row(const work *w, row_fn row, void *user)
{
    const uint8_t *kept = w->kept.data;
    for (int64_t volume = 0, at = 0, i = 0; volume < redux_dataset_volume_count(w->dataset);
         volume++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        if (redux_dataset_get_volume_info(&info, w->dataset, volume) != REDUX_OK)
            return;
        for (int64_t slice = 0; slice < info.slices; slice++, i++)
            if (kept == NULL || kept[i] != 0)
                row(at++, volume, slice, w, user);
    }
}

typedef struct numbers {
    int64_t *volumes, *slices;
} numbers;

static void note_numbers(int64_t row, int64_t volume, int64_t slice, const work *w, void *user)
{
    const numbers *n = user;
    (void)w;
    n->volumes[row] = volume;
    n->slices[row] = slice;
}

static redux_status write_arrays(redux_tensor arrays[3], const work *w, redux_context *context,
                                 const char *path)
{
    static const char *const keys[] = {"embeddings", "volumes", "slices"};
    TRY(redux_tensor_new(&arrays[1], context, REDUX_INT64, 1, &w->wanted));
    TRY(redux_tensor_new(&arrays[2], context, REDUX_INT64, 1, &w->wanted));
    numbers n = {arrays[1].data, arrays[2].data};
    each_row(w, note_numbers, &n);
    return redux_npz_write(path, context, keys, arrays, 3);
}

static redux_status write_npz(const work *w, redux_context *context, const char *path)
{
    redux_tensor arrays[3] = {w->rows, REDUX_TENSOR_INIT, REDUX_TENSOR_INIT};
    const redux_status status = write_arrays(arrays, w, context, path);
    redux_tensor_release(&arrays[1]);
    redux_tensor_release(&arrays[2]);
    return status;
}

static void print_row(int64_t row, int64_t volume, int64_t slice, const work *w, void *user)
{
    const char *source;
    int64_t number;
    (void)row;
    if (redux_dataset_get_slice_name(&source, &number, w->dataset, volume, slice) != REDUX_OK)
        return;
    print_csv_field(user, source);
    fprintf(user, ",%lld", (long long)number);
    if (redux_dataset_group_by(w->dataset) != NULL) {
        putc(',', user);
        print_csv_field(user, redux_dataset_group_name(
                                  w->dataset, redux_dataset_get_group(w->dataset, volume, slice)));
    }
    putc('\n', user);
}

static redux_status print_index(FILE *stream, void *user)
{
    const work *w = user;
    fputs(redux_dataset_group_by(w->dataset) == NULL ? INDEX_HEADER "\n" : INDEX_HEADER ",group\n",
          stream);
    each_row(w, print_row, stream);
    return REDUX_OK;
}

static int write_results(work *w, redux_context *context, const settings *s)
{
    const redux_status status =
        s->npz ? write_npz(w, context, s->out) : redux_npy_write(s->out, context, &w->rows);
    if (status != REDUX_OK || (s->index != NULL && redux_file_save(s->index, context, INDEX_HEADER,
                                                                   print_index, w) != REDUX_OK))
        return data_error();
    return EXIT_OK;
}

static void report(const work *w, const settings *s, double seconds)
{
    if (s->quiet)
        return;
    report_skipped(w->dataset);
    if (w->unreadable > 0)
        fprintf(stderr, "%s: %lld slices cannot be read; their rows are 0\n", program_name,
                (long long)w->unreadable);
    fprintf(stderr, "%s: %lld slices, %lld features each, in %.2f s (%.0f a second)\n", s->out,
            (long long)w->wanted, (long long)w->rows.shape[1], seconds,
            (double)w->wanted / (seconds > 0 ? seconds : 1e-9));
}

static redux_status check_outputs(const work *w, redux_context *context, const settings *s)
{
    TRY(redux_dataset_protect(w->dataset, context));
    TRY(protect_file(context, s->weights));
    TRY(protect_manifest(context, s->manifest));
    if (s->index != NULL)
        TRY(redux_file_check(context, s->index, INDEX_HEADER));
    return redux_file_check(context, s->out, s->npz ? "embeddings.npy" : REDUX_MARK_ARRAY);
}

static int run(const settings *s, redux_context *context)
{
    const double start = seconds_now();
    work w = {.kept = REDUX_TENSOR_INIT, .rows = REDUX_TENSOR_INIT};
    int code = EXIT_OK;
    progress_label("scanning");
    redux_status status = open_inputs(&w, context, s);
    if (status == REDUX_OK && !s->quiet)
        report_input(w.dataset);
    progress_label("embedding");
    if (status == REDUX_OK)
        status = check_outputs(&w, context, s);
    if (status == REDUX_OK)
        status = embed(&w, context, s);
    progress_label(NULL);
    code = status == REDUX_OK ? write_results(&w, context, s) : data_error();
    if (code == EXIT_OK)
        report(&w, s, seconds_now() - start);
    redux_tensor_release(&w.kept);
    redux_tensor_release(&w.rows);
    redux_dataset_free(w.dataset);
    return code;
}

static int embed_main(settings *s, int count, char **arguments)
{
    redux_context *context = NULL;
    bool done = false;
    int code = parse_options(count, arguments, long_options, help, set_option, s, &done);
    if (code != EXIT_OK || done)
        return code;
    code = check_settings(s, count, arguments);
    if (code != EXIT_OK)
        return code;
    if (new_context(&context, s->threads, s->quiet) != REDUX_OK)
        return data_error();
    code = run(s, context);
    redux_context_free(context);
    return code;
}

int main(int count, char **arguments)
{
    settings s = {.dataset = REDUX_DATASET_OPTIONS_INIT};
    program_start("redux-embed", arguments);
    s.inputs = calloc((size_t)count + 1, sizeof *s.inputs);
    if (s.inputs == NULL) {
        perror("redux-embed");
        return EXIT_DATA;
    }
    const int code = embed_main(&s, count, arguments);
    free(s.inputs);
    return code;
}
