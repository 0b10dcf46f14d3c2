"""A held parameter that goes with those that are searched: what is best for them depends on where it is held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from trimtab.analysis.advice.advice import Advice
from trimtab.analysis.advice.effects import effects
from trimtab.analysis.advice.sight import Sight, modelled
from trimtab.space.revise import revised

STRONG: Final = 0.1
"""The share of the variance that a held parameter may have together with others (dossier, 6.1)."""
LEAST_ELSEWHERE: Final = 5
"""Results with other values of it, without which nothing is known of it."""


def held(sight: Sight) -> Iterator[Advice]:
    """Yield the held parameters that earlier trials, which had other values of them, say should be searched.

    "The more a nuisance parameter interacts with the scientific ones, the more damaging to fix it" (Godbole et al.,
    2023).
    """
    row = sight.space.fixed_row()
    if row is None or len(sight.ranked) < 2 * LEAST_ELSEWHERE:
        return
    columns = [
        i
        for i in np.flatnonzero(~np.isnan(row)).tolist()
        if int((~np.isnan(sight.x[:, i]) & (sight.x[:, i] != row[i])).sum()) >= LEAST_ELSEWHERE
    ]
    if not columns:
        return
    space = revised(sight.space, free=[sight.space.names[i] for i in columns])
    model = modelled(sight, replace(sight.problem, space=space))
    found = effects(sight, model, space)
    if found is None:
        return
    for column in columns:
        together = float(found.total[column] - found.alone[column])
        if not together > STRONG:
            continue
        name, value = sight.space.names[column], sight.space.parameters[column].value(row[column])
        yield Advice(
            "held",
            name,
            f"{name} is held at {value!r}, and what is best for the others depends on it: {together:.0%} of how "
            f"results vary goes with {name} and another parameter together. Search it again.",
            min(0.95, 0.5 + 2.0 * (together - STRONG)),
            {"together": together, "total": float(found.total[column])},
            "refine",
            {"free": [name]},
        )
