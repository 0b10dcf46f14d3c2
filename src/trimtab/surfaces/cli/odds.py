"""What going on with a study would bring, for programs."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trimtab.stop.outlook import Outlook


def worth_facts(found: Outlook) -> dict[str, Any]:
    """Return what going on would bring as plain values; what is not finite is none."""
    return {key: _plain(value) for key, value in dataclasses.asdict(found).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
