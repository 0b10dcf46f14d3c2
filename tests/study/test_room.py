"""How much room checkpoints take: what goes first, and what never does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import ProblemError
from trimtab.study.files import Files
from trimtab.study.room import TOO_FULL, Room, order_of_removal, room_of

KB = 1000


def study_of(*losses: float | None) -> tt.Study:
    """Return a study whose trials came to these losses; None still runs."""
    study = tt.create_study(tt.Space(x=tt.Float(0, 1)), minimize="loss", optimizer="random", seed=0)
    for loss in losses:
        trial = study.ask()
        if loss is not None:
            study.tell(trial, loss)
    return study


def fill(files: Files, *numbers: int, n_bytes: int = KB) -> None:
    for number in numbers:
        files.checkpoint(number).mkdir(parents=True, exist_ok=True)
        (files.checkpoint(number) / "model.bin").write_bytes(b"x" * n_bytes)


def left(files: Files, n: int) -> list[int]:
    return [number for number in range(n) if (files.checkpoint(number) / "model.bin").exists()]


def test_the_oldest_goes_first_of_those_that_nobody_continues_then_the_worst() -> None:
    table = study_of(5.0, 1.0, 3.0, 4.0, 2.0, None).table
    hopeful = np.array([False, False, True, True, True, True])
    spare, others = order_of_removal(table, hopeful)
    assert spare.tolist() == [0], "the best stays, and what runs"
    assert others.tolist() == [3, 2, 4]
    assert order_of_removal(table, None)[0].tolist() == [0, 2, 3, 4]


@pytest.mark.parametrize(
    ("most", "stay", "said"),
    [
        (6 * KB, [0, 1, 2, 3, 4, 5], ""),
        (5 * KB, [1, 2, 3, 4, 5], ""),
        (4 * KB, [1, 2, 4, 5], "trials might still have gone on from"),
        (1 * KB, [1, 5], "alone take more"),
    ],
)
def test_no_more_goes_than_has_to(most: int, stay: list[int], said: str) -> None:
    study = study_of(5.0, 1.0, 3.0, 4.0, 2.0, None)
    files = study.session.files
    fill(files, *range(6))
    hopeful = np.array([False, False, True, True, True, True])
    room = Room(files, most)
    told = room.make(study.table, hopeful, lambda row: True)
    assert left(files, 6) == stay
    assert said in told
    assert bool(told) == bool(said)
    assert bool(room.make(study.table, hopeful, lambda row: True)) == ("alone" in said), "what is gone stays gone"


def test_what_somebody_has_come_to_go_on_with_stays() -> None:
    study = study_of(5.0, 1.0, 3.0)
    fill(study.session.files, 0, 1, 2)
    Room(study.session.files, KB).make(study.table, None, lambda row: row != 2)
    assert left(study.session.files, 3) == [1, 2]


def test_a_study_keeps_within_its_room_and_says_once_what_that_took(tmp_path: Path) -> None:
    def train(trial: tt.Trial) -> float:
        for epoch in trial.steps():
            (trial.checkpoint_dir / "model.bin").write_bytes(b"x" * 10 * KB)
            trial.mark_checkpoint(epoch)
            trial.report(epoch, loss=trial.params["x"] / epoch)
        return trial.params["x"]

    study = tt.tune(
        train, tt.Space(x=tt.Float(0, 1)), minimize="loss", fidelity=tt.Fidelity("epoch", 1, 9), budget=20,
        scheduler="hyperband", optimizer="random", seed=0, store=f"sqlite:///{tmp_path / 's.db'}", checkpoints="55 kB",
        progress=False,
    )  # fmt: skip
    folders = list(study.session.files.checkpoint(0).parent.iterdir())
    taken = sum(file.stat().st_size for folder in folders for file in folder.iterdir())
    assert taken <= 55 * KB
    assert (study.session.files.checkpoint(study.best.number) / "model.bin").exists()
    said = [record for record in study.session.journal.read() if getattr(record.event, "key", "") == TOO_FULL]
    assert len(said) <= 1


@pytest.mark.parametrize(
    ("said", "n"),
    [("20 GB", 20 * 10**9), ("1.5GiB", 3 << 29), ("500 MB", 500 * 10**6), (7, 7), (np.int64(7), 7), (None, None)],
)
def test_a_size_is_said_as_people_do(said: object, n: int | None) -> None:
    assert room_of(said) == n


@pytest.mark.parametrize("said", ["20", "20 GX", "-1 GB", 0, -5, True, 2.5, "", "9999999999 TB"])
def test_what_is_no_size_is_refused(said: object) -> None:
    with pytest.raises(ProblemError, match="checkpoints is a size"):
        room_of(said)
