/* SPDX-License-Identifier: MIT
 * Named tensors from the inside: safetensors.c reads and writes its own format, torch_file.c reads
 * torch.save's. Internal. */
#ifndef RDX_SAFETENSORS_H
#define RDX_SAFETENSORS_H

#include <redux/safetensors.h>
#include "io.h"
#include "json.h"

typedef struct rdx_named_tensor {
    const char *name;    /* owned by the file, or by the caller */
    redux_tensor tensor; /* reading: C-contiguous; writing: borrowed */
    uint64_t begin, end; /* in the data of a safetensors file */
} rdx_named_tensor;

struct redux_safetensors {
    char *path;
    json_t *header; /* NULL: torch.save's file, which has none */
    rdx_named_tensor *entries;
    int64_t count;
    redux_tensor data; /* a safetensors file: all bytes */
    char *names;       /* torch.save's file: where its names are kept */
    rdx_foreign_value *foreign;
    int64_t foreign_count;
};

/* Whether a file begins as those of torch.save do. */
bool rdx_torch_file_is(const unsigned char *bytes, size_t size);
/* Fills in a file that is zero; the caller frees it in either case. */
redux_status rdx_torch_file_read(redux_safetensors *file, redux_context *context, const char *path);

#endif
