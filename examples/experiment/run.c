/* SPDX-License-Identifier: MIT
 * The cells of an experiment: reduce and pre-train for each strategy and seed, then evaluate. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/encoder.h"
#include "parts.h"

/* One strategy (or floor) and seed. */
typedef struct cell {
    experiment *e;
    const char *strategy;
    const json_t *options;     /* of the strategy; NULL: a floor */
    int64_t seed, fold;        /* fold: -1 where all folds are of one pre-training */
    char name[256];            /* of its files */
    char folder[4400];         /* of the pre-training */
    redux_dataset *dataset;    /* what may be pre-trained on */
    json_t *settings, *result; /* of the pre-training; NULL for floors */
    json_t *before;            /* steps and folder of each strategy in this seed, so far */
    pretrain_settings pretrain;
    redux_safetensors *weights;
} cell;

static void tell(experiment *e, const char *what, const char *detail, double seconds)
{
    e->done++;
    progress_label(NULL);
    if (e->quiet)
        return;
    if (isnan(seconds))
        fprintf(stderr, "[%lld/%lld] %s: done before\n", (long long)e->done, (long long)e->total,
                what);
    else
        fprintf(stderr, "[%lld/%lld] %s: %s, %.1f s\n", (long long)e->done, (long long)e->total,
                what, detail, seconds);
}

/* ---- pre-training ---- */

typedef struct reduced {
    uint8_t *kept;
    int64_t slices, count;
    double seconds;
} reduced;

/* Slice k must be slice k in both orientations. */
static int check_orientations(const redux_dataset *dataset)
{
    for (int64_t v = 0; v < redux_dataset_volume_count(dataset); v++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        if (redux_dataset_get_volume_info(&info, dataset, v) == REDUX_OK && !info.same_slices) {
            fprintf(stderr,
                    "%s: %s: its stored slices are not axial: give the strategy another "
                    "profile\n",
                    program_name, info.source);
            return EXIT_DATA;
        }
    }
    return EXIT_OK;
}

static int reduce_with(reduced *out, const cell *c, const redux_dataset *dataset,
                       const redux_reduce_options *options)
{
    redux_reduction *reduction;
    const double start = seconds_now();
    progress_label("reducing");
    if (redux_reduce(&reduction, c->e->context, dataset, options) != REDUX_OK)
        return data_error();
    out->seconds = seconds_now() - start;
    out->slices = redux_reduction_row_count(reduction);
    out->kept = calloc((size_t)out->slices + 1, 1);
    out->count = 0;
    for (int64_t i = 0; out->kept != NULL && i < out->slices; i++) {
        redux_row row;
        if (redux_reduction_get_row(&row, reduction, i) == REDUX_OK)
            out->kept[i] = (uint8_t)row.kept;
        out->count += out->kept[i];
    }
    redux_reduction_free(reduction);
    return EXIT_OK;
}

/* The same with embeddings by an encoder, where the strategy wants one. */
static int reduce_by(reduced *out, const cell *c, const redux_dataset *dataset, reduce_settings *s)
{
    redux_tensor embeddings = REDUX_TENSOR_INIT;
    encoder e;
    int code = EXIT_OK;
    if (s->encoder == NULL)
        return reduce_with(out, c, dataset, &s->reduce);
    const double start = seconds_now();
    progress_label("embedding");
    if (encoder_open(&e, c->e->context, s->encoder) != REDUX_OK)
        return data_error();
    if (encoder_embed(&embeddings, c->e->context, &e, dataset, NULL) != REDUX_OK)
        code = data_error();
    s->reduce.embeddings = &embeddings;
    s->reduce.encoder = e.name;
    const double seconds = seconds_now() - start;
    if (code == EXIT_OK)
        code = reduce_with(out, c, dataset, &s->reduce);
    out->seconds += seconds;
    encoder_close(&e);
    redux_tensor_release(&embeddings);
    return code;
}

/* Weights of a cell before this one, for a strategy that compares embeddings; "" if there are
 * none. */
static void encoder_path(char *out, size_t size, const cell *c)
{
    const char *other = member(c->options, "encoder_of");
    out[0] = '\0';
    if (other != NULL)
        snprintf(out, size, "%s/weights.safetensors",
                 member(json_object_get(c->before, other), "folder"));
}

