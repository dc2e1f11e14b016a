"""Puts database and uploads on disk, the database with a WAL that matters."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from faker import Faker

from sample.dirty import Defect, plant
from sample.rows import App, Maker, content

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sample.rows import Row

DATABASE = "osyris.db"
DECOY = "osyris.sqlite3"
_MARK = ".made-by-sample"
_IN_WAL = {"mensajes": 0.9, "paginas": 0.9}  # from here on rows are in the WAL only


class NotOursError(Exception):
    """The folder was not made by this program: it is not overwritten."""


# What the app reads now, and what it is to read on the env; a release sets the latter's mode.
VARIABLES = {
    ".env": """# Osyris
DATABASE_TYPE=sqlite
STORAGE_TYPE=local
JWT_SECRET="una frase para probar"
NEXT_PUBLIC_API_URL=http://localhost:5000
""",
    ".env.production": """# Osyris, on its server
DATABASE_TYPE=sqlite
STORAGE_TYPE=local
JWT_SECRET="otra frase"
NEXT_PUBLIC_API_URL=https://osyris.example   # the old one
""",
}


@dataclass(frozen=True)
class Summary:
    """
    What was made.

    Args:
        database: The database; its `-wal` lies beside it.
        uploads: The folder of uploads.
        tables: Tables of rows.
        rows: Rows of all tables.
        rows_in_wal: Rows that the main file alone does not have.
        files: Uploads.
        defects: What was planted, as it stands in `defects.json`.
    """

    database: Path
    uploads: Path
    tables: int
    rows: int
    rows_in_wal: int
    files: int
    defects: tuple[dict[str, object], ...] = ()


def make(out: Path, *, seed: int, scale: int, dirty: bool = False) -> Summary:
    """
    Make the sample app.

    Args:
        out: The folder; one that this program has made is made anew.
        seed: Same seed, same app.
        scale: 1 makes some 1,000 rows, 100 some 100,000.
        dirty: Whether one of every defect is planted, and `defects.json` written.

    Returns:
        What was made.

    Raises:
        NotOursError: It is no folder, or one with something else in it.
        OSError: It cannot be written.
    """
    _clear(out)
    faker = Faker("es_ES", use_weighting=False)
    faker.seed_instance(seed)
    app = Maker(faker, seed, scale).make()
    defects = _write_database(out, app, seed=seed, dirty=dirty)
    if dirty:
        (out / DECOY).touch()
        listed = [asdict(defect) for defect in defects]
        text = json.dumps(listed, ensure_ascii=False, indent=2)
        (out / "defects.json").write_text(text + "\n", encoding="utf-8")
    _write_uploads(out / "uploads", app)
    for name, text in VARIABLES.items():
        (out / name).write_text(text, encoding="utf-8")
    rows = {table: len(found) for table, found in app.rows.items()}
    return Summary(
        database=out / DATABASE,
        uploads=out / "uploads",
        tables=len(rows),
        rows=sum(rows.values()),
        rows_in_wal=sum(count - _before_wal(table, count) for table, count in rows.items()),
        files=len(app.files),
        defects=tuple(asdict(defect) for defect in defects),
    )


def _clear(out: Path) -> None:
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        message = f"{out} is not a folder: name another one"
        raise NotOursError(message)
    if out.exists() and not (out / _MARK).exists() and any(out.iterdir()):
        message = f"{out} is not empty, and was not made by this program: name another folder"
        raise NotOursError(message)
    if out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True)
    (out / _MARK).touch()


def _write_database(out: Path, app: App, *, seed: int, dirty: bool) -> tuple[Defect, ...]:
    """Write it elsewhere, and copy file and WAL while it is open: closing would fold the WAL in."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / DATABASE
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.executescript((resources.files("sample") / "schema.sql").read_text("utf-8"))
        for table, rows in app.rows.items():
            _insert(connection, table, rows[: _before_wal(table, len(rows))])
        defects = plant(connection, seed) if dirty else ()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for table in _IN_WAL:
            _insert(connection, table, app.rows[table][_before_wal(table, len(app.rows[table])) :])
        for name in (DATABASE, f"{DATABASE}-wal"):
            shutil.copyfile(path.with_name(name), out / name)
        connection.close()
    return defects


def _before_wal(table: str, rows: int) -> int:
    return int(rows * _IN_WAL.get(table, 1))


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[Row]) -> None:
    if not rows:
        return
    marks = ", ".join("?" * len(rows[0]))
    connection.execute("BEGIN")
    connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
    connection.execute("COMMIT")


def _write_uploads(folder: Path, app: App) -> None:
    for path, (kind, number) in app.files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content(kind, number))
