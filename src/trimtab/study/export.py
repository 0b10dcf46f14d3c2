"""The trials as other people's tables: pandas, polars, CSV, Parquet, JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trimtab.errors import MissingExtraError, StudyError
from trimtab.ledger.event import FAILURE_KINDS
from trimtab.ledger.table import STATES, TrialTable
from trimtab.study.replacing import replacing

ENDINGS = (".csv", ".parquet", ".json", ".jsonl")


def columns(table: TrialTable) -> dict[str, list[Any]]:
    """Return the trials as named columns of plain values, None where there is none.

    Parameters are `params_<name>`, metrics `metrics_<name>`, fidelities `fidelity_<name>`: names cannot collide.
    """
    n = len(table)
    failures = ["", *FAILURE_KINDS]
    found: dict[str, list[Any]] = {"number": list(range(n)), "state": [STATES[code] for code in table.state.tolist()]}
    decoded = table.space.decode(table.x)
    for name in table.space.names:
        found[f"params_{name}"] = [params.get(name) for params in decoded]
    for i, name in enumerate(table.problem.metric_names):
        found[f"metrics_{name}"] = _plain(table.y[:, i].tolist())
    for name, values in table.extra.items():
        found[f"metrics_{name}"] = _plain(values.tolist())
    for i, fidelity in enumerate(table.problem.fidelities):
        found[f"fidelity_{fidelity.name}"] = _plain(table.fidelity[:, i].tolist())
    found["cost"] = _plain(table.cost.tolist())
    found["seconds"] = _plain(table.seconds.tolist())
    for name in ("asked_at", "started_at", "ended_at"):
        found[name] = _plain(getattr(table, name).tolist())
    found["attempt"] = table.attempt.tolist()
    found["parent"] = [None if parent < 0 else parent for parent in table.parent.tolist()]
    found["worker"] = [table.worker(row) for row in range(n)]
    found["failure"] = [failures[code + 1] for code in table.failure.tolist()]
    origins = [table.origin(row) for row in range(n)]
    found["origin"] = [origin.by for origin in origins]
    found["why"] = [origin.why for origin in origins]
    views = {row: table.trial(row) for row in table.annotated}
    found["error"] = [views[row].error if row in views else "" for row in range(n)]
    found["tags"] = [",".join(views[row].tags) if row in views else "" for row in range(n)]
    return found


def _plain(values: list[float]) -> list[float | None]:
    return [None if value != value else value for value in values]


def to_pandas(table: TrialTable) -> Any:
    """Return a pandas DataFrame, one row a trial.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtraError("pandas", "frames", "for to_pandas()") from None
    return pd.DataFrame(columns(table))


def to_polars(table: TrialTable) -> Any:
    """Return a polars DataFrame, one row a trial.

    Raises:
        MissingExtraError: polars is not installed.
    """
    try:
        import polars as pl
    except ImportError:
        raise MissingExtraError("polars", "frames", "for to_polars()") from None
    return pl.DataFrame(_typed(columns(table)), infer_schema_length=None)


def write(table: TrialTable, path: Path) -> None:
    """Write the trials to a file; its ending says how. If that fails, a file that was there is as it was.

    Raises:
        StudyError: an ending that is none of `ENDINGS`, or a file that cannot be written.
        MissingExtraError: Parquet without pyarrow.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise StudyError(f"{path.name!r} ends in none of {', '.join(ENDINGS)}; the ending says how to export.")
    found = columns(table)
    try:
        with replacing(path) as beside:
            _write(found, ending, beside)
    except OSError as error:
        raise StudyError(f"cannot write {path}: {error.strerror or error}.") from None


def _write(found: dict[str, list[Any]], ending: str, path: Path) -> None:
    if ending == ".parquet":
        _write_parquet(found, path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        if ending == ".csv":
            writer = csv.writer(file)
            writer.writerow(found)
            writer.writerows(zip(*found.values(), strict=True))
        elif ending == ".json":
            json.dump(list(_rows(found)), file, ensure_ascii=False, indent=1)
        else:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in _rows(found))


def _rows(found: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    names = list(found)
    return (dict(zip(names, row, strict=True)) for row in zip(*found.values(), strict=True))


def _write_parquet(found: dict[str, list[Any]], path: Path) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtraError("pyarrow", "frames", "to write Parquet") from None
    pq.write_table(pa.table(_typed(found)), path)


def _typed(found: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return the columns with one type each: choices of several types become text, ints beside floats are floats."""
    typed: dict[str, list[Any]] = {}
    for name, values in found.items():
        kinds = {type(value) for value in values if value is not None}
        if kinds == {int, float}:
            typed[name] = [None if value is None else float(value) for value in values]
        elif len(kinds) > 1:
            typed[name] = [None if value is None else str(value) for value in values]
        else:
            typed[name] = values
    return typed
