"""What commands say of a trial's curves: plain values for programs, a line each for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

import trimtab as tt
from trimtab.arrays import Floats
from trimtab.ledger.curves import Curves
from trimtab.ledger.table import TrialTable
from trimtab.schedule.rungs import stepped
from trimtab.surfaces.render.numbers import number
from trimtab.surfaces.render.spark import sparkline
from trimtab.surfaces.render.text import clean
from trimtab.text import spelled

MOST_LINES = 40
"""Curves that are shown of a trial: about a screen; an export has them all."""


def curve_facts(study: tt.Study, trial: int) -> dict[str, Any]:
    """Return a trial's curve as plain values, and those of its folds by their numbers, where it has some."""
    folds = study.table.curves.folds(trial)
    return {"curve": _plain(study.curve(trial))} | (
        {"folds": {str(fold): _plain(study.curve(trial, fold)) for fold in folds}} if folds else {}
    )


def curve_lines(table: TrialTable, trial: int) -> Iterator[tuple[str, str]]:
    """Yield (label, text) about what a trial reported: a line a metric, of the whole trial and then of each fold."""
    fidelity = stepped(table.problem)
    unit, of = ("step", "") if fidelity is None else (fidelity.name, f" of {number(fidelity.high)}")
    lines = _lines(table.curves, trial, table.problem.fold_names, unit, of)
    yield from islice(lines, MOST_LINES)
    if next(lines, None) is not None:
        yield "curves", "there are more: `trimtab export --curves` writes all"


def _lines(curves: Curves, trial: int, names: Sequence[str], unit: str, of: str) -> Iterator[tuple[str, str]]:
    for fold in (None, *curves.folds(trial)):
        label = "curve" if fold is None else f"fold {clean(names[fold]) if fold < len(names) else fold}"
        steps, metrics = curves.metrics(trial, fold)
        for name, values in metrics.items():
            known = np.flatnonzero(~np.isnan(values))
            reported = values[known].tolist()
            if len(reported) > 1:
                shape = f"{sparkline(reported)}  {number(reported[0])} → {number(reported[-1])}"
                yield label, clean(f"{name} {shape} at {unit} {number(float(steps[known[-1]]))}{of}")
            elif reported and fold is not None:  # a fold is often one fit, without steps
                yield label, clean(f"{name} = {number(reported[0])}")


def _plain(curve: dict[str, Floats]) -> dict[str, list[Any]]:
    """Return numbers as JSON has them: null for nan, "inf" and "-inf" for the infinities."""
    return {
        name: [None if value != value else spelled(value) for value in values.tolist()]
        for name, values in curve.items()
    }
