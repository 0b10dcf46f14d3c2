"""What last runs are worth: the regret of the pick, whether intervals cover the truth, and what is said of the gain.

Many studies on objectives whose noise and truth are known: a bowl with noise that is normal, skewed, or larger here
than there; LCBench's surrogate with normal noise added; HPOBench's tables, a seed drawn for each run. Their data is
found as `benchmarks/regret` finds it; a family whose data is not there is left out, and said to be.

Each study is searched twice at the same budget, by random points and then neighbours of the best: once to the end,
where the best observed is picked, and once with what is kept for the last runs, which pick. What those are to be, and
what they come to, is said by what `tune` asks (`analysis/halving.py`, `analysis/final.py`); no driver runs here, which
makes thousands of studies possible.

    python benchmarks/finalize.py [--studies 60] [--budget 100]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import trimtab as tt
from _figures import Figures
from trimtab.analysis.final import Final, final
from trimtab.analysis.halving import Due, Stage, follow, n_finalists, note
from trimtab.arrays import Floats, Rng
from trimtab.ledger.event import (
    FINALIZE,
    FORMAT_VERSION,
    Asked,
    Created,
    Event,
    Noted,
    Origin,
    Record,
    Started,
    Told,
)
from trimtab.ledger.ledger import Ledger
from trimtab.ledger.table import TrialTable
from trimtab.study.finale import finalists, reserve

REGRET, COVERED, SAID = 0.85, (0.86, 0.94), 0.9
"""The limits: true regret beside that of the best observed, truths within 90 % intervals, verdicts that are right."""

STANDARD_ERRORS = 3.0
"""How large a gain has to be found."""

N_RANDOM, STEP, AT_ONCE = 20, 0.1, 10
"""Random points before neighbours, how far these lie off, in the unit cube, and how many run at once."""


@dataclass(frozen=True)
class Task:
    """An objective, smaller is better: `run` once, with a generator; and its `truth`."""

    name: str
    space: tt.Space
    run: Callable[[Mapping[str, Any], Rng], float]
    truth: Callable[[Mapping[str, Any]], float]
    best: float = 0.0


# Tasks


def bowl(name: str, draw: Callable[[Rng, Mapping[str, Any]], float]) -> Task:
    """Return a bowl of four parameters whose default, the middle, lies off the bottom."""
    bottom = {"a": 0.3, "b": 0.6, "c": 0.2, "d": 0.8}

    def truth(params: Mapping[str, Any]) -> float:
        return float(sum((params[key] - at) ** 2 for key, at in bottom.items()))

    space = tt.Space({key: tt.Float(0.0, 1.0) for key in bottom})
    return Task(name, space, lambda params, rng: truth(params) + 0.1 * draw(rng, params), truth)


def plateau(name: str, gain: float) -> Task:
    """Return a plain on which all is alike but the default, which is worse by `gain`; the noise has deviation 1."""

    def truth(params: Mapping[str, Any]) -> float:
        return gain if params["x"] == params["y"] == 0.5 else 0.0

    space = tt.Space(x=tt.Float(0.0, 1.0), y=tt.Float(0.0, 1.0))
    return Task(name, space, lambda params, rng: truth(params) + float(rng.normal()), truth)


SYNTHETIC = (
    bowl("bowl/normal", lambda rng, params: rng.normal()),  # noqa: ARG005
    bowl("bowl/skewed", lambda rng, params: (rng.gamma(2.0) - 2.0) / 2**0.5),  # noqa: ARG005
    bowl("bowl/unlike", lambda rng, params: rng.normal() * (0.5 + params["a"])),
)
LCBENCH = ("lcbench/3945", "lcbench/7593", "lcbench/126026", "lcbench/167152", "lcbench/189354", "lcbench/189909")
HPOBENCH = tuple(
    f"hpobench/{name}" for name in ("australian", "blood_transfusion", "car", "credit_g", "segment", "vehicle")
)

NOISE = 0.15
"""The deviation of what is added to LCBench, in what lies between the best and the median of random configurations."""


def on_file(name: str) -> Task:
    """Return a task of `benchmarks/regret`.

    Raises:
        ImportError, FileNotFoundError: its data is not here.
    """
    sys.path.insert(0, str(Path(__file__).parent / "regret"))
    import surrogates
    import tabular

    family = name.split("/")[0]
    found = (surrogates if family == "lcbench" else tabular).make(name)
    space = tt.Space({each["name"]: _parameter(each) for each in found.space})

    def truth(params: Mapping[str, Any]) -> float:
        return float(found.evaluate(params, 0).true)

    rng = np.random.default_rng(0)
    at_random = np.sort([truth(params) for params in space.decode(space.sample(rng, 500))])
    best, sigma = float(at_random[0]), NOISE * float(np.median(at_random) - at_random[0])
    if family == "lcbench":
        return Task(name, space, lambda params, rng: truth(params) + sigma * float(rng.normal()), truth, best)
    best = tabular.best(name)

    def run(params: Mapping[str, Any], rng: Rng) -> float:  # two runs with one of few seeds are not the same to the bit
        return float(found.evaluate(params, int(rng.integers(2**31))).loss) + 1e-9 * float(rng.normal())

    return Task(name, space, run, truth, best)


def _parameter(each: Mapping[str, Any]) -> Any:
    kind, default = each["kind"], each["default"]
    if kind in ("float", "int"):
        make = tt.Float if kind == "float" else tt.Int
        return make(each["low"], each["high"], log=each["log"], default=default)
    return (tt.Ordinal if kind == "ordinal" else tt.Categorical)(each["choices"], default=default)


# Studies


class Searched:
    """One study, and how it goes on."""

    def __init__(self, task: Task, seed: int) -> None:
        self.task = task
        self.rng = np.random.default_rng(seed)
        problem = tt.Problem(task.space, (tt.minimize("loss"),)).to_json()
        created = Created(
            FORMAT_VERSION, task.name, problem, seed, {"name": "random"}, {"name": "whole"}, exact_ends=True
        )
        self._ledger = Ledger.begin(Record(1, 0.0, created))

    def search(self, n: int) -> tuple[Floats, list[float]]:
        """Return n configurations and their losses: the default, random ones, and neighbours of the best."""
        space = self.task.space
        rows = np.concatenate([space.default_row()[None], space.sample(self.rng, N_RANDOM - 1)])
        losses = self.losses(rows)
        while len(rows) < n:
            u = space.to_unit(rows[int(np.argmin(losses))][None])
            near = u + STEP * self.rng.normal(size=(min(AT_ONCE, n - len(rows)), u.shape[1]))
            x = space.from_unit(np.clip(near, 0, 1))
            rows, losses = np.concatenate([rows, x]), [*losses, *self.losses(x)]
        return rows, losses

    def losses(self, x: Floats) -> list[float]:
        return [self.task.run(params, self.rng) for params in self.task.space.decode(x)]

    def _put(self, x: Floats, losses: Sequence[float], origin: Origin) -> None:
        """Put trials on record that ran."""
        events: list[Event] = []
        for number, (row, loss) in enumerate(zip(x.tolist(), losses, strict=True), len(self.table)):
            at = tuple(None if value != value else value for value in row)
            events += [Asked(number, at, 1, origin), Started(number, "worker"), Told(number, {"loss": loss})]
        self._apply(*events)

    def _apply(self, *events: Event) -> None:
        for event in events:
            self._ledger.apply(Record(self._ledger.head + 1, 0.0, event))

    @property
    def table(self) -> TrialTable:
        return self._ledger.table

    def finish(self, n: int, runs: int) -> Final | None:
        """Search, let the last runs run, and return what they come to."""
        self._put(*self.search(n), Origin("search"))
        rows = finalists(self.table, n_finalists(runs))
        self._apply(Noted(FINALIZE, note(self.table, rows, runs, probe=False, why="known", budget={})))
        stage = Stage.of(self.table)
        assert stage is not None
        while isinstance(due := follow(self.table, stage), Due):
            x = stage.x[[due.config, *due.then]]
            self._put(x, self.losses(x), Origin(FINALIZE))
        return final(self.table)


@dataclass
class Tally:
    """What came of the studies of one task."""

    observed: list[float]
    picked: list[float]
    means: list[bool]
    gains: list[bool]
    improved: list[bool]


def measured(task: Task, studies: int, budget: int) -> Tally:
    """Return what comes of so many studies."""
    tally = Tally([], [], [], [], [])
    default = task.truth(task.space.decode(task.space.default_row()[None])[0])
    for seed in range(studies):
        rows, losses = Searched(task, seed).search(budget)
        best = int(np.argmin(losses))
        tally.observed.append(task.truth(task.space.decode(rows[best : best + 1])[0]) - task.best)
        found = Searched(task, seed).finish(budget - reserve(budget), reserve(budget))
        assert found is not None
        assert found.interval is not None
        truth = task.truth(found.params)
        tally.picked.append(truth - task.best)
        tally.means.append(found.interval[0] <= truth <= found.interval[1])
        tally.improved.append(found.improves)
        if found.gain_interval is not None:
            tally.gains.append(found.gain_interval[0] <= default - truth <= found.gain_interval[1])
    return tally


def _regret(tallies: Sequence[Tally]) -> float:
    """Return the mean over tasks of the regret of the pick beside that of the best observed."""
    return float(np.mean([np.mean(tally.picked) / np.mean(tally.observed) for tally in tallies]))


def _share(tallies: Sequence[Tally], key: str) -> float:
    return float(np.mean([is_so for tally in tallies for is_so in getattr(tally, key)]))


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--studies", type=int, default=60, help="studies of each task")
    asked.add_argument("--budget", type=int, default=100, help="trials of each study")
    told = asked.parse_args()
    figures = Figures(__file__, __doc__)
    tasks, missing = list(SYNTHETIC), set[str]()
    for name in (*LCBENCH, *HPOBENCH):
        try:
            tasks.append(on_file(name))
        except (ImportError, FileNotFoundError) as error:
            missing.add(f"{name.split('/')[0]} is left out: {error}")
    for line in sorted(missing):
        print(line, file=sys.stderr)
    n_said = 10 * told.studies
    nothing = measured(plateau("plateau/nothing to gain", 0.0), n_said, told.budget)
    figures.add(
        f"'no reliable improvement' where there is none, {n_said} studies",
        1 - float(np.mean(nothing.improved)), "share", at_least=SAID,
    )  # fmt: skip
    each = (reserve(told.budget) - _choosing(reserve(told.budget))) // 2
    gain = STANDARD_ERRORS * (2 / each) ** 0.5
    found = measured(plateau("plateau/a gain", gain), n_said, told.budget)
    figures.add(
        f"improvements found where the gain is {STANDARD_ERRORS:g} standard errors, {n_said} studies",
        float(np.mean(found.improved)), "share", at_least=SAID,
    )  # fmt: skip
    families: dict[str, list[Task]] = {}
    for task in tasks:
        families.setdefault(task.name.split("/")[0], []).append(task)
    every: list[Tally] = []
    for family, members in families.items():
        tallies = [measured(task, told.studies, told.budget) for task in members]
        every += tallies
        figures.add(f"{family}: true regret beside that of the best observed", _regret(tallies), "ratio")
        for key, called in (("means", "mean"), ("gains", "gain")):
            figures.add(f"{family}: 90 % intervals of the {called} that cover the truth", _share(tallies, key), "share")
    n = sum(len(tally.picked) for tally in every)
    regret = _regret(every)
    figures.add(f"true regret beside that of the best observed, {n} studies", regret, "ratio", at_most=REGRET)
    for key, called in (("means", "mean"), ("gains", "gain")):
        figures.add(
            f"90 % intervals of the {called} that cover the truth", _share(every, key), "share",
            at_least=COVERED[0], at_most=COVERED[1],
        )  # fmt: skip
    return figures.close()


def _choosing(runs: int) -> int:
    """Return how many of the runs choose, where six configurations are run again."""
    found = Searched(SYNTHETIC[0], 0).finish(50, runs)
    assert found is not None
    return sum(one.n_runs for one in found.finalists)


if __name__ == "__main__":
    sys.exit(main())
