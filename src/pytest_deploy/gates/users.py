"""Can the app's users sign in, do they see what is theirs, and does nobody see their hashes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Check, CheckState, Verdict
from pytest_deploy.providers.supabase.http import http_client
from pytest_deploy.providers.supabase.rest import ask
from pytest_deploy.schema.access import API_ROLES, stated_rights
from pytest_deploy.schema.ddl import relation
from pytest_deploy.schema.identifiers import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from pytest_deploy.config.files import FilesSettings
    from pytest_deploy.config.release import AccessSettings
    from pytest_deploy.config.users import UsersSettings
    from pytest_deploy.gates.canary import Seen
    from pytest_deploy.providers.supabase.auth import Account
    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.schema.plan import SchemaPlan
    from pytest_deploy.transfer.accounts import Accounts

_REMEDY = "see runbooks/users.md"
_TRIED = 20  # members
_OK = 200
_TOKENS = ("confirmation_token", "recovery_token", "email_change", "email_change_token_new")
_IN_AUTH = f"""
SELECT u.id::text, lower(u.email), u.encrypted_password, u.raw_app_meta_data::text,
       {" AND ".join(f"u.{token} IS NOT NULL" for token in _TOKENS)},
       (SELECT count(*) FROM auth.identities i WHERE i.user_id = u.id AND i.provider = 'email')
FROM auth.users u WHERE u.id = ANY(%s::uuid[])
"""
_SHOWING = """
SELECT DISTINCT n.nspname || '.' || v.relname, role
FROM pg_depend d
JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
JOIN pg_class v ON v.oid = r.ev_class JOIN pg_namespace n ON n.oid = v.relnamespace
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
CROSS JOIN unnest(%(roles)s::text[]) AS role
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = %(table)s::regclass
  AND a.attname = %(column)s AND has_any_column_privilege(role, v.oid, 'SELECT') ORDER BY 1, 2
