/* SPDX-License-Identifier: MIT */
/** @file
 * Several processes that work on one job: what libredux needs to pass messages between them.
 *
 * libredux-mpi (redux/mpi.h) makes a communicator of MPI's. One of your own is a struct of
 * functions:
 *
 * @code
 * redux_communicator alone = REDUX_COMMUNICATOR_INIT; // rank 0 of 1 sends nothing
 * redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
 * redux_context *ours = NULL;
 * options.communicator = &alone;
 * redux_status status = redux_context_new(&ours, &options);
 * redux_context_free(ours);
 * (void)context;
 * return status;
 * @endcode
 *
 * Every rank makes the same calls with the same arguments, in the same order. redux_reduce,
 * redux_embed and redux_hash_list_add_dataset (and _add_wanted) then share the work out and give
 * every rank the whole result. redux_pretrain shares out the parts of each batch; rank 0 alone uses
 * the folder. All other functions work as if the rank were alone. If a rank fails,
 * the call fails on all of them, with the message of the lowest one that failed.
 *
 * Promised: the result of one process, to the bit, for any number of ranks with the same version,
 * instruction set and BLAS kernels. Ranks that differ in these, in the dataset or in the options
 * are found at the beginning.
 *
 * Not promised: that a failure between two calls, or one of the communicator itself, is noticed by
 * the others before their time limit.
 *
 * Threads: functions of a communicator are called only on the thread that called libredux. Since
 * 0.2.
 */
#ifndef REDUX_COMMUNICATOR_H
#define REDUX_COMMUNICATOR_H

#include <stddef.h>
#include <stdint.h>
#include <redux/status.h>

REDUX_BEGIN_DECLS

/** Passes messages between ranks. Messages from one rank to another arrive in the order in which
 *  they were sent, and a receive names the length of the message that comes next. */
typedef struct redux_communicator {
    size_t struct_size;
    int32_t rank, size; /**< 0 <= rank < size */
    /** Seconds to wait for a message before the call fails with REDUX_E_IO and names the rank that
     *  is missing: the one waited for or, if that one waits itself and there are notes (below), the
     *  one at the end of the chain. Others may work for long between messages. */
    double time_limit;
    /** Begins to send or to receive `count` bytes (not 0), which stay in place until the request is
     *  done. Sets *request. Errors: any status. */
    redux_status (*send)(void **request, const void *bytes, size_t count, int32_t to, void *user);
    redux_status (*receive)(void **request, void *bytes, size_t count, int32_t from, void *user);
    /** Whether a request is done; then it is released. Does not wait. On failure it is not
     *  released. */
    redux_status (*test)(int32_t *done, void *request, void *user);
    /** Gives up a request that is not done, after a failure: releases it, and its bytes are used no
     *  more. */
    void (*cancel)(void *request, void *user);
    void *user; /**< passed to all; must outlive the context */
    /** Notes, by which ranks that wait for long find out who is missing; NULL, both: they name the
     *  rank that they wait for, which may wait itself. Notes pass beside messages: they are neither
     *  in order with them nor received by `receive`. tell() sends REDUX_NOTE_SIZE bytes and keeps a
     *  copy; it does not wait, and need not report that they could not be sent. hear() sets *from
     *  and fills `note` if one has come, from any rank, else sets *from to -1. Errors: any status.
     */
    redux_status (*tell)(const void *note, int32_t to, void *user);
    redux_status (*hear)(int32_t *from, void *note, void *user);
} redux_communicator;

/** Bytes of a note. */
#define REDUX_NOTE_SIZE 8

#define REDUX_COMMUNICATOR_DEFAULTS(set)                                                           \
    set(struct_size, sizeof(redux_communicator)), set(size, 1), set(time_limit, 3600)
REDUX_DEFINE_INIT(redux_communicator, REDUX_COMMUNICATOR_DEFAULTS)
#define REDUX_COMMUNICATOR_INIT REDUX_INIT(redux_communicator, REDUX_COMMUNICATOR_DEFAULTS)

REDUX_END_DECLS
#endif
