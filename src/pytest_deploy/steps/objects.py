"""What a release has put into Storage, noted in the target: what is ours, and how far it is."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.providers.postgres.lease import fenced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import psycopg

    from pytest_deploy.providers.supabase.storage import Fetched
    from pytest_deploy.transfer.manifest import Entry

PLANNED, MADE, FOUND, COMPLETE = "planned", "made", "found", "complete"
_CREATE = """
CREATE TABLE IF NOT EXISTS deploy.objects (
    release text NOT NULL,
    bucket text NOT NULL,
    key text NOT NULL,
    sha256 text NOT NULL,
    size_bytes bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('planned', 'made', 'found', 'complete')),
    PRIMARY KEY (release, bucket, key)
);
CREATE TABLE IF NOT EXISTS deploy.buckets (
    release text NOT NULL,
    bucket text NOT NULL,
    PRIMARY KEY (release, bucket)
);
REVOKE ALL ON deploy.objects, deploy.buckets FROM PUBLIC;
"""
_INSERT = """
INSERT INTO deploy.objects (release, bucket, key, sha256, size_bytes, state)
VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class Known:
    """
    An object that the target knows of.

    Args:
        bucket: Where it is.
        key: Its name.
        sha256: What it is to be, in hex.
        state: `planned`, `made` by this release, `found` there, or `complete`.
    """

    bucket: str
    key: str
    sha256: str
    state: str

    @property
    def is_there(self) -> bool:
        """Whether nothing has to be sent any more."""
        return self.state != PLANNED


class Objects:
    """
    The objects of a release.

    Args:
        connection: To the target; every note is a transaction of its own.
        release: The release's id.
    """

    def __init__(self, connection: psycopg.Connection, release: str) -> None:
        self._connection, self._release = connection, release

    @property
    def are_noted(self) -> bool:
        """Whether the target has a note of any object."""
        row = self._connection.execute("SELECT to_regclass('deploy.objects') IS NOT NULL")
        found = row.fetchone()
        return bool(found and found[0])

    def begin(self) -> None:
        """Make the tables where there are none."""
        self._connection.execute(_CREATE)

    def known(self) -> tuple[Known, ...]:
        """
        List what is noted.

        Returns:
            Every object of the release.
        """
        if not self.are_noted:
            return ()
        rows = self._connection.execute(
            "SELECT bucket, key, sha256, state FROM deploy.objects WHERE release = %s"
            " ORDER BY bucket, key",
            (self._release,),
        )
        return tuple(Known(*row) for row in rows)

    def plan(self, entries: Iterable[Entry]) -> None:
        """
        Note what is about to be sent, before it is.

        Args:
            entries: The files; those that are noted already stay as they are.
        """
        self._insert(entries, PLANNED)

    def note_found(self, entries: Iterable[Entry]) -> None:
        """
        Note what was there before: it is nobody's to remove.

        Args:
            entries: The files.
        """
        self._insert(entries, FOUND)

    def note(self, entries: Iterable[Entry], state: str) -> None:
        """
        Note how far files are.

        Args:
            entries: The files.
            state: What has become of them.
        """
        with fenced(self._connection), self._connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE deploy.objects SET state = %s"
                " WHERE release = %s AND bucket = %s AND key = %s",
                [(state, self._release, entry.bucket, entry.key) for entry in entries],
            )

    def buckets(self) -> frozenset[str]:
        """
        Name the buckets that this release has made.

        Returns:
            Their names.
        """
        rows = self._connection.execute(
            "SELECT bucket FROM deploy.buckets WHERE release = %s", (self._release,)
        )
        return frozenset(row[0] for row in rows)

    def note_bucket(self, name: str) -> None:
        """
        Note a bucket that is about to be made.

        Args:
            name: Its name.
        """
        with fenced(self._connection):
            self._connection.execute(
                "INSERT INTO deploy.buckets (release, bucket) VALUES (%s, %s)"
                " ON CONFLICT DO NOTHING",
                (self._release, name),
            )

    def to_remove(self, fetch: Callable[[str, str], Fetched]) -> dict[str, list[str]]:
        """
        List what has to go when the release is undone.

        Args:
            fetch: Reads an object: one that was only planned goes only if it is what was planned.

        Returns:
            The keys, by bucket.
        """
        gone: dict[str, list[str]] = defaultdict(list)
        for one in self.known():
            begun = one.state == PLANNED and fetch(one.bucket, one.key).sha256 == one.sha256
            if one.state == MADE or begun:
                gone[one.bucket].append(one.key)
        return gone

    def begin_to_remove(self) -> None:
        """Note that what was made is only planned from now on: a crash may leave any of it."""
        with fenced(self._connection):
            self._connection.execute(
                "UPDATE deploy.objects SET state = %s WHERE release = %s AND state = %s",
                (PLANNED, self._release, MADE),
            )

    def forget(self) -> None:
        """Forget all of it; the tables go where they are empty."""
        with fenced(self._connection):
            for table in ("objects", "buckets"):
                self._connection.execute(
                    f"DELETE FROM deploy.{table} WHERE release = %s".encode(), (self._release,)
                )
                row = self._connection.execute(
                    f"SELECT EXISTS (SELECT FROM deploy.{table})".encode()
                ).fetchone()
                if row and not row[0]:
                    self._connection.execute(f"DROP TABLE deploy.{table}".encode())

    def complete(self) -> None:
        """Note that nothing of it is to be removed any more."""
        with fenced(self._connection):
            self._connection.execute(
                "UPDATE deploy.objects SET state = %s WHERE release = %s AND state = %s",
                (COMPLETE, self._release, MADE),
            )
            self._connection.execute(
                "DELETE FROM deploy.buckets WHERE release = %s", (self._release,)
            )

    def _insert(self, entries: Iterable[Entry], state: str) -> None:
        with fenced(self._connection), self._connection.cursor() as cursor:
            cursor.executemany(
                _INSERT,
                [
                    (self._release, one.bucket, one.key, one.sha256, one.size_bytes, state)
                    for one in entries
                ],
            )
