"""What early stopping saved: a reading of the table, which rather says too little than too much."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from trimtab.arrays import Floats, Ints
from trimtab.ledger import cells
from trimtab.ledger.table import COMPLETE, FAILED, RUNNING, STOPPED, WAITING, TrialTable
from trimtab.model.cost import worked
from trimtab.schedule.found import is_population
from trimtab.space.problem import counted


class Unspent(NamedTuple):
    """How much of one fidelity was not spent.

    Attributes:
        unit: the fidelity.
        share: see `Savings`.
        amount: see there.
    """

    unit: str
    share: float
    amount: float


@dataclass(frozen=True, slots=True)
class Savings:
    """What was not spent since trials ended early. Counts are of configurations: what continues a trial is none.

    Attributes:
        n_early: how many a scheduler ended before a whole run: by a verdict, or by never going on with them.
        n: how many are over, failed ones too.
        by_verdict: whether a verdict ended all of `n_early`.
        continued: whether some trial goes on with another one's, so that trials are not configurations.
        unit: the fidelity, of several the one that counts steps, or without one the fold; empty where nothing is known
            of `share` and `seconds`.
        share: of what all that are over would have taken as whole runs, in units of the fidelity, how much was not
            spent; nan where it cannot be said. What failed, and what the end of the study cut short, is left out.
        seconds: what that would have taken, all workers together: each configuration at its own pace, but none longer
            than the longest whole run took; nan where no pace is known.
        amount: what `share` comes to, in units of the fidelity; nan where it cannot be said.
        is_least: whether `seconds` lacks configurations whose pace is not known.
        others: the same of other fidelities, of which some was not spent.
    """

    n_early: int
    n: int
    by_verdict: bool
    continued: bool
    unit: str = ""
    share: float = math.nan
    seconds: float = math.nan
    is_least: bool = False
    amount: float = field(default=math.nan, compare=False)
    others: tuple[Unspent, ...] = ()


def savings(table: TrialTable) -> Savings | None:
    """Return what early stopping saved; None where it ended nothing.

    Of a population all members are trained to the end: who takes over from another ends a line of descent, and saves
    nothing.
    """
    if is_population(table):
        return None
    root = _roots(table)
    last = np.full(len(table), -1)
    np.maximum.at(last, root, np.arange(len(table)))
    open_ = np.zeros(len(table), dtype=np.bool_)
    open_[root[np.isin(table.state, (WAITING, RUNNING))]] = True
    begins = np.flatnonzero((root == np.arange(len(table))) & ~open_)
    ends = last[begins]
    is_verdict = [table.state[row] == STOPPED and table.halted(row) != "" for row in ends.tolist()]
    halted = np.array(is_verdict, dtype=np.bool_)
    given = np.array([table.is_enqueued(row) for row in begins.tolist()], dtype=np.bool_)
    complete = table.state[ends] == COMPLETE
    whole = np.array(table.problem.whole)
    reached_whole = (table.fidelity[ends] >= whole).all(axis=1) & complete
    left = complete & ~reached_whole & ~(given & (begins == ends))  # a user may put a trial in line at less
    early = halted | left
    if not early.any():
        return None
    found = Savings(int(early.sum()), len(begins), bool(halted[early].all()), bool((table.parent >= 0).any()))
    folds = table.problem.folds
    counts = early | reached_whole
    if table.problem.fidelities:
        failed = table.state == FAILED
        ran, work = np.where(failed[:, None], 0.0, table.ran), np.where(failed, 0.0, worked(table))
        top = float(np.prod(whole))
        unspent = [
            _unspent(one.name, ran[:, i], one.high, root, begins[counts])
            for i, one in enumerate(table.problem.fidelities)
        ]
        place = counted(table.problem.fidelities) or 0
        unspent.insert(0, unspent.pop(place))
    elif folds is not None:
        top, work = float(folds), _folds_run(table, folds)
        unspent = [_unspent("fold", work, top, root, begins[counts])]
    else:
        return found
    unspent = [one for one in unspent if one.share > 0]
    if not unspent:
        return found
    took = np.bincount(root, weights=table.seconds, minlength=len(table))[begins]  # nan where one part is unknown
    spent = np.bincount(root, weights=work, minlength=len(table))[begins]
    seconds, is_least = _seconds(spent[early], took[early], took[reached_whole], top)
    first, *others = unspent
    return replace(
        found, unit=first.unit, share=first.share, seconds=seconds, is_least=is_least, amount=first.amount,
        others=tuple(others),
    )  # fmt: skip


def _unspent(unit: str, run: Floats, top: float, root: Ints, begins: Ints) -> Unspent:
    """Return what configurations left of whole runs.

    Args:
        unit: of what.
        run: [N] how much of it each trial ran itself.
        top: a whole run.
        root: [N] see `_roots`.
        begins: the roots of those that count.
    """
    spent = float(np.bincount(root, weights=run, minlength=len(root))[begins].sum())
    whole = float(top) * len(begins)
    return Unspent(unit, 1.0 - spent / whole if whole > 0 else math.nan, whole - spent)


def _folds_run(table: TrialTable, folds: int) -> Floats:
    """Return [N] in how many folds each trial was run: all of them, where it is complete and did not say."""
    run = cells.counts(table).astype(np.float64)
    run[(table.state == COMPLETE) & (run == 0)] = folds
    return run


def _roots(table: TrialTable) -> Ints:
    """Return [N] the trial with which each one's line of descent begins."""
    root = np.arange(len(table))
    for row in np.flatnonzero(table.parent >= 0).tolist():
        root[row] = root[table.parent[row]]
    return root


def _seconds(spent: Floats, took: Floats, whole: Floats, top: float) -> tuple[float, bool]:
    """Return (what configurations that ended early would have taken more, whether that lacks some).

    Args:
        spent: of each of these, how much of the fidelity it ran, of several of their product.
        took: the seconds of each; nan where unknown.
        whole: the seconds of those that were run whole.
        top: a whole run.
    """
    known = (spent > 0) & (took >= 0)
    if not known.any():
        return math.nan, False
    more = took[known] / spent[known] * (top - spent[known])
    longest = float(np.nanmax(whole, initial=-math.inf))
    if longest > 0:  # where a start takes long, the pace of a short trial says too much
        more = np.minimum(more, longest - took[known])
    return float(np.maximum(more, 0.0).sum()), not bool(known.all())
