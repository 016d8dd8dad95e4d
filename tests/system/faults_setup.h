/* SPDX-License-Identifier: MIT
 * The data that the scenarios of tests/system/test_faults.c work on, and the list of them. */
#ifndef FAULTS_SETUP_H
#define FAULTS_SETUP_H

#include "support/dicom_writer.h"
#include "support/nifti_writer.h"
#include "support/torch_writer.h"
#include "faults_select.h"
#include "faults_train.h"

static void fill_volume(redux_tensor *out, redux_dtype dtype, int32_t ndim, const int64_t *shape)
{
    ck_assert_redux_ok(redux_tensor_new(out, NULL, dtype, ndim, shape));
    const int64_t row = shape[ndim - 1];
    for (int64_t i = 0; i < redux_tensor_elements(out); i++) {
        const redux_random_key key = {1, 0, 0, (uint64_t)i};
        const int value =
            (int)(i % row * 5 + i / row * 3 % 61 + (int64_t)redux_random_below(&key, 0, 9));
        if (dtype == REDUX_FLOAT32)
            ((float *)out->data)[i] = (float)value / 50;
        else
            ((uint8_t *)out->data)[i] = (uint8_t)value;
    }
}

/* Two tensors, of which one is copied because of its strides. */
static void write_torch(void)
{
    static const char pickle[] =
        "(" TORCH_KEY("a") TORCH_VIEW("FloatStorage", "0", "6", "0", "I6\n", "I1\n") TORCH_KEY("b")
            TORCH_VIEW("FloatStorage", "0", "6", "1", "I2\nI2\n", "I1\nI2\n")
                TORCH_KEY("c") "cx\ny\n(tRd.";
    static const float numbers[6] = {1, 2, 3, 4, 5, 6};
    static torch_bytes bytes;
    torch_add(&bytes, "x/data.pkl", pickle, sizeof pickle - 1);
    torch_add(&bytes, "x/byteorder", "little", 6);
    torch_add(&bytes, "x/data/0", numbers, sizeof numbers);
    torch_end(&bytes);
    set.torch = in_scratch("w.pt");
    write_bytes(set.torch, bytes.at, bytes.size);
}

/* Frames with slopes of their own, out of order. */
static void write_dicom_frames(void)
{
    static dicom_bytes bytes;
    const dicom_frame frames[] = {{"0\\0\\2", NULL, "1"}, {"0\\0\\1", NULL, "2"}};
    const dicom_file file = DICOM_FILE;
    set.frames = write_frames(&bytes, "frames.dcm", &file, frames, 2, 2);
}

static void write_files(void)
{
    write_torch();
    write_dicom_frames();
    golden_archive = "tests/golden/data/io/pictures.npz";
    mkdir(in_scratch("set"), 0777);
    mkdir(in_scratch("set/pictures"), 0777);
    set.folder = in_scratch("set");
    set.npy = in_scratch("set/a.npy");
    ck_assert_redux_ok(redux_npy_write(set.npy, NULL, &set.volume));
    set.npz = in_scratch("b.npz");
    ck_assert_redux_ok(
        redux_npz_write(set.npz, NULL, keys, (const redux_tensor[]){set.volume, set.volume}, 2));
    set.nifti = write_nifti("c.nii", &set.volume, 1, 0);
    set.packed_nifti = write_nifti("d.nii.gz", &set.volume, 1, 0);
    set.png = in_scratch("set/pictures/1.png");
    ck_assert_redux_ok(redux_picture_write_png(set.png, NULL, &set.a));
    ck_assert_redux_ok(redux_picture_write_png(in_scratch("set/pictures/2.png"), NULL, &set.b));
    set.jpeg = unpack("rgb_progressive.jpg");
}

static void write_labels(void)
{
    char table[4000];
    redux_tensor volume;
    const int64_t shape[] = {LABELLED, SIDE, SIDE};
    int used = snprintf(table, sizeof table, "file,slice,label,group\n");
    fill_volume(&volume, REDUX_UINT8, 3, shape);
    ck_assert_redux_ok(redux_npy_write(in_scratch("labelled.npy"), NULL, &volume));
    redux_tensor_release(&volume);
    for (int i = 0; i < LABELLED; i++) {
        used += snprintf(table + used, sizeof table - (size_t)used, "labelled.npy,%d,%d,%d\n", i,
                         i % 2, i / 2);
        ((int32_t *)set.targets.data)[i] = i % 2;
    }
    set.table = in_scratch("labels.csv");
    write_bytes(set.table, table, (size_t)used);
    redux_labels_options options = REDUX_LABELS_OPTIONS_INIT;
    options.group = "group";
    ck_assert_redux_ok(redux_labels_load(&set.labels, NULL, set.table, &options));
}

