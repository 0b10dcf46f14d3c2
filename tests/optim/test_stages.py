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
    assert joined(stages, 1) == {b, c}
    assert joined(stages, 9) == {a, b, c}
    assert joined(stages, 13) == {a, b, c, 0}
    assert joined(stages, 13, n_idle=6) == {a, b, c, 0, 1, 2}, "sooner when the search stands still"
    assert stages.given(3 * N + 1, 0) is None
    assert all(stages.given(number, 0) is None for number in range(0, 12, 2)), "every second searches the whole space"


def test_those_that_wait_are_at_their_defaults_and_expected_to_matter_little() -> None:
    space = wide(b=Float(0, 1, priority=1))
    stages = Stages(space)
    row = stages.given(1, 0)
    assert row is not None
    assert row[:-1].tolist() == [0.25] * (N - 1)
    assert stages.length2[-1] == 1.0
    assert (stages.length2[:-1] == UNIMPORTANT).all()


@pytest.mark.parametrize("name", ["lr", "learning_rate", "batch_size", "max_depth", "n_layers", "encoder_lr"])
def test_well_known_names_count_as_the_first(name: str) -> None:
    space = wide(**{name: Float(0.1, 1), "weight_decay": Float(0, 1)})
    assert joined(Stages(space), 1) == {space.column(name)}


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
    assert Stages(space).given(1, 0) is None


def test_conditional_parameters_never_wait() -> None:
    space = Space(
        {f"x{i}": Float(0, 1) for i in range(N)}
        | {"lr": Float(0.1, 1), "kind": Categorical(("a", "b")), "y": Float(0, 1, when=given("kind") == "b")}
    )
    assert space.column("y") in joined(Stages(space), 1)


def test_of_every_two_trials_one_varies_only_what_has_joined_unless_told_not_to() -> None:
    problem = Problem(wide(lr=Float(0.1, 1, default=0.5)), (minimize("loss"),))
    for stages in (True, False):
        run = Simulation(problem, Gp(stages=stages))
        plain_history(run, 12)
        moved = (run.table.x != problem.space.default_row()).sum(axis=1)
        assert (moved[2::2] > N / 2).all()
        assert (moved[1::2] <= 8).all() == stages
    assert Gp(stages=False).to_json() == {"name": "gp", "stages": False}


def test_a_batch_alternates_too() -> None:
    run = Simulation(Problem(wide(lr=Float(0.1, 1, default=0.5)), (minimize("loss"),)), Gp())
    plain_history(run, 12)
    numbers = run.ask(4)
    moved = (run.table.x[numbers] != run.table.space.default_row()).sum(axis=1)
    assert (moved[0::2] > N / 2).all()
    assert (moved[1::2] <= 8).all()
