"""The fold: what each event does to the table, and what a log must not say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trimtab as tt
from trimtab.errors import StoreCorruptError, TrialError
from trimtab.ledger import snapshot
from trimtab.ledger.event import (
    Asked,
    Assessed,
    Created,
    Event,
    Failed,
    Grown,
    Noted,
    Opened,
    Origin,
    Record,
    Reported,
    Started,
    Stopped,
    Told,
)
from trimtab.ledger.ledger import Ledger
from trimtab.ledger.table import COMPLETE, FAILED, RUNNING, STATES, STOPPED, WAITING

SPACE = tt.Space(lr=tt.Float(1e-4, 1e-1, log=True), opt=tt.Categorical(["adamw", "sgd"]))
PROBLEM = tt.Problem(
    SPACE, (tt.minimize("loss"), tt.at_least("accuracy", 0.5)), fidelities=(tt.Fidelity("epoch", 1, 9),), cost="cost"
)


class Log:
    """A ledger that is fed by hand, one record a second."""

    def __init__(self) -> None:
        first = Created(1, "test", PROBLEM.to_json(), 0, {"name": "random"}, {"name": "whole"})
        self.records = [Record(1, 100.0, first)]
        self.ledger = Ledger.begin(self.records[0])
        self.table = self.ledger.table

    def add(self, event: Event, at: float | None = None) -> None:
        seq = self.ledger.head + 1
        record = Record(seq, 99.0 + seq if at is None else at, event)
        self.ledger.apply(record)
        self.records.append(record)

    def ask(self, number: int, *, start: bool = True) -> None:
        self.add(Asked(number, (1e-3, 1.0), self.ledger.head, Origin("random", "uniform"), (9.0,)))
        if start:
            self.add(Started(number, "w", 1, 60.0))


def assert_same(one: Ledger, two: Ledger) -> None:
    a, b = one.table, two.table
    names = ("state", "x", "y", "cost", "seconds", "fidelity", "parent", "attempt", "asked_at", "started_at")
    for name in (*names, "ended_at", "lease_s", "failure", "touched", "order", "n_lost", "n_lost_with_driver"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    for name in ("seq", "row", "attempt", "fold", "step", "y"):
        np.testing.assert_array_equal(getattr(a.curves, name), getattr(b.curves, name), err_msg=name)
    for name in ("report", "name", "value", "names"):
        np.testing.assert_array_equal(getattr(a.curves.undeclared, name), getattr(b.curves.undeclared, name))
    for number in range(len(a)):
        assert a.curves.reports(number).tolist() == b.curves.reports(number).tolist()
    assert [a.trial(n) for n in range(len(a))] == [b.trial(n) for n in range(len(b))]
    assert list(a.trials(range(len(a)))) == [a.trial(n) for n in range(len(a))]
    assert (one.head, one.optimizer, one.opened, one.assessed) == (two.head, two.optimizer, two.opened, two.assessed)
    assert (a.waiting, a.running, a.n_lines, a.elapsed, a.notes) == (
        b.waiting,
        b.running,
        b.n_lines,
        b.elapsed,
        b.notes,
    )
    assert repr(a.space) == repr(b.space)


def test_a_trial_from_ask_to_tell() -> None:
    log = Log()
    log.ask(0)
    assert log.table.running == [0]
    log.add(Reported(0, 3.0, {"loss": 0.9, "accuracy": "nan"}))
    log.add(Told(0, {"loss": 0.5, "accuracy": 0.7, "cost": 2.0, "depth": 4.0}, 1, 12.5, 2.0))
    view = log.table.trial(0)
    assert view.state == "complete"
    assert view.metrics == {"loss": 0.5, "accuracy": 0.7, "cost": 2.0, "depth": 4.0}
    assert (view.params, view.seconds, view.cost, view.worker) == ({"lr": 1e-3, "opt": "sgd"}, 12.5, 2.0, "w")
    assert (view.origin, view.why, view.fidelity) == ("random", "uniform", {"epoch": 9.0})
    steps, y = log.table.curves.of(0)
    assert steps.tolist() == [3.0]
    assert y[0, 0] == 0.9
    assert math.isnan(y[0, 1])
    assert log.table.losses().tolist() == [[0.5, -0.7]]


def test_what_was_reported_and_not_declared_is_kept_apart() -> None:
    log = Log()
    log.ask(0)
    log.ask(1)
    log.add(Reported(0, 1.0, {"grad": 2.0, "loss": 0.5}))
    log.add(Reported(1, 1.0, {"grad": "inf", "name": "no number"}))
    log.add(Reported(0, 2.0, {"loss": 0.25}))
    log.add(Reported(0, 1.0, {"grad": 3.0}))
    undeclared = log.table.curves.undeclared
    assert list(undeclared.names) == ["grad"]
    assert (undeclared.report.tolist(), undeclared.value.tolist()) == ([0, 1, 3], [2.0, math.inf, 3.0])
    steps, metrics = log.table.curves.metrics(0)
    assert steps.tolist() == [1.0, 2.0]
    assert metrics["loss"].tolist() == [0.5, 0.25]
    np.testing.assert_array_equal(metrics["grad"], [3.0, math.nan])
    np.testing.assert_array_equal(metrics["accuracy"], [math.nan, math.nan])
    assert list(log.table.curves.metrics(1)[1]) == ["loss", "accuracy", "grad"]
    assert log.table.curves.metrics(5)[0].tolist() == []


def test_a_lost_attempt_waits_and_its_costs_add_up() -> None:
    log = Log()
    log.ask(0)
    log.add(Failed(0, "lost", "its driver is gone", 1, again=True, seconds=4.0, cost=1.0))
    assert log.table.waiting == [0]
    assert log.table.order.tolist() == []
    log.add(Started(0, "v", 2))
    log.add(Told(0, {"loss": 1.0, "accuracy": 1.0}, 2, 3.0, 2.0))
    view = log.table.trial(0)
    assert (view.seconds, view.cost, view.attempt, view.failure) == (7.0, 3.0, 2, "lost")


def test_losses_are_counted_where_the_trial_may_be_to_blame() -> None:
    log = Log()
    log.ask(0)
    seen = []
    for attempt, (steps, blame) in enumerate(
        [((), "worker"), ((), ""), ((1, 2), "driver"), ((1, 2), "driver"), ((2,), "worker"), ((3,), "worker")], 1
    ):
        if attempt > 1:
            log.add(Started(0, "w", attempt, 60.0))
        for step in steps:
            log.add(Reported(0, step, {"loss": 1.0}, attempt))
        expected = log.table.n_lost_if_now(0)
        log.add(Failed(0, "lost", "gone", attempt, again=True, blame=blame))
        seen.append((int(log.table.n_lost[0]), int(log.table.n_lost_with_driver[0])))
        assert not blame or seen[-1][0] == expected
    assert seen == [(1, 0), (1, 0), (1, 1), (2, 2), (3, 2), (1, 0)], "further than ever before: it begins anew"


def test_failed_and_stopped_trials_are_over() -> None:
    log = Log()
    log.ask(0)
    log.ask(1)
    log.add(Failed(1, "oom", "held 3 GB", 1))
    log.add(Stopped(0, "worse than the median", 1, {"loss": 0.4}))
    assert log.table.order.tolist() == [1, 0]
    assert log.table.state.tolist() == [STOPPED, FAILED]
    assert log.table.trial(0).reason == "worse than the median"
    assert log.table.trial(0).metrics == {"loss": 0.4}
    assert log.table.trial(1).error == "held 3 GB"


def test_the_space_grows_by_an_event() -> None:
    log = Log()
    log.ask(0)
    log.add(Grown("dropout", tt.Float(0.0, 0.5).to_json()))
    assert log.table.space.names == ("lr", "opt", "dropout")
    assert math.isnan(log.table.x[0, 2])
    log.add(Asked(1, (1e-2, 0.0, 0.25), log.ledger.head, Origin("random")))
    assert log.table.trial(1).params == {"lr": 1e-2, "opt": "adamw", "dropout": 0.25}
    assert log.table.trial(0).params == {"lr": 1e-3, "opt": "sgd"}


def test_notes_tags_and_parents() -> None:
    log = Log()
    log.ask(0)
    log.add(Told(0, {"loss": 1.0, "accuracy": 1.0}))
    log.add(Noted("tag:baseline", value=True, number=0))
    log.add(Noted("who", "ann", 0))
    log.add(Noted("goal", {"ship": True}))
    log.add(Asked(1, (1e-3, 1.0), log.ledger.head, Origin("scheduler"), (9.0,), parent=0))
    assert log.table.trial(0).tags == ("baseline",)
    assert log.table.trial(0).notes == {"who": "ann"}
    assert log.table.notes == {"goal": {"ship": True}}
    assert log.table.furthest().tolist() == [1]
    assert log.table.n_lines == 1


def test_elapsed_counts_sessions_and_not_the_time_between() -> None:
    log = Log()
    log.ask(0)  # 101, 102
    log.add(Told(0, {"loss": 1.0, "accuracy": 1.0}), at=110.0)
    assert log.table.elapsed == 10.0
    log.add(Opened({"host": "b"}), at=1000.0)
    assert log.table.elapsed == 10.0
    log.ledger.tick(1005.0)
    assert log.table.elapsed == 15.0


def test_views_are_read_only_and_keep_the_past() -> None:
    log = Log()
    log.ask(0)
    before = log.table.state
    for number in range(1, 40):
        log.ask(number)
    assert before.tolist() == [RUNNING]
    with pytest.raises(ValueError, match="read-only"):
        log.table.x[0, 0] = 1.0
    assert len(log.table) == 40


def test_changed_since_names_the_rows_that_a_reader_has_not_seen() -> None:
    log = Log()
    log.ask(0)
    log.ask(1)
    seen = log.ledger.head
    log.add(Told(0, {"loss": 1.0, "accuracy": 1.0}))
    assert log.table.changed_since(seen).tolist() == [0]
    assert log.table.changed_since(0).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (Told(0, {"loss": 1.0}), "trial 0, which was not running"),
        (Told(7, {"loss": 1.0}), "trial 7, which was not running"),
        (Started(0, "w", 2), "trial 0, which was not waiting"),
        (Asked(5, (1e-3, 0.0), 1, Origin("random")), "trial 5 where trial 1 was due"),
        (Noted("k", 1, 9), "trial 9, which was never asked"),
        (Created(1, "again", {}, 0, {}, {}), "in the middle of a log"),
    ],
)
def test_a_log_that_contradicts_itself_is_refused(event: Event, says: str) -> None:
    log = Log()
    log.ask(0)
    log.add(Told(0, {"loss": 1.0, "accuracy": 1.0}))
    with pytest.raises(StoreCorruptError, match=says):
        log.add(event)


def test_gaps_and_headless_logs_are_refused() -> None:
    log = Log()
    with pytest.raises(StoreCorruptError, match="record 2 is missing"):
        log.ledger.apply(Record(3, 0.0, Noted("k", 1)))
    with pytest.raises(StoreCorruptError, match="begins with record 1, created"):
        Ledger.begin(Record(1, 0.0, Noted("k", 1)))
    with pytest.raises(TrialError, match="no trial was asked yet"):
        log.table.trial(0)


@st.composite
def histories(draw: st.DrawFn) -> Log:
    """Any sequence of events that a study could have written."""
    log = Log()
    table = log.table
    for _ in range(draw(st.integers(0, 40))):
        numbers = st.integers(0, max(0, len(table) - 1))
        number = draw(numbers)
        state = int(table.state[number]) if len(table) else -1
        kind = draw(st.sampled_from(["ask", "advance", "note", "open", "assess", "grow"]))
        if kind == "ask" or not len(table):
            width = len(table.space)
            row = (1e-3, 1.0, *(0.5 for _ in range(width - 2)))
            log.add(Asked(len(table), row, log.ledger.head, Origin("random", draw(st.sampled_from("ab")))))
        elif kind == "note":
            log.add(Noted(draw(st.sampled_from(["k", "tag:t"])), draw(st.booleans()), number))
        elif kind == "open":
            log.add(Opened({"pid": number}, draw(st.none() | st.just({"name": "sobol"}))))
        elif kind == "assess":
            log.add(Assessed(stop=True, reason="done", gain_interval=(0.0, 1.0)))
        elif kind == "grow" and len(table.space) < 4:
            log.add(Grown(f"p{len(table.space)}", tt.Float(0, 1).to_json()))
        elif state == WAITING:
            log.add(Started(number, draw(st.sampled_from("uvw")), int(table.attempt[number]) + 1, 60.0))
        elif state == RUNNING:
            attempt = int(table.attempt[number])
            values = {"loss": draw(st.floats(-1, 1)), "accuracy": 1.0, "extra": 2.0}
            ends = [
                Reported(number, float(draw(st.integers(1, 9))), values, attempt, draw(st.none() | st.integers(0, 3))),
                Told(number, values, attempt, 1.0),
                Failed(
                    number, "lost", "gone", attempt, again=True, blame=draw(st.sampled_from(["", "worker", "driver"]))
                ),
                Failed(number, "nan", "", attempt),
                Stopped(number, "why", attempt, values),
            ]
            log.add(draw(st.sampled_from(ends)))
    return log


@settings(max_examples=150, deadline=None)
@given(histories())
def test_snapshot_and_replayed_log_say_the_same(log: Log) -> None:
    again = Ledger.begin(log.records[0])
    for record in log.records[1:]:
        again.apply(record)
    assert_same(log.ledger, again)
    restored = snapshot.load(snapshot.save(log.ledger))
    assert restored is not None
    assert_same(log.ledger, restored)
    log_goes_on = len(log.table)
    for ledger in (log.ledger, restored):
        width = len(ledger.table.space)
        asked = Asked(log_goes_on, (1e-3, 1.0, *[0.5] * (width - 2)), ledger.head, Origin("random"))
        ledger.apply(Record(ledger.head + 1, 1e6, asked))
    assert_same(log.ledger, restored)


def test_an_unreadable_snapshot_is_no_snapshot() -> None:
    blob = snapshot.save(Log().ledger)
    assert snapshot.load(b"") is None
    assert snapshot.load(blob[:-7]) is None
    assert snapshot.load(blob.replace(b"ended_at", b"ended_xx")) is None


def test_states_are_named_in_order() -> None:
    assert STATES[WAITING] == "waiting"
    assert STATES[COMPLETE] == "complete"
    assert STATES[FAILED] == "failed"


def test_a_metric_that_nobody_declared_survives_growth_unread() -> None:
    study = tt.create_study(tt.Space(x=tt.Float(0, 1)), minimize="loss", optimizer="random", seed=0)
    for number in range(100):
        study.ask()
        study.tell(number, {"loss": 0.5, "extra": float(number)})
    assert study.table.extra["extra"].tolist() == list(map(float, range(100)))
