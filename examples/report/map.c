/* SPDX-License-Identifier: MIT
 * The embedding map: every slice at its place on the two directions in which unit-length embeddings
 * differ most (their first two principal components), with those marked that have few neighbours.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "report.h"

enum { ACROSS = 320, DOWN = 200, ROUNDS = 60, NEIGHBOURS = 20, MOST_WITH_OUTLIERS = 30000 };

#define OUTLIERS_SHARE 0.01 /* of all slices: those farthest from their neighbours */

typedef struct map {
    redux_tensor unit; /* [n, width] float32 */
    int64_t n, width;
    double *axes[2], *mean; /* [width] */
    double *at[2];          /* [n] along each axis */
    double share[2];        /* of the variance */
    uint8_t *is_outlier;    /* [n] */
    bool has_outliers;
} map;

/* ---- embeddings ---- */

/* As float32, whatever the file has. */
static redux_status load(redux_tensor *out, redux_context *context, const char *path)
{
    redux_tensor given;
    TRY(redux_npy_read(&given, context, path));
    redux_status status = redux_tensor_new(out, context, REDUX_FLOAT32, given.ndim, given.shape);
    if (status == REDUX_OK) {
        status = redux_tensor_copy(out, &given);
        if (status != REDUX_OK)
            redux_tensor_release(out);
    }
    redux_tensor_release(&given);
    return status;
}

static bool is_finite(const redux_tensor *rows)
{
    const float *value = rows->data;
    for (int64_t i = 0; i < redux_tensor_elements(rows); i++)
        if (!isfinite(value[i]))
            return false;
    return true;
}

int report_map_check(redux_context *context, const report_data *data, const report_settings *s)
{
    redux_tensor rows;
    if (s->embeddings == NULL)
        return EXIT_OK;
    if (load(&rows, context, s->embeddings) != REDUX_OK)
        return data_error();
    const bool fits = rows.ndim == 2 && rows.shape[0] == data->count && rows.shape[1] > 0;
    const bool is_good = fits && is_finite(&rows);
    redux_tensor_release(&rows);
    if (is_good)
        return EXIT_OK;
    fprintf(stderr, "%s: %s: %s\n", program_name, s->embeddings,
            fits ? "it holds NaN or infinity"
                 : "it needs one row of numbers for each slice of the manifest, in its order");
    return EXIT_DATA;
}

static redux_status load_unit(map *m, redux_context *context, const char *path)
{
    TRY(load(&m->unit, context, path));
    m->n = m->unit.shape[0];
    m->width = m->unit.shape[1];
    for (int64_t i = 0; i < m->n; i++) {
        float *row = (float *)m->unit.data + i * m->width;
        double square = 0;
        for (int64_t d = 0; d < m->width; d++)
            square += (double)row[d] * (double)row[d];
        for (int64_t d = 0; d < m->width && square > 0; d++)
            row[d] = (float)((double)row[d] / sqrt(square));
    }
    return REDUX_OK;
}

/* ---- principal components ---- */

