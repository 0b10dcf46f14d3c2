"""Logs that nobody of ours wrote: one sentence about the record, whatever it says."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import EventError, StoreCorruptError, StoreError
from trimtab.ledger import codec, snapshot
from trimtab.ledger.curves import MOST_UNDECLARED
from trimtab.ledger.event import Assessed, Created, Grown, Noted, Opened, Record
from trimtab.ledger.ledger import MAX_GROWN, Ledger
from trimtab.optim.random import Random
from trimtab.study import values
from trimtab.testing.simulation import PROBLEMS, Simulation, rough_history


def log() -> list[dict[str, Any]]:
    run = Simulation(PROBLEMS["conditions and constraints"], Random(), seed=5)
    rough_history(run, 12, seed=1)
    events = [json.loads(codec.encode(record.event)) for record in run.records]
    began = next(i for i, event in enumerate(events) if event["kind"] == "started")
    number = events[began]["number"]
    told = {"kind": "reported", "number": number, "step": 1, "values": {"loss": 0.5}}
    noted = {"kind": "noted", "key": "k", "value": 1, "number": number}
    return [*events[: began + 1], told, noted, *events[began + 1 :]]


LOG = log()


def fold(events: list[dict[str, Any]]) -> Ledger:
    lines = "\n".join(json.dumps(event) for event in events)
    ledger = None
    for seq, event in enumerate(codec.decode_lines(lines, len(events), 1, "a log"), 1):
        record = Record(seq, float(seq), event)
        if ledger is None:
            ledger = Ledger.begin(record)
        else:
            ledger.apply(record)
    assert ledger is not None
    return ledger


def first(kind: str) -> int:
    return next(i for i, event in enumerate(LOG) if event["kind"] == kind)


def deep(n: int) -> Any:
    value: Any = 1
    for _ in range(n):
        value = [value]
    return value


FIELDS: list[tuple[str, dict[str, Any]]] = [
    *(("created", {"seed": seed}) for seed in (-1, 2**64, 1.5, "1")),
    *(("created", {"name": name}) for name in ("", "a\nb", "\x1b[2J", "n" * 201, 3)),
    *(("created", {"id": ident}) for ident in ("../..", "/", "a b", "é", "i" * 65, None)),
    *(("created", {"optimizer": made}) for made in ({}, {"name": 3}, [], None, {"name": None})),
    *(("created", {"version": version}) for version in (0, -1, 99, 2**40, "1")),
    *(("created", {"problem": problem}) for problem in ({}, {"space": 1, "metrics": []}, {"space": {}, "metrics": {}})),
    *(("created", {"provenance": provenance}) for provenance in ([], 3, deep(200))),
    *(("asked", {"number": number}) for number in (-1, 5, 2**31, 2**70, 0.0, "0", None)),
    *(("asked", {"x": x}) for x in ([], [1e300] * 9, ["a"], None, [0.5] * 200, {})),
    *(("asked", {"given": given}) for given in ([], [1e300] * 9, [None])),
    *(("asked", {"fidelity": fidelity}) for fidelity in ([1.0], [1, 2, 3], "x", [None])),
    *(("asked", {"parent": parent}) for parent in (-1, 0, 99, 2**40, "0")),
    *(("asked", {"head": head}) for head in (-1, 10**6, 2**60, 0.5)),
    *(("asked", {"origin": origin}) for origin in (None, "x", {}, {"by": 3})),
    *(("started", {"attempt": attempt}) for attempt in (-1, 2**31, 2**70, 1.5)),
    *(("started", {"lease_s": lease}) for lease in (-1, "x", [])),
    *(("started", {"number": number}) for number in (-1, 10**6, 2**70)),
    *(
        ("reported", {"values": reported})
        for reported in ({"loss": "x"}, {"loss": None}, {"loss": [1]}, [], {"loss": "NaN"})
    ),
    *(("reported", {"step": step}) for step in ("x", None, [])),
    *(("told", {"values": told}) for told in ({"loss": "nan"}, {"loss": None}, [], {"loss": True})),
    *(("failed", {"failure": failure}) for failure in ("unheard of", 3, "")),
    *(("noted", {"number": number}) for number in (-1, 10**6)),
    *(("noted", {"value": value}) for value in (deep(150), deep(900))),
]


@pytest.mark.parametrize(("kind", "changed"), FIELDS)
def test_a_field_that_cannot_be_is_told_with_its_record(kind: str, changed: dict[str, Any]) -> None:
    i = first(kind)
    if kind == "asked" and "parent" not in changed:
        i = max(j for j, event in enumerate(LOG) if event["kind"] == "asked")
    with pytest.raises(StoreError, match=rf"record {i + 1} |the log names no"):
        fold([*LOG[:i], LOG[i] | changed, *LOG[i + 1 :]])


@pytest.mark.parametrize(
    "event",
    [
        {"kind": "grown", "name": "x", "parameter": {"type": "Float", "low": 1, "high": 0}},
        {"kind": "grown", "name": "", "parameter": {"type": "Float", "low": 0, "high": 1}},
        {"kind": "grown", "name": "x", "parameter": []},
        {"kind": "grown", "name": LOG[0]["problem"]["space"]["parameters"][0]["name"], "parameter": {"type": "Int"}},
        {"kind": "opened", "optimizer": {"options": 1}},
        {"kind": "created", **LOG[0]},
    ],
)
def test_an_event_that_cannot_follow(event: dict[str, Any]) -> None:
    with pytest.raises(StoreCorruptError):
        fold([*LOG, event])


def parameters(n: int, **more: Any) -> list[dict[str, Any]]:
    return [{"name": f"p{i}", "type": "Float", "low": 0, "high": 1, **more} for i in range(n)]


def nested(n: int) -> dict[str, Any]:
    condition: dict[str, Any] = {"given": "p0", "is": ">", "value": 0.5}
    for _ in range(n):
        condition = {"not": condition}
    return condition


MANY = [str(i) for i in range(50_000)]
PAIR = [{"name": name, "type": "Categorical", "choices": MANY} for name in "ab"]
SPACES: dict[str, dict[str, Any]] = {
    "too many parameters": {"parameters": parameters(300_000)},
    "too many choices": {"parameters": [{"name": "a", "type": "Ordinal", "choices": list(range(300_000))}]},
    "too many pairs": {"parameters": PAIR, "require": ["a == b"]},
    "too many comparisons": {"parameters": PAIR, "require": [" or ".join(f"a == '{i}'" for i in range(600))]},
    "too much text": {"parameters": parameters(1), "require": ["p0 + 1 < 2 and p0 < 1" * 1] * 20_000},
    "a condition too deep": {
        "parameters": [*parameters(1), *({**p, "name": "q", "when": nested(60)} for p in parameters(1))]
    },
    "too many codes": {"parameters": [PAIR[0], *parameters(1500, when={"given": "a", "is": "!=", "value": "1"})]},
    "a tower": {"parameters": parameters(1), "require": ["p0" + " ** 9" * 900 + " < 1"]},
    "dots": {"parameters": parameters(1), "require": ["p0" + ".a" * 4000 + " < 1"]},
    "a list as a comparison": {
        "parameters": [*parameters(1), *parameters(1, when={"given": "p0", "is": [], "value": 1})]
    },
}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.timeout(30)
def test_a_problem_without_measure_is_refused(space: dict[str, Any]) -> None:
    created = LOG[0] | {"problem": {"space": space, "metrics": [{"name": "m", "goal": "minimize"}]}}
    with pytest.raises(StoreCorruptError, match=r"record 1 \(created\) holds no problem that can be read: .{20}"):
        fold([created])


def test_so_are_metrics_without_number() -> None:
    for n in (101, 200_000):
        metrics = [{"name": f"m{i}", "goal": "minimize"} for i in range(n)]
        created = LOG[0] | {"problem": {"space": {"parameters": parameters(1)}, "metrics": metrics}}
        with pytest.raises(StoreCorruptError, match="at most 100 metrics"):
            fold([created])


def test_a_study_grows_within_measure() -> None:
    created = LOG[0] | {
        "problem": {"space": {"parameters": parameters(1)}, "metrics": [{"name": "m", "goal": "minimize"}]}
    }
    grown = [
        {"kind": "grown", "name": f"g{i}", "parameter": {"type": "Float", "low": 0, "high": 1}} for i in range(400)
    ]
    with pytest.raises(StoreCorruptError, match=r"record 3\d\d \(grown\) is one parameter too many"):
        fold([created, *grown])
    ledger = fold([created, *grown[:300]])
    assert len(ledger.table.space) == 301
    assert ledger.may_grow()
    ledger._grown_work = MAX_GROWN
    assert not ledger.may_grow()


# What cannot be read cannot be written either


@pytest.mark.parametrize(
    "event",
    [
        Noted("k", deep(150)),
        Noted("k", 10**5000),
        Noted("k", "x" * 2**22),
        Noted("k", None, -1),
        Opened({"a": deep(150)}),
    ],
)
def test_what_could_not_be_read_is_not_written(event: Any) -> None:
    with pytest.raises(EventError):
        codec.encode(event)


def test_what_contains_itself_twice_is_found_out_soon() -> None:
    value: list[Any] = []
    value += [value, value]
    with pytest.raises(EventError, match="nested too deeply"):
        codec.encode(Noted("k", value))


def test_notes_are_kept_in_measure(tmp_path: Any) -> None:
    with tt.create_study(tt.Space(x=tt.Float(0, 1)), minimize="loss", store=str(tmp_path / "s.db"), name="s") as study:
        study.note("digits", 10**30)
        study.note("more", 10**6000)
        study.note("long", ["x" * 1000] * 5000)
        study.tell(study.ask(), {"loss": 1.0, "picture": "x" * 3_000_000})
        study.tell(study.ask(), failed="exception", error="e" * 1_000_000)
    with tt.load_study(str(tmp_path / "s.db"), "s") as study:
        assert study.table.notes["digits"] == str(10**30)
        assert study.table.notes["more"].startswith("0x")
        assert study.table.notes["long"].startswith("(left out: 5,")
        assert study.table.trial(0).notes["picture"].startswith("(left out: 3,000,000 characters")
        assert len(study.table.trial(1).error) < 2 * values.MAX_ERROR


# Snapshots


def packed() -> tuple[Ledger, dict[str, Any]]:
    run = Simulation(PROBLEMS["fidelity"], Random(), seed=2)
    rough_history(run, 12, seed=1)
    [number] = run.ask()
    run.start(number)
    for step in (1, 2):
        run.report(number, step, loss=0.5, grad=0.25)
    run.add(Noted("k", 1))
    run.add(Assessed(stop=True, reason="enough"))
    blob = snapshot.save(run.ledger)
    return run.ledger, msgspec.msgpack.decode(blob[snapshot._CHECKSUM_BYTES :])


def sealed(tree: dict[str, Any]) -> bytes:
    body = msgspec.msgpack.encode(tree)
    return snapshot._checksum(body) + body


def array(tree: dict[str, Any], name: str, values: Any, kind: str = "columns") -> None:
    dtype = tree[kind][name][0]
    data = np.asarray(values, dtype=dtype)
    tree[kind][name] = [dtype, list(data.shape), data.tobytes()]


N = len(packed()[0].table)
R, E = len(packed()[0].table.curves), len(packed()[0].table.curves.undeclared.report)
CHANGES: dict[str, Any] = {
    "an object": lambda tree: tree["columns"].update(x=["O", [N, 1], b"\0" * 8 * N]),
    "another type": lambda tree: tree["columns"].update(state=["<f8", [N], b"\0" * 8 * N]),
    "a huge shape": lambda tree: tree["columns"].update(x=["<f8", [2**40, 0], b""]),
    "a negative shape": lambda tree: tree["columns"].update(state=["|i1", [-1], b"\0" * N]),
    "fewer rows": lambda tree: array(tree, "cost", [0.0] * (N - 1)),
    "no column": lambda tree: tree["columns"].pop("y"),
    "a state": lambda tree: array(tree, "state", [9] * N),
    "a negative state": lambda tree: array(tree, "state", [-1] * N),
    "a failure": lambda tree: array(tree, "failure", [50] * N),
    "an origin": lambda tree: array(tree, "origin", [10**6] * N),
    "a worker": lambda tree: array(tree, "worker", [-5] * N),
    "a circle of parents": lambda tree: array(tree, "parent", [(i + 1) % N for i in range(N)]),
    "an attempt": lambda tree: array(tree, "attempt", [-1] * N),
    "a row outside of the space": lambda tree: array(tree, "x", np.full((N, tree["columns"]["x"][1][1]), 1e300)),
    "an order of nothing": lambda tree: array(tree, "order", [10**6]),
    "a curve of nobody": lambda tree: array(tree, "row", [-1] * R, "curves"),
    "a curve of a trial that is none": lambda tree: array(tree, "row", [N] * R, "curves"),
    "a fold below the first": lambda tree: array(tree, "fold", [-2] * R, "curves"),
    "a step that is none": lambda tree: array(tree, "step", [np.nan] * R, "curves"),
    "an attempt below the first": lambda tree: array(tree, "attempt", [-1] * R, "curves"),
    "reports that are out of order": lambda tree: array(tree, "seq", range(R + 1, 1, -1), "curves"),
    "reports of one record": lambda tree: array(tree, "seq", [2] * R, "curves"),
    "reports that are to come": lambda tree: array(tree, "seq", range(10**6, 10**6 + R), "curves"),
    "fewer reports in one column": lambda tree: array(tree, "step", [1.0] * (R - 1), "curves"),
    "values of no report": lambda tree: array(tree, "report", [R] * E, "undeclared"),
    "values that are out of order": lambda tree: array(tree, "report", range(E)[::-1], "undeclared"),
    "values of no metric": lambda tree: array(tree, "name", [1] * E, "undeclared"),
    "fewer values than their names": lambda tree: array(tree, "value", [0.0] * (E - 1), "undeclared"),
    "a metric that is named twice": lambda tree: tree.update(undeclared_names=["grad", "grad"]),
    "more metrics than are kept": lambda tree: tree.update(
        undeclared_names=["grad", *map(str, range(MOST_UNDECLARED))]
    ),
    "verdicts that are out of order": lambda tree: tree.update(verdicts=[*tree["verdicts"], *tree["verdicts"]]),
    "a note that is to come": lambda tree: tree["scalars"].update(noted_at={"k": 10**6}),
    "a waiting trial that is none": lambda tree: tree.update(waiting=[10**6]),
    "notes of nobody": lambda tree: tree["dicts"].update(notes=[[10**6, {}]]),
    "a note too deep": lambda tree: tree["dicts"].update(notes=[[0, {"k": deep(150)}]]),
    "a note that is no JSON": lambda tree: tree["scalars"].update(study_notes={"k": b"bytes"}),
    "a note without its record": lambda tree: tree["scalars"].update(noted_at={}),
    "a time that is none": lambda tree: tree["scalars"].update(last_at=float("nan")),
    "an engine without a name": lambda tree: tree.update(optimizer={}),
    "a problem of another kind": lambda tree: tree.update(problem=3),
    "a head that is none": lambda tree: tree.update(head=-1),
}


def test_a_snapshot_that_fits_is_used() -> None:
    ledger, tree = packed()
    restored = snapshot.load(sealed(tree))
    assert restored is not None
    assert restored.head == ledger.head


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_snapshot_whose_parts_do_not_fit_is_not(change: Any) -> None:
    _, tree = packed()
    change(tree)
    assert snapshot.load(sealed(tree)) is None


def test_a_created_event_with_every_field_in_its_place_is_read() -> None:
    event = codec.decode(json.dumps(LOG[0]))
    assert isinstance(event, Created)
    assert not isinstance(event, Grown)
