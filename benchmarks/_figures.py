"""What a benchmark prints: a JSON line that says what ran and where, then one for every figure, held to its limits."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import date
from importlib import metadata
from pathlib import Path


class Figures:
    """The figures of one script, printed as they come.

    Args:
        script: the script's `__file__`.
        about: its docstring, whose first line says what is measured.
        libraries: what else took part; their versions are printed.
    """

    def __init__(self, script: str, about: str, *libraries: str) -> None:
        self._bench = Path(script).stem
        self._failed = 0
        versions = {"python": platform.python_version()}
        versions.update((library, metadata.version(library)) for library in ("trimtab", "numpy", *libraries))
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        self._print(
            about=about.splitlines()[0],
            command=" ".join(["python", f"benchmarks/{self._bench}.py", *sys.argv[1:]]),
            date=date.today().isoformat(),
            machine=f"{cores} cores, {platform.machine()}, {platform.system()}",
            versions=versions,
        )

    def add(
        self, what: str, value: float, unit: str, *, at_most: float | None = None, at_least: float | None = None
    ) -> None:
        """Print a figure; one without a limit is for comparison."""
        limits = {"at_most": at_most, "at_least": at_least}
        shown = float(f"{value:.4g}") if isinstance(value, float) else value
        line = {"what": what, "value": shown, "unit": unit, **{k: v for k, v in limits.items() if v is not None}}
        # `not <=` and not `>`, so that nan is beyond every limit
        beyond = (at_most is not None and not value <= at_most) or (at_least is not None and not value >= at_least)
        self._failed += beyond
        self._print(**line, **({"beyond": True} if beyond else {}))

    def close(self) -> int:
        """Return the exit code of the script: 1 if a figure lies beyond its limit."""
        return 1 if self._failed else 0

    def _print(self, **line: object) -> None:
        print(json.dumps({"bench": self._bench, **line}, ensure_ascii=False), flush=True)
