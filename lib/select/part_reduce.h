/* SPDX-License-Identifier: MIT
 * Parts of a reduction: part_reduce.c makes one, merge.c judges all. Internal. */
#ifndef RDX_SELECT_PART_H
#define RDX_SELECT_PART_H

#include "select.h"

#define RDX_PART_REDUCTION "reduction"

/* Whether a part judges its rows; else it holds their items. */
bool rdx_part_judges(const redux_reduce_options *options);
/* The job of all parts, as JSON, by the options in force; free() it. */
redux_status rdx_part_job(char **out, const redux_dataset *dataset,
                          const redux_reduce_options *known);

#endif
