"""What learning from past studies is worth, and what a misleading one costs: leave one out, on measured trainings.

python benchmarks/transfer.py run --half tune --seeds 2       # while settings are chosen
python benchmarks/transfer.py run                             # the reporting half, into results/transfer/report.jsonl
python benchmarks/transfer.py show                            # the figures of what is on file, held to their limits
python benchmarks/transfer.py ask                             # what a suggestion costs with and without past studies

Every task of a family is a target in its turn; past studies of three others, drawn by the seed, are what it learns
from: Step Law (training losses of language models over learning rate and batch size, a task each model size and number
of tokens: tables), HPOBench and LCBench, by the readers of `regret/`. A past study is
one of the default engine, of 40 trials. What is on file is not run again.

Cases: `cold` learns from nothing; `three` from three past studies; `negated` from one whose values are negated;
`mixed` from two that are related and one that is negated. On request also `all-negated`, from three such, and
`nearest`, of Step Law alone: from the three groups that are nearest in size and tokens.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import trimtab as tt
from _figures import Figures

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "regret"))

import tasks as regret_tasks  # noqa: E402 - of the folder that was just added
from surrogates import FOLDER as LCBENCH  # noqa: E402
from task import Outcome, Task  # noqa: E402

from spaces import ordinal  # noqa: E402

RESULTS = HERE / "results" / "transfer"
STEPLAW = LCBENCH.parent / "steplaw" / "dense_lr_bs_loss.csv"
PAST = Path(os.environ.get("TMPDIR", "/tmp")) / "trimtab-past"
FAMILIES = ("steplaw", "hpobench", "lcbench")
CASES = ("cold", "three", "negated", "mixed")
MORE_CASES = ("all-negated", "nearest")
N_PAST = 40
"""Trials of a past study: by taste, what a team might have run."""
N_SOURCES = 3
BATCHES = (32, 64, 128, 192, 256, 352, 512, 736, 1024, 2048)
"""Those that most groups measured."""
LEAST_POINTS = 100
"""Groups of Step Law that measured fewer points than that are left out."""

SMALLER = 0.5
COSTS = 1.15
"""The limits: regret at 10 trials with three related studies, and with negated ones, as shares of a cold start's."""
SLOWER = 1.5
"""And of what a suggestion takes at 100 trials, with three past studies of 200."""


# Tasks


@cache
def _steplaw() -> dict[str, dict[tuple[int, int], float]]:
    """Return the loss of each point of each group: (half steps of the logarithm of the rate, batch size)."""
    if not STEPLAW.is_file():
        print(f"skipped: the steplaw tasks need {STEPLAW}: set TRIMTAB_BENCH_DATA.", file=sys.stderr)
        return {}
    groups: dict[tuple[int, int], dict[tuple[int, int], float]] = defaultdict(dict)
    with STEPLAW.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key = round(float(row["N"]) / 1e6), round(float(row["D"]) / 1e9)
            groups[key][round(2.0 * np.log2(float(row["lr"]))), round(float(row["bs"]))] = float(row["loss"])
    full = {key: points for key, points in sorted(groups.items()) if len(points) >= LEAST_POINTS}
    return {f"steplaw/{n}M-{d}B": points for (n, d), points in full.items()}


