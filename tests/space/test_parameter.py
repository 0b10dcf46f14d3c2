from __future__ import annotations

import math
import pickle
from enum import StrEnum
from fractions import Fraction

import numpy as np
import pytest

from trimtab.errors import ParamsError, SpaceError
from trimtab.space.condition import given
from trimtab.space.parameter import Categorical, Float, Int, Ordinal, parameter_from_json


class Colour(StrEnum):
    RED = "red"


class Unshowable:
    def __repr__(self):
        raise RuntimeError("no")


BAD = [
    (lambda: Float("1e-5", 1), "Float expects low= to be a finite number, got '1e-5' (of type str)."),
    (lambda: Float(0, math.nan), "Float expects high= to be a finite number, got nan."),
    (lambda: Float(0, math.inf), "Float expects high= to be a finite number, got inf."),
    (lambda: Float(False, 1), "Float expects low= to be a finite number, got False."),
    (lambda: Float(None, 1), "Float expects low= to be a finite number, got None."),
    (lambda: Float(0, 10**400), "Float expects high= to be a number below 1.8e308, got one of 401 digits."),
    (lambda: Float(2, 1), "Float needs low <= high, got low=2 and high=1."),
    (lambda: Float(-1e308, 1e308), "Float from -1e+308 to 1e+308 is wider than floating-point numbers reach."),
    (lambda: Float(0.0, 1, log=True), "Float with log=True needs low > 0, got low=0."),
    (lambda: Float(1, 2, log=1), "Float expects log= to be True or False, got 1."),
    (lambda: Float(1, 2, log=True, step=0.5), "Float takes log=True or step=, not both: a step is an equal distance"),
    (lambda: Float(0, 1, step=0), "Float needs step > 0, got step=0."),
    (lambda: Float(0, 1, step=0.3), "Float(low=0, step=0.3) never reaches high=1; the nearest highs are 0.9 and 1.2."),
    (lambda: Float(0, 1, step=1e-20), "Float has more than 2**53 steps of 1e-20 from 0 to 1"),
    (lambda: Float(0, 1, default=2), "Float(0, 1, default=2): default must be a number in [0, 1], got 2."),
    (lambda: Float(0, 1, role="fixd"), "Float expects role= to be one of scientific, nuisance, fixed, got 'fixd'"),
    (lambda: Float(0, 1, role="fixed"), "Float with role='fixed' needs default=, the value at which it is held."),
    (lambda: Float(0, 1, priority=0), "Float expects priority= to be 1 (tuned first), 2, 3, ..., got 0."),
    (lambda: Float(0, 1, priority=True), "Float expects priority= to be 1 (tuned first)"),
    (lambda: Float(0, 1, prior=0.1), "Float with prior= needs default=, the value that is believed to be best."),
    (lambda: Float(0, 1, default=0, prior=0), "Float expects prior= to be above 0, the standard deviation of the best"),
    (lambda: Float(0, 1, default=0, prior="a"), "Float expects prior= to be a finite number, got 'a' (of type str)."),
    (lambda: Ordinal([1, 2], default=1, prior=True), "Ordinal expects prior= to be a finite number, got True."),
    (lambda: Int(0, 1, default=0, prior=10**400), "Int expects prior= to be a number below 1.8e308"),
    (
        lambda: Categorical(["a", "b"], default="a", prior=2),
        "Categorical expects prior= to be above 0 and at most 1, how likely any other choice is next to the default, "
        "got 2.",
    ),
    (lambda: Float(0, 1, when="x == 1"), "Float expects when= to be a condition such as given('a') == 1"),
    (lambda: Int(0.5, 2), "Int expects low= to be a whole number, got 0.5; use Float for real numbers."),
    (lambda: Int(0, 2**53 + 1), "Int expects high= within ±2**53"),
    (lambda: Int(0, 10**6000), "Int expects high= within ±2**53"),
    (lambda: Int(True, 2), "Int expects low= to be a whole number, got True."),
    (lambda: Int(3, 2), "Int needs low <= high, got low=3 and high=2."),
    (lambda: Int(0, 2, log=True), "Int with log=True needs low >= 1, got low=0."),
    (lambda: Int(1, 9, log=True, step=2), "Int with log=True takes step=1 only, got step=2"),
    (lambda: Int(1, 9, step=0), "Int needs step >= 1, got step=0."),
    (
        lambda: Int(1, 10, step=3, default=2),
        "default must be a multiple of 3 away from 1, got 2; the nearest are 1 and 4.",
    ),
    (lambda: Int(1, 9, step=3), "Int(low=1, step=3) never reaches high=9; the nearest highs are 7 and 10."),
    (lambda: Categorical("abc"), "Categorical expects a list of choices, got 'abc' (of type str)."),
    (lambda: Categorical(3), "Categorical expects a list of choices, got 3."),
    (lambda: Categorical({"a", "b"}), "a set has no order, and an index must keep its meaning."),
    (lambda: Categorical({"a": 1}), "Categorical expects a list of choices"),
    (lambda: Categorical([]), "Categorical needs at least one choice, got none."),
    (lambda: Categorical(["a", "a"]), "Categorical has the choice 'a' twice; list each once."),
    (lambda: Categorical([[1], [2]]), "name it with a string and look the object up in the objective."),
    (lambda: Categorical([Colour.RED]), "Categorical takes choices of type str, int, float, bool or None"),
    (lambda: Categorical([Unshowable()]), "got a value of type Unshowable"),
    (lambda: Categorical([1.0, math.inf]), "Categorical takes finite numbers, got inf: say it with a string"),
    (lambda: Categorical(["\ud800"]), "Categorical takes text that can be written as UTF-8"),
    (lambda: Ordinal([1, 2], default=3), "Ordinal([1, 2], default=3): default must be one of 1, 2, got 3."),
    (lambda: Categorical(["adam", "sgd"], default="Adam"), "got 'Adam' (of type str) (did you mean 'adam'?)."),
]


