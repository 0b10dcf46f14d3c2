"""Rungs: the fidelities at which trials are compared, and what was seen there.

With several fidelities there are two kinds of rungs. Trials that report are compared by the steps of the one that
counts steps, at the highest of all others (`Seen`). Trials that end at their rungs are compared along the diagonal, on
which all fidelities rise together (`diagonal`).

What a trial showed at a rung is the first that it reported at that level or above, all objectives known. Trials of one
configuration, seeds of it for instance, count once, by their mean. Trials that failed do not count: nan is no value,
and what an error ended is no result.

One is better than another where it breaks the constraints less, or as little and dominates it: is as good in every
objective and better in one. With one objective that is the smaller loss.

Letters: N rows, K rungs below the highest, M objectives, F fidelities; n trials at one rung.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from trimtab.arrays import Bools, Floats, Ints
from trimtab.checks import as_real, as_whole, is_number, is_whole
from trimtab.errors import ProblemError
from trimtab.ledger.columns import Column
from trimtab.ledger.curves import WHOLE, Curves
from trimtab.ledger.table import COMPLETE, FAILED, TrialTable
from trimtab.model.feasibility import split
from trimtab.model.keys import keys_of
from trimtab.schedule.protocol import Halt
from trimtab.space.condition import shown
from trimtab.space.problem import Fidelity, Problem, counted, is_counted

DEPTH = 3
"""Rungs below a whole run where the least fidelity is 0, of which no ratio can be taken: from 1/27 on with eta = 3, as
low as the boosting tables go that ranks were measured on. By taste."""

MOST_RUNGS = 20
"""Below the highest. Where bounds span more orders of magnitude, the lowest are left out: with eta = 2 they are below a
millionth of a whole run. The number is by taste; that there is one is not, since over all floats, with some 1,320
rungs, nine trials of `hyperband` took over five minutes."""

MOST_ETA = 1000
"""Where less than a thousandth goes on, nothing does in studies of the sizes that there are. By taste; it also keeps
powers of it numbers."""

ROUNDING = 1e-9
"""A logarithm and back is not exact: by no more than this part."""

At: TypeAlias = tuple[float, ...]
"""A fidelity of the problem: [F] values."""

SHARES = {2: "half", 3: "third", 4: "quarter", 5: "fifth", 10: "tenth"}


def check_eta(name: str, eta: object) -> int:
    """Return the factor between rungs.

    Raises:
        ProblemError: it is no whole number from 2 to `MOST_ETA`.
    """
    eta = as_whole(eta)
    if not isinstance(eta, int) or not is_whole(eta) or not 2 <= eta <= MOST_ETA:
        raise ProblemError(
            f"{name} expects eta= to be a whole number from 2 to {MOST_ETA:,}, of which one part goes on; "
            f"got {shown(eta)}."
        )
    return eta


def check_count(name: str, option: str, value: object, least: int = 1) -> int:
    """Return a number of trials.

    Raises:
        ProblemError: it is no whole number of at least `least`.
    """
    value = as_whole(value)
    if not isinstance(value, int) or not is_whole(value) or value < least:
        raise ProblemError(f"{name} expects {option}= to be a whole number of at least {least}; got {shown(value)}.")
    return value


def check_race(name: str, race: object) -> bool:
    """Return whether folds race.

    Raises:
        ProblemError: it is neither True nor False.
    """
    if not isinstance(race, bool):
        raise ProblemError(
            f"{name} expects race=, whether trials end early by their folds, to be True or False; got {shown(race)}."
        )
    return race


def check_low(name: str, low: object) -> float | None:
    """Return the lowest rung, None for the fidelity's own.

    Raises:
        ProblemError: it is no number above 0.
    """
    if low is None:
        return None
    low = as_real(low)
    if not isinstance(low, int | float) or not is_number(low) or low <= 0:
        raise ProblemError(
            f"{name} expects low=, the lowest rung, to be a number above 0, or None for the fidelity's lowest; "
            f"got {shown(low)}."
        )
    return float(low)


def one_fidelity(problem: Problem) -> Fidelity | None:
    """Return the fidelity if there is one alone."""
    return problem.fidelities[0] if len(problem.fidelities) == 1 else None


def stepped(problem: Problem) -> Fidelity | None:
    """Return the fidelity that reports' steps are of; None where there is none."""
    place = counted(problem.fidelities)
    return None if place is None else problem.fidelities[place]


def undeclared(problem: Problem) -> str:
    """Return what a scheduler lacks that ends trials at rungs: a sentence; empty if nothing."""
    return "" if problem.fidelities else _NOTHING_SAYS


