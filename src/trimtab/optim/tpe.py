"""The tree-structured Parzen estimator: what is likelier in a density of the good trials than in one of the others.

Bergstra et al., "Algorithms for hyper-parameter optimization" (2011); settings of the parts after Watanabe,
"Tree-structured Parzen estimator: understanding its algorithm components" (2023, arXiv 2304.11127). Pending trials are
among the others, and so are those that failed or were stopped early: the next proposal keeps away from them.

Parameters that are active under the same condition form a group. Each group has a pair of joint densities, made of the
trials in which it was active; the ratio of a configuration is the product over the groups that are active in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.arrays import Bools, Floats, Ints, Rng
from trimtab.ledger.table import FAILED, TrialTable
from trimtab.model.choice import Choice
from trimtab.model.feasibility import split
from trimtab.model.fidelities import height
from trimtab.model.keys import key_of, same
from trimtab.model.observations import is_its_fault, reached
from trimtab.numerics import blas
from trimtab.numerics.parzen import Parzen, Points, neighbour_deviation
from trimtab.optim import belief
from trimtab.optim.cells import Cells
from trimtab.optim.place import place, reflected
from trimtab.optim.protocol import Proposal, Request
from trimtab.optim.ranking import ranks
from trimtab.optim.start import check_options, n_initial, start
from trimtab.optim.tried import Tried, untried, without_repeats
from trimtab.space.parameter import CATEGORICAL
from trimtab.space.problem import Problem
from trimtab.space.space import Space

GOOD_SHARE: Final = 0.1
MOST_GOOD: Final = 25
"""The best tenth is good, and no more than so many."""

LEADERS: Final = 2 * MOST_GOOD
"""So many of the best trials stay in the race for the good set."""

OTHERS: Final = 1000
"""About so many of the others are remembered: the latest, and ever fewer of the older."""

N_DRAWN: Final = 64
N_BELIEVED: Final = 16
N_LOCAL: Final = 4
LOCAL_STEP: Final = 0.05
"""Candidates: draws from the good density, from the user's prior if it counts, and steps from the best few trials."""

FEW_VALUES: Final = 100
"""A numeric parameter of more values is taken for continuous: no kernel is narrower than its cells."""


@dataclass(frozen=True, slots=True)
class Leader:
    """A result.

    Attributes:
        x: [D] its configuration.
        losses: [K] smaller is better.
        excess: [C] by how much it broke each constraint.
        height: at which fidelity it was seen, as `model.fidelities.height` has it.
    """

    x: Floats
    losses: Floats
    excess: Floats
    height: float = 1.0


class TpeState:
    """What the log said about trials that are over. An ask costs the same however many they are.

    Attributes:
        axes: how the densities see the space.
        n_complete: how many trials completed.
        leaders: the best of them, in the order of the log.
        others: rows that are not among the leaders, failed ones included.
        is_flat: whether no trial failed through its own fault and no result differed from another.
        tried: the keys of all rows.
    """

    def __init__(self, problem: Problem) -> None:
        self.axes = Axes(problem.space)
        self._choice = Choice.steering(problem)
        self.n_complete = 0
        self.leaders: list[Leader] = []
        self.others: list[Floats] = []
        self.is_flat = True
        self._has_low = False
        self.tried: set[bytes] = set()

    def ranks(self) -> Ints:
        """Return [n] the ranks of the leaders: who got to a higher fidelity comes first, then who gave less loss."""
        losses, excess = (np.array([getattr(one, name) for one in self.leaders]) for name in ("losses", "excess"))
        rank = ranks(losses, excess, self._choice)
        height = np.array([one.height for one in self.leaders])
        if height.min() == height.max():
            return rank
        found: Ints = np.unique(np.column_stack([-height, rank]), axis=0, return_inverse=True)[1].reshape(-1)
        return found

    def lead(self, one: Leader) -> None:
        """Take in a result; one that goes on with another's configuration takes its place."""
        if self.leaders and self.is_flat:
            first = self.leaders[0]
            self.is_flat = np.array_equal(one.losses, first.losses) and np.array_equal(one.excess, first.excess)
        if one.height < 1.0 or self._has_low:
            self._has_low = True
            self._forget_lower(one)
        self.n_complete += 1
        self.leaders.append(one)
        if len(self.leaders) == 2 * LEADERS:
            # Where results tie, the earlier stay: they are more spread than what the densities themselves drew.
            order = np.argsort(self.ranks(), kind="stable").tolist()
            for i in sorted(order[LEADERS:]):
                self.leave(self.leaders[i].x)
            self.leaders = [self.leaders[i] for i in sorted(order[:LEADERS])]

    def _forget_lower(self, one: Leader) -> None:
        """Leave out what the configuration gave at lower fidelities."""
        kept = [old for old in self.leaders if old.height >= one.height or not same(old.x, one.x)]
        self.n_complete -= len(self.leaders) - len(kept)
        self.leaders = kept

    def leave(self, x: Floats) -> None:
        """Take in a row that is not among the leaders."""
        self.others.append(x)
        if len(self.others) >= OTHERS + OTHERS // 2:
            latest = OTHERS // 2
            self.others = self.others[:-latest:2] + self.others[-latest:]


