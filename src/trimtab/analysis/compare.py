"""Which of two is better: two studies, or the values of a scientific parameter, at equal budgets.

What a search finds depends on what it happened to try. The interval says by how much: configurations are drawn from
those that were tried, as many from each side, and the best of each draw is compared (Godbole et al., 2023, "study
variance"). Draws of seven tenths make the interval cover what nine of ten further studies would give; draws of all
make it too narrow, since the best of what was tried is in nearly all of them (measured: docs/advice.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from trimtab.arrays import Floats, Ints, rng_at
from trimtab.explain import Explained
from trimtab.ledger.table import COMPLETE, TrialTable
from trimtab.model.feasibility import met
from trimtab.model.keys import numbered
from trimtab.space.problem import Problem

N_DRAWS: Final = 2000
"""Draws of an interval: its ends are known to about a tenth of its width."""
DRAWN: Final = 0.7
"""The part of the smaller side's configurations that each draw has."""
LEVEL: Final = 0.9
LEAST: Final = 3
"""Configurations without which a side has no best to speak of."""


@dataclass(frozen=True, slots=True)
class Arm(Explained):
    """One side of a comparison.

    Attributes:
        name: what it is called.
        n: how many configurations were run to the end and met every constraint.
        best: the first objective of the best of them, the mean over its runs, as it was told; nan where there is none.
        trial: the run nearest to it; None where there is none.
        params: its parameters.
        n_runs: how often it was run.
    """

    name: str
    n: int
    best: float
    trial: int | None
    params: Mapping[str, Any] = field(default_factory=dict)
    n_runs: int = 0


@dataclass(frozen=True, slots=True)
class Difference(Explained):
    """How much better the leader is than another side, in the objective's unit; above 0 where it is better.

    Attributes:
        leader, other: their names.
        gain: at equal budgets.
        interval: (low, high) between which nine of ten further studies of this size would find it; nan without any.
        probability: of the leader being better.
    """

    leader: str
    other: str
    gain: float
    interval: tuple[float, float]
    probability: float


@dataclass(frozen=True, slots=True)
class Comparison(Explained):
    """Sides of a question, the best first.

    Attributes:
        metric: what is compared.
        goal: "minimize" or "maximize".
        arms: the sides.
        differences: of the first to each of the others.
        says: the answer in a sentence.
        caveats: what the answer rests on.
    """

    metric: str
    goal: str
    arms: tuple[Arm, ...]
    differences: tuple[Difference, ...]
    says: str
    caveats: tuple[str, ...] = ()

    def __repr__(self) -> str:
        lines = [self.says]
        for arm in self.arms:
            trial = "" if arm.trial is None else f", trial {arm.trial}"
            lines.append(f"  {arm.name}: {self.metric} = {arm.best:.6g} as the best of {arm.n} configurations{trial}")
        return "\n".join([*lines, *(f"  {caveat}" for caveat in self.caveats)])


@dataclass(frozen=True, slots=True)
class Side:
    """What a side was told: [c] configurations by the mean of their runs, smaller is better.

    `errors` are the standard errors of the means, by how runs of one configuration vary; 0 where none was run twice.
    """

    name: str
    losses: Floats
    errors: Floats
    counts: Ints
    rows: Ints
    table: TrialTable


def sides_of(problem: Problem, table: TrialTable, parameter: str) -> list[Side]:
    """Return the values of a parameter as sides; numbers of many values are none.

    Args:
        problem: what is tuned.
        table: its trials.
        parameter: by which to divide them.
    """
    column = problem.space.column(parameter)
    codes = table.x[:, column]
    found = []
    for code in np.unique(codes[~np.isnan(codes)]).tolist():
        value = problem.space.parameters[column].value(code)
        found.append(side_of(problem, table, f"{parameter}={value}", np.flatnonzero(codes == code)))
    return found


