/* SPDX-License-Identifier: MIT
 * Mutual information of two images from their joint histogram, and derived measures.
 *
 * Studholme, Hill, Hawkes, Pattern Recognition 32(1), 1999 (normalised); Meila, J. Multivariate
 * Analysis 98(5), 2007 (variation of information). Entropies stay integers, fixed-point numbers of
 * n
 *
 * H (kernels/xlog2x.h), until the end, so that every score is symmetric and has the same bits for
 * every instruction set. */
#include <math.h>
#include <string.h>
#include "kernels/kernels.h"
#include "histogram.h"
#include "metric.h"

#define NARROW 65535 /* pixels that one 16-bit histogram holds */

/* The parts of an image after which a pair with many pixels is judged: quarters, of pieces spread
 * over the whole image. */
#define PARTS 3
#define PIECES 32
#define PARTED 16384

/* Prepared form of an image: this, then its bins. */
typedef struct information_header {
    int64_t sum;         /* of the terms of its histogram */
    int64_t part[PARTS]; /* the same of its first quarter, half, ...; 0: none */
    int64_t reserved[7 - PARTS];
} information_header;

_Static_assert(sizeof(information_header) == 64, "bins are aligned as items are");

redux_status rdx_mutual_information_table(redux_context *context, int64_t **out)
{
    void *block;
    RDX_TRY(rdx_alloc(context, &block, RDX_XLOG2X_ENTRIES, sizeof **out));
    rdx_xlog2x_fill(block);
    *out = block;
    return REDUX_OK;
}

/* ---- joint histograms ---- */

static int64_t joint_cells(int32_t bins)
{
    return ((int64_t)bins * bins + 31) / 32 * 32;
}

/* Of a joint histogram. The list has room for one more cell, rounded up. */
static size_t joint_bytes(int32_t bins)
{
    return (size_t)joint_cells(bins) * (sizeof(uint32_t) + 3 * sizeof(uint16_t)) + 64;
}

static rdx_joint_counts joint_in(void *scratch, int32_t bins)
{
    rdx_joint_counts joint = {.wide = scratch, .cells = joint_cells(bins), .bins = bins};
    joint.even = (uint16_t *)(joint.wide + joint.cells);
    joint.odd = joint.even + joint.cells;
    joint.listed = joint.odd + joint.cells;
    joint.room = RDX_JOINT_ROOM;
    return joint;
}

/* An empty joint histogram in `scratch`. Few pixels need one half only, because clearing and
 * summing the others would outweigh the gain. */
static rdx_joint_counts joint_open(void *scratch, int32_t bins, int64_t count)
{
    rdx_joint_counts joint = joint_in(scratch, bins);
    const size_t cells = (size_t)joint.cells;
    memset(joint.even, 0, cells * sizeof *joint.even);
    if (count <= NARROW) {
        joint.odd = joint.even;
        return joint;
    }
    memset(joint.odd, 0, cells * sizeof *joint.odd);
    memset(joint.wide, 0, cells * sizeof *joint.wide);
    return joint;
}

static void joint_add(rdx_joint_counts *joint, const uint8_t *a, const uint8_t *b, int64_t count)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    if (joint->odd == joint->even)
        kernels->histogram_joint(joint->even, joint->odd, a, b, count, joint->bins);
    else
        kernels->histogram_pairs(joint, a, b, count);
}

/* Moves the listed cells out of the halves. */
static void joint_gather(rdx_joint_counts *joint)
{
    for (int64_t i = 0; i < joint->listed_count; i++) {
        const uint16_t cell = joint->listed[i];
        joint->wide[cell] += (uint32_t)joint->even[cell] + joint->odd[cell];
        joint->even[cell] = joint->odd[cell] = 0;
    }
}

/* The sum of the terms added so far; more may follow. */
static int64_t joint_sum(rdx_joint_counts *joint, const int64_t *table, int32_t bits)
{
    const uint16_t *odd = joint->odd == joint->even ? NULL : joint->odd;
    int64_t sum = 0;
    joint_gather(joint);
    for (int64_t i = 0; i < joint->listed_count; i++)
        sum += rdx_xlog2x(table, joint->wide[joint->listed[i]], bits);
    return sum +
           rdx_kernels_get()->histogram_terms(NULL, joint->even, odd, joint->cells, table, bits);
}

