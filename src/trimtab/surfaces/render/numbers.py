"""Numbers, durations, sizes and times as people read them."""

from __future__ import annotations

import math
from datetime import datetime

DIGITS = 4
"""Significant digits of a measured number."""

_PREFIXES = ("", "k", "M", "G", "T", "P")


def number(value: float | None) -> str:
    """Return a number with four significant digits: `0.01234`, `1235`, `1.2e-5`; a dash for None.

    Whole numbers below a million keep all their digits. Powers of ten appear where zeros would hide the number.
    """
    if value is None:
        return "-"
    if not math.isfinite(value):
        return str(float(value))
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    mantissa, _, power = f"{value:.{DIGITS - 1}e}".partition("e")
    exponent = int(power)
    if -4 <= exponent < 6:
        text = f"{value:.{max(0, DIGITS - 1 - exponent)}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{mantissa.rstrip('0').rstrip('.')}e{exponent}"


def setting(value: object) -> str:
    """Return the value of a parameter: numbers as `number` does, whole ones in full, the rest as it is."""
    if isinstance(value, float):
        return number(value)
    return str(value)


def exact(value: object) -> str:
    """Return the value of a parameter with all its digits, so that whoever copies it has that very value."""
    return str(value)


def duration(seconds: float | None) -> str:
    """Return a duration in its two largest units: `45 ms`, `1.2 s`, `12 s`, `3 min 05 s`, `1 h 02 min`, `2 d 03 h`."""
    if seconds is None or math.isnan(seconds):
        return "-"
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if math.isinf(seconds):
        return "for ever"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.0005 or seconds == 0 else "< 1 ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days} d {hours:02d} h"


def size(n_bytes: float | None) -> str:
    """Return a number of bytes in decimal units: `512 B`, `2 GB`, `1.5 TB`."""
    if n_bytes is None:
        return "-"
    value = float(n_bytes)
    for prefix in _PREFIXES:
        if abs(value) < 999.5 or prefix == _PREFIXES[-1]:
            break
        value /= 1000
    return f"{value:.3g} {prefix}B" if value < 999.5 else f"{value:.0f} {prefix}B"


def count(n: int, noun: str) -> str:
    """Return `1 trial`, `1,234 trials`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def moment(at: float | None) -> str:
    """Return a time in seconds since the epoch as local date and time; a dash for None."""
    if at is None:
        return "-"
    try:
        return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{number(at)} s"  # of a clock that was beyond all calendars
