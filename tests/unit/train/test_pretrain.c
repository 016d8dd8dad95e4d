/* SPDX-License-Identifier: MIT
 * Pre-training: what it writes, that it goes on with the same bits, and what it refuses. */
#include "support/tiny_run.h"
#include "train/objective.h"

/* "step,epoch,loss" of every line: the rest are times. */
static int log_lines(const char *folder, double *losses)
{
    size_t size;
    int count = 0;
    unsigned char *bytes = read_bytes(in_scratch(text("%s/log.csv", folder)), &size);
    char *line = (char *)bytes, *next;
    for (; size > 0 && (next = memchr(line, '\n', size)) != NULL; count++) {
        *next = '\0';
        if (count > 0) {
            char *end;
            ck_assert_int_eq(strtol(line, &end, 10), count);
            ck_assert_int_eq(strtol(end + 1, &end, 10), (count - 1) / (SLICES / BATCH));
            losses[count - 1] = strtod(end + 1, NULL);
        }
        size -= (size_t)(next + 1 - line);
        line = next + 1;
    }
    free(bytes);
    return count - 1;
}

START_TEST(a_run_writes_weights_log_and_settings)
{
    redux_dataset *dataset = open_slices();
    recipe options = tiny();
    redux_pretrain_result result = {.struct_size = sizeof result};
    redux_safetensors *file;
    redux_network_options network_options = REDUX_NETWORK_OPTIONS_INIT;
    redux_head_options head = REDUX_HEAD_OPTIONS_INIT;
    redux_network *network;
    double losses[180];
    options.run.epochs = 60; /* enough to learn something, whatever the first weights */
    ck_assert_redux_ok(pretrain(&result, "run", dataset, &options, 2));
    ck_assert_int_eq(result.slices, SLICES);
    ck_assert_int_eq(result.steps, 180);
    ck_assert_int_eq(result.epochs, 60);
    ck_assert_int_eq(result.was_complete, 0);
    ck_assert_int_eq(log_lines("run", losses), 180);
    ck_assert_double_eq_tol(result.first_loss, (losses[0] + losses[1] + losses[2]) / 3, 1e-12);
    ck_assert_double_eq_tol(result.last_loss, (losses[177] + losses[178] + losses[179]) / 3, 1e-12);
    ck_assert_double_lt(result.last_loss, result.first_loss);
    /* A batch of 8 has log(15) where nothing is known. */
    ck_assert_double_eq_tol(losses[0], log(15), 1);
    ck_assert_redux_ok(redux_safetensors_load(&file, NULL, in_scratch("run/weights.safetensors")));
    ck_assert_str_eq(redux_safetensors_metadata(file, "arch"), "resnet18");
    ck_assert_str_eq(redux_safetensors_metadata(file, "window"), "auto");
    ck_assert_str_eq(redux_safetensors_metadata(file, "size"), "16");
    ck_assert_redux_ok(redux_network_options_of(&network_options, &head, NULL, file));
    ck_assert_ptr_eq(network_options.projection, &head);
    ck_assert(head.layers == 2 && head.widths[0] == 64 && head.widths[1] == 8);
    ck_assert(head.batch_norm == 0 && head.no_bias == 0);
    ck_assert_redux_ok(redux_network_new(&network, NULL, &network_options));
    ck_assert_redux_ok(redux_network_load(network, NULL, file));
    redux_network_free(network);
    redux_safetensors_free(file);
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(weights_do_not_depend_on_threads_or_folder)
{
    redux_dataset *dataset = open_slices();
    recipe options = tiny();
    ck_assert_redux_ok(pretrain(NULL, "one", dataset, &options, 1));
    for (int threads = 2; threads < 4; threads++) {
        const char *name = text("threads-%d", threads);
        ck_assert_redux_ok(pretrain(NULL, name, dataset, &options, threads));
        assert_same_file("one/weights.safetensors", text("%s/weights.safetensors", name));
        assert_same_file("one/checkpoint.safetensors", text("%s/checkpoint.safetensors", name));
    }
    /* Another seed: other weights. */
    size_t size, other_size;
    options.run.seed = 1;
    ck_assert_redux_ok(pretrain(NULL, "other", dataset, &options, 1));
    unsigned char *bytes = read_bytes(in_scratch("one/weights.safetensors"), &size);
    unsigned char *others = read_bytes(in_scratch("other/weights.safetensors"), &other_size);
    ck_assert(size != other_size || memcmp(bytes, others, size) != 0);
    free(bytes);
    free(others);
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(a_run_that_was_stopped_goes_on_with_the_same_bits)
{
    redux_dataset *dataset = open_slices();
    recipe options = tiny();
    double want[12], have[12];
    ck_assert_redux_ok(pretrain(NULL, "whole", dataset, &options, 2));
    ck_assert_int_eq(log_lines("whole", want), 12);
    options.run.resume = REDUX_RESUME_CONTINUE;
    options.run.report = stop_after;
    for (int64_t stop = 1; stop < 12; stop += 3) {
        redux_pretrain_result result = {.struct_size = sizeof result};
        const char *name = text("stopped-%d", (int)stop);
        int64_t later = stop + 2;
        options.run.report_user = &stop;
        ck_assert_redux(REDUX_E_CANCELLED, pretrain(NULL, name, dataset, &options, 2));
        options.run.report_user = &later;
        ck_assert_redux(later < 12 ? REDUX_E_CANCELLED : REDUX_OK,
                        pretrain(NULL, name, dataset, &options, 1));
        options.run.report_user = &(int64_t){-1};
        ck_assert_redux_ok(pretrain(&result, name, dataset, &options, 2));
        assert_same_file("whole/weights.safetensors", text("%s/weights.safetensors", name));
        assert_same_file("whole/checkpoint.safetensors", text("%s/checkpoint.safetensors", name));
        ck_assert_int_eq(log_lines(name, have), 12);
        ck_assert_mem_eq(have, want, sizeof have);
        ck_assert_redux_ok(pretrain(&result, name, dataset, &options, 2));
        ck_assert_int_eq(result.was_complete, 1);
        assert_same_file("whole/weights.safetensors", text("%s/weights.safetensors", name));
    }
    redux_dataset_free(dataset);
}
END_TEST

/* Looks for the checkpoint of step 1 when step 2 is done, in the middle of an epoch. */
static int look_for_checkpoint(const redux_pretrain_step *step, void *user)
{
    redux_safetensors *file;
    if (step->step != 2)
        return 0;
    const char *path = in_scratch(text("%s/checkpoint.safetensors", (const char *)user));
    if (access(path, F_OK) != 0)
        return 1;
    ck_assert_redux_ok(redux_safetensors_load(&file, NULL, path));
    ck_assert_str_eq(redux_safetensors_metadata(file, "step"), "1");
    redux_safetensors_free(file);
    return 0;
}

/* By the clock checkpoints do not wait for an epoch to end; 0 seconds: they do. */
START_TEST(checkpoints_are_due_within_an_epoch)
{
    static char timed[] = "timed", by_epoch[] = "by-epoch";
    redux_dataset *dataset = open_slices();
    recipe options = tiny();
    options.run.report = look_for_checkpoint;
    options.run.checkpoint_seconds = 1e-9;
    options.run.report_user = timed;
    ck_assert_redux_ok(pretrain(NULL, timed, dataset, &options, 1));
    options.run.checkpoint_seconds = 0;
    options.run.report_user = by_epoch;
    ck_assert_redux(REDUX_E_CANCELLED, pretrain(NULL, by_epoch, dataset, &options, 1));
    redux_dataset_free(dataset);
}
END_TEST

/* Of a complete run no slice is read, and no network made: it may be resumed without its data. */
START_TEST(a_complete_run_ends_at_once)
{
    redux_dataset *dataset = open_slices();
    recipe options = tiny();
    redux_pretrain_result first = {.struct_size = sizeof first}, again = first;
    double losses[12];
    ck_assert_redux_ok(pretrain(&first, "complete", dataset, &options, 1));
    options.run.resume = REDUX_RESUME_CONTINUE;
    unlink(in_scratch("slices.npy"));
    ck_assert_redux_ok(pretrain(&again, "complete", dataset, &options, 1));
    ck_assert_int_eq(again.was_complete, 1);
    ck_assert_int_eq(again.slices, first.slices);
    ck_assert_int_eq(again.batch, first.batch);
    ck_assert_int_eq(again.steps, first.steps);
    ck_assert_int_eq(again.epochs, first.epochs);
    ck_assert_double_eq(again.first_loss, first.first_loss);
    ck_assert_double_eq(again.last_loss, first.last_loss);
    ck_assert_int_eq(log_lines("complete", losses), 12);
    /* Other settings are told before the data is looked for, too. */
    options.run.epochs = 5;
    ck_assert_redux(REDUX_E_INVALID, pretrain(NULL, "complete", dataset, &options, 1));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "another 'epochs': 4, not 5"));
    redux_dataset_free(dataset);
}
END_TEST

