/* SPDX-License-Identifier: MIT
 * The strategies: options in, a row for every slice out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "select.h"

static const char *const strategy_names[] = {"all", "every-n", "hash",   "ssim",
                                             "mi",  "cosine",  "entropy"};

redux_status redux_strategy_parse(redux_strategy *out, const char *name)
{
    for (int64_t i = 0; name != NULL && i < RDX_COUNT(strategy_names); i++)
        if (strcmp(name, strategy_names[i]) == 0) {
            *out = (redux_strategy)i;
            return REDUX_OK;
        }
    return rdx_fail(REDUX_E_NOT_FOUND,
                    "strategy '%s' is none of all, every-n, hash, ssim, mi, cosine, entropy",
                    name == NULL ? "" : name);
}

const char *redux_strategy_name(redux_strategy strategy)
{
    return strategy >= REDUX_STRATEGY_ALL && strategy <= REDUX_STRATEGY_ENTROPY
               ? strategy_names[strategy]
               : "unknown";
}

/* ---- options ---- */

static redux_status check_threshold(const redux_reduce_options *options)
{
    const double t = options->threshold;
    const char *name = redux_strategy_name(options->strategy);
    if (isnan(t))
        return REDUX_OK;
    switch (options->strategy) {
    case REDUX_STRATEGY_ALL:
        return rdx_fail(REDUX_E_INVALID, "strategy all has no threshold");
    case REDUX_STRATEGY_EVERY_N:
        if (!(t >= 1) || t != floor(t) || t > 1e15)
            return rdx_fail(REDUX_E_INVALID, "%s: n is %g, not a whole number from 1 on", name, t);
        break;
    case REDUX_STRATEGY_HASH:
        if (!(t >= 0 && t <= 64) || t != floor(t))
            return rdx_fail(REDUX_E_INVALID,
                            "%s: threshold %g is not a whole number of bits, 0 to 64", name, t);
        break;
    case REDUX_STRATEGY_SSIM:
    case REDUX_STRATEGY_COSINE:
        if (!(t >= -1 && t <= 1))
            return rdx_fail(REDUX_E_INVALID, "%s: threshold %g is not within -1 ... 1", name, t);
        break;
    case REDUX_STRATEGY_MI:
        if (!(t >= 0 && t <= 1))
            return rdx_fail(REDUX_E_INVALID, "%s: threshold %g is not within 0 ... 1", name, t);
        break;
    case REDUX_STRATEGY_ENTROPY:
        if (!(t >= 0) || isinf(t))
            return rdx_fail(REDUX_E_INVALID, "%s: threshold %g is no number of bits", name, t);
        break;
    }
    return REDUX_OK;
}

static redux_status check_budget(const redux_reduce_options *options)
{
    const bool has_percent = !isnan(options->keep_percent);
    if (options->keep_count < 0)
        return rdx_fail(REDUX_E_INVALID, "keep %lld slices", (long long)options->keep_count);
    if (has_percent && !(options->keep_percent > 0 && options->keep_percent <= 100))
        return rdx_fail(REDUX_E_INVALID, "keep %g%% is not within 0 ... 100%%",
                        options->keep_percent);
    if (!has_percent && options->keep_count == 0)
        return REDUX_OK;
    if (has_percent && options->keep_count > 0)
        return rdx_fail(REDUX_E_INVALID, "keep is given as a number and as a percentage");
    if (!isnan(options->threshold))
        return rdx_fail(REDUX_E_INVALID, "threshold and keep exclude each other");
    if (options->strategy == REDUX_STRATEGY_ALL)
        return rdx_fail(REDUX_E_INVALID, "strategy all keeps everything: keep makes no sense");
    return REDUX_OK;
}

static redux_status check_hash(const redux_reduce_options *options)
{
    const redux_hash_options hash = {sizeof hash, options->hash, options->profile};
    rdx_hasher hasher;
    RDX_TRY(rdx_hasher_init(&hasher, NULL, &hash));
    if (options->strategy == REDUX_STRATEGY_HASH && options->profile == REDUX_PROFILE_PAPER_HASH &&
        options->window.kind == REDUX_WINDOW_RANGE)
        return rdx_fail(REDUX_E_INVALID, "profile paper-hash windows by slice: use profile "
                                         "imagehash with other windows");
    return REDUX_OK;
}

