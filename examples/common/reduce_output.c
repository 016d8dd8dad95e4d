/* SPDX-License-Identifier: MIT
 * What redux-reduce and redux-merge write and say. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "input.h"
#include "reduce_output.h"

static int write_stdout(const char *text, size_t length, void *user)
{
    (void)user;
    return fwrite(text, 1, length, stdout) == length ? 0 : 1;
}

static int finish_stdout(redux_status status)
{
    if (status != REDUX_OK && !ferror(stdout))
        return data_error();
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("redux-reduce: standard output");
        return EXIT_DATA;
    }
    return EXIT_OK;
}

int write_reduction(const reduce_settings *s, redux_context *context,
                    const redux_reduction *reduction, double seconds)
{
    progress_label("writing");
    if (s->export_folder != NULL &&
        redux_export(s->export_folder, context, reduction, s->format) != REDUX_OK)
        return data_error();
    if (s->sheet != NULL && redux_contact_sheet(s->sheet, context, reduction, 12, 40) != REDUX_OK)
        return data_error();
    progress_label(NULL);
    if (s->manifest != NULL &&
        redux_results_save(s->manifest, s->json_path, context, reduction, seconds) != REDUX_OK)
        return data_error();
    if (s->json)
        return finish_stdout(redux_summary_write(context, reduction, seconds, write_stdout, NULL));
    if (s->manifest == NULL)
        return finish_stdout(redux_manifest_write(context, reduction, write_stdout, NULL));
    return EXIT_OK;
}

/* The threshold that a budget led to. Thresholds looser than the defaults drop slices that only
 * resemble the ones kept (docs/choosing.md). */
static void report_budget(const reduce_settings *s, const redux_reduce_summary *summary)
{
    redux_strategy_info info = {.struct_size = sizeof info};
    if (s->reduce.keep_count > summary->slices && !s->reduce.each_group)
        fprintf(stderr, "%s: warning: --keep %lld is more than the %lld slices: all are kept\n",
                program_name, (long long)s->reduce.keep_count, (long long)summary->slices);
    if (summary->budget < 0 || redux_strategy_describe(&info, s->reduce.strategy) != REDUX_OK)
        return;
    if (info.needs_budget) {
        if (summary->refilled > 0)
            fprintf(stderr, "%lld near-duplicates were kept again to fill the budget\n",
                    (long long)summary->refilled);
        return;
    }
    const double loosest = s->reduce.each_group
                               ? info.is_distance ? summary->threshold_high : summary->threshold_low
                               : summary->threshold;
    if (isnan(loosest))
        return;
    if (isnan(summary->threshold))
        fprintf(stderr, "thresholds found for --keep: %g to %g\n", summary->threshold_low,
                summary->threshold_high);
    else
        fprintf(stderr, "threshold found for --keep: %g%s\n", summary->threshold,
                summary->refilled > 0 ? ", then the least redundant of the dropped slices were kept"
                                      : "");
    const double usual = summary->default_threshold;
    if (info.compares && !isnan(usual) && (info.is_distance ? loosest > usual : loosest < usual))
        fprintf(stderr,
                "%s: warning: slices are dropped at %g (%s), beyond the default of %g: some differ "
                "visibly from the slice that replaces them\n",
                program_name, loosest, info.label, usual);
}

static void report_calibration(const redux_dataset *dataset, const redux_reduction *reduction,
                               const redux_reduce_summary *summary)
{
    const redux_calibration *calibration = redux_reduction_calibration(reduction);
    if (calibration == NULL)
        return;
    fprintf(
        stderr,
        "false drops %.3g%%, standard error %.2g%%, estimated from %lld pairs of slices of %lld "
        "%s; threshold %g\n",
        100 * summary->false_drops, 100 * summary->false_drops_error,
        (long long)redux_calibration_pair_count(calibration),
        (long long)redux_calibration_group_count(calibration),
        redux_dataset_group_by(dataset) == NULL ? "volumes" : "groups", summary->threshold);
}

void report_reduction(const reduce_settings *s, const redux_dataset *dataset,
                      const redux_reduction *reduction, double seconds)
{
    redux_reduce_summary summary = {.struct_size = sizeof summary};
    if (s->quiet || redux_reduction_get_summary(&summary, reduction) != REDUX_OK)
        return;
    report_skipped(dataset);
    for (int64_t i = 0; i < redux_reduction_skipped_count(reduction); i++)
        fprintf(stderr, "%s: skipped: %s\n", program_name,
                redux_reduction_skipped_reason(reduction, i));
    fprintf(stderr, "%s: kept %lld of %lld slices (%.1f%%) of %lld volume%s in %.2f s\n",
            redux_strategy_name(s->reduce.strategy), (long long)summary.kept,
            (long long)summary.slices,
            100 * (double)summary.kept / (double)(summary.slices > 0 ? summary.slices : 1),
            (long long)summary.volumes, summary.volumes == 1 ? "" : "s", seconds);
    const int64_t pairs = summary.pairs_compared + summary.pairs_skipped;
    if (summary.pairs_skipped > 0)
        fprintf(stderr, "%lld of %lld pairs were decided early by a bound\n",
                (long long)summary.pairs_skipped, (long long)pairs);
    if (summary.flat > 0)
        fprintf(stderr, "%lld slice%s flat: %s\n", (long long)summary.flat,
                summary.flat == 1 ? " is" : "s are",
                summary.flat == 1 ? "its hash carries no information"
                                  : "their hashes carry no information");
    if (s->update != NULL)
        fprintf(stderr, "%lld slice%s taken over from %s\n", (long long)summary.updated,
                summary.updated == 1 ? "" : "s", s->update);
    if (s->against != NULL)
        fprintf(stderr, "%lld slice%s in %s already (of %lld there)\n", (long long)summary.leaked,
                summary.leaked == 1 ? " is" : "s are", s->against, (long long)summary.against);
    if (summary.shared_groups > 0)
        fprintf(stderr,
                "%s: warning: %lld group%s (by %s) %s in %s, too: the same patients on both "
                "sides\n",
                program_name, (long long)summary.shared_groups,
                summary.shared_groups == 1 ? "" : "s", redux_dataset_group_by(dataset),
                summary.shared_groups == 1 ? "is" : "are", s->against);
    if (s->reduce.then != REDUX_STRATEGY_ALL && !summary.then_is_exact)
        fprintf(stderr, "pairs that %s does not propose are not compared by %s\n",
                redux_strategy_name(s->reduce.strategy), redux_strategy_name(s->reduce.then));
    report_budget(s, &summary);
    report_calibration(dataset, reduction, &summary);
}

/* Before the work, which may take hours. */
redux_status check_reduction_outputs(redux_context *context, const reduce_settings *s)
{
    if (s->manifest != NULL) {
        TRY(redux_file_check(context, s->manifest, REDUX_MARK_MANIFEST));
        TRY(redux_file_check(context, s->json_path, REDUX_MARK_SUMMARY));
    }
    if (s->sheet != NULL)
        TRY(redux_file_check(context, s->sheet, REDUX_MARK_PICTURE));
    return s->export_folder == NULL ? REDUX_OK : redux_export_check(s->export_folder, context);
}
