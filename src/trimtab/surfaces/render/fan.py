"""The best value against further spend, as text: what was found so far, and a fan of what is to be expected."""

from __future__ import annotations

import math
from typing import Final

from trimtab.stop.outlook import Fan
from trimtab.surfaces.render.numbers import duration, number
from trimtab.surfaces.render.text import clean, cut, width

ROWS: Final = 12
LEAST_CELLS: Final = 40
PAST, MEDIAN, HALF, WIDE, TARGET = "━", "●", "▓", "░", "┄"
"""The best so far; then its median, the band that holds it with a half, that with 90 %, and the target."""


def fan_text(fan: Fan, cells: int) -> list[str]:
    """Return the picture in lines of at most `cells`.

    The left part is the past and the right one the future, both by configurations; what is rare on the way to the best
    (the first results, which may be far off) is cut at the worst of what is expected and of the last half of the past.
    """
    cells = max(cells, LEAST_CELLS)
    low, high = _range(fan)
    labels = [number(high), number((low + high) / 2), number(low)]
    margin = max(map(width, labels)) + 2
    columns = cells - margin
    first, last = 0.0, max(fan.n[-1], 1.0)
    now = fan.n[0]
    grid = [[" "] * columns for _ in range(ROWS)]

    def row(value: float) -> int:
        return min(ROWS - 1, max(0, round((high - value) / (high - low) * (ROWS - 1))))

    for column in range(columns):
        n = first + (last - first) * column / max(1, columns - 1)
        if fan.target is not None and low <= fan.target <= high:
            grid[row(fan.target)][column] = TARGET
        if n <= now:
            value = _past(fan, n)
            if value is not None and low <= value <= high:
                grid[row(value)][column] = PAST
            continue
        for ends, mark in (((fan.low90, fan.high90), WIDE), ((fan.low50, fan.high50), HALF)):
            for at in range(row(_at(fan, ends[1], n)), row(_at(fan, ends[0], n)) + 1):
                grid[at][column] = mark
        grid[row(_at(fan, fan.median, n))][column] = MEDIAN
    marked = {0: labels[0], ROWS // 2: labels[1], ROWS - 1: labels[2]}
    lines = [f"{marked.get(i, ''):>{margin - 2}} │{''.join(cells_).rstrip()}" for i, cells_ in enumerate(grid)]
    lines.append(f"{'':>{margin - 2}} └{'─' * columns}")
    lines.append(_axis(fan, margin, columns, now, last))
    key = f"{MEDIAN} as likely as not  {HALF} one of two  {WIDE} nine of ten"
    head = f"best {clean(fan.metric)} by trials ({fan.goal})"
    return [cut(head, cells), *lines, cut(f"{'':>{margin - 1}}{key}", cells)]


def _range(fan: Fan) -> tuple[float, float]:
    """Return the values between which the picture is drawn."""
    late = [best for n, best in zip(fan.past_n, fan.past_best, strict=True) if n >= fan.n[0] / 2]
    values = [*fan.low90, *fan.high90, *late, *fan.past_best[-1:]]
    values += [] if fan.target is None or not _is_near(fan, values) else [fan.target]
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite), max(finite)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _is_near(fan: Fan, values: list[float]) -> bool:
    """Return whether the target is no farther off than the rest is wide."""
    low, high = min(values), max(values)
    return fan.target is not None and low - (high - low) <= fan.target <= high + (high - low)


def _past(fan: Fan, n: float) -> float | None:
    """Return the best after n configurations; None before the first result."""
    found = None
    for at, best in zip(fan.past_n, fan.past_best, strict=True):
        if at <= n:
            found = best
    return found


def _at(fan: Fan, values: tuple[float, ...], n: float) -> float:
    """Return a band's end at n configurations, along straight lines between those that are known."""
    for i in range(1, len(fan.n)):
        if n <= fan.n[i]:
            part = (n - fan.n[i - 1]) / (fan.n[i] - fan.n[i - 1])
            return values[i - 1] + part * (values[i] - values[i - 1])
    return values[-1]


def _axis(fan: Fan, margin: int, columns: int, now: float, last: float) -> str:
    spent = ""
    if fan.cost and fan.cost_unit:
        more = fan.cost[-1]
        spent = f" (+{duration(more)})" if fan.cost_unit == "s" else f" (+{number(more)} {clean(fan.cost_unit)})"
    begin, here, end = "0", f"now {now:,.0f}", f"{last:,.0f}{spent}"
    place = round(now / last * (columns - 1)) if last > 0 else 0
    place = min(max(place - len(here) // 2, len(begin) + 1), columns - len(end) - len(here) - 1)
    line = begin + " " * max(1, place - len(begin)) + here if place > len(begin) else begin
    line += " " * max(1, columns - len(line) - width(end)) + end
    return " " * margin + line
