/* SPDX-License-Identifier: MIT
 * The volumes: strip of kept slices, some pictures, matrix; and a table of all. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "report.h"
#include "matrix.h"

enum { MOST_THUMBS = 24, MOST_TABLE_ROWS = 400, OPEN_TABLE_ROWS = 12 };

/* The strips show all kept slices, so that their pictures are the smaller the more there are: about
 * a byte for each pixel in the page, and some for its element. */
#define THUMBS_BYTES 12e6
enum { ELEMENT_BYTES = 300, SIDE_LEAST = 16, SIDE_WITH_WORDS = 56, MOST_KEPT = 20000 };

/* Volumes are chosen along the order of their kept share, so that the extremes are among them. */
typedef struct ranked {
    int64_t volume;
    double share;
} ranked;

static int compare_shares(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->share != y->share)
        return x->share < y->share ? -1 : 1;
    return (x->volume > y->volume) - (x->volume < y->volume);
}

/* Whether `i` of 0 ... all - 1 is among `most` that are spread evenly over them, ends included. */
static bool is_spread(int64_t i, int64_t all, int64_t most)
{
    if (all <= most)
        return true;
    const int64_t step = (i * (most - 1) + all - 2) / (all - 1); /* the first at or after i */
    return step * (all - 1) / (most - 1) == i;
}

/* The next row with a picture: some of the volume, spread evenly, and all that are kept. Of more
 * kept slices than a page can hold: some. */
static int64_t next_thumb(int64_t *kept, const report_pictures *pictures, const report_data *data,
                          const report_volume *volume, int64_t from)
{
    for (int64_t i = from; i < volume->count; i++) {
        const bool is_kept = data->rows[volume->rows[i]].row.kept;
        const int64_t before = *kept;
        *kept += is_kept;
        if (is_spread(i, volume->count, MOST_THUMBS) ||
            (is_kept && is_spread(before, volume->kept, pictures->most_kept)))
            return i;
    }
    return -1;
}

static int32_t thumb_side(const report_pictures *pictures, const report_data *data)
{
    int64_t count = 0;
    for (int64_t v = 0; v < data->own_volumes; v++) {
        int64_t kept = 0;
        for (int64_t i = -1;
             data->volumes[v].is_shown &&
             (i = next_thumb(&kept, pictures, data, &data->volumes[v], i + 1)) >= 0;)
            count++;
    }
    const double area = fmax(THUMBS_BYTES / (double)(count + 1) - ELEMENT_BYTES, 0);
    return (int32_t)fmin(fmax(sqrt(area), SIDE_LEAST), SIDE_SMALL);
}

redux_status choose_volumes(report_pictures *pictures, report_data *data, const report_settings *s)
{
    const int64_t all = data->own_volumes, shown = all < s->volumes ? all : s->volumes;
    ranked *order = malloc(((size_t)all + 1) * sizeof *order);
    if (order == NULL)
        return no_memory();
    for (int64_t v = 0; v < all; v++)
        order[v] = (ranked){v, report_percent(data->volumes[v].kept, data->volumes[v].count)};
    qsort(order, (size_t)all, sizeof *order, compare_shares);
    for (int64_t i = 0; i < shown; i++)
        data->volumes[order[shown == 1 ? all / 2 : i * (all - 1) / (shown - 1)].volume].is_shown =
            true;
    free(order);
    pictures->most_kept = MOST_KEPT / (shown > 0 ? shown : 1);
    pictures->thumb_side = thumb_side(pictures, data);
    for (int64_t v = 0; v < all; v++) {
        const report_volume *volume = &data->volumes[v];
        int64_t kept = 0;
        for (int64_t i = -1;
             volume->is_shown && (i = next_thumb(&kept, pictures, data, volume, i + 1)) >= 0;) {
            const redux_manifest_row *row = &data->rows[volume->rows[i]].row;
            if (report_picture_want(pictures, v, row->source, row->slice, pictures->thumb_side) < 0)
                return no_memory();
        }
    }
    return REDUX_OK;
}

