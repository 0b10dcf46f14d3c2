"""Results that the rest does not explain: runs that diverged by bad luck, or whose metric was misread.

One result that is far from all others proves nothing: objectives have cliffs. Two runs of one configuration that are
farther apart than results are from each other do. From then on a configuration counts by the typical one of its runs, a
single result below all others does not count until it is seen again, and processes set aside what they cannot foresee
from the rest.

Letters: n results, c configurations.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.arrays import Bools, Floats, Ints

FAR_OUT: Final = 7.0
"""Farther from the median than so many median distances from it is far out. Of a normal distribution that is where
Tukey's fences are ("Exploratory data analysis", 1977, section 2D); these hold up to a quarter of outliers, not to a
half. Of runs that differ by normal noise alone one pair in a thousand is as far apart."""

FEW: Final = 8
"""Of fewer results nobody knows what is far. By taste."""

UNKNOWN: Final = 10.0
"""The variance of a label that says nothing: labels span 1."""

SURE: Final = 3
"""So many runs that agree are believed though they are far out: of two, both are now and then off alike."""


def fences(losses: Floats) -> tuple[float, float]:
    """Return below and above which of losses [n] one is far out; infinities where that cannot be told."""
    if len(losses) < FEW:
        return -np.inf, np.inf
    with np.errstate(over="ignore"):
        middle = float(np.median(losses))
        reach = FAR_OUT * float(np.median(np.abs(losses - middle)))
    return (middle - reach, middle + reach) if reach > 0.0 else (-np.inf, np.inf)


def is_spoilt(losses: Floats, config: Ints) -> bool:
    """Return whether two of the results [n] of one configuration are farther apart than chance by noise makes them."""
    if len(losses) < FEW or int(config.max()) + 1 == len(losses):
        return False
    return bool(torn(losses, config).any())


def are_torn(losses: Floats, runs: Ints) -> bool:
    """Return whether two runs of one configuration, some of all results [n], are too far apart for noise."""
    if len(runs) < 2 or len(losses) < FEW:
        return False
    below, above = fences(losses)
    with np.errstate(over="ignore"):
        return float(np.ptp(losses[runs])) > 0.5 * (above - below)


def typical(losses: Floats, config: Ints) -> Floats:
    """Return [c] the middle one of the runs of each configuration, of an even number the one nearer to all results."""
    order = np.lexsort([losses, config])
    counts = np.bincount(config)
    first = np.cumsum(counts) - counts
    low, high = losses[order[first + (counts - 1) // 2]], losses[order[first + counts // 2]]
    middle = float(np.median(losses))
    is_torn = torn(losses, config)
    nearer = np.where(np.abs(low - middle) <= np.abs(high - middle), low, high)
    found: Floats = np.where(is_torn, nearer, 0.5 * low + 0.5 * high)
    return found


def unbelieved(losses: Floats, config: Ints) -> Bools:
    """Return [c] which configurations are too good to be believed before so many runs of them agree."""
    counts, (low, _) = np.bincount(config), fences(losses)
    found: Bools = (typical(losses, config) < low) & ((counts < SURE) | torn(losses, config))
    return found


def is_usual(losses: Floats, counts: Floats) -> Bools:
    """Return [c] which configurations gave what is not far out, or gave it so often [c] that it is theirs."""
    found: Bools = (losses <= fences(losses)[1]) | (counts >= SURE)
    return found


def whole(losses: Floats, config: Ints) -> Bools:
    """Return [n] which results are of configurations whose runs were not torn apart: these tell of noise."""
    if not is_spoilt(losses, config):
        return np.ones(len(losses), dtype=np.bool_)
    found: Bools = ~torn(losses, config)[config]
    return found


def off(losses: Floats, config: Ints) -> Bools:
    """Return [n] which results are off by bad luck: none until two runs of one configuration were torn apart.

    Then those that are far out, unless so many runs of a configuration agree that this is its own.
    """
    if not len(losses) or not is_spoilt(losses, config):
        return np.zeros(len(losses), dtype=np.bool_)
    below, above = fences(losses)
    is_own = (np.bincount(config) >= SURE) & ~torn(losses, config)
    found: Bools = ((losses < below) | (losses > above)) & ~is_own[config]
    return found


def kept(losses: Floats, between: tuple[float, float]) -> Floats:
    """Return those of all runs [r] of one configuration that are not off, by fences that other runs have set.

    One that gave nothing else, so often that runs which agree are believed, keeps what is far from all others.
    """
    below, above = between
    found = losses[(losses >= below) & (losses <= above)]
    is_own = not len(found) and len(losses) >= SURE and float(np.ptp(losses)) <= 0.5 * (above - below)
    return losses if is_own else found


def torn(losses: Floats, config: Ints) -> Bools:
    """Return [c] of which configurations two runs are too far apart."""
    n = int(config.max()) + 1
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(low, config, losses)
    np.maximum.at(high, config, losses)
    below, above = fences(losses)
    with np.errstate(over="ignore"):
        found: Bools = high - low > 0.5 * (above - below)
    return found
