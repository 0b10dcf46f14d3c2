from __future__ import annotations

import copy

import numpy as np
import pytest

from trimtab.errors import TrialError
from trimtab.ledger.columns import Column
from trimtab.ledger.event import Origin, Told
from trimtab.ledger.table import COMPLETE, FAILED, RUNNING, STOPPED, WAITING
from trimtab.space.parameter import Float
from trimtab.space.problem import Fidelity, Problem, at_least, maximize, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation

METRICS = (minimize("loss"), maximize("speed"), at_least("recall", 0.5))
PROBLEM = Problem(Space(x=Float(0, 1)), METRICS, [Fidelity("epoch", 1, 9)])


@pytest.fixture
def run() -> Simulation:
    return Simulation(PROBLEM)


def ask(run: Simulation, n: int = 1, parent: int | None = None) -> int:
    for i in range(n):
        number = run.put(np.array([i / n]), Origin("random", "drawn"), parent=parent)
    return number


# -- columns ---------------------------------------------------------------------------------------------------------


def test_a_column_grows_and_what_is_new_is_filled():
    column = Column(np.float64, np.nan)
    for i in range(1000):
        column.add(float(i))
    column.skip()
    assert column.view[:1000].tolist() == list(range(1000))
    assert np.isnan(column.view[1000:]).all()
    assert np.isnan(column.rows[column.n :]).all()
    assert len(column.rows) < 2000


def test_rows_that_are_not_there_yet_are_read_and_not_made():
    column = Column(np.float64, np.nan)
    column.add(7.0)
    assert column.at(np.array([2, 0])).tolist() == pytest.approx([np.nan, 7.0], nan_ok=True)
    assert column.n == 1, "whoever reads beside a writer would take a value from it"


def test_a_column_is_copied_seldom():
    column, buffers = Column(np.int64), set()
    for i in range(10_000):
        column.add(i)
        buffers.add(len(column.rows))
    assert len(buffers) < 20


def test_rows_grow_wider_and_keep_what_they_hold():
    column = Column(np.float64, np.nan, 2)
    column.add([1.0, 2.0])
    column.widen()
    column.add([3.0, 4.0, 5.0])
    assert column.view.tolist() == [[1.0, 2.0, pytest.approx(np.nan, nan_ok=True)], [3.0, 4.0, 5.0]]
    column.extend(4)
    assert np.isnan(column.view[2:]).all()
    column.extend(1)
    assert column.n == 4


@pytest.mark.parametrize("name", ["state", "x", "y", "errors", "cost", "fidelity", "parent", "order", "touched"])
def test_no_reader_can_write(run, name):
    ask(run)
    run.start(0)
    run.tell(0)
    with pytest.raises(ValueError, match="read-only"):
        getattr(run.table, name)[0] = 0


def test_views_of_before_do_not_change_when_the_table_grows(run):
    ask(run, 16)
    x = run.table.x
    before = x.copy()
    ask(run, 100)
    assert np.array_equal(x, before)
    assert len(run.table.x) == len(run.table) == 116


# -- readings --------------------------------------------------------------------------------------------------------


def test_rows_are_found_by_state(run):
    ask(run, 5)
    for number in range(1, 5):
        run.start(number)
    run.tell(2)
    run.fail(3)
    run.stop(4)
    assert run.table.state.tolist() == [WAITING, RUNNING, COMPLETE, FAILED, STOPPED]
    assert run.table.rows(COMPLETE, STOPPED).tolist() == [2, 4]
    assert run.table.rows().tolist() == []
    assert (run.table.waiting, run.table.running) == ([0], [1])
    assert run.table.order.tolist() == [2, 3, 4]


def test_losses_are_smaller_where_it_is_better(run):
    ask(run)
    run.start(0)
    run.tell(0, 0.25, 3.0, 0.75)
    assert run.table.y.tolist() == [[0.25, 3.0, 0.75]]
    assert run.table.losses().tolist() == [[0.25, -3.0, -0.75]]


