#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""TIFF, WebP and .nii.zst against tifffile, Pillow and nibabel.

    LIBRARY=build/lib/libredux.so tests/golden/io_tiff.py
    LIBRARY=build/lib/libredux.so tests/golden/io_tiff.py --write tests/golden/data/io

tifffile writes every sample type, in grey and colour, with and without alpha; tiffcp (libtiff-tools) makes of them
strips and tiles, planes, BigTIFF, both byte orders and every lossless compression. Palettes, bilevel refusals and WebP
are Pillow's, .nii.zst nibabel's through zstd. Each picture and each page is compared with what was written or what
Pillow reads. Prints how many were tried and the largest difference.
"""
import ctypes
import os
import subprocess
import sys
import tempfile
import warnings

import nibabel as nib
import numpy as np
import tifffile
from PIL import Image

os.environ["REDUX_LIBRARY"] = os.path.abspath(os.environ.get("LIBRARY", "build/lib/libredux.so"))
sys.path.insert(0, "python")
import redux  # noqa: E402

warnings.simplefilter("ignore")
LIBRARY = ctypes.CDLL(os.environ["REDUX_LIBRARY"])
tried, worst = 0, 0.0
random = np.random.default_rng(1)
TYPES = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "float32", "float64")


def values(shape, dtype):
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return random.normal(0, 100, shape).astype(kind)
    info = np.iinfo(kind)
    return random.integers(max(info.min, -2 ** 40), min(info.max, 2 ** 40), shape, endpoint=True).astype(kind)


def read_picture(path, kind):
    """redux_picture_read_colour or _alpha, which the module for Python lacks."""
    tensor = redux.Tensor()
    if getattr(LIBRARY, "redux_picture_read_" + kind)(ctypes.byref(tensor._tensor), None, os.fsencode(path)):
        LIBRARY.redux_error_message.restype = ctypes.c_char_p
        raise OSError(LIBRARY.redux_error_message().decode())
    return tensor.numpy()


def compare(what, got, wanted):
    global tried, worst
    tried += 1
    got, wanted = np.asarray(got), np.asarray(wanted)
    if got.shape != wanted.shape or (got.dtype != wanted.dtype and wanted.dtype != np.float16):
        sys.exit(f"{what}: {got.shape} {got.dtype}, not {wanted.shape} {wanted.dtype}")
    difference = float(np.abs(got.astype(np.float64) - wanted.astype(np.float64)).max())
    if difference:
        print(f"{what}: differs by {difference}")
    worst = max(worst, difference)


def by_pillow(name, got, path, dtype):
    try:
        picture = np.asarray(Image.open(path)).astype(dtype)
    except (OSError, ValueError):
        print("Pillow does not read", name)
        return
    compare(name + ", Pillow", got, picture)


def stored(path):
    dataset = redux.Dataset([path])
    return [np.asarray(dataset.stored(k)) for k in range(len(dataset))]


def turned(data, orientation):
    """TIFF 6.0: where row 0 and column 0 are to be seen."""
    if orientation > 4:
        data = np.swapaxes(data, 0, 1)
    if orientation in (3, 4, 7, 8):
        data = data[::-1]
    if orientation in (2, 3, 6, 7):
        data = data[:, ::-1]
    return data


def tiff(folder):
    path, other = os.path.join(folder, "a.tif"), os.path.join(folder, "b.tif")
    forms = [(), ("-t", "-w", "16", "-l", "32"), ("-s", "-r", "5"), ("-8",), ("-B",), ("-L",), ("-p", "separate"),
             ("-p", "separate", "-t", "-w", "16", "-l", "16"), ("-c", "lzw"), ("-c", "lzw:2"), ("-c", "zip"), ("-c", "zip:2"),
             ("-c", "packbits"), ("-8", "-B", "-t", "-w", "32", "-l", "16", "-c", "zip")]
    for dtype in TYPES:
        for channels in (1, 3, 4):
            if channels > 1 and dtype not in ("uint8", "uint16", "float32"):
                continue
            data = values((37, 41) + ((channels,) if channels > 1 else ()), dtype)
            tifffile.imwrite(path, data, photometric="rgb" if channels > 1 else "minisblack", rowsperstrip=9)
            for form in forms:
                if channels == 1 and "separate" in form:
                    continue
                done = subprocess.run(["tiffcp", *form, path, other], capture_output=True)
                if done.returncode:
                    print("tiffcp", *form, dtype, done.stderr.decode().strip())
                    continue
                name = f"{dtype} x {channels} {' '.join(form)}"
                if channels == 1:
                    compare(name, stored(other)[0], data)
                    if dtype in ("uint8", "uint16"):
                        by_pillow(name, stored(other)[0], other, dtype)
                else:
                    compare(name, read_picture(other, "colour"), data[..., :3])
                    compare(name, read_picture(other, "alpha"), data)
    for dtype in ("uint8", "float32"):  # predictors of floats, tiles that reach past the edge
        data = values((50, 33), dtype)
        tifffile.imwrite(path, data, tile=(16, 48), photometric="minisblack")
        compare(f"tiles of tifffile, {dtype}", stored(path)[0], data)
    for dtype in TYPES:  # pages
        data = values((5, 21, 17), dtype)
        for big in (False, True):
            tifffile.imwrite(path, data, bigtiff=big, photometric="minisblack", metadata=None)
            for k, page in enumerate(stored(path)):
                compare(f"page {k} of {dtype}", page, data[k])
    colours = values((3, 9, 8, 3), "uint8")
    tifffile.imwrite(path, colours, photometric="rgb", metadata=None)
    grey = stored(path)
    for k in range(3):  # the same as a PNG of that page
        png = os.path.join(folder, "page.png")
        Image.fromarray(colours[k]).save(png)
        compare("pages in colour", grey[k], stored(png)[0])
    for dtype in ("uint8", "uint16"):
        data = values((7, 9), dtype)
        tifffile.imwrite(path, data, photometric="miniswhite")
        compare(f"white is 0, {dtype}", stored(path)[0], np.iinfo(dtype).max - data)
    for orientation in range(1, 9):
        for data in (values((7, 9), "uint16"), values((7, 9, 3), "uint8")):
            tifffile.imwrite(path, data, photometric="rgb" if data.ndim == 3 else "minisblack",
                             extratags=[(274, "H", 1, orientation, True)])
            compare(f"orientation {orientation}", read_picture(path, "colour"), turned(data, orientation))
            if data.ndim == 3:
                compare(f"orientation {orientation}, Pillow", read_picture(path, "colour"),
                        np.asarray(Image.open(path).copy()))
    for dtype in ("uint16", "float32", "int32"):
        for tile in ((), (16, 32)):
            data = values((3, 35, 45), dtype)
            tifffile.imwrite(path, data, photometric="rgb", planarconfig="separate", **({"tile": tile} if tile else {}))
            compare(f"planes of {dtype}", read_picture(path, "colour"), np.moveaxis(data, 0, -1))
    picture = Image.fromarray(values((30, 20, 3), "uint8")).quantize(37)
    picture.save(path)
    compare("palette", read_picture(path, "colour"), np.asarray(picture.convert("RGB")))
    smooth = Image.fromarray(np.add.outer(np.arange(64), np.arange(48)).astype(np.uint8)).convert("RGB")
    smooth.save(path, compression="jpeg")
    compare("JPEG within", read_picture(path, "colour"), np.asarray(Image.open(path).convert("RGB")))
    folder_of_pages = os.path.join(folder, "pages")
    os.mkdir(folder_of_pages)
    pages = values((4, 11, 12), "uint16")
    for k in range(4):
        tifffile.imwrite(os.path.join(folder_of_pages, f"slice{k}.tiff"), pages[k], photometric="minisblack")
    tifffile.imwrite(os.path.join(folder_of_pages, "stack.tif"), pages, photometric="minisblack", metadata=None)
    dataset = redux.Dataset([folder_of_pages])
    assert [(v["slices"], v["format"]) for v in dataset.volumes] == [(4, "picture"), (4, "tiff")], dataset.volumes
    for k in range(8):
        compare("a folder of pages, and a stack", np.asarray(dataset.stored(k)), pages[k % 4])


def refusals(folder):
    path = os.path.join(folder, "r.tif")

    def refused(part, write):
        write()
        try:
            stored(path)
            sys.exit(f"not refused: {part}")
        except redux.ReduxError as error:
            if part not in str(error) or path not in str(error):
                sys.exit(f"{error}: no '{part}'")
            print("refused:", str(error).replace(path, "r.tif"))
    refused("differ in size", lambda: tifffile.imwrite(path, values((4, 5), "uint8")) or tifffile.imwrite(
        path, values((5, 5), "uint8"), append=True))
    refused("samples of 1 bits", lambda: Image.new("1", (9, 9)).save(path))
    refused("colours of kind 5", lambda: Image.new("CMYK", (9, 9)).save(path))
    refused("complex", lambda: tifffile.imwrite(path, np.ones((3, 3), np.complex64)))
    refused("ImageJ", lambda: tifffile.imwrite(path, values((3, 4, 5), "uint16"), imagej=True)
            or one_page(path))


def one_page(path):
    """Cuts the chain after the first page, as ImageJ does for large stacks."""
    with tifffile.TiffFile(path) as file:
        at = file.pages[0].offset + 2 + 12 * len(file.pages[0].tags)
        order = file.byteorder
    with open(path, "r+b") as raw:
        raw.seek(file.pages[0].offset)
        count = int.from_bytes(raw.read(2), "little" if order == "<" else "big")
        raw.seek(file.pages[0].offset + 2 + 12 * count)
        raw.write(bytes(4))


def webp(folder):
    path = os.path.join(folder, "a.webp")
    smooth = np.add.outer(np.arange(60) * 2, np.arange(40) * 3).astype(np.uint8)
    for mode in ("RGB", "RGBA", "L"):
        data = np.stack([smooth, smooth[::-1], smooth[:, ::-1], 255 - smooth], 2)
        picture = Image.fromarray(data[..., 0] if mode == "L" else data[..., :len(mode)])
        for options in ({"lossless": True}, {"quality": 80}, {"quality": 10}):
            picture.save(path, **options)
            compare(f"WebP {mode} {options}", read_picture(path, "alpha"),
                    np.asarray(Image.open(path)) if mode == "RGBA" else np.asarray(Image.open(path).convert("RGB")))


def zst(folder):
    for dtype in ("int16", "float32", "uint8"):
        for frames in (1, 3):
            data = values((7, 6, 5) + ((frames,) if frames > 1 else ()), dtype)
            path = os.path.join(folder, f"{dtype}-{frames}.nii")
            nib.save(nib.Nifti1Image(data, np.diag([-1, -1, 1, 1])), path)
            for option in ("-1", "-19", "--no-check"):
                subprocess.run(["zstd", "-q", "-f", option, path, "-o", path + ".zst"], check=True)
                for frame in range(frames):
                    dataset = redux.Dataset([path + ".zst"], frame=frame if frames > 1 else -1)
                    plain = redux.Dataset([path], frame=frame if frames > 1 else -1)
                    wanted = np.asarray(nib.load(path).dataobj)
                    for k in range(len(dataset)):
                        slice_ = wanted[..., k] if frames == 1 else wanted[:, :, k, frame]
                        compare(".nii.zst", np.asarray(dataset.stored(k)), slice_.T)
                        compare(".nii.zst and .nii", np.asarray(dataset.stored(k)), np.asarray(plain.stored(k)))


def write_data(folder):
    """tests/golden/data/io: small files for the tests that have no libraries to write them."""
    pages = (np.arange(3 * 8 * 10).reshape(3, 8, 10) * 273).astype(np.uint16)
    tifffile.imwrite(os.path.join(folder, "pages.tif"), pages, photometric="minisblack", metadata=None)
    tifffile.imwrite(os.path.join(folder, "tiles.tif"), pages[0, :, :, None].repeat(3, 2), photometric="rgb",
                     tile=(16, 16), byteorder=">", bigtiff=True)
    Image.fromarray((pages[1] >> 8).astype(np.uint8)).convert("RGB").save(os.path.join(folder, "lossless.webp"), lossless=True)
    path = os.path.join(folder, "packed.nii")
    nib.save(nib.Nifti1Image(pages.T.astype(np.int16), np.diag([-1, -1, 1, 1])), path)
    subprocess.run(["zstd", "-q", "-f", "--rm", path, "-o", path + ".zst"], check=True)


def main():
    if sys.argv[1:2] == ["--write"]:
        write_data(sys.argv[2])
        return
    with tempfile.TemporaryDirectory() as folder:
        tiff(folder)
        refusals(folder)
        webp(folder)
        zst(folder)
    print(f"{tried} pictures, pages and slices, largest difference {worst}")


if __name__ == "__main__":
    main()
