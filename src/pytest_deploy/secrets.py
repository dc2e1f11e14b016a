"""Values that must never be shown: a type that prints `***` wherever it ends up."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_deploy.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

SEAL_KEY = "PYTEST_DEPLOY_SEAL_KEY"  # the variable with the key that seals
_MASK = "***"
_URL_PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):([^@\s]*)@")
_QUERY_PASSWORD = re.compile(r"(?i)\b(password|sslpassword|token|key)=[^&\s]+")


@dataclass(frozen=True, repr=False)
class Secret:
    """
    A string that shows itself only when asked by `reveal()`.

    Args:
        value: The secret itself.
    """

    value: str

    def __repr__(self) -> str:
        return _MASK

    __str__ = __repr__

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:  # noqa: ANN401 - IPython's
        """Show itself to printers that look into dataclasses, as those of IPython do."""
        printer.text(_MASK)

    def __format__(self, spec: str) -> str:
        return format(_MASK, spec)

    def reveal(self) -> str:
        """
        Hand out the secret, for the one call that needs it.

        Returns:
            The value in clear.
        """
        return self.value


def redact_url(url: str) -> str:
    """
    Hide what is secret in a connection URL, keep what a person needs to recognise it.

    Args:
        url: A URL, perhaps with a password in its authority or its query.

    Returns:
        The same URL with `***` for every password.
    """
    return _QUERY_PASSWORD.sub(r"\1=***", _URL_PASSWORD.sub(rf"\1:{_MASK}@", url))


def resolve(text: str, *, where: str, environ: Mapping[str, str] | None = None) -> Secret:
    """
    Turn `env:NAME` into the secret it names; any other text is the secret itself.

    Args:
        text: `env:NAME`, or a literal.
        where: Where the text stands, for the error.
        environ: The environment; the process's own unless given.

    Returns:
        The secret.

    Raises:
        ConfigError: The variable is not set, or empty.
    """
    if not text.startswith("env:"):
        return Secret(text)
    name = text.removeprefix("env:")
    value = (os.environ if environ is None else environ).get(name)
    if not value:
        raise ConfigError(
            f"environment variable {name!r}",
            problem="expected a value, seen none",
            where=where,
            remedy=f"export {name}=... in this shell, or store it as a secret of the CI job",
        )
    return Secret(value)
