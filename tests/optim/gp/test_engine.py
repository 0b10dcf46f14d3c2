"""What Gaussian-process optimization does in whole studies: what it never proposes, and what it learns to avoid."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from trimtab.arrays import Floats, rng_at
from trimtab.errors import SpaceError
from trimtab.ledger.event import FAILURE_KINDS
from trimtab.ledger.table import FAILED, STOPPED
from trimtab.numerics import blas
from trimtab.numerics.gp import N_SCALES
from trimtab.optim.auto import Auto
from trimtab.optim.gp import Gp
from trimtab.optim.gp.search import candidates, refined
from trimtab.optim.gp.settings import Settings
from trimtab.optim.place import place
from trimtab.optim.tpe import Tpe
from trimtab.space.parameter import Categorical, Float, Int
from trimtab.space.problem import Problem, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import PROBLEMS, Simulation, landscape, plain_history

LOSS = (minimize("loss"),)


def study(
    space: Space,
    n: int,
    loss: Callable[[dict[str, Any], int], float | str],
    *,
    seed: int = 0,
    optimizer: Gp | Auto | None = None,
    at_once: int = 1,
) -> Simulation:
    """Run n trials; `loss` of a configuration and its number gives a loss, or the kind of a failure."""
    run = Simulation(Problem(space, LOSS), Gp() if optimizer is None else optimizer, seed)
    while len(run.table) < n:
        numbers = run.ask(at_once)
        if not numbers:
            break
        for number in numbers:
            run.start(number)
            result = loss(space.decode(run.table.x[number])[0], number)
            if isinstance(result, str):
                run.fail(number, result)
            else:
                run.tell(number, result)
    return run


def n_repeats(x: Floats) -> int:
    return len(x) - len(np.unique(x, axis=0))


# ---- constraints and conditions


@pytest.mark.parametrize("at_once", [1, 4])
@pytest.mark.parametrize("name", ["constraints", "conditions and constraints"])
def test_constraints_are_never_violated(name: str, at_once: int) -> None:
    """The best of the bowl lies where the constraints forbid it, so that the model pulls across them."""
    space = PROBLEMS[name].space

    def loss(params: dict[str, Any], number: int) -> float:
        return -sum(value for value in params.values() if not isinstance(value, str))

    run = study(space, 36, loss, at_once=at_once)
    assert {run.table.origin(number).by for number in range(12, 36)} == {"gp"}
    for row in run.table.x:
        assert space.satisfied(row), space.violated(row)
        assert space.contains(row)
    best = run.table.x[int(np.argmin(run.table.y[:, 0]))]
    if name == "constraints":
        assert best[0] + best[1] > 0.97, "it goes to the edge"


@pytest.mark.parametrize("name", ["branches", "chain of conditions", "conditions and constraints"])
def test_what_is_inactive_has_no_value(name: str) -> None:
    run = Simulation(PROBLEMS[name], Gp())
    plain_history(run, 30)
    space = run.problem.space
    proposed = np.concatenate([run.table.x, run.propose(6).x])
    np.testing.assert_array_equal(~np.isnan(proposed), space.active(proposed))
    assert np.isnan(proposed).any()
    for row in proposed:
        params = space.decode(row)[0]
        assert set(params) == {n for n, on in zip(space.names, space.active(row), strict=True) if on}


# ---- nothing twice


def coordinates(params: dict[str, Any]) -> float:
    return sum((i + 1) * hash_free(value) for i, value in enumerate(params.values()))


def hash_free(value: object) -> float:
    """Return a number for a value, other ones for other values, the same in every process."""
    return float(value) if isinstance(value, int | float) else float(ord(str(value)[0]) - ord("a"))


def test_auto_walks_a_space_of_64_configurations_to_its_end() -> None:
    space = Space(a=Int(0, 3), b=Categorical(tuple("abcd")), c=Int(0, 3))
    assert space.n_configurations == 64
    run = study(space, 100, lambda params, number: coordinates(params), optimizer=Auto())
    assert len(run.table) == 64
    assert n_repeats(run.table.x) == 0
    assert len(run.propose().x) == 0


def test_in_a_space_of_200_configurations_none_is_tried_twice() -> None:
    space = Space(a=Int(0, 9), b=Categorical(tuple("abcde")), c=Int(0, 3))
    assert space.n_configurations == 200
    run = study(space, 200, lambda params, number: coordinates(params))
    assert len(run.table) == 200
    assert n_repeats(run.table.x) == 0, "the objective repeats to the bit"


@pytest.mark.parametrize("failure", FAILURE_KINDS)
def test_a_configuration_that_failed_is_not_proposed_again(failure: str) -> None:
    """A third of the space fails, the best of it included: the model wants to go there."""
    space = Space(a=Int(0, 9), b=Int(0, 9), c=Categorical(tuple("xy")))

    def loss(params: dict[str, Any], number: int) -> float | str:
        return failure if params["a"] + params["b"] < 6 else float(params["a"] + params["b"])

    run = study(space, 50, loss)
    failed = run.table.x[run.table.state == FAILED]
    assert len(failed) >= 3, "else this shows nothing"
    assert n_repeats(failed) == 0
    for row in run.propose(5).x:
        assert not (failed == row).all(axis=1).any()


@pytest.mark.parametrize("engine", [Gp(), Auto()], ids=["gp", "auto"])
@pytest.mark.parametrize("at_once", [1, 16])
def test_where_all_fails_each_of_a_small_space_is_tried_once(engine: Gp | Auto, at_once: int) -> None:
    """The model never has a result to learn from."""
    run = study(Space(a=Int(0, 9), b=Int(0, 7)), 160, lambda _params, _number: "nan", optimizer=engine, at_once=at_once)
    assert len(run.table) == 80
    assert n_repeats(run.table.x) == 0


@pytest.mark.parametrize("engine", [Gp(), Auto(), Tpe()], ids=["gp", "auto", "tpe"])
def test_a_configuration_that_was_stopped_is_not_proposed_again(engine: Gp | Auto | Tpe) -> None:
    """The best third of the space is always stopped: the model wants to go there."""
    run = Simulation(Problem(Space(a=Int(0, 19), b=Int(0, 19)), LOSS), engine, 0)
    for _ in range(60):
        [number] = run.ask()
        a, b = run.table.x[number]
        run.start(number)
        if a < 7:
            run.stop(number)
        else:
            run.tell(number, float(a + 0.1 * b))
    assert (run.table.state == STOPPED).sum() >= 3, "else this shows nothing"
    assert n_repeats(run.table.x) <= 1, "but a leader to confirm"


# ---- where trials fail


def failing_share(seed: int) -> float:
    """Return the share of failures among trials 20 to 39 where three of four choices always give nan."""
    space = Space(kind=Categorical(("a", "b", "c", "d")), x=Float(0, 1), y=Float(0, 1))

    def loss(params: dict[str, Any], number: int) -> float | str:
        return (params["x"] - 0.3) ** 2 + (params["y"] - 0.6) ** 2 if params["kind"] == "c" else "nan"

    run = study(space, 40, loss, seed=seed)
    return float((run.table.state[20:40] == FAILED).mean())


def test_choices_that_always_fail_are_left() -> None:
    shares = [failing_share(seed) for seed in range(5)]
    assert max(shares) <= 1 / 3, shares


@pytest.mark.parametrize("kind", ["oom", "killed"])
def test_a_region_that_fails_is_left(kind: str) -> None:
    """Half of the square fails; the bowl has its bottom near the edge, where it works."""
    space = Space(x=Float(0, 1), y=Float(0, 1))

    def loss(params: dict[str, Any], number: int) -> float | str:
        return kind if params["x"] > 0.5 else (params["x"] - 0.4) ** 2 + (params["y"] - 0.3) ** 2

    runs = [study(space, 40, loss, seed=seed) for seed in range(3)]
    shares = [float((run.table.state[20:40] == FAILED).mean()) for run in runs]
    assert np.mean(shares) <= 1 / 3, shares
    assert all(np.nanmin(run.table.y) < 1e-3 for run in runs)


# ---- nothing to go by


@pytest.mark.parametrize("kind", ["penalty", "exception"])
def test_a_plateau_is_left(kind: str) -> None:
    """All results are equal, or fail, outside of a disc of a tenth of the square: a model would look at corners."""

    def loss(params: dict[str, Any], number: int) -> float | str:
        off = float(np.hypot(params["x"] - 0.3, params["y"] - 0.7))
        if off < 0.178:
            return off
        return kind if kind == "exception" else 10.0

    runs = [study(Space(x=Float(0, 1), y=Float(0, 1)), 60, loss, seed=seed) for seed in range(6)]
    best = [float(np.nanmin(run.table.y)) for run in runs]
    assert max(best) < 0.178, best
    assert np.median(best) < 0.02, best


def test_while_nothing_differs_points_are_spread_where_trials_work() -> None:
    """A quarter of the square fails, the rest gives one and the same result."""
    run = study(
        Space(x=Float(0, 1), y=Float(0, 1)),
        60,
        lambda params, number: "oom" if params["x"] > 0.5 and params["y"] > 0.5 else 1.0,
    )
    assert (run.table.state[30:] == FAILED).mean() < 0.15
    late = run.table.x[30:][run.table.state[30:] != FAILED]
    for x_low, y_low in [(0.0, 0.0), (0.0, 0.5), (0.5, 0.0)]:
        there = (late >= [x_low, y_low]).all(axis=1) & (late < [x_low + 0.5, y_low + 0.5]).all(axis=1)
        assert there.sum() >= 4
    assert run.table.origin(50).why.startswith("all results are equal")


@pytest.mark.parametrize("optimizer", [Gp(), Auto()])
def test_a_finite_space_ends_where_nothing_differs(optimizer: Gp | Auto) -> None:
    space = Space(x=Int(0, 9), y=Int(0, 9))
    run = study(space, 140, lambda params, number: 1.0, optimizer=optimizer)
    assert len(run.table) == 100
    assert n_repeats(run.table.x) == 0


# ---- a space that grows


@pytest.mark.parametrize("optimizer", [Gp(), Auto()])
def test_a_leader_from_before_the_space_grew_is_not_run_again_as_it_was(optimizer: Gp | Auto) -> None:
    """Results are noisy, so that leaders are confirmed; the old ones lack the new parameter."""
    noise = np.random.default_rng(0)

    def loss(params: dict[str, Any], number: int) -> float:
        return float((params["x"] - 0.3) ** 2 + (params["y"] - 0.6) ** 2 + noise.normal(0.0, 0.3))

    for seed in range(4):
        run = study(Space(x=Float(0, 1), y=Float(0, 1)), 24, loss, seed=seed, optimizer=optimizer)
        run.grow("z", Float(0, 1))
        for _ in range(12):
            [number] = run.ask()
            assert run.problem.space.contains(run.table.x[number]), run.table.origin(number)
            run.start(number)
            run.tell(number, loss(run.problem.space.decode(run.table.x[number])[0], number))


# ---- many at once


def wavy(n: int, seed: int) -> Simulation:
    """Return a study of n random rows on a wavy surface in five dimensions."""
    run = Simulation(Problem(Space({f"x{i}": Float(0, 1) for i in range(5)}), LOSS), Gp(), seed)
    for x in run.problem.space.sample(np.random.default_rng(seed), n):
        number = run.enqueue(x)
        run.start(number)
        run.tell(number, float(sum(np.sin(9 * v + i) + (v - 0.4) ** 2 for i, v in enumerate(x))))
    return run


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_batch_is_spread_where_upper_bounds_without_fantasies_are_not(seed: int) -> None:
    run = wavy(70, seed)
    space = run.problem.space
    batch = run.propose(32).x
    assert len(batch) == 32
    assert n_repeats(batch) == 0
    repeated = repeated_upper_bounds(run, 32)
    assert nearest(space, batch).min() > nearest(space, repeated).min()
    assert np.median(nearest(space, batch)) > 10 * np.median(nearest(space, repeated))


def repeated_upper_bounds(run: Simulation, n: int) -> Floats:
    """Return [n, D] a batch by mean + 1.8 deviations, each searched for by itself, none told of the others."""
    space = run.problem.space
    with blas.one_thread():
        model = run.state.surrogate.model(run.state.observations, rng_at(0, 0))
        posterior, features = model.posterior, model.features
        best = model.seen.x[np.argsort(-model.seen.labels)[:5]]
        reach = np.exp(0.5 * posterior.theta[N_SCALES:])[features.group[features.places]]

        def bound(x: Floats) -> Floats:
            mean, deviation = posterior.predict(features.embed(x))
            return mean + 1.8 * deviation

        def slope(x: Floats, u: Floats) -> tuple[Floats, Floats]:
            z = features.move(features.embed(x), x, u)
            mean, deviation, by_mean, by_deviation = posterior.predict_with_gradient(z)
            return mean + 1.8 * deviation, features.gradient(by_mean + 1.8 * by_deviation, x, u)

        batch = []
        for i in range(n):
            x = candidates(space, best, 1024, np.random.default_rng(i), None, Settings())
            top = x[np.argsort(-bound(x))[: Settings().n_refined]]
            climbed, _ = place(space, refined(space, features, top, partial(slope, top), reach, Settings()), None)
            x = np.concatenate([top, climbed])
            batch.append(x[int(np.argmax(bound(x)))])
    return np.array(batch)


def nearest(space: Space, x: Floats) -> Floats:
    """Return [n] the distance of each row to its nearest neighbour in the unit cube."""
    u = space.to_unit(x)
    distance = np.sqrt(((u[:, None] - u[None]) ** 2).sum(axis=-1))
    np.fill_diagonal(distance, np.inf)
    least: Floats = distance.min(axis=1)
    return least


def test_with_31_pending_the_next_keeps_away_from_them() -> None:
    run = wavy(50, 3)
    for number in run.ask(16):
        run.start(number)  # these run, the next wait
    run.ask(15)
    assert len(run.table.running) + len(run.table.waiting) == 31
    pending = run.table.x[[*run.table.running, *run.table.waiting]]
    assert nearest(run.problem.space, np.concatenate([run.propose().x, pending]))[0] > 1e-3


@pytest.mark.parametrize("name", ["branches", "ordinal", "constraints", "one parameter", "log"])
def test_no_two_of_a_batch_are_equal(name: str) -> None:
    run = Simulation(PROBLEMS[name], Gp(), seed=1)
    plain_history(run, 20)
    batch = run.propose(32).x
    assert len(batch) == 32
    assert n_repeats(batch) == 0
    assert n_repeats(np.concatenate([run.table.x, batch])) <= n_repeats(run.table.x) + 1, "but a leader to confirm"


def test_a_batch_in_a_finite_space_has_no_two_alike() -> None:
    space = Space(a=Int(0, 9), b=Int(0, 9))
    run = study(space, 20, lambda params, number: coordinates(params))
    batch = run.propose(32).x
    assert n_repeats(batch) == 0
    assert n_repeats(np.concatenate([run.table.x, batch])) <= 1


# ---- repeats


def bowl(params: dict[str, Any]) -> float:
    return (params["x"] - 0.3) ** 2 + (params["y"] - 0.6) ** 2


def test_on_a_noisy_objective_the_leader_runs_again() -> None:
    space = Space(x=Float(0, 1), y=Float(0, 1))
    noise = np.random.default_rng(0).normal(0, 0.2, 100)
    run = study(space, 60, lambda params, number: bowl(params) + float(noise[number]))
    x, y = run.table.x, run.table.y[:, 0]
    assert n_repeats(x) >= 3
    for number in range(1, 60):
        earlier = (x[:number] == x[number]).all(axis=1)
        if earlier.any():
            means = [y[:number][(x[:number] == row).all(axis=1)].mean() for row in np.unique(x[:number], axis=0)]
            # The leader by its mean, or nearly: what is confirmed is one of the best, not any point again.
            assert y[:number][earlier].mean() <= np.quantile(means, 0.25)


@pytest.mark.parametrize("seed", range(3))
def test_on_a_deterministic_objective_at_most_one_trial_is_a_repeat(seed: int) -> None:
    space = Space(x=Float(0, 1), y=Float(0, 1), k=Int(0, 3))
    run = study(space, 60, lambda params, number: bowl(params) + 0.1 * params["k"], seed=seed)
    assert n_repeats(run.table.x) <= 1


def test_a_rough_deterministic_objective_is_found_out_by_one_repeat() -> None:
    """What looks like noise to the model is the same to the bit when run again."""
    space = Space(x=Float(0, 1), y=Float(0, 1))
    run = study(space, 60, lambda params, number: bowl(params) + 0.3 * np.sin(1e4 * params["x"]))
    assert n_repeats(run.table.x) <= 1


# ---- what it finds


@pytest.mark.parametrize("name", ["continuous", "log", "integers", "branches"])
def test_it_finds_more_than_chance_does(name: str) -> None:
    problem = PROBLEMS[name]
    run = Simulation(problem, Gp())
    plain_history(run, 40)
    metric = problem.metrics[0]
    draws = problem.space.sample(np.random.default_rng(0), 400)
    by_chance = min(landscape(problem, x)[metric.name] * metric.sign for x in draws)
    assert (run.table.losses()[:, 0]).min() < by_chance, "40 trials beat 400 random ones"


# ---- bad options


@pytest.mark.parametrize("n_initial", ["many", -1, 0, 2.5, True])
@pytest.mark.parametrize("engine", [Gp, Tpe])
def test_a_number_that_is_none_is_refused_at_once(engine: Any, n_initial: Any) -> None:
    with pytest.raises(SpaceError, match="expects n_initial= to be a whole number of at least 1, got"):
        engine(n_initial)


def test_stages_are_true_or_false() -> None:
    for engine in (Gp, Auto):
        with pytest.raises(SpaceError, match="expects stages= to be True or False, got 'yes'"):
            engine(stages="yes")


def test_a_scale_that_is_wrong_is_warped() -> None:
    """A learning rate on a linear scale: without input warps the best after 30 trials is 0.037 in the mean."""
    space = Space(rate=Float(1e-5, 1.0))
    found = []
    for seed in range(5):
        run = Simulation(Problem(space, (minimize("loss"),)), Gp(), seed)
        plain_history(run, 30, lambda n, run=run: [(np.log10(run.table.x[n, 0]) + 3.3) ** 2])
        found.append(run.table.y[:30, 0].min())
    assert np.mean(found) < 0.005


@pytest.mark.parametrize("diverged", [1e3, 1e300])
def test_of_two_objectives_one_that_diverged_once_is_not_given_up(diverged: float) -> None:
    space = Space({f"x{i}": Float(0, 1) for i in range(3)})
    nearest = []
    for seed in range(3):
        run = Simulation(Problem(space, (minimize("a"), minimize("b"))), Gp(), seed)
        for _ in range(40):
            [number] = run.ask()
            run.start(number)
            a, b = (float(((run.table.x[number] - best) ** 2).sum()) for best in (0.3, 0.7))
            run.tell(number, diverged if number == 3 else a, b)
        nearest.append(run.table.y.min(axis=0))
    assert (np.mean(nearest, axis=0) < 0.1).all(), "the ends of a front are not what a hypervolume asks for first"
