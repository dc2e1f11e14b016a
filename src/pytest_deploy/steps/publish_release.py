"""The step that puts what was proven in staging in the place of what was there before."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from pytest_deploy.engine.locks import Lock, LockMode
from pytest_deploy.engine.step import Description, Observed
from pytest_deploy.errors import StepError
from pytest_deploy.schema.access import API_ROLES
from pytest_deploy.schema.ddl import programs, relation
from pytest_deploy.schema.identifiers import literal, quoted
from pytest_deploy.steps import former as looking
from pytest_deploy.steps.database import DatabaseStep
from pytest_deploy.steps.undo import Undo
from pytest_deploy.transfer.sequences import sequence_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg

    from pytest_deploy.config.release import ReleaseSettings
    from pytest_deploy.engine.step import Result
    from pytest_deploy.schema.plan import SchemaPlan
    from pytest_deploy.steps.former import Object
    from pytest_deploy.transfer.planning import Prepared

_RUNBOOK = "runbooks/publishing.md"
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.2, 10.0
# By oid, so that a table that somebody made anew under the name is told from ours; and as regclass,
# so that a restored backup knows it again.
_PUBLISHED = """
CREATE TABLE deploy.published (
    object regclass NOT NULL,
    release text NOT NULL,
    PRIMARY KEY (object)
)
"""
_STATE = """
SELECT count(*) FILTER (WHERE c.relnamespace = to_regnamespace(%(schema)s)
                        AND c.relname = ANY(%(names)s)),
       count(*),
       (SELECT count(*) FROM pg_class o
        WHERE o.relnamespace = to_regnamespace(%(schema)s) AND o.relname = ANY(%(names)s)
          AND o.oid NOT IN (SELECT object FROM deploy.published)),
       (SELECT count(*) FROM pg_trigger t JOIN pg_class r ON r.oid = t.tgrelid
        WHERE r.relnamespace = to_regnamespace(%(schema)s) AND NOT t.tgisinternal
          AND (r.relname, t.tgname) IN (SELECT * FROM unnest(%(on)s::text[], %(triggers)s::text[]))
       ),
       to_regnamespace(%(staging)s) IS NOT NULL
