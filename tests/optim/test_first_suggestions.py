"""The first suggestions of every registered engine are on file, so that no change of behaviour goes unseen.

Where a change is meant, write them anew and say so in the change log: it makes older studies replay otherwise.

TRIMTAB_WRITE_GOLDEN=1 python -m pytest tests/optim/test_first_suggestions.py -p no:xdist
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from trimtab import plugins
from trimtab.arrays import Floats
from trimtab.space.parameter import Categorical, Float, Int
from trimtab.space.problem import Problem, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import PROBLEMS, Simulation, plain_history

FILE = Path(__file__).parents[1] / "golden" / "first_suggestions.json"
MODELS = FILE.with_name("model_suggestions.json")
WRITE = os.environ.get("TRIMTAB_WRITE_GOLDEN") == "1"
NAMES = ("log", "integers", "branches", "constraints", "held")
N = {"gp": 4, "auto": 4, "tpe": 5}
"""So many trials, before a model is fitted: BLAS differs from machine to machine."""

SMOOTH = Space(x=Float(0, 1), y=Float(1e-4, 1, log=True), k=Int(1, 9), kind=Categorical(("a", "b", "c")))
"""A space for models: on a smooth objective a fit, and so its best point, hardly moves with the last digits."""


def suggestions(engine: str, problem: str) -> list[list[float | None]]:
    run = Simulation(PROBLEMS[problem], plugins.load("optimizers", engine)(), seed=2026)
    plain_history(run, N.get(engine, 8))
    return [[None if value != value else value for value in row] for row in run.table.x.tolist()]


@pytest.mark.parametrize("engine", plugins.names("optimizers"))
def test_the_first_suggestions_are_those_on_file(engine):
    found = {name: suggestions(engine, name) for name in NAMES}
    on_file = json.loads(FILE.read_text()) if FILE.exists() else {}
    if WRITE:
        FILE.write_text(json.dumps(dict(sorted({**on_file, engine: found}.items())), indent=1) + "\n")
        return
    assert engine in on_file, "a new engine: write its suggestions, as this file's first lines say"
    for name in NAMES:
        assert len(found[name]) == len(on_file[engine][name])
        for number, (row, filed) in enumerate(zip(found[name], on_file[engine][name], strict=True)):
            assert [v is None for v in row] == [v is None for v in filed], f"{name}, trial {number}"
            values, wanted = ([v for v in some if v is not None] for some in (row, filed))
            assert values == pytest.approx(wanted, rel=1e-9), f"{name}, trial {number}"


def smooth(x: Floats) -> float:
    at = SMOOTH.to_unit(x)
    return float((at[0] - 0.3) ** 2 + (at[1] - 0.5) ** 2 + 0.2 * (at[2] - 0.4) ** 2 + 0.2 * x[3])


@pytest.mark.parametrize("engine", ["gp", "tpe"])
def test_what_a_model_proposes_is_what_is_on_file(engine):
    run = Simulation(Problem(SMOOTH, (minimize("loss"),)), plugins.load("optimizers", engine)(), seed=2026)
    for x in SMOOTH.sample(np.random.default_rng(0), 18):
        number = run.enqueue(x)
        run.start(number)
        run.tell(number, smooth(x))
    found = SMOOTH.to_unit(run.propose(3).x)
    on_file = json.loads(MODELS.read_text()) if MODELS.exists() else {}
    if WRITE:
        on_file = dict(sorted({**on_file, engine: found.round(4).tolist()}.items()))
        MODELS.write_text(json.dumps(on_file, indent=1) + "\n")
        return
    np.testing.assert_allclose(found, on_file[engine], atol=5e-3)
