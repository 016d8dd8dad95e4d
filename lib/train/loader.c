/* SPDX-License-Identifier: MIT
 * Batches of views: worker threads fill a ring of them while the caller computes.
 *
 * Workers claim slices one by one in the order of use, so batches are completed in order too.
 * Slices are either all in memory or come in chunks: a separate thread reads the next chunk into
 * one of two places while the other is used. One mutex protects all shared state; pixels and views
 * are written by the thread that claimed them, and read after the mutex was held. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/communicator.h"
#include "io/io.h"
#include "loader_parts.h"

#define RING 3 /* the caller's batch, and two ahead */
#define MOST_BATCH 1048576

/* A slice of a batch that a worker can claim. */
typedef struct entry {
    int64_t item, chunk; /* chunk: counted from the loader's first one */
    const rdx_slice *slice;
} entry;

/* One batch. */
typedef struct slot {
    int64_t number; /* of the batch, -1: free */
    int64_t epoch, done;
    entry *entries;
    int64_t *rows;            /* the slices' numbers in the dataset */
    redux_tensor full, small; /* [V, batch, s, s, 1] */
    redux_tensor *views;      /* of these, without storage */
    uint8_t *wanted;          /* [views, batch]; NULL: all are */
} slot;

/* The place of a chunk. With everything in memory there is one, used throughout. */
typedef struct place {
    int64_t chunk; /* -1: free */
    bool ready;
    int64_t left; /* slices not yet used */
    int64_t count;
    rdx_slice *slices;
} place;

typedef struct worker {
    redux_loader *loader;
    rdx_viewer viewer;
    pthread_t thread;
} worker;

struct redux_loader {
    redux_context *context;
    rdx_views views;
    rdx_catalogue catalogue;
    bool resident;
    int64_t batch, batches, first_batch, end_batch;
    place places[2];
    slot slots[RING];
    worker *workers;
    int started;
    pthread_t reader;
    bool reading;
    rdx_epoch_order claim_order, read_order;
    uint64_t memory; /* of the options */
    bool is_shared;  /* with other ranks, which take other views */
    rdx_share share;

    pthread_mutex_t mutex;
    pthread_cond_t work;  /* a slot or a chunk is available, or the loader stops */
    pthread_cond_t ready; /* a batch is complete, or a thread failed */
    bool stop;
    int64_t claim_batch, claim_entry, claim_chunks; /* chunks before those of claim_order */
    int64_t next;                                   /* the caller's next batch */
    const int64_t *rows;                            /* of its last one; NULL: it has none */
    int64_t failed_batch, failed_chunk;
    redux_status status;
    char message[1024];
};

/* ---- failing ---- */

/* This thread's failure becomes the loader's. The mutex is held. */
static void note_failure(redux_loader *loader, redux_status status)
{
    loader->status = status;
    snprintf(loader->message, sizeof loader->message, "%s", redux_error_message());
    pthread_cond_broadcast(&loader->work);
    pthread_cond_broadcast(&loader->ready);
}

/* ---- making batches ---- */

static int64_t used_of(const redux_loader *loader)
{
    return loader->batches * loader->batch;
}

/* Chunks of an order of which slices are used. */
static int64_t chunks_used(const redux_loader *loader, const rdx_epoch_order *order)
{
    return rdx_order_chunk(order, used_of(loader) - 1) + 1;
}

/* The order of the batch's epoch; epochs come one after the other. */
static void claim_epoch(redux_loader *loader, int64_t epoch)
{
    rdx_epoch_order *order = &loader->claim_order;
    if (order->epoch == epoch)
        return;
    if (order->epoch >= 0)
        loader->claim_chunks += chunks_used(loader, order);
    rdx_order_make(order, &loader->catalogue, epoch);
}

