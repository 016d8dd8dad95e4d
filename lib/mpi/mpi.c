/* SPDX-License-Identifier: MIT
 * libredux-mpi: messages by MPI. It uses nothing of libredux but types, so that a program that has
 * libredux inside can load it, too. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <redux/mpi.h>

typedef struct world {
    MPI_Comm comm;
} world;

/* Messages of one rank to another arrive in order: one tag is enough. */
enum { TAG = 1 };

static redux_status keep(void **request, int answer, MPI_Request *made)
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
    MPI_Request *made = malloc(sizeof *made);
    if (made == NULL || count > INT_MAX) {
        free(made);
        return REDUX_E_NO_MEMORY;
    }
    return keep(request, MPI_Isend(bytes, (int)count, MPI_BYTE, to, TAG, w->comm, made), made);
}

static redux_status receive(void **request, void *bytes, size_t count, int32_t from, void *user)
{
    const world *w = user;
    MPI_Request *made = malloc(sizeof *made);
    if (made == NULL || count > INT_MAX) {
        free(made);
        return REDUX_E_NO_MEMORY;
    }
    return keep(request, MPI_Irecv(bytes, (int)count, MPI_BYTE, from, TAG, w->comm, made), made);
}

static redux_status test(int32_t *done, void *request, void *user)
{
    int flag = 0;
    (void)user;
    if (MPI_Test(request, &flag, MPI_STATUS_IGNORE) != MPI_SUCCESS)
        return REDUX_E_IO;
    *done = flag != 0;
    if (flag)
        free(request);
    return REDUX_OK;
}

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
    out->user = w;
    return REDUX_OK;
}

void redux_mpi_communicator_free(redux_communicator *communicator)
{
    world *w = communicator == NULL ? NULL : communicator->user;
    if (w == NULL)
        return;
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
