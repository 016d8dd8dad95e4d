/* SPDX-License-Identifier: MIT
 * redux-report, by subject: what a manifest says (report_data.c), plots
 * (report_plots.c), pictures (report_pictures.c), sections (report_sections.c, report_volumes.c,
 * report_gallery.c, map.c, about.c), training and experiments (report_runs.c). */
#ifndef REDUX_EXAMPLES_REPORT_H
#define REDUX_EXAMPLES_REPORT_H

#include <stdio.h>
#include <jansson.h>
#include "common/common.h"
#include "common/page.h"

/* ---- what a manifest says ---- */

/* Slices that belong together: a volume, or the pictures or DICOM files of one folder. */
typedef struct report_volume {
    char *name;    /* the source; for files of one slice, their group or folder */
    int64_t *rows; /* of the manifest, in its order */
    int64_t count, capacity, kept;
    bool is_folder; /* each row is a file of its own */
    bool is_other;  /* of another set: it holds witnesses */
    bool is_shown;  /* with pictures and matrix */
    bool is_gone;   /* its file does not exist */
    char *missing;  /* why it has no pictures; NULL: it has, or none were wanted */
} report_volume;

/* One row, and its relation to other rows. */
typedef struct report_row {
    redux_manifest_row row;
    int64_t volume, place; /* its volume, and the place among that volume's rows */
    int64_t witness;       /* row number; -1: none; -2: of another set */
    int64_t group;         /* slices that a kept one represents, itself included */
} report_row;

typedef struct report_data {
    const char *path;
    redux_manifest *manifest;
    int32_t frame;                      /* of 4-D volumes */
    const char *group_by;               /* the manifest's; NULL: groups are volumes */
    json_t *summary;                    /* NULL: none */
    redux_reduce_options options;       /* defaults without a summary */
    redux_strategy_info strategy, last; /* of the first and of the last stage */
    bool has_options; /* without, strategy, threshold and is_distance are unknown */
    double threshold; /* the one used; NaN: unknown or none */
    bool is_distance; /* smaller scores mean more similar */
    bool has_embeddings;
    redux_tensor embeddings; /* for the map: [count, width] float32; data NULL: none are given */
    redux_column *classes;   /* NULL: none are given */
    int32_t *class_of;       /* [count], -1: none; NULL likewise */
    const char *class_word;  /* their column */
    report_row *rows;
    int64_t count, kept, leaked;
    report_volume *volumes; /* first the manifest's, then other sets' */
    int64_t volume_count, volume_capacity, own_volumes;
} report_data;

/* Reports errors on stderr, and returns an exit code. */
int report_data_load(report_data *data, redux_context *context, const char *path);
void report_data_free(report_data *data);
/* How far a score lies inside the threshold: 0 is just redundant; negative is not. */
double report_margin(const report_data *data, double score);
double report_percent(int64_t part, int64_t whole);
/* The volume of a witness of another set, added if it is new. -1: no memory. */
int64_t report_other_volume(report_data *data, const char *source, int64_t slice);

/* ---- pictures ---- */

/* A slice as shown: 8-bit grey, longest side at most `side`. */
typedef struct report_picture {
    int64_t volume, slice; /* slice as in the manifest; `source` for pictures of a folder */
    const char *source;
    int32_t side;
    redux_tensor grey; /* data NULL: not available */
} report_picture;

typedef struct report_matrix {
    int64_t volume, count;
    int64_t *rows;            /* which ones */
    double *scores;           /* [count, count]; row: the kept one of a pair */
    char *note;               /* what was compared, in words */
    bool is_distance, is_own; /* is_own: the manifest's own metric, the threshold applies */
} report_matrix;

/* A slice with little content. */
typedef struct report_flagged {
    int64_t row;
    double entropy; /* bits, of the 8-bit picture */
    bool is_flat;
} report_flagged;

enum { MOST_FLAGGED = 8 };

typedef struct report_pictures {
    report_picture *list;
    int64_t count, capacity;
    report_matrix *matrices;
    int64_t matrix_count;
    report_flagged flagged[MOST_FLAGGED];
    int64_t checked, differ; /* recorded scores that were computed again; those that differ */
    int64_t flagged_count, flat, looked_at; /* of all slices of the volumes that were read */
    int32_t thumb_side;                     /* of the pictures in the volumes' strips */
    int64_t most_kept;                      /* with pictures, in each strip */
} report_pictures;

typedef struct report_settings {
    const char *out, *title;
    const char *folder;     /* --data */
    const char *embeddings; /* for the map */
    const char *labels, *label;
    redux_window window; /* --window; AUTO: the manifest's */
    int64_t volumes;     /* with pictures, at most */
    int64_t gallery;     /* items of each kind */
    int64_t curve;       /* thresholds to try; 0: none; -1: as many as is cheap */
    int64_t matrix;      /* slices of a matrix, at most */
    int64_t threads;
    bool quiet, no_pictures;
    const char *training[16], *experiment[8];
    int64_t training_count, experiment_count;
} report_settings;

/* Asks for a picture before report_pictures_read; its number, or -1 without memory. */
int64_t report_picture_want(report_pictures *pictures, int64_t volume, const char *source,
                            int64_t slice, int32_t side);
