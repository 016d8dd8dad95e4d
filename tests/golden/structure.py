#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goldens of the SSIM map (scikit-image), of multi-scale SSIM (written here after Wang, Simoncelli
and Bovik 2003, in double precision with SciPy's filters) and of phase correlation (scikit-image's
shifts, peak heights by NumPy).

structure.py OUT       reads OUT/slices.npz (entropy.py), writes OUT/structure.npz

structure.npz, for each RUN (STS_002, STS_019) of slices.npz and each DTYPE (u8, f32):
  RUN/DTYPE/map       float32 [2, 55, 61] (STS_002 only): the map of slices 0 and 1
                      [20:75, 40:101], with the Gaussian and with the uniform window
  RUN/DTYPE/ms        float64 [4, 6]: for each of slices.pairs() multi-scale SSIM of the slices, of
                      them tiled 2 x 2, of [20:75, 40:101], of the slices at 1, 2 and 3 scales
  RUN/DTYPE/shift     int64 [6, 2]: dy, dx by which slice 0 is turned round
  RUN/DTYPE/rolled    float64 [2, 6, 4]: without and with the Hann window, for each shift: dy, dx of
                      scikit-image, dy, dx at a tenth of a pixel, of slice 0 against slice 1 turned
                      round
  RUN/DTYPE/height    float64 [2, 6, 2]: the peak's height by NumPy, of slice 0 against itself and
                      against slice 1, turned round
"""
import sys
from pathlib import Path

import numpy as np
from scipy.ndimage import correlate1d
from skimage.metrics import structural_similarity
from skimage.registration import phase_cross_correlation

import slices

WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
SHIFTS = np.array([(0, 0), (3, 0), (0, -7), (-20, 31), (60, -50), (1, 1)])


def gaussian(image):
    """Weighted means over the windows that lie inside; short sides shrink the window."""
    for axis in (0, 1):
        n = image.shape[axis]
        half = min(5, (n - 1) // 2)
        taps = np.exp(-np.arange(-half, half + 1) ** 2 / (2 * 1.5 ** 2))
        image = correlate1d(image, taps / taps.sum(), axis=axis)
        image = image.take(range(half, n - half), axis=axis)
    return image


def one_scale(a, b, data_range):
    """Mean SSIM and mean contrast-structure."""
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mu_a, mu_b = gaussian(a), gaussian(b)
    va, vb = gaussian(a * a) - mu_a ** 2, gaussian(b * b) - mu_b ** 2
    cs = (2 * (gaussian(a * b) - mu_a * mu_b) + c2) / (va + vb + c2)
    luminance = (2 * mu_a * mu_b + c1) / (mu_a ** 2 + mu_b ** 2 + c1)
    return (luminance * cs).mean(), cs.mean()


def halve(image):
    image = np.pad(image, [(0, n % 2) for n in image.shape], mode="edge")
    return (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]) / 4


def ms_ssim(a, b, data_range, scales=0):
    a, b = a.astype(np.float64), b.astype(np.float64)
    if scales == 0:
        side, scales = min(a.shape), 1
        while scales < 5 and -(-side // 2) >= 11:
            side, scales = -(-side // 2), scales + 1
    weights = WEIGHTS[:scales] / WEIGHTS[:scales].sum()
    product = 1.0
    for scale in range(scales):
        ssim, cs = one_scale(a, b, data_range)
        mean = ssim if scale == scales - 1 else cs
        product *= max(mean, 0) ** weights[scale]
        a, b = halve(a), halve(b)
    return product


def crop(image):
    return image[20:75, 40:101]


def maps(a, b, data_range):
    a, b = crop(a).astype(np.float64), crop(b).astype(np.float64)
    return [structural_similarity(a, b, data_range=data_range, full=True, gaussian_weights=True,
                                  sigma=1.5, use_sample_covariance=False)[1],
            structural_similarity(a, b, data_range=data_range, full=True)[1]]


def ms_row(a, b, data_range):
    return [ms_ssim(a, b, data_range), ms_ssim(np.tile(a, (2, 2)), np.tile(b, (2, 2)), data_range),
            ms_ssim(crop(a), crop(b), data_range),
            *(ms_ssim(a, b, data_range, s) for s in (1, 2, 3))]


def windowed(image, hann):
    """As libredux does it: the mean removed, then Hann's window about the middle."""
    image = image.astype(np.float64)
    image = image - image.mean()
    if hann:
        for axis, n in enumerate(image.shape):
            w = np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2
            image = image * (w[:, None] if axis == 0 else w[None, :])
    return image


def height(a, b):
    """Of images that windowed() made: both spectra of unit modulus, but for what is round-off."""
    unit, used = [], []
    for image in (a, b):
        f = np.fft.fft2(image)
        keep = np.abs(f) > 2.0 ** -20 * np.sqrt((image ** 2).sum())
        unit.append(np.where(keep, f / np.where(keep, np.abs(f), 1), 0))
        used.append(keep.sum())
    return np.fft.ifft2(unit[0] * unit[1].conj()).real.max() * a.size / max(used)


def shifts(a, b):
    whole = phase_cross_correlation(a, b, normalization="phase")[0]
    fine = phase_cross_correlation(a, b, normalization="phase", upsample_factor=10)[0]
    return [*(-whole), *(-fine)]


def main(out):
    golden = {}
    for run, pixels in np.load(Path(out) / "slices.npz").items():
        for dtype, images, data_range in (("u8", pixels, 255), ("f32", slices.as_float(pixels), 1)):
            key = f"{run}/{dtype}"
            if run == "STS_002":
                golden[f"{key}/map"] = np.array(maps(images[0], images[1], data_range), np.float32)
            golden[f"{key}/ms"] = np.array(
                [ms_row(images[a], images[b], data_range) for a, b in slices.pairs()])
            golden[f"{key}/shift"] = SHIFTS
            turned = [[np.roll(images[i], s, (0, 1)) for s in SHIFTS] for i in range(2)]
            for name, function, which in (("rolled", shifts, (1,)), ("height", height, (0, 1))):
                golden[f"{key}/{name}"] = np.array(
                    [[np.ravel([function(windowed(images[0], hann), windowed(turned[i][s], hann))
                                for i in which]) for s in range(len(SHIFTS))]
                     for hann in (False, True)])
    np.savez_compressed(Path(out) / "structure.npz", **golden)


if __name__ == "__main__":
    main(*sys.argv[1:])
