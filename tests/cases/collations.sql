-- NOCASE and RTRIM in keys, unique constraints, comparisons, order and groups: ASCII only.
CREATE TABLE usuarios (
    login TEXT COLLATE NOCASE PRIMARY KEY, email TEXT UNIQUE COLLATE NOCASE, nota TEXT COLLATE RTRIM,
    CHECK (login <> 'root')
);
INSERT INTO usuarios VALUES ('Ana', 'ANA@x.es', 'a '), ('ñu', 'b@x.es', 'a'), ('Ñu', 'c@x.es', NULL);
CREATE TABLE sesiones (id INTEGER PRIMARY KEY, login TEXT COLLATE NOCASE REFERENCES usuarios (login));
INSERT INTO sesiones VALUES (1, 'Ana'), (2, 'ñu');
CREATE VIEW ana AS SELECT login, email FROM usuarios WHERE login = 'ANA' OR email IN ('B@X.ES');
CREATE VIEW sin_caso AS SELECT login FROM usuarios WHERE login LIKE 'a%' OR login BETWEEN 'Ñ' AND 'ÑZ' ORDER BY login;
CREATE VIEW notas AS SELECT nota = 'a' AS igual, nota = 'A' COLLATE NOCASE AS sin_caso FROM usuarios;
CREATE VIEW unidas AS SELECT s.id, u.email FROM sesiones s JOIN usuarios u ON u.login = s.login;
