"""Optuna, by define-by-run: suggest calls in order, under their conditions. Option "sampler": see SAMPLERS.

Ordinals are said as integers, the index of the choice. A failed trial is told as TrialState.FAIL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wire import Adapter, Parameter, Params, Run, default, is_active, serve

# isort: split
import optuna
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState

SAMPLERS: dict[str, type[BaseSampler]] = {
    "tpe": TPESampler,
    "gp": GPSampler,
    "cmaes": CmaEsSampler,
    "nsga2": NSGAIISampler,
    "random": RandomSampler,
}


def suggest(trial: Trial, p: Parameter) -> Any:
    """Return the trial's value of a parameter."""
    if p["kind"] == "categorical":
        return trial.suggest_categorical(p["name"], p["choices"])
    if p["kind"] == "ordinal":
        return p["choices"][trial.suggest_int(p["name"], 0, len(p["choices"]) - 1)]
    if p["kind"] == "int":
        return trial.suggest_int(p["name"], p["low"], p["high"], log=p.get("log", False))
    return trial.suggest_float(p["name"], p["low"], p["high"], log=p.get("log", False))


def excess(trial: FrozenTrial) -> list[float]:
    """Return by how much a trial broke each limit."""
    found: list[float] = trial.user_attrs["excess"]
    return found


class Optuna(Adapter):
    library = "optuna"
    has_metrics = True

    def start(self, run: Run) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        name = run.options.get("sampler", "tpe")
        further: dict[str, Any] = {}
        if name == "tpe" and run.workers > 1:
            further = {"constant_liar": True}  # as its documentation advises for parallel trials
        if name == "gp":
            further = {"deterministic_objective": not run.noisy}
        if run.limits:
            further["constraints_func"] = excess
        self._space, self._objectives, self._limits = run.space, run.objectives, run.limits
        self._trials: dict[int, Trial] = {}
        directions = ["minimize"] * (1 + len(run.objectives))
        self._study = optuna.create_study(sampler=SAMPLERS[name](seed=run.seed, **further), directions=directions)
        first = default(run.space)
        for p in run.space:
            if p["kind"] == "ordinal" and p["name"] in first:
                first[p["name"]] = p["choices"].index(first[p["name"]])
        self._study.enqueue_trial(first)

    def ask(self) -> tuple[int, Params]:
        trial = self._study.ask()
        params: Params = {}
        for p in self._space:
            if is_active(p, params):
                params[p["name"]] = suggest(trial, p)
        self._trials[trial.number] = trial
        return trial.number, params

    def tell_all(self, number: int, loss: float | None, metrics: Mapping[str, float]) -> None:
        if loss is None:
            return self.tell(number, loss)
        by = [metrics[name] - limit for name, limit in self._limits.items()]
        self._trials.pop(number).set_user_attr("excess", by)
        self._study.tell(number, [loss, *(metrics[name] for name in self._objectives)])
        return None

    def tell(self, number: int, loss: float | None) -> None:
        if loss is None:
            self._study.tell(number, state=TrialState.FAIL)
        else:
            self._study.tell(number, loss)


if __name__ == "__main__":
    serve(Optuna())
