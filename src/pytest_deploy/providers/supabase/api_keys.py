"""What kind of key a key is: those of today name it, those of before are signed tokens."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_deploy.secrets import Secret

_PARTS = 3  # of a JSON web token


class Kind(StrEnum):
    """Kinds of keys of a Supabase project, as its dashboard calls them."""

    PUBLISHABLE = "a publishable key"
    SECRET = "a secret key"  # noqa: S105 - it says which kind a key is
    ANON = "the legacy anon key"
    SERVICE_ROLE = "the legacy service_role key"
    UNKNOWN = "no key of Supabase"


PUBLIC = frozenset({Kind.PUBLISHABLE, Kind.ANON})
PRIVATE = frozenset({Kind.SECRET, Kind.SERVICE_ROLE})
_PREFIXES = {"sb_publishable_": Kind.PUBLISHABLE, "sb_secret_": Kind.SECRET}
_ROLES = {"anon": Kind.ANON, "service_role": Kind.SERVICE_ROLE}


@dataclass(frozen=True)
class KeyFacts:
    """
    What a key says of itself; the key is not kept.

    Args:
        kind: Its kind.
        ref: The project that a legacy key is of; empty where it does not say.
        is_expired: Whether a legacy key has ended.
    """

    kind: Kind
    ref: str = ""
    is_expired: bool = False


def facts_of(key: Secret) -> KeyFacts:
    """
    Read what a key says of itself; nobody is asked whether it is so.

    Args:
        key: The key.

    Returns:
        Its kind, and what a legacy key tells besides.

    Source: https://supabase.com/docs/guides/api/api-keys
    """
    text = key.reveal()
    for prefix, kind in _PREFIXES.items():
        if text.startswith(prefix):
            return KeyFacts(kind)
    claims = _claims(text)
    ends, ref = claims.get("exp"), claims.get("ref")
    return KeyFacts(
        kind=_ROLES.get(str(claims.get("role")), Kind.UNKNOWN),
        ref=ref if isinstance(ref, str) else "",
        is_expired=isinstance(ends, int | float) and ends < time.time(),
    )


def _claims(token: str) -> dict[str, object]:
    parts = token.split(".")
    if len(parts) != _PARTS:
        return {}
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        found = json.loads(base64.urlsafe_b64decode(padded))
    except ValueError:  # of base64, of UTF-8, of JSON
        return {}
    return found if isinstance(found, dict) else {}
