# SPDX-License-Identifier: MIT
"""The shared library: where it is, its functions, and its errors."""
from __future__ import annotations

import ctypes
import enum
import os
import weakref
from ctypes import c_int64, c_void_p
from typing import Any

from . import _abi


class Status(enum.IntEnum):
    """Why a call failed: the values of redux_status."""
    OK = 0
    INVALID = 1
    NO_MEMORY = 2
    IO = 3
    NOT_FOUND = 4
    FORMAT = 5
    UNSUPPORTED = 6
    LIMIT = 7
    CANCELLED = 8
    NOT_FINITE = 9


class ReduxError(RuntimeError):
    """A call of libredux failed.

    Attributes
    ----------
    status : Status or int
        Why; a number if the library is newer than this module.
    message : str
        What is wrong, in one line.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = Status(status) if status in Status._value2member_map_ else status
        self.message = message

    def __str__(self) -> str:
        return self.message


_SONAME = f"libredux.so.{_abi.ABI_VERSION}"
_BUNDLED = os.path.join(os.path.dirname(os.path.realpath(__file__)), "libs", _SONAME)


def find_library() -> str:
    """What is loaded: $REDUX_LIBRARY, else the library in the wheel, else that of the source tree
    which this package lies in, else the system's."""
    tree = os.path.dirname(os.path.dirname(os.path.dirname(_BUNDLED)))
    built = os.path.join(os.path.dirname(tree), "build", "lib", _SONAME)
    wanted = os.environ.get("REDUX_LIBRARY")
    if wanted:
        return wanted
    if os.path.exists(_BUNDLED):
        return _BUNDLED
    if os.path.exists(os.path.join(tree, "pyproject.toml")) and os.path.exists(built):
        return built
    return _SONAME


def _raise_failure(status: int, function: Any, arguments: Any) -> int:
    if status != 0:
        message = lib.error_message() or lib.status_string(status)
        raise ReduxError(status, message.decode("utf-8", "replace"))
    return status


class _Library:
    """The functions of libredux without their prefix; those that return a status raise."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            library = ctypes.CDLL(path)
        except OSError as error:
            raise ImportError(f"libredux cannot be loaded: {error}. Set REDUX_LIBRARY to its path, "
                              "or install the wheel, which has it") from None
        for name, result, letters in _abi.signatures():
            try:
                function = getattr(library, "redux_" + name)
            except AttributeError:
                raise ImportError(f"{path} is older than this package: it has no redux_{name}"
                                  ) from None
            function.argtypes = [_abi.LETTERS[letter] for letter in letters]
            function.restype = ctypes.c_int if result == "status" else result
            if result == "status":
                function.errcheck = _raise_failure
            setattr(self, name, function)

    def check(self) -> None:
        """Is it a version that these structs are of? The tensor's layout is frozen: looked at."""
        version = self.version_number()
        if not 200 <= version < 10000:
            raise ImportError(f"this package is for libredux 0.2 and later 0.x, {self.path} is "
                              f"{self.version_string().decode()}")
        probe, memory = _abi.Tensor(reserved=1), (ctypes.c_float * 6)()
        self.tensor_borrow(probe, memory, 0x12002, 2, (c_int64 * 2)(2, 3), None)
        seen = (list(probe.shape[:3]), list(probe.strides[:3]), probe.ndim, probe.dtype,
                probe.reserved, probe.data)
        if seen != ([2, 3, 0], [3, 1, 0], 2, 0x12002, 0, ctypes.addressof(memory)):
            raise ImportError(f"{self.path} has another ABI than this package: {seen}")

    def __getattr__(self, name: str) -> Any:  # for type checkers: the functions are set above
        raise AttributeError(name)


lib = _Library(find_library())
lib.check()
is_bundled = lib.path == _BUNDLED


def _give_back(free: Any, handle: int, pid: int, needs: Any) -> None:
    if pid in (0, os.getpid()):
        free(handle)


class Owner:
    """Owns a handle of the library, and what has to outlive it. Nothing is freed at the end of the
    interpreter, when half of it is gone: the system does that."""

    def __init__(self, handle: c_void_p, free: Any, needs: Any = None,
                 has_threads: bool = False) -> None:
        self.handle = handle
        # After a fork the threads are the parent's: the child leaves them alone.
        pid = os.getpid() if has_threads else 0
        weakref.finalize(self, _give_back, free, handle.value or 0, pid, needs).atexit = has_threads
