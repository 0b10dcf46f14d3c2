"""What a table shows: written by the fold of a log, or read from a snapshot, and by nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.ledger.columns import Column, Interned
from trimtab.ledger.curves import CurveLog
from trimtab.ledger.event import Assessed, Past
from trimtab.space.problem import Problem


@dataclass(frozen=True, slots=True)
class Growth:
    """That the space learned a parameter.

    Attributes:
        n_over: how many trials were over then.
        problem: what was tuned until then.
    """

    n_over: int
    problem: Problem


class Contents:
    """Columns, what is known of some rows only, and of the study as a whole. What each is says the table that shows it.

    Attributes:
        past, portfolio: what the study learns from, as its first record has it.
        columns: [N] each, by name.
        extra: [up to N] each, by the name of a metric that was told and not declared.
        curves: what was reported.
        handles: what the executor calls the present attempt, by row, where it said so.
        halts: the attempt that the scheduler wants to end, and why, by row.
        noted_at: the record of each note about the study, in their order.
        verdicts: on the study, with their records.
        head: the sequence number of the last record.
        needs: the resources of the present attempt, by row, where they are not one cpu.
        used: for how many seconds each resource was taken by attempts that are over; "worker" is their own time.
        is_gradual: whether some trial reported before it reached its fidelity.
        again: of the rows that wait, those whose configuration was begun.
        growths: each time that the space learned a parameter.
        is_extended: whether trials gained values while they ran.
        n_children: how many rows continue another.
        n_evidence: how many rows an earlier study ran.
        session_start: when the study was last opened; None if that was never said.
        elapsed: seconds of all openings before.
        now, last_at: the time of the last tick, and of the last record.
    """

    def __init__(
        self, problem: Problem, past: tuple[Past, ...] = (), portfolio: tuple[tuple[int, int], ...] = ()
    ) -> None:
        n_metrics, n_fidelities = len(problem.metrics), len(problem.fidelities)
        self.problem, self.past, self.portfolio = problem, past, portfolio
        self.signs = np.asarray(problem.signs, dtype=np.float64)
        self.columns = {
            "state": Column(np.int8),
            "x": Column(np.float64, np.nan, len(problem.space)),
            "y": Column(np.float64, np.nan, n_metrics),
            "errors": Column(np.float64, np.nan, n_metrics),
            "cost": Column(np.float64, np.nan),
            "seconds": Column(np.float64, np.nan),
            "fidelity": Column(np.float64, np.nan, n_fidelities),
            "parent": Column(np.int64, -1),
            "attempt": Column(np.int32),
            "asked_at": Column(np.float64, np.nan),
            "started_at": Column(np.float64, np.nan),
            "ended_at": Column(np.float64, np.nan),
            "lease_s": Column(np.float64, np.nan),
            "failure": Column(np.int8, -1),
            "origin": Column(np.int32),
            "worker": Column(np.int32, -1),
            "touched": Column(np.int64),
            "n_lost": Column(np.int32),
            "n_lost_with_driver": Column(np.int32),
            "ran": Column(np.float64, 0.0, n_fidelities),
            "unseen": Column(np.float64, 0.0, n_fidelities),
            "begins": Column(np.float64, np.nan),
            "begun_at": Column(np.float64, np.nan),
        }
        self.order = Column(np.int64)
        self.curves = CurveLog(problem.metric_names)
        self.extra: dict[str, Column] = {}
        self.origins = Interned()
        self.workers = Interned()
        self.errors: dict[int, str] = {}
        self.reasons: dict[int, str] = {}
        self.handles: dict[int, str] = {}
        self.halts: dict[int, tuple[int, str]] = {}
        self.notes: dict[int, dict[str, Any]] = {}
        self.study_notes: dict[str, Any] = {}
        self.noted_at: dict[str, int] = {}
        self.verdicts: list[tuple[int, Assessed]] = []
        self.head = 0
        self.needs: dict[int, dict[str, float]] = {}
        self.used: dict[str, float] = {}
        self.is_gradual = False
        self.given: dict[int, Sequence[float | None]] = {}
        self.waiting: dict[int, None] = {}
        self.again: dict[int, None] = {}
        self.running: dict[int, None] = {}
        self.growths: list[Growth] = []
        self.is_extended = False
        self.n_children = 0
        self.n_evidence = 0
        self.now = 0.0
        self.elapsed = 0.0
        self.session_start: float | None = None
        self.last_at = 0.0

    def elapsed_at(self, at: float) -> float:
        """Return for how many seconds the study was worked on at a time, in seconds since the epoch."""
        return self.elapsed + (0.0 if self.session_start is None else max(at, self.last_at) - self.session_start)

    def frozen(self) -> Contents:
        """Return contents that stay as these are now, whatever is folded in."""
        still = copy(self)
        once = _WRITTEN_ONCE - {"x"} if self.is_extended else _WRITTEN_ONCE
        still.columns = {name: column.frozen(shared=name in once) for name, column in self.columns.items()}
        still.order = self.order.frozen(shared=True)
        still.curves = self.curves.frozen()
        still.extra = {name: column.frozen(shared=False) for name, column in self.extra.items()}
        for name in _OF_SOME:
            setattr(still, name, copy(getattr(self, name)))
        return still

    def narrowed(self, growth: int) -> Contents:
        """Return what there is of the space as it was before one of the growths."""
        narrow = copy(self)
        narrow.problem, narrow.growths = self.growths[growth].problem, self.growths[:growth]
        width = len(narrow.problem.space)
        narrow.columns = self.columns | {"x": self.columns["x"].narrowed(width)}
        narrow.given = {row: given[:width] for row, given in self.given.items()}
        return narrow

    def every(self) -> dict[str, Column]:
        """Return the columns that each study has, by the names under which they are kept."""
        return self.columns | {"order": self.order}


_WRITTEN_ONCE = frozenset({"x", "fidelity", "parent", "asked_at", "origin"})
"""Columns whose rows are written when a trial is asked for, and never again."""

_OF_SOME = (
    "errors", "reasons", "handles", "halts", "notes", "study_notes", "noted_at", "verdicts", "given", "waiting",
    "again", "running", "growths", "needs", "used",
)  # fmt: skip
"""What is known of some rows only; what is written down about one row is replaced, not changed."""
