#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goldens of single layers by PyTorch in double precision, forward and backward.

layers.py OUT          writes OUT/layers.npz

Images are stored channels last, weights as PyTorch has them; `r` is what the gradient of the output is.
  conv/I/...     spec [stride, padding], x, w, b, y, r, dx, dw, db
  norm/...       x, residual, w, b, y (batch norm, residual, ReLU), r, dx, dresidual, dw, db,
                 mean, variance (running, after one step from 0 and 1), z (evaluating with these)
  max/I/...      spec [kernel h, kernel w, stride, padding], x (with ties), y, r, dx
  average/I/...  the same
  linear/...     x, w, b, y, r, dx, dw, db
  cross/...      x, labels, weights, loss [2] (plain, weighted), dx [2, N, K]
  unit/...       x, y, r, dx (L2 normalisation; one row is 0)
"""
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

rng = np.random.default_rng(5)


def randn(*shape):
    return torch.tensor(rng.standard_normal(shape), requires_grad=True)


def last(t):
    return np.ascontiguousarray(t.detach().numpy().transpose(0, 2, 3, 1))


def back(y):
    r = torch.tensor(rng.standard_normal(tuple(y.shape)))
    y.backward(r)
    return r


def convolutions(out):
    cases = ((2, 3, 7, 6, 4, 3, 3, 1, 1), (1, 1, 11, 9, 5, 7, 7, 2, 3), (3, 8, 5, 5, 6, 1, 1, 1, 0),
             (2, 4, 6, 7, 3, 1, 1, 2, 0), (2, 2, 5, 8, 3, 2, 3, 3, 2), (1, 5, 1, 1, 2, 3, 3, 1, 1))
    for i, (n, c, h, w, o, kh, kw, stride, padding) in enumerate(cases):
        x, k, b = randn(n, c, h, w), randn(o, c, kh, kw), randn(o)
        y = F.conv2d(x, k, b, stride=stride, padding=padding)
        r = back(y)
        out |= {f"conv/{i}/spec": np.array([stride, padding]), f"conv/{i}/x": last(x),
                f"conv/{i}/w": k.detach().numpy(), f"conv/{i}/b": b.detach().numpy(),
                f"conv/{i}/y": last(y), f"conv/{i}/r": last(r), f"conv/{i}/dx": last(x.grad),
                f"conv/{i}/dw": k.grad.numpy(), f"conv/{i}/db": b.grad.numpy()}


def norm(out):
    x, residual, w, b = randn(3, 5, 4, 6), randn(3, 5, 4, 6), randn(5), randn(5)
    mean, variance = torch.zeros(5, dtype=torch.float64), torch.ones(5, dtype=torch.float64)
    y = F.relu(F.batch_norm(x, mean, variance, w, b, training=True) + residual)
    r = back(y)
    z = F.batch_norm(x, mean, variance, w, b, training=False)
    out |= {"norm/x": last(x), "norm/residual": last(residual), "norm/w": w.detach().numpy(),
            "norm/b": b.detach().numpy(), "norm/y": last(y), "norm/r": last(r),
            "norm/dx": last(x.grad), "norm/dresidual": last(residual.grad),
            "norm/dw": w.grad.numpy(), "norm/db": b.grad.numpy(), "norm/mean": mean.numpy(),
            "norm/variance": variance.numpy(), "norm/z": last(z)}


def pools(out):
    for i, (kh, kw, stride, padding) in enumerate(((3, 3, 2, 1), (2, 2, 2, 0), (2, 3, 1, 1))):
        for name in ("max", "average"):
            x = torch.tensor(rng.integers(0, 4, (2, 3, 7, 6)).astype(float), requires_grad=True)
            y = (F.max_pool2d(x, (kh, kw), stride, padding) if name == "max" else
                 F.avg_pool2d(x, (kh, kw), stride, padding, count_include_pad=False))
            r = back(y)
            key = f"{name}/{i}"
            out |= {f"{key}/spec": np.array([kh, kw, stride, padding]), f"{key}/x": last(x),
                    f"{key}/y": last(y), f"{key}/r": last(r), f"{key}/dx": last(x.grad)}


def heads(out):
    x, w, b = randn(7, 5), randn(4, 5), randn(4)
    y = F.linear(x, w, b)
    r = back(y)
    out |= {"linear/x": x.detach().numpy(), "linear/w": w.detach().numpy(),
            "linear/b": b.detach().numpy(), "linear/y": y.detach().numpy(), "linear/r": r.numpy(),
            "linear/dx": x.grad.numpy(), "linear/dw": w.grad.numpy(), "linear/db": b.grad.numpy()}
    x, labels, weights = randn(9, 4), torch.tensor(rng.integers(0, 4, 9)), rng.uniform(0.2, 3, 4)
    losses, gradients = [], []
    for weight in (None, torch.tensor(weights)):
        x.grad = None
        loss = F.cross_entropy(x, labels, weight)
        loss.backward()
        losses.append(loss.item())
        gradients.append(x.grad.numpy().copy())
    out |= {"cross/x": x.detach().numpy(), "cross/labels": labels.numpy(), "cross/weights": weights,
            "cross/loss": np.array(losses), "cross/dx": np.array(gradients)}
    values = rng.standard_normal((4, 6))
    values[2] = 0
    x = torch.tensor(values, requires_grad=True)
    y = F.normalize(x, dim=1)
    r = back(y)
    out |= {"unit/x": values, "unit/y": y.detach().numpy(), "unit/r": r.numpy(),
            "unit/dx": x.grad.numpy()}


def main():
    out = {}
    convolutions(out)
    norm(out)
    pools(out)
    heads(out)
    np.savez_compressed(Path(sys.argv[1]) / "layers.npz", **out)


main()
