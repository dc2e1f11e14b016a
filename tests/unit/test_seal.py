"""A seal counts for exactly what was rehearsed, and for nobody who changed a byte of it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_deploy.config import load
from pytest_deploy.engine import keys
from pytest_deploy.engine.seal import Grounds, Seal, bounds, read_seal, refusals, write_seal
from pytest_deploy.errors import ConfigError
from pytest_deploy.gates.seal import sealed_rehearsal
from pytest_deploy.secrets import Secret

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
GROUNDS = Grounds(
    app="osyris",
    env="production",
    commit="c0ffee",
    clean=True,
    inputs={"deploy.toml": "aa", "schema.lock": "bb"},
    accepted=("orphans hijos.padre_id: null",),
    versions={"package": "0.1.0", "gates": "cc", "Postgres": "18"},
    required=("deploy:sealed_rehearsal",),
)
SEAL = Seal(GROUNDS, {"hijos": (0, 2000)}, "20261124-110000-abcd", "2026-11-24T11:00:00+00:00")
ROWS = {"hijos": 1000}


@pytest.fixture(scope="module")
def key():
    """A key that counts."""
    return keys.new_key()


@pytest.fixture
def settings(tmp_path, key):
    """A configuration that trusts it."""
    path = tmp_path / "deploy.toml"
    path.write_text(
        '[app]\nname = "osyris"\n[source]\ndatabase = "a.db"\n[env.production]\n'
        f'[seal]\ntrusted_keys = ["{keys.public_half(key)}"]\n'
    )
    return load(path)


def reasons(seal=SEAL, now=GROUNDS, rows=ROWS, at=AT):
    return list(refusals(seal, now, rows, oldest=timedelta(hours=24), at=at))


def test_what_was_rehearsed_is_accepted(tmp_path, key, settings):
    """Written, read again, and judged."""
    path = tmp_path / "seal.json"
    write_seal(path, SEAL, key)
    found = read_seal(path)
    assert found.seal == SEAL
    verdict = sealed_rehearsal(found, settings, GROUNDS, ROWS, AT)
    assert verdict.problems == ()
    assert verdict.examined


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"app": "otra"}, "foreign: rehearsed for app osyris, here is otra"),
        ({"env": "staging"}, "foreign: rehearsed for env production, here is staging"),
        ({"commit": "decaf"}, "foreign: rehearsed for commit c0ffee, here is decaf"),
        ({"clean": False}, "dirty: this is a working tree"),
        ({"inputs": {"deploy.toml": "zz", "schema.lock": "bb"}}, "changed since: file deploy.toml"),
        ({"inputs": {"deploy.toml": "aa"}}, "changed since: file schema.lock"),
        (
            {"inputs": {**GROUNDS.inputs, "expectations/x.json": "dd"}},
            "changed since: file expectations/x.json",
        ),
        (
            {"versions": {**GROUNDS.versions, "Postgres": "17"}},
            "changed since: version of Postgres",
        ),
        ({"versions": {**GROUNDS.versions, "gates": "!"}}, "changed since: version of gates"),
        ({"required": ()}, "missing: gate deploy:sealed_rehearsal"),
        (
            {"accepted": (*GROUNDS.accepted, "unfit_values hijos.nota: open")},
            "not rehearsed: finding unfit_values hijos.nota: open",
        ),
        ({"accepted": ("orphans hijos.padre_id: keep",)}, "not rehearsed: finding orphans"),
    ],
)
def test_what_is_not_as_rehearsed_is_refused(change, said):
    """One reason, and the right one."""
    (reason,) = reasons(now=replace(GROUNDS, **change))
    assert reason.startswith(said)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (AT + timedelta(hours=24), "stale: sealed 25.0 hours ago, at most 24.0 hours are allowed"),
        (AT - timedelta(hours=2), "from the future: sealed 1.0 hours ahead"),
    ],
)
def test_a_seal_has_its_time(at, said):
    """Too old, or from a clock that is wrong."""
    (reason,) = reasons(at=at)
    assert reason.startswith(said)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"hijos": 2001}, "table hijos: 2,001 rows, rehearsed for 0 to 2,000"),
        ({"hijos": 1, "nueva": 1}, "table nueva: not rehearsed"),
        ({}, "table hijos: no longer there"),
    ],
)
def test_another_volume_is_refused(rows, said):
    """A live app writes on, within bounds."""
    assert reasons(rows=rows) == [said]


@given(st.integers(0, 10**9), st.floats(1, 10), st.integers(0, 10**4))
def test_the_rows_that_were_rehearsed_are_within_bounds(rows, growth, spare):
    """And so are as many as the configuration allows."""
    few, many = bounds({"t": rows}, growth, spare)["t"]
    assert 0 <= few <= max(min(1, rows), rows - spare) <= rows <= rows + spare <= many


def test_a_table_that_lost_all_its_rows_is_another_volume():
    """However small it was: spare rows are not all of them."""
    (said,) = reasons(replace(SEAL, rows=bounds({"hijos": 3}, 2.0, 1000)), rows={"hijos": 0})
    assert said == "table hijos: 0 rows, rehearsed for 1 to 1,003"
    assert bounds({"hijos": 0}, 2.0, 1000) == {"hijos": (0, 1000)}


def test_a_finding_that_is_gone_is_no_reason():
    """The data got better: nothing was accepted that was not rehearsed."""
    assert reasons(now=replace(GROUNDS, accepted=())) == []


def test_a_dirty_tree_may_be_practised_on():
    """For the rehearsal's own target one may try what is not committed."""
    here = replace(GROUNDS, env="rehearsal", clean=False)
    assert reasons(seal=replace(SEAL, grounds=here), now=here) == []


