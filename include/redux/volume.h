/* SPDX-License-Identifier: MIT */
/** @file
 * Datasets and volumes: scans (NIfTI, DICOM and others), folders of pictures, and arrays, slice by
 * slice.
 *
 * @code
 * const char *paths[1] = {"data/ct"};
 * redux_dataset *dataset = NULL;
 * redux_volume *volume = NULL;
 * redux_tensor slice = REDUX_TENSOR_INIT;
 * redux_status status = redux_dataset_open(&dataset, context, paths, 1, NULL);
 * if (status == REDUX_OK)
 *     status = redux_volume_open(&volume, context, dataset, 0);
 * if (status == REDUX_OK)
 *     status = redux_volume_slice(&slice, context, volume, 10); // [H, W], values as stored
 * redux_tensor_release(&slice);
 * redux_volume_free(volume);
 * redux_dataset_free(dataset);
 * return status;
 * @endcode
 *
 * A dataset is an ordered list of volumes found under paths; making it reads names and headers
 * only. Open a volume to get its pixels. What counts as a volume:
 * - NIfTI: each .nii, .nii.gz, .nii.zst, and .hdr with .img or .img.gz.
 * - MetaImage (.mha, .mhd), NRRD (.nrrd, .nhdr), MGH (.mgh, .mgz): each file, or header with its
 * data.
 * - DICOM: the files of one folder that belong to one series and agree in size, kind of pixels and
 *   orientation, ordered along their normal: axial slices from the feet to the head. A file with
 *   several frames is a volume of its own, ordered in the same way; as many frames at each place
 *   are the time points of a 4-D volume (redux_dataset_options.frame).
 * - PNG, JPEG, WebP and TIFF of one page: the pictures of one folder, in natural order.
 * - TIFF of several pages: each file; its pages are the slices, in the order of the file.
 * - .npy: an array of (H, W), (N, H, W) or (N, H, W, 3|4). Three axes are always (N, H, W), never
 *   one colour picture.
 * - .npz: each such array; its source is FILE.npz:KEY.
 *
 * Promised: the same files give the same volumes and slices in the same order. Gaps in DICOM series
 * are logged, never filled.
 *
 * Not promised: that every change of a file after redux_dataset_open is noticed.
 *
 * Threads: datasets are read-only, any thread; one volume may be read on several threads. Since
 * 0.1.
 */
#ifndef REDUX_VOLUME_H
#define REDUX_VOLUME_H

#include <redux/tensor.h>
#include <redux/window.h>

REDUX_BEGIN_DECLS

/** A dataset: the volumes found under some paths. Opaque; read-only once made: any thread may use
 *  it. */
typedef struct redux_dataset redux_dataset;
/** An opened volume. Opaque. */
typedef struct redux_volume redux_volume;

/* ---- options and infos ---- */

/** How the slices of a NIfTI volume are taken. */
typedef enum redux_orientation {
    /** Slices along the storage axis that is closest to the patient's long axis, shown as
     *  radiologists do: rows to posterior, columns to the patient's left. Slice numbers are
     *  indices along that axis as stored: reorientation never renumbers. */
    REDUX_ORIENTATION_AXIAL = 0,
    /** As the paper's script has them: slices along the third storage axis, rows along the second,
     *  columns along the first, nothing flipped; DICOM's padding pixels as they are. */
    REDUX_ORIENTATION_STORED = 1
} redux_orientation;

