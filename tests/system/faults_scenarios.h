/* SPDX-License-Identifier: MIT
 * What tests/system/test_faults.c runs with faults: each scenario is one use of one public function
 * (and of those that it needs), on data that setup() has made. It returns the function's status,
 * and has checked that after a failure the outputs are as they were. */
#ifndef FAULTS_SCENARIOS_H
#define FAULTS_SCENARIOS_H

#include "support/fault_shim.h"
#include "support/test_io.h"

/* NOLINTBEGIN(bugprone-sizeof-expression): outputs may be pointers */

typedef struct scenario {
    const char *name;
    redux_status (*run)(redux_context *context);
    const char *file; /* that it writes, in the scratch folder; NULL: none */
} scenario;

enum { DEPTH = 10, HEIGHT = 24, WIDTH = 20, SIDE = 16, LABELLED = 40, FEATURES = 6 };

static struct {
    const char *folder, *npy, *nifti, *packed_nifti, *png, *jpeg, *npz, *weights, *torch, *frames,
        *table, *hashes, *index, *manifest, *predictions;
    redux_tensor volume, images, a, b, codes, vectors, features, targets, picture;
    redux_dataset *dataset, *more;
    redux_labels *labels;
    redux_safetensors *file;
    redux_network *network;
    redux_reduction *reduction;
    redux_hash_list *list;
    redux_evaluation *evaluation;
    redux_manifest *loaded;
} set;

/* Ends all faults: Check allocates when it notes that a test is still going well. */
static void calm(void);

#define must(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            calm();                                                                                \
            ck_abort_msg("%s", #condition);                                                        \
        }                                                                                          \
    } while (0)

/* One output: filled with a pattern, which a failure must leave. */
#define SCENARIO(name, type, call, ...)                                                            \
    static redux_status name(redux_context *context)                                               \
    {                                                                                              \
        type out;                                                                                  \
        unsigned char before[sizeof out];                                                          \
        memset(&out, 0x5a, sizeof out);                                                            \
        memcpy(before, &out, sizeof out);                                                          \
        const redux_status status = call;                                                          \
        calm();                                                                                    \
        if (status == REDUX_OK)                                                                    \
            __VA_ARGS__;                                                                           \
        else                                                                                       \
            ck_assert_mem_eq(&out, before, sizeof out);                                            \
        return status;                                                                             \
    }
#define TENSOR(name, call) SCENARIO(name, redux_tensor, call, redux_tensor_release(&out))
#define NUMBER(name, call) SCENARIO(name, double, call, (void)out)
#define NOTHING(name, call)                                                                        \
    static redux_status name(redux_context *context)                                               \
    {                                                                                              \
        return call;                                                                               \
    }

/* ---- tensors, arrays, pictures ---- */

static const int64_t square[] = {SIDE, SIDE}, eight[] = {8}, image_shape[] = {HEIGHT, WIDTH};

TENSOR(tensor_new, redux_tensor_new(&out, context, REDUX_FLOAT32, 2, square))
TENSOR(tensor_contiguous, redux_tensor_contiguous(&out, context, &set.a, REDUX_FLOAT64))
static void give_back(struct DLManagedTensor *managed)
{
    redux_tensor back;
    ck_assert_redux_ok(redux_tensor_from_dlpack(&back, NULL, managed));
    redux_tensor_release(&back);
}

static void give_back_versioned(struct DLManagedTensorVersioned *managed)
{
    redux_tensor back;
    ck_assert_redux_ok(redux_tensor_from_dlpack_versioned(&back, NULL, managed));
    redux_tensor_release(&back);
}

SCENARIO(to_dlpack, struct DLManagedTensor *, redux_tensor_to_dlpack(&out, context, &set.a),
         give_back(out))
SCENARIO(to_dlpack_versioned, struct DLManagedTensorVersioned *,
         redux_tensor_to_dlpack_versioned(&out, context, &set.a), give_back_versioned(out))

/* What could not be imported is still the producer's. */
static redux_status from_dlpack(redux_context *context)
{
    struct DLManagedTensor *managed;
    redux_tensor out;
    redux_status status = redux_tensor_to_dlpack(&managed, context, &set.a);
    if (status != REDUX_OK)
        return status;
    status = redux_tensor_from_dlpack(&out, context, managed);
    if (status == REDUX_OK) {
        redux_tensor_release(&out);
    } else {
        calm();
        ck_assert_redux_ok(redux_tensor_from_dlpack(&out, NULL, managed));
        redux_tensor_release(&out);
    }
    return status;
}

TENSOR(npy_read, redux_npy_read(&out, context, set.npy))
NOTHING(npy_write, redux_npy_write(in_scratch("out.npy"), context, &set.volume))
TENSOR(npz_read, redux_npz_read(&out, context, set.npz, "b"))

static const char *const keys[] = {"a", "b"};

static redux_status npz_write(redux_context *context)
{
    const redux_tensor both[] = {set.volume, set.a};
    return redux_npz_write(in_scratch("out.npz"), context, keys, both, 2);
}

