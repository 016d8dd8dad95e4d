/* SPDX-License-Identifier: MIT
 * redux-hash --volume: one hash for each volume; with --against, which volumes of the input are in
 * another set already, unchanged or edited. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "common/input.h"
#include "volume.h"

static const char help[] =
    "Usage: redux-hash --volume [options] INPUT...\n"
    "       redux-hash --volume --against SET [options] INPUT...\n"
    "Print a perceptual hash of every volume: SOURCE<TAB>HEX, one line a volume, after a line "
    "with\n"
    "the form's version (backslash, tab, line ends in names: \\\\, \\t, \\n, \\r). With "
    "--against,\n"
    "print as CSV which volumes of the input are in SET already, even resampled, clipped, noisy "
    "or\n"
    "slightly cropped: source,kept,nearest,distance,turn. kept is 0 if the nearest volume is\n"
    "within the threshold.\n"
    "\n"
    "INPUT: files or folders; the pictures of a folder are a volume. Volumes with a known\n"
    "orientation are turned into one common orientation first. Formats: @FORMATS@\n"
    "\n"
    "  --hash NAME      dct (default), difference, block-mean\n"
    "  --size N         N x N x N bits, N from 2 to 16; default 8: 512 bits\n"
    "  --window NAME    full, lung, mediastinum, abdomen, bone, brain or LO:HI (HU); default:\n"
    "                   -1000:1000, and 0:255 for 8-bit data; full (nothing is clipped) for MRI\n"
    "  --rotations      treat a volume and its rotations by 90 degrees about any axis as the "
    "same:\n"
    "                   print the least of 24 codes, or compare all of them with SET\n"
    "  --flips          reflections too: 48 codes\n"
    "  --against SET    volumes, or a .tsv file that redux-hash --volume has printed with the\n"
    "                   same --hash, --size and --window, without --rotations and --flips\n"
    "  --threshold N    in bits; default, from a study of CT volumes: 160 for dct, 64 for\n"
    "                   difference, 32 for block-mean; in proportion for other sizes\n"
    "  --frame N        which frame of 4-D volumes and of DICOM time series\n"
    "  --threads N      0 (default): all processors\n"
    "  --quiet          errors only\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 unusable data, 2 wrong usage, 130 interrupted.\n"
    "\n"
    "Examples:\n"
    "  redux-hash --volume train/ > train.tsv\n"
    "  redux-hash --volume --against train.tsv test/ > leaked.csv\n"
    "  redux-hash --volume --rotations --against train/ test/\n";

typedef struct settings {
    redux_volume_hash_options hash;
    redux_dataset_options dataset;
    const char *against;
    int64_t threshold, threads; /* threshold -1: the default */
    int32_t variants;
    bool quiet;
} settings;

static const struct option long_options[] = {
    {"volume", no_argument, NULL, 'v'},          INPUT_FRAME_OPTION,
    {"hash", required_argument, NULL, 'a'},      {"size", required_argument, NULL, 's'},
    {"window", required_argument, NULL, 'w'},    {"rotations", no_argument, NULL, 'r'},
    {"flips", no_argument, NULL, 'f'},           {"against", required_argument, NULL, 'g'},
    {"threshold", required_argument, NULL, 'x'}, {"threads", required_argument, NULL, 't'},
    {"quiet", no_argument, NULL, 'q'},           {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},         {NULL, 0, NULL, 0},
};

bool wants_volumes(int count, char **arguments)
{
    for (int i = 1; i < count && strcmp(arguments[i], "--") != 0; i++)
        if (strcmp(arguments[i], "--volume") == 0)
            return true;
    return false;
}

/* ---- options ---- */

static int set_size(settings *s, const char *text)
{
    int64_t size;
    if (!parse_integer(&size, text, 2, 16))
        return usage_error("--size '%s': expected a whole number, 2 to 16", text);
    s->hash.size = (int32_t)size;
    return EXIT_OK;
}

