"""Functions of COCO: bbob on floats, bbob-mixint on floats and integers."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from task import Outcome, Params, Task

from spaces import Parameter, integer, real

PLACES = {
    "bbob": ((1, 20), (5, 10), (8, 5), (6, 20), (15, 10), (14, 5), (21, 5), (17, 10)),
    "mixint": ((3, 10), (2, 5), (9, 5), (7, 20), (13, 20), (11, 10), (20, 10), (22, 5)),
    "long-bbob": (
        *((2, 10), (11, 10), (7, 20), (6, 10), (13, 5), (14, 20), (16, 10), (23, 5)),
        *((17, 5), (18, 20), (20, 20), (19, 5), (21, 10), (22, 10), (4, 5), (3, 20)),
    ),
    "long-mixint": ((7, 10), (6, 20), (12, 20), (14, 10), (16, 5), (18, 5), (21, 20), (22, 10)),
}
"""Function and dimension, hard and easy ones in turns; those of long studies in pairs of a kind."""

SUITES = {"bbob": "bbob", "mixint": "bbob-mixint", "long-bbob": "bbob", "long-mixint": "bbob-mixint"}
NAMES = tuple(f"{family}/f{f}-d{d}" for family, places in PLACES.items() for f, d in places)


@cache
def _suite(family: str) -> Any:
    import cocoex

    return cocoex.Suite(SUITES[family], "instances:1", "dimensions:5,10,20")


def _space(problem: Any) -> tuple[Parameter, ...]:
    space = []
    for i, (low, high) in enumerate(zip(problem.lower_bounds.tolist(), problem.upper_bounds.tolist(), strict=True)):
        default = low + (high - low) * (0.35 if i % 2 else 0.6)
        if i < problem.number_of_integer_variables:
            space.append(integer(f"x{i}", int(low), int(high), int(default)))
        else:
            space.append(real(f"x{i}", low, high, default))
    return tuple(space)


def _problem(name: str) -> Any:
    family, detail = name.split("/")
    function, dimension = (int(part[1:]) for part in detail.split("-"))
    return _suite(family).get_problem_by_function_dimension_instance(function, dimension, 1)


def best(name: str) -> float:
    """Return the value at a function's optimum, which COCO tells in a file in the working folder only."""
    problem, here = _problem(name), Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            problem._best_parameter("print")
            (file,) = Path(folder).iterdir()
            return float(problem(np.loadtxt(file)))
        finally:
            os.chdir(here)


def make(name: str) -> Task:
    problem = _problem(name)
    space = _space(problem)
    keys = [p["name"] for p in space]

    def evaluate(params: Params, seed: int) -> Outcome:  # noqa: ARG001
        value = float(problem(np.array([params[key] for key in keys], dtype=float)))
        return Outcome(value, value)

    return Task(name, space, evaluate, best=0.0, median=1.0, tags=frozenset({"function"}))
