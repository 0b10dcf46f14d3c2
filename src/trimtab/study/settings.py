"""How a driver goes about its work."""

from __future__ import annotations

from dataclasses import dataclass, field

from trimtab.execute.protocol import Resources
from trimtab.study.purse import Purse


@dataclass(frozen=True, slots=True)
class Settings:
    """How a driver goes about its work.

    Attributes:
        resources: what each trial needs.
        lease_s: seconds for which a driver may be silent before others take its trials over.
        retries: how often a trial is run again whose worker, or driver, was killed; over all runs of the study.
        grace_s: seconds between the request to end and the end by force.
        purse: the budget; None where nobody counts.
        room: bytes that checkpoints may take; None for any number.
        workers: how many trials run at once, where the executor would take any number.
        is_interactive: whether somebody waits for the study at a prompt: an interrupt then ends it with a verdict.
    """

    resources: Resources = field(default_factory=Resources)
    lease_s: float = 60.0
    retries: int = 2
    grace_s: float = 10.0
    purse: Purse | None = None
    room: int | None = None
    workers: int = 1
    is_interactive: bool = False
