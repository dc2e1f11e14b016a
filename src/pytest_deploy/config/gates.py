"""`[gates]` of `deploy.toml`: what the gates ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from pytest_deploy.config.fields import FilePath, Section


class ExpectationSettings(Section):
    """
    `[gates.expectations]`.

    Args:
        folder: One Great Expectations suite for each table; relative to the configuration. None for
            `expectations` beside it, which need not be there: a folder that is named must be.
    """

    folder: FilePath | None = None


class LoadSettings(Section):
    """
    `[gates.load]`: how many users there are, and what they may have to wait for.

    Args:
        folder: One locustfile for each journey; relative to the configuration.
    """

    folder: FilePath = Path("loadtests")


class RiskSettings(Section):
    """
    `[gates.risk]`.

    Args:
        largest_total: The largest sum of likelihood times impact that may go on.
    """

    largest_total: Annotated[int, Field(ge=0)] = 40


class GateSettings(Section):
    """
    `[gates]`.

    Args:
        expectations: `[gates.expectations]`.
        load: `[gates.load]`; None where nobody asks for load.
        risk: `[gates.risk]`.
    """

    expectations: ExpectationSettings = ExpectationSettings()
    load: LoadSettings | None = None
    risk: RiskSettings = RiskSettings()
