"""Figures in text, for terminals: dots in Braille cells, bars in eighths of a cell."""

from __future__ import annotations

import math

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.arrays import Bools, Floats
from trimtab.surfaces.render.figure.scale import Scale, scales
from trimtab.surfaces.render.numbers import number
from trimtab.surfaces.render.text import clean, cut, width

ROWS = 12
MOST_CELLS = 100
"""Lines of a panel and its width at most, as the picture of a front has them."""

FEWEST_CELLS = 24
"""A panel is not narrower: its axis needs as much."""

LONGEST_NAME = 28

_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
"""The bits of the eight dots of a Braille cell, by row and column."""

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_SHADES = " ░▒▓█"
_SIGNS = {"cross": "x", "diamond": "◆"}


def text(figure: fig.Figure, cells: int | None = None) -> list[str]:
    """Return a figure as lines, at most `cells` wide."""
    cells = MOST_CELLS if cells is None else max(FEWEST_CELLS, min(cells, MOST_CELLS))
    lines: list[str] = []
    for panel in figure.panels:
        if lines:
            lines.append("")
        if panel.title:
            lines.append(cut(clean(panel.title), cells))
        lines += _panel(panel, cells)
    return lines


def _panel(panel: fig.Panel, cells: int) -> list[str]:
    bars = next((mark for mark in panel.marks if isinstance(mark, fig.Bars)), None)
    if bars is not None:
        return _bars(panel, bars, cells)
    strands = next((mark for mark in panel.marks if isinstance(mark, fig.Strands)), None)
    if strands is not None:
        return _strands(panel, strands, cells)
    return _plot(panel, cells)


def _bars(panel: fig.Panel, bars: fig.Bars, cells: int) -> list[str]:
    """Return bars, each in a line with its name, its number and its interval."""
    across, _ = scales(panel)
    names = [cut(clean(name), LONGEST_NAME) for _, name in panel.y.ticks or ()]
    names += [""] * (len(bars.value) - len(names))
    has_shares = panel.x.ticks is not None
    tell = _percent if has_shares else number
    numbers = [tell(value) for value in bars.value.tolist()]
    if bars.low is not None and bars.high is not None:
        ends = zip(bars.low.tolist(), bars.high.tolist(), strict=True)
        numbers = [f"{said} ({tell(low)} to {tell(high)})" for said, (low, high) in zip(numbers, ends, strict=True)]
    margin = max(map(width, names), default=0)
    right = max(map(width, numbers), default=0)
    room = max(8, cells - margin - right - 3)
    lengths = np.clip(np.nan_to_num(across.at(bars.value)), 0.0, 1.0)
    lines = [
        f"{' ' * (margin - width(names[i]))}{names[i]} {_bar(float(lengths[i]), room)} {numbers[i]}".rstrip()
        for i in range(len(bars.value) - 1, -1, -1)
    ]
    return [*lines, cut(clean(panel.x.label), cells)] if panel.x.label else lines


def _percent(share: float) -> str:
    return "?" if math.isnan(share) else f"{share * 100:.0f} %"


def _bar(share: float, room: int) -> str:
    whole, part = divmod(round(share * room * 8), 8)
    drawn = "█" * whole + (_EIGHTHS[part] if part else "")
    return drawn + " " * (room - len(drawn))


