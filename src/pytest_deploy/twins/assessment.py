"""Defects of what is known beforehand: the target, the steps, the risks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.findings import Finding, Severity
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.twins.twin import NotApplicable, RedTwin

if TYPE_CHECKING:
    import pytest


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
    """Leave a blocker open, and take away what room the bound leaves."""
    deploy = request.getfixturevalue("deploy")
    if deploy.settings.largest_risk is None:
        raise NotApplicable("only the configured database has a bound of risk")
    message = "planted by a red twin: nobody has chosen a remedy"
    deploy.add_findings((Finding("unsettled", Severity.BLOCKER, "a blocker", message),))
    gates = deploy.settings.gates
    bound = gates.risk.model_copy(update={"largest_total": 0})
    deploy.settings = deploy.settings.model_copy(
        update={"gates": gates.model_copy(update={"risk": bound})}
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
    RedTwin("risk_is_bounded", "programs_created", _risky, defect="risk over its bound"),
)
