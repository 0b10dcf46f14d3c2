"""The search with cross-validation: what it searches, what it drops, what it says of it."""

from __future__ import annotations

import pickle

import joblib
import numpy as np
import pytest
from scipy.stats import gamma, loguniform, poisson, randint, uniform  # noqa: TID251 - as people give them to a search
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.linear_model import Ridge, RidgeClassifier, SGDClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold, RandomizedSearchCV, ShuffleSplit, TimeSeriesSplit
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import trimtab as tt
from trimtab.errors import SpaceError, StudyError, StudyMismatchError
from trimtab.integrations.sklearn import TrimtabSearchCV

X, Y = make_classification(120, 6, random_state=0)
TREE = DecisionTreeClassifier(random_state=0)


def same(ours, theirs):
    """Assert that two `cv_results_` are equal to the last digit, but for the clock."""
    assert set(ours) == set(theirs)
    for key, column in theirs.items():
        if "time" in key:
            continue
        if key == "params":
            assert ours[key] == column
        else:
            np.testing.assert_array_equal(ours[key], column)
            assert ours[key].dtype == column.dtype


def test_a_grid_of_64_equals_gridsearchcv_to_the_last_digit():
    grid = {
        "max_depth": [8, 1, 2, 4],  # in no order
        "criterion": ["gini", "entropy"],
        "min_samples_leaf": [1, 5],
        "max_features": [None, "sqrt", 2, 0.5],
    }
    theirs = GridSearchCV(TREE, grid, cv=2, return_train_score=True).fit(X, Y)
    ours = TrimtabSearchCV(TREE, grid, optimizer="grid", race=False, cv=2, return_train_score=True).fit(X, Y)
    assert len(ours.cv_results_["params"]) == 64
    same(ours.cv_results_, theirs.cv_results_)
    assert ours.best_index_ == theirs.best_index_
    assert ours.best_params_ == theirs.best_params_
    assert ours.best_score_ == theirs.best_score_
    assert ours.n_splits_ == theirs.n_splits_


def test_a_list_of_grids_with_several_scores_equals_gridsearchcv():
    grids = [{"max_depth": [1, 3], "criterion": ["gini"]}, {"max_depth": [2], "min_samples_leaf": [1, 9]}, {}]
    settings = {"scoring": ["accuracy", "roc_auc"], "refit": "roc_auc", "cv": 3}
    theirs = GridSearchCV(TREE, grids, **settings).fit(X, Y)
    ours = TrimtabSearchCV(TREE, grids, optimizer="grid", race=False, **settings).fit(X, Y)
    same(ours.cv_results_, theirs.cv_results_)
    assert ours.best_score_ == theirs.best_score_


@pytest.mark.parametrize("optimizer", ["auto", "random"])
def test_distributions_of_scipy_are_searched_over_their_range(optimizer):
    space = {
        "ccp_alpha": loguniform(1e-4, 1e-1),
        "min_samples_leaf": randint(1, 20),
        "min_impurity_decrease": uniform(0.0, 0.01),
        "max_depth": poisson(3, loc=1),
        "min_weight_fraction_leaf": gamma(1.0, scale=0.01),
        "criterion": ["gini", "entropy", "log_loss"],
    }
    search = TrimtabSearchCV(TREE, space, n_iter=8, cv=2, optimizer=optimizer, random_state=0).fit(X, Y)
    for params in search.cv_results_["params"]:
        assert set(params) == set(space)
        assert 1e-4 <= params["ccp_alpha"] <= 1e-1
        assert 1 <= params["min_samples_leaf"] < 20
        assert isinstance(params["max_depth"], int)
        assert params["max_depth"] >= 1
        assert 0 <= params["min_weight_fraction_leaf"] < 0.1
    by_name = dict(zip(search.study_.space.names, search.study_.space.parameters, strict=True))
    assert by_name["ccp_alpha"].log
    assert not by_name["min_impurity_decrease"].log
    again = clone(search).fit(X, Y)
    assert again.cv_results_["params"] == search.cv_results_["params"]


