"""Events as bytes and back: the one place, with `event.py`, that knows msgspec.

There is one wire form, for every store, export and golden file: an event is a JSON object whose `kind` names it. JSON
because a log must be readable by any tool, for ever; a test reads it with the standard library alone.

JSON knows no nan and no infinity. In rows (`x`, `given`) nan becomes null; in reports and in free values (notes,
provenance) the three become the strings "nan", "inf" and "-inf". Where neither is allowed, as in `Told.values`, the
event is refused: what has been written can always be read.
"""

from __future__ import annotations

import contextlib
import gc
import math
from collections.abc import Iterator, Sequence
from typing import Any, get_args

import msgspec
import numpy as np

from trimtab.errors import EventError, StoreCorruptError, StoreVersionError
from trimtab.ledger.chain import ANCHOR
from trimtab.ledger.event import FORMAT_VERSION, Created, Event, Grown, Noted, Opened, Record
from trimtab.text import valid

KINDS: tuple[str, ...] = tuple(str(cls.__struct_config__.tag) for cls in get_args(Event))
"""Every kind of event that this version can read."""

MAX_BYTES = 4 * 2**20
"""Bytes in one event: room for any space and any note, and what it becomes in memory stays below 200 MB."""
MAX_DEPTH = 100
"""Levels of a note, a problem or a provenance: what shows one goes down its levels, and Python's stack is finite."""

_ROWS = frozenset({"x", "given"})
_FREE = frozenset({Created, Opened, Noted, Grown})
"""Events that hold JSON of any shape."""
_NEWER = "it was written by a newer Trimtab; upgrade with: pip install -U trimtab"

