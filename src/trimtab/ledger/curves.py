"""Curves: what trials reported on the way, as columns.

Letters: R reports, M declared metrics, E values of metrics that were not declared; r reports of one trial.

A trial is read without looking at the others: beside the columns, each trial has the places of its reports. Of what it
reported for one fold, this counts: an attempt replaces what attempts before it reported at the same step and at later
ones, and within an attempt the last value of each metric at a step counts. What is replaced stays in the columns, as it
stays in the log.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from trimtab.arrays import Bools, Floats, Ints
from trimtab.ledger.columns import Column, Interned, within

Ints32: TypeAlias = NDArray[np.int32]
Index: TypeAlias = Mapping[int, "array[int]"]

MOST_UNDECLARED = 1_000
"""Names of metrics that are kept without being declared. Trainers report tens of them; a program that makes a name of
each step or file would fill memory with names."""

WHOLE = -1
"""The fold of a report about the trial as a whole."""

AT_END = -1.0
"""The step of a report that is the value of a fold, said once the fold is through: such a value has no step, and no
step that a loop counts is below 0. Among the reports of its fold it is the last."""

_BEHIND = float(np.finfo(np.float64).max)
"""Where it stands among them: behind every step, and before the infinity that no attempt reaches."""


@dataclass(frozen=True, slots=True)
class Undeclared:
    """Values of metrics that were reported and not declared: few reports have them, and each has others.

    Attributes:
        report: [E] the report, as a place in the columns of the curves; in ascending order.
        name: [E] the metric, as an index into `names`.
        value: [E] the value.
        names: at most `MOST_UNDECLARED`, in the order in which they were first reported; the list goes on growing.
    """

    report: Ints32
    name: NDArray[np.int16]
    value: Floats
    names: Sequence[str] = ()

    def between(self, begin: int, end: int) -> Undeclared:
        """Return the values of the reports from `begin` up to `end`, which count from `begin` then."""
        first, last = self._places(np.array([begin, end]))
        part = slice(int(first), int(last))
        return Undeclared(self.report[part] - np.int32(begin), self.name[part], self.value[part], self.names)

    def _places(self, reports: Ints) -> Ints:
        """Return where the values of each report begin."""
        return np.searchsorted(self.report, reports.astype(np.int32))  # of another type, all E would be converted

    def of(self, reports: Ints) -> dict[str, tuple[Ints, Floats]]:
        """Return, of each metric that these reports have, (where in `reports` [e], values [e])."""
        first = self._places(reports)
        counts = self._places(reports + 1) - first
        where = np.repeat(np.arange(len(reports)), counts)
        entries = np.arange(len(where)) + np.repeat(first - (np.cumsum(counts) - counts), counts)
        names = self.name[entries]
        order = np.argsort(names, kind="stable")
        found = {}
        for part in np.split(order, np.flatnonzero(np.diff(names[order])) + 1) if len(order) else ():
            found[self.names[names[part[0]]]] = where[part], self.value[entries[part]]
        return found


@dataclass(frozen=True, slots=True)
class Curves:
    """Reports of all trials in the order of the log, as they stood when they were asked for.

    Attributes:
        seq: [R] the sequence number of the record.
        row: [R] the trial.
        attempt: [R] the attempt that reported.
        fold: [R] the fold that the report is about, `WHOLE` for the trial as a whole.
        step: [R] the step, in the unit of the fidelity.
        y: [R, M] the declared metrics, nan where one was not reported.
        names: the M metrics.
        undeclared: the values of other metrics.
    """

    seq: Ints
    row: Ints32
    attempt: Ints32
    fold: Ints32
    step: Floats
    y: Floats
    names: tuple[str, ...]
    undeclared: Undeclared
    _index: Index = field(repr=False)
    _before: int = 0

    def __len__(self) -> int:
        return len(self.seq)

    def since(self, seq: int) -> Curves:
        """Return the reports that came after record `seq`."""
        begin = int(np.searchsorted(self.seq, seq, side="right"))
        return Curves(
            self.seq[begin:],
            self.row[begin:],
            self.attempt[begin:],
            self.fold[begin:],
            self.step[begin:],
            self.y[begin:],
            self.names,
            self.undeclared.between(begin, len(self)),
            self._index,
            self._before + begin,
        )

    def reports(self, number: int) -> Ints:
        """Return the places [r] of one trial's reports in these columns, replaced ones too."""
        index = self._index.get(number)
        if index is None:
            return np.zeros(0, dtype=np.int64)
        # A copy in one step of the interpreter: an array whose memory is lent out cannot grow, and another thread may
        # be reporting.
        places = np.frombuffer(index.tobytes(), dtype=np.intc)
        begin, end = np.searchsorted(places, [self._before, self._before + len(self)])
        return places[begin:end].astype(np.int64) - self._before

    def folds(self, number: int) -> list[int]:
        """Return the folds that a trial reported for, sorted; `WHOLE` is none."""
        folds = np.unique(self.fold[self.reports(number)]).tolist()
        return [fold for fold in folds if fold != WHOLE]

    def of(self, number: int, fold: int | None = None) -> tuple[Floats, Floats]:
        """Return (steps [r], declared metrics [r, M]) of one trial, sorted by step.

        At each step a metric has the value that counts, nan where there is none.

        Args:
            number: the trial.
            fold: of which fold; None for what was reported for the trial as a whole.
        """
        steps, at, reports = self._counting(number, fold)
        return steps, self._declared(steps, at, reports)

    def metrics(self, number: int, fold: int | None = None) -> tuple[Floats, dict[str, Floats]]:
        """Return (steps [r], {metric: values [r]}) as `of` does, with what was not declared."""
        steps, at, reports = self._counting(number, fold)
        y = self._declared(steps, at, reports)
        found = {name: y[:, i] for i, name in enumerate(self.names)}
        for name, (where, values) in self.undeclared.of(reports).items():
            found[name] = np.full(len(steps), np.nan)
            known = ~np.isnan(values)
            found[name][at[where[known]]] = values[known]
        return steps, found

    def came_further(self, number: int, attempt: int) -> bool:
        """Return whether an attempt at a trial reported, of any fold, a later step than all attempts before it."""
        reports = self.reports(number)
        attempts, steps = self.attempt[reports], self._places(reports)
        folds, of_fold = np.unique(self.fold[reports], return_inverse=True)
        reached = np.full(len(folds), -math.inf)
        before, now = attempts < attempt, attempts == attempt
        np.maximum.at(reached, of_fold[before], steps[before])
        return bool((steps[now] > reached[of_fold[now]]).any())

    def _counting(self, number: int, fold: int | None) -> tuple[Floats, Ints, Ints]:
        """Return (steps [s], which of them [r], reports [r]) of the reports that no later attempt replaced."""
        reports = self.reports(number)
        reports = reports[self.fold[reports] == (WHOLE if fold is None else fold)]
        places = self._places(reports)
        stand = _stand(self.attempt[reports], places)
        reports = reports[stand]
        steps, at = np.unique(places[stand], return_inverse=True)
        return np.where(steps == _BEHIND, AT_END, steps), at, reports

    def _places(self, reports: Ints) -> Floats:
        """Return where reports [r] stand among those of their fold: at their steps, and the value of a fold behind."""
        steps = self.step[reports]
        is_end = (steps == AT_END) & (self.fold[reports] != WHOLE)
        return np.where(is_end, _BEHIND, steps) if is_end.any() else steps

    def _declared(self, steps: Floats, at: Ints, reports: Ints) -> Floats:
        y = np.full((len(steps), len(self.names)), np.nan)
        for i in range(len(self.names)):
            values = self.y[reports, i]
            known = ~np.isnan(values)
            y[at[known], i] = values[known]  # in the order of the log: of several, the last stays
        return y


