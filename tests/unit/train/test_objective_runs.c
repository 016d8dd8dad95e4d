/* SPDX-License-Identifier: MIT
 * Runs with SwAV, MoCo and BYOL: the same bits with any number of threads and after any stop, and
 * what is refused. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "support/tiny_run.h"

/* The options of all objectives. */
typedef struct method {
    const char *name;
    redux_swav_options swav;
    redux_moco_options moco;
    redux_byol_options byol;
} method;

static const char *const names[] = {"swav", "moco", "byol"};
enum { METHODS = 3 };

/* SwAV's queue begins in the second epoch of three steps and is full after the next step; its
 * prototypes are frozen for four steps. */
static method method_of(int index)
{
    method m = {.name = names[index],
                .swav = REDUX_SWAV_OPTIONS_INIT,
                .moco = REDUX_MOCO_OPTIONS_INIT,
                .byol = REDUX_BYOL_OPTIONS_INIT};
    m.swav.prototypes = 10;
    m.swav.freeze_steps = 4;
    m.swav.queue = 2 * BATCH;
    m.swav.queue_start = 1;
    m.moco.momentum = 0.9;
    m.byol.momentum = 0.9;
    return m;
}

static redux_objective *objective_of(const method *m)
{
    redux_objective *out = NULL;
    if (strcmp(m->name, "swav") == 0)
        ck_assert_redux_ok(redux_objective_new_swav(&out, NULL, &m->swav));
    else if (strcmp(m->name, "moco") == 0)
        ck_assert_redux_ok(redux_objective_new_moco(&out, NULL, &m->moco));
    else
        ck_assert_redux_ok(redux_objective_new_byol(&out, NULL, &m->byol));
    return out;
}

/* SwAV with small views and a head with batch norm, BYOL with a prediction. */
static recipe recipe_for(const method *m)
{
    recipe r = tiny();
    const bool is_swav = strcmp(m->name, "swav") == 0, is_byol = strcmp(m->name, "byol") == 0;
    r.run.rate = is_swav ? 0.1 : 0.2;
    r.optimiser.kind = is_swav ? REDUX_OPTIMISER_ADAMW : REDUX_OPTIMISER_SGD;
    r.projection.batch_norm = is_swav || is_byol;
    r.views.small_views = is_swav ? 3 : 0;
    r.with_prediction = is_byol;
    r.prediction = r.projection;
    r.prediction.widths[0] = 12;
    r.prediction.no_bias = 2;
    return r;
}

static redux_status run_method(redux_pretrain_result *out, const char *folder,
                               const redux_dataset *dataset, const method *m, recipe *r,
                               int threads)
{
    redux_objective *objective = objective_of(m);
    r->run.objective = objective;
    const redux_status status = pretrain(out, folder, dataset, r, threads);
    redux_objective_free(objective);
    return status;
}

static void assert_same_run(const char *a, const char *b)
{
    assert_same_file(text("%s/weights.safetensors", a), text("%s/weights.safetensors", b));
    assert_same_file(text("%s/checkpoint.safetensors", a), text("%s/checkpoint.safetensors", b));
}

START_TEST(threads_and_stops_do_not_matter)
{
    const method m = method_of(_i);
    redux_dataset *dataset = open_slices();
    redux_pretrain_result result = {.struct_size = sizeof result};
    recipe r = recipe_for(&m);
    ck_assert_redux_ok(run_method(&result, "whole", dataset, &m, &r, 1));
    ck_assert_int_eq(result.steps, 12);
    for (int threads = 2; threads < 4; threads++) {
        ck_assert_redux_ok(run_method(NULL, text("t-%d", threads), dataset, &m, &r, threads));
        assert_same_run("whole", text("t-%d", threads));
    }
    r.run.resume = REDUX_RESUME_CONTINUE;
    r.run.report = stop_after;
    for (int64_t stop = 1; stop < 12; stop++) {
        const char *name = text("s-%d", (int)stop);
        r.run.report_user = &stop;
        ck_assert_redux(REDUX_E_CANCELLED, run_method(NULL, name, dataset, &m, &r, 2));
        r.run.report_user = &(int64_t){-1};
        ck_assert_redux_ok(run_method(NULL, name, dataset, &m, &r, 1 + (int)stop % 3));
        assert_same_run("whole", name);
    }
    redux_dataset_free(dataset);
}
END_TEST

