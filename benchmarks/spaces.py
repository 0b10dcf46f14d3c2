"""What the library of spaces is worth: regret against a wide space of the same parameters that knows nothing.

    nice -n 19 python benchmarks/spaces.py run [--minutes 30] [--trials 100]   # resumes; adds to results/spaces.jsonl
    python benchmarks/spaces.py report

Both arms have the same parameters, conditions and engine ("auto"). The wide one has each range a decade wider on both
sides where it is logarithmic, and otherwise as wide as the library takes; no default, no prior, no priority. Scales
stay, so that what is measured is not merely that ratios matter. Of a task the least loss that either arm ever found is
the reference. Runs are taken in turns over families, tasks and seeds, so that what is there at any time is a fair part.

No entry was changed for these tasks; all are reported.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

import trimtab as tt
from trimtab.spaces.recognise import family_of

RESULTS = Path(__file__).parent / "results" / "spaces.jsonl"
AT = (10, 25, 50, 100)
ROWS = 240
"""Rows of each task: a cross-validation then takes some hundredths of a second."""
DECADES = 1.0


def _boosting() -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(verbose=-1, n_jobs=1)


MODELS: dict[str, tuple[str, Callable[[], Any], str]] = {
    "svc": ("binary", lambda: make_pipeline(StandardScaler(), SVC(max_iter=100_000)), "roc_auc"),
    "svr": ("regression", lambda: make_pipeline(StandardScaler(), SVR(max_iter=100_000)), "neg_mean_squared_error"),
    "logistic": ("binary", lambda: make_pipeline(StandardScaler(), LogisticRegression()), "neg_log_loss"),
    "tree": ("binary", lambda: DecisionTreeClassifier(random_state=0), "neg_log_loss"),
    "elastic_net": ("regression", lambda: make_pipeline(StandardScaler(), ElasticNet()), "neg_mean_squared_error"),
    "neighbors": ("binary", lambda: make_pipeline(StandardScaler(), KNeighborsClassifier()), "neg_log_loss"),
    "lightgbm": ("binary", _boosting, "neg_log_loss"),
}


def _binary(name: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    if name == "moons":
        return datasets.make_moons(ROWS, noise=0.35, random_state=0)
    if name == "circles":
        return datasets.make_circles(ROWS, noise=0.2, factor=0.6, random_state=0)
    if name == "generated":
        return datasets.make_classification(
            ROWS, 20, n_informative=5, n_clusters_per_class=3, flip_y=0.1, class_sep=0.8, random_state=0
        )
    if name == "generated, wide":
        return datasets.make_classification(ROWS, 60, n_informative=8, flip_y=0.05, class_sep=0.6, random_state=1)
    x, y = {"cancer": datasets.load_breast_cancer, "digits": datasets.load_digits, "wine": datasets.load_wine}[name](
        return_X_y=True
    )
    y = y % 2 if name == "digits" else (y == 1).astype(int)
    keep = rng.permutation(len(y))[:ROWS]
    return x[keep], y[keep]


def _regression(name: str) -> tuple[np.ndarray, np.ndarray]:
    if name == "diabetes":
        x, y = datasets.load_diabetes(return_X_y=True)
        x, y = x[:ROWS], y[:ROWS]
    elif name == "sparse":
        x, y = datasets.make_regression(ROWS, 60, n_informative=6, noise=20.0, random_state=0)
    else:
        make = {
            "friedman1": datasets.make_friedman1,
            "friedman2": datasets.make_friedman2,
            "friedman3": datasets.make_friedman3,
        }
        x, y = make[name](ROWS, noise={"friedman1": 1.0, "friedman2": 125.0, "friedman3": 0.1}[name], random_state=0)
    return x, (y - y.mean()) / y.std()


TASKS = {
    "binary": (_binary, ("cancer", "digits", "wine", "moons", "circles", "generated", "generated, wide")),
    "regression": (_regression, ("diabetes", "friedman1", "friedman2", "friedman3", "sparse")),
}


def wide(model: Any, space: tt.Space) -> tt.Space:
    """Return the space of the same parameters that knows nothing."""
    estimator = model[-1] if hasattr(model, "steps") else model
    prefix = f"{model.steps[-1][0]}__" if hasattr(model, "steps") else ""
    family = family_of(estimator)
    assert family is not None
    entries = {f"{prefix}{entry.name}": entry for entry in family.entries}
    found: dict[str, Any] = {}
    for name, one in zip(space.names, space.parameters, strict=True):
        if one.role == "fixed":
            found[name] = one
        elif isinstance(one, tt.Categorical):
            found[name] = type(one)(one.choices, when=one.when)
        else:
            hazards = [h for h in entries[name].hazards if not h.given]
            least = max((h.below for h in hazards if h.below is not None), default=-np.inf)
            most = min((h.above for h in hazards if h.above is not None), default=np.inf)
            factor = 10.0**DECADES
            low, high = (one.low / factor, one.high * factor) if one.log else (one.low, one.high)
            if not one.log and not isinstance(one, tt.Int):
                low, high = (least if np.isfinite(least) else low), (most if np.isfinite(most) else high)
                low = max(low, 1e-3) if least > 0 else low
            low, high = max(low, least), min(high, most)
            if isinstance(one, tt.Int):
                cap = ROWS // 2 if "neighbors" in name or "samples" in name else 1000
                low, high = max(1 if one.log else low, round(low)), max(min(round(high), cap), one.high)
                found[name] = tt.Int(int(low), int(high), log=one.log, when=one.when)
            else:
                found[name] = tt.Float(low, high, log=one.log, when=one.when)
    return tt.Space(found)


def run(family: str, task: str, seed: int, arm: str, n_trials: int) -> dict[str, Any]:
    kind, make, scoring = MODELS[family]
    x, y = TASKS[kind][0](task)
    model = make()
    space = tt.spaces.of(model, x, y)
    if arm == "wide":
        space = wide(model, space)

    def objective(trial: tt.Trial) -> float:
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore")
            return -float(cross_val_score(make().set_params(**trial.params), x, y, cv=3, scoring=scoring).mean())

    begun = time.process_time()
    study = tt.tune(objective, space, minimize="loss", budget=n_trials, seed=seed, progress=False)
    losses = [None if v != v else v for v in study.table.losses()[:, 0].tolist()]
    return {"family": family, "task": task, "seed": seed, "arm": arm, "losses": losses,
            "cpu_s": round(time.process_time() - begun, 2)}  # fmt: skip


def turns(n_seeds: int) -> Iterator[tuple[str, str, int]]:
    """Yield what to run, so that any first part of it is spread over families and tasks."""
    for seed in range(n_seeds):
        for turn in range(max(len(tasks) for _, tasks in TASKS.values())):
            for family, (kind, _, _) in MODELS.items():
                tasks = TASKS[kind][1]
                if turn < len(tasks):
                    yield family, tasks[(turn + list(MODELS).index(family)) % len(tasks)], seed


def read() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.exists() else []


def best_so_far(losses: list[float | None], n: int) -> float:
    seen = [loss for loss in losses[:n] if loss is not None]
    return min(seen, default=np.inf)


def report() -> None:
    rows = read()
    by_task: dict[tuple[str, str], dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        by_task[row["family"], row["task"]][row["arm"]].append(row)
    pairs = {key: arms for key, arms in by_task.items() if len(arms) == 2}
    n_most = max(len(row["losses"]) for row in rows)
    regrets: dict[tuple[str, int], list[tuple[str, float]]] = defaultdict(list)
    worst: dict[int, float] = {}
    for (family, _), arms in pairs.items():
        least = min(best_so_far(row["losses"], n_most) for found in arms.values() for row in found)
        scale = np.mean([best_so_far(row["losses"], 10) - least for row in arms["wide"]]) or 1e-12
        for n in AT:
            if n > n_most:
                continue
            mean = {
                arm: float(np.mean([(best_so_far(row["losses"], n) - least) / scale for row in found]))
                for arm, found in arms.items()
            }
            for arm, value in mean.items():
                regrets[arm, n].append((family, min(value, 10.0)))
            worst[n] = max(worst.get(n, 0.0), mean["informed"] - mean["wide"])
    print(f"{len(pairs)} pairs of a family and a task, {len(rows)} runs, {len({r['seed'] for r in rows})} seed(s)")
    print(
        "\n| trials | regret, wide | regret, tt.spaces | lower by | pairs where it is higher |\n|---|---|---|---|---|"
    )
    for n in AT:
        if ("wide", n) not in regrets:
            continue
        wide_, informed = ([value for _, value in regrets[arm, n]] for arm in ("wide", "informed"))
        n_higher = sum(i > w + 1e-9 for i, w in zip(informed, wide_, strict=True))
        lower = 1 - np.mean(informed) / np.mean(wide_)
        print(f"| {n} | {np.mean(wide_):.3f} | {np.mean(informed):.3f} | {lower:.0%} | {n_higher} of {len(wide_)} |")
    print("\n| family | " + " | ".join(f"{n} trials" for n in AT if ("wide", n) in regrets) + " |")
    print("|---|" + "---|" * sum(("wide", n) in regrets for n in AT))
    for family in MODELS:
        cells = []
        for n in AT:
            values = [[v for f, v in regrets.get((arm, n), []) if f == family] for arm in ("wide", "informed")]
            if values[0]:
                cells.append(f"{np.mean(values[0]):.2f} → {np.mean(values[1]):.2f}")
        if cells:
            print(f"| {family} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("run", "report"))
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    if asked.what == "run":
        RESULTS.parent.mkdir(exist_ok=True)
        done = {(row["family"], row["task"], row["seed"], row["arm"]) for row in read()}
        until = time.monotonic() + 60 * asked.minutes
        for family, task, seed in turns(asked.seeds):
            for arm in ("informed", "wide"):
                if (family, task, seed, arm) in done:
                    continue
                if time.monotonic() > until:
                    raise SystemExit(0)
                row = run(family, task, seed, arm, asked.trials)
                with RESULTS.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(
                    family, task, seed, arm, f"{best_so_far(row['losses'], asked.trials):.4f}", row["cpu_s"], flush=True
                )
    report()
