-- Generated columns, stored and virtual; one made from another.
CREATE TABLE g (
    id INTEGER PRIMARY KEY,
    nombre TEXT NOT NULL, apellidos TEXT NOT NULL,
    completo TEXT GENERATED ALWAYS AS (nombre || ' ' || apellidos) STORED,
    iniciales TEXT AS (upper(substr(nombre, 1, 1)) || upper(substr(apellidos, 1, 1))) VIRTUAL,
    cantidad INTEGER, precio DECIMAL(8,2), unidad REAL,
    total REAL AS (cantidad * unidad),
    doble INTEGER AS (cantidad * 2) STORED,
    cuadruple INTEGER AS (doble * 2),
    nacido DATE, momento DATETIME,
    año INTEGER AS (CAST(strftime('%Y', nacido) AS INTEGER)),
    dia DATE AS (date(momento)),
    mes TEXT AS (strftime('%Y-%m', momento)) STORED,
    adulto BOOLEAN AS (cantidad >= 18),
    largo INTEGER AS (length(nombre)) STORED
);
INSERT INTO g (nombre, apellidos, cantidad, precio, unidad, nacido, momento) VALUES
    ('Ana', 'Ñúñez', 3, 2.5, 0.5, '1990-05-06', '2024-01-31 10:20:30'),
    ('ñ', 'b', 20, NULL, 1.25, '2001-12-31', '2023-12-31 23:59:59'),
    ('x', 'y', NULL, 1, NULL, NULL, NULL);
CREATE INDEX g_completo ON g (completo);