static int reduce(reduced *out, cell *c, const names *held_out)
{
    reduce_settings s;
    redux_dataset *dataset = NULL;
    char path[4500];
    encoder_path(path, sizeof path, c);
    int code = experiment_set_reduction(c->e, &s, c->options, path[0] == '\0' ? NULL : path);
    if (code != EXIT_OK)
        return code;
    if (s.dataset.orientation == REDUX_ORIENTATION_AXIAL)
        return reduce_by(out, c, c->dataset, &s);
    code = check_orientations(c->dataset);
    if (code == EXIT_OK)
        code = experiment_dataset(&dataset, c->e, held_out, s.dataset.orientation);
    if (code == EXIT_OK)
        code = reduce_by(out, c, dataset, &s);
    redux_dataset_free(dataset);
    return code;
}

static int on_step(const redux_pretrain_step *step, void *user)
{
    (void)user;
    progress_note("loss %.4f  %.0f images/s", step->loss, step->images_per_second);
    return 0;
}

static int pretrain(cell *c, const names *held_out)
{
    redux_pretrain_result r = {.struct_size = sizeof r};
    reduced kept = {0};
    char name[4500], detail[200];
    int code = reduce(&kept, c, held_out);
    if (code != EXIT_OK) {
        free(kept.kept);
        return code;
    }
    if (!refuse_link(c->folder)) {
        free(kept.kept);
        return EXIT_DATA;
    }
    progress_label(c->strategy);
    c->pretrain.options.resume = REDUX_RESUME_CONTINUE;
    c->pretrain.options.report = on_step;
    if (pretrain_run(&r, c->e->context, c->folder, c->dataset, kept.kept, &c->pretrain) != REDUX_OK)
        code = data_error();
    free(kept.kept);
    if (code != EXIT_OK)
        return code;
    c->result =
        json_pack("{s:I, s:I, s:f, s:f, s:I, s:I, s:f, s:f}", "slices", (json_int_t)kept.slices,
                  "kept", (json_int_t)kept.count, "reduce_seconds", kept.seconds, "seconds",
                  r.seconds, "steps", (json_int_t)r.steps, "epochs", (json_int_t)r.epochs,
                  "first_loss", r.first_loss, "last_loss", r.last_loss);
    code = cell_save(c->e, c->name, c->settings, c->result);
    if (code == EXIT_OK) { /* resuming needed it; it is large and of no more use */
        snprintf(name, sizeof name, "%s/checkpoint.safetensors", c->folder);
        unlink(name);
        snprintf(detail, sizeof detail, "%lld of %lld slices, %lld steps, loss %.4f",
                 (long long)kept.count, (long long)kept.slices, (long long)r.steps, r.last_loss);
        tell(c->e, c->name, detail, r.seconds);
    }
    return code;
}

/* Options and settings of the pre-training; equal steps are those of a cell before. */
static int settle_pretraining(cell *c)
{
    const char *steps_of = member(c->options, "steps_of");
    const json_t *own = json_object_get(c->options, "pretrain");
    char key[17];
    json_t *strategy = json_deep_copy(c->options);
    int code = experiment_set_pretrain(c->e, &c->pretrain, own);
    c->pretrain.options.seed = (uint64_t)c->seed;
    json_object_del(strategy, "note");
    json_object_del(strategy, "pretrain");
    c->settings =
        json_pack("{s:i, s:I, s:o, s:o, s:O?, s:O?}", "version", 1, "seed", (json_int_t)c->seed,
                  "strategy", strategy, "data", experiment_describe(c->e, c->dataset), "pretrain",
                  c->e->pretrain, "own", own);
    if (c->fold >= 0)
        json_object_set_new(c->settings, "fold", json_integer(c->fold));
    if (steps_of != NULL) {
        c->pretrain.options.steps =
            json_integer_value(json_object_get(json_object_get(c->before, steps_of), "steps"));
        c->pretrain.options.epochs = 0;
        json_object_set_new(c->settings, "steps", json_integer(c->pretrain.options.steps));
    }
    if (member(c->options, "encoder_of") != NULL) /* and its own origin */
        json_object_set(
            c->settings, "encoder",
            json_object_get(json_object_get(c->before, member(c->options, "encoder_of")), "key"));
    cell_key(key, c->settings);
    snprintf(c->folder, sizeof c->folder, "%s/runs/%s-%s", c->e->out, c->name, key);
    return code;
}

