"""Sets the app's variables in its file, last of all; the way back stands in the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.engine.step import Description, Observed, Result
from pytest_deploy.errors import StepError
from pytest_deploy.providers.postgres.lease import changing
from pytest_deploy.steps.service import ServiceStep
from pytest_deploy.transfer.credentials import looks_secret
from pytest_deploy.transfer.env_file import Change, changed, changes_to, pieces_of, unchanged
from pytest_deploy.transfer.replacing import read_plain, replace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import psycopg

    from pytest_deploy.providers.supabase.base import Supabase

_CREATE = """
CREATE SCHEMA IF NOT EXISTS deploy;
CREATE TABLE IF NOT EXISTS deploy.configuration (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release text NOT NULL,
    name text NOT NULL,
    former text,
    written text NOT NULL,
    lead text NOT NULL
)
"""
_FORGET = "DELETE FROM deploy.configuration WHERE release = %s"
_RUNBOOK = "see runbooks/configuration.md"


class SwitchConfiguration(ServiceStep):
    """
    Sets variables of the app in its environment file, and keeps everything else in it.

    Args:
        project: The project; `{url}` and `{publishable_key}` in values stand for its own.
        release: The release's id.
        file: The environment file.
        wanted: The values, by name; none of them a secret.
    """

    name = "switch_configuration"

    def __init__(
        self, project: Supabase, release: str, file: Path, wanted: Mapping[str, str]
    ) -> None:
        super().__init__(project, release)
        self._file = file
        facts = {
            "{url}": project.url,
            "{publishable_key}": project.publishable_key.reveal(),
        }
        self._wanted = {name: _filled(value, facts) for name, value in wanted.items()}

    def describe(self) -> Description:
        """Say what it would do."""
        return Description(
            does=f"sets {', '.join(sorted(self._wanted))} in {self._file.name}",
            way_back="puts the former values back; what somebody else edited stays",
        )

    def observe(self) -> Observed:
        """Compare the file with what is wanted."""
        values = {piece.name: piece.value for piece in pieces_of(read_plain(self._file))}
        there = sum(values.get(name) == value for name, value in self._wanted.items())
        if there == len(self._wanted):
            return Observed.DONE
        return Observed.HALF if there else Observed.NOTHING

    def _apply(self) -> Result:
        content = read_plain(self._file)
        changes = changes_to(content, self._wanted, self._file.name)
        for change in changes:
            self._refuse_secrets(change)
        # Noted first: a crash in between leaves a way back that has nothing to do.
        self._note(changes)
        replace(self._file, content, changed(content, changes))
        return {"variables": len(changes)}

    def _compensate(self) -> None:
        changes = self._noted()
        if not changes:
            return
        content = read_plain(self._file)
        former = unchanged(content, changes, self._file.name)
        if former != content:
            replace(self._file, content, former)
        self._forget()

    def _complete(self) -> None:
        self._forget()

    def _refuse_secrets(self, change: Change) -> None:
        """The way back is written down in the target, where a secret does not belong."""
        if looks_secret(change.former or "") or looks_secret(change.written):
            raise StepError(
                f"variable {change.name} in {self._file.name}",
                problem="expected a value that anybody may see, seen one that looks secret",
                where="[configuration.switch] of deploy.toml",
                remedy=f"set it by hand, or in the platform's own store of secrets; {_RUNBOOK}",
            )

    def _note(self, changes: tuple[Change, ...]) -> None:
        with changing(self.project.database) as connection:
            connection.execute(_CREATE)
            # Of a run that was killed before it had set anything.
            connection.execute(_FORGET, (self._release,))
            for one in changes:
                connection.execute(
                    "INSERT INTO deploy.configuration (release, name, former, written, lead)"
                    " VALUES (%s, %s, %s, %s, %s)",
                    (self._release, one.name, one.former, one.written, one.lead),
                )

    def _noted(self) -> tuple[Change, ...]:
        with self.project.database.connect() as connection:
            if not _is_there(connection):
                return ()
            rows = connection.execute(
                "SELECT name, former, written, lead FROM deploy.configuration"
                " WHERE release = %s ORDER BY id",
                (self._release,),
            ).fetchall()
        return tuple(Change(*row) for row in rows)

    def _forget(self) -> None:
        with changing(self.project.database) as connection:
            if _is_there(connection):
                connection.execute(_FORGET, (self._release,))


def _filled(value: str, facts: Mapping[str, str]) -> str:
    for placeholder, fact in facts.items():
        value = value.replace(placeholder, fact)
    return value


def _is_there(connection: psycopg.Connection) -> bool:
    found = connection.execute("SELECT to_regclass('deploy.configuration') IS NOT NULL").fetchone()
    return bool(found and found[0])
