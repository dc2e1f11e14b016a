"""The proof catches what is not the same, with the digest that rides on the copy and without."""

import os
import signal
import sqlite3
import uuid
from multiprocessing import get_context
from zoneinfo import ZoneInfo

import pytest

from pytest_deploy.config import for_source
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.schema.remedies import Remedies
from pytest_deploy.steps import add_constraints, copy_rows
from pytest_deploy.steps.add_constraints import AddConstraints
from pytest_deploy.steps.copy_rows import CopyRows
from pytest_deploy.steps.create_schema import CreateSchema
from pytest_deploy.steps.prepare_ledger import PrepareLedger
from pytest_deploy.transfer import pieces, rows
from pytest_deploy.transfer.chunks import CHUNKS
from pytest_deploy.transfer.digest import compare_tables
from pytest_deploy.transfer.planning import prepare, read_source
from pytest_deploy.transfer.snapshot import take

ROWS = 500
PIECE = 100
SCHEMA = """
CREATE TABLE numeros (id INTEGER PRIMARY KEY, a TEXT, b TEXT, peso REAL, creado DATETIME,
    importe DECIMAL(10,2), dia DATE, si BOOLEAN, foto BLOB);
CREATE TABLE textos (clave TEXT PRIMARY KEY, a TEXT, b TEXT) WITHOUT ROWID;
CREATE TABLE sueltos (a TEXT, b INTEGER);
CREATE TABLE hijos (id INTEGER PRIMARY KEY, numero INTEGER REFERENCES numeros (id),
    texto TEXT REFERENCES textos (clave));
CREATE INDEX idx_a ON numeros (a);
CREATE INDEX idx_b ON numeros (b, peso);
"""


def fill(connection):
    """Write rows with all that is hard: NULL, lengths that could be taken for others, signs."""
    for n in range(ROWS):
        key = n * n - 1000
        connection.execute(
            "INSERT INTO numeros VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(key, None if n % 7 == 0 else f"a\t{n}\\", f"|{n}|\n" if n % 3 else ""),
                *(
                    None if n % 11 == 0 else n / 7 - 30,
                    f"2026-01-{n % 28 + 1:02} 10:00:{n % 60:02}",
                ),
                *(None if n % 5 == 0 else n / 4 - 50, f"20{n % 70 + 10}-02-03", n % 2),
                (None, b"", b"\0\xff" * 40, bytes([n % 256]))[n % 4],
            ),
        )
        connection.execute("INSERT INTO textos VALUES (?, ?, 'b')", (f"clave {n:04}", f"x{n}"))
        connection.execute("INSERT INTO sueltos VALUES (?, ?)", (f"igual {n % 9}", n % 9))
        connection.execute("INSERT INTO hijos VALUES (?, ?, ?)", (n, key, f"clave {n:04}"))


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """Cut as a large database is cut."""
    monkeypatch.setattr(pieces, "PIECE_ROWS", PIECE)


@pytest.fixture
def prepared(server, tmp_path):
    """Tables without rows."""
    path, folder = tmp_path / "source.db", tmp_path / "snapshot"
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    fill(connection)
    connection.commit()
    connection.close()
    source = read_source(path, take(path, folder, uploads=None))
    with create_database(server, uuid.uuid4().hex) as target:
        remedies = Remedies(for_source(path), accept=True)
        made = prepare(
            source, target, remedies, schema="public", zone=ZoneInfo("UTC"), folder=folder
        )
        PrepareLedger(made, "tests").apply()
        CreateSchema(made, "tests").apply()
        yield made


def compared(prepared, copied):
    """Prove, with and without what rode on the copy: the outcome is the same."""
    plan, transfer = prepared.plan, prepared.transfer
    riding = compare_tables(transfer, plan.tables, workers=1, copied=copied)
    assert {c.piece.table.name for c in copied} == {t.source.name for t in plan.tables}
    reading = compare_tables(transfer, plan.tables, workers=1)
    assert [(c.table, c.cells_different, sorted(map(repr, c.differences))) for c in riding] == [
        (c.table, c.cells_different, sorted(map(repr, c.differences))) for c in reading
    ]
    return {one.table: one for one in riding}


def change(prepared, *statements):
    """Tamper with the target."""
    with prepared.transfer.target.connect() as connection:
        for statement in statements:
            connection.execute(statement)


DEFECTS = {
    "flipped cell": ("UPDATE numeros SET b = b || ' ' WHERE id = 600", {"numeros": (1, "b")}),
    "last bit": ("UPDATE numeros SET peso = peso + 1e-14 WHERE id = 600", {"numeros": (1, "peso")}),
    "microsecond": (
        "UPDATE numeros SET creado = creado + interval '1 microsecond' WHERE id = 600",
        {"numeros": (1, "creado")},
    ),
    "NULL for empty": ("UPDATE numeros SET b = NULL WHERE id = -1000", {"numeros": (1, "b")}),
    "dropped row": ("DELETE FROM numeros WHERE id = 600", {"numeros": (9, "")}),
    "extra row": ("INSERT INTO numeros (id) VALUES (601)", {"numeros": (9, "")}),
    "before the first": ("INSERT INTO numeros (id) VALUES (-99999)", {"numeros": (9, "")}),
    "behind the last": ("INSERT INTO numeros (id) VALUES (99999999)", {"numeros": (9, "")}),
    "swapped cells": ("UPDATE numeros SET a = b, b = a WHERE id = 600", {"numeros": (2, "a")}),
    "moved border": (
        "UPDATE textos SET a = left(a, -1), b = right(a, 1) || b WHERE clave = 'clave 0077'",
        {"textos": (2, "a")},
    ),
    "text key": ("UPDATE textos SET a = 'y' WHERE clave = 'clave 0077'", {"textos": (1, "a")}),
    "one of the equal": (
        "DELETE FROM sueltos WHERE ctid = (SELECT min(ctid) FROM sueltos)",
        {"sueltos": (2, "")},
    ),
}


