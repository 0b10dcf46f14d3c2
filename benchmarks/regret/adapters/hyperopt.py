"""Hyperopt: tpe.suggest over Trials.

Ordinals are said as integers, the index of the choice. Where conditions hang on a parameter, of whatever kind, it is
said as hp.choice, whose branches hold what depends on it: that is how Hyperopt says conditions. A failed trial is told
with the status "fail".
"""

from __future__ import annotations

from math import log
from typing import Any

from wire import Adapter, Parameter, Params, Run, active, default, serve

# isort: split
import numpy as np
from hyperopt import STATUS_FAIL, STATUS_OK, Domain, Trials, hp, tpe
from hyperopt.base import JOB_STATE_DONE, JOB_STATE_RUNNING


def values(p: Parameter) -> list[Any]:
    """Return the values of a parameter that has finitely many."""
    return list(p["choices"]) if "choices" in p else list(range(p["low"], p["high"] + 1))


class Hyperopt(Adapter):
    library = "hyperopt"

    def start(self, run: Run) -> None:
        self._space = run.space
        self._parents = {p["when"]["name"] for p in run.space if "when" in p}
        self._rng = np.random.default_rng(run.seed)
        nodes: dict[str, Any] = {}
        for p in reversed(run.space):  # children first: a child in several branches is one node
            nodes[p["name"]] = self._node(p, nodes)
        self._domain = Domain(lambda _: None, {p["name"]: nodes[p["name"]] for p in run.space if "when" not in p})
        self._trials = Trials()

    def _node(self, p: Parameter, nodes: dict[str, Any]) -> Any:
        name = p["name"]
        if name in self._parents:
            children = [c for c in self._space if "when" in c and c["when"]["name"] == name]
            branches = [
                {c["name"]: nodes[c["name"]] for c in children if value in c["when"]["in"]} for value in values(p)
            ]
            return hp.choice(name, branches)
        if p["kind"] == "categorical":
            return hp.choice(name, list(range(len(p["choices"]))))
        if p["kind"] == "ordinal":
            return hp.uniformint(name, 0, len(p["choices"]) - 1)
        if p["kind"] == "int":
            if p.get("log"):
                return hp.qloguniform(name, log(p["low"] - 0.5), log(p["high"] + 0.5), 1)
            return hp.uniformint(name, p["low"], p["high"])
        if p.get("log"):
            return hp.loguniform(name, log(p["low"]), log(p["high"]))
        return hp.uniform(name, p["low"], p["high"])

    def _value(self, p: Parameter, raw: float) -> Any:
        if "choices" in p:
            return p["choices"][min(max(round(raw), 0), len(p["choices"]) - 1)]
        if p["kind"] == "int":
            whole = round(raw) + (p["low"] if p["name"] in self._parents else 0)
            return min(max(whole, p["low"]), p["high"])
        return min(max(float(raw), p["low"]), p["high"])

    def _raw(self, p: Parameter, value: Any) -> float:
        return values(p).index(value) if "choices" in p or p["name"] in self._parents else value

    def ask(self) -> tuple[int, Params]:
        [number] = self._trials.new_trial_ids(1)
        if number == 0:
            docs = [self._default()]
        else:
            docs = tpe.suggest([number], self._domain, self._trials, int(self._rng.integers(2**31 - 1)), verbose=False)
        self._trials.insert_trial_docs(docs)
        self._trials.refresh()
        trial = self._trials.trials[number]
        trial["state"] = JOB_STATE_RUNNING
        raw = trial["misc"]["vals"]
        known = {p["name"]: self._value(p, raw[p["name"]][0]) for p in self._space if raw[p["name"]]}
        return number, active(self._space, known)

    def _default(self) -> dict[str, Any]:
        first = default(self._space)
        found = {p["name"]: [self._raw(p, first[p["name"]])] if p["name"] in first else [] for p in self._space}
        misc = {
            "tid": 0,
            "cmd": self._domain.cmd,
            "workdir": self._domain.workdir,
            "idxs": {name: [0] * len(vals) for name, vals in found.items()},
            "vals": found,
        }
        [doc] = self._trials.new_trial_docs([0], [None], [self._domain.new_result()], [misc])
        return doc

    def tell(self, number: int, loss: float | None) -> None:
        trial = self._trials.trials[number]
        trial["state"] = JOB_STATE_DONE
        trial["result"] = {"status": STATUS_FAIL} if loss is None else {"status": STATUS_OK, "loss": loss}
        self._trials.refresh()


if __name__ == "__main__":
    serve(Hyperopt())
