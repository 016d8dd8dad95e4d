/* SPDX-License-Identifier: MIT
 * redux-audit: is this dataset fit to train on? */
#include <math.h>
#include <string.h>
#include "common/input.h"
#include "audit.h"

static const char help[] =
    "Usage: redux-audit [options] INPUT...\n"
    "Is this dataset fit to train on? Leaks between training and test, labels that contradict "
    "each\n"
    "other, slices that show nothing, outliers, redundancy.\n"
    "\n"
    "INPUT: files or folders, as for redux-reduce. Formats: @FORMATS@\n"
    "\n"
    "  --against PATH       the other set, such as the training data: what of INPUT is in it\n"
    "                       already, by group, volume and slice, whatever was done to the copies\n"
    "  --labels FILE.csv    a table with the columns file and, if need be, slice\n"
    "  --label COLUMN       its classes (default: label)\n"
    "  --split COLUMN       its splits (train, val, test): leaks between them\n"
    "  --group COLUMN       its groups, such as patients; with --labels alone each file is a "
    "group\n"
    "  --encoder FILE       weights of a ResNet for outliers and label suspicion, as redux-embed\n"
    "                       reads them; --embeddings FILE.npy: one row a slice; default: 16 x 16\n"
    "                       pixels, which see less\n"
    "  --threshold X        similarity from which two slices are twins, 0 to 1 (default: %g for\n"
    "                       leaks, %g for labels)\n"
    "  --skip LIST          of leaks, labels, slices, outliers, redundancy: not "
    "checked\n" INPUT_HELP "What to write\n"
    "  --out DIR            audit.csv and audit.html; the folder is made if it is missing\n"
    "  --window NAME        of its pictures: slice, full, lung, mediastinum, abdomen, bone, brain\n"
    "                       or LO:HI (HU)\n"
    "  --json               JSON on stdout in place of the table\n"
    "  --write-clean FILE.csv\n"
    "                       a manifest without leaks, slices of conflicting labels, flat slices,\n"
    "                       CT slices without tissue and unreadable ones\n"
    "  --fail-on LIST       of leaks, labels, slices, outliers: exit with 3 if there are any\n"
    "  --overwrite          replace files of other kinds; inputs never are\n"
    "  --on-error NAME      skip (default): what cannot be read is a finding; stop: end at the "
    "first\n"
    "  --threads N          0 (default): all processors\n"
    "  --quiet              no progress, and errors only on stderr\n"
    "  --help, --version\n"
    "\n"
    "A finding is something to look at: audit.html shows the pictures side by side.\n"
    "\n"
    "Exit status: 0 done, 1 unusable data or failure to write, 2 wrong usage, 3 found what "
    "--fail-on\n"
    "names, 130 interrupted.\n"
    "\n"
    "Examples:\n"
    "  redux-audit test/ --against train/\n"
    "  redux-audit data/ --labels data/labels.csv --split split --group patient --out audit\n"
    "  redux-audit data/ --encoder weights.safetensors --out audit\n"
    "  redux-audit data/ --against train/ --fail-on leaks --json | jq .leaks\n";

enum {
    OPTION_AGAINST = 256,
    OPTION_LABELS,
    OPTION_LABEL,
    OPTION_SPLIT,
    OPTION_GROUP,
    OPTION_ENCODER,
    OPTION_EMBEDDINGS,
    OPTION_OUT,
    OPTION_WRITE_CLEAN,
    OPTION_THRESHOLD,
    OPTION_SKIP,
    OPTION_FAIL_ON,
    OPTION_WINDOW,
    OPTION_JSON,
    OPTION_ON_ERROR,
    OPTION_THREADS,
    OPTION_QUIET
};

enum { EXIT_FOUND = 3 };

static const struct option long_options[] = {
    {"against", required_argument, NULL, OPTION_AGAINST},
    {"labels", required_argument, NULL, OPTION_LABELS},
    {"label", required_argument, NULL, OPTION_LABEL},
    {"split", required_argument, NULL, OPTION_SPLIT},
    {"group", required_argument, NULL, OPTION_GROUP},
    {"encoder", required_argument, NULL, OPTION_ENCODER},
    {"embeddings", required_argument, NULL, OPTION_EMBEDDINGS},
    {"threshold", required_argument, NULL, OPTION_THRESHOLD},
    {"skip", required_argument, NULL, OPTION_SKIP},
    INPUT_OPTIONS,
    {"out", required_argument, NULL, OPTION_OUT},
    {"window", required_argument, NULL, OPTION_WINDOW},
    {"json", no_argument, NULL, OPTION_JSON},
    {"write-clean", required_argument, NULL, OPTION_WRITE_CLEAN},
    {"fail-on", required_argument, NULL, OPTION_FAIL_ON},
    {"overwrite", no_argument, NULL, 'O'},
    {"on-error", required_argument, NULL, OPTION_ON_ERROR},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0}};

const char *const section_names[SECTIONS] = {"leaks", "labels", "slices", "outliers", "redundancy"};

