"""The floors, proved from the source alone: no import goes up or sideways, and each library keeps to its floor.

The linter's contract in pyproject.toml says the same. This test needs no tool, sees imports inside functions too, and
fails when a folder appears that no floor knows.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "trimtab"

FLOORS = (
    ("arrays", "checks", "clock", "errors", "forks", "habits", "text"),
    ("plugins",),
    ("explain",),
    ("space", "numerics"),
    ("ledger", "spaces"),
    ("model",),
    ("optim", "schedule", "stop", "execute", "storage", "analysis"),
    ("study",),
    ("testing", "surfaces"),
    ("integrations", "__main__"),
)
LEVEL = {part: level for level, parts in enumerate(FLOORS) for part in parts}

# A library and the only modules that may import it; the rest reach it through these.
HOMES = {
    "msgspec": ("ledger.event", "ledger.codec", "ledger.snapshot", "surfaces"),
    "scipy": ("numerics", "surfaces"),
    "sqlite3": ("storage", "surfaces"),
    "psycopg": ("storage", "surfaces"),
    "yaml": ("surfaces",),
    "click": ("surfaces",),
    "rich": ("surfaces",),
    "pytest": ("testing",),
    "hypothesis": ("testing",),
}


def imports(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of everything that a module imports, wherever in the module."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative imports hide the floor"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def violations(module: str, text: str) -> list[str]:
    """Return one sentence for each import of `module` (dotted, below trimtab) that its floor does not allow."""
    part = module.split(".")[0]
    found = []
    for line, name in imports(text):
        package, *below = name.split(".")
        where = f"{module}:{line} imports {name}"
        if package == "trimtab":
            target = below[0] if below else ""
            if target not in LEVEL:
                # The top of the package re-exports every floor, so importing a public name from there goes up.
                if part != "surfaces" and name != "trimtab.__version__":
                    found.append(f"{where}: only the surfaces use the public names")
            elif target != part and LEVEL[target] >= LEVEL[part] and part != "plugins":
                found.append(f"{where}: {target} is on floor {LEVEL[target]}, {part} on {LEVEL[part]}")
        elif name.startswith("scipy.stats"):
            found.append(f"{where}: scipy.stats takes a second to import")
        elif package in HOMES and not any(f"{module}.".startswith(f"{home}.") for home in HOMES[package]):
            found.append(f"{where}: {package} belongs to {', '.join(HOMES[package])}")
    return found


def modules() -> list[tuple[str, Path]]:
    named = ((".".join(path.relative_to(SOURCE).with_suffix("").parts), path) for path in sorted(SOURCE.rglob("*.py")))
    return [(name.removesuffix(".__init__"), path) for name, path in named if name != "__init__"]


@pytest.mark.parametrize(("module", "path"), modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_module_imports_only_what_lies_below_it(module: str, path: Path) -> None:
    assert violations(module, path.read_text(encoding="utf-8")) == []


def test_every_part_of_the_package_has_a_floor() -> None:
    parts = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert parts - {"__init__"} == set(LEVEL)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("space.space", "from trimtab.ledger.table import TrialTable"),
        ("optim.random", "from trimtab.storage import memory"),
        ("stop.budget", "import trimtab.study.study"),
        ("ledger.table", "import trimtab"),
        ("study.study", "def late():\n    from trimtab.surfaces import cli"),
        ("numerics.qmc", "from scipy import stats"),
        ("numerics.qmc", "import scipy.stats.qmc"),
        ("optim.tpe", "from scipy.special import ndtri"),
        ("ledger.table", "import msgspec"),
        ("study.tune", "import yaml"),
    ],
)
def test_a_breach_is_seen(module: str, line: str) -> None:
    assert len(violations(module, line)) == 1


# Circles


def circles(sources: dict[str, str]) -> list[list[str]]:
    """Return the sets of modules that reach each other by imports, those for types and inside functions included."""
    graph = {
        name: {target for _, said in imports(text) for target in _named(said, sources)}
        for name, text in sources.items()
    }
    reach = {name: _reached(graph, name) for name in graph}
    found = {frozenset(other for other in reach[name] if name in reach[other]) for name in graph}
    return sorted(sorted(circle) for circle in found if len(circle) > 1)


def _named(said: str, sources: dict[str, str]) -> list[str]:
    """Return the module of ours that an imported name is, or lies in."""
    package, _, below = said.partition(".")
    return [name for name in (below, below.rpartition(".")[0]) if package == "trimtab" and name in sources][:1]


def _reached(graph: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    left = [start]
    while left:
        for target in graph[left.pop()] - seen:
            seen.add(target)
            left.append(target)
    return seen


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles({name: path.read_text(encoding="utf-8") for name, path in modules()}) == []


def test_a_circle_is_found() -> None:
    sources = {
        "study.a": "from trimtab.study.b import B",
        "study.b": "def late():\n    from trimtab.study import c",
        "study.c": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from trimtab.study.a import A",
        "study.d": "from trimtab.study import a",
    }
    assert circles(sources) == [["study.a", "study.b", "study.c"]]
