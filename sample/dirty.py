"""Plants one of every defect that real SQLite databases have: `dirty.toml` lists them."""

from __future__ import annotations

import base64
import random
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

_TWENTY = """
CREATE TEMPORARY TABLE veinte AS
    WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 20)
    SELECT value FROM n
"""


@dataclass(frozen=True)
class Defect:
    """
    One thing that is wrong, and what must be said of it.

    Args:
        defect: What it is.
        object: Where, as findings name it.
        how: How it came about, in a sentence.
        planted: `clean` where the sample has it anyway, `dirty` where it was planted.
        finding: The code of the finding; None where it must be handled without one.
        severity: `blocker`, `risk`, `note`, or empty without a finding.
        count: Rows that a blocker or a rule concerns; 0 where it is not about rows.
        rule: The expectation that it breaks, as a report names it; empty where it breaks none.
    """

    defect: str
    object: str
    how: str
    planted: str
    finding: str | None = None
    severity: str = ""
    count: int = 0
    rule: str = ""


def plant(connection: sqlite3.Connection, seed: int) -> tuple[Defect, ...]:
    """
    Plant all defects.

    Args:
        connection: The sample's database.
        seed: For what is random.

    Returns:
        All that a run must find in the dirty sample: what was planted, and what the clean one has.

    Raises:
        sqlite3.OperationalError: This SQLite lacks FTS5 or rtree, so that they cannot be planted.
    """
    chance = random.Random(seed)
    connection.create_collation("ESPANOL", lambda one, other: (one > other) - (one < other))
    connection.create_function("azar", 1, lambda n: base64.b64encode(chance.randbytes(n)).decode())
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute(_TWENTY)
    listed = tomllib.loads((resources.files("sample") / "dirty.toml").read_text("utf-8"))
    for entry in listed["planted"]:
        connection.executescript(entry.pop("sql", ""))
    connection.execute("DROP TABLE temp.veinte")
    return (
        *(Defect(planted="clean", **entry) for entry in listed["clean"]),
        *(Defect(planted="dirty", **entry) for entry in listed["planted"]),
    )
