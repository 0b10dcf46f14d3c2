"""What a number is: the questions that every validation asks."""

from __future__ import annotations

import math
import numbers


def is_number(value: object) -> bool:
    """Return True for a finite int or float; a bool is none."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an int that no float holds
        return False


def is_whole(value: object) -> bool:
    """Return True for an int; a bool is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def as_whole(value: object) -> object:
    """Return an integer of an array library as an int, and whatever else as it is."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        return value
    return int(value)
