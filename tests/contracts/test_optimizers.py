"""Every registered optimiser keeps the contract."""

from __future__ import annotations

from functools import partial

import pytest

from trimtab import plugins
from trimtab.testing.optimizers import Make, OptimizerContract


class TestRegisteredOptimizers(OptimizerContract):
    @pytest.fixture(params=plugins.names("optimizers"))
    def make(self, request: pytest.FixtureRequest) -> Make:
        return plugins.load("optimizers", request.param)

    @pytest.fixture
    def is_random(self, request: pytest.FixtureRequest) -> bool:
        return request.node.callspec.params["make"] != "grid"


class TestShuffledGrid(OptimizerContract):
    @pytest.fixture
    def make(self) -> Make:
        return partial(plugins.load("optimizers", "grid"), 3, shuffle=True)