def _strands(panel: fig.Panel, strands: fig.Strands, cells: int) -> list[str]:
    """Return, of each parameter, a line with the places of all trials and of the best."""
    names = [cut(clean(name), LONGEST_NAME) for _, name in panel.x.ticks or ()]
    words = [mark for mark in panel.marks if isinstance(mark, fig.Words)]
    highs = words[0].texts if words else ("",) * len(names)
    lows = words[1].texts if len(words) > 1 else ("",) * len(names)
    margin, left, right = max(map(width, names)), max(map(width, lows)), max(map(width, highs))
    room = max(8, cells - margin - left - right - 3)
    n_top = max(1, len(strands.y) // 10)
    lines = []
    for k, name in enumerate(names):
        line = [" "] * room
        for rows, sign in ((strands.y, "·"), (strands.y[-n_top:], "●"), (strands.y[-1:], "◆")):
            at = rows[:, k]
            for place in np.unique(np.rint(np.clip(at[~np.isnan(at)], 0, 1) * (room - 1)).astype(int)).tolist():
                line[place] = sign
        low, high = f"{' ' * (left - width(lows[k]))}{lows[k]}", highs[k]
        lines.append(f"{' ' * (margin - width(name))}{name} {low} {''.join(line)} {high}".rstrip())
    return [*lines, cut("◆ the best, ● the best tenth, · others", cells)]


def _plot(panel: fig.Panel, cells: int) -> list[str]:
    across, up = scales(panel)
    names = _names(panel, up)
    margin = max((width(name) for name in names if name), default=0)
    wide, tall = max(8, cells - margin - 2), len(names)
    dots = np.zeros((tall * 4, wide * 2), dtype=bool)
    grid = [[" "] * wide for _ in range(tall)]
    for mark in panel.marks:
        if isinstance(mark, fig.Heat):
            _shade(grid, mark, across, up)
        elif isinstance(mark, fig.Spans):
            _span(grid, mark, across)
        elif isinstance(mark, fig.Columns):
            _stand(dots, mark, across, up)
        elif isinstance(mark, fig.Line | fig.Points) and getattr(mark, "shape", "dot") == "dot":
            _dot(dots, mark, across, up)
    _braille(grid, dots)
    for mark in panel.marks:
        if isinstance(mark, fig.Points) and mark.shape in _SIGNS:
            rows, columns = _places(across.at(mark.x), up.at(mark.y), tall, wide)
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
                grid[row][column] = _SIGNS[mark.shape]
    lines = [cut(_heading(panel), cells)]
    for name, line in zip(names, grid, strict=True):
        lines.append(f"{' ' * (margin - width(name))}{name} │{''.join(line)}".rstrip())
    lines.append(f"{' ' * margin} └{'─' * wide}")
    return [*lines, *_feet(panel, across, margin + 2, wide)]


def _names(panel: fig.Panel, up: Scale) -> list[str]:
    """Return what stands before each line of a plot."""
    if panel.y.scale == fig.PLACES and panel.y.ticks is not None:
        return [cut(clean(name), LONGEST_NAME) for _, name in reversed(panel.y.ticks)]
    return [number(up.high), *[""] * (ROWS - 2), number(up.low)]


def _heading(panel: fig.Panel) -> str:
    up = f"up: {clean(panel.y.label)}" if panel.y.label and panel.y.scale != fig.PLACES else ""
    heat = next((f"dark: less {clean(mark.label)}" for mark in panel.marks if isinstance(mark, fig.Heat)), "")
    signs = [
        f"{_SIGNS[mark.shape]} {clean(mark.name)}"
        for mark in panel.marks if isinstance(mark, fig.Points) and mark.shape in _SIGNS and mark.name
    ]  # fmt: skip
    return "; ".join(
        part
        for part in (
            up + (" (logarithmic)" if up and panel.y.scale == fig.LOG else ""),
            heat,
            ", ".join(dict.fromkeys(signs)),
        )
        if part
    )


def _feet(panel: fig.Panel, across: Scale, margin: int, wide: int) -> list[str]:
    label = clean(panel.x.label) + (" (logarithmic)" if panel.x.scale == fig.LOG else "")
    line = [" "] * wide
    for at, said in across.ticks(max(2, wide // 12)):
        place = round(float(np.clip(across.at(np.array([at]))[0], 0.0, 1.0)) * (wide - 1))
        begin = min(max(0, place - width(said) // 2), max(0, wide - width(said)))
        if all(cell == " " for cell in line[max(0, begin - 1) : begin + len(said) + 1]):
            line[begin : begin + len(said)] = said
    ends = "".join(line)[:wide].rstrip()
    return [f"{' ' * margin}{ends}", *([f"{' ' * margin}{cut(label, wide)}"] if label else [])]


def _places(x: Floats, y: Floats, tall: int, wide: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of what lies within."""
    inside = (x >= 0.0) & (x <= 1.0) & (y >= 0.0) & (y <= 1.0)
    columns = np.minimum((x[inside] * wide).astype(np.int64), wide - 1)
    rows = np.minimum(((1.0 - y[inside]) * tall).astype(np.int64), tall - 1)
    return rows, columns


def _dot(dots: Bools, mark: fig.Line | fig.Points, across: Scale, up: Scale) -> None:
    x, y = across.at(mark.x), up.at(mark.y)
    tall, wide = dots.shape
    if isinstance(mark, fig.Line) and len(x) > 1:
        if mark.is_step:
            x, y = np.append(np.repeat(x, 2)[1:], x[-1]), np.append(np.repeat(y, 2)[:-1], y[-1])
        pieces = [
            np.linspace([a, b], [c, d], max(2, min(4 * wide, int(max(abs(c - a) * wide, abs(d - b) * tall)) + 2)))
            for a, b, c, d in zip(x[:-1].tolist(), y[:-1].tolist(), x[1:].tolist(), y[1:].tolist(), strict=True)
            if all(math.isfinite(value) for value in (a, b, c, d)) and max(abs(a), abs(b), abs(c), abs(d)) < 1e3
        ]
        if pieces:
            x, y = np.concatenate(pieces).T
    rows, columns = _places(x, y, tall, wide)
    dots[rows, columns] = True


def _braille(grid: list[list[str]], dots: Bools) -> None:
    tall, wide = len(grid), len(grid[0])
    bits = (dots.reshape(tall, 4, wide, 2) * _DOTS[None, :, None, :]).sum(axis=(1, 3))
    for row, column in np.argwhere(bits > 0).tolist():
        grid[row][column] = chr(0x2800 + int(bits[row, column]))


def _shade(grid: list[list[str]], mark: fig.Heat, across: Scale, up: Scale) -> None:
    tall, wide = len(grid), len(grid[0])
    finite = mark.z[np.isfinite(mark.z)]
    if not len(finite):
        return
    low, high = float(finite.min()), float(finite.max())
    share = (mark.z - low) / (high - low) if high > low else np.zeros_like(mark.z)
    edges_x, edges_y = across.at(mark.x), up.at(mark.y)
    for row in range(tall):
        i = int(np.searchsorted(edges_y, 1.0 - (row + 0.5) / tall, side="right")) - 1
        for column in range(wide):
            j = int(np.searchsorted(edges_x, (column + 0.5) / wide, side="right")) - 1
            if 0 <= i < len(mark.z) and 0 <= j < mark.z.shape[1] and np.isfinite(share[i, j]):
                grid[row][column] = _SHADES[min(4, int((1.0 - share[i, j]) * 5))]


def _span(grid: list[list[str]], mark: fig.Spans, across: Scale) -> None:
    tall, wide = len(grid), len(grid[0])
    begin, end = across.at(mark.begin), across.at(mark.end)
    rows = (tall - 1 - mark.lane).astype(np.int64)
    sign = {"bad": "x", "second": "▒", "third": "░"}.get(mark.tone, "█")
    for row, a, b in zip(rows.tolist(), begin.tolist(), end.tolist(), strict=True):
        if 0 <= row < tall and a == a and b == b:
            for column in range(max(0, int(a * wide)), min(wide, max(int(a * wide) + 1, math.ceil(b * wide)))):
                grid[row][column] = sign


def _stand(dots: Bools, mark: fig.Columns, across: Scale, up: Scale) -> None:
    tall, wide = dots.shape
    for a, b, y in zip(
        across.at(mark.left).tolist(), across.at(mark.right).tolist(), up.at(mark.value).tolist(), strict=True
    ):
        if a == a and y == y and y > 0:
            dots[max(0, int((1.0 - y) * tall)) :, max(0, int(a * wide)) : max(int(a * wide) + 1, int(b * wide))] = True
