"""Whether the process foresees what trials give any better than a constant does.

Its record is made of the latest results, each foretold from all others, which is closed form; so is what a constant
makes of them, a normal distribution of the mean and the variance of all others. Where that does better, what is
expected of a point that nobody tried says nothing: on noise, or on a plain with a hole in it, a search by it goes to
corners, or polishes what was luck.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.arrays import Floats
from trimtab.model.labels import Labelled
from trimtab.numerics.gp import Posterior

LEAST_VARIANCE: Final = 1e-12
"""Of labels, which span 1: all others may be equal."""


def advantage(posterior: Posterior, seen: Labelled, n: int) -> float:
    """Return by how much the process foretells latest labels better than a constant: nats of log density a label.

    Args:
        posterior: of what was seen first, and maybe of more after it; what it takes for granted beyond that, pending
            trials for one, must not be in it.
        seen: three labels or more, in the order of their first coming.
        n: how many count.
    """
    gained = posterior.leave_one_out()[: len(seen)] - _by_constant(seen.labels)
    return float(gained[-n:].mean())


def _by_constant(y: Floats) -> Floats:
    """Return [n] the log density of each label under the mean and the variance of all others."""
    n = len(y)
    from_mean = y - y.mean()
    off = from_mean * n / (n - 1)
    squares = np.square(from_mean).sum() - np.square(off) * (n - 1) / n  # of the others, about their own mean
    variance = np.maximum(squares / (n - 2), LEAST_VARIANCE) * n / (n - 1)  # that of the mean is in it
    density: Floats = -0.5 * np.square(off) / variance - 0.5 * np.log(2.0 * np.pi * variance)
    return density
