"""Tables as Great Expectations sees them: each in a session of its own, by its exact name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_deploy.validation.quiet import new_context

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_deploy.providers.postgres.base import Connection
    from pytest_deploy.validation.relations import Relation


def open_batches(
    relations: Sequence[Relation], connect: Callable[[], Connection], sessions: list[Connection]
) -> list[Any]:
    """
    Open tables, one after the other: what GX has in common is not made for threads.

    Args:
        relations: The tables.
        connect: Opens a session. The password stays ours: GX gets sessions, not an address.
        sessions: Takes the sessions, which the caller closes.

    Returns:
        A batch of GX for each, which may be validated in a thread of its own.
    """

    def session() -> Connection:
        sessions.append(connect())
        return sessions[-1]

    context = new_context()
    return [_batch(context, number, one, session) for number, one in enumerate(relations)]


def _batch(context: Any, number: int, relation: Relation, session: Callable[[], Connection]) -> Any:  # noqa: ANN401
    from sqlalchemy.sql.elements import quoted_name

    source = context.data_sources.add_sql(
        f"session {number}",
        connection_string="postgresql+psycopg://",
        kwargs={"creator": session},
        create_temp_table=False,
    )
    asset = source.add_table_asset(
        f"table {number}",
        table_name=quoted_name(relation.name, quote=True),
        schema_name=quoted_name(relation.schema, quote=True),
    )
    batch = asset.add_batch_definition_whole_table("whole").get_batch()
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
