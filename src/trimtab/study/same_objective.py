"""Whether the objective that is to run is the one whose results are on record, and what to do where it is not."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

from trimtab.errors import ProblemError, StudyExistsError, StudyMismatchError
from trimtab.ledger.ledger import Ledger
from trimtab.ledger.table import COMPLETE, STOPPED
from trimtab.space.condition import shown
from trimtab.study.study import Study

Terms: TypeAlias = Literal["same", "always", "never"]
"""When a study on record goes on: if the objective is the same, always, or never."""

NOTE = "objective changed"
"""The note of the study that says from which trial on its objective is another one."""

MOST_SAID = 5
"""Differences that a sentence names."""


def check_terms(terms: object) -> Terms:
    """Return `terms` if they are such.

    Raises:
        ProblemError: they are none.
    """
    for known in get_args(Terms):
        if terms == known:
            found: Terms = known
            return found
    raise ProblemError(
        f'resume is "same" (go on if the objective is the same), "always" or "never"; got {shown(terms)}.'
    )


def last_known(ledger: Ledger) -> Mapping[str, Any] | None:
    """Return the fingerprint of the objective that ran last, None where none is on record."""
    for provenance in (*reversed(ledger.opened), ledger.created.provenance):
        found = provenance.get("objective")
        if isinstance(found, Mapping):
            return found
    return None


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return what differs between two fingerprints, each in a few words; empty if nothing that both know does."""
    if before.get("kind") != after.get("kind"):
        return [f"it was a {before.get('kind')} and is a {after.get('kind')}"]
    found: list[str] = []
    old, new = before.get("parts", {}), after.get("parts", {})
    for name in old:
        if name not in new:
            continue
        kinds = [kind for kind in old[name] if kind in new[name] and kind != "shown"]
        if not kinds or old[name][kinds[0]] == new[name][kinds[0]]:
            continue
        if "value" not in kinds:
            found.append(f"the code of {name} differs")
        elif "shown" in old[name] and "shown" in new[name]:
            found.append(f"{name} was {old[name]['shown']} and is {new[name]['shown']}")
        else:
            found.append(f"{name} differs")
    return found


def require(study: Study, objective: Mapping[str, Any], terms: Terms) -> None:
    """See to it that results of one objective are not taken for those of another.

    A difference that the user wants, or that does no harm since there is no result yet, is said and put on record.

    Raises:
        StudyMismatchError: there are results, and they are of another objective.
        StudyExistsError: the study was not to be there.
    """
    table = study.table
    if terms == "never" and len(table):
        raise StudyExistsError(
            f'study {study.name!r} in {study.session.store.url} is there, and resume="never" does not '
            "go on with it; give the new one another name."
        )
    before = last_known(study.session.ledger)
    changes = [] if before is None else differences(before, objective)
    if not changes or not len(table):
        return
    said = "; ".join(changes[:MOST_SAID]) + ("; and more" if len(changes) > MOST_SAID else "")
    n_results = len(table.rows(COMPLETE, STOPPED))
    count = f"{n_results} results" if n_results > 1 else "a result"
    if n_results and terms != "always":
        raise StudyMismatchError(
            f"study {study.name!r} in {study.session.store.url} holds {count} of another objective ({said}). "
            "Give the new one a name of its own (name=, --name), restore the old one, or go on as if its results "
            'were of the new one (resume="always", --resume always).'
        )
    print(  # not left to the progress display, which may be off
        f"{study.name}: the objective is not the one that ran before ({said}); goes on with what is on record.",
        file=sys.stderr,
    )
    earlier = table.notes.get(NOTE)
    study.note(NOTE, "; ".join([*([str(earlier)] if earlier else []), f"from trial {len(table)} on: {said}"]))
