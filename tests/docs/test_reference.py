"""The reference parts of the documentation are made from the code, and this holds them to it. To write them anew:

TRIMTAB_WRITE_DOCS=1 python -m pytest tests/docs/test_reference.py -p no:xdist
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from trimtab.surfaces.cli import study_shape
from trimtab.surfaces.cli.app import cli
from trimtab.surfaces.cli.shapes import Either, ListOf, MapOf, Record, Shape, Tagged

DOCS = Path(__file__).parents[2] / "docs"
WRITE = bool(os.environ.get("TRIMTAB_WRITE_DOCS"))
BEGIN, END = "<!-- reference -->\n", "<!-- end of reference -->\n"


def command_reference() -> str:
    parts = []
    for name, command in cli.commands.items():
        context = click.Context(command, info_name=f"trimtab {name}", max_content_width=100, terminal_width=100)
        parts.append(f"### {name}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n" + "\n".join(parts) + "\n"


def tables(shape: Record, title: str) -> Iterator[str]:
    """Yield a table of a record's keys, and one for each record inside."""
    lines = [f"### {title}", "", "| key | is | says |", "|---|---|---|"]
    for key in shape.keys:
        name = f"**{key.name}**" if key.required else key.name
        lines.append(f"| {name} | {key.shape.expected} | {key.doc} |")
    yield "\n".join(lines) + "\n"
    for key in shape.keys:
        for inside in records(key.shape):
            yield from tables(inside, inside.what.capitalize() if title != "A study" else f"{key.name}: {inside.what}")


def records(shape: Shape) -> Iterator[Record]:
    match shape:
        case Record():
            yield shape
        case Tagged():
            yield from shape.kinds.values()
        case Either():
            for one in shape.shapes:
                yield from records(one)
        case ListOf():
            yield from records(shape.item)
        case MapOf():
            yield from records(shape.value)


def file_reference() -> str:
    found = "\n".join(dict.fromkeys(tables(study_shape.STUDY, "A study")))
    return f"\nKeys in bold are required.\n\n{found}\n"


@pytest.mark.parametrize(("page", "make"), [("cli.md", command_reference), ("study-file.md", file_reference)])
def test_a_reference_tells_what_the_code_does(page: str, make) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    wanted = f"{before}{BEGIN}{make()}{END}{after}"
    if WRITE:
        (DOCS / page).write_text(wanted, encoding="utf-8")
    assert (DOCS / page).read_text(encoding="utf-8") == wanted, "made from other code; see this file's first lines"


def test_the_published_schema_is_the_one_that_reads() -> None:
    wanted = json.dumps(study_shape.schema(), indent=1, ensure_ascii=False) + "\n"
    file = DOCS / "study.schema.json"
    if WRITE:
        file.write_text(wanted, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == wanted


def test_every_command_is_explained_before_its_reference() -> None:
    explained = (DOCS / "cli.md").read_text(encoding="utf-8").partition(BEGIN)[0]
    assert [name for name in cli.commands if name not in explained] == []
