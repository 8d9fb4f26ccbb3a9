"""Memory over time as a picture: what was resident, the warm-up in grey, the fitted line after it."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.memory import MIB
from benchmarks.soak.png import Canvas, Color, text_width
from benchmarks.soak.trend import Point, Trend

SIZE: Final = (1000, 480)
LEFT, RIGHT, TOP, BOTTOM = 90, 970, 50, 420
GREEN: Final[Color] = (46, 139, 110)
RED: Final[Color] = (200, 60, 40)
GRID: Final[Color] = (225, 225, 225)
WARM_UP: Final[Color] = (243, 243, 243)
DARK: Final[Color] = (60, 60, 60)
TICKS: Final = 6


def plot(path: Path, points: Sequence[Point], trend: Trend, fitted_from: float) -> None:
    """Write a PNG. The upper edge is round and above all points; the lower edge is 0, so growth is not magnified."""
    canvas = Canvas(*SIZE)
    minutes = max(points[-1].seconds / 60, 1e-9)
    step = nice_step(max(point.resident for point in points) / MIB * 1.1 / TICKS)
    most = step * TICKS

    def x(seconds: float) -> float:
        return LEFT + (RIGHT - LEFT) * seconds / 60 / minutes

    def y(resident: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * resident / MIB / most

    canvas.fill(LEFT, TOP, round(x(fitted_from)), BOTTOM, WARM_UP)
    for i in range(TICKS + 1):
        height, label = round(y(step * i * MIB)), f"{step * i:g}"
        canvas.line((LEFT, RIGHT), (height, height), GRID)
        canvas.text(LEFT - 10 - text_width(label), height - 8, label)
    every = nice_step(minutes / TICKS)
    for i in range(int(minutes / every) + 1):
        across, label = round(x(every * i * 60)), f"{every * i:g}"
        canvas.line((across, across), (BOTTOM, BOTTOM + 6), DARK)
        canvas.text(across - text_width(label) // 2, BOTTOM + 12, label)
    canvas.line((LEFT, LEFT, RIGHT), (TOP, BOTTOM, BOTTOM), DARK)
    canvas.line([x(each.seconds) for each in points], [y(each.resident) for each in points], GREEN, thick=2)
    ends = (fitted_from, points[-1].seconds)
    canvas.line([x(each) for each in ends], [y(trend.at(each)) for each in ends], RED)
    growth = f"{trend.growth / MIB:+.2f} ± {trend.doubt / MIB:.2f} MiB in {trend.seconds / 60:.1f} minutes"
    canvas.text(LEFT, 18, "Splitter: resident memory in MiB", GREEN)
    canvas.text(RIGHT - text_width(growth), 18, growth, RED)
    canvas.text(RIGHT - text_width("minutes"), BOTTOM + 36, "minutes")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(canvas.png())


def nice_step(least: float) -> float:
    """The smallest of 1, 2, 5 × 10^n that is at least so much."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * each for each in (1, 2, 5, 10) if power * each >= least * (1 - 1e-9))
