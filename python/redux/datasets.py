# SPDX-License-Identifier: MIT
"""Datasets: the slices of files, folders and arrays, by their numbers."""
from __future__ import annotations

import os
import threading
from collections import OrderedDict
from ctypes import POINTER, byref, c_char_p, c_double, c_int64, c_uint32, c_void_p, pointer
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from . import _abi, _show
from ._context import Context, long_call, short_call
from ._lib import Owner, lib
from ._options import Path, Paths, paths_of, text_of, window_of
from ._tensor import Array, Tensor, handle_of

_STORED = 1  # REDUX_VISIT_STORED
_COLUMNS = ("source", "slices", "height", "width", "format", "scan", "spacing")


class Info(List[Dict[str, Any]]):
    """The volumes of a dataset as a table: a list of dicts that prints as one."""

    def _rows(self) -> List[List[Any]]:
        return [[volume[name] for name in _COLUMNS] for volume in self]

    def __repr__(self) -> str:
        return _show.plain_table(_COLUMNS, self._rows())

    def _repr_html_(self) -> str:
        return _show.table(_COLUMNS, self._rows())

    def to_pandas(self) -> Any:
        """A pandas.DataFrame, a row a volume."""
        import pandas
        return pandas.DataFrame(list(self))


class Dataset:
    """Slices of the scans, pictures and arrays below some paths.

    ``len(d)`` counts slices; ``d[i]`` is slice i as values (HU for CT), [H, W] float32;
    ``d[2:5]`` and ``d[[7, 9]]`` are lists of them. Can be pickled, and used in a DataLoader's
    workers.

    Parameters
    ----------
    paths : path or list of paths
        Files, or folders that are searched.
    orientation : {"axial", "stored"}
        As radiologists see a scan, or as the file has it.
    frame : int
        Which frame of a 4-D file; -1: such a file is an error.
    skip_errors : bool
        Leaves unusable files out (see `skipped`) in place of raising.
    exclude : list of paths
        Sources to leave out.
    open_volumes : int
        How many volumes stay open for `read` and indexing.
    group_by : str, optional
        What slices belong to, as --group-by of redux-reduce: "folder", "file", "patient",
        "FILE.csv:COLUMN" or a regular expression; by default each volume is a group.

    Attributes
    ----------
    volumes : Info
        What is known of each volume: source, slices, height, width, slope, intercept, spacing,
        bytes, format, scan.

    Examples
    --------
    >>> scans = redux.Dataset("data/ct")
    >>> scans
    <redux.Dataset: 199 slices of 4 volumes>
    >>> scans[100].shape, scans.name(100)
    ((155, 159), ('data/ct/STS_012_CT.nii.gz', 1))
    >>> sorted(set(scans.groups))[0]
    'data/ct/STS_002_CT.nii.gz'
    """

    def __init__(self, paths: Paths, orientation: str = "axial", frame: int = -1,
                 skip_errors: bool = False, exclude: Sequence[Path] = (), open_volumes: int = 4,
                 group_by: Optional[str] = None) -> None:
        self._made: Any = (Dataset, (paths, orientation, frame, skip_errors, tuple(exclude),
                                     open_volumes, group_by))
        names, left_out = paths_of(paths), paths_of(exclude)
        options = _abi.DatasetOptions(
            orientation=("axial", "stored").index(orientation), frame=frame,
            skip_errors=skip_errors, exclude=left_out, exclude_count=len(left_out),
            group_by=os.fsencode(group_by) if group_by else None)
        handle = c_void_p()
        lib.dataset_open(byref(handle), short_call(), names, len(names), byref(options))
        self._begin(handle, open_volumes)

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Any], slope: float = 1, intercept: float = 0,
                  spacing: Sequence[float] = (0, 0, 0), scan: bool = False,
                  layout: Optional[str] = None) -> Dataset:
        """Of arrays [N, H, W] or [N, H, W, 3 or 4] by their names in results, without copies.

        Do not write to them meanwhile. value = slope * element + intercept.

        Parameters
        ----------
        layout : {"NHW", "NHWC"}, optional
            Needed for [N, H, W] of a width of 3 or 4, which might be one picture in colour.
        """
        self = cls.__new__(cls)
        self._made = (cls.of_arrays, (arrays, slope, intercept, spacing, scan, layout))
        voxels = [Tensor.of(array) for array in arrays.values()]
        for name, tensor in zip(arrays, voxels):
            _check_layout(name, tensor.shape, layout)
        sources = [_abi.VolumeSource(source=os.fsencode(name), voxels=pointer(tensor._tensor),
                                     slope=slope, intercept=intercept,
                                     spacing=(c_double * 3)(*spacing), is_scan=scan)
                   for name, tensor in zip(arrays, voxels)]
        listed = (POINTER(_abi.VolumeSource) * len(sources))(*(pointer(s) for s in sources))
        handle = c_void_p()
        lib.dataset_new(byref(handle), short_call(), listed, len(sources))
        self._begin(handle, 4, voxels)
        return self

    def _begin(self, handle: c_void_p, open_volumes: int, needs: Any = None) -> None:
        self._owner = Owner(handle, lib.dataset_free, needs)
        self._handle = handle
        self._most_open = max(1, open_volumes)
        self._open: OrderedDict[int, Owner] = OrderedDict()  # in the order of their last use
        self._lock = threading.Lock()
        self._groups: Optional[List[str]] = None
        self.volumes = Info(self._info(v) for v in range(lib.dataset_volume_count(handle)))

    def _info(self, volume: int) -> Dict[str, Any]:
        info = _abi.VolumeInfo()
        lib.dataset_get_volume_info(byref(info), self._handle, volume)
        return {"source": os.fsdecode(info.source), "slices": info.slices, "height": info.height,
                "width": info.width, "slope": info.slope, "intercept": info.intercept,
                "spacing": tuple(info.spacing), "bytes": info.bytes,
                "format": os.fsdecode(info.format), "scan": bool(info.is_scan)}

    def info(self) -> Info:
        """The volumes as a table, which has ``to_pandas()``."""
        return self.volumes

    def __repr__(self) -> str:
        return f"<redux.Dataset: {len(self)} slices of {len(self.volumes)} volumes>"

    def _repr_html_(self) -> str:
        return str(self.show())

    def show(self, count: int = 24, window: str = "auto") -> _show.Html:
        """A contact sheet inside a notebook: up to `count` slices, spread over all volumes."""
        shown = "".join(
            _show.picture(self.read(i, window), 96, "{}:{}".format(*_short(self.name(i))))
            for i in _show.spread(len(self), count))
        return _show.Html(f"<p>{len(self)} slices of {len(self.volumes)} volumes</p>{shown}")

    def __reduce__(self) -> Any:
        return self._made

    def __len__(self) -> int:
        return int(lib.dataset_slice_count(self._handle))

    def __iter__(self) -> Iterator[Array]:
        return (self.read(i) for i in range(len(self)))

    @property
    def groups(self) -> List[str]:
        """The name of each slice's group, in the order of the slices."""
        if self._groups is None:
            names, numbers = self._numbered_groups()
            self._groups = [names[number] for number in numbers.tolist()]
        return self._groups

    def _numbered_groups(self) -> Tuple[List[str], Array]:
        """The names of the groups, and the number of each slice's; a file's slices are of one."""
        names = [text_of(lib.dataset_group_name(self._handle, g))
                 for g in range(lib.dataset_group_count(self._handle))]
        numbers = [np.array([lib.dataset_get_group(self._handle, v, s)
                             for s in range(volume["slices"])], np.int64)
                   for v, volume in enumerate(self.volumes)]
        return names, np.concatenate(numbers)

    @property
    def skipped(self) -> Dict[str, str]:
        """What was left out (skip_errors), and why."""
        return {text_of(lib.dataset_skipped_source(self._handle, i)):
                lib.dataset_skipped_reason(self._handle, i).decode("utf-8", "replace")
                for i in range(lib.dataset_skipped_count(self._handle))}

    def place(self, index: int) -> Tuple[int, int]:
        """Volume, and slice number in it."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"slice {index} of {len(self)}")
        volume, number = c_int64(), c_int64()
        lib.dataset_get_place(byref(volume), byref(number), self._handle, int(index) % len(self))
        return volume.value, number.value

    def number(self, volume: int, slice: int) -> int:
        """The inverse of place(): the number of a slice in the whole dataset."""
        number = int(lib.dataset_slice_number(self._handle, volume, slice))
        if number < 0:
            raise IndexError(f"slice {slice} of volume {volume}")
        return number

    def name(self, index: int) -> Tuple[str, int]:
        """Source and slice number, as in manifests."""
        source, number = c_char_p(), c_int64()
        lib.dataset_get_slice_name(byref(source), byref(number), self._handle, *self.place(index))
        return text_of(source.value), number.value

    def _volume(self, volume: int) -> c_void_p:
        """An open volume; under the lock."""
        owner = self._open.pop(volume, None)
        if owner is None:
            handle = c_void_p()
            lib.volume_open(byref(handle), short_call(), self._handle, volume)
            owner = Owner(handle, lib.volume_free, self._owner)
            while len(self._open) >= self._most_open:
                self._open.popitem(last=False)
        self._open[volume] = owner
        return owner.handle

    def stored(self, index: int) -> Tensor:
        """A slice as it is stored, before slope and intercept; a view where that is possible. Do
        not write to it."""
        volume, number = self.place(index)
        result = Tensor()
        with self._lock:
            lib.volume_slice(result._tensor, short_call(), self._volume(volume), number)
        return result

    def read(self, index: int, window: Optional[str] = None) -> Array:
        """A slice as values (None), or grey under a window such as "auto", "lung" or "-160:240"."""
        volume, number = self.place(index)
        if window is None:
            info = self.volumes[volume]
            values = np.asarray(self.stored(index)).astype(np.float64)
            scaled: Array = (values * info["slope"] + info["intercept"]).astype(np.float32)
            return scaled
        result, kind = Tensor(), window_of(window)
        with self._lock:
            lib.volume_slice_windowed(result._tensor, short_call(), self._volume(volume), number,
                                      kind)
        return result.numpy()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, (int, np.integer)):
            return self.read(int(index))
        return [self.read(int(i)) for i in np.arange(len(self))[index]]

    def fingerprint(self) -> Tuple[Any, ...]:
        """What changes when the files do: source, bytes and time of a volume that is one file; of
        others, such as a folder of pictures, whose own time says nothing of them, a checksum."""
        return tuple(self._volume_fingerprint(v) for v in range(len(self.volumes)))

    def _volume_fingerprint(self, volume: int) -> Tuple[Any, ...]:
        info = self.volumes[volume]
        if os.path.isfile(info["source"]):
            return info["source"], info["bytes"], os.stat(info["source"]).st_mtime_ns
        checksum = c_uint32()
        lib.dataset_checksum(byref(checksum), short_call(), self._handle, volume)
        return info["source"], info["bytes"], checksum.value

    def visit(self, work: Callable[[int, Any], None], wanted: Any = None,
              context: Optional[Context] = None) -> None:
        """Reads slices on all threads, in any order: ``work(number, stored)`` for each.

        Parameters
        ----------
        work : callable
            Is called on several threads at once. `stored` is a Tensor as of `stored`; it belongs to
            the library and ends with the call.
        wanted : [slices] bool, optional
            Which slices to read.
        """
        raised: List[BaseException] = []

        def visit(_: Any, image: Any, number: int, volume: int, slice_: int) -> int:
            try:
                work(number, image)
            except BaseException as error:  # must not leave a C callback
                raised.append(error)
                return 1
            return 0
        chosen = None if wanted is None else np.ascontiguousarray(wanted, np.uint8)
        if chosen is not None and chosen.shape != (len(self),):
            raise ValueError(f"wanted is {chosen.shape}, not one for each of {len(self)} slices")
        options = _abi.VisitOptions(form=_STORED, any_order=1,
                                    wanted=None if chosen is None else chosen.ctypes.data)
        called = _abi.VISIT(visit)
        try:
            long_call(context, lambda c: lib.dataset_visit(c, self._handle, byref(options), called,
                                                           None))
        except RuntimeError:
            if raised:
                raise raised[0] from None
            raise


def _check_layout(name: str, shape: Tuple[int, ...], layout: Optional[str]) -> None:
    if layout not in (None, "NHW", "NHWC"):
        raise ValueError(f"layout={layout!r}: use \"NHW\" or \"NHWC\"")
    if layout is None and len(shape) == 3 and shape[2] in (3, 4):
        raise ValueError(f"{name}: an array of {list(shape)} may be {shape[0]} images or one in "
                         "colour: say layout=\"NHW\", or give array[None]")
    if layout is not None and len(shape) != len(layout):
        raise ValueError(f"{name}: an array of {list(shape)} is not {layout}")


def _short(name: Tuple[str, int]) -> Tuple[str, int]:
    return os.path.basename(name[0].rstrip("/"))[:16], name[1]


def dataset_of(data: Any, **options: Any) -> Dataset:
    """A Dataset, or that of paths."""
    if hasattr(data, "__array__"):
        raise TypeError("an array is no dataset: name it, redux.Dataset.of_arrays({\"name\": array})")
    return data if isinstance(data, Dataset) else Dataset(data, **options)


class Inputs:
    """A Dataset as networks want it: [channels, size, size] float32 each, read when asked for.

    For training in random order take redux.torch.SliceDataset, which prepares them once.

    Parameters
    ----------
    window, size, mean, deviation
        How a slice becomes an input: windowed to 0 to 1, resized, (x - mean) / deviation.
    channels : int
        The one plane is repeated so often.
    """

    def __init__(self, dataset: Dataset, window: str = "auto", size: int = 64, mean: float = 0.5,
                 deviation: float = 0.25, channels: int = 1) -> None:
        self.dataset, self._channels = dataset, channels
        self._options = dict(size=size, mean=mean, deviation=deviation)
        self._window, self.size = window, size

    def __len__(self) -> int:
        return len(self.dataset)

    def options(self) -> _abi.InputOptions:
        """As the library takes them."""
        return _abi.InputOptions(window=window_of(self._window), **self._options)

    def __getitem__(self, index: int) -> Array:
        out = np.zeros((self.size, self.size), np.float32)
        stored, volume = self.dataset.stored(index), self.dataset.place(index)[0]
        self.write(out, stored._tensor, volume, short_call(), self.options())
        return np.repeat(out[None], self._channels, axis=0)

    def write(self, out: Array, stored: Any, volume: int, context: Optional[c_void_p],
              options: _abi.InputOptions) -> None:
        """Makes the input of a stored slice of a volume."""
        info = self.dataset.volumes[volume]
        lib.input_apply(handle_of(out), context, stored, info["slope"], info["intercept"],
                        info["scan"], byref(options))
