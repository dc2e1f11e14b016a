"""The app's users as Auth will know them: the same id, address and hash whenever it is asked."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.errors import ConfigError
from pytest_deploy.providers.supabase.auth import Account
from pytest_deploy.schema.identifiers import quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    import apsw

    from pytest_deploy.config.users import UsersSettings
    from pytest_deploy.transfer.snapshot import Snapshot

# Never another one: the ids of all accounts are made of it.
_NAMESPACE = uuid.UUID("6f1f3f0c-6a5e-5d0c-9d55-4f1f0c0f7a11")
# Source: https://man.archlinux.org/man/crypt.5.en, bcrypt
_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_LONGEST_EMAIL = 255
_FUNCTION = "deploy_account"
_TAKEN = frozenset({"provider", "providers"})  # Auth's own, in the app metadata


@dataclass(frozen=True)
class Accounts:
    """
    All users of the app.

    Args:
        usable: Those that get an account.
        unusable: How many do not, by the reason.
    """

    usable: tuple[Account, ...]
    unusable: Mapping[str, int]


def account_id(app: str, table: str, key: object) -> uuid.UUID:
    """
    Make the id of a user.

    Args:
        app: The app's name.
        table: The table that has the user.
        key: Its key there.

    Returns:
        Always the same for the same user.
    """
    return uuid.uuid5(_NAMESPACE, f"{app}\n{table}\n{key}")


def normalised(email: object) -> str:
    """
    Write an address as Auth keeps it.

    Args:
        email: As the app has it.

    Returns:
        Without space around it, in small letters; empty where it is none.
    """
    if not isinstance(email, str):
        return ""
    plain = unicodedata.normalize("NFC", email).strip().lower()
    return plain if _EMAIL.fullmatch(plain) and len(plain) <= _LONGEST_EMAIL else ""


def accounts_of(snapshot: Snapshot, app: str, settings: UsersSettings) -> Accounts:
    """
    Read the app's users.

    Args:
        snapshot: As the app wrote it.
        app: The app's name.
        settings: `[users]`.

    Returns:
        Those that can have an account, and why others cannot.

    Raises:
        ConfigError: A table or column of `[users]` is not there.
    """
    connection = snapshot.connect("replace")
    try:
        _refuse_unless_there(connection, settings)
        rows = tuple(_rows(connection, settings))
    finally:
        connection.close()
    emails = Counter(normalised(email) for _, email, _, _ in rows)
    unusable: Counter[str] = Counter()
    usable = []
    for key, email, password_hash, metadata in rows:
        why = _against(key, normalised(email), password_hash, emails)
        if why:
            unusable[why] += 1
            continue
        account = account_id(app, settings.table, key)
        usable.append(Account(account, normalised(email), str(password_hash), metadata))
    return Accounts(tuple(usable), dict(unusable))


class AddAccounts:
    """
    The change that gives users the id that Auth knows them by, see `adapting.Change`.

    Args:
        app: The app's name.
        settings: `[users]`.
        accounts: The users.
    """

    def __init__(self, app: str, settings: UsersSettings, accounts: Accounts) -> None:
        self._app, self._settings = app, settings
        self._usable = {str(account.id) for account in accounts.usable}

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """The column that it adds."""
        return ((self._settings.table, self._settings.account),)

    def __call__(self, connection: apsw.Connection) -> int:
        """
        Add the column, and fill it.

        Args:
            connection: To the copy.

        Returns:
            How many users got an id.
        """
        settings = self._settings
        table, column = quoted(settings.table), quoted(settings.account)

        def account(*values: float | str | bytes | None) -> str | None:
            made = str(account_id(self._app, settings.table, values[0]))
            return made if made in self._usable else None

        connection.create_scalar_function(_FUNCTION, account, 1)
        connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} UUID")
        connection.execute(f"UPDATE {table} SET {column} = {_FUNCTION}({quoted(settings.key)})")
        index = quoted(f"idx_{settings.table}_{settings.account}")
        connection.execute(f"CREATE UNIQUE INDEX {index} ON {table} ({column})")
        return len(self._usable)


def _rows(
    connection: sqlite3.Connection, settings: UsersSettings
) -> Iterator[tuple[object, object, object, dict[str, str | int | float | None]]]:
    names = tuple(settings.metadata)
    asked = (settings.key, settings.email, settings.password_hash, *settings.metadata.values())
    listed = ", ".join(map(quoted, asked))
    for key, email, password_hash, *told in connection.execute(
        f"SELECT {listed} FROM {quoted(settings.table)} ORDER BY {quoted(settings.key)}"
    ):
        plain = (None if isinstance(one, bytes) else one for one in told)
        yield key, email, password_hash, dict(zip(names, plain, strict=True))


def _against(key: object, email: str, password_hash: object, emails: Counter[str]) -> str:
    if key is None:
        return "no key"
    if not email:
        return "no address that mail could reach"
    if emails[email] > 1:
        return "an address that others have, too"
    if not (isinstance(password_hash, str) and _BCRYPT.fullmatch(password_hash)):
        return "a hash that is not one of bcrypt"
    return ""


def _refuse_unless_there(connection: sqlite3.Connection, settings: UsersSettings) -> None:
    columns = {
        row[1] for row in connection.execute(f"PRAGMA table_xinfo({quoted(settings.table)})")
    }
    wanted = (settings.key, settings.email, settings.password_hash, *settings.metadata.values())
    for name in wanted:
        if name not in columns:
            raise _wrong(settings, name, "expected a column of the source, seen none")
    if settings.account in columns:
        raise _wrong(settings, settings.account, "expected a name that is free, seen a column")
    if taken := _TAKEN.intersection(settings.metadata):
        raise _wrong(
            settings, min(taken), "expected metadata that Auth does not use itself, seen it"
        )


def _wrong(settings: UsersSettings, name: str, problem: str) -> ConfigError:
    return ConfigError(
        f"{settings.table}.{name}",
        problem=problem,
        where="deploy.toml, [users]",
        remedy="correct the name; see runbooks/users.md",
    )
