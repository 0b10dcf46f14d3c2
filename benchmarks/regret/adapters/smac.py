"""SMAC3, asked and told. Option "facade": "hpo" (random forest, by itself) or "bb" (Gaussian process).

Ordinals are ordered categoricals. Under noise SMAC repeats configurations by its own plan (deterministic=False), and
its incumbent is what it would choose. A failed trial is told as crashed, at the worst loss so far: the library's own
default is an infinite cost, which its models cannot learn from. When every configuration of a small space is used up,
random ones follow.

Of several objectives it knows by ParEGO, which is not its default. It has no outcome constraints: a trial that breaks a
limit is told as one that crashed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from wire import Parameter, Params, Run, Unfailing, serve

# isort: split
from ConfigSpace import Categorical, Configuration, ConfigurationSpace, Float, InCondition, Integer
from smac import BlackBoxFacade, HyperparameterOptimizationFacade, Scenario
from smac.initial_design import SobolInitialDesign
from smac.main.exceptions import ConfigurationSpaceExhaustedException
from smac.multi_objective.parego import ParEGO
from smac.runhistory import StatusType, TrialInfo, TrialValue

FACADES = {"hpo": HyperparameterOptimizationFacade, "bb": BlackBoxFacade}
PER_PARAMETER = {"hpo": 10, "bb": 8}
"""How many configurations of the initial design the facades take for each parameter."""


class DefaultFirst(SobolInitialDesign):
    """The facades' initial design, with the default configuration in front."""

    def select_configurations(self) -> list[Configuration]:
        first = self._configspace.get_default_configuration()
        return [first, *(found for found in super().select_configurations() if found != first)]


def parameter(p: Parameter) -> Any:
    """Return a parameter of ConfigSpace's; a choice is said by its index."""
    if "choices" in p:
        indices, start = list(range(len(p["choices"]))), p["choices"].index(p["default"])
        return Categorical(p["name"], indices, default=start, ordered=p["kind"] == "ordinal")
    kind = Integer if p["kind"] == "int" else Float
    return kind(p["name"], (p["low"], p["high"]), default=p["default"], log=p.get("log", False))


def code(p: Parameter, value: Any) -> Any:
    return p["choices"].index(value) if "choices" in p else value


def value(p: Parameter, found: Any) -> Any:
    if "choices" in p:
        return p["choices"][int(found)]
    return int(found) if p["kind"] == "int" else min(max(float(found), p["low"]), p["high"])


class Smac(Unfailing):
    library = "smac"
    has_metrics = True

    def start(self, run: Run) -> None:
        super().start(run)
        name = run.options.get("facade", "hpo")
        self._space, self._objectives, self._limits = run.space, run.objectives, run.limits
        self._configspace = ConfigurationSpace(seed=run.seed)
        self._configspace.add([parameter(p) for p in run.space])
        by_name = {p["name"]: p for p in run.space}
        for p in run.space:
            if "when" in p:
                parent = by_name[p["when"]["name"]]
                accepted = [code(parent, each) for each in p["when"]["in"]]
                child = self._configspace[p["name"]]
                self._configspace.add(InCondition(child, self._configspace[parent["name"]], accepted))
        self._folder = tempfile.TemporaryDirectory()
        scenario = Scenario(
            self._configspace,
            deterministic=not run.noisy,
            n_trials=run.n_trials,
            output_directory=self._folder.name,
            seed=run.seed,
            objectives=["loss", *run.objectives] if run.objectives else "loss",
        )
        further = {"multi_objective_algorithm": ParEGO(scenario)} if run.objectives else {}
        design = DefaultFirst(scenario, n_configs_per_hyperparameter=PER_PARAMETER[name])
        self._smac = FACADES[name](scenario, initial_design=design, logging_level=False, overwrite=True, **further)
        self._trials: list[TrialInfo] = []

    def ask(self) -> tuple[int, Params]:
        try:
            trial = self._smac.ask()
        except (ConfigurationSpaceExhaustedException, StopIteration):
            trial = TrialInfo(self._configspace.sample_configuration(), seed=0)
        self._trials.append(trial)
        found = dict(trial.config)
        return len(self._trials) - 1, {p["name"]: value(p, found[p["name"]]) for p in self._space if p["name"] in found}

    def tell_all(self, number: int, loss: float | None, metrics: Mapping[str, float]) -> int | None:
        allowed = all(metrics[name] <= limit for name, limit in self._limits.items()) if metrics else False
        return self.take(number, None if loss is None else [loss, *(metrics[n] for n in self._objectives)], allowed)

    def observe(self, number: int, losses: Sequence[float], failed: bool) -> int | None:
        cost = list(losses) if self._objectives else losses[0]
        outcome = TrialValue(cost=cost, status=StatusType.CRASHED if failed else StatusType.SUCCESS)
        self._smac.tell(self._trials[number], outcome, save=False)
        incumbents = self._smac.intensifier.get_incumbents()
        return next((i for i, trial in enumerate(self._trials) if trial.config in incumbents), None)


if __name__ == "__main__":
    serve(Smac())
