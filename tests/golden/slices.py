# SPDX-License-Identifier: MIT
"""Windowed 8-bit slices of CT volumes, for entropy.py and ssim.py (see data/ct/README.md for where
the volumes come from and their licence)."""
from pathlib import Path

import nibabel
import numpy as np

# Two runs of neighbours, of different volumes; pairs are taken within a run.
RUNS = {"STS_002_CT.nii.gz": (18, 19, 24), "STS_019_CT.nii.gz": (9, 10, 40)}
LOW, HIGH = -160, 240


def read(folder):
    """Name -> uint8 [3, H, W], where H and W differ and are cropped to odd and even lengths."""
    runs = {}
    for name, numbers in RUNS.items():
        volume = np.asarray(nibabel.load(Path(folder) / name).dataobj)
        hu = np.stack([volume[:, :, k].T for k in numbers]).astype(np.float64)
        pixels = np.rint(np.clip((hu - LOW) / (HIGH - LOW), 0, 1) * 255).astype(np.uint8)
        runs[name[:7]] = np.ascontiguousarray(pixels)
    return runs


def pairs():
    return [(0, 0), (0, 1), (0, 2), (1, 2)]


def as_float(pixels):
    """Float images within [0, 1] whose values are no multiples of 1/255."""
    return np.sqrt(pixels.astype(np.float32) / np.float32(255)).astype(np.float32)
