"""From a rehearsal to a deployment: what was not rehearsed is not deployed."""

import sqlite3

import pytest

from pytest_deploy.engine import keys
from tests.integration.sealed_app import App


@pytest.fixture(scope="module")
def key():
    """The key of the job that rehearses."""
    return keys.new_key()


@pytest.fixture
def app(tmp_path, key):
    return App.made(tmp_path, key)


def of_seal(report):
    """The gate's state, and what it says."""
    (gate,) = [gate for gate in report["gates"] if gate["name"] == "sealed_rehearsal"]
    return gate["state"], " ".join(gate["problems"])


def test_on_the_rehearsals_own_target_a_key_made_on_the_spot_is_enough(app):
    """Also where not all is committed: one may practise."""
    code, report, output = app.phase("predeploy")
    assert code == 0, output
    assert report["seal"]["sealed"]
    assert "counts for the rehearsal alone" in output
    (app.folder / "new.txt").write_text("not in any commit")
    code, report, output = app.phase("deploy")
    assert of_seal(report) == ("green", "")
    # So far the phase has no steps: it must not look as if something had been deployed.
    assert (code, report["verdict"]) == (1, "unproven"), output
    app.configure("# another one\n")
    _, report, output = app.phase("deploy")
    assert of_seal(report)[0] == "red"
    assert "changed since: file deploy.toml" in of_seal(report)[1]
    assert "runbooks/seal-refused.md" in output
    assert app.check().returncode == 1


def test_for_another_target_only_a_trusted_key_counts(app, key):
    """And neither another env's seal nor a working tree that is not committed."""
    app.phase("predeploy", env="production")
    _, report, output = app.phase("deploy", env="production")
    assert "unknown key" in of_seal(report)[1], output
    app.phase("predeploy", key=key)
    app.seal_of("production").write_bytes(app.seal_of("rehearsal").read_bytes())
    assert "foreign: rehearsed for env rehearsal" in app.check("production").stderr
    code, report, output = app.phase("predeploy", env="production", key=key)
    assert code == 0, output
    assert key.reveal() not in output
    assert report["seal"]["reason"] == ""
    checked = app.check("production")
    assert (checked.returncode, "accepted" in checked.stdout) == (0, True), checked.stderr
    _, report, output = app.phase("deploy", env="production")
    assert of_seal(report) == ("green", ""), output
    (app.folder / "new.txt").write_text("not in any commit")
    assert "dirty" in app.check("production").stderr
    app.commit()
    assert "foreign: rehearsed for commit" in app.check("production").stderr
    everything = [p for p in (app.folder / ".deploy").rglob("*") if p.is_file()]
    assert not [p for p in everything if key.reveal() in p.read_text(errors="replace")]


def test_another_major_version_is_another_target(app, key):
    """It was rehearsed on the Postgres that there is: a target with an older one is not it."""
    app.configure("[gates.risk]\nlargest_total = 60\n", major=17)
    app.commit()
    app.phase("predeploy", env="production", key=key)
    _, report, output = app.phase("deploy", env="production")
    assert "changed since: version of Postgres" in of_seal(report)[1], output


def test_a_red_rehearsal_takes_the_seal_away_and_a_part_of_one_does_not(app):
    """What was green is no longer known to be."""
    app.phase("predeploy")
    assert app.seal_of("rehearsal").exists()
    copy = app.folder / "copy.json"
    copy.write_bytes(app.seal_of("rehearsal").read_bytes())
    _, report, _ = app.phase("predeploy", "-k", "source_is_intact")
    assert not report["seal"]["sealed"]
    assert app.seal_of("rehearsal").exists()
    connection = sqlite3.connect(app.folder / "app.db")
    connection.executescript("CREATE VIEW rota AS SELECT nada FROM cosas;")
    connection.executescript(
        "CREATE TABLE hijas (id INTEGER PRIMARY KEY, c INTEGER REFERENCES cosas (id));"
        "INSERT INTO hijas VALUES (1, 99);"
    )
    connection.close()
    code, report, output = app.phase("predeploy")
    assert (code, report["seal"]["sealed"]) == (1, False), output
    assert not app.seal_of("rehearsal").exists()
    _, report, _ = app.phase("deploy")
    assert "there is none" in of_seal(report)[1]
    checked = app.run("pytest_deploy", "seal", "check", f"--seal={copy}")
    assert checked.returncode == 1
    assert "outdated: rehearsed again since, not green" in checked.stderr
    _, report, _ = app.phase("deploy", f"--seal={copy}")
    assert "outdated: rehearsed again since, not green" in of_seal(report)[1]


ORPHAN = """
CREATE TABLE hijas (id INTEGER PRIMARY KEY, c INTEGER REFERENCES cosas (id));
INSERT INTO hijas VALUES (1, {parent});
"""


def test_a_finding_that_nobody_rehearsed_is_refused(app):
    """A live app writes on: what it wrote is looked at again, whatever the command line accepts."""
    connection = sqlite3.connect(app.folder / "app.db")
    connection.executescript(ORPHAN.format(parent=1))
    app.phase("predeploy")
    connection.executescript("UPDATE hijas SET c = 99")
    connection.close()
    for option in ("-v", "--accept-remedies"):
        _, report, _ = app.phase("deploy", option)
        assert "not rehearsed: finding orphans hijas.c" in of_seal(report)[1]


def test_what_changes_while_it_is_rehearsed_is_not_sealed(app):
    """Nobody knows which of both was rehearsed."""
    app.phase("predeploy")
    suite = app.folder / "ops/suites/predeploy"
    suite.mkdir(parents=True)
    (suite / "test_meddling.py").write_text(
        "from pathlib import Path\n"
        "from pytest_deploy.gates.verdict import Verdict\n"
        "def test_meddling(gate):\n"
        "    with Path('deploy.toml').open('a') as file:\n"
        "        file.write('# later\\n')\n"
        "    gate.judge(Verdict(1, 'file'))\n"
    )
    code, report, output = app.phase("predeploy", "ops/suites")
    assert (code, report["verdict"]) == (0, "green"), output
    assert report["seal"]["reason"] == "changed while it was rehearsed: deploy.toml"
    assert not app.seal_of("rehearsal").exists()


def test_the_private_half_is_in_no_file(app):
    """A key made on the spot is gone with the run."""
    app.phase("predeploy")
    files = [path.name for path in (app.folder / ".deploy").rglob("*") if path.is_file()]
    assert not [name for name in files if "key" in name]


def test_a_key_is_made_once(app):
    """Readable by its owner alone; never written over."""
    made = app.run("pytest_deploy", "seal", "key")
    path = app.folder / "seal.key"
    assert made.returncode == 0, made.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    private = path.read_text().strip()
    assert private not in made.stdout
    assert keys.public_half(keys.Secret(private)) in made.stdout
    again = app.run("pytest_deploy", "seal", "key")
    assert again.returncode == 1
    assert "never overwritten" in again.stderr
