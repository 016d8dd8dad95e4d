/* SPDX-License-Identifier: MIT
 * Plants a leak and finds it: slices of a volume, cropped and scaled, under another window and with
 * noise, become a "new patient" among others; the audit compares pixels and names its origin. */
#include "leak.h"
#include <stdio.h>
#include <string.h>

enum { FIRST = 12, COUNT = 10, SIZE = 200, OTHERS = 3 };

/* ---- planting ---- */

/* `scaled` is within 0 and 1. */
static void add_noise(const redux_tensor *out, const redux_tensor *scaled, int64_t index)
{
    const redux_random_key key = {1, 0, 0, (uint64_t)index};
    for (int64_t i = 0; i < SIZE * SIZE; i++) {
        const double noise = 4 * redux_random_normal(&key, (uint32_t)(2 * i));
        const double value = 20 + 204 * (double)((const float *)scaled->data)[i] + noise;
        ((uint8_t *)out->data)[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

/* One slice as another hospital might have exported it. */
static redux_status disguise(const redux_tensor *out, redux_context *context,
                             const redux_tensor *slice, int64_t index)
{
    const int64_t shape[] = {SIZE, SIZE}, height = slice->shape[0], width = slice->shape[1];
    const int64_t top = height / 25, left = width / 25; /* 4 % off each side */
    redux_tensor scaled = REDUX_TENSOR_INIT, rows = scaled, cropped = scaled;
    redux_status status = redux_tensor_slice(&rows, slice, 0, top, height - 2 * top, 1);
    if (status == REDUX_OK)
        status = redux_tensor_slice(&cropped, &rows, 1, left, width - 2 * left, 1);
    if (status == REDUX_OK)
        status = redux_tensor_new(&scaled, context, REDUX_FLOAT32, 2, shape);
    if (status == REDUX_OK)
        status = redux_image_resize(&scaled, context, &cropped, REDUX_FILTER_LINEAR);
    if (status == REDUX_OK)
        add_noise(out, &scaled, index);
    redux_tensor_release(&scaled);
    redux_tensor_release(&cropped);
    redux_tensor_release(&rows);
    return status;
}

static redux_status fill_planted(redux_tensor *planted, redux_context *context,
                                 const redux_dataset *known)
{
    redux_window window;
    TRY(redux_window_parse(&window, "-300:400"));
    for (int64_t k = 0; k < COUNT; k++) {
        redux_tensor slice = REDUX_TENSOR_INIT, plane = REDUX_TENSOR_INIT;
        TRY(redux_dataset_read_slice(&slice, context, known, 0, FIRST + k, window));
        redux_status status = redux_tensor_slice(&plane, planted, 0, k, 1, 1);
        if (status == REDUX_OK)
            status = disguise(&plane, context, &slice, k);
        redux_tensor_release(&plane);
        redux_tensor_release(&slice);
        TRY(status);
    }
    return REDUX_OK;
}

static redux_status plant(const char *path, redux_context *context, const redux_dataset *known)
{
    const int64_t shape[] = {COUNT, SIZE, SIZE};
    redux_tensor planted = REDUX_TENSOR_INIT;
    TRY(redux_tensor_new(&planted, context, REDUX_UINT8, 3, shape));
    redux_status status = fill_planted(&planted, context, known);
    if (status == REDUX_OK)
        status = redux_npy_write(path, context, &planted);
    redux_tensor_release(&planted);
    return status;
}

/* ---- finding ---- */

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* "1 of 4 new volumes is in the first four", and which. */
static redux_status print_found(const redux_findings *findings, const redux_dataset *fresh,
                                const redux_dataset *known)
{
    int64_t found = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < redux_findings_count(findings); i++) {
            redux_finding f = REDUX_FINDING_INIT;
            redux_volume_info a = REDUX_VOLUME_INFO_INIT, b = REDUX_VOLUME_INFO_INIT;
            TRY(redux_findings_get(&f, findings, i));
            if (f.level != REDUX_AUDIT_VOLUME)
                continue;
            found += pass == 0;
            if (pass == 0)
                continue;
            TRY(redux_dataset_get_volume_info(&a, fresh, f.volume));
            TRY(redux_dataset_get_volume_info(&b, known, f.other_volume));
            printf("  %s is %s: %lld of its %lld slices\n", last_part(a.source),
                   last_part(b.source), (long long)f.found, (long long)f.of);
        }
        if (pass == 0)
            printf("%lld of %lld volumes of a new set %s in the first one already:\n",
                   (long long)found, (long long)redux_dataset_volume_count(fresh),
                   found == 1 ? "is" : "are");
    }
    return REDUX_OK;
}

typedef struct audit {
    redux_dataset *fresh;
    redux_scan *scan, *against;
    redux_findings *findings;
} audit;

static redux_status look_for(audit *a, redux_context *context, const redux_dataset *known,
                             const char *const *paths, int64_t count)
{
    redux_audit_leaks_options options = REDUX_AUDIT_LEAKS_OPTIONS_INIT;
    TRY(redux_dataset_open(&a->fresh, context, paths, count, NULL));
    TRY(redux_scan_new(&a->scan, context, a->fresh, NULL));
    TRY(redux_scan_new(&a->against, context, known, NULL));
    options.against = a->against;
    TRY(redux_audit_leaks(&a->findings, context, a->scan, &options));
    progress_label(NULL);
    return print_found(a->findings, a->fresh, known);
}

redux_status demo_leak(redux_context *context, const redux_dataset *known, const char *data,
                       const char *folder)
{
    static const char *const others[OTHERS] = {"STS_001", "STS_003", "STS_005"};
    char texts[OTHERS + 1][4300];
    const char *paths[OTHERS + 1] = {texts[0]};
    audit a = {NULL, NULL, NULL, NULL};
    progress_label("audit");
    snprintf(texts[0], sizeof texts[0], "%s/new-patient.npy", folder);
    for (int i = 0; i < OTHERS; i++) {
        snprintf(texts[i + 1], sizeof texts[i + 1], "%s/pretrain.npz:%s", data, others[i]);
        paths[i + 1] = texts[i + 1];
    }
    redux_status status = plant(texts[0], context, known);
    if (status == REDUX_OK) {
        progress_label(NULL);
        printf("\nA leak: %d slices of the first volume, cropped, scaled, under another window and "
               "with\nnoise, are planted among %d other patients (redux-audit).\n",
               COUNT, OTHERS);
        status = look_for(&a, context, known, paths, OTHERS + 1);
    }
    redux_findings_free(a.findings);
    redux_scan_free(a.scan);
    redux_scan_free(a.against);
    redux_dataset_free(a.fresh);
    return status;
}
