"""All that a deployment may change, so that two moments can be compared to the last byte."""

import hashlib
import json
import re

from pytest_deploy.providers.supabase import storage

# Of a row: what another run of the same would have, too, but with other bytes.
_VOLATILE = (
    *("created_at", "updated_at", "last_accessed_at", "version", "at", "began_at", "changed_at"),
    *("host", "confirmed_at", "email_confirmed_at", "last_sign_in_at"),
)
_IDENTITIES = {  # made anew each time, and referred to by nothing
    *("deploy.undo", "deploy.journal", "deploy.configuration", "deploy.policies"),
    *("storage.objects", "auth.identities"),
}
_MOMENT = re.compile(r"20\d\d-\d\d-\d\dT[\d:.]+Z")  # within what Storage notes of an object
_RELATIONS = """
SELECT n.nspname || '.' || c.relname, quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND n.nspname || '.' || c.relname NOT IN
      ('deploy.lease', 'deploy.journal', 'deploy.audit', 'auth.audit_log_entries', 'auth.schema_migrations')
ORDER BY 1
"""
_CATALOGUE = {
    "relations": """
        SELECT n.nspname, c.relname, c.relkind::text, c.relacl::text, c.relrowsecurity,
               pg_get_viewdef(c.oid)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'v', 'S', 'i') AND n.nspname !~ '^pg_'
          AND n.nspname <> 'information_schema' AND c.relname !~ '^lease'
        ORDER BY 1, 2""",
    "schemas": "SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1",
    "columns": """
        SELECT table_schema, table_name, column_name, data_type, is_nullable, column_default,
               ordinal_position
        FROM information_schema.columns
        WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_name <> 'lease'
        ORDER BY 1, 2, 3""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated
        FROM pg_constraint WHERE conrelid <> 0 AND conrelid::regclass::text !~ 'lease'
        ORDER BY 1, 2""",
    "indexes": """
        SELECT schemaname, tablename, indexdef FROM pg_indexes
        WHERE schemaname <> 'pg_catalog' AND tablename <> 'lease' ORDER BY 1, 2, 3""",
    "policies": "SELECT * FROM pg_policies ORDER BY schemaname, tablename, policyname",
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger
        WHERE NOT tgisinternal ORDER BY 1, 2""",
    "functions": """
        SELECT p.oid::regprocedure::text, p.proacl::text, p.prosrc FROM pg_proc p
        JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1""",
    "sequences": """
        SELECT schemaname, sequencename, last_value FROM pg_sequences
        WHERE schemaname NOT IN ('deploy', 'auth') ORDER BY 1, 2""",
}


def standing(project, app):
    """
    Look at everything; a release's id is written R, wherever it stands.

    Returns:
        By name, what stands there: rows and catalogue of the database, objects of Storage by
        their content, the app's own files.
    """
    with project.database.connect() as connection:
        release = _release(connection)
        found = {
            f"rows of {name}": _rows(connection, name, relation, release)
            for name, relation in connection.execute(_RELATIONS).fetchall()
        }
        for what, query in _CATALOGUE.items():
            rows = connection.execute(query).fetchall()
            found[what] = sorted(repr(row).replace(release, "R") for row in rows)
    found["objects"] = _objects(project)
    for name in ("app.env", "FROZEN"):
        path = app.folder / name
        text = path.read_text() if path.exists() else None
        found[name] = text and text.replace(release, "R")
    found["files"] = sorted(
        str(path.relative_to(app.folder))
        for path in app.folder.rglob("*")
        if not {".git", ".deploy", "__pycache__", ".pytest_cache"} & set(path.parts)
    )
    return found


def unlike(before, after):
    """Tell what is another one in two moments, with a line of each that shows it."""
    told = []
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name), after.get(name)
        if one != other:
            lines = [set(side) if isinstance(side, list) else {repr(side)} for side in (one, other)]
            told.append((name, sorted(lines[0] - lines[1])[:3], sorted(lines[1] - lines[0])[:3]))
    return told


def drop_what_is_kept_of_undone(project):
    """Drop what `release undo` keeps for people; give its schemas."""
    with project.database.connect() as connection:
        rows = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'deploy_undone_')"
        ).fetchall()
        for (schema,) in rows:
            connection.execute(f'DROP SCHEMA "{schema}" CASCADE')
    return [schema for (schema,) in rows]


def _release(connection):
    if not connection.execute("SELECT to_regclass('deploy.releases')").fetchone()[0]:
        return "no release"
    row = connection.execute(
        "SELECT id FROM deploy.releases WHERE state <> 'undone' ORDER BY began_at DESC LIMIT 1"
    ).fetchone()
    return row[0] if row else "no release"


def _rows(connection, name, relation, release):
    rows = connection.execute(f"SELECT to_jsonb(t) FROM {relation} AS t").fetchall()
    told = []
    for (row,) in rows:
        for key in (*_VOLATILE, *(["id"] if name in _IDENTITIES else [])):
            row.pop(key, None)
        told.append(_MOMENT.sub("T", json.dumps(row, sort_keys=True).replace(release, "R")))
    return sorted(told)


def _objects(project):
    with project.database.connect() as connection:
        listed = connection.execute("SELECT bucket_id, name FROM storage.objects").fetchall()
    with storage.opened(project, 1) as there:
        return sorted(
            (
                bucket,
                hashlib.sha256(name.encode()).hexdigest()[:8],
                there.fetch(bucket, name).sha256,
            )
            for bucket, name in listed
        )
