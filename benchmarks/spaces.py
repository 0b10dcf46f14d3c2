"""What the library of spaces is worth: regret against a wide space of the same parameters that knows nothing.

    python benchmarks/spaces.py run [--minutes 30] [--half looked]   # what is on file is not run again
    python benchmarks/spaces.py report [--half reported]

Both arms have the same parameters, conditions, scales and engine ("auto"), so that what is measured is not merely that
ratios matter. The wide one is written out below: a decade more than the library's on both sides, or all that the model
takes; no default, no prior, no priority. Losses are of three folds: log loss, for margins 1 - AUC, for numbers the
squared error of a target of unit spread.

Regret is counted in the range between the best loss on file of a family and a data set, by either arm, and the median
of the first `FIRST` losses of its wide runs: 1 is what a first guess has, 0 is the best known. Pairs without such a
range are counted and left out. Data sets are split: ranges and starts of the library were set on the first half; a
first report of the second led to another look at two families on the first.

A run is on file under the text of its space: a changed entry is run again, and what its old space found still counts
for the best known. Of an engine that has changed since, the best run of a pair is kept under "before-" and its space.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn import datasets
from sklearn.linear_model import ElasticNet, LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from threadpoolctl import threadpool_limits

import trimtab as tt

RESULTS = Path(__file__).parent / "results" / "spaces" / "runs.jsonl"
AT = (10, 25, 50, 100)
ROWS = 240
"""Rows of each task: a cross-validation then takes some hundredths of a second."""
LENGTHS = (25, 25, 25, 25, 25, 50, 50, 100, 100, 100, 100, 100)
"""Trials of each seed, in the order of running: any first part has most of what is judged early, and five seeds go all
the way. LightGBM is not run for 100."""
FIRST = 10
LEAST = 0.01
"""Of the range: differences below it are none, when it is asked whether one arm is worse than the other."""
BUDGET_S = 0.0025
"""Of a trial of LightGBM: the rounds are bounded at some 100 by it, in both arms."""

LOOKED = {"binary": ("cancer", "wine", "moons", "generated"), "regression": ("diabetes", "friedman1", "friedman3")}
REPORTED = {"binary": ("digits", "circles", "generated, wide"), "regression": ("friedman2", "sparse")}
KINDS = {name: kind for half in (LOOKED, REPORTED) for kind, names in half.items() for name in names}


def _lightgbm(kind: str) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor

    return (LGBMClassifier if kind == "binary" else LGBMRegressor)(verbose=-1, n_jobs=1)


MODELS: dict[str, dict[str, Callable[[], Any]]] = {
    "kernel": {"binary": lambda: SVC(max_iter=20_000), "regression": lambda: SVR(max_iter=20_000)},
    "linear": {"binary": LogisticRegression, "regression": ElasticNet},
    "sgd": {"binary": lambda: SGDClassifier(random_state=0), "regression": lambda: SGDRegressor(random_state=0)},
    "tree": {
        "binary": lambda: DecisionTreeClassifier(random_state=0),
        "regression": lambda: DecisionTreeRegressor(random_state=0),
    },
    "neighbors": {"binary": KNeighborsClassifier, "regression": KNeighborsRegressor},
    "lightgbm": {"binary": lambda: _lightgbm("binary"), "regression": lambda: _lightgbm("regression")},
}

WIDE: dict[str, dict[str, tuple[float, float]]] = {
    "kernel": {"C": (1e-3, 1e5), "gamma": (1e-7, 1e2), "degree": (2, 5), "coef0": (-1, 1), "epsilon": (1e-4, 10)},
    "linear": {"C": (1e-5, 1e5), "alpha": (1e-5, 1e2), "l1_ratio": (0.01, 1)},
    "sgd": {"alpha": (1e-8, 1), "eta0": (1e-5, 10), "l1_ratio": (0, 1)},
    "tree": {
        "min_samples_leaf": (1, 120),
        "max_depth": (1, 300),
        "min_samples_split": (2, 150),
        "ccp_alpha": (1e-7, 1),
    },
    "neighbors": {"n_neighbors": (1, 120)},
    "lightgbm": {
        "learning_rate": (1e-3, 1),
        "num_leaves": (2, 1000),
        "n_estimators": (5, 104),
        "min_child_samples": (1, 120),
        "subsample": (0.05, 1),
        "colsample_bytree": (0.05, 1),
        "reg_lambda": (1e-4, 1e3),
        "reg_alpha": (1e-4, 1e3),
    },
}


@cache
def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of a data set, features of unit spread, and its target: 0 and 1, or numbers of unit spread."""
    rng = np.random.default_rng(0)
    makers: dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]] = {
        "cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
        "digits": lambda: datasets.load_digits(return_X_y=True),
        "wine": lambda: datasets.load_wine(return_X_y=True),
        "moons": lambda: datasets.make_moons(ROWS, noise=0.35, random_state=0),
        "circles": lambda: datasets.make_circles(ROWS, noise=0.2, factor=0.6, random_state=0),
        "generated": lambda: datasets.make_classification(
            ROWS, 20, n_informative=5, n_clusters_per_class=3, flip_y=0.1, class_sep=0.8, random_state=0
        ),
        "generated, wide": lambda: datasets.make_classification(
            ROWS, 60, n_informative=8, flip_y=0.05, class_sep=0.6, random_state=1
        ),
        "diabetes": lambda: datasets.load_diabetes(return_X_y=True),
        "friedman1": lambda: datasets.make_friedman1(ROWS, noise=1.0, random_state=0),
        "friedman2": lambda: datasets.make_friedman2(ROWS, noise=125.0, random_state=0),
        "friedman3": lambda: datasets.make_friedman3(ROWS, noise=0.1, random_state=0),
        "sparse": lambda: datasets.make_regression(ROWS, 60, n_informative=6, noise=20.0, random_state=0),
    }
    x, y = makers[name]()
    keep = rng.permutation(len(y))[:ROWS]
    x, y = x[keep], y[keep]
    x = (x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1.0)
    if KINDS[name] == "regression":
        return x, (y - y.mean()) / y.std()
    return x, {"digits": y % 2, "wine": (y == 1).astype(int)}.get(name, y)


