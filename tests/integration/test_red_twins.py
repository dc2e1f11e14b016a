"""Every gate can go red: a defect is planted, the real suite runs, and the gate must catch it."""

import json
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from load_twins import CAUGHT_BY, GATE, LOAD_TWINS, configured

from pytest_deploy import suites
from pytest_deploy.gates.required import required_gates
from pytest_deploy.testing import RedTwin

SCHEMA = """
CREATE TABLE padres (id INTEGER PRIMARY KEY AUTOINCREMENT, nombre TEXT NOT NULL UNIQUE,
    activo BOOLEAN NOT NULL DEFAULT 1);
CREATE TABLE hijos (id INTEGER PRIMARY KEY, padre_id INTEGER REFERENCES padres (id),
    nota TEXT, peso REAL CHECK (peso > 0));
CREATE INDEX idx_hijos_padre ON hijos (padre_id);
CREATE VIEW v_padres AS SELECT nombre FROM padres;
CREATE VIEW v_rota AS SELECT no_existe FROM padres;
CREATE TABLE avisos (id INTEGER PRIMARY KEY, texto TEXT);
CREATE TRIGGER trg_hijos AFTER INSERT ON hijos BEGIN
    INSERT INTO avisos (texto) VALUES ('nuevo ' || NEW.id);
END;
INSERT INTO padres VALUES (1, 'uno', 1), (2, 'dos', 0), (3, 'tres', 1);
INSERT INTO hijos VALUES (1, 1, 'a', 1.5), (2, 2, x'00ff', 2.5), (3, NULL, 'c', 0.1);
"""


CONFIGURATION = """
[app]
name = "ejemplo"
[source]
database = "source.db"
"""
SUITES = {
    "padres": {
        "expectations": [
            {
                "type": "expect_column_values_to_be_in_set",
                "kwargs": {"column": "nombre", "value_set": ["uno", "dos", "tres"]},
            }
        ],
        "meta": {"volume": {"least": 1, "most": 1}},
    },
    "hijos": {
        "expectations": [
            {
                "type": "unexpected_rows_expectation",
                "kwargs": {
                    "unexpected_rows_query": "SELECT h.id FROM {batch} AS h"
                    " JOIN padres AS p ON p.id = h.padre_id AND p.activo IS NULL"
                },
            },
            {
                "type": "expect_column_values_to_be_between",
                "kwargs": {"column": "peso", "min_value": 0},
            },
        ],
    },
}


def in_target(*statements):
    """Plant a defect by SQL in the rehearsal's database."""

    def plant(request, _value):
        with request.getfixturevalue("target").connect() as connection:
            for statement in statements:
                connection.execute(statement)

    return plant


def older_server(_request, server):
    """Say that the server is older than it is."""
    return replace(server, major=14)


def larger_source(_request, source):
    """Say that the source is larger than any disk."""
    return replace(source, snapshot=replace(source.snapshot, size_bytes=2**60))


def damaged_source(_request, source):
    """Damage an index of the snapshot, and let SQLite check it again."""
    from pytest_deploy.transfer.snapshot import take

    path = source.snapshot.path
    path.chmod(0o600)
    connection = sqlite3.connect(path)
    page_size = connection.execute("PRAGMA page_size").fetchone()[0]
    name = "WHERE name = 'sqlite_autoindex_padres_1'"
    page = connection.execute(f"SELECT rootpage FROM sqlite_schema {name}").fetchone()[0]
    connection.close()
    with path.open("r+b") as file:
        file.seek(page * page_size - 4)
        file.write(b"\xff\xff\xff\xff")
    folder = path.with_name("again")
    folder.mkdir()
    return replace(source, snapshot=take(path, folder, uploads=None))


def without_findings(_request, prepared):
    """Forget what is not translated."""
    return replace(prepared, plan=replace(prepared.plan, findings=()))


def unsettled(_request, prepared):
    """Forget who settled the blockers."""
    findings = tuple(replace(finding, settled_by=None) for finding in prepared.plan.findings)
    return replace(prepared, plan=replace(prepared.plan, findings=findings))


def lock_says(text):
    """Freeze something else."""

    def plant(_request, _file):
        from pytest_deploy.schema.lock_text import find_lock

        path = Path("schema.lock")
        path.write_text(text)
        return find_lock(path)

    return plant


