#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What redux-embed wrote, against torchvision with the same weights and Pillow's inputs.

embed_torch.py WEIGHTS.safetensors EMBEDDINGS.npy VOLUME.nii.gz

Reads the weights without any library for it, puts them into torchvision's ResNet (strictly: every
name must fit), makes the inputs of all axial slices as the file's metadata says (window, size,
mean, deviation; Pillow's BILINEAR), and prints the largest difference of a feature, relative to the
largest feature of its slice. For files of width 1 and 1 or 3 channels.
"""
import json
import struct
import sys

import nibabel
import numpy as np
import torch
import torchvision
from PIL import Image


def read_safetensors(path):
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    dtypes = {"F32": np.float32, "I64": np.int64}
    return {name: torch.from_numpy(np.frombuffer(
        data[t["data_offsets"][0]:t["data_offsets"][1]], dtypes[t["dtype"]]
    ).reshape(t["shape"]).copy()) for name, t in header.items()}, metadata


def model_of(tensors):
    deep = "layer1.0.conv3.weight" in tensors
    if deep:
        arch = ("resnet152" if "layer3.35.conv1.weight" in tensors else
                "resnet101" if "layer3.22.conv1.weight" in tensors else "resnet50")
    else:
        arch = "resnet34" if "layer1.2.conv1.weight" in tensors else "resnet18"
    model = getattr(torchvision.models, arch)(weights=None)
    stem = tensors["conv1.weight"]
    model.conv1 = torch.nn.Conv2d(stem.shape[1], 64, 7, 2, 3, bias=False)
    model.fc = torch.nn.Identity()
    encoder = {name: tensor for name, tensor in tensors.items()
               if not name.startswith(("projection.", "fc."))}
    missing, unexpected = model.load_state_dict(encoder, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    assert not missing and not unexpected, (missing, unexpected)
    return model.eval(), arch, stem.shape[1]


def inputs_of(path, metadata):
    image = nibabel.load(path)
    values = nibabel.as_closest_canonical(image).get_fdata()  # right, anterior, superior
    slices = values.transpose(2, 1, 0)[:, ::-1, ::-1]  # rows to posterior, columns to the left
    size = int(metadata.get("size", 64))
    window = metadata.get("window", "slice")
    out = []
    for pixels in slices:
        if ":" in window:
            low, high = map(float, window.split(":"))
            grey = np.clip((pixels - low) / (high - low), 0, 1)
        else:
            span = pixels.max() - pixels.min() + 1e-5
            grey = np.rint((pixels - pixels.min()) / span * 255) / 255
        small = Image.fromarray(grey.astype(np.float32), "F").resize((size, size), Image.BILINEAR)
        out.append(np.asarray(small))
    mean = float(metadata.get("mean", 0.5))
    return (np.array(out) - mean) / float(metadata.get("deviation", 0.25))


def main(weights, embeddings, volume):
    tensors, metadata = read_safetensors(weights)
    model, arch, channels = model_of(tensors)
    inputs = torch.from_numpy(inputs_of(volume, metadata).astype(np.float32))[:, None]
    with torch.no_grad():
        features = model(inputs.repeat(1, channels, 1, 1)).numpy()
    have = np.load(embeddings)
    assert have.shape == features.shape, (have.shape, features.shape)
    aligned = nibabel.aff2axcodes(nibabel.load(volume).affine)[2]
    if aligned == "I":  # slices are numbered as stored
        features = features[::-1]
    worst = (np.abs(have - features).max(1) / np.abs(features).max(1)).max()
    print(f"{arch}, {channels} channels, {len(have)} slices x {have.shape[1]} features: "
          f"largest relative difference {worst:.2g}")
    return 0 if worst < 1e-4 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
