"""The trials, and their curves, as other people's tables: pandas, polars, CSV, Parquet, JSON.

Everything is read and written a stretch of rows at a time, so that an export needs little memory; frames and Parquet,
which are columns, are made at once.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from trimtab.errors import MissingExtraError, StudyError
from trimtab.ledger.curves import WHOLE
from trimtab.ledger.event import FAILURE_KINDS
from trimtab.ledger.table import STATES, STRETCH, TrialTable
from trimtab.model.feasibility import split
from trimtab.study import best
from trimtab.study.replacing import replacing
from trimtab.text import spelled, to_json

ENDINGS = (".csv", ".parquet", ".json", ".jsonl")

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20", "'")
"""What a text cell of a CSV file must not begin with, since a spreadsheet would take it for a formula (the wide
forms of the four signs too), and the apostrophe that guards against it: https://owasp.org/www-community/attacks/CSV_Injection."""

Columns = dict[str, list[Any]]


def columns(table: TrialTable) -> Columns:
    """Return the trials as named columns of plain values, None where there is none.

    Parameters are `params_<name>`, metrics `metrics_<name>`, fidelities `fidelity_<name>`: names cannot collide. By how
    much a complete trial missed a constraint, in its own unit, is `missed_<name>`, 0 where it met it. With several
    objectives `on_front` says of complete trials whether they are among `Study.best_trials`.
    """
    return _of_rows(table, range(len(table)), _Judged(table))


def curves(table: TrialTable) -> Columns:
    """Return what was reported as named columns in long form: number, attempt, fold, step, metric, value.

    One row is one value of one metric, declared or not, in the order of the log; values that are nan are left out, and
    those that a later attempt replaced are not. A report about the trial as a whole has no fold.
    """
    return _joined(curve_stretches(table), _CURVE_COLUMNS)


def stretches(table: TrialTable) -> Iterator[Columns]:
    """Yield `columns` of one stretch of trials after another; at least one, if only to name the columns."""
    judged = _Judged(table)
    for begin in range(0, max(1, len(table)), STRETCH):
        yield _of_rows(table, range(begin, min(begin + STRETCH, len(table))), judged)


class _Judged:
    """What is said of the trials of a table by comparing them with each other and with the constraints."""

    def __init__(self, table: TrialTable) -> None:
        self._table = table
        self._feasible = best.feasible(table)
        several = len(table.problem.objectives) > 1
        self._front = set(best.front_rows(table).tolist()) if several else None

    def columns(self, part: slice) -> Columns:
        """Return the columns of a stretch of trials; None where a trial is not complete."""
        found: Columns = {"feasible": list(self._feasible[part])}
        _, excess = split(self._table.problem, self._table.y[part])
        for i, metric in enumerate(self._table.problem.constraints):
            missed = excess[:, i].tolist()
            known = zip(missed, found["feasible"], strict=True)
            found[f"missed_{metric.name}"] = [None if ok is None else by for by, ok in known]
        if self._front is not None:
            numbers = range(part.start, part.start + len(found["feasible"]))
            known = zip(numbers, found["feasible"], strict=True)
            found["on_front"] = [None if ok is None else number in self._front for number, ok in known]
        return found


