PRAGMA application_id = 1416777044;
BEGIN TRANSACTION;
CREATE TABLE event (
    study INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL, link TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (study, seq)
) WITHOUT ROWID;
INSERT INTO "event" VALUES(1,1,1764000000.0,'created','{"kind":"created","version":1,"name":"résumé 研究","problem":{"space":{"lr":{"type":"float","low":0.00001,"high":0.1}},"metrics":[{"name":"loss"}]},"seed":18446744073709551615,"optimizer":{"name":"sobol"},"scheduler":{"name":"whole"},"provenance":{"git":null}}','bcbc24a73a74fe416aea40715ddc08e9');
INSERT INTO "event" VALUES(1,2,1.76400000012345671649e+09,'opened','{"kind":"opened","provenance":{"host":"node-1","argv":["tune.py","--fast"]},"optimizer":{"name":"random"}}','5b4ffff64c773bc947dbdf89d90a68c7');
INSERT INTO "event" VALUES(1,3,1.76400000012345671649e+09,'asked','{"kind":"asked","number":0,"x":[0.1,3.0,null],"head":2,"origin":{"by":"user","why":"enqueued"},"fidelity":[27.0],"given":[0.1,null,null]}','5f04c31750e73896be94dcd6b2490132');
INSERT INTO "event" VALUES(1,4,1.76400000012345671649e+09,'asked','{"kind":"asked","number":1,"x":[0.30000000000000004,5e-324,-1.7976931348623157e308],"head":3,"origin":{"by":"sobol"}}','a1a6ac7fdf134770ad397965bfbffca7');
INSERT INTO "event" VALUES(1,5,1.76400000012345671649e+09,'started','{"kind":"started","number":0,"worker":"node-1:4242","lease_s":60.0}','792fb03b11d6c40866473a5e070e5ab8');
INSERT INTO "event" VALUES(1,6,1.76400000012345671649e+09,'reported','{"kind":"reported","number":0,"step":1.0,"values":{"loss":0.5,"grad":"inf","other":"nan"}}','9658c90a6d8d1a72d8dd632f5c7ef37d');
INSERT INTO "event" VALUES(1,7,1.76400000012345671649e+09,'failed','{"kind":"failed","number":0,"failure":"lost","error":"the worker fell silent","again":true,"seconds":12.5,"cost":0.25}','b279a52d9e98c34295505c55849b28ce');
INSERT INTO "event" VALUES(1,8,1.76400000012345671649e+09,'started','{"kind":"started","number":0,"worker":"node-2:7","attempt":2}','417f607d37429fbdbfde182eea47f904');
INSERT INTO "event" VALUES(1,9,1.76400000012345671649e+09,'told','{"kind":"told","number":0,"values":{"loss":0.25,"latency_ms":30.0},"attempt":2,"seconds":8.125,"cost":1.5}','26ac2f5147b68c94213aa88ed6b22802');
INSERT INTO "event" VALUES(1,10,1.76400000012345671649e+09,'asked','{"kind":"asked","number":2,"x":[0.2,3.0,null],"head":9,"origin":{"by":"asha","why":"promoted"},"fidelity":[81.0],"parent":0}','9e6f27c166565767c70406a368494e5b');
INSERT INTO "event" VALUES(1,11,1.76400000012345671649e+09,'stopped','{"kind":"stopped","number":2,"reason":"worse than half of the others at step 3","values":{"loss":0.75},"seconds":3.0,"cost":0.5}','19086a73b6136b19060297b9aba4a9ce');
INSERT INTO "event" VALUES(1,12,1.76400000012345671649e+09,'failed','{"kind":"failed","number":1,"failure":"exception","error":"ValueError: \"\\\" is no\n\tpath\u0000"}','16fd4266f0e371b2645bddc2869f6ac5');
INSERT INTO "event" VALUES(1,13,1.76400000012345671649e+09,'noted','{"kind":"noted","key":"tags","value":["good",{"why":null,"n":3}],"number":2}','eba81b7809e9b8ba1d74c6305e012ffd');
INSERT INTO "event" VALUES(1,14,1.76400000012345671649e+09,'noted','{"kind":"noted","key":"remark","value":"🚤 trim tab"}','c0bd3a904daea0c0f49cedbb40491d9d');
INSERT INTO "event" VALUES(1,15,1.76400000012345671649e+09,'grown','{"kind":"grown","name":"momentum","parameter":{"type":"float","low":0.0,"high":0.99}}','3697493bf69c1e8468a5af9d63111364');
INSERT INTO "event" VALUES(1,16,1.76400000012345671649e+09,'assessed','{"kind":"assessed","stop":true,"reason":"the next trial costs more than it brings","rule":"worth","expected_gain":0.01,"gain_interval":[0.0,0.02],"next_cost":2.0}','2634b81056d053e4cb3c6878bc9043f7');
INSERT INTO "event" VALUES(3,1,1764000002.0,'created','{"kind":"created","version":1,"name":"résumé 研究","problem":{"space":{"lr":{"type":"float","low":0.00001,"high":0.1}},"metrics":[{"name":"loss"}]},"seed":18446744073709551615,"optimizer":{"name":"sobol"},"scheduler":{"name":"whole"},"provenance":{"git":null}}','7be8e41b8fdef0aedd1c9bb033063761');
INSERT INTO "event" VALUES(3,2,1764000002.0,'opened','{"kind":"opened","provenance":{"host":"node-1","argv":["tune.py","--fast"]},"optimizer":{"name":"random"}}','bd4eee34287f74b0360e45b85f1ea050');
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
INSERT INTO "meta" VALUES(2);
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
