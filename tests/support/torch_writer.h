/* SPDX-License-Identifier: MIT
 * A writer of torch.save's files for the tests: a ZIP archive of stored members, and pickles as
 * text (protocol 0). */
#ifndef TESTS_TORCH_WRITER_H
#define TESTS_TORCH_WRITER_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

typedef struct torch_bytes {
    unsigned char at[1 << 18], directory[1 << 16];
    size_t size, directory_size;
    int members;
} torch_bytes;

/* A pickled tensor: numbers are text, shape and strides "I2\nI3\n". */
#define TORCH_VIEW(type, key, numel, offset, shape, strides)                                       \
    "ctorch._utils\n_rebuild_tensor_v2\n((Vstorage\nctorch\n" type "\nV" key "\nVcpu\nI" numel     \
    "\ntQI" offset "\n(" shape "t(" strides "tI00\nNtR"
#define TORCH_KEY(name) "V" name "\n"

static inline void torch_number(unsigned char *at, size_t *size, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[(*size)++] = (unsigned char)(value >> 8 * i);
}

/* What the local header and the directory say of a member from its version on. */
static inline void torch_about(unsigned char *at, size_t *size, const char *name, const void *data,
                               size_t length)
{
    const uint32_t crc = (uint32_t)crc32(0, data, (uInt)length);
    torch_number(at, size, 20, 2);
    torch_number(at, size, 0, 8); /* flags, stored, time and date */
    torch_number(at, size, crc, 4);
    torch_number(at, size, length, 4);
    torch_number(at, size, length, 4);
    torch_number(at, size, strlen(name), 2);
    torch_number(at, size, 0, 2);
}

static inline void torch_add(torch_bytes *b, const char *name, const void *data, size_t length)
{
    const size_t begin = b->size, name_length = strlen(name);
    torch_number(b->at, &b->size, 0x04034b50, 4);
    torch_about(b->at, &b->size, name, data, length);
    memcpy(b->at + b->size, name, name_length); /* NOLINT(bugprone-not-null-terminated-result) */
    b->size += name_length;
    if (length > 0)
        memcpy(b->at + b->size, data, length);
    b->size += length;
    torch_number(b->directory, &b->directory_size, 0x02014b50, 4);
    torch_number(b->directory, &b->directory_size, 20, 2);
    torch_about(b->directory, &b->directory_size, name, data, length);
    torch_number(b->directory, &b->directory_size, 0, 8); /* comment, disk, attributes */
    torch_number(b->directory, &b->directory_size, 0, 2);
    torch_number(b->directory, &b->directory_size, begin, 4);
    memcpy(b->directory + b->directory_size, name,
           name_length); /* NOLINT(bugprone-not-null-terminated-result) */
    b->directory_size += name_length;
    b->members++;
}

/* `count` numbers of `size` bytes each, little-endian as archives are that say nothing else. */
static inline void torch_add_numbers(torch_bytes *b, const char *name, const void *numbers,
                                     size_t count, size_t size)
{
    unsigned char bytes[256];
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < size; k++)
            bytes[i * size + k] =
                ((const unsigned char *)
                     numbers)[i * size +
                              (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? size - 1 - k : k)];
    torch_add(b, name, bytes, count * size);
}

static inline void torch_end(torch_bytes *b)
{
    const size_t begin = b->size;
    memcpy(b->at + b->size, b->directory, b->directory_size);
    b->size += b->directory_size;
    torch_number(b->at, &b->size, 0x06054b50, 4);
    torch_number(b->at, &b->size, 0, 4);
    torch_number(b->at, &b->size, (uint64_t)b->members, 2);
    torch_number(b->at, &b->size, (uint64_t)b->members, 2);
    torch_number(b->at, &b->size, b->directory_size, 4);
    torch_number(b->at, &b->size, begin, 4);
    torch_number(b->at, &b->size, 0, 2);
}

#endif
