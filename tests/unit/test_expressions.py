"""Golden SQL: what is translated, and what is refused rather than guessed."""

import pytest

from pytest_deploy.schema.dates import DateForm
from pytest_deploy.schema.defaults import translate_default
from pytest_deploy.schema.kinds import Kind, TargetType
from pytest_deploy.schema.model import Column
from pytest_deploy.schema.translation.expressions import Context, translate_condition
from pytest_deploy.schema.translation.scope import Database, Relation, VisibleColumn
from pytest_deploy.schema.translation.values import UntranslatableError
from pytest_deploy.schema.types import TypeChoice

KINDS = {
    "rol": Kind.TEXT,
    "activo": Kind.BOOLEAN,
    "edad": Kind.BIGINT,
    "inicio": Kind.DATE,
    "fin": Kind.DATE,
    "visto": Kind.TIMESTAMPTZ,
    "foto": Kind.BYTEA,
}
TABLE = Relation(
    "",
    None,
    tuple(
        VisibleColumn.of_kind(name, kind, form=DateForm() if kind is Kind.DATE else None)
        for name, kind in KINDS.items()
    ),
)
CONTEXT = Context(Database("public"), "Europe/Madrid")
FORMS = {Kind.DATE: DateForm(), Kind.TIMESTAMPTZ: DateForm(" ", seconds=True)}


@pytest.mark.parametrize(
    ("sqlite", "postgres"),
    [
        ("rol IN ('a', 'b')", """("rol" IN ('a', 'b'))"""),
        ('ROL = "a"', """("rol" = 'a')"""),
        ("activo IN (0, 1)", '("activo" IN (false, true))'),
        ("activo = 1 OR edad > 3", '(("activo" = true) OR ("edad" > 3))'),
        ("edad BETWEEN 0 AND 120", '(("edad" >= 0) AND ("edad" <= 120))'),
        ("fin IS NULL OR fin >= inicio", '(("fin" IS NULL) OR ("fin" >= "inicio"))'),
        ("length(rol) > 2 + 1", '(length("rol") > (2 + 1))'),
        ("rol < 'm'", """("rol" COLLATE "C" < 'm')"""),
        ("NOT (edad <> -1)", '(NOT ("edad" <> (-1)))'),
        ("edad", '("edad" <> 0)'),
        ("activo", '"activo"'),
        ("inicio > '2020-01-01'", """("inicio" > '2020-01-01'::date)"""),
        ("rol LIKE 'a%'", """(lower("rol" COLLATE "C") LIKE 'a%' ESCAPE '')"""),
        ("rol LIKE '%1'", """("rol" LIKE '%1' ESCAPE '')"""),
        ("rol GLOB 'a*[^0-9]?'", """("rol" COLLATE "C" ~ '^a.*[^0-9].$')"""),
    ],
)
def test_conditions_are_translated_by_type(sqlite, postgres):
    """Booleans become booleans, text is ordered by its bytes, dates are compared as dates."""
    assert translate_condition(sqlite, TABLE, CONTEXT) == postgres


@pytest.mark.parametrize(
    "sqlite",
    [
        "edad = rol",
        "inicio > '2024'",
        "visto = '2024-01-01 10:00:00'",
        "otra = 1",
        "t.edad = 1",
        "edad IN (SELECT edad FROM otra)",
        "rol GLOB rol",
        "rol MATCH 'x'",
        "rol REGEXP 'x'",
        "foto LIKE 'x'",
        "sin_funcion(edad)",
        "rol COLLATE ESPANOL = 'x'",
        "length(",
        "edad > (SELECT 1, 2)",
        "strftime('%Q', inicio) = 1",
        "date(inicio, '+1 eon') = inicio",
        "printf(rol, edad) = 'x'",
        "randomblob(500) = foto",
        "last_insert_rowid() = 1",
    ],
)
def test_what_has_no_known_equal_is_refused(sqlite):
    """A finding is better than a guess."""
    with pytest.raises(UntranslatableError):
        translate_condition(sqlite, TABLE, CONTEXT)


def default_of(default, kind, declared="TEXT"):
    """Translate a default."""
    column = Column("c", declared, not_null=False, default=default)
    return translate_default(column, TypeChoice(TargetType(kind), form=FORMS.get(kind)), CONTEXT)


@pytest.mark.parametrize(
    ("default", "declared", "kind", "postgres"),
    [
        ("''", "TEXT", Kind.TEXT, "''"),
        ('""', "TEXT", Kind.TEXT, "''"),
        ("libre", "TEXT", Kind.TEXT, "'libre'"),
        ("'it''s'", "TEXT", Kind.TEXT, "'it''s'"),
        ("3600*12", "INTEGER", Kind.BIGINT, "43200"),
        ("x'6869'", "BLOB", Kind.BYTEA, r"'\x6869'::bytea"),
        ("1", "BOOLEAN", Kind.BOOLEAN, "true"),
        ("FALSE", "BOOLEAN", Kind.BOOLEAN, "false"),
        ("4.99", "DECIMAL(4,2)", Kind.NUMERIC, "4.99"),
        ("-1.5", "REAL", Kind.DOUBLE, "'-1.5'::double precision"),
        ("CURRENT_TIMESTAMP", "DATETIME", Kind.TIMESTAMPTZ, "now()"),
        ("datetime('now')", "DATETIME", Kind.TIMESTAMPTZ, "now()"),
        ("CURRENT_DATE", "DATE", Kind.DATE, "(now() AT TIME ZONE 'UTC')::date"),
        (
            "datetime('now', 'localtime')",
            "DATETIME",
            Kind.TIMESTAMPTZ,
            "now()",
        ),
        ("strftime('%Y', 'now')", "TEXT", Kind.TEXT, "to_char((now() AT TIME ZONE 'UTC'), 'YYYY')"),
        (
            "'2026-07-01 00:00:00'",
            "DATETIME",
            Kind.TIMESTAMPTZ,
            "'2026-06-30 22:00:00+00:00'::timestamptz",
        ),
        ("NULL", "TEXT", Kind.TEXT, None),
        (None, "TEXT", Kind.TEXT, None),
    ],
)
def test_defaults(default, declared, kind, postgres):
    """Constants are what SQLite makes of them; the clock is Postgres' own."""
    assert default_of(default, kind, declared) == postgres


@pytest.mark.parametrize(
    ("default", "kind"),
    [
        ("'abc'", Kind.BIGINT),
        ("CURRENT_TIMESTAMP", Kind.DATE),
        ("randomblob(16)", Kind.BIGINT),
        ("datetime('now', 'subsec')", Kind.TIMESTAMPTZ),
    ],
)
def test_defaults_without_an_equal_are_refused(default, kind):
    """They become findings."""
    with pytest.raises(UntranslatableError):
        default_of(default, kind)
