/* SPDX-License-Identifier: MIT
 * Several ranks train what one process trains, to the bit; and what happens when one of them fails.
 */
#include <stdatomic.h>
#include "support/ranks.h"
#include "support/tiny_run.h"

typedef enum objective_kind { NT_XENT, SWAV, MOCO, BYOL } objective_kind;

/* A run that is compared. Parts of 2 images: 8 of a batch of 8 pairs; of 4 slices: 2. */
typedef struct scenario {
    const char *name;
    objective_kind objective;
    int64_t steps, part;
    int32_t small_views;
    uint64_t memory; /* too little for all slices: chunks */
    bool bfloat16, skip;
    redux_optimiser_kind optimiser;
    int64_t queue;
} scenario;

static const scenario scenarios[] = {
    {.name = "simclr", .objective = NT_XENT, .steps = 60, .part = 2},
    {.name = "swav", .objective = SWAV, .steps = 60, .part = 2, .queue = 16},
    {.name = "uneven parts", .objective = NT_XENT, .steps = 12, .part = 3},
    {.name = "multi-crop", .objective = NT_XENT, .steps = 8, .part = 4, .small_views = 2},
    {.name = "swav, multi-crop",
     .objective = SWAV,
     .steps = 8,
     .part = 3,
     .small_views = 3,
     .optimiser = REDUX_OPTIMISER_LARS},
    {.name = "moco", .objective = MOCO, .steps = 12, .part = 1, .queue = 16},
    {.name = "byol", .objective = BYOL, .steps = 12, .part = 1},
    {.name = "whole batches", .objective = NT_XENT, .steps = 4, .part = 0, .small_views = 2},
    {.name = "whole batches of swav", .objective = SWAV, .steps = 4, .part = 0, .small_views = 1},
    {.name = "chunks", .objective = NT_XENT, .steps = 12, .part = 2, .memory = 12000},
    {.name = "chunks of moco",
     .objective = MOCO,
     .steps = 9,
     .part = 2,
     .memory = 12000,
     .queue = 8},
    {.name = "unreadable slices", .objective = NT_XENT, .steps = 6, .part = 2, .skip = true},
    {.name = "bfloat16", .objective = NT_XENT, .steps = 12, .part = 2, .bfloat16 = true},
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

static redux_status objective_of(redux_objective **out, redux_context *context, const scenario *s)
{
    redux_nt_xent_options nt_xent = REDUX_NT_XENT_OPTIONS_INIT;
    redux_swav_options swav = REDUX_SWAV_OPTIONS_INIT;
    redux_moco_options moco = REDUX_MOCO_OPTIONS_INIT;
    redux_byol_options byol = REDUX_BYOL_OPTIONS_INIT;
    swav.prototypes = 6;
    swav.freeze_steps = 3;
    swav.queue = s->queue;
    swav.queue_start = 1;
    moco.queue = s->queue;
    moco.sub_batches = 3;
    switch (s->objective) {
    case SWAV:
        return redux_objective_new_swav(out, context, &swav);
    case MOCO:
        return redux_objective_new_moco(out, context, &moco);
    case BYOL:
        return redux_objective_new_byol(out, context, &byol);
    default:
        return redux_objective_new_nt_xent(out, context, &nt_xent);
    }
}

static recipe recipe_for(const scenario *s)
{
    recipe r = tiny();
    r.run.part = s->part;
    r.run.steps = s->steps;
    r.run.epochs = 0;
    r.run.memory_bytes = s->memory;
    r.run.skip_errors = s->skip;
    r.views.small_views = s->small_views;
    r.views.small_size = 12;
    r.network.products = s->bfloat16 ? REDUX_PRODUCTS_BFLOAT16 : REDUX_PRODUCTS_FLOAT32;
    r.optimiser.kind = s->optimiser;
    r.projection.batch_norm = s->objective == SWAV || s->objective == BYOL;
    r.with_prediction = s->objective == BYOL;
    r.prediction = r.projection;
    return r;
}

/* ---- a run on ranks ---- */

typedef struct job {
    const scenario *scenario;
    redux_resume resume;
    int32_t odd;      /* the rank that fails or stops; -1: none */
    int64_t stop;     /* it is cancelled after so many steps; 0: not */
    int64_t readable; /* it can read so many slices; 0: all */
    double rate;      /* its learning rate; 0: that of all */
    bool own_objective;
    char folder[512];
    redux_status status[MOST_RANKS];
    char messages[MOST_RANKS][700];
    atomic_int reads[MOST_RANKS];         /* how many slices each rank read, */
    atomic_int times[MOST_RANKS][SLICES]; /* and how often each of them */
} job;

typedef struct worker {
    job *job;
    int32_t rank;
} worker;

/* Blobs at random places, as in open_slices. One slice can never be read where some are skipped. */
static redux_status load_slice(redux_tensor *out, redux_context *context, int64_t volume,
                               int64_t slice, void *user)
{
    const worker *w = user;
    job *j = w->job;
    const int64_t shape[] = {SIDE, SIDE}, number = 6 * volume + slice;
    const redux_random_key key = {5, 0, 0, (uint64_t)number};
    const int reads = atomic_fetch_add(&j->reads[w->rank], 1);
    atomic_fetch_add(&j->times[w->rank][number], 1);
    if (w->rank == j->odd && j->readable > 0 && reads >= j->readable)
        return REDUX_E_IO;
    if (j->scenario->skip && number == 7)
        return REDUX_E_FORMAT;
    const redux_status status = redux_tensor_new(out, context, REDUX_INT16, 2, shape);
    for (uint32_t i = 0; status == REDUX_OK && i < SIDE * SIDE; i++) {
        const double a = 20 * redux_random_uniform(&key, 0) - i % SIDE;
        const double b = 20 * redux_random_uniform(&key, 1) - (double)(i / SIDE);
        ((int16_t *)out->data)[i] =
            (int16_t)(1000 * exp(-(a * a + b * b) / 30) + 50 * redux_random_normal(&key, 2 + i));
    }
    return status;
}

static redux_status open_dataset(redux_dataset **out, redux_context *context, worker *w)
{
    redux_volume_source sources[SLICES / 6];
    const redux_volume_source *list[SLICES / 6];
    char names[SLICES / 6][16];
    for (int i = 0; i < SLICES / 6; i++) {
        sources[i] = (redux_volume_source)REDUX_VOLUME_SOURCE_INIT;
        snprintf(names[i], sizeof names[i], "v%d", i);
        sources[i].source = names[i];
        sources[i].load_slice = load_slice;
        sources[i].user = w;
        sources[i].dtype = REDUX_INT16;
        sources[i].slices = 6;
        sources[i].height = sources[i].width = SIDE;
        list[i] = &sources[i];
    }
    return redux_dataset_new(out, context, list, SLICES / 6);
}

static int on_report(const redux_pretrain_step *step, void *user)
{
    const worker *w = user;
    return w->rank == w->job->odd && step->step == w->job->stop;
}

static redux_status no_step(double *loss, redux_context *context, void *state,
                            const redux_objective_step *step, void *user)
{
    (void)context;
    (void)state;
    (void)step;
    (void)user;
    *loss = 0;
    return REDUX_OK;
}

static redux_status run_job(redux_context *context, worker *w)
{
    const job *j = w->job;
    redux_custom_objective custom = REDUX_CUSTOM_OBJECTIVE_INIT;
    recipe r = recipe_for(j->scenario);
    redux_dataset *dataset = NULL;
    redux_objective *objective = NULL;
    custom.name = "mine";
    custom.step = no_step;
    r.run.resume = j->resume;
    r.run.report = on_report;
    r.run.report_user = w;
    if (w->rank == j->odd && j->rate > 0)
        r.run.rate = j->rate;
    redux_status status = open_dataset(&dataset, context, w);
    if (status == REDUX_OK)
        status = j->own_objective ? redux_objective_new_custom(&objective, context, &custom)
                                  : objective_of(&objective, context, j->scenario);
    r.run.objective = objective;
    if (status == REDUX_OK)
        status = recipe_run(NULL, context, j->folder, dataset, NULL, &r);
    redux_objective_free(objective);
    redux_dataset_free(dataset);
    return status;
}

static void train_rank(redux_context *context, int32_t rank, void *user)
{
    job *j = user;
    worker w = {j, rank};
    j->messages[rank][0] = '\0';
    j->status[rank] = run_job(context, &w);
    if (j->status[rank] != REDUX_OK)
        snprintf(j->messages[rank], sizeof j->messages[rank], "%s", redux_error_message());
}

static job job_of(const scenario *s, const char *folder)
{
    job j = {.scenario = s, .odd = -1};
    snprintf(j.folder, sizeof j.folder, "%s", in_scratch(folder));
    return j;
}

static void train(job *j, int32_t ranks)
{
    on_ranks(ranks, 60, -1, train_rank, j);
    for (int32_t r = 0; r < ranks; r++)
        ck_assert_msg(j->status[r] == REDUX_OK, "%s on %d ranks: rank %d: %s", j->scenario->name,
                      (int)ranks, (int)r, j->messages[r]);
}

static void assert_same_run(const char *a, const char *b)
{
    assert_same_file(text("%s/weights.safetensors", a), text("%s/weights.safetensors", b));
    assert_same_file(text("%s/checkpoint.safetensors", a), text("%s/checkpoint.safetensors", b));
}

static bool can_run(const scenario *s)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_network *network = NULL;
    options.products = s->bfloat16 ? REDUX_PRODUCTS_BFLOAT16 : REDUX_PRODUCTS_FLOAT32;
    const redux_status status = redux_network_new(&network, NULL, &options);
    redux_network_free(network);
    return status != REDUX_E_UNSUPPORTED;
}

