"""The plan at work: a scheduler by its settings, asked with what belongs to the trial, and its answers checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from trimtab.arrays import Bools, Floats
from trimtab.checks import as_float, is_number, is_whole
from trimtab.errors import PluginError
from trimtab.ledger.cells import reported
from trimtab.ledger.curves import AT_END
from trimtab.ledger.event import Remaining, Reported
from trimtab.ledger.table import COMPLETE, STATES, STOPPED, TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.schedule.folds import shuffled
from trimtab.schedule.protocol import (
    Advises,
    Assignment,
    ChoosesFolds,
    Collects,
    Continue,
    EndsDiverged,
    Fresh,
    Halt,
    Request,
    Scheduler,
    Wait,
)
from trimtab.space.condition import shown
from trimtab.space.problem import Problem
from trimtab.study.plugin import is_made_by, make, shown_settings

W = TypeVar("W")

DIVERGED = "diverged: "
"""How the reason begins of a trial that ends because it reported nan."""


class Plan:
    """A scheduler that is never taken at its word: what it says becomes a log that others read.

    Args:
        settings: {"name": ..., **options}, as the log has them.
        ready: the scheduler, if it is at hand and these are its settings; else the registered one is made.

    Raises:
        PluginError: it is not registered here, and was not passed.
    """

    def __init__(self, settings: Mapping[str, Any], ready: Scheduler | None = None) -> None:
        fits = ready is not None and is_made_by(ready, settings)
        self._scheduler = ready if fits and ready is not None else make("schedulers", settings)
        self._settings = dict(settings)
        # asked once: whether an object is of a protocol takes longer than what it is then asked, at every report
        self._adviser = self._scheduler if isinstance(self._scheduler, Advises) else None
        self._orderer = self._scheduler if isinstance(self._scheduler, ChoosesFolds) else None

    @quiet()
    def assign(self, table: TrialTable, seed: int, remaining: Remaining | None) -> Assignment:
        """Return what trial `len(table)` is to be.

        Raises:
            PluginError: the scheduler wants what cannot be.
        """
        number = len(table)
        request = Request(number, seed, remaining)
        wanted = _plain(self._scheduler.assign(table, request))
        fault = _fault(table, wanted) or self._fault_of_its_own(table, wanted)
        if fault:
            raise PluginError(f"the scheduler {shown_settings(self._settings)} assigned what cannot be: {fault}")
        return wanted

    def _fault_of_its_own(self, table: TrialTable, wanted: Assignment) -> str:
        if not isinstance(wanted, Continue):
            return ""
        may_continue = self.may_continue(table)
        if may_continue is None or may_continue[wanted.parent]:
            return ""
        return f"it said that trial {wanted.parent} will not be continued, so that its checkpoints may be gone."

    def judge(self, table: TrialTable, row: int, said: Reported | None = None) -> Halt | None:
        """Return whether a trial is to end that has just reported; `said` is the report, where it is at hand.

        Whoever asks is `quiet` while it does: there are many reports to a commit, and each would be made so anew.

        Raises:
            PluginError: the scheduler says what is no verdict.
        """
        diverged = self._diverged(table, said)
        if diverged is not None:
            return diverged
        if table.is_replicate(row):  # it is to show what it comes to in the end
            return None
        verdict: object = _plain(self._scheduler.judge(table, row))  # which need not be what its type says
        if verdict is None:
            return None
        if not isinstance(verdict, Halt) or not _is_said(verdict.reason):
            raise PluginError(
                f"the scheduler {shown_settings(self._settings)} judges with None or Halt(reason), a sentence; it said "
                f"{shown(verdict)} of trial {row}."
            )
        return verdict

    def _diverged(self, table: TrialTable, said: Reported | None) -> Halt | None:
        """Return the end of a trial that has just reported nan for an objective, where the scheduler ends such trials.

        Without a fidelity trials are left alone, unless that was the value of a fold, without which there is no mean.
        The table does not tell nan from what was not reported.
        """
        if said is None or "nan" not in said.values.values():  # as nearly always: what follows takes its time
            return None
        is_cell = said.step == AT_END and said.fold is not None
        if not table.problem.fidelities and not is_cell:
            return None
        if not isinstance(self._scheduler, EndsDiverged) or not self._scheduler.ends_diverged:
            return None
        for metric in table.problem.objectives:
            if said.values.get(metric.name) == "nan":
                at = f"in fold {said.fold}" if is_cell else f"at step {said.step:g}"
                return Halt(f"{DIVERGED}{metric.name} is nan {at}")
        return None

    @quiet()
    def cells(self, table: TrialTable, row: int, seed: int, *, anew: bool = False) -> list[int]:
        """Return the folds that a trial is still to run, in this order; by default one that is shuffled once a study.

        Those that it reported before are left out, unless it begins `anew`.

        Raises:
            PluginError: the scheduler names folds that are none, or not each once.
        """
        n = table.problem.folds or 0
        said: list[int] = shuffled(seed, n)
        if self._orderer is not None:
            said = [
                each.item() if isinstance(each, np.generic) else each for each in self._orderer.folds(table, row, seed)
            ]
            if not all(is_whole(fold) for fold in said) or sorted(said) != list(range(n)):
                raise PluginError(
                    f"the scheduler {shown_settings(self._settings)} says in which order a trial goes through folds 0 "
                    f"to {n - 1}, each once; it said {shown(said)} of trial {row}."
                )
        known = set() if anew else set(reported(table, row))
        return [fold for fold in said if fold not in known] if known else said

    @property
    def advises(self) -> bool:
        """Whether the scheduler can say what it lacks: one that ends no trial early does not."""
        return self._adviser is not None

    def needs(self, problem: Problem) -> str:
        """Return what the study lacks for trials to be ended early; empty where it lacks nothing, or nobody says so."""
        return "" if self._adviser is None else str(self._adviser.needs(problem))

    @quiet()
    def may_continue(self, table: TrialTable) -> Bools | None:
        """Return [N] whether each trial may still be continued; None where the scheduler does not say.

        Raises:
            PluginError: it is no array of that shape.
        """
        if not isinstance(self._scheduler, Collects):
            return None
        said = np.asarray(self._scheduler.may_continue(table))
        if said.shape != (len(table),) or said.dtype != np.bool_:
            raise PluginError(
                f"the scheduler {shown_settings(self._settings)} says of {len(table)} trials whether they may be "
                f"continued: expected {len(table)} truths, got {shown(said)}."
            )
        return said


def continued_row(table: TrialTable, assigned: Continue) -> Floats:
    """Return the row [D] with which a line of descent goes on."""
    row: Floats = table.x[assigned.parent] if assigned.x is None else np.array(assigned.x, dtype=np.float64)
    return row


def _plain(word: W) -> W:
    """Return what a scheduler said with NumPy's scalars as Python's: that is what columns and `argmin` are made of."""
    if not isinstance(word, Fresh | Continue | Wait | Halt):
        return word
    said = {name: getattr(word, name) for name in word.__slots__}
    if not any(isinstance(part, np.generic) for value in said.values() for part in _parts(value)):
        return word  # as nearly always
    return replace(word, **{name: _as_python(value) for name, value in said.items()})


def _parts(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)


def _as_python(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_as_python, value))
    return value.item() if isinstance(value, np.generic) else value


def _fault(table: TrialTable, wanted: object) -> str:
    """Return what is wrong with an assignment; empty if nothing is."""
    if isinstance(wanted, Wait):
        return "" if _is_said(wanted.reason) else f"a Wait gives its reason, a clause; got {shown(wanted.reason)}."
    if not isinstance(wanted, Fresh | Continue):
        return f"expected Fresh, Continue or Wait, got {shown(wanted)}."
    fault = _fault_of_fidelity(table, wanted.fidelity)
    return fault if fault or isinstance(wanted, Fresh) else _fault_of_line(table, wanted)


def _is_said(reason: object) -> bool:
    return isinstance(reason, str) and bool(reason.strip())


def _fault_of_fidelity(table: TrialTable, fidelity: object) -> str:
    limits = table.problem.fidelities
    if not isinstance(fidelity, tuple) or len(fidelity) != len(limits):
        names = ", ".join(limit.name for limit in limits) or "none"
        return f"a fidelity is a tuple of one number for each of {names}; got {shown(fidelity)}."
    for limit, value in zip(limits, fidelity, strict=True):
        if not is_number(value) or not limit.low <= value <= limit.high:
            return f"{limit.name} is a number from {limit.low:g} to {limit.high:g}; got {shown(value)}."
    return ""


def _fault_of_line(table: TrialTable, wanted: Continue) -> str:
    parent = wanted.parent
    if not is_whole(parent) or not 0 <= parent < len(table):
        return f"there is no trial {shown(parent)} to continue."
    state = int(table.state[parent])
    if state not in (COMPLETE, STOPPED):
        return f"trial {parent} is {STATES[state]}; one that is continued is complete or was stopped."
    for limit, before, value in zip(table.problem.fidelities, table.fidelity[parent], wanted.fidelity, strict=True):
        if value < before:
            return f"trial {parent} ran to {limit.name} {before:g}, and cannot go on to {value:g}."
    if not isinstance(wanted.why, str):
        return f"why is a clause, got {shown(wanted.why)}."
    return "" if wanted.x is None else _fault_of_row(table, wanted.x)


def _fault_of_row(table: TrialTable, x: object) -> str:
    space = table.space
    if not isinstance(x, tuple) or not all(isinstance(value, int | float) for value in x):
        return f"x is a tuple of {len(space)} numbers; got {shown(x)}."
    return space.fault(np.array([as_float(value) for value in x]))
