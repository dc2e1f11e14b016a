"""What is wrong as annotations of a change on GitHub: workflow commands, printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_deploy.report.answer import answer, said
from pytest_deploy.report.forms import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Report = Mapping[str, Any]

GITHUB_ACTIONS = "GITHUB_ACTIONS"
MOST = 10  # GitHub shows no more for one step
_LEVELS = {"red": "error", "unproven": "warning"}
_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = _DATA | {":": "%3A", ",": "%2C"}


def workflow_commands(report: Report) -> tuple[str, ...]:
    """
    Tell a report as workflow commands.

    Args:
        report: What `report.json` holds.

    Returns:
        At most ten: the verdict, then what closes gates, the worst first.

    Source: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    found = list(_annotations(report))
    if len(found) > MOST:
        more = len(found) - MOST + 1
        found[MOST - 1 :] = [_command("notice", "deployment", f"{more:,} more: see report.html")]
    return tuple(found)


def _annotations(report: Report) -> Iterator[str]:
    verdict = report["verdict"]
    level = {"green": "notice", "red": "error"}.get(verdict, "warning")
    title = f"{', '.join(report['phases'])} on {report['env']}: {verdict.upper()}"
    found = answer(report)
    yield _command(level, title, f"{found.headline} {found.actions[0].text}")
    for finding in report["findings"]:
        if finding["severity"] == "blocker" and finding["settled_by"] is None:
            lines = f"\nin deploy.toml:\n{finding['setting']}" if finding["setting"] else ""
            told = f"{finding['code']} {finding['object']}"
            yield _command("error", f"blocker {told}", finding["message"] + lines)
    for state, level_of in _LEVELS.items():
        for gate in report["gates"]:
            if gate["state"] == state:
                problem = said(gate["problems"][0]) if gate["problems"] else state
                text = "\n".join(part for part in (problem, gate.get("remedy", "")) if part)
                yield _command(level_of, f"gate {gate['name']} is {state}", text)


def _command(level: str, title: str, text: str) -> str:
    return f"::{level} title={_escaped(title, _PROPERTY)}::{_escaped(text, _DATA)}"


def _escaped(text: str, table: Mapping[str, str]) -> str:
    return "".join(table.get(letter, letter) for letter in visible(text))
