/* SPDX-License-Identifier: MIT
 * Shared by the programs that write pages of HTML: redux-report and redux-audit. */
#ifndef REDUX_EXAMPLES_PAGE_H
#define REDUX_EXAMPLES_PAGE_H

#include <stdio.h>
#include "common.h"

/* A page under way. */
typedef struct page {
    FILE *file;
    int64_t plots; /* for ids */
} page;

/* printf; text from files goes through put_text. */
void put(page *p, const char *format, ...) REDUX_PRINTF(2, 3);
/* Escaped for text and attributes. Bytes that are not UTF-8 become U+FFFD. */
void put_text(page *p, const char *text);
void put_count(page *p, int64_t number); /* with thin spaces between thousands */
void page_begin(page *p, const char *title);
void page_end(page *p);
/* The embedded PNG as the value of an attribute: uint8 [H, W] or [H, W, 3]. */
redux_status put_png(page *p, const redux_tensor *picture);
/* The last part of a path. */
const char *short_name(const char *path);

/* ---- pictures ---- */

/* A stored slice in 8 bits. A window that does not fit it is replaced by the range of the slice. */
redux_status picture_show(redux_tensor *out, redux_context *context, const redux_tensor *pixels,
                          const redux_volume_info *info, redux_window window);
/* A copy whose longest side is `side`, with the aspect that the voxels' spacing gives it. */
redux_status picture_shrink(redux_tensor *out, redux_context *context, const redux_tensor *image,
                            const redux_volume_info *info, int32_t side);

/* b - a of two grey pictures of one shape: blue where b is darker, orange where it is brighter. */
redux_status picture_difference(redux_tensor *out, redux_context *context, const redux_tensor *a,
                                const redux_tensor *b);

/* "NAME: PATH: why" by errno on stderr; EXIT_DATA. */
int file_error(const char *path);

#endif