/* Weights that went missing come back from the checkpoint. */
START_TEST(weights_are_made_again_from_the_last_checkpoint)
{
    redux_dataset *dataset = open_slices();
    recipe options = tiny();
    ck_assert_redux_ok(pretrain(NULL, "made", dataset, &options, 1));
    ck_assert_redux_ok(pretrain(NULL, "again", dataset, &options, 1));
    unlink(in_scratch("again/weights.safetensors"));
    options.run.resume = REDUX_RESUME_CONTINUE;
    ck_assert_redux_ok(pretrain(NULL, "again", dataset, &options, 1));
    assert_same_file("made/weights.safetensors", "again/weights.safetensors");
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(a_folder_with_another_run_is_refused)
{
    redux_dataset *dataset = open_slices();
    recipe options = tiny();
    size_t size;
    options.run.epochs = 1;
    ck_assert_redux_ok(pretrain(NULL, "held", dataset, &options, 1));
    unsigned char *bytes = read_bytes(in_scratch("held/weights.safetensors"), &size);
    ck_assert_redux(REDUX_E_INVALID, pretrain(NULL, "held", dataset, &options, 1));
    options.run.resume = REDUX_RESUME_CONTINUE;
    options.nt_xent.temperature = 0.2;
    ck_assert_redux(REDUX_E_INVALID, pretrain(NULL, "held", dataset, &options, 1));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "'temperature'"));
    options.nt_xent.temperature = 0.5;
    options.views.gamma = 0.123;
    ck_assert_redux(REDUX_E_INVALID, pretrain(NULL, "held", dataset, &options, 1));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "'gamma'"));
    write_bytes(in_scratch("same.safetensors"), bytes, size);
    assert_same_file("held/weights.safetensors", "same.safetensors");
    /* What cannot begin overwrites nothing. */
    options.run.resume = REDUX_RESUME_OVERWRITE;
    options.without_projection = true;
    ck_assert_redux(REDUX_E_INVALID, pretrain(NULL, "held", dataset, &options, 1));
    assert_same_file("held/weights.safetensors", "same.safetensors");
    options.without_projection = false;
    ck_assert_redux_ok(pretrain(NULL, "held", dataset, &options, 1));
    free(bytes);
    redux_dataset_free(dataset);
}
END_TEST

