/* SPDX-License-Identifier: MIT
 * Several ranks give what one process gives, whatever their number; and what happens when they
 * differ or fail. */
#include <math.h>
#include <stdio.h>
#include "support/ranks.h"
#include "support/test_io.h"

static const char *const paths[4] = {"data/ct/STS_002_CT.nii.gz", "data/ct/STS_008_CT.nii.gz",
                                     "data/ct/STS_012_CT.nii.gz", "data/ct/STS_019_CT.nii.gz"};

/* ---- reductions ---- */

typedef struct recipe {
    redux_strategy strategy;
    redux_scope scope;
    redux_rule rule;
    redux_strategy then;
    int64_t keep;
    int32_t size;
    int32_t each, calibrate, against, broken; /* broken: with against, of the other set too */
    double false_drops, threshold;
} recipe;

#define BY(name) .strategy = REDUX_STRATEGY_##name
#define OVER .scope = REDUX_SCOPE_DATASET
static const recipe recipes[] = {
    {BY(ALL)},
    {BY(EVERY_N)},
    {BY(EVERY_N), .keep = 30, .each = 1},
    {BY(ENTROPY), .keep = 50},
    {BY(HASH)},
    {BY(HASH), OVER},
    {BY(HASH), .keep = 40},
    {BY(HASH), .rule = REDUX_RULE_MEDOID},
    {BY(HASH), .rule = REDUX_RULE_K_CENTRE, .keep = 33},
    {BY(HASH), .rule = REDUX_RULE_COMPLETE_LINK},
    {BY(HASH), .false_drops = 0.01},
    {BY(HASH), .then = REDUX_STRATEGY_SSIM, .threshold = 12},
    {BY(HASH), .against = 1},
    {BY(SSIM)},
    {BY(SSIM), .keep = 25},
    {BY(SSIM), .keep = 5, .each = 1},
    {BY(SSIM), .against = 1},
    {BY(SSIM), .calibrate = 1},
    {BY(SSIM), .broken = 1},
    {BY(SSIM), .broken = 1, .keep = 25},
    {BY(SSIM), .rule = REDUX_RULE_K_CENTRE, .keep = 20},
    {BY(MI), OVER},
    {BY(SSIM), OVER},
    {BY(SSIM), OVER, .broken = 1},
    {BY(SSIM), OVER, .broken = 1, .keep = 25},
    {BY(SSIM), OVER, .against = 1},
    {BY(SSIM), OVER, .calibrate = 1},
    {BY(SSIM), OVER, .rule = REDUX_RULE_MEDOID},
    {BY(SSIM), OVER, .rule = REDUX_RULE_COMPLETE_LINK},
    {BY(MI), OVER, .rule = REDUX_RULE_K_CENTRE, .keep = 20},
    {BY(MI), OVER, .rule = REDUX_RULE_K_CENTRE, .against = 1},
    {BY(INFORMATION_GAIN), OVER, .keep = 20},
    {BY(HASH), OVER, .then = REDUX_STRATEGY_SSIM, .threshold = 12},
    {BY(HASH), OVER, .against = 1},
    {BY(HASH), OVER, .against = 1, .broken = 1},
    {BY(SSIM), OVER, .against = 1, .broken = 1},
    {BY(SSIM), .against = 1, .broken = 1},
    {BY(COSINE), OVER},
    {BY(SEMDEDUP), OVER},
    {BY(DENSITY), OVER, .keep = 20},
    {BY(HASH), OVER, .then = REDUX_STRATEGY_SSIM, .threshold = 1, .size = 700}, /* many shares */
    {BY(COSINE), OVER, .keep = 20},
    {BY(COSINE), .broken = 1},
    {BY(MS_SSIM)},
    {BY(INFORMATION_GAIN)},
    {BY(SEMDEDUP)},
    {BY(HIERARCHICAL), OVER, .keep = 20},
    {BY(DENSITY), .each = 1, .keep = 10},
};
enum { RECIPES = sizeof recipes / sizeof *recipes };

/* Everything that a reduction says. */
typedef struct outcome {
    redux_status status;
    char message[600];
    int64_t count, skipped;
    redux_row *rows;
    redux_reduce_summary summary;
    char *json;
    size_t length;
} outcome;

static int append_json(const char *bytes, size_t count, void *user)
{
    outcome *o = user;
    o->json = realloc(o->json, o->length + count + 1);
    memcpy(o->json + o->length, bytes, count);
    o->length += count;
    o->json[o->length] = '\0';
    return 0;
}

