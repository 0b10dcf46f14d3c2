"""Other spaces made of a space: narrower, wider, joined, renamed, and as code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given as each
from hypothesis import settings

import trimtab as tt
from trimtab.errors import SpaceError
from trimtab.testing.strategies import spaces

SVC = tt.Space(
    C=tt.Float(1e-3, 1e3, log=True, default=1.0, prior=0.2, priority=1),
    kernel=tt.Categorical(["rbf", "poly"], default="rbf"),
    degree=tt.Int(2, 5, when=tt.given("kernel") == "poly"),
    require=["degree * C <= 1000"],
)


def test_a_range_is_narrowed_and_widened() -> None:
    narrow = SVC.narrow(C=(10, 100), kernel=["poly"])
    assert (narrow["C"].low, narrow["C"].high, narrow["C"].default) == (10, 100, 10)
    assert narrow["C"].prior == pytest.approx(1.2), "as wide as before, in another range"
    assert narrow["kernel"].default is None
    assert narrow.require == SVC.require
    wide = SVC.widen({"C": (1e-6, 1e6)}, kernel=["rbf", "poly", "linear"])
    assert wide["C"].prior == pytest.approx(0.1)
    assert wide["kernel"].default == "rbf"
    assert SVC.widen(kernel=["linear"])["kernel"].choices == ("rbf", "poly", "linear"), "choices to add"
    assert SVC.widen(kernel=["poly", "linear", "rbf"])["kernel"].choices == ("poly", "linear", "rbf"), "or all of them"
    batch = tt.Space(batch=tt.Ordinal([16, 64]))
    assert batch.widen(batch=[128, 32])["batch"].choices == (16, 32, 64, 128), "numbers in their order"
    assert batch.widen(batch=["all"])["batch"].choices == (16, 64, "all"), "what is no number has none but that given"
    assert SVC.narrow(C=(None, 10))["C"] == SVC.narrow(C=(1e-3, 10))["C"]
    assert wide.narrow(C=(1e-3, 1e3), kernel=["rbf", "poly"])["C"] == SVC["C"]


def test_what_a_choice_alone_needs_goes_with_it() -> None:
    assert SVC.narrow(kernel=["rbf"]).names == ("C", "kernel")
    assert SVC.narrow(kernel=["rbf"]).require == ()
    given = tt.given
    space = tt.Space(
        size=tt.Ordinal([1, 2, 4, 8]),
        kind=tt.Categorical(["a", "b", None]),
        large=tt.Float(0, 1, when=given("size") >= 4),
        no_a=tt.Float(0, 1, when=~(given("kind") == "a")),
        either=tt.Float(0, 1, when=(given("kind") == "a") | (given("size") > 2)),
        below=tt.Float(0, 1, when=(given("large") > 0.5) & (given("kind") != "b")),
        not_both=tt.Float(0, 1, when=~((given("kind") == "b") & (given("size") == 2))),
    )
    small = space.narrow(size=[1, 2])
    assert small.names == ("size", "kind", "no_a", "either", "not_both")
    assert small["either"].when == (given("kind") == "a")
    without_2 = space.narrow(size=[1, 8])
    assert without_2["large"].when == given("size").is_in([8]), "4 is none of its values any more"
    assert without_2["not_both"].when == ~(given("kind") == "b") | given("size").is_in([1, 8])
    assert space.narrow(kind=["b", None])["no_a"].when == given("kind").is_in(["b", None])
    assert "no_a" not in space.narrow(kind=["a"]).names
    for narrower in (small, without_2, space.narrow(kind=["a"]), space.narrow(size=[2], kind=["b"])):
        assert eval(narrower.to_code(), {"tt": tt}) == narrower
        drawn = narrower.decode(narrower.sample(np.random.default_rng(0), 50))
        assert space.decode(space.encode(drawn)) == drawn, "active in it is what was active of these in the wide one"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda: SVC.narrow(C=(1e-9, 1)), "not inside of its range, 0.001 to 1000; widen goes beyond it"),
        (lambda: SVC.widen(C=(1, 2)), "not around its range, 0.001 to 1000; narrow goes inside of it"),
        (lambda: SVC.narrow(C=5), "C takes \\(low, high\\), with None for an end that stays, got 5"),
        (lambda: SVC.narrow(kernel="rbf"), "kernel takes a list of choices"),
        (lambda: SVC.narrow(kernel=["sigmoid"]), "kernel must be one of 'rbf', 'poly'"),
        (lambda: SVC.narrow(c=(1, 2)), "'c' .* is no parameter of this space"),
        (
            lambda: SVC.without("kernel"),
            "degree depends on 'kernel', which is left out: .* hold 'kernel' with space.fix",
        ),
        (lambda: SVC.only("gamma"), "'gamma' .* is no parameter"),
        (lambda: SVC | tt.Space(C=tt.Float(0, 1)), "both spaces have 'C'"),
        (lambda: SVC | 3, "joined with another space"),
        (lambda: SVC.fix(C=1.0) | SVC.fix(C=2.0), "one space holds 'C' at 1.0, the other at 2.0"),
        (lambda: SVC.prefixed(3), "prefixed expects a text"),
    ],
)
def test_what_cannot_be_meant_is_refused(change, said: str) -> None:
    with pytest.raises(SpaceError, match=said):
        change()


def test_spaces_are_joined_and_prefixed_with_conditions_constraints_and_held_values() -> None:
    both = SVC.prefixed("svc__") | SVC.fix(C=2.0).prefixed("other-svc.")
    assert both.require == (
        "svc__degree * svc__C <= 1000",
        "given('other-svc.degree') * given('other-svc.C') <= 1000",
    )
    assert both.fixed == {"other-svc.C": 2.0}
    x = both.sample(np.random.default_rng(0), 50)
    assert both.contains(x).all()
    assert SVC | SVC == SVC


def test_some_parameters_are_kept_and_their_constraints_with_them() -> None:
    assert SVC.without("degree").require == ()
    assert SVC.only("kernel", "degree").names == ("kernel", "degree")


@each(spaces())
@settings(max_examples=25, deadline=None)
def test_code_and_prefixes_lose_nothing(space: tt.Space) -> None:
    assert eval(space.to_code(), {"tt": tt}) == space
    there = space.prefixed("a__")
    x = space.sample(np.random.default_rng(0), 3)
    assert [{f"a__{name}": value for name, value in row.items()} for row in space.decode(x)] == there.decode(x)
    assert there.satisfied(x).tolist() == space.satisfied(x).tolist()
