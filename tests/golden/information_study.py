#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Largest differences to the references over whole volumes.

information_study.py LIBREDUX.SO FOLDER-OF-VOLUMES [STEP]

Of each volume every STEP-th slice (default 8) against the next one, as uint8 (-160 ... 240 HU), as
float32 of the same window and, for Mattes, as the raw HU: Mattes mutual information against ITK
(mattes.py), the normalisations against scikit-learn, the SSIM map against scikit-image, multi-scale
SSIM, and phase correlation against structure.py and scikit-image.
"""
import ctypes
import sys
import tempfile
from pathlib import Path

import nibabel
import numpy as np
from skimage.metrics import structural_similarity
from skimage.registration import phase_cross_correlation
from sklearn.metrics import normalized_mutual_info_score

import mattes
import structure


class Tensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("storage", ctypes.c_void_p),
                ("shape", ctypes.c_int64 * 8), ("strides", ctypes.c_int64 * 8),
                ("ndim", ctypes.c_int32), ("dtype", ctypes.c_int32), ("reserved", ctypes.c_uint64)]


class Histogram(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("bins", ctypes.c_int32), ("range", ctypes.c_int32),
                ("low", ctypes.c_double), ("high", ctypes.c_double), ("kind", ctypes.c_int32),
                ("reserved", ctypes.c_int32)]


class Window(ctypes.Structure):  # of redux_ssim_options and of redux_phase_options
    _fields_ = [("size", ctypes.c_size_t), ("window", ctypes.c_int32), ("upsample", ctypes.c_int32)]


def tensor(array):
    out = Tensor(data=array.ctypes.data, ndim=2,
                 dtype={"uint8": 0x10801, "float32": 0x12002}[str(array.dtype)])
    out.shape[:2] = array.shape
    out.strides[:2] = [s // array.itemsize for s in array.strides]
    return ctypes.byref(out)


class Library:
    def __init__(self, path):
        self.so = ctypes.CDLL(path)

    def number(self, name, a, b, options=None):
        out = (ctypes.c_double * 16)()
        assert getattr(self.so, name)(out, None, tensor(a), tensor(b), options) == 0, name
        return list(out)

    def map(self, a, b):
        out = np.zeros(a.shape, np.float32)
        assert self.so.redux_ssim_map(tensor(out), None, tensor(a), tensor(b), None) == 0
        return out


def main(library, folder, step=8):
    lib, pairs, worst = Library(library), 0, {}

    def seen(name, difference):
        worst[name] = max(worst.get(name, 0), float(np.max(np.abs(difference))))

    with tempfile.TemporaryDirectory() as scratch:
        program = mattes.build(scratch)
        for path in sorted(Path(folder).glob("*.nii.gz")):
            volume = np.asarray(nibabel.load(path).dataobj).transpose(2, 1, 0)
            chosen = range(0, len(volume) - 1, int(step))
            raw = [np.ascontiguousarray(volume[k + d]).astype(np.int16)
                   for k in chosen for d in (0, 1)]
            scaled = [np.clip((v.astype(np.float64) + 160) / 400, 0, 1) for v in raw]
            kinds = {"u8": [np.rint(s * 255).astype(np.uint8) for s in scaled],
                     "f32": [s.astype(np.float32) for s in scaled],
                     "HU": [v.astype(np.float32) for v in raw]}
            for kind, images in kinds.items():
                couples = [(a, b) for a, b in zip(images[::2], images[1::2])
                           if np.ptp(a) > 0 and np.ptp(b) > 0]
                want = mattes.itk(program, scratch, couples)
                for (a, b), value in zip(couples, want):
                    seen(f"mattes {kind}", lib.number("redux_mattes", a, b)[0] - value)
                if kind == "HU":
                    continue
                data_range = 255 if kind == "u8" else 1
                for a, b in couples:
                    pairs += kind == "u8"
                    seen(f"ms-ssim {kind}", lib.number("redux_ms_ssim", a, b)[0]
                         - structure.ms_ssim(a, b, data_range))
                    wide = a.astype(np.float64), b.astype(np.float64)
                    full = structural_similarity(*wide, data_range=data_range, full=True,
                                                 gaussian_weights=True, sigma=1.5,
                                                 use_sample_covariance=False)[1]
                    seen(f"ssim map {kind}", lib.map(a, b) - full)
                    flat = structure.windowed(a, True), structure.windowed(b, True)
                    dy, dx, height = lib.number("redux_phase_correlation", a, b)[:3]
                    seen(f"phase height {kind}", height - structure.height(*flat))
                    shift = -phase_cross_correlation(*flat, normalization="phase")[0]
                    worst.setdefault(f"phase shifts that differ {kind}", 0)
                    worst[f"phase shifts that differ {kind}"] += tuple(shift) != (dy, dx)
                    if kind == "u8":
                        info = lib.number("redux_information_compute", a, b)
                        for name, place in (("arithmetic", 7), ("geometric", 9), ("min", 10),
                                            ("max", 11)):
                            seen(f"nmi {name}", info[place] - normalized_mutual_info_score(
                                a.ravel(), b.ravel(), average_method=name))
    print(f"{pairs} pairs")
    for name, value in sorted(worst.items()):
        print(f"{name}\t{value:.3g}")


if __name__ == "__main__":
    main(*sys.argv[1:])
