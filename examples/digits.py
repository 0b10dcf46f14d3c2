"""Tune a real model on real data: which classifier, with which settings, reads handwritten digits best?

The data are scikit-learn's 1,797 images of handwritten digits, 8 x 8 pixels. Thirty per cent of them are locked away:
nothing below looks at them before the study has ended. A trial is one configuration out of three families of models,
scored by 5-fold cross-validation on the rest: the folds race, so that a configuration which is clearly worse than the
best one is given up after a fold or two. At the end the default and the tuned model are each fitted to all the images
that were not locked away, and scored on the locked ones, once: the scores go on record, and a second run shows them
from there.

    python examples/digits.py                # or: make tune
    python examples/digits.py                # again: everything is on record, so nothing is run twice
    python examples/digits.py --trials 100   # go on with 40 trials more
"""

from __future__ import annotations

import argparse
import sys
import warnings
from typing import Any

import numpy as np
from scipy.ndimage import shift
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

import trimtab as tt

STORE, NAME, TABLE = "sqlite:///trimtab.db", "digits", "digits-trials.csv"

boosting = tt.given("family") == "boosting"
svm = tt.given("family") == "svm"
mlp = tt.given("family") == "mlp"

# Defaults are scikit-learn's own. The study starts from boosting, the usual first choice for a table of numbers.
SPACE = tt.Space(
    family=tt.Categorical(["boosting", "svm", "mlp"], default="boosting"),
    scaling=tt.Categorical(["none", "minmax", "standard"], default="none"),
    # gradient boosting
    rate=tt.Float(0.02, 0.5, log=True, default=0.1, when=boosting),
    rounds=tt.Int(10, 100, log=True, default=100, when=boosting),
    leaves=tt.Int(4, 63, log=True, default=31, when=boosting),
    l2=tt.Float(0.0, 10.0, default=0.0, when=boosting),
    # support-vector machine; gamma counts in units of scikit-learn's "scale"; shift is in pixels: the machine learns
    # from four copies of each image too, moved by so much up, down, left and right
    kernel=tt.Categorical(["rbf", "poly"], default="rbf", when=svm),
    C=tt.Float(0.1, 100.0, log=True, default=1.0, when=svm),
    gamma=tt.Float(0.1, 10.0, log=True, default=1.0, when=svm),
    degree=tt.Int(2, 5, default=3, when=tt.given("kernel") == "poly"),
    shift=tt.Float(0.0, 1.5, default=0.0, when=svm),
    # neural network
    width=tt.Int(16, 128, log=True, default=100, when=mlp),
    layers=tt.Int(1, 2, default=1, when=mlp),
    alpha=tt.Float(1e-6, 1e-1, log=True, default=1e-4, when=mlp),
    step=tt.Float(1e-4, 1e-2, log=True, default=1e-3, when=mlp),
)
SCALERS = {"none": FunctionTransformer, "minmax": MinMaxScaler, "standard": StandardScaler}

IMAGES, LABELS = load_digits(return_X_y=True)
TUNE_X, LOCKED_X, TUNE_Y, LOCKED_Y = train_test_split(IMAGES, LABELS, test_size=0.3, stratify=LABELS, random_state=0)
FOLDS = list(StratifiedKFold(5, shuffle=True, random_state=0).split(TUNE_X, TUNE_Y))


def with_shifted(x: np.ndarray, by: float) -> np.ndarray:
    """Return images x [n, 64] and their copies shifted by so many pixels up, down, left and right, [5n, 64]."""
    images = x.reshape(-1, 8, 8)
    moved = [shift(images, (0, down, right), order=1) for down, right in ((by, 0), (-by, 0), (0, by), (0, -by))]
    return np.concatenate([images, *moved]).reshape(-1, 64)


