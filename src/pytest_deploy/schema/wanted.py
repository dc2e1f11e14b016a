"""What `deploy.toml` says of single objects: heeded where it names one, else told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.config.problems import meant
from pytest_deploy.findings import Finding, Severity
from pytest_deploy.schema.constraints import foreign_key_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_deploy.schema.plan import PlannedTable, SchemaPlan
    from pytest_deploy.schema.remedies import Remedies

_LEFT_OUT = "left out, as deploy.toml says"
_SHOWN = 5
_SECTION = {"check_not_translated": "checks", "index_not_translated": "indexes"}


def quieted(findings: Iterable[Finding], remedies: Remedies) -> list[Finding]:
    """
    Take back the risk of what is left out on purpose: nobody misses it.

    Args:
        findings: All findings.
        remedies: Knows each `keep = false`.

    Returns:
        The findings; a note in place of each such risk.
    """
    return [
        replace(finding, code="left_out", severity=Severity.NOTE, message=_LEFT_OUT)
        if _is_left_out(finding, remedies)
        else finding
        for finding in findings
    ]


def _is_left_out(finding: Finding, remedies: Remedies) -> bool:
    section = _SECTION.get(finding.code)
    if section is None:
        return False
    return remedies.configured(section, finding.object, "keep") == "drop"


def settings_of_nothing(
    plan: SchemaPlan, findings: Iterable[Finding], remedies: Remedies
) -> list[Finding]:
    """
    Find names in `deploy.toml` that are nobody's: a slip, or what the source no longer has.

    Args:
        plan: The plan.
        findings: All findings: what one is about is something, though it is left out.
        remedies: Knows what is configured.

    Returns:
        A risk for each.
    """
    told = {finding.object for finding in findings}
    return [
        _of_nothing(section, name, known)
        for section, known in _names(plan).items()
        for name in remedies.named(section)
        if name not in known | told
    ]


def _of_nothing(section: str, name: str, known: set[str]) -> Finding:
    some = ", ".join(sorted(known)[:_SHOWN]) + (" ..." if len(known) > _SHOWN else "")
    hint = meant(name, known) or f"; the source has {some or 'none'}"
    what = section.replace("_", " ")
    message = f"[schema.{section}] says something of it, but none of the {what} is called so{hint}"
    return Finding("setting_of_nothing", Severity.RISK, name, message)


def _names(plan: SchemaPlan) -> dict[str, set[str]]:
    source = plan.source
    return {
        "tables": {table.name for table in source.tables},
        "columns": {f"{table.name}.{c.name}" for table in source.tables for c in table.columns},
        "indexes": {name for table in plan.tables for name in _indexes(table)},
        "foreign_keys": {
            foreign_key_name(table, key) for table in source.tables for key in table.foreign_keys
        },
        "checks": {f"{table.name}.{c.name}" for table in source.tables for c in table.checks},
        "views": {view.name for view in source.views},
        "triggers": {trigger.name for trigger in source.triggers},
    }


def _indexes(table: PlannedTable) -> Iterator[str]:
    """Name what can be left out as an index: also the keys, by their names in Postgres."""
    yield from (index.name for index in table.source.indexes)
    yield from (index.name for index in table.indexes)
    yield from (key.name for key in table.uniques)
    if table.primary_key is not None:
        yield table.primary_key.name
