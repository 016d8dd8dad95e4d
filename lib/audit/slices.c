/* SPDX-License-Identifier: MIT
 * Slices that show nothing, or something odd, from the figures of the scan. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "audit.h"
#include "metric/metric.h"

#define NEAR 5          /* slices either way that count as the neighbourhood */
#define LEAST_SERIES 8  /* slices that have a usual sharpness and range */
#define MOST_SHARE 0.5  /* of a volume's slices: beyond it, the finding is the volume's */
#define USUAL_SHARE 0.8 /* of a series: the size that so many have is its size */
#define TURNED 70       /* bits of 256: a turned slice is this near to a neighbour */
#define BETTER 50       /* and so many bits nearer than as it is; heads are nearly symmetrical */
#define LEAST_HU 100.0F /* CT: ranges below count as this */
#define SPACING 1.1     /* times */

/* What one check found in a volume. */
typedef struct hit {
    int64_t slice;
    double score;
} hit;

typedef struct slices_job {
    redux_context *context;
    const redux_scan *scan;
    redux_audit_slices_options options;
    redux_findings *findings;
    hit *hits;     /* of one issue in one volume */
    float *sorted; /* room for a volume */
    int64_t hit_count;
} slices_job;

/* A volume at work. */
typedef struct series {
    int64_t volume, first, end; /* slices */
    bool is_ct;
    float low, range; /* of the grey scale that figures are shares of */
} series;

static const rdx_scanned *slice_at(const slices_job *job, int64_t slice)
{
    return &job->scan->slices[slice];
}

/* Whether any value is finite: only then do the figures mean something. */
static bool has_values(const rdx_scanned *slice)
{
    return slice->is_read && slice->figures.low <= slice->figures.high;
}

static series series_of(const slices_job *job, int64_t volume)
{
    const redux_dataset *dataset = job->scan->dataset;
    series s = {.volume = volume,
                .first = rdx_dataset_first_row(dataset, volume),
                .end = rdx_dataset_first_row(dataset, volume + 1),
                .is_ct = job->scan->is_ct[volume],
                .range = 255};
    float low = (float)INFINITY, high = -(float)INFINITY;
    if (dataset->volumes[volume].info.dtype == REDUX_UINT8 &&
        dataset->volumes[volume].info.is_scan == 0)
        return s;
    for (int64_t i = s.first; i < s.end; i++)
        if (has_values(slice_at(job, i))) {
            low = fminf(low, slice_at(job, i)->figures.p1);
            high = fmaxf(high, slice_at(job, i)->figures.p99);
        }
    s.low = low <= high ? low : 0;
    s.range = high > low ? high - low : 1;
    return s;
}

/* ---- one issue in one volume ---- */

static void note(slices_job *job, int64_t slice, double score)
{
    job->hits[job->hit_count++] = (hit){slice, score};
}

/* How many hits make the finding the volume's. Slices that show nothing are dropped by who reads
 * the findings, so a volume shows nothing only if none of its slices shows anything. */
static bool is_of_volume(redux_audit_issue issue, int64_t count, int64_t of)
{
    const bool shows_nothing =
        issue == REDUX_AUDIT_UNREADABLE || issue == REDUX_AUDIT_FLAT || issue == REDUX_AUDIT_AIR;
    return of > 1 && (shows_nothing ? count == of : (double)count > MOST_SHARE * (double)of);
}

/* Most slices: one finding of the volume, with their mean score. */
static redux_status settle(slices_job *job, const series *s, redux_audit_issue issue)
{
    const redux_dataset *dataset = job->scan->dataset;
    const int64_t count = job->hit_count, of = s->end - s->first;
    redux_status status = REDUX_OK;
    job->hit_count = 0;
    if (is_of_volume(issue, count, of)) {
        redux_finding finding = rdx_finding_volume(dataset, issue, s->volume, 0);
        for (int64_t i = 0; i < count; i++)
            finding.score += job->hits[i].score / (double)count;
        finding.found = count;
        finding.of = of;
        return rdx_findings_add(job->findings, &finding);
    }
    for (int64_t i = 0; i < count && status == REDUX_OK; i++) {
        const redux_finding finding =
            rdx_finding_slice(dataset, issue, job->hits[i].slice, job->hits[i].score);
        status = rdx_findings_add(job->findings, &finding);
    }
    return status;
}

/* ---- figures against thresholds ---- */

