"""Which trials are best: from the table alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from trimtab.arrays import Bools, Floats, Ints
from trimtab.errors import NoBestError
from trimtab.ledger.cells import counts
from trimtab.ledger.event import FAILURE_KINDS, FINALIZE
from trimtab.ledger.table import COMPLETE, FAILED, TrialTable
from trimtab.model.choice import Choice
from trimtab.model.dominance import undominated
from trimtab.model.feasibility import met, settled, split
from trimtab.model.keys import numbered, same
from trimtab.model.outliers import is_spoilt, off, typical, unbelieved
from trimtab.numerics.arithmetic import quiet
from trimtab.space.preference import Preference
from trimtab.space.problem import Metric
from trimtab.study.shortfall import shortfall

Fidelity: TypeAlias = tuple[float, ...]
"""[F] how far a trial was run."""


@quiet()
def candidates(table: TrialTable, fidelity: Fidelity | None = None) -> Ints:
    """Return the complete rows whose configuration meets every constraint, and that can be compared, in order.

    A configuration that ran several times meets a constraint by the mean over its runs, as its objective counts by the
    mean: neither a lucky run nor an unlucky one decides.

    Where trials go through folds, a mean over some says less than one over all: those count that reported the most, and
    such as only gave a result.

    Results at different fidelities say nothing about each other: a loss after one epoch is none after ten. So those
    count that were run to `fidelity`, by default to the highest that any of them was run to. Of trials that continue
    each other without going further, the last counts.
    """
    done = _with_most_folds(table, _feasible_rows(table))
    if table.problem.fidelities:
        ends = compared_at(table) if fidelity is None else fidelity
        done = done[(table.fidelity[done] == np.array(ends or np.nan)).all(axis=1)]
    parents = table.parent[done]
    superseded = parents[parents >= 0]
    last: Ints = done[~np.isin(done, superseded)]
    return last


def compared_at(table: TrialTable) -> Fidelity | None:
    """Return the fidelity at which trials are compared: the highest at which one is complete and met every constraint.

    Of several fidelities the first counts most. None where the problem has no fidelity, or no such trial.
    """
    rows = _feasible_rows(table) if table.problem.fidelities else np.zeros(0, dtype=np.int64)
    if not len(rows):
        return None
    ends = table.fidelity[rows]
    return tuple(ends[np.lexsort(ends.T[::-1])[-1]].tolist())


def _with_most_folds(table: TrialTable, rows: Ints) -> Ints:
    if table.problem.folds is None or not len(rows):
        return rows
    n = counts(table)[rows]
    found: Ints = rows[(n == n.max()) | (n == 0)]
    return found


def _feasible_rows(table: TrialTable) -> Ints:
    done = table.rows(COMPLETE)
    if not table.problem.constraints or not len(done):
        return done
    missed = settled(table.problem, table.y[done], configurations(table, done))
    feasible: Ints = done[(missed <= 0.0).all(axis=1)]
    return feasible


def _kept(table: TrialTable, rows: Ints) -> Ints:
    """Return those of some rows that met every constraint themselves."""
    found: Ints = rows[met(table.problem, table.y[rows])]
    return found


def feasible(table: TrialTable) -> list[bool | None]:
    """Return [N] whether each complete trial met every constraint; None where a trial is not complete."""
    is_met = met(table.problem, table.y).tolist()
    done = (table.state == COMPLETE).tolist()
    return [ok if is_done else None for ok, is_done in zip(is_met, done, strict=True)]


def missed_by_runs(table: TrialTable, row: int) -> tuple[int, dict[Metric, float]] | None:
    """Return how many complete runs the configuration of `row` had, and what it misses by them all.

    The best goes by that. None where it ran once, so that the trial itself says it. A constraint that was never
    measured is missed by nan.
    """
    done = table.rows(COMPLETE)
    mine = np.flatnonzero(same(table.x[done], table.x[row]) & _is_same(table.fidelity[done], table.fidelity[row]))
    if len(mine) < 2:
        return None
    by = settled(table.problem, table.y[done], configurations(table, done))[mine[0]]
    known = zip(table.problem.constraints, by.tolist(), strict=True)
    return len(mine), {metric: off for metric, off in known if not off <= 0.0}


def _is_same(fidelity: Floats, of: Floats) -> Bools:
    found: Bools = ((fidelity == of) | (np.isnan(fidelity) & np.isnan(of))).all(axis=1)
    return found


def runs(table: TrialTable, row: int) -> Ints:
    """Return the candidates that ran the same configuration as `row`, one of them."""
    rows = candidates(table)
    found: Ints = rows[same(table.x[rows], table.x[row])]
    return found


def luckiest_row(table: TrialTable) -> int | None:
    """Return the candidate of the smallest single value of the first objective, the earliest of equals."""
    rows = _kept(table, candidates(table))
    return int(rows[np.argmin(_objective_losses(table)[rows, 0])]) if len(rows) else None


@quiet()
def best_row(table: TrialTable, fidelity: Fidelity | None = None) -> int | None:
    """Return the candidate of smallest first objective, or the preferred one of several; None if there is none.

    Equals are told apart by the next objective, and then the earliest is taken, so that none is better in everything.
    Where a configuration was run several times, the mean of its runs counts, plus its standard error by the variance
    between runs of one configuration: one lucky run does not beat a mean of many. The row is the run nearest to the
    mean, whose figure is the honest one, of those that met the constraints if any did. Where finalists were run again
    at the end, and nothing was found since, it is the winner's.

    Args:
        table: the trials.
        fidelity: where to compare them; see `candidates`.
    """
    preference = table.problem.preference
    if preference is not None and len(table.problem.objectives) > 1:
        return preferred_row(table, preference, fidelity)
    rows = candidates(table, fidelity)
    if not len(rows):
        return None
    if fidelity is None:
        row = final_row(table)
        if row is not None and row in rows:
            return row
    all_losses = _objective_losses(table)[rows]
    losses = all_losses[:, 0]
    config = configurations(table, rows)
    counts = np.bincount(config)
    if len(counts) == len(rows):
        return int(rows[np.lexsort(all_losses.T[::-1])[0]])
    worth, off = _worth(losses, config, counts)
    of_best = np.flatnonzero(worth == worth.min())
    others = [np.bincount(config, weights=column / counts[config])[config] for column in all_losses.T[1:]]
    broken = ~met(table.problem, table.y[rows[of_best]])
    order = np.lexsort([off[of_best], *(other[of_best] for other in reversed(others)), broken])
    return int(rows[of_best[order[0]]])


@dataclass(frozen=True, slots=True)
class Ranked:
    """A configuration among all that were run.

    Attributes:
        row: its run that is nearest to the mean of its runs.
        mean: of the first objective over its runs, as it was told.
        n_runs: how many there were.
    """

    row: int
    mean: float
    n_runs: int


@quiet()
def ranking(table: TrialTable) -> list[Ranked]:
    """Return the configurations that were run to the end and met every constraint, from the best on, each once.

    They stand in the order in which `best_row` prefers them, so that the first is its configuration.
    """
    rows = candidates(table)
    if not len(rows):
        return []
    losses = _objective_losses(table)[rows]
    config = configurations(table, rows)
    counts = np.bincount(config)
    means = np.column_stack([np.bincount(config, weights=column / counts[config]) for column in losses.T])
    worth, off = _worth(losses[:, 0], config, counts)
    broken = ~met(table.problem, table.y[rows])
    nearest = np.lexsort([off, broken, config])  # runs together, the nearest to their mean first
    first = nearest[np.searchsorted(config[nearest], np.arange(len(counts)))]
    row = final_row(table)
    if row is not None and row in rows:
        winner = config[rows == row][0]
        worth[config == winner], first[winner] = -np.inf, np.flatnonzero(rows == row)[0]
    order = np.lexsort([rows[first], off[first], *means[:, 1:].T[::-1], worth[first]])
    sign = table.problem.objectives[0].sign
    return [Ranked(int(rows[first[i]]), float(means[i, 0] * sign), int(counts[i])) for i in order.tolist()]


def final_row(table: TrialTable) -> int | None:
    """Return the winner of the last runs, the run nearest to its mean; None where there is none, or it is outdated."""
    if not table.noted_at(FINALIZE):
        return None
    from trimtab.analysis.final import final, is_last  # imported when used: most studies are searched

    found = final(table) if is_last(table) else None
    return None if found is None or found.is_exact or found.mean is None else found.trial


def best_so_far(table: TrialTable) -> list[float]:
    """Return the best value of the first objective after each feasible complete trial, in the order of the log.

    What was run again at the end was not looked for, and is left out.
    """
    feasible = {row for row in _kept(table, candidates(table)).tolist() if not table.is_replicate(row)}
    column = table.problem.metrics.index(table.problem.objectives[0])
    sign = table.problem.signs[column]
    found: list[float] = []
    for row in table.order.tolist():
        if row in feasible:
            loss = float(table.y[row, column] * sign)
            found.append(min(loss, found[-1]) if found else loss)
    return [loss * float(sign) for loss in found]


@quiet()
def front_rows(table: TrialTable, fidelity: Fidelity | None = None) -> Ints:
    """Return the complete, feasible rows that no other one is at least as good as in every objective and better in one.

    With one objective that is the best row and its equals. A row of the front met the constraints itself. They are
    compared at `fidelity`; see `candidates`.
    """
    rows = _kept(table, candidates(table, fidelity))
    return rows[undominated(_objective_losses(table)[rows])]


@quiet()
def preferred_row(table: TrialTable, preference: Preference, fidelity: Fidelity | None = None) -> int | None:
    """Return the row of the front that a preference takes; None if there is none."""
    rows = front_rows(table, fidelity)
    if not len(rows):
        return None
    return int(rows[Choice(preference, table.problem.objectives).pick(_objective_losses(table)[rows])])


def has_best(table: TrialTable) -> bool:
    """Return whether one trial can be the best: there is one objective, or a preference on record."""
    return len(table.problem.objectives) == 1 or table.problem.preference is not None


def sorted_front(table: TrialTable, fidelity: Fidelity | None = None) -> Ints:
    """Return `front_rows` from the best in the first objective on; equals by the next objectives, then the earliest."""
    rows = front_rows(table, fidelity)
    found: Ints = rows[np.lexsort(_objective_losses(table)[rows].T[::-1])]
    return found


@quiet()
def infeasible_rows(table: TrialTable, fidelity: Fidelity | None = None) -> Ints:
    """Return the complete rows whose configuration misses a constraint, of those run to where trials are compared."""
    done = table.rows(COMPLETE)
    found: Ints = np.setdiff1d(done, _feasible_rows(table))
    ends = compared_at(table) if fidelity is None else fidelity
    return found if ends is None else found[(table.fidelity[found] == np.array(ends)).all(axis=1)]


@quiet()
def why_no_best(table: TrialTable) -> str:
    """Return what there is to say where no trial is complete and meets every constraint."""
    lack = shortfall(table)
    if lack is not None:
        said = f"none of the {lack.n} complete trials meets the constraints; {lack.nearest_text(table)}."
        if len(table.problem.constraints) == 1:
            return said
        farthest = lack.farthest_text()
        return f"{said} {farthest[0].upper()}{farthest[1:]}."
    failed = table.rows(FAILED)
    if not len(failed):
        return "no trial is complete yet."
    kinds, counts = np.unique(table.failure[failed], return_counts=True)
    causes = ", ".join(f"{count} x {FAILURE_KINDS[kind]}" for kind, count in zip(kinds, counts, strict=True))
    first = table.trial(int(failed[0]))
    said = next(iter(first.error.splitlines()), "") or "nothing is known of why"
    return f"no trial is complete: {len(failed)} failed ({causes}); trial {first.number}: {said.rstrip('.')}."


def require_best(table: TrialTable, fidelity: Fidelity | None = None) -> int:
    """Return the best row, at the highest fidelity if none is named.

    Raises:
        NoBestError: there is none, or there are several objectives; the message says why, or how to choose.
    """
    row = best_row(table, fidelity)
    if row is None:
        raise NoBestError(why_none(table, fidelity))
    if not has_best(table):
        rows = front_rows(table, fidelity)
        raise NoBestError(
            f"with several objectives no one trial is the best: {front_text(table, len(rows))}. study.best_trials has "
            f"them, and study.choose takes one: {_ways(table)}."
        )
    return row


def why_none(table: TrialTable, fidelity: Fidelity | None = None) -> str:
    """Return why there is no best trial, at a fidelity if one is named."""
    if fidelity is None or compared_at(table) is None:
        return why_no_best(table)
    rows = np.unique(table.fidelity[_feasible_rows(table)], axis=0).tolist()
    there = "; ".join(at_text(table, tuple(ends)) for ends in rows)
    return f"no trial is complete {at_text(table, fidelity)}; there are some {there}."


def front_text(table: TrialTable, n: int) -> str:
    """Return `3 trials are on the front of min loss and max speed`."""
    return f"{n} {'trial is' if n == 1 else 'trials are'} on the front of {goals(table)}"


def goals(table: TrialTable) -> str:
    """Return the objectives with their directions in few words: `min loss and max speed`."""
    return " and ".join(map(goal, table.problem.objectives))


def goal(objective: Metric) -> str:
    """Return an objective with its direction in few words: `min loss`."""
    return f"{objective.goal[:3]} {objective.name}"


def _ways(table: TrialTable) -> str:
    first, last = table.problem.objectives[0].name, table.problem.objectives[-1].name
    return (
        f'knee=True, weights={{"{first}": 2}}, reference={{"{first}": ..., "{last}": ...}}, or '
        f'order=["{first}", "{last}"], within={{"{first}": "1%"}}'
    )


def at_text(table: TrialTable, fidelity: Fidelity) -> str:
    """Return a fidelity in words, as "at epoch 9"."""
    limits = table.problem.fidelities
    return "at " + ", ".join(f"{limit.name} {end:g}" for limit, end in zip(limits, fidelity, strict=True))


def configurations(table: TrialTable, rows: Ints) -> Ints:
    """Return [K] a number for the configuration, and the fidelity, of each of K rows: equal where these are."""
    return numbered(np.column_stack([table.x[rows], table.fidelity[rows]]))


def far_off(table: TrialTable) -> Ints:
    """Return the complete whole runs that are off by bad luck, ascending; nothing with several objectives.

    Nothing either until two runs of one configuration were torn apart, which alone proves it: `outliers.off`.
    """
    if len(table.problem.objectives) > 1:
        return np.zeros(0, dtype=np.int64)
    rows = table.rows(COMPLETE)
    rows = rows[(table.fidelity[rows] >= np.array(table.problem.whole)).all(axis=1)]
    found: Ints = rows[off(_objective_losses(table)[rows, 0], configurations(table, rows))]
    return found


def _worth(losses: Floats, config: Ints, counts: Ints) -> tuple[Floats, Floats]:
    """Return [K] what each run's configuration is worth, see `best_row`, and [K] how far each run is off its mean."""
    if is_spoilt(losses, config):
        middle = typical(losses, config)
        worth = np.where(unbelieved(losses, config), np.inf, middle)
        return worth[config], np.abs(losses - middle[config])
    means = np.bincount(config, weights=losses / counts[config])
    with np.errstate(over="ignore"):
        off = np.minimum(np.abs(losses - means[config]), np.finfo(np.float64).max)
        scale = off.max() or 1.0
        variance = np.square(off / scale).sum() / max(1, len(losses) - len(counts))
        return (means + scale * np.sqrt(variance / counts))[config], off


def _objective_losses(table: TrialTable) -> Floats:
    losses, _ = split(table.problem, table.y)
    return losses
