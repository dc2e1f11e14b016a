"""`deploy.toml`: what it says is what the settings hold, and every mistake is named."""

import hashlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_deploy.config import EnvSettings, for_source, load, setting_lines
from pytest_deploy.errors import ConfigError

LEAST = '[app]\nname = "osyris"\n[source]\ndatabase = "data/osyris.db"\n'
WHOLE = (
    LEAST
    + """
uploads = "data/uploads"
timezone = "Europe/Madrid"
[schema]
name = "club"
[schema.columns."usuarios.telefono"]
type = "numeric(12,2)"
unfit = "widen"
nulls = "quarantine"
[schema.tables.claves]
primary_key = "unique"
[schema.indexes.idx_paginas_busqueda]
oversized = "digest"
keep = false
[schema.foreign_keys."mensajes.autor_id"]
orphans = "null"
[schema.checks."usuarios.rol"]
violated = "keep"
[rehearsal]
postgres = "embedded"
image = "postgres:17"
workers = 2
[env.production]
postgres_major = 17
database = "env:PRODUCTION_DATABASE_URL"
"""
)


@pytest.fixture
def written(tmp_path):
    """Write a `deploy.toml`, hand out its path."""

    def write(text):
        path = tmp_path / "deploy.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def problem(written):
    """Load what must be refused, hand out the message without the file's name."""

    def refuse(text):
        path = written(text)
        with pytest.raises(ConfigError) as refused:
            load(path)
        assert str(path) in refused.value.subject
        return refused.value.problem

    return refuse


def test_least_configuration_has_defaults(written, tmp_path):
    """An app and a database are enough."""
    settings = load(written(LEAST))
    assert settings.source.database == tmp_path / "data/osyris.db"
    assert settings.source.uploads is None
    assert settings.source.timezone == "UTC"
    assert settings.schema_.name == "public"
    assert settings.rehearsal.postgres.reveal() == "auto"
    assert (settings.rehearsal.image, settings.rehearsal.workers) == ("postgres:18", 0)
    assert settings.env == {}


def test_every_key_is_read(written, tmp_path):
    """What stands in the file stands in the settings."""
    settings = load(written(WHOLE))
    schema = settings.schema_
    column = schema.columns["usuarios.telefono"]
    assert settings.source.uploads == tmp_path / "data/uploads"
    assert (column.type, column.unfit, column.nulls) == ("numeric(12,2)", "widen", "quarantine")
    assert schema.tables["claves"].primary_key == "unique"
    assert schema.indexes["idx_paginas_busqueda"].oversized == "digest"
    assert not schema.indexes["idx_paginas_busqueda"].keep
    assert schema.foreign_keys["mensajes.autor_id"].orphans == "null"
    assert schema.foreign_keys["mensajes.autor_id"].keep
    assert schema.checks["usuarios.rol"].violated == "keep"
    assert settings.rehearsal.workers == 2
    assert settings.environment("production").postgres_major == 17


def test_file_is_known_by_path_and_digest(written):
    """Evidence can name the very file that was used."""
    path = written(LEAST)
    settings = load(path)
    assert settings.path == path
    assert settings.digest == hashlib.sha256(LEAST.encode()).hexdigest()


def test_paths_are_relative_to_the_file(written, tmp_path, monkeypatch):
    """Where the command is typed makes no difference; an absolute path stays."""
    path = written(LEAST)
    monkeypatch.chdir(tmp_path.parent)
    relative = load(path.relative_to(tmp_path.parent))
    assert relative.source.database == tmp_path / "data/osyris.db"
    absolute = load(written(LEAST.replace("data/", "/srv/")))
    assert absolute.source.database == Path("/srv/osyris.db")


def test_settings_are_frozen(written):
    """Nobody changes them on the way."""
    settings = load(written(LEAST))
    with pytest.raises(pydantic.ValidationError):
        settings.source.timezone = "Asia/Tokyo"


def test_byte_order_mark_is_accepted(written):
    """Editors on Windows write one."""
    assert load(written(b"\xef\xbb\xbf" + LEAST.encode())).app.name == "osyris"


def test_queries_are_those_of_the_configured_database(tmp_path):
    """Another database has other tables, and other statements."""
    file = tmp_path / "deploy.toml"
    file.write_text(LEAST + '[behaviour]\nqueries = "queries.sql"\n')
    settings = load(file)
    assert settings.queries == tmp_path / "queries.sql"
    assert settings.with_source(settings.source.database).queries == tmp_path / "queries.sql"
    assert settings.with_source(tmp_path / "another.db").queries is None


def test_a_name_of_a_file_is_told_in_one_line():
    """Whatever it is called."""
    assert for_source(Path("a\n::error::\x1b[31mb.db")).app.name == "a?::error::?[31mb"


def test_source_alone_makes_settings(tmp_path):
    """`--source FILE.db` needs no configuration."""
    settings = for_source(tmp_path / "chinook.db")
    assert settings.app.name == "chinook"
    assert settings.source.database == tmp_path / "chinook.db"
    assert (settings.path, settings.digest) == (None, "")
    assert settings.environment("rehearsal") == EnvSettings()


