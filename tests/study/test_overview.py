"""A list of studies: as the studies themselves say, quickly, and whatever became of one of them."""

from __future__ import annotations

import json
import random
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

import trimtab as tt
from trimtab.ledger.event import Created, Event, Failed, Noted, Reported, Started, Told
from trimtab.optim.random import Random
from trimtab.storage.protocol import Store
from trimtab.storage.url import open_store
from trimtab.study import overview
from trimtab.study.outline import Outline
from trimtab.study.overview import _ledger, _of_ledger, _of_outline
from trimtab.testing.simulation import PROBLEMS, Simulation, rough_history

SPACE = tt.Space(x=tt.Float(0, 1), c=tt.Categorical(["a", "b"]))


@pytest.fixture(params=["sqlite", "postgresql", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = {"sqlite": lambda: tmp_path / "trimtab.db", "memory": lambda: None}.get(
        request.param, lambda: request.getfixturevalue("postgresql_url")
    )()
    store = open_store(url)
    yield store
    store.close()


def events(n_trials: int = 3) -> list[Event]:
    """Return the events of a short study, found in memory."""
    study = tt.create_study(SPACE, minimize="loss", optimizer="random", seed=0)
    for number in range(n_trials):
        study.tell(study.ask().number, (number - 1) ** 2)
    return [record.event for record in study.session.journal.read()]


def named(some: list[Event], name: str) -> list[Event]:
    first = some[0]
    assert isinstance(first, Created)
    return [msgspec.structs.replace(first, name=name, id=name.replace(" ", "-")), *some[1:]]


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("seed", range(3))
def test_an_outline_says_what_the_ledger_says(name: str, seed: int) -> None:
    run = Simulation(PROBLEMS[name], Random(), seed)
    rng = random.Random(seed)
    for _ in range(25):
        for number in run.ask():
            run.add(Started(number, "w"))
            if rng.random() < 0.3:
                run.add(Reported(number, 1.0, {"loss": 0.5}))
            if rng.random() < 0.2:
                run.add(Failed(number, "lost", "gone", again=True))
                run.add(Started(number, "w", 2))
            if rng.random() < 0.2:
                run.add(Failed(number, "exception", "bad"))
            elif rng.random() < 0.9:
                run.add(Told(number, {m: rng.choice([0.0, -1.5, rng.random()]) for m in run.problem.metric_names}))
            run.add(Noted("n", 1, number))
    info = overview.StudyInfo("s", 1, 2.0)
    short = _of_outline(info, run.records)
    if len(run.problem.objectives) > 1:
        assert short is None
    else:
        assert short is None or short == _of_ledger(info, run.ledger)
        assert short is not None or name not in ("continuous", "log", "fifty parameters", "bounded metric", "fidelity")


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_is_not_ordinary_has_no_outline(name: str) -> None:
    run = Simulation(PROBLEMS[name], Random())
    rough_history(run, 30)
    short = _of_outline(overview.StudyInfo("s", 1, 2.0), run.records)
    assert short is None or short == _of_ledger(overview.StudyInfo("s", 1, 2.0), run.ledger)


def test_what_does_not_follow_has_no_outline() -> None:
    run = Simulation(PROBLEMS["continuous"], Random())
    numbers = [run.ask()[0] for _ in range(2)]
    run.add(Started(numbers[0], "w"))
    good = run.records
    assert Outline.of(good) is not None
    for wrong in (
        Told(1, {"loss": 0.5}),
        Told(7, {"loss": 0.5}),
        Started(0, "w"),
        Failed(-1, "oom"),
        Reported(1, 1.0, {}),
        Noted("n", 1, 5),
        msgspec.structs.replace(good[2].event, number=5),
        msgspec.structs.replace(good[2].event, number=2, x=(0.5,)),
        good[0].event,
    ):
        record = msgspec.structs.replace(good[-1], seq=len(good) + 1, event=wrong)
        assert Outline.of([*good, record]) is None, wrong
        with pytest.raises(tt.errors.TrimtabError):
            _ledger([*good, record])
    assert Outline.of([]) is None


def test_short_and_long_studies_are_listed_together(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "LONGEST", 8)
    monkeypatch.setattr("trimtab.storage.bulk.AT_ONCE", 12)
    for i, n in enumerate((1, 3, 0, 2, 7, 1, 1)):
        store.create(f"study {i}", named(events(n), f"study {i}"), at=float(i))
    listed = list(overview.entries(store))
    assert [(one.name, one.n_trials, one.created_at) for one in listed] == [
        (f"study {i}", n, float(i)) for i, n in enumerate((1, 3, 0, 2, 7, 1, 1))
    ]
    assert [one.best for one in listed] == [1.0, 0.0, None, 0.0, 0.0, 1.0, 1.0]
    assert [one.best_row for one in listed] == [0, 1, None, 1, 1, 0, 0]
    assert {one.objectives for one in listed} == {("minimize loss",)}


def test_an_empty_log_is_named(store: Store) -> None:
    store.create("empty", [])
    store.create("fine", named(events(), "fine"))
    empty, fine = overview.entries(store)
    assert empty.error is not None
    assert "log is empty" in empty.error
    assert (fine.error, fine.n_trials) == (None, 3)


DAMAGE = {
    "UPDATE {event} SET body = '{{' WHERE study = 2 AND seq = 5": "record 5 of study 'study 1' in .* is damaged",
    "UPDATE {event} SET body = replace(body, '0', '1') WHERE study = 2 AND seq = 4": "record 4 .* is not as it was",
    "UPDATE {event} SET at = at + 1 WHERE study = 2 AND seq = 1": "record 1 .* is not as it was",
    "DELETE FROM {event} WHERE study = 2 AND seq = 3": "record 3 of study 'study 1' in .* is missing",
    "DELETE FROM {event} WHERE study = 2 AND seq = 1": "record 1 of study 'study 1' in .* is missing",
    "DELETE FROM {event} WHERE study = 2": "log is empty",
    "UPDATE {event} SET link = '' WHERE study = 2 AND seq = 6": "record 6 .* is not as it was",
    'UPDATE {event} SET body = \'{{"kind":"unheard"}}\' WHERE study = 2 AND seq = 6': "record 6 .* is not as it was",
}


@pytest.mark.parametrize("statement", DAMAGE)
@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
def test_one_damaged_study_does_not_hide_the_others(
    request: pytest.FixtureRequest, tmp_path: Path, where: str, statement: str
) -> None:
    url = f"sqlite:///{tmp_path}/trimtab.db" if where == "sqlite" else request.getfixturevalue("postgresql_url")
    store = open_store(url)
    for i in range(4):
        store.create(f"study {i}", named(events(), f"study {i}"))
    store.close()
    if where == "sqlite":
        with sqlite3.connect(tmp_path / "trimtab.db") as connection:
            connection.execute(statement.format(event="event"))
        connection.close()
    else:
        table = f"{url.rpartition('schema=')[2]}.event"
        request.getfixturevalue("postgres_server").sql(statement.format(event=table))
    store = open_store(url)
    zero, one, two, three = overview.entries(store)
    store.close()
    assert [entry.n_trials for entry in (zero, two, three)] == [3, 3, 3]
    assert [entry.error for entry in (zero, two, three)] == [None, None, None]
    assert one.error is not None
    assert re.search(DAMAGE[statement], one.error), one.error


def test_a_damaged_tree_hides_only_what_lies_in_it(tmp_path: Path) -> None:
    path = tmp_path / "trimtab.db"
    store = open_store(path)
    for i in range(40):
        store.create(f"study {i}", named(events(10), f"study {i}"))
    store.close()
    with path.open("r+b") as file:  # a leaf in the middle of the table of events
        file.seek(20 * 4096)
        file.write(bytes(4096))
    store = open_store(path)
    listed = list(overview.entries(store))
    store.close()
    assert len(listed) == 40
    damaged = [one for one in listed if one.error is not None]
    assert 1 <= len(damaged) <= 5
    assert all(one.n_trials == 10 for one in listed if one.error is None)


def test_a_list_of_studies_costs_little_more_than_reading_their_lines(tmp_path: Path) -> None:
    """It takes about 3 times what json.loads takes for as many lines: the bound sees a change of order, and no more."""
    store = open_store(f"sqlite:///{tmp_path}/trimtab.db?synchronous=normal")
    some = events(10)
    for i in range(500):
        store.create(f"study {i}", named(some, f"study {i}"))
    line = json.dumps({"kind": "told", "number": 3, "values": {"loss": 0.5}})

    def parsed() -> None:
        for _ in range(500 * len(some)):
            json.loads(line)

    listed = list(overview.entries(store))
    took = min(_cpu(lambda: list(overview.entries(store))) for _ in range(3))
    least = min(_cpu(parsed) for _ in range(3))
    store.close()
    assert len(listed) == 500
    assert all(one.error is None and one.n_trials == 10 for one in listed)
    assert took < 9 * least


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
