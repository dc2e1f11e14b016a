"""Does a value look like a secret; told without the value."""

from __future__ import annotations

import base64
import binascii
import json
import re

_SECRET = re.compile(
    r"sb_secret_|-----BEGIN [A-Z ]*PRIVATE KEY|[a-z][a-z0-9+.-]*://[^/@\s:]*:[^/@\s]+@"
    r"|AGE-SECRET-KEY-|\bgh[pousr]_\w{20}|\bsk_live_"
)
_TOKEN = re.compile(r"eyJ[\w-]*\.(eyJ[\w-]*)\.[\w-]*")
_HARMLESS_ROLE = "anon"


def looks_secret(value: str) -> bool:
    """
    Recognise keys, tokens and URLs with a password.

    Args:
        value: What a variable is set to.

    Returns:
        Whether it looks like something that only a server may know. A random password alone does
        not look like anything.
    """
    return bool(_SECRET.search(value)) or any(
        _role(token) != _HARMLESS_ROLE for token in _TOKEN.findall(value)
    )


def _role(payload: str) -> object:
    """Read the role that a token of the API states; None where it states none."""
    try:
        told = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, ValueError):
        return None
    return told.get("role") if isinstance(told, dict) else None