/* The histograms of the two images, of bins `bins`: the sums of rows and columns. */
static void joint_marginals(const rdx_joint_counts *joint, uint32_t *rows, uint32_t *columns)
{
    const bool halves = joint->odd != joint->even;
    const int32_t bins = joint->bins;
    rdx_kernels_get()->histogram_columns(rows, columns, joint->even, halves ? joint->odd : NULL,
                                         bins);
    for (int64_t i = 0; i < joint->listed_count; i++) {
        const int32_t cell = joint->listed[i];
        rows[cell / bins] += joint->wide[cell];
        columns[cell % bins] += joint->wide[cell];
    }
}

/* ---- from sums to numbers ---- */

#define MARGIN (INT64_C(1) << 17) /* of a bound, against rounding: see mutual_bound */

/* From the sums of terms. Rounding could move I just beyond its bounds, so it is clamped, and a
 * value within rounding of 0 (each of at most 2^16 + 512 terms is off by less than a unit) becomes
 * 0. */
static rdx_entropies entropies_of(int64_t count, int32_t bits, int64_t sum_a, int64_t sum_b,
                                  int64_t joint)
{
    const int64_t whole = rdx_xlog2x_fixed(count, bits);
    const int64_t units = RDX_MIN(3 * count, 66048) + 1;
    rdx_entropies h = {RDX_MAX(whole - sum_a, 0), RDX_MAX(whole - sum_b, 0), 0};
    h.mutual = (whole - sum_a) - (sum_b - joint);
    if (h.mutual <= units)
        h.mutual = 0;
    h.mutual = RDX_MIN(h.mutual, RDX_MIN(h.a, h.b));
    return h;
}

static const char *const normalisation_names[] = {"arithmetic", "studholme", "geometric", "min",
                                                  "max",        "joint",     "bits"};

const char *redux_normalisation_name(redux_normalisation kind)
{
    return rdx_name_of((int64_t)kind, normalisation_names, RDX_COUNT(normalisation_names));
}

redux_status redux_normalisation_parse(redux_normalisation *out, const char *name)
{
    return rdx_parse_name(out, "normalisation", name, normalisation_names,
                          RDX_COUNT(normalisation_names));
}

/* I over the divisor of `kind`, for entropies that are not both 0. */
static double normalised(const rdx_entropies *h, redux_normalisation kind)
{
    const double a = (double)h->a, b = (double)h->b, mutual = (double)h->mutual;
    switch (kind) {
    case REDUX_NMI_GEOMETRIC:
        return mutual / sqrt(a * b);
    case REDUX_NMI_MIN:
        return mutual / RDX_MIN(a, b);
    case REDUX_NMI_MAX:
        return mutual / RDX_MAX(a, b);
    case REDUX_NMI_JOINT:
        return mutual / (double)(h->a + (h->b - h->mutual));
    default:
        return 2 * mutual / (a + b);
    }
}

static double nmi(const rdx_entropies *h, redux_normalisation kind)
{
    const int64_t joint = h->a + (h->b - h->mutual);
    if (kind == REDUX_NMI_STUDHOLME)
        return joint > 0 ? ((double)h->a + (double)h->b) / (double)joint : 1;
    if (h->a == 0 && h->b == 0)
        return 1;
    return h->mutual == 0 ? 0 : normalised(h, kind);
}

static void describe(redux_information *out, const rdx_entropies *h, int64_t count, int32_t bits)
{
    const int64_t joint = h->a + (h->b - h->mutual);
    out->entropy_a = rdx_entropy_bits(h->a, count, bits);
    out->entropy_b = rdx_entropy_bits(h->b, count, bits);
    out->joint = rdx_entropy_bits(joint, count, bits);
    out->mutual = rdx_entropy_bits(h->mutual, count, bits);
    out->a_given_b = rdx_entropy_bits(h->a - h->mutual, count, bits);
    out->b_given_a = rdx_entropy_bits(h->b - h->mutual, count, bits);
    out->variation = out->a_given_b + out->b_given_a;
    out->nmi_arithmetic = nmi(h, REDUX_NMI_ARITHMETIC);
    out->nmi_studholme = nmi(h, REDUX_NMI_STUDHOLME);
    out->nmi_geometric = nmi(h, REDUX_NMI_GEOMETRIC);
    out->nmi_min = nmi(h, REDUX_NMI_MIN);
    out->nmi_max = nmi(h, REDUX_NMI_MAX);
    out->nmi_joint = nmi(h, REDUX_NMI_JOINT);
}

