"""What a number is: the questions that every validation asks."""

from __future__ import annotations

import math
import numbers
from typing import Final, cast

EARLIEST: Final = -62_000_000_000.0
LATEST: Final = 253_000_000_000.0
"""Seconds since the epoch, in the years 5 and 9987: within them `datetime` can say a time in every time zone."""


def is_number(value: object) -> bool:
    """Return True for a finite int or float; a bool is none."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return math.isfinite(as_float(value))


def is_whole(value: object) -> bool:
    """Return True for an int; a bool is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_time(value: object) -> bool:
    """Return True for a time in seconds since the epoch that a calendar has: from the year 1 to 9999."""
    if type(value) is float:  # nearly always, and asked of every record that is read
        return EARLIEST < value < LATEST
    return is_number(value) and EARLIEST < cast("float", value) < LATEST


def as_float(number: int | float) -> float:
    """Return the number as a float: an int that no float holds is infinite, as 1e309 is."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def as_whole(value: object) -> object:
    """Return an integer of an array library as an int, and whatever else as it is."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        return value
    return int(value)


def as_real(value: object) -> object:
    """Return a real number of an array library as an int or a float, and whatever else as it is."""
    if isinstance(value, int | float) or not isinstance(value, numbers.Real):
        return value
    return int(value) if isinstance(value, numbers.Integral) else float(value)
