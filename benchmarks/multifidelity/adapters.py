"""Other libraries, each behind the same four calls, with its defaults; `peers.py` drives them in simulated time.

optuna-hyperband     TPE with HyperbandPruner from the fidelity's lowest to its highest, a factor of 3
optuna-median        TPE with MedianPruner
optuna-whole         TPE on whole trials
dehb                 DEHB from the fidelity's lowest to its highest, a factor of 3
smac                 SMAC3's multi-fidelity facade (random forest, Hyperband), likewise
synetune-asha        Syne Tune's ASHA on random configurations, which stops
synetune-bohb        ASHA with its BOHB, which stops
synetune-mobster     ASHA with a multi-task Gaussian process, which stops
synetune-hypertune   four brackets, as its authors have it, with independent Gaussian processes, which stop
synetune-dyhpo       pauses and resumes; its rungs are those at which trials report, since by default they are every
                     second step

DEHB and SMAC ask for fidelities of their own ladder, such as 1.93 epochs of 52: the nearest in the table is run.
"""

from __future__ import annotations

import datetime
import logging
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from curves import CurveTask

from trimtab.space.parameter import Float, Int

ETA = 3


@dataclass
class Job:
    """What one worker is to do.

    Attributes:
        params: the configuration.
        end: the fidelity to run it up to.
        key: of the configuration: jobs of one key go on where the furthest of them ended.
        about: the library's own object.
    """

    params: dict[str, Any]
    end: float
    key: Any
    about: Any


class Peer(Protocol):
    def ask(self) -> Job | None:
        """Return what to run next; None where results are to be awaited."""

    def report(self, job: Job, step: float, loss: float) -> bool:
        """Take a loss before the job's end, and return whether to go on; if not, the library knows that it ended."""

    def end(self, job: Job, loss: float, seconds: float) -> None:
        """Take the loss at the job's end, and what the job took."""


def _parameters(task: CurveTask) -> dict[str, Float | Int]:
    by_name = {name: task.space[name] for name in task.space.names}
    return {name: p for name, p in by_name.items() if isinstance(p, Float | Int)}


def _nearest(task: CurveTask, fidelity: float) -> float:
    return min(task.at, key=lambda at: abs(at - fidelity))


class Optuna:
    def __init__(self, task: CurveTask, seed: int, pruner: str) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        low, high = int(task.fidelity.low), int(task.fidelity.high)
        pruners: dict[str, Callable[[], Any]] = {
            "hyperband": lambda: optuna.pruners.HyperbandPruner(low, high, reduction_factor=ETA),
            "median": optuna.pruners.MedianPruner,
            "whole": optuna.pruners.NopPruner,
        }
        self._task, self._pruned = task, optuna.trial.TrialState.PRUNED
        self._study = optuna.create_study(
            study_name=f"{task.name} {seed}",  # by which trials get their brackets, so that a run can be repeated
            sampler=optuna.samplers.TPESampler(seed=seed),
            pruner=pruners[pruner](),
        )

    def ask(self) -> Job:
        trial = self._study.ask()
        params = {}
        for name, p in _parameters(self._task).items():
            suggest = trial.suggest_int if isinstance(p, Int) else trial.suggest_float
            params[name] = suggest(name, p.low, p.high, log=p.log)
        return Job(params, self._task.fidelity.high, trial.number, trial)

    def report(self, job: Job, step: float, loss: float) -> bool:
        job.about.report(loss, int(step))
        if not job.about.should_prune():
            return True
        self._study.tell(job.about, state=self._pruned)
        return False

    def end(self, job: Job, loss: float, seconds: float) -> None:  # noqa: ARG002 - as in the protocol
        self._study.tell(job.about, loss)


def _configspace(task: CurveTask, seed: int) -> Any:
    import ConfigSpace as Cs

    space = Cs.ConfigurationSpace(seed=seed)
    for name, p in _parameters(task).items():
        kind = Cs.UniformIntegerHyperparameter if isinstance(p, Int) else Cs.UniformFloatHyperparameter
        space.add(kind(name, lower=p.low, upper=p.high, log=p.log))
    return space


class Dehb:
    def __init__(self, task: CurveTask, seed: int, _: str) -> None:
        from dehb import DEHB

        self._task = task
        self._dehb = DEHB(
            f=lambda *_: None, cs=_configspace(task, seed), min_fidelity=task.fidelity.low,
            max_fidelity=task.fidelity.high, eta=ETA, n_workers=1, seed=seed,
            output_path=str(Path(tempfile.gettempdir(), "trimtab-dehb")), log_level="ERROR",
        )  # fmt: skip

    def ask(self) -> Job:
        asked = self._dehb.ask()
        params = {name: asked["config"][name] for name in _parameters(self._task)}
        return Job(params, _nearest(self._task, asked["fidelity"]), tuple(params.values()), asked)

    def report(self, job: Job, step: float, loss: float) -> bool:  # noqa: ARG002 - it hears of ends alone
        return True

    def end(self, job: Job, loss: float, seconds: float) -> None:
        self._dehb.tell(job.about, {"fitness": loss, "cost": seconds})


