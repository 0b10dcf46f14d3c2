from __future__ import annotations

import io
import math
import re
import sys
from dataclasses import replace

import pytest

from trimtab.ledger.table import TrialView
from trimtab.study.savings import Savings, Unspent
from trimtab.study.standing import Status
from trimtab.surfaces.render import progress, said
from trimtab.surfaces.render.numbers import count, duration, moment, number, size
from trimtab.surfaces.render.spark import sparkline
from trimtab.surfaces.render.table import Column, columns, render
from trimtab.surfaces.render.text import clean, cut, first_line, joined, shortened, width, wrapped


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
        (-0.5, "-0.5"), (999_999.5, "1e6"), (5e-324, "4.941e-324"),
        (1.7976931348623157e308, "1.798e308"), (math.nan, "nan"), (-math.inf, "-inf"),
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


@pytest.mark.parametrize("cells", range(10, 130))
def test_a_live_line_is_made_of_whole_parts_in_any_width(cells):
    text = said.fitted(STATUS, cells)
    assert width(text) <= cells
    whole = said.sentence(STATUS)
    assert "…" not in text
    assert all(part in whole for part in text.split(", "))
    assert text or cells < len("42 of 100 trials")


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


HEADS = [Column("id", right=True), Column("size", rank=1), Column("depth", rank=1), Column("why", rank=2, prose=True)]
ROW = ["1", "123456789", "123456789", "so it was drawn at random " * 3]


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        (200, ["id", "size", "depth", "why"]),
        (60, ["id", "size", "depth", "why"]),
        (50, ["id", "size", "depth", "why"]),
        (49, ["id", "size", "depth"]),
        (24, ["id", "size", "depth"]),
        (23, ["id", "size"]),
        (12, ["id"]),
        (2, ["id"]),
    ],
)
def test_prose_is_shortened_first_and_then_columns_go_by_rank_from_the_right(cells, shown):
    text = render(HEADS, [ROW], cells=cells)
    assert text.splitlines()[0].split() == shown
    assert max(map(width, text.split("\n\n")[0].splitlines())) <= cells
    if len(shown) < 4:
        assert f"{4 - len(shown)} of 4 columns have no room here" in " ".join(text.split())


def test_what_still_fits_stays_though_a_wider_column_of_more_importance_went():
    heads = [Column("id"), Column("error", rank=1), Column("n", rank=2)]
    assert render(heads, [["1", "e" * 80, "5"]], cells=20).splitlines()[0].split() == ["id", "n"]


def test_rows_become_blocks_where_the_essential_columns_have_no_room():
    heads = [Column("id"), Column("loss"), Column("lr", rank=1), Column("why", rank=2, prose=True)]
    text = render(heads, [["1", "0.123456789", "1e-5", "one two three four five"], ["2", "-", "-", "-"]], cells=12)
    why = ["  why: one", "    two", "    three", "    four", "    five"]
    assert text.splitlines() == ["id 1", "  loss 0.123456789", "  lr 1e-5", *why, "id 2"]


def test_prose_is_shortened_by_words_and_wrapped_at_spaces():
    assert shortened("one two three", 9) == "one two …"
    assert shortened("abcdefghij", 5) == "…"
    assert wrapped("best loss = 0.25 ± 0.01 of 3 runs", 16) == ["best", "loss = 0.25 ± 0.01", "of 3 runs"]
    assert wrapped("学习 率 is wide", 5) == ["学习", "率 is", "wide"]
    assert joined(["a=1", "b=2", "c=30"], 14) == "a=1, b=2, c=30"
    assert joined(["a=1", "b=2", "c=300000"], 15) == "a=1, and 2 more"


def test_a_cell_stays_on_its_line():
    assert render(columns("a", "b"), [["x\ny", "\x1b[2J"]]).count("\n") == 2


# -- progress --------------------------------------------------------------------------------------------------------


def test_a_line_says_all_of_it():
    assert said.sentence(STATUS) == (
        "resnet: 42 of 100 trials, 2 failed, 30 trials/min, about 1 min 56 s left, best loss = 0.01234 (trial 7)"
    )
    assert said.farewell(ENDED) == "resnet: 100 of 100 trials; the budget is used up"


@pytest.mark.parametrize(
    ("pace", "text"),
    [
        (98.7, "98.7 trials/s"),
        (1, "1 trials/s"),
        (0.2676, "16.06 trials/min"),
        (1 / 60, "1 trials/min"),
        (0.01, "36 trials/h"),
        (1e-4, "0.36 trials/h"),
    ],
)
def test_a_pace_is_said_by_the_unit_in_which_it_is_a_number_above_one(pace, text):
    assert said.paced(pace) == text


