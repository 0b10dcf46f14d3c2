"""How a program finds its parameters: distinct variables, nested files, numbers that argparse takes."""

from __future__ import annotations

import argparse
import itertools
import json

import pytest

from trimtab.errors import ExecutorError
from trimtab.execute.parameters import ALL, environment, nested, spelt, variables


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["lr", "learning-rate", "model.depth"], ["LR", "LEARNING_RATE", "MODEL_DEPTH"]),
        (["n", "N"], ["N_1", "N_2"]),
        (["a-b", "a_b", "a.b", "c"], ["A_B_1", "A_B_2", "A_B_3", "C"]),
        (["λ", "μ"], ["__1", "__2"]),
        (["n", "N", "n_1"], ["N_2", "N_3", "N_1"]),
        (["n", "N", "n_1", "N_1"], ["N_2", "N_3", "N_1_1", "N_1_2"]),
        (["学习率", "批量大", "ß"], ["____1", "____2", "_"]),
    ],
)
def test_each_parameter_has_a_variable_of_its_own(names: list[str], expected: list[str]) -> None:
    assert variables(names) == {
        name: f"TRIMTAB_PARAM_{variable}" for name, variable in zip(names, expected, strict=True)
    }


def test_variables_of_any_names_are_distinct() -> None:
    names = ["".join(letters) for n in (1, 2, 3) for letters in itertools.product("aA_1", repeat=n)]
    found = variables(names)
    assert found.keys() == set(names)
    assert len(set(found.values())) == len(names)


def test_variables_are_those_of_the_space_whatever_is_active() -> None:
    assert environment({"N": 3}, ["n", "N"]) == {"TRIMTAB_PARAM_N_2": "3", ALL: '{"N": 3}'}


def test_all_parameters_are_there_by_their_own_names() -> None:
    params = {"a-b": 1, "a_b": 0.5, "μ": "x", "none": None, "l": [1, 2]}
    assert json.loads(environment(params, list(params))[ALL]) == params


def test_what_is_too_long_for_the_environment_is_left_out() -> None:
    """Linux would not start the program."""
    assert environment({"big": "x" * 200_000, "lr": 0.5}, []) == {"TRIMTAB_PARAM_LR": "0.5"}


def test_names_with_dots_are_nested() -> None:
    params = {"model.depth": 3, "model.block.width": 64, "lr": 0.1, "model.block.act": "relu"}
    assert nested(params) == {"model": {"depth": 3, "block": {"width": 64, "act": "relu"}}, "lr": 0.1}


@pytest.mark.parametrize("name", [".a", "a.", "a..b", "."])
def test_dots_that_part_nothing_are_part_of_the_name(name: str) -> None:
    assert nested({name: 1}) == {name: 1}


@pytest.mark.parametrize(
    "names", [["a", "a.b"], ["a.b", "a"], ["a.b.c", "a.b"], ["a.b", "a.b.c.d"], ["x", "a", "a.b.c"]]
)
def test_a_name_that_is_a_value_and_a_mapping_is_refused(names: list[str]) -> None:
    with pytest.raises(ExecutorError, match=r"is a parameter and .* would lie within it"):
        nested(dict.fromkeys(names))


def test_a_choice_that_is_a_mapping_is_a_value() -> None:
    with pytest.raises(ExecutorError):
        nested({"a": {"c": 1}, "a.b": 2})


@pytest.mark.parametrize("value", [-6e-05, -1e-300, -5e-324, -1.7976931348623157e308, -0.5, -123456789.125, -1e16])
def test_argparse_takes_numbers_below_0(value: float) -> None:
    """As the value of an option, as one of several, and by its place."""
    parser = argparse.ArgumentParser()
    parser.add_argument("place", type=float)
    parser.add_argument("--x", type=float)
    parser.add_argument("--several", type=float, nargs=2)
    text = spelt(value)
    found = parser.parse_args([text, "--x", text, "--several", text, text])
    assert (found.place, found.x, found.several) == (value, value, [value, value])
    assert float(json.loads(text)) == value


@pytest.mark.parametrize(("value", "text"), [(-3, "-3"), (-3.0, "-3"), (1e-05, "1e-05"), ("-x", "-x"), (None, "null")])
def test_everything_else_is_spelt_as_ever(value: object, text: str) -> None:
    assert spelt(value) == text
