/* SPDX-License-Identifier: MIT
 * The configuration of redux-experiment. Fuzz it with -close_fd_mask=2: it tells what is wrong. */
#include "experiment/experiment.h"
#include "fuzz.h"

/* examples/common/common.c has these for programs, with a message. */
const char *program_name = "fuzz";

FILE *open_plain_file(const char *path)
{
    return fopen(path, "rb");
}

int usage_error(const char *format, ...)
{
    fuzz_require(format != NULL, "no message");
    return EXIT_USAGE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    experiment e = {.data = "."};
    const int code = experiment_load(&e, fuzz_put("experiment.json", data, size));
    fuzz_require(code == EXIT_OK || code == EXIT_DATA || code == EXIT_USAGE, "an unknown code");
    if (code == EXIT_OK)
        fuzz_require(e.total >= 0, "fewer than no cells");
    experiment_free(&e);
    return 0;
}
