# SPDX-License-Identifier: MIT
"""What options say in words, as the programs' --options do."""
from __future__ import annotations

import os
from ctypes import byref, c_char_p, c_int32
from typing import Any, Optional, Sequence, Tuple, Union

from . import _abi
from ._lib import lib
from ._tensor import Array, Tensor

Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
Paths = Union[Path, Sequence[Path]]
Keep = Union[int, str, None]


def code_of(kind: str, name: str) -> int:
    """The value of an enum: ``code_of("strategy", "ssim")``."""
    found = c_int32()
    getattr(lib, kind + "_parse")(byref(found), name.encode())
    return found.value


def window_of(text: Optional[str]) -> _abi.Window:
    window = _abi.Window()
    lib.window_parse(byref(window), (text or "auto").encode())
    return window


def paths_of(paths: Any) -> Any:
    one = isinstance(paths, (str, bytes, os.PathLike))
    names = [os.fsencode(path) for path in ([paths] if one else paths)]
    return (c_char_p * len(names))(*names)


def text_of(name: Optional[bytes]) -> str:
    return os.fsdecode(name or b"")


def keep_of(keep: Keep) -> Tuple[int, float]:
    """Slices and percent of a budget: 100, "100" or "20%", as --keep has it."""
    if keep is None:
        return 0, _abi.NAN
    text = str(keep).strip()
    try:
        if text.endswith("%") and 0 < float(text[:-1]) <= 100:
            return 0, float(text[:-1])
        if not isinstance(keep, float) and int(text) > 0:
            return int(text), _abi.NAN
    except ValueError:
        pass
    raise ValueError(f"keep={keep!r}: give a number of slices (100), or a share of them (\"20%\")")


def stack_of(images: Any, layout: Optional[str]) -> Tuple[Tensor, bool]:
    """A tensor of one image [H, W] or of many [N, H, W], and whether it is of many. An array that
    may just as well be a picture in colour is not guessed about."""
    source = Tensor.of(images)
    shape = source.shape
    if layout not in (None, "HW", "NHW"):
        raise ValueError(f"layout={layout!r}: use \"HW\" or \"NHW\"; colour pictures are for "
                         "redux.hash of a PIL.Image, or for redux.luma")
    if layout is None and len(shape) == 3 and shape[2] in (1, 2, 3, 4):
        raise ValueError(f"an array of {list(shape)} may be {shape[0]} images or one in colour: "
                         "say layout=\"NHW\", or make it grey by redux.luma")
    if len(shape) != len(layout or "NHW"[-len(shape):]) or len(shape) < 2:
        raise ValueError(f"an array of {list(shape)} is not {layout or '[H, W] or [N, H, W]'}")
    return source, len(shape) == 3


def as_grey(image: Any, range: Optional[Tuple[float, float]]) -> Any:
    """A float image that says its range, in 0 to 1; others as they are. Nothing is saturated."""
    if range is None:
        return image
    import numpy as np
    values: Array = np.asarray(image)
    low, high = (float(limit) for limit in range)
    if values.dtype.kind != "f" or not low < high:
        raise ValueError(f"range={range} is for float images, and its first number is the smaller")
    if values.size and not (low <= values.min() and values.max() <= high):
        raise ValueError(f"values from {values.min():g} to {values.max():g} are not within "
                         f"range={range}")
    return ((values - low) / (high - low)).astype(np.float32)
