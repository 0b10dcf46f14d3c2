"""What an attempt at a trial took, once it is over: how much of the fidelity it ran, and which resources for how long.

A budget is held to this, so it rather says too much than too little. Of several fidelities one counts steps, and an
attempt ran the same part of each other as of those: half the epochs on 1,000 rows are 500 rows. So what goes on from a
checkpoint pays for the rest alone, whichever fidelity is asked about, and in pieces a trial takes what it takes in one.

Letters: n trials, F fidelities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from trimtab.arrays import Floats
from trimtab.ledger.contents import Contents
from trimtab.ledger.curves import WHOLE
from trimtab.ledger.event import EVIDENCE
from trimtab.ledger.states import COMPLETE
from trimtab.space.problem import Fidelity, counted, is_counted

ONE_CPU: Final = {"cpu": 1.0}
"""What an attempt takes of which nothing else is said: the default of `Resources`."""

WORKER: Final = "worker"
"""The resource that each attempt takes one of."""


def settle(contents: Contents, row: int, at: float, seconds: float | None, *, is_complete: bool = False) -> None:
    """Add to what a trial ran, and to what was used, what its present attempt took, which is over.

    Args:
        contents: as they were before.
        row: the trial.
        at: when it ended, in seconds since the epoch.
        seconds: how long it took, where somebody saw its end.
        is_complete: whether it returned a result.
    """
    c = contents.columns
    if contents.n_evidence and contents.origins.values[c["origin"].rows[row]].by == EVIDENCE:
        return  # it took nothing here
    if seconds is None:
        seconds = max(0.0, contents.elapsed_at(at) - float(c["begun_at"].rows[row]))
    used = contents.used
    for name, amount in (*contents.needs.get(row, ONE_CPU).items(), (WORKER, 1.0)):
        used[name] = used.get(name, 0.0) + amount * seconds
    fidelities = contents.problem.fidelities
    if fidelities:
        ran, unseen = _ran(contents, row, is_complete=is_complete)
        c["ran"].rows[row] += ran
        c["unseen"].rows[row] += unseen


def parts(fidelities: Sequence[Fidelity], ends: Floats, steps: Floats) -> Floats:
    """Return [n, F] how much of each fidelity is run in so many steps.

    Args:
        fidelities: F, of which one counts steps.
        ends: [n, F] where trials are to end.
        steps: [n] how many of their steps are run.
    """
    place = counted(fidelities) or 0
    whole = ends[:, place]
    found = ends * np.divide(steps, whole, out=np.ones(len(steps)), where=whole > 0.0)[:, None]
    found[:, place] = steps
    return found


def work(fidelities: Sequence[Fidelity], ends: Floats, ran: Floats) -> Floats:
    """Return [n] what was run as one number: steps, times all other fidelities, as costs are foreseen by the product.

    Args:
        fidelities: F, one at least.
        ends: [n, F] where trials are to end.
        ran: [n, F] how much of each they ran.
    """
    place = counted(fidelities) or 0
    found: Floats = ran[:, place] * np.delete(ends, place, axis=1).prod(axis=1)
    return found


def is_early(contents: Contents, row: int, step: float) -> bool:
    """Return whether a report says that trials report before they reach their fidelity."""
    place = counted(contents.problem.fidelities)
    return place is not None and step < float(_ends(contents, row)[place])


def _ends(contents: Contents, row: int) -> Floats:
    ends: Floats = contents.columns["fidelity"].rows[row]
    return np.where(np.isnan(ends), contents.problem.whole, ends)


def _ran(contents: Contents, row: int, *, is_complete: bool) -> tuple[Floats, Floats]:
    """Return ([F] what the present attempt ran, [F] what it may have run besides, which nobody saw).

    Where none of several fidelities counts steps, an attempt that came to report ran all of each.
    """
    fidelities, ends = contents.problem.fidelities, _ends(contents, row)
    nothing = np.zeros_like(ends)
    steps = _steps(contents, row, int(contents.columns["attempt"].rows[row]))
    place = counted(fidelities)
    if place is None:
        return (ends, nothing) if is_complete or len(steps) else (nothing, ends)
    end = float(ends[place])
    start = _start(contents, row, steps, end, place)
    is_unseen = not is_complete and not len(steps)
    reached = end if is_complete or is_unseen else min(float(steps.max()), end)
    ran = parts(fidelities, ends[None], np.array([max(0.0, reached - start)]))[0]
    return (nothing, ran) if is_unseen else (ran, nothing)


def _steps(contents: Contents, row: int, attempt: int) -> Floats:
    """Return [r] the steps at which an attempt reported for the trial as a whole."""
    curves = contents.curves.view
    reports = curves.reports(row)
    steps: Floats = curves.step[reports][(curves.attempt[reports] == attempt) & (curves.fold[reports] == WHOLE)]
    return steps


def _start(contents: Contents, row: int, steps: Floats, end: float, place: int) -> float:
    """Return where an attempt began.

    That is at the step of its checkpoint, unless it reported an earlier one. Without a checkpoint on record it is where
    its line of descent had come before, if its reports show that it did not begin anew.
    """
    marked = float(contents.columns["begins"].rows[row])
    if marked == marked:
        is_used = 0 <= marked <= end and not (steps <= marked).any()
        return marked if is_used and is_counted(contents.problem.fidelities[place]) else 0.0
    return _shown_start(contents, row, np.unique(steps), end, place)


def _shown_start(contents: Contents, row: int, steps: Floats, end: float, place: int) -> float:
    """Return where an attempt began, as far as its reports show it.

    Whoever begins anew reports at even distances from 0 on, or at the end alone: a first report that is farther from 0
    than from the second one tells of a start in between.

    Args:
        contents: see `settle`.
        row: the trial.
        steps: [r] of its reports, ascending, each once.
        end: where it was to end.
        place: the fidelity that the steps are of.
    """
    if len(steps) < 2 or steps[-1] > end or not steps[0] > steps[1] - steps[0]:
        return 0.0
    curves, parent = contents.curves.view, int(contents.columns["parent"].rows[row])
    before = curves.step[curves.reports(row)]
    if parent >= 0:
        before = np.concatenate([before, curves.step[curves.reports(parent)]])
        if contents.columns["state"].rows[parent] == COMPLETE:
            before = np.append(before, _ends(contents, parent)[place])
    before = before[before < steps[0]]
    return max(0.0, float(before.max())) if len(before) else 0.0
