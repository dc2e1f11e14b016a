"""The sample, rehearsed from the command line: clean it is green, dirty it names every defect."""

import json
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

from sample import make


def rehearse(folder: Path, *options: str) -> tuple[int, dict, str]:
    """Run the real command, and read the report it leaves."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-m", "predeploy", "--postgres=embedded"),
            *(f"--evidence={folder / 'evidence'}", "-p", "no:cacheprovider", *options),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads((folder / "evidence/latest/report.json").read_text())
    return done.returncode, report, done.stdout + done.stderr


def measured(report: dict) -> dict:
    """What the gate of the frozen plan measured."""
    gates = {gate["name"]: gate for gate in report["gates"]}
    return gates["schema_lock_is_current"]["measured"]


def assert_nothing_lost(report: dict) -> None:
    """Every row is there or in quarantine, and every cell is equal."""
    assert report["tables"]
    for table in report["tables"]:
        assert table["rows_source"] == table["rows_target"] + table["rows_quarantined"], table
        assert table["cells_different"] == 0, table


@pytest.fixture(scope="module")
def dirty(tmp_path_factory):
    """The dirty sample, made once."""
    return make(tmp_path_factory.mktemp("dirty") / "out", seed=7, scale=1, dirty=True)


def moved(folder):
    """Give the sample's configuration for another folder than its own."""
    text = Path("deploy.toml").read_text()
    for name in ("sample/queries.sql", "sample/policies.sql", "sample/supabase/"):
        text = text.replace(f'"{name}', f'"{Path(name).resolve()}{"/" * name.endswith("/")}')
    journeys = f'[gates.load]\nfolder = "{Path("loadtests").resolve()}"\n'
    text = text.replace("[gates.load]\n", journeys)
    return text.replace("sample/out/", f"{folder / 'out'}/")


def test_the_clean_sample_is_green_with_its_configuration(tmp_path):
    """The sample's own deploy.toml settles its one blocker."""
    made = make(tmp_path / "out", seed=7, scale=1)
    config = tmp_path / "deploy.toml"
    config.write_text(moved(tmp_path))
    shutil.copy("schema.lock", tmp_path)
    shutil.copytree("expectations", tmp_path / "expectations")
    code, report, output = rehearse(tmp_path, f"--deploy-config={config}")
    assert code == 0, output
    assert report["verdict"] == "green"
    assert sum(table["rows_source"] for table in report["tables"]) == made.rows
    assert_nothing_lost(report)
    settled = [f for f in report["findings"] if f["severity"] == "blocker"]
    assert [f["settled_by"] for f in settled] == ["digest (deploy.toml)"]
    assert not [f for f in report["findings"] if f["code"] == "no_schema_lock"]
    assert measured(report)["lock"] == "current"


def test_a_first_rehearsal_without_a_lock_is_green_and_says_so(tmp_path):
    """A newcomer has no schema.lock yet: a note tells how to make one."""
    make(tmp_path / "out", seed=7, scale=1)
    config = tmp_path / "deploy.toml"
    config.write_text(moved(tmp_path))
    shutil.copytree("expectations", tmp_path / "expectations")
    code, report, output = rehearse(tmp_path, f"--deploy-config={config}")
    assert code == 0, output
    notes = [f for f in report["findings"] if f["code"] == "no_schema_lock"]
    assert [(f["severity"], f["object"]) for f in notes] == [("note", "schema.lock")]
    assert measured(report)["lock"] == "none yet: run python -m pytest_deploy schema lock"


def test_the_dirty_sample_is_red_and_every_defect_is_named(tmp_path, dirty):
    """All that was planted is found, with its count; nothing else is."""
    code, report, _ = rehearse(tmp_path, f"--source={dirty.database}")
    planted = {
        (d["finding"], d["object"]): (d["severity"], d["count"])
        for d in dirty.defects
        if d["finding"]
    }
    found = {
        (f["code"], f["object"]): (f["severity"], f["count"] if f["severity"] == "blocker" else 0)
        for f in report["findings"]
    }
    assert found == planted
    assert (code, report["verdict"]) == (1, "red")


def test_the_dirty_sample_goes_over_with_accepted_remedies(tmp_path, dirty):
    """
    Every row and cell is equal or in quarantine, the chain of references included.

    That a machine chose all of the remedies is told as a risk: only the configured app has a bound.
    """
    code, report, output = rehearse(tmp_path, f"--source={dirty.database}", "--accept-remedies")
    assert code == 0, output
    assert report["plan"]["risks"]["total"] > 40
    assert report["plan"]["risks"]["largest_total"] is None
    assert_nothing_lost(report)
    left = {t["name"]: t["rows_quarantined"] for t in report["tables"] if t["rows_quarantined"]}
    assert left == {
        "sucio_cadena_1": 1,
        "sucio_cadena_2": 1,
        "sucio_cadena_3": 2,
        "sucio_huerfanos_obligados": 1,
    }


def test_the_report_is_what_its_schema_says(tmp_path, dirty):
    """report.json, red and full of findings, against the schema that is shipped with it."""
    _, report, _ = rehearse(tmp_path, f"--source={dirty.database}")
    schema = resources.files("pytest_deploy.report") / "schema.json"
    jsonschema.validate(report, json.loads(schema.read_text()))
    assert report["format"] == 1
    assert {"rows_source", "rows_target", "rows_quarantined"} <= report["tables"][0].keys()


def test_what_must_be_silent_is_silent(dirty):
    """Some defects are handled without a word: the list names them, too."""
    silent = {defect["object"] for defect in dirty.defects if not defect["finding"]}
    assert {"sucio_vacia", "sqlite_stat1", "mensajes", "sucio_compuesto_hijo"} <= silent
