/* SPDX-License-Identifier: MIT
 * The map of embeddings: principal components, and the drawing. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "map.h"

enum { ACROSS = 320, DOWN = 200, CELLS = ACROSS * DOWN, ROUNDS = 60, MOST_FOR_AXES = 20000 };
enum { COLOURS = 7, OTHERS = COLOURS, STYLES }; /* OTHERS: of smaller classes, or of none */

typedef struct map {
    const map_points *points;
    int64_t n, width;
    double *lengths;        /* [n] of the rows */
    double *axes[2], *mean; /* [width] */
    double *at[2];          /* [n] along each axis */
    double share[2];        /* of the variance */
    int64_t shown[COLOURS]; /* classes with a colour of their own, in their order */
    int64_t colours;
    uint8_t *cells, *rings; /* [CELLS] */
} map;

/* ---- principal components ---- */

static double dot(const double *a, const double *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

static const float *row_of(const map *m, int64_t i)
{
    return (const float *)m->points->embeddings->data + i * m->width;
}

/* Coordinate d of row i at unit length. */
static double unit(const map *m, int64_t i, int64_t d)
{
    return m->lengths[i] > 0 ? (double)row_of(m, i)[d] / m->lengths[i] : 0;
}

static void measure_lengths(map *m)
{
    for (int64_t i = 0; i < m->n; i++) {
        double square = 0;
        for (int64_t d = 0; d < m->width; d++)
            square += (double)row_of(m, i)[d] * (double)row_of(m, i)[d];
        m->lengths[i] = sqrt(square);
    }
    for (int64_t i = 0; i < m->n; i++)
        for (int64_t d = 0; d < m->width; d++)
            m->mean[d] += unit(m, i, d) / (double)m->n;
}

/* Length 1, at right angles to `other` (NULL: none). */
static void straighten(double *axis, const double *other, int64_t count)
{
    const double along = other == NULL ? 0 : dot(axis, other, count);
    for (int64_t i = 0; i < count && other != NULL; i++)
        axis[i] -= along * other[i];
    const double length = sqrt(dot(axis, axis, count));
    for (int64_t i = 0; i < count && length > 0; i++)
        axis[i] /= length;
}

/* Places of every `step`th row along both axes; and, with `turned`, the axes times the covariance
 * of those rows. */
static void project(const map *m, double *turned[2], int64_t step)
{
    for (int64_t i = 0; i < m->n; i += step)
        for (int a = 0; a < 2; a++) {
            double sum = 0;
            for (int64_t d = 0; d < m->width; d++)
                sum += (unit(m, i, d) - m->mean[d]) * m->axes[a][d];
            m->at[a][i] = sum;
            for (int64_t d = 0; d < m->width && turned != NULL; d++)
                turned[a][d] += sum * (unit(m, i, d) - m->mean[d]);
        }
}

/* Subspace iteration: the axes are turned by the covariance until they are its largest
 * eigenvectors. Their signs are chosen, so that the same data give the same map. Of many rows a
 * part is enough to find the axes. */
static void find_axes(map *m, double *work)
{
    const redux_random_key key = {.seed = 1};
    double *turned[2] = {work, work + m->width};
    for (int64_t d = 0; d < 2 * m->width; d++)
        m->axes[d % 2][d / 2] = redux_random_normal(&key, (uint32_t)d);
    for (int round = 0; round < ROUNDS; round++) {
        memset(work, 0, 2 * (size_t)m->width * sizeof *work);
        project(m, turned, 1 + m->n / MOST_FOR_AXES);
        for (int a = 0; a < 2; a++) {
            memcpy(m->axes[a], turned[a], (size_t)m->width * sizeof *work);
            straighten(m->axes[a], a == 0 ? NULL : m->axes[0], m->width);
        }
    }
    for (int a = 0; a < 2; a++) {
        int64_t largest = 0;
        for (int64_t d = 1; d < m->width; d++)
            largest = fabs(m->axes[a][d]) > fabs(m->axes[a][largest]) ? d : largest;
        const double sign = m->axes[a][largest] < 0 ? -1 : 1;
        for (int64_t d = 0; d < m->width; d++)
            m->axes[a][d] *= sign;
    }
    project(m, NULL, 1);
}

static void measure_shares(map *m)
{
    double all = 0;
    for (int64_t i = 0; i < m->n; i++)
        for (int64_t d = 0; d < m->width; d++) {
            const double off = unit(m, i, d) - m->mean[d];
            all += off * off;
        }
    for (int a = 0; a < 2; a++)
        m->share[a] = all > 0 ? dot(m->at[a], m->at[a], m->n) / all : 0;
}

/* ---- classes ---- */

/* The largest classes, in their order. */
static redux_status choose_classes(map *m)
{
    const map_points *points = m->points;
    const int64_t count = points->classes == NULL ? 0 : redux_column_count(points->names);
    int64_t *sizes = calloc((size_t)count + 1, sizeof *sizes);
    if (sizes == NULL)
        return no_memory();
    for (int64_t i = 0; i < m->n && count > 0; i++)
        if (points->classes[i] >= 0)
            sizes[points->classes[i]]++;
    for (int64_t c = 0; c < count; c++) {
        int64_t larger = 0;
        for (int64_t k = 0; k < count && larger < COLOURS; k++)
            larger += sizes[k] > sizes[c] || (sizes[k] == sizes[c] && k < c);
        if (sizes[c] > 0 && larger < COLOURS)
            m->shown[m->colours++] = c;
    }
    free(sizes);
    return REDUX_OK;
}

static uint8_t colour_of(const map *m, int64_t i)
{
    for (int64_t c = 0; c < m->colours; c++)
        if (m->points->classes[i] == m->shown[c])
            return (uint8_t)c;
    return OTHERS;
}

/* ---- the drawing ---- */

static int64_t cell_of(double value, double low, double high, int64_t cells)
{
    const double at = high > low ? (value - low) / (high - low) * (double)(cells - 1) : 0;
    return (int64_t)(at + 0.5);
}

static void range_of(double *low, double *high, const double *values, int64_t count)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (int64_t i = 0; i < count; i++) {
        *low = fmin(*low, values[i]);
        *high = fmax(*high, values[i]);
    }
}

