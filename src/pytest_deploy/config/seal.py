"""`[seal]` of `deploy.toml`: whose rehearsals count, and for how long."""

from __future__ import annotations

import base64
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

from pytest_deploy.config.fields import Section

_KEY_BYTES = 32


def _key(text: str) -> str:
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:  # binascii's error is one
        raw = b""
    if len(raw) != _KEY_BYTES:
        raise ValueError(f"a public key as `seal key` prints it: {_KEY_BYTES} bytes in base64")
    return text


PublicKey: TypeAlias = Annotated[str, AfterValidator(_key)]


class SealSettings(Section):
    """
    `[seal]`.

    Args:
        trusted_keys: Ed25519 public keys, in base64, whose seals count for any env.
        oldest_hours: How old a rehearsal may be when it is deployed.
        largest_growth: How many times as many rows, or as few, a table may have by then.
        spare_rows: Rows more or less that never matter.
    """

    trusted_keys: Annotated[tuple[PublicKey, ...], Field(strict=False)] = ()
    oldest_hours: Annotated[float, Field(gt=0, le=24 * 365)] = 24.0
    largest_growth: Annotated[float, Field(ge=1, le=1000)] = 2.0
    spare_rows: Annotated[int, Field(ge=0)] = 1_000