static void fill_slot(redux_loader *loader, slot *s, int64_t number)
{
    const rdx_epoch_order *order = &loader->claim_order;
    s->epoch = number / loader->batches;
    claim_epoch(loader, s->epoch);
    s->number = number;
    s->done = 0;
    if (s->wanted != NULL)
        rdx_share_mark(s->wanted, &loader->share, number);
    for (int64_t i = 0; i < loader->batch; i++) {
        const int64_t at = number % loader->batches * loader->batch + i;
        const int64_t chunk = rdx_order_chunk(order, at);
        entry *e = &s->entries[i];
        e->item = order->items[at];
        s->rows[i] = loader->catalogue.items[e->item].row;
        e->chunk = loader->resident ? 0 : loader->claim_chunks + chunk;
        e->slice = loader->resident
                       ? &loader->places[0].slices[e->item]
                       : &loader->places[e->chunk % 2].slices[at - order->starts[chunk]];
    }
}

/* Claims the next slice; NULL where there is nothing to do at present. */
static const entry *claim(redux_loader *loader, slot **out, int64_t *index)
{
    slot *s = &loader->slots[loader->claim_batch % RING];
    if (loader->failed_batch >= 0 || loader->claim_batch >= loader->end_batch)
        return NULL;
    if (s->number != loader->claim_batch) {
        if (s->number >= 0)
            return NULL;
        fill_slot(loader, s, loader->claim_batch);
    }
    const entry *e = &s->entries[loader->claim_entry];
    const place *p = &loader->places[loader->resident ? 0 : e->chunk % 2];
    if (e->chunk == loader->failed_chunk) {
        loader->failed_batch = loader->claim_batch;
        pthread_cond_broadcast(&loader->ready);
        return NULL;
    }
    if (p->chunk != e->chunk || !p->ready)
        return NULL;
    *out = s;
    *index = loader->claim_entry++;
    if (loader->claim_entry == loader->batch) {
        loader->claim_entry = 0;
        loader->claim_batch++;
    }
    return e;
}

static redux_status make_views(worker *w, const slot *s, int64_t index)
{
    const redux_loader *loader = w->loader;
    const entry *e = &s->entries[index];
    const redux_random_key key = {.seed = loader->catalogue.seed,
                                  .epoch = (uint32_t)s->epoch,
                                  .sample = (uint64_t)loader->catalogue.items[e->item].row};
    for (int32_t v = 0; v < redux_loader_view_count(loader); v++) {
        const redux_tensor *view = &s->views[v];
        if (s->wanted != NULL && s->wanted[v * loader->batch + index] == 0)
            continue;
        RDX_TRY(rdx_viewer_view(&w->viewer, (float *)view->data + index * view->strides[0],
                                e->slice, &loader->views, &key, v));
    }
    return REDUX_OK;
}

/* The mutex is held: a slice of a chunk is not needed any more. */
static void leave_chunk(redux_loader *loader, int64_t chunk)
{
    place *p = &loader->places[chunk % 2];
    if (loader->resident || --p->left > 0)
        return;
    p->chunk = -1;
    p->ready = false;
    pthread_cond_broadcast(&loader->work);
}

static void *worker_main(void *user)
{
    worker *w = user;
    redux_loader *loader = w->loader;
    pthread_mutex_lock(&loader->mutex);
    while (!loader->stop) {
        slot *s;
        int64_t index;
        const entry *e = claim(loader, &s, &index);
        if (e == NULL) {
            pthread_cond_wait(&loader->work, &loader->mutex);
            continue;
        }
        pthread_mutex_unlock(&loader->mutex);
        const redux_status status = make_views(w, s, index);
        pthread_mutex_lock(&loader->mutex);
        leave_chunk(loader, e->chunk);
        if (status != REDUX_OK) {
            if (loader->failed_batch < 0 || s->number < loader->failed_batch) {
                loader->failed_batch = s->number; /* the earliest failure counts */
                note_failure(loader, status);
            }
        } else if (++s->done == loader->batch) {
            pthread_cond_signal(&loader->ready);
        }
    }
    pthread_mutex_unlock(&loader->mutex);
    return NULL;
}

/* ---- reading chunks ---- */

