"""Mutations of trees of plain values: one place of a tree becomes something that nobody expects there."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

HUGE = 10**400


def deep(n: int) -> Any:
    value: Any = 1
    for i in range(n):
        value = [value] if i % 2 else {"not": value}
    return value


EXPRESSIONS = (
    "x < 1",
    "x.a < 1",
    "x" + ".a" * 1200 + " < 1",
    "(" * 300 + "x" + ")" * 300 + " < 1",
    "-" * 3000 + "x < 1",
    "not " * 2000 + "x",
    "9 ** 9 ** 9 ** 9 < x",
    "x" + " ** 9" * 140 + " < 1",
    "9" * 5000 + " < x",
    "0x" + "f" * 5000 + " < x",
    '"a" * 10**9 == x',
    "[x] * 10**9 == x",
    "__import__('trap') < x",
    "(lambda: x)() < 1",
    "x if x else x",
    "x in [" + "1, " * 3000 + "1]",
    "c == d",
    " or ".join(["c == 'a'"] * 900),
    "x < 1 #",
    "f'{x}' == 1",
    "x := 1",
    "x < 1e999",
    "[" * 90 + "x" + "]" * 90,
    "{" * 50,
    "x\x00 < 1",
    "given('x') < 1",
    "min(" + "x, " * 2000 + "x) < 1",
    "x @ x < 1",
    "x is 1",
    "'\\ud800' == x",
    "x" + " + x" * 2400 + " < 1",
    "x" + " < x" * 1000,
    "é < 1",
    "0 < 1",
    "max(abs(log(exp(sqrt(x))))) > 0",
)

TEXTS = (
    "",
    " ",
    "x",
    "nan",
    "inf",
    "-inf",
    "1e5",
    "../../../escaped",
    "/etc/passwd",
    "a/b",
    "\x1b[31mred\x1b[0m",
    "\u202eevil",
    "\x00",
    "a\nb",
    "os:system",
    "trap:fire",
    "trap:Engine",
    "builtins:exec",
    "subprocess:Popen",
    "tests.fuzz.trap:fire",
    "this:s",
    "random",
    "gp",
    "auto",
    "grid",
    "whole",
    "sqlite",
    "²",
    "9" * 5000,
    "y" * 300,
    "z" * 200_000,
    "=cmd|' /C calc'!A0",
    "{lr}",
    "{0.__class__}",
    "%s%n",
    *EXPRESSIONS[:6],
)
NUMBERS = (
    0,
    1,
    -1,
    2,
    7,
    63,
    2**31 - 1,
    2**31,
    -(2**31),
    2**32,
    2**53,
    2**63 - 1,
    2**63,
    2**64 - 1,
    2**64,
    10**30,
    -(10**30),
    HUGE,
    0.5,
    -0.5,
    1e-320,
    1e308,
    -1e308,
    5e-324,
    1e16,
    253402300799,
    1e12,
    0.1,
)
OTHERS = (
    None,
    True,
    False,
    [],
    {},
    [[]],
    [1, 2, 3],
    {"a": 1},
    ["a"] * 2000,
    list(range(3000)),
    {str(i): i for i in range(2000)},
)
DEPTHS = (5, 60, 99, 150, 400, 900, 5000)


def anything(rng: random.Random) -> Any:
    """Return some value."""
    kind = rng.random()
    if kind < 0.35:
        return rng.choice(TEXTS)
    if kind < 0.7:
        return rng.choice(NUMBERS)
    if kind < 0.92:
        return copy.deepcopy(rng.choice(OTHERS))
    return rng.choice(EXPRESSIONS) if kind < 0.97 else deep(rng.choice(DEPTHS))


def as_json(value: Any, *, ascii_only: bool = True) -> str:
    """Return a value as JSON; what Python's encoder does not go down to, or write, as brackets that never close."""
    try:
        return json.dumps(value, ensure_ascii=ascii_only)
    except (RecursionError, ValueError):
        return "[" * 5000


def mutated(tree: Any, rng: random.Random) -> Any:
    """Return a copy of a tree that differs in one to three places."""
    changed = copy.deepcopy(tree)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        changed = _once(changed, rng)
    return changed


def _once(tree: Any, rng: random.Random) -> Any:
    places = list(_places(tree))
    if not places:
        return anything(rng)
    holder, key = rng.choice(places)
    way = rng.random()
    if way < 0.6:
        holder[key] = anything(rng)
    elif way < 0.7:
        del holder[key]
    elif way < 0.8 and isinstance(holder, dict):
        holder[rng.choice(TEXTS)] = anything(rng)
    elif way < 0.9 and isinstance(holder, list):
        holder.extend(holder * rng.choice((1, 3, 30)))
    else:
        holder[key] = [holder[key]] if rng.random() < 0.5 else {"a": holder[key]}
    return tree


def _places(tree: Any, depth: int = 0) -> Any:
    """Yield (container, key) of every value in a tree, as far as trees of ours go down."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    if depth > 12:
        return
    for key, value in list(items)[:200]:
        yield tree, key
        yield from _places(value, depth + 1)