redux_status redux_information_normalise(double *out, const redux_information *information,
                                         redux_normalisation kind)
{
    if (out == NULL || information == NULL || (unsigned)kind > REDUX_MUTUAL_INFORMATION_BITS)
        return rdx_fail(REDUX_E_INVALID, "redux_information_normalise: an argument is wrong");
    const double values[] = {information->nmi_arithmetic, information->nmi_studholme,
                             information->nmi_geometric,  information->nmi_min,
                             information->nmi_max,        information->nmi_joint,
                             information->mutual};
    *out = values[(int)kind];
    return REDUX_OK;
}

/* ---- as a metric ---- */

redux_status rdx_information_layout(const redux_metric *metric, rdx_layout *layout)
{
    int64_t count;
    RDX_TRY(rdx_histogram_dtype(layout->dtype));
    if (__builtin_mul_overflow(layout->height, layout->width, &count) || count > UINT32_MAX)
        return rdx_fail(REDUX_E_LIMIT, "mutual information: images of %lld x %lld pixels",
                        (long long)layout->height, (long long)layout->width);
    layout->item_bytes = sizeof(information_header) + ((size_t)count + 63) / 64 * 64;
    layout->scratch_bytes = joint_bytes(metric->histogram.bins) + (size_t)count;
    return REDUX_OK;
}

redux_status rdx_information_check(const redux_metric *metric, const rdx_layout *layout,
                                   const void *item)
{
    return rdx_histogram_check(&metric->histogram, layout->dtype, item,
                               layout->height * layout->width);
}

/* An image as bins: itself, or in `room`. */
static const uint8_t *bins_of(const redux_metric *metric, const rdx_layout *layout,
                              const void *item, uint8_t *room)
{
    if (rdx_histogram_is_plain(&metric->histogram, layout->dtype))
        return item;
    rdx_histogram_bins(room, &metric->histogram, layout->dtype, item,
                       layout->height * layout->width);
    return room;
}

/* Pixels of a piece: a multiple of 64. */
static int64_t piece_of(int64_t count)
{
    return (count / PIECES + 64) / 64 * 64;
}

/* The first pixel of piece `i` of quarter `quarter`. */
static int64_t piece_at(int64_t quarter, int64_t i, int64_t piece)
{
    static const int order[] = {0, 2, 1, 3};
    return (4 * i + order[quarter]) * piece;
}

/* All of an image in four steps, or in one. */
static void count_terms(information_header *header, const uint8_t *bins, int64_t count,
                        const int64_t *table)
{
    const bool parted = count >= PARTED;
    const int64_t piece = parted ? piece_of(count) : count;
    uint32_t counts[RDX_MAX_BINS] = {0};
    for (int64_t quarter = 0; quarter < (parted ? PARTS + 1 : 1); quarter++) {
        for (int64_t i = 0, at; (at = piece_at(quarter, i, piece)) < count; i++)
            rdx_kernels_get()->histogram_counts(counts, bins + at, RDX_MIN(piece, count - at));
        header->sum = rdx_histogram_sum(counts, table, rdx_xlog2x_bits(count));
        if (quarter < PARTS)
            header->part[quarter] = header->sum;
    }
}

void rdx_information_prepare(const redux_metric *metric, const rdx_layout *layout, const void *item,
                             void *prepared, void *scratch)
{
    const int64_t count = layout->height * layout->width;
    information_header *header = prepared;
    uint8_t *bins = (uint8_t *)(header + 1);
    (void)scratch;
    if (bins_of(metric, layout, item, bins) == item)
        memcpy(bins, item, (size_t)count);
    memset(bins + count, 0, layout->item_bytes - sizeof *header - (size_t)count);
    memset(header, 0, sizeof *header);
    count_terms(header, bins, count, metric->xlog2x);
}

