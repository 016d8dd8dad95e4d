/* SPDX-License-Identifier: MIT */
/** @file
 * Macros that the other headers are written with.
 *
 * @code
 * redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT; // C and C++ alike
 * double threshold = REDUX_NAN;                               // "not given", where 0 is a value
 * (void)options;
 * (void)threshold;
 * return REDUX_OK;
 * @endcode
 *
 * Promised: REDUX_X_INIT sets the same bytes in C and in C++17, and every options struct is valid
 * as initialised. Since 0.1.
 */
#ifndef REDUX_EXPORT_H
#define REDUX_EXPORT_H

#include <math.h>

#if defined(__GNUC__) || defined(__clang__)
/** Marks every exported function; the shared library exports nothing else. */
#define REDUX_API __attribute__((visibility("default")))
/** Lets the compiler check the arguments of a function like printf. */
#define REDUX_PRINTF(format_index, first_argument)                                                 \
    __attribute__((format(printf, format_index, first_argument)))
#else
#define REDUX_API
#define REDUX_PRINTF(format_index, first_argument)
#endif

/** Means "not given" in options where 0 is a value. */
#define REDUX_NAN ((double)NAN)

/* The defaults of a struct are written once, as REDUX_X_DEFAULTS(set), which says set(field, value)
 * for each field that is not 0. REDUX_X_INIT is made from it: in C an initialiser that names the
 * fields; in C++17, which has no such initialisers, a call of redux_x_init(), which sets the same
 * fields of a struct of zeros. */
#ifdef __cplusplus
#define REDUX_SET_FIELD(field, ...) value.field = __VA_ARGS__
#define REDUX_DEFINE_INIT(type, defaults)                                                          \
    inline constexpr type type##_init()                                                            \
    {                                                                                              \
        type value{};                                                                              \
        defaults(REDUX_SET_FIELD);                                                                 \
        return value;                                                                              \
    }
#define REDUX_INIT(type, defaults) type##_init()
#else
#define REDUX_NAME_FIELD(field, ...) .field = __VA_ARGS__
#define REDUX_DEFINE_INIT(type, defaults)
#define REDUX_INIT(type, defaults)                                                                 \
    {                                                                                              \
        defaults(REDUX_NAME_FIELD)                                                                 \
    }
#endif

#ifdef __cplusplus
#define REDUX_BEGIN_DECLS extern "C" {
#define REDUX_END_DECLS }
#else
#define REDUX_BEGIN_DECLS
#define REDUX_END_DECLS
#endif

#endif
