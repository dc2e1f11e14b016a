"""Defects of the app's variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.twins.twin import NotApplicable, RedTwin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def _in_file(
    written: Callable[[bytes, str], bytes],
) -> Callable[[pytest.FixtureRequest, Path | None], None]:
    """Write the copy of the file anew, with a defect in it."""

    def plant(request: pytest.FixtureRequest, file: Path | None) -> None:
        settings = request.getfixturevalue("deploy").settings.variables
        if file is None or settings is None:
            raise NotApplicable("the app has no variables that are switched")
        file.write_bytes(written(file.read_bytes(), next(iter(settings.switch))))

    return plant


def _public_secret(content: bytes, _name: str) -> bytes:
    return content + b"\nNEXT_PUBLIC_KEY=sb_secret_0123456789abcdef\n"


def _gone(content: bytes, name: str) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(name.encode() + b"="))


CONFIGURATION: tuple[RedTwin, ...] = (
    RedTwin(
        gate="configuration_is_complete",
        after="configuration_switched",
        plant=_in_file(_public_secret),
        defect="secret in a public variable",
    ),
    RedTwin(
        gate="configuration_is_complete",
        after="configuration_switched",
        plant=_in_file(_gone),
        defect="variable missing in the file of the env",
    ),
)
