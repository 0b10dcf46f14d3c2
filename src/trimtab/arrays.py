"""Array aliases, their letters, and the one way to draw random numbers.

Letters: N rows (trials), D parameters, M metrics, F fidelities, R reports.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Rng: TypeAlias = np.random.Generator

MASK64 = (1 << 64) - 1


def rng_at(seed: int, index: int, stream: int = 0) -> Rng:
    """Return the generator of one trial of one study.

    Randomness is a function of (seed, index, stream), so no generator is ever stored and any suggestion can be drawn
    again. Philox is counter-based (Salmon et al., 2011): neighbouring keys give independent streams.

    Args:
        seed: the study's seed, any integer in [0, 2**64).
        index: the trial's number.
        stream: separates uses within one trial.
    """
    return np.random.Generator(np.random.Philox(key=[seed & MASK64, index & MASK64], counter=[0, 0, 0, stream & MASK64]))


def frozen(array: Floats) -> Floats:
    """Return a read-only view of `array`."""
    view = array.view()
    view.flags.writeable = False
    return view
