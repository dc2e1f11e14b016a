"""What every provider of Postgres hands out: a server, and a database of our own on it."""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from pytest_deploy.audit.log import noted
from pytest_deploy.providers.postgres import refusals
from pytest_deploy.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

Kind = Literal["embedded", "container", "url"]

OLDEST_MAJOR = 15
CONNECT_TIMEOUT_S = 5
APPLICATION = "pytest-deploy"
RUN = "pytest_deploy.run"  # the setting of a session that says whose it is
_KEEPALIVE_S = 30
_EXPLICIT = {"host", "hostaddr", "port", "user", "password", "dbname", "connect_timeout"}

# A digest compares text: no setting of a server, a role or a database may change how values read.
_SESSION = {
    "TimeZone": "UTC",
    "DateStyle": "ISO,YMD",
    "IntervalStyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
}


@dataclass(frozen=True)
class Server:
    """
    A running Postgres, however it came to run.

    Args:
        kind: Which provider serves it.
        version: What it says it is, such as `18.6`.
        major: The major version, for which statements are written.
        reason: Why this one was chosen, in words.
        host: Where it listens: a name, an address or the folder of its socket.
        port: On which port.
        user: The role that makes databases.
        password: Its password; empty where none is needed.
        admin_database: The database from which others are made.
        extras: Further parameters of libpq, such as `sslmode`.
        passfile: A file from which libpq can read the password.
    """

    kind: Kind
    version: str
    major: int
    reason: str
    host: str
    port: int
    user: str
    password: Secret
    admin_database: str
    extras: tuple[tuple[str, str], ...] = ()
    passfile: Path | None = None

    def conninfo(self, database: str, run: str = "") -> Secret:
        """
        Give all that libpq needs to connect.

        Args:
            database: Which database of the server.
            run: Whose session it is to be; empty for nobody's.

        Returns:
            A connection string with the password and the settings of our sessions.

        Source: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
        """
        from psycopg.conninfo import make_conninfo

        extras = dict(self.extras)
        ours = {**_SESSION, **({RUN: run} if run else {})}
        settings = " ".join(f"-c {name}={value}" for name, value in ours.items())
        extras["options"] = f"{extras.get('options', '')} {settings}".strip()
        parameters: dict[str, str | int] = {
            **extras,
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "dbname": database,
            "client_encoding": "UTF8",
            "connect_timeout": CONNECT_TIMEOUT_S,
            "keepalives_idle": _KEEPALIVE_S,
        }
        if self.password.reveal():
            parameters["password"] = self.password.reveal()
        return Secret(make_conninfo("", **parameters))

    def _for_logs(self, database: str) -> str:
        return f"{self.host}:{self.port}/{database}"

    def url(self, database: str) -> str:
        """
        Give an address that may be shown; it connects as it stands where there is a passfile.

        Args:
            database: Which database of the server.

        Returns:
            A URL without the password.
        """
        mask = ":***" if self.password.reveal() and not self.passfile else ""
        host = f"[{self.host}]" if ":" in self.host else quote(self.host, safe="")
        ending = f"?passfile={quote(str(self.passfile))}" if self.passfile else ""
        user, name = quote(self.user, safe=""), quote(database, safe="")
        return f"postgresql://{user}{mask}@{host}:{self.port}/{name}{ending}"

    def connect(
        self,
        database: str,
        *,
        autocommit: bool = False,
        application_name: str = APPLICATION,
        run: str = "",
    ) -> Connection:
        """
        Connect to one of the server's databases.

        Args:
            database: Its name.
            run: Whose session it is; empty for nobody's.
            autocommit: Whether each statement is a transaction of its own.
            application_name: How the server's administrator sees the session.

        Returns:
            A session in UTF-8, UTC and ISO dates, without time limits.

        Raises:
            TargetError: The server is unreachable or refuses us.
        """
        import psycopg

        try:
            with noted("database", "connect", self._for_logs(database)), nothing_left_half_open():
                return psycopg.connect(
                    self.conninfo(database, run).reveal(),
                    autocommit=autocommit,
                    application_name=application_name,
                )
        except psycopg.OperationalError as error:
            raise refusals.not_connected(
                error, address=self.url(database), password=self.password.reveal()
            ) from None