def test_a_conditional_pipeline_has_the_estimator_itself_as_a_choice():
    pipeline = Pipeline([("scale", StandardScaler()), ("model", RidgeClassifier())])
    space = tt.Space(
        {
            "model": tt.Categorical(["ridge", "tree"]),
            "model__alpha": tt.Float(1e-3, 1e3, log=True, when=tt.given("model") == "ridge"),
            "model__max_depth@tree": tt.Int(1, 8, when=tt.given("model") == "tree"),
        }
    )
    models = {"model": {"ridge": RidgeClassifier(), "tree": TREE}}
    search = TrimtabSearchCV(pipeline, space, choices=models, n_iter=7, cv=2, random_state=0).fit(X, Y)
    kinds = {type(params["model"]) for params in search.cv_results_["params"]}
    assert kinds == {RidgeClassifier, DecisionTreeClassifier}
    assert search.cv_results_["param_model__max_depth"].mask.any()
    assert isinstance(search.best_estimator_["model"], type(search.best_params_["model"]))
    written_in_place = {
        "model": {"ridge": RidgeClassifier(), "tree": TREE},
        "model__alpha": tt.Float(1e-3, 1e3, log=True, when=tt.given("model") == "ridge"),
        "model__max_depth": tt.Int(1, 8, when=tt.given("model") == "tree"),
    }
    other = TrimtabSearchCV(pipeline, written_in_place, n_iter=7, cv=2, random_state=0).fit(X, Y)
    assert {type(params["model"]) for params in other.cv_results_["params"]} == kinds


def test_a_race_drops_candidates_between_folds_and_ranks_them_behind():
    space = {"ccp_alpha": loguniform(1e-4, 1.0), "max_depth": randint(1, 10)}
    search = TrimtabSearchCV(TREE, space, n_iter=30, optimizer="random", random_state=0).fit(X, Y)
    results, n_run = search.cv_results_, search.cv_results_["n_splits_run"]
    assert search.n_fits_ == n_run.sum() < 150
    assert n_run[:5].tolist() == [5] * 5
    raced, ranks, means = n_run < 5, results["rank_test_score"], results["mean_test_score"]
    assert ranks[~raced].max() < ranks[raced].min()
    assert np.isfinite(means).all()
    assert means.max() == means[search.best_index_]
    assert n_run[search.best_index_] == 5
    cells = np.column_stack([results[f"split{k}_test_score"] for k in range(5)])
    assert (np.isfinite(cells).sum(axis=1) == n_run).all()
    assert np.isfinite(results["mean_fit_time"]).all()
    for trial, row in zip(search.study_.trials, cells, strict=True):  # each cell is on record
        on_record = {fold: search.study_.curve(trial.number, fold)["score"] for fold in range(5)}
        assert [len(values) for values in on_record.values()] == np.isfinite(row).astype(int).tolist()


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_budget_of_fits_is_never_exceeded(n_jobs):
    space = {"ccp_alpha": loguniform(1e-4, 1.0)}
    search = TrimtabSearchCV(TREE, space, budget=33, cv=4, n_jobs=n_jobs, random_state=0, optimizer="random")
    with joblib.parallel_config("threading"):
        assert 29 < search.fit(X, Y).n_fits_ <= 33


def test_without_a_space_the_library_of_spaces_says_what_to_search():
    search = TrimtabSearchCV(Pipeline([("scale", StandardScaler()), ("tree", TREE)]), n_iter=4, cv=2, random_state=0)
    assert "tree__min_samples_leaf" in search.fit(X, Y).study_.space
    assert "tree__min_samples_leaf" in search.best_params_


def test_a_budget_of_time_ends_a_search():
    search = TrimtabSearchCV(TREE, {"ccp_alpha": loguniform(1e-4, 1.0)}, budget=tt.Budget(hours=0.5 / 3600))
    assert len(search.fit(X, Y).cv_results_["params"]) > 1


