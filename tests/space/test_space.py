from __future__ import annotations

import json
import pickle
from collections import Counter

import numpy as np
import pytest

from trimtab.errors import ParamsError, SpaceError, StarvedError
from trimtab.space.condition import given
from trimtab.space.parameter import CATEGORICAL, FLOAT, INT, ORDINAL, Categorical, Float, Int, Ordinal
from trimtab.space.space import Space


@pytest.fixture
def space():
    return Space(
        lr=Float(1e-5, 1e-1, log=True),
        batch=Ordinal([32, 64, 128, 256]),
        layers=Int(2, 12),
        optimizer=Categorical(["adamw", "sgd"]),
        momentum=Float(0.0, 0.99, when=given("optimizer").is_in(["sgd"])),
        nesterov=Categorical([False, True], when=given("momentum") > 0),
        require=["layers * batch <= 1024"],
    )


SGD = {"lr": 0.1, "batch": 32, "layers": 2, "optimizer": "sgd", "momentum": 0.9, "nesterov": True}
ADAM = {"lr": 0.001, "batch": 256, "layers": 4, "optimizer": "adamw"}


def rng(seed=0):
    return np.random.default_rng(seed)


# -- making one ------------------------------------------------------------------------------------------------------


def test_it_says_what_it_is_made_of(space):
    assert space.names == ("lr", "batch", "layers", "optimizer", "momentum", "nesterov")
    assert len(space) == 6
    assert space.kind.tolist() == [FLOAT, ORDINAL, INT, CATEGORICAL, FLOAT, CATEGORICAL]
    assert space.kind.dtype == np.int8
    assert space["layers"] == Int(2, 12)
    assert "lr" in space
    assert "rl" not in space
    assert space.require == ("layers * batch <= 1024",)
    assert space.is_conditional
    assert space.n_configurations is None


BAD = [
    (lambda: Space(), "Space needs at least one parameter"),
    (lambda: Space([Int(0, 1)]), "Space expects parameters by name"),
    (lambda: Space({"": Int(0, 1)}), "the name of a parameter is a text that is not empty, got ''"),
    (lambda: Space({3: Int(0, 1)}), "the name of a parameter is a text that is not empty, got 3"),
    (lambda: Space({"\udcff": Int(0, 1)}), "text that can be written as UTF-8"),
    (lambda: Space(lr=(0, 1)), "lr must be a Float, Int, Categorical or Ordinal, got (0, 1) (of type tuple)"),
    (lambda: Space(lr=Float), "lr must be a Float, Int, Categorical or Ordinal"),
    (lambda: Space({"lr": Int(0, 1)}, lr=Int(0, 1)), "Space got the parameter 'lr' twice."),
    (lambda: Space(a=Int(0, 1), require=["b > 0"]), "mentions 'b'"),
    (lambda: Space(a=Int(0, 1), require=[3]), "a constraint is a text"),
    (
        lambda: Space(a=Int(0, 1), require=3),
        "require= expects a list of texts such as ['layers * batch <= 1024'], got 3.",
    ),
    (lambda: Space(a=Int(0, 1), fixed={"b": 1}), "fixed: 'b' (of type str) is no parameter of this space"),
    (lambda: Space(a=Int(0, 1), fixed={"a": 2}), "fixed: a must be a whole number in [0, 1], got 2."),
    (lambda: Space(a=Int(0, 1), fixed=["a"]), "fixed= expects values by name"),
    (
        lambda: Space(a=Int(0, 1), b=Int(0, 1, when=given("a") == 1), fixed={"a": 0, "b": 1}),
        "fixed: b is given a value, but can never be active: it needs given('a') == 1 (here a=0).",
    ),
    (
        lambda: Space(a=Int(0, 9, default=9), b=Int(0, 9, default=3), require=["a <= b"]),
        "the defaults violate the constraint 'a <= b': a=9, b=3.",
    ),
]


