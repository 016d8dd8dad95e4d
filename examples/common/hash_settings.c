/* SPDX-License-Identifier: MIT
 * The options of redux-hash. */
#include <stdio.h>
#include <string.h>
#include "hash_settings.h"
#include "input.h"
#include "ranks.h"

static const char help[] =
    "Usage: redux-hash [options] INPUT...\n"
    "       redux-hash --decode FILE [--format F] [--quality] [--out FILE] [--pairs N]\n"
    "       redux-hash --volume [--help | options] INPUT...\n"
    "Print a perceptual hash of every slice: SOURCE<TAB>SLICE<TAB>HEX, one line a slice, after a\n"
    "line with the form's version and the options (backslash, tab and line ends in names: \\\\, "
    "\\t,\n"
    "\\n, \\r).\n"
    "\n"
    "INPUT: files or folders, as for redux-reduce. Formats: @FORMATS@\n"
    "\n"
    "  --hash NAME      average, difference (default), difference-vertical, dct, dct-simple,\n"
    "                   wavelet, colour, pdq, blockhash, block-mean-0, block-mean-1,\n"
    "                   marr-hildreth, radial-variance\n"
    "  --profile NAME   the library to match bit for bit; default: implied by the hash, else\n"
    "                   paper-hash: slices as stored, like the paper's script\n"
    "                   imagehash: axial slices, like Python's imagehash on pictures\n"
    "                   (default with a window of HU)\n"
    "                   imagededup, pdq, blockhash, opencv: like those, pictures in colour\n"
    "                   hu: from HU directly under --window, without 8-bit grey values\n"
    "  --size N         size of the hash where the profile has a choice: imagehash, hu 2 to 64\n"
    "                   (N x N bits; colour: bits a share, 1 to 8), blockhash 2 to 64\n"
    "  --window NAME    slice, full, lung, mediastinum, abdomen, bone, brain or LO:HI (HU);\n"
    "                   default: slice, and full for 8-bit pictures and arrays\n"
    "  --quality        two more columns: quality, 0 to 100 (PDQ's measure), and flags: flat,\n"
    "                   small, or -\n"
    "  --pairs N        print every pair of slices within N bits instead of the hashes: SOURCE,\n"
    "                   SLICE, SOURCE, SLICE, DISTANCE, as text or csv\n"
    "  --format NAME    text (default), csv, json, binary (--decode reads text and binary)\n"
    "  --out FILE       write to FILE, whole or not at all; required for binary\n"
    "  --overwrite      replace a file of another kind; inputs never are\n"
    "  --shard I/N      do only part I of N, and write it to FILE.I-of-N.part for --out FILE.csv;\n"
    "                   redux-merge --out makes the whole of all parts\n"
    "  --resume         leave a part that is complete as it is\n"
    "  --mpi            one of several processes that mpirun or srun started: they share the\n"
    "                   work, and the first one writes (docs/cluster.md)\n"
    "  --mpi-timeout S  end all processes when one does not answer for S seconds (default:\n"
    "                   3600)\n"
    "  --decode FILE    print a text or binary file instead of hashing\n"
    "  --volume         hash whole volumes instead, or look them up in another set; see\n"
    "                   redux-hash --volume --help\n"
    "  --frame N        which frame of 4-D volumes and of DICOM time series\n"
    "  --threads N      0 (default): all processors\n"
    "  --quiet          errors only\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 unusable data, 2 wrong usage, 130 interrupted.\n"
    "\n"
    "Examples:\n"
    "  redux-hash scan.nii.gz\n"
    "  redux-hash --profile hu --window lung --hash dct scan.nii.gz\n"
    "  redux-hash --hash pdq --quality pictures/ | tail -n +2 | sort -k3\n"
    "  redux-hash --pairs 6 --format csv scans/ > near-duplicates.csv\n";

