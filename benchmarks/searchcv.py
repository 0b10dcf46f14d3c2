"""What searches with cross-validation find at equal fits, held out, and what they cost beside the fits.

    python benchmarks/searchcv.py run                        # what is on file is not run again
    python benchmarks/searchcv.py run --methods grid,random  # ... of some
    python benchmarks/searchcv.py show                       # figures of what is on file, and the overhead

Models and data of scikit-learn, and texts of Python's own documentation, so that nothing is downloaded. Each search
gets 20 candidates times 5 folds, or what comes nearest to it, on the training part of each of 5 outer splits; what
counts is the score of its best estimator on the part that was held out. `trimtab` has the fits of the others and races;
`trimtab-20` races with as many candidates as the others have; `trimtab-full` does not race.
"""

from __future__ import annotations

import argparse
import inspect
import itertools
import json
import sys
import time
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np

from _figures import Figures

RUNS = Path(__file__).parent / "results" / "searchcv" / "runs.jsonl"
CANDIDATES, FOLDS, OUTER, ROWS = 20, 5, 5, 250
METHODS = ("grid", "random", "halving", "optuna", "trimtab", "trimtab-20", "trimtab-full")
"""The last three are ours."""


def texts():
    """Return sentences of the documentation of four packages of Python, and of which one each is."""
    rows = []
    for label, names in enumerate(
        (
            ("email.message", "email.header", "email.policy", "smtplib", "imaplib", "mailbox"),
            ("asyncio.tasks", "asyncio.streams", "asyncio.locks", "asyncio.queues", "asyncio.events", "selectors"),
            ("unittest.case", "unittest.mock", "unittest.suite", "doctest", "unittest.loader", "unittest.result"),
            ("xml.etree.ElementTree", "xml.dom.minidom", "html.parser", "xml.sax.handler", "xml.sax.xmlreader"),
        )
    ):
        found = set()
        for name in names:
            for one in vars(import_module(name)).values():
                for member in [one, *(vars(one).values() if inspect.isclass(one) else ())]:
                    found.update(p.strip() for p in (inspect.getdoc(member) or "").split("\n\n") if len(p) > 60)
        rows += [(text, label) for text in sorted(found)[:60]]
    return np.array([text for text, _ in rows], dtype=object), np.array([label for _, label in rows])


def pairs():
    """Return {name: (estimator, data, space, scoring)}; a space is {name: (low, high, kind)} or {name: list}."""
    from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, make_classification
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import ElasticNet, LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC, SVR
    from sklearn.tree import DecisionTreeClassifier

    cancer, digits, sugar = (
        tuple(part[:ROWS] for part in load(return_X_y=True))
        for load in (load_breast_cancer, load_digits, load_diabetes)
    )
    noisy = make_classification(
        ROWS, 20, n_informative=6, n_redundant=6, n_clusters_per_class=3, flip_y=0.1, random_state=1
    )
    kernel = {"svc__C": (1e-3, 1e4, "log"), "svc__gamma": (1e-6, 1e1, "log")}
    models = {
        "forest": RandomForestClassifier(10, random_state=0),
        "kernel": SVC(),
        "neighbours": KNeighborsClassifier(),
    }
    return {
        "svc, cancer": (make_pipeline(StandardScaler(), SVC()), cancer, kernel, "accuracy"),
        "svc, digits": (make_pipeline(StandardScaler(), SVC()), digits, kernel, "accuracy"),
        "tree, cancer": (
            DecisionTreeClassifier(random_state=0),
            cancer,
            {"ccp_alpha": (1e-4, 1e-1, "log"), "min_samples_leaf": (1, 40, "int"), "max_depth": (1, 12, "int")},
            "accuracy",
        ),
        "neighbours, digits": (
            make_pipeline(StandardScaler(), KNeighborsClassifier()),
            digits,
            {
                "kneighborsclassifier__n_neighbors": (1, 50, "int"),
                "kneighborsclassifier__p": (1.0, 4.0, "lin"),
                "kneighborsclassifier__weights": ["uniform", "distance"],
            },
            "accuracy",
        ),
        "elastic net, diabetes": (
            make_pipeline(StandardScaler(), ElasticNet(max_iter=3000)),
            sugar,
            {"elasticnet__alpha": (1e-4, 1e2, "log"), "elasticnet__l1_ratio": (0.0, 1.0, "lin")},
            "r2",
        ),
        "svr, diabetes": (
            make_pipeline(StandardScaler(), SVR()),
            sugar,
            {"svr__C": (1e-2, 1e4, "log"), "svr__gamma": (1e-5, 1e1, "log"), "svr__epsilon": (1e-3, 1e2, "log")},
            "r2",
        ),
        "logistic, text": (
            make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=300)),
            texts(),
            {
                "tfidfvectorizer__ngram_range": [(1, 1), (1, 2)],
                "tfidfvectorizer__sublinear_tf": [False, True],
                "tfidfvectorizer__min_df": (1, 10, "int"),
                "logisticregression__C": (1e-3, 1e3, "log"),
            },
            "accuracy",
        ),
        "three models, noisy": (
            make_pipeline(StandardScaler(), SVC()),
            noisy,
            [
                {"svc": [models["kernel"]], "svc__C": (1e-3, 1e4, "log"), "svc__gamma": (1e-6, 1e1, "log")},
                {"svc": [models["neighbours"]], "svc__n_neighbors": (1, 50, "int")},
                {
                    "svc": [models["forest"]],
                    "svc__max_features": (1, 20, "int"),
                    "svc__min_samples_leaf": (1, 20, "int"),
                },
            ],
            "accuracy",
        ),
    }


