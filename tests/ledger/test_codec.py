"""The wire form: what is written can be read, by us and by anybody, now and in later versions."""

import json
import math
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.errors import EventError, StoreCorruptError, StoreVersionError
from trimtab.ledger import codec
from trimtab.ledger.event import (
    FORMAT_VERSION,
    Asked,
    Assessed,
    Created,
    Event,
    Failed,
    Noted,
    Origin,
    Record,
    Reported,
    Started,
    Told,
)
from trimtab.testing.journals import sample_events

GOLDEN = Path(__file__).parents[1] / "golden"

finite = st.floats(allow_nan=False, allow_infinity=False)
text = st.text(st.characters(exclude_categories=["Cs"]))
rows = st.lists(st.none() | finite, max_size=12).map(tuple)
values = st.dictionaries(text, finite, max_size=5)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | finite | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
numbers, heads = st.integers(0, 2**31 - 1), st.integers(0, 2**53)
leases = st.none() | st.floats(0, allow_infinity=False)
events = st.one_of(
    st.builds(
        Asked, numbers, rows, heads, st.builds(Origin, text, text), given=st.none() | rows, parent=st.none() | numbers
    ),
    st.builds(Started, numbers, text, st.integers(1, 99), leases),
    st.builds(Told, numbers, values, seconds=st.none() | finite, cost=st.none() | finite),
    st.builds(Failed, numbers, text, text, again=st.booleans()),
    st.builds(Noted, text, json_values, st.none() | numbers),
    st.builds(
        Created,
        st.just(FORMAT_VERSION),
        text,
        st.dictionaries(text, json_values, max_size=3),
        st.integers(0, 2**64 - 1),
        st.just({}),
        st.just({}),
    ),
)


@given(events)
def test_what_is_written_is_read_back(event: Event) -> None:
    assert codec.decode(codec.encode(event)) == event


@given(st.lists(events, min_size=1, max_size=6), st.integers(1, 3))
def test_many_are_read_as_one_by_one(some: list[Event], first: int) -> None:
    bodies = [codec.encode(event) for event in some]
    assert codec.decode_lines(b"\n".join(bodies), len(some), first, "here") == some
    assert codec.decode_lines("\n".join(body.decode() for body in bodies), len(some), first, "here") == some


def test_a_report_of_no_fold_is_written_as_before_there_were_folds() -> None:
    body = codec.encode(Reported(0, 1.0, {"loss": 0.5}))
    assert body == b'{"kind":"reported","number":0,"step":1.0,"values":{"loss":0.5}}'
    assert codec.decode(body) == Reported(0, 1.0, {"loss": 0.5}, 1, None)
    assert b'"fold":0' in codec.encode(Reported(0, 1.0, {"loss": 0.5}, fold=0))


@pytest.mark.parametrize("fold", ["-1", "1.5", '"1"', "true", "2147483648"])
def test_a_fold_that_is_none_is_no_report(fold: str) -> None:
    with pytest.raises(StoreCorruptError, match="fold"):
        codec.decode(f'{{"kind":"reported","number":0,"step":1.0,"values":{{}},"fold":{fold}}}')


@given(st.dictionaries(text, st.floats(), max_size=5))
def test_any_report_can_be_written(reported: dict[str, float]) -> None:
    event = codec.decode(codec.encode(Reported(0, 1.0, dict(reported))))
    assert isinstance(event, Reported)
    for name, value in reported.items():
        read = float(event.values[name])
        assert read == value or (math.isnan(read) and math.isnan(value))


@given(events)
def test_the_standard_library_reads_the_same(event: Event) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    parsed = json.loads(codec.encode(event), parse_constant=refuse)
    assert parsed.pop("kind") == codec.kind_of(event)
    for name, value in parsed.items():
        there = getattr(event, name)
        if isinstance(there, tuple):
            assert tuple(value) == there
        elif isinstance(there, Origin):
            assert (value["by"], value.get("why", "")) == (there.by, there.why)
        else:
            assert value == there


def test_a_row_says_null_where_a_parameter_is_inactive() -> None:
    body = codec.encode(Asked(3, (0.5, math.nan), 7, Origin("user"), given=(math.nan, 1.0)))
    assert json.loads(body) == {
        "kind": "asked",
        "number": 3,
        "x": [0.5, None],
        "head": 7,
        "origin": {"by": "user"},
        "given": [None, 1.0],
    }


def test_numbers_of_numpy_are_numbers() -> None:
    event = Told(np.int64(2), {"a": np.float64(0.1), "b": np.float32(0.5), "c": np.int32(3)})  # type: ignore[arg-type, dict-item]
    assert codec.decode(codec.encode(event)) == Told(2, {"a": 0.1, "b": 0.5, "c": 3.0})
    note = codec.decode(codec.encode(Noted("grid", {"axis": np.arange(3), 1: (math.inf, np.bool_(True))})))
    assert note == Noted("grid", {"axis": [0, 1, 2], "1": ["inf", True]})


