#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""k_means.py N D K ROUNDS THREADS [PEER]: k-means of random vectors by faiss (python3-faiss), and by scikit-learn's
KMeans and MiniBatchKMeans, from random first centroids. Rates are distances to a centroid per second: N x K for each
round; a round of MiniBatchKMeans is one pass over the vectors in batches of 4,096."""
import os
import sys
import time

n, width, k, rounds, threads = map(int, sys.argv[1:6])
peer = sys.argv[6] if len(sys.argv) > 6 else ""
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = str(threads)

import warnings

import numpy as np

from timing import report

x = np.random.default_rng(0).standard_normal((n, width), dtype=np.float32)
warnings.filterwarnings("ignore")


def rate(function):
    """Of the faster one of two runs; of one run where it is long."""
    seconds = []
    while not seconds or (len(seconds) < 2 and seconds[0] < 20):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return n * k * rounds / min(seconds)


try:
    import faiss
    faiss.omp_set_num_threads(threads)

    def by_faiss():
        kmeans = faiss.Kmeans(width, k, niter=rounds, seed=1, max_points_per_centroid=n, min_points_per_centroid=1)
        kmeans.train(x)

    report("faiss " + faiss.__version__, "faiss k-means", rate(by_faiss), "distances/s")
except ImportError:
    pass
if peer in ("", "sklearn"):
    import sklearn
    from sklearn.cluster import KMeans, MiniBatchKMeans

    def by_lloyd():
        KMeans(k, init="random", n_init=1, max_iter=rounds, tol=0, algorithm="lloyd", random_state=1).fit(x)

    def by_batches():
        # a last assignment of all vectors is part of it, as it is of ours
        MiniBatchKMeans(k, init="random", n_init=1, max_iter=rounds, batch_size=4096, max_no_improvement=None,
                        init_size=3 * k, random_state=1).fit(x)

    for case, function in (("MiniBatchKMeans", by_batches), ("KMeans, Lloyd", by_lloyd)):
        report("scikit-learn " + sklearn.__version__, case, rate(function), "distances/s")
