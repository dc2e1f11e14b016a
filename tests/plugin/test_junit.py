"""JUnit XML with names that do not depend on where a suite or the root is."""

from xml.etree import ElementTree as ET

import pytest
from projects import GREEN

RED = "gate.judge(Verdict(1, 'cosa', ('no vale',)))"


def cases(path):
    return [(c.get("classname"), c.get("name")) for c in ET.parse(path).iter("testcase")]


@pytest.mark.parametrize("folder", ["suites", "ops/suites", "a/b/c/suites"])
@pytest.mark.parametrize("more", [(), ("--rootdir=..",), ("-o", "junit_family=xunit1")])
def test_a_gate_has_the_same_name_wherever_its_suite_is(project, folder, more):
    """Phase and gate; a file may be moved, and the root be another."""
    project.gates("nightly", folder=folder, a=GREEN, b=RED)
    project.run("-m", "nightly", folder, "--junitxml=out/junit.xml", *more)
    named = cases(project.path / "out/junit.xml")
    assert named == [("pytest_deploy.nightly", "a"), ("pytest_deploy.nightly", "b")]


def test_with_pyargs_the_names_are_the_same(monkeypatch, project):
    """As where another repository runs the package's own suites."""
    project.gates("nightly", folder="elsewhere/paquete/suites", a=GREEN)
    for name in ("paquete", "paquete/suites", "paquete/suites/nightly"):
        project.write(f"elsewhere/{name}/__init__.py", "")
    monkeypatch.setenv("PYTHONPATH", str(project.path / "elsewhere"))
    project.run("--pyargs", "paquete.suites", "-m", "nightly", "--junitxml=junit.xml")
    assert cases(project.path / "junit.xml") == [("pytest_deploy.nightly", "a")]


def test_the_verdict_is_among_the_properties(project):
    """Also a prefix that somebody asked for is kept, and a test that is no gate keeps its name."""
    project.gates("nightly", a=RED)
    project.write("tests/test_plain.py", "def test_plain(): pass")
    project.run(".", "--junitxml=junit.xml", "--junit-prefix=ours")
    path = project.path / "junit.xml"
    assert sorted(cases(path)) == [
        ("ours.pytest_deploy.nightly", "a"),
        ("ours.tests.test_plain", "test_plain"),
    ]
    found = {p.get("name"): p.get("value") for p in ET.parse(path).iter("property")}
    assert found["deploy.verdict"] == "red"
    assert found["deploy.release"] == project.report()["release"]


def test_what_failed_twice_is_named_twice(project):
    """The call and the way back."""
    project.write(
        "suites/nightly/test_back.py",
        """
        import pytest
        from pytest_deploy.gates.verdict import Verdict
        @pytest.fixture
        def step():
            yield
            raise ValueError
        def test_a(gate, step): gate.judge(Verdict(1, "cosa", ("no",)))
        """,
    )
    project.run("-m", "nightly", "--junitxml=junit.xml")
    assert cases(project.path / "junit.xml") == [("pytest_deploy.nightly", "a")] * 2
