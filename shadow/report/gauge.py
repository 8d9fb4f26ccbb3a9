"""A criterion as a picture in a table's cell: the interval, what was found in it, and the bound it is held against."""

import math
from typing import Final

from markupsafe import Markup

from shadow.verdict.verdict import Finding

WIDTH: Final = 150
HEIGHT: Final = 16
_MARGIN: Final = 8


def gauge(finding: Finding) -> Markup:
    """An `<svg>`; empty for what has no interval."""
    low, high = finding.interval
    if finding.criterion == "pairs" or finding.observed is None or math.isnan(low) or math.isnan(high):
        return Markup("")
    ends = [each for each in (low, high, finding.bound, finding.observed) if math.isfinite(each)]
    first, last = min(ends), max(ends)
    span = (last - first) or 1.0

    def x(value: float) -> float:
        share = (value - first) / span if math.isfinite(value) else (1.15 if value > 0 else -0.15)
        return round(_MARGIN + share * (WIDTH - 2 * _MARGIN), 1)

    left, right = max(0.0, x(low)), min(float(WIDTH), x(high))
    middle = HEIGHT / 2
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return Markup(
        f'<svg class="gauge" {size} aria-hidden="true">'
        f'<rect class="line" x="0" y="{middle - 0.5}" width="{WIDTH}" height="1"/>'
        f'<rect class="interval" x="{left}" y="{middle - 3}" width="{max(2.0, right - left):.1f}" height="6" rx="3"/>'
        f'<circle class="found" cx="{x(finding.observed)}" cy="{middle}" r="4"/>'
        f'<rect class="bound" x="{x(finding.bound) - 1}" y="0" width="2" height="{HEIGHT}"/></svg>'
    )