FROM deploy.published p LEFT JOIN pg_class c ON c.oid = p.object
WHERE p.release = %(release)s
"""
_GRANTED = """
SELECT a.privilege_type, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END
FROM aclexplode({acl}) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE a.grantee = 0 OR r.rolname = ANY(%(roles)s)
"""
_ACLS = {
    "TABLE": "(SELECT coalesce(relacl, acldefault('r', relowner)) FROM pg_class"
    " WHERE oid = %(object)s::regclass)",
    "SEQUENCE": "(SELECT coalesce(relacl, acldefault('s', relowner)) FROM pg_class"
    " WHERE oid = %(object)s::regclass)",
    "FUNCTION": "(SELECT coalesce(proacl, acldefault('f', proowner)) FROM pg_proc"
    " WHERE oid = %(object)s::regprocedure)",
}


class LockNotHadError(StepError):
    """Other sessions did not let go of a lock in time."""


class PublishRelease(DatabaseStep):
    """
    Moves the release into place in one transaction, and what stood there aside.

    Its way back is written in the same transaction, in `deploy.undo`: it needs neither this process
    nor this configuration.

    Args:
        staged: The plan in its staging schema, with its rows there.
        final: The same plan in the final schema.
        release: The release's id.
        settings: How long it waits for locks, and how often.
        former: The schema that takes what stood there before.
    """

    name = "publish_release"

    def __init__(
        self,
        staged: Prepared,
        final: SchemaPlan,
        release: str,
        settings: ReleaseSettings,
        *,
        former: str,
    ) -> None:
        super().__init__(staged, release)
        self._final, self._settings, self._former = final, settings, former
        self.attempts = 0

    def describe(self) -> Description:
        """See `Step`."""
        return Description(
            does=f"moves the tables from {self.plan.schema} to {self._final.schema} in one"
            " transaction, what stood there aside, and makes views and triggers; nobody may use"
            " them through the API yet",
            way_back=f"moves them back to {self.plan.schema}, and what stood there into its place"
            " with its rights, policies and triggers",
            locks=(
                Lock(LockMode.ACCESS_EXCLUSIVE, "each table of the app, new and former"),
                Lock(LockMode.SHARE_ROW_EXCLUSIVE, "each table that gets a trigger"),
            ),
            stops_for=f"whatever else relies on the former tables: see {_RUNBOOK}",
        )

    def complete(self) -> None:
        """Give up the former tables: there is no way back any more."""

        def drop(connection: psycopg.Connection) -> Result:
            self._limit(connection)
            looking.give_up(connection, self._former)
            Undo(connection, self._release, self.name).forget()
            return {}

        self._in_transaction("completed", drop)

    @property
    def _relations(self) -> tuple[str, ...]:
        final = self._final
        return (*(table.name for table in final.tables), *(view.name for view in final.views))

    def _observe(self, connection: psycopg.Connection) -> Observed:
        if not _is_there(connection, "deploy.published"):
            return Observed.NOTHING
        final, triggers = self._final, self._final.triggers
        asked = {
            "schema": quoted(final.schema),
            "staging": quoted(self.plan.schema),
            "release": self._release,
            "names": list(self._relations),
            "on": [one.relation for one in triggers],
            "triggers": [one.name for one in triggers],
        }
        row = connection.execute(_STATE, asked).fetchone()
        ours, published, foreign, running, staging = row or (0, 0, 0, 0, False)
        if not published:
            return Observed.NOTHING
        if foreign:
            return Observed.OTHER
        whole = ours == len(self._relations) and running == len(triggers) and not staging
        return Observed.DONE if whole else Observed.HALF

    def _apply(self, connection: psycopg.Connection) -> Result:
        self._limit(connection)
        old = looking.of_the_plans_names(connection, self._final)
        schema = self._final.schema
        looking.refuse(
            looking.dependents(connection, old), "relies on what would be moved aside", schema
        )
        looking.refuse(
            looking.in_the_way(connection, self.plan, self._final, old),
            "has the name of something of the app, and is not a part of what would be moved aside",
            schema,
        )
        self._lock(connection, old)
        undo = Undo(connection, self._release, self.name)
        undo.begin()
        if not _is_there(connection, "deploy.published"):
            undo.do(_PUBLISHED, "DROP TABLE IF EXISTS deploy.published")
        self._move_aside(undo, old)
        self._move_in(undo)
        for statement, back in self._programs():
            undo.do(statement, back)
        self._close(connection, undo)
        self._note(connection, undo)
        return {
            "tables": len(self._final.tables),
            "views": len(self._final.views),
            "triggers": len(self._final.triggers),
            "former": len(old),
            "attempts": self.attempts,
        }

    def _compensate(self, connection: psycopg.Connection) -> None:
        self._limit(connection)
        Undo(connection, self._release, self.name).run()

    def _limit(self, connection: psycopg.Connection) -> None:
        limit = int(self._settings.lock_timeout_s * 1000)
        connection.execute(f"SET LOCAL lock_timeout = {limit}".encode())

    def _lock(self, connection: psycopg.Connection, old: tuple[Object, ...]) -> None:
        """Ask for every lock at once: who holds none lets others by while it waits."""
        schema = quoted(self._final.schema)
        listed = [f"{schema}.{one.name}" for one in old if one.altered == "TABLE"] + [
            relation(self.plan, table.name) for table in self.plan.tables
        ]
        statement = f"LOCK TABLE {', '.join(listed)} IN ACCESS EXCLUSIVE MODE"
        connection.execute(statement.encode())

    def _move_aside(self, undo: Undo, old: tuple[Object, ...]) -> None:
        if not old:
            return
        schema, former = self._final.schema, self._former
        undo.do(f"CREATE SCHEMA {quoted(former)}", f"DROP SCHEMA IF EXISTS {quoted(former)}")
        undo.do(f"REVOKE ALL ON SCHEMA {quoted(former)} FROM PUBLIC")
        for one in old:
            undo.do(one.moved(schema, former), one.moved(former, schema))

    def _move_in(self, undo: Undo) -> None:
        staging, final = self.plan.schema, self._final.schema
        # An empty database has its public; another schema is made.
        for table in self.plan.tables:
            one = looking.Object(0, quoted(table.name), "TABLE")
            undo.do(one.moved(staging, final), one.moved(final, staging))
        for before, after in zip(self.plan.routines, self._final.routines, strict=True):
            one = looking.Object(0, f"{quoted(before.name)}({before.arguments})", "FUNCTION")
            undo.do(one.moved(staging, final), _anew(before.sql), one.moved(final, staging))
            undo.do(_anew(after.sql))  # its text may name the schema
        undo.do(f"DROP SCHEMA {quoted(staging)}", f"CREATE SCHEMA {quoted(staging)}")

    def _programs(self) -> Iterator[tuple[str, str]]:
        final = self._final
        on = {one.name: one.relation for one in final.triggers}
        for one in programs(final):
            name = relation(final, one.object)
            if one.kind == "view":
                yield one.sql, f"DROP VIEW IF EXISTS {name}"
            elif one.kind == "function":
                yield one.sql, f"DROP FUNCTION IF EXISTS {name}()"
            else:
                where = relation(final, on[one.object])
                yield one.sql, f"DROP TRIGGER IF EXISTS {quoted(one.object)} ON {where}"

    def _close(self, connection: psycopg.Connection, undo: Undo) -> None:
        """Deny by default: whatever rights the target gives to what is new are taken away."""
        for kind, name in self._objects(connection):
            acl = _GRANTED.format(acl=_ACLS[kind])
            asked = {"object": name, "roles": list(API_ROLES)}
            for privilege, role in connection.execute(acl.encode(), asked).fetchall():
                undo.do(
                    f"REVOKE {privilege} ON {kind} {name} FROM {role}",
                    f"GRANT {privilege} ON {kind} {name} TO {role}",
                )
        for table in self._final.tables:
            name = relation(self._final, table.name)
            undo.do(
                f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
                f"ALTER TABLE IF EXISTS {name} DISABLE ROW LEVEL SECURITY",
            )

    def _objects(self, connection: psycopg.Connection) -> Iterator[tuple[str, str]]:
        final = self._final
        for name in self._relations:
            yield "TABLE", relation(final, name)
        for table in final.tables:
            if table.identity is not None:
                yield "SEQUENCE", sequence_of(connection, final, table)
        for routine in (*final.routines, *(one.function for one in final.triggers)):
            yield "FUNCTION", f"{relation(final, routine.name)}({routine.arguments})"

    def _note(self, connection: psycopg.Connection, undo: Undo) -> None:
        undo.note(f"DELETE FROM deploy.published WHERE release = {literal(self._release)}")
        for name in self._relations:
            connection.execute(
                "INSERT INTO deploy.published (object, release) VALUES (%s::regclass, %s)",
                (relation(self._final, name), self._release),
            )
        for table in ("published", "undo"):
            for role in ("PUBLIC", *_existing(connection)):
                connection.execute(f"REVOKE ALL ON deploy.{table} FROM {role}".encode())

    def _in_transaction(self, state: str, change: Callable[[psycopg.Connection], Result]) -> Result:
        """Try again where a lock was not had: each attempt is a transaction of its own."""
        attempts = self._settings.lock_attempts
        for self.attempts in range(1, attempts + 1):
            try:
                return super()._in_transaction(state, change)
            except LockNotHadError:
                if self.attempts == attempts:
                    raise
            wait = min(_FIRST_WAIT_S * 2 ** (self.attempts - 1), _LONGEST_WAIT_S)
            time.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
        raise AssertionError  # at least one attempt is made

    def _failed(self, error: psycopg.Error) -> StepError:
        if error.sqlstate not in ("55P03", "40P01"):
            return super()._failed(error)
        settings = self._settings
        return LockNotHadError(
            f"step {self.name!r}",
            problem=f"expected every lock within {settings.lock_timeout_s:g} s, other sessions"
            f" kept one of them (attempt {self.attempts} of {settings.lock_attempts})",
            where="deploy.toml, [release] lock_timeout_s and lock_attempts",
            remedy=f"end what works on these tables, or wait, then run again; see {_RUNBOOK}",
        )


def _anew(sql: str) -> str:
    if sql.lstrip().startswith("CREATE FUNCTION"):
        return sql.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
    return sql


def _existing(connection: psycopg.Connection) -> list[str]:
    found = connection.execute(
        "SELECT quote_ident(rolname) FROM pg_roles WHERE rolname = ANY(%s)", (list(API_ROLES),)
    )
    return [str(row[0]) for row in found.fetchall()]


def _is_there(connection: psycopg.Connection, name: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (name,)).fetchone()
    return bool(row and row[0])
