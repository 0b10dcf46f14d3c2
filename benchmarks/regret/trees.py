"""Conditional spaces whose optimum is known: a choice among models, and a training recipe with optional parts."""

from __future__ import annotations

from landscape import BEST, Landscape, Term, outcome
from search import place
from spaces import Parameter, integer, ordinal, pick, real
from task import Outcome, Params, Task

NAMES = ("tree/models", "tree/recipe")

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


def best(name: str) -> float:  # noqa: ARG001
    return BEST


def make(name: str) -> Task:
    landscape, sd = {"tree/models": (_models(), 0.0), "tree/recipe": (_recipe(), 0.02)}[name]

    def evaluate(params: Params, seed: int) -> Outcome:
        return outcome(landscape(params), seed, sd)

    return Task(name, landscape.space, evaluate, 0.0, 1.0, sd > 0, frozenset({"special", "tree"}))
