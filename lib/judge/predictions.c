/* SPDX-License-Identifier: MIT
 * Predictions as CSV, and the comparison of two such files. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <redux/file.h>
#include "evaluate.h"
#include "io/io.h"

/* ---- writing ---- */

/* Quoted where RFC 4180 requires it. */
static void put_field(FILE *stream, const char *before, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fprintf(stream, "%s%s", before, text);
        return;
    }
    fprintf(stream, "%s\"", before);
    for (; *text != '\0'; text++)
        fprintf(stream, *text == '"' ? "\"\"" : "%c", *text);
    fputc('"', stream);
}

static void put_header(FILE *stream, const redux_labels *labels)
{
    fputs(REDUX_MARK_PREDICTIONS, stream);
    for (int64_t c = 0; c < labels->class_count; c++) {
        if (strpbrk(labels->classes[c], ",\"\r\n") == NULL) {
            fprintf(stream, ",p_%s", labels->classes[c]);
            continue;
        }
        fputs(",\"p_", stream);
        for (const char *text = labels->classes[c]; *text != '\0'; text++)
            fprintf(stream, *text == '"' ? "\"\"" : "%c", *text);
        fputc('"', stream);
    }
    fputc('\n', stream);
}

static redux_status put_prediction(FILE *stream, const redux_evaluation *evaluation, int64_t index,
                                   const redux_labels *labels)
{
    redux_evaluation_prediction p = {.struct_size = sizeof p};
    const char *source;
    int64_t slice, best = 0;
    char number[32];
    RDX_TRY(redux_evaluation_get_prediction(&p, evaluation, index));
    RDX_TRY(redux_labels_get_row_name(&source, &slice, labels, p.row));
    for (int64_t c = 1; c < labels->class_count; c++)
        if (p.probabilities[c] > p.probabilities[best])
            best = c;
    fprintf(stream, "%llu,", (unsigned long long)p.seed);
    if (p.fold >= 0)
        fprintf(stream, "%d", (int)p.fold);
    put_field(stream, ",", source);
    fprintf(stream, ",%lld", (long long)slice);
    put_field(stream, ",", redux_labels_group_name(labels, labels->rows[p.row].group));
    put_field(stream, ",", labels->classes[p.label]);
    put_field(stream, ",", labels->classes[best]);
    for (int64_t c = 0; c < labels->class_count; c++) {
        rdx_format_double(number, p.probabilities[c]);
        fprintf(stream, ",%s", number);
    }
    fputc('\n', stream);
    return REDUX_OK;
}

redux_status redux_evaluation_save(const char *path, redux_context *context,
                                   const redux_evaluation *evaluation)
{
    if (path == NULL || evaluation == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_evaluation_save: an argument is NULL");
    const redux_labels *labels = rdx_evaluation_labels(evaluation);
    redux_status status = REDUX_OK;
    rdx_file file;
    RDX_TRY(rdx_file_begin(&file, context, path, REDUX_MARK_PREDICTIONS));
    put_header(file.stream, labels);
    for (int64_t i = 0; i < redux_evaluation_prediction_count(evaluation) && status == REDUX_OK;
         i++)
        status = put_prediction(file.stream, evaluation, i, labels);
    if (status == REDUX_OK)
        return rdx_file_commit(&file);
    rdx_file_abort(&file);
    return status;
}

/* ---- reading ---- */

enum { SOURCE, SLICE, LABEL, COLUMNS };

typedef struct item {
    const char *source;
    int64_t slice, row, runs;
    int32_t label;
} item;

/* One file: its items sorted by name, with mean probabilities. */
typedef struct list {
    rdx_table table;
    item *items;
    int64_t count, classes, first, most; /* first: column of the first class; most: runs */
    double *probabilities;               /* [count, classes] */
} list;

static int compare_items(const void *a, const void *b)
{
    const item *x = a, *y = b;
    const int order = strcmp(x->source, y->source);
    if (order != 0)
        return order;
    if (x->slice != y->slice)
        return x->slice < y->slice ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row); /* sums in the order of the file */
}