/* ---- the same bits ---- */

START_TEST(ranks_train_what_one_process_trains)
{
    static const int32_t sizes[] = {2, 3, 4, 8};
    const scenario *s = &scenarios[_i];
    static job one;
    one = job_of(s, "one");
    if (!can_run(s))
        return;
    train(&one, 1);
    for (int k = 0; k < 4; k++) { /* short runs on 3 and 8 only */
        static job several;
        if (s->steps < 60 && k % 2 == 0)
            continue;
        several = job_of(s, text("on-%d", (int)sizes[k]));
        train(&several, sizes[k]);
        assert_same_run("one", text("on-%d", (int)sizes[k]));
    }
}
END_TEST

/* Stopped on some ranks, by any of them, and resumed on others. */
START_TEST(another_number_of_ranks_resumes)
{
    static const struct {
        objective_kind objective;
        int32_t first, odd, second, third;
    } changes[] = {{NT_XENT, 2, 0, 3, 1},
                   {NT_XENT, 4, 3, 1, 8},
                   {SWAV, 3, 1, 2, 4},
                   {MOCO, 3, 2, 4, 2},
                   {BYOL, 1, 0, 3, 4}};
    static job j;
    const scenario s = {.name = "resumed",
                        .objective = changes[_i].objective,
                        .steps = 30,
                        .part = changes[_i].objective == NT_XENT ? 4 : 2,
                        .queue = changes[_i].objective == SWAV ? 16 : 8};
    j = job_of(&s, "one");
    train(&j, 1);
    j = job_of(&s, "moved");
    j.resume = REDUX_RESUME_CONTINUE;
    const int32_t sizes[] = {changes[_i].first, changes[_i].second, changes[_i].third};
    for (int k = 0; k < 2; k++) {
        j.odd = changes[_i].odd < sizes[k] ? changes[_i].odd : sizes[k] - 1;
        j.stop = 7 + 11 * k;
        on_ranks(sizes[k], 60, -1, train_rank, &j);
        for (int32_t r = 0; r < sizes[k]; r++)
            ck_assert_msg(j.status[r] == REDUX_E_CANCELLED, "%s", j.messages[r]);
    }
    j.odd = -1;
    train(&j, sizes[2]);
    assert_same_run("one", "moved");
    train(&j, 3); /* it is complete: nothing is read */
    assert_same_run("one", "moved");
}
END_TEST

