/* SPDX-License-Identifier: MIT
 * audit.html: what was found, with pictures side by side. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "common/map.h"
#include "audit.h"

#define MARK_PAGE "name=\"generator\" content=\"redux-audit"

enum {
    MOST_LINES = 60,
    MOST_PAIRS = 12,
    MOST_OF_ISSUE = 6,
    MOST_OF_VOLUME = 2,
    MOST_PICTURES = 512,
    SIDE = 240
};

/* A slice as shown. */
typedef struct picture {
    bool is_against;
    int64_t slice;
    redux_tensor grey; /* data NULL: it could not be read */
} picture;

typedef struct album {
    const audit *a;
    picture list[MOST_PICTURES];
    int64_t count;
    bool is_against; /* whose slices are being read */
} album;

/* ---- which pictures ---- */

static picture *find_picture(album *pictures, bool is_against, int64_t slice)
{
    for (int64_t i = 0; i < pictures->count; i++)
        if (pictures->list[i].is_against == is_against && pictures->list[i].slice == slice)
            return &pictures->list[i];
    return NULL;
}

static void want(album *pictures, bool is_against, int64_t slice)
{
    const redux_tensor none = REDUX_TENSOR_INIT;
    if (slice >= 0 && pictures->count < MOST_PICTURES &&
        find_picture(pictures, is_against, slice) == NULL)
        pictures->list[pictures->count++] = (picture){is_against, slice, none};
}

/* The findings of a section that are shown with pictures: slices, the first few of each issue. */
static int64_t choose(redux_finding *out, const audit *a, audit_section section)
{
    int64_t taken = 0, of_issue = 0, last = -1, volume = -1, of_volume = 0;
    for (int64_t i = 0; i < audit_count(a, section) && taken < MOST_PAIRS * 4; i++) {
        const redux_finding f = audit_finding(a, section, i);
        if (f.level != REDUX_AUDIT_SLICE)
            continue;
        of_issue = (int64_t)f.issue == last ? of_issue + 1 : 0;
        last = (int64_t)f.issue;
        of_volume = f.volume == volume ? of_volume + 1 : 0;
        volume = f.volume;
        if (section == SECTION_LEAKS && of_volume >= MOST_OF_VOLUME)
            of_issue--; /* neighbours show the same */
        else if (of_issue < (section == SECTION_SLICES ? MOST_OF_ISSUE : MOST_PAIRS))
            out[taken++] = f;
    }
    return taken;
}

static void want_all(album *pictures)
{
    redux_finding shown[MOST_PAIRS * 4];
    for (int section = 0; section < FINDING_SECTIONS; section++) {
        const int64_t count = choose(shown, pictures->a, (audit_section)section);
        for (int64_t i = 0; i < count; i++) {
            want(pictures, false, shown[i].slice);
            want(pictures, shown[i].other_is_against != 0, shown[i].other_slice);
        }
    }
}

/* ---- reading them ---- */

static redux_status keep_picture(void *user, const redux_tensor *pixels, int64_t number,
                                 int64_t volume, int64_t slice)
{
    album *pictures = user;
    const audit *a = pictures->a;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    picture *wanted = find_picture(pictures, pictures->is_against, number);
    redux_tensor grey;
    (void)slice;
    if (pixels == NULL || wanted == NULL)
        return REDUX_OK;
    TRY(redux_dataset_get_volume_info(&info, pictures->is_against ? a->against : a->dataset,
                                      volume));
    if (picture_show(&grey, NULL, pixels, &info, a->settings->window) != REDUX_OK)
        return REDUX_OK; /* a box says that there is no picture */
    const redux_status status = picture_shrink(&wanted->grey, NULL, &grey, &info, SIDE);
    redux_tensor_release(&grey);
    return status;
}

static redux_status read_pictures(album *pictures, const redux_dataset *dataset, bool is_against)
{
    redux_visit_options options = REDUX_VISIT_OPTIONS_INIT;
    if (dataset == NULL)
        return REDUX_OK;
    uint8_t *wanted = calloc((size_t)redux_dataset_slice_count(dataset) + 1, 1);
    if (wanted == NULL)
        return no_memory();
    for (int64_t i = 0; i < pictures->count; i++)
        if (pictures->list[i].is_against == is_against)
            wanted[pictures->list[i].slice] = 1;
    pictures->is_against = is_against;
    options.form = REDUX_VISIT_STORED;
    options.wanted = wanted;
    options.skip_errors = 1;
    const redux_status status =
        redux_dataset_visit(pictures->a->context, dataset, &options, keep_picture, pictures);
    free(wanted);
    return status;
}

