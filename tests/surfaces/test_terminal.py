"""What people see on a real terminal, at five widths: compared to the letter with what was looked at and found good.

To write the captures in golden/ anew, and then to look at them: TRIMTAB_WRITE_GOLDEN=1 python -m pytest <this file>
"""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from pathlib import Path

import pyte
import pytest
from studies import write_all
from terminal import HERE, ROWS, capture, commands, piped, plain

import trimtab as tt
from trimtab.surfaces.render.text import width

WIDTHS = (60, 80, 100, 140, 200)
STUDIES = ("digits", "forty-parameters-with-long-names", "two objectives 研究")
SHOWN = (*STUDIES, "tradeoff", "hopeless")
CALLS: dict[str, list[str]] = {
    "list": ["list"],
    **{f"trials-{name}": ["trials", name] for name in STUDIES},
    "trials-sorted": ["trials", "digits", "--sort", "val_loss"],
    "trials-all-columns": ["trials", "digits", "--columns", "all", "--limit", "2"],
    **{f"show-{name}": ["show", name] for name in STUDIES},
    "show-failed-trial": ["show", "digits", "4"],
    **{f"best-{name}": ["best", name] for name in STUDIES},
    **{f"show-{name}": ["show", name] for name in ("tradeoff", "hopeless")},
    "best-tradeoff": ["best", "tradeoff"],
    "best-of-order": ["best", "tradeoff", "--order", "error,latency_ms", "--within", "error=50%"],
    "trials-hopeless": ["trials", "hopeless", "--limit", "6"],
    "show-infeasible-trial": ["show", "hopeless", "3"],
    "show-early": ["show", "early"],
    "show-stopped-trial": ["show", "early", "8"],
    "trials-early": ["trials", "early"],
}
DISPLAYS = ("Panel", "Line")
ENDED = ("digits", "tradeoff")
"""Studies at whose end there is something to say of early stopping: what it saved, and what it would need."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies")
    write_all(folder)
    return folder


@cache
def screens(folder: Path, columns: int, without_rich: str = "") -> dict[str, str]:
    """Return what each command writes on a terminal of that width."""
    env = {"TEST_WITHOUT_RICH": without_rich} if without_rich else {}
    written = commands(list(CALLS.values()), columns, folder, **env)
    return dict(zip(CALLS, written, strict=True))


@cache
def displays(folder: Path, columns: int) -> dict[str, str]:
    """Return what a terminal of that width shows while a study runs."""
    asked = [(kind, name) for kind in DISPLAYS for name in SHOWN]
    program = [sys.executable, str(HERE / "display_child.py"), *(word for pair in asked for word in pair)]
    written = capture(program, columns, folder).split("\x1e")
    shown = {f"{kind}-{name}": text for (kind, name), text in zip(asked, written[1::2], strict=True)}
    ends = {f"{kind}-{name}-end": text for (kind, name), text in zip(asked, written[2::2], strict=True)}
    return {name: _screen(text, columns) for name, text in (shown | ends).items()}


def _screen(text: str, columns: int) -> str:
    screen = pyte.Screen(columns, ROWS)
    pyte.Stream(screen).feed(text)
    return "\n".join(line.rstrip() for line in screen.display).rstrip() + "\n"


def golden(name: str, found: dict[int, str]) -> None:
    """Compare captures at all widths with those on file."""
    path = HERE / "golden" / f"{re.sub(r'[^a-z-]+', '-', name.lower()).strip('-')}.txt"
    # Where the files of a study lie is a matter of the folder that the test runs in.
    shown = {columns: re.sub(r"(?ms)^files\b.*?(?=^$|\Z)", "", found[columns]) for columns in WIDTHS}
    text = "".join(f"==== {columns} columns\n{shown[columns]}" for columns in WIDTHS)
    if os.environ.get("TRIMTAB_WRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CALLS)
def test_a_command_looks_as_it_was_found_good(folder, name):
    golden(name, {columns: plain(screens(folder, columns)[name]) for columns in WIDTHS})


@pytest.mark.parametrize("name", [f"{kind}-{name}" for kind in DISPLAYS for name in SHOWN])
def test_progress_looks_as_it_was_found_good(folder, name):
    golden(f"progress-{name}", {columns: displays(folder, columns)[name] for columns in WIDTHS})


@pytest.mark.parametrize("name", [f"{kind}-{name}-end" for kind in DISPLAYS for name in ENDED])
def test_the_end_of_a_run_looks_as_it_was_found_good(folder, name):
    golden(f"progress-{name}", {columns: displays(folder, columns)[name] for columns in WIDTHS})


@cache
def in_full(folder: Path) -> dict[str, str]:
    """Return what each command writes where no terminal is, and nothing is left out."""
    written = [text.decode() for text in piped(list(CALLS.values()), folder)]
    return dict(zip(CALLS, written, strict=True))


@pytest.mark.parametrize("columns", WIDTHS)
def test_no_number_and_no_name_is_cut(folder, columns):
    for name in CALLS:
        known = set(re.split(r"[\s,;]+", in_full(folder)[name])) | {"…"}
        cut = [word for word in re.split(r"[\s,;]+", table_of(screens(folder, columns)[name])) if word not in known]
        assert cut == [], f"{name} at {columns}"


def table_of(text: str) -> str:
    """Return what a command wrote without pictures, and the lines after a table that say what there was no room for."""
    return (
        re.sub(r"(?s)\n\d+ of \d+ columns have no room here.*|\nup: .*", "", plain(text))
        .replace("\\\n", "")  # a path that was broken, as a shell reads it
        .replace("why:", "")
        .replace("notes:", "")
    )


@pytest.mark.parametrize("columns", WIDTHS)
def test_no_line_is_wider_than_the_terminal(folder, columns):
    for name, text in {**screens(folder, columns), **displays(folder, columns)}.items():
        wide = [line for line in plain(text).splitlines() if width(line) > columns]
        # The parameters of `best` are pairs to be copied: each in one line, however long its name is.
        assert [line for line in wide if len(line.split()) > 2 or not name.startswith("best")] == [], name


@pytest.mark.parametrize("columns", [60, 80])
def test_long_paths_and_log_lines_fit_and_can_be_copied(tmp_path, columns):
    store = tmp_path / ("a-folder-with-a-long-name-" * 5) / "studies.db"
    store.parent.mkdir()
    words = " ".join(f"word{i:02d}" for i in range(40))
    study = tt.tune(
        tt.Command([sys.executable, "-c", f"import sys; print({words!r}); sys.exit('x' * 200)"], name="long"),
        tt.Space(x=tt.Float(0, 1)),
        minimize="loss",
        budget=1,
        store=f"sqlite:///{store}",
        progress=False,
    )
    calls = [["show", *more, "--store", f"sqlite:///{store}"] for more in (["long"], ["long", "0"])]
    shown, trial = (plain(text) for text in commands(calls, columns, tmp_path))
    assert [line for line in (shown + trial).splitlines() if width(line) > columns] == []
    as_a_shell_reads = trial.replace("\\\n", "")
    assert str(study.session.files.base) in shown.replace("\\\n", "").split()
    assert str(study.session.files.attempt(0, 1)) in as_a_shell_reads.split()
    assert "x" * 200 in as_a_shell_reads.split()
    assert words in re.sub(r"\s+", " ", trial)


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_progress_display_cuts_no_number_and_no_name(folder, columns):
    for name, text in displays(folder, columns).items():
        for word in re.findall(r"\S*…\S*", text):
            assert word == "…", f"{name} at {columns}: whole words of a note may go, no piece of one"


def test_tables_are_the_same_with_and_without_rich(folder):
    assert screens(folder, 80, "1") == screens(folder, 80)


def test_why_gives_its_room_to_the_numbers(folder):
    heads = {columns: plain(screens(folder, columns)["trials-digits"]).splitlines()[0].split() for columns in WIDTHS}
    for columns in (60, 80, 100, 140):
        assert "why" not in heads[columns]
    assert [len(heads[columns]) for columns in WIDTHS] == sorted(len(heads[columns]) for columns in WIDTHS)
    usual = [*("trial", "state", "val_loss", "latency_ms", "<=", "30", "learning_rate")]
    assert all(head[: len(usual)] == usual for head in heads.values())


def test_what_has_no_room_is_named_with_the_way_to_see_it(folder):
    text = " ".join(plain(screens(folder, 80)["trials-digits"]).split())
    assert "columns have no room here: " in text
    assert text.index("dropout") > text.index("no room")
    assert "--columns a,b or --columns all" in text


def test_colours_are_for_who_wants_them(folder):
    assert "\x1b[31mfailed\x1b[0m" in screens(folder, 200)["trials-digits"]
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        (text,) = commands([["trials", "digits"]], 200, folder, **env)
        assert text == plain(screens(folder, 200)["trials-digits"])


def test_a_terminal_that_says_no_width_is_80_wide(folder):
    assert commands([["trials", "digits"]], 0, folder) == [screens(folder, 80)["trials-digits"]]
