/* SPDX-License-Identifier: MIT */
#include "input.h"

bool set_input_option(redux_dataset_options *options, int option, const char *text, int *code)
{
    int64_t frame;
    *code = EXIT_OK;
    if (option == INPUT_GROUP_BY) {
        options->group_by = text;
        if (redux_group_by_check(text) != REDUX_OK)
            *code = usage_error("--%s", redux_error_message());
        return true;
    }
    if (option != INPUT_FRAME)
        return false;
    if (parse_integer(&frame, text, 0, INT32_MAX))
        options->frame = (int32_t)frame;
    else
        *code = usage_error("--frame '%s': expected a whole number, 0 or more", text);
    return true;
}

redux_status input_of_manifest(redux_dataset_options *options, const redux_manifest *manifest)
{
    redux_dataset_options known = REDUX_DATASET_OPTIONS_INIT;
    TRY(redux_manifest_get_dataset_options(&known, manifest));
    if (options->group_by == NULL)
        options->group_by = known.group_by;
    if (options->frame < 0)
        options->frame = known.frame;
    return REDUX_OK;
}

static void report_count(int64_t count, const char *what)
{
    fprintf(stderr, "%lld %s%s", (long long)count, what, count == 1 ? "" : "s");
}

void report_input(const redux_dataset *dataset)
{
    const char *by = redux_dataset_group_by(dataset);
    progress_label(NULL);
    fprintf(stderr, "%s: ", program_name);
    report_count(redux_dataset_slice_count(dataset), "slice");
    fputs(" of ", stderr);
    report_count(redux_dataset_volume_count(dataset), "volume");
    if (by != NULL) {
        fputs(" in ", stderr);
        report_count(redux_dataset_group_count(dataset), "group");
        fprintf(stderr, " (by %s)", by);
    }
    fputc('\n', stderr);
}

void report_skipped(const redux_dataset *dataset)
{
    progress_label(NULL);
    for (int64_t i = 0; i < redux_dataset_skipped_count(dataset); i++)
        fprintf(stderr, "%s: skipped: %s\n", program_name,
                redux_dataset_skipped_reason(dataset, i));
}
