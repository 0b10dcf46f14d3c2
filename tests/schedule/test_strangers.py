"""Schedulers that strangers wrote, through the real session: on every executor, with every engine, killed, replayed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from stranger_job import EPOCHS, MARK, POINT, SPACE, loss_of, train, tuned
from strangers import Annealed, Asha, Hyperband, Median, Population

import trimtab as tt
from trimtab import plugins
from trimtab.errors import PluginError, ProblemError, StoreUnavailableError, TrialError
from trimtab.execute.descent import take_over
from trimtab.ledger import codec
from trimtab.ledger.event import Asked, Judged, Record, Reported
from trimtab.ledger.table import COMPLETE, FAILED, STOPPED
from trimtab.schedule.protocol import Continue, Fresh, Halt, Refuses, Wait
from trimtab.storage.url import open_store
from trimtab.study.replay import replay
from trimtab.surfaces.cli.app import cli
from trimtab.testing.schedulers import SchedulerContract
from trimtab.testing.simulated import SimulatedExecutor

SCHEDULERS = (Asha, Hyperband, Population, Annealed, Median)
KILLS = int(os.environ.get("TRIMTAB_KILLS", "12"))


class TestStrangersKeepTheContract(SchedulerContract):
    problems = ("fidelity",)

    @pytest.fixture(params=SCHEDULERS)
    def make(self, request):
        return request.param

    def test_settings_make_it_again(self, make):
        """Nobody registered them, so nothing makes them again."""


def checked(study: tt.Study, scheduler: Any) -> None:
    """Check everything that must hold of a study that has ended, whoever scheduled it."""
    table = study.table
    records = list(study.session.journal.read())
    assert np.isin(table.state, (COMPLETE, STOPPED)).all(), [study.trials[n].error for n in table.rows(FAILED)]
    assert table.n_begun <= 16
    if isinstance(scheduler, Asha | Median):
        assert table.n_begun == 16, "the budget is used, and no more"
    point = study.trials[0]
    assert (point.params, point.origin, point.fidelity) == (POINT, "user", {"epoch": 9.0})
    kids = [row for row in range(len(table)) if table.parent[row] >= 0]
    for row in kids:
        assert table.fidelity[row, 0] > table.fidelity[table.parent[row], 0]
        if not isinstance(scheduler, Population | Annealed):
            assert table.x[row].tolist() == table.x[table.parent[row]].tolist()
            assert (table.parent == table.parent[row]).sum() == 1
    top = [row for row in range(len(table)) if table.fidelity[row, 0] == 9 and table.state[row] == COMPLETE]
    assert study.best.number == min(top, key=lambda row: table.y[row, 0])
    for row in table.rows(COMPLETE).tolist():
        assert table.y[row, 0] == loss_of(table.trial(row).params, table.fidelity[row, 0])
    replayed = replay(records, scheduler=type(scheduler)())
    assert replayed.suggestions == len(table) - 1
    assert (replayed.differing, replayed.differing_verdicts) == ((), ())
    for row in top:
        marks = {int(p.name.removeprefix(MARK)) for p in study.session.files.checkpoint(row).glob(f"{MARK}*")}
        assert marks == line(table, row), "each has what its forebears left, and nothing of others"


def line(table, row: int) -> set[int]:
    found = {row}
    while table.parent[row] >= 0:
        row = int(table.parent[row])
        found.add(row)
    return found


@pytest.mark.parametrize("optimizer", ["random", "tpe", "gp", "auto"])
@pytest.mark.parametrize("make", SCHEDULERS)
def test_in_simulated_time(make, optimizer: str, tmp_path: Path) -> None:
    scheduler = make()
    executor = SimulatedExecutor(train, workers=3, seconds=lambda task, step: 1.0 + task.number % 3)
    with tuned(scheduler, optimizer=optimizer, executor=executor, store=f"sqlite:///{tmp_path}/t.db") as study:
        checked(study, scheduler)
        if isinstance(scheduler, Median):
            reports = [record for record in study.session.journal.read() if isinstance(record.event, Reported)]
            assert len(scheduler.judged) == len(set(scheduler.judged)) <= len(reports)
            assert (study.table.state == STOPPED).any()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("make", SCHEDULERS)
def test_on_real_executors(make, workers: int, tmp_path: Path) -> None:
    scheduler = make()
    with tuned(scheduler, workers=workers, store=f"sqlite:///{tmp_path}/t.db") as study:
        checked(study, scheduler)


@pytest.mark.parametrize("make", SCHEDULERS)
def test_killed_at_any_time_it_goes_on(make, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    command = [sys.executable, str(Path(__file__).with_name("stranger_job.py")), url, make.__name__]
    rng = random.Random(make.__name__)
    for _ in range(KILLS // len(SCHEDULERS)):
        process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE)
        time.sleep(rng.uniform(0.5, 1.5))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with tt.load_study(url, "stranger", scheduler=make()) as study:
        checked(study, make())


# What a scheduler may say, and what not


class Stub:
    """Says what it is told to say."""

    def __init__(self, *words: Any, verdicts: Sequence[Halt | None] = ()) -> None:
        self.words = list(words)
        self.verdicts = list(verdicts)

    def assign(self, table, request):
        self.request = request
        return self.words[min(len(table), len(self.words) - 1)]

    def judge(self, table, row):
        return self.verdicts.pop(0) if self.verdicts else None

    def to_json(self):
        return {}


def study_of(*words: Any, **more: Any) -> tt.Study:
    verdicts = more.pop("verdicts", ())
    return tt.create_study(
        SPACE, minimize="loss", fidelity=EPOCHS, scheduler=Stub(*words, verdicts=verdicts), optimizer="random", seed=0,
        **more,
    )  # fmt: skip


WHOLE = Fresh((9.0,))
ROW = (0.5, 0.5)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        (Fresh(()), r"one number for each of epoch; got \(\)"),
        (Fresh((10.0,)), "epoch is a number from 1 to 9; got 10.0"),
        (Fresh((float("nan"),)), "epoch is a number from 1 to 9; got nan"),
        (Fresh(("9",)), "epoch is a number from 1 to 9; got '9'"),
        (Fresh([9.0]), r"a fidelity is a tuple of one number for each of epoch; got \[9.0\]"),
        (Continue(7, (9.0,)), "there is no trial 7 to continue"),
        (Continue(-1, (9.0,)), "there is no trial -1"),
        (Continue(True, (9.0,)), "there is no trial True"),
        (Continue(1, (9.0,)), "trial 1 is running; one that is continued is complete or was stopped"),
        (Continue(2, (9.0,)), "trial 2 is failed"),
        (Continue(0, (2.0,)), "trial 0 ran to epoch 3, and cannot go on to 2"),
        (Continue(0, (9.0,), (0.5,)), r"it has the shape \[1\] where the space has 2 parameters"),
        (Continue(0, (9.0,), (0.5, 2.0)), "y = 2 lies outside of Float"),
        (Continue(0, (9.0,), (0.5, float("nan"))), "y is active, and has no value"),
        (Continue(0, (9.0,), [0.5, 0.5]), "x is a tuple of 2 numbers"),
        (Continue(0, (9.0,), (10**400, 0.5)), "x = inf lies outside of Float"),
        (Continue(0, (9.0,), why=3), "why is a clause, got 3"),  # type: ignore[arg-type]
        (Fresh((np.True_,)), "epoch is a number from 1 to 9; got True"),
        (Wait(""), "a Wait gives its reason"),
        (None, "expected Fresh, Continue or Wait, got None"),
        ("fresh", "expected Fresh, Continue or Wait, got 'fresh'"),
    ],
)
def test_an_assignment_that_cannot_be_is_refused_and_nothing_is_written(word, said: str) -> None:
    study = study_of(Fresh((3.0,)), Fresh((3.0,)), Fresh((3.0,)), word)
    done, _, failed = (study.ask() for _ in range(3))
    study.tell(done, 0.5)
    study.tell(failed, failed="oom")
    head = study.session.ledger.head
    with pytest.raises(PluginError, match=f"the scheduler .* assigned what cannot be: .*{said}"):
        study.ask()
    assert study.session.ledger.head == head


def test_what_a_stranger_cannot_do_without_is_asked_before_a_study_is_created(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    assert isinstance(Asha(), Refuses)
    for fidelity in (None, [EPOCHS, tt.Fidelity("share", 0.1, 1)]):
        options = {"minimize": "loss", "fidelity": fidelity, "store": url, "scheduler": Asha()}
        with pytest.raises(ProblemError, match="rungs are of one fidelity, and"):
            tt.create_study(SPACE, **options)
        with pytest.raises(ProblemError, match="rungs are of one fidelity, and"):
            tt.tune(train, SPACE, budget=1, progress=False, **options)
    assert list(open_store(url).opened()) == [], "nothing was written"
    tuned(Asha(), store=url, budget=4).close()

    class Stricter(Asha):
        def refuses(self, problem):
            return "I have thought better of it"

    Stricter.__module__, Stricter.__qualname__ = Asha.__module__, Asha.__qualname__  # a later version of the same
    with tuned(Stricter(), store=url, budget=6) as study:
        assert study.table.n_begun == 6, "what is on record goes on"


def test_the_command_line_says_what_a_registered_stranger_refuses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    registered = EntryPoint("rungs", "strangers:Asha", "trimtab.schedulers")
    monkeypatch.setitem(plugins._entry_points("schedulers"), "rungs", registered)
    path = tmp_path / "study.yaml"
    text = "command: [echo, '{x}']\nminimize: loss\nspace: {x: {float: [0, 1]}}\nscheduler: rungs\nbudget: 1\n"
    path.write_text(text)
    url = f"sqlite:///{tmp_path}/t.db"
    for command in (["check", str(path)], ["run", "--dry-run", str(path)], ["run", "--store", url, str(path)]):
        done = CliRunner().invoke(cli, command, standalone_mode=False)
        assert isinstance(done.exception, ProblemError), done.output
        assert "rungs are of one fidelity, and 0 are declared" in str(done.exception)
    path.write_text(f"{text}fidelity: {{name: epoch, low: 1, high: 9}}\n")
    assert CliRunner().invoke(cli, ["check", str(path)], standalone_mode=False).exception is None


@pytest.mark.parametrize("said", [None, 3, ["no"]])
def test_a_refusal_that_is_no_text_is_the_schedulers_fault(said: object) -> None:
    class Odd(Asha):
        def refuses(self, problem):
            return said

    with pytest.raises(PluginError, match="the scheduler Odd says in a text why it refuses a problem"):
        tt.create_study(SPACE, minimize="loss", fidelity=EPOCHS, scheduler=Odd())


@pytest.mark.parametrize("verdict", [True, "stop", Halt(""), Halt(None)])  # type: ignore[arg-type]
def test_what_is_no_verdict_is_refused(verdict) -> None:
    study = study_of(WHOLE, verdicts=[verdict])
    with pytest.raises(PluginError, match=r"judges with None or Halt\(reason\)"):
        study.ask().report(1, loss=0.5)


def test_scalars_of_numpy_are_as_good_as_pythons() -> None:
    words = (
        Fresh((np.int64(3),)), Continue(np.int64(0), (np.float32(9),), (np.float32(0.5), np.float64(0.5))),
        Wait(np.str_("now")),
    )  # fmt: skip
    study = study_of(*words, verdicts=[Halt(np.str_("too slow"))])
    study.tell(study.ask(), 0.5)
    child = study.ask()
    assert (child.parent, child.params, child.fidelity) == (0, {"x": 0.5, "y": 0.5}, {"epoch": 9.0})
    with pytest.raises(tt.TrialStopped, match="too slow"):
        child.report(4, loss=0.5)
    with pytest.raises(TrialError, match="the scheduler waits: now"):
        study.ask()
    assert replay(study.session.journal.read(), scheduler=Stub(*words, verdicts=[Halt("too slow")])).differing == ()


@pytest.mark.parametrize("raised", [ZeroDivisionError, KeyboardInterrupt])
def test_what_a_judge_raises_leaves_the_study_whole(raised: type[BaseException]) -> None:
    study = study_of(WHOLE)
    study.session.plan._scheduler = judge = Raising(raised)
    trial = study.ask()
    with pytest.raises(raised):
        trial.report(1, loss=0.5)
    assert study.curve(trial.number)["step"].tolist() == [1.0], "the report is on record"
    judge.raised = None
    trial.report(2, loss=0.4)
    study.tell(trial, 0.3)
    assert study.ask().number == 1
    assert replay(study.session.journal.read(), scheduler=Stub(WHOLE)).differing == ()


def test_where_nobody_can_judge_nothing_is_reported(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    with study_of(WHOLE, store=url, name="t") as study:
        study.enqueue(POINT)
    with tt.load_study(url, "t") as study:
        trial = study.ask()
        head = study.session.ledger.head
        with pytest.raises(PluginError, match="scheduler"):
            trial.report(1, loss=0.5)
        assert study.session.sync() == head
        study.tell(trial, 0.5)


class Raising(Stub):
    """Raises when it is to judge."""

    def __init__(self, raised: type[BaseException] | None) -> None:
        super().__init__(WHOLE)
        self.raised = raised

    def judge(self, table, row):
        if self.raised is not None:
            raise self.raised("while it judged")


def test_a_wait_is_not_the_end() -> None:
    study = study_of(WHOLE, Wait("for trial 0"))
    study.ask()
    for look in (study.ask, study.peek):
        with pytest.raises(TrialError, match="nothing can be asked now, since the scheduler waits: for trial 0"):
            look()


def test_a_study_whose_scheduler_waits_for_nothing_ends_and_says_why() -> None:
    study = tuned(Stub(Fresh((1.0,)), Fresh((1.0,)), Wait("all is through")))
    assert study.session.ledger.assessed.reason == "all is through"
    assert len(study.table) == 2


def test_the_scheduler_is_told_what_is_left() -> None:
    stub = Stub(Fresh((1.0,)))
    tuned(stub, budget=tt.Budget(trials=5, hours=1, cost=1e9), cost="loss")
    assert stub.request.remaining.trials == 0
    assert 3590 < stub.request.remaining.seconds <= 3600
    asked = study_of(WHOLE)
    asked.ask()
    assert asked.session.plan._scheduler.request.remaining is None


def test_points_of_users_come_first_and_keep_their_fidelity() -> None:
    study = study_of(Fresh((1.0,)), Continue(0, (3.0,)))
    study.tell(study.ask(), 1.0)
    whole = study.enqueue(POINT)
    short = study.enqueue({"x": 0.1}, fidelity={"epoch": 2})
    assert [study.ask().number for _ in range(2)] == [whole, short]
    views = [study.trials[number] for number in (whole, short)]
    assert [view.fidelity for view in views] == [{"epoch": 9.0}, {"epoch": 2.0}]
    assert views[0].params == POINT
    assert views[1].params["x"] == 0.1
    assert study.ask().parent == 0
    for wrong, said in (({"epoch": 10}, "goes from 1 to 9"), ({"epochs": 3}, "there is no fidelity 'epochs'")):
        with pytest.raises(tt.errors.ProblemError, match=said):
            study.enqueue(POINT, fidelity=wrong)
    found = replay(study.session.journal.read(), scheduler=Stub(Fresh((1.0,)), Continue(0, (3.0,))))
    assert found.differing == ()


def test_a_halted_trial_is_judged_no_more_and_a_new_attempt_anew() -> None:
    stub_verdicts = [None, Halt("too slow"), None]
    study = study_of(WHOLE, verdicts=stub_verdicts)
    trial = study.ask()
    trial.report(1, loss=1.0)
    with pytest.raises(tt.TrialStopped, match="too slow"):
        trial.report(2, loss=1.0)
    with pytest.raises(tt.TrialStopped, match="too slow"):
        trial.report(3, loss=1.0)
    study.tell(trial, failed="lost")
    study.ask().report(1, loss=1.0)
    judged = [record.event for record in study.session.journal.read() if isinstance(record.event, Judged)]
    assert [(event.number, event.reason, event.attempt) for event in judged] == [(0, "too slow", 1)]


class Raises(Stub):
    """Raises what it is told to raise, once."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(WHOLE)
        self.errors = [error]

    def judge(self, table, row):
        if len(table.curves) == 2 and self.errors:
            raise self.errors.pop()
        return Halt("too slow") if len(table.curves) == 4 else None