typedef struct second_run {
    const redux_dataset *dataset;
    recipe options;
    int refused;
} second_run;

static int begin_second(const redux_pretrain_step *step, void *user)
{
    second_run *second = user;
    (void)step;
    ck_assert_redux(REDUX_E_IO, recipe_run(NULL, NULL, in_scratch("shared"), second->dataset, NULL,
                                           &second->options));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "another run is writing there"));
    second->refused++;
    return 0;
}

START_TEST(two_runs_do_not_share_a_folder)
{
    recipe options = tiny();
    redux_dataset *dataset = open_slices();
    second_run second = {.dataset = dataset, .options = tiny()};
    second.options.run.resume = REDUX_RESUME_OVERWRITE;
    options.run.report = begin_second;
    options.run.report_user = &second;
    ck_assert_redux_ok(pretrain(NULL, "shared", dataset, &options, 1));
    ck_assert_int_gt(second.refused, 1);
    ck_assert_redux_ok(pretrain(NULL, "alone", dataset, &second.options, 1));
    assert_same_file("shared/weights.safetensors", "alone/weights.safetensors");
    /* The lock went with the run. */
    ck_assert_redux_ok(pretrain(NULL, "shared", dataset, &second.options, 1));
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(a_damaged_checkpoint_is_refused)
{
    redux_dataset *dataset = open_slices();
    recipe options = tiny();
    size_t size;
    options.run.epochs = 1;
    ck_assert_redux_ok(pretrain(NULL, "damaged", dataset, &options, 1));
    const char *path = in_scratch("damaged/checkpoint.safetensors");
    unsigned char *bytes = read_bytes(path, &size);
    options.run.resume = REDUX_RESUME_CONTINUE;
    write_bytes(path, bytes, size - 1);
    ck_assert_redux(REDUX_E_FORMAT, pretrain(NULL, "damaged", dataset, &options, 1));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "checkpoint.safetensors"));
    bytes[size / 2] ^= 4;
    write_bytes(path, bytes, size);
    ck_assert_redux(REDUX_E_FORMAT, pretrain(NULL, "damaged", dataset, &options, 1));
    write_bytes(path, bytes, 0);
    ck_assert_redux(REDUX_E_FORMAT, pretrain(NULL, "damaged", dataset, &options, 1));
    free(bytes);
    redux_dataset_free(dataset);
}
END_TEST

/* The checkpoint once more, with one key (NULL: one tensor) other than it was. */
static void write_changed(const char *path, const redux_safetensors *file, const char *key,
                          const char *value)
{
    static const char *const keys[] = {"settings",   "step",       "optimiser_steps",
                                       "epoch_loss", "first_loss", "last_loss"};
    redux_safetensors_content content = REDUX_SAFETENSORS_CONTENT_INIT;
    const char *names[400], *known[6], *values[6];
    redux_tensor tensors[400];
    ck_assert_int_le(redux_safetensors_tensor_count(file), 400);
    for (int64_t i = 0; i < redux_safetensors_tensor_count(file); i++) {
        const char *name = redux_safetensors_name(file, i);
        if (key == NULL && value == NULL && strcmp(name, "projection.2.bias") == 0)
            continue;
        names[content.count] = name;
        ck_assert_redux_ok(redux_safetensors_get_tensor(&tensors[content.count], file, i));
        if (key == NULL && value != NULL && strcmp(name, "projection.2.bias") == 0)
            tensors[content.count].shape[0]--;
        content.count++;
    }
    for (int i = 0; i < 6; i++) {
        const bool other = key != NULL && strcmp(key, keys[i]) == 0;
        if (other && value == NULL)
            continue;
        known[content.pair_count] = keys[i];
        values[content.pair_count++] = other ? value : redux_safetensors_metadata(file, keys[i]);
    }
    content.names = names;
    content.tensors = tensors;
    content.keys = known;
    content.values = values;
    ck_assert_redux_ok(redux_safetensors_save(path, NULL, &content));
    for (int64_t i = 0; i < content.count; i++)
        redux_tensor_release(&tensors[i]);
}

