"""Vizier: the designer GP-UCB-PE, which is its service's default, updated and asked.

Conditions cannot be said: the space is flat, and what is inactive is dropped. Ordinals are integers, the index of the
choice. A failed trial is told as infeasible. Numbers have 64 bits, as in its service: with 32 it proposes nan at times.
"""

from __future__ import annotations

from typing import Any

from wire import Adapter, Parameter, Params, Run, active, serve

# isort: split
import jax
from vizier import algorithms as vza
from vizier import pyvizier as vz
from vizier.algorithms.designers import VizierGPUCBPEBandit


def add(root: vz.SearchSpaceSelector, p: Parameter) -> None:
    """Add a parameter to a space; a choice is said by its index."""
    scale = vz.ScaleType.LOG if p.get("log") else vz.ScaleType.LINEAR
    if p["kind"] == "categorical":
        root.add_categorical_param(p["name"], [str(i) for i in range(len(p["choices"]))])
    elif p["kind"] == "ordinal":
        root.add_int_param(p["name"], 0, len(p["choices"]) - 1)
    elif p["kind"] == "int":
        root.add_int_param(p["name"], p["low"], p["high"], scale_type=scale)
    else:
        root.add_float_param(p["name"], p["low"], p["high"], scale_type=scale)


def code(p: Parameter, value: Any) -> Any:
    if p["kind"] == "categorical":
        return str(p["choices"].index(value))
    return p["choices"].index(value) if p["kind"] == "ordinal" else value


def value(p: Parameter, found: Any) -> Any:
    if "choices" in p:
        return p["choices"][int(found)]
    return min(max(int(found) if p["kind"] == "int" else float(found), p["low"]), p["high"])


class Vizier(Adapter):
    library = "google-vizier"

    def start(self, run: Run) -> None:
        jax.config.update("jax_enable_x64", True)
        self._space = run.space
        problem = vz.ProblemStatement()
        for p in run.space:
            add(problem.search_space.root, p)
        problem.metric_information.append(vz.MetricInformation("loss", goal=vz.ObjectiveMetricGoal.MINIMIZE))
        self._designer = VizierGPUCBPEBandit(problem, rng=jax.random.PRNGKey(run.seed))
        self._trials: list[vz.Trial] = []
        self._done: list[vz.Trial] = []

    def ask(self) -> tuple[int, Params]:
        if self._trials:
            running = [trial for trial in self._trials if trial.status == vz.TrialStatus.ACTIVE]
            self._designer.update(vza.CompletedTrials(self._done), vza.ActiveTrials(running))
            self._done = []
            [suggestion] = self._designer.suggest(1)
        else:
            suggestion = vz.TrialSuggestion({p["name"]: code(p, p["default"]) for p in self._space})
        trial = suggestion.to_trial(len(self._trials) + 1)
        self._trials.append(trial)
        found = {p["name"]: value(p, trial.parameters.get_value(p["name"])) for p in self._space}
        return len(self._trials) - 1, active(self._space, found)

    def tell(self, number: int, loss: float | None) -> None:
        trial = self._trials[number]
        if loss is None:
            trial.complete(vz.Measurement(), infeasibility_reason="failed")
        else:
            trial.complete(vz.Measurement({"loss": loss}))
        self._done.append(trial)


if __name__ == "__main__":
    serve(Vizier())
