"""What Trimtab itself costs: CPU time per trial, memory, opening a long study; beside Optuna in the same run.

    python benchmarks/overhead.py                      # Trimtab alone
    python benchmarks/overhead.py --optuna             # side by side; needs optuna (make bench installs it)

Every figure is CPU time (user and system) of a process of its own, so that a busy machine does not change the picture;
`ratio` lines compare two processes of one run. Prints one JSON line a figure.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile

PRELUDE = """
import json, resource, sys, time
def rss():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20
"""

TRIMTAB = (
    PRELUDE
    + """
import trimtab as tt
space = tt.Space({f"x{i}": tt.Float(0.0, 1.0) for i in range(10)})
n, store = int(sys.argv[1]), sys.argv[2] or None
warm = tt.create_study(space, minimize="loss", optimizer="random", seed=0)
for _ in range(100):
    warm.tell(warm.ask().number, 0.5)
before = rss()
study = tt.create_study(space, minimize="loss", optimizer="random", seed=0, store=store)
marks, began = {}, time.process_time()
for i in range(n):
    trial = study.ask()
    study.tell(trial.number, sum(trial.params.values()))
    if i + 1 in (n // 10, n - n // 10):
        marks[i + 1] = time.process_time()
ended = time.process_time()
early, late = (marks[n // 10] - began) / (n // 10), (ended - marks[n - n // 10]) / (n // 10)
print(json.dumps(dict(ms=1e3 * (ended - began) / n, early_ms=1e3 * early, late_ms=1e3 * late, mb=rss() - before)))
study.close()
"""
)

OPTUNA = (
    PRELUDE
    + """
import optuna
optuna.logging.set_verbosity(optuna.logging.ERROR)
n, store = int(sys.argv[1]), sys.argv[2] or None
study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), storage=store)
began = time.process_time()
for i in range(n):
    trial = study.ask()
    study.tell(trial, sum(trial.suggest_float(f"x{i}", 0.0, 1.0) for i in range(10)))
print(json.dumps(dict(ms=1e3 * (time.process_time() - began) / n)))
"""
)

OPEN = (
    PRELUDE
    + """
import trimtab as tt
tt.Space(x=tt.Float(0, 1))
began = time.process_time()
study = tt.load_study(sys.argv[1], "study")
table = study.table
total = float(table.x.sum() + table.y.sum() + table.state.sum())
print(json.dumps(dict(s=time.process_time() - began, trials=len(table))))
"""
)


def run(script: str, *arguments: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def emit(name: str, figures: dict[str, float], target: str = "") -> None:
    shown = {key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()}
    print(json.dumps({"bench": "overhead", "what": name, **shown, "target": target}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--optuna", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    arguments = parser.parse_args()
    print(json.dumps({"bench": "overhead", "python": platform.python_version(), "machine": platform.machine()}))
    small = {}
    with tempfile.TemporaryDirectory() as folder:
        for n in arguments.sizes:
            memory = run(TRIMTAB, str(n), "")
            emit(f"ask + tell, {n} trials, in memory", memory, "<= 0.2 ms; <= 60 MB at 100,000")
            url = f"sqlite:///{folder}/{n}.db"
            sqlite = run(TRIMTAB, str(n), url)
            emit(f"ask + tell, {n} trials, SQLite", sqlite, "<= 0.6 ms")
            emit(f"open and read {n} trials, SQLite", run(OPEN, url), "<= 0.15 s at 10,000; <= 1 s at 100,000")
            small.setdefault("memory", memory["ms"])
            small.setdefault("sqlite", sqlite["ms"])
        if arguments.optuna:
            n = arguments.sizes[0]
            memory = run(OPTUNA, str(n), "")
            emit(f"Optuna ask + tell, {n} trials, in memory", memory)
            sqlite = run(OPTUNA, str(min(n, 300)), f"sqlite:///{folder}/optuna.db")
            emit(f"Optuna ask + tell, {min(n, 300)} trials, SQLite", sqlite)
            emit("ratio Optuna / Trimtab, in memory", {"x": memory["ms"] / small["memory"]}, ">= 1")
            emit("ratio Optuna / Trimtab, SQLite", {"x": sqlite["ms"] / small["sqlite"]}, ">= 25")


if __name__ == "__main__":
    main()
