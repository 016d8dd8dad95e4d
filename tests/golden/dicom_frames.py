#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Enhanced multi-frame DICOM against pydicom.

    LIBRARY=build/lib/libredux.so tests/golden/dicom_frames.py

pydicom writes enhanced CT and MR objects: frames in any order, positions, orientations, spacings and rescales in shared
or per-frame functional groups, time points, every transfer syntax that it writes, sequences with and without lengths,
run lengths, and what gdcmconv makes of them (JPEG lossless, JPEG-LS, JPEG 2000; Debian: libgdcm-tools). pydicom reads
them back, and its values, ordered by place here, are compared with libredux's. Prints how many files were tried and the
largest difference.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, generate_uid)

os.environ["REDUX_LIBRARY"] = os.path.abspath(os.environ.get("LIBRARY", "build/lib/libredux.so"))
sys.path.insert(0, "python")
import redux  # noqa: E402

warnings.simplefilter("ignore")
ROWS, COLUMNS = 40, 52


def item(**values):
    made = Dataset()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def rotation(random, oblique):
    if not oblique:
        return np.eye(3)
    q = np.linalg.qr(random.normal(size=(3, 3)))[0]
    return q * np.sign(np.linalg.det(q))


def write(path, random, syntax, way):
    """A file by the options of `way`, and what its slices must be: float64, in order."""
    places, times = 6, 1 + 2 * way["times"]
    count = places * times
    signed, bits = way["signed"], way["bits"]
    low, high = (-2 ** (bits - 1), 2 ** (bits - 1)) if signed else (0, 2 ** bits)
    dtype = np.dtype(f"{'int' if signed else 'uint'}{8 if bits <= 8 else 16}")
    pixels = random.integers(low, high, (count, ROWS, COLUMNS)).astype(dtype)
    axes = rotation(random, way["oblique"])
    order = random.permutation(count)  # frame i of the file is at place order[i] // times, time order[i] % times
    if times > 1:  # time points of a place in the order of the file
        order = np.array(sorted(order, key=lambda k: k % times))
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == RLELossless else syntax
    ds = FileDataset(path, {}, file_meta=meta, preamble=bytes(128))
    ds.is_little_endian = syntax != ExplicitVRBigEndian
    ds.is_implicit_VR = syntax == ImplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.SeriesInstanceUID, ds.StudyInstanceUID = generate_uid(), generate_uid()
    ds.Modality, ds.InstanceNumber, ds.NumberOfFrames = "CT", 1, count
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = ROWS, COLUMNS
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8 * dtype.itemsize, bits, bits - 1
    ds.PixelRepresentation = int(signed)
    shared, frames, values = Dataset(), [], []
    orientation = item(ImageOrientationPatient=[f"{v:.8f}" for v in axes[:, :2].T.ravel()])
    measures = item(PixelSpacing=[0.7, 0.6], SliceThickness=2.5)
    if way["shared"]:
        shared.PlaneOrientationSequence = Sequence([orientation])
        shared.PixelMeasuresSequence = Sequence([measures])
    slopes = np.where(np.arange(count) % 2 == 0, 1.0, 2.0) if way["slopes"] else np.full(count, 0.5)
    if not way["slopes"]:
        shared.PixelValueTransformationSequence = Sequence(
            [item(RescaleIntercept=-1024, RescaleSlope=0.5, RescaleType="HU")])
    for i in range(count):
        place = axes[:, 2] * 2.5 * (order[i] // times) + np.array([10.0, -20.0, 30.0])
        frame = Dataset()
        frame.FrameContentSequence = Sequence([item(StackID="1", InStackPositionNumber=int(order[i] // times) + 1,
                                                    DimensionIndexValues=[1, int(order[i]) + 1])])
        frame.PlanePositionSequence = Sequence([item(ImagePositionPatient=[f"{v:.6f}" for v in place])])
        if not way["shared"]:
            frame.PlaneOrientationSequence = Sequence([orientation])
            frame.PixelMeasuresSequence = Sequence([measures])
        if way["slopes"]:
            frame.PixelValueTransformationSequence = Sequence(
                [item(RescaleIntercept=-1000 + i, RescaleSlope=slopes[i], RescaleType="HU")])
        frames.append(frame)
        values.append(-1000.0 + i if way["slopes"] else -1024.0)
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    ds.PerFrameFunctionalGroupsSequence = Sequence(frames)
    if way["undefined"]:
        for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
            ds[name].is_undefined_length = True
            for one in ds[name].value:
                one.is_undefined_length_sequence_item = True
    ds.PixelData = pixels.astype(dtype.newbyteorder("<" if ds.is_little_endian else ">")).tobytes()
    ds["PixelData"].VR = "OW"
    if syntax == RLELossless:
        ds.compress(RLELossless, encoding_plugin="pydicom")
    ds.save_as(path, write_like_original=False)
    back = pydicom.dcmread(path).pixel_array.astype(np.float64)
    real = back * slopes[:, None, None] + np.array(values)[:, None, None]
    return [real[np.argsort(np.where(order % times == t, order, count), kind="stable")][:places] if times > 1
            else real[np.argsort(order)] for t in range(times)]


def read(path, frame):
    dataset = redux.Dataset([path], frame=frame)
    info = dataset.volumes[0]
    return np.stack([np.asarray(dataset.stored(k)).astype(np.float64) * info["slope"] + info["intercept"]
                     for k in range(len(dataset))]), info


def main():
    random = np.random.default_rng(1)
    tried, worst = 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        for i in range(64):
            way = {name: bool(i >> k & 1) for k, name in enumerate(
                ("shared", "slopes", "times", "oblique", "undefined", "signed"))}
            for k, syntax in enumerate((ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless)):
                way["bits"] = (16, 12, 8, 16)[(i + k) % 4]
                path = os.path.join(folder, f"{i}-{k}.dcm")
                wanted = write(path, random, syntax, way)
                files = [path]
                if shutil.which("gdcmconv") and k == 0 and i % 4 == 0:
                    for form in ("jpeg", "jpegls", "j2k", "rle"):
                        files.append(path + f".{form}.dcm")
                        if subprocess.run(["gdcmconv", f"--{form}", path, files[-1]], capture_output=True).returncode:
                            print("gdcmconv could not write", form, way)
                            files.pop()
                for name in files:
                    for time, values in enumerate(wanted):
                        got, info = read(name, time if len(wanted) > 1 else -1)
                        if got.shape != values.shape:
                            sys.exit(f"{way}: {got.shape}, not {values.shape}")
                        difference = float(np.abs(got - values).max())
                        if difference > 0:
                            print(f"{os.path.basename(name)}, {way}: differs by {difference}")
                        if not np.allclose(info["spacing"], (2.5, 0.7, 0.6)):
                            sys.exit(f"{way}: spacing {info['spacing']}")
                        worst = max(worst, difference)
                    tried += 1
    print(f"{tried} files, largest difference {worst}")


if __name__ == "__main__":
    main()
