"""What attempts ran: what a budget in units of a fidelity is held to."""

from __future__ import annotations

import numpy as np
import pytest

from trimtab.ledger import snapshot
from trimtab.ledger.event import Failed, Opened, Origin, Started, Told
from trimtab.space.parameter import Float
from trimtab.space.problem import Fidelity, Problem, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation

X = np.array([0.5])


def simulation(*fidelities: Fidelity) -> Simulation:
    return Simulation(Problem(Space(x=Float(0, 1)), [minimize("loss")], fidelities or [Fidelity("epoch", 1, 9)]))


def begin(run: Simulation, end: float = 9.0, parent: int | None = None, begins: float | None = None) -> int:
    number = run.put(X, Origin("asha"), fidelity=(end,), parent=parent)
    run.add(Started(number, "worker", 1, begins=begins))
    return number


def report(run: Simulation, number: int, *steps: float) -> None:
    for step in steps:
        run.report(number, step, loss=1.0)


@pytest.mark.parametrize(
    ("steps", "fate", "ran", "unseen"),
    [
        ((), "tell", 9, 0),
        ((1, 2, 3), "tell", 9, 0),
        ((1, 2, 3), "stop", 3, 0),
        ((1, 2, 3), "fail", 3, 0),
        ((), "stop", 0, 9),
        ((), "fail", 0, 9),
        ((10, 200), "stop", 9, 0),  # steps of another unit
        ((0.5,), "stop", 0.5, 0),
    ],
)
def test_an_attempt_ran_as_far_as_it_reported(steps, fate, ran, unseen):
    run = simulation()
    number = begin(run)
    report(run, number, *steps)
    getattr(run, fate)(number)
    assert (run.table.ran[number, 0], run.table.unseen[number, 0]) == (ran, unseen)


@pytest.mark.parametrize(
    ("begins", "steps", "ran"),
    [
        (3, (4, 5), 6),  # it goes on from the checkpoint
        (3, (), 6),
        (3, (1, 2, 3, 4), 9),  # it does not, whatever there is
        (9, (), 0),
        (12, (), 9),  # a checkpoint of something else
        (None, (4, 5, 6), 6),  # nothing is marked, and the reports tell
        (None, (1, 2, 3), 9),
        (None, (9,), 9),  # it reports at its end alone
        (None, (5, 10, 12), 9),  # it reports every five, from its beginning
    ],
)
def test_a_promotion_pays_what_it_ran_itself(begins, steps, ran):
    run = simulation()
    parent = begin(run, 3.0)
    report(run, parent, 1, 2, 3)
    run.tell(parent)
    child = begin(run, 9.0, parent, begins)
    report(run, child, *steps)
    run.tell(child)
    assert run.table.ran[:, 0].tolist() == [3, ran]


def test_several_attempts_pay_each():
    run = simulation()
    number = begin(run)
    report(run, number, 1, 2, 3, 4)
    run.fail(number, "lost", again=True)
    run.add(Started(number, "worker", 2, begins=2))
    report(run, number, 3, 4, 5)
    run.fail(number, "lost", again=True)
    run.add(Started(number, "worker", 3))
    report(run, number, *range(1, 10))
    run.tell(number)
    assert run.table.ran[number, 0] == 4 + 3 + 9


def test_what_was_given_back_ran_nothing():
    run = simulation()
    number = begin(run)
    run.session.commit(lambda: [_returned(number)])
    assert run.table.ran[number, 0] == run.table.unseen[number, 0] == 0


def _returned(number):
    from trimtab.ledger.event import Returned

    return Returned(number, "not today", 1)


BOTH = (Fidelity("share", 0.1, 1.0), Fidelity("epoch", 1, 8))


def begin_both(run: Simulation, *ends: float, parent: int | None = None, begins: float | None = None) -> int:
    number = run.put(X, Origin("asha"), fidelity=ends, parent=parent)
    run.add(Started(number, "worker", 1, begins=begins))
    return number


