/* SPDX-License-Identifier: MIT
 * redux-reduce: which slices to keep, and why each other one is dropped. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "common/encoder.h"
#include "common/input.h"
#include "common/reduce_settings.h"

/* A budget below one slice a group is wrong usage, which only the opened dataset shows. */
static int check_budget(const settings *s, const redux_dataset *dataset)
{
    const int64_t slices = redux_dataset_slice_count(dataset);
    const int64_t groups = s->reduce.scope == REDUX_SCOPE_DATASET ? 1
                           : s->reduce.scope == REDUX_SCOPE_VOLUME
                               ? redux_dataset_volume_count(dataset)
                               : redux_dataset_group_count(dataset);
    const int64_t budget = redux_reduce_budget(&s->reduce, slices);
    if (budget >= 0 && budget < groups && !s->reduce.each_group)
        return usage_error("--keep: %lld of %lld slices is less than one for each of %lld %ss",
                           (long long)budget, (long long)slices, (long long)groups,
                           redux_dataset_group_by(dataset) == NULL ? "volume" : "group");
    return EXIT_OK;
}

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

static int write_results(const settings *s, redux_context *context,
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
static void report_budget(const settings *s, const redux_reduce_summary *summary)
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

static void report(const settings *s, const redux_dataset *dataset,
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

/* ---- what is read beside the input ---- */

typedef struct others {
    redux_tensor embeddings, against_embeddings, against_kept;
    redux_dataset *against;
    char encoder[REDUX_ENCODER_NAME];
} others;

/* The content decides, because a manifest may have any name. */
static bool is_manifest(const char *path)
{
    static const char beginning[] = "source,slice,kept,";
    char text[sizeof beginning] = "";
    struct stat status;
    FILE *file = stat(path, &status) == 0 && S_ISREG(status.st_mode) ? fopen(path, "rb") : NULL;
    if (file == NULL)
        return false;
    const size_t count = fread(text, 1, sizeof beginning - 1, file);
    fclose(file);
    return count == sizeof beginning - 1 && strcmp(text, beginning) == 0;
}

/* The kept slices of a manifest, or all slices of a folder or file. */
static redux_status open_against(others *o, redux_context *context, const settings *s,
                                 const redux_dataset *dataset)
{
    redux_dataset_options options = s->dataset;
    redux_manifest *manifest;
    options.exclude = NULL;
    options.exclude_count = 0;
    options.grouped_with = dataset;
    if (!is_manifest(s->against))
        return redux_dataset_open(&o->against, context, &s->against, 1, &options);
    TRY(redux_manifest_load(&manifest, context, s->against));
    const redux_status status =
        redux_dataset_open_manifest(&o->against, &o->against_kept, context, manifest, &options);
    redux_manifest_free(manifest);
    return status;
}

/* Embeds both sets. Of the other one only kept slices are embedded; its other rows are 0. */
static redux_status encode_others(others *o, redux_context *context, settings *s,
                                  const redux_dataset *dataset)
{
    encoder e;
    TRY(encoder_open(&e, context, s->encoder));
    if (s->reduce.window.kind != REDUX_WINDOW_AUTO)
        e.input.window = s->reduce.window;
    e.skip_errors = s->reduce.skip_errors != 0;
    memcpy(o->encoder, e.name, sizeof o->encoder);
    progress_label("embedding");
    redux_status status = encoder_embed(&o->embeddings, context, &e, dataset, NULL);
    if (status == REDUX_OK && o->against != NULL)
        status =
            encoder_embed(&o->against_embeddings, context, &e, o->against, o->against_kept.data);
    encoder_close(&e);
    progress_label(redux_strategy_name(s->reduce.strategy));
    return status;
}

static redux_status open_others(others *o, redux_context *context, settings *s,
                                const redux_dataset *dataset)
{
    if (s->embeddings != NULL)
        TRY(redux_npy_read(&o->embeddings, context, s->embeddings));
    if (s->against_embeddings != NULL)
        TRY(redux_npy_read(&o->against_embeddings, context, s->against_embeddings));
    if (s->against != NULL)
        TRY(open_against(o, context, s, dataset));
    if (s->encoder != NULL)
        TRY(encode_others(o, context, s, dataset));
    s->reduce.encoder = s->encoder == NULL ? NULL : o->encoder;
    s->reduce.embeddings = o->embeddings.data == NULL ? NULL : &o->embeddings;
    s->reduce.against_embeddings =
        o->against_embeddings.data == NULL ? NULL : &o->against_embeddings;
    s->reduce.against = o->against;
    s->reduce.against_kept = o->against_kept.data;
    return REDUX_OK;
}

static void close_others(others *o, settings *s)
{
    s->reduce.embeddings = s->reduce.against_embeddings = NULL;
    s->reduce.against = NULL;
    s->reduce.against_kept = NULL;
    s->reduce.encoder = NULL;
    redux_tensor_release(&o->embeddings);
    redux_tensor_release(&o->against_embeddings);
    redux_tensor_release(&o->against_kept);
    redux_dataset_free(o->against);
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* What is read is never written; only --update's own file may be written anew. */
static redux_status protect_inputs(redux_context *context, const settings *s,
                                   const redux_dataset *dataset, const others *o)
{
    TRY(redux_dataset_protect(dataset, context));
    if (o->against != NULL)
        TRY(redux_dataset_protect(o->against, context));
    TRY(protect_manifest(context, s->against));
    TRY(protect_file(context, s->embeddings));
    TRY(protect_file(context, s->against_embeddings));
    TRY(protect_file(context, s->encoder));
    if (s->update == NULL || (s->manifest != NULL && same_file(s->update, s->manifest)))
        return REDUX_OK;
    return protect_manifest(context, s->update);
}

/* Before the work, which may take hours. */
static redux_status check_outputs(redux_context *context, const settings *s,
                                  const redux_dataset *dataset, const others *o)
{
    TRY(protect_inputs(context, s, dataset, o));
    if (s->manifest != NULL) {
        TRY(redux_file_check(context, s->manifest, REDUX_MARK_MANIFEST));
        TRY(redux_file_check(context, s->json_path, REDUX_MARK_SUMMARY));
    }
    if (s->sheet != NULL)
        TRY(redux_file_check(context, s->sheet, REDUX_MARK_PICTURE));
    return s->export_folder == NULL ? REDUX_OK : redux_export_check(s->export_folder, context);
}

static int reduce(settings *s, redux_context *context, const redux_dataset *dataset)
{
    const double start = seconds_now();
    others o = {REDUX_TENSOR_INIT, REDUX_TENSOR_INIT, REDUX_TENSOR_INIT, NULL, ""};
    redux_reduction *reduction = NULL;
    int code = check_budget(s, dataset);
    if (code != EXIT_OK)
        return code;
    if (!s->quiet)
        report_input(dataset);
    progress_label(redux_strategy_name(s->reduce.strategy));
    if (open_others(&o, context, s, dataset) != REDUX_OK ||
        check_outputs(context, s, dataset, &o) != REDUX_OK ||
        redux_reduce(&reduction, context, dataset, &s->reduce) != REDUX_OK) {
        code = data_error();
    } else {
        const double seconds = seconds_now() - start;
        code = write_results(s, context, reduction, seconds);
        if (code == EXIT_OK)
            report(s, dataset, reduction, seconds);
    }
    redux_reduction_free(reduction);
    close_others(&o, s);
    return code;
}

int main(int count, char **arguments)
{
    settings s = {.reduce = REDUX_REDUCE_OPTIONS_INIT, .dataset = REDUX_DATASET_OPTIONS_INIT};
    redux_context *context = NULL;
    redux_dataset *dataset = NULL;
    bool done = false;
    program_start("redux-reduce", arguments);
    int code = parse_settings(&s, count, arguments, &done);
    if (code != EXIT_OK || done) {
        redux_manifest_free(s.earlier);
        return code;
    }
    if (new_context(&context, s.threads, s.quiet) != REDUX_OK) {
        redux_manifest_free(s.earlier);
        return data_error();
    }
    progress_label("scanning");
    if (redux_dataset_open(&dataset, context, (const char *const *)(arguments + optind),
                           count - optind, &s.dataset) != REDUX_OK)
        code = data_error();
    else
        code = reduce(&s, context, dataset);
    redux_dataset_free(dataset);
    redux_context_free(context);
    redux_manifest_free(s.earlier);
    return code;
}
