"""Population-based bandits (Parker-Holder et al., 2020, arXiv 2002.02518): a population whose changes a model chooses.

Letters: n intervals that are complete, p that are under way, m points asked about, Q coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.arrays import Bools, Floats, Ints, Rng
from trimtab.ledger.table import COMPLETE, RUNNING, WAITING, TrialTable
from trimtab.model.features import Features
from trimtab.numerics import blas, drift
from trimtab.schedule.pbt import Pbt
from trimtab.space.space import Space

FEWEST: Final = 4
"""From so many intervals on whose gain is known a model is asked; before, a change is made by chance, as `Pbt` makes
it. By taste: two members a generation, and two generations."""

LATEST: Final = 100
"""And on no more than so many, the latest, it rests: what came long before says little, and a decision is to take some
20 ms."""

C1: Final = 0.2
C2: Final = 0.4
"""How much a doubt is worth: beta = c1 + log(c2 n), as in the authors' code, where it is at least c1 (theorem 1 has it
grow with the logarithm)."""

LENGTHS: Final = (0.1, 0.2, 0.4, 0.8)
FORGOTTEN: Final = (0.0, 0.02, 0.1, 0.3)
NOISES: Final = (0.01, 0.1, 0.5)
"""Among these the likelihood chooses: lengthscales of the squared exponential in unit coordinates, the share that is
forgotten from one interval to the next (the paper's epsilon), and the part of noise in the variance. A grid where the
paper climbs: of 100 points the likelihood is flat between its values, and no start has to be chosen. By taste."""

N_DRAWN: Final = 200
N_NEAR: Final = 50
"""So many rows are looked at anywhere, and near to what is taken over. By taste: more take longer."""

FURTHEST: Final = 3.0
"""Gains and losses farther from the middle than so many times the median distance count as so far: what diverged is bad
enough. By taste."""


class Pb2(Pbt):
    """Trains a population as `Pbt` does; what a member changes is where a model of gains hopes for most (algorithm 1).

    Who takes over from whom, and when, is as with `Pbt`. A Gaussian process says how much the loss falls within an
    interval, by the configuration, the loss that it begins from, and the time: what was seen k intervals ago counts by
    (1 - epsilon) ** (k / 2), so that a learning rate that was best once need not be best now (equation 8). Taken is
    the configuration of the largest upper bound (GP-UCB), members that train counted as seen, which keeps parallel
    changes apart (Desautels et al., 2014).

    Of several objectives the first is what is to fall. Until some intervals have shown what they gain, changes are
    made by chance.

    Args:
        population: how many members.
        every: the interval, in units of the fidelity; a tenth of a whole run if None, whole where steps are.
        share: the part of the members that is worst, and that is best.
        hold: names of parameters that never change along a line of descent.

    Raises:
        ProblemError: an option that cannot be; in `assign`, a name in `hold` that the space does not have.

    Example:
        >>> Pb2(population=4, every=5).to_json()
        {'name': 'pb2', 'population': 4, 'every': 5.0, 'share': 0.25, 'hold': []}
    """

    def __init__(
        self, population: int = 8, every: float | None = None, share: float = 0.25, hold: Sequence[str] = ()
    ) -> None:
        super().__init__(population, every, share, hold=hold)

    def changed(self, table: TrialTable, donor: int, rng: Rng, held: Bools) -> Floats:
        by_chance = super().changed(table, donor, rng, held)
        features = Features(table.space)
        gains = _gains(table, self._members.of(table).rows, features)
        if len(gains.gain) < FEWEST or not np.isfinite(gains.starts.loss[donor]):
            return by_chance
        x = self._candidates(table.space, table.x[donor], by_chance, rng, held)
        with blas.one_thread():
            bound = _bound(gains, features.embed(x), table, donor)
        found: Floats = x[int(np.argmax(bound))]
        return found

    def _candidates(self, space: Space, x: Floats, by_chance: Floats, rng: Rng, held: Bools) -> Floats:
        """Return [m, D] rows that satisfy the space, with the values of `x` [D] where they are held; one at least."""
        near = self.all_explored(space, x, rng, held, N_NEAR)
        kept = held & ~np.isnan(x)
        drawn = space.from_unit(rng.random((N_DRAWN, len(x))))
        drawn[:, kept] = x[kept]
        drawn = space.canonical(drawn)
        return np.concatenate([by_chance[None], near, drawn[space.satisfied(drawn)]])

    def to_json(self) -> dict[str, object]:
        kept = ("population", "every", "share", "hold")
        return {"name": "pb2"} | {key: value for key, value in super().to_json().items() if key in kept}


@dataclass(frozen=True, slots=True)
class _Gains:
    """What intervals of training gained, of those that are complete, and of those that are under way.

    Losses and gains are told beside those of the others in the same interval: early in training all lose much, and late
    little, and which configuration is best is a question among equals.

    Attributes:
        z: [n, Q] with what they were trained.
        begin: [n] the loss from which they began.
        at: [n] up to which fidelity they were trained, in intervals.
        gain: [n] by how much the loss fell.
        pending_z, pending_begin, pending_at: [p, Q], [p], [p] the same of those under way.
        starts: what losses were at each end of an interval.
        every: how long an interval is.
    """

    z: Floats
    begin: Floats
    at: Floats
    gain: Floats
    pending_z: Floats
    pending_begin: Floats
    pending_at: Floats
    starts: _Starts
    every: float


class _Starts:
    """What the losses of a population were at each end of an interval; looked up where it is asked, of many ends.

    Args:
        table: the trials.
        rows: those of the population.
    """

    def __init__(self, table: TrialTable, rows: Ints) -> None:
        self.end = table.fidelity[:, 0]
        self.loss: Floats = table.losses()[:, table.problem.metrics.index(table.problem.objectives[0])]
        complete = rows[(table.state[rows] == COMPLETE) & np.isfinite(self.loss[rows])]
        self._at, self._losses = self.end[complete], self.loss[complete]
        self._known: dict[float, tuple[float, float]] = {}

    def begun(self, rows: Ints) -> Floats:
        """Return [k] the losses of trials beside those that ended where they did."""
        found = np.empty(len(rows))
        for i, (at, loss) in enumerate(zip(self.end[rows].tolist(), self.loss[rows].tolist(), strict=True)):
            if at not in self._known:
                self._known[at] = _spread(self._losses[self._at == at])
            mean, spread = self._known[at]
            found[i] = min(max((loss - mean) / spread, -FURTHEST), FURTHEST)
        return found


def _gains(table: TrialTable, rows: Ints, features: Features) -> _Gains:
    """Return what the intervals of a population's trials gained, the latest of them."""
    starts = _Starts(table, rows)
    loss, end, parent = starts.loss, starts.end, table.parent
    later = rows[parent[rows] >= 0]
    later = later[np.isfinite(loss[parent[later]])]
    states = table.state[later]
    done = later[(states == COMPLETE) & np.isfinite(loss[later])][-LATEST:]
    under_way = later[(states == WAITING) | (states == RUNNING)]
    fell = loss[parent[done]] - loss[done]
    gain = np.empty(len(done))
    for at in np.unique(end[done]).tolist():
        mine = end[done] == at
        mean, spread = _spread(fell[mine])
        gain[mine] = np.clip((fell[mine] - mean) / spread, -FURTHEST, FURTHEST)
    every = float(np.median(end[done] - end[parent[done]])) if len(done) else 1.0
    return _Gains(
        features.embed(table.x[done]),
        starts.begun(parent[done]),
        end[done] / every,
        gain,
        features.embed(table.x[under_way]),
        starts.begun(parent[under_way]),
        end[under_way] / every,
        starts,
        every,
    )


def _spread(values: Floats) -> tuple[float, float]:
    """Return the middle of values, and how far they are from it: the median of the distances, 1 where that is 0.

    0 and 1 where there are none: where nobody has a loss no member is better than another.
    """
    if not len(values):
        return 0.0, 1.0
    middle = float(np.median(values))
    return middle, float(np.median(np.abs(values - middle))) or 1.0


def _bound(gains: _Gains, z: Floats, table: TrialTable, donor: int) -> Floats:
    """Return [m] the upper bound of what the next interval of `donor` gains, trained with points z [m, Q]."""
    begin = np.full(len(z), gains.starts.begun(np.array([donor]))[0])
    at = np.full(len(z), float(table.fidelity[donor, 0]) / gains.every + 1.0)
    n, width = len(gains.gain), np.sqrt(max(z.shape[1], 1))
    seen_z = np.concatenate([gains.z, gains.pending_z])
    seen_begin, seen_at = np.append(gains.begin, gains.pending_begin), np.append(gains.at, gains.pending_at)
    apart = _apart(seen_z, seen_begin, seen_z, seen_begin, width)
    between = np.abs(seen_at[:, None] - seen_at[None])
    y = gains.gain - gains.gain.mean()
    chosen = drift.likeliest(apart[:n, :n], between[:n, :n], y, LENGTHS, FORGOTTEN, NOISES)
    across = _apart(seen_z, seen_begin, z, begin, width), np.abs(seen_at[:, None] - at[None])
    mean, variance = drift.predicted(apart, between, y, *across, chosen)
    beta = C1 + max(0.0, float(np.log(C2 * n)))
    bound: Floats = mean + np.sqrt(beta * variance)
    return bound


def _apart(z: Floats, begin: Floats, other_z: Floats, other_begin: Floats, width: float) -> Floats:
    """Return [n, m] squared distances, a unit of loss that training begins from being as far as all parameters."""
    by_params = np.zeros((len(z), len(other_z)))
    for mine, other in zip(z.T, other_z.T, strict=True):  # column by column no [n, m, Q] is needed
        off = mine[:, None] - other[None]
        off *= off
        by_params += off
    found: Floats = by_params / width**2 + np.square((begin[:, None] - other_begin[None]) / FURTHEST)
    return found
