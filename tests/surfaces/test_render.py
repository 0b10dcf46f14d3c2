from __future__ import annotations

import io
import math
import re
import sys

import pytest

from trimtab.ledger.table import TrialView
from trimtab.study.loop import Status
from trimtab.surfaces.render import progress
from trimtab.surfaces.render.numbers import count, duration, moment, number, size
from trimtab.surfaces.render.spark import sparkline
from trimtab.surfaces.render.table import columns, render
from trimtab.surfaces.render.text import clean, cut, first_line, width


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Gone(io.StringIO):
    """A terminal whose window was closed."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


BEST = TrialView(number=7, params={"lr": 0.0012, "layers": 4}, metrics={"loss": 0.01234}, state="complete")
STATUS = Status(
    "resnet",
    "loss",
    "minimize",
    n_complete=40,
    n_failed=2,
    budget_trials=100,
    elapsed_s=84,
    trials_per_s=0.5,
    best=BEST,
)
ENDED = Status("resnet", "loss", "minimize", n_complete=100, budget_trials=100, reason="the budget is used up")


# -- numbers and text ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"), (0.0, "0"), (-0.0, "0"), (3.0, "3"), (999_999, "999999"), (1e6, "1e6"), (2_500_000, "2.5e6"),
        (0.01234, "0.01234"), (0.0123456, "0.01235"), (1234.6, "1235"), (9.99951, "10"), (1.2e-5, "1.2e-5"),
        (-0.5, "-0.5"), (999_999.5, "1e6"), (5e-324, "4.941e-324"), (math.nan, "nan"), (-math.inf, "-inf"),
    ],
)  # fmt: skip
def test_a_number_has_four_digits(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"), (math.nan, "-"), (0, "0 ms"), (1e-5, "< 1 ms"), (0.045, "45 ms"), (0.9996, "1.0 s"),
        (1.25, "1.2 s"), (12.34, "12 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (3599.6, "1 h 00 min"),
        (3720, "1 h 02 min"),
        (86_399, "1 d 00 h"), (183_600, "2 d 03 h"), (-5, "-5.0 s"), (math.inf, "for ever"),
    ],
)  # fmt: skip
def test_a_duration_has_two_units(seconds, text):
    assert duration(seconds) == text


def test_sizes_counts_and_moments():
    assert [size(n) for n in (0, 512, 999.6, 2e9, 1.5e12, 1e18)] == [
        "0 B",
        "512 B",
        "1 kB",
        "2 GB",
        "1.5 TB",
        "1000 PB",
    ]
    assert [count(n, "trial") for n in (0, 1, 1234)] == ["0 trials", "1 trial", "1,234 trials"]
    assert moment(None) == "-"


def test_text_is_measured_and_cut_in_cells():
    assert [width(text) for text in ("abc", "学习率", "e\u0301")] == [3, 6, 1]
    assert [cut("学习率", n) for n in (6, 5, 4, 1, 0)] == ["学习率", "学习…", "学…", "…", ""]


def test_no_escape_sequence_reaches_the_terminal():
    assert clean("\x1b[31mred\n") == "\\x1b[31mred\\n"
    assert first_line("\n  \x07 bell \nmore") == "\\x07 bell"


def test_a_curve_in_one_line():
    assert sparkline([0, 1, math.nan, 0.5]) == "▁█ ▅"
    assert sparkline([3.0] * 3) == "▄▄▄"
    assert sparkline([math.nan, math.inf]) == "  "
    assert sparkline([-1.7e308, 1.7e308]) == "▁█"
    assert len(sparkline(range(1000))) == 32
    assert sparkline([]) == ""


# -- tables ----------------------------------------------------------------------------------------------------------


def test_a_table_is_aligned_and_has_no_trailing_spaces():
    assert render(columns("name", "n", right=["n"]), [["a", "1"], ["学习", "10"]]) == "name   n\na      1\n学习  10\n"


def test_the_widest_column_is_cut_first():
    text = render(columns("id", "error", "why"), [["1", "e" * 80, "w" * 20]], cells=50)
    assert max(map(width, text.splitlines())) == 50
    assert "w" * 20 in text
    assert "e…" in text


def test_a_cell_stays_on_its_line():
    assert render(columns("a", "b"), [["x\ny", "\x1b[2J"]]).count("\n") == 2


# -- progress --------------------------------------------------------------------------------------------------------


def test_a_line_says_all_of_it():
    assert progress.sentence(STATUS) == (
        "resnet: 42 of 100 trials, 2 failed, 0.5 trials/s, about 1 min 56 s left, best loss = 0.01234 (trial 7)"
    )
    assert progress.farewell(ENDED) == "resnet: 100 of 100 trials; the budget is used up"


def test_the_nearest_limit_counts():
    status = Status(
        "a", "loss", "minimize", n_complete=10, budget_trials=100, budget_s=100, budget_cost=10, elapsed_s=50, cost=9,
        trials_per_s=1,
    )  # fmt: skip
    assert progress.fraction(status) == 0.9
    assert progress.seconds_left(status) == pytest.approx(50 / 9)
    assert progress.fraction(Status("a", "loss", "minimize")) is None
    assert progress.seconds_left(Status("a", "loss", "minimize", budget_trials=3)) is None


@pytest.mark.parametrize("display", [progress.Lines, progress.Line, progress.Panel])
def test_every_display_ends_with_what_was_done_and_why(display, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    shown = display("resnet", out, every_s=0, **({"news_s": 0} if display is progress.Lines else {}))
    shown.update(STATUS)
    shown.update(STATUS)
    shown.close(ENDED)
    assert "best loss = 0.01234 (trial 7)" in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue())
    assert out.getvalue().endswith(f"{progress.farewell(ENDED)}\n")


@pytest.mark.parametrize("display", [progress.Lines, progress.Line, progress.Panel])
def test_nobody_looking_ends_no_study(display):
    shown = display("resnet", Gone(), every_s=0)
    for _ in range(3):
        shown.update(STATUS)
    shown.close(ENDED)


@pytest.mark.parametrize("display", [progress.Lines, progress.Line, progress.Panel])
def test_a_study_that_goes_on_says_so_once(display):
    out = Terminal()
    shown = display("resnet", out)
    for _ in range(3):
        shown.update(Status("resnet", "loss", "minimize", n_before=3))
    shown.close(ENDED)
    assert out.getvalue().count("resnet: goes on, with 3 trials on record") == 1


def test_a_shorter_line_leaves_nothing_of_a_longer_one(monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    out = Terminal()
    line = progress.Line("resnet", out, every_s=0)
    line.update(STATUS)
    line.update(Status("r", "loss", "minimize"))
    first, second = out.getvalue().split("\r")[1:]
    assert len(second) == len(first)
    assert second.rstrip() == "r: 0 trials"


def test_a_stream_that_knows_only_ascii_gets_question_marks():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    progress.Lines("研究", stream).close(Status("研究", "loss", "minimize", reason="done"))
    assert raw.getvalue().splitlines()[-1] == b"??: 0 trials; done"


def test_the_display_suits_the_stream(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(progress.auto("a", io.StringIO()), progress.Lines)
    assert isinstance(progress.auto("a", Terminal()), progress.Panel)
    monkeypatch.setitem(sys.modules, "rich", None)
    assert isinstance(progress.auto("a", Terminal()), progress.Line)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(progress.auto("a", Terminal()), progress.Lines)
