"""Rules as Great Expectations takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_deploy.validation.suites import Rule


class UnknownRuleError(Exception):
    """GX knows no such expectation, or not with these arguments."""


def configuration_of(rule: Rule, kwargs: Mapping[str, Any], meta: Mapping[str, Any]) -> Any:  # noqa: ANN401 - GX is not imported for a type
    """
    Make a configuration of GX.

    Args:
        rule: The rule.
        kwargs: What it asks; how results are told is not the suite's to say.
        meta: What its result shall carry.

    Returns:
        The configuration, of which GX can make an expectation.

    Raises:
        UnknownRuleError: It cannot.
    """
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.metadata_types import FailureSeverity

    try:
        made = ExpectationConfiguration(
            type=rule.type,
            kwargs={name: value for name, value in kwargs.items() if name != "result_format"},
            meta=dict(meta),
            description=rule.description or None,
            severity=FailureSeverity(rule.severity),
        )
        made.to_domain_obj()  # where GX looks at the type and the arguments
    except Exception:  # noqa: BLE001 - GX raises what it likes, and quotes what it was given
        raise UnknownRuleError from None
    return made
