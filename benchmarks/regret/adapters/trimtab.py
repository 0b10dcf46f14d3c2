"""Trimtab: a study in memory, asked and told. Options: "optimizer", the engine's name, "auto" by itself; its own ones.

When every configuration of a small space was tried, the best one is tried again.
"""

from __future__ import annotations

from typing import Any

from wire import Adapter, Parameter, Params, Run, default, serve

# isort: split
import trimtab as tt
from trimtab import plugins
from trimtab.errors import TrialError


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


class Trimtab(Adapter):
    library = "trimtab"

    def start(self, run: Run) -> None:
        options = dict(run.options)
        name = options.pop("optimizer", "auto")
        engine = plugins.load("optimizers", name)(**options) if options else name
        said = tt.Space({p["name"]: parameter(p) for p in run.space})
        self._study = tt.create_study(said, minimize="loss", optimizer=engine, seed=run.seed)
        if name != "auto":  # which tries the default first by itself
            self._study.enqueue(default(run.space))

    def ask(self) -> tuple[int, Params]:
        try:
            trial = self._study.ask()
        except TrialError:  # every configuration was tried: the best once more
            self._study.enqueue(self._study.best.params)
            trial = self._study.ask()
        return trial.number, dict(trial.params)

    def tell(self, number: int, loss: float | None) -> int | None:
        self._study.tell(number, loss, failed="nan" if loss is None else None)
        try:
            return self._study.best.number
        except TrialError:  # none is complete
            return None


if __name__ == "__main__":
    serve(Trimtab())
