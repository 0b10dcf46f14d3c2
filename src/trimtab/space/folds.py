"""What a person may say of folds: how many, how many times how many, or a list of what they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

from trimtab.errors import ProblemError
from trimtab.space.condition import plain, shown

FoldsGiven: TypeAlias = int | str | Sequence[str | float] | None

REPEATED: Final = r"^[1-9][0-9]{0,5}x[1-9][0-9]{0,5}$"
"""Repeats and folds, as 3x5."""


def folds_of(given: object) -> tuple[int | None, tuple[str, ...]]:
    """Return how many folds there are, and what they are called; () where they have numbers alone.

    Args:
        given: a number of folds; "3x5" for three repeats of five, called 0-0 to 2-4; or the instances that a
            configuration is tried on, text and numbers, each of which is a fold of that name.

    Raises:
        ProblemError: it is none of these, or an instance is listed twice.
    """
    given = plain(given)
    if given is None or (isinstance(given, int) and not isinstance(given, bool)):
        return given, ()
    if isinstance(given, str) and re.fullmatch(REPEATED, given):
        repeats, folds = map(int, given.split("x"))
        return repeats * folds, tuple(f"{repeat}-{fold}" for repeat in range(repeats) for fold in range(folds))
    if isinstance(given, Sequence) and not isinstance(given, str | bytes) and len(given):
        instances = [plain(each) for each in given]
        if all(isinstance(each, str | int | float) and not isinstance(each, bool) for each in instances):
            return len(instances), tuple(map(str, instances))
    raise ProblemError(
        'folds is a number of at least 1, "3x5" for three repeats of five, or a list of instances, as '
        f'["wine", "iris"] or [11, 12, 13]; got {shown(given)}.'
    )
