"""Where values lie on an axis, and what its ticks say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.arrays import Floats
from trimtab.numerics.arithmetic import quiet
from trimtab.surfaces.render.numbers import number

LARGEST = 1e300
"""What is larger is drawn there: differences of still larger numbers overflow."""

_STEPS = (1.0, 2.0, 5.0, 10.0)
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_TIME_STEPS = (
    *(factor / 10**digits for digits in (6, 5, 4, 3, 2, 1) for factor in (1, 2, 5)),
    1, 2, 5, 10, 30, _MINUTE, 120, 300, 600, 1800, _HOUR, 7200, 21600, 43200, _DAY, 172800, 604800, 2592000, 31536000,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scale:
    """One axis with its ends.

    Attributes:
        axis: what it shows.
        low, high: its ends, in the axis' own unit.
    """

    axis: fig.Axis
    low: float
    high: float

    @quiet()
    def at(self, values: Floats) -> Floats:
        """Return [n] where values lie: 0 at the low end, 1 at the high end; nan for what no axis can show."""
        values = np.asarray(values, dtype=np.float64)
        low, high = self._line(np.array(self.low)), self._line(np.array(self.high))
        span = high - low
        found: Floats = (self._line(np.clip(values, -LARGEST, LARGEST)) - low) / (span if span > 0 else 1.0)
        return np.where(np.isnan(values), np.nan, found)

    def _line(self, values: Floats) -> Floats:
        return np.log10(np.where(values > 0.0, values, np.nan)) if self.axis.scale == fig.LOG else values

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Return (position, text) of at most about so many ticks."""
        if self.axis.ticks is not None:
            inside = [tick for tick in self.axis.ticks if self.low <= tick[0] <= self.high]
            every = 1 if self.axis.scale == fig.PLACES else math.ceil(len(inside) / max(1, most))
            return inside[:: max(1, every)]
        if self.axis.scale == fig.LOG:
            return _log_ticks(self.low, self.high, most)
        if self.axis.scale == fig.TIME:
            return _time_ticks(self.low, self.high, most)
        return _linear_ticks(self.low, self.high, most)


@quiet()
def scales(panel: fig.Panel) -> tuple[Scale, Scale]:
    """Return the axes across and up, with ends that hold every mark."""
    across: list[Floats] = []
    up: list[Floats] = []
    for mark in panel.marks:
        x, y = reach(mark)
        across.append(x)
        up.append(y)
    return _scale(panel.x, across), _scale(panel.y, up)


def reach(mark: fig.Mark) -> tuple[Floats, Floats]:
    """Return positions across and up that an axis should hold."""
    none = np.zeros(0)
    if isinstance(mark, fig.Line | fig.Points | fig.Words):
        return mark.x, mark.y
    if isinstance(mark, fig.Band):
        return mark.x, np.concatenate([mark.low, mark.high])
    if isinstance(mark, fig.Bars):
        parts = [np.zeros(1), mark.value, *(part for part in (mark.low, mark.high) if part is not None)]
        return np.concatenate(parts), np.array([-0.5, len(mark.value) - 0.5])
    if isinstance(mark, fig.Columns):
        return np.concatenate([mark.left, mark.right]), np.append(mark.value, 0.0)
    if isinstance(mark, fig.Heat):
        return mark.x, mark.y
    if isinstance(mark, fig.Spans):
        return np.concatenate([mark.begin, mark.end]), np.concatenate([mark.lane - 0.5, mark.lane + 0.5])
    if isinstance(mark, fig.Strands):
        return np.array([-0.3, mark.y.shape[1] - 0.7]), np.array([0.0, 1.0])
    return (np.array([mark.at]), none) if mark.is_upright else (none, np.array([mark.at]))