/* The next read. */
typedef struct reading {
    int64_t chunk, epoch, index; /* index: of the chunk in its epoch */
    int64_t first;               /* place of the first slice that is used */
} reading;

static void place_clear(place *p)
{
    for (int64_t i = 0; i < p->count; i++)
        rdx_slice_release(&p->slices[i]);
    p->count = 0;
}

static redux_status read_chunk(redux_loader *loader, place *p, const rdx_epoch_order *order,
                               int64_t index)
{
    place_clear(p);
    const int64_t start = order->starts[index];
    p->count = order->starts[index + 1] - start;
    memset(p->slices, 0, (size_t)p->count * sizeof *p->slices);
    if (loader->share.wishes.mark != NULL)
        rdx_share_mark_chunk(&loader->share, order, start, start + p->count);
    for (int64_t u = order->of_portions[index]; u < order->of_portions[index + 1]; u++) {
        const rdx_portion *portion = &loader->catalogue.portions[order->portions[u]];
        pthread_mutex_lock(&loader->mutex);
        const bool stop = loader->stop;
        pthread_mutex_unlock(&loader->mutex);
        if (stop)
            return REDUX_OK;
        RDX_TRY(rdx_portion_read(p->slices, order->places + portion->first, start, loader->context,
                                 &loader->catalogue, portion, false));
    }
    return REDUX_OK;
}

/* Waits until a place is free; false: the loader stops. The mutex is held. */
static bool wait_for_place(redux_loader *loader, const place *p)
{
    while (!loader->stop && p->chunk >= 0)
        pthread_cond_wait(&loader->work, &loader->mutex);
    return !loader->stop;
}

/* Is there a batch that needs it? */
static bool chunk_needed(const redux_loader *loader, const reading *r)
{
    const int64_t batch = loader->read_order.starts[r->index] / loader->batch;
    return r->epoch * loader->batches + batch < loader->end_batch;
}

/* One chunk into its place; false: it is time to end. The mutex is held. */
static bool read_next(redux_loader *loader, const reading *r)
{
    const rdx_epoch_order *order = &loader->read_order;
    place *p = &loader->places[r->chunk % 2];
    if (!wait_for_place(loader, p))
        return false;
    pthread_mutex_unlock(&loader->mutex);
    const redux_status status = read_chunk(loader, p, order, r->index);
    pthread_mutex_lock(&loader->mutex);
    if (status != REDUX_OK) {
        loader->failed_chunk = r->chunk;
        note_failure(loader, status);
        return false;
    }
    p->chunk = r->chunk;
    p->ready = true;
    p->left = RDX_MIN(order->starts[r->index + 1], used_of(loader)) -
              RDX_MAX(order->starts[r->index], r->first);
    pthread_cond_broadcast(&loader->work);
    return true;
}

static void *reader_main(void *user)
{
    redux_loader *loader = user;
    rdx_epoch_order *order = &loader->read_order;
    reading r = {0, loader->first_batch / loader->batches, 0,
                 loader->first_batch % loader->batches * loader->batch};
    rdx_order_make(order, &loader->catalogue, r.epoch);
    r.index = rdx_order_chunk(order, r.first);
    pthread_mutex_lock(&loader->mutex);
    while (chunk_needed(loader, &r) && read_next(loader, &r)) {
        r.chunk++;
        r.index++;
        if (r.index < chunks_used(loader, order))
            continue;
        r.index = r.first = 0;
        rdx_order_make(order, &loader->catalogue, ++r.epoch);
    }
    pthread_mutex_unlock(&loader->mutex);
    return NULL;
}

/* ---- reading everything ---- */

typedef struct read_job {
    redux_loader *loader;
    bool drop, keep;
} read_job;

static redux_status read_portion(int64_t index, void *user)
{
    const read_job *job = user;
    redux_loader *loader = job->loader;
    const rdx_portion *portion = &loader->catalogue.portions[index];
    rdx_slice *slices = loader->places[0].slices + portion->first;
    redux_status status =
        rdx_portion_read(slices, NULL, 0, loader->context, &loader->catalogue, portion, job->drop);
    for (int64_t i = 0; i < portion->count && !job->keep; i++)
        rdx_slice_release(&slices[i]);
    return status != REDUX_OK ? status : rdx_progress_add(loader->context, portion->count);
}

