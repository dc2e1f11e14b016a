-- BEFORE DELETE triggers whose changes come back to the row that is deleted
CREATE TABLE roots (id INTEGER PRIMARY KEY, label TEXT);
CREATE TABLE albums (id INTEGER PRIMARY KEY, root INTEGER NOT NULL REFERENCES roots (id), path TEXT NOT NULL, icon INTEGER);
CREATE TABLE images (id INTEGER PRIMARY KEY, album INTEGER REFERENCES albums (id), name TEXT NOT NULL);
CREATE TABLE counts (id INTEGER PRIMARY KEY, images INTEGER);
CREATE TRIGGER delete_root DELETE ON roots BEGIN DELETE FROM albums WHERE albums.root = OLD.id; END;
CREATE TRIGGER delete_album DELETE ON albums BEGIN DELETE FROM images WHERE images.album = OLD.id; END;
CREATE TRIGGER delete_image DELETE ON images BEGIN UPDATE albums SET icon = NULL WHERE icon = OLD.id; END;
CREATE TRIGGER count_before BEFORE DELETE ON counts WHEN (SELECT count(*) FROM counts) > 1 BEGIN
    DELETE FROM images WHERE id = OLD.id; END;
INSERT INTO roots VALUES (1, 'a'), (2, 'b');
INSERT INTO albums VALUES (1, 1, '/', 1), (2, 1, '/b', NULL), (3, 2, '/', 3);
INSERT INTO images VALUES (1, 1, 'a.jpg'), (2, 1, 'b.jpg'), (3, 3, 'c.jpg'), (4, 2, 'd.jpg');
INSERT INTO counts VALUES (1, 2), (2, 1), (3, 1);