static redux_status put_thumbs(page *p, const report_data *data, const report_volume *volume,
                               const report_pictures *pictures)
{
    const bool has_words = pictures->thumb_side >= SIDE_WITH_WORDS;
    int64_t kept = 0, shown = 0;
    put(p, "<ul class=\"thumbs%s\">", has_words ? "" : " dense");
    for (int64_t i = -1; (i = next_thumb(&kept, pictures, data, volume, i + 1)) >= 0;) {
        const report_row *row = &data->rows[volume->rows[i]];
        shown += row->row.kept;
        put(p, "<li class=\"%s\">", row->row.kept ? "kept" : "gone");
        const int64_t number = volume->is_folder ? row->place : row->row.slice;
        TRY(put_image(p, pictures, row, pictures->thumb_side));
        if (row->row.kept)
            put(p, "<b>%lld%s</b>", (long long)number, has_words ? " kept" : "");
        else
            put(p, "%lld", (long long)number);
        put(p, "</li>\n");
    }
    put(p, "</ul>\n");
    if (shown < volume->kept)
        put(p, "<p class=\"soft\">%lld of %lld kept slices have pictures, spread evenly.</p>\n",
            (long long)shown, (long long)volume->kept);
    return REDUX_OK;
}

static void score_range(double *low, double *high, const report_matrix *matrix)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (int64_t i = 0; i < matrix->count; i++)
        for (int64_t k = 0; k < matrix->count; k++) {
            const double score = matrix->scores[i * matrix->count + k];
            if (i == k || !isfinite(score))
                continue;
            *low = fmin(*low, score);
            *high = fmax(*high, score);
        }
    if (*low > *high)
        *low = *high = 0;
    if (matrix->is_distance)
        *low = 0;
}

/* Marks of the kept slices along both edges of the map. */
static void put_kept_marks(page *p, const report_data *data, const report_matrix *matrix,
                           double edge)
{
    put(p, "<path class=\"in\" d=\"");
    for (int64_t i = 0; i < matrix->count; i++)
        if (data->rows[matrix->rows[i]].row.kept)
            put(p, "M%lld %.3gh1v%.3gh-1zM%.3g %lldv1h%.3gv-1z", (long long)i, -edge, edge * 0.75,
                -edge, (long long)i, edge * 0.75);
    put(p, "\"/>");
}

/* Marks the threshold on the scale, if it is one of these scores. */
static void put_scale_mark(page *p, const report_data *data, const report_matrix *matrix,
                           double low, double high)
{
    const double at = 100 * (data->threshold - low) / (high - low);
    if (!matrix->is_own || !(at > 0 && at < 100))
        return;
    put(p, "<i class=\"tick\" style=\"left:%.1f%%\"></i>", at);
    if (at > 20 && at < 70) /* near the ends there is no room for the number */
        put(p, "<span class=\"mark\" style=\"left:%.1f%%\">%.3g</span>", at, data->threshold);
}

static redux_status put_pictures(page *p, const report_data *data, const report_matrix *matrix,
                                 const redux_tensor *map, const redux_tensor *scale)
{
    const int64_t n = matrix->count;
    const double edge = (double)n / 22; /* a margin for the marks */
    double low, high;
    score_range(&low, &high, matrix);
    put(p,
        "<figure class=\"matrix\"><svg viewBox=\"%.3g %.3g %.4g %.4g\" role=\"img\" "
        "aria-label=\"Heat map of the scores between %lld slices\"><image "
        "preserveAspectRatio=\"none\" width=\"%lld\" height=\"%lld\" href=\"",
        -edge, -edge, (double)n + edge, (double)n + edge, (long long)n, (long long)n, (long long)n);
    TRY(put_png(p, map));
    put(p, "\"/>");
    put_kept_marks(p, data, matrix, edge);
    put(p, "</svg><figcaption><img class=\"scale\" alt=\"\" src=\"");
    TRY(put_png(p, scale));
    put(p, "\"><div class=\"rule\"><span>%.3g</span><span class=\"last\">%.3g</span>", low, high);
    put_scale_mark(p, data, matrix, low, high);
    put(p, "</div>");
    put_text(p, matrix->note);
    if (n < data->volumes[matrix->volume].count)
        put(p, "; %lld slices, spread evenly", (long long)n);
    put(p, "</figcaption></figure>\n");
    return REDUX_OK;
}

