from __future__ import annotations

import json

import numpy as np
import pytest

from trimtab.errors import ParamsError, SpaceError
from trimtab.space.condition import condition_from_json, given
from trimtab.space.parameter import Categorical, Float, Int, Ordinal, Parameter
from trimtab.space.space import Space


def active(space, **params):
    """Return the names that are active where `params` are given, the others at their default."""
    x = space.default_row()
    x = np.where(np.isnan(x), space.from_unit(np.zeros(len(space))), x)
    for name, value in params.items():
        x[space.column(name)] = space[name].code(value, name)
    return {name for name, on in zip(space.names, space.active(x), strict=True) if on}


BASE = {
    "opt": Categorical(["sgd", "adam", "lion"]),
    "layers": Int(1, 9),
    "drop": Float(0, 1),
    "size": Ordinal(["s", "m", "l"]),
}

HOLDS = [
    (given("opt") == "sgd", {"opt": "sgd"}, {"opt": "adam"}),
    (given("opt") != "sgd", {"opt": "adam"}, {"opt": "sgd"}),
    (given("opt").is_in(["sgd", "lion"]), {"opt": "lion"}, {"opt": "adam"}),
    (~given("opt").is_in(["sgd", "lion"]), {"opt": "adam"}, {"opt": "lion"}),
    (given("layers") < 4, {"layers": 3}, {"layers": 4}),
    (given("layers") <= 4, {"layers": 4}, {"layers": 5}),
    (given("layers") > 4, {"layers": 5}, {"layers": 4}),
    (given("layers") >= 4.5, {"layers": 5}, {"layers": 4}),
    (given("layers").is_in([2, 4]), {"layers": 2}, {"layers": 3}),
    (given("drop") == 0, {"drop": 0.0}, {"drop": 0.5}),
    (given("drop") > 0, {"drop": 0.1}, {"drop": 0.0}),
    (given("size") >= "m", {"size": "l"}, {"size": "s"}),
    (given("size") < "l", {"size": "m"}, {"size": "l"}),
    ((given("opt") == "sgd") & (given("layers") > 4), {"opt": "sgd", "layers": 5}, {"opt": "sgd", "layers": 4}),
    ((given("opt") == "sgd") | (given("layers") > 4), {"opt": "adam", "layers": 5}, {"opt": "adam", "layers": 4}),
    (~((given("opt") == "sgd") & (given("layers") > 4)), {"opt": "sgd", "layers": 4}, {"opt": "sgd", "layers": 5}),
    (~((given("opt") == "sgd") | (given("layers") > 4)), {"opt": "adam", "layers": 4}, {"opt": "adam", "layers": 5}),
]


@pytest.mark.parametrize(("when", "yes", "no"), HOLDS, ids=[repr(when) for when, _, _ in HOLDS])
def test_a_parameter_is_active_where_its_condition_holds(when, yes, no):
    space = Space({"child": Int(0, 1, when=when), **BASE})  # the child first: any order of declaration
    assert "child" in active(space, **yes)
    assert "child" not in active(space, **no)


@pytest.mark.parametrize("when", [when for when, _, _ in HOLDS], ids=repr)
def test_conditions_survive_json_and_repr(when):
    assert condition_from_json(json.loads(json.dumps(when.to_json()))) == when
    assert eval(repr(when), {"given": given}) == when


def test_activity_goes_down_to_any_depth():
    depth = 30
    chain = {f"p{i}": Int(0, 1, when=given(f"p{i - 1}") == 1) if i else Int(0, 1) for i in reversed(range(depth))}
    space = Space(chain)
    assert active(space, **dict.fromkeys(chain, 1)) == set(chain)
    assert active(space, **{**dict.fromkeys(chain, 1), "p3": 0}) == {"p0", "p1", "p2", "p3"}
    assert space.n_configurations == depth + 1


def test_neither_a_comparison_nor_its_opposite_holds_of_an_inactive_parameter():
    space = Space(
        a=Categorical([1, 2]),
        b=Categorical([1, 2], when=given("a") == 1),
        same=Int(0, 1, when=given("b") == 1),
        other=Int(0, 1, when=given("b") != 1),
        opposite=Int(0, 1, when=~(given("b") == 1)),
        either=Int(0, 1, when=(given("a") == 2) | (given("b") == 1)),
    )
    assert active(space, a=2, b=1) == {"a", "either"}
    assert active(space, a=1, b=1) == {"a", "b", "same", "either"}
    assert active(space, a=1, b=2) == {"a", "b", "other", "opposite"}


def test_ordinals_of_numbers_are_compared_by_size():
    space = Space(batch=Ordinal([256, 128, 64]), child=Int(0, 1, when=given("batch") >= 100))
    assert "child" in active(space, batch=256)
    assert "child" not in active(space, batch=64)


