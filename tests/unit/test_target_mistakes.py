"""What names a project is looked at before anything is connected to: each mistake has a remedy."""

import base64
import json
import socket
import time

import pytest

from pytest_deploy.config import load
from pytest_deploy.config.configuration import PUBLIC_PREFIXES
from pytest_deploy.errors import ConfigError
from pytest_deploy.providers.supabase import addresses
from pytest_deploy.providers.supabase.given import project_of
from pytest_deploy.providers.supabase.mistakes import Named, refuse_mistakes
from pytest_deploy.secrets import Secret

REF, OTHER = "abcdefghijklmnopqrst", "tsrqponmlkjihgfedcba"
HOST = f"db.{REF}.supabase.co"
VERIFIED = {"host": HOST, "port": "5432", "user": "postgres", "sslmode": "verify-full"}
LOCAL = {"host": "127.0.0.1", "port": "54322", "user": "postgres"}
PUBLISHABLE, SECRET = "sb_publishable_0123456789", "sb_secret_0123456789"
MARKER = "clave-de-nadie"


def legacy(role, *, ref=REF, ends=3600.0):
    """A legacy key: a token that nobody has signed."""
    claims = {"iss": "supabase", "ref": ref, "role": role, "exp": int(time.time() + ends)}
    parts = (json.dumps(one).encode() for one in ({"alg": "HS256"}, claims))
    text = (base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    return ".".join((*text, MARKER))


def named(**other):
    """A hosted project, of which but what is told is right."""
    told = {
        "env": "production",
        "url": f"https://{REF}.supabase.co",
        "publishable_key": PUBLISHABLE,
        "secret_key": SECRET,
        "database": VERIFIED | {"password": MARKER},
        "references": {},
        "public_prefixes": PUBLIC_PREFIXES,
    } | other
    keys = {key: Secret(told[key]) for key in ("publishable_key", "secret_key")}
    return Named(**(told | keys))


@pytest.fixture(autouse=True)
def names(monkeypatch):
    """Nobody is asked for an address: each host has one of each kind."""
    both = [
        (socket.AF_INET, socket.SOCK_DGRAM, 0, "", ("127.0.0.1", 5432)),
        (socket.AF_INET6, socket.SOCK_DGRAM, 0, "", ("::1", 5432, 0, 0)),
    ]
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *_, **__: both)
    return both


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({}, id="hosted, keys of today"),
        pytest.param(
            {"publishable_key": legacy("anon"), "secret_key": legacy("service_role")},
            id="hosted, legacy keys",
        ),
        pytest.param({"url": "https://api.scouts.example"}, id="a domain of its own"),
        pytest.param(
            {
                "database": VERIFIED
                | {"host": "aws-0-eu-west-1.pooler.supabase.com", "user": f"postgres.{REF}"}
            },
            id="session pooler",
        ),
        pytest.param(
            {
                "url": "http://127.0.0.1:54321",
                "database": LOCAL,
                "publishable_key": legacy("anon", ref=""),
                "secret_key": legacy("service_role", ref=""),
            },
            id="local stack",
        ),
        pytest.param({"url": "http://kong:8000", "database": LOCAL | {"host": "db"}}, id="compose"),
    ],
)
def test_what_is_right_passes(told):
    """Hosted or local, keys of today or of before."""
    refuse_mistakes(named(**told))


