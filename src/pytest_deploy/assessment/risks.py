"""What may go wrong: a risk, all of them, and the rule that tells whether one is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_deploy.assessment.facts import Facts


@dataclass(frozen=True)
class Risk:
    """
    One thing that may go wrong.

    Args:
        code: What kind of thing, in snake_case.
        what: What may happen.
        likelihood: 1, hardly, to 5, certainly.
        impact: 1, a nuisance, to 5, data or the service is lost.
        score: Likelihood times impact.
        evidence: The figure or the finding that says so.
        mitigation: What makes it smaller.
    """

    code: str
    what: str
    likelihood: int
    impact: int
    score: int
    evidence: str
    mitigation: str


@dataclass(frozen=True)
class Risks:
    """
    All risks.

    Args:
        total: The sum of their scores.
        largest_total: The largest sum that may go on; None where nobody bounds it.
        risks: The largest first.
    """

    total: int
    largest_total: int | None
    risks: tuple[Risk, ...]

    @property
    def excess(self) -> int:
        """How much of the total is over the bound."""
        return 0 if self.largest_total is None else max(0, self.total - self.largest_total)


class Likely(NamedTuple):
    """How likely it is, and what says so."""

    likelihood: int
    evidence: str


class Rule(NamedTuple):
    """One kind of risk: the look that tells whether it is there, and what it means."""

    look: Callable[[Facts], Likely | None]
    what: str
    impact: int
    mitigation: str

    @property
    def code(self) -> str:
        """The risk's code: the name of the look."""
        return self.look.__name__