/* What lies in each cell of the map: 0 nothing, else 1 + colour, and STYLES more for a kept slice,
 * which hides dropped ones. */
static void fill_cells(map *m)
{
    const map_points *points = m->points;
    double low[2], high[2];
    for (int a = 0; a < 2; a++)
        range_of(&low[a], &high[a], m->at[a], m->n);
    for (int64_t i = 0; i < m->n; i++) {
        const int64_t x = cell_of(m->at[0][i], low[0], high[0], ACROSS);
        const int64_t y = DOWN - 1 - cell_of(m->at[1][i], low[1], high[1], DOWN);
        const uint8_t style = (uint8_t)(1 + colour_of(m, i) + (points->kept[i] ? STYLES : 0));
        uint8_t *cell = &m->cells[y * ACROSS + x];
        if (*cell == 0 || (*cell <= STYLES && style > STYLES))
            *cell = style;
        if (points->outliers != NULL)
            m->rings[y * ACROSS + x] |= points->outliers[i];
    }
}

/* A dot of the stroke's width; a cross; a ring. */
static const char dot_shape[] = "h0", cross_shape[] = "m-.7-.7l1.4 1.4m0-1.4l-1.4 1.4",
                  ring_shape[] = "m-2.3 0a2.3 2.3 0 1 0 4.6 0a2.3 2.3 0 1 0-4.6 0";

static void put_cells(page *p, const uint8_t *cells, int value, const char *style,
                      const char *shape)
{
    if (memchr(cells, value, CELLS) == NULL)
        return;
    put(p, "<path class=\"%s\" d=\"", style);
    for (int64_t i = 0; i < CELLS; i++)
        if (cells[i] == value)
            put(p, "M%lld %lld%s", (long long)(i % ACROSS), (long long)(i / ACROSS), shape);
    put(p, "\"/>");
}

static void style_name(char *name, size_t size, const map *m, int colour, const char *kind)
{
    if (m->colours == 0)
        snprintf(name, size, "%s", kind);
    else
        snprintf(name, size, "%s c%d", kind, colour);
}

