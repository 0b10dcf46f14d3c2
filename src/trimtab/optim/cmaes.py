"""CMA-ES: a normal distribution in the unit cube that learns from one generation of trials after another.

Hansen, "The CMA evolution strategy: a tutorial" (2016, arXiv 1604.00772), in the implementation of the package `cmaes`
(Nomura and Shibata, 2024, arXiv 2402.01373). Which way a step is taken depends on the order of losses alone.

* All numeric parameters are coordinates, whether or not they are active. Where one is inactive, a draw from the present
  distribution takes its place, from which nothing is learned.
* Of a discrete value only its cell is known. The distribution is told a point drawn uniformly in the cell: so its
  deviation cannot shrink much below the cell's, and the neighbouring values stay within reach.
* A categorical is drawn from frequencies, which each generation moves towards those of its better half.
* Whoever proposed a trial, it fills a generation. One that lies far out is pulled in, after Hansen, "Injecting external
  solutions into CMA-ES" (2011, arXiv 1110.4181).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from trimtab.arrays import Floats, Ints, Rng, rng_at
from trimtab.checks import is_whole
from trimtab.errors import MissingExtraError, SpaceError
from trimtab.ledger.table import COMPLETE, TrialTable
from trimtab.model.choice import Choice
from trimtab.model.feasibility import split
from trimtab.model.keys import key_of
from trimtab.optim.cells import Cells
from trimtab.optim.place import place
from trimtab.optim.protocol import Proposal, Request
from trimtab.optim.ranking import ranks
from trimtab.optim.start import default
from trimtab.space.condition import shown
from trimtab.space.parameter import CATEGORICAL
from trimtab.space.problem import Problem
from trimtab.space.space import Space

LEAST: Final = 4
"""The smallest generation."""
MOST: Final = 100_000
"""The largest."""

SIGMA: Final = 0.2
"""The first deviation, in widths of the ranges."""

RATE: Final = 0.3
"""How far a generation moves the frequencies of choices."""

MARGIN: Final = 0.27
"""A draw has some parameter off its likeliest value with about this chance, were all of them categorical and sure."""

REACH: Final = 4.0
"""A trial further from the mean than so many deviations is pulled in."""

N_SHADOWS: Final = 32
N_ATTEMPTS: Final = 500
"""After so many draws that violate a constraint, a random configuration that does not is proposed."""

_STREAM: Final = 0xC3AE5
"""Keeps what a trial is told with apart from what else is drawn for it."""


@dataclass(frozen=True, slots=True)
class Member:
    """A trial in a generation.

    Attributes:
        x: [D] its row.
        u: [P] its numeric places, as the distribution is told them.
        losses: [K] None if it failed or was stopped.
        excess: [C] by how much it broke each constraint.
    """

    x: Floats
    u: Floats
    losses: Floats | None
    excess: Floats


class CmaEsState:
    """The distribution, and the generation that is being filled.

    Attributes:
        normal: the distribution of the numeric parameters, an object of the package; None if there are none.
        shadows: [N_SHADOWS, P] draws from it, which say how wide it is and stand in for what is inactive.
        frequencies: of the choices of each free categorical.
        size: how many trials make a generation.
        generation: its number, from 0.
        members: the trials in it.
    """

    def __init__(self, problem: Problem, size: int | None) -> None:
        space = problem.space
        self._choice = Choice.steering(problem)
        held = space.fixed_row()
        free = np.array([p.n_values != 1 for p in space.parameters]) & (True if held is None else np.isnan(held))
        self.cells = Cells(space)
        self.numeric: Ints = np.flatnonzero(free & (space.kind != CATEGORICAL))
        self.categorical: Ints = np.flatnonzero(free & (space.kind == CATEGORICAL))
        self.n_choices = [int(space.parameters[column].n_values or 1) for column in self.categorical]
        n_free = len(self.numeric) + len(self.categorical)
        self.size = 4 + int(3.0 * np.log(max(n_free, 1))) if size is None else size
        self.generation = 0
        u = space.to_unit(space.default_row())[self.numeric]
        self.begin(np.where(np.isnan(u), 0.5, u))

    def begin(self, mean: Floats) -> None:
        """Begin at the mean [P], with a distribution that has learned nothing."""
        self.members: list[Member] = []
        self.frequencies: list[Floats] = [np.full(k, 1.0 / k) for k in self.n_choices]
        self.normal: Any = None
        if len(mean):
            bounds = np.tile([0.0, 1.0], (len(mean), 1))
            self.normal = _package().CMA(mean=mean, sigma=SIGMA, bounds=bounds, population_size=self.size)
        self.cast()

    def cast(self) -> None:
        """Draw the shadows of the present distribution."""
        sampler = self.sampler(rng_at(0, self.generation, _STREAM))
        self.shadows = np.array([sampler.ask() for _ in range(N_SHADOWS)]) if sampler else np.empty((N_SHADOWS, 0))

    def sampler(self, rng: Rng) -> Any:
        """Return a copy of the distribution that draws from `rng`, so that this one is left as it is; None if none."""
        if self.normal is None:
            return None
        sampler = copy.deepcopy(self.normal)
        sampler.reseed_rng(int(rng.integers(2**32)))
        return sampler

    def places(self, x: Floats, number: int) -> Floats:
        """Return [P] where trial `number` of row `x` [D] lies, as far as the distribution is concerned."""
        if self.normal is None:
            return np.empty(0)
        low, high = (edge[0, self.numeric] for edge in self.cells.edges(x[None]))
        u = low + rng_at(0, number, _STREAM).random(len(low)) * (high - low)
        u = np.where(np.isnan(u), self.shadows[number % N_SHADOWS], u)
        reach = REACH * self.shadows.std(axis=0)
        mean = self.normal.mean
        pulled: Floats = np.clip(np.clip(u, mean - reach, mean + reach), 0.0, 1.0)
        return pulled

    def learn(self) -> None:
        """Take the step that a full generation asks for, and begin the next."""
        members, self.members = self.members, []
        self.generation += 1
        rank = _ranks(members, self._choice)
        if rank.min() < rank.max():  # else there is nothing to learn, and a step would be a drift
            order = np.argsort(rank, kind="stable").tolist()
            self._move_frequencies(np.array([members[i].x[self.categorical] for i in order[: self.size // 2]]))
            if self.normal is not None:
                self.normal.tell([(members[i].u, float(rank[i])) for i in order])
        if self._has_converged(members):
            # Again from anywhere, with twice the size: Auger and Hansen, "A restart CMA evolution strategy" (2005).
            self.size *= 2
            self.begin(rng_at(0, self.generation, _STREAM + 1).random(len(self.numeric)))
        else:
            self.cast()

    def _has_converged(self, members: list[Member]) -> bool:
        if len({key_of(member.x) for member in members}) == 1:
            return True
        return self.normal is not None and bool(self.normal.should_stop())

    def _move_frequencies(self, better: Floats) -> None:
        """Move the frequencies towards those of the rows [n, Q], but none below the margin."""
        n_free = len(self.numeric) + len(self.categorical)
        for i, (k, codes) in enumerate(zip(self.n_choices, better.T, strict=True)):
            seen = codes[~np.isnan(codes)].astype(np.int64)
            if len(seen):
                moved = (1.0 - RATE) * self.frequencies[i] + RATE * np.bincount(seen, minlength=k) / len(seen)
                least = (1.0 - (1.0 - MARGIN) ** (1.0 / n_free)) / (k - 1)
                moved = np.maximum(moved, min(least, 1.0 / k))
                self.frequencies[i] = moved / moved.sum()


class CmaEs:
    """Covariance matrix adaptation evolution strategy.

    It needs the package `cmaes`: pip install 'trimtab[cmaes]'.

    Args:
        size: how many trials make a generation, twice as many after each time that it has converged; by default
            4 + 3 log D.

    Raises:
        SpaceError: a size that is none.

    Example:
        >>> CmaEs(size=20).to_json()
        {'name': 'cmaes', 'size': 20}
    """

    def __init__(self, size: int | None = None) -> None:
        if size is not None and not (is_whole(size) and LEAST <= size <= MOST):
            raise SpaceError(f"CmaEs expects size= to be a whole number from {LEAST} to {MOST:,}, got {shown(size)}.")
        self._size = size

    def to_json(self) -> dict[str, object]:
        return {"name": "cmaes"} if self._size is None else {"name": "cmaes", "size": self._size}

    def init(self, problem: Problem) -> CmaEsState:
        """Return the state before the first trial.

        Raises:
            MissingExtraError: the package is not installed.
        """
        return CmaEsState(problem, self._size)

    def tell(self, state: CmaEsState, table: TrialTable, row: int) -> CmaEsState:
        if table.parent[row] >= 0:
            return state  # a line of descent is one draw, and was counted when it was first run
        x = table.x[row].copy()
        losses, excess = split(table.problem, table.y[row])
        works = table.state[row] == COMPLETE
        state.members.append(Member(x, state.places(x, row), losses if works else None, excess))
        if len(state.members) == state.size:
            state.learn()
        return state

    def ask(self, state: CmaEsState, table: TrialTable, request: Request) -> Proposal:
        first = default(table, request)
        if first is not None:
            return first
        space, rng = table.space, request.rng
        sampler = state.sampler(rng)
        x = np.empty((request.n, len(space)))
        for i in range(request.n):
            x[i] = _draw(state, sampler, space, request)
        why = f"drawn from what {state.generation} generations of {state.size} trials have taught"
        return Proposal(x, "cmaes", why)


def _draw(state: CmaEsState, sampler: Any, space: Space, request: Request) -> Floats:
    """Return [D] a draw that satisfies the constraints."""
    rng = request.rng
    for _ in range(N_ATTEMPTS if space.constraints else 1):
        u = np.full(len(space), 0.5)
        if sampler is not None:
            u[state.numeric] = sampler.ask()
        for column, k, frequency in zip(state.categorical, state.n_choices, state.frequencies, strict=True):
            u[column] = (np.searchsorted(np.cumsum(frequency)[:-1], rng.random(), side="right") + 0.5) / k
        x, fits = place(space, u[None], request.given)
        if fits[0]:
            break
    else:
        x = space.sample(rng, 1, request.given)
    row: Floats = x[0]
    return row


def _ranks(members: list[Member], choice: Choice | None) -> Ints:
    """Return [n] the ranks of a generation, 0 the best; trials that failed or were stopped share the last."""
    works = np.array([member.losses is not None for member in members])
    rank = np.full(len(members), len(members))
    if works.any():
        losses = np.array([member.losses for member in members if member.losses is not None])
        excess = np.array([member.excess for member in members if member.losses is not None])
        rank[works] = ranks(losses, excess, choice)
    return rank


def _package() -> Any:
    try:
        import cmaes
    except ImportError:
        raise MissingExtraError("cmaes", "cmaes", "for optimizer='cmaes'") from None
    return cmaes
