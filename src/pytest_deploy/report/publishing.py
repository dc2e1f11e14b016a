"""Puts the report where people look: a page, a summary, GitHub's job summary, the history."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_deploy.engine.checkout import checkout_of
from pytest_deploy.errors import DeployError, EvidenceError
from pytest_deploy.files import write_whole
from pytest_deploy.report.annotations import GITHUB_ACTIONS, workflow_commands
from pytest_deploy.report.answer import answer
from pytest_deploy.report.evidence import REPORT, report, write_report
from pytest_deploy.report.history import (
    Past,
    categories,
    last_of,
    recall,
    remember,
    was_rolled_back,
)
from pytest_deploy.report.junit import JUnit, name_gates
from pytest_deploy.report.markdown import LARGEST_BYTES, SUMMARY, markdown
from pytest_deploy.report.page import PAGE, page
from pytest_deploy.report.sealing import seal_once

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_deploy.report.session import Session

GITHUB_SUMMARY = "GITHUB_STEP_SUMMARY"


def publish(
    session: Session, environ: Mapping[str, str], junit: JUnit | None
) -> Iterator[DeployError]:
    """
    Seal, remember and tell a run that has ended.

    Args:
        session: The run.
        environ: The environment, where GitHub names the file of a job's summary.
        junit: What pytest wrote for `--junitxml`; None without it.

    Yields:
        What could not be done; the rest is done all the same.
    """
    with _failing("seal") as failed:
        seal_once(session)
    yield from failed
    told: dict[str, Any] | None = None
    with _failing(REPORT) as failed:
        told = report(session, remembered(session))
        write_report(session, told)
        session.next_actions = answer(told).actions
    yield from failed
    if told is None:
        return
    with _failing(PAGE) as failed:
        render(told, session.release.folder)
    yield from failed
    with _failing(GITHUB_SUMMARY) as failed:
        if path := environ.get(GITHUB_SUMMARY):
            append_summary(told, Path(path))
    yield from failed
    with _failing("--junitxml") as failed:
        if junit:
            name_gates(junit, session.gates, _properties(told))
    yield from failed
    with _failing("annotations") as failed:
        if environ.get(GITHUB_ACTIONS) == "true":
            session.annotations = workflow_commands(told)
    yield from failed


@contextmanager
def _failing(what: str) -> Iterator[list[DeployError]]:
    """Keep what went wrong: whatever it is, the verdict is told."""
    failed: list[DeployError] = []
    try:
        yield failed
    except DeployError as error:
        failed.append(error)
    except Exception as error:  # noqa: BLE001 - its message may quote what it stumbled over
        failed.append(_unusable(what, f"cannot be rendered: {type(error).__name__}"))


def _properties(told: Mapping[str, Any]) -> dict[str, str]:
    kept = ("release", "app", "env", "verdict")
    return {f"deploy.{name}": str(told[name]) for name in kept}


def remembered(session: Session) -> list[dict[str, Any]]:
    """
    Leave a line in the history, and read it; a run that plants defects leaves none.

    Args:
        session: The run, as it stands.

    Returns:
        The last releases of the same app and env; nothing where the history cannot be used, which
        `session.trouble` then tells: the verdict does not depend on it.
    """
    folder = session.options.evidence
    try:
        past = _past(session)
        if not session.options.plants:
            remember(folder, past)
        return last_of(recall(folder), past.app, past.env)
    except EvidenceError as error:
        session.add_trouble(str(error))
        return []


def _past(session: Session) -> Past:
    phases, verdict = session.results.phases, session.verdict()
    configuration = session.settings.path
    folder = configuration.resolve().parent if configuration else Path.cwd()
    return Past(
        session.release.id,
        session.settings.app.name,
        session.options.env,
        ", ".join(phases),
        verdict.value,
        session.began_at,
        round(session.spent_s(), 3),
        categories(session.results.gates, session.trouble, verdict),
        rolled_back=was_rolled_back(phases, session.journal.entries),
        whole=not session.results.selected_only,
        commit=checkout_of(folder).commit,
    )


def render(told: Mapping[str, Any], folder: Path) -> tuple[Path, ...]:
    """
    Write the page and the summary of a release.

    Args:
        told: What `report.json` holds.
        folder: The release's folder.

    Returns:
        The files.

    Raises:
        EvidenceError: They cannot be rendered or written.
    """
    return tuple(
        _written(folder / name, form, told) for name, form in ((PAGE, page), (SUMMARY, markdown))
    )


def _written(path: Path, form: Any, told: Mapping[str, Any]) -> Path:  # noqa: ANN401 - a function
    try:
        write_whole(path, form(told))
    except OSError as error:
        raise _unusable(path, f"cannot be written: {error.strerror}") from None
    except Exception as error:
        raise _unusable(path, f"cannot be rendered: {type(error).__name__}") from error
    return path


def append_summary(told: Mapping[str, Any], path: Path) -> None:
    """
    Add the summary to that of a job on GitHub, within what is left of its size.

    Args:
        told: What `report.json` holds.
        path: What the variable GITHUB_STEP_SUMMARY names.

    Raises:
        EvidenceError: It cannot be written.

    Source: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    try:
        used = path.stat().st_size if path.exists() else 0
        with path.open("a", encoding="utf-8") as file:
            file.write(markdown(told, largest_bytes=LARGEST_BYTES - used - 1) + "\n")
    except OSError as error:
        raise _unusable(path, f"cannot be written: {error.strerror}") from None


def _unusable(path: Path | str, problem: str) -> EvidenceError:
    return EvidenceError(
        f"report {path}",
        problem=problem,
        where="--evidence",
        remedy="`python -m pytest_deploy report` tries again; see runbooks/report-trouble.md",
    )
