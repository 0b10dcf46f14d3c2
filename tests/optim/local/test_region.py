from __future__ import annotations

import numpy as np
import pytest

from trimtab.optim.local.model import Near, _quadratic, fitted
from trimtab.optim.local.region import Region
from trimtab.optim.local.settings import LOCAL
from trimtab.space.parameter import Categorical, Float, Int
from trimtab.space.space import Space

SPACE = Space(a=Float(0, 1), b=Float(0, 1), c=Float(0, 1))
ELITE = 10.0


def begun(loss: float = 5.0) -> Region:
    region = Region(SPACE, LOCAL)
    region.begin(np.array([0.5, 0.5, 0.5]), (0.0, loss), 0)
    return region


def test_it_grows_with_improvements_and_shrinks_without() -> None:
    region = begun()
    for i in range(LOCAL.n_good):
        region.tell(np.full(3, 0.4), (0.0, 4.0 - i), ELITE, i)
    assert region.length == 2 * LOCAL.first_length
    for i in range(LOCAL.least_bad):
        region.tell(np.full(3, 0.3), (0.0, 6.0), ELITE, i)
    assert region.length == LOCAL.first_length
    assert (region.branch.row == 0.4).all()


def test_failures_and_last_digits_count_as_no_improvement() -> None:
    region = begun()
    for i in range(LOCAL.least_bad // 2):
        region.tell(np.full(3, 0.3), None, ELITE, i)
        region.tell(np.full(3, 0.4), (0.0, 5.0 - 1e-6 * (i + 1)), ELITE, i)
    assert region.length == LOCAL.first_length / 2
    assert region.best == (0.0, 5.0 - 1e-6 * (LOCAL.least_bad // 2))  # though it moves there


def test_meeting_a_constraint_is_an_improvement_whatever_the_loss() -> None:
    region = Region(SPACE, LOCAL)
    region.begin(np.full(3, 0.5), (1.0, 0.0), 0)
    region.tell(np.full(3, 0.4), (0.0, 100.0), ELITE, 1)
    assert region.best == (0.0, 100.0)


def test_without_an_improvement_it_is_over_at_last() -> None:
    region = begun()
    n = 0
    while not region.is_over:
        region.tell(np.full(3, 0.3), (0.0, 9.0), ELITE, n)
        n += 1
    assert n == LOCAL.least_bad * 9


def test_the_next_lies_apart() -> None:
    region = begun()
    region.leave()
    x = np.array([[0.5, 0.5, 0.52], [0.9, 0.1, 0.5], [0.1, 0.1, 0.1]])
    assert region.elsewhere(x, np.array([0.0, 2.0, 1.0]), 0.1) == 2
    assert region.elsewhere(x[:1], np.zeros(1), 0.1) is None


def near(u, losses) -> Near:
    return Near(u, np.empty((len(u), 0)), losses, np.ones(len(u)), np.empty(0, dtype=np.int64), 0)


def test_the_axes_are_those_of_the_landscape() -> None:
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    u = rng.random((90, 5))
    losses = (np.square((u - 0.5) @ axes) * [1.0, 10.0, 100.0, 1e3, 1e4]).sum(axis=1)
    frame = fitted(near(u, losses), np.full(5, 0.5), np.empty(0), 0.4, LOCAL)
    agree = np.abs(frame.axes.T @ axes)  # of each pair of axes the cosine
    assert np.sort(agree.max(axis=0))[1:].min() > 0.95
    order = np.argsort(agree.argmax(axis=1))
    assert frame.reach[order][0] > 3.0 * frame.reach[order][-1]


def test_a_quadratic_that_foresees_nothing_gives_no_axes() -> None:
    rng = np.random.default_rng(0)
    w = rng.standard_normal((60, 4))
    assert _quadratic(w, rng.standard_normal(60), LOCAL.foreseen) is None
    assert _quadratic(w, np.square(w).sum(axis=1), LOCAL.foreseen) is not None


@pytest.mark.parametrize("n", [2, 5])
def test_a_few_rows_are_enough(n: int) -> None:
    rng = np.random.default_rng(0)
    frame = fitted(near(rng.random((n, 3)), rng.random(n)), np.full(3, 0.5), np.empty(0), 0.4, LOCAL)
    assert np.isfinite(frame.theta).all()
    assert frame.covariance().shape == (3, 3)


def test_axes_and_places_go_there_and_back() -> None:
    rng = np.random.default_rng(0)
    u = rng.random((40, 3))
    frame = fitted(near(u, np.square(u @ [3.0, 1.0, 0.2]).ravel()), np.full(3, 0.5), np.empty(0), 0.2, LOCAL)
    assert np.allclose(frame.places(frame.coordinates(u)), u)


def test_choices_and_integers_have_branches_of_their_own_kind() -> None:
    space = Space(c=Categorical(("p", "q", "r")), n=Int(0, 3), x=Float(0, 1))
    region = Region(space, LOCAL)
    region.begin(np.array([2.0, 1.0, 0.5]), (0.0, 1.0), 0)
    branch = region.branch
    assert branch.choices(np.array([[2.0, 1.0, 0.5], [0.0, 1.0, 0.5]])).tolist() == [
        [0.0, 0.0, 0.5**0.5],
        [0.5**0.5, 0.0, 0.0],
    ]
    x, fits = branch.rows(np.array([[0.9, 0.25]]), np.array([[1.0]]), None)
    assert fits.all()
    assert x.tolist() == [[1.0, 3.0, 0.25]]