def drawn(space):
    """Return a space as distributions of scipy."""
    from scipy.stats import loguniform, randint, uniform  # noqa: TID251 - as people give them to a search

    if isinstance(space, list):
        return [drawn(part) for part in space]
    kinds = {
        "log": loguniform,
        "lin": lambda low, high: uniform(low, high - low),
        "int": lambda low, high: randint(low, high + 1),
    }
    return {name: one if isinstance(one, list) else kinds[one[2]](one[0], one[1]) for name, one in space.items()}


def gridded(space, n):
    """Return a space as a grid of about n points."""
    if isinstance(space, list):
        return [gridded(part, n / len(space)) for part in space]
    n_lists = np.prod([len(one) for one in space.values() if isinstance(one, list)])
    n_ranges = sum(not isinstance(one, list) for one in space.values())
    each = max(2, round((n / n_lists) ** (1 / max(n_ranges, 1))))
    grid = {}
    for name, one in space.items():
        if isinstance(one, list):
            grid[name] = one
        elif one[2] == "log":
            grid[name] = np.geomspace(one[0], one[1], each).tolist()
        else:
            points = np.linspace(one[0], one[1], each)
            grid[name] = points.tolist() if one[2] == "lin" else np.unique(points.astype(int)).tolist()
    return grid


def for_optuna(space):
    """Return a space as distributions of Optuna."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    kinds = {
        "log": lambda low, high: FloatDistribution(low, high, log=True),
        "lin": FloatDistribution,
        "int": IntDistribution,
    }
    return {
        name: CategoricalDistribution(one) if isinstance(one, list) else kinds[one[2]](one[0], one[1])
        for name, one in space.items()
    }


def search_of(method, estimator, space, scoring, seed):
    """Return a search that has the fits of all others; None where it cannot search such a space."""
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - it is what makes the next line work
    from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV, RandomizedSearchCV

    from trimtab.integrations.sklearn import TrimtabSearchCV

    common = {"scoring": scoring, "cv": FOLDS}
    if method == "grid":
        return GridSearchCV(estimator, gridded(space, CANDIDATES), **common)
    if method == "random":
        return RandomizedSearchCV(estimator, drawn(space), n_iter=CANDIDATES, random_state=seed, **common)
    if method == "halving":  # 14 + 5 + 2 candidates at three sizes of the data
        return HalvingRandomSearchCV(estimator, drawn(space), n_candidates=14, random_state=seed, **common)
    if method == "optuna":
        if isinstance(space, list):
            return None
        from optuna_integration import OptunaSearchCV

        return OptunaSearchCV(estimator, for_optuna(space), n_trials=CANDIDATES, random_state=seed, **common)
    how = {
        "trimtab": {"budget": CANDIDATES * FOLDS},
        "trimtab-20": {"n_iter": CANDIDATES},
        "trimtab-full": {"n_iter": CANDIDATES, "race": False},
    }[method]
    return TrimtabSearchCV(estimator, drawn(space), random_state=seed, **how, **common)


def n_fits(search):
    """Return how many fits of a fold a search ran."""
    if hasattr(search, "n_fits_"):
        return search.n_fits_
    return len(search.trials_ if hasattr(search, "trials_") else search.cv_results_["params"]) * FOLDS


def run(methods, names, seconds):
    """Run what is not on file, until the time is up."""
    from sklearn.model_selection import KFold, StratifiedKFold

    began_at = time.monotonic()
    done = {(line["method"], line["pair"], line["outer"]) for line in on_file()}
    RUNS.parent.mkdir(parents=True, exist_ok=True)
    for outer, (pair, (estimator, (x, y), space, scoring)), method in itertools.product(
        range(OUTER), pairs().items(), methods
    ):
        if (method, pair, outer) in done or (names and pair not in names):
            continue
        if time.monotonic() - began_at > seconds:
            return
        search = search_of(method, estimator, space, scoring, seed=outer)
        if search is None:
            continue
        splitter = KFold if scoring == "r2" else StratifiedKFold
        train, test = list(splitter(OUTER, shuffle=True, random_state=7).split(x, y))[outer]
        cpu = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            search.fit(x[train], y[train])
        line = {
            "method": method,
            "pair": pair,
            "outer": outer,
            "held_out": float(search.score(x[test], y[test])),
            "inner": float(search.best_score_),
            "fits": int(n_fits(search)),
            "cpu_s": round(time.process_time() - cpu, 2),
        }
        with RUNS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def on_file():
    """Return the runs on file."""
    return [json.loads(line) for line in RUNS.read_text(encoding="utf-8").splitlines()] if RUNS.exists() else []


def table(runs):
    """Return {pair: {method: [OUTER] held-out scores}}, of what was run in every outer split."""
    found = {}
    for line in sorted(runs, key=lambda line: line["outer"]):
        found.setdefault(line["pair"], {}).setdefault(line["method"], []).append(line["held_out"])
    return {pair: {m: np.array(v) for m, v in by.items() if len(v) == OUTER} for pair, by in found.items()}


def overhead():
    """Return the CPU seconds of 200 candidates times 5 folds of a model that does nothing: ours over scikit-learn's."""
    from scipy.stats import randint, uniform  # noqa: TID251 - as people give them to a search
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.model_selection import RandomizedSearchCV

    from trimtab.integrations.sklearn import TrimtabSearchCV

    class Nothing(ClassifierMixin, BaseEstimator):
        def __init__(self, a=0.0, b=0):
            self.a, self.b = a, b

        def fit(self, x, y):  # noqa: ARG002 - what scikit-learn calls
            self.classes_ = np.unique(y)
            return self

        def predict(self, x):
            return np.full(len(x), self.classes_[0])

    x, y = np.random.default_rng(0).random((100, 3)), np.arange(100) % 2
    space = {"a": uniform(0, 1), "b": randint(1, 100)}
    settings = {"n_iter": 200, "cv": 5, "random_state": 0}
    made = (
        RandomizedSearchCV(Nothing(), space, **settings),
        TrimtabSearchCV(Nothing(), space, optimizer="random", race=False, **settings),
    )
    seconds = [[], []]
    for _ in range(5):
        for search, of_it in zip(made, seconds, strict=True):
            began_at = time.process_time()
            search.fit(x, y)
            of_it.append(time.process_time() - began_at)
    return tuple(map(min, seconds))


