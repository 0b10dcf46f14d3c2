"""Healthy stores of several kinds, and mutations of them: of bytes, of tables, of events, of snapshots."""

from __future__ import annotations

import json
import random
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import trees

import trimtab as tt
from trimtab.ledger import chain, snapshot

TABLES = {
    "meta": ("schema_version",),
    "study": ("id", "name", "created_at"),
    "event": ("study", "seq", "at", "kind", "body", "link"),
    "lease": ("study", "number", "attempt", "worker", "until"),
    "snapshot": ("study", "head", "blob"),
}
LAWLESS = {name: f"CREATE TABLE {name} ({', '.join(columns)})" for name, columns in TABLES.items()}
"""The tables without types, keys and constraints, so that they hold whatever they are given."""

CODE = (
    "CREATE VIEW v AS SELECT 1",
    "CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM event; END",
    "CREATE TRIGGER t BEFORE UPDATE ON lease BEGIN SELECT randomblob(1000000000); END",
    "CREATE INDEX i ON event (length(printf('%.*c', 100000000, 'x')))",
    "CREATE INDEX i ON event (seq) WHERE body LIKE '%a%a%a%a%a%a%a%a%a%b'",
    "ALTER TABLE event ADD COLUMN more AS (hex(zeroblob(100000000)))",
    "ALTER TABLE event ADD COLUMN more DEFAULT (hex(zeroblob(100000000)))",
    "CREATE VIRTUAL TABLE f USING fts5(a)",
    "PRAGMA application_id = 7",
    "PRAGMA user_version = 99",
    "CREATE TABLE other (a)",
    "DROP TABLE lease",
    "DROP TABLE snapshot",
    "DROP TABLE event",
    "DROP TABLE meta",
    "DELETE FROM meta",
    "DELETE FROM event WHERE seq = 1",
    "DELETE FROM event WHERE seq = 3",
    "DELETE FROM study",
    "DELETE FROM event",
    "INSERT INTO study (name, created_at) SELECT 'copy', created_at FROM study LIMIT 1",
)
HOSTILE_EVENTS = (
    {"kind": "opened", "optimizer": {"name": "trap:Engine"}},
    {"kind": "opened", "optimizer": {"name": "os:system", "command": "touch escaped"}},
    {"kind": "opened", "optimizer": {"name": "grid", "resolution": 10**15}},
    {"kind": "opened", "optimizer": {"name": "gp", "n_initial": 10**9}},
    {"kind": "grown", "name": "more", "parameter": {"type": "Float", "low": 0, "high": 1}},
    {"kind": "grown", "name": "x", "parameter": {"type": "Float", "low": 0, "high": 1}},
    {"kind": "noted", "key": "k", "value": trees.deep(90)},
    {"kind": "noted", "key": "tag:a", "value": True, "number": 0},
    {"kind": "noted", "key": "k", "value": "w" * 3_000_000},
    {"kind": "noted", "key": "k", "value": [[]] * 500_000},
    {"kind": "assessed", "stop": True, "reason": "\x1b[2J"},
    {"kind": "told", "number": 0, "values": {}},
    {"kind": "started", "number": 2**31 - 1, "worker": "w"},
    {"kind": "started", "number": 0, "worker": "w", "handle": "../../escaped"},
    {"kind": "reported", "number": 0, "step": 1e308, "values": {"w" * 100_000: 1.0}, "fold": 2**31 - 1},
    {"kind": "judged", "number": 0, "reason": "\x1b[2J", "seq": 2**53},
    {"kind": "extended", "number": 0, "x": [1e300], "head": 1, "origin": {"by": "\x1b[2J"}},
    {"kind": "unheard-of"},
)


def make(folder: Path) -> list[bytes]:
    """Return the bytes of healthy stores."""
    return [_made(folder / f"base-{i}.db", i) for i in range(4)]


