# SPDX-License-Identifier: MIT
"""Grey values, and how alike two images, codes or vectors are.

Images are [H, W] arrays: uint8, or float32 within 0 to 1. A float image of another range says so by
``range=(low, high)``; a value outside raises, nothing is clipped.
"""
from __future__ import annotations

from ctypes import byref, c_double, c_void_p
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from . import _abi
from ._abi import Information, Shift as _Shift
from ._context import Context, long_call, short_call
from ._lib import Owner, lib
from ._options import as_grey, code_of, window_of
from ._tensor import NUMPY_DTYPES, Array, Tensor, handle_of

Range = Optional[Tuple[float, float]]


def window(image: Any, window: str = "slice", slope: float = 1, intercept: float = 0) -> Array:
    """Voxel values [H, W] to grey: "slice", "full" (uint8), "lung", "-160:240" (float32).

    Examples
    --------
    >>> redux.window(np.array([[-1000, 0], [40, 400]], np.int16), "0:80")
    array([[0. , 0. ],
           [0.5, 1. ]], dtype=float32)
    """
    source = Tensor.of(image)
    resolved = lib.window_resolve(window_of(window), source._tensor.dtype, 1)
    out = np.zeros(source.shape, NUMPY_DTYPES[lib.window_dtype(resolved)])
    lib.window_apply(handle_of(out), short_call(), source._tensor, slope, intercept, resolved)
    return out


def luma(picture: Any) -> Array:
    """A colour picture [H, W, 3] or [H, W, 4] as grey [H, W], as Pillow's ``convert("L")`` does."""
    source = Tensor.of(picture)
    out = np.zeros(source.shape[:2], source.dtype)
    lib.image_luma(handle_of(out), short_call(), source._tensor)
    return out


def resize(image: Any, height: int, width: int, filter: str = "linear") -> Array:
    """An image [H, W], uint8 or float32, in another size, as Pillow does it to the bit.

    Parameters
    ----------
    filter : {"area", "linear", "lanczos"}
    """
    source = Tensor.of(image)
    out = np.zeros((height, width), source.dtype)
    lib.image_resize(handle_of(out), short_call(), source._tensor,
                     ("area", "linear", "lanczos").index(filter))
    return out


def _pair(function: Any, out: Any, a: Any, b: Any, options: Any, range: Range) -> Any:
    first, second = Tensor.of(as_grey(a, range)), Tensor.of(as_grey(b, range))
    function(byref(out), short_call(), first._tensor, second._tensor, byref(options))
    return out


def ssim(a: Any, b: Any, data_range: float = 0, gaussian: bool = True,
         range: Range = None) -> float:
    """Mean SSIM of two images.

    Examples
    --------
    >>> image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    >>> redux.ssim(image, image)
    1.0
    """
    options = _abi.SsimOptions(window=0 if gaussian else 1, data_range=data_range)
    return float(_pair(lib.ssim, c_double(), a, b, options, range).value)


def ms_ssim(a: Any, b: Any, data_range: float = 0, scales: int = 0, range: Range = None) -> float:
    """Multi-scale SSIM."""
    options = _abi.MsSsimOptions(data_range=data_range, scales=scales)
    return float(_pair(lib.ms_ssim, c_double(), a, b, options, range).value)


def _information(a: Any, b: Any, bins: int, range: Range) -> Any:
    return _pair(lib.information_compute, Information(), a, b, _abi.HistogramOptions(bins=bins),
                 range)


def information(a: Any, b: Any, bins: int = 0, range: Range = None) -> Dict[str, float]:
    """Entropies, mutual information and its normalisations, of two images, in bits."""
    found = _information(a, b, bins, range)
    return {name: getattr(found, name) for name, _ in Information._fields_}


def mutual_information(a: Any, b: Any, normalisation: str = "arithmetic", bins: int = 0,
                       range: Range = None) -> float:
    """Normalised mutual information of two images.

    Parameters
    ----------
    normalisation : str
        "arithmetic", "studholme", "geometric", "min", "max", "joint" or "bits" (not normalised).
    """
    found, value = _information(a, b, bins, range), c_double()
    lib.information_normalise(byref(value), byref(found), code_of("normalisation", normalisation))
    return value.value


def entropy(image: Any, bins: int = 0, range: Range = None) -> float:
    """Shannon entropy in bits.

    Examples
    --------
    >>> redux.entropy(np.array([[0, 255], [0, 255]], np.uint8))
    1.0
    """
    source, value = Tensor.of(as_grey(image, range)), c_double()
    lib.entropy(byref(value), short_call(), source._tensor,
                byref(_abi.HistogramOptions(bins=bins)))
    return value.value


