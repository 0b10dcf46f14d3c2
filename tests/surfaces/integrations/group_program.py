"""One rank of a group that trains a model together (DDP on gloo): a program for torchrun, or half of an objective."""

from __future__ import annotations

import gc
import os
import signal
import time
from pathlib import Path

import torch
import torch.distributed as dist

import trimtab as tt

SEEN = "TRIMTAB_TEST_SEEN"
"""A folder in which each rank writes down what it did."""


def rank_of_a_group(trial: tt.Trial | None) -> object:
    """Train as one of two ranks, whose data, losses and random numbers are not each other's."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    try:
        return train(trial)
    finally:
        # The model, which is part of a cycle, goes first: were it what holds the group last, PyTorch would wait for
        # gloo's threads while it has the lock of the interpreter that these wait for, now and then for ever.
        gc.collect()
        dist.destroy_process_group()


def train(trial: tt.Trial | None) -> object:
    rank = dist.get_rank()
    torch.manual_seed(rank)
    x, y = torch.randn(32, 4), torch.randn(32)
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    report = tt.integrations.torch.Report(trial, model=model, optimizer=optimizer)
    for epoch in report.steps():
        rows = torch.randint(32, (8,))
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x[rows]).squeeze(1), y[rows])
        loss.backward()
        optimizer.step()
        time.sleep(float(os.environ.get("TRIMTAB_TEST_PAUSE", "0")))
        write_down(rank, epoch, loss.item())
        if trial is not None and trial.attempt == 1 and epoch == int(os.environ.get("TRIMTAB_TEST_DIE_AT", "0")):
            if rank == 0:
                os.kill(os.getppid(), signal.SIGKILL)  # torchrun, and all of this goes down with it
            time.sleep(60)
        report(epoch, loss=loss)
    return report.last


def write_down(rank: int, epoch: int, loss: float) -> None:
    with (Path(os.environ[SEEN]) / str(rank)).open("a") as file:
        file.write(f"{epoch} {loss!r}\n")


def seen(folder: Path, rank: int) -> dict[int, float]:
    """Return what a rank did at last: {epoch: its loss}."""
    lines = (line.split() for line in (folder / str(rank)).read_text().splitlines())
    return {int(epoch): float(loss) for epoch, loss in lines}


if __name__ == "__main__":
    result = rank_of_a_group(tt.this_trial())
    if os.environ["RANK"] == "0" and result is not None:
        tt.report(None, result)
