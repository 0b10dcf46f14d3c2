"""Before the first trial: what a budget buys, what a space needs, and what to leave out."""

from __future__ import annotations

import trimtab as tt
from trimtab.ledger.event import Opened, Told
from trimtab.space.problem import Problem, minimize
from trimtab.study.beforehand import needs, plan
from trimtab.testing.simulation import Simulation

SPACE = tt.Space(
    lr=tt.Float(1e-5, 1e-1, log=True, priority=1),
    width=tt.Int(1, 64, priority=2),
    dropout=tt.Float(0, 1),
    seed=tt.Categorical([1]),
)


def pilot(seconds: list[float]) -> Simulation:
    run = Simulation(Problem(SPACE, (minimize("loss"),), cost="price"))
    run.add(Opened())
    for took in seconds:
        number = run.ask()[0]
        run.start(number)
        run.add(Told(number, {"loss": 1.0, "price": took}, seconds=took, cost=took))
    return run


def test_a_budget_of_trials() -> None:
    found = plan(SPACE, tt.Budget(trials=40), [])
    assert (found.bought, found.limit, found.needed, found.left_out) == (40, "trials", 24, ())
    assert found.sentence == (
        "the trials of the budget buy 40 trials; the space needs about 24 (8 for each of 3 parameters that are active "
        "at once): they fit"
    )


def test_sentences_are_true_of_few_trials_few_parameters_and_few_records() -> None:
    one = tt.Space(x=tt.Float(0, 1))
    assert plan(one, tt.Budget(trials=1), []).sentence == (
        "the trials of the budget buy 1 trial; the space needs about 8 (8 for each of 1 parameter that is active): "
        "they do not fit; raise the budget to 8 trials"
    )
    assert plan(one, tt.Budget(trials=8), []).sentence.endswith("they fit")
    table = pilot([0.001, 60.0]).table
    found = plan(SPACE, tt.Budget(cost=600.0), [table])
    assert found.sentence.startswith("the cost of the budget buys ")
    assert found.high is None
    assert f"({found.low} or more with 90%, by 2 on record)" in found.sentence


def test_what_does_not_fit_is_left_out_by_priority() -> None:
    found = plan(SPACE, tt.Budget(trials=17), [])
    assert found.left_out == ("dropout",)
    assert plan(SPACE, tt.Budget(trials=3), []).left_out == ("dropout", "width")
    assert "hold dropout at a value (fixed:), or raise the budget to 24 trials" in found.sentence
    one = plan(tt.Space(lr=tt.Float(1e-5, 1e-1, log=True)), tt.Budget(trials=5), [])
    assert one.left_out == ()
    assert one.sentence.endswith("they do not fit; raise the budget to 8 trials"), "nothing that could be left out"


def test_hours_and_cost_need_a_pilot() -> None:
    nothing = plan(SPACE, tt.Budget(hours=1), [])
    assert nothing.bought is None
    assert "--pilot 3" in nothing.sentence
    table = pilot([60.0, 70.0, 50.0, 60.0]).table
    alone, four = (plan(SPACE, tt.Budget(hours=1), [table], workers) for workers in (1, 4))
    assert 50 <= alone.bought <= 70
    assert 200 <= four.bought <= 280
    assert alone.low <= alone.bought <= alone.high
    assert (alone.limit, alone.rests_on) == ("hours", 4)
    both = plan(SPACE, tt.Budget(hours=1, cost=600.0, trials=500), [table])
    assert both.limit == "cost"
    assert 8 <= both.bought <= 11


def test_conditions_and_small_spaces_need_less() -> None:
    tree = tt.Space(kind=tt.Categorical(["a", "b"]), x=tt.Float(0, 1, when=tt.given("kind") == "a"))
    assert 11 <= needs(tree)[0] <= 13
    assert needs(tt.Space(kind=tt.Categorical(["a", "b", "c"])))[0] == 3
