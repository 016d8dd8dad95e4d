# SPDX-License-Identifier: MIT
"""The interface of libredux as ctypes sees it: structs, constants and signatures.

All of this is written down in the headers already; tests/python/test_abi.py compares the two by the
compiler: layouts, defaults, arguments and results. A class is named as its struct is in C:
`ReduceOptions` is `redux_reduce_options`.
"""
from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t
from ctypes import c_uint32, c_uint64, c_void_p
from typing import Any, Dict, List, Tuple

NAN = float("nan")
ABI_VERSION = 1  # REDUX_ABI_VERSION
OWNS_BLAS = 1  # REDUX_CONTEXT_OWNS_BLAS

PROGRESS = ctypes.CFUNCTYPE(c_int, c_int64, c_int64, c_void_p)

# redux_dtype by NumPy's names, and the one that NumPy lacks.
DTYPES = {"int8": 0x10800, "int16": 0x11000, "int32": 0x12000, "int64": 0x14000, "uint8": 0x10801,
          "uint16": 0x11001, "uint32": 0x12001, "uint64": 0x14001, "float16": 0x11002,
          "float32": 0x12002, "float64": 0x14002, "bool": 0x10806}
BFLOAT16 = 0x11004


class Tensor(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("storage", c_void_p), ("shape", c_int64 * 8),
                ("strides", c_int64 * 8), ("ndim", c_int32), ("dtype", c_int32),
                ("reserved", c_uint64)]


class Window(ctypes.Structure):
    _fields_ = [("kind", c_int32), ("low", c_double), ("high", c_double)]


class RandomKey(ctypes.Structure):
    _fields_ = [("seed", c_uint64), ("epoch", c_uint32), ("operation", c_uint32),
                ("sample", c_uint64)]


class Information(ctypes.Structure):
    _fields_ = [(name, c_double) for name in (
        "entropy_a", "entropy_b", "joint", "mutual", "a_given_b", "b_given_a", "variation",
        "nmi_arithmetic", "nmi_studholme", "nmi_geometric", "nmi_min", "nmi_max", "nmi_joint")]


class Shift(ctypes.Structure):
    _fields_ = [("dy", c_double), ("dx", c_double), ("height", c_double)]


class Pair(ctypes.Structure):
    _fields_ = [("first", c_int64), ("second", c_int64), ("score", c_double)]


class HashInfo(ctypes.Structure):
    _fields_ = [("quality", c_int32), ("flags", c_uint32)]


class Row(ctypes.Structure):
    _fields_ = [("volume", c_int64), ("slice", c_int64), ("kept", c_int32), ("skipped", c_int32),
                ("witness", c_int64), ("score", c_double), ("flat", c_int32)]


class ManifestRow(ctypes.Structure):
    """Texts as addresses: NumPy reads arrays of it."""
    _fields_ = [("source", c_void_p), ("slice", c_int64), ("kept", c_int32),
                ("witness_source", c_void_p), ("witness_slice", c_int64), ("score", c_double),
                ("group", c_void_p)]


class DLManagedTensor(ctypes.Structure):
    """DLPack's, not libredux's."""
    _fields_ = [("data", c_void_p), ("device", c_int32 * 2), ("ndim", c_int32),
                ("dtype", c_uint32), ("shape", c_void_p), ("strides", c_void_p),
                ("byte_offset", c_uint64), ("manager", c_void_p),
                ("deleter", ctypes.CFUNCTYPE(None, c_void_p))]


class Sized(ctypes.Structure):
    """A struct that begins with its own size. `_init_`: what its ..._INIT macro sets besides 0."""
    _init_: Dict[str, Any] = {}

    def __init__(self, **fields: Any) -> None:
        super().__init__()
        self.struct_size = ctypes.sizeof(self)
        for name, value in {**self._init_, **fields}.items():
            setattr(self, name, value)


# ---- contexts, files and volumes ----------------------------------------------------------------

class ContextOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("allocate", c_void_p), ("deallocate", c_void_p),
                ("allocator_user", c_void_p), ("log", c_void_p), ("log_user", c_void_p),
                ("progress", PROGRESS), ("progress_user", c_void_p), ("threads", c_int32),
                ("flags", c_uint32), ("max_bytes", c_uint64),
                ("communicator", c_void_p)]


class DatasetOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("orientation", c_int32), ("frame", c_int32),
                ("skip_errors", c_int32), ("exclude", POINTER(c_char_p)),
                ("exclude_count", c_int64),
                ("group_by", c_char_p), ("grouped_with", c_void_p), ("within", c_char_p)]
    _init_ = {"frame": -1}


class PartOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("index", c_int64), ("count", c_int64),
                ("by_group", c_int32), ("exact", c_int32), ("kind", c_char_p), ("job", c_char_p),
                ("note", c_char_p)]
    _init_ = {"index": 1, "count": 1}


class VisitOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("form", c_int32), ("window", Window),
                ("orientation", c_int32), ("wanted", c_void_p), ("any_order", c_int32),
                ("skip_errors", c_int32)]
    _init_ = {"orientation": -1}


class VolumeInfo(Sized):
    _fields_ = [("struct_size", c_size_t), ("dtype", c_int32), ("source", c_char_p),
                ("slices", c_int64), ("height", c_int64), ("width", c_int64), ("slope", c_double),
                ("intercept", c_double), ("spacing", c_double * 3), ("bytes", c_uint64),
                ("same_slices", c_int32), ("format", c_char_p), ("is_scan", c_int32),
                ("file_per_slice", c_int32), ("on_demand", c_int32)]
    _init_ = {"dtype": 0x10801}


class VolumeSource(Sized):
    _fields_ = [("struct_size", c_size_t), ("source", c_char_p), ("voxels", POINTER(Tensor)),
                ("slope", c_double), ("intercept", c_double), ("spacing", c_double * 3),
                ("is_scan", c_int32), ("dtype", c_int32), ("slices", c_int64), ("height", c_int64),
                ("width", c_int64), ("colours", c_int32), ("reserved", c_int32), ("load", c_void_p),
                ("load_slice", c_void_p), ("user", c_void_p), ("fingerprint", c_void_p)]
    _init_ = {"slope": 1.0, "dtype": 0x10801}


class SafetensorsContent(Sized):
    _fields_ = [("struct_size", c_size_t), ("count", c_int64), ("names", POINTER(c_char_p)),
                ("tensors", POINTER(Tensor)), ("pair_count", c_int64), ("keys", POINTER(c_char_p)),
                ("values", POINTER(c_char_p))]


# ---- images and metrics -------------------------------------------------------------------------

class InputOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("window", Window), ("size", c_int32),
                ("mean", c_double), ("deviation", c_double)]
    _init_ = {"size": 64, "mean": 0.5, "deviation": 0.25}


class ViewsOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("views", c_int32), ("small_views", c_int32),
                ("small_size", c_int32), ("window_jitter", c_double), ("scale_low", c_double),
                ("scale_high", c_double), ("small_scale_low", c_double),
                ("small_scale_high", c_double), ("ratio", c_double), ("flip_horizontal", c_double),
                ("flip_vertical", c_double), ("rotate_probability", c_double),
                ("rotate_degrees", c_double), ("jitter_probability", c_double),
                ("brightness", c_double), ("contrast", c_double), ("gamma", c_double),
                ("blur_probability", c_double), ("blur_low", c_double), ("blur_high", c_double),
                ("noise_probability", c_double), ("noise_high", c_double),
                ("cutout_probability", c_double), ("cutout_high", c_double)]
    _init_ = {"views": 2, "scale_low": 0.08, "scale_high": 1.0, "small_scale_low": 1.0,
              "small_scale_high": 1.0, "ratio": 1.3333333333333333, "flip_horizontal": 0.5,
              "jitter_probability": 0.8, "brightness": 0.8, "contrast": 0.8,
              "blur_probability": 0.5, "blur_low": 0.1, "blur_high": 2.0}


class HashOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("hash", c_int32), ("profile", c_int32),
                ("size", c_int32), ("window", Window)]
    _init_ = {"hash": 1}


class VolumeHashOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("hash", c_int32), ("size", c_int32), ("window", Window)]
    _init_ = {"hash": 1}


class SsimOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("window", c_int32), ("data_range", c_double)]


class MsSsimOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("data_range", c_double), ("scales", c_int32)]


class HistogramOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("bins", c_int32), ("range", c_int32), ("low", c_double),
                ("high", c_double), ("normalisation", c_int32)]


class MattesOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("bins", c_int32), ("normalised", c_int32)]


class PhaseOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("window", c_int32), ("upsample", c_int32)]


class IndexOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("kind", c_int32), ("method", c_int32),
                ("part_bits", c_int32)]


class KMeansOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("seed", c_uint64), ("rounds", c_int32)]


# ---- reductions ---------------------------------------------------------------------------------

class ReduceOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("strategy", c_int32), ("scope", c_int32),
                ("order", c_int32), ("threshold", c_double), ("keep_count", c_int64),
                ("keep_percent", c_double), ("each_group", c_int32), ("window", Window),
                ("hash", c_int32), ("profile", c_int32), ("bins", c_int32), ("size", c_int32),
                ("embeddings", POINTER(Tensor)), ("skip_errors", c_int32), ("rule", c_int32),
                ("then", c_int32), ("then_threshold", c_double), ("against", c_void_p),
                ("against_kept", c_void_p), ("against_embeddings", POINTER(Tensor)),
                ("update", c_void_p),
                ("keep_exemplars", c_int32), ("metric", c_void_p), ("clusters", c_int32),
                ("seed", c_uint64), ("calibrate", c_int32), ("false_drops", c_double),
                ("hash_size", c_int32), ("encoder", c_char_p), ("levels", c_int32),
                ("nearest", c_int32), ("temperature", c_double)]
    _init_ = {"strategy": 2, "scope": 2, "threshold": NAN, "keep_percent": NAN, "hash": 1,
              "then_threshold": NAN, "false_drops": NAN}


class ReduceSummary(Sized):
    _fields_ = [("struct_size", c_size_t), ("slices", c_int64), ("kept", c_int64),
                ("volumes", c_int64), ("groups", c_int64), ("threshold", c_double),
                ("threshold_low", c_double), ("threshold_high", c_double),
                ("default_threshold", c_double), ("budget", c_int64), ("refilled", c_int64),
                ("threshold_is_exact", c_int32), ("compared_size", c_int64), ("updated", c_int64),
                ("against", c_int64), ("leaked", c_int64), ("shared_groups", c_int64),
                ("largest", c_int64), ("then_is_exact", c_int32), ("flat", c_int64),
                ("false_drops", c_double), ("false_drops_error", c_double),
                ("pairs_compared", c_int64), ("pairs_skipped", c_int64)]


# ---- networks and training ----------------------------------------------------------------------

class LoaderOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("input", POINTER(InputOptions)),
                ("views", POINTER(ViewsOptions)),
                ("batch", c_int64), ("seed", c_uint64), ("memory_bytes", c_uint64),
                ("first_batch", c_int64), ("epochs", c_int64), ("batches", c_int64),
                ("skip_errors", c_int32), ("reserved", c_int32)]
    _init_ = {"batch": 256}


class HeadOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("layers", c_int32),
                ("widths", c_int32 * 8), ("batch_norm", c_uint32),
                ("no_bias", c_uint32)]
    _init_ = {"layers": 2, "widths": (c_int32 * 8)(0, 128)}


class NetworkOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("arch", c_int32), ("stem", c_int32),
                ("channels", c_int32), ("classes", c_int32), ("width", c_double),
                ("seed", c_uint64), ("products", c_int32), ("projection", c_void_p),
                ("prediction", c_void_p)]
    _init_ = {"channels": 1, "width": 1.0}


class Conv2dOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("stride", c_int32), ("padding", c_int32),
                ("products", c_int32)]
    _init_ = {"stride": 1}


class BatchNormOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("training", c_int32), ("relu", c_int32),
                ("epsilon", c_double), ("momentum", c_double)]
    _init_ = {"training": 1, "epsilon": 1e-05, "momentum": 0.1}


class PoolOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("kernel_height", c_int32), ("kernel_width", c_int32),
                ("stride", c_int32), ("padding", c_int32)]
    _init_ = {"kernel_height": 2, "kernel_width": 2, "stride": 2}


class NtXentOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("temperature", c_double)]
    _init_ = {"temperature": 0.5}


class SwavOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("prototypes", c_int32), ("temperature", c_double),
                ("epsilon", c_double), ("rounds", c_int32), ("freeze_steps", c_int64),
                ("freeze_epochs", c_double), ("queue", c_int64), ("queue_start", c_int64)]
    _init_ = {"prototypes": 500, "temperature": 0.1, "epsilon": 0.05, "rounds": 3,
              "freeze_steps": 313, "queue_start": 15}


class MocoOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("temperature", c_double), ("momentum", c_double),
                ("queue", c_int64), ("sub_batches", c_int32)]
    _init_ = {"temperature": 0.2, "momentum": 0.999}


class ByolOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("momentum", c_double)]
    _init_ = {"momentum": 0.996}


class OptimiserOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("kind", c_int32), ("weight_decay", c_double),
                ("momentum", c_double), ("beta1", c_double), ("beta2", c_double),
                ("epsilon", c_double), ("trust", c_double), ("clip_norm", c_double),
                ("all_parameters", c_int32)]
    _init_ = {"weight_decay": 0.0001, "momentum": 0.9, "beta1": 0.9, "beta2": 0.999,
              "epsilon": 1e-08, "trust": 0.001}


class PretrainOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("network", c_void_p), ("input", c_void_p),
                ("views", c_void_p), ("optimiser", c_void_p), ("objective", c_void_p),
                ("batch", c_int64), ("part", c_int64), ("epochs", c_int64), ("steps", c_int64),
                ("rate", c_double), ("fixed_rate", c_int32), ("warm_up", c_double),
                ("last_rate", c_double), ("seed", c_uint64), ("memory_bytes", c_uint64),
                ("checkpoint_seconds", c_double), ("skip_errors", c_int32), ("resume", c_int32),
                ("report", c_void_p), ("report_user", c_void_p), ("warm_up_steps", c_int64),
                ("cosine_steps", c_int64)]
    _init_ = {"batch": 256, "epochs": 100, "rate": 0.12, "warm_up": 10.0,
              "checkpoint_seconds": 60.0}


# ---- labels, probes and runs --------------------------------------------------------------------

class LabelsOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("label", c_char_p), ("group", c_char_p),
                ("split", c_char_p), ("allow_divided_groups", c_int32), ("orientation", c_int32),
                ("group_by", c_char_p), ("frame", c_int32)]
    _init_ = {"frame": -1}


class SplitOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("method", c_int32), ("folds", c_int32),
                ("fold", c_int32), ("validation", c_double), ("test", c_double), ("seed", c_uint64)]
    _init_ = {"folds": 5, "validation": 0.2, "test": 0.2}


class LeakageOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("distance", c_int32), ("pdq_distance", c_int32),
                ("worst", c_int64)]
    _init_ = {"distance": 3, "pdq_distance": 31, "worst": 16}


class LogisticOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("c", c_double), ("tolerance", c_double),
                ("max_iterations", c_int32), ("standardise", c_int32)]
    _init_ = {"c": 1.0, "tolerance": 1e-06, "max_iterations": 1000, "standardise": 1}


class KnnOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("neighbours", c_int32), ("temperature", c_double)]
    _init_ = {"neighbours": 20, "temperature": 0.07}


class EvaluateOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("protocol", c_int32), ("weights", c_void_p),
                ("features", c_void_p), ("network", c_void_p), ("input", c_void_p),
                ("split", c_void_p), ("seeds", c_int32), ("first_seed", c_uint64),
                ("fixed_split", c_int32), ("choose_by", c_int32), ("c", c_double),
                ("neighbours", c_int32), ("temperature", c_double), ("refit", c_int32),
                ("epochs", c_int32), ("frozen_epochs", c_int32), ("batch", c_int32),
                ("rate", c_double), ("weight_decay", c_double), ("balanced", c_int32),
                ("views", c_void_p), ("positive", c_int32), ("resamples", c_int32),
                ("level", c_double), ("check_leakage", c_int32), ("interval", c_int32),
                ("fold", c_int32), ("norms_learn", c_int32), ("thawed_rate", c_double)]
    _init_ = {"seeds": 5, "c": NAN, "temperature": 0.07, "epochs": 70, "frozen_epochs": 10,
              "batch": 64, "rate": 0.0001, "weight_decay": 0.0005, "positive": 1, "resamples": 1000,
              "level": 0.95, "check_leakage": 1, "fold": -1, "thawed_rate": NAN}


class RunSetCounts(Sized):
    _fields_ = [("struct_size", c_size_t), ("runs", c_int64), ("seeds", c_int64),
                ("folds", c_int64),
                ("groups", c_int64), ("rows", c_int64), ("classes", c_int64)]


# ---- audits -------------------------------------------------------------------------------------

class ScanOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("skip_errors", c_int32)]


class AuditLeaksOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("against", c_void_p), ("split", c_void_p),
                ("threshold", c_double), ("candidates", c_int32), ("reserved", c_int32)]
    _init_ = {"threshold": 0.75, "candidates": 8}


class AuditLabelsOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("threshold", c_double), ("candidates", c_int32),
                ("reserved", c_int32), ("alpha", c_double), ("quantile", c_double)]
    _init_ = {"threshold": 0.9, "candidates": 16, "alpha": 0.2, "quantile": 0.05}


class AuditSlicesOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("flat", c_double), ("flat_hu", c_double),
                ("air", c_double), ("dark", c_double), ("light", c_double),
                ("low_contrast", c_double), ("blurred", c_double), ("low_information", c_double),
                ("cropped", c_double), ("padding", c_double), ("range", c_double),
                ("against", c_void_p)]
    _init_ = {"flat": 0.01, "flat_hu": 20.0, "air": 0.005, "dark": 0.1, "light": 0.9,
              "low_contrast": 0.1, "blurred": 5.0, "low_information": 1.0, "cropped": 0.1,
              "padding": 0.8, "range": 3.0}


class AuditOutliersOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("neighbours", c_int32), ("reserved", c_int32),
                ("most", c_int64), ("alpha", c_double), ("quantile", c_double)]
    _init_ = {"neighbours": 20, "most": 65536, "alpha": 0.01, "quantile": 0.05}


class Finding(Sized):
    _fields_ = [("struct_size", c_size_t), ("issue", c_int32), ("level", c_int32),
                ("slice", c_int64), ("volume", c_int64), ("group", c_int64),
                ("other_is_against", c_int32), ("turn", c_int32), ("other_slice", c_int64),
                ("other_volume", c_int64), ("other_group", c_int64), ("found", c_int64),
                ("of", c_int64), ("score", c_double), ("skipped", c_int64)]


# ---- functions ---------------------------------------------------------------------------------

FOUND = ctypes.CFUNCTYPE(c_int, POINTER(Pair), c_void_p)
VISIT = ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(Tensor), c_int64, c_int64, c_int64)

