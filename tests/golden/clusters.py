#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Strategies hierarchical and density of redux-reduce against a plain NumPy re-implementation in double precision, with
the library's random numbers (Philox4x32-10) written again.

    clusters.py BIN   BIN: where redux-reduce is

Kept slices must be the same ones, and witnesses and scores those of an exhaustive search. A k-means that meets a vector
halfway between two centroids, to float32 rounding, may go either way: such a case is counted and left out, and must be
rare. Then the share of rare classes in mixtures of clusters, which both methods are made to raise."""
import csv
import math
import os
import subprocess
import sys
import tempfile

import numpy as np

MASK = 0xFFFFFFFF
CENTROIDS, SHARE = 0x73656D64, 0x68737368  # operations of random keys
NEAR = 5e-7  # of unit vectors: what float32 products may confuse


# ---- random numbers: lib/base/random.c ----

def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & MASK, (p0 >> 32) ^ c[3] ^ k[1], p0 & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


def random_u64(seed, epoch, operation, sample, index):
    key = philox([epoch, operation, 0, 0], [seed & MASK, seed >> 32])[:2]
    block = philox([0x80000000 | index // 2, 0, sample & MASK, sample >> 32], key)
    pair = block[:2] if index % 2 == 0 else block[2:]
    return pair[0] | pair[1] << 32


def random_below(seed, epoch, operation, sample, index, bound):
    limit = (1 << 64) - 1 - ((1 << 64) - 1) % bound
    own = random_u64(seed, epoch, operation, sample, index)
    i = 0
    while True:
        value = random_u64(own, epoch, operation, sample, i)
        if value < limit:
            return value % bound
        i += 1


def draw(numbers, count, *key):
    numbers = list(numbers)
    for i in range(count):
        other = i + random_below(*key, i, len(numbers) - i)
        numbers[i], numbers[other] = numbers[other], numbers[i]
    return numbers[:count]


# ---- k-means ----

class Doubt(Exception):
    """A decision that rounding may turn."""


def assign(x, centroids):
    score = x @ centroids.T - (centroids ** 2).sum(1) / 2
    best = score.argmax(1)
    if centroids.shape[0] > 1:
        two = np.partition(score, -2, axis=1)[:, -2:]
        same = (centroids[best][:, None] == centroids[None]).all(2).sum(1) > 1
        if ((two[:, 1] - two[:, 0] < NEAR) & ~same).any():
            raise Doubt
    return best


def k_means(x, k, seed, level, round_):
    first = draw(range(len(x)), k, seed, level, CENTROIDS, round_)
    centroids, cluster = x[first].copy(), np.full(len(x), -1)
    for _ in range(25):
        before, cluster = cluster, assign(x, centroids)
        if (before == cluster).all():
            break
        for c in range(k):
            if (cluster == c).any():
                centroids[c] = x[cluster == c].mean(0).astype(np.float32)
    return cluster, centroids


def by_distance(x, cluster, centroids, c):
    """Members of a cluster, nearest to its centroid first."""
    members = np.flatnonzero(cluster == c)
    distance = np.linalg.norm(x[members] - centroids[c], axis=1)
    order = np.argsort(distance, kind='stable')
    return members[order], distance[order]


# ---- hierarchical ----

def build_level(x, k, seed, level):
    cluster, centroids = k_means(x, k, seed, level, 0)
    for round_ in range(1, 11):
        most = max(len(x) // (2 * k), 1)
        some = np.concatenate([by_distance(x, cluster, centroids, c)[0][:most] for c in range(k)])
        k = min(k, len(some))
        centroids = k_means(x[some], k, seed, level, round_)[1]
        cluster = assign(x, centroids)
    return cluster, centroids


def share(wanted, children, sizes, *key):
    """How many of each child: a dictionary."""
    cap = max(c for c in range(wanted + 1) if sum(min(c, sizes[j]) for j in children) <= wanted)
    out = {j: min(cap, sizes[j]) for j in children}
    larger = [j for j in children if sizes[j] > cap]
    for j in draw(larger, min(wanted - sum(out.values()), len(larger)), *key):
        out[j] += 1
    return out


def hierarchical(x, budget, clusters, levels, seed, nearest):
    tree, points = [], x
    for level in range(levels):
        k = min(clusters, len(points)) if level == 0 and clusters else max(len(points) // 10, 1)
        tree.append(build_level(points, k, seed, level))
        points = tree[-1][1]
    sizes = []
    for level, (cluster, centroids) in enumerate(tree):
        below = np.ones(len(x), int) if level == 0 else sizes[-1]
        sizes.append(np.bincount(cluster, weights=below, minlength=len(centroids)).astype(int))
    wanted = share(budget, range(len(tree[-1][1])), sizes[-1], seed, levels - 1, SHARE, 0)
    for level in range(levels - 1, 0, -1):
        under = {}
        for c, n in sorted(wanted.items()):
            under.update(share(n, np.flatnonzero(tree[level][0] == c).tolist(), sizes[level - 1],
                               seed, level - 1, SHARE, c))
        wanted = under
    kept = []
    for c, n in wanted.items():
        members = by_distance(x, *tree[0], c)[0] if nearest else np.flatnonzero(tree[0][0] == c)
        kept += list(members[:n]) if nearest else draw(members, n, seed, MASK, SHARE, c)
    return set(map(int, kept))


# ---- density ----

def greedy(x, threshold):
    kept, weakness = [], {}
    cosine = x @ x.T
    if (abs(cosine - threshold)[~np.eye(len(x), dtype=bool)] < 1e-9).any():
        raise Doubt
    for i in range(len(x)):
        near = [j for j in kept if cosine[i, j] >= threshold]
        if near:
            weakness[i] = cosine[i, near[0]]
        else:
            kept.append(i)
    return kept, weakness


def continuous(wanted, low, high, total):
    """The optimum of a bounded least squares with a fixed sum."""
    left, right = -2.0 * total - 1, 2.0 * total + max(high) + 1
    for _ in range(200):
        middle = (left + right) / 2
        if np.clip(wanted + middle, low, high).sum() <= total:
            left = middle
        else:
            right = middle
    return left


def whole(wanted, low, high, total):
    """By single units, each where it costs least: the optimum of a separable convex sum."""
    taken = low.copy()
    while taken.sum() < total:
        taken[np.where(taken < high, 1 + 2 * (taken - wanted), np.inf).argmin()] += 1
    return taken


def density(x, budget, clusters, seed, threshold, tau):
    kept, weakness = greedy(x, threshold)
    if len(kept) <= budget:
        again = sorted(weakness, key=lambda i: (weakness[i], i))[:budget - len(kept)]
        return set(kept) | set(again)
    rest = x[kept]
    k = min(clusters or math.ceil(len(rest) / 100), len(rest))
    cluster, centroids = k_means(rest, k, seed, 0, 0)
    unit = centroids / np.linalg.norm(centroids, axis=1, keepdims=True)
    cosine = unit @ unit.T
    intra, inter, counts = np.zeros(k), np.zeros(k), np.bincount(cluster, minlength=k)
    for c in range(k):
        others = np.sort(np.delete(1 - cosine[c], c))[:20]
        inter[c] = others.mean() if len(others) else 0
        intra[c] = by_distance(rest, cluster, centroids, c)[1].mean() if counts[c] else 0
    weight = np.where(counts > 0, np.exp(intra * inter / tau - (intra * inter / tau).max()), 0)
    wanted, low = weight / weight.sum() * budget, np.maximum(np.minimum(1, counts - 1), 0)
    if low.sum() > budget:
        return int(low.sum())
    taken = whole(wanted, low, counts, budget)
    free = np.clip(wanted + continuous(wanted, low, counts, budget), low, counts)
    assert abs(taken - free).max() < 1 + 1e-6  # the continuous optimum, rounded
    out = set()
    for c in range(k):
        members, distance = by_distance(rest, cluster, centroids, c)
        cut = len(members) - taken[c]
        if 0 < cut < len(members) and distance[cut] - distance[cut - 1] < 1e-12:
            raise Doubt
        out |= {kept[m] for m in members[cut:]}
    return out


# ---- the program ----

def reduce(binary, folder, x, *options):
    np.save(f'{folder}/slices/x.npy', np.arange(len(x) * 4, dtype=np.uint32).reshape(-1, 2, 2).astype(np.uint8))
    np.save(f'{folder}/embeddings.npy', x)
    done = subprocess.run([f'{binary}/redux-reduce', '--quiet', '--scope', 'dataset', '--embeddings',
                           f'{folder}/embeddings.npy', *map(str, options), f'{folder}/slices/x.npy'],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return done.stderr
    return list(csv.DictReader(done.stdout.splitlines()))


def unit_of(x):
    x = x.astype(np.float64)
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32).astype(np.float64)


def check_witnesses(rows, x):
    cosine = x @ x.T / np.outer(np.linalg.norm(x, axis=1), np.linalg.norm(x, axis=1))
    kept = [i for i, row in enumerate(rows) if row['kept'] == '1']
    for i, row in enumerate(rows):
        if row['kept'] == '0':
            assert int(row['witness_slice']) in kept, row
            assert abs(float(row['score']) - cosine[i, int(row['witness_slice'])]) < 1e-12, row
            assert float(row['score']) > cosine[i, kept].max() - NEAR, row


def mixture(rng, sizes, width):
    """Clusters around random centres, of these sizes, and the number of each vector's."""
    centres = rng.standard_normal((len(sizes), width))
    label = np.repeat(np.arange(len(sizes)), sizes)
    x = centres[label] + rng.uniform(0.05, 0.4, (len(sizes), 1))[label] * rng.standard_normal((len(label), width))
    order = rng.permutation(len(label))
    return x[order].astype(np.float32), label[order]


