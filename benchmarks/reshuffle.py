"""What a search finds where each candidate has splits of its own, held out, beside one whose candidates share them.

    python benchmarks/reshuffle.py run --splits 1,2,5   # what is on file is not run again
    python benchmarks/reshuffle.py show                 # figures of what is on file

Models and data of scikit-learn. A search of 40 candidates sees 200 rows; what counts is the score of its best estimator
on all others. One split is a holdout of a fifth; two and five are folds that shuffle. Both ways begin from the same
seed. Nothing races.
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
CANDIDATES, ROWS = 40, 200


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
        kinds = {"log": lambda low, high: tt.Float(low, high, log=True), "int": tt.Int, "float": tt.Float}
        search = TrimtabSearchCV(
            estimator,
            {name: kinds[kind](low, high) for name, (low, high, kind) in space.items()},
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


def on_file():
    """Return the runs on file."""
    return [json.loads(line) for line in RUNS.read_text(encoding="utf-8").splitlines()] if RUNS.exists() else []


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
    return figures.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "show"))
    parser.add_argument("--splits", default="1")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--optimizers", default="auto,random")
    given = parser.parse_args()
    if given.what == "run":
        run([int(n) for n in given.splits.split(",")], given.seeds, given.optimizers.split(","))
    else:
        sys.exit(show())