static redux_status no_predictions(const list *l, int64_t row, const char *what)
{
    return rdx_fail(REDUX_E_FORMAT, "%s: line %lld: no %s", l->table.path,
                    (long long)l->table.lines[row], what);
}

static redux_status find_classes(list *l)
{
    const rdx_table *t = &l->table;
    l->first = t->columns;
    while (l->first > 0 && strncmp(t->fields[l->first - 1], "p_", 2) == 0)
        l->first--;
    l->classes = t->columns - l->first;
    if (l->classes < 2 || t->rows == 0)
        return rdx_fail(REDUX_E_FORMAT,
                        "%s: no predictions: it has no columns 'p_CLASS', or no "
                        "rows",
                        t->path);
    return REDUX_OK;
}

static redux_status read_item(item *out, const list *l, int64_t row, const int64_t *columns)
{
    const rdx_table *t = &l->table;
    const char *label = rdx_table_field(t, row, columns[LABEL]);
    out->source = rdx_table_field(t, row, columns[SOURCE]);
    out->row = row;
    out->runs = 1;
    out->label = -1;
    if (!rdx_whole_number(&out->slice, rdx_table_field(t, row, columns[SLICE])))
        return no_predictions(l, row, "slice number");
    for (int64_t c = 0; c < l->classes; c++)
        if (strcmp(t->fields[l->first + c] + 2, label) == 0)
            out->label = (int32_t)c;
    return out->label < 0 ? no_predictions(l, row, "such class") : REDUX_OK;
}

static redux_status add_probabilities(double *sum, const list *l, int64_t row)
{
    for (int64_t c = 0; c < l->classes; c++) {
        const char *text = rdx_table_field(&l->table, row, l->first + c);
        char *end;
        const double p = rdx_parse_double(text, &end);
        if (end == text || *end != '\0' || !(p >= 0 && p <= 1))
            return no_predictions(l, row, "probability");
        sum[c] += p;
    }
    return REDUX_OK;
}

/* Joins the rows of one slice. */
static redux_status join_items(list *l)
{
    int64_t count = 0;
    for (int64_t i = 0; i < l->table.rows; i++) {
        const item *next = &l->items[i];
        item *last = count > 0 ? &l->items[count - 1] : NULL;
        if (last != NULL && last->slice == next->slice && strcmp(last->source, next->source) == 0) {
            if (last->label != next->label)
                return no_predictions(l, next->row, "agreement on the label of this slice");
            last->runs++;
        } else {
            l->items[count++] = *next;
        }
        RDX_TRY(add_probabilities(l->probabilities + (count - 1) * l->classes, l, next->row));
    }
    l->count = count;
    for (int64_t i = 0; i < count; i++) {
        l->most = RDX_MAX(l->most, l->items[i].runs);
        for (int64_t c = 0; c < l->classes; c++)
            l->probabilities[i * l->classes + c] /= (double)l->items[i].runs;
    }
    return REDUX_OK;
}

static redux_status read_list(list *l, redux_context *context, const char *path)
{
    int64_t columns[COLUMNS];
    void *block;
    RDX_TRY(rdx_table_read(&l->table, context, path));
    RDX_TRY(rdx_table_column(&columns[SOURCE], &l->table, "source"));
    RDX_TRY(rdx_table_column(&columns[SLICE], &l->table, "slice"));
    RDX_TRY(rdx_table_column(&columns[LABEL], &l->table, "label"));
    RDX_TRY(find_classes(l));
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)l->table.rows, sizeof(item)));
    l->items = block;
    for (int64_t i = 0; i < l->table.rows; i++)
        RDX_TRY(read_item(&l->items[i], l, i, columns));
    qsort(l->items, (size_t)l->table.rows, sizeof(item), compare_items);
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)l->table.rows * (uint64_t)l->classes,
                           sizeof(double)));
    l->probabilities = block;
    return join_items(l);
}

static void free_list(list *l)
{
    rdx_table_free(&l->table);
    rdx_free(l->items);
    rdx_free(l->probabilities);
}

/* ---- comparing ---- */

