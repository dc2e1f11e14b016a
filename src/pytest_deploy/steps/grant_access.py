"""The step that opens what is published to the API's roles, exactly as far as [access] says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.engine.locks import Lock, LockMode
from pytest_deploy.engine.step import Description, Observed
from pytest_deploy.errors import StepError
from pytest_deploy.recovery.content import policy_of_storage
from pytest_deploy.schema.access import API_ROLES, stated_rights
from pytest_deploy.schema.ddl import relation
from pytest_deploy.schema.identifiers import literal, quoted, quoted_list
from pytest_deploy.schema.policies import DEFINITION, OBJECTS, policies_of
from pytest_deploy.steps.database import TargetStep, seen
from pytest_deploy.steps.undo import Undo
from pytest_deploy.transfer.sequences import sequence_of

if TYPE_CHECKING:
    import psycopg

    from pytest_deploy.config.release import AccessSettings
    from pytest_deploy.engine.step import Result
    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.schema.access import Right
    from pytest_deploy.schema.plan import SchemaPlan
    from pytest_deploy.schema.policies import PolicyStatement

_RUNBOOK = "runbooks/access.md"
_POLICIES = """
SELECT p.oid::bigint, p.polname, n.nspname, c.relname
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
"""
_FUNCTIONS = """
SELECT p.oid::bigint, format('%%I.%%I(%%s)', n.nspname, p.proname,
       pg_get_function_identity_arguments(p.oid)), pg_get_functiondef(p.oid)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = ANY(%(schemas)s) AND p.prokind = 'f'
"""
# As Postgres has understood them: a policy that is altered later has another definition.
_NOTED = """
CREATE TABLE deploy.policies (
    relation regclass NOT NULL,
    policy text NOT NULL,
    definition text NOT NULL,
    PRIMARY KEY (relation, policy)
)
"""
_HAS_FORMER = """
SELECT to_regclass('deploy.policies') IS NOT NULL AND to_regclass('storage.objects') IS NOT NULL
"""
_FORMER = """
SELECT policy, definition FROM deploy.policies
WHERE relation = to_regclass('storage.objects') ORDER BY 1
"""
_NOTE = f"""
INSERT INTO deploy.policies (relation, policy, definition)
SELECT p.polrelid, p.polname, {DEFINITION} FROM pg_policy p
WHERE p.oid = ANY(%s::oid[]) ON CONFLICT (relation, policy) DO UPDATE
SET definition = excluded.definition
"""
_MAY = """
SELECT CASE WHEN %(operation)s = 'delete'
       THEN has_table_privilege(%(role)s, %(relation)s, 'DELETE')
       ELSE has_any_column_privilege(%(role)s, %(relation)s, %(operation)s) END
