"""A parameter that does not matter: hold it, and the next trials are spent on the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from trimtab.analysis.advice.advice import Advice
from trimtab.analysis.advice.effects import effects
from trimtab.analysis.advice.sight import Sight

PER_PARAMETER: Final = 10
"""Results for each parameter that is searched, from which on the model is believed when it sees nothing."""
IDLE: Final = 0.1
"""How much a parameter may matter at most to count as idle, near the best: of what lies between the best and the median
result, two standard deviations taken in."""
IDLE_SHARE: Final = 0.05
"""And over the whole space: its share of the variance."""


def idle(sight: Sight) -> Iterator[Advice]:
    """Yield, for each parameter that the results do not depend on, at which value to hold it."""
    n = len(sight.free)
    if n < 2 or len(sight.ranked) < PER_PARAMETER * n:
        return
    found = effects(sight)
    if found is None or (sight.noise or 0.0) > 0.5:
        return
    leader = sight.space.decode(sight.x[sight.best])[0]
    columns = [
        column
        for column in sight.free.tolist()
        if found.near_high[column] < IDLE and found.total[column] < IDLE_SHARE and sight.space.names[column] in leader
    ]
    if len(columns) == n:  # the model sees nothing at all
        return
    for column in columns:
        name, parameter = sight.space.names[column], sight.space.parameters[column]
        value = leader[name] if parameter.default is None else parameter.default
        if np.isnan(sight.u[:, column]).any():
            continue  # conditional: it may matter where it is seldom active
        high = float(max(found.near_high[column], found.total[column]))
        yield Advice(
            "idle",
            name,
            f"{name} does not matter to {sight.problem.objectives[0].name}: over its whole range it changes the best "
            f"configurations by at most {found.near_high[column]:.0%} of what lies between the best and the median "
            f"result. Hold it at {value!r}.",
            1.0 - high,
            {"near": float(found.near[column]), "near_high": high, "total": float(found.total[column])},
            "refine",
            {"hold": {name: value}},
        )