/** Options of redux_dataset_open. */
typedef struct redux_dataset_options {
    size_t struct_size;
    redux_orientation orientation;
    int32_t frame; /**< which frame of a 4-D NIfTI; -1: a file with more than one is an error */
    int32_t skip_errors; /**< 1: leave unusable inputs out and list them; 0: fail on the first */
    /** Sources to leave out unread: volumes as info.source names them, pictures by their own paths,
     *  byte for byte; NULL: none. Only redux_dataset_open uses it. A dataset may end up without
     *  volumes, which is no error. */
    const char *const *exclude;
    int64_t exclude_count;
    /** What slices belong to ("Groups" below). NULL or "series": each volume is a group; "folder",
     *  "file", "patient", FILE.csv:COLUMN, or a POSIX extended regular expression. Copied. Only
     *  redux_dataset_open and redux_dataset_open_manifest use it. */
    const char *group_by;
    /** Another dataset of the same run: its patients keep their numbers here. Read while the
     *  dataset is opened, not afterwards. NULL: none. */
    const redux_dataset *grouped_with;
    /** Where paths come from a stranger, such as a manifest's: no file outside this folder is
     *  opened, through links neither (REDUX_E_IO), and redux_dataset_open_manifest looks for
     *  sources below it alone: under ever fewer of the last parts of their names. NULL: anywhere.
     *  Read during the call only. Since 0.2. */
    const char *within;
} redux_dataset_options;

#define REDUX_DATASET_OPTIONS_DEFAULTS(set)                                                        \
    set(struct_size, sizeof(redux_dataset_options)), set(orientation, REDUX_ORIENTATION_AXIAL),    \
        set(frame, -1)
REDUX_DEFINE_INIT(redux_dataset_options, REDUX_DATASET_OPTIONS_DEFAULTS)
#define REDUX_DATASET_OPTIONS_INIT REDUX_INIT(redux_dataset_options, REDUX_DATASET_OPTIONS_DEFAULTS)

/** What is known of a volume without opening it. Strings belong to the dataset. */
typedef struct redux_volume_info {
    size_t struct_size; /**< set by the caller */
    redux_dtype dtype;  /**< as stored (float128: float64); for pictures, of the first one */
    const char *source; /**< the file; FILE.npz:KEY; for pictures the folder */
    int64_t slices;
    int64_t height, width;   /**< of a slice, as redux_volume_slice gives it; first picture's */
    double slope, intercept; /**< value = slope * stored + intercept; 1 and 0 where none */
    double spacing[3];       /**< mm between slices, rows, columns; 0 where unknown */
    uint64_t bytes;          /**< of the file, or of all the pictures */
    int32_t same_slices;     /**< 1: slice k is slice k in both orientations */
    const char *format;      /**< a redux_format_name ("nifti"); "picture" for a folder of them */
    int32_t is_scan;         /**< 1: values are measured (HU); 0: a picture's or an array's */
    int32_t file_per_slice;  /**< 1: each slice is a file, which names it in results */
    int32_t on_demand;       /**< 1: a slice is read when it is asked for; 0: with the volume */
} redux_volume_info;

#define REDUX_VOLUME_INFO_DEFAULTS(set)                                                            \
    set(struct_size, sizeof(redux_volume_info)), set(dtype, REDUX_UINT8)
REDUX_DEFINE_INIT(redux_volume_info, REDUX_VOLUME_INFO_DEFAULTS)
#define REDUX_VOLUME_INFO_INIT REDUX_INIT(redux_volume_info, REDUX_VOLUME_INFO_DEFAULTS)

/* ---- formats ---- */

/** The formats that are read: their number, the name of each ("nifti", "dicom", "png", ...) and its
 *  suffixes in lower case (".nii", ".nii.gz", ...). NULL for an index out of range. Any thread. */
REDUX_API int64_t redux_format_count(void);
REDUX_API const char *redux_format_name(int64_t index);
REDUX_API const char *redux_format_suffix(int64_t index, int64_t suffix);

/** Classifies a source by its name alone; no file is opened. Returns 1 for a whole volume
 *  (scan.nii.gz, FILE.npz:KEY), 0 for a slice of a folder or series (pictures, DICOM files, unknown
 *  names). *file_length: how many bytes of `source` are the path of its file (FILE.npz of
 *  FILE.npz:KEY, otherwise all of them); may be NULL. Any thread. */
