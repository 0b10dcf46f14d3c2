"""While an engine computes, trials report and are told: nobody waits for a proposal but who asked for it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

import trimtab as tt
from trimtab.ledger.event import Asked, Reported
from trimtab.optim.protocol import Proposal
from trimtab.optim.random import Random
from trimtab.study.replay import replay

SPACE = tt.Space(x=tt.Float(0, 1), y=tt.Float(0, 1))
ASK_S = 0.25


class Slow(Random):
    """Takes its time, and looks at the table before and after."""

    def ask(self, state, table, request):
        before = [table.state.copy(), table.y.copy(), len(table), len(table.order), len(table.curves), table.now]
        time.sleep(ASK_S if len(table) > 2 else 0.003)
        after = [table.state, table.y, len(table), len(table.order), len(table.curves), table.now]
        for one, other in zip(before, after, strict=True):
            np.testing.assert_array_equal(one, other, "the table that an engine reads does not change underneath it")
        return super().ask(state, table, request)

    def to_json(self):
        return {}


@pytest.mark.parametrize("store", [None, "sqlite:///{}/t.db"])
def test_reports_and_tells_do_not_wait_for_asks(store: str | None, tmp_path: Path) -> None:
    optimizer = Slow()
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
    assert np.percentile(took, 95) < ASK_S / 4
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


class Counting:
    """Proposes a tenth for every result that it has learnt; may be interrupted once, in the middle of learning."""

    def __init__(self, *, is_interrupted: bool = False) -> None:
        self.is_interrupted = is_interrupted

    def init(self, problem):
        return []

    def tell(self, state, table, row):
        state.append(row)
        if self.is_interrupted and len(state) == 2:
            self.is_interrupted = False
            raise KeyboardInterrupt
        return state

    def ask(self, state, table, request):
        return Proposal(np.array([[len(state) / 10]]), "counting", "")

    def to_json(self):
        return {}


def test_an_engine_that_was_interrupted_learns_nothing_twice() -> None:
    optimizer = Counting(is_interrupted=True)
    study = tt.create_study(tt.Space(x=tt.Float(0, 1)), minimize="loss", optimizer=optimizer, seed=0)
    for x in (0.1, 0.2, 0.3):
        study.enqueue({"x": x})
        study.tell(study.ask(), 0.5)
    with pytest.raises(KeyboardInterrupt):
        study.ask()
    assert study.ask().params == {"x": 0.3}, "it knows of three"
    assert replay(study.session.journal.read(), Counting()).differing == ()
