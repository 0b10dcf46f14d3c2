"""Texts that say the same of different trials, and the region of the space in which something happens."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.analysis.card import text
from trimtab.arrays import Bools, Floats
from trimtab.numerics.arithmetic import quiet
from trimtab.space.parameter import CATEGORICAL
from trimtab.space.space import Space

_NUMBER: Final = re.compile(r"0x[0-9a-fA-F]+|[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_PATH: Final = re.compile(r"(?:/[\w.\-]+){2,}")

LONGEST: Final = 400
"""Characters of a text that are compared: what it says first tells what it is."""


def same_but_numbers(said: str) -> str:
    """Return what texts have in common that differ in numbers and paths: `step <n> of <path>`."""
    first = next((line.strip() for line in said.splitlines() if line.strip()), "")
    return _NUMBER.sub("<n>", _PATH.sub("<path>", first[:LONGEST]))


def grouped(texts: Iterable[str]) -> list[tuple[str, int]]:
    """Return (what they have in common, how many) of texts, the most frequent first."""
    return Counter(map(same_but_numbers, texts)).most_common()


@dataclass(frozen=True, slots=True)
class Region:
    """Where something happens that happens elsewhere more seldom: on one side of a value of one parameter.

    Attributes:
        column: the parameter; said: the side in words, as `batch >= 128`.
        inside, n_inside: how often there, of how many; outside, n_outside: elsewhere.
    """

    column: int
    said: str
    inside: int
    n_inside: int
    outside: int
    n_outside: int


@quiet()
def region_of(space: Space, x: Floats, happened: Bools) -> Region | None:
    """Return the side of one value of one parameter that tells best where something happened.

    The best by information gain; None where none tells more than 100 splits of chance would one time in twenty: the
    gain times 2 n is about a chi-square of one degree of freedom, and the bound that of the best of so many.
    """
    n, total = len(happened), int(happened.sum())
    if not 0 < total < n:
        return None
    best: Region | None = None
    best_gain = 6.1 / n  # half the chi-square quantile at 1 - 0.05 / 100
    whole = _entropy(np.array([total / n]))[0]
    for column, parameter in enumerate(space.parameters):
        active = np.flatnonzero(~np.isnan(x[:, column]))
        codes, there = x[active, column], happened[active]
        if len(codes) < 2:
            continue
        values, place = np.unique(codes, return_inverse=True)
        counts = np.bincount(place)
        hits = np.bincount(place, weights=there)
        if parameter.kind != CATEGORICAL:
            counts, hits = np.cumsum(counts)[:-1], np.cumsum(hits)[:-1]
        if not len(counts):
            continue
        inside = _entropy(hits / counts) * counts
        rest = n - counts
        outside = np.where(rest > 0, _entropy((total - hits) / np.maximum(rest, 1)) * rest, 0.0)
        gain = whole - (inside + outside) / n
        i = int(np.argmax(gain))
        if gain[i] > best_gain:
            best_gain = float(gain[i])
            best = _region(
                space, column, values, i, int(counts[i]), int(hits[i]), n, total, int(there.sum()), len(codes)
            )
    return best


def _region(
    space: Space,
    column: int,
    values: Floats,
    i: int,
    count: int,
    hit: int,
    n: int,
    total: int,
    n_there: int,
    n_active: int,
) -> Region:
    name, parameter = space.names[column], space.parameters[column]
    if parameter.kind == CATEGORICAL:
        said, inverse = (
            f"{name} = {_said(space, column, values[i])}",
            f"{name} is not {_said(space, column, values[i])}",
        )
    else:
        said, inverse = (
            f"{name} <= {_said(space, column, values[i])}",
            f"{name} >= {_said(space, column, values[i + 1])}",
        )
    if hit * n >= total * count:
        return Region(column, said, hit, count, total - hit, n - count)
    return Region(column, inverse, n_there - hit, n_active - count, total - n_there + hit, n - n_active + count)


def _said(space: Space, column: int, code: float) -> str:
    value = space.parameters[column].value(float(code))
    return text(value) if isinstance(value, float) else str(value)


def _entropy(share: Floats) -> Floats:
    """Return [n] the entropy, in nats, of events of such probabilities."""
    share = np.clip(share, 1e-12, 1.0 - 1e-12)
    found: Floats = -(share * np.log(share) + (1.0 - share) * np.log1p(-share))
    return found
