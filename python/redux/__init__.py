# SPDX-License-Identifier: MIT
"""libredux for Python: find and cut redundancy in image datasets, medical volumes first.

    import redux
    manifest = redux.reduce("scans/", strategy="ssim", keep="20%")
    manifest.save("kept.csv")

    import redux.torch
    data = redux.torch.SliceDataset("scans/", manifest, window="lung", size=64)

Arrays go in and come out without copies, and every call that works leaves Python's lock free.
Failures raise ReduxError, in one line. NumPy is needed; PyTorch, pandas and Pillow where a function
says so. docs/python.md is the guide.
"""
from ._context import Context
from ._lib import ReduxError, Status, lib as _lib
from ._tensor import Tensor
from .datasets import Dataset, Inputs
from .hashes import Hashes, ImageHash, hash, hex_to_hash
from .metrics import (Metric, Shift, cosine, entropy, information, k_means, luma, ms_ssim,
                      mutual_information, one_to_many, phase_correlation, resize, ssim, window)
from .reduction import ROW, Manifest, mark, reduce, select
from .training import (Encoder, Loader, embed, load_safetensors, load_torchvision,
                       save_safetensors, state_dict)

__version__: str = _lib.version_string().decode()

__all__ = [
    "Context", "Dataset", "Encoder", "Hashes", "ImageHash", "Inputs", "Loader", "Manifest",
    "Metric", "ROW", "ReduxError", "Shift", "Status", "Tensor", "cosine", "embed", "entropy",
    "hash", "hex_to_hash", "information", "k_means", "load_safetensors", "load_torchvision", "luma",
    "mark", "ms_ssim", "mutual_information", "one_to_many", "phase_correlation", "reduce", "resize",
    "save_safetensors", "select", "ssim", "state_dict", "window"]
