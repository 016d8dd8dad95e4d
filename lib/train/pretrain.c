/* SPDX-License-Identifier: MIT
 * Pre-training: the loop, for any objective.
 *
 * A step is a function of the settings, the step's number and the weights. Nothing else carries
 * over, so a run resumes bit-identically from its last checkpoint. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <redux/file.h>
#include "io/io.h"
#include "loader_parts.h"
#include "run.h"

/* ---- setting up ---- */

/* Whether the folder holds a run, and whether that is an obstacle. */
static redux_status prepare_folder(rdx_run *run)
{
    if (mkdir(run->folder, 0777) != 0 && errno != EEXIST)
        return rdx_fail(errno == ENOENT ? REDUX_E_NOT_FOUND : REDUX_E_IO, "%s: %s", run->folder,
                        strerror(errno));
    RDX_TRY(rdx_lock_folder(&run->lock, run->folder));
    RDX_TRY(redux_file_sweep(run->context, run->folder));
    if (run->options.resume == REDUX_RESUME_REFUSE &&
        (rdx_run_has(run, RDX_CHECKPOINT_FILE) || rdx_run_has(run, RDX_WEIGHTS_FILE)))
        return rdx_fail(REDUX_E_INVALID, "%s holds a run already: resume or overwrite it",
                        run->folder);
    return REDUX_OK;
}

/* Removes an earlier run only once the new one can begin. */
static redux_status clear_folder(const rdx_run *run)
{
    static const char *const files[] = {RDX_CHECKPOINT_FILE, RDX_WEIGHTS_FILE, RDX_LOG_FILE,
                                        RDX_SUMMARY_FILE};
    for (int i = 0; i < RDX_COUNT(files); i++)
        RDX_TRY(rdx_run_remove(run, files[i]));
    return REDUX_OK;
}

/* The length of the run, from its slices and its batch. */
static void settle_length(rdx_run *run)
{
    run->batch = RDX_MIN(run->options.batch, run->slices);
    run->batches = run->slices / run->batch;
    run->steps = run->options.steps > 0 ? run->options.steps : run->options.epochs * run->batches;
    run->epochs = (run->steps + run->batches - 1) / run->batches;
}

static redux_status open_loader(rdx_run *run)
{
    redux_loader_options options = REDUX_LOADER_OPTIONS_INIT;
    options.views = &run->views.options;
    options.input = &run->views.input;
    options.batch = run->options.batch;
    options.seed = run->options.seed;
    options.memory_bytes = run->options.memory_bytes;
    options.first_batch = run->step;
    options.epochs = run->options.epochs;
    options.batches = run->options.steps;
    options.skip_errors = run->options.skip_errors;
    RDX_TRY(rdx_loader_new(&run->loader, run->context, run->dataset, run->kept, &options,
                           rdx_ranks(run->context) > 1));
    run->slices = redux_loader_slice_count(run->loader);
    settle_length(run);
    run->warm_up = run->options.warm_up_steps;
    if (run->warm_up == 0)
        run->warm_up = (int64_t)floor(run->options.warm_up * (double)run->batches + 0.5);
    run->warm_up = RDX_MIN(run->warm_up, run->steps);
    run->rate = run->options.rate;
    if (!run->options.fixed_rate) /* Goyal et al. 2017: in proportion to the batch */
        run->rate *= (double)run->batch / 256;
    return REDUX_OK;
}

static int32_t view_count(const rdx_run *run)
{
    return run->views.options.views + run->views.options.small_views;
}

/* The most images in one forward pass. */
static int64_t part_of(const rdx_run *run)
{
    const int32_t wanted = run->objective->views.together;
    const int64_t all = (wanted == 0 ? view_count(run) : wanted) * run->batch;
    return run->options.part == 0 ? all : RDX_MIN(run->options.part, all);
}

