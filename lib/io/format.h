/* SPDX-License-Identifier: MIT
 * The file formats, behind one table. Internal.
 *
 * A new format is one file, format_NAME.c, that defines an rdx_format, and one word in RDX_FORMATS.
 * Nothing else in the library, the programs or the Makefile knows a format by name. */
#ifndef RDX_FORMAT_H
#define RDX_FORMAT_H

#include "io.h"

/* The position of a volume's voxels in the patient. Storage axes are 0 (i, the fastest), 1 (j) and
 * 2 (k). */
typedef struct rdx_geometry {
    int64_t dim[3];     /* voxels along each storage axis */
    double spacing[3];  /* mm along each; 0: unknown */
    int8_t axis[3];     /* the storage axis of the slices, rows, columns of the axial view */
    int8_t reversed[3]; /* whether the axial view reverses it (never that of the slices) */
    bool falls;         /* slice numbers grow towards the patient's feet */
} rdx_geometry;

struct rdx_format;

/* A volume that a format found in a file, before any voxel is read. Strings and `header` are owned
 * (rdx_alloc). */
typedef struct rdx_found {
    const struct rdx_format *format;
    char *source; /* the name in results: FILE, or FILE:KEY */
    char *file;   /* the file */
    char *image;  /* the file of the voxels if it is another one, else NULL */
    char *key;    /* the name of the volume within its file; NULL: the file has only one */
    rdx_geometry geometry;
    int64_t frames; /* time points, of which load reads one; 0: the format knows none */
    redux_dtype dtype;
    double slope, intercept; /* value = slope * voxel + intercept */
    uint64_t bytes;          /* of the files */
    char *patient; /* whom the file says that it shows; NULL: unknown. Must never be written
                      anywhere. */
    void *header;  /* of the format, which load compares to see whether the file has changed */
} rdx_found;

void rdx_found_clear(rdx_found *found);

/* A format's probe calls these. */
typedef struct rdx_finds {
    redux_context *context;
    /* Takes ownership of a volume, even if it fails. */
    redux_status (*add)(rdx_found *found, void *user);
    /* Decides about a failure that concerns one source only. */
    redux_status (*settle)(void *user, const char *source, redux_status status);
    /* Notes a part of a file that holds no volume. */
    redux_status (*pass_over)(void *user, const char *source, const char *reason);
    /* Whether the caller excludes a source, so that it need not be read. */
    bool (*excludes)(void *user, const char *source);
    void *user;
} rdx_finds;

/* How files become volumes. */
typedef enum rdx_format_unit {
    RDX_UNIT_VOLUME,  /* a file holds whole volumes */
    RDX_UNIT_PICTURE, /* a file is a slice; the pictures of a folder are one volume */
    RDX_UNIT_SERIES   /* a file is a slice that says which series it belongs to */
} rdx_format_unit;

#define RDX_SUFFIXES 8 /* one more than a format has at most: NULL ends them */

typedef struct rdx_format {
    const char *name;                   /* "nifti" */
    const char *suffixes[RDX_SUFFIXES]; /* lower case; NULL ends them */
    rdx_format_unit unit;
    bool is_scan;   /* values are measured: they have a unit, such as HU */
    bool on_demand; /* slices are read one by one, when they are asked for */

    /* Volumes: probe reads headers and hands over what it finds (key: only the volume of that name;
     * NULL: all). load reads the voxels of one frame as [k][j][i], or [k][j][i][colour]. */
    redux_status (*probe)(const rdx_finds *finds, const char *path, const char *key);
    redux_status (*load)(redux_tensor *out, redux_context *context, const rdx_found *found,
                         int64_t frame);
    /* Replaces load where slices are read one by one: slice `index`, [j][i] or [j][i][colour].
     */
    redux_status (*read)(redux_tensor *out, redux_context *context, const rdx_found *found,
                         int64_t index);
    /* What identifies the content; NULL: the CRC-32 of its files. */
    redux_status (*checksum)(uint32_t *out, redux_context *context, const rdx_found *found);
    /* Gives back what `header` refers to, before it is freed itself; NULL: nothing. */
    void (*clear)(rdx_found *found);
    const char *key_suffix; /* FILE:KEY is understood where FILE ends so; NULL: never */
    /* Files that only go with another one (the voxels of a header): their suffixes, and the file
     * that lists them. */
    const char *parts[RDX_SUFFIXES];
    redux_status (*whole)(char **out, redux_context *context, const char *path);

    /* Pictures are recognised by their first bytes. header: *need is 0, or the number of first
     * bytes that it takes to read the header. */
    bool (*signature)(const unsigned char *bytes, size_t size);
    redux_status (*header)(rdx_picture_info *out, uint64_t *need, const unsigned char *bytes,
                           size_t size, const char *path);
    /* Replaces header where it lies anywhere in the file. A file of several pages is a volume, by
     * probe and read. */
    redux_status (*pages)(rdx_picture_info *out, int fd, uint64_t size, const char *path);
    redux_status (*decode)(redux_tensor *out, redux_context *context, const unsigned char *bytes,
                           size_t size, bool alpha, const char *path);

    /* Files without a telling suffix: whether one begins as this format does. NULL: such files are
     * not of this format. */
    bool (*sniff)(const unsigned char *bytes, size_t size);
} rdx_format;