"""


class GrantAccess(TargetStep):
    """
    Grants what is stated, role by role and table by table, and makes the policies.

    Args:
        final: The plan in its final schema.
        target: The database.
        release: The release's id.
        access: `[access]`.
    """

    name = "grant_access"

    def __init__(
        self,
        final: SchemaPlan,
        target: Target,
        release: str,
        access: AccessSettings,
    ) -> None:
        super().__init__(target, release)
        self.plan, self.access = final, access

    def describe(self) -> Description:
        """See `Step`."""
        return Description(
            does="grants the API's roles what [access] states, and makes the policies of its file",
            way_back="takes these rights and policies away again",
            locks=(Lock(LockMode.ACCESS_EXCLUSIVE, "each table that gets a policy"),),
            stops_for=f"a policies file that holds anything else: see {_RUNBOOK}",
        )

    def complete(self) -> None:
        """Give up the way back."""

        def forget(connection: psycopg.Connection) -> Result:
            Undo(connection, self._release, self.name).forget()
            return {}

        self._in_transaction("completed", forget)

    @property
    def _rights(self) -> tuple[Right, ...]:
        return stated_rights(self.plan, self.access)

    @property
    def _statements(self) -> tuple[PolicyStatement, ...]:
        return policies_of(self.access)

    def _observe(self, connection: psycopg.Connection) -> Observed:
        names = [relation(self.plan, right.relation) for right in self._rights]
        there = connection.execute(
            "SELECT bool_and(to_regclass(name) IS NOT NULL) FROM unnest(%s::text[]) AS name",
            (names,),
        ).fetchone()
        if not (there and there[0]):
            return Observed.NOTHING
        present = sum(self._may(connection, right) for right in self._rights)
        # Those on objects may be a former release's: they come and go with the others.
        policies = {one.policy for one in self._statements if one.policy and not one.on_objects}
        found = connection.execute(_POLICIES).fetchall()
        made = {name for _, name, schema, _ in found if schema == self.plan.schema}
        return seen(present + len(policies & made), len(self._rights) + len(policies))

    def _may(self, connection: psycopg.Connection, right: Right) -> bool:
        asked = {
            "role": right.role,
            "relation": relation(self.plan, right.relation),
            "operation": right.operation,
        }
        row = connection.execute(_MAY, asked).fetchone()
        return bool(row and row[0])

    def _apply(self, connection: psycopg.Connection) -> Result:
        rights, statements = self._rights, self._statements
        connection.execute("SET LOCAL lock_timeout = '5s'")
        undo = Undo(connection, self._release, self.name)
        undo.begin()
        self._let_in(connection, undo)
        for right in rights:
            on, columns = f"TABLE {relation(self.plan, right.relation)}", ""
            if right.columns is not None:
                columns = f" ({quoted_list(right.columns)})"
            what = f"{right.operation.upper()}{columns} ON {on}"
            undo.do(f"GRANT {what} TO {right.role}", f"REVOKE {what} FROM {right.role}")
        self._open_sequences(connection, undo, rights)
        self._open_routines(undo)
        self._replace_former(connection, undo)
        policies = self._make_policies(connection, undo, statements)
        return {"rights": len(rights), "policies": policies}

    def _compensate(self, connection: psycopg.Connection) -> None:
        connection.execute("SET LOCAL lock_timeout = '5s'")
        Undo(connection, self._release, self.name).run()

    def _let_in(self, connection: psycopg.Connection, undo: Undo) -> None:
        on = f"USAGE ON SCHEMA {quoted(self.plan.schema)}"
        for role in API_ROLES:
            row = connection.execute(
                "SELECT has_schema_privilege(%s, %s, 'USAGE')", (role, self.plan.schema)
            ).fetchone()
            if not (row and row[0]):
                undo.do(f"GRANT {on} TO {role}", f"REVOKE {on} FROM {role}")

    def _open_sequences(
        self, connection: psycopg.Connection, undo: Undo, rights: tuple[Right, ...]
    ) -> None:
        tables = {table.name: table for table in self.plan.tables if table.identity is not None}
        for right in rights:
            if right.operation == "insert" and right.relation in tables:
                name = sequence_of(connection, self.plan, tables[right.relation])
                on = f"USAGE ON SEQUENCE {name}"
                undo.do(f"GRANT {on} TO {right.role}", f"REVOKE {on} FROM {right.role}")

    def _open_routines(self, undo: Undo) -> None:
        """Let defaults, checks and views use their functions: those read no table."""
        for routine in self.plan.routines:
            on = f"EXECUTE ON FUNCTION {relation(self.plan, routine.name)}({routine.arguments})"
            for role in API_ROLES:
                undo.do(f"GRANT {on} TO {role}", f"REVOKE {on} FROM {role}")

    @staticmethod
    def _replace_former(connection: psycopg.Connection, undo: Undo) -> None:
        """Take away what a former release lets people do with objects, which do not move aside."""
        row = connection.execute(_HAS_FORMER).fetchone()
        if not (row and row[0]):
            return
        for name, noted in connection.execute(_FORMER).fetchall():
            anew = policy_of_storage(connection, name)
            if anew is None:
                continue
            told = f"definition = {literal(noted)} WHERE relation = 'storage.objects'::regclass"
            undo.do(
                f"DROP POLICY {quoted(name)} ON storage.objects",
                anew,
                f"UPDATE deploy.policies SET {told} AND policy = {literal(name)}",
            )

    def _make_policies(
        self, connection: psycopg.Connection, undo: Undo, statements: tuple[PolicyStatement, ...]
    ) -> int:
        schemas = sorted({one.schema for one in statements if one.schema})
        for schema in schemas:
            self._make_schema(connection, undo, schema)
        asked = {"schemas": schemas}
        functions = {o: (n, d) for o, n, d in connection.execute(_FUNCTIONS, asked).fetchall()}
        policies = {row[0] for row in connection.execute(_POLICIES).fetchall()}
        connection.execute(f"SET LOCAL search_path = {quoted(self.plan.schema)}".encode())
        for one in statements:
            connection.execute(one.sql.encode())
            # What a statement made is closed before the next one opens it.
            for oid, name, text in connection.execute(_FUNCTIONS, asked).fetchall():
                self._note_function(connection, undo, functions.get(oid), (name, text))
                functions[oid] = (name, text)
        connection.execute("SET LOCAL search_path = ''")
        made = [r for r in connection.execute(_POLICIES).fetchall() if r[0] not in policies]
        guarded = {(self.plan.schema, table.name) for table in self.plan.tables} | {OBJECTS}
        for _, name, schema, table in made:
            if (schema, table) not in guarded:
                raise self._not_ours(f"{schema}.{table}")
            on = f"{quoted(schema)}.{quoted(table)}"
            undo.note(f"DROP POLICY IF EXISTS {quoted(name)} ON {on}")
        self._note_policies(connection, undo, [row[0] for row in made])
        return len(made)

    @staticmethod
    def _note_policies(connection: psycopg.Connection, undo: Undo, made: list[int]) -> None:
        row = connection.execute("SELECT to_regclass('deploy.policies') IS NULL").fetchone()
        if row and row[0]:
            undo.do(_NOTED, "DROP TABLE IF EXISTS deploy.policies")
        connection.execute(_NOTE.encode(), (made,))

    @staticmethod
    def _note_function(
        connection: psycopg.Connection,
        undo: Undo,
        before: tuple[str, str] | None,
        after: tuple[str, str],
    ) -> None:
        if before is None:
            undo.note(f"DROP FUNCTION IF EXISTS {after[0]}")
            connection.execute(f"REVOKE ALL ON FUNCTION {after[0]} FROM PUBLIC".encode())
        elif before != after:
            undo.note(before[1])

    @staticmethod
    def _make_schema(connection: psycopg.Connection, undo: Undo, schema: str) -> None:
        row = connection.execute("SELECT to_regnamespace(%s) IS NULL", (quoted(schema),)).fetchone()
        if row and row[0]:
            name = quoted(schema)
            undo.do(f"CREATE SCHEMA {name}", f"DROP SCHEMA IF EXISTS {name}")
            undo.do(f"REVOKE ALL ON SCHEMA {name} FROM PUBLIC")

    def _not_ours(self, table: str) -> StepError:
        return StepError(
            f"step {self.name!r}",
            problem=f"expected policies on tables of the app, seen one on {table}",
            where="deploy.toml, [access] policies",
            remedy=f"take it out of the file; see {_RUNBOOK}",
        )
