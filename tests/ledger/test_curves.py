"""Curves: which reports count, what is new since a record, and what many names cost."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.arrays import Floats
from trimtab.errors import StoreCorruptError
from trimtab.ledger import snapshot
from trimtab.ledger.curves import AT_END, MOST_UNDECLARED, WHOLE, Curves
from trimtab.ledger.event import Assessed, Noted, Origin, Reported
from trimtab.space.parameter import Float
from trimtab.space.problem import Problem, at_least, at_most, maximize, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation

METRICS = (minimize("loss"), at_most("memory", 1.0))
NAN = math.nan


def begun(n_trials: int = 1, folds: int | None = None) -> Simulation:
    run = Simulation(Problem(Space(x=Float(0, 1)), METRICS, folds=folds))
    for _ in range(n_trials):
        run.start(run.put(np.array([0.5]), Origin("user")))
    return run


def again(run: Simulation, number: int) -> None:
    run.fail(number, "lost", again=True)
    run.start(number)


def losses(curves: Curves, number: int, fold: int | None = None) -> dict[float, float]:
    steps, y = curves.of(number, fold)
    return dict(zip(steps.tolist(), y[:, 0].tolist(), strict=True))


# Which reports count


def test_of_a_step_reported_twice_the_later_value_of_each_metric_counts():
    run = begun()
    run.report(0, 1, loss=0.9, memory=0.5, grad=1.0)
    run.report(0, 2, loss=0.8)
    run.report(0, 1, loss=0.7)
    run.report(0, 1, loss="nan", grad=2.0)
    steps, metrics = run.table.curves.metrics(0)
    assert steps.tolist() == [1, 2]
    assert metrics["loss"].tolist() == [0.7, 0.8], "nan is no value"
    np.testing.assert_array_equal(metrics["memory"], [0.5, NAN])
    np.testing.assert_array_equal(metrics["grad"], [2.0, NAN])
    np.testing.assert_array_equal(run.table.curves.of(0)[1], np.column_stack([metrics["loss"], metrics["memory"]]))


def test_reports_out_of_order_are_sorted_by_step():
    run = begun()
    for step in (3, 0.5, 2, -1, 10):
        run.report(0, step, loss=step / 10)
    assert losses(run.table.curves, 0) == {-1: -0.1, 0.5: 0.05, 2: 0.2, 3: 0.3, 10: 1.0}


def test_a_retry_replaces_the_same_step_and_later_ones():
    run = begun()
    for step in (1, 2, 3, 4):
        run.report(0, step, loss=1.0, memory=0.5)
    again(run, 0)
    assert losses(run.table.curves, 0) == dict.fromkeys((1, 2, 3, 4), 1.0), "it has said nothing yet"
    run.report(0, 3, loss=2.0)
    assert losses(run.table.curves, 0) == {1: 1.0, 2: 1.0, 3: 2.0}
    np.testing.assert_array_equal(run.table.curves.of(0)[1][:, 1], [0.5, 0.5, NAN])
    run.report(0, 5, loss=2.0)
    again(run, 0)
    run.report(0, 4, loss=3.0)
    assert losses(run.table.curves, 0) == {1: 1.0, 2: 1.0, 3: 2.0, 4: 3.0}
    assert len(run.table.curves) == 7, "what was replaced stays on record"
    assert run.table.curves.attempt.tolist() == [1, 1, 1, 1, 2, 2, 3]


def test_a_retry_from_the_beginning_replaces_all():
    run = begun()
    for step in (1, 2, 3):
        run.report(0, step, loss=1.0)
    again(run, 0)
    run.report(0, 1, loss=2.0)
    assert losses(run.table.curves, 0) == {1: 2.0}


def test_folds_are_curves_of_their_own():
    run = begun(2, folds=3)
    run.report(0, 1, 0, loss=0.1)
    run.report(0, 1, 2, loss=0.2, grad=5.0)
    run.report(0, 1, loss=0.3)
    run.report(0, 1, 0, loss=0.4)
    curves = run.table.curves
    assert (curves.folds(0), curves.folds(1)) == ([0, 2], [])
    assert curves.fold.tolist() == [0, 2, WHOLE, 0]
    assert [losses(curves, 0, fold) for fold in (None, 0, 1, 2)] == [{1: 0.3}, {1: 0.4}, {}, {1: 0.2}]
    assert curves.metrics(0, 2)[1]["grad"].tolist() == [5.0]
    assert list(curves.metrics(0)[1]) == ["loss", "memory"]


def test_a_retry_replaces_within_the_folds_that_it_reports():
    run = begun(folds=3)
    for fold in (0, 1):
        for step in (1, 2):
            run.report(0, step, fold, loss=1.0)
    again(run, 0)
    run.report(0, 1, 1, loss=2.0)
    assert losses(run.table.curves, 0, 0) == {1: 1.0, 2: 1.0}
    assert losses(run.table.curves, 0, 1) == {1: 2.0}


@pytest.mark.parametrize(
    ("before", "now", "further"),
    [
        ([(None, 1), (None, 2)], [(None, 2)], False),
        ([(None, 1), (None, 2)], [(None, 1), (None, 3)], True),
        ([(0, 1), (0, 2), (1, 1)], [(1, 2)], True),
        ([(0, 1), (0, 2), (1, 1)], [(0, 1), (0, 2), (1, 1)], False),
        ([(0, 5)], [(1, 1)], True),
        ([(0, 5)], [], False),
        ([], [(None, 1)], True),
    ],
)
def test_who_comes_further_gets_further_in_some_fold(before, now, further):
    run = begun(folds=2)
    for fold, step in before:
        run.report(0, step, fold, loss=1.0)
    again(run, 0)
    for fold, step in now:
        run.report(0, step, fold, loss=1.0)
    assert run.table.has_come_further(0) is further


def test_a_fold_that_the_problem_does_not_have_is_no_log_of_ours():
    run = begun(folds=2)
    run.report(0, 1, 1, loss=0.5)
    with pytest.raises(StoreCorruptError, match=r"record 5 \(reported\) is about fold 2 of a problem that has 2\."):
        run.report(0, 1, 2, loss=0.5)
    begun().report(0, 1, 2, loss=0.5)


def test_the_value_of_a_fold_is_the_last_of_its_reports_and_stands_until_another_attempt_gives_one():
    run = begun(folds=2)
    run.report(0, 1, 1, loss=0.9)
    run.report(0, AT_END, 1, loss=0.5)
    again(run, 0)
    run.report(0, 2, 1, loss=0.8)
    assert run.table.curves.of(0, 1)[0].tolist() == [1, 2], "the fold goes on, and so is not through"
    assert not run.table.has_come_further(0), "the fold had been through"
    run.report(0, AT_END, 1, loss=0.4)
    assert losses(run.table.curves, 0, 1) == {1: 0.9, 2: 0.8, AT_END: 0.4}
    assert run.table.curves.of(0, 1)[0].tolist() == [1, 2, AT_END]
    run.report(0, AT_END, 0, loss=0.4)
    assert run.table.has_come_further(0)


reports = st.lists(
    st.tuples(
        st.booleans(),  # whether the trial is lost before
        st.integers(0, 2),
        st.sampled_from([None, 0, 1]),
        st.integers(1, 4),
        st.dictionaries(st.sampled_from(["loss", "memory", "grad", "lr"]), st.floats(0, 1) | st.just("nan")),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(reports)
def test_what_counts_is_what_a_simple_reader_would_keep(said):
    """The reader goes through the log report by report, with a dict for each trial and fold."""
    run = begun(3)
    kept: dict[tuple[int, int | None], dict[float, tuple[int, dict[str, float]]]] = {}
    for is_lost, number, fold, step, values in said:
        if is_lost:
            again(run, number)
        run.report(number, step, fold, **values)
        attempt, mine = int(run.table.attempt[number]), kept.setdefault((number, fold), {})
        for at in [at for at, (by, _) in mine.items() if by < attempt and at >= step]:
            del mine[at]
        known = mine.setdefault(step, (attempt, {}))[1]
        known.update({name: value for name, value in values.items() if value != "nan"})
    for number in range(3):
        assert run.table.curves.folds(number) == sorted(f for n, f in kept if n == number and f is not None)
        for fold in (None, 0, 1):
            wanted = {step: values for step, (_, values) in kept.get((number, fold), {}).items()}
            assert as_read(*run.table.curves.metrics(number, fold)) == wanted


def as_read(steps: Floats, metrics: dict[str, Floats]) -> dict[float, dict[str, float]]:
    assert all(before < after for before, after in pairwise(steps.tolist()))
    return {
        step: {name: float(values[i]) for name, values in metrics.items() if values[i] == values[i]}
        for i, step in enumerate(steps.tolist())
    }


# What is new


def test_one_number_follows_a_study():
    run = begun(2)
    run.report(0, 1, loss=0.5, grad=1.0)
    first = run.table.since(0)
    assert (first.head, first.rows.tolist(), len(first.reports)) == (run.ledger.head, [0, 1], 1)
    assert (first.verdicts, first.notes) == ((), {})
    run.report(1, 1, 0, loss=0.25, lr=2.0)
    run.add(Noted("phase", "warm-up"))
    run.add(Noted("mine", 1, 1))
    run.add(Assessed(stop=False, reason="it gets better", rule="worth"))
    second = run.table.since(first.head)
    assert second.rows.tolist() == [1]
    assert second.reports.row.tolist() == [1]
    assert second.reports.seq.tolist() == [first.head + 1]
    assert second.reports.metrics(1, 0)[1]["lr"].tolist() == [2.0]
    assert second.reports.reports(0).tolist() == []
    assert second.notes == {"phase": "warm-up"}
    assert [verdict.rule for verdict in second.verdicts] == ["worth"]
    third = run.table.since(second.head)
    assert (third.head, third.rows.tolist(), len(third.reports)) == (second.head, [], 0)
    assert (third.verdicts, third.notes) == ((), {})


def test_a_note_that_is_written_anew_is_new():
    run = begun()
    run.add(Noted("a", 1))
    run.add(Noted("b", 2))
    head = run.ledger.head
    run.add(Noted("a", 3))
    assert run.table.since(head).notes == {"a": 3}
    assert list(run.table.since(0).notes.items()) == [("b", 2), ("a", 3)]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(["report", "undeclared", "note", "verdict"]), max_size=30))
def test_the_news_of_any_record_are_those_after_it(kinds):
    run = begun()
    for i, kind in enumerate(kinds):
        if kind == "note":
            run.add(Noted(f"k{i % 3}", i))
        elif kind == "verdict":
            run.add(Assessed(stop=False, reason=str(i)))
        else:
            run.report(0, i, **({"loss": 0.5} if kind == "report" else {f"m{i % 3}": float(i), "loss": 0.5}))
    records = run.records
    for seq in range(run.ledger.head + 1):
        after = records[seq:]
        news = run.table.since(seq)
        told = [record for record in after if isinstance(record.event, Reported)]
        assert news.head == run.ledger.head
        assert news.reports.seq.tolist() == [record.seq for record in told]
        steps, metrics = news.reports.metrics(0)
        assert as_read(steps, metrics) == {record.event.step: record.event.values for record in told}
        notes = [(record.event.key, record.event.value) for record in after if isinstance(record.event, Noted)]
        assert news.notes == dict(notes)
        assert list(news.verdicts) == [record.event for record in after if isinstance(record.event, Assessed)]


def test_curves_that_are_kept_are_the_past():
    run = begun()
    run.report(0, 1, loss=0.5, grad=1.0)
    kept = run.table.curves
    since = kept.since(0)
    for step in range(2, 200):
        run.report(0, step, loss=0.1, grad=2.0, other=1.0)
    run.report(0, 1, loss=0.1, grad=3.0)
    for curves in (kept, since):
        assert len(curves) == 1
        assert losses(curves, 0) == {1: 0.5}
        assert {name: values.tolist() for name, values in curves.metrics(0)[1].items() if name == "grad"} == {
            "grad": [1.0]
        }
    with pytest.raises(ValueError, match="read-only"):
        kept.y[0] = 1.0


def test_a_reader_beside_a_writer_sees_whole_reports():
    """A thread that reads never sees a report in one column and not in another, and never keeps the writer waiting."""
    run = begun(4)
    n, faults = 20_000, []
    done = threading.Event()

    def read() -> Iterator[str]:
        while not done.is_set():
            curves = run.table.curves
            lengths = {len(curves), *map(len, (curves.row, curves.attempt, curves.fold, curves.step, curves.y))}
            if len(lengths) > 1:
                yield f"columns of {lengths}"
            for number in range(4):
                steps, metrics = curves.metrics(number)
                if not np.array_equal(metrics["loss"], steps):
                    yield f"trial {number} is torn"
                if len(steps) and not np.array_equal(metrics["double"], 2 * steps):
                    yield f"what was not declared of trial {number} is torn"

    readers = [threading.Thread(target=lambda: faults.extend(read())) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for step in range(n):
            run.report(step % 4, step, loss=float(step), double=2.0 * step)
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert faults == []
    assert len(run.table.curves) == n


def interrupt_at(line: int) -> Callable[..., Any]:
    """Return a trace function by which a Ctrl-C comes before that line, counted as they run, of the columns' code."""
    n_lines = 0

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal n_lines
        if frame.f_globals["__name__"] not in ("trimtab.ledger.curves", "trimtab.ledger.columns"):
            return None
        n_lines += event == "line"
        if event == "line" and n_lines == line:
            raise KeyboardInterrupt
        return trace

    return trace