class Tpe:
    """Tree-structured Parzen estimator.

    Args:
        n_initial: trials before the densities speak: the default configuration, then points of a Sobol sequence. By
            default 1 + max(4, min(D // 2 + 1, 6)).

    Raises:
        SpaceError: a number of trials that is none.

    Example:
        >>> Tpe(n_initial=20).to_json()
        {'name': 'tpe', 'n_initial': 20}
    """

    def __init__(self, n_initial: int | None = None) -> None:
        check_options("Tpe", n_initial)
        self._n_initial = n_initial

    def to_json(self) -> dict[str, object]:
        return {"name": "tpe"} if self._n_initial is None else {"name": "tpe", "n_initial": self._n_initial}

    def init(self, problem: Problem) -> TpeState:
        return TpeState(problem)

    def tell(self, state: TpeState, table: TrialTable, row: int) -> TpeState:
        x = table.x[row].copy()
        state.tried.add(key_of(x))
        at = reached(table, row)
        if at is not None:
            state.lead(Leader(x, *split(table.problem, table.y[row]), height(table.problem.fidelities, at)))
        elif table.state[row] != FAILED or is_its_fault(table, row):
            state.is_flat = False
            state.leave(x)
        return state

    def ask(self, state: TpeState, table: TrialTable, request: Request) -> Proposal:
        space, rng, given = table.space, request.rng, request.given
        pending = table.x[[*table.running, *table.waiting][-OTHERS:]]
        tried = Tried(state.tried, pending)
        first = n_initial(len(space), self._n_initial)
        # Where all results are the same there is nothing to learn, and a density of past draws would drift.
        if len(table) < first or state.n_complete < 2 or state.is_flat or not state.axes.groups:
            return without_repeats(start(table, request), space, request, tried)
        rows: list[Floats] = []
        whys: list[str] = []
        with blas.one_thread():
            model = Densities(state, space, pending)
            for _ in range(request.n):
                x, why = model.propose(rng, given, tried)
                model.pend(x)
                tried.add(x[None])
                rows.append(x)
                whys.append(why)
        return Proposal(np.array(rows).reshape(-1, len(space)), "tpe", tuple(whys))


class Axes:
    """The coordinates of a space, as densities see them.

    Attributes:
        groups: the free columns, those together that are active under the same condition.
        n_choices: [D] how many choices a categorical has, 0 for the others.
        is_discrete: [D] whether a numeric parameter takes few values.
    """

    def __init__(self, space: Space) -> None:
        held = space.fixed_row()
        groups: dict[str, list[int]] = {}
        for column, parameter in enumerate(space.parameters):
            if parameter.n_values != 1 and (held is None or np.isnan(held[column])):
                groups.setdefault(repr(parameter.when), []).append(column)
        self.groups: list[Ints] = [np.array(columns, dtype=np.int64) for columns in groups.values()]
        n_values = np.array([parameter.n_values or 0 for parameter in space.parameters], dtype=np.int64)
        is_categorical = space.kind == CATEGORICAL
        self.n_choices: Ints = np.where(is_categorical, n_values, 0)
        self.is_discrete: Bools = ~is_categorical & (n_values > 0) & (n_values <= FEW_VALUES)
        self._space, self._cells = space, Cells(space)

    def points(self, x: Floats) -> Points:
        """Return the points of rows [n, D]."""
        return Points(self._space.to_unit(x), *self._cells.edges(x))

    def densities(self, points: Points, weight: Floats) -> list[Parzen]:
        """Return a density for each group, of the points [n] in which it is active, which weigh [n]."""
        found = []
        for columns in self.groups:
            active = ~np.isnan(points.u[:, columns]).any(axis=1)  # before the space grew, a row lacked a parameter
            u = points.u[np.ix_(np.flatnonzero(active), columns)]
            found.append(
                Parzen(u, neighbour_deviation(u), self.n_choices[columns], self.is_discrete[columns], weight[active])
            )
        return found


