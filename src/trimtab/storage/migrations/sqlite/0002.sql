-- Version 2: each record is chained to the one before it (see trimtab/ledger/chain.py). Records of version 1 have no
-- link; an anchor drawn at random stands for the last of them in each study, and the chain goes on from there.

ALTER TABLE event ADD COLUMN link TEXT NOT NULL DEFAULT '';

UPDATE event SET link = '~' || lower(hex(randomblob(16)))
WHERE (study, seq) IN (SELECT s.id, (SELECT max(e.seq) FROM event e WHERE e.study = s.id) FROM study s);
