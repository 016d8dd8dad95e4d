/* SPDX-License-Identifier: MIT
 * The checks of an audit: oracles by brute force, goldens from NumPy (tests/golden/audit.py). */
#include <float.h>
#include <math.h>
#include "audit/audit.h"
#include "metric/metric.h"
#include "support/test_io.h"

enum { SIDE = 96, SLICES = 12 };

/* ---- datasets in memory ---- */

/* Smooth pictures with structure at several scales, different for each seed; z moves it slowly. */
static float value_of(int seed, double z, double x, double y)
{
    double sum = 0;
    for (int w = 1; w < 7; w++)
        sum += sin(0.11 * w * x + 1.7 * seed * w + 0.05 * z * w) *
                   cos(0.09 * w * y + 2.3 * seed - 0.04 * z * w + w) / sqrt(w) +
               0.5 * sin(0.05 * w * (x + y) * (1 + 0.1 * (seed % 5)) + 0.9 * w * seed);
    return (float)(300 * sum);
}

static void fill(float *pixels, int64_t slices, int seed)
{
    for (int64_t k = 0; k < slices; k++)
        for (int64_t y = 0; y < SIDE; y++)
            for (int64_t x = 0; x < SIDE; x++)
                pixels[(k * SIDE + y) * SIDE + x] = value_of(seed, (double)k, (double)x, (double)y);
}

typedef struct volumes {
    redux_tensor voxels[8];
    redux_volume_source sources[8];
    const redux_volume_source *list[8];
    int64_t count;
} volumes;

/* Returns the pixels, [slices, SIDE, SIDE], for the caller to change. */
static float *add_volume(volumes *v, const char *name, int64_t slices, int seed)
{
    const int64_t shape[3] = {slices, SIDE, SIDE};
    redux_volume_source *source = &v->sources[v->count];
    *source = (redux_volume_source)REDUX_VOLUME_SOURCE_INIT;
    ck_assert_redux_ok(redux_tensor_new(&v->voxels[v->count], NULL, REDUX_FLOAT32, 3, shape));
    fill(v->voxels[v->count].data, slices, seed);
    source->source = name;
    source->voxels = &v->voxels[v->count];
    v->list[v->count] = source;
    return v->voxels[v->count++].data;
}

static void open_volumes(redux_dataset **dataset, redux_scan **scan, redux_context *context,
                         volumes *v)
{
    ck_assert_redux_ok(redux_dataset_new(dataset, context, v->list, v->count));
    ck_assert_redux_ok(redux_scan_new(scan, context, *dataset, NULL));
}

static void release_volumes(volumes *v)
{
    for (int64_t i = 0; i < v->count; i++)
        redux_tensor_release(&v->voxels[i]);
}

static redux_finding finding_at(const redux_findings *findings, int64_t index)
{
    redux_finding finding = REDUX_FINDING_INIT;
    ck_assert_redux_ok(redux_findings_get(&finding, findings, index));
    return finding;
}

static int64_t count_issue(const redux_findings *findings, redux_audit_issue issue)
{
    int64_t count = 0;
    for (int64_t i = 0; i < redux_findings_count(findings); i++)
        count += finding_at(findings, i).issue == issue;
    return count;
}

/* ---- numbers as audit.py makes them ---- */

static double next_number(uint32_t *state)
{
    *state = (uint32_t)((1103515245U * (uint64_t)*state + 12345U) % (1U << 31));
    return ((double)*state + 0.5) / (double)(1U << 31);
}

START_TEST(the_cut_is_numpys)
{
    double scores[407], cut;
    uint32_t state = 7;
    for (int i = 0; i < 400; i++)
        scores[i] = next_number(&state) * 0.5 + 0.45;
    state = 9;
    for (int i = 400; i < 405; i++)
        scores[i] = next_number(&state) * 0.01;
    scores[405] = 0;
    scores[406] = 1;
    ck_assert_redux_ok(redux_audit_cut(&cut, NULL, scores, 407, 407, 0.01, 0.05));
    ck_assert_double_eq_tol(cut, 7.606922698551495e-06, 1e-14);
    ck_assert_redux_ok(redux_audit_cut(&cut, NULL, scores, 407, 3 * 407, 0.01, 0.05));
    ck_assert_double_eq_tol(cut, 9.801490582194156e-05, 1e-13);
    ck_assert_redux_ok(redux_audit_cut(&cut, NULL, scores, 407, 407, 0.1, 0.3));
    ck_assert_double_eq_tol(cut, 0.42357421615815344, 1e-12);
    ck_assert_redux_ok(redux_audit_cut(&cut, NULL, scores + 405, 2, 2, 0.01, 0.05));
    ck_assert(cut <= 0); /* none lies inside (0, 1) */
    ck_assert_redux(REDUX_E_INVALID, redux_audit_cut(&cut, NULL, scores, 407, 407, 0, 0.05));
    ck_assert_redux(REDUX_E_INVALID, redux_audit_cut(&cut, NULL, NULL, 407, 407, 0.01, 0.05));
}
END_TEST

START_TEST(suspicion_is_numpys)
{
    static const double expected[] = {0.206584212, 0.067293927, 0.627261143, 0.158315396,
                                      0.877968730, 0.771957732, 0.014128861, 0.188474617,
                                      0,           0.602003978, 0.164611498, 0.099376969};
    static const int32_t labels[] = {0, 0, 0, 0, 1, 1, 1, 1, -1, 0, 1, 2};
    const int64_t shape[2] = {12, 5};
    float x[60];
    double scores[12];
    int64_t others[12];
    redux_tensor rows;
    uint32_t state = 3;
    for (int i = 0; i < 60; i++)
        x[i] = (float)next_number(&state) - 0.5F;
    ck_assert_redux_ok(redux_tensor_borrow(&rows, x, REDUX_FLOAT32, 2, shape, NULL));
    ck_assert_redux_ok(redux_audit_suspicion(scores, others, NULL, &rows, labels));
    for (int i = 0; i < 12; i++) {
        if (labels[i] < 0) {
            ck_assert(isnan(scores[i]));
            continue;
        }
        ck_assert_double_eq_tol(scores[i], expected[i], 1e-6);
        ck_assert_int_ne(labels[others[i]], labels[i]);
    }
    x[7] = NAN;
    ck_assert_redux(REDUX_E_INVALID, redux_audit_suspicion(scores, others, NULL, &rows, labels));
}
END_TEST

