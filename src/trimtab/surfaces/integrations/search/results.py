"""`cv_results_` where candidates were dropped between folds.

scikit-learn makes it where all folds were run. Here, what was not run is nan, means and deviations are over what was
run, and a score's mean is freed of how hard the folds were that a candidate met.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trimtab.arrays import Bools, Floats
from trimtab.model.folds import FoldEffects


def with_races(results: dict[str, Any], is_run: Bools, is_whole: Bools, times: Mapping[str, Floats]) -> dict[str, Any]:
    """Return scikit-learn's results, made of nan where nothing was run, with means of what was run.

    Candidates that were raced out are ranked behind all others, and their mean is never above that of the best.

    Args:
        results: as scikit-learn made them.
        is_run: [n, n_splits] which cells were run.
        is_whole: [n] whether all of a candidate's cells were, to the last step.
        times: "fit_time" and "score_time", [n, n_splits] each.
    """
    raced: Bools = np.logical_not(is_whole)
    n_splits = is_run.shape[1]
    found = dict(results)
    for name, seconds in times.items():
        found[f"mean_{name}"] = np.array([row[run].mean() for row, run in zip(seconds, is_run, strict=True)])
        found[f"std_{name}"] = np.array([row[run].std() for row, run in zip(seconds, is_run, strict=True)])
    for key in [key for key in results if key.startswith("mean_")]:
        name = key.removeprefix("mean_")
        if f"split0_{name}" not in results:
            continue
        cells = np.column_stack([results[f"split{k}_{name}"] for k in range(n_splits)])
        losses = np.where(is_run, -cells, np.nan)[:, :, np.newaxis]
        complete = np.isfinite(losses).all(axis=(1, 2)) & is_whole
        adjusted = -FoldEffects.of(losses[complete]).adjusted(losses)[:, 0]
        means = results[key].copy()
        best = np.nanmax(np.where(raced, np.nan, means)) if np.isfinite(means[~raced]).any() else np.inf
        for i in np.flatnonzero(raced).tolist():
            run = cells[i][is_run[i]]
            means[i] = np.nan if np.isnan(run).any() else min(adjusted[i], best)
            found[f"std_{name}"][i] = run.std()
        found[key] = means
        if f"rank_{name}" in results:
            found[f"rank_{name}"] = _ranks(means, raced)
    if not is_run.all():
        found["n_splits_run"] = is_run.sum(axis=1)
    return found


def _ranks(means: Any, raced: Bools) -> Any:
    """Return int32 [n] the place of each: complete ones by their mean, then raced-out ones, then failed ones."""
    tier = np.where(np.isnan(means), 2, raced.astype(np.int64))
    order = np.lexsort((-np.nan_to_num(means), tier))
    ranks = np.empty(len(means), dtype=np.int32)
    place = 0
    for at, i in enumerate(order.tolist()):
        before = order[at - 1]
        if not at or tier[i] != tier[before] or (tier[i] < 2 and means[i] != means[before]):
            place = at + 1
        ranks[i] = place
    return ranks