def _of_rows(table: TrialTable, rows: range, judged: _Judged) -> Columns:
    part = slice(rows.start, rows.stop)
    failures = ["", *FAILURE_KINDS]
    decoded = table.space.decode(table.x[part])
    found: Columns = {"number": list(rows), "state": [STATES[code] for code in table.state[part].tolist()]}
    found |= judged.columns(part)
    for name in table.space.names:
        found[f"params_{name}"] = [params.get(name) for params in decoded]
    for i, name in enumerate(table.problem.metric_names):
        found[f"metrics_{name}"] = _plain(table.y[part, i].tolist())
    for name, values in table.extra.items():
        found[f"metrics_{name}"] = _plain(values[part].tolist())
    for i, fidelity in enumerate(table.problem.fidelities):
        found[f"fidelity_{fidelity.name}"] = _plain(table.fidelity[part, i].tolist())
    found["cost"] = _plain(table.cost[part].tolist())
    found["seconds"] = _plain(table.seconds[part].tolist())
    for name in ("asked", "started", "ended"):
        found[f"{name}_at"] = _plain(getattr(table, f"{name}_at")[part].tolist())
    for name in ("asked", "started", "ended"):
        found[name] = [_moment(at) for at in found[f"{name}_at"]]
    found["attempt"] = table.attempt[part].tolist()
    found["parent"] = [None if parent < 0 else parent for parent in table.parent[part].tolist()]
    found["worker"] = [table.worker(row) for row in rows]
    found["failure"] = [failures[code + 1] for code in table.failure[part].tolist()]
    origins = [table.origin(row) for row in rows]
    found["origin"] = [origin.by for origin in origins]
    found["why"] = [origin.why for origin in origins]
    found["error"] = [table.error(row) for row in rows]
    found["reason"] = [table.reason(row) for row in rows]
    found["tags"] = [",".join(table.tags(row)) for row in rows]
    found["notes"] = [table.notes_of(row) for row in rows]
    return found


def _plain(values: list[float]) -> list[float | None]:
    return [None if value != value else value for value in values]


def _moment(at: float | None) -> datetime | None:
    """Return seconds since the epoch as a time in UTC; None for what no calendar has."""
    try:
        return None if at is None else datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        return None


_CURVE_COLUMNS = ("number", "attempt", "fold", "step", "metric", "value")


def curve_stretches(table: TrialTable) -> Iterator[Columns]:
    """Yield `curves` of one stretch of reports after another; at least one, if only to name the columns."""
    found = table.curves
    for begin in range(0, max(1, len(found.row)), STRETCH):
        end = min(begin + STRETCH, len(found.row))
        reports, metrics, values = [], [], []
        for i, name in enumerate(found.names):
            known = np.flatnonzero(~np.isnan(found.y[begin:end, i])) + begin
            reports.append(known)
            metrics.extend([name] * len(known))
            values.append(found.y[known, i])
        undeclared = found.undeclared.between(begin, end)
        known = np.flatnonzero(~np.isnan(undeclared.value))
        reports.append(undeclared.report[known].astype(np.int64) + begin)
        metrics.extend(undeclared.names[code] for code in undeclared.name[known].tolist())
        values.append(undeclared.value[known])
        report = np.concatenate(reports)
        order = np.argsort(report, kind="stable")
        report = report[order]
        yield {
            "number": found.row[report].tolist(),
            "attempt": found.attempt[report].tolist(),
            "fold": [None if fold == WHOLE else fold for fold in found.fold[report].tolist()],
            "step": found.step[report].tolist(),
            "metric": [metrics[i] for i in order.tolist()],
            "value": np.concatenate(values)[order].tolist(),
        }


def _joined(parts: Iterator[Columns], names: Sequence[str]) -> Columns:
    whole: Columns = {name: [] for name in names}
    for part in parts:
        for name, values in part.items():
            whole[name].extend(values)
    return whole


# Frames


