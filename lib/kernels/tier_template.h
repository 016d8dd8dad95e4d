/* SPDX-License-Identifier: MIT
 * All templates, and the table made of them. */
#include <stdbool.h>
#include <string.h>
#include "kernels.h"
#include "vector.h"
#include "blur_template.h"
#include "box_template.h"
#include "dot_template.h"
#include "hamming_template.h"
#include "histogram_template.h"
#define REAL float
#define NORM(x) norm_##x
#include "norm_template.h"
#define POOL(x) pool_##x
#include "pool_template.h"
#undef REAL
#undef NORM
#undef POOL
#include "transpose_template.h"
#include "resize_template.h"
#include "ssim_template.h"
#include "winograd_template.h"
#if defined(RDX_TIER_AVX512)
#include "bfloat16_template.h"
#define RDX_BFLOAT16 (&bf16_kernels)
#else
#define RDX_BFLOAT16 NULL
#endif

#define RDX_KERNEL_TABLE                                                                           \
    {                                                                                              \
        .hamming_distance = hamming_distance, .hamming_within = hamming_within,                    \
        .hamming_plane_bytes = hamming_plane_bytes, .hamming_planes = hamming_planes,              \
        .hamming_listed = hamming_listed, .dot_f32 = dot_f32, .at_least_f32 = at_least_f32,        \
        .hamming_first = hamming_first, .histogram_counts = histogram_counts,                      \
        .histogram_joint = histogram_joint, .histogram_fold = histogram_fold,                      \
        .histogram_pairs = histogram_pairs, .histogram_columns = histogram_columns,                \
        .histogram_terms = histogram_terms, .histogram_bins_f32 = histogram_bins_f32,              \
        .norm_moments = norm_moments, .norm_apply = norm_apply, .norm_sums = norm_sums,            \
        .norm_derive = norm_derive, .pool_max = pool_max, .pool_max_back = pool_max_back,          \
        .resize_words = resize_words, .resize_scratch = resize_scratch,                            \
        .resize_pack = resize_pack, .resize_rows_u8 = resize_rows_u8,                              \
        .resize_column_u8 = resize_column_u8, .resize_row_f32 = resize_row_f32,                    \
        .resize_column_f32 = resize_column_f32, .ssim_load_u8 = ssim_load_u8,                      \
        .ssim_load_f32 = ssim_load_f32, .ssim_product_u8 = ssim_product_u8,                        \
        .ssim_product_f32 = ssim_product_f32, .ssim_moments = ssim_moments,                        \
        .ssim_index = ssim_index, .ssim_map = ssim_map,                                            \
        .winograd_input = {winograd_input_2, winograd_input_4},                                    \
        .winograd_gradient = {winograd_gradient_2, winograd_gradient_4},                           \
        .winograd_weight = {winograd_weight_2, winograd_weight_4},                                 \
        .winograd_output = {winograd_output_2, winograd_output_4},                                 \
        .winograd_weight_back = {winograd_weight_back_2, winograd_weight_back_4},                  \
        .winograd_product = winograd_product, .transpose_16 = transpose_16,                        \
        .bfloat16 = RDX_BFLOAT16, .box_columns = box_columns, .box_picked = box_picked,            \
        .box_step = box_step, .box_bytes = box_bytes, .blur_down = blur_down,                      \
        .blur_across = blur_across,                                                                \
    }
