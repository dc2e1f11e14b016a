-- JSON: values taken out by a path, documents put together
CREATE TABLE events (id INTEGER PRIMARY KEY, kind TEXT, body TEXT CHECK (body IS NULL OR json_valid(body)), weight REAL,
    happened DATETIME, open BOOLEAN, tags TEXT CHECK (json_type(tags) = 'array' AND json_array_length(tags) < 5),
    who TEXT AS (json_extract(body, '$.who')), first TEXT AS (tags ->> 0) STORED);
CREATE INDEX events_by_who ON events (json_extract(body, '$.who'));
CREATE INDEX events_of_ana ON events (kind) WHERE json_extract(body, '$.who') = 'ana';
CREATE VIEW taken AS SELECT id, json_extract(body, '$.who') AS who, json_extract(body, '$.deep.list[1]') AS second,
    body -> '$.deep' AS deep, body ->> 'n' AS n, json_extract(body, '$.who') = 'ana' AS of_ana,
    json_type(body, '$.n') AS kind_of_n, json_array_length(body, '$.deep.list') AS many,
    tags -> '$[#-1]' AS last, upper(body ->> '$.who') AS loud, json_extract(body, '$.yes') AS yes,
    json_extract(body, '$.deep.list') AS list, body ->> '$."a b"' AS spaced FROM events;
CREATE VIEW made AS SELECT json_object('id', id, 'kind', kind, 'weight', weight, 'open', open, 'nothing', NULL,
    'tags', json(tags), 'pair', json_array(id, kind || 'x')) AS document FROM events;
CREATE TABLE log (id INTEGER PRIMARY KEY, was TEXT);
CREATE TRIGGER events_log AFTER DELETE ON events BEGIN
    INSERT INTO log (was) VALUES (json_object('kind', OLD.kind, 'weight', OLD.weight, 'happened', OLD.happened));
END;
INSERT INTO events (id, kind, body, weight, happened, open, tags) VALUES
    (1, 'a "quoted" ñ', '{"who": "ana", "n": 5, "deep": {"list": [1, 2.50, "x  y"]}, "yes": true, "a b": 1}', 1.5, '2024-01-01 10:00:00', 1, '["p", "q"]'),
    (2, NULL, '{"who":null,"n":1.0,"deep":{"list":"no"},"yes":false}', 1e21, NULL, 0, '[]'),
    (3, 'b', NULL, NULL, '2024-02-01 10:00:00', NULL, NULL), (4, 'c', '[]', 2, NULL, 1, '[7, {"k": [ ]}]');
