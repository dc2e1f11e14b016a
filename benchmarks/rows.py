"""Moves one large table to Postgres in every way a user might, and ours, in one run."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sqlite3
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from zoneinfo import ZoneInfo

from pytest_deploy.config import for_source
from pytest_deploy.providers.postgres import embedded
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.schema.remedies import Remedies
from pytest_deploy.steps.add_constraints import AddConstraints
from pytest_deploy.steps.copy_rows import CopyRows
from pytest_deploy.steps.create_schema import CreateSchema
from pytest_deploy.steps.prepare_ledger import PrepareLedger
from pytest_deploy.transfer.digest import compare_tables
from pytest_deploy.transfer.planning import prepare, read_source
from pytest_deploy.transfer.snapshot import take
from pytest_deploy.workspace import Workspace

SCHEMA = """
CREATE TABLE mensajes (
    id INTEGER PRIMARY KEY, autor INTEGER NOT NULL, asunto TEXT NOT NULL, cuerpo TEXT,
    importe REAL, leido BOOLEAN NOT NULL, creado DATETIME NOT NULL, adjunto BLOB
)
"""
TABLE = """
CREATE TABLE mensajes (
    id bigint, autor bigint, asunto text, cuerpo text, importe double precision, leido {flag},
    creado timestamptz, adjunto bytea
)
"""
COLUMNS = "id, autor, asunto, cuerpo, importe, leido, creado, adjunto"


def make_source(path: Path, rows: int) -> None:
    """Write a table of some 200 bytes a row."""
    chance = random.Random(7)
    connection = sqlite3.connect(path)
    connection.execute(SCHEMA)
    connection.executemany(
        "INSERT INTO mensajes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                n,
                chance.randrange(1000),
                f"Reunión número {n}",
                "El sábado salimos al monte. " * chance.randrange(1, 8),
                chance.random() * 100,
                n % 2,
                f"2026-{n % 12 + 1:02}-{n % 28 + 1:02} {n % 24:02}:00:00",
                chance.randbytes(16),
            )
            for n in range(1, rows + 1)
        ),
    )
    connection.commit()
    connection.close()


@contextmanager
def timed(results: dict[str, float], name: str):
    """Time the body and say so."""
    begin = time.perf_counter()
    yield
    results[name] = time.perf_counter() - begin
    print(f"{name:<46} {results[name]:7.2f} s", flush=True)


def plain_copy(source: Path, target, first: int, last: int) -> None:
    """What a user writes first: psycopg's copy and write_row."""
    rows = sqlite3.connect(source).execute(
        f"SELECT {COLUMNS} FROM mensajes WHERE id BETWEEN ? AND ?", (first, last)
    )
    with target.connect() as connection, connection.cursor() as cursor:
        with cursor.copy(f"COPY mensajes ({COLUMNS}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def copy_text(path: Path, target) -> None:
    """Send text made beforehand: what Postgres itself needs."""
    with target.connect() as connection, connection.cursor() as cursor:
        with cursor.copy(f"COPY mensajes ({COLUMNS}) FROM STDIN") as copy, path.open("rb") as text:
            while block := text.read(1 << 20):
                copy.write(block)


def ranges(rows: int, workers: int) -> list[tuple[int, int]]:
    """Cut the keys into as many ranges as there are workers."""
    width = -(-rows // workers)
    return [(first, min(first + width - 1, rows)) for first in range(1, rows + 1, width)]


def in_processes(workers: int, do, todo: list[tuple]) -> None:
    """Run a function once for each tuple of arguments, side by side."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for future in [pool.submit(do, *arguments) for arguments in todo]:
            future.result()


def fresh(target, flag: str = "bigint") -> None:
    """Make the table anew, and put what was written before out of the way."""
    with target.connect(autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS mensajes")
        connection.execute(TABLE.format(flag=flag))
        connection.execute("CHECKPOINT")


def measure_others(source: Path, target, rows: int, workers: int, results, folder: Path) -> None:
    """Measure what a user would pick instead, and the limit."""
    fresh(target)
    with timed(results, "plain psycopg COPY, one process"):
        plain_copy(source, target, 1, rows)
    fresh(target)
    with timed(results, f"plain psycopg COPY, {workers} processes by key range"):
        todo = [(source, target, first, last) for first, last in ranges(rows, workers)]
        in_processes(workers, plain_copy, todo)
    parts = export(target, rows, workers, folder)
    fresh(target)
    with timed(results, f"ready-made text, {workers} processes (the limit)"):
        in_processes(workers, copy_text, [(part, target) for part in parts])
    if shutil.which("pgloader"):
        measure_pgloader(source, target, results)
    else:
        print("pgloader: not installed, not measured")


def export(target, rows: int, workers: int, folder: Path) -> list[Path]:
    """Write the table as COPY's text, one file for each worker."""
    parts = []
    for number, (first, last) in enumerate(ranges(rows, workers)):
        parts.append(folder / f"part{number}.txt")
        with target.connect() as connection, connection.cursor() as cursor:
            query = f"SELECT {COLUMNS} FROM mensajes WHERE id BETWEEN {first} AND {last}"
            with cursor.copy(f"COPY ({query}) TO STDOUT") as copy, parts[-1].open("wb") as file:
                for block in copy:
                    file.write(block)
    return parts


def measure_pgloader(source: Path, target, results: dict[str, float]) -> None:
    """Run the usual tool, data only, into a table of its own making."""
    with target.connect(autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS mensajes")
    server = target.server
    environment = {**os.environ, "PGPASSWORD": server.password.reveal()}
    url = f"postgresql://{server.user}@{server.host}:{server.port}/{target.database}"
    with timed(results, "pgloader (usual choice)"):
        done = subprocess.run(
            ["pgloader", str(source), url], env=environment, capture_output=True, check=False
        )
    with target.connect() as connection:
        found = connection.execute("SELECT to_regclass('mensajes')").fetchone()
        count = (
            "no table"
            if not found[0]
            else connection.execute("SELECT count(*) FROM mensajes").fetchone()[0]
        )
    print(f"  pgloader exited {done.returncode}, rows: {count}")


def measure_ours(source: Path, server, workers: int, results, folder: Path) -> None:
    """Run our steps, and the proof of every cell."""
    with create_database(server, "benchmark-ours") as target:
        with timed(results, "ours: snapshot and profile"):
            read = read_source(source, take(source, folder, uploads=None))
        remedies = Remedies(for_source(source), accept=True)
        prepared = prepare(
            read, target, remedies, schema="public", zone=ZoneInfo("UTC"), folder=folder
        )
        PrepareLedger(prepared, "benchmark").apply()
        CreateSchema(prepared, "benchmark").apply()
        with timed(results, f"ours: rows, {workers} processes"):
            CopyRows(prepared, "benchmark", workers=workers).apply()
        with timed(results, "ours: keys and statistics"):
            AddConstraints(prepared, "benchmark").apply()
        with timed(results, "ours: proof of every cell"):
            compared = compare_tables(prepared.transfer, prepared.plan.tables, workers=workers)
        different = sum(one.cells_different for one in compared)
        print(f"  {sum(c.cells_compared for c in compared):,} cells, {different} different")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    results: dict[str, float] = {}
    workspace = Workspace.create(f"benchmark-{os.getpid()}")
    try:
        folder = workspace.child("source")
        source = folder / "source.db"
        make_source(source, arguments.rows)
        print(
            f"{arguments.rows:,} rows, {source.stat().st_size / 1e6:.0f} MB,"
            f" {arguments.workers} workers, {os.cpu_count()} cores"
        )
        with embedded.serve(workspace, reason="benchmark") as server:
            with create_database(server, "benchmark-others") as target:
                measure_others(source, target, arguments.rows, arguments.workers, results, folder)
            measure_ours(source, server, arguments.workers, results, workspace.child("snapshot"))
    finally:
        workspace.close()
    ours = results[f"ours: rows, {arguments.workers} processes"]
    print("\nratio of each to ours, rows only:")
    for name, seconds in results.items():
        if not name.startswith("ours"):
            print(f"  {name:<46} {seconds / ours:5.2f}")


if __name__ == "__main__":
    main()
