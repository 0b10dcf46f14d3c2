"""The best configurations, each once, and the front, as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.arrays import Floats
from trimtab.checks import is_whole
from trimtab.errors import TrialError
from trimtab.explain import Explained
from trimtab.ledger.table import TrialTable, TrialView
from trimtab.numerics.arithmetic import quiet
from trimtab.study import best
from trimtab.study.listing import Listing


@dataclass(frozen=True, slots=True)
class Standing(Explained):
    """A configuration among all that were run to the end and met every constraint.

    Attributes:
        rank: counts from 1.
        params: its active parameters.
        mean: of the first objective over its runs, as it was told.
        error: the standard error of the mean, from what was told or else from how runs of one configuration vary in
            this study; None where neither is known.
        n_runs: how many runs there were.
        trial: the run that is nearest to the mean.
        trials: all of its runs.
    """

    rank: int
    params: dict[str, Any]
    mean: float
    error: float | None
    n_runs: int
    trial: int
    trials: tuple[int, ...]


@quiet()
def top(table: TrialTable, k: int) -> Listing[Standing]:
    """Return the best `k` distinct configurations, the best first, in the order in which `best_row` prefers them.

    Raises:
        TrialError: `k` is no whole number above 0.
    """
    if not is_whole(k) or k < 1:
        raise TrialError(f"top takes how many configurations to return, a whole number above 0; got {k!r}.")
    column = table.problem.metrics.index(table.problem.objectives[0])
    spread = _spread(table, column)
    found = []
    for rank, ranked in enumerate(best.ranking(table)[:k], start=1):
        runs = best.runs(table, ranked.row)
        error = _error(table.errors[runs, column], spread)
        params = table.space.decode(table.x[ranked.row])[0]
        found.append(
            Standing(rank, params, ranked.mean, error, ranked.n_runs, ranked.row, tuple(runs.tolist())),
        )
    name = table.problem.objectives[0].name
    columns: dict[str, list[Any]] = {
        "rank": [one.rank for one in found],
        name: [one.mean for one in found],
        "error": [one.error for one in found],
        "runs": [one.n_runs for one in found],
        "trial": [one.trial for one in found],
    }
    for parameter in table.space.names:
        columns[f"params_{parameter}"] = [one.params.get(parameter) for one in found]
    return Listing(found, columns)


def front(table: TrialTable) -> Listing[TrialView]:
    """Return the front, sorted by the first objective, the best first; with one objective the best trial's equals."""
    views = [table.trial(row) for row in best.sorted_front(table).tolist()]
    columns: dict[str, list[Any]] = {"trial": [view.number for view in views]}
    for name in table.problem.metric_names:
        columns[name] = [view.metrics.get(name) for view in views]
    for parameter in table.space.names:
        columns[f"params_{parameter}"] = [view.params.get(parameter) for view in views]
    return Listing(views, columns)


def _spread(table: TrialTable, column: int) -> float | None:
    """Return the standard deviation between runs of one configuration, pooled; None where none was run twice."""
    rows = best.candidates(table)
    if not len(rows):
        return None
    values, config = table.y[rows, column], best.configurations(table, rows)
    counts = np.bincount(config)
    free = len(rows) - len(counts)
    if free == 0:
        return None
    means = np.bincount(config, weights=values / counts[config])
    return float(np.sqrt(np.square(values - means[config]).sum() / free))


def _error(told: Floats, spread: float | None) -> float | None:
    """Return the standard error of the mean of runs, of which each told its own, or none did."""
    if not np.isnan(told).any():
        return float(np.sqrt(np.square(told).sum()) / len(told))
    return None if spread is None else spread / len(told) ** 0.5
