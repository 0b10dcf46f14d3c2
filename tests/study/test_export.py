"""The trials as other people's tables."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import trimtab as tt
from trimtab.errors import StudyError


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
