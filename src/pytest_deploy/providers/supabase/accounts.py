"""Accounts by SQL: the path of servers whose Auth has no Admin API, such as Supabase Lite."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_deploy.providers.supabase.auth import Admin
from pytest_deploy.providers.supabase.http import http_client

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import psycopg

    from pytest_deploy.providers.supabase.auth import Account
    from pytest_deploy.providers.supabase.base import Supabase

_WANTED = """
CREATE TEMPORARY TABLE deploy_wanted (
    id uuid PRIMARY KEY, email text, hash text, metadata jsonb
) ON COMMIT DROP
"""
# Where one of the tokens is NULL nobody can sign in: Auth reads them as text.
_USERS = """
INSERT INTO auth.users (id, aud, role, email, encrypted_password, email_confirmed_at,
    confirmation_token, recovery_token, email_change, email_change_token_new,
    email_change_token_current, phone_change, phone_change_token, reauthentication_token,
    raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
SELECT id, 'authenticated', 'authenticated', email, hash, now(), '', '', '', '', '', '', '', '',
    metadata || '{"provider": "email", "providers": ["email"]}', '{}', now(), now()
FROM deploy_wanted w WHERE NOT EXISTS (SELECT FROM auth.users u WHERE u.id = w.id)
"""
_IDENTITIES = """
INSERT INTO auth.identities
    (id, provider, provider_id, user_id, identity_data, created_at, updated_at)
SELECT gen_random_uuid(), 'email', id::text, id,
    jsonb_build_object('sub', id::text, 'email', email, 'email_verified', true), now(), now()
FROM deploy_wanted w
WHERE NOT EXISTS (SELECT FROM auth.identities i WHERE i.user_id = w.id AND i.provider = 'email')
"""


def has_admin(project: Supabase) -> bool:
    """
    Look whether accounts are asked for, or written.

    Args:
        project: The project.

    Returns:
        Whether its Auth has the Admin API.
    """
    with http_client(1) as http:
        return Admin(project, http).is_there()


def want(connection: psycopg.Connection, accounts: Sequence[Account]) -> None:
    """
    Bring accounts to the server, into a table of this transaction.

    Args:
        connection: In a transaction.
        accounts: The accounts.
    """
    connection.execute(_WANTED)
    statement = "COPY deploy_wanted (id, email, hash, metadata) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for one in accounts:
            metadata = json.dumps(dict(one.metadata))
            copy.write_row((str(one.id), one.email, one.password_hash, metadata))


def insert_wanted(connection: psycopg.Connection) -> None:
    """
    Make the accounts that `want` brought, and that are not there.

    Args:
        connection: In the same transaction.
    """
    connection.execute(_USERS)
    connection.execute(_IDENTITIES)


def delete(connection: psycopg.Connection, accounts: Sequence[str]) -> None:
    """
    Remove accounts, with all that Auth keeps of them.

    Args:
        connection: To the project.
        accounts: Their ids.
    """
    connection.execute("DELETE FROM auth.users WHERE id = ANY(%s::uuid[])", (list(accounts),))


@contextmanager
def existing(project: Supabase, account: Account, leftovers: Sequence[str]) -> Iterator[None]:
    """
    Make an account for as long as the body runs.

    Args:
        project: The project.
        account: The account.
        leftovers: Accounts of runs that were killed: they go as well.
    """
    with http_client(1) as http, project.database.connect(autocommit=True) as connection:
        admin = Admin(project, http)
        by_api = admin.is_there()
        try:
            if by_api:
                admin.create(account)
            else:
                with connection.transaction():
                    want(connection, [account])
                    insert_wanted(connection)
            yield
        finally:
            gone = (str(account.id), *leftovers)
            if by_api:
                for one in gone:
                    admin.remove(one)
            else:
                delete(connection, gone)
