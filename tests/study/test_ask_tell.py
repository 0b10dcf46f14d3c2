"""Ask and tell, by hand."""

from __future__ import annotations

import copy
import math
import pickle
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import LateResultError, ObjectiveError, ParamsError, StudyError, StudyMismatchError, TrialError
from trimtab.ledger.event import Opened
from trimtab.ledger.table import COMPLETE, RUNNING
from trimtab.study.replay import replay

SPACE = tt.Space(lr=tt.Float(1e-5, 1e-1, log=True), layers=tt.Int(2, 12))


def study(**more: object) -> tt.Study:
    return tt.create_study(SPACE, **({"minimize": "loss", "optimizer": "random", "seed": 0} | more))  # type: ignore[arg-type]


def test_ask_and_tell() -> None:
    one = study()
    for _ in range(5):
        trial = one.ask()
        one.tell(trial.number, trial.params["lr"])
    assert len(one.table) == 5
    assert one.best.metrics["loss"] == one.best.params["lr"] == np.nanmin(one.table.y)
    assert one.best_trials == [one.best]
    assert "5 trials" in repr(one)


def test_a_seed_makes_it_reproducible() -> None:
    rows = []
    for seed in (1, 1, 2):
        one = study(seed=seed)
        for _ in range(4):
            one.tell(one.ask().number, 1.0)
        rows.append(one.table.x.tobytes())
    assert rows[0] == rows[1] != rows[2]


def test_pending_trials_are_told_in_any_order() -> None:
    one = study()
    trials = [one.ask() for _ in range(4)]
    assert [trial.number for trial in trials] == [0, 1, 2, 3]
    for trial in reversed(trials):
        one.tell(trial.number, {"loss": trial.number, "cost": 2.5})
    assert one.table.order.tolist() == [3, 2, 1, 0]
    assert one.table.cost.tolist() == [2.5] * 4
    assert one.best.number == 0


def test_numbers_of_other_libraries_are_numbers() -> None:
    one = study()
    one.tell(one.ask().number, np.float32(0.5))
    one.tell(one.ask().number, {"loss": np.array(0.25), "accuracy": np.int64(3)})
    assert one.table.y[:, 0].tolist() == [0.5, 0.25]
    assert math.isnan(one.table.extra["accuracy"][0])
    assert one.table.trial(1).metrics == {"loss": 0.25, "accuracy": 3.0}


def test_a_result_may_come_with_its_standard_error() -> None:
    one = study(minimize=None, objectives=[tt.minimize("loss", error="loss_se")])
    one.tell(one.ask().number, {"loss": 0.5, "loss_se": np.float32(0.25)})
    one.tell(one.ask().number, 0.4)
    one.tell(one.ask().number, {"loss": 0.6, "loss_se": None})
    assert np.array_equal(one.table.errors[:, 0], [0.25, np.nan, np.nan], equal_nan=True)
    assert one.table.trial(0).metrics == {"loss": 0.5, "loss_se": 0.25}
    trial = one.ask()
    for wrong, says in {
        -0.1: "loss_se is -0.1; a standard error is a finite number, 0 or more: leave it out where it is not known.",
        math.nan: "loss_se is nan; a standard error",
        math.inf: "loss_se is inf; a standard error",
        "low": "loss_se is 'low', a str",
    }.items():
        with pytest.raises(ObjectiveError, match=re.escape(says)):
            one.tell(trial.number, {"loss": 0.5, "loss_se": wrong})
        with pytest.raises(ObjectiveError, match=re.escape(says)):
            trial.report(1, loss=0.5, loss_se=wrong)
    trial.report(1, loss=0.5, loss_se=0.1)
    one.tell(trial.number, {"loss": 0.5, "loss_se": 0})
    assert one.table.errors[3, 0] == 0.0


def test_what_is_no_number_is_kept_as_a_note() -> None:
    one = study()
    one.tell(one.ask().number, {"loss": 0.5, "model": "small", "sizes": (1, 2), "oops": float("inf")})
    assert one.best.notes == {"model": "small", "sizes": [1, 2], "oops": "inf"}


