"""What earlier studies say: which are believed, what they put first, and how rows of theirs become rows of this one."""

from __future__ import annotations

import numpy as np
import pytest

import trimtab as tt
from trimtab.arrays import Floats
from trimtab.ledger.event import Past, Told
from trimtab.model.features import Features
from trimtab.model.observations import Observations
from trimtab.model.past import Sources, fitted, labels_of, portfolio, proposed, rows_of, shares
from trimtab.model.settings import MODEL
from trimtab.model.surrogate import Surrogate
from trimtab.numerics.warp import warp
from trimtab.space.problem import Problem, minimize
from trimtab.testing.simulation import Simulation

SPACE = tt.Space(x=tt.Float(0.0, 1.0), y=tt.Float(0.0, 1.0))


def past(name: str, centre: float, n: int = 25, sign: float = 1.0) -> Past:
    rng = np.random.default_rng(len(name) + n)
    x = rng.random((n, 2))
    losses = sign * ((x - centre) ** 2).sum(axis=1)
    theta = fitted(Features(SPACE), x, labels_of(losses.tolist()))
    return Past(
        name,
        metric="loss",
        n_over=n,
        x=tuple(map(tuple, x.tolist())),
        losses=tuple(losses.tolist()),
        trials=tuple(range(n)),
        theta=tuple(theta.tolist()),
    )


def sources(*each: Past) -> Sources:
    return Sources(each, SPACE, Features(SPACE))


def results(n: int, centre: float, seed: int = 5) -> tuple[Floats, Floats]:
    x = np.random.default_rng(seed).random((n, 2))
    return x, warp(((x - centre) ** 2).sum(axis=1))


def test_before_any_result_all_are_believed() -> None:
    both = sources(past("a", 0.3), past("b", 0.3, sign=-1.0))
    assert shares(both.said(np.empty((0, 2))), np.empty(0)).tolist() == [1.0, 1.0]
    assert shares(both.said(np.array([[0.1, 0.2]])), np.zeros(1)).tolist() == [1.0, 1.0]


def test_one_that_has_the_order_wrong_is_not_believed() -> None:
    x, labels = results(6, 0.35)
    right, wrong = shares(sources(past("a", 0.3), past("b", 0.3, sign=-1.0)).said(x), labels).tolist()
    assert right > 0.8
    assert wrong == 0.0


def test_of_two_results_in_the_wrong_order_one_pair_suffices() -> None:
    # else a misleading study would cost more than the trial that it put first
    x = np.array([[0.3, 0.3], [0.9, 0.9]])
    assert shares(sources(past("a", 0.3)).said(x), np.array([-0.5, 0.5])).tolist() == [0.0]


def test_what_is_expected_is_centred_and_has_the_gradient_of_its_mean() -> None:
    features = Features(SPACE)
    x, labels = results(5, 0.35)
    found = sources(past("a", 0.3), past("bb", 0.4)).expected(x, labels)
    assert found is not None
    assert found.names == ("a", "bb")
    assert abs(found.known.mean()) < 1e-12
    np.testing.assert_allclose(found.mean(features.embed(x)), found.known, atol=1e-9)
    u, h = features.unit(x) * 0.9 + 0.05, 1e-6
    z = features.embed(x)
    numeric = np.column_stack(
        [
            (found.mean(features.move(z, x, u + s)) - found.mean(features.move(z, x, u - s))) / (2 * h)
            for s in h * np.eye(2)
        ]
    )
    np.testing.assert_allclose(found.mean_with_gradient(z, x, u)[1], numeric, rtol=1e-5, atol=1e-7)


def test_where_none_is_believed_nothing_is_expected() -> None:
    x, labels = results(6, 0.35)
    assert sources(past("b", 0.3, sign=-1.0)).expected(x, labels) is None


