#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Peer of redux-bench: features of torchvision's ResNet in PyTorch. embed_torch.py ARCH BATCH SIZE CHANNELS THREADS"""
import sys

import torch
import torchvision

from timing import measure, report

arch, batch, size, channels, threads = sys.argv[1], *map(int, sys.argv[2:6])
torch.set_num_threads(threads)
torch.manual_seed(0)
network = getattr(torchvision.models, arch)(weights=None)
if channels != 3:
    network.conv1 = torch.nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
network.fc = torch.nn.Identity()
network = network.eval().to(memory_format=torch.channels_last)
images = torch.randn(batch, channels, size, size).to(memory_format=torch.channels_last)
with torch.no_grad():
    report(f"torch {torch.__version__}", f"inference {arch} size {size}", batch / measure(lambda: network(images)), "images/s")
