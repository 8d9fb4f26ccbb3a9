"""A number in a range, as an option: click's own range lets `nan` through, which is neither too low nor too high."""

import math
from typing import Any

import click


class Number(click.FloatRange):
    """Finite, from `min` to `max`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value} is no number.", param, ctx)
        return found