def _made(path: Path, i: int) -> bytes:
    engine = ("random", "tpe", "sobol", "auto")[i]
    space = tt.Space(
        x=tt.Float(1e-3, 1, log=True),
        n=tt.Int(1, 9),
        c=tt.Categorical(["a", "b", None]),
        d=tt.Ordinal(["a", "b"]),
        y=tt.Float(0, 1, step=0.25, when=(tt.given("c") == "a") & (tt.given("n") > 2), default=0.5, prior=0.2),
        require=["x * n <= 8"],
    )
    more: dict[str, Any] = (
        {"fidelity": tt.Fidelity("epoch", 1, 9), "constraints": [tt.at_most("ms", 30)]} if i % 2 else {}
    )
    with tt.create_study(
        space, objectives=[tt.minimize("loss", target=0.1), tt.maximize("acc")][: 1 + i // 2], optimizer=engine, seed=i,
        store=f"sqlite:///{path}", name="résumé" if i == 1 else "s", cost="cost", **more,
    ) as study:  # fmt: skip
        study.enqueue({"x": 0.5}, note="first")
        for k in range(9):
            trial = study.ask(lease_s=60.0 if k % 2 else None)
            trial.report(1, loss=0.5, **({"ms": 3.0} if i % 2 else {}))
            result = {"loss": k / 7, "acc": 0.5, "ms": 20.0 + 2 * k, "cost": 1.0, "extra": 2.0}
            if k < 7:
                study.tell(trial, result) if k != 3 else study.tell(trial, failed="oom", error="no memory\nleft")
        study.note("why", {"a": [1, 2]})
        study.note("k", "v", 2)
        study.tag(1, "good")
        if i == 3:
            study.add_parameter("z", tt.Int(0, 3))
            study.ask()
        if i:
            study.session.save_snapshot()
            study.note("after", i)
    if i == 2:
        with tt.create_study(
            space, minimize="loss", optimizer="random", store=f"sqlite:///{path}", name="second"
        ) as study:
            study.ask()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    return path.read_bytes()


def mutate(path: Path, rng: random.Random) -> str:
    """Change the store at `path`; return in a word how."""
    way = rng.choices(("bytes", "values", "schema", "events", "snapshot", "hostile"), (3, 3, 2, 8, 3, 1))[0]
    if way == "bytes":
        path.write_bytes(_bytes_mutated(path.read_bytes(), rng))
        return way
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    try:
        _WAYS[way](connection, rng)
        if rng.random() < 0.9:
            _chain_anew(connection)
    except (sqlite3.Error, OverflowError, UnicodeEncodeError):
        pass  # not even SQLite takes it
    finally:
        connection.close()
    return way


def _chain_anew(connection: sqlite3.Connection) -> None:
    """Chain the records again, as whoever altered them can: the chain tells damage, and not intent."""
    if connection.in_transaction:
        connection.execute("COMMIT")
    connection.execute("BEGIN")
    for (study,) in connection.execute("SELECT DISTINCT study FROM event").fetchall():
        link = ""
        for seq, at, body in connection.execute(
            "SELECT seq, at, body FROM event WHERE study IS ? ORDER BY seq", (study,)
        ).fetchall():
            if not isinstance(at, float | int) or not isinstance(body, str):
                break
            link = chain.link(link, at, body.encode())
            connection.execute("UPDATE event SET link = ? WHERE study IS ? AND seq IS ?", (link, study, seq))
        _carry(connection, study)
    connection.execute("COMMIT")


def _carry(connection: sqlite3.Connection, study: object) -> None:
    """Let the snapshot say that it belongs to the log as it is now, if it can be read."""
    for head, blob in connection.execute("SELECT head, blob FROM snapshot WHERE study IS ?", (study,)).fetchall():
        try:
            tree = msgspec.msgpack.decode(blob[snapshot._CHECKSUM_BYTES :])
            [(at,)] = connection.execute(
                "SELECT link FROM event WHERE study IS ? AND seq = ?", (study, head)
            ).fetchall()
            sealed = _sealed(tree | {"link": at})
        except (msgspec.DecodeError, ValueError, TypeError, OverflowError, RecursionError):
            continue
        connection.execute("UPDATE snapshot SET blob = ? WHERE study IS ?", (sealed, study))


def _sealed(tree: object) -> bytes:
    """Return a snapshot with the checksum that it needs."""
    body = msgspec.msgpack.encode(tree)
    return snapshot._checksum(body) + body


def _bytes_mutated(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5, 40))):
        at = rng.randrange(len(data)) if rng.random() < 0.7 else rng.randrange(min(200, len(data)))
        way = rng.random()
        if way < 0.5:
            data[at] = rng.choice((0, 1, 255, 127, 128, rng.randrange(256)))
        elif way < 0.65:
            data[at : at + rng.choice((1, 4, 100))] = rng.randbytes(rng.choice((1, 4, 100)))
        elif way < 0.75:
            del data[at : at + rng.choice((1, 512, 4096))]
        elif way < 0.85:
            page, other = (4096 * rng.randrange(max(1, len(data) // 4096)) for _ in range(2))
            data[page : page + 4096] = data[other : other + 4096]
        elif way < 0.92:
            del data[rng.randrange(len(data)) :]
        else:
            data += bytes(rng.choice((1, 4096, 100_000)))
        if not data:
            break
    return bytes(data)


def _values(connection: sqlite3.Connection, rng: random.Random) -> None:
    table = rng.choice(list(TABLES))
    column = rng.choice(TABLES[table])
    if rng.random() < 0.6:
        _without_laws(connection, table)
    value = trees.anything(rng)
    if isinstance(value, (list, dict)):
        value = rng.choice((b"\xff\xfe", b"", rng.randbytes(100), None, trees.as_json(value)[:1000]))
    if isinstance(value, int) and abs(value) >= 2**63:
        value = float("inf") if value > 2**1000 else float(value)
    if isinstance(value, str) and rng.random() < 0.2:
        connection.execute(f"UPDATE {table} SET {column} = CAST(? AS TEXT)", (b"\xff\xfe" + value.encode()[:50],))
        return
    where = f" WHERE rowid = {rng.randrange(1, 20)}" if rng.random() < 0.5 and table != "meta" else ""
    connection.execute(f"UPDATE {table} SET {column} = ?{where}", (value,))


def _without_laws(connection: sqlite3.Connection, table: str) -> None:
    rows = connection.execute(f"SELECT {', '.join(TABLES[table])} FROM {table}").fetchall()
    [(sql,)] = connection.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,))
    connection.execute(f"DROP TABLE {table}")
    connection.execute(LAWLESS[table])
    connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(TABLES[table]))})", rows)
    # The schema then says what it always said, which SQLite does not compare with the rows.
    connection.execute("PRAGMA writable_schema = ON")
    typed = sql.replace("WITHOUT ROWID", "").replace("UNIQUE", "").replace("AUTOINCREMENT", "")
    connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (_keyless(typed), table))
    connection.execute("PRAGMA writable_schema = RESET")


