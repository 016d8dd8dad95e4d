#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""MGH, NRRD and MetaImage against the software that defines them.

    LIBRARY=build/lib/libredux.so tests/golden/io_raster.py

MGH and MGZ are written and read by nibabel, NRRD by teem (teem-unu: raw, gzip, both byte orders). MetaImage is written
here from ITK's definition, plain and by zlib. Every volume has an oblique orientation near one of 48, and its axial
slices are worked out by nibabel's orientations. Prints how many volumes were tried and the largest difference.
"""
import os
import subprocess
import sys
import tempfile
import zlib

import nibabel as nib
import numpy as np

os.environ["REDUX_LIBRARY"] = os.path.abspath(os.environ.get("LIBRARY", "build/lib/libredux.so"))
sys.path.insert(0, "python")
import redux  # noqa: E402


def expected(data, affine):
    """Slices as libredux has them: numbers as stored, rows to posterior, columns to the left."""
    orientation = nib.orientations.io_orientation(affine)
    axes = [int(np.flatnonzero(orientation[:, 0] == k)[0]) for k in (2, 1, 0)]
    out = np.transpose(data, axes)
    if orientation[axes[1], 1] > 0:
        out = out[:, ::-1]
    if orientation[axes[2], 1] > 0:
        out = out[:, :, ::-1]
    return out


def affine_of(way, random):
    orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    matrix = np.zeros((3, 3))
    for i, k in enumerate(orders[way // 8]):
        matrix[k, i] = -1 if way >> i & 1 else 1
    skew = random.normal(0, 0.15, 3)  # a small rotation
    cross = np.array([[0, -skew[2], skew[1]], [skew[2], 0, -skew[0]], [-skew[1], skew[0], 0]])
    rotation = np.linalg.qr(np.eye(3) + cross)[0]
    rotation *= np.sign(np.diag(rotation))
    affine = np.eye(4)
    affine[:3, :3] = rotation @ matrix @ np.diag([0.5, 0.75, 3])
    return affine


def write_mha(path, data, affine, packed):
    lps = np.diag([-1, -1, 1]) @ affine[:3, :3]
    spacing = np.linalg.norm(lps, axis=0)
    matrix = (lps / spacing).T.ravel()
    types = {"int16": "MET_SHORT", "uint8": "MET_UCHAR", "float32": "MET_FLOAT", "int32": "MET_INT"}
    voxels = data.tobytes(order="F")
    if packed:
        voxels = zlib.compress(voxels)
    with open(path, "wb") as file:
        file.write(("ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
                    f"CompressedData = {packed}\n" + (f"CompressedDataSize = {len(voxels)}\n" if packed else "") +
                    f"TransformMatrix = {' '.join(repr(float(v)) for v in matrix)}\nOffset = 0 0 0\n"
                    "CenterOfRotation = 0 0 0\nAnatomicalOrientation = RAI\n"
                    f"ElementSpacing = {' '.join(repr(float(v)) for v in spacing)}\n"
                    f"DimSize = {' '.join(map(str, data.shape))}\n"
                    f"ElementType = {types[str(data.dtype)]}\nElementDataFile = LOCAL\n").encode())
        file.write(voxels)


def write_nrrd(folder, path, data, affine, encoding, endian):
    raw = os.path.join(folder, "voxels.raw")
    data.astype(data.dtype.newbyteorder("<")).ravel(order="F").tofile(raw)
    types = {"int16": "short", "uint8": "uchar", "float32": "float", "int32": "int"}
    plain = os.path.join(folder, "plain.nrrd")
    run = lambda *words: subprocess.run(["teem-unu", *map(str, words)], check=True, capture_output=True)  # noqa: E731
    run("make", "-i", raw, "-t", types[str(data.dtype)], "-s", *data.shape, "-e", "raw", "-en", "little",
        "-spc", "RAS", "-dirs", " ".join("(%r,%r,%r)" % tuple(map(float, affine[:3, i])) for i in range(3)),
        "-o", plain)
    run("save", "-i", plain, "-f", "nrrd", "-e", encoding, "-en", endian, "-o", path)


def main():
    random = np.random.default_rng(1)
    tried, worst = 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        for way in range(48):
            affine = affine_of(way, random)
            dtype = ["int16", "uint8", "float32", "int32"][way % 4]
            data = random.integers(0, 200, (7, 5, 4)).astype(dtype)
            files = {}
            for suffix in ("mgh", "mgz"):
                files[suffix] = os.path.join(folder, f"{way}.{suffix}")
                nib.save(nib.MGHImage(data, affine), files[suffix])
            for packed in (False, True):
                files[f"mha {packed}"] = os.path.join(folder, f"{way}-{packed}.mha")
                write_mha(files[f"mha {packed}"], data, affine, packed)
            for encoding, endian in (("raw", "little"), ("raw", "big"), ("gzip", "little")):
                files[f"nrrd {encoding} {endian}"] = os.path.join(folder, f"{way}-{encoding}-{endian}.nrrd")
                write_nrrd(folder, files[f"nrrd {encoding} {endian}"], data, affine, encoding, endian)
            for what, path in files.items():
                wanted = expected(np.asarray(nib.load(path).dataobj) if what.startswith("mg") else data, affine)
                dataset = redux.Dataset([path])
                got = np.stack([np.asarray(dataset[k]) for k in range(len(dataset))])
                if got.shape != wanted.shape:
                    sys.exit(f"{what}, orientation {way}: {got.shape}, not {wanted.shape}")
                difference = float(np.abs(got.astype(float) - wanted).max())
                if difference:
                    print(f"{what}, orientation {way}: differs by {difference}")
                worst = max(worst, difference)
                tried += 1
    print(f"{tried} volumes, largest difference {worst}")


if __name__ == "__main__":
    main()