def test_other_source_forgets_the_uploads(written, tmp_path):
    """Uploads belong to the database they were configured with; the rest stays."""
    settings = load(written(WHOLE)).with_source(tmp_path / "other.db")
    assert settings.source.database == tmp_path / "other.db"
    assert settings.source.uploads is None
    assert settings.source.timezone == "Europe/Madrid"
    assert settings.schema_.name == "club"


def test_rehearsal_is_always_an_env(written):
    """`[env.rehearsal]` may be left out, and may be there."""
    assert load(written(LEAST)).environment("rehearsal") == EnvSettings()
    settings = load(written(LEAST + "[env.rehearsal]\npostgres_major = 16\n"))
    assert settings.environment("rehearsal").postgres_major == 16


def test_unknown_env_is_refused_with_a_suggestion(written):
    """The error lists the envs that there are."""
    with pytest.raises(ConfigError, match=r"production, rehearsal.*did you mean 'production'"):
        load(written(WHOLE)).environment("prodution")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LEAST.replace('name = "osyris"', ""), "app.name: expected text; seen none"),
        ("[app]\nname = 'x'", "source: expected a table; seen none"),
        ("[app]\nname = 'x'\n[source]", "source.database: expected a path; seen none"),
        (LEAST.replace('"osyris"', "5"), "app.name: expected text; seen an integer: 5"),
        (LEAST.replace('"osyris"', '""'), "app.name: expected text that is not empty; seen"),
        (LEAST.replace('"data/osyris.db"', '""'), 'database: expected a path; seen text: ""'),
        (LEAST.replace('"data/osyris.db"', "1.5"), "database: expected a path; seen a number: 1.5"),
        (LEAST + 'timezone = "Europe/Madird"', "such as Europe/Madrid; seen text"),
        (LEAST + 'timezone = "../../etc/passwd"', "expected a time zone of the IANA database"),
        (LEAST + "timezone = 2020-01-01", "timezone: expected text; seen a date: 2020-01-01"),
        (LEAST + '[schema]\nname = "deploy"', "schema.name: expected another name"),
        (LEAST + f'[schema]\nname = "{"ñ" * 32}"', "schema.name: expected a name of at most 63"),
        (
            LEAST + '[schema.columns."a.b"]\ntype = "varchar"',
            'schema.columns."a.b".type: expected one of bigint, double precision,',
        ),
        (LEAST + '[schema.columns."a.b"]\ntype = "numeric(2,3)"', "numeric(p,s) with p of 1"),
        (
            LEAST + '[schema.columns."a.b"]\nunfit = "wyden"',
            '"quarantine"; seen text: "wyden"; did you mean \'widen\'?',
        ),
        (LEAST + '[schema.columns]\n"a.b" = "text"', 'columns."a.b": expected a table; seen text'),
        (LEAST + '[schema.indexes.i]\nkeep = "no"', "expected true or false; seen text"),
        (LEAST + "[rehearsal]\nworkers = -1", "expected greater than or equal to 0; seen"),
        (LEAST + "[rehearsal]\nworkers = true", "expected an integer; seen a boolean"),
        (LEAST + '[privacy]\npersonal = "a.b"', "privacy.personal: expected a list of text; seen"),
        (LEAST + '[privacy]\npersonal = ["a.b", "a"]', "personal.1: expected a column as table."),
        (LEAST + "[privacy]\npersonal = [3]", "personal.0: expected text; seen an integer: 3"),
        (LEAST + "[seal]\ntrusted_keys = [true]", "trusted_keys.0: expected text; seen a boolean"),
        (
            LEAST + '[seal]\ntrusted_keys = ["abc="]',
            "trusted_keys.0: expected a public key as `seal",
        ),
        (LEAST.replace('"osyris"', '"a\\n::error::b"'), "app.name: expected one line of letters"),
        (LEAST.replace('"osyris"', '"a\\u202Eb"'), "app.name: expected one line of letters"),
        (LEAST + '[env."../../x"]', "env: expected names of letters, digits, dots"),
        (LEAST + "[env.staging]\npostgres_major = 14", "greater than or equal to 15; seen an"),
    ],
)
def test_wrong_value_is_named(problem, text, said):
    """The key, what is allowed, and what was seen."""
    assert said in problem(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "nme = 1\n" + LEAST,
            "nme: unknown key; known are access, app, backup, behaviour, configuration, env, files, freeze, gates, privacy, rehearsal, release",
        ),
        (LEAST + 'timezon = "UTC"', "source.timezon: unknown key; known are database, timezone"),
        (LEAST + 'timezon = "UTC"', "did you mean 'timezone'?"),
        (LEAST + '[schema.column."a.b"]', "did you mean 'columns'?"),
        (LEAST + '[schema.columns."a.b"]\nunfitt = "fail"', 'schema.columns."a.b".unfitt: unknown'),
        (
            LEAST + "[env.production]\nuri = 'x'",
            "known are database, disk_mb, existing, load_writes, postgres_major, publishable_key, secret_key, url",
        ),
        ("[schema_]\n" + LEAST, "schema_: unknown key"),
        ("digest = 'x'\n" + LEAST, "digest: unknown key"),
    ],
)
def test_unknown_key_is_named_with_the_nearest(problem, text, said):
    """A misspelt key is an error, never ignored."""
    assert said in problem(text)