@pytest.mark.parametrize(("make", "message"), BAD, ids=[message[:60] for _, message in BAD])
def test_what_cannot_be_meant_is_refused(make, message):
    with pytest.raises(SpaceError) as caught:
        make()
    assert message in str(caught.value)


@pytest.mark.parametrize("low", [-1.0, 0.0, 0.1, 1 / 4])
@pytest.mark.parametrize("step", [0.1, 0.05, 0.01, 1e-7, 2.5])
def test_steps_give_the_numbers_that_a_person_would_write(low, step):
    parameter = Float(low, float(f"{low + 60 * step:.12g}"), step=step)
    digits = max(len(repr(v).partition(".")[2]) for v in (low, 0.05, 0.01)) if step > 1e-6 else 7
    for k in range(parameter.n_values):
        value = parameter.grid.value(k)
        assert value == round(low + k * step, max(digits, 2)), k
        assert len(repr(value)) <= 10, k


def test_a_high_that_was_summed_up_is_cleaned():
    assert repr(Float(0, 0.1 + 0.1 + 0.1, step=0.1)) == "Float(0, 0.3, step=0.1)"
    assert Float(0, 1, step=0.1).code(0.1 + 0.2, "x") == 0.3


def test_a_step_with_more_digits_than_a_float_holds_still_makes_a_grid():
    parameter = Float(math.pi, math.pi + 3 * math.e, step=math.e)
    assert parameter.n_values == 4
    assert parameter.code(parameter.high, "x") == parameter.high
    tiny = Float(0, 3e-30, step=1e-30)
    assert [tiny.grid.value(k) for k in range(4)] == pytest.approx([0, 1e-30, 2e-30, 3e-30], rel=1e-15, abs=0)


def test_equal_bounds_are_a_constant():
    assert Float(0.5, 0.5).n_values == Float(0.5, 0.5, log=True).n_values == Int(3, 3, log=True).n_values == 1


@pytest.mark.parametrize("value", [0.5, np.float64(0.5), np.float32(0.5), Fraction(1, 2)])
def test_numbers_of_every_make_are_taken(value):
    assert Float(0, 1).code(value, "x") == 0.5


@pytest.mark.parametrize("value", [3, 3.0, np.int32(3), np.uint8(3), np.float64(3)])
def test_whole_numbers_of_every_make_are_taken(value):
    assert Int(1, 9).code(value, "x") == 3.0


@pytest.mark.parametrize(
    "value", [True, np.True_, "3", None, math.nan, math.inf, 3.5, 10, 10**400, [3], np.array([3, 4])]
)
def test_a_value_that_is_no_whole_number_in_range_is_refused(value):
    with pytest.raises(ParamsError, match=r"^layers must be a whole number in \[1, 9\], got "):
        Int(1, 9).code(value, "layers")


