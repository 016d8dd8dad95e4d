# SPDX-License-Identifier: MIT
"""What PyTorch trains on: prepared slices in any order, and random views of them.

    import redux.torch
    data = redux.torch.SliceDataset("scans/", manifest, window="lung", size=64)
    loader = torch.utils.data.DataLoader(data, batch_size=64, shuffle=True, num_workers=2)
"""
from __future__ import annotations

import hashlib
import json
import mmap
import os
import tempfile
import threading
from ctypes import byref, memmove
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
import torch

from . import _abi
from ._context import Context, short_call
from ._lib import lib
from ._tensor import NUMPY_DTYPES, Array, Tensor, handle_of
from .datasets import Dataset, Inputs, dataset_of
from .reduction import Manifest
from .training import Views, views_of

_FORM = 2  # of the files in the cache


def default_cache() -> str:
    """Where prepared slices are kept: $XDG_CACHE_HOME/redux, or ~/.cache/redux."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(home, "redux")


_PIECE = 1 << 20


def _read_ahead(path: str) -> None:
    """Reads a file once, so that the memory of the system holds it."""
    piece = bytearray(_PIECE)
    with open(path, "rb", buffering=0) as file:
        while file.readinto(piece):
            pass


def _map(path: str) -> Array:
    """A file's bytes. A thread reads it once, in order, where half of the memory holds it: slices
    are then asked for in any order at the same rate, from the first epoch on. (Linux reads no more
    than read_ahead_kb for MADV_WILLNEED, whatever its length.)"""
    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if len(mapped) <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2:
        threading.Thread(target=_read_ahead, args=(path,), daemon=True).start()
    return np.frombuffer(mapped, np.uint8)


class _Store:
    """Arrays of one dtype each, one after the other in a file or in shared memory."""

    def __init__(self, path: Optional[str], shared: Any, offsets: Array, shapes: Array,
                 dtypes: List[str]) -> None:
        self._path, self._shared = path, shared
        self._offsets, self._shapes, self._dtypes = offsets, shapes, dtypes
        self._bytes: Optional[Array] = None

    def __getstate__(self) -> Dict[str, Any]:  # each process maps the file itself
        return {**self.__dict__, "_bytes": None}

    def __getitem__(self, index: int) -> Array:
        if self._bytes is None:
            self._bytes = self._shared.numpy() if self._path is None else _map(self._path)
        return np.ndarray(self._shapes[index], self._dtypes[index], self._bytes,
                          self._offsets[index])


class _Prepared:
    """How slices are stored: their shapes and dtypes, and what makes each of them."""

    def __init__(self, inputs: Inputs, rows: Array, as_stored: bool) -> None:
        self.inputs, self.rows, self.as_stored = inputs, rows, as_stored
        slices = [volume["slices"] for volume in inputs.dataset.volumes]
        self.volumes = np.repeat(np.arange(len(slices)), slices)[rows]
        self._options = inputs.options()
        self.dtypes, self.shapes = ["float32"] * len(rows), np.full((len(rows), 2), inputs.size)
        if as_stored:
            self._look()
        bytes_ = np.array([np.dtype(name).itemsize for name in self.dtypes]) * self.shapes.prod(1)
        self.offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(-(-bytes_ // 64) * 64, out=self.offsets[1:])  # each begins a cache line

    def _look(self) -> None:
        """Sizes of stored slices: pictures of a folder may differ, so those are read."""
        found: Dict[int, Tuple[Tuple[int, ...], str]] = {}

        def look(number: int, image: Any) -> None:
            tensor = image[0]
            found[number] = tuple(tensor.shape[:2]), str(NUMPY_DTYPES[tensor.dtype])
        self.inputs.dataset.visit(look, self._wanted())
        for i, number in enumerate(self.rows.tolist()):
            self.shapes[i], self.dtypes[i] = found[number]

    def _wanted(self) -> Array:
        wanted = np.zeros(len(self.inputs.dataset), np.uint8)
        wanted[self.rows] = 1
        return wanted

    def key(self) -> str:
        """What the file is called by: it changes with the data and with what is made of them."""
        o = self._options
        made = [_FORM, self.as_stored, self.inputs.dataset.fingerprint(),
                hashlib.sha256(self.rows.astype("<i8").tobytes()).hexdigest(),
                self.inputs.dataset._made[1][1] if self.as_stored else "",
                [o.window.kind, o.window.low, o.window.high, o.size, o.mean, o.deviation]]
        return hashlib.sha256(json.dumps(made).encode()).hexdigest()[:32]

    def write(self, memory: Array, context: Optional[Context]) -> None:
        """Prepares all slices, in parallel."""
        place = {number: i for i, number in enumerate(self.rows.tolist())}

        def work(number: int, image: Any) -> None:
            i = place[number]
            out = memory[self.offsets[i]:self.offsets[i + 1]]
            if self.as_stored:
                _copy(out, image[0], self.shapes[i], self.dtypes[i])
            else:
                size = self.inputs.size
                grey = out[:4 * size * size].view(np.float32).reshape(size, size)
                self.inputs.write(grey, image, int(self.volumes[i]), None, self._options)
        self.inputs.dataset.visit(work, self._wanted(), context)


def _copy(out: Array, stored: Any, shape: Array, dtype: str) -> None:
    held = Tensor()
    held._tensor.data, held._tensor.ndim, held._tensor.dtype = stored.data, 2, stored.dtype
    held._tensor.shape, held._tensor.strides = stored.shape, stored.strides
    view = np.asarray(held)
    if view.flags.c_contiguous:
        memmove(out.ctypes.data, view.ctypes.data, view.nbytes)
    else:
        out[:view.nbytes].view(dtype).reshape(shape)[...] = view


def _make_file(prepared: _Prepared, path: str, context: Optional[Context]) -> None:
    """The file appears whole or not at all; two processes that make it do no harm."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".making-")
    try:
        os.ftruncate(handle, max(1, int(prepared.offsets[-1])))
        prepared.write(np.memmap(temporary, np.uint8, "r+").view(np.ndarray), context)
        os.fsync(handle)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    finally:
        os.close(handle)


