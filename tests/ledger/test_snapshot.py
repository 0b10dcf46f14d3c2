"""That a snapshot says what the log says is in test_ledger.py; here is what else it must and must not do."""

from __future__ import annotations

from hashlib import blake2b

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


def sealed(plain: dict) -> bytes:
    """Return a snapshot of these values, with the checksum that belongs to them."""
    body = msgspec.msgpack.encode(plain)
    return blake2b(body, digest_size=16).digest() + body


def opened(blob: bytes) -> dict:
    return msgspec.msgpack.decode(blob[16:])


def test_a_snapshot_of_another_version_or_without_a_column_is_none(run):
    plain = opened(snapshot.save(run.ledger))
    assert snapshot.load(sealed(plain)) is not None
    for change in ({"version": 1}, {"columns": {}}, {"problem": {"space": 3, "metrics": []}}, {"head": "x"}):
        assert snapshot.load(sealed(plain | change)) is None
    columns = plain["columns"]
    wrong = {**columns, "x": [columns["x"][0], [1, 1], columns["x"][2]]}
    assert snapshot.load(sealed(plain | {"columns": wrong})) is None


def test_any_bit_of_a_snapshot_that_flips_makes_it_none(run):
    blob = snapshot.save(run.ledger)
    for at in range(0, len(blob), 61):
        flipped = bytearray(blob)
        flipped[at] ^= 1 << at % 8
        assert snapshot.load(bytes(flipped)) is None


def test_a_snapshot_says_where_in_the_log_it_was_made(run):
    run.ledger.link = "0123"
    assert snapshot.load(snapshot.save(run.ledger)).reached == (len(run.records), "0123")


def test_a_snapshot_from_before_undeclared_curves_is_made_again(run):
    plain = opened(snapshot.save(run.ledger))
    del plain["undeclared"]
    assert snapshot.load(sealed(plain | {"version": 2})) is None
    assert snapshot.load(sealed(plain)) is None
