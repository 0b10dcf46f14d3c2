"""Which GPUs each worker sees: whole ones for itself, or a share of one."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
from collections.abc import Sequence

from trimtab.errors import ExecutorError

PATIENCE_S = 30.0
"""How long `nvidia-smi` may take; it is slow where the driver must be loaded first."""

MOST_SHARING = 1_000_000
"""Trials on one GPU: where each needs less, as many need none."""


def assign(n_workers: int, gpus: float, devices: Sequence[str | int] | None = None) -> list[dict[str, str]]:
    """Return for each worker what its environment says about GPUs.

    Args:
        n_workers: how many run at once.
        gpus: what each needs: a whole number, or a fraction below 1, by which several share one GPU. With 0, and no
            `devices`, the environment stays as it is.
        devices: numbers or UUIDs of those that may be used; by default those in CUDA_VISIBLE_DEVICES, else all.

    Raises:
        ExecutorError: there are too few, or the amount cannot be meant.
    """
    if gpus == 0 and devices is None:
        return [{} for _ in range(n_workers)]
    found = find() if devices is None else [str(device) for device in devices]
    if gpus == 0:
        return [_seen(found)] * n_workers
    if gpus >= 1 and gpus != int(gpus):
        raise ExecutorError(f"Resources(gpus=...) is a whole number or a fraction below 1, got {gpus:g}.")
    sharing = math.floor(min(1 / gpus, MOST_SHARING) + 1e-9) if gpus < 1 else 1
    each = max(1, int(gpus))
    n_fit = len(found) // each * sharing
    if n_workers > n_fit:
        there = f"there are {len(found)} ({', '.join(found)})" if found else "there is none"
        fit = f"; {n_fit} would fit" if n_fit else ""
        raise ExecutorError(f"{n_workers} workers with {gpus:g} GPUs each need more GPUs than there are: {there}{fit}.")
    n_groups = len(found) // each
    groups = [found[i * each : (i + 1) * each] for i in range(n_groups)]
    return [_seen(groups[worker % n_groups]) for worker in range(n_workers)]


def find() -> list[str]:
    """Return the GPUs that this process may use: those of CUDA_VISIBLE_DEVICES, else those that nvidia-smi lists."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        named = [device.strip() for device in visible.split(",")]
        usable = []
        for device in named:  # CUDA itself ignores what follows the first invalid entry
            if not device or device.startswith("-") or device == "NoDevFiles":
                break
            usable.append(device)
        return usable
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        listed = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExecutorError(
            f"the GPUs cannot be listed by {program}: {error}; name them with CUDA_VISIBLE_DEVICES."
        ) from None
    return parse(listed.stdout) if listed.returncode == 0 else []


def parse(listing: str) -> list[str]:
    """Return the devices in the output of `nvidia-smi -L`: a GPU's number, or its parts where it is divided (MIG)."""
    devices: list[str] = []
    whole: str | None = None
    for line in listing.splitlines():
        gpu = re.match(r"GPU (\d+):", line)
        part = re.search(r"UUID: (MIG-[^)\s]+)", line)
        if gpu is not None:
            devices += [whole] if whole is not None else []
            whole = gpu.group(1)
        elif part is not None:
            devices.append(part.group(1))
            whole = None
    return devices + ([whole] if whole is not None else [])


def _seen(devices: Sequence[str]) -> dict[str, str]:
    seen = {"CUDA_VISIBLE_DEVICES": ",".join(devices)}
    if "CUDA_DEVICE_ORDER" not in os.environ and "CUDA_VISIBLE_DEVICES" not in os.environ:
        seen["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # nvidia-smi numbers them so, CUDA by speed
    return seen
