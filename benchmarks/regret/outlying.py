"""Tasks of which some results are off by orders of magnitude, whatever is tried: bad luck, or a metric misread.

What is off is so by 100 to 1,000 times what lies between the best and the median, upward, downward, or either; or, as
"times", its own distance from the best is 100 to 1,000 times as large. The truth is that of the task without it.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import coco
import numpy as np
import surrogates
import tabular
from task import Outcome, Params, Task

SCALES = Path(__file__).with_name("scales.json")

BASES = (
    *("bbob/f8-d5", "bbob/f14-d5", "bbob/f21-d5", "bbob/f17-d10", "mixint/f9-d5", "mixint/f2-d5"),
    *("hpobench/car", "hpobench/segment", "lcbench/3945", "lcbench/126025", "hpolib/naval_propulsion", "mixint/f22-d5"),
)
"""Tasks of the half for choosing and of the half for the report in turns."""

KINDS = (("up", 20), ("down", 20), ("both", 20), ("both", 10), ("both", 5), ("times", 20))
"""Where to, and in how many trials of a hundred."""

SIGNS = {"up": (1.0,), "down": (-1.0,), "both": (-1.0, 1.0)}

_MODULES: dict[str, ModuleType] = {"bbob": coco, "mixint": coco, "lcbench": surrogates}


def _detail(base: str, kind: str, percent: int) -> str:
    return f"{base.replace('/', '-', 1)}-{kind}{percent}"


_NAMED = {f"off/{_detail(base, *of)}": (base, *of) for of in KINDS for base in BASES}
NAMES = tuple(_NAMED)


def _scale(base: str) -> dict[str, float]:
    found: dict[str, float] = json.loads(SCALES.read_text(encoding="utf-8"))[base]
    return found


def scale(name: str) -> dict[str, float]:
    """Return best and median, which are those of the task without what is off."""
    return _scale(_NAMED[name][0])


def make(name: str) -> Task:
    base, kind, percent = _NAMED[name]
    of: Any = _MODULES.get(base.split("/")[0], tabular).make(base)
    best, median = (_scale(base)[key] for key in ("best", "median"))

    def evaluate(params: Params, seed: int) -> Outcome:
        found: Outcome = of.evaluate(params, seed)
        rng = np.random.default_rng([seed, 1])
        if rng.random() >= percent / 100:
            return found
        size = float(10.0 ** rng.uniform(2.0, 3.0))
        if kind == "times":
            off = best + size * (found.loss - best)
        else:
            off = found.loss + size * (median - best) * float(rng.choice(SIGNS[kind]))
        return Outcome(off, found.true, found.seconds)

    return Task(name, of.space, evaluate, best=0.0, median=1.0, is_noisy=True, tags=of.tags)
