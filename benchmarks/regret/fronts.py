"""Problems of two and three objectives: test functions, COCO's bbob-biobj, and tables of loss against training time.

What counts is the share of a box, from an ideal to a reference, that results leave undominated: the loss of a study
is that share. Functions after Deb et al. (2005, DTLZ), Zitzler, Deb & Thiele (2000, ZDT4 and ZDT6), Fonseca & Fleming
(1995), Kursawe (1991), Viennet (1996), Poloni (1997).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import pi
from typing import Any

import numpy as np
from search import neighbour
from tabular import Table
from task import Outcome, Params, Task

from spaces import Parameter, real

Box = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Front:
    """A problem.

    Attributes:
        n, low, high: how many parameters, all of one range.
        evaluate: from a point to its objectives.
        box: (ideal, reference) of these.
    """

    n: int
    low: float
    high: float
    evaluate: Callable[[np.ndarray], Sequence[float]]
    box: Box


def _dtlz2(x: np.ndarray, k: int, power: float = 1.0) -> list[float]:
    g = float(((x[k - 1 :] - 0.5) ** 2).sum())
    angle = x[: k - 1] ** power * pi / 2
    found = []
    for i in range(k):
        value = (1 + g) * float(np.prod(np.cos(angle[: k - 1 - i])))
        found.append(value * float(np.sin(angle[k - 1 - i])) if i else value)
    return found


def _dtlz1(x: np.ndarray, k: int) -> list[float]:
    far = x[k - 1 :] - 0.5
    g = 100 * (len(far) + float((far**2 - np.cos(20 * pi * far)).sum()))
    found = []
    for i in range(k):
        value = 0.5 * (1 + g) * float(np.prod(x[: k - 1 - i]))
        found.append(value * (1 - float(x[k - 1 - i])) if i else value)
    return found


def _dtlz7(x: np.ndarray, k: int) -> list[float]:
    g = 1 + 9 * float(x[k - 1 :].mean())
    first = x[: k - 1]
    return [*first.tolist(), (1 + g) * (k - float((first / (1 + g) * (1 + np.sin(3 * pi * first))).sum()))]


def _zdt4(x: np.ndarray) -> tuple[float, float]:
    rest = 10 * x[1:] - 5
    g = 1 + 10 * len(rest) + float((rest**2 - 10 * np.cos(4 * pi * rest)).sum())
    return float(x[0]), g * (1 - float(x[0] / g) ** 0.5)


def _zdt6(x: np.ndarray) -> tuple[float, float]:
    f = 1 - float(np.exp(-4 * x[0]) * np.sin(6 * pi * x[0]) ** 6)
    g = 1 + 9 * float(x[1:].mean()) ** 0.25
    return f, g * (1 - (f / g) ** 2)


def _fonseca(x: np.ndarray) -> tuple[float, float]:
    c = len(x) ** -0.5
    return 1 - float(np.exp(-((x - c) ** 2).sum())), 1 - float(np.exp(-((x + c) ** 2).sum()))


def _kursawe(x: np.ndarray) -> tuple[float, float]:
    f = float((-10 * np.exp(-0.2 * np.sqrt(x[:-1] ** 2 + x[1:] ** 2))).sum())
    return f, float((np.abs(x) ** 0.8 + 5 * np.sin(x**3)).sum())


def _viennet(x: np.ndarray) -> tuple[float, float, float]:
    a, b = x.tolist()
    r = a * a + b * b
    second = (3 * a - 2 * b + 4) ** 2 / 8 + (a - b + 1) ** 2 / 27 + 15
    return 0.5 * r + float(np.sin(r)), second, 1 / (r + 1) - 1.1 * float(np.exp(-r))


def _poloni(x: np.ndarray) -> tuple[float, float]:
    def both(x: np.ndarray) -> np.ndarray:
        sin, cos = np.sin(x), np.cos(x)
        return np.array(
            [0.5 * sin[0] - 2 * cos[0] + sin[1] - 1.5 * cos[1], 1.5 * sin[0] - cos[0] + 2 * sin[1] - 0.5 * cos[1]]
        )

    off = both(np.array([1.0, 2.0])) - both(x)
    return 1 + float(off @ off), float((x[0] + 3) ** 2 + (x[1] + 1) ** 2)


FRONTS = {
    "dtlz2-d5": Front(5, 0, 1, lambda x: _dtlz2(x, 2), ((0, 0), (1.5, 1.5))),
    "dtlz7-d6": Front(6, 0, 1, lambda x: _dtlz7(x, 2), ((0, 2), (1, 10))),
    "kursawe": Front(3, -5, 5, _kursawe, ((-20, -12), (-10, 8))),
    "zdt6-d6": Front(6, 0, 1, _zdt6, ((0.28, 0), (1, 8))),
    "dtlz2-3": Front(6, 0, 1, lambda x: _dtlz2(x, 3), ((0, 0, 0), (1.5, 1.5, 1.5))),
    "dtlz7-3": Front(5, 0, 1, lambda x: _dtlz7(x, 3), ((0, 0, 2.5), (1, 1, 12))),
    "fonseca-d4": Front(4, -4, 4, _fonseca, ((0, 0), (1, 1))),
    "poloni": Front(2, -pi, pi, _poloni, ((1, 0), (30, 30))),
    "dtlz1-3": Front(4, 0, 1, lambda x: _dtlz1(x, 3), ((0, 0, 0), (100, 100, 100))),
    "viennet": Front(2, -3, 3, _viennet, ((0, 15, -0.1), (8.5, 40, 0.2))),
    "dtlz4-d5": Front(5, 0, 1, lambda x: _dtlz2(x, 2, 5.0), ((0, 0), (1.5, 1.5))),
    "zdt4-d4": Front(4, 0, 1, _zdt4, ((0, 0), (1, 60))),
}

COCO: dict[tuple[int, int], Box] = {
    (1, 5): ((394.48, -152.04), (432.561, -113.959)),
    (5, 3): ((394.48, 931.99), (490.162, 2202.47)),
    (21, 3): ((31.37, -47.15), (71.8029, 26680.7)),
    (46, 3): ((72.0199, 26.465), (230.686, 211.109)),
}
"""Functions of bbob-biobj by number and dimension: the best of each objective, and a tenth beyond the worst on the
front, both by a local search of each."""

TABLES: dict[str, Box] = {
    "hpolib-protein_structure": ((0.221379, 4.099), (0.65729, 6.492)),
    "hpobench-segment": ((0.0314869, -1.612), (0.3, 6.44)),
    "nasbench201-cifar100": ((26.5067, 6.989), (52.208, 8.563)),
    "hpolib-slice_localization": ((0.000191599, 4.378), (0.1, 7.385)),
    "hpobench-vehicle": ((0.0484299, -2.508), (0.5, 5.474)),
    "nasbench201-imagenet": ((53.2667, 8.099), (80.2822, 9.672)),
}
"""Tables, in which the second objective is the logarithm of the training time."""

NAMES = (
    *(f"front/{name}" for name in FRONTS),
    *(f"biobj/f{f}-d{d}" for f, d in COCO),
    *(f"time/{name}" for name in TABLES),
)


N_BEST = 10_000
"""Evaluations of the search for the best front."""
MOST_KEPT = 150
"""Points of it, for the sake of the time it takes."""


def best(name: str) -> float:
    """Return the least share of the box that is known to be left: a front that mutants of its own points improve."""
    task = make(name)
    rng = np.random.default_rng(0)
    ideal, reference = np.array(task.box)
    kept, front = list[dict[str, Any]](), np.empty((0, 1 + len(task.objectives)))
    for i in range(N_BEST):
        params = task.sample(rng)
        if i > N_BEST // 10:
            params = neighbour(task, kept[int(rng.integers(len(kept)))], 10.0 ** rng.uniform(-3.5, -0.5), rng)
        outcome = task.evaluate(params, 0)
        y = np.array([outcome.true, *(outcome.metrics[key] for key in task.objectives)])
        is_outside = kept and min(scaled(task, y.tolist())) <= 0.0
        if is_outside or (front <= y).all(axis=1).any():
            continue
        stays = ~(front >= y).all(axis=1)
        if stays.sum() >= MOST_KEPT:  # the nearest makes room: chance would let the front drift to one end
            off = np.abs((front - y) / (reference - ideal)).max(axis=1)
            stays[np.argmin(np.where(stays, off, np.inf))] = False
        kept = [*(old for old, is_in in zip(kept, stays, strict=True) if is_in), params]
        front = np.concatenate([front[stays], y[None]])
    return 1.0 - dominated([scaled(task, y) for y in front.tolist()])


def scaled(task: Task, y: Sequence[float]) -> tuple[float, ...]:
    """Return objectives in the box: 0 at its reference, 1 at its ideal, which none exceeds."""
    if task.box is None:
        raise ValueError(f"{task.name} has no box")
    return tuple(min((r - v) / (r - i), 1.0) for v, i, r in zip(y, *task.box, strict=True))


def dominated(points: Sequence[tuple[float, ...]]) -> float:
    """Return the volume between 0 and points, larger being better: slabs of the last coordinate one by one."""
    inside = sorted((point for point in points if min(point) > 0.0), key=lambda point: -point[-1])
    if not inside:
        return 0.0
    if len(inside[0]) == 1:
        return max(point[0] for point in inside)
    volume = 0.0
    for i, point in enumerate(inside):
        below = inside[i + 1][-1] if i + 1 < len(inside) else 0.0
        if point[-1] > below:
            volume += (point[-1] - below) * dominated([each[:-1] for each in inside[: i + 1]])
    return volume


@cache
def _suite() -> Any:
    import cocoex

    return cocoex.Suite("bbob-biobj", "instances:1", "dimensions:3,5")


def make(name: str) -> Task:
    family, detail = name.split("/")
    if family == "time":
        return _timed(name, Table(*detail.split("-", maxsplit=1)), TABLES[detail])
    if family == "front":
        front = FRONTS[detail]
        n, low, high, evaluate, box = front.n, front.low, front.high, front.evaluate, front.box
    else:
        function, n = (int(part[1:]) for part in detail.split("-"))
        problem = _suite().get_problem_by_function_dimension_instance(function, n, 1)
        low, high, evaluate, box = -5.0, 5.0, problem, COCO[function, n]
    space = tuple(real(f"x{i}", low, high, low + (high - low) * (0.35 if i % 2 else 0.6)) for i in range(n))
    return Task(
        name,
        space,
        _Point([p["name"] for p in space], evaluate),
        best=0.0,
        median=1.0,
        tags=frozenset({"function"}),
        objectives=tuple(f"f{k + 2}" for k in range(len(box[0]) - 1)),
        box=box,
    )


class _Point:
    def __init__(self, keys: list[str], evaluate: Callable[[np.ndarray], Sequence[float]]) -> None:
        self._keys, self._evaluate = keys, evaluate

    def __call__(self, params: Params, seed: int) -> Outcome:  # noqa: ARG002
        first, *rest = (float(v) for v in self._evaluate(np.array([params[key] for key in self._keys], dtype=float)))
        return Outcome(first, first, metrics={f"f{k + 2}": value for k, value in enumerate(rest)})


def _timed(name: str, table: Table, box: Box) -> Task:
    def evaluate(params: Params, seed: int) -> Outcome:
        found = table(params, seed)
        return Outcome(found.loss, found.true, found.seconds, {"log_s": float(np.log(found.seconds))})

    space: tuple[Parameter, ...] = table.space
    return Task(
        name, space, evaluate, 0.0, 1.0, is_noisy=True, tags=frozenset({"table"}), objectives=("log_s",), box=box
    )
