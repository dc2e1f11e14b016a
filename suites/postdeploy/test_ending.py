"""Was it deployed to the end, and how long is its way back kept."""

from pytest_deploy.gates.releases import release_stands


def test_release_is_settled(gate, deploy, release_ended):
    """A release stands there; with --complete its way back is given up, if it is due."""
    known, refused = release_ended
    retain_hours = deploy.settings.release.retain_hours
    gate.judge(release_stands(known, retain_hours=retain_hours, refused=refused))
