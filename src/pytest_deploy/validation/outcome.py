"""What came of a rule, without a value from the rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_deploy.validation.suites import Rule, Suite

# Figures about rows. All else that GX tells may be a row's value: the largest, the most common.
_FIGURES = frozenset(
    {
        "element_count",
        "missing_count",
        "missing_percent",
        "unexpected_count",
        "unexpected_percent",
        "unexpected_percent_total",
        "unexpected_percent_nonmissing",
    }
)
_COUNTED = re.compile(
    r"expect_table_(row|column)_count_.*|expect_column_unique_value_count_.*"
    r"|expect_column_proportion_.*|unexpected_rows_expectation"
)
_REFUSAL = re.compile(r"\(psycopg\.errors\.(\w+)\)")


class Came(StrEnum):
    """How a rule ended."""

    HOLDS = "holds"
    BROKEN = "broken"
    EMPTY = "nothing to examine"
    UNUSABLE = "cannot be checked"


@dataclass(frozen=True)
class Outcome:
    """
    What came of one rule, or of a file that has none to check.

    Args:
        suite: The suite.
        rule: The rule; None where the whole suite is meant.
        came: How it ended.
        seen: What was seen.
        figures: Counts, by the names that GX gives them.
        keys: Up to five rows that break it, by their keys.
    """

    suite: Suite
    rule: Rule | None
    came: Came
    seen: str = ""
    figures: Mapping[str, int | float] | None = None
    keys: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What is promised, with its table."""
        said = self.rule.sentence if self.rule else "the suite can be used"
        return f"{self.suite.table}: {said}"


def figures_of(rule: Rule, result: Mapping[str, Any]) -> dict[str, int | float]:
    """
    Take what may be told from a result of GX.

    Args:
        rule: The rule.
        result: GX's own.

    Returns:
        Counts and shares of rows, never a value that stands in one.
    """
    told = {name: n for name, n in result.items() if name in _FIGURES and _is_number(n)}
    observed = result.get("observed_value")
    if _COUNTED.fullmatch(rule.type) and _is_number(observed):
        told["observed_value"] = observed
    return told


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def refusal_of(exception_info: Mapping[str, Any]) -> str:
    """
    Say why GX could not check a rule; its message is withheld, since it may quote a row.

    Args:
        exception_info: As GX tells it: of one exception, or of several by metric.

    Returns:
        The class of Postgres' error where it was one; empty where nothing was raised.
    """
    flat = "raised_exception" in exception_info
    for one in [exception_info] if flat else exception_info.values():
        if isinstance(one, dict) and one.get("raised_exception"):
            found = _REFUSAL.search(str(one.get("exception_message")))
            return f"Postgres refuses it: {found[1]}" if found else "GX cannot check it"
    return ""
