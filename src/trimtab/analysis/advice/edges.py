"""Best points at an edge: the range ends where it gets good, so the next one should go on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from trimtab.analysis.advice.advice import Advice
from trimtab.analysis.advice.sight import Sight
from trimtab.model.surrogate import Model
from trimtab.numerics import blas
from trimtab.space.parameter import Float, Int
from trimtab.space.space import Space

N_TOP: Final = 5
"""Best configurations that are looked at: the playbook says "the best points", and fewer may be luck."""
AT_EDGE: Final = 0.05
"""The part of a range that is its edge (dossier, 6.1)."""
NEAR: Final = 0.25
"""Where few were tried at the edge itself, the best lie within this part of the range, and the model says the rest."""
INSIDE: Final = 0.15
"""How far inside the same configurations are compared with what they are at the edge."""
SURE: Final = 0.9
"""The probability, by the model, with which the edge has to be the better of the two (dossier, 6.1)."""
SURER: Final = 0.95
"""The same, where the best lie near the edge and not at it."""
MATERIAL: Final = 0.02
"""And by how much, in units of what lies between the best and the median result: less is not worth a study."""
DECADE: Final = 10.0


def edges(sight: Sight) -> Iterator[Advice]:
    """Yield, for each number whose best values lie at an end of its range, a range to widen to.

    Godbole et al., Deep Learning Tuning Playbook, 2023, "Identifying bad search space boundaries".
    """
    model = sight.model
    if model is None:
        return
    top = sight.top(N_TOP)
    for column in sight.free.tolist():
        parameter = sight.space.parameters[column]
        if not isinstance(parameter, Float | Int):
            continue
        u = sight.u[top, column]
        u = u[~np.isnan(u)]
        if len(u) < 3:
            continue
        step = 0.0 if parameter.n_values is None else 1.0 / parameter.n_values
        for is_high in (False, True):
            off = 1.0 - u if is_high else u
            near = off <= max(AT_EDGE, step)
            is_there = near.mean() >= 0.6 and near[0]
            if not is_there and np.median(off) > NEAR:
                continue
            wider = _wider(parameter, is_high=is_high)
            if wider is None:
                continue
            probability, gain = _outward(model, sight.space, sight.x[top], column, is_high=is_high)
            if probability < (SURE if is_there else SURER) or gain < (MATERIAL if is_there else 2.0 * MATERIAL):
                continue
            near = near if is_there else off <= NEAR
            name = sight.space.names[column]
            end = parameter.high if is_high else parameter.low
            ends = [None, wider] if is_high else [wider, None]
            side, where = "upper" if is_high else "lower", "at" if is_there else "near"
            yield Advice(
                "edge",
                name,
                f"{int(near.sum())} of the best {len(u)} configurations have {name} {where} the {side} end of its "
                f"range, {end:g}, and results get better towards it: search on to {wider:g}.",
                probability,
                {"at_edge": int(near.sum()), "of": len(u), "gain_towards_edge": gain},
                "refine",
                {"widen": {name: ends}},
            )


def _outward(model: Model, space: Space, x: Any, column: int, *, is_high: bool) -> tuple[float, float]:
    """Return how likely it is that the edge is better than what lies inside, and by how much it is expected to be."""
    u = space.to_unit(x)
    u = u[~np.isnan(u[:, column])]
    edge, inside = u.copy(), u.copy()
    edge[:, column] = 1.0 if is_high else 0.0
    inside[:, column] = 1.0 - INSIDE if is_high else INSIDE
    with blas.one_thread():
        mean_e, deviation_e = model.posterior.predict(model.features.embed(space.from_unit(edge)))
        mean_i, deviation_i = model.posterior.predict(model.features.embed(space.from_unit(inside)))
    unit = float(model.seen.labels.max() - np.median(model.seen.labels)) or 1.0
    gain = float((mean_e - mean_i).mean())
    deviation = float(np.sqrt(np.square(deviation_e).mean() + np.square(deviation_i).mean()))
    return 0.5 * math.erfc(-gain / (deviation * math.sqrt(2.0))) if deviation > 0 else float(gain > 0), gain / unit


def _wider(parameter: Float | Int, *, is_high: bool) -> float | int | None:
    """Return an end further out; None where the end is one by nature: 0 of a size, 1 of a share."""
    low, high = parameter.low, parameter.high
    if parameter.log:
        ratio = min(DECADE, max(2.0, math.sqrt(high / low)))
        wider: float = high * ratio if is_high else low / ratio
    else:
        if is_high and high == 1 and low >= 0:
            return None
        if not is_high and low in (0, 1) and (low == 0 or isinstance(parameter, Int)):
            return None
        half = 0.5 * (high - low)
        wider = high + half if is_high else low - half
        if not is_high and low > 0:
            wider = max(wider, 0.0 if isinstance(parameter, Float) else 1.0)
    if isinstance(parameter, Int):
        steps = max(1, round(abs(wider - (high if is_high else low)) / parameter.step))
        whole = high + steps * parameter.step if is_high else low - steps * parameter.step
        least = 1 if parameter.log or low > 0 else -(2**53)
        while whole < least:
            whole += parameter.step
        return int(whole) if (whole > high if is_high else whole < low) else None
    if parameter.step is not None:
        steps = max(1, round(abs(wider - (high if is_high else low)) / parameter.step))
        return round(high + steps * parameter.step if is_high else low - steps * parameter.step, 12)
    return _rounded(wider, up=is_high)


def _rounded(value: float, *, up: bool) -> float:
    """Return a number of two digits near `value`, never nearer to the range."""
    if value == 0.0:
        return 0.0
    scale = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    digits = value / scale
    return float(f"{(math.ceil(digits - 1e-9) if up else math.floor(digits + 1e-9)) * scale:.2g}")
