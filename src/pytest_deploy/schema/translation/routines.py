"""
Functions in Postgres that say what SQLite's say, for what no expression of Postgres says alone.

Each is made only where something uses it. All are immutable and look nothing up outside pg_catalog.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.schema.plan import PlannedRoutine

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEAD = "LANGUAGE {language} IMMUTABLE STRICT PARALLEL SAFE SET search_path = ''"


@dataclass(frozen=True)
class _Routine:
    """The text of one function: what it takes, what it returns, its language and its body."""

    arguments: str
    returns: str
    language: str
    body: str


_PREFIX = r"^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"

# Source: https://www.sqlite.org/lang_expr.html#castexpr, https://www.sqlite.org/lang_corefunc.html,
# https://www.sqlite.org/lang_datefunc.html
_ROUTINES = {
    "sqlite_integer": _Routine(
        "value text",
        "bigint",
        "sql",
        r"SELECT greatest(least(coalesce(substring(value FROM '^\s*([+-]?\d+)'), '0')::numeric,"
        " 9223372036854775807), -9223372036854775808)::bigint",
    ),
    "sqlite_real": _Routine(
        "value text",
        "double precision",
        "sql",
        f"SELECT coalesce(substring(value FROM '{_PREFIX}'), '0')::double precision",
    ),
    "sqlite_number": _Routine(
        "value text",
        "numeric",
        "sql",
        f"SELECT coalesce(substring(value FROM '{_PREFIX}'), '0')::numeric",
    ),
    "sqlite_whole": _Routine(
        "value numeric",
        "bigint",
        "plpgsql",
        """
BEGIN
    IF value <> trunc(value) THEN
        RAISE EXCEPTION 'a number with a fraction in a column of integers'
            USING ERRCODE = 'numeric_value_out_of_range';
    END IF;
    RETURN value::bigint;
END""",
    ),
    "sqlite_text": _Routine(
        "value double precision",
        "text",
        "sql",
        r"""
SELECT CASE
    WHEN value = 'Infinity' THEN 'Inf'
    WHEN value = '-Infinity' THEN '-Inf'
    WHEN value = 0 THEN '0.0'
    WHEN abs(value) >= 1e15 OR abs(value) < 1e-4 THEN replace(
        regexp_replace(btrim(to_char(value, '9.99999999999999EEEE')), '0*e', 'e'), '.e', '.0e')
    WHEN scale(trim_scale(value::numeric)) = 0 THEN trim_scale(value::numeric)::text || '.0'
    ELSE trim_scale(value::numeric)::text
END""",
    ),
    "sqlite_divide": _Routine(
        "dividend numeric, divisor numeric",
        "numeric",
        "sql",
        """
SELECT CASE
    WHEN divisor = 0 THEN NULL
    WHEN dividend = trunc(dividend) AND divisor = trunc(divisor) THEN div(dividend, divisor)
    ELSE dividend / divisor
END""",
    ),
    "sqlite_truncated": _Routine(
        "value double precision",
        "bigint",
        "sql",
        """
SELECT CASE
    WHEN value >= 9223372036854775807 THEN 9223372036854775807
    WHEN value <= -9223372036854775808 THEN -9223372036854775808
    ELSE trunc(value)::bigint
END""",
    ),
    "sqlite_shift": _Routine(
        "value bigint, places bigint",
        "bigint",
        "sql",
        """
SELECT CASE
    WHEN places >= 64 THEN 0
    WHEN places >= 0 THEN value << places::integer
    WHEN places > -64 THEN value >> (-places)::integer
    WHEN value < 0 THEN -1
    ELSE 0
END""",
    ),
    "sqlite_json_each": _Routine(
        "document json",
        "TABLE (key text, value text, type text, atom text, item json)",
        "sql",
        r"""
SELECT part.key, told.value, told.type,
    CASE WHEN told.type NOT IN ('array', 'object') THEN told.value END, part.item
FROM (
    SELECT o.key, o.value, 0
    FROM json_each(CASE WHEN json_typeof(document) = 'object' THEN document END) AS o
    UNION ALL
    SELECT (a.place - 1)::text, a.value, a.place
    FROM json_array_elements(CASE WHEN json_typeof(document) = 'array' THEN document END)
        WITH ORDINALITY AS a (value, place)
    UNION ALL
    SELECT NULL, document, 0 WHERE json_typeof(document) NOT IN ('array', 'object')
) AS part (key, item, place),
LATERAL (
    SELECT CASE json_typeof(part.item)
            WHEN 'null' THEN NULL
            WHEN 'boolean' THEN (part.item::text::boolean)::integer::text
            WHEN 'string' THEN part.item #>> '{}'
            WHEN 'number' THEN CASE
                WHEN part.item::text ~ '^-?[0-9]+$' THEN part.item::text
                ELSE regexp_replace(
                    part.item::text::double precision::text, '^(-?[0-9]+)$', '\1.0')
            END
            ELSE regexp_replace(part.item::text, '("(?:[^"\\]|\\.)*")|\s+', '\1', 'g')
        END,
        CASE json_typeof(part.item)
            WHEN 'string' THEN 'text'
            WHEN 'boolean' THEN part.item::text
            WHEN 'number' THEN
                CASE WHEN part.item::text ~ '^-?[0-9]+$' THEN 'integer' ELSE 'real' END
            ELSE json_typeof(part.item)
        END
) AS told (value, type)
ORDER BY part.place""",
    ),
    "sqlite_substr": _Routine(
        "value text, start bigint, wanted bigint",
        "text",
        "plpgsql",
        """
