"""What is said of a name that is a part of another."""

from __future__ import annotations

import pytest

import trimtab as tt
from trimtab.errors import SpaceError


@pytest.mark.parametrize("name", ["svc__C", "model.C"])
def test_a_part_of_a_nested_name_is_told_the_whole(name: str) -> None:
    space = tt.Space({name: tt.Float(0.1, 10.0, log=True), "other": tt.Float(0, 1)})
    with pytest.raises(SpaceError, match=rf"did you mean '{name}'"):
        space.narrow(C=(1.0, 2.0))