/* Reads portions in parallel if the memory allows that many open volumes. */
static redux_status read_portions(read_job *job, uint64_t memory)
{
    const rdx_catalogue *catalogue = &job->loader->catalogue;
    const uint64_t threads = (uint64_t)redux_context_threads(job->loader->context);
    uint64_t held = 0, passing = 0;
    for (int64_t u = 0; u < catalogue->portion_count; u++) {
        held = job->keep ? held + catalogue->portions[u].held
                         : RDX_MAX(held, threads * catalogue->portions[u].held);
        passing = RDX_MAX(passing, catalogue->portions[u].passing);
    }
    if (memory == 0 || held + threads * passing <= memory)
        return rdx_parallel(job->loader->context, catalogue->portion_count, read_portion, job);
    for (int64_t u = 0; u < catalogue->portion_count; u++)
        RDX_TRY(read_portion(u, job));
    return REDUX_OK;
}

/* Slices follow the items that are left. */
static void drop_slices(redux_loader *loader)
{
    place *p = &loader->places[0];
    int64_t count = 0;
    for (int64_t i = 0; i < loader->catalogue.item_count; i++)
        if (!loader->catalogue.items[i].dropped)
            p->slices[count++] = p->slices[i];
    p->count = count;
    rdx_catalogue_compact(&loader->catalogue);
}

/* Keeps all slices, or only finds out which can be read. */
static redux_status read_all(redux_loader *loader, uint64_t memory, bool drop, bool keep)
{
    rdx_catalogue *catalogue = &loader->catalogue;
    read_job job = {loader, drop, keep};
    rdx_progress_begin(loader->context, catalogue->item_count);
    RDX_TRY(read_portions(&job, memory));
    rdx_progress_begin(loader->context, 0);
    return REDUX_OK;
}

static redux_status read_everything(redux_loader *loader, const redux_loader_options *options)
{
    rdx_catalogue *catalogue = &loader->catalogue;
    const bool drop = options->skip_errors != 0;
    if (!loader->resident && !drop)
        return REDUX_OK;
    loader->places[0].count = loader->resident ? catalogue->item_count : 0;
    RDX_TRY(read_all(loader, options->memory_bytes, drop, loader->resident));
    if (loader->resident)
        drop_slices(loader);
    else
        rdx_catalogue_compact(catalogue);
    return REDUX_OK;
}

/* As rdx_try_fn. */
static redux_status try_all(void *user)
{
    redux_loader *loader = user;
    return read_all(loader, loader->memory, true, false);
}

/* ---- making and ending ---- */

static redux_status new_slices(place *p, redux_context *context, int64_t count)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)count, sizeof(rdx_slice)));
    p->slices = block;
    p->chunk = -1;
    return REDUX_OK;
}

/* What there is, and all of it in memory where it fits. */
static redux_status open_slices(redux_loader *loader, const redux_dataset *dataset,
                                const uint8_t *kept, const redux_loader_options *options)
{
    redux_context *context = loader->context;
    rdx_catalogue *catalogue = &loader->catalogue;
    RDX_TRY(rdx_catalogue_init(catalogue, context, dataset, kept, options));
    RDX_TRY(rdx_catalogue_fit(catalogue, options->memory_bytes));
    loader->resident = catalogue->limit == 0;
    for (int i = 0; i < (loader->resident ? 1 : 2); i++)
        RDX_TRY(new_slices(&loader->places[i], context, catalogue->item_count));
    if (!loader->is_shared)
        RDX_TRY(read_everything(loader, options));
    return REDUX_OK;
}

