from __future__ import annotations

import math
from typing import Any

import pytest

from trimtab.surfaces.cli.document import Tree
from trimtab.surfaces.cli.shapes import (
    BAD,
    Either,
    Faults,
    Flag,
    Key,
    ListOf,
    MapOf,
    Number,
    OneOf,
    Record,
    Scalar,
    Tagged,
    Text,
    Together,
)  # fmt: skip


def tree(value: Any) -> Tree:
    if isinstance(value, dict):
        return Tree({key: tree(inner) for key, inner in value.items()}, 1)
    return Tree([tree(inner) for inner in value] if isinstance(value, list) else value, 1)


def read(shape, value):
    faults = Faults()
    return shape.read(tree(value), "", faults), [f"{fault.path}: {fault.problem}" for fault in faults.found]


FLOAT = Record((Key("low", Number(), "the lower end", required=True), Key("log", Flag(), "the scale")), "a range")
BUDGET = Record(
    (Key("trials", Number(above=0, whole=True), "trials"), Key("hours", Number(above=0), "hours")),
    "a budget",
    (Together(("trials", "hours"), needed=True),),
)
TAGGED = Tagged({"float": Record((Key("float", Number(), "f"),), "a float"), "int": FLOAT}, "a parameter")


@pytest.mark.parametrize(
    ("shape", "value", "plain"),
    [
        (Number(), 3, 3),
        (Number(whole=True), 3.0, 3),
        (Text(), "no", "no"),
        (OneOf(("minimize", "maximize")), "minimize", "minimize"),
        (Flag(), False, False),
        (Scalar(), None, None),
        (ListOf(Number(), "numbers"), [1, 2.5], [1, 2.5]),
        (MapOf(Flag(), "switches"), {"学习": True}, {"学习": True}),
        (FLOAT, {"low": 0}, {"low": 0}),
        (BUDGET, {"hours": 0.5}, {"hours": 0.5}),
        (Either((Number(), Text())), "a", "a"),
        (TAGGED, {"float": 1}, {"float": 1}),
    ],
)
def test_what_fits_is_taken(shape, value, plain):
    found, faults = read(shape, value)
    assert faults == []
    assert found == plain
    assert type(found) is type(plain)


@pytest.mark.parametrize(
    ("shape", "value", "fault"),
    [
        (Number(above=0), 0, ": expected a number above 0, got the number 0"),
        (Number(), True, ": expected a number, got true"),
        (Number(), "3", "; remove the quotes"),
        (Number(), math.nan, ": expected a number, got the number nan"),
        (Number(whole=True), 3.5, "expected a whole number"),
        (Number(least=1), 10**400 * -1, "expected a number, 1 or more"),
        (Text(), 3, "; put quotes around it"),
        (Text(), "", "expected text"),
        (Text(pattern="^a+$"), "ab", "expected text"),
        (OneOf(("minimize", "maximize")), "minimise", "(did you mean 'minimize'?)"),
        (Flag(), "yes", ": expected true or false, got the text 'yes'"),
        (Scalar(), [1], "got a list"),
        (ListOf(Number(), "numbers"), [1, "x"], "[1]: expected a number"),
        (ListOf(Number(), "a pair", 2, 2), [1], "expected a pair, got a list of 1"),
        (MapOf(Flag(), "switches"), {}, "without entries"),
        (MapOf(Flag(), "switches"), {"": True}, "a name is text that is not empty"),
        (FLOAT, {"log": True}, "low: is missing: a number"),
        (FLOAT, {"low": 0, "logg": True}, "logg: there is no such key (did you mean 'log'?)"),
        (FLOAT, {"low": 0, "\x1b": 1}, "\\x1b: there is no such key; there are: low, log"),
        (BUDGET, {}, "one of trials, hours is missing"),
        (BUDGET, {"trials": 1, "hours": 1}, "hours: goes not together with 'trials'"),
        (Either((Number(), Flag())), "3", "; remove the quotes"),
        (TAGGED, {"floot": 1}, "got the keys 'floot' (did you mean 'float'?)"),
        (TAGGED, {"float": 1, "int": 1}, "int: goes not together with 'float'"),
    ],
)
def test_what_does_not_fit_is_bad_and_told(shape, value, fault):
    found, faults = read(shape, value)
    assert found is BAD
    assert len(faults) == 1
    assert fault in faults[0]


def test_all_faults_are_told_at_once():
    _, faults = read(MapOf(FLOAT, "parameters"), {"a": {"low": "x"}, "b": {}, "c": {"low": 0, "log": 1}})
    assert [fault.partition(":")[0] for fault in faults] == ["a.low", "b.low", "c.log"]