static void note(outcome *out, redux_context *context, const redux_reduction *reduction)
{
    out->count = redux_reduction_row_count(reduction);
    out->skipped = redux_reduction_skipped_count(reduction);
    out->rows = calloc((size_t)out->count, sizeof *out->rows);
    for (int64_t i = 0; i < out->count; i++)
        redux_reduction_get_row(&out->rows[i], reduction, i);
    out->summary.struct_size = sizeof out->summary;
    redux_reduction_get_summary(&out->summary, reduction);
    redux_summary_write(context, reduction, 1, append_json, out);
}

typedef struct job {
    const recipe *recipe;
    const char *const *inputs;
    const char *const *others; /* the other set's */
    int64_t count;
    int32_t odd; /* the rank that does something else; -1: none */
    outcome out[MOST_RANKS];
} job;

static redux_status reduce(redux_reduction **out, redux_context *context, const job *j,
                           int32_t rank, redux_dataset **dataset, redux_dataset **against)
{
    const recipe *r = j->recipe;
    redux_dataset_options opening = REDUX_DATASET_OPTIONS_INIT;
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    options.strategy = r->strategy;
    options.scope = r->scope;
    options.rule = r->rule;
    options.then = r->then;
    options.keep_count = r->keep;
    options.each_group = r->each;
    options.calibrate = r->calibrate;
    options.skip_errors = opening.skip_errors = r->broken;
    options.size = r->size > 0 ? r->size : 48;
    if (r->false_drops > 0)
        options.false_drops = r->false_drops;
    if (r->threshold > 0)
        options.threshold = r->threshold;
    if (rank == j->odd)
        options.bins = 77;
    if (r->strategy == REDUX_STRATEGY_HASH)
        opening.orientation = REDUX_ORIENTATION_STORED;
    redux_status status = redux_dataset_open(dataset, context, j->inputs, j->count, &opening);
    if (status == REDUX_OK && r->against)
        status = redux_dataset_open(against, context, j->others, r->broken ? 3 : 1, &opening);
    options.against = *against;
    return status != REDUX_OK ? status : redux_reduce(out, context, *dataset, &options);
}

static void reduce_rank(redux_context *context, int32_t rank, void *user)
{
    job *j = user;
    outcome *out = &j->out[rank];
    redux_dataset *dataset = NULL, *against = NULL;
    redux_reduction *reduction = NULL;
    out->status = reduce(&reduction, context, j, rank, &dataset, &against);
    if (out->status == REDUX_OK)
        note(out, context, reduction);
    else
        snprintf(out->message, sizeof out->message, "%s", redux_error_message());
    redux_reduction_free(reduction);
    redux_dataset_free(against);
    redux_dataset_free(dataset);
}

static void forget(outcome *out, int32_t count)
{
    for (int32_t r = 0; r < count; r++) {
        free(out[r].rows);
        free(out[r].json);
    }
}

static void assert_alike(const outcome *a, const outcome *b)
{
    ck_assert_msg(b->status == REDUX_OK, "%s", b->message);
    ck_assert_int_eq(a->count, b->count);
    ck_assert_int_eq(a->skipped, b->skipped);
    ck_assert_mem_eq(a->rows, b->rows, (size_t)a->count * sizeof *a->rows);
    ck_assert_mem_eq(&a->summary, &b->summary, sizeof a->summary);
    ck_assert_str_eq(a->json, b->json);
}

START_TEST(ranks_give_what_one_gives)
{
    const recipe *r = &recipes[_i];
    static const int32_t sizes[] = {3, 8, 2, 5};
    job one = {r, paths, &paths[3], r->against ? 3 : 4, -1, {{0}}}, several = one;
    const char *inputs[4] = {paths[0], in_scratch("broken.nii.gz"), paths[2], paths[3]};
    const char *others[3] = {paths[1], inputs[1], paths[3]};
    if (r->broken) {
        size_t size;
        unsigned char *bytes = read_bytes(paths[1], &size);
        write_bytes(inputs[1], bytes, size / 3);
        free(bytes);
        one.inputs = several.inputs = inputs;
        one.others = several.others = others;
    }
    const int32_t size = sizes[_i % 4];
    on_ranks(1, 60, -1, reduce_rank, &one);
    ck_assert_msg(one.out[0].status == REDUX_OK, "%s", one.out[0].message);
    on_ranks(size, 60, -1, reduce_rank, &several);
    for (int32_t k = 0; k < size; k++)
        assert_alike(&one.out[0], &several.out[k]);
    forget(one.out, 1);
    forget(several.out, size);
}
END_TEST

