"""The result that a trial has where it returned nothing and reported its folds: the mean over them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from trimtab.arrays import Floats
from trimtab.errors import ObjectiveError
from trimtab.execute.plain import as_number
from trimtab.ledger.cells import cells_of
from trimtab.ledger.curves import AT_END
from trimtab.ledger.event import Reported
from trimtab.ledger.table import TrialTable
from trimtab.study.values import NotFiniteError, as_mapping

COST: Final = "cost"
"""The metric that counts as cost where the problem names none, as in what an objective returns."""

EXACT: Final = 1e-6
"""How far from the mean over its folds what an objective returned may be and yet be it: single precision."""


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

    def completed(self, returned: object, own: Sequence[int]) -> object:
        """Return the result of a trial whose objective has seen some of the folds alone: what cells tell goes first.

        None where they do not tell all that counts, or where the objective made something else of its folds than their
        mean, as their median, of which nobody knows what it is of all folds.

        Args:
            returned: what the objective returned.
            own: the folds that it has seen.

        Raises:
            NotFiniteError: an objective is nan or infinite in a fold.
            ObjectiveError: what was returned is no result.
        """
        problem = self._problem
        is_known = all(metric.name in self.values for metric in problem.objectives)
        if not is_known or len(self.folds) < (problem.folds or 0):
            return None
        means = self.result()
        said = as_mapping(problem, returned)
        for name in {*problem.metric_names, problem.cost or COST} & said.keys():
            if name not in means or not self._is_mean(name, said[name], own):
                return None
        return {**said, **means}

    def carried(self, returned: object, own: Sequence[int]) -> object:
        """Return the result of a trial of which an earlier attempt ran some folds: means over its own are of all.

        Args:
            returned: what the objective returned.
            own: the folds that this attempt ran.

        Raises:
            ObjectiveError: what was returned is no result.
        """
        if not 0 < len(own) < len(self.folds):
            return returned
        names = self._problem.metric_names
        said = as_mapping(self._problem, returned)
        known = {name: self.values[name] for name in names if name in said and name in self.values}
        means = {name: float(values.mean()) for name, values in known.items() if self._is_mean(name, said[name], own)}
        return {**said, **means} if means else returned

    def _is_mean(self, name: str, said: object, own: Sequence[int]) -> bool:
        """Return whether a number is the mean of a metric over some of the folds, or over all; of cost, the sum."""
        number = as_number(said)
        every = self.values[name]
        some = every[np.isin(self.folds, own)]
        if number is None or not len(some) or not np.isfinite(every).all():
            return False
        is_cost = name == (self._problem.cost or COST)
        room = EXACT * float(np.abs(every).max())
        found = [float(values.sum() if is_cost else values.mean()) for values in (some, every)]
        return any(math.isclose(number, value, rel_tol=EXACT, abs_tol=room) for value in found)

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
