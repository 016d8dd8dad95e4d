/* SPDX-License-Identifier: MIT
 * imagehash's colour hash: shares of black, of grey, and of six hues among the faint and among the
 * bright colours, each in `size` bits. Luma and HSV are Pillow's. */
#include <math.h>
#include <string.h>
#include "hash.h"

#define HUES 6
#define BLACK_BELOW 32 /* luma */
#define GREY_BELOW 85  /* saturation; exactly 170 is neither faint nor bright */
#define BRIGHT_ABOVE 170

typedef struct shares {
    int64_t black, grey, colours;
    int64_t hue[2 * HUES]; /* faint, then bright */
} shares;

/* Hue and saturation of Pillow's convert("HSV"), in float wherever Pillow uses float. */
static void hue_and_saturation(int *hue, int *saturation, int r, int g, int b)
{
    const int most = RDX_MAX(r, RDX_MAX(g, b)), least = RDX_MIN(r, RDX_MIN(g, b));
    *hue = *saturation = 0;
    if (most == least)
        return;
    const float range = (float)(most - least), s = range / (float)most;
    const float red = (float)(most - r) / range, green = (float)(most - g) / range;
    const float blue = (float)(most - b) / range;
    float h;
    if (r == most)
        h = blue - green;
    else if (g == most)
        h = (float)(2.0 + (double)red - (double)blue);
    else
        h = (float)(4.0 + (double)green - (double)red);
    h = (float)fmod((double)h / 6.0 + 1.0, 1.0);
    *hue = (int)((double)h * 255.0);
    *saturation = (int)((double)s * 255.0);
}

static void count_pixel(shares *s, int r, int g, int b)
{
    int hue, saturation;
    if ((19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16 < BLACK_BELOW) {
        s->black++;
        return;
    }
    hue_and_saturation(&hue, &saturation, r, g, b);
    if (saturation < GREY_BELOW) {
        s->grey++;
        return;
    }
    s->colours++;
    const int bin = RDX_MIN(2 * hue / 85, HUES - 1); /* edges 42.5 apart, the last one closed */
    if (saturation < BRIGHT_ABOVE)
        s->hue[bin]++;
    else if (saturation > BRIGHT_ABOVE)
        s->hue[HUES + bin]++;
}

/* Bit i of a share v of b bits is v / 2^(b - i - 1) mod 2^(b - i) > 0. This is the peer's formula;
 * its middle bits are not quite binary digits. */
static void set_share(uint8_t *code, int64_t index, int32_t bits, double share)
{
    const int most = (1 << bits) - 1;
    const int value = RDX_MIN(most, (int)(share * (double)(1 << bits)));
    for (int32_t i = 0; i < bits; i++)
        if (value / (1 << (bits - i - 1)) % (1 << (bits - i)) > 0)
            rdx_set_bit(code, index * bits + i);
}

redux_status rdx_hash_colour(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                             const rdx_pixels *in)
{
    const int64_t count = in->height * in->width;
    const int32_t bits = hasher->options.size;
    const uint8_t *pixel = in->data;
    const int next = in->channels >= 3 ? 1 : 0;
    shares s;
    (void)info;
    memset(&s, 0, sizeof s);
    for (int64_t i = 0; i < count; i++, pixel += in->channels)
        count_pixel(&s, pixel[0], pixel[next], pixel[2 * next]);
    const double colours = (double)RDX_MAX(1, s.colours);
    set_share(code, 0, bits, (double)s.black / (double)count);
    set_share(code, 1, bits, (double)s.grey / (double)count);
    for (int64_t i = 0; i < 2 * HUES; i++)
        set_share(code, 2 + i, bits, (double)s.hue[i] / colours);
    return REDUX_OK;
}