static redux_status check_count(const redux_loader *loader)
{
    const rdx_catalogue *catalogue = &loader->catalogue;
    if (catalogue->item_count == 0)
        return rdx_fail(REDUX_E_INVALID, "no slices to train on: none is kept%s",
                        catalogue->dropped > 0 ? ", or none could be read" : "");
    return REDUX_OK;
}

static redux_status new_views(redux_tensor *out, redux_tensor *views, redux_context *context,
                              int64_t count, int64_t batch, int64_t size)
{
    const int64_t shape[5] = {count, batch, size, size, 1};
    /* Not zeroed: a rank that makes some of the views only does not touch the rest. */
    RDX_TRY(rdx_tensor_alloc(out, context, REDUX_FLOAT32, 5, shape));
    for (int64_t v = 0; v < count; v++)
        RDX_TRY(redux_tensor_borrow(&views[v], (float *)out->data + v * out->strides[0],
                                    REDUX_FLOAT32, 4, shape + 1, NULL));
    return REDUX_OK;
}

static redux_status slot_init(slot *s, const redux_loader *loader)
{
    const redux_views_options *views = &loader->views.options;
    redux_context *context = loader->context;
    void *block;
    s->number = -1;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)loader->batch, sizeof(entry)));
    s->entries = block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)loader->batch, sizeof *s->rows));
    s->rows = block;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)(views->views + views->small_views),
                           sizeof(redux_tensor)));
    s->views = block;
    RDX_TRY(new_views(&s->full, s->views, context, views->views, loader->batch,
                      loader->views.input.size));
    if (views->small_views == 0)
        return REDUX_OK;
    return new_views(&s->small, s->views + views->views, context, views->small_views, loader->batch,
                     views->small_size);
}

static void slot_clear(slot *s)
{
    redux_tensor_release(&s->full);
    redux_tensor_release(&s->small);
    rdx_free(s->entries);
    rdx_free(s->rows);
    rdx_free(s->views);
    rdx_free(s->wanted);
}

static redux_status start_thread(pthread_t *thread, void *(*start)(void *), void *user)
{
    const int error = pthread_create(thread, NULL, start, user);
    if (error != 0)
        return rdx_fail(REDUX_E_IO, "cannot start a thread: %s", strerror(error));
    return REDUX_OK;
}

static redux_status start_threads(redux_loader *loader)
{
    const int count = redux_context_threads(loader->context);
    void *block;
    RDX_TRY(rdx_alloc_zero(loader->context, &block, (uint64_t)count, sizeof(worker)));
    loader->workers = block;
    for (; loader->started < count; loader->started++) {
        worker *w = &loader->workers[loader->started];
        w->loader = loader;
        rdx_viewer_init(&w->viewer, loader->context);
        RDX_TRY(start_thread(&w->thread, worker_main, w));
    }
    if (loader->resident)
        return REDUX_OK;
    RDX_TRY(start_thread(&loader->reader, reader_main, loader));
    loader->reading = true;
    return REDUX_OK;
}

/* The end is known before threads work ahead, so that nobody works beyond it. */
static int64_t end_of(const redux_loader *loader, const redux_loader_options *options)
{
    if (options->batches > 0)
        return options->batches;
    return options->epochs > 0 ? options->epochs * loader->batches : INT64_MAX;
}

