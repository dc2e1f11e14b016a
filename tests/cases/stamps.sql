-- Triggers without BEFORE or AFTER, which is BEFORE, that stamp the row that is changed
CREATE TABLE inbox (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT, read BOOLEAN DEFAULT 0, updated TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, times INT DEFAULT 0);
CREATE TABLE phones (imei VARCHAR(35) NOT NULL PRIMARY KEY, sent INT NOT NULL DEFAULT 0, updated DATETIME, note TEXT);
CREATE TABLE notes (title TEXT, changed DATETIME, kind TEXT CHECK (kind IN ('a', 'b')));
CREATE TABLE seen (id INTEGER PRIMARY KEY, at TEXT);
CREATE TRIGGER inbox_stamp UPDATE ON inbox BEGIN
    UPDATE inbox SET updated = datetime('now'), times = times + 1 WHERE id = old.id;
END;
CREATE TRIGGER phones_stamp BEFORE UPDATE OF sent, note ON phones WHEN new.sent <> old.sent BEGIN
    UPDATE phones SET updated = datetime('now') WHERE imei = new.imei AND old.sent >= 0;
    INSERT INTO seen (at) VALUES (new.imei);
END;
CREATE TRIGGER notes_stamp UPDATE ON notes BEGIN UPDATE notes SET changed = date('now') WHERE rowid = new.rowid; END;
INSERT INTO inbox (text, updated) VALUES ('a', '2024-01-01 10:00:00'), ('b', '2024-01-02 10:00:00'), ('c', '2024-01-03 10:00:00');
INSERT INTO phones VALUES ('1', 1, '2024-01-01 10:00:00', 'x'), ('2', -1, '2024-01-02 10:00:00', 'y');
INSERT INTO notes VALUES ('t', '2024-01-01', 'a'), ('u', '2024-01-02', 'b');