def test_a_search_in_a_store_goes_on_where_it_ended(tmp_path):
    store = f"sqlite:///{tmp_path}/searches.db"
    settings = {"cv": 3, "store": store, "random_state": 0, "scoring": ["accuracy", "roc_auc"], "refit": "accuracy"}
    space = {"max_depth": randint(1, 10), "criterion": ["gini", "entropy"]}
    first = TrimtabSearchCV(TREE, space, n_iter=6, return_train_score=True, **settings).fit(X, Y)
    more = TrimtabSearchCV(TREE, space, n_iter=9, **settings).fit(X, Y)
    assert len(more.cv_results_["params"]) == 9
    assert more.cv_results_["params"][:6] == first.cv_results_["params"]
    for key, column in first.cv_results_.items():
        if key.startswith("split") and key in more.cv_results_:
            np.testing.assert_array_equal(more.cv_results_[key][:6], column)
    assert len(more.study_.trials) == 9
    with pytest.raises(StudyMismatchError, match="splits"):
        TrimtabSearchCV(TREE, space, n_iter=9, **settings).fit(X[:90], Y[:90])
    with pytest.raises(StudyMismatchError, match="another search"):
        TrimtabSearchCV(TREE, {"max_depth": [1, 2]}, n_iter=9, **settings).fit(X, Y)


class Interrupted(DecisionTreeClassifier):
    """A tree that is interrupted at a fit, as by Ctrl-C, and counts the others."""

    fits = 0

    def fit(self, x, y):
        Interrupted.fits += 1
        if Interrupted.fits == 15:
            raise KeyboardInterrupt
        return super().fit(x, y)


def test_a_search_that_was_interrupted_loses_no_fold_and_runs_none_twice(tmp_path):
    Interrupted.fits = 0
    tree = Interrupted(random_state=0)
    settings = {"n_iter": 6, "cv": 4, "store": f"sqlite:///{tmp_path}/s.db", "refit": False, "race": False}
    space = {"max_depth": randint(1, 10), "min_samples_leaf": randint(1, 9)}
    with pytest.raises(KeyboardInterrupt):
        TrimtabSearchCV(tree, space, random_state=0, **settings).fit(X, Y)
    search = TrimtabSearchCV(tree, space, random_state=0, **settings).fit(X, Y)
    whole = TrimtabSearchCV(TREE, space, random_state=0, **(settings | {"store": None})).fit(X, Y)
    assert len(search.study_.trials) == 6
    assert Interrupted.fits == 6 * 4 + 1
    for split in range(4):
        key = f"split{split}_test_score"
        np.testing.assert_array_equal(search.cv_results_[key], whole.cv_results_[key])


def test_a_copy_has_its_study_where_it_has_a_store(tmp_path):
    space = {"max_depth": [1, 2, 3]}
    search = TrimtabSearchCV(TREE, space, cv=2).fit(X, Y)
    copy = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(copy.predict(X), search.predict(X))
    with pytest.raises(StudyError, match="store="):
        _ = copy.study_
    kept = TrimtabSearchCV(TREE, space, cv=2, store=f"sqlite:///{tmp_path}/kept.db").fit(X, Y)
    assert len(pickle.loads(pickle.dumps(kept)).study_.trials) == 3


def test_groups_weights_series_and_frames():
    import pandas as pd
    import polars as pl
    from scipy.sparse import csr_array

    x, y = make_regression(60, 3, random_state=0)
    groups = np.arange(60) // 10
    space = {"max_depth": [1, 2, 3]}
    tree = DecisionTreeRegressor(random_state=0)
    search = TrimtabSearchCV(tree, space, cv=GroupKFold(3)).fit(x, y, groups=groups, sample_weight=np.ones(60))
    assert search.n_splits_ == 3
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    search = TrimtabSearchCV(tree, space, cv=TimeSeriesSplit(3)).fit(frame, pd.Series(y))
    assert search.feature_names_in_.tolist() == ["a", "b", "c"]
    TrimtabSearchCV(tree, space, cv=2).fit(pl.DataFrame(x), pl.Series(y))
    TrimtabSearchCV(tree, space, cv=2).fit(csr_array(x), y)
    scaler = Pipeline([("scale", StandardScaler()), ("model", Ridge())]).set_output(transform="pandas")
    assert TrimtabSearchCV(scaler, {"model__alpha": [0.1, 1.0]}, cv=2).fit(frame, y).best_estimator_ is not None


def test_splits_are_the_same_for_every_candidate():
    search = TrimtabSearchCV(TREE, {"random_state": [3, 3, 3]}, cv=ShuffleSplit(3), optimizer="grid", race=False)
    results = search.fit(X, Y).cv_results_
    assert all(len(set(results[f"split{k}_test_score"])) == 1 for k in range(3))


