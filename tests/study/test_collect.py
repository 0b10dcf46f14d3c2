"""Which checkpoints are removed: only those that nobody can go on from, and that are nobody's result."""

from __future__ import annotations

import numpy as np
import pytest

import trimtab as tt
from trimtab.ledger.event import Event, Stopped
from trimtab.schedule.protocol import Continue, Fresh
from trimtab.study.collect import spent

EPOCHS = tt.Fidelity("epoch", 1, 9)


class Twice:
    """Goes on with the first trial in all others."""

    def assign(self, table, request):
        return Continue(0, (9.0,)) if len(table) else Fresh((3.0,))

    def judge(self, table, row):
        return None

    def to_json(self):
        return {}


def spent_after(*fates: str) -> list[int]:
    """Return what is spent of a trial, and of what went on with it and came to these ends."""
    study = tt.create_study(
        tt.Space(x=tt.Float(0, 1)), minimize="loss", fidelity=EPOCHS, scheduler=Twice(), optimizer="random", seed=0
    )
    study.tell(study.ask(), 1.0)
    for trial, fate in [(study.ask(), fate) for fate in fates]:
        if fate == "complete":
            study.tell(trial, 1.0)
        elif fate == "stopped":
            stopped: list[Event] = [Stopped(trial.number, "too slow", trial.attempt, {}, 1.0, None)]
            study.session.commit(lambda stopped=stopped: stopped)
        elif fate != "running":
            study.tell(trial, failed=fate)
    return spent(study.table, np.zeros(len(study.table), dtype=np.bool_)).tolist()


@pytest.mark.parametrize(
    ("fates", "expected"),
    [
        ((), []),
        (("complete",), [0]),
        (("running",), []),
        (("lost",), []),
        (("complete", "running"), []),
        (("complete", "lost"), []),
        (("complete", "oom"), [0]),
        (("oom",), []),  # the first trial is what there is to show
        (("stopped",), [1]),
        (("complete", "stopped"), [0, 2]),
    ],
)
def test_what_is_spent(fates: tuple[str, ...], expected: list[int]) -> None:
    assert spent_after(*fates) == expected
