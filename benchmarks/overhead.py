"""What Trimtab itself costs: CPU time per trial, memory, opening a long study; beside Optuna in the same run.

    python benchmarks/overhead.py              # beside Optuna if that can be imported
    python benchmarks/overhead.py --optuna     # ... and not without it
    python benchmarks/overhead.py --no-optuna  # Trimtab alone

A trial is an ask and a tell, with random search over ten floats; stores and samplers are as they come. Times are CPU
time, user and system, which a busy machine hardly changes. Every figure comes from processes of their own, after a
warm-up in the same kind of store. Compare two figures only if both come from the same run: the ratios do.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from _figures import Figures

PRELUDE = """
import json, resource, sys, time
def rss():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20
def cpu(work, n):
    began = time.process_time()
    for _ in range(n):
        work()
    return (time.process_time() - began) / n * 1e3
n, store = int(sys.argv[1]), sys.argv[2] or None
"""

TRIMTAB = (
    PRELUDE
    + """
import trimtab as tt
space = tt.Space({f"x{i}": tt.Float(0.0, 1.0) for i in range(10)})
def trial(study):
    trial = study.ask()
    study.tell(trial.number, sum(trial.params.values()))
with tt.create_study(space, minimize="loss", optimizer="random", store=store, name="warm") as warm:
    for _ in range(100):
        trial(warm)
before = rss()
with tt.create_study(space, minimize="loss", optimizer="random", store=store, name="study") as study:
    windows = [cpu(lambda: trial(study), size) for size in json.loads(sys.argv[3])]
    assert len(study.table) == n
    found = {"ms": windows, "mb": rss() - before}
    if len(sys.argv) > 4:
        with tt.create_study(space, minimize="loss", optimizer="random", store=sys.argv[4] or None) as short:
            cpu(lambda: trial(short), 500)
            found["pairs"] = [[cpu(lambda: trial(each), 100) for each in (short, study)] for _ in range(10)]
    print(json.dumps(found))
"""
)

OPTUNA = (
    PRELUDE
    + """
import optuna
optuna.logging.set_verbosity(optuna.logging.ERROR)
def trial(study):
    trial = study.ask()
    study.tell(trial, sum(trial.suggest_float(f"x{i}", 0.0, 1.0) for i in range(10)))
create = lambda name: optuna.create_study(sampler=optuna.samplers.RandomSampler(), storage=store, study_name=name)
warm = create("warm")
for _ in range(20):
    trial(warm)
study = create("study")
print(json.dumps({"ms": [cpu(lambda: trial(study), n)]}))
"""
)

OPEN = (
    PRELUDE
    + """
import trimtab as tt
from trimtab.study.export import columns
with tt.load_study(store, "warm") as warm:
    columns(warm.table)
began = time.process_time()
with tt.load_study(store, "study") as study:
    table = study.table
    total = float(table.x.sum() + table.y.sum() + table.state.sum())
    opened = time.process_time()
    assert len(columns(table)["params_x9"]) == n
    print(json.dumps({"open": opened - began, "all": time.process_time() - began}))
"""
)

MISSING = "Optuna cannot be imported here, so the comparison with it {}; install it with: pip install 'optuna>=5,<6'"


def run(script: str, n: int, store: str, *arguments: str) -> dict[str, object]:
    command = [sys.executable, "-c", script, str(n), store, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def alone(figures: Figures, folder: Path, n: int) -> None:
    for where, files, limit in (
        ("in memory", ("", ""), 0.2),
        ("SQLite", (f"sqlite:///{folder}/long.db", f"sqlite:///{folder}/young.db"), 0.6),
    ):
        found = run(TRIMTAB, n, files[0], json.dumps([n]), files[1])
        figures.add(f"ask + tell, {where}, mean of {n:,} trials", found["ms"][0], "ms", at_most=limit)
        # A disk is slower when others use it, and then a commit costs more of the CPU too. So a young study and the
        # long one take turns, a hundred trials each.
        early, late = zip(*found["pairs"], strict=True)
        figures.add(f"ask + tell, {where}, trials 500 to 1,500", median(early), "ms", at_most=limit)
        figures.add(f"ask + tell, {where}, 1,000 trials after {n:,}, in turn", median(late), "ms", at_most=limit)
        ratio = median(b / a for a, b in found["pairs"])
        figures.add(f"the latter over the former, {where}", ratio, "times", at_most=1.3)
        figures.add(f"memory that {n:,} trials take, {where}", found["mb"], "MB", at_most=60)
    run(TRIMTAB, 10_000, f"sqlite:///{folder}/short.db", json.dumps([10_000]))
    for size, name, limit in ((10_000, "short.db", 0.15), (n + 1_000, "long.db", 1.0)):
        found = run(OPEN, size, f"sqlite:///{folder}/{name}")
        figures.add(f"open {size:,} trials from SQLite and read x, y, state", found["open"], "s", at_most=limit)
        figures.add("the same and every parameter as a column of values", found["all"], "s", at_most=limit)
        with sqlite3.connect(folder / name) as database:
            database.execute("DELETE FROM snapshot")
        found = run(OPEN, size, f"sqlite:///{folder}/{name}")
        figures.add(f"the same without a snapshot, from {3 * size:,} records", found["all"], "s")


def beside_optuna(figures: Figures, folder: Path, rounds: int = 3) -> None:
    for where, n, least in (("in memory", 2_000, 1), ("SQLite", 200, 25)):
        ours, theirs = [], []
        for _ in range(rounds):  # in turn, so that both see the machine as it is
            for script, found in ((TRIMTAB, ours), (OPTUNA, theirs)):
                file = f"sqlite:///{folder}/{where}-{len(found)}-{script is OPTUNA}.db" if where == "SQLite" else ""
                found.append(run(script, n, file, json.dumps([n]))["ms"][0])
        figures.add(f"Trimtab, {where}, {n:,} trials", median(ours), "ms")
        figures.add(f"Optuna, {where}, {n:,} trials", median(theirs), "ms")
        ratio = median(b / a for a, b in zip(ours, theirs, strict=True))
        figures.add(f"Optuna's time over Trimtab's, {where}", ratio, "times", at_least=least)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--optuna", action=argparse.BooleanOptionalAction, help="compare with Optuna")
    parser.add_argument("--trials", type=int, default=100_000, help="length of the long study, at least 10,000")
    arguments = parser.parse_args()
    if arguments.trials < 10_000:
        parser.error("--trials is at least 10,000")
    has_optuna = find_spec("optuna") is not None
    if arguments.optuna and not has_optuna:
        parser.error(MISSING.format("cannot run"))
    if arguments.optuna is None and not has_optuna:
        print(MISSING.format("is left out"), file=sys.stderr)
    compare = has_optuna and arguments.optuna is not False
    figures = Figures(__file__, __doc__, *(["optuna"] if compare else []))
    with tempfile.TemporaryDirectory() as folder:
        alone(figures, Path(folder), arguments.trials)
        if compare:
            beside_optuna(figures, Path(folder))
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