/* ---- pictures on the page ---- */

static redux_status put_picture(page *p, const redux_tensor *grey, const char *text)
{
    if (grey == NULL || grey->data == NULL) {
        put(p, "<div class=\"none\">no picture</div>");
        return REDUX_OK;
    }
    const bool is_colour = grey->ndim == 3;
    put(p, "<img loading=\"lazy\" width=\"%lld\" height=\"%lld\" alt=\"%s\" src=\"",
        (long long)grey->shape[1], (long long)grey->shape[0],
        is_colour ? "Difference: blue where the slice is darker, orange where it is brighter"
                  : text);
    TRY(put_png(p, grey));
    put(p, "\">");
    return REDUX_OK;
}

/* The twin turned back, at the size of the slice. */
static redux_status fit(redux_tensor *out, const redux_tensor *twin, int32_t turn,
                        const redux_tensor *slice)
{
    /* In redux_dihedral's order: whether rows and columns are exchanged, and which of the twin's
     * run backwards. The slice was turned to fit the twin; this is the way back. */
    static const struct {
        bool exchanged, rows, columns;
    } turns[] = {{0, 0, 0}, {1, 1, 0}, {0, 1, 1}, {1, 0, 1},
                 {0, 1, 0}, {0, 0, 1}, {1, 0, 0}, {1, 1, 1}};
    const int64_t h = twin->shape[0], w = twin->shape[1];
    const int64_t shape[2] = {turns[turn].exchanged ? w : h, turns[turn].exchanged ? h : w};
    redux_tensor turned;
    TRY(redux_tensor_new(&turned, NULL, REDUX_UINT8, 2, shape));
    for (int64_t y = 0; y < shape[0]; y++)
        for (int64_t x = 0; x < shape[1]; x++) {
            int64_t row = turns[turn].exchanged ? x : y, column = turns[turn].exchanged ? y : x;
            row = turns[turn].rows ? h - 1 - row : row;
            column = turns[turn].columns ? w - 1 - column : column;
            ((uint8_t *)turned.data)[y * shape[1] + x] =
                ((const uint8_t *)twin->data)[row * w + column];
        }
    redux_status status = redux_tensor_new(out, NULL, REDUX_UINT8, 2, slice->shape);
    if (status == REDUX_OK)
        status = redux_image_resize(out, NULL, &turned, REDUX_FILTER_LINEAR);
    redux_tensor_release(&turned);
    return status;
}

static redux_status put_difference(page *p, const redux_tensor *slice, const redux_tensor *twin)
{
    redux_tensor difference;
    TRY(picture_difference(&difference, NULL, twin, slice));
    put(p, "<div>");
    const redux_status status = put_picture(p, &difference, "");
    put(p, "<span><b>difference</b></span></div>");
    redux_tensor_release(&difference);
    return status;
}

static void put_name(page *p, const audit *a, const redux_finding *f, bool other)
{
    const audit_name name = audit_name_of(a, f, other);
    if (f->level == REDUX_AUDIT_GROUP) {
        put_text(p, name.group);
        return;
    }
    put_text(p, short_name(name.source));
    if (audit_has_number(f, &name))
        put(p, ", slice&nbsp;%lld", (long long)name.slice);
}

static redux_status put_twin(page *p, album *pictures, const redux_finding *f,
                             const redux_tensor *slice)
{
    const picture *other = find_picture(pictures, f->other_is_against != 0, f->other_slice);
    redux_tensor fitted = REDUX_TENSOR_INIT;
    redux_status status = REDUX_OK;
    const bool both = other != NULL && other->grey.data != NULL && slice != NULL;
    if (both)
        status = fit(&fitted, &other->grey, f->turn, slice);
    if (status == REDUX_OK) {
        put(p, "<div class=\"in\">");
        status = put_picture(p, both ? &fitted : NULL, "The other slice");
        put(p, "<span class=\"name\"><b>%s</b> ", f->turn > 0 ? "other, turned" : "other");
        put_name(p, pictures->a, f, true);
        put(p, "</span></div>\n");
    }
    if (status == REDUX_OK && both && f->issue == REDUX_AUDIT_SAME_PIXELS)
        put(p, "<div><div class=\"none\">no difference</div></div>");
    else if (status == REDUX_OK && both && f->issue != REDUX_AUDIT_OUTLIER)
        status = put_difference(p, slice, &fitted);
    redux_tensor_release(&fitted);
    return status;
}

