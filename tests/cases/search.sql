-- Full-text tables over another table, with the triggers that kept them; one that holds its own texts; an rtree.
CREATE TABLE articulos (id INTEGER PRIMARY KEY, titulo TEXT, cuerpo TEXT);
INSERT INTO articulos VALUES (1, 'El río', 'agua y piedra'), (2, NULL, 'montaña');
CREATE VIRTUAL TABLE articulos_fts USING fts5(titulo, cuerpo, content='articulos', content_rowid='id');
CREATE TRIGGER articulos_ai AFTER INSERT ON articulos BEGIN
    INSERT INTO articulos_fts (rowid, titulo, cuerpo) VALUES (NEW.id, NEW.titulo, NEW.cuerpo);
END;
CREATE TRIGGER articulos_ad AFTER DELETE ON articulos BEGIN
    INSERT INTO articulos_fts (articulos_fts, rowid, titulo, cuerpo) VALUES ('delete', OLD.id, OLD.titulo, OLD.cuerpo);
END;
CREATE VIRTUAL TABLE notas USING fts4(texto);
INSERT INTO notas VALUES ('sola');
CREATE VIRTUAL TABLE zonas USING rtree(id, minx, maxx);
ANALYZE;
