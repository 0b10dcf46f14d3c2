"""Tables for people: aligned text, as much of it as a terminal has room for, and colour where a person is looking.

A number or a name is never cut. Where a terminal is too narrow for all columns, prose is shortened first; then columns
go, those of the highest `rank` first and among equals from the right; of those that went, what still fits stays. Where
not even the columns of rank 0 have room, each row becomes a block of lines. What was left out is said. Elsewhere, as in
a file, tables stand in full.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from trimtab.surfaces.render.text import clean, joined, shortened, width, wrapped

GAP = "  "

PROSE_CELLS = 24
"""A column of prose that would get fewer cells than this, which is three or four words, is left out instead."""

STYLES = {
    "complete": "32",
    "running": "36",
    "waiting": "2",
    "stopped": "33",
    "failed": "31",
    "infeasible": "33",
}
"""The colours of states, wherever a cell holds just that word, as parameters of the escape sequence SGR."""

BOLD, DIM = "1", "2"


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        name: its heading.
        right: whether its cells are numbers, which stand on the right.
        rank: how soon it is left out; 0 for never.
        prose: whether its cells are sentences, which may be shortened.
    """

    name: str
    right: bool = False
    rank: int = 0
    prose: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """How a table is put into so many cells.

    Attributes:
        shown: the indices of the columns that stand there, in order.
        widths: the width of each of them.
        left_out: the names of the others.
        is_blocks: whether each row is a block of lines instead, with all its columns.
    """

    shown: tuple[int, ...]
    widths: tuple[int, ...]
    left_out: tuple[str, ...] = ()
    is_blocks: bool = False


def columns(*names: str, right: Sequence[str] = ()) -> list[Column]:
    """Return columns of these names; those in `right` are right-aligned."""
    return [Column(name, name in right) for name in names]


def lay_out(heads: Sequence[Column], rows: Sequence[Sequence[str]], cells: int | None) -> Layout:
    """Return how the table, whose cells are clean, is put into `cells`; None for as much as it needs."""
    natural = [max([width(head.name), *(width(row[i]) for row in rows)]) for i, head in enumerate(heads)]
    shown = list(range(len(heads)))
    least = [min(w, max(PROSE_CELLS, width(h.name))) if h.prose else w for h, w in zip(heads, natural, strict=True)]
    while cells is not None and _total(least, shown) > cells:
        droppable = [i for i in shown if heads[i].rank > 0]
        if not droppable:
            return Layout(tuple(range(len(heads))), tuple(natural), is_blocks=True)
        shown.remove(max(droppable, key=lambda i: (heads[i].rank, i)))
    if cells is not None:
        shown = _with_what_fits(heads, least, shown, cells)
    widths = list(natural)
    if cells is not None:
        for i in reversed([i for i in shown if heads[i].prose]):
            widths[i] = max(least[i], widths[i] - max(0, _total(widths, shown) - cells))
    left_out = tuple(head.name for i, head in enumerate(heads) if i not in set(shown))
    return Layout(tuple(shown), tuple(widths[i] for i in shown), left_out)


def _with_what_fits(heads: Sequence[Column], least: Sequence[int], shown: Sequence[int], cells: int) -> list[int]:
    """Return the columns shown and those left out that have room after all, the most important first.

    Of one rank, the left ones come before the right ones: once one is left out, so are those to its right.
    """
    kept, full = list(shown), set[int]()
    for i in sorted(set(range(len(heads))) - set(shown), key=lambda i: (heads[i].rank, i)):
        if heads[i].rank not in full and _total(least, [*kept, i]) <= cells:
            kept.append(i)
        else:
            full.add(heads[i].rank)
    return sorted(kept)


def _total(widths: Sequence[int], shown: Sequence[int]) -> int:
    return sum(widths[i] for i in shown) + len(GAP) * (len(shown) - 1)


def render(
    heads: Sequence[Column], rows: Sequence[Sequence[str]], *, cells: int | None = None, colour: bool = False
) -> str:
    """Return the table as text, one line a row, without trailing spaces.

    Args:
        heads: the columns.
        rows: as many cells each.
        cells: the width to keep to; None to leave nothing out.
        colour: whether headings are bold and states coloured.
    """
    return "".join(lines(heads, rows, cells=cells, colour=colour))


