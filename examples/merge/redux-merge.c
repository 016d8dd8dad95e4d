/* SPDX-License-Identifier: MIT
 * redux-merge: the whole result from the parts that redux-reduce, redux-hash or redux-embed made
 * with --shard. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/embed_work.h"
#include "common/hash_settings.h"
#include "common/input.h"
#include "common/reduce_others.h"
#include "common/reduce_output.h"

static const char help[] =
    "Usage: redux-merge --manifest FILE.csv [options] PART...\n"
    "       redux-merge --out FILE [options] PART...\n"
    "Make the whole result of all parts (shards) that redux-reduce, redux-hash or redux-embed\n"
    "wrote. It is the one that a single run gives, byte for byte (but for `seconds` in the JSON).\n"
    "Run it in the folder where the parts were made, if their inputs were\n"
    "named from there. Parts that are missing are listed with the commands that make them.\n"
    "\n"
    "  --manifest FILE.csv  of reductions: the manifest, and FILE.json beside it; over a dataset\n"
    "                       also FILE.exemplars\n"
    "  --export DIR         of reductions: the kept slices; --format NAME: png (default), npy or\n"
    "                       npz\n"
    "  --sheet FILE.png     of reductions: a contact sheet\n"
    "  --out FILE           of hashes: the list; of embeddings: the array (.npy or .npz). The "
    "form\n"
    "                       is that of the parts' command line\n"
    "  --index FILE.csv     of embeddings: source and slice of each row\n"
    "  --overwrite          replace files of other kinds; inputs and parts never are\n"
    "  --threads N          0 (default): all processors\n"
    "  --quiet              errors only\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 parts that are missing, damaged or of different jobs, or failure to\n"
    "write, 2 wrong usage, 130 interrupted.\n"
    "\n"
    "Examples:\n"
    "  redux-merge --manifest kept.csv parts/kept.*.part\n"
    "  redux-merge --out codes.txt parts/codes.*.part\n";

static const struct option long_options[] = {
    {"manifest", required_argument, NULL, 'm'}, {"export", required_argument, NULL, 'e'},
    {"format", required_argument, NULL, 'f'},   {"sheet", required_argument, NULL, 's'},
    {"out", required_argument, NULL, 'o'},      {"index", required_argument, NULL, 'x'},
    {"overwrite", no_argument, NULL, 'O'},      {"threads", required_argument, NULL, 't'},
    {"quiet", no_argument, NULL, 'q'},          {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},        {NULL, 0, NULL, 0},
};

typedef struct settings {
    const char *manifest, *export_folder, *sheet, *out, *index;
    redux_export_format format;
    int64_t threads;
    bool has_format, quiet;
} settings;

/* ---- options ---- */

static int set_format(settings *s, const char *text)
{
    static const char *const names[] = {"png", "npy", "npz"};
    for (int i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0) {
            s->format = (redux_export_format)i;
            s->has_format = true;
            return EXIT_OK;
        }
    return usage_error("--format '%s': expected png, npy or npz", text);
}

static int set_option(void *user, int option, const char *text)
{
    settings *s = user;
    switch (option) {
    case 'm':
        s->manifest = text;
        return EXIT_OK;
    case 'e':
        s->export_folder = text;
        return EXIT_OK;
    case 'f':
        return set_format(s, text);
    case 's':
        s->sheet = text;
        return EXIT_OK;
    case 'o':
        s->out = text;
        return EXIT_OK;
    case 'x':
        s->index = text;
        return EXIT_OK;
    case 't':
        return set_threads(&s->threads, text);
    default:
        s->quiet = true;
        return EXIT_OK;
    }
}

static int check_settings(const settings *s, int inputs)
{
    if (inputs == 0)
        return usage_error("no parts");
    if ((s->manifest == NULL) == (s->out == NULL))
        return usage_error("expected --manifest FILE.csv for reductions, or --out FILE for hashes "
                           "and embeddings");
    if (s->out != NULL && (s->export_folder != NULL || s->sheet != NULL))
        return usage_error("--export and --sheet are of reductions: name the manifest");
    if (s->has_format && s->export_folder == NULL)
        return usage_error("--format needs --export");
    if (s->index != NULL && s->out == NULL)
        return usage_error("--index is of embeddings: it needs --out");
    return EXIT_OK;
}

