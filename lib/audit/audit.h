/* SPDX-License-Identifier: MIT
 * Shared by the checks of an audit. Internal.
 *
 *   scan.c        each slice once: its thumbnail and its figures
 *   thumb.c       thumbnails: 64 x 64 ranks of the values, hash codes of turns and crops
 *   figures.c     what the values of a slice are like
 *   candidates.c  the slices with the nearest codes
 *   twins.c       the same pixels, or the best candidate by similarity
 *   align.c       the affine map from one thumbnail to another
 *   similarity.c  aligned, matched, compared
 *   leaks.c, labels.c, slices.c, outliers.c   the checks
 *   suspicion.c, cut.c   label suspicion, the automatic cut
 *   findings.c    lists of findings */
#ifndef RDX_AUDIT_H
#define RDX_AUDIT_H

#include <redux/audit.h>
#include <redux/hash.h>
#include "data/data.h"
#include "hash/hash.h"
#include "image/image.h"

#define RDX_THUMB 64
#define RDX_THUMB_PIXELS (RDX_THUMB * RDX_THUMB)
#define RDX_RANKS 256
#define RDX_PARTS 7 /* of a thumbnail that have a code: all of it, centres, corners */

/* ---- thumb.c ---- */

/* A slice as 64 x 64 ranks of its values: 0 the least, 255 the greatest, ties at their mean. Ranks
 * do not change under another window that saturates nothing. */
typedef struct rdx_thumb {
    uint8_t rank[RDX_THUMB_PIXELS];
    float value[RDX_RANKS]; /* the mean value of a rank, 0 ... 1 over the slice's range */
    uint8_t parts[RDX_PARTS][REDUX_PDQ_BYTES]; /* codes, by rdx_thumb_parts and rdx_thumb_turns */
    uint8_t turns[REDUX_DIHEDRAL_COUNT][REDUX_PDQ_BYTES];
} rdx_thumb;

/* From 64 x 64 values, which are smoothed in place; makes no codes. *content: the share of pixels
 * that are more than an outline before a background. False: all values are alike, or a range is
 * beyond float32. */
bool rdx_thumb_make(rdx_thumb *out, float *content, float *values);

/* An affine map of the square -1 ... 1: x' = m[0] x + m[1] y + m[2], y' = m[3] x + m[4] y + m[5].
 */
typedef struct rdx_affine {
    double m[6];
} rdx_affine;

/* The parts of a thumbnail that are hashed. A code is that of the part stretched to the whole. */
extern const rdx_affine rdx_parts[RDX_PARTS]; /* from the whole square to the part */
rdx_affine rdx_affine_inverse(const rdx_affine *map);

/* PDQ codes of the ranks: of each part, and of the whole in each turn. Of the hasher, the context
 * is set. */
redux_status rdx_thumb_parts(uint8_t codes[RDX_PARTS][REDUX_PDQ_BYTES], rdx_hasher *hasher,
                             const rdx_thumb *thumb);
redux_status rdx_thumb_turns(uint8_t codes[REDUX_DIHEDRAL_COUNT][REDUX_PDQ_BYTES],
                             rdx_hasher *hasher, const rdx_thumb *thumb);
void rdx_thumb_turn(uint8_t *out, const uint8_t *rank, int32_t turn);

/* ---- align.c ---- */

/* Refines the map from points of `a` to points of `b` (ranks) by least squares: Gauss-Newton on the
 * six parameters, inverse compositional (Baker, Matthews 2004), up to gain and offset. False: the
 * two do not overlap, it diverges, or at half the resolution their correlation is below `least`
 * (-1: any will do). */
bool rdx_align(rdx_affine *map, const uint8_t *a, const uint8_t *b, double least);
/* Ranks of `b` at the mapped points of all pixels of `a`; inside[i] is false beyond its edge. */
void rdx_warp(float *out, bool *inside, const uint8_t *b, const rdx_affine *map);

/* ---- similarity.c ---- */

/* How much `b` looks like `a`, 0 ... 1, starting from a map between them. 0 may be said of what
 * would be below `least`, which costs a third. */
redux_status rdx_similarity(double *out, redux_context *context, const rdx_thumb *a, int32_t turn,
                            const rdx_thumb *b, const rdx_affine *start, double least);

/* ---- figures.c ---- */

typedef struct rdx_figures {
    float low, high;            /* finite values, after slope and intercept; low > high: none */
    float p1, p2, p5, p98, p99; /* quantiles */
    float entropy;              /* bits, 256 values over the range */
    float sharpness;            /* variance of the Laplacian over that of the values */
    float tissue;               /* share of values above -300 */
    float border;               /* share of these in the border of the field of view */
    float outside;              /* share of values below -1100: beyond the field of view */
    float margin; /* share of the area in rows and columns of one value at the edges */
    int32_t not_finite;
} rdx_figures;

/* Of C-contiguous float32 values [height, width]; those that are not finite become the least one.
 * */
void rdx_figures_make(rdx_figures *out, float *values, int64_t height, int64_t width);