def lines(
    heads: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    cells: int | None = None,
    colour: bool = False,
    more: str = "",
) -> Iterator[str]:
    """Yield the lines of the table, each with its end; `more` says how to see what is left out, if anything is."""
    heads = [Column(clean(head.name), head.right, head.rank, head.prose) for head in heads]
    body = [[clean(cell) for cell in row] for row in rows]
    layout = lay_out(heads, body, cells)
    if layout.is_blocks:
        for row in body:
            yield from _block(heads, row, cells, colour)
        return
    shown = [heads[i] for i in layout.shown]
    yield _line(shown, [head.name for head in shown], layout.widths, BOLD if colour else None)
    for row in body:
        yield _line(shown, [row[i] for i in layout.shown], layout.widths, "" if colour else None)
    if layout.left_out:
        yield from _left_out(layout.left_out, len(heads), cells, colour, more)


def show(heads: Sequence[Column], rows: Sequence[Sequence[str]], file: TextIO, *, more: str = "") -> None:
    """Write the table to `file`: in colour and fitted to its width on a terminal, in full elsewhere.

    `more` says how to see the columns that are left out.
    """
    is_terminal = file.isatty()
    cells = shutil.get_terminal_size().columns if is_terminal else None
    file.writelines(lines(heads, rows, cells=cells, colour=is_terminal and has_colour(), more=more))


def has_colour() -> bool:
    """Return whether a terminal is to be sent colours: https://no-color.org."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def styled(text: str, style: str | None) -> str:
    """Return the text in a style of SGR; as it is without one."""
    return f"\x1b[{style}m{text}\x1b[0m" if style else text


def _line(heads: Sequence[Column], line: Sequence[str], widths: Sequence[int], style: str | None) -> str:
    """Return a line; `style` is that of all its cells, "" to colour states, None for no colour."""
    padded: list[str] = []
    for head, cell, cells in zip(heads, line, widths, strict=True):
        text = shortened(cell, cells) if head.prose else cell
        space = " " * (cells - width(text))
        text = styled(text, STYLES.get(cell, "") if style == "" else style)
        padded.append(space + text if head.right else text + space)
    return GAP.join(padded).rstrip() + "\n"


def _block(heads: Sequence[Column], row: Sequence[str], cells: int | None, colour: bool) -> Iterator[str]:  # noqa: FBT001
    """Yield a row as lines: what is essential first, then a line for each other column that says something."""
    first = [i for i, head in enumerate(heads) if head.rank == 0 and not head.prose]
    title = [_pair(heads[i].name, row[i]) for n, i in enumerate(first) if not n or row[i] not in ("", "-")]
    for n, line in enumerate(_flowed(title, _less(cells, 2))):
        yield ("  " if n else "") + styled(line, BOLD if colour else None) + "\n"
    rest = [i for i, head in enumerate(heads) if i not in first and row[i] not in ("", "-")]
    for line in _flowed([_pair(heads[i].name, row[i]) for i in rest if not heads[i].prose], _less(cells, 2)):
        yield f"  {line}\n"
    for i in rest:
        if heads[i].prose:
            for n, line in enumerate(wrapped(f"{heads[i].name}: {row[i]}", _less(cells, 4))):
                yield f"  {'  ' if n else ''}{line}\n"


def _pair(name: str, value: str) -> str:
    return f"{name} {value}"


def _flowed(parts: Sequence[str], cells: int | None) -> list[str]:
    """Return the parts in lines, as many to a line as fit."""
    found: list[str] = []
    for part in parts:
        if found and (cells is None or width(found[-1]) + len(GAP) + 1 + width(part) <= cells):
            found[-1] += f"{GAP} {part}"
        else:
            found.append(part)
    return found


def _less(cells: int | None, n: int) -> int | None:
    return None if cells is None else max(1, cells - n)


def _left_out(
    names: Sequence[str],
    n: int,
    cells: int | None,
    colour: bool,  # noqa: FBT001
    more: str,
) -> Iterator[str]:
    """Yield the lines that say what there is no room for, and how to see it."""
    yield "\n"
    said = f"{len(names)} of {n} columns have no room here: "
    listed = joined(list(names), None if cells is None else 2 * cells - len(said))
    for line in (*wrapped(f"{said}{listed}.", cells), *(wrapped(more, cells) if more else ())):
        yield f"{styled(line, DIM if colour else None)}\n"
