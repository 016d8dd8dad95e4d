/* SPDX-License-Identifier: MIT
 * The null distribution of scores: slices of different groups (volumes, or patients) are not
 * duplicates. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <redux/random.h>
#include "select.h"

#define MOST_SMALL 2048 /* slices of the sample: hashes, vectors */
#define MOST_IMAGES 512
#define OPERATION_SAMPLE 0x63616c69u /* separates the draw from other random numbers */

/* key: a distance, or a similarity with its sign turned. */
typedef struct scored {
    double key;
    int32_t groups[2]; /* numbered by the sample */
} scored;

struct redux_calibration {
    scored *scores; /* of all pairs, most similar first */
    int64_t pairs, groups, slices;
    bool is_distance, whole; /* whole: hashes; scores are numbers of bits */
};

/* ---- the sample ---- */

typedef struct sample {
    rdx_stream *stream;
    const redux_metric *metric;
    const rdx_walk *walk;
    uint8_t *drawn; /* of the places in the walk */
    rdx_layout layout, parts[2];
    char *prepared;
    int64_t *groups; /* of the items */
    int64_t count, most;
    redux_calibration *calibration;
} sample;

/* As many rows of each group, spread over a larger group by a draw. */
static void draw(const sample *s, int64_t per_group)
{
    const rdx_walk *walk = s->walk;
    memset(s->drawn, 0, (size_t)rdx_walk_count(walk));
    for (int64_t g = 0; g < walk->groups; g++) {
        const redux_random_key key = {s->stream->options->seed, 0, OPERATION_SAMPLE, (uint64_t)g};
        const int64_t first = walk->start[g], end = walk->start[g + 1];
        /* Selection sampling (Knuth, TAOCP 2, 3.4.2, algorithm S). */
        int64_t wanted = RDX_MIN(per_group, end - first);
        for (int64_t i = first; i < end && wanted > 0; i++)
            if (redux_random_uniform(&key, (uint32_t)(i - first)) * (double)(end - i) <
                (double)wanted) {
                s->drawn[i] = 1;
                wanted--;
            }
    }
}

static int64_t drawn_with(const rdx_walk *walk, int64_t per_group)
{
    int64_t total = 0;
    for (int64_t g = 0; g < walk->groups; g++)
        total += RDX_MIN(per_group, walk->start[g + 1] - walk->start[g]);
    return total;
}

static redux_status collect(void *user, redux_context *context, const redux_tensor *items,
                            const int64_t *rows)
{
    sample *s = user;
    void *block;
    RDX_TRY(rdx_stages_layout(s->metric, items, &s->layout, s->parts));
    if (s->prepared == NULL) {
        RDX_TRY(rdx_alloc(context, &block, (uint64_t)s->most, s->layout.item_bytes));
        s->prepared = block;
    }
    for (int64_t i = 0; i < items->shape[0]; i++) {
        RDX_TRY(rdx_stages_prepare(context, s->metric, &s->layout, items, i, 1,
                                   s->prepared + (size_t)s->count * s->layout.item_bytes));
        s->groups[s->count++] = rdx_dataset_group_of(s->stream->dataset, rows[i]);
    }
    return rdx_progress_add(context, items->shape[0]);
}

/* ---- the scores ---- */

/* Items are ordered by group, so that those of other groups come first before item j. */
static int64_t others_before(const sample *s, int64_t j)
{
    int64_t i = j;
    while (i > 0 && s->groups[i - 1] == s->groups[j])
        i--;
    return i;
}

typedef struct score_job {
    const sample *sample;
    int64_t *starts;  /* where the scores of item j begin */
    int32_t *numbers; /* of the items' groups, from 0 on */
} score_job;

static redux_status score_task(int64_t j, void *user)
{
    const score_job *job = user;
    const sample *s = job->sample;
    const int64_t count = job->starts[j + 1] - job->starts[j];
    scored *scores = s->calibration->scores + job->starts[j];
    void *scratch;
    RDX_TRY(rdx_alloc(s->stream->context, &scratch, 1, s->layout.scratch_bytes));
    for (int64_t i = 0; i < count; i++) {
        const double score = s->metric->ops->score(
            s->metric, &s->layout, s->prepared + (size_t)i * s->layout.item_bytes,
            s->prepared + (size_t)j * s->layout.item_bytes, scratch);
        scores[i].key = isnan(score)                  ? (double)INFINITY
                        : s->calibration->is_distance ? score
                                                      : -score;
        scores[i].groups[0] = job->numbers[i];
        scores[i].groups[1] = job->numbers[j];
    }
    rdx_free(scratch);
    return rdx_progress_add(s->stream->context, count);
}