static redux_status open_objective(rdx_run *run)
{
    const redux_custom_objective *d = &run->objective->definition;
    const redux_objective_setup setup = {.struct_size = sizeof setup,
                                         .network = run->network,
                                         .batch = run->batch,
                                         .part = part_of(run),
                                         .views = run->views.options.views,
                                         .small_views = run->views.options.small_views,
                                         .steps = run->steps,
                                         .epoch_steps = run->batches,
                                         .seed = run->options.seed,
                                         .slices = run->slices,
                                         .size = run->views.input.size,
                                         .small_size = run->views.options.small_size};
    if (d->open != NULL) {
        const uint64_t before = rdx_messages();
        const redux_status status = d->open(&run->state, run->context, &setup, d->user);
        RDX_TRY(rdx_objective_result(run->objective, "open", before, status));
    }
    run->is_open = true;
    return REDUX_OK;
}

static const redux_parameter *objective_parameter(const rdx_run *run, int64_t index)
{
    const redux_custom_objective *d = &run->objective->definition;
    return d->parameter == NULL ? NULL : d->parameter(run->state, index, d->user);
}

/* Checkpoints store tensors by name, so names must differ. */
static redux_status check_names(const rdx_run *run, int64_t own)
{
    for (int64_t i = own; i < run->parameter_count; i++) {
        const redux_parameter *p = run->parameters[i];
        if (p->name == NULL || p->value.data == NULL)
            return rdx_fail(REDUX_E_INVALID, "objective %s: tensor %lld has no name or no values",
                            redux_objective_name(run->objective), (long long)(i - own));
        for (int64_t k = 0; k < i; k++)
            if (strcmp(run->parameters[k]->name, p->name) == 0)
                return rdx_fail(REDUX_E_INVALID, "objective %s: two tensors are called '%s'",
                                redux_objective_name(run->objective), p->name);
    }
    return REDUX_OK;
}

static redux_status list_parameters(rdx_run *run)
{
    const int64_t own = redux_network_parameter_count(run->network);
    int64_t others = 0;
    void *block;
    while (objective_parameter(run, others) != NULL)
        others++;
    RDX_TRY(rdx_alloc(run->context, &block, (uint64_t)(own + others), sizeof(void *)));
    run->parameters = block;
    run->parameter_count = own + others;
    for (int64_t i = 0; i < own; i++)
        run->parameters[i] = redux_network_parameter(run->network, i);
    for (int64_t i = 0; i < others; i++)
        run->parameters[own + i] = objective_parameter(run, i);
    return check_names(run, own);
}

/* For a part, or for all views of a batch in two groups. Small views are no larger than others. */
static redux_status plan_network(rdx_run *run)
{
    const redux_views_options *v = &run->views.options;
    const int64_t part = part_of(run), side = run->views.input.size;
    const int64_t groups[] = {v->views * run->batch,       side,          side,
                              v->small_views * run->batch, v->small_size, v->small_size};
    if (run->objective->views.together > 0 || part < view_count(run) * run->batch)
        return redux_network_plan(run->network, run->context, part, side, side, 1);
    return redux_network_plan_groups(run->network, run->context, groups, v->small_views > 0 ? 2 : 1,
                                     1);
}

static redux_status open_network(rdx_run *run)
{
    RDX_TRY(redux_network_new(&run->network, run->context, &run->network_options));
    RDX_TRY(plan_network(run));
    RDX_TRY(open_objective(run));
    RDX_TRY(list_parameters(run));
    return redux_optimiser_new(&run->optimiser, run->context, run->parameters, run->parameter_count,
                               &run->optimiser_options);
}

/* Whether the checkpoint is of this run, and whether anything is left to do. Neither needs a slice:
 * the checkpoint holds their number, and the dataset's checksum identifies them. */