/* Reads, checks, and fills in what does not depend on the dataset. */
static redux_status read_options(redux_reduce_options *known, const redux_reduce_options *given)
{
    static const double defaults[] = {
        (double)NAN,      REDUX_DEFAULT_EVERY_N, REDUX_DEFAULT_HASH_DISTANCE, REDUX_DEFAULT_SSIM,
        REDUX_DEFAULT_MI, REDUX_DEFAULT_COSINE,  REDUX_DEFAULT_ENTROPY};
    RDX_TRY(rdx_read_options(known, sizeof *known, given, "redux_reduce_options"));
    if (strcmp(redux_strategy_name(known->strategy), "unknown") == 0)
        return rdx_fail(REDUX_E_INVALID, "unknown strategy %d", (int)known->strategy);
    if (known->scope != REDUX_SCOPE_VOLUME && known->scope != REDUX_SCOPE_DATASET)
        return rdx_fail(REDUX_E_INVALID, "unknown scope %d", (int)known->scope);
    if (known->order != REDUX_ORDER_ANATOMICAL && known->order != REDUX_ORDER_LEXICOGRAPHIC)
        return rdx_fail(REDUX_E_INVALID, "unknown order %d", (int)known->order);
    RDX_TRY(check_threshold(known));
    RDX_TRY(check_budget(known));
    RDX_TRY(check_hash(known));
    if (known->bins == 0)
        known->bins = 256;
    if (known->bins < 2 || known->bins > 256)
        return rdx_fail(REDUX_E_INVALID, "%d bins are not within 2 ... 256", (int)known->bins);
    if (known->size == 0)
        known->size = 128;
    if (known->size < 1 || known->size > 4096)
        return rdx_fail(REDUX_E_INVALID, "size %d is not within 1 ... 4096", (int)known->size);
    if (known->embeddings != NULL && known->strategy != REDUX_STRATEGY_COSINE)
        return rdx_fail(REDUX_E_INVALID, "embeddings go with strategy cosine");
    if (isnan(known->threshold) && known->keep_count == 0 && isnan(known->keep_percent))
        known->threshold = defaults[known->strategy];
    return REDUX_OK;
}

redux_status redux_reduce_check(const redux_reduce_options *options)
{
    redux_reduce_options known = REDUX_REDUCE_OPTIONS_INIT;
    return read_options(&known, options);
}

static redux_status check_embeddings(const redux_tensor *embeddings, int64_t slices)
{
    RDX_TRY(rdx_tensor_check(embeddings, -1, 0, "embeddings"));
    if (embeddings->ndim != 2)
        return rdx_fail(REDUX_E_INVALID,
                        "embeddings have %d axes, not one row for each of %lld slices",
                        (int)embeddings->ndim, (long long)slices);
    if (embeddings->shape[0] != slices || embeddings->shape[1] < 1)
        return rdx_fail(
            REDUX_E_INVALID, "embeddings are %lld x %lld, and the input has %lld slices",
            (long long)embeddings->shape[0], (long long)embeddings->shape[1], (long long)slices);
    if (embeddings->dtype != REDUX_FLOAT32 && embeddings->dtype != REDUX_FLOAT64 &&
        embeddings->dtype != REDUX_FLOAT16 && embeddings->dtype != REDUX_BFLOAT16)
        return rdx_fail(REDUX_E_INVALID, "embeddings are %s, not floating-point",
                        redux_dtype_name(embeddings->dtype));
    return REDUX_OK;
}

/* ---- the budget in slices ---- */

static void count_readable(redux_reduction *reduction)
{
    redux_reduce_summary *summary = &reduction->summary;
    int64_t last_volume = -1;
    summary->slices = summary->volumes = 0;
    for (int64_t i = 0; i < reduction->row_count; i++) {
        if (reduction->rows[i].skipped)
            continue;
        summary->slices++;
        summary->volumes += reduction->rows[i].volume != last_volume;
        last_volume = reduction->rows[i].volume;
    }
}

static redux_status settle_budget(redux_reduction *reduction)
{
    const redux_reduce_options *options = &reduction->options;
    redux_reduce_summary *summary = &reduction->summary;
    count_readable(reduction);
    if (summary->slices == 0)
        return rdx_fail(REDUX_E_NOT_FOUND, "none of %lld slices could be read: %s",
                        (long long)reduction->row_count,
                        reduction->skip_count > 0 ? reduction->skips[0].reason : "no input");
    summary->budget = -1;
    if (options->keep_count > 0)
        summary->budget = options->keep_count;
    else if (!isnan(options->keep_percent))
        summary->budget =
            (int64_t)floor(options->keep_percent * (double)summary->slices / 100 + 0.5);
    else
        return REDUX_OK;
    const int64_t least = options->scope == REDUX_SCOPE_VOLUME ? summary->volumes : 1;
    if (summary->budget < least)
        return rdx_fail(REDUX_E_INVALID,
                        "a budget of %lld slices is less than one for each of %lld %s",
                        (long long)summary->budget, (long long)least,
                        options->scope == REDUX_SCOPE_VOLUME ? "volumes" : "datasets");
    summary->budget = RDX_MIN(summary->budget, summary->slices);
    return REDUX_OK;
}

