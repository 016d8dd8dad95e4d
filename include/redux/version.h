/* SPDX-License-Identifier: MIT
 * The version of the header that was compiled against, and of the library that was loaded. */
#ifndef REDUX_VERSION_H
#define REDUX_VERSION_H

#include <redux/export.h>

#define REDUX_VERSION_MAJOR 0
#define REDUX_VERSION_MINOR 2
#define REDUX_VERSION_PATCH 0
/** Version as one number: major * 10000 + minor * 100 + patch. */
#define REDUX_VERSION_NUMBER                                                                       \
    (REDUX_VERSION_MAJOR * 10000 + REDUX_VERSION_MINOR * 100 + REDUX_VERSION_PATCH)
#define REDUX_VERSION_STRING "0.2.0"

/** The number in the name of the shared library, libredux.so.1. It goes up only when a program that
 *  was built against an older library would break (docs/abi.md); other places read it here. */
#define REDUX_ABI_VERSION 1

REDUX_BEGIN_DECLS

/** REDUX_VERSION_NUMBER of the library in use. Any thread. Since 0.1. */
REDUX_API int redux_version_number(void);

/** REDUX_VERSION_STRING of the library in use: static storage. Any thread. Since 0.1. */
REDUX_API const char *redux_version_string(void);

REDUX_END_DECLS
#endif
