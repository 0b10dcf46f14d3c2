"""The regret page is made from recorded runs. To write it anew: .venv-peers/bin/python benchmarks/regret/report.py."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_page_shows_the_recorded_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "regret"))
    report = importlib.import_module("report")
    made = report.page(report.figures())
    assert (ROOT / "docs" / "regret.md").read_text(encoding="utf-8") == made, "runs were added: make bench-regret"