static redux_status put_matrix(page *p, redux_context *context, const report_data *data,
                               const report_matrix *matrix)
{
    redux_tensor map = REDUX_TENSOR_INIT, scale = REDUX_TENSOR_INIT;
    double low, high;
    score_range(&low, &high, matrix);
    redux_status status = matrix_picture(&map, context, matrix, low, high);
    if (status == REDUX_OK)
        status = scale_picture(&scale, context, matrix->is_distance);
    if (status == REDUX_OK)
        status = put_pictures(p, data, matrix, &map, &scale);
    redux_tensor_release(&map);
    redux_tensor_release(&scale);
    return status;
}

static redux_status put_volume(page *p, redux_context *context, const report_data *data,
                               const report_pictures *pictures, int64_t number, bool no_pictures)
{
    const report_volume *volume = &data->volumes[number];
    put(p, "<article class=\"volume\"><header><h3 class=\"name\" title=\"");
    put_text(p, volume->name);
    put(p, "\">");
    put_text(p, short_name(volume->name));
    put(p, "</h3><span class=\"soft\">%lld of %lld kept, %.0f&thinsp;%%</span></header>\n<div>",
        (long long)volume->kept, (long long)volume->count,
        report_percent(volume->kept, volume->count));
    plot_strip(p, data, volume);
    put(p, "<div class=\"rule\"><span>%lld</span><span class=\"last\">%lld</span></div>\n",
        (long long)(volume->is_folder ? 0 : data->rows[volume->rows[0]].row.slice),
        (long long)(volume->is_folder ? volume->count - 1
                                      : data->rows[volume->rows[volume->count - 1]].row.slice));
    if (volume->missing != NULL) {
        put(p, "<p class=\"soft name\">No pictures: ");
        put_text(p, volume->missing);
        put(p, "</p>");
    } else if (!no_pictures) {
        TRY(put_thumbs(p, data, volume, pictures));
    }
    put(p, "</div>\n");
    for (int64_t i = 0; i < pictures->matrix_count; i++)
        if (pictures->matrices[i].volume == number && pictures->matrices[i].count > 1)
            TRY(put_matrix(p, context, data, &pictures->matrices[i]));
    put(p, "</article>\n");
    return REDUX_OK;
}

static void put_volume_table(page *p, const report_data *data, bool is_open)
{
    const int64_t count = data->own_volumes < MOST_TABLE_ROWS ? data->own_volumes : MOST_TABLE_ROWS;
    put(p,
        "<details%s><summary>All %lld volumes as a table</summary>\n<div class=\"scroll\" "
        "tabindex=\"0\" role=\"region\" aria-label=\"Table of volumes\"><table><thead><tr><th "
        "scope=\"col\">volume</th><th scope=\"col\">slices in order</th><th scope=\"col\" "
        "class=\"number\">kept</th><th scope=\"col\" class=\"number\">of</th><th scope=\"col\" "
        "class=\"number\">share</th></tr></thead><tbody>\n",
        data->own_volumes <= OPEN_TABLE_ROWS && !is_open ? "" : " open",
        (long long)data->own_volumes);
    for (int64_t v = 0; v < count; v++) {
        const report_volume *volume = &data->volumes[v];
        put(p, "<tr><th scope=\"row\" title=\"");
        put_text(p, volume->name);
        put(p, "\">");
        put_text(p, short_name(volume->name));
        put(p, "</th><td class=\"wide\">");
        plot_strip(p, data, volume);
        put(p,
            "</td><td class=\"number\">%lld</td><td class=\"number\">%lld</td><td "
            "class=\"number\">%.0f %%</td></tr>\n",
            (long long)volume->kept, (long long)volume->count,
            report_percent(volume->kept, volume->count));
    }
    put(p, "</tbody></table></div>");
    if (count < data->own_volumes)
        put(p, "<p class=\"soft\">And %lld more: see the manifest.</p>",
            (long long)(data->own_volumes - count));
    put(p, "</details>\n");
}

