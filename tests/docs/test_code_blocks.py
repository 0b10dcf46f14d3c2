"""Every code block of the documentation runs.

A page is one session in an empty folder: its ```python blocks share a namespace, the `$ ` commands of its ```console
blocks run where they stand, and a block with a title="name" is written to that file instead. What cannot run says why,
in the line before the block: <!-- not run: it needs a cluster -->. A console block may announce how its last command
exits: <!-- exits 2 -->. Where a block needs a large library, <!-- needs torch --> says so: it is left out, and
make integrations runs the whole page.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRITTEN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
PAGES = sorted(str(p.relative_to(ROOT)) for p in WRITTEN if "```" in p.read_text(encoding="utf-8"))
BIN = Path(sys.executable).parent

FENCE = re.compile(
    r"^(?P<indent>[ ]*)```(?P<language>\w+)(?P<info>[^\n]*)\n(?P<body>.*?)^(?P=indent)```[ ]*$",
    re.MULTILINE | re.DOTALL,
)
MARK = re.compile(
    r"<!--\s*(?:(?P<skip>not run:\s*(?!-->)\S(?:(?!-->).)*?)|(?P<large>needs \w+)|exits (?P<code>\d+))\s*-->\s*\Z",
    re.DOTALL,
)

CONSOLE = Path(__file__).with_name("console.py")


@dataclass(frozen=True)
class Block:
    """One fenced block; `line` is where its body begins, counted from 1."""

    language: str
    title: str
    body: str
    line: int
    exits: int


def blocks(text: str, *, large: bool = False) -> list[Block]:
    """Return the blocks of a page that are run or written to files, in order; what needs large libraries if asked."""
    found = []
    for match in FENCE.finditer(text):
        mark = MARK.search(text[: match.start()])
        if mark and (mark["skip"] or (mark["large"] and not large)):
            continue
        title = re.search(r'title="([^"]+)"', match["info"])
        body = re.sub(f"^{match['indent']}", "", match["body"], flags=re.MULTILINE)
        line = text.count("\n", 0, match.start("body")) + 1
        exits = int(mark["code"]) if mark and mark["code"] else 0
        found.append(Block(match["language"], title[1] if title else "", body, line, exits))
    return found


def commands(block: Block) -> list[str]:
    """Return the commands of a console block that are ours to run; a backslash continues a line."""
    joined = block.body.replace("\\\n", " ")
    typed = [line[2:].strip() for line in joined.splitlines() if line.startswith("$ ")]
    return [command for command in typed if re.match(r"([A-Z_]+=\S+ +)*(trimtab|python)\b", command)]


def session(page: list[Block]) -> str:
    """Return a script that plays the page; its line numbers are the page's, so that tracebacks point into it."""
    lines: dict[int, str] = {}
    for block in page:
        if block.language == "console":
            run = commands(block)
            calls = [f"_console({c!r}, {block.exits if c is run[-1] else 0})" for c in run]
            lines[block.line] = "; ".join(calls)
        elif block.language == "python" and not block.title:
            lines.update(enumerate(block.body.splitlines(), block.line))
    length = max(lines, default=0)
    return "\n".join(lines.get(number, "") for number in range(1, length + 1)) + "\n"


def play(
    page: list[Block], folder: Path, name: str, *, warnings: str = "error", timeout: float = 240
) -> subprocess.CompletedProcess[str]:
    """Run a page in an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for block in page:
        if block.title:
            path = folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.body, encoding="utf-8")
    shutil.copy(CONSOLE, folder / "_console.py")
    script = folder / f"{re.sub(r'[^a-z0-9]+', '_', name.lower())}.py"
    # Line 1 of a page is its title, never code: there the helper comes in without moving any line.
    script.write_text(f"from _console import _console{session(page)}", encoding="utf-8")
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONWARNINGS": warnings}
    environment.pop("TRIMTAB_STORE", None)
    return subprocess.run(
        [sys.executable, script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


@pytest.mark.parametrize("name", PAGES)
def test_a_page_runs(name: str, tmp_path: Path) -> None:
    page = blocks((ROOT / name).read_text(encoding="utf-8"))
    done = play(page, tmp_path / "page", name)
    assert done.returncode == 0, f"{name}\n{done.stdout}\n{done.stderr}"


@pytest.mark.integrations
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [name for name in PAGES if "<!-- needs " in (ROOT / name).read_text(encoding="utf-8")])
def test_a_page_runs_with_large_libraries(name: str, tmp_path: Path) -> None:
    page = blocks((ROOT / name).read_text(encoding="utf-8"), large=True)
    done = play(page, tmp_path / "page", name, warnings="ignore", timeout=800)  # what those libraries warn of is theirs
    assert done.returncode == 0, f"{name}\n{done.stdout}\n{done.stderr}"


def test_the_readme_shows_code_that_runs() -> None:
    page = blocks((ROOT / "README.md").read_text(encoding="utf-8"))
    assert [block for block in page if block.language == "python"]
    assert [command for block in page if block.language == "console" for command in commands(block)]


PAGE = """\
# A page

```python
import pathlib
x = 20
```

<!-- not run: it would fail -->
```python
1 / 0
```

```text title="sub/data.txt"
22
```

```console
$ python -c "import pathlib; print(pathlib.Path('sub/data.txt').read_text())"
22
$ rm -rf nothing
```

<!-- exits 3 -->
```console
$ python -c "raise SystemExit(3)"
```

* in a list

    ```python
    assert x + int(pathlib.Path("sub/data.txt").read_text()) == 42
    ```
"""


def test_what_needs_a_large_library_is_left_out_unless_asked_for() -> None:
    page = PAGE.replace("<!-- not run: it would fail -->", "<!-- needs torch -->")
    assert "1 / 0\n" not in [block.body for block in blocks(page)]
    assert "1 / 0\n" in [block.body for block in blocks(page, large=True)]
    assert "1 / 0\n" not in [block.body for block in blocks(PAGE, large=True)]


def test_a_page_is_played_in_order(tmp_path: Path) -> None:
    done = play(blocks(PAGE), tmp_path, "page")
    assert (done.returncode, done.stdout.split()) == (0, ["22"]), done.stderr


@pytest.mark.parametrize(
    ("good", "bad", "seen"),
    [
        ("x = 20", "x = 21", f"line {PAGE[: PAGE.index('assert')].count(chr(10)) + 1},"),
        ("SystemExit(3)", "SystemExit(4)", "exited 4"),
        ("<!-- not run: it would fail -->", "", "ZeroDivisionError"),
        ("<!-- not run: it would fail -->", "<!-- not run: -->", "ZeroDivisionError"),
    ],
)
def test_a_block_that_fails_is_seen_at_its_line(good: str, bad: str, seen: str, tmp_path: Path) -> None:
    done = play(blocks(PAGE.replace(good, bad)), tmp_path, "page")
    assert done.returncode == 1
    assert seen in done.stderr