rdx_entropies rdx_information_pair(const redux_metric *metric, const rdx_layout *layout,
                                   const void *a, const void *b, void *scratch)
{
    const int64_t count = layout->height * layout->width;
    const int32_t bits = rdx_xlog2x_bits(count);
    const information_header *one = a, *other = b;
    rdx_joint_counts joint = joint_open(scratch, metric->histogram.bins, count);
    joint_add(&joint, (const uint8_t *)(one + 1), (const uint8_t *)(other + 1), count);
    return entropies_of(count, bits, one->sum, other->sum, joint_sum(&joint, metric->xlog2x, bits));
}

rdx_entropies rdx_information_fresh(const redux_metric *metric, const rdx_layout *layout,
                                    const void *a, const void *item, void *scratch)
{
    const int64_t count = layout->height * layout->width, *table = metric->xlog2x;
    const int32_t bits = rdx_xlog2x_bits(count), bins = metric->histogram.bins;
    const information_header *one = a;
    uint32_t rows[RDX_MAX_BINS] = {0}, columns[RDX_MAX_BINS] = {0};
    rdx_joint_counts joint = joint_open(scratch, bins, count);
    joint_add(&joint, (const uint8_t *)(one + 1),
              bins_of(metric, layout, item, (uint8_t *)scratch + joint_bytes(bins)), count);
    joint_marginals(&joint, rows, columns);
    const int64_t sum = joint_sum(&joint, table, bits);
    return entropies_of(count, bits, one->sum, rdx_histogram_sum(columns, table, bits), sum);
}

/* ---- pairs that cannot be redundant ---- */

/* A bound on n * I from the first `quarters` of the pixels, whose joint histogram has the sum
 * `joint`. The entropy of a given b is at least its average within parts of the pixels
 * (conditioning on the part as well lowers it, Cover, Thomas, 2.6), and within the rest it is at
 * least 0: n H(a | b) >= k H(a | b, in the part) = the part's sum of b - `joint`. Each of at most
 * 2^16 + 512 terms rounds by less than a unit, and the logarithms of all by less than 2^15
 * together. */
static int64_t mutual_bound(const information_header *a, const information_header *b,
                            int64_t quarters, const rdx_entropies *h, int64_t joint)
{
    int64_t given_b = 0, given_a = 0;
    if (quarters > 0) {
        given_b = b->part[quarters - 1] - joint;
        given_a = a->part[quarters - 1] - joint;
    }
    const int64_t bound = RDX_MIN(h->a - given_b, h->b - given_a) + MARGIN;
    return RDX_MAX(RDX_MIN(bound, RDX_MIN(h->a, h->b)), 0);
}

/* A pair that is judged. */
typedef struct judged_pair {
    const redux_metric *metric;
    const rdx_layout *layout;
    rdx_information_score_fn score_of;
    const information_header *a, *b;
    double threshold;
    int64_t count;
    int32_t bits;
    rdx_entropies h; /* but for `mutual` */
} judged_pair;

/* Whether so much mutual information would not suffice. All scores rise, or all fall, with it,
 * rounded or not. */
static bool too_little(const judged_pair *pair, int64_t mutual)
{
    rdx_entropies h = pair->h;
    h.mutual = mutual;
    return !rdx_is_redundant(pair->metric, pair->score_of(pair->metric, pair->layout, &h),
                             pair->threshold);
}

/* Whether the first quarters show that the pair cannot be redundant. A bound is computed only if a
 * quarter has its usual share, some four fifths, in the information; that affects time, never
 * results. */
static bool is_hopeless(const judged_pair *pair, int64_t quarters, rdx_joint_counts *joint)
{
    const int64_t most = RDX_MIN(pair->h.a, pair->h.b);
    int64_t sum = 0;
    if (!too_little(pair, most / 5 * (5 - quarters)))
        return false;
    if (quarters > 0)
        sum = joint_sum(joint, pair->metric->xlog2x, pair->bits);
    return too_little(pair, mutual_bound(pair->a, pair->b, quarters, &pair->h, sum));
}

