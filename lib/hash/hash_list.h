/* SPDX-License-Identifier: MIT
 * The inside of a list of codes: hash_list.c, hash_dataset.c, hash_print.c, hash_binary.c. */
#ifndef RDX_HASH_LIST_H
#define RDX_HASH_LIST_H

#include <redux/hash_list.h>
#include "hash.h"

#define RDX_NO_QUALITY (-1)

/* The fields of an entry besides its code. */
typedef struct rdx_hash_entry {
    int64_t slice, source; /* source: its number */
    redux_hash_info info;
} rdx_hash_entry;

struct redux_hash_list {
    redux_hash_options options; /* in force */
    int64_t bits, bytes;
    int64_t count, entry_capacity, code_capacity;
    rdx_hash_entry *entries;
    uint8_t *codes;
    char **sources; /* names that follow one another are one */
    int64_t source_count, source_capacity;
};

/* Whether a window is one that can be given. */
bool rdx_hash_is_window(redux_window window);
/* Room for `more` entries. */
redux_status rdx_hash_list_reserve(redux_hash_list *list, redux_context *context, int64_t more);
/* The number of a name, which is added unless it is the last one. */
redux_status rdx_hash_list_source(int64_t *out, redux_hash_list *list, redux_context *context,
                                  const char *name);
/* Keeps the first `count` entries and drops the others. */
void rdx_hash_list_cut(redux_hash_list *list, int64_t count, int64_t source_count);

/* Bytes to a callback. */
typedef struct rdx_hash_writer {
    redux_hash_write_fn write;
    void *user;
} rdx_hash_writer;

/* hash_lines.c: SOURCE<TAB>SLICE<TAB>HEX, after a first line that names the form, its version and
 * the options. */
#define RDX_HASH_LINES "#redux-hash\t"
#define RDX_HASH_LINES_VERSION 1
#define RDX_HASH_LINES_HEAD 256
redux_status rdx_hash_lines_head(char text[RDX_HASH_LINES_HEAD], const redux_hash_options *options);
bool rdx_hash_is_lines(const void *bytes, size_t size);
redux_status rdx_hash_lines_decode(redux_hash_list **out, redux_context *context, const char *bytes,
                                   size_t size);
/* A character of a name as it is written; false: the text holds a wrong escape. */
const char *rdx_hash_escape(char pair[3], char c);
bool rdx_hash_unescape(char *text);

/* hash_binary.c */
redux_status rdx_hash_list_encode(const rdx_hash_writer *writer, const redux_hash_list *list);

#endif
