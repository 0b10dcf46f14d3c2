from __future__ import annotations

import pickle
import re
from dataclasses import replace

import numpy as np
import pytest

from trimtab.ledger.event import Told
from trimtab.optim.auto import Auto
from trimtab.optim.auto.turns import ELSEWHERE, REGION, SPREAD, TPE, Turns
from trimtab.space.parameter import Categorical, Float, Int
from trimtab.space.problem import Problem, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import PROBLEMS, Simulation, rough_history

LOSS = (minimize("loss"),)
PLAIN = Problem(Space(a=Float(0, 1), b=Float(0, 1), c=Int(0, 40)), LOSS)
LONG = [
    name
    for name, problem in PROBLEMS.items()
    if len(problem.objectives) == 1
    and not problem.fidelities
    and name not in ("six configurations", "one configuration")
]


def eager(**constants: float) -> Auto:
    """Return an engine whose arms take turns from the 12th result on, though a simulated trial takes a second."""
    engine = Auto()
    engine.settings = replace(engine.settings, long_from=12, quick_s=10.0, window=8, **constants)
    return engine


def turns_of(run: Simulation) -> Turns:
    assert isinstance(run.state.turns, Turns)
    return run.state.turns


def go_on(run: Simulation, n: int, seconds: float = 1.0) -> list[str]:
    """Run n trials on a bowl, and return who proposed each."""
    arms = []
    for _ in range(n):
        [number] = run.ask()
        run.start(number)
        u = run.problem.space.to_unit(run.table.x[number])
        loss = float(np.square(np.nan_to_num(u, nan=0.5) - 0.3).sum())
        run.add(Told(number, {"loss": loss}, 1, seconds=seconds))
        arms.append(run.table.origin(number).why.split(":")[0])
    return arms


@pytest.mark.parametrize("name", LONG)
def test_arms_cope_with_every_problem_and_all_that_may_happen(name: str) -> None:
    run = Simulation(PROBLEMS[name], eager())
    rough_history(run, 60, seed=3)
    run.propose()
    space = run.problem.space
    assert space.contains(run.table.x).all()
    assert turns_of(run).arm is not None
    several = run.propose(4)
    assert space.contains(several.x).all()


@pytest.mark.parametrize("name", ["continuous", "branches", "bounded metric", "choices"])
def test_whoever_opens_the_study_again_proposes_the_same(name: str) -> None:
    """What was asked on the way, and what was pickled, makes no difference."""
    run = Simulation(PROBLEMS[name], eager())
    rough_history(run, 70, seed=5)
    once = run.propose()
    again = Simulation(PROBLEMS[name], eager())
    for record in run.records[1:]:
        again.ledger.apply(record)
    assert again.propose().x.tobytes() == once.x.tobytes()
    assert again.propose().why == once.why
    again.state = pickle.loads(pickle.dumps(again.state))
    assert again.propose().x.tobytes() == once.x.tobytes()


def test_arms_say_why_it_is_their_turn() -> None:
    run = Simulation(PLAIN, eager())
    go_on(run, 12)
    assert set(go_on(run, 120)) >= {"region", "spread"}
    whys = [run.table.origin(number).why for number in range(12, len(run.table))]
    assert any("polishes the leader" in why for why in whys)
    assert any("explores; the region about the leader stood still" in why for why in whys)


def test_the_region_comes_first_and_finds_what_is_near() -> None:
    run = Simulation(PLAIN, eager())
    go_on(run, 12)
    before = float(run.table.losses()[:12].min())
    assert set(go_on(run, 20)) == {"region"}
    assert float(run.table.losses().min()) < 0.05 * before


def test_where_trials_take_long_the_process_goes_on() -> None:
    run = Simulation(PLAIN, eager())
    go_on(run, 12, seconds=60.0)
    assert set(go_on(run, 6, seconds=60.0)) == {"gp"}
    assert not turns_of(run).is_on


def test_nothing_of_it_acts_before_its_time() -> None:
    """A hundred trials are those of an engine that has no arms."""
    late, never = Simulation(PLAIN, Auto()), Simulation(PLAIN, Auto())
    never.optimizer.settings = replace(never.optimizer.settings, long_from=10**9)
    go_on(late, 40, seconds=0.01)
    go_on(never, 40, seconds=0.01)
    assert late.table.x.tobytes() == never.table.x.tobytes()
    assert turns_of(late).arm is None


def test_densities_come_first_where_most_is_a_choice() -> None:
    space = Space({f"c{i}": Categorical(tuple("abcde")) for i in range(5)} | {"x": Float(0, 1)})
    run = Simulation(Problem(space, LOSS), eager())
    go_on(run, 12)
    assert go_on(run, 1) == ["tpe"]


def test_an_arm_that_stands_still_gives_its_turn_away() -> None:
    """On a constant from where the arms begin on no turn wins: the densities and the generations alternate."""
    run = Simulation(PLAIN, eager())
    go_on(run, 12)
    arms = []
    for _ in range(150):
        [number] = run.ask()
        run.start(number)
        run.add(Told(number, {"loss": 5.0}, 1, seconds=0.01))
        arms.append(run.table.origin(number).why.split(":")[0])
    assert {"region", "spread", "tpe"} <= set(arms)
    longest = max(len(match.group(0)) for match in re.finditer(r"(.)\1*", "".join(arm[0] for arm in arms)))
    assert longest <= 60


def test_who_won_turns_gets_the_next() -> None:
    run = Simulation(PLAIN, eager())
    go_on(run, 13)
    turns = turns_of(run)
    turns._won |= {TPE: 3.0}
    turns._had |= {TPE: 3.0, SPREAD: 3.0, ELSEWHERE: 3.0}
    turns.arm, turns._polished = SPREAD, turns._elite[0]
    best, x = turns._elite[0], run.table.x[0].copy()
    turns._begun_at = best
    turns._next(run.state.gp.observations, best, x)
    assert turns.arm == TPE
    turns._had |= {TPE: 40.0}
    turns._next(run.state.gp.observations, best, x)
    assert turns.arm != TPE
    assert turns.arm != REGION


@pytest.mark.parametrize("name", ["two objectives", "fidelity"])
def test_no_arms_where_progress_is_not_one_number(name: str) -> None:
    run = Simulation(PROBLEMS[name], eager())
    rough_history(run, 20)
    run.propose()
    assert run.state.turns is None