def _keyless(sql: str) -> str:
    lines = [line for line in sql.splitlines() if not line.strip().startswith("PRIMARY KEY (")]
    return "\n".join(lines).replace(" PRIMARY KEY", "").replace(",\n)", "\n)")


def _schema(connection: sqlite3.Connection, rng: random.Random) -> None:
    if rng.random() < 0.35:
        table = rng.choice(list(TABLES))
        connection.execute(f"ALTER TABLE {table} RENAME TO hidden")
        expensive = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c"
        query = rng.choice(("SELECT * FROM hidden", f"SELECT *, ({expensive}) FROM hidden", expensive))
        connection.execute(f"CREATE VIEW {table} AS {query}")
        return
    for _ in range(rng.choice((1, 1, 2))):
        connection.execute(rng.choice(CODE))


def _events(connection: sqlite3.Connection, rng: random.Random) -> None:
    if rng.random() < 0.7:
        connection.execute("DELETE FROM snapshot")  # else the log before it is not read
    rows = connection.execute("SELECT study, seq, body FROM event").fetchall()
    for study, seq, body in (
        [rows[0]] if rng.random() < 0.45 else rng.sample(rows, min(len(rows), rng.choice((1, 1, 3))))
    ):
        event = trees.mutated(json.loads(body), rng)
        if seq == 1 and isinstance(event, dict) and rng.random() < 0.3:
            event = _hostile_problem(event, rng)
        text = trees.as_json(event, ascii_only=rng.random() < 0.9)
        connection.execute("UPDATE event SET body = ? WHERE study = ? AND seq = ?", (text, study, seq))


