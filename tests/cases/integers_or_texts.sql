-- Codes that are integers here and texts there, and keys over them
CREATE TABLE units (auth TEXT NOT NULL, code INTEGER_OR_TEXT NOT NULL, name TEXT, PRIMARY KEY (auth, code));
CREATE TABLE shapes (auth TEXT, code INTEGER_OR_TEXT, unit_auth TEXT, unit_code INTEGER_OR_TEXT, kind TEXT,
    PRIMARY KEY (auth, code), FOREIGN KEY (unit_auth, unit_code) REFERENCES units (auth, code));
CREATE TABLE people (id INTEGER PRIMARY KEY, boss REFERENCES people (id), region NUMBER(10)
    REFERENCES regions (id), area NUMERIC REFERENCES regions (id));
CREATE TABLE regions (id INTEGER PRIMARY KEY, name TEXT);
CREATE VIEW described AS SELECT s.code, u.name, s.unit_code = 9001 AS is_metre, s.code IN (7001, 'x') AS listed,
    u.code = 'km' AS is_km, u.code IS NOT '9001' AS other
    FROM shapes s JOIN units u ON u.auth = s.unit_auth AND u.code = s.unit_code;
CREATE TRIGGER shapes_known BEFORE INSERT ON shapes BEGIN
    SELECT RAISE(ABORT, 'unit of another kind') WHERE NOT EXISTS
        (SELECT 1 FROM units WHERE units.code = NEW.unit_code AND units.auth = NEW.unit_auth AND NEW.code <> 7009);
END;
CREATE TABLE names (about TEXT, auth TEXT, code INTEGER_OR_TEXT, name TEXT);
CREATE VIEW objects AS SELECT 'units' AS about, auth, code FROM units UNION ALL SELECT 'shapes', auth, code FROM shapes;
CREATE TRIGGER names_known BEFORE INSERT ON names BEGIN
    SELECT RAISE(ABORT, 'of nothing') WHERE NOT EXISTS (SELECT 1 FROM objects o WHERE o.about = NEW.about AND o.code = NEW.code);
END;
INSERT INTO units VALUES ('EPSG', 9001, 'metre'), ('OURS', 'km', 'kilometre'), ('OURS', 7, 'foot');
INSERT INTO shapes VALUES ('EPSG', 7001, 'EPSG', 9001, 'a'), ('OURS', 1, 'OURS', 7, 'b');
INSERT INTO regions VALUES (1, 'north'), (2, 'south');
INSERT INTO people VALUES (1, NULL, 1, 2), (2, NULL, 2, NULL);
INSERT INTO names VALUES ('units', 'EPSG', 9001, 'm'), ('units', 'OURS', 'km', 'km'), ('shapes', 'EPSG', 7001, 's');
