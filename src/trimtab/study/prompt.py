"""Whether somebody sits at a prompt: in a notebook, in IPython, or in Python's own."""

from __future__ import annotations

import sys
from typing import Any


def ipython() -> Any:
    """Return the running IPython shell; None where there is none."""
    module = sys.modules.get("IPython")
    return None if module is None else module.get_ipython()


def is_interactive() -> bool:
    """Return whether what a call returns can still be used after it was interrupted, since a prompt follows."""
    return ipython() is not None or hasattr(sys, "ps1") or bool(sys.flags.interactive)
