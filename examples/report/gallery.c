/* SPDX-License-Identifier: MIT
 * The gallery: pairs at the threshold, leaks, exemplars with the slices they replace, slices with
 * little content. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "report.h"
#include "matrix.h"

enum { MOST_FOLLOWERS = 10 };

/* ---- which ones ---- */

typedef struct ranked {
    int64_t row;
    double value;  /* smaller comes first */
    int64_t apart; /* of equal ones the larger: slices between a dropped one and its witness */
} ranked;

static int compare_ranked(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    if (x->apart != y->apart)
        return x->apart > y->apart ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Hash distances are whole numbers and often equal. Among equals, slices that lie far apart are the
 * more likely to differ. */
static int64_t slices_apart(const report_data *data, const report_row *row)
{
    const report_row *witness = &data->rows[row->witness];
    return witness->volume != row->volume ? INT64_MAX : llabs(row->place - witness->place);
}

/* The first `most` of a ranking, but no more than `share` of each volume, so that one volume does
 * not fill the page. */
static int64_t take_first(int64_t *out, int64_t most, const ranked *list, int64_t count,
                          const report_data *data)
{
    int64_t taken = 0;
    const int64_t share = 1 + most / (data->own_volumes > 0 ? data->own_volumes : 1);
    for (int64_t i = 0; i < count && taken < most; i++) {
        int64_t same = 0;
        for (int64_t k = 0; k < taken; k++)
            same += data->rows[out[k]].volume == data->rows[list[i].row].volume;
        if (same < share)
            out[taken++] = list[i].row;
    }
    return taken;
}

redux_status gallery_choose(report_gallery *gallery, report_data *data, const report_settings *s)
{
    const int64_t most = s->gallery < MOST_ITEMS ? s->gallery : MOST_ITEMS;
    ranked *lists = malloc(3 * ((size_t)data->count + 1) * sizeof *lists);
    int64_t counts[3] = {0, 0, 0};
    memset(gallery, 0, sizeof *gallery);
    if (lists == NULL)
        return no_memory();
    ranked *pairs = lists, *leaks = lists + data->count, *kept = leaks + data->count;
    for (int64_t i = 0; i < data->count; i++) {
        const report_row *row = &data->rows[i];
        const double score = row->row.score;
        const double margin = !data->has_options       ? 0 /* which are weak is unknown */
                              : isnan(score)           ? INFINITY
                              : isnan(data->threshold) ? (data->is_distance ? -score : score)
                                                       : report_margin(data, score);
        if (row->witness >= 0)
            pairs[counts[0]++] = (ranked){i, margin, slices_apart(data, row)};
        else if (row->witness == -2)
            leaks[counts[1]++] = (ranked){i, -margin, 0}; /* the closest matches first */
        else if (row->row.kept && row->group > 1)
            kept[counts[2]++] = (ranked){i, -(double)row->group, 0};
    }
    qsort(pairs, (size_t)counts[0], sizeof *pairs, compare_ranked);
    qsort(leaks, (size_t)counts[1], sizeof *leaks, compare_ranked);
    qsort(kept, (size_t)counts[2], sizeof *kept, compare_ranked);
    gallery->pair_count = take_first(gallery->pairs, most, pairs, counts[0], data);
    gallery->leak_count = take_first(gallery->leaks, most, leaks, counts[1], data);
    gallery->exemplar_count = take_first(gallery->exemplars, most, kept, counts[2], data);
    free(lists);
    for (int64_t i = 0; i < gallery->leak_count; i++)
        if (report_other_volume(data, data->rows[gallery->leaks[i]].row.witness_source,
                                data->rows[gallery->leaks[i]].row.witness_slice) < 0)
            return no_memory();
    return REDUX_OK;
}

/* Slices that an exemplar replaces, spread evenly over its group. */
static int64_t followers_of(int64_t *out, const report_data *data, int64_t exemplar)
{
    const int64_t all = data->rows[exemplar].group - 1;
    const int64_t count = all < MOST_FOLLOWERS ? all : MOST_FOLLOWERS;
    int64_t seen = 0, taken = 0;
    for (int64_t i = 0; i < data->count && taken < count; i++)
        if (data->rows[i].witness == exemplar && seen++ >= taken * all / count)
            out[taken++] = i;
    return taken;
}

/* The witness of a row. That of a leak is in no row of this manifest, so one is made up. */
static report_row witness_row(const report_data *data, const report_row *row)
{
    if (row->witness >= 0)
        return data->rows[row->witness];
    report_row witness = {.witness = -1};
    witness.row.source = row->row.witness_source;
    witness.row.slice = row->row.witness_slice;
    witness.row.kept = 1;
    for (int64_t v = data->own_volumes; v < data->volume_count; v++) {
        const char *name = data->volumes[v].name;
        if (strcmp(name, witness.row.source) == 0 ||
            (data->volumes[v].is_folder && strncmp(name, witness.row.source, strlen(name)) == 0 &&
             strchr(witness.row.source + strlen(name), '/') == NULL))
            witness.volume = v;
    }
    return witness;
}

static bool want(report_pictures *pictures, const report_row *row, int32_t side)
{
    return report_picture_want(pictures, row->volume, row->row.source, row->row.slice, side) >= 0;
}

redux_status gallery_want(report_pictures *pictures, const report_gallery *gallery,
                          const report_data *data)
{
    int64_t followers[MOST_FOLLOWERS];
    bool good = true;
    for (int64_t i = 0; i < gallery->pair_count + gallery->leak_count && good; i++) {
        const report_row *row =
            &data->rows[i < gallery->pair_count ? gallery->pairs[i]
                                                : gallery->leaks[i - gallery->pair_count]];
        const report_row witness = witness_row(data, row);
        good = want(pictures, row, SIDE_LARGE) && want(pictures, &witness, SIDE_LARGE);
    }
    for (int64_t i = 0; i < gallery->exemplar_count && good; i++) {
        const int64_t count = followers_of(followers, data, gallery->exemplars[i]);
        good = want(pictures, &data->rows[gallery->exemplars[i]], SIDE_SMALL);
        for (int64_t k = 0; k < count && good; k++)
            good = want(pictures, &data->rows[followers[k]], SIDE_SMALL);
    }
    return good ? REDUX_OK : no_memory();
}

/* ---- how they are shown ---- */

typedef enum naming { NAME_BOTH, NAME_SOURCE, NAME_SLICE } naming;

/* "STS_002_CT.nii.gz, slice 7", or the name alone for a picture. */
static void put_slice_name(page *p, const report_row *row, naming parts)
{
    if (parts != NAME_SLICE)
        put_text(p, short_name(row->row.source));
    if (parts != NAME_SOURCE)
        put(p, "%sslice&nbsp;%lld", parts == NAME_BOTH ? ", " : "", (long long)row->row.slice);
}

static naming naming_of(const report_data *data, const report_row *row)
{
    return data->volumes[row->volume].is_folder ? NAME_SOURCE : NAME_BOTH;
}

redux_status put_image(page *p, const report_pictures *pictures, const report_row *row,
                       int32_t side)
{
    const report_picture *picture =
        report_picture_of(pictures, row->volume, row->row.source, row->row.slice, side);
    if (picture == NULL) {
        put(p, "<div class=\"none\">no picture</div>");
        return REDUX_OK;
    }
    put(p, "<img loading=\"lazy\" width=\"%lld\" height=\"%lld\" alt=\"",
        (long long)picture->grey.shape[1], (long long)picture->grey.shape[0]);
    put_text(p, short_name(row->row.source));
    put(p, ", slice %lld, %s\" src=\"", (long long)row->row.slice,
        row->row.kept ? "kept" : "dropped");
    const redux_status status = put_png(p, &picture->grey);
    put(p, "\">");
    return status;
}

/* One colour everywhere: the two slices are equal. */
static bool is_blank(const redux_tensor *picture)
{
    const unsigned char *bytes = picture->data;
    const size_t size = (size_t)(picture->shape[0] * picture->shape[1] * picture->shape[2]);
    return size == 0 || memcmp(bytes, bytes + 1, size - 1) == 0;
}

static redux_status put_difference(page *p, redux_context *context, const report_pictures *pictures,
                                   const report_row *a, const report_row *b)
{
    redux_tensor difference;
    const report_picture *first =
        report_picture_of(pictures, a->volume, a->row.source, a->row.slice, SIDE_LARGE);
    const report_picture *second =
        report_picture_of(pictures, b->volume, b->row.source, b->row.slice, SIDE_LARGE);
    if (first == NULL || second == NULL)
        return REDUX_OK;
    redux_status status = picture_difference(&difference, context, &first->grey, &second->grey);
    if (status == REDUX_E_INVALID) {
        put(p, "<div><div class=\"none\">sizes differ</div></div>");
        return REDUX_OK;
    }
    TRY(status);
    if (is_blank(&difference)) {
        put(p, "<div><div class=\"none\">no difference</div></div>");
    } else {
        put(p,
            "<div><img loading=\"lazy\" width=\"%lld\" height=\"%lld\" alt=\"Difference of the "
            "two: "
            "blue where the dropped slice is darker, orange where it is brighter\" src=\"",
            (long long)difference.shape[1], (long long)difference.shape[0]);
        status = put_png(p, &difference);
        put(p, "\"><span><b>difference</b></span></div>");
    }
    redux_tensor_release(&difference);
    return status;
}

/* "Hamming distance <b>6</b> bits" */
static void put_score(page *p, const report_data *data, double score)
{
    const char *label = score_label(data), *unit = strchr(label, ',');
    put(p, "%.*s <b>%.4g</b>%s", unit == NULL ? (int)strlen(label) : (int)(unit - label), label,
        score, unit == NULL ? "" : unit + 1);
}

static redux_status put_pair(page *p, redux_context *context, const report_pictures *pictures,
                             const report_data *data, int64_t number)
{
    const report_row *row = &data->rows[number];
    const report_row witness = witness_row(data, row);
    const bool has_pictures = report_picture_of(pictures, row->volume, row->row.source,
                                                row->row.slice, SIDE_LARGE) != NULL ||
                              report_picture_of(pictures, witness.volume, witness.row.source,
                                                witness.row.slice, SIDE_LARGE) != NULL;
    const naming parts = data->volumes[row->volume].is_folder ? NAME_SOURCE
                         : row->volume == witness.volume      ? NAME_SLICE
                                                              : NAME_BOTH;
    put(p, "<figure class=\"pair\"><div>");
    put(p, "<div class=\"in\">");
    if (has_pictures)
        TRY(put_image(p, pictures, &witness, SIDE_LARGE));
    put(p, "<span class=\"name\"><b>kept%s</b> ", row->witness == -2 ? " in the other set" : "");
    put_slice_name(p, &witness, parts);
    put(p, "</span></div>\n<div>");
    if (has_pictures)
        TRY(put_image(p, pictures, row, SIDE_LARGE));
    put(p, "<span class=\"name\"><b>dropped</b> ");
    put_slice_name(p, row, parts);
    put(p, "</span></div>\n");
    TRY(put_difference(p, context, pictures, &witness, row));
    put(p, "</div><figcaption class=\"name\">");
    if (parts == NAME_SLICE) {
        put_text(p, short_name(row->row.source));
        put(p, ": ");
    }
    put_score(p, data, row->row.score);
    if (!isnan(data->threshold))
        put(p, ", threshold %.4g", data->threshold);
    put(p, "</figcaption></figure>\n");
    return REDUX_OK;
}

static redux_status put_pairs(page *p, redux_context *context, const report_pictures *pictures,
                              const report_data *data, const int64_t *rows, int64_t count)
{
    put(p, "<div class=\"pairs\">\n");
    for (int64_t i = 0; i < count; i++)
        TRY(put_pair(p, context, pictures, data, rows[i]));
    put(p, "</div>\n");
    return REDUX_OK;
}

static redux_status put_exemplar(page *p, const report_pictures *pictures, const report_data *data,
                                 int64_t exemplar)
{
    int64_t followers[MOST_FOLLOWERS];
    const report_row *row = &data->rows[exemplar];
    const int64_t count = followers_of(followers, data, exemplar);
    put(p, "<figure class=\"stand\"><figcaption class=\"name\"><b>");
    put_slice_name(p, row, naming_of(data, row));
    put(p, "</b> replaces %lld more%s</figcaption>\n<div>", (long long)(row->group - 1),
        count < row->group - 1 ? "; some of them:" : "");
    TRY(put_image(p, pictures, row, SIDE_SMALL));
    put(p, "</div><ul class=\"thumbs full\">");
    for (int64_t i = 0; i < count; i++) {
        const report_row *follower = &data->rows[followers[i]];
        put(p, "<li class=\"gone\">");
        TRY(put_image(p, pictures, follower, SIDE_SMALL));
        put(p, "<span class=\"name\">");
        put_slice_name(p, follower,
                       follower->volume == row->volume && naming_of(data, row) == NAME_BOTH
                           ? NAME_SLICE
                           : naming_of(data, follower));
        put(p, "</span>");
        if (!isnan(follower->row.score))
            put(p, "<br>%.3g", follower->row.score);
        put(p, "</li>");
    }
    put(p, "</ul></figure>\n");
    return REDUX_OK;
}

static redux_status put_flagged(page *p, const report_pictures *pictures, const report_data *data,
                                int64_t number)
{
    put(p,
        "<h3 id=\"little%lld\">Slices with little content</h3>\n<p>The lowest Shannon entropy of "
        "8-bit grey values among the %lld slices of the volumes shown above.",
        (long long)number, (long long)pictures->looked_at);
    if (pictures->flat > 0)
        put(p, " %lld are flat under this window; their hashes carry no information.",
            (long long)pictures->flat);
    put(p, "</p>\n<ul class=\"thumbs little\">\n");
    for (int64_t i = 0; i < pictures->flagged_count; i++) {
        const report_flagged *flagged = &pictures->flagged[i];
        const report_row *row = &data->rows[flagged->row];
        put(p, "<li class=\"%s\">", row->row.kept ? "kept" : "gone");
        TRY(put_image(p, pictures, row, SIDE_SMALL));
        put(p, "<span class=\"name\">");
        put_slice_name(p, row, naming_of(data, row));
        put(p, "</span><br>%s%.2f bits%s</li>\n", row->row.kept ? "<b>kept</b>, " : "",
            flagged->entropy, flagged->is_flat ? ", flat" : "");
    }
    put(p, "</ul>\n");
    return REDUX_OK;
}

const char *report_pairs_title(const report_data *data)
{
    return data->has_options ? "On the border" : "Pairs";
}

redux_status section_leaks(page *p, redux_context *context, const report_gallery *gallery,
                           const report_data *data, const report_pictures *pictures, int64_t number)
{
    if (data->leaked == 0)
        return REDUX_OK;
    put(p,
        "<h3 id=\"leaks%lld\">Leaks from the other set</h3>\n<p class=\"note\">%lld of %lld "
        "slices are in the other set already. If you train on one set and test on the other, you "
        "test on training data.%s</p>\n",
        (long long)number, (long long)data->leaked, (long long)data->count,
        gallery->leak_count == 0 ? ""
        : data->has_options      ? " The closest matches:"
                                 : " Some of them:");
    return put_pairs(p, context, pictures, data, gallery->leaks, gallery->leak_count);
}

redux_status section_pairs(page *p, redux_context *context, const report_gallery *gallery,
                           const report_data *data, const report_pictures *pictures, int64_t number)
{
    if (gallery->pair_count == 0)
        return REDUX_OK;
    put(p,
        "<h3 id=\"pairs%lld\">%s</h3>\n<p>%s In the difference, blue is where the "
        "dropped slice is darker, orange where it is brighter.</p>\n",
        (long long)number, report_pairs_title(data),
        !data->has_options
            ? "Dropped slices that lie far from the kept one that replaces them. Which scores are "
              "weak is unknown without the summary."
        : isnan(data->threshold)
            ? "The dropped slices that are least similar to the kept one that replaces them: how "
              "far "
              "the budget reached."
            : "The dropped slices whose scores are nearest to the threshold, each beside the kept "
              "one "
              "that replaces it. Whatever differs here, this threshold ignores.");
    return put_pairs(p, context, pictures, data, gallery->pairs, gallery->pair_count);
}

redux_status section_gallery(page *p, const report_gallery *gallery, const report_data *data,
                             const report_pictures *pictures, int64_t number)
{
    put(p, "<div id=\"gallery%lld\">\n", (long long)number);
    if (gallery->exemplar_count > 0 && pictures->count > 0) {
        put(p,
            "<h3 id=\"exemplars%lld\">Kept slices that replace the most</h3>\n<p>The score of each "
            "dropped slice is below it.</p>\n<div class=\"stands\">\n",
            (long long)number);
        for (int64_t i = 0; i < gallery->exemplar_count; i++)
            TRY(put_exemplar(p, pictures, data, gallery->exemplars[i]));
        put(p, "</div>\n");
    }
    if (pictures->flagged_count > 0)
        TRY(put_flagged(p, pictures, data, number));
    put(p, "</div>\n");
    return REDUX_OK;
}
