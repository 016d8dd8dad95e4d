#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""MetaImage and NRRD against ITK 5, which defines the one and is most people's writer of the other.

    LIBRARY=build/lib/libredux.so tests/golden/itk_raster.py

nibabel writes oblique NIfTI volumes near each of the 48 orientations, ITK (itk_raster.cc, built here by CMake; Debian:
libinsighttoolkit5-dev) writes them as .mha, .mhd, .nrrd and .nhdr, plain and compressed, and reads those back. Its
voxels, taken to the axial view by its directions through nibabel's orientations, are compared with libredux's slices, and
so is the spacing. Prints how many files were tried and the largest difference.
"""
import os
import subprocess
import sys
import tempfile

import nibabel as nib
import numpy as np

os.environ["REDUX_LIBRARY"] = os.path.abspath(os.environ.get("LIBRARY", "build/lib/libredux.so"))
sys.path[:0] = ["python", os.path.dirname(os.path.abspath(__file__))]
import redux  # noqa: E402
from io_raster import affine_of, expected  # noqa: E402

CMAKE = """cmake_minimum_required(VERSION 3.16)
project(itk_raster C CXX)
find_package(ITK REQUIRED COMPONENTS ITKCommon ITKIOImageBase ITKIOMeta ITKIONRRD ITKIONIFTI)
include(${ITK_USE_FILE})
add_executable(itk_raster SOURCE)
target_link_libraries(itk_raster ${ITK_LIBRARIES})
"""


def build(folder):
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "itk_raster.cc")
    with open(os.path.join(folder, "CMakeLists.txt"), "w") as file:
        file.write(CMAKE.replace("SOURCE", source))
    for words in (("-S", folder, "-B", folder + "/build"), ("--build", folder + "/build")):
        done = subprocess.run(["cmake", *words], capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
    return folder + "/build/itk_raster"


def itk_reads(program, path, raw):
    said = subprocess.run([program, "dump", path, raw], check=True, capture_output=True, text=True).stdout
    numbers = [float(word) for word in said.split()]
    size, spacing = [int(n) for n in numbers[0:6:2]], np.array(numbers[1:6:2])
    affine = np.eye(4)
    affine[:3, :3] = np.diag([-1, -1, 1]) @ np.array(numbers[6:]).reshape(3, 3) @ np.diag(spacing)
    return np.fromfile(raw, np.float64).reshape(size, order="F"), affine


def main():
    random = np.random.default_rng(1)
    tried, worst = 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        program, raw = build(folder), os.path.join(folder, "voxels")
        for way in range(48):
            dtype = ("int16", "uint8", "float32", "int32", "uint16", "float64", "int8", "uint32")[way % 8]
            data = random.integers(0, 100, (7, 5, 4)).astype(dtype)
            plain = os.path.join(folder, f"{way}.nii")
            nib.save(nib.Nifti1Image(data, affine_of(way, random), dtype=dtype), plain)
            for suffix in ("mha", "mhd", "nrrd", "nhdr"):
                for form in ("plain", "packed"):
                    path = os.path.join(folder, f"{way}-{form}.{suffix}")
                    subprocess.run([program, "copy", plain, path, form], check=True)
                    voxels, affine = itk_reads(program, path, raw)
                    if voxels.min() == voxels.max() or not np.array_equal(voxels, data):
                        sys.exit(f"{path}: ITK does not read back what it wrote")
                    wanted, dataset = expected(voxels, affine), redux.Dataset([path])
                    got = np.stack([np.asarray(dataset.stored(k)).astype(np.float64) for k in range(len(dataset))])
                    spacing = np.linalg.norm(affine[:3, :3], axis=0)
                    axes = [int(np.flatnonzero(nib.orientations.io_orientation(affine)[:, 0] == k)[0]) for k in (2, 1, 0)]
                    if got.shape != wanted.shape or not np.allclose(dataset.volumes[0]["spacing"], spacing[axes], rtol=1e-5):
                        sys.exit(f"{path}: {got.shape}, not {wanted.shape}; {dataset.volumes[0]}")
                    difference = float(np.abs(got - wanted).max())
                    if difference:
                        print(f"{suffix}, {form}, orientation {way}: differs by {difference}")
                    worst = max(worst, difference)
                    tried += 1
    print(f"{tried} files of ITK, largest difference {worst}")


if __name__ == "__main__":
    main()