def test_true_one_and_one_point_nought_are_three_choices():
    parameter = Categorical([True, 1, 1.0, "1", None])
    values = [True, 1, 1.0, "1", None]
    assert [parameter.code(value, "x") for value in values] == [0, 1, 2, 3, 4]
    assert parameter.codes(values).tolist() == [0, 1, 2, 3, 4]
    assert [type(parameter.value(code)) for code in range(5)] == [bool, int, float, str, type(None)]


def test_a_number_stands_for_its_equal_but_a_truth_does_not():
    assert Ordinal([32, 64]).code(64.0, "batch") == 1
    assert Ordinal([0.5, 1.0]).code(1, "x") == 1
    assert Ordinal([32, 64]).code(np.int64(64), "batch") == 1
    with pytest.raises(ParamsError, match="x must be one of 0, 1, got True"):
        Categorical([0, 1]).code(True, "x")


def test_choices_of_numpy_are_choices_of_python():
    parameter = Ordinal(np.array([32, 64]))
    assert parameter == Ordinal([32, 64])
    assert type(parameter.choices[0]) is int


@pytest.mark.parametrize("code", [-1.0, 2.0, math.nan])
def test_a_code_of_no_choice_is_refused(code):
    with pytest.raises(ParamsError, match=r"an index of a choice lies in 0 .. 1"):
        Categorical(["a", "b"]).value(code)


PARAMETERS = [
    (Float(1e-5, 1e-1, log=True), "Float(1e-05, 0.1, log=True)"),
    (Float(1e-5, 1, log=True), "Float(1e-05, 1, log=True)"),
    (Float(0, 1, step=0.25, default=0.5), "Float(0, 1, step=0.25, default=0.5)"),
    (Int(2, 12), "Int(2, 12)"),
    (Int(1, 9, step=2, role="scientific", priority=1), "Int(1, 9, step=2, role='scientific', priority=1)"),
    (Int(1, 9, log=True, default=3, role="fixed"), "Int(1, 9, log=True, default=3, role='fixed')"),
    (Categorical(["a", True, 1, 1.0, None], default=1), "Categorical(['a', True, 1, 1.0, None], default=1)"),
    (Categorical([0, 1], default=0), "Categorical([0, 1], default=0)"),
    (Categorical([0, 1], default=0, prior=0.5), "Categorical([0, 1], default=0, prior=0.5)"),
    (Float(0, 1, default=0.5, prior=1), "Float(0, 1, default=0.5, prior=1)"),
    (Ordinal([1, 2], default=1, priority=2, prior=0.25), "Ordinal([1, 2], default=1, priority=2, prior=0.25)"),
    (Ordinal([1, 2], when=given("a").is_in([1])), "Ordinal([1, 2], when=given('a').is_in([1]))"),
]


@pytest.mark.parametrize(("parameter", "text"), PARAMETERS, ids=[text for _, text in PARAMETERS])
def test_repr_says_all_and_json_keeps_all(parameter, text):
    assert repr(parameter) == text
    assert repr(parameter_from_json(parameter.to_json())) == text
    assert pickle.loads(pickle.dumps(parameter)) == parameter


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (3, 'lr must be an object such as {"type": "Float"'),
        ({"type": "float"}, "lr has the unknown type 'float' (did you mean 'Float'?)"),
        ({"type": "Float", "low": 0}, "lr: Float needs 'high'."),
        (
            {"type": "Float", "low": 0, "high": 1, "defualt": 1},
            "lr: Float has no option 'defualt' (did you mean 'default'?)",
        ),
        ({"type": "Float", "low": 2, "high": 1}, "lr: Float needs low <= high, got low=2 and high=1."),
        ({"type": "Int", "low": 2, "high": 3, "when": {"given": "a"}}, "lr: a condition is written"),
        ({"type": "Int", "low": 2, "high": 3, "_grid": 1}, "lr: Int has no option '_grid'"),
        ({"type": "Categorical", "choices": "ab"}, "lr: Categorical expects a list of choices"),
    ],
)
def test_json_that_is_no_parameter_is_refused(data, message):
    with pytest.raises(SpaceError) as caught:
        parameter_from_json(data, "lr")
    assert message in str(caught.value)


def test_parameters_are_frozen():
    with pytest.raises(AttributeError):
        Int(1, 2).low = 0