static void add_quarter(const judged_pair *pair, int64_t quarter, rdx_joint_counts *joint)
{
    const uint8_t *a = (const uint8_t *)(pair->a + 1), *b = (const uint8_t *)(pair->b + 1);
    const int64_t piece = piece_of(pair->count);
    for (int64_t i = 0, at; (at = piece_at(quarter, i, piece)) < pair->count; i++)
        joint_add(joint, a + at, b + at, RDX_MIN(piece, pair->count - at));
}

rdx_verdict rdx_information_judge(const redux_metric *metric, const rdx_layout *layout,
                                  rdx_information_score_fn score_of, const void *a, const void *b,
                                  double threshold, double *score, void *scratch)
{
    const int64_t count = layout->height * layout->width;
    const int32_t bits = rdx_xlog2x_bits(count);
    judged_pair pair = {metric, layout, score_of, a, b, threshold, count, bits, {0}};
    pair.h = entropies_of(count, bits, pair.a->sum, pair.b->sum, 0);
    if (is_hopeless(&pair, 0, NULL))
        return RDX_HOPELESS;
    rdx_joint_counts joint = joint_open(scratch, metric->histogram.bins, count);
    for (int64_t quarter = 0; quarter < 4; quarter++) {
        if (quarter > 0 && count >= PARTED && is_hopeless(&pair, quarter, &joint))
            return RDX_HOPELESS;
        add_quarter(&pair, quarter, &joint);
    }
    pair.h = entropies_of(count, bits, pair.a->sum, pair.b->sum,
                          joint_sum(&joint, metric->xlog2x, bits));
    *score = score_of(metric, layout, &pair.h);
    return rdx_is_redundant(metric, *score, threshold) ? RDX_REDUNDANT : RDX_DIFFERENT;
}

static double score_of(const redux_metric *metric, const rdx_layout *layout, const rdx_entropies *h)
{
    const int64_t count = layout->height * layout->width;
    const redux_normalisation kind = metric->histogram.normalisation;
    return kind == REDUX_MUTUAL_INFORMATION_BITS
               ? rdx_entropy_bits(h->mutual, count, rdx_xlog2x_bits(count))
               : nmi(h, kind);
}

static double information_score(const redux_metric *metric, const rdx_layout *layout, const void *a,
                                const void *b, void *scratch)
{
    const rdx_entropies h = rdx_information_pair(metric, layout, a, b, scratch);
    return score_of(metric, layout, &h);
}

static double information_fresh(const redux_metric *metric, const rdx_layout *layout, const void *a,
                                const void *item, void *scratch)
{
    const rdx_entropies h = rdx_information_fresh(metric, layout, a, item, scratch);
    return score_of(metric, layout, &h);
}

static rdx_verdict information_judge(const redux_metric *metric, const rdx_layout *layout,
                                     const void *a, const void *b, double threshold, double *score,
                                     void *scratch)
{
    return rdx_information_judge(metric, layout, score_of, a, b, threshold, score, scratch);
}

const rdx_metric_ops rdx_mutual_information_ops = {
    .name = "mutual information",
    .item_axes = 2,
    .layout = rdx_information_layout,
    .check = rdx_information_check,
    .prepare = rdx_information_prepare,
    .score = information_score,
    .judge = information_judge,
    .score_fresh = information_fresh,
    .tile = 1,
};

redux_status rdx_information_metric_new(redux_metric **out, redux_context *context,
                                        const rdx_metric_ops *ops,
                                        const redux_histogram_options *options)
{
    redux_histogram_options known = REDUX_HISTOGRAM_OPTIONS_INIT;
    redux_metric *metric;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_metric_new: out is NULL");
    RDX_TRY(rdx_histogram_read_options(&known, options));
    RDX_TRY(rdx_metric_make(&metric, context, ops));
    metric->histogram = known;
    redux_status status = rdx_mutual_information_table(context, &metric->xlog2x);
    if (status != REDUX_OK) {
        redux_metric_free(metric);
        return status;
    }
    *out = metric;
    return REDUX_OK;
}