def _make_steplaw(name: str) -> Task:
    """Return the task of one model size and number of tokens: its losses, and where none was measured the nearest."""
    points = _steplaw()[name]
    measured = np.array([(rate, 2.0 * np.log2(batch)) for rate, batch in points])
    losses = np.array(list(points.values()))
    rates = sorted({rate for each in _steplaw().values() for rate, _ in each})  # one space for all groups
    nearest = {
        (rate, batch): float(losses[np.abs(measured - (rate, 2.0 * np.log2(batch))).sum(axis=1).argmin()])
        for rate in rates
        for batch in BATCHES
    }

    def evaluate(params: Mapping[str, Any], seed: int) -> Outcome:  # noqa: ARG001
        loss = nearest[round(2.0 * np.log2(params["lr"])), params["batch"]]
        return Outcome(loss, loss)

    space = (
        ordinal("lr", [2.0 ** (0.5 * rate) for rate in rates], 2.0 ** (0.5 * rates[len(rates) // 2])),
        ordinal("batch", list(BATCHES), BATCHES[len(BATCHES) // 2]),
    )
    every = list(nearest.values())
    return Task(name, space, evaluate, best=min(every), median=float(np.median(every)))


def names() -> list[str]:
    return [*_steplaw(), *(name for name in regret_tasks.names() if name.split("/")[0] in FAMILIES)]


def half(name: str) -> str:
    """Return the half of a task: in each family the first, third, ... are to choose settings on."""
    family = [each for each in names() if each.split("/")[0] == name.split("/")[0]]
    return "report" if family.index(name) % 2 else "tune"


@cache
def load(name: str) -> Task | None:
    if name.startswith("steplaw/"):
        return _make_steplaw(name)
    return regret_tasks.load([name]).get(name)


def space_of(task: Task) -> tt.Space:
    made: dict[str, Any] = {}
    for p in task.space:
        default = p["default"]
        match p["kind"]:
            case "float":
                made[p["name"]] = tt.Float(p["low"], p["high"], log=p.get("log", False), default=default)
            case "int":
                made[p["name"]] = tt.Int(p["low"], p["high"], log=p.get("log", False), default=default)
            case "ordinal":
                made[p["name"]] = tt.Ordinal(p["choices"], default=default)
            case _:
                made[p["name"]] = tt.Categorical(p["choices"], default=default)
    return tt.Space(made)


# Runs


def study_of(task: Task, n: int, seed: int, sign: float = 1.0, learn_from: Any = None) -> tuple[tt.Study, list[float]]:
    """Return a study of n trials, and the true loss of the best one's configuration after each."""
    study = tt.create_study(space_of(task), minimize="loss", seed=seed, learn_from=learn_from, name=task.name)
    best, curve = (np.inf, np.inf), []
    for _ in range(n):
        trial = study.ask()
        outcome = task.evaluate(trial.params, task.noise_seed(seed, trial.params))
        study.tell(trial.number, sign * outcome.loss)
        best = min(best, (outcome.loss, outcome.true))
        curve.append(best[1])
    return study, curve


@cache
def past_study(name: str, seed: int, sign: float) -> tt.Study:
    """Return the past study of a task; of a negated one the losses alone are, so that it is about the same places."""
    task = load(name)
    assert task is not None
    study = tt.create_study(space_of(task), minimize="loss", name=name if sign > 0 else f"{name} negated")
    for params, loss in past_trials(name, seed):
        number = study.enqueue(params)
        asked = study.ask()
        assert asked.number == number
        study.tell(number, sign * loss)
    return study


@cache
def past_trials(name: str, seed: int) -> list[tuple[dict[str, Any], float]]:
    """Return what a past study tried, and what it gave; kept in a file that is no result."""
    task = load(name)
    assert task is not None
    file = PAST / f"{name.replace('/', '--')}-{seed}.json"
    if not file.is_file():
        study, _ = study_of(task, N_PAST, 1000 + seed)
        PAST.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([(trial.params, trial.metrics["loss"]) for trial in study.trials]))
    return [(params, loss) for params, loss in json.loads(file.read_text(encoding="utf-8"))]


def others(name: str, seed: int) -> list[str]:
    family = [each for each in names() if each.split("/")[0] == name.split("/")[0] and each != name]
    rng = np.random.default_rng([seed, names().index(name)])
    return [family[i] for i in rng.choice(len(family), N_SOURCES, replace=False)]


def nearest(name: str) -> list[str]:
    """Return the groups of Step Law that are nearest in the logarithms of model size and tokens."""
    size_of = {each: tuple(np.log([float(part[:-1]) for part in each.split("/")[1].split("-")])) for each in _steplaw()}
    rest = [each for each in size_of if each != name]
    return sorted(rest, key=lambda each: float(np.abs(np.subtract(size_of[each], size_of[name])).sum()))[:N_SOURCES]


def sources(case: str, name: str, seed: int) -> list[tt.Study] | None:
    if case == "cold":
        return None
    drawn = nearest(name) if case == "nearest" else others(name, seed)
    signs = {
        "three": (1, 1, 1),
        "nearest": (1, 1, 1),
        "negated": (-1,),
        "all-negated": (-1, -1, -1),
        "mixed": (1, 1, -1),
    }[case]
    return [past_study(other, seed, float(sign)) for other, sign in zip(drawn, signs, strict=False)]


def run(file: Path, which: str, seeds: int, trials: int, cases: Sequence[str], only: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    done = {(line["task"], line["seed"], line["case"]) for line in lines(file)}
    for seed in range(seeds):
        for name in names():
            if half(name) != which or not name.startswith(only):
                continue
            for case in cases:
                if (name, seed, case) in done or (case == "nearest" and not name.startswith("steplaw/")):
                    continue
                task = load(name)
                if task is None:
                    continue
                learn_from = sources(case, name, seed)
                begun = time.process_time()
                _, curve = study_of(task, trials, seed, learn_from=learn_from)
                line = {
                    "task": name,
                    "seed": seed,
                    "case": case,
                    "sources": [] if learn_from is None else [study.name for study in learn_from],
                    "cpu_s": round(time.process_time() - begun, 2),
                    "regret": [float(f"{task.regret(true):.5g}") for true in curve],
                }
                with file.open("a", encoding="utf-8") as out:
                    out.write(json.dumps(line) + "\n")


def lines(file: Path) -> Iterator[dict[str, Any]]:
    if file.is_file():
        yield from map(json.loads, file.read_text(encoding="utf-8").splitlines())


# Figures


def show(file: Path) -> int:
    figures = Figures(__file__, __doc__ or "")
    found: dict[str, dict[tuple[str, int], list[float]]] = defaultdict(dict)
    for line in lines(file):
        found[line["case"]][line["task"], line["seed"]] = line["regret"]
    for case in (*CASES[1:], *MORE_CASES):
        pairs = sorted(found["cold"].keys() & found[case].keys())
        if not pairs:
            continue
        figures.add(f"{case}: targets x seeds", len(pairs), "runs")
        longest = min(len(found[key][pair]) for key in ("cold", case) for pair in pairs)
        for at in (5, 10, 20, 30):
            if at > longest:
                continue
            limit: dict[str, float] = {}
            if at == 10:
                limit = {"at_most": SMALLER if case in ("three", "nearest") else COSTS}
            figures.add(f"{case}: regret at {at}, of a cold start", _share(found, case, pairs, at), "share", **limit)
        for family in FAMILIES:
            of = [pair for pair in pairs if pair[0].startswith(family)]
            if of:
                for at in (5, 10):
                    figures.add(f"{case}: {family}, regret at {at}", _share(found, case, of, at), "share")
    return figures.close()


def _share(found: Any, case: str, pairs: Sequence[tuple[str, int]], at: int) -> float:
    """Return the mean regret after so many trials, as a share of a cold start's."""
    mine, cold = (np.mean([found[key][pair][at - 1] for pair in pairs]) for key in (case, "cold"))
    return float(mine / cold)


def ask(file: Path) -> int:  # noqa: ARG001
    """Measure what a suggestion takes at 100 trials, in CPU time, with three past studies of 200 and without."""
    figures = Figures(__file__, __doc__ or "")
    space = tt.Space({f"x{i}": tt.Float(0.0, 1.0) for i in range(8)})

    def bowl(centre: float) -> Callable[[Mapping[str, float]], float]:
        return lambda params: sum((value - centre) ** 2 for value in params.values())

    def told(objective: Callable[[Mapping[str, float]], float], n: int, learn_from: Any = None) -> tt.Study:
        study = tt.create_study(space, minimize="loss", seed=0, learn_from=learn_from)
        rng = np.random.default_rng(1)
        for _ in range(n):
            study.enqueue(dict(zip(space.names, rng.random(len(space)).tolist(), strict=True)))
            trial = study.ask()
            study.tell(trial.number, objective(trial.params))
        return study

    past = [told(bowl(c), 200) for c in (0.3, 0.35, 0.4)]
    taken: dict[str, list[float]] = {"with": [], "without": []}
    studies = {"with": told(bowl(0.36), 95, past), "without": told(bowl(0.36), 95)}
    for _ in range(25):
        for key, study in studies.items():
            begun = time.process_time()
            trial = study.ask()
            taken[key].append(time.process_time() - begun)
            study.tell(trial.number, bowl(0.36)(trial.params))
    with_past, without = (1e3 * float(np.median(taken[key][5:])) for key in ("with", "without"))
    figures.add("a suggestion at 100 trials", without, "ms CPU")
    figures.add("the same with three past studies of 200 trials", with_past, "ms CPU")
    figures.add("their ratio", with_past / without, "times", at_most=SLOWER)
    return figures.close()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", nargs="?", choices=("run", "show", "ask"), default="ask")
    parser.add_argument("--half", choices=("tune", "report"), default="report")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--only", default="", help="tasks whose names begin so")
    parser.add_argument("--file", type=Path, default=None)
    args = parser.parse_args(argv)
    file = args.file or RESULTS / f"{args.half}.jsonl"
    if args.what == "run":
        run(file, args.half, args.seeds, args.trials, args.cases.split(","), args.only)
        return 0
    return show(file) if args.what == "show" else ask(file)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
