from __future__ import annotations

import re
import time
from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import chdtrc

from trimtab.optim.tpe import Densities, Tpe, _shares
from trimtab.space.condition import given
from trimtab.space.parameter import Categorical, Float, Int, Ordinal
from trimtab.space.problem import Problem, at_most, maximize, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import PROBLEMS, Simulation

MIXED = Space(
    a=Float(0, 1), b=Float(1e-5, 1, log=True), n=Int(1, 6), k=Int(1, 50, log=True), c=Categorical(tuple("xyz")),
)  # fmt: skip
QUADRATIC = Space(a=Float(0, 1), b=Float(0, 1), c=Categorical(tuple("wxyz")))


def study(space: Space, loss: Callable[[np.ndarray], float], n: int, seed: int = 0) -> Simulation:
    """Run n trials of a loss of one row."""
    run = Simulation(Problem(space, (minimize("loss"),)), Tpe(), seed=seed)
    for _ in range(n):
        [number] = run.ask()
        run.start(number)
        run.tell(number, float(loss(run.table.x[number])))
    return run


def quadratic(x: np.ndarray) -> float:
    return (x[0] - 0.2) ** 2 + (x[1] - 0.7) ** 2 + 0.1 * (x[2] != 2)


def told(problem: Problem, x: np.ndarray, y: Callable[[np.ndarray], list[float]]) -> Simulation:
    """Return a study of given trials, before the engine is asked."""
    run = Simulation(problem, Tpe())
    for row in x:
        number = run.enqueue(row)
        run.start(number)
        run.tell(number, *y(row))
    return run


# ---- what it learns


def test_it_closes_in_on_the_best():
    for seed in range(3):
        run = study(QUADRATIC, quadratic, 60, seed)
        assert run.table.y.min() < 0.01
        assert np.mean(run.table.x[40:, 2] == 2) > 0.5


def test_it_learns_which_branch_is_good():
    space = Space(
        kind=Categorical(("bad", "good")), x=Float(0, 1, when=given("kind") == "bad"),
        y=Float(0, 1, when=given("kind") == "good"), z=Int(1, 9, when=given("kind") == "good"),
    )  # fmt: skip

    def loss(x):
        return 1.0 + x[1] if x[0] == 0 else (x[2] - 0.3) ** 2 + 0.05 * abs(x[3] - 7)

    run = study(space, loss, 60)
    assert np.mean(run.table.x[30:, 0] == 1) > 0.7
    assert run.table.y.min() < 0.06


def test_groups_are_the_parameters_under_one_condition():
    run = Simulation(PROBLEMS["branches"], Tpe())
    assert [group.tolist() for group in run.state.axes.groups] == [[0], [1], [2], [3], [4]]
    held = Simulation(PROBLEMS["held"], Tpe())
    assert [group.tolist() for group in held.state.axes.groups] == [[0]]
    together = Space(
        a=Float(0, 1), s=Categorical((1, 2)), b=Float(0, 1, when=given("s") == 2), c=Int(1, 9, when=given("s") == 2)
    )
    run = Simulation(Problem(together, (minimize("loss"),)), Tpe())
    assert [group.tolist() for group in run.state.axes.groups] == [[0, 1], [2, 3]]


def test_what_goes_together_stays_together():
    """Good in two corners of four: draws keep to them, which densities of single parameters cannot."""
    x = np.random.default_rng(0).random((300, 2))
    space = Space(a=Float(0, 1), b=Float(0, 1))
    run = told(Problem(space, (minimize("loss"),)), x, lambda row: [min(((row - c) ** 2).sum() for c in (0.15, 0.85))])
    drawn = run.propose(30).x
    assert np.mean((drawn[:, 0] < 0.5) == (drawn[:, 1] < 0.5)) > 0.9