REDUX_API int redux_source_is_volume(size_t *file_length, const char *source);

/* ---- datasets ---- */

/** Finds the volumes under `paths`, in the order given. Headers are read and checked; pixels are
 *  not. The caller owns *out.
 *
 *  Folders:
 *  - Searched recursively, entries in natural order ("2" before "10"; ties by byte order); hidden
 *    entries are left out.
 *  - The pictures of a folder are one volume, at the place of the first of them.
 *  - The DICOM files of a folder (.dcm, .dicom, .ima; no suffix or one of digits, if the content
 *    begins as DICOM does) are one volume for each series, size, kind of pixels and orientation, at
 *    the place of the first file. The source is FOLDER, or FOLDER#SERIES_UID if the folder has
 *    several; slices are named by their files. Objects without an image are left out.
 *  - Gaps, two slices at one position and missing positions are logged as warnings.
 *  - Other files are ignored; pictures, volumes and archives of kinds that are not read (.heic,
 *    .mnc, .zarr, .zip, ...) with a warning that says what converts them.
 *
 *  Files named directly:
 *  - A file of a kind that is not read is an error.
 *  - Consecutive pictures, or DICOM files, from the same folder are one volume.
 *  - A NIfTI pair is listed once, by its .hdr.
 *
 *  Archives (.npz):
 *  - Each array of (H, W), (N, H, W) or (N, H, W, 3 or 4) is a volume, in archive order; other
 *    arrays (labels) are left out.
 *  - Two-dimensional arrays count only if the archive has no stack: beside one they are tables
 *    (MedMNIST's labels are (N, 1)).
 *  - FILE.npz:KEY names one array, which may have any of those shapes.
 *
 *  Errors: REDUX_E_NOT_FOUND (missing file, folder without input), REDUX_E_IO, REDUX_E_FORMAT,
 *  REDUX_E_UNSUPPORTED, REDUX_E_LIMIT, REDUX_E_NO_MEMORY. With skip_errors only REDUX_E_NOT_FOUND
 *  (nothing is left) and REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_dataset_open(redux_dataset **out, redux_context *context,
                                          const char *const *paths, int64_t path_count,
                                          const redux_dataset_options *options);

/** Protects every file of a dataset (redux_context_protect). Errors: REDUX_E_INVALID (NULL),
 *  REDUX_E_NO_MEMORY. Since 0.2. */
REDUX_API redux_status redux_dataset_protect(const redux_dataset *dataset, redux_context *context);

/** A volume that your program has in memory (`voxels`) or provides on demand (`load` or
 *  `load_slice`): set one of the three. Since 0.2.
 *
 *  The functions may be called at any time until the dataset is freed, on any thread, and for
 *  several volumes or slices at once, and must give the same voxels every time.
 *  - `volume` is the volume's place in the dataset; `context` is for redux_tensor_new only.
 *  - Each puts a tensor into *out, which the library releases: on memory of redux_tensor_new, or on
 *    borrowed memory that outlives the dataset and everything taken from it.
 *  - If shape or dtype differ from those given here, the call that asked gets REDUX_E_FORMAT.
 *  - A status other than REDUX_OK is passed on, and treated as a file that cannot be read
 *    (REDUX_E_IO, _FORMAT, _NOT_FOUND, _UNSUPPORTED, _LIMIT: left out with skip_errors).
 */