/* The figure that a check compares, and whether it is a hit. */
typedef bool (*figure_fn)(double *score, const slices_job *job, const series *s,
                          const rdx_scanned *slice);

static bool is_unreadable(double *score, const slices_job *job, const series *s,
                          const rdx_scanned *slice)
{
    (void)job;
    (void)s;
    *score = 1;
    return !slice->is_read;
}

static bool has_not_finite(double *score, const slices_job *job, const series *s,
                           const rdx_scanned *slice)
{
    (void)job;
    (void)s;
    *score = slice->figures.not_finite;
    return slice->figures.not_finite > 0;
}

static double spread_of(const rdx_figures *f)
{
    return f->low > f->high ? 0 : (double)(f->p98 - f->p2);
}

static bool is_flat(double *score, const slices_job *job, const series *s, const rdx_scanned *slice)
{
    const double spread = spread_of(&slice->figures);
    *score = s->is_ct ? spread : spread / (double)s->range;
    return *score < (s->is_ct ? job->options.flat_hu : job->options.flat);
}

static bool is_air(double *score, const slices_job *job, const series *s, const rdx_scanned *slice)
{
    *score = (double)slice->figures.tissue;
    return s->is_ct && *score < job->options.air;
}

/* Darkness, light and contrast are judged on a grey scale, which CT does not have. */
static bool is_dark(double *score, const slices_job *job, const series *s, const rdx_scanned *slice)
{
    *score = (double)((slice->figures.p99 - s->low) / s->range);
    return !s->is_ct && *score < job->options.dark;
}

static bool is_light(double *score, const slices_job *job, const series *s,
                     const rdx_scanned *slice)
{
    *score = (double)((slice->figures.p5 - s->low) / s->range);
    return !s->is_ct && *score > job->options.light;
}

static bool has_low_contrast(double *score, const slices_job *job, const series *s,
                             const rdx_scanned *slice)
{
    double flat;
    *score = spread_of(&slice->figures) / (double)s->range;
    return !s->is_ct && *score < job->options.low_contrast && !is_flat(&flat, job, s, slice);
}

static bool has_low_information(double *score, const slices_job *job, const series *s,
                                const rdx_scanned *slice)
{
    double other;
    *score = (double)slice->figures.entropy;
    return *score < job->options.low_information && !is_flat(&other, job, s, slice) &&
           !is_air(&other, job, s, slice);
}

static bool is_cropped(double *score, const slices_job *job, const series *s,
                       const rdx_scanned *slice)
{
    *score = (double)slice->figures.border;
    return s->is_ct && *score > job->options.cropped;
}

static bool is_padded(double *score, const slices_job *job, const series *s,
                      const rdx_scanned *slice)
{
    const rdx_figures *f = &slice->figures;
    double flat;
    *score = (double)(s->is_ct ? fmaxf(f->margin, f->outside) : f->margin);
    return *score > job->options.padding && !is_flat(&flat, job, s, slice);
}

static redux_status check_figure(slices_job *job, const series *s, redux_audit_issue issue,
                                 figure_fn figure)
{
    for (int64_t i = s->first; i < s->end; i++) {
        double score;
        if ((issue == REDUX_AUDIT_UNREADABLE || slice_at(job, i)->is_read) &&
            figure(&score, job, s, slice_at(job, i)))
            note(job, i, score);
    }
    return settle(job, s, issue);
}

static redux_status check_figures(slices_job *job, const series *s)
{
    static const struct {
        redux_audit_issue issue;
        figure_fn figure;
    } checks[] = {{REDUX_AUDIT_UNREADABLE, is_unreadable},
                  {REDUX_AUDIT_NOT_FINITE, has_not_finite},
                  {REDUX_AUDIT_FLAT, is_flat},
                  {REDUX_AUDIT_AIR, is_air},
                  {REDUX_AUDIT_DARK, is_dark},
                  {REDUX_AUDIT_LIGHT, is_light},
                  {REDUX_AUDIT_LOW_CONTRAST, has_low_contrast},
                  {REDUX_AUDIT_LOW_INFORMATION, has_low_information},
                  {REDUX_AUDIT_CROPPED, is_cropped},
                  {REDUX_AUDIT_PADDING, is_padded}};
    for (int64_t i = 0; i < RDX_COUNT(checks); i++)
        RDX_TRY(check_figure(job, s, checks[i].issue, checks[i].figure));
    return REDUX_OK;
}

/* ---- against the series ---- */