static redux_status check_same(const list *a, const list *b)
{
    if (a->classes != b->classes || a->count != b->count)
        return rdx_fail(REDUX_E_FORMAT, "%s has %lld slices of %lld classes, %s %lld of %lld",
                        a->table.path, (long long)a->count, (long long)a->classes, b->table.path,
                        (long long)b->count, (long long)b->classes);
    for (int64_t c = 0; c < a->classes; c++)
        if (strcmp(a->table.fields[a->first + c], b->table.fields[b->first + c]) != 0)
            return rdx_fail(REDUX_E_FORMAT,
                            "class %lld is '%.80s' in the one, '%.80s' in the other", (long long)c,
                            a->table.fields[a->first + c] + 2, b->table.fields[b->first + c] + 2);
    for (int64_t i = 0; i < a->count; i++) {
        const item *x = &a->items[i], *y = &b->items[i];
        if (strcmp(x->source, y->source) != 0 || x->slice != y->slice || x->label != y->label)
            return rdx_fail(REDUX_E_FORMAT,
                            "slice %lld of %s is not in both files with the same label",
                            (long long)x->slice, x->source);
    }
    return REDUX_OK;
}

static redux_status compare_lists(redux_comparison *out, redux_scores scores[3],
                                  redux_context *context, const list *a, const list *b,
                                  int32_t positive, int64_t permutations, uint64_t seed)
{
    const int64_t shape[2] = {a->count, a->classes};
    redux_predictions p = REDUX_PREDICTIONS_INIT, q;
    redux_tensor labels, of_a, of_b;
    RDX_TRY(check_same(a, b));
    RDX_TRY(redux_tensor_borrow(&of_a, a->probabilities, REDUX_FLOAT64, 2, shape, NULL));
    RDX_TRY(redux_tensor_borrow(&of_b, b->probabilities, REDUX_FLOAT64, 2, shape, NULL));
    RDX_TRY(redux_tensor_new(&labels, context, REDUX_INT32, 1, shape));
    for (int64_t i = 0; i < a->count; i++)
        ((int32_t *)labels.data)[i] = a->items[i].label;
    p.labels = &labels;
    p.scores = &of_a;
    p.positive = a->classes == 2 ? positive : 1;
    q = p;
    q.scores = &of_b;
    redux_status status = redux_scores_compute(&scores[0], context, &p);
    if (status == REDUX_OK)
        status = redux_scores_compute(&scores[1], context, &q);
    if (status == REDUX_OK)
        status = redux_scores_compare(&scores[2], context, &p, &q, permutations, seed);
    redux_tensor_release(&labels);
    out->items = a->count;
    out->classes = a->classes;
    out->runs_a = a->most;
    out->runs_b = b->most;
    return status;
}

redux_status redux_evaluation_compare(redux_comparison *out, redux_scores *a, redux_scores *b,
                                      redux_scores *p_values, redux_context *context,
                                      const char *path_a, const char *path_b, int32_t positive,
                                      int64_t permutations, uint64_t seed)
{
    redux_scores *const wanted[] = {a, b, p_values};
    redux_scores scores[] = {REDUX_SCORES_INIT, REDUX_SCORES_INIT, REDUX_SCORES_INIT};
    list first = {0}, second = {0};
    redux_comparison made = {.struct_size = sizeof made};
    RDX_TRY(rdx_check_result(out, "redux_comparison"));
    for (int i = 0; i < RDX_COUNT(wanted); i++)
        if (wanted[i] != NULL)
            RDX_TRY(rdx_check_result(wanted[i], "redux_scores"));
    if (path_a == NULL || path_b == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_evaluation_compare: an argument is missing");
    redux_status status = read_list(&first, context, path_a);
    if (status == REDUX_OK)
        status = read_list(&second, context, path_b);
    if (status == REDUX_OK)
        status =
            compare_lists(&made, scores, context, &first, &second, positive, permutations, seed);
    free_list(&first);
    free_list(&second);
    RDX_TRY(status);
    for (int i = 0; i < RDX_COUNT(wanted); i++)
        if (wanted[i] != NULL) /* its size has been checked */
            RDX_TRY(rdx_write_result(wanted[i], &scores[i], sizeof scores[i], "redux_scores"));
    return rdx_write_result(out, &made, sizeof made, "redux_comparison");
}
