/* SPDX-License-Identifier: MIT
 * redux-hash --volume: hashes of whole volumes, and which of them another set has already. */
#ifndef REDUX_EXAMPLES_HASH_VOLUME_H
#define REDUX_EXAMPLES_HASH_VOLUME_H

#include <stdbool.h>

/* Whether --volume is among the arguments. Then hash_volumes does the rest of main. */
bool wants_volumes(int count, char **arguments);
int hash_volumes(int count, char **arguments);

#endif
