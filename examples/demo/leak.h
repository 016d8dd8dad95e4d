/* SPDX-License-Identifier: MIT
 * The second part of redux-demo: slices of a known patient, disguised, are found. */
#ifndef REDUX_EXAMPLES_DEMO_LEAK_H
#define REDUX_EXAMPLES_DEMO_LEAK_H

#include "common/common.h"

/* Plants some slices of the first volume of `known` among the volumes of DATA/pretrain.npz, and
 * looks for them in `known`. `folder` gets the planted volume. Prints what is found. */
redux_status demo_leak(redux_context *context, const redux_dataset *known, const char *data,
                       const char *folder);

#endif
