#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""NIfTI files for tests/unit/io/test_io_nifti.c, with what they hold according to NumPy and nibabel.

Writes data/io/nifti.npz: "file/NAME" holds a file's bytes; "stored/NAME" its voxels as [k][j][i];
"axial/NAME" the axial slices (rows to posterior, columns to the patient's left), slices in storage
order; "scale/NAME" slope and intercept. Made with nibabel 5.0 and NumPy 1.24 (Debian 12). Run it in
this folder.
"""
import gzip
import itertools
import os
import struct
import tempfile
from fractions import Fraction

import nibabel as nib
import numpy as np
from nibabel.orientations import axcodes2ornt, ornt_transform

rng = np.random.default_rng(21)
out = {}
folder = tempfile.mkdtemp()


def put(name, body):
    out["file/" + name] = np.frombuffer(body, np.uint8)


def squash(body):
    return gzip.compress(body, mtime=0)


def file_bytes(image, name):
    """What nibabel writes for it: one or two files."""
    path = os.path.join(folder, name)
    nib.save(image, path)
    with open(path, "rb") as file:
        body = file.read()
    os.unlink(path)
    return body


def axial(data, affine):
    """By nibabel's own idea of the axes: LPS reversed columns, slices left in storage order."""
    codes = nib.aff2axcodes(affine)
    slice_axis = [i for i, c in enumerate(codes) if c in "SI"][0]
    row_axis = [i for i, c in enumerate(codes) if c in "AP"][0]
    column_axis = [i for i, c in enumerate(codes) if c in "LR"][0]
    view = np.transpose(data, (slice_axis, row_axis, column_axis))
    if codes[row_axis] == "A":
        view = view[:, ::-1]
    if codes[column_axis] == "R":
        view = view[:, :, ::-1]
    return view


def expect(name, data, affine, slope=1.0, inter=0.0):
    out["stored/" + name] = np.ascontiguousarray(data.T)
    out["axial/" + name] = np.ascontiguousarray(axial(data, affine))
    out["scale/" + name] = np.array([slope, inter], np.float64)


RAS = np.diag([0.5, 0.75, 3, 1])

# Every type, either byte order, both versions.
for code in "i1 i2 i4 i8 u1 u2 u4 u8 f4 f8".split():
    dtype = np.dtype(code)
    shape = (5, 4, 3)
    if dtype.kind == "f":
        data = rng.normal(0, 1000, shape).astype(dtype)
        data[0, 0, 0], data[1, 0, 0], data[2, 0, 0] = np.nan, np.inf, -np.inf
    else:
        limits = np.iinfo(dtype)
        data = rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
        data[0, 0, 0], data[4, 3, 2] = limits.min, limits.max
    for order, letter in (("<", "le"), (">", "be")):
        for version, kind in ((1, nib.Nifti1Image), (2, nib.Nifti2Image)):
            name = "%s_%s_%d.nii" % (dtype.name, letter, version)
            header = kind.header_class(endianness=order)
            header.set_data_dtype(dtype.newbyteorder(order))
            put(name, file_bytes(kind(data, RAS, header), name))
            expect(name, data, RAS)


# float128, which NumPy does not have on most machines: encoded by hand.
def binary128(value, extra=0):
    """The 16 bytes, little-endian, of a Fraction; `extra` is added to the last place."""
    sign, value = (1 << 127, -value) if value < 0 else (0, value)
    if value == 0:
        return struct.pack("<QQ", 0, sign >> 64)
    exponent = 0
    while value >= 2:
        value, exponent = value / 2, exponent + 1
    while value < 1:
        value, exponent = value * 2, exponent - 1
    bits = sign + ((exponent + 16383) << 112) + int((value - 1) * 2**112) + extra
    return struct.pack("<QQ", bits & (2**64 - 1), bits >> 64)


def nearest(value):
    try:
        return float(value)  # correctly rounded, ties to even
    except OverflowError:
        return np.inf if value > 0 else -np.inf


numbers = [Fraction(0), Fraction(1), Fraction(-1), Fraction(1, 3), Fraction(-22, 7), Fraction(2)**1023,
           Fraction(2)**1024, -Fraction(2)**5000, Fraction(1, 2**1074), Fraction(1, 2**1075), Fraction(3, 2**1076),
           Fraction(3, 2**1075), Fraction(1, 2**1076), Fraction(1, 2**9000), 1 + Fraction(1, 2**53),
           1 + Fraction(3, 2**53), 1 + Fraction(1, 2**53) + Fraction(1, 2**112), 2 - Fraction(1, 2**112),
           1 + Fraction(1, 2**53) - Fraction(1, 2**112), Fraction(2)**1024 - Fraction(2)**970,
           Fraction(2)**1024 - Fraction(2)**970 - Fraction(2)**912, Fraction(5, 2**1040), Fraction(12345678901234567)]
numbers += [Fraction(int(v)) / 10**9 for v in rng.integers(-10**17, 10**17, 60 - len(numbers) - 2)]


def truncate(value):
    """What 113 bits hold of it."""
    bits = binary128(value)
    low, high = struct.unpack("<QQ", bits)
    if value == 0:
        return value
    mantissa = (1 << 112) + ((high & (2**48 - 1)) << 64) + low
    exponent = ((high >> 48) & 0x7fff) - 16383 - 112
    return (-1 if high >> 63 else 1) * mantissa * Fraction(2)**exponent


raw = b"".join(binary128(v) for v in numbers)
raw += struct.pack("<QQ", 0, 0x7fff << 48) + struct.pack("<QQ", 1, 0x7fff << 48)
values = np.array([nearest(truncate(v)) for v in numbers] + [np.inf, np.nan]).reshape((5, 4, 3), order="F")
template = bytearray(out["file/float64_le_1.nii"].tobytes()[:352])
template[70:74] = struct.pack("<hh", 1536, 128)
put("float128_le_1.nii", bytes(template) + raw)
expect("float128_le_1.nii", values, RAS)
template = bytearray(out["file/float64_be_1.nii"].tobytes()[:352])
template[70:74] = struct.pack(">hh", 1536, 128)
put("float128_be_1.nii", bytes(template) + b"".join(raw[i:i + 16][::-1] for i in range(0, len(raw), 16)))
expect("float128_be_1.nii", values, RAS)

# The 48 ways to store one anatomy; the right answer is computed from the RAS one.
body = rng.integers(-1000, 1000, (6, 5, 4)).astype(np.int16)  # x, y, z of different lengths
anatomy = nib.Nifti1Image(body, RAS)
truth = np.ascontiguousarray(body[::-1, ::-1, :].transpose(2, 1, 0))  # [z][posterior][left]
out["truth"] = truth
for axes in itertools.permutations(("LR", "PA", "IS")):
    for ends in itertools.product((0, 1), repeat=3):
        codes = "".join(a[e] for a, e in zip(axes, ends))
        moved = anatomy.as_reoriented(ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(codes)))
        assert nib.aff2axcodes(moved.affine) == tuple(codes)
        name = "orient_%s.nii" % codes
        put(name, file_bytes(nib.Nifti1Image(np.asarray(moved.dataobj), moved.affine), name))

