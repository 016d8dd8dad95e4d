# SPDX-License-Identifier: MIT
"""Perceptual hashes of arrays and of Pillow's pictures."""
from __future__ import annotations

import ctypes
from ctypes import byref
from typing import Any, List, Optional, Tuple

import numpy as np

from . import _abi
from ._context import short_call
from ._lib import lib
from ._options import as_grey, code_of, stack_of, window_of
from ._tensor import Array, Tensor, handle_of
from .metrics import Metric

_FLAT = 1  # REDUX_HASH_FLAT
_OPENCV = 5  # REDUX_PROFILE_OPENCV, whose bits are least significant first


def _options(kind: str, profile: Optional[str], size: int,
             window: Optional[str]) -> _abi.HashOptions:
    options = _abi.HashOptions(hash=code_of("hash", kind), size=size, window=window_of(window))
    options.profile = (code_of("hash_profile", profile) if profile else
                       lib.hash_default_profile(options.hash))
    lib.hash_check(byref(options))
    return options


def _bits(codes: Array, options: _abi.HashOptions) -> Array:
    order: Any = "little" if options.profile == _OPENCV else "big"
    count = lib.hash_bits(byref(options))
    return np.unpackbits(codes, axis=-1, bitorder=order)[..., :count].astype(bool)


def _hex(code: Array, options: _abi.HashOptions) -> str:
    text = ctypes.create_string_buffer(2 * len(code) + 1)
    lib.hash_to_text(text, code.ctypes.data, byref(options))
    return text.value.decode()


class Hashes:
    """Codes of one kind.

    Attributes
    ----------
    codes : [N, bytes] uint8
    quality : [N] int32
        0 to 100, PDQ's measure.
    flat : [N] bool
        (Nearly) flat images, of which equal codes say nothing.
    """

    def __init__(self, options: _abi.HashOptions, codes: Array, quality: Array,
                 flat: Array) -> None:
        self._options, self.codes, self.quality, self.flat = options, codes, quality, flat

    def __len__(self) -> int:
        return len(self.codes)

    def __repr__(self) -> str:
        return f"<redux.Hashes: {len(self)} of {lib.hash_bits(byref(self._options))} bits>"

    def __getitem__(self, index: int) -> ImageHash:
        return ImageHash(self.codes[index], self._options)

    @property
    def hex(self) -> List[str]:
        """Each code as its peer writes it: imagehash.hex_to_hash reads that of its profile."""
        return [_hex(code, self._options) for code in self.codes]

    @property
    def bits(self) -> Array:
        """[N, bits] bool, in the order in which the bytes hold them."""
        return _bits(self.codes, self._options)

    def distances(self, other: Optional[Hashes] = None) -> Array:
        """Hamming distances [N, M] to the codes of `other`, or among themselves."""
        codes, hamming = (self if other is None else other).codes, Metric("hamming")
        return np.stack([hamming.one_to_many(code, codes) for code in self.codes])


class ImageHash:
    """One code, which compares, subtracts and prints as an ``imagehash.ImageHash`` does.

    Examples
    --------
    >>> a = redux.hex_to_hash("ffd7918181c9ffff")
    >>> b = redux.hex_to_hash("9f172786e71f1e00")
    >>> a - b, a == b, str(a), a.hash.shape
    (33, False, 'ffd7918181c9ffff', (8, 8))
    """

    def __init__(self, code: Array, options: _abi.HashOptions) -> None:
        self._code, self._options = np.ascontiguousarray(code), options

    @property
    def hash(self) -> Array:
        """The bits as a bool array; square where their number is (as imagehash has it)."""
        bits = _bits(self._code, self._options)
        side = round(len(bits) ** 0.5)
        return bits.reshape(side, side) if side * side == len(bits) else bits

    def __str__(self) -> str:
        return _hex(self._code, self._options)

    def __repr__(self) -> str:
        return repr(self.hash)

    def __len__(self) -> int:
        return int(lib.hash_bits(byref(self._options)))

    def __sub__(self, other: Any) -> int:
        """How many bits differ."""
        if other is None:
            raise TypeError("Other hash must not be None.")
        theirs, own = np.asarray(other.hash), self.hash
        if theirs.shape != own.shape:
            raise TypeError("ImageHashes must be of the same shape.", own.shape, theirs.shape)
        return int(np.count_nonzero(own != theirs))

    def __eq__(self, other: object) -> bool:
        theirs = getattr(other, "hash", None)
        return theirs is not None and bool(np.array_equal(self.hash, np.asarray(theirs)))

    def __hash__(self) -> int:
        flat = self.hash.ravel()
        return sum(2 ** (i % 8) for i in np.flatnonzero(flat).tolist())

    def __reduce__(self) -> Any:
        o = self._options
        return _restore, (str(self), o.hash, o.profile, o.size)