static int ensure_pretrained(cell *c)
{
    names held_out = {NULL, 0};
    char path[4500];
    int code = experiment_held_out(&held_out, c->e, c->seed, c->fold);
    if (code == EXIT_OK)
        code = experiment_dataset(&c->dataset, c->e, &held_out, REDUX_ORIENTATION_AXIAL);
    if (code == EXIT_OK)
        code = settle_pretraining(c);
    if (code == EXIT_OK) {
        snprintf(path, sizeof path, "%s/weights.safetensors", c->folder);
        c->result = access(path, R_OK) == 0 ? cell_load(c->e, c->name, c->settings) : NULL;
        if (c->result != NULL)
            tell(c->e, c->name, "", (double)NAN);
        else
            code = pretrain(c, &held_out);
    }
    if (code == EXIT_OK) {
        char key[17];
        cell_key(key, c->settings);
        json_object_set_new(c->before, c->strategy,
                            json_pack("{s:O, s:s, s:s}", "steps",
                                      json_object_get(c->result, "steps"), "folder", c->folder,
                                      "key", key));
    }
    names_free(&held_out);
    return code;
}

/* ---- evaluation ---- */

static json_t *summary_json(const redux_evaluation *evaluation)
{
    redux_evaluation_summary s = {.struct_size = sizeof s};
    redux_evaluation_run run = {.struct_size = sizeof run};
    json_t *chosen = json_array();
    if (redux_evaluation_get_summary(&s, evaluation) != REDUX_OK)
        return chosen;
    for (int64_t i = 0; i < s.runs; i++)
        if (redux_evaluation_get_run(&run, evaluation, i) == REDUX_OK)
            json_array_append_new(chosen, json_real(run.chosen));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:i}", "test", scores_json(s.mean), "validation",
                     scores_json(s.validation_mean), "low", scores_json(s.low), "high",
                     scores_json(s.high), "chosen", chosen, "positive", (int)s.positive);
}

static int evaluate_with(json_t **result, const cell *c, evaluate_settings *s,
                         const char *labels_path, const char *name)
{
    redux_labels *labels = NULL;
    redux_evaluation *evaluation = NULL;
    char path[4500];
    int code = evaluate_open_labels(&labels, c->e->context, s, labels_path);
    if (code == EXIT_OK) {
        progress_label(redux_protocol_name(s->evaluate.protocol));
        if (redux_evaluate(&evaluation, c->e->context, labels, &s->evaluate) != REDUX_OK)
            code = data_error();
    }
    if (code == EXIT_OK) {
        snprintf(path, sizeof path, "%s/predictions/%s.csv", c->e->out, name);
        if (!refuse_link(path))
            code = EXIT_DATA;
        else if (redux_evaluation_save(path, c->e->context, evaluation) != REDUX_OK)
            code = data_error();
    }
    if (code == EXIT_OK)
        *result = summary_json(evaluation);
    redux_evaluation_free(evaluation);
    redux_labels_free(labels);
    return code;
}

/* Weights are read when the first evaluation needs them. */
static int load_weights(cell *c)
{
    char path[4500];
    if (c->options == NULL || c->weights != NULL)
        return EXIT_OK;
    snprintf(path, sizeof path, "%s/weights.safetensors", c->folder);
    return redux_safetensors_load(&c->weights, c->e->context, path) == REDUX_OK ? EXIT_OK
                                                                                : data_error();
}

/* Without weights: the network and the input that pre-training would use. */
static int settle_evaluation(evaluate_settings *s, cell *c)
{
    s->evaluate.seeds = 1;
    s->evaluate.first_seed = (uint64_t)c->seed;
    s->evaluate.check_leakage = 0;
    if (c->weights == NULL)
        s->network = c->pretrain.network;
    const int code = evaluate_settle(s, c->weights);
    if (code == EXIT_OK && c->weights == NULL) {
        const redux_window window = s->window;
        s->input = c->pretrain.input;
        if (s->has_window)
            s->input.window = window;
        if (s->size > 0)
            s->input.size = (int32_t)s->size;
    }
    return code;
}

