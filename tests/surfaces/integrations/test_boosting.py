"""The boosting libraries' callbacks where they are used otherwise: cross-validation, and scikit-learn's estimators."""

from __future__ import annotations

import pytest
from trainings import EndsOdd, data, tuned

import trimtab as tt
from trimtab.errors import ObjectiveError


def xgboost_cv(trial):
    import xgboost

    x, y, *_ = data()
    report = tt.integrations.xgboost.Report(trial, "test-rmse")
    settings = {"eta": trial.params["rate"], "nthread": 1}
    rounds = int(trial.fidelity["epoch"])
    xgboost.cv(settings, xgboost.DMatrix(x, y), rounds, nfold=3, callbacks=[report])
    return report.last


def xgboost_estimator(trial):
    import xgboost

    x, y, *held_out = data()
    report = tt.integrations.xgboost.Report(trial, "validation_0-rmse")
    model = xgboost.XGBRegressor(
        n_estimators=len(trial.steps()), learning_rate=trial.params["rate"], n_jobs=1, callbacks=[report]
    )
    model.fit(x, y, eval_set=[held_out], verbose=False, xgb_model=report.model)
    assert model.predict(x).shape == y.shape
    return report.last


def lightgbm_cv(trial):
    import lightgbm

    x, y, *_ = data()
    report = tt.integrations.lightgbm.Report(trial, "valid-l2")
    settings = {"learning_rate": trial.params["rate"], "num_threads": 1, "verbose": -1, "objective": "l2"}
    rounds = int(trial.fidelity["epoch"])
    lightgbm.cv(settings, lightgbm.Dataset(x, y), rounds, nfold=3, stratified=False, callbacks=[report])
    return report.last


def lightgbm_estimator(trial):
    import lightgbm

    x, y, *held_out = data()
    report = tt.integrations.lightgbm.Report(trial, "valid_0-l2")
    model = lightgbm.LGBMRegressor(
        n_estimators=len(trial.steps()), learning_rate=trial.params["rate"], n_jobs=1, verbose=-1
    )
    model.fit(x, y, eval_X=held_out[0], eval_y=held_out[1], callbacks=[report], init_model=report.model)
    assert model.predict(x).shape == y.shape
    return report.last


@pytest.mark.parametrize("train", [xgboost_cv, xgboost_estimator, lightgbm_cv, lightgbm_estimator])
def test_rounds_are_reported_and_stopped(train):
    study = tuned(train, scheduler=EndsOdd(), budget=2)
    assert [trial.state for trial in study.trials] == ["complete", "stopped"], [t.error for t in study.trials]
    assert study.curve(0)["step"].tolist() == [1, 2, 3, 4, 5, 6]
    assert study.curve(1)["step"].tolist() == [1, 2, 3]
    assert study.trials[0].metrics["loss"] == study.curve(0)["loss"][-1]


def test_a_metric_that_is_not_measured_is_told_in_the_first_round():
    def train(trial):
        import xgboost

        x, y, *_ = data()
        report = tt.integrations.xgboost.Report(trial, "test-error")
        xgboost.cv({"nthread": 1}, xgboost.DMatrix(x, y), 6, nfold=3, callbacks=[report])

    study = tuned(train, budget=1)
    assert study.trials[0].error.startswith(
        f"{ObjectiveError.__name__}: XGBoost says nothing of 'test-error', which is to be reported; "
        "it says: train-rmse, test-rmse."
    )
