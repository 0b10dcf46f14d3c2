"""The pages on families are made from the data, and this holds them to it. To write them anew:

TRIMTAB_WRITE_DOCS=1 python -m pytest tests/docs/test_family_pages.py -p no:xdist
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from trimtab.spaces.library import MODULES, families
from trimtab.spaces.page import page

PAGES = Path(__file__).parents[2] / "docs" / "families"
WRITE = bool(os.environ.get("TRIMTAB_WRITE_DOCS"))


def index() -> str:
    return "\n".join(_index()) + "\n"


def _index() -> Iterator[str]:
    yield "# Families"
    yield ""
    yield "What [`tt.spaces`](../spaces-library.md) knows, a page a family, made from its data. Order and ranges rest"
    yield "on studies over many data sets where there are any, chiefly van Rijn & Hutter (2018) and Probst et al."
    yield "(2019); else on documentation and papers, as each page says. `tt.spaces.about` returns the same."
    for name in MODULES:
        module = import_module(f"trimtab.spaces.data.{name}")
        yield ""
        yield f"## {module.__doc__.splitlines()[0].partition(': ')[0].rstrip('.')}"
        yield ""
        yield "| family | tune first |"
        yield "|---|---|"
        for family in module.FAMILIES:
            first = [entry.name for entry in family.entries if entry.priority == 1]
            yield f"| [{family.title}]({family.name}.md) | {', '.join(dict.fromkeys(first))} |"


def test_the_pages_say_what_the_data_say() -> None:
    wanted = {"index.md": index()} | {f"{name}.md": page(family) for name, family in families().items()}
    if WRITE:
        PAGES.mkdir(exist_ok=True)
        for file in PAGES.glob("*.md"):
            if file.name not in wanted:
                file.unlink()
        for name, text in wanted.items():
            (PAGES / name).write_text(text, encoding="utf-8")
    there = {file.name: file.read_text(encoding="utf-8") for file in PAGES.glob("*.md")}
    assert there == wanted, "made from other data; see this file's first lines"