def _store_of(prepared: _Prepared, cache: str, memory_bytes: int,
              context: Optional[Context]) -> _Store:
    total = int(prepared.offsets[-1])
    known = prepared.offsets, prepared.shapes, prepared.dtypes
    if cache == "memory":
        if total > memory_bytes:
            raise ValueError(f"{total >> 20} MiB of prepared slices, and memory_bytes allows "
                             f"{memory_bytes >> 20}: give a folder as cache")
        shared = torch.zeros(max(1, total), dtype=torch.uint8).share_memory_()
        prepared.write(shared.numpy(), context)
        return _Store(None, shared, *known)
    path = os.path.join(cache, prepared.key() + ".slices")
    if not os.path.exists(path):
        _make_file(prepared, path, context)
    return _Store(path, None, *known)


class SliceDataset:
    """Slices of a dataset as a map-style PyTorch dataset, in any order at the same rate.

    Every slice is decoded once, in parallel, into a cache: a file that processes map, found again
    as long as the data and the options are the same; or shared memory.

    Parameters
    ----------
    data : Dataset or paths
    manifest : Manifest or [slices] bool, optional
        Which slices: the kept ones. Default: all.
    window, size, mean, deviation, channels
        How a slice becomes an input: windowed to 0 to 1, resized, (x - mean) / deviation.
    size : int or None
        None: windowed slices at their own sizes, 0 to 1 (`pad_collate` makes batches of them).
    views : str or dict, optional
        Random views by libredux: "simclr" (two a slice), "paper-swav-crops", "moco-medical", or a
        dict of strengths. An item is then a list of tensors [channels, side, side].
    seed : int
        Of the views. They differ from epoch to epoch: an item draws its epoch from PyTorch's
        generator, so torch.manual_seed repeats a run.
    labels : sequence, optional
        One a slice of the dataset: items become (input, label).
    cache : str
        A folder, or "memory" (up to `memory_bytes`). Default: default_cache().

    Examples
    --------
    >>> import redux.torch
    >>> kept = redux.reduce("data/ct", strategy="every-n", threshold=10)
    >>> data = redux.torch.SliceDataset("data/ct", kept, size=32, cache="memory")
    >>> len(data), data[3].shape
    (22, torch.Size([1, 32, 32]))
    """

    def __init__(self, data: Any, manifest: Union[Manifest, Sequence[bool], None] = None,
                 window: str = "auto", size: Optional[int] = 64, *, mean: float = 0.5,
                 deviation: float = 0.25, channels: int = 1, views: Views = None, seed: int = 0,
                 labels: Optional[Sequence[Any]] = None, cache: Optional[str] = None,
                 memory_bytes: int = 1 << 30, context: Optional[Context] = None) -> None:
        dataset = dataset_of(data)
        self.rows = _rows_of(dataset, manifest)
        if labels is not None and len(labels) != len(dataset):
            raise ValueError(f"{len(labels)} labels of {len(dataset)} slices")
        self._labels, self._channels, self._seed = labels, channels, seed
        self._infos = [(v["slope"], v["intercept"], v["scan"]) for v in dataset.volumes]
        self._size, self._window = size, window
        self._input = dict(size=size or 64, mean=mean, deviation=deviation)
        self._views = views
        inputs = Inputs(dataset, window, size or 64, mean, deviation)
        prepared = _Prepared(inputs, self.rows, as_stored=views is not None or size is None)
        self._volumes = prepared.volumes
        self._store = _store_of(prepared, cache or default_cache(), memory_bytes, context)
        self._made: Optional[Tuple[_abi.InputOptions, _abi.ViewsOptions]] = None
        self._options()

    def __getstate__(self) -> Dict[str, Any]:  # structs of ctypes are made again
        return {**self.__dict__, "_made": None}

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<redux.torch.SliceDataset: {len(self)} slices>"

    def _options(self) -> Tuple[_abi.InputOptions, _abi.ViewsOptions]:
        if self._made is None:
            window = _abi.Window()
            lib.window_parse(byref(window), self._window.encode())
            self._made = (_abi.InputOptions(window=window, **self._input), views_of(self._views))
        return self._made

    def __getitem__(self, index: int) -> Any:
        index = range(len(self))[index]
        stored = self._store[index]
        item: Any
        if self._views is not None:
            item = self._random_views(index, stored)
        elif self._size is None:
            item = self._channelled(self._grey(index, stored))
        else:
            item = self._channelled(np.array(stored))
        return item if self._labels is None else (item, self._labels[int(self.rows[index])])

    def _channelled(self, plane: Array) -> torch.Tensor:
        tensor = torch.from_numpy(plane)[None]
        return tensor if self._channels == 1 else tensor.repeat(self._channels, 1, 1)

    def _grey(self, index: int, stored: Array) -> Array:
        slope, intercept, scan = self._infos[self._volumes[index]]
        source = Tensor.of(stored)
        window = lib.window_resolve(self._options()[0].window, source._tensor.dtype, scan)
        grey = np.empty(stored.shape, NUMPY_DTYPES[lib.window_dtype(window)])
        lib.window_apply(handle_of(grey), short_call(), source._tensor, slope, intercept, window)
        return grey if grey.dtype == np.float32 else grey.astype(np.float32) / np.float32(255)

    def _random_views(self, index: int, stored: Array) -> List[torch.Tensor]:
        (given, strengths), source = self._options(), Tensor.of(stored)
        epoch = int(torch.randint(1 << 31, ()))
        key = _abi.RandomKey(seed=self._seed, epoch=epoch, sample=int(self.rows[index]))
        small = strengths.small_size or max(1, (given.size * 96 + 112) // 224)
        made = []
        for view in range(strengths.views + strengths.small_views):
            side = given.size if view < strengths.views else small
            out = np.empty((side, side), np.float32)
            lib.views_apply(handle_of(out), short_call(), source._tensor,
                            *self._infos[self._volumes[index]], byref(given), byref(strengths),
                            byref(key), view)
            made.append(self._channelled(out))
        return made


def _rows_of(dataset: Dataset, manifest: Any) -> Array:
    if manifest is None:
        return np.arange(len(dataset))
    kept = np.asarray(manifest.kept if isinstance(manifest, Manifest) else manifest)
    if kept.shape != (len(dataset),) or kept.dtype.kind not in "bui":
        raise ValueError(f"the manifest is of {len(kept)} slices, the dataset of {len(dataset)}")
    rows = np.flatnonzero(kept)
    if len(rows) == 0:
        raise ValueError("no slice is kept")
    return rows


def pad_collate(batch: Sequence[Any], fill: float = 0) -> Any:
    """A batch of pictures of different sizes, for DataLoader(collate_fn=redux.torch.pad_collate).

    Returns
    -------
    (images, sizes), or (images, sizes, labels) of items with labels
        Images [N, C, H, W] of the largest height and width, filled up at the bottom and on the
        right; sizes [N, 2].
    """
    with_labels = isinstance(batch[0], tuple)
    pictures = [item[0] if with_labels else item for item in batch]
    sizes = torch.tensor([picture.shape[-2:] for picture in pictures])
    height, width = (int(most) for most in sizes.amax(0))
    images = pictures[0].new_full((len(batch), pictures[0].shape[0], height, width), fill)
    for image, picture in zip(images, pictures):
        image[:, :picture.shape[1], :picture.shape[2]] = picture
    if not with_labels:
        return images, sizes
    return images, sizes, torch.utils.data.default_collate([item[1] for item in batch])
