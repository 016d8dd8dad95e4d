/* SPDX-License-Identifier: MIT
 * Near-duplicates between splits, by two perceptual hashes that must agree. */
#include <string.h>
#include <redux/hash_list.h>
#include <redux/index.h>
#include "labels.h"
#include "metric/metric.h"

struct redux_leakage {
    redux_leakage_options options;
    redux_leakage_summary summary;
    redux_leak *worst; /* [options.worst] */
    int64_t worst_count;
};

/* Codes of all slices of the dataset, and the rows to compare. */
typedef struct search {
    redux_leakage *out;
    const redux_labels *labels;
    const uint8_t *part; /* of each row: split or fold; `parts` or more: none */
    int parts;
    bool folds;
    redux_hash_list *difference, *pdq;
    redux_tensor difference_codes, pdq_codes;
    int of;           /* whose rows are the queries */
    int64_t *queries; /* rows of them */
    int64_t count, last;
} search;

static redux_status hash_all(redux_hash_list **list, redux_tensor *codes, redux_context *context,
                             const redux_labels *labels, redux_hash hash,
                             redux_hash_profile profile)
{
    const redux_window window = {REDUX_WINDOW_AUTO, 0, 0};
    redux_hash_options options = REDUX_HASH_OPTIONS_INIT;
    options.hash = hash;
    options.profile = profile;
    RDX_TRY(redux_hash_list_new(list, context, &options));
    RDX_TRY(redux_hash_list_add_dataset(*list, context, labels->dataset, window, 1));
    return redux_hash_list_get_codes(codes, *list);
}

static bool is_flat(const search *s, int64_t row)
{
    redux_hash_item item;
    return redux_hash_list_get_item(&item, s->difference, s->labels->rows[row].slice) != REDUX_OK ||
           item.info.flags != 0;
}

static const uint8_t *code_of(const redux_tensor *codes, const redux_labels *labels, int64_t row)
{
    return (const uint8_t *)codes->data + labels->rows[row].slice * codes->strides[0];
}

static bool is_worse(const redux_leak *a, const redux_leak *b)
{
    if (a->distance != b->distance)
        return a->distance < b->distance;
    if (a->pdq_distance != b->pdq_distance)
        return a->pdq_distance < b->pdq_distance;
    return a->row != b->row ? a->row < b->row : a->of_row < b->of_row;
}

static void note_pair(redux_leakage *out, const redux_leak *leak)
{
    int64_t at = out->worst_count;
    out->summary.pairs++;
    while (at > 0 && is_worse(leak, &out->worst[at - 1]))
        at--;
    if (at == out->options.worst)
        return;
    out->worst_count += out->worst_count < out->options.worst;
    memmove(&out->worst[at + 1], &out->worst[at],
            (size_t)(out->worst_count - at - 1) * sizeof *out->worst);
    out->worst[at] = *leak;
}

/* Queries come one after the other. */
static int on_found(int64_t query, int64_t id, double score, void *user)
{
    search *s = user;
    redux_leak leak = {.struct_size = sizeof leak,
                       .row = s->queries[query],
                       .of_row = id,
                       .distance = (int32_t)score};
    leak.pdq_distance =
        rdx_hamming_bytes(code_of(&s->pdq_codes, s->labels, leak.row),
                          code_of(&s->pdq_codes, s->labels, id), s->pdq_codes.shape[1]);
    if (leak.pdq_distance > s->out->options.pdq_distance)
        return 0;
    note_pair(s->out, &leak);
    if (leak.row != s->last) {
        s->last = leak.row;
        s->out->summary.validation += !s->folds && s->of == REDUX_SPLIT_VALIDATION;
        s->out->summary.test += s->folds || s->of == REDUX_SPLIT_TEST;
    }
    return 0;
}

/* The rows of a part, and their codes one after the other. */
static int64_t gather(const search *s, int64_t *rows, uint8_t *codes, int part)
{
    const int64_t bytes = s->difference_codes.shape[1];
    int64_t count = 0;
    for (int64_t i = 0; i < s->labels->count; i++)
        if (s->part[i] == part && !is_flat(s, i)) {
            memcpy(codes + count * bytes, code_of(&s->difference_codes, s->labels, i),
                   (size_t)bytes);
            rows[count++] = i;
        }
    return count;
}

static redux_status search_part(search *s, redux_context *context, redux_index *index,
                                uint8_t *codes, int part)
{
    const int64_t bytes = s->difference_codes.shape[1];
    redux_tensor queries;
    s->of = part;
    s->last = -1;
    s->count = gather(s, s->queries, codes, part);
    const int64_t shape[2] = {s->count, bytes};
    if (s->count == 0)
        return REDUX_OK;
    RDX_TRY(redux_tensor_borrow(&queries, codes, REDUX_UINT8, 2, shape, NULL));
    if (redux_index_count(index) > 0)
        RDX_TRY(
            redux_index_within(context, index, &queries, s->out->options.distance, on_found, s));
    s->out->summary.compared += redux_index_count(index) * s->count;
    return redux_index_add(index, context, &queries, s->queries);
}

