"""Which trials are best: from the table alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.arrays import Bools, Floats, Ints
from trimtab.errors import NoBestError
from trimtab.ledger.event import FAILURE_KINDS
from trimtab.ledger.table import COMPLETE, FAILED, TrialTable
from trimtab.numerics.arithmetic import quiet


@quiet()
def candidates(table: TrialTable) -> Ints:
    """Return the complete rows that met every constraint, at the end of their line of descent, in order."""
    furthest = table.furthest()
    done = furthest[table.state[furthest] == COMPLETE]
    feasible: Ints = done[_excess(table)[done] <= 0.0]
    return feasible


def feasible(table: TrialTable) -> list[bool | None]:
    """Return [N] whether each complete trial met every constraint; None where a trial is not complete."""
    met = (_excess(table) <= 0.0).tolist()
    done = (table.state == COMPLETE).tolist()
    return [ok if is_done else None for ok, is_done in zip(met, done, strict=True)]


def runs(table: TrialTable, row: int) -> Ints:
    """Return the candidates that ran the same configuration as `row` at the same fidelity, `row` among them."""
    rows = candidates(table)
    same = np.all(_equal(table.x[rows], table.x[row]), axis=1) & np.all(
        _equal(table.fidelity[rows], table.fidelity[row]), axis=1
    )
    found: Ints = rows[same]
    return found


def luckiest_row(table: TrialTable) -> int | None:
    """Return the candidate of the smallest single value of the first objective, the earliest of equals."""
    rows = candidates(table)
    return int(rows[np.argmin(_objective_losses(table)[rows, 0])]) if len(rows) else None


def _equal(a: Floats, b: Floats) -> Bools:
    equal: Bools = (a == b) | (np.isnan(a) & np.isnan(b))
    return equal


@quiet()
def best_row(table: TrialTable) -> int | None:
    """Return the complete, feasible row of smallest first objective; None if there is none.

    Equals are told apart by the next objective, and then the earliest is taken, so that none is better in everything.
    Where a configuration was run several times, the mean of its runs counts, plus its standard error by the variance
    between runs of one configuration: one lucky run does not beat a mean of many. The row is the run nearest to the
    mean, whose figure is the honest one.
    """
    rows = candidates(table)
    if not len(rows):
        return None
    all_losses = _objective_losses(table)[rows]
    losses = all_losses[:, 0]
    config = _configurations(table, rows)
    counts = np.bincount(config)
    if len(counts) == len(rows):
        return int(rows[np.lexsort(all_losses.T[::-1])[0]])
    worth, off = _worth(losses, config, counts)
    of_best = np.flatnonzero(worth == worth.min())
    others = [np.bincount(config, weights=column / counts[config])[config] for column in all_losses.T[1:]]
    return int(rows[of_best[np.lexsort([off[of_best], *(other[of_best] for other in reversed(others))])[0]]])


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
    config = _configurations(table, rows)
    counts = np.bincount(config)
    means = np.column_stack([np.bincount(config, weights=column / counts[config]) for column in losses.T])
    worth, off = _worth(losses[:, 0], config, counts)
    nearest = np.lexsort([off, config])  # the runs of each configuration together, the nearest to its mean first
    first = nearest[np.searchsorted(config[nearest], np.arange(len(counts)))]
    order = np.lexsort([rows[first], off[first], *means[:, 1:].T[::-1], worth[first]])
    sign = table.problem.objectives[0].sign
    return [Ranked(int(rows[first[i]]), float(means[i, 0] * sign), int(counts[i])) for i in order.tolist()]


def best_so_far(table: TrialTable) -> list[float]:
    """Return the best value of the first objective after each feasible complete trial, in the order of the log."""
    feasible = set(candidates(table).tolist())
    column = table.problem.metrics.index(table.problem.objectives[0])
    sign = table.problem.signs[column]
    found: list[float] = []
    for row in table.order.tolist():
        if row in feasible:
            loss = float(table.y[row, column] * sign)
            found.append(min(loss, found[-1]) if found else loss)
    return [loss * float(sign) for loss in found]


@quiet()
def front_rows(table: TrialTable) -> Ints:
    """Return the complete, feasible rows that no other one is at least as good as in every objective and better in one.

    With one objective that is the best row and its equals.
    """
    rows = candidates(table)
    if not len(rows):
        return rows
    losses = _objective_losses(table)[rows]
    order = np.lexsort(losses.T[::-1])  # a row can only be dominated by one that sorts before it
    kept: list[int] = []
    for i in order.tolist():
        front = losses[kept]
        if not bool(np.any(np.all(front <= losses[i], axis=1) & np.any(front < losses[i], axis=1))):
            kept.append(i)
    return rows[np.sort(np.array(kept, dtype=np.int64))]


@quiet()
def why_no_best(table: TrialTable) -> str:
    """Return the sentence that says why there is no best trial."""
    done = table.rows(COMPLETE)
    if len(done):
        nearest = int(done[np.argmin(_excess(table)[done])])
        broken = [
            f"{metric.name} = {table.y[nearest, i]:g}"
            for i, metric in enumerate(table.problem.metrics)
            if metric in table.problem.constraints
        ]
        return (
            f"none of the {len(done)} complete trials meets the constraints; trial {nearest} comes nearest with "
            f"{', '.join(broken)}."
        )
    failed = table.rows(FAILED)
    if not len(failed):
        return "no trial is complete yet."
    kinds, counts = np.unique(table.failure[failed], return_counts=True)
    causes = ", ".join(f"{count} x {FAILURE_KINDS[kind]}" for kind, count in zip(kinds, counts, strict=True))
    first = table.trial(int(failed[0]))
    said = next(iter(first.error.splitlines()), "") or "nothing is known of why"
    return f"no trial is complete: {len(failed)} failed ({causes}); trial {first.number}: {said.rstrip('.')}."


def require_best(table: TrialTable) -> int:
    """Return the best row.

    Raises:
        NoBestError: there is none; the message says why.
    """
    row = best_row(table)
    if row is None:
        raise NoBestError(why_no_best(table))
    return row


def _configurations(table: TrialTable, rows: Ints) -> Ints:
    """Return [K] a number for the configuration, and the fidelity, of each of K rows: equal where these are."""
    run_of = np.column_stack([table.x[rows], table.fidelity[rows]])
    _, config = np.unique(np.nan_to_num(run_of, nan=np.inf), axis=0, return_inverse=True)
    return config.reshape(-1)


def _worth(losses: Floats, config: Ints, counts: Ints) -> tuple[Floats, Floats]:
    """Return [K] what each run's configuration is worth, see `best_row`, and [K] how far each run is off its mean."""
    means = np.bincount(config, weights=losses / counts[config])
    with np.errstate(over="ignore"):
        off = np.minimum(np.abs(losses - means[config]), np.finfo(np.float64).max)
        scale = off.max() or 1.0
        variance = np.square(off / scale).sum() / max(1, len(losses) - len(counts))
        return (means + scale * np.sqrt(variance / counts))[config], off


def _objective_losses(table: TrialTable) -> Floats:
    columns = [table.problem.metrics.index(metric) for metric in table.problem.objectives]
    losses: Floats = table.losses()[:, columns]
    return losses


def _excess(table: TrialTable) -> Floats:
    """Return [N] by how much the worst constraint is broken, in the metric's own unit; nan metrics break it wholly."""
    excess: Floats = np.full(len(table), -np.inf)
    losses = table.losses()
    for column, metric in enumerate(table.problem.metrics):
        if metric.bound is not None:
            over = losses[:, column] - metric.bound * table.problem.signs[column]
            unknown: Bools = np.isnan(over)
            excess = np.maximum(excess, np.where(unknown, np.inf, over))
    return excess
