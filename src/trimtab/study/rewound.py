"""What a process knows of a study whose log was brought back to an earlier state under its hands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trimtab.errors import StoreError, StoreRewoundError
from trimtab.ledger.event import Event, Failed, Stopped, Told
from trimtab.ledger.ledger import Ledger
from trimtab.ledger.table import TrialTable
from trimtab.storage.protocol import StudyStore
from trimtab.study import fold

SHOWN = 10
"""How many trials the message names."""


def explained(
    error: StoreRewoundError, ledger: Ledger, journal: StudyStore, events: Sequence[Event] = ()
) -> StoreRewoundError:
    """Return the error with the trials whose results this process knows and the log does not have.

    Args:
        error: what the journal said.
        ledger: what this process has read.
        journal: the log as it is now.
        events: what was about to be put on record.
    """
    try:
        present: TrialTable | None = fold.from_the_beginning(journal).table
    except StoreError:  # damaged besides
        present = None
    missing = {row for row in ledger.table.order.tolist() if not _has(present, ledger.table, row)}
    missing |= {event.number for event in events if isinstance(event, Told | Stopped | Failed)}
    if not missing:
        return error
    numbers = sorted(missing)
    listed = ", ".join(map(str, numbers[:SHOWN])) + (f" and {len(numbers) - SHOWN} more" if numbers[SHOWN:] else "")
    said = StoreRewoundError(
        f"{str(error).removesuffix('.')}; results that this process knows and the log does not have: "
        f"trial{'s' if len(numbers) > 1 else ''} {listed}."
    )
    said.missing = tuple(numbers)
    return said


def _has(present: TrialTable | None, known: TrialTable, row: int) -> bool:
    """Return whether the log as it is now says of a trial what this process knows of it."""
    if present is None or row >= len(present) or present.x.shape[1] != known.x.shape[1]:
        return False
    return bool(
        present.state[row] == known.state[row]
        and np.array_equal(present.x[row], known.x[row], equal_nan=True)
        and np.array_equal(present.y[row], known.y[row], equal_nan=True)
        and present.ended_at[row] == known.ended_at[row]
    )