@pytest.mark.parametrize("error", [ValueError("I am broken"), KeyboardInterrupt()])
def test_a_judge_that_raises_costs_no_report_and_the_study_goes_on(error: BaseException, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    study = tt.create_study(
        SPACE, minimize="loss", fidelity=EPOCHS, scheduler=Raises(error), optimizer="random", seed=0, store=url
    )
    trial = study.ask()
    trial.report(1, loss=1.0)
    with pytest.raises(type(error)):
        trial.report(2, loss=0.9)
    trial.report(3, loss=0.8)
    with pytest.raises(tt.TrialStopped, match="too slow"):
        trial.report(4, loss=0.7)
    study.tell(trial, 0.7)
    assert study.curve(trial.number)["step"].tolist() == [1, 2, 3, 4]
    assert study.best.number == trial.number


def test_a_verdict_that_the_store_did_not_take_is_put_on_record_before_anything_else(monkeypatch) -> None:
    study = study_of(WHOLE, verdicts=[Halt("too slow")])
    trial = study.ask()
    journal = study.session.journal
    append, refused = journal.append, []

    def once(events, *, after, at):
        if isinstance(events[0], Judged) and not refused:
            refused.append(events)
            raise StoreUnavailableError("the disk is full")
        return append(events, after=after, at=at)

    monkeypatch.setattr(journal, "append", once)
    trial.report(1, loss=1.0)  # it is on record: an error would have it written again
    with pytest.raises(tt.TrialStopped, match="too slow"):
        trial.report(2, loss=1.0)
    kinds = [type(record.event) for record in journal.read()][-3:]
    assert (kinds, len(refused)) == ([Reported, Judged, Reported], 1)
    found = replay(journal.read(), scheduler=Stub(WHOLE, verdicts=[Halt("too slow")]))
    assert (found.reports, found.differing_verdicts) == (1, ())


def test_a_trial_that_was_asked_for_by_hand_goes_on_from_its_parents_checkpoints() -> None:
    study = study_of(Fresh((3.0,)), Continue(0, (9.0,)))
    trial = study.ask()
    for epoch in trial.steps():
        (trial.checkpoint_dir / "model").write_text(str(epoch))
        trial.mark_checkpoint(epoch)
    study.tell(trial, 1.0)
    child = study.ask()
    assert (child.checkpoint, list(child.steps())) == (3, [4, 5, 6, 7, 8, 9])
    (child.checkpoint_dir / "model").write_text("9")
    assert (trial.checkpoint_dir / "model").read_text() == "3"


def test_two_attempts_that_copy_at_once_get_one_copy(tmp_path: Path, monkeypatch) -> None:
    theirs, mine = tmp_path / "0", tmp_path / "1"
    theirs.mkdir()
    (theirs / "model").write_text("3")
    task = study_of(WHOLE).ask()._task
    task = replace(task, checkpoint_dir=mine, resume_dir=theirs)
    copytree = shutil.copytree

    def late(*args, **more):
        copytree(*args, **more)
        copytree(theirs, mine)  # an attempt that was given up for lost was about to do so, too
        (mine / "model").write_text("4")

    monkeypatch.setattr(shutil, "copytree", late)
    take_over(task)
    assert (mine / "model").read_text() == "4"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]


