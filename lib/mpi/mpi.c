/* SPDX-License-Identifier: MIT
 * libredux-mpi: messages by MPI. It uses nothing of libredux but types, so that a program that has
 * libredux inside can load it, too. */
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <redux/mpi.h>

/* A note that may still be under way. */
typedef struct told {
    struct told *next;
    MPI_Request request;
    char bytes[REDUX_NOTE_SIZE];
} told;

typedef struct world {
    MPI_Comm comm;
    told *notes;
} world;

/* Messages of one rank to another arrive in order: one tag is enough. */
enum { TAG = 1, NOTE = 2 };

typedef struct message {
    MPI_Request request;
    bool is_sent;
} message;

static redux_status begin(message **out, size_t count, bool is_sent)
{
    if (count > INT_MAX)
        return REDUX_E_LIMIT;
    *out = malloc(sizeof **out);
    if (*out == NULL)
        return REDUX_E_NO_MEMORY;
    (*out)->is_sent = is_sent;
    return REDUX_OK;
}

static redux_status keep(void **request, int answer, message *made)
{
    if (answer == MPI_SUCCESS) {
        *request = made;
        return REDUX_OK;
    }
    free(made);
    return REDUX_E_IO;
}

static redux_status send(void **request, const void *bytes, size_t count, int32_t to, void *user)
{
    const world *w = user;
    message *made;
    const redux_status status = begin(&made, count, true);
    if (status != REDUX_OK)
        return status;
    return keep(request, MPI_Isend(bytes, (int)count, MPI_BYTE, to, TAG, w->comm, &made->request),
                made);
}

static redux_status receive(void **request, void *bytes, size_t count, int32_t from, void *user)
{
    const world *w = user;
    message *made;
    const redux_status status = begin(&made, count, false);
    if (status != REDUX_OK)
        return status;
    return keep(request, MPI_Irecv(bytes, (int)count, MPI_BYTE, from, TAG, w->comm, &made->request),
                made);
}

static redux_status test(int32_t *done, void *request, void *user)
{
    message *m = request;
    int flag = 0;
    (void)user;
    if (MPI_Test(&m->request, &flag, MPI_STATUS_IGNORE) != MPI_SUCCESS)
        return REDUX_E_IO;
    *done = flag != 0;
    if (flag)
        free(m);
    return REDUX_OK;
}

/* Waiting for a receive that is cancelled is local. A send may not be cancelled by an MPI, and is
 * left to it: it reads the bytes only if its peer comes back and this process calls MPI again. */
static void cancel(void *request, void *user)
{
    message *m = request;
    (void)user;
    if (m->is_sent) {
        MPI_Request_free(&m->request);
    } else {
        MPI_Cancel(&m->request);
        MPI_Wait(&m->request, MPI_STATUS_IGNORE);
    }
    free(m);
}

/* ---- notes ---- */

static void forget_sent(world *w)
{
    for (told **at = &w->notes; *at != NULL;) {
        told *note = *at;
        int done = 0;
        if (MPI_Test(&note->request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && !done) {
            at = &note->next;
            continue;
        }
        *at = note->next;
        free(note);
    }
}

static redux_status tell(const void *note, int32_t to, void *user)
{
    world *w = user;
    forget_sent(w);
    told *made = malloc(sizeof *made);
    if (made == NULL)
        return REDUX_E_NO_MEMORY;
    memcpy(made->bytes, note, REDUX_NOTE_SIZE);
    if (MPI_Isend(made->bytes, REDUX_NOTE_SIZE, MPI_BYTE, to, NOTE, w->comm, &made->request) !=
        MPI_SUCCESS) {
        free(made);
        return REDUX_E_IO;
    }
    made->next = w->notes;
    w->notes = made;
    return REDUX_OK;
}

static redux_status hear(int32_t *from, void *note, void *user)
{
    const world *w = user;
    MPI_Status status;
    int flag = 0;
    *from = -1;
    if (MPI_Iprobe(MPI_ANY_SOURCE, NOTE, w->comm, &flag, &status) != MPI_SUCCESS)
        return REDUX_E_IO;
    if (!flag)
        return REDUX_OK;
    if (MPI_Recv(note, REDUX_NOTE_SIZE, MPI_BYTE, status.MPI_SOURCE, NOTE, w->comm,
                 MPI_STATUS_IGNORE) != MPI_SUCCESS)
        return REDUX_E_IO;
    *from = status.MPI_SOURCE;
    return REDUX_OK;
}

/* Those that nobody took are MPI's, with their bytes. */
static void forget_all(world *w)
{
    forget_sent(w);
    for (told *note = w->notes; note != NULL; note = note->next)
        MPI_Request_free(&note->request);
}

/* ---- communicators ---- */

redux_status redux_mpi_communicator(redux_communicator *out, MPI_Comm comm)
{
    int is_initialised = 0, level = MPI_THREAD_SINGLE, rank = 0, size = 1;
    if (out == NULL || MPI_Initialized(&is_initialised) != MPI_SUCCESS || !is_initialised)
        return REDUX_E_INVALID;
    if (MPI_Query_thread(&level) != MPI_SUCCESS || level < MPI_THREAD_FUNNELED)
        return REDUX_E_UNSUPPORTED;
    world *w = malloc(sizeof *w);
    if (w == NULL)
        return REDUX_E_NO_MEMORY;
    if (MPI_Comm_dup(comm, &w->comm) != MPI_SUCCESS) {
        free(w);
        return REDUX_E_IO;
    }
    w->notes = NULL;
    MPI_Comm_set_errhandler(w->comm, MPI_ERRORS_RETURN); /* libredux reports failures */
    MPI_Comm_rank(w->comm, &rank);
    MPI_Comm_size(w->comm, &size);
    const redux_communicator made = REDUX_COMMUNICATOR_INIT;
    *out = made;
    out->rank = rank;
    out->size = size;
    out->send = send;
    out->receive = receive;
    out->test = test;
    out->cancel = cancel;
    out->tell = tell;
    out->hear = hear;
    out->user = w;
    return REDUX_OK;
}

void redux_mpi_communicator_free(redux_communicator *communicator)
{
    world *w = communicator == NULL ? NULL : communicator->user;
    if (w == NULL)
        return;
    forget_all(w);
    MPI_Comm_free(&w->comm);
    free(w);
    communicator->user = NULL;
}

redux_status redux_mpi_begin(redux_communicator *out)
{
    int provided = MPI_THREAD_SINGLE;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
        return REDUX_E_IO;
    return redux_mpi_communicator(out, MPI_COMM_WORLD);
}

void redux_mpi_end(redux_communicator *communicator, int code)
{
    if (code != 0)
        MPI_Abort(MPI_COMM_WORLD, code);
    redux_mpi_communicator_free(communicator);
    MPI_Finalize();
}
