-- Views: joins, groups, subqueries, compounds, common table expressions, windows, order, limits.
CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, r REAL, s TEXT, b BOOLEAN, d DECIMAL(8,2), dia DATE, padre INTEGER);
INSERT INTO t VALUES
    (1, 5, 1.5, 'Hola', 1, 3, '2024-01-31', NULL), (2, -7, -2.25, 'ñandú', 0, 2.5, '2023-12-25', 1),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, 1), (4, 0, 0.0, '', 0, 0, '2024-02-29', 2), (5, 12, 0.1, '12abc', 1, -1.25, '2000-01-01', 2);
CREATE TABLE u (id INTEGER PRIMARY KEY, t_id INTEGER, etiqueta TEXT);
INSERT INTO u VALUES (1, 1, 'x'), (2, 1, 'y'), (3, 4, 'x'), (4, 99, 'z');
CREATE VIEW todo AS SELECT * FROM t;
CREATE VIEW unidas AS SELECT t.*, u.id, u.etiqueta FROM t LEFT JOIN u ON u.t_id = t.id;
CREATE VIEW con_using AS SELECT * FROM t JOIN u USING (id);
CREATE VIEW grupos AS SELECT b AS activo, count(*) AS cuantos, sum(n), avg(r), min(s) AS primero, max(dia), total(d) AS t,
    group_concat(id) AS ids FROM t GROUP BY b HAVING count(*) > 1;
CREATE VIEW suelta AS SELECT b, s, max(n) FROM t GROUP BY b;
CREATE VIEW divisiones AS SELECT id, n / 2 AS mitad, n % 3 AS resto, r / 2 AS real, n / 0 AS nada, n * 100.0 / 7 AS parte, -n AS menos FROM t;
CREATE VIEW textos AS SELECT id, upper(s) AS may, lower(s) AS min, substr(s, -2) AS fin, substr(s, 2, 3) AS medio, instr(s, 'a') AS donde,
    replace(s, 'a', 'b') AS cambio, trim(s) AS t, length(s) AS l, s || '-' || n AS junto, printf('%05d|%.2f|%s', n, r, s) AS f,
    s LIKE 'H%' AS le, s GLOB '*[0-9]*' AS g, hex(s) AS h, typeof(n) AS ty, ifnull(s, 'nada') AS i, coalesce(n, id) AS c,
    nullif(n, 0) AS nu, iif(b, 'sí', 'no') AS ii, CASE WHEN n > 0 THEN 'pos' WHEN n < 0 THEN 'neg' END AS ca, quote(s) AS q FROM t;
CREATE VIEW comparadas AS SELECT id, n = 5 AS e, n IS 5 AS i, n IS NOT NULL AS nn, b = 1 AS v, NOT b AS nb, s < 'a' AS m, max(n, 3) AS ma, min(n, r) AS mi,
    n BETWEEN 0 AND 10 AS en, n IN (5, 12) AS es, dia > '2023-12-31' AS r FROM t;
CREATE VIEW sub AS SELECT id, (SELECT count(*) FROM u WHERE u.t_id = t.id) AS cuantas FROM t
    WHERE EXISTS (SELECT 1 FROM u WHERE u.t_id = t.id) OR n IN (SELECT n FROM t WHERE b) ORDER BY cuantas DESC, s;
CREATE VIEW compuesta AS SELECT id, s FROM t WHERE b = 1 UNION SELECT id, etiqueta FROM u ORDER BY 2 DESC, 1 LIMIT 4;
CREATE VIEW mixta AS SELECT n FROM t UNION ALL SELECT r FROM t EXCEPT SELECT 5;
CREATE VIEW ordenada AS SELECT id, n FROM t ORDER BY n DESC LIMIT 3 OFFSET 1;
CREATE VIEW distinta AS SELECT DISTINCT b FROM t ORDER BY b;
CREATE VIEW arbol AS WITH RECURSIVE a(id, nivel, camino) AS (
    SELECT id, 0, CAST(id AS TEXT) FROM t WHERE padre IS NULL
    UNION ALL SELECT t.id, a.nivel + 1, a.camino || '/' || t.id FROM t JOIN a ON t.padre = a.id) SELECT * FROM a;
CREATE VIEW ventanas AS SELECT id, row_number() OVER (ORDER BY n) AS fila, sum(n) OVER (PARTITION BY b ORDER BY id) AS suma, lag(n, 1, 0) OVER w AS antes
    FROM t WINDOW w AS (ORDER BY id);
CREATE VIEW sobre_vista (clave, cuenta) AS SELECT activo, cuantos FROM grupos WHERE activo;
CREATE VIEW antes_que_otra AS SELECT * FROM despues;
CREATE VIEW despues AS SELECT id AS rowid_, t.rowid AS r FROM t;
CREATE VIEW rota AS SELECT no_existe FROM t;
CREATE VIEW filtrada AS SELECT b, count(*) FILTER (WHERE n > 0) AS pos, count(DISTINCT s) AS dist FROM t GROUP BY 1;
CREATE VIEW por_alias AS SELECT strftime('%Y', dia) AS año, sum(b) AS activos FROM t WHERE año > '1999' GROUP BY año;
CREATE VIEW valores AS SELECT column1 AS a, column2 AS b FROM (VALUES (1, 'x'), (2, NULL));
CREATE VIEW constante AS SELECT 1 AS uno, 'dos' AS dos, NULL AS nada, 2.5 AS real, x'41' AS bytes, "tres" AS tres;
