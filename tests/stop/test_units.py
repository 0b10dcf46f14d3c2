"""Budgets in other units than trials: what is spent, what is reserved, and what a start lacks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from trimtab.errors import ProblemError
from trimtab.ledger.event import Opened, Origin, Started, Told
from trimtab.space.parameter import Float, Int
from trimtab.space.problem import Fidelity, Problem, minimize
from trimtab.space.space import Space
from trimtab.stop.budget import Budget
from trimtab.stop.deadline import moment_of
from trimtab.stop.start import Start
from trimtab.testing.simulation import Simulation

EPOCH = Fidelity("epoch", 1, 9)
X = np.array([0.5])


@pytest.fixture
def run() -> Simulation:
    return Simulation(Problem(Space(x=Float(0, 1)), [minimize("loss")], [EPOCH]))


def begin(run: Simulation, end: float = 9.0, **more) -> int:
    number = run.put(X, Origin("asha"), fidelity=(end,))
    run.add(Started(number, "worker", 1, **more))
    return number


def end(run: Simulation, number: int, seconds: float = 9.0, cost: float | None = None) -> None:
    run.add(Told(number, {"loss": 1.0}, int(run.table.attempt[number]), seconds=seconds, cost=cost))


def test_what_runs_is_reserved_to_its_end_from_its_checkpoint_on(run):
    budget = Budget(epochs=20)
    begin(run, begins=4.0)
    [line] = budget.spending(run.table)
    assert (line.unit, line.spent, line.reserved, line.left) == ("epoch", 0, 5, 15)
    begin(run)
    assert not budget.lacks(run.table, Start((6.0,)))
    assert not budget.lacks(run.table, Start((9.0,), begins=3.0))
    lack = budget.lacks(run.table, Start((9.0,)))
    assert (
        lack
        == "6 of 20 epochs are left besides 14 reserved for what runs, too little for the next trial, which takes 9"
    )


def test_a_budget_of_epochs_ends_a_study_once_nothing_is_left_and_waits_for_what_runs(run):
    number = begin(run)
    verdict = Budget(epochs=9).assess(run.problem, run.table)
    assert (verdict.stop, verdict.wait, verdict.cancel) == (True, True, False)
    end(run, number)
    verdict = Budget(epochs=9).assess(run.problem, run.table)
    assert (verdict.stop, verdict.wait, verdict.reason) == (True, False, "the budget of 9 epochs is used up")


def test_a_failed_attempt_without_reports_counts_whole_until_trials_report_as_they_go(run):
    run.fail(begin(run))
    assert Budget(epochs=20).spending(run.table)[0].spent == 9
    run.report(begin(run), 1.0, loss=1.0)
    assert Budget(epochs=20).spending(run.table)[0].spent == 0


def test_machines_are_paid_by_what_trials_take(run):
    taken = {"cpu": 4.0, "gpu": 2.0}
    end(run, begin(run, resources=taken), seconds=3600)
    limits = {"worker_hours": 3, "gpu_hours": 3, "cpu_hours": 5, "money": 10, "prices": {"gpu": 2.5, "cpu": 0.25}}
    spending = {line.unit: line.spent for line in Budget(**limits).spending(run.table)}
    assert spending == pytest.approx({"worker_hours": 1, "gpu_hours": 2, "cpu_hours": 4, "money": 6})
    end(run, begin(run, resources=taken), seconds=3600)
    verdict = Budget(gpu_hours=4).assess(run.problem, run.table)
    assert (verdict.cancel, verdict.reason) == (True, "the budget of 4 GPU-hours is used up")


def test_a_trial_that_cannot_end_in_time_does_not_start(run):
    budget = Budget(hours=1)
    start = Start((9.0,))
    assert not budget.lacks(run.table, start), "nobody knows how long it takes"
    for _ in range(3):
        end(run, begin(run), seconds=900)
    run.ledger.tick(run.table.session_start + 2700)
    assert not budget.lacks(run.table, start)
    run.ledger.tick(run.table.session_start + 2800)
    assert "13.3 min are left of 1 hours, too little" in budget.lacks(run.table, start)
    assert not budget.lacks(run.table, Start((3.0,))), "a third of it ends in time"
    until = datetime.fromtimestamp(run.table.now + 800).astimezone()
    assert "are left until the deadline" in Budget(deadline=until).lacks(run.table, start)
    assert "0.2 of 0.95 worker-hours are left" in Budget(worker_hours=0.95).lacks(run.table, start)
    assert not Budget(worker_hours=1).lacks(run.table, start)


def test_how_long_a_trial_takes_is_foreseen_by_its_parameters():
    space = Space(width=Int(1, 100, log=True))
    run = Simulation(Problem(space, (minimize("loss"),)))
    for i in range(20):
        number = run.put(np.array([1.0 + 5 * i]), Origin("user"))
        run.start(number)
        run.add(Told(number, {"loss": 1.0}, seconds=60.0 * (1 + 5 * i)))
    run.ledger.tick(run.table.session_start + 600)
    budget = Budget(hours=0.5)  # 1,200 s are left
    assert not budget.lacks(run.table, Start(x=np.array([4.0])))
    assert "20 min are left of 0.5 hours, too little" in budget.lacks(run.table, Start(x=np.array([90.0])))
    assert not budget.lacks(run.table, Start(x=np.array([90.0]), limit_s=900.0)), "it is ended before"
    assert not budget.lacks(run.table, Start()), "the shortest would end in time"
    run.ledger.tick(run.table.session_start + 1790)
    assert budget.lacks(run.table, Start())


def test_what_nobody_knows_is_reserved_until_it_would_be_ended():
    run = Simulation(Problem(Space(x=Float(0, 1)), (minimize("loss"),)))
    budget, start = Budget(hours=1), Start(x=np.array([0.5]), limit_s=7200.0)
    run.add(Opened())
    assert not budget.lacks(run.table, start), "the first finds it out"
    run.start(run.enqueue(np.array([0.5])))
    assert "too little" in budget.lacks(run.table, start)


def test_a_deadline_ends_what_runs(run):
    budget = Budget(deadline=datetime.fromtimestamp(run.table.now + 60, UTC))
    assert not budget.assess(run.problem, run.table).stop
    run.ledger.tick(run.table.now + 60)
    verdict = budget.assess(run.problem, run.table)
    assert verdict.stop
    assert verdict.cancel
    assert verdict.reason.startswith("the deadline, ")


def test_what_was_stopped_and_told_no_cost_is_counted_at_the_price_of_what_it_ran(run):
    end(run, begin(run), cost=18.0)
    number = begin(run)
    run.report(number, 1.0, loss=1.0)
    run.report(number, 2.0, loss=1.0)
    run.stop(number, loss=1.0)
    [line] = Budget(cost=100).spending(run.table)
    assert line.spent == 18 + 2 * 2


@pytest.mark.parametrize("begins", [None, 4.0])
def test_what_goes_on_after_it_was_lost_tells_the_price_of_what_it_ran_itself(run, begins):
    """Of nine epochs that cost two each the last attempt pays five where four were kept, and all where none was."""
    number = begin(run)
    run.report(number, 4.0, loss=1.0, cost=8.0)
    run.fail(number, "lost", again=True)
    run.add(Started(number, "worker", 2, begins=begins))
    end(run, number, cost=18.0 if begins is None else 10.0)
    [line] = Budget(cost=100).spending(run.table)
    assert line.spent == 8 + (18 if begins is None else 10)
    assert not Budget(cost=line.spent + 18).lacks(run.table, Start((9.0,)))
    assert "expected to cost 18" in Budget(cost=line.spent + 17).lacks(run.table, Start((9.0,)))
    assert "expected to cost 6" in Budget(cost=line.spent + 5).lacks(run.table, Start((3.0,)))


def test_what_running_trials_report_of_their_cost_is_spent_and_ends_them(run):
    end(run, begin(run), cost=9.0)
    number = begin(run)
    run.report(number, 1.0, loss=1.0, cost=4.0)
    [line] = Budget(cost=100).spending(run.table)
    assert (line.spent, line.reserved) == (13, 5)
    verdict = Budget(cost=12.5).assess(run.problem, run.table)
    assert verdict.cancel
    run.fail(number, "lost", again=True)
    assert Budget(cost=100).spending(run.table)[0].spent == 13, "it will be paid again"


@pytest.mark.parametrize(("limit", "ends"), [(4.5, True), (5.0, False), (12.0, False)])
def test_what_runs_is_ended_before_the_report_that_would_overspend(run, limit, ends):
    """The first trial of all, whose price nobody knows: a cost of 2 an epoch has come to 4, and the next makes 6."""
    number = begin(run, end=9.0 if limit != 5.0 else 2.0)
    run.report(number, 1.0, loss=1.0, cost=2.0)
    run.report(number, 2.0, loss=1.0, cost=4.0)  # of 2 epochs that is all there is to pay
    said = Budget(cost=limit).assess(run.problem, run.table)
    assert said.cancel == ends
    if ends:
        assert said.reason.startswith("the budget of 4.5 is used up: 4 was spent, and what runs would go beyond it")


def test_what_is_nearly_at_its_end_is_not_taken_to_cost_a_whole_report_more(run):
    number = begin(run)
    run.report(number, 4.0, loss=1.0, cost=8.0)
    run.report(number, 8.0, loss=1.0, cost=16.0)  # one epoch is left, where there were four from report to report
    assert not Budget(cost=18.5).assess(run.problem, run.table).cancel
    assert Budget(cost=17.5).assess(run.problem, run.table).cancel


def test_what_is_left_is_told_by_unit(run):
    end(run, begin(run), seconds=3600)
    left = Budget(trials=3, epochs=20, gpu_hours=2, deadline="2999-01-01").remaining(run.table)
    assert left.trials == 2
    assert left.seconds is not None
    assert left.units == {"epoch": 11, "gpu_hours": 2}


NOW = datetime(2026, 11, 29, 12, 0, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("said", "due"),
    [
        ("13:30", NOW + timedelta(hours=1.5)),
        ("07:00", NOW + timedelta(hours=19)),
        ("7:00:30", NOW + timedelta(hours=19, seconds=30)),
        ("12:00", NOW + timedelta(days=1)),
        ("2026-12-01T07:00:00+01:00", NOW + timedelta(days=1, hours=19)),
        ("2026-12-01 06:00Z", NOW + timedelta(days=1, hours=19)),
        (NOW + timedelta(minutes=1), NOW + timedelta(minutes=1)),
    ],
)
def test_a_deadline_is_a_moment(said, due):
    assert moment_of(said, NOW) == due.timestamp()


@pytest.mark.parametrize("said", ["25:00", "tomorrow", "", "07", 7, 7.5, "2026-13-01", "2026-02-30 07:00", True, None])
def test_what_is_no_moment_is_refused(said):
    with pytest.raises(ProblemError, match="deadline"):
        moment_of(said)


@pytest.mark.parametrize(
    "limits",
    [
        {"epochs": 0},
        {"epochs": {}},
        {"epochs": {"epoch": -1}},
        {"epochs": {3: 3}},
        {"epochs": "500"},
        {"money": 3},
        {"prices": {"gpu": 1}},
        {"prices": {"gpu": 1}, "trials": 3},
        {"money": 3, "prices": {"gpu": -1}},
        {"money": 3, "prices": 2},
        {"gpu_hours": float("nan")},
        {"worker_hours": True},
        {"deadline": "noon"},
    ],
)
def test_what_is_no_limit_is_refused(limits):
    with pytest.raises(ProblemError, match="Budget"):
        Budget(**limits)


@pytest.mark.parametrize(
    ("limits", "fidelities", "said"),
    [
        ({"epochs": 5}, [], "none is declared"),
        ({"epochs": 5}, [EPOCH, Fidelity("share", 0.1, 1)], "does not say of which fidelity"),
        ({"epochs": 5}, [Fidelity("rows", 100, 900), EPOCH], "Write epochs={'epoch': 5}"),
        ({"epochs": {"step": 5}}, [EPOCH], "names 'step'; the fidelities are epoch"),
        ({"gpu_hours": 5}, [], "they take none"),
        ({"money": 5, "prices": {"gpu": 1}}, [], "costs nothing"),
        ({"money": 5, "prices": {"tpu": 1}}, [], "names 'tpu'"),
    ],
)
def test_what_a_study_cannot_be_held_to_is_refused(limits, fidelities, said):
    problem = Problem(Space(x=Float(0, 1)), [minimize("loss")], fidelities)
    with pytest.raises(ProblemError, match=said):
        Budget(**limits).check(problem, {"cpu": 1.0})


def test_numbers_of_array_libraries_are_numbers():
    assert Budget(trials=np.int64(3), epochs=np.float32(2), hours=np.int64(1)) == Budget(trials=3, epochs=2.0, hours=1)


def test_a_budget_survives_its_record():
    budget = Budget(trials=3, epochs={"epoch": 5}, money=2, prices={"gpu": 1}, deadline="2999-01-01 07:00").settled()
    assert Budget(**budget.to_json()) == budget
    assert Budget(**budget.to_json()).until == budget.until
    assert budget.changed({"trials": None, "deadline": None}) == Budget(epochs={"epoch": 5}, money=2, prices={"gpu": 1})


# Several fidelities


ROWS = Fidelity("rows", 0.1, 1000)  # bounds that are no whole numbers: the epochs count steps


@pytest.fixture
def both() -> Simulation:
    return Simulation(Problem(Space(x=Float(0, 1)), [minimize("loss")], [ROWS, EPOCH]))


def begin_both(run: Simulation, *ends: float, parent: int | None = None, **more) -> int:
    number = run.put(X, Origin("sha"), fidelity=ends, parent=parent)
    run.add(Started(number, "worker", 1, **more))
    return number


def test_of_several_fidelities_what_runs_is_reserved_from_its_checkpoint_on(both):
    budget = Budget(epochs={"epoch": 20, "rows": 2000})
    begin_both(both, 900.0, 9.0, begins=3.0)
    rows, epochs = budget.spending(both.table)
    assert (rows.unit, rows.reserved, epochs.unit, epochs.reserved) == ("rows", 600, "epoch", 6)
    assert not budget.lacks(both.table, Start((900.0, 9.0)))
    assert not budget.lacks(both.table, Start((900.0, 9.0), begins=0.0))
    begin_both(both, 900.0, 9.0)
    assert "500 of 2000 rows are left" in budget.lacks(both.table, Start((900.0, 6.0)))
    assert not budget.lacks(both.table, Start((900.0, 9.0), begins=4.0))


def test_along_several_fidelities_a_trial_is_priced_by_how_far_it_is_run(both):
    """A cost of 0.01 for each row in each epoch: 9 for a look, of which a mean over all trials would make 27."""
    for ends, cost in (((300.0, 3.0), 9.0), ((300.0, 3.0), 9.0), ((900.0, 9.0), 81.0)):
        end(both, begin_both(both, *ends), cost=cost)
    child = begin_both(both, 900.0, 9.0, parent=0, begins=3.0)
    [line] = Budget(cost=1000).spending(both.table)
    assert line.spent == 99
    assert line.reserved == pytest.approx(99 / (900 + 900 + 8100) * 900 * 6)  # none went this way yet: the mean price
    end(both, child, cost=54.0)
    assert "expected to cost 9" in Budget(cost=160).lacks(both.table, Start((300.0, 3.0)))
    assert "expected to cost 54" in Budget(cost=160).lacks(both.table, Start((900.0, 9.0), parent=1, begins=3.0))
    assert "expected to cost 81" in Budget(cost=160).lacks(both.table, Start((900.0, 9.0)))


def test_what_runs_on_several_fidelities_is_ended_before_it_overspends(both):
    end(both, begin_both(both, 900.0, 9.0), cost=90.0)
    number = begin_both(both, 900.0, 9.0)
    both.report(number, 1.0, loss=1.0, cost=10.0)
    assert not Budget(cost=110).assess(both.problem, both.table).cancel
    both.report(number, 2.0, loss=1.0, cost=20.0)
    assert Budget(cost=119).assess(both.problem, both.table).cancel


def test_along_several_fidelities_time_goes_by_their_product(both):
    """Ten seconds for each look: a whole trial does not end before 89 of them."""
    both.add(Opened({}))
    for _ in range(3):
        end(both, begin_both(both, 300.0, 3.0), seconds=10.0)
    budget = Budget(hours=(both.table.elapsed + 89.0) / 3600)
    assert not budget.lacks(both.table, Start((300.0, 3.0)))
    assert "takes about 90 s" in budget.lacks(both.table, Start((900.0, 9.0)))
    assert not budget.lacks(both.table, Start((900.0, 9.0), begins=3.0))
