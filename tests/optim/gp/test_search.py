from __future__ import annotations

import numpy as np
import pytest

from trimtab.optim.gp.search import neighbours
from trimtab.space.condition import given
from trimtab.space.parameter import Categorical, Float, Int, Ordinal, Parameter
from trimtab.space.space import Space

N_CHOICES = 32


def beside(parameter: Parameter, value: object) -> list[object]:
    space = Space(p=parameter)
    rows = neighbours(space, space.encode([{"p": value}]), None, N_CHOICES)
    return [params["p"] for params in space.decode(rows)]


@pytest.mark.parametrize(
    ("parameter", "value", "expected"),
    [
        (Int(1, 1024, log=True), 1, [2]),
        (Int(1, 1024, log=True), 8, [7, 9]),
        (Int(1, 1024, log=True), 1000, [999, 1001]),
        (Int(0, 12, step=4), 4, [0, 8]),
        (Float(0, 1, step=0.1), 0.3, [0.2, 0.4]),
        (Ordinal(("s", "m", "l")), "m", ["s", "l"]),
        (Categorical(("a", "b", "c")), "b", ["c", "a"]),
        (Float(0, 1), 0.5, []),
    ],
    ids=repr,
)
def test_neighbours_are_the_next_values_and_the_other_choices(
    parameter: Parameter, value: object, expected: list[object]
) -> None:
    assert beside(parameter, value) == expected


def test_of_many_choices_each_is_a_few_steps_from_any() -> None:
    parameter = Categorical(tuple(range(50)))
    assert beside(parameter, 40) == [*range(41, 50), *range(N_CHOICES - 9)]


def test_what_is_inactive_has_no_neighbours() -> None:
    space = Space(kind=Categorical(("p", "q")), n=Int(0, 9, when=given("kind") == "q"))
    rows = neighbours(space, space.encode([{"kind": "p"}]), None, N_CHOICES)
    assert rows[:, 0].tolist() == [1.0]
    assert len(neighbours(space, space.encode([{"kind": "q", "n": 4}]), None, N_CHOICES)) == 3


def test_what_is_given_does_not_move() -> None:
    space = Space(a=Int(0, 9), b=Int(0, 9))
    rows = neighbours(space, np.array([[3.0, 5.0]]), np.array([3.0, np.nan]), N_CHOICES)
    assert rows.tolist() == [[3.0, 4.0], [3.0, 6.0]]
