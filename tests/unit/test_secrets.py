"""Secrets: looked up when they are used, and never shown."""

import json
import logging
import pickle
import traceback

import pytest
from hypothesis.vendor.pretty import pretty

from pytest_deploy.config import load
from pytest_deploy.errors import ConfigError
from pytest_deploy.secrets import Secret, redact_url, resolve

PASSWORD = "hunter2"
URL = f"postgresql://app:{PASSWORD}@db.example.org:5432/osyris"
LEAST = '[app]\nname = "osyris"\n[source]\ndatabase = "osyris.db"\n'


@pytest.fixture
def settings(tmp_path):
    """Load settings with this text behind the least ones."""

    def settings_with(text):
        path = tmp_path / "deploy.toml"
        path.write_text(LEAST + text)
        return load(path)

    return settings_with


@pytest.mark.parametrize("show", [str, repr, "{}".format, "{:>9}".format, lambda s: f"{[s]}"])
def test_secret_shows_a_mask(show):
    """However it is printed."""
    shown = show(Secret(PASSWORD))
    assert "***" in shown
    assert PASSWORD not in shown


def test_secret_is_masked_by_printers_that_look_into_dataclasses():
    """Hypothesis and IPython print fields by themselves where nobody tells them otherwise."""
    assert "hunter2" not in pretty({"password": Secret("hunter2")})


def test_secret_is_handed_out_only_on_request():
    """`reveal` is the one word to look for in a review; a pickled secret is still whole."""
    assert Secret(PASSWORD).reveal() == PASSWORD
    assert pickle.loads(pickle.dumps(Secret(PASSWORD))).reveal() == PASSWORD


def test_secret_is_masked_in_logs(caplog):
    """Logging formats late."""
    with caplog.at_level(logging.INFO):
        logging.getLogger("deploy").info("to %s, %r", Secret(PASSWORD), {"url": Secret(PASSWORD)})
    assert PASSWORD not in caplog.text


def test_name_of_a_variable_is_resolved():
    """`env:NAME` is what the variable holds; any other text is the secret itself."""
    assert resolve("env:URL", where="here", environ={"URL": URL}).reveal() == URL
    assert resolve(URL, where="here", environ={}).reveal() == URL


def test_variable_of_the_process_is_used(monkeypatch):
    """Without an environment of its own, the process's is asked."""
    monkeypatch.setenv("DEPLOY_TEST_URL", URL)
    assert resolve("env:DEPLOY_TEST_URL", where="here").reveal() == URL


@pytest.mark.parametrize("environ", [{}, {"URL": ""}])
def test_missing_variable_is_named(environ):
    """With the place that asks for it; an empty one counts as missing."""
    with pytest.raises(ConfigError, match="'URL'") as refused:
        resolve("env:URL", where="deploy.toml, [env.production]", environ=environ)
    assert refused.value.where == "deploy.toml, [env.production]"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, "postgresql://app:***@db.example.org:5432/osyris"),
        ("postgresql://db/x?user=a&password=b", "postgresql://db/x?user=a&password=***"),
        ("postgresql://app@db/x", "postgresql://app@db/x"),
    ],
)
def test_url_keeps_what_a_person_recognises(url, shown):
    """Host and database stay, passwords go."""
    assert redact_url(url) == shown


def test_configuration_needs_no_variable_of_an_env_not_used(settings, monkeypatch):
    """A rehearsal runs on a machine that knows nothing of production."""
    monkeypatch.delenv("PRODUCTION_DATABASE_URL", raising=False)
    loaded = settings('[env.production]\ndatabase = "env:PRODUCTION_DATABASE_URL"')
    assert loaded.environment("production").database.reveal() == "env:PRODUCTION_DATABASE_URL"


def test_url_of_an_env_is_resolved_when_used(settings):
    """From the variable that the configuration names."""
    loaded = settings('[env.production]\ndatabase = "env:TARGET"')
    assert loaded.database_url("production", {"TARGET": URL}).reveal() == URL


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('database = "env:TARGET"', "environment variable 'TARGET'"),
        ("postgres_major = 17", "expected the URL of its database, seen none"),
    ],
)
def test_env_without_a_url_is_refused(settings, text, said):
    """The error names the file and the key."""
    loaded = settings(f"[env.production]\n{text}")
    with pytest.raises(ConfigError, match=said) as refused:
        loaded.database_url("production", {})
    assert refused.value.where == f"{loaded.path}, [env.production] database"


def test_settings_show_no_secret(settings):
    """Neither printed, nor dumped, nor as JSON."""
    loaded = settings(f'[rehearsal]\npostgres = "{URL}"\n[env.production]\ndatabase = "{URL}"')
    env = loaded.environment("production")
    assert env.database.reveal() == loaded.rehearsal.postgres.reveal() == URL
    dumped = json.dumps(loaded.model_dump(mode="json"))
    for shown in (repr(loaded), str(loaded), loaded.model_dump_json(), dumped, repr(env)):
        assert PASSWORD not in shown
        assert "***" in shown
    assert PASSWORD not in repr(loaded.model_dump())


@pytest.mark.parametrize(
    "text",
    [
        f'[env.production]\ndatabase = ["{URL}"]',
        f'[env.production]\ndatbase = "{URL}"',
        f'[env]\nproduction = "{URL}"',
        f'[rehearsal]\npostgres = {{url = "{URL}"}}',
        f'[rehearsal]\nimage = 5\nurl = "{URL}"',
        f'[schema.columns."a.b"]\ntype = "{URL}"',
        f'[env.production]\ndatabase = "{URL}',
    ],
)
def test_refused_configuration_shows_no_secret(settings, text):
    """A mistake beside a password, or in its place, does not print it."""
    with pytest.raises(ConfigError) as refused:
        settings(text)
    assert PASSWORD not in "".join(traceback.format_exception(refused.value))