static const struct option long_options[] = {
    {"hash", required_argument, NULL, 'a'},
    {"profile", required_argument, NULL, 'p'},
    {"size", required_argument, NULL, 's'},
    {"window", required_argument, NULL, 'w'},
    {"quality", no_argument, NULL, 'Q'},
    {"pairs", required_argument, NULL, 'P'},
    {"format", required_argument, NULL, 'f'},
    {"out", required_argument, NULL, 'o'},
    {"decode", required_argument, NULL, 'd'},
    {"threads", required_argument, NULL, 't'},
    {"quiet", no_argument, NULL, 'q'},
    {"overwrite", no_argument, NULL, 'O'},
    {"shard", required_argument, NULL, 'S'},
    RANKS_OPTION,
    {"resume", no_argument, NULL, 'R'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    INPUT_FRAME_OPTION,
    {NULL, 0, NULL, 0},
};

/* ---- options ---- */

static int set_hash(hash_settings *s, const char *text)
{
    s->has_hash = true;
    return redux_hash_parse(&s->hash.hash, text) == REDUX_OK
               ? EXIT_OK
               : usage_error("--hash: %s", redux_error_message());
}

static int set_profile(hash_settings *s, const char *text)
{
    s->has_profile = true;
    return redux_hash_profile_parse(&s->hash.profile, text) == REDUX_OK
               ? EXIT_OK
               : usage_error("--profile: %s", redux_error_message());
}

static int set_size(hash_settings *s, const char *text)
{
    int64_t size;
    if (!parse_integer(&size, text, 1, 64))
        return usage_error("--size '%s': expected a whole number, 1 to 64", text);
    s->has_size = true;
    s->hash.size = (int32_t)size;
    return EXIT_OK;
}

static int set_option(void *user, int option, const char *text)
{
    hash_settings *s = user;
    int code;
    if (set_input_option(&s->dataset, option, text, &code))
        return code;
    switch (option) {
    case 'a':
        return set_hash(s, text);
    case 'p':
        return set_profile(s, text);
    case 's':
        return set_size(s, text);
    case 'w':
        s->has_window = true;
        return set_window(&s->window, text);
    case 'Q':
        s->quality = true;
        return EXIT_OK;
    case 'f':
        if (redux_hash_list_format_parse(&s->format, text) != REDUX_OK)
            return usage_error("--format: %s", redux_error_message());
        return EXIT_OK;
    case 'P':
        return parse_integer(&s->pairs, text, 0, 4096)
                   ? EXIT_OK
                   : usage_error("--pairs '%s': a whole number of bits, 0 to 4096", text);
    case 'o':
        s->out = text;
        return EXIT_OK;
    case 'd':
        s->decode = text;
        return EXIT_OK;
    case 't':
        return set_threads(&s->threads, text);
    case 'S':
        return set_shard(&s->shard, text);
    case 'R':
        s->shard.resumes = true;
        return EXIT_OK;
    default:
        s->quiet = true;
        return EXIT_OK;
    }
}

static int check_shard_settings(const hash_settings *s)
{
    const int code = check_shard(&s->shard);
    if (code != EXIT_OK || !s->shard.given)
        return code;
    if (s->out == NULL)
        return usage_error("--shard writes a file for each part: name it by --out");
    if (s->pairs >= 0 || s->decode != NULL)
        return usage_error("--pairs and --decode have no parts");
    return EXIT_OK;
}

/* Checks of options in combination. */
static int check_settings(hash_settings *s, int inputs)
{
    const int code = check_shard_settings(s);
    if (code != EXIT_OK)
        return code;
    if (s->pairs >= 0 && (s->out != NULL || s->quality || s->format > REDUX_HASH_LIST_CSV))
        return usage_error("--pairs prints text or csv; omit --quality and --out");
    if (s->format == REDUX_HASH_LIST_BINARY && s->out == NULL)
        return usage_error("--format binary needs --out FILE");
    if (s->decode != NULL) {
        if (inputs > 0 || s->has_hash || s->has_profile || s->has_window || s->has_size)
            return usage_error("--decode takes no inputs and no options of hashing");
        return EXIT_OK;
    }
    if (inputs == 0)
        return usage_error("no input");
    if (s->has_hash && !s->has_profile)
        s->hash.profile = redux_hash_default_profile(s->hash.hash);
    if (s->has_profile && !s->has_hash)
        s->hash.hash = redux_hash_profile_default_hash(s->hash.profile);
    if (!s->has_profile && s->window.kind == REDUX_WINDOW_RANGE &&
        s->hash.profile == REDUX_PROFILE_PAPER_HASH) /* the paper's script has no windows */
        s->hash.profile = REDUX_PROFILE_IMAGEHASH;
    if (redux_hash_check(&s->hash) != REDUX_OK)
        return usage_error("%s", redux_error_message());
    if (s->hash.profile == REDUX_PROFILE_PAPER_HASH && s->window.kind == REDUX_WINDOW_RANGE)
        return usage_error("profile paper-hash has a window of its own, by slice: for others use "
                           "--profile imagehash");
    if (s->hash.profile == REDUX_PROFILE_HU && s->window.kind != REDUX_WINDOW_RANGE)
        return usage_error("profile hu needs --window: lung, mediastinum, abdomen, bone, brain or "
                           "LO:HI");
    return EXIT_OK;
}

int parse_hash_settings(hash_settings *s, int count, char **arguments, bool *done)
{
    const int code = parse_options(count, arguments, long_options, help, set_option, s, done);
    return code != EXIT_OK || *done ? code : check_settings(s, count - optind);
}

const char *const hash_part_arrays[HASH_ARRAYS] = {"codes", "quality", "flags"};

char *hash_part_job(const hash_settings *s)
{
    char text[400], window[REDUX_WINDOW_TEXT];
    if (redux_window_to_text(window, s->window) != REDUX_OK)
        return NULL;
    snprintf(
        text, sizeof text,
        "{\"hash\": \"%s\", \"profile\": \"%s\", \"size\": %d, \"window\": \"%s\", \"frame\": %d}",
        redux_hash_name(s->hash.hash), redux_hash_profile_name(s->hash.profile), (int)s->hash.size,
        window, (int)s->dataset.frame);
    return strdup(text);
}
