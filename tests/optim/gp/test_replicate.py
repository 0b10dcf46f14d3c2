from __future__ import annotations

import numpy as np

from trimtab.model.labels import labelled
from trimtab.model.observations import Observations
from trimtab.optim.gp.replicate import leader_to_confirm
from trimtab.optim.gp.settings import Settings
from trimtab.space.parameter import Float
from trimtab.space.problem import Problem, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation

LOSS = (minimize("loss"),)


def told(losses: list[tuple[float, float]]) -> Observations:
    """Return what trials at x [0, 1] with these losses leave."""
    run = Simulation(Problem(Space(x=Float(0, 1)), LOSS))
    observations = Observations(run.problem)
    for x, loss in losses:
        number = run.enqueue(np.array([x]))
        run.start(number)
        run.tell(number, loss)
        observations.tell(run.table, number)
    return observations


LINE = [(i / 40, i / 40) for i in range(21)]


def test_the_leads_are_of_the_rows_that_are_looked_at() -> None:
    """Where the posterior holds a part of the configurations, their losses are not the first ones of all."""
    bowl = [(x, x * x) for x, _ in reversed(LINE)]  # flat near the best, which comes last
    observations = told([*bowl, (0.0, 0.006), (0.0, -0.006), (0.0, 0.006)])
    seen = labelled(observations, len(observations), None)
    for part in (seen, seen.take(np.arange(11, 21))):
        assert leader_to_confirm(observations, part, 0.0, 24, Settings()) is not None


def test_where_nothing_differs_nothing_is_confirmed() -> None:
    observations = told([(x, 1.0) for x, _ in LINE])
    assert (
        leader_to_confirm(observations, labelled(observations, len(observations), None), 1e-6, 24, Settings()) is None
    )


def test_noise_that_the_user_told_makes_the_leader_worth_a_repeat() -> None:
    observations = told(LINE)
    seen = labelled(observations, len(observations), None)
    assert leader_to_confirm(observations, seen, 0.0, 21, Settings()) is None
    seen.known[:] = 1.0
    assert leader_to_confirm(observations, seen, 0.0, 21, Settings()) is not None


def test_one_lucky_pair_does_not_end_repeats_and_an_identical_one_does() -> None:
    for second, repeats in ((1e-6, True), (0.0, False)):
        observations = told([*LINE, (0.0, second)])
        seen = labelled(observations, len(observations), None)
        assert (leader_to_confirm(observations, seen, 1.0, 21, Settings()) is not None) == repeats
