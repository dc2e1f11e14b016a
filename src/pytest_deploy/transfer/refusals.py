"""What Postgres says when it refuses, without the values that its messages quote."""

from __future__ import annotations

import shutil
import tempfile
from typing import TYPE_CHECKING

from pytest_deploy.errors import TransferError

if TYPE_CHECKING:
    import psycopg

_NO_ROOM_BYTES = 64 * 2**20  # four segments of WAL
_RESOURCES = "53"
_CONNECTION = ("08", "57P")
_LIMITS = "54"  # of a table: 1,600 columns; of a row: a page, but for what is stored beside it


def refusal(error: psycopg.Error) -> str:
    """
    Describe an error by its class and the objects it names.

    Args:
        error: What psycopg raised; its text may quote a row and is left out.

    Returns:
        Such as `UniqueViolation (SQLSTATE 23505), constraint usuarios_email_key`.
    """
    said = [f"{type(error).__name__} (SQLSTATE {error.sqlstate or 'none'})"]
    for what in ("table_name", "column_name", "constraint_name"):
        name = getattr(error.diag, what)
        if name:
            said.append(f"{what.removesuffix('_name')} {name}")
    return ", ".join(said)


def _temporary_folder_is_full() -> bool:
    """Tell whether an embedded server may have gone for want of room: it panics without a word."""
    return shutil.disk_usage(tempfile.gettempdir()).free < _NO_ROOM_BYTES


def transfer_error(subject: str, error: psycopg.Error) -> TransferError:
    """
    Turn an error of the driver into one that a person can act on.

    Args:
        subject: What was being done, and to which table.
        error: What psycopg raised.

    Returns:
        The error to raise in its place.
    """
    state = error.sqlstate or ""
    lost = state.startswith(_CONNECTION) or not state
    if type(error).__name__ == "DiskFull" or (lost and _temporary_folder_is_full()):
        remedy = "the disk is full: free space where the target keeps its data, then run again"
    elif state.startswith(_RESOURCES):
        remedy = "the target ran out of a resource; see its log, then run the same command again"
    elif state.startswith(_LIMITS):
        remedy = (
            "Postgres allows 1,600 columns, and 8,160 bytes of numbers and dates in a row: split"
            " the table in the source"
        )
    elif lost:
        remedy = "the connection was lost; check the target, then run the same command again"
    else:
        remedy = "this is a case the plan did not foresee; see runbooks/schema-findings.md"
    return TransferError(
        subject, problem=f"Postgres refused: {refusal(error)}", where="--postgres", remedy=remedy
    )
