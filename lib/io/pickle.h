/* SPDX-License-Identifier: MIT
 * What Python's pickle wrote, as a tree of plain values. Nothing is imported, called or built: a
 * call is a value that says what would be called, and with what. Internal. */
#ifndef RDX_PICKLE_H
#define RDX_PICKLE_H

#include "base/base.h"

typedef enum rdx_pickle_kind {
    RDX_PICKLE_OTHER, /* None, floats, integers of more than 64 bits, buffers, ... */
    RDX_PICKLE_BOOL,
    RDX_PICKLE_INTEGER,
    RDX_PICKLE_TEXT, /* or bytes */
    RDX_PICKLE_TUPLE,
    RDX_PICKLE_LIST,      /* or a set */
    RDX_PICKLE_DICT,      /* items: key, value, key, value, ... */
    RDX_PICKLE_GLOBAL,    /* items: the texts of module and name */
    RDX_PICKLE_CALL,      /* callee and arguments; items: what was put into the result */
    RDX_PICKLE_PERSISTENT /* items: the id of an object that is kept elsewhere */
} rdx_pickle_kind;

/* Values are known by their number; -1: none. */
typedef struct rdx_pickle_value {
    rdx_pickle_kind kind;
    int32_t count;       /* items, or bytes of a text */
    int32_t first, last; /* the chain of items; -1: none */
    union {
        int64_t integer;
        const unsigned char *text; /* in the pickle; not terminated */
        struct {
            int32_t callee, arguments;
        } call;
    } as;
} rdx_pickle_value;

typedef struct rdx_pickle_item {
    int32_t value, next;
} rdx_pickle_item;

/* Values may contain each other, even in circles: what walks them limits its depth and its steps.
 */
typedef struct rdx_pickle {
    rdx_pickle_value *values;
    rdx_pickle_item *items;
    int64_t value_count, value_capacity, item_count, item_capacity;
    int32_t root;
} rdx_pickle;

/* Reads protocols 0 to 5. `bytes` must stay in place; `label` names them in messages. Errors:
 * REDUX_E_FORMAT, REDUX_E_LIMIT (millions of values), REDUX_E_NO_MEMORY. Free it in either case. */
redux_status rdx_pickle_parse(rdx_pickle *out, redux_context *context, const unsigned char *bytes,
                              size_t size, const char *label);
void rdx_pickle_free(rdx_pickle *pickle);

/* The value; one of kind RDX_PICKLE_OTHER for -1. */
const rdx_pickle_value *rdx_pickle_at(const rdx_pickle *pickle, int32_t value);
/* Item `index`, or -1. */
int32_t rdx_pickle_item_of(const rdx_pickle *pickle, int32_t value, int index);
/* Whether it is a text, or the global MODULE.NAME. */
bool rdx_pickle_is_text(const rdx_pickle *pickle, int32_t value, const char *text);
bool rdx_pickle_is_global(const rdx_pickle *pickle, int32_t value, const char *module,
                          const char *name);
/* "module.name" of a global or of what a call calls; cut to fit, with '?' for what is not
 * printable. */
void rdx_pickle_describe(char *text, size_t size, const rdx_pickle *pickle, int32_t value);

#endif