static redux_status put_pair(page *p, album *pictures, const redux_finding *f)
{
    char text[160];
    const picture *own = find_picture(pictures, false, f->slice);
    const redux_tensor *slice = own == NULL || own->grey.data == NULL ? NULL : &own->grey;
    audit_describe(text, sizeof text, pictures->a, f);
    put(p, "<figure class=\"pair\"><div>\n<div>");
    TRY(put_picture(p, slice, "The slice"));
    put(p, "<span class=\"name\"><b>slice</b> ");
    put_name(p, pictures->a, f, false);
    put(p, "</span></div>\n");
    if (f->other_slice >= 0)
        TRY(put_twin(p, pictures, f, slice));
    put(p, "</div><figcaption class=\"name\">%s: ", redux_audit_issue_name(f->issue));
    put_text(p, text);
    put(p, "</figcaption></figure>\n");
    return REDUX_OK;
}

/* ---- sections ---- */

static void put_row(page *p, const audit *a, const redux_finding *f)
{
    char text[160];
    audit_describe(text, sizeof text, a, f);
    put(p, "<tr><td>%s</td><td>%s</td><td class=\"name\">", redux_audit_level_name(f->level),
        redux_audit_issue_name(f->issue));
    put_name(p, a, f, false);
    put(p, "</td><td class=\"name\">");
    if (audit_has_side(f, true))
        put_name(p, a, f, true);
    put(p, "</td><td>");
    put_text(p, text);
    put(p, "</td></tr>\n");
}

static void begin_table(page *p, const char *kind, const char *about, const char *const *heads)
{
    put(p, "<div class=\"%s\" tabindex=\"0\" role=\"region\" aria-label=\"%s\"><table><thead><tr>",
        kind, about);
    for (; *heads != NULL; heads++)
        put(p, "<th scope=\"col\">%s</th>", *heads);
    put(p, "</tr></thead><tbody>\n");
}

/* The worst lines about slices, or about groups and volumes. */
static void put_lines(page *p, const audit *a, audit_section section, bool of_slices)
{
    static const char *const heads[] = {"level", "issue", "what", "other", "score or share", NULL};
    int64_t shown = 0;
    begin_table(p, "scroll lines", "Findings", heads);
    for (int64_t i = 0; i < audit_count(a, section) && shown < MOST_LINES; i++) {
        const redux_finding f = audit_finding(a, section, i);
        if ((f.level == REDUX_AUDIT_SLICE) != of_slices)
            continue;
        put_row(p, a, &f);
        shown++;
    }
    put(p, "</tbody></table></div>\n");
}

/* Groups and volumes first; slices, which have pictures, are folded. */
static void put_tables(page *p, const audit *a, audit_section section)
{
    const int64_t slices = audit_count_level(a, section, REDUX_AUDIT_SLICE);
    const int64_t others = audit_count(a, section) - slices;
    if (others > 0)
        put_lines(p, a, section, false);
    if (slices > 0) {
        put(p, "<details><summary>%lld line%s about slices</summary>\n", (long long)slices,
            slices == 1 ? "" : "s");
        put_lines(p, a, section, true);
        put(p, "</details>\n");
    }
    if (slices > MOST_LINES || others > MOST_LINES)
        put(p, "<p class=\"soft\">A table has %d lines at most: all are in audit.csv.</p>\n",
            MOST_LINES);
}

static const char *const abouts[FINDING_SECTIONS] = {
    "What is in the other set, or in an earlier split, already. Groups come first: the share is "
    "that of their slices. A twin may be turned, cropped, resampled, windowed or noisy; similarity "
    "is 1 for the same pixels. A twin below the threshold counts where a slice beside it has a "
    "certain one.",
    "Twins with different labels, and slices whose nearest neighbours have another label: a score "
    "near 0 is suspect. The difference shows how alike the two are.",
    "Slices that show nothing, or something odd. What holds of most slices of a volume is one line "
    "of the volume.",
    "Slices far from all others: the mean distance to the 20 nearest. The other picture is the "
    "nearest slice."};

