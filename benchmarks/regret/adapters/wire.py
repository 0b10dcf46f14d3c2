"""How an adapter speaks: a JSON line in, a JSON line out. Import this before the library that is adapted.

    -> {"op": "start", "space": [...], "seed": 0, "n_trials": 100, "workers": 1, "noisy": false, "options": {}}
    <- {"ok": true, "version": "5.0.0"}
    -> {"op": "ask"}
    <- {"id": 0, "params": {"lr": 0.01}, "cpu": 0.012, "wall": 0.013}
    -> {"op": "tell", "id": 0, "loss": 0.37}        # a loss of null: the trial failed
       with "metrics": {"g1": 2.5, ...} where the start names "objectives": ["f2"] or "limits": {"g1": 2.0}
    <- {"cpu": 0.001, "wall": 0.001}                # with "best" if the library says which trial it would choose
    -> {"op": "stop"}

Several trials may be open at once. A second start begins anew. An error is {"error": "..."}. `cpu` is the CPU time of
all threads of the process and `wall` the time that passed, in seconds, both in the library alone.

Importing this takes the adapters' folder off the path, where `optuna.py` would hide the library of that name, and keeps
every library to one thread.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

Parameter = Mapping[str, Any]
Params = dict[str, Any]

sys.path = [path for path in sys.path if os.path.realpath(path or ".") != os.path.dirname(os.path.realpath(__file__))]
for _name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"


@dataclass(frozen=True)
class Run:
    """What a run is about.

    Attributes:
        space: the parameters, as benchmarks/regret/task.py describes them.
        seed: of the optimizer.
        n_trials: how many will be asked for.
        workers: how many trials may be open at once.
        noisy: whether two evaluations of one configuration differ.
        options: the adapter's own.
        objectives: names of further objectives, to be minimised beside the loss.
        limits: names of what has a limit, and the most it may be.
    """

    space: Sequence[Parameter]
    seed: int
    n_trials: int
    workers: int
    noisy: bool
    options: Mapping[str, Any]
    objectives: Sequence[str] = ()
    limits: Mapping[str, float] = field(default_factory=dict)


class Adapter:
    """One library.

    Attributes:
        library: its name among installed packages.
        has_metrics: whether it can be told of further objectives and limits; then `tell_all` is called where there are
            some, in the place of `tell`.
    """

    library: str
    has_metrics: bool = False

    def start(self, run: Run) -> None:
        """Begin a run and forget the one before."""
        raise NotImplementedError

    def ask(self) -> tuple[int, Params]:
        """Return the next trial: its number, and the active parameters. The first is the default configuration."""
        raise NotImplementedError

    def tell(self, number: int, loss: float | None) -> int | None:
        """Take in what came of a trial; None if it failed. Return which one the library would choose, if it says so."""
        raise NotImplementedError

    def tell_all(self, number: int, loss: float | None, metrics: Mapping[str, float]) -> int | None:
        """Take in what came of a trial, and its further objectives and what has a limit."""
        raise NotImplementedError


class Unfailing(Adapter):
    """A library that cannot learn from a failed trial: it is told the worst loss so far, as soon as there is one."""

    _worst: list[float] | None
    _waiting: list[int]

    def observe(self, number: int, losses: Sequence[float], failed: bool) -> int | None:
        """Take in the losses of a trial, one an objective, or those that stand for its failure.

        Returns what `tell` returns.
        """
        raise NotImplementedError

    def start(self, run: Run) -> None:  # noqa: ARG002
        self._worst, self._waiting = None, []

    def tell(self, number: int, loss: float | None) -> int | None:
        return self.take(number, None if loss is None else [loss])

    def take(self, number: int, losses: Sequence[float] | None, allowed: bool = True) -> int | None:
        """Take in what came of a trial; what is not allowed counts as failed, with losses that may be the worst."""
        best = None
        if losses is not None:
            self._worst = [max(pair) for pair in zip(losses, self._worst or losses, strict=True)]
        if losses is not None and allowed:
            best = self.observe(number, losses, failed=False)
        else:
            self._waiting.append(number)
        if self._worst is not None:
            for each in self._waiting:
                best = self.observe(each, self._worst, failed=True)
            self._waiting = []
        return best


def is_active(parameter: Parameter, params: Mapping[str, Any]) -> bool:
    """Return whether a parameter is active, given the active ones before it."""
    when = parameter.get("when")
    return when is None or (when["name"] in params and params[when["name"]] in when["in"])


def active(space: Sequence[Parameter], values: Mapping[str, Any]) -> Params:
    """Return the active parameters of a configuration that names all of them."""
    params: Params = {}
    for parameter in space:
        if is_active(parameter, params):
            params[parameter["name"]] = values[parameter["name"]]
    return params


def default(space: Sequence[Parameter]) -> Params:
    """Return the default configuration: its active parameters."""
    return active(space, {parameter["name"]: parameter["default"] for parameter in space})


def serve(adapter: Adapter) -> None:
    """Answer until told to stop. What the library prints goes to stderr."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        message = json.loads(line)
        if message["op"] == "stop":
            return
        try:
            answer = _answer(adapter, message)
        except Exception as error:  # whatever a library raises, the other side is told
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"[:500]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answer(adapter: Adapter, message: dict[str, Any]) -> dict[str, Any]:
    op = message.pop("op")
    if op == "start":
        run = Run(**message)
        if (run.objectives or run.limits) and not adapter.has_metrics:
            raise ValueError(f"the adapter of {adapter.library} knows of one loss alone")
        adapter.start(run)
        return {"ok": True, "version": metadata.version(adapter.library)}
    cpu, wall = time.process_time(), time.perf_counter()
    if op == "ask":
        number, params = adapter.ask()
        answer: dict[str, Any] = {"id": number, "params": params}
    elif op == "tell":
        number, loss = message["id"], message["loss"]
        best = (
            adapter.tell_all(number, loss, message["metrics"]) if "metrics" in message else adapter.tell(number, loss)
        )
        answer = {} if best is None else {"best": best}
    else:
        raise ValueError(f"op is start, ask, tell or stop, got {op!r}")
    return {**answer, "cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
