"""Nevergrad: NGOpt, asked and told.

Conditions cannot be said: the space is flat, and what is inactive is dropped. Ordinals are ordered transition choices.
Nor can failures: a failed trial is told at the worst loss so far, and as keeping the limits.

By how much each limit is broken is told as the violation of a constraint. What the library adds for it is a multiple of
the loss, where this is above zero, and in the second half of the trials of a constant besides.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from math import inf, isclose
from typing import Any

from wire import Adapter, Parameter, Params, Run, active, default, serve

# isort: split
import nevergrad as ng


def parameter(p: Parameter) -> Any:
    """Return a parameter of Nevergrad's; a choice is said by its index."""
    if p["kind"] == "categorical":
        return ng.p.Choice(len(p["choices"]))
    if p["kind"] == "ordinal":
        return ng.p.TransitionChoice(len(p["choices"]))
    kind = ng.p.Log if p.get("log") else ng.p.Scalar
    found = kind(init=p["default"], lower=p["low"], upper=p["high"])
    return found.set_integer_casting() if p["kind"] == "int" else found


def code(p: Parameter, value: Any) -> Any:
    return p["choices"].index(value) if "choices" in p else value


def value(p: Parameter, found: Any) -> Any:
    if "choices" in p:
        return p["choices"][int(found)]
    number = int(found) if p["kind"] == "int" else float(found)
    return min(max(number, p["low"]), p["high"])


class Nevergrad(Adapter):
    library = "nevergrad"
    has_metrics = True

    def start(self, run: Run) -> None:
        warnings.simplefilter("ignore")
        self._space, self._objectives, self._limits = run.space, run.objectives, run.limits
        said = ng.p.Dict(**{p["name"]: parameter(p) for p in run.space})
        said.random_state.seed(run.seed)
        self._optimizer = ng.optimizers.NGOpt(said, budget=run.n_trials, num_workers=run.workers)
        self._trials: list[Any] = []
        self._worst = [inf] * (1 + len(run.objectives))
        self._next = [self._optimizer.ask()]
        if not all(isclose(code(p, p["default"]), self._next[0].value[p["name"]]) for p in run.space):
            self._optimizer.suggest({p["name"]: code(p, p["default"]) for p in run.space})
            self._next.append(self._optimizer.ask())

    def ask(self) -> tuple[int, Params]:
        trial = self._next.pop() if self._next else self._optimizer.ask()
        self._trials.append(trial)
        number = len(self._trials) - 1
        if number == 0:  # without the rounding of a logarithm and back
            return number, default(self._space)
        return number, active(self._space, {p["name"]: value(p, trial.value[p["name"]]) for p in self._space})

    def tell(self, number: int, loss: float | None) -> None:
        return self.tell_all(number, loss, {})

    def tell_all(self, number: int, loss: float | None, metrics: Mapping[str, float]) -> None:
        excess = None
        if loss is None:
            losses = self._worst
        else:
            losses = [loss, *(metrics[name] for name in self._objectives)]
            self._worst = [b if a == inf else max(a, b) for a, b in zip(self._worst, losses, strict=True)]
            excess = [metrics[name] - limit for name, limit in self._limits.items()] or None
        self._optimizer.tell(self._trials[number], losses if self._objectives else losses[0], excess)


if __name__ == "__main__":
    serve(Nevergrad())
