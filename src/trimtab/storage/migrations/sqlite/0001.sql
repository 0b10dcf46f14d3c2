-- The store of Trimtab, version 1. The log of a study can be read with any SQL tool:
--   SELECT e.seq, e.kind, e.body FROM event e JOIN study s ON s.id = e.study WHERE s.name = 'resnet' ORDER BY e.seq;

CREATE TABLE meta (
    schema_version INTEGER NOT NULL
);

INSERT INTO meta VALUES (1);

-- Identifiers are never used twice, so that a handle on a deleted study cannot write into a later one.
CREATE TABLE study (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    created_at REAL NOT NULL
);

-- The key is the compare-and-append: of two writers that have read up to the same record, one can write the next.
CREATE TABLE event (
    study INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (study, seq)
) WITHOUT ROWID;

CREATE TABLE lease (
    study INTEGER NOT NULL,
    number INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    worker TEXT NOT NULL,
    until REAL NOT NULL,
    PRIMARY KEY (study, number, attempt)
) WITHOUT ROWID;

CREATE TABLE snapshot (
    study INTEGER PRIMARY KEY,
    head INTEGER NOT NULL,
    blob BLOB NOT NULL
);