def uncounted(problem: Problem) -> str:
    """Return what a scheduler lacks that ends trials at the steps that they report: a sentence; empty if nothing."""
    if problem.fidelities and counted(problem.fidelities) is None:
        return (
            "trials report as they go, and none is ended early, since none of the fidelities counts steps: of several, "
            "the first counts whose bounds are whole numbers, as those of epochs are."
        )
    return undeclared(problem)


_NOTHING_SAYS = (
    "trials report as they go, and none is ended early, since nothing says how far they go: "
    'with fidelity=tt.Fidelity("epoch", 1, N), N being the last step that is reported, they are.'
)


def ladder(fidelity: Fidelity, eta: int, low: float | None = None) -> tuple[float, ...]:
    """Return the rungs, ascending: the lowest, each eta times the one before, and the highest fidelity.

    A rung nearer to the highest than the square root of eta is left out: to look there costs nearly as much as to see
    the end. So is one further down than `MOST_RUNGS`, whatever `low` says. Where the bounds are whole numbers, so are
    the rungs, unless the highest is 1: that is all of a share.

    Example:
        >>> ladder(Fidelity("epoch", 1, 52), 3)
        (1.0, 3.0, 9.0, 27.0, 52.0)
    """
    first = max(fidelity.low, low or 0.0) or fidelity.high / eta**DEPTH
    first = max(first, fidelity.high / float(eta) ** MOST_RUNGS)
    counts = is_counted(fidelity)
    rungs = []
    while first * math.sqrt(eta) <= fidelity.high and first > 0:
        rungs.append(min(float(math.ceil(first)) if counts else first, fidelity.high))
        first *= eta
    return (*dict.fromkeys(rung for rung in rungs if rung < fidelity.high), fidelity.high)


def diagonal(problem: Problem, eta: int, low: float | None = None) -> tuple[At, ...]:
    """Return the rungs along which all fidelities rise together, ascending, the last a whole run; [F] each.

    With one fidelity they are those of `ladder`. With several, what a run costs is taken to be in proportion to the
    product of them, and that product, where nothing is rounded, is eta times as large from rung to rung: each fidelity
    rises by a constant factor, from its lowest to its highest. One whose bounds are equal stays where it is.

    Args:
        problem: at least one fidelity.
        eta: the factor between rungs.
        low: of the first fidelity, where to begin; its lowest if None.

    Example:
        >>> from trimtab import Fidelity, Float, Problem, Space, minimize
        >>> both = Fidelity("epoch", 1, 9), Fidelity("share", 1 / 9, 1)
        >>> diagonal(Problem(Space(a=Float(0, 1)), (minimize("loss"),), both), 9)[1]
        (3.0, 0.3333333333333333)
    """
    first, *others = problem.fidelities
    if not others:
        return tuple((rung,) for rung in ladder(first, eta, low))
    lows = [max(first.low, low or 0.0), *(each.low for each in others)]
    highs = np.array(problem.whole)
    begin = np.array([min(one, high) or high / eta**DEPTH for one, high in zip(lows, highs.tolist(), strict=True)])
    if not (begin > 0.0).all():  # nothing to take a ratio of: 0 to 0
        return (problem.whole,)
    ways = np.log(highs) - np.log(begin)
    total, step = float(ways.sum()), math.log(eta)
    rungs: list[At] = []
    up = max(0.0, total - MOST_RUNGS * step)
    while up + 0.5 * step <= total + ROUNDING:
        values = np.exp(np.log(begin) + up / total * ways) if up > 0.0 else begin
        rungs.append(tuple(_rounded(*each) for each in zip(problem.fidelities, begin, values.tolist(), strict=True)))
        up += step
    return (*(rung for rung in dict.fromkeys(rungs) if rung != problem.whole), problem.whole)


def _rounded(fidelity: Fidelity, begin: float, value: float) -> float:
    """Return a value of a fidelity: whole where it counts, and within its bounds."""
    if is_counted(fidelity):
        value = float(math.ceil(value * (1.0 - ROUNDING)))
    return min(max(value, begin), float(fidelity.high))


def is_at(table: TrialTable, at: At) -> Bools:
    """Return [N] whether each trial is one of fidelity `at`."""
    found: Bools = (table.fidelity == np.array(at)).all(axis=1)
    return found


def is_whole_run(table: TrialTable) -> Bools:
    """Return [N] whether each trial is to be run to the highest fidelity."""
    return is_at(table, table.problem.whole)


