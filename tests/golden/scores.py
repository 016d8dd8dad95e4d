#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes tests/golden/data/scores.tsv: figures of merit by scikit-learn.

Labels and scores are made in the test by the same formula (integers only), so that only the
figures are kept: one line a case, "n k kind figure...".
"""
import os

import numpy as np
from sklearn import metrics


def case(n, k, kind):
    """Integers that C can repeat: a linear congruential sequence."""
    state = 12345 + 1000 * n + 10 * k + kind
    values = []
    for _ in range(n * (k + 1)):
        state = (1103515245 * state + 12345) % 2**31
        values.append(state >> 8)
    labels = np.array(values[:n]) % k
    scores = np.array(values[n:]).reshape(n, k) % (7 if kind == 1 else 1000)
    scores = scores.astype(float)
    scores[np.arange(n), labels] += 2 if kind == 1 else 250
    return labels, scores


def figures(labels, scores, k):
    predicted = scores.argmax(axis=1)
    out = [metrics.accuracy_score(labels, predicted),
           metrics.balanced_accuracy_score(labels, predicted)]
    if k == 2:
        out += [metrics.roc_auc_score(labels, scores[:, 1]),
                metrics.average_precision_score(labels, scores[:, 1]),
                metrics.f1_score(labels, predicted)]
    else:
        one_hot = np.eye(k)[labels]
        out += [metrics.roc_auc_score(one_hot, scores, average='macro'),
                metrics.average_precision_score(one_hot, scores, average='macro'),
                metrics.f1_score(labels, predicted, average='macro')]
    return out + [metrics.f1_score(labels, predicted, average='macro'),
                  metrics.f1_score(labels, predicted, average='micro')]


def main():
    path = os.path.join(os.path.dirname(__file__), 'data', 'scores.tsv')
    with open(path, 'w', encoding='ascii') as file:
        for n in (10, 57, 400):
            for k in (2, 3, 11):
                for kind in (0, 1):
                    labels, scores = case(n, k, kind)
                    if len(set(labels)) < k:
                        continue
                    file.write('\t'.join([str(n), str(k), str(kind)] +
                                         [repr(float(x)) for x in figures(labels, scores, k)]) +
                               '\n')


if __name__ == '__main__':
    main()
