"""
What locustfiles are made of that ask a Supabase project over HTTP: REST and Storage.

Public. To be imported in locustfiles only: it imports Locust, which changes the process. By this
import a locustfile is known as one that asks the project.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import time
from secrets import token_hex
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from gevent import GreenletExit
from locust.exception import RescheduleTask

from pytest_deploy.load.pool import Kind, kind_of
from pytest_deploy.load.sessions import Sessions
from pytest_deploy.load.user import UNFINISHED, ScheduledUser

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from locust.env import Environment

    from pytest_deploy.load.sessions import Audience
    from pytest_deploy.secrets import Secret

    Row = dict[str, Any]

T = TypeVar("T")
NOBODY = Kind("nobody is signed in as this audience")
NO_ROWS, NO_JSON = Kind("no rows where some are expected"), Kind("a body that is no JSON")
NO_BYTES = Kind("an empty body where a file is expected")
_TIMEOUT_S = 30.0
# Servers close what is idle: Supabase Lite after five seconds, and no sooner than others do.
_IDLE_S = 3.0
_CODE = re.compile(r"[0-9A-Z]{5}|PGRST[0-9A-Z]{3}")  # of Postgres and PostgREST: they hold no value
_OK, _CREATED = 200, 201
_LISTED = 100
_READS = ("GET", "HEAD")
_opened: tuple[Sessions, str] | None = None


def open_project(project: Secret, marker: str) -> str:
    """
    Learn whom to ask, and ask once, before anything is measured.

    Args:
        project: See `Sessions.packed`.
        marker: What stands at the beginning of what is written.

    Returns:
        Why that is not possible; empty where it is.
    """
    global _opened  # noqa: PLW0603 - Locust makes the users: there is no other way to hand it over
    try:
        sessions = Sessions.unpacked(project)
        client = Client(sessions.url)
        client.send("GET", "/auth/v1/health", {"apikey": sessions.key.reveal()}, b"")
        client.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"expected a project that answers, seen {kind_of(error)}"
    _opened = (sessions, marker)
    return ""


class Client:
    """
    One connection that is kept alive, as a browser keeps it.

    The standard library's, which Locust makes wait for greenlets: it repeats nothing by itself,
    and says when a body is cut short.

    Args:
        url: The project's address.
    """

    _trusted: ClassVar[ssl.SSLContext | None] = None

    def __init__(self, url: str) -> None:
        told = urlsplit(url)
        self._prefix = told.path.rstrip("/")
        self._used_s = 0.0
        host = told.hostname or ""
        self._connection: http.client.HTTPConnection
        if told.scheme == "https":
            if Client._trusted is None:  # it takes 10 ms to make
                Client._trusted = ssl.create_default_context()
            self._connection = http.client.HTTPSConnection(
                host, told.port, timeout=_TIMEOUT_S, context=Client._trusted
            )
        else:
            self._connection = http.client.HTTPConnection(host, told.port, timeout=_TIMEOUT_S)

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes]:
        """
        Ask, and take the whole answer.

        Args:
            method: Of HTTP.
            path: From the project's address on.
            headers: Of the request.
            body: Empty for none.

        Returns:
            Status and body.

        Raises:
            OSError: There is no connection, or it was lost.
            HTTPException: What came is no answer, or not all of it.
        """
        if time.perf_counter() - self._used_s > _IDLE_S:
            self.close()
        try:
            self._connection.request(method, self._prefix + path, body or None, dict(headers))
            answer = self._connection.getresponse()
            found = answer.read()
        except BaseException:
            self.close()  # in the middle of an answer nothing else can be asked on it
            raise
        self._used_s = time.perf_counter()
        return answer.status, found

    def close(self) -> None:
        """Hang up; the next request connects again."""
        self._connection.close()


class AnswerError(Exception):
    """
    An answer came, and not the one that is expected.

    Args:
        kind: What is wrong with it.
    """

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self.kind = kind


class UndeclaredError(Exception):
    """A journey would change what nobody could take back."""


class SupabaseUser(ScheduledUser):
    """
    A user who asks a project over HTTP, as somebody whom the project knows or does not.

    Set `audience`, and `writes` where rows are written: the table, and a text column of it that
    gets the test's mark, by which every row of it is deleted when the test ends.
    """

    abstract = True
    audience: ClassVar[Audience] = "anonymous"
    writes: ClassVar[Mapping[str, str]] = {}

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        assert _opened is not None, "the project is opened before users come"
        sessions, self._marker = _opened
        self._client = Client(sessions.url)
        self._url = sessions.url
        token = sessions.token_of(self.audience).reveal()
        self._headers = {"apikey": sessions.key.reveal()}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self.user_id = _subject(token)
        self._is_somebody = bool(token) or self.audience == "anonymous"

    def rest(
        self,
        name: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        expect: int = _OK,
        least: int = 1,
    ) -> list[Row]:
        """
        Ask for rows.

        Args:
            name: What reports call it; no values in it.
            method: GET or HEAD; `write_row` and `change_row` are for the rest.
            path: Such as `/rest/v1/pages`.
            params: Of the query, such as `{"select": "id", "limit": "20"}`.
            expect: The status that is right.
            least: How many rows there must be; 0 where none may be there.

        Returns:
            The rows.

        Raises:
            RescheduleTask: It failed and was counted; the task ends here.
            UndeclaredError: It would change something.
        """
        if method not in _READS:
            raise UndeclaredError
        return self._rows(name, method, path, params or {}, None, expect, least)

    def write_row(self, name: str, table: str, row: Mapping[str, Any], *, select: str = "") -> Row:
        """
        Write a row, which is deleted when the test ends.

        Args:
            name: What reports call it.
            table: One of `writes`; its column is set here.
            row: The other columns.
            select: Columns to be answered; none for that of `writes`.

        Returns:
            What was answered, the column of `writes` included.

        Raises:
            RescheduleTask: It failed and was counted; the task ends here.
            UndeclaredError: The table is not one of `writes`.
        """
        column, path = self._declared(table)
        marked = {**row, column: self.new_mark()}
        wanted = ",".join(dict.fromkeys((column, *filter(None, select.split(",")))))
        (found, *_) = self._rows(name, "POST", path, {"select": wanted}, marked, _CREATED, 1)
        return found

    def change_row(self, name: str, table: str, row: Row, values: Mapping[str, Any]) -> None:
        """
        Change a row that `write_row` wrote.

        Args:
            name: What reports call it.
            table: Its table.
            row: What `write_row` returned.
            values: Other values, by column.

        Raises:
            RescheduleTask: It failed and was counted; the task ends here.
            UndeclaredError: It is no row of this test.
        """
        column, path = self._declared(table)
        mark = str(row.get(column, ""))
        if not mark.startswith(self._marker) or column in values:
            raise UndeclaredError
        params = {column: f"eq.{mark}", "select": column}
        self._rows(name, "PATCH", path, params, values, _OK, 1)

    def new_mark(self) -> str:
        """
        Make a text that no other row has: letters, digits and hyphens.

        Returns:
            A text that begins with the mark of the test.
        """
        return f"{self._marker}{token_hex(8)}"

    def object(self, name: str, bucket: str, key: str, *, public: bool = True) -> bytes:
        """
        Open a file as its audience does.

        Args:
            name: What reports call it.
            bucket: Its bucket.
            key: Its key.
            public: Whether anybody may open it; else it is asked for as who is signed in.

        Returns:
            Its bytes.

        Raises:
            RescheduleTask: It failed and was counted; the task ends here.
        """
        path = f"/storage/v1/object/{'public/' if public else ''}{_place(bucket, key)}"
        return self._counted(name, lambda: self._file(path, {} if public else self._headers))

    def listed(self, name: str, bucket: str, folder: str = "", *, least: int = 1) -> list[str]:
        """
        List the files of a private bucket that its audience may open; 100 at most.

        Args:
            name: What reports call it.
            bucket: The bucket.
            folder: Only what lies in this folder, such as `photos/`.
            least: How many files there must be.

        Returns:
            Their keys.

        Raises:
            RescheduleTask: It failed and was counted; the task ends here.
        """
        path = f"/storage/v1/object/list/{quote(bucket, safe='')}"
        asked = {"prefix": folder.rstrip("/"), "limit": _LISTED}

        def ask() -> list[str]:
            told = _json(self._answer("POST", path, self._headers, asked, _OK))
            # Hosted Storage names files within the folder, Supabase Lite the whole way.
            names = [one["name"] for one in told if one.get("id")]
            keys = [one if one.startswith(folder) else f"{folder}{one}" for one in names]
            if len(keys) < least:
                raise AnswerError(NO_ROWS)
            return keys

        return self._counted(name, ask)

    def signed(self, name: str, bucket: str, key: str) -> bytes:
        """
        Get a signed address for a private file, and open it there.

        Args:
            name: What reports call the opening; the other request is `address for NAME`.
            bucket: Its bucket.
            key: Its key.

        Returns:
            Its bytes.

        Raises:
            RescheduleTask: It failed and was counted; the task ends here.
        """
        path = f"/storage/v1/object/sign/{_place(bucket, key)}"

        def address() -> str:
            told = _json(self._answer("POST", path, self._headers, {"expiresIn": 60}, _OK))
            found = told.get("signedURL") or told.get("signedUrl") if _is_row(told) else None
            if not isinstance(found, str):
                raise AnswerError(NO_JSON)
            found = found.removeprefix(self._url)
            return found if found.startswith("/storage/") else f"/storage/v1{found}"

        where = self._counted(f"address for {name}", address)
        return self._counted(name, lambda: self._file(where, {}))

    def on_stop(self) -> None:
        """Hang up."""
        self._client.close()

    def _declared(self, table: str) -> tuple[str, str]:
        if table not in self.writes:
            raise UndeclaredError
        return self.writes[table], f"/rest/v1/{quote(table, safe='')}"

    def _rows(
        self,
        name: str,
        method: str,
        path: str,
        params: Mapping[str, str],
        body: Mapping[str, Any] | None,
        expect: int,
        least: int,
    ) -> list[Row]:
        query = urlencode(params)
        where = f"{path}?{query}" if query else path
        told = (
            self._headers if body is None else self._headers | {"Prefer": "return=representation"}
        )

        def ask() -> list[Row]:
            found = self._answer(method, where, told, body, expect)
            if method == "HEAD":
                return []
            rows = _json(found)
            rows = rows if isinstance(rows, list) else [rows]
            if len(rows) < least:
                raise AnswerError(NO_ROWS)
            return rows

        return self._counted(name, ask)

    def _file(self, path: str, headers: Mapping[str, str]) -> bytes:
        found = self._answer("GET", path, headers, None, _OK)
        if not found:
            raise AnswerError(NO_BYTES)
        return found

    def _answer(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None,
        expect: int,
    ) -> bytes:
        if not self._is_somebody:
            raise AnswerError(NOBODY)
        sent = b"" if body is None else json.dumps(body).encode()
        more = {"Content-Type": "application/json"} if sent else {}
        status, found = self._client.send(method, path, {**headers, **more}, sent)
        if status != expect:
            raise AnswerError(_refusal(status, found))
        return found

    def _counted(self, name: str, ask: Callable[[], T]) -> T:
        """Ask, and count the time since the request was due, until all of the answer is here."""
        begin = self.schedule.intended_s(time.perf_counter())
        try:
            found = ask()
        except AnswerError as error:
            self.answered("HTTP", name, begin, error.kind)
            raise RescheduleTask from None
        except (OSError, http.client.HTTPException) as error:
            self.answered("HTTP", name, begin, kind_of(error))
            raise RescheduleTask from None
        except GreenletExit:  # so Locust ends a user
            self.answered("HTTP", name, begin, UNFINISHED)
            raise
        self.answered("HTTP", name, begin)
        return found


def _place(bucket: str, key: str) -> str:
    return f"{quote(bucket, safe='')}/{quote(key)}"


def _json(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        return json.loads(body)
    except ValueError:
        raise AnswerError(NO_JSON) from None


def _is_row(told: object) -> bool:
    return isinstance(told, dict)


def _refusal(status: int, body: bytes) -> Kind:
    """Name a status, with the code of Postgres or PostgREST; the message may quote a value."""
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    code = told.get("code") if isinstance(told, dict) else None
    known = isinstance(code, str) and _CODE.fullmatch(code)
    return Kind(f"HTTP {status} {code}" if known else f"HTTP {status}")


def _subject(token: str) -> str:
    """Read who a token is for: what it is signed with is the project's business."""
    from base64 import urlsafe_b64decode

    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - of a JWT
        return ""
    try:
        told = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return ""
    return str(told.get("sub", ""))
