"""Folds: in which order a trial goes through them."""

from __future__ import annotations

from typing import Final

from trimtab.arrays import rng_at

_STREAM: Final = 2
"""The stream of a study's generator that shuffles its folds: 0 and 1 are those of trials."""


def shuffled(seed: int, n: int) -> list[int]:
    """Return the folds of a study in an order of its own, the same for all its trials.

    What lies first in the data, or was the first instance that somebody thought of, is no sample of the rest.
    """
    order: list[int] = rng_at(seed, 0, _STREAM).permutation(n).tolist()
    return order
