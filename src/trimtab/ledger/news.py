"""What is new since a record: reports, changed trials, verdicts and notes, all on one cursor.

Whoever follows a study (a stopping rule, a dashboard, a service) keeps one number, the sequence number up to which it
has read, and asks `TrialTable.since` for the rest.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trimtab.arrays import Ints
from trimtab.ledger.curves import Curves
from trimtab.ledger.event import Assessed


@dataclass(frozen=True, slots=True)
class News:
    """What came after one record of the log, up to another.

    Attributes:
        head: the sequence number of the last record; ask with it the next time.
        rows: the trials about which there is a record; those that reported are among them.
        reports: what they reported, in the order of the log.
        verdicts: on the study, in the order of the log.
        notes: about the study, the last one of each key, in the order of the log.
    """

    head: int
    rows: Ints
    reports: Curves
    verdicts: tuple[Assessed, ...]
    notes: Mapping[str, Any]


def verdicts_since(verdicts: Sequence[tuple[int, Assessed]], seq: int) -> tuple[Assessed, ...]:
    """Return the verdicts that came after record `seq`.

    Args:
        verdicts: with the sequence numbers of their records, in ascending order.
        seq: the record.
    """
    begin = bisect_right(verdicts, seq, key=lambda verdict: verdict[0])
    return tuple(verdict for _, verdict in verdicts[begin:])


def notes_since(notes: Mapping[str, Any], noted_at: Mapping[str, int], seq: int) -> dict[str, Any]:
    """Return the notes that came after record `seq`.

    Args:
        notes: the last one of each key.
        noted_at: the sequence numbers of their records, in ascending order.
        seq: the record.
    """
    known = list(noted_at.items())  # in one step of the interpreter: another thread may be writing one down
    begin = bisect_right(known, seq, key=lambda note: note[1])
    return {key: notes[key] for key, _ in known[begin:]}
