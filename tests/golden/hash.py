#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goldens of the perceptual hashes by profile.

hash.py FOLDER-OF-VOLUMES OUT            writes OUT/hash_pictures.npz and OUT/hash_profiles.tsv
hash.py --check REDUX-HASH PATH...       compares a redux-hash program on every PNG and JPEG below PATH with
                                         the peers, and counts differences by profile
hash.py --check-hu REDUX-HASH FOLDER...   the same of profile hu on every slice of every .nii.gz below FOLDER
hash.py --published REDUX-HASH NAME=FOLDER...
                                         compares it with the values that peers publish, on their pictures
                                         (NAME: imagehash, imagededup, pdq, blockhash)

opencv is OpenCV's own img_hash (python3-opencv). imagehash 4.3 and imagededup 0.3 are restated over Pillow,
NumPy, SciPy and PyWavelets, which they stand on; pdq and blockhash over NumPy, in float32 and in double and in
the order of their references. hu is restated over Pillow's float32 resizing.

Wavelet: PyWavelets rounds, so that a block whose sum equals the median gets any bit; ours are exact. Bits of
such blocks (by integer sums) are counted apart, and so are DCT coefficients that equal the median or
mean but for rounding (within 2^-40 of the largest; pictures that are symmetric or constant along rows). Marr-Hildreth: OpenCV filters through a float32 Fourier
transform; a bit whose block lies within that transform's rounding of its neighbours' mean is counted apart,
with the margin: |block - mean| over the largest sum that the transform handles, in units of 2^-24.
"""
import io
import subprocess
import sys
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pywt
import scipy.fftpack
import scipy.ndimage
from PIL import Image

SIZES = (8, 16, 5)  # of imagehash's hashes that are tried


# ---- imagehash: a Pillow picture -> bits ----

def grey(picture, width, height):
    return np.asarray(picture.convert("L").resize((width, height), Image.LANCZOS))


def ih_average(p, n):
    g = grey(p, n, n)
    return g > g.mean()


def ih_difference(p, n):
    g = grey(p, n + 1, n)
    return g[:, 1:] > g[:, :-1]


def ih_difference_vertical(p, n):
    g = grey(p, n, n + 1)
    return g[1:] > g[:-1]


def ih_dct(p, n):
    low = scipy.fftpack.dct(scipy.fftpack.dct(grey(p, 4 * n, 4 * n), axis=0), axis=1)[:n, :n]
    return low > np.median(low), np.abs(low - np.median(low)) < 2.0**-40 * np.abs(low).max()


def ih_dct_simple(p, n):
    rows = scipy.fftpack.dct(grey(p, 4 * n, 4 * n))
    low = rows[:n, 1 : n + 1]
    return low > low.mean(), np.abs(low - low.mean()) < 2.0**-40 * np.abs(rows).max()


def sums(g, n):
    b = len(g) // n
    return g.astype(np.int64).reshape(n, b, n, b).sum(axis=(1, 3))


def ih_wavelet(p, n):
    """What PyWavelets makes of it, and the blocks that tie with the median."""
    side = max(2 ** int(np.log2(min(p.size))), n)
    g = grey(p, side, side)
    levels = pywt.wavedec2(g / 255.0, "haar", level=int(np.log2(side)))
    levels[0] = levels[0] * 0
    low = pywt.wavedec2(pywt.waverec2(levels, "haar"), "haar", level=int(np.log2(side // n)))[0]
    s = sums(g, n)
    return low > np.median(low), s == np.median(s)


def ih_colour(p, bits):
    luma = np.asarray(p.convert("L")).ravel()
    hue, saturation, _ = (np.asarray(c).ravel() for c in p.convert("HSV").split())
    black = luma < 32
    low = ~black & (saturation < 85)
    rest = ~black & ~low
    edges = np.linspace(0, 255, 7)
    shares = [black.mean(), low.mean()]
    for part in (rest & (saturation < 170), rest & (saturation > 170)):
        shares += list(np.histogram(hue[part], edges)[0] / max(1, rest.sum()))
    out = []
    for share in shares:
        value = min(2**bits - 1, int(share * 2**bits))
        out += [value // 2 ** (bits - i - 1) % 2 ** (bits - i) > 0 for i in range(bits)]
    return np.array(out)


def number_hex(bits):
    """One number, first bit highest, as many digits as it needs."""
    flat = "".join("1" if b else "0" for b in np.ravel(bits))
    return f"{int(flat, 2):0{-(-len(flat) // 4)}x}"


# ---- imagededup ----

def dedup_grey(p, width, height):
    rgb = p if p.mode == "RGB" else p.convert("RGBA").convert("RGB")
    return np.asarray(rgb.resize((width, height), Image.LANCZOS).convert("L"))


def id_average(p):
    g = dedup_grey(p, 8, 8)
    return g >= g.mean()


def id_difference(p):
    g = dedup_grey(p, 9, 8)
    return g[:, 1:] > g[:, :-1]


def id_dct(p):
    low = scipy.fftpack.dct(scipy.fftpack.dct(dedup_grey(p, 32, 32), axis=0), axis=1)[:8, :8]
    return low >= np.median(low.ravel()[1:])


def id_wavelet(p):
    g = dedup_grey(p, 256, 256)
    low = pywt.wavedec2(g / 255, "haar", level=5)[0]
    s = sums(g, 8)
    return low >= np.median(low), s == np.median(s)


# ---- pdq, in float32 ----

def pdq_luma(p):
    pixels = np.asarray(p)
    if pixels.ndim == 2 or pixels.shape[2] == 2:
        return (pixels if pixels.ndim == 2 else pixels[..., 0]).astype(np.float32)
    r, g, b = (pixels[..., i].astype(np.float32) for i in range(3))
    return (np.float32(0.299) * r + np.float32(0.587) * g) + np.float32(0.114) * b


def box(x, window):
    """Running sums along the first axis."""
    n, ahead = len(x), (window + 2) // 2
    out, total, size = np.empty_like(x), np.zeros(x.shape[1:], np.float32), 0
    for at in range(n + ahead - 1):
        if at < n:
            total = total + x[at]
            size += 1
        if at >= window:
            total = total - x[at - window]
            size -= 1
        if at >= ahead - 1:
            out[at - ahead + 1] = total / np.float32(size)
    return out


def pdq_small(luma):
    if luma.shape == (64, 64):
        return luma
    rows, columns = luma.shape
    for _ in range(2):
        luma = box(luma.T, -(-columns // 128)).T
        luma = box(luma, -(-rows // 128))
    at = lambda n: (((np.arange(64) + 0.5) * n) / 64).astype(int)
    return luma[at(rows)][:, at(columns)]


def pdq_matrix():
    i, j = np.arange(1, 17)[:, None], 2 * np.arange(64)[None] + 1
    scale = np.float64(np.float32(np.sqrt(2 / 64)))
    return (scale * np.cos(np.pi / 2 / 64 * i * j)).astype(np.float32)


def product(a, b):
    """Sums in the order of the index, in float32."""
    out = np.zeros((len(a), b.shape[1]), np.float32)
    for k in range(a.shape[1]):
        out = out + a[:, k : k + 1] * b[k : k + 1]
    return out


def pdq_quality(small):
    step = lambda d: np.abs(np.trunc(d * np.float32(100) / np.float32(255)).astype(int)).sum()
    return min(100, int(step(small[:-1] - small[1:]) + step(small[:, :-1] - small[:, 1:])) // 90)


def pdq_variants(luma):
    """Eight codes as hex, and the quality."""
    if min(luma.shape) < 5:
        return ["0" * 64] * 8, 0
    small = pdq_small(luma)
    d = pdq_matrix()
    c = product(product(d, small), d.T.copy())
    i, j = np.indices(c.shape) + 1
    flip_rows, flip_columns = (-1) ** i, (-1) ** j  # coefficient k of a mirrored line is (-1)^k as large
    turned = [c, (c * flip_columns).T, c * flip_rows * flip_columns, (c * flip_rows).T, c * flip_rows,
              c * flip_columns, c.T, (c * flip_rows * flip_columns).T]
    codes = []
    for t in turned:
        bits = (t > np.sort(t.ravel())[127]).ravel()
        codes.append(f"{sum(1 << k for k in range(256) if bits[k]):064x}")
    return codes, pdq_quality(small)


# ---- blockhash, in double ----

def places(length, blocks):
    """Of each pixel: two blocks, two weights."""
    side = float(length) / blocks
    out = []
    for i in range(length):
        first = int(i // side)
        if length % blocks == 0:
            out.append((first, first, 1.0, 0.0))
            continue
        rest = (i + 1) % side
        part = rest - int(rest)
        second = first if int(rest) > 0 or i + 1 == length else int(-(-i // side))
        out.append((first, second, 1 - part, part))
    return out


def blockhash(p, n):
    if p.mode in ("1", "L", "P"):
        p = p.convert("RGB")
    elif p.mode == "LA":
        p = p.convert("RGBA")
    pixels = np.asarray(p).astype(float)
    total = pixels[..., :3].sum(axis=2)
    if pixels.shape[2] == 4:
        total[pixels[..., 3] == 0] = 765
    rows, columns = places(total.shape[0], n), places(total.shape[1], n)
    left, right, left_weight, right_weight = (np.array(c) for c in zip(*columns))
    blocks = np.zeros(n * n)
    for y, (top, bottom, top_weight, bottom_weight) in enumerate(rows):
        at = np.stack([top * n + left, top * n + right, bottom * n + left, bottom * n + right], 1)
        v = total[y]
        parts = [v * a * b for a in (top_weight, bottom_weight) for b in (left_weight, right_weight)]
        np.add.at(blocks, at.ravel(), np.stack(parts, 1).ravel())
    half = total.shape[0] / n * (total.shape[1] / n) * 256 * 3 / 2
    bits = []
    for band in blocks.reshape(4, -1):
        m = np.median(band)
        bits.append((band > m) | ((np.abs(band - m) < 1) & (m > half)))
    return np.concatenate(bits)


# ---- OpenCV ----

def bgr(p):
    pixels = np.asarray(p)
    if pixels.ndim == 2 or pixels.shape[2] == 2:
        return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., 0])
    return np.ascontiguousarray(pixels[..., 2::-1])


OPENCV = {
    "average": cv2.img_hash.AverageHash_create(), "dct": cv2.img_hash.PHash_create(),
    "block-mean-0": cv2.img_hash.BlockMeanHash_create(0), "block-mean-1": cv2.img_hash.BlockMeanHash_create(1),
    "marr-hildreth": cv2.img_hash.MarrHildrethHash_create(),
    "radial-variance": cv2.img_hash.RadialVarianceHash_create(),
}


def opencv(p, name):
    return OPENCV[name].compute(bgr(p)).ravel()


def marr_margins(p):
    """For each bit |block - mean|, over 2^-24 of the largest value that the filter has at hand."""
    g = bgr(p)
    g = g if g.ndim == 2 else cv2.cvtColor(g, cv2.COLOR_BGR2GRAY)
    g = cv2.equalizeHist(cv2.resize(cv2.GaussianBlur(g, (7, 7), 0), (512, 512), interpolation=cv2.INTER_CUBIC))
    y, x = np.mgrid[-8:9, -8:9] / 2
    a = (x * x + y * y).astype(np.float32)
    kernel = ((2 - a) * np.exp(a / 2)).astype(np.float64)
    filtered = scipy.ndimage.correlate(g.astype(np.float64), kernel, mode="mirror")
    blocks = filtered[:496, :496].reshape(31, 16, 31, 16).sum(axis=(1, 3)).T
    scale = 256 * np.abs(filtered).max() * 2.0**-24
    margins = []
    for top in range(0, 29, 4):
        for left in range(0, 29, 4):
            group = blocks[top : top + 3, left : left + 3]
            margins += list(np.abs(group - group.mean()).ravel() / scale)
    return np.array(margins)


# ---- hu: float32 all the way ----

WINDOWS = {"lung": (-1350, 150), "abdomen": (-150, 250)}


def windowed(hu, name):
    low, high = WINDOWS[name]
    return np.clip((hu.astype(np.float64) - low) / (high - low), 0, 1).astype(np.float32)


def fine(x, width, height):
    return np.asarray(Image.fromarray(x, "F").resize((width, height), Image.LANCZOS)).astype(np.float64)


def area(n, m):
    """[m, n]: the part of each of n pixels that each of m cells averages."""
    edges = np.arange(m + 1) * n / m
    cover = np.minimum(edges[1:, None], np.arange(1, n + 1)) - np.maximum(edges[:-1, None], np.arange(n))
    return np.maximum(cover, 0) * m / n


def hu_values(x):
    """(profile, hash, size) -> hex of the bits, and of those within rounding of their limit."""
    def above(v, limit, or_equal=False):
        near = np.abs(v - limit) < 2.0**-22
        return number_hex(v >= limit if or_equal else v > limit), number_hex(near)

    for n in (8, 16):
        g = fine(x, n, n)
        yield ("hu", "average", n), above(g, g.mean())
        g = fine(x, n + 1, n)
        yield ("hu", "difference", n), above(g[:, 1:] - g[:, :-1], 0)
        g = fine(x, n, n + 1)
        yield ("hu", "difference-vertical", n), above(g[1:] - g[:-1], 0)
        g = fine(x, 4 * n, 4 * n)
        low = scipy.fftpack.dct(scipy.fftpack.dct(g, axis=0), axis=1)[:n, :n]
        yield ("hu", "dct", n), above(low, np.median(low))
        low = scipy.fftpack.dct(g)[:n, 1 : n + 1]
        yield ("hu", "dct-simple", n), above(low, low.mean())
        side = max(2 ** int(np.log2(min(x.shape))), n)
        g = fine(x, side, side).reshape(n, side // n, n, side // n).sum(axis=(1, 3))
        yield ("hu", "wavelet", n), above(g, np.median(g))
        g = area(x.shape[0], n) @ x.astype(np.float64) @ area(x.shape[1], n).T
        yield ("hu", "block-mean-0", n), above(g, g.mean(), True)
    yield ("hu", "pdq", 0), (pdq_variants(x * np.float32(255))[0][0], "0" * 64)


# ---- all of them ----

def values(p):
    """(profile, hash, size) -> what is to be equal; wavelet and DCT: hex of the bits, and of the ties."""
    for n in SIZES:
        yield ("imagehash", "average", n), number_hex(ih_average(p, n))
        yield ("imagehash", "difference", n), number_hex(ih_difference(p, n))
        yield ("imagehash", "difference-vertical", n), number_hex(ih_difference_vertical(p, n))
        yield ("imagehash", "dct", n), tuple(map(number_hex, ih_dct(p, n)))
        yield ("imagehash", "dct-simple", n), tuple(map(number_hex, ih_dct_simple(p, n)))
        if n & (n - 1) == 0:
            yield ("imagehash", "wavelet", n), tuple(map(number_hex, ih_wavelet(p, n)))
    for bits in (3, 4):
        yield ("imagehash", "colour", bits), number_hex(ih_colour(p, bits))
    yield ("imagededup", "average", 0), number_hex(id_average(p))
    yield ("imagededup", "difference", 0), number_hex(id_difference(p))
    yield ("imagededup", "dct", 0), number_hex(id_dct(p))
    yield ("imagededup", "wavelet", 0), tuple(map(number_hex, id_wavelet(p)))
    yield ("pdq", "pdq", 0), pdq_variants(pdq_luma(p))[0][0]
    for n in (16, 8):
        yield ("blockhash", "blockhash", n), number_hex(blockhash(p, n))
    for name in OPENCV:
        yield ("opencv", name, 0), opencv(p, name).tobytes().hex()


# ---- comparing ----

def open_picture(path):
    p = Image.open(path)
    p.load()
    if p.mode == "1":
        return p.convert("L")
    return p if p.mode in ("L", "LA", "RGB", "RGBA") else p.convert("RGB")


def pictures_below(paths):
    found = []
    for path in map(Path, paths):
        found += sorted(f for f in ([path] if path.is_file() else path.rglob("*"))
                        if f.suffix.lower() in (".png", ".jpg", ".jpeg"))
    return found


def run(program, key, files, more=()):
    profile, name, size = key
    command = [program, "--quiet", "--profile", profile, "--hash", name, *more]
    if size:
        command += ["--size", str(size)]
    lines = subprocess.run(command + [str(f) for f in files], check=True, capture_output=True, text=True).stdout
    return {line.split("\t")[0]: line.split("\t")[2:] for line in lines.splitlines() if line[0] != "#"}


def bits_of(text):
    return np.unpackbits(np.frombuffer(bytes.fromhex(text if len(text) % 2 == 0 else "0" + text), np.uint8))


class Tally:
    """Of one profile, hash and size."""

    def __init__(self):
        self.pictures = self.wrong = self.bits = self.apart = 0
        self.margin = 0.0

    def add(self, key, said, expected, picture):
        self.pictures += 1
        if isinstance(expected, tuple):
            differ = bits_of(said) != bits_of(expected[0])
            tied = bits_of(expected[1]) == 1
            self.apart += int((differ & tied).sum())
            differ &= ~tied
        else:
            differ = bits_of(said) != bits_of(expected)
            if key[1] == "marr-hildreth" and differ.any():
                margins = marr_margins(picture)[differ]
                self.margin = max(self.margin, margins.max())
                self.apart += int((margins <= 1).sum())
                differ = np.array(margins > 1)
        self.bits += int(differ.sum())
        self.wrong += bool(differ.any())


def check(program, paths):
    tallies, said, quality, wrong = {}, {}, None, 0
    files = pictures_below(paths)
    for file in files:
        picture = open_picture(file)
        for key, expected in values(picture):
            if key not in said:
                said[key] = run(program, key, files)
            tallies.setdefault(key, Tally()).add(key, said[key][str(file)][0], expected, picture)
        if quality is None:
            quality = run(program, ("pdq", "pdq", 0), files, ["--quality"])
        wrong += int(quality[str(file)][1]) != pdq_variants(pdq_luma(picture))[1]
    print(f"{len(files)} pictures\nprofile hash size: pictures that differ, bits that differ, bits apart")
    for (profile, name, size), t in tallies.items():
        margin = f" (largest margin {t.margin:.3g})" if t.apart and name == "marr-hildreth" else ""
        print(f"{profile} {name} {size}: {t.wrong}, {t.bits}, {t.apart}{margin}")
    print(f"pdq quality: {wrong}")
    return wrong + sum(t.wrong for t in tallies.values()) != 0


def check_hu(program, folders):
    tallies = {}
    for path in sorted(f for folder in folders for f in Path(folder).rglob("*.nii.gz")):
        volume = nibabel.load(path)
        to = nibabel.orientations.axcodes2ornt(("L", "P", "S"))
        change = nibabel.orientations.ornt_transform(nibabel.io_orientation(volume.affine), to)
        change[change[:, 0] == 2, 1] = 1  # slices keep their stored order
        stack = nibabel.orientations.apply_orientation(np.asanyarray(volume.dataobj), change).transpose(2, 1, 0)
        for window in WINDOWS:
            said = {}
            for k, one in enumerate(stack):
                for key, expected in hu_values(windowed(one, window)):
                    if key not in said:
                        command = [program, "--quiet", "--profile", "hu", "--hash", key[1], "--window", window]
                        command += (["--size", str(key[2])] if key[2] else []) + [str(path)]
                        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                        said[key] = [line.split("\t")[2] for line in lines.splitlines()
                                     if line[0] != "#"]
                    tallies.setdefault(key, Tally()).add(key, said[key][k], expected, None)
    print("slices, of which differ, bits that differ, bits within rounding of their limit that differ")
    for (_, name, size), t in tallies.items():
        print(f"hu {name} {size}: {t.pictures}, {t.wrong}, {t.bits}, {t.apart}")
    return sum(t.wrong for t in tallies.values()) != 0


PUBLISHED = {
    "imagehash": [("imagehash.png", name, code) for name, code in (
        ("average", "ffd7918181c9ffff"), ("difference", "0026273b2b19550e"), ("dct", "ba8c84536bd3c366"),
        ("wavelet", "ffd391818181a5e7"), ("colour", "07007000000"), ("difference-vertical", "002000007eff37fe"),
        ("dct-simple", "0000000000597878"))],
    "imagededup": [("ukbench00120.jpg", name, code) for name, code in (
        ("dct", "9fee256239984d71"), ("difference", "2b69707551f1b87a"), ("average", "81b83c3c3c3c1e0a"),
        ("wavelet", "89b8bc3c3c3c5e0e"))] + [
        ("ukbench00120_rotation.jpg", "dct", "850d513c4fdcbb72"), ("ukbench00120_hflip.jpg", "dct", "cabb7237e8cd3824"), ("ukbench09268.jpg", "dct", "c73c36c2da2f29c9")],
    "pdq": [(name, "pdq", code) for name, code in (
        ("aaa-orig.jpg", "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"),
        ("blur-a-little.jpg", "f8f8f0cee0f4a84f06370a2a038f63f0b36e26d596621e1d33e6b39c4e9c9b22"),
        ("blur-a-lot.jpg", "f8f8f0cee0f4a84f0637022a038f67f0b36e26d596621e1d33e6b39c4e9c9b22"),
        ("high-contrast.jpg", "f8f8f0cee0f4a84f06370a2a068f67f0b36e26d596621e1d33e6339c4e9c9b22"),
        ("high-saturation.jpg", "f8f8f0cee0f4a84f06370a22038f67f0b36e2ed596221e1d33e6b39c4e9c9b22"),
        ("sharpen-a-little.jpg", "f8f8f0cee0f4a84f0e370a22038f67f0b36e2ed596221e1d33e6b39c4a9c9b22"),
        ("sharpen-a-lot.jpg", "d8f8f0cec0f4a84f8e370a22038f67f0b36a2ed597231e1d72e6b39c4a9c9b22"),
        ("shrink-a-little.jpg", "f8f8f0cee0f4a84f06370a22038f67f0b36e2ed596621e1d33e6339c4e9c9b22"),
        ("shrink-a-lot.jpg", "d0f8f1ccc0f4a84d0a370a3a228f67f0b36e2ed5b6623e1d33e6339c4e9c9b22"),
        ("square-128x128.jpg", "d8f8f1eec0f4a84f0e37022a078f63f0b36e2ed596621e1d33e6239c4e9c9b22"),
        ("square-256x256.jpg", "d8f8f0cec4f4a84f0637022a078f67f0b36e2ee5b6621e1d33e6239c4e9c9b22"),
        ("square-512x512.jpg", "d8f8f0cec0f4a84f0637022a278f67f0b36e2ed596621e1d33e6339c4e9c9b22"),
        ("c.png", "e64cc9d91c623882f8d1f1d9a398e78c9f199b3bd83924f2b7e11e0bf861b064"),
        ("wee.jpg", "6227401f601ff4ccafcc9fad4b0d95d371a2eb7265a3285234d228ca94deeb2d"),
        ("bridge-2-rotate-90.jpg", "30a10efd71cc3d429013d48d0ffffc52e34e0e17ada952a9d29685211ea9e5af"),
        ("bridge-3-rotate-180.jpg", "adad5a64b5a142e75b62a09857da895ae63b847fc23794b766b319361bc93188"),
        ("bridge-4-rotate-270.jpg", "a5f0a457a48995e8c9065c275aaa5498b61ba4bdf8fcf80387c32f8b1bfc4f05"),
        ("bridge-5-flipx.jpg", "f8f80f31e0f417b20e37f5cd028f980fb36ed02a9662c1e233e64c634e9c64dd"),
        ("bridge-6-flipy.jpg", "0dad2599b1a1bd1a5362576742da32a5e63b7380c2374b4866b366c91bc9ce77"),
        ("bridge-7-flip-plus-1.jpg", "f0a5e102f1ccc0bd945308720fff038de34ef1e8ada9a956d2967ade5ea91a50"),
        ("bridge-8-flip-minus-1.jpg", "a5f05aa8a4896a17c906a2d85aaaab07b61b5b42f8fc07fc87c3d0741bfcb0fa"))],
}


def published(program, folders):
    wrong = 0
    for profile, folder in (f.split("=", 1) for f in folders):
        cases = list(PUBLISHED.get(profile, []))
        if profile == "blockhash":  # beside each picture NAME_16_2.txt: "HEX  NAME"
            for text in sorted(Path(folder).glob("*_16_2.txt")):
                code, name = text.read_text().split()
                cases.append((name, "blockhash", code))
        differ = 0
        for name, kind, code in cases:
            path = next(Path(folder).rglob(name))
            differ += run(program, (profile, kind, 0), [path])[str(path)][0] != code
        print(f"{profile}: {len(cases)} published values, {differ} differ")
        wrong += differ
    return wrong != 0


# ---- writing ----

def inputs(folder):
    """Name -> uint8 [H, W] or [H, W, 1 ... 4]: CT slices (CC BY, see data/ct), and made ones."""
    rng = np.random.default_rng(3)
    stack = np.asarray(nibabel.load(Path(folder) / "STS_019_CT.nii.gz").dataobj)
    slices = (np.clip((stack.transpose(2, 1, 0) + 160) / 400, 0, 1) * 255).round().astype(np.uint8)
    colours = np.stack([slices[10], slices[11], slices[30]], axis=-1)[40:111, 60:130]
    y, x = np.mgrid[0:81, 0:55]
    waves = 127 + 80 * np.sin(x / 9) * np.cos(y / 14) + 40 * np.sin((x + 2 * y) / 31)
    rainbow = np.stack([(3 * x + y) % 256, (x + 2 * y) % 256, (2 * x * y // 40) % 256], -1).astype(np.uint8)
    alpha = np.where((y // 16 + x // 13) % 2 == 0, 255, 0).astype(np.uint8)
    return {
        "ct": slices[20][10:107, 10:101], "colours": colours, "waves": waves.astype(np.uint8),
        "rainbow": rainbow, "alpha": np.dstack([rainbow, alpha]),
        "grey_alpha": np.dstack([waves.astype(np.uint8), alpha]),
        "square": rng.integers(0, 256, (64, 64), dtype=np.uint8), "tiny": rng.integers(0, 256, (3, 7), dtype=np.uint8),
        "wide": rng.integers(0, 256, (9, 140, 3), dtype=np.uint8), "line": rng.integers(0, 256, (40, 1), dtype=np.uint8),
    }


def png(pixels):
    """The bytes of a file."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", optimize=True)
    return np.frombuffer(out.getvalue(), np.uint8)