def is_whole_otherwise(table: TrialTable, rows: Ints) -> Bools:
    """Return [n] whether trials are at the highest of all fidelities but the one that counts steps.

    Those alone are compared by their steps: what a step shows on less data is another thing.
    """
    place = counted(table.problem.fidelities)
    if place is None:
        return np.ones(len(rows), dtype=np.bool_)
    others = np.delete(table.fidelity[rows], place, axis=1)
    whole: Bools = ((others == np.delete(table.problem.whole, place)) | np.isnan(others)).all(axis=1)
    return whole


def at_text(problem: Problem, at: At) -> str:
    """Return a fidelity in words, as "epoch 9", or "epoch 9 and share 0.3"."""
    return " and ".join(f"{one.name} {value:g}" for one, value in zip(problem.fidelities, at, strict=True))


def n_better(losses: Floats, excess: Floats, mine: Floats, my_excess: float) -> int:
    """Return how many of n trials, with losses [n, M] and broken constraints [n], are better than one with `mine`."""
    dominates = (losses <= mine).all(axis=1) & (losses < mine).any(axis=1)
    return int(((excess < my_excess) | ((excess == my_excess) & dominates)).sum())


def ranked(losses: Floats, excess: Floats) -> Ints:
    """Return the places of n trials, the best first; of equals the first that came.

    With several objectives a trial stands where the number of trials says that are better.
    """
    if losses.shape[1] == 1:
        return np.lexsort((losses[:, 0], excess))
    worse_than = np.array([n_better(losses, excess, *each) for each in zip(losses, excess, strict=True)], dtype=int)
    return np.argsort(worse_than, kind="stable")


def spearman(a: Floats, b: Floats) -> float:
    """Return the rank correlation of two columns [n], ties sharing their ranks; nan where one of them is flat."""
    if len(a) < 2:
        return math.nan
    ranks = [_ranks(column) for column in (a, b)]
    centred = [rank - rank.mean() for rank in ranks]
    scale = math.sqrt(float((centred[0] ** 2).sum()) * float((centred[1] ** 2).sum()))
    return float((centred[0] * centred[1]).sum()) / scale if scale else math.nan