static int run_evaluation(json_t **result, cell *c, const json_t *task, const char *protocol,
                          const char *labels_path, const char *name)
{
    evaluate_settings s;
    int code = load_weights(c);
    evaluate_settings_init(&s);
    if (code == EXIT_OK)
        code = experiment_set_evaluation(c->e, &s, task);
    if (code == EXIT_OK)
        code = evaluate_setting(&s, "protocol", protocol);
    if (code == EXIT_OK)
        code = experiment_set_evaluation(
            c->e, &s, json_object_get(json_object_get(task, "protocols"), protocol));
    if (code == EXIT_OK)
        code = settle_evaluation(&s, c);
    s.evaluate.fold = task == experiment_excluded(c->e) ? (int32_t)c->fold : -1;
    return code == EXIT_OK ? evaluate_with(result, c, &s, labels_path, name) : code;
}

static json_t *evaluation_settings(const cell *c, const json_t *task, const char *protocol,
                                   const char *labels_path)
{
    json_t *common = json_deep_copy(task);
    char key[17];
    json_object_del(common, "protocols");
    json_object_del(common, "note");
    file_key(key, labels_path);
    json_t *wanted =
        json_pack("{s:i, s:I, s:o, s:s, s:O?, s:s, s:O?}", "version", 1, "seed",
                  (json_int_t)c->seed, "task", common, "protocol", protocol, "options",
                  json_object_get(json_object_get(task, "protocols"), protocol), "labels", key,
                  "weights", c->settings == NULL ? c->e->pretrain : c->settings);
    if (c->fold >= 0)
        json_object_set_new(wanted, "fold", json_integer(c->fold));
    return wanted;
}

static int ensure_evaluated(cell *c, const json_t *task, const char *protocol)
{
    char name[600], part[200], detail[100];
    char *labels_path = experiment_path(c->e, member(task, "labels"));
    json_t *wanted = evaluation_settings(c, task, protocol, labels_path);
    const double start = seconds_now();
    int code = EXIT_OK;
    cell_name(part, sizeof part, member(task, "name"));
    snprintf(name, sizeof name, "%s.%s.%s", c->name, part, protocol);
    char path[4500];
    snprintf(path, sizeof path, "%s/predictions/%s.csv", c->e->out, name);
    json_t *result = access(path, R_OK) == 0 ? cell_load(c->e, name, wanted) : NULL;
    if (result != NULL) {
        tell(c->e, name, "", (double)NAN);
    } else {
        code = run_evaluation(&result, c, task, protocol, labels_path, name);
        if (code == EXIT_OK)
            code = cell_save(c->e, name, wanted, result);
        if (code == EXIT_OK) {
            const json_t *auc = json_object_get(json_object_get(result, "validation"), "auc");
            if (json_is_number(auc))
                snprintf(detail, sizeof detail, "AUC %.4f on validation", json_number_value(auc));
            else /* only one class */
                snprintf(detail, sizeof detail, "no AUC on validation");
            tell(c->e, name, detail, seconds_now() - start);
        }
    }
    if (code == EXIT_OK)
        experiment_note(c->e, c->strategy, c->seed, c->fold, name, member(task, "name"), protocol,
                        c->result, result);
    json_decref(result);
    json_decref(wanted);
    free(labels_path);
    return code;
}

/* ---- all cells ---- */

/* Other tasks than the one whose folds are pre-trained on take the encoder of fold 0. */
static bool takes_task(const cell *c, const json_t *task)
{
    return c->fold <= 0 || task == experiment_excluded(c->e);
}

/* floor -1: a strategy. */
static int evaluate_all(cell *c, int floor)
{
    int code = EXIT_OK;
    for (size_t i = 0; i < json_array_size(c->e->tasks); i++) {
        const json_t *task = json_array_get(c->e->tasks, i);
        if (!takes_task(c, task))
            continue;
        const char *protocol;
        json_t *options;
        json_object_foreach(json_object_get(task, "protocols"), protocol, options)
        {
            if (code == EXIT_OK && (floor < 0 || floor_takes(floor, protocol)))
                code = ensure_evaluated(c, task, protocol);
        }
    }
    return code;
}

