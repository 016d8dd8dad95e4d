#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goldens of NT-Xent (PyTorch, double precision) and of the optimisers (PyTorch's SGD, Adam, AdamW
and clip_grad_norm_; LARS after You et al. 2017, written here in NumPy).

training.py OUT        writes OUT/training.npz

training.npz:
  nt_xent/N_D/{z,loss,gradient}      for 2N x D normalised rows, loss [3] at temperatures .07 .5 5,
                                     gradient [3, 2N, D]
  optimiser/{w0,gradients}           [70], [6, 70]: the first 60 are a weight (6 x 10), the last 10 a
                                     bias, which has no weight decay
  optimiser/KIND                     [6, 70]: after each step, at rates .1 (1 + step)
"""
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

TEMPERATURES = (0.07, 0.5, 5.0)
STEPS, SPLIT, SIZE = 6, 60, 70


def nt_xent(z, temperature):
    logits = z @ z.t() / temperature
    logits = logits.masked_fill(torch.eye(len(z), dtype=torch.bool), -torch.inf)
    n = len(z)
    return F.cross_entropy(logits, (torch.arange(n) + n // 2) % n)


def contrastive(out, rng):
    for n, d in ((1, 3), (5, 8), (150, 4)):
        z = rng.standard_normal((2 * n, d))
        z /= np.linalg.norm(z, axis=1, keepdims=True)
        z = z.astype(np.float32).astype(np.float64)
        losses, gradients = [], []
        for t in TEMPERATURES:
            x = torch.tensor(z, requires_grad=True)
            loss = nt_xent(x, t)
            loss.backward()
            losses.append(loss.item())
            gradients.append(x.grad.numpy())
        out[f"nt_xent/{n}_{d}/z"] = z.astype(np.float32)
        out[f"nt_xent/{n}_{d}/loss"] = np.array(losses)
        out[f"nt_xent/{n}_{d}/gradient"] = np.array(gradients).astype(np.float32)


def torch_run(make, w0, gradients, clip=0.0):
    weight = torch.nn.Parameter(torch.tensor(w0[:SPLIT].reshape(6, 10)))
    bias = torch.nn.Parameter(torch.tensor(w0[SPLIT:]))
    optimiser, rows = make(weight, bias), []
    for step, g in enumerate(gradients):
        weight.grad = torch.tensor(g[:SPLIT].reshape(6, 10))
        bias.grad = torch.tensor(g[SPLIT:])
        if clip:
            torch.nn.utils.clip_grad_norm_([weight, bias], clip)
        for group in optimiser.param_groups:
            group["lr"] = 0.1 * (1 + step)
        optimiser.step()
        rows.append(np.concatenate([weight.detach().numpy().ravel(), bias.detach().numpy()]))
    return np.array(rows)


def groups(weight, bias, decay):
    return [{"params": [weight], "weight_decay": decay}, {"params": [bias], "weight_decay": 0.0}]


def lars(w0, gradients, decay=0.01, momentum=0.9, trust=0.02):
    w, b, rows = w0.copy(), np.zeros_like(w0), []
    for step, g in enumerate(gradients):
        rate = 0.1 * (1 + step)
        norm_w, norm_g = np.linalg.norm(w[:SPLIT]), np.linalg.norm(g[:SPLIT])
        local = trust * norm_w / (norm_g + decay * norm_w)
        b[:SPLIT] = momentum * b[:SPLIT] + rate * local * (g[:SPLIT] + decay * w[:SPLIT])
        b[SPLIT:] = momentum * b[SPLIT:] + rate * g[SPLIT:]
        w = w - b
        rows.append(w.copy())
    return np.array(rows)


def optimisers(out, rng):
    w0 = rng.standard_normal(SIZE).astype(np.float32).astype(np.float64)
    gradients = rng.standard_normal((STEPS, SIZE)).astype(np.float32).astype(np.float64)
    out["optimiser/w0"] = w0.astype(np.float32)
    out["optimiser/gradients"] = gradients.astype(np.float32)
    out["optimiser/sgd"] = torch_run(
        lambda w, b: torch.optim.SGD(groups(w, b, 0.01), lr=1, momentum=0.9), w0, gradients)
    out["optimiser/clip"] = torch_run(
        lambda w, b: torch.optim.SGD(groups(w, b, 0.01), lr=1, momentum=0.9), w0, gradients, 2.0)
    out["optimiser/adam"] = torch_run(
        lambda w, b: torch.optim.Adam(groups(w, b, 0.01), lr=1), w0, gradients)
    out["optimiser/adamw"] = torch_run(
        lambda w, b: torch.optim.AdamW(groups(w, b, 0.01), lr=1), w0, gradients)
    out["optimiser/lars"] = lars(w0, gradients)


def main():
    out, rng = {}, np.random.default_rng(20241)
    contrastive(out, rng)
    optimisers(out, rng)
    np.savez_compressed(Path(sys.argv[1]) / "training.npz", **out)


main()
