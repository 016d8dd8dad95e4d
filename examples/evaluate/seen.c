/* SPDX-License-Identifier: MIT
 * Whether pre-training saw what is tested: by fingerprints of pixels, which survive renaming. */
#include "seen.h"
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 16 };

/* What is known of each slice and group of the labels. */
typedef struct marks {
    uint8_t *tested_slice, *tested_group, *seen_group;
    uint64_t *prints; /* [slices] */
} marks;

static int compare_prints(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* 16 hex digits, then a space or the end. */
static bool read_print(uint64_t *out, const char *text)
{
    char digits[DIGITS + 1] = "", *end;
    memcpy(digits, text, DIGITS);
    *out = strtoull(digits, &end, 16);
    return strspn(digits, "0123456789abcdef") == DIGITS &&
           (text[DIGITS] == ' ' || text[DIGITS] == '\0');
}

/* The fingerprints in the metadata's text, sorted; malloc. *valid: false where it is anything
 * else. */
static uint64_t *read_prints(const char *text, size_t *count, bool *valid)
{
    const size_t length = strlen(text);
    *count = (length + 1) / (DIGITS + 1);
    *valid = length == 0 || (length + 1) % (DIGITS + 1) == 0;
    uint64_t *list = malloc((*count + 1) * sizeof *list);
    for (size_t i = 0; list != NULL && *valid && i < *count; i++)
        *valid = read_print(&list[i], text + i * (DIGITS + 1));
    if (list != NULL && *valid)
        qsort(list, *count, sizeof *list, compare_prints);
    return list;
}

static redux_status mark_tested(marks *m, const redux_labels *labels,
                                const redux_evaluation *evaluation)
{
    const int64_t count = redux_evaluation_prediction_count(evaluation);
    for (int64_t i = 0; i < count; i++) {
        redux_evaluation_prediction p = {.struct_size = sizeof p};
        redux_label_row row;
        TRY(redux_evaluation_get_prediction(&p, evaluation, i));
        TRY(redux_labels_get_row(&row, labels, p.row));
        m->tested_slice[row.slice] = 1;
        m->tested_group[row.group] = 1;
    }
    return REDUX_OK;
}

static redux_status mark_seen(marks *m, const redux_labels *labels, const uint64_t *list,
                              size_t count)
{
    for (int64_t i = 0; i < redux_labels_row_count(labels); i++) {
        redux_label_row row;
        TRY(redux_labels_get_row(&row, labels, i));
        const uint64_t *print = &m->prints[row.slice];
        if (*print != 0 && bsearch(print, list, count, sizeof *list, compare_prints) != NULL)
            m->seen_group[row.group] = 1;
    }
    return REDUX_OK;
}

static void count_groups(seen_groups *out, const marks *m, const redux_labels *labels)
{
    for (int64_t g = 0; g < redux_labels_group_count(labels); g++) {
        out->tested += m->tested_group[g];
        out->seen += m->tested_group[g] & m->seen_group[g];
        if (out->example == NULL && m->tested_group[g] && m->seen_group[g])
            out->example = redux_labels_group_name(labels, g);
    }
}

static bool open_marks(marks *m, const redux_labels *labels)
{
    const size_t slices = (size_t)redux_dataset_slice_count(redux_labels_dataset(labels));
    const size_t groups = (size_t)redux_labels_group_count(labels);
    m->tested_slice = calloc(slices + 2 * groups + 1, 1);
    m->prints = calloc(slices + 1, sizeof *m->prints);
    if (m->tested_slice == NULL || m->prints == NULL)
        return false;
    m->tested_group = m->tested_slice + slices;
    m->seen_group = m->tested_group + groups;
    return true;
}

static redux_status look_up(seen_groups *out, marks *m, redux_context *context,
                            const redux_labels *labels, const redux_evaluation *evaluation,
                            const uint64_t *list, size_t count)
{
    if (list == NULL || !open_marks(m, labels))
        return REDUX_E_NO_MEMORY;
    TRY(mark_tested(m, labels, evaluation));
    TRY(redux_dataset_fingerprints(m->prints, context, redux_labels_dataset(labels),
                                   m->tested_slice));
    TRY(mark_seen(m, labels, list, count));
    count_groups(out, m, labels);
    return REDUX_OK;
}

redux_status find_seen_groups(seen_groups *out, redux_context *context,
                              const redux_safetensors *weights, const redux_labels *labels,
                              const redux_evaluation *evaluation)
{
    const seen_groups none = {0, 0, NULL, false};
    const char *text = weights == NULL ? NULL : redux_safetensors_metadata(weights, "seen");
    marks m = {NULL, NULL, NULL, NULL};
    redux_status status = REDUX_OK;
    size_t count;
    bool valid;
    *out = none;
    if (text == NULL)
        return REDUX_OK;
    uint64_t *list = read_prints(text, &count, &valid);
    out->is_damaged = list != NULL && !valid;
    if (!out->is_damaged)
        status = look_up(out, &m, context, labels, evaluation, list, count);
    free(list);
    free(m.tested_slice);
    free(m.prints);
    return status;
}
