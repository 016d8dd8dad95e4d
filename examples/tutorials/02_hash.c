/* SPDX-License-Identifier: CC0-1.0
 * Tutorial 2: hash and compare. How alike are neighbouring slices? A perceptual hash answers with
 * eight bytes a slice, SSIM with all pixels. */
#include <redux.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void must(redux_status status)
{
    if (status == REDUX_OK)
        return;
    fprintf(stderr, "%s\n", redux_error_message());
    exit(1);
}

/* All slices of the first volume as 8-bit grey: [N, H, W]. */
static void load(redux_tensor *out, const char *path)
{
    redux_dataset *dataset;
    redux_volume *volume;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    const redux_window window = {REDUX_WINDOW_SLICE, 0, 0};
    must(redux_dataset_open(&dataset, NULL, &path, 1, NULL));
    must(redux_dataset_get_volume_info(&info, dataset, 0));
    must(redux_volume_open(&volume, NULL, dataset, 0));
    const int64_t shape[] = {info.slices, info.height, info.width};
    must(redux_tensor_new(out, NULL, REDUX_UINT8, 3, shape));
    for (int64_t k = 0; k < info.slices; k++) {
        redux_tensor stored, grey;
        must(redux_volume_slice(&stored, NULL, volume, k));
        must(redux_tensor_select(&grey, out, 0, k)); /* a view: written in place */
        must(redux_window_apply(&grey, NULL, &stored, info.slope, info.intercept, window));
        redux_tensor_release(&grey);
        redux_tensor_release(&stored);
    }
    redux_volume_free(volume);
    redux_dataset_free(dataset);
}

int main(int argc, char **argv)
{
    redux_tensor images, codes;
    load(&images, argc > 1 ? argv[1] : "data/ct");
    redux_hash_options options =
        REDUX_HASH_OPTIONS_INIT; /* every options struct has such a macro */
    options.profile = REDUX_PROFILE_IMAGEHASH;
    const int64_t shape[] = {images.shape[0], redux_hash_bytes(&options)};
    must(redux_tensor_new(&codes, NULL, REDUX_UINT8, 2, shape));
    must(redux_hash_compute(&codes, NULL, &images, &options));

    /* A metric has one interface, whatever it compares: pairs, one to many, nearest, ... */
    redux_metric *hamming, *ssim;
    must(redux_metric_new_hamming(&hamming, NULL));
    must(redux_metric_new_ssim(&ssim, NULL, NULL));
    printf("slices     hash              bits apart    SSIM\n");
    for (int64_t k = 0; k + 1 < images.shape[0]; k += 8) {
        redux_tensor a, b, code_a, code_b;
        double bits, likeness;
        char hex[17];
        must(redux_tensor_select(&a, &images, 0, k));
        must(redux_tensor_select(&b, &images, 0, k + 1));
        must(redux_tensor_select(&code_a, &codes, 0, k));
        must(redux_tensor_select(&code_b, &codes, 0, k + 1));
        must(redux_metric_pair(&bits, NULL, hamming, &code_a, &code_b));
        must(redux_metric_pair(&likeness, NULL, ssim, &a, &b));
        redux_hash_to_hex(hex, code_a.data, 8);
        printf("%3" PRId64 ", %3" PRId64 "   %s  %10g  %6.3f\n", k, k + 1, hex, bits, likeness);
        redux_tensor *views[] = {&a, &b, &code_a, &code_b};
        for (int i = 0; i < 4; i++)
            redux_tensor_release(views[i]);
    }
    redux_metric_free(hamming);
    redux_metric_free(ssim);
    redux_tensor_release(&codes);
    redux_tensor_release(&images);
    return 0;
}
