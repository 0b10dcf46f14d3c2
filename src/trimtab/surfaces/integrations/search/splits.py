"""The splits of a search: the same for all candidates, or fresh ones for each.

The best of many that were scored on one small validation part is partly the one that suits that part. Where each
candidate has splits of its own, this luck is noise that differs between candidates, and an engine that learns averages
over it (Nagler et al., 2024, arXiv 2405.15393).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from sklearn.utils.validation import _num_samples

from trimtab.arrays import Ints
from trimtab.errors import ProblemError
from trimtab.space.condition import shown
from trimtab.surfaces.integrations.search.leaks import warn_of_leaks

FEWEST_TO_RACE: Final = 3
"""Splits from which on a race can save anything worth having. With fewer, "auto" reshuffles instead: that helps holdout
most, and the less the more splits there are, and splits that differ cannot race (decision 106)."""

MANY: Final = 100
"""Candidates from which on "auto" reshuffles: of 10 and 40 the best was worse so, of 160 better (decision 106)."""

SHOWN: Final = 0
"""The seed of the splits that stand for all where each candidate has its own: these are counted, looked through for
leaks, and compared with what is on record."""

Split: TypeAlias = tuple[Ints, Ints]
"""(training, validation), as indices or masks of rows."""


class Splits:
    """What a search fits on, and scores on.

    Args:
        cv: a splitter.
        data: (X, y), as it takes them.
        params: what it takes besides, as `groups`.
        reshuffle: whether each candidate has splits of its own: True, False, or "auto".

    Attributes:
        shown: the splits of all candidates, or where each has its own, some that stand for these.
        are_own: whether each candidate has its own.

    Raises:
        ValueError: it gave no split, or not as many as it promised.
        ProblemError: it does not shuffle, where `reshuffle` is True.
    """

    def __init__(self, cv: Any, data: tuple[Any, Any], params: Mapping[str, Any], reshuffle: bool | str) -> None:  # noqa: FBT001 - as the search takes it
        self._cv, self._data, self._params = cv, data, params
        n_splits = cv.get_n_splits(*data, **params)
        if reshuffle is True and not _shuffles(cv):
            raise ProblemError(
                f"reshuffle=True gives each candidate splits of its own, which takes a cv= that shuffles, as "
                f"ShuffleSplit(1) or KFold(5, shuffle=True); got {shown(cv)}."
            )
        self.are_own = reshuffle is True or (reshuffle == "auto" and n_splits < FEWEST_TO_RACE and _shuffles(cv))
        self.shown: Sequence[Split] = self.of(SHOWN) if self.are_own else list(cv.split(*data, **params))
        if not self.shown:
            raise ValueError("cv= gave no split, so that no fits were performed. Was the CV iterator empty?")
        if len(self.shown) != n_splits:
            raise ValueError(
                f"cv.split and cv.get_n_splits return inconsistent results: {len(self.shown)} splits came, and "
                f"{n_splits} were promised."
            )
        warn_of_leaks(self.shown, _num_samples(data[0]))

    def __len__(self) -> int:
        return len(self.shown)

    def of(self, seed: int) -> Sequence[Split]:
        """Return the splits of the candidate whose trial has that seed."""
        if not self.are_own:
            return self.shown
        own = copy.copy(self._cv)
        own.random_state = seed
        return list(own.split(*self._data, **self._params))


def _shuffles(cv: object) -> bool:
    """Return whether the splits of a splitter are drawn: those of KFold and its like are where they are told so."""
    return hasattr(cv, "random_state") and bool(getattr(cv, "shuffle", True))
