"""Proves a copy: taken the way forth, it is what the target holds; read back, so are its files."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_deploy.carrying.users import accounts_now, unlike_users
from pytest_deploy.transfer.adapting import adapt
from pytest_deploy.transfer.digest import compare_tables
from pytest_deploy.transfer.integrity import damage
from pytest_deploy.transfer.references import References
from pytest_deploy.transfer.rewriting import RewriteReferences
from pytest_deploy.transfer.work import worker_count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_deploy.carrying.back import Copy
    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.schema.plan import PlannedTable
    from pytest_deploy.transfer.differences import Comparison


@dataclass(frozen=True)
class CarriedBack:
    """
    A copy, and what was found of it.

    Args:
        copy: The copy.
        comparisons: It beside the target, cell by cell.
        accounts_without_row: Accounts that no row of the app belongs to: nobody can write them.
        problems: What else is not as it is on the project.
    """

    copy: Copy
    comparisons: tuple[Comparison, ...]
    accounts_without_row: int = 0
    problems: tuple[str, ...] = ()


def prove(copy: Copy, work: Path, project: Supabase | None = None) -> CarriedBack:
    """
    Compare a copy with where it came from.

    Args:
        copy: The copy.
        work: A private folder of this run.
        project: The project; None for a database alone.

    Returns:
        What was found.

    Raises:
        TransferError: The target cannot be read.
    """
    comparisons = _cells(copy, work)
    without_row, of_users = (0, ()) if project is None else _users(copy, project)
    return CarriedBack(
        copy, comparisons, without_row, (*of_users, *_of_files(copy), *_damage(copy))
    )


def _cells(copy: Copy, work: Path) -> tuple[Comparison, ...]:
    base, files = copy.base, copy.base.settings.storage
    changes = []
    if files is not None and copy.files is not None and (files.columns or files.texts):
        changes.append(RewriteReferences(References(copy.files.places, files), files))
    again = adapt(copy.snapshot, changes, work).snapshot
    workers = worker_count(base.settings.rehearsal.workers, base.prepared.source.rows)
    transfer = replace(copy.transfer, snapshot=again.for_workers)
    return compare_tables(transfer, tuple(_tables(copy)), workers=workers)


def _tables(copy: Copy) -> Iterator[PlannedTable]:
    """Leave out what people changed in Auth: there their table is not what they sign in with."""
    users = copy.base.settings.auth
    own = (users.email, users.password_hash) if users is not None and copy.users else ()
    for table in copy.base.tables:
        if users is not None and table.source.name == users.table:
            yield replace(
                table, columns=tuple(c for c in table.columns if c.source.name not in own)
            )
        else:
            yield table


def _users(copy: Copy, project: Supabase) -> tuple[int, tuple[str, ...]]:
    settings = copy.base.settings
    if settings.auth is None:
        return 0, ()
    table = copy.base.prepared.plan.table(settings.auth.table)
    with project.database.connect() as connection:
        accounts = accounts_now(connection, table, settings)
        row = connection.execute("SELECT count(*) FROM auth.users").fetchone()
    with closing(copy.snapshot.connect("replace")) as database:
        unlike = unlike_users(database, accounts, settings.auth)
    problem = f"users who would not sign in to the copy as they do to the project: {unlike:,}"
    return (row[0] if row else 0) - len(accounts), (problem,) if unlike else ()


def _of_files(copy: Copy) -> Iterator[str]:
    if copy.files is None:
        return
    unlike = sum(
        _sha256(copy.files.folder / path) != told for path, told in copy.files.digests.items()
    )
    if unlike:
        yield f"files that are not what Storage holds: {unlike:,}"


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _damage(copy: Copy) -> Iterator[str]:
    raw = copy.base.adaptation.raw
    with closing(copy.snapshot.connect("replace")) as connection:
        new = set(damage(connection, raw.collations)) - set(raw.integrity)
    if new:
        yield f"SQLite's integrity check of the copy says {len(new):,} lines"