def test_failures_are_data() -> None:
    one = study()
    one.tell(one.ask().number, failed="oom", error="held 80 GB")
    one.tell(one.ask().number, float("nan"))
    first, second = one.table.trial(0), one.table.trial(1)
    assert (first.state, first.failure, first.error) == ("failed", "oom", "held 80 GB")
    assert (second.state, second.failure) == ("failed", "nan")
    with pytest.raises(TrialError, match=r"2 failed \(1 x oom, 1 x nan\)"):
        _ = one.best


def test_what_cannot_be_read_leaves_the_trial_running() -> None:
    one = study()
    trial = one.ask()
    with pytest.raises(ObjectiveError, match="returned no 'loss'"):
        one.tell(trial.number, {"accuracy": 1.0})
    assert one.table.state[0] == RUNNING
    one.tell(trial.number, 1.0)
    with pytest.raises(TrialError, match="complete; a trial is told once"):
        one.tell(trial.number, 2.0)
    assert one.table.y[0, 0] == 1.0


def test_a_constraint_may_be_left_unmeasured_in_so_many_words() -> None:
    one = study(constraints=[tt.at_most("ms", 30)])
    with pytest.raises(ObjectiveError, match="returned no 'ms'"):
        one.tell(one.ask().number, {"loss": 0.5})
    one.tell(0, {"loss": 0.5, "ms": None})
    with pytest.raises(ObjectiveError, match="loss is None"):
        one.tell(one.ask().number, {"loss": None, "ms": 3.0})
    one.tell(1, {"loss": 0.7, "ms": 20.0})
    assert np.isnan(one.table.y[0, 1])
    assert one.table.trial(0).state == "complete"
    assert one.best.number == 1, "nobody knows whether the first may be"


def test_reports_are_on_record_before_the_result() -> None:
    one = study(fidelity=tt.Fidelity("epoch", 1, 3))
    trial = one.ask()
    for epoch in trial.steps():
        trial.report(epoch, loss=1.0 / epoch)
    assert one.table.curves.of(0)[0].tolist() == [1.0, 2.0, 3.0]
    assert one.table.fidelity.tolist() == [[3.0]]
    one.tell(trial.number, 0.3)
    assert one.best.fidelity == {"epoch": 3.0}


def test_a_trial_that_was_told_lost_waits_and_runs_again() -> None:
    one = study()
    lost, other = one.ask(), one.ask()
    one.tell(lost, failed="lost", error="the node was preempted")
    view = one.table.trial(lost.number)
    assert (view.state, view.failure, view.error) == ("waiting", "lost", "the node was preempted")
    again = one.ask()
    assert (again.number, again.attempt, again.params) == (lost.number, 2, lost.params)
    with pytest.raises(LateResultError):
        one.tell(lost, 0.5)
    one.tell(again, 0.5)
    one.tell(other, 0.25)
    assert one.table.order.tolist() == [0, 1]


def test_a_lost_trial_counts_as_begun_and_what_it_cost_is_kept() -> None:
    one = study()
    one.tell(one.ask(), failed="lost", cost=2.0)
    one.tell(one.ask(), {"loss": 1.0, "cost": 3.0})
    assert one.table.cost.tolist() == [5.0]
    assert one.table.n_begun == 1


def test_every_other_failure_is_final() -> None:
    one = study()
    for kind in ("exception", "oom", "timeout", "nan", "killed"):
        one.tell(one.ask(), failed=kind)
    assert one.table.n_waiting == 0
    assert one.ask().number == 5


def test_a_trial_that_is_given_back_waits_as_if_it_had_not_been_asked_for() -> None:
    one = study()
    one.tell(one.ask(), 1.0)
    looked_at = one.ask()
    assert one.table.n_begun == 2
    one.give_back(looked_at, "only looked at")
    assert one.table.n_begun == 1
    assert one.table.trial(1).state == "waiting"
    assert one.table.trial(1).failure == ""
    for late in (lambda: one.tell(looked_at, 0.5), lambda: one.give_back(looked_at), lambda: one.give_back(1)):
        with pytest.raises(TrialError):
            late()
    again = one.ask()
    assert (again.number, again.params, again.attempt) == (1, looked_at.params, 2)
    one.tell(again, 0.5)
    assert replay(one.session.journal.read()).differing == ()


