-- Defaults: constants, the clock, randomness, double-quoted strings.
CREATE TABLE d (
    id INTEGER PRIMARY KEY,
    token TEXT DEFAULT (lower(hex(randomblob(16)))),
    año TEXT DEFAULT (strftime('%Y', 'now')),
    segundos INTEGER DEFAULT (strftime('%s', 'now')),
    epoca INTEGER DEFAULT (unixepoch()),
    creado DATETIME DEFAULT (datetime('now')),
    caduca TEXT DEFAULT (datetime('now', '+30 days')),
    hora TEXT DEFAULT CURRENT_TIME,
    bytes BLOB DEFAULT x'6869',
    vacio TEXT DEFAULT "",
    turno INTEGER DEFAULT (3600*12),
    activo BOOLEAN DEFAULT TRUE,
    precio DECIMAL(8,2) DEFAULT 4.99,
    azar INTEGER DEFAULT (abs(random()) % 10),
    julian REAL DEFAULT (julianday('now')),
    cita TEXT DEFAULT 'it''s',
    palabra TEXT DEFAULT libre
);
INSERT INTO d (id) VALUES (1);
INSERT INTO d VALUES (2, 'a', '2020', 1, 2, '2020-01-01 00:00:00', 'c', '10:00:00', x'00', 'v', 1, 0, 1, 2, 2460000.5, 'x', 'y');
CREATE TABLE blobs (id INTEGER PRIMARY KEY, token BLOB NOT NULL DEFAULT '', mark VARBINARY(8) DEFAULT 'ñ', seen DATETIME DEFAULT 0);
INSERT INTO blobs VALUES (1, x'00ff', x'01', '2024-01-01 10:00'), (2, x'', NULL, '2024-01-01 10:00:00');
