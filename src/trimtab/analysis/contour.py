"""How do two parameters act together? What the model expects over both, on average over all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.analysis.axes import is_log, parameter_axis
from trimtab.analysis.card import Answer, Card, NotApplicable, text
from trimtab.analysis.indices import free_columns, indices_of, points
from trimtab.analysis.response import NEEDED, Response, response_of
from trimtab.analysis.sample import Sample, sample_of, too_few
from trimtab.arrays import Floats, rng_at
from trimtab.errors import ProblemError
from trimtab.ledger.table import TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.space.parameter import CATEGORICAL, ORDINAL
from trimtab.space.problem import Problem
from trimtab.space.space import Space

TITLE = "How do two parameters act together?"

CELLS: Final = 24
BASE: Final = 24
"""Cells along each parameter, and configurations that are averaged over in each: what two seconds allow."""


SHARED: Final = 0.6
"""Parameters are shown together without being asked for if both were active in so many of the trials. By taste."""

TOGETHER: Final = 0.1
"""Two parameters depend on each other if what each does alone leaves more of the variance than that. By taste."""


@dataclass(frozen=True, slots=True)
class Contour:
    """What is expected over two parameters.

    Attributes:
        names: of the parameter across, and of that up.
        x: [nx] and y: [ny] their values in the middle of cells, as rows have them.
        mean: [ny, nx] the expected metric; nan where one of them is not active.
    """

    names: tuple[str, str]
    x: Floats
    y: Floats
    mean: Floats


@quiet()
def contour(
    problem: Problem, table: TrialTable, *, metric: str | None = None, parameters: Sequence[str] | None = None
) -> Answer:
    """Answer with the expected metric over two parameters: those named, or those that depend most on each other.

    Raises:
        ParamsError: there is no such parameter.
        ProblemError: not two different parameters.
    """
    space = problem.space
    pair = _columns(space, parameters)
    sample = sample_of(problem, table, metric)
    if len(sample) < NEEDED:
        return too_few("contour", TITLE, table, len(sample), NEEDED)
    if len(free_columns(space)) < 2:
        return NotApplicable("contour", TITLE, "The space has no two parameters that may vary.")
    response = response_of(space, sample)
    if response is None:
        return NotApplicable("contour", TITLE, "All results are equal, or all configurations: there is nothing to see.")
    if pair is None:
        pair = _chosen(response)
    data = _contour(response, pair, sample.metric.sign)
    if not np.isfinite(data.mean).any():
        names = " and ".join(data.names)
        return NotApplicable("contour", TITLE, f"{names} are never active together.")
    return Card("contour", TITLE, _sentence(data, space, sample), data, _figure(space, sample, pair, data))


def _columns(space: Space, parameters: Sequence[str] | None) -> tuple[int, int] | None:
    if parameters is None:
        return None
    if len(parameters) != 2 or parameters[0] == parameters[1]:
        raise ProblemError(
            f'a contour takes two different parameters, as ("{space.names[0]}", "..."), got {parameters!r}.'
        )
    return space.column(parameters[0]), space.column(parameters[1])


def _chosen(response: Response) -> tuple[int, int]:
    """Return the two that depend most on each other; where none do by much, the two that matter most.

    Those are passed over of which one decides whether the other is active: half of such a picture is empty.
    """
    found = indices_of(response, draws=4, looks=4e6)
    active = ~np.isnan(response.x)
    shared = (active[:, found.pairs[:, 0]] & active[:, found.pairs[:, 1]]).mean(axis=0)
    together = np.where(shared >= SHARED, found.together, -1.0)
    if len(together) and together.max() >= TOGETHER / 2.0:
        first, second = found.pairs[int(np.argmax(together))].tolist()
        return first, second
    order = np.argsort(-np.nan_to_num(found.total, nan=-1.0), kind="stable").tolist()
    rest = [column for column in order[1:] if (active[:, order[0]] & active[:, column]).mean() >= SHARED]
    return order[0], rest[0] if rest else order[1]


def _places(space: Space, column: int) -> Floats:
    n = space.parameters[column].n_values
    n = n if n is not None and n <= CELLS else CELLS
    return (np.arange(n) + 0.5) / n


def _contour(response: Response, pair: tuple[int, int], sign: float) -> Contour:
    space = response.space
    across, up = _places(space, pair[0]), _places(space, pair[1])
    base = points(space, BASE, rng_at(0, len(response.x), stream=23))
    u = np.broadcast_to(base, (len(up), len(across), BASE, len(space))).copy()
    u[..., pair[0]] = across[None, :, None]
    u[..., pair[1]] = up[:, None, None]
    x = space.from_unit(u.reshape(-1, len(space)))
    counts = ~np.isnan(x[:, list(pair)]).any(axis=1)
    if space.constraints:
        counts &= space.satisfied(x)
    means = np.where(counts, response.mean(x), 0.0).reshape(len(up), len(across), BASE)
    n = counts.reshape(means.shape).sum(axis=2)
    mean = np.where(n > 0, means.sum(axis=2) / np.maximum(n, 1), np.nan) * sign
    grid = x.reshape(len(up), len(across), BASE, len(space))
    middle = [
        np.nanmax(np.where(np.isnan(grid[..., c]), -np.inf, grid[..., c]), axis=axis)
        for c, axis in ((pair[0], (0, 2)), (pair[1], (1, 2)))
    ]
    return Contour((space.names[pair[0]], space.names[pair[1]]), middle[0], middle[1], mean)


def _sentence(data: Contour, space: Space, sample: Sample) -> str:
    losses = np.where(np.isfinite(data.mean), data.mean * sample.metric.sign, np.inf)
    i, j = np.unravel_index(int(np.argmin(losses)), losses.shape)
    known = losses[np.isfinite(losses)]
    counts = np.isfinite(losses).sum(axis=0)
    along = np.where(np.isfinite(losses), losses, 0.0).sum(axis=0) / np.maximum(counts, 1)
    gain = float(np.min(along[counts > 0])) - float(losses[i, j])
    middle = np.isfinite(losses).all() and _left_over(losses) > TOGETHER
    how = "They depend on each other" if middle else "They act mostly each by itself"
    at = " and ".join(
        f"{name} = {_said(space, name, code)}" for name, code in zip(data.names, (data.x[j], data.y[i]), strict=True)
    )
    return (
        f"On average over all else, {sample.metric.name} is best about {at} ({text(float(data.mean[i, j]))}). {how}."
        if len(known) > 1 and gain >= 0.0
        else f"On average over all else, {sample.metric.name} is best about {at}."
    )


def _left_over(losses: Floats) -> float:
    """Return the share of the variance over both that the sum of what each does alone leaves."""
    middle = float(losses.mean())
    alone = losses.mean(axis=0)[None] + losses.mean(axis=1)[:, None] - middle
    variance = float(losses.var())
    return float(np.square(losses - alone).mean()) / variance if variance > 0 else 0.0


def _said(space: Space, name: str, code: float) -> str:
    value = space[name].value(float(code))
    return text(value) if isinstance(value, float) else str(value)


def _figure(space: Space, sample: Sample, pair: tuple[int, int], data: Contour) -> fig.Figure:
    heat = fig.Heat(
        x=_edges(space, pair[0]), y=_edges(space, pair[1]), z=data.mean, label=f"expected {sample.metric.name}"
    )
    both = np.flatnonzero(~np.isnan(sample.x[:, list(pair)]).any(axis=1))
    part = both[fig.thinned(len(both), most=300)]
    marks: list[fig.Mark] = [heat]
    marks.append(
        fig.Points(
            x=sample.x[part, pair[0]], y=sample.x[part, pair[1]], tone="quiet", numbers=sample.rows[part], name="trials"
        )
    )
    if sample.best is not None and sample.best in both:
        best = slice(sample.best, sample.best + 1)
        marks.append(
            fig.Points(
                x=sample.x[best, pair[0]], y=sample.x[best, pair[1]], tone="second", shape="diamond", name="best"
            )
        )
    panel = fig.Panel(marks=tuple(marks), x=_exact(space, pair[0]), y=_exact(space, pair[1]))
    return fig.Figure(panels=(panel,), label=f"Expected {sample.metric.name} over {data.names[0]} and {data.names[1]}")


def _edges(space: Space, column: int) -> Floats:
    """Return the edges of cells in the units of rows."""
    parameter = space.parameters[column]
    if parameter.kind in (CATEGORICAL, ORDINAL):
        return np.arange(int(parameter.n_values or 1) + 1, dtype=np.float64) - 0.5
    low, high = float(parameter.low), float(parameter.high)  # type: ignore[attr-defined]  # a number has ends
    n = len(_places(space, column))
    if is_log(parameter):
        return np.exp(np.linspace(np.log(low), np.log(high), n + 1)).astype(np.float64)
    return np.linspace(low, high, n + 1).astype(np.float64)


def _exact(space: Space, column: int) -> fig.Axis:
    axis = parameter_axis(space, column)
    if axis.scale == fig.PLACES:
        return axis
    edges = _edges(space, column)
    return fig.Axis(label=axis.label, scale=axis.scale, low=float(edges[0]), high=float(edges[-1]))
