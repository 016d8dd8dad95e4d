/* SPDX-License-Identifier: MIT
 * Ranks as threads of one process: a communicator over mailboxes. */
#ifndef REDUX_TEST_RANKS_H
#define REDUX_TEST_RANKS_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <redux.h>

enum { MOST_RANKS = 8 };

typedef struct letter {
    struct letter *next;
    size_t count;
    char bytes[];
} letter;

typedef struct post {
    pthread_mutex_t mutex;
    letter *first[MOST_RANKS][MOST_RANKS], *last[MOST_RANKS][MOST_RANKS]; /* [from][to] */
    struct {
        int32_t from;
        char bytes[REDUX_NOTE_SIZE];
    } notes[MOST_RANKS][64]; /* to each rank, the last one on top */
    int note_count[MOST_RANKS];
} post;

typedef struct rank_of {
    post *office;
    int32_t rank;
    int32_t silent; /* sends nothing: as if it were dead */
    uint64_t sent;
} rank_of;

/* What is being received. */
typedef struct waiting {
    void *bytes;
    size_t count;
    int32_t from;
} waiting;

/* Sees what ranks send; NULL: nobody does. */
static void (*rank_sends)(int32_t rank, const void *bytes, size_t count, int32_t to);

static inline redux_status post_send(void **request, const void *bytes, size_t count, int32_t to,
                                     void *user)
{
    rank_of *self = user;
    if (rank_sends != NULL)
        rank_sends(self->rank, bytes, count, to);
    *request = calloc(1, sizeof(waiting)); /* nothing to wait for */
    if (self->silent)
        return REDUX_OK;
    letter *l = malloc(sizeof *l + count);
    l->next = NULL;
    l->count = count;
    memcpy(l->bytes, bytes, count);
    pthread_mutex_lock(&self->office->mutex);
    letter **last = &self->office->last[self->rank][to];
    if (*last == NULL)
        self->office->first[self->rank][to] = l;
    else
        (*last)->next = l;
    *last = l;
    self->sent += count;
    pthread_mutex_unlock(&self->office->mutex);
    return REDUX_OK;
}

static inline redux_status post_receive(void **request, void *bytes, size_t count, int32_t from,
                                        void *user)
{
    waiting *w = malloc(sizeof *w);
    (void)user;
    *w = (waiting){bytes, count, from};
    *request = w;
    return REDUX_OK;
}

static inline redux_status post_test(int32_t *done, void *request, void *user)
{
    const rank_of *self = user;
    waiting *w = request;
    redux_status status = REDUX_OK;
    *done = w->bytes == NULL;
    if (!*done) {
        pthread_mutex_lock(&self->office->mutex);
        letter **first = &self->office->first[w->from][self->rank], *l = *first;
        if (l != NULL) {
            *first = l->next;
            if (*first == NULL)
                self->office->last[w->from][self->rank] = NULL;
        }
        pthread_mutex_unlock(&self->office->mutex);
        if (l != NULL) {
            *done = 1;
            if (l->count != w->count)
                status = REDUX_E_FORMAT; /* the messages of ranks do not match */
            else
                memcpy(w->bytes, l->bytes, w->count);
            free(l);
        }
    }
    if (*done && status == REDUX_OK)
        free(w);
    return status;
}

static inline void post_cancel(void *request, void *user)
{
    (void)user;
    free(request);
}

static inline redux_status post_tell(const void *note, int32_t to, void *user)
{
    const rank_of *self = user;
    post *office = self->office;
    pthread_mutex_lock(&office->mutex);
    if (!self->silent && office->note_count[to] < 64) {
        const int i = office->note_count[to]++;
        office->notes[to][i].from = self->rank;
        memcpy(office->notes[to][i].bytes, note, REDUX_NOTE_SIZE);
    }
    pthread_mutex_unlock(&office->mutex);
    return REDUX_OK;
}

static inline redux_status post_hear(int32_t *from, void *note, void *user)
{
    const rank_of *self = user;
    post *office = self->office;
    *from = -1;
    pthread_mutex_lock(&office->mutex);
    if (office->note_count[self->rank] > 0) {
        const int i = --office->note_count[self->rank];
        *from = office->notes[self->rank][i].from;
        memcpy(note, office->notes[self->rank][i].bytes, REDUX_NOTE_SIZE);
    }
    pthread_mutex_unlock(&office->mutex);
    return REDUX_OK;
}

/* Runs `work` on `size` ranks at once, each with a context of its own; returns when all are done.
 */
typedef void (*rank_fn)(redux_context *context, int32_t rank, void *user);

typedef struct rank_thread {
    pthread_t thread;
    rank_of self;
    int32_t size;
    double time_limit;
    rank_fn work;
    void *user;
} rank_thread;

/* Changes a rank's options before its context is made; NULL: nothing to change. */
static void (*rank_adjust)(redux_context_options *options, int32_t rank);

static inline void *run_rank(void *user)
{
    rank_thread *t = user;
    redux_communicator communicator = REDUX_COMMUNICATOR_INIT;
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context = NULL;
    communicator.rank = t->self.rank;
    communicator.size = t->size;
    communicator.time_limit = t->time_limit;
    communicator.send = post_send;
    communicator.receive = post_receive;
    communicator.test = post_test;
    communicator.cancel = post_cancel;
    communicator.tell = post_tell;
    communicator.hear = post_hear;
    communicator.user = &t->self;
    options.communicator = &communicator;
    options.threads = 1 + t->self.rank % 2; /* neither number matters */
    if (rank_adjust != NULL)
        rank_adjust(&options, t->self.rank);
    if (redux_context_new(&context, &options) == REDUX_OK)
        t->work(context, t->self.rank, t->user);
    redux_context_free(context);
    return NULL;
}

static inline void on_ranks(int32_t size, double time_limit, int32_t silent, rank_fn work,
                            void *user)
{
    post office = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    rank_thread threads[MOST_RANKS] = {{0}};
    for (int32_t r = 0; r < size; r++) {
        threads[r].self = (rank_of){&office, r, r == silent, 0};
        threads[r].size = size;
        threads[r].time_limit = time_limit;
        threads[r].work = work;
        threads[r].user = user;
        pthread_create(&threads[r].thread, NULL, run_rank, &threads[r]);
    }
    for (int32_t r = 0; r < size; r++)
        pthread_join(threads[r].thread, NULL);
    for (int32_t i = 0; i < size * size; i++)
        while (office.first[i / size][i % size] != NULL) {
            letter *l = office.first[i / size][i % size];
            office.first[i / size][i % size] = l->next;
            free(l);
        }
}

#endif
