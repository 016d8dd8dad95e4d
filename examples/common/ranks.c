/* SPDX-License-Identifier: MIT
 * libredux-mpi is loaded when it is asked for, so that one package serves machines with MPI and
 * without. */
#include <dlfcn.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <redux/communicator.h>
#include "ranks.h"

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
#ifdef __APPLE__ /* beside the library, by its rpath */
#define MODULE "@rpath/libredux-mpi." TEXT(REDUX_ABI_VERSION) ".dylib"
#else
#define MODULE "libredux-mpi.so." TEXT(REDUX_ABI_VERSION)
#endif

bool program_uses_ranks;
double program_rank_timeout;
static redux_communicator communicator = REDUX_COMMUNICATOR_INIT;
static void (*end_module)(redux_communicator *communicator, int code);

const redux_communicator *program_communicator(void)
{
    return end_module == NULL ? NULL : &communicator;
}

/* ---- MPI's own start and end, in which it waits for all processes without a limit ---- */

static char late_message[300];

/* The others say so, too, before the first of them ends all. */
static void on_late(int signal)
{
    (void)signal;
    if (write(STDERR_FILENO, late_message, strlen(late_message)) >= 0)
        sleep(1);
    _exit(EXIT_DATA);
}

/* This process's number, by the launcher: MPI has none before it has started. */
static const char *number_of_process(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK",
                                        "SLURM_PROCID"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (getenv(names[i]) != NULL)
            return getenv(names[i]);
    return "?";
}

/* what: "start", "end". */
static void begin_watch(const char *what)
{
    const double limit = program_rank_timeout > 0 ? program_rank_timeout : communicator.time_limit;
    const unsigned seconds = limit < 1e6 ? (unsigned)ceil(limit) : 1000000;
    snprintf(late_message, sizeof late_message,
             "%s: --mpi: rank %s has waited %u seconds for MPI to %s: a rank that does not say so "
             "is missing or stopped\n",
             program_name, number_of_process(), seconds, what);
    signal(SIGALRM, on_late);
    alarm(seconds);
}

static void end_watch(void)
{
    alarm(0);
    signal(SIGALRM, SIG_DFL);
}

int begin_ranks(bool *quiet)
{
    redux_status (*begin)(redux_communicator * out) = NULL;
    void (*end)(redux_communicator * used, int code) = NULL;
    if (!program_uses_ranks)
        return program_rank_timeout > 0 ? usage_error("--mpi-timeout needs --mpi") : EXIT_OK;
    /* Global, because MPI loads parts of its own that need its symbols. */
    void *module = dlopen(MODULE, RTLD_NOW | RTLD_GLOBAL);
    if (module == NULL) {
        fprintf(stderr,
                "%s: --mpi: %s (it is built by `make MPI=1`, and comes with the package "
                "libredux-mpi" TEXT(REDUX_ABI_VERSION) ")\n",
                program_name, dlerror());
        return EXIT_DATA;
    }
    void *symbol = dlsym(module, "redux_mpi_begin");
    memcpy(&begin, &symbol, sizeof begin); /* ISO C converts no object pointer to a function's */
    symbol = dlsym(module, "redux_mpi_end");
    memcpy(&end, &symbol, sizeof end);
    begin_watch("start");
    const redux_status status =
        begin == NULL || end == NULL ? REDUX_E_NOT_FOUND : begin(&communicator);
    end_watch();
    if (status != REDUX_OK) {
        fprintf(stderr, "%s: --mpi: MPI does not start: %s\n", program_name,
                redux_status_string(status));
        return EXIT_DATA;
    }
    end_module = end;
    if (program_rank_timeout > 0)
        communicator.time_limit = program_rank_timeout;
    if (communicator.rank > 0)
        *quiet = true;
    return EXIT_OK;
}

int program_rank(void)
{
    return communicator.rank;
}

int end_ranks(int code)
{
    if (end_module != NULL) {
        begin_watch("end");
        end_module(&communicator, code);
        end_watch();
    }
    return code;
}