/* ---- what ranks may differ in ---- */

START_TEST(other_options)
{
    const recipe mi = {BY(MI)};
    job j = {&mi, paths, NULL, 2, 1, {{0}}};
    on_ranks(3, 60, -1, reduce_rank, &j);
    for (int k = 0; k < 3; k++) {
        ck_assert_int_eq(j.out[k].status, REDUX_E_INVALID);
        ck_assert_ptr_nonnull(strstr(j.out[k].message, "rank 1 has"));
        ck_assert_ptr_nonnull(strstr(j.out[k].message, "77"));
    }
}
END_TEST

static void reduce_another_set(redux_context *context, int32_t rank, void *user)
{
    job own = *(job *)user;
    own.count = rank == 2 ? 1 : 2;
    reduce_rank(context, rank, &own);
    ((job *)user)->out[rank] = own.out[rank];
}

START_TEST(another_dataset)
{
    const recipe hash = {BY(HASH)};
    job j = {&hash, paths, NULL, 2, -1, {{0}}};
    on_ranks(4, 60, -1, reduce_another_set, &j);
    for (int k = 0; k < 4; k++) {
        ck_assert_int_eq(j.out[k].status, REDUX_E_INVALID);
        ck_assert_ptr_nonnull(strstr(j.out[k].message, "the dataset"));
        ck_assert_ptr_nonnull(strstr(j.out[k].message, "of 1 volumes"));
    }
}
END_TEST

/* ---- failures ---- */

typedef struct failing {
    int32_t rank; /* this thread's */
    int32_t bad;  /* the rank that cannot read */
} failing;

static redux_status load(redux_tensor *out, redux_context *context, int64_t volume, void *user)
{
    const failing *f = user;
    const int64_t shape[3] = {4, 16, 16};
    (void)volume;
    if (f->rank == f->bad)
        return REDUX_E_IO;
    return redux_tensor_new(out, context, REDUX_UINT8, 3, shape);
}

static void reduce_failing(redux_context *context, int32_t rank, void *user)
{
    job *j = user;
    failing f = {rank, j->odd};
    redux_volume_source sources[6];
    const redux_volume_source *list[6];
    redux_dataset *dataset = NULL;
    redux_reduction *reduction = NULL;
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    char names[6][16];
    options.strategy = j->recipe->strategy;
    options.scope = j->recipe->scope;
    options.keep_count = j->recipe->keep;
    for (int i = 0; i < 6; i++) {
        sources[i] = (redux_volume_source)REDUX_VOLUME_SOURCE_INIT;
        snprintf(names[i], sizeof names[i], "v%d", i);
        sources[i].source = names[i];
        sources[i].load = load;
        sources[i].user = &f;
        sources[i].slices = 4;
        sources[i].height = sources[i].width = 16;
        list[i] = &sources[i];
    }
    j->out[rank].status = redux_dataset_new(&dataset, context, list, 6);
    if (j->out[rank].status == REDUX_OK)
        j->out[rank].status = redux_reduce(&reduction, context, dataset, &options);
    snprintf(j->out[rank].message, sizeof j->out[rank].message, "%s", redux_error_message());
    redux_reduction_free(reduction);
    redux_dataset_free(dataset);
}

/* While reading, judging, searching a threshold; alone over the dataset. */
START_TEST(one_rank_fails)
{
    static const recipe phases[] = {
        {BY(HASH)}, {BY(SSIM)}, {BY(SSIM), .keep = 7}, {BY(SSIM), OVER}};
    job j = {&phases[_i], paths, NULL, 0, 2, {{0}}};
    on_ranks(4, 60, -1, reduce_failing, &j);
    for (int k = 0; k < 4; k++) {
        ck_assert_msg(j.out[k].status == REDUX_E_IO, "%s", j.out[k].message);
        ck_assert((strstr(j.out[k].message, "rank 2: ") != NULL) == (k != 2));
    }
}
END_TEST

/* Voxels by a function without a fingerprint: there is no checksum, which a manifest alone needs.
 */
START_TEST(functions_without_fingerprints)
{
    const recipe phases[] = {{BY(ALL)}, {BY(EVERY_N), OVER}};
    for (int p = 0; p < 2; p++) {
        job j = {&phases[p], paths, NULL, 0, -1, {{0}}};
        on_ranks(3, 60, -1, reduce_failing, &j);
        for (int k = 0; k < 3; k++)
            ck_assert_msg(j.out[k].status == REDUX_OK, "%s", j.out[k].message);
    }
}
END_TEST

