#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goldens of resizing and hashing, made by Pillow, NumPy and SciPy.

image.py FOLDER-OF-VOLUMES OUT       writes OUT/resize.npz and OUT/hash.tsv
image.py --check REDUX-HASH FOLDER   compares a redux-hash program with the same definitions on every
                                     slice of every .nii.gz below FOLDER, and counts differences

The hashes restate imagehash 4.3 (hash_size 8, highfreq_factor 4) over Pillow's convert and resize.
"""
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import scipy.fftpack
from PIL import Image


def average(picture):
    pixels = np.asarray(picture.resize((8, 8), Image.LANCZOS))
    return pixels > pixels.mean()


def difference(picture):
    pixels = np.asarray(picture.resize((9, 8), Image.LANCZOS))
    return pixels[:, 1:] > pixels[:, :-1]


def dct(picture):
    pixels = np.asarray(picture.resize((32, 32), Image.LANCZOS))
    low = scipy.fftpack.dct(scipy.fftpack.dct(pixels, axis=0), axis=1)[:8, :8]
    return low > np.median(low)


def to_hex(bits):
    return np.packbits(bits.flatten()).tobytes().hex()


def window(x):
    x = x.astype(np.float64)
    return np.rint((x - x.min()) / (x.max() - x.min() + 1e-5) * 255).astype(np.uint8)


def as_stored(volume):
    """Slices as the paper's script takes them."""
    return np.asanyarray(volume.dataobj).transpose(2, 1, 0)


def axial(volume):
    """Rows to posterior, columns to the left, slices by stored number."""
    to = nibabel.orientations.axcodes2ornt(("L", "P", "S"))
    change = nibabel.orientations.ornt_transform(nibabel.io_orientation(volume.affine), to)
    change[change[:, 0] == 2, 1] = 1  # slices keep their stored order
    data = nibabel.orientations.apply_orientation(np.asanyarray(volume.dataobj), change)
    return data.transpose(2, 1, 0)


HASHES = {"average": average, "difference": difference, "dct": dct}


def hashes(path):
    volume = nibabel.load(path)
    stored, upright = as_stored(volume), axial(volume)
    for k, one in enumerate(stored):
        yield "paper-hash", "difference", k, to_hex(difference(Image.fromarray(window(one))))
    for k, one in enumerate(upright):
        picture = Image.fromarray(window(one))
        for name, function in HASHES.items():
            yield "imagehash", name, k, to_hex(function(picture))


def check(program, folder):
    slices = wrong = 0
    for path in sorted(Path(folder).rglob("*.nii.gz")):
        said = {}
        for profile, name in [("paper-hash", "difference")] + [("imagehash", h) for h in HASHES]:
            command = [program, "--quiet", "--profile", profile, "--hash", name, str(path)]
            for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[1:]:
                _, k, text = line.split("\t")
                said[profile, name, int(k)] = text
        expected = {(p, n, k): text for p, n, k, text in hashes(path)}
        assert said.keys() == expected.keys(), path
        slices += len(expected) // 4
        wrong += sum(said[key] != expected[key] for key in expected)
    print(f"{slices} slices, 4 hashes each: {wrong} differ")
    return wrong != 0


def resizes(path):
    """Inputs and what Pillow makes of them, 8-bit (L) and float (F)."""
    rng = np.random.default_rng(1)
    volume = nibabel.load(path)
    slices = as_stored(volume)
    arrays = {"ct": window(slices[len(slices) // 2]), "noise": rng.integers(0, 256, (61, 37), dtype=np.uint8),
              "line": rng.integers(0, 256, (1, 50), dtype=np.uint8), "dot": np.array([[200]], np.uint8)}
    out = {}
    for name, array in arrays.items():
        out[f"in_{name}"] = array
        for width, height in ((9, 8), (8, 8), (32, 32), (array.shape[1], 5), (70, array.shape[0]), (100, 90)):
            for label, method in (("linear", Image.BILINEAR), ("lanczos", Image.LANCZOS)):
                size = f"{label}_{height}_{width}"
                out[f"L_{name}_{size}"] = np.asarray(Image.fromarray(array).resize((width, height), method))
                wide = Image.fromarray(array.astype(np.float32) / 255, "F")
                out[f"F_{name}_{size}"] = np.asarray(wide.resize((width, height), method))
    return out


def main():
    if sys.argv[1] == "--check":
        sys.exit(check(sys.argv[2], sys.argv[3]))
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    files = sorted(folder.glob("*.nii.gz"))
    np.savez_compressed(out / "resize.npz", **resizes(files[0]))
    with open(out / "hash.tsv", "w") as text:
        for path in files:
            for row in hashes(path):
                print(path.name, *row, sep="\t", file=text)


main()