class Shift(NamedTuple):
    """A shift in pixels, and how sure it is: 0 to 1."""
    dy: float
    dx: float
    height: float


def phase_correlation(a: Any, b: Any, upsample: int = 1, range: Range = None) -> Shift:
    """How far b is shifted against a."""
    found = _pair(lib.phase_correlation, _Shift(), a, b, _abi.PhaseOptions(upsample=upsample),
                  range)
    return Shift(found.dy, found.dx, found.height)


class Metric:
    """A similarity or distance, of one pair or of many.

    Parameters
    ----------
    name : str
        "hamming" (codes), "cosine" (vectors), or of images "ssim", "ms-ssim", "mi", "mattes",
        "phase-correlation", "conditional-entropy".

    Attributes
    ----------
    is_distance : bool
        Whether small values mean alike.
    """

    def __init__(self, name: str) -> None:
        handle = c_void_p()
        if name in ("hamming", "cosine"):
            getattr(lib, "metric_new_" + name)(byref(handle), None)
        else:
            lib.metric_new_named(byref(handle), None, name.encode())
        self._begin(handle)

    def _begin(self, handle: c_void_p) -> None:
        self._owner = Owner(handle, lib.metric_free)
        self.is_distance = bool(lib.metric_is_distance(handle))

    @classmethod
    def _of(cls, options: _abi.ReduceOptions) -> Metric:
        self, handle = cls.__new__(cls), c_void_p()
        lib.metric_new_strategy(byref(handle), None, byref(options))
        self._begin(handle)
        return self

    def pair(self, a: Any, b: Any) -> float:
        """The score of two items."""
        first, second, score = Tensor.of(a), Tensor.of(b), c_double()
        lib.metric_pair(byref(score), short_call(), self._owner.handle, first._tensor,
                        second._tensor)
        return score.value

    def one_to_many(self, one: Any, many: Any) -> Array:
        """The score of one item with each row of `many`."""
        first, rest = Tensor.of(one), Tensor.of(many)
        scores = np.zeros(rest.shape[0])
        lib.metric_one_to_many(scores.ctypes.data, short_call(), self._owner.handle,
                               first._tensor, rest._tensor)
        return scores

    def pairs(self, items: Any, threshold: float,
              context: Optional[Context] = None) -> List[Tuple[int, int, float]]:
        """Every pair of rows that is redundant at the threshold: (first, second, score)."""
        source = Tensor.of(items)
        found: List[Tuple[int, int, float]] = []

        def add(pair: Any, _: Any) -> int:
            found.append((pair[0].first, pair[0].second, pair[0].score))
            return 0
        long_call(context, lambda c: lib.metric_pairs(
            c, self._owner.handle, source._tensor, threshold, _abi.FOUND(add), None))
        return found

    def nearest(self, queries: Any, items: Any, k: int = 1,
                context: Optional[Context] = None) -> Tuple[Array, Array]:
        """Numbers and scores, [queries, k] each, of the k most alike rows of `items`."""
        first, rest = Tensor.of(queries), Tensor.of(items)
        indices, scores = np.zeros((first.shape[0], k), np.int64), np.zeros((first.shape[0], k))
        long_call(context, lambda c: lib.metric_nearest(
            indices.ctypes.data, scores.ctypes.data, c, self._owner.handle, first._tensor,
            rest._tensor, k))
        return indices, scores


def one_to_many(metric: str, one: Any, many: Any) -> Array:
    """``Metric(metric).one_to_many(one, many)``."""
    return Metric(metric).one_to_many(one, many)


def cosine(a: Any, b: Any) -> float:
    """Cosine of two float32 vectors; 0 with a vector of zeros."""
    return Metric("cosine").pair(a, b)


def k_means(vectors: Any, k: int, seed: int = 0, rounds: int = 0,
            context: Optional[Context] = None) -> Tuple[Array, Array]:
    """The cluster of each row of `vectors` ([n, D] float32), and the k centroids, [k, D]."""
    source = Tensor.of(vectors)
    cluster = np.empty(source.shape[0], np.int64)
    centroids = np.zeros((k, *source.shape[1:]), np.float32)
    options = _abi.KMeansOptions(seed=seed, rounds=rounds)
    long_call(context, lambda c: lib.k_means(handle_of(centroids), cluster.ctypes.data, c,
                                             source._tensor, byref(options)))
    return cluster, centroids
