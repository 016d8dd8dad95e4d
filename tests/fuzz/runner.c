/* SPDX-License-Identifier: MIT
 * Without libFuzzer: gives each file of the folders and files named to the target, in no order, and
 * says how many there were. The last lines are those of a Check program, for tests/support/run.sh.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "fuzz.h"

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (file == NULL || fstat(fileno(file), &status) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    const size_t size = (size_t)status.st_size;
    uint8_t *data = malloc(size == 0 ? 1 : size); /* of just this size: sanitizers see one more */
    if (data == NULL || fread(data, 1, size, file) != size) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    fclose(file);
    fprintf(stderr, "%s\n", path); /* the last one named is the one that died */
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 1;
}

static int run_folder(const char *folder)
{
    DIR *stream = opendir(folder);
    const struct dirent *entry;
    char path[4096];
    int count = 0;
    if (stream == NULL)
        return run_file(folder);
    while ((entry = readdir(stream)) != NULL)
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            count += run_file(path);
        }
    closedir(stream);
    return count;
}

int main(int count, char **arguments)
{
    int files = 0;
    fuzz_verbose = true; /* tests/support/run.sh shows it where a target died */
    for (int i = 1; i < count; i++)
        files += run_folder(arguments[i]);
    if (files == 0) {
        fprintf(stderr, "%s: no input\n", arguments[0]);
        return EXIT_FAILURE;
    }
    printf("100%%: Checks: %d, Failures: 0, Errors: 0\n", files);
    return EXIT_SUCCESS;
}