/* ---- scan.c ---- */

typedef struct rdx_scanned {
    uint64_t pixels; /* hash of the stored pixels, with size, dtype and scale */
    int32_t height, width;
    bool is_read, has_thumb;
    float content; /* rdx_thumb_make */
    rdx_figures figures;
} rdx_scanned;

struct redux_scan {
    const redux_dataset *dataset;
    int64_t count;
    rdx_scanned *slices;
    rdx_thumb *thumbs;
    bool *is_ct; /* of each volume */
};

/* Whether a slice can be compared with others. */
bool rdx_scan_comparable(const redux_scan *scan, int64_t slice);

/* ---- twins.c ---- */

/* A slice of one scan or another. */
typedef struct rdx_item {
    const redux_scan *scan;
    int64_t slice;
} rdx_item;

/* The best twin of a query; at -1: none. */
typedef struct rdx_twin {
    int64_t at; /* index among the references */
    int32_t turn;
    double score;
} rdx_twin;

#define RDX_MOST_CANDIDATES 64

typedef struct rdx_twins_options {
    double threshold;
    int32_t candidates;
    bool other_groups;     /* twins of one group count only if their pixels are the same */
    const int32_t *labels; /* of the slices of one scan: twins have different ones; NULL: no rule */
} rdx_twins_options;

/* For each query the most similar reference at or over the threshold. Memory: about 300 bytes a
 * reference. Progress counts queries. */
redux_status rdx_twins(rdx_twin *out, redux_context *context, const rdx_item *queries,
                       int64_t query_count, const rdx_item *references, int64_t reference_count,
                       const rdx_twins_options *options);
/* REDUX_E_INVALID, naming the options struct, where they are out of range. */
redux_status rdx_twins_check(const rdx_twins_options *options, const char *name);

/* By the labels alone. */
bool rdx_twins_may_be(const rdx_twins_options *options, const rdx_item *a, const rdx_item *b);

/* ---- candidates.c ---- */

/* A reference, and the codes that are near each other: row 0 ... 7 is a turn of the query and the
 * part one of the reference, row 7 + p is part p of the query and the reference whole. */
typedef struct rdx_candidate {
    int64_t reference;
    int32_t distance, row, part;
} rdx_candidate;

typedef struct rdx_candidate_list {
    int64_t count;
    rdx_candidate items[RDX_MOST_CANDIDATES]; /* the nearest first */
} rdx_candidate_list;

typedef struct rdx_candidates rdx_candidates;

/* Borrows the references, and what options points to. */
redux_status rdx_candidates_new(rdx_candidates **out, redux_context *context,
                                const rdx_item *references, int64_t count,
                                const rdx_twins_options *options);
void rdx_candidates_free(rdx_candidates *candidates);
/* Queries are looked up by tiles, one or more at a time: how many there are, and one of them, with
 * a list for each of its queries, first to first + count - 1, in one block for rdx_free. */
int64_t rdx_candidates_tiles(int64_t queries);
redux_status rdx_candidates_find(rdx_candidate_list **out, int64_t *first, int64_t *count,
                                 const rdx_candidates *among, const rdx_item *queries,
                                 int64_t query_count, int64_t tile);

/* ---- findings.c ---- */

struct redux_findings {
    redux_context *context;
    redux_finding *list;
    int64_t count, capacity;
};

redux_status rdx_findings_new(redux_findings **out, redux_context *context);
/* A finding about a slice, a volume or a group, without another side. */
redux_finding rdx_finding_slice(const redux_dataset *dataset, redux_audit_issue issue,
                                int64_t slice, double score);
redux_finding rdx_finding_volume(const redux_dataset *dataset, redux_audit_issue issue,
                                 int64_t volume, double score);
redux_finding rdx_finding_group(redux_audit_issue issue, int64_t group, double score);
/* An input that a dataset left out, and a slice of the other set that cannot be read. */
redux_finding rdx_finding_skipped(int64_t skipped, bool is_against);
redux_finding rdx_finding_unread(const redux_dataset *against, int64_t slice);
void rdx_finding_set_other(redux_finding *finding, const redux_dataset *dataset, int64_t slice,
                           bool is_against);
redux_status rdx_findings_add(redux_findings *findings, const redux_finding *finding);
/* by_level: groups, volumes, slices, the highest score first; else issue after issue, the worst
 * first. */
void rdx_findings_sort(redux_findings *findings, bool by_level);

/* ---- embeddings ---- */

/* Whether there is a float32 row for each slice. */
redux_status rdx_check_embeddings(const redux_tensor *embeddings, const redux_scan *scan);
/* [N, D] float32 rows at unit length, copied; `zero[i]`: the row has no direction. */
redux_status rdx_unit_rows(float **out, uint8_t **zero, redux_context *context,
                           const redux_tensor *embeddings);

/* redux_audit_suspicion, with neighbours looked for among `most` rows. */
redux_status rdx_suspicion(double *scores, int64_t *others, redux_context *context,
                           const redux_tensor *embeddings, const int32_t *labels, int64_t most);

#endif
