-- Dates are read by their values: ISO forms with and without zone.
CREATE TABLE fechas (
    id INTEGER PRIMARY KEY, dia DATE, momento DATETIME, con_t TIMESTAMP, con_z DATETIME,
    fraccion DATETIME, desplazado TIMESTAMP, mezcla DATETIME, texto TEXT,
    creado DATETIME DEFAULT CURRENT_TIMESTAMP, hoy DATE DEFAULT CURRENT_DATE
);
INSERT INTO fechas VALUES
    (1, '2024-01-31', '2024-01-31 10:00:00', '2024-01-31T10:00:00', '2024-01-31T10:00:00Z',
     '2024-01-31 10:00:00.123', '2024-01-31T10:00:00+02:00', '2024-01-31', '2024-01-31',
     '2024-01-31 10:00:00', '2024-01-31'),
    (2, '2000-02-29', '1999-12-31 23:59:59', NULL, NULL, '2024-02-29 00:00:00.000', NULL,
     '2024-01-31 10:00:00', 'mañana', '2024-01-31 10:00:00', '2024-01-31');
CREATE VIEW por_fecha AS
    SELECT id, date(momento) AS dia, strftime('%Y-%m', momento) AS mes, strftime('%d/%m/%Y', dia) AS escrito,
        julianday(momento) - julianday(dia) AS lapso, date(dia, '+1 month') AS siguiente,
        date(dia, 'start of month', '+1 month', '-1 day') AS fin_de_mes, datetime(con_z) AS utc,
        CAST(strftime('%Y', dia) AS INTEGER) AS año, time(momento) AS hora, strftime('%s', momento) AS segundos
    FROM fechas;
CREATE VIEW recientes AS
    SELECT id FROM fechas WHERE momento >= '2024-01-01' AND momento < datetime('now')
        AND dia BETWEEN '2000-01-01' AND date('now', '+1 day') AND con_t IS NOT NULL;
