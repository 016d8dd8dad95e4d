#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Rates of DataLoaders and of random views, ours beside nibabel's and torchvision's, in one run.

dataloader.py [--scans FOLDER] [--repeats N] [--slices N]

Every loader makes the same inputs: a slice under the window -160:240, 64 x 64, (x - 0.5) / 0.25,
batches of 64. What is taken is the best of N epochs, in order and shuffled in turns, after one that
warms up. The tables are those of docs/python.md.
"""
import argparse
import functools
import glob
import os
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
import nibabel  # noqa: E402
import torch  # noqa: E402
import torchvision.transforms as T  # noqa: E402
from torchvision.transforms import functional as F  # noqa: E402

import redux  # noqa: E402
import redux.torch  # noqa: E402
from redux.training import views_of  # noqa: E402

LOW, HIGH, SIZE, BATCH = -160, 240, 64, 64


@functools.lru_cache(1)
def volume(path):
    return np.asarray(nibabel.load(path).dataobj, np.float32)


class Nibabel(torch.utils.data.Dataset):
    """Slices of NIfTI files, the last volume of which stays open."""

    def __init__(self, paths):
        self.places = [(path, k) for path in paths for k in range(nibabel.load(path).shape[2])]

    def __len__(self):
        return len(self.places)

    def __getitem__(self, index):
        path, k = self.places[index]
        values = torch.from_numpy(volume(path)[:, :, k].T.copy())[None]
        grey = values.sub(LOW).div(HIGH - LOW).clamp(0, 1)
        return F.resize(grey, [SIZE, SIZE], antialias=True).sub(0.5).div(0.25)


class Order:
    """A sampler whose order may be changed between epochs."""

    def __init__(self, count, most):
        self.whole = np.arange(most) % count
        self.numbers = self.whole.tolist()

    def shuffle(self, wanted):
        rng = np.random.default_rng(0)
        self.numbers = (rng.permutation(self.whole) if wanted else self.whole).tolist()

    def __iter__(self):
        return iter(self.numbers)

    def __len__(self):
        return len(self.numbers)


def epoch(loader):
    begin = time.perf_counter()
    for _ in loader:
        pass
    return len(loader.sampler) / (time.perf_counter() - begin)


def rates(data, slices, repeats, workers, start):
    """Slices a second, in order and shuffled."""
    order, best = Order(len(data), slices), [0.0, 0.0]
    loader = torch.utils.data.DataLoader(data, BATCH, sampler=order, num_workers=workers,
                                         multiprocessing_context=start,
                                         persistent_workers=workers > 0)
    epoch(loader)
    for _ in range(repeats):
        for shuffled in 0, 1:
            order.shuffle(shuffled)
            best[shuffled] = max(best[shuffled], epoch(loader))
    return best


def line(name, workers, found):
    print(f"| {name} | {workers} | {found[0]:,.0f} | {found[1]:,.0f} | "
          f"{found[1] / found[0]:.2f} |", flush=True)


def loaders(scans, cache, slices, repeats):
    dataset = redux.Dataset(scans)
    shown = []
    for where, there in ("file", cache), ("memory", "memory"):
        data = redux.torch.SliceDataset(dataset, window=f"{LOW}:{HIGH}", cache=there)
        shown.append((f"`SliceDataset`, {where}", data, slices, repeats))
    paths = sorted(glob.glob(os.path.join(scans, "*.nii*")))
    shown.append(("nibabel and torchvision", Nibabel(paths), len(dataset), 1))
    print("| | workers | in order | shuffled | ratio |\n| --- | --- | ---: | ---: | ---: |")
    for name, data, most, times in shown:
        for workers, start in ((0, None), (2, "fork"), (2, "spawn")):
            line(name, f"2, {start}" if start else "0", rates(data, most, times, workers, start))


def cold(folder, repeats):
    """The same of a file that is not in memory: 8,000 slices, 128 MB."""
    arrays = {"noise": np.random.default_rng(0).integers(0, 255, (8000, 64, 64), np.uint8)}
    data = redux.torch.SliceDataset(redux.Dataset.of_arrays(arrays), cache=folder)
    order, best = Order(len(data), len(data)), [0.0, 0.0]
    for _ in range(repeats):
        for shuffled in 0, 1:
            data._store._bytes = None
            with open(data._store._path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            order.shuffle(shuffled)
            loader = torch.utils.data.DataLoader(data, BATCH, sampler=order)
            best[shuffled] = max(best[shuffled], epoch(loader))
    line("`SliceDataset`, file on disk alone", "0", best)


def peer_views():
    """The strengths of views="simclr" in torchvision's words, resized as ours are: antialiased."""
    o = views_of("simclr")
    width = max(3, 2 * int(2 * o.blur_high * SIZE / 224) + 1)
    blur = T.GaussianBlur(width, (max(1e-3, o.blur_low * SIZE / 224), o.blur_high * SIZE / 224))
    return T.Compose([
        T.RandomResizedCrop(SIZE, (o.scale_low, o.scale_high), (1 / o.ratio, o.ratio),
                            antialias=True),
        T.RandomHorizontalFlip(o.flip_horizontal), T.RandomVerticalFlip(o.flip_vertical),
        T.RandomApply([T.ColorJitter(o.brightness, o.contrast)], o.jitter_probability),
        T.RandomApply([blur], o.blur_probability), T.Normalize(0.5, 0.25)])


def views(name, dataset, repeats):
    """Views a second of one thread, of slices in memory; in turns, the best of short spans."""
    ours = redux.torch.SliceDataset(dataset, window=f"{LOW}:{HIGH}", views="simclr", cache="memory")
    grey = [torch.from_numpy(dataset.read(i, f"{LOW}:{HIGH}"))[None] for i in range(len(dataset))]
    theirs, best = peer_views(), [0.0, 0.0]
    makers = (lambda k: ours[k]), (lambda k: (theirs(grey[k]), theirs(grey[k])))
    for i in range(40 * repeats):
        span = [k % len(dataset) for k in range(10 * i, 10 * i + 10)]
        for which, make in enumerate(makers):
            begin = time.perf_counter()
            for k in span:
                make(k)
            best[which] = max(best[which], 20 / (time.perf_counter() - begin))
    print(f"| {name} | {best[0]:,.0f} | {best[1]:,.0f} | {best[0] / best[1]:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", default="data/ct", help="a folder of NIfTI files")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--slices", type=int, default=4000, help="an epoch")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; "
          f"PyTorch {torch.__version__}, nibabel {nibabel.__version__}\n")
    with tempfile.TemporaryDirectory() as folder:
        loaders(options.scans, folder, options.slices, options.repeats)
        cold(folder, options.repeats)
    print("\n| views of one thread, images/s | ours | torchvision | ratio |\n"
          "| --- | ---: | ---: | ---: |")
    views("the scans", redux.Dataset(options.scans), options.repeats)
    large = np.random.default_rng(0).integers(-1000, 1000, (40, 512, 512), np.int16)
    views("512 x 512, int16", redux.Dataset.of_arrays({"noise": large}, scan=True), options.repeats)


if __name__ == "__main__":
    main()
