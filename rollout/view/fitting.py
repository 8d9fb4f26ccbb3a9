"""A table that narrow terminals do not cut: where it does not fit, each row becomes a folded line of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType
from rich.style import StyleType
from rich.table import Column, Table
from rich.text import Text

_FOLDED: Final = 20
"""Columns in which prose that folds can still be read."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """`table`, or its rows: their cells one after the other, what is empty left out."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        needed = sum(map(_needed, self.table.columns)) + sum(self.table.padding) * len(self.table.columns)
        if needed <= options.max_width:
            yield self.table
            return
        columns = self.table.columns
        for row in zip(*(column.cells for column in columns), strict=True):
            line = Text(overflow="fold")
            for column, cell in zip(columns, row, strict=True):
                text = _text(cell, column.style)
                if text.plain:
                    line = Text("  ").join((line, text)) if line.plain else text
            line.no_wrap, line.overflow = False, "fold"
            yield line


def _needed(column: Column) -> int:
    widest = max(_text(each).cell_len for each in (column.header, *column.cells))
    return widest if column.no_wrap else min(widest, _FOLDED)


def _text(cell: RenderableType, style: StyleType = "") -> Text:
    return cell.copy() if isinstance(cell, Text) else Text(str(cell), style=style)
