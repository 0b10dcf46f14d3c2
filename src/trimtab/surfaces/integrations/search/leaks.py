"""Rows that are in the training and in the validation part of a split: what was learned by heart scores well."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from trimtab.arrays import Ints


def warn_of_leaks(splits: Sequence[tuple[Ints, Ints]], n_rows: int) -> None:
    """Warn where a split has rows on both sides.

    Args:
        splits: (training, validation) of each split, as indices or masks of rows.
        n_rows: of the data.
    """
    leaking = []
    for number, (train, test) in enumerate(splits):
        is_trained = np.zeros(n_rows, dtype=np.bool_)
        is_trained[np.asarray(train)] = True
        n_shared = int(is_trained[np.asarray(test)].sum())
        if n_shared:
            leaking.append((number, n_shared))
    if leaking:
        number, n_shared = leaking[0]
        warnings.warn(
            f"split {number} has {n_shared:,} rows in training and in validation ({len(leaking)} of {len(splits)} "
            "splits have some): their scores say how well rows are remembered. Give cv= whose parts do not overlap.",
            UserWarning,
            stacklevel=3,
        )