static void put_figure(page *p, const map *m)
{
    char style[32];
    int64_t kept = 0;
    for (int64_t i = 0; i < m->n; i++)
        kept += m->points->kept[i] != 0;
    put(p,
        "<figure><svg class=\"map\" viewBox=\"-4 -4 %d %d\" role=\"img\" aria-label=\"Scatter plot "
        "of %lld slices, %lld of them %s\">",
        ACROSS + 8, DOWN + 8, (long long)m->n, (long long)kept, m->points->kept_name);
    for (int colour = 0; colour < STYLES; colour++) {
        style_name(style, sizeof style, m, colour, "cross");
        put_cells(p, m->cells, 1 + colour, style, cross_shape);
    }
    for (int colour = 0; colour < STYLES; colour++) {
        style_name(style, sizeof style, m, colour, "point");
        put_cells(p, m->cells, 1 + STYLES + colour, style, dot_shape);
    }
    put_cells(p, m->rings, 1, "ring", ring_shape);
    put(p, "</svg></figure>\n");
}

/* ---- the key ---- */

static void put_sample(page *p, const char *style, const char *shape, const char *word,
                       const char *name)
{
    put(p,
        "<li><svg class=\"sample\" viewBox=\"-3 -3 6 6\" aria-hidden=\"true\"><path class=\"%s\" "
        "d=\"M0 0%s\"/></svg><span>",
        style, shape);
    put_text(p, word);
    put_text(p, name);
    put(p, "</span></li>");
}

static bool has_others(const map *m)
{
    for (int64_t i = 0; i < m->n; i++)
        if (colour_of(m, i) == OTHERS)
            return true;
    return false;
}

static void put_classes(page *p, const map *m)
{
    char style[32], word[80];
    snprintf(word, sizeof word, "%.64s ", m->points->class_word);
    for (int c = 0; c < m->colours; c++) {
        style_name(style, sizeof style, m, c, "point");
        put_sample(p, style, dot_shape, word, redux_column_name(m->points->names, m->shown[c]));
    }
    style_name(style, sizeof style, m, OTHERS, "point");
    if (has_others(m))
        put_sample(p, style, dot_shape, "", "other classes, or none");
}

/* With classes the shapes have a colour that is none of theirs. */
static void put_key(page *p, const map *m)
{
    const map_points *points = m->points;
    const bool plain = m->colours > 0;
    put(p, "<ul class=\"legend\">");
    put_sample(p, plain ? "point plain" : "point", dot_shape, "", points->kept_name);
    put_sample(p, plain ? "cross plain" : "cross", cross_shape, "", points->dropped_name);
    if (points->outliers != NULL)
        put_sample(p, "ring", ring_shape, "", points->outlier_name);
    if (plain)
        put_classes(p, m);
    put(p, "</ul>\n");
}

/* ---- the whole ---- */

static bool map_room(map *m, double **block)
{
    *block = calloc((size_t)(5 * m->width + 3 * m->n), sizeof **block);
    m->cells = calloc(2, CELLS);
    if (*block == NULL || m->cells == NULL)
        return false;
    m->rings = m->cells + CELLS;
    m->mean = *block + 2 * m->width; /* the first two rows are work */
    m->axes[0] = m->mean + m->width;
    m->axes[1] = m->axes[0] + m->width;
    m->at[0] = m->axes[1] + m->width;
    m->at[1] = m->at[0] + m->n;
    m->lengths = m->at[1] + m->n;
    return true;
}

static redux_status make(map *m, double *work)
{
    TRY(choose_classes(m));
    measure_lengths(m);
    find_axes(m, work);
    measure_shares(m);
    fill_cells(m);
    return REDUX_OK;
}

redux_status put_map(page *p, const map_points *points)
{
    map m = {.points = points, .n = points->count, .width = points->embeddings->shape[1]};
    double *block = NULL;
    redux_status status = map_room(&m, &block) ? make(&m, block) : no_memory();
    if (status == REDUX_OK) {
        put(p,
            "<p>Each point is a slice, near those that resemble it. Across and down are the first "
            "two principal components of the embeddings at unit length, with %.0f&thinsp;%% and "
            "%.0f&thinsp;%% of the variance. %s</p>\n",
            100 * m.share[0], 100 * m.share[1], points->note);
        put(p, "<div class=\"mapped\">");
        put_figure(p, &m);
        put_key(p, &m);
        put(p, "</div>\n");
    }
    free(block);
    free(m.cells);
    return status;
}