_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What decoding raises for bytes that are no event; msgspec goes down at most as far as Python does."""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_record_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def kind_of(event: Event) -> str:
    """Return the kind of an event, as the log spells it."""
    return str(event.__struct_config__.tag)


def encode(event: Event) -> bytes:
    """Return the event as JSON.

    Raises:
        EventError: the event holds what the log cannot: a metric of a finished trial that is not finite, a note that
            is no JSON value, an infinite coordinate, more than `MAX_BYTES`.
    """
    body = _encoded(event)
    if len(body) > MAX_BYTES:
        raise EventError(f"{_refusal(event)}: it has {len(body):,} bytes, and an event has at most {MAX_BYTES:,}.")
    return body


def _encoded(event: Event) -> bytes:
    if type(event) in _FREE and _is_deep(_fields(event)):
        raise EventError(f"{_refusal(event)}: it is nested too deeply, or contains itself.")
    try:
        body = _encoder.encode(event)
        _decoder.decode(body)  # under a microsecond, for the promise that what is written can be read
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.DecodeError):
        return _encode_with_care(event)  # numpy scalars, nan, broken surrogates; or what cannot be written at all
    if b"null" in body:  # msgspec writes nan and infinities as null, silently
        return _encode_with_care(event)
    return body


def decode(body: bytes | str, where: str = "an event") -> Event:
    """Return the event that `encode` wrote.

    Args:
        body: JSON.
        where: names the place in messages, as in "record 7 of study 'resnet'".

    Raises:
        StoreVersionError: the event is of a kind, or the log of a version, that only a newer Trimtab knows.
        StoreCorruptError: the bytes are not an event.
    """
    try:
        event = _decoder.decode(body)
    except _UNREADABLE as error:
        raise _unreadable(_parsed(body), where, error) from None
    _refuse(event, where)
    return event


def decode_lines(lines: bytes | str, n: int, first: int, where: str) -> list[Event]:
    """Return the events of consecutive records at once, which is twice as fast as one by one.

    Args:
        lines: JSON, one event a line; an event never holds a raw line break.
        n: how many events these are.
        first: the sequence number of the first.
        where: names the log in messages, as in "study 'resnet'".

    Raises:
        StoreVersionError, StoreCorruptError: as `decode`; the message names the record.
    """
    try:
        with _uncollected():
            events = _decoder.decode_lines(lines)
    except _UNREADABLE:
        events = []
    if len(events) != n:
        text = lines.decode("utf-8", "replace") if isinstance(lines, bytes) else lines
        events = [decode(body, f"record {seq} of {where}") for seq, body in enumerate(text.split("\n"), first)]
        if len(events) != n:
            raise StoreCorruptError(
                f"records {first} to {first + n - 1} of {where} are damaged: they hold {len(events)} events."
            )
    for seq, event in enumerate(events, first):
        if type(event) in _FREE:
            _refuse(event, f"record {seq} of {where}")
    return events


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Let the collector of cycles rest: JSON has none, and a million small lists are five times as quick to make."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def encode_record(record: Record) -> bytes:
    """Return a record as one line of JSON, {"seq": 1, "at": 0.5, "event": {"kind": ...}, "link": "..."}.

    A record from before there were links has no such key, nor has one whose link is its store's anchor. The line's end
    is left to the caller.
    """
    is_chained = record.link and not record.link.startswith(ANCHOR)
    link = b',"link":%s' % _encoder.encode(record.link) if is_chained else b""
    return b'{"seq":%d,"at":%s,"event":%s%s}' % (record.seq, _encoder.encode(record.at), encode(record.event), link)


def decode_record(line: bytes | str, where: str = "a line of a journal") -> Record:
    """Return the record that `encode_record` wrote.

    Raises:
        StoreVersionError, StoreCorruptError: as `decode`.
    """
    try:
        record = _record_decoder.decode(line)
    except _UNREADABLE as error:
        parsed = _parsed(line)
        raise _unreadable(parsed.get("event") if isinstance(parsed, dict) else None, where, error) from None
    _refuse(record.event, where)
    return record


def _encode_with_care(event: Event) -> bytes:
    """Encode an event that holds a null, a non-finite number or a foreign type, and prove that it can be read back."""
    refusal = _refusal(event)
    try:
        plain = {
            name: _row(value) if name in _ROWS else _plain(value)
            for name, value in msgspec.structs.asdict(event).items()
        }
        body = _encoder.encode(msgspec.convert(plain, type(event)))
        _decoder.decode(body)
        return body
    except msgspec.ValidationError as error:
        raise EventError(f"{refusal}: {_explained(error)}.") from None
    except RecursionError:
        raise EventError(f"{refusal}: it is nested too deeply, or contains itself.") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise EventError(f"{refusal}: {error}.") from None


def is_plain(value: object) -> bool:
    """Return whether a value is JSON of at most `MAX_DEPTH` levels."""
    return not _is_deep([value]) and _is_json(value)


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(inner) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_json, value))
    return value is None or isinstance(value, str | int | float)


def _is_deep(level: list[Any]) -> bool:
    """Return whether values have more than `MAX_DEPTH` levels below them."""
    for _ in range(MAX_DEPTH + 1):
        # Each once: what contains itself twice would double at every level.
        level = list({id(value): value for value in level if isinstance(value, _NESTS) and value}.values())
        if not level:
            return False
        level = [inner for value in level for inner in (value.values() if isinstance(value, dict) else value)]
    return True


_NESTS = (dict, list, tuple)


def _fields(event: Event) -> list[Any]:
    return [getattr(event, name) for name in event.__struct_fields__]


def _refusal(event: Event) -> str:
    number = getattr(event, "number", None)
    of_trial = "" if number is None else f" of trial {number}"
    return f"a {kind_of(event)!r} event{of_trial} cannot be written down"


def _explained(error: msgspec.ValidationError) -> str:
    """Turn "Expected `float`, got `str` - at `$.values[...]`" into words about the number that JSON cannot say."""
    complaint, _, path = str(error).partition(" - at ")
    field = path.strip("`").removeprefix("$.").removesuffix("[...]") or "the event"
    if complaint in ("Expected `float`, got `str`", "Expected `float | null`, got `str`"):
        return f"every number in {field!r} must be finite"
    return f"{field!r}: {complaint[0].lower()}{complaint[1:]}"


def _row(row: Sequence[float | None] | None) -> list[float | None] | None:
    """Spell a row: null where the parameter is inactive."""
    if row is None:
        return None
    values = [None if value is None or value != value else float(value) for value in row]
    if any(value is not None and math.isinf(value) for value in values):
        raise ValueError("a row holds an infinite value")
    return values


def _plain(value: Any) -> Any:
    """Spell any value so that JSON can say it."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, str):
        return valid(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, dict):
        return {_plain(key if isinstance(key, str) else str(key)): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic | np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, msgspec.Struct):
        return {name: _plain(inner) for name, inner in msgspec.structs.asdict(value).items()}
    raise TypeError(f"{type(value).__name__} is not a JSON value; give numbers, strings, lists or dicts")


def _parsed(body: bytes | str) -> Any:
    try:
        return msgspec.json.decode(body)
    except _UNREADABLE:
        return None


def _unreadable(parsed: Any, where: str, error: Exception) -> StoreCorruptError | StoreVersionError:
    """Return the error for an event that cannot be decoded; `parsed` is it as plain JSON, None when not even that."""
    kind = parsed.get("kind") if isinstance(parsed, dict) else None
    if isinstance(kind, str) and kind not in KINDS:
        return StoreVersionError(f"{where} is of the unknown kind {kind!r}: {_NEWER}.")
    return StoreCorruptError(f"{where} is damaged and cannot be read: {error}.")


def _refuse(event: Event, where: str) -> None:
    """Raise what is wrong with an event that a decoder has taken: it is a newer Trimtab's, or nested too deep."""
    if type(event) in _FREE and _is_deep(_fields(event)):
        raise StoreCorruptError(f"{where} is damaged and cannot be read: it is nested more than {MAX_DEPTH} deep.")
    if type(event) is Created and event.version > FORMAT_VERSION:
        raise StoreVersionError(
            f"{where} has log format {event.version}, this Trimtab reads up to {FORMAT_VERSION}: {_NEWER}."
        )
