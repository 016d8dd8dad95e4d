#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Peers of redux-bench: resizing by Pillow, windows by NumPy, of pictures of 512 x 512."""
import numpy as np
import PIL
from PIL import Image

from timing import measure, report

rng = np.random.default_rng(0)
y, x = np.mgrid[:512, :512]
wave = 0.5 + 0.4 * np.sin(x / 40) * np.cos(y / 55) + rng.normal(0, 0.02, (512, 512))
picture = Image.fromarray((wave.clip(0, 1) * 255).astype(np.uint8))
hounsfield = (wave * 2000 - 1000).astype(np.int16)


def window_slice():
    low, high = int(hounsfield.min()), int(hounsfield.max())
    return np.rint((hounsfield - low) / (high - low + 1e-5) * 255).astype(np.uint8)


def window_lung():
    return ((hounsfield.astype(np.float32) + 1350) / 1500).clip(0, 1)


report(f"Pillow {PIL.__version__}", "Lanczos resize 512 to 128", 1 / measure(lambda: picture.resize((128, 128), Image.LANCZOS)), "images/s")
report(f"NumPy {np.__version__}", "window slice", 1 / measure(window_slice), "images/s")
report(f"NumPy {np.__version__}", "window lung", 1 / measure(window_lung), "images/s")
