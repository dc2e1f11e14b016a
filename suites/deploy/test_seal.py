"""May this be deployed, and was it."""

from pytest_deploy.gates.seal import sealed_rehearsal
from pytest_deploy.gates.steps import steps_are_applied


def test_sealed_rehearsal(gate, deploy, rehearsal_seal, grounds, source):
    """Exactly this was rehearsed and green, lately, and sealed by a key that counts here."""
    rows = {name: profile.rows for name, profile in source.profiles.items()}
    gate.judge(sealed_rehearsal(rehearsal_seal, deploy.settings, grounds, rows))


def test_steps_are_applied(gate, steps_of_deployment):
    """Every step of the deployment is applied: without one, nothing was deployed."""
    gate.judge(steps_are_applied(steps_of_deployment))
