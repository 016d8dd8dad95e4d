/* SPDX-License-Identifier: MIT
 * Hashing the volumes of a dataset, in one orientation. */
#include "data/data.h"
#include "volume_hash.h"

typedef struct reading {
    redux_context *context;
    const redux_volume *volume;
    int64_t slices;
    bool falls; /* from superior to inferior, so that the last slice comes first */
} reading;

static redux_status slice_of_volume(redux_tensor *out, int64_t index, void *user)
{
    const reading *r = user;
    return redux_volume_slice(out, r->context, r->volume, r->falls ? r->slices - 1 - index : index);
}

/* The axial view turns slices, but keeps their numbers. */
static bool falls(const redux_dataset *dataset, int64_t volume)
{
    const rdx_source *source = &dataset->volumes[volume];
    return dataset->options.orientation == REDUX_ORIENTATION_AXIAL && source->found.geometry.falls;
}

redux_status redux_volume_hash_read(uint8_t *codes, int32_t variants, redux_hash_info *info,
                                    redux_context *context, const redux_dataset *dataset,
                                    int64_t volume, const redux_volume_hash_options *options)
{
    redux_volume_hash_options known;
    redux_volume_info about = REDUX_VOLUME_INFO_INIT;
    redux_volume *opened;
    reading r = {.context = context};
    if (codes == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_volume_hash_read: an argument is NULL");
    if (variants != 1 && variants != REDUX_VOLUME_ROTATIONS && variants != REDUX_VOLUME_TURNS)
        return rdx_fail(REDUX_E_INVALID, "volume hash: %d variants, not 1, 24 or 48",
                        (int)variants);
    RDX_TRY(rdx_volume_hash_read_options(&known, options));
    RDX_TRY(redux_dataset_get_volume_info(&about, dataset, volume));
    r.falls = falls(dataset, volume);
    RDX_TRY(redux_volume_open(&opened, context, dataset, volume));
    r.volume = opened;
    r.slices = about.slices;
    const rdx_volume_source source = {
        about.slices,    about.height,
        about.width,     about.slope,
        about.intercept, rdx_volume_hash_window(known.window, about.dtype),
        slice_of_volume, &r};
    const redux_status status =
        rdx_volume_hash_run(codes, variants, info, context, &source, &known);
    redux_volume_free(opened);
    return status;
}
