"""Pages are spelt as the API is, `optimizer` and `minimize`, and with them the messages and help that they quote."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "mkdocs.yml",
    *(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md")),
]

OTHER = re.compile(r"(?<!['\"])\b(optimis(?:e|ed|er|ers|es|ing|ation)|minimis\w+|maximis\w+)\b(?!['\"])", re.IGNORECASE)
"""Another spelling; in quotation marks it is what somebody wrote by mistake, and what is said to that."""


@pytest.mark.parametrize("name", sorted(PAGES))
def test_one_spelling(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = [f"{name}:{i}: {match[0]}" for i, line in enumerate(lines, 1) for match in OTHER.finditer(line)]
    assert found == []
