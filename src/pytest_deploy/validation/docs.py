"""GX's Data Docs of a run, as pages that call nobody and hold no value of a row."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pytest_deploy.errors import EvidenceError
from pytest_deploy.validation.configurations import UnknownRuleError, configuration_of
from pytest_deploy.validation.outcome import Came, Outcome
from pytest_deploy.validation.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

INDEX = "data-docs/index.html"
# GX's pages load styles, scripts and pictures from six hosts, and advertise a newsletter.
_FOREIGN = (
    re.compile(r"<script\b.*?</script>", re.DOTALL),
    re.compile(r"<style\b.*?</style>", re.DOTALL),
    re.compile(r"<link\b[^>]*>"),
    re.compile(r"<img\b[^>]*>"),
    re.compile(r"<footer\b.*?</footer>", re.DOTALL),
    re.compile(r"<a\b[^>]*data-toggle[^>]*>.*?</a>", re.DOTALL),
    re.compile(r"</?a\b[^>]*>"),
)
_ADDRESS = re.compile(r'\b(href|src|action)="(?:https?:)?//[^"]*"')
_STYLE = """<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
th, td { border: 1px solid #8888; padding: .3rem .6rem; text-align: left; vertical-align: top; }
h5, strong { font-size: 1.1rem; }
.fa-check-circle::before { content: "holds"; color: #0a7d33; font-style: normal; }
.fa-times::before { content: "does not hold"; color: #c5221f; font-style: normal; }
.fa-exclamation-triangle::before { content: "not checked"; color: #a15c00; font-style: normal; }
.modal, .card, nav, [hidden] { display: none; }
</style>
</head>"""
_INDEX_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="UTF-8"><title>Data rules, release {release}</title></head>
<body><h1>Data rules, release {release}</h1>
<table><thead><tr><th>table</th><th>rules</th><th>hold</th></tr></thead><tbody>
{rows}
</tbody></table></body></html>
"""
_ROW = '<tr><td><a href="{page}">{table}</a></td><td>{rules}</td><td>{held}</td></tr>'


def write_docs(outcomes: Sequence[Outcome], release: Path) -> str:
    """
    Write the Data Docs of a run.

    Args:
        outcomes: Of every rule: counts alone go into the pages.
        release: The release's folder.

    Returns:
        The first page, relative to that folder; empty where there is no rule to tell of.

    Raises:
        EvidenceError: The pages cannot be made or written.
    """
    index = release / INDEX
    suites = dict.fromkeys(outcome.suite.path for outcome in outcomes if outcome.rule is not None)
    if not suites:
        return ""
    try:
        index.parent.mkdir(exist_ok=True)
        rows = [
            _write_page([o for o in outcomes if o.suite.path == path], index.parent, release.name)
            for path in suites
        ]
        page = _INDEX_PAGE.format(release=escape(release.name), rows="\n".join(rows))
        index.write_text(page.replace("</head>", _STYLE, 1), "utf-8")
    except OSError as error:
        raise EvidenceError(
            f"Data Docs {index.parent}",
            problem=f"cannot be written: {error.strerror}",
            where="--evidence",
            remedy="free disk space or name another folder, and run again",
        ) from None
    return INDEX


def _write_page(outcomes: list[Outcome], folder: Path, release: str) -> str:
    """Write one suite's page, and give its row of the index."""
    name = outcomes[0].suite.path.stem
    path = folder / f"{name}.html"
    with quiet():
        page = _page(outcomes, name, release)
    path.write_text(_alone(page), "utf-8")
    held = sum(outcome.came is Came.HOLDS for outcome in outcomes)
    table = escape(outcomes[0].suite.table)
    return _ROW.format(page=quote(path.name), table=table, rules=len(outcomes), held=held)


def _alone(page: str) -> str:
    """Take away all that would be loaded from elsewhere."""
    for foreign in _FOREIGN:
        page = foreign.sub("", page)
    return _ADDRESS.sub("", page).replace("</head>", _STYLE, 1)


def _page(outcomes: list[Outcome], name: str, release: str) -> str:
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    results = [result for result in map(_result, outcomes) if result is not None]
    # GX takes a bare id for a date: the digits behind its time for an offset beyond any day.
    whole = _of_suite(name, outcomes, results, RunIdentifier(run_name=f"release {release}"))
    try:
        view: Any = DefaultJinjaPageView()
        return str(view.render(ValidationResultsPageRenderer().render(whole)))
    except Exception as error:  # noqa: BLE001 - GX raises what it likes, and quotes what it was given
        raise EvidenceError(
            f"Data Docs of the suite {name}",
            problem=f"expected a page from GX, seen {type(error).__name__}",
            where=str(outcomes[0].suite.path),
            remedy="find the rule by leaving others out; see runbooks/expectation-fails.md",
        ) from None


def _of_suite(name: str, outcomes: list[Outcome], results: list[Any], run: Any) -> Any:  # noqa: ANN401
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
    )

    held = sum(outcome.came is Came.HOLDS for outcome in outcomes)
    return ExpectationSuiteValidationResult(
        success=held == len(outcomes),
        suite_name=name,
        results=results,
        statistics={
            "evaluated_expectations": len(outcomes),
            "successful_expectations": held,
            "unsuccessful_expectations": len(outcomes) - held,
            "success_percent": 100 * held / len(outcomes),
        },
        meta={"run_id": run},
    )


def _result(outcome: Outcome) -> Any:  # noqa: ANN401 - a result of GX
    """Make a result anew, of what may be told; None for a rule that GX does not know."""
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult

    assert outcome.rule is not None
    try:
        configuration = configuration_of(outcome.rule, outcome.rule.kwargs, {})
    except UnknownRuleError:  # the gate tells of it
        return None
    checked = outcome.came in (Came.HOLDS, Came.BROKEN)
    return ExpectationValidationResult(
        success=outcome.came is Came.HOLDS,
        expectation_config=configuration,
        result=dict(outcome.figures or {}),
        meta={},
        exception_info={
            "raised_exception": not checked,
            "exception_message": "" if checked else outcome.seen,
            "exception_traceback": "",
        },
    )
