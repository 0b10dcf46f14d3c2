"""What schedulers that halve share: rungs, and what trials showed there."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trimtab as tt
from trimtab.errors import ProblemError
from trimtab.ledger.event import Extended, Origin
from trimtab.schedule.asha import Asha
from trimtab.schedule.auto import Auto, period
from trimtab.schedule.hyperband import Hyperband, kinds_of
from trimtab.schedule.median import Median
from trimtab.schedule.pasha import Pasha
from trimtab.schedule.protocol import Continue, Fresh, Request
from trimtab.schedule.reading import rungs_of
from trimtab.schedule.rungs import MOST_RUNGS, Configs, Seen, ladder, n_better, ranked, spearman
from trimtab.schedule.sha import Sha
from trimtab.space.problem import Problem, at_most, maximize, minimize
from trimtab.testing.simulation import PROBLEMS, Simulation

EPOCHS = tt.Fidelity("epoch", 1, 81)
SPACE = tt.Space(x=tt.Float(0, 1))
PROBLEM = Problem(SPACE, (minimize("loss"),), (EPOCHS,))


def begun(problem: Problem = PROBLEM, n: int = 1, x: float | None = None) -> Simulation:
    run = Simulation(problem)
    for i in range(n):
        number = run.put(np.array([i / (n + 1) if x is None else x]), Origin("test"))
        run.start(number)
    return run


@pytest.mark.parametrize(
    ("low", "high", "eta", "rungs"),
    [
        (1, 81, 3, (1, 3, 9, 27, 81)),
        (1, 52, 3, (1, 3, 9, 27, 52)),
        (1, 30, 3, (1, 3, 9, 30)),  # 27 is nearly the end
        (0, 27, 3, (1, 3, 9, 27)),
        (0, 100, 2, (13, 25, 50, 100)),
        (0.1, 1.0, 3, (0.1, 0.30000000000000004, 1.0)),
        (0, 1, 3, (1 / 27, 3 / 27, 9 / 27, 1)),  # a share, although both bounds are whole
        (4, 4, 3, (4,)),
        (0, 0, 3, (0,)),
        (3, 4, 2, (4,)),
    ],
)
def test_a_ladder(low: float, high: float, eta: int, rungs: tuple[float, ...]) -> None:
    assert ladder(tt.Fidelity("epoch", low, high), eta) == rungs


@pytest.mark.parametrize("eta", [2, 3, 1000])
def test_a_ladder_has_an_end_below(eta: int) -> None:
    rungs = ladder(tt.Fidelity("size", 5e-324, 1.7e308), eta)
    assert len(rungs) == MOST_RUNGS + 1
    assert rungs[0] == pytest.approx(1.7e308 / float(eta) ** MOST_RUNGS)
    assert len(ladder(tt.Fidelity("row", 1, 10**18), eta, 2)) <= MOST_RUNGS + 1


def test_the_lowest_rung_may_be_said() -> None:
    assert ladder(EPOCHS, 3, 5) == (5, 15, 45, 81)
    assert ladder(EPOCHS, 3, 200) == (81,)


@given(st.lists(st.tuples(st.floats(-9, 9), st.sampled_from([0.0, 0.0, 1.0, math.inf])), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_the_best_come_first_and_nothing_is_better_than_the_first(rows: list[tuple[float, float]]) -> None:
    losses, excess = np.array([[loss] for loss, _ in rows]), np.array([broken for _, broken in rows])
    order = ranked(losses, excess)
    standings = [n_better(losses, excess, losses[i], excess[i]) for i in order.tolist()]
    assert standings == sorted(standings)
    assert standings[0] == 0


def test_with_two_objectives_a_compromise_is_not_behind_either_end() -> None:
    losses = np.array([[0.0, 9.0], [5.0, 5.0], [9.0, 0.0], [9.0, 9.0]])
    assert [n_better(losses, np.zeros(4), each, 0.0) for each in losses] == [0, 0, 0, 3]
    assert ranked(losses, np.zeros(4)).tolist() == [0, 1, 2, 3]


def test_rank_correlation_shares_the_ranks_of_ties() -> None:
    assert spearman(np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 90.0])) == pytest.approx(1.0)
    assert spearman(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])) == pytest.approx(-1.0)
    assert spearman(np.array([1.0, 2.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0, 4.0])) == pytest.approx(0.9486832980505138)
    assert math.isnan(spearman(np.ones(3), np.arange(3.0)))
    assert math.isnan(spearman(np.ones(1), np.ones(1)))


# What was seen


def test_what_counts_at_a_rung_is_the_first_report_there_or_above() -> None:
    run, seen = begun(), Seen(3)
    for step, loss in ((2.0, 0.5), (4.0, 0.4), (8.0, 0.3), (10.0, 0.2)):
        run.report(0, step, loss=loss)
        seen.follow(run.table)
    assert seen.at[0].tolist()[:3] == [2.0, 4.0, 10.0]
    assert [seen.loss(0, k) for k in range(3)] == [0.5, 0.4, 0.2]
    assert seen.just_reached(run.table, 0) == 2
    run.report(0, 11.0, loss=0.1)
    seen.follow(run.table)
    assert seen.just_reached(run.table, 0) is None


def test_a_new_attempt_replaces_what_the_one_before_showed() -> None:
    run, seen = begun(), Seen(3)
    for step in (1.0, 3.0, 9.0):
        run.report(0, step, loss=step)
    seen.follow(run.table)
    run.fail(0, "lost", again=True)
    run.start(0)
    run.report(0, 3.0, loss=0.7)
    seen.follow(run.table)
    assert [seen.loss(0, k) for k in range(2)] == [1.0, 0.7]
    assert np.isnan(seen.at[0, 2])


def test_a_report_in_parts_and_nan_are_no_value() -> None:
    problem = Problem(SPACE, (minimize("loss"), maximize("speed")), (EPOCHS,))
    run, seen = begun(problem), Seen(3)
    run.report(0, 1.0, loss=0.5)
    seen.follow(run.table)
    assert np.isnan(seen.at[0, 0])
    run.report(0, 1.0, speed=3.0)
    seen.follow(run.table)
    assert seen.at[0, 0] == 1.0
    run.report(0, 3.0, loss="nan", speed=1.0)
    seen.follow(run.table)
    assert np.isnan(seen.at[0, 1])


def test_repeats_count_once_by_their_mean_and_failures_not_at_all() -> None:
    run, seen = begun(x=0.5, n=3), Seen(3)
    for number, loss in enumerate((0.2, 0.4, 9.0)):
        run.report(number, 1.0, loss=loss)
    run.fail(2)
    seen.follow(run.table)
    once = seen.there(run.table, 0).once()
    assert (once.rows.tolist(), once.losses.tolist()) == ([0], [[pytest.approx(0.3)]])


def test_a_trial_that_goes_on_did_not_pass_the_rungs_below() -> None:
    run, seen = begun(), Seen(3)
    run.report(0, 1.0, loss=0.5)
    run.tell(0, 0.5)
    run.put(np.array([0.0]), Origin("scheduler"), fidelity=(9.0,), parent=0)
    run.start(1)
    run.report(1, 81.0, loss=0.1)
    seen.follow(run.table)
    assert np.isnan(seen.at[1]).all(), "its parent was to run to the end"


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_what_is_followed_is_what_is_read_anew(data: st.DataObject) -> None:
    run, seen, configs = begun(n=6), Seen(3), Configs()
    for _ in range(data.draw(st.integers(1, 30))):
        number = data.draw(st.integers(0, 5))
        if run.table.state[number] != 1:
            continue
        fate = data.draw(st.integers(0, 9))
        if fate == 0:
            run.fail(number, "lost", again=True)
            run.start(number)
        elif fate == 1:
            run.fail(number)
        else:
            loss = data.draw(st.sampled_from([0.1, 0.2, "nan", "inf"]))
            run.report(number, data.draw(st.sampled_from([1.0, 2.0, 3.0, 9.0, 40.0])), loss=loss)
        if data.draw(st.booleans()):
            seen.follow(run.table)
            configs.follow(run.table)
    anew = Seen(3)
    for each in (seen, anew):
        each.follow(run.table)
    assert seen.at.tobytes() == anew.at.tobytes()
    assert seen.any_early == anew.any_early
    for k in range(4):
        assert seen.there(run.table, k).losses.tolist() == anew.there(run.table, k).losses.tolist()
    assert configs.follow(run.table).tolist() == Configs().follow(run.table).tolist()


def test_a_trial_that_gains_a_value_is_another_configuration() -> None:
    run, configs = begun(x=0.5, n=2), Configs()
    run.grow("y", tt.Float(0, 1))
    assert configs.follow(run.table).tolist() == [0, 0]
    run.add(Extended(1, (0.5, 0.25), run.ledger.head, Origin("test"), 1))
    assert configs.follow(run.table).tolist() == [0, 1]


def test_constraints_come_before_losses() -> None:
    problem = Problem(SPACE, (minimize("loss"), at_most("memory", 1.0)), (EPOCHS,))
    run, scheduler = begun(problem, n=3), Asha()
    verdicts = []
    for number, (loss, memory) in enumerate(((0.5, 0.5), (0.6, 0.5), (0.1, 2.0))):
        run.report(number, 1.0, loss=loss, memory=memory)
        verdicts.append(scheduler.judge(run.table, number))
    assert verdicts[:2] == [None, None]
    assert verdicts[2] is not None


# Options


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Asha(eta=1), "Asha expects eta= to be a whole number from 2 to 1,000, .*; got 1"),
        (lambda: Asha(eta=10**400), "Asha expects eta= to be a whole number from 2 to 1,000, "),
        (lambda: Asha(eta=2.5), "got 2.5"),  # type: ignore[arg-type]
        (lambda: Asha(eta=True), "got True"),
        (lambda: Asha(mode="stopping"), 'Asha expects mode= to be "stop" or "promote"; got \'stopping\''),
        (lambda: Asha(low=0), "Asha expects low=, the lowest rung, to be a number above 0, .*; got 0"),
        (lambda: Asha(low=math.nan), "got nan"),
        (lambda: Asha(at_least=0), "Asha expects at_least= to be a whole number of at least 1; got 0"),
        (lambda: Auto(eta=0), "Auto expects eta="),
        (lambda: Pasha(eta="3"), "Pasha expects eta=.*got '3'"),  # type: ignore[arg-type]
        (lambda: Sha(n=0), "Sha expects n= to be a whole number of at least 1; got 0"),
        (lambda: Hyperband(rounds=0), "Hyperband expects rounds="),
        (lambda: Median(at_least=-1), "Median expects at_least="),
        (lambda: Median(low="1"), "Median expects low="),  # type: ignore[arg-type]
    ],
)
def test_options_that_cannot_be_are_refused_at_once(make, said: str) -> None:
    with pytest.raises(ProblemError, match=said):
        make()


# What a verdict says


def test_a_verdict_is_a_sentence() -> None:
    run, scheduler = begun(n=30), Asha()
    said = []
    for number in range(30):
        run.report(number, 1.0, loss=0.1 if number < 10 else 0.412)
        said.append(scheduler.judge(run.table, number))
    assert said[:10] == [None] * 10
    assert said[29].reason == "stopped at epoch 1: loss 0.412 is outside the best third of the 30 trials that got there"


def test_a_maximum_is_told_as_it_was_reported() -> None:
    run, scheduler = begun(Problem(SPACE, (maximize("accuracy"),), (EPOCHS,)), n=3), Asha(eta=2)
    verdicts = []
    for number, accuracy in enumerate((0.9, 0.8, 0.7)):
        run.report(number, 1.0, accuracy=accuracy)
        verdicts.append(scheduler.judge(run.table, number))
    assert verdicts[2].reason == (
        "stopped at epoch 1: accuracy 0.7 is outside the best half of the 3 trials that got there"
    )


def test_equals_all_go_on() -> None:
    run, scheduler = begun(n=30), Asha()
    for number in range(30):
        run.report(number, 1.0, loss=1.0)
        assert scheduler.judge(run.table, number) is None


def test_the_median_rule_compares_the_best_so_far_with_averages_of_complete_trials() -> None:
    run, scheduler = begun(n=4), Median(at_least=3)
    for number, losses in enumerate(((1.0, 3.0), (2.0, 2.0), (5.0, 5.0))):  # on average 2, 2 and 5
        for step, loss in enumerate(losses, 1):
            run.report(number, float(step), loss=loss)
        run.tell(number, losses[-1])
    run.report(3, 1.0, loss=2.0)
    assert scheduler.judge(run.table, 3) is None
    run.report(3, 2.0, loss=9.0)
    assert scheduler.judge(run.table, 3) is None, "its best so far is 2, and the median of the averages is 2"
    run.fail(3, "lost", again=True)
    run.start(3)
    run.report(3, 1.0, loss=2.5)
    assert scheduler.judge(run.table, 3).reason == (
        "stopped at step 1: its best loss so far, 2.5, is worse than the median of what 3 complete trials had on "
        "average by then, 2"
    )


# Brackets


def test_the_brackets_of_table_1() -> None:
    kinds = kinds_of(ladder(EPOCHS, 3), 3)
    assert [(each.size, each.rungs[0]) for each in kinds] == [(81, 1), (34, 3), (15, 9), (8, 27), (5, 81)]


def test_a_batch_is_halved_when_all_of_it_is_over() -> None:
    run, scheduler = Simulation(PROBLEMS["fidelity"]), Sha(n=9)
    for number in range(9):
        assert scheduler.assign(run.table, Request(number, 0)) == Fresh((1.0,))
        run.start(run.put(np.array([number / 9, 1]), Origin("test"), fidelity=(1.0,)))
    assert scheduler.assign(run.table, Request(9, 0)) == Fresh((1.0,)), "nobody is idle: the next batch begins"
    for number in range(9):
        run.tell(number, float(number))
    promoted = []
    while isinstance(wanted := scheduler.assign(run.table, Request(len(run.table), 0)), Continue):
        promoted.append((wanted.parent, wanted.fidelity))
        child = run.put(run.table.x[wanted.parent], Origin("s"), fidelity=wanted.fidelity, parent=wanted.parent)
        run.start(child)
        run.tell(child, float(wanted.parent))
    assert promoted == [(0, (3.0,)), (1, (3.0,)), (2, (3.0,)), (9, (9.0,))]


# The reading


def test_the_reading_counts_lines_at_each_rung() -> None:
    run = begun(n=4)
    for number, losses in enumerate(((0.1, 0.1, 0.1, 0.1), (0.2, 0.2, 0.3, 0.4), (0.3,), (0.4,))):
        for step, loss in zip((1.0, 3.0, 9.0, 27.0), losses, strict=False):
            run.report(number, step, loss=loss)
    run.tell(0, 0.9)
    run.tell(1, 0.5)
    run.stop(2, loss=0.3)
    rungs = rungs_of(run.table)
    assert [(r.level, r.entered, r.stopped, r.went_on) for r in rungs] == [
        (1, 4, 1, 2), (3, 2, 0, 2), (9, 2, 0, 2), (27, 2, 0, 2), (81, 2, 0, 0),
    ]  # fmt: skip
    assert rungs[0].with_end == pytest.approx(-1.0)
    assert (rungs[0].correlation, rungs[0].n_to_end) == (pytest.approx(1.0), 2)
    assert (rungs[3].let_on, rungs[3].wrong) == (1, 1), "trial 1 was behind at 27, and leads in the end"
    assert rungs_of(begun(PROBLEMS["continuous"], n=0).table) == []


def test_ranks_are_those_of_whole_trials_that_no_rung_chose() -> None:
    run = begun(n=9)
    for number in range(9):
        run.report(number, 1.0, loss=0.1 * number)
    for number in range(6):
        run.report(number, 3.0, loss=0.1 * (6 - number))
        run.tell(number, 0.1 * (6 - number))
    run.stop(6, loss=0.6)
    run.report(7, 3.0, loss=9.0)
    run.tell(7, 9.0)  # it ran on after the first was stopped
    rungs = rungs_of(run.table)
    assert (rungs[0].unchosen, rungs[0].n_unchosen, rungs[0].misleads) == (pytest.approx(-1.0), 6, True)
    assert (rungs[1].unchosen, rungs[1].n_unchosen, rungs[1].misleads) == (pytest.approx(1.0), 6, False)
    assert rungs[0].with_end > rungs[0].unchosen, "which is of all that got to the end"


def test_too_few_trials_say_nothing_about_ranks() -> None:
    run = begun(n=4)
    for number in range(4):
        run.report(number, 1.0, loss=number)
        run.tell(number, -number)
    rung = rungs_of(run.table)[0]
    assert (rung.n_unchosen, rung.misleads) == (4, None)


def test_auto_lets_trials_through_and_others_do_not() -> None:
    run = begun(n=40)
    for number in range(40):
        run.report(number, 1.0, loss=number)
    run.stop(1, loss=1.0)
    for number in (0, 20, 39):
        run.tell(number, number)
    assert rungs_of(run.table)[0].n_unchosen == 0
    let = rungs_of(run.table, lets_through=True)[0].n_unchosen
    assert let == sum(number % period(np.array([1.0, 3.0, 9.0, 27.0]), 81.0, 3) == 0 for number in (0, 20, 39))
    assert let >= 1
