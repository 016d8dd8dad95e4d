#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How cost grows: growth.py BIN SCANS OUT.csv [CURVE...]

Runs redux-reduce and redux-pretrain on data of growing size and writes curve,what,size,seconds,mb,kept,pairs: seconds
of the whole program, peak memory of the process, slices kept, pairs compared. Curves: slices, dataset, embeddings,
batch, side, threads, full (.nii.gz of 512 x 512, of which tools/performance.py projects the paper's PET-CT job).
Synthetic slices are like CT in that a third of them is kept, however many there are; those of the full curve are
real, enlarged from the .nii.gz in the folder SCANS. Needs NumPy, SciPy, nibabel; about 3 GB of temporary files.
"""
import csv
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import nibabel
import numpy as np
from scipy.ndimage import zoom

VOLUME = 608  # slices of a volume: 541,439 / 891
PAPER = 541439
SMALL = {"mi": ("--threshold", "0.45")}  # few pixels in many bins: the score of any pair is higher


def run(arguments):
    """Seconds and peak MB of one command."""
    start = time.perf_counter()
    child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        sys.exit(f"growth.py: {' '.join(arguments)}: status {status}")
    return seconds, usage.ru_maxrss / 1024


def volume(rng, slices, side):
    """Eight by eight cosines whose weights wander back to their mean: neighbours are like, far ones are not."""
    x = (np.arange(side) + 0.5) / side
    basis = np.cos(np.pi * np.arange(8)[:, None] * x)
    weight = 60 / (1 + np.add.outer(np.arange(8), np.arange(8)))
    body = np.hypot(*np.meshgrid(x - 0.5, x - 0.5)) < 0.45
    wander = rng.normal(0, 1, (8, 8))
    out = np.empty((slices, side, side), np.uint8)
    for i in range(slices):
        wander = 0.95 * wander + np.sqrt(1 - 0.95 ** 2) * rng.normal(0, 1, (8, 8))
        image = (128 + basis.T @ (weight * wander) @ basis) * body
        out[i] = np.clip(image + rng.normal(0, 3, (side, side)), 0, 255)
    return out


def scan(rng, paths, slices):
    """Real CT, enlarged to 512 x 512 with a little noise: one volume's slices after another's, then mirrored."""
    out = np.empty((512, 512, slices), np.int16)
    done = 0
    for turn in range(4):
        for path in paths:
            voxels = np.asarray(nibabel.load(path).dataobj, np.float32)[:, :, :slices - done]
            voxels = np.flip(voxels, [axis for axis in (0, 1) if turn >> axis & 1])
            large = zoom(voxels, (512 / voxels.shape[0], 512 / voxels.shape[1], 1), order=1)
            out[:, :, done:done + voxels.shape[2]] = large + rng.normal(0, 8, large.shape)
            done += voxels.shape[2]
            if done == slices:
                return out
    sys.exit("growth.py: too few scans")


class Growth:
    def __init__(self, bin_folder, scans, out, wanted):
        self.bin, self.wanted = bin_folder, wanted
        self.real = sorted(glob.glob(os.path.join(scans, "*.nii.gz")))
        self.work = tempfile.mkdtemp(prefix="redux-growth-")
        self.rng = np.random.default_rng(0)
        self.file = open(out, "a" if os.path.exists(out) and os.path.getsize(out) else "w", newline="")
        self.out = csv.writer(self.file)
        if self.file.tell() == 0:
            self.out.writerow(["curve", "what", "size", "seconds", "mb", "kept", "pairs"])

    def has(self, curve):
        return not self.wanted or curve in self.wanted

    def row(self, curve, what, size, arguments, counts=None):
        seconds, mb = run(arguments)
        kept, pairs = counts() if counts else ("", "")
        self.out.writerow([curve, what, size, f"{seconds:.2f}", f"{mb:.0f}", kept, pairs])
        self.file.flush()
        print(curve, what, size, f"{seconds:.2f} s", f"{mb:.0f} MB", kept, pairs, file=sys.stderr)

    def volumes(self, slices, side):
        """A folder of volumes of `side` with so many slices; 32 different ones, the rest are links."""
        folder = os.path.join(self.work, f"{side}-{slices}")
        if os.path.isdir(folder):
            return folder
        os.makedirs(folder)
        pool = os.path.join(self.work, f"pool-{side}")
        if not os.path.isdir(pool):
            os.makedirs(pool)
            for i in range(32):
                np.save(os.path.join(pool, f"{i}.npy"), volume(self.rng, VOLUME, side))
        count = max(1, round(slices / VOLUME))
        for i in range(count):
            os.symlink(os.path.join(pool, f"{i % 32}.npy"), os.path.join(folder, f"v{i:04}.npy"))
        if slices < VOLUME:
            os.remove(os.path.join(folder, "v0000.npy"))
            np.save(os.path.join(folder, "v0000.npy"), volume(self.rng, slices, side))
        return folder

    def scans(self, count):
        """A folder of so many .nii.gz of 512 x 512, 16 bits; two different ones, the rest are links."""
        folder = os.path.join(self.work, f"scans-{count}")
        os.makedirs(folder)
        for i in range(2):
            path = os.path.join(self.work, f"scan-{i}.nii.gz")
            if not os.path.exists(path):
                nibabel.Nifti1Image(scan(self.rng, self.real[i:] + self.real[:i], VOLUME), np.eye(4)).to_filename(path)
        for i in range(count):
            os.symlink(os.path.join(self.work, f"scan-{i % 2}.nii.gz"), os.path.join(folder, f"v{i:04}.nii.gz"))
        return folder

    def reduce(self, curve, strategy, size, *options):
        manifest = os.path.join(self.work, "manifest.csv")

        def counts():
            with open(os.path.join(self.work, "manifest.json")) as file:
                counted = json.load(file)["counts"]
            return counted["kept"], counted.get("pairs_compared", 0) + counted.get("pairs_skipped", 0) or ""

        self.row(curve, strategy, size, [os.path.join(self.bin, "redux-reduce"), "--quiet", "--strategy", strategy,
                                         "--manifest", manifest, *options], counts)

    def slices(self):
        for size in (1000, 10000, 100000, PAPER):
            folder = self.volumes(size, 64)
            for strategy in ("every-n", "entropy", "hash", "cosine", "mi", "ssim"):
                self.reduce("slices, volume scope, 64 x 64", strategy, size, *SMALL.get(strategy, ()), folder)

    def dataset(self):
        for size in (1000, 2000, 5000, 10000):
            folder = self.volumes(size, 64)
            for strategy in ("hash", "cosine", "mi", "ssim"):
                self.reduce("slices, dataset scope, 64 x 64", strategy, size, "--scope", "dataset", "--size", "64",
                            *SMALL.get(strategy, ()), folder)

    def embeddings(self):
        folder = self.volumes(10000, 64)
        count = max(1, round(10000 / VOLUME)) * VOLUME
        for width in (128, 512, 2048):
            path = os.path.join(self.work, "embeddings.npy")
            np.save(path, self.rng.standard_normal((count, width), dtype=np.float32))
            self.reduce("embedding width, 10,000 slices, dataset scope", "cosine", width, "--scope", "dataset",
                        "--embeddings", path, folder)

    def train(self, curve, what, size, *options):
        out = os.path.join(self.work, "run")
        shutil.rmtree(out, ignore_errors=True)
        self.row(curve, what, size, [os.path.join(self.bin, "redux-pretrain"), "--quiet", "--out", out, "--steps", "20",
                                     "--checkpoint-seconds", "1000", *options, self.volumes(1000, 128)])

    def batch(self):
        for batch in (32, 64, 128, 256):
            self.train("batch, ResNet-18, 64 px, 20 steps", "trainer", batch, "--batch", str(batch))

    def side(self):
        for side in (32, 64, 96, 128):
            self.train("side of the views, batch 64, 20 steps", "trainer", side, "--batch", "64", "--size", str(side))

    def threads(self):
        folder = self.volumes(10000, 64)
        for count in (1, 2):
            for strategy in ("hash", "mi", "ssim"):
                self.reduce("threads, 10,000 slices of 64 x 64", strategy, count, "--threads", str(count),
                            *SMALL.get(strategy, ()), folder)
            self.train("threads, batch 64, 20 steps", "trainer", count, "--batch", "64", "--threads", str(count))

    def full(self):
        for volumes in (1, 2, 4, 8):
            folder = self.scans(volumes)
            for strategy in ("every-n", "entropy", "hash", "cosine", "mi", "ssim"):
                self.reduce("full", strategy, volumes * VOLUME, folder)


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    growth = Growth(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
    try:
        for curve in ("slices", "dataset", "embeddings", "batch", "side", "threads", "full"):
            if growth.has(curve):
                getattr(growth, curve)()
    finally:
        shutil.rmtree(growth.work)


main()
