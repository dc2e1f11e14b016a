"""Converts raw SQLite values, a column at a time, to the text that COPY reads."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from pytest_deploy.schema.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo

    from pytest_deploy.schema.kinds import RawValue

    Converter = Callable[[Sequence[RawValue]], list[str]]

_NULL = r"\N"


def converter(kind: Kind, zone: tzinfo) -> Converter:
    """
    Choose the converter for a column.

    Args:
        kind: The family of its type in Postgres.
        zone: The zone of dates that name none.

    Returns:
        A function from values that fit to COPY's text format.

    Source: https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2
    """
    if kind is Kind.TIMESTAMPTZ:
        return partial(_moments, zone=zone)
    return {Kind.TEXT: _texts, Kind.BYTEA: _blobs, Kind.BOOLEAN: _flags}.get(kind, _plain)


def _plain(values: Sequence[RawValue]) -> list[str]:
    # repr() of a float is the shortest text that reads back as the same float.
    return [_NULL if v is None else repr(v) if type(v) is float else str(v) for v in values]


def _texts(values: Sequence[RawValue]) -> list[str]:
    return [
        _NULL if v is None else _escaped(v) if type(v) is str else _plain((v,))[0] for v in values
    ]


def _escaped(text: str) -> str:
    # Four searches for a byte are quicker than one look at every character.
    return text.replace("\\", r"\\").replace("\n", r"\n").replace("\r", r"\r").replace("\t", r"\t")


def _blobs(values: Sequence[RawValue]) -> list[str]:
    return [rf"\\x{v.hex()}" if isinstance(v, bytes) else _NULL for v in values]


def _flags(values: Sequence[RawValue]) -> list[str]:
    return [_NULL if v is None else "t" if v else "f" for v in values]


def _moments(values: Sequence[RawValue], zone: tzinfo) -> list[str]:
    return [_moment(v, zone) if isinstance(v, str) else _NULL for v in values]


def _moment(text: str, zone: tzinfo) -> str:
    """Write the offset out: what a session's TimeZone says must not matter."""
    moment = datetime.fromisoformat(text)
    return str(moment if moment.tzinfo else moment.replace(tzinfo=zone))
