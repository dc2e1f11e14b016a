"""Is what the API reaches guarded: row level security, rights as stated, programs that are safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Verdict
from pytest_deploy.schema.access import API_ROLES, columns_of, stated_rights
from pytest_deploy.schema.ddl import relation
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.schema.policies import DEFINITION, policies_of
from pytest_deploy.transfer.sequences import sequence_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from pytest_deploy.config.release import AccessSettings
    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.schema.plan import SchemaPlan

EXPOSED = ("public",)
_REMEDY = "see runbooks/access.md"
_ROLES = ("public", *API_ROLES)
_BY_COLUMN = ("select", "insert", "update", "references")
_BY_TABLE = ("delete", "truncate", "trigger")
_GUARDED = """
SELECT n.nspname || '.' || c.relname, c.relrowsecurity
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%(schemas)s) AND c.relkind IN ('r', 'p') ORDER BY 1
"""
_COLUMNS = """
SELECT role, operation, a.attname
FROM unnest(%(roles)s::text[]) role, unnest(%(operations)s::text[]) operation, pg_attribute a
WHERE a.attrelid = %(relation)s::regclass AND a.attnum > 0 AND NOT a.attisdropped
  AND has_column_privilege(role, a.attrelid, a.attnum, operation)
"""
_WHOLE = """
SELECT role, operation
FROM unnest(%(roles)s::text[]) role, unnest(%(operations)s::text[]) operation
WHERE has_table_privilege(role, %(relation)s, operation)
"""
_ON_SEQUENCE = """
SELECT role, operation
FROM unnest(%(roles)s::text[]) role, unnest('{usage,select,update}'::text[]) operation
WHERE has_sequence_privilege(role, %(relation)s, operation)
"""
_MADE = """
SELECT p.polname, c.relname, n.policy IS NOT NULL, n.definition = {definition}
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
LEFT JOIN {noted} n ON n.relation = p.polrelid AND n.policy = p.polname
WHERE c.relnamespace = to_regnamespace(%(schema)s) AND c.relname = ANY(%(tables)s)
   OR c.oid = to_regclass('storage.objects') AND p.polname = ANY(%(objects)s) ORDER BY 1, 2
"""
_NOTED = "deploy.policies"
_NO_NOTES = "(SELECT NULL::regclass AS relation, NULL AS policy, NULL AS definition)"
_EXTENSION = """
EXISTS (SELECT FROM pg_depend d WHERE d.objid = {oid} AND d.classid = '{catalog}'::regclass
        AND d.deptype = 'e')
"""
_VIEWS = f"""
SELECT n.nspname || '.' || c.relname, c.relkind::text,
       coalesce(lower((SELECT option_value FROM pg_options_to_table(c.reloptions)
                       WHERE option_name = 'security_invoker')), 'off') IN ('on', 'true', '1')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%(schemas)s) AND c.relkind IN ('v', 'm', 'f')
  AND NOT {_EXTENSION.format(oid="c.oid", catalog="pg_class")}
