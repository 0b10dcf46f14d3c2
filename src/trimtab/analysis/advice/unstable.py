"""A value from which on trials diverge: a matter of stability, before it is one of tuning."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from trimtab.analysis.advice.advice import Advice
from trimtab.analysis.advice.sight import Sight
from trimtab.arrays import Bools, Floats, Ints
from trimtab.ledger.event import FAILURE_KINDS
from trimtab.ledger.table import COMPLETE, FAILED
from trimtab.model.feasibility import split
from trimtab.space.parameter import Float, Int

LEAST: Final = 4
"""Trials that diverged, at least."""
ABOVE: Final = 0.8
BELOW: Final = 0.1
"""Shares that diverge on either side of the threshold."""
CHANCE: Final = 1e-3
"""How likely as sharp a threshold may be by chance in one parameter (Fisher's exact test)."""
FAR: Final = 20.0
"""Losses that are so many times as far from the best as the next smaller one, in the worse half, diverged as well."""
NEAR: Final = 0.2
"""The best is near the threshold if it lies within this part of the range below it."""


def unstable(sight: Sight) -> Iterator[Advice]:
    """Yield, for each number above which trials diverge, where that begins.

    Godbole et al., 2023: where all trials above some learning rate diverge and the best lie near that edge, training
    is unstable there, and warm-up or clipping may be worth more than a smaller range.
    """
    rows, diverged = diverging(sight)
    if int(diverged.sum()) < LEAST:
        return
    found: list[tuple[float, Advice]] = []
    for column in sight.free.tolist():
        parameter = sight.space.parameters[column]
        if not isinstance(parameter, Float | Int):
            continue
        codes = sight.table.x[rows, column]
        known = ~np.isnan(codes)
        threshold = cut(codes[known], diverged[known])
        if threshold is None:
            continue
        at, n_above, bad_above, bad_below, chance = threshold
        name = sight.space.names[column]
        u = sight.space.to_unit(np.where(np.arange(len(sight.space)) == column, at, sight.space.default_row()))[column]
        best = sight.u[sight.best, column] if len(sight.ranked) else np.nan
        is_near = bool(0.0 <= u - best <= NEAR)
        rest = (
            "The best trial lies just below: warm-up, gradient clipping or a better initialisation may allow more, and "
            "are worth trying first."
            if is_near
            else "Nothing is lost by leaving that part out."
        )
        found.append(
            (
                chance,
                Advice(
                    "unstable",
                    name,
                    f"above {name} = {at:.3g} training diverges: {bad_above} of {n_above} trials there, and "
                    f"{bad_below} of {int(known.sum()) - n_above} below. {rest}",
                    min(0.99, bad_above / n_above),
                    {"threshold": at, "diverged_above": bad_above, "above": n_above, "best_is_near": is_near},
                    "refine",
                    {"narrow": {name: [None, _shown(parameter, at)]}},
                ),
            )
        )
    if found:  # what goes with it in other parameters is most likely the same trials again
        yield min(found, key=lambda pair: pair[0])[1]


def diverging(sight: Sight) -> tuple[Ints, Bools]:
    """Return the trials that are complete or diverged, and which of them did: they gave nan, or a loss far off."""
    table = sight.table
    is_nan = np.isin(table.failure, [FAILURE_KINDS.index("nan")]) & (table.state == FAILED)
    rows = np.flatnonzero((table.state == COMPLETE) | is_nan)
    losses = split(sight.problem, table.y[rows])[0][:, 0]
    off = np.sort(losses[~np.isnan(losses) & ~is_nan[rows]])
    far = np.zeros(len(rows), dtype=np.bool_)
    if len(off) >= 2 * LEAST:
        worse = off[len(off) // 2 :] - off[0]
        leaps = np.flatnonzero((worse[1:] > FAR * worse[:-1]) & (worse[:-1] > 0.0))
        if len(leaps):
            far = losses - off[0] >= worse[leaps[0] + 1]
    return rows, is_nan[rows] | far


def cut(codes: Floats, bad: Bools) -> tuple[float, int, int, int, float] | None:
    """Return (threshold, trials above, bad above, bad below, chance) of the sharpest threshold; None without one."""
    if len(codes) < 2 * LEAST or bad.all():
        return None
    order = np.argsort(codes, kind="stable")
    codes, bad = codes[order], bad[order]
    n, n_bad = len(bad), int(bad.sum())
    above = n_bad - np.concatenate([[0], np.cumsum(bad)[:-1]])  # bad ones from each place on
    size = n - np.arange(n)
    share_above, share_below = above / size, (n_bad - above) / np.maximum(1, n - size)
    fits = (share_above >= ABOVE) & (share_below <= BELOW) & (above >= LEAST) & (np.arange(n) > 0)
    fits[1:] &= codes[1:] > codes[:-1]
    if not fits.any():
        return None
    places = np.flatnonzero(fits)
    place = int(places[np.argmax((share_above - share_below)[places])])
    chance = _fisher(int(above[place]), int(size[place]), n_bad, n)
    if chance > CHANCE:
        return None
    low, high = float(codes[place - 1]), float(codes[place])
    at = math.sqrt(low * high) if low > 0 else 0.5 * (low + high)
    return at, int(size[place]), int(above[place]), n_bad - int(above[place]), chance


def _fisher(hits: int, drawn: int, good: int, n: int) -> float:
    """Return how likely so many hits or more are among `drawn` of `n`, of which `good` are hits."""

    def log_choose(a: int, b: int) -> float:
        return math.lgamma(a + 1) - math.lgamma(b + 1) - math.lgamma(a - b + 1)

    whole = log_choose(n, drawn)
    return sum(
        math.exp(log_choose(good, k) + log_choose(n - good, drawn - k) - whole)
        for k in range(hits, min(good, drawn) + 1)
        if drawn - k <= n - good
    )


def _shown(parameter: Float | Int, at: float) -> float | int:
    """Return a value that the parameter can have at or below the threshold, of few digits."""
    if parameter.grid is not None:
        value = parameter.grid.value(parameter.grid.nearest(at))
        return int(value) if isinstance(parameter, Int) else value
    short = float(f"{at:.3g}")
    return min(max(short, parameter.low), parameter.high)