/* Rank 2 waits for the silent one, 3 for 2, and so on: all of them name it. */
START_TEST(one_rank_is_silent)
{
    const recipe hash = {BY(HASH)};
    static job j;
    j = (job){&hash, paths, NULL, 2, -1, {{0}}};
    on_ranks(6, 1, 1, reduce_rank, &j);
    for (int r = 0; r < 6; r++) {
        if (r == 1)
            continue;
        ck_assert_int_eq(j.out[r].status, REDUX_E_IO);
        ck_assert_msg(strstr(j.out[r].message, "rank 1 did not answer for 1 seconds: it is gone "
                                               "or stopped, or") != NULL,
                      "rank %d: %s", r, j.out[r].message);
    }
}
END_TEST

static void take_notes_away(redux_context_options *options, int32_t rank)
{
    redux_communicator *c = (redux_communicator *)(uintptr_t)options->communicator;
    (void)rank;
    c->tell = NULL;
    c->hear = NULL;
}

/* Then a rank knows only whom it waits for itself. */
START_TEST(one_rank_is_silent_without_notes)
{
    const recipe hash = {BY(HASH)};
    job j = {&hash, paths, NULL, 2, -1, {{0}}};
    rank_adjust = take_notes_away;
    on_ranks(3, 0.5, 1, reduce_rank, &j);
    rank_adjust = NULL;
    ck_assert_int_eq(j.out[2].status, REDUX_E_IO);
    ck_assert_ptr_nonnull(strstr(j.out[2].message, "rank 1 did not answer for 0.5 seconds: it is "
                                                   "gone, or waits for one that is"));
}
END_TEST

/* ---- hashes, embeddings ---- */

typedef struct lists {
    uint8_t *codes[MOST_RANKS];
    float *rows[MOST_RANKS];
    int64_t count;
} lists;

static void hash_rank(redux_context *context, int32_t rank, void *user)
{
    lists *l = user;
    redux_dataset *dataset = NULL;
    redux_hash_list *list = NULL;
    const redux_window automatic = {REDUX_WINDOW_AUTO, 0, 0};
    if (redux_dataset_open(&dataset, context, paths, 4, NULL) == REDUX_OK &&
        redux_hash_list_new(&list, context, NULL) == REDUX_OK &&
        redux_hash_list_add_dataset(list, context, dataset, automatic, 1) == REDUX_OK) {
        l->count = redux_hash_list_count(list);
        l->codes[rank] = calloc((size_t)l->count, 16);
        for (int64_t i = 0; i < l->count; i++) {
            redux_hash_item item;
            redux_hash_list_get_item(&item, list, i);
            memcpy(l->codes[rank] + 16 * i, item.code, 8);
            memcpy(l->codes[rank] + 16 * i + 8, &item.info, 8);
        }
    }
    redux_hash_list_free(list);
    redux_dataset_free(dataset);
}

static void embed_rank(redux_context *context, int32_t rank, void *user)
{
    lists *l = user;
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_network *network = NULL;
    redux_dataset *dataset = NULL;
    redux_tensor rows;
    uint8_t wanted[256];
    options.width = 0.125;
    for (int i = 0; i < 256; i++)
        wanted[i] = i % 5 != 2;
    if (redux_dataset_open(&dataset, context, paths, 4, NULL) == REDUX_OK &&
        redux_network_new(&network, context, &options) == REDUX_OK) {
        l->count = 0;
        for (int64_t i = 0; i < redux_dataset_slice_count(dataset); i++)
            l->count += wanted[i];
        const int64_t shape[2] = {l->count, redux_network_features(network)};
        l->rows[rank] = calloc((size_t)(shape[0] * shape[1]), sizeof(float));
        l->count *= shape[1];
        redux_tensor_borrow(&rows, l->rows[rank], REDUX_FLOAT32, 2, shape, NULL);
        if (redux_embed(&rows, NULL, context, network, dataset, wanted, NULL, 16) != REDUX_OK)
            l->rows[rank][0] = (float)NAN;
    }
    redux_network_free(network);
    redux_dataset_free(dataset);
}

