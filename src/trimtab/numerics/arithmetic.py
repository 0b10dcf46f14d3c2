"""The arithmetic of our own computations: quiet, whatever the user's program wants to hear of its own.

A program may ask NumPy and SciPy to raise, warn or call at an underflow, overflow, division by zero or invalid value
(`np.seterr`, `scipy.special.seterr`). In our sums these are meant, a density of 0 far out for instance.

To the last bit a result depends on the libraries that compute it, and on which of their kernels they choose for a
processor, so a log says what computed it.
"""

from __future__ import annotations

import os
import sys
from contextlib import ContextDecorator
from functools import cache

import numpy as np

from trimtab.numerics import blas

_NOT_OF_NUMBERS = {"memory": "ignore"}
"""What `scipy.special` raises by default, of its errors."""

_IGNORED = dict.fromkeys(
    ("singular", "underflow", "overflow", "slow", "loss", "no_result", "domain", "arg", "other", "memory"), "ignore"
)
"""What it says where it ignores all its errors; if a version of it has others, they are set each time."""


class quiet(ContextDecorator):  # noqa: N801 - as numpy.errstate
    """Within this, nothing that a floating-point number does is raised, warned of or called for, in this thread.

    NumPy keeps what it does at such errors by thread or context, and SciPy by thread, so no other code is concerned.
    The filters of `warnings` belong to the process and are left alone: our computations give no warning.

    A class and no generator, since every suggestion passes here several times.
    """

    def _recreate_cm(self) -> quiet:
        return quiet()  # for each call of what it decorates a state of its own

    def __enter__(self) -> None:
        self._numpy = np.errstate(all="ignore")
        self._numpy.__enter__()
        special = sys.modules.get("scipy.special")  # not imported: not set otherwise
        if not hasattr(special, "geterr") or not hasattr(special, "errstate"):
            special = None  # another thread is at importing it, as the one that asks aside may be
        self._scipy = None
        if special is not None and {**special.geterr(), **_NOT_OF_NUMBERS} != _IGNORED:
            # seldom, for it ignores them by default, and to set that takes fifty times as long as to ask
            self._scipy = special.errstate(all="ignore")
            self._scipy.__enter__()

    def __exit__(self, *error: object) -> None:
        if self._scipy is not None:
            self._scipy.__exit__(None, None, None)  # neither looks at what was raised
        self._numpy.__exit__(None, None, None)


@cache
def description() -> str:
    """Return what last bits depend on here: libraries, their versions, and the instructions that they use."""
    from importlib.metadata import PackageNotFoundError, version  # imported when used: costs 15 ms

    try:
        scipy = f"scipy {version('scipy')}"
    except PackageNotFoundError:  # not installed as a package
        scipy = "scipy"
    parts = [f"numpy {np.__version__} {_instructions()}", scipy, *blas.versions(), _libc()]
    return ", ".join(part.strip() for part in parts if part)


def _instructions() -> str:
    """Return the instruction sets beyond the usual ones that NumPy has kernels for and this processor has."""
    core = sys.modules.get("numpy._core._multiarray_umath") or sys.modules.get("numpy.core._multiarray_umath")
    there = getattr(core, "__cpu_features__", {})
    return "+".join(name for name in getattr(core, "__cpu_dispatch__", ()) if there.get(name))


def _libc() -> str:
    """Return the C library, whose exp and log Python uses; nothing where it does not say."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):
        return ""
