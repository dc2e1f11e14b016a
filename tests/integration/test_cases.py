"""Each feature of SQLite's schemas, all the way over: golden SQL, and every gate green."""

import os
import sqlite3
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pytest_deploy.behaviour.trial import Limits, compare_behaviour
from pytest_deploy.config import for_source
from pytest_deploy.findings import in_order
from pytest_deploy.gates.behaviour import views_show_the_same, writes_behave_alike
from pytest_deploy.gates.cells import cells_are_equal
from pytest_deploy.gates.foreign_keys import references_hold
from pytest_deploy.gates.rows import count_rows, quarantine_is_whole, row_counts_agree
from pytest_deploy.gates.schema import nothing_is_lost_silently, schema_is_complete
from pytest_deploy.gates.sequences import next_inserts_work
from pytest_deploy.providers.postgres import embedded
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.schema import ddl
from pytest_deploy.schema.fidelity import fidelity
from pytest_deploy.schema.remedies import Remedies
from pytest_deploy.steps.add_constraints import AddConstraints
from pytest_deploy.steps.copy_rows import CopyRows
from pytest_deploy.steps.create_programs import CreatePrograms
from pytest_deploy.steps.create_schema import CreateSchema
from pytest_deploy.steps.prepare_ledger import PrepareLedger
from pytest_deploy.steps.set_sequences import SetSequences
from pytest_deploy.transfer.digest import compare_tables
from pytest_deploy.transfer.planning import prepare, read_source
from pytest_deploy.transfer.snapshot import take
from pytest_deploy.workspace import Workspace

CASES = Path(__file__).parents[1] / "cases"
STEPS = (PrepareLedger, CreateSchema, CopyRows, AddConstraints, SetSequences, CreatePrograms)


@pytest.fixture(scope="module")
def server():
    """One server for all of them."""
    workspace = Workspace.create(f"cases-{os.getpid()}")
    try:
        with embedded.serve(workspace, reason="tests") as running:
            yield running
    finally:
        workspace.close()


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
    for name in ("snapshot", "plan"):
        (tmp_path / name).mkdir()
    source = read_source(database, take(database, tmp_path / "snapshot", uploads=None))
    remedies = Remedies(for_source(database), accept=True)
    zone = ZoneInfo("UTC")
    with create_database(server, f"case-{case}", keep=False) as target:
        prepared = prepare(
            source, target, remedies, schema="public", zone=zone, folder=tmp_path / "plan"
        )
        expected = CASES / f"{case}.expected"
        if os.environ.get("REWRITE_GOLDEN"):
            expected.write_text(golden(prepared.plan), "utf-8")
        assert golden(prepared.plan) == expected.read_text("utf-8")
        steps = [step(prepared, "r") for step in STEPS]
        for step in steps:
            step.apply()
        plan = prepared.plan
        given_up = tuple(refused.statement.object for refused in steps[3].refused)
        verdicts = [
            nothing_is_lost_silently(plan, plan.findings),
            row_counts_agree(count_rows(prepared)),
            quarantine_is_whole(prepared),
            cells_are_equal(compare_tables(prepared.transfer, plan.tables, workers=1)),
            schema_is_complete(plan, target, given_up),
            references_hold(plan, target, given_up),
            next_inserts_work(plan, target),
        ]
        kept = fidelity(plan, plan.findings, frozenset(r.statement.label for r in steps[3].refused))
        behaviour = compare_behaviour(prepared, kept, (), Limits(seconds=60), tmp_path)
        verdicts += [
            writes_behave_alike(prepared, behaviour),
            views_show_the_same(prepared, behaviour),
        ]
        assert [problem for verdict in verdicts for problem in verdict.problems] == []
        assert not behaviour.writes.ended_early
        if os.environ.get("REWRITE_GOLDEN"):
            print(case, behaviour)