static redux_status put_verdict(page *p, const audit *a)
{
    char text[400];
    TRY(audit_describe_leaks(text, sizeof text, a));
    put(p, "<p class=\"note name\">");
    put_text(p, text);
    put(p, "</p>\n");
    return REDUX_OK;
}

static void put_issue_counts(page *p, const audit *a, audit_section section)
{
    put(p, "<dl>");
    for (int issue = 0; issue <= REDUX_AUDIT_OUTLIER; issue++) {
        const int64_t count = audit_count_issue(a, section, (redux_audit_issue)issue);
        if (count > 0)
            put(p, "<div><dt>%s</dt><dd>%lld</dd></div>",
                redux_audit_issue_name((redux_audit_issue)issue), (long long)count);
    }
    put(p, "</dl>\n");
}

static redux_status put_section(page *p, album *pictures, audit_section section)
{
    static const char *const titles[] = {"Leaks", "Labels", "Slices", "Outliers"};
    const audit *a = pictures->a;
    redux_finding shown[MOST_PAIRS * 4];
    if (a->findings[section] == NULL)
        return REDUX_OK;
    put(p, "<section id=\"%s\"><h2>%s</h2>\n<p>%s</p>\n", section_names[section], titles[section],
        abouts[section]);
    if (section == SECTION_LEAKS)
        TRY(put_verdict(p, a));
    if (audit_count(a, section) == 0) {
        put(p, "<p>Nothing was found.</p></section>\n");
        return REDUX_OK;
    }
    if (section != SECTION_LEAKS)
        put_issue_counts(p, a, section);
    put_tables(p, a, section);
    const int64_t count = choose(shown, a, section);
    put(p, "<div class=\"pairs%s\">\n", section == SECTION_SLICES ? " single" : "");
    for (int64_t i = 0; i < count; i++)
        TRY(put_pair(p, pictures, &shown[i]));
    put(p, "</div></section>\n");
    return REDUX_OK;
}

static void put_classes(page *p, const audit *a)
{
    static const char *const splits[] = {"train", "val", "test", "none"};
    static const char *const heads[] = {"label", "split", "slices", "groups", NULL};
    if (a->class_count == 0)
        return;
    put(p, "<h3>Classes</h3>");
    begin_table(p, "scroll", "Classes", heads);
    for (int64_t i = 0; i < a->class_count; i++) {
        const audit_class *c = &a->classes[i];
        put(p, "<tr><td>");
        put_text(p, c->label < 0 ? "no label" : redux_column_name(a->label_column, c->label));
        put(p, "</td><td>%s</td><td>", c->split < 0 ? "" : splits[c->split]);
        put_count(p, c->slices);
        put(p, "</td><td>");
        put_count(p, c->groups);
        put(p, "</td></tr>\n");
    }
    put(p, "</tbody></table></div>\n");
}

static void put_redundancy(page *p, const audit *a)
{
    static const char *const heads[] = {"strategy", "threshold", "kept", "removed", NULL};
    if (a->strategy_count == 0)
        return;
    put(p,
        "<section id=\"redundancy\"><h2>Redundancy</h2>\n<p>What each strategy would remove at "
        "its default. %.1f slices that share nothing would hold as much (in the embedding).</p>\n",
        a->effective);
    begin_table(p, "scroll", "What strategies would remove", heads);
    for (int64_t i = 0; i < a->strategy_count; i++) {
        const audit_strategy *s = &a->strategies[i];
        put(p, "<tr><td>%s</td><td>%g</td><td>", redux_strategy_name(s->strategy), s->threshold);
        put_count(p, s->kept);
        put(p, "</td><td>%.1f %%</td></tr>\n", 100 * (1 - (double)s->kept / (double)s->slices));
    }
    put(p, "</tbody></table></div>\n<p class=\"soft\">Not run, for they take longer: ssim, mi, "
           "ms-ssim, mattes, phase-correlation, information-gain, semdedup.</p></section>\n");
}

/* ---- the map ---- */

static bool has_map(const audit *a)
{
    return a->embeddings.data != NULL && redux_dataset_slice_count(a->dataset) > 1;
}

static void mark_outliers(uint8_t *marks, const audit *a)
{
    for (int64_t i = 0; i < audit_count(a, SECTION_OUTLIERS); i++)
        marks[audit_finding(a, SECTION_OUTLIERS, i).slice] = 1;
}

