"""The space of an estimator, however it is put together: names that set_params takes, begun from how it is set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import trimtab as tt
from trimtab.errors import ParamsError, SpaceError

X = np.random.default_rng(0).standard_normal((200, 6))
Y = (X[:, 0] > 0).astype(int)


class Mine(SVC):
    pass


class Unknown(ClassifierMixin, BaseEstimator):
    def __init__(self, depth: int = 3) -> None:
        self.depth = depth


COLUMNS = ColumnTransformer(
    [
        ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), [0, 1, 2]),
        ("names", OneHotEncoder(handle_unknown="ignore"), [3]),
        ("rest", "passthrough", [4]),
        ("gone", "drop", [5]),
    ]
)
ESTIMATORS: dict[str, Any] = {
    "alone": SVC(),
    "derived": Mine(),
    "pipeline": Pipeline([("scale", StandardScaler()), ("none", None), ("pca", PCA()), ("svc", SVC())]),
    "columns": Pipeline([("columns", COLUMNS), ("model", LogisticRegression())]),
    "union": make_pipeline(FeatureUnion([("pca", PCA()), ("best", SelectKBest())]), SVC()),
    "stacking": StackingClassifier(
        [("forest", RandomForestClassifier()), ("svc", make_pipeline(StandardScaler(), SVC()))], LogisticRegression()
    ),
    "voting": VotingClassifier([("a", LogisticRegression()), ("b", DecisionTreeClassifier()), ("c", "drop")]),
    "one against the rest": OneVsRestClassifier(SVC()),
    "target": TransformedTargetRegressor(regressor=Ridge()),
    "boosted": AdaBoostClassifier(DecisionTreeClassifier(max_depth=2)),
}


@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
def test_every_name_is_one_that_set_params_takes(estimator: Any) -> None:
    space = tt.spaces.of(estimator, X, Y)
    for params in space.decode(space.sample(np.random.default_rng(0), 5)):
        changed = clone(estimator).set_params(**params)
        assert {name: changed.get_params()[name] for name in params} == params


def test_the_columns_are_counted_until_a_step_changes_them() -> None:
    alone = tt.spaces.of(SVC(), X)["gamma"].default
    assert alone == pytest.approx(1 / 6, abs=1e-3)
    assert tt.spaces.of(make_pipeline(StandardScaler(), SVC()), X)["svc__gamma"].default == alone
    assert tt.spaces.of(make_pipeline(PCA(), SVC()), X)["svc__gamma"].default == tt.spaces.svc()["gamma"].default


def test_what_predicts_comes_before_what_prepares() -> None:
    space = tt.spaces.of(ESTIMATORS["pipeline"], X, Y)
    assert space["svc__C"].priority == 1
    assert space["pca__n_components"].priority == 2


def test_a_space_begins_from_how_the_estimator_is_set() -> None:
    space = tt.spaces.of(SVC(C=500.0, kernel="linear", degree=4), X, Y)
    start = space.decode(space.default_row())[0]
    assert (start["C"], start["kernel"]) == (500.0, "linear")
    assert space["degree"].default == 4
    assert tt.spaces.of(SVC(C=1e6), X, Y)["C"].high == 1e6, "a range reaches to where it begins"


def test_a_setting_that_the_parameter_cannot_be_stays_as_it_is() -> None:
    assert "hidden_layer_sizes" not in tt.spaces.of(MLPClassifier((50, 50)))
    assert "hidden_layer_sizes" in tt.spaces.of(MLPClassifier())
    assert tt.spaces.of(MLPClassifier(30))["hidden_layer_sizes"].default == 30
    assert "max_features" not in tt.spaces.of(RandomForestClassifier(max_features="log2"))
    assert "max_features" not in tt.spaces.of(RandomForestClassifier(max_features=None)), "None is a choice too"
    held = tt.spaces.of(LogisticRegression(solver="liblinear"))
    assert {"solver", "l1_ratio"} & set(held.names) == set(), "nor is what hangs from it"
    assert "class_weight" not in tt.spaces.of(SVC(class_weight={0: 1, 1: 5}))


def test_a_count_is_no_share() -> None:
    """`max_features=2` is two columns, 2.0 an error, and 1 one column where 1.0 is all of them."""
    for estimator, name in (
        (RandomForestClassifier(max_features=1), "max_features"),
        (RandomForestClassifier(max_samples=50), "max_samples"),
        (PCA(n_components=3), "n_components"),
    ):
        space = tt.spaces.of(estimator, X, Y)
        assert name not in space.names
    assert tt.spaces.of(RandomForestClassifier(max_features=0.5), X, Y)["max_features"].default == 0.5


def test_what_a_search_tries_itself_is_not_tuned_around_it() -> None:
    search = GridSearchCV(make_pipeline(StandardScaler(), SVC()), {"svc__kernel": ["rbf", "linear"]})
    assert set(tt.spaces.of(search, X, Y).names) == {
        f"estimator__svc__{one}" for one in ("C", "class_weight", "max_iter")
    }
    several = RandomizedSearchCV(SVC(), [{"C": [1, 2]}, {"coef0": [0, 1]}])
    assert not {"estimator__C", "estimator__coef0"} & set(tt.spaces.of(several, X, Y).names)


def test_a_support_vector_machine_ends_unless_somebody_said_where() -> None:
    held = tt.spaces.of(SVC(), X, Y)["max_iter"]
    assert (held.role, held.default) == ("fixed", 100_000)
    assert tt.spaces.of(SVC(max_iter=5_000), X, Y)["max_iter"].default == 5_000


def test_what_is_derived_and_takes_less_is_asked_for_less() -> None:
    space = tt.spaces.of(LogisticRegressionCV(l1_ratios=(0.0,), use_legacy_attributes=False))
    assert "C" not in space
    assert "class_weight" in space


def test_a_task_is_told_by_the_class() -> None:
    assert "criterion" in tt.spaces.of(RandomForestClassifier())
    assert "criterion" not in tt.spaces.of(RandomForestRegressor())


def test_gradient_boosting_of_others_is_known_too() -> None:
    lightgbm, xgboost = pytest.importorskip("lightgbm"), pytest.importorskip("xgboost")
    assert tt.spaces.of(lightgbm.LGBMClassifier(num_leaves=7), X, Y)["num_leaves"].default == 7
    assert tt.spaces.of(lightgbm.LGBMRegressor())["subsample_freq"].default == 1
    assert tt.spaces.of(xgboost.XGBClassifier(max_depth=3))["max_depth"].default == 3
    assert tt.spaces.of(xgboost.XGBRegressor())["learning_rate"].default == 0.1
    assert "learning_rate" not in tt.spaces.of(xgboost.XGBRFClassifier()), "there is one round"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (SVC, "got the class SVC: write SVC()"),
        ("svc", "expects an estimator with get_params"),
        (Unknown(), "nothing to tune is known of Unknown"),
        (StandardScaler(), "nothing to tune is known of StandardScaler"),
    ],
)
def test_what_is_no_estimator_is_refused(wrong: Any, said: str) -> None:
    with pytest.raises(SpaceError, match=said.replace("(", r"\(").replace(")", r"\)")):
        tt.spaces.of(wrong)


def test_data_without_rows_are_refused() -> None:
    with pytest.raises(SpaceError, match="X= is a table of data"):
        tt.spaces.of(SVC(), 5)


# Several at once


def test_a_choice_has_each_model_under_its_own_condition() -> None:
    candidates = {"svc": make_pipeline(StandardScaler(), SVC()), "boosting": HistGradientBoostingClassifier()}
    space = tt.spaces.choice(candidates, X, Y)
    assert space.names[0] == "model"
    for params in space.decode(space.sample(np.random.default_rng(0), 20)):
        model = params["model"]
        assert all(name == "model" or name.startswith(f"{model}__") for name in params)
        built = tt.spaces.made(candidates, params)
        assert type(built) is type(candidates[model])
        assert built is not candidates[model]
        inner = {name.partition("__")[2]: value for name, value in params.items() if name != "model"}
        assert {name: built.get_params()[name] for name in inner} == inner
    assert eval(space.to_code(), {"tt": tt}) == space


def test_a_choice_takes_spaces_and_another_name() -> None:
    space = tt.spaces.choice({"a": tt.spaces.adamw(), "b": tt.spaces.sgd_training()}, name="optimizer")
    assert "a__lr" in space
    assert "optimizer" in space


def test_wrong_choices_are_refused() -> None:
    with pytest.raises(SpaceError, match="two candidates or more"):
        tt.spaces.choice({"a": SVC()})
    with pytest.raises(SpaceError, match="a text without '__'"):
        tt.spaces.choice({"a__b": SVC(), "c": SVC()})
    with pytest.raises(ParamsError, match="did you mean 'svc'"):
        tt.spaces.made({"svc": SVC(), "ridge": Ridge()}, {"model": "svm"})
