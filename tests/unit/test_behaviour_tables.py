"""Which columns may differ between two sides that have clocks and dice of their own."""

from types import SimpleNamespace

import pytest

from pytest_deploy.behaviour.tables import by_chance
from pytest_deploy.schema.model import Column


def masks(*columns):
    """Ask about a table of (name, default, formula)."""
    made = [
        Column(
            name,
            "",
            not_null=False,
            default=default,
            formula=formula,
            generated=formula and "stored",
        )
        for name, default, formula in columns
    ]
    return by_chance(SimpleNamespace(columns=[SimpleNamespace(source=one) for one in made]))


@pytest.mark.parametrize(
    ("default", "mask"),
    [
        (None, False),
        ("7", False),
        ("CURRENT_TIMESTAMP", False),
        ("strftime('%s', 'now')", True),
        ("datetime('now', '+30 days')", True),
        ("lower(hex(randomblob(16)))", True),
    ],
)
def test_a_default_by_chance_is_masked(default, mask):
    """What is simply now is told apart by its value."""
    assert masks(("a", default, None)) == [mask]


def test_what_is_computed_from_a_clock_moves_with_it():
    """Also through another formula, wherever that stands; what is computed from data does not."""
    assert masks(
        ("twice", None, "[Since] * 2"),
        ("since", None, "ended - STARTED * 1000"),
        ("started", "CURRENT_TIMESTAMP", None),
        ("ended", None, None),
        ("later", None, "ended + 1"),
    ) == [True, True, False, False, False]