BAD = [
    (
        {"c": Int(0, 1, when=given("optt") == "sgd")},
        "c depends on 'optt', which is no parameter of this space (did you mean 'opt'?).",
    ),
    (
        {"c": Int(0, 1, when=given("opt") == "sgdd")},
        "c depends on given('opt') == 'sgdd', but opt must be one of 'sgd', 'adam'",
    ),
    ({"c": Int(0, 1, when=given("opt").is_in(["sgd", "x"]))}, "but opt must be one of"),
    ({"c": Int(0, 1, when=given("opt") > "sgd")}, "the choices of opt have no order"),
    (
        {"c": Int(0, 1, when=given("size") > "l")},
        "c depends on given('size') > 'l', which never holds: size is Ordinal",
    ),
    ({"c": Int(0, 1, when=given("layers") == 99)}, "but layers must be a whole number in [1, 9], got 99."),
    ({"c": Int(0, 1, when=given("layers") >= 10)}, "which never holds: layers is Int(1, 9)."),
    ({"c": Int(0, 1, when=~(given("layers") >= 1))}, "depends on ~(given('layers') >= 1), which never holds"),
    (
        {"c": Int(0, 1, when=given("layers") > "3")},
        "layers is a number and is compared by size with '3' (of type str).",
    ),
    ({"c": Int(0, 1, when=given("layers") > True)}, "layers is a number and is compared by size with True."),
    ({"c": Int(0, 1, when=given("layers") > float("nan"))}, "layers is a number and is compared by size with nan."),
    ({"c": Int(0, 1, when=~given("opt").is_in(["sgd", "adam", "lion"]))}, "which never holds"),
    (
        {"c": Int(0, 1, when=given("c") == 1)},
        "conditions run in a circle, so none of these could ever be decided: c depends on c.",
    ),
    (
        {
            "c": Int(0, 1, when=given("d") == 1),
            "d": Int(0, 1, when=given("e") == 1),
            "e": Int(0, 1, when=given("c") == 1),
        },
        "c depends on d depends on e depends on c.",
    ),
]


@pytest.mark.parametrize(("more", "message"), BAD, ids=[message[:70] for _, message in BAD])
def test_a_condition_that_cannot_be_meant_is_refused(more, message):
    with pytest.raises(SpaceError) as caught:
        Space({**BASE, **more})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "write",
    [
        lambda: given("a") == 1 & given("b") == 2,
        lambda: given("a") == 1 | given("b") == 2,
        lambda: (given("a") == 1) and (given("b") == 2),
        lambda: (given("a") == 1) or (given("b") == 2),
        lambda: not given("a"),
        lambda: ~given("a"),
        lambda: 1 < given("a") < 3,
        lambda: (given("a") == 1) & True,
        lambda: (given("a") == 1) & given("b"),
        lambda: given("a") == given("b"),
        lambda: given("a") == [1],
        lambda: given("a").is_in("sgd"),
        lambda: given("a").is_in([]),
        lambda: given("a").is_in(3),
        lambda: given(""),
        lambda: given(3),
    ],
)
def test_slips_of_the_pen_are_refused(write):
    with pytest.raises(SpaceError):
        write()


@pytest.mark.parametrize(
    "data",
    [
        None,
        "a == 1",
        {},
        {"given": "a", "is": "=", "value": 1},
        {"given": 3, "is": "==", "value": 1},
        {"given": "a", "is": "in", "value": "sgd"},
        {"all": []},
        {"any": {"given": "a"}},
        {"not": 3},
        {"given": "a", "is": "==", "value": 1, "more": 2},
    ],
)
def test_json_that_is_no_condition_is_refused(data):
    with pytest.raises(SpaceError):
        condition_from_json(data)


def test_a_condition_is_nested_within_measure() -> None:
    condition = given("x") > 0.5
    for i in range(60):
        condition = (condition | (given("x") < i / 1000)) & (given("x") > i / 2000)
    with pytest.raises(SpaceError, match="y: a condition is nested at most 50 deep"):
        Space(x=Float(0, 1), y=Float(0, 1, when=condition))
    data: object = (given("x") > 0.5).to_json()
    for _ in range(3000):
        data = {"not": data}
    with pytest.raises(SpaceError, match="a condition is nested at most 50 deep"):
        condition_from_json(data)


@pytest.mark.parametrize("n", [2, 8, 9, 30])
def test_many_values_mean_what_few_do(n: int) -> None:
    """Beyond eight they are searched and not compared with one by one."""
    values = [f"c{i}" for i in range(0, 2 * n, 2)]
    for among, opposite in ((given("c").is_in(values), False), (~given("c").is_in(values), True)):
        space = Space(c=Categorical([f"c{i}" for i in range(2 * n)]), x=Float(0, 1, when=among))
        rows = np.column_stack([np.arange(2 * n), np.full(2 * n, 0.5)])
        expected = [(i % 2 == 0) is not opposite for i in range(2 * n)]
        assert space.active(rows)[:, 1].tolist() == expected
    numbers = Space(x=Int(0, 100), y=Float(0, 1, when=~given("x").is_in(range(0, 2 * n, 2))))
    assert numbers.active(np.array([[3.0, 0.5], [2.0, 0.5], [99.0, 0.5]]))[:, 1].tolist() == [True, False, True]


@pytest.mark.timeout(20)
def test_branches_without_number_are_not_counted() -> None:
    parameters: dict[str, Parameter] = {f"p{i}": Categorical(["a", "b"]) for i in range(40)}
    anyone = given("p0") == "a"
    for i in range(1, 40):
        anyone = anyone | (given(f"p{i}") == "a")
    space = Space({**parameters, "x": Int(0, 1, when=anyone)})
    assert space.n_configurations is None


@pytest.mark.timeout(20)
def test_a_word_of_any_length_is_looked_for_among_any_number() -> None:
    space = Space({f"parameter-{i}": Float(0, 1) for i in range(2000)})
    for word in ("parameter-" + "1" * 5000, "parametre-1999", "x" * 1_000_000):
        with pytest.raises(ParamsError, match="is no parameter of this space"):
            space.encode([{word: 0.5}])
