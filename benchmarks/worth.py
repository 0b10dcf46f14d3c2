"""Whether forecasts of further tuning come true, what stopping by them saves, and what a verdict takes.

python benchmarks/worth.py                     # on the runs of the reporting half in results/regret, of 100 trials
python benchmarks/worth.py --half tune         # on what settings were chosen on
python benchmarks/regret/record.py             # records whole studies, noisy ones too, which are then looked at as well
python benchmarks/worth.py --raced             # instead: studies whose trials a scheduler ends, and with folds

Losses that nobody measured for this: the recorded runs hold the best loss after each trial of Trimtab's default engine,
on tasks whose losses have no noise. Of tables with noise, studies are recorded for this alone; where there are none,
that is said and they are left out. What counts is a gain of more than a twentieth of what the search has brought.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as File
from typing import Any

import numpy as np

from _figures import Figures

HERE = File(__file__).parent
sys.path[:0] = [str(HERE / "regret"), str(HERE / "multifidelity")]

from curves import MAKERS, CurveTask, half_of, make  # noqa: E402 - of the folders that were just added
from folds import Bowl, K  # noqa: E402
from record import FOLDER  # noqa: E402
from tasks import half  # noqa: E402

from trimtab import plugins  # noqa: E402
from trimtab.ledger.codec import decode_record  # noqa: E402
from trimtab.ledger.curves import AT_END  # noqa: E402
from trimtab.ledger.event import Asked, Event, Origin, Record, Reported, Started, Stopped, Told  # noqa: E402
from trimtab.ledger.ledger import Ledger  # noqa: E402
from trimtab.schedule.protocol import Continue, Request  # noqa: E402
from trimtab.space.parameter import Float  # noqa: E402
from trimtab.space.problem import Problem, minimize  # noqa: E402
from trimtab.space.space import Space  # noqa: E402
from trimtab.stop.budget import Budget  # noqa: E402
from trimtab.stop.forecast import chances, forecast  # noqa: E402
from trimtab.stop.path import Path, path, path_of  # noqa: E402
from trimtab.stop.worth import (  # noqa: E402
    GAIN,
    LASTING,
    LEAST,
    LEAST_LEFT,
    LEAST_OF_ALL,
    LEAST_SAVED,
    UNLIKELY,
    Worth,
    lasting,
)
from trimtab.testing.simulation import Simulation, plain_history  # noqa: E402

FAMILIES = ("bbob", "mixint", "lcbench")
"""Those without noise: what a run has on file is then what a study would have seen."""

D_LCBENCH = 7

AHEAD = 20
REGRETS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
PATIENCES = (10, 20, 30, 50)
"""Optuna's BestValueStagnationEvaluator waits for 30 trials."""


@dataclass(frozen=True)
class Run:
    """How good the best of a study was.

    Attributes:
        task: its name.
        d: how many parameters it has.
        losses: [n] inf where a trial was not the best so far, of runs on file; of recorded studies, as they were.
        median: the median loss of random configurations; nan where the first results tell.
        noise: between results of one configuration.
    """

    task: str
    d: int
    losses: np.ndarray
    median: float
    noise: float = 0.0

    @property
    def family(self) -> str:
        return self.task.split("/", maxsplit=1)[0]

    def path(self, n: int) -> Path:
        found = path_of(self.losses[:n], self.noise)
        if self.median == self.median:
            scale = max(0.0, self.median - float(found.best[-1]))
            return replace(found, n=n, n_results=n, scale=scale, noise=0.0)
        return found

    def best(self, n: int) -> float:
        return float(self.losses[:n].min())

    @property
    def least(self) -> int:
        return max(LEAST_OF_ALL, LEAST * (self.d + 1))


