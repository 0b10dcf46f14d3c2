"""What is known of an attempt that is to start: from which checkpoint it goes on, and what it takes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np

from trimtab.checks import is_number
from trimtab.execute.protocol import Resources
from trimtab.execute.trial import CHECKPOINT_FILE
from trimtab.ledger.attempts import ONE_CPU
from trimtab.ledger.event import Asked
from trimtab.ledger.table import TrialTable
from trimtab.space.problem import counted
from trimtab.stop.start import Start
from trimtab.study.files import Files


def resources_of(resources: Resources | None) -> dict[str, float]:
    """Return what a trial takes, by name: "cpu", "gpu" and its custom resources, on all its nodes together."""
    if resources is None:
        return dict(ONE_CPU)
    named = {"cpu": resources.cpus, "gpu": resources.gpus, **resources.custom}
    return {name: float(amount * resources.nodes) for name, amount in named.items() if amount}


def of_row(
    table: TrialTable, files: Files, number: int, resources: dict[str, float], limit_s: float | None = None
) -> Start:
    """Return what the next attempt at a trial is that is on record."""
    parent = int(table.parent[number])
    fidelity = tuple(table.fidelity[number].tolist())
    of = parent if goes_on(table, parent, fidelity) else -1
    begins = marked(files, number, of) if of >= 0 or table.attempt[number] else None
    return Start(fidelity, parent, begins, resources, number, table.x[number], limit_s)


def of_proposal(
    table: TrialTable, files: Files, asked: Asked, resources: dict[str, float], limit_s: float | None = None
) -> Start:
    """Return what the first attempt at a trial is that is not on record yet."""
    parent = -1 if asked.parent is None else asked.parent
    begins = marked(files, asked.number, parent) if goes_on(table, parent, asked.fidelity) else None
    x = np.array([math.nan if value is None else value for value in asked.x])
    return Start(asked.fidelity, parent, begins, resources, x=x, limit_s=limit_s)


def goes_on(table: TrialTable, parent: int, ends: Sequence[float]) -> bool:
    """Return whether a trial begins with the checkpoints of its parent.

    Along several fidelities the one that counts steps may stay where it is, of few steps rounded up, while others rise.
    Then no step would be left to run with more of these, and the trial begins anew.

    Args:
        table: all that is on record.
        parent: the trial that it continues; -1 for none.
        ends: [F] where it is to end.
    """
    place = counted(table.problem.fidelities)
    if parent < 0 or place is None or len(ends) == 1:
        return parent >= 0
    return not ends[place] <= table.fidelity[parent, place]


def marked(files: Files, number: int, parent: int) -> float | None:
    """Return the step of the checkpoint from which an attempt goes on; None where none is marked, or seen from here.

    That is its own, which an earlier attempt left, else its parent's, of which it takes a copy.
    """
    mine = files.checkpoint(number)
    folder = mine if parent < 0 or mine.exists() else files.checkpoint(parent)
    try:
        step: object = json.loads((folder / CHECKPOINT_FILE).read_text())["step"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return float(step) if is_number(step) else None  # type: ignore[arg-type]  # it is one by then