static redux_status put_points(page *p, const audit *a, uint8_t *outliers, const uint8_t *kept)
{
    if (outliers == NULL || kept == NULL)
        return no_memory();
    mark_outliers(outliers, a);
    const map_points points = {.embeddings = &a->embeddings,
                               .count = redux_dataset_slice_count(a->dataset),
                               .kept = kept,
                               .outliers = a->findings[SECTION_OUTLIERS] == NULL ? NULL : outliers,
                               .classes = a->labels,
                               .class_word =
                                   a->settings->label == NULL ? "label" : a->settings->label,
                               .names = a->label_column,
                               .kept_name = "clean",
                               .dropped_name = "left out by --write-clean",
                               .outlier_name = "outlier",
                               .note = ""};
    put(p, "<section id=\"map\"><h2>Map of the embedding</h2>\n");
    const redux_status status = put_map(p, &points);
    put(p, "</section>\n");
    return status;
}

static redux_status put_map_section(page *p, const audit *a)
{
    if (!has_map(a))
        return REDUX_OK;
    uint8_t *outliers = calloc((size_t)redux_dataset_slice_count(a->dataset), 1);
    uint8_t *kept = audit_kept(a);
    const redux_status status = put_points(p, a, outliers, kept);
    free(outliers);
    free(kept);
    return status;
}

/* ---- the whole ---- */

static void put_header(page *p, const audit *a)
{
    char day[32] = "";
    const time_t now = time(NULL);
    struct tm date;
    if (gmtime_r(&now, &date) != NULL)
        strftime(day, sizeof day, "%Y-%m-%d", &date);
    put(p, "<header><h1>Is this dataset fit to train on?</h1>\n<p class=\"soft\">");
    put_count(p, redux_dataset_slice_count(a->dataset));
    put(p, " slices of ");
    put_count(p, redux_dataset_volume_count(a->dataset));
    put(p, " volumes in ");
    put_count(p, redux_dataset_group_count(a->dataset));
    put(p, " groups");
    if (a->against != NULL) {
        put(p, ", against ");
        put_count(p, redux_dataset_slice_count(a->against));
        put(p, " slices of ");
        put_text(p, a->settings->against);
    }
    put(p, " &middot; embedding: ");
    put_text(p, a->embedding);
    put(p, " &middot; %s</p></header>\n<nav aria-label=\"Parts of the page\"><ul>", day);
    for (int i = 0; i < SECTIONS; i++)
        if (i == SECTION_REDUNDANCY ? a->strategy_count > 0 : a->findings[i] != NULL)
            put(p, "<li><a href=\"#%s\">%s</a></li>", section_names[i], section_names[i]);
    if (has_map(a))
        put(p, "<li><a href=\"#map\">map</a></li>");
    put(p, "</ul></nav>\n<main id=\"main\">\n");
}

static redux_status print_page(FILE *stream, void *user)
{
    album *pictures = user;
    const audit *a = pictures->a;
    page p = {.file = stream};
    page_begin(&p, "Is this dataset fit to train on?");
    put_header(&p, a);
    for (int section = 0; section < FINDING_SECTIONS; section++) {
        TRY(put_section(&p, pictures, (audit_section)section));
        if (section == SECTION_LABELS)
            put_classes(&p, a);
    }
    put_redundancy(&p, a);
    TRY(put_map_section(&p, a));
    put(&p,
        "</main>\n<footer>Made by redux-audit %s. A finding is something to look at. Pictures are "
        "for looking, not for diagnosis.</footer>\n",
        redux_version_string());
    page_end(&p);
    return REDUX_OK;
}

redux_status audit_write_page(const audit *a, const char *path)
{
    album *pictures = calloc(1, sizeof *pictures);
    if (pictures == NULL)
        return no_memory();
    pictures->a = a;
    want_all(pictures);
    redux_status status = read_pictures(pictures, a->dataset, false);
    if (status == REDUX_OK)
        status = read_pictures(pictures, a->against, true);
    if (status == REDUX_OK)
        status = redux_file_save(path, a->context, MARK_PAGE, print_page, pictures);
    for (int64_t i = 0; i < pictures->count; i++)
        redux_tensor_release(&pictures->list[i].grey);
    free(pictures);
    return status;
}
