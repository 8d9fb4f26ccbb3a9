"""A picture made of pixels: lines and letters, written as PNG (RFC 2083).

A plotting library would be the benchmark's heaviest dependency, for two lines and two axes.
"""

import struct
import zlib
from typing import Final

import numpy as np
import numpy.typing as npt

Color = tuple[int, int, int]
WIDTH: Final = 5
HEIGHT: Final = 8
SPACE: Final = 6

# Five columns each, the lowest bit on top
_GLYPHS: Final = {
    "0": "3e5149453e", "1": "00427f4000", "2": "7249494946", "3": "2141494d33", "4": "1814127f10",
    "5": "2745454539", "6": "3c4a494931", "7": "4121110907", "8": "3649494936", "9": "464949291e",
    "A": "7c1211127c", "B": "7f49494936", "C": "3e41414122", "D": "7f4141413e", "E": "7f49494941",
    "F": "7f09090901", "G": "3e41415173", "H": "7f0808087f", "I": "00417f4100", "J": "2040413f01",
    "K": "7f08142241", "L": "7f40404040", "M": "7f021c027f", "N": "7f0408107f", "O": "3e4141413e",
    "P": "7f09090906", "Q": "3e4151215e", "R": "7f09192946", "S": "2649494932", "T": "03017f0103",
    "U": "3f4040403f", "V": "1f2040201f", "W": "3f4038403f", "X": "6314081463", "Y": "0304780403",
    "Z": "6159494d43", "a": "2054547840", "b": "7f28444438", "c": "3844444428", "d": "384444287f",
    "e": "3854545418", "f": "00087e0902", "g": "18a4a49c78", "h": "7f08040478", "i": "00447d4000",
    "j": "2040403d00", "k": "7f10284400", "l": "00417f4000", "m": "7c04780478", "n": "7c08040478",
    "o": "3844444438", "p": "fc18242418", "q": "18242418fc", "r": "7c08040408", "s": "4854545424",
    "t": "04043f4424", "u": "3c4040207c", "v": "1c2040201c", "w": "3c4030403c", "x": "4428102844",
    "y": "4c9090907c", "z": "4464544c44", ".": "0000606000", ",": "0080703000", ":": "0000140000",
    "-": "0808080808", "+": "08083e0808", "±": "44445f4444", "/": "2010080402", "(": "001c224100",
    ")": "0041221c00", "%": "2313086462", "=": "1414141414",
}  # fmt: skip


class Canvas:
    """White at first; (0, 0) is the upper left."""

    def __init__(self, width: int, height: int) -> None:
        self.pixels: npt.NDArray[np.uint8] = np.full((height, width, 3), 255, np.uint8)

    def fill(self, left: int, top: int, right: int, bottom: int, color: Color) -> None:
        self.pixels[top:bottom, left:right] = color

    def line(self, x: npt.ArrayLike, y: npt.ArrayLike, color: Color, *, thick: int = 1) -> None:
        """Through all the points, one after the other."""
        across, down = np.asarray(x, float), np.asarray(y, float)
        for i in range(len(across) - 1):
            steps = int(max(abs(across[i + 1] - across[i]), abs(down[i + 1] - down[i]))) + 1
            columns = np.linspace(across[i], across[i + 1], steps + 1).round().astype(int)
            rows = np.linspace(down[i], down[i + 1], steps + 1).round().astype(int)
            for offset in range(thick):
                for dx, dy in ((offset, 0), (0, offset)):
                    inside = self._inside(rows + dy, columns + dx)
                    self.pixels[(rows + dy)[inside], (columns + dx)[inside]] = color

    def text(self, left: int, top: int, text: str, color: Color = (60, 60, 60), *, scale: int = 2) -> None:
        """From its upper left corner on; what there is no glyph for is a space."""
        for i, letter in enumerate(text):
            columns = bytes.fromhex(_GLYPHS.get(letter, "0000000000"))
            for x, column in enumerate(columns):
                for y in range(HEIGHT):
                    if column >> y & 1:
                        at = left + (i * SPACE + x) * scale, top + y * scale
                        self.fill(at[0], at[1], at[0] + scale, at[1] + scale, color)

    def png(self) -> bytes:
        height, width, _ = self.pixels.shape
        rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each begins with its filter: none
        rows[:, 1:] = self.pixels.reshape(height, -1)
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        data = zlib.compress(rows.tobytes(), 9)
        return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")

    def _inside(self, rows: npt.NDArray[np.int_], columns: npt.NDArray[np.int_]) -> npt.NDArray[np.bool_]:
        height, width, _ = self.pixels.shape
        inside: npt.NDArray[np.bool_] = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        return inside


def text_width(text: str, *, scale: int = 2) -> int:
    return len(text) * SPACE * scale


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
