/* SPDX-License-Identifier: MIT
 * 16 x 16 elements of 32 bits, turned; strides in elements. */

static void transpose_16(float *out, int64_t out_stride, const float *in, int64_t in_stride)
{
    for (int64_t y = 0; y < 16; y += VEC_LANES)
        for (int64_t x = 0; x < 16; x += VEC_LANES) {
            vec_i32 rows[VEC_LANES], columns[VEC_LANES];
            for (int i = 0; i < VEC_LANES; i++)
                rows[i] = vec_load_i32(in + (y + i) * in_stride + x);
            vec_turn(columns, rows);
            for (int i = 0; i < VEC_LANES; i++)
                vec_store_i32(out + (x + i) * out_stride + y, columns[i]);
        }
}
