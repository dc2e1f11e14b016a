-- Partial indexes, indexes on expressions, collations, order.
CREATE TABLE i (
    id INTEGER PRIMARY KEY, email TEXT, nombre TEXT COLLATE NOCASE, activo BOOLEAN, borrado DATETIME,
    fecha DATE, a INTEGER, b INTEGER, codigo TEXT COLLATE RTRIM
);
CREATE UNIQUE INDEX i_email ON i (email) WHERE borrado IS NULL AND activo = 1;
CREATE UNIQUE INDEX i_email_min ON i (lower(email));
CREATE INDEX i_nombre ON i (nombre);
CREATE INDEX i_nombre_exacto ON i (nombre COLLATE BINARY DESC);
CREATE INDEX i_email_nocase ON i (email COLLATE NOCASE, a DESC);
CREATE INDEX i_suma ON i (a + b, a DESC) WHERE a > 0;
CREATE INDEX i_mes ON i (strftime('%Y-%m', fecha));
CREATE INDEX i_dia ON i (date(borrado));
CREATE INDEX i_prefijo ON i (substr(email, 1, 3), coalesce(a, 0));
CREATE UNIQUE INDEX i_codigo ON i (codigo);
INSERT INTO i VALUES
    (1, 'A@x.es', 'Ana', 1, NULL, '2024-01-01', 1, 2, 'x'),
    (2, 'B@x.es', 'ana', 0, '2024-01-01 10:00:00', '2024-02-01', 0, 2, 'y  '),
    (3, NULL, 'Ñu', 1, NULL, NULL, NULL, NULL, NULL);