def _ranks(column: Floats) -> Floats:
    _, at, counts = np.unique(column, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: Floats = (ends - (counts - 1) / 2.0)[at.reshape(-1)]
    return ranks


@dataclass(frozen=True, slots=True)
class AtRung:
    """The trials that got to a rung.

    Attributes:
        rows: [n] them, without those that failed.
        losses: [n, M] what they showed there.
        excess: [n] by how much they broke constraints, all together.
        config: [n] equal numbers for equal configurations.
        is_single: whether it is known that no two are equal.
    """

    rows: Ints
    losses: Floats
    excess: Floats
    config: Ints
    is_single: bool = False

    def once(self) -> AtRung:
        """Return each configuration once, by the mean of its trials; the first of these stands for it."""
        if self.is_single:
            return self
        config, first, at, counts = np.unique(self.config, return_index=True, return_inverse=True, return_counts=True)
        if len(config) == len(self.config):
            return AtRung(self.rows, self.losses, self.excess, self.config, is_single=True)
        losses = np.zeros((len(config), self.losses.shape[1]))
        np.add.at(losses, at.reshape(-1), self.losses)
        excess = np.bincount(at.reshape(-1), weights=self.excess) / counts
        order = np.argsort(first)
        means = (losses / counts[:, None])[order], excess[order], config[order]
        return AtRung(self.rows[np.sort(first)], *means, is_single=True)

    def standing(self, config: int) -> tuple[int, int]:
        """Return (how many configurations are better than that one, how many there are)."""
        once = self.once()
        own = int(np.flatnonzero(once.config == config)[0])
        return n_better(once.losses, once.excess, once.losses[own], float(once.excess[own])), len(once.rows)

    def best(self, eta: int) -> Ints:
        """Return the rows of the best 1/eta of the configurations, the best first."""
        once = self.once()
        return once.rows[ranked(once.losses, once.excess)[: len(once.rows) // eta]]


class Configs:
    """Numbers of configurations, brought up to date with each table that goes on from the one before, else made anew.

    Attributes:
        is_single: whether no two trials of the table are of one configuration.
    """

    def __init__(self) -> None:
        self._problem: Problem | None = None
        self._begin(None)

    def _begin(self, problem: Problem | None) -> None:
        self._problem, self._head = problem, 0
        self._keys: list[bytes] = []
        self._ids: dict[bytes, int] = {}
        self._of = Column(np.int64)

    @property
    def is_single(self) -> bool:
        return len(self._ids) == self._of.n

    def follow(self, table: TrialTable) -> Ints:
        """Return [N] the place at which the configuration of each trial came first."""
        if self._problem is not table.problem or table.head < self._head or self._is_extended(table):
            self._begin(table.problem)
        for row, key in enumerate(keys_of(table.x[self._of.n : len(table)]), self._of.n):
            self._keys.append(key)
            self._of.add(self._ids.setdefault(key, row))
        self._head = table.head
        return self._of.view

    def _is_extended(self, table: TrialTable) -> bool:
        """Return whether a trial has gained values of parameters, which the space can have learned just now."""
        if table.head == self._head:
            return False
        rows = table.changed_since(self._head)
        rows = rows[rows < self._of.n]
        return any(key != self._keys[row] for row, key in zip(rows.tolist(), keys_of(table.x[rows]), strict=True))

    def done(self, table: TrialTable, at: At) -> AtRung:
        """Return the trials that were run to a fidelity and are complete, and whose objectives are known."""
        config = self.follow(table)
        rows = np.flatnonzero(is_at(table, at) & (table.state == COMPLETE))
        losses, excess = split(table.problem, table.y[rows])
        known = ~np.isnan(losses).any(axis=1)
        rows = rows[known]
        return AtRung(rows, losses[known], excess[known].sum(axis=1), config[rows], self.is_single)


class Seen:
    """What trials showed at rungs, brought up to date with each table that goes on from the one before.

    It holds nothing that a new one would not read from the table: reports since the last record that was read are
    looked at, and all of them where the table is another study's, or stands at an earlier record.

    Args:
        eta: the factor between rungs.
        low: the lowest rung; the fidelity's lowest if None.

    Attributes:
        levels: [K] the rungs below the highest.
        place: which fidelity counts the steps; trials that are not at the highest of all others are left out.
        top: the highest of that one.
        at: [N, K] the step at which each trial got to each rung; nan if it did not.
        any_early: whether any trial reported before its end.
    """

    def __init__(self, eta: int, low: float | None = None) -> None:
        self._eta, self._low = eta, low
        self._configs = Configs()
        self._problem: Problem | None = None
        self._head = 0

    def follow(self, table: TrialTable) -> bool:
        """Read what is new; return whether there are rungs: a fidelity that counts steps."""
        place = counted(table.problem.fidelities)
        if place is None:
            return False
        if self._problem is not table.problem or table.head < self._head:
            self._begin(table.problem, place)
        self._extend(table)
        if table.head > self._head:
            self._read(table, table.curves.since(self._head))
            self._head = table.head
        return True

    def _begin(self, problem: Problem, place: int) -> None:
        self._problem, self._head, self.place = problem, 0, place
        *levels, self.top = ladder(problem.fidelities[place], self._eta, self._low)
        self.levels = np.array(levels)
        self._objectives = sum(metric.is_objective for metric in problem.metrics)
        self.any_early = False
        self._n = 0
        self._make_room(256)

    def _make_room(self, n: int) -> None:
        k = len(self.levels)
        self._at = np.full((n, k), np.nan)
        self._losses = np.full((n, k, self._objectives), np.nan)
        self._excess = np.full((n, k), np.nan)

    def _extend(self, table: TrialTable) -> None:
        n = len(table)
        if n > len(self._at):
            before = self._at, self._losses, self._excess
            self._make_room(2 * n)
            for old, new in zip(before, (self._at, self._losses, self._excess), strict=True):
                new[: self._n] = old[: self._n]
        self._n = n
        self._configs.follow(table)

    @property
    def at(self) -> Floats:
        return self._at[: self._n]

    def _read(self, table: TrialTable, new: Curves) -> None:
        """Look at all reports of the trials that reported, since a new attempt replaces what those before it said."""
        rows = np.unique(new.row).astype(np.int64)
        if not len(rows):
            return
        curves = table.curves
        if len(rows) == 1:
            self._take_one(table, int(rows[0]))
            return
        places = np.concatenate([curves.reports(row) for row in rows.tolist()])
        places = places[curves.fold[places] == WHOLE]
        row, step = curves.row[places].astype(np.int64), curves.step[places]
        order = np.lexsort((step, row))
        places, row, step = places[order], row[order], step[order]
        attempt = curves.attempt[places]
        same = row[1:] == row[:-1]
        odd = same & ((attempt[1:] != attempt[:-1]) | (step[1:] == step[:-1]))  # said again, or in parts
        singly = np.unique(row[1:][odd])
        plain = ~np.isin(row, singly)
        self._at[rows] = np.nan
        losses, excess = split(table.problem, curves.y[places])
        plain &= ~np.isnan(losses).any(axis=1)
        singles, begins = np.unique(row[plain], return_index=True)
        begins = np.append(begins, plain.sum())
        self._take(table, singles, begins, step[plain], losses[plain], excess[plain])
        for one in singly.tolist():
            self._take_one(table, one)

    def _take_one(self, table: TrialTable, row: int) -> None:
        step, y = table.curves.of(row)
        losses, excess = split(table.problem, y)
        known = ~np.isnan(losses).any(axis=1)
        self._at[row] = np.nan
        self._take(table, np.array([row]), np.array([0, known.sum()]), step[known], losses[known], excess[known])

    def _take(self, table: TrialTable, rows: Ints, begins: Ints, step: Floats, losses: Floats, excess: Floats) -> None:
        """Take up the reports of some trials, sorted by trial and step; those of the i-th begin at `begins[i]`."""
        parent, at = table.parent[rows], self.place
        passed = np.where(parent >= 0, table.fidelity[parent, at], -math.inf)  # what goes on did not pass those below
        compares = is_whole_otherwise(table, rows)
        last = (begins[1:] > begins[:-1]) & compares
        self.any_early = self.any_early or bool((step[begins[:-1][last]] < table.fidelity[rows[last], at]).any())
        total = excess.sum(axis=1)
        for i, row in enumerate(rows.tolist()):
            first = begins[i] + np.searchsorted(step[begins[i] : begins[i + 1]], self.levels)
            there = (first < begins[i + 1]) & (self.levels > passed[i]) & compares[i]
            place = first[there]
            self._at[row, there] = step[place]
            self._losses[row, there] = losses[place]
            self._excess[row, there] = total[place]

    def just_reached(self, table: TrialTable, row: int) -> int | None:
        """Return the rung that a trial's last report got it to, the highest of several; None if it got to none."""
        step = table.curves.step[table.curves.reports(row)[-1]]
        if step >= table.fidelity[row, self.place]:
            return None  # it is through
        reached = np.flatnonzero(self.at[row] == step)
        return int(reached[-1]) if len(reached) else None

    def loss(self, row: int, k: int) -> float:
        """Return the first objective's loss that a trial showed at a rung."""
        return float(self._losses[row, k, 0])

    def losses(self, rows: Ints, k: int) -> Floats:
        """Return [n] the first objective's losses that trials showed at a rung, nan where they did not get there."""
        found: Floats = np.where(np.isnan(self._at[rows, k]), np.nan, self._losses[rows, k, 0])
        return found

    def there(self, table: TrialTable, k: int) -> AtRung:
        """Return the trials that got to a rung."""
        rows = np.flatnonzero(~np.isnan(self.at[:, k]) & (table.state != FAILED))
        config = self._configs.follow(table)[rows]
        return AtRung(rows, self._losses[rows, k], self._excess[rows, k], config, self._configs.is_single)

    def config(self, table: TrialTable, row: int) -> int:
        """Return the number of a trial's configuration."""
        return int(self._configs.follow(table)[row])


def outside(seen: Seen, table: TrialTable, row: int, k: int, eta: int, at_least: int) -> Halt | None:
    """Return the verdict on a trial that got to rung k: to end unless it is among the best 1/eta of those there.

    Until `at_least` configurations are there, and as many as one part is taken of, all go on; so do equals.
    """
    there = seen.there(table, k)
    if len(there.rows) < max(at_least, eta):
        return None
    better, n = there.standing(seen.config(table, row))
    if n < max(at_least, eta) or better < n / eta:
        return None
    return Halt(outside_the_best(table, float(seen.at[row, k]), seen.loss(row, k), eta, n))


def outside_the_best(table: TrialTable, step: float, loss: float, eta: int, n: int) -> str:
    """Return the sentence for a trial that is not among the best of n at a rung."""
    problem = table.problem
    which = f"outside the best {SHARES.get(eta, f'{eta}th part')} of the {n} trials that got there"
    fidelity = stepped(problem) or problem.fidelities[0]
    at = f"stopped at {fidelity.name} {step:g}: "
    if len(problem.objectives) > 1:
        return f"{at}it is {which}"
    [metric] = problem.objectives
    return f"{at}{metric.name} {loss * metric.sign:.4g} is {which}"


def has_child(table: TrialTable) -> Bools:
    """Return [N] whether another trial goes on with each."""
    found = np.zeros(len(table), dtype=np.bool_)
    found[table.parent[table.parent >= 0]] = True
    return found
