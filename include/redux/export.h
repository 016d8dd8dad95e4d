/* SPDX-License-Identifier: MIT
 * REDUX_API marks every exported function; nothing else leaves the shared library. */
#ifndef REDUX_EXPORT_H
#define REDUX_EXPORT_H

#include <math.h>

#if defined(__GNUC__) || defined(__clang__)
#define REDUX_API __attribute__((visibility("default")))
#define REDUX_PRINTF(format_index, first_argument)                                                 \
    __attribute__((format(printf, format_index, first_argument)))
#else
#define REDUX_API
#define REDUX_PRINTF(format_index, first_argument)
#endif

/** "Not given", where 0 is a value. */
#define REDUX_NAN ((double)NAN)

#ifdef __cplusplus
#define REDUX_BEGIN_DECLS extern "C" {
#define REDUX_END_DECLS }
#else
#define REDUX_BEGIN_DECLS
#define REDUX_END_DECLS
#endif

#endif