typedef struct redux_volume_source {
    size_t struct_size;
    const char *source; /**< its name in results; copied; no two volumes of a dataset share one */
    /** [N, H, W] or [N, H, W, 3|4], none empty, of any dtype (bool: without colours) and strides.
     *  The tensor is shared by its reference count: you may release yours. Borrowed memory must
     *  outlive the dataset and everything taken from it. Not to be written to meanwhile. */
    const redux_tensor *voxels;
    double slope, intercept; /**< value = slope * voxel + intercept; 1 and 0 */
    double spacing[3];       /**< mm between slices, rows, columns; 0: unknown */
    int32_t is_scan;         /**< 1: values are measured (HU); 0: a picture's or an array's */
    /* Of functions: what they give. */
    redux_dtype dtype;
    int64_t slices, height, width;
    int32_t colours; /**< 0: grey; 3 or 4 */
    int32_t reserved;
    /** All voxels: [slices, height, width] or [slices, height, width, colours], once for each
     *  opening. */
    redux_status (*load)(redux_tensor *out, redux_context *context, int64_t volume, void *user);
    /** One slice: [height, width] or [height, width, colours], each time it is asked for. */
    redux_status (*load_slice)(redux_tensor *out, redux_context *context, int64_t volume,
                               int64_t slice, void *user);
    void *user; /**< handed to both; must outlive the dataset */
    /** What identifies the voxels that a function gives: redux_dataset_checksum returns it, so
     *  summaries need it. Copied; NULL: none. */
    const uint32_t *fingerprint;
} redux_volume_source;

#define REDUX_VOLUME_SOURCE_DEFAULTS(set)                                                          \
    set(struct_size, sizeof(redux_volume_source)), set(slope, 1), set(dtype, REDUX_UINT8)
REDUX_DEFINE_INIT(redux_volume_source, REDUX_VOLUME_SOURCE_DEFAULTS)
#define REDUX_VOLUME_SOURCE_INIT REDUX_INIT(redux_volume_source, REDUX_VOLUME_SOURCE_DEFAULTS)

/** A dataset of `count` volumes of your own, without files: everything that takes a dataset works
 *  on it. The caller owns *out. No function is called here.
 *  - Slices are taken along the first axis, in both orientations.
 *  - info.format is "memory" or "function"; info.bytes counts the bytes of the voxels.
 *  - In manifests the source is the name given here: redux_manifest_get_kept finds it again;
 *    redux_dataset_open_manifest looks for a file and does not.
 *  - Volume hashes agree with those of scan files if slice 0 is nearest to the feet and slices are
 *    oriented as radiologists see them.
 *
 *  Errors: REDUX_E_INVALID (NULL, no volume, shape, name missing or used twice, not exactly one of
 *  voxels, load and load_slice), REDUX_E_NO_MEMORY. Since 0.2. */
REDUX_API redux_status redux_dataset_new(redux_dataset **out, redux_context *context,
                                         const redux_volume_source *const *volumes, int64_t count);

/** Frees a dataset; NULL is allowed. No volume of it may be open. */
REDUX_API void redux_dataset_free(redux_dataset *dataset);

/** The number of volumes, and of slices in all of them. */
REDUX_API int64_t redux_dataset_volume_count(const redux_dataset *dataset);
REDUX_API int64_t redux_dataset_slice_count(const redux_dataset *dataset);

/** Describes a volume without opening it. Set out->struct_size first (REDUX_VOLUME_INFO_INIT).
 *  Errors: REDUX_E_INVALID (index, struct_size). */
REDUX_API redux_status redux_dataset_get_volume_info(redux_volume_info *out,
                                                     const redux_dataset *dataset, int64_t volume);

/** The name of a slice in results. For a picture *source is its own path and *index is 0; otherwise
 *  they are the volume's source and the slice number. *source belongs to the dataset. Errors:
 *  REDUX_E_INVALID. */
REDUX_API redux_status redux_dataset_get_slice_name(const char **source, int64_t *index,
                                                    const redux_dataset *dataset, int64_t volume,
                                                    int64_t slice);

/** The number of a slice in the whole dataset, volume after volume: 0 ... redux_dataset_slice_count
 *  - 1, as redux_dataset_visit and the rows of reductions and embeddings count. -1 if there is no
 *  such volume or slice, or the dataset is NULL. Any thread. Since 0.2. */
REDUX_API int64_t redux_dataset_slice_number(const redux_dataset *dataset, int64_t volume,
                                             int64_t slice);

