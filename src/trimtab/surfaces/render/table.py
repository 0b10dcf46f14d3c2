"""Tables for people: aligned text, and colour where rich is installed and a person is looking."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

from trimtab.surfaces.render.text import clean, cut, width

GAP = "  "
NARROWEST = 8
"""A column is never cut to fewer cells than this."""

STYLES = {"complete": "green", "running": "cyan", "waiting": "dim", "stopped": "yellow", "failed": "red"}
"""The colours of states, wherever a cell holds just that word."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading, and whether its cells are numbers, which stand on the right."""

    name: str
    right: bool = False


def columns(*names: str, right: Sequence[str] = ()) -> list[Column]:
    """Return columns of these names; those in `right` are right-aligned."""
    return [Column(name, name in right) for name in names]


def render(heads: Sequence[Column], rows: Sequence[Sequence[str]], *, cells: int | None = None) -> str:
    """Return the table as text, one line a row, without trailing spaces.

    Args:
        heads: the columns.
        rows: as many cells each.
        cells: the width to keep to by cutting the widest columns; None to cut nothing.
    """
    body = [[clean(cell) for cell in row] for row in rows]
    lines = [[clean(head.name) for head in heads], *body]
    widths = [max(width(line[i]) for line in lines) for i in range(len(heads))]
    if cells is not None:
        widths = _fitted(widths, cells - len(GAP) * (len(heads) - 1))
    return "".join(f"{_line(heads, line, widths)}\n" for line in lines)


def show(heads: Sequence[Column], rows: Sequence[Sequence[str]], file: TextIO) -> None:
    """Write the table to `file`: in colour and cut to its width on a terminal, in full elsewhere."""
    if not file.isatty():
        file.write(render(heads, rows))
    elif os.environ.get("TERM") == "dumb" or not _show_rich(heads, rows, file):
        file.write(render(heads, rows, cells=shutil.get_terminal_size().columns))


def _show_rich(heads: Sequence[Column], rows: Sequence[Sequence[str]], file: TextIO) -> bool:
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    table = Table(box=None, pad_edge=False, padding=(0, len(GAP), 0, 0), header_style="bold")
    for head in heads:
        table.add_column(Text(clean(head.name)), "", justify="right" if head.right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(clean(cell), STYLES.get(cell, "")) for cell in row))
    Console(file=file, highlight=False).print(table)
    return True


def _line(heads: Sequence[Column], line: Sequence[str], widths: Sequence[int]) -> str:
    padded: list[str] = []
    for head, cell, cells in zip(heads, line, widths, strict=True):
        text = cut(cell, cells)
        space = " " * (cells - width(text))
        padded.append(space + text if head.right else text + space)
    return GAP.join(padded).rstrip()


def _fitted(widths: Sequence[int], cells: int) -> list[int]:
    """Return widths that sum to at most `cells`, taken from the widest first, as far as `NARROWEST` lets."""
    fitted = list(widths)
    while sum(fitted) > cells:
        widest = max(range(len(fitted)), key=fitted.__getitem__)
        if fitted[widest] <= NARROWEST:
            break
        second = max((w for w in fitted if w < fitted[widest]), default=NARROWEST)
        fitted[widest] = max(second, NARROWEST, fitted[widest] - (sum(fitted) - cells))
    return fitted
