-- Names with spaces, quotes, ñ, dots, mixed case, reserved words, over 63 bytes.
CREATE TABLE "Año ñ" ("el id" INTEGER PRIMARY KEY, "select" TEXT, "a.b" TEXT, "q""q" TEXT, "MiXeD" TEXT, "1st" INTEGER,
    "una columna con un nombre que pasa de los sesenta y tres bytes permitidos" TEXT,
    "una columna con un nombre que pasa de los sesenta y tres bytes permitidos también" TEXT);
INSERT INTO "Año ñ" VALUES (1, 's', 'ab', 'q', 'M', 1, 'larga', 'larga dos');
CREATE TABLE "order" ("group" INTEGER PRIMARY KEY, "user" TEXT REFERENCES "Año ñ" ("select"));
CREATE UNIQUE INDEX "índice con espacios" ON "Año ñ" ("select");
CREATE INDEX "parcial.ñ" ON "Año ñ" ("MiXeD") WHERE "1st" > 0 AND "q""q" <> 'x';
INSERT INTO "order" VALUES (1, 's');
CREATE VIEW "vista ñ" AS SELECT "el id" AS "El Id", "a.b" || "q""q" AS "unión", [select] FROM "Año ñ" WHERE `1st` = 1;
CREATE TRIGGER "disparo con ñ y un nombre que también pasa de los sesenta y tres bytes" AFTER INSERT ON "order"
BEGIN UPDATE "Año ñ" SET "MiXeD" = NEW."user" WHERE "select" = NEW."user"; END;
