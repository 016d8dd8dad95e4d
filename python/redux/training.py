# SPDX-License-Identifier: MIT
"""Batches of random views, weights and embeddings."""
from __future__ import annotations

import ctypes
import os
import re
from ctypes import POINTER, byref, c_char_p, c_float, c_int64, c_void_p, pointer
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from . import _abi
from ._context import Context, long_call
from ._lib import Owner, ReduxError, Status, lib
from ._options import Path, window_of
from ._tensor import Array, Tensor, handle_of
from .datasets import Dataset, dataset_of

Views = Union[str, Mapping[str, float], None]


def views_of(views: Views) -> _abi.ViewsOptions:
    """Strengths of random views: a preset ("simclr", "paper-swav-crops", "moco-medical", "none"),
    or a dict of fields of redux_views_options, whose "preset" is the one to begin with."""
    options = _abi.ViewsOptions()
    fields = dict(views) if isinstance(views, Mapping) else {}
    preset: Any = fields.pop("preset", "simclr") if isinstance(views, Mapping) else views
    lib.views_preset(byref(options), (preset or "simclr").encode())
    known = {name for name, _ in options._fields_}
    if not set(fields) <= known:
        raise TypeError(f"no such strength of views: {', '.join(sorted(set(fields) - known))}")
    for name, value in fields.items():
        setattr(options, name, value)
    return options


class Loader:
    """Batches of random views, as redux-pretrain trains on.

    Iterate over it for (rows, views): the number of each slice in the dataset, and an array [batch,
    size, size, 1] float32 for each view. Arrays are the loader's: they last until the next batch.
    Batch k is the same whatever the threads, also where `first_batch` is k.

    Parameters
    ----------
    kept : [slices] bool, optional
        Which slices to use: ``manifest.kept``.
    views : str or dict, optional
        A preset ("simclr", "paper-swav-crops", "moco-medical"), or a dict of strengths.
    """

    def __init__(self, dataset: Dataset, batch: int = 256, kept: Any = None, window: str = "auto",
                 size: int = 64, mean: float = 0.5, deviation: float = 0.25, seed: int = 0,
                 first_batch: int = 0, epochs: int = 1, threads: int = -1, memory_bytes: int = 0,
                 views: Views = None) -> None:
        self._context, handle = Context(threads), c_void_p()
        used = None if kept is None else np.ascontiguousarray(kept, np.uint8)
        if used is not None and used.shape != (len(dataset),):
            raise ValueError(f"kept is {used.shape}, not one for each of {len(dataset)} slices")
        given = _abi.InputOptions(window=window_of(window), size=size, mean=mean,
                                  deviation=deviation)
        options = _abi.LoaderOptions(input=pointer(given), views=pointer(views_of(views)),
                                     batch=batch, seed=seed, first_batch=first_batch,
                                     epochs=epochs, memory_bytes=memory_bytes)
        self._context.run(lambda c: lib.loader_new(
            byref(handle), c, dataset._handle, None if used is None else used.ctypes.data,
            byref(options)))
        # Dataset and context outlive the loader.
        self._owner = Owner(handle, lib.loader_free, (dataset, self._context), has_threads=True)
        self._left = epochs * len(self) - first_batch

    def __len__(self) -> int:
        """Batches an epoch."""
        return int(lib.loader_batch_count(self._owner.handle))

    def __iter__(self) -> Iterator[Tuple[Array, List[Array]]]:
        return self

    def __next__(self) -> Tuple[Array, List[Array]]:
        if self._left <= 0:
            raise StopIteration
        self._left -= 1
        handle, found = self._owner.handle, POINTER(_abi.Tensor)()
        self._context.run(lambda c: lib.loader_next(byref(found), c, handle))
        views: List[Array] = []
        for i in range(lib.loader_view_count(handle)):
            shape = tuple(found[i].shape[:4])
            memory: Any = (c_float * int(np.prod(shape))).from_address(found[i].data)
            memory.owner = self._owner  # the array holds `memory`, and so the loader, alive
            views.append(np.frombuffer(memory, np.float32).reshape(shape))
        rows = (c_int64 * lib.loader_batch(handle)).from_address(lib.loader_rows(handle))
        return np.array(rows), views


# ---- weights -----------------------------------------------------------------------------------

def load_safetensors(path: Path) -> Dict[str, Tensor]:
    """The tensors of a safetensors file, or of one of torch.save (nothing in it is run), by name.

    They are views of the file's memory: ``np.asarray(t)``, or ``torch.from_dlpack(t)`` where NumPy
    has no such type (bfloat16). Do not write to them.
    """
    handle = c_void_p()
    lib.safetensors_load(byref(handle), None, os.fsencode(path))
    try:
        result = {}
        for i in range(lib.safetensors_tensor_count(handle)):
            tensor = Tensor()
            lib.safetensors_get_tensor(tensor._tensor, handle, i)
            result[lib.safetensors_name(handle, i).decode()] = tensor
        return result
    finally:
        lib.safetensors_free(handle)


def _texts(words: Sequence[str]) -> Any:
    return (c_char_p * len(words))(*(word.encode() for word in words))