def check_case(binary, folder, rng, case):
    sizes = rng.integers(1, 60, rng.integers(3, 12))
    x = mixture(rng, sizes, int(rng.integers(3, 24)))[0]
    n, seed = len(x), int(rng.integers(0, 1 << 40))
    clusters, budget = int(rng.choice([0, 1, 3, n // 5 + 1])), int(rng.integers(1, n + 1))
    common = ['--keep', budget, '--seed', seed] + (['--clusters', clusters] if clusters else [])
    if case % 2 == 0:
        levels, nearest = int(rng.integers(1, 4)), bool(rng.integers(0, 2))
        expected = hierarchical(unit_of(x), budget, clusters, levels, seed, nearest)
        rows = reduce(binary, folder, x, '--strategy', 'hierarchical', '--levels', levels, '--leaves',
                      'nearest' if nearest else 'random', *common)
    else:
        threshold, tau = float(rng.choice([0.9, 0.985, 0.999])), float(rng.choice([0.02, 0.1, 0.5]))
        expected = density(unit_of(x), budget, clusters, seed, threshold, tau)
        rows = reduce(binary, folder, x, '--strategy', 'density', '--threshold', threshold, '--temperature', tau,
                      *common)
        if isinstance(expected, int):  # the smallest budget that works
            assert f'keep at least {expected},' in rows, (rows, expected)
            return
    assert isinstance(rows, list), rows
    kept = {i for i, row in enumerate(rows) if row['kept'] == '1'}
    assert len(kept) == budget, (len(kept), budget)
    check_witnesses(rows, unit_of(x))
    assert kept == expected, (case, n, budget, clusters, sorted(kept ^ expected))


def check_rare(binary, folder):
    """Classes of 1,500 to 15 vectors: what share do the rarer half have, of all and of those kept?"""
    rng = np.random.default_rng(5)
    sizes = [1500, 700, 400, 200, 100, 60, 40, 30, 20, 15]
    x, label = mixture(rng, sizes, 64)
    rare = label >= 5
    for strategy in (['hierarchical'], ['density', '--clusters', 40]):
        rows = reduce(binary, folder, x, '--strategy', *strategy, '--keep', '10%')
        kept = np.array([row['kept'] == '1' for row in rows])
        before, after = rare.mean(), rare[kept].mean()
        print(f'{strategy[0]}: the rarer half of ten classes: {100 * before:.1f} % of all, {100 * after:.1f} % of those '
              f'kept; classes that are left: {len(set(label[kept]))}')
        assert after > 2 * before and len(set(label[kept])) == 10


def main():
    binary, cases, doubts = sys.argv[1], 120, 0
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f'{folder}/slices')
        for case in range(cases):
            try:
                check_case(binary, folder, np.random.default_rng(case), case)
            except Doubt:
                doubts += 1
        print(f'{cases - doubts} cases are the same, {doubts} depend on rounding and were left out')
        assert doubts < cases // 4
        check_rare(binary, folder)


main()
