"""The result that a trial has where it returned nothing and reported its folds: the mean over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from trimtab.arrays import Floats
from trimtab.errors import ObjectiveError
from trimtab.ledger.cells import cells_of
from trimtab.ledger.curves import AT_END
from trimtab.ledger.event import Reported
from trimtab.ledger.table import TrialTable
from trimtab.study.values import NotFiniteError

COST: Final = "cost"
"""The metric that counts as cost where the problem names none, as in what an objective returns."""


class Cells:
    """What a trial reported of its folds so far.

    Args:
        table: how the trials stand.
        number: the trial.
        new: reports of it that are not in the table yet, in their order.

    Attributes:
        folds: those that it reported, sorted.
        values: {metric: values [c]}, nan where a metric has no number in a fold.
    """

    def __init__(self, table: TrialTable, number: int, new: Iterable[Reported] = ()) -> None:
        self._problem = table.problem
        folds, values = cells_of(table.curves, number)
        said: dict[int, dict[str, float]] = {fold: {} for fold in folds.tolist()}
        for name, column in values.items():
            for fold, value in zip(folds.tolist(), column.tolist(), strict=True):
                if value == value:
                    said[fold][name] = value
        for event in new:
            if event.fold is not None and event.step == AT_END:
                mine = said.setdefault(event.fold, {})
                mine |= {name: float(value) for name, value in event.values.items() if value != "nan"}
        self.folds = sorted(said)
        names = dict.fromkeys(name for fold in self.folds for name in said[fold])
        self.values: dict[str, Floats] = {
            name: np.array([said[fold].get(name, np.nan) for fold in self.folds]) for name in names
        }

    def means(self) -> dict[str, float]:
        """Return the mean of each metric over the folds that have it; of what counts as cost, the sum.

        An objective that has a standard error, and of which none was reported, has that of the mean over its folds.
        """
        cost = self._problem.cost or COST
        found: dict[str, float] = {}
        for name, column in self.values.items():
            known = column[np.isfinite(column)]
            if len(known) and (len(known) == len(self.folds) or name in self._problem.metric_names):
                found[name] = float(known.sum() if name == cost else known.mean())
        for i, key in self._problem.errors:
            values = self.values.get(self._problem.metric_names[i], np.zeros(0))
            values = values[np.isfinite(values)]
            if len(values) > 1:
                found[key] = float(values.std(ddof=1) / len(values) ** 0.5)
        return found

    def completed(self, returned: object) -> object:
        """Return a result of a trial whose objective has seen some of the folds alone: what cells tell goes first.

        None where they do not tell all that counts.
        """
        means = self.result() if all(metric.name in self.values for metric in self._problem.objectives) else {}
        said = returned if isinstance(returned, Mapping) else {}
        counts = {*self._problem.metric_names, self._problem.cost or COST}
        if not means or not counts.isdisjoint(said.keys() - means.keys()):
            return None
        return {**said, **means}

    def result(self) -> dict[str, float]:
        """Return the result of a trial that returned nothing.

        Raises:
            NotFiniteError: an objective is nan or infinite in a fold.
            ObjectiveError: a fold was not reported, or one of them lacks an objective.
        """
        problem = self._problem
        n = problem.folds or 0
        missing = sorted(set(range(n)) - set(self.folds))
        if missing:
            which = f"fold {missing[0]} is" if len(missing) == 1 else f"{len(missing)} are"
            name = problem.objectives[0].name
            raise ObjectiveError(
                f"the objective returned nothing, and of its {n} folds {which} missing: report each, as "
                f"trial.report(fold={missing[0]}, {name}=0.3), or return a result."
            )
        for metric in problem.objectives:
            values = self.values.get(metric.name)
            if values is None:
                raise ObjectiveError(f"the objective returned nothing, and no fold has {metric.name!r}.")
            for fold, value in zip(self.folds, values.tolist(), strict=True):
                if not np.isfinite(value):
                    raise NotFiniteError(f"{metric.name} is {value} in fold {fold}.")
        return self.means()
