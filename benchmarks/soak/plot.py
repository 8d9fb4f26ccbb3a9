"""Memory over time as a picture: what was resident, the warm-up in grey, the fitted line after it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.memory import MIB
from benchmarks.soak.trend import Point, Trend

SIZE: Final = (1000, 480)
"""Pixels."""
DPI: Final = 100
MEMORY: Final = "#2e8b6e"
TREND: Final = "#c83c28"
WARM_UP: Final = "#f3f3f3"
_STYLE: Final[dict[str, Any]] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e1e1e1",
    "legend.frameon": False,
}


def plot(
    path: Path, points: Sequence[Point], trend: Trend, fitted_from: float, *, of: str = "Splitter"
) -> None:
    """Write a PNG. Memory begins at 0, so growth is not magnified."""
    with matplotlib.rc_context(cast(Any, _STYLE)):
        figure = Figure(figsize=(SIZE[0] / DPI, SIZE[1] / DPI), dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.axvspan(0, fitted_from / 60, color=WARM_UP, label="warm-up")
        minutes = [each.seconds / 60 for each in points]
        axes.plot(
            minutes, [each.resident / MIB for each in points], color=MEMORY, linewidth=1.5, label="resident"
        )
        ends = (fitted_from, points[-1].seconds)
        growth = (
            f"{trend.growth / MIB:+.2f} ± {trend.doubt / MIB:.2f} MiB in {trend.seconds / 60:.1f} minutes"
        )
        axes.plot(
            [each / 60 for each in ends], [trend.at(each) / MIB for each in ends], color=TREND, label=growth
        )
        axes.set_xlim(0, minutes[-1] or None)
        axes.set_ylim(0, max(each.resident for each in points) / MIB * 1.15)
        axes.set_title(f"{of}: resident memory", loc="left")
        axes.set_xlabel("minutes")
        axes.set_ylabel("MiB")
        axes.legend(loc="lower right", ncols=3)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Software": None})
