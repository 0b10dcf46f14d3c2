"""Population-based bandits: what is changed is where the model hopes for most, through the real session and again."""

from __future__ import annotations

import time

import numpy as np
import pytest
from stranger_job import train, tuned
from test_pbt import NOISY, WHOLE, best_constant, checked, noisy

import trimtab as tt
from trimtab import plugins
from trimtab.errors import ProblemError
from trimtab.ledger.event import Origin
from trimtab.schedule.pb2 import FEWEST, LATEST, Pb2
from trimtab.schedule.pbt import Pbt
from trimtab.schedule.protocol import Request
from trimtab.study.replay import replay
from trimtab.testing.simulated import SimulatedExecutor
from trimtab.testing.simulation import Simulation


def populated(scheduler: Pbt, workers: int, seed: int) -> tt.Study:
    executor = SimulatedExecutor(noisy, workers=workers, seconds=lambda task, step: 1.0 + task.number % 3)
    return tt.tune(
        noisy, NOISY, minimize="loss", fidelity=tt.Fidelity("epoch", 1, WHOLE), budget=8, optimizer="random",
        scheduler=scheduler, executor=executor, seed=seed, progress=False,
    )  # fmt: skip


def test_a_population_beats_the_best_constant_rate_and_its_schedule_replays() -> None:
    study = populated(Pb2(every=2), workers=8, seed=1)
    assert study.best_value < 0.7 * best_constant()
    schedule = study.schedule(study.best.number)
    assert tt.replay_schedule(noisy, schedule, seed=7).metrics == study.best.metrics
    replay(study.session.journal.read()).require_equal()


@pytest.mark.soak
def test_changes_chosen_by_a_model_end_lower_than_changes_by_chance() -> None:
    """On the workers where a population has it hardest: as many as members, of unequal speed."""
    by_chance, chosen = (
        np.log([populated(make(every=2), 8, seed).best_value for seed in range(3)]).mean() for make in (Pbt, Pb2)
    )
    assert chosen < by_chance - 0.1


def population(x: np.ndarray, losses: np.ndarray) -> Simulation:
    """Members that trained two intervals each, with x [p, 2] in the second, from a loss of 10 to `losses` [p]."""
    space = tt.Space(lr=tt.Float(0, 1), width=tt.Int(1, 8))
    problem = tt.Problem(space, (tt.minimize("loss"),), (tt.Fidelity("epoch", 1, 10),))
    run = Simulation(problem)
    for i in range(len(x)):
        number = run.put(x[i], Origin("test"), fidelity=(1.0,))
        run.start(number)
        run.tell(number, 10.0)
    for i in range(len(x)):
        number = run.put(x[i], Origin("test", "goes on"), fidelity=(2.0,), parent=i)
        run.start(number)
        run.tell(number, float(losses[i]))
    return run


def test_what_gained_most_is_what_is_gone_for_and_what_is_held_stays() -> None:
    lr = np.linspace(0.0, 1.0, 16)
    run = population(np.column_stack([lr, np.full(16, 3.0)]), 5.0 + np.abs(lr - 0.7))
    rows = []
    for seed in range(5):
        scheduler = Pb2(population=16, every=1, hold=["width"])
        scheduler.assign(run.table, Request(32, seed))
        rows.append(scheduler.changed(run.table, 16, np.random.default_rng(seed), np.array([False, True])))
    assert (np.array(rows)[:, 1] == 3.0).all()
    assert np.median(np.abs(np.array(rows)[:, 0] - 0.7)) < 0.1


def test_before_anything_is_known_changes_are_made_by_chance() -> None:
    run = population(np.array([[0.5, 2.0], [0.2, 3.0], [0.9, 4.0]]), np.array([1.0, 2.0, 3.0]))
    assert len(run.table) - 3 < FEWEST
    held = np.zeros(2, dtype=bool)
    rows = []
    for scheduler in (Pbt(population=4), Pb2(population=4)):
        scheduler.assign(run.table, Request(6, 0))
        rows.append(scheduler.changed(run.table, 3, np.random.default_rng(5), held))
    assert rows[0].tolist() == rows[1].tolist()


def test_where_nobody_of_a_generation_has_a_loss_changes_are_made_by_chance() -> None:
    run = population(np.column_stack([np.linspace(0.1, 0.9, 8), np.full(8, 3.0)]), np.linspace(1.0, 2.0, 8))
    for i in range(8):
        number = run.put(np.array([0.5, 3.0]), Origin("test", "goes on"), fidelity=(3.0,), parent=8 + i)
        run.start(number)
        run.fail(number)
    held, rows = np.zeros(2, dtype=bool), []
    for scheduler in (Pbt(population=8), Pb2(population=8)):
        scheduler.assign(run.table, Request(24, 0))
        rows.append(scheduler.changed(run.table, 16, np.random.default_rng(5), held))
    assert rows[0].tolist() == rows[1].tolist()


def test_options() -> None:
    made = plugins.load("schedulers", "pb2")(population=4, every=2, hold=["width"])
    assert made.to_json() == {"name": "pb2", "population": 4, "every": 2.0, "share": 0.25, "hold": ["width"]}
    with pytest.raises(ProblemError, match="Take a population of 4"):
        Pb2(population=3)
    with pytest.raises(TypeError):
        Pb2(factors=(0.8, 1.2))


def test_with_an_engine_on_a_store(tmp_path: object) -> None:
    executor = SimulatedExecutor(train, workers=3, seconds=lambda task, step: 1.0 + task.number % 3)
    with tuned("pb2", optimizer="tpe", executor=executor, store=f"sqlite:///{tmp_path}/t.db") as study:
        checked(study)


def test_a_change_takes_tens_of_milliseconds_in_a_long_study() -> None:
    rng = np.random.default_rng(0)
    run = population(np.column_stack([rng.random(4 * LATEST), np.full(4 * LATEST, 3.0)]), rng.random(4 * LATEST))
    scheduler = Pb2(population=4 * LATEST, every=1)
    scheduler.assign(run.table, Request(len(run.table), 0))
    taken = []
    for seed in range(5):
        began = time.process_time()
        scheduler.changed(run.table, 5, np.random.default_rng(seed), np.zeros(2, dtype=bool))
        taken.append(time.process_time() - began)
    assert np.median(taken) < 0.2
