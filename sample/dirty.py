"""Plants one of every defect that real SQLite databases have, each in a table of its own."""

from __future__ import annotations

import base64
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

LONG_TABLE = "sucio_una_tabla_con_un_nombre_mucho_más_largo_de_lo_que_postgres_admite"
LONG_COLUMN = "una_columna_con_un_nombre_mucho_más_largo_de_lo_que_postgres_admite_hoy"
LONG_INDEX = "sucio_un_índice_con_un_nombre_mucho_más_largo_de_lo_que_postgres_admite"
STRANGE_TABLE = 'sucio tabla/ñ.con "comillas"'
_QUOTED = '"' + STRANGE_TABLE.replace('"', '""') + '"'
_TWENTY = """
CREATE TEMPORARY TABLE veinte AS
    WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 20)
    SELECT value FROM n
"""


@dataclass(frozen=True)
class Defect:
    """
    One thing that is wrong, and what must be said of it.

    Args:
        defect: What it is.
        object: Where, as findings name it.
        finding: The code of the finding; None where it must be handled without one.
        severity: `blocker`, `risk`, `note`, or empty without a finding.
        count: Rows that a blocker concerns; 0 where it is not about rows.
        sql: The statements that plant it.
    """

    defect: str
    object: str
    finding: str | None = None
    severity: str = ""
    count: int = 0
    sql: str = ""


def plant(connection: sqlite3.Connection, seed: int) -> tuple[Defect, ...]:
    """
    Plant all defects.

    Args:
        connection: The sample's database.
        seed: For what is random.

    Returns:
        All that a run must find in the dirty sample: what was planted, and what the clean one has.
    """
    connection.create_collation("ESPANOL", lambda one, other: (one > other) - (one < other))
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute(_TWENTY)
    for defect in PLANTED:
        connection.executescript(defect.sql)
    connection.execute("DROP TABLE temp.veinte")
    _plant_long_text(connection, seed)
    _plant_not_null(connection)
    connection.execute("ANALYZE")
    return (*CLEAN, *PLANTED)


def _plant_long_text(connection: sqlite3.Connection, seed: int) -> None:
    text = base64.b64encode(random.Random(seed).randbytes(4_000)).decode()
    connection.execute("INSERT INTO sucio_largo VALUES (3, ?)", (text,))


def _plant_not_null(connection: sqlite3.Connection) -> None:
    """Declare NOT NULL over a NULL, as an editor of the schema can."""
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute(
        "UPDATE sqlite_master SET sql = replace(sql, 'n TEXT', 'n TEXT NOT NULL')"
        " WHERE name = 'sucio_obligado'"
    )
    connection.execute("PRAGMA writable_schema = RESET")


CLEAN = (
    Defect("a view", "v_usuarios_activos", "view_not_translated", "risk"),
    Defect("a view", "v_actividades_publicadas", "view_not_translated", "risk"),
    Defect("a view", "v_documentos_por_seccion", "view_not_translated", "risk"),
    Defect("a view", "v_mensajes_sin_leer", "view_not_translated", "risk"),
    Defect("a trigger", "trg_usuarios_actualizado", "trigger_not_translated", "risk"),
    Defect("a trigger", "trg_paginas_publicacion", "trigger_not_translated", "risk"),
    Defect("a trigger", "trg_paginas_slug", "trigger_not_translated", "risk"),
    Defect("dates in two forms", "usuarios.creado_en", "mixed_date_forms", "note"),
    Defect("dates in two forms", "mensajes.enviado_en", "mixed_date_forms", "note"),
    Defect(
        "text too large for its index", "idx_paginas_busqueda", "index_row_too_large", "blocker", 8
    ),
    Defect("rows that only the WAL has", "mensajes"),
)