# A tilted one: the sform says LPS-like and tilted; the qform alone; neither; broken sform.
tilt = np.array([[-0.9, 0.05, 0.3, 5], [0.1, -0.8, 0.9, 6], [0.2, 0.4, 2.5, 7], [0, 0, 0, 1]])
small = rng.integers(0, 255, (4, 3, 5)).astype(np.uint8)
put("tilted.nii", file_bytes(nib.Nifti1Image(small, tilt), "tilted.nii"))
expect("tilted.nii", small, tilt)
coronal = np.array([[-1.0, 0, 0, 0], [0, 0, 2, 0], [0, -1.5, 0, 0], [0, 0, 0, 1]])
image = nib.Nifti1Image(small, coronal)
image.set_qform(coronal, 1)
image.set_sform(None, 0)
put("qform.nii", file_bytes(image, "qform.nii"))
expect("qform.nii", small, coronal)
image = nib.Nifti1Image(small, None)
image.set_qform(None, 0)
image.set_sform(None, 0)
put("no_form.nii", file_bytes(image, "no_form.nii"))
expect("no_form.nii", small, np.eye(4))
header = bytearray(out["file/qform.nii"].tobytes())
header[254:256] = struct.pack("<h", 1)  # sform_code 1, rows all zero: the qform counts
put("zero_sform.nii", bytes(header))
expect("zero_sform.nii", small, coronal)
header[280:284] = struct.pack("<f", np.nan)
put("nan_sform.nii", bytes(header))
expect("nan_sform.nii", small, coronal)

