# SPDX-License-Identifier: MIT
"""libredux for Python: find and cut redundancy in image datasets, medical volumes first.

One file over the shared library's stable interface (ctypes): copy it beside your script. It needs
NumPy; PyTorch only where a function says so. Arrays go in and come out without copies.

    import redux
    manifest = redux.reduce(["scans/"], strategy="ssim", percent=25)
    manifest.save("kept.csv")
    subset = manifest.subset(my_torch_dataset)

libredux.so is looked for in REDUX_LIBRARY (its path), in the build folder of the source tree that
this file lies in, and where the system keeps its libraries. Failures raise ReduxError.
"""
from __future__ import annotations

import ctypes
import enum
import os
import threading
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t
from ctypes import c_uint32, c_uint64, c_void_p
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

NAN = float("nan")
_ABI = 1  # of the library: REDUX_ABI_VERSION


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
    """A libredux call failed: `status` (a Status, or a number newer than this file), `message`."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = Status(status) if status in Status._value2member_map_ else status
        self.message = message


# ---- the interface: structs as in the headers -------------------------------------------------

class _Tensor(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("storage", c_void_p), ("shape", c_int64 * 8),
                ("strides", c_int64 * 8), ("ndim", c_int32), ("dtype", c_int32),
                ("reserved", c_uint64)]


class _Sized(ctypes.Structure):
    """A struct that begins with its own size. `_init_`: the values of its ..._INIT macro that are
    not 0."""
    _init_: Dict[str, Any] = {}

    def __init__(self, **fields: Any):
        super().__init__()
        self.struct_size = ctypes.sizeof(self)
        for name, value in {**self._init_, **fields}.items():
            setattr(self, name, value)


_PROGRESS = ctypes.CFUNCTYPE(c_int, c_int64, c_int64, c_void_p)


class _Window(ctypes.Structure):
    _fields_ = [("kind", c_int32), ("low", c_double), ("high", c_double)]


class _ContextOptions(_Sized):
    _fields_ = [("struct_size", c_size_t), ("allocate", c_void_p), ("deallocate", c_void_p),
                ("allocator_user", c_void_p), ("log", c_void_p), ("log_user", c_void_p),
                ("progress", _PROGRESS), ("progress_user", c_void_p), ("threads", c_int32),
                ("flags", c_uint32), ("max_bytes", c_uint64)]


class _DatasetOptions(_Sized):
    _fields_ = [("struct_size", c_size_t), ("orientation", c_int32), ("frame", c_int32),
                ("skip_errors", c_int32), ("exclude", POINTER(c_char_p)),
                ("exclude_count", c_int64), ("group_by", c_char_p), ("grouped_with", c_void_p),
                ("within", c_char_p)]
    _init_ = {"frame": -1}


class _VolumeInfo(_Sized):
    _fields_ = [("struct_size", c_size_t), ("dtype", c_int32), ("source", c_char_p), ("slices", c_int64), ("height", c_int64), ("width", c_int64),
                ("slope", c_double), ("intercept", c_double), ("spacing", c_double * 3),
                ("bytes", c_uint64), ("same_slices", c_int32), ("format", c_char_p),
                ("is_scan", c_int32), ("file_per_slice", c_int32), ("on_demand", c_int32)]
    _init_ = {"dtype": 0x10801}


class _VolumeSource(_Sized):
    _fields_ = [("struct_size", c_size_t), ("source", c_char_p), ("voxels", POINTER(_Tensor)),
                ("slope", c_double), ("intercept", c_double), ("spacing", c_double * 3),
                ("is_scan", c_int32), ("dtype", c_int32), ("slices", c_int64),
                ("height", c_int64), ("width", c_int64), ("colours", c_int32),
                ("reserved", c_int32), ("load", c_void_p), ("load_slice", c_void_p),
                ("user", c_void_p), ("fingerprint", POINTER(c_uint32))]
    _init_ = {"slope": 1, "dtype": 0x10801}


class _InputOptions(_Sized):
    _fields_ = [("struct_size", c_size_t), ("window", _Window), ("size", c_int32),
                ("mean", c_double), ("deviation", c_double)]
    _init_ = {"size": 64, "mean": 0.5, "deviation": 0.25}


class _LoaderOptions(_Sized):
    _fields_ = [("struct_size", c_size_t), ("input", POINTER(_InputOptions)), ("views", c_void_p),
                ("batch", c_int64), ("seed", c_uint64), ("memory_bytes", c_uint64),
                ("first_batch", c_int64), ("epochs", c_int64), ("batches", c_int64),
                ("skip_errors", c_int32), ("reserved", c_int32)]
    _init_ = {"batch": 256}


class _HashOptions(_Sized):
    _fields_ = [("struct_size", c_size_t), ("hash", c_int32), ("profile", c_int32),
                ("size", c_int32), ("window", _Window)]
    _init_ = {"hash": 1}


class _SsimOptions(_Sized):
    _fields_ = [("struct_size", c_size_t), ("window", c_int32), ("data_range", c_double)]


class _MsSsimOptions(_Sized):
    _fields_ = [("struct_size", c_size_t), ("data_range", c_double), ("scales", c_int32)]


class _HistogramOptions(_Sized):
    _fields_ = [("struct_size", c_size_t), ("bins", c_int32), ("range", c_int32),
                ("low", c_double), ("high", c_double), ("normalisation", c_int32)]


class _PhaseOptions(_Sized):
    _fields_ = [("struct_size", c_size_t), ("window", c_int32), ("upsample", c_int32)]


class _Information(ctypes.Structure):
    _fields_ = [(name, c_double) for name in (
        "entropy_a", "entropy_b", "joint", "mutual", "a_given_b", "b_given_a", "variation",
        "nmi_arithmetic", "nmi_studholme", "nmi_geometric", "nmi_min", "nmi_max", "nmi_joint")]


class _Shift(ctypes.Structure):
    _fields_ = [("dy", c_double), ("dx", c_double), ("height", c_double)]


class _Pair(ctypes.Structure):
    _fields_ = [("first", c_int64), ("second", c_int64), ("score", c_double)]


class _ReduceOptions(_Sized):
    _fields_ = [("struct_size", c_size_t), ("strategy", c_int32), ("scope", c_int32),
                ("order", c_int32), ("threshold", c_double), ("keep_count", c_int64),
                ("keep_percent", c_double), ("each_group", c_int32), ("window", _Window),
                ("hash", c_int32),
                ("profile", c_int32), ("bins", c_int32), ("size", c_int32),
                ("embeddings", POINTER(_Tensor)), ("skip_errors", c_int32), ("rule", c_int32),
                ("then", c_int32), ("then_threshold", c_double), ("against", c_void_p),
                ("against_kept", c_void_p), ("against_embeddings", POINTER(_Tensor)),
                ("update", c_void_p), ("keep_exemplars", c_int32), ("metric", c_void_p),
                ("clusters", c_int32), ("seed", c_uint64), ("calibrate", c_int32),
                ("false_drops", c_double), ("hash_size", c_int32), ("encoder", c_char_p),
                ("levels", c_int32), ("nearest", c_int32), ("temperature", c_double)]
    _init_ = {"strategy": 2, "scope": 2, "threshold": NAN, "keep_percent": NAN, "hash": 1,
              "then_threshold": NAN, "false_drops": NAN}


class _KMeansOptions(_Sized):
    _fields_ = [("struct_size", c_size_t), ("seed", c_uint64), ("rounds", c_int32)]


class _Row(ctypes.Structure):
    _fields_ = [("volume", c_int64), ("slice", c_int64), ("kept", c_int32), ("skipped", c_int32),
                ("witness", c_int64), ("score", c_double), ("flat", c_int32)]


class _ReduceSummary(_Sized):
    _fields_ = [("struct_size", c_size_t), ("slices", c_int64), ("kept", c_int64),
                ("volumes", c_int64), ("groups", c_int64), ("threshold", c_double),
                ("threshold_low", c_double), ("threshold_high", c_double),
                ("default_threshold", c_double), ("budget", c_int64),
                ("refilled", c_int64), ("threshold_is_exact", c_int32), ("compared_size", c_int64),
                ("updated", c_int64), ("against", c_int64), ("leaked", c_int64),
                ("shared_groups", c_int64),
                ("largest", c_int64), ("then_is_exact", c_int32), ("flat", c_int64),
                ("false_drops", c_double), ("false_drops_error", c_double),
                ("pairs_compared", c_int64), ("pairs_skipped", c_int64)]


class _ManifestRow(ctypes.Structure):
    _fields_ = [("source", c_char_p), ("slice", c_int64), ("kept", c_int32),
                ("witness_source", c_char_p), ("witness_slice", c_int64), ("score", c_double),
                ("group", c_char_p)]


class _SafetensorsContent(_Sized):
    _fields_ = [("struct_size", c_size_t), ("count", c_int64), ("names", POINTER(c_char_p)),
                ("tensors", POINTER(_Tensor)), ("pair_count", c_int64), ("keys", POINTER(c_char_p)),
                ("values", POINTER(c_char_p))]


# ---- the library ------------------------------------------------------------------------------

_FOUND = ctypes.CFUNCTYPE(c_int, POINTER(_Pair), c_void_p)

# What a function returns: its name and arguments, one letter each. The test holds them against the
# headers. T: redux_tensor *; P: any other pointer; s: text; W: redux_window; "status" raises.
_LETTERS = {"T": POINTER(_Tensor), "P": c_void_p, "s": c_char_p, "d": c_double, "i": c_int32,
            "l": c_int64, "W": _Window, "F": _FOUND}
_FUNCTIONS: Dict[Any, str] = {
    "status": """
        context_new PP, dataset_new PPPl, dataset_open PPPlP, dataset_get_place PPPl, dataset_get_slice_name PPPll, dataset_get_volume_info PPl,
        embed TPPPPPPl, encoder_load PPPPs, entropy PPTP, hash_check P, hash_compute_info TPPTP,
        hash_to_text PPP, hash_parse Ps, hash_profile_parse Ps, information_compute PPTTP,
        information_normalise PPi, input_apply TPTddiP, k_means TPPTP, loader_new PPPPP, loader_next PPP, manifest_load PPs, manifest_get_row PPl,
        metric_nearest PPPPTTl, metric_new_cosine PP, metric_new_hamming PP, metric_new_named PPs,
        metric_one_to_many PPPTT, metric_new_strategy PPP, metric_pair PPPTT, metric_pairs PPTdFP, ms_ssim PPTTP,
        network_save sPPPP,
        normalisation_parse Ps, phase_correlation PPTTP, reduce PPPP, reduce_items TPPPlP, reduction_get_name PPPl,
        reduction_get_row PPl, reduction_get_summary PP, results_save ssPPd, rule_parse Ps,
        safetensors_load PPs, safetensors_save sPP, safetensors_get_tensor TPl, ssim PPTTP,
        strategy_parse Ps, tensor_borrow TPiiPP, tensor_from_dlpack TPP, tensor_to_dlpack PPT,
        tensor_new TPiiP, volume_open PPPl, volume_slice TPPl, volume_slice_windowed TPPlW, window_apply TPTddW, window_parse Ps
        """,
    None: """
        context_free P, dataset_free P, loader_free P, manifest_free P, metric_free P, network_free P,
        reduction_free P, safetensors_free P, tensor_release T, volume_free P""",
    c_char_p: """
        dataset_group_name Pl, dataset_skipped_reason Pl, dataset_skipped_source Pl, error_message -,
        safetensors_metadata Ps, safetensors_name Pl, status_string i, version_string -""",
    c_int: """
        context_threads P, hash_default_profile i, metric_is_distance P, version_number -,
        window_dtype W""",
    c_void_p: "loader_rows P",
    c_int64: """
        dataset_get_group Pll, dataset_group_count P, dataset_skipped_count P, dataset_slice_count P, dataset_slice_number Pll,
        dataset_volume_count P, hash_bits P, hash_bytes P, loader_batch P, loader_batch_count P,
        loader_view_count P,
        manifest_row_count P, network_features P, reduction_row_count P, safetensors_tensor_count P""",
    _Window: "window_resolve Wii",
}


def _raise_failure(status: int, function: Any, arguments: Any) -> int:
    if status != 0:
        message = _lib.error_message() or _lib.status_string(status)
        raise ReduxError(status, message.decode("utf-8", "replace"))
    return status


class _Library:
    """The functions of libredux without their prefix; those that return a status raise."""

    def __init__(self) -> None:
        here = os.path.dirname(os.path.realpath(__file__))
        built = os.path.join(here, "..", "build", "lib", f"libredux.so.{_ABI}")
        wanted = os.environ.get("REDUX_LIBRARY") or (built if os.path.exists(built) else None)
        self.path = wanted or f"libredux.so.{_ABI}"  # wherever the system looks for it
        library = ctypes.CDLL(self.path)
        for result, listed in _FUNCTIONS.items():
            for name, letters in (entry.split() for entry in listed.split(",")):
                function = getattr(library, "redux_" + name)
                function.argtypes = [_LETTERS[letter] for letter in letters.strip("-")]
                function.restype = c_int if result == "status" else result
                if result == "status":
                    function.errcheck = _raise_failure
                setattr(self, name, function)

    def check(self) -> None:
        """Is it a version that these structs are of? The tensor's layout is frozen: looked at."""
        version = self.version_number()
        if not 200 <= version < 10000:
            raise ImportError(f"redux.py is for libredux 0.2 and later 0.x, {self.path} is "
                              f"{self.version_string().decode()}")
        probe = _Tensor(reserved=1)
        memory = (ctypes.c_float * 6)()
        self.tensor_borrow(probe, memory, 0x12002, 2, (c_int64 * 2)(2, 3), None)
        seen = (list(probe.shape[:3]), list(probe.strides[:3]), probe.ndim, probe.dtype,
                probe.reserved, probe.data)
        if seen != ([2, 3, 0], [3, 1, 0], 2, 0x12002, 0, ctypes.addressof(memory)):
            raise ImportError(f"{self.path} has another ABI than redux.py: {seen}")


