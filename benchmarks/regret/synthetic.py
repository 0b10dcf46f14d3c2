"""Landscapes whose optimum is known: where few parameters matter, where all do, and where some regions crash."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from landscape import BEST, Landscape, Term, outcome
from search import place
from task import Outcome, Params, Task, draw

NOISE = 0.02
SHAPES = ("bowl", "cliff", "needle", "waves")

KINDS: tuple[Mapping[str, Any], ...] = (
    {"kind": "float", "low": 0.0, "high": 0.9},
    {"kind": "float", "low": 1e-5, "high": 0.1, "log": True},
    {"kind": "int", "low": 1, "high": 12},
    {"kind": "int", "low": 8, "high": 512, "log": True},
    {"kind": "categorical", "choices": ["a", "b", "c", "d"]},
    {"kind": "ordinal", "choices": [16, 32, 64, 128, 256]},
)
"""Parameters are of these kinds in turns."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a landscape is drawn.

    Attributes:
        n: how many parameters there are.
        matter: how many of them matter.
        seed: of the draw.
        leans: whether optima move with other parameters.
        is_noisy: whether losses are.
        crash: the region that crashes, of the places of the parameters; None if nothing does.
        fixed: optimum and default of the first parameters, as places, for the crash to be next to the optimum.
        guessed: parameters that the user would tune first (priority 1), rightly or not, beside those that matter.
    """

    n: int
    matter: int
    seed: int
    leans: bool = False
    is_noisy: bool = False
    crash: Callable[[Mapping[str, float]], bool] | None = None
    fixed: tuple[tuple[float, float], ...] = ()
    guessed: tuple[int, ...] = ()


def _corner(u: Mapping[str, float]) -> bool:
    """Two at once too large: a triangle of area 0.3."""
    return u["p00"] + u["p01"] > 2.0 - math.sqrt(0.6)


def _island(u: Mapping[str, float]) -> bool:
    """A disc of area 0.3 within the square."""
    return math.hypot(u["p00"] - 0.35, u["p01"] - 0.6) < math.sqrt(0.3 / math.pi)


def _wall(u: Mapping[str, float]) -> bool:
    """Everything beyond a bound."""
    return u["p01"] > 0.7


def _choice(u: Mapping[str, float]) -> bool:
    """A region of its own for each choice: areas of 0.5, 0.4, 0.3 and 0, together 0.3 of all."""
    return (u["p00"] > 0.5, u["p01"] < 0.4, u["p00"] + u["p01"] < math.sqrt(0.6), False)[int(4 * u["p04"])]


GUESSED = (0, 8, 16, 24)
"""Where few parameters matter, some are believed to that do not; where all do, these are believed to most."""

RECIPES: dict[str, Recipe] = {
    "sparse/additive-0": Recipe(25, 5, seed=10, guessed=GUESSED),
    "sparse/additive-1": Recipe(25, 5, seed=11, is_noisy=True, guessed=GUESSED),
    "sparse/interaction-0": Recipe(25, 5, seed=12, leans=True, guessed=GUESSED),
    "sparse/interaction-1": Recipe(25, 5, seed=13, leans=True, is_noisy=True, guessed=GUESSED),
    "dense/additive-d12": Recipe(12, 12, seed=20),
    "dense/additive-d25": Recipe(25, 25, seed=21, is_noisy=True, guessed=GUESSED),
    "dense/interaction-d12": Recipe(12, 12, seed=22, leans=True, is_noisy=True),
    "dense/interaction-d25": Recipe(25, 25, seed=23, leans=True, guessed=GUESSED),
    "crash/corner-d8": Recipe(8, 8, seed=30, crash=_corner, fixed=((0.68, 0.3), (0.5, 0.7))),
    "crash/island-d6": Recipe(6, 6, seed=31, leans=True, crash=_island, fixed=((0.66, 0.3), (0.5, 0.2))),
    "crash/wall-d12": Recipe(12, 6, seed=32, is_noisy=True, crash=_wall, fixed=((0.4, 0.7), (0.66, 0.3))),
    "crash/choice-d8": Recipe(8, 8, seed=33, leans=True, crash=_choice, fixed=((0.47, 0.3), (0.45, 0.8))),
    # Stages and caution were tuned on the twelve above; what is reported is measured on those below.
    "sparse/fresh-0": Recipe(25, 5, seed=110, guessed=GUESSED),
    "sparse/fresh-1": Recipe(25, 5, seed=111, is_noisy=True, guessed=GUESSED),
    "sparse/fresh-2": Recipe(25, 5, seed=112, leans=True, guessed=GUESSED),
    "sparse/fresh-3": Recipe(25, 5, seed=113, leans=True, is_noisy=True, guessed=GUESSED),
    "sparse/fresh-4": Recipe(25, 5, seed=114, guessed=GUESSED),
    "sparse/fresh-5": Recipe(25, 5, seed=115, is_noisy=True, guessed=GUESSED),
    "sparse/fresh-6": Recipe(25, 5, seed=116, leans=True, guessed=GUESSED),
    "sparse/fresh-7": Recipe(25, 5, seed=117, leans=True, is_noisy=True, guessed=GUESSED),
    "dense/fresh-0": Recipe(25, 25, seed=120, guessed=GUESSED),
    "dense/fresh-1": Recipe(25, 25, seed=121, is_noisy=True, guessed=GUESSED),
    "dense/fresh-2": Recipe(25, 25, seed=122, leans=True, guessed=GUESSED),
    "dense/fresh-3": Recipe(25, 25, seed=123, leans=True, is_noisy=True, guessed=GUESSED),
    "dense/fresh-4": Recipe(25, 25, seed=124, guessed=GUESSED),
    "dense/fresh-5": Recipe(25, 25, seed=125, is_noisy=True, guessed=GUESSED),
    "dense/fresh-6": Recipe(25, 25, seed=126, leans=True, guessed=GUESSED),
    "dense/fresh-7": Recipe(25, 25, seed=127, leans=True, is_noisy=True, guessed=GUESSED),
    "crash/fresh-0": Recipe(7, 7, seed=130, leans=True, crash=_corner, fixed=((0.6, 0.2), (0.6, 0.8))),
    "crash/fresh-1": Recipe(9, 9, seed=131, is_noisy=True, crash=_island, fixed=((0.3, 0.1), (0.93, 0.2))),
    "crash/fresh-2": Recipe(6, 6, seed=132, leans=True, crash=_wall, fixed=((0.7, 0.3), (0.68, 0.4))),
    "crash/fresh-3": Recipe(10, 10, seed=133, crash=_choice, fixed=((0.47, 0.2), (0.42, 0.9))),
}
NAMES = tuple(RECIPES)


def _draw(recipe: Recipe) -> Landscape:
    """Return a landscape: which parameters matter, their best places and how they lean are drawn."""
    rng = np.random.default_rng(recipe.seed)
    matter = set(rng.choice(recipe.n, size=recipe.matter, replace=False).tolist()) if recipe.matter < recipe.n else None
    space, terms, before = [], list[Term](), None
    weights = iter(rng.permutation(np.geomspace(1.0, 0.3, recipe.matter)) / math.sqrt(recipe.matter))
    for i in range(recipe.n):
        p: dict[str, Any] = {"name": f"p{i:02d}", **KINDS[i % len(KINDS)]}
        at, start = recipe.fixed[i] if i < len(recipe.fixed) else (float(rng.uniform(0.1, 0.9)), None)
        at = place(p, draw(p, at))
        p["default"] = draw(p, start if start is not None else at - 0.2 if at > 0.5 else at + 0.2)
        if recipe.guessed and (i in recipe.guessed or (matter is not None and i in matter)):
            p["priority"] = 1
        space.append(p)
        if matter is not None and i not in matter:
            continue
        weight = float(next(weights))
        if p["kind"] == "categorical":
            offsets = rng.uniform(0.2, 1.0, len(p["choices"]))
            offsets[p["choices"].index(draw(p, at))] = 0.0
            terms.append(Term(p["name"], weight, at, offsets=tuple(offsets.tolist())))
        else:
            far = float(rng.choice([-0.6, 0.6]))
            leans = (before.name, before.optimum, far) if recipe.leans and before is not None else None
            terms.append(Term(p["name"], weight, at, SHAPES[int(rng.integers(len(SHAPES)))], leans=leans))
        before = terms[-1]
    return Landscape(space, terms)


def best(name: str) -> float:  # noqa: ARG001
    return BEST


def make(name: str) -> Task:
    recipe = RECIPES[name]
    landscape = _draw(recipe)
    sd = NOISE if recipe.is_noisy else 0.0

    def evaluate(params: Params, seed: int) -> Outcome:
        if recipe.crash is not None and recipe.crash(landscape.places(params)):
            return Outcome(math.nan, math.nan, 10.0)
        return outcome(landscape(params), seed, sd)

    tags = frozenset({"special", name.split("/", maxsplit=1)[0]})
    return Task(name, landscape.space, evaluate, best=0.0, median=1.0, is_noisy=recipe.is_noisy, tags=tags)
