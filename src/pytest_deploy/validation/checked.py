"""The app's rules, checked on one database, with the pages that show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.transfer.work import cores
from pytest_deploy.validation.docs import write_docs
from pytest_deploy.validation.running import Place, run_suites

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_deploy.config import Settings
    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.validation.outcome import Outcome
    from pytest_deploy.validation.suites import Suite

_MOST_TABLES = 8


@dataclass(frozen=True)
class Checked:
    """
    What came of the rules.

    Args:
        outcomes: One for each rule; none where the app gave no suites.
        docs: The first page of the Data Docs, relative to the release's folder; empty for none.
    """

    outcomes: tuple[Outcome, ...] = ()
    docs: str = ""


def place_of(settings: Settings, target: Target) -> Place:
    """
    Say where the tables of an app stand.

    Args:
        settings: The configuration.
        target: The database.

    Returns:
        The place.
    """
    return Place(target, settings.schema_.name, frozenset(settings.privacy.personal))


def check_suites(
    suites: Sequence[Suite], place: Place, release: Path | None, *, workers: int = 0
) -> Checked:
    """
    Check every rule, and write the Data Docs.

    Args:
        suites: From `suites_of`.
        place: Where.
        release: The release's folder; None to write no Data Docs.
        workers: Tables side by side; 0 for as many as there are cores, at most eight.

    Returns:
        What came of them. GX is not imported where there are none.

    Raises:
        TargetError: The server is unreachable or refuses us.
        EvidenceError: The pages cannot be written.
    """
    if not suites:
        return Checked()
    outcomes = run_suites(suites, place, workers=workers or min(cores(), _MOST_TABLES))
    return Checked(outcomes, write_docs(outcomes, release) if release else "")
