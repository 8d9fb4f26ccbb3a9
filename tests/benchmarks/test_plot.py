"""The plot of a soak is a PNG that shows what was measured."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from benchmarks.soak.plot import GREEN, RED, SIZE, WARM_UP, nice_step, plot
from benchmarks.soak.png import Canvas
from benchmarks.soak.trend import Point, Trend


def decoded(data: bytes) -> "np.ndarray":  # type: ignore[type-arg]
    """Pixels of a PNG as `Canvas` writes it; asserts every length and checksum on the way."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    i, chunks = 8, {}
    while i < len(data):
        size, kind = struct.unpack(">I4s", data[i : i + 8])
        body = data[i + 8 : i + 8 + size]
        assert struct.unpack(">I", data[i + 8 + size : i + 12 + size])[0] == zlib.crc32(kind + body)
        chunks[kind], i = body, i + 12 + size
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, color, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, color, rest) == (8, 2, [0, 0, 0])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + 3 * width)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


def shows(pixels: "np.ndarray", color: tuple[int, int, int]) -> int:  # type: ignore[type-arg]
    return int((pixels == color).all(axis=2).sum())


def test_what_is_painted_is_in_the_file() -> None:
    canvas = Canvas(40, 20)
    canvas.fill(0, 0, 10, 10, GREEN)
    canvas.line((15, 30), (5, 5), RED)
    pixels = decoded(canvas.png())
    assert pixels.shape == (20, 40, 3)
    assert (shows(pixels, GREEN), shows(pixels, RED)) == (100, 16)


def test_a_line_may_leave_the_picture() -> None:
    canvas = Canvas(10, 10)
    canvas.line((-5, 15), (5, 5), RED, thick=2)
    assert shows(decoded(canvas.png()), RED) == 20


def test_letters_are_drawn_and_unknown_ones_are_spaces() -> None:
    canvas = Canvas(40, 20)
    canvas.text(0, 0, "I☃", RED, scale=1)
    assert shows(decoded(canvas.png()), RED) == 11


def test_a_plot_shows_memory_its_trend_and_the_warm_up(tmp_path: Path) -> None:
    points = [Point(i, 60_000_000 + 1000 * i) for i in range(100)]
    path = tmp_path / "deeper" / "soak.png"
    plot(path, points, Trend.of(points[30:]), 30)
    pixels = decoded(path.read_bytes())
    assert pixels.shape == (SIZE[1], SIZE[0], 3)
    for color in (GREEN, RED, WARM_UP):
        assert shows(pixels, color) > 100


@pytest.mark.parametrize(("least", "step"), [(0.3, 0.5), (1, 1), (1.01, 2), (4, 5), (7, 10), (101, 200)])
def test_a_step_is_round_and_not_too_small(least: float, step: float) -> None:
    assert nice_step(least) == pytest.approx(step)