/* Eight ranks, of which each has the two views of eight samples in turn: rank r has one view of two
 * samples in each step. */
START_TEST(ranks_read_what_they_need)
{
    const scenario s = {.name = "few steps", .objective = NT_XENT, .steps = 2, .part = 2};
    const scenario chunks = {
        .name = "chunks", .objective = NT_XENT, .steps = 3, .part = 2, .memory = 12000};
    static job j;
    j = job_of(_i == 0 ? &s : &chunks, "few");
    train(&j, 8);
    int all = 0;
    for (int32_t r = 0; r < 8; r++) {
        int different = 0;
        for (int i = 0; i < SLICES; i++)
            different += atomic_load(&j.times[r][i]) > 0;
        /* two in each step, and at most the one of a volume that is fingerprinted */
        ck_assert_int_le(different, 2 * (int)(_i == 0 ? s.steps : chunks.steps) + 1);
        all += different;
    }
    ck_assert_int_ge(all, 2 * BATCH * 2);
}
END_TEST

/* ---- what is said ---- */

static char warning[700];

static void on_log(redux_log_level level, const char *message, void *user)
{
    (void)user;
    if (level == REDUX_LOG_WARNING)
        snprintf(warning + strlen(warning), sizeof warning - strlen(warning), "%s|", message);
}