/* Some scores by brute force, with every `step`th row as a neighbour. */
static void compare_scores(const double *scores, const float *x, const int32_t *labels, int count,
                           int width, int step)
{
    for (int i = 0; i < count; i += 97) {
        double near[2] = {INFINITY, INFINITY};
        for (int j = 0; j < count && labels[i] >= 0; j += step) {
            double dot = 0, a = 0, b = 0;
            if (j == i || labels[j] < 0)
                continue;
            for (int k = 0; k < width; k++) {
                dot += (double)x[i * width + k] * (double)x[j * width + k];
                a += (double)x[i * width + k] * (double)x[i * width + k];
                b += (double)x[j * width + k] * (double)x[j * width + k];
            }
            double *least = &near[labels[i] == labels[j]];
            *least = fmin(*least, 1 - dot / sqrt(a * b));
        }
        if (labels[i] >= 0)
            ck_assert_double_eq_tol(
                scores[i], near[0] * near[0] / (near[0] * near[0] + near[1] * near[1]), 1e-4);
    }
}

/* Many rows: tiles and blocks, by brute force in double; the same bits on any number of threads. */
START_TEST(suspicion_of_many)
{
    enum { ROWS = 2500, WIDTH = 8 };
    const int64_t shape[2] = {ROWS, WIDTH};
    static float x[ROWS * WIDTH];
    static int32_t labels[ROWS];
    static double scores[2][ROWS];
    redux_tensor rows;
    uint32_t state = 5;
    for (int i = 0; i < ROWS * WIDTH; i++)
        x[i] = (float)next_number(&state) - 0.5F;
    for (int i = 0; i < ROWS; i++)
        labels[i] = i % 7 == 0 ? -1 : (int32_t)(i % 3);
    ck_assert_redux_ok(redux_tensor_borrow(&rows, x, REDUX_FLOAT32, 2, shape, NULL));
    for (int t = 0; t < 2; t++) {
        redux_context *context = context_of(1 + 2 * t);
        ck_assert_redux_ok(redux_audit_suspicion(scores[t], NULL, context, &rows, labels));
        redux_context_free(context);
    }
    ck_assert_mem_eq(scores[0], scores[1], sizeof scores[0]);
    compare_scores(scores[0], x, labels, ROWS, WIDTH, 1);
    ck_assert_redux_ok(rdx_suspicion(scores[1], NULL, NULL, &rows, labels, ROWS / 5));
    compare_scores(scores[1], x, labels, ROWS, WIDTH, 5);
}
END_TEST

/* ---- thumbnails ---- */

static void thumb_of(rdx_thumb *out, int seed)
{
    float values[RDX_THUMB_PIXELS], content;
    for (int i = 0; i < RDX_THUMB_PIXELS; i++)
        values[i] = value_of(seed, 0, i % RDX_THUMB * 1.5, i / RDX_THUMB * 1.5);
    ck_assert(rdx_thumb_make(out, &content, values));
    ck_assert(content > 0.5F);
}

START_TEST(turns_are_pdqs)
{
    uint8_t codes[REDUX_DIHEDRAL_COUNT][REDUX_PDQ_BYTES],
        own[REDUX_DIHEDRAL_COUNT][REDUX_PDQ_BYTES];
    rdx_thumb thumb, turned;
    rdx_hasher hasher = {0};
    thumb_of(&thumb, 3);
    ck_assert_redux_ok(rdx_thumb_turns(codes, &hasher, &thumb));
    for (int32_t t = 0; t < REDUX_DIHEDRAL_COUNT; t++) {
        int bits = 0;
        turned = thumb;
        rdx_thumb_turn(turned.rank, thumb.rank, t);
        ck_assert_redux_ok(rdx_thumb_turns(own, &hasher, &turned));
        for (int i = 0; i < REDUX_PDQ_BYTES; i++)
            bits += __builtin_popcount(codes[t][i] ^ own[0][i]);
        ck_assert_int_le(bits, 4); /* rounding */
    }
    rdx_hasher_clear(&hasher);
}
END_TEST

START_TEST(ranks_do_not_depend_on_the_scale)
{
    float values[2][RDX_THUMB_PIXELS], content;
    rdx_thumb thumbs[2];
    for (int i = 0; i < RDX_THUMB_PIXELS; i++) {
        values[0][i] = value_of(4, 0, i % RDX_THUMB, i / RDX_THUMB);
        values[1][i] = 8 * values[0][i] + 1024;
    }
    for (int k = 0; k < 2; k++)
        ck_assert(rdx_thumb_make(&thumbs[k], &content, values[k]));
    for (int i = 0; i < RDX_THUMB_PIXELS; i++)
        ck_assert_int_le(abs(thumbs[0].rank[i] - thumbs[1].rank[i]), 1);
    for (int i = 0; i < RDX_THUMB_PIXELS; i++)
        values[0][i] = 7;
    ck_assert(!rdx_thumb_make(&thumbs[0], &content, values[0]));
}
END_TEST

/* The map between a picture and a part of it is found from the whole. */
START_TEST(alignment_finds_the_map)
{
    static const rdx_affine maps[] = {{{0.95, 0, 0.03, 0, 0.95, -0.04}},
                                      {{1, 0.06, 0, -0.06, 1, 0.02}},
                                      {{0.93, 0.02, 0.05, -0.01, 0.9, 0.03}}};
    for (size_t k = 0; k < sizeof maps / sizeof *maps; k++) {
        float warped[RDX_THUMB_PIXELS];
        bool inside[RDX_THUMB_PIXELS];
        uint8_t part[RDX_THUMB_PIXELS];
        rdx_affine found = {{1, 0, 0, 0, 1, 0}};
        rdx_thumb thumb;
        thumb_of(&thumb, 11);
        rdx_warp(warped, inside, thumb.rank, &maps[k]);
        for (int i = 0; i < RDX_THUMB_PIXELS; i++)
            part[i] = (uint8_t)(warped[i] + 0.5F);
        ck_assert(rdx_align(&found, part, thumb.rank, -1));
        for (int i = 0; i < 6; i++)
            ck_assert_double_eq_tol(found.m[i], maps[k].m[i], 0.01);
    }
}
END_TEST

