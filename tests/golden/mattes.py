#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goldens of Mattes mutual information, made by ITK 5 (Debian: libinsighttoolkit5-dev, cmake).

mattes.py OUT       builds mattes.cc, reads OUT/slices.npz (entropy.py), writes OUT/mattes.npz

mattes.npz, for each RUN (STS_002, STS_019) of slices.npz, DTYPE (u8, f32) and BINS (50, 8, 128):
  RUN/DTYPE/BINS    float64 [9]: nats, slice i fixed and slice j moving at 3 i + j
  RUN/crop/50       the same of u8[:, 20:57, 40:61]
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import slices

PROJECT = """cmake_minimum_required(VERSION 3.16)
project(mattes C CXX)
find_package(ITK REQUIRED COMPONENTS ITKCommon ITKMetricsv4 ITKOptimizersv4 ITKTransform)
include(${{ITK_USE_FILE}})
add_executable(mattes {source})
target_link_libraries(mattes ${{ITK_LIBRARIES}})
"""


def build(folder):
    source = Path(__file__).resolve().parent / "mattes.cc"
    (Path(folder) / "CMakeLists.txt").write_text(PROJECT.format(source=source))
    for command in (["cmake", "-DCMAKE_BUILD_TYPE=Release", "-B", "b", "."],
                    ["cmake", "--build", "b"]):
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return Path(folder) / "b" / "mattes"


def itk(program, folder, pairs, bins=50):
    """Nats of each (fixed, moving) of images of one shape and dtype."""
    kind = {"uint8": "u8", "int16": "i16", "float32": "f32"}[str(pairs[0][0].dtype)]
    names = []
    for number, pair in enumerate(pairs):
        names.append(str(Path(folder) / f"pair{number}"))
        np.stack(pair).tofile(names[-1])
    height, width = pairs[0][0].shape
    done = subprocess.run([program, kind, str(width), str(height), str(bins), *names],
                          capture_output=True, text=True, check=True)
    return np.array([float(line) for line in done.stdout.split()])


def main(out):
    golden = {}
    with tempfile.TemporaryDirectory() as folder:
        program = build(folder)
        for run, pixels in np.load(Path(out) / "slices.npz").items():
            for dtype, images in (("u8", pixels), ("f32", slices.as_float(pixels)),
                                  ("crop", pixels[:, 20:57, 40:61])):
                for bins in (50,) if dtype == "crop" else (50, 8, 128):
                    pairs = [(images[i], images[j]) for i in range(3) for j in range(3)]
                    golden[f"{run}/{dtype}/{bins}"] = itk(program, folder, pairs, bins)
    np.savez_compressed(Path(out) / "mattes.npz", **golden)


if __name__ == "__main__":
    main(*sys.argv[1:])
