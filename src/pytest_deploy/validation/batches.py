"""Tables as Great Expectations sees them: each in a session of its own, by its exact name."""

from __future__ import annotations

from contextlib import closing, contextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

from pytest_deploy.errors import DeployError
from pytest_deploy.validation.quiet import new_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_deploy.providers.postgres.base import Connection
    from pytest_deploy.validation.relations import Relation


class Tables:
    """
    Opens tables for threads: one at a time, since what GX has in common is not made for them.

    Args:
        connect: Opens a session. The password stays ours: GX gets sessions, not an address.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._context = new_context()
        self._lock = Lock()
        self._opened: list[Connection] = []
        self._ended = False

    @contextmanager
    def opened(self, relation: Relation) -> Iterator[Any]:
        """
        Open a table.

        Args:
            relation: The table.

        Yields:
            A batch of GX; its session ends with the body.

        Raises:
            InterruptedError: All have ended: nobody waits for an answer any more.
        """
        sessions: list[Connection] = []

        def session() -> Connection:
            if self._ended:
                raise InterruptedError
            sessions.append(self._connect())
            self._opened.append(sessions[-1])
            return sessions[-1]

        try:
            with self._lock:
                batch = _batch(self._context, relation, session, f"table {id(sessions)}")
            yield batch
        finally:
            for one in sessions:
                one.close()
                self._opened.remove(one)

    def end(self) -> None:
        """
        Stop what Postgres does for all of them, and let none begin: a query may take hours.

        To cancel a query is not enough: GX goes on with its next one.
        """
        self._ended = True
        if not self._opened:
            return
        with suppress(DeployError), closing(self._connect()) as connection:
            for session in list(self._opened):
                connection.execute("SELECT pg_terminate_backend(%s)", (session.info.backend_pid,))


def _batch(context: Any, relation: Relation, session: Callable[[], Connection], name: str) -> Any:  # noqa: ANN401
    from sqlalchemy.sql.elements import quoted_name

    source = context.data_sources.add_or_update_sql(
        name,
        connection_string="postgresql+psycopg://",
        kwargs={"creator": session},
        create_temp_table=False,
    )
    asset = source.add_table_asset(
        name,
        table_name=quoted_name(relation.name, quote=True),
        schema_name=quoted_name(relation.schema, quote=True),
    )
    batch = asset.add_batch_definition_whole_table(name).get_batch()
    _tell_names_apart(batch.data.execution_engine.engine.dialect)
    return batch


def _tell_names_apart(dialect: Any) -> None:  # noqa: ANN401 - of SQLAlchemy
    """
    Let a dialect quote each name as it is.

    GX's names of columns equal each other without regard to case, and SQLAlchemy keeps what it has
    quoted: it would write `name`, which its own queries use, for a column `Name`.
    """

    class Exact(type(dialect.identifier_preparer)):  # type: ignore[misc]
        def quote(self, ident: str) -> str:
            forced = getattr(ident, "quote", None) is not None
            return str(super().quote(ident if forced else str(ident)))

    dialect.identifier_preparer = Exact(dialect)