def test_the_front_of_two_objectives_is_approached_all_along():
    space = Space(a=Float(0, 1), b=Float(0, 1))
    run = Simulation(Problem(space, (minimize("one"), maximize("two"))), Tpe())
    for _ in range(120):
        [number] = run.ask()
        run.start(number)
        a, b = run.table.x[number]
        run.tell(number, a + (b - 0.4) ** 2, a - (b - 0.4) ** 2)  # every a is on the front, at b = 0.4
    late = run.table.x[60:]
    assert np.median(np.abs(late[:, 1] - 0.4)) < 0.1
    assert np.histogram(late[:, 0], 4, (0, 1))[0].min() >= 3


def test_it_keeps_to_bounds_on_metrics():
    space = Space(a=Float(0, 1), b=Float(0, 1))
    run = Simulation(Problem(space, (minimize("loss"), at_most("memory", 0.5))), Tpe())
    for _ in range(80):
        [number] = run.ask()
        run.start(number)
        a, b = run.table.x[number]
        run.tell(number, -a - b, a)  # best at the bound
    late = run.table.x[40:]
    assert np.mean(late[:, 0] <= 0.5) > 0.5
    assert np.median(np.abs(late[:, 0] - 0.5)) < 0.1
    met = run.table.y[:, 1] <= 0.5
    assert run.table.y[met, 0].min() < -1.4


@pytest.mark.parametrize("kind", ["exception", "killed"])
def test_it_keeps_away_from_where_trials_fail(kind: str):
    run = Simulation(Problem(Space(a=Float(0, 1), b=Float(0, 1)), (minimize("loss"),)), Tpe())
    for _ in range(60):
        [number] = run.ask()
        run.start(number)
        if run.table.x[number, 0] > 0.6:
            run.fail(number, kind)
        else:
            run.tell(number, 1.0)
    assert np.mean(run.table.x[30:, 0] > 0.6) < 0.25, "by chance it would be 0.4"


def test_it_keeps_away_from_what_is_running():
    run = study(QUADRATIC, quadratic, 40)
    x = run.propose().x[0]
    model = Densities(run.state, QUADRATIC, run.table.x[:0])
    before = model.log_ratio(x[None])[0]
    model.pend(x)
    assert model.log_ratio(x[None])[0] < before
    batch = run.propose(8).x
    assert len(np.unique(batch, axis=0)) == 8


# ---- what it does not learn


def test_a_constant_objective_leaves_it_uniform():
    """Chi-square over 10,240 trials, of every parameter and of two pairs; a hundred-thousandth is the limit."""
    run = study(MIXED, lambda x: 1.0, 10_240)
    u = MIXED.to_unit(run.table.x)
    quarter = np.minimum((u * 4).astype(int), 3)
    cells = [
        (quarter[:, 0], 4),
        (quarter[:, 1], 4),
        (run.table.x[:, 2].astype(int) - 1, 6),
        (run.table.x[:, 4].astype(int), 3),
    ]
    for place, k in [*cells, (4 * quarter[:, 0] + quarter[:, 1], 16), (3 * quarter[:, 0] + cells[3][0], 12)]:
        expected = len(u) / k
        chi_square = ((np.bincount(place, minlength=k) - expected) ** 2 / expected).sum()
        assert chdtrc(k - 1, chi_square) > 1e-5


def test_a_machine_that_died_leaves_it_uniform() -> None:
    """A trial that was lost says nothing about its configuration."""
    run = Simulation(Problem(MIXED, (minimize("loss"),)), Tpe())
    for i in range(400):
        [number] = run.ask()
        run.start(number)
        if i in {3, 20}:
            run.fail(number, "lost")
        else:
            run.tell(number, 1.0)
    quarter = np.minimum((MIXED.to_unit(run.table.x)[:, 0] * 4).astype(int), 3)
    assert np.bincount(quarter, minlength=4).min() > 95, "100 each: points of a sequence"
    assert run.state.is_flat