static int set_option(void *user, int option, const char *text)
{
    settings *s = user;
    int code;
    if (set_input_option(&s->dataset, option, text, &code))
        return code;
    switch (option) {
    case 'a':
        if (redux_volume_hash_parse(&s->hash.hash, text) != REDUX_OK)
            return usage_error("--hash: %s", redux_error_message());
        return EXIT_OK;
    case 's':
        return set_size(s, text);
    case 'w':
        return set_window(&s->hash.window, text);
    case 'r':
        if (s->variants < REDUX_VOLUME_ROTATIONS)
            s->variants = REDUX_VOLUME_ROTATIONS;
        return EXIT_OK;
    case 'f':
        s->variants = REDUX_VOLUME_TURNS;
        return EXIT_OK;
    case 'g':
        s->against = text;
        return EXIT_OK;
    case 'x':
        if (!parse_integer(&s->threshold, text, 0, 4096))
            return usage_error("--threshold '%s': a whole number of bits, 0 to 4096", text);
        return EXIT_OK;
    case 't':
        return set_threads(&s->threads, text);
    case 'q':
        s->quiet = true;
        return EXIT_OK;
    default:
        return EXIT_OK; /* --volume itself */
    }
}

static int check_settings(settings *s, int inputs)
{
    if (redux_volume_hash_check(&s->hash) != REDUX_OK)
        return usage_error("%s", redux_error_message());
    if (inputs == 0)
        return usage_error("no input");
    if (s->threshold >= 0 && s->against == NULL)
        return usage_error("--threshold needs --against");
    if (s->threshold > redux_volume_hash_bits(&s->hash))
        return usage_error("--threshold %lld: a code has %lld bits", (long long)s->threshold,
                           (long long)redux_volume_hash_bits(&s->hash));
    if (s->threshold < 0)
        s->threshold = redux_volume_hash_threshold(&s->hash);
    return EXIT_OK;
}

/* ---- the other set ---- */

/* Codes by row number, and the name of each row. */
typedef struct other_set {
    redux_index *index;
    char **names;
    int64_t count, capacity;
} other_set;

static redux_status add_code(other_set *set, redux_context *context, const char *name,
                             uint8_t *code, int64_t bytes)
{
    const int64_t shape[2] = {1, bytes};
    redux_tensor item;
    if (set->count == set->capacity) {
        const int64_t capacity = set->capacity * 2 + 64;
        char **names = realloc(set->names, (size_t)capacity * sizeof *names);
        if (names == NULL)
            return REDUX_E_NO_MEMORY;
        set->names = names;
        set->capacity = capacity;
    }
    TRY(redux_tensor_borrow(&item, code, REDUX_UINT8, 2, shape, NULL));
    TRY(redux_index_add(set->index, context, &item, NULL));
    set->names[set->count] = strdup(name);
    return set->names[set->count++] == NULL ? REDUX_E_NO_MEMORY : REDUX_OK;
}

static void free_set(other_set *set)
{
    for (int64_t i = 0; i < set->count; i++)
        free(set->names[i]);
    free(set->names);
    redux_index_free(set->index);
}

#define HEAD "#redux-hash-volume\t1\t"

/* The first line of a list: the form, its version, and the options of the codes. */
static void list_head(char *text, size_t size, const settings *s)
{
    char window[REDUX_WINDOW_TEXT] = "";
    (void)redux_window_to_text(window, s->hash.window); /* it was checked */
    snprintf(text, size, HEAD "%s\t%d\t%s", redux_volume_hash_name(s->hash.hash), (int)s->hash.size,
             window);
}

static int fail_list(const settings *s, const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", program_name, s->against, what);
    return EXIT_DATA;
}

static int check_head(const char *line, const settings *s)
{
    char head[256];
    list_head(head, sizeof head, s);
    if (strncmp(line, HEAD, strlen(HEAD)) != 0)
        return fail_list(s, "is no list of this version of redux-hash --volume: print it again");
    return strcmp(line, head) == 0
               ? EXIT_OK
               : fail_list(s, "was made with another --hash, --size or --window");
}

static int read_code(other_set *set, redux_context *context, const settings *s, char *line,
                     int64_t number)
{
    const int64_t bytes = redux_volume_hash_bytes(&s->hash);
    uint8_t code[512];
    char *tab = strchr(line, '\t');
    if (tab != NULL)
        *tab = '\0';
    if (tab == NULL || !unescape_field(line) ||
        redux_hash_from_hex(code, bytes, tab + 1) != REDUX_OK) {
        fprintf(stderr, "%s: %s: line %lld is not SOURCE<TAB>HEX of %d digits\n", program_name,
                s->against, (long long)number, (int)(2 * bytes));
        return EXIT_DATA;
    }
    return add_code(set, context, line, code, bytes) == REDUX_OK ? EXIT_OK : data_error();
}