def another_answer(_request, behaviour):
    """Say that a statement of the app came to something else."""
    behaviour.query_problems.append("query one: 1 of 2 rows differ")
    return behaviour


def nobody_settled(request, value):
    """Leave every blocker open, after the plan was made."""
    deploy = request.getfixturevalue("deploy")
    deploy.add_findings(tuple(replace(finding, settled_by=None) for finding in deploy.findings))
    return value


def only_reads(request, _value):
    """Let the rehearsal's database take no writes from now on."""
    target = request.getfixturevalue("target")
    with target.connect(autocommit=True) as connection:
        connection.execute(
            f'ALTER DATABASE "{target.database}" SET default_transaction_read_only = on'
        )


def past_the_plan(request, _value):
    """Let a step run that nobody has described."""
    from pytest_deploy.engine.journal import State

    request.getfixturevalue("deploy").journal.write("drop_former_tables", State.APPLIED, {})


def discreet(_request, _value):
    """Let a step say less of its locks than Postgres shows."""
    from pytest_deploy.steps.create_programs import CreatePrograms

    whole = CreatePrograms.describe
    CreatePrograms.describe = lambda step: replace(whole(step), locks=())


TWINS = (
    RedTwin("tools_are_recent", "postgres_server", older_server, replaces=True),
    RedTwin("disk_is_large_enough", "source", larger_source, replaces=True),
    RedTwin("source_is_intact", "source", damaged_source, replaces=True),
    RedTwin("blockers_in_the_source_are_settled", "prepared", unsettled, replaces=True),
    RedTwin("nothing_is_lost_silently", "prepared", without_findings, replaces=True),
    RedTwin(
        "refused_constraints_are_settled",
        "rows_copied",
        in_target("UPDATE padres SET nombre = 'dos' WHERE id = 1"),
    ),
    RedTwin(
        "schema_lock_is_current",
        "schema_lock",
        lock_says(
            'format = 1\nschema = "public"\n[tables.hijos.columns]\n'
            'id = { type = "bigint" }\nnota = { type = "bigint" }\n'
        ),
        replaces=True,
    ),
    RedTwin("schema_is_complete", "constraints_added", in_target("DROP INDEX idx_hijos_padre")),
    RedTwin("row_counts_agree", "rows_copied", in_target("DELETE FROM hijos WHERE id = 3")),
    RedTwin("quarantine_is_whole", "rows_copied", in_target("DELETE FROM deploy.quarantine")),
    RedTwin(
        "every_cell_matches",
        "rows_copied",
        in_target("UPDATE padres SET activo = NOT activo WHERE id = 2"),
    ),
    RedTwin(
        "references_hold",
        "constraints_added",
        in_target(
            "ALTER TABLE hijos DROP CONSTRAINT hijos_padre_id_fkey",
            "UPDATE hijos SET padre_id = 99 WHERE id = 1",
        ),
    ),
    RedTwin(
        "next_inserts_work",
        "sequences_set",
        in_target("SELECT setval(pg_get_serial_sequence('padres', 'id'), 1, false)"),
    ),
    RedTwin(
        "writes_behave_alike",
        "programs_created",
        in_target("ALTER TABLE hijos DROP CONSTRAINT hijos_check"),
    ),
    RedTwin(
        "views_show_the_same",
        "programs_created",
        in_target("CREATE OR REPLACE VIEW v_padres AS SELECT nombre FROM padres WHERE id > 1"),
    ),
    RedTwin("queries_come_to_the_same", "behaviour", another_answer, replaces=True),
    RedTwin("environment_is_as_rehearsed", "prepared", only_reads),
    RedTwin("plan_is_complete", "programs_created", past_the_plan),
    RedTwin("risk_is_bounded", "programs_created", nobody_settled),
    RedTwin(
        "expectations_hold",
        "programs_created",
        in_target("UPDATE padres SET nombre = 'fuera' WHERE id = 2"),
    ),
    RedTwin(
        "volumes_are_within_bounds",
        "programs_created",
        in_target("INSERT INTO padres (nombre) VALUES ('cuatro')"),
    ),
    LOAD_TWINS[0],
)
MORE_TWINS = (
    RedTwin("plan_is_complete", "prepared", discreet),
    RedTwin("schema_lock_is_current", "schema_lock", lock_says("format = 2\n"), replaces=True),
    RedTwin("schema_lock_is_current", "schema_lock", lock_says("no toml"), replaces=True),
    RedTwin(
        "schema_lock_is_current",
        "schema_lock",
        lock_says('format = 1\nschema = "public"\n[tables.otra]\n'),
        replaces=True,
    ),
    RedTwin("every_cell_matches", "rows_copied", in_target("UPDATE hijos SET peso = 1.5 + 1e-15")),
    RedTwin("every_cell_matches", "rows_copied", in_target("UPDATE hijos SET nota = 'A'")),
    RedTwin("row_counts_agree", "rows_copied", in_target("INSERT INTO hijos (id) VALUES (77)")),
    RedTwin(
        "schema_is_complete",
        "constraints_added",
        in_target("ALTER TABLE padres ALTER nombre DROP NOT NULL"),
    ),
    RedTwin(
        "schema_is_complete",
        "constraints_added",
        in_target("ALTER TABLE padres ALTER activo DROP DEFAULT"),
    ),
    RedTwin(
        "schema_is_complete",
        "constraints_added",
        in_target("DROP INDEX idx_hijos_padre", "CREATE INDEX idx_hijos_padre ON hijos (peso)"),
    ),
    RedTwin(
        "schema_is_complete",
        "constraints_added",
        in_target(
            "ALTER TABLE hijos DROP CONSTRAINT hijos_padre_id_fkey",
            "ALTER TABLE hijos ADD CONSTRAINT hijos_padre_id_fkey FOREIGN KEY (padre_id)"
            " REFERENCES padres ON DELETE CASCADE",
        ),
    ),
    RedTwin(
        "quarantine_is_whole", "rows_copied", in_target("UPDATE deploy.quarantine SET value = 'x'")
    ),
    RedTwin("next_inserts_work", "sequences_set", in_target("SELECT setval('hijos_id_seq', 50)")),
    RedTwin(
        "writes_behave_alike",
        "programs_created",
        in_target("ALTER TABLE padres ALTER activo SET DEFAULT false"),
    ),
    RedTwin(
        "writes_behave_alike",
        "programs_created",
        in_target("ALTER TABLE padres DROP CONSTRAINT padres_nombre_key"),
    ),
    RedTwin(
        "writes_behave_alike",
        "programs_created",
        in_target("ALTER TABLE hijos DISABLE TRIGGER trg_hijos"),
    ),
    RedTwin(
        "writes_behave_alike",
        "programs_created",
        in_target(
            "ALTER TABLE hijos DROP CONSTRAINT hijos_padre_id_fkey",
            "ALTER TABLE hijos ADD CONSTRAINT hijos_padre_id_fkey FOREIGN KEY (padre_id)"
            " REFERENCES padres ON DELETE CASCADE",
        ),
    ),
    RedTwin(
        "schema_is_complete",
        "programs_created",
        in_target(
            "CREATE OR REPLACE FUNCTION trg_hijos() RETURNS trigger LANGUAGE plpgsql"
            " SET search_path = '' AS $$ BEGIN RETURN NULL; END $$"
        ),
    ),
    RedTwin(
        "schema_is_complete",
        "programs_created",
        in_target("ALTER TABLE padres ALTER activo SET DEFAULT false"),
    ),
)
EMPTIED = RedTwin(
    "volumes_are_within_bounds", "programs_created", in_target("TRUNCATE padres, hijos")
)
DATA_TWINS = (
    RedTwin(  # across tables
        "expectations_hold",
        "programs_created",
        in_target(
            "ALTER TABLE padres ALTER activo DROP NOT NULL",
            "UPDATE padres SET activo = NULL WHERE id = 1",
        ),
    ),
    RedTwin(  # what a rule speaks of is gone
        "expectations_hold",
        "programs_created",
        in_target("ALTER TABLE hijos RENAME COLUMN peso TO kilos"),
    ),
    RedTwin("expectations_hold", "programs_created", in_target("DROP TABLE hijos CASCADE")),
    EMPTIED,
)
OF_DATA = {"expectations_hold", "volumes_are_within_bounds"}
ALL = (*TWINS, *MORE_TWINS, *DATA_TWINS)
ALL = (*TWINS, *MORE_TWINS, *LOAD_TWINS[1:])
OPTIONS_THAT_LEAVE_IT_OPEN = {"refused_constraints_are_settled"}
DRIVER = """
import sys
import pytest
sys.path.insert(0, {folder!r})
from test_red_twins import ALL
twins = [ALL[{number}]] if {number} >= 0 else []
sys.exit(pytest.main({arguments!r}, plugins=twins))
"""


