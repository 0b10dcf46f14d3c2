"""What racing over folds saves, and what it costs: studies that race against the same ones with full cross-validation.

    python benchmarks/multifidelity/folds.py                          # all settings, 30 seeds
    python benchmarks/multifidelity/folds.py --seeds 4 --only bowl    # a look

Landscapes: a bowl in three dimensions whose folds differ as much as configurations do, with a little noise in each cell
(`bowl`), and one with as much noise as makes cross-validation itself pick wrongly (`noisy`); and tables of real cells,
100 configurations each: a support-vector machine on breast cancer, one for regression on diabetes, a decision tree on
digits. What a configuration is worth there is its mean over other splits of the data, of which the studies know
nothing. The regret of a study is how much worse its best trial is than the best there is.

One JSON line a setting: the ratio of mean regrets and of the medians over seeds, in how many studies either is better,
and the share of folds that were run. Lines are appended to the file that --out names; what is in it is not run again.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import trimtab as tt
from trimtab.ledger.curves import AT_END
from trimtab.ledger.event import Asked, Event, Origin, Record, Reported, Started, Stopped, Told
from trimtab.ledger.table import COMPLETE
from trimtab.schedule.auto import Auto
from trimtab.space.problem import Problem, minimize
from trimtab.testing.simulation import Simulation

K = 5
TRIALS = 40
BOWL = tt.Space({f"x{i}": tt.Float(0, 1) for i in range(3)})
CENTRE = 0.35
SIDE, SPLITS = 10, 6
"""Values of each of the two parameters of a table, and splits of its data: half for studies, half for the truth."""


class Bowl:
    """Losses [K] of a configuration; its noise is its own in each study, and the same whenever it is asked again."""

    space = BOWL

    def __init__(self, seed: int, folds: float, noise: float) -> None:
        self._seed, self._noise = seed, noise
        self._folds = folds * np.random.default_rng(seed).normal(size=K)

    def truth(self, params: dict[str, float]) -> float:
        return float(sum((value - CENTRE) ** 2 for value in params.values()))

    def cells(self, params: dict[str, float]) -> np.ndarray:
        key = [self._seed, *(int(value * 2**32) for value in params.values())]
        return self.truth(params) + self._folds + self._noise * np.random.default_rng(key).normal(size=K)

    def least(self) -> float:
        return 0.0


class Table:
    """Cells that were computed once: [side, side, K], and what each configuration is worth [side, side]."""

    def __init__(self, cells: np.ndarray, truth: np.ndarray, seed: int) -> None:
        self._cells, self._truth = cells[seed % len(cells)], truth
        side = list(range(len(truth)))
        self.space = tt.Space(a=tt.Ordinal(side), b=tt.Ordinal(side))

    def truth(self, params: dict[str, int]) -> float:
        return float(self._truth[params["a"], params["b"]])

    def cells(self, params: dict[str, int]) -> np.ndarray:
        return self._cells[params["a"], params["b"]]

    def least(self) -> float:
        return float(self._truth.min())


def computed(name: str, folder: Path, side: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return cells [n/2, side, side, K] of splits, and the mean over as many others [side, side]; kept in a file."""
    path = folder / f"folds-{name}-{side}-{n}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(path, **dict(zip(("cells", "truth"), _fitted(name, side, n), strict=True)))
    with np.load(path) as found:
        return found["cells"], found["truth"]