/* Whole, but not a checkpoint of this run: each is told by file and reason, and left alone. */
START_TEST(a_checkpoint_of_something_else)
{
    static const struct {
        const char *key, *value, *message;
    } cases[] = {
        {"step", NULL, "checkpoint.safetensors: no step"},
        {"step", "", "step is ''"},
        {"step", "x", "step is 'x'"},
        {"step", "-1", "step -1"},
        {"step", "13", "at step 13 of 12"},
        {"settings", NULL, "no settings"},
        {"settings", "{}", "another 'dataset'"},
        {"settings", "{\"slices\": 24}", "another"},
        {"settings", "nonsense", ""},
        {"epoch_loss", NULL, "no epoch_loss"},
        {"optimiser_steps", NULL, "no optimiser_steps"},
        {"optimiser_steps", "1e300", "optimiser_steps 1e+300"},
        {"optimiser_steps", "nan", "optimiser_steps"},
        {NULL, NULL, "no projection.2.bias"},
        {NULL, "shorter", "projection.2.bias has another shape"},
    };
    redux_dataset *dataset = open_slices();
    recipe options = tiny();
    redux_safetensors *file;
    const char *path = in_scratch("foreign/checkpoint.safetensors");
    size_t sizes[2];
    options.run.report = stop_after;
    options.run.report_user = &(int64_t){5};
    ck_assert_redux(REDUX_E_CANCELLED, pretrain(NULL, "foreign", dataset, &options, 1));
    options.run.report = NULL;
    options.run.resume = REDUX_RESUME_CONTINUE;
    ck_assert_redux_ok(redux_safetensors_load(&file, NULL, path));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_changed(path, file, cases[i].key, cases[i].value);
        unsigned char *before = read_bytes(path, &sizes[0]);
        const redux_status status = pretrain(NULL, "foreign", dataset, &options, 1);
        ck_assert_msg(status == REDUX_E_FORMAT || status == REDUX_E_INVALID, "case %d: %d: %s",
                      (int)i, (int)status, redux_error_message());
        ck_assert_msg(strstr(redux_error_message(), cases[i].message) != NULL, "case %d: %s",
                      (int)i, redux_error_message());
        ck_assert_msg(strstr(redux_error_message(), in_scratch("foreign")) != NULL, "case %d: %s",
                      (int)i, redux_error_message());
        unsigned char *after = read_bytes(path, &sizes[1]);
        ck_assert_uint_eq(sizes[0], sizes[1]);
        ck_assert_mem_eq(before, after, sizes[0]);
        free(before);
        free(after);
    }
    write_changed(path, file, "none", NULL); /* as it was */
    redux_safetensors_free(file);
    ck_assert_redux_ok(pretrain(NULL, "foreign", dataset, &options, 1));
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(a_loss_that_is_not_finite_stops_the_run)
{
    redux_dataset *dataset = open_slices();
    recipe options = tiny();
    options.run.rate = 1e38;
    options.run.warm_up = 0;
    ck_assert_redux(REDUX_E_NOT_FINITE, pretrain(NULL, "diverged", dataset, &options, 1));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "step 2 of 12: the loss is nan"));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "learning rate"));
    ck_assert_int_ne(access(in_scratch("diverged/weights.safetensors"), F_OK), 0);
    redux_dataset_free(dataset);
}
END_TEST

/* A step may go too far with a loss that is finite: its weights are no checkpoint, and no result.
 */
START_TEST(weights_that_are_not_finite_are_not_kept)
{
    redux_dataset *dataset = open_slices();
    recipe options = tiny();
    options.run.rate = 1e39;
    options.run.fixed_rate = 1;
    options.run.warm_up = 0;
    options.run.batch = SLICES;
    for (int epochs = 1; epochs < 3; epochs++) {
        options.run.epochs = epochs;
        ck_assert_redux(REDUX_E_NOT_FINITE, pretrain(NULL, "too-far", dataset, &options, 1));
        ck_assert_ptr_nonnull(strstr(redux_error_message(), "no longer finite"));
        ck_assert_int_ne(access(in_scratch("too-far/weights.safetensors"), F_OK), 0);
        ck_assert_int_ne(access(in_scratch("too-far/checkpoint.safetensors"), F_OK), 0);
    }
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(nonsense_is_refused)
{
    redux_dataset *dataset = open_slices();
    const recipe good = tiny();
    recipe o = good;
    o.run.batch = 0;
    ck_assert_redux(REDUX_E_INVALID, pretrain(NULL, "no", dataset, &o, 1));
    o.run.batch = 1; /* no negatives */
    ck_assert_redux(REDUX_E_INVALID, pretrain(NULL, "no", dataset, &o, 1));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "at least two slices per batch"));
    o = good;
    o.run.steps = 5;
    ck_assert_redux(REDUX_E_INVALID, pretrain(NULL, "no", dataset, &o, 1));
    o = good;
    o.run.rate = NAN;
    ck_assert_redux(REDUX_E_INVALID, pretrain(NULL, "no", dataset, &o, 1));
    o = good;
    o.nt_xent.temperature = 0;
    ck_assert_redux(REDUX_E_INVALID, pretrain(NULL, "no", dataset, &o, 1));
    o = good;
    o.network.channels = 3;
    ck_assert_redux(REDUX_E_INVALID, pretrain(NULL, "no", dataset, &o, 1));
    o = good;
    o.without_projection = true;
    ck_assert_redux(REDUX_E_INVALID, pretrain(NULL, "no", dataset, &o, 1));
    o = good;
    o.views.views = 3;
    ck_assert_redux(REDUX_E_INVALID, pretrain(NULL, "no", dataset, &o, 1));
    ck_assert_redux(REDUX_E_NOT_FOUND, pretrain(NULL, "no/such/folder", dataset, &good, 1));
    redux_dataset_free(dataset);
}
END_TEST