/* ---- all, every-n ---- */

static void keep_all(redux_reduction *reduction)
{
    for (int64_t i = 0; i < reduction->row_count; i++)
        reduction->rows[i].kept = !reduction->rows[i].skipped;
}

/* The readable rows of a group, in order, into `rows`; returns how many. */
static int64_t readable_of_group(const redux_reduction *reduction, const rdx_walk *walk,
                                 int64_t group, int64_t *rows)
{
    int64_t count = 0;
    for (int64_t p = walk->start[group]; p < walk->start[group + 1]; p++)
        if (!reduction->rows[walk->rows[p]].skipped)
            rows[count++] = walk->rows[p];
    return count;
}

/* Each dropped row's nearest kept one in the walk, the earlier of two: from both sides. */
static void nearest_kept(redux_reduction *reduction, const int64_t *rows, int64_t count)
{
    for (int64_t p = 0, last = -1; p < count; p++) {
        redux_row *row = &reduction->rows[rows[p]];
        if (row->kept)
            last = p;
        row->witness = row->kept || last < 0 ? -1 : rows[last];
        row->score = row->kept || last < 0 ? (double)NAN : (double)(p - last);
    }
    for (int64_t p = count - 1, next = -1; p >= 0; p--) {
        redux_row *row = &reduction->rows[rows[p]];
        if (row->kept)
            next = p;
        else if (next >= 0 && (row->witness < 0 || (double)(next - p) < row->score)) {
            row->witness = rows[next];
            row->score = (double)(next - p);
        }
    }
}

static int64_t kept_by_every_n(const redux_reduction *reduction, const rdx_walk *walk, int64_t n,
                               int64_t *rows)
{
    int64_t kept = 0;
    for (int64_t g = 0; g < walk->groups; g++)
        kept += (readable_of_group(reduction, walk, g, rows) + n - 1) / n;
    return kept;
}

static redux_status every_n(redux_context *context, redux_reduction *reduction,
                            const rdx_walk *walk)
{
    redux_reduce_summary *summary = &reduction->summary;
    redux_status status = REDUX_OK;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)reduction->row_count, sizeof(int64_t)));
    int64_t *rows = block, n = 1;
    if (summary->budget < 0) {
        n = (int64_t)reduction->options.threshold;
    } else { /* the number kept falls with n: bisect */
        int64_t low = 1, high = RDX_MAX(reduction->row_count, 1);
        while (low < high) {
            const int64_t middle = low + (high - low) / 2;
            if (kept_by_every_n(reduction, walk, middle, rows) <= summary->budget)
                high = middle;
            else
                low = middle + 1;
        }
        n = low;
    }
    summary->threshold = (double)n;
    for (int pass = 0; pass < 2 && status == REDUX_OK; pass++) {
        for (int64_t g = 0; g < walk->groups; g++) {
            const int64_t count = readable_of_group(reduction, walk, g, rows);
            for (int64_t p = 0; pass == 0 && p < count; p++)
                reduction->rows[rows[p]].kept = p % n == 0;
            nearest_kept(reduction, rows, count);
        }
        if (pass == 0 && summary->budget >= 0)
            status = rdx_refill(context, reduction, walk, summary->budget, false);
    }
    rdx_free(context, block);
    return status;
}

/* ---- entropy ---- */

static int compare_descending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The lowest bound that at most `budget` entropies reach. */
static redux_status entropy_bound(double *bound, redux_context *context,
                                  const redux_reduction *reduction, const double *entropies,
                                  int64_t budget)
{
    int64_t count = 0;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)reduction->row_count, sizeof(double)));
    double *sorted = block;
    for (int64_t i = 0; i < reduction->row_count; i++)
        if (!reduction->rows[i].skipped)
            sorted[count++] = entropies[i];
    qsort(sorted, (size_t)count, sizeof *sorted, compare_descending);
    *bound = (double)NAN;
    if (budget < count) {
        int64_t last = budget - 1; /* the last of those kept, if the next is lower */
        while (last >= 0 && sorted[last] == sorted[budget])
            last--;
        *bound = last >= 0 ? sorted[last] : nextafter(sorted[budget], (double)INFINITY);
    }
    rdx_free(context, block);
    return REDUX_OK;
}

