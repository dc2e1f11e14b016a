"""Is it known what would be done, and is what may go wrong little enough."""

from pytest_deploy.gates.plan import (
    environment_is_as_rehearsed,
    plan_is_complete,
    risk_is_bounded,
)


def test_environment_is_as_rehearsed(gate, surroundings):
    """The server that the deployment goes to has what is needed, and is like the rehearsal's."""
    gate.judge(environment_is_as_rehearsed(surroundings.environment))


def test_plan_is_complete(gate, deploy, deployment_plan):
    """Each step that ran says what it does, locks and takes, and how it is undone."""
    gate.judge(plan_is_complete(deployment_plan, deploy.journal))


def test_risk_is_bounded(gate, deployment_plan):
    """What may go wrong, likelihood times impact, is within the bound that is configured."""
    gate.judge(risk_is_bounded(deployment_plan.risks))