def test_rows_on_both_sides_of_a_split_are_warned_of():
    rows = np.arange(len(X))
    with pytest.warns(UserWarning, match="training and in validation"):
        TrimtabSearchCV(TREE, {"max_depth": [1, 2]}, cv=[(rows, rows), (rows[:60], rows[60:])]).fit(X, Y)


def test_a_candidate_that_fails_is_dropped_and_ranked_last():
    from sklearn.exceptions import FitFailedWarning

    space = {"max_depth": [1, 2, 3, 4, 5, -3]}
    with pytest.warns(FitFailedWarning, match="fits failed"):
        search = TrimtabSearchCV(TREE, space, optimizer="grid").fit(X, Y)
    assert search.cv_results_["n_splits_run"][5] == 1
    assert search.cv_results_["rank_test_score"][5] == 6
    assert search.study_.trials[5].state == "failed"
    with pytest.raises(ValueError, match="max_depth"):
        TrimtabSearchCV(TREE, space, optimizer="grid", error_score="raise").fit(X, Y)


def test_a_function_that_chooses_sees_every_fold():
    space = {"ccp_alpha": loguniform(1e-4, 1.0)}

    def choose(results):
        assert "n_splits_run" not in results
        return 2

    search = TrimtabSearchCV(TREE, space, n_iter=8, refit=choose, random_state=0).fit(X, Y)
    assert search.best_index_ == 2
    assert search.n_fits_ == 40


def test_a_script_of_randomizedsearchcv_runs_with_another_name():
    script = """
search = RandomizedSearchCV(
    estimator=TREE, param_distributions={"ccp_alpha": loguniform(1e-4, 1e-1)}, n_iter=8,
    scoring="roc_auc", n_jobs=1, cv=5, verbose=0, random_state=42, return_train_score=True, refit=True,
)
search.fit(X, Y)
best = search.best_estimator_.predict(X), search.best_params_["ccp_alpha"], search.cv_results_["mean_train_score"]
"""
    there = {"X": X, "Y": Y, "TREE": TREE, "loguniform": loguniform}
    for kind in (RandomizedSearchCV, TrimtabSearchCV):
        exec(script, there | {"RandomizedSearchCV": kind})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"space": {"C": [1]}, "param_grid": {"C": [1]}}, "several"),
        ({"space": {"C": []}}, "empty list"),
        ({"space": []}, "nothing to search"),
        ({"space": {"C": "abc"}}, "list of values"),
        ({"space": {"C": 1}}, r"\[1\]"),
        ({"space": ["C"]}, "several grids"),
        ({"space": tt.Space(C=tt.Categorical(["a", "b"])), "choices": {"C": {"a": 1}}}, "'b'"),
        ({"space": tt.Space(C=tt.Float(0, 1)), "choices": {"D": {}}}, "has not"),
    ],
)
def test_what_cannot_be_searched_is_said_in_a_sentence(arguments, message):
    with pytest.raises(SpaceError, match=message):
        TrimtabSearchCV(TREE, **arguments).fit(X, Y)


class Counted(DecisionTreeClassifier):
    """A model of rounds, whose depth is what it has had of them; it says when it was to begin anew."""

    def __init__(self, rounds=9, shift=0.0, *, warm_start=False):
        super().__init__(random_state=0)
        self.rounds, self.shift, self.warm_start = rounds, shift, warm_start

    def fit(self, X, y):  # noqa: N803 - its name in scikit-learn
        had = getattr(self, "had_", 0) if self.warm_start else 0
        self.trained_ = getattr(self, "trained_", 0) + self.rounds - had
        self.had_ = self.rounds
        return super().fit(X, y)

    def score(self, X, y):  # noqa: N803
        return 1.0 - 1.0 / (1 + self.trained_) - abs(self.shift)


