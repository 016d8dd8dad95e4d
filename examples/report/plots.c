/* SPDX-License-Identifier: MIT
 * Plots as inline SVG: bars, lines with error bars, the strip of a volume. The page's style sets
 * the colours, so that they follow light, dark and print. */
#include <math.h>
#include <string.h>
#include "report.h"

enum { WIDTH = 350, HEIGHT = 240, LEFT = 58, RIGHT = 12, TOP = 38, BOTTOM = 46 };

/* Maps data to the drawing. */
typedef struct frame {
    double x_low, x_high, y_low, y_high;
    bool log_y;
} frame;

static double x_of(const frame *f, double x)
{
    return LEFT + (x - f->x_low) / (f->x_high - f->x_low) * (WIDTH - LEFT - RIGHT);
}

static double y_of(const frame *f, double y)
{
    const double low = f->log_y ? log10(f->y_low) : f->y_low;
    const double high = f->log_y ? log10(f->y_high) : f->y_high;
    const double value = f->log_y ? log10(fmax(y, f->y_low)) : y;
    return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM);
}

/* A step of 1, 2 or 5 times a power of ten, for about `wanted` steps. */
static double nice_step(double span, int wanted)
{
    const double rough = span / wanted, power = pow(10, floor(log10(rough)));
    const double part = rough / power;
    return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

static void put_number_label(page *p, double value, double step, bool percent)
{
    const bool is_small = step > 1e-12 && step < 1;
    const int digits = is_small ? (int)ceil(-log10(step) - 1e-9) : 0;
    if (percent) {
        const int fewer = digits > 2 ? digits - 2 : 0;
        put(p, "%.*f %%", fewer, value == 0 ? 0 : 100 * value); /* no -0 */
    } else if (fabs(value) >= 100000) {
        put(p, "%.3g", value);
    } else {
        put(p, "%.*f", digits, value == 0 ? 0 : value);
    }
}

static void put_y_axis(page *p, const plot *s, const frame *f)
{
    const double step = f->log_y ? 0 : nice_step(f->y_high - f->y_low, 5);
    const double first = f->log_y ? f->y_low : ceil(f->y_low / step - 1e-9) * step;
    for (int i = 0; i < 20; i++) {
        const double y = f->log_y ? first * pow(10, i) : first + i * step;
        if (y > f->y_high * (1 + 1e-9))
            break;
        const double at = y_of(f, y);
        put(p, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT,
            WIDTH - RIGHT, at, at);
        put(p, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", LEFT - 7, at + 4);
        put_number_label(p, y, f->log_y ? y : step, s->percent_y);
        put(p, "</text>");
    }
    put(p, "<text x=\"0\" y=\"12\">");
    put_text(p, s->y_label);
    put(p, "</text>");
}

static void put_x_axis(page *p, const plot *s, const frame *f)
{
    double step = nice_step(f->x_high - f->x_low, 5);
    if (s->is_whole && step < 1)
        step = 1;
    put(p, "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>", LEFT, WIDTH - RIGHT,
        HEIGHT - BOTTOM, HEIGHT - BOTTOM);
    const double first = ceil(f->x_low / step - 1e-9) * step;
    for (int i = 0; i < 20; i++) {
        const double x = first + i * step;
        if (x > f->x_high + 1e-9 * step)
            break;
        put(p, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", x_of(f, x),
            HEIGHT - BOTTOM + 17);
        put_number_label(p, fabs(x) < step / 2 ? 0 : x, step, false);
        put(p, "</text>");
    }
    put(p, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", WIDTH - RIGHT, HEIGHT - 6);
    put_text(p, s->x_label);
    put(p, "</text>");
}

static void begin_plot(page *p, const plot *s)
{
    const long long id = (long long)++p->plots;
    put(p, "<h3 id=\"plot%lld\">", id);
    put_text(p, s->title);
    put(p,
        "</h3>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" "
        "aria-labelledby=\"plot%lld\" aria-describedby=\"about%lld\"><desc id=\"about%lld\">",
        WIDTH, HEIGHT, id, id, id);
    put_text(p, s->about);
    put(p, "</desc>\n");
}

static void put_threshold(page *p, const plot *s, const frame *f)
{
    if (isnan(s->threshold) || s->threshold < f->x_low || s->threshold > f->x_high)
        return;
    const double x = x_of(f, s->threshold);
    const bool to_left = x > WIDTH * 0.6;
    put(p,
        "\n<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/><text class=\"mark\" "
        "x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">",
        x, x, TOP - 16, HEIGHT - BOTTOM, to_left ? x - 5 : x + 5, TOP - 8,
        to_left ? "end" : "start");
    put_text(p, s->threshold_label == NULL ? "threshold" : s->threshold_label);
    put(p, "</text>");
}

void plot_bars(page *p, const plot *s, const double *values, int64_t count, double low,
               double width)
{
    frame f = {low, low + (double)count * width, 0, 1, false};
    for (int64_t i = 0; i < count; i++)
        f.y_high = fmax(f.y_high, values[i]);
    f.y_high *= 1.04;
    begin_plot(p, s);
    put_y_axis(p, s, &f);
    for (int64_t i = 0; i < count; i++) {
        if (values[i] <= 0)
            continue;
        const double left = x_of(&f, low + (double)i * width);
        const double right = x_of(&f, low + (double)(i + 1) * width), top = y_of(&f, values[i]);
        const double gap = right - left > 6 ? 1.5 : 0.3;
        put(p, "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
            left + gap / 2, top, right - left - gap, HEIGHT - BOTTOM - top);
    }
    put_x_axis(p, s, &f);
    put_threshold(p, s, &f);
    put(p, "\n</svg>\n");
}

/* Finite, and so is the distance of two of them. */
static bool can_be_drawn(double value)
{
    return fabs(value) < 1e150;
}

static void widen(frame *f, const series *line)
{
    for (int64_t i = 0; i < line->count; i++) {
        const double low = line->low == NULL ? line->y[i] : line->low[i];
        const double high = line->high == NULL ? line->y[i] : line->high[i];
        if (!can_be_drawn(line->x[i]) || !can_be_drawn(low) || !can_be_drawn(high) ||
            (f->log_y && low <= 0))
            continue;
        f->x_low = fmin(f->x_low, line->x[i]);
        f->x_high = fmax(f->x_high, line->x[i]);
        f->y_low = fmin(f->y_low, low);
        f->y_high = fmax(f->y_high, high);
    }
}

static frame frame_of(const plot *s, const series *lines, int64_t count)
{
    frame f = {INFINITY, -INFINITY, INFINITY, -INFINITY, s->log_y};
    for (int64_t k = 0; k < count; k++)
        widen(&f, &lines[k]);
    if (f.x_low > f.x_high)
        f = (frame){0, 1, s->log_y ? 0.1 : 0, 1, s->log_y};
    if (s->log_y) {
        f.y_low = pow(10, floor(log10(f.y_low)));
        f.y_high = pow(10, ceil(log10(f.y_high)));
    }
    f.x_low = isnan(s->x_low) ? f.x_low : s->x_low;
    f.x_high = isnan(s->x_high) ? f.x_high : s->x_high;
    f.y_low = isnan(s->y_low) ? f.y_low : s->y_low;
    f.y_high = isnan(s->y_high) ? f.y_high : s->y_high;
    if (f.x_high <= f.x_low) {
        f.x_low -= 0.5;
        f.x_high += 0.5;
    }
    if (f.y_high <= f.y_low) {
        f.y_low = s->log_y ? f.y_low / 10 : f.y_low - 0.5;
        f.y_high = s->log_y ? f.y_high * 10 : f.y_high + 0.5;
    }
    return f;
}

static void put_line(page *p, const frame *f, const series *line, bool points)
{
    bool pen = false;
    put(p, "<g class=\"%s\">", line->kind == NULL ? "" : line->kind);
    if (line->low == NULL) {
        put(p, "<path class=\"curve\" d=\"");
        for (int64_t i = 0; i < line->count; i++) {
            const bool good = can_be_drawn(line->x[i]) && can_be_drawn(line->y[i]) &&
                              (!f->log_y || line->y[i] > 0);
            if (good)
                put(p, "%c%.1f %.1f", pen ? 'L' : 'M', x_of(f, line->x[i]), y_of(f, line->y[i]));
            pen = good;
        }
        put(p, "\"/>");
    }
    for (int64_t i = 0; i < line->count && (points || line->low != NULL); i++) {
        const double x = x_of(f, line->x[i]);
        if (!can_be_drawn(line->x[i]) || !can_be_drawn(line->y[i]) || (f->log_y && line->y[i] <= 0))
            continue;
        if (line->low != NULL && isfinite(line->low[i]))
            put(p, "<line class=\"whisker\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>", x,
                x, y_of(f, line->low[i]), y_of(f, line->high[i]));
        put(p, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>", x, y_of(f, line->y[i]));
    }
    put(p, "</g>\n");
}

void plot_lines(page *p, const plot *s, const series *lines, int64_t count, bool points)
{
    const frame f = frame_of(s, lines, count);
    begin_plot(p, s);
    put_y_axis(p, s, &f);
    put_x_axis(p, s, &f);
    put(p, "\n");
    for (int64_t k = 0; k < count; k++)
        put_line(p, &f, &lines[k], points);
    put_threshold(p, s, &f);
    put(p, "</svg>\n");
}

/* ---- the strip ---- */

enum { MOST_CELLS = 600 };

static double kept_share(const report_data *data, const report_volume *volume, int64_t first,
                         int64_t last)
{
    int64_t kept = 0;
    for (int64_t i = first; i < last; i++)
        kept += data->rows[volume->rows[i]].row.kept;
    return (double)kept / (double)(last - first);
}

/* One cell a slice, or for long volumes one for several, filled from below by the share kept. */
void plot_strip(page *p, const report_data *data, const report_volume *volume)
{
    const int64_t cells = volume->count < MOST_CELLS ? volume->count : MOST_CELLS;
    put(p,
        "<svg class=\"strip\" viewBox=\"0 0 %lld 10\" "
        "preserveAspectRatio=\"none\" role=\"img\" aria-label=\"%lld of %lld slices kept, along "
        "the volume\"><rect class=\"bar\" width=\"%lld\" height=\"10\"/><path class=\"in\" d=\"",
        (long long)cells, (long long)volume->kept, (long long)volume->count, (long long)cells);
    double share = 0;
    int64_t start = 0;
    for (int64_t c = 0; c <= cells; c++) {
        const double before = share;
        share = c == cells ? -1
                           : kept_share(data, volume, c * volume->count / cells,
                                        (c + 1) * volume->count / cells);
        if (c == 0 || share == before)
            continue;
        if (before > 0) /* a run of equal cells */
            put(p, "M%lld 10V%.3gH%lldV10z", (long long)start, 10 - 10 * before, (long long)c);
        start = c;
    }
    put(p, "\"/></svg>\n");
}
