"""Study files of both kinds, and mutations of them: of text, of bytes, of what they say."""

from __future__ import annotations

import random
from typing import Any

import trees

from trimtab.surfaces.cli.document import read_yaml

STUDY = """
name: fuzzed
command: [python, train.py, "--lr={lr}"]
objectives: [{minimize: loss, target: 0.1, error: loss_se}, {maximize: speed}]
constraints: {latency: {at_most: 30}}
fidelity: {name: epoch, low: 1, high: 81, log: true}
budget: {trials: 10, hours: 1e-1}
resources: {memory: 2 GiB, limit_s: 30, gpus: 0.5}
space:
  base: &base {float: [0, 1], default: 0.5}
  again: {<<: *base, default: 0.25}
  lr: {float: [1e-5, 1e-1], log: true, default: 1e-3, priority: 1, prior: 0.2}
  width: {int: [16, 64], step: 16}
  optimizer: {categorical: [adam, sgd, null], default: adam}
  momentum: {float: [0, 0.99], when: {optimizer: sgd, width: {at_least: 32}}}
  either: {float: [0, 1], when: [{optimizer: sgd}, {width: {is_not: 48}}]}
require: ["lr * width <= 128"]
fixed: {width: 32}
enqueue: [{lr: 0.01}]
workers: 3
optimizer: random
scheduler: whole
seed: 7
"""
TOML = """
name = "fuzzed"
function = "trap:fire"
minimize = "loss"
budget = 10
require = ["lr * width <= 128"]
seed = 7
optimizer = "sobol"

[space]
lr = {float = [1e-5, 1e-1], log = true}
width.int = [16, 64]
width.step = 16

[space.optimizer]
categorical = ["adam", "sgd"]

[[enqueue]]
lr = 0.01
[[enqueue]]
lr = 0.02
"""
TOKENS = (
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    "\n",
    "  ",
    "\t",
    "- ",
    "? ",
    "&a ",
    "*a",
    "<<: *a",
    "!!python/object:os.system ",
    "!",
    "|",
    ">",
    "'",
    '"',
    '"""',
    "'''",
    "#",
    "%",
    "@",
    "`",
    "=",
    ".",
    "a.a.a",
    "[[a]]",
    "[a]",
    "---",
    "...",
    "\x00",
    "\x85",
    "\u2028",
    "é",
    "1979-05-27",
    "0x",
    "1e",
    "9" * 5000,
    "&a [*a, *a]",
    "[" * 400,
    "{a: " * 400,
    "- " * 400,
    "a." * 400,
    " " * 3000,
    "!!int ",
    "!!binary ",
    "~",
    "function: trap:fire",
    "optimizer: 'os:getcwd'",
)


def mutant(rng: random.Random) -> tuple[str, bytes]:
    """Return the name and the content of a study file that was changed."""
    text, ending = (STUDY, ".yaml") if rng.random() < 0.65 else (TOML, ".toml")
    if ending == ".yaml" and rng.random() < 0.6:
        tree = trees.mutated(_plain(), rng)
        return f"study{ending}", trees.as_json(tree, ascii_only=False).encode("utf-8", "surrogatepass")
    for _ in range(rng.choice((1, 1, 2, 4))):
        text = _changed(text, rng)
    content = text.encode("utf-8", "surrogatepass")
    if rng.random() < 0.15 and content:
        changed = bytearray(content)
        for _ in range(rng.choice((1, 10))):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        content = bytes(changed)
    return f"study{ending}", content


def _plain() -> Any:
    return read_yaml(STUDY, "study.yaml").plain()


def _changed(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) + 1)
    to = min(len(text), at + rng.choice((1, 3, 20, 200)))
    way = rng.random()
    if way < 0.45:
        return text[:at] + rng.choice(TOKENS) + text[at:]
    if way < 0.6:
        return text[:at] + text[to:]
    if way < 0.75:
        return text[:at] + text[at:to] * rng.choice((2, 50, 2000)) + text[to:]
    lines = text.split("\n")
    if way < 0.9:
        i, j = (rng.randrange(len(lines)) for _ in range(2))
        lines[i], lines[j] = lines[j], lines[i]
    else:
        lines.insert(rng.randrange(len(lines)), lines[rng.randrange(len(lines))])
    return "\n".join(lines)
