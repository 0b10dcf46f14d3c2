"""Snapshots: a folded ledger as bytes, so that opening a long study need not read its whole log.

A snapshot is a cache and never the truth: whatever cannot be read (another version, another column, a wrong checksum)
is thrown away and the log is folded from its beginning. So is one whose parts do not fit together, which a stranger
makes. It carries the link of the record that it goes up to, so that one from another past of the log is recognised.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from trimtab.errors import TrimtabError
from trimtab.ledger import codec
from trimtab.ledger.columns import Column, Interned, within
from trimtab.ledger.contents import Contents, Growth
from trimtab.ledger.event import FAILURE_KINDS, Assessed, Created, Origin, Seq, Whole
from trimtab.ledger.ledger import Ledger, problem_of
from trimtab.ledger.table import FAILED, RUNNING, WAITING, TrialTable
from trimtab.space.problem import Problem

SNAPSHOT_VERSION = 6
"""Counts up whenever what `save` writes changes; a snapshot of another version is not read."""

_CHECKSUM_BYTES = 16
"""A checksum stands before the rest, as long as a link."""


class _Array(msgspec.Struct, array_like=True):
    dtype: str
    shape: tuple[int, ...]
    data: memoryview


class _Dicts(msgspec.Struct):
    """What is known of some rows only, as pairs of row and value."""

    errors: list[tuple[Whole, str]]
    reasons: list[tuple[Whole, str]]
    halts: list[tuple[Whole, tuple[Whole, str]]]
    handles: list[tuple[Whole, str]]
    notes: list[tuple[Whole, dict[str, Any]]]
    given: list[tuple[Whole, tuple[float | None, ...]]]
    needs: list[tuple[Whole, dict[str, float]]]


class _Scalars(msgspec.Struct):
    """What is known of the table as a whole."""

    study_notes: dict[str, Any]
    noted_at: dict[str, Seq]
    n_children: Whole
    elapsed: float
    session_start: float | None
    last_at: float
    is_extended: bool
    used: dict[str, float]
    is_gradual: bool


class _Snapshot(msgspec.Struct):
    version: int
    head: Seq
    link: str
    created: Created
    problem: dict[str, Any]
    optimizer: dict[str, Any]
    opened: list[dict[str, Any]]
    verdicts: list[tuple[Seq, Assessed]]
    columns: dict[str, _Array]
    extra: dict[str, _Array]
    curves: dict[str, _Array]
    undeclared: dict[str, _Array]
    undeclared_names: list[str]
    origins: list[Origin]
    workers: list[str]
    dicts: _Dicts
    scalars: _Scalars
    waiting: list[Whole]
    running: list[Whole]
    growths: list[Whole]


_UNUSABLE = (msgspec.DecodeError, TrimtabError, LookupError, ValueError, TypeError, OverflowError, RecursionError)
"""What bytes that are no snapshot of ours come to, wherever they first fail to be one."""


def _pack(rows: NDArray[Any]) -> _Array:
    return _Array(rows.dtype.str, rows.shape, np.ascontiguousarray(rows).data)


def _packed(columns: Mapping[str, Column]) -> dict[str, _Array]:
    return {name: _pack(column.view) for name, column in columns.items()}


def _load(column: Column, array: _Array) -> None:
    """Fill a column.

    Raises:
        ValueError: the array is of another type or width than the column.
    """
    if array.dtype != column.rows.dtype.str or array.shape[1:] != column.rows.shape[1:]:
        raise ValueError(f"{array.dtype} {array.shape} is none of {column.rows.dtype.str} {column.rows.shape[1:]}")
    column.load(np.frombuffer(array.data, dtype=column.rows.dtype).reshape(array.shape))


def save(ledger: Ledger) -> bytearray:
    """Return the ledger as bytes, which may be many: they are written once, in place."""
    contents, table = ledger.contents, ledger.table
    snapshot = _Snapshot(
        version=SNAPSHOT_VERSION,
        head=ledger.head,
        link=ledger.link,
        created=ledger.created,
        problem=table.problem.to_json(),
        optimizer=ledger.optimizer,
        opened=ledger.opened,
        verdicts=contents.verdicts,
        columns=_packed(contents.every()),
        extra=_packed(contents.extra),
        curves=_packed(contents.curves.columns),
        undeclared=_packed(contents.curves.undeclared),
        undeclared_names=contents.curves.undeclared_names,
        origins=contents.origins.values,
        workers=contents.workers.values,
        dicts=_Dicts(**{name: list(getattr(contents, name).items()) for name in _Dicts.__struct_fields__}),
        scalars=_Scalars(**{name: getattr(contents, name) for name in _Scalars.__struct_fields__}),
        waiting=table.waiting,
        running=table.running,
        growths=[growth.n_over for growth in contents.growths],
    )
    blob = bytearray(_CHECKSUM_BYTES)
    msgspec.msgpack.Encoder().encode_into(snapshot, blob, _CHECKSUM_BYTES)
    blob[:_CHECKSUM_BYTES] = _checksum(memoryview(blob)[_CHECKSUM_BYTES:])
    return blob


def _checksum(body: memoryview) -> bytes:
    return blake2b(body, digest_size=_CHECKSUM_BYTES).digest()


def load(blob: bytes) -> Ledger | None:
    """Return the ledger that `save` was given, or None if these bytes cannot be used."""
    checksum, body = blob[:_CHECKSUM_BYTES], memoryview(blob)[_CHECKSUM_BYTES:]
    if checksum != _checksum(body):
        return None
    try:
        snapshot = msgspec.msgpack.decode(body, type=_Snapshot)
        if snapshot.version != SNAPSHOT_VERSION:
            return None
        ledger = _restore(snapshot)
        return ledger if _fits(ledger) else None
    except _UNUSABLE:
        return None


def _restore(snapshot: _Snapshot) -> Ledger:
    ledger = Ledger(snapshot.created, 0.0)
    ledger.head, ledger.link = snapshot.head, snapshot.link
    ledger.optimizer = snapshot.optimizer
    ledger.opened = snapshot.opened
    contents = ledger.contents = Contents(
        problem_of(snapshot.created, snapshot.problem), snapshot.created.past, snapshot.created.portfolio
    )
    table = ledger.table = TrialTable(contents)
    contents.head = snapshot.head
    contents.verdicts = snapshot.verdicts
    for columns, arrays in (
        (contents.every(), snapshot.columns),
        (contents.curves.columns, snapshot.curves),
        (contents.curves.undeclared, snapshot.undeclared),
    ):
        for name, column in columns.items():
            _load(column, arrays[name])
    contents.curves.restore(snapshot.undeclared_names, len(table), snapshot.head)
    for name, array in snapshot.extra.items():
        contents.extra[name] = Column(np.float64, math.nan)
        _load(contents.extra[name], array)
    contents.origins = Interned(snapshot.origins)
    contents.workers = Interned(snapshot.workers)
    for name in _Dicts.__struct_fields__:
        setattr(contents, name, dict(getattr(snapshot.dicts, name)))
    for name in _Scalars.__struct_fields__:
        setattr(contents, name, getattr(snapshot.scalars, name))
    contents.n_evidence = int(table.is_evidence.sum())
    contents.growths = _growths(contents.problem, snapshot.growths)
    states = table.state
    contents.waiting = {row: None for row in snapshot.waiting if states[row] == WAITING}
    contents.again = {row: None for row in contents.waiting if table.is_begun(row)}
    contents.running = {row: None for row in snapshot.running if states[row] == RUNNING}
    return ledger


def _growths(problem: Problem, n_over: Sequence[int]) -> list[Growth]:
    """Return what the space was before each growth: all of them added one parameter, the last."""
    n_first = len(problem.space) - len(n_over)
    return [Growth(n, replace(problem, space=problem.space.first(n_first + i))) for i, n in enumerate(n_over)]


def _fits(ledger: Ledger) -> bool:
    """Return whether the parts of a restored ledger fit together, so that nothing that reads it stumbles."""
    contents, table = ledger.contents, ledger.table
    n = len(table)
    rows = {*contents.errors, *contents.reasons, *contents.notes, *contents.given, *contents.needs}
    rows |= {*contents.waiting, *contents.running}
    known = len(table.problem.fidelities), len(table.space)
    times = contents.elapsed, contents.session_start or 0.0, contents.last_at
    free = [contents.study_notes, ledger.opened, ledger.optimizer, *_json_of(ledger.created)]
    return (
        all(map(math.isfinite, times))
        and all(map(math.isfinite, contents.used.values()))
        and isinstance(ledger.optimizer.get("name"), str)
        and all(codec.is_plain(value) for notes in contents.notes.values() for value in notes.values())
        and all(map(codec.is_plain, free))
        and all(column.n == n for column in contents.columns.values())
        and all(column.n <= n for column in contents.extra.values())
        and contents.noted_at.keys() == contents.study_notes.keys()
        and _are_in_order(list(contents.noted_at.values()), ledger.head)
        and _are_in_order([seq for seq, _ in contents.verdicts], ledger.head)
        and within(table.state, WAITING, FAILED)
        and within(table.failure, -1, len(FAILURE_KINDS) - 1)
        and within(table.attempt, 0, None)
        and within(table.touched, 0, ledger.head)
        and bool((table.parent < np.arange(n)).all())
        and within(table.parent, -1, n - 1)
        and within(contents.columns["origin"].view, 0, len(contents.origins.values) - 1)
        and within(contents.columns["worker"].view, -1, len(contents.workers.values) - 1)
        and sorted(table.order.tolist()) == np.flatnonzero(table.state > RUNNING).tolist()
        and sorted(contents.waiting) == np.flatnonzero(table.state == WAITING).tolist()
        and sorted(contents.running) == np.flatnonzero(table.state == RUNNING).tolist()
        and all(0 <= row < n for row in rows)
        and _are_in_turn([growth.n_over for growth in contents.growths], len(table.order))
        and all(table.space.misfit(given) is None for given in contents.given.values())
        and table.fidelity.shape[1:] + table.x.shape[1:] == known
        and bool(table.space.fits(table.x).all())
        and not any(np.isinf(column.view).any() for column in contents.columns.values())
    )


def _json_of(created: Created) -> list[dict[str, Any]]:
    return [created.problem, created.optimizer, created.scheduler, created.provenance]


def _are_in_turn(counts: list[int], most: int) -> bool:
    return all(before <= after for before, after in pairwise([*counts, most]))


def _are_in_order(seqs: list[int], head: int) -> bool:
    return all(before < after for before, after in pairwise([0, *seqs, head + 1]))