@pytest.mark.parametrize(("make", "message"), BAD, ids=[message[:60] for _, message in BAD])
def test_what_cannot_be_meant_is_refused(make, message):
    with pytest.raises(SpaceError) as caught:
        make()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "name", ["学习率", "weight decay", "lambda", "a.b", "require", "fixed", "self", "x" * 500, "\n", "<b>"]
)
def test_any_text_is_a_name(name):
    space = Space({name: Int(0, 1)}, require=[f"given({name!r}) > 0"])
    assert space.decode(space.encode([{name: 1}])) == [{name: 1}]
    assert Space.from_json(json.loads(json.dumps(space.to_json()))) == space
    assert eval(repr(space), {"Space": Space, "Int": Int}) == space


# -- configurations and rows -----------------------------------------------------------------------------------------


def test_rows_are_in_the_parameters_own_units(space):
    x = space.encode([SGD, ADAM])
    assert x[0].tolist() == [0.1, 0, 2, 1, 0.9, 1]
    assert x[1, :4].tolist() == [0.001, 3, 4, 0]
    assert np.isnan(x[1, 4:]).all()
    assert space.decode(x) == [SGD, ADAM]
    assert space.decode(x[1]) == [ADAM]
    assert [type(value) for value in space.decode(x)[0].values()] == [float, int, int, str, float, bool]


def test_a_row_from_the_log_may_hold_none(space):
    assert space.decode((0.001, 3.0, 4.0, 0.0, None, None)) == [ADAM]


def test_no_configurations_are_no_rows(space):
    assert space.encode([]).shape == (0, 6)
    assert space.decode(np.empty((0, 6))) == []
    assert space.sample(rng(), 0).shape == (0, 6)


WITH_SGD = "given('optimizer').is_in(['sgd'])"
REFUSED = [
    ({**ADAM, "lr": 1.0}, "lr must be a number in [1e-05, 0.1], got 1.0."),
    ({**ADAM, "lr": "0.1"}, "lr must be a number in [1e-05, 0.1], got '0.1' (of type str)."),
    ({**ADAM, "batch": 33}, "batch must be one of 32, 64, 128, 256, got 33."),
    ({**ADAM, "layers": 2.5}, "layers must be a whole number in [2, 12], got 2.5."),
    ({**ADAM, "optimizer": ["sgd"]}, "optimizer must be one of 'adamw', 'sgd', got ['sgd'] (of type list)."),
    ({**ADAM, "momentum": 0.9}, f"momentum is given, but it is active only when {WITH_SGD} (here optimizer='adamw')."),
    ({**SGD, "momentum": 0}, "nesterov is given, but it is active only when given('momentum') > 0 (here momentum=0."),
    ({k: v for k, v in ADAM.items() if k != "lr"}, "lr is missing."),
    ({k: v for k, v in SGD.items() if k != "momentum"}, f"momentum is missing; it is active because {WITH_SGD}."),
    ({**ADAM, "l": 1}, "'l' (of type str) is no parameter of this space (did you mean 'lr'?); there are"),
    ({**ADAM, "layer": 1}, "is no parameter of this space (did you mean 'layers'?); there are: lr, batch,"),
    ({}, "lr is missing."),
    ([("lr", 1)], "a configuration is a dict {name: value}, got [('lr', 1)] (of type list)."),
]  # fmt: skip


@pytest.mark.parametrize(("params", "message"), REFUSED, ids=[message[:60] for _, message in REFUSED])
@pytest.mark.parametrize("n", [0, 20])
def test_a_configuration_outside_of_the_space_is_refused(space, params, message, n):
    with pytest.raises(ParamsError) as caught:
        space.encode([SGD] * n + [params])
    assert str(caught.value).startswith(f"configuration {n}: " if n else "")
    assert message in str(caught.value)


@pytest.mark.parametrize("params", [ADAM, 3, "lr", iter([ADAM])])
def test_encode_takes_a_list(space, params):
    with pytest.raises(ParamsError, match="expected a list of configurations"):
        space.encode(params)


