/* SPDX-License-Identifier: MIT
 * Volumes and datasets: NIfTI files, DICOM series, folders of pictures, arrays; slice by slice.
 *
 * - NIfTI: .nii, .nii.gz, .hdr with .img (also .img.gz): a volume each.
 * - DICOM: the files of one folder that are one series (and of one size, kind of pixels and
 *   orientation), in the order in which they lie along their normal: axial ones from the feet to
 *   the head.
 * - PNG and JPEG: the pictures of one folder, in natural order, are one volume.
 * - .npy of (H, W), (N, H, W) or (N, H, W, 3|4); three axes are always (N, H, W), never one colour
 *   picture. Of an .npz each such array is a volume; its source is FILE.npz:KEY.
 *
 * A dataset is an ordered list of volumes found from paths; only names and headers are read to make
 * it. A volume is opened to get at its pixels, and is then the only thing in memory. */
#ifndef REDUX_VOLUME_H
#define REDUX_VOLUME_H

#include <redux/tensor.h>
#include <redux/window.h>

REDUX_BEGIN_DECLS

/** Opaque: volumes found under some paths. Read-only after it was made: any thread may ask it. */
typedef struct redux_dataset redux_dataset;
/** Opaque: one opened volume. */
typedef struct redux_volume redux_volume;

/** How the slices of a NIfTI volume are taken. */
typedef enum redux_orientation {
    /** Slices along the storage axis that is closest to the patient's long axis, shown as
     *  radiologists do: rows to posterior, columns to the patient's left. Slice numbers are
     *  indices along that axis as stored: reorientation never renumbers. */
    REDUX_ORIENTATION_AXIAL = 0,
    /** As the paper's script: slices along the third storage axis, rows along the second, columns
     *  along the first, nothing flipped. */
    REDUX_ORIENTATION_STORED = 1
} redux_orientation;