def test_a_trial_whose_attempt_was_lost_still_counts_when_it_is_given_back() -> None:
    one = study()
    one.tell(one.ask(), failed="lost")
    one.give_back(one.ask())
    assert one.table.n_begun == 1
    assert one.table.first_again == 0


def test_a_trial_that_was_given_back_is_in_the_budget_of_who_runs_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with study(store=url, name="s") as one:
        one.give_back(one.ask())
    done = tt.tune(lambda trial: trial.params["lr"], SPACE, minimize="loss", optimizer="random", budget=3, store=url,
                   name="s", seed=0)  # fmt: skip
    assert [done.table.trial(row).state for row in range(len(done.table))] == ["complete"] * 3


def test_a_trial_of_another_study_is_refused(tmp_path: Path) -> None:
    mine, other = study(name="mine"), study(name="other")
    namesake = study(name="mine")
    for foreign in (other, namesake):
        mine.ask()
        trial = foreign.ask()
        for call in (lambda t: mine.tell(t, 0.5), lambda t: mine.tell(t, failed="oom"), mine.give_back):
            with pytest.raises(TrialError, match=r"was asked of another study, '(mine|other)', and this is 'mine'"):
                call(trial)
        foreign.tell(trial, 0.5)
    assert len(mine.table.order) == 0


