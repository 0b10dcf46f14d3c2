"""What `TrimtabSearchCV(pipeline)` finds without a space, held out, beside the default and the ranges of others.

    python benchmarks/searchcv_spaces.py run                          # what is on file is not run again
    python benchmarks/searchcv_spaces.py run --methods flaml          # in an environment that has FLAML 2
    python benchmarks/searchcv_spaces.py report

Each search has 50 fits, ten candidates times five folds, on 240 rows; what counts is the score on all other rows.

    default    the pipeline as it is
    trimtab    TrimtabSearchCV(pipeline), 50 fits
    flaml-r    RandomizedSearchCV over the ranges that FLAML 2 publishes for the model (flaml/automl/model.py)
    hpsklearn  RandomizedSearchCV over those of hyperopt-sklearn (hpsklearn/components)
    flaml      FLAML's AutoML with its own models, for as many seconds as trimtab took on that split

The last chooses among its models, and does not tune the pipeline: it is what its user would have run instead. "Worse
beyond noise" is: worse by more than twice the standard error of the paired differences over splits.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats  # noqa: TID251 - distributions as people give them to a search
from sklearn import datasets
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.metrics import accuracy_score, get_scorer, log_loss, r2_score, roc_auc_score
from sklearn.model_selection import RandomizedSearchCV, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

RUNS = Path(__file__).parent / "results" / "searchcv_spaces" / "runs.jsonl"
METHODS = ("default", "trimtab", "flaml-r", "hpsklearn", "flaml")
CANDIDATES, FOLDS, ROWS, SPLITS = 10, 5, 240, 5


@cache
def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    return {
        "cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
        "digits": lambda: datasets.load_digits(return_X_y=True),
        "diabetes": lambda: datasets.load_diabetes(return_X_y=True),
        "generated": lambda: datasets.make_classification(
            1500, 20, n_informative=6, n_clusters_per_class=3, flip_y=0.1, class_sep=0.8, random_state=5
        ),
        "friedman1": lambda: datasets.make_friedman1(1200, noise=1.0, random_state=5),
    }[name]()


def _lightgbm() -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(verbose=-1, n_jobs=1)


class LogInts:
    """Whole numbers on a logarithmic scale, as FLAML's lograndint."""

    def __init__(self, low: int, high: int) -> None:
        self._of = stats.loguniform(low, high)

    def rvs(self, random_state: Any = None) -> int:
        return int(self._of.rvs(random_state=random_state))