static void listen(redux_context_options *options, int32_t rank)
{
    (void)rank;
    options->log = on_log;
}

START_TEST(idle_ranks_are_named_once)
{
    static const struct {
        int32_t ranks;
        const char *words;
    } cases[] = {
        {4, ""},
        {5, "rank 4 has nothing to do: a batch has 4 parts; a smaller part makes more|"},
        {8, "ranks 4 to 7 have nothing to do: a batch has 4 parts; a smaller part makes more|"}};
    const scenario s = {.name = "idle", .objective = NT_XENT, .steps = 2, .part = 4};
    static job j;
    rank_adjust = listen;
    for (int i = 0; i < 3; i++) {
        warning[0] = '\0';
        j = job_of(&s, text("idle-%d", i));
        train(&j, cases[i].ranks);
        ck_assert_str_eq(warning, cases[i].words);
    }
    rank_adjust = NULL;
}
END_TEST

START_TEST(traffic_is_counted)
{
    const scenario s = {.name = "traffic", .objective = NT_XENT, .steps = 3, .part = 4};
    static job j;
    size_t size;
    j = job_of(&s, "traffic");
    train(&j, 4);
    char *json = (char *)read_bytes(in_scratch("traffic/run.json"), &size);
    json = realloc(json, size + 1);
    json[size] = '\0';
    int ranks = 0, parts = 0;
    for (const char *at = json; (at = strstr(at, "\"parts\": ")) != NULL; at++, ranks++)
        parts += atoi(at + 9);
    ck_assert_int_eq(ranks, 4);
    ck_assert_int_eq(parts, 4);
    /* Gradients and statistics of 0.18 million floats: ranks 1 and 3 send theirs once in a step, 2
     * the sum of two; 0, 1 and 2 hand the whole sum on. */
    const char *at = json;
    double sent[4];
    for (int r = 0; r < 4; r++) {
        at = strstr(at + 1, "\"summing\"");
        ck_assert_ptr_nonnull(at);
        sent[r] = atof(strstr(at, "\"bytes_sent\": ") + 14);
    }
    ck_assert(sent[0] == 0 && sent[1] > 3 * 4 * 170000 && sent[1] == sent[2] && sent[1] == sent[3]);
    free(json);
}
END_TEST

/* Gradients are sent in two pieces: what lies beyond 2^17 floats, then these, which begin with
 * those of the first layer. */
enum { PIECE = 1 << 17 };
static struct sum_watch {
    atomic_int begun, changed;
    float first[16]; /* the first layer's when the other piece was sent */
} watch;

