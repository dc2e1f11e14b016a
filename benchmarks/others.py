"""What a user would pick instead, and the limit that Postgres sets."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from benchmarks.sources import COLUMNS, KEYS, TABLE
from pytest_deploy.transfer.work import run


def pgloader_is_there() -> bool:
    """Tell whether pgloader is installed."""
    return shutil.which("pgloader") is not None


def pgloader(source: Path, target) -> None:
    """Run it with what it does by itself: tables, rows, keys and indexes."""
    server = target.server
    environment = {**os.environ, "PGPASSWORD": server.password.reveal()}
    url = f"postgresql://{server.user}@{server.host}:{server.port}/{target.database}"
    subprocess.run(["pgloader", str(source), url], env=environment, capture_output=True, check=True)


def count(target) -> tuple[int, int]:
    """Count the rows of the large table and its indexes, whoever made them."""
    with target.connect() as connection:
        rows = connection.execute("SELECT count(*) FROM mensajes").fetchone()[0]
        indexes = connection.execute(
            "SELECT count(*) FROM pg_indexes WHERE tablename = 'mensajes'"
        ).fetchone()[0]
    return rows, indexes


def export(target, rows: int, workers: int, folder: Path) -> list[Path]:
    """Write the table as COPY's text, one file for each worker."""
    parts = []
    width = -(-rows // workers)
    for first in range(1, rows + 1, width):
        parts.append(folder / f"part{len(parts)}.txt")
        with target.connect() as connection, connection.cursor() as cursor:
            query = (
                f"SELECT {COLUMNS} FROM mensajes WHERE id BETWEEN {first} AND {first + width - 1}"
            )
            with cursor.copy(f"COPY ({query}) TO STDOUT") as copy, parts[-1].open("wb") as file:
                for block in copy:
                    file.write(block)
    return parts


def make_table(target) -> None:
    """Make the table, without keys and indexes."""
    with target.connect() as connection:
        connection.execute(TABLE)


def copy_parts(parts: list[Path], target, workers: int) -> None:
    """Send text made beforehand, as many files at once as there are workers."""
    for _ in run(_copy_text, [(part, target) for part in parts], workers=workers):
        pass


def add_keys(target) -> None:
    """Build the key and the indexes as a script for psql does, one after the other."""
    with target.connect(autocommit=True) as connection:
        for statement in KEYS:
            connection.execute(statement)


def _copy_text(todo) -> None:
    path, target = todo
    with target.connect() as connection, connection.cursor() as cursor:
        with cursor.copy(f"COPY mensajes ({COLUMNS}) FROM STDIN") as copy, path.open("rb") as text:
            while block := text.read(1 << 20):
                copy.write(block)