@dataclass(frozen=True)
class Target:
    """
    A database of our own; it can be sent to worker processes.

    Args:
        server: Where it is.
        database: Its name.
        major: The server's major version, for which statements are written.
        run: The run whose turn it has to be when something is changed; empty for one that is
            nobody else's.
    """

    server: Server
    database: str
    major: int
    run: str = ""

    @property
    def conninfo(self) -> Secret:
        """What libpq and its tools need to connect."""
        return self.server.conninfo(self.database, self.run)

    @property
    def url_for_people(self) -> str:
        """The address without the password."""
        return self.server.url(self.database)

    def connect(
        self, *, autocommit: bool = False, application_name: str = APPLICATION
    ) -> Connection:
        """
        Connect to the database.

        Args:
            autocommit: Whether each statement is a transaction of its own.
            application_name: How the server's administrator sees the session.

        Returns:
            A session whose settings do not depend on the server's.

        Raises:
            TargetError: The server is unreachable or refuses us.
        """
        return self.server.connect(
            self.database,
            autocommit=autocommit,
            application_name=application_name,
            run=self.run,
        )


@contextmanager
def nothing_left_half_open() -> Iterator[None]:
    """Give up a connection that a signal interrupts while it is made: its server waits for it."""
    try:
        yield
    except BaseException as error:
        # It lives on in the frames of the traceback, and that as long as the run is unwound.
        traceback.clear_frames(error.__traceback__)
        raise


def identify(
    parameters: dict[str, str], *, kind: Kind, reason: str, passfile: Path | None = None
) -> Server:
    """
    Connect once and describe the server that answers.

    Args:
        parameters: Parameters of libpq, by name; what is missing comes from its defaults.
        kind: Which provider serves it.
        reason: Why this one was chosen.
        passfile: A file from which libpq can read the password.

    Returns:
        The server, with everything that libpq found out made explicit.

    Raises:
        TargetError: The server is unreachable, refuses us, or is older than supported.
    """
    import psycopg
    from psycopg.conninfo import make_conninfo

    # The encoding is that in which names and passwords come back, whatever the server's own is.
    asked = {
        "connect_timeout": str(CONNECT_TIMEOUT_S),
        "application_name": APPLICATION,
        **parameters,
        "client_encoding": "UTF8",
    }
    try:
        with nothing_left_half_open():
            made = psycopg.connect(make_conninfo("", **asked))
        with made as connection:
            found = connection.info
            server = Server(
                kind=kind,
                version=(found.parameter_status("server_version") or "unknown").split()[0],
                major=found.server_version // 10_000,
                reason=reason,
                host=found.host,
                port=found.port,
                user=found.user,
                password=Secret(found.password),
                admin_database=found.dbname,
                extras=tuple(sorted((k, v) for k, v in parameters.items() if k not in _EXPLICIT)),
                passfile=passfile,
            )
    except psycopg.OperationalError as error:
        raise refusals.not_connected(
            error, address=_address(parameters), password=parameters.get("password", "")
        ) from None
    if server.major < OLDEST_MAJOR:
        address = server.url(server.admin_database)
        raise refusals.too_old(server.version, address=address, oldest=OLDEST_MAJOR)
    return server


def write_passfile(folder: Path, parameters: dict[str, str]) -> Path:
    """
    Write the password where libpq and its tools can read it, and nobody else.

    Args:
        folder: A private folder.
        parameters: Host, port, user and password of a server.

    Returns:
        The file.

    Source: https://www.postgresql.org/docs/current/libpq-pgpass.html
    """
    path = folder / "passfile"
    path.touch(mode=0o600)
    fields = (parameters["host"], parameters["port"], "*", parameters["user"])
    path.write_text(":".join((*fields, parameters["password"])) + "\n", encoding="utf-8")
    return path


def _address(parameters: dict[str, str]) -> str:
    user, host = parameters.get("user", ""), parameters.get("host", "localhost")
    port, name = parameters.get("port", "5432"), parameters.get("dbname", "")
    return f"postgresql://{user}@{host}:{port}/{name}"
