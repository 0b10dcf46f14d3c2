"""The trials as other people's tables."""

from __future__ import annotations

import csv
import json
import os
import stat
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import trimtab as tt
from trimtab.errors import StudyError, TrialError
from trimtab.study.export import guarded
from trimtab.study.replacing import replacing


@pytest.fixture
def study() -> tt.Study:
    space = tt.Space(
        opt=tt.Categorical(["adamw", "sgd"]),
        momentum=tt.Float(0.0, 1.0, when=tt.given("opt").is_in(["sgd"])),
        width=tt.Ordinal([1, "wide"]),
    )
    study = tt.create_study(space, minimize="loss", seed=0, optimizer="random")
    study.enqueue({"opt": "sgd", "momentum": 0.5, "width": 1})
    study.enqueue({"opt": "adamw", "width": "wide"})
    study.tell(study.ask().number, {"loss": 0.5, "depth": 3})
    study.tell(study.ask().number, failed="oom", error="held 80 GB\nand more")
    study.tag(0, "baseline")
    return study


def test_csv_and_json_and_jsonl(study: tt.Study, tmp_path: Path) -> None:
    for ending in ("csv", "json", "jsonl"):
        study.export(tmp_path / f"trials.{ending}")
    with (tmp_path / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["params_momentum"] for row in rows] == ["0.5", ""]
    assert rows[1]["error"] == "held 80 GB\nand more"
    assert rows[0]["tags"] == "baseline"
    assert rows[0]["metrics_depth"] == "3.0"
    whole = json.loads((tmp_path / "trials.json").read_text())
    lines = [json.loads(line) for line in (tmp_path / "trials.jsonl").read_text().splitlines()]
    assert whole == lines
    assert (whole[1]["state"], whole[1]["failure"], whole[1]["params_width"]) == ("failed", "oom", "wide")


def test_frames_and_parquet(study: tt.Study, tmp_path: Path) -> None:
    import polars as pl

    pandas, polars = study.to_pandas(), study.to_polars()
    assert list(pandas.columns) == polars.columns
    assert pandas.loc[0, "metrics_loss"] == polars["metrics_loss"][0] == 0.5
    study.export(tmp_path / "trials.parquet")
    again = pl.read_parquet(tmp_path / "trials.parquet")
    assert again["params_opt"].to_list() == ["sgd", "adamw"]
    assert again["params_momentum"].to_list() == [0.5, None]


def test_unknown_ending_and_unwritable_file(study: tt.Study, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="ends in none of"):
        study.export(tmp_path / "trials.xlsx")
    with pytest.raises(StudyError, match="cannot write"):
        study.export(tmp_path / "nowhere" / "trials.csv")


# ---- a failed export leaves what was there

ENDINGS = ("csv", "json", "jsonl", "parquet")


