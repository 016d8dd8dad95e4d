# SPDX-License-Identifier: CC0-1.0
"""Reduces a folder of scans and trains on what is kept: reduce_and_train.py FOLDER [KEPT.csv]

The network here learns to give back the grey picture it was shown: put your own in its place.
"""
import sys

import torch
from torch.utils.data import DataLoader

import redux
import redux.torch

if len(sys.argv) > 3 or any(argument.startswith("-") for argument in sys.argv[1:]):
    sys.exit(__doc__)
folder = sys.argv[1] if len(sys.argv) > 1 else "data/ct"
slices = redux.Dataset(folder)
manifest = redux.reduce(slices, strategy="ssim", keep="25%")
print(f"kept {manifest.kept.sum()} of {len(manifest)} slices, "
      f"SSIM threshold {manifest.summary['threshold']:.3f}")
if len(sys.argv) > 2:
    manifest.save(sys.argv[2])

inputs = redux.torch.SliceDataset(slices, manifest, window="-160:240", size=64, cache="memory")
loader = DataLoader(inputs, batch_size=16, shuffle=True, num_workers=2)
torch.manual_seed(0)
model = torch.nn.Sequential(
    torch.nn.Conv2d(1, 8, 3, stride=2, padding=1), torch.nn.ReLU(),
    torch.nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1))
optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(5):
    total = 0.0
    for batch in loader:
        loss = torch.nn.functional.mse_loss(model(batch), batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item() * len(batch)
    print(f"epoch {epoch + 1}: loss {total / len(manifest.indices):.4f}")
