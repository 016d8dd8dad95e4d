/* SPDX-License-Identifier: MIT */
/** @file
 * libredux over MPI: a library of its own, libredux-mpi, so that libredux needs no MPI. Built by
 * `make MPI=1`; `pkg-config --libs libredux-mpi`.
 *
 * @code
 * redux_communicator communicator = REDUX_COMMUNICATOR_INIT;
 * redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
 * redux_context *context = NULL;
 * MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
 * redux_status status = redux_mpi_communicator(&communicator, MPI_COMM_WORLD);
 * options.communicator = &communicator;
 * if (status == REDUX_OK)
 *     status = redux_context_new(&context, &options);
 * // redux_reduce on each rank; rank 0 writes the result
 * redux_context_free(context);
 * redux_mpi_communicator_free(&communicator);
 * MPI_Finalize();
 * @endcode
 *
 * Only the thread that calls libredux calls MPI. Since 0.2.
 */
#ifndef REDUX_MPI_H
#define REDUX_MPI_H

#include <mpi.h>
#include <redux/communicator.h>

REDUX_BEGIN_DECLS

/** Makes a communicator of MPI's; out->time_limit keeps its default, and may be changed. `comm` is
 *  duplicated, so that messages of others do not mix with those of libredux; collective. MPI must
 *  have been initialised with MPI_THREAD_FUNNELED or more. Errors: REDUX_E_INVALID (NULL, MPI not
 *  initialised), REDUX_E_UNSUPPORTED (MPI_THREAD_SINGLE), REDUX_E_NO_MEMORY, REDUX_E_IO (MPI
 *  refused). There is no message beside the status. */
REDUX_API redux_status redux_mpi_communicator(redux_communicator *out, MPI_Comm comm);

/** Frees what redux_mpi_communicator made, before MPI_Finalize; collective. */
REDUX_API void redux_mpi_communicator_free(redux_communicator *communicator);

/** For programs that load this library only when they are asked to, and include no header of MPI's:
 *  initialises MPI and makes a communicator of all its processes. Errors: as
 *  redux_mpi_communicator. */
REDUX_API redux_status redux_mpi_begin(redux_communicator *out);
/** And ends it. A code other than 0 ends all processes with that code (MPI_Abort). */
REDUX_API void redux_mpi_end(redux_communicator *communicator, int code);

REDUX_END_DECLS
#endif
