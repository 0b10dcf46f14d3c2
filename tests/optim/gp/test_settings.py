from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from trimtab.errors import TrimtabError
from trimtab.optim.auto import Auto
from trimtab.optim.gp import Gp
from trimtab.space.parameter import Float
from trimtab.space.problem import Problem, minimize
from trimtab.space.space import Space
from trimtab.study.plugin import make
from trimtab.testing.simulation import Simulation

WIDE = Space({f"x{i}": Float(0, 1) for i in range(20)})
NARROW = Space(a=Float(0.001, 1, log=True), b=Float(0, 1))


def proposals(space: Space, noise: float, **changed: Any) -> list[list[float]]:
    """Return what an engine with other settings proposes, trial for trial."""
    engine = Gp()
    engine.settings = replace(engine.settings, **changed)
    run = Simulation(Problem(space, (minimize("loss"),)), engine)
    rng = np.random.default_rng(0)
    for _ in range(45):
        [number] = run.ask()
        u = space.to_unit(run.table.x[number])
        run.start(number)
        run.tell(number, float(np.log(0.01 + np.mean((u - 0.4) ** 2)) + noise * rng.normal()))
    x: list[list[float]] = run.table.x.tolist()
    return x


@pytest.mark.parametrize(
    ("space", "noise", "changed"),
    [
        (NARROW, 0.0, {"has_bold_turns": False}),
        (NARROW, 1.0, {"has_replicates": False}),
        (NARROW, 0.0, {"has_input_warps": False}),
        (NARROW, 0.0, {"material": 0.0}),
        (WIDE, 0.0, {"has_trust_region": False}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_each_switch_switches(space: Space, noise: float, changed: dict[str, Any]) -> None:
    assert proposals(space, noise) != proposals(space, noise, **changed)


@pytest.mark.parametrize("name", ["gp", "auto"])
def test_no_log_leads_to_a_constant(name: str) -> None:
    for options in ({"settings": {"near": 0.3}}, {"near": 0.3}, {"gp": {}}):
        with pytest.raises(TrimtabError):
            make("optimizers", {"name": name} | options)


def test_constants_are_no_part_of_what_a_log_holds() -> None:
    engine, auto = Gp(), Auto()
    engine.settings = replace(engine.settings, near=0.3)
    auto.gp.settings = engine.settings
    assert engine.to_json() == Gp().to_json()
    assert auto.to_json() == Auto().to_json()
