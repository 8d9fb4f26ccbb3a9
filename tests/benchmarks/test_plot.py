"""The plot of a soak is a PNG that shows what was measured."""

from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from benchmarks.soak.plot import MEMORY, SIZE, TREND, WARM_UP, plot
from benchmarks.soak.trend import Point, Trend


def shows(path: Path, color: str) -> int:
    """Pixels of this colour."""
    pixels = np.rint(imread(path)[:, :, :3] * 255)
    return int((pixels == np.rint(np.array(to_rgb(color)) * 255)).all(axis=2).sum())


def test_a_plot_shows_memory_its_trend_and_the_warm_up(tmp_path: Path) -> None:
    points = [Point(i, 60_000_000 + 1000 * i) for i in range(100)]
    path = tmp_path / "deeper" / "soak.png"
    plot(path, points, Trend.of(points[30:]), 30)
    assert imread(path).shape[:2] == (SIZE[1], SIZE[0])
    for color in (MEMORY, TREND, WARM_UP):
        assert shows(path, color) > 100