def test_a_trial_may_be_told_to_the_same_study_opened_anew(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with study(store=url, name="s") as one, tt.load_study(url, "s") as same:
        same.tell(one.ask(), 0.5)
        assert len(same.table.order) == 1


@pytest.mark.parametrize("how", [pickle.dumps, copy.copy, copy.deepcopy, lambda one: pickle.dumps({"study": one})])
def test_a_study_is_not_pickled_and_says_what_to_do_instead(how: Callable[[tt.Study], object], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    for one, instead in (
        (study(store=url, name="s"), f"tt.load_study({url!r}, 's')"),
        (study(name="s"), 'tt.load_study(store, name), of a study that was given a store="sqlite:///trimtab.db"'),
    ):
        with pytest.raises(StudyError) as refused:
            how(one)
        assert "study 's' cannot be pickled or copied" in str(refused.value)
        assert instead in str(refused.value)
        one.close()


@pytest.mark.parametrize("how", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_trial_that_was_asked_for_is_not_pickled_and_says_what_to_send(how: Callable[[tt.Trial], object]) -> None:
    with pytest.raises(ObjectiveError, match=r"trial 0 stays in the process .* trial\.params"):
        how(study().ask())


def test_many_points_are_put_in_line_with_few_commits() -> None:
    """Whole ones go together; one that the optimizer completes is proposed from a log that has those before it."""
    one = study()
    whole = [{"lr": 1e-4 * i, "layers": 5} for i in range(1, 21)]
    points = [*whole[:10], {"layers": 7}, *whole[10:], whole[0]]
    head = one.session.ledger.head
    commits: list[int] = []
    append = one.session.journal.append
    one.session.journal.append = lambda events, **where: commits.append(len(events)) or append(events, **where)  # type: ignore[method-assign]
    assert one.enqueue_all(points) == list(range(22))
    assert commits == [10, 2, 11]
    assert one.session.ledger.head == head + 23
    assert one.enqueue_all(points, once=True) == [*range(21), 0]
    assert commits == [10, 2, 11]
    assert [one.ask().number for _ in range(3)] == [0, 1, 2]


def test_of_points_that_are_put_in_line_at_once_all_are_or_none() -> None:
    one = study()
    with pytest.raises(ParamsError):
        one.enqueue_all([{"lr": 0.01, "layers": 3}, {"lr": 3.0}])
    assert len(one.table) == 0


def test_a_point_twice_in_one_line_is_one_trial_where_once_is_meant() -> None:
    one = study()
    point = {"lr": 0.01, "layers": 3}
    assert one.enqueue_all([point, point, {"layers": 3}, {"layers": 3}], once=True) == [0, 0, 1, 1]
    assert one.enqueue_all([point, point]) == [2, 3]


def test_points_in_line_are_known_again_after_the_space_has_grown() -> None:
    one = study()
    points = [{"lr": 0.01, "layers": 3}, {"layers": 4}]
    assert one.enqueue_all(points, once=True) == [0, 1]
    one.add_parameter("dropout", tt.Float(0, 0.5, when=tt.given("layers") >= 10))
    assert one.enqueue_all(points, once=True) == [0, 1]


def test_a_line_costs_as_much_a_point_however_long_it_is() -> None:
    """Four times as many points, put in line twice: not sixteen times the work."""
    seconds = []
    for n in (500, 500, 2000):  # the first warms up
        one, points = study(), [{"lr": 1e-5 + 1e-9 * i, "layers": 5} for i in range(n)]
        began = time.process_time()
        one.enqueue_all(points, once=True)
        one.enqueue_all(points, once=True)
        seconds.append(time.process_time() - began)
    assert seconds[2] < 8 * seconds[1]


def test_enqueued_points_come_first_and_are_completed() -> None:
    one = study()
    whole = one.enqueue({"lr": 1e-3, "layers": 4}, note="what we use today")
    part = one.enqueue({"layers": 7})
    first, second, third = one.ask(), one.ask(), one.ask()
    assert (first.number, second.number) == (whole, part)
    assert first.params == {"lr": 1e-3, "layers": 4}
    assert second.params["layers"] == 7
    assert third.number == 2
    assert one.table.trial(0).why == "what we use today"
    assert one.table.trial(0).origin == "user"
    with pytest.raises(ParamsError, match="layers"):
        one.enqueue({"layers": 99})
    assert replay(one.session.journal.read()).differing == ()


def test_enqueued_points_obey_the_constraints() -> None:
    space = tt.Space(a=tt.Int(1, 9), b=tt.Int(1, 9), require=["a * b <= 20"])
    one = tt.create_study(space, minimize="loss", optimizer="random", seed=0)
    with pytest.raises(ParamsError, match=r"a \* b <= 20"):
        one.enqueue({"a": 9, "b": 9})
    one.enqueue({"a": 9})
    assert one.ask().params["b"] <= 2


def test_notes_and_tags() -> None:
    one = study()
    trial = one.ask()
    trial.note("gpu", "a100")
    one.tag(trial.number, "baseline", "paper")
    one.tag(trial.number, "paper", remove=True)
    one.note("question", "does depth matter?")
    view = one.table.trial(0)
    assert (view.notes, view.tags) == ({"gpu": "a100"}, ("baseline",))
    assert one.table.notes == {"question": "does depth matter?"}
    with pytest.raises(TrialError, match="no trial 9"):
        one.note("k", 1, trial=9)


def test_a_silent_worker_loses_its_trial_and_its_late_result_is_refused() -> None:
    one = study()
    first = one.ask(lease_s=0.0)
    one.session.worker = "somebody else"
    again = one.ask()
    assert (again.number, again.attempt) == (first.number, 2)
    assert again.params == first.params
    with pytest.raises(LateResultError, match="attempt 2 took over"):
        one.tell(first.number, 0.5, attempt=first.attempt)
    with pytest.raises(LateResultError, match="attempt 2 took over"):
        one.tell(first, 0.5)  # a trial says itself which attempt it is
    one.tell(again.number, 0.7, attempt=again.attempt)
    assert one.best.metrics["loss"] == 0.7


def test_a_trial_may_be_told_by_itself() -> None:
    one = study()
    trial = one.ask()
    one.tell(trial, 0.5)
    assert one.best.number == trial.number
    with pytest.raises(TrialError, match="told once"):
        one.tell(trial, 0.4)


def test_without_a_lease_nobody_takes_a_trial_over() -> None:
    one = study()
    first = one.ask()
    one.session.worker = "somebody else"
    assert one.ask().number == first.number + 1


def test_a_finite_space_ends() -> None:
    one = tt.create_study(tt.Space(a=tt.Int(1, 3)), minimize="loss", optimizer="grid")
    seen = {one.ask().params["a"] for _ in range(3)}
    assert seen == {1, 2, 3}
    with pytest.raises(TrialError, match="nothing is left to try"):
        one.ask()


def test_constraints_decide_what_is_best() -> None:
    one = study(constraints=[tt.at_most("latency", 10.0)])
    for loss, latency in ((0.1, 20.0), (0.3, 9.0), (0.2, 10.0)):
        one.tell(one.ask().number, {"loss": loss, "latency": latency})
    assert one.best.number == 2


def test_no_feasible_trial_names_the_nearest() -> None:
    one = study(constraints=[tt.at_least("accuracy", 0.9)])
    for accuracy in (0.5, 0.8):
        one.tell(one.ask().number, {"loss": 1.0, "accuracy": accuracy})
    with pytest.raises(TrialError, match=r"trial 1 comes nearest with accuracy = 0\.8"):
        _ = one.best


def test_several_objectives_have_a_front() -> None:
    one = study(minimize=None, objectives=[tt.minimize("loss"), tt.maximize("speed")])
    for loss, speed in ((1.0, 1.0), (0.5, 0.5), (0.7, 0.4), (0.5, 0.5), (2.0, 3.0)):
        one.tell(one.ask().number, {"loss": loss, "speed": speed})
    assert [trial.number for trial in one.best_trials] == [0, 1, 3, 4]


def test_two_handles_on_one_study_see_each_other(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    one = study(store=url)
    two = tt.load_study(url, "study")
    a, b = one.ask(), two.ask()
    assert (a.number, b.number) == (0, 1)
    two.tell(a.number, 0.5)
    with pytest.raises(TrialError, match="told once"):
        one.tell(a.number, 0.4)
    one.tell(b.number, 0.3)
    assert one.best.number == b.number
    assert two.ask().number == 2
    records = list(one.session.journal.read())
    assert replay(records).differing == ()
    assert sum(isinstance(r.event, Opened) for r in records) == 1, "the second handle's coming is on record"
    one.close()
    two.close()


def test_threads_share_a_study() -> None:
    one = study()

    def work() -> None:
        for _ in range(25):
            trial = one.ask()
            one.tell(trial.number, trial.params["lr"])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(one.table) == 200
    assert bool(np.all(one.table.state == COMPLETE))
    assert replay(one.session.journal.read()).differing == ()


def test_the_space_can_grow(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    one = study(store=url)
    one.tell(one.ask().number, 1.0)
    one.add_parameter("dropout", tt.Float(0.0, 0.5))
    trial = one.ask()
    assert set(trial.params) == {"lr", "layers", "dropout"}
    one.tell(trial.number, 0.5)
    one.close()
    again = tt.load_study(url, "study")
    assert again.table.x.shape == (2, 3)
    assert replay(again.session.journal.read()).differing == ()
    again.close()


def test_another_engine_from_here_on_is_on_record(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    one = study(store=url)
    one.tell(one.ask().number, 1.0)
    one.close()
    two = tt.load_study(url, "study", optimizer="sobol")
    two.tell(two.ask().number, 1.0)
    assert [two.table.origin(n).by for n in range(2)] == ["random", "sobol"]
    assert replay(two.session.journal.read()).differing == ()
    two.close()


def test_snapshots_shorten_the_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trimtab.study.session.SNAPSHOT_EVERY", 50)
    url = f"sqlite:///{tmp_path}/t.db"
    one = study(store=url)
    for _ in range(60):
        one.tell(one.ask().number, 1.0)
    x = one.table.x.copy()
    one.close()
    again = tt.load_study(url, "study")
    stored = again.session.journal.load_snapshot()
    assert stored is not None
    assert stored[0] > 50
    np.testing.assert_array_equal(again.table.x, x)
    assert again.ask().number == 60
    again.close()


def test_provenance_is_on_record() -> None:
    created = study().session.ledger.created
    assert created.seed == 0
    assert {"trimtab", "python", "numpy", "host", "pid", "argv"} <= created.provenance.keys()


def test_only_one_way_to_say_what_to_optimize() -> None:
    with pytest.raises(tt.errors.ProblemError, match="none of them"):
        tt.create_study(SPACE)
    with pytest.raises(tt.errors.ProblemError, match="more than one"):
        tt.create_study(SPACE, minimize="a", maximize="b")


def test_resuming_with_another_definition_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    tt.tune(lambda t: 1.0, SPACE, minimize="loss", budget=1, store=url, name="a").close()
    wider = tt.Space(lr=tt.Float(1e-5, 1.0, log=True), layers=tt.Int(2, 12))
    with pytest.raises(StudyMismatchError, match=r"lr: was .*0\.1.*is now .*1"):
        tt.tune(lambda t: 1.0, wider, minimize="loss", budget=1, store=url, name="a")