# What a replay finds


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> dict[type, list[Record]]:
    found = {}
    for make in (Population, Median):
        executor = SimulatedExecutor(train, workers=3)
        store = f"sqlite:///{tmp_path_factory.mktemp('t')}/t.db"
        with tuned(make(), executor=executor, store=store) as study:
            found[make] = list(study.session.journal.read())
    return found


def tampered(records: list[Record], kind: type, **changed: Any) -> tuple[list[Record], int]:
    at = next(
        i
        for i, record in enumerate(records)
        if isinstance(record.event, kind) and (kind is Judged or record.event.parent is not None)
    )
    fields = {name: getattr(records[at].event, name) for name in records[at].event.__struct_fields__}
    event = kind(**(fields | changed))
    return [*records[:at], Record(records[at].seq, records[at].at, event), *records[at + 1 :]], event.number


@pytest.mark.parametrize("changed", [{"parent": 0}, {"parent": None}, {"x": ROW}, {"fidelity": (7.0,)}])
def test_a_tampered_continuation_is_found(records, changed) -> None:
    log, number = tampered(records[Population], Asked, **changed)
    assert number in replay(log, scheduler=Population()).differing


def test_a_tampered_verdict_is_found(records) -> None:
    for changed in ({"reason": "no reason"}, {"seq": 5}):
        log, number = tampered(records[Median], Judged, **changed)
        found = replay(log, scheduler=Median())
        assert number in found.differing_verdicts
        with pytest.raises(tt.errors.ReplayError, match=r"judges .* otherwise than the log has it"):
            found.require_equal()