def in_little_room(folder: Path, prelude: str = "") -> list[str]:
    """Export a study of many trials, by every ending, in a process that cannot write them all; return what it says."""
    code = f"""
import signal, sys
from pathlib import Path
import trimtab as tt
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
study = tt.create_study(tt.Space(x=tt.Float(0, 1)), minimize="loss", seed=0, optimizer="random")
for _ in range(1_000):
    study.tell(study.ask().number, 0.5)
{prelude}
for ending in {ENDINGS}:
    try:
        study.export(Path(sys.argv[1]) / f"trials.{{ending}}")
    except tt.errors.StudyError as error:
        print(error)
"""
    command = [sys.executable, "-c", code, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def keep_old_ones(folder: Path) -> None:
    for ending in ENDINGS:
        (folder / f"trials.{ending}").write_bytes(b"the old one")


def check_old_ones(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {f"trials.{ending}" for ending in ENDINGS}
    assert {path.read_bytes() for path in folder.iterdir()} == {b"the old one"}


def test_a_file_that_may_not_grow_leaves_the_old_one_whole(tmp_path: Path) -> None:
    keep_old_ones(tmp_path)
    said = in_little_room(tmp_path, "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, 9_000))")
    assert ["cannot write" in line for line in said] == [True] * len(ENDINGS)
    check_old_ones(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_a_full_disk_leaves_the_old_file_whole(tmp_path: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=32k", "none", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this root may not mount")
    try:
        keep_old_ones(tmp_path)
        assert ["No space left" in line for line in in_little_room(tmp_path)] == [True] * len(ENDINGS)
        check_old_ones(tmp_path)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def write_half(file: Path, error: type[BaseException]) -> None:
    with replacing(file) as beside:
        beside.write_bytes(b"half of the ne")
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, OSError, ValueError])
def test_an_interrupted_write_leaves_the_old_file_whole(tmp_path: Path, error: type[BaseException]) -> None:
    file = tmp_path / "trials.csv"
    for old in (None, b"the old one"):
        if old is not None:
            file.write_bytes(old)
        with pytest.raises(error):
            write_half(file, error)
        assert [path.read_bytes() for path in tmp_path.iterdir()] == ([] if old is None else [old])


def test_a_replaced_file_keeps_its_mode_and_a_link_stays_a_link(study: tt.Study, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    kept, link = tmp_path / "elsewhere" / "kept.csv", tmp_path / "link.csv"
    kept.write_text("old")
    kept.chmod(0o640)
    link.symlink_to("elsewhere/kept.csv")
    study.export(link)
    assert link.is_symlink()
    assert kept.read_text().startswith("number,")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640
    (tmp_path / "dangling.csv").symlink_to("elsewhere/made.csv")
    study.export(tmp_path / "dangling.csv")
    assert (tmp_path / "elsewhere" / "made.csv").is_file()
    before = os.umask(0o027)
    try:
        study.export(tmp_path / "new.csv")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new.csv").stat().st_mode) == 0o640


def test_pipes_are_written_and_folders_and_locked_files_are_not(study: tt.Study, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    study.export(pipe)
    reader.join(10)
    assert read[0].startswith("number,")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(StudyError, match=r"cannot write .*folder\.csv: Is a directory"):
        study.export(tmp_path / "folder.csv")
    study.export(tmp_path / f"{'x' * 250}.csv")
    locked = tmp_path / "locked.csv"
    locked.write_text("old")
    locked.chmod(0o444)
    if os.geteuid() != 0:
        with pytest.raises(StudyError, match=r"cannot write .*locked\.csv: Permission denied"):
            study.export(locked)
        assert locked.read_text() == "old"


# -- notes, dates, feasibility ---------------------------------------------------------------------------------------


def test_notes_tags_dates_and_reasons_are_exported(study, tmp_path):
    study.note("question", {"why": ["=1+1", float("inf")]}, 0)
    for ending in ("csv", "jsonl"):
        study.export(tmp_path / f"trials.{ending}")
    first = json.loads((tmp_path / "trials.jsonl").read_text().splitlines()[0])
    assert (first["notes"], first["tags"], first["reason"]) == ({"question": {"why": ["=1+1", "inf"]}}, "baseline", "")
    with (tmp_path / "trials.csv").open(newline="") as file:
        row = next(csv.DictReader(file))
    assert json.loads(row["notes"]) == first["notes"]
    for when in ("asked", "started", "ended"):
        assert row[when] == first[when]
        moment = datetime.fromisoformat(first[when])
        assert moment.utcoffset().total_seconds() == 0
        assert moment.timestamp() == pytest.approx(first[f"{when}_at"], abs=1e-6)
    frame = study.to_pandas()
    assert str(frame["ended"].dtype).startswith("datetime64")
    assert str(study.to_polars()["ended"].dtype).startswith("Datetime")


def test_what_broke_a_constraint_says_so(tmp_path):
    study = tt.create_study(
        tt.Space(x=tt.Float(0, 1)),
        objectives=[tt.minimize("loss")],
        constraints=[tt.at_most("mb", 10)],
        optimizer="random",
        seed=0,
    )
    for mb in (5, 20):
        study.tell(study.ask().number, {"loss": 0.5, "mb": mb})
    study.tell(study.ask().number, failed="oom")
    study.ask()
    study.export(tmp_path / "trials.json")
    rows = json.loads((tmp_path / "trials.json").read_text())
    assert [row["feasible"] for row in rows] == [True, False, None, None]
    assert [row["missed_mb"] for row in rows] == [0, 10, None, None]
    assert "on_front" not in rows[0]


def test_of_several_objectives_it_says_what_is_on_the_front(tmp_path):
    objectives = [tt.minimize("loss"), tt.maximize("speed")]
    study = tt.create_study(tt.Space(x=tt.Float(0, 1)), objectives=objectives, optimizer="random", seed=0)
    for loss, speed in ((0.5, 1), (0.5, 2), (0.1, 0)):
        study.tell(study.ask(), {"loss": loss, "speed": speed})
    study.ask()
    study.export(tmp_path / "trials.json")
    rows = json.loads((tmp_path / "trials.json").read_text())
    assert [row["on_front"] for row in rows] == [False, True, True, None]


# -- spreadsheets ----------------------------------------------------------------------------------------------------

FORMULAS = [
    "=1+1",
    "+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "'=1",
    "''",
    "\uff1d1",
    "a=1",
    "",
    "日",
]


def unguarded(cell: str) -> str:
    """Undo the guard, as the documentation says."""
    return cell[1:] if cell.startswith("'") else cell


def test_a_spreadsheet_takes_no_text_for_a_formula_and_nothing_is_lost(tmp_path):
    space = tt.Space(choice=tt.Categorical(FORMULAS), number=tt.Float(-1, 1), **{"=p": tt.Int(-5, 5)})
    study = tt.create_study(space, minimize="-loss", optimizer="random", seed=0)
    for i, text in enumerate(FORMULAS):
        study.enqueue({"choice": text, "number": -0.5, "=p": -3})
        study.tell(study.ask().number, failed="exception", error=text) if i % 2 else study.tell(
            study.ask().number, {"-loss": -0.25}
        )
        study.tag(i, f"{text}tag")
        study.note("why", text, i)
    study.export(tmp_path / "trials.csv")
    with (tmp_path / "trials.csv").open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    for row in rows:
        cells = dict(zip(head, row, strict=True))
        numbers = {"params_number", "params_=p", "metrics_-loss"}
        assert not [
            name for name, cell in cells.items() if name not in numbers and cell.startswith(tuple("=+-@\t\r\n"))
        ]
        assert (cells["params_number"], cells["params_=p"]) == ("-0.5", "-3"), "numbers stay numbers"
    columns = list(zip(*rows, strict=True))
    again = {unguarded(name): [unguarded(cell) for cell in cells] for name, cells in zip(head, columns, strict=True)}
    assert again["params_choice"] == FORMULAS
    assert again["error"] == [text if i % 2 else "" for i, text in enumerate(FORMULAS)]
    assert again["tags"] == [f"{text}tag" for text in FORMULAS]
    assert [json.loads(note)["why"] for note in again["notes"]] == FORMULAS


@given(st.text())
def test_the_guard_can_be_undone(text):
    cell = guarded(text)
    assert unguarded(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


# -- curves ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def curves() -> tt.Study:
    study = tt.create_study(tt.Space(x=tt.Float(0, 1)), minimize="loss", seed=0, optimizer="random")
    for number in range(2):
        trial = study.ask()
        trial.report(2, loss=0.5 + number, accuracy=0.75)
        trial.report(1, loss=1.0 + number)
        trial.report(2, grad=float("inf"), loss=float("nan"))
        trial.report(3, accuracy=0.875)
        study.tell(number, 0.25)
    return study


def test_curves_of_metrics_that_were_not_declared_can_be_read(curves):
    curve = curves.curve(1)
    assert list(curve) == ["step", "loss", "accuracy", "grad"]
    assert curve["step"].tolist() == [1.0, 2.0, 3.0]
    assert np.array_equal(curve["loss"], [2.0, 1.5, np.nan], equal_nan=True)
    assert np.array_equal(curve["accuracy"], [np.nan, 0.75, 0.875], equal_nan=True)
    assert np.array_equal(curve["grad"], [np.nan, np.inf, np.nan], equal_nan=True)
    with pytest.raises(TrialError, match="no trial 2"):
        curves.curve(2)


def test_curves_are_exported_in_long_form(curves, tmp_path):
    import polars as pl

    for ending in ("csv", "json", "jsonl", "parquet"):
        curves.export(tmp_path / f"curves.{ending}", curves=True)
    rows = json.loads((tmp_path / "curves.json").read_text())
    assert rows == [json.loads(line) for line in (tmp_path / "curves.jsonl").read_text().splitlines()]
    mine = [(row["step"], row["metric"], row["value"]) for row in rows if row["number"] == 0]
    assert mine == [
        (2, "loss", 0.5),
        (2, "accuracy", 0.75),
        (1, "loss", 1.0),
        (2, "grad", "inf"),
        (3, "accuracy", 0.875),
    ]
    assert {row["attempt"] for row in rows} == {1}
    frame = pl.read_parquet(tmp_path / "curves.parquet")
    assert frame.columns == ["number", "attempt", "fold", "step", "metric", "value"]
    assert frame["value"].to_list()[3] == float("inf")
    assert len((tmp_path / "curves.csv").read_text().splitlines()) == len(rows) + 1


@pytest.mark.parametrize("ending", ["csv", "json", "jsonl", "parquet"])
def test_a_study_without_trials_is_exported(ending, tmp_path):
    study = tt.create_study(tt.Space(x=tt.Float(0, 1)), minimize="loss", seed=0, optimizer="random")
    for curves in (False, True):
        path = tmp_path / f"{curves}.{ending}"
        study.export(path, curves=curves)
        if ending == "json":
            assert json.loads(path.read_text()) == []
        if ending == "csv":
            assert path.read_text().startswith("number,")


def test_many_trials_are_exported_whole(tmp_path):
    """More than one stretch, with a metric that comes late."""
    from trimtab.ledger.table import STRETCH

    study = tt.create_study(tt.Space(x=tt.Float(0, 1)), minimize="loss", seed=0, optimizer="random")
    n = STRETCH + 10
    for i in range(n):
        study.ask().report(1, loss=0.5)
        study.tell(i, {"loss": i} | ({"late": 1.0} if i == n - 1 else {}))
    study.export(tmp_path / "trials.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "trials.jsonl").read_text().splitlines()]
    assert [row["number"] for row in rows] == list(range(n))
    assert [row["metrics_late"] for row in rows] == [None] * (n - 1) + [1.0]
    assert rows[-1]["params_x"] == study.table.trial(n - 1).params["x"]
    study.export(tmp_path / "curves.csv", curves=True)
    assert len((tmp_path / "curves.csv").read_text().splitlines()) == n + 1
