from __future__ import annotations

import numpy as np

from trimtab.arrays import rng_at
from trimtab.optim.gp import Gp, GpState
from trimtab.optim.gp.outlook import Outlook
from trimtab.optim.gp.score import Score
from trimtab.space.parameter import Float
from trimtab.space.problem import Problem, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation


def scored(space: Space, n: int, *, fails: bool = False) -> tuple[Simulation, Score]:
    """Return a study of n trials on a bowl, and what scores its next proposal."""
    run = Simulation(Problem(space, (minimize("loss"),)), Gp())
    for x in space.sample(np.random.default_rng(0), n):
        number = run.enqueue(x)
        run.start(number)
        if fails and x[0] > 0.8:
            run.fail(number, "oom")
        else:
            run.tell(number)
    run.propose()
    state: GpState = run.state
    return run, Score(state, run.table, Outlook(state, space, rng_at(0, n)))


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


def test_the_slope_is_that_of_the_improvement() -> None:
    space = Space(a=Float(0, 1), b=Float(0, 1))
    run, score = scored(space, 12)
    features = run.state.surrogate.features
    x = space.sample(np.random.default_rng(1), 4)
    value, slope = score.slope(features.embed(x))
    assert np.allclose(value, score.terms["improvement"](x))
    moved = x + np.array([1e-6, 0.0])
    rise = (score.terms["improvement"](moved) - value) / 1e-6
    assert np.allclose(rise, slope[:, 0], rtol=1e-3, atol=1e-3)
