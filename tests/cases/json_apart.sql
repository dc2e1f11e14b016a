-- Documents taken apart and put together, and compared with numbers
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer TEXT NOT NULL COLLATE NOCASE,
    lines TEXT NOT NULL CHECK (json_valid(lines)),
    extra TEXT CHECK (extra IS NULL OR json_extract(extra, '$.weight') < 100)
);
CREATE TABLE tags (order_id INTEGER NOT NULL REFERENCES orders (id) ON DELETE CASCADE, tag TEXT NOT NULL);
CREATE VIEW of_lines AS
    SELECT o.id, j.key AS place, j.type FROM orders o, json_each(o.lines) j;
CREATE VIEW heavy AS SELECT id FROM orders WHERE json_extract(extra, '$.weight') > 10;
CREATE VIEW whole AS
    SELECT o.id, json_group_array(t.tag) AS tags FROM orders o JOIN tags t ON t.order_id = o.id GROUP BY o.id;
CREATE VIEW last_customer AS SELECT max(customer) AS customer FROM orders;
CREATE TRIGGER tagged AFTER INSERT ON orders WHEN NEW.extra IS NOT NULL BEGIN
    INSERT INTO tags (order_id, tag) SELECT NEW.id, 'tag ' || value FROM json_each(NEW.extra, '$.tags');
END;
INSERT INTO orders VALUES
    (1, 'Ana', '["a", "b"]', '{"weight": 5, "tags": ["x", 2, 1.5]}'),
    (2, 'bea', '[]', '{"weight": 50.5}'), (3, 'Cid', '{"a": [1, 2]}', NULL);
