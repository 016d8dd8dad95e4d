#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Names and shapes of torchvision's ResNets, as tests/unit/nn/test_network.c looks for them.

network.py OUT         writes OUT/network.tsv: ARCH NAME SHAPE (comma-separated, "-" for a scalar),
                       in the order of state_dict, three input channels
"""
import sys
from pathlib import Path

import torchvision

with open(Path(sys.argv[1]) / "network.tsv", "w", encoding="ascii") as file:
    for arch in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"):
        for name, tensor in getattr(torchvision.models, arch)(weights=None).state_dict().items():
            file.write(f"{arch}\t{name}\t{','.join(map(str, tensor.shape)) or '-'}\n")
