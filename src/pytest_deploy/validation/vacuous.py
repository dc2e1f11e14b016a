"""Rules that no row can break: they would be green whatever the rows are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_deploy.validation.suites import Rule

_BETWEEN = re.compile(r"expect_(table|column)_(?!quantile).*_to_be_between")
_COUNTED = re.compile(
    r"expect_(table_\w+_count|column_unique_value_count|column_value_lengths"
    r"|column_proportion_of_\w+)_.*"
)
_ROWS = "expect_table_row_count_to_be_between"
_SHARE = "expect_column_proportion_of_"
_NEED_VALUES = re.compile(
    r"expect_column_values_to_not_be_in_set|expect_column_distinct_values_to_contain_set"
    r"|expect_column_quantile_values_to_be_between"
)
_DISTINCT = re.compile(
    r"expect_column_(distinct_values|unique_value_count|proportion_of_unique)_.*"
)


def why_vacuous(rule: Rule, *, may_be_empty: bool = False) -> str:
    """
    Say why no row can break a rule.

    Args:
        rule: The rule.
        may_be_empty: Whether its suite says so: then any number of rows is a rule, too.

    Returns:
        The reason, without a value of the suite; empty where some row can.
    """
    asked = rule.kwargs
    mostly = asked.get("mostly", 1)
    if isinstance(mostly, int | float) and mostly <= 0:
        return "expected mostly above 0, seen one that no row can break"
    if _NEED_VALUES.fullmatch(rule.type) and not _values_of(asked):
        return "expected values, seen none: no row can break it"
    if rule.type == _ROWS and may_be_empty:
        return ""
    if _BETWEEN.fullmatch(rule.type):
        return _without_bounds(rule.type, asked)
    return ""


def _values_of(asked: Mapping[str, Any]) -> object:
    ranges = asked.get("quantile_ranges")
    return ranges.get("quantiles") if isinstance(ranges, dict) else asked.get("value_set")


def _without_bounds(kind: str, asked: Mapping[str, Any]) -> str:
    least, most = asked.get("min_value"), asked.get("max_value")
    if _COUNTED.fullmatch(kind):  # of rows and shares of them there are never less than none
        if isinstance(least, int | float) and least <= 0 and not asked.get("strict_min"):
            least = None
        whole = kind.startswith(_SHARE) and isinstance(most, int | float) and most >= 1
        if whole and not asked.get("strict_max"):
            most = None
    if least is None and most is None:
        return "expected bounds, seen none that a row can break"
    return ""


def saw_nothing(rule: Rule, result: Mapping[str, Any]) -> bool:
    """
    Tell whether a rule about distinct values found none to look at.

    Args:
        rule: The rule.
        result: GX's own.

    Returns:
        Whether it holds over nothing.
    """
    observed = result.get("observed_value")
    return bool(_DISTINCT.fullmatch(rule.type)) and (observed is None or observed in (0, []))
