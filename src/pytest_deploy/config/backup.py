"""`[backup]` of `deploy.toml`: who can open what is kept of a target before it is changed."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

from pytest_deploy.config.fields import Section, Text

_RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}")


def _recipients(keys: tuple[str, ...]) -> tuple[str, ...]:
    if all(_RECIPIENT.fullmatch(key) for key in keys):
        return keys
    raise ValueError("public keys of age, which begin with age1: age-keygen makes a pair")


Recipients: TypeAlias = Annotated[
    tuple[Text, ...], Field(strict=False, min_length=1), AfterValidator(_recipients)
]


class BackupSettings(Section):
    """
    `[backup]`: what stands on a target is kept, encrypted, before a release changes it.

    Args:
        recipients: Public keys of age; whoever has a private one of them can open it.
    """

    recipients: Recipients