/* The first line, then lines of SOURCE<TAB>HEX. */
static int read_list(other_set *set, redux_context *context, const settings *s)
{
    char *line = NULL;
    size_t room = 0;
    int result = EXIT_OK;
    FILE *file = open_plain_file(s->against);
    if (file == NULL)
        return EXIT_DATA;
    for (int64_t number = 1; result == EXIT_OK && getline(&line, &room, file) >= 0; number++) {
        line[strcspn(line, "\r\n")] = '\0';
        result = number == 1 ? check_head(line, s) : read_code(set, context, s, line, number);
    }
    if (result == EXIT_OK && ferror(file))
        result = fail_list(s, "cannot be read");
    free(line);
    fclose(file);
    return result;
}

static redux_status add_volumes(other_set *set, redux_context *context,
                                const redux_dataset *dataset, const settings *s)
{
    uint8_t code[512];
    for (int64_t v = 0; v < redux_dataset_volume_count(dataset); v++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        TRY(redux_dataset_get_volume_info(&info, dataset, v));
        TRY(redux_volume_hash_read(code, 1, NULL, context, dataset, v, &s->hash));
        TRY(add_code(set, context, info.source, code, redux_volume_hash_bytes(&s->hash)));
    }
    return REDUX_OK;
}

static int hash_set(other_set *set, redux_context *context, const settings *s)
{
    redux_dataset *dataset;
    if (redux_dataset_open(&dataset, context, &s->against, 1, &s->dataset) != REDUX_OK)
        return data_error();
    const int code = add_volumes(set, context, dataset, s) == REDUX_OK ? EXIT_OK : data_error();
    redux_dataset_free(dataset);
    return code;
}

/* A plain file that ends in .tsv is a list of hashes. */
static int fill_set(other_set *set, redux_context *context, const settings *s)
{
    struct stat status;
    const size_t length = strlen(s->against);
    if (redux_index_new(&set->index, context, redux_volume_hash_bytes(&s->hash), NULL) != REDUX_OK)
        return data_error();
    if (length > 4 && strcmp(s->against + length - 4, ".tsv") == 0 &&
        stat(s->against, &status) == 0 && S_ISREG(status.st_mode))
        return read_list(set, context, s);
    return hash_set(set, context, s);
}

/* ---- output ---- */

/* The least of the codes, which a volume shares with its turned copies. */
static const uint8_t *canonical(const uint8_t *codes, int32_t variants, int64_t bytes)
{
    const uint8_t *least = codes;
    for (int32_t v = 1; v < variants; v++)
        if (memcmp(codes + v * bytes, least, (size_t)bytes) < 0)
            least = codes + v * bytes;
    return least;
}

static int finish_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_OK;
    perror("redux-hash: standard output");
    return EXIT_DATA;
}

/* The code of the set that is nearest to any variant, the earlier one of equals; -1 if the set is
 * empty. */
static redux_status find_nearest(int64_t *nearest, int64_t *distance, int32_t *turn,
                                 redux_context *context, const other_set *set, uint8_t *codes,
                                 const settings *s)
{
    const int64_t shape[2] = {s->variants, redux_volume_hash_bytes(&s->hash)};
    int64_t ids[REDUX_VOLUME_TURNS];
    double scores[REDUX_VOLUME_TURNS];
    redux_tensor queries;
    TRY(redux_tensor_borrow(&queries, codes, REDUX_UINT8, 2, shape, NULL));
    TRY(redux_index_nearest(ids, scores, context, set->index, &queries, 1));
    *nearest = -1;
    for (int32_t v = 0; v < s->variants; v++)
        if (ids[v] >= 0 && (*nearest < 0 || (int64_t)scores[v] < *distance)) {
            *nearest = ids[v];
            *distance = (int64_t)scores[v];
            *turn = v;
        }
    return REDUX_OK;
}

