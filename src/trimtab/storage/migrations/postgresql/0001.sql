-- The store of Trimtab, version 1, in a schema of its own. The log of a study can be read with any SQL tool:
--   SELECT e.seq, e.kind, e.body::json FROM trimtab.event e JOIN trimtab.study s ON s.id = e.study
--   WHERE s.name = 'resnet' ORDER BY e.seq;

CREATE TABLE @meta (
    schema_version integer NOT NULL
);

INSERT INTO @meta VALUES (1);

CREATE TABLE @study (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    created_at double precision NOT NULL
);

-- The key is the compare-and-append: of two writers that have read up to the same record, one can write the next.
-- No foreign key: it would lock the study's row, and so let appends of one study wait for each other twice.
CREATE TABLE @event (
    study bigint NOT NULL,
    seq bigint NOT NULL,
    at double precision NOT NULL,
    kind text NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (study, seq)
);

-- Rows change all the time: half-empty pages let an update stay on its page, and no index but the key has to follow.
CREATE TABLE @lease (
    study bigint NOT NULL,
    number bigint NOT NULL,
    attempt bigint NOT NULL,
    worker text NOT NULL,
    until double precision NOT NULL,
    PRIMARY KEY (study, number, attempt)
) WITH (fillfactor = 50);

CREATE TABLE @snapshot (
    study bigint PRIMARY KEY,
    head bigint NOT NULL,
    blob bytea NOT NULL
);