def _unused(config: Any, seed: int, budget: float) -> float:
    """SMAC wants a function with these arguments; it is asked and told instead."""
    raise NotImplementedError(config, seed, budget)


class Smac:
    def __init__(self, task: CurveTask, seed: int, _: str) -> None:
        import smac

        scenario = smac.Scenario(
            _configspace(task, seed), n_trials=100_000, min_budget=task.fidelity.low, max_budget=task.fidelity.high,
            seed=seed, output_directory=Path(tempfile.mkdtemp(prefix="trimtab-smac")), deterministic=True,
        )  # fmt: skip
        self._task, self._value = task, smac.runhistory.dataclasses.TrialValue
        self._facade = smac.MultiFidelityFacade(scenario, _unused, overwrite=True, logging_level=logging.ERROR)

    def ask(self) -> Job:
        info = self._facade.ask()
        params = {name: info.config[name] for name in _parameters(self._task)}
        return Job(params, _nearest(self._task, info.budget), tuple(params.values()), info)

    def report(self, job: Job, step: float, loss: float) -> bool:  # noqa: ARG002 - it hears of ends alone
        return True

    def end(self, job: Job, loss: float, seconds: float) -> None:
        value = self._value(cost=loss, time=seconds)
        self._facade._optimizer.tell(job.about, value, save=False)  # the facade's own writes all to disk each time


class SyneTune:
    def __init__(self, task: CurveTask, seed: int, which: str) -> None:
        from syne_tune import config_space as cs
        from syne_tune.backend.trial_status import Trial
        from syne_tune.optimizer import baselines
        from syne_tune.optimizer.scheduler import SchedulerDecision

        logging.disable(logging.WARNING)  # it tells each decision
        kinds: dict[tuple[bool, bool], Callable[[Any, Any], Any]] = {
            (False, False): cs.uniform, (False, True): cs.loguniform, (True, False): cs.randint,
            (True, True): cs.lograndint,
        }  # fmt: skip
        space = {name: kinds[isinstance(p, Int), p.log](p.low, p.high) for name, p in _parameters(task).items()}
        searching = {} if which == "asha" else {"search_options": {"debug_log": False}}
        own: dict[str, Mapping[str, Any]] = {
            "asha": {}, "bohb": {}, "mobster": {}, "hypertune": {"brackets": 4},
            "dyhpo": {"rung_levels": [int(step) for step in task.steps]},
        }  # fmt: skip
        names = {"asha": "ASHA", "bohb": "BOHB", "mobster": "MOBSTER", "hypertune": "HyperTune", "dyhpo": "DyHPO"}
        self._scheduler = getattr(baselines, names[which])(
            space, metric="loss", mode="min", resource_attr="at", max_t=int(task.fidelity.high), random_seed=seed,
            **searching, **own[which],
        )  # fmt: skip
        self._task, self._trial, self._go_on = task, Trial, SchedulerDecision.CONTINUE
        self._trials: list[Any] = []

    def ask(self) -> Job | None:
        said = self._scheduler.suggest(len(self._trials))
        if said is None:
            return None
        if said.spawn_new_trial_id:
            trial = self._trial(len(self._trials), said.config, datetime.datetime(2000, 1, 1))
            self._trials.append(trial)
            self._scheduler.on_trial_add(trial)
        else:
            trial = self._trials[said.checkpoint_trial_id]
        params = {name: trial.config[name] for name in _parameters(self._task)}
        return Job(params, self._task.fidelity.high, trial.trial_id, trial)

    def report(self, job: Job, step: float, loss: float) -> bool:
        said = self._scheduler.on_trial_result(job.about, {"loss": loss, "at": int(step)})
        if said == self._go_on:
            return True
        self._scheduler.on_trial_remove(job.about)
        return False

    def end(self, job: Job, loss: float, seconds: float) -> None:  # noqa: ARG002 - as in the protocol
        if self.report(job, job.end, loss):
            self._scheduler.on_trial_complete(job.about, {"loss": loss, "at": int(job.end)})


WAYS: dict[str, tuple[Callable[[CurveTask, int, str], Peer], str, str]] = {
    "optuna-hyperband": (Optuna, "optuna-tpe", "hyperband"),
    "optuna-median": (Optuna, "optuna-tpe", "median"),
    "optuna-whole": (Optuna, "optuna-tpe", "whole"),
    "dehb": (Dehb, "dehb", "dehb"),
    "smac": (Smac, "smac", "hyperband"),
    **{f"synetune-{name}": (SyneTune, "synetune", name) for name in ("asha", "bohb", "mobster", "hypertune", "dyhpo")},
}
"""What makes a way, and what stands on file as its engine and its scheduler."""


def seeded(seed: int) -> None:
    """Seed what a library draws from NumPy's global generator, as some do beside their own."""
    np.random.seed(seed)  # noqa: NPY002 - that is the one
