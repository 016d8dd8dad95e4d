#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""NumPy files for tests/unit/io/test_io_array.c, written by NumPy itself.

Writes data/io/arrays.npz: "file/NAME" holds a file's bytes, "want/NAME" the array in it. Made with
NumPy 1.24 (Debian 12). Run it in this folder.
"""
import io
import struct
import zipfile

import numpy as np
from numpy.lib import format as npy_format

rng = np.random.default_rng(22)
out = {}


def put(name, body, want=None):
    out["file/" + name] = np.frombuffer(body, np.uint8)
    if want is not None:
        out["want/" + name] = np.asarray(want).astype(np.asarray(want).dtype.newbyteorder("="))


def npy(array, version=None):
    buffer = io.BytesIO()
    npy_format.write_array(buffer, np.asanyarray(array), version)
    return buffer.getvalue()


def npz(compressed=True, **arrays):
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


for code in "b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8".split():
    dtype = np.dtype(code)
    if dtype.kind == "b":
        data = rng.integers(0, 2, (3, 4, 5)).astype(dtype)
    elif dtype.kind == "f":
        data = rng.normal(0, 100, (3, 4, 5)).astype(dtype)
        data[0, 0, 0], data[0, 0, 1] = np.nan, np.inf
    else:
        limits = np.iinfo(dtype)
        data = rng.integers(limits.min, limits.max, (3, 4, 5), dtype=dtype, endpoint=True)
    for order in "<>":
        for fortran in (False, True):
            array = data.astype(dtype.newbyteorder(order), order="F" if fortran else "C")
            name = "%s_%s%s.npy" % (dtype.name, "le" if order == "<" else "be", "_f" if fortran else "")
            put(name, npy(array), data)

small = np.arange(6, dtype=np.int16).reshape(2, 3)
for major in (1, 2, 3):
    put("version%d.npy" % major, npy(small, (major, 0)), small)
put("scalar.npy", npy(np.float64(2.5)), np.float64(2.5))
put("vector.npy", npy(np.arange(5)), np.arange(5))
put("empty.npy", npy(np.zeros((0, 4, 4), np.uint8)), np.zeros((0, 4, 4), np.uint8))
put("axes8.npy", npy(np.arange(256, dtype=np.uint8).reshape((2,) * 8)), np.arange(256, dtype=np.uint8).reshape((2,) * 8))
put("axes9.npy", npy(np.zeros((1,) * 9, np.uint8)))
put("complex.npy", npy(np.zeros((2, 2), np.complex64)))
put("string.npy", npy(np.array(["a", "b"])))
put("record.npy", npy(np.zeros(3, [("x", "f4"), ("y", "i2")])))
put("date.npy", npy(np.zeros(3, "M8[s]")))
put("object.npy", npy(np.array([None, 1], object)))


def by_hand(text, body=b"", version=b"\x01\x00"):
    text = text.encode("latin1")
    length = struct.pack("<H", len(text)) if version[0] == 1 else struct.pack("<I", len(text))
    return b"\x93NUMPY" + version + length + text + body


data = struct.pack("<6h", *range(6))
put("odd_order.npy", by_hand('{"shape":(2L,3L),"fortran_order":False,"descr":"<i2"}', data), small)
put("unaligned.npy", by_hand("{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3)} \n", data), small)
put("unaligned2.npy", by_hand("{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3)}\n", data), small)

# What must be refused.
good = "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3)}\n"
for name, text in (("no_dict", "hello"), ("no_end", good[:-3]), ("no_shape", "{'descr': '<i2', 'fortran_order': False}"),
                   ("twice", good.replace("'fortran_order': False", "'descr': '<i2'")), ("extra", good + "1"),
                   ("key", good.replace("descr", "dexcr")), ("negative", good.replace("2, 3", "-2, 3")),
                   ("huge", good.replace("2, 3", "99999999999999999999, 3")),
                   ("product", good.replace("2, 3", "4294967296, 4294967296, 4294967296")),
                   ("order", good.replace("False", "None")), ("float_shape", good.replace("2, 3", "2., 3")),
                   ("call", good.replace("(2, 3)", "tuple()")), ("list", good.replace("(2, 3)", "[2, 3]")),
                   ("comma", good.replace("2, 3", "2,, 3")), ("escape", good.replace("<i2", "\\x3ci2")),
                   ("nothing", ""), ("long_descr", good.replace("<i2", "<i2" + "2" * 100)),
                   ("larger", good.replace("2, 3", "2, 4"))):
    put("bad_%s.npy" % name, by_hand(text, data))
put("bad_magic.npy", b"\x93NUMPX" + npy(small)[6:])
put("bad_version.npy", npy(small)[:6] + b"\x09\x00" + npy(small)[8:])
put("bad_length.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + npy(small)[12:])

# Archives.
images = rng.integers(0, 256, (4, 8, 8)).astype(np.uint8)
colour = rng.integers(0, 256, (3, 5, 6, 3)).astype(np.uint8)
put("stored.npz", npz(False, a=small, b=images), images)
put("deflated.npz", npz(True, a=small, b=images), images)
put("medmnist.npz", npz(True, train_images=images, val_images=images[:1], test_images=images[1:3],
                        train_labels=np.zeros((4, 1), np.uint8), val_labels=np.ones((1, 1), np.uint8),
                        test_labels=np.zeros((2, 14), np.uint8), names=np.array(["a", "b"]), count=np.int64(7)))
put("colour.npz", npz(True, images=colour, labels=np.arange(3)))
put("flat.npz", npz(True, one=images[0], two=images[1].astype(np.float32), line=np.arange(3)))
put("labels.npz", npz(True, labels=np.arange(9)))
put("empty.npz", npz(True))
put("no_slices.npz", npz(True, images=np.zeros((0, 4, 4), np.uint8)))
put("big.npz", npz(True, images=rng.integers(0, 64, (6, 40, 40)).astype(np.int16)))
buffer = io.BytesIO()
with zipfile.ZipFile(buffer, "w", zipfile.ZIP_BZIP2) as archive:
    archive.writestr("images.npy", npy(images))
put("bzip2.npz", buffer.getvalue())
buffer = io.BytesIO()
with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("readme.txt", "no array")
    archive.writestr("deep/\u00e4.npy", npy(small))
put("other.npz", buffer.getvalue(), small)

# Slices for datasets.
put("grey2d.npy", npy(images[0]))
put("grey3d.npy", npy(images))
put("grey3d_f.npy", npy(np.asfortranarray(images.astype(">i4"))))
put("grey2d_f.npy", npy(np.asfortranarray(images[0])))
put("colour.npy", npy(colour))
put("rgba.npy", npy(np.concatenate([colour, colour[..., :1]], -1)))
put("colour16.npy", npy((colour.astype(np.uint16) * 257)))
put("colour_f4.npy", npy((colour.astype(np.float32) / 255)))
put("half.npy", npy(images.astype(np.float16) / 7))
put("bool.npy", npy(images > 128))
put("bool_colour.npy", npy(colour > 128))
put("many.npy", npy(np.zeros((2, 2, 2, 2), np.uint8)))
weights = np.array([19595, 38470, 7471], np.float64)
out["want/images"] = images
out["want/colour"] = ((colour.astype(np.uint32) @ weights.astype(np.uint32) + 0x8000) >> 16).astype(np.uint8)
out["want/colour16"] = (((colour.astype(np.uint64) * 257) @ weights.astype(np.uint64) + 0x8000) >> 16).astype(np.uint16)
wide = (colour.astype(np.float32) / 255).astype(np.float64)
out["want/colour_f4"] = ((weights[0] * wide[..., 0] + weights[1] * wide[..., 1] + weights[2] * wide[..., 2]) / 65536).astype(np.float32)
out["want/half"] = (images.astype(np.float16) / 7).astype(np.float16).astype(np.float32)
out["want/bool"] = images > 128

np.savez_compressed("data/io/arrays.npz", **out)