/* Small batches of a large one; they are no other run for another number of threads. */
START_TEST(parts_do_not_depend_on_threads)
{
    const method m = method_of(_i);
    redux_dataset *dataset = open_slices();
    recipe r = recipe_for(&m);
    r.run.part = 5;
    ck_assert_redux_ok(run_method(NULL, "parts", dataset, &m, &r, 1));
    ck_assert_redux_ok(run_method(NULL, "parts-3", dataset, &m, &r, 3));
    assert_same_run("parts", "parts-3");
    redux_dataset_free(dataset);
}
END_TEST

static int tell_parent(const redux_pretrain_step *step, void *user)
{
    (void)step;
    return write(*(const int *)user, "", 1) == 1 ? 0 : 1;
}

/* Waits for some steps of the child (fewer where it ends), then for a part of the next. */
static void wait_for_steps(int from, const redux_random_key *key, uint32_t number)
{
    const uint64_t steps = 1 + redux_random_below(key, 2 * number, 2);
    char byte;
    for (uint64_t i = 0; i < steps && read(from, &byte, 1) == 1; i++)
        ;
    usleep((useconds_t)redux_random_below(key, 2 * number + 1, 4000));
}

/* A run in another process, killed ten times at random, and then ended. */
START_TEST(kills_do_not_matter)
{
    const method m = method_of(_i);
    const redux_random_key key = {.seed = 11, .sample = (uint64_t)_i};
    redux_dataset *dataset = open_slices();
    recipe r = recipe_for(&m);
    int kills = 0, status = -1, ends[2];
    r.run.epochs = 12;
    r.run.checkpoint_seconds = 1e-9; /* after each step */
    ck_assert_redux_ok(run_method(NULL, "alive", dataset, &m, &r, 1));
    r.run.resume = REDUX_RESUME_CONTINUE;
    while (status != 0) {
        ck_assert_int_eq(pipe(ends), 0);
        r.run.report = tell_parent;
        r.run.report_user = &ends[1];
        const pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0)
            _exit(run_method(NULL, "killed", dataset, &m, &r, 1) == REDUX_OK ? 0 : 1);
        close(ends[1]);
        if (kills < 10) {
            wait_for_steps(ends[0], &key, (uint32_t)kills);
            kill(child, SIGKILL);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        close(ends[0]);
        kills += WIFSIGNALED(status) ? 1 : 0;
        ck_assert(WIFSIGNALED(status) || status == 0);
    }
    ck_assert_int_eq(kills, 10);
    assert_same_run("alive", "killed");
    redux_dataset_free(dataset);
}
END_TEST

