from __future__ import annotations

import numpy as np

from trimtab.arrays import rng_at
from trimtab.optim.local.settings import LOCAL
from trimtab.optim.local.spread import Spread
from trimtab.space.condition import given
from trimtab.space.parameter import Categorical, Float, Int
from trimtab.space.space import Space

MIXED = Space(x=Float(0, 1), n=Int(0, 9), c=Categorical(("p", "q", "r")))
TREE = Space(kind=Categorical(("a", "b")), x=Float(0, 1, when=given("kind") == "a"), z=Float(0, 1))


def learned(spread: Spread, n: int, loss) -> None:
    for number in range(n):
        found = spread.ask(rng_at(0, number), None)
        assert found is not None
        spread.tell(found[0], (0.0, loss(found[0])), number)


def test_it_learns_numbers_integers_and_choices_together() -> None:
    spread = Spread(MIXED, LOCAL)
    spread.begin(np.array([0.2, 1.0, 0.0]), None)
    learned(spread, 40 * spread.size, lambda x: (x[0] - 0.6) ** 2 + (x[1] - 7.0) ** 2 + (x[2] != 2.0))
    assert abs(float(spread.evolution.mean[0]) - 0.6) < 0.05
    assert int(10 * spread.evolution.mean[1]) == 7
    assert int(np.argmax(spread.frequencies[0])) == 2


def test_what_is_discrete_never_freezes() -> None:
    """However sharp the distribution has become, another value is drawn now and then."""
    spread = Spread(MIXED, LOCAL)
    spread.begin(np.array([0.5, 4.0, 1.0]), None)
    spread.evolution.sigma = 1e-9
    spread.frequencies[0] = np.array([0.0, 1.0, 0.0])
    spread._move_frequencies(np.array([[1.0]] * 5), 3)
    rows = np.array([spread.ask(rng_at(0, number), None)[0] for number in range(300)])
    off = (rows[:, 1] != 4.0) | (rows[:, 2] != 1.0)
    assert 0.05 < off.mean() < 0.5


def test_it_keeps_to_its_branch_and_learns_nothing_of_others() -> None:
    spread = Spread(TREE, LOCAL)
    spread.begin(np.array([0.0, 0.5, 0.5]), None)
    rows = np.array([spread.ask(rng_at(0, number), None)[0] for number in range(30)])
    assert (rows[:, 0] == 0.0).all()
    spread.tell(np.array([1.0, np.nan, 0.5]), (0.0, -1.0), 0)
    assert not spread.members


def test_failed_trials_fill_a_generation_as_its_last() -> None:
    spread = Spread(MIXED, LOCAL)
    spread.begin(np.array([0.5, 4.0, 1.0]), None)
    for number in range(spread.size):
        x = spread.ask(rng_at(0, number), None)[0]
        spread.tell(x, None if x[0] > 0.5 else (0.0, 1.0 + x[0]), number)
    assert spread.generation == 1
    assert spread.evolution.mean[0] < 0.5


def test_equal_results_are_no_reason_to_drift() -> None:
    spread = Spread(MIXED, LOCAL)
    spread.begin(np.array([0.5, 4.0, 1.0]), None)
    before = spread.evolution.mean.copy()
    learned(spread, 3 * spread.size, lambda _: 1.0)
    assert spread.generation == 3
    assert (spread.evolution.mean == before).all()


def test_runs_take_turns_in_shape_and_grow_in_pairs() -> None:
    spread, x = Spread(MIXED, LOCAL), np.array([0.5, 4.0, 1.0])
    sizes, narrow = [], []
    for _ in range(4):
        narrow.append(spread.is_narrow)
        spread.begin(x, np.eye(2) if spread.is_narrow else None)
        sizes.append(spread.size)
    assert narrow == [True, False, True, False]
    assert sizes == [sizes[0]] * 2 + [2 * sizes[0]] * 2