def test_free_values_spell_what_json_cannot() -> None:
    created = Created(1, "a", {"high": math.inf, "none": None}, 0, {}, {})
    assert codec.decode(codec.encode(created)) == Created(1, "a", {"high": "inf", "none": None}, 0, {}, {})


def loop() -> list[object]:
    inner: list[object] = []
    inner.append(inner)
    return inner


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (Told(3, {"loss": math.nan}), r"'told' event of trial 3 .*number in 'values' must be finite"),
        (Told(3, {"loss": math.inf}), r"'values' must be finite"),
        (Told(3, {"loss": 1.0}, seconds=math.nan), r"'seconds' must be finite"),
        (Told(3, {"loss": "low"}), r"'values'"),
        (Reported(0, math.nan, {}), r"'step' must be finite"),
        (Asked(0, (math.inf,), 0, Origin("user")), r"infinite"),
        (Asked(0, ("a",), 0, Origin("user")), r"could not convert"),
        (Assessed(stop=False, reason="", gain_interval=(0.0, math.inf)), r"gain_interval"),
        (Noted("k", 1j), r"'noted' event cannot .*complex is not a JSON value"),
        (Noted("k", object()), r"object is not a JSON value"),
        (Noted("k", loop()), r"contains itself"),
    ],
)
def test_what_could_not_be_read_is_not_written(event: Event, message: str) -> None:
    with pytest.raises(EventError, match=message):
        codec.encode(event)


def test_bytes_that_were_not_utf8_do_not_lose_the_message() -> None:
    failed = codec.decode(codec.encode(Failed(0, "exception", "caf\udce9 is closed")))
    assert failed == Failed(0, "exception", "caf\\udce9 is closed")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"kind":"told"}',
        b'{"kind":"told","number":"x","values":{}}',
        b'{"number":1}',
    ],
)
def test_damage_is_named(body: bytes) -> None:
    with pytest.raises(StoreCorruptError, match=r"record 7 of study 'x' is damaged"):
        codec.decode(body, "record 7 of study 'x'")
    with pytest.raises(StoreCorruptError, match="record 11 of study 'x' is damaged"):
        codec.decode_lines(b"\n".join([codec.encode(Noted("a", 1)), body]), 2, 10, "study 'x'")
    with pytest.raises(StoreCorruptError, match="line 3 is damaged"):
        codec.decode_record(b'{"seq":1,"at":1.0,"event":' + body + b"}", "line 3")


def test_two_events_in_the_place_of_one_are_damage() -> None:
    note = codec.encode(Noted("a", 1))
    with pytest.raises(StoreCorruptError, match=r"records 5 to 6 .* hold 3 events"):
        codec.decode_lines(b"\n".join([note, note, note]), 2, 5, "study 'x'")


def test_what_a_newer_version_wrote_is_recognised() -> None:
    body = b'{"kind":"teleported","number":1}'
    newer = codec.encode(Created(FORMAT_VERSION + 1, "a", {}, 0, {}, {}))
    for bad in (body, newer):
        with pytest.raises(StoreVersionError, match="newer Trimtab; upgrade"):
            codec.decode(bad)
        with pytest.raises(StoreVersionError, match=r"record 1 of study 'x'.*newer Trimtab"):
            codec.decode_lines(bad, 1, 1, "study 'x'")
        with pytest.raises(StoreVersionError, match="newer Trimtab"):
            codec.decode_record(b'{"seq":1,"at":1.0,"event":' + bad + b"}")


def test_fields_of_a_newer_version_are_passed_over() -> None:
    assert codec.decode(b'{"kind":"told","number":1,"values":{"a":1},"mood":"fine"}') == Told(1, {"a": 1.0})


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("journal-v*.jsonl")), ids=lambda path: path.stem)
def test_journals_of_every_version_read_for_ever(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    records = [codec.decode_record(line) for line in lines]
    assert [record.seq for record in records] == list(range(1, len(lines) + 1))
    assert type(records[0].event) is Created
    for line, record in zip(lines, records, strict=True):
        written = json.loads(codec.encode_record(record))
        assert written == json.loads(line)  # a field that went missing or changed its meaning would show


def test_the_golden_journals_hold_every_kind() -> None:
    kinds = {
        json.loads(line)["event"]["kind"]
        for path in GOLDEN.glob("journal-v*.jsonl")
        for line in path.read_text("utf-8").splitlines()
    }
    assert kinds == set(codec.KINDS)
    assert len(codec.KINDS) == len(get_args(Event))
    assert {codec.kind_of(event) for event in sample_events()} == kinds
    assert (GOLDEN / f"journal-v{FORMAT_VERSION}.jsonl").exists()


def test_a_record_is_one_line() -> None:
    record = Record(3, 1700000000.1234567, Noted("a\nb", "c\n"))
    line = codec.encode_record(record)
    assert b"\n" not in line
    assert codec.decode_record(line) == record
