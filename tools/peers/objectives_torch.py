#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Peer of redux-bench: a training step of SwAV, MoCo v2 or BYOL with torchvision's ResNet-18 in PyTorch.
objectives_torch.py OBJECTIVE WIDTH BATCH SIZE SMALL_VIEWS nchw|channels_last THREADS

WIDTH is the share of the channels; SMALL_VIEWS small views a sample (SwAV only), at 3/7 of the size. SGD with momentum,
momentum networks updated by torch._foreach."""
import copy
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision

from timing import measure, peak_mb, report

objective, width = sys.argv[1], float(sys.argv[2])
batch, size, small_views, threads = map(int, [*sys.argv[3:6], sys.argv[7]])
layout = torch.channels_last if sys.argv[6] == "channels_last" else torch.contiguous_format
torch.set_num_threads(threads)
torch.manual_seed(0)
PROTOTYPES, QUEUE = 500, 1024


class Encoder(torchvision.models.ResNet):
    def __init__(self):
        super().__init__(torchvision.models.resnet.BasicBlock, [2, 2, 2, 2])
        first = int(64 * width)
        self.conv1, self.bn1 = nn.Conv2d(1, first, 7, 2, 3, bias=False), nn.BatchNorm2d(first)
        self.fc = nn.Identity()

    def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
        if planes == 64:
            self.inplanes = int(64 * width)
        return super()._make_layer(block, int(planes * width), blocks, stride, dilate)


def mlp(inputs, hidden, outputs, norm, bias=True):
    norms = [nn.BatchNorm1d(hidden)] if norm else []
    return nn.Sequential(nn.Linear(inputs, hidden), *norms, nn.ReLU(), nn.Linear(hidden, outputs, bias=bias))


features = int(512 * width)
if objective == "byol":
    head, predict = mlp(features, 4096, 256, True, False), mlp(256, 4096, 256, True, False)
else:
    head, predict = mlp(features, features, 128, objective == "swav"), nn.Identity()
prototypes = nn.Linear(128, PROTOTYPES, bias=False)
online = nn.Sequential(Encoder(), head).to(memory_format=layout).train()
slow = copy.deepcopy(online).requires_grad_(False)
trained = [*online.parameters(), *predict.parameters(), *(prototypes.parameters() if objective == "swav" else [])]
optimiser = torch.optim.SGD(trained, lr=1e-3, momentum=0.9, weight_decay=1e-4, foreach=True)
views = [torch.randn(batch, 1, size, size).to(memory_format=layout) for _ in range(2)]
small = torch.randn(small_views * batch, 1, size * 3 // 7, size * 3 // 7).to(memory_format=layout)
queue, fresh = F.normalize(torch.randn(QUEUE, 128), dim=1), []


@torch.no_grad()
def follow(share):
    torch._foreach_mul_(list(slow.parameters()), share)
    torch._foreach_add_(list(slow.parameters()), list(online.parameters()), alpha=1 - share)


@torch.no_grad()
def sinkhorn(scores):
    q = torch.exp((scores - scores.max()) / 0.05).t()
    q /= q.sum()
    for _ in range(3):
        q /= q.sum(1, keepdim=True) * q.shape[0]
        q /= q.sum(0, keepdim=True) * q.shape[1]
    return (q * q.shape[1]).t()


def swav():
    with torch.no_grad():
        prototypes.weight.copy_(F.normalize(prototypes.weight, dim=1))
    z = online[0](torch.cat(views))
    if small_views > 0:
        z = torch.cat([z, online[0](small)])
    scores = prototypes(F.normalize(online[1](z), dim=1))
    codes = [sinkhorn(scores[a * batch:(a + 1) * batch].detach()) for a in range(2)]
    logs = F.log_softmax(scores / 0.1, dim=1).reshape(-1, batch, PROTOTYPES)
    others = len(logs) - 1
    return -sum((codes[a] * logs[v]).sum(1).mean() for a in range(2) for v in range(len(logs)) if v != a) / (2 * others)


def moco():
    with torch.no_grad():
        follow(0.999)
        order = torch.randperm(batch)
        z = torch.cat([slow(share) for share in views[1][order].chunk(max(batch // 32, 2))])
        keys = torch.empty_like(z)
        keys[order] = F.normalize(z, dim=1)
    q = F.normalize(online(views[0]), dim=1)
    logits = torch.cat([(q * keys).sum(1, keepdim=True), q @ queue.t()], dim=1) / 0.2
    fresh.append(keys)
    return F.cross_entropy(logits, torch.zeros(batch, dtype=torch.long))


def byol():
    with torch.no_grad():
        targets = [F.normalize(slow(v), dim=1) for v in views]
    predicted = [F.normalize(predict(online(v)), dim=1) for v in views]
    return sum((2 - 2 * (predicted[i] * targets[1 - i]).sum(1)).mean() for i in range(2))


def step():
    optimiser.zero_grad(set_to_none=True)
    loss = {"swav": swav, "moco": moco, "byol": byol}[objective]()
    loss.backward()
    optimiser.step()
    if objective == "moco":
        queue[:batch] = fresh.pop()
    if objective == "byol":
        follow(0.99)
    return loss.item()


images = (2 + small_views) * batch
seconds = measure(step, 4)
report(f"torch {torch.__version__}", f"{objective} resnet18 width {width:g} size {size} small {small_views}",
       images / seconds, "images/s", peak_mb=peak_mb())
