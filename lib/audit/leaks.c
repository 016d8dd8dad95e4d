/* SPDX-License-Identifier: MIT
 * Leaks: the slices of a set, or of a split, that another one has already; then what that says of
 * volumes and groups. */
#include <stdlib.h>
#include <string.h>
#include <redux/labels.h>
#include "audit.h"

#define WHOLE 0.9  /* share of a volume's slices from which it is called a copy or a part */
#define LONGER 1.2 /* times as many slices: the other is the whole of which this is a part */

#define WEAK 0.85 /* of the threshold: from here on a twin counts beside a certain one */
#define NEAR 2    /* slices beside it */

typedef struct leak_job {
    redux_context *context;
    const redux_scan *scan, *other;
    redux_audit_leaks_options options;
    rdx_item *references, *queries; /* room for all slices each */
    int64_t reference_count, query_count;
    rdx_twin *twins;   /* of the queries at work */
    int64_t *other_of; /* of each slice of the dataset: its twin's number, or -1 */
    double *score_of;  /* of each slice */
    int32_t *turn_of;
    uint8_t *asked; /* slices that were compared */
    redux_findings *findings;
} leak_job;

static redux_status allocate(leak_job *job)
{
    const uint64_t slices = (uint64_t)job->scan->count, others = (uint64_t)job->other->count;
    void *block;
    RDX_TRY(rdx_alloc(job->context, &block, slices + others, sizeof(rdx_item)));
    job->queries = block;
    job->references = job->queries + slices;
    RDX_TRY(rdx_alloc(job->context, &block, slices, sizeof(rdx_twin)));
    job->twins = block;
    RDX_TRY(rdx_alloc(job->context, &block, slices, sizeof(int64_t)));
    job->other_of = block;
    RDX_TRY(rdx_alloc_zero(job->context, &block, slices, sizeof(double)));
    job->score_of = block;
    RDX_TRY(rdx_alloc_zero(job->context, &block, slices, sizeof(int32_t)));
    job->turn_of = block;
    RDX_TRY(rdx_alloc_zero(job->context, &block, slices, 1));
    job->asked = block;
    for (int64_t i = 0; i < job->scan->count; i++)
        job->other_of[i] = -1;
    return rdx_findings_new(&job->findings, job->context);
}

static void release(leak_job *job)
{
    rdx_free(job->queries);
    rdx_free(job->twins);
    rdx_free(job->other_of);
    rdx_free(job->score_of);
    rdx_free(job->turn_of);
    rdx_free(job->asked);
}

/* ---- slices ---- */

static redux_status look_up(leak_job *job)
{
    const rdx_twins_options options = {WEAK * job->options.threshold, job->options.candidates,
                                       false, NULL};
    RDX_TRY(rdx_twins(job->twins, job->context, job->queries, job->query_count, job->references,
                      job->reference_count, &options));
    for (int64_t i = 0; i < job->query_count; i++) {
        const int64_t slice = job->queries[i].slice;
        job->asked[slice] = rdx_scan_comparable(job->scan, slice);
        if (job->twins[i].at < 0)
            continue;
        job->other_of[slice] = job->references[job->twins[i].at].slice;
        job->score_of[slice] = job->twins[i].score;
        job->turn_of[slice] = job->twins[i].turn;
    }
    return REDUX_OK;
}

/* Whether a slice beside this one has a twin for certain, beside this one's twin. */
static bool is_confirmed(const leak_job *job, int64_t slice)
{
    const redux_dataset *own = job->scan->dataset, *other = job->other->dataset;
    const int64_t volume = rdx_dataset_volume_of(own, slice), twin = job->other_of[slice];
    const int64_t first = RDX_MAX(slice - NEAR, rdx_dataset_first_row(own, volume));
    const int64_t end = RDX_MIN(slice + NEAR + 1, rdx_dataset_first_row(own, volume + 1));
    for (int64_t i = first; i < end; i++)
        if (job->other_of[i] >= 0 && job->score_of[i] >= job->options.threshold &&
            job->other_of[i] - twin <= 2 * NEAR && twin - job->other_of[i] <= 2 * NEAR &&
            rdx_dataset_volume_of(other, job->other_of[i]) == rdx_dataset_volume_of(other, twin))
            return true;
    return false;
}

