"""The plan of a release's staging schema: that of the release, made for another name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pytest_deploy.transfer.planning import Prepared, prepare

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.schema.remedies import Remedies
    from pytest_deploy.transfer.planning import Source

STAGING = "deploy_staging"


def former_schema(release: str) -> str:
    """
    Name the schema that takes what stood in the release's place.

    Args:
        release: The release's id.

    Returns:
        A name that no other release has.
    """
    return f"deploy_former_{release}"


def plan_in_staging(
    source: Source,
    prepared: Prepared,
    target: Target,
    remedies: Remedies,
    *,
    zone: str,
    folder: Path,
) -> Prepared:
    """
    Plan the schema that rows are loaded into and proven in, before they are moved.

    It is tried where the plan of the release was, on a Postgres of ours, not on the target.

    Args:
        source: What is deployed.
        prepared: The plan of the release.
        target: Where rows go.
        remedies: Decides what is done about findings, as for the release.
        zone: The zone of dates that name none.
        folder: A folder of this run, for what planning keeps on disk.

    Returns:
        The plan in the staging schema, with the target in it.

    Raises:
        TransferError: The Postgres that it is tried on could not be used.
    """
    tried_on = prepared.transfer.target
    made = prepare(source, tried_on, remedies, schema=STAGING, zone=ZoneInfo(zone), folder=folder)
    return replace(made, transfer=replace(made.transfer, target=target))


def in_place(prepared: Prepared, target: Target) -> Prepared:
    """
    Look for a release's rows where they are moved to.

    Args:
        prepared: The plan of the release.
        target: Where its tables stand.

    Returns:
        The plan, with the target in it.
    """
    return replace(prepared, transfer=replace(prepared.transfer, target=target))