/* ---- what all kinds share ---- */

typedef struct job {
    const settings *s;
    redux_context *context;
    redux_parts *parts;
    shard_command command; /* that made the first part, and others with another index */
    double start;
} job;

/* Where the inputs may be named from another folder, a message says so. */
static int input_error(const job *j)
{
    char here[4200];
    const int code = data_error();
    if (getcwd(here, sizeof here) != NULL && strcmp(here, j->command.folder) != 0)
        fprintf(stderr, "%s: the parts were made in %s\n", program_name, j->command.folder);
    return code;
}

static int report_missing(const job *j)
{
    const int64_t count = redux_parts_missing_count(j->parts);
    if (count == 0)
        return EXIT_OK;
    progress_label(NULL);
    fprintf(stderr, "%s: %lld of %lld parts are missing; in %s these commands make them:\n",
            program_name, (long long)count, (long long)redux_parts_count(j->parts),
            j->command.folder);
    for (int64_t i = 0; i < count; i++)
        print_shard_command(stderr, &j->command, redux_parts_missing(j->parts, i),
                            redux_parts_count(j->parts));
    return EXIT_DATA;
}

static int wrong_kind(const char *wanted, const char *kind)
{
    return usage_error("the parts are of a %s: name %s", kind, wanted);
}

/* Files may be anybody's. */
static int damaged_arrays(void)
{
    progress_label(NULL);
    fprintf(stderr, "%s: the parts do not hold what redux-hash and redux-embed write\n",
            program_name);
    return EXIT_DATA;
}

/* Reads the parts' command line by `parse`, as the program did that made them. */
static int check_command(int code, bool done)
{
    return code == EXIT_OK && done ? usage_error("the parts' command line makes no parts") : code;
}

/* ---- reductions ---- */

static int merge_dataset(job *j, reduce_settings *s, const redux_dataset *dataset)
{
    others o = OTHERS_NONE;
    redux_reduction *reduction = NULL;
    int code;
    progress_label("merging");
    if (open_others(&o, j->context, s, dataset, EMBEDDINGS_IN_PARTS, NULL) != REDUX_OK ||
        protect_inputs(j->context, s, dataset, &o) != REDUX_OK ||
        check_reduction_outputs(j->context, s) != REDUX_OK ||
        redux_parts_reduce(&reduction, j->context, j->parts, dataset, &s->reduce) != REDUX_OK) {
        code = data_error();
    } else {
        const double seconds = seconds_now() - j->start;
        code = write_reduction(s, j->context, reduction, seconds);
        if (code == EXIT_OK)
            report_reduction(s, dataset, reduction, seconds);
    }
    redux_reduction_free(reduction);
    close_others(&o, s);
    return code;
}

static int merge_reduction(job *j)
{
    reduce_settings s = {.reduce = REDUX_REDUCE_OPTIONS_INIT,
                         .dataset = REDUX_DATASET_OPTIONS_INIT,
                         .shard = SHARD_NONE};
    redux_dataset *dataset = NULL;
    bool done = false;
    if (j->s->manifest == NULL)
        return wrong_kind("--manifest", "reduction");
    optind = 0; /* glibc: from the beginning */
    int code = check_command(
        parse_reduce_settings(&s, j->command.count, j->command.arguments, &done), done);
    s.json = false;
    s.manifest = j->s->manifest;
    s.export_folder = j->s->export_folder;
    s.format = j->s->format;
    s.sheet = j->s->sheet;
    s.quiet = j->s->quiet;
    if (code == EXIT_OK)
        code = settle_json_path(&s);
    if (code != EXIT_OK)
        return code;
    if (redux_dataset_open(&dataset, j->context,
                           (const char *const *)(j->command.arguments + optind),
                           j->command.count - optind, &s.dataset) != REDUX_OK)
        code = input_error(j);
    else
        code = merge_dataset(j, &s, dataset);
    redux_dataset_free(dataset);
    return code;
}

/* ---- hashes ---- */

