"""What the engine does with constraints on outcomes and several objectives, on problems with a known answer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from trimtab.arrays import Floats, rng_at
from trimtab.ledger.event import Told
from trimtab.numerics.hypervolume import hypervolume
from trimtab.optim.gp import Gp
from trimtab.optim.gp.outlook import Outlook
from trimtab.optim.gp.score import Score
from trimtab.space.parameter import Float
from trimtab.space.problem import Metric, Problem, at_most, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation

PLANE = Space(x=Float(0, 1), y=Float(0, 1))
SIXTEENTHS = Space(x=Float(0, 1, step=0.0625), y=Float(0, 1))


def corner(x: Floats) -> tuple[float, ...]:
    """To be at x + y = 0.6, as far to the right as 0.4: two bounds bind, the second one thousand times as large."""
    return float(-2 * x[0] - x[1]), float(x.sum()), float(1000 * x[0] ** 2)


BOUND = (minimize("loss"), at_most("sum", 0.6), at_most("square", 160.0))


def studied(
    space: Space,
    metrics: tuple[Metric, ...],
    objective: Callable[[Floats], tuple[float, ...]],
    n: int,
    *,
    batch: int = 1,
) -> Simulation:
    run = Simulation(Problem(space, metrics), Gp(), seed=3)
    names = run.problem.metric_names
    while len(run.table) < n:
        for number in run.ask(batch):
            run.start(number)
            values = dict(zip(names, objective(run.table.x[number]), strict=True))
            run.add(Told(number, {k: v for k, v in values.items() if v == v}, 1, seconds=1.0))
    return run


def best_allowed(run: Simulation, tolerance: float = 0.0) -> float:
    y = run.table.y
    bounds = np.array([metric.bound for metric in run.problem.constraints])
    allowed = (y[:, 1:] <= bounds + tolerance).all(axis=1)
    return float(y[allowed, 0].min())


def test_where_constraints_bind_the_best_is_found_to_a_thousandth() -> None:
    run = studied(PLANE, BOUND, corner, 24)
    assert best_allowed(run) == pytest.approx(-1.0, abs=1e-3)
    assert run.table.trial(23).why.startswith(("exploits", "explores"))
    assert "keeps the constraints with a chance of" in run.table.trial(23).why


def test_beside_a_step_too() -> None:
    """The best step is 0.375, and y then 0.225."""
    run = studied(SIXTEENTHS, BOUND, corner, 30)
    assert best_allowed(run) == pytest.approx(-0.975, abs=1e-3)


def test_before_anything_is_allowed_it_is_looked_for() -> None:
    def narrow(x: Floats) -> tuple[float, float]:
        return float(x[0]), float(np.hypot(x[0] - 0.83, x[1] - 0.21))

    run = studied(PLANE, (minimize("loss"), at_most("off", 0.02)), narrow, 16)
    assert (run.table.y[:, 1] <= 0.02).any()


def test_a_constraint_that_is_measured_now_and_then_is_learned_and_one_that_never_is_disturbs_nobody() -> None:
    def partly(x: Floats) -> tuple[float, ...]:
        loss, total, square = corner(x)
        return loss, total if int(1e6 * x[1]) % 2 else float("nan"), square, float("nan")

    run = studied(PLANE, (*BOUND, at_most("never", 1.0)), partly, 30)
    known = ~np.isnan(run.table.y[:, 1])
    x = run.table.x[known & (run.table.x.sum(axis=1) <= 0.6) & (run.table.x[:, 0] <= 0.4)]
    assert (2 * x[:, 0] + x[:, 1]).max() > 0.98


def test_a_confidence_keeps_away_from_the_bound_of_a_noisy_metric() -> None:
    def share(confidence: float | None) -> float:
        rng = np.random.default_rng(0)

        def noisy(x: Floats) -> tuple[float, float]:
            return float(-x[0]), float(x[0] + 0.05 * rng.standard_normal())

        run = studied(PLANE, (minimize("loss"), at_most("use", 0.5, confidence=confidence)), noisy, 40)
        return float((run.table.x[15:, 0] <= 0.5).mean())

    assert share(0.99) >= max(0.8, share(None))


def test_the_front_of_two_objectives_is_covered_in_batches_too() -> None:
    """On the line between (0.2, 0.3) and (0.8, 0.3) nothing is lost; the best possible share of the box is 5/6."""

    def two(x: Floats) -> tuple[float, float]:
        off = 10 * float((x[1] - 0.3) ** 2)
        return float((x[0] - 0.2) ** 2) / 0.36 + off, float((x[0] - 0.8) ** 2) / 0.36 + off

    for batch in (1, 4):
        run = studied(PLANE, (minimize("a"), minimize("b")), two, 28, batch=batch)
        assert hypervolume(1.0 - run.table.y, np.zeros(2)) > 0.95 * 5 / 6
    last = run.table.x[24:28]
    gaps = np.abs(last[:, None] - last).max(axis=2)[np.triu_indices(4, 1)]
    assert gaps.min() > 0.005, "a batch is spread along the front"


def test_all_of_the_front_is_looked_around_and_nothing_else() -> None:
    """Ten of twelve points are on it: more than the few leaders that a search of one objective looks around."""
    run = Simulation(Problem(PLANE, (minimize("a"), minimize("b"))), Gp(), seed=0)
    for i in range(12):
        number = run.enqueue(np.array([0.08 * i, 0.5]))
        run.start(number)
        run.tell(number, float(i), float(-i) if i < 10 else 5.0)
    run.propose()
    found = Outlook(run.state, PLANE, rng_at(0, 12), 12).best(5)
    np.testing.assert_allclose(np.sort(found[:, 0]), 0.08 * np.arange(10))


def test_three_objectives_with_a_bound_and_five_without_a_hypervolume() -> None:
    def many(x: Floats) -> tuple[float, ...]:
        return (*(float((x[0] - 0.2 * i) ** 2 + (x[1] - 0.5) ** 2) for i in range(5)), float(x[1]))

    for k in (3, 5):
        metrics = (*(minimize(f"m{i}") for i in range(k)), at_most("y", 0.45))
        run = studied(PLANE, metrics, lambda x, k=k: (*many(x)[:k], many(x)[-1]), 20)
        late = run.table.x[10:]
        assert (late[:, 1] <= 0.45).mean() >= 0.5
        assert (late[:, 1] > 0.35).mean() >= 0.5, "near the bound, which binds"


def test_a_constraint_that_was_often_broken_is_kept_by_more() -> None:
    def margins(n_broken: int) -> list[float]:
        run = Simulation(Problem(PLANE, BOUND), Gp(), seed=0)
        for i, x in enumerate(PLANE.sample(np.random.default_rng(0), 36)):
            number = run.enqueue(x)
            run.start(number)
            run.tell(number, float(x[0]), 0.7 if i < 16 or i >= 36 - n_broken else 0.5, 100.0 + 10 * float(x[1]))
        run.propose()
        outlook = Outlook(run.state, PLANE, rng_at(0, 36), 36)
        return Score(run.state, run.table, outlook).margins

    assert margins(0)[0] == margins(1)[0] == 1.0
    assert margins(6)[0] == pytest.approx(1.0 + 16 * 0.25)