/* ---- leaks ---- */

enum { EDITS = 6 };

/* Slice k of the planted volume is slice 2 + k of the original, edited. */
static void plant(float *out, int seed)
{
    uint32_t state = 17;
    for (int k = 0; k < EDITS; k++)
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                const double u = k == 3 ? 0.8 * x + 0.1 * SIDE : x; /* cropped */
                const double v = k == 3 ? 0.8 * y + 0.1 * SIDE : y;
                const double p = k == 1 ? SIDE - 1 - x : k == 2 ? SIDE - 1 - y : u;
                const double q = k == 2 ? x : v; /* mirrored; turned */
                float value = value_of(seed, 2 + k, p, q);
                if (k == 4) /* windowed */
                    value = fminf(fmaxf(value, -250), 250) * 3 + 40;
                if (k == 5) /* noisy */
                    value += (float)(next_number(&state) - 0.5) * 120;
                out[(k * SIDE + y) * SIDE + x] = value;
            }
}

static void make_sets(volumes *train, volumes *test)
{
    add_volume(train, "train/one", SLICES, 1);
    add_volume(train, "train/two", SLICES, 2);
    add_volume(train, "train/three", SLICES, 3);
    add_volume(test, "test/new", SLICES, 9);
    plant(add_volume(test, "test/part", EDITS, 2), 2);
    add_volume(test, "test/copy", SLICES, 3);
}

static void check_leaks(const redux_findings *findings, const redux_dataset *train)
{
    int64_t slices = 0, parts = 0, copies = 0;
    for (int64_t i = 0; i < redux_findings_count(findings); i++) {
        const redux_finding f = finding_at(findings, i);
        int64_t volume, slice;
        ck_assert_int_ne(f.group, 0); /* nothing of test/new */
        ck_assert_int_eq(f.other_is_against, 1);
        if (i > 0)
            ck_assert_int_ge(finding_at(findings, i - 1).level, f.level);
        parts += f.issue == REDUX_AUDIT_VOLUME_PART && f.volume == 1 && f.other_volume == 1;
        copies += f.issue == REDUX_AUDIT_SAME_FILE && f.volume == 2 && f.other_volume == 2;
        if (f.level != REDUX_AUDIT_SLICE)
            continue;
        ck_assert_redux_ok(redux_dataset_get_place(&volume, &slice, train, f.other_slice));
        const int64_t k = f.slice - SLICES - (f.volume == 2 ? EDITS : 0);
        ck_assert_int_eq(volume, f.volume == 2 ? 2 : 1);
        ck_assert_int_le(llabs(slice - k - (f.volume == 2 ? 0 : 2)), 1);
        ck_assert_int_eq(f.issue == REDUX_AUDIT_SAME_PIXELS, f.volume == 2 || k == 0);
        if (f.volume == 1 && k == 1)
            ck_assert_int_eq(f.turn, REDUX_DIHEDRAL_FLIP_Y);
        if (f.volume == 1 && k == 2)
            ck_assert(f.turn == REDUX_DIHEDRAL_ROTATE_90 || f.turn == REDUX_DIHEDRAL_ROTATE_270);
        slices++;
    }
    ck_assert_int_eq(slices, EDITS + SLICES);
    ck_assert_int_eq(parts, 1);
    ck_assert_int_eq(copies, 1);
}

START_TEST(leaks_between_sets)
{
    volumes train = {.count = 0}, test = {.count = 0};
    redux_dataset *known, *asked;
    redux_scan *known_scan, *asked_scan;
    redux_findings *findings[2];
    redux_audit_leaks_options options = REDUX_AUDIT_LEAKS_OPTIONS_INIT;
    make_sets(&train, &test);
    for (int t = 0; t < 2; t++) {
        redux_context *context = context_of(1 + 2 * t);
        open_volumes(&known, &known_scan, context, &train);
        open_volumes(&asked, &asked_scan, context, &test);
        options.against = known_scan;
        ck_assert_redux_ok(redux_audit_leaks(&findings[t], context, asked_scan, &options));
        check_leaks(findings[t], known);
        redux_scan_free(known_scan);
        redux_scan_free(asked_scan);
        redux_dataset_free(known);
        redux_dataset_free(asked);
        redux_context_free(context);
    }
    ck_assert_int_eq(redux_findings_count(findings[0]), redux_findings_count(findings[1]));
    for (int64_t i = 0; i < redux_findings_count(findings[0]); i++) {
        const redux_finding a = finding_at(findings[0], i), b = finding_at(findings[1], i);
        ck_assert_mem_eq(&a, &b, sizeof a);
    }
    redux_findings_free(findings[0]);
    redux_findings_free(findings[1]);
    release_volumes(&train);
    release_volumes(&test);
}
END_TEST

/* A series divided between train and test: each test slice is beside a training slice, and the
 * group is on both sides. */
START_TEST(leaks_between_splits)
{
    volumes all = {.count = 0};
    redux_dataset *dataset;
    redux_scan *scan;
    redux_findings *findings;
    redux_audit_leaks_options options = REDUX_AUDIT_LEAKS_OPTIONS_INIT;
    uint8_t split[3 * SLICES];
    add_volume(&all, "one", SLICES, 1);
    add_volume(&all, "two", SLICES, 2);
    add_volume(&all, "divided", SLICES, 3);
    open_volumes(&dataset, &scan, NULL, &all);
    for (int i = 0; i < 3 * SLICES; i++)
        split[i] = i < SLICES || (i >= 2 * SLICES && i % 2 == 0) ? 0 : REDUX_SPLIT_TEST;
    options.split = split;
    ck_assert_redux_ok(redux_audit_leaks(&findings, NULL, scan, &options));
    ck_assert_int_eq(count_issue(findings, REDUX_AUDIT_SHARED_GROUP), 1);
    ck_assert_int_eq(finding_at(findings, 0).group, 2);
    ck_assert_int_eq(count_issue(findings, REDUX_AUDIT_NEAR_DUPLICATE), SLICES / 2);
    redux_findings_free(findings);
    memset(split, REDUX_SPLIT_TRAIN, sizeof split);
    ck_assert_redux(REDUX_E_INVALID, redux_audit_leaks(&findings, NULL, scan, &options));
    options.against = scan;
    ck_assert_redux(REDUX_E_INVALID, redux_audit_leaks(&findings, NULL, scan, &options));
    options.split = NULL;
    options.threshold = 0;
    ck_assert_redux(REDUX_E_INVALID, redux_audit_leaks(&findings, NULL, scan, &options));
    redux_scan_free(scan);
    redux_dataset_free(dataset);
    release_volumes(&all);
}
END_TEST

