/* SPDX-License-Identifier: MIT
 * redux-evaluate: how good an encoder is, measured on labelled slices. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/evaluate_settings.h"
#include "common/json_text.h"
#include "seen.h"

static const char help_begin[] =
    "Usage: redux-evaluate --weights FILE|none --labels FILE [options]\n"
    "       redux-evaluate --features FILE.npy --labels FILE [options]\n"
    "       redux-evaluate --compare A.csv B.csv\n"
    "Judge an encoder: train a classifier on labelled slices, score it on held-out groups.\n"
    "\n"
    "  --weights FILE       the encoder (.safetensors, .pt, .pth, .ckpt); none: random weights, or "
    "finetune from scratch\n"
    "  --features FILE.npy  features from anywhere instead, for linear and knn: one row for each\n"
    "                       row of the labels\n"
    "  --labels FILE        CSV with columns file, slice (default 0), label, paths relative to "
    "it;\n"
    "                       or an .npz with train_images, train_labels, val_..., test_...\n"
    "  --compare            two files from --predictions: difference, interval and a paired test\n"
    "                       over groups\n";

static const char help_end[] =
    "  --floor, --no-floor  also judge random weights of the same network (default: for probes; "
    "of\n"
    "                       finetune, training from scratch, which takes as long again)\n"
    "Output\n"
    "  --predictions FILE.csv  the predictions of each test slice, by seed and fold\n"
    "  --overwrite          replace a file of another kind; inputs never are\n"
    "  --json               everything as JSON on stdout, instead of the table\n"
    "  --threads N          0 (default): all processors; the result is the same for any N\n"
    "  --quiet              errors only, besides the result\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 unusable data or failure to write, 2 wrong usage, 130 interrupted.\n"
    "\n"
    "Examples:\n"
    "  redux-evaluate --weights run/weights.safetensors --labels labels.csv --label tumour\n"
    "  redux-evaluate --weights none --labels labels.csv --protocol finetune --split split\n"
    "  redux-evaluate --weights w.safetensors --labels organs.npz --protocol knn --json\n"
    "  redux-evaluate --compare hash.csv all.csv\n";

enum { OPTION_WEIGHTS = 1000, OPTION_FEATURES, OPTION_LABELS, OPTION_COMPARE, OPTION_PREDICTIONS };
enum { OPTION_FLOOR = 1050, OPTION_NO_FLOOR };
enum { OPTION_JSON = 1100, OPTION_THREADS, OPTION_QUIET };

typedef struct program {
    evaluate_settings settings;
    const char *weights, *features, *labels, *predictions;
    bool compare, json, quiet, floor, no_floor;
    int64_t threads;
} program;

static int set_option(void *user, int option, const char *text)
{
    program *p = user;
    switch (option) {
    case OPTION_WEIGHTS:
        p->weights = text;
        return EXIT_OK;
    case OPTION_FEATURES:
        p->features = text;
        return EXIT_OK;
    case OPTION_LABELS:
        p->labels = text;
        return EXIT_OK;
    case OPTION_COMPARE:
        p->compare = true;
        return EXIT_OK;
    case OPTION_PREDICTIONS:
        p->predictions = text;
        return EXIT_OK;
    case OPTION_FLOOR:
        p->floor = true;
        return EXIT_OK;
    case OPTION_NO_FLOOR:
        p->no_floor = true;
        return EXIT_OK;
    case OPTION_JSON:
        p->json = true;
        return EXIT_OK;
    case OPTION_THREADS:
        return set_threads(&p->threads, text);
    case OPTION_QUIET:
        p->quiet = true;
        return EXIT_OK;
    default:
        return evaluate_setting(&p->settings, evaluate_setting_name(option - 256),
                                text == NULL ? "" : text);
    }
}

static int parse(program *p, int count, char **arguments, bool *done)
{
    enum { MOST = 64 };
    static char help[sizeof help_begin + sizeof help_end + 8192];
    static const struct option own[] = {
        {"weights", required_argument, NULL, OPTION_WEIGHTS},
        {"features", required_argument, NULL, OPTION_FEATURES},
        {"labels", required_argument, NULL, OPTION_LABELS},
        {"compare", no_argument, NULL, OPTION_COMPARE},
        {"predictions", required_argument, NULL, OPTION_PREDICTIONS},
        {"overwrite", no_argument, NULL, 'O'},
        {"floor", no_argument, NULL, OPTION_FLOOR},
        {"no-floor", no_argument, NULL, OPTION_NO_FLOOR},
        {"json", no_argument, NULL, OPTION_JSON},
        {"threads", required_argument, NULL, OPTION_THREADS},
        {"quiet", no_argument, NULL, OPTION_QUIET},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
    };
    struct option options[MOST] = {{NULL, 0, NULL, 0}};
    int used = 0;
    for (int i = 0; evaluate_setting_name(i) != NULL && used < MOST - 14; i++)
        options[used++] = (struct option){
            evaluate_setting_name(i),
            evaluate_setting_has_value(i) ? required_argument : no_argument, NULL, 256 + i};
    memcpy(options + used, own, sizeof own);
    snprintf(help, sizeof help, "%s%s%s", help_begin, evaluate_settings_help, help_end);
    const int code = parse_options(count, arguments, options, help, set_option, p, done);
    if (code != EXIT_OK || *done)
        return code;
    if (p->compare)
        return count - optind == 2 ? EXIT_OK : usage_error("--compare takes two files");
    if (optind < count)
        return usage_error("unexpected argument '%s'", arguments[optind]);
    if (p->labels == NULL)
        return usage_error("no --labels");
    if (p->settings.labels.group != NULL && p->settings.labels.group_by != NULL)
        return usage_error(
            "--group names a column, --group-by says it otherwise: give one of them");
    if (redux_group_by_check(p->settings.labels.group_by) != REDUX_OK)
        return usage_error("--%s", redux_error_message());
    if (p->floor && (p->no_floor || p->weights == NULL || strcmp(p->weights, "none") == 0))
        return usage_error("--floor compares weights with random ones: give --weights FILE, and "
                           "not --no-floor");
    if ((p->weights == NULL) == (p->features == NULL))
        return usage_error("name one of --weights and --features");
    return EXIT_OK;
}

/* ---- what is printed ---- */

