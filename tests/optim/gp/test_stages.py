from __future__ import annotations

import numpy as np
import pytest

from trimtab.optim.gp import Gp
from trimtab.optim.gp.settings import Settings
from trimtab.optim.gp.stages import Stages
from trimtab.space.condition import given
from trimtab.space.parameter import Categorical, Float
from trimtab.space.problem import Problem, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation, plain_history

SETTINGS = Settings()
TASTED, NOTED = SETTINGS.n_tasted, SETTINGS.noted
N = SETTINGS.stages_from + 7


def wide(**more: Float) -> Space:
    return Space({f"x{i}": Float(0, 1, default=0.25) for i in range(N - len(more))} | more)


def joined(stages: Stages, n_trials: int, n_idle: int = 0) -> set[int]:
    row = stages.given(n_trials, n_idle)
    assert row is not None
    return set(np.flatnonzero(np.isnan(row)).tolist())


def test_priorities_join_first_and_the_rest_as_trials_come_in() -> None:
    space = wide(a=Float(0, 1, priority=2), b=Float(0, 1, priority=1), c=Float(0, 1, priority=1))
    stages = Stages(space, SETTINGS)
    a, b, c = (space.column(name) for name in "abc")
    assert joined(stages, 1) == {b, c}
    assert joined(stages, 9) == {a, b, c}
    assert joined(stages, 13) == {a, b, c, 0}
    assert joined(stages, 13, n_idle=6) == {a, b, c, 0, 1, 2, 3}, "sooner when the search stands still"
    assert stages.given(3 * N + 1, 0) is None
    assert stages.are_over(3 * N, 0)
    assert not stages.are_over(3 * N - 1, 0)


def test_every_second_proposal_varies_some_of_those_that_wait_and_each_comes_round() -> None:
    space = wide(b=Float(0, 1, priority=1))
    stages = Stages(space, SETTINGS)
    tasted = [joined(stages, number) for number in range(0, 14, 2)]
    assert all(space.column("b") in some and len(some) == 1 + TASTED for some in tasted[:1])
    assert set().union(*tasted) == set(range(N))


def test_of_equal_rank_the_one_that_spreads_most_joins_first() -> None:
    stages = Stages(wide(b=Float(0, 1, priority=1)), SETTINGS)
    spreads = np.full(N, 1e-3)
    spreads[[N - 1, 7, 11]] = 1.0, 0.02, 0.03
    row = stages.given(7, 0, None, spreads)
    assert row is not None
    assert set(np.flatnonzero(np.isnan(row))) == {N - 1, 11}
    row = stages.given(9, 0, None, spreads)
    assert row is not None
    assert set(np.flatnonzero(np.isnan(row))) == {N - 1, 7, 11}


def test_what_was_seen_to_matter_does_not_wait() -> None:
    stages = Stages(wide(b=Float(0, 1, priority=1)), SETTINGS)
    spreads = np.full(N, 1e-3)
    spreads[[N - 1, 7, 11]] = 1.0, 2.0 * NOTED, 0.5 * NOTED
    at = np.linspace(0.0, 1.0, N)
    row = stages.given(1, 0, at, spreads)
    assert row is not None
    waits = ~np.isnan(row)
    assert set(np.flatnonzero(~waits)) == {N - 1, 7}
    assert (row[waits] == at[waits]).all()


def test_where_the_model_sees_nothing_nothing_joins_early() -> None:
    stages = Stages(wide(b=Float(0, 1, priority=1)), SETTINGS)
    row = stages.given(1, 0, None, np.zeros(N))
    assert row is not None
    assert np.isnan(row).sum() == 1


def test_those_that_wait_are_at_their_defaults_and_expected_to_matter_little() -> None:
    space = wide(b=Float(0, 1, priority=1))
    stages = Stages(space, SETTINGS)
    row = stages.given(1, 0)
    assert row is not None
    assert row[:-1].tolist() == [0.25] * (N - 1)
    assert stages.length2[-1] == 1.0
    assert (stages.length2[:-1] == SETTINGS.unimportant).all()


@pytest.mark.parametrize("name", ["lr", "learning_rate", "batch_size", "max_depth", "n_layers", "encoder_lr"])
def test_well_known_names_count_as_the_first(name: str) -> None:
    space = wide(**{name: Float(0.1, 1), "weight_decay": Float(0, 1)})
    assert joined(Stages(space, SETTINGS), 1) == {space.column(name)}


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
    assert Stages(space, SETTINGS).given(1, 0) is None


def test_conditional_parameters_never_wait() -> None:
    space = Space(
        {f"x{i}": Float(0, 1) for i in range(N)}
        | {"lr": Float(0.1, 1), "kind": Categorical(("a", "b")), "y": Float(0, 1, when=given("kind") == "b")}
    )
    assert space.column("y") in joined(Stages(space, SETTINGS), 1)


@pytest.mark.parametrize("stages", [True, False])
def test_a_stage_moves_few_values_of_an_earlier_configuration(stages: bool) -> None:
    problem = Problem(wide(lr=Float(0.1, 1, default=0.5)), (minimize("loss"),))
    run = Simulation(problem, Gp(stages=stages))
    for _ in range(24):
        for number in run.ask():
            run.start(number)
            run.tell(number, float((run.table.x[number, -1] - 0.3) ** 2))
    x = run.table.x
    moved = np.array([(x[:number] != x[number]).sum(axis=1).min() for number in range(1, 24)])
    assert (moved[0:6:2] == 1).all() == stages
    assert (moved[1:6:2] <= 1 + TASTED + 1).all() == stages
    assert (moved.mean() < N / 2) == stages
    assert ("stages" in Gp(stages=stages).to_json()) != stages


def test_a_batch_alternates_too() -> None:
    run = Simulation(Problem(wide(lr=Float(0.1, 1, default=0.5)), (minimize("loss"),)), Gp())
    plain_history(run, 7, lambda number: (float(number),))
    numbers = run.ask(4)
    moved = (run.table.x[numbers] != run.table.x[0]).sum(axis=1)
    assert moved[1] > moved[0]
    assert moved[3] > moved[2]