/* "leaks,labels" among the first `count` sections. */
static int set_sections(bool *out, const char *option, const char *text, int count)
{
    do {
        const size_t length = strcspn(text, ",");
        int found = -1;
        for (int i = 0; i < count; i++)
            if (strlen(section_names[i]) == length && strncmp(section_names[i], text, length) == 0)
                found = i;
        if (found < 0)
            return usage_error("--%s '%.*s': expected leaks, labels, slices, outliers%s", option,
                               (int)length, text, count == SECTIONS ? " or redundancy" : "");
        out[found] = true;
        text += length + (text[length] == ',');
    } while (*text != '\0');
    return EXIT_OK;
}

static int set_text_option(audit_settings *s, int option, const char *text)
{
    const char **texts[] = {&s->against, &s->labels,     &s->label, &s->split,      &s->group,
                            &s->encoder, &s->embeddings, &s->out,   &s->write_clean};
    *texts[option - OPTION_AGAINST] = text;
    return EXIT_OK;
}

static int set_option(void *user, int option, const char *text)
{
    audit_settings *s = user;
    int code;
    if (set_input_option(&s->dataset, option, text, &code))
        return code;
    if (option <= OPTION_WRITE_CLEAN)
        return set_text_option(s, option, text);
    switch (option) {
    case OPTION_THRESHOLD:
        if (!parse_number(&s->threshold, text) || !(s->threshold > 0 && s->threshold <= 1))
            return usage_error("--threshold '%s': expected a number over 0, up to 1", text);
        return EXIT_OK;
    case OPTION_SKIP:
        return set_sections(s->skip, "skip", text, SECTIONS);
    case OPTION_FAIL_ON:
        return set_sections(s->fail_on, "fail-on", text, FINDING_SECTIONS);
    case OPTION_WINDOW:
        return set_window(&s->window, text);
    case OPTION_ON_ERROR:
        return set_on_error(&s->dataset.skip_errors, text);
    case OPTION_JSON:
        s->json = true;
        return EXIT_OK;
    case OPTION_THREADS:
        return set_threads(&s->threads, text);
    default:
        s->quiet = true;
        return EXIT_OK;
    }
}

static int check_settings(const audit_settings *s)
{
    if (s->labels == NULL && (s->label != NULL || s->split != NULL || s->group != NULL))
        return usage_error("--%s names a column of --labels FILE.csv", s->label != NULL ? "label"
                                                                       : s->split != NULL
                                                                           ? "split"
                                                                           : "group");
    if (s->group != NULL && s->dataset.group_by != NULL)
        return usage_error("--group and --group-by both say what groups are: give one of them");
    if (s->against != NULL && s->split != NULL)
        return usage_error("--against compares two sets, --split the splits of one: give one");
    if (s->encoder != NULL && s->embeddings != NULL)
        return usage_error("--encoder makes the embeddings: omit --embeddings");
    if (s->fail_on[SECTION_LEAKS] && s->against == NULL && s->split == NULL)
        return usage_error("--fail-on leaks needs --against or --split");
    if (s->fail_on[SECTION_LABELS] && s->labels == NULL)
        return usage_error("--fail-on labels needs --labels");
    for (int i = 0; i < SECTIONS; i++)
        if (s->fail_on[i] && s->skip[i])
            return usage_error("--fail-on %s: it is skipped", section_names[i]);
    return EXIT_OK;
}

static int parse_arguments(audit_settings *s, int count, char **arguments, bool *done)
{
    const redux_audit_leaks_options leaks = REDUX_AUDIT_LEAKS_OPTIONS_INIT;
    const redux_audit_labels_options labels = REDUX_AUDIT_LABELS_OPTIONS_INIT;
    char text[sizeof help + 32];
    snprintf(text, sizeof text, help, leaks.threshold, labels.threshold);
    const int code = parse_options(count, arguments, long_options, text, set_option, s, done);
    if (code != EXIT_OK || *done)
        return code;
    return optind == count ? usage_error("no input") : check_settings(s);
}

/* Anything that --fail-on names. */
static int verdict(const audit *a)
{
    for (int i = 0; i < FINDING_SECTIONS; i++)
        if (a->settings->fail_on[i] && audit_count(a, (audit_section)i) > 0)
            return EXIT_FOUND;
    return EXIT_OK;
}

static redux_status print(const audit *a)
{
    return a->settings->json ? audit_print_json(a) : audit_print_table(a);
}

static int run(audit *a, char **inputs, int count)
{
    if (audit_open(a, inputs, count) != REDUX_OK || audit_check_outputs(a) != REDUX_OK ||
        audit_run(a) != REDUX_OK || audit_write_files(a) != REDUX_OK || print(a) != REDUX_OK)
        return data_error();
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("redux-audit: standard output");
        return EXIT_DATA;
    }
    return verdict(a);
}

int main(int count, char **arguments)
{
    audit_settings s = {.dataset = REDUX_DATASET_OPTIONS_INIT, .threshold = (double)NAN};
    audit a = {.settings = &s, .effective = -1, .embeddings = REDUX_TENSOR_INIT};
    bool done = false;
    program_start("redux-audit", arguments);
    s.dataset.skip_errors = 1;
    int code = parse_arguments(&s, count, arguments, &done);
    if (code != EXIT_OK || done)
        return code;
    if (new_context(&a.context, s.threads, s.quiet) != REDUX_OK)
        return data_error();
    code = run(&a, arguments + optind, count - optind);
    audit_close(&a);
    redux_context_free(a.context);
    return code;
}