@pytest.mark.parametrize("x", [np.zeros(5), np.zeros((2, 7)), 3.0])
def test_a_row_of_another_width_is_refused(space, x):
    for method in (
        space.decode,
        space.active,
        space.satisfied,
        space.to_unit,
        space.from_unit,
        space.canonical,
        space.contains,
    ):
        with pytest.raises(ParamsError, match="a row of this space has 6 numbers, got an array of shape"):
            method(x)


@pytest.mark.parametrize("n", [1, 20])
def test_an_index_of_no_choice_is_refused(space, n):
    with pytest.raises(ParamsError, match=r"an index of a choice lies in 0 .. 3"):
        space.decode([[0.1, 4, 2, 0, np.nan, np.nan]] * n)


def test_encode_partial_leaves_the_rest_free(space):
    row = space.encode_partial({"layers": 3, "optimizer": "sgd"})
    assert row[2:4].tolist() == [3, 1]
    assert np.isnan(row[[0, 1, 4, 5]]).all()
    assert np.isnan(space.encode_partial({})).all()
    with pytest.raises(ParamsError, match="layers must be a whole number"):
        space.encode_partial({"layers": 99})
    with pytest.raises(ParamsError, match="is no parameter of this space"):
        space.encode_partial({"nope": 99})
    with pytest.raises(ParamsError, match="momentum is given a value, but can never be active"):
        space.encode_partial({"momentum": 0.5, "optimizer": "adamw"})


def test_what_is_in_the_space_and_what_is_not(space):
    x = space.encode([SGD, ADAM])
    assert space.contains(x).all()
    wrong = np.repeat(x[1:], 6, axis=0)
    wrong[0, 0] = 1.0  # out of range
    wrong[1, 1] = 7  # no choice
    wrong[2, 2] = 3.5  # between integers
    wrong[3, 4] = 0.5  # inactive
    wrong[4, 0] = np.nan  # missing
    wrong[5, 2] = 12  # violates the constraint
    assert not space.contains(wrong).any()
    assert space.contains(space.canonical(wrong))[:5].all()
    assert space.violated(wrong[5]) == ("layers * batch <= 1024",)
    assert space.violated(x[0]) == ()


# -- the unit cube ---------------------------------------------------------------------------------------------------


def test_the_unit_cube_is_exact_at_its_ends():
    space = Space(
        a=Float(0.1, 0.7),
        b=Float(1e-5, 1e-1, log=True),
        c=Float(0, 0.3, step=0.1),
        d=Int(3, 11),
        e=Int(1, 1000, log=True),
        f=Ordinal([1, 2, 3]),
    )
    assert space.decode(space.from_unit(np.zeros(6))) == [{"a": 0.1, "b": 1e-5, "c": 0, "d": 3, "e": 1, "f": 1}]
    assert space.decode(space.from_unit(np.ones(6))) == [{"a": 0.7, "b": 0.1, "c": 0.3, "d": 11, "e": 1000, "f": 3}]
    assert space.from_unit(np.full(6, 7.0)).tolist() == space.from_unit(np.ones(6)).tolist()
    assert space.from_unit(np.full(6, -7.0)).tolist() == space.from_unit(np.zeros(6)).tolist()
    assert space.to_unit(space.encode([{"a": 0.4, "b": 1e-3, "c": 0.1, "d": 7, "e": 1, "f": 2}]))[0] == pytest.approx(
        [0.5, 0.5, 0.375, 0.5, np.log(1 / 0.5) / np.log(1000.5 / 0.5), 0.5]
    )