TENSOR(png_read, redux_picture_read(&out, context, set.png))
TENSOR(png_read_colour, redux_picture_read_colour(&out, context, set.png))
TENSOR(png_read_alpha, redux_picture_read_alpha(&out, context, set.png))
TENSOR(jpeg_read, redux_picture_read(&out, context, set.jpeg))
TENSOR(jpeg_read_colour, redux_picture_read_colour(&out, context, set.jpeg))
NOTHING(png_write, redux_picture_write_png(in_scratch("out.png"), context, &set.a))

SCENARIO(safetensors_load, redux_safetensors *, redux_safetensors_load(&out, context, set.weights),
         redux_safetensors_free(out))
/* The last slice of a file. */
static redux_status one_slice(redux_context *context, const char *path)
{
    redux_dataset *dataset;
    redux_tensor slice;
    redux_status status = redux_dataset_open(&dataset, context, &path, 1, NULL);
    if (status != REDUX_OK)
        return status;
    status = redux_dataset_read_slice(&slice, context, dataset, 0,
                                      redux_dataset_slice_count(dataset) - 1,
                                      (redux_window){REDUX_WINDOW_AUTO, 0, 0});
    if (status == REDUX_OK)
        redux_tensor_release(&slice);
    redux_dataset_free(dataset);
    return status;
}

NOTHING(dicom_frames, one_slice(context, set.frames))
#if defined(REDUX_TIFF)
NOTHING(tiff_pages, one_slice(context, "tests/golden/data/io/pages.tif"))
TENSOR(tiff_read, redux_picture_read(&out, context, "tests/golden/data/io/tiles.tif"))
#endif
#if defined(REDUX_WEBP)
TENSOR(webp_read, redux_picture_read(&out, context, "tests/golden/data/io/lossless.webp"))
#endif
#if defined(REDUX_ZSTD)
NOTHING(nifti_zst, one_slice(context, "tests/golden/data/io/packed.nii.zst"))
#endif

SCENARIO(torch_load, redux_safetensors *, redux_safetensors_load(&out, context, set.torch),
         redux_safetensors_free(out))

static redux_status safetensors_save(redux_context *context)
{
    redux_safetensors_content content = REDUX_SAFETENSORS_CONTENT_INIT;
    const redux_tensor both[] = {set.volume, set.a};
    content.count = 2;
    content.names = keys;
    content.tensors = both;
    content.pair_count = 2;
    content.keys = keys;
    content.values = keys;
    return redux_safetensors_save(in_scratch("out.safetensors"), context, &content);
}

/* ---- datasets ---- */

#define OPENS(name, path)                                                                          \
    SCENARIO(name, redux_dataset *,                                                                \
             redux_dataset_open(&out, context, (const char *[]){path}, 1, NULL),                   \
             redux_dataset_free(out))
OPENS(open_folder, set.folder)
OPENS(open_npy, set.npy)
OPENS(open_npz, set.npz)
OPENS(open_nifti, set.nifti)
OPENS(open_packed_nifti, set.packed_nifti)
OPENS(open_png, set.png)

static redux_status give_volume(redux_tensor *out, redux_context *context, int64_t volume,
                                void *user)
{
    (void)volume;
    (void)user;
    return redux_tensor_contiguous(out, context, &set.volume, REDUX_INT16);
}

/* One in memory, one by a function; both are read. */
static redux_status dataset_new(redux_context *context)
{
    redux_volume_source here = REDUX_VOLUME_SOURCE_INIT, given = REDUX_VOLUME_SOURCE_INIT;
    const redux_volume_source *const both[] = {&here, &given};
    redux_dataset *dataset;
    redux_tensor slice;
    redux_status status;
    here.source = "here";
    here.voxels = &set.volume;
    given.source = "given";
    given.load = give_volume;
    given.dtype = REDUX_INT16;
    given.slices = DEPTH;
    given.height = HEIGHT;
    given.width = WIDTH;
    status = redux_dataset_new(&dataset, context, both, 2);
    for (int64_t v = 0; v < 2 && status == REDUX_OK; v++) {
        uint32_t checksum;
        status = redux_dataset_read_slice(&slice, context, dataset, v, 0,
                                          (redux_window){REDUX_WINDOW_SLICE, 0, 0});
        if (status == REDUX_OK)
            redux_tensor_release(&slice);
        if (status == REDUX_OK && v == 0)
            status = redux_dataset_checksum(&checksum, context, dataset, v);
        if (status != REDUX_OK)
            redux_dataset_free(dataset);
    }
    if (status == REDUX_OK)
        redux_dataset_free(dataset);
    return status;
}

