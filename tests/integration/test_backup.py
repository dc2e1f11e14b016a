"""What stood on a target comes back, opened with the private key and pg_restore alone."""

import json
import subprocess
from secrets import token_hex

import pyrage
import pytest

from pytest_deploy.config.backup import BackupSettings
from pytest_deploy.errors import TargetError
from pytest_deploy.gates.backup import target_is_backed_up
from pytest_deploy.providers.postgres import dump
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.providers.postgres.programs import installation
from pytest_deploy.transfer.backup import back_up

MARKER = "s3creto-que-no-sale"
ROWS = [(1, MARKER), (2, None)]


@pytest.fixture
def standing(server):
    """A database with somebody's rows, in a schema with an odd name."""
    with create_database(server, f"backup-{token_hex(4)}") as target:
        with target.connect() as connection:
            connection.execute('CREATE SCHEMA "mi ""app"')
            connection.execute('CREATE TABLE "mi ""app".cosas (id int PRIMARY KEY, nombre text)')
            for row in ROWS:
                connection.execute('INSERT INTO "mi ""app".cosas VALUES (%s, %s)', row)
        yield target


@pytest.fixture
def identity():
    """A pair of keys."""
    return pyrage.x25519.Identity.generate()


def kept(standing, folder, identity):
    """Take a backup."""
    variables = folder / "app.env"
    variables.write_text(f"CLAVE={MARKER}")
    recipients = BackupSettings(recipients=(str(identity.to_public()),)).recipients
    schemas = ('mi "app', "deploy")
    return back_up(standing, schemas, variables, folder / "release", recipients)


def test_it_comes_back_as_it_was(server, standing, tmp_path, identity):
    """Rows and variables; a schema that is not there is no mistake."""
    backup = kept(standing, tmp_path, identity)
    assert target_is_backed_up(backup).problems == ()
    assert json.loads((backup.folder / "backup.json").read_text())["schemas"] == ['mi "app']
    variables = (backup.folder / "configuration.age").read_bytes()
    assert pyrage.decrypt(variables, [identity]) == f"CLAVE={MARKER}".encode()
    dumped = pyrage.decrypt((backup.folder / "database.dump.age").read_bytes(), [identity])
    with create_database(server, f"restored-{token_hex(4)}") as target:
        subprocess.run(
            [installation() / "bin/pg_restore", "--no-owner", "-d", target.conninfo.reveal()],
            input=dumped,
            check=True,
        )
        with target.connect() as connection:
            rows = connection.execute('SELECT * FROM "mi ""app".cosas ORDER BY id').fetchall()
    assert rows == ROWS


def test_nothing_of_it_is_in_the_clear(standing, tmp_path, identity):
    """Nor opens with another key."""
    backup = kept(standing, tmp_path, identity)
    (tmp_path / "app.env").unlink()
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or MARKER.encode() not in path.read_bytes()
        assert not path.is_file() or path.suffix != ".age" or path.stat().st_mode & 0o077 == 0
    with pytest.raises(pyrage.DecryptError):
        other = pyrage.x25519.Identity.generate()
        pyrage.decrypt((backup.folder / "database.dump.age").read_bytes(), [other])


def test_an_older_client_is_not_taken(standing, tmp_path, identity, monkeypatch):
    """It would refuse the server in the middle."""
    monkeypatch.setattr(dump, "_major", lambda _path: standing.major - 1)
    with pytest.raises(TargetError, match="pg_dump") as raised:
        kept(standing, tmp_path, identity)
    assert f"expected one of Postgres {standing.major} or newer" in raised.value.problem


def test_what_cannot_be_dumped_stops_the_deployment(standing, tmp_path, identity):
    """Somebody holds a table, and goes on holding it; no row is told."""
    with standing.connect() as connection:
        connection.execute('LOCK TABLE "mi ""app".cosas IN ACCESS EXCLUSIVE MODE')
        with pytest.raises(TargetError) as raised:
            kept(standing, tmp_path, identity)
        connection.rollback()
    assert "expected pg_dump to end with exit code 0" in raised.value.problem
    assert MARKER not in str(raised.value)


@pytest.mark.parametrize("keys", [(), ("age1abc",), ("AGE-SECRET-KEY-1",)])
def test_only_public_keys_are_recipients(keys):
    """A private one in deploy.toml would be the end of it."""
    with pytest.raises(ValueError, match="recipients"):
        BackupSettings(recipients=keys)
