"""HEBO, suggesting and observing.

Conditions cannot be said: the space is flat, and what is inactive is dropped. Ordinals are integers, the index of the
choice. Nor can failures be said: a failed trial is observed at the worst loss so far. It knows nothing of trials that
still run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wire import Parameter, Params, Run, Unfailing, active, serve

# isort: split
import numpy as np
import pandas as pd
import torch
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.hebo import HEBO


def parameter(p: Parameter) -> dict[str, Any]:
    """Return a parameter of HEBO's; a choice is said by its index."""
    if p["kind"] == "categorical":
        return {"name": p["name"], "type": "cat", "categories": list(range(len(p["choices"])))}
    if p["kind"] == "ordinal":
        return {"name": p["name"], "type": "int", "lb": 0, "ub": len(p["choices"]) - 1}
    kinds = {("int", False): "int", ("int", True): "pow_int", ("float", False): "num", ("float", True): "pow"}
    return {"name": p["name"], "type": kinds[p["kind"], p.get("log", False)], "lb": p["low"], "ub": p["high"]}


def value(p: Parameter, found: Any) -> Any:
    if "choices" in p:
        return p["choices"][int(found)]
    return min(max(int(found) if p["kind"] == "int" else float(found), p["low"]), p["high"])


class Hebo(Unfailing):
    library = "HEBO"

    def start(self, run: Run) -> None:
        super().start(run)
        np.random.seed(run.seed)  # noqa: NPY002  # which HEBO draws from
        torch.manual_seed(run.seed)
        self._space = run.space
        self._hebo = HEBO(DesignSpace().parse([parameter(p) for p in run.space]), scramble_seed=run.seed)
        self._trials: list[pd.DataFrame] = []

    def ask(self) -> tuple[int, Params]:
        if not self._trials:
            first = {
                p["name"]: p["choices"].index(p["default"]) if "choices" in p else p["default"] for p in self._space
            }
            trial = pd.DataFrame([first])
        else:
            trial = self._hebo.suggest()
        self._trials.append(trial)
        found = {p["name"]: value(p, trial[p["name"]].iloc[0]) for p in self._space}
        return len(self._trials) - 1, active(self._space, found)

    def observe(self, number: int, losses: Sequence[float], failed: bool) -> None:  # noqa: ARG002
        self._hebo.observe(self._trials[number], np.array([losses]))


if __name__ == "__main__":
    serve(Hebo())
