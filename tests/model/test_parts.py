"""What some folds of a trial tell the models."""

from __future__ import annotations

import numpy as np
import pytest

from trimtab.ledger.curves import AT_END
from trimtab.ledger.event import Origin
from trimtab.model.observations import Observations
from trimtab.space.parameter import Float
from trimtab.space.problem import Problem, maximize, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation

K = 4
HARD = np.array([0.0, 0.1, 0.2, 5.0])
REST = 0.05


def study(sign: float = 1.0) -> tuple[Simulation, Observations]:
    """Return a study in which 12 trials of mean loss 2, 3, ... have all folds, and what models know of it."""
    problem = Problem(Space(x=Float(0, 1)), (minimize("loss") if sign > 0 else maximize("loss"),), folds=K)
    run, known = Simulation(problem), Observations(problem)
    rng = np.random.default_rng(0)
    for i in range(12):
        losses = 2.0 + i + HARD - HARD.mean() + REST * rng.normal(size=K)
        _put(run, known, i / 20, dict(enumerate((sign * losses).tolist())))
    return run, known


def _put(run: Simulation, known: Observations, x: float, losses: dict[int, float]) -> None:
    number = run.put(np.array([x]), Origin("user"))
    run.start(number)
    for fold, loss in losses.items():
        run.report(number, AT_END, fold, loss=loss)
    mean = float(np.mean(list(losses.values())))
    if len(losses) == K:
        run.tell(number, mean)
    else:
        run.stop(number, loss=mean)
    known.tell(run.table, number)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("folds", [(0,), (3,), (1, 3)])
def test_a_part_counts_as_the_mean_over_all_folds_and_how_unsure_that_is(folds, sign):
    run, known = study(sign)
    _put(run, known, 0.9, {fold: sign * float(7.0 + HARD[fold] - HARD.mean()) for fold in folds})
    found = known.results(len(known))
    assert found.losses[-1, 0] == pytest.approx(7.0, abs=3 * REST), "freed of what its folds do"
    assert found.known[-1, 0] == pytest.approx(REST**2 * (1 / len(folds) - 1 / K), rel=0.7)
    assert not found.known[:-1].any(), "what all folds were run of is compared with its like"
    assert known.deviation(len(known)) == (pytest.approx(np.nan, nan_ok=True), 0), "a part is no repeat"


def test_what_folds_do_is_learned_as_the_log_grows_and_earlier_lengths_stay():
    run, known = study()
    _put(run, known, 0.9, {3: 12.0})
    length = len(known)
    before = known.results(length).losses[-1, 0]
    for i in range(12):
        _put(run, known, 0.3 + i / 100, dict.fromkeys(range(K), 5.0))  # folds do nothing to these
    assert known.results(length).losses[-1, 0] == before, "a model of that length is fitted to the same"
    assert known.results(len(known)).losses[length - 1, 0] != before
    again = Observations(run.problem)
    for row in run.table.order.tolist():
        again.tell(run.table, row)
    for n in (length, len(known)):
        np.testing.assert_array_equal(again.results(n).losses, known.results(n).losses)
        np.testing.assert_array_equal(again.results(n).known, known.results(n).known)


def test_a_part_is_no_improvement_and_no_repeat():
    run, known = study()
    idle = known.n_idle
    _put(run, known, 0.0, {0: -99.0})
    assert known.n_idle == idle + 1
    assert known.deviation(len(known))[1] == 0, "of the configuration of the first trial, but a part"