static int run_cell(experiment *e, const char *strategy, const json_t *options, int floor,
                    int64_t seed, int64_t fold, json_t *before)
{
    cell c = {.e = e,
              .strategy = strategy,
              .options = options,
              .seed = seed,
              .fold = fold,
              .before = before};
    char part[160];
    int code = EXIT_OK;
    cell_name(part, sizeof part, strategy);
    if (fold < 0)
        snprintf(c.name, sizeof c.name, "%s.seed-%lld", part, (long long)seed);
    else
        snprintf(c.name, sizeof c.name, "%s.seed-%lld.fold-%lld", part, (long long)seed,
                 (long long)fold);
    pretrain_settings_init(&c.pretrain);
    code = experiment_set_pretrain(e, &c.pretrain, e->pretrain);
    if (code == EXIT_OK && options != NULL)
        code = ensure_pretrained(&c);
    if (code == EXIT_OK)
        code = evaluate_all(&c, floor);
    json_decref(c.settings);
    json_decref(c.result);
    redux_safetensors_free(c.weights);
    redux_dataset_free(c.dataset);
    return code;
}

/* fold: -1 where the experiment has none. */
static int run_fold(experiment *e, int64_t seed, int64_t fold)
{
    json_t *before = json_object();
    int code = EXIT_OK;
    for (int f = 0; f < 2 && code == EXIT_OK; f++)
        if (json_is_true(json_object_get(e->config, "floors")))
            code = run_cell(e, floor_names[f], NULL, f, seed, fold, before);
    for (size_t i = 0; i < json_array_size(e->strategies) && code == EXIT_OK; i++) {
        const json_t *strategy = json_array_get(e->strategies, i);
        code = run_cell(e, member(strategy, "name"), strategy, -1, seed, fold, before);
    }
    json_decref(before);
    return code;
}

static int run_seed(experiment *e, int64_t seed)
{
    int code = EXIT_OK;
    for (int64_t f = 0; f < e->folds && code == EXIT_OK; f++)
        code = run_fold(e, seed, e->folds > 1 ? f : -1);
    return code;
}

/* How many evaluations one encoder of a fold has; all_tasks: of fold 0. */
static int64_t count_evaluations(const experiment *e, bool all_tasks)
{
    int64_t count = 0;
    for (size_t i = 0; i < json_array_size(e->tasks); i++) {
        const json_t *task = json_array_get(e->tasks, i);
        if (all_tasks || task == experiment_excluded(e))
            count += (int64_t)json_object_size(json_object_get(task, "protocols"));
    }
    return count;
}

static void count_cells(experiment *e)
{
    const bool floors = json_is_true(json_object_get(e->config, "floors"));
    const int64_t strategies = (int64_t)json_array_size(e->strategies);
    const int64_t evaluations =
        count_evaluations(e, true) + (e->folds - 1) * count_evaluations(e, false);
    e->total = e->seeds * (strategies * (e->folds + evaluations) + (floors ? evaluations : 0));
}

int experiment_run(experiment *e)
{
    static const char *const folders[] = {"", "/cells", "/runs", "/predictions"};
    char path[4400];
    int code = EXIT_OK;
    for (int i = 0; i < 4 && code == EXIT_OK; i++) {
        snprintf(path, sizeof path, "%s%s", e->out, folders[i]);
        code = i == 0 || refuse_link(path) ? make_folder(path) : EXIT_DATA;
        if (code == EXIT_OK && i == 0)
            code = lock_folder(path);
        if (code == EXIT_OK && redux_file_sweep(e->context, path) != REDUX_OK)
            code = data_error();
    }
    if (code == EXIT_OK)
        code = experiment_check(e);
    if (code == EXIT_OK)
        code = experiment_count_folds(e);
    if (code == EXIT_OK)
        count_cells(e);
    for (int64_t s = 0; s < e->seeds && code == EXIT_OK; s++)
        code = run_seed(e, e->first_seed + s);
    return code;
}
