"""Configurations that need not be tried again, and what to try in their place."""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.arrays import Floats, Rng
from trimtab.model.keys import key_of, keys_of
from trimtab.optim.protocol import Proposal, Request
from trimtab.space.space import Space

N_DRAWN: Final = 64
"""Random rows among which one that was not tried is looked for."""


class Tried:
    """Rows that are over, by their keys, and rows [p, D] that wait or run."""

    def __init__(self, over: set[bytes], pending: Floats) -> None:
        self._over, self._pending = over, set(keys_of(pending))

    def __contains__(self, x: Floats) -> bool:
        key = key_of(x)
        return key in self._over or key in self._pending

    def left(self, x: Floats) -> Floats:
        """Return those of the rows [n, D] that are not tried, each once."""
        first: dict[bytes, int] = {}
        for i, key in enumerate(keys_of(x)):
            first.setdefault(key, i)
        return x[[i for key, i in first.items() if key not in self._over and key not in self._pending]]

    def is_pending(self, x: Floats) -> bool:
        """Return whether [D] waits or runs."""
        return key_of(x) in self._pending

    def add(self, x: Floats) -> None:
        """Take rows [p, D] as proposed."""
        self._pending.update(keys_of(x))


def untried(space: Space, rng: Rng, given: Floats | None, tried: Tried) -> Floats | None:
    """Return [D] a random row that was not tried; None when none was met."""
    left = tried.left(space.sample(rng, N_DRAWN, given))
    return left[0] if len(left) else None


def without_repeats(
    proposal: Proposal, space: Space, request: Request, tried: Tried, every: Floats | None = None
) -> Proposal:
    """Return the proposal with random rows in the place of those that were tried, as far as others are found.

    Args:
        proposal: what is proposed.
        space: the space of its rows.
        request: what it answers.
        tried: what needs not be tried again; what is proposed is added.
        every: [m, D] all rows of a small space in which nothing is given: when all were tried, nothing is proposed.
    """
    rows: list[Floats] = []
    whys: list[str] = []
    for i, row in enumerate(proposal.x):
        found, why = row, proposal.reason(i)
        if row in tried:
            fresh = (
                untried(space, request.rng, request.given, tried) if every is None else _one(every, request.rng, tried)
            )
            if fresh is None and every is not None:
                break
            if fresh is not None:
                found, why = fresh, f"{why} that was tried: a random one"
        tried.add(found[None])
        rows.append(found)
        whys.append(why)
    return Proposal(np.array(rows).reshape(-1, len(space)), proposal.by, tuple(whys))


def _one(every: Floats, rng: Rng, tried: Tried) -> Floats | None:
    """Return [D] one of the rows that are left; None when none is."""
    left = tried.left(every)
    return left[int(rng.integers(len(left)))] if len(left) else None
