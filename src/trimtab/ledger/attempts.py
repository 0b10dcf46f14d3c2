"""What an attempt at a trial took, once it is over: how much of the fidelity it ran, and which resources for how long.

A budget is held to this, so it rather says too much than too little.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from trimtab.arrays import Floats
from trimtab.ledger.contents import Contents
from trimtab.ledger.curves import WHOLE
from trimtab.ledger.event import EVIDENCE
from trimtab.ledger.states import COMPLETE
from trimtab.space.problem import Fidelity

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


def is_early(contents: Contents, row: int, step: float) -> bool:
    """Return whether a report says that trials report before they reach their fidelity."""
    return len(contents.problem.fidelities) == 1 and step < float(_ends(contents, row)[0])


def _ends(contents: Contents, row: int) -> Floats:
    ends: Floats = contents.columns["fidelity"].rows[row]
    return np.where(np.isnan(ends), contents.problem.whole, ends)


def _ran(contents: Contents, row: int, *, is_complete: bool) -> tuple[Floats, Floats]:
    """Return ([F] what the present attempt ran, [F] what it may have run besides, which nobody saw).

    With several fidelities an attempt that came to report ran all of each: how far it was of the others no step says.
    """
    ends = _ends(contents, row)
    nothing = np.zeros_like(ends)
    steps = _steps(contents, row, int(contents.columns["attempt"].rows[row]))
    if len(ends) > 1:
        return (ends, nothing) if is_complete or len(steps) else (nothing, ends)
    end = float(ends[0])
    start = _start(contents, row, steps, end)
    if not is_complete and not len(steps):
        return nothing, np.array([end - start])
    reached = end if is_complete else min(float(steps.max()), end)
    return np.array([max(0.0, reached - start)]), nothing


def _steps(contents: Contents, row: int, attempt: int) -> Floats:
    """Return [r] the steps at which an attempt reported for the trial as a whole."""
    curves = contents.curves.view
    reports = curves.reports(row)
    steps: Floats = curves.step[reports][(curves.attempt[reports] == attempt) & (curves.fold[reports] == WHOLE)]
    return steps


def _start(contents: Contents, row: int, steps: Floats, end: float) -> float:
    """Return where an attempt began.

    That is at the step of its checkpoint, unless it reported an earlier one. Without a checkpoint on record it is where
    its line of descent had come before, if its reports show that it did not begin anew.
    """
    marked = float(contents.columns["begins"].rows[row])
    if marked == marked:
        is_used = 0 <= marked <= end and not (steps <= marked).any()
        return marked if is_used and counts_steps(contents.problem.fidelities[0]) else 0.0
    return _shown_start(contents, row, np.unique(steps), end)


def _shown_start(contents: Contents, row: int, steps: Floats, end: float) -> float:
    """Return where an attempt began, as far as its reports show it.

    Whoever begins anew reports at even distances from 0 on, or at the end alone: a first report that is farther from 0
    than from the second one tells of a start in between.

    Args:
        contents: see `settle`.
        row: the trial.
        steps: [r] of its reports, ascending, each once.
        end: where it was to end.
    """
    if len(steps) < 2 or steps[-1] > end or not steps[0] > steps[1] - steps[0]:
        return 0.0
    curves, parent = contents.curves.view, int(contents.columns["parent"].rows[row])
    before = curves.step[curves.reports(row)]
    if parent >= 0:
        before = np.concatenate([before, curves.step[curves.reports(parent)]])
        if contents.columns["state"].rows[parent] == COMPLETE:
            before = np.append(before, _ends(contents, parent))
    before = before[before < steps[0]]
    return max(0.0, float(before.max())) if len(before) else 0.0


def counts_steps(fidelity: Fidelity) -> bool:
    """Return whether a fidelity counts the steps that checkpoints are marked with: whole ones, as `Trial.steps`."""
    return math.floor(fidelity.low) == fidelity.low and math.floor(fidelity.high) == fidelity.high
