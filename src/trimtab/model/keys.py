"""Which configurations are the same: rows with the same values, inactive parameters being alike."""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Bools, Floats, Ints


def key_of(x: Floats) -> bytes:
    """Return what tells the configuration [D] from all others."""
    return keys_of(x[None])[0]


def keys_of(x: Floats) -> list[bytes]:
    """Return the keys of configurations [n, D]."""
    return [row.tobytes() for row in np.nan_to_num(x, nan=np.inf)]


def same(x: Floats, row: Floats) -> Bools:
    """Return [...] whether the rows [..., D] are `row` [D]."""
    found: Bools = ((x == row) | (np.isnan(x) & np.isnan(row))).all(axis=-1)
    return found


def numbered(x: Floats) -> Ints:
    """Return [n] a number for each of the rows [n, D]: equal where these are the same."""
    _, numbers = np.unique(np.nan_to_num(x, nan=np.inf), axis=0, return_inverse=True)
    found: Ints = numbers.reshape(-1)
    return found
