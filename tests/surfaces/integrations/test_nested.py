"""Nested cross-validation: the score of a whole search, on data that it never saw."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score
from sklearn.tree import DecisionTreeClassifier

import trimtab as tt
from trimtab.errors import ProblemError, UsageError
from trimtab.integrations.sklearn import TrimtabSearchCV

X, Y = make_classification(90, 6, random_state=0)
TREE = DecisionTreeClassifier(random_state=0)


def test_it_is_what_cross_val_score_over_a_search_gives_and_says_what_was_chosen(tmp_path):
    cv = KFold(4, shuffle=True, random_state=0)
    store = f"sqlite:///{tmp_path}/nested.db"
    search = TrimtabSearchCV(TREE, {"max_depth": [1, 2, 4, 8]}, cv=3, optimizer="grid", store=store)
    found = tt.nested_score(search, X, Y, cv=cv)
    in_memory = TrimtabSearchCV(TREE, {"max_depth": [1, 2, 4, 8]}, cv=3, optimizer="grid")
    np.testing.assert_array_equal(found.scores, cross_val_score(in_memory, X, Y, cv=cv))
    assert found.mean == found.scores.mean()
    assert found.low < found.mean < found.high
    assert [chosen["max_depth"] in (1, 2, 4, 8) for chosen in found.chosen] == [True] * 4
    assert found.inner.tolist() == [one.best_score_ for one in found.searches]
    assert [one.study_.name for one in found.searches] == [f"search-{k}" for k in range(4)]
    assert not hasattr(search, "best_params_")
    assert "max_depth" in repr(found)


def test_groups_stay_together_outside_and_inside():
    groups = np.arange(90) // 6
    search = GridSearchCV(TREE, {"max_depth": [1, 2]}, cv=GroupKFold(2))
    found = tt.nested_score(search, X, Y, cv=GroupKFold(3), params={"groups": groups}, scoring="roc_auc")
    assert len(found.scores) == 3
    assert np.isfinite(found.optimism)


def test_the_interval_of_a_search_that_learns_nothing_covers_chance():
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(12):
        y = rng.integers(0, 2, 60)
        search = GridSearchCV(TREE, {"max_depth": [1, 2]}, cv=2)
        found = tt.nested_score(search, rng.random((60, 2)), y, cv=KFold(5, shuffle=True, random_state=seed))
        covered += found.low <= 0.5 <= found.high
    assert covered >= 7  # of 12 at 90 %: fewer come by chance once in ten thousand


def test_what_is_no_confidence_is_refused():
    with pytest.raises(ProblemError, match="between 0 and 1"):
        tt.nested_score(GridSearchCV(TREE, {"max_depth": [1]}), X, Y, confidence=95)
    with pytest.raises(UsageError, match="folds"):
        tt.nested_score(GridSearchCV(TREE, {"max_depth": [1]}), X, Y, folds=3)
