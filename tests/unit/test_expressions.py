"""Golden SQL: what is translated, and what is refused rather than guessed."""

from zoneinfo import ZoneInfo

import pytest

from pytest_deploy.schema.defaults import translate_default
from pytest_deploy.schema.expressions import ColumnInPostgres, UntranslatableError, translate
from pytest_deploy.schema.kinds import Kind, TargetType
from pytest_deploy.schema.model import Column

COLUMNS = {
    name: ColumnInPostgres(name, kind)
    for name, kind in {
        "rol": Kind.TEXT,
        "activo": Kind.BOOLEAN,
        "edad": Kind.BIGINT,
        "inicio": Kind.DATE,
        "fin": Kind.DATE,
    }.items()
}
MADRID = ZoneInfo("Europe/Madrid")


@pytest.mark.parametrize(
    ("sqlite", "postgres"),
    [
        ("rol IN ('a', 'b')", """("rol" IN ('a', 'b'))"""),
        ('ROL = "a"', """("rol" = 'a')"""),
        ("activo IN (0, 1)", '("activo" IN (false, true))'),
        ("activo = 1 OR edad > 3", '(("activo" = true) OR ("edad" > 3))'),
        ("edad BETWEEN 0 AND 120", '("edad" >= 0 AND "edad" <= 120)'),
        ("fin IS NULL OR fin >= inicio", '(("fin" IS NULL) OR ("fin" >= "inicio"))'),
        ("length(rol) > 2 + 1", '(length("rol") > (2 + 1))'),
        ("rol < 'm'", """("rol" COLLATE "C" < 'm')"""),
        ("NOT (edad <> -1)", '(NOT ("edad" <> (-1)))'),
    ],
)
def test_conditions_are_translated_by_type(sqlite, postgres):
    """Booleans become booleans, text is ordered by its bytes."""
    assert translate(sqlite, COLUMNS) == postgres


@pytest.mark.parametrize(
    "sqlite",
    [
        "rol GLOB 'a*'",
        "rol LIKE 'a%'",
        "typeof(edad) = 'integer'",
        "edad = rol",
        "edad / 2 > 1",
        "edad",
        "inicio > '2020-01-01'",
        "otra = 1",
        "edad IN (SELECT 1)",
        "edad IS 1",
        "json_valid(rol)",
    ],
)
def test_what_has_no_known_equal_is_refused(sqlite):
    """A finding is better than a guess."""
    with pytest.raises(UntranslatableError):
        translate(sqlite, COLUMNS)


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
    column = Column("c", declared, not_null=False, default=default)
    assert translate_default(column, TargetType(kind), MADRID) == postgres


@pytest.mark.parametrize(
    ("default", "kind"),
    [
        ("lower(hex(randomblob(7)))", Kind.TEXT),
        ("strftime('%Y','now')", Kind.TEXT),
        ("'abc'", Kind.BIGINT),
        ("datetime('now','localtime')", Kind.TIMESTAMPTZ),
        ("CURRENT_TIME", Kind.TEXT),
    ],
)
def test_defaults_without_an_equal_are_refused(default, kind):
    """They become findings."""
    with pytest.raises(UntranslatableError):
        translate_default(
            Column("c", "x", not_null=False, default=default), TargetType(kind), MADRID
        )