START_TEST(similarity_of_two)
{
    volumes all = {.count = 0};
    redux_dataset *dataset;
    redux_scan *scan;
    double score;
    int32_t turn;
    add_volume(&all, "one", SLICES, 2);
    plant(add_volume(&all, "edits", EDITS, 2), 2);
    add_volume(&all, "other", 2, 9);
    open_volumes(&dataset, &scan, NULL, &all);
    ck_assert_redux_ok(redux_audit_similarity(&score, &turn, NULL, scan, 2, scan, SLICES));
    ck_assert(score >= 1 && turn == 0);
    ck_assert_redux_ok(redux_audit_similarity(&score, &turn, NULL, scan, SLICES + 1, scan, 3));
    ck_assert(score > 0.9 && score < 1);
    ck_assert_redux_ok(redux_audit_similarity(&score, &turn, NULL, scan, SLICES + EDITS, scan, 3));
    ck_assert(score < 0.6);
    ck_assert_redux(REDUX_E_INVALID, redux_audit_similarity(&score, NULL, NULL, scan, -1, scan, 3));
    redux_scan_free(scan);
    redux_dataset_free(dataset);
    release_volumes(&all);
}
END_TEST

/* ---- candidates ---- */

static const char *const names[] = {"a", "b", "c", "d", "e", "f"};

enum { CODE_VOLUMES = 6, CODE_SLICES = 20, CODES = CODE_VOLUMES * CODE_SLICES, CANDIDATES = 5 };

