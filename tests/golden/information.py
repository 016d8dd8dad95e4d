#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goldens of the normalisations of mutual information, of bins over an explicit range and of
conditional entropy along a volume, made by scikit-learn, SciPy and NumPy.

information.py OUT       reads OUT/slices.npz (entropy.py), writes OUT/information.npz

information.npz, for each RUN (STS_002, STS_019) of slices.npz, DTYPE (u8, f32), BINS and RANGE
(fixed, own, or LOW:HIGH):
  RUN/DTYPE/BINS/RANGE/nmi       float64 [4, 7]: for each of slices.pairs() the arithmetic,
                                 Studholme, geometric, min, max and joint normalisation, and bits
  RUN/DTYPE/BINS/RANGE/sequence  float64 [3]: H(0), H(1 | 0), H(2 | 1), bits
"""
import sys
from pathlib import Path

import numpy as np
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score, normalized_mutual_info_score

import slices

CONFIGURATIONS = [("u8", 256, "fixed"), ("u8", 64, "own"), ("f32", 100, "own"),
                  ("u8", 50, (20, 200)), ("u8", 256, (-10.5, 255)), ("f32", 33, (0.25, 0.7)),
                  ("f32", 100, (-1, 2))]


def labels(image, bins, span):
    image = image.astype(np.float64)
    if span == "fixed":
        return (image * bins // 256).astype(np.int64)
    low, high = (image.min(), image.max()) if span == "own" else span
    edges = np.linspace(low, high, bins + 1)
    return np.clip(np.searchsorted(edges, image, side="right") - 1, 0, bins - 1)


def normalisations(a, b):
    a, b = a.ravel(), b.ravel()
    h_a, h_b = entropy(np.bincount(a), base=2), entropy(np.bincount(b), base=2)
    h_ab = entropy(np.unique(np.stack([a, b]), axis=1, return_counts=True)[1], base=2)
    mutual = mutual_info_score(a, b) / np.log(2)
    by = {m: normalized_mutual_info_score(a, b, average_method=m)
          for m in ("arithmetic", "geometric", "min", "max")}
    return [by["arithmetic"], (h_a + h_b) / h_ab, by["geometric"], by["min"], by["max"],
            mutual / h_ab, mutual]


def conditional(given, image):
    """H(image | given) as the mean over the bins of `given`."""
    given, image = given.ravel(), image.ravel()
    return sum((given == v).mean() * entropy(np.bincount(image[given == v]), base=2)
               for v in np.unique(given))


def main(out):
    golden = {}
    for run, pixels in np.load(Path(out) / "slices.npz").items():
        for dtype, bins, span in CONFIGURATIONS:
            images = pixels if dtype == "u8" else slices.as_float(pixels)
            binned = [labels(i, bins, span) for i in images]
            name = span if isinstance(span, str) else f"{span[0]}:{span[1]}"
            key = f"{run}/{dtype}/{bins}/{name}"
            golden[f"{key}/nmi"] = np.array(
                [normalisations(binned[a], binned[b]) for a, b in slices.pairs()])
            golden[f"{key}/sequence"] = np.array(
                [entropy(np.bincount(binned[0].ravel()), base=2),
                 conditional(binned[0], binned[1]), conditional(binned[1], binned[2])])
    np.savez_compressed(Path(out) / "information.npz", **golden)


if __name__ == "__main__":
    main(*sys.argv[1:])
