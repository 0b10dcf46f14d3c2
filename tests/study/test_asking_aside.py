"""While an engine computes, trials report and are told: nobody waits for a proposal but who asked for it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

import trimtab as tt
from trimtab.execute.protocol import Started
from trimtab.ledger.event import Asked, Reported
from trimtab.ledger.table import COMPLETE, STOPPED, WAITING
from trimtab.optim.random import Random
from trimtab.schedule.protocol import Wait
from trimtab.schedule.whole import Whole
from trimtab.stop.protocol import Verdict
from trimtab.study.replay import replay
from trimtab.testing.simulated import SimulatedExecutor

SPACE = tt.Space(x=tt.Float(0, 1), y=tt.Float(0, 1))
ASK_S = 0.25


class Slow(Random):
    """Takes its time, and looks at the table before and after."""

    def __init__(self, seconds: float = ASK_S) -> None:
        self.seconds = seconds

    def ask(self, state, table, request):
        before = [table.state.copy(), table.y.copy(), len(table), len(table.order), len(table.curves), table.now]
        time.sleep(self.seconds if len(table) > 2 else 0.003)
        after = [table.state, table.y, len(table), len(table.order), len(table.curves), table.now]
        for one, other in zip(before, after, strict=True):
            np.testing.assert_array_equal(one, other, "the table that an engine reads does not change underneath it")
        return super().ask(state, table, request)

    def to_json(self):
        return {}


@pytest.mark.parametrize("store", [None, "sqlite:///{}/t.db"])
def test_reports_and_tells_do_not_wait_for_asks(store: str | None, tmp_path: Path) -> None:
    optimizer = Slow(2 * ASK_S)  # long beside twenty reports on a busy machine
    study = tt.create_study(SPACE, minimize="loss", optimizer=optimizer, seed=0, store=store and store.format(tmp_path))
    trials = [study.ask() for _ in range(4)]
    begun = threading.Event()
    thread = threading.Thread(target=lambda: (begun.set(), [study.ask() for _ in range(2)]))
    thread.start()
    begun.wait()
    time.sleep(0.02)
    took = []
    for step in range(20):
        began = time.perf_counter()
        trials[0].report(step, loss=0.5)
        took.append(time.perf_counter() - began)
    began = time.perf_counter()
    study.tell(trials[0], 0.5)
    study.note("seen", 1, trials[1].number)
    took.append(time.perf_counter() - began)
    assert thread.is_alive(), "all of it while the first proposal is made"
    thread.join()
    assert np.percentile(took, 95) < ASK_S
    found = replay(study.session.journal.read(), optimizer)
    assert (found.suggestions, found.differing) == (6, ())
    asked = [record for record in study.session.journal.read() if isinstance(record.event, Asked)]
    assert asked[4].seq - asked[4].event.head > 20, "it was made of what was known when it was begun"
    assert asked[5].event.head >= asked[4].seq
    study.close()


def test_two_who_ask_at_once_get_two_trials() -> None:
    study = tt.create_study(SPACE, minimize="loss", optimizer=Slow(), seed=0)
    for _ in range(4):
        study.ask()
    numbers: list[int] = []
    threads = [threading.Thread(target=lambda: numbers.append(study.ask().number)) for _ in range(3)]
    for thread in threads:
        thread.start()
    study.enqueue({"x": 0.5, "y": 0.5})
    for thread in threads:
        thread.join()
    assert sorted(numbers) == [4, 5, 6]
    assert len(study.table) in (7, 8)


def objective(trial: tt.Trial) -> float:
    for step in range(10):
        time.sleep(0.02)
        trial.report(step, sent=time.time(), loss=1.0)
    return trial.params["x"]


def test_a_driver_takes_reports_in_while_it_asks(tmp_path: Path) -> None:
    optimizer, url = Slow(), f"sqlite:///{tmp_path}/t.db"
    study = tt.tune(
        objective, SPACE, minimize="loss", budget=9, workers=3, executor="processes", optimizer=optimizer, store=url,
        name="aside", seed=0,
    )  # fmt: skip
    records = list(study.session.journal.read())
    late = [record.at - record.event.values["sent"] for record in records if isinstance(record.event, Reported)]
    assert len(late) == 90
    assert np.percentile(late, 90) < ASK_S / 2, "those that come first wait for workers that start"
    assert replay(records, optimizer).differing == ()
    study.close()


def at_length(trial: tt.Trial) -> float:
    for step in range(50):
        time.sleep(0.02)
        trial.report(step, sent=time.time(), loss=1.0)
    return trial.params["x"]


def test_a_driver_takes_reports_in_while_it_makes_proposals_ahead(tmp_path: Path) -> None:
    with tt.tune(
        at_length, SPACE, minimize="loss", budget=12, workers=4, executor="processes", optimizer=Slow(),
        store=f"sqlite:///{tmp_path}/t.db", seed=0,
    ) as study:  # fmt: skip
        records = list(study.session.journal.read())
    late = [record.at - record.event.values["sent"] for record in records if isinstance(record.event, Reported)]
    assert np.percentile(late, 90) < ASK_S / 2
    assert replay(records, Slow()).differing == ()


class OneByOne(Whole):
    """Waits for what runs, and takes its time to say so."""

    def assign(self, table, request):
        if not table.n_running:
            return super().assign(table, request)
        time.sleep(0.1)
        return Wait("for the one that runs")

    def to_json(self):
        return {}


class Prompt(SimulatedExecutor):
    """Has results at once, also while a proposal is made aside."""

    traits = frozenset()

    def poll(self, timeout):
        said = super().poll(timeout)
        return super().poll(timeout) if said and all(isinstance(message, Started) for message in said) else said


def test_an_answer_that_is_older_than_the_last_result_ends_no_study() -> None:
    executor = Prompt(lambda trial: trial.params["x"], workers=2)
    with tt.tune(
        objective, SPACE, minimize="loss", budget=3, executor=executor, optimizer=Slow(), scheduler=OneByOne(), seed=0
    ) as study:
        assert study.table.state.tolist() == [COMPLETE] * 3


class Collecting(Whole):
    """Takes its time to say what may be continued."""

    def may_continue(self, table):
        n, until = len(table), time.monotonic() + ASK_S
        while len(table) == n and time.monotonic() < until:
            time.sleep(0.01)
        return np.zeros(n, dtype=bool)

    def to_json(self):
        return {}


def test_a_driver_reads_a_table_that_stands_still_while_it_asks(tmp_path: Path) -> None:
    with tt.tune(
        objective, SPACE, minimize="loss", budget=6, workers=3, executor="processes", optimizer=Slow(),
        scheduler=Collecting(), store=f"sqlite:///{tmp_path}/t.db", seed=0,
    ) as study:  # fmt: skip
        assert study.table.state.tolist() == [COMPLETE] * 6


class Three:
    """Ends the study as soon as the third trial was asked for."""

    def assess(self, problem, table):
        return Verdict(stop=len(table) >= 3, reason="three", rule="three", cancel=True)


def patiently(trial: tt.Trial) -> float:
    for step in range(1000):
        time.sleep(0.02)
        trial.report(step, loss=1.0)
    return 1.0


def test_what_was_claimed_aside_when_the_study_ended_waits_in_line(tmp_path: Path) -> None:
    with tt.tune(
        patiently, SPACE, minimize="loss", budget=9, workers=3, executor="processes", optimizer=Slow(),
        stop=[Three()], store=f"sqlite:///{tmp_path}/t.db", seed=0,
    ) as study:  # fmt: skip
        assert study.table.state.tolist() == [STOPPED, STOPPED, WAITING]
        assert study.table.n_begun == 2, "no budget counts it"
        assert study.dispatch.remaining() is None


class Counts(Random):
    """Its state is what it was told, and in the middle of that it is interrupted once."""

    interrupted = False

    def init(self, problem):
        return []

    def tell(self, state, table, row):
        if len(state) == 2 and not self.interrupted:
            self.interrupted = True
            raise KeyboardInterrupt
        return [*state, row]

    def ask(self, state, table, request):
        assert state == table.order.tolist()
        return super().ask(state, table, request)

    def to_json(self):
        return {}


def test_an_engine_that_was_interrupted_is_told_of_each_trial_once() -> None:
    study = tt.create_study(SPACE, minimize="loss", optimizer=Counts(), seed=0)
    for trial in [study.ask() for _ in range(4)]:
        study.tell(trial, 0.5)
    with pytest.raises(KeyboardInterrupt):
        study.ask()
    assert study.ask().number == 4


class Watching:
    """Tells the trial that the driver waits for, once it says so."""

    def __init__(self, study: tt.Study, number: int) -> None:
        self.said: list[str] = []
        self._study, self._number = study, number

    def update(self, status):
        if status.waits_for and not self.said:
            self._study.tell(self._number, 0.5)
        self.said += [status.waits_for]

    def close(self, status):
        assert status.waits_for == ""


def test_a_trial_that_somebody_holds_by_hand_is_not_waited_for_in_silence() -> None:
    study = tt.create_study(SPACE, minimize="loss", optimizer="random", scheduler=OneByOne(), seed=0)
    number = study.ask().number
    watching = Watching(study, number)
    with tt.tune(objective, SPACE, minimize="loss", budget=2, optimizer="random", scheduler=OneByOne(),
                 store=study, name="study", progress=watching) as study:  # fmt: skip
        assert study.table.state.tolist() == [COMPLETE] * 2
    waits = [said for said in watching.said if said]
    assert waits == ["waits for trial 0, which is run by others: for the one that runs"]
