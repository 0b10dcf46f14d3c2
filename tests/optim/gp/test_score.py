from __future__ import annotations

import numpy as np
import pytest

from trimtab.arrays import rng_at
from trimtab.optim.gp import Gp, GpState
from trimtab.optim.gp.outlook import Outlook
from trimtab.optim.gp.score import Score
from trimtab.space.parameter import Float
from trimtab.space.problem import Metric, Problem, at_most, maximize, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation


def scored(space: Space, n: int, *metrics: Metric, fails: bool = False) -> tuple[Simulation, Score]:
    """Return a study of n trials on a bowl, and what scores its next proposal."""
    run = Simulation(Problem(space, metrics or (minimize("loss"),)), Gp())
    for x in space.sample(np.random.default_rng(0), n):
        number = run.enqueue(x)
        run.start(number)
        if fails and x[0] > 0.8:
            run.fail(number, "oom")
        else:
            run.tell(number)
    run.propose()
    state: GpState = run.state
    return run, Score(state, run.table, Outlook(state, space, rng_at(0, n), n))


def test_a_score_is_the_sum_of_the_terms_that_apply() -> None:
    plain = Space(a=Float(0, 1), b=Float(0, 1))
    assert [*scored(plain, 12)[1].terms] == ["improvement"]
    believed = Space(a=Float(0, 1, prior=0.1, default=0.5), b=Float(0, 1))
    wide = Space({f"x{i}": Float(0, 1) for i in range(20)})
    assert [*scored(wide, 12)[1].terms] == ["improvement", "trust region"]
    _, score = scored(believed, 20, fails=True)
    assert [*score.terms] == ["improvement", "prior", "failures"]
    x = believed.sample(np.random.default_rng(1), 5)
    assert np.allclose(score(x), np.sum([term(x) for term in score.terms.values()], axis=0))


SEVERAL: dict[str, tuple[Metric, ...]] = {
    "improvement": (minimize("loss"),),
    "improvement, constraints": (minimize("loss"), at_most("ms", 0.1), at_most("gb", 0.2)),
    "constraints": (minimize("loss"), at_most("ms", -0.1), at_most("gb", 0.2)),
    "hypervolume": (minimize("loss"), maximize("speed")),
    "hypervolume, constraints": (minimize("loss"), minimize("ms"), minimize("gb"), at_most("usd", 0.3)),
}


@pytest.mark.parametrize("terms", SEVERAL)
def test_the_slope_is_that_of_what_the_models_say(terms: str) -> None:
    space = Space(a=Float(0, 1), b=Float(0, 1))
    _, score = scored(space, 12, *SEVERAL[terms])
    assert ", ".join(score.terms) == terms
    x = space.sample(np.random.default_rng(1), 4)
    climb = score.slope(x)
    value, slope = climb(x)
    assert np.allclose(value, score(x))
    for k in range(2):
        step = 1e-6 * (np.arange(2) == k)
        rise = (climb(x + step)[0] - climb(x - step)[0]) / 2e-6
        assert np.allclose(rise, slope[:, k], rtol=1e-3, atol=1e-3)


def test_of_more_objectives_than_four_one_label_is_made_and_constraints_stay_apart() -> None:
    space = Space(a=Float(0, 1), b=Float(0, 1))
    objectives = tuple(minimize(f"m{i}") for i in range(5))
    _, score = scored(space, 12, *objectives, at_most("ms", 0.2))
    assert [*score.terms] == ["improvement", "constraints"]
