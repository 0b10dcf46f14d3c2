"""Which processes there are, what each is told, and that metrics without news cost none."""

from __future__ import annotations

import numpy as np
import pytest

from trimtab.arrays import rng_at
from trimtab.ledger.event import Told
from trimtab.model.features import Features
from trimtab.model.labels import OfConstraint, OfObjective, means
from trimtab.model.observations import Observations
from trimtab.model.processes import Processes, Views
from trimtab.model.settings import MODEL
from trimtab.space.parameter import Float
from trimtab.space.problem import Metric, Problem, at_least, at_most, maximize, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation

SQUARE = Space(x=Float(0, 1), y=Float(0, 1))
BOUNDS = (minimize("loss"), at_most("ms", 30), at_least("recall", 0.9))


def told(metrics: tuple[Metric, ...], rows: list[dict[str, float]], *, places: list[int] | None = None) -> Observations:
    """Return what is on record of trials with these results; `places` are their configurations, one each if None."""
    run = Simulation(Problem(SQUARE, metrics))
    observations = Observations(run.problem)
    for i, values in enumerate(rows):
        at = i if places is None else places[i]
        number = run.enqueue(np.array([0.05 * at, (0.37 * at) % 1.0]))
        run.start(number)
        run.add(Told(number, values, 1, seconds=1.0))
        observations.tell(run.table, number)
    return observations


def views(metrics: tuple[Metric, ...], rows: list[dict[str, float]]) -> Views:
    problem = Problem(SQUARE, metrics)
    return Processes(problem, Features(SQUARE), np.ones(2), MODEL).views(told(metrics, rows), rng_at(0, 0))


@pytest.mark.parametrize("reach", [1.0, 10.0])
def test_the_bound_is_a_label_and_better_is_larger(reach: float) -> None:
    rows = [{"loss": 1.0, "ms": 10.0 * i, "recall": 0.5 + 0.1 * i} for i in range(7)]
    observations = told(BOUNDS, rows)
    for j, is_met in ((0, [10.0 * i <= 30 for i in range(7)]), (1, [0.5 + 0.1 * i >= 0.9 for i in range(7)])):
        seen = OfConstraint(j)(observations, 7, reach)
        assert ((seen.labels - seen.zero >= -1e-12) == is_met).all()
        np.testing.assert_array_equal(np.argsort(-seen.labels), np.argsort(seen.losses))
        assert seen.labels.std() == pytest.approx(0.3)
    exactly = OfConstraint(0)(observations, 7, reach)
    assert exactly.labels[3] == pytest.approx(exactly.zero, abs=1e-12), "a metric at its bound"


def test_what_was_not_measured_is_not_known() -> None:
    rows = [
        {"loss": 1.0, "ms": 10.0, "recall": 1.0},
        {"loss": 0.0, "recall": 1.0},
        {"loss": 2.0, "ms": 50.0, "recall": 1.0},
    ]
    observations = told(BOUNDS, rows)
    assert OfConstraint(0)(observations, 3, 1.0).rows.tolist() == [0, 2]
    assert OfObjective(0)(observations, 3, 1.0).rows.tolist() == [0, 1, 2]
    assert means(observations, 3).is_met.tolist() == [True, True, False]


def test_repeats_are_averaged_over_those_that_measured() -> None:
    rows = [
        {"loss": 1.0, "ms": 20.0, "recall": 1.0},
        {"loss": 3.0, "recall": 1.0},
        {"loss": 5.0, "ms": 60.0, "recall": 1.0},
    ]
    found = means(told(BOUNDS, rows, places=[0, 0, 0]), 3)
    assert found.losses.tolist() == [[3.0]]
    assert found.margins[:, 0].tolist() == [10.0]
    assert found.counts.tolist() == [3.0]
    assert found.measured.tolist() == [[2.0, 3.0]]


def test_the_best_that_was_allowed_is_where_labels_of_a_loss_bend() -> None:
    """Far losses on both sides come near, and what is near to what must be beaten keeps its distances."""
    losses = [-1e9, 1.0, 1.1, 1.3, 1.6, 1e12]
    rows = [{"loss": loss, "ms": 99.0 if i == 0 else 1.0, "recall": 1.0} for i, loss in enumerate(losses)]
    labels = OfObjective(0)(told(BOUNDS, rows), 6, 1.0).labels
    assert (np.diff(labels) < 0).all()
    steps = -np.diff(labels)[1:4]
    np.testing.assert_allclose(steps / steps[0], [1.0, 2.0, 3.0], rtol=0.2)
    assert labels.max() - labels.min() < 400 * steps[0]


def test_a_constraint_of_which_nothing_is_known_or_in_doubt_has_no_process() -> None:
    def some(ms: list[float | None]) -> list[dict[str, float]]:
        return [
            {"loss": float(i), "recall": 0.8 + 0.01 * i} | ({} if v is None else {"ms": v}) for i, v in enumerate(ms)
        ]

    n = MODEL.n_first
    assert len(views(BOUNDS, some([20.0 + i for i in range(n)])).constraints) == 2
    assert len(views(BOUNDS, some([None] * n)).constraints) == 1, "never measured"
    assert len(views(BOUNDS, some([7.0] * n)).constraints) == 1, "always the same"
    assert len(views(BOUNDS, some([1.0 + 0.01 * i for i in range(n)])).constraints) == 1, "met by far"
    assert len(views(BOUNDS, some([1.0 + 0.01 * i for i in range(n - 1)])).constraints) == 2, "too few to say so"


def test_objectives_have_their_own_processes_up_to_four() -> None:
    for k, n in ((2, 2), (4, 4), (5, 1)):
        metrics = tuple((minimize if i % 2 else maximize)(f"m{i}") for i in range(k))
        rows = [{f"m{i}": float((7 * i + 3 * j) % 5) for i in range(k)} for j in range(6)]
        assert len(views(metrics, rows).objectives) == n


def test_of_several_objectives_what_is_far_off_keeps_its_distance_from_the_beginning() -> None:
    """A line stays about one: far from the front too a step of the metric is a step of its label."""

    def steps(metrics: tuple[Metric, ...]) -> np.ndarray:
        rows = [{"a": float(i), "b": -float(i), "c": 1.0} for i in range(8)]
        return np.abs(np.diff(views(metrics, [*rows, {"a": 0.5, "b": -9.0, "c": 3.0}]).objectives[0].labels[:8]))

    several = steps((minimize("a"), minimize("b"), at_most("c", 2.0)))
    one = steps((minimize("a"), at_most("c", 2.0)))
    assert several.max() < 1.2 * several.min()
    assert one.max() > 1.2 * one.min(), "one objective bends around its best"


def test_rows_are_few_enough_for_several_posteriors() -> None:
    assert MODEL.kept_rows_each < MODEL.kept_rows