ORDER BY 1
"""
_FUNCTIONS = f"""
SELECT format('%%s.%%s(%%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
       p.prosecdef, n.nspname = ANY(%(schemas)s),
       EXISTS (SELECT FROM unnest(p.proconfig) one WHERE one LIKE 'search_path=%%'),
       ARRAY(SELECT role FROM unnest(%(roles)s::text[]) role
             WHERE has_function_privilege(role, p.oid, 'EXECUTE'))
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE (n.nspname = ANY(%(schemas)s) OR p.oid IN (
    SELECT d.refobjid FROM pg_depend d JOIN pg_policy o ON o.oid = d.objid
    WHERE d.classid = 'pg_policy'::regclass AND d.refclassid = 'pg_proc'::regclass))
  AND n.nspname NOT IN ('pg_catalog', 'auth', 'storage', 'extensions')
  AND NOT {_EXTENSION.format(oid="p.oid", catalog="pg_proc")}
ORDER BY 1
"""
_EXTENSIONS = """
SELECT e.extname, n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE n.nspname = ANY(%(schemas)s) ORDER BY 1
"""


def tables_are_guarded(target: Target, schemas: tuple[str, ...] = EXPOSED) -> Verdict:
    """
    Look for tables without row level security where the API reaches them.

    Args:
        target: The database.
        schemas: Those that the API exposes.

    Returns:
        One problem for each, whoever made it.
    """
    with target.connect() as connection:
        tables = connection.execute(_GUARDED, {"schemas": list(schemas)}).fetchall()
    open_ones = tuple(
        f"table {name}: expected row level security, it is off" for name, on in tables if not on
    )
    return Verdict(len(tables), "tables", open_ones, remedy=_REMEDY)


def grants_are_as_stated(plan: SchemaPlan, target: Target, access: AccessSettings) -> Verdict:
    """
    Compare what each role may do with what is stated: table by table, operation by operation.

    Args:
        plan: The plan in its final schema.
        target: The database.
        access: `[access]`.

    Returns:
        One problem for each right or policy too few or too many.
    """
    wanted = _wanted(plan, access)
    with target.connect() as connection:
        missing = _missing_relations(connection, plan)
        if missing:
            problems = [f"{name}: expected it, it is not there" for name in missing]
            return Verdict(len(wanted), "rights", tuple(problems), remedy=_REMEDY)
        found = set(_found(connection, plan))
        examined = _examined(plan)
        problems = list(_told(wanted, found))
        problems += _sequences(connection, plan, access)
        problems += _policies(connection, plan, access)
    measured = {"stated": len(wanted), "found": len(found)}
    return Verdict(examined, "rights", tuple(problems), measured, remedy=_REMEDY)


def programs_are_safe(target: Target, schemas: tuple[str, ...] = EXPOSED) -> Verdict:
    """
    Look for views and functions that show or do more than their caller may.

    Args:
        target: The database.
        schemas: Those that the API exposes.

    Returns:
        One problem for each; a schema without any program was looked at nevertheless.
    """
    asked = {"schemas": list(schemas), "roles": list(_ROLES)}
    with target.connect() as connection:
        views = connection.execute(_VIEWS, asked).fetchall()
        functions = connection.execute(_FUNCTIONS, asked).fetchall()
        extensions = connection.execute(_EXTENSIONS, asked).fetchall()
    problems = [*_unsafe_views(views), *_unsafe_functions(functions)]
    problems += [
        f"extension {name}: its functions are in {schema}, which the API exposes"
        for name, schema in extensions
    ]
    return Verdict(
        examined=len(schemas) + len(views) + len(functions) + len(extensions),
        unit="schemas and programs",
        problems=tuple(problems),
        measured={"views": len(views), "functions": len(functions)},
        remedy=_REMEDY,
    )


def _unsafe_views(views: list[tuple[str, str, bool]]) -> Iterator[str]:
    for name, kind, invoker in views:
        if kind == "v" and not invoker:
            yield f"view {name}: expected security_invoker, it shows what its owner may see"
        elif kind != "v":
            what = "materialized view" if kind == "m" else "foreign table"
            yield f"{what} {name}: row level security knows nothing of it"


def _unsafe_functions(functions: list[tuple[str, bool, bool, bool, list[str]]]) -> Iterator[str]:
    for name, definer, exposed, bound, roles in functions:
        if not bound:
            yield f"function {name}: expected SET search_path, it finds what its caller puts there"
        if definer and exposed and roles:
            yield f"function {name}: SECURITY DEFINER, and {', '.join(roles)} may call it"


def _relations(plan: SchemaPlan) -> dict[str, tuple[str, ...]]:
    found = {table.name: columns_of(table) for table in plan.tables}
    return found | {view.name: tuple(c.name for c in view.columns) for view in plan.views}


def _wanted(plan: SchemaPlan, access: AccessSettings) -> set[tuple[str, str, str, str]]:
    columns, found = _relations(plan), set()
    for right in stated_rights(plan, access):
        on: tuple[str, ...] = ("",)
        if right.operation in _BY_COLUMN:
            on = columns[right.relation] if right.columns is None else right.columns
        found |= {(right.role, right.relation, right.operation, one) for one in on}
    return found


def _missing_relations(connection: psycopg.Connection, plan: SchemaPlan) -> list[str]:
    names = [relation(plan, name) for name in _relations(plan)]
    rows = connection.execute(
        "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NULL", (names,)
    )
    return [row[0] for row in rows.fetchall()]


def _found(connection: psycopg.Connection, plan: SchemaPlan) -> Iterator[tuple[str, str, str, str]]:
    for name in _relations(plan):
        asked = {"roles": list(_ROLES), "relation": relation(plan, name)}
        rows = connection.execute(_COLUMNS, asked | {"operations": list(_BY_COLUMN)})
        yield from ((role, name, op, column) for role, op, column in rows.fetchall())
        rows = connection.execute(_WHOLE, asked | {"operations": list(_BY_TABLE)})
        yield from ((role, name, op, "") for role, op in rows.fetchall())


def _examined(plan: SchemaPlan) -> int:
    per = (
        (len(columns) * len(_BY_COLUMN)) + len(_BY_TABLE) for columns in _relations(plan).values()
    )
    return len(_ROLES) * sum(per)


def _told(
    wanted: set[tuple[str, str, str, str]], found: set[tuple[str, str, str, str]]
) -> Iterator[str]:
    """Tell one line for each role, relation and operation, however many columns it is about."""
    for rights, what in ((wanted - found, "missing"), (found - wanted, "not stated")):
        columns: dict[tuple[str, str, str], list[str]] = {}
        for role, name, operation, column in sorted(rights):
            columns.setdefault((role, name, operation), []).append(column)
        for (role, name, operation), some in columns.items():
            listed = f" ({', '.join(some)})" if any(some) else ""
            yield f"{role} {operation} on {name}{listed}: {what}"


def _sequences(
    connection: psycopg.Connection,
    plan: SchemaPlan,
    access: AccessSettings,
) -> Iterator[str]:
    rights = stated_rights(plan, access)
    for table in plan.tables:
        if table.identity is None:
            continue
        on = sequence_of(connection, plan, table)
        asked = {"roles": list(_ROLES), "relation": on}
        found = set(connection.execute(_ON_SEQUENCE, asked).fetchall())
        wanted = {
            (one.role, "usage")
            for one in rights
            if one.relation == table.name and one.operation == "insert"
        }
        for role, operation in sorted(wanted - found):
            yield f"{role} {operation} on sequence {on}: missing"
        for role, operation in sorted(found - wanted):
            yield f"{role} {operation} on sequence {on}: not stated"


def _policies(
    connection: psycopg.Connection, plan: SchemaPlan, access: AccessSettings
) -> Iterator[str]:
    # Expressions are written as the search path wants them: as it was when they were noted.
    connection.execute("SET LOCAL search_path = ''")
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (_NOTED,)).fetchone()
    is_noted = bool(row and row[0])
    made = _MADE.format(definition=DEFINITION, noted=_NOTED if is_noted else _NO_NOTES)
    named = {one.policy for one in policies_of(access)} - {""}
    asked = {
        "schema": quoted(plan.schema),
        "tables": [table.name for table in plan.tables],
        "objects": sorted(named),  # those of others there are about buckets of others
    }
    found = connection.execute(made.encode(), asked).fetchall()
    there = {policy for policy, *_ in found}
    for name in sorted(named - there):
        yield f"policy {name}: missing"
    for name, table, known, same in found:
        if not known:
            yield f"policy {name} on {table}: not made by the release"
        elif not same:
            yield f"policy {name} on {table}: another one than the release has made"