/** The volume and slice of a number, the inverse of redux_dataset_slice_number. Both outputs are
 *  required, and unchanged on failure. Errors: REDUX_E_INVALID (NULL, no such number). Any thread.
 *  Since 0.2. */
REDUX_API redux_status redux_dataset_get_place(int64_t *volume, int64_t *slice,
                                               const redux_dataset *dataset, int64_t number);

/* ---- groups ---- */

/** Groups: what slices belong to, such as patients. Reductions compare slices within their group
 *  (REDUX_SCOPE_GROUP), and splits never divide one. redux_dataset_options.group_by makes them:
 *  - NULL or "series": each volume is a group. Its name is the volume's source.
 *  - "folder": the volumes and pictures of one folder; "file": those of one file. Their names are
 *    paths.
 *  - "patient": DICOM files by their PatientID. Names are numbers ("patient 1"), in the order of
 *    the first slices; no identifier is ever part of a name, a message or a result.
 *  - FILE.csv:COLUMN: a table with the columns `file` and, if slices of one file differ, `slice`.
 *    Paths are relative to its folder, and files are recognised under any of their names. Lines
 *    about files outside the dataset are reported as a warning.
 *  - A POSIX extended regular expression, searched in each slice's source
 *    (redux_dataset_get_slice_name): what its first parentheses match is the group; what the second
 *    ones match, if there are any, sorts the slice within the group, in natural order.
 *
 *  Groups are numbered by their first slices; the slices of a group need not be neighbours. Two
 *  groups of different datasets are the same one if their names are equal.
 *
 *  Errors, of redux_dataset_open: REDUX_E_INVALID (not an expression, or one without parentheses),
 *  REDUX_E_FORMAT (slices without a group: their number and the first names; a wrong line),
 *  REDUX_E_NOT_FOUND (no such table or column). Since 0.2. */
REDUX_API int64_t redux_dataset_group_count(const redux_dataset *dataset);
/** The group of a slice: 0 ... redux_dataset_group_count - 1; -1 if there is no such slice. Any
 *  thread. Since 0.2. */
REDUX_API int64_t redux_dataset_get_group(const redux_dataset *dataset, int64_t volume,
                                          int64_t slice);
/** The name of a group; it belongs to the dataset. NULL if there is no such group. Any thread.
 *  Since 0.2. */
REDUX_API const char *redux_dataset_group_name(const redux_dataset *dataset, int64_t group);
/** redux_dataset_options.group_by as it was given; NULL if each volume is a group. Any thread.
 *  Since 0.2. */
REDUX_API const char *redux_dataset_group_by(const redux_dataset *dataset);

/** Checks a group_by before anything is read. Errors: REDUX_E_INVALID (empty, not an expression, or
 *  one without parentheses). Any thread. Since 0.2. */
REDUX_API redux_status redux_group_by_check(const char *group_by);

/* ---- what is left out ---- */

/** What redux_dataset_open left out (skip_errors): how many inputs, and for each its path and the
 *  reason. Strings belong to the dataset; NULL for an index out of range. */
REDUX_API int64_t redux_dataset_skipped_count(const redux_dataset *dataset);
REDUX_API const char *redux_dataset_skipped_source(const redux_dataset *dataset, int64_t index);
REDUX_API const char *redux_dataset_skipped_reason(const redux_dataset *dataset, int64_t index);

/** What a search passed over for one reason: files in formats that are not read (known by suffix or
 *  by content), files met before under another name, DICOM objects without an image, arrays that
 *  are no images, hidden folders. Set struct_size first. Since 0.2. */
typedef struct redux_passed_over {
    size_t struct_size;
    const char
        *reason; /**< "files of a format that is not read (.bmp)"; it belongs to the dataset */
    const char *names; /**< the first ones, separated by ", " */
    int64_t count;
} redux_passed_over;