static redux_status fill_list(redux_hash_list *list, redux_context *context,
                              const redux_dataset *dataset, const redux_tensor *arrays)
{
    const redux_tensor *codes = &arrays[HASH_CODES];
    const int32_t *quality = arrays[HASH_QUALITY].data;
    const uint32_t *flags = arrays[HASH_FLAGS].data;
    int64_t row = 0;
    for (int64_t v = 0; v < redux_dataset_volume_count(dataset); v++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        TRY(redux_dataset_get_volume_info(&info, dataset, v));
        for (int64_t slice = 0; slice < info.slices; slice++, row++) {
            redux_hash_item item = {.info = {quality[row], flags[row]}};
            item.code = (const uint8_t *)codes->data + row * codes->strides[0];
            TRY(redux_dataset_get_slice_name(&item.source, &item.slice, dataset, v, slice));
            TRY(redux_hash_list_add(list, context, &item));
        }
    }
    return REDUX_OK;
}

static bool are_hashes(const redux_tensor *arrays, const hash_settings *s)
{
    return arrays[HASH_CODES].ndim == 2 && arrays[HASH_CODES].dtype == REDUX_UINT8 &&
           arrays[HASH_CODES].shape[1] == redux_hash_bytes(&s->hash) &&
           arrays[HASH_QUALITY].ndim == 1 && arrays[HASH_QUALITY].dtype == REDUX_INT32 &&
           arrays[HASH_FLAGS].ndim == 1 && arrays[HASH_FLAGS].dtype == REDUX_UINT32;
}

static redux_status save_list(const job *j, const hash_settings *s, const redux_dataset *dataset,
                              const redux_tensor *arrays)
{
    redux_hash_list *list = NULL;
    redux_hash_options options = s->hash;
    options.window = s->window;
    TRY(redux_hash_list_new(&list, j->context, &options));
    redux_status status = fill_list(list, j->context, dataset, arrays);
    if (status == REDUX_OK)
        status = redux_hash_list_save(j->s->out, j->context, list, s->format, s->quality);
    if (status == REDUX_OK && !j->s->quiet) {
        progress_label(NULL);
        fprintf(stderr, "%s: %lld hashes\n", j->s->out, (long long)redux_hash_list_count(list));
    }
    redux_hash_list_free(list);
    return status;
}

static int merge_list(const job *j, const hash_settings *s, const redux_dataset *dataset)
{
    redux_tensor arrays[HASH_ARRAYS] = {REDUX_TENSOR_INIT, REDUX_TENSOR_INIT, REDUX_TENSOR_INIT};
    int code = EXIT_OK;
    redux_status status = redux_dataset_protect(dataset, j->context);
    if (status == REDUX_OK)
        status = redux_file_check(j->context, j->s->out, redux_hash_list_mark(s->format));
    for (int i = 0; i < HASH_ARRAYS && status == REDUX_OK; i++)
        status = redux_parts_join(&arrays[i], j->context, j->parts, dataset, hash_part_arrays[i]);
    if (status == REDUX_OK && !are_hashes(arrays, s))
        code = damaged_arrays();
    else if (status != REDUX_OK || save_list(j, s, dataset, arrays) != REDUX_OK)
        code = data_error();
    for (int i = 0; i < HASH_ARRAYS; i++)
        redux_tensor_release(&arrays[i]);
    return code;
}

static int merge_hashes(job *j)
{
    hash_settings s = HASH_SETTINGS_NONE;
    redux_dataset *dataset = NULL;
    bool done = false;
    if (j->s->out == NULL || j->s->index != NULL)
        return j->s->out == NULL ? wrong_kind("--out", "list of hashes")
                                 : usage_error("--index is of embeddings");
    optind = 0; /* glibc: from the beginning */
    int code =
        check_command(parse_hash_settings(&s, j->command.count, j->command.arguments, &done), done);
    if (code != EXIT_OK)
        return code;
    if (s.hash.profile == REDUX_PROFILE_PAPER_HASH)
        s.dataset.orientation = REDUX_ORIENTATION_STORED;
    if (redux_dataset_open(&dataset, j->context,
                           (const char *const *)(j->command.arguments + optind),
                           j->command.count - optind, &s.dataset) != REDUX_OK)
        code = input_error(j);
    else
        code = merge_list(j, &s, dataset);
    redux_dataset_free(dataset);
    return code;
}