/* How grey values were made: without that, a picture of a scan cannot be read. */
static void put_window(page *p, const report_data *data, const report_settings *s)
{
    const redux_window window =
        s->window.kind == REDUX_WINDOW_AUTO ? data->options.window : s->window;
    const char *name = json_string_value(json_object_get(data->summary, "window"));
    const bool is_slice = window.kind == REDUX_WINDOW_SLICE ||
                          (window.kind == REDUX_WINDOW_AUTO && !data->volumes[0].is_folder &&
                           name != NULL && strcmp(name, "full") != 0);
    if (window.kind == REDUX_WINDOW_RANGE)
        put(p, " Pictures show %g to %g HU.", window.low, window.high);
    else if (is_slice)
        put(p, " Each picture is scaled to its own range. For one range in all of them, choose a "
               "window, such as <code>--window mediastinum</code>.");
}

redux_status section_volumes(page *p, redux_context *context, const report_data *data,
                             const report_pictures *pictures, const report_settings *s,
                             int64_t number)
{
    int64_t shown = 0, missing = 0;
    for (int64_t v = 0; v < data->own_volumes; v++) {
        shown += data->volumes[v].is_shown;
        missing += data->volumes[v].missing != NULL;
    }
    put(p,
        "<h3 id=\"volumes%lld\">Volumes</h3>\n<p>Slices in order along each volume:"
        "<span class=\"key in\"></span>kept<span class=\"key\"></span>dropped. Pictures: the kept "
        "slices, framed, and some of the others.%s",
        (long long)number,
        pictures->matrix_count == 0
            ? ""
            : " The matrix beside a volume shows how similar its slices are: yellow is similar, "
              "dark "
              "is not. Marks along its edges show the kept slices; the mark on the scale shows the "
              "threshold.");
    if (shown < data->own_volumes && shown > 0)
        put(p,
            " %lld of %lld volumes are shown with pictures, spread evenly from the smallest kept "
            "share to the largest. The table below lists all of them.",
            (long long)shown, (long long)data->own_volumes);
    if (!s->no_pictures && data->own_volumes > 0)
        put_window(p, data, s);
    put(p, "</p>\n");
    if (missing > 0)
        put(p,
            "<p class=\"note\">Volumes whose pictures are missing: %lld. Their files have moved or "
            "cannot be read. If they have moved, name their folder with <code>--data</code>.</p>\n",
            (long long)missing);
    if (pictures->differ > 0)
        put(p,
            "<p class=\"note\">%lld of %lld recorded scores differ from those of the data now. The "
            "files have changed since the manifest was made, or others were found in their "
            "place.</p>\n",
            (long long)pictures->differ, (long long)pictures->checked);
    else if (pictures->checked > 0)
        put(p,
            "<p class=\"soft\">%lld recorded scores were computed again for these matrices. All "
            "match.</p>\n",
            (long long)pictures->checked);
    for (int64_t v = 0; v < data->own_volumes; v++)
        if (data->volumes[v].is_shown && (!data->volumes[v].is_gone || data->own_volumes == 1))
            TRY(put_volume(p, context, data, pictures, v, s->no_pictures));
    if (data->own_volumes > 1)
        put_volume_table(p, data, missing > 0);
    return REDUX_OK;
}
