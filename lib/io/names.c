/* SPDX-License-Identifier: MIT
 * What kind of file a name promises, natural order, and the two halves of a NIfTI pair. */
#include <string.h>
#include <strings.h>
#include "io.h"

static const struct {
    const char *suffix;
    rdx_kind kind;
} suffixes[] = {
    {".nii", RDX_KIND_NIFTI},     {".nii.gz", RDX_KIND_NIFTI}, {".hdr", RDX_KIND_HEADER},
    {".hdr.gz", RDX_KIND_HEADER}, {".img", RDX_KIND_IMAGE},    {".img.gz", RDX_KIND_IMAGE},
    {".png", RDX_KIND_PICTURE},   {".jpg", RDX_KIND_PICTURE},  {".jpeg", RDX_KIND_PICTURE},
    {".npy", RDX_KIND_NPY},       {".npz", RDX_KIND_NPZ},      {".dcm", RDX_KIND_DICOM},
    {".dicom", RDX_KIND_DICOM},   {".ima", RDX_KIND_DICOM},
};

static bool ends_with(const char *text, const char *suffix)
{
    const size_t length = strlen(text), end = strlen(suffix);
    return length > end && strcasecmp(text + length - end, suffix) == 0;
}

rdx_kind rdx_kind_of(const char *name)
{
    for (int64_t i = 0; i < RDX_COUNT(suffixes); i++)
        if (ends_with(name, suffixes[i].suffix))
            return suffixes[i].kind;
    return RDX_KIND_NONE;
}

/* What people keep beside that, or in its place. */
static const char *const unread[] = {".tif",  ".tiff", ".bmp", ".gif", ".webp", ".heic",   ".heif",
                                     ".avif", ".jp2",  ".jxl", ".mha", ".mhd",  ".nrrd",   ".nhdr",
                                     ".mgh",  ".mgz",  ".mnc", ".zip", ".tar",  ".tar.gz", ".tgz"};

int rdx_unread_kind(const char *name)
{
    for (int i = 0; i < (int)RDX_COUNT(unread); i++)
        if (ends_with(name, unread[i]))
            return i;
    return -1;
}

void rdx_unread_text(char *text, size_t size, uint32_t kinds)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < (int)RDX_COUNT(unread) && used + 12 < size; i++)
        if ((kinds >> i & 1) != 0)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used == 0 ? "" : ", ",
                                     unread[i]);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Compares two runs of digits by value and steps over both. */
static int compare_numbers(const char **left, const char **right)
{
    const char *a = *left, *b = *right;
    int order = 0;
    while (*a == '0')
        a++;
    while (*b == '0')
        b++;
    for (; is_digit(*a) && is_digit(*b); a++, b++)
        if (order == 0)
            order = (*a > *b) - (*a < *b);
    if (is_digit(*a) != is_digit(*b))
        order = is_digit(*a) ? 1 : -1; /* the longer number is the larger */
    while (is_digit(*a))
        a++;
    while (is_digit(*b))
        b++;
    *left = a;
    *right = b;
    return order;
}

int rdx_natural_compare(const char *left, const char *right)
{
    const char *a = left, *b = right;
    while (*a != '\0' && *b != '\0') {
        if (is_digit(*a) && is_digit(*b)) {
            const int order = compare_numbers(&a, &b);
            if (order != 0)
                return order;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    if (*a != *b)
        return *a == '\0' ? -1 : 1;
    return strcmp(left, right); /* "1" and "01" */
}

redux_status rdx_join(char **out, redux_context *context, const char *folder, const char *name)
{
    const size_t length = strlen(folder), size = length + strlen(name) + 2;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, size, 1));
    snprintf(block, size, "%s%s%s", folder, length > 0 && folder[length - 1] == '/' ? "" : "/",
             name);
    *out = block;
    return REDUX_OK;
}

redux_status rdx_nifti_partner(char **out, redux_context *context, const char *path)
{
    const bool header = rdx_kind_of(path) == RDX_KIND_HEADER, gz = ends_with(path, ".gz");
    const size_t stem = strlen(path) - (gz ? strlen(".hdr.gz") : strlen(".hdr"));
    const bool upper = path[stem + 1] >= 'A' && path[stem + 1] <= 'Z';
    static const char *const halves[2][2] = {{".hdr", ".HDR"}, {".img", ".IMG"}};
    static const char *const packed[2][2] = {{"", ""}, {".gz", ".GZ"}};
    void *block;
    struct stat status;
    RDX_TRY(rdx_alloc(context, &block, stem + 8, 1));
    for (int i = 0; i < 4; i++) { /* like-compressed and like-cased first */
        const char *half = halves[header][upper != (i >= 2)];
        snprintf(block, stem + 8, "%.*s%s%s", (int)stem, path, half,
                 packed[gz != (i % 2 == 1)][upper != (i >= 2)]);
        if (stat(block, &status) == 0) {
            *out = block;
            return REDUX_OK;
        }
    }
    rdx_free(block);
    return rdx_fail(REDUX_E_NOT_FOUND, "%s: its other half, %.*s%s or %s.gz, is missing", path,
                    (int)stem, path, halves[header][upper], halves[header][upper]);
}
