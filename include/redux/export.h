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

/* The defaults of a struct are written once, as REDUX_X_DEFAULTS(set): set(field, value) for each
 * field that is not 0. From it REDUX_X_INIT is made: in C an initialiser that names the fields, in
 * C++17, which has none of those, a call of redux_x_init(), which sets the same fields of a struct
 * of zeros. */
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
