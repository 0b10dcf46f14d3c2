"""That a snapshot says what the log says is in test_ledger.py; here is what else it must and must not do."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from trimtab.ledger import snapshot
from trimtab.ledger.ledger import Ledger
from trimtab.optim.random import Random
from trimtab.testing.simulation import PROBLEMS, Simulation, rough_history


@pytest.fixture
def run() -> Simulation:
    run = Simulation(PROBLEMS["fidelity"], Random())
    rough_history(run, 30)
    return run


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_study_goes_on_from_its_snapshot_as_from_its_log(name):
    run = Simulation(PROBLEMS[name], Random())
    rough_history(run, 20)
    middle = len(run.records) // 2
    ledger = Ledger.begin(run.records[0])
    for record in run.records[1:middle]:
        ledger.apply(record)
    restored = snapshot.load(snapshot.save(ledger))
    assert restored is not None
    for record in run.records[middle:]:
        restored.apply(record)
    assert snapshot.save(restored) == snapshot.save(run.ledger)


def test_saving_changes_nothing_and_is_the_same_every_time(run):
    assert snapshot.save(run.ledger) == snapshot.save(run.ledger)
    restored = snapshot.load(snapshot.save(run.ledger))
    assert snapshot.save(restored) == snapshot.save(run.ledger)


def test_what_is_restored_shares_no_memory_and_is_read_only(run):
    restored = snapshot.load(snapshot.save(run.ledger))
    assert not np.shares_memory(restored.table.x, run.table.x)
    with pytest.raises(ValueError, match="read-only"):
        restored.table.y[0] = 0


def test_any_cut_of_a_snapshot_is_no_snapshot(run):
    blob = snapshot.save(run.ledger)
    assert all(snapshot.load(blob[:n]) is None for n in range(0, len(blob), 97))


def test_a_snapshot_of_another_version_or_without_a_column_is_none(run):
    plain = msgspec.msgpack.decode(snapshot.save(run.ledger))
    for change in ({"version": 99}, {"columns": {}}, {"problem": {"space": 3, "metrics": []}}, {"head": "x"}):
        assert snapshot.load(msgspec.msgpack.encode(plain | change)) is None
    columns = plain["columns"]
    wrong = {**columns, "x": [columns["x"][0], [1, 1], columns["x"][2]]}
    assert snapshot.load(msgspec.msgpack.encode(plain | {"columns": wrong})) is None


def test_a_snapshot_from_before_standard_errors_is_read(run):
    plain = msgspec.msgpack.decode(snapshot.save(run.ledger))
    del plain["columns"]["errors"]
    restored = snapshot.load(msgspec.msgpack.encode(plain))
    assert snapshot.save(restored) == snapshot.save(run.ledger)
    assert np.isnan(restored.table.errors).all()
