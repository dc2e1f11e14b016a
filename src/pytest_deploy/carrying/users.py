"""Writes what people changed of their accounts, address and password, into the copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.transfer.accounts import normalised

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    import apsw
    import psycopg

    from pytest_deploy.config import Settings
    from pytest_deploy.config.users import UsersSettings
    from pytest_deploy.schema.plan import PlannedTable

    Connection: TypeAlias = sqlite3.Connection | apsw.Connection

Account: TypeAlias = "tuple[int | str, str, str]"


def accounts_now(
    connection: psycopg.Connection, table: PlannedTable, settings: Settings
) -> tuple[Account, ...]:
    """
    Ask with what people sign in to the project.

    Args:
        connection: To the project.
        table: The table that has the users.
        settings: The configuration.

    Returns:
        The key of each user with an account, the address and the hash.
    """
    users = settings.auth
    if users is None:
        return ()
    key = table.named(users.key).name
    relation = f"{quoted(settings.schema_.name)}.{quoted(table.name)}"
    rows = connection.execute(
        f"SELECT u.{quoted(key)}, a.email, a.encrypted_password FROM {relation} u"
        f" JOIN auth.users a ON a.id::text = u.{quoted(users.account)}::text".encode()
    ).fetchall()
    return tuple((k if isinstance(k, int) else str(k), email, told) for k, email, told in rows)


def write_users(copy: apsw.Connection, accounts: Iterable[Account], settings: UsersSettings) -> int:
    """
    Write addresses and hashes.

    Args:
        copy: The copy, with the rows of users in it.
        accounts: From `accounts_now`.
        settings: `[users]`.

    Returns:
        How many users sign in with another one than the copy had.
    """
    changed = [account for account in accounts if _is_unlike(copy, account, settings)]
    for key, email, password_hash in changed:
        copy.execute(
            f"UPDATE {quoted(settings.table)} SET {quoted(settings.email)} = ?,"
            f" {quoted(settings.password_hash)} = ? WHERE {quoted(settings.key)} IS ?",
            (email, password_hash, key),
        )
    return len(changed)


def unlike_users(copy: Connection, accounts: Iterable[Account], settings: UsersSettings) -> int:
    """
    Count users who would not sign in to the copy as they do to the project.

    Args:
        copy: The copy.
        accounts: From `accounts_now`.
        settings: `[users]`.

    Returns:
        How many.
    """
    return sum(_is_unlike(copy, account, settings) for account in accounts)


def _is_unlike(copy: Connection, account: Account, settings: UsersSettings) -> bool:
    key, email, password_hash = account
    row = copy.execute(
        f"SELECT {quoted(settings.email)}, {quoted(settings.password_hash)}"
        f" FROM {quoted(settings.table)} WHERE {quoted(settings.key)} IS ?",
        (key,),
    ).fetchone()
    return row is None or (normalised(row[0]), row[1]) != (normalised(email), password_hash)
