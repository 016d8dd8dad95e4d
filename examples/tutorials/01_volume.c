/* SPDX-License-Identifier: CC0-1.0
 * Tutorial 1: read a volume. A dataset is a list of volumes: NIfTI files, folders of pictures,
 * arrays, DICOM series; one volume is open at a time. */
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

/* The range of a slice in HU: values are slope * stored + intercept. */
static void print_range(const redux_tensor *slice, const redux_volume_info *info)
{
    redux_tensor values;
    must(redux_tensor_contiguous(&values, NULL, slice, REDUX_FLOAT64));
    const double *v = values.data;
    double low = v[0], high = v[0];
    for (int64_t i = 0; i < redux_tensor_elements(&values); i++) {
        low = v[i] < low ? v[i] : low;
        high = v[i] > high ? v[i] : high;
    }
    printf("middle slice: %g to %g HU\n", info->slope * low + info->intercept,
           info->slope * high + info->intercept);
    redux_tensor_release(&values);
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "data/ct";
    redux_dataset *dataset;
    must(redux_dataset_open(&dataset, NULL, &path, 1, NULL)); /* headers only */
    for (int64_t i = 0; i < redux_dataset_volume_count(dataset); i++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        must(redux_dataset_get_volume_info(&info, dataset, i));
        printf("%s: %" PRId64 " slices of %" PRId64 " x %" PRId64 ", %s, %g mm apart\n",
               info.source, info.slices, info.height, info.width, redux_dtype_name(info.dtype),
               info.spacing[0]);
    }

    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_volume *volume;
    redux_tensor slice, grey;
    must(redux_dataset_get_volume_info(&info, dataset, 0));
    must(redux_volume_open(&volume, NULL, dataset, 0)); /* now the voxels */
    must(redux_volume_slice(&slice, NULL, volume, info.slices / 2));
    print_range(&slice, &info);

    /* A window turns values into grey: "slice" stretches each to 0 ... 255, "lung", "-160:240" and
     * the like are ranges of HU and give float32 from 0 to 1. */
    redux_window window;
    must(redux_window_parse(&window, "slice"));
    must(redux_tensor_new(&grey, NULL, redux_window_dtype(window), 2, slice.shape));
    must(redux_window_apply(&grey, NULL, &slice, info.slope, info.intercept, window));
    if (argc > 2)
        must(redux_picture_write_png(argv[2], NULL, &grey));

    redux_tensor_release(&grey);
    redux_tensor_release(&slice);
    redux_volume_free(volume);
    redux_dataset_free(dataset);
    return 0;
}