static int compare_scores(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

static redux_status score_pairs(sample *s, redux_context *context)
{
    redux_calibration *calibration = s->calibration;
    score_job job = {.sample = s};
    void *block, *scores;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)s->count + 1, sizeof(int64_t) + sizeof(int32_t)));
    job.starts = block;
    job.numbers = (void *)(job.starts + s->count + 1);
    job.starts[0] = 0;
    for (int64_t j = 0; j < s->count; j++) {
        job.starts[j + 1] = job.starts[j] + others_before(s, j);
        calibration->groups += j == 0 || s->groups[j] != s->groups[j - 1];
        job.numbers[j] = (int32_t)calibration->groups - 1;
    }
    calibration->pairs = job.starts[s->count];
    calibration->slices = s->count;
    redux_status status = REDUX_OK;
    if (calibration->pairs == 0)
        status = rdx_fail(
            REDUX_E_INVALID,
            "calibration needs slices of at least two groups (volumes, unless they are grouped)");
    if (status == REDUX_OK)
        status = rdx_alloc(context, &scores, (uint64_t)calibration->pairs, sizeof(scored));
    if (status == REDUX_OK) {
        calibration->scores = scores;
        rdx_spread items = {.context = context,
                            .together = s->stream->together,
                            .count = s->count,
                            .starts = job.starts};
        rdx_spread_begin(&items);
        rdx_progress_begin(context, calibration->pairs);
        status = rdx_spread_run(&items, score_task, &job);
        rdx_progress_begin(context, 0);
        if (status == REDUX_OK)
            status = rdx_spread_gather(&items, calibration->scores, sizeof(scored));
    }
    if (status == REDUX_OK)
        qsort(calibration->scores, (size_t)calibration->pairs, sizeof *calibration->scores,
              compare_scores);
    rdx_free(block);
    return status;
}

/* ---- the whole ---- */

/* The drawn rows group by group, whatever the order of the reduction. */
static redux_status read_sample(sample *s, redux_context *context)
{
    const rdx_stream *stream = s->stream;
    int64_t drawn = 0;
    bool ragged = false;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)stream->row_count, sizeof(int64_t)));
    int64_t *list = block;
    for (int64_t i = 0; i < stream->row_count; i++)
        if (s->drawn[i] && !stream->rows[s->walk->rows[i]].skipped)
            list[drawn++] = s->walk->rows[i];
    rdx_progress_begin(context, drawn);
    const redux_status status = rdx_stream_rows(s->stream, list, drawn, true, &ragged, collect, s);
    rdx_progress_begin(context, 0);
    rdx_free(block);
    return status;
}

/* The most of each group within the limit, at least one. */
static int64_t most_per_group(const sample *s, int64_t limit)
{
    int64_t low = 1, high = rdx_walk_count(s->walk);
    while (low < high) {
        const int64_t middle = low + (high - low + 1) / 2;
        if (drawn_with(s->walk, middle) <= limit)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static redux_status score_sample(sample *s, redux_context *context, int64_t per_group)
{
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)(rdx_walk_count(s->walk) + s->most + 1), 8));
    s->groups = block;
    s->drawn = (void *)(s->groups + s->most + 1);
    draw(s, per_group);
    redux_status status = read_sample(s, context);
    if (status == REDUX_OK)
        status = score_pairs(s, context);
    rdx_free(block);
    rdx_free(s->prepared);
    return status;
}

