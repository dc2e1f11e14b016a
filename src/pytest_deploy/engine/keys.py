"""The keys that seals are signed with: Ed25519, as base64 of their 32 bytes."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

from pytest_deploy.errors import ConfigError
from pytest_deploy.secrets import SEAL_KEY, Secret

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

VARIABLE = SEAL_KEY
_KEY_BYTES = 32


def new_key() -> Secret:
    """
    Make a key.

    Returns:
        The private half.

    Source: https://www.rfc-editor.org/rfc/rfc8032
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Secret(base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode())


def public_half(key: Secret) -> str:
    """
    Tell the half that others may know.

    Args:
        key: The private half.

    Returns:
        What `trusted_keys` lists.

    Raises:
        ConfigError: It is no key.
    """
    return base64.b64encode(_private(key).public_key().public_bytes_raw()).decode()


def sign(key: Secret, message: bytes) -> str:
    """
    Sign.

    Args:
        key: The private half.
        message: What is signed.

    Returns:
        The signature, in base64.

    Raises:
        ConfigError: It is no key.
    """
    return base64.b64encode(_private(key).sign(message)).decode()


def is_signed(public: str, signature: str, message: bytes) -> bool:
    """
    Check a signature.

    Args:
        public: The public half of the key that is said to have signed.
        signature: In base64.
        message: What is said to be signed.

    Returns:
        Whether it holds; no where one of them cannot be read.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        key.verify(base64.b64decode(signature, validate=True), message)
    except (InvalidSignature, ValueError):  # binascii's error is a ValueError
        return False
    return True


def write_key(path: Path, key: Secret) -> None:
    """
    Write a key where only its owner can read it.

    Args:
        path: A file that is not there yet.
        key: The private half.

    Raises:
        FileExistsError: It is there.
        OSError: It cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{key.reveal()}\n")


def _private(key: Secret) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        raw = base64.b64decode(key.reveal(), validate=True)
    except ValueError:  # binascii's error is one, and so is what is said of other letters
        raw = b""
    if len(raw) != _KEY_BYTES:
        raise ConfigError(
            "the key that seals",
            problem=f"expected {_KEY_BYTES} bytes in base64, seen something else",
            where=f"the variable {VARIABLE}",
            remedy="make one: python -m pytest_deploy seal key",
        )
    return Ed25519PrivateKey.from_private_bytes(raw)
