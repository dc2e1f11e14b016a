"""Defects of what is known beforehand: the target, the steps, the risks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.findings import Finding, Severity
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.twins.twin import RedTwin

if TYPE_CHECKING:
    import pytest

_MANY = 10


def _only_reads(request: pytest.FixtureRequest, _value: object) -> None:
    """Let the rehearsal's database take no writes from now on."""
    target = request.getfixturevalue("target")
    with target.connect(autocommit=True) as connection:
        connection.execute(
            f"ALTER DATABASE {quoted(target.database)} SET default_transaction_read_only = on"
        )


def _past_the_plan(request: pytest.FixtureRequest, _value: object) -> None:
    from pytest_deploy.engine.journal import State

    request.getfixturevalue("deploy").journal.write("planted by a red twin", State.APPLIED, {})


def _says_less(_request: pytest.FixtureRequest, _value: object) -> None:
    """Let a step say less of its locks than Postgres shows."""
    from pytest_deploy.steps.create_programs import CreatePrograms

    whole = CreatePrograms.describe
    CreatePrograms.describe = lambda step: replace(whole(step), locks=())  # type: ignore[method-assign,assignment]


def _risky(request: pytest.FixtureRequest, _value: object) -> None:
    """Open every blocker, and some more, after the plan was made."""
    deploy = request.getfixturevalue("deploy")
    deploy.add_findings(tuple(replace(finding, settled_by=None) for finding in deploy.findings))
    message = "planted by a red twin: nobody has chosen a remedy"
    deploy.add_findings(
        tuple(
            Finding("unsettled", Severity.BLOCKER, f"blocker {number}", message)
            for number in range(_MANY)
        )
    )


ASSESSMENT = (
    RedTwin(
        "environment_is_as_rehearsed",
        "prepared",
        _only_reads,
        defect="target that takes no writes",
    ),
    RedTwin(
        "plan_is_complete",
        "programs_created",
        _past_the_plan,
        defect="step that is not planned",
    ),
    RedTwin("plan_is_complete", "prepared", _says_less, defect="lock that is not told"),
    RedTwin("risk_is_bounded", "programs_created", _risky, defect="blockers left open"),
)
