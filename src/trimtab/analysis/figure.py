"""What a picture shows, as plain data: panels with two axes, and marks on them. Surfaces draw it.

Letters: n points, k places. Positions are in the axes' own units. What is not finite is left out by whoever draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np

from trimtab.arrays import Floats, Ints

LINEAR, LOG, TIME, PLACES = "linear", "log", "time", "places"
"""Scales of an axis. TIME is seconds since the epoch; PLACES are 0, 1, 2, ... with a name each (`ticks`)."""

TONES: Final = ("main", "second", "third", "fourth", "good", "bad", "quiet")
"""What a mark is, rather than its colour: surfaces have colours for light and dark that colour-blind people tell apart.
`quiet` is for what stands behind."""

MOST_DRAWN: Final = 1500
"""Points of one mark at most: more only cover each other, and make a picture large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis.

    Attributes:
        label: what is on it, with its unit.
        scale: LINEAR, LOG, TIME or PLACES.
        low, high: its ends; None to leave them to the marks.
        ticks: (position, text) of the ticks; None to leave them to the scale. Of PLACES they are the names.
        is_shown: whether ticks and label are drawn.
    """

    label: str = ""
    scale: str = LINEAR
    low: float | None = None
    high: float | None = None
    ticks: tuple[tuple[float, str], ...] | None = None
    is_shown: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line through points [n]; with `is_step` it keeps its height up to the next point."""

    x: Floats
    y: Floats
    name: str = ""
    tone: str = "main"
    is_step: bool = False
    is_dashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What lies between two lines over x [n]."""

    x: Floats
    low: Floats
    high: Floats
    name: str = ""
    tone: str = "main"


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Points [n]; `numbers` [n] are the trials that they stand for, `shape` is "dot", "cross" or "diamond"."""

    x: Floats
    y: Floats
    name: str = ""
    tone: str = "main"
    shape: str = "dot"
    numbers: Ints | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Bars [n] that lie: one a place of the axis up, from 0 to `value`, with an interval where it is known."""

    value: Floats
    low: Floats | None = None
    high: Floats | None = None
    name: str = ""
    tone: str = "main"


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Bars [n] that stand between `left` and `right`, from 0 to `value`: a histogram."""

    left: Floats
    right: Floats
    value: Floats
    name: str = ""
    tone: str = "main"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """A field of colours: z [ny, nx] in cells between edges x [nx + 1] and y [ny + 1]; `label` says what z is."""

    x: Floats
    y: Floats
    z: Floats
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """Stretches [n] of lanes: from `begin` to `end` at place `lane` of the axis up."""

    begin: Floats
    end: Floats
    lane: Floats
    name: str = ""
    tone: str = "main"


@dataclass(frozen=True, slots=True, kw_only=True)
class Strands:
    """Broken lines [n, k] over the places 0 to k - 1, the worst first; `share` [n] is 0 for the best, 1 for the worst.

    What is not a number leaves a gap.
    """

    y: Floats
    share: Floats
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A straight line all across the panel, at a position of the axis up, or of that across where `is_upright`."""

    at: float
    name: str = ""
    tone: str = "quiet"
    is_upright: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Texts at points [n]; `above` says whether they stand above or below."""

    x: Floats
    y: Floats
    texts: tuple[str, ...]
    above: bool = True


Mark: TypeAlias = Line | Band | Points | Bars | Columns | Heat | Spans | Strands | Rule | Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture: two axes, and marks from the back to the front."""

    marks: tuple[Mark, ...]
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Panels in rows of `columns`; `label` says in words what is seen, for those who do not see it."""

    panels: tuple[Panel, ...]
    columns: int = 1
    label: str = ""


def thinned(n: int, keep: Sequence[int] | Ints = (), most: int = MOST_DRAWN) -> Ints:
    """Return which of n points are drawn, ascending: all if they are few, else an even choice and those to `keep`."""
    if n <= most:
        return np.arange(n)
    even = np.linspace(0, n - 1, most).astype(np.int64)
    return np.union1d(even, np.asarray(keep, dtype=np.int64))
