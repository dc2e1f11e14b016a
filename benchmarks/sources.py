"""The databases that are measured."""

from __future__ import annotations

import random
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

SCHEMA = """
CREATE TABLE mensajes (
    id INTEGER PRIMARY KEY, autor INTEGER NOT NULL, asunto TEXT NOT NULL, cuerpo TEXT,
    importe REAL, leido BOOLEAN NOT NULL, creado DATETIME NOT NULL, adjunto BLOB
);
CREATE INDEX idx_mensajes_autor ON mensajes (autor);
CREATE INDEX idx_mensajes_creado ON mensajes (creado);
"""
TABLE = """
CREATE TABLE mensajes (
    id bigint NOT NULL, autor bigint NOT NULL, asunto text NOT NULL, cuerpo text,
    importe double precision, leido boolean NOT NULL, creado timestamptz NOT NULL, adjunto bytea
)
"""
KEYS = (
    "ALTER TABLE mensajes ADD PRIMARY KEY (id)",
    "CREATE INDEX idx_mensajes_autor ON mensajes (autor)",
    "CREATE INDEX idx_mensajes_creado ON mensajes (creado)",
    "ANALYZE mensajes",
)
COLUMNS = "id, autor, asunto, cuerpo, importe, leido, creado, adjunto"


def make_large(path: Path, rows: int) -> None:
    """Write a table of some 200 bytes a row; every date is another one."""
    chance, begin = random.Random(7), datetime(2020, 1, 1)  # noqa: DTZ001 - as apps store them
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
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
                str(begin + timedelta(seconds=n * 37)),
                chance.randbytes(16),
            )
            for n in range(1, rows + 1)
        ),
    )
    connection.commit()
    connection.close()


def make_empty(path: Path, tables: int) -> None:
    """Write tables without rows."""
    connection = sqlite3.connect(path)
    for n in range(tables):
        connection.execute(f"CREATE TABLE t{n} (id INTEGER PRIMARY KEY, nombre TEXT, peso REAL)")
    connection.commit()
    connection.close()