/* A number, or a dash if there is none. */
static const char *cell(char text[16], double value)
{
    if (isnan(value))
        return "-";
    snprintf(text, 16, "%.4f", value);
    return text;
}

/* A figure of the encoder beside that of random weights (NULL: not judged). */
static void print_figure(const redux_evaluation_summary *s, const redux_evaluation_summary *floor,
                         int i)
{
    char m[16], d[16], l[16], h[16], v[16], r[16], interval[40] = "-";
    const double low = score_value(s->low, i), high = score_value(s->high, i);
    if (!isnan(low) && !isnan(high))
        snprintf(interval, sizeof interval, "%s ... %s", cell(l, low), cell(h, high));
    printf("%-18s  %8s  %8s  %-17s  %8s", score_name(i), cell(m, score_value(s->mean, i)),
           cell(d, score_value(s->deviation, i)), interval,
           cell(v, score_value(s->validation_mean, i)));
    printf(floor == NULL ? "\n" : "  %8s\n",
           floor == NULL ? "" : cell(r, score_value(floor->mean, i)));
}

static void print_confusion(const redux_labels *labels, const redux_evaluation *evaluation)
{
    const int64_t classes = redux_labels_class_count(labels);
    int64_t *counts = calloc((size_t)(classes * classes), sizeof *counts);
    if (counts == NULL || classes > 20) {
        free(counts);
        return;
    }
    (void)redux_evaluation_get_confusion(counts, evaluation); /* neither is NULL */
    printf("\n%-18s  predicted\n", "true");
    for (int64_t i = 0; i < classes; i++) {
        printf("%-18s", redux_labels_class_name(labels, i));
        for (int64_t k = 0; k < classes; k++)
            printf("  %8lld", (long long)counts[i * classes + k]);
        printf("\n");
    }
    free(counts);
}

