"""Splits of each candidate's own: when there are some, that they come again, and that they are as `cv` makes them."""

from __future__ import annotations

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import (
    GroupShuffleSplit,
    KFold,
    PredefinedSplit,
    RandomizedSearchCV,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
)

import trimtab as tt
from trimtab.errors import ProblemError, StudyMismatchError
from trimtab.integrations.sklearn import TrimtabSearchCV
from trimtab.study.dispatch import trial_seed

X = np.arange(40.0)[:, np.newaxis]
Y = np.repeat([0, 0, 0, 1], 10)
SPACE = {"k": tt.Int(0, 10**6)}
LONG = {"n_iter": 100}


class Sees(ClassifierMixin, BaseEstimator):
    """A model whose score tells which rows it was scored on, and so which split it had."""

    def __init__(self, k=0):
        self.k = k

    def fit(self, x, y):
        self.classes_ = np.unique(y)
        return self

    def score(self, x, y):
        return float(sum(0.5 ** (1 + row) for row in np.sort(x[:, 0])))


def scores(cv, groups=None, **settings):
    given = {"optimizer": "random", "n_iter": 4, "random_state": 0, "refit": False, "race": False, **settings}
    search = TrimtabSearchCV(Sees(), SPACE, cv=cv, **given).fit(X, Y, groups=groups)
    return np.array([search.cv_results_[f"split{k}_test_score"] for k in range(search.n_splits_)]).T


def differ(found):
    return len(np.unique(found, axis=0)) == len(found)


@pytest.mark.parametrize(
    ("cv", "settings", "own"),
    [
        (ShuffleSplit(1, random_state=0), LONG, True),
        (ShuffleSplit(1), {"optimizer": "auto", "reshuffle": True}, True),
        (StratifiedShuffleSplit(2), {"n_iter": None, "budget": 200}, True),
        (KFold(2, shuffle=True), {"race": "auto", "refit": True, **LONG}, True),
        (ShuffleSplit(1), {"n_iter": 99}, False),
        (ShuffleSplit(1), {"n_iter": None, "budget": tt.Budget(trials=5)}, False),
        (ShuffleSplit(3, random_state=0), LONG, False),
        (ShuffleSplit(3, random_state=0), {"reshuffle": True}, True),
        (StratifiedKFold(3, shuffle=True), {"reshuffle": True, "refit": True, "race": "auto"}, True),
        (ShuffleSplit(1), {"reshuffle": False, **LONG}, False),
        (KFold(2), LONG, False),
        (2, LONG, False),
        (TimeSeriesSplit(2), LONG, False),
        (PredefinedSplit(np.repeat([0, 1], 20)), LONG, False),
        (list(ShuffleSplit(1).split(X)), LONG, False),
        (ShuffleSplit(2), {"race": True, "refit": True, **LONG}, False),
        (ShuffleSplit(1), {"optimizer": "grid", **LONG}, False),
    ],
    ids=lambda value: "splits" if isinstance(value, list) else str(value),  # whose numbers are drawn anew each time
)
def test_where_candidates_have_splits_of_their_own(cv, settings, own):
    found = scores(cv, **settings)
    found = found[~np.isnan(found).any(axis=1)]  # a race may have dropped some
    assert len(found) >= 4
    assert len(np.unique(found, axis=0)) > len(found) / 2 if own else len(np.unique(found, axis=0)) == 1


def test_they_are_drawn_from_the_seed_of_the_trial_alone():
    seed = int(np.random.RandomState(1).randint(2**31 - 1))
    wanted = []
    for number in range(4):
        cv = StratifiedShuffleSplit(2, random_state=trial_seed(seed, number))
        wanted.append([Sees().fit(X, Y).score(X[test], Y[test]) for _, test in cv.split(X, Y)])
    cv = StratifiedShuffleSplit(2, random_state=5)
    np.testing.assert_array_equal(scores(cv, random_state=1, reshuffle=True), wanted)
    with joblib.parallel_config("threading"):
        np.testing.assert_array_equal(scores(cv, random_state=1, reshuffle=True, n_jobs=2), wanted)