/* ---- objectives ---- */

enum { EACH = 6 }; /* samples of a batch */

/* Views of one size lie one after the other in memory. */
static void random_views(redux_tensor *views, int count, uint64_t seed)
{
    const int64_t shape[] = {count * EACH, 16, 16, 1};
    const redux_random_key key = {seed, 0, 0, 0};
    redux_tensor images;
    ck_assert_redux_ok(redux_tensor_new(&images, NULL, REDUX_FLOAT32, 4, shape));
    for (int i = 0; i < count * EACH * 16 * 16; i++)
        ((float *)images.data)[i] = (float)redux_random_normal(&key, (uint32_t)i);
    for (int v = 0; v < count; v++)
        ck_assert_redux_ok(redux_tensor_slice(&views[v], &images, 0, (int64_t)v * EACH, EACH, 1));
    redux_tensor_release(&images);
}

/* One step of NT-Xent on a network of its own: its loss; the gradients stay in the network. */
static redux_network *objective_step(double *loss, const redux_tensor *views, int32_t view_count,
                                     int64_t part, bool frozen)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_head_options head = REDUX_HEAD_OPTIONS_INIT;
    redux_nt_xent_options nt_xent = REDUX_NT_XENT_OPTIONS_INIT;
    redux_objective *objective;
    redux_network *network;
    void *state;
    options.width = 0.125;
    options.projection = &head;
    head.widths[1] = 6;
    nt_xent.temperature = 0.2;
    ck_assert_redux_ok(redux_objective_new_nt_xent(&objective, NULL, &nt_xent));
    ck_assert_redux_ok(redux_network_new(&network, NULL, &options));
    ck_assert_redux_ok(redux_network_plan(network, NULL, part, 16, 16, 1));
    redux_network_freeze(network, frozen);
    redux_network_zero_gradients(network);
    const redux_custom_objective *d = &objective->definition;
    const redux_objective_setup setup = {.struct_size = sizeof setup,
                                         .network = network,
                                         .batch = EACH,
                                         .part = part,
                                         .views = view_count};
    const redux_objective_step step = {.struct_size = sizeof step,
                                       .network = network,
                                       .views = views,
                                       .view_count = view_count,
                                       .part = part};
    ck_assert_redux_ok(d->open(&state, NULL, &setup, d->user));
    ck_assert_redux_ok(d->step(loss, NULL, state, &step, d->user));
    d->close(state, d->user);
    redux_objective_free(objective);
    return network;
}

/* Gradients of `network` against the mean of those of the others; all, or the projection's. */
static void assert_gradients(const redux_network *network, redux_network *const *others, int count,
                             bool all)
{
    double largest = 0;
    for (int64_t i = 0; i < redux_network_parameter_count(network); i++) {
        const redux_parameter *p = redux_network_parameter(network, i);
        const float *have = p->gradient.data;
        double most = 0;
        if (have == NULL || (!all && strncmp(p->name, "projection.", 11) != 0))
            continue;
        for (int64_t k = 0; k < redux_tensor_elements(&p->gradient); k++)
            most = fmax(most, fabs((double)have[k]));
        for (int64_t k = 0; k < redux_tensor_elements(&p->gradient); k++) {
            double want = 0;
            for (int n = 0; n < count; n++) {
                const redux_parameter *q = redux_network_parameter(others[n], i);
                want += (double)((const float *)q->gradient.data)[k] / count;
            }
            ck_assert_msg(fabs((double)have[k] - want) <= 1e-5 * most + 1e-9, "%s", p->name);
        }
        largest = fmax(largest, most);
    }
    ck_assert_double_gt(largest, 0);
}

