"""Failures of one cause."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from trimtab.analysis.advice.advice import Advice
from trimtab.analysis.advice.sight import Sight
from trimtab.analysis.advice.unstable import cut
from trimtab.arrays import Bools, Ints
from trimtab.ledger.event import FAILURE_KINDS, LOST
from trimtab.ledger.table import COMPLETE, FAILED
from trimtab.space.parameter import Float, Int

LEAST: Final = 3
SHARE: Final = 0.1
"""Failures that are worth a word: so many, and such a share of all trials that are over."""
ALIKE: Final = 0.8
"""The share of them that have one cause."""
LONGEST: Final = 120
"""Characters of an error that are shown."""


def causes(sight: Sight) -> Iterator[Advice]:
    """Yield that most failures say the same, and where they happen; those that gave nan are the rule "unstable"'s."""
    table = sight.table
    rows = np.array(
        [row for row in table.rows(FAILED).tolist() if FAILURE_KINDS[table.failure[row]] not in (LOST, "nan")],
        dtype=np.int64,
    )
    n_over = len(table.rows(COMPLETE)) + len(rows)
    if len(rows) < LEAST or len(rows) < SHARE * n_over:
        return
    said = {row: (FAILURE_KINDS[table.failure[row]], essence(table.error(row))) for row in rows.tolist()}
    cause, n = Counter(said.values()).most_common(1)[0]
    if n < LEAST or n < ALIKE * len(rows):
        return
    kind, text = cause
    of_cause = np.array([row for row in rows.tolist() if said[row] == cause], dtype=np.int64)
    where, arguments = _where(sight, of_cause)
    shown = f"{kind}: {text[:LONGEST]}" if text else kind
    first = int(of_cause[0])
    yield Advice(
        "one cause",
        where.split(" ")[0] if where else "",
        f"{n} of {len(rows)} failures have one cause, {shown!r}"
        + (
            f"; they happen where {where}. Leave that part out, or mend it."
            if where
            else f"; trial {first} was the first."
        ),
        min(0.99, 0.6 + 0.4 * n / len(rows)),
        {"failures": n, "of": len(rows), "kind": kind, "error": text[:LONGEST], "trials": of_cause[:20].tolist()},
        "refine" if where else "show",
        arguments if where else {"trial": first},
    )


def essence(error: str) -> str:
    """Return an error's last line that says something, without the numbers and addresses in which repeats differ."""
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    if not lines:
        return ""
    named = [line for line in lines if re.match(r"[\w.]+(Error|Exception|Interrupt|Warning)\b", line)]
    line = named[-1] if named else lines[0] if len(lines) == 1 else lines[-1]
    return re.sub(r"0x[0-9a-fA-F]+|\d+(\.\d+)?", "#", line)


def _where(sight: Sight, failed: Ints) -> tuple[str, dict[str, Any]]:
    """Return the part of the space where these trials failed and hardly any other ran, and how to leave it out."""
    table = sight.table
    rows = np.concatenate([table.rows(COMPLETE), failed])
    bad: Bools = np.isin(rows, failed)
    if bad.all():
        return "", {}
    for column in sight.free.tolist():
        name, parameter = sight.space.names[column], sight.space.parameters[column]
        codes = table.x[rows, column]
        known = ~np.isnan(codes)
        if isinstance(parameter, Float | Int):
            for sign in (1.0, -1.0):
                found = cut(sign * codes[known], bad[known])
                if found is None or found[2] < 0.8 * len(failed):
                    continue
                good = codes[known & ~bad]
                end = float(good.max()) if sign > 0 else float(good.min())
                value = parameter.value(end) if parameter.grid is not None else float(f"{end:.4g}")
                side = "above" if sign > 0 else "below"
                ends = [None, value] if sign > 0 else [value, None]
                if parameter.low <= value <= parameter.high:
                    return f"{name} is {side} {value:g}", {"narrow": {name: ends}}
            continue
        shares = {
            code: (int((bad & (codes == code)).sum()), int((codes == code).sum())) for code in np.unique(codes[known])
        }
        whole = [code for code, (n_bad, n) in shares.items() if n_bad >= LEAST and n_bad >= 0.8 * n]
        if whole and sum(shares[code][0] for code in whole) >= 0.8 * len(failed) and not _is_parent(sight, name):
            gone = [parameter.value(code) for code in whole]
            kept = [parameter.value(float(i)) for i in range(parameter.n_values or 0)]
            kept = [value for value in kept if value not in gone]
            if kept:
                return f"{name} is {' or '.join(map(repr, gone))}", {"narrow": {name: kept}}
    return "", {}


def _is_parent(sight: Sight, name: str) -> bool:
    return any(p.when is not None and name in p.when.names() for p in sight.space.parameters)
