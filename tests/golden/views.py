#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goldens of inputs and random views, made by Pillow, SciPy, torchvision and NumPy.

views.py OUT       writes OUT/views.npz (the same bytes again: seeds are fixed)

  slice             int16 [61, 83]
  window            float64 [2]: low and high
  boxes             int64 [B, 5]: top, left, height, width, size
  resize/I          float32 [size, size]: Pillow's BILINEAR (mode F) of that crop of the windowed slice
  input/SIZE        float32: the slice window to 8 bits, over 255, resized, (x - 0.5) / 0.25
  picture           float32 [26, 26] in 0 ... 1
  rotate/DEGREES    torchvision.transforms.functional.rotate, bilinear
  blur/SIGMA        scipy.ndimage.gaussian_filter, mirror, truncate 4
  brightness/F contrast/F gamma/F      torchvision's adjust_*
  crops             float64 [S, 10]: scale low, high, ratio, height, width of the slice; mean height,
                    mean width, their deviations, and the mean of top, over 20,000 draws of
                    torchvision.transforms.RandomResizedCrop
"""
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from torchvision import transforms
from torchvision.transforms import functional

BOXES = [(0, 0, 61, 83, 16), (3, 5, 40, 41, 16), (20, 30, 7, 9, 24), (60, 0, 1, 83, 5),
         (0, 82, 61, 1, 5), (10, 10, 16, 16, 16), (7, 1, 50, 75, 33), (5, 5, 1, 1, 4)]
CROPS = [(0.08, 1.0, 4 / 3, 64, 64), (0.2, 1.0, 4 / 3, 60, 90), (0.9, 1.0, 2.0, 30, 120)]


def resize(image, size):
    return np.asarray(Image.fromarray(image.astype(np.float32), "F").resize((size, size),
                                                                            Image.BILINEAR))


def as_tensor(picture):
    return torch.from_numpy(picture[None])


def crops():
    rows = []
    for low, high, ratio, height, width in CROPS:
        torch.manual_seed(1)
        image = torch.zeros(1, height, width)
        drawn = np.array([transforms.RandomResizedCrop.get_params(image, (low, high),
                                                                  (1 / ratio, ratio))
                          for _ in range(20000)], float)
        rows.append([low, high, ratio, height, width, drawn[:, 2].mean(), drawn[:, 3].mean(),
                     drawn[:, 2].std(), drawn[:, 3].std(), drawn[:, 0].mean()])
    return np.array(rows)


def main(out):
    rng = np.random.default_rng(5)
    y, x = np.mgrid[0:61, 0:83]
    pixels = (600 * np.sin(x / 7) * np.cos(y / 5) + rng.normal(0, 150, x.shape)).astype(np.int16)
    low, high = -700.0, 650.0
    grey = np.clip((pixels - low) / (high - low), 0, 1)
    golden = {"slice": pixels, "window": np.array([low, high]), "boxes": np.array(BOXES, np.int64)}
    for i, (top, left, height, width, size) in enumerate(BOXES):
        golden[f"resize/{i}"] = resize(grey[top:top + height, left:left + width], size)
    wide = pixels.astype(float)
    eight = np.rint((wide - wide.min()) / (wide.max() - wide.min() + 1e-5) * 255) / 255
    for size in (16, 37):
        golden[f"input/{size}"] = (resize(eight, size) - np.float32(0.5)) / np.float32(0.25)
    picture = np.clip(ndimage.gaussian_filter(rng.normal(0.5, 1.2, (26, 26)), 1.5), 0, 1)
    picture = golden["picture"] = picture.astype(np.float32)
    for degrees in (-37.5, 15.0, 90.0, 180.0):
        golden[f"rotate/{degrees}"] = functional.rotate(
            as_tensor(picture), degrees, transforms.InterpolationMode.BILINEAR)[0].numpy()
    for sigma in (0.3, 0.57, 2.0, 11.0):
        golden[f"blur/{sigma}"] = ndimage.gaussian_filter(
            picture.astype(float), sigma, mode="mirror", truncate=4).astype(np.float32)
    for name, adjust in (("brightness", functional.adjust_brightness),
                         ("contrast", functional.adjust_contrast)):
        for factor in (0.2, 1.7):
            golden[f"{name}/{factor}"] = adjust(as_tensor(picture), factor)[0].numpy()
    for gamma in (0.45, 2.3):
        golden[f"gamma/{gamma}"] = (picture.astype(float) ** gamma).astype(np.float32)
    golden["crops"] = crops()
    np.savez_compressed(Path(out) / "views.npz", **golden)


if __name__ == "__main__":
    main(*sys.argv[1:])
