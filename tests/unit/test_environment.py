"""Two servers side by side, and variables of which but the names are told."""

from dataclasses import replace

import pytest

from pytest_deploy.assessment.environment import (
    Environment,
    Look,
    Met,
    Wanted,
    Weight,
    compare,
    needs_of,
)
from pytest_deploy.assessment.variables import DIFFERENT, MISSING, PRESENT, variables
from pytest_deploy.gates.plan import environment_is_as_rehearsed
from pytest_deploy.gates.verdict import CheckState
from pytest_deploy.providers.postgres.looking import Seen

SERVER = Seen(
    version="18.6",
    major=18,
    settings={
        "server_version": "18.6",
        "block_size": "8192",
        "integer_datetimes": "on",
        "standard_conforming_strings": "on",
        "max_index_keys": "32",
        "max_identifier_length": "63",
        "TimeZone": "UTC",
        "work_mem": "4096kB",
    },
    database={"encoding": "UTF8", "collation": "C.UTF-8"},
    extensions={"plpgsql": "1.0"},
)
WANTED = Wanted(zone="Europe/Madrid", widest_index=3, longest_name=20, major=18, fresh=True)
SECRET = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo"


def unmet(**changes):
    return [met.need for met in needs_of(replace(SERVER, **changes), WANTED) if met.problem]


def test_a_server_like_the_rehearsals_meets_every_need():
    """And does not differ."""
    assert unmet() == []
    compared, differences = compare(SERVER, SERVER)
    assert compared == len(SERVER.settings) + 3  # the major version, encoding, collation, plpgsql
    assert differences == ()


@pytest.mark.parametrize(
    ("changes", "need"),
    [
        ({"major": 14}, "Postgres 15 or later"),
        ({"major": 17}, "the major version that deploy.toml names"),
        ({"database": {"encoding": "LATIN1"}}, "a database in UTF8"),
        ({"can_write": False}, "a server that takes writes"),
        ({"can_create": False}, "a role that may make schemas"),
        ({"settings": {**SERVER.settings, "block_size": "4096"}}, "blocks of 8192 bytes"),
        ({"settings": {**SERVER.settings, "max_index_keys": "2"}}, "room for the columns"),
        ({"settings": {**SERVER.settings, "max_identifier_length": "9"}}, "room for the longest"),
        ({"is_pooled": True}, "sessions of its own"),
        ({"knows_zone": False}, "the time zone of the source"),
        ({"standing": ("usuarios",)}, "names that are free"),
        ({"other_ledger": True}, "names that are free"),
    ],
)
def test_what_is_missing_is_named(changes, need):
    """Each need by its own name."""
    assert any(name.startswith(need) for name in unmet(**changes))


def test_what_decides_closes_the_gate_and_what_matters_does_not():
    """A memory setting is worth a note, a collation a risk, an encoding is another database."""
    other = replace(
        SERVER,
        major=17,
        settings={**SERVER.settings, "work_mem": "64MB", "TimeZone": "Europe/Madrid"},
        extensions={},
    )
    _, differences = compare(SERVER, other)
    assert {d.name: d.weight for d in differences} == {
        "Postgres": Weight.DECIDES,
        "work_mem": Weight.NOTE,
        "TimeZone": Weight.MATTERS,
        "extension plpgsql": Weight.MATTERS,
    }
    environment = Environment("production", Look.COMPARED, compared=9, differences=differences)
    assert environment_is_as_rehearsed(environment).problems == (
        "Postgres: rehearsed 18, there 17",
    )


def test_more_extensions_than_rehearsed_are_but_a_note():
    """What is not used does no harm."""
    _, (difference,) = compare(SERVER, replace(SERVER, extensions={"plpgsql": "1.0", "x": "2"}))
    assert (difference.name, difference.weight) == ("extension x", Weight.NOTE)


def test_what_cannot_be_reached_proves_nothing():
    """And says why; a need that is not met is told all the same."""
    needs = (Met("UTF8"),)
    verdict = environment_is_as_rehearsed(
        Environment("production", Look.UNREACHABLE, "nothing answers there", needs=needs)
    )
    assert verdict.examined == 0
    assert verdict.checks[-1].state is CheckState.UNPROVEN
    assert verdict.checks[-1].seen == "nothing answers there"


def test_what_is_not_configured_is_said(tmp_path):
    """The needs were looked at on the rehearsal's server, and nothing else was."""
    verdict = environment_is_as_rehearsed(
        Environment("production", Look.NOT_CONFIGURED, "seen none", needs=(Met("UTF8"),))
    )
    assert (verdict.examined, verdict.problems) == (1, ())
    assert verdict.measured["looked_at"] == "not configured seen none"


@pytest.fixture
def app(tmp_path):
    """A folder with a configuration and the app's own files."""
    (tmp_path / "deploy.toml").write_text(
        '[env.production]\ndatabase = "env:PRODUCTION_URL"\n[rehearsal]\npostgres = "env:HERE_URL"\n'
    )
    (tmp_path / ".env.example").write_text("# what is needed\nAPI_KEY=\nexport MAIL_HOST=x\nNEW=\n")
    (tmp_path / ".env").write_text(
        f"API_KEY={SECRET}\nMAIL_HOST='one'\nPRIVATE_KEY=\"-----BEGIN\n{SECRET}==\nSTILL_INSIDE=1\n\""
    )
    (tmp_path / ".env.local").write_text("MAIL_HOST=two # another\n")
    return tmp_path


def of(app, env="production", environ=None):
    found = variables(app / "deploy.toml", app, env, environ or {})
    return {one.name: one for one in found}


def test_variables_are_there_missing_or_different(app):
    """Those of deploy.toml come from the process, the app's from its files."""
    found = of(app, environ={"PRODUCTION_URL": SECRET})
    assert {name: one.state for name, one in found.items()} == {
        "API_KEY": PRESENT,
        "HERE_URL": MISSING,
        "MAIL_HOST": DIFFERENT,
        "NEW": MISSING,
        "PRIVATE_KEY": PRESENT,
        "PRODUCTION_URL": PRESENT,
    }
    assert found["PRODUCTION_URL"].named_in == ("deploy.toml, env.production.database",)
    assert found["MAIL_HOST"].named_in == (".env.example", ".env", ".env.local")


def test_what_only_another_env_names_is_not_needed(app):
    """It is looked up there, and told here all the same."""
    needed = {name: one.needed for name, one in of(app, env="staging").items()}
    assert needed["PRODUCTION_URL"] is False
    assert needed["HERE_URL"]
    assert needed["API_KEY"]
    assert of(app)["PRODUCTION_URL"].needed


def test_an_env_with_a_file_of_its_own_has_what_is_in_it(app):
    """What only this machine's file has is missing there."""
    (app / ".env.production").write_text("MAIL_HOST=two\n")
    states = {name: one.state for name, one in of(app).items()}
    assert states["API_KEY"] == MISSING
    assert states["MAIL_HOST"] == DIFFERENT


def test_no_value_is_told(app):
    """Neither as it is nor as a name, though it looks like one."""
    (app / ".env.production").write_text(f"{SECRET}=\nAPI_KEY={SECRET}")
    found = of(app, environ={"PRODUCTION_URL": SECRET})
    told = repr(found)
    assert SECRET not in told
    assert "STILL_INSIDE" not in told


def test_without_files_there_are_no_variables(tmp_path):
    """Nor is there an error where a name is a folder."""
    (tmp_path / ".env").mkdir()
    assert variables(None, tmp_path, "rehearsal", {}) == ()