def _stand(attempt: Ints32, step: Floats) -> Bools:
    """Return which reports [r] of one trial and fold stand: no later attempt reported that step or an earlier one."""
    stand = np.ones(len(step), dtype=bool)
    if not len(step) or attempt.min() == attempt.max():
        return stand
    order = np.argsort(attempt, kind="stable")
    begins = np.flatnonzero(np.diff(attempt[order], prepend=-1))
    earliest = np.minimum.reduceat(step[order], begins)
    of_later = np.append(np.minimum.accumulate(earliest[::-1])[::-1][1:], math.inf)
    stand[order] = step[order] < np.repeat(of_later, np.diff(np.append(begins, len(step))))
    return stand


_OF_REPORTS: dict[str, Any] = {
    "seq": np.int64, "row": np.int32, "attempt": np.int32, "fold": np.int32, "step": np.float64,
}  # fmt: skip
_OF_UNDECLARED: dict[str, Any] = {"report": np.int32, "name": np.int16, "value": np.float64}


class CurveLog:
    """The growing side of `Curves`, written by the ledger alone.

    Args:
        names: the declared metrics.

    Attributes:
        columns: by name, for snapshots.
        undeclared: the columns of `Undeclared`, for snapshots.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.columns = {name: Column(dtype) for name, dtype in _OF_REPORTS.items()}
        self.columns["y"] = Column(np.float64, math.nan, len(names))
        self.undeclared = {name: Column(dtype) for name, dtype in _OF_UNDECLARED.items()}
        self._names = names
        self._undeclared_names = Interned()
        self._index: dict[int, array[int]] = {}
        self._sizes = 0, 0  # R, E

    def add(
        self, seq: int, row: int, attempt: int, fold: int | None, step: float, values: Mapping[str, float | str]
    ) -> None:
        """Take in one report.

        To other threads it appears all at once; one that an interrupt cut short is taken in anew from the log.
        """
        n, n_values = self._sizes
        c = self.columns
        c["seq"].put(n, seq)
        c["row"].put(n, row)
        c["attempt"].put(n, attempt)
        c["fold"].put(n, WHOLE if fold is None else fold)
        c["step"].put(n, step)
        c["y"].extend(n + 1)
        n_declared = 0
        for i, name in enumerate(self._names):
            if name in values:
                c["y"].rows[n, i] = float(values[name])
                n_declared += 1
        if len(values) > n_declared:
            n_values = self._add_undeclared(n, n_values, values)
        index = self._index.get(row)
        if index is None:
            index = self._index[row] = array("i")
        if not index or index[-1] != n:
            index.append(n)
        self._sizes = n + 1, n_values

    def _add_undeclared(self, n: int, n_values: int, values: Mapping[str, float | str]) -> int:
        """Keep what no metric was declared for, and return how many values there are now.

        Text that is no number is left, and so are names beyond the bound.
        """
        c = self.undeclared
        beyond = set(self.unknown(values)[MOST_UNDECLARED - len(self._undeclared_names.values) :])
        for name, value in values.items():
            if name in self._names or name in beyond:
                continue
            try:
                number = float(value)
            except ValueError:
                continue
            c["report"].put(n_values, n)
            c["name"].put(n_values, self._undeclared_names.code(name))
            c["value"].put(n_values, number)
            n_values += 1
        return n_values

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Return those of `names` that are neither declared nor were reported before."""
        known = self._undeclared_names.codes
        return [name for name in names if name not in known and name not in self._names]

    @property
    def undeclared_names(self) -> list[str]:
        return self._undeclared_names.values

    @property
    def view(self) -> Curves:
        """The reports so far."""
        n, n_values = self._sizes
        seq, row, attempt, fold, step, y = (column.view[:n] for column in self.columns.values())
        report, name, value = (column.view[:n_values] for column in self.undeclared.values())
        undeclared = Undeclared(report, name, value, self._undeclared_names.values)
        return Curves(seq, row, attempt, fold, step, y, self._names, undeclared, self._index)

    def frozen(self) -> CurveLog:
        """Return the reports as they are now, whatever comes; nothing is copied, since none is written again."""
        still = copy(self)
        still.columns = {name: column.frozen(shared=True) for name, column in self.columns.items()}
        still.undeclared = {name: column.frozen(shared=True) for name, column in self.undeclared.items()}
        return still

    def restore(self, undeclared_names: Iterable[str], n_rows: int, head: int) -> None:
        """Make the rest anew from columns that were loaded.

        Args:
            undeclared_names: what the codes of `undeclared` stand for.
            n_rows: how many trials there are.
            head: the sequence number of the last record.

        Raises:
            ValueError: these are no columns that `add` has filled.
        """
        self._undeclared_names = Interned(undeclared_names)
        self._sizes = self.columns["seq"].n, self.undeclared["report"].n
        if not self._fits(n_rows, head):
            raise ValueError("these columns are no curves")
        rows = self.columns["row"].view
        order = np.argsort(rows, kind="stable").astype(np.intc)
        for part in np.split(order, np.flatnonzero(np.diff(rows[order])) + 1) if len(order) else ():
            self._index[int(rows[part[0]])] = array("i", part.tobytes())

    def _fits(self, n_rows: int, head: int) -> bool:
        view = self.view
        undeclared, names = view.undeclared, self._undeclared_names
        return (
            {column.n for column in self.columns.values()} == {len(view)}
            and {column.n for column in self.undeclared.values()} == {len(undeclared.report)}
            and len(names.codes) == len(names.values) <= MOST_UNDECLARED
            and within(view.row, 0, n_rows - 1)
            and within(view.fold, WHOLE, None)
            and within(view.attempt, 0, None)
            and within(view.seq, 1, head)
            and within(np.diff(view.seq), 1, None)
            and bool(np.isfinite(view.step).all())
            and within(undeclared.report, 0, len(view) - 1)
            and within(np.diff(undeclared.report), 0, None)
            and within(undeclared.name, 0, len(names.values) - 1)
        )