def test_candidates_are_trained_by_steps_and_end_on_the_way(tmp_path):
    space = {"shift": tt.Float(-1, 1)}
    settings = {"steps": tt.Fidelity("rounds", 1, 9), "cv": 2, "optimizer": "random", "random_state": 0}
    store = {"store": f"sqlite:///{tmp_path}/steps.db", "name": "steps"}
    first = TrimtabSearchCV(Counted(), space, n_iter=12, **settings, **store).fit(X, Y)
    search = TrimtabSearchCV(Counted(), space, n_iter=20, **settings, **store).fit(X, Y)
    reached = search.cv_results_["n_resources"]
    assert (reached[:5] == 9).all(), "nobody ends before some were trained to the end"
    assert set(reached.tolist()) - {1, 3, 9} == set()
    assert reached.min() < 9, "an early step ranks as the end does"
    assert reached[:12].tolist() == first.cv_results_["n_resources"].tolist()
    for key in ("mean_test_score", "split1_test_score", "mean_fit_time"):
        assert (search.cv_results_[key][:5] == first.cv_results_[key][:5]).all(), "what was on record is as it was"
    scores, ranks = search.cv_results_["split0_test_score"], search.cv_results_["rank_test_score"]
    shift = np.abs(np.array(search.cv_results_["param_shift"], dtype=float))
    np.testing.assert_allclose(scores, 1 - 1 / (1 + reached) - shift, err_msg="each step goes on with the one before")
    assert ranks[reached == 9].max() < ranks[reached < 9].min()
    assert search.best_estimator_.rounds == 9
    assert search.best_estimator_.warm_start is False, "as it was given"
    states = [trial.state for trial in search.study_.trials]
    assert [state == "stopped" for state in states] == (reached < 9).tolist()


def test_passes_of_partial_fit_are_steps():
    steps = tt.Fidelity("passes", 1, 9)
    search = TrimtabSearchCV(SGDClassifier(random_state=0), {"alpha": [1e-4, 1e-2]}, steps=steps, cv=2).fit(X, Y)
    by_hand = SGDClassifier(random_state=0, **search.best_params_)
    for _ in range(9):
        by_hand.partial_fit(X, Y, classes=[0, 1])
    assert isinstance(search.best_estimator_, SGDClassifier)
    np.testing.assert_array_equal(search.best_estimator_.coef_, by_hand.coef_)
    assert search.predict(X).shape == Y.shape


class Going(Counted):
    """Runs `max_iter` rounds more at each warm start, as MLPClassifier and SGDClassifier do."""

    def __init__(self, max_iter=1, shift=0.0, warm_start=False):
        self.max_iter = max_iter
        self.shift = shift
        self.warm_start = warm_start

    def fit(self, X, y):  # noqa: N803
        self.trained_ = (getattr(self, "trained_", 0) if self.warm_start else 0) + self.max_iter
        return self


def test_steps_of_a_warm_start_that_adds_rounds_come_to_as_many_as_they_say():
    within = Pipeline([("scale", StandardScaler()), ("model", Going())])
    steps = tt.Fidelity("model__max_iter", 1, 9)
    search = TrimtabSearchCV(within, {"model__shift": [0.0, 0.5]}, steps=steps, cv=2).fit(X, Y)
    shift = np.array(search.cv_results_["param_model__shift"], dtype=float)
    np.testing.assert_allclose(search.cv_results_["split0_test_score"], 1 - 1 / (1 + 9) - shift)
    assert search.best_estimator_["model"].trained_ == 9


@pytest.mark.parametrize(
    ("model", "space", "steps", "message"),
    [
        (
            OneVsRestClassifier(Going()),
            {"estimator__shift": [0, 1]},
            tt.Fidelity("estimator__max_iter", 1, 9),
            "copies",
        ),
        (TREE, {"min_samples_leaf": [1, 2]}, tt.Fidelity("max_depth", 1, 9), "the estimator has no warm_start"),
        (TREE, {"max_depth": [1, 2]}, tt.Fidelity("max_depth", 1, 9), "which is searched too"),
        (TREE, {"max_depth": [1, 2]}, tt.Fidelity("passes", 1, 9), "and it has no partial_fit"),
        (Ridge(), {"alpha": [1, 2]}, tt.Fidelity("share", 0.1, 1), "counts whole steps from 1 on"),
    ],
)
def test_what_cannot_be_stepped_is_said_in_a_sentence(model, space, steps, message):
    with pytest.raises(SpaceError, match=message):
        TrimtabSearchCV(model, space, steps=steps).fit(X, Y)


def test_it_says_how_many_fits_there_will_be(capsys):
    TrimtabSearchCV(TREE, {"max_depth": [1, 2]}, cv=2, race=False, verbose=1).fit(X, Y)
    assert "Fitting 2 folds for each of 2 candidates, totalling 4 fits" in capsys.readouterr().out