/* What the intervals are of, or why there are none; and what the mean leaves out. */
static void print_notes(const program *p, const redux_evaluation_summary *s)
{
    const redux_evaluate_options *o = &p->settings.evaluate;
    if (o->resamples == 0 || o->interval == REDUX_INTERVAL_NONE)
        ;
    else if (o->interval == REDUX_INTERVAL_ROWS)
        printf("\n%g %% intervals: mean over runs, as if the slices of a group were independent; "
               "too narrow where they are not.\n",
               100 * o->level);
    else if (s->no_interval[0] != '\0')
        printf("\nNo interval: %s.\n", s->no_interval);
    else
        printf("\n%g %% intervals: %lld groups are the sample.\n", 100 * o->level,
               (long long)s->test_groups);
    if (s->rows == s->groups && p->settings.labels.group == NULL &&
        p->settings.labels.group_by == NULL)
        puts("Each slice is a group of its own. If a patient has several, name the patients: "
             "--group COLUMN.");
    if (s->defined->auc < (double)s->runs)
        printf("AUC and average precision: over %.0f of %lld runs; the others test one class.\n",
               s->defined->auc, (long long)s->runs);
}

static void print_heading(const redux_labels *labels, const redux_evaluation_summary *s,
                          const redux_evaluation_run *first)
{
    printf("%s: %lld slices of %lld groups, %lld classes", redux_protocol_name(s->protocol),
           (long long)s->rows, (long long)s->groups, (long long)s->classes);
    if (s->classes == 2)
        printf(" (positive: %s)", redux_labels_class_name(labels, s->positive));
    printf("; %lld seed%s", (long long)s->seeds, s->seeds == 1 ? "" : "s");
    if (s->folds > 1 && s->runs == s->seeds)
        printf(", fold %d of %lld", (int)first->fold, (long long)s->folds);
    else if (s->folds > 1)
        printf(" x %lld folds", (long long)s->folds);
    printf("\nfirst run: %lld for training, %lld validation, %lld test\n\n",
           (long long)first->train, (long long)first->validation, (long long)first->test);
}

static int print_table(const program *p, const redux_labels *labels,
                       const redux_evaluation *evaluation, const redux_evaluation *floor)
{
    redux_evaluation_summary s = {.struct_size = sizeof s}, f = {.struct_size = sizeof f};
    redux_evaluation_run first = {.struct_size = sizeof first};
    if (redux_evaluation_get_summary(&s, evaluation) != REDUX_OK ||
        (floor != NULL && redux_evaluation_get_summary(&f, floor) != REDUX_OK) ||
        redux_evaluation_get_run(&first, evaluation, 0) != REDUX_OK)
        return data_error();
    print_heading(labels, &s, &first);
    printf("%-18s  %8s  %8s  %-17s  %8s", "test", "mean", "sd", "interval", "valid.");
    printf(floor == NULL ? "\n" : "  %8s\n", "random");
    for (int i = 0; score_name(i) != NULL; i++)
        print_figure(&s, floor == NULL ? NULL : &f, i);
    print_notes(p, &s);
    print_confusion(labels, evaluation);
    return EXIT_OK;
}

static const char *row_name(char *text, size_t size, const redux_labels *labels, int64_t row)
{
    const char *source = "";
    int64_t slice = 0;
    redux_labels_get_row_name(&source, &slice, labels, row);
    snprintf(text, size, "%s:%lld", source, (long long)slice);
    return text;
}