static bool is_informative(const slices_job *job, const series *s, int64_t slice)
{
    double score;
    const rdx_scanned *at = slice_at(job, slice);
    return at->is_read && !is_flat(&score, job, s, at) && !is_air(&score, job, s, at);
}

static int compare_floats(const void *left, const void *right)
{
    const float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

typedef float (*value_fn)(const series *s, const rdx_figures *figures);

static float sharpness_value(const series *s, const rdx_figures *figures)
{
    (void)s;
    return figures->sharpness;
}

static float range_value(const series *s, const rdx_figures *figures)
{
    return fmaxf(figures->p99 - figures->p1, s->is_ct ? LEAST_HU : 0.02F * s->range);
}

/* The middle of what slices first ... end - 1 have; below 0: too few have something. */
static float middle(slices_job *job, const series *s, int64_t first, int64_t end, int64_t least,
                    value_fn value)
{
    int64_t count = 0;
    for (int64_t i = RDX_MAX(first, s->first); i < RDX_MIN(end, s->end); i++)
        if (is_informative(job, s, i))
            job->sorted[count++] = value(s, &slice_at(job, i)->figures);
    if (count < least)
        return -1;
    qsort(job->sorted, (size_t)count, sizeof *job->sorted, compare_floats);
    return job->sorted[count / 2];
}

/* A blurred slice is less sharp than its neighbours and than the volume. */
static redux_status check_blurred(slices_job *job, const series *s)
{
    const float usual = middle(job, s, s->first, s->end, LEAST_SERIES, sharpness_value);
    for (int64_t i = s->first; i < s->end && usual > 0; i++) {
        if (!is_informative(job, s, i))
            continue;
        const float near = middle(job, s, i - NEAR, i + NEAR + 1, 3, sharpness_value);
        const double wanted = (double)fminf(usual, near);
        const double sharpness = (double)slice_at(job, i)->figures.sharpness;
        if (wanted > 0 && sharpness * job->options.blurred <= wanted)
            note(job, i, sharpness > 0 ? wanted / sharpness : (double)INFINITY);
    }
    return settle(job, s, REDUX_AUDIT_BLURRED);
}

static redux_status check_range(slices_job *job, const series *s)
{
    const float usual = middle(job, s, s->first, s->end, LEAST_SERIES, range_value);
    for (int64_t i = s->first; i < s->end && usual > 0; i++) {
        if (!is_informative(job, s, i))
            continue;
        const double near = (double)middle(job, s, i - NEAR, i + NEAR + 1, 3, range_value);
        const double own = (double)range_value(s, &slice_at(job, i)->figures);
        const double times =
            fmin(fmax(own / near, near / own), fmax(own / (double)usual, (double)usual / own));
        if (near > 0 && times >= job->options.range)
            note(job, i, times);
    }
    return settle(job, s, REDUX_AUDIT_ODD_RANGE);
}

static bool same_size(const rdx_scanned *a, const rdx_scanned *b)
{
    return a->height == b->height && a->width == b->width;
}

/* The size that most slices have, by a majority vote (Boyer, Moore 1981), and how many have it. */
static const rdx_scanned *usual_size(const slices_job *job, const series *s, int64_t *count)
{
    const rdx_scanned *usual = NULL;
    int64_t votes = 0;
    for (int64_t i = s->first; i < s->end; i++) {
        if (!slice_at(job, i)->is_read)
            continue;
        if (votes == 0)
            usual = slice_at(job, i);
        votes += same_size(usual, slice_at(job, i)) ? 1 : -1;
    }
    *count = 0;
    for (int64_t i = s->first; i < s->end && usual != NULL; i++)
        *count += slice_at(job, i)->is_read && same_size(usual, slice_at(job, i));
    return usual;
}

static redux_status check_size(slices_job *job, const series *s)
{
    int64_t count;
    const rdx_scanned *usual = usual_size(job, s, &count);
    if (usual == NULL || (double)count < USUAL_SHARE * (double)(s->end - s->first))
        return REDUX_OK;
    for (int64_t i = s->first; i < s->end; i++) {
        const rdx_scanned *at = slice_at(job, i);
        const double area = (double)at->height * at->width;
        if (at->is_read && !same_size(usual, at))
            note(job, i, area / ((double)usual->height * usual->width));
    }
    return settle(job, s, REDUX_AUDIT_ODD_SIZE);
}

/* ---- orientation ---- */

/* A slice, turned, and the slices about it as they are. */
typedef struct turn_match {
    int32_t least,
        second;         /* distances; the second one decides, for a neighbour may be turned too */
    int32_t nearer, of; /* neighbours that are nearer than to the slice as it is */
} turn_match;

static void match_neighbour(turn_match *match, const rdx_thumb *slice, const rdx_thumb *neighbour,
                            int32_t turn)
{
    const uint8_t *code = neighbour->turns[0];
    const int32_t distance = rdx_hamming_bytes(slice->turns[turn], code, REDUX_PDQ_BYTES);
    match->second = distance < match->least ? match->least : RDX_MIN(match->second, distance);
    match->least = RDX_MIN(match->least, distance);
    match->nearer += distance < rdx_hamming_bytes(slice->turns[0], code, REDUX_PDQ_BYTES);
    match->of++;
}

static turn_match match_neighbours(const slices_job *job, const series *s, int64_t slice,
                                   int32_t turn)
{
    const rdx_thumb *thumbs = job->scan->thumbs;
    turn_match match = {INT32_MAX, INT32_MAX, 0, 0};
    for (int64_t i = RDX_MAX(slice - 2, s->first); i < RDX_MIN(slice + 3, s->end); i++)
        if (i != slice && is_informative(job, s, i) && job->scan->slices[i].has_thumb)
            match_neighbour(&match, &thumbs[slice], &thumbs[i], turn);
    return match;
}

/* Most of the slices about it must be nearer to it turned: else they may be the turned ones. */
static redux_status check_orientation(slices_job *job, const series *s)
{
    for (int64_t i = s->first; i < s->end; i++) {
        turn_match best = {.second = INT32_MAX};
        int32_t turn = 0;
        if (!is_informative(job, s, i) || !job->scan->slices[i].has_thumb)
            continue;
        const int32_t as_it_is = match_neighbours(job, s, i, 0).second;
        for (int32_t t = 1; t < REDUX_DIHEDRAL_COUNT; t++) {
            const turn_match match = match_neighbours(job, s, i, t);
            if (match.second >= best.second)
                continue;
            best = match;
            turn = t;
        }
        if (best.second > TURNED || best.second + BETTER > as_it_is || 2 * best.nearer <= best.of)
            continue;
        redux_finding finding = rdx_finding_slice(job->scan->dataset, REDUX_AUDIT_ORIENTATION, i,
                                                  (double)(as_it_is - best.second));
        finding.turn = turn;
        RDX_TRY(rdx_findings_add(job->findings, &finding));
    }
    return REDUX_OK;
}

/* ---- spacing ---- */

static bool same_spacing(const double *a, const double *b)
{
    for (int i = 0; i < 3; i++)
        if (a[i] > b[i] * SPACING || b[i] > a[i] * SPACING)
            return false;
    return true;
}

typedef struct spaced {
    const double *spacing;
    int64_t volume;
} spaced;

static int compare_spacings(const void *left, const void *right)
{
    const spaced *a = left, *b = right;
    for (int i = 0; i < 3; i++)
        if (a->spacing[i] > b->spacing[i] || a->spacing[i] < b->spacing[i])
            return a->spacing[i] > b->spacing[i] ? 1 : -1;
    return (a->volume > b->volume) - (a->volume < b->volume);
}

/* The volumes that have slices in a group. */
static int64_t list_volumes(spaced *list, const redux_dataset *dataset, int64_t group)
{
    const rdx_groups *groups = &dataset->groups;
    int64_t count = 0;
    for (int64_t i = groups->start[group]; i < groups->start[group + 1]; i++) {
        const int64_t volume = rdx_dataset_volume_of(dataset, groups->rows[i]);
        if (count == 0 || list[count - 1].volume != volume)
            list[count++] = (spaced){dataset->volumes[volume].info.spacing, volume};
    }
    return count;
}

static int64_t count_spacing(const spaced *list, int64_t count, const double *spacing)
{
    int64_t same = 0;
    for (int64_t i = 0; i < count; i++)
        same += same_spacing(list[i].spacing, spacing);
    return same;
}

/* Each spacing is counted once, however many volumes have it. */
static redux_status check_group_spacing(slices_job *job, spaced *list, int64_t group)
{
    const redux_dataset *dataset = job->scan->dataset;
    const int64_t count = list_volumes(list, dataset, group);
    int64_t same = 0;
    if (count < 3)
        return REDUX_OK;
    qsort(list, (size_t)count, sizeof *list, compare_spacings);
    for (int64_t i = 0; i < count; i++) {
        const int64_t volume = list[i].volume, first = rdx_dataset_first_row(dataset, volume);
        if (i == 0 || memcmp(list[i].spacing, list[i - 1].spacing, 3 * sizeof(double)) != 0)
            same = count_spacing(list, count, list[i].spacing);
        if (2 * same >= count || list[i].spacing[1] <= 0 ||
            rdx_dataset_group_of(dataset, first) != group)
            continue;
        const redux_finding finding =
            rdx_finding_volume(dataset, REDUX_AUDIT_ODD_SPACING, volume, list[i].spacing[0]);
        RDX_TRY(rdx_findings_add(job->findings, &finding));
    }
    return REDUX_OK;
}

static redux_status check_spacings(slices_job *job)
{
    const redux_dataset *dataset = job->scan->dataset;
    redux_status status = REDUX_OK;
    void *block;
    if (!rdx_dataset_is_grouped(dataset))
        return REDUX_OK;
    RDX_TRY(rdx_alloc(job->context, &block, (uint64_t)job->scan->count, sizeof(spaced)));
    for (int64_t g = 0; g < redux_dataset_group_count(dataset) && status == REDUX_OK; g++)
        status = check_group_spacing(job, block, g);
    rdx_free(block);
    return status;
}

/* ---- the whole ---- */

static redux_status check_volume(slices_job *job, int64_t volume)
{
    const series s = series_of(job, volume);
    RDX_TRY(check_figures(job, &s));
    RDX_TRY(check_blurred(job, &s));
    RDX_TRY(check_range(job, &s));
    RDX_TRY(check_size(job, &s));
    RDX_TRY(check_orientation(job, &s));
    return rdx_progress_add(job->context, s.end - s.first);
}

/* Inputs that were left out when a dataset was opened. */
static redux_status add_skipped(slices_job *job, const redux_dataset *dataset, bool is_against)
{
    for (int64_t i = 0; i < redux_dataset_skipped_count(dataset); i++) {
        const redux_finding finding = rdx_finding_skipped(i, is_against);
        RDX_TRY(rdx_findings_add(job->findings, &finding));
    }
    return REDUX_OK;
}

static redux_status add_unread(slices_job *job)
{
    const redux_scan *against = job->options.against;
    RDX_TRY(add_skipped(job, job->scan->dataset, false));
    if (against == NULL)
        return REDUX_OK;
    RDX_TRY(add_skipped(job, against->dataset, true));
    for (int64_t i = 0; i < against->count; i++) {
        const redux_finding finding = rdx_finding_unread(against->dataset, i);
        if (!against->slices[i].is_read)
            RDX_TRY(rdx_findings_add(job->findings, &finding));
    }
    return REDUX_OK;
}

static redux_status run(slices_job *job)
{
    const redux_dataset *dataset = job->scan->dataset;
    redux_status status = REDUX_OK;
    void *block;
    RDX_TRY(rdx_findings_new(&job->findings, job->context));
    RDX_TRY(add_unread(job));
    RDX_TRY(rdx_alloc(job->context, &block, (uint64_t)job->scan->count, sizeof(hit)));
    job->hits = block;
    RDX_TRY(rdx_alloc(job->context, &block, (uint64_t)job->scan->count, sizeof(float)));
    job->sorted = block;
    rdx_progress_begin(job->context, job->scan->count);
    for (int64_t v = 0; v < dataset->count && status == REDUX_OK; v++)
        status = check_volume(job, v);
    rdx_progress_begin(job->context, 0);
    if (status == REDUX_OK)
        status = check_spacings(job);
    if (status == REDUX_OK)
        rdx_findings_sort(job->findings, false);
    return status;
}

redux_status redux_audit_slices(redux_findings **out, redux_context *context,
                                const redux_scan *scan, const redux_audit_slices_options *options)
{
    slices_job job = {.context = context, .scan = scan, .options = REDUX_AUDIT_SLICES_OPTIONS_INIT};
    if (out == NULL || scan == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_audit_slices: an argument is NULL");
    RDX_TRY(
        rdx_read_options(&job.options, sizeof job.options, options, "redux_audit_slices_options"));
    const redux_status status = run(&job);
    rdx_free(job.hits);
    rdx_free(job.sorted);
    if (status != REDUX_OK) {
        redux_findings_free(job.findings);
        return status;
    }
    *out = job.findings;
    return REDUX_OK;
}