/* Each option of each objective, by its name. */
START_TEST(any_other_option_is_refused)
{
    static const struct {
        int method;
        size_t offset;
        char kind; /* d, i(nt32) or l(ong) */
        double value;
        const char *message;
    } cases[] = {
#define OTHER(index, field, kind, value, name) {index, offsetof(method, field), kind, value, name}
        OTHER(0, swav.prototypes, 'i', 11, "'prototypes': 10.0, not 11.0"),
        OTHER(0, swav.temperature, 'd', 0.2, "'temperature'"),
        OTHER(0, swav.epsilon, 'd', 0.06, "'epsilon'"),
        OTHER(0, swav.rounds, 'i', 4, "'rounds'"),
        OTHER(0, swav.freeze_steps, 'l', 5, "'freeze_steps'"),
        OTHER(0, swav.freeze_epochs, 'd', 1, "'freeze_epochs'"),
        OTHER(0, swav.queue, 'l', BATCH, "'queue'"),
        OTHER(0, swav.queue_start, 'l', 0, "'queue_start'"),
        OTHER(1, moco.temperature, 'd', 0.07, "'temperature'"),
        OTHER(1, moco.momentum, 'd', 0.99, "'momentum'"),
        OTHER(1, moco.queue, 'l', BATCH, "'queue'"),
        OTHER(1, moco.sub_batches, 'i', 4, "'sub_batches'"),
        OTHER(2, byol.momentum, 'd', 0.99, "'momentum'"),
    };
    redux_dataset *dataset = open_slices();
    for (int i = 0; i < METHODS; i++) {
        const method m = method_of(i);
        recipe r = recipe_for(&m);
        r.run.resume = REDUX_RESUME_CONTINUE;
        r.run.report = stop_after;
        r.run.report_user = &(int64_t){2};
        ck_assert_redux(REDUX_E_CANCELLED, run_method(NULL, m.name, dataset, &m, &r, 1));
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        method m = method_of(cases[i].method);
        recipe r = recipe_for(&m);
        char *place = (char *)&m + cases[i].offset;
        const int32_t small = (int32_t)cases[i].value;
        const int64_t whole = (int64_t)cases[i].value;
        r.run.resume = REDUX_RESUME_CONTINUE;
        if (cases[i].kind == 'd')
            memcpy(place, &cases[i].value, sizeof cases[i].value);
        else if (cases[i].kind == 'i')
            memcpy(place, &small, sizeof small);
        else
            memcpy(place, &whole, sizeof whole);
        ck_assert_redux(REDUX_E_INVALID, run_method(NULL, m.name, dataset, &m, &r, 1));
        ck_assert_msg(strstr(redux_error_message(), cases[i].message) != NULL, "%s: %s",
                      cases[i].message, redux_error_message());
    }
    redux_dataset_free(dataset);
}
END_TEST

static void assert_message(redux_status status, const char *message)
{
    ck_assert_redux(REDUX_E_INVALID, status);
    ck_assert_msg(strstr(redux_error_message(), message) != NULL, "not '%s': %s", message,
                  redux_error_message());
}