@pytest.mark.parametrize("n_before", [1, 16], ids=["with room", "as the columns grow"])
def test_a_report_that_was_cut_short_anywhere_is_taken_in_anew(n_before):
    """The log has the record then, and the process reads it again."""

    def say(run: Simulation, number: int, step: int) -> None:
        run.report(number, step, loss=0.5 * step, memory=0.25, grad=2.0, lr=0.1 * number)

    def spoken() -> Simulation:
        run = begun(2)
        for step in range(n_before):
            say(run, 1, step)
        return run

    whole = spoken()
    say(whole, 0, 1)
    say(whole, 1, n_before)
    n_cut = 0
    while True:
        run = spoken()
        before = sys.gettrace()
        sys.settrace(interrupt_at(n_cut + 1))
        try:
            say(run, 0, 1)
            break
        except KeyboardInterrupt:
            n_cut += 1
        finally:
            sys.settrace(before)
        if run.records[-1].event.number != 0:
            say(run, 0, 1)  # that was before it was on record
        say(run, 1, n_before)
        assert snapshot.save(run.ledger) == snapshot.save(whole.ledger)
        assert [run.table.curves.reports(number).tolist() for number in (0, 1)] == [
            [n_before],
            [*range(n_before), n_before + 1],
        ]
    assert n_cut > 50


