"""The table of trials: which columns there are, which are shown, and which go first where room is short."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import click
import numpy as np

import trimtab as tt
from trimtab.checks import is_number
from trimtab.ledger.curves import WHOLE
from trimtab.ledger.table import TrialView
from trimtab.space.parameter import Parameter
from trimtab.space.problem import Metric
from trimtab.study import best
from trimtab.study.shortfall import missed
from trimtab.surfaces.cli.facts import fidelity_text
from trimtab.surfaces.render.numbers import duration, moment, number, setting
from trimtab.surfaces.render.spark import sparkline
from trimtab.surfaces.render.table import Column
from trimtab.surfaces.render.text import first_line
from trimtab.text import to_json

WHY, CURVE, TOOK, MISSED, LEVEL, VARIED = 6, 5, 4, 3, 2, 1
"""What goes first where room is short: why, the curve, what it took, by how much constraints are missed (which the
metric and the bound in its heading say too), parameters that are the same in all rows, and at last those that vary,
from the right. The number, the state and the metrics always stay."""

CURVE_CELLS = 12
"""How wide a curve is drawn at most: enough to see whether it still falls. By taste."""

Cell = Callable[[TrialView], str]


class Columns:
    """The columns that a table of a study's trials may have, by name."""

    def __init__(self, study: tt.Study) -> None:
        self._study = study
        self._problem = study.problem
        self._feasible = best.feasible(study.table)
        metrics, params = study.problem.metric_names, study.space.names
        self.usual: list[str] = ["trial", "state", *(_own("metrics", name, ()) for name in metrics)]
        self._cells: dict[str, tuple[Column, Cell]] = {
            "trial": (Column("trial", right=True), lambda view: str(view.number)),
            "state": (Column("state"), self.state),
        }
        for metric in study.problem.metrics:
            self._add(
                "metrics", metric.name, Column(metric.name, right=True), _metric(metric.name), *self._said(metric)
            )
        for name in study.table.extra:
            self._add("metrics", name, Column(name, right=True), _metric(name))
        for name in params:
            column = Column(name, _is_numeric(study.space[name]), VARIED)
            self.usual.append(self._add("params", name, column, _param(name)))
        for fidelity in study.problem.fidelities:
            self._add("fidelity", fidelity.name, Column(fidelity.name, right=True), self._fidelity(fidelity.name))
        self.usual += [*(["curve"] if self._has_curves() else []), "took", "why"]
        for column, cell in _OTHERS:
            self._add("", column.name, column, cell)
        self._add("", "curve", Column("curve", rank=CURVE), self._curve)
        if study.problem.constraints:
            self._add("trial", "feasible", Column("feasible"), self._is_feasible)
            is_one = len(study.problem.constraints) == 1
            column = Column("missed", right=is_one, rank=MISSED)
            shown = self._add("trial", "missed", column, self._missed, after=" by" if is_one else "")
            if False in self._feasible:
                self.usual.insert(2 + len(metrics), shown)

    def _add(self, kind: str, name: str, column: Column, cell: Cell, before: str = "", after: str = "") -> str:
        """Add a column under its name; where that is taken, under `params_x`, `metrics_x`, `fidelity_x`, `trial_x`.

        In its heading something may stand before and after the name.
        """
        key = _own(kind, name, self._cells)
        self._cells[key] = (Column(f"{before}{key}{after}", column.right, column.rank, column.prose), cell)
        return key

    def _said(self, metric: Metric) -> tuple[str, str]:
        """Return what stands before and after a metric's name: its direction, of several objectives, or its bound.

        A confidence is left to `show`: it would make the column as wide as half a terminal.
        """
        if not metric.is_objective:
            return "", str(replace(metric, confidence=None)).removeprefix(metric.name)
        return (f"{metric.goal[:3]} " if len(self._problem.objectives) > 1 else ""), ""

    def state(self, view: TrialView) -> str:
        """Return a trial's state; "infeasible" for a complete one that broke a constraint."""
        return "infeasible" if self._feasible[view.number] is False else view.state

    def _is_feasible(self, view: TrialView) -> str:
        return {True: "yes", False: "no", None: "-"}[self._feasible[view.number]]

    def _missed(self, view: TrialView) -> str:
        """Return by how much a complete trial misses the constraints that it misses, as `latency_ms by 15`, or `15`."""
        if self._feasible[view.number] is not False:
            return "-"
        found = missed(self._problem, view.metrics).items()
        is_one = len(self._problem.constraints) == 1
        return ", ".join(number(by) if is_one else f"{metric.name} by {number(by)}" for metric, by in found)

    def _has_curves(self) -> bool:
        """Return whether some trial reported the first objective more than once."""
        curves, i = self._study.table.curves, self._problem.metrics.index(self._problem.objectives[0])
        rows = curves.row[(curves.fold == WHOLE) & ~np.isnan(curves.y[:, i])]
        return len(rows) > len(np.unique(rows))

    def _curve(self, view: TrialView) -> str:
        """Return what a trial reported of the first objective, as a line of bars, each trial's on its own scale."""
        _, y = self._study.table.curves.of(view.number)
        values = y[:, self._problem.metrics.index(self._problem.objectives[0])]
        known = values[~np.isnan(values)].tolist()
        return sparkline(known, CURVE_CELLS) if len(known) > 1 else "-"

    def front(self, views: Iterable[TrialView]) -> tuple[list[Column], list[list[str]]]:
        """Return (columns, rows) of a front: number, metrics, parameters.

        Where room is short the bounded metrics go too, after all parameters: on a front they are within their bounds.
        """
        metrics = self.usual[2 : 2 + len(self._problem.metrics)]
        bounded = {key for key, metric in zip(metrics, self._problem.metrics, strict=True) if not metric.is_objective}
        params = [key for key in self.usual if self._cells[key][0].rank == VARIED]
        names = ["trial", *metrics, *params]
        rows = [[self._cells[name][1](view) for name in names] for view in views]
        heads = [
            replace(self._cells[name][0], rank=VARIED if name in bounded or name in params else 0) for name in names
        ]
        return heads, rows

    def chosen(self, words: str) -> list[str]:
        """Return the names in `a,b,c`; "all" stands for every column.

        Raises:
            click.BadParameter: one of them is no column.
        """
        if words == "all":
            return list(self._cells)
        names = [word.strip() for word in words.split(",") if word.strip()]
        for name in names:
            if self._key(name) is None:
                raise click.BadParameter(f"there is no column {name!r}; there are: {', '.join(self._cells)}, or all.")
        return [key for name in names if (key := self._key(name)) is not None]

    def _key(self, name: str) -> str | None:
        plain = name.removeprefix("metrics_").removeprefix("params_").removeprefix("fidelity_")
        return next((key for key in (name, plain) if key in self._cells), None)

    def _fidelity(self, name: str) -> Cell:
        return lambda view: fidelity_text(self._study, view, name)

    def table(self, views: Iterable[TrialView], chosen: Sequence[str] | None) -> tuple[list[Column], list[list[str]]]:
        """Return (columns, rows): the usual columns, or those chosen, of which all are to be seen."""
        names = self.usual if chosen is None else chosen
        heads = [self._cells[name][0] for name in names]
        rows = [[self._cells[name][1](view) for name in names] for view in views]
        if chosen is not None:
            return [Column(head.name, head.right, 0, head.prose) for head in heads], rows
        return [_ranked(head, [row[i] for row in rows]) for i, head in enumerate(heads)], rows


