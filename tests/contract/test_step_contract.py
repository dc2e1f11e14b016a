"""Every step keeps the contract: apply, compensate, as before, apply again, complete."""

import pkgutil
import sqlite3
import uuid
from importlib import import_module
from zoneinfo import ZoneInfo

import pytest

from pytest_deploy import steps
from pytest_deploy.config import for_source
from pytest_deploy.engine.deployment import Deployment
from pytest_deploy.engine.journal import Journal, State
from pytest_deploy.engine.step import Observed
from pytest_deploy.errors import StepError
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.schema.catalog import read_catalog, read_definitions
from pytest_deploy.schema.remedies import Remedies
from pytest_deploy.steps.add_constraints import AddConstraints
from pytest_deploy.steps.copy_rows import CopyRows
from pytest_deploy.steps.create_programs import CreatePrograms
from pytest_deploy.steps.create_schema import CreateSchema
from pytest_deploy.steps.database import DatabaseStep
from pytest_deploy.steps.prepare_ledger import PrepareLedger
from pytest_deploy.steps.publish_release import PublishRelease
from pytest_deploy.steps.set_sequences import SetSequences
from pytest_deploy.testing import check_step_contract
from pytest_deploy.transfer.planning import prepare, read_source
from pytest_deploy.transfer.snapshot import take

ORDER = (PrepareLedger, CreateSchema, CopyRows, AddConstraints, SetSequences, CreatePrograms)
SCHEMA = """
CREATE TABLE secciones (nombre TEXT, anyo INTEGER, PRIMARY KEY (nombre, anyo));
CREATE TABLE personas (id INTEGER PRIMARY KEY AUTOINCREMENT, correo TEXT UNIQUE,
    seccion TEXT, anyo INTEGER, edad INTEGER CHECK (edad > 0), nota TEXT,
    FOREIGN KEY (seccion, anyo) REFERENCES secciones (nombre, anyo));
CREATE INDEX idx_personas_edad ON personas (edad DESC, correo);
CREATE UNIQUE INDEX idx_personas_nota ON personas (substr(nota, -3)) WHERE edad > 8;
CREATE VIEW mayores AS SELECT correo FROM personas WHERE edad > 8;
CREATE TRIGGER sin_nota BEFORE INSERT ON personas WHEN NEW.nota = ''
BEGIN SELECT RAISE(ABORT, 'sin nota'); END;
CREATE TABLE vacia (id INTEGER PRIMARY KEY AUTOINCREMENT);
INSERT INTO vacia VALUES (41);
DELETE FROM vacia;
INSERT INTO secciones VALUES ('Manada', 2026);
INSERT INTO personas VALUES (7, 'a@x', 'Manada', 2026, 9, 'bien'), (9, 'b@x', NULL, 1, 8, x'ff');
"""


@pytest.fixture
def prepared(server, tmp_path):
    """A plan for a small source, and an empty database to carry it out in."""
    path, folder = tmp_path / "source.db", tmp_path / "snapshot"
    folder.mkdir()
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    connection.close()
    source = read_source(path, take(path, folder, uploads=None))
    with create_database(server, uuid.uuid4().hex) as target:
        remedies = Remedies(for_source(path), accept=True)
        yield prepare(
            source, target, remedies, schema="public", zone=ZoneInfo("UTC"), folder=folder
        )


def state_of(target):
    """Tell everything that a step may touch: catalogue, rows, sequences."""
    with target.connect() as connection:
        catalogs = {name: read_catalog(connection, name) for name in ("public", "deploy")}
        definitions = read_definitions(connection, "public")
        rows = {
            (schema, table): sorted(
                connection.execute(f'SELECT t::text FROM "{schema}"."{table}" AS t').fetchall()
            )
            for schema, catalog in catalogs.items()
            for table in catalog
            if table not in ("journal", "releases")  # they say when
        }
        sequences = connection.execute(
            "SELECT schemaname, sequencename, last_value FROM pg_sequences"
            " WHERE sequencename <> 'journal_id_seq' ORDER BY 1, 2"
        ).fetchall()
    return catalogs, definitions, rows, sequences


@pytest.mark.parametrize("kind", ORDER, ids=[kind.name for kind in ORDER])
def test_the_step_keeps_the_contract(prepared, kind):
    """On a real Postgres, with the steps before it applied."""
    for before in ORDER[: ORDER.index(kind)]:
        before(prepared, "tests").apply()
    check_step_contract(kind(prepared, "tests"), lambda: state_of(prepared.transfer.target))


@pytest.mark.parametrize("kind", ORDER, ids=[kind.name for kind in ORDER])
@pytest.mark.parametrize("way", ["_apply", "_compensate"])
def test_what_is_not_committed_has_not_happened(prepared, kind, way):
    """A crash before the end of the transaction leaves all as it was, sequences among it."""
    for before in ORDER[: ORDER.index(kind)]:
        before(prepared, "tests").apply()
    step, target = kind(prepared, "tests"), prepared.transfer.target
    if way == "_compensate":
        step.apply()
    elif step.side_by_side:
        step._workers = 1  # the copy commits piece by piece, and knows what it left
    before = state_of(target)
    with target.connect() as connection, connection.transaction(force_rollback=True):
        getattr(step, way)(connection)
    if (kind, way) != (CopyRows, "_apply"):
        assert state_of(target) == before
    else:
        assert step.observe() is Observed.HALF  # the rows are there, and nobody noted it


