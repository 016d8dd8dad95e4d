/* SPDX-License-Identifier: MIT
 * Contrastive pre-training: the loop.
 *
 * A step is a function of the settings, the step's number and the weights: nothing else is
 * remembered from one to the next. So a run goes on from its last checkpoint with the same bits. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io/io.h"
#include "run.h"

/* ---- setting up ---- */

/* What is in the folder already, and whether that is in the way. */
static redux_status prepare_folder(rdx_run *run)
{
    if (mkdir(run->folder, 0777) != 0 && errno != EEXIST)
        return rdx_fail(errno == ENOENT ? REDUX_E_NOT_FOUND : REDUX_E_IO, "%s: %s", run->folder,
                        strerror(errno));
    RDX_TRY(rdx_lock_folder(&run->lock, run->folder));
    if (run->options.resume == REDUX_RESUME_REFUSE &&
        (rdx_run_has(run, RDX_CHECKPOINT_FILE) || rdx_run_has(run, RDX_WEIGHTS_FILE)))
        return rdx_fail(REDUX_E_INVALID, "%s holds a run already: resume or overwrite it",
                        run->folder);
    return REDUX_OK;
}

/* An earlier run goes only when the new one can begin. */
static redux_status clear_folder(const rdx_run *run)
{
    static const char *const files[] = {RDX_CHECKPOINT_FILE, RDX_WEIGHTS_FILE, RDX_LOG_FILE,
                                        RDX_SUMMARY_FILE};
    for (int i = 0; i < RDX_COUNT(files); i++)
        RDX_TRY(rdx_run_remove(run, files[i]));
    return REDUX_OK;
}

/* How long the run is, from its slices and its batch. */
static void settle_length(rdx_run *run)
{
    run->batch = RDX_MIN(run->options.batch, run->slices);
    run->batches = run->slices / run->batch;
    run->steps = run->options.steps > 0 ? run->options.steps : run->options.epochs * run->batches;
    run->epochs = (run->steps + run->batches - 1) / run->batches;
}

static redux_status open_loader(rdx_run *run)
{
    const rdx_loader_options options = {.dataset = run->dataset,
                                        .kept = run->kept,
                                        .views = run->options.views,
                                        .batch = run->options.batch,
                                        .seed = run->options.seed,
                                        .memory_bytes = run->options.memory_bytes,
                                        .first_batch = run->step,
                                        .epochs = run->options.epochs,
                                        .batches = run->options.steps,
                                        .skip_errors = run->options.skip_errors};
    RDX_TRY(rdx_loader_new(&run->loader, run->context, &options));
    run->slices = rdx_loader_slices(run->loader);
    settle_length(run);
    run->warm_up = (int64_t)floor(run->options.warm_up * (double)run->batches + 0.5);
    run->warm_up = RDX_MIN(run->warm_up, run->steps);
    run->rate = run->options.rate;
    if (!run->options.fixed_rate) /* Goyal et al. 2017: in proportion to the batch */
        run->rate *= (double)run->batch / 256;
    return REDUX_OK;
}

static int32_t view_count(const rdx_run *run)
{
    return run->options.views.views + run->options.views.small_views;
}

/* Images that one forward takes at most. */
static int64_t part_of(const rdx_run *run)
{
    const int64_t all = 2 * run->batch;
    return run->options.part == 0 ? all : RDX_MIN(run->options.part, all);
}

static redux_status choose_objective(rdx_run *run)
{
    const redux_nt_xent_options defaults = REDUX_NT_XENT_OPTIONS_INIT;
    run->nt_xent = defaults;
    run->nt_xent.temperature = run->options.temperature;
    if (run->options.objective == NULL)
        run->objective = redux_objective_nt_xent(&run->nt_xent);
    else
        RDX_TRY(rdx_read_options(&run->objective, sizeof run->objective, run->options.objective,
                                 "redux_objective"));
    if (run->objective.name == NULL || run->objective.step == NULL)
        return rdx_fail(REDUX_E_INVALID, "an objective without a name or without a step");
    return REDUX_OK;
}

