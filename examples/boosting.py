"""Tune gradient boosting round by round: bad settings are stopped after a few rounds, good ones run to 100.

The lines that are Trimtab's are marked. scikit-learn's HistGradientBoostingClassifier goes on where it was
(`warm_start=True`), so a trial that is killed or promoted does too: from its checkpoint, with nothing fitted twice.

python examples/boosting.py
"""

from __future__ import annotations

from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

import trimtab as tt

SPACE = tt.Space(
    rate=tt.Float(0.01, 0.5, log=True),
    leaves=tt.Int(4, 63, log=True),
    l2=tt.Float(1e-3, 10.0, log=True),
    features=tt.Float(0.1, 1.0),
)
AT_ONCE = 5  # rounds between reports; the fidelity counts rounds in fives

CELLS, LABELS = load_breast_cancer(return_X_y=True)
X, HELD_OUT_X, Y, HELD_OUT_Y = train_test_split(CELLS, LABELS, test_size=0.3, stratify=LABELS, random_state=0)


def train(trial: tt.Trial) -> object:
    model = HistGradientBoostingClassifier(
        learning_rate=trial.params["rate"],
        max_leaf_nodes=trial.params["leaves"],
        l2_regularization=trial.params["l2"],
        max_features=trial.params["features"],
        warm_start=True,
        early_stopping=False,
        random_state=0,
    )
    report = tt.integrations.sklearn.Report(trial, model=model)  # Trimtab: restores a checkpoint
    for step in report.steps():  # Trimtab: was range(1, 21)
        with threadpool_limits(1):  # else every worker takes every core
            model.set_params(max_iter=AT_ONCE * step).fit(X, Y)
            loss = log_loss(HELD_OUT_Y, model.predict_proba(HELD_OUT_X))
        report(step, loss=loss, accuracy=model.score(HELD_OUT_X, HELD_OUT_Y))  # Trimtab
    return report.last


if __name__ == "__main__":
    study = tt.tune(
        train,
        SPACE,
        minimize="loss",
        fidelity=tt.Fidelity("fives of rounds", 1, 20),
        budget=12,
        workers=2,
        store="sqlite:///trimtab.db",
        name="boosting",
        seed=0,
    )
    print(f"log loss {study.best_value:.4f} with {study.best.params}")