def on_file(which: str) -> Iterator[Run]:
    """Yield the runs of 100 trials on file."""
    results = HERE / "results" / "regret"
    name = "trimtab.jsonl" if which == "report" else "ablation/ablate-nothing.jsonl"
    scales = json.loads((HERE / "regret" / "scales.json").read_text(encoding="utf-8"))
    for line in (results / name).read_text(encoding="utf-8").splitlines():
        run = json.loads(line)
        task = run["task"]
        if half(task) != which or task.split("/")[0] not in FAMILIES or run["workers"] != 1 or run["n_trials"] != 100:
            continue
        losses = np.full(100, np.inf)
        for at, loss in run["curve"]:
            losses[at - 1] = loss
        d = int(task.split("-d")[1]) if "-d" in task else D_LCBENCH
        yield Run(task, d, losses, scales[task]["median"])


def recorded(which: str) -> Iterator[Run]:
    """Yield the studies that `regret/record.py` recorded."""
    files = sorted(FOLDER.glob("*.jsonl"))
    if not files:
        print(f"skipped: no recorded studies in {FOLDER}; benchmarks/regret/record.py makes them.", file=sys.stderr)
    for file in files:
        task = file.stem.rsplit("-", maxsplit=1)[0].replace("--", "/")
        if half(task) != which:
            continue
        table = read(file).table
        seen = path(table)
        yield Run(task, len(table.space), seen.losses, np.nan, seen.noise)


# Where trials end early

RACED = 80
"""Trials of a study."""

CURVES = ("taskset", "adversarial")
"""Of which `asha` ends trials. LCBench, whose network needs a package more, is left out."""

N_SEEDS = 2
N_BOWLS = 8
"""Landscapes of folds, each with folds of its own."""

N_SCALE = 1000
"""Random configurations of which the scale of one is made."""

BOWLS = {"bowl": 0.02, "noisy": 0.1}
"""Noise in each cell of the landscapes of folds; the first is to tune, the other to report."""

LOSS = (minimize("loss"),)

Report = tuple[int | None, float, float, float]
Steps = Callable[[Any, tuple[float, ...], Sequence[int] | None], Iterable[Report]]


@dataclass(frozen=True)
class Followed(Run):
    """A study as it was after each of its configurations.

    Attributes:
        paths: [n] what was known then.
    """

    paths: Sequence[Path] = ()

    def path(self, n: int) -> Path:
        return self.paths[n - 1]

    def best(self, n: int) -> float:
        return float(self.paths[n - 1].best[-1])


def followed(task: str, problem: Problem, optimizer: str, scheduler: str, seed: int, steps: Steps) -> Followed:
    """Return a study on one worker, judged by the real scheduler and proposed by the real optimizer.

    What `tune` does besides changes nothing, and takes ten times as long.

    Args:
        task: its name.
        problem: with folds, or with one fidelity.
        optimizer, scheduler: by name.
        seed: the study's.
        steps: of a configuration and a fidelity, each report: (fold or None, step, loss, seconds since the one before).
    """
    judge = plugins.load("schedulers", scheduler)()
    run = Simulation(problem, plugins.load("optimizers", optimizer)(), seed, judge)
    ledger, engine, paths, now = run.ledger, run.dispatch.engine, list[Path](), 0.0

    def put(event: Event, seconds: float = 0.0) -> None:
        nonlocal now
        now += seconds
        ledger.apply(Record(ledger.head + 1, now, event))

    while len(paths) < RACED:
        table = ledger.table
        number = len(table)
        to = judge.assign(table, Request(number, seed))
        if isinstance(to, Continue):
            x, parent, begins = table.x[to.parent], to.parent, float(table.fidelity[to.parent, 0])
        else:
            x, parent, begins = engine.propose(table, seed, to.fidelity).x[0], None, 0.0
        put(Asked(number, tuple(x.tolist()), ledger.head, Origin(optimizer), to.fidelity, parent))
        put(Started(number, "worker"))
        order = judge.folds(table, number, seed) if problem.folds else None
        reports = list(steps(problem.space.decode(x[None])[0], to.fidelity, order))
        if parent is not None:  # it goes on where that one ended
            reports = [one for one in reports if one[1] > begins]
        losses = []
        for fold, step, loss, seconds in reports:
            losses.append(loss)
            put(Reported(number, step, {"loss": loss}, 1, fold), seconds)
            halt = judge.judge(table, number) if len(losses) < len(reports) else None
            if halt is not None:
                put(Stopped(number, halt.reason, 1, {"loss": loss}))
                break
        else:
            put(Told(number, {"loss": float(np.mean(losses)) if order else losses[-1]}))
        seen = path(table)
        paths += [seen] * (seen.n - len(paths))
    return Followed(task, len(problem.space), paths[-1].losses, np.nan, paths[-1].noise, paths)


