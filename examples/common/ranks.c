/* SPDX-License-Identifier: MIT
 * libredux-mpi is loaded when it is asked for, so that one package serves machines with MPI and
 * without. */
#include <dlfcn.h>
#include <string.h>
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
    const redux_status status =
        begin == NULL || end == NULL ? REDUX_E_NOT_FOUND : begin(&communicator);
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
    if (end_module != NULL)
        end_module(&communicator, code);
    return code;
}