static redux_status look_at_checkpoint(rdx_run *run, const redux_safetensors *file)
{
    RDX_TRY(rdx_checkpoint_slices(&run->slices, run, file));
    settle_length(run);
    RDX_TRY(rdx_run_describe(run));
    RDX_TRY(rdx_checkpoint_compare(run, file));
    run->complete = run->step == run->steps && rdx_run_has(run, RDX_WEIGHTS_FILE) &&
                    rdx_run_has(run, RDX_SUMMARY_FILE);
    if (run->complete)
        return REDUX_OK;
    json_decref(run->settings); /* slices may be left out while they are read */
    run->settings = NULL;
    return REDUX_OK;
}

/* The network, and all that belongs to a run beside the loader. */
static redux_status open_rest(rdx_run *run)
{
    RDX_TRY(open_network(run));
    return rdx_run_describe(run);
}

static redux_status restore(rdx_run *run, const redux_safetensors *file)
{
    if (file != NULL)
        RDX_TRY(rdx_checkpoint_restore(run, file));
    if (run->step > run->steps)
        return rdx_fail(REDUX_E_FORMAT, "%s: the checkpoint is at step %lld of %lld", run->folder,
                        (long long)run->step, (long long)run->steps);
    return REDUX_OK;
}

/* Sets up everything for the step after the checkpoint. */
static redux_status open_parts(rdx_run *run, const redux_safetensors *file)
{
    RDX_TRY(open_loader(run));
    RDX_TRY(rdx_agree(run->context, open_rest(run)));
    RDX_TRY(rdx_run_list_seen(run));
    RDX_TRY(rdx_agree(run->context, restore(run, file)));
    RDX_TRY(rdx_run_share_tensors(run));
    RDX_TRY(rdx_run_begin_loader(run));
    return run->options.resume == REDUX_RESUME_OVERWRITE && rdx_run_writes(run) ? clear_folder(run)
                                                                                : REDUX_OK;
}

/* What the folder has to say. */
static redux_status look_at_folder(rdx_run *run, redux_safetensors **file)
{
    if (!rdx_run_writes(run))
        return REDUX_OK;
    RDX_TRY(prepare_folder(run));
    if (run->options.resume == REDUX_RESUME_CONTINUE)
        RDX_TRY(rdx_checkpoint_open(file, &run->step, run));
    return *file == NULL ? REDUX_OK : look_at_checkpoint(run, *file);
}

static redux_status open_run(rdx_run *run)
{
    redux_safetensors *file = NULL;
    run->first_loss = run->last_loss = NAN;
    if (rdx_ranks(run->context) > 1)
        RDX_TRY(rdx_run_agree(run));
    redux_status status = rdx_agree(run->context, look_at_folder(run, &file));
    if (status == REDUX_OK)
        status = rdx_run_share_place(run);
    if (status == REDUX_OK && run->complete)
        settle_length(run);
    else if (status == REDUX_OK)
        status = open_parts(run, file);
    redux_safetensors_free(file);
    return rdx_agree(run->context, status);
}

static void close_run(rdx_run *run)
{
    redux_loader_free(run->loader);
    if (run->is_open && run->objective->definition.close != NULL)
        run->objective->definition.close(run->state, run->objective->definition.user);
    redux_optimiser_free(run->optimiser);
    redux_network_free(run->network);
    rdx_free(run->parameters);
    redux_objective_free(run->own_objective);
    json_decref(run->settings);
    json_decref(run->seen);
    rdx_free(run->traffic);
    if (run->lock >= 0)
        close(run->lock);
}

/* ---- a step ---- */

static void zero_gradients(const rdx_run *run)
{
    redux_network_zero_gradients(run->network);
    for (int64_t i = redux_network_parameter_count(run->network); i < run->parameter_count; i++) {
        const redux_tensor *gradient = &run->parameters[i]->gradient;
        if (gradient->data != NULL)
            memset(gradient->data, 0, (size_t)redux_tensor_elements(gradient) * sizeof(float));
    }
}

