"""When a search stands still: what counts as an improvement."""

from __future__ import annotations

from trimtab.model.observations import Observations
from trimtab.optim.random import Random
from trimtab.space.parameter import Float
from trimtab.space.problem import Metric, Problem, at_most, maximize, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation


def idle(*results: tuple[float, ...], metrics: tuple[Metric, ...]) -> list[int]:
    """Return for how long nothing has improved, after each of the results."""
    run = Simulation(Problem(Space(x=Float(0, 1)), metrics), Random())
    observations = Observations(run.problem)
    found = []
    for result in results:
        [number] = run.ask()
        run.start(number)
        run.tell(number, *result)
        observations.tell(run.table, number)
        found.append(observations.n_idle)
    return found


def test_of_one_objective_the_best_so_far_improves() -> None:
    assert idle((3.0,), (4.0,), (3.0,), (2.0,), (2.5,), metrics=(minimize("loss"),)) == [0, 1, 2, 0, 1]
    assert idle((3.0,), (4.0,), (2.0,), metrics=(maximize("accuracy"),)) == [0, 0, 1]


def test_polishing_the_last_digits_is_standing_still() -> None:
    """From 1.0, the median of the first, to 0.0 is the scale; a hundredth of it counts, at once or little by little."""
    results = [(1.0,)] * 9 + [(0.0,), (-0.002,), (-0.004,), (-0.011,), (-0.012,), (-0.5,)]
    assert idle(*results, metrics=(minimize("loss"),))[8:] == [8, 0, 1, 2, 0, 1, 0]


def test_of_two_objectives_what_nothing_was_as_good_as_improves() -> None:
    metrics = (minimize("loss"), maximize("speed"))
    results = [(3.0, 1.0), (4.0, 2.0), (3.0, 1.0), (4.0, 1.5), (2.0, 0.5), (1.0, 3.0), (2.0, 2.9)]
    assert idle(*results, metrics=metrics) == [0, 0, 1, 2, 0, 0, 1]


def test_until_constraints_are_met_breaking_them_by_less_improves() -> None:
    metrics = (minimize("loss"), at_most("memory", 1.0), at_most("seconds", 1.0))
    results = [(1.0, 5.0, 5.0), (0.5, 6.0, 5.0), (9.0, 6.0, 2.0), (9.0, 1.0, 1.0), (0.1, 1.5, 1.0), (8.0, 0.5, 0.5)]
    assert idle(*results, metrics=metrics) == [0, 1, 0, 0, 1, 0]
