"""Write the golden files of the present version; never again, for what is here must be readable for ever.

python tests/golden/make_store.py
"""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

from trimtab.ledger import codec
from trimtab.ledger.event import FORMAT_VERSION
from trimtab.storage.dialect import SCHEMA_VERSION
from trimtab.storage.sqlite import APPLICATION_ID
from trimtab.storage.url import open_store
from trimtab.testing.journals import sample_events

HERE = Path(__file__).parent


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "golden.db"
        store = open_store(path)
        first, *rest = sample_events()
        study = store.create("résumé 研究", [first], at=1764000000.0)
        study.append(rest, after=study.head(), at=1764000000.1234567)
        study.renew("node-2:7", [(0, 2), (2, 1)], 1764000060.5)
        study.save_snapshot(3, b"\x00snapshot\xff")
        store.create("deleted", [first], at=1764000001.0)
        store.create("second", sample_events()[:2], at=1764000002.0)
        store.delete("deleted")
        lines = [codec.encode_record(record).decode() for record in study.read()]
        store.close()
        connection = sqlite3.connect(path)
        dump = [f"PRAGMA application_id = {APPLICATION_ID};", *connection.iterdump()]
        connection.close()
    write_once(HERE / f"journal-v{FORMAT_VERSION}.jsonl", lines)
    write_once(HERE / f"store-v{SCHEMA_VERSION}.sql", dump)


def write_once(path: Path, lines: list[str]) -> None:
    if path.exists():
        print(f"{path.name} stays as it is")
        return
    path.write_text("\n".join(lines) + "\n", "utf-8")
    print(f"{path.name} written")


if __name__ == "__main__":
    main()
