"""The sample's own rules: they hold on the clean sample, and catch what the dirty one breaks."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from test_sample_rehearsed import moved, rehearse

from sample import make

TABLES = {"actividades", "documentos", "mensajes", "paginas", "secciones", "usuarios"}


def configured(folder):
    """Configure the sample of another folder, with its own rules."""
    config = folder / "deploy.toml"
    config.write_text(moved(folder))
    shutil.copytree("expectations", folder / "expectations")
    return f"--deploy-config={config}"


def rules(report):
    """The gate of the rules, and its checks by name."""
    (gate,) = [gate for gate in report["gates"] if gate["name"] == "expectations_hold"]
    return gate, {check["name"]: check for check in gate["checks"]}


def test_every_table_has_rules_that_hold(tmp_path):
    """One line each; the Data Docs are in the evidence."""
    make(tmp_path / "out", seed=7, scale=1)
    code, report, output = rehearse(tmp_path, configured(tmp_path))
    gate, checks = rules(report)
    assert (code, gate["state"]) == (0, "green"), output
    assert {name.partition(": ")[0] for name in checks} == TABLES
    assert len(checks) == gate["examined"] == gate["measured"]["expectations_holds"]
    assert gate["evidence"] == ["data-docs/index.html"]
    assert (tmp_path / "evidence/latest/data-docs/usuarios.html").is_file()


def test_what_the_dirty_sample_breaks_is_caught(tmp_path):
    """Each broken rule that `--dirty` lists, with as many rows; no other."""
    dirty = make(tmp_path / "out", seed=7, scale=1, dirty=True)
    planted = {d["rule"]: d["count"] for d in dirty.defects if d["rule"]}
    assert len(planted) >= 5
    code, report, output = rehearse(tmp_path, configured(tmp_path), "--accept-remedies")
    gate, checks = rules(report)
    broken = {name for name, check in checks.items() if check["state"] == "fails"}
    assert (code, gate["state"], broken) == (1, "red", set(planted)), output
    for name, count in planted.items():
        assert f"{count} " in checks[name]["seen"].replace("rows", ""), checks[name]


@pytest.fixture(scope="module")
def drafted(tmp_path_factory):
    """The clean sample, and drafts of its rules."""
    folder = tmp_path_factory.mktemp("drafted")
    make(folder / "out", seed=7, scale=1)
    config = folder / "deploy.toml"
    config.write_text(moved(folder))
    return folder, draft(folder)


def draft(folder, *arguments):
    """Run the real command."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest_deploy", "expectations", "draft", *arguments),
            *(f"--deploy-config={folder / 'deploy.toml'}", "--postgres=embedded"),
            "--accept-remedies",
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def suite_of(folder, table):
    return json.loads((folder / f"expectations/{table}.json").read_text())


def test_drafts_are_suites_of_gx(drafted):
    """One for each table, which GX itself can load and write again."""
    from great_expectations.core.expectation_suite import ExpectationSuite

    folder, done = drafted
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": written, ") == len(TABLES)
    for table in TABLES:
        told = suite_of(folder, table)
        loaded = ExpectationSuite(**told)
        assert len(loaded.to_json_dict()["expectations"]) == len(told["expectations"]) > 1
        assert loaded.meta["table"] == table


def test_drafts_propose_what_the_rows_show(drafted):
    """Closed sets, unique addresses, forms of e-mail; and never a value of a personal column."""
    folder, _ = drafted
    users = suite_of(folder, "usuarios")["expectations"]
    asked = {(rule["type"], rule["kwargs"].get("column")) for rule in users}
    assert ("expect_column_values_to_be_unique", "email") in asked
    assert ("expect_column_values_to_match_regex", "email") in asked
    sets = {
        r["kwargs"]["column"]: r["kwargs"]["value_set"] for r in users if "value_set" in r["kwargs"]
    }
    assert set(sets["rol"]) == {"admin", "coordinador", "scouter", "familia", "educando"}
    assert set(sets) == {"rol", "estado"}
    written = "".join((folder / f"expectations/{t}.json").read_text() for t in TABLES)
    connection = sqlite3.connect(folder / "out/osyris.db")
    for column in ("nombre", "apellidos", "email", "telefono"):
        for (value,) in connection.execute(f"SELECT {column} FROM usuarios"):
            assert value is None or f'"{value}"' not in written


def test_drafts_hold_on_their_own_source(drafted):
    """A person edits from green."""
    folder, _ = drafted
    code, report, output = rehearse(folder, f"--deploy-config={folder / 'deploy.toml'}")
    assert (code, rules(report)[0]["state"]) == (0, "green"), output


def test_a_draft_never_writes_over_what_somebody_may_have_edited(drafted):
    """All together they skip it, alone it is an error; --force says otherwise."""
    folder, _ = drafted
    path = folder / "expectations/paginas.json"
    before = path.read_text()
    path.write_text("{}")
    assert "is there, left as it is" in draft(folder).stdout
    named = draft(folder, "paginas")
    assert (named.returncode, path.read_text()) == (1, "{}")
    assert "--force" in named.stderr
    forced = draft(folder, "paginas", "--force")
    assert (forced.returncode, path.read_text()) == (0, before)
    unknown = draft(folder, "pagina")
    assert (unknown.returncode, "'paginas'" in unknown.stderr) == (1, True)


def test_odd_names_and_empty_tables_are_drafted_too(tmp_path):
    """Files are named so that they can be written, tables as they are; what is empty says so."""
    database = tmp_path / "app.db"
    connection = sqlite3.connect(database)
    connection.executescript(
        'CREATE TABLE "a/b ""c""" ("Name" TEXT, "x%y" VARCHAR(5), "k:v" INTEGER, "nl\n" TEXT);'
        "CREATE TABLE vacia (id INTEGER PRIMARY KEY, n TEXT);"
    )
    connection.executemany(
        'INSERT INTO "a/b ""c""" VALUES (?, ?, ?, ?)',
        [("uno", "a:b%", n, "igual") for n in range(60)],
    )
    connection.commit()
    connection.close()
    (tmp_path / "deploy.toml").write_text(
        f'[app]\nname = "x"\n[source]\ndatabase = "{database}"\n'
        '[gates.expectations]\nfolder = "expectations"\n'
    )
    assert draft(tmp_path).returncode == 0
    tables = {
        p.name: json.loads(p.read_text())["meta"] for p in Path(tmp_path / "expectations").iterdir()
    }
    assert tables["vacia.json"] == {"table": "vacia", "allow_empty": True}
    assert {meta["table"] for meta in tables.values()} == {"vacia", 'a/b "c"'}
    code, report, output = rehearse(tmp_path, f"--deploy-config={tmp_path / 'deploy.toml'}")
    assert (code, rules(report)[0]["state"]) == (0, "green"), output
