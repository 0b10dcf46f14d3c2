"""The reference of the API has every public name, and every protocol and contract that plugins are written against.

What has no docstring is not shown, so whatever is shown must have one. `make docs` builds the pages.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import trimtab as tt
import trimtab.testing
from trimtab.execute.protocol import Executor
from trimtab.ledger.journal import Journal
from trimtab.optim.protocol import Optimizer
from trimtab.schedule.protocol import Scheduler
from trimtab.stop.protocol import Stop
from trimtab.storage.protocol import Store, StudyStore

PAGES = Path(__file__).parents[2] / "docs" / "reference"
PROTOCOLS = (Optimizer, Scheduler, Stop, Executor, Store, StudyStore, Journal)


def shown(page: str) -> list[str]:
    """Return what a page shows, in its order."""
    return re.findall(r"^::: (\S+)$", (PAGES / page).read_text(encoding="utf-8"), re.MULTILINE)


# The integrations need their libraries, which are not all there: what they say of themselves is read instead.
EVERYTHING = [name for page in sorted(PAGES.glob("*.md")) if page.stem != "integrations" for name in shown(page.name)]


def found(name: str) -> object:
    """Return what a dotted name stands for: a module, or something in one."""
    module, _, attribute = name.rpartition(".")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return getattr(importlib.import_module(module), attribute)


def test_every_public_name_is_shown_once() -> None:
    assert sorted(shown("trimtab.md")) == [f"trimtab.{name}" for name in tt.__all__]


def test_every_protocol_is_shown() -> None:
    assert [p.__name__ for p in PROTOCOLS if p.__module__ not in shown("plugins.md")] == []


def test_every_module_for_tests_is_shown() -> None:
    modules = [f"trimtab.testing.{module.name}" for module in pkgutil.iter_modules(trimtab.testing.__path__)]
    assert sorted(shown("testing.md")) == sorted(modules)


def test_every_integration_is_shown() -> None:
    beyond = [f"trimtab.integrations.sklearn.{name}" for name in ("NestedScore", "TrimtabSearchCV")]
    reports = [f"trimtab.integrations.{name}.Report" for name in tt.integrations.__all__]
    assert sorted(shown("integrations.md")) == sorted(reports + beyond)


@pytest.mark.parametrize("library", tt.integrations.__all__)
def test_every_integration_tells_how_it_is_used(library: str) -> None:
    source = Path(tt.__file__).parent / "surfaces" / "integrations" / f"{library}.py"
    [report] = [node for node in ast.parse(source.read_text("utf-8")).body if isinstance(node, ast.ClassDef)]
    for node in (report, *(node for node in report.body if isinstance(node, ast.FunctionDef))):
        assert ast.get_docstring(node) or node.name.startswith("_"), f"{library}: {node.name}"
    for part in ("Example:", "Args:", "Raises:"):
        assert part in (ast.get_docstring(report) or "")


@pytest.mark.parametrize("name", EVERYTHING)
def test_what_is_shown_is_there_and_documented(name: str) -> None:
    assert (inspect.getdoc(found(name)) or "").strip()


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.__name__)
def test_every_method_of_a_protocol_says_what_is_expected_of_it(protocol: type) -> None:
    methods = [name for name, _ in inspect.getmembers(protocol, inspect.isfunction) if not name.startswith("_")]
    assert methods
    assert [name for name in methods if not getattr(protocol, name).__doc__] == []
    for what in ("Life cycle", "Threads", "Errors"):
        assert protocol in (Store, StudyStore, Journal) or f"**{what}.**" in (protocol.__doc__ or "")
