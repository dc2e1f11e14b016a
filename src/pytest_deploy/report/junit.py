"""Names in `junit.xml` that stay the same wherever a suite is installed, and the verdict."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from pytest_deploy.errors import EvidenceError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

_CLASS = "pytest_deploy"
_ENDING = re.compile(r"\.py$")


@dataclass(frozen=True)
class JUnit:
    """
    What pytest was asked to write.

    Args:
        path: The file.
        prefix: What stands before each class name; empty for nothing.
    """

    path: Path
    prefix: str = ""

    @classmethod
    def of(cls, option: Namespace) -> JUnit | None:
        """
        Read pytest's options.

        Args:
            option: Of the run.

        Returns:
            The file, as pytest resolves its name; None where none was asked for.
        """
        name = getattr(option, "xmlpath", None)
        if not name:
            return None
        path = Path(os.path.expandvars(name)).expanduser().absolute()
        return cls(path, option.junitprefix or "")


def name_gates(
    junit: JUnit, gates: Mapping[str, tuple[str, str]], properties: Mapping[str, str]
) -> None:
    """
    Name gates by phase and gate, in place of their files, and add properties.

    pytest names a test by its path from its root: with --pyargs, or in another folder, the same
    gate is another test to whoever compares two runs.

    Args:
        junit: What pytest wrote.
        gates: Phase and gate by node id.
        properties: What the whole run is to say, by name.

    Raises:
        EvidenceError: The file cannot be read or written.

    Source: https://docs.pytest.org/en/stable/how-to/output.html#creating-junitxml-format-files
    """
    path, before = junit.path, f"{junit.prefix}." if junit.prefix else ""
    named = {_as_pytest_names(node, before): of for node, of in gates.items()}
    try:
        tree = ET.parse(path)  # noqa: S314 - pytest wrote it a moment ago
        for case in tree.iter("testcase"):
            of = named.get((case.get("classname", ""), case.get("name", "")))
            if of is not None:
                case.set("classname", f"{before}{_CLASS}.{of[0]}")
                case.set("name", of[1])
        for suite in tree.iter("testsuite"):
            suite.insert(0, _element(suite, properties))
        tree.write(path, encoding="utf-8", xml_declaration=True)
    except (OSError, ET.ParseError) as error:
        raise EvidenceError(
            f"JUnit file {path}",
            problem=f"expected what pytest wrote, seen: {type(error).__name__}",
            where="--junitxml",
            remedy="the verdict is in report.json; see runbooks/report-trouble.md",
        ) from None


def _element(suite: ET.Element, properties: Mapping[str, str]) -> ET.Element:
    there = suite.find("properties")
    if there is not None:
        suite.remove(there)
    element = ET.Element("properties") if there is None else there
    for name, value in properties.items():
        ET.SubElement(element, "property", name=name, value=value)
    return element


def _as_pytest_names(node: str, before: str) -> tuple[str, str]:
    plain, bracket, parameters = node.partition("[")
    path, *names = plain.split("::")
    module = _ENDING.sub("", path.replace("/", "."))
    *above, name = [module, *names]
    return before + ".".join(above), f"{name}{bracket}{parameters}"
