-- Keys that the app gives, and tables that refer to themselves by them
CREATE TABLE hosts (hostid BIGINT NOT NULL, name VARCHAR(64) NOT NULL DEFAULT '', template BIGINT
    REFERENCES hosts (hostid) ON DELETE CASCADE, PRIMARY KEY (hostid));
CREATE TABLE areas (code TEXT PRIMARY KEY, within TEXT REFERENCES areas (code), UNIQUE (code, within));
CREATE TABLE parts (code TEXT NOT NULL, of TEXT REFERENCES parts (code));
CREATE UNIQUE INDEX parts_by_code ON parts (code);
INSERT INTO hosts VALUES (10, 'a', NULL), (20, 'b', 10), (30, 'c', 30);
INSERT INTO areas VALUES ('es', NULL), ('es-md', 'es');
INSERT INTO parts VALUES ('x', NULL), ('y', 'x');
