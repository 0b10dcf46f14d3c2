"""Trimtab: a study in memory, asked and told. Options: "optimizer", the engine's name, "auto" by itself; its own ones.

When every configuration of a small space was tried, the best one is tried again. With the option "imputed" the engine
is told of no conditions: its space is flat, and what is inactive has its default on record. "constants" changes those
of engines: see ablate.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wire import Adapter, Parameter, Params, Run, active, default, serve

# isort: split
import trimtab as tt
from trimtab import plugins
from trimtab.errors import TrialError
from trimtab.ledger.event import Origin
from trimtab.space.problem import Problem, minimize
from trimtab.study.best import best_row
from trimtab.testing.simulation import Simulation


def parameter(p: Parameter) -> Any:
    """Return a parameter of Trimtab's."""
    when = tt.given(p["when"]["name"]).is_in(p["when"]["in"]) if "when" in p else None
    common = {"default": p["default"], "when": when, "priority": p.get("priority")}
    if p["kind"] == "categorical":
        return tt.Categorical(p["choices"], **common)
    if p["kind"] == "ordinal":
        return tt.Ordinal(p["choices"], **common)
    kind = tt.Int if p["kind"] == "int" else tt.Float
    return kind(p["low"], p["high"], log=p.get("log", False), **common)


class Imputed:
    """A study of a flat space, in which parameters that are inactive by the true one have their defaults."""

    def __init__(self, run: Run, engine: Any) -> None:
        self._true = run.space
        flat = tt.Space({p["name"]: parameter({k: v for k, v in p.items() if k != "when"}) for p in run.space})
        self._defaults = {p["name"]: p["default"] for p in run.space}
        self._run = Simulation(Problem(flat, (minimize("loss"),)), engine, run.seed)

    def ask(self) -> tuple[int, Params]:
        proposal = self._run.propose()
        space = self._run.problem.space
        params = active(self._true, space.decode(proposal.x)[0])
        number = self._run.put(space.encode([self._defaults | params])[0], Origin(proposal.by, proposal.reason(0)))
        self._run.start(number)
        return number, params

    def tell(self, number: int, loss: float | None) -> int | None:
        if loss is None:
            self._run.fail(number, "nan")
        else:
            self._run.tell(number, loss)
        return best_row(self._run.table)


class Trimtab(Adapter):
    library = "trimtab"
    has_metrics = True

    def start(self, run: Run) -> None:
        options = dict(run.options)
        self._imputed = Imputed(run, plugins.load("optimizers", "auto")()) if options.pop("imputed", False) else None
        name, constants = options.pop("optimizer", "auto"), options.pop("constants", {})
        engine = plugins.load("optimizers", name)(**options) if options or constants else name
        for part, changed in constants.items():  # of `auto`: its own, and those of its process
            of = engine if part == name else getattr(engine, part)
            of.settings = replace(of.settings, **changed)
        said = tt.Space({p["name"]: parameter(p) for p in run.space})
        self._study = tt.create_study(
            said,
            objectives=[tt.minimize(name) for name in ("loss", *run.objectives)],
            constraints=[tt.at_most(name, limit) for name, limit in run.limits.items()],
            optimizer=engine,
            seed=run.seed,
        )
        if name != "auto":  # which tries the default first by itself
            self._study.enqueue(default(run.space))

    def ask(self) -> tuple[int, Params]:
        if self._imputed is not None:
            return self._imputed.ask()
        try:
            trial = self._study.ask()
        except TrialError:  # every configuration was tried: the best once more
            self._study.enqueue(self._study.best.params)
            trial = self._study.ask()
        return trial.number, dict(trial.params)

    def tell(self, number: int, loss: float | None) -> int | None:
        if self._imputed is not None:
            return self._imputed.tell(number, loss)
        return self.tell_all(number, loss, {})

    def tell_all(self, number: int, loss: float | None, metrics: Mapping[str, float]) -> int | None:
        values = None if loss is None else {"loss": loss, **metrics}
        self._study.tell(number, values, failed="nan" if loss is None else None)
        try:
            return self._study.best.number
        except TrialError:  # none is complete
            return None


if __name__ == "__main__":
    serve(Trimtab())
