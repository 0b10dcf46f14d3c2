"""Importance on functions with known answers: rank correlation with the total Sobol indices, coverage, and time.

Beside it, if it is installed, what Optuna's evaluators make of the same trials. Ranks are compared as they are shown,
in whole percents: of parameters that do nothing at all, any order is right.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import trimtab as tt
from _figures import Figures
from trimtab.analysis.indices import indices_of
from trimtab.analysis.response import response_of
from trimtab.analysis.sample import Sample
from trimtab.analysis.tops import divergences
from trimtab.arrays import Floats

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 20
TRIALS = 100
SHOWN = 0.01
"""Indices below a percent are not told from 0, and coverage is of those above."""


@dataclass
class Case:
    """A function of rows, its space, and its total indices by 200,000 points."""

    space: tt.Space
    f: Callable[[Floats], Floats]

    def truth(self) -> Floats:
        rng = np.random.default_rng(1)
        u, v = (rng.uniform(size=(200_000, len(self.space))) for _ in range(2))
        y = self.f(self.space.from_unit(u))
        found = []
        for column in range(len(self.space)):
            moved = u.copy()
            moved[:, column] = v[:, column]
            found.append(float(np.mean((y - self.f(self.space.from_unit(moved))) ** 2) / 2 / y.var()))
        return np.array(found)


def cube(d: int) -> tt.Space:
    return tt.Space({f"x{i}": tt.Float(0, 1) for i in range(d)})


def sobol_g(x: Floats) -> Floats:
    a = np.array([0.0, 1.0, 4.5, 9.0, 99.0, 99.0, 99.0, 99.0])
    return np.prod((np.abs(4 * x - 2) + a) / (1 + a), axis=1)


def ishigami(x: Floats) -> Floats:
    a, b, c = ((2 * x - 1) * np.pi).T
    return np.sin(a) + 7 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a)


def embedded(x: Floats) -> Floats:
    return 4 * (x[:, 0] - 0.3) ** 2 + np.abs(x[:, 1] - 0.6) + x[:, 0] * x[:, 2]


TREE = tt.Space(
    kind=tt.Categorical(["a", "b", "c"]),
    depth=tt.Int(1, 10, when=tt.given("kind") == "a"),
    rate=tt.Float(1e-4, 1, log=True, when=tt.given("kind").is_in(["b", "c"])),
    share=tt.Float(0, 1),
    idle=tt.Float(0, 1),
)


def tree(x: Floats) -> Floats:
    kind, depth, rate, share = x[:, 0], np.nan_to_num(x[:, 1]), np.log10(np.nan_to_num(x[:, 2], nan=1.0)), x[:, 3]
    a = 0.02 * (depth - 6) ** 2
    return np.where(kind == 0, a, 0.3 + 0.15 * (rate + 2) ** 2 + 0.1 * kind) + 0.5 * (share - 0.2) ** 2


CASES = {
    "Sobol g": Case(cube(8), sobol_g),
    "Ishigami": Case(cube(3), ishigami),
    "three of ten": Case(cube(10), embedded),
    "conditional tree": Case(TREE, tree),
}


def searched(case: Case, n: int, seed: int) -> tuple[Floats, Floats]:
    """Return trials as a search leaves them: a half at random, a half about the best so far."""
    rng = np.random.default_rng(seed)
    d = len(case.space)
    u = rng.uniform(size=(n // 2, d))
    y = case.f(case.space.from_unit(u))
    for _ in range(n - len(u)):
        near = np.clip(u[np.argmin(y)] + 0.2 * rng.standard_normal(d), 0, 1)
        u, y = np.vstack([u, near]), np.append(y, case.f(case.space.from_unit(near[None])))
    return case.space.from_unit(u), y


def rank_correlation(a: Floats, b: Floats) -> float:
    a, b = (_ranks(np.round(np.asarray(part) / SHOWN)) for part in (a, b))
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale else 1.0


def _ranks(values: Floats) -> Floats:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place.reshape(-1)]


def sample(x: Floats, y: Floats) -> Sample:
    return Sample(tt.minimize("loss"), 0, np.arange(len(y)), x, y, y, np.ones(len(y), dtype=bool), "")


def ours(space: tt.Space, x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    response = response_of(space, sample(x, y))
    assert response is not None
    found = indices_of(response)
    return found.total, found.low, found.high


def optunas(space: tt.Space, x: Floats, y: Floats) -> dict[str, Floats]:
    """Return what Optuna's evaluators say; nothing where it is not installed, or the space has conditions."""
    try:
        import optuna
    except ImportError:
        return {}
    if space.is_conditional:
        return {}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    kinds = {name: optuna.distributions.FloatDistribution(0, 1) for name in space.names}
    study = optuna.create_study()
    for row, value in zip(x.tolist(), y.tolist(), strict=True):
        params = dict(zip(space.names, row, strict=True))
        study.add_trial(optuna.trial.create_trial(params=params, distributions=kinds, value=value))
    evaluators = {
        "Optuna fANOVA": optuna.importance.FanovaImportanceEvaluator(seed=0),
        "Optuna PED-ANOVA": optuna.importance.PedAnovaImportanceEvaluator(),
    }
    found = {}
    for name, evaluator in evaluators.items():
        said = optuna.importance.get_param_importances(study, evaluator=evaluator)
        found[name] = np.array([said[parameter] for parameter in space.names])
    return found


def main() -> int:
    figures = Figures(__file__, __doc__ or "")
    inside: list[bool] = []
    for name, case in CASES.items():
        truth = case.truth()
        for how in ("at random", "searched"):
            scores: dict[str, list[float]] = {}
            mine: list[bool] = []
            for seed in range(RUNS):
                if how == "searched":
                    x, y = searched(case, TRIALS, seed)
                else:
                    x = case.space.from_unit(np.random.default_rng(seed).uniform(size=(TRIALS, len(case.space))))
                    y = case.f(x)
                total, low, high = ours(case.space, x, y)
                said = {"Trimtab": total, "PED-ANOVA here": np.nan_to_num(divergences(case.space, x, y))}
                if seed < 5 and how == "at random":
                    said |= optunas(case.space, x, y)
                for who, shares in said.items():
                    scores.setdefault(who, []).append(rank_correlation(shares, truth))
                counts = truth > SHOWN
                mine += ((low <= truth) & (truth <= high))[counts].tolist()
            inside += mine
            for who, values in scores.items():
                limit = 0.9 if who == "Trimtab" and how == "at random" else None
                figures.add(f"{name}, {how}: rank correlation, {who}", float(np.mean(values)), "", at_least=limit)
            figures.add(f"{name}, {how}: 90 % intervals hold", 100 * float(np.mean(mine)), "%")
    figures.add("90 % intervals hold, all cases", 100 * float(np.mean(inside)), "%", at_least=85)
    x = np.random.default_rng(0).uniform(size=(10_000, 20))
    y = ((x - 0.3) ** 2 * np.geomspace(1, 0.01, 20)).sum(axis=1) + x[:, 0] * x[:, 1]
    ours(cube(20), x[:100], y[:100])
    began = time.process_time()
    ours(cube(20), x, y)
    figures.add("10,000 trials of 20 parameters", time.process_time() - began, "s CPU", at_most=2.0)
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