/* On stderr, because a warning is not part of the result. */
static void warn_of_leakage(const redux_labels *labels, const redux_evaluation *evaluation)
{
    redux_evaluation_summary s = {.struct_size = sizeof s};
    redux_leakage_summary found = {.struct_size = sizeof found};
    const redux_leakage *leakage = redux_evaluation_leakage(evaluation);
    char a[4200], b[4200];
    if (leakage == NULL || redux_leakage_get_summary(&found, leakage) != REDUX_OK ||
        found.pairs == 0 || redux_evaluation_get_summary(&s, evaluation) != REDUX_OK)
        return;
    fprintf(stderr, "%s: warning: %lld near-duplicates between %s: ", program_name,
            (long long)found.pairs, s.folds > 1 ? "folds" : "splits");
    if (s.folds > 1)
        fprintf(stderr, "%lld rows have one in an earlier fold\n", (long long)found.test);
    else
        fprintf(stderr, "%lld validation and %lld test rows have one in an earlier split\n",
                (long long)found.validation, (long long)found.test);
    for (int64_t i = 0; i < redux_leakage_worst_count(leakage) && i < 3; i++) {
        redux_leak leak = {.struct_size = sizeof leak};
        if (redux_leakage_get_worst(&leak, leakage, i) == REDUX_OK)
            fprintf(stderr, "  %s and %s: %d of 64 bits, %d of 256\n",
                    row_name(a, sizeof a, labels, leak.row),
                    row_name(b, sizeof b, labels, leak.of_row), (int)leak.distance,
                    (int)leak.pdq_distance);
    }
}

/* ---- JSON ---- */

static json_t *leakage_json(const redux_labels *labels, const redux_leakage *leakage)
{
    redux_leakage_summary found = {.struct_size = sizeof found};
    char a[4200], b[4200];
    if (leakage == NULL || redux_leakage_get_summary(&found, leakage) != REDUX_OK)
        return json_null();
    json_t *worst = json_array();
    for (int64_t i = 0; i < redux_leakage_worst_count(leakage); i++) {
        redux_leak leak = {.struct_size = sizeof leak};
        if (redux_leakage_get_worst(&leak, leakage, i) == REDUX_OK)
            json_array_append_new(
                worst, json_pack("{s:o, s:o, s:i, s:i}", "slice",
                                 json_text(row_name(a, sizeof a, labels, leak.row)), "of",
                                 json_text(row_name(b, sizeof b, labels, leak.of_row)), "distance",
                                 (int)leak.distance, "pdq_distance", (int)leak.pdq_distance));
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "compared", (json_int_t)found.compared,
                     "pairs", (json_int_t)found.pairs, "validation", (json_int_t)found.validation,
                     "test", (json_int_t)found.test, "flat", (json_int_t)found.flat, "worst",
                     worst);
}

static json_t *one_run_json(const redux_evaluation_run *run)
{
    return json_pack(
        "{s:I, s:o, s:I, s:I, s:I, s:f, s:b, s:o, s:o, s:o, s:o}", "seed", (json_int_t)run->seed,
        "fold", run->fold < 0 ? json_null() : json_integer(run->fold), "train",
        (json_int_t)run->train, "validation", (json_int_t)run->validation, "test",
        (json_int_t)run->test, "chosen", run->chosen, "converged", (int)run->converged,
        "validation_scores", scores_json(run->validation_scores), "test_scores",
        scores_json(run->scores), "low", scores_json(run->low), "high", scores_json(run->high));
}

static json_t *confusion_json(const redux_labels *labels, const redux_evaluation *evaluation)
{
    const int64_t classes = redux_labels_class_count(labels);
    int64_t *counts = calloc((size_t)(classes * classes), sizeof *counts);
    json_t *matrix = json_array();
    if (counts != NULL)
        (void)redux_evaluation_get_confusion(counts, evaluation); /* neither is NULL */
    for (int64_t i = 0; counts != NULL && i < classes; i++) {
        json_t *row = json_array();
        for (int64_t k = 0; k < classes; k++)
            json_array_append_new(row, json_integer(counts[i * classes + k]));
        json_array_append_new(matrix, row);
    }
    free(counts);
    return matrix;
}

