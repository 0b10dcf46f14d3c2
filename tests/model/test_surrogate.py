"""Which warps are chosen for what kind of objective, and that the choice depends on nothing but what was told."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from trimtab.arrays import Floats
from trimtab.model.failures import FailureFits
from trimtab.model.features import Features
from trimtab.model.labels import labelled
from trimtab.model.observations import Observations
from trimtab.model.surrogate import Surrogate
from trimtab.numerics.warp import FAR_REACH
from trimtab.space.condition import given
from trimtab.space.parameter import Categorical, Float
from trimtab.space.problem import Problem, at_most, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation

SQUARE = Space(x=Float(0, 1), y=Float(0, 1))


def bowl(x: Floats) -> float:
    return float(((x - 0.4) ** 2).sum())


def cliffs(x: Floats) -> float:
    """Smooth where it is good, and of any size elsewhere."""
    return bowl(x) + (x[0] > 0.55) / (1e-3 + abs(np.sin(37 * x[1])))


def told(space: Space, loss: Callable[[Floats], float], n: int, seed: int) -> Observations:
    run = Simulation(Problem(space, (minimize("loss"),)))
    observations = Observations(run.problem)
    for x in space.sample(np.random.default_rng(seed), n):
        number = run.enqueue(x)
        run.start(number)
        run.tell(number, loss(x))
        observations.tell(run.table, number)
    return observations


def surrogate(space: Space) -> Surrogate:
    return Surrogate(Features(space), np.ones(len(space)), is_tree=space.is_conditional)


@pytest.mark.parametrize(("loss", "reach"), [(bowl, FAR_REACH), (cliffs, 1.0)])
@pytest.mark.parametrize("seed", range(4))
def test_the_worse_half_keeps_its_distances_only_where_they_help(
    loss: Callable[[Floats], float], reach: float, seed: int
) -> None:
    model = surrogate(SQUARE)
    observations = told(SQUARE, loss, 25, seed)
    assert model.fit(observations, 19).reach == 1.0, "too few rows to tell"
    assert model.fit(observations, 25).reach == reach


def test_the_unit_of_the_losses_chooses_nothing() -> None:
    def fitted(scale: float) -> tuple[float, Floats]:
        found = surrogate(SQUARE).fit(told(SQUARE, lambda x: scale * cliffs(x), 25, 1), 25)
        return found.reach, found.theta

    usual = fitted(1.0)
    for scale in (2.0**-300, 2.0**300):
        reach, theta = fitted(scale)
        assert reach == usual[0]
        np.testing.assert_allclose(theta, usual[1], rtol=1e-6)


def test_in_a_space_with_conditions_distances_are_always_kept() -> None:
    space = Space(kind=Categorical(("flat", "steep")), x=Float(0, 1, when=given("kind") == "steep"), y=Float(0, 1))
    observations = told(space, lambda x: cliffs(np.nan_to_num(x[1:])), 25, 0)
    assert {surrogate(space).fit(observations, n).reach for n in (5, 20, 25)} == {FAR_REACH}


def test_a_fit_depends_on_what_was_told_and_not_on_when_it_was_asked() -> None:
    observations = told(SQUARE, cliffs, 50, 2)
    often, once = surrogate(SQUARE), surrogate(SQUARE)
    for n in range(2, 50):
        often.fit(observations, n)
    one, other = often.fit(observations, 50), once.fit(observations, 50)
    np.testing.assert_array_equal(one.theta, other.theta)
    assert one.reach == other.reach


def test_each_constraint_counts_in_its_own_unit() -> None:
    """Milliseconds and gigabytes: were breaches compared as numbers, only the latency would be learned."""
    problem = Problem(SQUARE, (minimize("loss"), at_most("ms", 100.0), at_most("gb", 1.0)))
    run = Simulation(problem)
    observations = Observations(problem)
    breaches = [(0.0, 0.0), (900.0, 0.0), (0.0, 9.0), (450.0, 0.0), (0.0, 4.5), (450.0, 4.5)]
    for i, (ms, gb) in enumerate(breaches):
        number = run.enqueue(np.array([0.1 * i, 0.5]))
        run.start(number)
        run.tell(number, 0.5, 100.0 + ms, 1.0 + gb)
        observations.tell(run.table, number)
    losses = labelled(observations, len(breaches), None).losses
    assert losses[1] == losses[2] == losses[5]
    assert losses[3] == losses[4]
    assert losses[0] < losses[3] < losses[1]


def failing(space: Space, n: int, seed: int) -> tuple[Observations, FailureFits]:
    run = Simulation(Problem(space, (minimize("loss"),)))
    observations = Observations(run.problem)
    for i, x in enumerate(space.sample(np.random.default_rng(seed), n)):
        number = run.enqueue(x)
        run.start(number)
        if x[0] > 0.7:
            run.fail(number, "oom" if i % 3 else "nan")
        else:
            run.tell(number, bowl(x))
        observations.tell(run.table, number)
    return observations, FailureFits(Features(space))


def test_failures_are_fitted_as_of_the_latest_that_is_due() -> None:
    """A study that was opened again, and so asks only late, comes to the same as one that asked all the way."""
    lately, fits = failing(SQUARE, 70, 0)
    kinds = np.unique(lately.failure.view)
    assert len(kinds) == 2
    often = FailureFits(fits.features)
    for n in range(20, 71):
        early, _ = failing(SQUARE, n, 0)
        for kind in np.unique(early.failure.view):
            often.theta(early, float(kind))
    for kind in kinds:
        np.testing.assert_array_equal(often.theta(lately, float(kind)), fits.theta(lately, float(kind)))


def test_a_fit_is_carried_into_a_space_that_has_learned_a_parameter_until_the_next_doubling() -> None:
    def steep(x: Floats) -> float:
        return float((x[0] ** 9 - 0.2) ** 2 + (x[1] - 0.6) ** 2)

    def wide(observations: Observations, n: int) -> Observations:
        """Return the same trials as the grown space has them."""
        run = Simulation(Problem(SQUARE, (minimize("loss"),)))
        found = Observations(Problem(grown, (minimize("loss"),)))
        for x in observations.x.view[:n]:
            number = run.enqueue(x)
            run.start(number)
            run.tell(number, steep(x))
        run.grow("c", grown["c"])
        run.grow("z", grown["z"])
        for number in range(n):
            found.tell(run.table, number)
        return found

    grown = SQUARE.with_parameter("c", Categorical(("p", "q"))).with_parameter("z", Float(0, 1))
    observations = told(SQUARE, steep, 50, 0)
    before = Surrogate(Features(SQUARE), np.ones(2), is_tree=False)
    after = Surrogate(Features(grown), np.ones(4), is_tree=False)
    after.carry(before, observations)
    old, new = before.fit(observations, 50), after.fit(wide(observations, 50), 50)
    assert old.curves is not None, "else nothing of warps is seen here"
    assert new.curves is not None
    assert new.reach == old.reach
    np.testing.assert_array_equal(new.theta, [*old.theta, 0.0, 0.0])
    np.testing.assert_array_equal(new.curves.log_a, [*old.curves.log_a, 0.0])
    np.testing.assert_array_equal(new.curves.log_b, [*old.curves.log_b, 0.0])
    fresh = Surrogate(Features(grown), np.ones(4), is_tree=False)
    more = wide(told(SQUARE, steep, 90, 0), 90)
    assert not np.array_equal(after.fit(more, 60).theta, fresh.fit(more, 60).theta)
    for n in (45, 80, 90):
        np.testing.assert_array_equal(after.fit(more, n).theta, fresh.fit(more, n).theta)
