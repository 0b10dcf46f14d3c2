from __future__ import annotations

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import SpaceError
from trimtab.optim.grid import Grid
from trimtab.space.condition import given
from trimtab.space.parameter import Categorical, Float, Int, Ordinal
from trimtab.space.problem import Problem, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import PROBLEMS, Simulation, plain_history, rough_history


def simulation(space: Space, *options, **named) -> Simulation:
    return Simulation(Problem(space, [minimize("loss")]), Grid(*options, **named))


def walk(space: Space, *options, **named) -> list[dict]:
    run = simulation(space, *options, **named)
    run.ask(10_000)
    return space.decode(run.table.x)


def test_a_finite_space_is_tried_whole_with_the_last_parameter_fastest():
    space = Space(a=Int(0, 2), b=Categorical([True, False]))
    assert walk(space) == [{"a": a, "b": b} for a in (0, 1, 2) for b in (True, False)]


def test_a_mixed_space_is_tried_at_a_few_values_of_each_continuum():
    points = walk(Space(lr=Float(1e-4, 1, log=True), n=Int(1, 20), wide=Int(0, 100), size=Ordinal(["s", "m"])))
    seen = {name: sorted({point[name] for point in points}, key=str) for name in points[0]}
    assert sorted(seen["lr"]) == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1])
    assert sorted(seen["n"]) == list(range(1, 21))
    assert sorted(seen["wide"]) == [0, 25, 50, 75, 100]
    assert len(points) == 5 * 20 * 5 * 2


def test_the_resolution_is_one_number_or_one_by_name():
    space = Space(x=Float(0, 1), y=Float(0, 1, default=0.3))
    assert len(walk(space, 3)) == 9
    assert len(walk(space, {"x": 4})) == 4 * 5
    assert walk(space, 1) == [{"x": 0.5, "y": 0.3}]


def test_inactive_branches_do_not_multiply_the_grid():
    space = PROBLEMS["branches"].space
    points = walk(space)
    lines, trees = 1, 9 * 5
    nets = (1 + 2 * 3) * 5  # one layer has no width
    assert len(points) == lines + trees + nets
    assert len({str(point) for point in points}) == len(points)


def test_points_that_violate_a_constraint_are_left_out():
    points = walk(Space(a=Int(0, 4), b=Int(0, 4), require=["a < b"]))
    assert [(p["a"], p["b"]) for p in points] == [(a, b) for a in range(5) for b in range(5) if a < b]


def test_it_goes_on_where_the_table_ends():
    space = Space(a=Int(0, 3), b=Int(0, 3))
    whole = walk(space)
    run = simulation(space)
    plain_history(run, 5)
    later = simulation(space)  # knows the table alone
    for x in run.table.x:
        number = later.enqueue(x)
        later.start(number)
        later.tell(number)
    later.ask(100)
    assert space.decode(later.table.x) == whole
    assert len(later.propose().x) == 0


@pytest.mark.parametrize("shuffle", [False, True])
def test_nothing_is_proposed_twice_whatever_happens(shuffle):
    run = simulation(
        Space(a=Int(0, 5), b=Categorical(["x", "y", "z"]), c=Int(0, 1, when=given("b") == "x")), shuffle=shuffle
    )
    rough_history(run, 100, seed=2)
    proposed = [str(run.table.x[n]) for n in range(len(run.table)) if not run.table.is_enqueued(n)]
    assert len(set(proposed)) == len(proposed)
    assert {str(x) for x in run.table.x} == {str(run.problem.space.encode([p])[0]) for p in walk(run.problem.space)}


def test_shuffled_it_is_the_same_grid_in_another_order():
    space = Space(a=Int(0, 9), b=Int(0, 9))
    plain, shuffled = walk(space), walk(space, shuffle=True)
    assert shuffled != plain
    assert sorted(map(str, shuffled)) == sorted(map(str, plain))


def test_what_is_given_has_a_grid_of_its_own():
    run = simulation(Space(a=Float(0, 1), b=Int(0, 2)))
    x = run.propose(10, given=np.array([0.123, np.nan])).x
    assert x.tolist() == [[0.123, 0], [0.123, 1], [0.123, 2]]


@pytest.mark.parametrize(
    ("resolution", "message"),
    [
        (0, "whole number from 1 to 100,000, got 0"),
        (True, "whole number from 1 to 100,000, got True"),
        ({"x": 2.5}, "the resolution of x to be a whole number"),
        ({"X": 3}, r"'X', which is no parameter of this space.*there are: x, c"),
        ({"c": 2}, "its 3 choices have no order"),
    ],
)
def test_a_resolution_that_cannot_be_is_refused(resolution, message):
    with pytest.raises(SpaceError, match=message):
        simulation(Space(x=Float(0, 1), c=Categorical(["p", "q", "r"])), resolution).ask()


def test_a_grid_without_a_point_that_may_be_tried_says_so():
    """The constraint holds between the points of the grid, and at none of them."""
    space = tt.Space(a=tt.Float(0, 1), b=tt.Float(0, 1), require=["a > 0.3", "a < 0.4"])
    with pytest.raises(SpaceError, match=r"no point of the grid satisfies 'a > 0.3' and 'a < 0.4', but points between"):
        tt.tune(lambda trial: 0.0, space, minimize="loss", optimizer="grid", budget=5)
    study = tt.create_study(space, minimize="loss", optimizer="grid")
    study.enqueue({"a": 0.35, "b": 0.5})
    study.tell(study.ask(), 1.0)
    with pytest.raises(SpaceError, match="no point of the grid"):
        study.ask()


def test_a_grid_of_a_space_without_a_point_says_so():
    space = tt.Space(a=tt.Int(1, 9), b=tt.Int(1, 9), require=["a * b <= 0.5"])
    with pytest.raises(SpaceError, match="satisf"):
        tt.create_study(space, minimize="loss", optimizer="grid").ask()
