"""The states of a trial, as the table's column has them."""

from __future__ import annotations

WAITING, RUNNING, COMPLETE, STOPPED, FAILED = range(5)
STATES = ("waiting", "running", "complete", "stopped", "failed")