/* The format of a file by its name; NULL if no suffix is known. *part: it is only part of another
 * file; may be NULL. */
const rdx_format *rdx_format_of(const char *name, bool *part);
/* The format of a file by its name, else by its first bytes, where the format allows that. NULL: it
 * is not read; then *looks_like names what it seems to be ("HDF5"), or is NULL. looks_like may be
 * NULL. */
const rdx_format *rdx_format_sniff(const char **looks_like, const char *path);
/* The format of a picture by its first bytes; NULL if it is not a readable picture. */
const rdx_format *rdx_format_of_picture(const unsigned char *bytes, size_t size);
/* The start of KEY in FILE:KEY if FILE is of a format with keys, else NULL. */
const char *rdx_format_key(const rdx_format **format, const char *text);
/* ".nii, .nii.gz, .png": every readable suffix. */
void rdx_format_list(char *text, size_t size);

/* The suffix of a picture, volume or archive in a format that is not read (".bmp"), and what
 * converts it; else NULL. */
const char *rdx_unread_suffix(const char **advice, const char *name);

/* The axial view of voxels [k][j][i](...). */
redux_status rdx_axial_view(redux_tensor *out, const redux_tensor *stored,
                            const rdx_geometry *geometry);
/* Voxels whose storage axes are columns, rows and slices as they are. */
rdx_geometry rdx_geometry_plain(int64_t slices, int64_t height, int64_t width);
/* REDUX_E_FORMAT: the file is not the one that the probe saw. */
redux_status rdx_format_changed(const char *path);

/* ---- format_npy.c: arrays, also those of archives ---- */

/* Whether an array can only be a stack of slices: (N, H, W), (N, H, W, 3 or 4). */
bool rdx_npy_is_stack(const rdx_npy *npy);
/* Describes an array as a volume; found->source is set. Errors: REDUX_E_UNSUPPORTED (shape). */
redux_status rdx_npy_describe(rdx_found *found, const rdx_npy *npy);
/* Turns (H, W) into (1, H, W) through its strides, since it may be of Fortran order. */
void rdx_npy_as_stack(redux_tensor *array);

/* ---- format_npz_items.c: arrays of volumes, (N, D, H, W) ---- */

bool rdx_npz_holds_volumes(const rdx_npy *npy);
/* Hands over the volumes of an array; `only` that one, if it is not negative. */
redux_status rdx_npz_add_volumes(const rdx_finds *finds, const char *path, const char *key,
                                 int64_t only, const rdx_npz_member *member);

/* Every format: format_NAME.c defines rdx_format_NAME. The order is that of lists. */
#define RDX_FORMATS(FORMAT)                                                                        \
    FORMAT(nifti)                                                                                  \
    FORMAT(dicom)                                                                                  \
    FORMAT(mha)                                                                                    \
    FORMAT(nrrd)                                                                                   \
    FORMAT(mgh)                                                                                    \
    FORMAT(png)                                                                                    \
    FORMAT(jpeg)                                                                                   \
    FORMAT(pnm) RDX_IF_TIFF(FORMAT(tiff)) RDX_IF_WEBP(FORMAT(webp)) FORMAT(npy) FORMAT(npz)

/* What the build has the libraries for. */
#if defined(REDUX_TIFF)
#define RDX_IF_TIFF(it) it
#else
#define RDX_IF_TIFF(it)
#endif
#if defined(REDUX_WEBP)
#define RDX_IF_WEBP(it) it
#else
#define RDX_IF_WEBP(it)
#endif

#define RDX_DECLARE_FORMAT(name) extern const rdx_format rdx_format_##name;
RDX_FORMATS(RDX_DECLARE_FORMAT)

#endif
