#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goldens of ten steps of SwAV, MoCo v2 and BYOL: torchvision's ResNet-18 with a quarter of the
channels, in double precision, one input channel. Written from the papers' equations; weights, images, prototypes and MoCo's first queue
come from formulas that tests/unit/train/test_objectives.c repeats.

objectives.py OUT          writes OUT/objectives.npz
objectives.py --search     prints how far the nearest ReLU of four steps is from 0, for 40 seeds of images
objectives.py --report     also runs float32 PyTorch and prints how far it is from double precision

SwAV: batch 8, two views of 48 x 48 and three of 32 x 32, head 64 (batch norm, ReLU), 32; 24
prototypes, frozen for 2 steps; a queue of 16 that begins to fill at once. MoCo: batch 8, head 128,
32; a queue of 32, keys in 2 shuffled sub-batches. BYOL: batch 8, heads 64 (batch norm, ReLU), 32.
All with SGD (momentum, decay of weights only).

objectives.npz, for each OBJECTIVE (swav, moco, byol); parameters in torchvision's order, then the
heads'. A digest is [norm, first four elements].
  OBJECTIVE/seed        [1]       of the images
  OBJECTIVE/loss        [10]
  OBJECTIVE/gradient    [P, 5]    digests of the first step
  OBJECTIVE/gradient_3  [P, 5]    and of the fourth (SwAV: queue in use, prototypes learn)
  OBJECTIVE/after       [P, 5]    of the parameters after ten steps
  OBJECTIVE/running     [B, 5]    of running means and variances after ten steps
  OBJECTIVE/slow        [Q, 5]    (moco, byol) of the momentum network's parameters
  OBJECTIVE/slow_running          and of its running means and variances
  swav/{prototypes,d_prototypes}  [24, 32] after ten steps; the gradient of the fourth
  swav/{assigned,codes}           [24, 24], [8, 24] of the first crop in the fourth step
  swav/queue_0, queue_1           [16, 32] after ten steps
  moco/queue                      [32, 32] after ten steps