static void look_ahead(int32_t rank, const void *bytes, size_t count, int32_t to)
{
    const float *values = bytes;
    if (rank != 1 || to != 0 || count < 100000)
        return;
    if (count < PIECE * sizeof(float)) {
        atomic_fetch_add(&watch.begun, 1);
        memcpy(watch.first, values - PIECE, sizeof watch.first);
    } else if (memcmp(watch.first, values, sizeof watch.first) != 0) {
        atomic_fetch_add(&watch.changed, 1);
    }
}

/* The last layers' gradients are sent before the first one's are known. Each rank has one part, so
 * that nothing else changes them. */
START_TEST(sums_overlap_the_backward)
{
    static const objective_kind kinds[] = {NT_XENT, SWAV, MOCO, BYOL};
    const scenario s = {.name = "overlap",
                        .objective = kinds[_i],
                        .steps = 3,
                        .part = kinds[_i] == NT_XENT || kinds[_i] == SWAV ? BATCH : BATCH / 2,
                        .queue = 16};
    static job j;
    j = job_of(&s, "overlap");
    rank_sends = look_ahead;
    train(&j, 2);
    rank_sends = NULL;
    ck_assert_int_eq(atomic_load(&watch.begun), s.steps);
    ck_assert_int_eq(atomic_load(&watch.changed), s.steps);
}
END_TEST

/* ---- failures ---- */

static void expect(const job *j, int32_t ranks, redux_status status, const char *words)
{
    for (int32_t r = 0; r < ranks; r++) {
        ck_assert_msg(j->status[r] == status, "rank %d: %s: %s", (int)r,
                      redux_status_string(j->status[r]), j->messages[r]);
        ck_assert_msg(strstr(j->messages[r], words) != NULL, "%s", j->messages[r]);
    }
}

/* In the first reading, in fingerprints, in the middle of training. */
START_TEST(a_rank_that_cannot_read)
{
    static const int64_t readable[] = {1, 3, 9, 20};
    const scenario s = {
        .name = "bad reads", .objective = SWAV, .steps = 60, .part = 2, .memory = 12000};
    for (int32_t odd = 0; odd < 3; odd++) {
        static job j;
        j = job_of(&s, text("unread-%d", (int)odd));
        j.odd = odd;
        j.readable = readable[_i];
        on_ranks(3, 60, -1, train_rank, &j);
        expect(&j, 3, REDUX_E_IO, "v");
        for (int32_t r = 0; r < 3; r++)
            ck_assert((strstr(j.messages[r], text("rank %d: ", (int)odd)) != NULL) == (r != odd));
    }
}
END_TEST

START_TEST(ranks_that_differ)
{
    const scenario s = {.name = "differ", .objective = BYOL, .steps = 4, .part = 2};
    static job j;
    j = job_of(&s, "differ");
    j.odd = 1;
    j.rate = 0.25;
    on_ranks(3, 60, -1, train_rank, &j);
    expect(&j, 3, REDUX_E_INVALID, "ranks differ in options: rank 0 has ");
    ck_assert_int_ne(access(j.folder, F_OK), 0); /* nothing was made */
}
END_TEST

START_TEST(objectives_that_cannot_be_shared)
{
    const scenario s = {.name = "custom", .objective = NT_XENT, .steps = 4, .part = 2};
    static job j;
    j = job_of(&s, "custom");
    j.own_objective = true;
    on_ranks(2, 60, -1, train_rank, &j);
    expect(&j, 2, REDUX_E_UNSUPPORTED, "objective mine: ");
}
END_TEST

