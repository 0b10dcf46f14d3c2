"""Programs that tests need: `make test` installs them where it may, and a test fails where one is missing."""

from __future__ import annotations

import shutil

import pytest


def needed(program: str, package: str | None = None) -> str:
    """Return the path of a program; without it the test fails, and says what to install."""
    path = shutil.which(program)
    if path is None:
        pytest.fail(f"this test needs {program}: apt-get install {package or program}")
    return path