class Densities:
    """The densities of one ask, and the search for what is likeliest to be good.

    Attributes:
        n: how many trials completed.
        n_good: how many of them are good.
    """

    def __init__(self, state: TpeState, space: Space, pending: Floats) -> None:
        self._space, self._axes = space, state.axes
        self.n, self.n_good = state.n_complete, min(MOST_GOOD, int(np.ceil(GOOD_SHARE * state.n_complete)))
        x = np.array([leader.x for leader in state.leaders])
        rank = state.ranks()
        share = _shares(rank, self.n_good)
        is_good = share > 0.0
        weight = share[is_good] * np.log1p(self.n_good / (rank[is_good] + 1.0))
        weight *= self.n_good / weight.sum()
        self._good = state.axes.densities(state.axes.points(x[is_good]), weight)
        self._best = space.to_unit(x[np.argsort(rank, kind="stable")[:N_LOCAL]])
        self._belief = belief.weight(space, x, -rank, state.n_complete)
        others = np.array([*state.others, *pending]).reshape(-1, len(space))
        self._others = np.concatenate([x[share < 1.0], others])
        self._weight = np.concatenate([1.0 - share[share < 1.0], np.ones(len(others))])
        self._bad = self._fit_others()

    def pend(self, x: Floats) -> None:
        """Take `x` [D] as proposed: the next proposal keeps away from it."""
        self._others = np.concatenate([self._others, x[None]])
        self._weight = np.append(self._weight, 1.0)
        self._bad = self._fit_others()

    def propose(self, rng: Rng, given: Floats | None, tried: Tried) -> tuple[Floats, str]:
        """Return [D] the candidate of the largest ratio that was not tried, and why."""
        x = self._candidates(rng, given)
        ratio = self.log_ratio(x)
        score = ratio + self._belief * self._space.log_prior(x) if self._belief else ratio
        for i in np.argsort(-score, kind="stable").tolist():
            if x[i] not in tried:
                factor = float(np.exp(min(ratio[i], 690.0)))
                return x[i], (
                    f"likelier among the best {self.n_good} of {self.n} than among the rest, "
                    f"by a factor of {factor:.2g}"
                )
        row = untried(self._space, rng, given, tried)
        if row is not None:
            return row, "everything likely was tried: a random point"
        return x[int(np.argmax(score))], "everything near was tried: the likeliest again"

    def _fit_others(self) -> list[Parzen]:
        return self._axes.densities(self._axes.points(self._others), self._weight)

    def _candidates(self, rng: Rng, given: Floats | None) -> Floats:
        """Return rows that may be tried: drawn from the good density and the prior, and a step away from the best."""
        n = N_DRAWN + len(self._best)
        u = rng.random((n, len(self._space)))
        for columns, density in zip(self._axes.groups, self._good, strict=True):
            u[:, columns] = density.sample(rng, n)
        moved = self._best + LOCAL_STEP * rng.standard_normal(self._best.shape)
        stepped = np.where(self._axes.n_choices == 0, reflected(moved), self._best)
        u[N_DRAWN:] = np.where(np.isnan(self._best), u[N_DRAWN:], stepped)
        x, fits = place(self._space, u, given)
        x = x[fits]
        if self._belief:
            x = np.concatenate([x, self._space.sample_prior(rng, N_BELIEVED, given)])
        enough = n // 4  # where constraints refuse most of them, draw among those that they leave
        return x if len(x) >= enough else np.concatenate([x, self._space.sample(rng, enough, given)])

    def log_ratio(self, x: Floats) -> Floats:
        """Return [n] the logarithm of how much likelier each row is among the good."""
        points = self._axes.points(x)
        score = np.zeros(len(x))
        for columns, good, bad in zip(self._axes.groups, self._good, self._bad, strict=True):
            active = ~np.isnan(x[:, columns[0]])
            some = points.take(active, columns)
            score[active] += good.log_density(some) - bad.log_density(some)
        return score


def _shares(rank: Ints, n_good: int) -> Floats:
    """Return [n] to what share each row is good: those that tie for the last places have an equal part in them."""
    last = np.sort(rank)[n_good - 1]
    n_ahead, tied = np.count_nonzero(rank < last), rank == last
    return np.where(rank < last, 1.0, np.where(tied, (n_good - n_ahead) / np.count_nonzero(tied), 0.0))