def fit(params: dict[str, Any], x: np.ndarray, y: np.ndarray) -> Pipeline:
    """Return the pipeline that `params` describes, fitted to images x [n, 64] and labels y [n]."""
    if params.get("shift"):
        x, y = with_shifted(x, params["shift"]), np.tile(y, 5)
    scaler = SCALERS[params["scaling"]]()
    x = scaler.fit_transform(x)
    if params["family"] == "svm":
        gamma = params["gamma"] / (x.shape[1] * x.var())
        model = SVC(kernel=params["kernel"], C=params["C"], gamma=gamma, degree=params.get("degree", 3))
    elif params["family"] == "boosting":
        model = HistGradientBoostingClassifier(
            learning_rate=params["rate"],
            max_iter=params["rounds"],
            max_leaf_nodes=params["leaves"],
            l2_regularization=params["l2"],
            random_state=0,
        )
    else:
        model = MLPClassifier(
            hidden_layer_sizes=(params["width"],) * params["layers"],
            alpha=params["alpha"],
            learning_rate_init=params["step"],
            random_state=0,
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 200 epochs are what a trial gets, converged or not
        return make_pipeline(scaler, model.fit(x, y))


def score(params: dict[str, Any], fold: int) -> float:
    """Return the accuracy in one of the folds."""
    train, test = FOLDS[fold]
    return float(fit(params, TUNE_X[train], TUNE_Y[train]).score(TUNE_X[test], TUNE_Y[test]))


def objective(trial: tt.Trial) -> None:
    """Report the accuracy in each fold, for as long as it is worth it; the mean over all of them is the result."""
    with threadpool_limits(1):  # numerical libraries take every core for every worker, if they are let
        for fold in trial.folds():
            trial.report(fold=fold, accuracy=score(trial.params, fold))


def unlock(study: tt.Study) -> dict[str, Any]:
    """Score default and tuned on the locked images, or return the scores on record if that was done before."""
    key = f"locked part, trial {study.best.number}"
    if key not in study.table.notes:
        print("fitting default and tuned to all images that were not locked away ...", file=sys.stderr, flush=True)
        default, tuned = (
            fit(trial.params, TUNE_X, TUNE_Y).predict(LOCKED_X) == LOCKED_Y
            for trial in (study.table.trial(0), study.best)
        )
        scores = {
            "default": float(default.mean()),
            "tuned": float(tuned.mean()),
            "only default right": int((default & ~tuned).sum()),
            "only tuned right": int((tuned & ~default).sum()),
        }
        study.note(key, scores)
    return study.table.notes[key]


def show(study: tt.Study) -> None:
    """Print default against tuned."""
    locked, n = unlock(study), len(LOCKED_Y)
    print(f"\n{'accuracy':34}{'cross-validation':20}locked part")
    print(f"{'':34}{len(TUNE_Y):,} images{'':8}{n} images")
    for name, trial in (("default", study.table.trial(0)), ("tuned", study.best)):
        label = f"{name} ({trial.params['family']}, trial {trial.number})"
        scores = study.folds(trial.number)["accuracy"]
        inside = f"{scores.mean():.4f} ± {scores.std(ddof=1) / len(scores) ** 0.5:.4f}"
        outside = f"{locked[name]:.4f} ± {(locked[name] * (1 - locked[name]) / n) ** 0.5:.4f}"
        print(f"{label:34}{inside:20}{outside}")
    print(f"\nlocked images that only the tuned model reads rightly: {locked['only tuned right']}, ", end="")
    print(f"that only the default does: {locked['only default right']}")
    settings = (f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in study.best.params.items())
    print(f"tuned model: {', '.join(settings)}")
    print("for comparison, the default of the other families, cross-validated:", end="")
    for family in ("svm", "mlp"):
        space = SPACE.fix(family=family)
        default = space.decode(space.default_row()[None])[0]
        print(f" {family} {np.mean([score(default, fold) for fold in range(len(FOLDS))]):.4f}", end="")
    n_run, n_all = len(study.table.curves), len(study.table) * len(FOLDS)
    print(f"\nfolds that were run: {n_run} of {n_all}", end="")
    print(f"\nevery trial: {TABLE}; or trimtab trials {NAME}, trimtab show {NAME}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Tune a classifier of handwritten digits.")
    parser.add_argument("--trials", type=int, default=60, help="how many trials the study has, all runs together")
    parser.add_argument("--store", default=STORE, help=f"where the study is kept (default {STORE})")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()

    study = tt.tune(
        objective,
        SPACE,
        maximize="accuracy",
        folds=len(FOLDS),
        budget=asked.trials,
        workers=2,
        executor="processes",
        store=asked.store,
        name=NAME,
        seed=asked.seed,
        progress=True,
    )
    study.export(TABLE)
    with threadpool_limits(1):  # threads of OpenMP that wait for a busy core made one fit take a hundred seconds
        show(study)


if __name__ == "__main__":
    main()