static json_t *floor_json(const redux_evaluation *floor)
{
    redux_evaluation_summary s = {.struct_size = sizeof s};
    if (floor == NULL || redux_evaluation_get_summary(&s, floor) != REDUX_OK)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o}", "mean", scores_json(s.mean), "deviation",
                     scores_json(s.deviation), "low", scores_json(s.low), "high",
                     scores_json(s.high));
}

static int print_json(const program *p, const redux_labels *labels,
                      const redux_evaluation *evaluation, const redux_evaluation *floor)
{
    redux_evaluation_summary s = {.struct_size = sizeof s};
    json_t *runs = json_array(), *classes = json_array();
    if (redux_evaluation_get_summary(&s, evaluation) != REDUX_OK)
        return data_error();
    for (int64_t i = 0; i < s.classes; i++)
        json_array_append_new(classes, json_text(redux_labels_class_name(labels, i)));
    for (int64_t i = 0; i < s.runs; i++) {
        redux_evaluation_run run = {.struct_size = sizeof run};
        redux_evaluation_get_run(&run, evaluation, i);
        json_array_append_new(runs, one_run_json(&run));
    }
    json_t *root = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:i, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, "
        "s:o, "
        "s:o, s:o}",
        "version", redux_version_string(), "protocol", redux_protocol_name(s.protocol), "seeds",
        (json_int_t)s.seeds, "rows", (json_int_t)s.rows, "groups", (json_int_t)s.groups,
        "test_groups", (json_int_t)s.test_groups, "classes", classes, "positive", (int)s.positive,
        "mean", scores_json(s.mean), "deviation", scores_json(s.deviation), "interval",
        interval_names[p->settings.evaluate.interval], "no_interval", s.no_interval, "low",
        scores_json(s.low), "high", scores_json(s.high), "defined_runs", scores_json(s.defined),
        "random", floor_json(floor), "validation_mean", scores_json(s.validation_mean), "confusion",
        confusion_json(labels, evaluation), "leakage",
        leakage_json(labels, redux_evaluation_leakage(evaluation)), "runs", runs);
    const int failed = root == NULL || json_dumpf(root, stdout, JSON_INDENT(2)) != 0;
    json_decref(root);
    printf("\n");
    return failed ? EXIT_DATA : EXIT_OK;
}

static int finish_stdout(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    perror("redux-evaluate: standard output");
    return EXIT_DATA;
}

/* ---- the work ---- */

/* Figures of patients that pre-training has seen promise too much. */
static redux_status warn_of_seen(const program *p, redux_context *context,
                                 const redux_labels *labels, const redux_evaluation *evaluation)
{
    seen_groups found;
    progress_label("fingerprints");
    TRY(find_seen_groups(&found, context, p->settings.evaluate.weights, labels, evaluation));
    progress_label(NULL);
    if (found.is_damaged)
        fprintf(
            stderr,
            "%s: warning: %s: its list of what it was trained on (\"seen\") is damaged: whether "
            "tested groups are among it is not known\n",
            program_name, p->weights);
    if (found.seen > 0)
        fprintf(stderr,
                "%s: warning: pre-training saw slices of %lld of the %lld groups that are tested, "
                "such as %s: figures may be too good for new patients. Pre-train without them "
                "(exclude_test_of of redux-experiment does it fold by fold)\n",
                program_name, (long long)found.seen, (long long)found.tested, found.example);
    return REDUX_OK;
}

static int report(const program *p, redux_context *context, const redux_labels *labels,
                  const redux_evaluation *evaluation, const redux_evaluation *floor)
{
    if (!p->quiet && warn_of_seen(p, context, labels, evaluation) != REDUX_OK)
        return data_error();
    progress_label(NULL);
    if (p->predictions != NULL &&
        redux_evaluation_save(p->predictions, context, evaluation) != REDUX_OK)
        return data_error();
    if (!p->quiet)
        warn_of_leakage(labels, evaluation);
    return finish_stdout(p->json ? print_json(p, labels, evaluation, floor)
                                 : print_table(p, labels, evaluation, floor));
}