/* Without batch statistics parts make no difference, so both ways must give the same gradients. */
START_TEST(parts_have_the_whole_batchs_negatives)
{
    redux_tensor views[2];
    redux_network *whole, *parts;
    double losses[2];
    random_views(views, 2, 3);
    whole = objective_step(&losses[0], views, 2, 2 * EACH, true);
    parts = objective_step(&losses[1], views, 2, 5, true);
    ck_assert_double_eq_tol(losses[0], losses[1], 1e-6);
    assert_gradients(parts, &whole, 1, false);
    redux_network_free(whole);
    redux_network_free(parts);
    for (int v = 0; v < 2; v++)
        redux_tensor_release(&views[v]);
}
END_TEST

/* Of several pairs of views, as of multi-crop, the loss and its gradients are those of each pair by
 * itself, on average. Batch statistics are a pair's own. */
START_TEST(several_pairs_of_views)
{
    redux_tensor views[4];
    redux_network *both, *pairs[2];
    double losses[3];
    random_views(views, 4, 4);
    both = objective_step(&losses[0], views, 4, 2 * EACH, false);
    pairs[0] = objective_step(&losses[1], views, 2, 2 * EACH, false);
    pairs[1] = objective_step(&losses[2], views + 2, 2, 2 * EACH, false);
    ck_assert_double_eq_tol(losses[0], (losses[1] + losses[2]) / 2, 1e-6);
    ck_assert_double_ne(losses[1], losses[2]);
    assert_gradients(both, pairs, 2, true);
    redux_network_free(both);
    for (int p = 0; p < 2; p++)
        redux_network_free(pairs[p]);
    for (int v = 0; v < 4; v++)
        redux_tensor_release(&views[v]);
}
END_TEST

/* ---- objectives of a caller's own ---- */

/* One number is trained towards a goal, at a pace, with a memory and a counter of its own: as a
 * queue or a momentum network, they are not the optimiser's. */
typedef struct pull {
    double goal, pace; /* its options */
    const char *label;
    redux_parameter number, memory, count;
    int64_t steps, opened, closed;
    redux_status fails;
} pull;

static redux_status pull_open(void **state, redux_context *context,
                              const redux_objective_setup *setup, void *user)
{
    static const int64_t one[] = {1};
    pull *p = user;
    ck_assert_uint_eq(setup->struct_size, sizeof *setup);
    ck_assert(setup->batch == BATCH && setup->views == 3 && setup->small_views == 1);
    ck_assert(setup->steps == 12 && setup->epoch_steps == 3 && setup->part == BATCH);
    p->number = p->memory = p->count = (redux_parameter){.struct_size = sizeof p->number};
    p->number.name = "pull.number";
    p->memory.name = "pull.memory";
    p->count.name = "pull.count";
    p->memory.kind = p->count.kind = REDUX_PARAMETER_BUFFER;
    ck_assert_redux_ok(redux_tensor_new(&p->number.value, context, REDUX_FLOAT32, 1, one));
    ck_assert_redux_ok(redux_tensor_new(&p->number.gradient, context, REDUX_FLOAT32, 1, one));
    ck_assert_redux_ok(redux_tensor_new(&p->memory.value, context, REDUX_FLOAT32, 1, one));
    ck_assert_redux_ok(redux_tensor_new(&p->count.value, context, REDUX_INT64, 1, one));
    p->opened++;
    *state = p;
    return REDUX_OK;
}

static void pull_close(void *state, void *user)
{
    pull *p = state;
    ck_assert_ptr_eq(user, p);
    redux_tensor_release(&p->number.value);
    redux_tensor_release(&p->number.gradient);
    redux_tensor_release(&p->memory.value);
    redux_tensor_release(&p->count.value);
    p->closed++;
}

static redux_status pull_step(double *loss, redux_context *context, void *state,
                              const redux_objective_step *step, void *user)
{
    pull *p = state;
    const double away = (double)*(float *)p->number.value.data - p->goal;
    (void)context;
    (void)user;
    if (p->fails != REDUX_OK)
        return p->fails;
    ck_assert_int_eq(*(int64_t *)p->count.value.data, step->step);
    ck_assert(step->view_count == 3 && step->small_view_count == 1);
    for (int v = 0; v < 4; v++)
        ck_assert(step->views[v].shape[0] == BATCH && step->views[v].shape[1] == (v < 3 ? 16 : 7));
    ck_assert_float_eq(*(float *)p->number.gradient.data, 0);
    *(float *)p->number.gradient.data = (float)(p->pace * away);
    *loss = away * away;
    return REDUX_OK;
}

static redux_status pull_after(redux_context *context, void *state,
                               const redux_objective_step *step, void *user)
{
    pull *p = state;
    (void)context;
    (void)user;
    ck_assert_ptr_null(step->views);
    ck_assert_ptr_nonnull(step->network);
    *(float *)p->memory.value.data += *(float *)p->number.value.data;
    ++*(int64_t *)p->count.value.data;
    p->steps++;
    return REDUX_OK;
}

static const redux_parameter *pull_parameter(void *state, int64_t index, void *user)
{
    pull *p = state;
    ck_assert_ptr_eq(user, p);
    return index == 0 ? &p->number : index == 1 ? &p->memory : index == 2 ? &p->count : NULL;
}

