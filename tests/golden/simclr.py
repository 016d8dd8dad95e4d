#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goldens of SimCLR steps: torchvision's ResNet-18 and -50 in double precision, one input channel,
two-layer projection head, NT-Xent at 0.5, SGD with momentum. Weights and images come from a formula
that tests/unit/train/test_simclr.c repeats, so that no weights need be stored.

simclr.py OUT          writes OUT/simclr.npz
simclr.py --report     also runs float32 PyTorch and prints how far it is from double precision

A gradient jumps where a ReLU's input passes 0, or where two pixels change places in a maximum; with a
million of them in a forward, some lie within float32's rounding of that. So the images are those, of
SEEDS, for which the nearest one is the farthest away.

simclr.npz, for each ARCH (resnet18, resnet50), 4 slices, 2 views of 48 x 48; parameters in
torchvision's order, fc being the projection head:
  ARCH/seed       [1]       of the images, see below
  ARCH/features   [8, 8]    the first pooled features of the first forward (training mode)
  ARCH/projected  [8, 128] 
  ARCH/loss       [10]      of ten steps
  ARCH/gradient   [P, 5]    of the first step: norm, first four elements
  ARCH/after      [P, 5]    parameters after ten steps: the same
  ARCH/running    [B, 5]    running means and variances after ten steps: the same
"""
import math
import sys
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import torchvision

BATCH, SIZE, STEPS, WARM_UP, RATE, SEEDS = 4, 48, 10, 2, 0.0005, 150


def uniform(seed, count):
    """count numbers in [0, 1), murmur3's finaliser over a counter."""
    x = (np.arange(count, dtype=np.uint64) * 0x9E3779B1 + seed) & 0xFFFFFFFF
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = ((x ^ (x >> np.uint64(shift))) * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    return (x ^ (x >> np.uint64(16))).astype(np.float64) / 2**32


def name_of(name):
    return name.replace("fc.", "projection.")


def initialise(net):
    with torch.no_grad():
        for name, p in net.named_parameters():
            u = uniform(zlib.crc32(name_of(name).encode()), p.numel()) - 0.5
            if p.dim() == 4:
                u *= math.sqrt(12 * 2 / (p.shape[0] * p.shape[2] * p.shape[3]))
            elif name.startswith("fc."):
                u *= 2 / math.sqrt(p.shape[-1] if p.dim() == 2 else 512)
            else:
                u = u * 0.2 + (1 if name.endswith("weight") else 0)
                if name.endswith("bn3.weight"):  # or 50 layers multiply round-off
                    u *= 0.25
            p.copy_(torch.tensor(u.astype(np.float32)).reshape(p.shape))


def nt_xent(z, temperature=0.5):
    z = F.normalize(z, dim=1)
    logits = z @ z.t() / temperature
    logits = logits.masked_fill(torch.eye(len(z), dtype=torch.bool), -torch.inf)
    n = len(z)
    return F.cross_entropy(logits, (torch.arange(n) + n // 2) % n)


def rate(step):
    if step < WARM_UP:
        return RATE * (step + 1) / WARM_UP
    return RATE * 0.5 * (1 + math.cos(math.pi * (step - WARM_UP) / (STEPS - WARM_UP)))


def digest(tensor):
    t = tensor.detach().double().reshape(-1)
    return np.concatenate([[t.norm().item()], t[:4].numpy()])


def build(arch, dtype):
    net = getattr(torchvision.models, arch)(weights=None)
    width = net.fc.in_features
    net.conv1 = torch.nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    net.fc = torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.ReLU(),
                                 torch.nn.Linear(width, 128))
    initialise(net)
    return net.to(dtype).train()


def make_images(seed, dtype):
    images = uniform(seed, 2 * BATCH * SIZE * SIZE).reshape(2 * BATCH, 1, SIZE, SIZE)
    images = torch.tensor((images * 2 - 1).astype(np.float32)).to(dtype)
    images[BATCH:] = 0.5 * images[BATCH:] + 0.5 * images[:BATCH]
    return images


def margin(net, images):
    """How near any ReLU is to 0, and any maximum above 0 to the next value in its window."""
    nearest = []

    def relu(module, inputs):
        nearest.append(inputs[0].abs().min().item())

    def pool(module, inputs):
        x = inputs[0]
        windows = F.unfold(x.reshape(-1, 1, *x.shape[2:]), 3, padding=1, stride=2)
        two = windows.topk(2, dim=1).values
        gap = (two[:, 0] - two[:, 1])[two[:, 0] > 0]
        nearest.append(gap[gap > 0].min().item())

    hooks = [m.register_forward_pre_hook(relu) for m in net.modules()
             if isinstance(m, torch.nn.ReLU)]
    hooks.append(net.maxpool.register_forward_pre_hook(pool))
    with torch.no_grad():
        net(images)
    for hook in hooks:
        hook.remove()
    return min(nearest)


def best_seed(arch):
    net = build(arch, torch.float64)
    return max(range(SEEDS), key=lambda s: margin(net, make_images(s, torch.float64)))


def run(arch, dtype, seed):
    net, out = build(arch, dtype), {"seed": np.array([seed], dtype=np.int64)}
    images = make_images(seed, dtype)
    features = []
    net.avgpool.register_forward_hook(lambda m, i, o: features.append(o.flatten(1)))
    decay = [p for p in net.parameters() if p.dim() > 1]
    plain = [p for p in net.parameters() if p.dim() == 1]
    optimiser = torch.optim.SGD([{"params": decay, "weight_decay": 1e-4},
                                 {"params": plain, "weight_decay": 0.0}], lr=1, momentum=0.9)
    losses = []
    for step in range(STEPS):
        optimiser.zero_grad()
        projected = net(images)
        loss = nt_xent(projected)
        loss.backward()
        if step == 0:
            out["features"] = features[0][:, :8].detach().numpy()
            out["projected"] = projected.detach().numpy()
            out["gradient"] = np.array([digest(p.grad) for p in net.parameters()])
        for group in optimiser.param_groups:
            group["lr"] = rate(step)
        optimiser.step()
        losses.append(loss.item())
    out["loss"] = np.array(losses)
    out["after"] = np.array([digest(p) for p in net.parameters()])
    out["running"] = np.array([digest(b) for n, b in net.named_buffers() if "running" in n])
    return out


def report(arch, exact, single):
    for key, want in exact.items():
        if key == "seed":
            continue
        have = single[key].astype(np.float64)
        if want.ndim == 2 and want.shape[1] == 5:
            error = (np.abs(have - want) / want[:, :1]).max()
        else:
            error = np.abs(have - want).max() / np.abs(want).max()
        print(f"{arch} {key}: float32 PyTorch differs by {error:.1e} relative")


def main():
    out = {}
    for arch in ("resnet18", "resnet50"):
        seed = best_seed(arch)
        exact = run(arch, torch.float64, seed)
        if sys.argv[1] == "--report":
            print(f"{arch}: seed {seed}, margin",
                  margin(build(arch, torch.float64), make_images(seed, torch.float64)))
            report(arch, exact, run(arch, torch.float32, seed))
        for key, value in exact.items():
            out[f"{arch}/{key}"] = value if key in ("loss", "seed") else value.astype(np.float32)
    if sys.argv[1] != "--report":
        np.savez_compressed(Path(sys.argv[1]) / "simclr.npz", **out)


if __name__ == "__main__":
    main()
