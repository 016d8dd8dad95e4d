/* SPDX-License-Identifier: MIT
 * Predictions as CSV. */
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
    if (labels->groups == NULL) /* of an archive: rows without groups */
        fprintf(stream, ",%lld", (long long)labels->rows[p.row].group);
    else
        put_field(stream, ",", labels->groups[labels->rows[p.row].group]);
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