/* The rows of the first part enter the index. Then each part is looked up in it and added. */
static redux_status search_all(search *s, redux_context *context)
{
    const int64_t bytes = s->difference_codes.shape[1];
    redux_index *index = NULL;
    void *rows, *codes;
    RDX_TRY(rdx_alloc(context, &rows, (uint64_t)s->labels->count, sizeof(int64_t)));
    s->queries = rows;
    redux_status status = rdx_alloc(context, &codes, (uint64_t)s->labels->count, (uint64_t)bytes);
    if (status == REDUX_OK)
        status = redux_index_new(&index, context, bytes, NULL);
    for (int part = 0; part < s->parts && status == REDUX_OK; part++)
        status = search_part(s, context, index, codes, part);
    redux_index_free(index);
    rdx_free(codes);
    rdx_free(rows);
    return status;
}

static redux_status hash_and_search(search *s, redux_context *context)
{
    redux_status status = hash_all(&s->difference, &s->difference_codes, context, s->labels,
                                   REDUX_HASH_DIFFERENCE, REDUX_PROFILE_IMAGEHASH);
    if (status == REDUX_OK)
        status =
            hash_all(&s->pdq, &s->pdq_codes, context, s->labels, REDUX_HASH_PDQ, REDUX_PROFILE_PDQ);
    for (int64_t i = 0; i < s->labels->count && status == REDUX_OK; i++)
        s->out->summary.flat += s->part[i] < s->parts && is_flat(s, i);
    if (status == REDUX_OK)
        status = search_all(s, context);
    redux_tensor_release(&s->difference_codes);
    redux_tensor_release(&s->pdq_codes);
    redux_hash_list_free(s->difference);
    redux_hash_list_free(s->pdq);
    return status;
}

static redux_status new_leakage(redux_leakage **out, redux_context *context,
                                const redux_leakage_options *options)
{
    redux_leakage_options known = REDUX_LEAKAGE_OPTIONS_INIT;
    void *block;
    RDX_TRY(rdx_read_options(&known, sizeof known, options, "redux_leakage_options"));
    if (known.distance < 0 || known.pdq_distance < 0 || known.worst < 0)
        return rdx_fail(REDUX_E_INVALID,
                        "redux_leakage_options: distance %d, pdq_distance %d, worst %lld",
                        (int)known.distance, (int)known.pdq_distance, (long long)known.worst);
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_leakage)));
    redux_leakage *made = block;
    made->options = known;
    made->summary.struct_size = sizeof made->summary;
    const redux_status status =
        rdx_alloc_zero(context, &block, (uint64_t)known.worst, sizeof *made->worst);
    if (status != REDUX_OK) {
        redux_leakage_free(made);
        return status;
    }
    made->worst = block;
    *out = made;
    return REDUX_OK;
}

static redux_status leakage(redux_leakage **out, redux_context *context, const redux_labels *labels,
                            const uint8_t *part, int parts, bool folds,
                            const redux_leakage_options *options)
{
    const redux_tensor none = REDUX_TENSOR_INIT;
    redux_leakage *made = NULL;
    RDX_TRY(new_leakage(&made, context, options));
    search s = {.out = made,
                .labels = labels,
                .part = part,
                .parts = parts,
                .folds = folds,
                .difference_codes = none,
                .pdq_codes = none};
    const redux_status status = hash_and_search(&s, context);
    if (status == REDUX_OK)
        *out = made;
    else
        redux_leakage_free(made);
    return status;
}

redux_status redux_labels_find_leakage(redux_leakage **out, redux_context *context,
                                       const redux_labels *labels, const uint8_t *split,
                                       const redux_leakage_options *options)
{
    if (out == NULL || labels == NULL || split == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_labels_find_leakage: an argument is NULL");
    return leakage(out, context, labels, split, REDUX_SPLIT_TEST + 1, false, options);
}

redux_status rdx_labels_leakage_of_folds(redux_leakage **out, redux_context *context,
                                         const redux_labels *labels, const uint8_t *fold, int folds)
{
    return leakage(out, context, labels, fold, folds, true, NULL);
}

void redux_leakage_free(redux_leakage *leakage)
{
    if (leakage == NULL)
        return;
    rdx_free(leakage->worst);
    rdx_free(leakage);
}

redux_status redux_leakage_get_summary(redux_leakage_summary *out, const redux_leakage *leakage)
{
    if (leakage == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_leakage_get_summary: leakage is NULL");
    return rdx_write_result(out, &leakage->summary, sizeof leakage->summary,
                            "redux_leakage_summary");
}

int64_t redux_leakage_worst_count(const redux_leakage *leakage)
{
    return leakage == NULL ? 0 : leakage->worst_count;
}

redux_status redux_leakage_get_worst(redux_leak *out, const redux_leakage *leakage, int64_t index)
{
    if (index < 0 || index >= redux_leakage_worst_count(leakage))
        return rdx_fail(REDUX_E_INVALID, "there is no pair %lld: there are %lld", (long long)index,
                        (long long)redux_leakage_worst_count(leakage));
    return rdx_write_result(out, &leakage->worst[index], sizeof *out, "redux_leak");
}
