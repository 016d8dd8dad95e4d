/* SPDX-License-Identifier: MIT
 * The second part of redux-demo: pre-training on all and on reduced slices, judged. */
#ifndef REDUX_EXAMPLES_DEMO_TRAIN_H
#define REDUX_EXAMPLES_DEMO_TRAIN_H

#include "common/common.h"

/* `table`: labels.csv with a column `tumour`; `folder` gets the runs. Prints a table. */
redux_status demo_train(redux_context *context, const char *table, const char *folder);

#endif