static redux_status by_entropy(rdx_stream *stream)
{
    redux_reduction *reduction = stream->reduction;
    redux_reduce_summary *summary = &reduction->summary;
    const double *entropies = stream->cache.data;
    double bound = reduction->options.threshold;
    if (summary->budget >= 0)
        RDX_TRY(entropy_bound(&bound, stream->context, reduction, entropies, summary->budget));
    summary->threshold = bound;
    for (int64_t i = 0; i < reduction->row_count; i++) {
        redux_row *row = &reduction->rows[i];
        row->kept = !row->skipped && !(entropies[i] < bound);
        row->score = row->kept ? (double)NAN : entropies[i];
    }
    if (summary->budget >= 0)
        return rdx_refill(stream->context, reduction, stream->walk, summary->budget, false);
    return REDUX_OK;
}

/* ---- greedy ---- */

static redux_status make_metric(redux_metric **out, redux_context *context,
                                const redux_reduce_options *options)
{
    redux_histogram_options histogram = REDUX_HISTOGRAM_OPTIONS_INIT;
    histogram.bins = options->bins;
    switch (options->strategy) {
    case REDUX_STRATEGY_SSIM:
        return redux_metric_new_ssim(out, context, NULL);
    case REDUX_STRATEGY_MI:
        return redux_metric_new_mutual_information(out, context, &histogram);
    case REDUX_STRATEGY_COSINE:
        return redux_metric_new_cosine(out, context);
    default:
        return redux_metric_new_hamming(out, context);
    }
}

static redux_status by_metric(rdx_stream *stream)
{
    redux_reduction *reduction = stream->reduction;
    redux_reduce_summary *summary = &reduction->summary;
    double threshold = reduction->options.threshold;
    redux_metric *metric;
    int64_t kept = 0;
    RDX_TRY(make_metric(&metric, stream->context, &reduction->options));
    redux_status status = REDUX_OK;
    if (summary->budget >= 0)
        status = rdx_budget_threshold(&threshold, &summary->threshold_is_exact, stream, metric,
                                      summary->budget);
    /* Images that turn out unreadable only while they are scored make the input smaller. */
    if (status == REDUX_OK && summary->budget >= 0)
        status = settle_budget(reduction);
    summary->threshold = threshold;
    if (status == REDUX_OK && isnan(threshold))
        keep_all(reduction);
    else if (status == REDUX_OK)
        status = rdx_greedy(&kept, stream, metric, threshold);
    if (status == REDUX_OK && summary->budget >= 0)
        status = rdx_refill(stream->context, reduction, stream->walk, summary->budget,
                            !redux_metric_is_distance(metric));
    redux_metric_free(metric, stream->context);
    return status;
}

/* ---- the whole ---- */

static rdx_feature feature_of(const redux_reduction *reduction)
{
    switch (reduction->options.strategy) {
    case REDUX_STRATEGY_HASH:
        return RDX_FEATURE_HASH;
    case REDUX_STRATEGY_SSIM:
    case REDUX_STRATEGY_MI:
        return RDX_FEATURE_IMAGE;
    case REDUX_STRATEGY_COSINE:
        return reduction->has_embeddings ? RDX_FEATURE_NONE : RDX_FEATURE_DESCRIPTOR;
    case REDUX_STRATEGY_ENTROPY:
        return RDX_FEATURE_ENTROPY;
    default:
        return RDX_FEATURE_NONE;
    }
}

static redux_status run_strategy(redux_context *context, redux_reduction *reduction,
                                 const rdx_walk *walk, rdx_stream *stream)
{
    /* Images are read when they are compared, unless a budget must know beforehand how many of
     * them can be read. */
    if (stream->feature != RDX_FEATURE_IMAGE ||
        (reduction->options.skip_errors && isnan(reduction->options.threshold)))
        RDX_TRY(rdx_stream_read(stream));
    RDX_TRY(settle_budget(reduction));
    switch (reduction->options.strategy) {
    case REDUX_STRATEGY_ALL:
        keep_all(reduction);
        return REDUX_OK;
    case REDUX_STRATEGY_EVERY_N:
        return every_n(context, reduction, walk);
    case REDUX_STRATEGY_ENTROPY:
        return by_entropy(stream);
    default:
        return by_metric(stream);
    }
}