def to_pandas(table: TrialTable, *, what: str = "trials") -> Any:
    """Return a pandas DataFrame, one row a trial, or with `what="curves"` one row a reported value.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtraError("pandas", "frames", "for to_pandas()") from None
    return pd.DataFrame(_flat(columns(table)) if what == "trials" else curves(table))


def to_polars(table: TrialTable, *, what: str = "trials") -> Any:
    """Return a polars DataFrame, one row a trial, or with `what="curves"` one row a reported value.

    Raises:
        MissingExtraError: polars is not installed.
    """
    try:
        import polars as pl
    except ImportError:
        raise MissingExtraError("polars", "frames", "for to_polars()") from None
    found = columns(table) if what == "trials" else curves(table)
    return pl.DataFrame(_typed(_flat(found)), infer_schema_length=None)


def _flat(found: Columns) -> Columns:
    """Return the columns with notes as text: JSON, empty where there are none."""
    if "notes" not in found:
        return found
    return found | {"notes": [to_json(spelled(notes)) if notes else "" for notes in found["notes"]]}


# Files


def write(table: TrialTable, path: Path, *, what: str = "trials") -> None:
    """Write the trials, or with `what="curves"` what they reported, to a file; its ending says how.

    If that fails, a file that was there is as it was.

    Raises:
        StudyError: an ending that is none of `ENDINGS`, or a file that cannot be written.
        MissingExtraError: Parquet without pyarrow.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise StudyError(f"{path.name!r} ends in none of {', '.join(ENDINGS)}; the ending says how to export.")
    try:
        with replacing(path) as beside:
            _write(table, ending, beside, what)
    except OSError as error:
        raise StudyError(f"cannot write {path}: {error.strerror or error}.") from None


def _write(table: TrialTable, ending: str, path: Path, what: str) -> None:
    if ending == ".parquet":
        _write_parquet(columns(table) if what == "trials" else curves(table), path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        _WRITERS[ending](stretches(table) if what == "trials" else curve_stretches(table), file)


def _write_csv(parts: Iterator[Columns], file: TextIO) -> None:
    writer = csv.writer(file)
    for i, part in enumerate(parts):
        part = _flat(part)
        if not i:
            writer.writerow(map(guarded, part))
        writer.writerows(zip(*map(_csv_cells, part.values()), strict=True))


def _csv_cells(values: list[Any]) -> list[Any]:
    return list(map(guarded, values)) if {str, datetime} & set(map(type, values)) else values


def guarded(value: Any) -> Any:
    """Return a cell of a CSV file: text that a spreadsheet would take for a formula begins with an apostrophe.

    To undo it, take one apostrophe away from each cell that begins with one. Numbers are left alone, negative ones too;
    times are written in ISO 8601.
    """
    if isinstance(value, datetime):
        return value.isoformat()
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def _write_json(parts: Iterator[Columns], file: TextIO) -> None:
    opening = "["
    for row in _rows(parts):
        file.write(f"{opening}\n {to_json(row)}")
        opening = ","
    file.write("[]\n" if opening == "[" else "\n]\n")


def _write_jsonl(parts: Iterator[Columns], file: TextIO) -> None:
    file.writelines(f"{to_json(row)}\n" for row in _rows(parts))


_WRITERS: dict[str, Callable[[Iterator[Columns], TextIO], None]] = {
    ".csv": _write_csv,
    ".json": _write_json,
    ".jsonl": _write_jsonl,
}


def _rows(parts: Iterator[Columns]) -> Iterator[dict[str, Any]]:
    for part in parts:
        names = list(part)
        for values in zip(*map(_json_values, part.values()), strict=True):
            yield dict(zip(names, values, strict=True))


def _json_values(values: list[Any]) -> list[Any]:
    kinds = set(map(type, values))
    if datetime in kinds:
        return [None if value is None else value.isoformat() for value in values]
    return [spelled(value) for value in values] if {float, dict} & kinds else values


def _write_parquet(found: Columns, path: Path) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtraError("pyarrow", "frames", "to write Parquet") from None
    pq.write_table(pa.table(_typed(_flat(found))), path)


def _typed(found: Columns) -> Columns:
    """Return the columns with one type each: choices of several types become text, ints beside floats are floats."""
    typed: Columns = {}
    for name, values in found.items():
        kinds = {type(value) for value in values if value is not None}
        if kinds == {int, float}:
            typed[name] = [None if value is None else float(value) for value in values]
        elif len(kinds) > 1:
            typed[name] = [None if value is None else str(value) for value in values]
        else:
            typed[name] = values
    return typed
