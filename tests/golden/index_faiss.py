#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Search of an index against faiss (python3-faiss): the same codes, one thread, one query at a
time; prints milliseconds a query of faiss, whose IndexBinaryFlat is exact, and whether both find
the same within 12 bits.

  index_bench FOLDER 100000 32 && index_faiss.py FOLDER"""
import sys
import time

import faiss
import numpy as np

folder = sys.argv[1]
codes, queries = (np.load(f'{folder}/{name}.npy') for name in ('codes', 'queries'))
faiss.omp_set_num_threads(1)
index = faiss.IndexBinaryFlat(codes.shape[1] * 8)
index.add(codes)
limits, distances, ids = index.range_search(queries, 13)  # faiss: strictly below
theirs = sorted((int(np.searchsorted(limits, i, 'right') - 1), int(d), int(j))
                for i, (d, j) in enumerate(zip(distances, ids)))
ours = [(int(q), int(d), int(j)) for q, j, d in np.load(f'{folder}/found.npy')]
print(f'within 12 bits: {len(ours)} and {len(theirs)} found, equal and in order: {ours == theirs}')
for radius in (3, 6, 12, 31, 63):
    if codes.shape[1] == 8 and radius > 12:
        continue
    found, start = 0, time.perf_counter()
    for query in queries:
        limits = index.range_search(query[None], radius + 1)[0]
        found += limits[1]
    print(f'{codes.shape[0]} x {codes.shape[1] * 8} bits, radius {radius}: '
          f'{(time.perf_counter() - start) / len(queries) * 1e3:.4f} ms, {found} found')
start = time.perf_counter()
index.search(queries, 10)
print(f'10 nearest: {(time.perf_counter() - start) / len(queries) * 1e3:.4f} ms')
