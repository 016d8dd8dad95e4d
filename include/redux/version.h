/* SPDX-License-Identifier: MIT */
/** @file
 * The version of the headers you compiled with, and of the library that was loaded.
 *
 * @code
 * if (redux_version_number() < REDUX_VERSION_NUMBER)
 *     fprintf(stderr, "built with %s, running %s\n", REDUX_VERSION_STRING, redux_version_string());
 * return REDUX_OK;
 * @endcode
 *
 * Promised: a program runs with any later library of the same REDUX_ABI_VERSION (docs/abi.md).
 *
 * Threads: any. Since 0.1.
 */
#ifndef REDUX_VERSION_H
#define REDUX_VERSION_H

#include <redux/export.h>

/** The parts of the version (semver.org). */
#define REDUX_VERSION_MAJOR 0
#define REDUX_VERSION_MINOR 2
#define REDUX_VERSION_PATCH 0
/** The version as one number: major * 10000 + minor * 100 + patch. */
#define REDUX_VERSION_NUMBER                                                                       \
    (REDUX_VERSION_MAJOR * 10000 + REDUX_VERSION_MINOR * 100 + REDUX_VERSION_PATCH)
/** The version as text. */
#define REDUX_VERSION_STRING "0.2.0"

/** The number in the name of the shared library, libredux.so.1. It rises only when a program built
 *  against an older library would break (docs/abi.md). */
#define REDUX_ABI_VERSION 1

REDUX_BEGIN_DECLS

/** REDUX_VERSION_NUMBER of the library in use. Any thread. */
REDUX_API int redux_version_number(void);

/** REDUX_VERSION_STRING of the library in use. Static storage. Any thread. */
REDUX_API const char *redux_version_string(void);

REDUX_END_DECLS
#endif