def _fitted(name: str, side: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn import datasets
    from sklearn.model_selection import KFold, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC, SVR
    from sklearn.tree import DecisionTreeClassifier

    rates = np.logspace(-2, 3, side), np.logspace(-4, 1, side)
    make: Callable[[int, int], Any]
    if name == "breast cancer":
        x, y = datasets.load_breast_cancer(return_X_y=True)
        make = lambda a, b: make_pipeline(StandardScaler(), SVC(C=rates[0][a], gamma=rates[1][b]))  # noqa: E731
    elif name == "diabetes":
        x, y = datasets.load_diabetes(return_X_y=True)
        make = lambda a, b: make_pipeline(StandardScaler(), SVR(C=rates[0][a], gamma=rates[1][b]))  # noqa: E731
    else:
        x, y = datasets.load_digits(return_X_y=True)
        x, y = x[:600], y[:600]
        make = lambda a, b: DecisionTreeClassifier(max_depth=2 + a, min_samples_leaf=1 + b, random_state=0)  # noqa: E731
    splitter = KFold if name == "diabetes" else StratifiedKFold
    cells = np.empty((n, side, side, K))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for s in range(n):
            for fold, (train, test) in enumerate(splitter(K, shuffle=True, random_state=s).split(x, y)):
                for a in range(side):
                    for b in range(side):
                        cells[s, a, b, fold] = 1.0 - make(a, b).fit(x[train], y[train]).score(x[test], y[test])
    return cells[: n // 2], cells[n // 2 :].mean(axis=(0, 3))


def study(at: Bowl | Table, optimizer: str, trials: int, seed: int, *, race: bool) -> dict[str, float]:
    """Return the regret of the best trial, and how many folds were run."""

    def objective(trial: tt.Trial) -> None:
        losses = at.cells(trial.params)
        for fold in trial.folds():
            trial.report(fold=fold, loss=float(losses[fold]))

    done = tt.tune(
        objective, at.space, minimize="loss", folds=K, race=race, budget=trials, optimizer=optimizer, seed=seed,
        progress=False,
    )  # fmt: skip
    return {"regret": at.truth(done.best_params) - at.least(), "folds": len(done.table.curves)}


def random_study(at: Bowl | Table, trials: int, seed: int) -> dict[str, dict[str, float]]:
    """Return {way: {regret, folds}} of random search, whose configurations are the same raced and not.

    The real scheduler judges a real table; what `tune` does besides changes nothing, and takes ten times as long.
    """
    problem = Problem(at.space, (minimize("loss"),), folds=K)
    auto, ledger = Auto(), Simulation(problem, seed=seed).ledger
    x = at.space.sample(np.random.default_rng(seed), trials)
    every = at.space.decode(x)
    losses = np.array([at.cells(params) for params in every])

    def put(event: Event) -> None:
        ledger.apply(Record(ledger.head + 1, float(ledger.head), event))

    for row in range(trials):
        put(Asked(row, tuple(x[row].tolist()), ledger.head, Origin("random")))
        put(Started(row, "worker"))
        for fold in auto.folds(ledger.table, row, seed):
            put(Reported(row, AT_END, {"loss": float(losses[row, fold])}, 1, fold))
            halt = auto.judge(ledger.table, row)
            if halt is not None:
                put(Stopped(row, halt.reason))
                break
        else:
            put(Told(row, {"loss": float(losses[row].mean())}))
    whole = np.flatnonzero(ledger.table.state == COMPLETE)
    best = {"full": int(losses.mean(axis=1).argmin()), "race": int(whole[losses[whole].mean(axis=1).argmin()])}
    folds = {"full": losses.size, "race": len(ledger.table.curves)}
    return {way: {"regret": at.truth(every[row]) - at.least(), "folds": folds[way]} for way, row in best.items()}


def landscape(name: str, seed: int, folder: Path, side: int, n: int) -> Bowl | Table:
    if name == "bowl":
        return Bowl(seed, 0.3, 0.02)
    if name == "noisy":
        return Bowl(seed, 0.3, 0.1)
    return Table(*computed(name, folder, side, n), seed)


WAYS = ("full", "race")
LANDSCAPES = ("bowl", "noisy", "breast cancer", "diabetes", "digits")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--only", choices=LANDSCAPES)
    parser.add_argument("--optimizer", choices=("random", "gp"))
    parser.add_argument("--folder", type=Path, default=Path("/tmp/trimtab-folds"))
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    known = {}
    if asked.out is not None and asked.out.exists():
        runs = (json.loads(line) for line in asked.out.read_text(encoding="utf-8").splitlines())
        known = {(run["landscape"], run["optimizer"], run["seed"]): run for run in runs}
    for name in LANDSCAPES if asked.only is None else (asked.only,):
        for optimizer in ("random", "gp") if asked.optimizer is None else (asked.optimizer,):
            runs = []
            for seed in range(asked.seeds):
                run = known.get((name, optimizer, seed))
                if run is None:
                    run = {"landscape": name, "optimizer": optimizer, "seed": seed}
                    at = landscape(name, seed, asked.folder, asked.side, asked.splits)
                    if optimizer == "random":
                        run |= random_study(at, asked.trials, seed)
                    else:
                        run |= {way: study(at, optimizer, asked.trials, seed, race=way == "race") for way in WAYS}
                    if asked.out is not None:
                        with asked.out.open("a", encoding="utf-8") as file:
                            file.write(json.dumps(run) + "\n")
                runs.append(run)
            print(json.dumps(summary(name, optimizer, runs)), flush=True)


def summary(name: str, optimizer: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    full, race = (np.array([run[way]["regret"] for run in runs]) for way in ("full", "race"))
    n = sum(run["race"]["folds"] for run in runs), sum(run["full"]["folds"] for run in runs)
    return {
        "landscape": name,
        "optimizer": optimizer,
        "seeds": len(runs),
        "ratio of means": round(float(race.mean() / full.mean()), 3) if full.mean() else None,
        "ratio of medians": round(float(np.median(race) / np.median(full)), 3) if np.median(full) else None,
        "better": int((race < full).sum()),
        "worse": int((race > full).sum()),
        "share of folds": round(n[0] / n[1], 3),
        "mean regret": [round(float(full.mean()), 5), round(float(race.mean()), 5)],
    }


if __name__ == "__main__":
    main()
