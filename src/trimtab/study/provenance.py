"""Where a study comes from: code, machine, people."""

from __future__ import annotations

import os
import platform
import socket
import sys
from collections.abc import Mapping
from typing import Any

from trimtab.numerics import arithmetic
from trimtab.text import hide_in_arguments, valid

LONGEST_ARGUMENT = 2000
"""Characters of one argument that are kept: code after `python -c` may have any length."""


def gather(
    objective: Mapping[str, Any] | None = None,
    budget: Mapping[str, Any] | None = None,
    worth: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what is known of this process: versions, arithmetic, git commit, host, user, command line.

    Args:
        objective: the fingerprint of what it runs; None if it runs no trials.
        budget: what it was told to spend, likewise.
        worth: which gain counts and what it is worth, as far as it was told.
    """
    found: dict[str, Any] = {
        **versions(),
        "platform": f"{sys.platform}-{platform.machine()}",
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "argv": _argv(),
    }
    user = os.environ.get("USER") or os.environ.get("LOGNAME")
    if user:
        found["user"] = user
    git = _git()
    if git:
        found["git"] = git
    if objective is not None:
        found["objective"] = dict(objective)
    if budget is not None:
        found["budget"] = dict(budget)
    if worth:
        found["worth"] = dict(worth)
    return found


def versions() -> dict[str, str]:
    """Return what computes here: the versions of Trimtab and Python, and all that last bits depend on."""
    import numpy as np

    from trimtab import __version__

    return {
        "trimtab": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "arithmetic": arithmetic.description(),
    }


def _argv() -> list[str]:
    """Return the command line fit for the record: valid text, of bounded length, without passwords."""
    arguments = [valid(argument) for argument in getattr(sys, "orig_argv", sys.argv)]
    return [argument[:LONGEST_ARGUMENT] for argument in hide_in_arguments(arguments)]


def _git() -> dict[str, Any] | None:
    """Return commit, branch and dirty flag of the working folder; None where it is no git checkout."""
    import subprocess

    def ask(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", *arguments], capture_output=True, text=True, timeout=5, check=False, stdin=subprocess.DEVNULL
            )
        except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
            return None
        return done.stdout if done.returncode == 0 else None

    status = ask("status", "--porcelain=v2", "--branch", "--untracked-files=no")
    if status is None:
        return None
    lines = status.splitlines()
    head = {line.split()[1]: line.split(maxsplit=2)[2] for line in lines if line.startswith("# branch.")}
    return {
        "commit": head.get("branch.oid", ""),
        "branch": head.get("branch.head", ""),
        "dirty": any(not line.startswith("#") for line in lines),
    }
