#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes tests/golden/data/intervals.tsv: intervals over groups and sign-flip tests, by
scikit-learn's figures of the rows that remain when a group is left out, and SciPy's Student t.

Labels, scores and groups are made in the test by the same formula (integers only).
Lines: "student p df value"; "one n k groups", then 7 lows, 7 highs; "set seeds folds groups",
then 7 means, deviations, lows, highs; "compare seeds folds groups", then 7 differences, lows,
highs, p-values.
"""
import itertools
import math
import os
import warnings

import numpy as np
from scipy import optimize, stats
from sklearn import metrics

from scores import figures

warnings.filterwarnings('ignore')
LEVEL = 0.95


def sequence(state, count):
    values = []
    for _ in range(count):
        state = (1103515245 * state + 12345) % 2**31
        values.append(state >> 8)
    return np.array(values)


def quantile(p, df):
    """scipy.stats.t.ppf is right to eight digits only; its cdf is exact."""
    return optimize.brentq(lambda t: stats.t.cdf(t, df) - p, -1e3, 1e3, xtol=1e-13, rtol=1e-15)


def make(n, k, groups, version):
    """Labels and groups do not depend on the version."""
    labels = sequence(n + 7, n) % k
    group = sequence(n + 11, n) % groups
    group[:groups] = np.arange(groups)  # none is missing
    scores = (sequence(1000 * version + n, n * k).reshape(n, k) % 1000).astype(float)
    scores[np.arange(n), labels] += 150 + 20 * version + 40 * (group % 3)
    return labels, scores, group


def all_figures(labels, scores, k):
    if len(set(labels)) < k:  # what scikit-learn does not define
        f = [metrics.accuracy_score(labels, scores.argmax(1))]
        return np.array(f + [math.nan] * 6)
    return np.array(figures(labels, scores, k))


def influence(labels, scores, group, k):
    names = sorted(set(group))
    left = np.array([all_figures(labels[group != g], scores[group != g], k) for g in names])
    n = len(names)
    return names, all_figures(labels, scores, k), math.sqrt((n - 1) / n) * (left.mean(0) - left)


def sample(labels, group, k):
    groups = len(set(group))
    return groups, min(len(set(group[labels == c])) for c in range(k))


def width(moved, groups, of_class, strata, extra):
    squares, fourths = (moved**2).sum(), (moved**4).sum()
    df = max(1, min(3 * squares**2 / fourths, (groups + of_class) / 2) - strata)
    return quantile(0.5 + LEVEL / 2, df) * math.sqrt(squares + extra)


def share(value, moved, groups, of_class, strata, extra):
    half = width(moved, groups, of_class, strata, extra) / (value * (1 - value))
    centre = math.log(value / (1 - value))
    return [1 / (1 + math.exp(-(centre - half))), 1 / (1 + math.exp(-(centre + half)))]


def pool(n, k, groups, seeds, folds, first):
    """Means by seed [seeds, 7] and influence [groups, 7] of all runs."""
    by_seed, moved = np.zeros((seeds, 7)), np.zeros((groups, 7))
    for s in range(seeds):
        labels, scores, group = make(n, k, groups, first + s)
        for f in range(folds):
            rows = group % folds == f
            names, value, part = influence(labels[rows], scores[rows], group[rows], k)
            by_seed[s] += value / folds
            moved[names] += part / (seeds * folds)
    return by_seed, moved, sample(labels, group, k)


def line(*parts):
    return '\t'.join(x if isinstance(x, str) else repr(float(x)) if isinstance(x, float)
                     else str(x) for x in parts) + '\n'


def main():
    out = []
    for p in (0.975, 0.95, 0.9995, 0.6, 0.025):
        for df in (1.0, 1.7, 2.0, 4.5, 9.0, 30.25, 83.0, 1999.0):
            out.append(line('student', p, df, quantile(p, df)))
    for n, k, groups in ((60, 2, 12), (200, 2, 20), (300, 3, 15), (400, 2, 84), (300, 2, 300)):
        labels, scores, group = make(n, k, groups, 1)
        names, value, moved = influence(labels, scores, group, k)
        g, of_class = sample(labels, group, k)
        ends = np.array([share(value[f], moved[:, f], g, of_class, 1, 0) for f in range(7)])
        out.append(line('one', n, k, groups, *map(float, ends[:, 0]), *map(float, ends[:, 1])))
    for seeds, folds, groups in ((1, 1, 12), (3, 1, 14), (1, 3, 21), (3, 4, 40)):
        n = 12 * groups
        by_seed, moved, (g, of_class) = pool(n, 2, groups, seeds, folds, 1)
        mean = by_seed.mean(0)
        deviation = by_seed.std(0, ddof=1) if seeds > 1 else np.full(7, math.nan)
        extra = np.nan_to_num(deviation)**2 / seeds
        ends = np.array([share(mean[f], moved[:, f], g, of_class, folds, extra[f])
                         for f in range(7)])
        out.append(line('set', seeds, folds, groups, *map(float, mean), *map(float, deviation),
                        *map(float, ends[:, 0]), *map(float, ends[:, 1])))
    for seeds, folds, groups in ((1, 1, 12), (2, 2, 12)):
        n = 12 * groups
        a, moved_a, (g, of_class) = pool(n, 2, groups, seeds, folds, 1)
        b, moved_b, _ = pool(n, 2, groups, seeds, folds, 6)
        difference, moved = (b - a).mean(0), moved_b - moved_a
        extra = (b - a).var(0, ddof=1) / seeds if seeds > 1 else np.zeros(7)
        half = np.array([width(moved[:, f], g, of_class, folds, extra[f]) for f in range(7)])
        signs = np.array(list(itertools.product((1, -1), repeat=groups)))
        sums = signs @ (difference / groups + moved)
        p = (np.abs(sums) >= np.abs(difference) - 1e-12).mean(0)
        out.append(line('compare', seeds, folds, groups, *map(float, difference),
                        *map(float, difference - half), *map(float, difference + half),
                        *map(float, p)))
    path = os.path.join(os.path.dirname(__file__), 'data', 'intervals.tsv')
    with open(path, 'w', encoding='ascii') as file:
        file.writelines(out)


if __name__ == '__main__':
    main()
