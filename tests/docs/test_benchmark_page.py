"""The benchmarks' page is made from recorded results. To write it anew: make bench-page."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.jsonl"))


def test_the_page_shows_the_recorded_results() -> None:
    made = runpy.run_path(str(ROOT / "benchmarks" / "tables.py"))["page"]()
    assert (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8") == made, "write it anew: make bench-page"


def test_the_recorded_results_are_within_their_limits() -> None:
    lines = [json.loads(line) for path in RESULTS for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line["what"] for line in lines if line.get("beyond")] == []


def test_every_recorded_result_has_its_script() -> None:
    assert RESULTS
    assert [path.stem for path in RESULTS if not (ROOT / "benchmarks" / f"{path.stem}.py").exists()] == []