static redux_status not_finite(const rdx_run *run, const char *what, double value, double rate)
{
    return rdx_fail(REDUX_E_NOT_FINITE, "step %lld of %lld: %s is %g at learning rate %g",
                    (long long)run->step + 1, (long long)run->steps, what,
                    isnan(value) ? (double)NAN : value, rate); /* prints no sign */
}

/* Loss and gradients of a batch. */
static redux_status objective_step(double *loss, const rdx_run *run, redux_objective_step *step)
{
    const redux_custom_objective *d = &run->objective->definition;
    const uint64_t before = rdx_messages();
    const redux_status status = d->step(loss, run->context, run->state, step, d->user);
    return rdx_objective_result(run->objective, "step", before, status);
}

/* Updates the weights. */
static redux_status objective_after(const rdx_run *run, redux_objective_step *step)
{
    const redux_custom_objective *d = &run->objective->definition;
    const uint64_t before = rdx_messages();
    step->views = NULL;
    if (d->after == NULL)
        return REDUX_OK;
    const redux_status status = d->after(run->context, run->state, step, d->user);
    return rdx_objective_result(run->objective, "after", before, status);
}

/* The rate of this step. A cosine shorter than the run goes up and down. */
static double rate_of(const rdx_run *run)
{
    const double last = run->rate * run->options.last_rate;
    const int64_t half = run->options.cosine_steps, past = run->step - run->warm_up;
    if (half == 0 || past < 0)
        return redux_schedule_cosine(run->step, run->steps, run->warm_up, run->rate, last);
    const int64_t swing = past % (2 * half);
    return redux_schedule_cosine(RDX_MIN(swing, 2 * half - swing), half, 0, run->rate, last);
}

static redux_status train_step(rdx_run *run, redux_pretrain_step *told)
{
    redux_objective_step step = {.struct_size = sizeof step,
                                 .network = run->network,
                                 .view_count = run->views.options.views,
                                 .small_view_count = run->views.options.small_views,
                                 .part = part_of(run),
                                 .seed = run->options.seed,
                                 .step = run->step,
                                 .steps = run->steps};
    told->rate = rate_of(run);
    RDX_TRY(redux_loader_next(&step.views, run->context, run->loader));
    zero_gradients(run);
    RDX_TRY(objective_step(&told->loss, run, &step));
    if (!isfinite(told->loss))
        return not_finite(run, "the loss", told->loss, told->rate);
    RDX_TRY(redux_optimiser_step(&told->gradient_norm, run->context, run->optimiser, told->rate));
    if (!isfinite(told->gradient_norm))
        return not_finite(run, "the gradient's norm", told->gradient_norm, told->rate);
    return objective_after(run, &step);
}

/* Counts a finished step. */
static void count_step(rdx_run *run, redux_pretrain_step *told, double seconds)
{
    const double rate = (double)(run->batch * view_count(run)) / fmax(seconds, 1e-9);
    told->epoch = run->step / run->batches;
    run->step++;
    run->epoch_loss += told->loss;
    if (run->step % run->batches == 0 || run->step == run->steps) {
        const int64_t rest = run->step % run->batches;
        run->last_loss = run->epoch_loss / (double)(rest == 0 ? run->batches : rest);
        if (told->epoch == 0)
            run->first_loss = run->last_loss;
        run->epoch_loss = 0;
    }
    run->images_per_second =
        run->images_per_second == 0 ? rate : 0.9 * run->images_per_second + 0.1 * rate;
    told->step = run->step;
    told->steps = run->steps;
    told->images_per_second = run->images_per_second;
    told->seconds = rdx_run_seconds(run);
}

/* ---- the loop ---- */

/* A step can be too large even if loss and gradient are finite. Then the previous checkpoint is the
 * last good one. */
