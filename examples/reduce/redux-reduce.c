/* SPDX-License-Identifier: MIT
 * redux-reduce: which slices to keep, and why each other one is dropped. */
#include <stdio.h>
#include <stdlib.h>
#include "common/input.h"
#include "common/ranks.h"
#include "common/reduce_others.h"
#include "common/reduce_output.h"

/* A budget below one slice a group is wrong usage, which only the opened dataset shows. */
static int check_budget(const reduce_settings *s, const redux_dataset *dataset)
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

static int reduce(reduce_settings *s, redux_context *context, const redux_dataset *dataset)
{
    const double start = seconds_now();
    others o = OTHERS_NONE;
    redux_reduction *reduction = NULL;
    int code = check_budget(s, dataset);
    if (code != EXIT_OK)
        return code;
    if (!s->quiet)
        report_input(dataset);
    progress_label(redux_strategy_name(s->reduce.strategy));
    if (open_others(&o, context, s, dataset, EMBEDDINGS_HERE, NULL) != REDUX_OK ||
        protect_inputs(context, s, dataset, &o) != REDUX_OK ||
        check_reduction_outputs(context, s) != REDUX_OK ||
        redux_reduce(&reduction, context, dataset, &s->reduce) != REDUX_OK) {
        code = data_error();
    } else {
        const double seconds = seconds_now() - start;
        code = program_rank() == 0 ? write_reduction(s, context, reduction, seconds) : EXIT_OK;
        if (code == EXIT_OK)
            report_reduction(s, dataset, reduction, seconds);
    }
    redux_reduction_free(reduction);
    close_others(&o, s);
    return code;
}

/* ---- one part ---- */

static redux_status make_part(reduce_settings *s, redux_context *context,
                              const redux_dataset *dataset, const char *path, const uint8_t *wanted)
{
    others o = OTHERS_NONE;
    int32_t done = 0;
    redux_status status = open_others(&o, context, s, dataset, EMBEDDINGS_HERE, wanted);
    if (status == REDUX_OK)
        status = protect_inputs(context, s, dataset, &o);
    if (status == REDUX_OK && s->shard.resumes)
        status =
            redux_part_reduce_is_done(&done, context, path, dataset, &s->shard.part, &s->reduce);
    if (status == REDUX_OK && !done)
        status = redux_file_check(context, path, REDUX_MARK_PART);
    if (status == REDUX_OK && !done)
        status = redux_part_reduce(path, context, dataset, &s->shard.part, &s->reduce);
    close_others(&o, s);
    if (status == REDUX_OK && !s->quiet)
        report_shard(&s->shard, path, done != 0);
    return status;
}

static int reduce_part(reduce_settings *s, redux_context *context, const redux_dataset *dataset)
{
    char path[4200];
    int code = check_budget(s, dataset);
    if (code == EXIT_OK)
        code = shard_path(path, sizeof path, &s->shard, s->manifest);
    if (code != EXIT_OK)
        return code;
    s->shard.part.by_group = s->reduce.scope == REDUX_SCOPE_GROUP;
    uint8_t *wanted = malloc((size_t)redux_dataset_slice_count(dataset));
    if (wanted == NULL) {
        perror(program_name);
        return EXIT_DATA;
    }
    progress_label(redux_strategy_name(s->reduce.strategy));
    if (redux_dataset_cut(wanted, context, dataset, &s->shard.part) != REDUX_OK ||
        make_part(s, context, dataset, path, wanted) != REDUX_OK)
        code = data_error();
    free(wanted);
    return code;
}

int main(int count, char **arguments)
{
    reduce_settings s = {.reduce = REDUX_REDUCE_OPTIONS_INIT,
                         .dataset = REDUX_DATASET_OPTIONS_INIT,
                         .shard = SHARD_NONE};
    redux_context *context = NULL;
    redux_dataset *dataset = NULL;
    bool done = false;
    program_start("redux-reduce", arguments);
    char *note = shard_note("redux-reduce", arguments);
    s.shard.part.note = note;
    int code = parse_reduce_settings(&s, count, arguments, &done);
    if (code == EXIT_OK && !done)
        code = begin_ranks(&s.quiet);
    if (code == EXIT_OK && !done && new_context(&context, s.threads, s.quiet) != REDUX_OK)
        code = data_error();
    if (code == EXIT_OK && !done) {
        progress_label("scanning");
        if (redux_dataset_open(&dataset, context, (const char *const *)(arguments + optind),
                               count - optind, &s.dataset) != REDUX_OK)
            code = data_error();
        else
            code = s.shard.given ? reduce_part(&s, context, dataset) : reduce(&s, context, dataset);
    }
    redux_dataset_free(dataset);
    redux_context_free(context);
    redux_manifest_free(s.earlier);
    free(note);
    return end_ranks(code);
}