START_TEST(hashes_and_embeddings)
{
    for (int32_t size = 2; size <= 8; size += 3) {
        lists one = {{0}, {0}, 0}, several = {{0}, {0}, 0};
        on_ranks(1, 60, -1, hash_rank, &one);
        on_ranks(size, 60, -1, hash_rank, &several);
        for (int32_t r = 0; r < size; r++) {
            ck_assert_mem_eq(one.codes[0], several.codes[r], (size_t)one.count * 16);
            free(several.codes[r]);
        }
        free(one.codes[0]);
        on_ranks(1, 60, -1, embed_rank, &one);
        on_ranks(size, 60, -1, embed_rank, &several);
        for (int32_t r = 0; r < size; r++) {
            ck_assert_mem_eq(one.rows[0], several.rows[r], (size_t)one.count * sizeof(float));
            free(several.rows[r]);
        }
        free(one.rows[0]);
    }
}
END_TEST

typedef struct differing {
    redux_status hash[MOST_RANKS], embed[MOST_RANKS];
    char messages[MOST_RANKS][600];
} differing;

static void work_apart(redux_context *context, int32_t rank, void *user)
{
    differing *d = user;
    redux_network_options network_options = REDUX_NETWORK_OPTIONS_INIT;
    redux_hash_options hash_options = REDUX_HASH_OPTIONS_INIT;
    redux_network *network = NULL;
    redux_dataset *dataset = NULL;
    redux_hash_list *list = NULL;
    redux_tensor rows = REDUX_TENSOR_INIT;
    const redux_window automatic = {REDUX_WINDOW_AUTO, 0, 0};
    network_options.width = 0.125;
    network_options.seed = (uint64_t)(rank == 1); /* other weights */
    hash_options.hash = rank == 2 ? REDUX_HASH_AVERAGE : REDUX_HASH_DIFFERENCE;
    redux_dataset_open(&dataset, context, paths, 2, NULL);
    redux_hash_list_new(&list, context, &hash_options);
    redux_network_new(&network, context, &network_options);
    const int64_t shape[2] = {redux_dataset_slice_count(dataset), redux_network_features(network)};
    redux_tensor_new(&rows, context, REDUX_FLOAT32, 2, shape);
    d->hash[rank] = redux_hash_list_add_dataset(list, context, dataset, automatic, 0);
    d->embed[rank] = redux_embed(&rows, NULL, context, network, dataset, NULL, NULL, 16);
    snprintf(d->messages[rank], sizeof d->messages[rank], "%s", redux_error_message());
    redux_tensor_release(&rows);
    redux_network_free(network);
    redux_hash_list_free(list);
    redux_dataset_free(dataset);
}

START_TEST(other_hashes_or_weights)
{
    static differing d;
    on_ranks(3, 60, -1, work_apart, &d);
    for (int r = 0; r < 3; r++) {
        ck_assert_int_eq(d.hash[r], REDUX_E_INVALID);
        ck_assert_int_eq(d.embed[r], REDUX_E_INVALID);
        ck_assert_ptr_nonnull(strstr(d.messages[r], "rank 1 has weights"));
    }
}
END_TEST

START_TEST(wrong_communicators)
{
    redux_communicator c = REDUX_COMMUNICATOR_INIT;
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context = NULL;
    options.communicator = &c;
    ck_assert_redux_ok(redux_context_new(&context, &options));
    redux_context_free(context);
    c.size = 2; /* without functions */
    ck_assert_redux(REDUX_E_INVALID, redux_context_new(&context, &options));
    c.size = 1;
    c.rank = 1;
    ck_assert_redux(REDUX_E_INVALID, redux_context_new(&context, &options));
    c.rank = 0;
    c.time_limit = 0;
    ck_assert_redux(REDUX_E_INVALID, redux_context_new(&context, &options));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ranks");
    TCase *same = tcase_create("same"), *other = tcase_create("other");
    tcase_add_checked_fixture(same, scratch_make, scratch_remove);
    tcase_add_loop_test(same, ranks_give_what_one_gives, 0, RECIPES);
    tcase_add_test(same, hashes_and_embeddings);
    suite_add_tcase(suite, same);
    tcase_add_test(other, other_options);
    tcase_add_test(other, another_dataset);
    tcase_add_test(other, other_hashes_or_weights);
    tcase_add_loop_test(other, one_rank_fails, 0, 4);
    tcase_add_test(other, functions_without_fingerprints);
    tcase_add_test(other, one_rank_is_silent);
    tcase_add_test(other, one_rank_is_silent_without_notes);
    tcase_add_test(other, wrong_communicators);
    suite_add_tcase(suite, other);
    return run_suite(suite);
}