redux_status rdx_fill_rows(redux_context *context, redux_reduction *reduction)
{
    void *block;
    int64_t row = 0;
    reduction->row_count = redux_dataset_slices(reduction->dataset);
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)reduction->row_count, sizeof(redux_row)));
    reduction->rows = block;
    for (int64_t v = 0; v < redux_dataset_volumes(reduction->dataset); v++) {
        redux_volume_info info;
        RDX_TRY(redux_dataset_volume_info(&info, reduction->dataset, v));
        for (int64_t k = 0; k < info.slices; k++, row++) {
            reduction->rows[row].volume = v;
            reduction->rows[row].slice = k;
            reduction->rows[row].witness = -1;
            reduction->rows[row].score = (double)NAN;
        }
    }
    return REDUX_OK;
}

static redux_status reduce(redux_context *context, redux_reduction *reduction)
{
    rdx_walk walk;
    rdx_stream stream;
    if (reduction->has_embeddings)
        RDX_TRY(check_embeddings(reduction->options.embeddings,
                                 redux_dataset_slices(reduction->dataset)));
    RDX_TRY(rdx_fill_rows(context, reduction));
    reduction->summary.threshold = (double)NAN;
    reduction->summary.threshold_is_exact = 1;
    RDX_TRY(rdx_walk_init(&walk, context, reduction));
    redux_status status =
        rdx_stream_open(&stream, context, reduction, &walk, feature_of(reduction));
    if (status == REDUX_OK) {
        status = run_strategy(context, reduction, &walk, &stream);
        rdx_stream_close(&stream);
    }
    rdx_walk_clear(&walk, context);
    if (status != REDUX_OK)
        return status;
    count_readable(reduction);
    if (reduction->summary.slices == 0)
        return settle_budget(reduction);
    for (int64_t i = 0; i < reduction->row_count; i++)
        reduction->summary.kept += reduction->rows[i].kept;
    if (feature_of(reduction) == RDX_FEATURE_IMAGE &&
        reduction->options.scope == REDUX_SCOPE_DATASET)
        reduction->summary.compared_size = reduction->options.size;
    return REDUX_OK;
}

redux_status redux_reduce(redux_reduction **out, redux_context *context,
                          const redux_dataset *dataset, const redux_reduce_options *options)
{
    redux_reduce_options known = REDUX_REDUCE_OPTIONS_INIT;
    void *block;
    if (out == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_reduce: an argument is NULL");
    RDX_TRY(read_options(&known, options));
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_reduction)));
    redux_reduction *reduction = block;
    reduction->dataset = dataset;
    reduction->options = known;
    reduction->has_embeddings = known.embeddings != NULL;
    redux_status status = reduce(context, reduction);
    reduction->options.embeddings = NULL; /* the caller's: not looked at again */
    if (status != REDUX_OK) {
        redux_reduction_free(reduction, context);
        return status;
    }
    *out = reduction;
    return REDUX_OK;
}

void redux_reduction_free(redux_reduction *reduction, redux_context *context)
{
    if (reduction == NULL)
        return;
    for (int64_t i = 0; i < reduction->skip_count; i++) {
        rdx_free(context, reduction->skips[i].source);
        rdx_free(context, reduction->skips[i].reason);
    }
    rdx_free(context, reduction->skips);
    rdx_free(context, reduction->rows);
    rdx_free(context, reduction);
}

/* ---- asking the result ---- */

redux_status redux_reduction_summary(redux_reduce_summary *out, const redux_reduction *reduction)
{
    const size_t size = out->struct_size;
    if (size < sizeof(size_t))
        return rdx_fail(REDUX_E_INVALID, "redux_reduce_summary: struct_size is %zu", size);
    memcpy(out, &reduction->summary, RDX_MIN(size, sizeof *out));
    out->struct_size = size;
    return REDUX_OK;
}

int64_t redux_reduction_rows(const redux_reduction *reduction)
{
    return reduction->row_count;
}

redux_status redux_reduction_row(redux_row *out, const redux_reduction *reduction, int64_t index)
{
    if (index < 0 || index >= reduction->row_count)
        return rdx_fail(REDUX_E_INVALID, "row %lld of %lld", (long long)index,
                        (long long)reduction->row_count);
    *out = reduction->rows[index];
    return REDUX_OK;
}

int64_t redux_reduction_skipped(const redux_reduction *reduction)
{
    return reduction->skip_count;
}

const char *redux_reduction_skipped_source(const redux_reduction *reduction, int64_t index)
{
    return index >= 0 && index < reduction->skip_count ? reduction->skips[index].source : NULL;
}

const char *redux_reduction_skipped_reason(const redux_reduction *reduction, int64_t index)
{
    return index >= 0 && index < reduction->skip_count ? reduction->skips[index].reason : NULL;
}