START_TEST(a_folder_that_cannot_be_written)
{
    const scenario s = {.name = "folder", .objective = NT_XENT, .steps = 4, .part = 2};
    static job j;
    j = job_of(&s, "no/such/folder");
    on_ranks(3, 60, -1, train_rank, &j);
    expect(&j, 3, REDUX_E_NOT_FOUND, "no/such/folder");
    j = job_of(&s, "full"); /* a folder where the weights should be */
    ck_assert_int_eq(mkdir(j.folder, 0777), 0);
    ck_assert_int_eq(mkdir(in_scratch("full/weights.safetensors"), 0777), 0);
    j.resume = REDUX_RESUME_CONTINUE;
    on_ranks(3, 60, -1, train_rank, &j);
    expect(&j, 3, j.status[0], "weights.safetensors");
    ck_assert_int_ne(j.status[0], REDUX_OK);
}
END_TEST

START_TEST(a_rank_that_is_silent)
{
    const scenario s = {.name = "silent", .objective = NT_XENT, .steps = 4, .part = 2};
    static job j;
    j = job_of(&s, "silent");
    on_ranks(5, 1, 3, train_rank, &j);
    for (int r = 0; r < 5; r++)
        ck_assert_msg(r == 3 || strstr(j.messages[r], "rank 3 did not answer for 1 seconds"),
                      "rank %d: %s", r, j.messages[r]);
}
END_TEST

/* Rank 1 gets memory so many times. */
static atomic_long allowance;

static void *allocate(size_t size, size_t alignment, void *user)
{
    void *block = NULL;
    (void)user;
    if (atomic_fetch_sub(&allowance, 1) <= 0)
        return NULL;
    return posix_memalign(&block, alignment, size) == 0 ? block : NULL;
}

static void deallocate(void *block, void *user)
{
    (void)user;
    free(block);
}

static void starve(redux_context_options *options, int32_t rank)
{
    if (rank != 1)
        return;
    options->allocate = allocate;
    options->deallocate = deallocate;
}

/* All end, with the message of the one that failed; where it fails between two agreements, with the
 * time limit. */
START_TEST(a_rank_without_memory)
{
    const scenario s = {.name = "memory", .objective = NT_XENT, .steps = 3, .part = 4};
    static job j;
    int told = 0, tried = 0;
    rank_adjust = starve;
    for (long budget = 5;; budget += 19) {
        j = job_of(&s, text("memory-%ld", budget));
        j.status[1] = REDUX_E_NO_MEMORY; /* even for a context */
        atomic_store(&allowance, budget);
        on_ranks(3, 1.5, -1, train_rank, &j);
        if (j.status[1] == REDUX_OK)
            break;
        ck_assert_int_eq(j.status[1], REDUX_E_NO_MEMORY);
        ck_assert(j.status[0] != REDUX_OK && j.status[2] != REDUX_OK);
        told += strstr(j.messages[0], "rank 1: no memory") != NULL;
        tried++;
    }
    rank_adjust = NULL;
    ck_assert_int_gt(tried, 15);
    ck_assert_int_gt(told, tried / 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ranks that train");
    TCase *same = tcase_create("same"), *other = tcase_create("other");
    tcase_add_checked_fixture(same, scratch_make, scratch_remove);
    tcase_set_timeout(same, 60);
    tcase_add_loop_test(same, ranks_train_what_one_process_trains, 0, SCENARIOS);
    tcase_add_loop_test(same, another_number_of_ranks_resumes, 0, 5);
    tcase_add_loop_test(same, ranks_read_what_they_need, 0, 2);
    suite_add_tcase(suite, same);
    tcase_add_checked_fixture(other, scratch_make, scratch_remove);
    tcase_set_timeout(other, 60);
    tcase_add_test(other, idle_ranks_are_named_once);
    tcase_add_test(other, traffic_is_counted);
    tcase_add_loop_test(other, sums_overlap_the_backward, 0, 4);
    tcase_add_loop_test(other, a_rank_that_cannot_read, 0, 4);
    tcase_add_test(other, ranks_that_differ);
    tcase_add_test(other, objectives_that_cannot_be_shared);
    tcase_add_test(other, a_folder_that_cannot_be_written);
    tcase_add_test(other, a_rank_that_is_silent);
    tcase_add_test(other, a_rank_without_memory);
    suite_add_tcase(suite, other);
    return run_suite(suite);
}