/* Flips about `share` of the bits. */
static void flip(uint8_t *code, double share, uint32_t *state)
{
    for (int bit = 0; bit < 8 * REDUX_PDQ_BYTES; bit++)
        if (next_number(state) < share)
            code[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

/* Codes that drift along each volume, at a pace of its own, about a few centres. */
static void draw_codes(redux_scan *scan)
{
    static const double pace[CODE_VOLUMES] = {0, 0.005, 0.02, 0.04, 0.1, 0.5};
    uint8_t centre[2][REDUX_PDQ_BYTES] = {{0}}, at[REDUX_PDQ_BYTES];
    uint32_t state = 11;
    flip(centre[1], 0.3, &state);
    for (int64_t i = 0; i < CODES; i++) {
        rdx_thumb *thumb = &scan->thumbs[i];
        if (i % CODE_SLICES == 0) {
            memcpy(at, centre[i / CODE_SLICES % 2], sizeof at);
            flip(at, 0.15, &state);
        }
        flip(at, pace[i / CODE_SLICES], &state);
        for (int part = 0; part < RDX_PARTS; part++) {
            memcpy(thumb->parts[part], at, sizeof at);
            flip(thumb->parts[part], 0.06 * part, &state);
        }
        for (int turn = 0; turn < REDUX_DIHEDRAL_COUNT; turn++) {
            memcpy(thumb->turns[turn], at, sizeof at);
            flip(thumb->turns[turn], 0.06 * turn, &state);
        }
    }
}

/* The least distance of codes whose 8 x 8 lowest frequencies are near enough; 256: there are none.
 */
static int32_t distance_of(const uint8_t *a, const uint8_t *b, int32_t sketch_radius)
{
    int32_t sketch = 0;
    for (int byte = 17; byte < REDUX_PDQ_BYTES; byte += 2)
        sketch += rdx_hamming_bytes(a + byte, b + byte, 1);
    return sketch > sketch_radius ? 256 : rdx_hamming_bytes(a, b, REDUX_PDQ_BYTES);
}

static int32_t least_distance(const redux_scan *scan, int64_t query, int64_t reference,
                              int32_t most)
{
    const rdx_thumb *a = &scan->thumbs[query], *b = &scan->thumbs[reference];
    int32_t least = 256;
    for (int turn = 0; turn < REDUX_DIHEDRAL_COUNT; turn++)
        for (int part = 0; part < RDX_PARTS; part++)
            least = RDX_MIN(least, distance_of(a->turns[turn], b->parts[part], most));
    for (int part = 1; part < RDX_PARTS; part++)
        least = RDX_MIN(least, distance_of(a->parts[part], b->parts[0], most));
    return least;
}

/* One by one: the list has as many references as there are nearer than its last one, or within the
 * radius where it is not full; and the list's own distances. */
static void check_list(const rdx_candidate_list *list, const redux_scan *scan, int64_t query,
                       const rdx_twins_options *options)
{
    const int32_t radius = options->threshold >= 0.9 ? 80 : 108;
    const int32_t most = options->threshold >= 0.9 ? 18 : 26;
    const bool full = list->count == options->candidates;
    const int32_t last = full ? list->items[list->count - 1].distance - 1 : radius;
    int64_t nearer = 0, listed = 0;
    for (int64_t i = 0; i < list->count; i++) {
        listed += list->items[i].distance <= last;
        ck_assert_int_eq(list->items[i].distance,
                         least_distance(scan, query, list->items[i].reference, most));
        ck_assert_int_le(list->items[i].distance, radius);
        ck_assert(i == 0 || list->items[i - 1].distance <= list->items[i].distance);
        for (int64_t j = 0; j < i; j++)
            ck_assert_int_ne(list->items[i].reference, list->items[j].reference);
    }
    for (int64_t i = 0; i < CODES; i++)
        if (i / CODE_SLICES != query / CODE_SLICES &&
            options->labels[i] != options->labels[query] && rdx_scan_comparable(scan, i))
            nearer += least_distance(scan, query, i, most) <= last;
    ck_assert_int_eq(nearer, listed);
}

START_TEST(candidates_are_the_nearest)
{
    static const double thresholds[] = {0.75, 0.9};
    volumes all = {.count = 0};
    redux_dataset *dataset;
    redux_scan *scan;
    rdx_item items[CODES];
    int32_t labels[CODES];
    int64_t found = 0;
    for (int v = 0; v < CODE_VOLUMES; v++)
        add_volume(&all, names[v], CODE_SLICES, v);
    open_volumes(&dataset, &scan, NULL, &all);
    draw_codes(scan);
    scan->slices[7].has_thumb = false;
    for (int i = 0; i < CODES; i++) {
        items[i] = (rdx_item){scan, i};
        labels[i] = i / 7 % 3;
    }
    for (int t = 0; t < 2; t++) {
        const rdx_twins_options options = {thresholds[t], CANDIDATES, true, labels};
        rdx_candidates *among;
        ck_assert_redux_ok(rdx_candidates_new(&among, NULL, items, CODES, &options));
        for (int64_t tile = 0; tile < rdx_candidates_tiles(CODES); tile++) {
            rdx_candidate_list *lists;
            int64_t first, count;
            ck_assert_redux_ok(
                rdx_candidates_find(&lists, &first, &count, among, items, CODES, tile));
            for (int64_t i = 0; i < count; i++) {
                if (rdx_scan_comparable(scan, first + i))
                    check_list(&lists[i], scan, first + i, &options);
                found += lists[i].count;
            }
            rdx_free(lists);
        }
        rdx_candidates_free(among);
    }
    ck_assert_int_gt(found, CODES);
    redux_scan_free(scan);
    redux_dataset_free(dataset);
    release_volumes(&all);
}
END_TEST

/* ---- labels ---- */

/* Copies with three labels: each conflicts with the first one of another label. */
START_TEST(labels_of_copies)
{
    enum { COPIES = 6 };
    static const int32_t labels[COPIES] = {2, 2, -1, 1, 3, 1};
    static const int64_t other[COPIES] = {3, 3, -1, 0, 0, 0};
    volumes all = {.count = 0};
    redux_dataset *dataset;
    redux_scan *scan;
    redux_findings *findings;
    int64_t of[COPIES] = {-1, -1, -1, -1, -1, -1};
    for (int v = 0; v < COPIES; v++)
        add_volume(&all, names[v], 1, 5);
    open_volumes(&dataset, &scan, NULL, &all);
    ck_assert_redux_ok(redux_audit_labels(&findings, NULL, scan, NULL, labels, NULL));
    for (int64_t i = 0; i < redux_findings_count(findings); i++) {
        const redux_finding finding = finding_at(findings, i);
        ck_assert(finding.score >= 1);
        of[finding.volume] = finding.other_volume;
    }
    for (int v = 0; v < COPIES; v++)
        ck_assert_int_eq(of[v], other[v]);
    redux_findings_free(findings);
    redux_scan_free(scan);
    redux_dataset_free(dataset);
    release_volumes(&all);
}
END_TEST

START_TEST(labels_in_conflict)
{
    volumes all = {.count = 0};
    redux_dataset *dataset;
    redux_scan *scan;
    redux_findings *findings;
    redux_tensor rows;
    int32_t labels[2 * SLICES + EDITS];
    add_volume(&all, "one", SLICES, 1);
    add_volume(&all, "two", SLICES, 2);
    plant(add_volume(&all, "twins", EDITS, 2), 2);
    open_volumes(&dataset, &scan, NULL, &all);
    ck_assert_redux_ok(redux_scan_descriptors(&rows, NULL, scan));
    ck_assert_int_eq(rows.shape[1], 256);
    for (int i = 0; i < 2 * SLICES + EDITS; i++)
        labels[i] = i >= SLICES;
    labels[0] = -1;
    ck_assert_redux_ok(redux_audit_labels(&findings, NULL, scan, &rows, labels, NULL));
    ck_assert_int_eq(count_issue(findings, REDUX_AUDIT_LABEL_CONFLICT), 0);
    redux_findings_free(findings);
    labels[2 * SLICES] = 0; /* the same pixels as slice 2 of "two", which is a 1 */
    ck_assert_redux_ok(redux_audit_labels(&findings, NULL, scan, &rows, labels, NULL));
    ck_assert_int_ge(count_issue(findings, REDUX_AUDIT_LABEL_CONFLICT), 2);
    const redux_finding first = finding_at(findings, 0);
    ck_assert(first.score >= 1);
    ck_assert(first.slice == SLICES + 2 || first.slice == 2 * SLICES);
    redux_findings_free(findings);
    for (int i = 0; i < 2 * SLICES + EDITS; i++)
        labels[i] = 1; /* one class: nothing to compare */
    ck_assert_redux_ok(redux_audit_labels(&findings, NULL, scan, &rows, labels, NULL));
    ck_assert_int_eq(redux_findings_count(findings), 0);
    redux_findings_free(findings);
    rows.shape[0]--;
    ck_assert_redux(REDUX_E_INVALID,
                    redux_audit_labels(&findings, NULL, scan, &rows, labels, NULL));
    rows.shape[0]++;
    redux_tensor_release(&rows);
    redux_scan_free(scan);
    redux_dataset_free(dataset);
    release_volumes(&all);
}
END_TEST

/* ---- slices ---- */

/* A slice is told from its neighbours though one of them is turned as well. */
START_TEST(turned_neighbours)
{
    enum { FIRST = 5 };
    volumes all = {.count = 0};
    redux_dataset *dataset;
    redux_scan *scan;
    redux_findings *findings;
    float *pixels = add_volume(&all, "one", SLICES, 1), turned[SIDE * SIDE];
    for (int k = FIRST; k < FIRST + 2; k++) {
        for (int i = 0; i < SIDE * SIDE; i++)
            turned[i] = pixels[k * SIDE * SIDE + SIDE * SIDE - 1 - i];
        memcpy(pixels + k * SIDE * SIDE, turned, sizeof turned);
    }
    open_volumes(&dataset, &scan, NULL, &all);
    ck_assert_redux_ok(redux_audit_slices(&findings, NULL, scan, NULL));
    ck_assert_int_eq(count_issue(findings, REDUX_AUDIT_ORIENTATION), 2);
    for (int64_t i = 0; i < redux_findings_count(findings); i++)
        if (finding_at(findings, i).issue == REDUX_AUDIT_ORIENTATION)
            ck_assert(finding_at(findings, i).slice == FIRST ||
                      finding_at(findings, i).slice == FIRST + 1);
    redux_findings_free(findings);
    redux_scan_free(scan);
    redux_dataset_free(dataset);
    release_volumes(&all);
}
END_TEST

START_TEST(odd_slices)
{
    volumes all = {.count = 0};
    redux_dataset *dataset;
    redux_scan *scan;
    redux_findings *findings;
    float *pixels = add_volume(&all, "one", SLICES, 1);
    float turned[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++) {
        pixels[3 * SIDE * SIDE + i] = 5;
        pixels[7 * SIDE * SIDE + i] *= 0.1F;
        turned[i] = pixels[9 * SIDE * SIDE + SIDE * SIDE - 1 - i];
    }
    pixels[5 * SIDE * SIDE + 40] = NAN;
    pixels[5 * SIDE * SIDE + 41] = INFINITY;
    memcpy(pixels + 9 * SIDE * SIDE, turned, sizeof turned);
    open_volumes(&dataset, &scan, NULL, &all);
    ck_assert_redux_ok(redux_audit_slices(&findings, NULL, scan, NULL));
    static const struct {
        redux_audit_issue issue;
        int64_t slice;
    } expected[] = {{REDUX_AUDIT_NOT_FINITE, 5},
                    {REDUX_AUDIT_FLAT, 3},
                    {REDUX_AUDIT_ORIENTATION, 9},
                    {REDUX_AUDIT_ODD_RANGE, 7}};
    for (size_t k = 0; k < sizeof expected / sizeof *expected; k++) {
        int64_t found = 0;
        ck_assert_int_eq(count_issue(findings, expected[k].issue), 1);
        for (int64_t i = 0; i < redux_findings_count(findings); i++)
            found += finding_at(findings, i).issue == expected[k].issue &&
                     finding_at(findings, i).slice == expected[k].slice;
        ck_assert_int_eq(found, 1);
    }
    redux_findings_free(findings);
    redux_scan_free(scan);
    redux_dataset_free(dataset);
    release_volumes(&all);
}
END_TEST

/* Values at the ends of float32: their range, or its inverse, is no float. */
START_TEST(extreme_values)
{
    static const float pairs[][2] = {
        {0, 1e-38F}, {-3e38F, 3e38F}, {0, 1e-44F}, {-1, FLT_MAX}, {FLT_MAX, -FLT_MAX}};
    for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++) {
        float values[RDX_THUMB_PIXELS], content;
        rdx_figures figures;
        rdx_thumb thumb;
        for (int i = 0; i < RDX_THUMB_PIXELS; i++)
            values[i] = pairs[k][i % 97 < 40];
        rdx_figures_make(&figures, values, RDX_THUMB, RDX_THUMB);
        const float low = fminf(pairs[k][0], pairs[k][1]), high = fmaxf(pairs[k][0], pairs[k][1]);
        ck_assert(figures.p1 >= low && figures.p1 <= low + (high / 4096 - low / 4096));
        ck_assert(figures.p99 <= high && figures.p99 >= high - (high / 4096 - low / 4096));
        ck_assert(figures.entropy > 0.9F && figures.entropy < 1.1F);
        if (rdx_thumb_make(&thumb, &content, values))
            for (int i = 0; i < RDX_RANKS; i++)
                ck_assert(thumb.value[i] >= 0 && thumb.value[i] <= 1);
        else
            ck_assert(isinf((high - low) * 16)); /* no float holds the sums */
    }
}
END_TEST

/* A volume is flat, air or unreadable only where all its slices are: whoever drops what is found
 * keeps the others. */
START_TEST(most_slices_are_not_the_volume)
{
    volumes all = {.count = 0};
    redux_dataset *dataset;
    redux_scan *scan;
    redux_findings *findings;
    float *most = add_volume(&all, "most", SLICES, 1), *whole = add_volume(&all, "all", SLICES, 2);
    for (int i = 0; i < SLICES * SIDE * SIDE; i++) {
        whole[i] = 3;
        if (i < 9 * SIDE * SIDE)
            most[i] = 5;
    }
    open_volumes(&dataset, &scan, NULL, &all);
    ck_assert_redux_ok(redux_audit_slices(&findings, NULL, scan, NULL));
    int64_t slices = 0, whole_found = 0;
    for (int64_t i = 0; i < redux_findings_count(findings); i++) {
        const redux_finding f = finding_at(findings, i);
        if (f.issue != REDUX_AUDIT_FLAT)
            continue;
        slices += f.level == REDUX_AUDIT_SLICE && f.slice < 9;
        whole_found += f.level == REDUX_AUDIT_VOLUME && f.volume == 1 && f.found == SLICES;
    }
    ck_assert_int_eq(count_issue(findings, REDUX_AUDIT_FLAT), 10);
    ck_assert_int_eq(slices, 9);
    ck_assert_int_eq(whole_found, 1);
    redux_findings_free(findings);
    redux_scan_free(scan);
    redux_dataset_free(dataset);
    release_volumes(&all);
}
END_TEST

/* A slice without any number says nothing of the grey scale of its series: zero lies far below the
 * values of this one, whose darkest slice would look light. */
START_TEST(slices_without_numbers_do_not_widen_the_range)
{
    volumes all = {.count = 0};
    redux_dataset *dataset;
    redux_scan *scan;
    redux_findings *findings;
    float *pixels = add_volume(&all, "one", SLICES, 1);
    for (int i = 0; i < SLICES * SIDE * SIDE; i++)
        pixels[i] = i < SIDE * SIDE ? NAN : pixels[i] + 1e6F;
    open_volumes(&dataset, &scan, NULL, &all);
    ck_assert_redux_ok(redux_audit_slices(&findings, NULL, scan, NULL));
    ck_assert_int_eq(count_issue(findings, REDUX_AUDIT_NOT_FINITE), 1);
    ck_assert_int_eq(count_issue(findings, REDUX_AUDIT_LIGHT), 0);
    ck_assert_int_eq(count_issue(findings, REDUX_AUDIT_FLAT), 1);
    redux_findings_free(findings);
    redux_scan_free(scan);
    redux_dataset_free(dataset);
    release_volumes(&all);
}
END_TEST

/* ---- embeddings ---- */

/* A row without a direction is nobody's neighbour, and nobody's twin. */
START_TEST(rows_of_zeros_take_no_part)
{
    enum { ROWS = 6, WIDTH = 2 };
    const int64_t shape[2] = {ROWS, WIDTH}, fewer[2] = {ROWS - 2, WIDTH};
    static const int32_t labels[ROWS] = {0, 0, 1, 1, 0, 1};
    float x[ROWS * WIDTH] = {1, 0.1F, -1, 0.2F, 0.3F, 1, -0.2F, -1, 0, 0, 0, 0};
    double scores[ROWS], expected[ROWS];
    int64_t others[ROWS], expected_others[ROWS];
    redux_tensor rows;
    ck_assert_redux_ok(redux_tensor_borrow(&rows, x, REDUX_FLOAT32, 2, fewer, NULL));
    ck_assert_redux_ok(redux_audit_suspicion(expected, expected_others, NULL, &rows, labels));
    ck_assert_redux_ok(redux_tensor_borrow(&rows, x, REDUX_FLOAT32, 2, shape, NULL));
    ck_assert_redux_ok(redux_audit_suspicion(scores, others, NULL, &rows, labels));
    ck_assert_mem_eq(scores, expected, 4 * sizeof *scores);
    ck_assert_mem_eq(others, expected_others, 4 * sizeof *others);
    for (int i = 4; i < ROWS; i++) {
        ck_assert(isnan(scores[i]));
        ck_assert_int_eq(others[i], -1);
    }
}
END_TEST

/* Where the cut is 0 nothing is flagged, not even a score of 0; labels may be any numbers. */
START_TEST(labels_are_any_numbers)
{
    volumes all = {.count = 0};
    redux_dataset *dataset;
    redux_scan *scan;
    redux_findings *findings;
    redux_tensor rows;
    const int64_t shape[2] = {4, 2};
    float x[8] = {1, 0, 1, 0, 0, 1, 0, 1};
    int32_t labels[4] = {0, INT32_MAX, 0, INT32_MAX};
    add_volume(&all, "one", 2, 1);
    add_volume(&all, "two", 2, 1);
    labels[1] = labels[0], labels[2] = labels[3];
    open_volumes(&dataset, &scan, NULL, &all);
    ck_assert_redux_ok(redux_tensor_borrow(&rows, x, REDUX_FLOAT32, 2, shape, NULL));
    ck_assert_redux_ok(redux_audit_labels(&findings, NULL, scan, NULL, labels, NULL));
    ck_assert_int_eq(count_issue(findings, REDUX_AUDIT_LABEL_CONFLICT), 4);
    redux_findings_free(findings);
    labels[1] = 1000000;
    labels[2] = 0;
    ck_assert_redux_ok(redux_audit_labels(&findings, NULL, scan, &rows, labels, NULL));
    ck_assert_int_eq(count_issue(findings, REDUX_AUDIT_LABEL_SUSPECT), 0);
    redux_findings_free(findings);
    redux_scan_free(scan);
    redux_dataset_free(dataset);
    release_volumes(&all);
}
END_TEST

START_TEST(an_outlier)
{
    enum { WIDTH = 4, ROWS = 4 * SLICES };
    volumes all = {.count = 0};
    redux_dataset *dataset;
    redux_scan *scan;
    redux_findings *findings;
    const int64_t shape[2] = {ROWS, WIDTH};
    float x[ROWS * WIDTH];
    redux_tensor rows;
    redux_audit_outliers_options options = REDUX_AUDIT_OUTLIERS_OPTIONS_INIT;
    uint32_t state = 21;
    for (int i = 0; i < 4; i++)
        add_volume(&all, (const char *[]){"a", "b", "c", "d"}[i], SLICES, i + 1);
    open_volumes(&dataset, &scan, NULL, &all);
    for (int i = 0; i < ROWS * WIDTH; i++)
        x[i] = (i % WIDTH == 0 ? 3 : 0) + (float)next_number(&state);
    for (int k = 0; k < WIDTH; k++)
        x[17 * WIDTH + k] = k == 0 ? -3 : 0.1F;
    memset(x + 20 * WIDTH, 0, WIDTH * sizeof *x); /* no direction: takes no part */
    ck_assert_redux_ok(redux_tensor_borrow(&rows, x, REDUX_FLOAT32, 2, shape, NULL));
    options.alpha = 0.1;
    options.quantile = 0.3;
    options.neighbours = 5;
    ck_assert_redux_ok(redux_audit_outliers(&findings, NULL, scan, &rows, &options));
    ck_assert_int_ge(redux_findings_count(findings), 1);
    ck_assert_int_eq(finding_at(findings, 0).slice, 17);
    double near[5] = {9, 9, 9, 9, 9}, mean = 0; /* brute force */
    for (int j = 0; j < ROWS; j++) {
        double dot = 0, a = 0, b = 0;
        for (int k = 0; k < WIDTH; k++) {
            dot += (double)x[17 * WIDTH + k] * (double)x[j * WIDTH + k];
            a += (double)x[17 * WIDTH + k] * (double)x[17 * WIDTH + k];
            b += (double)x[j * WIDTH + k] * (double)x[j * WIDTH + k];
        }
        double d = b > 0 ? 1 - dot / sqrt(a * b) : 9;
        for (int k = 0; k < 5 && j != 17; k++)
            if (d < near[k]) {
                const double swap = near[k];
                near[k] = d;
                d = swap;
            }
    }
    for (int k = 0; k < 5; k++)
        mean += near[k] / 5;
    ck_assert_double_eq_tol(finding_at(findings, 0).score, mean, 1e-5);
    redux_findings_free(findings);
    options.neighbours = INT32_MAX; /* as many as there are */
    ck_assert_redux_ok(redux_audit_outliers(&findings, NULL, scan, &rows, &options));
    ck_assert_int_ge(redux_findings_count(findings), 1);
    ck_assert_int_eq(finding_at(findings, 0).slice, 17);
    redux_findings_free(findings);
    options.neighbours = 0;
    ck_assert_redux(REDUX_E_INVALID, redux_audit_outliers(&findings, NULL, scan, &rows, &options));
    redux_scan_free(scan);
    redux_dataset_free(dataset);
    release_volumes(&all);
}
END_TEST

START_TEST(effective_slices)
{
    float x[6 * 3] = {1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 0, 0, 0, 5, 0, 0, 0, 1};
    const int64_t shape[2] = {6, 3};
    redux_tensor rows;
    double effective;
    ck_assert_redux_ok(redux_tensor_borrow(&rows, x, REDUX_FLOAT32, 2, shape, NULL));
    ck_assert_redux_ok(redux_audit_effective(&effective, NULL, &rows));
    ck_assert_double_eq_tol(effective, 3, 1e-5);
    for (int i = 0; i < 6; i++)
        memcpy(x + 3 * i, (const float[]){1, 1, 0}, 3 * sizeof *x);
    ck_assert_redux_ok(redux_audit_effective(&effective, NULL, &rows));
    ck_assert_double_eq_tol(effective, 1, 1e-5);
}
END_TEST

START_TEST(names_of_issues)
{
    ck_assert_str_eq(redux_audit_issue_name(REDUX_AUDIT_SAME_PIXELS), "same-pixels");
    ck_assert_str_eq(redux_audit_issue_name(REDUX_AUDIT_OUTLIER), "outlier");
    ck_assert_str_eq(redux_audit_issue_name((redux_audit_issue)26), "unknown");
    ck_assert_str_eq(redux_audit_level_name(REDUX_AUDIT_GROUP), "group");
}
END_TEST

/* ---- columns ---- */

static void write_text(const char *name, const char *content)
{
    FILE *file = fopen(in_scratch(name), "w");
    ck_assert_ptr_nonnull(file);
    fputs(content, file);
    fclose(file);
}

START_TEST(a_column_by_slices)
{
    const int64_t shape[3] = {3, 8, 8};
    const char *path = in_scratch("a.npy");
    redux_tensor stack;
    redux_dataset *dataset;
    redux_column *column;
    int64_t first;
    ck_assert_redux_ok(redux_tensor_new(&stack, NULL, REDUX_FLOAT32, 3, shape));
    memset(stack.data, 0, 3 * 64 * sizeof(float));
    ck_assert_redux_ok(redux_npy_write(path, NULL, &stack));
    redux_tensor_release(&stack);
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, NULL));
    write_text("t.csv", "file,slice,kind\na.npy,0,10\ngone.npy,0,7\na.npy,1,9\na.npy,2,\n");
    ck_assert_redux_ok(redux_column_read(&column, NULL, dataset, in_scratch("t.csv"), "kind"));
    ck_assert_int_eq(redux_column_count(column), 2);
    ck_assert_str_eq(redux_column_name(column, 0), "9"); /* by number */
    ck_assert_int_eq(redux_column_value(column, 0), 1);
    ck_assert_int_eq(redux_column_value(column, 1), 0);
    ck_assert_int_eq(redux_column_value(column, 2), -1);
    ck_assert_int_eq(redux_column_value(column, 3), -1);
    ck_assert_ptr_null(redux_column_name(column, 2));
    ck_assert_int_eq(redux_column_unused(&first, column), 1);
    ck_assert_int_eq(first, 3);
    redux_column_free(column);
    ck_assert_redux(REDUX_E_NOT_FOUND,
                    redux_column_read(&column, NULL, dataset, in_scratch("t.csv"), "label"));
    write_text("t.csv", "file,slice,kind\na.npy,0,10\na.npy,0,11\n");
    ck_assert_redux(REDUX_E_FORMAT,
                    redux_column_read(&column, NULL, dataset, in_scratch("t.csv"), "kind"));
    redux_dataset_free(dataset);
}
END_TEST

