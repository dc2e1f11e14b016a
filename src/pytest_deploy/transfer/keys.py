"""How a row is named: on both sides by its key, to people with all but integers in disguise."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.plan import PlannedTable


def key_of(table: PlannedTable) -> tuple[int, ...]:
    """
    Tell which columns name a row on both sides.

    Args:
        table: A table.

    Returns:
        Their positions; none where NULL may stand in them, and only the whole row tells.
    """
    if table.primary_key is None:
        return ()
    return tuple(table.columns.index(table.named(name)) for name in table.source.primary_key)


def shown_key(columns: Sequence[str], values: Sequence[RawValue]) -> str:
    """
    Name a row without showing what may be somebody's name, address or number.

    Args:
        columns: The columns of its identity.
        values: Their values.

    Returns:
        Such as `id=9`; a text or a real appears as the first digits of its SHA-256.
    """
    return ",".join(f"{c}={_shown(v)}" for c, v in zip(columns, values, strict=True))


def _shown(value: RawValue) -> str:
    if value is None or isinstance(value, int):
        return "NULL" if value is None else str(value)
    raw = value if isinstance(value, bytes) else str(value).encode(errors="surrogateescape")
    return "sha256:" + hashlib.sha256(raw).hexdigest()[:12]
