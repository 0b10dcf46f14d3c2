"""The picture of two objectives: where trials lie, and which of them make the front.

`Axis` says where a value lies, for a picture in text and for one in HTML alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trimtab.arrays import Bools, Floats, Ints
from trimtab.ledger.table import TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.study import best
from trimtab.surfaces.render.numbers import number
from trimtab.surfaces.render.text import clean, width, wrapped

ROWS = 12
"""Lines of a picture in text; by taste: with what it says above and below, it fits on a small terminal."""

MOST_CELLS = 100
"""Its width at most; by taste: beyond, points seem to have nothing to do with each other."""

LOG_RATIO = 100.0
"""A positive axis on which the front spans so much is logarithmic: linear, it would press most points into a corner."""

BESIDE = 3.0
"""How far the picture goes on the worse side, in lengths of the front, if there is something; by taste: the front then
takes a quarter of the axis at least."""

BEATEN, FRONT, INFEASIBLE, CHOSEN = "·", "●", "x", "◆"


@dataclass(frozen=True, slots=True)
class Axis:
    """One objective.

    Attributes:
        name: as the legend has it, with the direction.
        low, high: the values at its ends.
        is_log: whether it is logarithmic.
    """

    name: str
    low: float
    high: float
    is_log: bool

    @quiet()
    def at(self, values: Floats) -> Floats:
        """Return [n] where values lie, 0 at the low end and 1 at the high end; a level axis has all in the middle."""
        if self.low == self.high:
            return np.where(values == self.low, 0.5, np.nan)
        low, high = self._scaled(np.array(self.low)), self._scaled(np.array(self.high))
        found: Floats = (self._scaled(values) / 2 - low / 2) / (high / 2 - low / 2)
        return found

    def _scaled(self, values: Floats) -> Floats:
        return np.log10(np.where(values > 0.0, values, np.nan)) if self.is_log else values


@dataclass(frozen=True, slots=True)
class Points:
    """What is drawn.

    Attributes:
        numbers: [n] of trials.
        y: [n, 2] their values of the two objectives, all finite.
        front: [n] which are on the front; feasible: [n] which met every constraint.
        names: of the objectives, with their directions, as "min loss".
        signs: +1 where smaller is better, -1 where larger is.
        chosen: the number of a trial that was chosen; None for none.
    """

    numbers: Ints
    y: Floats
    front: Bools
    feasible: Bools
    names: tuple[str, str]
    signs: tuple[float, float]
    chosen: int | None = None


def points_of(table: TrialTable, front: Sequence[int], chosen: int | None = None) -> Points | None:
    """Return what is drawn of a study: the trials that are compared, and beside them those that missed a constraint.

    None where there are not two objectives, or no front.
    """
    objectives = table.problem.objectives
    if len(objectives) != 2 or not len(front):
        return None
    ends = tuple(table.fidelity[front[0]].tolist()) if table.problem.fidelities else None
    compared, missed = best.candidates(table, ends), best.infeasible_rows(table, ends)
    rows = np.concatenate([compared, missed])
    y = table.y[rows][:, [table.problem.metrics.index(metric) for metric in objectives]]
    return Points(
        numbers=rows,
        y=y,
        front=np.isin(rows, front),
        feasible=np.arange(len(rows)) < len(compared),
        names=(best.goal(objectives[0]), best.goal(objectives[1])),
        signs=(objectives[0].sign, objectives[1].sign),
        chosen=chosen,
    )


@quiet()
def axes(points: Points) -> tuple[Axis, Axis]:
    """Return the axes across and up.

    They hold the whole front, and of what it beats what is not too far on the worse side: one bad trial does not press
    the front into a corner. Trials that missed a constraint are drawn where they lie within.
    """
    x, y = (_axis(points, column) for column in range(2))
    return x, y


def _axis(points: Points, column: int) -> Axis:
    values, sign = points.y[points.feasible, column], points.signs[column]
    front = points.y[points.front, column]
    is_log = bool(values.min() > 0.0 and front.max() / front.min() >= LOG_RATIO)
    low, high = front.min(), front.max()  # as NumPy's, which overflow to infinity
    if low == high:
        low, high = values.min(), values.max()
    elif is_log:
        span = (high / low) ** BESIDE
        high, low = (high * span, low) if sign > 0 else (high, low / span)
    else:
        span = (high - low) * BESIDE
        high, low = (high + span, low) if sign > 0 else (high, low - span)
    inside = values[(values >= low) & (values <= high)]
    return Axis(points.names[column], float(inside.min()), float(inside.max()), is_log)


def drawn(points: Points, cells: int | None = None) -> list[str]:
    """Return the picture as lines of text, at most `cells` wide.

    Trials on the front bear their numbers where there is room beside them: no number covers a point or another one.
    """
    cells = MOST_CELLS if cells is None else min(cells, MOST_CELLS)
    across, up = axes(points)
    ends = [number(up.high), number(up.low)] if up.low != up.high else ["", ""]
    margin = max(map(width, ends))
    wide = max(1, cells - margin - 2)
    columns, rows = _places(across.at(points.y[:, 0]), wide), _places(1.0 - up.at(points.y[:, 1]), ROWS)
    grid = [[" "] * wide for _ in range(ROWS)]
    inside = (columns >= 0) & (rows >= 0)
    chosen = points.numbers == (-1 if points.chosen is None else points.chosen)
    for sign, shown in (
        (INFEASIBLE, ~points.feasible),
        (BEATEN, points.feasible & ~points.front),
        (FRONT, points.front & ~chosen),
        (CHOSEN, chosen),
    ):
        for i in np.flatnonzero(shown & inside).tolist():
            grid[rows[i]][columns[i]] = sign
    for i in [*np.flatnonzero(chosen), *np.flatnonzero(points.front & ~chosen)]:
        if inside[i]:
            _label(grid[rows[i]], int(columns[i]), str(points.numbers[i]))
    lines = [line for text in _legend(points, across, up, int((~inside).sum())) for line in wrapped(text, cells)]
    for row, line in enumerate(grid):
        end = ends[0] if row == 0 else ends[1] if row == ROWS - 1 else ""
        lines.append(f"{' ' * (margin - width(end))}{end} │{''.join(line)}".rstrip())
    lines.append(f"{' ' * margin} └{'─' * wide}")
    return [*lines, *_feet(across, margin + 2, wide)]


def _places(at: Floats, n: int) -> Ints:
    """Return which of n places each lies in, -1 for none."""
    found: Ints = np.where((at >= 0.0) & (at <= 1.0), np.nan_to_num(at * (n - 1)).round(), -1).astype(np.int64)
    return found


def _label(line: list[str], column: int, text: str) -> None:
    """Write a number beside a point, to the right or else to the left, if what is there is free, and a cell beyond."""
    for begin in (column + 1, column - len(text)):
        end = begin + len(text)
        around = line[max(0, begin - (begin <= column)) : end + (begin > column)]
        if begin >= 0 and end <= len(line) and all(cell == " " for cell in around):
            line[begin:end] = text
            return


def _legend(points: Points, across: Axis, up: Axis, n_outside: int) -> list[str]:
    kinds = [(FRONT, "on the front", bool((points.front & (points.numbers != points.chosen)).any()))]
    kinds.insert(0, (CHOSEN, "chosen", points.chosen is not None))
    kinds.append((BEATEN, "beaten", bool((points.feasible & ~points.front).any())))
    kinds.append((INFEASIBLE, "infeasible", bool((~points.feasible).any())))
    signs = ", ".join(f"{sign} {what}" for sign, what, is_there in kinds if is_there)
    outside = f"; {n_outside:,} {'lies' if n_outside == 1 else 'lie'} outside the picture" if n_outside else ""
    return [f"{named('up', up)}; {named('across', across)}", f"{signs}{outside}"]


def named(where: str, axis: Axis) -> str:
    """Return `up: min loss (logarithmic)`."""
    level = f", {number(axis.low)} everywhere" if axis.low == axis.high else ""
    return f"{where}: {clean(axis.name)}{' (logarithmic)' if axis.is_log else ''}{level}"


def _feet(across: Axis, margin: int, wide: int) -> Sequence[str]:
    """Return the line with the ends of the axis across; nothing where it is level."""
    if across.low == across.high:
        return []
    low, high = number(across.low), number(across.high)
    room = wide - width(low) - width(high)
    return [f"{' ' * margin}{low}{' ' * max(1, room)}{high}"]