#define REDUX_PASSED_OVER_DEFAULTS(set) set(struct_size, sizeof(redux_passed_over))
REDUX_DEFINE_INIT(redux_passed_over, REDUX_PASSED_OVER_DEFAULTS)
#define REDUX_PASSED_OVER_INIT REDUX_INIT(redux_passed_over, REDUX_PASSED_OVER_DEFAULTS)

/** How many reasons there are, and each. Errors: REDUX_E_INVALID (index, struct_size). Any thread.
 *  Since 0.2. */
REDUX_API int64_t redux_dataset_passed_over_count(const redux_dataset *dataset);
REDUX_API redux_status redux_dataset_get_passed_over(redux_passed_over *out,
                                                     const redux_dataset *dataset, int64_t index);

/** CRC-32 (zlib's) over the bytes of the volume's files as they are on disk, pictures in order.
 *  Reads them once. Of voxels in memory: over their bytes in C order, little-endian; of functions:
 *  the fingerprint given. Errors: REDUX_E_IO, REDUX_E_NOT_FOUND, REDUX_E_INVALID,
 *  REDUX_E_UNSUPPORTED (a function without a fingerprint). */
REDUX_API redux_status redux_dataset_checksum(uint32_t *out, redux_context *context,
                                              const redux_dataset *dataset, int64_t volume);

/** What identifies slices by their pixels, wherever they are stored and whatever they are called.
 *  - out[s]: a hash of the size and the values of slice s as redux_volume_slice gives it; 0 where
 *    it has one value only, or is not wanted. It tells nothing about identifiers.
 *  - out and wanted: [slices of the dataset]; wanted NULL: all.
 *
 *  Of a million different slices two agree by chance with a probability of 3e-8. Reports slices as
 *  progress; one call at a time per context. Errors: those of redux_dataset_visit, REDUX_E_INVALID
 *  (NULL). Since 0.2. */
REDUX_API redux_status redux_dataset_fingerprints(uint64_t *out, redux_context *context,
                                                  const redux_dataset *dataset,
                                                  const uint8_t *wanted);

/* ---- volumes ---- */

/** Opens a volume of a dataset: a NIfTI file or npz member is read whole; the slices of an npy in C
 *  order are read, and pictures decoded, one by one when needed. The dataset must outlive the
 *  volume. The caller owns *out. Errors: REDUX_E_IO, REDUX_E_NOT_FOUND, REDUX_E_FORMAT (cut short,
 *  bad checksum, or the file has changed since redux_dataset_open), REDUX_E_UNSUPPORTED,
 *  REDUX_E_LIMIT, REDUX_E_NO_MEMORY, REDUX_E_INVALID. */
REDUX_API redux_status redux_volume_open(redux_volume **out, redux_context *context,
                                         const redux_dataset *dataset, int64_t volume);

/** Frees a volume; NULL is allowed. Views taken from it stay valid: they share its memory. */
REDUX_API void redux_volume_free(redux_volume *volume);

/** Slice `index`: [H, W], native byte order, dtype as stored (before slope and intercept; float16
 *  comes as float32, float128 as float64); colour is converted to luma (redux_image_luma). A view
 *  where possible, otherwise a new tensor; the caller releases it. May be called on one volume from
 *  several threads at once. Errors: as redux_volume_open. */
REDUX_API redux_status redux_volume_slice(redux_tensor *out, redux_context *context,
                                          const redux_volume *volume, int64_t index);

/** A slice with its colours: [H, W, 3] or [H, W, 4] as stored, pictures as redux_picture_read_alpha
 *  reads them; [H, W] if it is grey. Otherwise as redux_volume_slice. */
REDUX_API redux_status redux_volume_slice_colour(redux_tensor *out, redux_context *context,
                                                 const redux_volume *volume, int64_t index);

/** A slice in another orientation than the dataset's, if info.same_slices is 1; otherwise as
 *  redux_volume_slice. */
