#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The automatic cut and label suspicion in NumPy; prints what tests/unit/audit/test_audit.c has."""
import numpy as np


def logit(p):
    return np.log(p / (1 - p))


def cut(scores, of, alpha=0.01, q=0.05):
    inside = logit(scores[(scores > 0) & (scores < 1)])
    second = np.sqrt(alpha / 2)
    x0, x1 = np.quantile(inside, alpha), np.quantile(inside, second)
    scale = (x1 - x0) / (logit(second) - logit(alpha))
    location = x0 - scale * logit(alpha)
    return 1 / (1 + np.exp(-(location + scale * logit(q * alpha * of / len(scores)))))


def suspicion(x, labels):
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    d = 1 - x @ x.T
    out = np.full(len(x), np.nan)
    for i in np.where(labels >= 0)[0]:
        others = [j for j in np.where(labels >= 0)[0] if j != i]
        same = [d[i, j] for j in others if labels[j] == labels[i]]
        other = min(d[i, j] for j in others if labels[j] != labels[i])
        near = min(same) if same else max(d[i, j] for j in others)
        out[i] = other**2 / (near**2 + other**2)
    return out


# Numbers that C makes the same way: a linear congruential generator of 31 bits.
def numbers(count, seed):
    out, state = [], seed
    for _ in range(count):
        state = (1103515245 * state + 12345) % 2**31
        out.append((state + 0.5) / 2**31)
    return np.array(out)


scores = np.concatenate([numbers(400, 7) * 0.5 + 0.45, numbers(5, 9) * 0.01, [0, 1]])
print('cut', repr(float(cut(scores, len(scores)))), repr(float(cut(scores, 3 * len(scores)))),
      repr(float(cut(scores, len(scores), 0.1, 0.3))))
x = numbers(60, 3).reshape(12, 5).astype(np.float32).astype(float) - 0.5
labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, -1, 0, 1, 2])
print('suspicion', ', '.join(f'{v:.9f}' for v in suspicion(x, labels)))
