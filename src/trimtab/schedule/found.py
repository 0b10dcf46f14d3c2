"""The schedule that a line of descent went through: what population-based training finds (Jaderberg et al., 2017)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.checks import is_number, is_whole
from trimtab.errors import ProblemError, TrialError
from trimtab.explain import Explained
from trimtab.ledger.table import TrialTable
from trimtab.schedule.rungs import one_fidelity
from trimtab.space.condition import shown


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a schedule: after step `begin`, up to `end` inclusive, trial `trial` was run with `params`."""

    trial: int
    begin: float
    end: float
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Schedule(Explained):
    """Configurations one after the other, as a line of descent was trained with them.

    Attributes:
        fidelity: the name of what counts the steps.
        low: its lowest value, at which whole steps begin.
        metrics: what the trials returned.
        stretches: in order, the first with `begin` 0, each from where the one before ended.
    """

    fidelity: str
    low: float
    metrics: tuple[str, ...]
    stretches: tuple[Stretch, ...]

    def __iter__(self) -> Iterator[Stretch]:
        return iter(self.stretches)

    def __len__(self) -> int:
        return len(self.stretches)

    def to_json(self) -> dict[str, Any]:
        """Return the schedule as JSON; `Schedule.from_json` reads it."""
        return {
            "fidelity": self.fidelity,
            "low": self.low,
            "metrics": list(self.metrics),
            "stretches": [
                {"trial": each.trial, "from": each.begin, "to": each.end, "params": dict(each.params)} for each in self
            ],
        }

    @classmethod
    def from_json(cls, data: object) -> Schedule:
        """Read what `to_json` wrote.

        Raises:
            ProblemError: it is no schedule; the message says what is wrong.
        """
        if not isinstance(data, Mapping) or not {"fidelity", "low", "metrics", "stretches"} <= set(data):
            raise ProblemError(
                f"a schedule is an object of fidelity, low, metrics and stretches, as to_json says; got {shown(data)}."
            )
        if not isinstance(data["fidelity"], str) or not is_number(data["low"]):
            raise ProblemError(
                "a schedule's fidelity is a name, and its low a number; got "
                f"{shown(data['fidelity'])} and {shown(data['low'])}."
            )
        metrics, parts = data["metrics"], data["stretches"]
        if not _is_list(metrics) or not metrics or not all(isinstance(name, str) for name in metrics):
            raise ProblemError(f"a schedule's metrics are a list of names; got {shown(metrics)}.")
        if not _is_list(parts) or not parts:
            raise ProblemError(f"a schedule's stretches are a list of one at least; got {shown(parts)}.")
        stretches: list[Stretch] = []
        for part in parts:
            stretch = _stretch(part)
            reached = stretches[-1].end if stretches else 0.0
            if stretch.begin != reached or stretch.end < stretch.begin:
                raise ProblemError(
                    f"a stretch begins where the one before ended, and does not end before; expected one from "
                    f"{reached:g}, got {shown(part)}."
                )
            stretches.append(stretch)
        return cls(data["fidelity"], float(data["low"]), tuple(metrics), tuple(stretches))


def schedule_of(table: TrialTable, trial: int) -> Schedule:
    """Return what trial `trial` and those that it goes on with were run with: a pure function of both.

    Raises:
        TrialError: there is no such trial.
        ProblemError: there is no one fidelity by which steps are counted.
    """
    fidelity = one_fidelity(table.problem)
    if fidelity is None:
        raise ProblemError(
            "a schedule says what is changed at which step, and this problem has no one fidelity that counts steps; "
            'give tune fidelity=tt.Fidelity("epoch", 1, 81).'
        )
    if not is_whole(trial):
        raise TrialError(f"a trial is named by its number; got {shown(trial)}.")
    line = [table.trial(trial).number]
    while table.parent[line[0]] >= 0:
        line.insert(0, int(table.parent[line[0]]))
    ends = table.fidelity[line, 0].tolist()
    parts = zip(line, [0.0, *ends], ends, table.space.decode(table.x[line]), strict=False)
    return Schedule(
        fidelity.name, float(fidelity.low), table.problem.metric_names, tuple(Stretch(*each) for each in parts)
    )


def n_parts(table: TrialTable, row: int) -> int:
    """Return with how many configurations, one after the other, a trial and those that it goes on with were run."""
    n = 1
    while (parent := int(table.parent[row])) >= 0:
        n += not np.array_equal(table.x[row], table.x[parent], equal_nan=True)
        row = parent
    return n


def is_population(table: TrialTable) -> bool:
    """Return whether some trial went on with another configuration than the one that it goes on with."""
    rows = np.flatnonzero(table.parent >= 0)
    mine, theirs = table.x[rows], table.x[table.parent[rows]]
    return bool(((mine != theirs) & ~(np.isnan(mine) & np.isnan(theirs))).any())


def schedule_remark(table: TrialTable, row: int) -> str:
    """Return that a trial's parameters are the last of several it was trained with; empty where they are not."""
    n = n_parts(table, row)
    if n == 1:
        return ""
    return (
        f"what trial {row} found is a schedule: {n} configurations one after the other, of which its parameters are "
        f"the last; study.schedule({row}) has them all, and tt.replay_schedule trains along them"
    )


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _stretch(part: object) -> Stretch:
    if (
        not isinstance(part, Mapping)
        or not {"trial", "from", "to", "params"} <= set(part)
        or not is_whole(part["trial"])
        or not is_number(part["from"])
        or not is_number(part["to"])
        or not isinstance(part["params"], Mapping)
    ):
        raise ProblemError(
            f"a stretch is an object of a trial's number, from, to, and params, a mapping; got {shown(part)}."
        )
    return Stretch(part["trial"], float(part["from"]), float(part["to"]), dict(part["params"]))