# Many names


def test_names_beyond_the_bound_are_left_out_and_known_ones_kept():
    run = begun()
    for step in range(2 * MOST_UNDECLARED):
        run.report(0, step, **{f"loss_{step}": 1.0, "loss": 0.5, "first": float(step)})
    undeclared = run.table.curves.undeclared
    assert len(undeclared.names) == MOST_UNDECLARED
    _, metrics = run.table.curves.metrics(0)
    assert len(metrics) == MOST_UNDECLARED + len(METRICS)
    assert metrics["first"].tolist() == list(map(float, range(2 * MOST_UNDECLARED)))
    assert run.table.unknown_metrics(["loss", "first", "loss_0", "new", "newer"]) == ["new", "newer"]


def test_one_report_of_very_many_names_is_bounded_too():
    run = begun()
    run.report(0, 1, **{f"m{i}": 1.0 for i in range(10 * MOST_UNDECLARED)})
    assert len(run.table.curves.undeclared.value) == MOST_UNDECLARED
    assert run.table.curves.metrics(0)[1]["m0"].tolist() == [1.0]


def test_a_curve_of_losses_is_turned_as_losses_are():
    problem = Problem(Space(x=Float(0, 1)), (at_least("recall", 0.5), minimize("loss"), maximize("score")), folds=2)
    run = Simulation(problem)
    run.start(run.put(np.array([0.5]), Origin("user")))
    run.report(0, 1, recall=0.25, loss=3.0, score=2.0)
    run.report(0, 1, 1, score=8.0)
    steps, losses = run.table.loss_curve(0)
    assert (steps.tolist(), losses.tolist()) == ([1.0], [[-0.25, 3.0, -2.0]])
    np.testing.assert_array_equal(run.table.loss_curve(0, fold=1)[1], [[NAN, NAN, -8.0]])
