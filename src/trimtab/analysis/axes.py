"""Axes of parameters and metrics: their scale, their label, and ends that one far value does not decide."""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.arrays import Floats
from trimtab.numerics.arithmetic import quiet
from trimtab.space.parameter import CATEGORICAL, ORDINAL, Parameter
from trimtab.space.problem import Metric
from trimtab.space.space import Space

LOG_RATIO: Final = 1000.0
"""Positive values of which the middle half and the best span so much are drawn on a logarithmic axis. By taste."""

FAR: Final = 3.0
"""The worse side of an axis ends so many interquartile ranges beyond the third quartile (Tukey's outer fence, 1977)."""


def parameter_axis(space: Space, column: int, *, label: bool = True) -> fig.Axis:
    """Return the axis of a parameter, whose positions are what rows hold."""
    parameter = space.parameters[column]
    name = space.names[column] if label else ""
    if parameter.kind in (CATEGORICAL, ORDINAL):
        n = int(parameter.n_values or 1)
        ticks = tuple((float(i), str(parameter.value(float(i)))) for i in range(n))
        return fig.Axis(label=name, scale=fig.PLACES, low=-0.5, high=n - 0.5, ticks=ticks)
    return fig.Axis(label=name, scale=fig.LOG if is_log(parameter) else fig.LINEAR)


def is_log(parameter: Parameter) -> bool:
    """Return whether ratios of a parameter's values matter."""
    return bool(getattr(parameter, "log", False))


@quiet()
def metric_axis(metric: Metric, values: Floats) -> fig.Axis:
    """Return the axis of a metric, which holds the best of `values` and all that is not far out on the worse side."""
    label = (
        f"{metric.name} ({'lower' if metric.sign > 0 else 'higher'} is better)" if metric.is_objective else metric.name
    )
    values = values[np.isfinite(values)]
    if not len(values):
        return fig.Axis(label=label)
    losses = np.sort(values * metric.sign)
    best, worst = float(losses[0]), float(losses[-1])
    first, middle, third = np.percentile(losses, [25, 50, 75]).tolist()
    if metric.sign > 0 and best > 0.0 and third / best >= LOG_RATIO:
        return fig.Axis(label=label, scale=fig.LOG)
    fence = max(third + FAR * (third - first), middle + FAR * (middle - best))
    if fence >= worst or fence <= best or not np.isfinite(fence):
        return fig.Axis(label=label)
    inside = losses[losses <= fence]
    room = 0.08 * (inside[-1] - best)
    low, high = best - room, float(inside[-1]) + room
    n = len(losses) - len(inside)
    label = f"{label}; {n:,} beyond"
    return fig.Axis(label=label, low=low if metric.sign > 0 else -high, high=high if metric.sign > 0 else -low)