static redux_status open_objective(rdx_run *run)
{
    if (run->objective.open == NULL)
        return REDUX_OK;
    RDX_TRY(run->objective.open(&run->state, run->context, run->network, run->batch,
                                view_count(run), run->objective.user));
    run->is_open = true;
    return REDUX_OK;
}

static const redux_parameter *objective_tensor(const rdx_run *run, int64_t index)
{
    return run->objective.tensor == NULL ? NULL : run->objective.tensor(run->state, index);
}

static redux_status list_parameters(rdx_run *run)
{
    const int64_t own = redux_network_parameter_count(run->network);
    int64_t others = 0;
    void *block;
    while (objective_tensor(run, others) != NULL)
        others++;
    RDX_TRY(rdx_alloc(run->context, &block, (uint64_t)(own + others), sizeof(void *)));
    run->parameters = block;
    run->parameter_count = own + others;
    for (int64_t i = 0; i < own; i++)
        run->parameters[i] = redux_network_parameter(run->network, i);
    for (int64_t i = 0; i < others; i++)
        run->parameters[own + i] = objective_tensor(run, i);
    return REDUX_OK;
}

static redux_status open_network(rdx_run *run)
{
    const redux_views_options *views = &run->options.views;
    const int64_t side =
        views->small_views > 0 ? RDX_MAX(views->input.size, views->small_size) : views->input.size;
    RDX_TRY(redux_network_new(&run->network, run->context, &run->options.network));
    RDX_TRY(redux_network_plan(run->network, run->context, part_of(run), side, side, 1));
    RDX_TRY(open_objective(run));
    RDX_TRY(list_parameters(run));
    return redux_optimiser_new(&run->optimiser, run->context, run->parameters, run->parameter_count,
                               &run->options.optimiser);
}

/* Whether the checkpoint is of this run, and whether anything is left to do. Both are told without
 * reading a slice: how many there are is in the checkpoint, that they are these the dataset's
 * checksum says. */
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

/* Everything that a run needs, at the step that its checkpoint says. */
static redux_status open_parts(rdx_run *run, const redux_safetensors *file)
{
    RDX_TRY(open_loader(run));
    RDX_TRY(open_network(run));
    RDX_TRY(rdx_run_describe(run));
    if (file != NULL)
        RDX_TRY(rdx_checkpoint_restore(run, file));
    if (run->step > run->steps)
        return rdx_fail(REDUX_E_FORMAT, "%s: the checkpoint is at step %lld of %lld", run->folder,
                        (long long)run->step, (long long)run->steps);
    return run->options.resume == REDUX_RESUME_OVERWRITE ? clear_folder(run) : REDUX_OK;
}

static redux_status open_run(rdx_run *run)
{
    redux_safetensors *file = NULL;
    run->first_loss = run->last_loss = NAN;
    RDX_TRY(prepare_folder(run));
    RDX_TRY(choose_objective(run));
    if (run->options.resume == REDUX_RESUME_CONTINUE)
        RDX_TRY(rdx_checkpoint_open(&file, &run->step, run));
    redux_status status = file == NULL ? REDUX_OK : look_at_checkpoint(run, file);
    if (status == REDUX_OK && !run->complete)
        status = open_parts(run, file);
    redux_safetensors_free(file);
    return status;
}

static void close_run(rdx_run *run)
{
    rdx_loader_free(run->loader);
    if (run->is_open && run->objective.close != NULL)
        run->objective.close(run->state);
    redux_optimiser_free(run->optimiser);
    redux_network_free(run->network);
    rdx_free(run->parameters);
    json_decref(run->settings);
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
                    isnan(value) ? (double)NAN : value, rate); /* without a sign */
}