def test_the_furthest_row_of_each_line_of_descent(run):
    ask(run, 3)
    ask(run, parent=0)
    ask(run, parent=3)
    assert run.table.furthest().tolist() == [1, 2, 4]
    assert run.table.n_lines == 3
    assert run.table.trial(4).parent == 3


def test_a_curve_is_sorted_and_the_last_word_on_a_step_counts(run):
    ask(run, 2)
    run.start(0)
    run.start(1)
    for step, loss in [(1, 0.9), (3, 0.5), (2, 0.7), (3, 0.4)]:
        run.report(0, step, loss=loss)
    run.report(1, 1, loss=8.0, speed=2.0)
    steps, y = run.table.curves.of(0)
    assert steps.tolist() == [1, 2, 3]
    assert y[:, 0].tolist() == [0.9, 0.7, 0.4]
    assert np.isnan(y[:, 1:]).all()
    assert len(run.table.curves.of(7)[0]) == 0


def test_a_trial_is_a_frozen_view_of_all_that_is_known(run):
    ask(run)
    waiting = run.table.trial(0)
    run.start(0)
    run.add(Told(0, {"loss": 0.25, "speed": 3.0, "recall": 0.75, "beside": 7.0}, seconds=2.5, cost=4.0))
    trial = run.table.trial(0)
    assert (waiting.state, waiting.metrics, waiting.seconds) == ("waiting", {}, None)
    assert trial.state == "complete"
    assert trial.params == {"x": 0.0}
    assert trial.metrics == {"loss": 0.25, "speed": 3.0, "recall": 0.75, "beside": 7.0}
    assert (trial.origin, trial.why, trial.attempt, trial.worker) == ("random", "drawn", 1, "worker")
    assert (trial.seconds, trial.cost, trial.fidelity, trial.parent) == (2.5, 4.0, {"epoch": 9.0}, None)
    assert trial.asked_at < trial.started_at < trial.ended_at
    with pytest.raises(AttributeError):
        trial.state = "failed"


def test_undeclared_metrics_are_columns_too(run):
    ask(run, 3)
    run.start(1)
    run.add(Told(1, {"loss": 1.0, "speed": 1.0, "recall": 1.0, "beside": 7.0}))
    assert run.table.extra["beside"].tolist() == pytest.approx([np.nan, 7.0, np.nan], nan_ok=True)


def test_standard_errors_are_a_column():
    metrics = (minimize("loss", error="loss_se"), at_least("recall", 0.5), maximize("speed", error="speed_se"))
    run = Simulation(Problem(Space(x=Float(0, 1)), metrics))
    assert run.table.errors.shape == (0, 3)
    ask(run, 4)
    for number in range(3):
        run.start(number)
    y = {"loss": 1.0, "recall": 1.0, "speed": 1.0}
    run.add(Told(1, {**y, "loss_se": 0.25, "speed_se": 0.0}))
    run.add(Told(0, {**y, "speed_se": 2.0}))
    run.stop(2, loss=1.0, loss_se=0.5)
    nan = np.nan
    expected = [[nan, nan, 2.0], [0.25, nan, 0.0], [0.5, nan, nan], [nan, nan, nan]]
    assert np.array_equal(run.table.errors, expected, equal_nan=True)
    assert run.table.trial(1).metrics == {**y, "loss_se": 0.25, "speed_se": 0.0}
    run.grow("z", Float(0, 1))
    assert np.array_equal(run.table.errors, expected, equal_nan=True)


def test_numbers_of_trials_that_are_not_there(run):
    with pytest.raises(TrialError, match="no trial was asked yet"):
        run.table.trial(0)
    ask(run, 2)
    for number in (-1, 2):
        with pytest.raises(TrialError, match="they are numbered 0 to 1"):
            run.table.trial(number)


def test_a_copy_of_a_column_shows_what_is_written_to_it() -> None:
    column = Column(np.float64, np.nan, 2)
    column.add([1.0, 2.0])
    copied = copy.deepcopy(column)
    copied.add([3.0, 4.0])
    copied.rows[0] = 0.0
    assert copied.view.tolist() == [[0.0, 0.0], [3.0, 4.0]]
    assert column.view.tolist() == [[1.0, 2.0]]
