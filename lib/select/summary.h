/* SPDX-License-Identifier: MIT
 * What results say as JSON, for the summary and for parts. Internal. */
#ifndef RDX_SUMMARY_H
#define RDX_SUMMARY_H

#include <jansson.h>
#include "select.h"

/* Paths are bytes, JSON is UTF-8: bytes that are not UTF-8 become "?". NULL: no memory. */
json_t *rdx_text_json(const char *bytes);
/* NaN: null; a whole number: an integer. */
json_t *rdx_number_json(double value);
/* The parameters of a strategy, by the options in force. NULL: no memory. */
json_t *rdx_parameters_json(const redux_reduction *reduction);

#endif
