from __future__ import annotations

import numpy as np
import pytest

from trimtab.model.features import Features
from trimtab.optim.gp import Gp
from trimtab.optim.gp.settings import Settings
from trimtab.optim.gp.trust import TrustRegion
from trimtab.space.condition import given
from trimtab.space.parameter import Categorical, Float, Int, Parameter
from trimtab.space.problem import Problem, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation

SETTINGS = Settings()
FROM, RADIUS, OUTSIDE = SETTINGS.trust_from, SETTINGS.trust_radius, SETTINGS.outside
WIDE = Space({f"x{i}": Float(0, 10) for i in range(FROM)} | {"few": Int(1, 3)})


def region(space: Space, tried: np.ndarray) -> TrustRegion:
    return TrustRegion(space, Features(space), tried, SETTINGS)


def middle(space: Space, **values: float) -> np.ndarray:
    row = space.from_unit(np.full((1, len(space)), 0.5))
    for name, value in values.items():
        row[0, space.column(name)] = value
    return row


def test_outside_is_what_is_far_from_every_centre_in_any_coordinate() -> None:
    one = region(WIDE, middle(WIDE))
    assert one.radius is not None
    assert one.radius == pytest.approx(RADIUS, abs=0.01)
    near, far, farther = middle(WIDE, x0=7.0, x1=3.0), middle(WIDE, x0=8.0), middle(WIDE, x0=9.5)
    assert one.cost(near).tolist() == [0.0]
    assert OUTSIDE < one.cost(far)[0] < one.cost(farther)[0], "of points outside the nearest is best"
    one.add(far)
    assert one.cost(farther).tolist() == [0.0]


def test_a_parameter_of_few_values_is_free() -> None:
    assert region(WIDE, middle(WIDE, few=1)).cost(middle(WIDE, few=3)).tolist() == [0.0]


def test_small_spaces_and_long_histories_have_no_region() -> None:
    small = Space({f"x{i}": Float(0, 10) for i in range(FROM - 1)})
    assert region(small, middle(small)).radius is None
    rows = WIDE.sample(np.random.default_rng(0), 200)
    radii = [region(WIDE, rows[:n]).radius for n in (1, 50, 200)]
    assert radii[0] is not None
    assert radii[1] is not None
    assert radii[0] < radii[1] < SETTINGS.trust_everywhere
    assert radii[2] is None
    assert region(WIDE, rows).cost(WIDE.sample(np.random.default_rng(1), 3)).tolist() == [0.0] * 3


def test_rows_of_another_branch_are_apart_only_in_what_both_have() -> None:
    def branch(kind: str) -> dict[str, Parameter]:
        return {f"{kind}{i}": Float(0, 1, when=given("kind") == kind) for i in range(10)}

    both = {f"x{i}": Float(0, 1) for i in range(10)}
    space = Space({"kind": Categorical(("p", "q"))} | both | branch("p") | branch("q"))
    rows = space.sample(np.random.default_rng(0), 60)
    p, q = rows[rows[:, 0] == 0], rows[rows[:, 0] == 1]
    tried = p[:5]
    one = region(space, tried)
    assert one.radius is not None
    twins = q.copy()
    twins[:, 1:11] = tried[0, 1:11]
    assert (one.cost(twins) == 0.0).all()
    assert (one.cost(p[5:]) > 0.0).any()


def test_branches_count_by_what_is_active_at_once() -> None:
    space = Space(
        {"kind": Categorical(("p", "q"))}
        | {f"{k}{i}": Float(0, 1, when=given("kind") == k) for k in "pq" for i in range(FROM - 1)}
    )
    assert region(space, space.sample(np.random.default_rng(0), 5)).radius is None


@pytest.mark.parametrize("seed", range(2))
def test_proposals_keep_near_what_was_tried_until_the_region_is_all(seed: int) -> None:
    space = Space({f"x{i}": Float(0, 1) for i in range(FROM)})
    run = Simulation(Problem(space, (minimize("loss"),)), Gp(), seed)
    for _ in range(40):
        for number in run.ask(2):  # the second of a batch has the first for a centre
            run.start(number)
            run.tell(number, float(((run.table.x[number] - 0.3) ** 2).sum()))
    x = run.table.x
    by_model = [n for n in range(len(x)) if "improves" in (run.table.origin(n).why or "")]
    assert len(by_model) > 50
    for n in by_model:
        within = region(space, x[:n]).radius
        assert within is not None
        assert np.abs(x[:n] - x[n]).max(axis=1).min() <= within