START_TEST(what_does_not_fit_is_refused)
{
    redux_dataset *dataset = open_slices();
    method swav = method_of(0), moco = method_of(1), byol = method_of(2);
    recipe r = recipe_for(&swav);
    swav.swav.queue = 4 * BATCH;
    assert_message(run_method(NULL, "no", dataset, &swav, &r, 1),
                   "swav: a queue of 32 is longer than the 24 slices: make it 24 or less");
    swav.swav.queue = BATCH + 1;
    assert_message(run_method(NULL, "no", dataset, &swav, &r, 1),
                   "swav: a queue of 9 is no multiple of the batch of 8: make it 8");
    r.views.views = 1;
    assert_message(run_method(NULL, "no", dataset, &swav, &r, 1), "1 full views");
    r = recipe_for(&moco);
    moco.moco.queue = 5 * BATCH;
    assert_message(run_method(NULL, "no", dataset, &moco, &r, 1), "40 is longer than the 24");
    moco.moco.queue = 0;
    r.run.batch = 13; /* half of 24 are 12 */
    assert_message(run_method(NULL, "no", dataset, &moco, &r, 1),
                   "moco: half of the 24 slices hold no batch of 13");
    r.run.batch = BATCH;
    moco.moco.sub_batches = BATCH + 1;
    assert_message(run_method(NULL, "no", dataset, &moco, &r, 1), "9 sub-batches of a batch of 8");
    moco.moco.sub_batches = 0;
    r.without_projection = true;
    assert_message(run_method(NULL, "no", dataset, &moco, &r, 1), "no projection head");
    r = recipe_for(&byol);
    r.with_prediction = false;
    assert_message(run_method(NULL, "no", dataset, &byol, &r, 1), "no prediction head");
    r.with_prediction = true;
    r.prediction.widths[1]++;
    assert_message(run_method(NULL, "no", dataset, &byol, &r, 1),
                   "the prediction has 9 outputs and the projection 8: make them equal");
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(options_out_of_range_are_refused)
{
    redux_objective *out = NULL;
    redux_swav_options swav = REDUX_SWAV_OPTIONS_INIT;
    redux_moco_options moco = REDUX_MOCO_OPTIONS_INIT;
    redux_byol_options byol = REDUX_BYOL_OPTIONS_INIT;
    swav.prototypes = 1;
    assert_message(redux_objective_new_swav(&out, NULL, &swav),
                   "1 prototypes; it needs at least 2");
    swav.prototypes = 2;
    swav.epsilon = 0;
    assert_message(redux_objective_new_swav(&out, NULL, &swav), "epsilon 0");
    swav.epsilon = 0.05;
    swav.rounds = 0;
    assert_message(redux_objective_new_swav(&out, NULL, &swav), "0 rounds");
    swav.rounds = 3;
    swav.temperature = NAN;
    assert_message(redux_objective_new_swav(&out, NULL, &swav), "temperature");
    swav.temperature = 0.1;
    swav.freeze_epochs = -1;
    assert_message(redux_objective_new_swav(&out, NULL, &swav), "frozen");
    swav.freeze_epochs = 0;
    swav.queue = -1;
    assert_message(redux_objective_new_swav(&out, NULL, &swav), "queue of -1");
    moco.temperature = 0;
    assert_message(redux_objective_new_moco(&out, NULL, &moco), "temperature 0");
    moco.temperature = 0.2;
    moco.momentum = 1.5;
    assert_message(redux_objective_new_moco(&out, NULL, &moco), "momentum 1.5");
    byol.momentum = -0.1;
    assert_message(redux_objective_new_byol(&out, NULL, &byol), "momentum -0.1");
    assert_message(redux_objective_new_swav(NULL, NULL, NULL), "out is NULL");
    assert_message(redux_objective_new_moco(NULL, NULL, NULL), "out is NULL");
    assert_message(redux_objective_new_byol(NULL, NULL, NULL), "out is NULL");
    ck_assert_ptr_null(out);
}
END_TEST

/* The rate of every step, and where it swings. */
START_TEST(a_cosine_shorter_than_the_run_swings)
{
    redux_dataset *dataset = open_slices();
    recipe r = tiny();
    size_t size;
    double rates[13];
    r.run.fixed_rate = 1;
    r.run.rate = 0.01;
    r.run.warm_up_steps = 2;
    r.run.cosine_steps = 3;
    ck_assert_redux_ok(pretrain(NULL, "swing", dataset, &r, 1));
    char *line = (char *)read_bytes(in_scratch("swing/log.csv"), &size), *begin = line;
    for (int i = 0; i < 13; i++) {
        rates[i] = 0;
        if (i > 0)
            sscanf(line, "%*d,%*d,%*f,%lf", &rates[i]);
        line = strchr(line, '\n') + 1;
    }
    ck_assert_double_eq_tol(rates[1], 0.005, 1e-12);
    ck_assert_double_eq_tol(rates[2], 0.01, 1e-12);
    for (int step = 2; step < 12; step++)
        ck_assert_double_eq_tol(rates[step + 1],
                                0.005 * (1 + cos(3.14159265358979323846 * (step - 2) / 3)), 1e-12);
    free(begin);
    redux_dataset_free(dataset);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("objective runs");
    TCase *cases = tcase_create("objective runs"), *slow = slow_tests(suite, 60);
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, scratch_make, scratch_remove);
    tcase_add_loop_test(slow, threads_and_stops_do_not_matter, 0, METHODS);
    tcase_add_loop_test(slow, parts_do_not_depend_on_threads, 0, METHODS);
    tcase_add_checked_fixture(slow, scratch_make, scratch_remove);
    tcase_add_loop_test(slow, kills_do_not_matter, 0, METHODS);
    tcase_add_test(cases, any_other_option_is_refused);
    tcase_add_test(cases, what_does_not_fit_is_refused);
    tcase_add_test(cases, options_out_of_range_are_refused);
    tcase_add_test(cases, a_cosine_shorter_than_the_run_swings);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