def test_ties_are_shared_not_decided_by_order():
    assert _shares(np.array([0, 1, 1, 1, 2]), 2).tolist() == pytest.approx([1, 1 / 3, 1 / 3, 1 / 3, 0])
    assert _shares(np.array([0, 0, 0, 0]), 1).tolist() == pytest.approx([0.25] * 4)
    assert _shares(np.array([3, 0, 1, 2]), 2).tolist() == pytest.approx([0, 1, 1, 0])


def test_a_result_of_two_values_splits_by_them():
    run = study(Space(a=Float(0, 1), b=Float(0, 1)), lambda x: float(x[0] > 0.25), 150)
    late = run.table.x[75:]
    assert np.mean(late[:, 0] <= 0.25) > 0.6
    assert np.histogram(late[:, 1], 4, (0, 1))[0].min() >= 4, "b does not matter, and is not given up"


# ---- what it must not do


def test_no_configuration_of_a_finite_space_is_run_twice_before_all_were():
    space = Space(a=Int(0, 4), b=Ordinal((1, 2, 4)), c=Categorical(tuple("xy")))
    run = study(space, lambda x: (x[0] - 1) ** 2 + x[1] + x[2], 30)
    assert len(np.unique(run.table.x, axis=0)) == 30


def test_where_hardly_anything_satisfies_the_constraints_it_goes_on():
    space = Space(a=Float(0, 1), b=Float(0, 1), require=["a + b <= 0.05"])
    run = study(space, lambda x: -x[0], 40)
    assert bool(space.satisfied(run.table.x).all())
    assert run.table.x[:, 0].max() > 0.03


def test_given_values_steer_the_rest():
    """Where the good value of b depends on a, a given a draws b to its own."""
    x = np.random.default_rng(1).random((400, 2))
    space = Space(a=Float(0, 1), b=Float(0, 1))
    run = told(Problem(space, (minimize("loss"),)), x, lambda row: [(row[0] - row[1]) ** 2])
    for a in (0.15, 0.85):
        drawn = run.propose(10, np.array([a, np.nan])).x
        assert (drawn[:, 0] == a).all()
        assert abs(np.median(drawn[:, 1]) - a) < 0.2


def test_an_ask_costs_the_same_however_long_the_log():
    few, many = (long_study(n) for n in (2_000, 20_000))
    assert len(many.state.leaders) + len(many.state.others) < 1700
    seconds: dict[int, list[float]] = {2_000: [], 20_000: []}
    for _ in range(9):  # by turns, so that what else the machine does weighs on both
        for n, run in ((2_000, few), (20_000, many)):
            start = time.process_time()
            run.propose()
            seconds[n].append(time.process_time() - start)
    assert min(seconds[20_000]) < 1.5 * min(seconds[2_000])


def long_study(n: int) -> Simulation:
    """Return a study of n random trials in twelve parameters, asked once."""
    parameters = {f"x{i}": Float(0, 1) for i in range(6)} | {f"n{i}": Int(1, 20) for i in range(4)}
    space = Space({**parameters, "k": Int(1, 64, log=True), "c": Categorical(tuple("abc"))})
    run = told(
        Problem(space, (minimize("loss"),)),
        space.sample(np.random.default_rng(0), n),
        lambda row: [float(np.sum((space.to_unit(row) - 0.4) ** 2))],
    )
    run.propose()
    return run


# ---- what it says


def test_it_says_why():
    run = study(QUADRATIC, quadratic, 80)
    whys = [run.table.trial(number).why for number in range(80)]
    assert whys[0] == "the default configuration comes first"
    assert whys[1] == "point of a scrambled Sobol sequence"
    assert re.fullmatch(r"likelier among the best 8 of 79 than among the rest, by a factor of [\d.e+]+", whys[79])


def test_more_trials_may_come_before_the_densities():
    run = Simulation(PROBLEMS["continuous"], Tpe(n_initial=20))
    for _ in range(21):
        [number] = run.ask()
        run.start(number)
        run.tell(number)
    assert [run.table.origin(number).by for number in (0, 1, 19, 20)] == ["default", "sobol", "sobol", "tpe"]
