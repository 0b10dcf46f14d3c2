from __future__ import annotations

import numpy as np
import pytest

from trimtab.arrays import Floats
from trimtab.optim.gp.novelty import Novelty
from trimtab.optim.gp.settings import Settings
from trimtab.space.parameter import Categorical, Float
from trimtab.space.space import Space

SPACE = Space({f"x{i}": Float(0, 1) for i in range(3)})


def table(rng: np.random.Generator, x: Floats, n: int = 40) -> Floats:
    """Return the losses of rows as those of the nearest of n entries."""
    known = rng.random((n, x.shape[1]))
    losses = rng.random(n)
    found: Floats = losses[np.square(x[:, None] - known).sum(axis=2).argmin(axis=1)]
    return found


def test_where_results_repeat_what_is_new_lies_farther_off() -> None:
    rng = np.random.default_rng(0)
    centre = rng.random(3)
    tried = np.clip(centre + 0.2 * rng.standard_normal((40, 3)), 0.0, 1.0)
    novelty = Novelty(SPACE, tried, table(rng, tried), Settings())
    assert novelty.length is not None
    assert 0.02 < novelty.length < 0.6  # entries are about 0.2 apart
    near, far = tried[:1] + np.array([0.01, 0.0, 0.0]), np.array([[0.0, 1.0, 0.0]])
    chances = novelty.log_new(np.concatenate([tried[:1], near, far]))
    assert chances[0] < -15.0
    assert chances[0] < chances[1] < chances[2] <= 0.0


def test_where_no_result_repeats_there_is_none() -> None:
    rng = np.random.default_rng(1)
    x = rng.random((30, 3))
    assert Novelty(SPACE, x, rng.random(30), Settings()).length is None
    assert Novelty(SPACE, x[:0], np.empty(0), Settings()).length is None
    assert Novelty(SPACE, x[:1], np.zeros(1), Settings()).length is None


def test_what_is_equal_by_chance_makes_no_steps() -> None:
    """Of a metric that counts to three, far rows are as often equal as near ones."""
    rng = np.random.default_rng(2)
    x = rng.random((60, 3))
    novelty = Novelty(SPACE, x, rng.integers(3, size=60).astype(float), Settings())
    assert novelty.length is not None
    assert novelty.log_new(x + 0.01).min() > np.log(0.5)


@pytest.mark.parametrize("kind", [0.0, 1.0])
def test_choices_that_differ_are_far_apart(kind: float) -> None:
    space = Space(a=Float(0, 1), kind=Categorical(("p", "q")))
    a = np.repeat(np.linspace(0.05, 0.95, 10), 4) + np.tile([0.0, 0.002, 0.004, 0.006], 10)
    tried = np.column_stack([a, np.zeros(40)])
    novelty = Novelty(space, tried, np.repeat(np.arange(10.0), 4), Settings())
    assert novelty.length is not None
    (chance,) = novelty.log_new(np.array([[0.051, kind]]))
    assert (chance > -0.1) == (kind == 1.0)