static redux_status loader_open(redux_loader *loader, const redux_dataset *dataset,
                                const uint8_t *kept, const redux_loader_options *options)
{
    RDX_TRY(rdx_views_read(&loader->views, options->views, options->input));
    if (options->batch < 1 || options->batch > MOST_BATCH || options->first_batch < 0 ||
        options->epochs < 0 || options->batches < 0)
        return rdx_fail(REDUX_E_INVALID,
                        "loader: batch %lld, first batch %lld, %lld epochs, %lld batches",
                        (long long)options->batch, (long long)options->first_batch,
                        (long long)options->epochs, (long long)options->batches);
    redux_status status = open_slices(loader, dataset, kept, options);
    if (loader->is_shared)
        status = rdx_agree(loader->context, status);
    if (status == REDUX_OK && loader->is_shared)
        status = rdx_catalogue_agree(&loader->catalogue, loader->context,
                                     options->skip_errors != 0 ? try_all : NULL, loader);
    RDX_TRY(status);
    RDX_TRY(check_count(loader));
    loader->batch = RDX_MIN(options->batch, loader->catalogue.item_count);
    loader->batches = loader->catalogue.item_count / loader->batch;
    loader->end_batch = end_of(loader, options);
    loader->first_batch = loader->next = loader->claim_batch = options->first_batch;
    RDX_TRY(rdx_order_init(&loader->claim_order, loader->context, &loader->catalogue));
    RDX_TRY(rdx_order_init(&loader->read_order, loader->context, &loader->catalogue));
    rdx_order_make(&loader->claim_order, &loader->catalogue,
                   options->first_batch / loader->batches);
    /* the reader's chunk 0 is the one of the first batch */
    loader->claim_chunks = -rdx_order_chunk(&loader->claim_order,
                                            options->first_batch % loader->batches * loader->batch);
    for (int i = 0; i < RING; i++)
        RDX_TRY(slot_init(&loader->slots[i], loader));
    return REDUX_OK;
}

redux_status rdx_loader_new(redux_loader **out, redux_context *context,
                            const redux_dataset *dataset, const uint8_t *kept,
                            const redux_loader_options *options, bool is_shared)
{
    redux_loader_options known = REDUX_LOADER_OPTIONS_INIT;
    void *block;
    RDX_TRY(rdx_read_options(&known, sizeof known, options, "redux_loader_options"));
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_loader)));
    redux_loader *loader = block;
    loader->context = context;
    loader->is_shared = is_shared;
    loader->memory = known.memory_bytes;
    loader->failed_batch = loader->failed_chunk = -1;
    pthread_mutex_init(&loader->mutex, NULL);
    pthread_cond_init(&loader->work, NULL);
    rdx_cond_init(&loader->ready);
    const redux_status status = loader_open(loader, dataset, kept, &known);
    if (status != REDUX_OK) {
        redux_loader_free(loader);
        return status;
    }
    *out = loader;
    return REDUX_OK;
}

static redux_status take_wishes(redux_loader *loader, const rdx_wishes *wishes)
{
    const int64_t views = redux_loader_view_count(loader);
    void *block;
    RDX_TRY(rdx_share_init(&loader->share, loader->context, &loader->catalogue, wishes, views,
                           loader->batch));
    for (int i = 0; i < RING; i++) {
        RDX_TRY(rdx_alloc(loader->context, &block, (uint64_t)(views * loader->batch), 1));
        loader->slots[i].wanted = block;
    }
    if (loader->resident)
        rdx_share_mark_all(&loader->share, &loader->claim_order, loader->first_batch,
                           loader->end_batch);
    return REDUX_OK;
}

redux_status rdx_loader_begin(redux_loader *loader, const rdx_wishes *wishes)
{
    place *p = &loader->places[0];
    if (wishes != NULL)
        RDX_TRY(take_wishes(loader, wishes));
    if (loader->resident && loader->is_shared) {
        p->count = loader->catalogue.item_count;
        RDX_TRY(read_all(loader, loader->memory, false, true));
    }
    if (loader->resident) {
        p->chunk = 0;
        p->ready = true;
    }
    return start_threads(loader);
}