def _scale(axis: fig.Axis, parts: list[Floats]) -> Scale:
    values = np.clip(np.concatenate([*parts, np.zeros(0)]), -LARGEST, LARGEST)
    values = values[np.isfinite(values)]
    if axis.scale == fig.LOG:
        values = values[values > 0.0]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if axis.scale == fig.LOG and not len(values):
        low, high = 1.0, 10.0
    if axis.low is None and axis.high is None and axis.scale != fig.PLACES:
        low, high = _wider(axis, low, high)
    low, high = (low if axis.low is None else axis.low), (high if axis.high is None else axis.high)
    if not low < high:
        low, high = (low / 2, high * 2) if axis.scale == fig.LOG else (low - 0.5, high + 0.5)
        if not low < high:  # so large that a half is nothing
            low, high = min(low, 0.0), max(high, 0.0)
    return Scale(axis, low, high)


def _wider(axis: fig.Axis, low: float, high: float) -> tuple[float, float]:
    """Return ends a little beyond the values, so that no mark lies on the frame."""
    if axis.scale == fig.LOG:
        ratio = (math.log10(high) - math.log10(low)) * 0.04
        return 10 ** (math.log10(low) - ratio), 10 ** min(math.log10(high) + ratio, 300)
    room = (high / 2 - low / 2) * 0.08
    return (low if low == 0.0 else low - room), (high if high == 0.0 else high + room)


def _linear_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    span = high - low
    if not (span > 0 and math.isfinite(span)):
        return [(low, number(low)), (high, number(high))]
    rough = span / max(1, most)
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 1e-300 else rough
    finest = next(factor * power for factor in _STEPS if factor * power >= rough * 0.999)
    for step in (finest, finest / 2, finest / 5):  # two ticks at least, or nothing says what the scale is
        first = math.ceil(low / step - 1e-9)
        n = min(int((high - first * step) / step + 1e-9) + 1, 4 * most + 4)
        places = [(first + i) * step for i in range(max(0, n))]
        if len(places) >= 2:
            return [(at, _short(at, step)) for at in places]
    return [(low, number(low)), (high, number(high))]


def _short(at: float, step: float) -> str:
    """Return a tick with as many digits as tell it from its neighbours."""
    if abs(at) < step * 1e-6:
        return "0"
    if max(abs(at), step) >= 1e6 or step < 1e-4:
        digits = max(0, math.floor(math.log10(abs(at))) - math.floor(math.log10(step)))
        mantissa, _, exponent = f"{at:.{digits}e}".partition("e")
        return f"{mantissa}e{int(exponent)}"
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{at:.{decimals}f}"


def _log_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    decades = list(range(first, last + 1))
    if len(decades) >= 2:
        every = math.ceil(len(decades) / max(1, most))
        return [(10.0**power, _power(power)) for power in decades[::every]]
    places = [factor * 10.0**power for power in range(first - 1, last + 2) for factor in (1, 2, 3, 5, 7)]
    inside = [at for at in places if low * (1 - 1e-9) <= at <= high * (1 + 1e-9)]
    if len(inside) >= 2:
        return [(at, number(at)) for at in inside[:: math.ceil(len(inside) / max(1, most))]]
    return [(low, number(low)), (high, number(high))]


def _power(power: int) -> str:
    return number(10.0**power) if -4 < power < 5 else f"1e{power}"


def _time_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    span = high - low
    step = next((float(step) for step in _TIME_STEPS if span / step <= most), span)
    said = "%H:%M:%S" if step < _MINUTE else "%H:%M" if step < _DAY else "%d %b"
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    first = math.ceil(low / step) if step > 0 else 0
    ticks: list[tuple[float, str]] = []
    while (at := (first + len(ticks)) * step) <= high and len(ticks) <= 2 * most and digits <= 6:
        try:
            text = datetime.fromtimestamp(round(at, 6)).strftime(said + ".%f" * (digits > 0))
        except (ValueError, OverflowError, OSError):
            return _linear_ticks(low, high, most)  # of a clock that was beyond all calendars
        ticks.append((at, text[: len(text) - 6 + digits] if digits else text))
    return ticks or _linear_ticks(low, high, most)