def paths_of(told, before=()):
    """Every place of a JSON value."""
    inside = told.items() if isinstance(told, dict) else enumerate(told)
    for name, value in inside:
        if isinstance(value, dict | list):
            yield from paths_of(value, (*before, name))
        else:
            yield (*before, name)


def test_every_byte_is_signed(tmp_path, key, settings):
    """Whatever is changed in the file, the seal does not count any more."""
    path = tmp_path / "seal.json"
    write_seal(path, SEAL, key)
    whole = json.loads(path.read_text())
    places = list(paths_of(whole))
    assert len(places) > 15
    for place in places:
        told = json.loads(path.read_text())
        inside = told
        for name in place[:-1]:
            inside = inside[name]
        value = inside[place[-1]]
        inside[place[-1]] = (
            not value
            if isinstance(value, bool)
            else value + 1
            if isinstance(value, int)
            else f"{value}0"
        )
        forged = tmp_path / "forged.json"
        forged.write_text(json.dumps(told))
        assert sealed_rehearsal(read_seal(forged), settings, GROUNDS, ROWS, AT).problems, place


def test_a_key_that_nobody_trusts_is_refused(tmp_path, settings):
    """Its signature holds, and counts for the rehearsal alone."""
    path = tmp_path / "seal.json"
    other = keys.new_key()
    write_seal(path, SEAL, other)
    (problem,) = sealed_rehearsal(read_seal(path), settings, GROUNDS, ROWS, AT).problems
    assert "unknown key" in problem
    here = replace(GROUNDS, env="rehearsal")
    write_seal(path, replace(SEAL, grounds=here), other)
    assert sealed_rehearsal(read_seal(path), settings, here, ROWS, AT).problems == ()


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"seal": {}, "key": 1}', "\x00", "ñ"])
def test_what_is_no_seal_is_refused(tmp_path, settings, text):
    """With words, never with a traceback."""
    path = tmp_path / "seal.json"
    path.write_text(text)
    (problem,) = sealed_rehearsal(read_seal(path), settings, GROUNDS, ROWS, AT).problems
    assert "it is no seal of format 1" in problem
    (problem,) = sealed_rehearsal(
        read_seal(tmp_path / "none"), settings, GROUNDS, ROWS, AT
    ).problems
    assert "there is none" in problem


@pytest.mark.parametrize("rows", ["Infinity", "NaN", "[" * 100_000])
def test_what_no_number_is_and_what_has_no_end_is_no_seal(tmp_path, key, rows):
    """A gate says so."""
    path = tmp_path / "seal.json"
    write_seal(path, SEAL, key)
    path.write_text(path.read_text().replace("2000", rows))
    assert "it is no seal of format 1" in read_seal(path).problem


@pytest.mark.parametrize("text", ["", "secreto-marcado", "c2VjcmV0by1tYXJjYWRv", "contraseña"])
def test_a_key_that_is_none_is_told_and_not_shown(text):
    """What was given may be another secret."""
    with pytest.raises(ConfigError) as caught:
        keys.public_half(Secret(text))
    assert not text or text not in str(caught.value)
