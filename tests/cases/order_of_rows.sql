-- A log whose keys tell in which order a statement came to its rows, and a view that may be written
CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INT NOT NULL DEFAULT 0, changed DATETIME, name TEXT);
CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, account INT, before INT, after INT);
CREATE TRIGGER logged AFTER UPDATE OF balance ON accounts WHEN NEW.balance <> OLD.balance BEGIN
    INSERT INTO log (account, before, after) VALUES (NEW.id, OLD.balance, NEW.balance);
END;
CREATE TRIGGER stamped AFTER UPDATE ON accounts BEGIN UPDATE accounts SET changed = datetime('now') WHERE id = NEW.id; END;
CREATE VIEW named AS SELECT id, name FROM accounts;
CREATE TRIGGER renamed INSTEAD OF UPDATE OF name ON named BEGIN UPDATE accounts SET name = NEW.name WHERE id = OLD.id; END;
INSERT INTO accounts VALUES (1, 10, NULL, 'a'), (2, 20, '2024-01-01 00:00:00', 'b'), (3, 30, NULL, 'b');
