"""Engineering designs with limits, and functions of COCO's bbob-constrained: a loss to minimise, and what must be kept.

Formulas and best known losses as in collections of such problems (Coello Coello & Mezura Montes, 2002; Gandomi, Yang &
Alavi, 2013; Liang et al., 2006, for the G functions). A limit is 0 where none is natural.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import pi, sqrt
from typing import Any

import numpy as np
from task import Outcome, Params, Task

from spaces import Parameter, integer, ordinal, real

Evaluated = tuple[float, tuple[float, ...]]
"""A loss, and constraints, each of them to be at most its limit."""


@dataclass(frozen=True)
class Design:
    """A design problem.

    Attributes:
        space: its parameters.
        evaluate: from the values of these, in order, to the loss and the constraints.
        best: the smallest loss that is known.
        limits: of the constraints; zeros if none are named.
    """

    space: tuple[Parameter, ...]
    evaluate: Callable[..., Evaluated]
    best: float
    limits: tuple[float, ...] | None = None


def _middles(*bounds: tuple[str, float, float], log: bool = False) -> tuple[Parameter, ...]:
    return tuple(
        real(n, low, high, sqrt(low * high) if log else 0.6 * low + 0.4 * high, log=log) for n, low, high in bounds
    )


def _welded_beam(h: float, length: float, t: float, b: float) -> Evaluated:
    force, span, modulus, shear = 6000.0, 14.0, 30e6, 12e6
    direct = force / (sqrt(2) * h * length)
    moment = force * (span + length / 2)
    radius = sqrt(length**2 / 4 + ((h + t) / 2) ** 2)
    polar = 2 * (sqrt(2) * h * length * (length**2 / 12 + ((h + t) / 2) ** 2))
    torsion = moment * radius / polar
    stress = sqrt(direct**2 + 2 * direct * torsion * length / (2 * radius) + torsion**2)
    bending = 6 * force * span / (b * t**2)
    deflection = 4 * force * span**3 / (modulus * t**3 * b)
    buckling = 4.013 * modulus * sqrt(t**2 * b**6 / 36) / span**2 * (1 - t / (2 * span) * sqrt(modulus / (4 * shear)))
    return 1.10471 * h**2 * length + 0.04811 * t * b * (span + length), (
        stress,
        bending,
        h - b,
        deflection,
        force - buckling,
    )


def _speed_reducer(*x: float) -> Evaluated:
    x1, x2, x3, x4, x5, x6, x7 = x
    loss = (
        0.7854 * x1 * x2**2 * (3.3333 * x3**2 + 14.9334 * x3 - 43.0934)
        - 1.508 * x1 * (x6**2 + x7**2)
        + 7.4777 * (x6**3 + x7**3)
        + 0.7854 * (x4 * x6**2 + x5 * x7**2)
    )
    return loss, (
        27 / (x1 * x2**2 * x3) - 1,
        397.5 / (x1 * x2**2 * x3**2) - 1,
        1.93 * x4**3 / (x2 * x3 * x6**4) - 1,
        1.93 * x5**3 / (x2 * x3 * x7**4) - 1,
        sqrt((745 * x4 / (x2 * x3)) ** 2 + 16.9e6) / (110 * x6**3) - 1,
        sqrt((745 * x5 / (x2 * x3)) ** 2 + 157.5e6) / (85 * x7**3) - 1,
        x2 * x3 / 40 - 1,
        5 * x2 / x1 - 1,
        x1 / (12 * x2) - 1,
        (1.5 * x6 + 1.9) / x4 - 1,
        (1.1 * x7 + 1.9) / x5 - 1,
    )


def _three_bar(a: float, b: float) -> Evaluated:
    whole = sqrt(2) * a * a + 2 * a * b
    stresses = 2 * (sqrt(2) * a + b) / whole, 2 * b / whole, 2 / (sqrt(2) * b + a)
    return 100 * (2 * sqrt(2) * a + b), stresses


def _cantilever(*x: float) -> Evaluated:
    sag = sum(k / each**3 for k, each in zip((61, 37, 19, 7, 1), x, strict=True))
    return 0.0624 * sum(x), (sag,)


def _gas_transmission(x1: float, x2: float, x3: float, x4: float) -> Evaluated:
    cost = 8.61e5 * sqrt(x1 / x4) * x2 * x3 ** (-2 / 3) + 3.69e4 * x3 + 7.72e8 / x1 * x2**0.219 - 765.43e6 / x1
    return cost, ((x4 + 1) / x2**2,)


def _tubular_column(d: float, t: float) -> Evaluated:
    stress = 2500 / (pi * d * t)
    buckling = 8 * 2500 * 250**2 / (pi**3 * 0.85e6 * d * t * (d * d + t * t))
    return 9.8 * d * t + 2 * d, (stress, buckling)


def _i_beam(h: float, b: float, web: float, flange: float) -> Evaluated:
    clear = h - 2 * flange
    inertia = web * clear**3 / 12 + b * flange**3 / 6 + 2 * b * flange * ((h - flange) / 2) ** 2
    bending = 18 * h * 1e4 / (web * clear**3 + 2 * b * flange * (4 * flange**2 + 3 * h * clear))
    bending += 15 * b * 1e3 / (clear * web**3 + 2 * flange * b**3)
    return 5000 / inertia, (2 * b * flange + web * clear, bending)


def _himmelblau(x1: float, x2: float, x3: float, x4: float, x5: float) -> Evaluated:
    g1 = 85.334407 + 0.0056858 * x2 * x5 + 0.0006262 * x1 * x4 - 0.0022053 * x3 * x5
    g2 = 80.51249 + 0.0071317 * x2 * x5 + 0.0029955 * x1 * x2 + 0.0021813 * x3 * x3
    g3 = 9.300961 + 0.0047026 * x3 * x5 + 0.0012547 * x1 * x3 + 0.0019085 * x3 * x4
    loss = 5.3578547 * x3 * x3 + 0.8356891 * x1 * x5 + 37.293239 * x1 - 40792.141
    return loss, (-g1, g1 - 92, 90 - g2, g2 - 110, 20 - g3, g3 - 25)


def _concrete_beam(steel: float, width: float, depth: float) -> Evaluated:
    return 29.4 * steel + 0.6 * width * depth, (width / depth - 4, 180 + 7.35 * steel**2 / depth - steel * width)


def _g06(x: float, y: float) -> Evaluated:
    return (x - 10) ** 3 + (y - 20) ** 3, (
        100 - (x - 5) ** 2 - (y - 5) ** 2,
        (x - 6) ** 2 + (y - 5) ** 2 - 82.81,
    )


def _g09(*x: float) -> Evaluated:
    x1, x2, x3, x4, x5, x6, x7 = x
    loss = (x1 - 10) ** 2 + 5 * (x2 - 12) ** 2 + x3**4 + 3 * (x4 - 11) ** 2
    loss += 10 * x5**6 + 7 * x6**2 + x7**4 - 4 * x6 * x7 - 10 * x6 - 8 * x7
    return loss, (
        2 * x1**2 + 3 * x2**4 + x3 + 4 * x4**2 + 5 * x5 - 127,
        7 * x1 + 3 * x2 + 10 * x3**2 + x4 - x5 - 282,
        23 * x1 + x2**2 + 6 * x6**2 - 8 * x7 - 196,
        4 * x1**2 + x2**2 - 3 * x1 * x2 + 2 * x3**2 + 5 * x6 - 11 * x7,
    )


def _g24(x: float, y: float) -> Evaluated:
    return -x - y, (-2 * x**4 + 8 * x**3 - 8 * x**2 + y - 2, -4 * x**4 + 32 * x**3 - 88 * x**2 + 96 * x + y - 36)


DESIGNS = {
    "welded-beam": Design(
        _middles(("h", 0.1, 2), ("l", 0.1, 10), ("t", 0.1, 10), ("b", 0.1, 2)),
        _welded_beam,
        1.724852309,
        (13600, 30000, 0, 0.25, 0),
    ),
    "speed-reducer": Design(
        (
            *_middles(("x1", 2.6, 3.6), ("x2", 0.7, 0.8)),
            integer("x3", 17, 28, 22),
            *_middles(("x4", 7.3, 8.3), ("x5", 7.3, 8.3), ("x6", 2.9, 3.9), ("x7", 5, 5.5)),
        ),
        _speed_reducer,
        2994.471066,
    ),
    "cantilever": Design(_middles(*((f"x{i}", 0.5, 20) for i in range(5))), _cantilever, 1.339956367, (1.0,)),
    "three-bar": Design(_middles(("a", 0.01, 1), ("b", 0.01, 1)), _three_bar, 263.8958434, (2, 2, 2)),
    "gas-transmission": Design(
        _middles(("x1", 20, 50), ("x2", 1, 10), ("x3", 20, 50), ("x4", 0.1, 60)), _gas_transmission, 2964895.417, (1.0,)
    ),
    "tubular-column": Design(_middles(("d", 2, 14), ("t", 0.2, 0.8)), _tubular_column, 26.4994969, (500.0, 1.0)),
    "concrete-beam": Design(
        (
            ordinal("steel", [6.0, 6.16, 6.32, 6.6, 7.0, 7.11, 7.2, 7.8, 7.9, 8.0, 8.4], 7.2),
            integer("width", 28, 40, 33),
            real("depth", 5, 10, 7),
        ),
        _concrete_beam,
        359.208,
    ),
    "i-beam": Design(
        _middles(("h", 10, 80), ("b", 10, 50), ("web", 0.9, 5), ("flange", 0.9, 5)), _i_beam, 0.0130741, (300, 56)
    ),
    "himmelblau": Design(
        _middles(("x1", 78, 102), ("x2", 33, 45), ("x3", 27, 45), ("x4", 27, 45), ("x5", 27, 45)),
        _himmelblau,
        -30665.53867,
    ),
    "g06": Design(_middles(("x", 13, 100), ("y", 0, 100)), _g06, -6961.813876),
    "g24": Design(_middles(("x", 0, 3), ("y", 0, 4)), _g24, -5.508013272),
    "g09": Design(_middles(*((f"x{i}", -10, 10) for i in range(7))), _g09, 680.6300574),
}

COCO = ((2, 5), (4, 5), (8, 3), (13, 5), (20, 3), (26, 5))
"""Function and dimension."""

NAMES = (*(f"design/{name}" for name in DESIGNS), *(f"bbob-con/f{f}-d{d}" for f, d in COCO))


COCO_BEST = {(2, 5): -1991.2260032, (4, 5): -4187.884896, (8, 3): 413.164871834}
COCO_BEST |= {(13, 5): 863.387542674, (20, 3): 5.34937140923, (26, 5): 58.3569727811}
"""By a sequential quadratic program from a dozen starts."""


def best(name: str) -> float:
    """Return the smallest loss that is known of what keeps the limits."""
    family, detail = name.split("/")
    if family == "design":
        return DESIGNS[detail].best
    function, dimension = (int(part[1:]) for part in detail.split("-"))
    return COCO_BEST[function, dimension]


@cache
def _suite() -> Any:
    import cocoex

    return cocoex.Suite("bbob-constrained", "instances:1", "dimensions:3,5")


def _problem(name: str) -> Any:
    function, dimension = (int(part[1:]) for part in name.split("/")[1].split("-"))
    return _suite().get_problem_by_function_dimension_instance(function, dimension, 1)


def make(name: str) -> Task:
    if name.startswith("design/"):
        design = DESIGNS[name.removeprefix("design/")]
        keys = [p["name"] for p in design.space]
        middle = design.evaluate(*(p["default"] for p in design.space))[1]
        limits = dict(zip(_names(len(middle)), design.limits or (0.0,) * len(middle), strict=True))

        def evaluate(params: Params, seed: int) -> Outcome:  # noqa: ARG001
            loss, constraints = design.evaluate(*(params[key] for key in keys))
            return Outcome(loss, loss, metrics=dict(zip(_names(len(constraints)), constraints, strict=True)))

        return Task(name, design.space, evaluate, best=0.0, median=1.0, tags=frozenset({"function"}), limits=limits)
    problem = _problem(name)
    bounds = [(f"x{i}", -5.0, 5.0) for i in range(problem.dimension)]
    space, names = _middles(*bounds), _names(problem.number_of_constraints)

    def evaluate_coco(params: Params, seed: int) -> Outcome:  # noqa: ARG001
        x = np.array([params[key] for key, _, _ in bounds])
        loss, constraints = float(problem(x)), problem.constraint(x).tolist()
        return Outcome(loss, loss, metrics=dict(zip(names, constraints, strict=True)))

    limits = dict.fromkeys(names, 0.0)
    return Task(name, space, evaluate_coco, best=0.0, median=1.0, tags=frozenset({"function"}), limits=limits)


def _names(n: int) -> list[str]:
    return [f"g{i + 1}" for i in range(n)]
