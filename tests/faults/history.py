"""The history checker: does a log hold what its users were told, and nothing else?

After Jepsen's idea (Kingsbury, 2013): clients keep a record of their own, faults are injected, and in the end the
store's answer is compared with what was acknowledged. The truth is the side log, which outlives every process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from side import loss_of

from trimtab.ledger.event import Asked, Failed, Record, Started, Stopped, Told
from trimtab.ledger.ledger import Ledger
from trimtab.study.replay import replay


@dataclass(frozen=True)
class Restored:
    """The store was put back: what was committed after `taken` and before `done` may be gone.

    Attributes:
        taken: when the backup began to be taken, by the monotonic clock.
        done: when it had been put back.
    """

    taken: float
    done: float


def violations(records: Sequence[Record], side: Sequence[dict[str, Any]], restored: Sequence[Restored]) -> list[str]:
    """Return what is wrong with the log of one study; empty where every promise was kept.

    Args:
        records: the whole log.
        side: the lines of the side log about this study, in the order of time.
        restored: when the store was put back, in the order of time.
    """
    if misshapen := _shape(records):
        return misshapen
    return [
        *_acknowledged(records, side, restored),
        *_values(records, side),
        *([] if restored else _seen(records, side)),  # what is gone with a past may have been seen
        *_replayed(records),
    ]


def _shape(records: Sequence[Record]) -> list[str]:
    found = []
    if [record.seq for record in records] != list(range(1, len(records) + 1)):
        found.append("the log has gaps")
    asked = [r.event.number for r in records if isinstance(r.event, Asked)]
    if asked != list(range(len(asked))):
        found.append("the trials are not numbered 0, 1, 2, ...")
    over = Counter(
        r.event.number
        for r in records
        if isinstance(r.event, Told | Stopped) or (isinstance(r.event, Failed) and not r.event.again)
    )
    found += [f"trial {number} ended {n} times" for number, n in over.items() if n > 1]
    ledger = Ledger.begin(records[0])
    try:
        for record in records[1:]:
            ledger.apply(record)
    except Exception as error:
        found.append(f"the log does not follow from itself: {error}")
    return found


def _acknowledged(records: Sequence[Record], side: Sequence[dict[str, Any]], restored: Sequence[Restored]) -> list[str]:
    """Every tell that was acknowledged is on record, but for those that a restored backup took with it."""
    on_record = {r.event.values.get("nonce"): r.event for r in records if isinstance(r.event, Told)}
    began = {line["nonce"]: line["at"] for line in side if line["what"] == "telling"}
    held = {(line["pid"], line["number"], line["attempt"]): line["at"] for line in side if line["what"] == "asked"}
    found = []
    for line in side:
        if line["what"] == "refused" and line["nonce"] in on_record:
            found.append(f"trial {line['number']}: a tell that was refused is on record")
        if line["what"] != "acknowledged":
            continue
        nonce = line["nonce"]
        if nonce not in on_record:
            if not any(r.taken <= line["at"] and began[nonce] <= r.done for r in restored):
                found.append(f"trial {line['number']}: an acknowledged tell is not on record")
        elif (on_record[nonce].number, on_record[nonce].attempt) != (line["number"], line["attempt"]):
            found.append(f"trial {line['number']}: its tell is on record for another trial or attempt")
        asked_at = held[line["pid"], line["number"], line["attempt"]]
        if any(r.taken < asked_at < r.done < began[nonce] for r in restored):
            found.append(f"trial {line['number']}: asked in one past, and its tell acknowledged in another")
    return found


def _values(records: Sequence[Record], side: Sequence[dict[str, Any]]) -> list[str]:
    """What is on record was computed by that very attempt, and is what the parameters give."""
    told_by = {line["nonce"]: line for line in side if line["what"] in ("ran", "telling")}
    ledger = Ledger.begin(records[0])
    for record in records[1:]:
        ledger.apply(record)
    found = []
    for record in records:
        event = record.event
        if not isinstance(event, Told):
            continue
        line = told_by.get(event.values.get("nonce"))
        if line is None:
            found.append(f"trial {event.number}: told by nobody")
        elif (line["number"], line["attempt"]) != (event.number, event.attempt):
            found.append(f"trial {event.number}: told with what attempt {line['attempt']} at {line['number']} found")
        if event.values["loss"] != loss_of(ledger.table.trial(event.number).params):
            found.append(f"trial {event.number}: its loss is not that of its parameters")
    failed = [r.event for r in records if isinstance(r.event, Failed) and not r.event.again]
    found += [f"trial {e.number}: failed ({e.failure}: {e.error.splitlines()[0]})" for e in failed]
    return found


def _seen(records: Sequence[Record], side: Sequence[dict[str, Any]]) -> list[str]:
    """What ran is on record, and what progress has shown as complete is complete."""
    started = {(r.event.number, r.event.attempt) for r in records if isinstance(r.event, Started)}
    ran = {(line["number"], line["attempt"]) for line in side if line["what"] == "ran"}
    found = [f"trial {number}: attempt {attempt} ran and is not on record" for number, attempt in ran - started]
    complete = sum(isinstance(r.event, Told) for r in records)
    shown = max((line["complete"] for line in side if line["what"] == "seen"), default=0)
    if shown > complete:
        found.append(f"progress showed {shown} complete trials, the log has {complete}")
    return found


def _replayed(records: Sequence[Record]) -> list[str]:
    replayed = replay(iter(records))
    return [f"trial {number}: replay finds another suggestion" for number in replayed.differing]
