/* SPDX-License-Identifier: MIT
 * --mpi: several processes of a program on one job. */
#ifndef REDUX_EXAMPLES_RANKS_H
#define REDUX_EXAMPLES_RANKS_H

#include "common.h"

enum { RANKS_VALUE = 2000, RANKS_TIMEOUT_VALUE }; /* no program has options of these values */
#define RANKS_OPTION                                                                               \
    {"mpi", no_argument, NULL, RANKS_VALUE},                                                       \
    {                                                                                              \
        "mpi-timeout", required_argument, NULL, RANKS_TIMEOUT_VALUE                                \
    }
#define RANKS_HELP                                                                                 \
    "  --mpi                one of several processes that mpirun or srun started: they share "     \
    "the\n"                                                                                        \
    "                       work, and the first one writes (docs/cluster.md)\n"                    \
    "  --mpi-timeout S      end all processes when one does not answer for S seconds "             \
    "(default:\n"                                                                                  \
    "                       3600)\n"

/* Whether --mpi was given, which parse_options sees to. */
extern bool program_uses_ranks;
/* --mpi-timeout; 0: not given. */
extern double program_rank_timeout;

/* For the context; NULL: this process is alone. */
const struct redux_communicator *program_communicator(void);
/* Joins the other processes, before the context is made; EXIT_OK, or a code after its message.
 * *quiet becomes true on all but the first. */
int begin_ranks(bool *quiet);
/* 0 for the first process, and without --mpi. */
int program_rank(void);
/* Ends a program; returns its exit code. All processes end if one fails. */
int end_ranks(int code);

#endif