REDUX_API redux_status redux_volume_slice_oriented(redux_tensor *out, redux_context *context,
                                                   const redux_volume *volume, int64_t index,
                                                   redux_orientation orientation);

/** Slice `index` under a window: a new tensor [H, W], C-contiguous, uint8 or float32
 *  (redux_window_dtype). AUTO is resolved for the slice; slope, intercept and is_scan are those of
 *  the volume. The caller releases *out. May be called on one volume from several threads at once,
 *  each with its own context. Errors: as redux_volume_slice and redux_window_apply. Since 0.2. */
REDUX_API redux_status redux_volume_slice_windowed(redux_tensor *out, redux_context *context,
                                                   const redux_volume *volume, int64_t index,
                                                   redux_window window);

/** Slice `slice` of a volume of a dataset under a window, in one call, which opens and closes the
 *  volume. For many slices open the volume once, or use redux_dataset_visit. Errors: as
 *  redux_volume_open and redux_volume_slice_windowed. Since 0.2. */
REDUX_API redux_status redux_dataset_read_slice(redux_tensor *out, redux_context *context,
                                                const redux_dataset *dataset, int64_t volume,
                                                int64_t slice, redux_window window);

/* ---- every slice ---- */

/** What redux_dataset_visit hands over. */
typedef enum redux_visit_form {
    REDUX_VISIT_WINDOWED = 0, /**< under a window: uint8, or float32 in 0 ... 1; [H, W] */
    REDUX_VISIT_STORED = 1,   /**< as redux_volume_slice */
    REDUX_VISIT_COLOUR = 2    /**< as redux_volume_slice_colour */
} redux_visit_form;

/** Which slices redux_dataset_visit reads, and how. */
typedef struct redux_visit_options {
    size_t struct_size;
    redux_visit_form form;
    redux_window window;   /**< of REDUX_VISIT_WINDOWED; AUTO is resolved for each slice */
    int32_t orientation;   /**< a redux_orientation; -1: the dataset's */
    const uint8_t *wanted; /**< one a slice of the dataset: not 0, it is visited; NULL: all */
    int32_t any_order;     /**< 1: slices come as they are read, on several threads at once */
    int32_t skip_errors;   /**< 1: for what cannot be read the function gets no image */
} redux_visit_options;

#define REDUX_VISIT_OPTIONS_DEFAULTS(set)                                                          \
    set(struct_size, sizeof(redux_visit_options)), set(orientation, -1)
REDUX_DEFINE_INIT(redux_visit_options, REDUX_VISIT_OPTIONS_DEFAULTS)
#define REDUX_VISIT_OPTIONS_INIT REDUX_INIT(redux_visit_options, REDUX_VISIT_OPTIONS_DEFAULTS)

/** Receives one slice: `number` counts through the dataset, `slice` within `volume`. `image`
 *  belongs to the library and is valid until the function returns; NULL (skip_errors) means that
 *  the slice cannot be read, and redux_error_message says why. A status other than REDUX_OK ends
 *  the visit. */
typedef redux_status (*redux_visit_fn)(void *user, const redux_tensor *image, int64_t number,
                                       int64_t volume, int64_t slice);

/** Calls `visit` for each wanted slice. All threads of the context read ahead and decode, in
 *  bounded memory.
 *  - By default `visit` is called in the dataset's order, one slice at a time, on the calling
 *    thread.
 *  - With any_order it is called on any thread, several at once, and must not use the context.
 *
 *  Reports slices as progress. One call at a time per context. Errors: those of redux_volume_open
 *  and redux_window_apply, what `visit` returns, REDUX_E_CANCELLED, REDUX_E_INVALID. Since 0.2. */
REDUX_API redux_status redux_dataset_visit(redux_context *context, const redux_dataset *dataset,
                                           const redux_visit_options *options, redux_visit_fn visit,
                                           void *user);

REDUX_END_DECLS
#endif
