"""Advice: false alarms on healthy studies, and what following it is worth.

    python benchmarks/advice.py [healthy studies, 200] [edge cases, 40] [optimizer of the healthy ones, auto]

A healthy study has its best well inside of its ranges, parameters that all matter, little noise, and enough trials.
The edge cases have it outside: the advice is followed (`tt.refine`), and compared with going on in the old study, at an
equal number of further trials.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from typing import Any

import numpy as np

import trimtab as tt
from trimtab.analysis.advice.rules import advise

MOST_ALARMS = 0.05
"""The share of healthy studies that may get advice."""


def healthy_study(seed: int, *, optimizer: str = "auto", per_parameter: int = 12) -> tt.Study:
    """Return a study in which nothing is wrong: an inner optimum, now and then noise, failures, curves."""
    rng = np.random.default_rng([7, seed])
    space, centres, weights = _mixed(rng)
    noise = float(rng.choice([0.0, 0.0, 0.01, 0.03]))
    fails = float(rng.choice([0.0, 0.0, 0.03]))
    has_curve = bool(rng.random() < 0.3)

    def objective(trial: tt.Trial) -> float:
        own = np.random.default_rng(trial.seed)
        if own.random() < fails:
            raise RuntimeError(str(own.choice(["no luck", "disk full", "connection reset"])))
        loss = _bowl(space, trial.params, centres, weights) + noise * float(own.normal())
        if has_curve:
            for step in range(1, 21):
                trial.report(step, loss=loss + math.exp(-step / 3) + 0.003 * float(own.normal()))
        return loss

    budget = per_parameter * len(space) + 10
    return tt.tune(objective, space, minimize="loss", budget=budget, seed=seed, optimizer=optimizer, progress=False)


def _mixed(rng: np.random.Generator) -> tuple[tt.Space, dict[str, float], dict[str, float]]:
    kinds = rng.choice(["float", "log", "int", "choice"], size=int(rng.integers(2, 6)), p=[0.4, 0.3, 0.2, 0.1])
    made: dict[str, Any] = {
        "float": lambda: tt.Float(0.0, 10.0),
        "log": lambda: tt.Float(1e-5, 1e-1, log=True),
        "int": lambda: tt.Int(1, 40),
        "choice": lambda: tt.Categorical(["a", "b", "c"]),
    }
    parameters = {f"{kind}_{i}": made[kind]() for i, kind in enumerate(kinds)}
    if all(kind == "choice" for kind in kinds):
        parameters["float_x"] = made["float"]()
    space = tt.Space(parameters)
    centres = {name: float(rng.uniform(0.2, 0.8)) for name in space.names}
    return space, centres, {name: float(rng.uniform(0.6, 1.6)) for name in space.names}


def _bowl(space: tt.Space, params: dict[str, Any], centres: dict[str, float], weights: dict[str, float]) -> float:
    u = space.to_unit(space.encode([params]))[0]
    return sum(weights[name] * (value - centres[name]) ** 2 for name, value in zip(space.names, u, strict=True))


def edge_study(seed: int, budget: int) -> tuple[tt.Study, Any]:
    """Return a study whose best lies outside of its range, and its objective."""
    rng = np.random.default_rng([11, seed])
    beyond, inner = float(rng.uniform(0.1, 0.9)), float(rng.uniform(0.25, 0.75))
    side = 1.0 if rng.random() < 0.5 else -1.0
    space = tt.Space(lr=tt.Float(1e-4, 1e-2, log=True), wd=tt.Float(0.0, 1.0), layers=tt.Int(2, 20))

    def objective(trial: tt.Trial) -> float:
        place = (math.log10(trial.params["lr"]) + 3.0) * side  # the range is -1 to 1
        layers = (trial.params["layers"] - 2) / 18
        return 0.5 * (place - 1.0 - beyond) ** 2 + (trial.params["wd"] - inner) ** 2 + (layers - inner) ** 2

    study = tt.tune(objective, space, minimize="loss", budget=budget, seed=seed, progress=False)
    return study, objective


def main() -> int:
    from _figures import Figures  # the tests load this script for its studies, from elsewhere

    n_healthy = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    n_edges = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    optimizer = sys.argv[3] if len(sys.argv) > 3 else "auto"
    figures = Figures(__file__, __doc__ or "")
    alarms: Counter[str] = Counter()
    n_alarmed = 0
    for seed in range(n_healthy):
        study = healthy_study(seed, optimizer="random" if seed % 4 == 0 else optimizer)
        found = advise(study.problem, study.table)
        n_alarmed += bool(found)
        alarms.update(advice.rule for advice in found)
        if seed % 10 == 9:
            print(f"{seed + 1} healthy studies, {n_alarmed} with advice", file=sys.stderr, flush=True)
        for advice in found:
            print(seed, advice.rule, advice.says, file=sys.stderr, flush=True)
    if n_healthy:
        figures.add(f"{n_healthy} healthy studies that get advice", n_alarmed / n_healthy, "share", at_most=MOST_ALARMS)
        for rule, n in alarms.most_common():
            figures.add(f"of these, by the rule {rule!r}", n / n_healthy, "share")
    first, more = 30, 20
    n_fired = n_won = 0
    ratios = []
    for seed in range(n_edges):
        study, objective = edge_study(seed, first)
        widened = [tip for tip in study.advice() if tip.rule == "edge"]
        n_fired += bool(widened)
        if not widened:
            continue
        refined = eval(widened[0].call, {"tt": tt, "study": study})
        refined = tt.tune(objective, refined.space, minimize="loss", budget=more, store=refined, progress=False)
        ahead = refined.best_value
        onward = tt.tune(objective, study.space, minimize="loss", budget=first + more, store=study, progress=False)
        n_won += ahead < onward.best_value
        ratios.append(ahead / onward.best_value)
        print(
            f"{seed + 1} edge cases, {n_fired} with advice, {n_won} better: {ratios[-1]:.3g}",
            file=sys.stderr,
            flush=True,
        )
    if n_edges:
        figures.add(f"{n_edges} edge cases in which the advice comes", n_fired / n_edges, "share", at_least=0.9)
        figures.add(
            "of these, the refined study is better than going on", n_won / max(1, n_fired), "share", at_least=0.9
        )
        figures.add(
            "loss of the refined study by that of going on, median", float(np.median(ratios)), "ratio", at_most=0.8
        )
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
