"""`[backup]` of `deploy.toml`: who can open what is kept of a target, how often, how fast."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from pytest_deploy.config.fields import FilePath, SecretReference, Section, Text

_RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}")


def _recipients(keys: tuple[str, ...]) -> tuple[str, ...]:
    if all(_RECIPIENT.fullmatch(key) for key in keys):
        return keys
    raise ValueError("public keys of age, which begin with age1: age-keygen makes a pair")


def _endpoint(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme in {"http", "https"} and parts.hostname and not (parts.username or parts.query):
        return address
    raise ValueError("an address that begins with https://, with no key in it")


Endpoint: TypeAlias = Annotated[Text, AfterValidator(_endpoint)]
Recipients: TypeAlias = Annotated[
    tuple[Text, ...], Field(strict=False, min_length=1), AfterValidator(_recipients)
]


class BucketSettings(Section):
    """
    `[backup.bucket]`: where backups are kept beyond this machine, by the protocol of S3.

    Args:
        name: Of the bucket, which is there already.
        prefix: What stands before the env's name in the name of each object.
        endpoint: The address of the service; None for Amazon's.
        region: Its region.
        access_key: The id of a key that may list, read, write and delete there, `env:NAME`.
        secret_key: The secret half of it.
    """

    name: Text
    prefix: str = ""
    endpoint: Endpoint | None = None
    region: Text = "us-east-1"
    access_key: SecretReference
    secret_key: SecretReference


class BackupSettings(Section):
    """
    `[backup]`: what stands on a target is kept, encrypted, and proven to come back.

    Args:
        recipients: Public keys of age; whoever has a private one of them can open it.
        identity: A private key of one of them, `env:NAME`, for drills of what is kept of an env; a
            rehearsal needs none.
        folder: Where backups of envs go, each into a folder of its name; None for `backups` in the
            evidence folder.
        bucket: `[backup.bucket]`; None where the folder is all there is.
        keep: How many of an env are kept.
        every_hours: How old the newest one may be, for the gates of `nightly`.
        rto_minutes: How long it may take until what was lost works again.
        rpo_hours: How much of what was written may be lost.
    """

    recipients: Recipients
    identity: SecretReference | None = None
    folder: FilePath | None = None
    bucket: BucketSettings | None = None
    keep: int = Field(14, ge=1)
    every_hours: float = Field(24.0, gt=0)
    rto_minutes: float = Field(30.0, gt=0)
    rpo_hours: float = Field(24.0, gt=0)
