#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goldens of structural similarity, made by scikit-image in double precision.

ssim.py FOLDER-OF-VOLUMES OUT       writes OUT/ssim.npz

ssim.npz, for each RUN (STS_002, STS_019) of the slices in slices.npz (entropy.py writes it) and
each DTYPE (u8, f32):
  crops            int64 [C, 5]: first row, rows, first column, columns, step along the row
  RUN/DTYPE        float64 [C, 4, 2]: for each crop and each of slices.pairs() the mean SSIM with
                   the Gaussian and with the uniform window
  RUN/u8/range     the same of the first crop, with data_range 1000
"""
import sys
from pathlib import Path

import numpy as np
from skimage.metrics import structural_similarity

import slices

# Whole slices; odd and even sides; one pixel's room for the windows; every other column.
CROPS = [(0, 0, 0, 0, 1), (10, 101, 20, 64, 1), (30, 64, 0, 117, 1), (50, 11, 50, 11, 1),
         (0, 12, 40, 80, 1), (40, 90, 60, 11, 1), (20, 100, 20, 50, 2)]


def pair(a, b, data_range):
    a, b = a.astype(np.float64), b.astype(np.float64)
    return [structural_similarity(a, b, data_range=data_range, gaussian_weights=True, sigma=1.5,
                                  use_sample_covariance=False),
            structural_similarity(a, b, data_range=data_range)]


def crop(image, spec):
    y, rows, x, columns, step = spec
    if rows == 0:
        return image
    return image[y:y + rows, x:x + columns * step:step]


def main(folder, out):
    golden = {"crops": np.array(CROPS, np.int64)}
    for run, pixels in slices.read(folder).items():
        for dtype, images, data_range in (("u8", pixels, 255),
                                          ("f32", slices.as_float(pixels), 1)):
            golden[f"{run}/{dtype}"] = np.array(
                [[pair(crop(images[a], c), crop(images[b], c), data_range)
                  for a, b in slices.pairs()] for c in CROPS])
        golden[f"{run}/u8/range"] = np.array(
            [pair(pixels[a], pixels[b], 1000) for a, b in slices.pairs()])
    np.savez_compressed(Path(out) / "ssim.npz", **golden)


if __name__ == "__main__":
    main(*sys.argv[1:])