DECLARE
    first bigint := start;
    count bigint := abs(wanted);
BEGIN
    IF first < 0 THEN
        first := first + length(value);
        IF first < 0 THEN
            count := greatest(count + first, 0);
            first := 0;
        END IF;
    ELSIF first > 0 THEN
        first := first - 1;
    ELSIF count > 0 THEN
        count := count - 1;
    END IF;
    IF wanted < 0 THEN
        first := first - count;
        IF first < 0 THEN
            count := greatest(count + first, 0);
            first := 0;
        END IF;
    END IF;
    RETURN substr(value, least(first, 2147483000)::integer + 1, least(count, 2147483)::integer);
END""",
    ),
    "sqlite_to_char": _Routine(
        "moment timestamp, form text", "text", "sql", "SELECT to_char(moment, form)"
    ),
    "sqlite_timestamp": _Routine(
        "value text",
        "timestamp",
        "plpgsql",
        r"""
DECLARE
    part text[] := regexp_match(value,
        '^\s*(?:(\d{4})-(\d\d)-(\d\d))?(?:(?:^|[ T]+)(\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?)?'
        '\s*(?:Z|z|([+-])(\d\d):(\d\d))?\s*$');
    moment timestamp;
BEGIN
    IF value ~ '^\s*[+-]?\d+(\.\d*)?\s*$' THEN
        IF value::numeric NOT BETWEEN 1721060 AND 5373484 THEN
            RETURN NULL;
        END IF;
        RETURN to_timestamp((value::double precision - 2440587.5) * 86400) AT TIME ZONE 'UTC';
    END IF;
    IF part IS NULL OR (part[1] IS NULL AND part[4] IS NULL) OR part[1] = '0000'
        OR part[2] NOT BETWEEN '01' AND '12' OR part[3] NOT BETWEEN '01' AND '31'
        OR part[4] > '24' OR part[5] > '59' OR part[6] >= '60' THEN
        RETURN NULL;
    END IF;
    moment := make_date(
        coalesce(part[1], '2000')::integer, coalesce(part[2], '1')::integer, 1
    ) + make_interval(
        days => coalesce(part[3], '1')::integer - 1,
        hours => coalesce(part[4], '0')::integer,
        mins => coalesce(part[5], '0')::integer,
        secs => round(coalesce(part[6], '0')::numeric, 3)::double precision
    );
    RETURN moment - make_interval(
        hours => (coalesce(part[7], '+') || coalesce(part[8], '0'))::integer,
        mins => (coalesce(part[7], '+') || coalesce(part[9], '0'))::integer
    );
END""",
    ),
    "sqlite_json": _Routine(
        "value json",
        "text",
        "sql",
        # Without the space between tokens; what is in strings stays.
        r"""SELECT regexp_replace(value::text, '("(?:[^"\\]|\\.)*")|\s+', '\1', 'g')""",
    ),
    "sqlite_json_quoted": _Routine("value text", "text", "sql", "SELECT to_json(value)::text"),
    "sqlite_json_text": _Routine(
        "value json",
        "text",
        "sql",
        r"""SELECT CASE json_typeof(value)
    WHEN 'null' THEN NULL WHEN 'boolean' THEN (value::text::boolean)::integer::text
    WHEN 'string' THEN value #>> '{}' WHEN 'number' THEN value::text::numeric::text
    ELSE regexp_replace(value::text, '("(?:[^"\\]|\\.)*")|\s+', '\1', 'g') END""",
    ),
    "sqlite_json_type": _Routine(
        "value json",
        "text",
        "sql",
        """SELECT CASE json_typeof(value) WHEN 'string' THEN 'text'
    WHEN 'boolean' THEN value::text
    WHEN 'number' THEN CASE WHEN value::text ~ '^-?[0-9]+$' THEN 'integer' ELSE 'real' END
    ELSE json_typeof(value) END""",
    ),
    "sqlite_json_valid": _Routine(
        "value text",
        "boolean",
        "plpgsql",
        """
BEGIN
    PERFORM value::json;
    RETURN true;
EXCEPTION WHEN data_exception THEN
    RETURN false;
END""",
    ),
}


def planned_routines(schema: str, statements: Iterable[str]) -> tuple[PlannedRoutine, ...]:
    """
    Write the functions that something uses.

    Args:
        schema: The Postgres schema they are made in.
        statements: All SQL that may call them.

    Returns:
        The functions, sorted by name.
    """
    text = "\n".join(statements)
    calls = {name: f"{quoted(schema)}.{quoted(name)}(" for name in sorted(_ROUTINES)}
    return tuple(_planned(schema, name) for name, call in calls.items() if call in text)


def _planned(schema: str, name: str) -> PlannedRoutine:
    routine = _ROUTINES[name]
    head = _HEAD.format(language=routine.language)
    sql = (
        f"CREATE FUNCTION {quoted(schema)}.{quoted(name)}({routine.arguments})"
        f" RETURNS {routine.returns}\n{head}\nAS $${routine.body}$$"
    )
    types = (argument.split(" ", 1)[1] for argument in routine.arguments.split(", "))
    return PlannedRoutine(name, sql, ", ".join(types))
