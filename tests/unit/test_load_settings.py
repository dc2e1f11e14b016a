"""What is written in `[gates.load]` and on the command line is checked before anything begins."""

import pytest

from pytest_deploy.config import load
from pytest_deploy.errors import ConfigError
from pytest_deploy.load.nodes import Nodes, nodes_of

BEGINNING = '[app]\nname = "a"\n[source]\ndatabase = "a.db"\n'


def settings(folder, lines):
    path = folder / "deploy.toml"
    path.write_text(f"{BEGINNING}[gates.load]\n{lines}\n")
    return load(path).gates.load


def test_the_folder_is_beside_the_configuration(tmp_path):
    """An empty section asks for load, with the thresholds that are documented."""
    found = settings(tmp_path, "")
    assert found.folder == tmp_path / "loadtests"
    assert (found.users, found.p95_ms, found.error_ratio, found.worst_degradation) == (
        10,
        250.0,
        0.0,
        None,
    )


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("users = 0", "gates.load.users: expected greater than or equal to 1; seen an integer: 0"),
        ("seconds = 0.5", "gates.load.seconds: expected greater than or equal to 1"),
        ("p50_ms = 0", "gates.load.p50_ms: expected greater than 0; seen an integer: 0"),
        ('p95_ms = "fast"', "gates.load.p95_ms: expected a number; seen text"),
        ("error_ratio = 1.0", "gates.load.error_ratio: expected less than 1; seen a number: 1.0"),
        ("worst_degradation = 0.5", "gates.load.worst_degradation: expected greater than"),
        ("p50_ms = 300", "p50_ms up to p95_ms, and p95_ms up to p99_ms"),
        ("p99_ms = inf", "gates.load.p99_ms: expected a finite number; seen a number: inf"),
        ("p99_ms = nan", "gates.load.p99_ms: expected a finite number"),
        ("worst_degradation = inf", "gates.load.worst_degradation: expected a finite number"),
        ("p95 = 300", "gates.load.p95: unknown key; known are "),
        ("folder = ''", "gates.load.folder: expected a path"),
    ],
)
def test_a_mistake_is_told_by_its_key(tmp_path, lines, said):
    """With what is allowed and what stands there."""
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, lines)
    assert said in caught.value.problem


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ((0, 0, None), Nodes()),
        ((2, 0, None), Nodes(2, 0, "127.0.0.1", 0)),
        ((0, 3, None), Nodes(0, 3, "127.0.0.1", 5557)),
        ((1, 1, "10.0.0.1:6000"), Nodes(1, 1, "10.0.0.1", 6000)),
        ((1, 1, "[fd00::1]:6000"), Nodes(1, 1, "[fd00::1]", 6000)),
    ],
)
def test_workers_join_at_the_loopback_unless_said_otherwise(asked, found):
    """A port is opened to others only where somebody names its address."""
    assert nodes_of(*asked) == found


@pytest.mark.parametrize(
    "asked",
    [(-1, 0, None), (0, -1, None), (0, 0, "127.0.0.1:6000"), (1, 0, "6000"), (1, 0, "here:0")],
)
def test_what_contradicts_itself_is_refused(asked):
    """An address where nobody joins, or none."""
    with pytest.raises(ConfigError):
        nodes_of(*asked)