# Scaling, as nibabel writes it and as others do.
scaled = nib.Nifti1Image(small, RAS)
scaled.header.set_slope_inter(0.25, -1024)
path = os.path.join(folder, "scaled.nii")
header = bytearray(file_bytes(nib.Nifti1Image(small, RAS), "scaled.nii"))
for name, slope, inter, want in (("scaled", 0.25, -1024, (0.25, -1024)), ("slope_zero", 0, 7, (1, 0)),
                                 ("slope_nan", np.nan, 7, (1, 0)), ("slope_inf", np.inf, 7, (1, 0)),
                                 ("slope_negative", -2, 5, (-2, 5))):
    header[112:120] = struct.pack("<ff", slope, inter)
    put(name + ".nii", bytes(header))
    expect(name + ".nii", small, RAS, *want)
header[112:120] = struct.pack("<ff", 1, np.nan)
put("bad_inter.nii", bytes(header))

# 2-D, 4-D, 5-D; pairs; compressed; plain under a compressed name and the other way round.
flat = rng.integers(0, 255, (7, 6)).astype(np.uint8)
put("flat.nii", file_bytes(nib.Nifti1Image(flat, RAS), "flat.nii"))
expect("flat.nii", flat[..., None], RAS)
film = rng.integers(0, 30000, (4, 3, 2, 3)).astype(np.int16)
put("film.nii", file_bytes(nib.Nifti1Image(film, RAS), "film.nii"))
put("film.nii.gz", squash(out["file/film.nii"].tobytes()))
for frame in range(3):
    expect("film_%d" % frame, film[..., frame], RAS)
put("one_frame.nii", file_bytes(nib.Nifti1Image(film[..., :1], RAS), "one_frame.nii"))
expect("one_frame.nii", film[..., 0], RAS)
put("five.nii", file_bytes(nib.Nifti1Image(film[..., :1, None], RAS), "five.nii"))
expect("five.nii", film[..., 0], RAS)
put("vector.nii", file_bytes(nib.Nifti1Image(film[:, :, :, None, :], RAS), "vector.nii"))
nib.save(nib.Nifti1Pair(small, tilt), os.path.join(folder, "pair.img"))
for half in ("hdr", "img"):
    with open(os.path.join(folder, "pair." + half), "rb") as file:
        put("pair." + half, file.read())
    put("pair.%s.gz" % half, squash(out["file/pair." + half].tobytes()))
expect("pair", small, tilt)
nib.save(nib.Nifti2Pair(small, tilt), os.path.join(folder, "pair2.img"))
for half in ("hdr", "img"):
    with open(os.path.join(folder, "pair2." + half), "rb") as file:
        put("pair2." + half, file.read())
big = rng.integers(-1000, 3000, (20, 18, 16)).astype(np.int16)
put("big.nii", file_bytes(nib.Nifti1Image(big, tilt), "big.nii"))
put("big.nii.gz", squash(out["file/big.nii"].tobytes()))
expect("big.nii", big, tilt)
put("complex.nii", file_bytes(nib.Nifti1Image(small.astype(np.complex64), RAS), "complex.nii"))
rgb = np.zeros((2, 2, 2), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
put("rgb.nii", file_bytes(nib.Nifti1Image(rgb, RAS), "rgb.nii"))

# Units: metres and micrometres become millimetres.
for unit, factor in (("meter", 1e-3), ("micron", 1e3)):
    image = nib.Nifti1Image(small, np.diag([0.5 * factor, 0.75 * factor, 3 * factor, 1]))
    image.header.set_xyzt_units(unit)
    put(unit + ".nii", file_bytes(image, unit + ".nii"))

np.savez_compressed("data/io/nifti.npz", **out)
