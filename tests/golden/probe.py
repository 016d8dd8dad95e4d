#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes tests/golden/data/probe.npz: logistic regression by scikit-learn, nearest neighbours by
NumPy, on small random features; tests/unit/judge/test_probe.c compares the library's with them.

Features are standardised by StandardScaler; LogisticRegression by its newton-cg, which gets nearer to the minimum than its lbfgs.
"""
import os

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

CS = (0.01, 1.0, 30.0)


def data(seed, n, d, classes):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    x = rng.normal(size=(n, d)) * rng.uniform(0.1, 30, d) + rng.normal(size=d) * 5
    x[:, 0] += 12 * y
    x[:, 2] -= 5 * (y == 1)
    x[:, 3] = 7  # constant
    return x.astype(np.float32), y.astype(np.int32)


def neighbours(x, y, queries, classes, k, temperature):
    unit = x.astype(float) / np.linalg.norm(x.astype(float), axis=1, keepdims=True)
    asked = queries.astype(float) / np.linalg.norm(queries.astype(float), axis=1, keepdims=True)
    cosine = asked @ unit.T
    out = np.zeros((len(queries), classes))
    for i, row in enumerate(cosine):
        best = np.argsort(-row, kind='stable')[:k]
        np.add.at(out[i], y[best], np.exp(row[best] / temperature))
    return out / out.sum(axis=1, keepdims=True)


def main():
    arrays = {}
    for classes in (2, 4):
        x, y = data(classes, 90, 9, classes)
        train, test = slice(0, 60), slice(60, 90)
        arrays[f'x{classes}'], arrays[f'y{classes}'] = x, y
        scaler = StandardScaler().fit(x[train].astype(float))
        a, b = (scaler.transform(x[part].astype(float)) for part in (train, test))
        for i, c in enumerate(CS):
            model = LogisticRegression(C=c, solver='newton-cg', tol=1e-12, max_iter=100000).fit(a, y[train])
            arrays[f'weights{classes}_{i}'] = model.coef_
            arrays[f'biases{classes}_{i}'] = model.intercept_
            arrays[f'probabilities{classes}_{i}'] = model.predict_proba(b)
        for k in (1, 7, 100):
            arrays[f'knn{classes}_{k}'] = neighbours(x[train], y[train], x[test], classes, k, 0.07)
    path = os.path.join(os.path.dirname(__file__), 'data', 'probe.npz')
    np.savez_compressed(path, **{k: np.ascontiguousarray(v) for k, v in arrays.items()})
    print(path, os.path.getsize(path), 'bytes')


if __name__ == '__main__':
    main()
