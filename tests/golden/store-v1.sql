PRAGMA application_id = 1416777044;
BEGIN TRANSACTION;
CREATE TABLE event (
    study INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (study, seq)
) WITHOUT ROWID;
INSERT INTO "event" VALUES(1,1,1764000000.0,'created','{"kind":"created","version":1,"name":"résumé 研究","problem":{"space":{"lr":{"type":"float","low":0.00001,"high":0.1}},"metrics":[{"name":"loss"}]},"seed":18446744073709551615,"optimizer":{"name":"sobol"},"scheduler":{"name":"whole"},"provenance":{"git":null}}');
INSERT INTO "event" VALUES(1,2,1.76400000012345671649e+09,'opened','{"kind":"opened","provenance":{"host":"node-1","argv":["tune.py","--fast"]},"optimizer":{"name":"random"}}');
INSERT INTO "event" VALUES(1,3,1.76400000012345671649e+09,'asked','{"kind":"asked","number":0,"x":[0.1,3.0,null],"head":2,"origin":{"by":"user","why":"enqueued"},"fidelity":[27.0],"given":[0.1,null,null]}');
INSERT INTO "event" VALUES(1,4,1.76400000012345671649e+09,'asked','{"kind":"asked","number":1,"x":[0.30000000000000004,5e-324,-1.7976931348623157e308],"head":3,"origin":{"by":"sobol"}}');
INSERT INTO "event" VALUES(1,5,1.76400000012345671649e+09,'started','{"kind":"started","number":0,"worker":"node-1:4242","lease_s":60.0}');
INSERT INTO "event" VALUES(1,6,1.76400000012345671649e+09,'reported','{"kind":"reported","number":0,"step":1.0,"values":{"loss":0.5,"grad":"inf","other":"nan"}}');
INSERT INTO "event" VALUES(1,7,1.76400000012345671649e+09,'failed','{"kind":"failed","number":0,"failure":"lost","error":"the worker fell silent","again":true,"seconds":12.5,"cost":0.25}');
INSERT INTO "event" VALUES(1,8,1.76400000012345671649e+09,'started','{"kind":"started","number":0,"worker":"node-2:7","attempt":2}');
INSERT INTO "event" VALUES(1,9,1.76400000012345671649e+09,'told','{"kind":"told","number":0,"values":{"loss":0.25,"latency_ms":30.0},"attempt":2,"seconds":8.125,"cost":1.5}');
INSERT INTO "event" VALUES(1,10,1.76400000012345671649e+09,'asked','{"kind":"asked","number":2,"x":[0.2,3.0,null],"head":9,"origin":{"by":"asha","why":"promoted"},"fidelity":[81.0],"parent":0}');
INSERT INTO "event" VALUES(1,11,1.76400000012345671649e+09,'stopped','{"kind":"stopped","number":2,"reason":"worse than half of the others at step 3","values":{"loss":0.75},"seconds":3.0,"cost":0.5}');
INSERT INTO "event" VALUES(1,12,1.76400000012345671649e+09,'failed','{"kind":"failed","number":1,"failure":"exception","error":"ValueError: \"\\\" is no\n\tpath\u0000"}');
INSERT INTO "event" VALUES(1,13,1.76400000012345671649e+09,'noted','{"kind":"noted","key":"tags","value":["good",{"why":null,"n":3}],"number":2}');
INSERT INTO "event" VALUES(1,14,1.76400000012345671649e+09,'noted','{"kind":"noted","key":"remark","value":"🚤 trim tab"}');
INSERT INTO "event" VALUES(1,15,1.76400000012345671649e+09,'grown','{"kind":"grown","name":"momentum","parameter":{"type":"float","low":0.0,"high":0.99}}');
INSERT INTO "event" VALUES(1,16,1.76400000012345671649e+09,'assessed','{"kind":"assessed","stop":true,"reason":"the next trial costs more than it brings","rule":"worth","expected_gain":0.01,"gain_interval":[0.0,0.02],"next_cost":2.0}');
INSERT INTO "event" VALUES(3,1,1764000002.0,'created','{"kind":"created","version":1,"name":"résumé 研究","problem":{"space":{"lr":{"type":"float","low":0.00001,"high":0.1}},"metrics":[{"name":"loss"}]},"seed":18446744073709551615,"optimizer":{"name":"sobol"},"scheduler":{"name":"whole"},"provenance":{"git":null}}');
INSERT INTO "event" VALUES(3,2,1764000002.0,'opened','{"kind":"opened","provenance":{"host":"node-1","argv":["tune.py","--fast"]},"optimizer":{"name":"random"}}');
CREATE TABLE lease (
    study INTEGER NOT NULL,
    number INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    worker TEXT NOT NULL,
    until REAL NOT NULL,
    PRIMARY KEY (study, number, attempt)
) WITHOUT ROWID;
INSERT INTO "lease" VALUES(1,0,2,'node-2:7',1764000060.5);
INSERT INTO "lease" VALUES(1,2,1,'node-2:7',1764000060.5);
CREATE TABLE meta (
    schema_version INTEGER NOT NULL
);
INSERT INTO "meta" VALUES(1);
CREATE TABLE snapshot (
    study INTEGER PRIMARY KEY,
    head INTEGER NOT NULL,
    blob BLOB NOT NULL
);
INSERT INTO "snapshot" VALUES(1,3,X'00736E617073686F74FF');
CREATE TABLE study (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    created_at REAL NOT NULL
);
INSERT INTO "study" VALUES(1,'résumé 研究',1764000000.0);
INSERT INTO "study" VALUES(3,'second',1764000002.0);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('study',3);
COMMIT;
