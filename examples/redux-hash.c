/* SPDX-License-Identifier: MIT
 * redux-hash: perceptual hashes of slices and pictures, one line each. */
#include <stdio.h>
#include <string.h>
#include "common.h"

static const char help[] =
    "Usage: redux-hash [options] INPUT...\n"
    "Print a perceptual hash of every slice: SOURCE<TAB>SLICE<TAB>HEX, one line a slice.\n"
    "\n"
    "INPUT: NIfTI volumes, folders, pictures, .npy, .npz, as for redux-reduce.\n"
    "\n"
    "  --hash NAME      average, difference (default), dct\n"
    "  --profile NAME   paper-hash (default): slices as stored, as the paper's script takes them;\n"
    "                   imagehash: axial slices, hashed as Python's imagehash hashes a picture\n"
    "  --window NAME    slice, full, lung, mediastinum, abdomen, bone, brain or LO:HI (HU);\n"
    "                   default: slice, and full for 8-bit pictures and arrays\n"
    "  --threads N      0 (default): all processors\n"
    "  --quiet          errors only\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 unusable data, 2 wrong usage, 130 interrupted.\n"
    "\n"
    "Examples:\n"
    "  redux-hash scan.nii.gz\n"
    "  redux-hash --profile imagehash --hash dct pictures/ | sort -k3\n";

typedef struct settings {
    redux_hash_options hash;
    redux_window window;
    int64_t threads;
    bool quiet;
} settings;

static const struct option long_options[] = {
    {"hash", required_argument, NULL, 'a'},   {"profile", required_argument, NULL, 'p'},
    {"window", required_argument, NULL, 'w'}, {"threads", required_argument, NULL, 't'},
    {"quiet", no_argument, NULL, 'q'},        {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},      {NULL, 0, NULL, 0},
};

static int set_option(void *user, int option, const char *text)
{
    settings *s = user;
    switch (option) {
    case 'a':
        if (redux_hash_parse(&s->hash.hash, text) != REDUX_OK)
            return usage_error("--hash: %s", redux_error_message());
        return EXIT_OK;
    case 'p':
        if (redux_hash_profile_parse(&s->hash.profile, text) != REDUX_OK)
            return usage_error("--profile: %s", redux_error_message());
        return EXIT_OK;
    case 'w':
        return set_window(&s->window, text);
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
    if (optind == count)
        return usage_error("no input");
    if (s->hash.profile == REDUX_PROFILE_PAPER_HASH && s->window.kind == REDUX_WINDOW_RANGE)
        return usage_error("profile paper-hash windows by slice: use --profile imagehash");
    return code;
}

static int print_hashes(const redux_dataset *dataset, const redux_tensor *codes)
{
    char hex[65];
    int64_t row = 0;
    for (int64_t v = 0; v < redux_dataset_volumes(dataset); v++) {
        redux_volume_info info;
        if (redux_dataset_volume_info(&info, dataset, v) != REDUX_OK)
            return data_error();
        for (int64_t k = 0; k < info.slices; k++, row++) {
            const char *source = NULL;
            int64_t slice = 0;
            if (redux_dataset_slice_name(&source, &slice, dataset, v, k) != REDUX_OK)
                return data_error();
            redux_hash_to_hex(hex, (const uint8_t *)codes->data + row * codes->shape[1],
                              codes->shape[1]);
            printf("%s\t%lld\t%s\n", source, (long long)slice, hex);
        }
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("redux-hash: standard output");
        return EXIT_DATA;
    }
    return EXIT_OK;
}

int main(int count, char **arguments)
{
    settings s = {.hash = REDUX_HASH_OPTIONS_INIT};
    redux_dataset_options options = REDUX_DATASET_OPTIONS_INIT;
    redux_context *context = NULL;
    redux_dataset *dataset = NULL;
    redux_tensor codes = REDUX_TENSOR_INIT;
    bool done = false;
    program_start("redux-hash", arguments);
    int code = parse_arguments(&s, count, arguments, &done);
    if (code != EXIT_OK || done)
        return code;
    if (s.hash.profile == REDUX_PROFILE_PAPER_HASH)
        options.orientation = REDUX_ORIENTATION_STORED;
    if (new_context(&context, s.threads, s.quiet) != REDUX_OK)
        return data_error();
    progress_label("hashing");
    if (redux_dataset_open(&dataset, context, (const char *const *)(arguments + optind),
                           count - optind, &options) != REDUX_OK ||
        redux_dataset_hash(&codes, context, dataset, s.window, &s.hash) != REDUX_OK) {
        code = data_error();
    } else {
        progress_label(NULL);
        code = print_hashes(dataset, &codes);
    }
    redux_tensor_release(&codes);
    redux_dataset_free(dataset);
    redux_context_free(context);
    return code;
}
