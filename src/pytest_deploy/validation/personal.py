"""Columns that are declared personal, and are nobody's: what they were to protect is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.config.problems import meant
from pytest_deploy.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_deploy.config import Settings


def personal_of_nothing(settings: Settings, columns: Iterable[str]) -> tuple[Finding, ...]:
    """
    Find names in `[privacy] personal` that no column has.

    Args:
        settings: The configuration; that of another database is expected to name nothing here.
        columns: The source's, as `table.column`.

    Returns:
        A risk for each.
    """
    if settings.borrowed:
        return ()
    known = set(columns)
    message = "[privacy] personal names it, and there is no such column: nothing is protected by it"
    return tuple(
        Finding("setting_of_nothing", Severity.RISK, name, message + meant(name, known))
        for name in settings.privacy.personal
        if name not in known
    )
