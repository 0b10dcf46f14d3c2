"""What early stopping saved, counted by hand; and in simulated time beside what whole runs really take."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trimtab as tt
from trimtab.ledger.event import Judged, Origin, Started, Stopped, Told
from trimtab.space.problem import Problem, minimize
from trimtab.study.savings import Savings, savings
from trimtab.testing.simulated import SimulatedExecutor
from trimtab.testing.simulation import Simulation

SPACE = tt.Space(x=tt.Float(0, 1))
EPOCHS = tt.Fidelity("epoch", 1, 27)


def begun(*fidelities: tt.Fidelity) -> Simulation:
    return Simulation(Problem(SPACE, (minimize("loss"),), fidelities))


def run_to(run: Simulation, steps: int, seconds: float | None, *, parent: int | None = None, to: float = 27) -> int:
    """Run a trial up to `steps` and end it there, by a verdict if it was to go further."""
    x = np.array([len(run.table) / 100]) if parent is None else run.table.x[parent]
    number = run.put(x, Origin("test"), fidelity=(to,), parent=parent)
    run.start(number)
    first = 1 if parent is None else int(run.table.curves.of(parent)[0][-1]) + 1
    for step in range(first, steps + 1):
        run.report(number, float(step), loss=1.0 / step)
    if steps < to:
        run.add(Judged(number, "worse than others", run.ledger.head))
        run.add(Stopped(number, "worse than others", 1, {"loss": 1.0}, seconds))
    else:
        run.add(Told(number, {"loss": 1.0}, 1, seconds))
    return number


def test_what_was_not_run_counts_at_each_ones_own_pace() -> None:
    run = begun(EPOCHS)
    assert savings(run.table) is None, "of an empty table"
    run_to(run, 27, 270.0)
    assert savings(run.table) is None, "none ended early"
    run_to(run, 3, 15.0)  # 5 s an epoch: 120 s more
    run_to(run, 9, 90.0)  # 10 s an epoch: 180 s more
    found = savings(run.table)
    assert found == Savings(2, 3, True, False, "epoch", pytest.approx(1 - 39 / 81), pytest.approx(300.0), False)


def test_no_trial_is_said_to_take_longer_than_the_longest_whole_one() -> None:
    run = begun(EPOCHS)
    run_to(run, 1, 60.0)  # a start of a minute, and 27 minutes by its own pace
    assert savings(run.table).seconds == pytest.approx(26 * 60.0), "nothing whole is there to say otherwise"
    run_to(run, 27, 86.0)
    assert savings(run.table).seconds == pytest.approx(26.0)


def test_an_unknown_pace_is_not_made_up() -> None:
    run = begun(EPOCHS)
    run_to(run, 3, None)
    found = savings(run.table)
    assert (found.share, math.isnan(found.seconds), found.is_least) == (pytest.approx(24 / 27), True, False)
    run_to(run, 9, 9.0)
    found = savings(run.table)
    assert (found.seconds, found.is_least) == (pytest.approx(18.0), True)


def test_a_line_of_descent_counts_once_and_by_what_it_ran_in_all() -> None:
    run = begun(EPOCHS)
    first = run_to(run, 1, 1.0, to=1)
    run_to(run, 1, 1.0, to=1)
    second = run_to(run, 9, 8.0, parent=first, to=9)
    found = savings(run.table)
    assert (found.n_early, found.n, found.by_verdict, found.continued) == (2, 2, False, True)
    assert (found.share, found.seconds) == (pytest.approx(1 - 10 / 54), pytest.approx(18.0 + 26.0))
    run_to(run, 27, 18.0, parent=second)
    found = savings(run.table)
    assert (found.n_early, found.share, found.seconds) == (1, pytest.approx(26 / 54), pytest.approx(26.0))


def test_what_began_anew_is_paid_in_full() -> None:
    run = begun(EPOCHS)
    first = run_to(run, 9, 9.0, to=9)
    again = run.put(run.table.x[first], Origin("test"), fidelity=(27.0,), parent=first)
    run.start(again)
    run.report(again, 27.0, loss=0.1)  # its only report: nothing shows that it went on with what was there
    run.add(Told(again, {"loss": 0.1}, 1, 27.0))
    run_to(run, 9, 9.0, to=9)
    assert savings(run.table).share == pytest.approx(1 - (9 + 27 + 9) / 54)
    more = run.put(run.table.x[first], Origin("test"), fidelity=(27.0,), parent=first)
    run.start(more)
    run.tell(more, 0.2)
    assert math.isnan(savings(run.table).share), "more was run than two whole trials take: nothing was saved"


def test_what_others_ended_is_no_saving() -> None:
    run = begun(EPOCHS)
    for _ in range(2):
        run.start(run.put(np.array([0.5]), Origin("test")))
    run.report(0, 3.0, loss=1.0)
    run.stop(0, loss=1.0)  # the budget was used up
    run.fail(1)
    given = run.put(np.array([0.5]), Origin("user", "enqueued"), fidelity=(9.0,))
    run.start(given)
    run.tell(given, 0.1)  # at the fidelity that a user asked for
    assert savings(run.table) is None
    run_to(run, 9, 9.0)
    assert savings(run.table) == Savings(1, 4, True, False, "epoch", pytest.approx(18 / 27), pytest.approx(18.0), False)


def test_where_no_fidelity_counts_steps_only_a_count_is_known() -> None:
    for fidelities in ((), (tt.Fidelity("size", 0.1, 1), tt.Fidelity("share", 0.1, 1))):
        run = begun(*fidelities)
        run.start(run.put(np.array([0.5]), Origin("test")))
        run.report(0, 3.0, loss=1.0)
        run.add(Judged(0, "worse than others", run.ledger.head))
        run.stop(0, loss=1.0)
        found = savings(run.table)
        assert (found.n_early, found.n, found.unit) == (1, 1, "")
        assert math.isnan(found.share)


@given(st.lists(st.tuples(st.integers(1, 27), st.floats(0.01, 9.0), st.booleans()), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_no_more_is_claimed_than_steady_trials_would_have_taken(trials: list[tuple[int, float, bool]]) -> None:
    run = begun(EPOCHS)
    for steps, pace, known in trials:
        run_to(run, steps, steps * pace if known else None)
    found, early = savings(run.table), [one for one in trials if one[0] < 27]
    if found is None:
        assert not early
        return
    assert (found.n_early, found.n) == (len(early), len(trials))
    assert found.share == pytest.approx(sum(27 - steps for steps, _, _ in early) / (27 * len(trials)))
    most = sum((27 - steps) * pace for steps, pace, known in early if known)
    assert math.isnan(found.seconds) or 0 <= found.seconds <= most * (1 + 1e-9)


def train(trial: tt.Trial) -> float:
    loss = 1.0
    for epoch in trial.steps():
        loss = (trial.params["x"] - 0.3) ** 2 + 1 / epoch
        trial.mark_checkpoint(epoch)
        trial.report(epoch, loss=loss)
    return loss


@pytest.mark.parametrize("scheduler", ["auto", "asha", "sha", "hyperband"])
def test_in_simulated_time_it_is_the_rest_of_whole_runs(scheduler: str) -> None:
    executor = SimulatedExecutor(train, workers=2, seconds=lambda task, step: 60.0)
    study = tt.tune(
        train, SPACE, minimize="loss", fidelity=EPOCHS, budget=24, optimizer="random", scheduler=scheduler,
        executor=executor, seed=0, progress=False,
    )  # fmt: skip
    found, took = savings(study.table), float(study.table.seconds.sum())
    n_counted = study.table.n_lines
    assert 0.3 < found.share < 1
    assert found.share == pytest.approx(1 - took / (n_counted * 27 * 60), abs=0.03)
    assert found.seconds == pytest.approx(found.share * n_counted * 27 * 60, rel=0.05)


@pytest.mark.parametrize("place", [0, 1])
def test_of_several_fidelities_each_is_said_and_time_goes_by_their_product(place: int) -> None:
    fidelities = [tt.Fidelity("rows", 100, 900)]
    fidelities.insert(place, EPOCHS)
    run = begun(*fidelities)

    def ended(rows: float, epochs: float, seconds: float, parent: int | None = None) -> int:
        ends = [rows]
        ends.insert(place, epochs)
        x = np.array([0.5]) if parent is None else run.table.x[parent]
        number = run.put(x, Origin("sha"), fidelity=tuple(ends), parent=parent)
        run.add(Started(number, "worker", 1, begins=None if parent is None else 9.0))
        run.add(Told(number, {"loss": 1.0}, 1, seconds))
        return number

    first = ended(300, 9, 27.0)  # a hundredth of a second for each row in each epoch
    ended(100, 3, 3.0)
    ended(900, 27, 162.0, first)
    found = savings(run.table)
    assert (found.n_early, found.n, found.unit, found.amount) == (1, 2, "epoch", 24)
    assert found.share == pytest.approx(1 - (27 + 3) / 54)
    [rows] = found.others
    assert rows == ("rows", pytest.approx(1 - (300 + 600 + 100) / 1800), pytest.approx(800))
    assert found.seconds == pytest.approx(189 - 3), "no longer than the longest whole one, 243 less 3 by its own pace"
