#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes the seed corpora: tests/fuzz/corpus/TARGET/NAME. Small files of each kind and hand-made
corners. What lies beside them is left alone: findings of the fuzzer (found-*), and files that the
library wrote (index/saved-*, manifest/reduced)."""
import gzip, io, json, struct, sys, zipfile, zlib
from pathlib import Path
import numpy as np
from PIL import Image

CORPUS = Path(__file__).parent / "corpus"
rng = np.random.default_rng(1)


def put(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


# ---- DICOM ----

def dicom(syntax="1.2.840.10008.1.2.1", place="0\\0\\1", series="1.2.3", bits=16, extra=b"", pixels=None):
    implicit, order = syntax == "1.2.840.10008.1.2", ">" if syntax.endswith("1.2.2") else "<"

    def element(tag, vr, value, order=order, implicit=implicit):
        value = value + (b"" if len(value) % 2 == 0 else b" ")
        head = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
        if implicit:
            return head + struct.pack(order + "I", len(value)) + value
        if vr in (b"OW", b"OB", b"SQ", b"UN"):
            return head + vr + bytes(2) + struct.pack(order + "I", len(value)) + value
        return head + vr + struct.pack(order + "H", len(value)) + value

    short = lambda tag, v: element(tag, b"US", struct.pack(order + "H", v))
    out = bytes(128) + b"DICM" + element(0x00020010, b"UI", syntax.encode(), "<", False)
    out += element(0x0020000E, b"UI", series.encode()) + element(0x00200032, b"DS", place.encode())
    out += element(0x00200037, b"DS", b"1\\0\\0\\0\\1\\0") + extra
    out += short(0x00280002, 1) + element(0x00280004, b"CS", b"MONOCHROME2") + short(0x00280010, 3)
    out += short(0x00280011, 4) + short(0x00280100, bits) + short(0x00280101, bits) + short(0x00280102, bits - 1)
    out += short(0x00280103, 1) + element(0x00281052, b"DS", b"-1024") + element(0x00281053, b"DS", b"2")
    if pixels is not None:
        return out + struct.pack("<HH", 0x7FE0, 0x10) + b"OB" + bytes(2) + b"\xff" * 4 + pixels
    return out + element(0x7FE00010, b"OW", bytes(range(12 * bits // 8)))


def seeds_codestream():
    """The committed compressed slices, and the same with a header or a codestream that lies."""
    golden = Path(__file__).parent.parent / "golden" / "data" / "dicom" / "compressed"
    for name, number, mark in (("jpegll", 3, b"\xff\xc3"), ("jpegls", 4, b"\xff\xf7"), ("j2k", 6, b"\xff\x4f")):
        data = (golden / (name + ".dcm")).read_bytes()
        at = data.index(bytes([0xE0, 0x7F, 0x10, 0]) + b"OB") + 12
        at += 8 + struct.unpack_from("<I", data, at + 4)[0]  # the table of offsets
        stream = data[at + 8:at + 8 + struct.unpack_from("<I", data, at + 4)[0]]
        sof = stream.index(mark) + 4
        height, width = struct.unpack_from(">II" if name == "j2k" else ">HH", stream, sof + (4 if name == "j2k" else 1))
        if name == "j2k":
            height, width = width, height
        head = lambda h, w, bits=1, stored=15, syntax=number: bytes([syntax, h & 255, h >> 8, w & 255, w >> 8, bits, stored])
        put("codestream", name, head(height, width) + stream)
        put("codestream", name + "-size", head(height + 1, width) + stream)
        put("codestream", name + "-depth", head(height, width, 0, 7) + stream)
        put("codestream", name + "-cut", head(height, width) + stream[:len(stream) // 2])
        put("codestream", name + "-syntax", head(height, width, syntax=(number + 2) % 8) + stream)
        lie = bytearray(stream)
        lie[sof + (36 if name == "j2k" else 5)] = 3  # components
        put("codestream", name + "-components", head(height, width) + bytes(lie))


def seeds_dicom():
    two = lambda a, b: bytes([min(255, 256 * len(a) // (len(a) + len(b)) + 1)]) + a + b
    item = lambda b: struct.pack("<HHI", 0xFFFE, 0xE000, len(b)) + b
    nested = struct.pack("<HH2sHI", 0x21, 0x10, b"SQ", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) \
        + struct.pack("<HH2sHH", 0x28, 0x10, b"US", 2, 9) + struct.pack("<HHI", 0xFFFE, 0xE00D, 0) \
        + item(b"abcd") + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    put("dicom", "explicit", b"\0" + dicom())
    put("dicom", "implicit", b"\0" + dicom("1.2.840.10008.1.2"))
    put("dicom", "big-endian", b"\0" + dicom("1.2.840.10008.1.2.2", bits=32))
    put("dicom", "nested", b"\0" + dicom(extra=nested, bits=8))
    put("dicom", "run-lengths", b"\0" + dicom("1.2.840.10008.1.2.5", pixels=item(b"") + item(bytes(64)) + end))
    put("dicom", "cut-fragments", b"\0" + dicom("1.2.840.10008.1.2.4.70", pixels=item(b"") + item(bytes(64))[:40]))
    put("dicom", "frames", b"\0" + frames())
    put("dicom", "frames-times", b"\0" + frames(4, times=True))
    put("dicom", "frames-run-lengths", b"\0" + frames(2, rle=True))
    put("dicom", "frames-lacking", b"\0" + frames(3, groups=2))
    put("dicom", "series", two(dicom(place="0\\0\\4"), dicom(place="0\\0\\2")))
    put("dicom", "two-series", two(dicom(), dicom(series="1.2.4", bits=8)))


def frames(count=3, groups=None, rle=False, times=False):
    """An enhanced object: functional groups with and without lengths."""
    def element(tag, vr, value):
        value += b" " * (len(value) % 2)
        long = vr in (b"SQ", b"OW", b"OB")
        return struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr + (bytes(2) + struct.pack("<I", len(value)) if long
                                                                   else struct.pack("<H", len(value))) + value
    item = lambda b: struct.pack("<HHI", 0xFFFE, 0xE000, len(b)) + b
    macro = lambda sequence, content: element(sequence, b"SQ", item(content))
    shared = macro(0x00209116, element(0x00200037, b"DS", b"1\\0\\0\\0\\1\\0")) \
        + macro(0x00289110, element(0x00280030, b"DS", b"0.5\\0.7"))
    own = b"".join(item(macro(0x00209113, element(0x00200032, b"DS", b"0\\0\\%d" % (i // 2 if times else -i)))
                        + macro(0x00289145, element(0x00281053, b"DS", b"%d" % (1 if times else i + 1))))
                   for i in range(count if groups is None else groups))
    base = dicom(extra=element(0x00280008, b"IS", b"%d" % count),
                 syntax="1.2.840.10008.1.2.5" if rle else "1.2.840.10008.1.2.1")
    base = base[:base.index(struct.pack("<HH", 0x7FE0, 0x10))]
    both = element(0x52009229, b"SQ", item(shared)) + element(0x52009230, b"SQ", own)
    if not rle:
        return base + both + element(0x7FE00010, b"OW", bytes(24 * count))
    packed = item(struct.pack("<16I", 2, 64, 66, *[0] * 13) + b"\xf5\1\xf5\2")
    return base + both + struct.pack("<HH", 0x7FE0, 0x10) + b"OB" + bytes(2) + b"\xff" * 4 + item(b"") + packed * count \
        + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


# ---- torch.save ----

def seeds_torch():
    """Pickles as PyTorch writes them, by stand-ins for its classes."""
    import pickle, types
    from collections import OrderedDict
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    class FloatStorage:
        pass

    def _rebuild_tensor_v2(*arguments):
        return arguments
    FloatStorage.__module__, FloatStorage.__qualname__ = "torch", "FloatStorage"
    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    torch.FloatStorage, utils._rebuild_tensor_v2 = FloatStorage, _rebuild_tensor_v2

    class Key:
        def __init__(self, key):
            self.key = key

    class Tensor:
        def __init__(self, key, offset, shape, strides):
            self.arguments = (Key(key), offset, shape, strides, False, OrderedDict())

        def __reduce__(self):
            return _rebuild_tensor_v2, self.arguments

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            return ("storage", FloatStorage, thing.key, "cpu", 16) if isinstance(thing, Key) else None

    names = {"encoder.conv1.weight": Tensor("0", 0, (1, 1, 3, 3), (9, 9, 3, 1)),
             "encoder.layer1.0.conv1.weight": Tensor("1", 2, (2, 3), (1, 4))}
    saved = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules.update({"torch": torch, "torch._utils": utils})
    for protocol in range(6):
        out = io.BytesIO()
        Pickler(out, protocol).dump({"state_dict": OrderedDict(names), "epoch": 3, "lr": 0.1, "big": 1 << 80,
                                     "set": {1, 2}, "bytes": b"abc", "none": [None, True, (1, 2, 3, 4)],
                                     "code": complex(1, 2)})
        put("torch", f"protocol-{protocol}", b"\1" + out.getvalue())
    for name, module in saved.items():
        sys.modules.pop(name) if module is None else sys.modules.update({name: module})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        members = {"data.pkl": out.getvalue(), "data/0": bytes(64), "data/1": bytes(64), "byteorder": b"big"}
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo("x/" + name), content)
    put("torch", "archive", b"\0" + archive.getvalue())
    put("torch", "shared-dicts", b"\1(dp0\n(Va\ng0\nVb\ng0\ndp1\n(Va\ng1\nVb\ng1\nd.")
    put("torch", "circle", b"\1(dp0\nVa\ng0\ns.")
    put("torch", "would-run", b"\1(Vw\ncposix\nsystem\n(Vtouch it-ran\ntRd.")


# ---- NIfTI ----

def nifti1(shape, code=4, bits=16, order="<", magic=b"n+1\0", offset=352.0, qform=0, sform=0, slope=1.0):
    h = bytearray(348)
    pack = lambda at, form, *v: struct.pack_into(order + form, h, at, *v)
    dim = [len(shape)] + list(shape) + [1] * (7 - len(shape))
    pack(0, "i", 348)
    pack(40, "8h", *dim)
    pack(70, "hh", code, bits)
    pack(76, "8f", 1, 0.9, 0.9, 3, 1, 1, 1, 1)
    pack(108, "fff", offset, slope, -10.0 if slope != 1 else 0.0)
    pack(252, "hh", qform, sform)
    pack(256, "6f", 0, 1, 0, 5, 6, 7)
    pack(280, "12f", 0, -0.9, 0, 1, 0.9, 0, 0, 2, 0, 0, 3, 3)
    h[123] = 2
    h[344:348] = magic
    return bytes(h)


def nifti2(shape, code=16, bits=32, order="<"):
    h = bytearray(540)
    pack = lambda at, form, *v: struct.pack_into(order + form, h, at, *v)
    pack(0, "i", 540)
    h[4:12] = b"n+2\0\r\n\x1a\n"
    pack(12, "hh", code, bits)
    pack(16, "8q", *([len(shape)] + list(shape) + [1] * (7 - len(shape))))
    pack(104, "8d", *([1.0] * 8))
    pack(168, "q", 544)
    pack(176, "dd", 1, 0)
    return bytes(h)


def zstandard(content):
    """One frame of one raw block (RFC 8878)."""
    return b"\x28\xb5\x2f\xfd\x00\x58" + struct.pack("<I", len(content) << 3 | 1)[:3] + content


def seeds_nifti():
    put("nifti", "zstandard", zstandard(nifti1([3, 4, 5]) + bytes(4 + 120)))
    voxels = np.arange(3 * 4 * 5, dtype="<i2").tobytes()
    plain = nifti1((5, 4, 3)) + bytes(4) + voxels
    put("nifti", "int16", plain)
    put("nifti", "int16.gz", gzip.compress(plain, 9, mtime=0))
    put("nifti", "two-members.gz", gzip.compress(plain[:200], mtime=0) + gzip.compress(plain[200:], mtime=0))
    put("nifti", "cut.gz", gzip.compress(plain, 9, mtime=0)[:-9])
    put("nifti", "big-endian", nifti1((5, 4, 3), order=">", sform=1) + bytes(4)
        + np.arange(60, dtype=">i2").tobytes())
    put("nifti", "qform", nifti1((5, 4, 3), qform=1, slope=2.0) + bytes(4) + voxels)
    put("nifti", "sform", nifti1((5, 4, 3), sform=1) + bytes(4) + voxels)
    put("nifti", "frames", nifti1((3, 2, 2, 2), 2, 8) + bytes(4) + bytes(range(24)))
    put("nifti", "float128", nifti1((2, 2, 2), 1536, 128) + bytes(4) + bytes(128))
    put("nifti", "pair", nifti1((5, 4, 3), magic=b"ni1\0", offset=0) + voxels)
    put("nifti", "version2", nifti2((5, 4, 3)) + bytes(4) + np.arange(60, dtype="<f4").tobytes())
    put("nifti", "version2-big", nifti2((5, 4, 3), order=">") + bytes(4) + np.arange(60, dtype=">f4").tobytes())
    put("nifti", "two-to-the-60", nifti2((1 << 20, 1 << 20, 1 << 20), 2, 8) + bytes(4))
    put("nifti", "two-to-the-60.gz", gzip.compress(nifti2((1 << 20, 1 << 20, 1 << 20), 2, 8) + bytes(4), mtime=0))
    put("nifti", "overflow", nifti2((1 << 62, 1 << 62, 1 << 62), 64, 64) + bytes(4))
    put("nifti", "negative", nifti1((-5, 4, 3)) + bytes(4) + voxels)
    put("nifti", "offset", nifti1((5, 4, 3), offset=1e30) + bytes(4) + voxels)
    put("nifti", "offset-nan", nifti1((5, 4, 3), offset=float("nan")) + bytes(4) + voxels)


# ---- arrays ----

def seeds_rasters():
    voxels = np.arange(24, dtype="<i2").tobytes()
    packed = zlib.compress(voxels)
    mha = ("ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = %s\nCompressedData = %s\n"
           "TransformMatrix = 1 0 0 0 1 0 0 0 -1\nElementSpacing = .5 .5 3\nDimSize = %s\n"
           "ElementType = MET_SHORT\n%sElementDataFile = %s\n")
    put("mha", "plain", (mha % ("False", "False", "4 3 2", "", "LOCAL")).encode() + voxels)
    put("mha", "big", (mha % ("True", "False", "4 3 2", "", "LOCAL")).encode() + voxels)
    put("mha", "zlib", (mha % ("False", "True", "4 3 2", "CompressedDataSize = 40\n", "LOCAL")).encode() + packed)
    put("mha", "header-size", (mha % ("False", "False", "4 3 2", "HeaderSize = -1\n", "LOCAL")).encode() + voxels)
    put("mha", "two-to-the-62", (mha % ("False", "False", "2147483648 2147483648 2", "", "LOCAL")).encode() + voxels)
    put("mha", "list", (mha % ("False", "False", "4 3 2", "", "LIST\na\nb")).encode())
    put("mha", "out", (mha % ("False", "False", "4 3 2", "", "../x")).encode())
    put("mha", "frames", (mha.replace("NDims = 3", "NDims = 4") % ("False", "False", "2 3 2 2", "", "LOCAL")).encode() + voxels)
    nrrd = ("NRRD0004\n# seed\ntype: short\ndimension: 3\nspace: %s\nsizes: %s\nspace directions: (.5,0,0) (0,.5,0) (0,0,3)\n"
            "kinds: domain domain domain\nendian: little\nencoding: %s\n%s\n")
    put("nrrd", "raw", (nrrd % ("LPS", "4 3 2", "raw", "")).encode() + voxels)
    put("nrrd", "gzip", (nrrd % ("right-anterior-superior", "4 3 2", "gzip", "key:=value\n")).encode() + gzip.compress(voxels, mtime=0))
    put("nrrd", "skip", (nrrd % ("LAS", "4 3 2", "raw", "byte skip: -1\n")).encode() + b"rubbish" + voxels)
    put("nrrd", "absurd", (nrrd % ("LPS", "4294967296 4294967296 4", "raw", "")).encode() + voxels)
    put("nrrd", "detached", (nrrd % ("LPS", "4 3 2", "raw", "data file: other.raw\n")).encode())
    header = struct.pack(">7ih12f", 1, 4, 3, 2, 1, 4, 0, 1, .5, .5, 3, -1, 0, 0, 0, 0, -1, 0, 1, 0) + bytes(284 - 78)
    put("mgh", "plain", header + voxels)
    put("mgh", "gzip", gzip.compress(header + voxels, mtime=0))
    put("mgh", "frames", struct.pack(">5i", 1, 4, 3, 1, 2) + header[20:] + voxels)
    put("mgh", "no-orientation", header[:28] + bytes(2) + header[30:] + voxels)
    put("mgh", "negative", struct.pack(">4i", 1, -4, 3, 2) + header[16:] + voxels)


def npy(array, fortran=False):
    out = io.BytesIO()
    np.save(out, np.asfortranarray(array) if fortran else array)
    return out.getvalue()


def npy_header(text, version=1):
    form = "<H" if version == 1 else "<I"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack(form, len(text)) + text.encode("latin-1")


def seeds_arrays():
    stack = np.arange(60).reshape(3, 4, 5)
    for name, dtype in (("u1", "u1"), ("i2", "<i2"), ("f4-big", ">f4"), ("f2", "<f2"), ("bool", "?"), ("i8", "<i8")):
        put("npy", name, npy(stack.astype(dtype)))
    put("npy", "fortran", npy(stack.astype("<f8"), True))
    put("npy", "colour", npy(np.zeros((2, 3, 4, 3), "u1")))
    put("npy", "empty", npy(np.zeros((0, 4, 5), "u1")))
    put("npy", "object", npy_header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"))
    for i, shape in enumerate(["(4294967296, 4294967296)", "(9223372036854775807, 2)", "(-1, 2)", "(1, 1, 1, 1, 1, 1, 1, 1, 1)",
                               "(99999999999999999999,)", "(9223372036854775807, 0)"]):
        put("npy", f"shape-{i}", npy_header("{'descr': '<i2', 'fortran_order': False, 'shape': %s, }\n" % shape) + bytes(32))
    put("npy", "version2", npy_header("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }\n", 2) + bytes(6))
    put("npy", "length", b"\x93NUMPY\2\0\xff\xff\xff\xff{")
    put("npy", "cut", npy(stack.astype("<i2"))[:150])

    def npz(members, method=zipfile.ZIP_DEFLATED):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as z:
            for name, content in members:
                z.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, method)
        return out.getvalue()
    a = npy(stack.astype("u1"))
    put("npz", "deflated", npz([("a.npy", a), ("b.npy", npy(np.arange(3)))]))
    put("npz", "stored", npz([("a.npy", a)], zipfile.ZIP_STORED))
    put("npz", "other-names", npz([("../../x.npy", a), ("/x.npy", a), ("readme.txt", b"no array"), ("a.npy", a)]))
    put("npz", "twice", npz([("a.npy", a), ("b.npy", a)]).replace(b"b.npy", b"a.npy"))
    put("npz", "labels", npz([("train_images.npy", npy(np.zeros((4, 4, 4), "u1"))), ("train_labels.npy", npy(np.array([[0], [1], [0], [1]])))]))
    bomb = npy_header("{'descr': '|u1', 'fortran_order': False, 'shape': (2000, 1000, 10), }\n") + bytes(20_000_000)
    put("npz", "bomb", npz([("a.npy", bomb)]))
    lying = bytearray(npz([("a.npy", a)]))
    at = lying.index(b"PK\1\2")
    struct.pack_into("<I", lying, at + 24, 0xfffffff0)
    put("npz", "lying-size", bytes(lying))
    put("npz", "no-end", npz([("a.npy", a)])[:-22])


# ---- pictures ----

def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height, depth, colour, rows, extra=b"", interlace=0):
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))
            + extra + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def picture(mode, form, **options):
    out = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (13, 11, 3), "u1")).convert(mode).save(out, form, **options)
    return out.getvalue()


def seeds_pictures():
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        put("png", mode, picture(mode, "PNG"))
    put("png", "grey-2", png(5, 3, 2, 0, bytes([0, 0x1b, 0x40]) * 3))
    put("png", "grey-16", png(3, 2, 16, 0, bytes([0, 1, 2, 3, 4, 5, 6]) * 2))
    put("png", "interlaced", png(1, 1, 8, 0, b"\0\7", interlace=1))
    put("png", "palette", png(4, 2, 4, 3, b"\0\x01\x23" * 2, chunk(b"PLTE", bytes(range(12))) + chunk(b"tRNS", b"\1\2")))
    put("png", "palette-short", png(4, 2, 4, 3, b"\0\xff\xff" * 2, chunk(b"PLTE", bytes(3))))
    put("png", "two-to-the-31", png((1 << 31) - 1, (1 << 31) - 1, 16, 6, bytes(99)))
    put("png", "above", png(1 << 31, 1 << 31, 8, 0, bytes(99)))
    put("png", "none", png(0, 0, 8, 0, b""))
    put("png", "bomb", png(30000, 30000, 1, 0, bytes(3_000_000)))
    put("png", "text", png(1, 1, 8, 0, b"\0\7", chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1_000_000), 9))))
    for mode in ("L", "RGB", "CMYK"):
        put("jpeg", mode, picture(mode, "JPEG", quality=60))
    put("jpeg", "progressive", picture("RGB", "JPEG", quality=60, progressive=True))
    put("jpeg", "no-subsampling", picture("RGB", "JPEG", quality=90, subsampling=0))
    grey = bytearray(picture("L", "JPEG", quality=60))
    at = grey.index(b"\xff\xc0")
    huge = bytearray(grey)
    huge[at + 5:at + 9] = b"\xff" * 4
    put("jpeg", "65535", bytes(huge))
    put("jpeg", "cut", bytes(grey[:-30]))
    put("jpeg", "restart", bytes(grey[:at]) + b"\xff\xdd\0\4\0\1" + bytes(grey[at:]))


def seeds_more_pictures():
    for mode in ("L", "I", "F", "RGB", "RGBA", "P", "CMYK", "1"):
        put("tiff", mode, picture(mode, "TIFF"))
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        put("tiff", compression, picture("RGB", "TIFF", compression=compression))
    for name in ("pages.tif", "tiles.tif"):
        put("tiff", name, (CORPUS.parents[1] / "golden/data/io" / name).read_bytes())
    for mode in ("RGB", "RGBA"):
        put("webp", mode, picture(mode, "WEBP", quality=50))
        put("webp", mode + "-lossless", picture(mode, "WEBP", lossless=True))


# ---- texts and weights ----

def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def seeds_weights():
    one = {"a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}
    put("safetensors", "one", safetensors(one, bytes(16)))
    put("safetensors", "metadata", safetensors({"__metadata__": {"window": "-160:240", "size": "64", "mean": "0.5", "deviation": "0.25"}, **one}, bytes(16)))
    put("safetensors", "types", safetensors({t: {"dtype": t, "shape": [], "data_offsets": [8 * i, 8 * i + 8]} if t in ("F64", "I64", "U64")
        else {"dtype": t, "shape": [8], "data_offsets": [8 * i, 8 * i + 8]} for i, t in enumerate(["F64", "I64", "U64", "U8", "I8", "BOOL"])}, bytes(48)))
    put("safetensors", "overlap", safetensors({**one, "b": {"dtype": "U8", "shape": [8], "data_offsets": [8, 16]}}, bytes(16)))
    put("safetensors", "length-2-63", safetensors(one, bytes(16), 1 << 63))
    put("safetensors", "length-all", safetensors(one, bytes(16), (1 << 64) - 1))
    put("safetensors", "shape-2-62", safetensors({"a": {"dtype": "F64", "shape": [1 << 62, 8], "data_offsets": [0, 0]}}))
    put("safetensors", "offsets", safetensors({"a": {"dtype": "U8", "shape": [2], "data_offsets": [9223372036854775807, -9223372036854775807]}}, bytes(2)))
    put("safetensors", "empty", safetensors({"a": {"dtype": "F16", "shape": [0, 4], "data_offsets": [0, 0]}}))
    put("safetensors", "deep", safetensors(b'{"a":' + b"[" * 3000))
    put("safetensors", "twice", safetensors(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"1"))
    small = {"conv1.weight": [8, 1, 7, 7], "bn1.weight": [8], "layer1.0.conv1.weight": [8, 8, 3, 3], "fc.weight": [2, 64], "fc.bias": [2]}
    header, at = {}, 0
    for name, shape in small.items():
        size = 2 * int(np.prod(shape))
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    put("safetensors", "network", safetensors(header, bytes(at)))


def seeds_texts():
    rows = "file,slice,label,split\n" + "".join(f"stack.npy,{i},{i % 2},{s}\n" for i, s in enumerate(["train", "train", "val", "test", "test"]))
    put("labels", "plain", rows.encode())
    groups = "file,slice,label,split\n" + "".join(f"{f},{i},{i % 2},{s}\n" for f, s in (("stack.npy", "train"), ("two.npy", "val"), ("three.npy", "test")) for i in range(4))
    put("labels", "groups", groups.encode())
    put("labels", "crlf", rows.replace("\n", "\r\n").encode())
    put("labels", "quoted", b'file,label,slice\n"stack.npy","a ""b"", c",0\n"stack.npy","x\ny",1\n')
    put("labels", "outside", b"file,slice,label\nstack.npy,9223372036854775808,0\nstack.npy,-1,1\n")
    put("labels", "up", b"file,slice,label\n../../../../etc/passwd,0,0\n/dev/zero,0,1\nstack.npy,0,1\n")
    put("labels", "open-quote", b'file,label\n"stack.npy,1\n')
    put("labels", "commas", b"file" + b"," * 500 + b"label\n")
    head = "source,slice,kept,witness_source,witness_slice,score\n"
    body = "stack.npy,0,1,,,\nstack.npy,1,0,stack.npy,0,3\nstack.npy,2,1,,,\nstack.npy,3,1,,,\nstack.npy,4,0,stack.npy,2,1.5e0\n"
    put("manifest", "plain", (head + body).encode())
    put("manifest", "summary", (head + body).encode() + b"\0" + json.dumps({
        "parameters": {"strategy": "hash", "scope": "volume", "order": "anatomical", "rule": "first", "threshold": 3, "window": "auto",
                       "hash": "difference", "profile": "paper-hash"}, "counts": {"slices": 5, "kept": 3},
        "inputs": [{"source": "stack.npy", "slices": 5}]}).encode())
    put("manifest", "numbers", (head + "stack.npy,9223372036854775807,1,,,\nstack.npy,1,0,stack.npy,99,nan\n").encode())
    put("manifest", "up", (head + "../../x,0,1,,,\n/dev/zero,0,1,,,\n").encode())
    put("comparison", "plain", b"seed,fold,source,slice,label,p_0,p_1\n0,,a,0,0,0.7,0.3\n0,,a,1,1,0.4,0.6\n0,,a,2,1,0.1,0.9\n0,,a,3,0,0.8,0.2\n")
    put("comparison", "two", b"seed,source,slice,label,p_x,p_y\n0,a,0,x,1,0\n0,a,1,y,0,1\n\0seed,source,slice,label,p_x,p_y\n1,a,1,y,0.5,nan\n1,a,0,x,1e308,-1e308\n")
    task = {"name": "t", "labels": "labels.csv", "protocols": {"linear": {}, "finetune": {"epochs": 2}}}
    put("experiment", "plain", json.dumps({"seeds": 2, "data": ["a"], "floors": True, "pretrain": {"epochs": 1},
        "strategies": [{"name": "A", "strategy": "all"}, {"name": "B", "strategy": "hash", "threshold": 3, "steps_of": "A"}], "tasks": [task]}).encode())
    put("experiment", "exclude", json.dumps({"seeds": 1, "strategies": [], "exclude_test_of": "t", "tasks": [task]}).encode())
    put("experiment", "deep", b'{"tasks":' + b"[" * 2000)
    put("experiment", "wrong-types", json.dumps({"seeds": "x", "first_seed": -1, "strategies": [3], "tasks": [None]}).encode())


# ---- binary forms ----

def seeds_binary():
    def hash_list(kind, profile, size, bits, count=2, name=b"stack.npy\0"):
        code = (bits + 7) // 8
        b = b"\x89RDXHSH\n" + struct.pack("<6I", 1, kind, profile, size, bits, 0) + struct.pack("<2d", 0, 0)
        b += struct.pack("<3Q", count, 1, len(name)) + name + bytes(range(code)) * count
        b += b"".join(struct.pack("<IqBB", 0, i, 255, 0) for i in range(count))
        return b + struct.pack("<I", zlib.crc32(b))
    put("hash_list", "difference", hash_list(1, 0, 8, 64))
    put("hash_list", "colour", hash_list(6, 1, 3, 42))
    put("hash_list", "pdq", hash_list(7, 3, 0, 256))
    put("hash_list", "many", hash_list(1, 0, 8, 64)[:48] + struct.pack("<Q", 1 << 61) + hash_list(1, 0, 8, 64)[56:])
    for text in (b"0123456789abcdef", b"7ffffffffff", b"0" * 64, b"0" * 80, b"0x12", b"-1"):
        put("hash_list", "text-" + text[:12].decode(), text)
    descriptions = {"plain": (1, 3, 1, 8, 1, 0), "strided": (1, 3, 2, 32, 1, 1), "no-shape": (1, 3, 1, 8, 1, 2), "no-data": (1, 3, 1, 8, 1, 4),
                    "cuda": (2, 3, 1, 8, 1, 0), "rank-12": (1, 12, 1, 8, 1, 0), "rank-minus": (1, 255, 1, 8, 1, 0), "scalar": (1, 0, 2, 64, 1, 0)}
    for name, d in descriptions.items():
        put("dlpack", name, bytes(d) + bytes([0, 1, 0, 0, 0, 0]) + struct.pack("<6q", 2, 12, 3, 4, 4, 1))
    put("dlpack", "overflow", bytes((1, 2, 1, 64, 1, 0, 0, 1, 0, 0, 0, 0)) + struct.pack("<4q", 1 << 62, 1, 1 << 62, 1))
    put("dlpack", "far", bytes((1, 2, 1, 64, 1, 1, 0, 1, 0, 0, 0, 0)) + struct.pack("<4q", 3, 1 << 62, 3, -(1 << 63)))
    for which in range(12):
        put("options", f"zeros-{which}", bytes([which, 0]) + bytes(40))
        put("options", f"newer-{which}", bytes([which, 0]) + bytes(500))
        put("options", f"older-{which}", bytes([which, 12]) + bytes(8))
    put("options", "hash", bytes([5, 0]) + struct.pack("<3i", 8, 4, 64))
    put("options", "views", bytes([9, 0]) + struct.pack("<iiddiidd", 0, 0, 0, 0, 16, 0, 0.5, 0.25) + struct.pack("<3i", 2, 0, 0) + bytes(200))
    put("index", "empty", bytes(128))
    # saved by redux_index_save: the header as lib/search/index_file.c has it
    def index(kind, width, item, rows):
        h = b"RDXINDEX" + struct.pack("<2I4q2i", 1, kind, width, item, rows, rows, 0, 0)
        h += bytes(124 - len(h)) + bytes(4)
        ids = b"".join(struct.pack("<q", i) for i in range(rows))
        body = ids + bytes(-len(ids) % 64) + bytes(item * rows)
        return h + body + bytes(-len(body) % 64)
    put("index", "codes", index(0, 8, 8, 5))
    put("index", "rows", index(0, 8, 8, 5)[:32] + struct.pack("<q", 1 << 30) + index(0, 8, 8, 5)[40:])


for make in (seeds_codestream, seeds_dicom, seeds_torch, seeds_nifti, seeds_rasters, seeds_arrays, seeds_pictures, seeds_weights,
             seeds_texts, seeds_binary, seeds_more_pictures):
    make()
