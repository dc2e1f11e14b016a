"""Does a copy of the app's own data hold what people have written on the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.gates.cells import cells_are_equal
from pytest_deploy.gates.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_deploy.carrying.over import CarriedOver
    from pytest_deploy.carrying.proof import CarriedBack

_SHOWN = 20


def what_was_written_is_carried_back(
    found: CarriedBack, published: Mapping[str, str] | None = None
) -> Verdict:
    """
    Judge a copy by what comes of it on the way forth: that is what the project holds.

    Args:
        found: The copy.
        published: A digest of each table when the release was taken back; None where it was not.

    Returns:
        One problem for each cell that differs, and for each row, file and user that could not be
        written.
    """
    cells = cells_are_equal(found.comparisons)
    problems = (*_written_meanwhile(found, published or {}), *_unwritten(found), *cells.problems)
    copy, files = found.copy, found.copy.files
    measured: dict[str, int | float | str] = {
        "rows_added": sum(one.added for one in copy.rows),
        "rows_changed": sum(one.changed for one in copy.rows),
        "rows_removed": sum(one.removed for one in copy.rows),
    }
    if files is not None:
        measured |= {
            "files_added": files.added,
            "files_changed": files.changed,
            "files_removed": files.removed,
        }
    if copy.base.settings.auth is not None:
        measured |= {
            "users_changed": copy.users,
            "accounts_without_row": found.accounts_without_row,
        }
    if copy.for_the_app:
        measured["for_the_app"] = "; ".join(copy.for_the_app)
    return Verdict(
        examined=cells.examined,
        unit="cells",
        problems=problems[:_SHOWN],
        measured=measured,
        remedy="write these by hand, into the copy; see runbooks/rollback.md, 'Back to SQLite'",
    )


def what_was_written_is_carried_over(found: CarriedOver) -> Verdict:
    """
    Judge whether what people wrote to a release stands in the former tables.

    Args:
        found: What was carried over.

    Returns:
        One problem for each row that is in the way; then none was carried over.
    """
    return Verdict(
        examined=max(found.examined, 1),
        unit="rows",
        problems=found.problems[:_SHOWN],
        measured={"rows_carried": found.carried, "kept_in": found.kept_in},
        remedy="write them by hand: they are kept; see runbooks/rollback.md, 'Carry over'",
    )


def _written_meanwhile(found: CarriedBack, published: Mapping[str, str]) -> Iterator[str]:
    for table, told in sorted(published.items()):
        if found.copy.digests.get(table) != told:
            yield f"{table}: people wrote to it between the copy and the way back"


def _unwritten(found: CarriedBack) -> Iterator[str]:
    yield from found.problems
    for one in found.copy.rows:
        yield from (f"{one.table}: {problem}" for problem in one.problems)
