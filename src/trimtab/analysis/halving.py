"""The last runs of a study: which of the finalists is run again next, and which of them wins.

Finalists are the best few configurations by their search scores, and the default. A search score is the luckiest of
many, so it decides nothing here: fresh runs do, on fresh seeds. First sequential halving (Karnin, Koren & Somekh, 2013,
algorithm 1) chooses: in each round those left are run equally often, and the worse half goes, by the mean of all its
fresh runs. Then the winner and the default are run anew. Only these last runs make the figures: they had no part in
the choice, so that no luck of the choice is in them.

Which run comes next follows from the runs before it, so the log alone tells it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from trimtab.arrays import Floats, Ints
from trimtab.checks import is_whole
from trimtab.ledger.event import FINALIZE
from trimtab.ledger.table import COMPLETE, FAILED, STOPPED, TrialTable
from trimtab.model.feasibility import margins
from trimtab.model.keys import numbered, same
from trimtab.model.outliers import fences, is_spoilt, kept

MOST_FINALISTS: Final = 5
"""Configurations besides the default. Of 3, 5, 7 and 10, five and seven did best at a quarter of the budget."""

LEAST_RUNS: Final = 6
"""Three of the winner and three of the default: of fewer no interval says anything."""

CONFIRMING: Final = 6
"""One run in so many confirms the winner, and one the default; three of each at least."""

MOST_ALONE: Final = 10
"""Runs that confirm a winner which has nothing to be compared with, being the default. By taste: more of them would
only tell its figure better."""

CHEAPER: Final = 0.9
"""Of two that are as good the one is cheaper that costs less than this share of the other. By taste."""

Interval: TypeAlias = tuple[float, float]

EVERY: Final[Interval] = (-np.inf, np.inf)


@dataclass(frozen=True, slots=True)
class Stage:
    """What was decided when the last runs began; on record as the study's note `FINALIZE`.

    Attributes:
        at: how many trials there were.
        runs: how many runs there are to be.
        x: [m, D] the finalists, from the best search score on; the default is last unless it is one of them.
        rows: [m] the trial that each was found by, -1 for a default that was not run before.
        default: which of them is the default; -1 where it cannot be tried.
        is_probed: whether nothing ran again before, so that the first run may show that there is no noise.
        why: how it is known that results are noisy.
        ended: why the search had ended; empty where an older version wrote it down.
    """

    at: int
    runs: int
    x: Floats
    rows: Ints
    default: int
    is_probed: bool
    why: str
    ended: str = ""

    @classmethod
    def of(cls, table: TrialTable) -> Stage | None:
        """Return the last stage of a study that is on record; None where there is none that can be read."""
        said = table.notes.get(FINALIZE)
        if not isinstance(said, Mapping):
            return None
        at, runs, rows, default = (said.get(key) for key in ("at", "runs", "finalists", "default"))
        if not isinstance(at, int) or not isinstance(runs, int) or not isinstance(rows, list) or not rows:
            return None
        if not 0 < at <= len(table) or not all(is_whole(row) and 0 <= row < at for row in rows):
            return None
        x = table.x[np.array(rows)]
        where = -1
        if isinstance(default, list):
            row = _row(default, len(table.space))
            if row is None:
                return None
            found = np.flatnonzero(same(x, row))
            where = int(found[0]) if len(found) else len(x)
            if not len(found):
                before = np.flatnonzero(same(table.x[:at], row))
                x, rows = np.concatenate([x, row[None]]), [*rows, int(before[0]) if len(before) else -1]
        why, ended = (str(said.get(key, "")) for key in ("why", "ended"))
        return cls(at, runs, x, np.array(rows), where, said.get("probe") is True, why, ended)


def _row(said: list[Any], width: int) -> Floats | None:
    if len(said) > width or not all(value is None or isinstance(value, int | float) for value in said):
        return None
    row: Floats = np.full(width, np.nan)
    row[: len(said)] = [np.nan if value is None else float(value) for value in said]
    return row


def note(
    table: TrialTable,
    rows: Sequence[int],
    runs: int,
    *,
    probe: bool,
    why: str,
    budget: Mapping[str, Any],
    ended: str = "",
) -> dict[str, Any]:
    """Return what is put on record when the last runs begin, from which `Stage.of` reads it.

    Args:
        table: the trials.
        rows: the trials that the best few configurations were found by, the best first.
        runs: how many runs there are to be.
        probe: see `Stage.is_probed`.
        why: how it is known that results are noisy.
        budget: what may be spent.
        ended: why the search ended.
    """
    x = table.space.default_row()
    default = [None if value != value else value for value in x.tolist()] if table.space.satisfied(x) else None
    said = {"at": len(table), "runs": runs, "finalists": list(rows), "default": default, "probe": probe, "why": why}
    return said | {"budget": dict(budget)} | ({"ended": ended} if ended else {})


@dataclass(frozen=True, slots=True)
class Due:
    """A finalist is to be run again.

    Attributes:
        config: which of them.
        run: how many runs were asked for before.
        confirms: whether it confirms the winner, rather than choosing it.
        then: which of them run after it, before anything is decided.
    """

    config: int
    run: int
    confirms: bool
    then: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Waits:
    """Runs of a round have not ended, without which nothing can be decided."""


@dataclass(frozen=True, slots=True)
class Exact:
    """What ran again gave the same to the bit: there is no noise, and the search scores are what they say."""

    runs: Ints


@dataclass(frozen=True, slots=True)
class Won:
    """All runs are over.

    Attributes:
        winner: which finalist.
        chosen_by: [m] the rows of each finalist's runs that decided.
        confirmed_by: the rows of the winner's last runs; default_by: those of the default, none if it is the winner.
    """

    winner: int
    chosen_by: tuple[Ints, ...]
    confirmed_by: Ints
    default_by: Ints


Standing: TypeAlias = Due | Waits | Exact | Won


def n_confirming(runs: int) -> int:
    """Return how many of the runs confirm the winner; as many are the default's."""
    return min(max(3, runs // CONFIRMING), runs // 2)


def n_finalists(runs: int) -> int:
    """Return how many configurations beside the default so many runs can tell apart."""
    choosing = runs - 2 * n_confirming(runs)
    return max(1, min(MOST_FINALISTS, choosing // 2 - 1))


def follow(table: TrialTable, stage: Stage) -> Standing:
    """Return how a stage stands: what is to be run next, or how it ended."""
    runs, usual = replicates(table, stage), believable(table, stage)
    m, used = len(stage.x), 0
    choosing = stage.runs - 2 * n_confirming(stage.runs)
    chosen_by: list[list[int]] = [[] for _ in range(m)]
    alive = list(range(m))
    n_rounds = (m - 1).bit_length()
    is_exact = _may_be_exact(stage)
    for left in range(n_rounds, 0, -1):
        if choosing - used < len(alive):
            break
        times = max(1, (choosing - used) // left // len(alive))
        planned = alive * times
        mine = runs[used : used + len(planned)]
        if used == 0 and is_exact and stage.is_probed and len(mine) and _is_distinct(table, stage):
            if not _is_over(table, mine[:1]):
                return Waits()
            if _are_same(table, stage, mine[:1], planned):
                return Exact(mine[:1])
        if len(mine) < len(planned):
            return Due(planned[len(mine)], used + len(mine), confirms=False, then=tuple(planned[len(mine) + 1 :]))
        if not _is_over(table, mine):
            return Waits()
        if used == 0 and is_exact and _are_same(table, stage, mine, planned):
            return Exact(mine)
        for config, row in zip(planned, mine.tolist(), strict=True):
            chosen_by[config].append(row)
        used += len(planned)
        alive = sorted(alive, key=lambda i: _merit(table, chosen_by[i], usual))[: (len(alive) + 1) // 2]
    found = tuple(np.array(rows, dtype=np.int64) for rows in chosen_by)
    winner = _winner(table, stage, alive, found) if used else 0
    # A default that is only as good as another by few runs: both are run, and those runs decide between the two.
    is_contested = winner == stage.default != alive[0] and used > 0
    return _confirmed(table, stage, alive[0] if is_contested else winner, found, runs[used:], used, is_contested)


def is_due(table: TrialTable, x: Floats) -> bool:
    """Return whether the last stage on record wants this configuration [D] to be run next."""
    stage = Stage.of(table)
    due = None if stage is None else follow(table, stage)
    return stage is not None and isinstance(due, Due) and bool(same(stage.x[due.config], x))


def _confirmed(
    table: TrialTable,
    stage: Stage,
    winner: int,
    chosen_by: tuple[Ints, ...],
    runs: Ints,
    used: int,
    is_contested: bool,  # noqa: FBT001 - by place as the rest
) -> Standing:
    """Return how the last runs stand, those of the winner and of the default in turn.

    Where they are `is_contested` the default wins if the other is not better by a standard error of the difference.
    """
    has_rival = stage.default not in (-1, winner)
    left = stage.runs - used if has_rival else min(stage.runs - used, MOST_ALONE)
    planned = [stage.default if i % 2 and has_rival else winner for i in range(left)]
    mine = runs[: len(planned)]
    if not used and stage.is_probed and len(mine) and _may_be_exact(stage) and _is_distinct(table, stage):
        if not _is_over(table, mine[:1]):
            return Waits()
        if _are_same(table, stage, mine[:1], planned):
            return Exact(mine[:1])
    if len(mine) < len(planned):
        return Due(planned[len(mine)], used + len(mine), confirms=True, then=tuple(planned[len(mine) + 1 :]))
    if not _is_over(table, mine):
        return Waits()
    by_winner, by_default = mine[:: 1 + has_rival], mine[1::2] if has_rival else mine[:0]
    if is_contested and not _is_better(table, by_winner, by_default, believable(table, stage)):
        return Won(stage.default, chosen_by, by_default, mine[:0])
    return Won(winner, chosen_by, by_winner, by_default)


def _is_better(table: TrialTable, rows: Ints, default: Ints, usual: Interval) -> bool:
    """Return whether runs are better than those of the default by more than a standard error of the difference."""
    one, other = _merit(table, rows.tolist(), usual), _merit(table, default.tolist(), usual)
    if one[:2] != other[:2] or not np.isfinite([one[2], other[2]]).all():
        return one < other
    squares, freedom = spread(table, [rows, default], usual)
    each = squares / freedom if freedom else 0.0
    counts = len(losses_of(table, rows, usual)), len(losses_of(table, default, usual))
    return other[2] - one[2] > float(np.sqrt(each * sum(1 / n for n in counts)))


def replicates(table: TrialTable, stage: Stage) -> Ints:
    """Return the rows of a stage's runs, in the order in which they were asked for."""
    found: list[int] = []
    for row in range(stage.at, len(table)):
        if len(found) == stage.runs:
            break
        if table.is_replicate(row):
            found.append(row)
    return np.array(found, dtype=np.int64)


def _is_over(table: TrialTable, rows: Ints) -> bool:
    return bool(np.isin(table.state[rows], (COMPLETE, STOPPED, FAILED)).all())


def losses_of(table: TrialTable, rows: Ints, usual: Interval = EVERY) -> Floats:
    """Return [r] the objective of those of a configuration's rows that are complete and `usual`; smaller is better.

    Without `usual` the rows may be of several. What one configuration gave alone and often is its own: `outliers.kept`.
    """
    column = next(i for i, metric in enumerate(table.problem.metrics) if metric.is_objective)
    done = rows[table.state[rows] == COMPLETE]
    found: Floats = table.losses()[done, column]
    return found if usual == EVERY else kept(found, usual)


def believable(table: TrialTable, stage: Stage | None) -> Interval:
    """Return between which losses runs count: all, until two runs of one configuration were torn apart.

    From then on those that are far out are runs that diverged by bad luck (`model/outliers.py`). A mean with one of
    them says nothing of its configuration, whichever it is.

    Args:
        table: the trials.
        stage: goes by what was over before the first of its runs was, so that later ones do not change in hindsight
            which came next; by all that is on record if None.
    """
    rows = table.order
    if stage is not None and (rows >= stage.at).any():
        rows = rows[: int(np.argmax(rows >= stage.at))]
    rows = rows[(table.state[rows] == COMPLETE) & (table.fidelity[rows] >= np.array(table.problem.whole)).all(axis=1)]
    losses = losses_of(table, rows)
    if not len(rows) or not is_spoilt(losses, numbered(table.x[rows])):
        return EVERY
    return fences(losses)


def _merit(table: TrialTable, rows: Sequence[int], usual: Interval) -> tuple[float, float, float]:
    """Return what orders finalists: first how many runs gave no result, then what constraints are missed by, the mean.

    What fails now and then, or breaks a constraint in the mean, is no winner while something else is there. A run that
    diverged by bad luck is neither: where there is none but such, the mean is worse than any other.
    """
    every = np.array(rows, dtype=np.int64)
    done = every[table.state[every] == COMPLETE]
    if not len(done):
        return float(len(every)), np.inf, np.inf
    missed = margins(table.problem, table.y[done])
    worst = float(np.nan_to_num(missed.mean(axis=0), nan=np.inf).max(initial=0.0))
    losses = losses_of(table, every, usual)
    return float(len(every) - len(done)), worst, float(losses.mean()) if len(losses) else np.inf


def _winner(table: TrialTable, stage: Stage, alive: Sequence[int], chosen_by: Sequence[Ints]) -> int:
    """Return the best of those left; of what is within a standard error of it the cheapest, then the default.

    The default was no lucky find, so that its runs of the search say as much of it as fresh ones do.
    """
    last = [i for i in range(len(chosen_by)) if len(chosen_by[i]) == max(map(len, chosen_by))]
    usual = believable(table, stage)
    merits = {i: _merit(table, [*_searched(table, stage, i), *chosen_by[i].tolist()], usual) for i in last}
    best = alive[0]
    squares, freedom = spread(table, chosen_by, usual)
    runs = len(losses_of(table, chosen_by[best], usual))
    if not freedom or not runs:
        return best
    error = float(np.sqrt(squares / freedom / runs))
    tied = [i for i in last if merits[i][:2] == merits[best][:2] and merits[i][2] <= merits[best][2] + error]
    cost = {i: _cost(table, chosen_by[i]) for i in tied}
    cheaper = [i for i in tied if cost[i] < CHEAPER * cost[best]]
    if cheaper:
        return min(cheaper, key=lambda i: (cost[i], merits[i]))
    return stage.default if stage.default in tied else best


def _searched(table: TrialTable, stage: Stage, i: int) -> list[int]:
    """Return the whole runs of the default before the last runs began; none of any other finalist."""
    if i != stage.default:
        return []
    before = np.flatnonzero(same(table.x[: stage.at], stage.x[i]) & (table.state[: stage.at] == COMPLETE))
    whole = (table.fidelity[before] == np.array(table.problem.whole)).all(axis=1)
    found: list[int] = before[whole].tolist()
    return found


def _cost(table: TrialTable, rows: Ints) -> float:
    """Return the mean cost of runs, as it was told; nan where it was not, which is never less than another."""
    return float(np.mean(table.cost[rows])) if len(rows) else float("nan")


def spread(table: TrialTable, groups: Sequence[Ints], usual: Interval = EVERY) -> tuple[float, int]:
    """Return the sum of squares of `usual` runs around the mean of their group, and its degrees of freedom."""
    squares, freedom = 0.0, 0
    for rows in groups:
        losses = losses_of(table, rows, usual)
        if len(losses) > 1:
            squares += float(np.square(losses - losses.mean()).sum())
            freedom += len(losses) - 1
    return squares, freedom


# Whether there is any noise at all


def _may_be_exact(stage: Stage) -> bool:
    """Return whether runs can be compared to the bit with those that the finalists were found by."""
    return bool((stage.rows[:1] >= 0).all())


def _is_distinct(table: TrialTable, stage: Stage) -> bool:
    """Return whether no two configurations gave the same before: then one that repeats to the bit is no chance."""
    done = np.flatnonzero(table.state[: stage.at] == COMPLETE)
    losses = losses_of(table, done)
    n_configurations = len(np.unique(numbered(table.x[done])))
    return len(np.unique(losses)) >= n_configurations


def _are_same(table: TrialTable, stage: Stage, runs: Ints, planned: Sequence[int]) -> bool:
    """Return whether runs that are over gave what the finalists gave when they were found, to the bit."""
    pairs = [(row, int(stage.rows[config])) for row, config in zip(runs.tolist(), planned, strict=False)]
    known = [(row, before) for row, before in pairs if before >= 0 and table.state[before] == COMPLETE]
    if not known or any(table.state[row] != COMPLETE for row, _ in known):
        return False
    return all(table.y[row].tobytes() == table.y[before].tobytes() for row, before in known)
