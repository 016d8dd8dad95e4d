/* SPDX-License-Identifier: MIT
 * What redux-reduce and redux-merge write and say. */
#ifndef REDUX_EXAMPLES_REDUCE_OUTPUT_H
#define REDUX_EXAMPLES_REDUCE_OUTPUT_H

#include "reduce_settings.h"

/* Whether all of it can be written, before the work, which may take hours. */
redux_status check_reduction_outputs(redux_context *context, const reduce_settings *s);
/* Writes what the settings ask for; returns an exit code. */
int write_reduction(const reduce_settings *s, redux_context *context,
                    const redux_reduction *reduction, double seconds);
/* Says how it went, on stderr. */
void report_reduction(const reduce_settings *s, const redux_dataset *dataset,
                      const redux_reduction *reduction, double seconds);

#endif
