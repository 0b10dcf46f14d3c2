"""Every registered scheduler keeps the contract."""

from __future__ import annotations

import pytest

from trimtab import plugins
from trimtab.schedule.protocol import Continue, Fresh, Request
from trimtab.schedule.whole import Whole
from trimtab.testing.schedulers import Make, SchedulerContract
from trimtab.testing.simulation import PROBLEMS, Simulation


class TestRegisteredSchedulers(SchedulerContract):
    @pytest.fixture(params=plugins.names("schedulers"))
    def make(self, request: pytest.FixtureRequest) -> Make:
        return plugins.load("schedulers", request.param)


@pytest.mark.parametrize(
    ("name", "fidelity"), [("continuous", ()), ("fidelity", (9.0,)), ("two fidelities", (81.0, 1.0))]
)
def test_whole_runs_every_trial_to_the_end(name: str, fidelity: tuple[float, ...]) -> None:
    run = Simulation(PROBLEMS[name])
    assert Whole().assign(run.table, Request(0, 0)) == Fresh(fidelity)


class Insatiable(Whole):
    """Continues failed trials."""

    def assign(self, table, request):
        return Continue(0, (9.0,)) if len(table) else super().assign(table, request)


class Greedy(Whole):
    """Goes beyond the highest fidelity."""

    def assign(self, table, request):
        return Fresh((10.0,))


class Counting(Whole):
    """Remembers how often it was asked."""

    def __init__(self) -> None:
        self.n = 0

    def assign(self, table, request):
        self.n += 1
        return Fresh((1.0 + self.n % 3,))


class Faithful(Whole):
    """Keeps what it said of each trial, as if there were one study."""

    def __init__(self) -> None:
        self.said = {}

    def assign(self, table, request):
        return self.said.setdefault(request.number, Fresh((float(request.rng.integers(1, 9)),)))


class Timid(Whole):
    """Refuses all problems, those that it is tried on too."""

    def refuses(self, problem):
        return "it is too much for me"


@pytest.mark.parametrize(
    ("make", "test", "arguments"),
    [
        (Timid, "test_it_does_not_refuse_everything", {}),
        (Faithful, "test_one_object_serves_several_studies", {"name": "fidelity"}),
        (Insatiable, "test_when_everything_fails_it_goes_on", {"name": "fidelity", "failure": "oom"}),
        (Greedy, "test_assignments_and_verdicts_make_sense", {"name": "fidelity"}),
        (Counting, "test_it_has_no_memory_outside_the_table", {"name": "fidelity"}),
        (Counting, "test_deciding_changes_nothing", {"name": "fidelity"}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_contract_bites(make, test: str, arguments: dict[str, str]) -> None:
    with pytest.raises(AssertionError):
        getattr(SchedulerContract(), test)(make, **arguments)