static redux_status read_all(redux_context *context)
{
    redux_status status = REDUX_OK;
    const int64_t volumes = redux_dataset_volume_count(set.dataset);
    for (int64_t v = 0; v < volumes && status == REDUX_OK; v++) {
        redux_volume *volume;
        redux_tensor slice;
        status = redux_volume_open(&volume, context, set.dataset, v);
        if (status != REDUX_OK)
            break;
        status = redux_volume_slice(&slice, context, volume, 0);
        if (status == REDUX_OK)
            redux_tensor_release(&slice);
        if (status == REDUX_OK)
            status = redux_volume_slice_colour(&slice, context, volume, 0);
        if (status == REDUX_OK)
            redux_tensor_release(&slice);
        if (status == REDUX_OK)
            status =
                redux_volume_slice_oriented(&slice, context, volume, 0, REDUX_ORIENTATION_STORED);
        if (status == REDUX_OK)
            redux_tensor_release(&slice);
        redux_volume_free(volume);
    }
    return status;
}

TENSOR(read_slice, redux_dataset_read_slice(&out, context, set.dataset, 0, 1,
                                            (redux_window){REDUX_WINDOW_SLICE, 0, 0}))

static redux_status checksums(redux_context *context)
{
    redux_status status = REDUX_OK;
    uint32_t sum;
    for (int64_t v = 0; v < redux_dataset_volume_count(set.dataset) && status == REDUX_OK; v++)
        status = redux_dataset_checksum(&sum, context, set.dataset, v);
    return status;
}

SCENARIO(labels_load, redux_labels *, redux_labels_load(&out, context, set.table, NULL),
         redux_labels_free(out))

typedef struct splits {
    uint8_t of[LABELLED];
} splits;

static const redux_split_options shares = {sizeof shares, REDUX_SPLIT_BY_SHARES, 5, 0, 0.2, 0.2, 0};
SCENARIO(labels_split, splits, redux_labels_split(out.of, context, set.labels, &shares), (void)out)

static redux_status labels_leakage(redux_context *context)
{
    redux_leakage *out = NULL;
    uint8_t split[LABELLED];
    for (int i = 0; i < LABELLED; i++)
        split[i] = (uint8_t)(i % 3);
    const redux_status status = redux_labels_find_leakage(&out, context, set.labels, split, NULL);
    must((status == REDUX_OK) == (out != NULL));
    redux_leakage_free(out);
    return status;
}

/* ---- images, hashes ---- */

typedef struct pixels {
    uint8_t of[HEIGHT * WIDTH];
    double wide[HEIGHT * WIDTH];
} pixels;

/* Fills a borrowed output; what a failure leaves in it is not promised. */
static void borrow(redux_tensor *out, void *data, redux_dtype dtype, int32_t ndim,
                   const int64_t *shape)
{
    must(redux_tensor_borrow(out, data, dtype, ndim, shape, NULL) == REDUX_OK);
}

static redux_status window_apply(redux_context *context)
{
    pixels p;
    redux_tensor out;
    borrow(&out, p.of, REDUX_UINT8, 2, image_shape);
    return redux_window_apply(&out, context, &set.a, 1, 0,
                              (redux_window){REDUX_WINDOW_SLICE, 0, 0});
}

static redux_status image_luma(redux_context *context)
{
    static uint8_t grey[HEIGHT * 3 * WIDTH * 4];
    const int64_t shape[] = {HEIGHT * 3, WIDTH * 4};
    redux_tensor out;
    borrow(&out, grey, REDUX_UINT8, 2, shape);
    return redux_image_luma(&out, context, &set.picture);
}

static redux_status image_resize(redux_context *context)
{
    pixels p;
    redux_tensor out;
    redux_status status = REDUX_OK;
    borrow(&out, p.of, REDUX_UINT8, 2, square);
    for (int filter = 0; filter < 3 && status == REDUX_OK; filter++)
        status = redux_image_resize(&out, context, &set.a, (redux_filter)filter);
    return status;
}

static redux_status image_descriptor(redux_context *context)
{
    float values[REDUX_DESCRIPTOR_SIDE * REDUX_DESCRIPTOR_SIDE];
    const int64_t shape[] = {REDUX_DESCRIPTOR_SIDE * REDUX_DESCRIPTOR_SIDE};
    redux_tensor out;
    borrow(&out, values, REDUX_FLOAT32, 1, shape);
    return redux_image_descriptor(&out, context, &set.a);
}

static redux_status views_apply(redux_context *context)
{
    static float values[SIDE * SIDE];
    const redux_random_key key = {3, 0, 0, 1};
    redux_views_options options = REDUX_VIEWS_OPTIONS_INIT;
    redux_tensor out;
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    input.size = SIDE;
    options.blur_probability = options.noise_probability = options.rotate_probability = 1;
    borrow(&out, values, REDUX_FLOAT32, 2, square);
    return redux_views_apply(&out, context, &set.a, 1, 0, 0, &input, &options, &key, 0);
}

static redux_status input_apply(redux_context *context)
{
    static float values[SIDE * SIDE];
    redux_input_options options = REDUX_INPUT_OPTIONS_INIT;
    redux_tensor out;
    options.size = SIDE;
    borrow(&out, values, REDUX_FLOAT32, 2, square);
    return redux_input_apply(&out, context, &set.a, 1, 0, 0, &options);
}

/* NOLINTEND(bugprone-sizeof-expression) */

#endif
