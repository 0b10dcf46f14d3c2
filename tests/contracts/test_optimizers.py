"""Every registered optimizer keeps the contract."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from trimtab import plugins
from trimtab.errors import ReplayError
from trimtab.ledger.table import COMPLETE
from trimtab.model.feasibility import split
from trimtab.optim.protocol import Proposal
from trimtab.optim.random import Random
from trimtab.testing.bowl import BOWLS
from trimtab.testing.optimizers import Make, OptimizerContract

DESIGNS = ["grid", "random", "sobol"]
"""Those that look at no result."""


class TestRegisteredOptimizers(OptimizerContract):
    @pytest.fixture(params=[name for name in plugins.names("optimizers") if name not in DESIGNS])
    def make(self, request: pytest.FixtureRequest) -> Make:
        return plugins.load("optimizers", request.param)


class TestDesigns(OptimizerContract):
    learns = False

    @pytest.fixture(params=DESIGNS)
    def make(self, request: pytest.FixtureRequest) -> Make:
        return plugins.load("optimizers", request.param)

    @pytest.fixture
    def is_random(self, request: pytest.FixtureRequest) -> bool:
        return request.node.callspec.params["make"] != "grid"


class TestShuffledGrid(OptimizerContract):
    learns = False

    @pytest.fixture
    def make(self) -> Make:
        return partial(plugins.load("optimizers", "grid"), 3, shuffle=True)


class Forgetful(Random):
    """Ignores what is given."""

    def ask(self, state, table, request):
        return super().ask(state, table, replace(request, given=None))


class Reckless(Random):
    """Ignores the constraints."""

    def ask(self, state, table, request):
        return Proposal(table.space.from_unit(request.rng.random((request.n, len(table.space)))), "reckless")


class Careless(Random):
    """Draws from the global generator."""

    def ask(self, state, table, request):
        u = np.random.random((request.n, len(table.space)))  # noqa: NPY002 - that is what it does wrong
        return Proposal(table.space.from_unit(u), "careless")


class Counting:
    """Counts how often it was asked, where it should only count what it was told."""

    def init(self, problem):
        return [0]

    def tell(self, state, table, row):
        return state

    def ask(self, state, table, request):
        state[0] += 1
        return Proposal(table.space.from_unit(np.full((request.n, len(table.space)), 1 / (1 + state[0]))), "counting")

    def to_json(self):
        return {}


class Peeping(Counting):
    """Reads the last row of the table when it is told of another."""

    def tell(self, state, table, row):
        state[0] += len(table)
        return state

    def ask(self, state, table, request):
        return Proposal(table.space.from_unit(np.full((request.n, len(table.space)), 1 / (1 + state[0]))), "peeping")


class Defeatist(Random):
    """Says that nothing is left."""

    def ask(self, state, table, request):
        return Proposal(super().ask(state, table, request).x[:0], "defeatist")


class Nonplussed(Random):
    """Cannot cope with trials that failed."""

    def tell(self, state, table, row):
        assert table.y[row, 0] == table.y[row, 0]


class Climber(Random):
    """Keeps the best trial by a key, and steps from it."""

    def init(self, problem):
        return None

    def key(self, table, row):
        losses, broken = split(table.problem, table.y[row])
        return float(broken[0]), float(losses[0])

    def tell(self, state, table, row):
        if table.state[row] != COMPLETE:
            return state
        key = self.key(table, row)
        return (key, table.x[row].copy()) if state is None or key < state[0] else state

    def ask(self, state, table, request):
        random = super().ask(state, table, request)
        if state is None:
            return random
        u = table.space.to_unit(random.x)
        best = table.space.to_unit(state[1])
        return Proposal(table.space.from_unit(best + (u - best) * 0.3), "climber")


class Downhill(Climber):
    """Takes a metric as it was told, whatever its direction."""

    def key(self, table, row):
        column = [metric.is_objective for metric in table.problem.metrics].index(True)
        return float(table.y[row, column])


class FirstColumn(Climber):
    """Takes the first metric for the objective."""

    def key(self, table, row):
        return float(table.losses()[row, 0])


class Unbound(Climber):
    """Ignores constraints on outcomes."""

    def key(self, table, row):
        return float(split(table.problem, table.y[row])[0][0])


def test_who_draws_any_conclusion_does_better_than_chance() -> None:
    for direction in BOWLS:
        OptimizerContract().test_it_learns_from_results(Climber, direction)


@pytest.mark.parametrize(
    ("make", "test", "arguments"),
    [
        (Forgetful, "test_given_values_are_kept", {"name": "continuous"}),
        (Reckless, "test_every_row_is_one_of_the_space", {"name": "constraints"}),
        (Careless, "test_no_global_generator_is_touched", {}),
        (Careless, "test_ask_changes_nothing", {"name": "continuous"}),
        (Counting, "test_ask_changes_nothing", {"name": "continuous"}),
        (Careless, "test_the_log_replays_to_the_bit", {"name": "continuous"}),
        (Peeping, "test_the_state_is_a_fold_of_the_log", {"name": "continuous"}),
        (Defeatist, "test_a_large_space_is_not_exhausted", {"name": "continuous"}),
        (Defeatist, "test_who_says_that_nothing_is_left_has_tried_everything", {"name": "six configurations", "n": 1}),
        (Random, "test_it_learns_from_results", {"direction": "minimize"}),
        (plugins.load("optimizers", "sobol"), "test_it_learns_from_results", {"direction": "maximize"}),
        (plugins.load("optimizers", "grid"), "test_it_learns_from_results", {"direction": "minimize"}),
        (Downhill, "test_it_learns_from_results", {"direction": "maximize"}),
        (FirstColumn, "test_it_learns_from_results", {"direction": "maximize"}),
        (Unbound, "test_it_learns_from_results", {"direction": "minimize"}),
        (Unbound, "test_it_learns_from_results", {"direction": "maximize"}),
        (Nonplussed, "test_when_everything_fails_it_goes_on", {"failure": "oom"}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_contract_bites(make, test: str, arguments: dict[str, object]) -> None:
    with pytest.raises((AssertionError, ReplayError)):
        getattr(OptimizerContract(), test)(make, **arguments)