def side_of(problem: Problem, table: TrialTable, name: str, among: Ints | None = None) -> Side:
    """Return a side: the trials that are complete, feasible and were run furthest, of some rows or of all."""
    rows = table.rows(COMPLETE)
    rows = rows[met(problem, table.y[rows])]
    if problem.fidelities and len(rows):
        ends = table.fidelity[rows]
        rows = rows[(ends == ends[np.lexsort(ends.T[::-1])[-1]]).all(axis=1)]
    if among is not None:
        rows = rows[np.isin(rows, among)]
    column = problem.metrics.index(problem.objectives[0])
    losses: Floats = table.y[rows, column] * problem.signs[column]
    if not len(rows):
        return Side(name, losses, losses, np.zeros(0, dtype=np.int64), rows, table)
    config = numbered(table.x[rows])
    counts: Ints = np.bincount(config).astype(np.int64)
    means = np.bincount(config, weights=losses / counts[config]).astype(np.float64)
    off = np.abs(losses - means[config])
    nearest = np.lexsort([rows, off, config])
    first = nearest[np.searchsorted(config[nearest], np.arange(len(counts)))]
    freedom = len(rows) - len(counts)
    deviation = math.sqrt(float(np.square(off).sum()) / freedom) if freedom else 0.0
    errors: Floats = deviation / np.sqrt(counts)
    return Side(name, means, errors, counts, rows[first], table)


def compared(problem: Problem, sides: Sequence[Side], caveats: Sequence[str] = ()) -> Comparison:
    """Return which side is best, by how much, and how sure that is."""
    sign = float(problem.signs[problem.metrics.index(problem.objectives[0])])
    metric = problem.objectives[0]
    order = sorted(range(len(sides)), key=lambda i: (float(sides[i].losses.min(initial=math.inf)), i))
    ranked = [sides[i] for i in order]
    arms = tuple(_arm(side, sign) for side in ranked)
    lead = ranked[0]
    differences = tuple(_difference(lead, other, i) for i, other in enumerate(ranked[1:], start=1))
    return Comparison(metric.name, metric.goal, arms, differences, _says(metric.name, differences), tuple(caveats))


def _arm(side: Side, sign: float) -> Arm:
    if not len(side.losses):
        return Arm(side.name, 0, math.nan, None)
    best = int(np.argmin(side.losses))
    row = int(side.rows[best])
    [params] = side.table.space.decode(side.table.x[row])
    return Arm(side.name, len(side.losses), float(side.losses[best] * sign), row, params, int(side.counts[best]))


def _difference(lead: Side, other: Side, stream: int) -> Difference:
    n = min(len(lead.losses), len(other.losses))
    if n < LEAST:
        nan = (math.nan, math.nan)
        return Difference(lead.name, other.name, math.nan, nan, math.nan)
    size, rng = max(2, math.ceil(DRAWN * n)), rng_at(0, n, stream)
    gain = _drawn(other, size, rng) - _drawn(lead, size, rng)
    low, high = np.quantile(gain, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2]).tolist()
    probability = float((gain > 0).mean() + 0.5 * (gain == 0).mean())
    return Difference(lead.name, other.name, float(np.median(gain)), (low, high), probability)


def _drawn(side: Side, size: int, rng: np.random.Generator) -> Floats:
    """Return the best of each of many draws; where runs of one configuration vary, by what that may be off."""
    drawn = rng.integers(len(side.losses), size=(N_DRAWS, size))
    losses = side.losses[drawn]
    best = losses.argmin(axis=1)
    places = np.arange(N_DRAWS), best
    found: Floats = losses[places] + side.errors[drawn[places]] * rng.standard_normal(N_DRAWS)
    return found


def _says(metric: str, differences: Sequence[Difference]) -> str:
    if not differences:
        return f"there is one side only; nothing to compare {metric} with."
    first = min(differences, key=lambda one: one.gain if one.gain == one.gain else math.inf)
    if first.gain != first.gain:
        return f"too little was run to the end to compare {metric}: each side needs {LEAST} configurations."
    low, high = first.interval
    by = f"by {first.gain:.4g} in {metric} (90 % interval {low:.4g} to {high:.4g})"
    if low > 0:
        return f"{first.leader} is better than {first.other}, {by}."
    return (
        f"{first.leader} and {first.other} cannot be told apart: {first.leader} is ahead {by}, and better with a "
        f"probability of {first.probability:.0%}."
    )