/* Reads all wanted pictures, volume by volume. Failures to read are not errors. */
redux_status report_pictures_read(report_pictures *pictures, redux_context *context,
                                  report_data *data, const report_settings *s);
/* The flagged slices are known only after that, so their volumes are read again. */
redux_status report_pictures_flagged(report_pictures *pictures, redux_context *context,
                                     const report_data *data, const report_settings *s,
                                     int32_t side);
const report_picture *report_picture_of(const report_pictures *pictures, int64_t volume,
                                        const char *source, int64_t slice, int32_t side);
void report_pictures_free(report_pictures *pictures);
/* The current path of a source; false if it is not found. */
bool report_find_source(char *path, size_t size, const report_data *data, const char *folder,
                        const char *source);

/* Kept slices at other thresholds. */
typedef struct report_curve {
    int64_t count;
    double thresholds[65], kept[65];
    bool is_exact; /* reduced again; else from the recorded scores */
} report_curve;

/* Whether reducing again is possible: everything that the manifest was made with is available. */
/* Opens what the manifest's slices are of, in its order, where it is now. REDUX_E_NOT_FOUND and
 * REDUX_E_FORMAT: files are missing, or have other slices. */
redux_status report_open_all(redux_dataset **out, redux_context *context, const report_data *data,
                             const report_settings *s);
/* The strategy whose scores are recorded. */
redux_strategy report_last_strategy(const report_data *data);
bool report_can_reduce(const report_data *data);
/* Does nothing without scores and data: count stays 0. */
redux_status report_curve_make(report_curve *curve, redux_context *context, const report_data *data,
                               const report_settings *s);

/* ---- plots ---- */

typedef struct series {
    const double *x, *y, *low, *high; /* low and high: bars of error, or NULL */
    int64_t count;
    const char *kind; /* CSS class */
} series;

typedef struct plot {
    const char *title, *about; /* about: a description for screen readers */
    const char *x_label, *y_label;
    double x_low, x_high, y_low, y_high; /* NaN: from the data */
    double threshold;                    /* NaN: none is drawn */
    const char *threshold_label;
    bool log_y, percent_y, is_whole; /* is_whole: x counts */
} plot;

/* Bars from `low` in steps of `width`. */
void plot_bars(page *p, const plot *settings, const double *values, int64_t count, double low,
               double width);
void plot_lines(page *p, const plot *settings, const series *lines, int64_t count, bool points);
/* The kept slices along the axis: `values` is 1, 0 or a share in between. */
void plot_strip(page *p, const report_data *data, const report_volume *volume);

/* ---- sections ---- */

/* The slices in the gallery: row numbers. */
enum { MOST_ITEMS = 24, SIDE_SMALL = 112, SIDE_LARGE = 240 };
typedef struct report_gallery {
    int64_t pairs[MOST_ITEMS], pair_count;         /* dropped, weakest score first */
    int64_t leaks[MOST_ITEMS], leak_count;         /* dropped for a slice of another set */
    int64_t exemplars[MOST_ITEMS], exemplar_count; /* kept, largest groups first */
} report_gallery;

redux_status gallery_choose(report_gallery *gallery, report_data *data, const report_settings *s);
redux_status gallery_want(report_pictures *pictures, const report_gallery *gallery,
                          const report_data *data);
/* Leaks come first, because they matter most; then the pairs nearest the threshold. */
redux_status section_leaks(page *p, redux_context *context, const report_gallery *gallery,
                           const report_data *data, const report_pictures *pictures,
                           int64_t number);
redux_status section_pairs(page *p, redux_context *context, const report_gallery *gallery,
                           const report_data *data, const report_pictures *pictures,
                           int64_t number);
/* What the section of pairs is called. */
const char *report_pairs_title(const report_data *data);
redux_status section_gallery(page *p, const report_gallery *gallery, const report_data *data,
                             const report_pictures *pictures, int64_t number);
/* <img>, or a box that says there is none. */
redux_status put_image(page *p, const report_pictures *pictures, const report_row *row,
                       int32_t side);

/* Numbers, plots and volumes of one of `total` manifests. */
redux_status section_manifest(page *p, redux_context *context, const report_data *data,
                              const report_curve *curve, const report_gallery *gallery,
                              const report_pictures *pictures, const report_settings *s,
                              int64_t number, int64_t total);
redux_status section_volumes(page *p, redux_context *context, const report_data *data,
                             const report_pictures *pictures, const report_settings *s,
                             int64_t number);
/* All manifests side by side: each is loaded for this, one after the other. */
int section_comparison(page *p, redux_context *context, char **manifests, int count);
redux_status choose_volumes(report_pictures *pictures, report_data *data, const report_settings *s);
/* The name of a score, with its unit: "Hamming distance, bits". */
const char *score_label(const report_data *data);

/* Nothing without --embeddings. Loading prints why they or the labels do not fit, and returns an
 * exit code. */
int report_map_load(report_data *data, redux_context *context, const report_settings *s);
redux_status section_map(page *p, redux_context *context, const report_data *data, int64_t number);
/* How the manifest was made, and what the words mean. */
redux_status section_about(page *p, const report_data *data, int64_t number);
int section_training(page *p, const report_settings *s);
int section_experiment(page *p, const report_settings *s);

#endif