/* Noise and narrow windows leave some slices of a copied series below the threshold. */
static void drop_weak(leak_job *job)
{
    for (int64_t i = 0; i < job->scan->count; i++)
        if (job->other_of[i] >= 0 && job->score_of[i] < job->options.threshold &&
            !is_confirmed(job, i))
            job->turn_of[i] = -1; /* still a twin, so that others are judged as before */
    for (int64_t i = 0; i < job->scan->count; i++)
        if (job->turn_of[i] < 0) {
            job->other_of[i] = -1;
            job->turn_of[i] = 0;
        }
}

static redux_status nothing_on(const char *side)
{
    return rdx_fail(REDUX_E_INVALID, "redux_audit_leaks: no slices %s", side);
}

static redux_status look_up_sets(leak_job *job)
{
    for (int64_t i = 0; i < job->scan->count; i++)
        job->queries[job->query_count++] = (rdx_item){job->scan, i};
    for (int64_t i = 0; i < job->other->count; i++)
        job->references[job->reference_count++] = (rdx_item){job->other, i};
    if (job->query_count == 0 || job->reference_count == 0)
        return nothing_on("on one side");
    return look_up(job);
}

/* Validation in training, then test in both. */
static redux_status look_up_splits(leak_job *job)
{
    int64_t asked = 0;
    for (int split = REDUX_SPLIT_TRAIN; split <= REDUX_SPLIT_TEST; split++) {
        job->query_count = 0;
        for (int64_t i = 0; i < job->scan->count; i++)
            if (job->options.split[i] == split)
                job->queries[job->query_count++] = (rdx_item){job->scan, i};
        if (job->query_count > 0 && job->reference_count > 0)
            RDX_TRY(look_up(job));
        asked += job->reference_count > 0 ? job->query_count : 0;
        memcpy(job->references + job->reference_count, job->queries,
               (size_t)job->query_count * sizeof *job->queries);
        job->reference_count += job->query_count;
    }
    return asked > 0 ? REDUX_OK : nothing_on("in two splits");
}

static redux_status add_slices(leak_job *job)
{
    for (int64_t i = 0; i < job->scan->count; i++) {
        if (job->other_of[i] < 0)
            continue;
        redux_finding finding = rdx_finding_slice(
            job->scan->dataset,
            job->score_of[i] >= 1 ? REDUX_AUDIT_SAME_PIXELS : REDUX_AUDIT_NEAR_DUPLICATE, i,
            job->score_of[i]);
        rdx_finding_set_other(&finding, job->other->dataset, job->other_of[i],
                              job->options.against != NULL);
        finding.turn = job->turn_of[i];
        RDX_TRY(rdx_findings_add(job->findings, &finding));
    }
    return REDUX_OK;
}

/* ---- volumes and groups ---- */

/* A slice that was found, by what it belongs to: volumes, or groups. */
typedef struct link {
    int64_t own, other, slice;
} link;

static int compare_links(const void *left, const void *right)
{
    const link *a = left, *b = right;
    const int64_t x[] = {a->own, a->other, a->slice}, y[] = {b->own, b->other, b->slice};
    for (int64_t i = 0; i < RDX_COUNT(x); i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

/* The volume or group of a slice. */
typedef int64_t (*owner_fn)(const redux_dataset *dataset, int64_t slice);

static redux_status count_owners(int64_t **out, leak_job *job, const redux_scan *scan,
                                 owner_fn owner, int64_t owners, const uint8_t *asked)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(job->context, &block, (uint64_t)owners, sizeof(int64_t)));
    *out = block;
    for (int64_t i = 0; i < scan->count; i++)
        if (asked == NULL ? rdx_scan_comparable(scan, i) : asked[i] != 0)
            (*out)[owner(scan->dataset, i)]++;
    return REDUX_OK;
}

/* `known` is false where a function gives the voxels and nothing identifies them. */
static redux_status find_checksum(uint32_t *out, bool *known, const leak_job *job,
                                  const redux_dataset *dataset, int64_t volume)
{
    const redux_status status = redux_dataset_checksum(out, job->context, dataset, volume);
    *known = status == REDUX_OK;
    return status == REDUX_E_UNSUPPORTED ? REDUX_OK : status;
}

/* Whether all pixels are the same, slice by slice in one order, and so are the bytes of the files.
 */
