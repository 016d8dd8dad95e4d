#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goldens of entropy and mutual information, made by scikit-image, scikit-learn, SciPy and NumPy.

entropy.py FOLDER-OF-VOLUMES OUT       writes OUT/slices.npz and OUT/entropy.npz

entropy.npz, for each RUN (STS_002, STS_019), DTYPE (u8, f32), BINS and RANGE (own, fixed):
  RUN/DTYPE/BINS/RANGE/counts       int64 [3, BINS]: the histogram of each slice
  RUN/DTYPE/BINS/RANGE/information  float64 [4, 9]: for each of slices.pairs(), what
                                    redux_information holds, in its order
  RUN/shannon                       float64 [3]: skimage.measure.shannon_entropy
"""
import sys
from pathlib import Path

import numpy as np
from scipy.stats import entropy
from skimage.measure import shannon_entropy
from skimage.metrics import normalized_mutual_information
from sklearn.metrics import mutual_info_score, normalized_mutual_info_score

import slices

CONFIGURATIONS = [("u8", 256, "fixed"), ("u8", 100, "fixed"), ("f32", 64, "fixed"),
                  ("f32", 100, "fixed"), ("u8", 256, "own"), ("u8", 100, "own"), ("u8", 37, "own"),
                  ("f32", 256, "own"), ("f32", 100, "own"), ("f32", 3, "own")]


def fixed_labels(image, bins):
    if image.dtype == np.uint8:
        return image.astype(np.int64) * bins // 256
    return np.minimum(np.floor(image.astype(np.float64) * bins), bins - 1).astype(np.int64)


def joint_histogram(a, b, bins, kind):
    if kind == "own":
        return np.histogramdd([a.ravel(), b.ravel()], bins=bins)[0].astype(np.int64)
    joint = np.zeros((bins, bins), np.int64)
    np.add.at(joint, (fixed_labels(a, bins).ravel(), fixed_labels(b, bins).ravel()), 1)
    return joint


def information(a, b, bins, kind):
    joint = joint_histogram(a, b, bins, kind)
    h_a, h_b = entropy(joint.sum(1), base=2), entropy(joint.sum(0), base=2)
    h_ab = entropy(joint.ravel(), base=2)
    mutual = mutual_info_score(None, None, contingency=joint) / np.log(2)
    # scikit-learn wants labels: one sample for each pixel of the histogram
    rows, columns = np.nonzero(joint)
    times = joint[rows, columns]
    nmi = normalized_mutual_info_score(np.repeat(rows, times), np.repeat(columns, times))
    if kind == "own":
        studholme = normalized_mutual_information(a, b, bins=bins)
    else:
        studholme = (h_a + h_b) / h_ab
    return [h_a, h_b, h_ab, mutual, h_ab - h_b, h_ab - h_a, 2 * h_ab - h_a - h_b, nmi, studholme]


def main(folder, out):
    runs = slices.read(folder)
    np.savez_compressed(Path(out) / "slices.npz", **runs)
    golden = {}
    for run, pixels in runs.items():
        golden[f"{run}/shannon"] = np.array([shannon_entropy(p) for p in pixels])
        for dtype, bins, kind in CONFIGURATIONS:
            images = pixels if dtype == "u8" else slices.as_float(pixels)
            key = f"{run}/{dtype}/{bins}/{kind}"
            golden[f"{key}/counts"] = np.array(
                [joint_histogram(i, i, bins, kind).sum(1) for i in images])
            golden[f"{key}/information"] = np.array(
                [information(images[a], images[b], bins, kind) for a, b in slices.pairs()])
    np.savez_compressed(Path(out) / "entropy.npz", **golden)


if __name__ == "__main__":
    main(*sys.argv[1:])
