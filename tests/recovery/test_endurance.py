"""Many deployments one after the other, some with a fault: nothing is lost, doubled or left."""

from tests.recovery.endurance import endure


def test_deployments_one_after_the_other_and_with_faults(stage):
    """Five, then three with a fault by a seed; the night does more: see nightly.yml."""
    assert len(endure(stage, deployments=5, faults=3, seed="1")) == 5
