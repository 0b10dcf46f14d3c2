"""Which study goes on from which: said in the provenance of the later one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LINEAGE = "refined_from"
"""What the provenance of a study says of the study that it goes on from."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a study comes from.

    Attributes:
        study: the name of the one before, as it was then; id: its mark, which no renaming changes.
        changes: what is different in its space, a sentence each.
        n_evidence: how many trials came along.
        left_out: {parameter: trials of the study before that fit no more}.
    """

    study: str
    id: str
    changes: tuple[str, ...] = ()
    n_evidence: int = 0
    left_out: Mapping[str, list[int]] | None = None

    @classmethod
    def of(cls, provenance: Mapping[str, Any]) -> Lineage | None:
        """Return what a study's provenance says; None where it is the first of its line."""
        said = provenance.get(LINEAGE)
        if not isinstance(said, Mapping) or not isinstance(said.get("study"), str):
            return None
        left_out = said.get("left_out")
        return cls(
            said["study"],
            str(said.get("id", "")),
            tuple(map(str, said.get("changes", ()))),
            int(said.get("evidence", 0)),
            left_out if isinstance(left_out, Mapping) else {},
        )

    def text(self) -> str:
        """Return it in a sentence."""
        n_out = sum(map(len, (self.left_out or {}).values()))
        names = ", ".join(self.left_out or {})
        out = f"; {n_out} fit no more ({names})" if n_out else ""
        return f"{self.study}, with {self.n_evidence} of its trials as evidence{out}: {'; '.join(self.changes)}"
