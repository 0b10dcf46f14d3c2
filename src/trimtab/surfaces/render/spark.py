"""A curve in one line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], cells: int = 32) -> str:
    """Return the curve of `values` in at most `cells` characters; what is not finite leaves a gap.

    A curve longer than that is averaged over equal stretches. A level curve lies in the middle.
    """
    values = _thinned(values, cells)
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return " " * len(values)
    low, high = min(finite), max(finite)
    half = high / 2 - low / 2  # halves: the difference of two large numbers may overflow
    if half == 0:
        return "".join(BARS[3] if math.isfinite(value) else " " for value in values)
    top = len(BARS) - 1
    return "".join(BARS[round((value / 2 - low / 2) / half * top)] if math.isfinite(value) else " " for value in values)


def _thinned(values: Sequence[float], cells: int) -> list[float]:
    n = len(values)
    if n <= cells:
        return list(values)
    thin: list[float] = []
    for cell in range(cells):
        stretch = [v for v in values[cell * n // cells : (cell + 1) * n // cells] if math.isfinite(v)]
        thin.append(sum(v / len(stretch) for v in stretch) if stretch else math.nan)
    return thin
