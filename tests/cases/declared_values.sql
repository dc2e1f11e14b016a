-- UUIDs, documents, and instants stored as numbers go over as what they are declared.
CREATE TABLE users (
    id UUID PRIMARY KEY, settings JSON NOT NULL DEFAULT '{}', token GUID, seen DATETIME,
    born TIMESTAMP, at_day DATETIME, CHECK (json_valid(settings)), CHECK (seen > 1000)
);
CREATE INDEX users_seen ON users (seen) WHERE seen > 1500000000;
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, user_id UUID REFERENCES users (id) ON DELETE CASCADE,
    started DATETIME NOT NULL DEFAULT (strftime('%s', 'now')), ended TIMESTAMP, log JSON,
    length INTEGER AS (ended - started * 1000) STORED
);
INSERT INTO users VALUES
    ('0e8f1d2c-3b4a-4596-8778-695a4b3c2d1e', '{"a": [1, 2.50, "\u00f1"],  "b":null}',
     'ABCD', 1700000000, 1700000000123, 2460370.0208333335),
    ('f0e1d2c3-b4a5-4687-9778-695a4b3c2d1e', '{}', NULL, 1400000000, NULL, 2451544.5);
INSERT INTO sessions (user_id, started, ended, log) VALUES
    ('0e8f1d2c-3b4a-4596-8778-695a4b3c2d1e', 1700000000, 1700000100500, '[]'),
    (NULL, 1700000001, 1700000001000, NULL);
CREATE VIEW recent AS
    SELECT u.id, datetime(u.seen, 'unixepoch') AS seen, u.seen + 60 AS later, s.log, s.length
    FROM users u JOIN sessions s ON s.user_id = u.id WHERE u.seen >= 1700000000;
CREATE VIEW by_user AS SELECT DISTINCT user_id, log FROM sessions ORDER BY user_id;
CREATE TRIGGER seen AFTER INSERT ON sessions WHEN NEW.user_id IS NOT NULL BEGIN
    UPDATE users SET seen = NEW.started, born = NEW.ended + 1, settings = '{"n": 1}'
    WHERE id = NEW.user_id AND seen < NEW.started;
END;