static redux_status train_step(rdx_run *run, redux_pretrain_step *told)
{
    const redux_tensor *views;
    redux_objective_step step = {.struct_size = sizeof step,
                                 .network = run->network,
                                 .view_count = view_count(run),
                                 .part = part_of(run),
                                 .seed = run->options.seed,
                                 .step = run->step,
                                 .steps = run->steps};
    told->rate = redux_schedule_cosine(run->step, run->steps, run->warm_up, run->rate,
                                       run->rate * run->options.last_rate);
    RDX_TRY(rdx_loader_next(&views, run->loader, run->context));
    step.views = views;
    zero_gradients(run);
    RDX_TRY(run->objective.step(&told->loss, run->context, run->state, &step, run->objective.user));
    if (!isfinite(told->loss))
        return not_finite(run, "the loss", told->loss, told->rate);
    RDX_TRY(redux_optimiser_step(&told->gradient_norm, run->context, run->optimiser, told->rate));
    if (!isfinite(told->gradient_norm))
        return not_finite(run, "the gradient's norm", told->gradient_norm, told->rate);
    if (run->objective.after != NULL)
        RDX_TRY(run->objective.after(run->context, run->state, run->network, run->objective.user));
    return REDUX_OK;
}

/* Counts a step that is done. */
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

/* A loss and a gradient may be finite and the step too far all the same. Then the checkpoint before
 * is the last good one. */
static redux_status check_weights(const rdx_run *run, double rate)
{
    for (int64_t i = 0; i < run->parameter_count; i++) {
        const redux_tensor *value = &run->parameters[i]->value;
        const float *values = value->data;
        const int64_t count = redux_tensor_elements(value);
        for (int64_t k = 0; k < count; k++)
            if (!isfinite(values[k]))
                return rdx_fail(REDUX_E_NOT_FINITE,
                                "step %lld of %lld: %s is not finite any more, at learning rate %g",
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

/* Whether someone asks to stop: the context's progress callback, or report. */
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

/* An epoch may take hours, so that its end is not waited for. */
static bool is_due(const rdx_run *run, double seconds)
{
    const double wanted = run->options.checkpoint_seconds;
    return wanted > 0 ? seconds >= wanted : run->step % run->batches == 0;
}

static redux_status train(rdx_run *run)
{
    double saved = rdx_seconds();
    rdx_progress_begin(run->context, run->steps);
    RDX_TRY(rdx_progress_add(run->context, run->step));
    while (run->step < run->steps) {
        redux_pretrain_step told = {.struct_size = sizeof told};
        const double start = rdx_seconds();
        rdx_progress_hold(run->context, true); /* a step is done whole or not at all */
        const redux_status status = train_step(run, &told);
        rdx_progress_hold(run->context, false);
        RDX_TRY(status);
        count_step(run, &told, rdx_seconds() - start);
        RDX_TRY(rdx_log_step(run, &told));
        if (run->step == run->steps)
            RDX_TRY(check_weights(run, told.rate));
        const redux_status answer = ask(run, &told);
        if (answer == REDUX_E_CANCELLED && run->step < run->steps) {
            char message[512];
            snprintf(message, sizeof message, "%s", redux_error_message());
            RDX_TRY(save_all(run, told.rate));
            return rdx_fail_again(answer, message);
        }
        if (run->step < run->steps && is_due(run, rdx_seconds() - saved)) {
            RDX_TRY(save_all(run, told.rate));
            saved = rdx_seconds();
        }
    }
    return REDUX_OK;
}

/* The checkpoint last: one of the last step says that the others are there. */
static redux_status finish(rdx_run *run)
{
    RDX_TRY(rdx_weights_save(run));
    RDX_TRY(rdx_run_save_summary(run, true));
    return rdx_checkpoint_save(run);
}

static redux_status run_session(rdx_run *run)
{
    RDX_TRY(rdx_log_open(run));
    run->started = rdx_seconds();
    redux_status status = train(run);
    const redux_status closed = rdx_log_close(run);
    if (status == REDUX_OK)
        status = closed;
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
    RDX_TRY(rdx_pretrain_read_options(&run.options, options));
    redux_status status = open_run(&run);
    if (status == REDUX_OK)
        status = run_session(&run);
    if (status == REDUX_OK)
        report_result(out, &run);
    close_run(&run);
    return status;
}