static redux_status check_weights(const rdx_run *run, double rate)
{
    for (int64_t i = 0; i < run->parameter_count; i++) {
        const redux_tensor *value = &run->parameters[i]->value;
        const float *values = value->data;
        const int64_t count = value->dtype == REDUX_FLOAT32 ? redux_tensor_elements(value) : 0;
        for (int64_t k = 0; k < count; k++)
            if (!isfinite(values[k]))
                return rdx_fail(REDUX_E_NOT_FINITE,
                                "step %lld of %lld: %s is no longer finite, at learning rate %g",
                                (long long)run->step, (long long)run->steps,
                                run->parameters[i]->name, rate);
    }
    return REDUX_OK;
}

static redux_status save_all(rdx_run *run, double rate)
{
    RDX_TRY(check_weights(run, rate));
    RDX_TRY(rdx_checkpoint_save(run));
    return rdx_run_save_summary(run, false);
}

/* Whether the context's progress callback, or report, asks to stop. */
static redux_status ask(rdx_run *run, const redux_pretrain_step *told)
{
    int stop = 0;
    if (run->options.report != NULL)
        stop = run->options.report(told, run->options.report_user);
    RDX_TRY(rdx_progress_add(run->context, 1));
    if (stop != 0)
        return rdx_fail(REDUX_E_CANCELLED, "cancelled after step %lld of %lld",
                        (long long)run->step, (long long)run->steps);
    return REDUX_OK;
}

/* An epoch may take hours, so checkpoints do not wait for its end. */
static bool is_due(const rdx_run *run, double seconds)
{
    const double wanted = run->options.checkpoint_seconds;
    return wanted > 0 ? seconds >= wanted : run->step % run->batches == 0;
}

/* What makes a run useless without making it fail. */
static void warn_of_start(const rdx_run *run)
{
    rdx_run_name_idle(run);
    if (run->batches == 1 && run->epochs > 1 && rdx_run_writes(run))
        rdx_log(run->context, REDUX_LOG_WARNING,
                "the slices fill one batch of %lld, so that each epoch is one step: schedules by "
                "epochs hardly move; a smaller batch gives more steps",
                (long long)run->batch);
}

static void warn_of_step(rdx_run *run, const redux_pretrain_step *told)
{
    const int64_t blank = run->step == run->batches ? rdx_loader_blank(run->loader) : 0;
    if (!rdx_run_writes(run))
        return;
    if (blank > 0)
        rdx_log(run->context, REDUX_LOG_WARNING,
                "%s%lld slices show one value only, or none that is finite: nothing can be learned "
                "from them",
                rdx_ranks(run->context) > 1 ? "of those that rank 0 reads, " : "",
                (long long)blank);
    if (told->gradient_norm > 1e-12 || run->is_warned)
        return;
    run->is_warned = true;
    rdx_log(
        run->context, REDUX_LOG_WARNING,
        "step %lld: the gradient is %.2g, so that nothing is learned: the temperature may be too "
        "small, or the slices all alike",
        (long long)run->step, told->gradient_norm);
}

/* A step, with its log line, warnings and report. A report that stops at the last step changes
 * nothing: the run is complete. */
static redux_status one_step(rdx_run *run, redux_pretrain_step *told)
{
    const double start = rdx_seconds();
    RDX_TRY(train_step(run, told));
    count_step(run, told, rdx_seconds() - start);
    warn_of_step(run, told);
    if (rdx_run_writes(run))
        RDX_TRY(rdx_log_step(run, told));
    if (run->step == run->steps)
        RDX_TRY(check_weights(run, told->rate));
    rdx_progress_hold(run->context, false);
    const redux_status answer = ask(run, told);
    rdx_progress_hold(run->context, true);
    return answer == REDUX_E_CANCELLED && run->step == run->steps ? REDUX_OK : answer;
}

/* A run that is cancelled keeps what it has. Other ranks wait for the first one, since the first to
 * end may take all with it. */