/* A file that has gone since the scan ends the check: it is not called another file. */
START_TEST(checksums_that_fail)
{
    redux_dataset *datasets[2];
    redux_scan *scans[2];
    redux_findings *findings;
    redux_audit_leaks_options options = REDUX_AUDIT_LEAKS_OPTIONS_INIT;
    volumes all = {.count = 0};
    add_volume(&all, "one", 4, 1);
    for (int i = 0; i < 2; i++) {
        const char *path = in_scratch(i == 0 ? "one.npy" : "two.npy");
        ck_assert_redux_ok(redux_npy_write(path, NULL, &all.voxels[0]));
        ck_assert_redux_ok(redux_dataset_open(&datasets[i], NULL, &path, 1, NULL));
        ck_assert_redux_ok(redux_scan_new(&scans[i], NULL, datasets[i], NULL));
    }
    options.against = scans[0];
    ck_assert_redux_ok(redux_audit_leaks(&findings, NULL, scans[1], &options));
    ck_assert_int_eq(count_issue(findings, REDUX_AUDIT_SAME_FILE), 1);
    redux_findings_free(findings);
    ck_assert_int_eq(remove(in_scratch("one.npy")), 0);
    ck_assert_int_ne(redux_audit_leaks(&findings, NULL, scans[1], &options), REDUX_OK);
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "one.npy"));
    for (int i = 0; i < 2; i++) {
        redux_scan_free(scans[i]);
        redux_dataset_free(datasets[i]);
    }
    release_volumes(&all);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("audit");
    TCase *tests = tcase_create("audit");
    scratch_make();
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, the_cut_is_numpys);
    tcase_add_test(tests, suspicion_is_numpys);
    tcase_add_test(tests, suspicion_of_many);
    tcase_add_test(tests, turns_are_pdqs);
    tcase_add_test(tests, ranks_do_not_depend_on_the_scale);
    tcase_add_test(tests, alignment_finds_the_map);
    tcase_add_test(tests, leaks_between_sets);
    tcase_add_test(tests, leaks_between_splits);
    tcase_add_test(tests, similarity_of_two);
    tcase_add_test(tests, candidates_are_the_nearest);
    tcase_add_test(tests, labels_of_copies);
    tcase_add_test(tests, labels_in_conflict);
    tcase_add_test(tests, odd_slices);
    tcase_add_test(tests, turned_neighbours);
    tcase_add_test(tests, extreme_values);
    tcase_add_test(tests, most_slices_are_not_the_volume);
    tcase_add_test(tests, slices_without_numbers_do_not_widen_the_range);
    tcase_add_test(tests, rows_of_zeros_take_no_part);
    tcase_add_test(tests, labels_are_any_numbers);
    tcase_add_test(tests, an_outlier);
    tcase_add_test(tests, effective_slices);
    tcase_add_test(tests, names_of_issues);
    tcase_add_test(tests, checksums_that_fail);
    tcase_add_test(tests, a_column_by_slices);
    suite_add_tcase(suite, tests);
    const int result = run_suite(suite);
    scratch_remove();
    return result;
}
