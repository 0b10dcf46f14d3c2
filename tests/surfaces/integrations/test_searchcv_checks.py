"""What scikit-learn asks of every estimator, asked of the search."""

from __future__ import annotations

import warnings

import pytest
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.utils.estimator_checks import estimator_checks_generator

from trimtab.integrations.sklearn import TrimtabSearchCV

THEIRS_TOO = {"check_supervised_y_2d": "GridSearchCV around Ridge warns of nothing either"}


def checks():
    for estimator in (RidgeClassifier(), Ridge()):
        search = TrimtabSearchCV(estimator, {"alpha": [0.1, 1.0]}, n_iter=2, cv=2, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for made, check in estimator_checks_generator(search):
                name = getattr(check, "func", check).__name__
                if not name.startswith("check_array_api"):  # of libraries that are not here
                    yield pytest.param(made, check, name, id=f"{type(estimator).__name__}-{name}-{check.keywords}")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("search", "check", "name"), checks())
def test_an_estimator_like_any_other(search, check, name):
    if name in THEIRS_TOO and isinstance(search.estimator, Ridge):
        pytest.skip(THEIRS_TOO[name])
    check(search)
