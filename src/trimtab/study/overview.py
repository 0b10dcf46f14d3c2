"""What a list of studies says of each: from all logs at once, and for most of them without folding a whole table.

A store may hold thousands of short studies. Their logs are read in a few queries, and of a study with one objective
that nothing unusual happened to, only what a list shows is folded. Everything else takes the long way, and so does a
log that the short one cannot make sense of: what is wrong with it is then said in the words of the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from trimtab.errors import StoreCorruptError, TrimtabError
from trimtab.ledger.event import Created, Record
from trimtab.ledger.ledger import Ledger
from trimtab.ledger.table import STATES
from trimtab.storage.protocol import ShortLog, Store, StudyInfo
from trimtab.study import best
from trimtab.study.fold import folded
from trimtab.study.label import Label
from trimtab.study.lineage import Lineage
from trimtab.study.outline import Outline

LONGEST = 4096
"""Records up to which a log is read with all others; beyond, it may have a snapshot, which is faster."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A study in a list.

    Attributes:
        name, created_at: as the store has them.
        n_trials: trials in any state; states: how many in each, those without any left out.
        objectives, constraints: in words.
        best_row, best: the best trial and its value of the objective; None while there is none, and with several.
        front: with several objectives, the trials that none beats in all; None with one.
        n_feasible: complete trials that met every constraint; None where there is no constraint.
        ended: why the study is over; None while it goes on.
        error: why the study cannot be read; then nothing but its name and date is known.
        id: its mark, which no renaming changes.
        refined_from: the name and the mark of the study that it goes on from; None where it is the first of its line.
        n_evidence: how many of its trials that study ran.
        parameters, metrics: their names.
        label: its project, its data set, its tags, and whether it was put away.
    """

    name: str
    created_at: float
    n_trials: int = 0
    states: dict[str, int] = field(default_factory=dict)
    objectives: tuple[str, ...] = ()
    best_row: int | None = None
    best: float | None = None
    front: list[int] | None = None
    ended: str | None = None
    error: str | None = None
    constraints: tuple[str, ...] = ()
    n_feasible: int | None = None
    id: str = ""
    refined_from: tuple[str, str] | None = None
    n_evidence: int = 0
    parameters: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    label: Label = field(default_factory=Label)


def entries(store: Store) -> Iterator[Entry]:
    """Yield every study of a store, oldest first, those that cannot be read with the reason."""
    for log in store.short_logs(LONGEST):
        try:
            yield _entry(store, log)
        except TrimtabError as error:
            yield Entry(log.info.name, log.info.created_at, error=str(error))


def _entry(store: Store, log: ShortLog) -> Entry:
    if log.error is not None:
        raise log.error
    if log.records is None:
        return _of_ledger(log.info, folded(store.open(log.info.name))[0])
    return _of_outline(log.info, log.records) or _of_ledger(log.info, _ledger(log.records))


def _ledger(records: Sequence[Record]) -> Ledger:
    if not records:
        raise StoreCorruptError("the study's log is empty; a log begins with its creation.")
    ledger = Ledger.begin(records[0])
    for record in records[1:]:
        ledger.apply(record)
    return ledger


def _of_ledger(info: StudyInfo, ledger: Ledger) -> Entry:
    table = ledger.table
    objectives, constraints = table.problem.objectives, table.problem.constraints
    row = best.best_row(table) if len(objectives) == 1 else None
    counts = {state: int((table.state == code).sum()) for code, state in enumerate(STATES)}
    return Entry(
        info.name,
        info.created_at,
        len(table),
        {state: n for state, n in counts.items() if n},
        tuple(map(str, objectives)),
        row,
        None if row is None else float(table.y[row, table.problem.metrics.index(objectives[0])]),
        best.front_rows(table).tolist() if len(objectives) > 1 else None,
        ledger.assessed.reason if ledger.assessed is not None and ledger.assessed.stop else None,
        constraints=tuple(map(str, constraints)),
        n_feasible=best.feasible(table).count(True) if constraints else None,
        n_evidence=table.n_evidence,
        parameters=table.space.names,
        metrics=table.problem.metric_names,
        **_about(ledger.created, table.notes),
    )


def _about(created: Created, notes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a study besides its trials."""
    lineage = Lineage.of(created.provenance)
    return {
        "id": created.id,
        "refined_from": None if lineage is None else (lineage.study, lineage.id),
        "label": Label.of(notes),
    }


def _of_outline(info: StudyInfo, records: Sequence[Record]) -> Entry | None:
    outline = Outline.of(records)
    if outline is None:
        return None
    found = outline.best()
    return Entry(
        info.name,
        info.created_at,
        len(outline.states),
        {state: n for code, state in enumerate(STATES) if (n := outline.states.count(code))},
        (str(outline.objective),),
        None if found is None else found[0],
        None if found is None else found[1],
        None,
        outline.ended,
        constraints=tuple(map(str, outline.constraints)),
        n_feasible=outline.n_feasible if outline.constraints else None,
        n_evidence=outline.n_evidence,
        parameters=outline.parameters,
        metrics=outline.metrics,
        **_about(outline.created, outline.notes),
    )


def lineages(entries: Iterable[Entry]) -> list[Entry]:
    """Return studies with each that goes on from another behind it, and the name that the other has by now."""
    every = list(entries)
    by_id = {entry.id: entry for entry in every if entry.id}
    after: dict[str, list[Entry]] = {}
    first: list[Entry] = []
    for entry in every:
        before = None if entry.refined_from is None else by_id.get(entry.refined_from[1])
        if before is None or before is entry:
            first.append(entry)
        else:
            after.setdefault(before.id, []).append(replace(entry, refined_from=(before.name, before.id)))
    found: list[Entry] = []
    due = first[::-1]
    while due:
        entry = due.pop()
        found.append(entry)
        due += after.pop(entry.id, [])[::-1]
    return found + [entry for rest in after.values() for entry in rest]  # what goes on from itself, as logs may say