# What a function returns, its name and its arguments, one letter each. T: redux_tensor *; P: any
# other pointer; s: text; d, i, l: double, 32 and 64 bits; W: redux_window;
# F, V: functions of yours.
# A function under "status" raises.
LETTERS = {"T": POINTER(Tensor), "P": c_void_p, "s": c_char_p, "d": c_double, "i": c_int32,
           "l": c_int64, "W": Window, "F": FOUND, "V": VISIT}
FUNCTIONS: Dict[Any, str] = {
    "status": """
        context_new PP, contact_sheet sPPii, dataset_checksum PPPl, dataset_get_place PPPl,
        dataset_get_slice_name PPPll, dataset_get_volume_info PPl, dataset_new PPPl,
        dataset_open PPPlP, dataset_visit PPPVP, embed TPPPPPPl, encoder_load PPPPs, entropy PPTP,
        hash_check P, hash_compute_info TPPTP, hash_from_text PsP, hash_parse Ps,
        hash_picture PPPTP, hash_profile_parse Ps, hash_to_text PPP, image_luma TPT,
        image_resize TPTi,
        information_compute PPTTP, information_normalise PPi, input_apply TPTddiP, k_means TPPTP,
        loader_new PPPPP, loader_next PPP, manifest_get_rows PPll, manifest_load PPs,
        metric_nearest PPPPTTl, metric_new_cosine PP, metric_new_hamming PP, metric_new_named PPs,
        metric_new_strategy PPP, metric_one_to_many PPPTT, metric_pair PPPTT, metric_pairs PPTdFP,
        ms_ssim PPTTP, network_save sPPPP, normalisation_parse Ps, order_parse Ps,
        phase_correlation PPTTP, reduce PPPP, reduce_items TPPPlP, reduction_get_name PPPl,
        reduction_get_names PPPll, reduction_get_rows PPll,
        reduction_get_summary PP, results_save ssPPd, rule_parse Ps,
        safetensors_get_tensor TPl, safetensors_load PPs, safetensors_save sPP, scope_parse Ps,
        ssim PPTTP, strategy_parse Ps, tensor_borrow TPiiPP, tensor_from_dlpack TPP,
        tensor_new TPiiP, tensor_to_dlpack PPT, views_apply TPTddiPPPi, views_preset Ps,
        volume_open PPPl, volume_slice TPPl, volume_slice_windowed TPPlW, window_apply TPTddW,
        window_parse Ps
        """,
    None: """
        context_free P, dataset_free P, loader_free P, manifest_free P, metric_free P,
        network_free P, reduction_free P, safetensors_free P, tensor_release T, volume_free P""",
    c_char_p: """
        dataset_group_name Pl, dataset_skipped_reason Pl, dataset_skipped_source Pl,
        error_message -, reduction_skipped_reason Pl, reduction_skipped_source Pl,
        safetensors_metadata Ps, safetensors_name Pl, status_string i, version_string -""",
    c_int: """
        context_threads P, hash_default_profile i, metric_is_distance P, version_number -,
        window_dtype W""",
    c_void_p: "loader_rows P",
    c_int64: """
        dataset_get_group Pll, dataset_group_count P, dataset_skipped_count P,
        dataset_slice_count P, dataset_slice_number Pll, dataset_volume_count P, hash_bits P,
        hash_bytes P, loader_batch P, loader_batch_count P, loader_view_count P,
        manifest_row_count P, network_features P, reduction_row_count P,
        reduction_skipped_count P, safetensors_tensor_count P""",
    Window: "window_resolve Wii",
}


def signatures() -> List[Tuple[str, Any, str]]:
    """Each function: its name without the prefix, what it returns, and its letters."""
    return [(name, result, letters.strip("-")) for result, listed in FUNCTIONS.items()
            for name, letters in (entry.split() for entry in listed.split(","))]
