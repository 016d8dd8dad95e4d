#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Random weights of a torchvision ResNet as a safetensors file, written without any library for it.

torch_weights.py ARCH OUT.safetensors      three input channels, fc included

With redux-embed on that file and embed_torch.py on what it wrote, weights have gone from PyTorch to
libredux; embed_torch.py on a file of redux-pretrain is the other way.
"""
import json
import struct
import sys

import numpy as np
import torch
import torchvision

torch.manual_seed(1)
state = getattr(torchvision.models, sys.argv[1])(weights=None).state_dict()
header, blobs, at = {}, [], 0
for name, tensor in state.items():
    array = np.ascontiguousarray(tensor.numpy())
    if name.endswith("running_var"):
        array = np.abs(np.random.default_rng(len(name)).standard_normal(array.shape) / 4 + 1
                       ).astype(np.float32)
    blob = array.tobytes()
    kind = {"float32": "F32", "int64": "I64"}[str(array.dtype)]
    header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [at, at + len(blob)]}
    blobs.append(blob)
    at += len(blob)
text = json.dumps(header).encode()
with open(sys.argv[2], "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
