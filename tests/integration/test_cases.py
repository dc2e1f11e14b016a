"""Each feature of SQLite's schemas, all the way over: golden SQL, and every gate green."""

import os
import sqlite3
from pathlib import Path

import pytest

from pytest_deploy.config import for_source
from pytest_deploy.findings import in_order
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.schema import ddl
from pytest_deploy.schema.remedies import Remedies
from tests.integration.whole_way import planned, problems

CASES = Path(__file__).parents[1] / "cases"


def golden(plan):
    """Write the plan as one text: its statements, then what could not be kept."""
    statements = [statement.sql for statement in ddl.routines(plan)]
    statements += [ddl.create_table(plan, table) for table in plan.tables]
    statements += [s.sql for s in (*ddl.constraints(plan), *ddl.programs(plan))]
    findings = [
        f"-- {f.severity} {f.code} {f.object}: {f.message}" for f in in_order(plan.findings)
    ]
    return "\n\n".join(f"{sql};" for sql in statements) + "\n\n" + "\n".join(findings) + "\n"


@pytest.mark.parametrize("case", sorted(path.stem for path in CASES.glob("*.sql")))
def test_a_feature_goes_over(server, tmp_path, case):
    """Postgres says all that SQLite says, or a finding says why not; every cell is equal."""
    database = tmp_path / f"{case}.db"
    connection = sqlite3.connect(database)
    connection.executescript((CASES / f"{case}.sql").read_text("utf-8"))
    connection.close()
    remedies = Remedies(for_source(database), accept=True)
    with create_database(server, f"case-{case}", keep=False) as target:
        prepared = planned(database, target, remedies, tmp_path, zone="UTC")
        expected = CASES / f"{case}.expected"
        if os.environ.get("REWRITE_GOLDEN"):
            expected.write_text(golden(prepared.plan), "utf-8")
        assert golden(prepared.plan) == expected.read_text("utf-8")
        assert problems(prepared, target) == []