redux_status rdx_calibration_make(redux_calibration **out, rdx_stream *stream,
                                  const redux_metric *metric)
{
    redux_context *context = stream->context;
    sample s = {.stream = stream, .metric = metric};
    rdx_walk walk;
    void *block;
    RDX_TRY(
        rdx_walk_init(&walk, context, stream->dataset, REDUX_SCOPE_GROUP, REDUX_ORDER_ANATOMICAL));
    s.walk = &walk;
    const int64_t per_group = most_per_group(&s, stream->has_images ? MOST_IMAGES : MOST_SMALL);
    s.most = drawn_with(&walk, per_group);
    redux_status status = rdx_alloc_zero(context, &block, 1, sizeof *s.calibration);
    if (status == REDUX_OK) {
        s.calibration = block;
        s.calibration->is_distance = metric->ops->is_distance;
        s.calibration->whole = metric->ops == &rdx_hamming_ops;
        status = score_sample(&s, context, per_group);
    }
    rdx_walk_clear(&walk);
    if (status != REDUX_OK) {
        redux_calibration_free(s.calibration);
        return status;
    }
    *out = s.calibration;
    return REDUX_OK;
}

void redux_calibration_free(redux_calibration *calibration)
{
    if (calibration == NULL)
        return;
    rdx_free(calibration->scores);
    rdx_free(calibration);
}

/* ---- asking it ---- */

int64_t redux_calibration_pair_count(const redux_calibration *calibration)
{
    return calibration->pairs;
}

int64_t redux_calibration_group_count(const redux_calibration *calibration)
{
    return calibration->groups;
}

int64_t redux_calibration_slice_count(const redux_calibration *calibration)
{
    return calibration->slices;
}

/* How many pairs have a key of at most `key`. */
static int64_t count_within(const redux_calibration *calibration, double key)
{
    int64_t low = 0, high = calibration->pairs;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (calibration->scores[middle].key <= key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

double redux_calibration_rate(const redux_calibration *calibration, double threshold)
{
    const double key = calibration->is_distance ? threshold : -threshold;
    if (isnan(threshold))
        return (double)NAN;
    return (double)count_within(calibration, key) / (double)calibration->pairs;
}

/* Pairs within `key`, and all pairs, that each group is in. */
static void count_by_group(const redux_calibration *calibration, int64_t within, int64_t *inside,
                           int64_t *all)
{
    for (int64_t i = 0; i < calibration->pairs; i++)
        for (int side = 0; side < 2; side++) {
            all[calibration->scores[i].groups[side]]++;
            inside[calibration->scores[i].groups[side]] += i < within;
        }
}

redux_status redux_calibration_error(double *out, redux_context *context,
                                     const redux_calibration *calibration, double threshold)
{
    if (out == NULL || calibration == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_calibration_error: an argument is NULL");
    const int64_t n = calibration->groups;
    double mean = 0, sum = 0;
    void *block;
    *out = (double)NAN;
    if (n < 3 || isnan(threshold)) /* without two groups there is no pair */
        return REDUX_OK;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)n, 3 * sizeof(int64_t)));
    int64_t *inside = block, *all = inside + n;
    double *without = (void *)(all + n);
    const int64_t within =
        count_within(calibration, calibration->is_distance ? threshold : -threshold);
    count_by_group(calibration, within, inside, all);
    for (int64_t v = 0; v < n; v++) {
        without[v] = (double)(within - inside[v]) / (double)(calibration->pairs - all[v]);
        mean += without[v] / (double)n;
    }
    for (int64_t v = 0; v < n; v++)
        sum += (without[v] - mean) * (without[v] - mean);
    *out = sqrt(sum * (double)(n - 1) / (double)n);
    rdx_free(block);
    return REDUX_OK;
}

double redux_calibration_threshold(const redux_calibration *calibration, double rate)
{
    const double allowed = rate * (double)calibration->pairs;
    const int64_t pairs = calibration->pairs;
    int64_t most = allowed >= (double)pairs ? pairs : allowed > 0 ? (int64_t)allowed : 0;
    /* The key of the first pair that must not pass bounds the threshold; equal keys fail with
     * it. */
    if (most == pairs)
        return calibration->is_distance ? calibration->scores[pairs - 1].key
                                        : -calibration->scores[pairs - 1].key;
    const double over = calibration->scores[most].key;
    if (calibration->whole)
        return over - 1; /* below 0: not even equal hashes may pass */
    while (most > 0 && calibration->scores[most - 1].key == over)
        most--;
    const double key =
        most > 0 ? calibration->scores[most - 1].key : nextafter(over, -(double)INFINITY);
    return calibration->is_distance ? key : -key;
}
