"""Evidence: trials of an earlier study as the first records of the next, which learns from them and runs none of them.

Each is asked, started and over within the first write, by nobody (`EVIDENCE`), and has a note that says which trial of
which study it was. No budget counts them, no suggestion of theirs is recomputed, and their reports were judged where
they were made. Of a line of descent the last trial comes along: it says all that there is to say of the configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.ledger.event import EVIDENCE, LOST, Asked, Event, Failed, Noted, Origin, Reported, Started, Stopped, Told
from trimtab.ledger.table import COMPLETE, FAILED, STATES, STOPPED, TAG, TrialTable, TrialView
from trimtab.space.problem import Problem
from trimtab.space.revise import mapped
from trimtab.space.space import Space

NOTE = "evidence"
"""The note of a trial that says where it was run, and what of its values is not as the space has it now."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the next study begins with.

    Attributes:
        events: its records after the first.
        n: how many trials there are in them.
        left_out: {parameter: trials of the earlier study whose value of it fits no more}.
        n_held: trials that had another value of a parameter that is held now.
    """

    events: list[Event]
    n: int
    left_out: dict[str, list[int]]
    n_held: int


def evidence(table: TrialTable, problem: Problem, study: str, id: str) -> Evidence:
    """Return the trials of a study that are over as records of the next.

    Args:
        table: of the earlier study.
        problem: of the next; but for the space it is the same.
        study: the earlier study's name.
        id: its mark.
    """
    furthest = np.zeros(len(table), dtype=np.bool_)
    furthest[table.furthest()] = True
    over = table.order
    rows = over[np.isin(table.state[over], (COMPLETE, STOPPED, FAILED)) & furthest[over]]
    x, misfits = mapped(table.space, problem.space, table.x[rows])
    events: list[Event] = []
    left_out: dict[str, list[int]] = {}
    held = problem.space.fixed_row()
    n = n_held = 0
    for view, row, misfit in zip(table.trials(rows.tolist()), x, misfits, strict=True):
        if view.failure == LOST and view.state == STATES[FAILED]:
            continue  # nothing is known of the configuration
        if misfit:
            left_out.setdefault(misfit, []).append(view.number)
            continue
        said = {"study": study, "id": id, "trial": view.number} | _unlike(view, table.space, problem.space, row, held)
        n_held += "held" in said
        events += _records(table, view, n, tuple(row.tolist()), said)
        n += 1
    return Evidence(events, n, left_out, n_held)


def _unlike(view: TrialView, was: Space, now: Space, row: Any, held: Any) -> dict[str, Any]:
    """Return what of a trial is not as the space has it now: values that are held elsewhere, gone, or assumed."""
    found: dict[str, Any] = {}
    if held is not None:
        moved = np.flatnonzero(~np.isnan(held) & ~np.isnan(row) & (held != row))
        if len(moved):
            found["held"] = {now.names[i]: now.parameters[i].value(row[i]) for i in moved.tolist()}
    dropped = {name: value for name, value in view.params.items() if name not in now}
    if dropped:
        found["dropped"] = dropped
    added = {
        name: parameter.value(code)
        for name, parameter, code in zip(now.names, now.parameters, row, strict=True)
        if name not in was and code == code
    }
    return found | ({"assumed": added} if added else {})


def _records(
    table: TrialTable, view: TrialView, number: int, x: tuple[float, ...], said: dict[str, Any]
) -> list[Event]:
    why = f"trial {view.number} of {said['study']}"
    fidelity = tuple(view.fidelity.values())
    events: list[Event] = [
        Asked(number, x, 1, Origin(EVIDENCE, why), fidelity),
        Started(number, view.worker),
        *_reports(table, view.number, number),
        Noted(NOTE, said, number),
    ]
    events += [Noted(key, value, number) for key, value in view.notes.items() if key != NOTE]
    events += [Noted(f"{TAG}{tag}", True, number) for tag in view.tags]  # noqa: FBT003 - a note's value
    took: dict[str, Any] = {"seconds": view.seconds, "cost": view.cost}
    if view.state == STATES[COMPLETE]:
        return [*events, Told(number, view.metrics, **took)]
    if view.state == STATES[STOPPED]:
        return [*events, Stopped(number, view.reason, values=view.metrics, **took)]
    return [*events, Failed(number, view.failure, view.error, **took)]


def _reports(table: TrialTable, row: int, number: int) -> Sequence[Event]:
    """Return what counts of a trial's reports, fold by fold."""
    found: list[Event] = []
    for fold in (None, *table.curves.folds(row)):
        steps, metrics = table.curves.metrics(row, fold)
        for i, step in enumerate(steps.tolist()):
            values: dict[str, float | str] = {
                name: float(value[i]) for name, value in metrics.items() if value[i] == value[i]
            }
            found.append(Reported(number, step, values, 1, fold))
    return found
