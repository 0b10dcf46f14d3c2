"""Conditional spaces whose optimum is known: a choice of models, a training recipe with optional parts, drawn ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from landscape import BEST, Landscape, Term, outcome
from search import place
from synthetic import KINDS, SHAPES
from task import Outcome, Params, Task, draw

from spaces import Parameter, integer, ordinal, pick, real

# How branches are explored was tuned on those above and the drawn ones; what is reported is measured on the fresh ones.
DRAWN = {"tree/drawn-0": 40, "tree/drawn-1": 41, "tree/drawn-2": 42, "tree/drawn-3": 43}
FRESH = {"tree/fresh-0": 140, "tree/fresh-1": 141, "tree/fresh-2": 142, "tree/fresh-3": 143}
NAMES = ("tree/models", "tree/recipe", *DRAWN, *FRESH)

NOISE = 0.02

MODELS = (
    pick("model", ["linear", "kernel", "forest", "net"], "linear"),
    pick("penalty", ["l1", "l2", "both"], "l2", model="linear"),
    real("strength", 1e-4, 1e4, 1.0, log=True, model="linear"),
    real("l1_ratio", 0.0, 1.0, 0.5, penalty="both"),
    pick("kernel", ["rbf", "poly", "cosine"], "rbf", model="kernel"),
    real("c", 1e-3, 1e3, 1.0, log=True, model="kernel"),
    real("gamma", 1e-5, 10.0, 0.01, log=True, kernel=["rbf", "poly"]),
    integer("degree", 2, 6, 3, kernel="poly"),
    integer("trees", 10, 1000, 100, log=True, model="forest"),
    integer("depth", 1, 30, 10, model="forest"),
    real("features", 0.05, 1.0, 0.4, model="forest"),
    pick("optimizer", ["sgd", "adam"], "adam", model="net"),
    real("learning_rate", 1e-5, 1.0, 1e-3, log=True, model="net"),
    real("momentum", 0.0, 0.99, 0.5, optimizer="sgd"),
    ordinal("layers", [1, 2, 3], 1, model="net"),
    integer("units_1", 8, 512, 64, log=True, model="net"),
    integer("units_2", 8, 512, 64, log=True, layers=[2, 3]),
    integer("units_3", 8, 512, 64, log=True, layers=3),
)

RECIPE = (
    real("learning_rate", 1e-5, 1.0, 1e-3, log=True),
    integer("batch_size", 8, 512, 64, log=True),
    pick("optimizer", ["sgd", "adam", "rmsprop"], "sgd"),
    real("momentum", 0.0, 0.99, 0.5, optimizer="sgd"),
    real("one_minus_beta1", 0.01, 0.5, 0.1, log=True, optimizer="adam"),
    real("one_minus_beta2", 1e-4, 0.2, 1e-3, log=True, optimizer="adam"),
    real("decay", 0.8, 0.999, 0.9, optimizer="rmsprop"),
    pick("schedule", ["constant", "step", "cosine"], "constant"),
    real("step_factor", 0.05, 0.9, 0.3, log=True, schedule="step"),
    integer("steps", 1, 8, 3, schedule="step"),
    real("warmup", 0.0, 0.3, 0.15, schedule="cosine"),
    real("floor", 1e-4, 0.5, 0.01, log=True, schedule="cosine"),
    pick("regulariser", ["none", "dropout", "mixup"], "none"),
    real("dropout", 0.05, 0.8, 0.4, regulariser="dropout"),
    real("mixup", 0.05, 2.0, 0.4, log=True, regulariser="mixup"),
)


def _models() -> Landscape:
    """The net is best and the hardest to tune; a forest is hard to get wrong."""
    return Landscape(
        MODELS,
        [
            Term("model", 1.0, offsets=(0.35, 0.12, 0.2, 0.0)),
            Term("penalty", 0.2, offsets=(0.5, 1.0, 0.0)),
            Term("strength", 0.3, 0.35),
            Term("l1_ratio", 0.15, 0.2),
            Term("kernel", 0.3, offsets=(0.0, 0.3, 1.0)),
            Term("c", 0.3, 0.75),
            Term("gamma", 0.8, 0.4, "needle", leans=("c", 0.75, -0.5)),
            Term("degree", 0.2, _at(MODELS, "degree", 3)),
            Term("trees", 0.1, _at(MODELS, "trees", 700)),
            Term("depth", 0.2, _at(MODELS, "depth", 22)),
            Term("features", 0.15, 0.3, "waves"),
            Term("optimizer", 0.1, offsets=(0.0, 0.5)),
            Term("learning_rate", 0.8, 0.72, "cliff", leans=("momentum", 0.9, -0.4)),
            Term("momentum", 0.2, 0.9),
            Term("layers", 0.2, offsets=(1.0, 0.0, 0.3)),
            Term("units_1", 0.2, _at(MODELS, "units_1", 200)),
            Term("units_2", 0.2, _at(MODELS, "units_2", 110), leans=("units_1", _at(MODELS, "units_1", 200), -0.3)),
            Term("units_3", 0.2, _at(MODELS, "units_3", 30)),
        ],
    )


def _recipe() -> Landscape:
    """What is best in one part does not depend on the others, but for the learning rate."""
    batch = _at(RECIPE, "batch_size", 32)
    return Landscape(
        RECIPE,
        [
            Term("learning_rate", 0.8, 0.45, "cliff", leans=("batch_size", batch, 0.5)),
            Term("batch_size", 0.2, batch),
            Term("optimizer", 0.4, offsets=(0.5, 0.0, 0.4)),
            Term("momentum", 0.3, 0.9),
            Term("one_minus_beta1", 0.15, 0.3),
            Term("one_minus_beta2", 0.2, 0.6),
            Term("decay", 0.2, 0.8),
            Term("schedule", 0.3, offsets=(1.0, 0.5, 0.0)),
            Term("step_factor", 0.2, 0.4),
            Term("steps", 0.1, _at(RECIPE, "steps", 4)),
            Term("warmup", 0.2, 0.25, "waves"),
            Term("floor", 0.15, 0.2),
            Term("regulariser", 0.3, offsets=(1.0, 0.0, 0.4)),
            Term("dropout", 0.3, 0.25, "cliff"),
            Term("mixup", 0.2, 0.4),
        ],
    )


def _at(space: tuple[Parameter, ...], name: str, value: int) -> float:
    """Return the place of an integer, which an optimum must be at."""
    return place(next(p for p in space if p["name"] == name), value)


class _Tree:
    """A tree that is drawn: one or two roots of three to five branches, each with parameters, and branches again."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self.space: list[dict[str, Any]] = []
        self.terms: list[Term] = []
        for _ in range(int(self._rng.integers(1, 4))):
            self._leaf(None)
        n_roots = int(self._rng.integers(1, 3))
        for _ in range(n_roots):
            self._branches(None, depth=3 - n_roots)

    def _leaf(self, when: dict[str, Any] | None) -> None:
        rng = self._rng
        p: dict[str, Any] = {"name": f"p{len(self.space):02d}", **KINDS[int(rng.choice([0, 1, 2, 3, 5]))]}
        at = place(p, draw(p, float(rng.uniform(0.1, 0.9))))
        p["default"] = draw(p, at - 0.3 if at > 0.5 else at + 0.3)
        weight = float(rng.uniform(0.1, 0.5))
        leans = None
        siblings = [q for q in self.space if q.get("when") == when and "places" in q]
        if siblings and rng.random() < 0.5:
            other = siblings[int(rng.integers(len(siblings)))]
            leans = (other["name"], other["places"], float(rng.choice([-0.5, 0.5])))
        self.terms.append(Term(p["name"], weight, at, SHAPES[int(rng.integers(len(SHAPES)))], leans=leans))
        self.space.append(p | {"places": at} | ({} if when is None else {"when": when}))

    def _branches(self, when: dict[str, Any] | None, depth: int) -> None:
        rng = self._rng
        choices = [f"b{i}" for i in range(int(rng.integers(3, 6)))]
        offsets = rng.uniform(0.1, 1.0, len(choices))
        offsets[int(rng.integers(len(choices)))] = 0.0
        name = f"p{len(self.space):02d}"
        self.terms.append(Term(name, float(rng.uniform(0.2, 0.5)), offsets=tuple(offsets.tolist())))
        p = {"name": name, "kind": "categorical", "choices": choices, "default": choices[int(offsets.argmax())]}
        self.space.append(p | ({} if when is None else {"when": when}))
        for choice in choices:
            inside = {"name": name, "in": [choice]}
            for _ in range(int(rng.integers(1, 4))):
                self._leaf(inside)
            if depth > 1 and rng.random() < 0.5:
                self._branches(inside, depth - 1)


def _drawn(seed: int) -> Landscape:
    tree = _Tree(seed)
    return Landscape([{k: v for k, v in p.items() if k != "places"} for p in tree.space], tree.terms)


def best(name: str) -> float:  # noqa: ARG001
    return BEST


def make(name: str) -> Task:
    if name == "tree/models":
        landscape, sd = _models(), 0.0
    elif name == "tree/recipe":
        landscape, sd = _recipe(), NOISE
    else:
        seed = (DRAWN | FRESH)[name]
        landscape, sd = _drawn(seed), NOISE if seed % 2 else 0.0

    def evaluate(params: Params, seed: int) -> Outcome:
        return outcome(landscape(params), seed, sd)

    return Task(name, landscape.space, evaluate, 0.0, 1.0, sd > 0, frozenset({"special", "tree"}))
