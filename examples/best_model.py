"""The best tabular model for my data in ten minutes: which model, and its settings, in one study.

python examples/best_model.py                      # scikit-learn's breast cancer data
python examples/best_model.py data.csv target      # a CSV file, and the column to predict
python examples/best_model.py --trials 6           # no ten minutes, but six trials
"""

from __future__ import annotations

import argparse

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

import trimtab as tt


def read(file: str | None, target: str):
    """Return a table and what to predict."""
    if file is None:
        return load_breast_cancer(return_X_y=True, as_frame=True)
    import pandas as pd

    table = pd.read_csv(file)
    return table.drop(columns=target), table[target]


def prepared(model):
    """Return a pipeline: gaps filled, numbers scaled, categories as columns, then the model."""
    return make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), make_column_selector(dtype_include="number")),
            (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
            sparse_threshold=0.0,
        ),
        model,
    )


CANDIDATES = {
    "boosting": prepared(HistGradientBoostingClassifier(random_state=0)),
    "trees": prepared(ExtraTreesClassifier(random_state=0)),
    "svc": prepared(SVC()),
    "linear": prepared(LogisticRegression(max_iter=1000)),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="?")
    parser.add_argument("target", nargs="?", default="target")
    parser.add_argument("--trials", type=int)
    asked = parser.parse_args()

    x, y = read(asked.file, asked.target)
    x, held_out_x, y, held_out_y = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)

    def train(trial: tt.Trial) -> float:
        model = tt.spaces.made(CANDIDATES, trial.params)
        with threadpool_limits(1):
            return cross_val_score(model, x, y, cv=3).mean()

    study = tt.tune(
        train,
        tt.spaces.choice(CANDIDATES, x, y),
        maximize="accuracy",
        budget=tt.Budget(trials=asked.trials) if asked.trials else tt.Budget(hours=1 / 6),
        seed=0,
    )
    best = tt.spaces.made(CANDIDATES, study.best.params).fit(x, y)
    print(f"{study.best.params['model']}: accuracy {study.best_value:.4f} in cross-validation, ", end="")
    print(f"{best.score(held_out_x, held_out_y):.4f} on rows that were held out")
