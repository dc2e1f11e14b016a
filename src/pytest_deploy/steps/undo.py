"""The way back of a step, written down in the target with the change itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

# In the target, so that it outlives a crash of ours and an edited configuration.
_CREATE = """
CREATE TABLE IF NOT EXISTS deploy.undo (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release text NOT NULL,
    step text NOT NULL,
    statement text NOT NULL
)
"""
_TABLE = "SELECT to_regclass('deploy.undo') IS NOT NULL"
_OF_STEP = "release = %s AND step = %s"


class Undo:
    """
    What would undo a step, statement by statement.

    Args:
        connection: In the transaction of the change.
        release: The release's id.
        step: The step's name.
    """

    def __init__(self, connection: psycopg.Connection, release: str, step: str) -> None:
        self._connection = connection
        self._key = (release, step)

    def begin(self) -> None:
        """Make the table where there is none."""
        self._connection.execute(_CREATE)

    def do(self, statement: str, *back: str) -> None:
        """
        Make a change, and note its way back first.

        Args:
            statement: What is done.
            back: What undoes it, in the order of doing; they are run the other way round.
        """
        for one in back:
            self.note(one)
        self._connection.execute(statement.encode())

    def note(self, back: str) -> None:
        """
        Note what undoes a change.

        Args:
            back: One statement.
        """
        self._connection.execute(
            "INSERT INTO deploy.undo (release, step, statement) VALUES (%s, %s, %s)",
            (*self._key, back),
        )

    def run(self) -> int:
        """
        Undo everything, the last change first, and forget it.

        Returns:
            How many statements there were.
        """
        if not self._is_there():
            return 0
        noted = self._connection.execute(
            f"SELECT statement FROM deploy.undo WHERE {_OF_STEP} ORDER BY id DESC", self._key
        ).fetchall()
        for (statement,) in noted:
            self._connection.execute(statement.encode())
        self.forget()
        row = self._connection.execute("SELECT EXISTS (SELECT FROM deploy.undo)").fetchone()
        if row and not row[0]:
            self._connection.execute("DROP TABLE deploy.undo")
        return len(noted)

    def forget(self) -> None:
        """Give the way back up."""
        if self._is_there():
            self._connection.execute(f"DELETE FROM deploy.undo WHERE {_OF_STEP}", self._key)

    def _is_there(self) -> bool:
        row = self._connection.execute(_TABLE).fetchone()
        return bool(row and row[0])