static redux_status is_same_file(bool *out, const leak_job *job, const link *links, int64_t count)
{
    const redux_dataset *own = job->scan->dataset, *other = job->other->dataset;
    const int64_t v = links[0].own, w = links[0].other;
    uint32_t first, second;
    bool known, other_known;
    *out = own->volumes[v].info.slices == other->volumes[w].info.slices &&
           own->volumes[v].info.bytes == other->volumes[w].info.bytes;
    for (int64_t i = 0; i < count && *out; i++)
        *out = job->score_of[links[i].slice] >= 1;
    if (!*out || own->volumes[v].info.bytes == 0)
        return REDUX_OK;
    RDX_TRY(find_checksum(&first, &known, job, own, v));
    RDX_TRY(find_checksum(&second, &other_known, job, other, w));
    *out = known && other_known && first == second;
    return REDUX_OK;
}

static redux_status add_volume(leak_job *job, const link *links, int64_t count, int64_t of,
                               int64_t of_other)
{
    const double share = (double)count / (double)of;
    redux_finding finding =
        rdx_finding_volume(job->scan->dataset, REDUX_AUDIT_VOLUME_OVERLAP, links[0].own, share);
    bool same_file = false;
    if (share >= WHOLE) {
        RDX_TRY(is_same_file(&same_file, job, links, count));
        finding.issue = same_file                                 ? REDUX_AUDIT_SAME_FILE
                        : (double)of_other >= LONGER * (double)of ? REDUX_AUDIT_VOLUME_PART
                                                                  : REDUX_AUDIT_VOLUME_COPY;
    }
    rdx_finding_set_other(&finding, job->other->dataset, job->other_of[links[0].slice],
                          job->options.against != NULL);
    finding.other_slice = -1;
    finding.turn = job->turn_of[links[0].slice];
    finding.found = count;
    finding.of = of;
    return rdx_findings_add(job->findings, &finding);
}

static redux_status add_group(leak_job *job, const link *links, int64_t count, int64_t of,
                              int64_t of_other)
{
    redux_finding finding =
        rdx_finding_group(REDUX_AUDIT_GROUP_LEAK, links[0].own, (double)count / (double)of);
    (void)of_other;
    finding.other_is_against = job->options.against != NULL;
    finding.other_group = links[0].other;
    finding.turn = job->turn_of[links[0].slice];
    finding.found = count;
    finding.of = of;
    return rdx_findings_add(job->findings, &finding);
}

typedef redux_status (*add_fn)(leak_job *job, const link *links, int64_t count, int64_t of,
                               int64_t of_other);

/* Links of one pair of owners make a finding. */
static redux_status add_links(leak_job *job, link *links, int64_t count, const int64_t *of,
                              const int64_t *of_other, add_fn add)
{
    qsort(links, (size_t)count, sizeof *links, compare_links);
    for (int64_t first = 0, end; first < count; first = end) {
        end = first + 1;
        while (end < count && links[end].own == links[first].own &&
               links[end].other == links[first].other)
            end++;
        RDX_TRY(add(job, links + first, end - first, of[links[first].own],
                    of_other[links[first].other]));
    }
    return REDUX_OK;
}

static redux_status add_owners(leak_job *job, owner_fn owner, int64_t owners, int64_t other_owners,
                               add_fn add)
{
    int64_t *of = NULL, *of_other = NULL, count = 0;
    void *block;
    RDX_TRY(rdx_alloc(job->context, &block, (uint64_t)job->scan->count + 1, sizeof(link)));
    link *links = block;
    for (int64_t i = 0; i < job->scan->count; i++)
        if (job->other_of[i] >= 0)
            links[count++] = (link){owner(job->scan->dataset, i),
                                    owner(job->other->dataset, job->other_of[i]), i};
    redux_status status = count_owners(&of, job, job->scan, owner, owners, job->asked);
    if (status == REDUX_OK)
        status = count_owners(&of_other, job, job->other, owner, other_owners, NULL);
    if (status == REDUX_OK)
        status = add_links(job, links, count, of, of_other, add);
    rdx_free(of);
    rdx_free(of_other);
    rdx_free(links);
    return status;
}

/* ---- groups by their names ---- */