/* The same protocol on random weights of the encoder's own network; *out stays NULL where the floor
 * is not wanted. */
static redux_status evaluate_floor(redux_evaluation **out, const program *p, redux_context *context,
                                   const redux_labels *labels)
{
    redux_evaluate_options options = p->settings.evaluate;
    redux_network_options network = REDUX_NETWORK_OPTIONS_INIT;
    const bool probe = options.protocol != REDUX_PROTOCOL_FINETUNE;
    if (options.weights == NULL || p->no_floor || !(probe || p->floor))
        return REDUX_OK;
    TRY(redux_network_options_of(&network, NULL, NULL, options.weights));
    options.weights = NULL;
    options.network = &network;
    options.check_leakage = 0;
    progress_label("random weights");
    return redux_evaluate(out, context, labels, &options);
}

static int evaluate(program *p, redux_context *context, const redux_labels *labels)
{
    redux_evaluation *evaluation = NULL, *floor = NULL;
    progress_label(redux_protocol_name(p->settings.evaluate.protocol));
    redux_status status = redux_evaluate(&evaluation, context, labels, &p->settings.evaluate);
    if (status == REDUX_OK)
        status = evaluate_floor(&floor, p, context, labels);
    const int code =
        status == REDUX_OK ? report(p, context, labels, evaluation, floor) : data_error();
    redux_evaluation_free(evaluation);
    redux_evaluation_free(floor);
    return code;
}

static redux_status check_output(const program *p, redux_context *context,
                                 const redux_labels *labels)
{
    if (p->predictions == NULL)
        return REDUX_OK;
    TRY(redux_dataset_protect(redux_labels_dataset(labels), context));
    TRY(protect_file(context, p->labels));
    TRY(protect_file(context, p->features));
    TRY(protect_file(context, p->weights));
    return redux_file_check(context, p->predictions, REDUX_MARK_PREDICTIONS);
}

static int work(program *p, redux_context *context)
{
    redux_safetensors *weights = NULL;
    redux_tensor features = REDUX_TENSOR_INIT;
    redux_labels *labels = NULL;
    int code = EXIT_OK;
    if (p->weights != NULL && strcmp(p->weights, "none") != 0 &&
        redux_safetensors_load(&weights, context, p->weights) != REDUX_OK)
        return data_error();
    if (p->features != NULL && redux_npy_read(&features, context, p->features) != REDUX_OK)
        return data_error();
    progress_label("labels");
    code = evaluate_open_labels(&labels, context, &p->settings, p->labels);
    if (code == EXIT_OK && check_output(p, context, labels) != REDUX_OK)
        code = data_error();
    if (code == EXIT_OK)
        code = evaluate_settle(&p->settings, weights);
    if (code == EXIT_OK) {
        p->settings.evaluate.features = p->features == NULL ? NULL : &features;
        code = evaluate(p, context, labels);
        p->settings.evaluate.features = NULL;
    }
    redux_labels_free(labels);
    redux_tensor_release(&features);
    redux_safetensors_free(weights);
    return code;
}

/* ---- comparing two files ---- */

typedef struct comparison {
    redux_run_set *a, *b;
    redux_run_set_counts counts_a, counts_b;
    redux_scores mean_a, mean_b, difference, low, high, p;
} comparison;

static redux_status read_runs(redux_run_set **out, redux_run_set_counts *counts, redux_scores *mean,
                              redux_context *context, const char *path)
{
    TRY(redux_run_set_new(out, context));
    TRY(redux_run_set_load(*out, context, path, 1));
    TRY(redux_run_set_get_counts(counts, context, *out));
    return redux_run_set_scores(mean, NULL, NULL, context, *out);
}

