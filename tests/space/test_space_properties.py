"""What holds for every space: 4,000 spaces and more than 20,000 configurations in them."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from trimtab.errors import StarvedError
from trimtab.space.parameter import Float, Int
from trimtab.space.space import Space
from trimtab.testing.strategies import rows_in, spaces

N_ROWS = 20
# 300 spaces of N_ROWS configurations each; TRIMTAB_EXAMPLES sets another number of spaces.
N_EXAMPLES = int(os.environ.get("TRIMTAB_EXAMPLES", "300"))
examples = settings(
    max_examples=N_EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
fewer = settings(examples, max_examples=N_EXAMPLES // 4)


def rows_of(space: Space, seed: int = 0) -> np.ndarray:
    return space.sample(np.random.default_rng(seed), N_ROWS)


@examples
@given(st.data())
def test_round_trips_are_exact(data):
    space = data.draw(spaces())
    row = data.draw(rows_in(space))
    (params,) = space.decode(row)
    assert space.encode([params]).tobytes() == row[None].tobytes()
    (again,) = space.decode(space.encode([params]))
    assert again == params
    assert [(name, type(value)) for name, value in again.items()] == [(name, type(params[name])) for name in params]
    assert list(params) == [name for name, on in zip(space.names, space.active(row), strict=True) if on]
    assert space.contains(row)
    assert space.canonical(row).tobytes() == row.tobytes()


@examples
@given(st.data())
def test_any_point_of_the_unit_cube_is_a_row(data):
    space = data.draw(spaces(constrained=False))
    u = np.array(data.draw(st.lists(st.floats(0, 1), min_size=len(space), max_size=len(space))))
    row = space.from_unit(u)
    assert space.contains(row)
    for name, parameter, value in zip(space.names, space.parameters, row, strict=True):
        if not np.isnan(value) and isinstance(parameter, Float | Int):
            assert parameter.low <= value <= parameter.high, name
    back = space.to_unit(row)
    assert np.array_equal(np.isnan(back), np.isnan(row))
    assert np.all((back[~np.isnan(back)] >= 0) & (back[~np.isnan(back)] <= 1))
    assert space.to_unit(space.from_unit(back)) == pytest.approx(back, abs=1e-7, nan_ok=True)
    for column, parameter in enumerate(space.parameters):
        if parameter.n_values is not None and not np.isnan(row[column]):
            assert space.from_unit(back)[column] == row[column]


@examples
@given(spaces())
def test_sampled_rows_lie_in_the_space(space):
    rows = rows_of(space)
    assert rows.shape == (N_ROWS, len(space))
    assert np.array_equal(~np.isnan(rows), space.active(rows))
    assert space.satisfied(rows).all()
    assert space.contains(rows).all()
    params = space.decode(rows)
    assert params == [space.decode(row)[0] for row in rows]
    assert space.encode(params).tobytes() == rows.tobytes()


@fewer
@given(spaces())
def test_a_space_survives_json(space):
    again = Space.from_json(json.loads(json.dumps(space.to_json())))
    assert again == space
    assert again.names == space.names
    assert space.differences(again) == []
    assert rows_of(again).tobytes() == rows_of(space).tobytes()


@fewer
@given(spaces())
def test_repr_can_be_evaluated(space):
    import trimtab.space.condition as condition
    import trimtab.space.parameter as parameter

    names = {name: getattr(parameter, name) for name in ("Float", "Int", "Categorical", "Ordinal")}
    assert eval(repr(space), {**names, "Space": Space, "given": condition.given}) == space


@fewer
@given(st.data())
def test_the_count_of_configurations_is_exact(data):
    space = data.draw(spaces(finite=True, constrained=False, max_parameters=3))
    sizes = [parameter.n_values for parameter in space.parameters]
    if np.prod([float(n) for n in sizes]) > 3000:
        return
    axes = [[parameter.grid.value(k) for k in range(n)] for parameter, n in zip(space.parameters, sizes, strict=True)]
    every = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(space))
    held = space.fixed_row()
    if held is not None:
        every = np.where(np.isnan(held), every, held)
    every[~space.active(every)] = np.nan
    assert space.n_configurations == len(np.unique(np.nan_to_num(every, nan=-1e18), axis=0))


@fewer
@given(st.data())
def test_given_values_are_in_every_row(data):
    space = data.draw(spaces(constrained=False))
    row = data.draw(rows_in(space))
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=len(space), max_size=len(space))))
    partial = np.where(keep, row, np.nan)
    try:
        rows = space.sample(np.random.default_rng(0), 3, given=partial)
    except StarvedError:  # a condition such as (a == 0.5) | (b == 0.5), which no chance draw of floats meets
        assert any(parameter.when is not None for parameter in space.parameters)
        reject()
    assert space.contains(rows).all()
    wanted = ~np.isnan(partial)
    assert np.array_equal(rows[:, wanted], np.broadcast_to(partial[wanted], (3, wanted.sum())))
