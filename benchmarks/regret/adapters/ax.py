"""Ax: Client, asked and told, with the generation strategy that it chooses.

A parameter on which conditions hang is said as choices with dependents. Ax lets a parameter depend on one value only:
one that is active under several is said without its condition, and dropped where it is inactive. When every
configuration of a small space was tried, the best one is tried again: by its loss, of those that keep the limits.

Limits are outcome constraints. Several objectives are told without thresholds, which the library finds by itself.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import Any

from wire import Adapter, Parameter, Params, Run, active, default, serve

# isort: split
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig
from ax.exceptions.core import SearchSpaceExhausted


def parameter(p: Parameter, dependents: dict[Any, list[str]]) -> ChoiceParameterConfig | RangeParameterConfig:
    """Return a parameter of Ax's; a choice is said by its index."""
    name = p["name"]
    if "choices" in p:
        indices, ordered = list(range(len(p["choices"]))), p["kind"] == "ordinal"
        by_index = {p["choices"].index(value): names for value, names in dependents.items()}
        return ChoiceParameterConfig(name, indices, "int", is_ordered=ordered, dependent_parameters=by_index or None)
    if dependents:
        values = list(range(p["low"], p["high"] + 1))
        return ChoiceParameterConfig(name, values, "int", is_ordered=True, dependent_parameters=dependents)
    scaling = "log" if p.get("log") else "linear"
    return RangeParameterConfig(name, (p["low"], p["high"]), p["kind"], scaling=scaling)


def code(p: Parameter, value: Any) -> Any:
    return p["choices"].index(value) if "choices" in p else value


def value(p: Parameter, found: Any) -> Any:
    if "choices" in p:
        return p["choices"][int(found)]
    return min(max(int(found) if p["kind"] == "int" else float(found), p["low"]), p["high"])


class Ax(Adapter):
    library = "ax-platform"
    has_metrics = True

    def start(self, run: Run) -> None:
        warnings.simplefilter("ignore")
        logging.disable(logging.INFO)
        self._space, self._objectives, self._limits = run.space, run.objectives, run.limits
        self._bound = {p["name"] for p in run.space if "when" in p and len(p["when"]["in"]) == 1}
        parameters = []
        for p in run.space:
            dependents: dict[Any, list[str]] = {}
            for child in run.space:
                if child["name"] in self._bound and child["when"]["name"] == p["name"]:
                    dependents.setdefault(child["when"]["in"][0], []).append(child["name"])
            parameters.append(parameter(p, dependents))
        self._client = Client(random_seed=run.seed)
        self._client.configure_experiment(parameters)
        objective = ", ".join(f"-{name}" for name in ("loss", *run.objectives))
        constraints = [f"{name} <= {limit:.12f}" for name, limit in run.limits.items()]
        self._client.configure_optimization(objective, constraints or None)
        self._client.configure_generation_strategy(
            initialization_random_seed=run.seed, allow_exceeding_initialization_budget=run.workers > 1
        )
        self._said: dict[int, Mapping[str, Any]] = {}
        self._ranks: dict[int, tuple[bool, float]] = {}

    def ask(self) -> tuple[int, Params]:
        if not self._said:
            active_ones = default(self._space)
            said = {
                p["name"]: code(p, p["default"])
                for p in self._space
                if p["name"] in active_ones or p["name"] not in self._bound
            }
            number = self._client.attach_trial(said)
        else:
            try:
                [(number, said)] = self._client.get_next_trials(1).items()
            except SearchSpaceExhausted:
                said = self._said[min(self._ranks, key=self._ranks.__getitem__)]
                number = self._client.attach_trial(said)
        self._said[number] = said
        known = {p["name"]: value(p, said[p["name"]]) for p in self._space if p["name"] in said}
        return number, active(self._space, known)

    def tell(self, number: int, loss: float | None) -> None:
        return self.tell_all(number, loss, {})

    def tell_all(self, number: int, loss: float | None, metrics: Mapping[str, float]) -> None:
        if loss is None:
            self._client.mark_trial_failed(number)
            return
        self._ranks[number] = any(metrics[name] > limit for name, limit in self._limits.items()), loss
        self._client.complete_trial(
            number, {"loss": loss, **{name: metrics[name] for name in (*self._objectives, *self._limits)}}
        )


if __name__ == "__main__":
    serve(Ax())