def test_a_verdict_that_nobody_gave_is_found() -> None:
    study = study_of(WHOLE, verdicts=[Halt("too slow")])
    with pytest.raises(tt.TrialStopped):
        study.ask().report(1, loss=1.0)
    assert replay(study.session.journal.read(), scheduler=Stub(WHOLE)).differing_verdicts == (0,)


def test_a_verdict_that_is_missing_is_found_once_the_trial_goes_on() -> None:
    study = study_of(WHOLE)
    trial = study.ask()
    trial.report(1, loss=1.0)
    time.sleep(0.01)  # another batch has another time
    trial.report(2, loss=1.0)
    found = replay(study.session.journal.read(), scheduler=Stub(WHOLE, verdicts=[Halt("too slow")]))
    assert found.differing_verdicts == (0,)


def test_a_trial_that_ended_before_it_heard_is_no_difference() -> None:
    study = study_of(WHOLE)
    trial = study.ask()
    trial.report(1, loss=1.0)
    study.tell(trial, 1.0)
    found = replay(study.session.journal.read(), scheduler=Stub(WHOLE, verdicts=[Halt("too slow")]))
    assert (found.reports, found.differing_verdicts) == (1, ())


# Comparing at one fidelity


def test_trials_are_compared_where_they_were_run_furthest() -> None:
    study = study_of(Fresh((3.0,)))
    for loss in (0.1, 0.2):
        study.tell(study.ask(), loss)
    assert study.best.number == 0
    whole = study.enqueue(POINT)
    study.tell(study.ask(), 0.5)
    assert study.best.number == whole
    assert [view.number for view in study.best_trials] == [whole]
    assert study.best_at(epoch=3).number == study.best_at(epoch=np.int64(3)).number == 0
    assert study.best_at(epoch=np.float32(9)).number == whole
    with pytest.raises(TrialError, match=r"no trial is complete at epoch 5; there are some at epoch 3; at epoch 9"):
        study.best_at(epoch=5)


def test_a_trial_counts_while_another_goes_on_with_it() -> None:
    study = study_of(Fresh((3.0,)), Fresh((3.0,)), Continue(0, (9.0,)))
    for loss in (0.1, 0.2):
        study.tell(study.ask(), loss)
    child = study.ask()
    assert (child.parent, study.best.number) == (0, 0)
    study.tell(child, 0.4)
    assert study.best.number == child.number


def test_a_log_of_this_version_replays_for_ever() -> None:
    path = Path(__file__).parents[1] / "golden" / "journal-v1-judged.jsonl"
    found = replay([codec.decode_record(line) for line in path.read_bytes().splitlines()], scheduler=Golden())
    assert (found.suggestions, found.differing, found.differing_verdicts) == (6, (), ())
    assert found.reports > 12


class Golden(Median):
    """The same, under the name on record."""

    def to_json(self) -> dict[str, object]:
        return {"name": "strangers:Median"}
