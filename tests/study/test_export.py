"""The trials as other people's tables."""

from __future__ import annotations

import csv
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import trimtab as tt
from trimtab.errors import StudyError
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