def loss_of(model: Any, x: np.ndarray, y: np.ndarray, kind: str) -> float:
    """Return the loss over three folds."""
    folds = StratifiedKFold(3, shuffle=True, random_state=0) if kind == "binary" else KFold(3)
    losses = []
    for train, test in folds.split(x, y):
        model.fit(x[train], y[train])
        if kind == "regression":
            losses.append(float(np.mean((model.predict(x[test]) - y[test]) ** 2)))
        elif hasattr(model, "predict_proba") and not isinstance(model, SGDClassifier):
            p = np.clip(model.predict_proba(x[test])[:, 1], 1e-15, 1 - 1e-15)
            losses.append(float(-np.mean(np.where(y[test] == 1, np.log(p), np.log1p(-p)))))
        else:
            losses.append(1 - float(roc_auc_score(y[test], model.decision_function(x[test]))))
    return float(np.mean(losses))


def informed(family: str, task: str) -> tt.Space:
    x, y = data(task)
    budget_s = BUDGET_S if family == "lightgbm" else None
    return tt.spaces.of(MODELS[family][KINDS[task]](), x, y, budget_s=budget_s)


def wide(family: str, space: tt.Space) -> tt.Space:
    """Return the space of the same parameters that knows nothing."""
    found: dict[str, Any] = {}
    for name, one in zip(space.names, space.parameters, strict=True):
        if one.role == "fixed":
            found[name] = one
        elif isinstance(one, tt.Categorical):
            found[name] = type(one)(one.choices, when=one.when)
        else:
            found[name] = type(one)(*WIDE[family][name], log=one.log, when=one.when)
    return tt.Space(found)


def space_of(family: str, task: str, arm: str) -> tuple[tt.Space, str]:
    """Return the space of an arm, and the key under which its runs are on file."""
    space = informed(family, task)
    if arm == "wide":
        space = wide(family, space)
    return space, hashlib.sha256(str(space).encode()).hexdigest()[:12]


def run(family: str, task: str, seed: int, arm: str, n_trials: int) -> dict[str, Any]:
    kind = KINDS[task]
    x, y = data(task)
    space, key = space_of(family, task, arm)

    def objective(trial: tt.Trial) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return loss_of(MODELS[family][kind]().set_params(**trial.params), x, y, kind)

    begun = time.process_time()
    with threadpool_limits(1), sklearn.config_context(assume_finite=True):
        study = tt.tune(objective, space, minimize="loss", budget=n_trials, seed=seed, stop="never", finalize=False,
                        progress=False)  # fmt: skip
    losses = [None if v != v or v == np.inf else float(f"{v:.8g}") for v in study.table.losses()[:, 0].tolist()]
    return {"family": family, "task": task, "seed": seed, "arm": arm, "space": key, "losses": losses,
            "cpu_s": round(time.process_time() - begun, 2)}  # fmt: skip


