from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from trimtab.arrays import Floats
from trimtab.ledger.event import Origin
from trimtab.model.labels import Labelled
from trimtab.numerics.gp import N_SCALES, Data, Posterior
from trimtab.optim.gp import Gp
from trimtab.optim.gp.guard import advantage
from trimtab.space.parameter import Float
from trimtab.space.problem import Problem, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation

SPACE = Space(a=Float(0, 1), b=Float(0, 1))
BECAUSE = "a constant foretells"


def fitted(y: Floats, x: Floats) -> tuple[Posterior, Labelled]:
    n = len(y)
    theta = np.zeros(N_SCALES + 1)
    theta[:N_SCALES] = np.log([0.1, 1e-6, 1e-2])
    theta[N_SCALES:] = np.log(0.25)
    data = Data(x, y, np.zeros(x.shape[1], dtype=np.int64), 1, np.ones(n), np.zeros(n))
    return Posterior(data, theta), Labelled(x, -y, y, np.ones(n), np.zeros(n), np.arange(n))


def test_a_constant_is_judged_by_what_it_makes_of_all_others() -> None:
    rng = np.random.default_rng(0)
    y, x = rng.standard_normal(12), rng.random((12, 2))
    posterior, seen = fitted(y, x)
    by_hand = []
    for i in range(12):
        others = np.delete(y, i)
        variance = others.var(ddof=1) * (1 + 1 / 11)
        by_hand.append(-0.5 * (y[i] - others.mean()) ** 2 / variance - 0.5 * np.log(2 * np.pi * variance))
    expected = (posterior.leave_one_out() - by_hand)[-5:].mean()
    assert advantage(posterior, seen, 5) == pytest.approx(expected)


def test_a_process_has_the_advantage_on_a_slope_and_not_on_noise() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((40, 2))
    slope = x.sum(axis=1) - 1.0
    assert advantage(*fitted(slope, x), 20) > 0.5
    assert advantage(*fitted(rng.permutation(slope), x), 20) < 0.0


def bowl(x: Floats) -> float:
    return float(np.square(x - 0.4).sum())


def waves(x: Floats) -> float:
    """Return what is exact, and so fine that nothing foretells it."""
    return float(np.sin(1e4 * x.sum()))


def reasons(loss: Callable[[Floats], float], seed: int) -> list[str]:
    """Return why trials 25 to 33 are proposed, after 25 random ones."""
    run = Simulation(Problem(SPACE, (minimize("loss"),)), Gp(), seed)
    for x in SPACE.sample(np.random.default_rng(seed), 25):
        number = run.enqueue(x)
        run.start(number)
        run.tell(number, loss(x))
    whys = []
    for _ in range(9):
        proposal = run.propose()
        whys.append(proposal.reason(0))
        number = run.put(proposal.x[0], Origin(proposal.by, proposal.reason(0)))
        run.start(number)
        run.tell(number, loss(run.table.x[number]))
    return whys


def test_where_the_model_foresees_nothing_two_of_three_trials_explore_and_say_why() -> None:
    explores = [why.startswith(BECAUSE) for why in reasons(waves, 1)]
    assert sum(explores) >= 3
    assert not any(explores[i] for i in range(9) if (25 + i) % 3 == 0)


def test_where_it_foresees_what_trials_give_none_does() -> None:
    assert not any(why.startswith(BECAUSE) for why in reasons(bowl, 1))
