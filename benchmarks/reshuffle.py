"""What a search finds where each candidate has splits of its own, held out, beside one whose candidates share them.

    python benchmarks/reshuffle.py run --splits 1,2,5   # what is on file is not run again
    python benchmarks/reshuffle.py choose               # random candidates alone, without a search
    python benchmarks/reshuffle.py show                 # figures of what is on file

Models and data of scikit-learn. A search of 40 candidates sees 200 rows; what counts is the score of its best estimator
on all others. One split is a holdout of a fifth; two and five are folds that shuffle. Both ways begin from the same
seed. Nothing races.

`choose` fits 160 random candidates on one split that they share, on one of their own each, and on all 200 rows: it has
the choice between the first 10, 40 and 160, and nothing of what an engine makes of scores. It leaves out the
neighbours, which are slow to ask about so many rows.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import warnings
from pathlib import Path

import numpy as np

from _figures import Figures

RUNS = Path(__file__).parent / "results" / "reshuffle" / "runs.jsonl"
CHOICES = RUNS.with_name("choices.jsonl")
CANDIDATES, ROWS = 40, 200
FIRST = (10, 40, 160)
MOST = FIRST[-1]


def pairs():
    """Return {name: (estimator, data, space)}; a space is {name: (low, high, kind)}."""
    from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, make_classification
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC, SVR
    from sklearn.tree import DecisionTreeClassifier

    noisy = make_classification(
        2000, 20, n_informative=6, n_redundant=6, n_clusters_per_class=3, flip_y=0.1, random_state=1
    )
    tree = {"max_depth": (1, 20, "int"), "min_samples_leaf": (1, 40, "int"), "ccp_alpha": (1e-5, 1e-1, "log")}
    return {
        "support vectors, breast cancer": (
            make_pipeline(StandardScaler(), SVC()),
            load_breast_cancer(return_X_y=True),
            {"svc__C": (1e-3, 1e4, "log"), "svc__gamma": (1e-6, 1e1, "log")},
        ),
        "support vectors, diabetes": (
            make_pipeline(StandardScaler(), SVR()),
            load_diabetes(return_X_y=True),
            {"svr__C": (1e-1, 1e4, "log"), "svr__gamma": (1e-6, 1e1, "log"), "svr__epsilon": (1e-1, 1e2, "log")},
        ),
        "tree, noisy": (DecisionTreeClassifier(random_state=0), noisy, tree | {"max_features": (1, 20, "int")}),
        "neighbours, digits": (
            KNeighborsClassifier(),
            load_digits(return_X_y=True),
            {"n_neighbors": (1, 60, "int"), "p": (1.0, 5.0, "float"), "leaf_size": (5, 60, "int")},
        ),
    }


def run(splits, seeds, optimizers):
    """Run every search that is not on file."""
    from sklearn.base import is_classifier
    from sklearn.model_selection import (
        KFold,
        ShuffleSplit,
        StratifiedKFold,
        StratifiedShuffleSplit,
        train_test_split,
    )

    import trimtab as tt
    from trimtab.integrations.sklearn import TrimtabSearchCV

    done = {tuple(line[key] for key in ("pair", "seed", "optimizer", "splits", "own")) for line in on_file()}
    RUNS.parent.mkdir(parents=True, exist_ok=True)
    todo = itertools.product(splits, range(seeds), pairs().items(), optimizers, (False, True))
    for n, seed, (pair, (estimator, (x, y), space)), optimizer, own in todo:
        if (pair, seed, optimizer, n, own) in done:
            continue
        strata = y if is_classifier(estimator) else None
        x_in, x_out, y_in, y_out = train_test_split(x, y, train_size=ROWS, random_state=seed, stratify=strata)
        if n == 1:
            cv = (ShuffleSplit if strata is None else StratifiedShuffleSplit)(1, test_size=0.2, random_state=seed)
        else:
            cv = (KFold if strata is None else StratifiedKFold)(n, shuffle=True, random_state=seed)
        search = TrimtabSearchCV(
            estimator,
            {name: kinds(tt)[kind](low, high) for name, (low, high, kind) in space.items()},
            n_iter=CANDIDATES,
            optimizer=optimizer,
            cv=cv,
            race=False,
            reshuffle=own,
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            search.fit(x_in, y_in)
        line = {"pair": pair, "seed": seed, "optimizer": optimizer, "splits": n, "own": own}
        line |= {"held_out": float(search.score(x_out, y_out)), "inner": float(search.best_score_)}
        with RUNS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def choose(seeds):
    """Fit random candidates, and note the held-out score of the best by shared splits and by own ones."""
    from sklearn.base import clone, is_classifier
    from sklearn.metrics import get_scorer
    from sklearn.model_selection import train_test_split

    import trimtab as tt

    done = {(line["pair"], line["seed"]) for line in on_file(CHOICES)}
    CHOICES.parent.mkdir(parents=True, exist_ok=True)
    for seed, (pair, (estimator, (x, y), space)) in itertools.product(range(seeds), pairs().items()):
        if (pair, seed) in done or pair.startswith("neighbours"):
            continue
        strata = y if is_classifier(estimator) else None
        x_in, x_out, y_in, y_out = train_test_split(x, y, train_size=ROWS, random_state=seed, stratify=strata)
        kind = ("r2",) if strata is None else ("accuracy", "roc_auc" if len(np.unique(y)) == 2 else "accuracy")
        scorers = {name: get_scorer(name) for name in kind}
        strata = None if strata is None else y_in
        splits = [
            train_test_split(np.arange(ROWS), test_size=0.2, random_state=1000 * seed + k, stratify=strata)
            for k in range(MOST + 1)
        ]
        drawn = tt.Space({name: kinds(tt)[end](low, high) for name, (low, high, end) in space.items()})
        found = {name: [] for name in scorers}
        for k, params in enumerate(drawn.decode(drawn.sample(np.random.default_rng(seed), MOST))):
            model = clone(estimator).set_params(**params)
            rows = []
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for train, test in (splits[MOST], splits[k]):
                    model.fit(x_in[train], y_in[train])
                    rows.append([score(model, x_in[test], y_in[test]) for score in scorers.values()])
                model.fit(x_in, y_in)
                rows.append([score(model, x_out, y_out) for score in scorers.values()])
            for name, each in zip(scorers, np.array(rows).T, strict=True):
                found[name].append(each)
        for name, each in found.items():
            shared, own, truth = np.array(each).T
            line = {"pair": pair, "seed": seed, "score": name, "best": [float(truth[:n].max()) for n in FIRST]}
            line["shared"] = [float(truth[shared[:n].argmax()]) for n in FIRST]
            line["own"] = [float(truth[own[:n].argmax()]) for n in FIRST]
            with CHOICES.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def kinds(tt):
    """Return what makes a parameter, by its kind."""
    return {"log": lambda low, high: tt.Float(low, high, log=True), "int": tt.Int, "float": tt.Float}


def on_file(path=RUNS):
    """Return the runs on file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def show():
    """Print figures."""
    figures = Figures(__file__, __doc__, "scikit-learn")
    runs = {tuple(line[key] for key in ("optimizer", "splits", "pair", "seed", "own")): line for line in on_file()}
    both = [key[:4] for key in runs if key[4] and (*key[:4], False) in runs]
    for optimizer, n in sorted({key[:2] for key in both}):
        by_pair = {}
        for key in both:
            if key[:2] == (optimizer, n):
                own, shared = (runs[(*key, which)] for which in (True, False))
                luck = [line["inner"] - line["held_out"] for line in (shared, own)]
                by_pair.setdefault(key[2], []).append((own["held_out"] - shared["held_out"], *luck))
        cells = np.concatenate([np.array(each) for each in by_pair.values()])
        about = f"{optimizer}, {n} split{'s' * (n > 1)}"
        for pair, each in by_pair.items():
            figures.add(f"{about}, {pair}: held out, own splits over shared", float(np.mean(each, axis=0)[0]), "points")
        error = cells[:, 0].std(ddof=1) / np.sqrt(len(cells))
        figures.add(f"{about}, {len(cells)} searches: held out, own splits over shared", cells[:, 0].mean(), "points")
        figures.add(f"{about}: its standard error", float(error), "points")
        figures.add(f"{about}: searches that are better so", int((cells[:, 0] > 0).sum()), "searches")
        figures.add(f"{about}: searches that are worse so", int((cells[:, 0] < 0).sum()), "searches")
        figures.add(f"{about}: best_score_ over the score held out, shared", cells[:, 1].mean(), "points")
        figures.add(f"{about}: best_score_ over the score held out, own", cells[:, 2].mean(), "points")
    for at, n in enumerate(FIRST):
        by_score = {}
        for line in on_file(CHOICES):
            by_score.setdefault((line["pair"], line["score"]), []).append(line["own"][at] - line["shared"][at])
        for (pair, score), gaps in by_score.items():
            about = f"best of {n} random, {pair}, {score}, {len(gaps)} seeds"
            figures.add(f"{about}: held out, own split over shared", float(np.mean(gaps)), "points")
            figures.add(f"{about}: its standard error", float(np.std(gaps, ddof=1) / np.sqrt(len(gaps))), "points")
    return figures.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "choose", "show"))
    parser.add_argument("--splits", default="1")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--optimizers", default="auto,random")
    given = parser.parse_args()
    if given.what == "run":
        run([int(n) for n in given.splits.split(",")], given.seeds, given.optimizers.split(","))
    elif given.what == "choose":
        choose(given.seeds)
    else:
        sys.exit(show())
