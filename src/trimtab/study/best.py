"""Which trials are best: from the table alone."""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Bools, Floats, Ints
from trimtab.errors import TrialError
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
    run_of = np.column_stack([table.x[rows], table.fidelity[rows]])
    _, config = np.unique(np.nan_to_num(run_of, nan=np.inf), axis=0, return_inverse=True)
    config = config.reshape(-1)
    counts = np.bincount(config)
    if len(counts) == len(rows):
        return int(rows[np.lexsort(all_losses.T[::-1])[0]])
    means = np.bincount(config, weights=losses / counts[config])
    off = np.minimum(np.abs(losses - means[config]), np.finfo(np.float64).max)
    scale = off.max() or 1.0
    variance = np.square(off / scale).sum() / (len(rows) - len(counts))
    worth = (means + scale * np.sqrt(variance / counts))[config]
    of_best = np.flatnonzero(worth == worth.min())
    others = [np.bincount(config, weights=column / counts[config])[config] for column in all_losses.T[1:]]
    return int(rows[of_best[np.lexsort([off[of_best], *(other[of_best] for other in reversed(others))])[0]]])


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
    return f"no trial is complete: {len(failed)} failed ({causes}); the error of trial {failed[0]} says why."


def require_best(table: TrialTable) -> int:
    """Return the best row.

    Raises:
        TrialError: there is none; the message says why.
    """
    row = best_row(table)
    if row is None:
        raise TrialError(why_no_best(table))
    return row


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
