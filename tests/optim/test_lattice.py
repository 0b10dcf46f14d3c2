from __future__ import annotations

import time
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.optim.lattice import Lattice, Taken, slowest_first
from trimtab.space.condition import given as given_that
from trimtab.space.parameter import Categorical, Float, Int, Ordinal
from trimtab.space.space import Space

PLAIN = Space(a=Categorical(["p", "q"]), b=Int(1, 3), c=Ordinal([8, 16, 32, 64]))
TREE = Space(
    depth=Int(0, 2, when=given_that("kind") == "tree"),
    kind=Categorical(["line", "tree", "net"]),
    layers=Int(1, 3, when=given_that("kind") == "net"),
    width_2=Ordinal([8, 16], when=given_that("layers") >= 2),
    width_3=Ordinal([8, 16], when=given_that("layers") >= 3),
    scale=Categorical([True, False]),
)
WALLED = Space(
    {name: Int(0, 5) for name in "abcd"},
    require=["a + b <= 4", "a * d != 6", "c >= b", "max(c, d) > a"],
)
BOTH = Space(
    {name: parameter for name, parameter in zip(TREE.names, TREE.parameters, strict=True)},
    require=["width_2 >= width_3", "layers + depth < 3", "depth != 1"],
)
SPACES = {"plain": PLAIN, "tree": TREE, "walled": WALLED, "both": BOTH}


def axes(space: Space) -> list[np.ndarray]:
    return [np.array([p.grid.value(k) for k in range(p.grid.n)]) for p in space.parameters if p.grid is not None]


def brute_force(space: Space, lattice_axes: list[np.ndarray]) -> list[tuple[float, ...]]:
    """Return the points in the order of the lattice: all products, made canonical, each once."""
    order = slowest_first(space)
    points: dict[bytes, tuple[float, ...]] = {}
    for values in product(*(lattice_axes[column] for column in order)):
        x = np.empty(len(space))
        x[order] = values
        x = space.canonical(x)
        if space.satisfied(x):
            points.setdefault(x.tobytes(), tuple(x.tolist()))
    return list(points.values())


def walk(lattice: Lattice) -> list[int]:
    ranks = []
    rank = lattice.first(0)
    while rank < lattice.size:
        ranks.append(rank)
        rank = lattice.next(rank)
    return ranks


@pytest.mark.parametrize("name", SPACES)
def test_the_walk_visits_every_point_once_and_no_other(name: str) -> None:
    space = SPACES[name]
    lattice = Lattice(space, axes(space))
    ranks = walk(lattice)
    np.testing.assert_array_equal(lattice.rows(ranks), brute_force(space, axes(space)))
    assert ranks == sorted(set(ranks))
    if not space.constraints:
        assert len(ranks) == space.n_configurations


@pytest.mark.parametrize("name", SPACES)
def test_rank_and_row_are_inverse(name: str) -> None:
    lattice = Lattice(SPACES[name], axes(SPACES[name]))
    ranks = walk(lattice)
    assert lattice.ranks(lattice.rows(ranks)) == ranks


@pytest.mark.parametrize("name", SPACES)
def test_the_first_point_from_any_rank_is_the_next_in_the_walk(name: str) -> None:
    lattice = Lattice(SPACES[name], axes(SPACES[name]))
    ranks = np.array([*walk(lattice), lattice.size])
    for rank in range(lattice.size):
        assert lattice.first(rank) == ranks[np.searchsorted(ranks, rank)]


@pytest.mark.parametrize("name", SPACES)
def test_parameters_that_must_be_active_are(name: str) -> None:
    space = SPACES[name]
    points = np.array(brute_force(space, axes(space)))
    for column in range(len(space)):
        lattice = Lattice(space, axes(space), np.arange(len(space)) == column)
        np.testing.assert_array_equal(lattice.rows(walk(lattice)), points[~np.isnan(points[:, column])])


def test_rows_off_the_grid_have_no_rank() -> None:
    space = Space(a=Float(0, 1), b=Int(0, 3, when=given_that("a") >= 0.5), require=["a + b <= 3"])
    lattice = Lattice(space, [np.array([0.0, 0.5, 1.0]), np.arange(4.0)])
    rows = [[0.25, np.nan], [0.5, 1.0], [1.0, 3.0], [0.5, np.nan], [0.0, np.nan], [1.0000001, 0.0]]
    assert lattice.ranks(np.array(rows)) == [5, 0]
    assert lattice.ranks(np.empty((0, 2))) == []


def test_a_drawn_point_is_one_of_the_grid() -> None:
    lattice = Lattice(TREE, axes(TREE))
    rng = np.random.default_rng(0)
    assert {lattice.draw(rng.random(len(TREE))) for _ in range(1000)} == set(walk(lattice))
    assert lattice.draw(np.full(len(TREE), np.nextafter(1, 0))) == max(walk(lattice))


def test_parents_come_first_then_the_least_urgent() -> None:
    space = Space(
        child=Float(0, 1, when=given_that("parent") == 1, priority=2),
        urgent=Float(0, 1, priority=1),
        plain=Float(0, 1),
        parent=Int(0, 1, priority=1),
        other=Float(0, 1),
    )
    assert [space.names[column] for column in slowest_first(space)] == ["plain", "other", "urgent", "parent", "child"]


def test_a_huge_grid_is_walked_at_once() -> None:
    space = Space({f"x{i}": Int(0, 9) for i in range(50)})
    lattice = Lattice(space, axes(space))
    assert lattice.size == 10**50
    far = 10**49 + 123
    np.testing.assert_array_equal(lattice.rows([far])[0], [int(digit) for digit in f"{far:050d}"])
    assert lattice.ranks(lattice.rows([far])) == [far]
    assert lattice.next(far) == far + 1


def test_impossible_branches_are_passed_over_whole() -> None:
    """The first 9 * 10**8 of 10**9 points violate what the first parameter alone decides; the others need two."""
    space = Space({f"x{i}": Int(0, 9) for i in range(9)}, require=["x0 >= 9", "x1 + x2 == 17"])
    lattice = Lattice(space, axes(space))
    begun = time.process_time()
    first = lattice.first(0)
    assert time.process_time() - begun < 1.0
    assert lattice.rows([first])[0].tolist() == [9, 8, 9, 0, 0, 0, 0, 0, 0]


def test_inactive_branches_are_passed_over_whole() -> None:
    space = Space(
        {"on": Categorical([False, True])} | {f"x{i}": Int(0, 9, when=given_that("on") == True) for i in range(12)}  # noqa: E712
    )
    lattice = Lattice(space, axes(space))
    assert lattice.next(0) == 10**12
    assert lattice.first(1) == 10**12


@settings(max_examples=300, deadline=None)
@given(st.permutations(range(12)), st.integers(0, 12))
def test_stretches_are_what_a_set_would_be(order: list[int], n: int) -> None:
    """Points at uneven ranks, taken in any order."""
    points = [k * k for k in range(12)]
    ends = [*points[1:], 150]
    taken, tried = Taken(), set()
    for i in [*order[:n], *order[: n // 2]]:
        taken.add(points[i], ends[i])
        tried.add(points[i])
    for rank in points:
        expected = next((point for point in points if point >= rank and point not in tried), 150)
        assert taken.after(rank) == expected
    assert len(taken._starts) <= max(1, n)
    assert taken._starts == sorted(taken._starts)
