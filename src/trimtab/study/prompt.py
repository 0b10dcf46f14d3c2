"""Whether somebody sits at a prompt: in a notebook, in IPython, in Python's own, or in its debugger."""

from __future__ import annotations

import os
import sys
from typing import Any


def ipython() -> Any:
    """Return the running IPython shell; None where there is none."""
    module = sys.modules.get("IPython")
    return None if module is None else module.get_ipython()


def is_interactive() -> bool:
    """Return whether what a call returns can still be used after it was interrupted, since a prompt follows."""
    follows = bool(sys.flags.inspect) or bool(os.environ.get("PYTHONINSPECT"))  # `python -i`; a program may set it late
    return ipython() is not None or hasattr(sys, "ps1") or follows or _is_in_debugger()


def _is_in_debugger() -> bool:
    """Return whether this was called from what somebody typed at pdb's prompt."""
    frame = sys._getframe()
    while (caller := frame.f_back) is not None:
        if caller.f_globals.get("__name__") == "pdb" and caller.f_code.co_name == "default":
            return True
        frame = caller
    return False