static redux_status print_volume(FILE *out, const char *source, uint8_t *codes,
                                 redux_context *context, const other_set *set, const settings *s,
                                 int64_t *leaked)
{
    const int64_t bytes = redux_volume_hash_bytes(&s->hash);
    char hex[1025];
    int64_t nearest = -1, distance = 0;
    int32_t turn = 0;
    if (s->against == NULL) {
        redux_hash_to_hex(hex, canonical(codes, s->variants, bytes), bytes);
        print_escaped(out, source);
        fprintf(out, "\t%s\n", hex);
        return REDUX_OK;
    }
    TRY(find_nearest(&nearest, &distance, &turn, context, set, codes, s));
    const bool kept = nearest < 0 || distance > s->threshold;
    *leaked += kept ? 0 : 1;
    print_csv_field(out, source);
    if (nearest < 0) {
        fputs(",1,,,\n", out);
        return REDUX_OK;
    }
    fprintf(out, ",%d,", kept ? 1 : 0);
    print_csv_field(out, set->names[nearest]);
    fprintf(out, ",%lld,%d\n", (long long)distance, (int)turn);
    return REDUX_OK;
}

/* ---- all volumes ---- */

static void warn_flat(const redux_hash_info *info, const char *source, const settings *s)
{
    if ((info->flags & REDUX_HASH_FLAT) == 0 || s->quiet)
        return;
    progress_label(NULL);
    fprintf(stderr, "%s: %s: is flat within the window; its hash carries no information\n",
            program_name, source);
}

static redux_status print_rows(FILE *out, redux_context *context, const redux_dataset *dataset,
                               const other_set *set, const settings *s, int64_t *leaked)
{
    static uint8_t codes[REDUX_VOLUME_TURNS * 512];
    char head[256];
    list_head(head, sizeof head, s);
    if (s->against == NULL)
        fprintf(out, "%s\n", head);
    else
        fputs("source,kept,nearest,distance,turn\n", out);
    for (int64_t v = 0; v < redux_dataset_volume_count(dataset); v++) {
        redux_volume_info about = REDUX_VOLUME_INFO_INIT;
        redux_hash_info info;
        TRY(redux_dataset_get_volume_info(&about, dataset, v));
        TRY(redux_volume_hash_read(codes, s->variants, &info, context, dataset, v, &s->hash));
        warn_flat(&info, about.source, s);
        TRY(print_volume(out, about.source, codes, context, set, s, leaked));
    }
    return REDUX_OK;
}

/* Prints all rows or none. */
static int print_all(redux_context *context, const redux_dataset *dataset, const other_set *set,
                     const settings *s)
{
    const int64_t volumes = redux_dataset_volume_count(dataset);
    char *text = NULL;
    size_t size = 0;
    int64_t leaked = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        perror("redux-hash");
        return EXIT_DATA;
    }
    const redux_status status = print_rows(out, context, dataset, set, s, &leaked);
    const bool failed = fclose(out) != 0;
    progress_label(NULL);
    if (status == REDUX_OK && !failed)
        fwrite(text, 1, size, stdout);
    free(text);
    if (status != REDUX_OK)
        return data_error();
    if (failed) {
        perror("redux-hash");
        return EXIT_DATA;
    }
    if (s->against != NULL && !s->quiet)
        fprintf(stderr, "%s: %lld of %lld volumes are in %s already (within %lld of %lld bits)\n",
                program_name, (long long)leaked, (long long)volumes, s->against,
                (long long)s->threshold, (long long)redux_volume_hash_bits(&s->hash));
    return finish_output();
}

int hash_volumes(int count, char **arguments)
{
    settings s = {.hash = REDUX_VOLUME_HASH_OPTIONS_INIT,
                  .dataset = REDUX_DATASET_OPTIONS_INIT,
                  .threshold = -1,
                  .variants = 1};
    redux_context *context = NULL;
    redux_dataset *dataset = NULL;
    other_set set = {NULL, NULL, 0, 0};
    bool done = false;
    int code = parse_options(count, arguments, long_options, help, set_option, &s, &done);
    if (code != EXIT_OK || done)
        return code;
    code = check_settings(&s, count - optind);
    if (code != EXIT_OK)
        return code;
    if (new_context(&context, s.threads, s.quiet) != REDUX_OK)
        return data_error();
    progress_label("hashing");
    if (redux_dataset_open(&dataset, context, (const char *const *)(arguments + optind),
                           count - optind, &s.dataset) != REDUX_OK)
        code = data_error();
    if (code == EXIT_OK && s.against != NULL)
        code = fill_set(&set, context, &s);
    if (code == EXIT_OK)
        code = print_all(context, dataset, &set, &s);
    free_set(&set);
    redux_dataset_free(dataset);
    redux_context_free(context);
    return code;
}