@pytest.mark.parametrize(
    "address",
    ["https://key:s3creto@s3.example", "https://s3.example?password=s3creto", "ftp://s3", "s3"],
)
def test_a_bucket_has_an_address_with_no_key_in_it(problem, address):
    """It would be in every error about the bucket; so the message does not repeat it either."""
    said = problem(
        LEAST
        + '[backup]\nrecipients = ["age1t993xqkutt4cs5cvp6yhg8vgxt57qe5nxht4rawwfe8dl6324vuq49zs4p"]'
        + f'\n[backup.bucket]\nname = "x"\nendpoint = "{address}"'
        + '\naccess_key = "env:A"\nsecret_key = "env:B"'
    )
    assert "backup.bucket.endpoint: expected an address that begins with https://" in said
    assert "s3creto" not in said


def test_forgotten_quotes_are_explained(problem):
    """`table.column` without quotes is two tables to TOML."""
    said = problem(LEAST + '[schema.columns.usuarios.telefono]\ntype = "text"')
    assert '[schema.columns."usuarios.telefono"]' in said


def test_all_mistakes_are_told_at_once(written):
    """One run is enough to correct a file."""
    path = written("[app]\n[source]\nuploads = 1\n[rehearsal]\nworkers = 'x'\nimagen = 'y'")
    with pytest.raises(ConfigError, match="5 problems") as refused:
        load(path)
    for key in ("app.name", "source.database", "source.uploads", "rehearsal.workers", ".imagen"):
        assert f"{key}: " in str(refused.value)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[app]\nname = "osyris', "at line 2, column 15, the end of the file"),
        ("[app]\n\n  name osyris\n", "at line 3, column 8"),
        ("a = 1\na = 2\n", "at line 2, column 6"),
        (b"[app]\nname = '\xf1'\n", "expected UTF-8, seen other bytes (at line 2)"),
    ],
)
def test_syntax_error_names_its_place(problem, text, place):
    """Line and column, also at the end of the file."""
    assert place in problem(text)


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_file_that_cannot_be_read_is_named(tmp_path, name):
    """A missing file and a folder get the same four parts."""
    with pytest.raises(ConfigError, match="cannot be read") as refused:
        load(tmp_path / name)
    assert str(tmp_path) in refused.value.subject


@pytest.mark.parametrize(
    ("section", "name", "key", "value", "lines"),
    [
        (
            *("foreign_keys", "mensajes.autor_id", "orphans", "null"),
            '[schema.foreign_keys."mensajes.autor_id"]\norphans = "null"',
        ),
        (
            *("indexes", "idx_paginas_busqueda", "oversized", "digest"),
            '[schema.indexes.idx_paginas_busqueda]\noversized = "digest"',
        ),
        ("indexes", "idx", "keep", "false", "[schema.indexes.idx]\nkeep = false"),
        ("tables", "año", "primary_key", "unique", '[schema.tables."año"]\nprimary_key = "unique"'),
        ("checks", 't."c"', "violated", "keep", '[schema.checks."t.\\"c\\""]\nviolated = "keep"'),
    ],
)
def test_lines_that_settle_a_finding(written, section, name, key, value, lines):
    """Names stand in quotes only where TOML needs them, and the lines can be pasted as they are."""
    assert setting_lines(section, name, key, value) == lines
    found = getattr(load(written(LEAST + lines)).schema_, section)[name]
    assert str(getattr(found, key)).lower() == value


@given(name=st.text(st.characters(exclude_categories=["Cs"])))
def test_lines_hold_any_name(name):
    """Quotes, backslashes, control letters, the empty name: TOML reads back what was written."""
    told = tomllib.loads(setting_lines("columns", name, "type", "text"))
    assert told == {"schema": {"columns": {name: {"type": "text"}}}}


def test_sample_configuration_shows_how_a_finding_is_settled():
    """The one blocker of the sample app has its remedy."""
    settings = load(Path(__file__).parents[2] / "deploy.toml")
    assert settings.schema_.indexes["idx_paginas_busqueda"].oversized == "digest"
    assert settings.source.timezone == "Europe/Madrid"
    assert settings.environment("production").database is not None


def test_reading_a_configuration_loads_nothing_heavy():
    """`pytest --collect-only` pays for this import."""
    code = "import sys, pytest_deploy.config as c; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"psycopg", "docker", "sqlglot", "rich", "sqlalchemy", "pytest"}
    assert not heavy & set(done.stdout.split())
