"""Putting points in line: they are handed out before anything new is proposed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from trimtab.arrays import Floats
from trimtab.errors import ParamsError, TrialError
from trimtab.ledger.event import Asked, Event, Noted, Origin
from trimtab.space.space import Space
from trimtab.study.dispatch import Dispatch
from trimtab.study.line import key_of_line

Point: TypeAlias = Mapping[str, Any]
"""Values by name; what is left out is chosen by the optimizer."""


def put_in_line(
    dispatch: Dispatch, points: Sequence[Point], why: str, fidelity: tuple[float, ...], *, once: bool
) -> list[int]:
    """Put configurations in line, with as few commits as there can be, and return their numbers.

    What the optimizer has to complete is proposed from a log that has all before it, so it takes a commit of its own.

    Args:
        dispatch: of the study.
        points: values by name; what is left out is chosen by the optimizer.
        why: for the record.
        fidelity: [F] how far they are to be run.
        once: whether to leave those that were put in line before.

    Raises:
        ParamsError: a value lies outside its parameter, or a point violates a constraint; nothing is put in line.
        TrialError: no configuration is left that has these values.
    """
    numbers: list[int] = []
    session = dispatch.session
    with dispatch.lock, session.lock:
        session.sync()
        for point in points:
            _encode(session.table.space, point)
        while len(numbers) < len(points):
            numbers += _commit(dispatch, points[len(numbers) :], why, fidelity, once=once)
    return numbers


def _commit(
    dispatch: Dispatch, points: Sequence[Point], why: str, fidelity: tuple[float, ...], *, once: bool
) -> list[int]:
    """Put the first few of the points in line, as many as fit into one commit, and return their numbers."""
    numbers: list[int] = []

    def build() -> Sequence[Event]:
        events, numbers[:] = _some(dispatch, points, why, fidelity, once=once)
        return events

    dispatch.session.commit(build)
    return numbers


def _some(
    dispatch: Dispatch, points: Sequence[Point], why: str, fidelity: tuple[float, ...], *, once: bool
) -> tuple[list[Event], list[int]]:
    """Return the events of the first few points that fit into one commit, and their numbers."""
    session, table = dispatch.session, dispatch.session.table
    events: list[Event] = []
    numbers: list[int] = []
    fresh: dict[bytes, int] = {}
    for point in points:
        given, is_whole = _encode(session.table.space, point)
        key, number = key_of_line(given, len(given)), len(table) + len(events)
        before = fresh.get(key, dispatch.line.find(table, given)) if once else None
        if before is not None:
            numbers.append(before)
            continue
        if is_whole:
            events.append(Asked(number, tuple(given.tolist()), session.ledger.head, Origin("user", why), fidelity))
        elif events:
            break
        else:
            proposed = dispatch.complete(given, fidelity)
            if proposed is None:
                raise TrialError(f"no configuration is left that has {dict(point)!r}.")
            return [proposed, Noted("enqueued", why, number)], [*numbers, number]
        numbers.append(number)
        fresh[key] = number
    return events, numbers


def _encode(space: Space, point: Point) -> tuple[Floats, bool]:
    """Return [D] a point, nan where it is free or inactive, and whether nothing active is left open."""
    given = space.encode_partial(point)
    if np.any(space.active(given) & np.isnan(given)):
        return given, False
    broken = space.violated(given)
    if broken:
        raise ParamsError(f"{dict(point)!r} violates {' and '.join(map(repr, broken))}.")
    return given, True