def test_every_step_is_in_the_contract():
    """A new step is tested here, or this test fails."""
    for module in pkgutil.iter_modules(steps.__path__):
        import_module(f"{steps.__name__}.{module.name}")
    assert set(DatabaseStep.__subclasses__()) == {*ORDER, PublishRelease}  # see test_publish


def test_the_journal_row_commits_with_the_change(prepared):
    """What the target's own journal says is what its tables show."""
    for kind in ORDER:
        kind(prepared, "r-1").apply()
    with prepared.transfer.target.connect() as connection:
        rows = connection.execute(
            "SELECT format, release, step, state FROM deploy.journal ORDER BY id"
        ).fetchall()
    assert rows == [(1, "r-1", kind.name, "applied") for kind in ORDER]


def test_api_roles_do_not_reach_the_ledger(prepared):
    """Supabase's roles see neither journal nor quarantine."""
    with prepared.transfer.target.connect(autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS anon")
        connection.execute("CREATE ROLE anon")
        PrepareLedger(prepared, "tests").apply()
        reached = connection.execute(
            "SELECT has_schema_privilege('anon', 'deploy', 'USAGE'),"
            " has_table_privilege('anon', 'deploy.quarantine', 'SELECT')"
        ).fetchone()
    assert reached == (False, False)


def test_half_a_step_is_undone_and_done_again(prepared, tmp_path):
    """What a crash left is settled by looking, never by applying blindly."""
    for before in ORDER[:2]:
        before(prepared, "tests").apply()
    target = prepared.transfer.target
    with target.connect() as connection:
        connection.execute("INSERT INTO public.secciones VALUES ('a medias', 1)")
    path = tmp_path / "journal.jsonl"
    Journal(path, "tests").write("copy_rows", State.STARTED)
    step = CopyRows(prepared, "tests")
    assert step.observe() is Observed.HALF
    with Deployment(Journal(path, "tests"), lambda: True).step(step):
        assert step.observe() is Observed.DONE
    states = [entry.state for entry in Journal(path, "tests").entries]
    assert states[1:] == ["compensating", "compensated", "started", "applied", "retained"]


def test_a_refused_step_is_told_without_values(prepared):
    """A table that is there already is not touched, and the error quotes nothing of it."""
    with prepared.transfer.target.connect() as connection:
        connection.execute("CREATE TABLE public.personas (secreto text)")
    with pytest.raises(StepError, match="DuplicateTable") as caught:
        CreateSchema(prepared, "tests").apply()
    assert "secreto" not in str(caught.value)


@pytest.fixture
def many(monkeypatch):
    """Let few rows be worked on as many are."""
    monkeypatch.setattr("pytest_deploy.transfer.work.WORTH_PROCESSES_ROWS", 0)


def with_rows(prepared):
    """Apply what comes before constraints."""
    for before in ORDER[: ORDER.index(AddConstraints)]:
        before(prepared, "tests").apply()
    return prepared.transfer.target


def test_constraints_side_by_side_keep_the_contract(prepared, many):
    """Keys that begin as indexes are gone, too, when the step is undone."""
    target = with_rows(prepared)
    check_step_contract(AddConstraints(prepared, "tests", workers=4), lambda: state_of(target))


def test_constraints_side_by_side_come_to_the_same(prepared, many):
    """One after the other or at once: the catalogue is the same."""
    target, found = with_rows(prepared), []
    for workers in (1, 4):
        step = AddConstraints(prepared, "tests", workers=workers)
        step.apply()
        found.append(state_of(target))
        step.compensate()
    assert found[0] == found[1]


def test_keys_that_are_but_indexes_are_half_a_step(prepared, many, monkeypatch):
    """What a kill leaves between the index of a key and the key is seen, and undone."""
    target = with_rows(prepared)
    before, step = state_of(target), AddConstraints(prepared, "tests", workers=4)
    refuse = step._refusal

    def killed(connection, sql):
        if "USING INDEX" in sql:
            raise KeyboardInterrupt
        return refuse(connection, sql)

    monkeypatch.setattr(step, "_refusal", killed)
    with pytest.raises(KeyboardInterrupt):
        step.apply()
    assert step.observe() is Observed.HALF
    step.compensate()
    assert step.observe() is Observed.NOTHING
    assert state_of(target) == before


@pytest.mark.parametrize("workers", [1, 4])
def test_a_key_that_rows_do_not_keep_leaves_nothing(prepared, many, workers):
    """It is refused with the same words on either way, and no index of its name stays."""
    target = with_rows(prepared)
    with target.connect() as connection:
        connection.execute("UPDATE public.personas SET correo = 'a@x'")
    step = AddConstraints(prepared, "tests", workers=workers)
    step.apply()
    (refused,) = step.refused
    assert refused.statement.kind == "unique"
    assert "a@x" not in refused.reason
    with target.connect() as connection:
        found = connection.execute(
            "SELECT to_regclass(%s) IS NULL", (f'public."{refused.statement.object}"',)
        ).fetchone()
    assert found == (True,)
