from __future__ import annotations

import numpy as np

from trimtab.ledger.event import Told
from trimtab.optim.auto import Auto
from trimtab.optim.auto.settings import AutoSettings
from trimtab.space.parameter import Float
from trimtab.space.problem import Problem, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation

SPACE = Space(a=Float(0, 1), b=Float(0, 1), c=Float(0, 1))


def told(n: int, seconds: float = 5.0) -> Simulation:
    """Return a study of random trials on a bowl, before the engine is asked."""
    run = Simulation(Problem(SPACE, (minimize("loss"),)), Auto())
    rng = np.random.default_rng(0)
    for x in [SPACE.default_row(), *SPACE.sample(rng, n - 1)]:
        number = run.enqueue(x)
        run.start(number)
        run.add(Told(number, {"loss": float(((x - 0.4) ** 2).sum())}, 1, seconds=seconds))
    return run


def test_no_one_leads_before_there_were_two_checks() -> None:
    run = told(70)
    run.propose()
    assert run.state.race.lead(run.state.gp.observations, run.state.gp.surrogate) is None


def test_on_a_smooth_bowl_the_process_foresees_better() -> None:
    run = told(120)
    proposal = run.propose()
    lead = run.state.race.lead(run.state.gp.observations, run.state.gp.surrogate)
    assert lead is not None
    assert lead < 0.0
    assert proposal.reason(0).startswith("gp: ")


def test_many_trials_do_not_tilt_it() -> None:
    """The good are 25 of 1,000: were the densities' word taken for that of a tenth, they would lose by it."""
    run = told(1000)
    run.propose()
    observations, surrogate = run.state.gp.observations, run.state.gp.surrogate
    few, many = (run.state.race._check(observations, surrogate, length) for length in (240, 1000))
    assert many > few - 0.1


def test_who_foresees_better_proposes() -> None:
    run = told(120)
    run.propose()
    for length in list(run.state.race._leads):
        run.state.race._leads[length] = 2 * AutoSettings().margin
    assert run.propose().reason(0).startswith("tpe: ")
    assert "foresees results better" in run.propose().reason(0)


def test_checks_are_a_function_of_the_log() -> None:
    in_steps, at_once = told(85), told(120)
    in_steps.propose()
    in_steps.propose()
    for record in at_once.records[len(in_steps.records) :]:
        in_steps.add(record.event)
        if len(in_steps.table.order) % 7 == 0:
            in_steps.propose()
    in_steps.propose()
    at_once.propose()
    last = [run.state.race.lead(run.state.gp.observations, run.state.gp.surrogate) for run in (in_steps, at_once)]
    assert last[0] == last[1]


def test_many_quick_trials_go_to_the_arms_of_long_studies() -> None:
    assert told(520, seconds=0.01).propose().reason(0).startswith(("region: ", "spread: ", "tpe: "))
    assert told(520, seconds=5.0).propose().reason(0).startswith("gp: ")
