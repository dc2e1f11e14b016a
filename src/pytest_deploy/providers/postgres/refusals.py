"""What Postgres answers when it refuses us, in words that say what to do."""

from __future__ import annotations

import re
from typing import NamedTuple

from pytest_deploy.errors import TargetError

WHERE = "the option --postgres"


class _Fault(NamedTuple):
    """One way to be refused: how the answer reads, what it means, what to do."""

    answer: re.Pattern[str]
    problem: str
    remedy: str


def _fault(answer: str, problem: str, remedy: str) -> _Fault:
    return _Fault(re.compile(answer, re.IGNORECASE), problem, remedy)


# libpq hands out no SQLSTATE for a connection that was refused: only its words are left.
_CONNECTING = (
    _fault(
        r"password authentication failed|no password supplied|authentication failed",
        "expected to sign in, the server refused the user or the password",
        "correct the user and the password; in a URL, percent-encode special characters",
    ),
    _fault(
        r"database .* does not exist",
        "expected the database that the URL names, the server has none of that name",
        "name one that exists, such as postgres; ours is made beside it",
    ),
    _fault(
        r"role .* does not exist",
        "expected the role that the URL names, the server has none of that name",
        "correct the user in the URL",
    ),
    _fault(
        r"no pg_hba\.conf entry|SSL|certificate",
        "expected to be let in, the server's rules refuse this kind of connection",
        "add sslmode=require (or what the server asks for) to the URL, or ask its administrator",
    ),
    _fault(
        r"too many (clients|connections)|remaining connection slots",
        "expected a free connection, the server has none left",
        "close other connections, or allow more of them on the server",
    ),
    _fault(
        r"resolve host|translate host name",
        "expected the address of a server, the host's name is unknown",
        "correct the host in the URL, or connect to the network that knows it",
    ),
    _fault(
        r"connection refused|time(d )?out|timeout|no route|unreachable|no such file",
        "expected a server, nothing answers there",
        "start the server, correct host and port, or let --postgres embedded start one",
    ),
)


def not_connected(error: Exception, *, address: str, password: str) -> TargetError:
    """
    Explain why a connection could not be made.

    Args:
        error: What psycopg raised.
        address: The server, without its password.
        password: What must not appear in the message.

    Returns:
        The error to raise.

    Source: https://www.postgresql.org/docs/current/libpq-connect.html
    """
    answer = str(error)
    for fault in _CONNECTING:
        if fault.answer.search(answer):
            return TargetError(
                f"Postgres at {address}", problem=fault.problem, where=WHERE, remedy=fault.remedy
            )
    return TargetError(
        f"Postgres at {address}",
        problem=f"expected a connection, seen: {_first_line(answer, password)}",
        where=WHERE,
        remedy="see the server's log, then try the same URL with psql",
    )


def in_short(error: Exception) -> str:
    """
    Say what went wrong in words of our own: those of a server may name users and addresses.

    Args:
        error: What psycopg raised.

    Returns:
        What was expected and what was seen.
    """
    answer, sqlstate = str(error), getattr(error, "sqlstate", None)
    known = (fault.problem for fault in _CONNECTING if fault.answer.search(answer))
    code = f" with SQLSTATE {sqlstate}" if sqlstate else ""
    return next(known, f"expected an answer, seen {type(error).__name__}{code}")


_CREATING = {
    "42501": (
        "expected a role that may create databases, this one may not",
        "ALTER ROLE ... CREATEDB, or use another role",
    ),
    "42P04": (
        "expected a name that is free, a database of that name exists and is left as it is",
        "drop it if it is a leftover, or start a new release",
    ),
    "53100": (
        "expected room for a new database, the server's disk is full",
        "free disk space on the server, or choose another one",
    ),
}


def not_created(sqlstate: str | None, *, address: str) -> TargetError:
    """
    Explain why a database could not be made.

    Args:
        sqlstate: The code of what psycopg raised.
        address: The database, without a password.

    Returns:
        The error to raise.

    Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
    """
    problem, remedy = _CREATING.get(
        sqlstate or "",
        (f"expected a new database, the server refused it with SQLSTATE {sqlstate}", "see its log"),
    )
    return TargetError(f"database {address}", problem=problem, where=WHERE, remedy=remedy)


def too_old(version: str, *, address: str, oldest: int) -> TargetError:
    """
    Say that a server is older than what is supported.

    Args:
        version: What the server says it is.
        address: The server, without its password.
        oldest: The oldest major version supported.

    Returns:
        The error to raise.
    """
    return TargetError(
        f"Postgres at {address}",
        problem=f"expected version {oldest} or later, seen {version}",
        where=WHERE,
        remedy="upgrade the server, or rehearse with --postgres embedded",
    )


def not_a_url() -> TargetError:
    """
    Say that the option holds something else; what it holds may be a secret and is not shown.

    Returns:
        The error to raise.
    """
    return TargetError(
        "the value of --postgres (not shown, it may hold a password)",
        problem="expected auto, embedded, container or postgresql://user:password@host:port/name, "
        "seen something else",
        where=WHERE,
        remedy="correct it; special characters of a password are percent-encoded (@ is %40)",
    )


def _first_line(answer: str, password: str) -> str:
    line = answer.strip().partition("\n")[0]
    return line.replace(password, "***") if password else line
