#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Pictures for tests/unit/io/test_io_picture.c, with what Pillow makes of them.

Writes data/io/pictures.npz: "file/NAME" holds a file's bytes, "grey/NAME" Pillow's convert("L") of
it (for 16-bit files: luma in 16 bits, by NumPy), "colour/NAME" its convert("RGB") where it has
colour. Made with Pillow 9.4 and NumPy 1.24 (Debian 12). Run it in this folder.
"""
import io
import struct
import zlib

import numpy as np
from PIL import Image

rng = np.random.default_rng(20)
H, W = 19, 27  # neither a multiple of 8
y, x = np.mgrid[0:H, 0:W]
RGB = np.stack([x * 9, y * 13, (x * y) % 256], -1).astype(np.uint8)
RGB[5:12, 6:15] = rng.integers(0, 256, (7, 9, 3))
GREY = RGB[..., 2]
out = {}

PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def rows(samples, depth):
    """Rows without filter, packed."""
    data = b""
    for row in samples:
        if depth == 16:
            packed = row.astype(">u2").tobytes()
        elif depth == 8:
            packed = row.astype(np.uint8).tobytes()
        else:
            bits = "".join(format(int(v), "0%db" % depth) for v in row.reshape(-1))
            bits += "0" * (-len(bits) % 8)
            packed = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        data += b"\0" + packed
    return data


def png(samples, depth, kind, interlaced=False, palette=None, extra=b""):
    """A PNG file of [H, W] or [H, W, C] samples, also of kinds that Pillow does not write."""
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    height, width = samples.shape[:2]
    if interlaced:
        raw = b"".join(rows(samples[y0::dy, x0::dx], depth) for x0, y0, dx, dy in PASSES
                       if samples[y0::dy, x0::dx].size)
    else:
        raw = rows(samples, depth)
    body = b"\x89PNG\r\n\x1a\n"
    body += chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, int(interlaced)))
    if palette is not None:
        body += chunk(b"PLTE", palette.astype(np.uint8).tobytes())
    return body + extra + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def luma(a):
    a = a.astype(np.uint64)
    return (a[..., 0] * 19595 + a[..., 1] * 38470 + a[..., 2] * 7471 + 0x8000) >> 16


def add(name, body, grey=None, colour=None):
    out["file/" + name] = np.frombuffer(body, np.uint8)
    if grey is None:
        image = Image.open(io.BytesIO(body))
        grey = np.asarray(image.convert("L"))
        if image.mode in ("RGB", "RGBA", "P", "CMYK"):
            colour = np.asarray(image.convert("RGB"))
    out["grey/" + name] = grey
    if colour is not None:
        out["colour/" + name] = colour


def saved(array, mode, format, **options):
    image = Image.fromarray(array, mode) if isinstance(array, np.ndarray) else array
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


# PNG as Pillow writes it.
add("1.png", saved(Image.fromarray(GREY).convert("1"), None, "PNG"))
add("l.png", saved(GREY, "L", "PNG"))
add("la.png", saved(np.dstack([GREY, GREY[::-1]]), "LA", "PNG"))
add("rgb.png", saved(RGB, "RGB", "PNG"))
add("rgba.png", saved(np.dstack([RGB, GREY]), "RGBA", "PNG"))
add("l_trns.png", saved(GREY, "L", "PNG", transparency=int(GREY[0, 0])))
add("rgb_trns.png", saved(RGB, "RGB", "PNG", transparency=tuple(int(v) for v in RGB[3, 3])))
quantised = Image.fromarray(RGB).quantize(200)
add("p.png", saved(quantised, None, "PNG"))
add("p_trns.png", saved(quantised, None, "PNG", transparency=bytes(range(200))))
add("p_trns_one.png", saved(quantised, None, "PNG", transparency=3))
for colours in (2, 4, 16):
    add("p%d.png" % colours, saved(Image.fromarray(RGB).quantize(colours), None, "PNG"))
add("rgb_gamma.png", png(RGB, 8, 2, extra=struct.pack(">I", 4) + b"gAMA" + struct.pack(">I", 100000) +
                         struct.pack(">I", zlib.crc32(b"gAMA" + struct.pack(">I", 100000)))))

# PNG of other kinds.
for depth in (1, 2, 4):
    values = GREY >> (8 - depth)
    add("grey%d.png" % depth, png(values, depth, 0))
    add("grey%d_interlaced.png" % depth, png(values, depth, 0, True))
add("l_interlaced.png", png(GREY, 8, 0, True))
add("rgb_interlaced.png", png(RGB, 8, 2, True))
add("rgba_interlaced.png", png(np.dstack([RGB, GREY]), 8, 6, True))
palette = rng.integers(0, 256, (16, 3))
add("p4_interlaced.png", png(GREY >> 4, 4, 3, True, palette))
add("p4.png", png(GREY >> 4, 4, 3, False, palette))
add("p_short.png", png(GREY, 8, 3, False, palette))  # indices beyond the palette
wide = rng.integers(0, 65536, (H, W, 4))
add("grey16.png", png(wide[..., 0], 16, 0), wide[..., 0].astype(np.uint16))
add("grey16_interlaced.png", png(wide[..., 0], 16, 0, True), wide[..., 0].astype(np.uint16))
add("la16.png", png(wide[..., :2], 16, 4), wide[..., 0].astype(np.uint16))
add("rgb16.png", png(wide[..., :3], 16, 2), luma(wide).astype(np.uint16), wide[..., :3].astype(np.uint16))
add("rgba16.png", png(wide, 16, 6, True), luma(wide).astype(np.uint16), wide[..., :3].astype(np.uint16))
add("one_pixel.png", saved(GREY[:1, :1], "L", "PNG"))

# JPEG.
add("l.jpg", saved(GREY, "L", "JPEG", quality=90))
add("l_progressive.jpg", saved(GREY, "L", "JPEG", quality=75, progressive=True))
for subsampling in (0, 1, 2):
    add("rgb_%d.jpg" % subsampling, saved(RGB, "RGB", "JPEG", quality=85, subsampling=subsampling))
add("rgb_progressive.jpg", saved(RGB, "RGB", "JPEG", quality=60, progressive=True))
add("cmyk.jpg", saved(np.dstack([RGB, GREY // 2]), "CMYK", "JPEG", quality=90))
exif = Image.Exif()
exif[0x0112] = 6  # turned by 90 degrees: not applied
add("exif.jpg", saved(RGB, "RGB", "JPEG", exif=exif))
add("long_header.jpg", saved(RGB, "RGB", "JPEG", icc_profile=b"\0" * 150000))

np.savez_compressed("data/io/pictures.npz", **out)
