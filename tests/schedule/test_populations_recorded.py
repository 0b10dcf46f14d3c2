"""Decisions of populations as they were before they were made from columns, to the bit: with fails, stops, many speeds.

`TRIMTAB_WRITE_GOLDEN=1 python -m pytest tests/schedule/test_populations_recorded.py` writes them anew.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trimtab as tt
from trimtab.ledger.event import Origin
from trimtab.schedule.pb2 import Pb2
from trimtab.schedule.pbt import Pbt
from trimtab.schedule.protocol import Continue, Fresh, Request, Wait
from trimtab.space.problem import Problem
from trimtab.testing.simulation import Simulation

RECORDED = Path(__file__).with_name("recorded_populations.json")
EPOCHS = tt.Fidelity("epoch", 1, 12)
MIXED = tt.Space(
    lr=tt.Float(1e-4, 1.0, log=True),
    width=tt.Int(4, 64),
    batch=tt.Ordinal([16, 32, 64, 128]),
    kind=tt.Categorical(["a", "b"]),
    momentum=tt.Float(0.0, 0.99, when=tt.given("kind").is_in(["a"])),
)
BOUND = tt.Space(a=tt.Float(0, 1), b=tt.Float(0, 1), require=["a + b <= 1.2"])
LOSS = (tt.minimize("loss"),)
CASES: dict[str, tuple[Problem, type[Pbt], dict[str, Any]]] = {
    "pbt": (Problem(MIXED, LOSS, (EPOCHS,)), Pbt, {"population": 6, "every": 2}),
    "pbt, held": (Problem(BOUND, LOSS, (EPOCHS,)), Pbt, {"population": 10, "hold": ["b"], "share": 0.2}),
    "pbt, two objectives": (
        Problem(BOUND, (*LOSS, tt.maximize("speed"), tt.at_most("size", 1.0)), (EPOCHS,)),
        Pbt,
        {"population": 5, "every": 3},
    ),
    "pb2": (Problem(MIXED, LOSS, (EPOCHS,)), Pb2, {"population": 6, "every": 2}),
    "pb2, bound": (Problem(BOUND, LOSS, (EPOCHS,)), Pb2, {"population": 8, "every": 1}),
    "pb2, held": (Problem(MIXED, LOSS, (EPOCHS,)), Pb2, {"population": 6, "hold": ["width", "kind"]}),
}
WORKERS = 4


def decided(case: str, seed: int) -> list[Any]:
    """Return what a population decides: of each trial its parent, end, configuration and why, and who may continue."""
    problem, kind, options = CASES[case]
    scheduler, rng, run = kind(**options), np.random.default_rng(seed), Simulation(problem)
    found: list[Any] = []
    running: list[int] = []
    while len(run.table) < 90:
        if len(run.table) == 40:
            scheduler = kind(**options)  # as another driver would go on
        said = scheduler.assign(run.table, Request(len(run.table), seed))
        if isinstance(said, Wait):
            if not running:
                return [*found, said.reason]
        elif isinstance(said, Fresh):
            x = problem.space.sample(rng, 1)[0]
            number = run.put(x, Origin("random"), fidelity=said.fidelity)
            found.append(None)
        else:
            assert isinstance(said, Continue)
            x = run.table.x[said.parent] if said.x is None else np.array(said.x)
            number = run.put(x, Origin("scheduler", said.why), fidelity=said.fidelity, parent=said.parent)
            held = [None if value != value else value for value in said.x] if said.x is not None else None
            found.append([said.parent, said.fidelity[0], held, said.why])
        if not isinstance(said, Wait):
            run.start(number)
            running.append(number)
        if len(running) == WORKERS or isinstance(said, Wait):
            end(run, running.pop(int(rng.integers(len(running)))), rng)
        if len(run.table) % 10 == 0:
            found.append(np.flatnonzero(scheduler.may_continue(run.table)).tolist())
    return found


def end(run: Simulation, number: int, rng: np.random.Generator) -> None:
    """End a trial: most complete with losses that fall by the epoch and by how near a is to a half."""
    fate = rng.random()
    if fate < 0.05:
        run.fail(number)
    elif fate < 0.08:
        run.stop(number)
    else:
        unit = np.nan_to_num(run.problem.space.to_unit(run.table.x[number]))
        loss = float((unit[0] - 0.5) ** 2 + 2.0 / run.table.fidelity[number, 0] + 0.05 * rng.standard_normal())
        more = [float(unit[1]), float(unit.sum())][: len(run.problem.metrics) - 1]
        run.tell(number, loss, *more)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", [0, 1])
def test_decisions_are_those_on_record(case: str, seed: int) -> None:
    found = json.loads(json.dumps(decided(case, seed)))
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    if os.environ.get("TRIMTAB_WRITE_GOLDEN"):
        RECORDED.write_text(json.dumps(recorded | {f"{case}, seed {seed}": found}, ensure_ascii=False) + "\n")
        return
    assert found == recorded[f"{case}, seed {seed}"]