def test_uniform_points_give_uniform_cells():
    space = Space(i=Int(1, 4), s=Int(1, 7, step=3), c=Categorical(["a", "b", "c"]), f=Float(0, 1, step=0.25))
    x = space.from_unit(np.repeat((np.arange(3000) + 0.5)[:, None] / 3000, 4, axis=1))
    for column, n in enumerate([4, 3, 3, 5]):
        assert sorted(Counter(x[:, column]).values()) == [3000 // n] * n


def test_logarithmic_integers_are_log_uniform():
    space = Space(i=Int(1, 8, log=True))
    x = space.from_unit((np.arange(100_000) + 0.5)[:, None] / 100_000)
    edges = np.log(np.arange(1, 10) - 0.5)
    expected = np.diff(edges) / (edges[-1] - edges[0])
    assert np.bincount(x[:, 0].astype(int))[1:] / 100_000 == pytest.approx(expected, abs=2e-5)


def test_an_unknown_coordinate_stands_for_the_default(space):
    u = space.to_unit(space.encode([ADAM]))
    u[0, 3] = 1.0  # now sgd, so that momentum needs a value
    [params] = space.decode(space.from_unit(u))
    assert params.pop("lr") == pytest.approx(ADAM["lr"])  # a logarithm and back
    assert params == {"batch": 256, "layers": 4, "optimizer": "sgd", "momentum": 0.495, "nesterov": False}


def test_wide_ranges_keep_their_integers():
    space = Space(a=Int(-(2**53), 2**53), b=Int(0, 2**50 - 1), c=Int(1, 2**40, log=True))
    assert space.from_unit(np.ones(3)).tolist() == [2**53, 2**50 - 1, 2**40]
    x = space.from_unit(rng().random((1000, 3)))
    assert np.array_equal(space.from_unit(space.to_unit(x))[:, 1:], x[:, 1:])


# -- drawing ---------------------------------------------------------------------------------------------------------


def test_without_constraints_rows_cost_one_draw():
    space = Space(a=Float(0, 1), b=Int(0, 9), c=Int(0, 9, when=given("b") > 4))
    x = space.sample(rng(), 50)
    assert np.array_equal(x, space.from_unit(rng().random((50, 3))), equal_nan=True)


def test_sampling_is_a_function_of_the_generator(space):
    assert space.sample(rng(1), 30).tobytes() == space.sample(rng(1), 30).tobytes()
    assert space.sample(rng(1), 30).tobytes() != space.sample(rng(2), 30).tobytes()


def test_rejection_is_uniform_among_what_is_left():
    space = Space(a=Int(1, 4), b=Int(1, 4), require=["a < b"])
    counts = Counter(map(tuple, space.sample(rng(), 12_000).tolist()))
    assert set(counts) == {(a, b) for a in range(1, 5) for b in range(a + 1, 5)}
    assert min(counts.values()) > 1800
    assert max(counts.values()) < 2200


def test_a_constraint_that_nothing_satisfies_is_named():
    space = Space(layers=Int(2, 12), batch=Ordinal([32, 64]), require=["layers >= 3", "layers * batch <= 3"])
    with pytest.raises(StarvedError) as caught:
        space.sample(rng(), 1)
    assert "'layers * batch <= 3' accepted 0 of 1" in str(caught.value)


def test_constraints_that_starve_only_together_are_told():
    space = Space(a=Float(0, 1), b=Float(0, 1), require=["a < 0.3", "a > 0.4"])
    with pytest.raises(
        StarvedError,
        match=r"'a < 0.3' accepted [0-9,]+ of 1[0-9,]+ points by itself, and together with the others too few",
    ):
        space.sample(rng(), 5)


def test_a_narrow_constraint_is_found():
    space = Space(a=Int(0, 99), b=Int(0, 99), require=["a == b"])
    x = space.sample(rng(), 100)
    assert (x[:, 0] == x[:, 1]).all()


def test_given_values_are_kept_and_bring_what_they_hang_from(space):
    x = space.sample(rng(), 40, space.encode_partial({"nesterov": True, "layers": 12}))
    assert space.contains(x).all()
    assert set(x[:, 5]) == {1.0}
    assert set(x[:, 2]) == {12.0}
    assert set(x[:, 3]) == {1.0}
    assert space.complete(space.encode_partial({"momentum": 0.25}), rng())[4] == 0.25


def test_given_values_bring_parents_that_chance_would_never_hit():
    space = Space(
        a=Float(0, 1), b=Float(0, 1, when=given("a") == 0.25), c=Int(0, 1, when=given("b").is_in([0.5, 0.75]))
    )
    x = space.sample(rng(), 50, space.encode_partial({"c": 1}))
    assert set(x[:, 0]) == {0.25}
    assert set(x[:, 1]) == {0.5, 0.75}


def test_given_values_take_part_in_constraints(space):
    x = space.sample(rng(), 40, space.encode_partial({"batch": 256}))
    assert x[:, 2].max() <= 4


def test_given_values_that_contradict_are_refused():
    space = Space(
        a=Categorical(["x", "y", "z"]),
        b=Int(0, 1, when=given("a") == "x"),
        c=Int(0, 1, when=given("a") == "y"),
        d=Int(0, 9, when=given("a").is_in(["x", "y"])),
    )
    with pytest.raises(
        ParamsError, match=r"no value of a makes all of these active: b \(when given\('a'\) == 'x'\), c"
    ):
        space.encode_partial({"b": 1, "c": 1})
    with pytest.raises(ParamsError, match=r"d is given a value, but can never be active: it needs .* \(here a='z'\)"):
        space.encode_partial({"a": "z", "d": 1})
    with pytest.raises(ParamsError, match=r"which has no value of code 0\.5"):
        space.sample(rng(), 1, np.array([0.5, np.nan, np.nan, np.nan]))
    with pytest.raises(ParamsError, match="the given values are one row of 4 numbers"):
        space.sample(rng(), 1, np.full((2, 4), np.nan))


# -- defaults and held values ----------------------------------------------------------------------------------------


def test_the_default_row():
    space = Space(
        a=Float(0, 10),
        b=Float(1e-4, 1, log=True, default=1e-3),
        c=Int(0, 10),
        d=Categorical(["x", "y", "z"]),
        e=Ordinal([1, 2, 3]),
        f=Int(0, 4, when=given("d") == "y"),
        g=Int(0, 4, default=4, when=given("d") == "x"),
    )
    assert space.decode(space.default_row()) == [{"a": 5.0, "b": 1e-3, "c": 5, "d": "x", "e": 2, "g": 4}]


def test_held_values_are_in_every_row():
    space = Space(
        lr=Float(1e-5, 1e-1, log=True),
        opt=Categorical(["adam", "sgd"]),
        momentum=Float(0, 1, when=given("opt") == "sgd"),
        warmup=Int(0, 100, default=10, role="fixed"),
        fixed={"momentum": 0.9},
    )
    held = space.fixed_row()
    assert held[2:].tolist() == [0.9, 10]
    assert np.isnan(held[:2]).all()
    assert space.fixed == {"momentum": 0.9, "warmup": 10}
    x = space.sample(rng(), 50)
    assert set(x[:, 3]) == {10.0}
    assert set(x[x[:, 1] == 1, 2]) == {0.9}
    assert np.isnan(x[x[:, 1] == 0, 2]).all()
    assert (x[:, 1] == 0).any()
    assert np.array_equal(
        space.sample(rng(), 50, given=held), x, equal_nan=True
    )  # held values do not force their branch
    with pytest.raises(ParamsError, match=r"momentum is held at 0.9 by the space, got 0.5."):
        space.encode([{"lr": 0.01, "opt": "sgd", "momentum": 0.5, "warmup": 10}])
    with pytest.raises(ParamsError, match=r"warmup is held at 10 by the space, got 20."):
        space.encode_partial({"warmup": 20})
    assert space.encode([{"lr": 0.01, "opt": "adam", "warmup": 10}]).shape == (1, 4)


def test_fix_and_with_parameter_make_another_space(space):
    fixed = space.fix(layers=3).fix({"batch": 64})
    assert fixed.fixed == {"batch": 64, "layers": 3}
    assert space.fixed == {}
    assert fixed.decode(fixed.default_row())[0]["layers"] == 3
    grown = fixed.with_parameter("dropout", Float(0, 1, when=given("layers") > 2))
    assert grown.names == (*space.names, "dropout")
    assert grown.fixed == fixed.fixed
    assert grown.require == space.require
    assert grown.decode(np.append(grown.default_row()[:-1], np.nan)) == fixed.decode(fixed.default_row())
    with pytest.raises(SpaceError, match="the space already has a parameter 'lr', which is Float"):
        space.with_parameter("lr", Int(0, 1))
    with pytest.raises(SpaceError, match="fixed: 'nope'"):
        space.fix(nope=3)


# -- counting --------------------------------------------------------------------------------------------------------


def switch_and_child(i: int) -> dict[str, Int]:
    return {f"p{i}": Int(0, 1), f"c{i}": Int(0, 2, when=given(f"p{i}") == 1)}


@pytest.mark.parametrize(
    ("space", "count"),
    [
        (Space(a=Int(0, 9), b=Categorical(["x", "y"]), c=Float(0, 1, step=0.25)), 100),
        (Space(a=Float(0, 1)), None),
        (Space(a=Float(0.5, 0.5), b=Int(1, 3)), 3),
        (Space(a=Int(0, 9), b=Int(0, 4, when=given("a") >= 8)), 8 + 2 * 5),
        (Space(a=Int(1, 2**53), b=Int(1, 2**53, when=given("a") > 2**52)), 2**52 + (2**53 - 2**52) * 2**53),
        (Space(a=Int(1, 1000, log=True), b=Float(0, 1, when=given("a") == 7)), None),
        (Space(a=Int(1, 9), b=Float(0, 1, when=given("a") == 7), fixed={"a": 3}), 1),
        (Space(a=Int(1, 9), b=Float(0, 1), fixed={"b": 0.5}), 9),
        (Space({f"p{i}": Int(0, 1) for i in range(100)}), 2**100),
        (Space(dict(pair for i in range(40) for pair in switch_and_child(i).items())), 4**40),
        (Space(a=Int(0, 3), b=Int(0, 3), c=Int(0, 9, when=(given("a") == 3) | (given("b") == 3))), 9 + 7 * 10),
        (Space(a=Int(0, 9), require=["a < 5"]), 10),
    ],
    ids=lambda value: None,
)  # fmt: skip
def test_configurations_are_counted(space, count):
    assert space.n_configurations == count


# -- on record -------------------------------------------------------------------------------------------------------


def test_it_survives_json_and_pickle(space):
    for one in (space, space.fix(momentum=0.5)):
        again = Space.from_json(json.loads(json.dumps(one.to_json())))
        assert again == one
        assert hash(again) == hash(one)
        assert again.names == one.names
        assert pickle.loads(pickle.dumps(one)) == one
    assert space != space.fix(layers=2)
    assert Space(a=Categorical([1])) != Space(a=Categorical([True]))
    assert Space(a=Categorical([1])) != Space(a=Categorical([1.0]))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, 'a space is written {"parameters": [...]'),
        ({"parameters": {}}, 'a space is written {"parameters": [...]'),
        ({"parameters": [], "requires": []}, "a space has no option 'requires' (did you mean 'require'?)"),
        ({"parameters": []}, "Space needs at least one parameter"),
        ({"parameters": [3]}, "parameter 0 of the space needs a name, got 3."),
        ({"parameters": [{"type": "Int", "low": 0, "high": 1}]}, "parameter 0 of the space needs a name"),
        (
            {"parameters": [{"name": "a", "type": "Int", "low": 0, "high": 1}] * 2},
            "the space names the parameter 'a' twice.",
        ),
        ({"parameters": [{"name": "a", "type": "Int", "low": 0}]}, "a: Int needs 'high'."),
        (
            {"parameters": [{"name": "a", "type": "Int", "low": 0, "high": 1}], "require": "a > 0"},
            "require to be a list",
        ),
        (
            {"parameters": [{"name": "a", "type": "Int", "low": 0, "high": 1}], "fixed": [1]},
            "fixed= expects values by name",
        ),
    ],
)
def test_json_that_is_no_space_is_refused(data, message):
    with pytest.raises(SpaceError) as caught:
        Space.from_json(data)
    assert message in str(caught.value)