"""


def accounts_are_valid(accounts: Accounts, settings: UsersSettings) -> Verdict:
    """
    Judge whether every user of the app can have an account.

    Args:
        accounts: The users.
        settings: `[users]`.

    Returns:
        One problem for each reason why some cannot, unless these are skipped on purpose.
    """
    unusable = accounts.unusable
    problems = tuple(f"{count:,} users with {why}" for why, count in sorted(unusable.items()))
    return Verdict(
        examined=len(accounts.usable) + sum(unusable.values()),
        unit="users",
        problems=problems if settings.unusable == "fail" else (),
        measured={"accounts": len(accounts.usable), "without": sum(unusable.values())},
        remedy=f'mend these users, or let them be without: [users] unusable = "skip"; {_REMEDY}',
    )


def users_are_whole(project: Supabase, accounts: Accounts) -> Verdict:
    """
    Compare every account in Auth with the app's user.

    Args:
        project: The project.
        accounts: The users.

    Returns:
        One problem for each kind of difference, with how many users have it.
    """
    wanted = {str(account.id): account for account in accounts.usable}
    with project.database.connect() as connection:
        rows = connection.execute(_IN_AUTH, (list(wanted),)).fetchall()
    counts: dict[str, int] = {"missing": len(wanted) - len(rows)}
    for account, email, password_hash, metadata, tokens, identities in rows:
        user = wanted[account]
        found = {
            "with another address": email != user.email,
            "with another hash": password_hash != user.password_hash,
            "with other metadata": not _holds(metadata, user),
            "who cannot sign in, for a token that is NULL": not tokens,
            "with another number of identities than one": identities != 1,
        }
        for what, is_so in found.items():
            counts[what] = counts.get(what, 0) + is_so
    return Verdict(
        examined=len(wanted),
        unit="users",
        problems=tuple(f"{count:,} users {what}" for what, count in counts.items() if count),
        remedy=_REMEDY,
    )


def password_hashes_are_closed(
    project: Supabase, plan: SchemaPlan, settings: UsersSettings
) -> Verdict:
    """
    Look whether any role of the API can read the hashes: in the table, by a view, over REST.

    Args:
        project: The project.
        plan: The plan in its final schema.
        settings: `[users]`.

    Returns:
        One problem for each role and way.
    """
    table = next(one for one in plan.tables if one.source.name == settings.table)
    column = next(one for one in table.columns if one.source.name == settings.password_hash).name
    name = relation(plan, table.name)
    asked = {"roles": list(API_ROLES), "table": name, "column": column}
    with project.database.connect() as connection:
        roles = connection.execute(
            "SELECT role FROM unnest(%(roles)s::text[]) AS role"
            " WHERE has_column_privilege(role, %(table)s, %(column)s, 'SELECT')",
            asked,
        ).fetchall()
        views = connection.execute(_SHOWING, asked).fetchall()
    problems = [f"{role} may read the column" for (role,) in roles]
    problems += [
        f"view {view} depends on the column, and {role} may read it" for view, role in views
    ]
    keys = {"anon": project.publishable_key, "service_role": project.secret_key}
    with http_client() as client:
        for role, key in keys.items():
            if ask(client, project, key, table.name, f'"{column}"').status == _OK:
                problems.append(f"REST shows the column to {role}")
    return Verdict(
        examined=len(API_ROLES) + len(keys),
        unit="ways",
        problems=tuple(problems),
        remedy=f"name the column in [access] hidden; {_REMEDY}",
    )


def canary_sees_what_is_stated(
    seen: Seen,
    plan: SchemaPlan,
    access: AccessSettings,
    settings: UsersSettings,
    files: FilesSettings | None,
) -> Verdict:
    """
    Judge what an account saw that was made for this gate alone, and is gone again.

    Args:
        seen: What came of signing in, and of asking for every table and view.
        plan: The plan in its final schema.
        access: `[access]`.
        settings: `[users]`.
        files: `[files]`; None where no upload goes to Storage.

    Returns:
        One check for signing in, for a wrong password, for each relation, and for each private
        bucket.
    """
    rights = {
        one.relation
        for one in stated_rights(plan, access)
        if (one.role, one.operation) == ("authenticated", "select")
    }
    own = set(settings.own)
    checks = [
        _check("the canary signs in", f"status {seen.status}", holds=seen.status == _OK),
        _check(
            "a wrong password does not",
            f"status {seen.wrong_status}",
            holds=seen.wrong_status not in (_OK, 0),
        ),
    ]
    for name, answer in seen.relations.items():
        is_open = answer.status == _OK
        said = "reads" if name in rights else "does not read"
        rows = f", {answer.rows:,} rows" if is_open else ""
        others = is_open and name in own and answer.rows > 0
        checks.append(
            _check(
                f"the canary {said} {name}",
                f"status {answer.status}{rows}",
                holds=is_open == (name in rights) and not others,
            )
        )
    if files is not None:
        checks += _on_buckets(seen, files)
    return _judged(checks, "questions")


def _on_buckets(seen: Seen, files: FilesSettings) -> Iterator[Check]:
    by_bucket: dict[str, list[bool]] = {}
    for entry, found in seen.objects.items():
        is_whole = found.status == _OK and found.sha256 == entry.sha256
        members = files.buckets[entry.bucket].members
        right = is_whole if members else found.status != _OK
        by_bucket.setdefault(entry.bucket, []).append(right)
    for name, rights in by_bucket.items():
        said = "opens" if files.buckets[name].members else "does not open"
        wrong = rights.count(False)
        yield _check(
            f"the canary {said} the files of bucket {name}",
            f"{wrong:,} of {len(rights):,} otherwise",
            holds=not wrong,
        )


def members_see_what_is_theirs(
    project: Supabase, plan: SchemaPlan, settings: UsersSettings, accounts: Accounts
) -> Verdict:
    """
    Look through the eyes of some members, and count what row level security shows them.

    Args:
        project: The project.
        plan: The plan in its final schema.
        settings: `[users]`: of which tables a member sees exactly his own rows.
        accounts: The users.

    Returns:
        One check for each table: nobody sees a row too few or too many.
    """
    step = max(1, len(accounts.usable) // _TRIED)
    some = accounts.usable[::step][:_TRIED]
    checks = []
    with project.database.connect() as connection:
        for table, column in settings.own.items():
            wrong = sum(_sees_others(connection, plan, table, column, one) for one in some)
            checks.append(
                _check(
                    f"of {table} members see the rows that are theirs, and no others",
                    f"{wrong:,} of {len(some):,} see others",
                    holds=not wrong,
                )
            )
        connection.rollback()
    return _judged(checks, "tables of members")


def _sees_others(
    connection: psycopg.Connection, plan: SchemaPlan, table: str, column: str, account: Account
) -> bool:
    """Compare what a member sees with what is his; the transaction is rolled back."""
    name, owner = relation(plan, table), quoted(column)
    theirs = f"SELECT count(*) FROM {name} WHERE {owner} = %s::uuid"
    row = connection.execute(theirs.encode(), (str(account.id),)).fetchone()
    wanted = row[0] if row else 0
    claims = json.dumps({"sub": str(account.id), "role": "authenticated"})
    with connection.transaction(force_rollback=True):
        connection.execute("SELECT set_config('request.jwt.claims', %s, true)", (claims,))
        connection.execute(
            "SELECT set_config('request.jwt.claim.sub', %s, true)", (str(account.id),)
        )
        connection.execute("SET LOCAL ROLE authenticated")
        all_seen = f"SELECT count(*), count(*) FILTER (WHERE {owner} = %s::uuid) FROM {name}"
        row = connection.execute(all_seen.encode(), (str(account.id),)).fetchone()
    seen, own = row or (0, 0)
    return (seen, own) != (wanted, wanted)


def _holds(metadata: str | None, user: Account) -> bool:
    told = json.loads(metadata or "{}")
    if isinstance(told, str):  # a text within JSON, as Supabase Lite may keep it
        told = json.loads(told)
    return all(told.get(name) == value for name, value in user.metadata.items())


def _check(name: str, seen: str, *, holds: bool) -> Check:
    return Check(name, CheckState.HOLDS if holds else CheckState.FAILS, seen)


def _judged(checks: list[Check], unit: str) -> Verdict:
    return Verdict(
        examined=len(checks),
        unit=unit,
        problems=tuple(_problems(checks)),
        checks=tuple(checks),
        remedy=_REMEDY,
    )


def _problems(checks: list[Check]) -> Iterator[str]:
    return (f"{one.name}; seen: {one.seen}" for one in checks if one.state is not CheckState.HOLDS)