/* What functions read that other functions have written. */
static void write_results(void)
{
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_index *index;
    options.scope = REDUX_SCOPE_DATASET; /* only then are there exemplars to keep */
    options.keep_exemplars = 1;
    ck_assert_redux_ok(redux_reduce(&set.reduction, NULL, set.dataset, &options));
    set.manifest = in_scratch("kept.csv");
    ck_assert_redux_ok(
        redux_results_save(set.manifest, in_scratch("kept.json"), NULL, set.reduction, 1));
    ck_assert_redux_ok(redux_manifest_load(&set.loaded, NULL, set.manifest));
    ck_assert_redux_ok(redux_hash_list_new(&set.list, NULL, NULL));
    ck_assert_redux_ok(redux_hash_list_add_dataset(set.list, NULL, set.dataset,
                                                   (redux_window){REDUX_WINDOW_AUTO, 0, 0}, 1));
    set.hashes = in_scratch("list.codes");
    ck_assert_redux_ok(redux_hash_list_save(set.hashes, NULL, set.list, REDUX_HASH_LIST_BINARY, 1));
    ck_assert_redux_ok(redux_index_new(&index, NULL, 8, NULL));
    ck_assert_redux_ok(redux_index_add(index, NULL, &set.codes, NULL));
    set.index = in_scratch("codes.index");
    ck_assert_redux_ok(redux_index_save(set.index, NULL, index));
    redux_index_free(index);
    ck_assert_redux_ok(run_pretrain(NULL));
    set.weights = in_scratch("weights.safetensors");
    ck_assert_int_eq(rename(in_scratch("run/weights.safetensors"), set.weights), 0);
    nftw(in_scratch("run"), remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    ck_assert_redux_ok(redux_safetensors_load(&set.file, NULL, set.weights));
    ck_assert_redux_ok(redux_encoder_load(&set.network, NULL, NULL, NULL, set.weights));
    const redux_evaluate_options evaluate = quick(REDUX_PROTOCOL_KNN);
    ck_assert_redux_ok(redux_evaluate(&set.evaluation, NULL, set.labels, &evaluate));
    set.predictions = in_scratch("predictions.csv");
    ck_assert_redux_ok(redux_evaluation_save(set.predictions, NULL, set.evaluation));
}

static void setup(void)
{
    const int64_t volume[] = {DEPTH, HEIGHT, WIDTH}, vectors[] = {DEPTH, 16};
    const int64_t bytes[] = {DEPTH, 8}, features[] = {LABELLED, FEATURES}, rows[] = {LABELLED};
    const int64_t colours[] = {HEIGHT * 3, WIDTH * 4, 3};
    fill_volume(&set.volume, REDUX_UINT8, 3, volume);
    fill_volume(&set.images, REDUX_UINT8, 3, volume);
    fill_volume(&set.vectors, REDUX_FLOAT32, 2, vectors);
    fill_volume(&set.codes, REDUX_UINT8, 2, bytes);
    fill_volume(&set.features, REDUX_FLOAT32, 2, features);
    fill_volume(&set.picture, REDUX_UINT8, 3, colours);
    ck_assert_redux_ok(redux_tensor_new(&set.targets, NULL, REDUX_INT32, 1, rows));
    ck_assert_redux_ok(redux_tensor_select(&set.a, &set.volume, 0, 0));
    ck_assert_redux_ok(redux_tensor_select(&set.b, &set.volume, 0, 5));
    write_files();
    ck_assert_redux_ok(open_path(&set.dataset, set.folder, NULL));
    ck_assert_redux_ok(open_path(&set.more, set.nifti, NULL));
    write_labels();
    write_results();
}

#define S(name)                                                                                    \
    {                                                                                              \
#name, name, NULL                                                                          \
    }
#define WRITES(name, file)                                                                         \
    {                                                                                              \
#name, name, file                                                                          \
    }
static const scenario scenarios[] = {S(tensor_new),
                                     S(tensor_contiguous),
                                     S(to_dlpack),
                                     S(to_dlpack_versioned),
                                     S(from_dlpack),
                                     S(npy_read),
                                     WRITES(npy_write, "out.npy"),
                                     S(npz_read),
                                     WRITES(npz_write, "out.npz"),
                                     S(png_read),
                                     S(png_read_colour),
                                     S(png_read_alpha),
                                     S(jpeg_read),
                                     S(jpeg_read_colour),
                                     WRITES(png_write, "out.png"),
                                     S(safetensors_load),
                                     S(dicom_frames),
#if defined(REDUX_TIFF)
                                     S(tiff_pages),
                                     S(tiff_read),
#endif
#if defined(REDUX_WEBP)
                                     S(webp_read),
#endif
#if defined(REDUX_ZSTD)
                                     S(nifti_zst),
#endif
                                     S(torch_load),
                                     WRITES(safetensors_save, "out.safetensors"),
                                     S(open_folder),
                                     S(open_npy),
                                     S(open_npz),
                                     S(open_nifti),
                                     {"open_packed_nifti", open_packed_nifti, NULL},
                                     S(open_png),
                                     S(dataset_new),
                                     S(read_all),
                                     S(read_slice),
                                     S(checksums),
                                     S(labels_load),
                                     S(labels_split),
                                     S(labels_leakage),
                                     S(window_apply),
                                     S(image_luma),
                                     S(image_resize),
                                     S(image_descriptor),
                                     S(views_apply),
                                     S(input_apply),
                                     S(hash_compute),
                                     S(pdq_dihedral),
                                     S(volume_hash_compute),
                                     S(volume_hash_read),
                                     S(hash_batch),
                                     S(hash_list),
                                     WRITES(hash_list_save, "out.codes"),
                                     S(hash_list_load),
                                     S(metric_named),
                                     S(ssim),
                                     S(ssim_map),
                                     S(entropy),
                                     S(mattes),
                                     S(phase),
                                     S(information),
                                     S(entropy_sequence),
                                     S(ms_ssim),
                                     S(search_hamming),
                                     S(search_cosine),
                                     S(search_ssim),
                                     S(search_mi),
                                     S(search_conditional),
                                     S(search_mattes),
                                     S(search_phase),
                                     S(exemplars),
                                     WRITES(index_scan, "out.index"),
                                     WRITES(index_multi, "out.index"),
                                     WRITES(index_cosine, "out.index"),
                                     S(index_open),
                                     S(index_open_writable),
                                     S(reduce_hash),
                                     S(reduce_ssim),
                                     S(reduce_mi),
                                     S(reduce_cosine),
                                     S(reduce_entropy),
                                     S(reduce_every),
                                     S(reduce_gain),
                                     S(reduce_semdedup),
                                     S(reduce_hierarchical),
                                     S(reduce_density),
                                     S(k_means),
                                     S(reduce_medoid),
                                     S(reduce_k_centre),
                                     S(reduce_link),
                                     S(reduce_then),
                                     S(reduce_against),
                                     S(reduce_update),
                                     S(reduce_calibrated),
                                     S(strategy_items),
                                     WRITES(results_save, "out.csv"),
                                     WRITES(manifest_save, "out.csv"),
                                     WRITES(summary_save, "out.json"),
                                     WRITES(contact_sheet, "out.png"),
                                     S(manifest_load),
                                     S(manifest_open),
                                     S(export_png),
                                     S(export_npy),
                                     S(export_npz),
                                     S(network),
                                     S(network_load),
                                     WRITES(network_save, "out.safetensors"),
                                     S(embed),
                                     WRITES(pretrain, "run/weights.safetensors"),
                                     WRITES(pretrain_swav, "run/weights.safetensors"),
                                     WRITES(pretrain_moco, "run/weights.safetensors"),
                                     WRITES(pretrain_byol, "run/weights.safetensors"),
                                     S(loader),
                                     S(logistic_fit),
                                     S(knn),
                                     S(evaluate_linear),
                                     S(evaluate_knn),
                                     S(evaluate_finetune),
                                     WRITES(evaluation_save, "out.csv"),
                                     S(evaluation_compare),
                                     S(scores)};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

#endif