def exact(key, expected):
    """Ties as ours are: 0 for imagehash, 1 for imagededup; of DCT coefficients as they came."""
    if not isinstance(expected, tuple):
        return expected
    code, tied = (int(t, 16) for t in expected)
    if key[1] == "wavelet" and key[0] != "hu":
        code = code | tied if key[0] == "imagededup" else code & ~tied
    return f"{code:0{len(expected[0])}x}"


def write(folder, out):
    pictures = inputs(folder)
    arrays = dict(pictures)
    arrays["stack"] = pictures["wide"][None]
    arrays["flat"] = np.full((70, 66), 91, np.uint8)
    arrays["file/alpha.png"] = png(pictures["alpha"])
    stack = np.asarray(nibabel.load(Path(folder) / "STS_019_CT.nii.gz").dataobj)
    arrays["hu"] = stack.transpose(2, 1, 0)[20, 12:85, 20:86]
    radial = {}
    with open(out / "hash_profiles.tsv", "w") as text:
        for name, pixels in pictures.items():
            picture = Image.fromarray(pixels)
            for (profile, kind, size), expected in values(picture):
                if kind == "marr-hildreth" and marr_margins(picture).min() == 0:
                    continue  # blocks that are all equal: OpenCV's bits are its rounding
                print(name, profile, kind, size, exact((profile, kind), expected), sep="\t", file=text)
            radial[name] = opencv(picture, "radial-variance")[None]
            codes, quality = pdq_variants(pdq_luma(picture))
            print(name, "pdq", "pdq", "variants", f"{quality}:" + ",".join(codes), sep="\t", file=text)
        for window in WINDOWS:
            for (profile, kind, size), expected in hu_values(windowed(arrays["hu"], window)):
                print(window, profile, kind, size, expected[0], sep="\t", file=text)
        # Different 16-bit slices, all beyond 255: what imagehash makes of them through Pillow.
        y, x = np.mgrid[0:64, 0:64]
        for k, wave in enumerate((x, y, x * y // 64)):
            deep = Image.fromarray((400 + wave * 3 // 63).astype(np.uint16))
            print(f"deep-{k}", "pillow-16", "difference", 8, number_hex(ih_difference(deep, 8)), sep="\t", file=text)
        for other in radial:
            value = OPENCV["radial-variance"].compare(radial["ct"], radial[other])
            print(other, "opencv", "correlation", 0, repr(value), sep="\t", file=text)
    np.savez_compressed(out / "hash_pictures.npz", **arrays)


def main():
    if sys.argv[1] == "--check":
        sys.exit(check(sys.argv[2], sys.argv[3:]))
    if sys.argv[1] == "--check-hu":
        sys.exit(check_hu(sys.argv[2], sys.argv[3:]))
    if sys.argv[1] == "--published":
        sys.exit(published(sys.argv[2], sys.argv[3:]))
    write(sys.argv[1], Path(sys.argv[2]))


main()
