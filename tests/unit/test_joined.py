"""Columns that a foreign key joins get one type where their values allow it."""

import pytest

from pytest_deploy.schema.joined import alike
from pytest_deploy.schema.kinds import Kind, TargetType
from pytest_deploy.schema.model import Column, ForeignKey, SourceSchema, Table
from pytest_deploy.schema.types import TypeChoice


def joined(child, parent, *, declared=("CODE", "CODE"), row_key=None):
    """Give the kinds of two columns after they were joined."""
    one = Table(
        "child",
        (Column("a", declared[0], False, None),),
        rowid_column=row_key,
        foreign_keys=(ForeignKey(("a",), "parent", ("b",), "NO ACTION", "NO ACTION"),),
    )
    other = Table("parent", (Column("b", declared[1], False, None),), primary_key=("b",))
    made = alike({"child": {"a": child}, "parent": {"b": parent}}, SourceSchema((one, other)))
    return made["child"]["a"].target.kind, made["parent"]["b"].target.kind


def choice(kind, **said):
    """Choose a type."""
    return TypeChoice(TargetType(kind), **said)


INTEGERS = choice(Kind.BIGINT, stored="integer")
TEXTS = choice(Kind.TEXT, mixed=True)


@pytest.mark.parametrize(
    ("child", "parent", "kinds"),
    [
        (INTEGERS, TEXTS, (Kind.TEXT, Kind.TEXT)),
        (TEXTS, INTEGERS, (Kind.TEXT, Kind.TEXT)),
        (choice(Kind.TEXT, empty=True), INTEGERS, (Kind.BIGINT, Kind.BIGINT)),
        (choice(Kind.NUMERIC, empty=True), INTEGERS, (Kind.BIGINT, Kind.BIGINT)),
        (choice(Kind.NUMERIC), INTEGERS, (Kind.NUMERIC, Kind.BIGINT)),
        (choice(Kind.NUMERIC, stored="integer"), INTEGERS, (Kind.BIGINT, Kind.BIGINT)),
        (choice(Kind.NUMERIC, stored="real"), INTEGERS, (Kind.NUMERIC, Kind.BIGINT)),
        (choice(Kind.UUID, stored="text"), choice(Kind.TEXT), (Kind.TEXT, Kind.TEXT)),
        (choice(Kind.TEXT, stored="text"), INTEGERS, (Kind.TEXT, Kind.TEXT)),
    ],
)
def test_what_no_declaration_promises_follows_the_other(child, parent, kinds):
    """Integers become texts beside texts; a column without a value becomes what the other is."""
    assert joined(child, parent) == kinds


def test_a_declaration_that_promises_something_else_stays():
    """Integers that are declared so do not become texts for a parent that is declared as text."""
    declared = ("INTEGER", "TEXT")
    texts = choice(Kind.TEXT, stored="text")
    assert joined(INTEGERS, texts, declared=declared) == (Kind.BIGINT, Kind.TEXT)
    assert joined(INTEGERS, texts, declared=("INTEGER", "INT")) == (Kind.TEXT, Kind.TEXT)


def test_what_is_fixed_or_assigned_stays():
    """A type of the configuration or of a lock, and a key that Postgres assigns."""
    fixed = choice(Kind.BIGINT, stored="integer", fixed=True)
    assert joined(fixed, TEXTS) == (Kind.BIGINT, Kind.TEXT)
    assert joined(INTEGERS, TEXTS, row_key="a") == (Kind.BIGINT, Kind.TEXT)
