/* SPDX-License-Identifier: MIT
 * The options of redux-embed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "embed_settings.h"
#include "input.h"
#include "ranks.h"

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
    "  --shard I/N          do only part I of N, and write it to FILE.I-of-N.part for --out\n"
    "                       FILE.npy; redux-merge --out makes the whole of all parts\n"
    "  --resume             leave a part that is complete as it is\n" RANKS_HELP
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
    {"shard", required_argument, NULL, 'S'},
    RANKS_OPTION,
    {"resume", no_argument, NULL, 'R'},
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

static int set_format(embed_settings *s, const char *text)
{
    if (strcmp(text, "npy") != 0 && strcmp(text, "npz") != 0)
        return usage_error("--format '%s': expected npy or npz", text);
    s->has_format = true;
    s->npz = text[2] == 'z';
    return EXIT_OK;
}

static int set_option(void *user, int option, const char *text)
{
    embed_settings *s = user;
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
    case 'S':
        return set_shard(&s->shard, text);
    case 'R':
        s->shard.resumes = true;
        return EXIT_OK;
    case 's':
        return set_number(&s->size, "size", text, 1, 4096);
    default:
        return set_number(&s->batch, "batch", text, 1, 65536);
    }
}

static int check_settings(embed_settings *s, int count, char **arguments)
{
    for (int i = optind; i < count; i++)
        s->inputs[s->input_count++] = arguments[i];
    if (s->weights == NULL)
        return usage_error("no --weights");
    if (s->out == NULL)
        return usage_error("no --out");
    if (s->input_count == 0 && s->manifest == NULL)
        return usage_error("no input");
    const int code = check_shard(&s->shard);
    if (code != EXIT_OK)
        return code;
    if (s->shard.given && s->index != NULL)
        return usage_error("--index is of the whole input: give it to redux-merge");
    const size_t length = strlen(s->out);
    if (!s->has_format)
        s->npz = length > 4 && strcmp(s->out + length - 4, ".npz") == 0;
    return EXIT_OK;
}

int parse_embed_settings(embed_settings *s, int count, char **arguments, bool *done)
{
    s->inputs = calloc((size_t)count + 1, sizeof *s->inputs);
    if (s->inputs == NULL) {
        perror(program_name);
        return EXIT_DATA;
    }
    const int code = parse_options(count, arguments, long_options, help, set_option, s, done);
    return code != EXIT_OK || *done ? code : check_settings(s, count, arguments);
}