def test_no_time_is_left_at_a_limit():
    status = Status("a", "loss", "minimize", n_complete=10, n_running=1, budget_trials=10, trials_per_s=2)
    assert said.sentence(status) == "a: 10 of 10 trials, 1 running, 2 trials/s"


def test_a_budget_counts_configurations_where_trials_go_on_with_others():
    status = Status("a", "loss", "minimize", n_complete=14, n_continued=5, budget_trials=18, trials_per_s=14)
    assert said.budget_text(status) == "9 of 18 configurations in 14 trials"
    assert said.fraction(status) == 0.5
    assert said.seconds_left(status) == pytest.approx(1.0)


@pytest.mark.parametrize("error", ["it is 'abc', a str.", "it is 'abc', a str", "it is 'abc', a str.\nmore."])
def test_a_failure_that_is_a_sentence_is_said_within_one(error):
    view = TrialView(3, {}, {}, "failed", failure="exception", error=error)
    assert said.failed(view, "here") == "trial 3 failed (exception): it is 'abc', a str; all of it: here"


def test_the_nearest_limit_counts():
    status = Status(
        "a", "loss", "minimize", n_complete=10, budget_trials=100, budget_s=100, budget_cost=10, elapsed_s=50, cost=9,
        trials_per_s=1,
    )  # fmt: skip
    assert said.fraction(status) == 0.9
    assert said.seconds_left(status) == pytest.approx(50 / 9)
    assert said.fraction(Status("a", "loss", "minimize")) is None
    assert said.seconds_left(Status("a", "loss", "minimize", budget_trials=3)) is None


@pytest.mark.parametrize(
    ("saved", "text"),
    [
        (
            Savings(14, 30, True, False, "epoch", 0.617, 745.0),
            "14 of 30 trials stopped early; 61% of the epochs, about 12 min 25 s of trial time, were not spent",
        ),
        (
            Savings(20, 1234, False, True, "data_fraction", 0.996, 3720.0, True),
            "20 of 1,234 configurations not run to the end; 99% of data_fraction, at least 1 h 02 min of trial time, "
            "was not spent",
        ),
        (
            Savings(1, 300, True, False, "epoch", 0.003),
            "1 of 300 trials stopped early; less than 1% of the epochs were not spent",
        ),
        (Savings(1, 1, True, False), "1 of 1 trial stopped early"),
        (
            Savings(
                14,
                30,
                True,
                False,
                "epoch",
                0.617,
                745.0,
                amount=431.0,
                others=(Unspent("rows", 0.5, 15000.0), Unspent("share", 0.25, 2.0)),
            ),
            "14 of 30 trials stopped early; 61% of the epochs (431), 50% of the rows (15000) and 25% of share, "
            "about 12 min 25 s of trial time, were not spent",
        ),
    ],
)
def test_what_was_saved_is_said_as_far_as_it_is_known(saved, text):
    assert said.saved_text(saved) == text


@pytest.mark.parametrize("display", [progress.Failures, progress.Lines, progress.Line, progress.Panel])
def test_what_was_saved_and_what_is_needed_comes_last_unless_quiet(display, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    saved = Savings(14, 30, True, False, "epoch", 0.617)
    display("resnet", out).close(replace(ENDED, saved=saved, need="declare a fidelity.\x1b[2J"))
    told = f"resnet: {said.saved_text(saved)}\nresnet: declare a fidelity.\\x1b[2J\n"
    assert out.getvalue().endswith(f"{said.farewell(ENDED)}\n{told}" if display is not progress.Failures else "")
    assert ("14 of 30" in out.getvalue()) == (display is not progress.Failures)


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
    assert out.getvalue().endswith(f"{said.farewell(ENDED)}\n")


@pytest.mark.parametrize("display", [progress.Lines, progress.Line, progress.Panel])
def test_no_escape_sequence_reaches_the_terminal_from_progress(display, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    monkeypatch.setenv("TERM", "xterm")
    evil = "\x1b]0;title\x07\x9b2J\u202e\u2028"
    best = TrialView(7, {f"p{evil}": f"c{evil}"}, {f"m{evil}": 0.5}, "complete")
    status = Status(f"s{evil}", f"m{evil}", "minimize", n_before=1, n_complete=2, best=best, note=evil, reason=evil)
    out = Terminal()
    shown = display(status.name, out, every_s=0)
    shown.update(status)
    shown.update(status)
    shown.close(status)
    assert "\\x1b]0;title\\x07\\x9b2J\\u202e\\u2028" in out.getvalue()
    assert not re.search("[\x07\x9b\u202e\u2028]|\x1b]", out.getvalue())


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
