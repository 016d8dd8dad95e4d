/* SPDX-License-Identifier: MIT
 * 16 x 16 elements of 32 bits, turned; strides in elements. */

#if defined(RDX_TIER_AVX512)

/* Rows into columns. */
static inline void transpose_lanes(__m512i out[16], const __m512i in[16])
{
    __m512i a[16];
    for (int i = 0; i < 16; i += 4) {
        const __m512i low = _mm512_unpacklo_epi32(in[i], in[i + 1]);
        const __m512i high = _mm512_unpackhi_epi32(in[i], in[i + 1]);
        const __m512i low2 = _mm512_unpacklo_epi32(in[i + 2], in[i + 3]);
        const __m512i high2 = _mm512_unpackhi_epi32(in[i + 2], in[i + 3]);
        a[i] = _mm512_unpacklo_epi64(low, low2);
        a[i + 1] = _mm512_unpackhi_epi64(low, low2);
        a[i + 2] = _mm512_unpacklo_epi64(high, high2);
        a[i + 3] = _mm512_unpackhi_epi64(high, high2);
    }
    for (int j = 0; j < 4; j++) {
        const __m512i even = _mm512_shuffle_i32x4(a[j], a[4 + j], 0x88);
        const __m512i odd = _mm512_shuffle_i32x4(a[j], a[4 + j], 0xdd);
        const __m512i even2 = _mm512_shuffle_i32x4(a[8 + j], a[12 + j], 0x88);
        const __m512i odd2 = _mm512_shuffle_i32x4(a[8 + j], a[12 + j], 0xdd);
        out[j] = _mm512_shuffle_i32x4(even, even2, 0x88);
        out[4 + j] = _mm512_shuffle_i32x4(odd, odd2, 0x88);
        out[8 + j] = _mm512_shuffle_i32x4(even, even2, 0xdd);
        out[12 + j] = _mm512_shuffle_i32x4(odd, odd2, 0xdd);
    }
}

static void transpose_16(float *out, int64_t out_stride, const float *in, int64_t in_stride)
{
    __m512i rows[16], columns[16];
    for (int i = 0; i < 16; i++)
        rows[i] = _mm512_loadu_si512(in + i * in_stride);
    transpose_lanes(columns, rows);
    for (int i = 0; i < 16; i++)
        _mm512_storeu_si512(out + i * out_stride, columns[i]);
}

#elif defined(RDX_TIER_AVX2)

static inline void transpose_lanes(__m256i out[8], const __m256i in[8])
{
    __m256i a[8];
    for (int i = 0; i < 8; i += 4) {
        const __m256i low = _mm256_unpacklo_epi32(in[i], in[i + 1]);
        const __m256i high = _mm256_unpackhi_epi32(in[i], in[i + 1]);
        const __m256i low2 = _mm256_unpacklo_epi32(in[i + 2], in[i + 3]);
        const __m256i high2 = _mm256_unpackhi_epi32(in[i + 2], in[i + 3]);
        a[i] = _mm256_unpacklo_epi64(low, low2);
        a[i + 1] = _mm256_unpackhi_epi64(low, low2);
        a[i + 2] = _mm256_unpacklo_epi64(high, high2);
        a[i + 3] = _mm256_unpackhi_epi64(high, high2);
    }
    for (int j = 0; j < 4; j++) {
        out[j] = _mm256_permute2x128_si256(a[j], a[4 + j], 0x20);
        out[4 + j] = _mm256_permute2x128_si256(a[j], a[4 + j], 0x31);
    }
}

static void transpose_16(float *out, int64_t out_stride, const float *in, int64_t in_stride)
{
    for (int64_t y = 0; y < 16; y += 8)
        for (int64_t x = 0; x < 16; x += 8) {
            __m256i rows[8], columns[8];
            for (int i = 0; i < 8; i++)
                rows[i] = _mm256_loadu_si256((const __m256i *)(in + (y + i) * in_stride + x));
            transpose_lanes(columns, rows);
            for (int i = 0; i < 8; i++)
                _mm256_storeu_si256((__m256i *)(out + (x + i) * out_stride + y), columns[i]);
        }
}

#else

static void transpose_16(float *out, int64_t out_stride, const float *in, int64_t in_stride)
{
    for (int y = 0; y < 16; y++)
        for (int x = 0; x < 16; x++)
            out[x * out_stride + y] = in[y * in_stride + x];
}

#endif
