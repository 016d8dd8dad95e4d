#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How cost grows: growth.py BIN OUT.csv [CURVE...]

Runs redux-reduce and redux-pretrain on synthetic data of growing size and writes curve,what,size,seconds,mb
(seconds of the whole program, peak memory of the process). Curves: slices, dataset, embeddings, width, batch, side,
threads, full (512 x 512, the paper's PET-CT job from a measured part). Slices walk: a volume's neighbours differ by a
little noise and a shift, so that strategies find something to drop. Needs NumPy; about 3 GB of temporary files.
"""
import csv
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

VOLUME = 608  # slices of a volume: 541,439 / 891
PAPER = 541439


def run(arguments):
    """Seconds and peak MB of one command."""
    import time
    start = time.perf_counter()
    child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        sys.exit(f"growth.py: {' '.join(arguments)}: status {status}")
    return seconds, usage.ru_maxrss / 1024


def volume(rng, slices, side):
    """A walk: every slice is the one before, a little changed."""
    y, x = np.mgrid[0:side, 0:side] / side
    phase = rng.uniform(0, 6, 4)
    out = np.empty((slices, side, side), np.uint8)
    for i in range(slices):
        phase += rng.normal(0, 0.08, 4)
        image = 128 + 50 * np.sin(9 * x + phase[0]) * np.cos(7 * y + phase[1]) + 40 * np.sin(15 * x * y + phase[2])
        out[i] = np.clip(image * (np.hypot(x - 0.5, y - 0.5) < 0.45) + rng.normal(0, 4, (side, side)), 0, 255)
    return out


class Growth:
    def __init__(self, bin_folder, out, wanted):
        self.bin, self.wanted = bin_folder, wanted
        self.work = tempfile.mkdtemp(prefix="redux-growth-")
        self.rng = np.random.default_rng(0)
        self.file = open(out, "a" if os.path.exists(out) and os.path.getsize(out) else "w", newline="")
        self.out = csv.writer(self.file)
        if self.file.tell() == 0:
            self.out.writerow(["curve", "what", "size", "seconds", "mb"])

    def has(self, curve):
        return not self.wanted or curve in self.wanted

    def row(self, curve, what, size, arguments):
        seconds, mb = run(arguments)
        self.out.writerow([curve, what, size, f"{seconds:.2f}", f"{mb:.0f}"])
        self.file.flush()
        print(curve, what, size, f"{seconds:.2f} s", f"{mb:.0f} MB", file=sys.stderr)

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

    def reduce(self, *options):
        return [os.path.join(self.bin, "redux-reduce"), "--quiet", *options]

    def slices(self):
        for size in (1000, 10000, 100000, PAPER):
            folder = self.volumes(size, 64)
            for strategy in ("every-n", "entropy", "hash", "cosine", "mi", "ssim"):
                self.row("slices, volume scope, 64 x 64", strategy, size, self.reduce("--strategy", strategy, folder))

    def dataset(self):
        for size in (1000, 2000, 5000, 10000):
            folder = self.volumes(size, 64)
            for strategy in ("hash", "cosine", "mi", "ssim"):
                self.row("slices, dataset scope, 64 x 64", strategy, size,
                         self.reduce("--strategy", strategy, "--scope", "dataset", "--size", "64", folder))

    def embeddings(self):
        folder = self.volumes(10000, 64)
        count = max(1, round(10000 / VOLUME)) * VOLUME
        for width in (128, 512, 2048):
            path = os.path.join(self.work, "embeddings.npy")
            np.save(path, self.rng.standard_normal((count, width), dtype=np.float32))
            self.row("embedding width, 10,000 slices", "cosine over the dataset", width,
                     self.reduce("--strategy", "cosine", "--scope", "dataset", "--embeddings", path, folder))

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
                self.row("threads, 10,000 slices of 64 x 64", strategy, count,
                         self.reduce("--threads", str(count), "--strategy", strategy, folder))
            self.train("threads, batch 64, 20 steps", "trainer", count, "--batch", "64", "--threads", str(count))

    def full(self):
        for volumes in (1, 2, 4):
            folder = self.volumes(volumes * VOLUME, 512)
            for strategy in ("hash", "cosine", "mi", "ssim"):
                self.row("slices of 512 x 512, volume scope", strategy, volumes * VOLUME,
                         self.reduce("--strategy", strategy, folder))


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    growth = Growth(sys.argv[1], sys.argv[2], sys.argv[3:])
    try:
        for curve in ("slices", "dataset", "embeddings", "batch", "side", "threads", "full"):
            if growth.has(curve):
                getattr(growth, curve)()
    finally:
        shutil.rmtree(growth.work)


main()