static redux_status pull_describe(redux_description *description, void *user)
{
    const pull *p = user;
    const redux_status status = redux_description_add_number(description, "goal", p->goal);
    if (status != REDUX_OK || p->label == NULL)
        return status;
    return redux_description_add_text(description, p->pace < 0 ? "goal" : "label", p->label);
}

static redux_objective *pull_objective(pull *p, const redux_objective_views *views)
{
    redux_custom_objective definition = REDUX_CUSTOM_OBJECTIVE_INIT;
    redux_objective *objective;
    definition.name = "pull";
    definition.views = views;
    definition.open = pull_open;
    definition.close = pull_close;
    definition.step = pull_step;
    definition.after = pull_after;
    definition.parameter = pull_parameter;
    definition.describe = pull_describe;
    definition.user = p;
    ck_assert_redux_ok(redux_objective_new_custom(&objective, NULL, &definition));
    return objective;
}

/* Three full views and a small one. */
static recipe pull_recipe(const redux_objective *objective)
{
    recipe options = tiny();
    options.run.objective = objective;
    options.without_projection = true;
    options.views.views = 3;
    options.views.small_views = 1;
    return options;
}

static const redux_objective_views three_and_small = {.struct_size = sizeof three_and_small,
                                                      .least = 3,
                                                      .most = 3,
                                                      .most_small = 1,
                                                      .multiple = 1,
                                                      .together = 1};

START_TEST(an_objective_of_ones_own)
{
    redux_dataset *dataset = open_slices();
    redux_pretrain_result result = {.struct_size = sizeof result};
    pull p = {.goal = 3, .pace = 2, .label = "one"};
    redux_objective *objective = pull_objective(&p, &three_and_small);
    recipe options = pull_recipe(objective);
    int64_t stop = 5;
    ck_assert_redux_ok(pretrain(&result, "pulled", dataset, &options, 1));
    ck_assert_int_eq(p.steps, 12);
    ck_assert_double_lt(result.last_loss, result.first_loss);
    options.run.resume = REDUX_RESUME_CONTINUE;
    options.run.report = stop_after;
    options.run.report_user = &stop;
    ck_assert_redux(REDUX_E_CANCELLED, pretrain(NULL, "pulled-2", dataset, &options, 1));
    options.run.report = NULL;
    ck_assert_redux_ok(pretrain(NULL, "pulled-2", dataset, &options, 1));
    assert_same_file("pulled/checkpoint.safetensors", "pulled-2/checkpoint.safetensors");
    ck_assert(p.opened == 3 && p.closed == 3);
    redux_objective_free(objective);
    redux_dataset_free(dataset);
}
END_TEST

static void assert_refused(const char *folder, const redux_dataset *dataset, const recipe *options,
                           const char *name)
{
    ck_assert_redux(REDUX_E_INVALID, pretrain(NULL, folder, dataset, options, 1));
    ck_assert_msg(strstr(redux_error_message(), name) != NULL, "not %s: %s", name,
                  redux_error_message());
}

/* Each option of an objective, and one that is there in one of the runs only. */
START_TEST(an_objective_is_known_by_all_its_options)
{
    redux_dataset *dataset = open_slices();
    pull p = {.goal = 3, .pace = 2, .label = "one"};
    redux_objective *objective = pull_objective(&p, &three_and_small);
    recipe options = pull_recipe(objective);
    int64_t stop = 2;
    options.run.report = stop_after;
    options.run.report_user = &stop;
    options.run.resume = REDUX_RESUME_CONTINUE;
    ck_assert_redux(REDUX_E_CANCELLED, pretrain(NULL, "known", dataset, &options, 1));
    p.goal = 4;
    assert_refused("known", dataset, &options, "'goal': 3.0, not 4.0");
    p.goal = 3;
    p.label = "two";
    assert_refused("known", dataset, &options, "'label': \"one\", not \"two\"");
    p.label = NULL;
    assert_refused("known", dataset, &options, "'label': \"one\", not none");
    p.label = "one";
    p.pace = -1;
    assert_refused("known", dataset, &options, "describes 'goal' twice");
    p.pace = 2;
    p.goal = (double)INFINITY;
    assert_refused("known", dataset, &options, "describes 'goal' as inf");
    p.goal = 3;
    options.run.objective = NULL; /* NT-Xent */
    options.views.views = 2;
    options.views.small_views = 0;
    assert_refused("known", dataset, &options, "'objective': \"pull\", not \"nt-xent\"");
    options = pull_recipe(objective);
    options.run.resume = REDUX_RESUME_CONTINUE;
    ck_assert_redux_ok(pretrain(NULL, "known", dataset, &options, 1));
    redux_objective_free(objective);
    redux_dataset_free(dataset);
}
END_TEST

