-- Triggers: every timing and event, WHEN, UPDATE OF, several statements, RAISE, no recursion.
CREATE TABLE cuentas (id INTEGER PRIMARY KEY, nombre TEXT NOT NULL, saldo INTEGER NOT NULL DEFAULT 0, activo BOOLEAN DEFAULT 1,
    movimientos INTEGER DEFAULT 0, tocado DATETIME);
CREATE TABLE movimientos (id INTEGER PRIMARY KEY AUTOINCREMENT, cuenta_id INTEGER REFERENCES cuentas (id) ON DELETE CASCADE, importe INTEGER, nota TEXT);
CREATE TABLE registro (id INTEGER PRIMARY KEY, que TEXT, cuenta INTEGER, antes TEXT, despues TEXT);
CREATE TABLE totales (clave TEXT PRIMARY KEY, valor INTEGER);
INSERT INTO cuentas VALUES (1, 'Ana', 10, 1, 0, NULL), (2, 'Berta', 20, 0, 0, '2024-01-01 10:00:00');
INSERT INTO movimientos VALUES (1, 1, 10, 'alta'), (2, 2, 20, NULL);
INSERT INTO totales VALUES ('suma', 30);
CREATE TRIGGER mov_alta AFTER INSERT ON movimientos BEGIN
    UPDATE cuentas SET saldo = saldo + NEW.importe, movimientos = movimientos + 1 WHERE id = NEW.cuenta_id;
    UPDATE totales SET valor = (SELECT sum(saldo) FROM cuentas) WHERE clave = 'suma';
    INSERT INTO registro (que, cuenta, despues) VALUES ('alta', NEW.cuenta_id, NEW.importe || ' euros');
END;
CREATE TRIGGER mov_baja AFTER DELETE ON movimientos FOR EACH ROW WHEN OLD.importe IS NOT NULL BEGIN
    UPDATE cuentas SET saldo = saldo - OLD.importe WHERE id = OLD.cuenta_id;
    INSERT INTO registro VALUES (NULL, 'baja', OLD.cuenta_id, OLD.nota, NULL);
END;
CREATE TRIGGER cuenta_tocada AFTER UPDATE OF nombre, saldo ON cuentas WHEN OLD.saldo <> NEW.saldo OR NEW.nombre <> OLD.nombre BEGIN
    UPDATE cuentas SET tocado = datetime('now') WHERE id = NEW.id;
END;
CREATE TRIGGER cuenta_limite BEFORE UPDATE ON cuentas WHEN NEW.saldo < -100 BEGIN
    SELECT RAISE(ABORT, 'saldo insuficiente');
END;
CREATE TRIGGER cuenta_valida BEFORE INSERT ON cuentas BEGIN
    SELECT CASE WHEN NEW.nombre = '' THEN RAISE(ABORT, 'sin nombre')
        WHEN EXISTS (SELECT 1 FROM cuentas WHERE nombre = NEW.nombre) THEN RAISE(ROLLBACK, 'nombre repetido') END;
    SELECT RAISE(FAIL, 'negativo') WHERE NEW.saldo < 0;
END;
CREATE TRIGGER mov_ignorado BEFORE INSERT ON movimientos WHEN NEW.importe = 0 BEGIN
    SELECT RAISE(IGNORE);
END;
CREATE TRIGGER cuenta_protegida BEFORE DELETE ON cuentas BEGIN
    SELECT RAISE(ABORT, 'tiene saldo') FROM cuentas c WHERE c.id = OLD.id AND c.saldo > 1000;
END;
CREATE TRIGGER contador AFTER INSERT ON registro BEGIN
    INSERT OR IGNORE INTO totales VALUES ('registros', 0);
    UPDATE totales SET valor = valor + 1 WHERE clave = 'registros';
    INSERT OR REPLACE INTO totales (clave, valor) VALUES ('ultimo', NEW.id);
    INSERT INTO totales VALUES ('maximo', NEW.cuenta) ON CONFLICT (clave) DO UPDATE SET valor = max(valor, excluded.valor);
END;
CREATE TRIGGER ida AFTER UPDATE ON totales WHEN NEW.clave = 'ping' BEGIN UPDATE totales SET valor = NEW.valor + 1 WHERE clave = 'pong'; END;
CREATE TRIGGER vuelta AFTER UPDATE ON totales WHEN NEW.clave = 'pong' BEGIN UPDATE totales SET valor = NEW.valor + 1 WHERE clave = 'ping'; END;
CREATE VIEW activas AS SELECT id, nombre, saldo FROM cuentas WHERE activo = 1;
CREATE TRIGGER activas_alta INSTEAD OF INSERT ON activas BEGIN
    INSERT INTO cuentas (id, nombre, saldo, activo) VALUES (NEW.id, trim(NEW.nombre), ifnull(NEW.saldo, 0), 1);
END;
CREATE TRIGGER activas_cambio INSTEAD OF UPDATE OF nombre ON activas WHEN NEW.nombre <> '' BEGIN
    UPDATE cuentas SET nombre = NEW.nombre WHERE id = OLD.id;
END;
CREATE TRIGGER activas_baja INSTEAD OF DELETE ON activas BEGIN
    DELETE FROM movimientos WHERE cuenta_id = OLD.id;
    DELETE FROM cuentas WHERE id = OLD.id;
END;

-- a tree that is kept as all its pairs, by compounds that are written
CREATE TABLE tags (id INTEGER PRIMARY KEY, pid INTEGER, name TEXT NOT NULL, UNIQUE (name, pid));
CREATE TABLE tags_tree (id INTEGER NOT NULL, pid INTEGER NOT NULL, kind TEXT, UNIQUE (id, pid));
CREATE TRIGGER tags_into_tree AFTER INSERT ON tags WHEN NEW.pid IS NOT NULL BEGIN
    INSERT INTO tags_tree (id, pid, kind) SELECT NEW.id, NEW.pid, 'own' UNION SELECT NEW.id, pid, 5 FROM tags_tree WHERE id = NEW.pid;
END;
INSERT INTO tags VALUES (1, 0, 'root'), (2, 1, 'kid'), (3, 2, 'kid of kid');