static redux_status add_shared(leak_job *job, int64_t group, int64_t other)
{
    redux_finding finding = rdx_finding_group(REDUX_AUDIT_SHARED_GROUP, group, 1);
    finding.other_is_against = job->options.against != NULL;
    finding.other_group = other;
    return rdx_findings_add(job->findings, &finding);
}

/* The other set's groups by name. */
typedef struct named {
    const char *name;
    int64_t group;
} named;

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const named *)a)->name, ((const named *)b)->name);
}

static redux_status share_by_name(leak_job *job)
{
    const redux_dataset *own = job->scan->dataset, *other = job->other->dataset;
    const size_t count = (size_t)redux_dataset_group_count(other);
    void *block;
    redux_status status = REDUX_OK;
    RDX_TRY(rdx_alloc(job->context, &block, count, sizeof(named)));
    named *names = block;
    for (size_t g = 0; g < count; g++)
        names[g] = (named){redux_dataset_group_name(other, (int64_t)g), (int64_t)g};
    qsort(names, count, sizeof *names, compare_names);
    for (int64_t g = 0; g < redux_dataset_group_count(own) && status == REDUX_OK; g++) {
        const named wanted = {redux_dataset_group_name(own, g), g};
        const named *found = bsearch(&wanted, names, count, sizeof *names, compare_names);
        if (found != NULL)
            status = add_shared(job, g, found->group);
    }
    rdx_free(names);
    return status;
}

/* Groups with slices in two splits. */
static redux_status share_by_split(leak_job *job)
{
    const redux_dataset *dataset = job->scan->dataset;
    const int64_t groups = redux_dataset_group_count(dataset);
    void *block;
    redux_status status = REDUX_OK;
    RDX_TRY(rdx_alloc_zero(job->context, &block, (uint64_t)groups, 1));
    uint8_t *splits = block; /* a bit for each split */
    for (int64_t i = 0; i < job->scan->count; i++)
        if (job->options.split[i] <= REDUX_SPLIT_TEST)
            splits[rdx_dataset_group_of(dataset, i)] |= (uint8_t)(1 << job->options.split[i]);
    for (int64_t g = 0; g < groups && status == REDUX_OK; g++)
        if ((splits[g] & (splits[g] - 1)) != 0)
            status = add_shared(job, g, g);
    rdx_free(splits);
    return status;
}

/* ---- the whole ---- */

static redux_status run(leak_job *job)
{
    const redux_dataset *own = job->scan->dataset, *other = job->other->dataset;
    const bool sets = job->options.against != NULL;
    RDX_TRY(allocate(job));
    RDX_TRY(sets ? look_up_sets(job) : look_up_splits(job));
    drop_weak(job);
    if (!sets)
        RDX_TRY(share_by_split(job));
    else if (rdx_dataset_is_grouped(own) && rdx_dataset_is_grouped(other))
        RDX_TRY(share_by_name(job));
    RDX_TRY(add_owners(job, rdx_dataset_group_of, redux_dataset_group_count(own),
                       redux_dataset_group_count(other), add_group));
    RDX_TRY(add_owners(job, rdx_dataset_volume_of, own->count, other->count, add_volume));
    RDX_TRY(add_slices(job));
    rdx_findings_sort(job->findings, true);
    return REDUX_OK;
}

redux_status redux_audit_leaks(redux_findings **out, redux_context *context, const redux_scan *scan,
                               const redux_audit_leaks_options *options)
{
    leak_job job = {.context = context, .scan = scan, .options = REDUX_AUDIT_LEAKS_OPTIONS_INIT};
    if (out == NULL || scan == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_audit_leaks: an argument is NULL");
    RDX_TRY(
        rdx_read_options(&job.options, sizeof job.options, options, "redux_audit_leaks_options"));
    if ((job.options.against == NULL) == (job.options.split == NULL))
        return rdx_fail(REDUX_E_INVALID,
                        "redux_audit_leaks: set either against, another set, or split");
    const rdx_twins_options twins = {job.options.threshold, job.options.candidates, false, NULL};
    RDX_TRY(rdx_twins_check(&twins, "redux_audit_leaks_options"));
    job.other = job.options.against != NULL ? job.options.against : scan;
    redux_status status = run(&job);
    release(&job);
    if (status != REDUX_OK) {
        redux_findings_free(job.findings);
        return status;
    }
    *out = job.findings;
    return REDUX_OK;
}
