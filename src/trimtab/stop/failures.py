"""Give up when nothing works: a study of which every trial fails is a bug, not a search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.ledger.event import FAILURE_KINDS
from trimtab.ledger.table import COMPLETE, FAILED, STOPPED, TrialTable
from trimtab.space.problem import Problem
from trimtab.stop.protocol import Verdict


@dataclass(frozen=True, slots=True)
class AllFailed:
    """Stop when no trial ever succeeded and `patience` of them failed since the study was last opened.

    One failing trial never ends a study: failures are data. But when nothing has ever worked, more of the same teaches
    nothing, and the causes are what the user needs to see. Whoever mends the cause and runs again gets a new chance.
    """

    patience: int = 20

    def assess(self, problem: Problem, table: TrialTable) -> Verdict:  # noqa: ARG002 - the protocol's signature
        """Return whether everything failed so far, with the causes counted."""
        recent = table.order[-self.patience :]
        failed = len(recent) == self.patience and bool(np.all(table.state[recent] == FAILED))
        if not failed or table.ended_at[recent[0]] < table.session_start or len(table.rows(COMPLETE, STOPPED)):
            return Verdict(stop=False, reason="", rule="all failed")
        ended = table.order
        kinds, counts = np.unique(table.failure[ended], return_counts=True)
        causes = ", ".join(f"{count} x {FAILURE_KINDS[kind]}" for kind, count in zip(kinds, counts, strict=True))
        first = table.trial(int(ended[0])).error.splitlines()[:1]
        reason = f"all {len(ended)} trials failed ({causes}); the first said: {first[0] if first else 'nothing'}"
        return Verdict(stop=True, reason=reason, rule="all failed", cancel=True, remaining=0)