redux_status redux_metric_new_mutual_information(redux_metric **out, redux_context *context,
                                                 const redux_histogram_options *options)
{
    return rdx_information_metric_new(out, context, &rdx_mutual_information_ops, options);
}

/* ---- one pair ---- */

static void compute_bins(redux_information *out, const uint8_t *a, const uint8_t *b, int64_t count,
                         int32_t bins, void *scratch)
{
    const int32_t bits = rdx_xlog2x_bits(count);
    uint32_t rows[RDX_MAX_BINS] = {0}, columns[RDX_MAX_BINS] = {0};
    int64_t table[RDX_XLOG2X_ENTRIES];
    rdx_joint_counts joint = joint_open(scratch, bins, count);
    rdx_xlog2x_fill(table);
    joint_add(&joint, a, b, count);
    joint_marginals(&joint, rows, columns);
    const int64_t sum = joint_sum(&joint, table, bits);
    const rdx_entropies h = entropies_of(count, bits, rdx_histogram_sum(rows, table, bits),
                                         rdx_histogram_sum(columns, table, bits), sum);
    describe(out, &h, count, bits);
}

/* a, b: C-contiguous, `count` pixels each. */
static redux_status compute_images(redux_information *out, redux_context *context,
                                   const redux_histogram_options *options, const redux_tensor *a,
                                   const redux_tensor *b, int64_t count)
{
    const bool plain = rdx_histogram_is_plain(options, a->dtype);
    const size_t bytes = joint_bytes(options->bins);
    const uint8_t *bins_a = a->data, *bins_b = b->data;
    void *block;
    RDX_TRY(rdx_histogram_check(options, a->dtype, a->data, count));
    RDX_TRY(rdx_histogram_check(options, b->dtype, b->data, count));
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)bytes + (plain ? 0 : 2 * (uint64_t)count), 1));
    if (!plain) {
        uint8_t *bins = (uint8_t *)block + bytes;
        rdx_histogram_bins(bins, options, a->dtype, a->data, count);
        rdx_histogram_bins(bins + count, options, b->dtype, b->data, count);
        bins_a = bins;
        bins_b = bins + count;
    }
    compute_bins(out, bins_a, bins_b, count, options->bins, block);
    rdx_free(block);
    return REDUX_OK;
}

static redux_status check_images(const redux_tensor *a, const redux_tensor *b, int64_t *count)
{
    RDX_TRY(rdx_tensor_check(a, 2, 0, "a"));
    RDX_TRY(rdx_histogram_dtype(a->dtype));
    RDX_TRY(rdx_tensor_check(b, 2, a->dtype, "b"));
    if (a->shape[0] != b->shape[0] || a->shape[1] != b->shape[1])
        return rdx_fail(REDUX_E_INVALID,
                        "mutual information: images of %lld x %lld and %lld x %lld",
                        (long long)a->shape[0], (long long)a->shape[1], (long long)b->shape[0],
                        (long long)b->shape[1]);
    *count = redux_tensor_elements(a);
    if (*count == 0)
        return rdx_fail(REDUX_E_INVALID, "mutual information: the images have no pixels");
    if (*count > UINT32_MAX)
        return rdx_fail(REDUX_E_LIMIT, "mutual information: %lld pixels are more than 2^32 - 1",
                        (long long)*count);
    return REDUX_OK;
}

redux_status redux_information_compute(redux_information *out, redux_context *context,
                                       const redux_tensor *a, const redux_tensor *b,
                                       const redux_histogram_options *options)
{
    redux_histogram_options known;
    redux_tensor first, second;
    int64_t count = 0;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_information_compute: out is NULL");
    RDX_TRY(rdx_histogram_read_options(&known, options));
    RDX_TRY(check_images(a, b, &count));
    RDX_TRY(redux_tensor_contiguous(&first, context, a, a->dtype));
    redux_status status = redux_tensor_contiguous(&second, context, b, b->dtype);
    if (status == REDUX_OK) {
        status = compute_images(out, context, &known, &first, &second, count);
        redux_tensor_release(&second);
    }
    redux_tensor_release(&first);
    return status;
}