/* Before anything is read: the folder is not even made. */
START_TEST(an_objective_gets_the_views_that_it_takes)
{
    static const struct {
        redux_objective_views takes;
        int32_t views, small;
        const char *message; /* NULL: accepted */
    } cases[] = {
        {{0, 2, 2, 0, 1, 1}, 3, 0, "3 full views of a slice; it takes 2"},
        {{0, 2, 2, 0, 1, 1}, 1, 0, "1 full views"},
        {{0, 2, 0, 0, 1, 1}, 2, 1, "1 small views of a slice; it takes 0"},
        {{0, 2, 0, -1, 2, 1}, 3, 0, "multiples of 2"},
        {{0, 2, 0, -1, 2, 1}, 2, 3, "multiples of 2"},
        {{0, 3, 3, 1, 1, 1}, 3, 1, NULL},
    };
    redux_dataset *dataset = open_slices();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pull p = {.goal = 3, .pace = 2};
        redux_objective_views takes = cases[i].takes, found = REDUX_OBJECTIVE_VIEWS_INIT;
        takes.struct_size = sizeof takes;
        redux_objective *objective = pull_objective(&p, &takes);
        recipe options = pull_recipe(objective);
        options.views.views = cases[i].views;
        options.views.small_views = cases[i].small;
        options.run.resume = REDUX_RESUME_OVERWRITE;
        ck_assert_redux_ok(redux_objective_get_views(&found, objective));
        ck_assert_mem_eq(&found, &takes, sizeof found);
        if (cases[i].message == NULL)
            ck_assert_redux_ok(pretrain(NULL, "views", dataset, &options, 1));
        else
            assert_refused("views", dataset, &options, cases[i].message);
        ck_assert_int_eq(access(in_scratch("views"), F_OK) == 0, cases[i].message == NULL);
        redux_objective_free(objective);
    }
    redux_dataset_free(dataset);
}
END_TEST

/* A function of the caller's that fails has no message of its own: the library says which it was.
 */
START_TEST(an_objective_that_fails_is_named)
{
    redux_dataset *dataset = open_slices();
    pull p = {.goal = 3, .pace = 2, .fails = REDUX_E_LIMIT};
    redux_objective *objective = pull_objective(&p, &three_and_small);
    recipe options = pull_recipe(objective);
    redux_objective_views wrong = REDUX_OBJECTIVE_VIEWS_INIT;
    redux_custom_objective definition = REDUX_CUSTOM_OBJECTIVE_INIT;
    redux_objective *none = NULL;
    ck_assert_redux(REDUX_E_LIMIT, pretrain(NULL, "failed", dataset, &options, 1));
    ck_assert_str_eq(redux_error_message(), "objective pull: step: limit exceeded");
    ck_assert_str_eq(redux_objective_name(objective), "pull");
    ck_assert_ptr_null(redux_objective_name(NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_objective_get_views(&wrong, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_objective_new_custom(&none, NULL, &definition));
    definition.step = pull_step;
    definition.views = &wrong;
    wrong.most = 1;
    ck_assert_redux(REDUX_E_INVALID, redux_objective_new_custom(&none, NULL, &definition));
    ck_assert_redux(REDUX_E_INVALID, redux_objective_new_custom(NULL, NULL, &definition));
    ck_assert_redux(REDUX_E_INVALID, redux_description_add_number(NULL, "a", 1));
    ck_assert_redux(REDUX_E_INVALID, redux_description_add_text(NULL, "a", "b"));
    ck_assert_ptr_null(none);
    redux_objective_free(NULL);
    redux_objective_free(objective);
    redux_dataset_free(dataset);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pretrain");
    TCase *cases = tcase_create("pretrain");
    tcase_set_timeout(cases, 30);
    tcase_add_unchecked_fixture(cases, scratch_make, scratch_remove);
    tcase_add_test(cases, a_run_writes_weights_log_and_settings);
    tcase_add_test(cases, weights_do_not_depend_on_threads_or_folder);
    tcase_add_test(cases, a_run_that_was_stopped_goes_on_with_the_same_bits);
    tcase_add_test(cases, checkpoints_are_due_within_an_epoch);
    tcase_add_test(cases, a_complete_run_ends_at_once);
    tcase_add_test(cases, weights_are_made_again_from_the_last_checkpoint);
    tcase_add_test(cases, a_folder_with_another_run_is_refused);
    tcase_add_test(cases, two_runs_do_not_share_a_folder);
    tcase_add_test(cases, a_damaged_checkpoint_is_refused);
    tcase_add_test(cases, a_checkpoint_of_something_else);
    tcase_add_test(cases, several_pairs_of_views);
    tcase_add_test(cases, a_loss_that_is_not_finite_stops_the_run);
    tcase_add_test(cases, weights_that_are_not_finite_are_not_kept);
    tcase_add_test(cases, nonsense_is_refused);
    tcase_add_test(cases, parts_have_the_whole_batchs_negatives);
    tcase_add_test(cases, an_objective_of_ones_own);
    tcase_add_test(cases, an_objective_is_known_by_all_its_options);
    tcase_add_test(cases, an_objective_gets_the_views_that_it_takes);
    tcase_add_test(cases, an_objective_that_fails_is_named);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