def save_safetensors(path: Path, tensors: Mapping[str, Any],
                     metadata: Optional[Mapping[str, str]] = None) -> None:
    """Writes arrays or PyTorch tensors by name, such as a model's ``state_dict()``: what
    redux-embed --weights reads.

    Parameters
    ----------
    metadata : dict of text
        "window", "size", "mean" and "deviation" tell redux how inputs are made.
    """
    held = [Tensor.of(tensor) for tensor in tensors.values()]
    array = (_abi.Tensor * len(held))(*(tensor._tensor for tensor in held))
    pairs = metadata or {}
    content = _abi.SafetensorsContent(
        count=len(held), names=_texts(list(tensors)), tensors=array, pair_count=len(pairs),
        keys=_texts(list(pairs)), values=_texts(list(pairs.values())))
    lib.safetensors_save(os.fsencode(path), None, byref(content))


_SECOND_ENCODERS = ("encoder_k", "momentum", "teacher", "target", "ema")  # averages of the first


def _prefix_of(path: Path, names: Sequence[str]) -> str:
    """What a wrapper (DataParallel, Lightning, MoCo) puts before a ResNet's names."""
    stem = "conv1.weight"
    found = [name[:-len(stem)] for name in names if ("." + name).endswith("." + stem)]
    found = [p for p in found if not re.search(r"(^|\.)(layer|blocks?)\d*\.", p)]
    found = [p for p in found if not any(word in p for word in _SECOND_ENCODERS)] or found
    if len(found) != 1:
        what = f"{len(found)} encoders: {', '.join(found)}" if found else "no conv1.weight"
        raise ReduxError(Status.FORMAT, f"{os.fsdecode(path)}: has {what}: it is no file of one "
                                        "ResNet, or under names that are not known")
    return found[0]


def state_dict(path: Path) -> Dict[str, Any]:
    """A weight file of ours, of torch.save or a Lightning .ckpt, as a dict of PyTorch tensors by
    torchvision's names (which timm's ResNets have too); prefixes of wrappers are taken off."""
    import torch
    found = load_safetensors(path)
    prefix = _prefix_of(path, list(found))
    return {name[len(prefix):]: torch.from_dlpack(tensor).clone()
            for name, tensor in found.items() if name.startswith(prefix)}


def _fit(path: Path, name: str, value: Any, own: Any) -> Any:
    """A tensor of the file as the model has it, None where it has another head."""
    if name == "conv1.weight" and value.shape[1] != own.shape[1]:  # grey into colour, or back
        channels = own.shape[1]
        value = value.sum(1, keepdim=True).expand(-1, channels, -1, -1) / channels
    if value.shape == own.shape:
        return value
    if name.startswith("fc."):
        return None
    raise ReduxError(Status.FORMAT, f"{os.fsdecode(path)}: {name} is {list(value.shape)}, and "
                                    f"{list(own.shape)} in this model: its width or depth "
                                    "is another")


def load_torchvision(path: Path, model: Any) -> Any:
    """Copies weights into a torchvision or timm ResNet, and returns that.

    Grey weights go into a model of three channels, and the reverse. `fc` is taken where its shape
    fits; everything else must be there and fit: ReduxError names the first tensor that does not.
    """
    own, state = model.state_dict(), {}
    for name, value in state_dict(path).items():
        if name in own:
            fitted = _fit(path, name, value, own[name])
            state.update({} if fitted is None else {name: fitted})
        elif name.startswith(("conv", "bn", "layer")):
            raise ReduxError(Status.FORMAT, f"{os.fsdecode(path)}: has {name}, which this model "
                                            "lacks: its depth is another")
    missing = [name for name in own if name not in state
               and not name.startswith("fc.") and not name.endswith("num_batches_tracked")]
    if missing:
        raise ReduxError(Status.FORMAT, f"{os.fsdecode(path)}: {missing[0]} is missing for "
                                        "this model")
    model.load_state_dict(state, strict=False)
    return model


# ---- embeddings --------------------------------------------------------------------------------

class Encoder:
    """A network with its weights, from a file that redux-embed --weights reads.

    Attributes
    ----------
    name : str
        For ``reduce(encoder=...)``.
    features : int
        How many it gives a slice.
    """

    def __init__(self, path: Path) -> None:
        handle, self._input = c_void_p(), _abi.InputOptions()
        name = ctypes.create_string_buffer(64)
        lib.encoder_load(byref(handle), byref(self._input), name, None, os.fsencode(path))
        self._owner = Owner(handle, lib.network_free)
        self.name: str = name.value.decode()
        self.features: int = lib.network_features(handle)

    def save(self, path: Path) -> None:
        """Writes a weight file: the weights, and what the input is like, as redux-pretrain does."""
        lib.network_save(os.fsencode(path), None, self._owner.handle, byref(self._input), None)

    def embed(self, dataset: Dataset, batch: int = 0,
              context: Optional[Context] = None) -> Array:
        """[slices, features] float32, in the order of the dataset, not normalised."""
        out = np.zeros((len(dataset), self.features), np.float32)
        long_call(context, lambda c: lib.embed(
            handle_of(out), None, c, self._owner.handle, dataset._handle, None,
            byref(self._input), batch))
        return out


def embed(data: Any, weights: Any, context: Optional[Context] = None) -> Array:
    """Features of each slice of a Dataset (or paths) by a weight file (or an Encoder)."""
    encoder = weights if isinstance(weights, Encoder) else Encoder(weights)
    return encoder.embed(dataset_of(data), context=context)