def steps_of(task: CurveTask) -> Steps:
    """Return what the trials of a task report."""
    look = task.look()

    def steps(params: Any, fidelity: tuple[float, ...], _: Sequence[int] | None) -> Iterator[Report]:
        before = 0.0
        for step in (*(one for one in task.steps if one < fidelity[0]), *fidelity):
            loss, seconds = look(params, step)
            yield None, step, loss, seconds - before
            before = seconds

    return steps


def folds_of(at: Bowl) -> Steps:
    """Return what the trials of a landscape of folds report."""

    def steps(params: Any, _: tuple[float, ...], order: Sequence[int] | None) -> Iterator[Report]:
        losses = at.cells(params)
        for fold in order or ():
            yield fold, AT_END, float(losses[fold]), 1.0

    return steps


def raced(which: str) -> tuple[list[Followed], dict[str, dict[str, float]]]:
    """Return studies in which a scheduler, or a race over folds, ended trials, and the scales of their tasks.

    Curves of TaskSet and adversarial ones, by half: `auto` and `asha`, at random and by `tpe`. A family is a scheduler,
    or "folds". Where no trial was ended, a study is as any other, and left out.
    """
    runs, scales = list[Followed](), dict[str, dict[str, float]]()
    landscape = list(BOWLS)[which == "report"]
    for seed in range(N_BOWLS):
        of, at = f"folds/{landscape}-{seed}", Bowl(seed, 0.3, BOWLS[landscape])
        sample = at.space.decode(at.space.sample(np.random.default_rng(0), N_SCALE))
        losses = np.array([at.cells(one).mean() for one in sample])
        scales[of] = {"best": float(losses.min()), "median": float(np.median(losses))}
        for optimizer in ("random", "tpe"):
            runs.append(followed(of, Problem(at.space, LOSS, folds=K), optimizer, "auto", seed, folds_of(at)))
    known = json.loads((HERE / "results" / "multifidelity" / "scales.json").read_text(encoding="utf-8"))
    for name in MAKERS:
        if half_of(name) != which or name.split("/")[0] not in CURVES:
            continue
        task = make(name)
        problem = Problem(task.space, LOSS, (task.fidelity,))
        best, median, *_ = known[name]
        for scheduler in ("auto", "asha"):
            of = f"{scheduler}/{name}"
            scales[of] = {"best": best, "median": median}
            for optimizer in ("random", "tpe"):
                for seed in range(N_SEEDS):
                    kinds = optimizer, scheduler, seed, steps_of(task)
                    runs.append(followed(of, problem, *kinds))
    return [run for run in runs if run.paths[-1].behind.any()], scales


def read(file: File) -> Ledger:
    """Return a log, folded."""
    first, *records = [decode_record(line) for line in file.read_bytes().splitlines()]
    ledger = Ledger.begin(first)
    for record in records:
        ledger.apply(record)
    return ledger


def epsilon(seen: Path) -> float:
    return max(GAIN * seen.scale, seen.noise)


# Forecasts


