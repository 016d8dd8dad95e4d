#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Volume hashes by NumPy, straight from their definition (include/redux/volume_hash.h), into
data/volume_hash.npz: volumes, their codes, and which bits are sure: those whose value lies further
from the limit than single precision could move it. Also one volume as NIfTI files in several
orientations, written by nibabel, which must all give one code."""
import gzip
import pathlib

import nibabel
import numpy as np
from scipy import fft, ndimage

HERE = pathlib.Path(__file__).parent
SIZE = 8


def weights(n, out, kind):
    """[out, n]: the resampling matrix of one axis."""
    scale = n / out
    matrix = np.zeros((out, n))
    for i in range(out):
        k = np.arange(n)
        if kind == 'area':
            w = np.minimum((i + 1) * scale, k + 1) - np.maximum(i * scale, k)
        else:
            w = 1 - np.abs(k + 0.5 - (i + 0.5) * scale) / max(scale, 1)
        w = np.maximum(w, 0)
        matrix[i] = w / w.sum()
    return matrix


def resample(volume, sides, kind):
    z, y, x = (weights(n, s, kind) for n, s in zip(volume.shape, sides))
    return np.einsum('zyx,az,by,cx->abc', volume, z, y, x, optimize=True)


def windowed(volume, window):
    v = volume.astype(np.float64)
    if window is None:
        return np.where(np.isfinite(v), v, 0)
    low, high = window
    v = np.nan_to_num(v, nan=low, posinf=high, neginf=low)
    return np.clip((v - low) / (high - low), 0, 1)


def code(volume, kind, size=SIZE):
    """Bits and, for each, the distance of its value from the limit."""
    if kind == 'difference':
        cells = resample(volume, (size, size, size + 1), 'linear')
        margin = np.diff(cells, axis=2).ravel()
    elif kind == 'dct':
        cells = resample(volume, (4 * size,) * 3, 'linear')
        low = fft.dctn(cells - cells.mean(), type=2)[:size, :size, :size].ravel()
        margin = low - np.median(low[1:])
        margin[0] = -np.inf
    else:
        cells = resample(volume, (size,) * 3, 'area').ravel()
        margin = cells - np.median(cells)
    scale = np.abs(margin[np.isfinite(margin)]).max()
    return margin > 0, np.abs(margin) > 1e-5 * max(scale, 1e-30)


def main():
    random = np.random.default_rng(3)
    smooth = ndimage.gaussian_filter(random.normal(size=(11, 20, 17)), 1.5)
    hu = (smooth / np.abs(smooth).max() * 1200).astype(np.int16)
    holes = hu.astype(np.float32)
    holes[2, 3, 4], holes[5, 6, 7], holes[8, 9, 1] = np.nan, np.inf, -np.inf
    grey = np.clip(128 + hu // 8, 0, 255).astype(np.uint8)
    large = ndimage.gaussian_filter(random.normal(size=(30, 7, 21)), 2)
    large = (large / np.abs(large).max() * 900).astype(np.int16)
    volumes = {  # voxels, window, what the C side is asked for
        'hu': (hu, (-1000, 1000)),
        'lung': (hu, (-1350, 150)),
        'full': (hu, None),
        'holes': (holes, (-1000, 1000)),
        'holes-full': (holes, None),
        'grey': (grey, (0, 255)),
        'slice': (hu[:1], (-1000, 1000)),
        'two': (hu[3:5], (-1000, 1000)),
        'large': (large, (-1000, 1000)),
    }
    out = {}
    for name, (voxels, window) in volumes.items():
        if not any(kept is voxels for kept in out.values()):
            out[name] = voxels
        for kind in ('difference', 'dct', 'block-mean'):
            bits, sure = code(windowed(voxels, window), kind)
            out[f'{name}/{kind}'] = np.packbits(bits)
            out[f'{name}/{kind}/sure'] = np.packbits(sure)
    for size in (2, 3, 5, 16):
        for kind in ('difference', 'dct', 'block-mean'):
            bits, sure = code(windowed(hu, (-1000, 1000)), kind, size)
            out[f'hu/{kind}/{size}'] = np.packbits(bits)
            out[f'hu/{kind}/{size}/sure'] = np.packbits(sure)

    # The patient's axes: [x, y, z] to left, posterior, superior, which is hu by slices, rows,
    # columns. Then stored otherwise, with the matrix that says so.
    lps = nibabel.Nifti1Image(hu.transpose(2, 1, 0), np.diag([-2, -2, 5, 1]))
    for axes in ('LPS', 'RAI', 'SAR'):
        target = nibabel.orientations.axcodes2ornt(axes)
        now = nibabel.orientations.io_orientation(lps.affine)
        turned = lps.as_reoriented(nibabel.orientations.ornt_transform(now, target))
        assert ''.join(nibabel.aff2axcodes(turned.affine)) == axes
        out[f'file/{axes}.nii.gz'] = np.frombuffer(
            gzip.compress(turned.to_bytes(), mtime=0), np.uint8)
    # One says it by its quaternion, as NIfTI-2, in the other byte order.
    two = nibabel.Nifti2Image(np.ascontiguousarray(hu.transpose(2, 1, 0)[:, :, ::-1]), None,
                              nibabel.Nifti2Header(endianness='>'))
    two.set_qform(np.diag([-2, -2, -5, 1]), 1)
    two.set_sform(None, 0)
    out['file/quaternion.nii.gz'] = np.frombuffer(
        gzip.compress(two.to_bytes(), mtime=0), np.uint8)
    np.savez_compressed(HERE / 'data' / 'volume_hash.npz', **out)
    unsure = sum(int((~np.unpackbits(v).astype(bool)).sum()) for k, v in out.items()
                 if k.endswith('/sure'))
    print(f'{len(out)} arrays; unsure bits, padding included: {unsure}')


main()
