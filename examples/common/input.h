/* SPDX-License-Identifier: MIT
 * Shared by the programs that read datasets: options of the input, and what was found. */
#ifndef REDUX_EXAMPLES_INPUT_H
#define REDUX_EXAMPLES_INPUT_H

#include "common.h"

enum { INPUT_FRAME = 1000, INPUT_GROUP_BY };

/* For the table of a program's long options; INPUT_FRAME_OPTION where groups make no difference. */
#define INPUT_FRAME_OPTION                                                                         \
    {                                                                                              \
        "frame", required_argument, NULL, INPUT_FRAME                                              \
    }
#define INPUT_OPTIONS                                                                              \
    INPUT_FRAME_OPTION,                                                                            \
    {                                                                                              \
        "group-by", required_argument, NULL, INPUT_GROUP_BY                                        \
    }

/* For its help. */
#define INPUT_FRAME_HELP                                                                           \
    "  --frame N            which frame of 4-D volumes and of DICOM time series\n"
#define INPUT_HELP                                                                                 \
    "  --group-by WHAT      what slices belong to, such as patients: series (default: each "       \
    "volume,\n"                                                                                    \
    "                       and the pictures of a folder), folder, file, patient (DICOM),\n"       \
    "                       FILE.csv:COLUMN (its columns file and, if need be, slice name the\n"   \
    "                       slices), or a regular expression whose first parentheses match the\n"  \
    "                       group in a path, and whose second ones, if any, the place in "         \
    "it\n" INPUT_FRAME_HELP

/* Takes an option of INPUT_OPTIONS; *code: EXIT_OK, or what the program must exit with. Returns
 * false for any other option. */
bool set_input_option(redux_dataset_options *options, int option, const char *text, int *code);

/* Takes what a manifest says of its input and the command line does not. Texts are the manifest's.
 */
redux_status input_of_manifest(redux_dataset_options *options, const redux_manifest *manifest);

/* One line on stderr: how many slices, volumes and groups were found. */
void report_input(const redux_dataset *dataset);

/* A line on stderr for each input that could not be read. */
void report_skipped(const redux_dataset *dataset);

#endif
