"""What is known of journeys over HTTP without carrying them out, and what the client says of answers."""

import socket
import subprocess
import sys
import threading

import pytest

from pytest_deploy.config.gates import HttpLoadSettings, LoadSettings
from pytest_deploy.errors import LoadError
from pytest_deploy.gates.http_load import http_load_is_carried
from pytest_deploy.load.journeys import asks, journeys_that_ask, writes_of
from pytest_deploy.load.orders import Orders
from pytest_deploy.load.results import Load, joined
from pytest_deploy.load.sessions import Sessions
from pytest_deploy.secrets import Secret

SESSIONS = Sessions("https://x.example", Secret("k"), Secret("planted-m"), Secret("planted-e"))
HTTP, SQL = (
    "from pytest_deploy.load.http import SupabaseUser",
    "from pytest_deploy.load import user",
)


@pytest.mark.parametrize(
    ("text", "whom"),
    [
        (HTTP, "project"),
        ("import pytest_deploy.load.http as h", "project"),
        ("from pytest_deploy.load import http", "project"),
        ("from pytest_deploy.load.user import DatabaseUser", "database"),
        (SQL, "database"),
        ("from locust import User", "database"),
        ("def (", "database"),
    ],
)
def test_a_journey_asks_the_project_where_it_imports_what_does(tmp_path, text, whom):
    """Nothing of it is carried out for that."""
    file = tmp_path / "a.py"
    file.write_text(text + "\nraise SystemExit\n")
    assert asks(file) == whom
    assert journeys_that_ask(tmp_path, whom) == [file]


def test_what_is_written_is_read_without_importing(tmp_path):
    """Tables and columns of all files; what is not written out is refused."""
    for name, told in (("a", '{"pages": "slug"}'), ("b", '{"notes": "title"}'), ("c", "TABLES")):
        (tmp_path / f"{name}.py").write_text(
            f"{HTTP}\nclass E(SupabaseUser):\n    writes = {told}\n"
        )
    files = sorted(tmp_path.glob("*.py"))
    assert writes_of(files[:2]) == {"pages": "slug", "notes": "title"}
    with pytest.raises(LoadError) as caught:
        writes_of(files)
    assert "line 3" in caught.value.where


def test_sessions_show_no_token_and_come_back_whole(tmp_path):
    """Through the orders' file, which only its owner can read, and which is gone when it was read."""
    path = tmp_path / "orders"
    Orders("alone", "j", "s", project=SESSIONS.packed(), over_http=True).write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    orders = Orders.take(path)
    assert not path.exists()
    assert Sessions.unpacked(orders.project) == SESSIONS
    assert "planted" not in repr(SESSIONS) + repr(orders)
    with pytest.raises(ValueError, match="expected the sessions"):
        Sessions.unpacked(Secret("planted"))


def test_what_is_other_over_http_stands_in_a_section_of_its_own():
    """And nothing else is other."""
    settings = LoadSettings(users=20, p95_ms=300.0, http=HttpLoadSettings(users=6))
    assert (settings.over_http.users, settings.over_http.p95_ms) == (6, 300.0)
    assert settings.over_http.seconds == settings.seconds


def test_nothing_is_asked_for_without_load_or_without_a_project():
    """The gate says which section would ask for it."""
    assert "[gates.load]" in str(http_load_is_carried(None, None).measured)
    assert "[access]" in str(http_load_is_carried(None, LoadSettings()).measured)


def test_two_loads_are_one_in_the_report():
    """Journeys of both; the role of the one that had one."""
    assert joined(None, Load((), 1, "r")) == Load((), 1, "r")
    assert joined(Load((), 2, "r"), Load((), 1)) == Load((), 2, "r")


CLIENT = """
import sys
from pytest_deploy.load.http import Client
client = Client(sys.argv[1])
for _ in range(2):
    try:
        print(client.send("GET", "/x", {}, b""))
        client.close()
    except Exception as error:
        print(type(error).__name__)
"""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "(200, b'{}')"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{", "IncompleteRead"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", "IncompleteRead"),
        (b"", "RemoteDisconnected"),
        (b"planted-value\r\n", "BadStatusLine"),
    ],
)
def test_a_body_that_is_cut_is_an_error_and_nothing_is_asked_twice(answer, said):
    """Once for each request: what a client repeats by itself would hide that it failed."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            for _ in range(2):
                connection, _from = server.accept()
                asked.append(connection.recv(4096))
                connection.sendall(answer)
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        # In a process of its own: Locust changes the one that imports it.
        done = subprocess.run(
            [sys.executable, "-c", CLIENT, url],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        thread.join()
    assert done.stdout.splitlines() == [said] * 2
    assert len(asked) == 2