def _own(kind: str, name: str, taken: object) -> str:
    """Return the name under which a column stands: its own, and one with its kind where that is another column's."""
    is_taken = name in _RESERVED or (isinstance(taken, dict) and name in taken)
    return f"{kind}_{name}" if kind and is_taken else name


def _ranked(head: Column, cells: Sequence[str]) -> Column:
    if head.rank == VARIED and len(cells) > 1 and len(set(cells)) == 1:
        return Column(head.name, head.right, LEVEL, head.prose)
    return head


def _is_numeric(parameter: Parameter) -> bool:
    choices = parameter.choices if isinstance(parameter, tt.Categorical | tt.Ordinal) else ()
    return all(is_number(choice) for choice in choices)


def _metric(name: str) -> Cell:
    return lambda view: number(view.metrics.get(name))


def _param(name: str) -> Cell:
    return lambda view: setting(view.params[name]) if name in view.params else "-"


def why(view: TrialView) -> str:
    """Return why a trial failed or was stopped, else why it was proposed."""
    if view.failure and view.state == "failed":
        return f"{view.failure}: {first_line(view.error)}"
    return view.reason or (f"{view.origin}: {view.why}" if view.why else view.origin)


def _text(value: Any) -> str:
    return str(value) if value not in (None, "", ()) else "-"


_OTHERS: tuple[tuple[Column, Cell], ...] = (
    (Column("took", right=True, rank=TOOK), lambda view: duration(view.seconds)),
    (Column("why", rank=WHY, prose=True), why),
    (Column("cost", right=True), lambda view: number(view.cost)),
    (Column("attempt", right=True), lambda view: str(view.attempt)),
    (Column("worker"), lambda view: _text(view.worker)),
    (Column("asked"), lambda view: moment(view.asked_at)),
    (Column("started"), lambda view: moment(view.started_at)),
    (Column("ended"), lambda view: moment(view.ended_at)),
    (Column("tags"), lambda view: ", ".join(view.tags) or "-"),
    (Column("notes", prose=True), lambda view: to_json(view.notes) if view.notes else "-"),
)
"""What else there is to show of a trial."""

_RESERVED = frozenset({"trial", "state", "all", "curve", *(column.name for column, _ in _OTHERS)})
