/* SPDX-License-Identifier: MIT
 * redux-hash --pairs: near-duplicates among the slices. */
#ifndef REDUX_EXAMPLES_HASH_PAIRS_H
#define REDUX_EXAMPLES_HASH_PAIRS_H

#include "common/common.h"

/* Every pair of entries within `most` bits, a line each, on stdout; an exit code. */
int print_pairs(redux_context *context, const redux_hash_list *list, int64_t most, bool csv);

#endif