@pytest.mark.parametrize(
    ("steps", "fate", "ran", "unseen"),
    [
        ((), "tell", (0.5, 8), (0, 0)),
        ((1, 2), "tell", (0.5, 8), (0, 0)),
        ((1, 2, 3, 4), "stop", (0.25, 4), (0, 0)),
        ((1, 2), "fail", (0.125, 2), (0, 0)),
        ((), "fail", (0, 0), (0.5, 8)),
    ],
)
def test_of_several_fidelities_each_is_paid_by_the_part_of_the_steps(steps, fate, ran, unseen):
    run = simulation(*BOTH)
    number = begin_both(run, 0.5, 8.0)
    report(run, number, *steps)
    getattr(run, fate)(number)
    assert run.table.ran[number].tolist() == pytest.approx(ran)
    assert run.table.unseen[number].tolist() == pytest.approx(unseen)
    assert run.table.is_gradual == bool(steps)


@pytest.mark.parametrize(("begins", "steps"), [(4.0, (5, 6)), (4.0, ()), (None, (5, 6, 7))])
def test_along_several_fidelities_a_promotion_pays_what_it_ran_itself(begins, steps):
    run = simulation(*BOTH)
    parent = begin_both(run, 0.5, 4.0)
    run.tell(parent)
    child = begin_both(run, 1.0, 8.0, parent=parent, begins=begins)
    report(run, child, *steps)
    run.tell(child)
    assert run.table.ran.tolist() == [[0.5, 4], [0.5, 4]]


def test_a_trial_in_pieces_pays_as_much_of_each_fidelity_as_in_one():
    run = simulation(*BOTH)
    number = begin_both(run, 1.0, 8.0)
    report(run, number, 1, 2, 3)
    run.fail(number, "lost", again=True)
    assert run.table.ran[number].tolist() == [0.375, 3]
    run.add(Started(number, "worker", 2, begins=2.0))  # the third epoch was not kept, and is paid again
    report(run, number, 3, 4)
    run.tell(number)
    assert run.table.ran[number].tolist() == [1.125, 9]


def test_where_no_fidelity_counts_steps_each_is_paid_in_full():
    run = simulation(Fidelity("share", 0.1, 1.0), Fidelity("size", 0.1, 1.0))
    number = begin_both(run, 0.5, 0.25)
    report(run, number, 1)
    run.stop(number)
    assert run.table.ran[number].tolist() == [0.5, 0.25]
    assert not run.table.is_gradual


def test_a_share_of_the_data_has_no_steps_to_go_on_from():
    run = simulation(Fidelity("share", 0.1, 1.0))
    number = begin(run, 1.0, begins=1.0)
    run.tell(number)
    assert run.table.ran[number, 0] == 1.0


def test_resources_are_counted_by_the_seconds_of_each_attempt():
    run = simulation()
    number = run.put(X, Origin("user"))
    run.add(Started(number, "worker", 1, resources={"cpu": 4, "gpu": 2}))
    run.add(Failed(number, "lost", "", 1, again=True))  # nobody saw its end: a second later by the log
    run.add(Started(number, "worker", 2))
    run.add(Told(number, {"loss": 1.0}, 2, seconds=10.0))
    assert run.table.used == {"cpu": 4 + 10, "gpu": 2, "worker": 11}


def test_a_night_between_two_runs_is_nobodys_time():
    run = simulation()
    run.add(Opened())
    number = run.put(X, Origin("user"))
    run.start(number)
    run._clock.advance(100_000.0)
    run.session.commit(lambda: [Opened(), Failed(number, "lost", "its driver is gone", 1, again=True)])
    assert run.table.used["worker"] < 10


def test_a_snapshot_keeps_it_all():
    run = simulation()
    for number in (begin(run), begin(run)):
        report(run, number, 1, 2)
    run.fail(0, "lost", again=True)
    run.add(Started(0, "worker", 2, begins=1.0, resources={"gpu": 1.0}))
    found = snapshot.load(bytes(snapshot.save(run.ledger)))
    assert found is not None
    assert found.table.ran.tolist() == run.table.ran.tolist()
    assert found.table.used == run.table.used
    assert found.table.is_gradual
    assert found.table.resources(0) == {"gpu": 1.0}
    assert found.table.begins.tolist()[0] == 1.0
