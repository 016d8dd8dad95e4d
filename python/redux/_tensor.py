# SPDX-License-Identifier: MIT
"""Arrays that go in and come out without copies (NumPy's array interface, DLPack)."""
from __future__ import annotations

import ctypes
from ctypes import byref, c_char_p, c_int, c_int64, c_void_p
from typing import Any, Dict, Optional, Tuple

import numpy as np
import numpy.typing as npt

from . import _abi
from ._lib import lib

Array = npt.NDArray[Any]

CODES = {np.dtype(name): code for name, code in _abi.DTYPES.items()}
NUMPY_DTYPES = {code: dtype for dtype, code in CODES.items()}


def _python(name: str, result: Any, *arguments: Any) -> Any:
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


_DLTENSOR, _USED = b"dltensor", b"used_dltensor"  # capsules keep pointers to these names
_DESTRUCTOR = ctypes.PYFUNCTYPE(None, c_void_p)
_capsule_new = _python("PyCapsule_New", ctypes.py_object, c_void_p, c_char_p, _DESTRUCTOR)
_capsule_pointer = _python("PyCapsule_GetPointer", c_void_p, ctypes.py_object, c_char_p)
_capsule_rename = _python("PyCapsule_SetName", c_int, ctypes.py_object, c_char_p)
# In its destructor a capsule has no references left: there it is only an address.
_dying_capsule_is = _python("PyCapsule_IsValid", c_int, c_void_p, c_char_p)
_dying_capsule_pointer = _python("PyCapsule_GetPointer", c_void_p, c_void_p, c_char_p)


def _free_unused(capsule: int) -> None:
    if _dying_capsule_is(capsule, _DLTENSOR):  # nobody took it
        address = _dying_capsule_pointer(capsule, _DLTENSOR)
        _abi.DLManagedTensor.from_address(address).deleter(address)


_capsule_done = _DESTRUCTOR(_free_unused)


class Tensor:
    """Memory shared with libredux.

    ``np.asarray(t)``, ``np.from_dlpack(t)`` and ``torch.from_dlpack(t)`` see the same memory,
    without a copy; it lives as long as one of them does.
    """

    _release = lib.tensor_release  # still here when the interpreter ends

    def __init__(self) -> None:
        self._tensor = _abi.Tensor()
        self._source: Any = None  # what a borrowed tensor's memory belongs to

    @staticmethod
    def of(array: Any) -> Tensor:
        """Shares NumPy arrays and what has ``__dlpack__`` (PyTorch's tensors), or becomes an array.

        Raises
        ------
        TypeError
            Masked arrays (which values are meant?), objects, complex numbers, text.
        """
        if isinstance(array, Tensor):
            return array
        result = Tensor()
        if not isinstance(array, np.ndarray) and hasattr(array, "__dlpack__"):
            if "complex" in str(getattr(array, "dtype", "")):
                raise TypeError(f"libredux has no elements of type {array.dtype}")
            result._take(array)
            return result
        if isinstance(array, np.ma.MaskedArray):
            raise TypeError("libredux has no masks: give array.filled(value)")
        array = np.asarray(array)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        if array.dtype not in CODES:
            raise TypeError(f"libredux has no elements of type {array.dtype}")
        if any(stride % array.itemsize for stride in array.strides):
            array = np.ascontiguousarray(array)
        shape = (c_int64 * array.ndim)(*array.shape)
        strides = (c_int64 * array.ndim)(*(s // array.itemsize for s in array.strides))
        lib.tensor_borrow(result._tensor, array.ctypes.data if array.size else None,
                          CODES[array.dtype], array.ndim, shape, strides)
        result._source = array
        return result

    def _take(self, producer: Any) -> None:
        capsule = (producer.detach() if hasattr(producer, "detach") else producer).__dlpack__()
        managed = _capsule_pointer(capsule, _DLTENSOR)
        lib.tensor_from_dlpack(self._tensor, None, managed)
        _capsule_rename(capsule, _USED)  # its memory is released by the tensor now

    @property
    def shape(self) -> Tuple[int, ...]:
        return tuple(self._tensor.shape[:self._tensor.ndim])

    @property
    def dtype(self) -> Optional[np.dtype[Any]]:
        """NumPy's, or None for bfloat16."""
        return NUMPY_DTYPES.get(self._tensor.dtype)

    @property
    def __array_interface__(self) -> Dict[str, Any]:
        dtype = self.dtype
        if dtype is None:
            raise TypeError("NumPy has no such element type: use torch.from_dlpack")
        strides = tuple(s * dtype.itemsize for s in self._tensor.strides[:self._tensor.ndim])
        return {"version": 3, "typestr": dtype.str, "shape": self.shape, "strides": strides,
                "data": (self._tensor.data or 0, False)}

    def numpy(self) -> Array:
        """The same memory as a NumPy array."""
        return np.asarray(self) if 0 not in self.shape else np.empty(self.shape, self.dtype)

    def __dlpack_device__(self) -> Tuple[int, int]:
        return 1, 0

    def __dlpack__(self, stream: Any = None) -> Any:
        if self._source is not None:  # borrowed: its owner knows how to keep it alive
            return self._source.__dlpack__()
        managed = c_void_p()
        lib.tensor_to_dlpack(byref(managed), None, self._tensor)
        return _capsule_new(managed, _DLTENSOR, _capsule_done)

    def __del__(self) -> None:
        tensor = getattr(self, "_tensor", None)
        if tensor is not None and tensor.storage:  # a borrowed one has nothing to give back
            Tensor._release(tensor)


def handle_of(array: Array) -> Any:
    """The struct of an array that is written to; the array has to outlive the call."""
    return Tensor.of(array)._tensor
