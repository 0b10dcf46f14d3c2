-- Version 2: each record is chained to the one before it (see trimtab/ledger/chain.py). Records of version 1 have no
-- link; an anchor drawn at random stands for the last of them in each study, and the chain goes on from there.

ALTER TABLE @event ADD COLUMN link text NOT NULL DEFAULT '';

-- Processes of version 1 that are still at work would go on without links: from here on they are refused.
ALTER TABLE @event ALTER COLUMN link DROP DEFAULT;

UPDATE @event SET link = '~' || replace(gen_random_uuid()::text, '-', '')
WHERE (study, seq) IN (SELECT s.id, (SELECT max(e.seq) FROM @event e WHERE e.study = s.id) FROM @study s);