static double dot(const double *a, const double *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
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

/* Places along both axes; and, with `turned`, the axes times the covariance. */
static void project(const map *m, double *turned[2])
{
    for (int64_t i = 0; i < m->n; i++) {
        const float *row = (const float *)m->unit.data + i * m->width;
        for (int a = 0; a < 2; a++) {
            double sum = 0;
            for (int64_t d = 0; d < m->width; d++)
                sum += ((double)row[d] - m->mean[d]) * m->axes[a][d];
            m->at[a][i] = sum;
            for (int64_t d = 0; d < m->width && turned != NULL; d++)
                turned[a][d] += sum * ((double)row[d] - m->mean[d]);
        }
    }
}

/* Subspace iteration: the axes are turned by the covariance until they are its largest
 * eigenvectors. Their signs are chosen, so that the same data give the same map. */
static void find_axes(map *m, double *work)
{
    const redux_random_key key = {.seed = 1};
    double *turned[2] = {work, work + m->width};
    for (int64_t i = 0; i < m->n; i++)
        for (int64_t d = 0; d < m->width; d++)
            m->mean[d] += (double)((const float *)m->unit.data)[i * m->width + d] / (double)m->n;
    for (int64_t d = 0; d < 2 * m->width; d++)
        m->axes[d % 2][d / 2] = redux_random_normal(&key, (uint32_t)d);
    for (int round = 0; round < ROUNDS; round++) {
        memset(work, 0, 2 * (size_t)m->width * sizeof *work);
        project(m, turned);
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
    project(m, NULL);
}

static void measure_shares(map *m)
{
    double all = 0;
    for (int64_t i = 0; i < m->n; i++)
        for (int64_t d = 0; d < m->width; d++) {
            const double off = (double)((const float *)m->unit.data)[i * m->width + d] - m->mean[d];
            all += off * off;
        }
    for (int a = 0; a < 2; a++)
        m->share[a] = all > 0 ? dot(m->at[a], m->at[a], m->n) / all : 0;
}

/* ---- outliers ---- */

static int compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The mean cosine to the nearest neighbours, itself left out; the lowest hundredth is marked. */
static void mark_outliers(map *m, const double *scores, int64_t most, double *mean)
{
    for (int64_t i = 0; i < m->n; i++) {
        mean[i] = 0;
        for (int64_t k = 1; k < most; k++) /* the slice itself, or one that is the same, is first */
            mean[i] += scores[i * most + k] / (double)(most - 1);
    }
    double *sorted = mean + m->n;
    memcpy(sorted, mean, (size_t)m->n * sizeof *sorted);
    qsort(sorted, (size_t)m->n, sizeof *sorted, compare_numbers);
    const double limit = sorted[(int64_t)(OUTLIERS_SHARE * (double)m->n)];
    for (int64_t i = 0; i < m->n; i++)
        m->is_outlier[i] = mean[i] < limit;
    m->has_outliers = limit > sorted[0]; /* a hundred slices at least, not all alike */
}

static redux_status find_outliers(map *m, redux_context *context)
{
    const int64_t most = m->n < NEIGHBOURS + 1 ? m->n : NEIGHBOURS + 1;
    redux_metric *cosine = NULL;
    if (m->n > MOST_WITH_OUTLIERS)
        return REDUX_OK;
    int64_t *nearest = malloc((size_t)(m->n * most) * sizeof *nearest);
    double *scores = malloc((size_t)(m->n * most + 2 * m->n) * sizeof *scores);
    redux_status status = nearest == NULL || scores == NULL
                              ? REDUX_E_NO_MEMORY
                              : redux_metric_new_cosine(&cosine, context);
    if (status == REDUX_OK)
        status = redux_metric_nearest(nearest, scores, context, cosine, &m->unit, &m->unit, most);
    if (status == REDUX_OK)
        mark_outliers(m, scores, most, scores + m->n * most);
    redux_metric_free(cosine);
    free(nearest);
    free(scores);
    return status;
}

/* ---- the drawing ---- */

enum { CELL_EMPTY, CELL_DROPPED, CELL_KEPT };

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

/* What lies in each cell of the map; a kept slice hides dropped ones. */
static void fill_cells(uint8_t *cells, uint8_t *outliers, const map *m, const report_data *data)
{
    double low[2], high[2];
    for (int a = 0; a < 2; a++)
        range_of(&low[a], &high[a], m->at[a], m->n);
    for (int64_t i = 0; i < m->n; i++) {
        const int64_t x = cell_of(m->at[0][i], low[0], high[0], ACROSS);
        const int64_t y = DOWN - 1 - cell_of(m->at[1][i], low[1], high[1], DOWN);
        const uint8_t kind = data->rows[i].row.kept ? CELL_KEPT : CELL_DROPPED;
        if (cells[y * ACROSS + x] < kind)
            cells[y * ACROSS + x] = kind;
        outliers[y * ACROSS + x] |= m->is_outlier[i];
    }
}

static void put_cells(page *p, const uint8_t *cells, uint8_t kind, const char *style,
                      const char *shape)
{
    put(p, "<path class=\"%s\" d=\"", style);
    for (int64_t i = 0; i < (int64_t)ACROSS * DOWN; i++)
        if (cells[i] == kind)
            put(p, "M%lld %lld%s", (long long)(i % ACROSS), (long long)(i / ACROSS), shape);
    put(p, "\"/>");
}

static redux_status put_map(page *p, const map *m, const report_data *data, int64_t number)
{
    uint8_t *cells = calloc(2 * (size_t)ACROSS * DOWN, 1);
    if (cells == NULL)
        return REDUX_E_NO_MEMORY;
    fill_cells(cells, cells + (size_t)ACROSS * DOWN, m, data);
    put(p,
        "<h3 id=\"map%lld\">Map of the embeddings</h3>\n<p>Each point is a slice, near those that "
        "resemble it:<span class=\"key in\"></span>kept<span class=\"key\"></span>dropped%s. "
        "Across and down are the first two principal components, with %.0f&thinsp;%% and "
        "%.0f&thinsp;%% of the variance. Kept slices should cover the map.</p>\n<figure><svg "
        "class=\"map\" viewBox=\"-4 -4 %d %d\" role=\"img\" aria-label=\"Scatter plot of %lld "
        "slices, %lld of them kept\">",
        (long long)number,
        m->has_outliers ? "; a ring marks the hundredth that is farthest from its 20 nearest "
                          "neighbours"
                        : "",
        100 * m->share[0], 100 * m->share[1], ACROSS + 8, DOWN + 8, (long long)m->n,
        (long long)data->kept);
    put_cells(p, cells, CELL_DROPPED, "bar", "h1.4v1.4h-1.4z");
    put_cells(p, cells, CELL_KEPT, "in", "h1.4v1.4h-1.4z");
    put_cells(p, cells + (size_t)ACROSS * DOWN, 1, "ring",
              "m-1.6 .7a2.3 2.3 0 1 0 4.6 0a2.3 2.3 0 1 0-4.6 0");
    put(p, "</svg></figure>\n");
    free(cells);
    return REDUX_OK;
}

static bool map_room(map *m, double **block)
{
    *block = calloc((size_t)(5 * m->width + 2 * m->n), sizeof **block);
    m->is_outlier = calloc((size_t)m->n + 1, 1);
    if (*block == NULL || m->is_outlier == NULL)
        return false;
    m->mean = *block + 2 * m->width; /* the first two rows are work */
    m->axes[0] = m->mean + m->width;
    m->axes[1] = m->axes[0] + m->width;
    m->at[0] = m->axes[1] + m->width;
    m->at[1] = m->at[0] + m->n;
    return true;
}

redux_status section_map(page *p, redux_context *context, const report_data *data,
                         const report_settings *s, int64_t number)
{
    map m = {.n = 0};
    double *block = NULL;
    if (s->embeddings == NULL || data->count < 2)
        return REDUX_OK;
    redux_status status = load_unit(&m, context, s->embeddings);
    if (status == REDUX_OK && !map_room(&m, &block))
        status = REDUX_E_NO_MEMORY;
    if (status == REDUX_OK) {
        find_axes(&m, block);
        measure_shares(&m);
        status = find_outliers(&m, context);
    }
    if (status == REDUX_OK)
        status = put_map(p, &m, data, number);
    free(block);
    free(m.is_outlier);
    redux_tensor_release(&m.unit);
    return status;
}