def coverage(runs: Iterable[Run]) -> tuple[float, float, float]:
    """Return the shares of 90 % intervals of the best value 20 trials ahead that hold it, that do not reach, and
    that lie beyond."""
    held, short, beyond = [], [], []
    for run in runs:
        for n in range(run.least, len(run.losses) - AHEAD + 1, 5):
            seen = run.path(n)
            if seen.scale <= 0.0:
                continue
            low, high = (float(end[0]) for end in forecast(seen, np.array([float(AHEAD)])).interval(0.9))
            gain = run.best(n) - run.best(n + AHEAD)
            # Gains are looked at on a grid: one of its steps is no miss.
            short.append(gain > high * 1.2 + 1e-6 * seen.scale)
            beyond.append(gain < low / 1.2)
            held.append(not short[-1] and not beyond[-1])
    return float(np.mean(held)), float(np.mean(short)), float(np.mean(beyond))


@dataclass(frozen=True)
class Targets:
    """How chances to reach targets came true in one family.

    Attributes:
        n, n_studies: how many there were, in so many studies: those of one study come true together, or not.
        share: of them that came true.
        score: the Brier score of the chances.
    """

    n: int
    n_studies: int
    share: float
    score: float

    @property
    def base(self) -> float:
        """The Brier score of who knows the share beforehand."""
        return self.share * (1.0 - self.share)


def brier(runs: Sequence[Run], scales: Mapping[str, Mapping[str, float]]) -> dict[str, Targets]:
    """Return how chances to reach a target came true, by family.

    Targets are regrets, which no search knows beforehand: from 0.5 to 0.01 of the way from the best loss that is known
    to the median one, {task: {"best", "median"}}. They are looked at from a third, a half and two thirds of the trials
    on, while not reached.
    """
    scores: dict[str, list[tuple[float, bool, int]]] = defaultdict(list)
    for place, run in enumerate(runs):
        best, median = scales[run.task]["best"], scales[run.task]["median"]
        for part in (1 / 3, 1 / 2, 2 / 3):
            n = max(run.least, int(part * len(run.losses)))
            seen, left = run.path(n), float(len(run.losses) - n)
            for regret in REGRETS:
                target = best + regret * (median - best)
                short = run.best(n) - target
                if short <= 0.0 or left < 1.0 or seen.scale <= 0.0:
                    continue  # it is reached
                chance = float(chances(seen, np.array([short]), np.array([left]))[0, 0])
                scores[run.family].append((chance, run.best(len(run.losses)) <= target, place))
    found = {}
    for family, pairs in scores.items():
        p, came = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs], dtype=float)
        n_studies = len({pair[2] for pair in pairs})
        found[family] = Targets(len(pairs), n_studies, float(came.mean()), float(np.mean((p - came) ** 2)))
    return found


# Rules


def by_odds(run: Run) -> int:
    """Return after how many trials the rule without an exchange rate ends a run."""
    length = len(run.losses)
    unlikely = [False] * (length + 1)
    for n in range(run.least - max(1, math.ceil(LASTING * length)), length):
        seen = run.path(n)
        if seen.scale <= 0.0:
            continue
        chance = float(chances(seen, np.array([epsilon(seen)]), np.array([float(length - n)]))[0, 0])
        unlikely[n] = chance < UNLIKELY
        if seen.n_results < run.least or length - n < max(LEAST_LEFT, LEAST_SAVED * length):
            continue
        if unlikely[n] and all(unlikely[before] for before in lasting(n)):
            return n
    return length


def by_patience(patience: int) -> Callable[[Run], int]:
    """Return the plain rule: no improvement in so many trials."""

    def rule(run: Run) -> int:
        for n in range(run.least, len(run.losses)):
            if n - int(run.path(n).at[-1]) >= patience:
                return n
        return len(run.losses)

    return rule


def by_hindsight(run: Run) -> int:
    """Return after how many trials nothing came that counts: what no rule can know, and none can save more."""
    length = len(run.losses)
    ends = (n for n in range(run.least, length) if run.best(n) - run.best(length) <= epsilon(run.path(n)))
    return next(ends, length)


