"""The contract of optimizers, as tests that a plugin's author runs.

    from trimtab.testing.optimizers import OptimizerContract

    class TestMine(OptimizerContract):
        @pytest.fixture
        def make(self):
            return lambda: Mine(patience=3)

Every test goes through real events, folded by the real ledger, over the problems of `trimtab.testing.simulation`.
"""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from trimtab.arrays import Floats
from trimtab.ledger.event import FAILURE_KINDS
from trimtab.ledger.table import TrialTable
from trimtab.optim.protocol import AnyOptimizer, Proposal
from trimtab.space.condition import given
from trimtab.space.parameter import Categorical, Float
from trimtab.space.problem import Problem
from trimtab.study.engine import Engine
from trimtab.study.plugin import named, settings_of
from trimtab.study.replay import replay
from trimtab.testing.bowl import BOWLS, ENOUGH, advantage
from trimtab.testing.simulation import PROBLEMS, Simulation, plain_history, rough_history

Make: TypeAlias = Callable[[], AnyOptimizer]

every_problem = pytest.mark.parametrize("name", PROBLEMS)


class OptimizerContract:
    """What every optimizer must do. Override the fixture `make`."""

    n_trials = 14
    """How long the histories are: longer than an initial design."""

    learns = True
    """Whether results change what it proposes. False for one that looks at none, as random search and grids do: it is
    then not asked to do better than chance."""

    n_learning = 50
    """After how many trials it has learned something of three parameters; more for one that learns slowly."""

    @pytest.fixture
    def make(self) -> Make:
        """Return a function that makes the optimizer anew."""
        raise NotImplementedError(
            f"{type(self).__name__} needs a fixture `make` that returns a factory of an Optimizer."
        )

    @pytest.fixture
    def is_random(self) -> bool:
        """Return whether another seed leads to other rows."""
        return True

    # ---- what is proposed

    @every_problem
    def test_every_row_is_one_of_the_space(self, make: Make, name: str) -> None:
        run = Simulation(PROBLEMS[name], make())
        rough_history(run, self.n_trials)
        check_rows(run.problem, run.table.x)
        check_proposal(run, run.propose(), 1)

    @every_problem
    def test_several_rows_at_once(self, make: Make, name: str) -> None:
        run = Simulation(PROBLEMS[name], make())
        for n in (2, 1, 5, 3):
            check_proposal(run, run.propose(n), n)
            for number in run.ask(n)[1:]:
                run.start(number)
                run.tell(number)

    @pytest.mark.parametrize("name", ["continuous", "branches", "constraints"])
    def test_a_large_space_is_not_exhausted(self, make: Make, name: str) -> None:
        run = Simulation(PROBLEMS[name], make())
        rough_history(run, self.n_trials)
        for n in (1, 2, 7):
            assert len(run.propose(n).x) == n

    @every_problem
    def test_given_values_are_kept(self, make: Make, name: str) -> None:
        problem = PROBLEMS[name]
        space = problem.space
        run = Simulation(problem, make())
        rough_history(run, self.n_trials)
        rng = np.random.default_rng(1)
        for share in (0.2, 0.5, 1.0):
            row = space.sample(rng, 1)[0]
            fixed = np.where(rng.random(len(space)) < share, row, np.nan)
            before = fixed.copy()
            proposal = run.propose(2, fixed)
            check_proposal(run, proposal, 2)
            np.testing.assert_array_equal(fixed, before, err_msg="ask changed the given row")
            kept = ~np.isnan(fixed)
            np.testing.assert_array_equal(proposal.x[:, kept], np.tile(fixed[kept], (len(proposal.x), 1)))

    @pytest.mark.parametrize("n", [1, 4])
    @pytest.mark.parametrize("name", ["six configurations", "one configuration"])
    def test_who_says_that_nothing_is_left_has_tried_everything(self, make: Make, name: str, n: int) -> None:
        run = Simulation(PROBLEMS[name], make())
        n_configurations = run.problem.space.n_configurations
        assert n_configurations is not None
        for _ in range(20):
            numbers = run.ask(n)
            for number in numbers:
                run.start(number)
                run.tell(number)
            if len(numbers) < n:
                assert len(np.unique(run.table.x, axis=0)) == n_configurations
                assert len(run.propose(n).x) == 0
                return
        check_rows(run.problem, run.table.x)

    # ---- what is learned

    @pytest.mark.parametrize("direction", BOWLS)
    def test_it_learns_from_results(self, make: Make, direction: str) -> None:
        """Its later proposals are better than chance, by the objective and by a constraint on outcomes."""
        if not self.learns:
            pytest.skip("it says that it looks at no result: learns = False")
        share = np.mean([advantage(make, BOWLS[direction], self.n_learning, seed) for seed in range(4)])
        assert share >= ENOUGH, (
            f"the better half of its proposals from trial {self.n_learning // 2} on is better than {share:.0%} of "
            f"random ones, and whoever learns from results comes to {ENOUGH:.0%}. Does it look at the objective, and "
            "not at a constraint's metric; at smaller losses as better; and at constraints first? "
            "`trimtab.model.feasibility.split` tells all three. If it is slow, set n_learning; if it looks at no "
            "result by design, learns = False."
        )

    # ---- nothing but a function of the log

    @every_problem
    def test_ask_changes_nothing(self, make: Make, name: str) -> None:
        run = Simulation(PROBLEMS[name], make())
        rough_history(run, self.n_trials)
        row = run.problem.space.sample(np.random.default_rng(2), 1)[0]
        first = run.propose()
        state, table = pickle.dumps(run.state), table_bytes(run.table)
        run.propose(3)
        run.propose(1, row)
        again = run.propose()
        assert table_bytes(run.table) == table, "ask changed the table"
        assert pickle.dumps(run.state) == state, "ask changed the state"
        check_equal(first, again)

    @every_problem
    def test_the_state_is_a_fold_of_the_log(self, make: Make, name: str) -> None:
        """Told at once, with the table of today, it is what it became told one by one."""
        run = Simulation(PROBLEMS[name], make())
        rough_history(run, self.n_trials)
        expected = run.propose(2)
        optimizer = make()
        state = optimizer.init(run.problem)
        for number in run.table.order.tolist():
            state = optimizer.tell(state, run.table, number)
        check_equal(optimizer.ask(state, run.table, run.request(2)), expected)

    @every_problem
    def test_the_log_replays_to_the_bit(self, make: Make, name: str) -> None:
        run = Simulation(PROBLEMS[name], make(), seed=2**64 - 1)
        rough_history(run, self.n_trials)
        replayed = replay(run.records, make())
        assert replayed.suggestions > 0
        replayed.require_equal()

    def test_the_same_seed_proposes_the_same(self, make: Make) -> None:
        runs = [Simulation(PROBLEMS["branches"], make(), seed=5) for _ in range(2)]
        for run in runs:
            rough_history(run, self.n_trials)
        np.testing.assert_array_equal(runs[0].table.x, runs[1].table.x)

    def test_another_seed_proposes_other_rows(self, make: Make, *, is_random: bool) -> None:
        runs = [Simulation(PROBLEMS["continuous"], make(), seed=seed) for seed in (0, 1)]
        for run in runs:
            plain_history(run, self.n_trials)
        assert np.array_equal(runs[0].table.x, runs[1].table.x) is not is_random

    def test_no_global_generator_is_touched(self, make: Make) -> None:
        ours, theirs = random.getstate(), np.random.get_state(legacy=False)  # noqa: NPY002 - this is the one to leave alone
        rough_history(Simulation(PROBLEMS["branches"], make()), self.n_trials)
        now: Any = np.random.get_state(legacy=False)  # noqa: NPY002 - as above
        assert random.getstate() == ours
        assert pickle.dumps(now) == pickle.dumps(theirs)

    def test_settings_make_it_again(self, make: Make) -> None:
        settings = settings_of(make())
        assert json.loads(json.dumps(settings)) == settings
        again = named("optimizers", str(settings["name"]), settings)
        assert settings_of(again) == settings
        runs = [Simulation(PROBLEMS["branches"], optimizer) for optimizer in (make(), again)]
        for run in runs:
            rough_history(run, self.n_trials)
        np.testing.assert_array_equal(runs[0].table.x, runs[1].table.x)

    # ---- results of every kind

    @pytest.mark.parametrize("failure", FAILURE_KINDS)
    def test_when_everything_fails_it_goes_on(self, make: Make, failure: str) -> None:
        run = Simulation(PROBLEMS["two objectives"], make())
        for _ in range(self.n_trials):
            for number in run.ask():
                run.start(number)
                run.fail(number, failure)
        check_rows(run.problem, run.table.x)
        check_proposal(run, run.propose(2), 2)

    @pytest.mark.parametrize(
        "values",
        [[0.0], [1e300, -1e300], [1.7e308, -1.7e308], [5e-324, 0.0, -5e-324], [1.0, 1.0 + 2**-52], [1e18, 1e18 + 128]],
        ids=["all equal", "huge", "to the end of floats", "tiny", "equal but for a bit", "large with small steps"],
    )
    @pytest.mark.parametrize("name", ["continuous", "branches", "two objectives", "bounded metric"])
    def test_numbers_of_any_size_are_results(self, make: Make, name: str, values: list[float]) -> None:
        run = Simulation(PROBLEMS[name], make())
        n_metrics = len(run.problem.metrics)
        plain_history(run, self.n_trials, lambda number: [values[(number + i) % len(values)] for i in range(n_metrics)])
        check_rows(run.problem, run.table.x)
        check_proposal(run, run.propose(2), 2)

    def test_a_trial_that_never_ends_holds_nothing_up(self, make: Make) -> None:
        run = Simulation(PROBLEMS["branches"], make())
        for number in run.ask(3)[:2]:
            run.start(number)
        plain_history(run, self.n_trials)
        check_rows(run.problem, run.table.x)

    def test_a_history_of_others_is_taken_up(self, make: Make) -> None:
        run = Simulation(PROBLEMS["constraints"], make())
        for x in run.problem.space.sample(np.random.default_rng(3), self.n_trials):
            number = run.enqueue(x)
            run.start(number)
            run.tell(number)
        check_proposal(run, run.propose(2), 2)

    def test_repeated_configurations_are_taken_up(self, make: Make) -> None:
        run = Simulation(PROBLEMS["continuous"], make())
        row = run.problem.space.default_row()
        for i in range(self.n_trials):
            number = run.enqueue(row)
            run.start(number)
            run.tell(number, float(i))
        check_proposal(run, run.propose(2), 2)

    def test_the_space_may_grow(self, make: Make) -> None:
        run = Simulation(PROBLEMS["branches"], make())
        rough_history(run, self.n_trials)
        run.grow("momentum", Float(0, 1, when=given("model") == "net"))
        run.grow("seed", Categorical(("a", "b")))
        n_before = len(run.table)
        rough_history(run, n_before + self.n_trials)
        check_rows(run.problem, run.table.x[n_before:])

    @pytest.mark.parametrize("name", ["branches", "bounded metric", "fidelity"])
    def test_what_it_knows_once_the_space_grew_is_a_fold_of_the_log(self, make: Make, name: str) -> None:
        """Whether it was at work when the space grew, or the study was opened afterwards: see `Grows`."""
        run = Simulation(PROBLEMS[name], make())
        rough_history(run, self.n_trials)
        n = len(run.problem.space)
        for parameter in (Float(0, 1), Categorical(("a", "b")), Float(0, 1, when=given(f"p{n + 1}") == "a")):
            run.grow(f"p{len(run.problem.space)}", parameter)
            rough_history(run, len(run.table) + self.n_trials // 2)
        expected = run.propose(2)
        opened = Engine(settings_of(make()), run.table, make())
        whole = tuple(fidelity.high for fidelity in run.problem.fidelities)
        check_equal(opened.propose(run.table, run.seed, whole, n=2), expected)
        state = pickle.loads(pickle.dumps(opened.state))
        check_equal(make().ask(state, run.table, run.request(2)), expected)
        replay(run.records, make()).require_equal()


def check_rows(problem: Problem, x: Floats) -> None:
    """Check that rows [n, D] are of the problem's space: right values, active ones only, constraints satisfied."""
    space = problem.space
    for row, fits in zip(x, space.contains(x), strict=True):
        assert fits, f"{space.decode(row)} is no configuration of {space!r}"


def check_proposal(run: Simulation, proposal: Proposal, n: int) -> None:
    """Check a proposal of up to n rows for the next trials of a study."""
    assert proposal.x.dtype == np.float64
    assert proposal.x.ndim == 2
    assert len(proposal.x) <= n
    check_rows(run.problem, proposal.x)
    assert proposal.by
    assert all(isinstance(proposal.reason(i), str) for i in range(len(proposal.x)))


def check_equal(one: Proposal, other: Proposal) -> None:
    """Check that two proposals are the same to the bit."""
    np.testing.assert_array_equal(one.x, other.x)
    assert (one.by, [one.reason(i) for i in range(len(one.x))]) == (
        other.by,
        [other.reason(i) for i in range(len(other.x))],
    )


def table_bytes(table: TrialTable) -> list[bytes]:
    """Return everything that a table's columns hold."""
    curves = table.curves
    columns: list[NDArray[Any]] = [
        table.state, table.x, table.y, table.cost, table.seconds, table.fidelity, table.parent, table.attempt,
        table.asked_at, table.started_at, table.ended_at, table.failure, table.order,
        curves.seq, curves.row, curves.attempt, curves.fold, curves.step, curves.y, curves.undeclared.report,
        curves.undeclared.name, curves.undeclared.value, table.errors, *table.extra.values(),
    ]  # fmt: skip
    return [column.tobytes() for column in columns]
