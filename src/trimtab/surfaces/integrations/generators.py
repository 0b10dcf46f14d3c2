"""The global random generators that training loops draw from: kept with a checkpoint, and put back with it."""

from __future__ import annotations

import pickle
import random
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

FILE = "generators.pickle"


def states() -> dict[str, Any]:
    """Return the states of Python's and NumPy's generators, and of PyTorch's and its devices' where that is loaded."""
    found: dict[str, Any] = {"python": random.getstate(), "numpy": np.random.get_state()}  # noqa: NPY002 - loops do
    torch = sys.modules.get("torch")
    if torch is not None:
        on_devices = torch.cuda.is_available() and torch.cuda.is_initialized()
        found["torch"] = torch.get_rng_state()
        found["cuda"] = torch.cuda.get_rng_state_all() if on_devices else []
    return found


def restore(found: Mapping[str, Any]) -> None:
    """Put the generators back to these states."""
    random.setstate(found["python"])
    np.random.set_state(found["numpy"])  # noqa: NPY002 - as above
    torch = sys.modules.get("torch")
    if torch is not None and "torch" in found:
        torch.set_rng_state(found["torch"])
        if found["cuda"] and len(found["cuda"]) == torch.cuda.device_count():  # else it was another machine
            torch.cuda.set_rng_state_all(found["cuda"])


def write(folder: Path) -> None:
    """Keep the states with a checkpoint."""
    (folder / FILE).write_bytes(pickle.dumps(states()))


def read(folder: Path) -> None:
    """Put the generators back to the states that were kept with a checkpoint."""
    restore(pickle.loads((folder / FILE).read_bytes()))
