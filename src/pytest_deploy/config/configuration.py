"""`[configuration]` of `deploy.toml`: which variables of the app a release sets."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

from pytest_deploy.config.fields import FilePath, Section, Text

PUBLIC_PREFIXES = ("NEXT_PUBLIC_", "NUXT_PUBLIC_", "PUBLIC_", "REACT_APP_", "VITE_")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_SECRET_NAME = re.compile(r"SECRET|PASSWORD|PASSWD|TOKEN|PRIVATE|SERVICE_ROLE|CREDENTIAL")


def _switch(wanted: dict[str, str]) -> dict[str, str]:
    if not all(_NAME.fullmatch(name) for name in wanted):
        raise ValueError("names of letters, digits, dots and underscores")
    if any(_SECRET_NAME.search(name.upper()) for name in wanted):
        # Former and new values are written down in the target for the way back.
        raise ValueError("names of variables that hold no secret: a release writes none to disk")
    return wanted


Switch: TypeAlias = Annotated[dict[str, Text], AfterValidator(_switch)]


class ConfigurationSettings(Section):
    """
    `[configuration]`: the app's environment file, and what a release changes in it.

    Args:
        source: The file that the app reads now; None where it is not compared.
        target: The file that the app reads on the env; relative to `deploy.toml`.
        public_prefixes: What the names of variables begin with that browsers get to see.
        switch: Values that the release sets, by name; none of them a secret.
    """

    target: FilePath
    source: FilePath | None = None
    public_prefixes: Annotated[tuple[Text, ...], Field(strict=False)] = PUBLIC_PREFIXES
    switch: Annotated[Switch, Field(min_length=1)]