_SVC = {
    "svc__kernel": ["linear", "poly", "rbf", "sigmoid"],
    "svc__degree": [1, 2, 3, 4, 5],
    "svc__gamma": ["auto", "scale"],
    "svc__coef0": stats.uniform(0, 1),
    "svc__C": stats.norm(1.0, 0.2),
}
_SHARES = stats.loguniform(1 / 1024, 1024)
PAIRS: dict[str, tuple[Callable[[], Any], str, str, dict[str, dict[str, Any]]]] = {
    "svc, digits": (lambda: make_pipeline(StandardScaler(), SVC()), "digits", "accuracy", {"hpsklearn": _SVC}),
    "svc, generated": (lambda: make_pipeline(StandardScaler(), SVC()), "generated", "roc_auc", {"hpsklearn": _SVC}),
    "neighbours, digits": (
        lambda: make_pipeline(StandardScaler(), KNeighborsClassifier()),
        "digits",
        "neg_log_loss",
        {
            "flaml-r": {"kneighborsclassifier__n_neighbors": LogInts(1, ROWS * 2 // 5)},
            "hpsklearn": {
                "kneighborsclassifier__n_neighbors": stats.randint(1, 15),
                "kneighborsclassifier__weights": ["uniform", "distance"],
            },
        },
    ),
    "elastic net, diabetes": (
        lambda: make_pipeline(StandardScaler(), ElasticNet()),
        "diabetes",
        "r2",
        {
            "flaml-r": {"elasticnet__alpha": stats.loguniform(1e-4, 1.0), "elasticnet__l1_ratio": stats.uniform(0, 1)},
            "hpsklearn": {
                "elasticnet__alpha": stats.loguniform(1e-6, 1e-1),
                "elasticnet__l1_ratio": stats.uniform(0, 1),
            },
        },
    ),
    "elastic net, friedman1": (
        lambda: make_pipeline(StandardScaler(), ElasticNet()),
        "friedman1",
        "r2",
        {
            "flaml-r": {"elasticnet__alpha": stats.loguniform(1e-4, 1.0), "elasticnet__l1_ratio": stats.uniform(0, 1)},
            "hpsklearn": {
                "elasticnet__alpha": stats.loguniform(1e-6, 1e-1),
                "elasticnet__l1_ratio": stats.uniform(0, 1),
            },
        },
    ),
    "logistic, cancer": (
        lambda: make_pipeline(StandardScaler(), LogisticRegression()),
        "cancer",
        "neg_log_loss",
        {"flaml-r": {"logisticregression__C": stats.loguniform(0.03125, 32768)}},
    ),
    "lightgbm, generated": (
        _lightgbm,
        "generated",
        "neg_log_loss",
        {
            "flaml-r": {
                "n_estimators": LogInts(4, ROWS * 4 // 5),
                "num_leaves": LogInts(4, ROWS * 4 // 5),
                "min_child_samples": LogInts(2, 129),
                "learning_rate": stats.loguniform(1 / 1024, 1.0),
                "max_bin": [2**n - 1 for n in range(3, 11)],
                "colsample_bytree": stats.uniform(0.01, 0.99),
                "reg_alpha": _SHARES,
                "reg_lambda": _SHARES,
            }
        },
    ),
}


def searched(method: str, pair: str, x: np.ndarray, y: np.ndarray, seed: int, seconds: float) -> Any:
    """Return the fitted model of a method; None where it has none for the pair."""
    make, _, scoring, ranges = PAIRS[pair]
    if method == "default":
        return make().fit(x, y)
    if method == "trimtab":
        from trimtab.integrations.sklearn import TrimtabSearchCV

        search = TrimtabSearchCV(make(), n_iter=CANDIDATES, cv=FOLDS, scoring=scoring, random_state=seed)
        return search.fit(x, y)
    if method == "flaml":
        from flaml import AutoML

        found = AutoML()
        metric = {"neg_log_loss": "log_loss"}.get(scoring, scoring)
        task = "regression" if scoring == "r2" else "classification"
        found.fit(x, y, task=task, metric=metric, time_budget=max(1.0, seconds), verbose=0, seed=seed, n_jobs=1)
        return found
    if method not in ranges:
        return None
    search = RandomizedSearchCV(make(), ranges[method], n_iter=CANDIDATES, cv=FOLDS, scoring=scoring, random_state=seed)
    return search.fit(x, y)


def score(model: Any, scoring: str, x: np.ndarray, y: np.ndarray) -> float:
    """Return the score that was asked for; scorers of scikit-learn do not know FLAML's model for a classifier."""
    if type(model).__name__ != "AutoML":
        return float(get_scorer(scoring)(getattr(model, "best_estimator_", model), x, y))
    if scoring == "r2":
        return float(r2_score(y, model.predict(x)))
    if scoring == "accuracy":
        return float(accuracy_score(y, model.predict(x)))
    p = model.predict_proba(x)
    return float(roc_auc_score(y, p[:, 1]) if scoring == "roc_auc" else -log_loss(y, p))


def read() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RUNS.read_text().splitlines()] if RUNS.exists() else []


def run(methods: list[str], minutes: float) -> None:
    rows = {(row["pair"], row["split"], row["method"]): row for row in read()}
    until = time.monotonic() + 60 * minutes
    for split in range(SPLITS):
        for pair, (_, name, scoring, _) in PAIRS.items():
            x, y = data(name)
            stratify = None if scoring == "r2" else y
            x, held_x, y, held_y = train_test_split(x, y, train_size=ROWS, random_state=split, stratify=stratify)
            for method in methods:
                timed = rows.get((pair, split, "trimtab"))
                if (pair, split, method) in rows or (method == "flaml" and timed is None):
                    continue
                if time.monotonic() > until:
                    raise SystemExit("the minutes are over; the same command goes on")
                begun = time.monotonic()
                with warnings.catch_warnings(), threadpool_limits(1):
                    warnings.simplefilter("ignore")
                    model = searched(method, pair, x, y, split, timed["s"] if timed else 0.0)
                    if model is None:
                        continue
                    s = time.monotonic() - begun
                    found = score(model, scoring, held_x, held_y)
                row = {"pair": pair, "split": split, "method": method, "score": round(found, 6), "s": round(s, 2)}
                rows[pair, split, method] = row
                RUNS.parent.mkdir(parents=True, exist_ok=True)
                with RUNS.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(row, flush=True)


def report() -> None:
    scores: dict[str, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in read():
        scores[row["pair"]][row["method"]][row["split"]] = row["score"]
    print("| pair | score | splits | " + " | ".join(METHODS) + " |\n|---|---|---|" + "---|" * len(METHODS))
    gains: dict[str, list[float]] = defaultdict(list)
    worse: dict[str, list[str]] = defaultdict(list)
    for pair, by in scores.items():
        mine = by["trimtab"]
        cells = [f"{np.mean(list(by[m].values())):.4f}" if by.get(m) else "" for m in METHODS]
        print(f"| {pair} | {PAIRS[pair][2]} | {len(mine)} | " + " | ".join(cells) + " |")
        spread = np.std([v for m in METHODS for v in by.get(m, {}).values()]) or 1.0
        for method in METHODS:
            both = sorted(mine.keys() & by.get(method, {}).keys())
            if method == "trimtab" or not both:
                continue
            gain = np.array([mine[s] - by[method][s] for s in both])
            gains[method].append(float(gain.mean() / spread))
            if len(both) > 1 and gain.mean() < -2 * gain.std(ddof=1) / len(both) ** 0.5 - 1e-9:
                worse[method].append(f"{pair} ({gain.mean():+.4f})")
    print("\n| against | pairs | mean gain, in spreads of a pair's scores | better on | worse beyond noise on |")
    print("|---|---|---|---|---|")
    for method, found in gains.items():
        n_better = sum(gain > 0 for gain in found)
        print(
            f"| {method} | {len(found)} | {np.mean(found):+.3f} | {n_better} | {', '.join(worse[method]) or 'none'} |"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("run", "report"), nargs="?", default="report")
    parser.add_argument("--methods", default="default,trimtab,flaml-r,hpsklearn")
    parser.add_argument("--minutes", type=float, default=30.0)
    asked = parser.parse_args()
    if asked.what == "run":
        run(asked.methods.split(","), asked.minutes)
    report()
