"""Population-based training (Jaderberg et al., 2017, "Population Based Training of Neural Networks")."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from trimtab.arrays import Bools, Floats, Ints, Rng
from trimtab.checks import is_number
from trimtab.errors import ProblemError
from trimtab.ledger.columns import Column
from trimtab.ledger.table import COMPLETE, FAILED, RUNNING, STOPPED, WAITING, TrialTable
from trimtab.model.feasibility import split
from trimtab.plugins import did_you_mean
from trimtab.schedule.protocol import Continue, Fresh, Halt, Request, Wait
from trimtab.schedule.rungs import check_count, one_fidelity, ranked
from trimtab.space.condition import shown
from trimtab.space.parameter import CATEGORICAL, ORDINAL, Parameter
from trimtab.space.problem import Fidelity, Problem, is_counted
from trimtab.space.space import Space

INTERVALS = 10
"""Into how many intervals a whole run is cut where nobody says: enough changes for a schedule, each long enough to be
seen in the loss. By taste."""

TRIES = 20
"""How often a changed configuration is drawn anew that breaks a constraint on the parameters, before the donor's own is
taken. By taste."""

PLACE = "in place of trial"
_PLACE = re.compile(rf"{PLACE} (\d+)")


class Pbt:
    """Trains a population; who does badly takes over from who does well, and changes what it took over (algorithm 1).

    Each of `population` members trains for `every` steps, as one trial, and goes on from its checkpoint as the next.
    A member among the worst `share` at the end of an interval takes over checkpoint and configuration of one among the
    best (exploit, by truncation selection), and changes the configuration (explore): a number is multiplied by one of
    `factors`, an ordinal moves to a neighbour, and with the probability `resample` a parameter is drawn anew, as
    categoricals are that have no neighbours. What is found is a schedule: `study.schedule(trial)`.

    **Asynchronous.** A member goes on when a worker is free, the one that is least far first. It is compared with all
    that were seen at the end of its interval. Where those are too few for anyone to be among the worst, it is compared
    where it was before, so that who always comes first is compared too. A member whose trial fails or is stopped is
    replaced likewise; if that fails as well, it is given up.

    Trials need checkpoints: an objective without any trains each interval from the beginning. There is one population;
    then the study ends. Without exactly one fidelity there are no intervals, and no study is created; one on record
    runs its trials whole.

    Args:
        population: how many members.
        every: the interval, in units of the fidelity; a tenth of a whole run if None, whole where steps are.
        share: the part of the members that is worst, and that is best.
        factors: by which numbers are multiplied: one below 1, one above.
        resample: how likely a parameter is drawn anew.
        hold: names of parameters that never change along a line of descent, as the width of a network, on which the
            form of a checkpoint depends.

    Raises:
        ProblemError: an option that cannot be; in `assign`, a name in `hold` that the space does not have.

    Example:
        >>> Pbt(population=20, every=5).to_json()["every"]
        5.0
    """

    ends_diverged = True

    def __init__(
        self,
        population: int = 8,
        every: float | None = None,
        share: float = 0.25,
        factors: Sequence[float] = (0.8, 1.2),
        resample: float = 0.25,
        hold: Sequence[str] = (),
    ) -> None:
        name = type(self).__name__
        # A quarter, 0.8 and 1.2, and a probability of 0.25 are those of the paper's section 4.1.1.
        self.population = check_count(name, "population", population, 2)
        if every is not None and (not is_number(every) or every <= 0):
            raise ProblemError(
                f"{name} expects every=, the interval in units of the fidelity, to be a number above 0, or None; "
                f"got {shown(every)}."
            )
        self.every = None if every is None else float(every)
        if not is_number(share) or not 0.0 < share <= 0.5:
            raise ProblemError(f"{name} expects share= to be a number above 0 and at most 0.5; got {shown(share)}.")
        self.share = float(share)
        if self.population * self.share < 1.0:
            raise ProblemError(
                f"{name} expects share= of population= to be one member at least; {share:g} of {population} is none. "
                f"Take a population of {math.ceil(1.0 / share)}."
            )
        self.factors = _check_factors(name, factors)
        if not is_number(resample) or not 0.0 <= resample <= 1.0:
            raise ProblemError(f"{name} expects resample= to be a probability, from 0 to 1; got {shown(resample)}.")
        self.resample = float(resample)
        self.hold = _check_names(name, hold)
        self._members = _Members()

    def assign(self, table: TrialTable, request: Request) -> Fresh | Continue | Wait:
        fidelity = one_fidelity(table.problem)
        if fidelity is None:
            return Fresh(table.problem.whole)
        held = self._held(table.space)
        ends = intervals(fidelity, self.every)
        members = self._members.of(table)
        is_last = request.remaining is not None and request.remaining.trials == 0
        if members.n_begun < self.population and not is_last:
            return Fresh(ends[:1])
        enough = min(math.ceil(1.0 / self.share), members.n_begun)
        seen = _Seen(table, members, ends)
        for tip in members.in_turn(table, ends[-1]):
            if table.state[tip] == COMPLETE:
                return self._next(table, request, seen, tip, enough, held)
            at = seen.where(tip, enough)
            at = seen.where(tip, 1) if at is None else at
            if at is not None:
                return self._replaced(table, request, seen, tip, at, "which ended early", held)
        states = table.state[members.tips]
        if ((states == WAITING) | (states == RUNNING)).any():
            return Wait("for the members that train")
        is_grown = (states == COMPLETE).any()
        return Wait("the population is trained" if is_grown else "the population died out")

    def _next(self, table: TrialTable, request: Request, seen: _Seen, tip: int, enough: int, held: Bools) -> Continue:
        """Return how a member goes on whose interval is complete."""
        at = seen.where(tip, enough)
        name = table.problem.fidelities[0].name
        end = float(table.fidelity[tip, 0])
        if at is None or enough < 2:
            return Continue(tip, (seen.after(end),), why=f"goes on, the first to be at {name} {end:g}")
        order = seen.order(at)
        place = int(np.flatnonzero(order == seen.line(tip, at))[0])
        rank = f"{place + 1} of {len(order)} at {name} {at:g}"
        if place >= len(order) - self._n_best(order):
            return self._replaced(table, request, seen, tip, at, rank, held)
        return Continue(tip, (seen.after(end),), why=f"goes on, {rank}")

    def _n_best(self, order: Ints) -> int:
        """Return how many are best, and how many worst: the share of those that are there, rounded up.

        Whoever comes early is compared with few, and rounded down that lets most go on: of 7, one is replaced. In 20
        intervals 8 members on 8 workers of unequal speed took over 20 times when it was rounded to the nearest, 27
        times rounded up, and 38 times on one worker (decision 52).
        """
        return min(math.ceil(len(order) * self.share), max(1, int(self.population * self.share)))

    def _replaced(
        self, table: TrialTable, request: Request, seen: _Seen, tip: int, at: float, why: str, held: Bools
    ) -> Continue:
        """Return what takes the place of a member: one of the best at `at`, changed."""
        order = seen.order(at)
        place = int(request.rng.integers(self._n_best(order)))
        donor = int(order[place])
        x = self.changed(table, donor, request.rng, held)
        [before, now] = table.space.decode(np.array([table.x[donor], x]))
        changes = ", ".join(
            f"{name} {_short(before[name])} → {_short(value)}" if name in before else f"{name} = {_short(value)}"
            for name, value in now.items()
            if name not in before or before[name] != value
        )
        name = table.problem.fidelities[0].name
        text = (
            f"takes over from trial {donor}, {place + 1} of {len(order)} at {name} {at:g}, {PLACE} {tip}, {why}; "
            f"{changes or 'unchanged'}"
        )
        return Continue(donor, (seen.after(at),), tuple(x.tolist()), why=text)

    def changed(self, table: TrialTable, donor: int, rng: Rng, held: Bools) -> Floats:
        """Return the row [D] with which what is taken over from `donor` goes on: by chance; `Pb2` asks a model."""
        return self.explored(table.space, table.x[donor], rng, held)

    def explored(self, space: Space, x: Floats, rng: Rng, held: Bools) -> Floats:
        """Return a row [D] near to `x` [D]; `x` itself where constraints refuse all that are tried.

        Args:
            space: of both.
            x: the configuration that is taken over.
            rng: the generator.
            held: [D] which parameters do not change.
        """
        row: Floats = self.all_explored(space, x, rng, held, 1)[0]
        return row

    def all_explored(self, space: Space, x: Floats, rng: Rng, held: Bools, n: int) -> Floats:
        """Return [n, D] what n calls of `explored` return, one after the other."""
        found: list[Floats] = []
        n_refused = 0
        while len(found) < n:
            near = self._near(space, x, rng, held, n - len(found))  # so many at least are drawn yet
            for row, is_kept in zip(near, space.satisfied(near).tolist(), strict=True):
                n_refused = 0 if is_kept else n_refused + 1
                if is_kept or n_refused == TRIES:
                    found.append(row if is_kept else x)
                    n_refused = 0
        return np.array(found)

    def _near(self, space: Space, x: Floats, rng: Rng, held: Bools, n: int) -> Floats:
        """Return [n, D] rows near to `x` [D], which constraints may refuse."""
        d = len(x)
        draws = [(rng.random(d), rng.integers(2, size=d), rng.random(d)) for _ in range(n)]
        drawn, which, values = map(np.array, zip(*draws, strict=True))
        moved = np.array(
            [
                [code if code != code else _moved(parameter, code, factor) for factor in self.factors]
                for parameter, code in zip(space.parameters, x.tolist(), strict=True)
            ]
        )
        anew = ((drawn < self.resample) | np.isnan(x)) & ~held  # what becomes active has no value to go on from
        found = space.from_unit(np.where(anew, values, space.to_unit(x)))
        kept = ~np.isnan(x) & ~anew
        found = np.where(kept, np.where(held, x, moved[np.arange(d), which]), found)
        return space.canonical(found)

    def _held(self, space: Space) -> Bools:
        """Return [D] which parameters never change.

        Raises:
            ProblemError: there is none of a name in `hold`.
        """
        for name in self.hold:
            if name not in space:
                raise ProblemError(
                    f"{type(self).__name__} is to hold {name!r}, which is no parameter"
                    f"{did_you_mean(name, space.names)}; there are: {', '.join(space.names)}."
                )
        fixed = space.fixed_row()
        held: Bools = np.array([name in self.hold for name in space.names], dtype=np.bool_)
        return held if fixed is None else held | ~np.isnan(fixed)

    def judge(self, table: TrialTable, row: int) -> Halt | None:
        """Let it run: trials end with their intervals."""

    def may_continue(self, table: TrialTable) -> Bools:
        """Say so of what may yet be taken over: from where the member that is least far is compared."""
        fidelity = one_fidelity(table.problem)
        found = np.zeros(len(table), dtype=np.bool_)
        if fidelity is None:
            return found
        members = self._members.of(table)
        seen = _Seen(table, members, intervals(fidelity, self.every))
        enough = math.ceil(1.0 / self.share)
        tips = members.tips
        open_ = (table.fidelity[tips, 0] < fidelity.high) | (table.state[tips] != COMPLETE)
        tips = tips[open_ & ~members.are_given_up(table, tips)]
        _, first = np.unique(table.fidelity[tips, 0], return_index=True)  # where they are compared goes by their ends
        floors = [seen.where(tip, enough) or 0.0 for tip in tips[first].tolist()]
        rows = members.rows
        ends = table.fidelity[rows, 0]
        is_over = _ended_early(table.state[rows])
        low = min(floors, default=fidelity.high)
        if members.n_begun < self.population:
            low = min(low, float(ends.min(initial=fidelity.high)))
        found[rows[(ends >= low) & (ends < fidelity.high) & ~is_over]] = True
        return found

    def needs(self, problem: Problem) -> str:
        if one_fidelity(problem) is not None:
            return ""
        return (
            "trials report as they go, and the population does not learn from each other, since no one fidelity says "
            'how far they go: with fidelity=tt.Fidelity("epoch", 1, N), N being the last step, it does.'
        )

    def refuses(self, problem: Problem) -> str:
        if one_fidelity(problem) is not None:
            return ""
        declared = f"{len(problem.fidelities)} are" if problem.fidelities else "none is"
        return (
            f"{type(self).__name__} trains a population interval by interval, counted in one fidelity, and {declared} "
            'declared; give fidelity=tt.Fidelity("epoch", 1, N), N being the last step of a whole run.'
        )

    def to_json(self) -> dict[str, object]:
        return {
            "name": "pbt",
            "population": self.population,
            "every": self.every,
            "share": self.share,
            "factors": list(self.factors),
            "resample": self.resample,
            "hold": list(self.hold),
        }


def intervals(fidelity: Fidelity, every: float | None) -> tuple[float, ...]:
    """Return the ends of intervals: the multiples of `every` within the fidelity's bounds, and the highest.

    Example:
        >>> intervals(Fidelity("epoch", 1, 10), 3)
        (3.0, 6.0, 9.0, 10.0)
    """
    if every is None:
        every = float(math.ceil(fidelity.high / INTERVALS)) if is_counted(fidelity) else fidelity.high / INTERVALS
    n = math.ceil(fidelity.high / every)
    multiples = (k * every for k in range(1, n))
    return (*(end for end in multiples if fidelity.low <= end < fidelity.high), fidelity.high)


class _Members:
    """Which trials are of the population, and which of them are the last of their member.

    Whose place a trial takes that took over from another is in its `why`, which is on record. A table only grows, so a
    decision reads what is new alone; what it asks of all members it asks of columns, of which there may be thousands.

    Attributes:
        n_begun: how many members there are.
    """

    def __init__(self) -> None:
        self._problem: Problem | None = None
        self._begin()

    def _begin(self) -> None:
        self._head = self.n_begun = 0
        self._is_member, self._is_tip = Column(np.bool_), Column(np.bool_)
        self._in_place_of = Column(np.int64, -1)

    def of(self, table: TrialTable) -> _Members:
        """Return itself, brought up to date with a table."""
        if self._problem is not table.problem or table.head < self._head:
            self._problem = table.problem
            self._begin()
        parents = table.parent
        for row in range(self._is_member.n, len(table)):
            parent, instead = int(parents[row]), -1
            if parent < 0:
                is_member = not (table.is_enqueued(row) or table.is_replicate(row))
            else:
                is_member = bool(self._is_member.rows[parent])
            if parent >= 0 and is_member:
                place = _PLACE.search(table.origin(row).why)
                instead = -1 if place is None or int(place[1]) >= row else int(place[1])
                self._is_tip.rows[instead if instead >= 0 else parent] = False
            self._in_place_of.put(row, instead)
            self._is_tip.put(row, is_member)
            self._is_member.put(row, is_member)  # last: whoever was interrupted in between reads the row again
        self.n_begun = int(np.count_nonzero(self._is_member.view & (parents < 0)))
        self._head = table.head
        return self

    @property
    def rows(self) -> Ints:
        """All trials of the population, in the order of their numbers."""
        return np.flatnonzero(self._is_member.view)

    @property
    def tips(self) -> Ints:
        """The last trial of each member, in the order of their numbers."""
        return np.flatnonzero(self._is_tip.view)

    def in_turn(self, table: TrialTable, high: float) -> Iterable[int]:
        """Return the last trials of the members that may go on: complete below `high`, or to be replaced.

        The member first that is least far, and of equals the one whose trial is older.
        """
        tips = self.tips
        states, ends = table.state[tips], table.fidelity[tips, 0]
        early = _ended_early(states)
        may = (states == COMPLETE) & (ends < high)
        may[early] = ~self.are_given_up(table, tips[early])
        return map(int, tips[may][np.argsort(ends[may], kind="stable")])

    def are_given_up(self, table: TrialTable, tips: Ints) -> Bools:
        """Return [t] whether members ended early, and so did what they were to replace.

        Nothing shows that a third would not. Without that a program that breaks at some step would be begun for ever,
        since only new members count against a budget of trials.
        """
        before = self._in_place_of.view[tips]
        found: Bools = (before >= 0) & _ended_early(table.state[tips]) & _ended_early(table.state[before])
        return found


class _Seen:
    """What the population showed at the end of each interval: all trials complete there, whoever went on with them."""

    def __init__(self, table: TrialTable, members: _Members, ends: tuple[float, ...]) -> None:
        self._table, self._ends = table, np.array(ends)
        rows = members.rows
        self._done = rows[table.state[rows] == COMPLETE]
        self._at = table.fidelity[self._done, 0]
        place = np.minimum(np.searchsorted(self._ends, self._at), len(ends) - 1)
        self._n_at = np.bincount(place[self._ends[place] == self._at], minlength=len(ends))

    def where(self, tip: int, enough: int) -> float | None:
        """Return the highest end up to a trial's own at which there are `enough`; None if there is none.

        Not the last: from there nobody goes on.
        """
        n = min(int(np.searchsorted(self._ends, self._table.fidelity[tip, 0], side="right")), len(self._ends) - 1)
        found = np.flatnonzero(self._n_at[:n] >= enough)
        return float(self._ends[found[-1]]) if len(found) else None

    def order(self, end: float) -> Ints:
        """Return the trials that are complete at an end, the best first; those without a loss come last."""
        rows = self._done[self._at == end]
        losses, excess = split(self._table.problem, self._table.y[rows])
        known = ~np.isnan(losses).any(axis=1)
        best = rows[known][ranked(losses[known], excess[known].sum(axis=1))]
        return np.concatenate([best, rows[~known]])

    def line(self, tip: int, end: float) -> int:
        """Return the trial of a line of descent that ended at `end`."""
        ends, parents = self._table.fidelity[:, 0], self._table.parent
        while ends[tip] > end:
            tip = int(parents[tip])
        return tip

    def after(self, end: float) -> float:
        """Return the end of the next interval."""
        return float(self._ends[np.searchsorted(self._ends, end, side="right")])


def _ended_early(states: NDArray[np.int8]) -> Bools:
    """Return [n] whether trials failed or were stopped."""
    found: Bools = (states == FAILED) | (states == STOPPED)
    return found


def _moved(parameter: Parameter, code: float, factor: float) -> float:
    """Return the code of a value a little off: a number times the factor, an ordinal's neighbour."""
    if parameter.kind == CATEGORICAL:
        return code
    grid = parameter.grid
    if grid is None:
        return float(np.clip(code * factor, parameter.low, parameter.high))  # type: ignore[attr-defined]  # a Float
    place = grid.nearest(code)
    if parameter.kind == ORDINAL:
        to = place + (1 if factor > 1.0 else -1)
    else:
        to = grid.nearest(code * factor)
        if to == place:  # by less than a step: a step
            to += 1 if (factor > 1.0) == (code >= 0.0) else -1
    if not 0 <= to < grid.n:
        to = 2 * place - to  # from an end there is one neighbour
    return grid.value(min(max(to, 0), grid.n - 1))


def _check_factors(name: str, factors: object) -> tuple[float, float]:
    if not isinstance(factors, Sequence) or len(factors) != 2 or not all(map(is_number, factors)):
        raise ProblemError(f"{name} expects factors= to be two numbers, as (0.8, 1.2); got {shown(factors)}.")
    low, high = map(float, factors)
    if not 0.0 < low < 1.0 < high:
        raise ProblemError(
            f"{name} expects factors= to be one between 0 and 1 and one above 1, as (0.8, 1.2); got {shown(factors)}."
        )
    return low, high


def _check_names(name: str, hold: object) -> tuple[str, ...]:
    if isinstance(hold, str) or not isinstance(hold, Sequence) or not all(isinstance(name, str) for name in hold):
        raise ProblemError(f'{name} expects hold= to be names of parameters, as ["layers"]; got {shown(hold)}.')
    return tuple(hold)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