def test_how_fast_results_vary_is_expected_to_be_as_in_earlier_studies() -> None:
    # but of a parameter that none of them varied as before
    features = Features(SPACE)
    x = np.column_stack([np.linspace(0.0, 1.0, 30), np.full(30, 0.5)])
    losses = np.sin(20 * x[:, 0])
    theta = fitted(features, x, labels_of(losses.tolist()))
    one = Past("a", x=tuple(map(tuple, x.tolist())), losses=tuple(losses.tolist()), theta=tuple(theta.tolist()))
    centre, was = sources(one).informed(MODEL.prior).centre(2), MODEL.prior.centre(2)
    share = 30.0 / (30.0 + MODEL.past_hold_rows)
    assert centre[3] == pytest.approx(was[3] + share * (theta[3] - was[3]))
    assert centre[3] < was[3] - 1.0
    assert centre[4] == was[4]
    assert centre[0] == was[0]  # the amplitude
    assert centre[2] == pytest.approx(was[2] + share * (theta[2] - was[2]))  # the noise
    weight = np.broadcast_to(sources(one).informed(MODEL.prior).weight, 5)
    assert MODEL.past_hold > weight[2] == weight[3] > weight[4] == MODEL.prior.weight
    both = sources(one, one).informed(MODEL.prior).centre(2)
    assert theta[3] < both[3] < centre[3]
    few = Past("b", x=one.x[:4], losses=one.losses[:4], theta=one.theta)
    assert was[3] > sources(few).informed(MODEL.prior).centre(2)[3] > centre[3]
    assert sources().informed(MODEL.prior) is MODEL.prior


@pytest.mark.parametrize("has_mean", [True, False])
def test_where_a_few_results_on_a_line_look_smooth_the_rest_is_not_taken_for_known(has_mean: bool) -> None:
    def loss(x: Floats) -> Floats:
        found: Floats = np.sin(20 * x[:, 0]) + np.sin(17 * x[:, 1])
        return found

    x, features = np.random.default_rng(1).random((40, 2)), Features(SPACE)
    theta = fitted(features, x, labels_of(loss(x).tolist()))
    one = Past("a", x=tuple(map(tuple, x.tolist())), losses=tuple(loss(x).tolist()), theta=tuple(theta.tolist()))
    run = Simulation(Problem(SPACE, (minimize("loss"),)))
    observations = Observations(run.problem)
    line = np.column_stack([np.linspace(0.1, 0.9, 5), np.full(5, 0.3)])
    for row, value in zip(line, loss(line) + 0.2 * line[:, 0], strict=True):
        number = run.enqueue(row)
        run.start(number)
        run.add(Told(number, {"loss": float(value)}, 1, seconds=1.0))
        observations.tell(run.table, number)
    surrogate = Surrogate(features, np.ones(2), is_tree=False, sources=sources(one), has_mean=has_mean)
    posterior = surrogate.model(observations, None).posterior
    off = features.embed(np.column_stack([line[:, 0], np.full(5, 0.7)]))
    assert (posterior.predict(off)[1] > 0.7 * posterior.amplitude**0.5).all()


def test_predictions_are_those_of_all_rows_however_many_come_at_once() -> None:
    x, _ = results(8, 0.35)
    little_by_little, at_once = sources(past("a", 0.3)), sources(past("a", 0.3))
    for n in range(9):
        little_by_little.said(x[:n])
    np.testing.assert_allclose(little_by_little.said(x), at_once.said(x), rtol=1e-12)


def test_a_portfolio_begins_with_what_does_well_everywhere_and_ends_where_nothing_is_gained() -> None:
    features = Features(SPACE)
    one = portfolio(SPACE, features, [past("a", 0.3)])
    assert len(one) == 1  # no more than its best is to be had of one study
    apart = [past("a", 0.15), past("bb", 0.85)]
    chosen = portfolio(SPACE, features, apart)
    assert {place for place, _ in chosen} == {0, 1}
    assert len(chosen) <= 3
    for place, row in chosen:
        assert apart[place].losses[row] is not None


def test_what_failed_is_as_good_as_the_worst_and_is_never_put_first() -> None:
    labels = labels_of([0.1, None, 0.5])
    assert labels[1] == labels[2] < labels[0]
    assert labels_of([None, None]).tolist() == [0.0, 0.0]


def test_a_row_is_completed_by_defaults_and_held_values() -> None:
    space = tt.Space(
        {"x": tt.Float(0, 1), "new": tt.Int(1, 9), "held": tt.Float(0, 1)}, fixed={"held": 0.25}, require=["x <= 0.8"]
    )
    whole = proposed(space, np.array([0.1, np.nan, np.nan]))
    assert whole is not None
    assert space.fault(whole) == ""
    assert whole[2] == 0.25
    assert proposed(space, np.array([0.9, np.nan, np.nan])) is None  # breaks the constraint
    assert proposed(space, space.default_row()) is None  # which is tried anyway


def test_rows_get_empty_columns_for_what_the_space_has_learned_since() -> None:
    rows = rows_of(Past("a", x=((0.1, None), (0.2, 0.3)), losses=(1.0, 2.0), trials=(0, 1)), 3)
    assert np.array_equal(rows, [[0.1, np.nan, np.nan], [0.2, 0.3, np.nan]], equal_nan=True)
