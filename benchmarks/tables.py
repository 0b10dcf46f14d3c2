"""Writes docs/benchmarks.md from the recorded results, benchmarks/results/*.jsonl.

python benchmarks/tables.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"

INTRODUCTION = """\
# Benchmarks

<!-- Made by benchmarks/tables.py from benchmarks/results/; change those, not this page. -->

What Trimtab costs, with the targets that it is held to; how good its configurations are is a page of its own,
[regret](regret.md). Every script in `benchmarks/` prints a JSON line for each figure and exits 1 if one is beyond its
target; `make bench` runs them all, in an environment of its own that holds the libraries to compare with. A figure
without a target is there for comparison.

Times are of the CPU where nothing else is said, since a busy machine hardly changes them. Compare figures of one run
with each other, and no others: the ratios below do. Not even CPU time is the same twice where a disk is written to: a
commit takes more of it while others use the disk, and figures about SQLite were seen more than twice as high then. To
record a run and write this page anew:

```console
$ make bench
$ .venv-peers/bin/python benchmarks/overhead.py --optuna > benchmarks/results/overhead.jsonl
$ make bench-page
```
"""


def page() -> str:
    """Return the page that the recorded results make."""
    return "\n".join([INTRODUCTION, *(section(path) for path in sorted(RESULTS.glob("*.jsonl")))])


def section(path: Path) -> str:
    head, *figures = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    versions = ", ".join(f"{name} {version}" for name, version in head["versions"].items())
    return "\n".join(
        [
            f"## {head['bench'].replace('_', ' ').capitalize()}",
            "",
            head["about"],
            "",
            f"`{head['command']}` on {head['date']}; {head['machine']}; {versions}.",
            "",
            "| figure | target | measured |",
            "|---|---:|---:|",
            *(f"| {figure['what']} | {' '.join(targets(figure))} | {shown(figure)} |" for figure in figures),
            "",
        ]
    )


def targets(figure: dict) -> Iterator[str]:
    for key, sign in (("at_most", "≤"), ("at_least", "≥")):
        if key in figure:
            yield f"{sign} {figure[key]:g} {figure['unit']}"


def shown(figure: dict) -> str:
    value = f"{figure['value']:.3g} {figure['unit']}"
    return f"**{value}**, beyond" if figure.get("beyond") else value


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
