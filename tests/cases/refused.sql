-- What Postgres refuses of a view, and the functions that only this view would have used
CREATE TABLE pages (id INTEGER PRIMARY KEY, name TEXT NOT NULL, above INTEGER REFERENCES pages (id) ON DELETE CASCADE);
CREATE VIEW outline AS WITH RECURSIVE t (id, name, level) AS (
        SELECT id, name, 0 FROM pages WHERE above IS NULL
        UNION ALL SELECT p.id, p.name, t.level + 1 FROM pages p JOIN t ON p.above = t.id ORDER BY 3 DESC
    ) SELECT substr('..........', 1, t.level * 2) || name AS line FROM t;
INSERT INTO pages VALUES (1, 'a', NULL), (2, 'b', 1);