def _hostile_problem(event: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    problem = event.get("problem")
    if not isinstance(problem, dict) or not isinstance(problem.get("space"), dict):
        return event
    space, unit = problem["space"], {"type": "Float", "low": 0, "high": 1}
    if not isinstance(space.get("parameters"), list):
        return event
    match rng.randrange(8):
        case 0:
            space["require"] = [rng.choice(trees.EXPRESSIONS) for _ in range(rng.choice((1, 5, 300)))]
        case 1:
            space["parameters"] = [{"name": f"p{i}", **unit} for i in range(rng.choice((500, 1999, 20_000)))]
        case 2:
            chain = [{"name": "p0", **unit}]
            for i in range(1, rng.choice((100, 1900))):
                chain.append({"name": f"p{i}", **unit, "when": {"given": f"p{i - 1}", "is": ">", "value": 0.5}})
            space["parameters"] = chain
        case 3:
            many = [str(i) for i in range(rng.choice((1000, 99_000, 300_000)))]
            space["parameters"] = [{"name": name, "type": "Categorical", "choices": many} for name in ("c", "d")]
            space["require"] = ["c == d"]
        case 4:
            problem["metrics"] = [{"name": f"m{i}", "goal": "minimize"} for i in range(rng.choice((50, 99, 20_000)))]
        case 5:
            space["parameters"][:1] = [{"name": "x", **unit, "when": trees.deep(rng.choice(trees.DEPTHS))}]
        case 6:
            event["optimizer"] = {"name": rng.choice(trees.TEXTS), "resolution": rng.choice(trees.NUMBERS[:20])}
        case _:
            event["scheduler"] = {
                "name": rng.choice(("os:system", "trap:Engine", "trap:fire")),
                "command": "touch escaped",
            }
    return event


def _snapshots(connection: sqlite3.Connection, rng: random.Random) -> None:
    rows = connection.execute("SELECT study, head, blob FROM snapshot").fetchall()
    if not rows:
        return
    study, head, blob = rng.choice(rows)
    if rng.random() < 0.25:
        blob = _bytes_mutated(blob, rng)
    else:
        tree = msgspec.msgpack.decode(blob[snapshot._CHECKSUM_BYTES :])
        tree = _arrays_mutated(tree, rng) if rng.random() < 0.5 else trees.mutated(tree, rng)
        try:
            blob = _sealed(tree)
        except (OverflowError, RecursionError, TypeError):
            return
    if rng.random() < 0.1:
        head = rng.choice((0, 1, head - 1, head + 1, 2**62))
    connection.execute("UPDATE snapshot SET head = ?, blob = ? WHERE study = ?", (head, blob, study))


def _arrays_mutated(tree: Any, rng: random.Random) -> Any:
    columns = tree[rng.choice([part for part in ("columns", "curves", "undeclared", "extra") if tree[part]])]
    name = rng.choice(list(columns))
    dtype, shape, data = columns[name]
    match rng.randrange(4):
        case 0:
            dtype = rng.choice(("O", "<f4", "S8", "<i8", "V8", "i4,(1000000)f8", "x", "<U9"))
        case 1:
            shape = rng.choice(([], [0], [-1], [2**40, 0], [1, *shape], [*shape, 1], [2**31, 2**31], shape[::-1]))
        case 2:
            data = data[: rng.randrange(len(data) + 1)]
        case _:
            changed = bytearray(data)
            for _ in range(rng.choice((1, 8, 64))):
                if changed:
                    changed[rng.randrange(len(changed))] = rng.randrange(256)
            data = bytes(changed)
    columns[name] = [dtype, shape, data]
    return tree


def _hostile(connection: sqlite3.Connection, rng: random.Random) -> None:
    connection.execute("BEGIN")
    for study, head in connection.execute("SELECT study, max(seq) FROM event GROUP BY study").fetchall():
        for i in range(rng.choice((1, 3, 3000))):
            event = dict(rng.choice(HOSTILE_EVENTS if i < 3 else HOSTILE_EVENTS[4:5]))
            if event.get("kind") == "grown":
                event["name"] = f"g{i}"
            row = (study, head + 1 + i, 1.8e9, event["kind"], json.dumps(event), "")
            connection.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", row)
    connection.execute("COMMIT")


_WAYS = {"values": _values, "schema": _schema, "events": _events, "snapshot": _snapshots, "hostile": _hostile}

assert snapshot.SNAPSHOT_VERSION == 6, "a snapshot of another make: look whether its mutations still reach its columns"