PLANTED = (
    Defect(
        "text in an INTEGER column",
        "sucio_enteros.edad",
        "unfit_values",
        "blocker",
        1,
        """
        CREATE TABLE sucio_enteros (id INTEGER PRIMARY KEY, edad INTEGER);
        INSERT INTO sucio_enteros SELECT value, value FROM veinte;
        UPDATE sucio_enteros SET edad = 'doce' WHERE id = 12;
        """,
    ),
    Defect(
        "a blob in a TEXT column",
        "sucio_textos.nota",
        "unfit_values",
        "blocker",
        1,
        """
        CREATE TABLE sucio_textos (id INTEGER PRIMARY KEY, nota TEXT);
        INSERT INTO sucio_textos VALUES (1, 'una'), (2, x'00ff'), (3, 'tres');
        """,
    ),
    Defect(
        "integers, text and a blob in one column",
        "sucio_mezcla.dato",
        "unfit_values",
        "blocker",
        3,
        """
        CREATE TABLE sucio_mezcla (id INTEGER PRIMARY KEY, dato);
        INSERT INTO sucio_mezcla VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 'a'), (6, 'b'), (7, x'01');
        """,
    ),
    Defect(
        "64-bit integers in INT",
        "sucio_grandes.telefono",
        "integer_beyond_json",
        "note",
        0,
        """
        CREATE TABLE sucio_grandes (id INTEGER PRIMARY KEY, telefono INT);
        INSERT INTO sucio_grandes VALUES (1, 9223372036854775807), (2, -9007199254740993);
        """,
    ),
    Defect(
        "dates as seconds",
        "sucio_fechas.en_segundos",
        "date_as_number",
        "note",
        0,
        """
        CREATE TABLE sucio_fechas (id INTEGER PRIMARY KEY, en_segundos DATETIME,
            en_milisegundos DATETIME, en_core_data TIMESTAMP);
        INSERT INTO sucio_fechas VALUES (1, 1772000000, 1772000000123, 793692800.5),
            (2, 1772000001, 1772000001456, 793692801.25);
        """,
    ),
    Defect("dates as milliseconds", "sucio_fechas.en_milisegundos", "date_as_number", "note"),
    Defect("dates as Core Data seconds", "sucio_fechas.en_core_data", "date_as_number", "note"),
    Defect(
        "the day 0000-00-00",
        "sucio_dias.dia",
        "unfit_values",
        "blocker",
        1,
        """
        CREATE TABLE sucio_dias (id INTEGER PRIMARY KEY, dia DATE);
        INSERT INTO sucio_dias SELECT value, '2026-03-' || substr('0' || value, -2) FROM veinte;
        UPDATE sucio_dias SET dia = '0000-00-00' WHERE id = 7;
        """,
    ),
    Defect(
        "ISO dates with and without Z",
        "sucio_iso.visto",
        "mixed_date_forms",
        "note",
        0,
        """
        CREATE TABLE sucio_iso (id INTEGER PRIMARY KEY, visto DATETIME);
        INSERT INTO sucio_iso VALUES (1, '2026-03-01T10:00:00'), (2, '2026-03-01T10:00:00Z');
        """,
    ),
    Defect(
        "NUL inside text",
        "sucio_nul.texto",
        "unfit_values",
        "blocker",
        1,
        """
        CREATE TABLE sucio_nul (id INTEGER PRIMARY KEY, texto TEXT);
        INSERT INTO sucio_nul VALUES (1, 'antes' || char(0) || 'después'), (2, 'limpio');
        """,
    ),
    Defect(
        "text that is not UTF-8",
        "sucio_latin1.texto",
        "unfit_values",
        "blocker",
        1,
        """
        CREATE TABLE sucio_latin1 (id INTEGER PRIMARY KEY, texto TEXT);
        INSERT INTO sucio_latin1 VALUES (1, CAST(x'4d75f16f7a' AS TEXT)), (2, 'Muñoz');
        """,
    ),
    Defect(
        "infinite numbers",
        "sucio_infinito.medida",
        "infinity",
        "note",
        0,
        """
        CREATE TABLE sucio_infinito (id INTEGER PRIMARY KEY, medida REAL);
        INSERT INTO sucio_infinito VALUES (1, 9e999), (2, -9e999), (3, 1.5);
        """,
    ),
    Defect(
        "an empty table whose sequence has counted",
        "sucio_vacia",
        sql="""
        CREATE TABLE sucio_vacia (id INTEGER PRIMARY KEY AUTOINCREMENT, nombre TEXT);
        INSERT INTO sucio_vacia VALUES (41, 'se va');
        DELETE FROM sucio_vacia;
        """,
    ),
    Defect(
        "NULL inside a primary key",
        "sucio_clave_nula",
        "null_in_primary_key",
        "blocker",
        2,
        """
        CREATE TABLE sucio_clave_nula (a TEXT, b TEXT, PRIMARY KEY (a, b));
        INSERT INTO sucio_clave_nula VALUES ('x', 'y'), (NULL, 'y'), (NULL, 'y');
        """,
    ),
    Defect(
        'DEFAULT ""',
        "sucio_defecto.vacio",
        sql="""
        CREATE TABLE sucio_defecto (id INTEGER PRIMARY KEY, vacio TEXT DEFAULT "",
            segundos INTEGER DEFAULT (3600*12), bytes BLOB DEFAULT x'6869',
            codigo TEXT DEFAULT (lower(hex(randomblob(7)))),
            dia TEXT DEFAULT (strftime('%Y-%m-%d', 'now')));
        INSERT INTO sucio_defecto (id) VALUES (1);
        """,
    ),
    Defect("a default that is computed", "sucio_defecto.segundos"),
    Defect("a default of bytes", "sucio_defecto.bytes"),
    Defect("a random default", "sucio_defecto.codigo", "default_not_translated", "risk"),
    Defect("a default by strftime", "sucio_defecto.dia", "default_not_translated", "risk"),
    Defect(
        "the type string",
        "sucio_tipos.texto",
        "unknown_type",
        "note",
        0,
        """
        CREATE TABLE sucio_tipos (id INTEGER PRIMARY KEY, texto string, entero interger,
            clase enum, punto point, coma floating point(5,10), clave guid, nada,
            breve tinyint, medio mediumint, ancho int64, largo longvarchar);
        INSERT INTO sucio_tipos VALUES (1, 'a', 1, 'x', '1,2', 1.5, '0e8f', 'b', 1, 2, 3, 'c');
        """,
    ),
    Defect("the type interger", "sucio_tipos.entero", "unknown_type", "note"),
    Defect("the type enum", "sucio_tipos.clase", "unknown_type", "note"),
    Defect("the type point", "sucio_tipos.punto", "unknown_type", "note"),
    Defect("the type floating point(5,10)", "sucio_tipos.coma", "unknown_type", "note"),
    Defect("the type guid", "sucio_tipos.clave", "kept_as_text", "note"),
    Defect("no type at all", "sucio_tipos.nada"),
    Defect("spellings of integer and text", "sucio_tipos.breve"),
    Defect(
        "a foreign key to a column that is not unique",
        "sucio_hijo.codigo",
        "foreign_key_parent_not_unique",
        "blocker",
        0,
        """
        CREATE TABLE sucio_padre (id INTEGER PRIMARY KEY, codigo TEXT);
        INSERT INTO sucio_padre VALUES (1, 'a'), (2, 'a'), (3, 'b');
        CREATE TABLE sucio_hijo (id INTEGER PRIMARY KEY, codigo TEXT REFERENCES sucio_padre (codigo));
        INSERT INTO sucio_hijo VALUES (1, 'a'), (2, 'b');
        """,
    ),
    Defect(
        "a foreign key between text and integer",
        "sucio_hijo_texto.padre_id",
        "foreign_key_type_mismatch",
        "blocker",
        0,
        """
        CREATE TABLE sucio_hijo_texto (id INTEGER PRIMARY KEY,
            padre_id TEXT REFERENCES sucio_padre (id));
        INSERT INTO sucio_hijo_texto VALUES (1, '1'), (2, '3');
        """,
    ),
    Defect(
        "a foreign key to a table that is not there",
        "sucio_hijo_perdido.otro_id",
        "foreign_key_parent_missing",
        "blocker",
        0,
        """
        CREATE TABLE sucio_hijo_perdido (id INTEGER PRIMARY KEY,
            otro_id INTEGER REFERENCES sucio_no_existe (id));
        INSERT INTO sucio_hijo_perdido VALUES (1, 7);
        """,
    ),
    Defect(
        "a composite and a self-referencing foreign key",
        "sucio_compuesto_hijo",
        sql="""
        CREATE TABLE sucio_compuesto (a INTEGER, b TEXT, PRIMARY KEY (a, b));
        INSERT INTO sucio_compuesto VALUES (1, 'x'), (1, 'y');
        CREATE TABLE sucio_compuesto_hijo (id INTEGER PRIMARY KEY, a INTEGER, b TEXT,
            jefe INTEGER REFERENCES sucio_compuesto_hijo (id),
            FOREIGN KEY (a, b) REFERENCES sucio_compuesto (a, b) DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO sucio_compuesto_hijo VALUES (1, 1, 'x', 1), (2, 1, 'y', 1), (3, NULL, 'z', 2);
        """,
    ),
    Defect(
        "orphans that can lose their reference",
        "sucio_huerfanos.padre_id",
        "orphans",
        "blocker",
        2,
        """
        CREATE TABLE sucio_huerfanos (id INTEGER PRIMARY KEY,
            padre_id INTEGER REFERENCES sucio_padre (id));
        INSERT INTO sucio_huerfanos VALUES (1, 1), (2, 98), (3, 99), (4, NULL);
        """,
    ),
    Defect(
        "orphans that cannot",
        "sucio_huerfanos_obligados.padre_id",
        "orphans",
        "blocker",
        1,
        """
        CREATE TABLE sucio_huerfanos_obligados (id INTEGER PRIMARY KEY,
            padre_id INTEGER NOT NULL REFERENCES sucio_padre (id));
        INSERT INTO sucio_huerfanos_obligados VALUES (1, 1), (2, 99);
        """,
    ),
    Defect(
        "a row that cannot go over, to which others refer",
        "sucio_cadena_1.nota",
        "unfit_values",
        "blocker",
        1,
        """
        CREATE TABLE sucio_cadena_1 (id INTEGER PRIMARY KEY, nota TEXT NOT NULL);
        INSERT INTO sucio_cadena_1 VALUES (1, 'bien'), (2, x'ff'), (3, 'bien');
        CREATE TABLE sucio_cadena_2 (id INTEGER PRIMARY KEY,
            uno_id INTEGER REFERENCES sucio_cadena_1 (id));
        INSERT INTO sucio_cadena_2 VALUES (1, 1), (2, 2), (3, NULL);
        CREATE TABLE sucio_cadena_3 (id INTEGER PRIMARY KEY,
            dos_id INTEGER NOT NULL REFERENCES sucio_cadena_2 (id));
        INSERT INTO sucio_cadena_3 VALUES (1, 1), (2, 2), (3, 2);
        """,
    ),
    Defect(
        "a partial unique index",
        "sucio_idx_parcial",
        "index_not_translated",
        "risk",
        0,
        """
        CREATE TABLE sucio_indices (id INTEGER PRIMARY KEY, correo TEXT, activo INTEGER);
        INSERT INTO sucio_indices VALUES (1, 'a', 1), (2, 'a', 0);
        CREATE UNIQUE INDEX sucio_idx_parcial ON sucio_indices (correo) WHERE activo = 1;
        CREATE INDEX sucio_idx_expresion ON sucio_indices (lower(correo));
        """,
    ),
    Defect("an index on an expression", "sucio_idx_expresion", "index_not_translated", "risk"),
    Defect(
        "text too large for its UNIQUE",
        "sucio_largo_texto_key",
        "index_row_too_large",
        "blocker",
        1,
        """
        CREATE TABLE sucio_largo (id INTEGER PRIMARY KEY, texto TEXT UNIQUE);
        INSERT INTO sucio_largo VALUES (1, 'corto'), (2, printf('%.*c', 9000, 'x'));
        """,
    ),
    Defect(
        "COLLATE NOCASE",
        "sucio_colaciones.a",
        "collation_not_kept",
        "risk",
        0,
        """
        CREATE TABLE sucio_colaciones (id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE,
            b TEXT COLLATE RTRIM, c TEXT COLLATE espanol);
        INSERT INTO sucio_colaciones VALUES (1, 'Uno', 'dos ', 'tres');
        """,
    ),
    Defect("COLLATE RTRIM", "sucio_colaciones.b", "collation_not_kept", "risk"),
    Defect("a collation of the app's own", "sucio_colaciones.c", "collation_not_kept", "risk"),
    Defect(
        "full-text search",
        "sucio_busqueda",
        "virtual_table",
        "risk",
        0,
        """
        CREATE VIRTUAL TABLE sucio_busqueda USING fts5 (texto);
        INSERT INTO sucio_busqueda VALUES ('la hoguera');
        """,
    ),
    Defect(
        "an R-tree",
        "sucio_zonas",
        "virtual_table",
        "risk",
        0,
        """
        CREATE VIRTUAL TABLE sucio_zonas USING rtree (id, desde, hasta);
        INSERT INTO sucio_zonas VALUES (1, 0.5, 1.5);
        """,
    ),
    Defect("statistics of ANALYZE", "sqlite_stat1"),
    Defect(
        "a view that is broken already",
        "sucio_vista_rota",
        "view_broken_in_source",
        "risk",
        0,
        "CREATE VIEW sucio_vista_rota AS SELECT ninguna_funcion(id) FROM sucio_padre;",
    ),
    Defect(
        "a trigger that updates its own table",
        "sucio_trg_propia",
        "trigger_not_translated",
        "risk",
        0,
        """
        CREATE TRIGGER sucio_trg_propia AFTER UPDATE ON sucio_padre
            BEGIN UPDATE sucio_padre SET codigo = upper(codigo) WHERE id = NEW.id; END;
        CREATE TRIGGER sucio_trg_raise BEFORE DELETE ON sucio_padre
            BEGIN SELECT RAISE(ABORT, 'no se borra'); END;
        CREATE TRIGGER sucio_trg_glob BEFORE INSERT ON sucio_padre WHEN NEW.codigo GLOB '*[0-9]*'
            BEGIN SELECT RAISE(IGNORE); END;
        CREATE TRIGGER sucio_trg_like BEFORE INSERT ON sucio_padre WHEN NEW.codigo LIKE 'ñ%'
            BEGIN SELECT RAISE(ROLLBACK, 'no'); END;
        """,
    ),
    Defect("a trigger that raises", "sucio_trg_raise", "trigger_not_translated", "risk"),
    Defect("a trigger with GLOB", "sucio_trg_glob", "trigger_not_translated", "risk"),
    Defect("a trigger with LIKE", "sucio_trg_like", "trigger_not_translated", "risk"),
    Defect(
        "a generated column",
        "sucio_generada.doble",
        "generated_column_not_translated",
        "risk",
        0,
        """
        CREATE TABLE sucio_generada (id INTEGER PRIMARY KEY, base INTEGER,
            doble INTEGER GENERATED ALWAYS AS (base * 2) STORED);
        INSERT INTO sucio_generada (id, base) VALUES (1, 21);
        """,
    ),
    Defect(
        "a check with GLOB",
        "sucio_glob.sucio_glob_check",
        "check_not_translated",
        "risk",
        0,
        """
        CREATE TABLE sucio_glob (id INTEGER PRIMARY KEY, codigo TEXT CHECK (codigo GLOB '[A-Z]*'));
        INSERT INTO sucio_glob VALUES (1, 'A1');
        """,
    ),
    Defect(
        "a row that violates a check",
        "sucio_regla.sucio_regla_check",
        "check_violated",
        "blocker",
        1,
        """
        CREATE TABLE sucio_regla (id INTEGER PRIMARY KEY, n INTEGER CHECK (n > 0));
        INSERT INTO sucio_regla VALUES (1, 1), (2, -1);
        """,
    ),
    Defect(
        "NULL in a NOT NULL column",
        "sucio_obligado.n",
        "null_in_not_null",
        "blocker",
        1,
        """
        CREATE TABLE sucio_obligado (id INTEGER PRIMARY KEY, n TEXT);
        INSERT INTO sucio_obligado VALUES (1, 'sí'), (2, NULL);
        """,
    ),
    Defect(
        "names with spaces, ñ, dots, slashes, quotes, digits and capitals",
        STRANGE_TABLE,
        sql=f"""
        CREATE TABLE {_QUOTED} (
            "1º" INTEGER PRIMARY KEY, "Mayúsculas Y minúsculas" TEXT, "select" TEXT UNIQUE);
        INSERT INTO {_QUOTED} VALUES (1, 'a', 'b');
        CREATE INDEX "sucio índice, con coma" ON {_QUOTED} ("Mayúsculas Y minúsculas");
        """,
    ),
    Defect(
        "a table's name over 63 bytes",
        LONG_TABLE,
        "name_shortened",
        "note",
        0,
        f"""
        CREATE TABLE {LONG_TABLE} (id INTEGER PRIMARY KEY, x TEXT);
        INSERT INTO {LONG_TABLE} VALUES (1, 'a');
        """,
    ),
    Defect(
        "a column's name over 63 bytes",
        f"sucio_nombres.{LONG_COLUMN}",
        "name_shortened",
        "note",
        0,
        f"""
        CREATE TABLE sucio_nombres (id INTEGER PRIMARY KEY, {LONG_COLUMN} TEXT);
        INSERT INTO sucio_nombres VALUES (1, 'a');
        CREATE INDEX {LONG_INDEX} ON sucio_nombres ({LONG_COLUMN});
        """,
    ),
    Defect("an index's name over 63 bytes", LONG_INDEX, "name_shortened", "note"),
    Defect(
        "an empty file that looks like the database", "osyris.sqlite3", "decoy_database", "note"
    ),
    Defect(
        "ON CONFLICT REPLACE",
        "sucio_conflicto",
        "on_conflict_not_kept",
        "risk",
        0,
        """
        CREATE TABLE sucio_conflicto (id INTEGER PRIMARY KEY,
            codigo TEXT UNIQUE ON CONFLICT REPLACE);
        INSERT INTO sucio_conflicto VALUES (1, 'a');
        """,
    ),
)
