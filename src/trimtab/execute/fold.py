"""The fold that a report is about: which entry says it, and what it may be.

It is said beside the metrics, as `fold=2` or as a key of a JSON line, so an entry of that name is the fold unless a
declared metric bears it.
"""

from __future__ import annotations

from collections.abc import Collection, MutableMapping
from typing import Any

from trimtab.checks import as_whole, is_whole
from trimtab.errors import ObjectiveError
from trimtab.execute.plain import as_number, show

FOLD = "fold"
"""What the entry is called."""

MOST_FOLDS = 1_000_000
"""Folds that are counted: more than the rows of any table that is left out one by one."""


def take_fold(said: MutableMapping[str, Any], metrics: Collection[str]) -> object:
    """Take the fold, unchecked, out of what was reported; None where there is none, or a metric is called so."""
    return None if FOLD in metrics else said.pop(FOLD, None)


def check_fold(fold: object, n_folds: int | None = None) -> int | None:
    """Return the fold as an int, None for the trial as a whole.

    Args:
        fold: what was reported.
        n_folds: how many the problem has, None where it does not say.

    Raises:
        ObjectiveError: it is none of the folds.
    """
    if fold is None:
        return None
    number = as_whole(fold)
    if isinstance(number, float) and as_number(number) == int(as_number(number) or 0):
        number = int(number)  # JSON and shells have one kind of number
    last = (MOST_FOLDS if n_folds is None else n_folds) - 1
    if not isinstance(number, int) or not is_whole(number) or not 0 <= number <= last:
        raise ObjectiveError(f"report's fold is a whole number from 0 to {last:,}, got {show(fold)}.")
    return number
