"""Snapshots: a folded ledger as bytes, so that opening a long study need not read its whole log.

A snapshot is a cache and never the truth: whatever cannot be read (another version, another column, a wrong checksum)
is thrown away and the log is folded from its beginning. It carries the link of the record that it goes up to, so that
one from another past of the log is recognised.
"""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from trimtab.errors import TrimtabError
from trimtab.ledger.event import Assessed, Created, Origin
from trimtab.ledger.ledger import Ledger
from trimtab.ledger.table import RUNNING, WAITING, Column, Interned, TrialTable
from trimtab.space.problem import Problem

SNAPSHOT_VERSION = 2

_CHECKSUM_BYTES = 16
"""A checksum stands before the rest, as long as a link."""

_CURVES = ("_curve_row", "_curve_step", "_curve_attempt", "_curve_y")
_DICTS = ("_errors", "_reasons", "_notes", "_given")
_SCALARS = ("_study_notes", "_n_children", "_elapsed", "_session_start", "_last_at")


class _Array(msgspec.Struct, array_like=True):
    dtype: str
    shape: tuple[int, ...]
    data: bytes


class _Snapshot(msgspec.Struct):
    version: int
    head: int
    link: str
    created: Created
    problem: dict[str, Any]
    optimizer: dict[str, Any]
    opened: list[dict[str, Any]]
    assessed: Assessed | None
    columns: dict[str, _Array]
    extra: dict[str, _Array]
    origins: list[Origin]
    workers: list[str]
    dicts: dict[str, list[tuple[int, Any]]]
    scalars: dict[str, Any]
    waiting: list[int]
    running: list[int]


def _pack(rows: NDArray[Any]) -> _Array:
    return _Array(rows.dtype.str, rows.shape, np.ascontiguousarray(rows).tobytes())


def _unpack(array: _Array) -> NDArray[Any]:
    return np.frombuffer(array.data, dtype=array.dtype).reshape(array.shape)


def _columns(table: TrialTable) -> dict[str, Column]:
    return table._c | {"_order": table._order} | {name: getattr(table, name) for name in _CURVES}


def save(ledger: Ledger) -> bytes:
    """Return the ledger as bytes."""
    table = ledger.table
    snapshot = _Snapshot(
        version=SNAPSHOT_VERSION,
        head=ledger.head,
        link=ledger.link,
        created=ledger.created,
        problem=table.problem.to_json(),
        optimizer=ledger.optimizer,
        opened=ledger.opened,
        assessed=ledger.assessed,
        columns={name: _pack(column.view) for name, column in _columns(table).items()},
        extra={name: _pack(column) for name, column in table.extra.items()},
        origins=table._origins.values,
        workers=table._workers.values,
        dicts={name: list(getattr(table, name).items()) for name in _DICTS},
        scalars={name: getattr(table, name) for name in _SCALARS},
        waiting=table.waiting,
        running=table.running,
    )
    body = msgspec.msgpack.encode(snapshot)
    return _checksum(body) + body


def _checksum(body: bytes) -> bytes:
    return blake2b(body, digest_size=_CHECKSUM_BYTES).digest()


def load(blob: bytes) -> Ledger | None:
    """Return the ledger that `save` was given, or None if these bytes cannot be used."""
    checksum, body = blob[:_CHECKSUM_BYTES], blob[_CHECKSUM_BYTES:]
    if checksum != _checksum(body):
        return None
    try:
        snapshot = msgspec.msgpack.decode(body, type=_Snapshot)
        if snapshot.version != SNAPSHOT_VERSION:
            return None
        return _restore(snapshot)
    except (msgspec.DecodeError, msgspec.ValidationError, TrimtabError, KeyError, ValueError, TypeError):
        return None


def _restore(snapshot: _Snapshot) -> Ledger:
    ledger = Ledger(snapshot.created, 0.0)
    ledger.head, ledger.link = snapshot.head, snapshot.link
    ledger.optimizer = snapshot.optimizer
    ledger.opened = snapshot.opened
    ledger.assessed = snapshot.assessed
    table = ledger.table = TrialTable(Problem.from_json(snapshot.problem))
    for name, column in _columns(table).items():
        column.load(_unpack(snapshot.columns[name]))
    for name, array in snapshot.extra.items():
        table._extra[name] = Column(np.float64, math.nan)
        table._extra[name].load(_unpack(array))
    table._origins = Interned(snapshot.origins)
    table._workers = Interned(snapshot.workers)
    for name in _DICTS:
        setattr(table, name, dict(snapshot.dicts[name]))
    for name in _SCALARS:
        setattr(table, name, snapshot.scalars[name])
    states = table.state
    table._waiting = {row: None for row in snapshot.waiting if states[row] == WAITING}
    table._again = {row: None for row in table._waiting if table.attempt[row] > 0 or table.parent[row] >= 0}
    table._running = {row: None for row in snapshot.running if states[row] == RUNNING}
    return ledger