def with_suites(folder: Path) -> None:
    """Configure the database, so that it has suites: they cost the import of Great Expectations."""
    (folder / "deploy.toml").write_text(CONFIGURATION)
    (folder / "expectations").mkdir()
    for name, told in SUITES.items():
        (folder / f"expectations/{name}.json").write_text(json.dumps(told))


def rehearse(folder: Path, number: int, *options: str) -> dict:
    """Run the package's suite on a small database, with one twin or none, and read its report."""
    database = folder / "source.db"
    connection = sqlite3.connect(database)
    connection.executescript(SCHEMA)
    connection.close()
    if number < 0 or ALL[number].gate in OF_DATA:
        with_suites(folder)
    arguments = [
        *("--pyargs", "pytest_deploy.suites", "-m", "predeploy", "-p", "no:cacheprovider"),
        *(f"--source={database}", "--postgres=embedded", f"--evidence={folder / 'evidence'}"),
        *options,
    ]
    code = DRIVER.format(folder=str(Path(__file__).parent), number=number, arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    path = folder / "evidence/latest/report.json"
    assert path.exists(), done.stdout + done.stderr
    report = json.loads(path.read_text())
    assert (done.returncode == 0) == (report["verdict"] == "green"), done.stdout
    return report


def test_every_gate_has_a_red_twin():
    """A gate that cannot go red is a defect."""
    folder = Path(suites.__file__).parent
    assert {twin.gate for twin in TWINS} == required_gates(folder, "predeploy")


def test_without_a_twin_every_gate_is_green(tmp_path):
    """Nothing but the planted defect turns a gate red."""
    report = rehearse(tmp_path, -1, "--accept-remedies")
    assert report["verdict"] == "green"
    assert {gate["state"] for gate in report["gates"]} == {"green"}


def test_over_empty_tables_rules_prove_nothing(tmp_path):
    """Each of them would hold there: the gate is unproven, and says of which."""
    report = rehearse(tmp_path, ALL.index(EMPTIED), "--accept-remedies")
    (gate,) = [gate for gate in report["gates"] if gate["name"] == "expectations_hold"]
    assert gate["state"] == "unproven"
    assert {check["state"] for check in gate["checks"]} == {"unproven"}
    assert "the table is empty" in gate["checks"][0]["seen"]


@pytest.mark.parametrize("number", range(len(ALL)), ids=[f"{t.gate}-{t.after}" for t in ALL])
def test_the_red_twin_turns_its_gate_red(tmp_path, number):
    """The gate catches the defect that was planted for it."""
    twin = ALL[number]
    options = [] if twin.gate in OPTIONS_THAT_LEAVE_IT_OPEN else ["--accept-remedies"]
    if twin in LOAD_TWINS:
        configured(tmp_path)
    report = rehearse(tmp_path, number, *options)
    states = {gate["name"]: gate["state"] for gate in report["gates"]}
    assert states[twin.gate] == "red", report
    assert report["verdict"] == "red"
    if twin in LOAD_TWINS:
        (gate,) = (gate for gate in report["gates"] if gate["name"] == GATE)
        failed = [check["name"] for check in gate["checks"] if check["state"] != "holds"]
        assert any(CAUGHT_BY[LOAD_TWINS.index(twin)] in name for name in failed), failed


def test_without_a_twin_the_load_is_carried(tmp_path):
    """The load that the twins disturb is carried where nobody disturbs it."""
    configured(tmp_path)
    report = rehearse(tmp_path, -1, "--accept-remedies")
    assert {gate["state"] for gate in report["gates"]} == {"green"}
    assert report["load"]["journeys"][0]["requests"] >= 60