@pytest.mark.parametrize(
    ("told", "key", "seen", "remedy"),
    [
        (
            {"publishable_key": SECRET, "secret_key": PUBLISHABLE},
            "publishable_key",
            "both are mixed up",
            "exchange publishable_key and secret_key",
        ),
        (
            {"publishable_key": SECRET},
            "publishable_key",
            "seen a secret key",
            "put the publishable key",
        ),
        (
            {"publishable_key": legacy("service_role")},
            "publishable_key",
            "seen the legacy service_role key",
            "put the publishable key",
        ),
        (
            {"secret_key": legacy("anon")},
            "secret_key",
            "seen the legacy anon key",
            "put the secret key",
        ),
        ({"secret_key": MARKER}, "secret_key", "seen something else", "copy it whole"),
        ({"secret_key": f"e30.{MARKER}.x"}, "secret_key", "seen something else", "copy it whole"),
        (
            {"publishable_key": legacy("anon", ends=-1.0)},
            "publishable_key",
            "which has ended",
            "make a new one",
        ),
        (
            {"references": {"secret_key": "env:NEXT_PUBLIC_SUPABASE_KEY"}},
            "secret_key",
            "seen NEXT_PUBLIC_SUPABASE_KEY",
            "make a new key",
        ),
        ({"url": "supabase.co"}, "url", "seen something else", "copy the project URL"),
        ({"url": "https://[::1"}, "url", "seen something else", "copy the project URL"),
        ({"url": "https://x.co:port"}, "url", "seen something else", "copy the project URL"),
        ({"url": f"https://u:{MARKER}@x.co"}, "url", "seen something else", "copy the project URL"),
        ({"url": "https://x.co/rest/v1"}, "url", "seen one with a path", "copy the project URL"),
        ({"url": "http://x.supabase.co"}, "url", "seen http for a host", "write https://"),
        (
            {"database": VERIFIED | {"port": "6543"}},
            "database",
            "a transaction pooler",
            "the session pooler on port 5432",
        ),
        (
            {"database": {**VERIFIED, "sslmode": "require"}},
            "database",
            "seen sslmode=require",
            "sslmode=verify-full",
        ),
        (
            {"database": {"host": "10.0.0.7", "user": "postgres"}},
            "database",
            "seen sslmode=prefer",
            "sslmode=verify-full",
        ),
        (
            {"url": f"https://{OTHER}.supabase.co"},
            "database",
            f"seen one of {REF}",
            "all four from the same project",
        ),
        (
            {"secret_key": legacy("service_role", ref=OTHER)},
            "secret_key",
            f"seen one of {OTHER}",
            "all four from the same project",
        ),
    ],
)
def test_a_mistake_is_named_with_its_remedy(told, key, seen, remedy):
    """Which key of deploy.toml, what was seen, what to do; and nothing that is secret."""
    with pytest.raises(ConfigError) as raised:
        refuse_mistakes(named(**told))
    error = raised.value
    assert error.where == f"deploy.toml, [env.production] {key}"
    assert seen in error.problem
    assert remedy in error.remedy
    for hidden in (MARKER, SECRET, PUBLISHABLE):
        assert hidden not in str(error)


def test_a_host_of_ipv6_alone_is_out_of_reach_where_there_is_none(names, monkeypatch):
    """As the direct host of a project is from most machines of CI."""

    class Unrouted(socket.socket):
        def connect(self, _address):
            raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(addresses.socket, "socket", Unrouted)
    refuse_mistakes(named())  # there is an address of IPv4, too
    del names[0]
    with pytest.raises(ConfigError, match="session pooler") as raised:
        refuse_mistakes(named())
    assert "IPv6 addresses only" in raised.value.problem


def test_a_secret_for_browsers_is_seen_whatever_else_is_configured(tmp_path, monkeypatch):
    """An app that lets no variable be set has a front end all the same."""
    values = {"url": "http://127.0.0.1:9", "publishable_key": PUBLISHABLE, "secret_key": SECRET}
    values["database"] = f"postgresql://u:{MARKER}@127.0.0.1:9/d"
    lines = ["[app]", 'name = "a"', "[source]", 'database = "a.db"', "[env.production]"]
    for key, value in values.items():
        monkeypatch.setenv(f"VITE_{key.upper()}", value)
        lines.append(f'{key} = "env:VITE_{key.upper()}"')
    (tmp_path / "deploy.toml").write_text("\n".join(lines))
    with pytest.raises(ConfigError, match="VITE_SECRET_KEY") as raised:
        project_of(load(tmp_path / "deploy.toml"), "production")
    assert MARKER not in str(raised.value)
