"""What scikit-learn asks of every estimator, asked of the search."""

from __future__ import annotations

import pytest
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.utils.estimator_checks import check_estimator

from trimtab.integrations.sklearn import TrimtabSearchCV


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("estimator", "fails"),
    # GridSearchCV around Ridge warns of targets with a column too many as little
    [
        pytest.param(RidgeClassifier(), [], id="classifier"),
        pytest.param(Ridge(), ["check_supervised_y_2d"], id="regressor", marks=pytest.mark.soak),
    ],
)
def test_an_estimator_like_any_other(estimator, fails):
    search = TrimtabSearchCV(estimator, {"alpha": [0.1, 1.0]}, n_iter=2, cv=2, random_state=0)
    done = check_estimator(search, on_fail=None, on_skip=None)
    assert sum(one["status"] == "passed" for one in done) > 40
    assert {one["status"] for one in done} <= {"passed", "skipped", "failed"}
    failed = [one["check_name"] for one in done if one["status"] == "failed"]
    assert failed == fails, [one["exception"] for one in done if one["status"] == "failed"]