redux_status redux_loader_new(redux_loader **out, redux_context *context,
                              const redux_dataset *dataset, const uint8_t *kept,
                              const redux_loader_options *options)
{
    redux_loader *loader = NULL;
    if (out == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_loader_new: an argument is NULL");
    RDX_TRY(rdx_loader_new(&loader, context, dataset, kept, options, false));
    const redux_status status = rdx_loader_begin(loader, NULL);
    if (status == REDUX_OK)
        *out = loader;
    else
        redux_loader_free(loader);
    return status;
}

static void stop_threads(redux_loader *loader)
{
    pthread_mutex_lock(&loader->mutex);
    loader->stop = true;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
    for (int i = 0; i < loader->started; i++) {
        pthread_join(loader->workers[i].thread, NULL);
        rdx_viewer_clear(&loader->workers[i].viewer);
    }
    if (loader->reading)
        pthread_join(loader->reader, NULL);
}

void redux_loader_free(redux_loader *loader)
{
    if (loader == NULL)
        return;
    stop_threads(loader);
    for (int i = 0; i < RING; i++)
        slot_clear(&loader->slots[i]);
    for (int i = 0; i < 2; i++) {
        place_clear(&loader->places[i]);
        rdx_free(loader->places[i].slices);
    }
    rdx_order_clear(&loader->claim_order);
    rdx_order_clear(&loader->read_order);
    rdx_catalogue_clear(&loader->catalogue);
    rdx_share_clear(&loader->share);
    rdx_free(loader->workers);
    pthread_cond_destroy(&loader->ready);
    pthread_cond_destroy(&loader->work);
    pthread_mutex_destroy(&loader->mutex);
    rdx_free(loader);
}

int64_t redux_loader_slice_count(const redux_loader *loader)
{
    return loader == NULL ? 0 : loader->catalogue.item_count;
}

int64_t rdx_loader_blank(const redux_loader *loader)
{
    const int64_t blank = __atomic_load_n(&loader->catalogue.blank, __ATOMIC_RELAXED);
    return RDX_MIN(blank, loader->catalogue.item_count);
}

int64_t redux_loader_batch_count(const redux_loader *loader)
{
    return loader == NULL ? 0 : loader->batches;
}

int64_t redux_loader_batch(const redux_loader *loader)
{
    return loader == NULL ? 0 : loader->batch;
}

int64_t redux_loader_view_count(const redux_loader *loader)
{
    return loader == NULL ? 0 : loader->views.options.views + loader->views.options.small_views;
}

int64_t redux_loader_skipped_count(const redux_loader *loader)
{
    return loader == NULL ? 0 : loader->catalogue.dropped;
}

int redux_loader_is_resident(const redux_loader *loader)
{
    return loader != NULL && loader->resident;
}

const int64_t *redux_loader_rows(const redux_loader *loader)
{
    return loader == NULL ? NULL : loader->rows;
}

/* ---- taking batches ---- */

/* The caller's last batch is free again. */
static void give_back(redux_loader *loader)
{
    slot *s = &loader->slots[(loader->next + RING - 1) % RING];
    if (loader->next == loader->first_batch || s->number != loader->next - 1)
        return;
    s->number = -1;
    pthread_cond_broadcast(&loader->work);
}

/* Waits for the batch of a slot. The mutex is held. */
static redux_status wait_for_batch(const slot *s, redux_context *context, redux_loader *loader)
{
    redux_status status = REDUX_OK;
    while (status == REDUX_OK && (s->number != loader->next || s->done < loader->batch)) {
        if (loader->failed_batch >= 0 && loader->failed_batch <= loader->next)
            return rdx_fail_again(loader->status, loader->message);
        rdx_cond_wait_briefly(&loader->ready, &loader->mutex);
        pthread_mutex_unlock(&loader->mutex);
        status = rdx_progress_add(context, 0);
        pthread_mutex_lock(&loader->mutex);
    }
    return status;
}

redux_status redux_loader_next(const redux_tensor **views, redux_context *context,
                               redux_loader *loader)
{
    if (views == NULL || loader == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_loader_next: an argument is NULL");
    slot *s = &loader->slots[loader->next % RING];
    if (loader->next >= loader->end_batch)
        return rdx_fail(REDUX_E_INVALID, "loader: there are %lld batches",
                        (long long)loader->end_batch);
    pthread_mutex_lock(&loader->mutex);
    give_back(loader);
    loader->rows = NULL;
    const redux_status status = wait_for_batch(s, context, loader);
    if (status == REDUX_OK) {
        *views = s->views;
        loader->rows = s->rows;
        loader->next++;
    }
    pthread_mutex_unlock(&loader->mutex);
    return status;
}