_lib: Any = _Library()
_lib.check()
__version__: str = _lib.version_string().decode()


# ---- contexts: threads, progress, Ctrl-C ------------------------------------------------------

class Context:
    """Worker threads (-1: all processors) and, if wanted, progress(done, total), which cancels the
    call when it returns something true or raises (it may be called on another thread). For one call
    at a time."""

    def __init__(self, threads: int = -1, progress: Optional[Callable[[int, int], Any]] = None,
                 _short: bool = False):
        self._raised: Optional[BaseException] = None
        self._stop = False
        self._progress = progress
        self._callback = _PROGRESS() if _short else _PROGRESS(self._report)
        self._handle = c_void_p()
        self._pid = os.getpid()
        options = _ContextOptions(threads=threads, progress=self._callback)
        _lib.context_new(byref(self._handle), byref(options))

    def _report(self, done: int, total: int, _: Any) -> int:
        try:
            wanted = self._progress is not None and self._progress(done, total)
        except BaseException as error:  # must not leave a C callback
            self._raised = error
            wanted = True
        return 1 if wanted or self._stop else 0

    @property
    def threads(self) -> int:
        return _lib.context_threads(self._handle)

    def _run(self, work: Callable[[c_void_p], Any]) -> None:
        """Works on another thread if this one is Python's first, which alone gets signals: so
        Ctrl-C stops `work` at its next step, and never strikes inside of a C callback."""
        failed: List[BaseException] = []
        done = threading.Event()
        interrupted = None
        self._raised, self._stop = None, False

        def run() -> None:
            try:
                work(self._handle)
            except BaseException as error:
                failed.append(error)
            finally:
                done.set()
        if threading.current_thread() is threading.main_thread():
            threading.Thread(target=run, daemon=True).start()
        else:
            run()
        while not done.is_set():
            try:
                done.wait()
            except BaseException as error:  # KeyboardInterrupt, or of a signal's handler
                interrupted, self._stop = error, True
        for error in (interrupted, self._raised, *failed):
            if error is not None:
                raise error

    def __del__(self) -> None:
        # After a fork the threads are the parent's: the child leaves them alone.
        if getattr(self, "_handle", None) and self._pid == os.getpid():
            _lib.context_free(self._handle)