def turns(half: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, str, int, int]]:
    """Yield (family, data set, seed, trials), so that any first part is spread over families and data sets."""
    tasks = [name for names in half.values() for name in names]
    for seed, n_trials in enumerate(LENGTHS):
        for turn in range(len(tasks)):
            for i, family in enumerate(MODELS):
                if n_trials < 100 or family != "lightgbm":
                    yield family, tasks[(turn + i) % len(tasks)], seed, n_trials


def read() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.exists() else []


def best_so_far(losses: list[float | None], n: int) -> float:
    return min((loss for loss in losses[:n] if loss is not None), default=np.inf)


def regrets(half: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, str, dict[str, dict[int, float]] | None]]:
    """Yield (family, task, {arm: {trials: mean regret}}) of each pair on file; None where it has no range."""
    by_pair: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in read():
        by_pair[row["family"], row["task"]].append(row)
    tasks = {name for names in half.values() for name in names}
    for (family, task), rows in by_pair.items():
        if task not in tasks:
            continue
        of_arm = {arm: [r for r in rows if r["arm"] == arm and r["space"] == space_of(family, task, arm)[1]]
                  for arm in ("wide", "informed")}  # fmt: skip
        both = {r["seed"] for r in of_arm["wide"]} & {r["seed"] for r in of_arm["informed"]}
        if not both:
            continue
        least = min(best_so_far(row["losses"], max(AT)) for row in rows)
        first = [np.inf if v is None else v for r in of_arm["wide"] for v in r["losses"][:FIRST]]
        size = float(np.median(first)) - least
        if not 1e-9 < size < np.inf:
            yield family, task, None
            continue
        means: dict[str, dict[int, float]] = {}
        for arm, runs in of_arm.items():
            at = {n: [r for r in runs if r["seed"] in both and len(r["losses"]) >= n] for n in AT}
            means[arm] = {n: float(np.mean([(best_so_far(r["losses"], n) - least) / size for r in rs]))
                          for n, rs in at.items() if rs}  # fmt: skip
        yield family, task, means


def report(half: dict[str, tuple[str, ...]]) -> None:
    found = list(regrets(half))
    pairs = [(family, task, means) for family, task, means in found if means is not None]
    n_flat = len(found) - len(pairs)
    print(f"{len(pairs)} pairs of a family and a data set, {len({t for _, t, _ in pairs})} data sets; {n_flat} without "
          "a range")  # fmt: skip
    print("\n| trials | regret, wide | regret, tt.spaces | lower by | pairs where more than 1.1 times as high |")
    print("|---|---|---|---|---|")
    for n in AT:
        both = [(f, t, m["wide"][n], m["informed"][n]) for f, t, m in pairs if n in m["wide"] and n in m["informed"]]
        if not both:
            continue
        w, i = (float(np.mean([pair[k] for pair in both])) for k in (2, 3))
        worse = [f"{f} on {t} ({a:.3f} → {b:.3f})" for f, t, a, b in both if b > 1.1 * a + LEAST]
        lower = f"{1 - i / w:.0%}" if w else "none is left"
        listed = f"{len(worse)} of {len(both)}: {', '.join(worse)}"
        print(f"| {n} | {w:.4f} | {i:.4f} | {lower} | {listed} |")
    print("\n| family | " + " | ".join(f"{n} trials" for n in AT) + " |\n|---|" + "---|" * len(AT))
    for family in MODELS:
        cells = []
        for n in AT:
            of_it = [m for f, _, m in pairs if f == family and n in m["wide"] and n in m["informed"]]
            cells.append(" → ".join(f"{np.mean([m[arm][n] for m in of_it]):.3f}" for arm in ("wide", "informed"))
                         if of_it else "")  # fmt: skip
        print(f"| {family} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("run", "report"), nargs="?", default="report")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--half", choices=("looked", "reported"), default="reported")
    parser.add_argument("--seeds", type=int, default=len(LENGTHS))
    asked = parser.parse_args()
    half = LOOKED if asked.half == "looked" else REPORTED
    if asked.what == "run":
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        done = {(row["family"], row["task"], row["seed"], row["arm"], row["space"]) for row in read()}
        until = time.monotonic() + 60 * asked.minutes
        for family, task, seed, n_trials in turns(half):
            for arm in ("informed", "wide"):
                if seed >= asked.seeds or (family, task, seed, arm, space_of(family, task, arm)[1]) in done:
                    continue
                if time.monotonic() > until:
                    raise SystemExit("the minutes are over; the same command goes on")
                row = run(family, task, seed, arm, n_trials)
                with RESULTS.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(family, task, seed, arm, f"{best_so_far(row['losses'], 100):.4f}", row["cpu_s"], flush=True)
    report(half)


if __name__ == "__main__":
    main()
