/* SPDX-License-Identifier: MIT
 * Shared by the files of the loader: the order of slices, and reading them. Internal. */
#ifndef RDX_LOADER_PARTS_H
#define RDX_LOADER_PARTS_H

#include <redux/loader.h>
#include "image/views.h"

/* A kept slice. */
typedef struct rdx_kept_slice {
    int64_t row; /* of the dataset; also the sample of its random numbers */
    int64_t volume, slice;
    uint64_t bytes; /* in memory */
    bool dropped;   /* it could not be read */
    bool needed;    /* it is to be read; false where only other ranks use it */
} rdx_kept_slice;

/* What is read in one go: the kept slices of a volume, or some of them if each can be read by
 * itself (pictures, arrays). */
typedef struct rdx_portion {
    int64_t first, count; /* items */
    uint64_t held;        /* bytes of them in memory */
    uint64_t passing;     /* further bytes needed while it is read */
} rdx_portion;

typedef struct rdx_catalogue {
    const redux_dataset *dataset;
    rdx_kept_slice *items;
    int64_t item_count;
    rdx_portion *portions;
    int64_t portion_count, portion_capacity;
    int64_t dropped;
    int64_t blank; /* slices read that show one value only; counted on several threads */
    uint64_t seed;
    uint64_t limit; /* of a chunk; 0: all in memory */
} rdx_catalogue;

/* One epoch's order, divided into chunks. */
typedef struct rdx_epoch_order {
    int64_t epoch;
    int64_t *portions;    /* shuffled */
    int64_t *items;       /* in the order of use */
    int64_t *places;      /* the place of each item in that order */
    int64_t *starts;      /* [chunks + 1]: places at which chunks begin */
    int64_t *of_portions; /* [chunks + 1]: the same in `portions` */
    int64_t chunks;
} rdx_epoch_order;

/* ---- loader_order.c ---- */

redux_status rdx_catalogue_init(rdx_catalogue *out, redux_context *context,
                                const redux_dataset *dataset, const uint8_t *kept,
                                const redux_loader_options *options);
void rdx_catalogue_clear(rdx_catalogue *catalogue);
/* Removes items marked as dropped, and portions that become empty. */
void rdx_catalogue_compact(rdx_catalogue *catalogue);
/* Whether everything fits into `memory`; else sets the limit. Errors: REDUX_E_LIMIT. */
redux_status rdx_catalogue_fit(rdx_catalogue *catalogue, uint64_t memory);

redux_status rdx_order_init(rdx_epoch_order *out, redux_context *context,
                            const rdx_catalogue *catalogue);
void rdx_order_clear(rdx_epoch_order *order);
void rdx_order_make(rdx_epoch_order *order, const rdx_catalogue *catalogue, int64_t epoch);
/* The chunk of a place. */
int64_t rdx_order_chunk(const rdx_epoch_order *order, int64_t place);

/* ---- loader_read.c ---- */

/* Reads the needed items of a portion: item i into slices[at[i] - start] (at NULL: into slices[i],
 * i counted from 0). `drop` marks unreadable ones as dropped. The slices own their pixels:
 * rdx_slice_release. */
redux_status rdx_portion_read(rdx_slice *slices, const int64_t *at, int64_t start,
                              redux_context *context, rdx_catalogue *catalogue,
                              const rdx_portion *portion, bool drop);
void rdx_slice_release(rdx_slice *slice);

/* ---- loader_share.c: a loader that each of several ranks has, for its share of the views ---- */

/* The views that this rank takes of a batch, for a loader that several ranks have: marks
 * wanted[view * batch + sample], all 0 before. room: [batch]. Called on threads of the loader. */
typedef struct rdx_wishes {
    void (*mark)(uint8_t *wanted, int64_t *room, const void *user, int64_t batch);
    const void *user;
} rdx_wishes;

typedef struct rdx_share {
    rdx_wishes wishes; /* mark NULL: every view is taken */
    rdx_catalogue *catalogue;
    int64_t views, batch, batches; /* batches of an epoch */
    int64_t *room;                 /* [batch], of the thread that claims slices */
    uint8_t *read_wanted;          /* [views, batch] and */
    int64_t *read_room;            /* [batch], of the one that reads */
} rdx_share;

redux_status rdx_share_init(rdx_share *out, redux_context *context, rdx_catalogue *catalogue,
                            const rdx_wishes *wishes, int64_t views, int64_t batch);
void rdx_share_clear(rdx_share *share);
/* The wishes of a batch: wanted[views, batch]. */
void rdx_share_mark(uint8_t *wanted, const rdx_share *share, int64_t batch);
/* Marks as needed, of the slices between two places of an order, those that a wish needs; and of
 * all slices those that batches first ... end - 1 need, with `order` at the first one's epoch on
 * return. */
void rdx_share_mark_chunk(const rdx_share *share, const rdx_epoch_order *order, int64_t from,
                          int64_t to);
void rdx_share_mark_all(const rdx_share *share, rdx_epoch_order *order, int64_t first, int64_t end);

/* Whether ranks have the same catalogue. Where slices are skipped, each rank tries to read those
 * that are marked as needed, of its volumes (try_needed; NULL: none is skipped), and all drop what
 * could not be read. Ends in step. */
typedef redux_status (*rdx_try_fn)(void *user);
redux_status rdx_catalogue_agree(rdx_catalogue *catalogue, redux_context *context,
                                 rdx_try_fn try_needed, void *user);

/* ---- loader.c ---- */

/* redux_loader_new in two steps. The first finds out which slices there are; with skip_errors ranks
 * share the reading out, and agree. The second begins to load: what all views need, or (wishes not
 * NULL) only what this rank wishes, in which case views that it does not wish are undefined. */
redux_status rdx_loader_new(redux_loader **out, redux_context *context,
                            const redux_dataset *dataset, const uint8_t *kept,
                            const redux_loader_options *options, bool is_shared);
redux_status rdx_loader_begin(redux_loader *loader, const rdx_wishes *wishes);

/* How many slices that were read show one value only. */
int64_t rdx_loader_blank(const redux_loader *loader);

#endif
