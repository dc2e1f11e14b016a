"""Moves one large table to Postgres in every way a user might, and ours, in one run."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks import others
from benchmarks.bars import bars, medians
from benchmarks.memory import Peak
from benchmarks.sources import make_empty, make_large
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
from pytest_deploy.transfer.rows import copy_rows
from pytest_deploy.transfer.snapshot import take
from pytest_deploy.transfer.work import cores
from pytest_deploy.workspace import Workspace

EMPTY_TABLES = 100
INDEXES = 3
MEMORY = "memory MB"


@contextmanager
def timed(seconds: dict[str, float], name: str):
    """Time the body and say so."""
    begin = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - begin
    print(f"{name:<24} {seconds[name]:8.2f} s", flush=True)


@contextmanager
def database(server, name: str):
    """Hand out an empty database, with what was written before out of the way."""
    with create_database(server, f"benchmark-{name}") as target:
        with target.connect(autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        yield target


class Ours:
    """Our steps on one source."""

    def __init__(self, source: Path, workers: int, folder: Path, seconds: dict[str, float]) -> None:
        self.source, self.workers, self.folder, self.seconds = source, workers, folder, seconds
        with timed(seconds, "snapshot"):
            snapshot = take(source, folder, uploads=None)
        with timed(seconds, "profile"):
            self.read = read_source(source, snapshot, workers=workers)

    def prepared(self, target):
        """Plan, and make the tables."""
        (self.folder / "exclusions.db").unlink(missing_ok=True)
        remedies = Remedies(for_source(self.source), accept=True)
        prepared = prepare(
            self.read,
            target,
            remedies,
            schema="public",
            zone=ZoneInfo("UTC"),
            folder=self.folder,
        )
        PrepareLedger(prepared, "benchmark").apply()
        CreateSchema(prepared, "benchmark").apply()
        return prepared

    def rows_alone(self, target) -> None:
        """Copy without anything that the proof needs."""
        prepared = self.prepared(target)
        with timed(self.seconds, "rows alone"):
            list(
                copy_rows(prepared.transfer, prepared.plan.tables, workers=self.workers, ride=False)
            )

    def whole(self, target) -> None:
        """Copy, add keys and indexes, prove every cell."""
        prepared = self.prepared(target)
        with Peak() as peak:
            compared = self._steps(prepared)
        self.seconds[MEMORY] = peak.megabytes
        assert not sum(one.cells_different for one in compared)
        assert others.count(target) == (self.read.rows, INDEXES)

    def _steps(self, prepared):
        step = CopyRows(prepared, "benchmark", workers=self.workers)
        with timed(self.seconds, "rows, digest riding"):
            step.apply()
        with timed(self.seconds, "keys and indexes"):
            AddConstraints(prepared, "benchmark", workers=self.workers).apply()
        with timed(self.seconds, "proof"):
            return compare_tables(
                prepared.transfer, prepared.plan.tables, workers=self.workers, copied=step.copied
            )


def measure(source: Path, server, rows: int, workers: int, folder: Path) -> dict[str, float]:
    """Measure all of them once."""
    seconds: dict[str, float] = {}
    ours = Ours(source, workers, folder / "snapshot", seconds)
    with database(server, "whole") as target:
        ours.whole(target)
        parts = others.export(target, rows, workers, folder)
    with database(server, "limit") as target:
        others.make_table(target)
        with timed(seconds, "limit, rows"):
            others.copy_parts(parts, target, workers)
        with timed(seconds, "limit, keys and indexes"):
            others.add_keys(target)
    for part in parts:
        part.unlink()
    with database(server, "rows") as target:
        ours.rows_alone(target)
    if others.pgloader_is_there():
        with database(server, "pgloader") as target:
            measure_pgloader(source, target, rows, seconds)
    for file in (folder / "snapshot").iterdir():
        file.unlink()
    return seconds


def measure_pgloader(source: Path, target, rows: int, seconds: dict[str, float]) -> None:
    """Measure pgloader; where it gives up, as its heap makes it at some size, say so and go on."""
    try:
        with timed(seconds, "pgloader"):
            others.pgloader(source, target)
    except subprocess.CalledProcessError as error:
        print(f"pgloader gave up: exit code {error.returncode}", flush=True)
        return
    assert others.count(target) == (rows, INDEXES)


def measure_ours(source: Path, server, workers: int, folder: Path, name: str) -> dict[str, float]:
    """Measure ours alone, from snapshot to proof."""
    seconds: dict[str, float] = {}
    with timed(seconds, name), database(server, "ours") as target:
        Ours(source, workers, folder / "snapshot", seconds).whole(target)
    for file in (folder / "snapshot").iterdir():
        file.unlink()
    return {name: seconds[name]}


def measure_empty(server, folder: Path) -> dict[str, float]:
    """Rehearse a database of empty tables, from the start of pytest to its verdict."""
    seconds: dict[str, float] = {}
    source = folder / "empty.db"
    make_empty(source, EMPTY_TABLES)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--pyargs",
        "pytest_deploy.suites",
        "-m",
        "predeploy",
    ]
    # hypothesis is for this project's own tests: nobody who deploys has it.
    command += ["-p", "no:hypothesispytest", "-p", "no:cacheprovider"]
    command += [f"--source={source}", "--postgres=embedded"]
    with timed(seconds, "100 empty tables"):
        done = subprocess.run(
            [*command, f"--evidence={folder / 'evidence'}"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    assert "verdict" in done.stdout, done.stdout
    if others.pgloader_is_there():
        with database(server, "empty") as target, timed(seconds, "100 empty, pgloader"):
            others.pgloader(source, target)
    return seconds


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--growth", action="store_true", help="measure a tenth of the rows, too")
    return parser.parse_args()


def run(asked: argparse.Namespace, workspace: Workspace) -> dict[str, float]:
    """Measure, and give medians."""
    folder = workspace.child("source")
    source = folder / "source.db"
    make_large(source, asked.rows)
    size = source.stat().st_size / 1e6
    print(f"{asked.rows:,} rows, {size:.0f} MB, {asked.workers} workers, {cores()} cores")
    with embedded.serve(workspace, reason="benchmark") as server:
        runs = [
            measure(source, server, asked.rows, asked.workers, folder) for _ in range(asked.runs)
        ]
        seconds = medians(runs)
        if asked.growth:
            tenth = folder / "tenth.db"
            make_large(tenth, asked.rows // 10)
            seconds |= measure_ours(tenth, server, asked.workers, folder, "a tenth")
            seconds |= measure_ours(source, server, asked.workers, folder, "all of it")
        seconds |= measure_empty(server, folder)
    return seconds


def main() -> int:
    """Measure, print, and say whether every bar holds."""
    asked = arguments()
    workspace = Workspace.create(f"benchmark-{os.getpid()}")
    try:
        seconds = run(asked, workspace)
    finally:
        workspace.close()
    print(f"\nmedians of {asked.runs} runs")
    for name, value in seconds.items():
        print(f"{name:<24} {value:8.2f}{'' if name == MEMORY else ' s'}")
    held = bars(seconds, asked.workers)
    if asked.json:
        ratios = {bar.name: bar.value for bar in held}
        asked.json.write_text(json.dumps({"seconds": seconds, "ratios": ratios}, indent=2) + "\n")
    print("; ".join(map(str, held)))
    return 0 if all(bar.holds for bar in held) else 1


if __name__ == "__main__":
    sys.exit(main())