/** How the slices of one volume may be visited. */
typedef struct redux_dataset_options {
    size_t struct_size;
    redux_orientation orientation;
    int32_t frame; /**< which frame of a 4-D NIfTI; -1: a file with more than one is an error */
    int32_t
        skip_errors; /**< 1: unusable inputs are left out and listed, 0: the first one ends it */
    /** Sources that are passed over unread: volumes as info.source names them, pictures by their
     * own paths, byte for byte. NULL: none. Looked at by redux_dataset_open only. A dataset of
     * which everything was passed over has no volumes, which is no error. */
    const char *const *exclude;
    int64_t exclude_count;
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

/** The formats that are read: how many there are, the name of each ("nifti", "dicom", "png", ...)
 *  and its suffixes in lower case (".nii", ".nii.gz", ...). NULL for an index out of range. Any
 *  thread. */
REDUX_API int64_t redux_format_count(void);
REDUX_API const char *redux_format_name(int64_t index);
REDUX_API const char *redux_format_suffix(int64_t index, int64_t suffix);

/** What the name of a source says, without a look at any file: 1 if it is a whole volume by itself
 *  (scan.nii.gz, FILE.npz:KEY), 0 if it is a slice that belongs to a folder or series, as pictures,
 *  DICOM files and files of unknown names are. *file_length: how many bytes of `source` are the
 *  path of its file (FILE.npz of FILE.npz:KEY, else all of them); may be NULL. Any thread. */
REDUX_API int redux_source_is_volume(size_t *file_length, const char *source);

/** Finds the volumes under `paths`, in the order given. A folder is searched recursively, its
 *  entries in natural order ("2" before "10"; ties by byte order), hidden ones left out; its
 *  pictures are one volume, at the place of the first of them, and its DICOM files (.dcm, .dicom,
 *  .ima, or no ending or one of digits, where they begin as DICOM files do) one for each series,
 *  size, kind of pixels and orientation, at the place of the first file; objects without an image
 *  are passed over. A DICOM volume's source is FOLDER, or FOLDER#SERIES_UID where the folder has
 *  several; its slices are named by their files. Gaps, slices in one place and places that are not
 *  told are logged as warnings. Pictures named directly, one after the other and from the same
 *  folder, are one volume too, and DICOM files are put together likewise. Other files in folders
 *  are ignored, with a warning to the log where they are pictures, volumes or archives of kinds
 *  that are not read (.tif, .webp, .mha, .zip, ...); named directly they are an error. Of an .npz
 * each array of (H, W), (N, H, W) or (N, H, W, 3 or 4) is a volume, in archive order, others
 * (labels) are passed over; two-dimensional arrays count only where there is no stack, for beside
 * one they are tables (MedMNIST's labels are (N, 1)). `FILE.npz:KEY` names one array, which may
 * then be any of those shapes. A NIfTI pair is listed once, by its .hdr. Headers are read and
 * checked. The caller owns *out. Errors: REDUX_E_NOT_FOUND (missing file, folder without input),
 * REDUX_E_IO, REDUX_E_FORMAT, REDUX_E_UNSUPPORTED, REDUX_E_LIMIT, REDUX_E_NO_MEMORY; with
 * skip_errors only REDUX_E_NOT_FOUND when nothing is left and REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_dataset_open(redux_dataset **out, redux_context *context,
                                          const char *const *paths, int64_t path_count,
                                          const redux_dataset_options *options);

/** A volume that your program has in memory (`voxels`) or gives when it is asked for it (`load` or
 *  `load_slice`): set one of the three. Set it up with REDUX_VOLUME_SOURCE_INIT.
 *
 *  Functions may be called at any time until the dataset is freed, on any thread, and for several
 *  volumes or slices at once. `volume` is the volume's place in the dataset. Each puts a tensor
 * that the library releases into *out: on memory of redux_tensor_new, or borrowed memory that
 * outlives the dataset and everything taken from it. `context` is for redux_tensor_new only. Shape
 * and dtype must be those promised here, else the call that asked gets REDUX_E_FORMAT; a status
 * other than REDUX_OK is handed on, and treated as a file that cannot be read (REDUX_E_IO, _FORMAT,
 *  _NOT_FOUND, _UNSUPPORTED, _LIMIT: left out with skip_errors). The same voxels every time. */
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

/** A dataset of `count` volumes that your program has, without files: everything that takes a
 *  dataset works on it. Slices are taken as they lie along the first axis, in both orientations;
 *  info.format is "memory" or, by functions, "function"; info.bytes counts the voxels' bytes. In
 *  manifests the source is the name given here: redux_manifest_get_kept finds it again,
 *  redux_dataset_open_manifest looks for a file and does not. Volume hashes agree with those of
 * scan files if slice 0 is nearest to the feet and slices are as radiologists see them. No function
 * is called here. The caller owns *out. Errors: REDUX_E_INVALID (NULL, no volume, shape, name
 * missing or twice, not one of voxels, load and load_slice), REDUX_E_NO_MEMORY. Since 0.2. */
REDUX_API redux_status redux_dataset_new(redux_dataset **out, redux_context *context,
                                         const redux_volume_source *const *volumes, int64_t count);

/** NULL is allowed. Since 0.1. */
REDUX_API void redux_dataset_free(redux_dataset *dataset);

/** The number of volumes; of slices in all of them. Since 0.1. */
REDUX_API int64_t redux_dataset_volume_count(const redux_dataset *dataset);
REDUX_API int64_t redux_dataset_slice_count(const redux_dataset *dataset);

/** Errors: REDUX_E_INVALID (index, struct_size). Since 0.1. */
REDUX_API redux_status redux_dataset_get_volume_info(redux_volume_info *out,
                                                     const redux_dataset *dataset, int64_t volume);

/** The name of a slice in results: *source (the dataset's string) and *index: for a picture its own
 *  path and 0, else the volume's source and the slice number. Errors: REDUX_E_INVALID. Since 0.1.
 */
REDUX_API redux_status redux_dataset_get_slice_name(const char **source, int64_t *index,
                                                    const redux_dataset *dataset, int64_t volume,
                                                    int64_t slice);

/** The number of a slice in the whole dataset, volume after volume, as redux_dataset_visit, the
 * rows of a reduction and of embeddings count: 0 ... redux_dataset_slice_count - 1. -1: there is no
 * such volume or slice, or the dataset is NULL. Any thread. Since 0.2. */
REDUX_API int64_t redux_dataset_slice_number(const redux_dataset *dataset, int64_t volume,
                                             int64_t slice);

/** The inverse: which slice of which volume has this number. Both outputs are needed and are left
 *  as they are on failure. Errors: REDUX_E_INVALID (NULL, no such number). Any thread. Since 0.2.
 */
REDUX_API redux_status redux_dataset_get_place(int64_t *volume, int64_t *slice,
                                               const redux_dataset *dataset, int64_t number);

/** What redux_dataset_open left out (skip_errors): how many, and for each its path and why. Strings
 *  belong to the dataset; NULL for an index out of range. Since 0.1. */
REDUX_API int64_t redux_dataset_skipped_count(const redux_dataset *dataset);
REDUX_API const char *redux_dataset_skipped_source(const redux_dataset *dataset, int64_t index);
REDUX_API const char *redux_dataset_skipped_reason(const redux_dataset *dataset, int64_t index);

/** CRC-32 (zlib's) over the bytes of the volume's files as they lie on disk, pictures in order.
 *  Reads them once. Of voxels in memory: over their bytes in C order, little-endian; of functions:
 *  the fingerprint given. Errors: REDUX_E_IO, REDUX_E_NOT_FOUND, REDUX_E_INVALID,
 *  REDUX_E_UNSUPPORTED (a function without a fingerprint). Since 0.1. */
REDUX_API redux_status redux_dataset_checksum(uint32_t *out, redux_context *context,
                                              const redux_dataset *dataset, int64_t volume);

/** Opens a volume of a dataset: a NIfTI file or npz member is read whole, an uncompressed npy is
 *  mapped, pictures are decoded when asked for. The dataset must outlive it. The caller owns *out.
 *  Errors: REDUX_E_IO, REDUX_E_NOT_FOUND, REDUX_E_FORMAT (cut short, bad checksum; or the file has
 *  changed since redux_dataset_open), REDUX_E_UNSUPPORTED, REDUX_E_LIMIT, REDUX_E_NO_MEMORY,
 *  REDUX_E_INVALID. Since 0.1. */
REDUX_API redux_status redux_volume_open(redux_volume **out, redux_context *context,
                                         const redux_dataset *dataset, int64_t volume);

/** NULL is allowed. Views taken from it stay valid: they share its memory. Since 0.1. */
REDUX_API void redux_volume_free(redux_volume *volume);

/** Slice `index`, [H, W], native byte order, dtype as stored (before slope and intercept; float16
 *  comes as float32, float128 as float64); colour is turned into luma (redux_image_luma). A view
 *  where that is possible, else a new tensor; the caller releases it. May be called on one volume
 *  from several threads at once. Errors: as redux_volume_open. Since 0.1. */
REDUX_API redux_status redux_volume_slice(redux_tensor *out, redux_context *context,
                                          const redux_volume *volume, int64_t index);

/** The same with colours kept: [H, W, 3] or [H, W, 4] as stored, pictures as
 *  redux_picture_read_alpha reads them; [H, W] what is grey. Since 0.1. */
REDUX_API redux_status redux_volume_slice_colour(redux_tensor *out, redux_context *context,
                                                 const redux_volume *volume, int64_t index);

/** The same in an orientation other than the dataset's, where info.same_slices is 1; else as
 *  redux_volume_slice. Since 0.1. */
REDUX_API redux_status redux_volume_slice_oriented(redux_tensor *out, redux_context *context,
                                                   const redux_volume *volume, int64_t index,
                                                   redux_orientation orientation);

/** Slice `index` under a window: a new tensor [H, W], C-contiguous, uint8 or float32
 *  (redux_window_dtype), of redux_volume_slice's pixels. AUTO is resolved for the slice; slope,
 *  intercept and is_scan are the volume's. The caller releases *out. May be called on one volume
 *  from several threads at once, each with its own context. Errors: as redux_volume_slice and
 *  redux_window_apply. Since 0.2. */
REDUX_API redux_status redux_volume_slice_windowed(redux_tensor *out, redux_context *context,
                                                   const redux_volume *volume, int64_t index,
                                                   redux_window window);

/** The same from a dataset in one call, which opens the volume, reads the slice and closes the
 *  volume. For many slices of a volume open it once, or use redux_dataset_visit. Errors: as
 *  redux_volume_open and redux_volume_slice_windowed. Since 0.2. */
REDUX_API redux_status redux_dataset_read_slice(redux_tensor *out, redux_context *context,
                                                const redux_dataset *dataset, int64_t volume,
                                                int64_t slice, redux_window window);

/** What redux_dataset_visit makes of a slice. */
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

#define REDUX_VISIT_OPTIONS_INIT                                                                   \
    {                                                                                              \
        sizeof(redux_visit_options), REDUX_VISIT_WINDOWED, {REDUX_WINDOW_AUTO, 0, 0}, -1, NULL, 0, \
            0                                                                                      \
    }

/** Receives one slice: `number` in the dataset, volumes one after the other; `slice` of `volume`.
 *  `image` is the library's and lasts until the function returns; NULL (skip_errors): the slice
 *  cannot be read, and redux_error_message says why. A status other than REDUX_OK ends the visit.
 */
typedef redux_status (*redux_visit_fn)(void *user, const redux_tensor *image, int64_t number,
                                       int64_t volume, int64_t slice);

/** Calls `visit` for each slice that is wanted, volumes read ahead and slices decoded by all
 * threads of the context, in bounded memory. The function is called in the dataset's order, one
 * slice at a time, on the calling thread; with any_order on any thread. Reports slices as progress.
 * With any_order `visit` must not use the context. Errors: those of redux_volume_open and
 *  redux_window_apply, what `visit` returns, REDUX_E_CANCELLED, REDUX_E_INVALID. One call at a time
 *  for each context. Since 0.2. */
REDUX_API redux_status redux_dataset_visit(redux_context *context, const redux_dataset *dataset,
                                           const redux_visit_options *options, redux_visit_fn visit,
                                           void *user);

REDUX_END_DECLS
#endif
