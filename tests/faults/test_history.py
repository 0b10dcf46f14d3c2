"""Faults of every kind at random moments, and a checker that knows what was acknowledged.

40 faults here, 1,000 and more in `make soak`: TRIMTAB_FAULTS sets how many a world of the soak sees, TRIMTAB_FAULT_SEED
which. A failing run prints its seed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from actor import ASKED, SPACE
from history import Restored, violations
from side import loss_of
from world import World

import trimtab as tt
from postgres_server import PostgresServer
from trimtab.ledger.event import Record, Told

SEED = int(os.environ.get("TRIMTAB_FAULT_SEED", "1"))
SOAK = int(os.environ.get("TRIMTAB_FAULTS", "180"))


def live_through(world: World, faults: int) -> None:
    world.run(faults)
    wrong = world.violations()
    print(dict(world.befell))
    assert not wrong, f"seed {SEED}, {dict(world.befell)}:\n" + "\n".join(wrong[:40]) + "\n" + world.said()


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("executor", "faults"), [("serial", 10), ("processes", 8), ("command", 5)])
def test_faults_on_sqlite(tmp_path: Path, executor: str, faults: int) -> None:
    live_through(World(tmp_path, f"sqlite:///{tmp_path}/store.db", executor=executor, seed=SEED), faults)


@pytest.mark.timeout(600)
def test_faults_on_postgresql(tmp_path: Path, postgres_server: PostgresServer, postgresql_url: str) -> None:
    live_through(World(tmp_path, postgresql_url, executor="processes", seed=SEED, server=postgres_server), 8)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_put_back_under_everybody(tmp_path: Path, postgres_server: PostgresServer, kind: str) -> None:
    server = postgres_server if kind == "postgresql" else None
    url = f"sqlite:///{tmp_path}/store.db" if server is None else server.url()
    live_through(World(tmp_path, url, executor="serial", seed=SEED, server=server, restores=True), 6)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("optimizer", ["random", "auto"])
@pytest.mark.parametrize("executor", ["serial", "processes", "command"])
def test_many_faults_on_sqlite(tmp_path: Path, executor: str, optimizer: str) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    live_through(World(tmp_path, url, executor=executor, seed=SEED, optimizer=optimizer), SOAK // 2)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("executor", ["serial", "processes", "command"])
def test_many_faults_on_postgresql(tmp_path: Path, postgres_server: PostgresServer, executor: str) -> None:
    url = postgres_server.url()
    live_through(World(tmp_path, url, executor=executor, seed=SEED, server=postgres_server), SOAK)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_many_backups_put_back(tmp_path: Path, postgres_server: PostgresServer, kind: str) -> None:
    server = postgres_server if kind == "postgresql" else None
    url = f"sqlite:///{tmp_path}/store.db" if server is None else server.url()
    live_through(World(tmp_path, url, executor="processes", seed=SEED, server=server, restores=True), SOAK // 2)


# The checker itself


@pytest.fixture
def kept(tmp_path: Path) -> tuple[list[Record], list[dict[str, object]]]:
    """Return a log of five trials and the side log that goes with it."""
    study = tt.create_study(SPACE, minimize="loss", optimizer="random", seed=3, name=ASKED)
    side: list[dict[str, object]] = []
    for i in range(5):
        trial = study.ask()
        about = {"study": ASKED, "number": trial.number, "attempt": trial.attempt, "pid": 1}
        side.append({"what": "asked", "at": 10.0 * i, **about})
        side.append({"what": "telling", "at": 10.0 * i + 1, "nonce": float(i), **about})
        study.tell(trial, {"loss": loss_of(trial.params), "nonce": float(i)})
        side.append({"what": "acknowledged", "at": 10.0 * i + 2, "nonce": float(i), **about})
    return list(study.session.journal.read()), side


def test_a_history_in_order_is_found_in_order(kept: tuple[list[Record], list[dict[str, object]]]) -> None:
    assert violations(*kept, []) == []


def test_a_lost_tell_is_found_and_a_restored_backup_excuses_it(
    kept: tuple[list[Record], list[dict[str, object]]],
) -> None:
    records, side = kept
    cut = records[:-3]  # the last trial: asked, started, told
    assert violations(cut, side, []) == ["trial 4: an acknowledged tell is not on record"]
    assert violations(cut, side, [Restored(35.0, 50.0)]) == []
    assert violations(cut, side, [Restored(5.0, 15.0)]) != []


def test_a_changed_value_a_stranger_and_a_doubled_tell_are_found(
    kept: tuple[list[Record], list[dict[str, object]]],
) -> None:
    records, side = kept
    last = records[-1]
    assert isinstance(last.event, Told)
    for values in ({"loss": 0.0, "nonce": 4.0}, {**last.event.values, "nonce": 99.0}):
        changed = replace_event(last, values)
        assert violations([*records[:-1], changed], side, [])
    assert any("ended 2 times" in wrong for wrong in violations([*records, again(last)], side, []))


def test_a_tell_from_another_past_is_found(kept: tuple[list[Record], list[dict[str, object]]]) -> None:
    records, side = kept
    wrong = violations(records, side, [Restored(39.5, 40.5)])
    assert wrong == ["trial 4: asked in one past, and its tell acknowledged in another"]


def replace_event(record: Record, values: dict[str, float]) -> Record:
    import msgspec

    return msgspec.structs.replace(record, event=msgspec.structs.replace(record.event, values=values))


def again(record: Record) -> Record:
    import msgspec

    return msgspec.structs.replace(record, seq=record.seq + 1)