def _restore(text: str, kind: int, profile: int, size: int) -> ImageHash:
    options = _abi.HashOptions(hash=kind, profile=profile, size=size)
    code = np.zeros(lib.hash_bytes(byref(options)), np.uint8)
    lib.hash_from_text(code.ctypes.data, text.encode(), byref(options))
    return ImageHash(code, options)


def hex_to_hash(text: str) -> ImageHash:
    """The hash that ``str(hash)`` came from; square ones, as imagehash's function of that name."""
    side = round((4 * len(text)) ** 0.5)
    if side * side != 4 * len(text):
        raise ValueError(f"{text!r} is not the text of a square hash")
    return _restore(text, code_of("hash", "average"), code_of("hash_profile", "imagehash"), side)


def _pixels_of(picture: Any) -> Array:
    """Of a PIL.Image, as imagehash takes it: by its convert("L") where it is not grey or RGB."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        raise TypeError(f"a picture of mode {picture.mode} has no fixed range of grey: hash its "
                        "array, with range=(low, high)")
    if picture.mode not in ("L", "LA", "RGB", "RGBA"):
        picture = picture.convert("L")
    return np.asarray(picture)


def _hash_picture(picture: Any, options: _abi.HashOptions) -> ImageHash:
    code = np.zeros(lib.hash_bytes(byref(options)), np.uint8)
    source = Tensor.of(_pixels_of(picture))
    lib.hash_picture(code.ctypes.data, None, short_call(), source._tensor, byref(options))
    return ImageHash(code, options)


def hash(images: Any, kind: str = "difference", profile: Optional[str] = None, size: int = 0,
         window: Optional[str] = None, layout: Optional[str] = None,
         range: Optional[Tuple[float, float]] = None) -> Any:
    """Perceptual hashes.

    Parameters
    ----------
    images : array, PIL.Image or list of PIL.Image
        [H, W] or [N, H, W] grey, uint8 or float32 in 0 to 1. Profile "hu": any type, under a window
        such as "lung".
    kind : str
        "average", "difference", "dct", "wavelet", "pdq", "blockhash", ...: redux-hash --help.
    profile : str, optional
        The package whose bits these are: "imagehash", "imagededup", "pdq", "opencv", ...
    size : int
        Side of the hash where there is a choice; 0: the profile's own.
    layout : {"HW", "NHW"}, optional
        Needed for [N, H, W] of a width up to 4, which might be a picture in colour.
    range : (low, high), optional
        Of float images that are not within 0 to 1.

    Returns
    -------
    Hashes, or for pictures of Pillow an ImageHash, or a list of them.

    Examples
    --------
    >>> image = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))
    >>> redux.hash(image).hex
    ['ffffffffffffffff']
    """
    options = _options(kind, profile, size, window)
    if hasattr(images, "convert"):
        return _hash_picture(images, options)
    if isinstance(images, (list, tuple)) and images and hasattr(images[0], "convert"):
        return [_hash_picture(picture, options) for picture in images]
    source, many = stack_of(as_grey(images, range), layout)
    count = source.shape[0] if many else 1
    codes = np.zeros((count, lib.hash_bytes(byref(options))), np.uint8)
    infos = np.zeros(count, np.dtype([("quality", np.int32), ("flags", np.uint32)]))
    lib.hash_compute_info(handle_of(codes if many else codes[0]), infos.ctypes.data, short_call(),
                          source._tensor, byref(options))
    return Hashes(options, codes, infos["quality"].copy(), infos["flags"] & _FLAT == _FLAT)