"""
import copy
import math
import sys
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import torchvision

from simclr import digest, rate, uniform

BATCH, SIZE, SMALL, STEPS, LATER = 8, 48, 32, 10, 3
FULL_VIEWS, SMALL_VIEWS = 2, 3
HIDDEN, WIDTH = 64, 32
PROTOTYPES, FROZEN, QUEUE = 24, 2, 16
KEYS, SUB_BATCHES = 32, 2
RATES = {"swav": 1.0, "moco": 2.0, "byol": 4.0}  # times simclr's
SEEDS = {"swav": 1, "moco": 39, "byol": 20}  # of 40, by --search


# ---- Philox, as lib/base/random.c ----

def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def random_u64(seed, operation, sample, index):
    sub = philox([0, operation, 0, 0], [seed & 0xFFFFFFFF, seed >> 32])[:2]
    block = philox([0x80000000 | index // 2, 0, sample & 0xFFFFFFFF, sample >> 32], sub)
    pair = block[:2] if index % 2 == 0 else block[2:]
    return pair[0] | pair[1] << 32


def below(operation, sample, index, bound, seed=0):
    own = random_u64(seed, operation, sample, index)
    limit = (1 << 64) - 1 - ((1 << 64) - 1) % bound
    i = 0
    while (value := random_u64(own, operation, sample, i)) >= limit:
        i += 1
    return value % bound


def shuffled(step):
    order = list(range(BATCH))
    for i in range(BATCH - 1, 0, -1):
        k = below(0x6D6F636F, step, i, i + 1)
        order[k], order[i] = order[i], order[k]
    return order


# ---- networks ----

def name_of(name):
    return name.replace("encoder.fc.", "projection.").replace("encoder.", "")


def initialise(net):
    with torch.no_grad():
        for name, p in net.named_parameters():
            u = uniform(zlib.crc32(name_of(name).encode()), p.numel()) - 0.5
            head = name_of(name).startswith("pr")
            if p.dim() == 4:
                u *= math.sqrt(12 * 2 / (p.shape[0] * p.shape[2] * p.shape[3]))
            elif head and (p.dim() == 2 or name.endswith("bias")):
                u *= 2 / math.sqrt(p.shape[-1] if p.dim() == 2 else 512)
            else:
                u = u * 0.2 + (1 if name.endswith("weight") else 0)
            p.copy_(torch.tensor(u.astype(np.float32)).reshape(p.shape))


def mlp(inputs, last_bias=True):
    return torch.nn.Sequential(torch.nn.Linear(inputs, HIDDEN, bias=False), torch.nn.BatchNorm1d(HIDDEN),
                               torch.nn.ReLU(), torch.nn.Linear(HIDDEN, WIDTH, bias=last_bias))


class Narrow(torchvision.models.ResNet):
    """A ResNet-18 with a quarter of the channels."""

    def __init__(self):
        super().__init__(torchvision.models.resnet.BasicBlock, [2, 2, 2, 2])
        self.conv1 = torch.nn.Conv2d(1, 16, 7, 2, 3, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(16)

    def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
        if planes == 64:
            self.inplanes = 16
        return super()._make_layer(block, planes // 4, blocks, stride, dilate)


class Network(torch.nn.Module):
    def __init__(self, objective):
        super().__init__()
        self.encoder = Narrow()
        if objective == "moco":
            self.encoder.fc = torch.nn.Sequential(torch.nn.Linear(128, 128), torch.nn.ReLU(),
                                                  torch.nn.Linear(128, WIDTH))
        else:
            self.encoder.fc = mlp(128, objective != "byol")
        if objective == "byol":
            self.prediction = mlp(WIDTH, False)
        initialise(self)

    def forward(self, groups):
        """Groups of images of one size each: the encoder by group, the head on all."""
        head, self.encoder.fc = self.encoder.fc, torch.nn.Identity()
        features = torch.cat([self.encoder(images) for images in groups])
        self.encoder.fc = head
        return head(features)


def views_of(seed, count, size, dtype):
    x = uniform(seed + size, count * BATCH * size * size).reshape(count, BATCH, 1, size, size)
    x = torch.tensor((x * 2 - 1).astype(np.float32)).to(dtype)
    x[1:] = 0.5 * x[1:] + 0.5 * x[:1]
    return x


def formula(name, rows, columns, scale):
    u = uniform(zlib.crc32(name.encode()), rows * columns) - 0.5
    return torch.tensor((u * scale).astype(np.float32).reshape(rows, columns))


# ---- objectives: `loss(step)`, then perhaps `after(step)` ----

class SwAV:
    def __init__(self, net, seed, dtype):
        self.net, self.dtype = net, dtype
        self.groups = [views_of(seed, FULL_VIEWS, SIZE, dtype).flatten(0, 1),
                       views_of(seed, SMALL_VIEWS, SMALL, dtype).flatten(0, 1)]
        value = formula("prototypes.weight", PROTOTYPES, WIDTH, 2 / math.sqrt(WIDTH)).to(dtype)
        self.prototypes = torch.nn.Parameter(value)
        self.queue = torch.zeros(2, QUEUE, WIDTH, dtype=dtype)
        self.out = {}

    @staticmethod
    def sinkhorn(scores):
        q = torch.exp(scores / 0.05).t()
        q = q / q.sum()
        for _ in range(3):
            q = q / q.sum(1, keepdim=True) / q.shape[0]
            q = q / q.sum(0, keepdim=True) / q.shape[1]
        return (q * q.shape[1]).t()

    @torch.no_grad()
    def assign(self, a, z, scores, step):
        rows = scores[a * BATCH:(a + 1) * BATCH]
        if self.queue[a, -1].abs().sum() != 0:
            rows = torch.cat([self.queue[a] @ self.prototypes.t(), rows])
        self.queue[a] = torch.cat([z[a * BATCH:(a + 1) * BATCH], self.queue[a, :-BATCH]])
        codes = self.sinkhorn(rows)[-BATCH:]
        if step == LATER and a == 0:
            self.out.update(assigned=rows, codes=codes)
        return codes

    def loss(self, step):
        with torch.no_grad():
            self.prototypes.copy_(F.normalize(self.prototypes, dim=1))
        z = F.normalize(self.net(self.groups), dim=1)
        scores = z @ self.prototypes.t()
        logs = F.log_softmax(scores / 0.1, dim=1).reshape(-1, BATCH, PROTOTYPES)
        total = 0
        for a in range(2):
            codes = self.assign(a, z.detach(), scores.detach(), step)
            others = [v for v in range(len(logs)) if v != a]
            total = total - sum((codes * logs[v]).sum(1).mean() for v in others) / len(others) / 2
        return total

    def before_step(self, step):
        if step < FROZEN:
            self.prototypes.grad = None
        if step == LATER:
            self.out["d_prototypes"] = self.prototypes.grad.clone()

    def own(self):
        return [self.prototypes]

    def end(self):
        self.out.update(prototypes=self.prototypes.detach(), queue_0=self.queue[0],
                        queue_1=self.queue[1])


class MoCo:
    def __init__(self, net, seed, dtype):
        self.net, self.slow = net, copy.deepcopy(net)
        self.views = views_of(seed, 2, SIZE, dtype)
        self.queue = F.normalize(formula("queue", KEYS, WIDTH, 1).double(), dim=1).to(dtype)
        self.next, self.out = 0, {}

    @torch.no_grad()
    def keys(self, step):
        for slow, fast in zip(self.slow.parameters(), self.net.parameters()):
            slow.copy_(0.99 * slow + 0.01 * fast)
        order = torch.tensor(shuffled(step))
        shares = self.views[1][order].chunk(SUB_BATCHES)
        z = torch.cat([self.slow([share]) for share in shares])
        keys = torch.empty_like(z)
        keys[order] = z
        return F.normalize(keys, dim=1)

    def loss(self, step):
        keys = self.keys(step)
        q = F.normalize(self.net([self.views[0]]), dim=1)
        logits = torch.cat([(q * keys).sum(1, keepdim=True), q @ self.queue.t()], dim=1) / 0.2
        self.queue = self.queue.clone()
        self.queue[self.next:self.next + BATCH] = keys
        self.next = (self.next + BATCH) % KEYS
        return F.cross_entropy(logits, torch.zeros(BATCH, dtype=torch.long))

    def own(self):
        return []

    def end(self):
        self.out["queue"] = self.queue


class BYOL:
    def __init__(self, net, seed, dtype):
        self.net, self.slow = net, copy.deepcopy(net)
        del self.slow.prediction
        self.views, self.out = views_of(seed, 2, SIZE, dtype), {}

    def loss(self, step):
        with torch.no_grad():
            targets = [F.normalize(self.slow([v]), dim=1) for v in self.views]
        predicted = [F.normalize(self.net.prediction(self.net([v])), dim=1) for v in self.views]
        return sum((2 - 2 * (predicted[i] * targets[1 - i]).sum(1)).mean() for i in range(2))

    @torch.no_grad()
    def after(self, step):
        tau = 1 - (1 - 0.9) * (1 + math.cos(math.pi * step / STEPS)) / 2
        for slow, fast in zip(self.slow.encoder.parameters(), self.net.encoder.parameters()):
            slow.copy_(tau * slow + (1 - tau) * fast)

    def own(self):
        return []

    def end(self):
        pass


OBJECTIVES = {"swav": SwAV, "moco": MoCo, "byol": BYOL}


def buffers(net):
    return np.array([digest(b) for n, b in net.named_buffers() if "running" in n])


def run(name, dtype, seed, nearest=None):
    net = Network(name).to(dtype).train()
    near = watch(net) if nearest is not None else []
    objective, out = OBJECTIVES[name](net, seed, dtype), {"seed": np.array([seed])}
    parameters = list(net.parameters()) + objective.own()
    optimiser = torch.optim.SGD(
        [{"params": [p for p in parameters if p.dim() > 1], "weight_decay": 1e-4},
         {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0}],
        lr=1, momentum=0.9)
    losses = []
    for step in range(STEPS):
        optimiser.zero_grad()
        loss = objective.loss(step)
        loss.backward()
        if hasattr(objective, "before_step"):
            objective.before_step(step)
        if step in (0, LATER):
            key = "gradient" if step == 0 else f"gradient_{step}"
            out[key] = np.array([digest(p.grad) for p in net.parameters()])
        for group in optimiser.param_groups:
            group["lr"] = RATES[name] * rate(step)
        optimiser.step()
        if hasattr(objective, "after"):
            objective.after(step)
        losses.append(loss.item())
        if nearest is not None and step == LATER:
            nearest.extend(near)
            return None
    objective.end()
    out["loss"] = np.array(losses)
    out["after"] = np.array([digest(p) for p in net.parameters()])
    out["running"] = buffers(net)
    if hasattr(objective, "slow"):
        out["slow"] = np.array([digest(p) for p in objective.slow.parameters()])
        out["slow_running"] = buffers(objective.slow)
    out.update({k: v.detach().double().numpy() for k, v in objective.out.items()})
    return out


# ---- images for which the steps are smooth ----

def watch(net):
    """A list that receives how near each ReLU comes to 0, and any maximum above 0 to the next value."""
    nearest = []

    def relu(module, inputs):
        nearest.append(inputs[0].abs().min().item())

    def pool(module, inputs):
        x = inputs[0]
        two = F.unfold(x.reshape(-1, 1, *x.shape[2:]), 3, padding=1, stride=2).topk(2, dim=1).values
        gap = (two[:, 0] - two[:, 1])[two[:, 0] > 0]
        nearest.append(gap[gap > 0].min().item())

    for m in net.modules():
        if isinstance(m, torch.nn.ReLU):
            m.register_forward_pre_hook(relu)
    net.encoder.maxpool.register_forward_pre_hook(pool)
    return nearest


def margin(name, seed):
    nearest = []
    run(name, torch.float64, seed, nearest)
    return min(nearest)


def difference(have, want):
    have = have.astype(np.float64)
    if want.ndim == 2 and want.shape[1] == 5:
        return (np.abs(have - want) / want[:, :1]).max()
    return np.abs(have - want).max() / np.abs(want).max()


def main():
    out = {}
    for name in OBJECTIVES:
        if sys.argv[1] == "--search":
            print(name, sorted(((margin(name, s), s) for s in range(40)), reverse=True)[:5])
            continue
        seed = SEEDS[name]
        exact = run(name, torch.float64, seed)
        if sys.argv[1] == "--report":
            single = run(name, torch.float32, seed)
            print(name, "losses", exact["loss"])
            for key, want in exact.items():
                print(f"{name} {key}: float32 PyTorch differs by {difference(single[key], want):.1e}")
        for key, value in exact.items():
            out[f"{name}/{key}"] = value if key in ("loss", "seed") else value.astype(np.float32)
    if sys.argv[1] not in ("--report", "--search"):
        np.savez_compressed(Path(sys.argv[1]) / "objectives.npz", **out)


if __name__ == "__main__":
    main()