_local = threading.local()


def _short_call() -> c_void_p:
    """This thread's own context, for what is soon done; a forked DataLoader worker gets its own."""
    own = getattr(_local, "context", None)
    if own is None or own._pid != os.getpid():
        own = _local.context = Context(_short=True)
    return own._handle


def _long_call(context: Optional[Context], work: Callable[[c_void_p], Any]) -> None:
    (context or Context())._run(work)


# ---- tensors ----------------------------------------------------------------------------------

_CODES = {np.dtype(name): code for name, code in {
    "int8": 0x10800, "int16": 0x11000, "int32": 0x12000, "int64": 0x14000, "uint8": 0x10801,
    "uint16": 0x11001, "uint32": 0x12001, "uint64": 0x14001, "float16": 0x11002,
    "float32": 0x12002, "float64": 0x14002, "bool": 0x10806}.items()}
_DTYPES = {code: dtype for dtype, code in _CODES.items()}
_BFLOAT16 = 0x11004


class _DLManagedTensor(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("device", c_int32 * 2), ("ndim", c_int32),
                ("dtype", c_uint32), ("shape", c_void_p), ("strides", c_void_p),
                ("byte_offset", c_uint64), ("manager", c_void_p),
                ("deleter", ctypes.CFUNCTYPE(None, c_void_p))]


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


@_DESTRUCTOR
def _capsule_done(capsule: int) -> None:
    if _dying_capsule_is(capsule, _DLTENSOR):  # nobody took it
        address = _dying_capsule_pointer(capsule, _DLTENSOR)
        _DLManagedTensor.from_address(address).deleter(address)


