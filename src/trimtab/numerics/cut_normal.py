"""Normal distributions that are cut to the unit interval."""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.arrays import Floats

UNIFORM: Final = 1e4
"""A spread beyond which one is uniform to eight digits, and its quantiles would be differences of next to nothing."""


def quantile(p: Floats, centre: Floats, spread: Floats) -> Floats:
    """Return the points [..., k] in [0, 1] below which a share p [..., k] of each of k distributions lies.

    Args:
        p: [..., k] in [0, 1].
        centre: [k] or [..., k], where the normal distributions are centred.
        spread: of the same shape, their standard deviations before they are cut, above 0.
    """
    from scipy.special import ndtr, ndtri

    by = np.minimum(spread, UNIFORM)
    low, high = ndtr(-centre / by), ndtr((1.0 - centre) / by)
    found: Floats = np.clip(centre + by * ndtri(low + p * (high - low)), 0.0, 1.0)
    return found
