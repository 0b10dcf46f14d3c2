"""Conditional spaces whose optimum is known: a choice among models, and a training recipe with optional parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from landscape import BEST, Landscape, Term, outcome
from search import place
from task import Outcome, Params, Task

NAMES = ("tree/models", "tree/recipe")


def _pick(name: str, choices: list[Any], default: Any, *when: Any) -> Mapping[str, Any]:
    return {"name": name, "kind": "categorical", "choices": choices, "default": default} | _when(when)


def _number(
    name: str, low: float, high: float, default: float, *when: Any, kind: str = "float", log: bool = False
) -> Mapping[str, Any]:
    return {"name": name, "kind": kind, "low": low, "high": high, "log": log, "default": default} | _when(when)


def _when(when: tuple[Any, ...]) -> dict[str, Any]:
    """Return a condition: a parent and its values."""
    return {"when": {"name": when[0], "in": list(when[1:])}} if when else {}


def _integer(name: str, low: int, high: int, default: int, *when: Any, log: bool = False) -> Mapping[str, Any]:
    return _number(name, low, high, default, *when, kind="int", log=log)


MODELS = (
    _pick("model", ["linear", "kernel", "forest", "net"], "linear"),
    _pick("penalty", ["l1", "l2", "both"], "l2", "model", "linear"),
    _number("strength", 1e-4, 1e4, 1.0, "model", "linear", log=True),
    _number("l1_ratio", 0.0, 1.0, 0.5, "penalty", "both"),
    _pick("kernel", ["rbf", "poly", "cosine"], "rbf", "model", "kernel"),
    _number("c", 1e-3, 1e3, 1.0, "model", "kernel", log=True),
    _number("gamma", 1e-5, 10.0, 0.01, "kernel", "rbf", "poly", log=True),
    _integer("degree", 2, 6, 3, "kernel", "poly"),
    _integer("trees", 10, 1000, 100, "model", "forest", log=True),
    _integer("depth", 1, 30, 10, "model", "forest"),
    _number("features", 0.05, 1.0, 0.4, "model", "forest"),
    _pick("optimizer", ["sgd", "adam"], "adam", "model", "net"),
    _number("learning_rate", 1e-5, 1.0, 1e-3, "model", "net", log=True),
    _number("momentum", 0.0, 0.99, 0.5, "optimizer", "sgd"),
    {"name": "layers", "kind": "ordinal", "choices": [1, 2, 3], "default": 1} | _when(("model", "net")),
    _integer("units_1", 8, 512, 64, "model", "net", log=True),
    _integer("units_2", 8, 512, 64, "layers", 2, 3, log=True),
    _integer("units_3", 8, 512, 64, "layers", 3, log=True),
)

RECIPE = (
    _number("learning_rate", 1e-5, 1.0, 1e-3, log=True),
    _integer("batch_size", 8, 512, 64, log=True),
    _pick("optimizer", ["sgd", "adam", "rmsprop"], "sgd"),
    _number("momentum", 0.0, 0.99, 0.5, "optimizer", "sgd"),
    _number("one_minus_beta1", 0.01, 0.5, 0.1, "optimizer", "adam", log=True),
    _number("one_minus_beta2", 1e-4, 0.2, 1e-3, "optimizer", "adam", log=True),
    _number("decay", 0.8, 0.999, 0.9, "optimizer", "rmsprop"),
    _pick("schedule", ["constant", "step", "cosine"], "constant"),
    _number("step_factor", 0.05, 0.9, 0.3, "schedule", "step", log=True),
    _integer("steps", 1, 8, 3, "schedule", "step"),
    _number("warmup", 0.0, 0.3, 0.15, "schedule", "cosine"),
    _number("floor", 1e-4, 0.5, 0.01, "schedule", "cosine", log=True),
    _pick("regulariser", ["none", "dropout", "mixup"], "none"),
    _number("dropout", 0.05, 0.8, 0.4, "regulariser", "dropout"),
    _number("mixup", 0.05, 2.0, 0.4, "regulariser", "mixup", log=True),
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


def _at(space: tuple[Mapping[str, Any], ...], name: str, value: int) -> float:
    """Return the place of an integer, which an optimum must be at."""
    return place(next(p for p in space if p["name"] == name), value)


def make(name: str) -> tuple[Task, float]:
    """Return a task, and its smallest loss."""
    landscape, sd = {"tree/models": (_models(), 0.0), "tree/recipe": (_recipe(), 0.02)}[name]

    def evaluate(params: Params, seed: int) -> Outcome:
        return outcome(landscape(params), seed, sd)

    return Task(name, landscape.space, evaluate, 0.0, 1.0, sd > 0, frozenset({"special", "tree"})), BEST