def judged(runs: Sequence[Run], rule: Callable[[Run], int]) -> tuple[float, float, float, float]:
    """Return of a rule: the share of stops after which more than epsilon came, the median share of trials saved, the
    mean share, and the mean gain missed as a share of what all trials brought."""
    wrong, saved, missed = [], [], []
    for run in runs:
        length, n = len(run.losses), rule(run)
        seen, end = run.path(n), run.best(len(run.losses))
        saved.append(1.0 - n / length)
        missed.append((run.best(n) - end) / max(seen.scale, 1e-300))
        if n < length:
            wrong.append(run.best(n) - end > epsilon(seen))
    return float(np.mean(wrong or [0.0])), float(np.median(saved)), float(np.mean(saved)), float(np.mean(missed))


# What it takes


def verdict_ms(n: int) -> float:
    """Return the CPU time of a verdict on a study of n trials."""
    space = Space({f"x{i}": Float(0.0, 1.0) for i in range(8)})
    run = Simulation(Problem(space, (minimize("loss"),)))
    plain_history(run, n)
    rule, took = Worth(budget=Budget(trials=2 * n)), []
    for _ in range(5):
        began = time.thread_time()
        rule.outlook(run.table)
        rule.assess(run.problem, run.table)
        took.append(time.thread_time() - began)
    return 1e3 * min(took)


def judge(figures: Figures, name: str, runs: Sequence[Run], scales: Mapping[str, Mapping[str, float]]) -> None:
    """Add the figures of forecasts and rules on some studies."""
    n_tasks, length = len({run.task for run in runs}), max(len(run.losses) for run in runs)
    what = f"{name}: {len(runs)} of {n_tasks} tasks, {length} trials"
    held, short, beyond = coverage(runs)
    figures.add(f"{what}: best value {AHEAD} trials ahead within its 90% interval", held, "share")
    figures.add(f"{what}: better than it", short, "share")
    figures.add(f"{what}: worse than it", beyond, "share")
    for family, found in brier(runs, scales).items():
        of = f"{family}: {found.n} targets that {found.n_studies} studies had not reached"
        if found.base > 0.0:
            told, limit = f"base rate {found.base:.3f}", found.base
        else:  # no chance but that very one is as good as a share of none, or of all, known beforehand
            told, limit = f"{'all' if found.share else 'none'} came: no base rate to be better than", None
        figures.add(f"{what}: Brier score, {of} ({told})", found.score, "", at_most=limit)
    rules = {"worth": by_odds} | {f"patience {n}": by_patience(n) for n in PATIENCES}
    rules["hindsight"] = by_hindsight
    for rule, stops in rules.items():
        wrong, median, mean, missed = judged(runs, stops)
        limit = 0.1 if rule == "worth" else None
        figures.add(f"{what}: {rule}: stops after which more than epsilon came", wrong, "share", at_most=limit)
        figures.add(f"{what}: {rule}: trials saved, median", median, "share")
        figures.add(f"{what}: {rule}: trials saved, mean", mean, "share")
        figures.add(f"{what}: {rule}: gain missed, mean", missed, "of the scale")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Judges forecasts of further tuning.")
    parser.add_argument("--half", choices=("tune", "report"), default="report")
    parser.add_argument("--raced", action="store_true", help="studies whose trials a scheduler ends, instead")
    args = parser.parse_args(argv)
    figures = Figures(__file__, __doc__)
    if args.raced:
        runs, scales = raced(args.half)
        for family in sorted({run.family for run in runs}):
            judge(figures, family, [run for run in runs if run.family == family], scales)
        return figures.close()
    scales = json.loads((HERE / "regret" / "scales.json").read_text(encoding="utf-8"))
    for name, runs in (("runs on file", list(on_file(args.half))), ("recorded studies", list(recorded(args.half)))):
        if runs:
            judge(figures, name, runs, scales)
    figures.add("a verdict at 100 trials", verdict_ms(100), "ms CPU", at_most=25.0)
    figures.add("a verdict at 1,000 trials", verdict_ms(1_000), "ms CPU", at_most=150.0)
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