def test_differences_are_sentences():
    was = Space(
        lr=Float(1e-5, 1e-1, log=True), a=Int(0, 1), b=Int(0, 1), gone=Int(1, 2), require=["a < b"], fixed={"a": 0}
    )
    now = Space(
        b=Int(0, 1), a=Int(0, 1), lr=Float(1e-5, 1, log=True), new=Int(3, 4), require=["a <= b"], fixed={"b": 1}
    )
    assert was.differences(now) == [
        "lr: was Float(1e-05, 0.1, log=True), is now Float(1e-05, 1, log=True)",
        "gone: was Int(1, 2), is gone",
        "new: is new, Int(3, 4)",
        "the order of the parameters was lr, a, b, is now b, a, lr",
        "the constraint 'a < b' is gone",
        "the constraint 'a <= b' is new",
        "a: was held at 0, is now free",
        "b: was free, is now held at 1",
    ]
    assert was.differences(was) == []


def test_repr_has_one_parameter_a_line(space):
    assert repr(space.fix(layers=3)) == (
        "Space(\n"
        "    lr=Float(1e-05, 0.1, log=True),\n"
        "    batch=Ordinal([32, 64, 128, 256]),\n"
        "    layers=Int(2, 12),\n"
        "    optimizer=Categorical(['adamw', 'sgd']),\n"
        "    momentum=Float(0, 0.99, when=given('optimizer').is_in(['sgd'])),\n"
        "    nesterov=Categorical([False, True], when=given('momentum') > 0),\n"
        "    require=['layers * batch <= 1024'],\n"
        "    fixed={'layers': 3},\n"
        ")"
    )