@pytest.mark.parametrize(("statement", "expected"), DEFECTS.values(), ids=DEFECTS)
def test_a_defect_on_the_target_is_named(prepared, statement, expected):
    """By table, key and column, and nothing else is blamed."""
    step = CopyRows(prepared, "tests")
    step.apply()
    assert not any(c.cells_different for c in compared(prepared, step.copied).values())
    change(prepared, statement)
    after = compared(prepared, step.copied)
    found = {
        name: (one.cells_different, min(d.column for d in one.differences))
        for name, one in after.items()
        if one.cells_different
    }
    assert found == expected


def test_a_digest_of_some_pieces_is_no_digest_of_the_table(prepared):
    """What did not ride on the copy is read."""
    step = CopyRows(prepared, "tests")
    step.apply()
    change(prepared, "DELETE FROM numeros WHERE id > 100000")
    some = [c for c in step.copied if not (c.table == "numeros" and c.piece.end is None)]
    outcome = compare_tables(prepared.transfer, prepared.plan.tables, workers=1, copied=some)
    assert sum(c.cells_different for c in outcome) > 0


def stopped_copy(prepared, count):
    """Copy some pieces as a copy does that is stopped afterwards."""
    step = CopyRows(prepared, "tests", resume=True)
    with prepared.transfer.target.connect() as connection:
        copy_rows.chunks.create(connection)
    works = rows.work_on(prepared.transfer, prepared.plan.tables)
    for work in works[:count]:
        rows.copy_piece(rows.replace(work, noted=True))
    rows_kept = [work for work in works[:count] if work.table.name == "numeros"]
    return step, len(works), len(rows_kept)


def test_a_copy_goes_on_where_it_was_stopped(prepared):
    """Proven chunks are left alone; in the end all is there, and the notes are gone."""
    step, _, kept = stopped_copy(prepared, 3)
    step.apply()
    assert step.kept_chunks == kept == 3
    assert not any(c.cells_different for c in compared(prepared, step.copied).values())
    with prepared.transfer.target.connect() as connection:
        assert connection.execute(f"SELECT to_regclass('{CHUNKS}')").fetchone() == (None,)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE numeros SET b = 'x' WHERE id = -1000",
        "DELETE FROM numeros WHERE id = -1000",
        "INSERT INTO numeros (id) VALUES (-5000)",
        f"UPDATE {CHUNKS} SET digest = 'x' WHERE piece = 0",
        f"UPDATE {CHUNKS} SET rows = 1 WHERE piece = 0",
        f"UPDATE {CHUNKS} SET snapshot = 'another' WHERE piece = 0",
    ],
)
def test_a_chunk_that_is_not_proven_is_copied_anew(prepared, statement):
    """A note proves nothing by itself."""
    step, _, _ = stopped_copy(prepared, 3)
    change(prepared, statement)
    step.apply()
    assert step.kept_chunks == 2
    assert not any(c.cells_different for c in compared(prepared, step.copied).values())


def test_a_table_without_an_integer_key_is_kept_whole_or_copied_anew(prepared):
    """Its rows cannot be deleted by piece."""
    step, _, _ = stopped_copy(prepared, 12)
    step.apply()
    assert step.kept_chunks == 10
    assert not any(c.cells_different for c in compared(prepared, step.copied).values())


def test_built_side_by_side_it_is_the_same(prepared, monkeypatch):
    """What Postgres refuses is found, and not left behind half-way."""
    CopyRows(prepared, "tests").apply()
    change(prepared, "UPDATE hijos SET numero = 7 WHERE id = 3")
    monkeypatch.setattr(add_constraints, "worker_count", lambda configured, rows: 4)
    step = AddConstraints(prepared, "tests")
    result = step.apply()
    assert [one.statement.object for one in step.refused] == ["hijos_numero_fkey"]
    assert "ForeignKeyViolation" in step.refused[0].reason
    with prepared.transfer.target.connect() as connection:
        found = connection.execute(
            "SELECT conname, convalidated FROM pg_constraint WHERE contype = 'f'"
        ).fetchall()
    assert found == [("hijos_texto_fkey", True)]
    assert result["refused"] == 1
    step.compensate()
    assert step.observe() == "nothing"


class Killed:
    """Progress that ends in `kill -9` once so many pieces are there."""

    def __init__(self, pieces):
        self.left = pieces

    def __call__(self, total):
        return self

    def __enter__(self):
        return self.advance

    def __exit__(self, *_):
        return None

    def advance(self, rows, sent):
        """Count down."""
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("tamper", [None, "UPDATE numeros SET si = NOT si WHERE id = -1000"])
def test_killed_half_way_only_the_rest_is_copied(prepared, tamper):
    """`kill -9` of a real process; the engine does not undo what is gone on with."""

    def copy():
        CopyRows(prepared, "killed", resume=True, progress=Killed(4)).apply()

    process = get_context("fork").Process(target=copy)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    if tamper:
        change(prepared, tamper)
    step = CopyRows(prepared, "again", resume=True)
    assert step.observe() == "nothing"
    step.apply()
    assert step.kept_chunks == (3 if tamper else 4)
    assert step.observe() == "done"
    assert not any(c.cells_different for c in compared(prepared, step.copied).values())