def show():
    """Print figures."""
    figures = Figures(__file__, __doc__, "scikit-learn")
    runs = on_file()
    scores = table(runs)
    for method in METHODS[:-3]:
        gaps = [by["trimtab"] - by[method] for by in scores.values() if {"trimtab", method} <= set(by)]
        if not gaps:
            continue
        means = np.array([gap.mean() for gap in gaps])
        figures.add(
            f"held-out score of trimtab over {method}, mean of {len(gaps)} pairs", float(means.mean()), "points"
        )
        worse = [
            gap.mean() < -2 * gap.std(ddof=1) / np.sqrt(OUTER) and gap.mean() < -0.005 for gap in gaps
        ]  # half a point is less than anybody would choose by
        figures.add(f"pairs on which trimtab is worse than {method} beyond noise", int(sum(worse)), "pairs", at_most=0)
    fits = {m: sum(line["fits"] for line in runs if line["method"] == m) for m in ("trimtab-20", "trimtab-full")}
    if all(fits.values()):
        figures.add(
            "fits of a race, of those of all folds", fits["trimtab-20"] / fits["trimtab-full"], "share", at_most=0.5
        )
        both = [by["trimtab-20"] - by["trimtab-full"] for by in scores.values() if len(by) >= 6]
        figures.add("held-out score of a race over all folds, mean of pairs", float(np.mean(both)), "points")
    theirs, ours = overhead()
    figures.add("CPU of TrimtabSearchCV over RandomizedSearchCV, 200 candidates", ours / theirs, "times", at_most=1.2)
    return figures.close()


def main():
    """Run or show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("run", "show"), default="show")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--pairs", default="")
    parser.add_argument("--seconds", type=float, default=1800.0)
    given = parser.parse_args()
    if given.what == "run":
        run(given.methods.split(","), [name for name in given.pairs.split(";") if name], given.seconds)
        return 0
    return show()


if __name__ == "__main__":
    sys.exit(main())