class Tensor:
    """Memory shared with libredux. np.asarray(t), np.from_dlpack(t) and torch.from_dlpack(t) see
    the same memory, without a copy; it lives as long as one of them does."""

    def __init__(self) -> None:
        self._tensor = _Tensor()
        self._source: Any = None  # what a borrowed tensor's memory belongs to

    @staticmethod
    def of(array: Any) -> "Tensor":
        """NumPy arrays, and whatever has __dlpack__ (PyTorch's tensors) or becomes an array."""
        if isinstance(array, Tensor):
            return array
        result = Tensor()
        if not isinstance(array, np.ndarray) and hasattr(array, "__dlpack__"):
            result._take(array)
            return result
        array = np.asarray(array)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        if array.dtype not in _CODES:
            raise TypeError(f"libredux has no elements of type {array.dtype}")
        if any(stride % array.itemsize for stride in array.strides):
            array = np.ascontiguousarray(array)
        shape = (c_int64 * array.ndim)(*array.shape)
        strides = (c_int64 * array.ndim)(*(s // array.itemsize for s in array.strides))
        _lib.tensor_borrow(result._tensor, array.ctypes.data if array.size else None,
                           _CODES[array.dtype], array.ndim, shape, strides)
        result._source = array
        return result

    def _take(self, producer: Any) -> None:
        capsule = (producer.detach() if hasattr(producer, "detach") else producer).__dlpack__()
        managed = _capsule_pointer(capsule, _DLTENSOR)
        _lib.tensor_from_dlpack(self._tensor, None, managed)
        _capsule_rename(capsule, _USED)  # its memory is released by the tensor now

    @property
    def shape(self) -> Tuple[int, ...]:
        return tuple(self._tensor.shape[:self._tensor.ndim])

    @property
    def __array_interface__(self) -> Dict[str, Any]:
        dtype = _DTYPES.get(self._tensor.dtype)
        if dtype is None:
            raise TypeError("NumPy has no such element type: use torch.from_dlpack")
        strides = tuple(s * dtype.itemsize for s in self._tensor.strides[:self._tensor.ndim])
        return {"version": 3, "typestr": dtype.str, "shape": self.shape, "strides": strides,
                "data": (self._tensor.data or 0, False)}

    def numpy(self) -> np.ndarray:
        """The same memory as a NumPy array."""
        return np.asarray(self) if 0 not in self.shape else np.empty(self.shape,
                                                                     _DTYPES[self._tensor.dtype])

    def __dlpack_device__(self) -> Tuple[int, int]:
        return 1, 0

    def __dlpack__(self, stream: Any = None) -> Any:
        if self._source is not None:  # borrowed: its owner knows how to keep it alive
            return self._source.__dlpack__()
        managed = c_void_p()
        _lib.tensor_to_dlpack(byref(managed), None, self._tensor)
        return _capsule_new(managed, _DLTENSOR, _capsule_done)

    def __del__(self) -> None:
        tensor = getattr(self, "_tensor", None)
        if tensor is not None and tensor.storage:  # a borrowed one has nothing to give back
            _lib.tensor_release(tensor)


def _code(kind: str, name: str) -> int:
    found = c_int32()
    getattr(_lib, kind + "_parse")(byref(found), name.encode())
    return found.value


def _window(text: Optional[str]) -> _Window:
    window = _Window()
    _lib.window_parse(byref(window), (text or "auto").encode())
    return window


def _paths(paths: Any) -> Any:
    one = isinstance(paths, (str, bytes, os.PathLike))
    names = [os.fsencode(path) for path in ([paths] if one else paths)]
    return (c_char_p * len(names))(*names)


# ---- images and pairs of images ---------------------------------------------------------------

def window(image: Any, window: str = "slice", slope: float = 1, intercept: float = 0) -> np.ndarray:
    """Voxel values [H, W] to grey: "slice", "full" (uint8), "lung", "-160:240" (float32)."""
    source = Tensor.of(image)
    resolved = _lib.window_resolve(_window(window), source._tensor.dtype, 1)
    out = np.zeros(source.shape, _DTYPES[_lib.window_dtype(resolved)])
    c = _short_call()
    _lib.window_apply(Tensor.of(out)._tensor, c, source._tensor, slope, intercept, resolved)
    return out


class Hashes:
    """Codes of one kind: `codes` [N, bytes] uint8, `quality` and `flat` [N]."""

    def __init__(self, options: _HashOptions, codes: np.ndarray, quality: np.ndarray,
                 flat: np.ndarray):
        self._options, self.codes, self.quality, self.flat = options, codes, quality, flat

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def hex(self) -> List[str]:
        """Each code as its peer writes it: imagehash.hex_to_hash reads that of its profile."""
        text = ctypes.create_string_buffer(2 * self.codes.shape[1] + 1)
        result = []
        for code in self.codes:
            _lib.hash_to_text(text, code.ctypes.data, byref(self._options))
            result.append(text.value.decode())
        return result

    @property
    def bits(self) -> np.ndarray:
        """[N, bits] bool, in the order in which the bytes hold them."""
        order = "little" if self._options.profile == 5 else "big"  # opencv
        count = _lib.hash_bits(byref(self._options))
        return np.unpackbits(self.codes, axis=1, bitorder=order)[:, :count].astype(bool)

    def distances(self, other: Optional["Hashes"] = None) -> np.ndarray:
        """Hamming distances [N, M] to the codes of `other`, or among themselves."""
        codes = self.codes if other is None else other.codes
        return np.stack([one_to_many("hamming", code, codes) for code in self.codes])


def hash(images: Any, kind: str = "difference", profile: Optional[str] = None, size: int = 0,
         window: Optional[str] = None) -> Hashes:
    """Perceptual hashes of [H, W] or [N, H, W] grey images, uint8 or float32 in 0 to 1. Profile
    "hu": any type, under a window such as "lung"."""
    source = Tensor.of(images)
    options = _HashOptions(hash=_code("hash", kind), size=size, window=_window(window))
    options.profile = (_code("hash_profile", profile) if profile else
                       _lib.hash_default_profile(options.hash))
    _lib.hash_check(byref(options))
    count = source.shape[0] if len(source.shape) == 3 else 1
    codes = np.zeros((count, _lib.hash_bytes(byref(options))), np.uint8)
    out = Tensor.of(codes if len(source.shape) == 3 else codes[0])
    infos = np.zeros(count, np.dtype([("quality", np.int32), ("flags", np.uint32)]))
    _lib.hash_compute_info(out._tensor, infos.ctypes.data, _short_call(), source._tensor,
                           byref(options))
    return Hashes(options, codes, infos["quality"].copy(), infos["flags"] & 1 == 1)


def _pair(function: Any, out: Any, a: Any, b: Any, options: Any) -> Any:
    first, second = Tensor.of(a), Tensor.of(b)
    c = _short_call()
    function(byref(out), c, first._tensor, second._tensor, byref(options))
    return out


def ssim(a: Any, b: Any, data_range: float = 0, gaussian: bool = True) -> float:
    """Mean SSIM of two [H, W] images, uint8 or float32 (as for all of these)."""
    options = _SsimOptions(window=0 if gaussian else 1, data_range=data_range)
    return _pair(_lib.ssim, c_double(), a, b, options).value


def ms_ssim(a: Any, b: Any, data_range: float = 0, scales: int = 0) -> float:
    """Multi-scale SSIM."""
    options = _MsSsimOptions(data_range=data_range, scales=scales)
    return _pair(_lib.ms_ssim, c_double(), a, b, options).value


def information(a: Any, b: Any, bins: int = 0) -> Dict[str, float]:
    """Entropies, mutual information and its normalisations, of two images, in bits."""
    found = _pair(_lib.information_compute, _Information(), a, b, _HistogramOptions(bins=bins))
    return {name: getattr(found, name) for name, _ in found._fields_}


def mutual_information(a: Any, b: Any, normalisation: str = "arithmetic", bins: int = 0) -> float:
    """"arithmetic", "studholme", "geometric", "min", "max", "joint" or "bits" (not normalised)."""
    found = _pair(_lib.information_compute, _Information(), a, b, _HistogramOptions(bins=bins))
    value = c_double()
    _lib.information_normalise(byref(value), byref(found), _code("normalisation", normalisation))
    return value.value


def entropy(image: Any, bins: int = 0) -> float:
    """Shannon entropy in bits."""
    source, value = Tensor.of(image), c_double()
    c = _short_call()
    _lib.entropy(byref(value), c, source._tensor, byref(_HistogramOptions(bins=bins)))
    return value.value


class Shift(NamedTuple):
    dy: float
    dx: float
    height: float


def phase_correlation(a: Any, b: Any, upsample: int = 1) -> Shift:
    """How far b is shifted against a, in pixels, and how surely (0 to 1)."""
    found = _pair(_lib.phase_correlation, _Shift(), a, b, _PhaseOptions(upsample=upsample))
    return Shift(found.dy, found.dx, found.height)


class Metric:
    """"hamming" (codes), "cosine" (vectors), or of images "ssim", "ms-ssim", "mi", "mattes",
    "phase-correlation", "conditional-entropy"."""

    def __init__(self, name: str):
        self._handle = c_void_p()
        if name in ("hamming", "cosine"):
            getattr(_lib, "metric_new_" + name)(byref(self._handle), None)
        else:
            _lib.metric_new_named(byref(self._handle), None, name.encode())
        self.is_distance = bool(_lib.metric_is_distance(self._handle))

    @classmethod
    def _of(cls, options: "_ReduceOptions") -> "Metric":
        self = cls.__new__(cls)
        self._handle = c_void_p()
        _lib.metric_new_strategy(byref(self._handle), None, byref(options))
        self.is_distance = bool(_lib.metric_is_distance(self._handle))
        return self

    def pair(self, a: Any, b: Any) -> float:
        first, second, score = Tensor.of(a), Tensor.of(b), c_double()
        c = _short_call()
        _lib.metric_pair(byref(score), c, self._handle, first._tensor, second._tensor)
        return score.value

    def one_to_many(self, one: Any, many: Any) -> np.ndarray:
        """The score of one item with each row of `many`."""
        first, rest = Tensor.of(one), Tensor.of(many)
        scores = np.zeros(rest.shape[0])
        _lib.metric_one_to_many(scores.ctypes.data, _short_call(), self._handle, first._tensor,
                                rest._tensor)
        return scores

    def pairs(self, items: Any, threshold: float,
              context: Optional[Context] = None) -> List[Tuple[int, int, float]]:
        """Every pair of rows that is redundant at the threshold: (first, second, score)."""
        source, found = Tensor.of(items), []

        def add(pair: Any, _: Any) -> int:
            found.append((pair[0].first, pair[0].second, pair[0].score))
            return 0
        _long_call(context, lambda c: _lib.metric_pairs(
            c, self._handle, source._tensor, threshold, _FOUND(add), None))
        return found

    def nearest(self, queries: Any, items: Any, k: int = 1,
                context: Optional[Context] = None) -> Tuple[np.ndarray, np.ndarray]:
        """Numbers and scores, [queries, k] each, of the k most alike rows of `items`."""
        first, rest = Tensor.of(queries), Tensor.of(items)
        indices, scores = np.zeros((first.shape[0], k), np.int64), np.zeros((first.shape[0], k))
        _long_call(context, lambda c: _lib.metric_nearest(
            indices.ctypes.data, scores.ctypes.data, c, self._handle, first._tensor, rest._tensor,
            k))
        return indices, scores

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            _lib.metric_free(self._handle)


def one_to_many(metric: str, one: Any, many: Any) -> np.ndarray:
    """Metric(metric).one_to_many(one, many)."""
    return Metric(metric).one_to_many(one, many)


def k_means(vectors: Any, k: int, seed: int = 0, rounds: int = 0,
            context: Optional[Context] = None) -> Tuple[np.ndarray, np.ndarray]:
    """The cluster of each row of `vectors` ([n, D] float32), and the k centroids, [k, D]."""
    source = Tensor.of(vectors)
    cluster = np.empty(source.shape[0], np.int64)
    centroids = np.zeros((k, *source.shape[1:]), np.float32)
    options, out = _KMeansOptions(seed=seed, rounds=rounds), Tensor.of(centroids)
    _long_call(context, lambda c: _lib.k_means(out._tensor, cluster.ctypes.data, c, source._tensor,
                                               byref(options)))
    return cluster, centroids


def cosine(a: Any, b: Any) -> float:
    """Cosine of two float32 vectors; 0 with a vector of zeros."""
    return Metric("cosine").pair(a, b)


# ---- datasets ---------------------------------------------------------------------------------

class Dataset:
    """Slices of the NIfTI and DICOM files, pictures, .npy and .npz below some paths. len(d), d[i]:
    the values (HU for CT) of slice i, [H, W] float32. group_by: what slices belong to, as --group-by
    of redux-reduce; groups(): the name of each slice's group. Can be pickled, and used in
    DataLoader's workers."""

    def __init__(self, paths: Any, orientation: str = "axial", frame: int = -1,
                 skip_errors: bool = False, exclude: Sequence[str] = (), open_volumes: int = 4,
                 group_by: Optional[str] = None):
        self._made = (Dataset, (paths, orientation, frame, skip_errors, tuple(exclude),
                                open_volumes, group_by))
        self._begin(open_volumes)
        names, left_out = _paths(paths), _paths(exclude)
        options = _DatasetOptions(
            orientation=("axial", "stored").index(orientation), frame=frame,
            skip_errors=skip_errors, exclude=left_out, exclude_count=len(left_out),
            group_by=os.fsencode(group_by) if group_by else None)
        c = _short_call()
        _lib.dataset_open(byref(self._handle), c, names, len(names), byref(options))
        self._finish()

    def groups(self) -> List[str]:
        """The name of each slice's group, in the order of the slices."""
        names = []
        volume, slice_ = c_int64(), c_int64()
        for i in range(len(self)):
            _lib.dataset_get_place(byref(volume), byref(slice_), self._handle, i)
            group = _lib.dataset_get_group(self._handle, volume, slice_)
            names.append(os.fsdecode(_lib.dataset_group_name(self._handle, group)))
        return names

    @classmethod
    def of_arrays(cls, arrays: Dict[str, Any], slope: float = 1, intercept: float = 0,
                  spacing: Sequence[float] = (0, 0, 0), scan: bool = False) -> "Dataset":
        """Of arrays [N, H, W] or [N, H, W, 3 or 4] by their names in results, without copies: do
        not write to them meanwhile. value = slope * element + intercept."""
        self = cls.__new__(cls)
        self._made = (cls.of_arrays, (arrays, slope, intercept, spacing, scan))
        self._begin(open_volumes=4)
        self._voxels = [Tensor.of(array) for array in arrays.values()]  # kept for as long
        sources = [_VolumeSource(source=os.fsencode(name), voxels=ctypes.pointer(voxels._tensor),
                                 slope=slope, intercept=intercept,
                                 spacing=(c_double * 3)(*spacing), is_scan=scan)
                   for name, voxels in zip(arrays, self._voxels)]
        listed = (POINTER(_VolumeSource) * len(sources))(*(ctypes.pointer(s) for s in sources))
        _lib.dataset_new(byref(self._handle), _short_call(), listed, len(sources))
        self._finish()
        return self

    def _begin(self, open_volumes: int) -> None:
        self._handle = c_void_p()
        self._most_open = max(1, open_volumes)
        self._open: Dict[int, c_void_p] = {}  # in the order of their last use
        self._lock = threading.Lock()

    def _finish(self) -> None:
        self.volumes = [self._info(v) for v in range(_lib.dataset_volume_count(self._handle))]

    def _info(self, volume: int) -> Dict[str, Any]:
        info = _VolumeInfo()
        _lib.dataset_get_volume_info(byref(info), self._handle, volume)
        return {"source": os.fsdecode(info.source), "slices": info.slices, "height": info.height,
                "width": info.width, "slope": info.slope, "intercept": info.intercept,
                "spacing": tuple(info.spacing), "format": os.fsdecode(info.format),
                "scan": bool(info.is_scan)}

    def __repr__(self) -> str:
        return f"<redux.Dataset: {len(self)} slices of {len(self.volumes)} volumes>"

    def __reduce__(self) -> Any:
        return self._made

    def __len__(self) -> int:
        return _lib.dataset_slice_count(self._handle)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    @property
    def skipped(self) -> Dict[str, str]:
        """What was left out (skip_errors), and why."""
        return {os.fsdecode(_lib.dataset_skipped_source(self._handle, i)):
                _lib.dataset_skipped_reason(self._handle, i).decode("utf-8", "replace")
                for i in range(_lib.dataset_skipped_count(self._handle))}

    def place(self, index: int) -> Tuple[int, int]:
        """Volume and slice number in it."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"slice {index} of {len(self)}")
        volume, number = c_int64(), c_int64()
        _lib.dataset_get_place(byref(volume), byref(number), self._handle, int(index) % len(self))
        return volume.value, number.value

    def number(self, volume: int, slice: int) -> int:
        """The inverse of place(): the number of a slice in the whole dataset."""
        number = _lib.dataset_slice_number(self._handle, volume, slice)
        if number < 0:
            raise IndexError(f"slice {slice} of volume {volume}")
        return number

    def name(self, index: int) -> Tuple[str, int]:
        """Source and slice number, as in manifests."""
        source, number = c_char_p(), c_int64()
        _lib.dataset_get_slice_name(byref(source), byref(number), self._handle, *self.place(index))
        return os.fsdecode(source.value or b""), number.value

    def _volume(self, volume: int) -> c_void_p:
        handle = self._open.pop(volume, None)
        if handle is None:
            handle = c_void_p()
            c = _short_call()
            _lib.volume_open(byref(handle), c, self._handle, volume)
            while len(self._open) >= self._most_open:
                _lib.volume_free(self._open.pop(next(iter(self._open))))
        self._open[volume] = handle
        return handle

    def stored(self, index: int) -> Tensor:
        """A slice as it is stored, before slope and intercept; a view where that is possible. Do
        not write to it."""
        volume, number = self.place(index)
        result = Tensor()
        c = _short_call()
        with self._lock:
            _lib.volume_slice(result._tensor, c, self._volume(volume), number)
        return result

    def read(self, index: int, window: Optional[str] = None) -> np.ndarray:
        """A slice as values (None), or grey under a window."""
        volume, number = self.place(index)
        if window is None:
            info = self.volumes[volume]
            values = np.asarray(self.stored(index)).astype(np.float64)
            return (values * info["slope"] + info["intercept"]).astype(np.float32)
        result = Tensor()
        c, kind = _short_call(), _window(window)
        with self._lock:
            _lib.volume_slice_windowed(result._tensor, c, self._volume(volume), number, kind)
        return result.numpy()

    def __getitem__(self, index: int) -> np.ndarray:
        return self.read(index)

    def __del__(self) -> None:
        for handle in getattr(self, "_open", {}).values():
            _lib.volume_free(handle)
        if getattr(self, "_handle", None):
            _lib.dataset_free(self._handle)


class Inputs:
    """A Dataset as networks want it, for PyTorch's DataLoader: [channels, size, size] float32."""

    def __init__(self, dataset: Dataset, window: str = "auto", size: int = 64, mean: float = 0.5,
                 deviation: float = 0.25, channels: int = 1):
        self.dataset, self._channels = dataset, channels
        self._options = dict(window=window, size=size, mean=mean, deviation=deviation)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> np.ndarray:
        info = self.dataset.volumes[self.dataset.place(index)[0]]
        source = self.dataset.stored(index)
        options = _InputOptions(**{**self._options, "window": _window(self._options["window"])})
        out = np.zeros((options.size, options.size), np.float32)
        c = _short_call()
        _lib.input_apply(Tensor.of(out)._tensor, c, source._tensor, info["slope"],
                         info["intercept"], info["scan"], byref(options))
        return np.repeat(out[None], self._channels, axis=0)


class Loader:
    """Batches of SimCLR's random views, as redux-pretrain trains on: iterate over it for (rows,
    views): rows: the number of each slice in the dataset; views: an array [batch, size, size, 1]
    float32 for each view. Arrays are the loader's: they last until the next batch. Batch k is the
    same whatever the threads, also where `first_batch` is k."""

    def __init__(self, dataset: Dataset, batch: int = 256, kept: Any = None, window: str = "auto",
                 size: int = 64, mean: float = 0.5, deviation: float = 0.25, seed: int = 0,
                 first_batch: int = 0, epochs: int = 1, threads: int = -1, memory_bytes: int = 0):
        self._handle = c_void_p()
        self._dataset, self._context = dataset, Context(threads)  # both outlive the loader
        used = None if kept is None else np.ascontiguousarray(kept, np.uint8)
        if used is not None and used.shape != (len(dataset),):
            raise ValueError(f"kept is {used.shape}, not one for each of {len(dataset)} slices")
        given = _InputOptions(window=_window(window), size=size, mean=mean, deviation=deviation)
        options = _LoaderOptions(input=ctypes.pointer(given), batch=batch, seed=seed,
                                 first_batch=first_batch, epochs=epochs, memory_bytes=memory_bytes)
        self._context._run(lambda c: _lib.loader_new(
            byref(self._handle), c, dataset._handle, None if used is None else used.ctypes.data,
            byref(options)))
        self._left = epochs * len(self) - first_batch

    def __len__(self) -> int:
        """Batches an epoch."""
        return _lib.loader_batch_count(self._handle)

    def __iter__(self) -> "Loader":
        return self

    def __next__(self) -> Tuple[np.ndarray, List[np.ndarray]]:
        if self._left <= 0:
            raise StopIteration
        self._left -= 1
        found = POINTER(_Tensor)()
        self._context._run(lambda c: _lib.loader_next(byref(found), c, self._handle))
        count, views = _lib.loader_batch(self._handle), []
        for i in range(_lib.loader_view_count(self._handle)):
            shape = tuple(found[i].shape[:4])
            memory = (ctypes.c_float * int(np.prod(shape))).from_address(found[i].data)
            views.append(np.frombuffer(memory, np.float32).reshape(shape))
        rows = (c_int64 * count).from_address(_lib.loader_rows(self._handle))
        return np.array(rows), views

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            _lib.loader_free(self._handle)


# ---- reductions -------------------------------------------------------------------------------

ROW = np.dtype([("source", object), ("slice", np.int64), ("kept", bool), ("witness_source", object),
                ("witness_slice", np.int64), ("score", np.float64)])


class Manifest:
    """What was kept: `rows` (a NumPy array of ROW: source, slice, kept, witness_source or None,
    witness_slice, score or NaN), `kept` [slices] bool; of reduce() also `summary`."""

    def __init__(self, rows: np.ndarray, summary: Optional[Dict[str, Any]] = None,
                 reduction: Any = None):
        self.rows, self.summary, self._reduction = rows, summary or {}, reduction
        self.kept: np.ndarray = rows["kept"]

    @classmethod
    def load(cls, path: Any) -> "Manifest":
        """Reads a CSV manifest of save() or redux-reduce."""
        handle, row = c_void_p(), _ManifestRow()
        _lib.manifest_load(byref(handle), None, os.fsencode(path))
        try:
            rows = np.empty(_lib.manifest_row_count(handle), ROW)
            for i in range(len(rows)):
                _lib.manifest_get_row(byref(row), handle, i)
                witness = None if row.witness_source is None else os.fsdecode(row.witness_source)
                rows[i] = (os.fsdecode(row.source), row.slice, row.kept, witness,
                           row.witness_slice if witness is not None else -1, row.score)
        finally:
            _lib.manifest_free(handle)
        return cls(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<redux.Manifest: {int(self.kept.sum())} of {len(self)} slices kept>"

    @property
    def indices(self) -> np.ndarray:
        """The numbers of the kept slices, in the order of the dataset."""
        return np.flatnonzero(self.kept)

    def save(self, path: Any, seconds: float = 0) -> None:
        """Writes PATH (CSV) and, beside it, the parameters as JSON."""
        if self._reduction is None:
            raise ValueError("only what reduce() returned is saved")
        csv = os.fspath(path)
        json = (csv[:-4] if csv.endswith(".csv") else csv) + ".json"
        c = _short_call()
        _lib.results_save(os.fsencode(csv), os.fsencode(json), c, self._reduction.handle,
                          seconds)

    @property
    def metric(self) -> Metric:
        """Of what reduce() returned: the metric of its scores, as for metric.pair(kept, dropped)."""
        return Metric._of(self._made().options)

    def items(self, indices: Sequence[int], context: Optional[Context] = None) -> np.ndarray:
        """What that metric compares of these slices: hashes, vectors or images, a row each. Images
        at their own size are to be of one volume."""
        made, out = self._made(), Tensor()
        rows = np.asarray(indices, np.int64)
        _long_call(context, lambda c: _lib.reduce_items(
            out._tensor, c, made.dataset._handle, rows.ctypes.data, len(rows), byref(made.options)))
        return out.numpy()

    def _made(self) -> "_Reduction":
        if self._reduction is None:
            raise ValueError("only what reduce() returned has a metric")
        return self._reduction

    def subset(self, dataset: Any) -> Any:
        """torch.utils.data.Subset of a PyTorch dataset (or Inputs) with an item for each slice."""
        from torch.utils.data import Subset
        return Subset(dataset, self._indices_of(dataset))

    def sampler(self, dataset: Any = None, generator: Any = None) -> Any:
        """A torch sampler of the kept slices in random order, for DataLoader(sampler=...)."""
        from torch.utils.data import SubsetRandomSampler
        return SubsetRandomSampler(self._indices_of(dataset), generator)

    def _indices_of(self, dataset: Any) -> List[int]:
        if dataset is not None and len(dataset) != len(self):
            raise ValueError(f"{len(dataset)} items, but the manifest has {len(self)} rows")
        return self.indices.tolist()


class _Reduction:
    """Owns the handle, and what must outlive it."""

    def __init__(self, dataset: Dataset, options: _ReduceOptions, context: Optional[Context],
                 needs: Any):
        self.handle, self.dataset, self.needs = c_void_p(), dataset, needs
        self.options = options
        _long_call(context, lambda c: _lib.reduce(
            byref(self.handle), c, dataset._handle, byref(options)))

    def name(self, row: int) -> Tuple[str, int]:
        source, number = c_char_p(), c_int64()
        _lib.reduction_get_name(byref(source), byref(number), self.handle, row)
        return os.fsdecode(source.value or b""), number.value

    def __del__(self) -> None:
        if self.handle:
            _lib.reduction_free(self.handle)


def reduce(data: Any, strategy: str = "hash", threshold: float = NAN, count: int = 0,
           percent: float = NAN, *, window: Optional[str] = None, scope: str = "group",
           group_by: Optional[str] = None, rule: str = "first", hash: Optional[str] = None, profile: Optional[str] = None,
           then: str = "all", then_threshold: float = NAN, embeddings: Any = None,
           encoder: Optional[str] = None, context: Optional[Context] = None,
           **further: Any) -> Manifest:
    """Which slices of `data` (a Dataset, or paths) to keep: by a threshold, or `count` slices, or
    `percent` of them. The strategies are those of redux-reduce --help. `further`: fields of
    redux_reduce_options such as each_group, bins, size, seed, clusters, levels, nearest,
    temperature, hash_size, calibrate, skip_errors."""
    known = {name for name, _ in _ReduceOptions._fields_}
    if not set(further) <= known:
        raise TypeError(f"no such option: {', '.join(sorted(set(further) - known))}")
    options = _ReduceOptions(
        strategy=_code("strategy", strategy), threshold=threshold, keep_count=count,
        keep_percent=percent, window=_window(window),
        scope=("volume", "dataset", "group").index(scope),
        rule=_code("rule", rule), then=_code("strategy", then), then_threshold=then_threshold,
        encoder=encoder.encode() if encoder else None, **further)
    if hash is not None:
        options.hash = _code("hash", hash)
        options.profile = _lib.hash_default_profile(options.hash)
    if profile is not None:
        options.profile = _code("hash_profile", profile)
    vectors = None if embeddings is None else Tensor.of(embeddings)
    if vectors is not None:
        options.embeddings = ctypes.pointer(vectors._tensor)
    if not isinstance(data, Dataset):  # the paper's profile takes slices as they are stored
        paper = "hash" in (strategy, then) and options.profile == 0
        data = Dataset(data, "stored" if paper else "axial", skip_errors=bool(options.skip_errors),
                       group_by=group_by)
    elif group_by is not None:
        raise TypeError("group_by is for paths: a Dataset has groups of its own")
    return _manifest_of(_Reduction(data, options, context, vectors))


def _manifest_of(reduction: _Reduction) -> Manifest:
    names = [reduction.name(i) for i in range(_lib.reduction_row_count(reduction.handle))]
    rows, row = np.empty(len(names), ROW), _Row()
    for i, (source, number) in enumerate(names):
        _lib.reduction_get_row(byref(row), reduction.handle, i)
        witness = (None, -1) if row.witness < 0 else (
            names[row.witness] if row.witness < len(names) else reduction.name(row.witness))
        rows[i] = (source, number, row.kept, *witness, row.score)
    summary = _ReduceSummary()
    _lib.reduction_get_summary(byref(summary), reduction.handle)
    values = {name: getattr(summary, name) for name, _ in summary._fields_[1:]}
    return Manifest(rows, values, reduction)


# ---- weights and embeddings -------------------------------------------------------------------

def load_safetensors(path: Any) -> Dict[str, Tensor]:
    """The tensors of a safetensors file, or of one of torch.save (nothing in it is run), by name, as
    views of the file's memory: np.asarray(t), or torch.from_dlpack(t) where NumPy has no such type
    (bfloat16). Do not write to them."""
    handle = c_void_p()
    _lib.safetensors_load(byref(handle), None, os.fsencode(path))
    try:
        result = {}
        for i in range(_lib.safetensors_tensor_count(handle)):
            tensor = Tensor()
            _lib.safetensors_get_tensor(tensor._tensor, handle, i)
            result[_lib.safetensors_name(handle, i).decode()] = tensor
        return result
    finally:
        _lib.safetensors_free(handle)


def save_safetensors(path: Any, tensors: Dict[str, Any],
                     metadata: Optional[Dict[str, str]] = None) -> None:
    """Writes arrays or PyTorch tensors by name: what redux-embed --weights reads. Metadata: text;
    "window", "size", "mean" and "deviation" tell redux how inputs are made."""
    def texts(words: Any) -> Any:
        return (c_char_p * len(words))(*(word.encode() for word in words))
    held = [Tensor.of(tensor) for tensor in tensors.values()]
    array = (_Tensor * len(held))(*(tensor._tensor for tensor in held))
    pairs = metadata or {}
    content = _SafetensorsContent(
        count=len(held), names=texts(list(tensors)), tensors=array, pair_count=len(pairs),
        keys=texts(list(pairs)), values=texts(list(pairs.values())))
    _lib.safetensors_save(os.fsencode(path), None, byref(content))


def load_torchvision(path: Any, model: Any) -> Any:
    """Copies a checkpoint of redux-pretrain into a torchvision ResNet, and returns that. Grey
    weights go into a model of three channels, and the reverse. `fc` is taken where its shape fits;
    everything else must be there and fit: ReduxError names the first tensor that does not."""
    import torch
    state, own = {}, model.state_dict()
    for name, tensor in load_safetensors(path).items():
        value = torch.from_dlpack(tensor).clone()
        if name == "conv1.weight" and name in own and value.shape[1] != own[name].shape[1]:
            channels = own[name].shape[1]
            value = value.sum(1, keepdim=True).expand(-1, channels, -1, -1) / channels
        if name.startswith("fc.") and name in own and value.shape != own[name].shape:
            continue
        if name in own and value.shape != own[name].shape:
            raise ReduxError(Status.FORMAT, f"{path}: {name} is {list(value.shape)}, and {list(own[name].shape)} "
                             "in this model: its width or depth is another")
        if name in own:
            state[name] = value
        elif name.startswith(("conv", "bn", "layer")):
            raise ReduxError(Status.FORMAT, f"{path}: has {name}, which this model lacks: its depth is another")
    missing = [name for name in own if name not in state
               and not name.startswith("fc.") and not name.endswith("num_batches_tracked")]
    if missing:
        raise ReduxError(Status.FORMAT, f"{path}: {missing[0]} is missing for this model")
    model.load_state_dict(state, strict=False)
    return model


class Encoder:
    """A network with its weights: `name` (for reduce(encoder=...)), `features` it gives a slice."""

    def __init__(self, path: Any):
        self._handle, self._input = c_void_p(), _InputOptions()
        name = ctypes.create_string_buffer(64)
        _lib.encoder_load(byref(self._handle), byref(self._input), name, None, os.fsencode(path))
        self.name: str = name.value.decode()
        self.features: int = _lib.network_features(self._handle)

    def save(self, path: Any) -> None:
        """Writes the weights and what the input is like as a weight file, as redux-pretrain does."""
        _lib.network_save(os.fsencode(path), None, self._handle, byref(self._input), None)

    def embed(self, dataset: Dataset, batch: int = 0,
              context: Optional[Context] = None) -> np.ndarray:
        """[slices, features] float32, in the order of the dataset, not normalised."""
        out = np.zeros((len(dataset), self.features), np.float32)
        _long_call(context, lambda c: _lib.embed(
            Tensor.of(out)._tensor, None, c, self._handle, dataset._handle, None, byref(self._input),
            batch))
        return out

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            _lib.network_free(self._handle)


def embed(data: Any, weights: Any, context: Optional[Context] = None) -> np.ndarray:
    """Features of each slice of a Dataset (or paths) by a weight file (or an Encoder)."""
    dataset = data if isinstance(data, Dataset) else Dataset(data)
    encoder = weights if isinstance(weights, Encoder) else Encoder(weights)
    return encoder.embed(dataset, context=context)
