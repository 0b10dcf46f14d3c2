"""Population-based training: who takes over from whom, what is changed, and the schedule that is found."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stranger_job import EPOCHS, POINT, loss_of, train, tuned

import trimtab as tt
from trimtab.errors import ObjectiveError, ProblemError, TrialError
from trimtab.ledger.event import Origin
from trimtab.ledger.table import COMPLETE, FAILED
from trimtab.schedule.found import n_parts
from trimtab.schedule.pb2 import Pb2
from trimtab.schedule.pbt import Pbt, intervals
from trimtab.schedule.protocol import Continue, Request, Wait
from trimtab.schedule.rungs import one_fidelity
from trimtab.study.replay import replay
from trimtab.study.savings import savings
from trimtab.surfaces.cli.facts import best_remarks
from trimtab.surfaces.cli.rungs import seen
from trimtab.testing.simulated import SimulatedExecutor, Tabulated
from trimtab.testing.simulation import PROBLEMS, Simulation

KILLS = int(os.environ.get("TRIMTAB_KILLS", "12"))
NOISY = tt.Space(lr=tt.Float(1e-3, 1.0, log=True))
WHOLE = 40


def step_of(variance: float, lr: float) -> float:
    """Return the variance after a step of SGD on x²/2 with gradients of variance 1 (Zhang et al., 2019, equation 4).

    A large learning rate is best while the variance is large, and ever smaller ones after.
    """
    return (1.0 - lr) ** 2 * variance + lr**2


def noisy(trial: tt.Trial) -> float:
    path = trial.checkpoint_dir / "variance.json"
    variance = 100.0 if trial.checkpoint is None else json.loads(path.read_text())
    for epoch in trial.steps():
        variance = step_of(variance, trial.params["lr"])
        path.write_text(json.dumps(variance))
        trial.mark_checkpoint(epoch)
        trial.report(epoch, loss=variance)
    return variance


def best_constant() -> float:
    best = np.inf
    for lr in np.geomspace(1e-3, 1.0, 2000).tolist():
        variance = 100.0
        for _ in range(WHOLE):
            variance = step_of(variance, lr)
        best = min(best, variance)
    return best


def populated(workers: int = 3, seed: int = 0, **more) -> tt.Study:
    options = {"every": 2} | more
    executor = SimulatedExecutor(noisy, workers=workers, seconds=lambda task, step: 1.0 + task.number % 3)
    return tt.tune(
        noisy, NOISY, minimize="loss", fidelity=tt.Fidelity("epoch", 1, WHOLE), budget=8, optimizer="random",
        scheduler=Pbt(**options), executor=executor, seed=seed, progress=False,
    )  # fmt: skip


# What it finds


@pytest.fixture(scope="module")
def found() -> tt.Study:
    return populated()


@pytest.mark.parametrize(("workers", "seed"), [(1, 0), (3, 0), (8, 0), (8, 1)])
def test_a_population_of_8_beats_the_best_constant_rate_and_its_schedule_replays(workers: int, seed: int) -> None:
    study = populated(workers, seed)
    assert study.table.n_begun == 8
    assert study.best_value < 0.85 * best_constant()
    schedule = study.schedule(study.best.number)
    assert [(each.begin, each.end) for each in schedule] == [(at, at + 2.0) for at in range(0, WHOLE, 2)]
    again = tt.replay_schedule(noisy, json.loads(json.dumps(schedule.to_json())), seed=7)
    assert again.metrics == study.best.metrics
    assert [step for step, _ in again.reports] == list(range(1, WHOLE + 1))
    assert json.loads((again.checkpoint_dir / "variance.json").read_text()) == study.best_value
    replay(study.session.journal.read()).require_equal()


def test_each_row_says_from_whom_it_took_over_and_what_changed(found: tt.Study) -> None:
    table = found.table
    n_taken = 0
    for row in np.flatnonzero(table.parent >= 0).tolist():
        parent, why = int(table.parent[row]), table.origin(row).why
        if why.startswith("goes on"):
            assert table.x[row] == table.x[parent]
            continue
        n_taken += 1
        before, now = (table.trial(each).params["lr"] for each in (parent, row))
        assert why.startswith(f"takes over from trial {parent}, ")
        assert why.endswith(f"; lr {before:.4g} → {now:.4g}")
        replaced = int(why.split("in place of trial ")[1].split(",")[0])
        assert table.losses()[replaced, 0] > table.losses()[parent, 0]
        assert replaced not in table.parent, "whose place was taken goes on no more"
    assert n_taken > 10
    assert len(table) == 8 * 20 + sum(table.fidelity[table.parent < 0, 0] != 2)


def test_nobody_waits_for_the_slowest() -> None:
    """One member takes a hundred times as long; the others are at the end before it."""
    slow = SimulatedExecutor(noisy, workers=8, seconds=lambda task, step: 100.0 if task.number == 5 else 1.0)
    study = tt.tune(
        noisy, NOISY, minimize="loss", fidelity=tt.Fidelity("epoch", 1, WHOLE), budget=8, optimizer="random",
        scheduler=Pbt(every=2), executor=slow, seed=0, progress=False,
    )  # fmt: skip
    table = study.table
    at_end = table.ended_at[table.fidelity[:, 0] == WHOLE]
    assert (at_end < table.ended_at[5]).sum() == 7
    assert len(at_end) == 8


def test_trials_that_fail_are_replaced_but_not_for_ever() -> None:
    def breaks(trial: tt.Trial) -> float:
        loss = noisy(trial)
        if trial.fidelity["epoch"] == 8 or trial.number == 3:
            raise ValueError("broken at 8")
        return loss

    study = tt.tune(
        breaks, NOISY, minimize="loss", fidelity=tt.Fidelity("epoch", 1, WHOLE), budget=8, optimizer="random",
        scheduler=Pbt(every=2), executor=SimulatedExecutor(breaks, workers=3), seed=0, progress=False,
    )  # fmt: skip
    table = study.table
    assert (table.state[table.fidelity[:, 0] == 8] == FAILED).all()
    assert (table.fidelity[:, 0] == 8).sum() == 16, "each of eight, and once in its place"
    assert any("in place of trial 3, which ended early" in trial.why for trial in study.trials)
    replay(study.session.journal.read()).require_equal()


def test_parameters_that_are_held_go_with_their_checkpoint() -> None:
    space = tt.Space(lr=tt.Float(1e-3, 1, log=True), width=tt.Ordinal([16, 32, 64, 128]))
    table = Tabulated(lambda params, epoch: (params["lr"] + params["width"] / 100 + 1 / epoch, 60.0))
    study = tt.tune(
        table, space, minimize="loss", fidelity=tt.Fidelity("epoch", 1, 20), budget=8, optimizer="random",
        scheduler=Pbt(every=1, hold=["width"]), executor=table.executor(2), seed=0, progress=False,
    )  # fmt: skip
    columns = study.table
    kids = np.flatnonzero(columns.parent >= 0)
    assert (columns.x[kids, 1] == columns.x[columns.parent[kids], 1]).all()
    assert (columns.x[kids, 0] != columns.x[columns.parent[kids], 0]).any()
    with pytest.raises(ProblemError, match=r"'widht', which is no parameter.*width"):
        Pbt(hold=["widht"]).assign(columns, Request(len(columns), 0))


def test_what_may_not_be_continued_any_more_stays_so() -> None:
    run, scheduler = Simulation(PROBLEMS["fidelity"], scheduler=Pbt(every=1)), Pbt(every=1)
    over: set[int] = set()
    rng = np.random.default_rng(1)
    running: list[int] = []
    for _ in range(300):
        number = run.next() if len(running) < 5 else None
        if number is not None:
            run.start(number)
            running.append(number)
            continue
        if not running:
            break
        number = running.pop(int(rng.integers(len(running))))
        if rng.random() < 0.05:
            run.fail(number)
        else:
            run.tell(number, float(rng.random()))
        may = scheduler.may_continue(run.table)
        assert not any(may[row] for row in over)
        over |= {row for row in range(len(run.table)) if not may[row] and run.table.state[row] >= COMPLETE}
    assert len(over) > 40
    assert (run.table.fidelity[:, 0] == 9).sum() >= 6


# What is changed


@pytest.mark.parametrize("name", PROBLEMS)
@settings(max_examples=15)
@given(seed=st.integers(0, 2**32), resample=st.sampled_from([0.0, 0.25, 1.0]))
def test_what_is_explored_is_in_the_space(name: str, seed: int, resample: float) -> None:
    space = PROBLEMS[name].space
    rng = np.random.default_rng(seed)
    x = space.sample(rng, 1)[0]
    scheduler = Pbt(resample=resample, hold=space.names[:1])
    found = scheduler.explored(space, x, rng, scheduler._held(space))
    assert space.fault(found) == ""
    assert np.array_equal(found[:1], x[:1], equal_nan=True)


def test_numbers_are_multiplied_and_ordinals_move_to_a_neighbour() -> None:
    space = tt.Space(
        lr=tt.Float(1e-4, 1, log=True), n=tt.Int(1, 100), few=tt.Int(1, 3), batch=tt.Ordinal([8, 16, 32, 64]),
        kind=tt.Categorical(["a", "b"]),
    )  # fmt: skip
    x = space.encode([{"lr": 0.01, "n": 50, "few": 1, "batch": 8, "kind": "b"}])[0]
    rng = np.random.default_rng(0)
    moved = [Pbt(resample=0.0).explored(space, x, rng, np.zeros(5, dtype=bool)) for _ in range(40)]
    seen = [{params[name] for params in space.decode(np.array(moved))} for name in space.names]
    assert seen == [{0.008, 0.012}, {40, 60}, {2}, {16}, {"b"}]
    drawn = [Pbt(resample=1.0).explored(space, x, rng, np.zeros(5, dtype=bool)) for _ in range(40)]
    assert {params["kind"] for params in space.decode(np.array(drawn))} == {"a", "b"}


def test_intervals() -> None:
    assert intervals(tt.Fidelity("epoch", 1, 100), None) == tuple(range(10, 101, 10))
    assert intervals(tt.Fidelity("epoch", 5, 12), 4) == (8, 12)
    assert intervals(tt.Fidelity("epoch", 1, 1), 5) == (1,)
    assert len(intervals(tt.Fidelity("share", 0.0, 1.0), None)) == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"population": 1}, "population= to be a whole number of at least 2; got 1"),
        ({"population": 3}, "Take a population of 4"),
        ({"every": 0}, "every=, the interval"),
        ({"share": 0.6}, "share= to be a number above 0 and at most 0.5; got 0.6"),
        ({"factors": 1.2}, r"factors= to be two numbers, as \(0.8, 1.2\)"),
        ({"factors": (1.2, 1.4)}, "one between 0 and 1 and one above 1"),
        ({"resample": True}, "resample= to be a probability"),
        ({"hold": "lr"}, "hold= to be names of parameters"),
    ],
)
def test_options_are_checked(options: dict, message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        Pbt(**options)


@pytest.mark.parametrize(("name", "said"), [("pbt", "Pbt"), ("pb2", "Pb2")])
def test_without_one_fidelity_no_study_is_created(name: str, said: str) -> None:
    for fidelity, there in ((None, "none is"), ([EPOCHS, tt.Fidelity("share", 0.1, 1)], "2 are")):
        with pytest.raises(ProblemError, match=rf"{said} trains .*, and {there} declared; give fidelity=tt.Fidelity"):
            tt.create_study(NOISY, minimize="loss", fidelity=fidelity, scheduler=name)


def test_options_are_refused_in_the_name_of_who_has_them() -> None:
    with pytest.raises(ProblemError, match="Pb2 expects population="):
        Pb2(population=1)
    with pytest.raises(ProblemError, match="Pb2 expects hold="):
        Pb2(hold="lr")


def test_what_is_best_says_that_it_is_a_schedule_and_nothing_was_saved(capsys) -> None:
    study = tt.tune(
        noisy, NOISY, minimize="loss", fidelity=tt.Fidelity("epoch", 1, 20), budget=8, optimizer="random",
        scheduler=Pbt(every=2), executor=SimulatedExecutor(noisy), seed=0, name="p",
    )  # fmt: skip
    row = study.best.number
    n = n_parts(study.table, row)
    assert n == len({tuple(stretch.params.items()) for stretch in study.schedule(row)}) > 1
    said = capsys.readouterr().err
    assert f"what trial {row} found is a schedule: {n} configurations" in said
    assert "tt.replay_schedule" in said
    assert "not run to the end" not in said
    assert savings(study.table) is None
    assert f"goes on with trial {study.best.parent}" in repr(study.best)
    assert any("is a schedule" in remark for remark in best_remarks(study))
    assert seen(study) == []


def test_without_a_fidelity_trials_run_whole() -> None:
    problem = PROBLEMS["continuous"]
    assert one_fidelity(problem) is None
    assert 'tt.Fidelity("epoch", 1, N)' in Pbt().needs(problem)
    assert Pbt().needs(PROBLEMS["fidelity"]) == ""


# Through the session


def checked(study: tt.Study) -> None:
    table = study.table
    assert (table.state == COMPLETE).all(), [study.trials[n].error for n in table.rows(FAILED)]
    assert table.n_begun == 9, "a user's point, and the population"
    assert study.trials[0].params == POINT
    assert (table.fidelity[:, 0] == 9).sum() == 9
    for row in range(len(table)):
        assert table.y[row, 0] == loss_of(table.trial(row).params, table.fidelity[row, 0])
    replay(study.session.journal.read()).require_equal()


@pytest.mark.parametrize("optimizer", ["tpe", "auto"])
def test_with_engines(optimizer: str, tmp_path: Path) -> None:
    executor = SimulatedExecutor(train, workers=3, seconds=lambda task, step: 1.0 + task.number % 3)
    with tuned("pbt", optimizer=optimizer, executor=executor, store=f"sqlite:///{tmp_path}/t.db") as study:
        checked(study)


def test_killed_at_any_time_it_goes_on(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    command = [sys.executable, str(Path(__file__).with_name("stranger_job.py")), url, "pbt"]
    rng = random.Random("pbt")
    for _ in range(max(2, KILLS // 6)):
        process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE)
        time.sleep(rng.uniform(0.5, 2.0))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with tt.load_study(url, "stranger") as study:
        checked(study)


def test_a_decision_takes_milliseconds_in_a_long_study() -> None:
    """At 2,000 trials: a population of 50 after 40 intervals."""
    problem = tt.Problem(NOISY, (tt.minimize("loss"),), (tt.Fidelity("epoch", 1, 50),))
    run, scheduler = Simulation(problem), Pbt(population=50, every=1)
    rng = np.random.default_rng(0)
    for epoch in range(40):
        for member in range(50):
            parent = None if epoch == 0 else (epoch - 1) * 50 + member
            number = run.put(np.array([0.1]), Origin("test"), fidelity=(epoch + 1.0,), parent=parent)
            run.start(number)
            run.tell(number, float(rng.random()))
    scheduler.assign(run.table, Request(len(run.table), 0))
    taken = []
    for _ in range(20):
        began = time.process_time()
        wanted = scheduler.assign(run.table, Request(len(run.table), 0))
        scheduler.may_continue(run.table)
        taken.append(time.process_time() - began)
    assert isinstance(wanted, Continue)
    assert np.median(taken) < 0.01


# Schedules


def test_a_schedule_that_is_none_is_refused(found: tt.Study, tmp_path: Path) -> None:
    good = found.schedule(len(found.table) - 1).to_json()
    assert tt.Schedule.from_json(good).to_json() == good
    broken = [
        3, {}, good | {"fidelity": 3}, good | {"metrics": []}, good | {"stretches": []}, good | {"stretches": [{}]},
        good | {"stretches": [good["stretches"][-1] | {"from": 1.0}]},
    ]  # fmt: skip
    for data in broken:
        with pytest.raises(ProblemError, match=r"a (schedule|stretch)"):
            tt.replay_schedule(noisy, data)
    (tmp_path / "left").touch()
    with pytest.raises(ProblemError, match="is not empty"):
        tt.replay_schedule(noisy, good, directory=tmp_path)
    with pytest.raises(ProblemError, match="whole number"):
        tt.replay_schedule(noisy, good, seed=0.5)
    with pytest.raises(ObjectiveError, match="the schedule failed from epoch 0 to 2"):
        tt.replay_schedule(lambda trial: 1 / 0, good)
    with pytest.raises(ObjectiveError, match="loss is no number"):
        tt.replay_schedule(lambda trial: None, good)


def test_seeds_of_a_rerun_are_those_of_the_study() -> None:
    seeds: dict[int, set[int]] = {}

    def seeded(trial: tt.Trial) -> float:
        seeds.setdefault(trial.number, set()).add(trial.seed)
        return noisy(trial)

    study = tt.tune(
        seeded, NOISY, minimize="loss", fidelity=tt.Fidelity("epoch", 1, 4), budget=8, optimizer="random",
        scheduler=Pbt(population=4, every=2), seed=5, progress=False,
    )  # fmt: skip
    schedule = study.schedule(study.best.number)
    tt.replay_schedule(seeded, schedule, seed=5)
    assert all(len(seeds[each.trial]) == 1 for each in schedule)
    tt.replay_schedule(seeded, schedule, seed=6)
    assert all(len(seeds[each.trial]) == 2 for each in schedule)


def test_schedules_are_of_trials_with_one_fidelity() -> None:
    study = tt.create_study(NOISY, minimize="loss")
    study.ask()
    with pytest.raises(ProblemError, match="no one fidelity"):
        study.schedule(0)
    study = tt.create_study(NOISY, minimize="loss", fidelity=EPOCHS, scheduler="whole")
    trial = study.ask()
    assert [each.params for each in study.schedule(0)] == [trial.params]
    for wrong in (1, -1, "0"):
        with pytest.raises(TrialError):
            study.schedule(wrong)


def test_the_population_ends_with_a_reason(found: tt.Study) -> None:
    assert Pbt(every=2).assign(found.table, Request(len(found.table), 0)) == Wait("the population is trained")