static redux_status stop(rdx_run *run, redux_status answer, double rate)
{
    char message[512];
    snprintf(message, sizeof message, "%s", redux_error_message());
    const redux_status saved = rdx_run_writes(run) ? save_all(run, rate) : REDUX_OK;
    if (saved != REDUX_OK)
        snprintf(message, sizeof message, "%s", redux_error_message());
    rdx_progress_hold(run->context, true); /* a rank that was interrupted waits as well */
    (void)rdx_run_meet(run);
    rdx_progress_hold(run->context, false);
    return rdx_fail_again(saved == REDUX_OK ? answer : saved, message);
}

static redux_status train(rdx_run *run)
{
    double saved = rdx_seconds();
    warn_of_start(run);
    rdx_progress_begin(run->context, run->steps);
    RDX_TRY(rdx_progress_add(run->context, run->step));
    while (run->step < run->steps) {
        redux_pretrain_step told = {.struct_size = sizeof told};
        rdx_progress_hold(run->context, true); /* a step is done whole or not at all */
        const redux_status status = rdx_agree(run->context, one_step(run, &told));
        rdx_progress_hold(run->context, false);
        if (status == REDUX_E_CANCELLED && told.step > 0)
            return stop(run, status, told.rate);
        RDX_TRY(status);
        if (run->step < run->steps && rdx_run_writes(run) && is_due(run, rdx_seconds() - saved)) {
            RDX_TRY(save_all(run, told.rate));
            saved = rdx_seconds();
        }
    }
    return REDUX_OK;
}

/* Writes the checkpoint last: one of the last step promises that the other files exist. */
static redux_status finish(rdx_run *run)
{
    RDX_TRY(rdx_run_gather_traffic(run));
    if (!rdx_run_writes(run))
        return REDUX_OK;
    RDX_TRY(rdx_weights_save(run));
    RDX_TRY(rdx_run_save_summary(run, true));
    return rdx_checkpoint_save(run);
}

static redux_status run_session(rdx_run *run)
{
    redux_status status = rdx_run_writes(run) ? rdx_log_open(run) : REDUX_OK;
    RDX_TRY(rdx_agree(run->context, status));
    run->started = rdx_seconds();
    if (rdx_ranks(run->context) > 1)
        memcpy(run->traffic_before, rdx_context_traffic(run->context), sizeof run->traffic_before);
    status = train(run);
    const redux_status closed = rdx_log_close(run);
    status = rdx_agree(run->context, status == REDUX_OK ? closed : status);
    if (status == REDUX_OK && !run->complete)
        status = finish(run);
    return status;
}

static void report_result(redux_pretrain_result *out, const rdx_run *run)
{
    const redux_pretrain_result result = {.struct_size = sizeof result,
                                          .slices = run->slices,
                                          .batch = run->batch,
                                          .steps = run->steps,
                                          .epochs = run->epochs,
                                          .first_loss = run->first_loss,
                                          .last_loss = run->last_loss,
                                          .seconds = run->complete ? run->seconds_before
                                                                   : rdx_run_seconds(run),
                                          .was_complete = run->complete};
    if (out != NULL) /* its size has been checked */
        (void)rdx_write_result(out, &result, sizeof result, "redux_pretrain_result");
}

redux_status redux_pretrain(redux_pretrain_result *out, redux_context *context, const char *folder,
                            const redux_dataset *dataset, const uint8_t *kept,
                            const redux_pretrain_options *options)
{
    rdx_run run = {.context = context,
                   .folder = folder,
                   .dataset = dataset,
                   .kept = kept,
                   .lock = -1,
                   .log = -1};
    if (folder == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "no folder, or no dataset");
    if (out != NULL)
        RDX_TRY(rdx_check_result(out, "redux_pretrain_result"));
    rdx_agree_begin(context);
    redux_status status = rdx_agree(context, rdx_run_read_options(&run, options));
    if (status == REDUX_OK)
        status = open_run(&run);
    if (status == REDUX_OK)
        status = rdx_agree(context, run_session(&run));
    if (status == REDUX_OK)
        report_result(out, &run);
    close_run(&run);
    return status;
}