/* ---- embeddings ---- */

/* Moves the rows of kept slices together, and counts those that could not be read. */
static void gather_kept(embed_work *w, const uint8_t *readable)
{
    const uint8_t *kept = w->kept.data;
    const int64_t width = w->rows.shape[1];
    float *data = w->rows.data;
    int64_t at = 0;
    for (int64_t i = 0; i < w->rows.shape[0]; i++) {
        if (kept != NULL && kept[i] == 0)
            continue;
        w->unreadable += readable[i] == 0;
        if (at != i)
            memcpy(data + at * width, data + i * width, (size_t)width * sizeof(float));
        at++;
    }
    w->rows.shape[0] = at;
}

static int join_rows(embed_work *w, const job *j)
{
    redux_tensor readable;
    if (redux_parts_join(&w->rows, j->context, j->parts, w->dataset, EMBED_PART_ROWS) != REDUX_OK ||
        redux_parts_join(&readable, j->context, j->parts, w->dataset, EMBED_PART_READABLE) !=
            REDUX_OK)
        return data_error();
    const bool fits = w->rows.ndim == 2 && w->rows.dtype == REDUX_FLOAT32 && readable.ndim == 1 &&
                      readable.dtype == REDUX_UINT8;
    if (fits)
        gather_kept(w, readable.data);
    redux_tensor_release(&readable);
    return fits ? EXIT_OK : damaged_arrays();
}

static int merge_work(job *j, embed_settings *s)
{
    embed_work w = EMBED_WORK_NONE;
    int code;
    if (open_work(&w, j->context, s) != REDUX_OK)
        code = input_error(j);
    else if (check_work_outputs(&w, j->context, s) != REDUX_OK)
        code = data_error();
    else
        code = join_rows(&w, j);
    if (code == EXIT_OK)
        code = write_work(&w, j->context, s);
    if (code == EXIT_OK)
        report_work(&w, s, seconds_now() - j->start);
    close_work(&w);
    return code;
}

static int merge_embeddings(job *j)
{
    embed_settings s = EMBED_SETTINGS_NONE;
    bool done = false;
    if (j->s->out == NULL)
        return wrong_kind("--out", "table of embeddings");
    optind = 0; /* glibc: from the beginning */
    int code = check_command(
        parse_embed_settings(&s, j->command.count, j->command.arguments, &done), done);
    s.out = j->s->out;
    s.index = j->s->index;
    s.quiet = j->s->quiet;
    if (code == EXIT_OK)
        code = merge_work(j, &s);
    free(s.inputs);
    return code;
}

/* ---- the whole ---- */

static redux_status open_parts(job *j, const char *const *paths, int count)
{
    for (int i = 0; i < count; i++)
        TRY(protect_file(j->context, paths[i]));
    return redux_parts_open(&j->parts, j->context, paths, count);
}

static int merge(job *j)
{
    if (!shard_command_read(&j->command, redux_parts_note(j->parts)))
        return usage_error("the parts are not of redux-reduce, redux-hash or redux-embed");
    const char *kind = redux_parts_kind(j->parts);
    int code = report_missing(j);
    if (code != EXIT_OK)
        return code;
    if (strcmp(kind, HASH_PART_KIND) == 0)
        return merge_hashes(j);
    return strcmp(kind, EMBED_PART_KIND) == 0 ? merge_embeddings(j) : merge_reduction(j);
}

int main(int count, char **arguments)
{
    settings s = {0};
    job j = {.s = &s};
    bool done = false;
    program_start("redux-merge", arguments);
    j.start = seconds_now();
    int code = parse_options(count, arguments, long_options, help, set_option, &s, &done);
    if (code != EXIT_OK || done)
        return code;
    code = check_settings(&s, count - optind);
    if (code != EXIT_OK)
        return code;
    if (new_context(&j.context, s.threads, s.quiet) != REDUX_OK)
        return data_error();
    if (open_parts(&j, (const char *const *)(arguments + optind), count - optind) != REDUX_OK)
        code = data_error();
    else
        code = merge(&j);
    shard_command_free(&j.command);
    redux_parts_free(j.parts);
    redux_context_free(j.context);
    return code;
}
