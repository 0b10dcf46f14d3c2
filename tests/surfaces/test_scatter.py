"""The picture of two objectives: all that is drawn is where it belongs, and nothing covers anything."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import trimtab as tt
from trimtab.model.dominance import undominated
from trimtab.surfaces.render.scatter import BEATEN, CHOSEN, FRONT, INFEASIBLE, ROWS, Points, axes, drawn, points_of
from trimtab.surfaces.render.text import width

WIDTHS = (60, 80, 100, 140)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def points(y: np.ndarray, feasible: np.ndarray | None = None, chosen: int | None = None) -> Points:
    """Return points of which the first is to be small and the second large."""
    feasible = np.ones(len(y), dtype=bool) if feasible is None else feasible
    front = np.zeros(len(y), dtype=bool)
    front[feasible] = undominated(y[feasible] * [1.0, -1.0])
    return Points(np.arange(len(y)) + 7, y, front, feasible, ("min loss", "max speed"), (1.0, -1.0), chosen)


def canvas(lines: list[str]) -> list[str]:
    """Return what is drawn, without axes and words."""
    return [line.partition("│")[2] for line in lines if "│" in line]


@pytest.mark.parametrize("cells", WIDTHS)
@pytest.mark.parametrize("seed", range(5))
def test_numbers_cover_no_point_and_no_other_number(cells: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = np.column_stack([rng.random(200), rng.random(200)]) ** 2
    shown = points(y, rng.random(200) < 0.8)
    lines = drawn(shown, cells)
    assert max(map(width, lines)) <= cells
    text = canvas(lines)
    assert len(text) == ROWS
    found = [word for line in text for word in re.findall(r"\d+", line)]
    known = set(map(str, shown.numbers[shown.front].tolist()))
    assert found
    assert set(found) <= known, "a number is that of one trial on the front, whole"
    assert len(found) == len(set(found))
    for line in text:
        for match in re.finditer(r"\d+", line):
            around = line[max(0, match.start() - 1) : match.start()], line[match.end() : match.end() + 1]
            assert FRONT in around, "it stands beside its point"
    _, up = axes(shown)
    for i in np.flatnonzero(shown.front).tolist():
        row = round((1.0 - float(up.at(y[i : i + 1, 1])[0])) * (ROWS - 1))
        assert FRONT in text[row], "all of the front is there"


def test_signs_say_what_a_trial_is() -> None:
    y = np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 0.5], [0.1, 0.9]])
    text = "\n".join(drawn(points(y, np.array([True, True, True, False]), chosen=8), 60))
    assert f"{CHOSEN} chosen, {FRONT} on the front, {BEATEN} beaten, {INFEASIBLE} infeasible\n" in text
    assert [text.count(sign) for sign in (CHOSEN, FRONT, BEATEN)] == [2, 2, 2]
    assert f"{CHOSEN}8" in text or f"8{CHOSEN}" in text
    assert "up: max speed; across: min loss" in text


def test_one_bad_trial_does_not_press_the_front_into_a_corner() -> None:
    y = np.array([[0.0, 0.0], [0.5, 0.7], [1.0, 1.0], [1e6, 0.5]])
    text = drawn(points(y), 80)
    assert "1 lies outside the picture" in text[1]
    assert text[-1].split() == ["0", "1"]


def test_what_spans_orders_of_magnitude_is_logarithmic() -> None:
    y = np.array([[1e-4, 1.0], [1e-3, 2.0], [1e-2, 3.0], [1e-1, 4.0]])
    across, up = axes(points(y))
    assert (across.is_log, up.is_log) == (True, False)
    assert across.at(y[:, 0]) == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert "across: min loss (logarithmic)" in drawn(points(y), 80)[0]


def test_a_level_objective_is_said_to_be_one() -> None:
    text = drawn(points(np.array([[3.0, 1.0], [3.0, 2.0]])), 60)
    assert "across: min loss, 3 everywhere" in text[0]
    assert text[-1].lstrip().startswith("└")


@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=15), st.integers(12, 150))
def test_whatever_the_numbers_there_is_a_picture(rows: list[tuple[float, float]], cells: int) -> None:
    lines = drawn(points(np.array(rows)), cells)
    text = canvas(lines)
    assert any(FRONT in line for line in text)
    assert max(map(len, text)) <= cells


def test_only_two_objectives_with_a_front_are_drawn() -> None:
    for n, is_drawn in ((1, False), (2, True), (3, False)):
        objectives = [tt.minimize(f"m{i}") for i in range(n)]
        study = tt.create_study(tt.Space(x=tt.Float(0, 1)), objectives=objectives, optimizer="random", seed=0)
        assert points_of(study.table, []) is None
        study.tell(study.ask(), {f"m{i}": 0.0 for i in range(n)})
        assert (points_of(study.table, [0]) is not None) == is_drawn


def test_a_notebook_shows_the_front_and_what_is_feasible() -> None:
    objectives = [tt.minimize("<loss>"), tt.maximize("speed")]
    study = tt.create_study(
        tt.Space(x=tt.Float(0, 1)),
        objectives=objectives,
        constraints=[tt.at_most("ms", 30)],
        optimizer="random",
        seed=0,
    )
    rows = [(0.3, 3.0, 1.0), (0.1, 1.0, 2.0), (0.4, 2.0, 3.0), (0.2, 9.0, 31.0)]
    for told in rows[3:]:
        study.tell(study.ask(), dict(zip(study.problem.metric_names, told, strict=True)))
    text = study._repr_html_()
    assert "0 of 1 complete trial feasible" in text
    assert "trial 0 comes nearest with ms = 31, 1 above its bound of 30" in text
    for told in rows[:3]:
        study.tell(study.ask(), dict(zip(study.problem.metric_names, told, strict=True)))
    text = study._repr_html_()
    assert "3 of 4 complete trials feasible" in text
    assert "2 trials are on the front of min &lt;loss&gt; and max speed" in text
    assert re.findall(r"<th[^>]*>([^<]*)</th>", text) == ["front", "min &lt;loss&gt;", "max speed", "ms &lt;= 30", "x"]
    front = [re.findall(r"<td[^>]*>([^<]*)</td>", row)[:3] for row in text.split("<tr>")[2:]]
    assert front == [["2", "0.1", "1"], ["1", "0.3", "3"]], "from the best in the first objective on"
    assert len(re.findall("<title>trial [12]: ", text)) == 2
    assert ">infeasible<" in study.table._repr_html_()
