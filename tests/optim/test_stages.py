from __future__ import annotations

import numpy as np
import pytest

from trimtab.optim.gp import Gp
from trimtab.optim.stages import SMALL, UNIMPORTANT, Stages
from trimtab.space.condition import given
from trimtab.space.parameter import Categorical, Float
from trimtab.space.problem import Problem, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation, plain_history

N = SMALL + 8


def wide(**more: Float) -> Space:
    return Space({f"x{i}": Float(0, 1, default=0.25) for i in range(N - len(more))} | more)


def joined(stages: Stages, n_trials: int, n_idle: int = 0) -> set[int]:
    row = stages.given(n_trials, n_idle)
    assert row is not None
    return set(np.flatnonzero(np.isnan(row)).tolist())


def test_priorities_join_first_and_the_rest_as_trials_come_in() -> None:
    space = wide(a=Float(0, 1, priority=2), b=Float(0, 1, priority=1), c=Float(0, 1, priority=1))
    stages = Stages(space)
    a, b, c = (space.column(name) for name in "abc")
    assert joined(stages, 0) == {b, c}
    assert joined(stages, 9) == {a, b, c}
    assert joined(stages, 12) == {a, b, c, 0}
    assert joined(stages, 12, n_idle=6) == {a, b, c, 0, 1, 2}, "sooner when the search stands still"
    assert stages.given(3 * N, 0) is None


def test_those_that_wait_are_at_their_defaults_and_expected_to_matter_little() -> None:
    space = wide(b=Float(0, 1, priority=1))
    stages = Stages(space)
    row = stages.given(0, 0)
    assert row is not None
    assert row[:-1].tolist() == [0.25] * (N - 1)
    assert stages.length2[-1] == 1.0
    assert (stages.length2[:-1] == UNIMPORTANT).all()


@pytest.mark.parametrize("name", ["lr", "learning_rate", "batch_size", "max_depth", "n_layers", "encoder_lr"])
def test_well_known_names_count_as_the_first(name: str) -> None:
    space = wide(**{name: Float(0.1, 1), "weight_decay": Float(0, 1)})
    assert joined(Stages(space), 0) == {space.column(name)}


@pytest.mark.parametrize(
    "space",
    [
        wide(),
        Space(lr=Float(0, 1), a=Float(0, 1)),
        Space({f"x{i}": Float(0, 1, priority=1) for i in range(N)}),
        Space({f"x{i}": Float(0, 1, priority=1 if i else 2) for i in range(N)}, require=["x0 <= x1"]),
    ],
    ids=["nothing is known", "small", "all are first", "constraints"],
)
def test_spaces_that_are_searched_whole(space: Space) -> None:
    assert Stages(space).given(0, 0) is None


def test_conditional_parameters_never_wait() -> None:
    space = Space(
        {f"x{i}": Float(0, 1) for i in range(N)}
        | {"lr": Float(0.1, 1), "kind": Categorical(("a", "b")), "y": Float(0, 1, when=given("kind") == "b")}
    )
    assert space.column("y") in joined(Stages(space), 0)


def test_the_engine_varies_only_what_has_joined_unless_told_not_to() -> None:
    problem = Problem(wide(lr=Float(0.1, 1, default=0.5)), (minimize("loss"),))
    for stages in (True, False):
        run = Simulation(problem, Gp(stages=stages))
        plain_history(run, 12)
        varied = (np.ptp(run.table.x, axis=0) > 0).sum()
        assert varied <= 8 if stages else varied == N
    assert Gp(stages=False).to_json() == {"name": "gp", "stages": False}