def test_a_candidate_that_was_lost_is_run_on_the_splits_that_it_had(tmp_path):
    class Dies(Sees):
        left = 3

        def score(self, x, y):
            Dies.left -= 1
            if not Dies.left:
                raise KeyboardInterrupt
            return super().score(x, y)

    given = {
        "cv": ShuffleSplit(2),
        "optimizer": "random",
        "n_iter": 4,
        "random_state": 0,
        "refit": False,
        "reshuffle": True,
    }
    store = f"sqlite:///{tmp_path}/trimtab.db"
    search = TrimtabSearchCV(Dies(), SPACE, store=store, **given)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)
    found = search.fit(X, Y).cv_results_
    wanted = scores(ShuffleSplit(2), reshuffle=True)
    np.testing.assert_array_equal(np.array([found[f"split{k}_test_score"] for k in range(2)]).T, wanted)
    assert Dies.left == 3 - 8 - 1  # eight cells, and the one that was lost


def test_models_trained_by_steps_stay_on_the_splits_of_their_candidate():
    trained = []

    class Trains(Sees):
        def partial_fit(self, x, y, classes=None):
            trained.append((self.k, tuple(x[:, 0].tolist())))
            return self.fit(x, y)

    cv, steps = ShuffleSplit(1, test_size=0.5), tt.Fidelity("passes", 1, 9)
    given = {"optimizer": "random", "n_iter": 4, "random_state": 0, "refit": False, "reshuffle": True}
    TrimtabSearchCV(Trains(), SPACE, cv=cv, steps=steps, **given).fit(X, Y)
    rows = {k: {seen for which, seen in trained if which == k} for k, _ in trained}
    assert all(len(parts) == 1 for parts in rows.values())  # of all passes
    assert len({part for parts in rows.values() for part in parts}) == 4


def test_strata_and_groups_stay_as_cv_keeps_them():
    groups = np.tile(np.arange(8), 5)
    seen = []

    class Splitter(GroupShuffleSplit):
        def split(self, x, y=None, groups=None):
            for train, test in super().split(x, y, groups):
                seen.append((train, test))
                yield train, test

    assert differ(scores(Splitter(1, test_size=0.25), groups=groups, reshuffle=True))
    assert len(seen) == 5  # one to look at, and those of four candidates
    assert all(not set(groups[train]) & set(groups[test]) for train, test in seen)


def test_without_them_a_holdout_equals_that_of_randomizedsearchcv():
    theirs = RandomizedSearchCV(Sees(), {"k": [0, 1, 2]}, n_iter=3, cv=ShuffleSplit(1, random_state=0)).fit(X, Y)
    ours = scores(ShuffleSplit(1, random_state=0), reshuffle=False, n_iter=3)
    np.testing.assert_array_equal(ours[:, 0], theirs.cv_results_["split0_test_score"])


def test_a_search_that_goes_on_draws_what_one_in_one_go_does(tmp_path):
    def search(n, **settings):
        given = {"cv": ShuffleSplit(1), "optimizer": "random", "random_state": 0, "reshuffle": True, **settings}
        found = TrimtabSearchCV(Sees(), SPACE, n_iter=n, **given).fit(X, Y)
        return found.cv_results_["mean_test_score"]

    store = f"sqlite:///{tmp_path}/trimtab.db"
    search(3, store=store)
    gone_on = search(6, store=store)
    np.testing.assert_array_equal(gone_on, search(6))
    with pytest.raises(StudyMismatchError, match="reshuffle= is to be what it was"):
        search(6, store=store, cv=ShuffleSplit(1, random_state=0), reshuffle=False)


def test_what_cannot_be_reshuffled_is_refused():
    with pytest.raises(ProblemError, match="takes a cv= that shuffles"):
        scores(5, reshuffle=True)
    with pytest.raises(ProblemError, match="leave out one"):
        scores(ShuffleSplit(3), reshuffle=True, race=True)


@pytest.mark.parametrize("folds", [1, 2])
def test_last_runs_are_on_splits_that_the_search_did_not_see(folds):
    seen = {}

    def objective(trial):
        splits = list(ShuffleSplit(folds, test_size=0.25, random_state=trial.seed).split(X))
        seen[trial.number] = tuple(np.concatenate([test for _, test in splits]).tolist())
        for fold in trial.folds():
            loss = (trial.params["x"] - 0.3) ** 2 + 0.01 * X[splits[fold][1]].mean()
            trial.report(fold=fold, loss=loss)

    space = tt.Space(x=tt.Float(0, 1, default=0.9))
    given = {"optimizer": "random", "seed": 0, "finalize": True, "progress": False, "epsilon": 1e-9}
    study = tt.tune(objective, space, minimize="loss", folds=folds, race=False, budget=40, **given)
    last = [trial.number for trial in study.trials if trial.origin == "finalize"]
    assert study.final is not None
    assert len(last) >= 12
    assert len(set(seen.values())) == 40  # no two trials have the same
    assert study.final.interval[0] < study.final.interval[1]
