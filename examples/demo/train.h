/* SPDX-License-Identifier: MIT
 * The third part of redux-demo: pre-training on all and on reduced slices, judged. */
#ifndef REDUX_EXAMPLES_DEMO_TRAIN_H
#define REDUX_EXAMPLES_DEMO_TRAIN_H

#include "common/common.h"

/* `data`: a folder with pretrain.npz, and labels.csv (columns file, slice, patient, tumour) of
 * other patients; `folder` gets the runs and predictions. Prints a table. */
redux_status demo_train(redux_context *context, const char *data, const char *folder);

#endif
