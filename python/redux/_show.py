# SPDX-License-Identifier: MIT
"""Pictures and tables in a notebook."""
from __future__ import annotations

import base64
import html
import struct
import zlib
from typing import Any, Iterable, List, Sequence

import numpy as np

from ._tensor import Array
from .metrics import resize

_STYLE = "font-size:12px;display:inline-block;margin:2px;text-align:center"


class Html:
    """Something to look at in a notebook; ``str()`` gives the HTML."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return self._text

    def save(self, path: Any) -> None:
        """Writes it as a page."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"<!DOCTYPE html><meta charset=utf-8><title>redux</title>{self._text}")


def png(grey: Array) -> bytes:
    """An 8-bit grey picture as the bytes of a PNG."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))
    height, width = grey.shape
    rows = np.zeros((height, width + 1), np.uint8)  # a leading 0 each: no filter
    rows[:, 1:] = grey
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0,
                                                               0, 0)) +
            chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)) + chunk(b"IEND", b""))


def picture(grey: Array, side: int, caption: str = "") -> str:
    """A thumbnail as HTML; float pictures are in 0 to 1."""
    height, width = grey.shape
    scale = side / max(height, width)
    small = resize(grey, max(1, round(height * scale)), max(1, round(width * scale)), "area")
    if small.dtype != np.uint8:
        small = np.rint(small * 255).astype(np.uint8)
    data = base64.b64encode(png(small)).decode()
    return (f'<span style="{_STYLE}"><img src="data:image/png;base64,{data}" '
            f'alt="{html.escape(caption)}"><br>{html.escape(caption)}</span>')


def table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table as HTML."""
    def line(tag: str, cells: Sequence[Any]) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(str(c))}</{tag}>" for c in cells) + "</tr>"
    return f"<table>{line('th', names)}{''.join(line('td', row) for row in rows)}</table>"


def plain_table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table as text, its columns aligned."""
    lines: List[List[str]] = [list(names)] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(names))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
                     for line in lines)


def spread(count: int, most: int) -> List[int]:
    """At most `most` numbers below `count`, evenly spread."""
    return sorted({round(i * (count - 1) / max(1, most - 1)) for i in range(min(count, most))})