static redux_status compare_files(comparison *c, redux_context *context, double level, char **files)
{
    const comparison empty = {.counts_a = {.struct_size = sizeof c->counts_a},
                              .counts_b = {.struct_size = sizeof c->counts_b},
                              .mean_a = REDUX_SCORES_INIT,
                              .mean_b = REDUX_SCORES_INIT,
                              .difference = REDUX_SCORES_INIT,
                              .low = REDUX_SCORES_INIT,
                              .high = REDUX_SCORES_INIT,
                              .p = REDUX_SCORES_INIT};
    *c = empty;
    TRY(read_runs(&c->a, &c->counts_a, &c->mean_a, context, files[0]));
    TRY(read_runs(&c->b, &c->counts_b, &c->mean_b, context, files[1]));
    return redux_run_set_compare(&c->difference, &c->low, &c->high, &c->p, context, c->a, c->b,
                                 level, 10000, 0);
}

static int print_comparison_json(const comparison *c)
{
    json_t *root =
        json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "groups",
                  (json_int_t)c->counts_a.groups, "rows", (json_int_t)c->counts_a.rows, "runs_a",
                  (json_int_t)c->counts_a.runs, "runs_b", (json_int_t)c->counts_b.runs, "a",
                  scores_json(&c->mean_a), "b", scores_json(&c->mean_b), "difference",
                  scores_json(&c->difference), "low", scores_json(&c->low), "high",
                  scores_json(&c->high), "p_values", scores_json(&c->p));
    const int failed = root == NULL || json_dumpf(root, stdout, JSON_INDENT(2)) != 0;
    json_decref(root);
    printf("\n");
    return failed ? EXIT_DATA : EXIT_OK;
}

static void print_comparison(const comparison *c, redux_context *context, double level)
{
    printf("A: %lld runs, B: %lld runs, on %lld groups; B minus A\n\n", (long long)c->counts_a.runs,
           (long long)c->counts_b.runs, (long long)c->counts_a.groups);
    printf("%-18s  %8s  %8s  %10s  %-19s  %8s\n", "", "A", "B", "difference", "interval", "p");
    for (int i = 0; score_name(i) != NULL; i++) {
        char a[16], b[16], d[16], p[16], interval[48] = "-";
        const double low = score_value(&c->low, i), high = score_value(&c->high, i);
        if (!isnan(low))
            snprintf(interval, sizeof interval, "%+.4f ... %+.4f", low, high);
        if (isnan(score_value(&c->difference, i)))
            snprintf(d, sizeof d, "-");
        else
            snprintf(d, sizeof d, "%+.4f", score_value(&c->difference, i));
        printf("%-18s  %8s  %8s  %10s  %-19s  %8s\n", score_name(i),
               cell(a, score_value(&c->mean_a, i)), cell(b, score_value(&c->mean_b, i)), d,
               interval, cell(p, score_value(&c->p, i)));
    }
    const char *why = redux_run_set_why(context, c->a);
    if (why[0] == '\0')
        printf("\n%g %% intervals and p (sign-flip test): groups are the sample.\n", 100 * level);
    else
        printf("\nNo interval: %s. p: sign-flip test over groups.\n", why);
}

static int compare(const program *p, redux_context *context, char **files)
{
    comparison c;
    int code = EXIT_OK;
    if (compare_files(&c, context, p->settings.evaluate.level, files) != REDUX_OK)
        code = data_error();
    else if (p->json)
        code = print_comparison_json(&c);
    else
        print_comparison(&c, context, p->settings.evaluate.level);
    redux_run_set_free(c.a);
    redux_run_set_free(c.b);
    return finish_stdout(code);
}

int main(int count, char **arguments)
{
    program p = {.labels = NULL};
    redux_context *context = NULL;
    bool done = false;
    program_start("redux-evaluate", arguments);
    evaluate_settings_init(&p.settings);
    int code = parse(&p, count, arguments, &done);
    if (code != EXIT_OK || done)
        return code;
    if (new_context(&context, p.threads, p.quiet) != REDUX_OK)
        return data_error();
    code = p.compare ? compare(&p, context, arguments + optind) : work(&p, context);
    redux_context_free(context);
    return code;
}
