from __future__ import annotations

import numpy as np

from trimtab.optim.gp.settings import Settings
from trimtab.optim.gp.steps import Steps
from trimtab.space.parameter import Categorical, Float
from trimtab.space.space import Space

SPACE = Space(a=Float(0, 1), b=Float(0, 1), kind=Categorical(("p", "q")))


def test_what_lies_within_twice_the_width_of_a_step_is_shut_out() -> None:
    tried = np.array([[0.5, 0.5, 0], [0.52, 0.51, 0], [0.9, 0.9, 0], [0.1, 0.9, 1]])
    steps = Steps(SPACE, tried, np.array([1.0, 1.0, 2.0, 3.0]), Settings())
    assert steps.any
    x = np.array([[0.55, 0.51, 0], [0.57, 0.51, 0], [0.55, 0.54, 0], [0.51, 0.5, 1], [0.9, 0.9, 0]])
    assert (steps.cost(x) > 0).tolist() == [True, False, False, False, False]


def test_equal_losses_far_from_each_other_make_no_step() -> None:
    tried = np.array([[0.1, 0.1, 0], [0.15, 0.1, 0], [0.9, 0.9, 0], [0.85, 0.9, 0]])
    assert not Steps(SPACE, tried, np.array([1.0, 2.0, 1.0, 3.0]), Settings()).any
    assert not Steps(SPACE, tried, np.array([1.0, 2.0, 3.0, 4.0]), Settings()).any