def test_html_is_escaped_and_brings_no_colours(space):
    html = Space({"<b>": Categorical(["<i>", "&"])}, require=["given('<b>') != '<i>'"])._repr_html_()
    assert "<b>" not in html
    assert "<i>" not in html
    assert "&lt;b&gt;" in html
    assert "style" not in html
    assert html.count("<tr>") == 2
    assert "held at 3" in space.fix(layers=3)._repr_html_()


def test_bounds_whose_logarithms_are_equal_make_a_line() -> None:
    low, high = 1e9, float(np.nextafter(1e9, 2e9))
    space = Space(x=Float(low, high, log=True), y=Float(1, 2, log=True))
    assert space.from_unit(np.array([[0.0, 0.5], [1.0, 0.5]]))[:, 0].tolist() == [low, high]
    assert space.to_unit(np.array([[low, 1.0], [high, 2.0]])).tolist() == [[0.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize(
    ("low", "high"), [(0.01, 10.0), (1e-5, 0.1), (1e-300, 1.0), (3e-7, 7e-3), (0.1, 0.3), (5e-324, 1.7e308), (2.0, 3.0)]
)
def test_the_ends_of_a_logarithmic_range_are_its_bounds(low, high):
    space = Space(a=Float(0, 1), lr=Float(low, high, log=True), n=Int(1, 9, log=True))
    for u, end in [(0.0, low), (1e-18, low), (1.0, high), (1 - 2**-53, high)]:
        x = space.from_unit(np.array([0.5, u, 0.5]))
        assert x[1] == end or (0 < u < 1 and low <= x[1] <= high)
        assert space.decode(space.from_unit(np.array([[0.5, float(u > 0.5), 0.5]])))[0]["lr"] in (low, high)
    assert np.array_equal(space.to_unit(np.array([0.0, low, 1.0]))[1], 0.0)


def test_a_space_of_an_old_log_keeps_its_rounded_ends():
    space = Space(lr=Float(0.01, 10.0, log=True)).with_rounded_ends()
    for one in (
        space,
        space.with_parameter("x", Float(0, 1)),
        space.fix(),
        space.with_parameter("m", Int(1, 3)).fix(m=2),
    ):
        assert one.from_unit(np.zeros(len(one)))[0] == np.exp(np.log(0.01)) != 0.01
    assert space == Space(lr=Float(0.01, 10.0, log=True))
    assert space.differences(Space(lr=Float(0.01, 10.0, log=True))) == []
